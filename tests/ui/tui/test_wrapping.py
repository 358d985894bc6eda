"""Where lines are broken."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from usi.ui.tui.wrapping import wrap

TEXTS = st.text(st.characters(exclude_characters="\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029"), max_size=200)


def parts(line: str, first: int, width: int) -> list[str]:
    return [line[start:end] for start, end in wrap(line, first, width)]


@pytest.mark.parametrize(
    ("line", "first", "width", "expected"),
    [
        ("", 10, 10, [""]),
        ("short", 10, 10, ["short"]),
        ("two words", 9, 9, ["two words"]),
        ("two words", 8, 8, ["two", "words"]),
        ("two   words", 8, 8, ["two", "words"]),
        ("one two three", 7, 9, ["one two", "three"]),
        ("one two three", 3, 9, ["", "one two", "three"]),
        ("abcdefghij", 4, 4, ["abcd", "efgh", "ij"]),
        ("ab cdefghij", 4, 4, ["ab", "cdef", "ghij"]),
        ("words\u00a0: two", 9, 9, ["words\u00a0:", "two"]),
        ("  indented text", 12, 8, ["  indented", "text"]),
        ("日本語", 4, 4, ["日本", "語"]),
        ("日本語", 3, 3, ["日", "本", "語"]),
        ("a日", 2, 2, ["a", "日"]),
        ("👩‍👩‍👧👩‍👩‍👧", 2, 2, ["👩‍👩‍👧", "👩‍👩‍👧"]),
        ("e\u0301e\u0301", 1, 1, ["e\u0301", "e\u0301"]),
        ("日本", 1, 1, ["日", "本"]),
        ("ends with space   ", 20, 20, ["ends with space   "]),
        ("ends with space   ", 15, 15, ["ends with space"]),
    ],
)
def test_breaks(line: str, first: int, width: int, expected: list[str]) -> None:
    assert parts(line, first, width) == expected


@given(line=TEXTS, first=st.integers(1, 30), width=st.integers(2, 30))
def test_loses_nothing_but_spaces_at_breaks(line: str, first: int, width: int) -> None:
    pieces = wrap(line, first, width)
    assert pieces
    ends = [0, *(end for _, end in pieces)]
    starts = [*(start for start, _ in pieces), len(line)]
    for end, start in zip(ends, starts, strict=True):
        assert end <= start
        assert not line[end:start].strip()


@given(line=TEXTS, first=st.integers(1, 30), width=st.integers(2, 30))
def test_every_piece_fits(line: str, first: int, width: int) -> None:
    for index, part in enumerate(parts(line, first, width)):
        room = first if index == 0 else width
        assert cell_len(part) <= room or len(wrap(part, 1, 1)) == 1  # what stands for one character cannot be broken


def test_a_long_word_takes_no_more_lines_than_it_needs() -> None:
    assert len(wrap("x" * 10_000, 40, 50)) == 1 + -(-(10_000 - 40) // 50)
