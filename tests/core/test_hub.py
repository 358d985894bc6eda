"""The host's router, driven by facts; what it decides is performed here as the net layer does.

Nothing here needs a real key: to the hub a member is a hash, a modulus is 256 bytes, and a post is closed.
"""

from __future__ import annotations

import itertools
from collections import defaultdict, deque
from typing import Any, get_args

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from usi.core import codec, hub, text, wire
from usi.core.crypto import TAG_SIZE, Point, digest, sha256
from usi.core.errors import BadMessage, Cut, OutOfTurn, PeerError, RefusedName, Replaced
from usi.core.hub import (
    OWN,
    TRANSFERS,
    TRANSFERS_OF_ONE,
    Arrived,
    Close,
    Drop,
    Expect,
    Fact,
    FreePlace,
    Gone,
    Heard,
    Hub,
    Note,
    Passed,
    Send,
)
from usi.core.numbering import LOG_BYTES, LOG_POSTS

GENERAL = sha256(b"general")[:16]
SEALED = bytes(wire.PADDING + TAG_SIZE)
BAD_NAMES = ["", "   ", "a" * 25, "evil\u202e", "a\u200bb", "\x1b[31mred", "a/b", "аlice", "_", "alice✓", "\ud800"]


def member_id(who: str) -> bytes:
    return sha256(who.encode())


def facts(who: str) -> wire.LinkFacts:
    return wire.LinkFacts(member_id(who), sha256(who.encode()) * 8, b"f" * 32, ("one", "two", "three", "four"), who)


class Floor:
    """A hub at work: what each link was told, and why links were closed. Link 0 is the host's own person."""

    def __init__(self, *room_names: str) -> None:
        self.rooms = [
            wire.RoomInfo(sha256(name.encode())[:16], name, "", sha256(b"key of " + name.encode()), 0)
            for name in room_names or ("general",)
        ]
        self.now = 0.0
        rooms = [(room, digest("usi3 key id", room.key)) for room in self.rooms]
        self.hub = Hub(rooms, clock=lambda: self.now, transfers_per_address=3)
        self.told: dict[int, list[Any]] = defaultdict(list)
        self.closed: dict[int, PeerError] = {}
        self.who: dict[int, str] = {}
        self.expected: list[Expect] = []
        self.dropped: list[bytes] = []
        self.places_wanted = 0
        self._links = itertools.count(OWN)
        self._ids = itertools.count(1)
        self.join("host")

    def handle(self, fact: Fact) -> None:
        """Perform what follows from a fact. A link that is closed is gone, as the net layer reports it."""
        waiting = deque([fact])
        while waiting:
            for effect in self.hub.handle(waiting.popleft()):
                if isinstance(effect, Send):
                    assert len(set(effect.links)) == len(effect.links)
                    for link in effect.links:
                        assert link not in self.closed
                        self.told[link].append(effect.message)
                elif isinstance(effect, Expect):
                    self.expected.append(effect)
                elif isinstance(effect, Drop):
                    self.dropped.append(effect.request)
                    waiting.append(Passed(effect.request))
                elif isinstance(effect, Close):
                    self.closed[effect.link] = effect.error
                    waiting.append(Gone(effect.link, effect.error.code))
                elif isinstance(effect, FreePlace):
                    self.places_wanted += 1
                else:
                    assert isinstance(effect, Note)

    def arrive(self, who: str, network: str = "") -> int:
        link = next(self._links)
        self.who[link] = who
        self.handle(Arrived(link, facts(who), network=network))
        return link

    def hear(self, link: int, message: wire.Message) -> None:
        self.handle(Heard(link, message))

    def join(self, who: str, name: str | None = None, network: str = "") -> int:
        link = self.arrive(who, network)
        self.hear(link, wire.Join(who if name is None else name))
        for room in self.rooms[1:]:
            if link != OWN and link not in self.closed:
                self.hear(link, wire.Enter(room.name))
        return link

    def post(self, who: str, sealed: bytes = SEALED, room: int = 0) -> wire.Post:
        """A fresh post, not yet sent."""
        info = self.rooms[room]
        post_id = next(self._ids).to_bytes(15, "big")
        return wire.Post(info.conversation, digest("usi3 key id", info.key), member_id(who), post_id, sealed)

    def say(self, link: int, sealed: bytes = SEALED, room: int = 0) -> wire.Post:
        post = self.post(self.who[link], sealed, room)
        self.hear(link, post)
        return post

    def all(self, link: int, kind: type[Any]) -> list[Any]:
        return [message for message in self.told[link] if isinstance(message, kind)]

    def name(self, link: int) -> str:
        """The name that the hub gave in its Welcome."""
        name: str = self.all(link, wire.Welcome)[-1].me.name
        return name

    def forget(self) -> None:
        """Let what was told so far count as read."""
        self.told.clear()


@pytest.fixture
def floor() -> Floor:
    return Floor()


# --- joining -----------------------------------------------------------------------------------------------------


def test_a_join_is_answered_and_announced_to_the_others(floor: Floor) -> None:
    alice = floor.join("alice")
    floor.forget()
    bob = floor.join("bob")
    welcome, present = floor.told[bob]
    assert welcome.me == wire.MemberInfo(member_id("bob"), "bob")
    assert welcome.host == wire.MemberInfo(member_id("host"), "host")
    assert welcome.rooms == floor.rooms
    assert welcome.history is False
    assert present.last
    assert {info.name: info.id for info in present.members} == {
        "host": member_id("host"),
        "alice": member_id("alice"),
    }
    assert floor.told[alice] == [wire.Joined(GENERAL, [welcome.me])]
    assert floor.hub.members == 3


def test_each_welcome_has_a_session_of_its_own(floor: Floor) -> None:
    sessions = {floor.all(floor.join(who), wire.Welcome)[0].session for who in ("alice", "bob", "carol")}
    assert len(sessions) == 3
    assert {len(session) for session in sessions} == {wire.SESSION_SIZE}


