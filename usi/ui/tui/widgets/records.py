"""The inspector's list: each record and message as it passes, a line each, with all its values when it is opened."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len, set_cell_size
from textual.content import Content
from textual.widget import Widget

from usi.core import events as ev
from usi.core.language import tr
from usi.ui.tui import inspection as model
from usi.ui.tui.inspection import ARROWS, short, value_of
from usi.ui.tui.texts import inline
from usi.ui.tui.widgets.unfolding import Fold, Row, Unfolding, written

_INDENT = 4


@dataclass(frozen=True)
class _Columns:
    """Which columns there is room for."""

    link: bool
    nonce: bool
    tag: bool

    @classmethod
    def of(cls, width: int) -> _Columns:
        return cls(link=width >= 84, nonce=width >= 66, tag=width >= 46)

    def join(self, sign: str, number: str, length: str, nonce: str, tag: str, link: str) -> str:
        """The columns before the last one."""
        cells = [f"{sign} {number:>6} {length:>7}"]
        if self.nonce:
            cells.append(set_cell_size(nonce, 9))
        if self.tag:
            cells.append(set_cell_size(tag, 9))
        if self.link:
            cells.append(set_cell_size(link, 10))
        return "  ".join(cells) + "  "


class RecordLine(Fold):
    """A record or message: a line, and all its values when it is opened."""

    def __init__(self, event: ev.TraceEvent) -> None:
        super().__init__(model.weight(event))
        self.event = event

    def head(self, width: int) -> list[Row]:
        event = self.event
        sign = f"{'▾' if self.open else '▸'} {ARROWS.get(event.direction, '?')}"
        columns = _Columns.of(width)
        relayed = event.step == "relay"
        content = "plaintext" in event.detail or relayed
        number = tr("text") if content else value_of(event, "number") or inline(event.step)[:6]
        tag = value_of(event, "key_id" if content else "tag")
        link = inline(event.link).removesuffix("content")
        length = value_of(event, "length")
        before = columns.join(
            sign,
            number,
            length,
            short(value_of(event, "nonce")),
            short(tag),
            link if len(link) <= 10 else f"{link[:9]}…",
        )
        room = max(1, width - cell_len(before))
        way = "in" if event.direction == "in" else "out"
        if not content:
            said = value_of(event, "messages") or "  ".join(f"{inline(k)}={value_of(event, k)}" for k in event.detail)
            return [Row(((way, before[:3]), ("quiet", before[3:]), ("text", _fitted(said, room))), start=2)]
        text, digits = value_of(event, "plaintext"), value_of(event, "ciphertext")
        if relayed:  # sealed for others: who sends what kind of thing to whom is all that there is to read
            text = f"{value_of(event, 'message')}: {value_of(event, 'sender')} → {value_of(event, 'readers')}"
        if room < 20:
            return [Row(((way, before[:3]), ("quiet", before[3:]), ("value", _fitted(text, room))), start=2)]
        half = (room - 3) // 2
        return [
            Row(
                (
                    (way, before[:3]),
                    ("quiet", before[3:]),
                    ("value", set_cell_size(_fitted(text, half), half)),
                    ("lane", " │ "),
                    ("cipher", _fitted(digits, room - half - 3)),
                ),
                start=2,
            )
        ]

    def body(self, width: int) -> list[Row]:
        room = width - _INDENT
        lines = written(model.sheet(self.event, whole=self.whole), room)
        rows = [Row((("text", " " * _INDENT), (line.role, line.text)), start=_INDENT, glue=line.glue) for line in lines]
        return [*rows[1:], Row((("text", ""),))]


def _fitted(text: str, width: int) -> str:
    """The beginning of a text in at most this many cells."""
    text = text[: width + 1]  # no character is narrower than a cell but marks: enough, and cheap for long texts
    return text if cell_len(text) <= width else f"{set_cell_size(text, max(0, width - 1)).rstrip()}…"


class RecordList(Unfolding[RecordLine]):
    """Records and messages, newest at the end."""

    MOST_BLOCKS = model.MOST_RECORDS
    MOST_CHARACTERS = model.MOST_CHARACTERS

    def show_only(self, blocks: Sequence[RecordLine]) -> None:  # type: ignore[override]
        self.point_at(None)
        super().show_only(blocks)

    def _drop_old(self) -> None:
        super()._drop_old()
        if self._cursor is not None and not self._blocks:
            self._cursor = None


class Columns(Widget):
    """The names of the columns."""

    ALLOW_SELECT = False
    DEFAULT_CSS = "Columns { height: 1; padding: 0 2 0 1; color: $foreground-muted; text-style: underline; }"

    def render(self) -> Content:
        width = self.content_size.width
        columns = _Columns.of(width)
        line = columns.join("   ", tr("no."), tr("bytes"), tr("nonce"), tr("tag/key"), tr("link"))
        return Content(_fitted(line + tr("messages, or plaintext │ ciphertext"), width))
