"""A hub and several members joined in memory: every message goes through its encoding, nothing through a socket.

Each way between a member and the hub is a queue that the test moves on, message by message and in any order between
members, as networks do.
"""

from __future__ import annotations

import itertools
import random
from collections import deque
from collections.abc import Iterator

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from usi.core import codec, commands, events, text, wire
from usi.core.content import ConversationKey
from usi.core.crypto import PrivateKey, digest
from usi.core.errors import PeerError, Replaced, from_code
from usi.core.facts import OWN, Arrived, Close, Effect, Fact, Gone, Heard, Note
from usi.core.hub import Hub
from usi.core.member import Member
from usi.core.report import NOTICES
from usi.core.roster import Proof

NOW = 1_700_000_000.0
ROOM = wire.RoomInfo(b"conversation 16.", "general", "", b"k" * 32, 0)
HOSTILE = "[/oops] \x1b[2J\u202e\u200b " + "w" * 10_000 + " 👩🏽‍🚀"
WORDS = ("one", "two", "three", "four")


class Place:
    """A member's machine, its two queues, and what it has told its face."""

    def __init__(self, member: Member, link: int, who: str) -> None:
        self.member = member
        self.link = link
        self.who = who
        self.up: deque[bytes | wire.Message] = deque()
        self.down: deque[bytes | wire.Message | wire.LinkFacts] = deque()
        self.told: list[events.Event] = []
        self.open = True

    @property
    def heard(self) -> list[tuple[str, str]]:
        return [(event.from_, event.text) for event in self.messages if not event.mine]

    @property
    def messages(self) -> list[events.Message]:
        return [event for event in self.told if isinstance(event, events.Message)]

    @property
    def delivered(self) -> dict[str, int]:
        """Message id → number, of what the host has acknowledged."""
        acknowledged = [event for event in self.told if isinstance(event, events.Delivered)]
        assert len({event.id for event in acknowledged}) == len(acknowledged)
        return {event.id: event.number for event in acknowledged}

    @property
    def names(self) -> dict[str, str]:
        """Who is here as this member's list says."""
        return {row.member: row.name for row in self.member.users(asked=True).members}

    def notices(self) -> list[str]:
        return [event.code for event in self.told if isinstance(event, events.Notice)]


class World:
    """The hub, and a place for everyone who ever joined. The host's own person sits in place 0, without encoding."""

    def __init__(self, keys: dict[str, PrivateKey]) -> None:
        self.keys = keys
        self.hub = Hub([(ROOM, digest("usi3 key id", ROOM.key))])
        self.places: list[Place] = []
        self.now = NOW
        self._facts: deque[Fact] = deque()
        self.add("host")
        self.settle()

    @property
    def here(self) -> list[Place]:
        return [place for place in self.places if place.open]

    def add(self, who: str, name: str | None = None) -> Place:
        """Somebody whose link has its keys asks to join."""
        place = Place(Member(self.keys[who], name or who), len(self.places), who)
        self.places.append(place)
        public = self.keys[who].public
        own = place.link == OWN
        facts = wire.LinkFacts(public.id, public.modulus, b"" if own else bytes(32), () if own else WORDS, "")
        self._handle(Arrived(place.link, facts))
        place.member.start(*((None, None) if own else (self.keys["host"].public, Proof(bytes(32), WORDS))))
        self._collect(place)
        return place

    def do(self, place: Place, intent: commands.Say | commands.Act | commands.Nick) -> None:
        place.member.do(intent, self.now)
        self._collect(place)

    def say(self, place: Place, *texts: str) -> None:
        for said in texts:
            self.do(place, commands.Say(said))

    def move_up(self, place: Place) -> None:
        """The hub gets the oldest message that is on its way from this member."""
        raw = place.up.popleft()
        if isinstance(raw, bytes):
            (message,) = codec.decode_from_member(raw)
            self._handle(Heard(place.link, message))
        else:
            self._handle(Heard(place.link, raw))

    def move_down(self, place: Place, count: int = 1) -> None:
        """The member gets the oldest messages that are on their way to it, in one record."""
        batch: list[wire.Message | wire.LinkFacts] = []
        for _ in range(min(count, len(place.down))):
            raw = place.down.popleft()
            batch += codec.decode_from_host(raw) if isinstance(raw, bytes) else [raw]
        place.member.receive(batch, self.now)
        self._collect(place)
        if batch and isinstance(batch[-1], wire.Bye):
            self._end(place, from_code(batch[-1].code))

    def leave(self, place: Place, *, politely: bool) -> None:
        """Cut the link, or say goodbye, which goes behind all that was sent. What is on its way here is lost."""
        if politely:
            place.up.append(codec.pack([codec.encode(wire.Bye("left"))])[0])
            while place.up:
                self.move_up(place)
        else:
            self._handle(Gone(place.link, "cut"))
        self._end(place, from_code("left"))

    def settle(self) -> None:
        """Move everything until nothing is on its way."""
        while busy := [place for place in self.here if place.up or place.down]:
            for place in busy:
                while place.up:
                    self.move_up(place)
                if place.down:
                    self.move_down(place, wire.MAX_BATCH)

    def shuffle(self, choose: random.Random) -> None:
        """As `settle`, in a random order."""
        while ways := list(self._ways()):
            place, way = choose.choice(ways)
            if way is place.up:
                self.move_up(place)
            else:
                self.move_down(place, choose.randint(1, 4))

    def _ways(self) -> Iterator[tuple[Place, object]]:
        for place in self.here:
            if place.up:
                yield place, place.up
            if place.down:
                yield place, place.down

    def _collect(self, place: Place) -> None:
        place.told += place.member.take_events()
        for message in place.member.take_outgoing():
            place.up.append(message if place.link == OWN else codec.pack([codec.encode(message)])[0])

    def _end(self, place: Place, error: PeerError) -> None:
        place.open = False
        place.up.clear()
        place.down.clear()
        place.member.disconnected(error, self.now)
        self._collect(place)
        place.up.clear()

    def _handle(self, fact: Fact) -> None:
        self._facts.append(fact)
        while self._facts:
            for effect in self.hub.handle(self._facts.popleft()):
                self._perform(effect)

    def _perform(self, effect: Effect) -> None:
        if isinstance(effect, Note):
            return
        if isinstance(effect, Close):
            self._facts.append(Gone(effect.link, effect.error.code))
            self.places[effect.link].up.clear()
            self.places[effect.link].down.append(codec.pack([codec.encode(wire.Bye(effect.error.code))])[0])
            return
        for link in effect.links:
            if link == OWN:
                self.places[OWN].down.append(effect.message)
            else:
                assert not isinstance(effect.message, wire.LinkFacts)
                self.places[link].down.append(codec.pack([codec.encode(effect.message)])[0])


