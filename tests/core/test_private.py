"""Private conversations of several members over one hub, honest or not, joined in memory.

`Town` moves every message through its encoding. Its `touch` stands between hub and member, where a dishonest host sits:
it is given what the hub sends to a member and says what arrives in its place.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

import pytest

from usi.core import codec, commands, events, wire
from usi.core import pair as pairing
from usi.core.content import Body, ConversationKey
from usi.core.crypto import PrivateKey, digest, random_bytes
from usi.core.errors import (
    Left,
    LocalError,
    NoSuchMember,
    NotAnswered,
    NotPrivate,
    NotWithYourself,
    Nowhere,
    OnlyTwo,
    OpenerOnly,
    PeerError,
    ReadOnly,
    TakenBack,
    TooManyPairs,
    YouBlocked,
)
from usi.core.facts import OWN, Arrived, Close, Fact, Gone, Heard, Send
from usi.core.hub import Hub
from usi.core.member import Member
from usi.core.pairs import PATIENCE
from usi.core.private import WAITING_POSTS
from usi.core.relay import NEW_PAIRS, PAIR_SECONDS
from usi.core.roster import Proof
from usi.core.session import Role, Session
from usi.core.talk import roster_key
from usi.core.transfer import Offered

NOW = 1_700_000_000.0
ROOM = wire.RoomInfo(b"conversation 16.", "general", "", b"k" * 32, 0)
WORDS = ("one", "two", "three", "four")
HOSTILE = "[/oops] \x1b[2J\u202e\u200b " + "w" * 10_000 + " 👩🏽‍🚀"

E = TypeVar("E", bound=events.Event)
Touch = Callable[["Seat", Any], list[Any]]


class Seat:
    """A member's machine, and what it has told its face."""

    def __init__(self, who: str, member: Member, link: int) -> None:
        self.who = who
        self.member = member
        self.link = link
        self.told: list[events.Event] = []
        self.down: deque[Any] = deque()
        self.up: deque[Any] = deque()
        self.error: PeerError | None = None
        self.here = True

    @property
    def id(self) -> bytes:
        return self.member.id

    def all(self, kind: type[E], **fields: Any) -> list[E]:
        return [
            event
            for event in self.told
            if isinstance(event, kind) and all(getattr(event, name) == value for name, value in fields.items())
        ]

    def heard(self, room: str | None = None) -> list[tuple[str, str]]:
        """Private messages of others: author and text."""
        messages = self.all(events.Message, mine=False, private=True)
        return [(event.from_, event.text) for event in messages if room in (None, event.room)]

    def states(self, room: str | None = None) -> list[str]:
        return [event.state for event in self.all(events.Conversation) if room in (None, event.room)]

    def roster(self, room: str) -> list[str]:
        """Who is in, as the newest event says."""
        return sorted(partner.name for partner in self.all(events.Conversation, room=room)[-1].members)

    def notices(self) -> list[str]:
        return [event.code for event in self.all(events.Notice)]

    def forget(self) -> None:
        self.told.clear()


class Town:
    """A hub and its members; the host's own person has link 0."""

    def __init__(self, keys: dict[str, PrivateKey]) -> None:
        self.keys = keys
        self.now = NOW
        self.hub = Hub([(ROOM, digest("usi3 key id", ROOM.key))], clock=lambda: self.now)
        self.seats: list[Seat] = []
        self.touch: Touch = lambda seat, message: [message]
        self.intercept: Touch = lambda seat, message: [message]
        """The same on the way from a member to the hub."""
        self.carried: list[Any] = []
        """Everything that members sent to the hub."""
        self.add("host")

    def add(self, who: str, **options: Any) -> Seat:
        seat = Seat(who, Member(self.keys[who], who, **options), len(self.seats))
        public, own = self.keys[who].public, seat.link == OWN
        self._handle(Arrived(seat.link, wire.LinkFacts(public.id, public.modulus, bytes(32), WORDS, "")))
        seat.member.start(*((None, None) if own else (self.keys["host"].public, Proof(bytes(32), WORDS))))
        self.seats.append(seat)
        self._collect(seat)
        self.settle()
        return seat

    def do(self, seat: Seat, line: str, *, settle: bool = True) -> None:
        intent = commands.parse(line)
        seat.member.do(intent, self.now)  # type: ignore[arg-type]
        self._collect(seat)
        if settle:
            self.settle()

    def pass_time(self, seconds: float) -> None:
        self.now += seconds
        for seat in self.seats:
            if seat.here:
                seat.member.tick(self.now)
                self._collect(seat)
        self.settle()

    def leave(self, seat: Seat) -> None:
        seat.here = False
        self._handle(Gone(seat.link, "left"))
        self.settle()

    def settle(self) -> None:
        while busy := [seat for seat in self.seats if seat.up or (seat.down and seat.here)]:
            for seat in busy:
                self.step(seat)

    def step(self, seat: Seat) -> None:
        """All that is on its way from and to this one."""
        while seat.up:
            message = seat.up.popleft()
            self.carried.append(message)
            for passed in self.intercept(seat, message):
                self._handle(Heard(seat.link, passed))
        while seat.down and seat.here:
            self.give(seat, seat.down.popleft())

    def give(self, seat: Seat, *messages: Any) -> None:
        """Let a member receive these."""
        try:
            seat.member.receive(messages, self.now)
        except PeerError as error:
            seat.error, seat.here = error, False
            seat.member.disconnected(error, self.now)
        self._collect(seat)

    def seat_of(self, member: bytes) -> Seat:
        return next(seat for seat in self.seats if seat.id == member)

    def _collect(self, seat: Seat) -> None:
        seat.told += seat.member.take_events()
        for message in seat.member.take_outgoing():
            (again,) = codec.decode_from_member(codec.pack([codec.encode(message)])[0])
            seat.up.append(again)

    def _handle(self, fact: Fact) -> None:
        for effect in self.hub.handle(fact):
            if isinstance(effect, Send):
                for link in effect.links:
                    seat = self.seats[link]
                    for message in self.touch(seat, effect.message):
                        seat.down.append(self._encoded(message))
            elif isinstance(effect, Close):
                self.seats[effect.link].error = effect.error
                self.seats[effect.link].here = False
                self._handle(Gone(effect.link, effect.error.code))

    def _encoded(self, message: Any) -> Any:
        if isinstance(message, wire.LinkFacts):
            return message
        (again,) = codec.decode_from_host(codec.pack([codec.encode(message)])[0])
        return again


@pytest.fixture
def town(keys: dict[str, PrivateKey]) -> Town:
    return Town(keys)


def people(town: Town, *names: str) -> list[Seat]:
    seats = [town.add(name) for name in names]
    for seat in town.seats:
        seat.forget()
    return seats


# --- what people do --------------------------------------------------------------------------------------------------


def test_a_msg_reaches_the_other_at_once_and_nobody_else(town: Town) -> None:
    alice, bob, carol = people(town, "alice", "bob", "carol")
    town.do(alice, f"/msg bob {HOSTILE}")
    assert bob.heard("@alice") == [("alice", HOSTILE)]
    (mine,) = alice.all(events.Message, mine=True)
    assert (mine.room, mine.private, mine.text) == ("@bob", True, HOSTILE)
    (theirs,) = bob.all(events.Message)
    assert (theirs.id, theirs.signature) == (mine.id, "good")
    assert [event.id for event in alice.all(events.Delivered)] == [mine.id]
    assert alice.member.in_flight == 0
    assert not carol.told
    assert not town.seats[OWN].told
    assert alice.states() == ["opening", "open"]
    assert bob.states() == ["open"]
    assert alice.roster("@bob") == bob.roster("@alice") == ["alice", "bob"]


def test_an_answer_goes_the_other_way_in_the_same_conversation(town: Town) -> None:
    alice, bob = people(town, "alice", "bob")
    town.do(alice, "/msg bob hello")
    town.do(bob, "/private alice")
    town.do(bob, "one")
    town.do(bob, "/me waves")
    assert alice.heard("@bob") == [("bob", "one"), ("bob", "waves")]
    assert len({message.conversation for message in town.carried if isinstance(message, wire.Gather)}) == 1
    assert bob.all(events.Chosen)[-1].room == "@alice"


