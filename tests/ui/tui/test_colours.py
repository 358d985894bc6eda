"""A member's own colour."""

import pytest
from textual.color import Color

from usi.ui.tui.colours import colour_of


@pytest.mark.parametrize(("dark", "ground"), [(True, "#121212"), (False, "#e0e0e0")])
def test_readable_on_its_ground(dark: bool, ground: str) -> None:
    for number in range(64):
        colour = colour_of(f"{number:08x}" + "00" * 28, dark)
        contrast = Color.parse(ground).brightness - colour.brightness
        assert abs(contrast) > 0.3


def test_the_same_key_has_the_same_colour_and_many_are_told_apart() -> None:
    assert colour_of("ab" * 32, True) == colour_of("ab" * 32, True)
    assert len({colour_of(f"{number:08x}", True).hex for number in range(64)}) >= 10


def test_no_id_is_no_reason_to_fail() -> None:
    assert colour_of("", True)
