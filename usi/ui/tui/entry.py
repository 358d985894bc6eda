"""One thing that stands in a transcript, and how it is broken into lines there. Pure data."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Literal, NamedTuple

from rich.cells import cell_len

from usi.core import events as ev
from usi.core.language import tr
from usi.ui.tui.spans import Span, spans_of
from usi.ui.tui.texts import inline, shown
from usi.ui.tui.wrapping import wrap

Kind = Literal["said", "done", "notice", "failure", "rule"]
State = Literal["", "sending", "delivered", "failed"]
Role = Literal["text", "quiet", "strong", "good", "alarm", "retry"]

_CLOCK = 7  # cells of the time and the gap behind it
_SECONDS = 3  # cells of them behind the time
_MARK = 2  # cells at the right edge for the state of an own message
_GAP = 2  # cells between a name and the text
_COLUMN = re.compile(r"(?:\S.*? {2,}| +)(?=\S)")


@dataclass(frozen=True, slots=True)
class Columns:
    """Where things stand in a transcript of a certain width."""

    width: int
    name: int
    """Cells that names are padded to; 0 where the text follows the name directly."""

    @classmethod
    def of(cls, width: int) -> Columns:
        return cls(width, 14 if width >= 84 else 10 if width >= 60 else 8 if width >= 48 else 0)

    @property
    def room(self) -> int:
        """Cells up to the marks."""
        return max(1, self.width - _MARK)


class Row(NamedTuple):
    """A line of an entry, broken so that it fits."""

    role: Role
    text: str
    indent: int
    """Cells before it; on the first line of an entry, time and name stand there."""
    glue: str | None
    """What stood where the text was broken; None where its author began a line."""
    spans: tuple[Span, ...] = ()
    """Links and code in it."""


@dataclass(slots=True, eq=False)
class Entry:
    """One entry. `rows` are texts, each with the role that decides how it looks; each may have several lines."""

    kind: Kind
    time: datetime
    rows: Sequence[tuple[Role, str]]
    name: str = ""
    member: str = ""
    mine: bool = False
    state: State = ""
    day: date | None = None
    """The day on which it belongs: that of `time`, unless somebody's clock may be wrong."""
    exact: bool = False
    """The time is shown to the second."""
    unsent: str = ""
    """What was not delivered, while it may be tried again."""
    old: bool = False
    """It was said before one came, so it is not new."""
    _spans: list[tuple[Span, ...]] | None = field(default=None, repr=False)
    """Links and code in each of `rows`, once somebody wanted to know."""

    def __post_init__(self) -> None:
        # The gate of the transcript: whatever comes from others is made harmless here, wherever it came in.
        self.name = inline(self.name)
        self.day = self.day or self.time.astimezone().date()
        self.rows = [(role, shown(value)) for role, value in self.rows]

    @property
    def size(self) -> int:
        return sum(len(value) for _, value in self.rows)

    @property
    def links(self) -> list[str]:
        """The addresses in it that can be opened."""
        return [span.url for row in self._found() for span in row if span.url]

    def _found(self) -> list[tuple[Span, ...]]:
        """Links and code in each row; only people's texts have some."""
        if self._spans is None or len(self._spans) != len(self.rows):
            people = self.kind in ("said", "done")
            self._spans = [spans_of(value) if people and role == "text" else () for role, value in self.rows]
        return self._spans

    def deliver(self) -> None:
        """The host has it."""
        self.state = "delivered"

    def fail(self, event: ev.Failed) -> None:
        """It did not arrive, and this is why."""
        self.state = "failed"
        self.unsent = event.message
        rows: list[tuple[Role, str]] = [("alarm", f"✗ {tr('not delivered: {reason}', reason=shown(event.text))}")]
        if event.message:
            rows.append(("retry", f"↻ {tr('send it again')}"))
        self.rows = [*self.rows, *rows]

    def height(self, width: int) -> int:
        """How many lines it takes in a transcript of this width."""
        if self.kind == "rule":
            return 1
        if len(self.rows) == 1:
            value = self.rows[0][1]
            columns = Columns.of(width)
            # No character is wider than two cells.
            if 2 * len(value) <= columns.room - self._starts(columns)[0] and "\n" not in value:
                return 1
        return sum(1 for _ in self.broken(width))

    def broken(self, width: int) -> Iterator[Row]:
        """Its lines in a transcript of this width."""
        columns = Columns.of(width)
        indent, rest = self._starts(columns)
        for (role, value), spans in zip(self.rows, self._found(), strict=True):
            at = 0
            for line in value.split("\n"):
                hang = rest + self._hang(line, columns.room - rest)
                glue: str | None = None
                ended = 0
                for start, end in wrap(line, columns.room - indent, columns.room - hang):
                    if glue is not None:
                        glue = line[ended:start]
                    within = tuple(s for span in spans if (s := span.within(at + start, at + end)) is not None)
                    yield Row(role, line[start:end], indent, glue, within)
                    indent, ended, glue = hang, end, ""
                indent = rest
                at += len(line) + 1

    def _starts(self, columns: Columns) -> tuple[int, int]:
        """On which cell the first line of the text begins, and on which the others do."""
        if self.kind in ("notice", "failure", "rule"):
            clock = _CLOCK + (_SECONDS if self.exact else 0)
            return clock, clock
        rest = _CLOCK + (columns.name + _GAP if columns.name else 0)
        if self.kind == "done":
            return (rest, rest) if columns.name else (rest + 2, rest + 2)
        first = _CLOCK + max(cell_len(self.name), columns.name) + _GAP
        return first, rest

    def _hang(self, line: str, room: int) -> int:
        """How far our own lines are indented where they go on: a table goes on in its last column."""
        if self.kind != "notice":
            return 0
        found = _COLUMN.match(line)
        return found.end() if found and found.end() <= room // 2 else 0


def notice(event: ev.Event, said: str) -> Entry:
    return Entry("notice", event.time, [("quiet", said)])


def rule(time: datetime, said: str, role: Role = "quiet") -> Entry:
    """A line across the transcript with a word in it."""
    return Entry("rule", time, [(role, said)])


def day_line(entry: Entry) -> Entry:
    """The line above the first entry of another day."""
    day = entry.day or entry.time.date()
    names = (
        tr("Monday"), tr("Tuesday"), tr("Wednesday"), tr("Thursday"), tr("Friday"), tr("Saturday"), tr("Sunday"),
    )  # fmt: skip
    made = rule(entry.time, f"{names[day.weekday()]} {day:%Y-%m-%d}")
    made.day = day
    return made
