"""A hub and its members over links that are cut at any point: each acknowledged message exactly once and in order at
every reader who was in, whatever was in flight."""

from __future__ import annotations

from collections import deque
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from usi.core import codec, commands, events, wire
from usi.core.channel import Channel
from usi.core.content import ConversationKey
from usi.core.crypto import PrivateKey, digest
from usi.core.facts import OWN, Arrived, Close, Heard, Send
from usi.core.hub import Hub
from usi.core.member import Member
from usi.core.roster import Proof

ROOM = wire.RoomInfo(b"conversation 16.", "general", "", b"k" * 32, 0)
NAMES = ("host", "alice", "bob", "carol")
NOW = 1_700_000_000.0
KEPT = 80_000  # bytes: so few that posts are left out and must be asked for


class Place:
    """A member, both ends of its seat, and what is in flight. The host's own person has no link that could be cut."""

    def __init__(self, number: int, member: Member) -> None:
        self.number = number
        self.member = member
        self.near, self.far = Channel(), Channel(KEPT)
        self.up: deque[wire.Message] = deque()
        self.down: deque[bytes | wire.Message | wire.LinkFacts] = deque()
        self.cut = False
        self.told: list[events.Event] = []
        self.expected: list[str] = []
        """What others have said since it came, in the order of the numbers."""

    @property
    def heard(self) -> list[str]:
        return [event.text for event in self.told if isinstance(event, events.Message) and not event.mine]


class AnySeats(RuleBasedStateMachine):
    def __init__(self, keys: dict[str, PrivateKey]) -> None:
        super().__init__()
        self.hub = Hub([(ROOM, digest("usi3 key id", ROOM.key))])
        self.key = ConversationKey(ROOM.conversation, keys["host"].public.id, ROOM.key)
        self.places: list[Place] = []
        self.count = 0
        for name in NAMES:
            place = Place(len(self.places), Member(keys[name], name))
            public, own = keys[name].public, place.number == OWN
            self.places.append(place)
            self.perform(Arrived(place.number, wire.LinkFacts(public.id, public.modulus, bytes(32), (), "")))
            place.member.start(*((None, None) if own else (keys["host"].public, Proof(bytes(32), ()))))
            (join,) = place.member.take_outgoing()
            self.perform(Heard(place.number, join))
            self.settle()

    # --- the host's side ---

    def perform(self, fact: Any) -> None:
        for effect in self.hub.handle(fact):
            assert not isinstance(effect, Close), effect
            if isinstance(effect, Send):
                for number in effect.links:
                    self.queue(self.places[number], effect.message)

    def queue(self, place: Place, message: wire.Message | wire.LinkFacts) -> None:
        if place.number == OWN or isinstance(message, wire.LinkFacts):
            place.down.append(message)
            return
        encoded = codec.encode(message)
        place.far.note(encoded)
        assert not place.far.overflown
        if not place.cut:
            place.down.append(encoded)

    def host_hears(self, place: Place) -> None:
        message = place.up.popleft()
        if place.number != OWN and not place.far.take(message):
            return
        if isinstance(message, wire.Post):
            said = self.key.open(message).body().text  # type: ignore[arg-type]
            for other in self.places:
                if other is not place:
                    other.expected.append(said)
        self.perform(Heard(place.number, message))

    # --- a member's side ---

    def member_hears(self, place: Place) -> None:
        came = place.down.popleft()
        if isinstance(came, bytes):
            (message,) = codec.decode_from_host(b"\x91" + came)
            if not place.near.take(message):
                return
            place.member.receive([message], NOW)
        else:
            place.member.receive([came], NOW)
        self.collect(place)

    def collect(self, place: Place) -> None:
        place.told += place.member.take_events()
        for message in place.member.take_outgoing():
            if place.number != OWN:
                place.near.note(codec.encode(message))
            if not place.cut:
                if isinstance(message, wire.Again) and (word := place.near.word()) is not None:
                    place.up.append(word)
                place.up.append(message)

    # --- what happens ---

    @rule(number=st.integers(0, len(NAMES) - 1), large=st.booleans())
    def say(self, number: int, large: bool) -> None:
        place = self.places[number]
        if not place.member.outbox_full:
            self.count += 1
            place.member.do(commands.Say(f"{self.count} " + "x" * 30_000 * large), NOW)
            self.collect(place)

    @rule(number=st.integers(0, len(NAMES) - 1), steps=st.integers(1, 5))
    def up(self, number: int, steps: int) -> None:
        place = self.places[number]
        for _ in range(min(steps, len(place.up))):
            self.host_hears(place)

    @rule(number=st.integers(0, len(NAMES) - 1), steps=st.integers(1, 5))
    def down(self, number: int, steps: int) -> None:
        place = self.places[number]
        for _ in range(min(steps, len(place.down))):
            self.member_hears(place)

    @rule(number=st.integers(1, len(NAMES) - 1), by_member=st.booleans())
    def confirm(self, number: int, by_member: bool) -> None:
        place = self.places[number]
        word = (place.near if by_member else place.far).word() if not place.cut else None
        if word is not None and by_member:
            place.up.append(word)
        elif word is not None:
            place.down.append(codec.encode(word))

    @rule(number=st.integers(1, len(NAMES) - 1))
    def cut(self, number: int) -> None:
        """All that is in flight is lost, and neither side knows how much of it came."""
        place = self.places[number]
        place.cut = True
        place.up.clear()
        place.down.clear()

    @precondition(lambda self: any(place.cut for place in self.places))
    @rule(number=st.integers(1, len(NAMES) - 1))
    def resume(self, number: int) -> None:
        place = self.places[number]
        if place.cut:
            place.cut = False
            place.far.confirm(place.near.taken)
            place.near.confirm(place.far.taken)
            place.down.extend(place.far.rest().messages)
            for encoded in place.near.rest().messages:
                place.up.extend(codec.decode_from_member(b"\x91" + encoded))
            place.member.resumed(NOW)
            self.collect(place)

    @invariant()
    def everybody_hears_in_order_and_once(self) -> None:
        for place in self.places:
            assert place.heard == place.expected[: len(place.heard)]
            assert not [event for event in place.told if isinstance(event, events.Notice | events.MemberLeft)]

    def settle(self) -> None:
        while any(place.up or place.down for place in self.places):
            for place in self.places:
                while place.up:
                    self.host_hears(place)
                while place.down:
                    self.member_hears(place)

    def teardown(self) -> None:
        for number in range(1, len(self.places)):
            self.resume(number)
        self.settle()
        for place in self.places:
            assert place.heard == place.expected
            assert not place.member.in_flight
            delivered = [event.id for event in place.told if isinstance(event, events.Delivered)]
            own = [event.id for event in place.told if isinstance(event, events.Message) and event.mine]
            assert delivered == own


def test_whatever_is_cut_everybody_hears_all_of_it_once(
    keys: dict[str, PrivateKey], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("usi.core.numbering.PAGE_BYTES", 40_000)
    run_state_machine_as_test(
        lambda: AnySeats(keys), settings=settings(max_examples=60, stateful_step_count=60, deadline=None)
    )