def test_the_host_s_own_person_finds_an_empty_house(floor: Floor) -> None:
    welcome, present = floor.told[OWN]
    assert welcome.me == welcome.host == wire.MemberInfo(member_id("host"), "host")
    assert present == wire.Present(GENERAL, [], True)


def test_facts_of_a_link_go_to_the_host_s_own_person_before_the_announcement(floor: Floor) -> None:
    floor.forget()
    alice = floor.join("alice")
    bob = floor.join("bob")
    assert floor.told[OWN] == [
        facts("alice"),
        wire.Joined(GENERAL, [wire.MemberInfo(member_id("alice"), "alice")]),
        facts("bob"),
        wire.Joined(GENERAL, [wire.MemberInfo(member_id("bob"), "bob")]),
    ]
    for link in (alice, bob):
        assert not floor.all(link, wire.LinkFacts)


def test_a_link_that_has_not_joined_is_no_member(floor: Floor) -> None:
    floor.forget()
    silent = floor.arrive("alice")
    floor.say(OWN)
    assert floor.hub.members == 1
    assert not floor.told[OWN][1:]  # its own Ack, and nothing of alice
    assert not floor.told[silent]


@pytest.mark.parametrize(("guests", "sizes"), [(0, [1]), (499, [500]), (500, [500, 1]), (1_000, [500, 500, 1])])
def test_a_long_list_of_members_comes_in_parts(guests: int, sizes: list[int]) -> None:
    floor = Floor()
    for number in range(guests):
        floor.join(f"guest {number}")
    presents = floor.all(floor.join("alice"), wire.Present)
    assert [len(present.members) for present in presents] == sizes
    assert [present.last for present in presents] == [False] * (len(sizes) - 1) + [True]
    listed = [info.id for present in presents for info in present.members]
    assert len(set(listed)) == len(listed) == guests + 1


def test_the_longest_part_fits_a_record() -> None:
    longest = [wire.MemberInfo(sha256(bytes(i)), "😀" * wire.MAX_NAME) for i in range(wire.MAX_PRESENT)]
    (plaintext,) = codec.pack([codec.encode(wire.Present(GENERAL, longest, False))])
    assert len(plaintext) + TAG_SIZE <= wire.MAX_RECORD
    assert codec.decode_from_host(plaintext) == [wire.Present(GENERAL, longest, False)]


def test_a_newcomer_learns_each_room_and_its_newest_number() -> None:
    floor = Floor("general", "staff")
    alice = floor.join("alice")
    for room in (0, 1, 1):
        floor.say(alice, room=room)
    bob = floor.join("bob")
    rooms = [*floor.all(bob, wire.Welcome)[0].rooms, *(entered.room for entered in floor.all(bob, wire.Entered))]
    assert [(room.name, room.key, room.number) for room in rooms] == [
        ("general", floor.rooms[0].key, 1),
        ("staff", floor.rooms[1].key, 2),
    ]


# --- names ---------------------------------------------------------------------------------------------------------


def test_a_name_that_is_taken_or_looks_alike_gets_a_number(floor: Floor) -> None:
    names = [floor.name(floor.join(f"key {i}", name)) for i, name in enumerate(("alice", "alice", "ALICE", "a1ïce"))]
    assert names == ["alice", "alice-2", "ALICE-3", "a1ïce-4"]
    assert len({text.skeleton(name) for name in names}) == 4


def test_the_name_that_is_told_is_the_one_that_was_cleaned(floor: Floor) -> None:
    alice = floor.join("alice", "  Jean Pierre ")
    assert floor.name(alice) == "Jean-Pierre"
    assert floor.told[OWN][-1] == wire.Joined(GENERAL, [wire.MemberInfo(member_id("alice"), "Jean-Pierre")])


def test_a_name_is_free_again_when_its_owner_has_left(floor: Floor) -> None:
    floor.handle(Gone(floor.join("alice"), "cut"))
    assert floor.name(floor.join("bob", "alice")) == "alice"


@pytest.mark.parametrize("name", BAD_NAMES)
def test_nobody_joins_under_a_bad_name(floor: Floor, name: str) -> None:
    floor.forget()
    link = floor.join("alice", name)
    assert isinstance(floor.closed[link], RefusedName)
    assert not floor.told
    assert floor.hub.members == 1


@pytest.mark.parametrize("name", BAD_NAMES)
def test_nobody_takes_a_bad_name(floor: Floor, name: str) -> None:
    link = floor.join("alice")
    floor.forget()
    floor.hear(link, wire.Nick(name))
    assert isinstance(floor.closed[link], RefusedName)
    assert floor.told == {OWN: [wire.Left(GENERAL, [member_id("alice")], RefusedName.code)]}


def test_a_new_name_is_told_to_everybody_its_owner_included(floor: Floor) -> None:
    alice, bob = floor.join("alice"), floor.join("bob")
    floor.forget()
    floor.hear(alice, wire.Nick(" Alice  Liddell"))
    renamed = wire.Renamed(member_id("alice"), "Alice-Liddell")
    assert floor.told == {OWN: [renamed], alice: [renamed], bob: [renamed]}
    assert renamed.name in [info.name for info in floor.all(floor.join("carol"), wire.Present)[0].members]
    assert floor.name(floor.join("dave", "alice")) == "alice"


@pytest.mark.parametrize("wanted", ["bob", "BOB", "b0b", "bôb", "host"])
def test_a_new_name_that_is_taken_is_refused_to_its_asker_only(floor: Floor, wanted: str) -> None:
    alice = floor.join("alice")
    floor.join("bob")
    floor.forget()
    floor.hear(alice, wire.Nick(wanted))
    assert floor.told == {alice: [wire.Notice("name-taken", wanted)]}
    assert not floor.closed
    assert "alice" in [info.name for info in floor.all(floor.join("carol"), wire.Present)[0].members]
    assert floor.name(floor.join("dave", wanted)) == f"{wanted}-2"


def test_one_may_change_the_look_of_one_s_own_name(floor: Floor) -> None:
    alice = floor.join("alice")
    floor.forget()
    floor.hear(alice, wire.Nick("Alïce"))
    assert floor.told[alice] == [wire.Renamed(member_id("alice"), "Alïce")]
    assert floor.name(floor.join("bob", "alice")) == "alice-2"


