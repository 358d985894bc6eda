"""What --dev shows: one line for each step of a key exchange, each record and each message."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from textual.content import Content

from usi.core import events as ev
from usi.ui.tui.entries import inline
from usi.ui.tui.widgets.lines import Line, Lines
from usi.ui.tui.wrapping import wrap

_LONGEST = 24  # characters of a value; the inspector to come shows them whole
_ARROWS = {"in": "←", "out": "→", "here": "·"}


def one_line(event: ev.TraceEvent) -> str:
    """A trace event as one line of text."""
    details = "  ".join(f"{inline(name)}={_short(inline(str(value)))}" for name, value in event.detail.items())
    return f"{_ARROWS.get(event.direction, '?')} {inline(event.step)}  {details}".rstrip()


def _short(value: str) -> str:
    return value if len(value) <= _LONGEST else f"{value[: _LONGEST - 7]}…{value[-6:]}"


@dataclass(frozen=True, eq=False, slots=True)
class Record:
    text: str

    @property
    def size(self) -> int:
        return len(self.text)

    def height(self, width: int) -> int:
        return len(wrap(self.text, width, width - 2))


class Tracing(Lines[Record]):
    """Trace events as they happen."""

    COMPONENT_CLASSES = {"tracing--step", "tracing--detail"}
    BORDER_TITLE = "Inspector"

    def lay_out(self, block: Record, width: int) -> list[Line]:
        lines: list[Line] = []
        quiet = self.get_visual_style("tracing--detail", partial=True)
        ended = 0
        for start, end in wrap(block.text, width, width - 2):
            body = Content.styled(block.text[start:end], quiet)
            if lines:
                lines.append(Line(Content("  ") + body, start=2, glue=block.text[ended:start]))
            else:
                step = self.get_visual_style("tracing--step", partial=True)
                lines.append(Line(body.stylize(step, 0, block.text.find("  ") % (len(body) + 1))))
            ended = end
        return lines

    def note(self, events: Iterable[ev.TraceEvent]) -> None:
        """Add these records."""
        self.append(Record(one_line(event)) for event in events)
