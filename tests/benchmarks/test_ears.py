"""What the soak calls wrong."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from benchmarks.ears import Ear, Stay, Truth
from usi.core import events as ev

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def truth() -> Truth:
    return Truth()


@pytest.fixture
def ear(truth: Truth) -> Ear:
    ear = Ear("bot-1", truth)
    ear.enters("books")
    return ear


def message(stay: Stay, word: int, **other: Any) -> ev.Message:
    fields = {"room": stay.room, "from_": stay.author, "text": f"stay {stay.number} word {word}", "signature": "good"}
    return ev.Message(time=NOW, id="1", member="ab", sent_at=NOW, mine=False, **(fields | other))


def says(stay: Stay, words: int) -> None:
    for _ in range(words):
        stay.says()
        stay.delivered()


def joined(*rooms: str) -> ev.MemberJoined:
    return ev.MemberJoined(time=NOW, name="bot-2", member="ab", rooms=list(rooms))


def left(*rooms: str) -> ev.MemberLeft:
    return ev.MemberLeft(time=NOW, name="bot-2", member="ab", reason="left", rooms=list(rooms))


def test_everything_once_and_in_order_is_right(truth: Truth, ear: Ear) -> None:
    for _ in range(2):
        stay = truth.begin("bot-2", "books")
        ear.sees_come(joined("books"))
        says(stay, 3)
        for word in (1, 2, 3):
            ear.hears(message(stay, word))
        ear.sees_go(left("general", "books"))
    assert truth.settle()
    assert truth.wrong == []
    assert truth.counts["messages heard"] == 6


def test_who_comes_later_hears_the_rest(truth: Truth, ear: Ear) -> None:
    stay = truth.begin("bot-2", "books")
    says(stay, 5)
    ear.hears(message(stay, 4))
    ear.hears(message(stay, 5))
    ear.sees_go(left("books"))
    assert truth.settle()
    assert truth.wrong == []


@pytest.mark.parametrize("words", [(2, 3), (1, 3), (1, 1), (1, 2, 1)])
def test_words_that_are_missing_or_come_twice(truth: Truth, ear: Ear, words: tuple[int, ...]) -> None:
    stay = truth.begin("bot-2", "books")
    ear.sees_come(joined("books"))
    for word in words:
        ear.hears(message(stay, word))
    assert len(truth.wrong) == 1


def test_the_last_words_must_be_heard_too_except_those_that_the_host_did_not_take(truth: Truth, ear: Ear) -> None:
    stay = truth.begin("bot-2", "books")
    says(stay, 2)
    stay.says()
    ear.hears(message(stay, 1))
    ear.sees_go(left("books"))
    assert not truth.settle(), "one is not answered"
    stay.failed()
    assert truth.settle()
    (wrong,) = truth.wrong
    assert wrong == "bot-1 has heard 1 of 2 words of bot-2 in books"


@pytest.mark.parametrize(
    "other",
    [{"room": "films"}, {"room": "music"}, {"from_": "bot-3"}, {"signature": "bad"}, {"text": "hello"}],
    ids=lambda other: str(next(iter(other.values()))),
)
def test_what_does_not_belong_there(truth: Truth, ear: Ear, other: dict[str, str]) -> None:
    ear.enters("films")
    ear.hears(message(truth.begin("bot-2", "books"), 1, **other))
    assert len(truth.wrong) == 1


def test_nothing_is_heard_in_a_room_that_was_left(truth: Truth, ear: Ear) -> None:
    ear.leaves("books")
    ear.hears(message(truth.begin("bot-2", "books"), 1))
    assert len(truth.wrong) == 1
