"""Rooms as their members have them: real member machines around the real hub, a history in a list."""

from __future__ import annotations

from collections import deque
from typing import Any, TypeVar

import pytest

from tests.core.hall import ACCOUNTS, hosted, room_id
from usi.core import commands, events, wire
from usi.core.accounts import Accounts
from usi.core.crypto import PrivateKey
from usi.core.errors import BadMessage, LocalError, NoHistory, NoSuchRoom, NotARoom, Nowhere, PeerError, StillSearching
from usi.core.facts import OWN, Arrived, Close, Fact, Gone, Heard, Keep, KeepRoom, Read, ReadPast, Send
from usi.core.hub import Hub
from usi.core.lobby import QUESTIONS
from usi.core.member import Member
from usi.core.roster import Proof

NOW = 1_700_000_000.0
WORDS = ("north", "east", "south", "west")
GENERAL, STAFF = room_id("general"), room_id("staff")
E = TypeVar("E", bound=events.Event)


class Place:
    def __init__(self, member: Member, link: int) -> None:
        self.member = member
        self.link = link
        self.down: deque[Any] = deque()
        self.told: list[events.Event] = []
        self.error: PeerError | None = None

    def all(self, kind: type[E]) -> list[E]:
        return [event for event in self.told if isinstance(event, kind)]

    def texts(self, room: str | None = None) -> list[str]:
        return [event.text for event in self.all(events.Message) if room in (None, event.room) and not event.mine]

    def codes(self) -> list[str]:
        return [event.code for event in self.told if isinstance(event, events.Notice)]


class Town:
    """Hub and members; `deliver` moves everything that is under way. With `keeps` posts and keys go into lists."""

    def __init__(self, keys: dict[str, PrivateKey], *, keeps: bool = False) -> None:
        self.keys = keys
        self.accounts = Accounts(ACCOUNTS, bytes(32))
        rooms = (hosted("general"), hosted("staff", private=True))
        self.hub = Hub(rooms, keeps=keeps, accounts=self.accounts)
        self.posts: list[wire.Posted] = []
        holder = keys["host"].public.id
        self.room_keys = {room.key_id: wire.OldKey(room.conversation, holder, room.key) for room in rooms}
        self.places: list[Place] = []
        self.add("host")

    def add(self, who: str, account: str | None = None) -> Place:
        place = Place(Member(self.keys[who], account or who), len(self.places))
        self.places.append(place)
        public, own = self.keys[who].public, place.link == OWN
        facts = wire.LinkFacts(public.id, public.modulus, bytes(32), WORDS, "192.0.2.1:5")
        self.handle(Arrived(place.link, facts, self.accounts.owner(account) if account else None))
        place.member.start(*((None, None) if own else (self.keys["host"].public, Proof(bytes(32), WORDS))))
        self.deliver()
        return place

    def handle(self, fact: Fact) -> None:
        for effect in self.hub.handle(fact):
            match effect:
                case Send():
                    for link in effect.links:
                        message = effect.message
                        if not isinstance(message, wire.LinkFacts | wire.InMemory):
                            (message,) = wire.decode_from_host(wire.pack([wire.encode(message)])[0])
                        self.places[link].down.append(message)
                case Close():
                    self.places[effect.link].error = effect.error
                    self.handle(Gone(effect.link, effect.error.code))
                case Keep():
                    self.posts.append(effect.posted)
                case KeepRoom():
                    room = effect.room
                    key = wire.OldKey(room.conversation, self.keys["host"].public.id, room.key)
                    found = self.hub.rooms.get(room.conversation)
                    assert found is not None
                    self.room_keys[found.key_id] = key
                case ReadPast():
                    self.handle(self.read(effect))

    def read(self, question: ReadPast) -> Read:
        before = question.before or 2**62
        posts = [post for post in self.posts if post.conversation == question.room and post.number < before]
        posts = [post for post in posts if post.number >= question.first]
        some = posts[-question.count :]
        keys = [self.room_keys[key_id] for key_id in {post.key_id for post in some}]
        first = some[0].number if some else 0
        return Read(question.link, question.room, keys, some, {}, first, 0, len(some) < len(posts))

    def deliver(self) -> None:
        moved = True
        while moved:
            moved = False
            for place in self.places:
                if place.error is not None:
                    continue
                messages = place.member.take_outgoing()
                for message in messages:
                    moved = True
                    if place.error is None:
                        self.handle(Heard(place.link, message))
                while place.down and place.error is None:
                    moved = True
                    place.member.receive([place.down.popleft()], NOW)
                place.told += place.member.take_events()

    def do(self, place: Place, *lines: str) -> None:
        for line in lines:
            intent = commands.parse(line)
            place.member.do(intent, NOW)  # type: ignore[arg-type]
            self.deliver()


