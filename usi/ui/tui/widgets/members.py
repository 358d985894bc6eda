"""Who is here, and what proves it."""

from __future__ import annotations

from dataclasses import dataclass

from rich.cells import cell_len
from textual.content import Content
from textual.style import Style
from textual.widgets import Static

from usi.core import events as ev
from usi.ui.tui.colours import colour_of
from usi.ui.tui.entries import fingerprint_lines, inline
from usi.ui.tui.widgets.lines import Line, Lines


@dataclass(frozen=True, eq=False)
class Seat:
    """A row of the list."""

    member: ev.Member

    def height(self, width: int) -> int:
        return 1


class Members(Lines[Seat]):
    """One member a line: ♦ the host, ● a member; ✔ verified."""

    COMPONENT_CLASSES = {"members--quiet", "members--good"}
    FOLLOWS = False
    HELP = """\
## Members

♦ is the host, ● a member, ✔ one whose fingerprint was compared. Colours only help to tell names apart.
"""

    def lay_out(self, block: Seat, width: int) -> list[Line]:
        member = block.member
        quiet = self.get_visual_style("members--quiet", partial=True)
        colour = Style(foreground=colour_of(member.member, self.app.current_theme.dark))
        name = inline(member.name)
        notes = [note for note, is_so in (("you", member.me), ("✔", member.verified)) if is_so]
        note = " ".join(notes)
        room = width - 2 - (cell_len(note) + 1 if note else 0)
        label = Content.styled(name, colour).truncate(max(1, room), ellipsis=True)
        content = Content.assemble(("♦ " if member.host else "● ", colour), label)
        if note:
            gap = max(1, width - content.cell_length - cell_len(note))
            content = Content.assemble(content, " " * gap, (note, quiet))
        return [Line(content, start=2, end=2 + len(label))]

    def seat(self, members: list[ev.Member]) -> None:
        """Show these members, in this order."""
        self.show_only(Seat(member) for member in members)


class LinkCard(Static):
    """What to compare: the words and the fingerprint of a guest's link."""

    COMPONENT_CLASSES = {"card--title", "card--strong"}

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(markup=False, id=id)

    def show_link(self, link: ev.Connected) -> None:
        title = self.get_visual_style("card--title", partial=True)
        strong = self.get_visual_style("card--strong", partial=True)
        words = "\n".join(" ".join(link.words[at : at + 2]) for at in range(0, len(link.words), 2))
        self.update(
            Content.assemble(
                ("Compare with the host", title),
                "\n",
                (words, strong),
                "\n",
                ("\n".join(fingerprint_lines(link.fingerprint)), Style.null()),
            )
        )