def test_what_is_typed_goes_where_the_person_is(town: Town) -> None:
    alice, bob, carol = people(town, "alice", "bob", "carol")
    town.do(alice, "/private bob")
    town.do(alice, "for bob")
    town.do(alice, "/private")
    town.do(alice, "for all")
    town.do(alice, "/join @bob")
    town.do(alice, "for bob again")
    town.do(alice, "/join #general")
    town.do(alice, "for all again")
    assert bob.heard() == [("alice", "for bob"), ("alice", "for bob again")]
    assert [event.text for event in carol.all(events.Message)] == ["for all", "for all again"]
    assert [(event.room, event.private) for event in alice.all(events.Chosen)] == [
        ("@bob", True), ("general", False), ("@bob", True), ("general", False),
    ]  # fmt: skip


def test_what_is_said_while_keys_are_made_is_sent_when_they_are_there(town: Town) -> None:
    alice, bob = people(town, "alice", "bob")
    town.do(alice, "/private bob", settle=False)
    for said in ("one", "two", "three"):
        town.do(alice, said, settle=False)
    assert alice.member.in_flight == 3
    town.settle()
    assert bob.heard() == [("alice", "one"), ("alice", "two"), ("alice", "three")]
    assert alice.member.in_flight == 0


@pytest.mark.parametrize("order", [("alice", "bob"), ("bob", "alice")])
def test_both_open_at_the_same_time(town: Town, order: tuple[str, str]) -> None:
    people(town, "alice", "bob")
    first, second = (next(seat for seat in town.seats if seat.who == who) for who in order)
    town.do(first, f"/msg {second.who} from the first", settle=False)
    town.do(second, f"/msg {first.who} from the second", settle=False)
    town.settle()
    assert second.heard() == [(first.who, "from the first")]
    assert first.heard() == [(second.who, "from the second")]
    assert len([message for message in town.carried if isinstance(message, wire.Gather)]) == 1
    for seat in (first, second):
        assert len({event.room for event in seat.all(events.Conversation)}) == 1
        assert seat.states()[-1] == "open"
        assert seat.member.in_flight == 0
        assert not seat.notices()


def test_several_talk_privately(town: Town) -> None:
    alice, bob, carol, host = *people(town, "alice", "bob", "carol"), town.seats[OWN]
    town.do(alice, "/private bob carol")
    town.do(alice, "hello both")
    assert bob.heard("@alice,carol") == [("alice", "hello both")]
    assert carol.heard("@alice,bob") == [("alice", "hello both")]
    town.do(carol, "/join @alice,bob")
    town.do(carol, "hello you")
    assert alice.heard("@bob,carol") == bob.heard("@alice,carol")[1:] == [("carol", "hello you")]
    for seat, room in ((alice, "@bob,carol"), (bob, "@alice,carol"), (carol, "@alice,bob")):
        assert seat.roster(room) == ["alice", "bob", "carol"]
        assert {event.signature for event in seat.all(events.Message)} == {"good"}
    assert not host.told


def test_the_host_s_own_person_talks_privately_like_anyone(town: Town) -> None:
    (alice,) = people(town, "alice")
    host = town.seats[OWN]
    town.do(host, "/msg alice between us")
    town.do(alice, "/msg host yes")
    assert alice.heard("@host") == [("host", "between us")]
    assert host.heard("@alice") == [("alice", "yes")]


def key_ids(seat: Seat) -> list[bytes]:
    """The keys of the conversations that are open, in this seat's own machine."""
    return [talk.key.key_id for talk in seat.member._private.talks if talk.key is not None]


def test_whoever_is_added_reads_from_then_on_under_a_new_key(town: Town) -> None:
    alice, bob, carol, mallory = people(town, "alice", "bob", "carol", "mallory")
    town.do(alice, "/private bob carol")
    town.do(alice, "before")
    before = key_ids(bob)
    town.do(alice, "/add mallory")
    town.do(alice, "after")
    town.do(bob, "/join @alice,carol")
    town.do(bob, "me too")
    assert mallory.heard() == [("alice", "after"), ("bob", "me too")]
    assert key_ids(bob) == key_ids(mallory) == key_ids(alice) != before
    for seat, room in ((bob, "@alice,carol"), (carol, "@alice,bob"), (alice, "@bob,carol")):
        assert seat.states(room)[-1] == "changed"
        assert seat.roster(room) == ["alice", "bob", "carol", "mallory"]
        assert not seat.notices()
    with pytest.raises(OpenerOnly):
        town.do(bob, "/add host")


def test_whoever_is_added_again_is_heard_by_all_who_are_in(town: Town) -> None:
    alice, bob, carol = people(town, "alice", "bob", "carol")
    town.do(alice, "/private bob carol")
    town.do(bob, "/join @alice,carol")
    town.do(bob, "one")
    town.do(bob, "two")
    town.do(bob, "/leave")
    town.do(alice, "/add bob")
    town.do(bob, f"/join {bob.all(events.Conversation, state='open')[-1].room}")
    town.do(bob, "three")
    assert carol.heard() == [("bob", "one"), ("bob", "two"), ("bob", "three")]
    assert not carol.notices()


def test_a_conversation_of_two_stays_one_for_its_opener_too(town: Town) -> None:
    alice, *_ = people(town, "alice", "bob", "carol")
    town.do(alice, "/private bob")
    with pytest.raises(OnlyTwo):
        town.do(alice, "/add carol")


@pytest.mark.parametrize("how", ["leaves the conversation", "leaves the host"])
def test_whoever_leaves_reads_nothing_more(town: Town, how: str) -> None:
    alice, bob, carol = people(town, "alice", "bob", "carol")
    town.do(alice, "/private bob carol")
    town.do(alice, "before")
    before = key_ids(alice)
    if how == "leaves the host":
        town.leave(carol)
    else:
        town.do(carol, "/join @alice,bob")
        town.do(carol, "/leave")
        assert carol.states()[-1] == "closed"
    town.do(alice, "after")
    town.do(bob, "/join @alice,carol")
    town.do(bob, "indeed")
    assert bob.heard() == [("alice", "before"), ("alice", "after")]
    assert alice.heard() == [("bob", "indeed")]
    assert carol.heard() == [("alice", "before")]
    assert key_ids(alice) == key_ids(bob) != before
    assert alice.roster("@bob,carol") == bob.roster("@alice,carol") == ["alice", "bob"]


def test_nothing_is_sealed_for_one_who_left_before_the_new_key(town: Town) -> None:
    """Between a leaving and the opener's new key, the key in use is one that the leaver has."""
    alice, bob, carol = people(town, "alice", "bob", "carol")
    town.do(alice, "/private bob carol")
    town.do(bob, "/join @alice,carol")
    old = key_ids(bob)
    carol.here = False
    town._handle(Gone(carol.link, "left"))
    town.step(bob)
    town.do(bob, "not for carol", settle=False)
    assert not [message for message in bob.up if isinstance(message, wire.Post)]
    town.settle()
    assert alice.heard() == [("bob", "not for carol")]
    (post,) = (message for message in town.carried if isinstance(message, wire.Post))
    assert post.key_id not in old


def test_posts_that_cross_a_change_of_keys_arrive_once_and_in_order(town: Town) -> None:
    alice, bob, carol = people(town, "alice", "bob", "carol")
    town.do(alice, "/private bob carol")
    town.do(bob, "/join @alice,carol")
    for said in ("one", "two"):
        town.do(bob, said, settle=False)  # under the old key, still on their way
    crossing = list(bob.up)
    bob.up.clear()
    town.leave(carol)  # the hub takes the new key first
    bob.up.extendleft(reversed(crossing))
    town.do(bob, "three", settle=False)
    town.settle()
    assert alice.heard() == [("bob", "one"), ("bob", "two"), ("bob", "three")]
    assert "repeated" not in alice.notices()
    assert bob.member.in_flight == 0


