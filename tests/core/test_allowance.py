"""So many in so much time."""

from usi.core.allowance import Allowance, Allowances


def test_no_more_than_so_many_in_any_window() -> None:
    allowance = Allowance(3, 60.0)
    assert [allowance.take(now) for now in (0.0, 10.0, 20.0, 30.0)] == [True, True, True, False]
    assert allowance.left(59.9) == 0
    assert [allowance.take(now) for now in (60.0, 61.0, 70.0, 71.0)] == [True, False, True, False]


def test_a_clock_that_is_set_back_locks_nobody_out() -> None:
    allowance = Allowance(1, 60.0)
    assert allowance.take(1_000.0)
    assert allowance.take(10.0)
    assert not allowance.take(11.0)


def test_each_has_its_own_and_those_longest_ago_are_forgotten() -> None:
    allowances: Allowances[str] = Allowances(1, 60.0, kept=2)
    assert [allowances.take(who, 0.0) for who in ("alice", "bob", "alice", "bob")] == [True, True, False, False]
    assert not allowances.take("alice", 1.0)
    assert allowances.take("carol", 2.0)
    assert not allowances.take("alice", 3.0), "asking for more is remembered as well"
    assert allowances.take("bob", 4.0)
