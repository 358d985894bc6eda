"""Sizes, speeds and times as people read them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from usi.ui import amounts


@pytest.mark.parametrize(
    ("count", "shown"),
    [
        (0, "0 B"),
        (1, "1 B"),
        (999, "999 B"),
        (1_000, "1.0 KB"),
        (12_345, "12.3 KB"),
        (99_949, "99.9 KB"),
        (99_951, "100 KB"),
        (999_499, "999 KB"),
        (999_500, "1.0 MB"),
        (1_000_000, "1.0 MB"),
        (12_400_000, "12.4 MB"),
        (5_000_000_000, "5.0 GB"),
        (10**12, "1.0 TB"),
        (2**63 - 1, "9223372 TB"),
    ],
)
def test_sizes(count: int, shown: str) -> None:
    assert amounts.size(count) == shown
    assert amounts.speed(count) == f"{shown}/s"


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (-1, "0 s"),
        (0, "0 s"),
        (0.6, "1 s"),
        (59.4, "59 s"),
        (59.6, "1 min 00 s"),
        (200, "3 min 20 s"),
        (3_599, "59 min 59 s"),
        (3_600, "1 h 00 min"),
        (7_500, "2 h 05 min"),
        (360_000, "100 h 00 min"),
    ],
)
def test_times(seconds: float, shown: str) -> None:
    assert amounts.duration(seconds) == shown


@pytest.mark.parametrize(
    ("done", "whole", "shown"), [(0, 0, 100), (0, 1, 0), (1, 3, 33), (999, 1_000, 99), (1_000, 1_000, 100), (5, 4, 100)]
)
def test_percents(done: int, whole: int, shown: int) -> None:
    assert amounts.percent(done, whole) == shown


@pytest.mark.parametrize(
    ("done", "whole", "rate", "shown"),
    [(0, 100, 10, "10 s"), (100, 100, 10, None), (0, 100, 0, None), (0, 0, 5, None), (0, 10**9, 1, "277777 h 46 min")],
)
def test_what_is_left(done: int, whole: int, rate: int, shown: str | None) -> None:
    assert amounts.left(done, whole, rate) == shown


@given(st.integers(0, 2**63 - 1), st.integers(0, 2**63 - 1), st.integers(0, 2**63 - 1))
def test_any_amount_is_short(done: int, whole: int, rate: int) -> None:
    assert len(amounts.size(done)) <= 12
    assert 0 <= amounts.percent(done, whole) <= 100
    assert amounts.percent(done, whole) < 100 or done >= whole
    amounts.left(done, whole, rate)
