"""The soak: what it calls flat, and a short one of a few bots."""

from __future__ import annotations

import pytest

from benchmarks import soak

MINUTE = [float(second) for second in range(60)]


def line(what: str, *values: float) -> soak.Line:
    return soak.Line("host", what, list(zip(MINUTE, values, strict=False)))


def test_the_line_that_fits_best() -> None:
    assert soak.slope([(at, 3.0 * at + 7.0) for at in MINUTE]) == pytest.approx(3.0)
    assert soak.slope([(at, 5.0) for at in MINUTE]) == 0.0
    assert soak.slope([(1.0, 4.0)]) == 0.0


def test_what_fills_up_at_the_beginning_is_no_leak() -> None:
    filling = [min(at, 15.0) * 1e8 for at in MINUTE]
    assert line("memory", *filling).is_flat


def test_what_rises_all_the_time_is_one() -> None:
    assert not line("memory", *(1e8 + at * 1e6 for at in MINUTE)).is_flat
    assert not line("open files", *(20.0 + at for at in MINUTE)).is_flat
    assert line("open files", *(20.0 + at % 5 for at in MINUTE)).is_flat
    assert line("memory", *(2e8 - at * 1e6 for at in MINUTE)).is_flat


@pytest.mark.slow
def test_a_few_bots_for_a_few_seconds() -> None:
    lines, counts = soak.run(0.25, 4, fast=False)
    assert {(line.who, line.what) for line in lines} == {
        ("host", "memory"), ("host", "open files"), ("bots", "memory"), ("bots", "open files"),
    }  # fmt: skip
    assert all(value > 0 for line in lines for _, value in line.points)
    assert counts["messages heard"] > 0
    assert counts["rooms entered"] >= 4 * 3
    assert counts["joins"] >= 4
    said = soak.report(lines, counts, 0.25, 4)
    assert "4 bots for 0.25 minutes" in said
    assert "messages heard" in said
