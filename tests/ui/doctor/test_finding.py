"""What a look comes to when it fails, or takes too long."""

from __future__ import annotations

from collections.abc import Iterator

from usi.ui.doctor.finding import Finding, looked


def test_a_look_that_fails_is_a_finding() -> None:
    def broken() -> Iterator[Finding]:
        yield Finding("a", "good", "Fine.")
        raise ZeroDivisionError

    first, second = looked("a", broken)
    assert first.state == "good"
    assert second.state == "attention"
    assert "ZeroDivisionError" in second.text

    def slow() -> list[Finding]:
        raise TimeoutError

    (only,) = looked("b", slow)
    assert only.state == "attention"
