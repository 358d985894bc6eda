"""Guessing gets slow; an owner does not, wherever the guesses come from."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from usi.core import attempts
from usi.core.attempts import BURST, FREE, LONGEST, LONGEST_TOGETHER, REMEMBERED, TOGETHER, Attempts


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def made() -> tuple[Attempts, Clock]:
    clock = Clock()
    return Attempts(clock), clock


def test_a_few_mistakes_are_free() -> None:
    tries, _ = made()
    for _ in range(FREE):
        assert tries.refused("alice", "192.0.2.1") == 0
        assert tries.begin("alice", "192.0.2.1") == 0
    assert tries.refused("alice", "192.0.2.1") == 1


def test_delays_double_up_to_a_minute() -> None:
    tries, clock = made()
    waits = []
    for _ in range(FREE + 9):
        tries.begin("alice", "192.0.2.1")
        waits.append(tries.refused("alice", "192.0.2.1"))
        clock.now += waits[-1]
        assert tries.refused("alice", "192.0.2.1") == 0
    assert waits == [0, 0, 1, 2, 4, 8, 16, 32, LONGEST, LONGEST, LONGEST, LONGEST]


def test_a_refused_try_does_not_count() -> None:
    tries, clock = made()
    for _ in range(FREE):
        tries.begin("alice", "192.0.2.1")
    for _ in range(100):
        assert tries.refused("alice", "192.0.2.1") == 1
    clock.now += 1
    assert tries.refused("alice", "192.0.2.1") == 0


def test_many_at_once_are_no_way_around() -> None:
    """Tries count when they begin, not when they fail."""
    tries, _ = made()
    begun = 0
    while not tries.refused("alice", "192.0.2.1"):
        tries.begin("alice", "192.0.2.1")
        begun += 1
    assert begun == FREE


def test_success_clears_the_pair() -> None:
    tries, _ = made()
    for _ in range(FREE):
        tries.begin("alice", "192.0.2.1")
    tries.succeeded("alice", "192.0.2.1")
    tries.succeeded("nobody", "192.0.2.1")
    assert tries.refused("alice", "192.0.2.1") == 0


def test_failures_are_forgotten_after_an_hour() -> None:
    tries, clock = made()
    for _ in range(30):
        tries.begin("alice", "192.0.2.1")
    clock.now += LONGEST + attempts.FORGOTTEN + 1
    assert tries.begin("bob", "192.0.2.2") == 0
    assert len(tries._failures) == 1


def test_nobody_locks_an_owner_out() -> None:
    """Hundreds of addresses guess at an account as fast as they can: its owner waits some seconds at most each time."""
    tries, clock = made()
    for second in range(60):
        for number in range(300):
            tries.begin("alice", f"attacker {number}")
        assert tries.refused("alice", "home") == 0
        assert tries.begin("alice", "home") <= LONGEST_TOGETHER
        tries.succeeded("alice", "home")
        clock.now += 1 + second % 3


def test_all_together_are_slowed() -> None:
    tries, clock = made()
    waits = [tries.begin(f"account {number}", "192.0.2.1") for number in range(int(BURST) + 10)]
    assert waits[: int(BURST)] == [0.0] * int(BURST)
    assert waits[int(BURST) :] == [number / TOGETHER for number in range(1, 11)]
    clock.now += BURST / TOGETHER + 2
    assert tries.begin("bob", "192.0.2.2") == 0


@given(st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from("12"), st.floats(0, 5_000)), max_size=60))
def test_no_wait_is_longer_than_a_minute(steps: list[tuple[str, str, float]]) -> None:
    tries, clock = made()
    for account, address, passed in steps:
        clock.now += passed
        assert 0 <= tries.refused(account, address) <= LONGEST
        assert 0 <= tries.begin(account, address) <= LONGEST_TOGETHER


def test_memory_is_bounded() -> None:
    tries, _ = made()
    for number in range(REMEMBERED + 100):
        tries.begin("alice", str(number))
    assert len(tries._failures) <= REMEMBERED + 1
    for _ in range(FREE):
        tries.begin("alice", str(REMEMBERED))
    assert tries.refused("alice", str(REMEMBERED)) > 0