def test_a_new_name_that_is_the_old_one_is_not_told(floor: Floor) -> None:
    alice = floor.join("alice")
    assert floor.hub.handle(Heard(alice, wire.Nick("alice"))) == []
    assert floor.hub.handle(Heard(alice, wire.Nick(" alice "))) == []


def test_being_away_is_told_to_those_who_see_one_and_to_newcomers(floor: Floor) -> None:
    alice, bob = floor.join("alice"), floor.join("bob")
    floor.forget()
    floor.hear(alice, wire.Away("at\tlunch \x1b\n"))
    absent = wire.Absent(member_id("alice"), "at lunch ␛ ⏎ ")
    assert floor.told == {OWN: [absent], alice: [absent], bob: [absent]}
    seen = {info.name: info.away for info in floor.all(floor.join("carol"), wire.Present)[0].members}
    assert seen == {"host": None, "alice": absent.text, "bob": None}
    floor.forget()
    assert floor.hub.handle(Heard(alice, wire.Away("at\tlunch \x1b\n"))) == []  # nothing new
    floor.hear(alice, wire.Away(None))
    assert floor.told[bob] == [wire.Absent(member_id("alice"), None)]
    assert floor.hub.handle(Heard(alice, wire.Away(None))) == []


def test_what_is_made_visible_still_fits(floor: Floor) -> None:
    alice = floor.join("alice")
    floor.hear(alice, wire.Away("\u202e" * wire.MAX_AWAY))
    (absent,) = floor.all(OWN, wire.Absent)
    assert len(absent.text) == wire.MAX_AWAY
    assert absent.text.startswith("‹U+202E›")


def test_who_may_say_nothing_is_away_without_a_word(floor: Floor) -> None:
    alice = floor.join("alice")
    floor.hear(OWN, wire.Order("silence", "alice", "", "", 0, False))
    floor.hear(alice, wire.Away("buy my things"))
    assert [absent.text for absent in floor.all(OWN, wire.Absent)] == [""]


# --- proofs of a password, and a key that lasts -------------------------------------------------------------------


def test_a_proof_goes_between_a_member_and_the_host_s_person_and_nobody_else_hears_it(floor: Floor) -> None:
    alice, bob = floor.join("alice"), floor.join("bob")
    floor.forget()
    floor.hear(alice, wire.Ask(POINT))
    floor.hear(OWN, wire.Answer(member_id("alice"), POINT, bytes(32)))
    floor.hear(alice, wire.Prove(bytes(32)))
    floor.hear(bob, wire.Prove(None))
    assert floor.told == {
        OWN: [
            wire.Asked(member_id("alice"), POINT),
            wire.Proved(member_id("alice"), bytes(32)),
            wire.Proved(member_id("bob"), None),
        ],
        alice: [wire.Challenge(POINT, bytes(32))],
    }
    assert not floor.closed


def test_who_asks_with_a_point_that_is_none_is_gone(floor: Floor) -> None:
    alice = floor.join("alice")
    floor.forget()
    floor.hear(alice, wire.Ask(b"\4" + bytes(64)))
    assert isinstance(floor.closed[alice], BadMessage)
    assert not [message for message in floor.told[OWN] if isinstance(message, wire.Asked)]


def test_only_the_host_s_person_answers_and_only_who_is_there(floor: Floor) -> None:
    alice, bob = floor.join("alice"), floor.join("bob")
    floor.forget()
    floor.hear(bob, wire.Answer(member_id("alice"), POINT, bytes(32)))
    floor.hear(OWN, wire.Answer(member_id("carol"), POINT, bytes(32)))
    floor.hear(OWN, wire.Ask(POINT))
    assert not any(floor.told[link] for link in (OWN, alice, bob))


def test_a_host_that_keeps_its_key_says_so_behind_the_welcome(floor: Floor) -> None:
    alice = floor.join("alice")
    assert not floor.all(alice, wire.Lasting)
    floor.hub._lasting = True
    bob = floor.join("bob")
    assert [wire.tag_of(message) for message in floor.told[bob][:3]] == ["welcome", "lasting", "present"]


# --- whose turn it is ----------------------------------------------------------------------------------------------

BOTH_WAYS = {wire.Alive, wire.Bye, wire.Got}
POINT = Point.generator().encode()
FROM_HOST: list[wire.Message] = [
    wire.Welcome(wire.MemberInfo(b"m" * 32, "m"), wire.MemberInfo(b"h" * 32, "h"), b"s" * 16, False, []),
    wire.Lasting(),
    wire.Challenge(POINT, bytes(32)),
    wire.Present(GENERAL, [], True),
    wire.KeyOf(b"m" * 32, None),
    wire.Posted(b"c" * 16, b"k" * 32, b"m" * 32, b"i" * 15, 1, SEALED),
    wire.Ack(b"i" * 15, 1),
    wire.StaleKey(b"i" * 15),
    wire.Refused(b"i" * 15, "no"),
    wire.Joined(GENERAL, [wire.MemberInfo(b"m" * 32, "m")]),
    wire.Left(GENERAL, [b"m" * 32], "left"),
    wire.Renamed(b"m" * 32, "m"),
    wire.Absent(b"m" * 32, None),
    wire.Notice("name-taken", "m"),
    wire.Ticket(b"r" * 16, b"t" * 32),
    wire.NoTicket(b"r" * 16, "no"),
    wire.Wanted(b"m" * 32, b"t" * 16, 0, b"t" * 32),
    wire.Passed(b"m" * 32, b"p" * 16, b"x"),
    wire.Gathered(b"c" * 16, b"k" * 32, 1),
    wire.Resumed(1, 1),
    wire.NoSeat(),
    wire.Skipped(1),
    wire.Caught(b"c" * 16, 1),
    wire.Found(b"c" * 16, b"k" * 32, b"m" * 32, b"i" * 15, 1, SEALED),
    wire.Standing(2),
    wire.Salt(bytes(16)),
    wire.RoomList([]),
    wire.Entered(wire.RoomInfo(GENERAL, "general", "", bytes(32), 0)),
    wire.Out(GENERAL, "revoked"),
    wire.RoomKey(GENERAL, bytes(32)),
    wire.Topic(GENERAL, "on cats", "alice"),
    wire.Deed("kicked", "bob", "alice", "too loud"),
    wire.OldKey(GENERAL, b"m" * 32, bytes(32)),
    wire.Old(GENERAL, b"k" * 32, b"m" * 32, b"i" * 15, 1, SEALED),
    wire.OldEnd(GENERAL, 1, 0, False),
    wire.LogEntry(1_700_000_000_000, "kicked", [("name", "bob")]),
    wire.LimitValues([]),
]
FROM_MEMBER: list[wire.Message] = [
    wire.Post(b"c" * 16, b"k" * 32, member_id("alice"), b"i" * 15, SEALED),
    wire.GetKey(member_id("host")),
    wire.Nick("alice"),
    wire.Away("out"),
    wire.Fetch(member_id("host"), b"t" * 16, b"r" * 16, 0),
    wire.FileWord(member_id("host"), b"t" * 16, "declined"),
    wire.Ask(POINT),
    wire.Prove(None),
    wire.Pass(member_id("host"), b"p" * 16, b"x"),
    wire.Gather(b"c" * 16, b"k" * 32, [member_id("alice"), member_id("host")]),
    wire.Leave(b"c" * 16),
    wire.Again(b"c" * 16, 1, 2),
    wire.ListRooms(),
    wire.Enter("staff"),
    wire.Past(GENERAL, 0, 10),
    wire.Order("kick", "bob", "", "", 0, False),
    wire.Fetch(member_id("host"), b"t" * 16, b"r" * 16, 0),
]