@pytest.fixture
def town(keys: dict[str, PrivateKey]) -> Town:
    return Town(keys)


@pytest.fixture
def keeping(keys: dict[str, PrivateKey]) -> Town:
    return Town(keys, keeps=True)


def test_people_talk_in_the_rooms_that_they_are_in(town: Town) -> None:
    host, alice, bob = town.places[0], town.add("alice"), town.add("bob")
    town.do(host, "/room new lounge")
    assert alice.all(events.Moderation)[-1].code == "room-new"
    town.do(alice, "/join lounge", "only for the lounge", "/join #general", "for all")
    assert bob.texts() == ["for all"]
    assert host.texts("lounge") == ["only for the lounge"]
    assert alice.all(events.Chosen)[0].room == "lounge"
    assert [row.room for row in (town.do(bob, "/rooms"), bob.all(events.Rooms)[-1].rooms)[1]] == ["general", "lounge"]
    town.do(bob, "/join Lounge", "me too")
    assert alice.texts("lounge") == ["me too"]
    assert [event.rooms for event in alice.all(events.MemberJoined)] == [["general"], ["lounge"]]


def test_a_room_without_the_right_is_refused_and_nothing_is_chosen(town: Town) -> None:
    alice = town.add("alice")
    town.do(alice, "/join staff")
    assert alice.codes() == ["no-such-room"]
    assert not alice.member.entering
    with pytest.raises(Nowhere):
        town.do(alice, "meant for the staff")


@pytest.mark.parametrize("line", ["/revoke bob staff", "/room close staff"])
def test_who_is_put_out_while_typing_does_not_say_it_elsewhere(town: Town, line: str) -> None:
    host, bob, carol = town.places[0], town.add("bob"), town.add("carol")
    town.do(host, "/grant bob staff")
    town.do(bob, "/join staff")
    town.do(host, "/join general")
    town.do(host, line)
    with pytest.raises(Nowhere):
        town.do(bob, "for the staff alone")
    assert "for the staff alone" not in carol.texts()
    town.do(bob, "/join general", "for all")
    assert "for all" in carol.texts()


def test_a_moderator_s_kick_is_seen_and_what_was_said_meanwhile_is_sealed_anew(town: Town) -> None:
    mod, bob, carol = town.add("alice", "mod"), town.add("bob"), town.add("carol")
    assert mod.all(events.Role)[-1].role == "moderator"
    for number in range(3):
        carol.member.do(commands.Say(f"{number}"), NOW)
    waiting = carol.member.take_outgoing()  # sealed under the key that is about to go
    town.do(mod, "/kick bob too loud")
    assert bob.error is not None
    assert bob.error.exit_status == 5
    for message in waiting:
        town.handle(Heard(carol.link, message))
    town.deliver()
    carol.member.do(commands.Say("3"), NOW)
    town.deliver()
    assert mod.texts() == ["0", "1", "2", "3"]
    assert not carol.all(events.Failed)
    deed = carol.all(events.Moderation)[-1]
    assert (deed.code, deed.name, deed.by, deed.reason, deed.mine) == ("kicked", "bob", "mod", "too loud", False)
    assert "too loud" in deed.text
    assert carol.all(events.MemberLeft)[-1].reason == "kicked"


def test_who_is_put_out_cannot_read_what_comes_and_its_words_come_back(town: Town) -> None:
    host, bob = town.places[0], town.add("bob")
    town.do(host, "/grant bob staff")
    town.do(bob, "/join staff")
    room = town.hub.rooms.find("staff")
    assert room is not None
    old = bob.member._rooms[STAFF].key
    assert old is not None
    bob.member.do(commands.Say("lost words", "staff"), NOW)
    waiting = bob.member.take_outgoing()
    town.do(host, "/revoke bob staff")
    for message in waiting:
        town.handle(Heard(bob.link, message))
    town.deliver()
    assert bob.all(events.Failed)[-1].message == "lost words"
    assert bob.all(events.RoomLeft)[-1].code == "revoked"
    assert bob.member.room is None
    assert old.key_id != room.key_id
    town.do(host, "/join staff", "among us")
    assert "among us" not in bob.texts()