@pytest.mark.parametrize("where", ["at the hub", "in the outbox"])
def test_what_was_said_before_somebody_was_added_is_not_for_them(town: Town, where: str) -> None:
    """Its author gets it back, and nobody is told that something is missing."""
    alice, bob, carol, mallory = people(town, "alice", "bob", "carol", "mallory")
    town.do(alice, "/private bob carol")
    town.do(bob, "/join @alice,carol")
    town.do(bob, "hello")
    if where == "at the hub":  # under the old key, still on their way when the new one is in use
        crossing = []
        town.intercept = lambda seat, message: (
            [message] if seat is not bob or not isinstance(message, wire.Post) else crossing.append(message) or []
        )
        town.do(bob, "one")
        town.do(bob, "two")
        town.intercept = lambda seat, message: [message]
        town.do(alice, "/add mallory")
        bob.up.extend(crossing)
    else:  # said while the new key is known and not in use
        town.do(alice, "/add mallory", settle=False)
        held = []
        town.touch = lambda seat, message: (
            held.append((seat, message)) or [] if isinstance(message, wire.Gathered) else [message]
        )
        town.settle()
        town.do(bob, "one")
        town.do(bob, "two")
        for seat, message in held:
            seat.down.append(message)
    town.touch = lambda seat, message: [message]
    town.settle()
    assert mallory.heard() == []
    assert alice.heard() == carol.heard() == [("bob", "hello")]
    failed = [(event.code, event.message) for event in bob.all(events.Failed)]
    assert failed == [("somebody-added", "one"), ("somebody-added", "two")]
    town.do(bob, "welcome")
    for reader in (alice, carol, mallory):
        assert reader.heard()[-1] == ("bob", "welcome")
        assert not reader.notices()
    assert bob.member.in_flight == 0


def test_who_adds_somebody_speaks_to_them_at_once(town: Town) -> None:
    alice, bob, _, mallory = people(town, "alice", "bob", "carol", "mallory")
    town.do(alice, "/private bob carol")
    town.do(alice, "/add mallory", settle=False)
    town.do(alice, "welcome", settle=False)
    town.settle()
    assert bob.heard() == [("alice", "welcome")]
    held: list[Any] = []
    town.touch = lambda seat, message: (
        held.append((seat, message)) or [] if isinstance(message, wire.Gathered) else [message]
    )
    town.do(alice, "/add host", settle=False)
    town.settle()
    town.do(alice, "and you")  # her key is handed out and not in use
    town.touch = lambda seat, message: [message]
    for seat, message in held:
        seat.down.append(message)
    town.settle()
    assert town.seats[0].heard() == mallory.heard()[-1:] == [("alice", "and you")]
    assert not alice.all(events.Failed)


def test_an_offer_made_before_somebody_was_added_is_not_for_them(town: Town) -> None:
    alice, bob, _, mallory = people(town, "alice", "bob", "carol", "mallory")
    town.do(alice, "/private bob carol")
    town.do(bob, "/join @alice,carol")
    offered = Offered(b"t" * 16, b"k" * 32, "plan.txt", 5, None, 0)
    crossing: list[wire.Post] = []
    town.intercept = lambda seat, message: (
        [message] if seat is not bob or not isinstance(message, wire.Post) else crossing.append(message) or []
    )
    bob.member.offer(offered, "plan.txt", town.now)
    town._collect(bob)
    town.settle()
    town.intercept = lambda seat, message: [message]
    town.do(alice, "/add mallory")
    bob.up.extend(crossing)
    town.settle()
    assert not mallory.all(events.FileOffer)
    assert [event.code for event in bob.all(events.FileClosed)] == ["somebody-added"]
    assert not bob.member.offers.mine


def test_without_its_opener_a_conversation_can_only_be_read(town: Town) -> None:
    alice, bob, carol = people(town, "alice", "bob", "carol")
    town.do(alice, "/private bob carol")
    town.do(bob, "/join @alice,carol")
    town.leave(alice)
    closed = bob.all(events.Conversation)[-1]
    assert (closed.state, closed.code) == ("closed", "opener-gone")
    with pytest.raises(ReadOnly) as told:
        town.do(bob, "anybody there?")
    assert "@alice,carol" in str(told.value)
    town.do(bob, "/private carol")
    town.do(bob, "a new one")
    assert carol.heard("@bob") == [("bob", "a new one")]


def test_when_the_other_of_two_leaves_nothing_more_can_be_said(town: Town) -> None:
    alice, bob = people(town, "alice", "bob")
    town.do(alice, "/private bob")
    town.leave(bob)
    assert alice.states()[-1] == "closed"
    with pytest.raises(ReadOnly):
        town.do(alice, "still there?")
    assert not [message for message in town.carried if isinstance(message, wire.Post)]


def test_who_comes_back_with_the_same_key_is_found_under_the_same_name(town: Town) -> None:
    alice, bob = people(town, "alice", "bob")
    town.do(alice, "/msg bob one")
    town.leave(bob)
    again = town.add("bob")
    town.do(alice, "/msg bob two")
    assert again.heard() == [("alice", "two")]
    assert {event.room for event in alice.all(events.Message)} == {"@bob"}


def test_another_key_under_the_same_name_is_another_conversation(town: Town) -> None:
    alice, bob = people(town, "alice", "bob")
    town.do(alice, "/msg bob one")
    town.leave(bob)
    town.keys = town.keys | {"bob": town.keys["mallory"]}
    town.add("bob")
    town.do(alice, "/msg bob two")
    assert [event.room for event in alice.all(events.Message)] == ["@bob", "@bob-2"]


def test_the_opener_can_end_it_for_all(town: Town) -> None:
    alice, bob, carol = people(town, "alice", "bob", "carol")
    town.do(alice, "/private bob carol")
    town.do(alice, "/leave")
    assert [seat.all(events.Conversation)[-1].code for seat in (alice, bob, carol)] == ["you-left", "ended", "ended"]
    town.do(alice, "in the room")
    assert [event.room for event in bob.all(events.Message)] == ["general"]
    assert town.hub._delivery.relay.talks == {}


def test_who_leaves_before_the_key_is_in_use_can_open_another(town: Town) -> None:
    alice, bob = people(town, "alice", "bob")
    town.do(alice, "/verify bob")  # makes the pair link, and alice its client
    town.do(alice, "/private bob", settle=False)
    town.do(alice, "/leave", settle=False)
    town.do(alice, "/msg bob hello")
    assert bob.heard() == [("alice", "hello")]
    assert [event.code for event in alice.all(events.Failed)] == []
    assert linked(town, alice, bob).ready


def test_who_is_out_for_any_reason_tells_the_opener(town: Town) -> None:
    """A host held the new key back from bob alone: the others go on without him, and see that they do."""
    alice, bob, carol = trio(town)
    mallory = town.add("mallory")
    town.touch = lambda seat, message: [] if seat is bob and isinstance(message, wire.Gathered) else [message]
    town.do(alice, "/add mallory")
    town.pass_time(PATIENCE + 1)
    assert bob.all(events.Conversation)[-1].code == "withheld"
    assert alice.roster("@bob,carol") == carol.roster("@alice,bob") == ["alice", "carol", "mallory"]
    town.do(alice, "without bob")
    assert mallory.heard() == carol.heard() == [("alice", "without bob")]
    assert not bob.heard()


def test_a_changed_name_is_shown_and_the_conversation_stays(town: Town) -> None:
    alice, bob = people(town, "alice", "bob")
    town.do(alice, "/msg bob one")
    town.do(bob, "/nick robert")
    assert alice.roster("@bob") == ["alice", "robert"]
    town.do(alice, "/msg robert two")
    assert {event.room for event in alice.all(events.Message)} == {"@bob"}


@pytest.mark.parametrize("line", ["/private nobody", "/private bob nobody", "/join @nobody", "/private alice"])
def test_who_could_not_go_where_it_wanted_says_nothing_where_it_is(town: Town, line: str) -> None:
    """What a script pipes behind a /private that fails is not for the room."""
    alice, bob = people(town, "alice", "bob")
    with pytest.raises(LocalError):
        town.do(alice, line)
    for said in ("a secret", "/me whispers", "/leave"):
        with pytest.raises(Nowhere):
            town.do(alice, said)
    assert not bob.told
    town.do(alice, "/private")
    town.do(alice, "for all")
    assert [event.text for event in bob.all(events.Message)] == ["for all"]


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ("/msg nobody x", NoSuchMember),
        ("/msg alice x", NotWithYourself),
        ("/private bob alice", NotWithYourself),
        ("/add bob", NotPrivate),
        ("/block alice", NotWithYourself),
    ],
)
def test_what_cannot_be_done_is_refused(town: Town, line: str, error: type[LocalError]) -> None:
    (alice, _) = people(town, "alice", "bob")
    with pytest.raises(error):
        town.do(alice, line)
    assert not [event for event in alice.told if not isinstance(event, events.Notice)]