def test_the_lists_of_messages_are_whole() -> None:
    assert {type(message) for message in FROM_HOST} == set(get_args(wire.FromHost)) - BOTH_WAYS - {wire.FileWord}
    assert {type(message) for message in FROM_MEMBER} == set(get_args(wire.FromMember)) - BOTH_WAYS - {
        wire.Join,
        wire.Claim,  # a host's door answers these
        wire.Login,
        wire.Unlock,
        wire.Resume,
    }


@pytest.mark.parametrize("message", [*FROM_MEMBER, *FROM_HOST, wire.Alive()], ids=wire.tag_of)
def test_nothing_but_a_join_comes_first(floor: Floor, message: wire.Message) -> None:
    link = floor.arrive("alice")
    floor.forget()
    floor.hear(link, message)
    assert isinstance(floor.closed[link], OutOfTurn)
    assert not floor.told


@pytest.mark.parametrize("message", [*FROM_HOST, wire.Join("alice")], ids=wire.tag_of)
def test_a_member_does_not_join_twice_and_does_not_speak_as_the_host(floor: Floor, message: wire.Message) -> None:
    link = floor.join("alice")
    floor.join("bob")
    floor.forget()
    floor.hear(link, message)
    error = floor.closed[link]
    assert isinstance(error, OutOfTurn)
    assert wire.tag_of(message) in str(error)
    gone = wire.Left(GENERAL, [member_id("alice")], OutOfTurn.code)
    assert floor.told == {OWN: [gone], link + 1: [gone]}


def test_a_sign_of_life_says_nothing(floor: Floor) -> None:
    link = floor.join("alice")
    assert floor.hub.handle(Heard(link, wire.Alive())) == []


@pytest.mark.parametrize("message", [*FROM_MEMBER, *FROM_HOST, wire.Join("a"), wire.Bye("left")], ids=wire.tag_of)
def test_a_link_that_is_gone_is_not_heard(floor: Floor, message: wire.Message) -> None:
    link = floor.join("alice")
    floor.handle(Gone(link, "cut"))
    assert floor.hub.handle(Heard(link, message)) == []
    assert floor.hub.handle(Heard(99, message)) == []


# --- posts ---------------------------------------------------------------------------------------------------------


def test_a_post_is_acknowledged_and_delivered_to_the_others(floor: Floor) -> None:
    alice, bob = floor.join("alice"), floor.join("bob")
    floor.forget()
    post = floor.say(alice, b"s" * 272)
    assert floor.told[alice] == [wire.Ack(post.id, 1)]
    posted = wire.Posted(post.conversation, post.key_id, member_id("alice"), post.id, 1, b"s" * 272)
    assert floor.told[bob] == floor.told[OWN] == [posted]


def test_a_post_in_somebody_else_s_name_ends_the_link(floor: Floor) -> None:
    alice, bob = floor.join("alice"), floor.join("bob")
    floor.forget()
    floor.hear(alice, floor.post("bob"))
    assert isinstance(floor.closed[alice], BadMessage)
    assert floor.told[bob] == [wire.Left(GENERAL, [member_id("alice")], BadMessage.code)]
    floor.forget()
    floor.say(bob)
    assert floor.all(bob, wire.Ack)[0].number == 1


def test_a_post_to_an_unknown_conversation_is_refused(floor: Floor) -> None:
    alice = floor.join("alice")
    floor.join("bob")
    floor.forget()
    post = wire.Post(b"?" * 16, b"k" * 32, member_id("alice"), b"i" * 15, SEALED)
    floor.hear(alice, post)
    assert floor.told == {alice: [wire.Refused(post.id, "no-such-room")]}
    assert not floor.closed


def test_a_post_to_a_room_that_one_is_not_in_is_refused() -> None:
    floor = Floor("general", "staff")
    alice = floor.join("alice")
    floor.hear(alice, wire.Leave(floor.rooms[1].conversation))
    floor.forget()
    post = floor.say(alice, room=1)
    assert floor.told == {alice: [wire.Refused(post.id, "no-such-room")]}
    floor.say(OWN, room=1)
    assert not floor.all(alice, wire.Posted)


def test_a_post_under_another_key_is_stale_and_takes_no_number(floor: Floor) -> None:
    alice = floor.join("alice")
    floor.forget()
    post = wire.Post(floor.rooms[0].conversation, b"k" * 32, member_id("alice"), b"i" * 15, SEALED)
    floor.hear(alice, post)
    assert floor.told == {alice: [wire.StaleKey(post.id)]}
    fresh = floor.say(alice)
    assert floor.told[alice][-1] == wire.Ack(fresh.id, 1)


