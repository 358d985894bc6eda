"""Texts of others as a terminal shows them. With every kind of event: test_entries.py."""

import re

import pytest

from usi.ui.tui.texts import fingerprint_lines, inline, shown


def test_fingerprints_are_complete() -> None:
    lines = fingerprint_lines("0123456789abcdef" * 4)
    assert len(lines) == 4
    assert re.sub(r"\s", "", "".join(lines)) == "0123456789abcdef" * 4


@pytest.mark.parametrize(
    ("said", "lines", "line"),
    [
        ("one\ntwo\x1b[2J", "one\ntwo\u241b[2J", "one \u23ce two\u241b[2J"),
        (
            "\U0001f469\u200d\U0001f467\U0001f44d\U0001f3fd",
            *["\U0001f469\U0001f467\U0001f44d"] * 2,
        ),  # its parts, uncoloured
        ("a\tb", "a    b", "a b"),
        ("[/oops]", "[/oops]", "[/oops]"),
    ],
)
def test_what_others_say_is_harmless_and_of_one_width(said: str, lines: str, line: str) -> None:
    assert shown(said) == lines
    assert inline(said) == line