@pytest.fixture
def world(keys: dict[str, PrivateKey]) -> World:
    return World(keys)


# --- the story -----------------------------------------------------------------------------------------------------


def test_three_people_talk(world: World) -> None:
    host, alice, bob = world.places[OWN], world.add("alice"), world.add("bob")
    world.settle()
    assert all(place.member.joined for place in world.here)
    for place, said in ((alice, "Bonjour !"), (bob, "ça marche nickel !"), (host, "welcome"), (alice, HOSTILE)):
        world.say(place, said)
        world.settle()
    everything = [("alice", "Bonjour !"), ("bob", "ça marche nickel !"), ("host", "welcome"), ("alice", HOSTILE)]
    for place in (host, alice, bob):
        assert [(event.from_, event.text) for event in place.messages] == everything
        assert {event.signature for event in place.messages} == {"good"}
        assert [event.mine for event in place.messages] == [who == place.who for who, _ in everything]
        assert not any(event.late or event.signed_as or event.history or event.private for event in place.messages)
        assert place.notices() == []
        assert place.member.in_flight == 0
    assert sorted(alice.delivered.values()) == [1, 4]
    assert list(bob.delivered.values()) == [2]


def test_every_face_knows_a_message_by_the_same_id(world: World) -> None:
    host, alice, bob = world.places[OWN], world.add("alice"), world.add("bob")
    world.settle()
    world.say(alice, "one", "two")
    world.settle()
    ids = [event.id for event in alice.messages]
    assert [event.id for event in host.messages] == [event.id for event in bob.messages] == ids
    assert list(alice.delivered) == ids
    assert len(set(ids)) == 2


def test_the_hub_holds_nothing_that_was_said(world: World) -> None:
    """What it keeps and passes on is sealed; only the room's key, which the host itself hands out, opens it."""
    alice = world.add("alice")
    world.settle()
    world.say(alice, "a secret between us")
    (way,) = alice.up
    assert isinstance(way, bytes)
    assert b"secret" not in way
    world.settle()
    room = world.hub.rooms.first
    (posted,) = room.log
    assert b"secret" not in posted.sealed
    key = ConversationKey(ROOM.conversation, world.keys["host"].public.id, ROOM.key)
    assert key.open(posted).body().text == "a secret between us"