def test_what_comes_twice_is_acknowledged_twice_and_delivered_once(floor: Floor) -> None:
    alice, bob = floor.join("alice"), floor.join("bob")
    first, second = floor.say(alice), floor.say(alice)
    floor.forget()
    for post in (second, first, first):
        floor.hear(alice, post)
    assert floor.told == {alice: [wire.Ack(second.id, 2), wire.Ack(first.id, 1), wire.Ack(first.id, 1)]}
    floor.say(bob)
    assert floor.all(bob, wire.Ack)[0].number == 3


@pytest.mark.parametrize("change", ["sealed", "key_id"])
def test_two_posts_under_one_id_end_the_link(floor: Floor, change: str) -> None:
    alice, bob = floor.join("alice"), floor.join("bob")
    post = floor.say(alice)
    floor.forget()
    changed = {"sealed": b"x" + post.sealed[1:], "key_id": b"x" * 32}
    fields = {name: getattr(post, name) for name in post.__struct_fields__} | {change: changed[change]}
    floor.hear(alice, wire.Post(**fields))
    assert isinstance(floor.closed[alice], BadMessage)
    assert not floor.all(bob, wire.Posted)


def test_what_came_before_is_known_whatever_the_key_is_now(floor: Floor) -> None:
    """A post that was taken is never called stale: its author would seal it again, and it would be there twice."""
    alice, bob = floor.join("alice"), floor.join("bob")
    post = floor.say(alice)
    floor.hub.rooms.first.key_id = b"n" * 32  # the room's key was replaced meanwhile
    floor.forget()
    floor.hear(alice, post)
    assert floor.told == {alice: [wire.Ack(post.id, 1)]}
    fresh = floor.say(alice)
    assert floor.told[alice][-1] == wire.StaleKey(fresh.id)
    assert not floor.told[bob]


def test_equal_ids_of_two_members_or_in_two_rooms_are_two_posts() -> None:
    floor = Floor("general", "staff")
    alice, bob = floor.join("alice"), floor.join("bob")
    posts = [floor.post("alice"), floor.post("bob"), floor.post("alice", room=1)]
    floor.forget()
    for link, post in zip((alice, bob, alice), posts, strict=True):
        floor.hear(link, wire.Post(post.conversation, post.key_id, post.sender, b"i" * 15, post.sealed))
    assert [ack.number for ack in floor.all(alice, wire.Ack)] == [1, 1]
    assert [ack.number for ack in floor.all(bob, wire.Ack)] == [2]
    assert len(floor.all(OWN, wire.Posted)) == 3


def test_every_room_numbers_its_posts_without_holes() -> None:
    floor = Floor("general", "staff")
    links = [floor.join("alice"), floor.join("bob"), OWN]
    for index in range(30):
        floor.say(links[index % 3], room=index * index % 2)
    for room in floor.rooms:
        told = [[p for p in floor.all(link, wire.Posted) if p.conversation == room.conversation] for link in links]
        here = [[posted.number for posted in posts] for posts in told]
        assert all(numbers == sorted(set(numbers)) for numbers in here)
        assert set().union(*here) == set(range(1, 16))


def test_the_log_is_bounded_by_posts_and_what_leaves_it_is_forgotten(floor: Floor) -> None:
    alice = floor.join("alice")
    posts = [floor.say(alice) for _ in range(LOG_POSTS + 1)]
    room = floor.hub.rooms.first
    assert len(room.log) == len(room.posted) == LOG_POSTS
    floor.forget()
    floor.hear(alice, posts[1])
    floor.hear(alice, posts[0])
    assert floor.told[alice] == [wire.Ack(posts[1].id, 2), wire.Ack(posts[0].id, LOG_POSTS + 2)]


def test_the_log_is_bounded_by_bytes_and_what_leaves_it_is_forgotten(floor: Floor) -> None:
    alice = floor.join("alice")
    sealed = bytes(wire.MAX_SEALED)
    fitting = LOG_BYTES // len(sealed)
    posts = [floor.say(alice, sealed) for _ in range(fitting + 1)]
    room = floor.hub.rooms.first
    assert room.log_bytes == sum(len(posted.sealed) for posted in room.log) <= LOG_BYTES
    assert len(room.log) == len(room.posted) == fitting
    floor.forget()
    floor.hear(alice, posts[1])
    floor.hear(alice, posts[0])
    assert floor.told[alice] == [wire.Ack(posts[1].id, 2), wire.Ack(posts[0].id, fitting + 2)]


# --- files ---------------------------------------------------------------------------------------------------------


def fetch(sender: str, number: int = 1, *, transfer: int = 1, first: int = 0) -> wire.Fetch:
    return wire.Fetch(member_id(sender), transfer.to_bytes(16, "big"), number.to_bytes(16, "big"), first)


def test_a_fetch_gives_each_of_the_two_a_ticket_of_its_own(floor: Floor) -> None:
    alice, bob, carol = floor.join("alice"), floor.join("bob"), floor.join("carol")
    floor.forget()
    floor.hear(bob, fetch("alice", first=7))
    (expect,) = floor.expected
    assert (expect.sender.name, expect.receiver.name) == ("alice", "bob")
    assert expect.request == fetch("alice").request
    assert expect.from_sender != expect.to_receiver
    assert floor.told == {
        bob: [wire.Ticket(expect.request, expect.to_receiver)],
        alice: [wire.Wanted(member_id("bob"), fetch("alice").transfer, 7, expect.from_sender)],
    }
    assert carol not in floor.told


def test_tickets_are_expected_before_anybody_has_them(floor: Floor) -> None:
    floor.join("alice")
    effects = floor.hub.handle(Heard(floor.join("bob"), fetch("alice")))
    assert [type(effect) for effect in effects] == [Expect, Send, Send]


