"""Sizes, speeds and times as people read them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from usi.core import language
from usi.ui import amounts


@pytest.mark.parametrize(
    ("count", "said"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1_000, "1.0 KB"),
        (48_300, "48.3 KB"),
        (99_950, "100 KB"),
        (999_499, "999 KB"),
        (999_600, "1.0 MB"),
        (12_400_000, "12.4 MB"),
        (2_400_000_000, "2.4 GB"),
        (5_000_000_000_000_000, "5000 TB"),
    ],
)
def test_sizes(count: int, said: str) -> None:
    assert amounts.size(count) == said


def test_a_language_has_its_own_mark_of_decimals() -> None:
    language.install(lambda text: {"1.5": "1,5", "{amount} MB": "{amount} Mo"}.get(text, text))
    try:
        assert amounts.size(12_400_000) == "12,4 Mo"
        assert amounts.decimal(0.71) == "0,7"
    finally:
        language.install(None)


def test_what_a_file_or_folder_holds() -> None:
    assert amounts.content(1_000, None) == "1.0 KB"
    assert amounts.content(1_000, 1) == "folder of one file, 1.0 KB"
    assert amounts.content(1_000, 12) == "folder of 12 files, 1.0 KB"


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(-1, "0 s"), (42.4, "42 s"), (200, "3 min 20 s"), (3_599.6, "1 h 00 min"), (7_500, "2 h 05 min")],
)
def test_times(seconds: float, said: str) -> None:
    assert amounts.duration(seconds) == said


def test_how_far_something_is() -> None:
    assert [amounts.percent(done, 1_000) for done in (0, 9, 999, 1_000, 2_000)] == [0, 0, 99, 100, 100]
    assert amounts.percent(0, 0) == 100
    assert amounts.left(400, 1_000, 100) == "6 s"
    assert amounts.left(400, 1_000, 0) is None
    assert amounts.left(1_000, 1_000, 100) is None
    assert amounts.speed(8_100_000) == "8.1 MB/s"


@given(st.integers(0, 2**63 - 1), st.integers(0, 2**63 - 1), st.integers(0, 2**63 - 1))
def test_any_amount_is_short(done: int, whole: int, rate: int) -> None:
    assert len(amounts.size(done)) <= 12
    assert 0 <= amounts.percent(done, whole) <= 100
    assert amounts.percent(done, whole) < 100 or done >= whole
    amounts.left(done, whole, rate)