def test_an_author_s_key_is_fetched_once_and_nobody_s_before_it_speaks(world: World) -> None:
    world.add("alice")
    bob = world.add("bob")
    world.settle()
    assert set(bob.member.roster.keys) == {world.keys[who].public.id for who in ("bob", "host")}
    alice = world.places[1]
    world.say(alice, "one", "two", "three")
    while alice.up:
        world.move_up(alice)
    world.move_down(bob, 2)
    world.move_down(bob, 1)
    assert len(bob.up) == 1
    assert bob.heard == []
    world.settle()
    assert [said for _, said in bob.heard] == ["one", "two", "three"]
    assert world.keys["alice"].public.id in bob.member.roster.keys


def test_a_newcomer_hears_what_comes_after_and_misses_nothing(world: World) -> None:
    alice = world.add("alice")
    world.settle()
    world.say(alice, "before")
    world.settle()
    bob = world.add("bob")
    world.say(alice, "on the way")
    world.move_up(alice)  # the hub has this one before bob's wish to join
    world.settle()
    world.say(alice, "after")
    world.settle()
    assert bob.heard == [("alice", "after")]
    assert bob.notices() == []


def test_the_same_name_twice(world: World) -> None:
    alice, twin = world.add("alice"), world.add("bob", "Alice")
    world.settle()
    assert [alice.member.name, twin.member.name] == ["alice", "Alice-2"]
    world.say(twin, "I am the other one")
    world.settle()
    assert alice.heard == [("Alice-2", "I am the other one")]
    assert alice.messages[0].signed_as is None
    world.do(twin, commands.Nick("ALICE"))
    world.settle()
    assert twin.notices() == ["name-numbered", "name-taken"]
    assert twin.member.name == "Alice-2"


def test_what_was_said_before_a_renaming_arrives_unmarked(world: World) -> None:
    alice, bob = world.add("alice"), world.add("bob")
    world.settle()
    world.do(alice, commands.Nick("liddell"))
    world.say(alice, "still signed alice")
    world.settle()
    world.say(alice, "signed liddell")
    world.settle()
    assert bob.heard == [("liddell", "still signed alice"), ("liddell", "signed liddell")]
    assert [event.signed_as for event in bob.messages] == [None, None]


def test_a_departed_name_under_another_key_is_announced_to_those_who_knew_it(world: World) -> None:
    alice, bob = world.add("alice"), world.add("bob")
    world.settle()
    world.leave(alice, politely=True)
    world.settle()
    carol = world.add("carol", "bob")
    mallory = world.add("mallory", "alice")
    world.settle()
    sentence = NOTICES["name-changed-hands"].format(name="alice")
    for place in (bob, world.places[OWN], mallory):
        told = [event.text for event in place.told if isinstance(event, events.Notice)]
        assert told == ([sentence] if place is not mallory else [])
    assert carol.member.name == "bob-2"
    assert carol.notices() == ["name-numbered"]


def test_the_same_key_from_elsewhere_takes_the_place(world: World) -> None:
    first, bob = world.add("alice"), world.add("bob")
    world.settle()
    world.say(first, "before")
    world.settle()
    second = world.add("alice")
    world.settle()
    assert not first.open
    world.say(second, "after")
    world.settle()
    assert bob.heard == [("alice", "before"), ("alice", "after")]
    left, joined = [event for event in bob.told if isinstance(event, events.MemberLeft | events.MemberJoined)]
    assert isinstance(left, events.MemberLeft)
    assert left.reason == Replaced.code
    assert isinstance(joined, events.MemberJoined)
    assert joined.member == left.member
    assert bob.notices() == []
    assert list(first.delivered.values()) == [1]
    assert list(second.delivered.values()) == [2]


def test_what_was_under_way_in_a_cut_link_fails_and_is_given_back(world: World) -> None:
    alice, bob = world.add("alice"), world.add("bob")
    world.settle()
    world.say(alice, "one", "two", "three")
    world.move_up(alice)
    world.leave(alice, politely=False)
    world.settle()
    assert bob.heard == [("alice", "one")]
    failed = [event.message for event in alice.told if isinstance(event, events.Failed)]
    assert failed == ["one", "two", "three"]  # the answer to the first was cut off as well
    assert alice.delivered == {}


def test_everybody_sees_one_order_however_the_ways_are_timed(keys: dict[str, PrivateKey]) -> None:
    for seed in range(10):
        choose = random.Random(seed)
        world = World(keys)
        for who in ("alice", "bob", "carol", "mallory"):
            world.add(who)
        world.shuffle(choose)
        for number in range(12):
            place = choose.choice(world.here)
            world.say(place, f"{place.who} {number}")
            if number % 5 == 4:
                world.shuffle(choose)
        world.shuffle(choose)
        numbers = dict(itertools.chain.from_iterable(place.delivered.items() for place in world.places))
        assert sorted(numbers.values()) == list(range(1, 13))
        for place in world.places:
            others = [numbers[event.id] for event in place.messages if not event.mine]
            assert others == sorted(set(numbers.values()) - set(place.delivered.values()))
            assert {event.signature for event in place.messages} == {"good"}
            assert place.notices() == []