def test_private_talk_ends_where_people_share_no_room_any_more(town: Town) -> None:
    host, alice, bob = town.places[0], town.add("alice"), town.add("bob")
    town.do(host, "/room new lounge")
    town.do(bob, "/join lounge", "/leave")
    town.do(bob, "/join lounge", "/join general", "/leave")
    assert [event.here for event in alice.all(events.MemberLeft)] == [False]
    assert bob.member.room == "lounge"
    assert {row.name for row in bob.member.users(asked=True).members} == {"host", "bob"}
    with pytest.raises(LocalError):
        town.do(alice, "/msg bob hello")


def test_one_who_leaves_the_host_is_told_once_with_all_its_rooms(town: Town) -> None:
    mod, host = town.add("alice", "mod"), town.places[0]
    town.handle(Gone(mod.link, "cut"))
    mod.error = PeerError()
    town.deliver()
    (left,) = host.all(events.MemberLeft)
    assert (left.rooms, left.here, left.reason) == (["general", "staff"], False, "cut")


def test_topics_are_told_and_can_be_asked_for(town: Town) -> None:
    mod, bob = town.add("alice", "mod"), town.add("bob")
    town.do(mod, "/topic [/oops] cats")
    town.do(bob, "/topic", "/topic mine")
    assert [(event.topic, event.by) for event in bob.all(events.RoomTopic)] == [
        ("[/oops] cats", "mod"),
        ("[/oops] cats", ""),
    ]
    assert bob.codes() == ["no-right"]


@pytest.mark.parametrize(
    ("line", "error"),
    [("/history", NoHistory), ("/search x", NoHistory), ("/join @nobody", NoSuchRoom), ("/join #", NoSuchRoom)],
)
def test_what_cannot_be_done_is_said_at_once(town: Town, line: str, error: type[LocalError]) -> None:
    alice = town.add("alice")
    with pytest.raises(error):
        town.do(alice, line)


def test_rooms_commands_are_not_for_private_conversations(keeping: Town) -> None:
    alice = keeping.add("alice")
    keeping.add("bob")
    keeping.do(alice, "/private bob")
    for line in ("/topic x", "/history", "/search x"):
        with pytest.raises(NotARoom):
            keeping.do(alice, line)


# --- the past --------------------------------------------------------------------------------------------------------


def test_a_newcomer_reads_the_last_messages_and_more_by_pages(keeping: Town) -> None:
    alice = keeping.add("alice")
    keeping.do(alice, *(f"line {number}" for number in range(25)))
    bob = keeping.add("bob")
    assert "history-kept" in bob.codes()
    assert bob.texts() == [f"line {number}" for number in range(15, 25)]
    assert {(event.history, event.signature) for event in bob.all(events.Message)} == {(True, "good")}
    page = bob.all(events.History)[-1]
    assert (page.room, page.count, page.more, page.asked) == ("general", 10, True, False)
    bob.told.clear()
    keeping.do(bob, "/history 12")
    assert bob.texts() == [f"line {number}" for number in range(3, 15)]
    bob.told.clear()
    keeping.do(bob, "/history 12", "/history 12")
    assert bob.texts() == ["line 0", "line 1", "line 2"]
    assert [(page.count, page.more) for page in bob.all(events.History)] == [(3, False), (0, False)]


def test_the_past_is_read_across_keys(keeping: Town) -> None:
    mod, bob = keeping.add("alice", "mod"), keeping.add("bob")
    keeping.do(mod, "under the first key")
    keeping.do(mod, "/kick bob")
    keeping.do(mod, "under the second key")
    assert bob.error is not None
    carol = keeping.add("carol")
    assert carol.texts() == ["under the first key", "under the second key"]
    assert not [code for code in carol.codes() if code != "history-kept"]


