"""Who is here, and what proves it."""

from __future__ import annotations

from dataclasses import dataclass

from rich.cells import cell_len
from textual.content import Content
from textual.message import Message
from textual.style import Style
from textual.widgets import Static

from usi.core import events as ev
from usi.core.language import tr
from usi.ui.i18n import mark
from usi.ui.tui.colours import colour_of
from usi.ui.tui.texts import fingerprint_lines, inline
from usi.ui.tui.widgets.lines import Choices, Line


@dataclass(frozen=True, eq=False)
class Seat:
    """A row of the list."""

    member: ev.Member

    @property
    def size(self) -> int:
        return len(self.member.name)

    def height(self, width: int) -> int:
        return 1


class Members(Choices[Seat]):
    """One member a line: ♦ the host, ● a member, ○ one who is away; ✔ verified."""

    COMPONENT_CLASSES = {"members--quiet", "members--good"}
    HELP = mark("""\
## Members

♦ is the host, ● a member, ○ one who is away, ✔ one whose fingerprint was compared. Colours only help to tell names
apart.

Up and Down choose a member; Enter or a click opens what can be done.
""")

    @dataclass
    class Opened(Message):
        """Somebody wants to know what can be done with a member."""

        member: ev.Member

    def lay_out(self, block: Seat, width: int) -> list[Line]:
        member = block.member
        colour = Style(foreground=colour_of(member.member, self.app.current_theme.dark))
        notes: list[tuple[str, Style]] = []
        if member.me:
            notes.append((f" {tr('you')}", self.get_visual_style("members--quiet", partial=True)))
        if member.away:
            notes.append((f" ({tr('away')})", self.get_visual_style("members--quiet", partial=True)))
        if member.verified:
            notes.append((" ✔", self.get_visual_style("members--good", partial=True)))
        room = width - 2 - sum(cell_len(note) for note, _ in notes)
        label = Content.styled(inline(member.name), colour).truncate(max(1, room), ellipsis=True)
        sign = "♦ " if member.host else "○ " if member.away else "● "
        content = Content.assemble((sign, colour), label, *notes)
        return [Line(content, start=2, end=2 + len(label))]

    def key(self, block: Seat) -> object:
        return block.member.member

    def chosen(self, block: Seat) -> None:
        self.post_message(self.Opened(block.member))

    def seat(self, members: list[ev.Member]) -> None:
        """Show these members, in this order."""
        self.show_only(Seat(member) for member in members)


class Card(Static):
    """What is to be compared or handed out: words and fingerprint of a guest's link, or a host's key."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(markup=False, id=id)

    def show_link(self, link: ev.Connected) -> None:
        """What a guest compares with the host."""
        self._fill(tr("Compare with host"), _two_by_two(link.words), link.fingerprint)

    def show_partner(self, member: ev.Member) -> None:
        """What is compared with the other one of a private conversation, or how to see it."""
        title = tr("Compare with {name}", name=inline(member.name))
        if member.words is None:
            self._fill(title, tr("F2 shows what"), None)
        else:
            self._fill(title, _two_by_two(member.words), member.fingerprint)

    def show_host(self, listening: ev.Listening) -> None:
        """What a host tells those who want to join."""
        if listening.preset_key is not None:
            self._fill(tr("Preset key"), listening.preset_key, listening.preset_fingerprint)
        elif listening.preset_fingerprint is not None:
            self._fill(tr("Preset key"), "", listening.preset_fingerprint)
        else:
            self._fill(tr("This host's key"), "", listening.key_fingerprint)

    def _fill(self, title: str, strong: str, fingerprint: str | None) -> None:
        parts = [Content.styled(title, "$foreground-muted")]
        if strong:
            parts.append(Content.styled(strong, "bold"))
        if fingerprint is not None:
            parts.append(Content("\n".join(fingerprint_lines(fingerprint))))
        self.update(Content("\n").join(parts))


def _two_by_two(words: list[str]) -> str:
    return "\n".join(" ".join(words[at : at + 2]) for at in range(0, len(words), 2))