def test_the_host_s_own_person_sends_and_receives_like_anyone(floor: Floor) -> None:
    alice = floor.join("alice")
    floor.forget()
    floor.hear(alice, fetch("host"))
    floor.hear(OWN, fetch("alice", 2))
    assert [type(message) for message in floor.told[OWN]] == [wire.Wanted, wire.Ticket]
    assert [type(message) for message in floor.told[alice]] == [wire.Ticket, wire.Wanted]


@pytest.mark.parametrize("sender", ["nobody", "bob", "gone"])
def test_of_who_is_not_here_nothing_can_be_fetched_nor_of_oneself(floor: Floor, sender: str) -> None:
    bob = floor.join("bob")
    floor.handle(Gone(floor.join("gone"), "left"))
    floor.forget()
    floor.hear(bob, fetch(sender))
    assert floor.told == {bob: [wire.NoTicket(fetch(sender).request, "sender-gone")]}
    assert not floor.expected


def test_two_transfers_under_one_request_end_the_link(floor: Floor) -> None:
    floor.join("alice")
    bob = floor.join("bob")
    floor.hear(bob, fetch("alice"))
    floor.hear(bob, fetch("alice", transfer=2))
    assert isinstance(floor.closed[bob], BadMessage)
    assert floor.dropped == [fetch("alice").request]


def test_a_request_can_come_again_once_its_transfer_has_passed(floor: Floor) -> None:
    floor.join("alice")
    bob = floor.join("bob")
    for _ in range(TRANSFERS_OF_ONE + 1):
        floor.hear(bob, fetch("alice"))
        floor.handle(Passed(fetch("alice").request))
    assert len(floor.expected) == TRANSFERS_OF_ONE + 1
    assert not floor.closed


def test_one_member_has_so_many_transfers_and_no_more(floor: Floor) -> None:
    floor.join("alice")
    bob, carol = floor.join("bob"), floor.join("carol")
    for number in range(1, TRANSFERS_OF_ONE + 1):
        floor.hear(bob, fetch("alice", number, transfer=number))
    floor.forget()
    refused = fetch("alice", 99, transfer=99)
    floor.hear(bob, refused)
    assert floor.told == {bob: [wire.NoTicket(refused.request, "too-many-transfers")]}
    floor.hear(carol, fetch("alice", 100))
    assert floor.expected[-1].receiver.name == "carol"
    floor.handle(Passed(fetch("alice", 1).request))
    floor.hear(bob, refused)
    assert floor.expected[-1].request == refused.request


def test_a_host_has_so_many_transfers_and_no_more(floor: Floor) -> None:
    floor.join("alice")
    for number in range(1, TRANSFERS + 1):
        receiver = floor.join(f"r{number}")
        floor.hear(receiver, fetch("alice", number))
    assert len(floor.expected) == TRANSFERS
    late = floor.join("late")
    floor.hear(late, fetch("alice", 999))
    assert floor.all(late, wire.NoTicket) == [wire.NoTicket(fetch("alice", 999).request, "too-many-transfers")]
    floor.handle(Gone(receiver, "left"))
    floor.hear(late, fetch("alice", 1_000))
    assert len(floor.all(late, wire.Ticket)) == 1


def test_while_somebody_waits_the_slowest_is_to_yield_and_who_came_first_goes_first(floor: Floor) -> None:
    floor.join("alice")
    for number in range(1, TRANSFERS):
        floor.hear(floor.join(f"r{number}"), fetch("alice", number))
    assert floor.places_wanted == 0
    greedy, first, second = (floor.join(who) for who in ("greedy", "first", "second"))
    floor.hear(greedy, fetch("alice", 500))
    numbers = iter(range(1_000, 2_000))
    for link in (first, greedy, second):
        floor.hear(link, fetch("alice", next(numbers), transfer=link))
    assert floor.places_wanted == 3
    floor.handle(Passed(fetch("alice", 500).request))  # it has yielded
    for link, goes in ((greedy, False), (second, False), (first, True), (second, False), (greedy, False)):
        floor.forget()
        floor.hear(link, fetch("alice", next(numbers), transfer=link))
        assert len(floor.all(link, wire.Ticket)) == goes
    floor.handle(Passed(fetch("alice", 1).request))
    floor.handle(Gone(greedy, "left"))
    floor.hear(second, fetch("alice", next(numbers)))
    assert len(floor.all(second, wire.Ticket)) == 1
    assert floor.places_wanted == 5, "a free place that is somebody else's is none to be made"


def test_one_address_has_so_many_transfers_and_no_more(floor: Floor) -> None:
    floor.join("alice")
    class_room = [floor.join(f"pupil{number}", network="192.0.2.7") for number in range(4)]
    for number, link in enumerate(class_room, 1):
        floor.hear(link, fetch("alice", number))
    assert [len(floor.all(link, wire.Ticket)) for link in class_room] == [1, 1, 1, 0]
    assert floor.hub.load.transfers_of_address == 3
    for number, network in enumerate(["192.0.2.8", "127.0.0.1", "", "127.0.0.1", "127.0.0.1", "127.0.0.1"], 10):
        other = floor.join(f"other{number}", network=network)
        floor.hear(other, fetch("alice", number))
        assert len(floor.all(other, wire.Ticket)) == 1
    floor.handle(Passed(fetch("alice", 1).request))
    floor.hear(class_room[-1], fetch("alice", 99))
    assert len(floor.all(class_room[-1], wire.Ticket)) == 1
    assert floor.places_wanted == 0


def test_who_fetches_again_has_given_its_earlier_connections_up(floor: Floor) -> None:
    """Else those of cut wires, and of senders that said "not now", would use up the places of all."""
    floor.join("alice")
    bob = floor.join("bob")
    for number in range(1, 3 * TRANSFERS + 1):
        floor.hear(bob, fetch("alice", number))
    assert not floor.all(bob, wire.NoTicket)
    assert floor.dropped == [fetch("alice", number).request for number in range(1, 3 * TRANSFERS)]
    floor.handle(Passed(fetch("alice", 1).request))  # late news of one that was given up
    floor.hear(bob, fetch("alice", 1_000))
    assert floor.dropped[-1] == fetch("alice", 3 * TRANSFERS).request