# --- block, ask ------------------------------------------------------------------------------------------------------


def test_who_is_blocked_is_refused_and_told_so(town: Town) -> None:
    alice, bob = people(town, "alice", "bob")
    town.do(bob, "/block alice")
    town.do(alice, "/msg bob are you there?")
    assert not bob.heard()
    (failed,) = alice.all(events.Failed)
    assert (failed.code, failed.message) == ("not-wanted", "are you there?")
    assert alice.states()[-1] == "closed"
    with pytest.raises(YouBlocked):
        town.do(bob, "/msg alice no")
    town.do(bob, "/block alice")
    town.do(alice, "/msg bob and now?")
    assert bob.heard() == [("alice", "and now?")]
    assert bob.notices() == ["blocked", "unblocked"]


def test_blocking_ends_what_is_open(town: Town) -> None:
    alice, bob, carol = people(town, "alice", "bob", "carol")
    town.do(alice, "/msg bob hello")
    town.do(alice, "/private bob carol")
    town.do(bob, "/block alice")
    assert [event.code for event in bob.all(events.Conversation, state="closed")] == ["blocked", "blocked"]
    town.do(alice, "for carol")
    assert carol.heard() == [("alice", "for carol")]
    assert alice.roster("@bob,carol") == ["alice", "carol"]
    assert bob.heard() == [("alice", "hello")]


def test_who_wants_to_be_asked_is_asked_first(town: Town) -> None:
    (alice,) = people(town, "alice")
    bob = town.add("bob", ask_private=True)
    town.do(alice, "/msg bob hello")
    (asked,) = bob.all(events.Conversation)
    assert (asked.state, asked.room) == ("asked", "@alice")
    assert "alice" in asked.text
    assert not bob.heard()
    assert "pair-asking" in alice.notices()
    town.pass_time(PATIENCE * 6)  # a person may take its time
    town.do(bob, "/private alice")
    assert bob.heard() == [("alice", "hello")]
    town.do(bob, "yes?")
    assert alice.heard() == [("bob", "yes?")]


def test_who_is_asked_may_refuse(town: Town) -> None:
    (alice,) = people(town, "alice")
    bob = town.add("bob", ask_private=True)
    town.do(alice, "/msg bob hello")
    town.do(bob, "/block alice")
    assert [event.code for event in alice.all(events.Failed)] == ["not-wanted"]
    assert not bob.heard()


def test_who_is_asked_is_not_waited_for_without_end(town: Town) -> None:
    (alice,) = people(town, "alice")
    bob = town.add("bob", ask_private=True)
    town.do(alice, "/msg bob hello")
    alice.member.give_up_asking(town.now)
    town._collect(alice)
    town.settle()
    assert [(event.code, event.message) for event in alice.all(events.Failed)] == [("unanswered", "hello")]
    assert not alice.member.in_flight
    town.do(bob, "/private alice")
    assert not bob.heard()
    assert bob.all(events.Conversation, state="open"), "it is another conversation, which nobody is asked about"


def test_nobody_is_given_up_who_has_answered_or_has_nothing_to_hear(town: Town) -> None:
    (alice,) = people(town, "alice")
    bob, carol = town.add("bob", ask_private=True), town.add("carol", ask_private=True)
    town.do(alice, "/msg bob hello")
    town.do(bob, "/private alice")
    town.do(alice, "/private carol")
    alice.member.give_up_asking(town.now)
    town._collect(alice)
    town.settle()
    assert not alice.all(events.Failed)
    town.do(carol, "/private alice")
    town.do(alice, "hello")
    assert [seat.heard() for seat in (bob, carol)] == [[("alice", "hello")]] * 2


def test_only_so_much_waits_for_an_answer(town: Town) -> None:
    (alice,) = people(town, "alice")
    town.add("bob", ask_private=True)
    town.do(alice, "/private bob")
    for number in range(WAITING_POSTS):
        town.do(alice, str(number))
    with pytest.raises(NotAnswered):
        town.do(alice, "one more")


def test_a_group_begins_without_those_who_are_asked(town: Town) -> None:
    alice, carol = people(town, "alice", "carol")
    bob = town.add("bob", ask_private=True)
    town.do(alice, "/private bob carol")
    town.do(alice, "first")
    assert carol.heard() == [("alice", "first")]
    assert alice.roster("@bob,carol") == ["alice", "carol"]
    town.do(bob, "/private alice")
    assert alice.roster("@bob,carol") == ["alice", "bob", "carol"]
    town.do(alice, "second")
    assert bob.heard() == [("alice", "second")]


# --- verifying -------------------------------------------------------------------------------------------------------


def test_two_members_compare_and_the_mark_stays_with_the_key(town: Town) -> None:
    alice, bob = people(town, "alice", "bob")
    town.do(alice, "/verify bob")
    town.do(bob, "/verify alice")
    (hers,), (his,) = alice.all(events.Verification), bob.all(events.Verification)
    assert hers.pair
    assert (hers.words, hers.fingerprint, hers.state) == (his.words, his.fingerprint, "open")
    assert hers.words != list(WORDS)
    town.do(alice, "/msg bob hello")
    assert not alice.all(events.Conversation)[-1].verified
    assert "could be reading" in alice.all(events.Conversation)[-1].text
    town.do(alice, "/verify bob yes")
    opened = alice.all(events.Conversation)[-1]
    assert opened.verified
    assert "could be reading" not in opened.text
    town.leave(bob)
    again = town.add("bob")
    town.do(alice, "/msg bob hello again")
    assert again.heard()
    assert alice.all(events.Conversation, state="open")[-1].verified


def test_a_pair_that_differs_is_ended_and_the_link_is_not(town: Town) -> None:
    alice, bob = people(town, "alice", "bob")
    town.do(alice, "/msg bob hello")
    town.do(alice, "/verify bob")
    town.do(alice, "/verify bob no")
    assert alice.all(events.Verification)[-1].state == "differs"
    for seat in (alice, bob):
        assert seat.all(events.Conversation)[-1].code == "not-verified"
        assert seat.here
    town.do(alice, "in the room")
    assert bob.all(events.Message)[-1].text == "in the room"


def test_a_preset_key_is_not_taken_for_what_two_members_compare(keys: dict[str, PrivateKey]) -> None:
    town = Town(keys)
    alice, _ = town.add("alice", preset=True), town.add("bob", preset=True)
    town.do(alice, "/verify bob")
    assert not alice.all(events.Verification)[-1].preset


# --- limits ----------------------------------------------------------------------------------------------------------


