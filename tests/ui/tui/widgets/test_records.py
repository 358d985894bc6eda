"""The lines of the inspector's list, in every width. In the inspector: test_inspector.py."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from rich.cells import cell_len

from usi.core import events as ev
from usi.ui.tui.widgets.records import RecordLine


def line(event: ev.TraceEvent, width: int) -> str:
    (row,) = RecordLine(event).head(width)
    return "".join(text for _, text in row.pieces)


def record(cast: SimpleNamespace, **detail: object) -> ev.TraceEvent:
    known = {"number": 7, "nonce": "0f" * 15, "length": 657, "tag": "ab" * 16, "messages": "join " * 40}
    return ev.TraceEvent(time=cast.NOW, step="record", direction="in", detail=known | detail, link="host:1")


@pytest.mark.parametrize("width", [20, 45, 46, 65, 66, 83, 84, 198])
def test_a_line_fits_and_shows_the_columns_that_there_is_room_for(cast: SimpleNamespace, width: int) -> None:
    shown = line(record(cast), width)
    assert cell_len(shown) <= max(width, 21)
    assert ("abab…abab" in shown) == (width >= 46)
    assert ("0f0f…0f0f" in shown) == (width >= 66)
    assert ("host:1" in shown) == (width >= 84)


@pytest.mark.parametrize("width", [20, 60, 120])
def test_hostile_values_stay_on_their_line(cast: SimpleNamespace, hostile: str, width: int) -> None:
    shown = line(record(cast, messages=hostile, tag=hostile), width)
    assert "\n" not in shown
    assert "\x1b" not in shown


def test_opened_it_shows_every_value(cast: SimpleNamespace) -> None:
    rows = RecordLine(record(cast)).body(100)
    said = "\n".join("".join(text for _, text in row.pieces) for row in rows)
    for value in ("657", "0f0f", "abab", "join"):
        assert value in said