def test_one_s_own_words_of_an_earlier_run_are_one_s_own(keeping: Town) -> None:
    alice = keeping.add("alice")
    keeping.do(alice, "mine")
    keeping.handle(Gone(alice.link, "cut"))
    alice.error = PeerError()
    again = keeping.add("alice")
    (message,) = again.all(events.Message)
    assert (message.text, message.mine, message.history) == ("mine", True, True)


def test_a_changed_post_of_the_past_is_not_shown_as_good(keeping: Town) -> None:
    alice = keeping.add("alice")
    keeping.do(alice, "one", "two")
    damaged = keeping.posts[0]
    keeping.posts[0] = wire.Posted(
        damaged.conversation, damaged.key_id, damaged.sender, damaged.id, damaged.number, b"x" + damaged.sealed[1:]
    )
    bob = keeping.add("bob")
    assert bob.texts() == ["two"]
    assert "unreadable" in bob.codes()


def test_what_a_host_puts_into_another_s_mouth_in_the_past_shows(keeping: Town) -> None:
    """The signature is over the sender, so a post that is handed out under another one's id does not even open."""
    alice, bob = keeping.add("alice"), keeping.add("bob")
    keeping.do(alice, "I resign")
    said = keeping.posts[0]
    keeping.posts[0] = wire.Posted(
        said.conversation, said.key_id, bob.member.id, said.id, said.number, said.sealed
    )
    carol = keeping.add("carol")
    assert not carol.texts()
    assert "unreadable" in carol.codes()


def test_a_search_looks_through_all_pages(keeping: Town) -> None:
    alice = keeping.add("alice")
    for number in range(450):
        alice.member.do(commands.Say(f"{'Cat' if number % 150 == 7 else 'dog'} {number}"), NOW)
        if number % 30 == 0:
            keeping.deliver()
    keeping.deliver()
    bob = keeping.add("bob")
    bob.told.clear()
    keeping.do(bob, "/search cAT")
    (found,) = bob.all(events.Found)
    assert [hit.text for hit in found.hits] == ["Cat 7", "Cat 157", "Cat 307"]
    assert {hit.signature for hit in found.hits} == {"good"}
    assert not found.more
    assert not bob.texts()


def test_one_question_at_a_time(keeping: Town) -> None:
    alice = keeping.add("alice")
    keeping.do(alice, "hello")
    for _ in range(QUESTIONS + 1):
        alice.member.do(commands.Search("x"), NOW)
    with pytest.raises(StillSearching):
        alice.member.do(commands.History(5), NOW)
    keeping.deliver()
    assert len(alice.all(events.Found)) == QUESTIONS + 1


def test_what_comes_of_the_past_after_leaving_is_not_shown(keeping: Town) -> None:
    host, bob = keeping.places[0], keeping.add("bob")
    keeping.do(host, "/join staff", "old secret", "/grant bob staff")
    keeping.do(bob, "/join staff")
    bob.told.clear()
    bob.member.do(commands.History(5, "staff"), NOW)
    keeping.do(host, "/revoke bob staff")
    assert not bob.texts()
    keeping.do(bob, "/join general", "/history")
    assert bob.all(events.History)[-1].room == "general"


@pytest.mark.parametrize(
    "message",
    [
        wire.OldEnd(GENERAL, 1, 0, False),
        wire.OldKey(GENERAL, bytes(32), bytes(32)),
        wire.Entered(wire.RoomInfo(GENERAL, "general", "", bytes(32), 0)),
        wire.Out(STAFF, "revoked"),
        wire.RoomKey(STAFF, bytes(32)),
        wire.Topic(STAFF, "x", "y"),
        wire.Joined(STAFF, [wire.MemberInfo(bytes(32), "eve")]),
        wire.Left(GENERAL, [bytes(32)], "left"),
        wire.Present(STAFF, [], True),
    ],
    ids=wire.tag_of,
)
def test_what_a_host_cannot_honestly_say_ends_the_link(town: Town, message: wire.Message) -> None:
    alice = town.add("alice")
    with pytest.raises(BadMessage):
        alice.member.receive([message], NOW)


def test_a_host_s_own_words_are_never_shown_as_ours(town: Town) -> None:
    alice = town.add("alice")
    alice.member.receive([wire.Deed("bank", "x", "y", "z")], NOW)
    alice.told += alice.member.take_events()
    assert alice.codes() == ["unknown-notice"]
    assert not alice.all(events.Moderation)
