"""What bots say and hear, and whether that fits: everything once, in order, whole, nothing where it does not belong."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import NamedTuple

from usi.core import events as ev

_SAID = re.compile(r"stay (\d+) word (\d+)")


@dataclass(eq=False, slots=True)
class Stay:
    """An author in a room, from its coming to its leaving. What it says there is numbered from 1."""

    number: int
    author: str
    room: str
    said: int = 0
    under_way: int = 0
    """What the host has not answered."""
    lost: int = 0
    """What its author was told to have failed, the last of what was said: it was put out of the room, or went while its
    wire was cut; then it may have been heard all the same."""

    @property
    def next_words(self) -> str:
        return f"stay {self.number} word {self.said + 1}"

    def says(self) -> None:
        self.said += 1
        self.under_way += 1

    def delivered(self) -> None:
        self.under_way -= 1

    def failed(self) -> None:
        self.under_way -= 1
        self.lost += 1


class Heard(NamedTuple):
    """By one ear of one author in a room, at last. No stay: it was seen to come, and has said nothing yet."""

    stay: Stay | None
    word: int


class Truth:
    """What all bots have said and done, and what was wrong with what they heard."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.wrong: list[str] = []
        self._stays: dict[int, Stay] = {}
        self._ended: list[tuple[str, Heard]] = []
        """Who has heard how much of a stay that is over."""

    def begin(self, author: str, room: str) -> Stay:
        stay = self._stays[len(self._stays)] = Stay(len(self._stays), author, room)
        return stay

    def find(self, text: str) -> Heard | None:
        """Which word of which stay a text is."""
        found = _SAID.fullmatch(text)
        stay = self._stays.get(int(found[1])) if found is not None else None
        return Heard(stay, int(found[2])) if found is not None and stay is not None else None

    def stay(self, text: str) -> Stay:
        """Of a text that was said just now."""
        found = self.find(text)
        assert found is not None
        assert found.stay is not None
        return found.stay

    def end(self, listener: str, heard: Heard) -> None:
        """Somebody has seen the author go, and so must have heard all of it."""
        self._ended.append((listener, heard))

    def settle(self) -> bool:
        """Check what was heard of stays that are over and of which everything is answered; whether that is all."""
        waiting = []
        for listener, (stay, word) in self._ended:
            if stay is None:
                continue
            if stay.under_way:
                waiting.append((listener, Heard(stay, word)))
            elif not stay.said - stay.lost <= word <= stay.said:
                said = f"{stay.said - stay.lost} words of {stay.author} in {stay.room}"
                self.wrong.append(f"{listener} has heard {word} of {said}")
        self._ended = waiting
        return not waiting


class Ear:
    """What one bot hears in the rooms that it is in, in one of its lives."""

    def __init__(self, name: str, truth: Truth) -> None:
        self._name = name
        self._truth = truth
        self._heard: dict[str, dict[str, Heard]] = {}
        """Room → author's id → what was heard last. An author who is not in it may have said more before."""

    def enters(self, room: str) -> None:
        self._heard[room] = {}

    def leaves(self, room: str) -> None:
        del self._heard[room]

    def sees_come(self, event: ev.MemberJoined) -> None:
        for room in event.rooms:
            self._heard[room][event.member] = Heard(None, 0)

    def sees_go(self, event: ev.MemberLeft) -> None:
        for room in event.rooms:
            heard = self._heard.get(room, {}).pop(event.member, None)
            if heard is not None:
                self._truth.end(self._name, heard)

    def hears(self, event: ev.Message) -> None:
        self._truth.counts["messages heard"] += 1
        told = f"{self._name} heard {event.text!r} of {event.from_} in {event.room}"
        found = self._truth.find(event.text)
        if found is None or found.stay is None or event.signature != "good":
            self._truth.wrong.append(f"{told}, signature {event.signature}")
            return
        stay, word = found
        room = self._heard.get(event.room)
        if room is None or (stay.author, stay.room) != (event.from_, event.room):
            self._truth.wrong.append(f"{told}, where it does not belong")
            return
        before = room.get(event.member)
        if before is not None and (before.stay not in (None, stay) or word != before.word + 1):
            self._truth.wrong.append(f"{told} after {before}")
        room[event.member] = found
