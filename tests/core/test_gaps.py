"""Holes in the numbers: asked for, filled, given up; everything is read in order."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from usi.core import gaps, wire
from usi.core.content import ConversationKey
from usi.core.gaps import PATIENCE, Gaps
from usi.core.report import Report
from usi.core.thread import Thread

ROOM = b"c" * 16


def posted(number: int) -> wire.Posted:
    return wire.Posted(ROOM, b"k" * 32, b"m" * 32, number.to_bytes(15, "big"), number, bytes(272))


class Desk:
    """One reader of one room."""

    def __init__(self, number: int = 0) -> None:
        self.sent: list[wire.Message] = []
        self.read: list[int] = []
        self.missing: list[int] = []
        self.thread = Thread(ConversationKey(ROOM, b"h" * 32, b"k" * 32), "general", number)
        self.report = Report()
        self.gaps = Gaps(
            self.report,
            self.sent.append,
            lambda thread, post: self.read.append(post.number),
            lambda thread, count: self.missing.append(count),
        )

    def take(self, *numbers: int) -> None:
        for number in numbers:
            self.gaps.take(self.thread, number, posted(number))

    def own(self, number: int) -> None:
        self.gaps.take(self.thread, number, None)


def test_without_a_hole_all_is_read_at_once() -> None:
    desk = Desk(7)
    desk.take(8, 9, 10)
    assert desk.read == [8, 9, 10]
    assert not desk.sent
    assert not desk.missing


def test_a_hole_is_asked_for_and_what_is_behind_it_waits() -> None:
    desk = Desk()
    desk.take(1, 4, 5)
    desk.own(6)
    desk.take(7)
    assert desk.read == [1]
    assert desk.sent == [wire.Again(ROOM, 2, 3)]
    desk.take(2)
    assert desk.read == [1, 2]
    desk.take(3)
    assert desk.read == [1, 2, 3, 4, 5, 7]
    assert desk.thread.number == 7
    desk.gaps.caught(desk.thread, 3)  # late: all has come
    desk.take(8)
    assert desk.read[-1] == 8
    assert not desk.missing


def test_what_the_host_does_not_have_is_told_once_and_in_its_place() -> None:
    desk = Desk()
    desk.take(1, 6)
    desk.take(4)
    desk.gaps.caught(desk.thread, 5)
    assert desk.missing == [2, 1]
    assert desk.read == [1, 4, 6]
    assert len(desk.sent) == 1


def test_a_long_hole_is_filled_page_by_page() -> None:
    desk = Desk()
    desk.take(10)
    assert desk.sent == [wire.Again(ROOM, 1, 9)]
    desk.take(1, 2, 3)
    desk.gaps.caught(desk.thread, 3)
    assert desk.sent[1:] == [wire.Again(ROOM, 4, 9)]
    desk.take(6, 7)
    desk.gaps.caught(desk.thread, 7)
    assert desk.missing == [2]
    assert desk.sent[2:] == [wire.Again(ROOM, 8, 9)]
    desk.take(8, 9)
    assert desk.read == [1, 2, 3, 6, 7, 8, 9, 10]


def test_a_host_that_makes_no_progress_is_not_asked_for_ever() -> None:
    desk = Desk()
    desk.take(10)
    desk.gaps.caught(desk.thread, 1)
    assert desk.missing == [1]
    desk.gaps.caught(desk.thread, 1)
    assert desk.missing == [1, 8]
    assert desk.read == [10]


def test_an_answer_cannot_reach_beyond_what_was_asked() -> None:
    desk = Desk()
    desk.take(3)
    desk.gaps.caught(desk.thread, 2**62)
    assert desk.missing == [2]
    assert desk.thread.number == 3


def test_a_second_hole_is_asked_for_after_the_first() -> None:
    desk = Desk()
    desk.take(3, 6)
    assert desk.sent == [wire.Again(ROOM, 1, 2)]
    desk.take(1, 2)
    desk.gaps.caught(desk.thread, 2)
    assert desk.sent[1:] == [wire.Again(ROOM, 4, 5)]
    desk.take(4, 5)
    assert desk.read == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("again", [1, 2, 5])
def test_a_number_that_comes_twice_is_told_and_not_read(again: int) -> None:
    desk = Desk()
    desk.take(1, 2, 5)
    desk.take(again)
    assert desk.missing == [-1]
    assert desk.read == [1, 2]


@pytest.mark.parametrize("seconds", [PATIENCE + 1, -PATIENCE - 1])
def test_a_host_that_does_not_answer_is_not_waited_for(seconds: float) -> None:
    desk = Desk()
    desk.take(1, 3)
    desk.gaps.tick()
    assert not desk.missing
    desk.report.now += seconds
    desk.gaps.tick()
    assert (desk.missing, desk.read) == ([1], [1, 3])


def test_time_without_a_link_does_not_count() -> None:
    desk = Desk()
    desk.take(1, 3)
    desk.report.now += PATIENCE + 1
    desk.gaps.resumed()
    desk.gaps.tick()
    assert not desk.missing


def test_so_much_waits_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gaps, "MOST_HELD", 10)
    desk = Desk()
    desk.take(*range(2, 15))
    assert desk.read == list(range(2, 15))
    assert desk.missing == [1]


def test_one_hole_is_asked_for_after_the_other() -> None:
    """The answers for all rooms at once could be more than the host keeps for one who is just back."""
    desk, other = Desk(), Thread(ConversationKey(b"o" * 16, b"h" * 32, b"k" * 32), "other")
    desk.take(3)
    desk.gaps.take(other, 2, posted(2))
    assert desk.sent == [wire.Again(ROOM, 1, 2)]
    desk.report.now += PATIENCE - 1
    desk.take(1, 2)
    desk.gaps.caught(desk.thread, 2)
    assert desk.sent[1:] == [wire.Again(b"o" * 16, 1, 1)]
    desk.report.now += PATIENCE - 1
    desk.gaps.tick()
    assert not desk.missing
    desk.gaps.caught(other, 1)
    assert (desk.missing, other.number) == ([1], 2)


def test_at_the_end_what_has_come_is_read_as_it_is() -> None:
    desk = Desk()
    desk.take(1, 3, 5, 9)
    desk.gaps.settle_all()
    assert desk.read == [1, 3, 5, 9]
    assert desk.missing == [1, 1, 3]


@given(st.sets(st.integers(1, 60)), st.sets(st.integers(1, 60)), st.integers(0, 2**32))
def test_whatever_comes_is_read_in_order_and_what_does_not_is_counted(
    first: set[int], kept: set[int], seed: int
) -> None:
    """`first` come by themselves, in order; of the others the host has those that it has `kept`."""
    desk, chance = Desk(), random.Random(seed)
    answered = 0
    for number in sorted(first):
        desk.take(number)
        while answered < len(desk.sent) and chance.random() < 0.5:
            answer(desk, answered, kept - first)
            answered += 1
    while answered < len(desk.sent):
        answer(desk, answered, kept - first)
        answered += 1
    last = max(first, default=0)
    expected = sorted(first | {number for number in kept if number < last})
    assert desk.read == expected
    assert all(count > 0 for count in desk.missing)
    assert sum(desk.missing) == last - len(expected)
    assert desk.thread.number == last


def answer(desk: Desk, index: int, kept: set[int]) -> None:
    """What an honest host says to this question, at most five posts at once."""
    asked = desk.sent[index]
    assert isinstance(asked, wire.Again)
    numbers = [number for number in range(asked.first, asked.last + 1) if number in kept]
    desk.take(*numbers[:5])
    desk.gaps.caught(desk.thread, numbers[4] if len(numbers) > 5 else asked.last)
