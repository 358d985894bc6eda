"""The dictionary that keeps only its newest entries."""

from usi.core.recent import Recent


def test_the_oldest_goes_first() -> None:
    kept: Recent[str, int] = Recent(2)
    kept["a"], kept["b"] = 1, 2
    kept["a"] = 3
    kept["c"] = 4
    assert list(kept.items()) == [("a", 3), ("c", 4)]
