"""Who waits for a place, and whose turn it is."""

from usi.core.line import PATIENCE, Line


def test_who_came_first_goes_first_however_often_the_others_ask() -> None:
    line = Line[str]()
    assert not line.admit("alice", 0, 0.0)
    for time in (0.1, 0.2, 0.3):
        assert not line.admit("bob", 0, time)
    assert not line.admit("bob", 1, 1.0), "alice is first"
    assert not line.admit("carol", 1, 1.0)
    assert line.admit("alice", 1, 1.1)
    assert line.admit("bob", 1, 1.2)
    assert not line.admit("alice", 0, 1.3)
    assert line.admit("carol", 2, 1.4)
    assert len(line) == 1


def test_as_many_go_as_there_are_places() -> None:
    line = Line[str]()
    assert line.admit("alice", 3, 0.0)
    assert [line.admit(who, 0, 0.0) for who in "abc"] == [False] * 3
    assert [line.admit(who, 2, 0.0) for who in "cb"] == [False, True]
    assert [line.admit(who, 1, 0.0) for who in "ca"] == [False, True]
    assert line.admit("new", 2, 0.0), "one is for c"


def test_who_does_not_ask_again_is_not_waited_for() -> None:
    line = Line[str]()
    line.admit("alice", 0, 0.0)
    line.admit("bob", 0, PATIENCE)
    assert line.admit("bob", 1, PATIENCE + 0.1)
    assert not len(line)
    line.admit("carol", 0, PATIENCE)
    line.leave("carol")
    line.leave("carol")
    assert line.admit("bob", 1, PATIENCE)


def test_who_comes_back_to_a_line_stands_at_its_end() -> None:
    line = Line[str]()
    line.admit("alice", 0, 0.0)
    line.admit("bob", 0, 1.0)
    line.admit("bob", 0, PATIENCE)
    line.admit("alice", 0, PATIENCE + 0.1)
    assert not line.admit("alice", 1, PATIENCE + 0.2)
    assert line.admit("bob", 1, PATIENCE + 0.3)