@pytest.mark.parametrize("leaver", ["alice", "bob"])
def test_who_leaves_drops_its_transfers(floor: Floor, leaver: str) -> None:
    links = {who: floor.join(who) for who in ("alice", "bob", "carol")}
    floor.hear(links["bob"], fetch("alice", 1))
    floor.hear(links["carol"], fetch("host", 2))
    floor.handle(Gone(links[leaver], "cut"))
    assert floor.dropped == [fetch("alice", 1).request]


def test_a_word_goes_to_its_member_under_the_name_of_who_says_it(floor: Floor) -> None:
    alice, bob = floor.join("alice"), floor.join("bob")
    carol = floor.join("carol")
    floor.forget()
    floor.hear(alice, wire.FileWord(member_id("bob"), b"t" * 16, "withdrawn"))
    assert floor.told == {bob: [wire.FileWord(member_id("alice"), b"t" * 16, "withdrawn")]}
    floor.hear(carol, wire.FileWord(member_id("nobody"), b"t" * 16, "withdrawn"))
    assert len(floor.told) == 1
    assert not floor.closed


# --- leaving -------------------------------------------------------------------------------------------------------


def test_who_goes_is_told_to_all_others_once(floor: Floor) -> None:
    alice, bob = floor.join("alice"), floor.join("bob")
    floor.forget()
    floor.handle(Gone(alice, Cut.code))
    left = wire.Left(GENERAL, [member_id("alice")], "cut")
    assert floor.told == {OWN: [left], bob: [left]}
    assert floor.hub.members == 2
    floor.forget()
    floor.say(bob)
    assert alice not in floor.told


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("left", "left"),
        ("anything", "left"),
        # Only the hub can know these of a member.
        ("replaced", "left"),
        ("too-slow", "left"),
        ("host-stopped", "left"),
        # These a member can know of its own link.
        ("bad-record", "bad-record"),
        ("bad-message", "bad-message"),
        ("silent", "silent"),
    ],
)
def test_a_goodbye_and_the_end_of_its_link_are_one_leaving(floor: Floor, said: str, told: str) -> None:
    alice, bob = floor.join("alice"), floor.join("bob")
    floor.forget()
    floor.hear(alice, wire.Bye(said))
    floor.handle(Gone(alice, Cut.code))
    left = wire.Left(GENERAL, [member_id("alice")], told)
    assert floor.told == {OWN: [left], bob: [left]}


def test_the_end_of_an_unknown_or_unjoined_link_is_silent(floor: Floor) -> None:
    assert floor.hub.handle(Gone(99, "cut")) == []
    assert floor.hub.handle(Gone(floor.arrive("alice"), "cut")) == []
    link = floor.arrive("bob")
    assert floor.hub.handle(Heard(link, wire.Bye("left"))) == []
    assert floor.hub.handle(Gone(link, "left")) == []
    assert floor.hub.members == 1


def test_an_unjoined_link_of_a_member_s_key_ends_without_harm_to_the_member(floor: Floor) -> None:
    alice = floor.join("alice")
    second = floor.arrive("alice")
    floor.forget()
    floor.handle(Gone(second, "cut"))
    assert not floor.told
    floor.say(OWN)
    assert floor.all(alice, wire.Posted)


def test_the_same_key_takes_its_first_place(floor: Floor) -> None:
    alice, bob = floor.join("alice"), floor.join("bob")
    floor.forget()
    again = floor.join("alice", "alice")
    assert isinstance(floor.closed[alice], Replaced)
    assert floor.name(again) == "alice"
    left = wire.Left(GENERAL, [member_id("alice")], Replaced.code)
    joined = wire.Joined(GENERAL, [wire.MemberInfo(member_id("alice"), "alice")])
    assert floor.told[bob] == [left, joined]
    assert floor.told[OWN] == [left, facts("alice"), joined]
    assert alice not in floor.told
    assert member_id("alice") not in [info.id for info in floor.all(again, wire.Present)[0].members]
    assert floor.hub.members == 3
    floor.handle(Gone(alice, "cut"))  # the net may say so again
    assert floor.told[bob] == [left, joined]
    post = floor.say(bob)
    assert floor.all(again, wire.Posted)[0].id == post.id


def test_the_host_s_own_key_on_a_link_does_not_unseat_the_host(floor: Floor) -> None:
    """Two programs started with one identity file: the second cannot be a guest of the first."""
    alice = floor.join("alice")
    floor.forget()
    twin = floor.join("host", "twin")
    assert twin in floor.closed
    assert OWN not in floor.closed
    assert not floor.told
    post = floor.say(alice)
    assert floor.all(OWN, wire.Posted)[0].id == post.id


# --- keys ----------------------------------------------------------------------------------------------------------


def test_a_key_is_told_of_who_is_here_and_of_who_was(floor: Floor) -> None:
    alice = floor.join("alice")
    floor.handle(Gone(floor.join("bob"), "left"))
    floor.arrive("carol")  # has a link and has not joined: nobody has heard of her
    floor.forget()
    for who in ("alice", "host", "bob", "carol", "dave"):
        floor.hear(alice, wire.GetKey(member_id(who)))
    known = [wire.KeyOf(member_id(who), facts(who).modulus) for who in ("alice", "host", "bob")]
    unknown = [wire.KeyOf(member_id(who), None) for who in ("carol", "dave")]
    assert floor.told == {alice: [*known, *unknown]}


def test_keys_of_those_who_left_are_kept_up_to_a_bound(floor: Floor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "KNOWN_KEYS", 3)
    for who in ("a", "b", "c", "d"):
        floor.handle(Gone(floor.join(who), "left"))
    alice = floor.join("alice")
    floor.forget()
    for who in ("host", "a", "b", "c", "d", "alice"):
        floor.hear(alice, wire.GetKey(member_id(who)))
    known = {answer.member for answer in floor.all(alice, wire.KeyOf) if answer.modulus}
    assert known == {member_id(who) for who in ("host", "d", "alice")}