def test_so_many_pair_links_in_a_minute(town: Town) -> None:
    """By the member's own program, and by the hub for a program that has no such limit."""
    alice, bob, carol = people(town, "alice", "bob", "carol")
    for _ in range(NEW_PAIRS // 2):
        for name in ("bob", "carol"):
            town.do(alice, f"/msg {name} hello")
            town.do(alice, f"/verify {name}")
            town.do(alice, f"/verify {name} no")
    with pytest.raises(TooManyPairs):
        town.do(alice, "/msg bob once more")
    assert len(bob.heard()) == len(carol.heard()) == NEW_PAIRS // 2
    for _ in range(NEW_PAIRS):
        call = wire.Pass(bob.id, random_bytes(16), Session(Role.CLIENT, town.keys["alice"], tag=b"P").data_to_send())
        town._handle(Heard(alice.link, call))
    assert not bob.down
    town.pass_time(PAIR_SECONDS)
    town.do(alice, "/msg bob once more")
    assert len(bob.heard()) == NEW_PAIRS // 2 + 1


def test_a_caller_who_does_not_go_on_is_given_up(town: Town) -> None:
    alice, bob = people(town, "alice", "bob")
    town.touch = lambda seat, message: [] if seat is bob and isinstance(message, wire.Passed) else [message]
    town.do(alice, "/msg bob hello")
    town.pass_time(PATIENCE + 1)
    assert [event.code for event in alice.all(events.Failed)] == ["no-answer"]
    assert alice.states()[-1] == "closed"


# --- everybody at once -----------------------------------------------------------------------------------------------


class Storm:
    """Several people who open, leave, add, block, come and go as chance wants, over ways of very different speed."""

    def __init__(self, keys: dict[str, PrivateKey], seed: int) -> None:
        self.chance = random.Random(seed)
        self.town = Town(keys)
        self.said = 0
        for who in ("alice", "bob", "carol", "mallory"):
            self.town.add(who)

    @property
    def here(self) -> list[Seat]:
        return [seat for seat in self.town.seats if seat.here]

    def act(self) -> None:
        """Somebody does something."""
        seat = self.chance.choice(self.here)
        others = [other.who for other in self.here if other is not seat]
        some = " ".join(self.chance.sample(others, self.chance.randint(1, len(others))))
        self.said += 1
        deeds = {
            f"/msg {others[0]} {self.said}": 7, f"{self.said}": 5, f"/private {some}": 3, f"/add {others[-1]}": 1,
            "/leave": 1, f"/block {others[0]}": 1, "go": 1, "come": 1,
        }  # fmt: skip
        (deed,) = self.chance.choices([*deeds], [*deeds.values()])
        if deed == "go":
            if seat.link != OWN and len(self.here) > 3:
                seat.here = False
                self.town._handle(Gone(seat.link, "left"))
        elif deed == "come":
            gone = {seat.who for seat in self.town.seats} - {seat.who for seat in self.here}
            if gone:
                self.town.add(min(gone))
        else:
            with suppress(LocalError):
                self.town.do(seat, deed, settle=False)

    def move(self, steps: int) -> None:
        """So many messages go one step on, each the oldest of some way."""
        for _ in range(steps):
            ways = [(seat, way) for seat in self.here for way in (seat.up, seat.down) if way]
            if not ways:
                return
            seat, way = self.chance.choice(ways)
            if way is seat.up:
                self.town._handle(Heard(seat.link, way.popleft()))
            else:
                self.town.give(seat, way.popleft())

    def run(self) -> None:
        for _ in range(50):
            self.act()
            self.move(self.chance.randint(0, 30))
        self.town.settle()


def check_after_a_storm(keys: dict[str, PrivateKey], seed: int) -> None:
    """Nobody was taken for a liar, and each text arrived once and in order, or its author knows that it did not."""
    storm = Storm(keys, seed)
    storm.run()
    for seat in storm.town.seats:
        assert seat.error is None
        assert not {"withheld", "withheld-from", "repeated", "unreadable", "outsider"} & set(seat.notices())
        heard: dict[tuple[str, str], list[int]] = {}
        for message in seat.all(events.Message, mine=False):
            assert message.signature == "good"
            heard.setdefault((message.room, message.member), []).append(int(message.text))
        assert all(numbers == sorted(set(numbers)) for numbers in heard.values())
        mine = {event.id for event in seat.all(events.Message, mine=True)}
        delivered, failed = ({event.id for event in seat.all(kind)} for kind in (events.Delivered, events.Failed))
        assert not delivered & failed
        if seat.here:
            assert seat.member.in_flight == 0
            assert mine == delivered | failed
        codes = {event.code for event in seat.all(events.Conversation, state="closed")}
        assert codes <= {"left", "not-wanted", "blocked", "opener-gone", "ended", "you-left", "alone", "cut"}


@pytest.mark.parametrize("seed", range(6))
def test_a_storm(keys: dict[str, PrivateKey], seed: int) -> None:
    check_after_a_storm(keys, seed)


@pytest.mark.slow
def test_many_storms(keys: dict[str, PrivateKey]) -> None:
    for seed in range(6, 200):
        check_after_a_storm(keys, seed)


# --- a dishonest host ------------------------------------------------------------------------------------------------


def trio(town: Town) -> list[Seat]:
    """Alice has opened a conversation with bob and carol, in which everybody has said something."""
    seats = people(town, "alice", "bob", "carol")
    town.do(seats[0], "/private bob carol")
    for seat, room in zip(seats, ("@bob,carol", "@alice,carol", "@alice,bob"), strict=True):
        town.do(seat, f"/join {room}")
        town.do(seat, f"hello from {seat.who}")
    for seat in seats:
        seat.forget()
    return seats


def test_a_key_in_the_directory_that_is_another_s_is_refused(town: Town) -> None:
    """The ids in the roster are hashes of keys, and come from the opener over the pair link."""
    alice, bob, carol = people(town, "alice", "bob", "carol")
    false = town.keys["mallory"].public.modulus

    def swap(seat: Seat, message: Any) -> list[Any]:
        return [wire.KeyOf(message.member, false)] if isinstance(message, wire.KeyOf) else [message]

    town.touch = swap
    town.do(alice, "/private bob carol")
    town.do(carol, "/join @alice,bob")
    town.do(carol, "trust me")
    assert bob.error is not None
    assert bob.error.code == "bad-message"
    assert [event.signature for event in bob.all(events.Message)] == ["missing"]  # shown, but as nobody's


def test_a_host_that_answers_in_the_other_s_place_is_found_out_by_its_key(town: Town) -> None:
    """It makes the whole key exchange, with a key of its own, under bob's id."""
    alice, bob = people(town, "alice", "bob")
    ghost = Session(Role.HOST, town.keys["mallory"], tag=b"P")
    answered = []

    def answer(seat: Seat, message: Any) -> list[Any]:
        if not isinstance(message, wire.Pass) or seat is not alice:
            return [message]
        if message.data:
            answered.append(ghost.receive_data(message.data))
            town.give(alice, wire.Passed(bob.id, message.pair, ghost.data_to_send()))
        return []

    town.intercept = answer
    town.do(alice, "/msg bob a secret")
    assert len(answered) == 1, "alice has answered to a key that is not bob's"
    assert [event.code for event in alice.all(events.Failed)] == ["bad-handshake"]
    assert alice.states()[-1] == "closed"
    assert not bob.told


def test_a_host_that_calls_in_another_s_name_is_found_out_by_its_key(town: Town) -> None:
    alice, bob = people(town, "alice", "bob")
    ghost = Session(Role.CLIENT, town.keys["mallory"], tag=b"P")
    pair = random_bytes(16)
    bob.up.clear()
    town.intercept = lambda seat, message: []
    town.give(bob, wire.Passed(alice.id, pair, ghost.data_to_send()))
    ghost.receive_data(bob.up.popleft().data)
    town.give(bob, wire.Passed(alice.id, pair, ghost.data_to_send()))
    assert "pair-ended" in bob.notices()
    assert bob.up.popleft().data == b"USI3R\x05"  # a refusal, and nothing sealed
    assert not bob.all(events.Conversation)


def test_a_host_that_has_lied_about_ids_from_the_start_is_seen_by_the_words(town: Town) -> None:
    """Then it can read along: that is why people compare. The window says so until they have."""
    alice = town.add("alice")
    bob, false = town.keys["bob"].public, town.keys["mallory"].public
    town.give(alice, wire.Joined(ROOM.conversation, [wire.MemberInfo(false.id, "bob")]))
    to_alice = pairing.Pair(bytes(16), town.keys["mallory"], alice.id, mine=False, now=NOW)
    to_bob = pairing.Pair(b"p" * 16, town.keys["mallory"], bob.id, mine=True, now=NOW)
    his = Member(town.keys["bob"], "bob")
    his.start(town.keys["host"].public, Proof(bytes(32), WORDS))
    names = [wire.MemberInfo(town.keys["host"].public.id, "host"), wire.MemberInfo(false.id, "alice")]
    me = wire.MemberInfo(bob.id, "bob")
    welcome = wire.Welcome(me, names[0], bytes(16), False, [ROOM])
    his.receive([welcome, wire.Present(ROOM.conversation, names, True)], NOW)
    his.take_outgoing()
    stolen: list[pairing.Message] = []

    def between(seat: Seat, message: Any) -> list[Any]:
        if isinstance(message, wire.Pass) and message.member == false.id:
            had_keys = to_alice.keyed
            stolen.extend(to_alice.take(message.data))
            if to_alice.keyed and not had_keys:
                to_alice.answer(ask=False)
            if data := to_alice.data_to_send():
                town.give(alice, wire.Passed(false.id, message.pair, data))
            return []
        return [message]

    to_alice.id = b""
    town.intercept = between
    town.do(alice, "/msg bob a secret")
    assert any(isinstance(message, pairing.Handed) for message in stolen)
    while data := to_bob.data_to_send():
        his.receive([wire.Passed(false.id, to_bob.id, data)], NOW)
        for message in his.take_outgoing():
            to_bob.take(message.data)
    assert to_bob.ready
    opening = alice.all(events.Conversation)[-1]
    assert not opening.verified
    town.do(alice, "/verify bob")
    his.do(commands.Verify("alice"), NOW)
    (hers,), (theirs,) = (
        [event for event in told if isinstance(event, events.Verification)] for told in (alice.told, his.take_events())
    )
    assert hers.words != theirs.words
    assert hers.fingerprint != theirs.fingerprint


def test_a_ghost_gets_nothing_that_it_can_open(town: Town) -> None:
    alice, bob, carol, mallory = [*trio(town), town.add("mallory")]
    (talk,) = town.hub._delivery.relay.talks.values()
    talk.links[mallory.link] = None
    seen: list[wire.Posted] = []

    def listen(seat: Seat, message: Any) -> list[Any]:
        if seat is mallory and isinstance(message, wire.Posted):
            seen.append(message)
        return [message]

    town.touch = listen
    town.do(alice, "only for us")
    (ghostly,) = seen
    assert mallory.here
    assert not mallory.all(events.Message)
    keys = [room.key for room in mallory.member._rooms.values()]
    for key in keys:
        assert key is not None
        with pytest.raises(ValueError, match="key"):
            key.open(ghostly)
    assert bob.heard() == carol.heard() == [("alice", "only for us")]


def test_a_ghost_that_speaks_is_refused_and_told(town: Town) -> None:
    """Even one who has the key, which a member may have handed on: it is not in the roster."""
    alice, bob, carol, mallory = [*trio(town), town.add("mallory")]
    key = alice.member._private.talks[0].key
    assert key is not None
    body = Body("text", "let me in", "mallory", int(NOW * 1000), bytes(8), 1)
    post = key.seal(town.keys["mallory"], body)
    (talk,) = town.hub._delivery.relay.talks.values()
    talk.links[mallory.link] = None
    town._handle(Heard(mallory.link, post))
    town.settle()
    for seat in (alice, bob, carol):
        assert not seat.heard()
        assert seat.notices() == ["outsider"]


def test_a_roster_of_the_host_s_own_making_does_not_open(town: Town) -> None:
    """It can neither change what the opener hands out, nor hand out anything itself."""
    alice, bob, carol, mallory = [*trio(town), town.add("mallory")]
    (talk,) = (talk for talk in bob.member._private.talks)
    everybody = sorted(seat.id for seat in (alice, bob, carol, mallory))
    handed = pairing.Handed(talk.conversation, True, everybody, bytes(32), True)
    pair = next(message.pair for message in town.carried if isinstance(message, wire.Pass) and message.member == bob.id)
    plain = codec.pack([codec.encode(handed)])[0]
    town.give(bob, wire.Passed(alice.id, pair, (len(plain) + 16).to_bytes(4, "big") + plain + bytes(16)))
    town.settle()
    assert bob.states("@alice,carol") == ["closed"]
    assert bob.all(events.Conversation)[-1].code == "bad-record"
    assert alice.roster("@bob,carol") == ["alice", "carol"]
    assert carol.roster("@alice,bob") == ["alice", "carol"]


def test_the_key_cannot_be_turned_back(town: Town) -> None:
    """Carol has left and has the old key. A host that calls it the one in use gets nothing sealed under it."""
    alice, bob, carol = trio(town)
    old = key_ids(bob)[0]
    town.do(carol, "/leave")
    (talk,) = bob.member._private.talks
    town.give(bob, wire.Gathered(talk.conversation, old, talk.number))
    town.settle()
    assert bob.all(events.Conversation)[-1].code == "withheld"
    with pytest.raises(ReadOnly):
        town.do(bob, "for carol's ears?")
    assert alice.here


@pytest.mark.parametrize("what", [wire.Gathered, wire.Passed])
def test_a_new_key_that_is_held_back_stops_the_conversation(town: Town, what: type) -> None:
    alice, bob, carol = trio(town)
    town.touch = lambda seat, message: [] if isinstance(message, what) and seat is bob else [message]
    town.do(carol, "/leave")
    with suppress(ReadOnly):
        town.do(bob, "who hears this?")
    town.pass_time(PATIENCE + 1)
    closed = bob.all(events.Conversation)[-1]
    assert (closed.state, closed.code) == ("closed", "withheld")
    assert not alice.heard()


Spoil = Callable[[list[wire.Posted]], list[wire.Posted]]


def renumbered(posts: list[wire.Posted], first: int) -> list[wire.Posted]:
    return [
        wire.Posted(post.conversation, post.key_id, post.sender, post.id, first + index, post.sealed)
        for index, post in enumerate(posts)
    ]


def flipped(post: wire.Posted) -> wire.Posted:
    sealed = bytes((post.sealed[0] ^ 1,)) + post.sealed[1:]
    return wire.Posted(post.conversation, post.key_id, post.sender, post.id, post.number, sealed)


@pytest.mark.parametrize(
    ("spoil", "shown", "told"),
    [
        pytest.param(lambda p: [p[0], p[2]], ["one", "three"], ["withheld", "withheld-from"], id="dropped"),
        pytest.param(
            lambda p: renumbered([p[0], p[2]], p[0].number),
            ["one", "three"],
            ["withheld-from"],
            id="dropped-renumbered",
        ),
        pytest.param(lambda p: [p[1], p[2]], ["two", "three"], ["withheld", "withheld-from"], id="first-dropped"),
        pytest.param(lambda p: [*p, p[1]], ["one", "two", "three"], ["repeated"], id="repeated"),
        pytest.param(
            lambda p: renumbered([*p, p[1]], p[0].number),
            ["one", "two", "three"],
            ["repeated"],
            id="repeated-renumbered",
        ),
        pytest.param(
            lambda p: [p[0], p[2], p[1]], ["one", "two", "three"], [], id="reordered"
        ),
        pytest.param(
            lambda p: renumbered([p[0], p[2], p[1]], p[0].number),
            ["one", "three"],
            ["withheld-from", "repeated"],
            id="reordered-renumbered",
        ),
        pytest.param(
            lambda p: [p[0], flipped(p[1]), p[2]], ["one", "three"], ["unreadable", "withheld-from"], id="changed"
        ),
    ],
)
def test_what_the_hub_does_to_private_posts_is_noticed(
    town: Town, spoil: Spoil, shown: list[str], told: list[str]
) -> None:
    alice, bob = people(town, "alice", "bob")
    town.do(alice, "/private bob")
    held: list[wire.Posted] = []

    def hold(seat: Seat, message: Any) -> list[Any]:
        if isinstance(message, wire.Posted):
            held.append(message)
            return []
        return [] if isinstance(message, wire.Found) else [message]

    town.touch = hold
    for said in ("one", "two", "three"):
        town.do(alice, said)
    for message in spoil(held):
        town.give(bob, message)
    town.settle()  # it asks for what is missing, and the hub holds that back, too
    assert [text for _, text in bob.heard()] == shown
    assert bob.notices() == told
    assert bob.here


def test_what_waits_behind_a_hole_is_read_before_the_conversation_closes(town: Town) -> None:
    alice, bob = people(town, "alice", "bob")
    town.do(alice, "/private bob")
    first = bob.member._private.talks[0].number + 1

    def hold_back(seat: Seat, message: Any) -> list[Any]:
        """The first post, and the host's answer to who asks for it."""
        held = isinstance(message, wire.Posted) and message.number == first
        return [] if held or isinstance(message, wire.Found | wire.Caught) else [message]

    town.touch = hold_back
    town.do(alice, "one")
    town.do(alice, "two")
    assert not bob.heard(), "it waits for the first"
    town.do(alice, "/leave")
    assert [text for _, text in bob.heard()] == ["two"]
    told = [event for event in bob.told if isinstance(event, events.Message | events.Conversation)]
    assert isinstance(told[-1], events.Conversation), "first what was said, then that it is closed"
    assert told[-1].state == "closed"
    town.pass_time(11)
    assert bob.notices() == ["withheld", "withheld-from"]


def test_a_post_cannot_be_moved_or_given_to_another_author(town: Town) -> None:
    alice, bob, carol = trio(town)
    town.do(alice, "/private bob")
    held: list[wire.Posted] = []

    def hold(seat: Seat, message: Any) -> list[Any]:
        if isinstance(message, wire.Posted):
            held.append(message)
            return []
        return [message]

    town.touch = hold
    town.do(alice, "only for bob")
    (post,) = held
    group = next(talk for talk in bob.member._private.talks if not talk.direct)
    for conversation, sender in (
        (group.conversation, post.sender),
        (ROOM.conversation, post.sender),
    ):
        number = group.number + 1 if conversation == group.conversation else 1
        town.give(bob, wire.Posted(conversation, post.key_id, sender, post.id, number, post.sealed))
    town.give(bob, wire.Posted(post.conversation, post.key_id, carol.id, post.id, post.number, post.sealed))
    assert not bob.heard()
    assert sorted(bob.notices()) == ["outsider", "unreadable", "unreadable"]


def test_a_member_cannot_forge_another_member_s_word(town: Town) -> None:
    """Carol and the host together: she has the key of the conversation, but not bob's."""
    alice, bob, _ = trio(town)
    (talk,) = alice.member._private.talks
    assert talk.key is not None

    class Pen:
        public = town.keys["bob"].public
        sign = staticmethod(town.keys["carol"].sign)

    post = talk.key.seal(Pen, Body("text", "I owe carol 100", "bob", int(NOW * 1000), bytes(8), 1))  # type: ignore[arg-type]
    town.give(
        alice, wire.Posted(post.conversation, post.key_id, bob.id, post.id, talk.number + 1, post.sealed)
    )
    assert [event.signature for event in alice.all(events.Message)] == ["bad"]


@pytest.mark.parametrize("how", ["dropped", "repeated", "changed", "reordered", "cut", "invented"])
def test_what_the_hub_does_to_pair_records_is_noticed_and_said(town: Town, how: str) -> None:
    alice, bob, carol, mallory = [*trio(town), town.add("mallory")]
    held: list[wire.Passed] = []

    def hold(seat: Seat, message: Any) -> list[Any]:
        if isinstance(message, wire.Passed) and seat is bob and message.member == alice.id:
            held.append(message)
            return []
        return [message] if not (seat is bob and isinstance(message, wire.Gathered)) else []

    town.touch = hold
    town.do(alice, "/add mallory")
    town.do(mallory, "/join @alice,bob,carol")
    town.do(mallory, "/leave")
    first, second = held
    changed = first.data[:-1] + bytes((first.data[-1] ^ 1,))
    given = {
        "dropped": [second],
        "repeated": [first, first],
        "changed": [wire.Passed(first.member, first.pair, changed)],
        "reordered": [second, first],
        "cut": [wire.Passed(first.member, first.pair, b"")],
        "invented": [wire.Passed(first.member, first.pair, b"\0\0\0\x20" + bytes(32))],
    }[how]
    town.touch = lambda seat, message: [message]
    for message in given:
        town.give(bob, message)
    town.settle()
    closed = bob.all(events.Conversation)[-1]
    assert (closed.room, closed.state) == ("@alice,carol", "closed")
    assert closed.code == ("cut" if how == "cut" else "bad-record")
    assert alice.roster("@bob,carol") == ["alice", "carol"]
    town.do(alice, "without bob")
    assert not bob.heard()
    assert carol.heard() == [("alice", "without bob")]


def test_a_recorded_key_exchange_sent_again_opens_nothing(town: Town) -> None:
    alice, bob = people(town, "alice", "bob")
    town.do(alice, "/msg bob hello")
    calls = [message for message in town.carried if isinstance(message, wire.Pass) and message.member == bob.id]
    town.leave(alice)
    again = town.add("alice")
    bob.forget()
    again.member.take_events()
    pair = random_bytes(16)
    town.intercept = lambda seat, message: []
    town.give(bob, wire.Passed(alice.id, pair, calls[0].data))
    town.give(bob, wire.Passed(alice.id, pair, calls[1].data))
    assert bob.notices() == ["pair-ended"]
    assert not bob.all(events.Conversation)


def test_the_hub_sees_no_text_no_name_and_no_key(town: Town) -> None:
    alice, bob = people(town, "alice", "bob")
    town.do(alice, "/msg bob a secret between us")
    (talk,) = alice.member._private.talks
    assert talk.key is not None
    crossed = b"".join(codec.encode(message) for message in town.carried)
    assert b"secret" not in crossed
    (post,) = (message for message in town.carried if isinstance(message, wire.Post))
    assert talk.key.open(post).body().text == "a secret between us"
    assert bob.heard()


# --- dishonest members -----------------------------------------------------------------------------------------------


def linked(town: Town, first: Seat, second: Seat) -> pairing.Pair:
    """The pair link of two, as the first has it."""
    pair = first.member._private._pairs.get(second.id)
    assert pair is not None
    return pair


def says(town: Town, first: Seat, second: Seat, message: wire.Message) -> None:
    """Something that the program of the first would never say over its pair link."""
    pair = linked(town, first, second)
    pair.send(message)
    town._handle(Heard(first.link, wire.Pass(second.id, pair.id, pair.data_to_send())))
    town.settle()


@pytest.mark.parametrize("lie", ["not in it", "without its opener", "twice", "another's", "second", "not sorted"])
def test_a_roster_that_cannot_be_ends_the_pair_link(town: Town, lie: str) -> None:
    alice, bob, carol = trio(town)
    town.do(alice, "/msg bob hello")
    town.do(carol, "/msg bob hello")
    ids = sorted(seat.id for seat in (alice, bob))
    (group,) = (talk for talk in bob.member._private.talks if not talk.direct)
    liar = carol if lie == "another's" else alice
    three = sorted(seat.id for seat in (alice, bob, carol))
    handed = {
        "not in it": pairing.Handed(bytes(16), True, sorted((alice.id, carol.id)), bytes(32), True),
        "without its opener": pairing.Handed(bytes(16), True, sorted((bob.id, carol.id)), bytes(32), True),
        "twice": pairing.Handed(bytes(16), True, [ids[0], ids[0], ids[1]], bytes(32), True),
        "another's": pairing.Handed(group.conversation, True, three, bytes(32), True),
        "second": pairing.Handed(bytes(16), False, ids, bytes(32), True),
        "not sorted": pairing.Handed(bytes(16), True, list(reversed(three)), bytes(32), True),
    }[lie]
    says(town, liar, bob, handed)
    assert bob.member._private._pairs.get(liar.id) is None
    assert "bad-message" in [event.code for event in bob.all(events.Conversation, state="closed")]


def test_who_hands_out_too_many_conversations_is_refused_the_rest(town: Town) -> None:
    alice, bob = people(town, "alice", "bob")
    town.do(alice, "/msg bob hello")
    ids = sorted(seat.id for seat in (alice, bob))
    for number in range(40):
        says(town, alice, bob, pairing.Handed(number.to_bytes(16, "big"), True, ids, bytes(32), True))
    assert len(bob.member._private.talks) == 32
    assert bob.here


def test_a_member_cannot_take_over_or_join_what_it_did_not_open(town: Town) -> None:
    alice, bob, carol, mallory = [*trio(town), town.add("mallory")]
    (conversation,) = town.hub._delivery.relay.talks
    town._handle(Heard(mallory.link, wire.Gather(conversation, bytes(32), sorted((mallory.id, bob.id)))))
    town.settle()
    town.do(alice, "still us")
    assert bob.heard() == carol.heard() == [("alice", "still us")]


def test_whoever_is_handed_a_key_cannot_have_its_opener_thrown_out(town: Town) -> None:
    """It knows the conversation, and may be faster than an opener whose messages wait for their pace."""
    alice, bob = people(town, "alice", "bob")
    town.do(alice, "/verify bob")

    def overtake(seat: Seat, message: Any) -> list[Any]:
        if isinstance(message, wire.Gather) and seat is alice:
            town._handle(Heard(bob.link, wire.Gather(message.conversation, bytes(32), message.members)))
        return [message]

    town.intercept = overtake
    town.do(alice, "/private bob")
    town.pass_time(PATIENCE + 1)
    assert alice.error is None
    assert alice.here
    assert alice.states()[-1] == "closed"


def test_nobody_is_thrown_out_for_answering_a_call_that_has_become_another_one(town: Town) -> None:
    """Mallory calls alice, ends the call, and calls bob under the same id, all at once: the answer comes too late."""
    alice, bob, mallory = people(town, "alice", "bob", "mallory")
    pair = pairing.Pair(bytes(16), town.keys["mallory"], alice.id, mine=True, now=NOW)
    hello = pair.data_to_send()
    for to, data in ((alice, hello), (alice, b""), (bob, hello)):
        town._handle(Heard(mallory.link, wire.Pass(to.id, pair.id, data)))
    town.settle()
    assert alice.error is None
    assert alice.here


def test_nobody_can_be_gathered_who_has_not_answered(town: Town) -> None:
    alice, bob, mallory = people(town, "alice", "bob", "mallory")
    town._handle(Heard(mallory.link, wire.Gather(bytes(16), bytes(32), sorted((mallory.id, bob.id)))))
    assert list(town.hub._delivery.relay.talks[bytes(16)].links) == [mallory.link]
    assert not bob.down
    assert alice.here


# --- for files -------------------------------------------------------------------------------------------------------


def test_a_file_can_be_offered_to_one_member(town: Town) -> None:
    """/send PATH NAME: the conversation is opened where there is none, and keeps the offer meanwhile."""
    alice, bob, carol = people(town, "alice", "bob", "carol")
    offered = Offered(b"t" * 16, b"k" * 32, "plan.txt", 5, None, 0)
    offer = alice.member.offer(offered, "plan.txt", town.now, to="bob")
    assert offer.audience == {bob.id}
    town._collect(alice)
    town.settle()
    (told,) = bob.all(events.FileOffer)
    assert (told.name, told.room, told.private, told.signature) == ("plan.txt", "@alice", True, "good")
    assert not carol.told
    assert alice.member.may_fetch(offer, bob.id)
    assert not alice.member.may_fetch(offer, carol.id)
    alice.member.withdraw(offer, TakenBack(), town.now)
    town._collect(alice)
    town.settle()
    assert [event.code for event in bob.all(events.FileClosed)] == ["withdrawn"]


def test_the_key_is_made_of_secret_conversation_and_roster() -> None:
    """Against HKDF written out with HMAC alone (RFC 5869)."""
    import hashlib
    import hmac

    conversation, secret, members = b"c" * 16, b"s" * 32, (b"a" * 32, b"b" * 32)
    prk = hmac.digest(conversation, secret, "sha256")
    info = b"usi3 roster" + hashlib.sha256(b"".join(members)).digest()
    key = hmac.digest(prk, info + b"\x01", "sha256")
    expected = ConversationKey(conversation, b"a" * 32, key)
    assert roster_key(conversation, b"a" * 32, members, secret).key_id == expected.key_id


# --- what an attacker tried ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("names", ["bob", "bob carol"])
@pytest.mark.parametrize("told", [1, 7])
def test_a_hub_that_begins_counting_late_cannot_withhold_the_first_words_unseen(
    town: Town, told: int, names: str
) -> None:
    """A number in the first `gathered` would say that bob came later than what was said before it."""
    alice, bob, _carol = people(town, "alice", "bob", "carol")

    def late(seat: Seat, message: Any) -> list[Any]:
        if isinstance(message, wire.Gathered) and seat is bob:
            return [wire.Gathered(message.conversation, message.key_id, told)]
        return [] if isinstance(message, wire.Posted) and message.number <= told else [message]

    town.touch = late
    town.do(alice, f"/private {names}")
    for said in ("one", *("…" for _ in range(told)), "last"):
        with suppress(LocalError):
            town.do(alice, said)
    assert bob.heard() == []
    assert {event.code for event in bob.all(events.Conversation)} == {"withheld"}


def test_who_keeps_handing_out_what_is_refused_is_not_answered_for_ever(town: Town) -> None:
    """Each answer is a message of ours: one piece of the other's would cost us hundreds, and hold up what we say."""
    alice, bob = people(town, "alice", "bob")
    town.do(alice, "/msg bob hello")
    ids = sorted(seat.id for seat in (alice, bob))
    town.carried.clear()
    for _ in range(10):
        if (pair := alice.member._private._pairs.get(bob.id)) is None:
            break
        pair.send(*(pairing.Handed(random_bytes(16), True, ids, bytes(32), True) for _ in range(wire.MAX_BATCH)))
        town._handle(Heard(alice.link, wire.Pass(bob.id, pair.id, pair.data_to_send())))
        town.settle()
    assert len([message for message in town.carried if isinstance(message, wire.Pass)]) < 100
    assert bob.here
    assert bob.member._private._pairs.get(alice.id) is None


def test_a_room_of_the_host_is_no_private_conversation(town: Town) -> None:
    """All know its id, and to be out of one would mean to be out of the other."""
    alice, bob = people(town, "alice", "bob")
    town.do(alice, "/msg bob hello")
    ids = sorted(seat.id for seat in (alice, bob))
    town.carried.clear()
    says(town, alice, bob, pairing.Handed(ROOM.conversation, True, ids, bytes(32), True))
    town.pass_time(PATIENCE + 1)
    assert not [message for message in town.carried if message == wire.Leave(ROOM.conversation)]
    assert bob.member._private._pairs.get(alice.id) is None
    town.do(alice, "/join #general")
    town.do(alice, "still here")
    assert bob.all(events.Message, mine=False, room="general")


def test_only_who_is_in_it_ends_a_conversation_of_two(town: Town) -> None:
    """The host knows its id, and may call as a member of its own making."""
    alice, bob, carol = people(town, "alice", "bob", "carol")
    town.do(alice, "/msg bob hello")
    town.do(carol, "/msg alice hello")
    (talk,) = (talk for talk in alice.member._private.talks if talk.name == "@bob")
    says(town, carol, alice, pairing.Out(talk.conversation))
    town.do(alice, "/msg bob again")
    assert bob.heard() == [("alice", "hello"), ("alice", "again")]
    assert "closed" not in alice.states("@bob")


def test_a_name_is_nobody_else_s_however_many_conversations_there_were(town: Town) -> None:
    """What stands under @bob was said to the key that bob had, and goes on with no other one."""
    alice, bob, mallory = people(town, "alice", "bob", "mallory")
    town.do(alice, "/msg bob hello")
    town.leave(bob)
    for number in range(2_000):  # that many are handed out in some minutes, by a few who work together
        alice.member._private._talks._group_names[f"@mallory,{number}"] = None
    town.do(mallory, "/nick bob")
    town.do(mallory, "/msg alice where were we")
    assert [event.room for event in alice.all(events.Message, mine=False)] == ["@bob-2"]


@pytest.mark.parametrize("what", ["refused", "wanted", "out"])
def test_a_goodbye_behind_what_is_to_be_answered_harms_nobody(town: Town, what: str) -> None:
    """In one record: there is nobody left to answer when it is read."""
    alice, bob, carol = trio(town)
    if what == "wanted":
        town.do(alice, "/verify bob")
    elif what == "refused":
        town.do(bob, "/msg alice hello")
    (group,) = (talk for talk in alice.member._private.talks if not talk.direct)
    ids = sorted(seat.id for seat in (alice, bob))
    said: list[wire.Message] = {
        "refused": [pairing.Handed(random_bytes(16), True, ids, bytes(32), True) for _ in range(40)],
        "wanted": [pairing.Want()],
        "out": [pairing.Out(group.conversation)],
    }[what]
    pair = linked(town, bob, alice)
    pair.send(*said, wire.Bye("left"))
    town._handle(Heard(bob.link, wire.Pass(alice.id, pair.id, pair.data_to_send())))
    town.settle()
    assert alice.here
    assert alice.member._private._pairs.get(bob.id) is None
    town.do(alice, f"/join @{'bob,carol'}")
    town.do(alice, "without bob")
    assert ("alice", "without bob") in carol.heard()


def test_who_keeps_wanting_what_it_leaves_is_not_served_for_ever(town: Town) -> None:
    alice, bob = people(town, "alice", "bob")
    town.do(alice, "/verify bob")  # alice is the client of their pair link
    served = 0
    while bob.member._private._pairs.get(alice.id) is not None and served < 100:
        served += 1
        says(town, bob, alice, pairing.Want())
        for talk in bob.member._private.talks:
            says(town, bob, alice, pairing.Out(talk.conversation))
            bob.member._private._close(talk, Left())
    assert served < 100
    assert alice.here
