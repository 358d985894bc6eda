"""The small list above the input: the ways to go on from what is written."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from textual.content import Content
from textual.message import Message

from usi.ui.tui.completion import Candidate
from usi.ui.tui.texts import inline
from usi.ui.tui.widgets.lines import Choices, Line

_ROWS = 6


@dataclass(frozen=True)
class Way:
    """A row of the list."""

    candidate: Candidate

    @property
    def size(self) -> int:
        return len(self.candidate.text)

    def height(self, width: int) -> int:
        return 1


class Suggestions(Choices[Way], can_focus=False):
    """It is led by the keys of the input, which keeps the focus."""

    COMPONENT_CLASSES = {"suggestions--note"}
    CURSOR_WITHOUT_FOCUS = True
    DEFAULT_CSS = """
    Suggestions { display: none; height: auto; }
    """

    @dataclass
    class Picked(Message):
        """One of them was clicked on."""

        candidate: Candidate

    def lay_out(self, block: Way, width: int) -> list[Line]:
        text = Content(inline(block.candidate.text)).truncate(max(1, width), ellipsis=True)
        note = inline(block.candidate.note)
        if not note or width - text.cell_length < 8:
            return [Line(text)]
        look = self.get_visual_style("suggestions--note", partial=True)
        behind = Content.styled(note, look).truncate(width - text.cell_length - 2, ellipsis=True)
        return [Line(Content.assemble(text, "  ", behind))]

    def chosen(self, block: Way) -> None:
        self.post_message(self.Picked(block.candidate))

    @property
    def candidate(self) -> Candidate | None:
        return self.current.candidate if self.current is not None and self.display else None

    def offer(self, candidates: Iterable[Candidate]) -> None:
        """Show these; none closes the list."""
        ways = [Way(candidate) for candidate in candidates]
        self.styles.height = max(1, min(len(ways), _ROWS if self.app.size.height >= 18 else 3))
        self.display = bool(ways)
        self._cursor = 0
        self.show_only(ways)
        self._go(0)