def test_the_key_of_who_is_here_is_never_dropped(floor: Floor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "KNOWN_KEYS", 3)
    here = ["host", "a", "b", "c", "d"]
    for who in here[1:]:
        floor.join(who)
        floor.forget()
        present = here[: here.index(who) + 1]
        for other in present:
            floor.hear(OWN, wire.GetKey(member_id(other)))
        answers = {answer.member: answer.modulus for answer in floor.all(OWN, wire.KeyOf)}
        assert answers == {member_id(other): facts(other).modulus for other in present}


# --- whatever happens ----------------------------------------------------------------------------------------------

KEYS = [f"key {index}" for index in range(6)]
NAMES = ["alice", "Alice", "a1ice", "alice-2", "bob", "b0b", "carol", "rn", "m", "é", "e" * 24]


class AnyTraffic(RuleBasedStateMachine):
    """Members come, post, repeat themselves, rename themselves and go, in any order.

    Each link keeps its own view of who is here and of the numbers, made of nothing but what it was told.
    """

    def __init__(self) -> None:
        super().__init__()
        self.floor = Floor()
        self.here: dict[int, str] = {OWN: "host"}
        self.expected: dict[int, list[bytes]] = {OWN: []}
        """Link → ids of the posts that it must have been given since it joined, in order."""
        self.posts: dict[str, list[wire.Post]] = defaultdict(list)
        self.accepted = 0

    def _link(self, index: int) -> int:
        return list(self.here)[index % len(self.here)]

    def _guest(self, index: int) -> int:
        return list(self.here)[1:][index % (len(self.here) - 1)]

    @initialize(count=st.integers(0, 3))
    def begin(self, count: int) -> None:
        for index in range(count):
            self.join(KEYS[index], NAMES[index])

    @rule(key=st.sampled_from(KEYS), name=st.sampled_from(NAMES))
    def join(self, key: str, name: str) -> None:
        replaced = [link for link, who in self.here.items() if who == key]
        link = self.floor.join(key, name)
        for old in replaced:
            assert isinstance(self.floor.closed[old], Replaced)
            self._forget(old)
        self.here[link] = key
        self.expected[link] = []
        assert self.floor.all(link, wire.Welcome)[0].rooms[0].number == self.accepted

    @rule(index=st.integers(0, 9), size=st.integers(1, 3))
    def post(self, index: int, size: int) -> None:
        link = self._link(index)
        post = self.floor.say(link, bytes(wire.PADDING * size + TAG_SIZE))
        self.posts[self.here[link]].append(post)
        self.accepted += 1
        assert self.floor.told[link][-1] == wire.Ack(post.id, self.accepted)
        for other in self.here:
            if other != link:
                self.expected[other].append(post.id)

    @rule(index=st.integers(0, 9), which=st.integers(0, 99))
    def repeat(self, index: int, which: int) -> None:
        link = self._link(index)
        if mine := self.posts[self.here[link]]:
            self.floor.hear(link, mine[which % len(mine)])
            assert isinstance(self.floor.told[link][-1], wire.Ack)

    @rule(index=st.integers(0, 9), name=st.sampled_from(NAMES))
    def rename(self, index: int, name: str) -> None:
        self.floor.hear(self._link(index), wire.Nick(name))

    @precondition(lambda self: len(self.here) > 1)
    @rule(index=st.integers(0, 9), how=st.sampled_from(["bye", "gone", "both"]))
    def leave(self, index: int, how: str) -> None:
        link = self._guest(index)
        if how != "gone":
            self.floor.hear(link, wire.Bye("left"))
        if how != "bye":
            self.floor.handle(Gone(link, "cut"))
        self._forget(link)

    @precondition(lambda self: len(self.here) > 1)
    @rule(index=st.integers(0, 9), message=st.sampled_from([wire.Join("alice"), *FROM_HOST]))
    def misbehave(self, index: int, message: wire.Message) -> None:
        link = self._guest(index)
        self.floor.hear(link, message)
        assert isinstance(self.floor.closed[link], OutOfTurn)
        self._forget(link)

    def _forget(self, link: int) -> None:
        """It has left: it is told nothing any more."""
        self._check_posts(link)
        del self.here[link], self.expected[link], self.floor.told[link]

    def _check_posts(self, link: int) -> None:
        told = self.floor.all(link, wire.Posted)
        assert [posted.id for posted in told] == self.expected[link]
        seen = self.floor.all(link, wire.Welcome)[0].rooms[0].number
        acknowledged = set()
        for message in self.floor.told[link]:
            if isinstance(message, wire.Ack):
                if message.id in acknowledged or message.number <= seen:
                    continue  # a repeated post has its old number
                acknowledged.add(message.id)
            elif not isinstance(message, wire.Posted):
                continue
            seen += 1
            assert message.number == seen
        assert seen == self.accepted or link not in self.here

    @invariant()
    def everybody_was_given_each_post_once_and_in_order(self) -> None:
        assert set(self.floor.told) == set(self.here)
        for link in self.here:
            self._check_posts(link)

    @invariant()
    def everybody_sees_the_same_members_under_names_that_differ(self) -> None:
        views = []
        for link in self.here:
            view: dict[bytes, str] = {}
            for message in self.floor.told[link]:
                match message:
                    case wire.Welcome():
                        view[message.me.id] = message.me.name
                    case wire.Present():
                        view |= {info.id: info.name for info in message.members}
                    case wire.Joined():
                        (info,) = message.members
                        assert info.id not in view
                        view[info.id] = info.name
                    case wire.Left():
                        (gone,) = message.members
                        del view[gone]
                    case wire.Renamed():
                        assert message.member in view
                        view[message.member] = message.name
            views.append(view)
        assert all(view == views[0] for view in views)
        assert set(views[0]) == {member_id(who) for who in self.here.values()}
        assert len({text.skeleton(name) for name in views[0].values()}) == len(views[0]) == self.floor.hub.members
        for name in views[0].values():
            assert text.clean_name(name) == name


AnyTraffic.TestCase.settings = settings(max_examples=60, stateful_step_count=40)
TestAnyTraffic = AnyTraffic.TestCase