# --- whatever happens ------------------------------------------------------------------------------------------------


GUESTS = ["alice", "bob", "carol", "mallory"]
WANTED = ["alice", "a1ice", "bob", "e" * 24]


class AnyConversation(RuleBasedStateMachine):
    """People come, talk, rename themselves and go, while every message is under way for any length of time.

    An honest hub must never make a member tell its person of a breach, a hole or a repetition, and whoever is in the
    room from one number on has each post from there on exactly once, in the order of the numbers.
    """

    def __init__(self, keys: dict[str, PrivateKey]) -> None:
        super().__init__()
        self.world = World(keys)
        self.count = 0
        self.said: dict[str, str] = {}
        """Message id → text."""

    def _place(self, index: int) -> Place:
        return self.world.here[index % len(self.world.here)]

    @rule(who=st.sampled_from(GUESTS), name=st.sampled_from(WANTED))
    def join(self, who: str, name: str) -> None:
        self.world.add(who, name)

    @rule(index=st.integers(0, 9))
    def say(self, index: int) -> None:
        place = self._place(index)
        if place.member.joined:
            self.count += 1
            self.world.say(place, f"{place.who} {self.count}")
            self.said[place.messages[-1].id] = place.messages[-1].text

    @rule(index=st.integers(0, 9), name=st.sampled_from(["Alice", "bob-2", "m", "zoé"]))
    def rename(self, index: int, name: str) -> None:
        place = self._place(index)
        if place.member.joined:
            self.world.do(place, commands.Nick(name))

    @rule(index=st.integers(0, 9), count=st.integers(1, 6))
    def towards_the_hub(self, index: int, count: int) -> None:
        place = self._place(index)
        for _ in range(count):
            if place.up:
                self.world.move_up(place)

    @rule(index=st.integers(0, 9), count=st.integers(1, 6))
    def towards_a_member(self, index: int, count: int) -> None:
        self.world.move_down(self._place(index), count)

    @rule()
    def everything_arrives(self) -> None:
        self.world.settle()

    @precondition(lambda self: len(self.world.here) > 1)
    @rule(index=st.integers(0, 9), politely=st.booleans())
    def leave(self, index: int, politely: bool) -> None:
        guests = self.world.here[1:]
        self.world.leave(guests[index % len(guests)], politely=politely)

    def teardown(self) -> None:
        self.world.settle()
        numbers = {posted.id.hex(): posted.number for posted in self.world.hub.rooms.first.log}
        assert sorted(numbers.values()) == list(range(1, len(numbers) + 1))
        for place in self.world.places:
            self._check_place(place, numbers)
        views = [place.names for place in self.world.here]
        assert all(view == views[0] for view in views)
        assert len({text.skeleton(name) for name in views[0].values()}) == len(views[0]) == self.world.hub.members
        # The last word is heard by everybody who is here, whatever went before.
        speaker = self.world.here[-1]
        if speaker.member.joined:
            self.world.say(speaker, "the end")
            self.world.settle()
            for place in self.world.here:
                assert place.messages[-1].text == "the end"
                assert place.messages[-1].from_ == speaker.member.name

    def _check_place(self, place: Place, numbers: dict[str, int]) -> None:
        for event in place.messages:
            assert event.text == self.said[event.id]
            if not event.mine:
                # A key that was still under way when the link ended leaves the signature open; nothing else does.
                assert event.signature == "good" or (event.signature == "missing" and not place.open)
        for shown_id, number in place.delivered.items():
            assert numbers[shown_id] == number
        assert set(place.notices()) <= {"name-taken", "name-numbered", "name-changed-hands"}
        seen = [numbers[event.id] for event in place.messages if not event.mine] + list(place.delivered.values())
        if place.open and seen:
            # No hole from the first that concerned this member to the newest of all.
            assert sorted(seen) == list(range(min(seen), len(numbers) + 1))
        others = [numbers[event.id] for event in place.messages if not event.mine]
        assert others == sorted(set(others))


def test_any_conversation(keys: dict[str, PrivateKey]) -> None:
    run_state_machine_as_test(
        lambda: AnyConversation(keys), settings=settings(max_examples=60, stateful_step_count=40, deadline=None)
    )
