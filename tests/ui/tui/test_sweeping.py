"""When Python looks for garbage."""

import gc
import weakref
from collections.abc import Iterator

import pytest

from usi.ui.tui.sweeping import Sweeper


class Knot:
    """Garbage that only the collector finds, once it is let go."""

    def __init__(self) -> None:
        self.itself = self


@pytest.fixture
def sweeper() -> Iterator[Sweeper]:
    gc.disable()
    made = Sweeper()
    yield made
    made.stop()
    gc.enable()


def test_what_came_since_is_looked_through(sweeper: Sweeper) -> None:
    knot = weakref.ref(Knot())
    sweeper.passed(999, quiet=False)
    assert knot() is not None
    sweeper.passed(1, quiet=False)
    assert knot() is None
    assert gc.get_freeze_count() > 1_000, "what is kept is not looked through again"


def test_what_was_kept_goes_at_a_whole_sweep(sweeper: Sweeper) -> None:
    kept = Knot()
    knot = weakref.ref(kept)
    sweeper.sweep()
    del kept
    for round in range(25):
        sweeper.passed(1_000, quiet=round < 19)
    assert knot() is not None
    sweeper.passed(1_000, quiet=True)
    assert knot() is None


def test_it_leaves_all_as_it_was(sweeper: Sweeper) -> None:
    sweeper.sweep()
    sweeper.stop()
    assert gc.get_freeze_count() == 0
