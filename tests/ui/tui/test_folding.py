"""Which panels a key shows or folds away, in terminals of every shape."""

from __future__ import annotations

import pytest

from usi.ui.tui.folding import PANELS, toggled

WIDE, MEDIUM, NARROW = "-wide -tall", "-medium -high", "-narrow -low"


@pytest.mark.parametrize(
    ("shape", "panel", "once", "twice"),
    [
        (WIDE, "side", "-hide-side", ""),
        (WIDE, "rooms", "-hide-rooms", ""),
        (WIDE, "activity", "-hide-activity", ""),
        (MEDIUM, "side", "-hide-side", ""),
        (MEDIUM, "rooms", "-show-rooms", ""),  # there it is folded away by itself
        (MEDIUM, "activity", "-show-activity", ""),
        (MEDIUM, "tracing", "-hide-tracing", ""),
        (NARROW, "side", "-instead-side", ""),
        (NARROW, "tracing", "-instead-tracing", ""),
    ],
)
def test_a_key_pressed_once_and_twice(shape: str, panel: str, once: str, twice: str) -> None:
    now = toggled(panel, shape.split())
    assert now == {*shape.split(), *once.split()}
    assert toggled(panel, now) == {*shape.split(), *twice.split()}


def test_where_room_is_short_one_stands_in_place_of_another() -> None:
    now = set(NARROW.split())
    for panel in PANELS:
        now = toggled(panel, now)
        assert now == {*NARROW.split(), f"-instead-{panel}"}


def test_members_come_back_in_place_of_the_conversations() -> None:
    now = toggled("rooms", toggled("side", MEDIUM.split()))
    assert now == {*MEDIUM.split(), "-hide-side", "-show-rooms"}
    assert toggled("side", now) == set(MEDIUM.split())


def test_what_is_wanted_holds_in_a_terminal_of_another_size() -> None:
    hidden = toggled("side", WIDE.split()) - set(WIDE.split())
    in_place = toggled("side", {*NARROW.split(), *hidden})
    assert in_place == {*NARROW.split(), "-hide-side", "-instead-side"}
