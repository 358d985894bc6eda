"""The host's router, driven by facts."""

from __future__ import annotations

from collections import defaultdict
from typing import get_args

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from usi.core import codec, text, wire
from usi.core.crypto import TAG_SIZE, sha256
from usi.core.errors import Cut, OutOfTurn, Replaced
from usi.core.facts import OWN, Gone, Heard

from .floor import GENERAL, POINT, SEALED, Floor, facts, member_id

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


# --- being away ------------------------------------------------------------------------------------------------------


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


def test_a_host_that_keeps_its_key_says_so_behind_the_welcome(floor: Floor) -> None:
    alice = floor.join("alice")
    assert not floor.all(alice, wire.Lasting)
    floor.hub._lasting = True
    bob = floor.join("bob")
    assert [wire.tag_of(message) for message in floor.told[bob][:3]] == ["welcome", "lasting", "present"]


# --- whose turn it is ----------------------------------------------------------------------------------------------

BOTH_WAYS = {wire.Alive, wire.Bye, wire.Got}
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
