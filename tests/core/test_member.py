"""One member's machine against a hub that says what each test wants it to say, honest or not."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar, get_args

import pytest

from usi.core import codec, commands, events, wire
from usi.core.content import RUN_SIZE, Body, ConversationKey
from usi.core.crypto import TAG_SIZE, PrivateKey, PublicKey, sha256
from usi.core.errors import (
    BadCommand,
    BadHandshake,
    BadMessage,
    BadName,
    Cut,
    HostStopped,
    LocalError,
    NoSuchMember,
    NotConnected,
    NothingToCompare,
    OutOfTurn,
    PeerError,
    TakenBack,
    TextTooLong,
    TooManyOffers,
)
from usi.core.inbox import KEY_BACKLOG, KEY_PATIENCE
from usi.core.member import FileMessage, Member
from usi.core.offering import LISTED_OFFERS, OWN_OFFERS
from usi.core.outbox import OUTBOX_BYTES, OUTBOX_POSTS
from usi.core.reading import LATE
from usi.core.report import NOTICES
from usi.core.roster import Proof
from usi.core.text import clean_file_name
from usi.core.trace import Secret, Trace
from usi.core.transfer import Offered

NOW = 1_700_000_000.0
ROOM = wire.RoomInfo(b"conversation 16.", "general", "", b"k" * 32, 0)
WORDS = ("one", "two", "three", "four")
SEALED = bytes(wire.PADDING + TAG_SIZE)
MENDABLE_NAMES = ["a b", "ａlice", "alice "]  # `clean_name` makes names of them, so an honest hub never passes them on
BAD_NAMES = ["evil\u202e", "\x1b[31mred", "a\u200bb", "аlice", "", "x" * 25, "\ud800", "✓"]
HOSTILE_TEXTS = {
    "markup": "[/oops] [bold]x[/bold] [link=file:///etc/passwd]y[/link] [[]] \\[",
    "escapes": "\x1b]0;title\x07\x1b[2J\x1b[31mred\x9b2J\x00\x08\x7f\r",
    "bidirectional": "\u202egnp.exe\u2066\u2069\u200f",
    "zero width": "pass\u200bword\u200d\ufeff\u2060\u00ad",
    "long word": "w" * 10_000,
    "wide emoji": "👩\u200d👩\u200d👧\u200d👦🇫🇷👍🏽 ❤\ufe0f ﷽ 你好",
    "zalgo": "z" + "\u0335\u0336\u0337" * 50,
    "lines": "one\n\n\ttwo\r\nthree\u2028four\u2029",
    "braces": "{name} {0} {text!r} %s {count",
    "noncharacters": "\ufffe\uffff\U0010ffff\ue000",
    "commands": "/quit !quitter //",
}

E = TypeVar("E", bound=events.Event)


def seconds(after: float) -> datetime:
    return datetime.fromtimestamp(NOW, UTC) + timedelta(seconds=after)


def left(desk: Desk, who: str, code: str) -> wire.Left:
    """That somebody has left the room."""
    return wire.Left(ROOM.conversation, [desk.keys[who].public.id], code)


class Desk:
    """A member machine and, in the test's hand, its hub: who is host, what it says, and when."""

    def __init__(self, keys: dict[str, PrivateKey], who: str = "bob", **options: Any) -> None:
        self.keys = keys
        self.member = Member(keys[who], who, **options)
        self.who = who
        self.key = ConversationKey(ROOM.conversation, keys["host"].public.id, ROOM.key)
        self.number = 0
        self.counts: dict[str, int] = {}
        self.told: list[events.Event] = []
        self.sent: list[wire.Message] = []

    # --- what the hub says ---

    def tell(self, *messages: wire.Message | wire.LinkFacts, after: float = 0.0) -> None:
        """Let the member receive these in one record, so many seconds after the start."""
        try:
            self.member.receive(messages, NOW + after)
        finally:
            self.collect()

    def collect(self) -> None:
        self.told += self.member.take_events()
        self.sent += self.member.take_outgoing()

    def info(self, who: str, name: str | None = None) -> wire.MemberInfo:
        return wire.MemberInfo(self.keys[who].public.id, who if name is None else name)

    def key_of(self, who: str) -> wire.KeyOf:
        return wire.KeyOf(self.keys[who].public.id, self.keys[who].public.modulus)

    def welcome(self, **changed: Any) -> wire.Welcome:
        fields = {"me": self.info(self.who), "host": self.info("host"), "session": b"s" * 16, "history": False}
        return wire.Welcome(**(fields | {"rooms": [ROOM]} | changed))

    def start(self) -> None:
        """Say that there is a link, and nothing more."""
        self.member.start(self.keys["host"].public, Proof(b"f" * 32, WORDS))
        self.collect()

    def open(self, *present: str, known: bool = True) -> Desk:
        """The usual beginning: in the room, with these and the host there, their keys already fetched if `known`."""
        self.start()
        self.tell(self.welcome(), wire.Present(ROOM.conversation, [self.info(who) for who in ("host", *present)], True))
        for who in present if known else ():
            # Its first post makes the member ask for the key.
            self.tell(self.post(who, "hello"))
            self.tell(self.key_of(who))
        return self.forget()

    def forget(self) -> Desk:
        self.told.clear()
        self.sent.clear()
        return self

    def post(self, who: str, said: str = "…", *, skip: int = 0, **changed: Any) -> wire.Posted:
        """The next post of somebody, under the room's next number. `changed` replaces fields of the body."""
        self.counts[who] = self.counts.get(who, 0) + 1
        fields: dict[str, Any] = {
            "kind": "text",
            "text": said,
            "name": who,
            "sent_at": int(NOW * 1000),
            "run": sha256(who.encode())[:RUN_SIZE],
            "n": self.counts[who],
        }
        post = self.key.seal(self.keys[who], Body(**(fields | changed)))
        return self.number_it(post, skip=skip)

    def number_it(self, post: wire.Post | wire.Posted, *, skip: int = 0, sender: bytes | None = None) -> wire.Posted:
        self.number += 1 + skip
        return wire.Posted(
            post.conversation, post.key_id, sender or post.sender, post.id, self.number, post.sealed
        )

    def forged(self, who: str, said: str, by: str) -> wire.Posted:
        """A post that `by`, who has the room's key, makes in somebody else's name: all is right but the signature."""

        class Pen:
            public = self.keys[who].public
            sign = staticmethod(self.keys[by].sign)

        self.counts[who] = self.counts.get(who, 0) + 1
        body = Body("text", said, who, int(NOW * 1000), sha256(who.encode())[:RUN_SIZE], self.counts[who])
        return self.number_it(self.key.seal(Pen, body))  # type: ignore[arg-type]

    def ack(self, post: wire.Post) -> wire.Ack:
        self.number += 1
        return wire.Ack(post.id, self.number)

    # --- what the person does ---

    def say(self, said: str, after: float = 0.0) -> wire.Post:
        """Say something; returns the post that goes out."""
        self.member.do(commands.Say(said), NOW + after)
        self.collect()
        post = self.sent[-1]
        assert isinstance(post, wire.Post)
        return post

    # --- what came of it ---

    def all(self, kind: type[E]) -> list[E]:
        return [event for event in self.told if isinstance(event, kind)]

    @property
    def heard(self) -> list[tuple[str, str, str]]:
        """(who, what, signature) of the messages of others that were shown."""
        return [(event.from_, event.text, event.signature) for event in self.all(events.Message) if not event.mine]

    @property
    def notices(self) -> list[str]:
        return [event.code for event in self.all(events.Notice)]

    def read(self, post: wire.Post) -> Body:
        opened = self.key.open(post)
        assert opened.is_by(self.keys[self.who].public)
        return opened.body()


@pytest.fixture
def desk(keys: dict[str, PrivateKey]) -> Desk:
    """Bob at his desk; his link has its keys, and the hub has said nothing yet."""
    return Desk(keys)


# --- coming in -----------------------------------------------------------------------------------------------------


def test_a_link_is_answered_with_a_join_and_nothing_is_told(desk: Desk) -> None:
    desk.start()
    assert desk.sent == [wire.Join("bob")]
    assert not desk.told
    assert not desk.member.joined


@pytest.mark.parametrize(
    ("standing", "code", "said"),
    [([], "name-numbered", "is taken"), ([wire.Standing(1)], "account-here", "Your account bob is here already")],
)
def test_another_name_than_the_one_that_was_asked_for_is_told(
    desk: Desk, standing: list[wire.Standing], code: str, said: str
) -> None:
    desk.start()
    desk.tell(desk.welcome(me=desk.info("bob", "bob-2")), *standing)
    desk.tell(wire.Present(ROOM.conversation, [desk.info("host")], True))
    (notice,) = desk.all(events.Notice)
    assert notice.code == code
    assert said in notice.text
    assert ("--password" in notice.text) == (not standing), "it has just used that"


def test_a_welcome_and_the_list_of_members_make_one_joined(desk: Desk) -> None:
    desk.start()
    desk.tell(desk.welcome(me=desk.info("bob", "bob-2")))
    assert not desk.member.joined
    desk.tell(wire.Present(ROOM.conversation, [desk.info("host")], False))
    assert not desk.member.joined
    assert not desk.told
    desk.tell(wire.Present(ROOM.conversation, [desk.info("alice")], True))
    assert desk.member.joined
    assert desk.member.name == "bob-2"
    (users,) = desk.all(events.Users)
    assert not users.asked
    rows = {row.name: row for row in users.members}
    assert set(rows) == {"host", "bob-2", "alice"}
    assert [row.name for row in users.members if row.me] == ["bob-2"]
    assert [row.name for row in users.members if row.host] == ["host"]
    assert rows["host"].fingerprint == (b"f" * 32).hex()
    assert rows["host"].words == list(WORDS)
    assert rows["alice"].fingerprint is None
    assert rows["alice"].words is None
    assert rows["alice"].member == desk.keys["alice"].public.id.hex()
    assert not any(row.verified for row in users.members)
    (entered,) = desk.all(events.RoomEntered)
    assert set(entered.members) == {row.member for row in users.members}
    (notice,) = desk.all(events.Notice)
    assert notice.text.startswith("The name bob is taken: you are bob-2 here.")
    assert "--password" in notice.text, "it may be that of an account; the host tells no stranger which those are"
    assert desk.told == [users, entered, notice]


BEFORE_ITS_TIME: dict[str, Callable[[Desk], wire.Message]] = {
    "lasting": lambda desk: wire.Lasting(),
    "challenge": lambda desk: wire.Challenge(bytes(65), bytes(32)),
    "present": lambda desk: wire.Present(ROOM.conversation, [], True),
    "key": lambda desk: desk.key_of("alice"),
    "posted": lambda desk: desk.post("alice"),
    "posted by its reader": lambda desk: desk.post("bob"),
    "ack": lambda desk: wire.Ack(b"i" * 15, 1),
    "stale-key": lambda desk: wire.StaleKey(b"i" * 15),
    "refused": lambda desk: wire.Refused(b"i" * 15, "no"),
    "joined": lambda desk: wire.Joined(ROOM.conversation, [desk.info("alice")]),
    "left": lambda desk: wire.Left(ROOM.conversation, [desk.keys["alice"].public.id], "left"),
    "renamed": lambda desk: wire.Renamed(desk.keys["bob"].public.id, "robert"),
    "absent": lambda desk: wire.Absent(desk.keys["bob"].public.id, "out"),
    "notice": lambda desk: wire.Notice("name-taken", "bob"),
    "passed": lambda desk: wire.Passed(desk.keys["alice"].public.id, b"p" * 16, b"USI3P"),
    "gathered": lambda desk: wire.Gathered(b"c" * 16, b"k" * 32, 0),
    "caught": lambda desk: wire.Caught(b"c" * 16, 1),
    "found": lambda desk: wire.Found(b"c" * 16, b"k" * 32, b"m" * 32, b"i" * 15, 1, SEALED),
    "resumed": lambda desk: wire.Resumed(1, 1),
    "no-seat": lambda desk: wire.NoSeat(),
    "skipped": lambda desk: wire.Skipped(1),
    "standing": lambda desk: wire.Standing(2),
    "salt": lambda desk: wire.Salt(bytes(16)),
    "room-list": lambda desk: wire.RoomList([]),
    "entered": lambda desk: wire.Entered(ROOM),
    "put-out": lambda desk: wire.Out(ROOM.conversation, "revoked"),
    "room-key": lambda desk: wire.RoomKey(ROOM.conversation, bytes(32)),
    "topic": lambda desk: wire.Topic(ROOM.conversation, "on cats", "alice"),
    "deed": lambda desk: wire.Deed("kicked", "bob", "alice", "too loud"),
    "old-key": lambda desk: wire.OldKey(ROOM.conversation, b"m" * 32, bytes(32)),
    "old": lambda desk: wire.Old(ROOM.conversation, b"k" * 32, b"m" * 32, b"i" * 15, 1, SEALED),
    "old-end": lambda desk: wire.OldEnd(ROOM.conversation, 1, 0, False),
    "limit-values": lambda desk: wire.LimitValues([]),
    "log-entry": lambda desk: wire.LogEntry(1_700_000_000_000, "kicked", [("name", "bob")]),
}
FOR_FILES = {wire.Ticket, wire.NoTicket, wire.Wanted, wire.FileWord}
"""What the hub says of data connections passes this machine by."""
FOR_THE_HOST = [
    wire.Join("bob"),
    wire.Claim("amber", bytes(65)),
    wire.Ask(bytes(65)),
    wire.Prove(None),
    wire.Post(ROOM.conversation, b"k" * 32, b"m" * 32, b"i" * 15, SEALED),
    wire.GetKey(b"m" * 32),
    wire.Nick("bob"),
    wire.Away(None),
    wire.Fetch(b"m" * 32, b"t" * 16, b"r" * 16, 0),
    wire.Pass(b"m" * 32, b"p" * 16, b""),
    wire.Gather(b"c" * 16, b"k" * 32, [b"m" * 32, b"n" * 32]),
    wire.Leave(b"c" * 16),
    wire.Resume(b"s" * 16, 0),
    wire.Again(b"c" * 16, 1, 2),
    wire.Login("bob"),
    wire.Unlock(bytes(48)),
    wire.ListRooms(),
    wire.Enter("staff"),
    wire.Past(ROOM.conversation, 0, 10),
    wire.Order("kick", "bob", "", "", 0, False),
    wire.Fetch(b"m" * 32, b"t" * 16, b"r" * 16, 0),
]


def test_the_lists_of_messages_are_whole(desk: Desk) -> None:
    both = {wire.Alive, wire.Bye, wire.Got}
    early = {type(make(desk)) for make in BEFORE_ITS_TIME.values()}
    assert set(get_args(FileMessage)) == FOR_FILES
    assert early == set(get_args(wire.FromHost)) - both - FOR_FILES - {wire.Welcome}
    assert {type(message) for message in FOR_THE_HOST} == set(get_args(wire.FromMember)) - both - FOR_FILES


@pytest.mark.parametrize("what", BEFORE_ITS_TIME)
def test_the_host_says_nothing_before_its_welcome(desk: Desk, what: str) -> None:
    desk.start()
    with pytest.raises(PeerError):
        desk.tell(BEFORE_ITS_TIME[what](desk))
    assert not desk.told


@pytest.mark.parametrize("message", FOR_THE_HOST, ids=wire.tag_of)
def test_the_host_does_not_speak_as_a_member(desk: Desk, message: wire.Message) -> None:
    desk.open("alice")
    with pytest.raises(OutOfTurn):
        desk.tell(message)
    assert not desk.told


@pytest.mark.parametrize("message", [wire.Alive(), wire.Bye("host-stopped")], ids=wire.tag_of)
def test_what_concerns_the_link_says_nothing_to_the_member(desk: Desk, message: wire.Message) -> None:
    desk.start()
    desk.tell(message)
    desk.open()
    desk.tell(message)
    assert not desk.told
    assert not desk.sent


def test_there_is_one_welcome(desk: Desk) -> None:
    desk.open()
    with pytest.raises(OutOfTurn):
        desk.tell(desk.welcome())


def test_a_welcome_without_a_room_is_none(desk: Desk) -> None:
    desk.start()
    with pytest.raises(BadMessage):
        desk.tell(desk.welcome(rooms=[]))


@pytest.mark.parametrize("field", ["host", "me"])
def test_a_welcome_names_the_keys_that_the_link_proved(desk: Desk, field: str) -> None:
    desk.start()
    with pytest.raises(BadHandshake):
        desk.tell(desk.welcome(**{field: desk.info("mallory", "host" if field == "host" else "bob")}))
    assert not desk.told
    assert not desk.member.joined


@pytest.mark.parametrize("name", MENDABLE_NAMES + BAD_NAMES)
@pytest.mark.parametrize("place", ["host", "present", "joined", "renamed"])
def test_a_name_that_no_honest_hub_passes_on_is_not_shown(desk: Desk, place: str, name: str) -> None:
    """It may be one that only a newer Unicode knows: its owner's id stands in its place, and the link goes on."""
    desk.start()
    desk.tell(
        desk.welcome(**({"host": desk.info("host", name)} if place == "host" else {})),
        wire.Present(
            ROOM.conversation,
            [desk.info("alice")] + ([desk.info("carol", name)] if place == "present" else []),
            True,
        ),
    )
    if place == "joined":
        desk.tell(wire.Joined(ROOM.conversation, [desk.info("carol", name)]))
    elif place == "renamed":
        desk.tell(wire.Renamed(desk.keys["alice"].public.id, name))
    owner = {"host": "host", "renamed": "alice"}.get(place, "carol")
    shown = f"?{desk.keys[owner].public.id.hex()[:8]}"
    assert shown in [row.name for row in desk.member.users(asked=True).members]
    if place in {"joined", "renamed"}:
        told = desk.told[-1]
        assert isinstance(told, events.MemberJoined | events.MemberRenamed)
        assert told.name == shown
    assert desk.notices == []


@pytest.mark.parametrize("name", [*MENDABLE_NAMES, *BAD_NAMES, "alice", "bob2", "bob-", "bob-x", "rob-2", "bob--2"])
def test_the_host_does_not_choose_our_name(desk: Desk, name: str) -> None:
    """It would stand in what we sign. Only a number may be put behind the one that was asked for."""
    desk.start()
    with pytest.raises(BadMessage):
        desk.tell(desk.welcome(me=desk.info("bob", name)))
    assert not desk.told
    desk = Desk(desk.keys).open()
    with pytest.raises(BadMessage):
        desk.tell(wire.Renamed(desk.member.id, name))
    assert not desk.told
    assert desk.member.name == "bob"


@pytest.mark.parametrize(
    ("wanted", "given"),
    [("bob", "bob-2"), ("bob", "bob-10"), ("x" * 24, "x" * 22 + "-2"), ("x" * 20 + "----", "x" * 20 + "-2")],
)
def test_a_number_behind_our_name_is_the_host_s_to_give(keys: dict[str, PrivateKey], wanted: str, given: str) -> None:
    desk = Desk(keys)
    desk.member = Member(keys["bob"], wanted)
    desk.start()
    desk.tell(desk.welcome(me=desk.info("bob", given)))
    assert desk.member.name == given


# --- hearing -------------------------------------------------------------------------------------------------------


def test_a_message_is_told_with_everything_about_it(desk: Desk) -> None:
    desk.open("alice")
    posted = desk.post("alice", "Bonjour !", sent_at=int(NOW * 1000) - 1_500)
    desk.tell(posted, after=2)
    assert desk.told == [
        events.Message(
            time=seconds(2),
            id=posted.id.hex(),
            room="general",
            from_="alice",
            member=desk.keys["alice"].public.id.hex(),
            text="Bonjour !",
            sent_at=seconds(-1.5),
            mine=False,
            signature="good",
        )
    ]


def test_what_is_done_is_told_as_done(desk: Desk) -> None:
    desk.open("alice")
    desk.tell(desk.post("alice", "waves", kind="me"))
    assert [event.kind for event in desk.all(events.Message)] == ["me"]


@pytest.mark.parametrize("said", HOSTILE_TEXTS.values(), ids=HOSTILE_TEXTS)
def test_a_text_comes_out_as_it_was_said(keys: dict[str, PrivateKey], said: str) -> None:
    alice, bob = Desk(keys, "alice").open(), Desk(keys, "bob").open("alice")
    post = alice.say(said)
    bob.tell(bob.number_it(post))
    assert bob.heard == [("alice", said, "good")]
    assert [event.text for event in alice.all(events.Message)] == [said]


@pytest.mark.parametrize("letter", ["x", "é", "€", "👍"])
def test_a_text_of_64_kib_passes_and_one_byte_more_stays_with_its_author(
    keys: dict[str, PrivateKey], letter: str
) -> None:
    alice, bob = Desk(keys, "alice").open(), Desk(keys, "bob").open("alice")
    size = len(letter.encode())
    said = letter * (wire.MAX_TEXT // size) + "x" * (wire.MAX_TEXT % size)
    assert len(said.encode()) == wire.MAX_TEXT
    for intent in (commands.Say(said + "x"), commands.Act("x" + said)):
        with pytest.raises(TextTooLong) as caught:
            alice.member.do(intent, NOW)
        assert str(wire.MAX_TEXT + 1) in str(caught.value)
        alice.collect()
        assert not alice.sent
        assert not alice.told
        assert alice.member.in_flight == 0
    post = alice.say(said)
    assert alice.read(post).n == 1
    (plaintext,) = codec.pack([codec.encode(post)])
    assert len(plaintext) + TAG_SIZE <= wire.MAX_RECORD
    assert codec.decode_from_member(plaintext) == [post]
    bob.tell(bob.number_it(post))
    assert bob.heard == [("alice", said, "good")]


def test_a_post_to_a_conversation_that_we_are_not_in_is_passed_over(desk: Desk) -> None:
    """Any member can have us named in a private conversation of its own: that must not end our link."""
    desk.open("alice")
    posted = desk.post("alice")
    elsewhere = wire.Posted(b"?" * 16, posted.key_id, posted.sender, posted.id, posted.number, posted.sealed)
    desk.tell(elsewhere)
    assert not desk.told


def test_what_went_before_a_breach_is_shown_and_what_comes_behind_it_never(desk: Desk) -> None:
    desk.open("alice")
    with pytest.raises(PeerError):
        desk.tell(desk.post("alice", "before"), wire.Ack(b"?" * 15, 9), desk.post("alice", "behind"))
    desk.member.disconnected(Cut(), NOW)
    desk.collect()
    assert desk.heard == [("alice", "before", "good")]


# --- keys of authors -----------------------------------------------------------------------------------------------


def test_an_author_s_key_is_asked_for_once(desk: Desk) -> None:
    desk.open("alice", "carol", known=False)
    desk.tell(desk.post("alice", "1"), desk.post("carol", "2"))
    desk.tell(desk.post("alice", "3"))
    assert desk.sent == [wire.GetKey(desk.keys[who].public.id) for who in ("alice", "carol")]
    desk.tell(desk.key_of("alice"), desk.key_of("carol"), desk.post("alice", "4"))
    assert len(desk.sent) == 2
    assert [text for _, text, _ in desk.heard] == ["1", "2", "3", "4"]


def test_the_host_s_key_is_never_asked_for(desk: Desk) -> None:
    desk.open()
    desk.tell(desk.post("host", "welcome"))
    assert desk.heard == [("host", "welcome", "good")]
    assert not desk.sent


def test_everything_waits_in_order_behind_a_post_whose_author_s_key_is_under_way(desk: Desk) -> None:
    desk.open("alice", "carol")
    mine = desk.say("mine")
    desk.forget()
    desk.tell(
        desk.post("alice", "1"),
        desk.post("mallory", "2"),
        desk.post("host", "3"),
        desk.ack(mine),
        wire.Left(ROOM.conversation, [desk.keys["carol"].public.id], "left"),
        desk.post("carol", "4"),
    )
    assert desk.heard == [("alice", "1", "good")]
    desk.member.tick(NOW + KEY_PATIENCE - 0.5)
    desk.collect()
    assert len(desk.told) == 1
    desk.tell(desk.key_of("mallory"), after=KEY_PATIENCE - 0.5)
    assert [(type(event), getattr(event, "text", "")) for event in desk.told] == [
        (events.Message, "1"),
        (events.Message, "2"),
        (events.Message, "3"),
        (events.Delivered, ""),
        (events.MemberLeft, ""),
        (events.Message, "4"),
    ]
    assert {signature for _, _, signature in desk.heard} == {"good"}
    assert not desk.notices


def test_two_keys_are_waited_for_in_turn(desk: Desk) -> None:
    desk.open("alice", "carol", known=False)
    desk.tell(desk.post("alice", "1"), desk.post("carol", "2"), desk.post("alice", "3"))
    desk.tell(desk.key_of("carol"))
    assert not desk.told
    desk.tell(desk.key_of("alice"))
    assert desk.heard == [("alice", "1", "good"), ("carol", "2", "good"), ("alice", "3", "good")]


def test_patience_ends_with_time(desk: Desk) -> None:
    desk.open("alice", known=False)
    desk.tell(desk.post("alice", "hello"), desk.post("host", "hello too"), after=10)
    desk.member.tick(NOW + 9.5 + KEY_PATIENCE)
    desk.collect()
    assert not desk.told
    desk.member.tick(NOW + 10.5 + KEY_PATIENCE)
    desk.collect()
    assert desk.heard == [("alice", "hello", "missing"), ("host", "hello too", "good")]


def test_patience_ends_when_too_much_waits(desk: Desk) -> None:
    desk.open("alice", known=False)
    waiting = [wire.Notice("name-taken", str(number)) for number in range(KEY_BACKLOG - 1)]
    desk.tell(desk.post("alice", "hello"), *waiting)
    assert not desk.told
    desk.tell(wire.Notice("name-taken", "one more"))
    assert desk.heard == [("alice", "hello", "missing")]
    assert len(desk.notices) == KEY_BACKLOG


def test_patience_is_for_each_post_from_its_own_arrival(desk: Desk) -> None:
    desk.open("alice", "carol", known=False)
    desk.tell(desk.post("alice", "1"))
    desk.tell(desk.post("carol", "2"), after=KEY_PATIENCE - 1)
    desk.member.tick(NOW + KEY_PATIENCE + 0.5)
    desk.collect()
    assert desk.heard == [("alice", "1", "missing")]
    desk.tell(desk.key_of("carol"), after=KEY_PATIENCE + 0.6)
    assert desk.heard == [("alice", "1", "missing"), ("carol", "2", "good")]


def test_an_answer_for_one_author_does_not_use_up_the_patience_for_the_next(desk: Desk) -> None:
    desk.open("alice", "carol", known=False)
    desk.tell(desk.post("alice", "1"))
    desk.tell(desk.post("carol", "2"), after=KEY_PATIENCE - 1)
    desk.tell(desk.key_of("alice"), after=KEY_PATIENCE - 0.5)
    desk.member.tick(NOW + KEY_PATIENCE + 0.5)
    desk.collect()
    assert desk.heard == [("alice", "1", "good")]


def test_a_key_that_comes_late_still_counts_for_what_follows(desk: Desk) -> None:
    desk.open("alice", known=False)
    desk.tell(desk.post("alice", "early"))
    desk.member.tick(NOW + KEY_PATIENCE + 1)
    desk.tell(desk.key_of("alice"), after=KEY_PATIENCE + 2)
    desk.tell(desk.post("alice", "later"), after=KEY_PATIENCE + 3)
    assert desk.heard == [("alice", "early", "missing"), ("alice", "later", "good")]


def test_a_breach_that_waited_behind_a_key_comes_out_with_the_tick(desk: Desk) -> None:
    """`tick` raises it as `receive` would have; whoever calls it must end the link."""
    desk.open("alice", known=False)
    desk.tell(desk.post("alice", "hello"), wire.Ack(b"?" * 15, 9), desk.post("host", "behind"))
    with pytest.raises(BadMessage):
        desk.member.tick(NOW + KEY_PATIENCE + 1)
    desk.member.disconnected(Cut(), NOW + KEY_PATIENCE + 1)
    desk.collect()
    assert desk.heard == [("alice", "hello", "missing")]


def test_a_key_that_the_host_does_not_know_is_missing_at_once(desk: Desk) -> None:
    desk.open("alice", known=False)
    desk.tell(desk.post("alice", "hello"), wire.KeyOf(desk.keys["alice"].public.id, None))
    assert desk.heard == [("alice", "hello", "missing")]


def test_a_key_that_does_not_hash_to_the_id_ends_the_link(desk: Desk) -> None:
    desk.open("alice", known=False)
    posted = desk.post("alice", "hello")
    with pytest.raises(BadMessage):
        desk.tell(posted, wire.KeyOf(posted.sender, desk.keys["mallory"].public.modulus))
    assert "good" not in [signature for _, _, signature in desk.heard]


@pytest.mark.parametrize("modulus", [bytes(256), b"\xff" * 255 + b"\xfe", b"\x7f" * 256], ids=["zero", "even", "short"])
def test_a_modulus_that_is_none_ends_the_link(desk: Desk, modulus: bytes) -> None:
    desk.open("alice", known=False)
    with pytest.raises(BadMessage):
        desk.tell(desk.post("alice"), wire.KeyOf(desk.keys["alice"].public.id, modulus))


def test_a_key_that_nobody_asked_for_ends_the_link(desk: Desk) -> None:
    desk.open("alice")
    for who in ("alice", "carol", "bob", "host"):
        with pytest.raises(OutOfTurn):
            desk.tell(desk.key_of(who))


def test_one_answer_to_each_question(desk: Desk) -> None:
    desk.open("alice", known=False)
    desk.tell(desk.post("alice"), desk.key_of("alice"))
    with pytest.raises(OutOfTurn):
        desk.tell(desk.key_of("alice"))


# --- posts that are not what they seem -------------------------------------------------------------------------------


def test_a_forged_signature_is_told_as_bad(desk: Desk) -> None:
    desk.open("alice")
    desk.tell(desk.forged("alice", "I owe mallory a lot", by="mallory"))
    assert desk.heard == [("alice", "I owe mallory a lot", "bad")]


def test_a_forged_post_does_not_count_as_its_author_s(desk: Desk) -> None:
    """Otherwise anybody with the room's key could make readers take the author's next ones for repeated."""
    desk.open("alice")
    desk.tell(desk.forged("alice", "forged", by="mallory"))
    desk.counts["alice"] -= 1
    desk.tell(desk.post("alice", "mine"))
    assert desk.heard == [("alice", "forged", "bad"), ("alice", "mine", "good")]
    assert not desk.notices


def test_a_post_under_another_member_s_id_cannot_be_read(desk: Desk) -> None:
    desk.open("alice", "carol")
    posted = desk.number_it(desk.post("alice", "hello"), sender=desk.keys["carol"].public.id)
    desk.number -= 1
    moved = wire.Posted(posted.conversation, posted.key_id, posted.sender, posted.id, desk.number, posted.sealed)
    desk.tell(moved)
    assert not desk.heard
    assert desk.notices == ["unreadable"]


@pytest.mark.parametrize("harm", ["sealed", "key_id", "id", "body", "layout"])
def test_what_cannot_be_read_is_told_and_the_rest_goes_on(desk: Desk, harm: str) -> None:
    desk.open("alice")
    whole = desk.post("alice", "hello")
    fields = {name: getattr(whole, name) for name in whole.__struct_fields__}
    if harm == "sealed":
        fields["sealed"] = whole.sealed[:-1] + bytes([whole.sealed[-1] ^ 1])
    elif harm in {"body", "layout"}:  # sealed under the right key, with nonsense inside
        inside = bytes([0, 0, 0, 1, 0xC1]).ljust(wire.PADDING, b"\0") if harm == "body" else b"\xff" * wire.PADDING
        inside = inside + bytes(256) if harm == "body" else inside
        fields["sealed"] = desk.key._aead.seal(whole.id, inside, desk.key._aad(whole.sender))
    else:
        fields[harm] = b"x" * len(fields[harm])
    desk.tell(wire.Posted(**fields), desk.post("host", "goes on"))
    assert desk.heard == [("host", "goes on", "good")]
    (notice,) = desk.all(events.Notice)
    assert notice.code == "unreadable"
    assert notice.text == NOTICES["unreadable"].format(name="alice", room="#general")


def test_a_text_that_a_program_without_our_limit_sends_is_not_shown(desk: Desk) -> None:
    desk.open("alice")
    desk.tell(desk.post("alice", "x" * (wire.MAX_TEXT + 1)))
    assert not desk.heard
    assert desk.notices == ["unreadable"]


def test_a_post_that_was_moved_here_from_another_host_is_bad(desk: Desk) -> None:
    """The same room key and id elsewhere would still be another key-holder, whom the signature covers."""
    desk.open("alice")
    desk.counts["alice"] += 1
    body = Body("text", "elsewhere", "alice", int(NOW * 1000), sha256(b"alice")[:RUN_SIZE], desk.counts["alice"])
    elsewhere = ConversationKey(ROOM.conversation, desk.keys["mallory"].public.id, ROOM.key)
    desk.tell(desk.number_it(elsewhere.seal(desk.keys["alice"], body)))
    assert desk.heard == [("alice", "elsewhere", "bad")]


def test_a_repeated_number_is_not_shown(desk: Desk) -> None:
    desk.open("alice")
    posted = desk.post("alice", "once")
    desk.tell(posted, posted)
    desk.tell(posted)
    assert desk.heard == [("alice", "once", "good")]
    assert desk.notices == ["repeated", "repeated"]


def test_a_post_repeated_under_a_new_number_is_not_shown(desk: Desk) -> None:
    desk.open("alice")
    first, second = desk.post("alice", "first"), desk.post("alice", "second")
    desk.tell(first, second)
    desk.tell(desk.number_it(second), desk.number_it(first))
    assert [text for _, text, _ in desk.heard] == ["first", "second"]
    assert desk.notices == ["repeated", "repeated"]
    assert desk.all(events.Notice)[0].text == NOTICES["repeated"].format(room="#general")


def test_posts_in_another_order_than_their_author_s_are_not_shown(desk: Desk) -> None:
    desk.open("alice")
    first, second = desk.post("alice", "first"), desk.post("alice", "second")
    desk.number -= 2
    desk.tell(desk.number_it(second), desk.number_it(first))
    assert [text for _, text, _ in desk.heard] == ["second"]
    assert desk.notices == ["withheld-from", "repeated"]


def test_one_s_own_post_does_not_come_back_as_a_new_message(desk: Desk) -> None:
    """The hub can repeat it under a new number; it must be refused, or told as repeated."""
    desk.open("alice")
    post = desk.say("I agree")
    desk.tell(desk.ack(post))
    try:
        desk.tell(desk.number_it(post))
    except PeerError:
        pass
    else:
        assert desk.notices == ["repeated"]
    assert not desk.heard


def test_a_hole_in_the_numbers_is_told_with_its_size(desk: Desk) -> None:
    desk.open("alice")
    desk.tell(desk.post("alice", "here"), desk.post("host", "far away", skip=3), desk.post("alice", "here again"))
    assert [text for _, text, _ in desk.heard] == ["here"], "the others wait for what is asked for"
    desk.tell(wire.Caught(desk.key.conversation, desk.number - 2))
    assert [text for _, text, _ in desk.heard] == ["here", "far away", "here again"]
    (notice,) = desk.all(events.Notice)
    assert notice.code == "withheld"
    assert notice.text == NOTICES["withheld"].format(count=3, room="#general")
    order = [type(event) for event in desk.told]
    assert order == [events.Message, events.Notice, events.Message, events.Message]


def test_a_hole_in_front_of_an_own_post_is_told_too(desk: Desk) -> None:
    desk.open("alice")
    post = desk.say("mine")
    desk.number += 2
    desk.tell(desk.ack(post))
    assert not desk.notices
    desk.tell(wire.Caught(desk.key.conversation, desk.number - 1))
    assert desk.notices == ["withheld"]
    assert [event.number for event in desk.all(events.Delivered)] == [desk.number]


def test_a_hole_in_an_author_s_count_is_told_with_its_size(desk: Desk) -> None:
    """The hub gives numbers without holes and leaves out posts of one author: the signed count shows it."""
    desk.open("alice")
    desk.counts["alice"] += 2
    desk.tell(desk.post("alice", "what was I saying"), desk.post("alice", "never mind"))
    assert [text for _, text, _ in desk.heard] == ["what was I saying", "never mind"]
    (notice,) = desk.all(events.Notice)
    assert notice.code == "withheld-from"
    assert notice.text == NOTICES["withheld-from"].format(count=2, name="alice", room="#general")


def test_the_first_words_of_who_came_after_us_cannot_be_withheld_unseen(desk: Desk) -> None:
    desk.open()
    desk.tell(wire.Joined(ROOM.conversation, [desk.info("alice")]))
    desk.counts["alice"] = 2
    desk.tell(desk.post("alice", "third"), desk.key_of("alice"), desk.post("alice", "fourth"))
    assert [text for _, text, _ in desk.heard] == ["third", "fourth"]
    (notice,) = desk.all(events.Notice)
    assert notice.text == NOTICES["withheld-from"].format(count=2, name="alice", room="#general")


@pytest.mark.parametrize("signature", ["bad", "missing"])
def test_nor_behind_a_post_that_is_not_theirs(desk: Desk, signature: str) -> None:
    """A host that has the room's key makes such a post itself; what it shows for true must still be whole."""
    desk.open()
    desk.tell(wire.Joined(ROOM.conversation, [desk.info("alice")]))
    posted = desk.forged("alice", "psst", by="host")
    desk.tell(posted, wire.KeyOf(posted.sender, None) if signature == "missing" else desk.key_of("alice"))
    if signature == "missing":
        desk.member.roster.keys[posted.sender] = desk.keys["alice"].public
    desk.counts["alice"] = 3
    desk.tell(desk.post("alice", "fourth"), desk.post("alice", "fifth"))
    assert [mark for _, _, mark in desk.heard] == [signature, "good", "good"]
    (notice,) = desk.all(events.Notice)
    count = 3 if signature == "bad" else 2  # one that was shown unsigned may have been hers
    assert notice.text == NOTICES["withheld-from"].format(count=count, name="alice", room="#general")


def test_of_who_was_here_before_us_nothing_earlier_is_missed(desk: Desk) -> None:
    desk.open("alice", known=False)
    desk.counts["alice"] = 40
    desk.tell(desk.post("alice", "as I said"), desk.key_of("alice"))
    assert desk.heard == [("alice", "as I said", "good")]
    assert not desk.notices


def test_a_post_that_was_shown_without_its_key_was_not_withheld(desk: Desk) -> None:
    desk.open()
    desk.tell(wire.Joined(ROOM.conversation, [desk.info("alice")]), desk.post("alice", "early"))
    desk.member.tick(NOW + KEY_PATIENCE + 1)
    desk.tell(desk.key_of("alice"), desk.post("alice", "later"), after=KEY_PATIENCE + 2)
    assert desk.heard == [("alice", "early", "missing"), ("alice", "later", "good")]
    assert not desk.notices


@pytest.mark.parametrize("signature", ["missing", "bad"])
def test_what_is_not_signed_is_not_shown_twice_either(desk: Desk, signature: str) -> None:
    desk.open("alice", known=signature == "bad")
    if signature == "bad":
        posted = desk.forged("alice", "psst", by="mallory")
        desk.tell(posted)
    else:
        posted = desk.post("alice", "psst")
        desk.tell(posted, wire.KeyOf(posted.sender, None))
    desk.tell(desk.number_it(posted))
    assert desk.heard == [("alice", "psst", signature)]
    assert desk.notices == ["repeated"]


def test_a_new_run_of_the_same_key_counts_anew(desk: Desk) -> None:
    desk.open("alice")
    for run in (b"1" * RUN_SIZE, b"2" * RUN_SIZE):
        desk.tell(desk.post("alice", run=run, n=1), desk.post("alice", run=run, n=2))
    assert len(desk.heard) == 4
    assert not desk.notices
    desk.tell(desk.post("alice", run=b"1" * RUN_SIZE, n=2))
    assert desk.notices == ["repeated"]


def test_the_newest_number_at_the_welcome_is_where_counting_starts(desk: Desk) -> None:
    desk.start()
    room = wire.RoomInfo(ROOM.conversation, "general", "", ROOM.key, 41)
    desk.tell(desk.welcome(rooms=[room]), wire.Present(ROOM.conversation, [desk.info("host")], True))
    desk.forget()
    desk.number = 40
    desk.tell(desk.post("host", "before"), desk.post("host", "after"))
    assert [text for _, text, _ in desk.heard] == ["after"]
    assert desk.notices == ["repeated"]


# --- clocks and names in what was signed -----------------------------------------------------------------------------


@pytest.mark.parametrize("off", [-LATE - 1, LATE + 1, -86_400 * 365])
def test_a_clock_that_is_far_off_is_marked(desk: Desk, off: float) -> None:
    desk.open("alice")
    desk.tell(desk.post("alice", sent_at=int((NOW + off) * 1000)))
    (message,) = desk.all(events.Message)
    assert message.late
    assert message.sent_at == seconds(off)


@pytest.mark.parametrize("off", [-LATE + 1, 0, LATE - 1])
def test_a_clock_that_is_a_little_off_is_not(desk: Desk, off: float) -> None:
    desk.open("alice")
    desk.tell(desk.post("alice", sent_at=int((NOW + off) * 1000)))
    assert not desk.all(events.Message)[0].late


@pytest.mark.parametrize("sent_at", [2**63, 2**64 - 1, -(2**63), -(10**17), 10**15, 0, -1])
def test_a_time_that_makes_no_sense_is_marked_and_harmless(desk: Desk, sent_at: int) -> None:
    desk.open("alice")
    desk.tell(desk.post("alice", sent_at=sent_at))
    (message,) = desk.all(events.Message)
    assert message.late
    assert message.sent_at.tzinfo is UTC


@pytest.mark.parametrize(
    ("signed", "told"), [("mallory", "mallory"), ("\x1b[31mred", "␛[31mred"), ("a\nb\u202e", "a ⏎ b‹U+202E›")]
)
def test_a_text_signed_with_another_name_is_marked(desk: Desk, signed: str, told: str) -> None:
    desk.open("alice")
    desk.tell(desk.post("alice", "hello", name=signed), desk.post("alice", "hello"))
    assert [(event.from_, event.signed_as) for event in desk.all(events.Message)] == [("alice", told), ("alice", None)]


def test_a_text_that_was_signed_before_a_renaming_is_not_marked(desk: Desk) -> None:
    desk.open("alice")
    desk.tell(wire.Renamed(desk.keys["alice"].public.id, "liddell"))
    desk.tell(desk.post("alice", name="alice"), desk.post("alice", name="liddell"), desk.post("alice", name="carol"))
    assert [(event.from_, event.signed_as) for event in desk.all(events.Message)] == [
        ("liddell", None),
        ("liddell", None),
        ("liddell", "carol"),
    ]


def test_a_text_of_somebody_who_left_has_the_signed_name(desk: Desk) -> None:
    desk.open("alice")
    desk.tell(wire.Left(ROOM.conversation, [desk.keys["alice"].public.id], "left"))
    desk.tell(desk.post("alice", "last words", name="al\x1bice"))
    assert desk.heard == [("al␛ice", "last words", "good")]
    assert desk.all(events.Message)[0].signed_as is None


# --- who is here -----------------------------------------------------------------------------------------------------


def test_coming_going_and_renaming_are_told(desk: Desk) -> None:
    desk.open()
    alice = desk.keys["alice"].public.id
    desk.tell(
        wire.Joined(ROOM.conversation, [desk.info("alice")]),
        wire.Renamed(alice, "liddell"),
        wire.Left(ROOM.conversation, [alice], "cut"),
    )
    assert desk.told == [
        events.MemberJoined(time=seconds(0), name="alice", member=alice.hex(), rooms=["general"]),
        events.MemberRenamed(time=seconds(0), old="alice", name="liddell", member=alice.hex(), mine=False),
        events.MemberLeft(time=seconds(0), name="liddell", member=alice.hex(), reason="cut", rooms=["general"]),
    ]


def test_one_s_own_renaming_counts_for_what_is_said_next(desk: Desk) -> None:
    desk.open()
    desk.member.do(commands.Nick(" Robert  the 2nd "), NOW)
    desk.collect()
    assert desk.sent == [wire.Nick("Robert-the-2nd")]
    assert not desk.told
    assert desk.member.name == "bob"
    desk.tell(wire.Renamed(desk.member.id, "Robert-the-2nd"))
    (renamed,) = desk.all(events.MemberRenamed)
    assert renamed.mine
    assert desk.member.name == "Robert-the-2nd"
    assert desk.read(desk.say("hello")).name == "Robert-the-2nd"


def test_two_renamings_may_be_under_way(desk: Desk) -> None:
    desk.open("alice")
    for name in ("robert", "alice", "bobby", "bob", "bobby"):
        desk.member.do(commands.Nick(name), NOW)
    desk.collect()
    assert desk.sent == [wire.Nick(name) for name in ("robert", "alice", "bobby", "bob", "bobby")]
    me = desk.member.id
    desk.tell(wire.Renamed(me, "robert"))
    assert desk.member.name == "robert"
    desk.tell(wire.Notice("name-taken", "alice"), wire.Renamed(me, "bobby"), wire.Renamed(me, "bob"))
    desk.tell(wire.Renamed(me, "bobby"))
    assert desk.member.name == "bobby"
    assert [event.name for event in desk.all(events.MemberRenamed)] == ["robert", "bobby", "bob", "bobby"]
    with pytest.raises(BadMessage):
        desk.tell(wire.Renamed(me, "robert"))  # each was asked for once


# --- being away ----------------------------------------------------------------------------------------------------


def be_away(desk: Desk, why: str = "") -> None:
    desk.member.do(commands.Away(why), NOW)
    desk.collect()


def test_the_command_again_says_that_one_is_back(desk: Desk) -> None:
    desk.open()
    for why in ("at lunch", "still at lunch", "", ""):
        be_away(desk, why)
    assert desk.sent == [wire.Away("at lunch"), wire.Away("still at lunch"), wire.Away(None), wire.Away("")]
    assert not desk.told  # the host says when it is so
    desk.tell(wire.Absent(desk.member.id, "at lunch"))
    (told,) = desk.all(events.MemberAway)
    assert (told.away, told.away_text, told.mine) == (True, "at lunch", True)


@pytest.mark.parametrize("before", [None, "at lunch"])
def test_an_absence_that_the_host_refuses_is_none(desk: Desk, before: str | None) -> None:
    desk.open()
    if before is not None:
        be_away(desk, before)
        desk.tell(wire.Absent(desk.member.id, before))
    be_away(desk, "asleep")
    desk.tell(wire.Notice("too-many-changes", "away"))
    assert desk.member.away == before
    desk.sent.clear()
    be_away(desk)
    assert desk.sent == [wire.Away("" if before is None else None)], "the command is no coming back of who was here"


@pytest.mark.parametrize("what", [commands.Say("hello"), commands.Act("waves"), commands.Tell("alice", "hello")])
def test_who_says_something_is_back_before_it_is_heard(desk: Desk, what: commands.ForMember) -> None:
    desk.open("alice")
    be_away(desk)
    desk.forget()
    desk.member.do(what, NOW)
    desk.collect()
    assert desk.sent[0] == wire.Away(None) or isinstance(what, commands.Tell)
    assert desk.sent.count(wire.Away(None)) == 1
    desk.say("more")
    assert desk.sent.count(wire.Away(None)) == 1


def test_what_cannot_be_said_does_not_bring_one_back(desk: Desk) -> None:
    desk.open()
    be_away(desk)
    with pytest.raises(LocalError):
        desk.member.do(commands.Say("hello", "nowhere"), NOW)
    desk.collect()
    assert desk.sent == [wire.Away("")]
    assert desk.member.away == ""


def test_who_is_away_is_told_listed_and_seen_on_coming(desk: Desk) -> None:
    desk.start()
    alice, carol = desk.keys["alice"].public.id, desk.keys["carol"].public.id
    present = [desk.info("host"), wire.MemberInfo(alice, "alice", "\x1b[31mout\n")]
    desk.tell(desk.welcome(), wire.Present(ROOM.conversation, present, True))
    rows = {row.name: (row.away, row.away_text) for row in desk.all(events.Users)[0].members}
    assert rows == {"host": (False, ""), "bob": (False, ""), "alice": (True, "␛[31mout ⏎")}
    desk.forget().tell(wire.Renamed(alice, "liddell"), wire.Absent(alice, None), wire.Absent(alice, ""))
    told = [(event.name, event.away, event.away_text, event.mine) for event in desk.all(events.MemberAway)]
    assert told == [("liddell", False, "", False), ("liddell", True, "", False)]
    desk.tell(wire.Joined(ROOM.conversation, [wire.MemberInfo(carol, "carol", "asleep")]))
    (joined,) = desk.all(events.MemberJoined)
    assert (joined.away, joined.away_text) == (True, "asleep")
    with pytest.raises(BadMessage):
        desk.tell(left(desk, "carol", "left"), wire.Absent(carol, None))


def test_who_writes_privately_to_somebody_away_is_told(desk: Desk) -> None:
    desk.open("alice")
    alice = desk.keys["alice"].public.id
    for why in ("at lunch", "", None):
        desk.tell(wire.Absent(alice, why))
        desk.forget()
        desk.member.do(commands.Tell("alice", "hello"), NOW)
        desk.collect()
        said = [event.text for event in desk.all(events.Notice) if event.code.startswith("away")]
        assert len(said) == (why is not None)
        assert why is None or ("at lunch" in said[0]) == bool(why)


def test_another_run_of_the_host_hears_that_one_is_away(desk: Desk) -> None:
    desk.member.away = "asleep"
    desk.start()
    desk.tell(desk.welcome(), wire.Present(ROOM.conversation, [desk.info("host")], True))
    assert wire.Away("asleep") in desk.sent


def test_a_name_that_cannot_be_used_is_not_asked_for(desk: Desk) -> None:
    desk.open()
    for name in BAD_NAMES:
        with pytest.raises(BadName):
            desk.member.do(commands.Nick(name), NOW)
    assert not desk.member.take_outgoing()


def test_the_refusal_of_a_name_is_told_as_a_sentence(desk: Desk) -> None:
    desk.open()
    desk.tell(wire.Notice("name-taken", "al\x1b[31m{name}"), wire.Notice("fingerprint", "trust me: 1234"))
    first, second = desk.all(events.Notice)
    assert first.code == "name-taken"
    assert "al␛[31m{name}" in first.text
    assert "/nick" in first.text
    # The host's own words must never look like this program's.
    assert (second.code, second.text) == ("unknown-notice", NOTICES["unknown-notice"])


@pytest.mark.parametrize("name", ["alice", "ALICE", "a1ice", "àlice"])
@pytest.mark.parametrize("how", ["joined", "renamed", "present"])
def test_a_name_that_comes_back_under_another_key_is_announced(desk: Desk, how: str, name: str) -> None:
    desk.open("alice", "carol")
    desk.tell(wire.Left(ROOM.conversation, [desk.keys["alice"].public.id], "left"))
    desk.forget()
    desk.tell(
        {
            "joined": wire.Joined(ROOM.conversation, [desk.info("mallory", name)]),
            "renamed": wire.Renamed(desk.keys["carol"].public.id, name),
            "present": wire.Present(ROOM.conversation, [desk.info("mallory", name)], True),
        }[how]
    )
    notice = desk.told[0]
    assert isinstance(notice, events.Notice)
    assert notice.code == "name-changed-hands"
    assert notice.text == NOTICES["name-changed-hands"].format(name=name)
    assert desk.notices == ["name-changed-hands"]


def test_a_name_that_changes_hands_again_is_announced_again(desk: Desk) -> None:
    desk.open("alice")
    for owner, following in (("alice", "mallory"), ("mallory", "alice"), ("alice", "mallory")):
        joined = wire.Joined(ROOM.conversation, [desk.info(following, "alice")])
        desk.tell(left(desk, owner, "left"), joined)
    assert desk.notices == ["name-changed-hands"] * 3


def test_a_name_that_comes_back_under_its_own_key_is_not(desk: Desk) -> None:
    desk.open("alice")
    alice = desk.keys["alice"].public.id
    desk.tell(wire.Renamed(alice, "liddell"), wire.Renamed(alice, "alice"), left(desk, "alice", "cut"))
    desk.tell(wire.Joined(ROOM.conversation, [desk.info("alice", "Alice")]))
    assert not desk.notices


def test_who_was_not_here_can_neither_leave_nor_be_renamed(desk: Desk) -> None:
    desk.open("alice")
    for message in (left(desk, "carol", "left"), wire.Renamed(desk.keys["carol"].public.id, "c")):
        with pytest.raises(BadMessage):
            desk.tell(message)
    assert not desk.told


def test_users_is_answered_from_what_is_known(desk: Desk) -> None:
    desk.open("alice")
    desk.member.do(commands.Users(), NOW + 7)
    desk.collect()
    (users,) = desk.all(events.Users)
    assert users.asked
    assert users.time == seconds(7)
    assert {row.name for row in users.members} == {"host", "bob", "alice"}
    assert not desk.sent


@pytest.fixture
def host_desk(keys: dict[str, PrivateKey]) -> Desk:
    """The host's own person at its desk; nobody else is there."""
    desk = Desk(keys, "host")
    desk.member.start(None, None)
    desk.tell(desk.welcome(me=desk.info("host")), wire.Present(ROOM.conversation, [], True))
    return desk.forget()


def arrive(desk: Desk, who: str, *words: str, name: str | None = None) -> None:
    """Somebody joins the host whose own person sits at this desk."""
    public = desk.keys[who].public
    link = wire.LinkFacts(public.id, public.modulus, sha256(who.encode()), words or WORDS, "192.0.2.1:5")
    desk.tell(link, wire.Joined(ROOM.conversation, [desk.info(who, name)]))


def test_the_host_s_own_person_knows_the_links(host_desk: Desk) -> None:
    desk, alice = host_desk, host_desk.keys["alice"].public.id
    arrive(desk, "alice", "north", "east", "south", "west")
    shown = sha256(b"alice").hex()
    assert desk.told == [
        events.MemberJoined(
            time=seconds(0),
            name="alice",
            member=alice.hex(),
            fingerprint=shown,
            words=["north", "east", "south", "west"],
            address="192.0.2.1:5",
            rooms=["general"],
        )
    ]
    rows = {row.name: row for row in desk.member.users(asked=True).members}
    assert (rows["alice"].fingerprint, rows["alice"].words) == (shown, ["north", "east", "south", "west"])
    assert (rows["host"].fingerprint, rows["host"].words) == (None, None)
    assert [(row.host, row.me) for row in rows.values()] == [(True, True), (False, False)]
    desk.tell(desk.post("alice", "hello"), wire.Left(ROOM.conversation, [alice], "left"))
    assert desk.heard == [("alice", "hello", "good")]
    assert desk.all(events.MemberLeft)[0].fingerprint == shown
    assert not desk.sent  # the key came with the link


# --- comparing -------------------------------------------------------------------------------------------------------


def verify(desk: Desk, name: str | None = None, match: bool | None = None) -> events.Verification:
    desk.member.do(commands.Verify(name, match), NOW)
    desk.collect()
    verification = desk.told[-1]
    assert isinstance(verification, events.Verification)
    return verification


def marks(desk: Desk) -> list[str]:
    """Names with the mark of having been compared."""
    return [row.name for row in desk.member.users(asked=True).members if row.verified]


def test_a_guest_compares_with_the_host(desk: Desk) -> None:
    desk.open("alice")
    shown = verify(desk)
    assert shown == events.Verification(
        time=seconds(0),
        name="host",
        member=desk.keys["host"].public.id.hex(),
        fingerprint=(b"f" * 32).hex(),
        words=list(WORDS),
        state="open",
        preset=False,
        asked=True,
    )
    assert verify(desk, "HOST") == shown
    assert marks(desk) == []
    assert verify(desk, None, True).state == "verified"
    assert verify(desk).state == "verified"
    assert marks(desk) == ["host"]
    assert verify(desk, "host", False).state == "differs"
    assert marks(desk) == []
    assert verify(desk).state == "open"
    assert not desk.sent  # what people found is nobody else's business


def test_with_a_preset_key_the_fingerprint_is_said_to_be_that_one(keys: dict[str, PrivateKey]) -> None:
    assert verify(Desk(keys, preset=True).open()).preset


def test_nobody_has_anything_to_compare_with_themselves(desk: Desk) -> None:
    desk.open("alice")
    with pytest.raises(NothingToCompare) as caught:
        verify(desk, "bob", True)
    assert "bob" in str(caught.value)
    with pytest.raises(NoSuchMember):
        verify(desk, "carol", True)
    desk.collect()
    assert not desk.told
    assert marks(desk) == []


def test_the_host_compares_with_each_guest(host_desk: Desk) -> None:
    desk = host_desk
    with pytest.raises(BadCommand):
        verify(desk)  # nobody to compare with
    arrive(desk, "alice", "a", "b", "c", "d")
    assert verify(desk).name == "alice"
    arrive(desk, "carol")
    with pytest.raises(BadCommand) as caught:
        verify(desk, None, True)  # with whom?
    assert "/verify" in str(caught.value)
    shown = verify(desk, "alice", True)
    assert (shown.state, shown.fingerprint, shown.words) == ("verified", sha256(b"alice").hex(), ["a", "b", "c", "d"])
    assert marks(desk) == ["alice"]
    with pytest.raises(NothingToCompare):
        verify(desk, "host")


def test_the_mark_follows_the_key_and_never_the_name(host_desk: Desk) -> None:
    desk, alice = host_desk, host_desk.keys["alice"].public.id
    arrive(desk, "alice")
    verify(desk, "alice")
    verify(desk, "alice", True)
    desk.tell(wire.Renamed(alice, "liddell"))
    assert marks(desk) == ["liddell"]
    arrive(desk, "mallory", name="alice")
    assert marks(desk) == ["liddell"]
    desk.tell(wire.Left(ROOM.conversation, [alice], "cut"))
    assert marks(desk) == []
    arrive(desk, "alice", name="liddell-2")
    assert marks(desk) == ["liddell-2"]


def test_a_yes_counts_only_for_what_was_shown(host_desk: Desk) -> None:
    desk = host_desk
    arrive(desk, "alice")
    shown = verify(desk, "alice", True)  # nobody has seen anything to compare
    assert shown.state == "open"
    assert marks(desk) == []
    assert verify(desk, "alice", True).state == "verified"


@pytest.mark.parametrize("following", ["mallory", "alice"])
def test_a_yes_is_not_for_who_took_the_name_meanwhile(host_desk: Desk, following: str) -> None:
    """While two people compare by telephone, the wire of one is cut and somebody else takes the name; or she comes back
    herself, over another link with other words."""
    desk = host_desk
    arrive(desk, "alice", "a", "b", "c", "d")
    assert verify(desk, "alice").words == ["a", "b", "c", "d"]
    desk.tell(wire.Left(ROOM.conversation, [desk.keys["alice"].public.id], "cut"))
    arrive(desk, following, "e", "f", "g", "h", name="alice")
    shown = verify(desk, "alice", True)
    assert (shown.state, shown.words) == ("open", ["e", "f", "g", "h"])
    assert marks(desk) == []


def test_without_a_connection_there_is_nothing_to_compare(desk: Desk) -> None:
    with pytest.raises(NotConnected):
        verify(desk)
    desk.start()
    with pytest.raises(NotConnected):
        verify(desk, "host", True)


# --- saying ----------------------------------------------------------------------------------------------------------


def test_what_is_said_is_sealed_signed_and_counted(desk: Desk) -> None:
    desk.open()
    first = desk.say("one", after=0.25)
    desk.member.do(commands.Act("two"), NOW + 1)
    desk.collect()
    second = desk.sent[-1]
    assert isinstance(second, wire.Post)
    assert (first.conversation, first.key_id, first.sender) == (ROOM.conversation, desk.key.key_id, desk.member.id)
    bodies = [desk.read(post) for post in (first, second)]
    assert [(body.kind, body.text, body.name, body.n) for body in bodies] == [
        ("text", "one", "bob", 1),
        ("me", "two", "bob", 2),
    ]
    assert bodies[0].run == bodies[1].run
    assert [body.sent_at for body in bodies] == [int(NOW * 1000) + 250, int(NOW * 1000) + 1000]
    shown = desk.all(events.Message)
    assert [(event.id, event.mine, event.signature, event.from_) for event in shown] == [
        (post.id.hex(), True, "good", "bob") for post in (first, second)
    ]
    assert desk.member.in_flight == 2


def test_the_outbox_is_full_at_so_many_posts_or_bytes(desk: Desk) -> None:
    desk.open()
    for _ in range(OUTBOX_POSTS - 1):
        desk.say("x")
    assert not desk.member.outbox_full
    last = desk.say("x")
    assert desk.member.outbox_full
    desk.tell(desk.ack(last))
    assert not desk.member.outbox_full


def test_a_few_long_posts_fill_the_outbox(desk: Desk) -> None:
    desk.open()
    weight = 0
    while not desk.member.outbox_full:
        assert weight < OUTBOX_BYTES
        weight += len(desk.say("x" * wire.MAX_TEXT).sealed)
    assert weight >= OUTBOX_BYTES


def test_each_run_is_its_own(keys: dict[str, PrivateKey]) -> None:
    runs = set()
    for _ in range(2):
        desk = Desk(keys).open()
        runs.add(desk.read(desk.say("hello")).run)
    assert len(runs) == 2


def test_an_acknowledgement_tells_delivered_once(desk: Desk) -> None:
    desk.open()
    post = desk.say("hello")
    desk.forget()
    ack = desk.ack(post)
    desk.tell(ack, after=1)
    assert desk.told == [events.Delivered(time=seconds(1), id=post.id.hex(), number=1)]
    assert desk.member.in_flight == 0
    with pytest.raises(BadMessage):
        desk.tell(ack)
    assert len(desk.told) == 1


@pytest.mark.parametrize("message", [wire.Ack(b"?" * 15, 1), wire.StaleKey(b"?" * 15), wire.Refused(b"?" * 15, "no")])
def test_an_answer_to_nothing_ends_the_link(desk: Desk, message: wire.Message) -> None:
    desk.open()
    desk.say("hello")
    desk.forget()
    with pytest.raises(BadMessage):
        desk.tell(message)
    assert not desk.told
    assert desk.member.in_flight == 1


def test_a_stale_key_that_is_the_newest_one_ends_the_link(desk: Desk) -> None:
    """Sealing again because the hub says so, with nothing changed, would be a loop that the hub controls."""
    desk.open()
    post = desk.say("hello")
    desk.forget()
    with pytest.raises(BadMessage):
        desk.tell(wire.StaleKey(post.id))
    assert not desk.sent


def test_a_stale_key_makes_the_post_go_out_again_under_the_newer_key(desk: Desk) -> None:
    desk.open()
    first, second = desk.say("one"), desk.say("two")
    desk.forget()
    newer = ConversationKey(ROOM.conversation, desk.keys["host"].public.id, b"n" * 32)
    desk.member._rooms[ROOM.conversation].key = newer  # as a replaced room key will set it
    desk.tell(wire.StaleKey(first.id), wire.StaleKey(second.id))
    again = desk.sent
    assert [type(post) for post in again] == [wire.Post, wire.Post]
    assert not desk.told
    ids = {post.id for post in (first, second, *again) if isinstance(post, wire.Post)}
    assert len(ids) == 4
    bodies = []
    for post in again:
        assert isinstance(post, wire.Post)
        assert post.key_id == newer.key_id
        opened = newer.open(post)
        assert opened.is_by(desk.keys["bob"].public)
        bodies.append(opened.body())
    assert bodies == [desk.read(first), desk.read(second)]  # the same n, so that nobody sees a hole
    with pytest.raises(BadMessage):
        desk.tell(wire.Ack(first.id, 1))
    assert isinstance(again[0], wire.Post)
    desk.tell(desk.ack(again[0]))
    assert [event.id for event in desk.all(events.Delivered)] == [first.id.hex()]  # the face knows it by its first id


def test_a_refused_post_comes_back_to_its_author(desk: Desk) -> None:
    desk.open()
    post = desk.say("hello {name} [/oops]")
    desk.forget()
    desk.tell(wire.Refused(post.id, "no-such-room"))
    (failed,) = desk.all(events.Failed)
    assert (failed.id, failed.code, failed.message) == (post.id.hex(), "refused", "hello {name} [/oops]")
    assert "no-such-room" in failed.text
    assert desk.member.in_flight == 0


def test_what_is_under_way_when_the_connection_ends_comes_back_to_its_author(desk: Desk) -> None:
    desk.open()
    posts = [desk.say(said) for said in ("one", "two", "three")]
    desk.tell(desk.ack(posts[0]))
    desk.member.do(commands.Nick("robert"), NOW)
    desk.forget()
    desk.member.disconnected(HostStopped(), NOW + 3)
    desk.collect()
    assert desk.told == [
        events.Failed(time=seconds(3), id=post.id.hex(), code="host-stopped", text=str(HostStopped()), message=said)
        for post, said in zip(posts[1:], ("two", "three"), strict=True)
    ]
    assert not desk.sent
    assert desk.member.in_flight == 0
    assert not desk.member.joined


def test_what_waited_for_a_key_is_shown_when_the_connection_ends(desk: Desk) -> None:
    desk.open("alice", known=False)
    post = desk.say("mine")
    desk.forget()
    desk.tell(desk.post("alice", "hello"), desk.ack(post))
    desk.member.disconnected(Cut(), NOW)
    desk.collect()
    assert desk.heard == [("alice", "hello", "missing")]
    assert [type(event) for event in desk.told] == [events.Message, events.Delivered]


def test_without_a_connection_nothing_is_said(desk: Desk) -> None:
    intents: list[commands.Say | commands.Act | commands.Nick | commands.Away] = [
        commands.Say("x"),
        commands.Act("x"),
        commands.Nick("x"),
        commands.Away("x"),
    ]

    def refuse_all() -> None:
        for intent in intents:
            with pytest.raises(NotConnected):
                desk.member.do(intent, NOW)
        desk.collect()
        assert not desk.sent
        assert not desk.told
        assert desk.member.in_flight == 0

    refuse_all()
    desk.start()
    desk.forget()
    refuse_all()
    desk.tell(desk.welcome())
    refuse_all()  # who is here is not known yet
    desk.tell(wire.Present(ROOM.conversation, [desk.info("host")], True))
    desk.forget()
    desk.say("hello")
    desk.member.disconnected(Cut(), NOW)
    desk.collect()
    desk.forget()
    refuse_all()


@pytest.mark.parametrize("said", ["half \ud83d a pair", "\udcff"])
def test_half_a_surrogate_pair_is_no_crash(desk: Desk, said: str) -> None:
    """A face may hand over an intent of its own making, with what a broken paste left in it."""
    desk.open()
    try:
        post = desk.say(said)
    except LocalError:
        assert desk.member.in_flight == 0
    else:
        assert desk.read(post).text == said.encode("utf-8", "replace").decode()


# --- offering files --------------------------------------------------------------------------------------------------


def offered(number: int = 1, **changed: Any) -> Offered:
    fields = {"transfer": number.to_bytes(16, "big"), "key": b"k" * 32, "name": f"{number}.txt", "size": 12}
    return Offered(**(fields | {"files": None, "manifest": 0} | changed))  # type: ignore[arg-type]


def offer_of(desk: Desk, who: str, number: int = 1, **changed: Any) -> wire.Posted:
    return desk.post(who, "", kind="offer", offer=offered(number, **changed))


def test_an_offer_goes_out_as_a_signed_post_and_is_told(desk: Desk) -> None:
    desk.open("alice")
    offer = desk.member.offer(offered(name="../a.txt"), "a.txt", NOW)
    desk.collect()
    (post,) = desk.sent
    assert isinstance(post, wire.Post)
    body = desk.read(post)
    assert (body.kind, body.text, body.offer, body.transfer) == ("offer", "", offered(name="../a.txt"), None)
    (told,) = desk.all(events.FileOffer)
    assert (told.transfer, told.id, told.name, told.size, told.mine) == (1, post.id.hex(), "a.txt", 12, True)
    assert offer.audience == {desk.keys[who].public.id for who in ("alice", "host")}
    assert not desk.all(events.Message)
    desk.tell(desk.ack(post))
    assert desk.all(events.Delivered)[0].id == post.id.hex()


def test_nothing_is_offered_outside_of_a_conversation(desk: Desk) -> None:
    with pytest.raises(NotConnected):
        desk.member.offer(offered(), "a", NOW)
    assert not desk.member.offers.open


def test_so_many_offers_and_no_more(desk: Desk) -> None:
    desk.open("alice")
    made = [desk.member.offer(offered(number), "a", NOW) for number in range(OWN_OFFERS)]
    with pytest.raises(TooManyOffers):
        desk.member.offer(offered(99), "a", NOW)
    desk.member.withdraw(made[0], TakenBack(), NOW)
    desk.member.offer(offered(99), "a", NOW)


def test_an_offer_that_was_taken_back_is_closed_and_a_post_says_so(desk: Desk) -> None:
    desk.open("alice")
    offer = desk.member.offer(offered(), "a", NOW)
    desk.member.withdraw(offer, TakenBack(), NOW)
    desk.member.withdraw(offer, TakenBack(), NOW)
    desk.collect()
    assert [event.code for event in desk.all(events.FileClosed)] == ["taken-back"]
    body = desk.read(desk.sent[1])  # type: ignore[arg-type]
    assert (body.kind, body.transfer, body.offer) == ("withdraw", offered().transfer, None)
    assert not desk.member.offers.open


@pytest.mark.parametrize("refusal", [wire.Refused, None])
def test_an_offer_that_did_not_go_out_is_closed(desk: Desk, refusal: Any) -> None:
    desk.open("alice")
    desk.member.offer(offered(), "a", NOW)
    desk.collect()
    (post,) = desk.sent
    assert isinstance(post, wire.Post)
    if refusal is None:
        desk.member.disconnected(Cut(), NOW)
        desk.collect()
    else:
        desk.tell(refusal(post.id, "no-such-room"))
    assert len(desk.all(events.FileClosed)) == 1
    assert not desk.all(events.Failed)
    assert not desk.member.offers.open


def test_an_offer_of_somebody_is_told_under_a_clean_name(desk: Desk) -> None:
    desk.open("alice")
    desk.tell(offer_of(desk, "alice", name="../../.bashrc\x1b[31m\u202egnp"))
    (told,) = desk.all(events.FileOffer)
    assert (told.from_, told.mine, told.signature, told.size) == ("alice", False, "good", 12)
    assert not set("/\\\x1b\u202e") & set(told.name)
    assert not told.name.startswith(".")
    assert told.member == desk.keys["alice"].public.id.hex()
    assert not desk.heard


@pytest.mark.parametrize("text", HOSTILE_TEXTS.values(), ids=HOSTILE_TEXTS)
def test_no_name_of_a_file_is_a_path_or_hides_anything(desk: Desk, text: str) -> None:
    desk.open("alice")
    desk.tell(offer_of(desk, "alice", name=text[:255] or "x"))
    (told,) = desk.all(events.FileOffer)
    assert told.name == clean_file_name(text[:255])
    assert "/" not in told.name


@pytest.mark.parametrize("size", [0, 1, 2**63 - 1])
def test_an_offer_of_any_size_is_listed(desk: Desk, size: int) -> None:
    desk.open("alice")
    desk.tell(offer_of(desk, "alice", size=size), offer_of(desk, "alice", 2, size=size, files=0, manifest=100))
    first, second = desk.all(events.FileOffer)
    assert first.size == size
    assert (second.size, second.files) == (max(0, size - 100), 0)


@pytest.mark.parametrize(
    "changed", [{"size": -1}, {"size": 2**63}, {"manifest": -1}, {"manifest": 2**24 + 1}, {"files": -1}, {"name": ""},
                {"name": "x" * 256}, {"key": b"k"}, {"transfer": b"t"}],
)  # fmt: skip
def test_an_offer_that_cannot_be_one_is_not_read(desk: Desk, changed: dict[str, Any]) -> None:
    desk.open("alice")
    desk.tell(offer_of(desk, "alice", **changed))
    assert not desk.all(events.FileOffer)
    assert desk.notices == ["unreadable"]


def test_an_offer_that_nobody_answers_for_is_not_listed(desk: Desk) -> None:
    desk.open("alice")
    body = Body("offer", "", "alice", int(NOW * 1000), sha256(b"alice")[:RUN_SIZE], 2, offer=offered())

    class Pen:
        public = desk.keys["alice"].public
        sign = staticmethod(desk.keys["mallory"].sign)

    desk.tell(desk.number_it(desk.key.seal(Pen, body)))  # type: ignore[arg-type]
    assert not desk.all(events.FileOffer)
    assert desk.notices == ["offer-unsigned"]
    assert not desk.member.offers.open


def test_an_offer_whose_author_s_key_never_comes_is_not_listed(desk: Desk) -> None:
    desk.open("alice", known=False)
    desk.tell(offer_of(desk, "alice"))
    assert not desk.told
    desk.member.tick(NOW + KEY_PATIENCE + 1)
    desk.collect()
    assert desk.notices == ["offer-unsigned"]
    assert not desk.member.offers.open


def test_the_same_offer_twice_is_one(desk: Desk) -> None:
    desk.open("alice")
    desk.tell(offer_of(desk, "alice"), offer_of(desk, "alice"))
    assert len(desk.all(events.FileOffer)) == 1


def test_an_offer_under_the_transfer_of_somebody_else_s_is_another(desk: Desk) -> None:
    """It neither hides the other nor is taken for it; only one's own cannot be offered by others."""
    desk.open("alice", "carol")
    desk.tell(offer_of(desk, "carol"), offer_of(desk, "alice"))
    assert [offer.from_ for offer in desk.all(events.FileOffer)] == ["carol", "alice"]
    desk.tell(desk.post("carol", "", kind="withdraw", transfer=offered().transfer))
    assert [offer.sender_name for offer in desk.member.offers.open] == ["alice"]
    desk.member.offer(offered(7), "mine", NOW)
    desk.tell(offer_of(desk, "alice", 7))
    assert len(desk.member.offers.open) == 2


def test_only_its_sender_takes_an_offer_back(desk: Desk) -> None:
    desk.open("alice", "carol")
    desk.tell(offer_of(desk, "alice"))
    desk.tell(desk.post("carol", "", kind="withdraw", transfer=offered().transfer))
    body = Body("withdraw", "", "alice", int(NOW * 1000), sha256(b"alice")[:RUN_SIZE], 3, transfer=offered().transfer)

    class Pen:
        public = desk.keys["alice"].public
        sign = staticmethod(desk.keys["mallory"].sign)

    desk.tell(desk.number_it(desk.key.seal(Pen, body)))  # type: ignore[arg-type]
    assert len(desk.member.offers.open) == 1
    desk.tell(desk.post("alice", "", kind="withdraw", transfer=offered().transfer))
    (closed,) = desk.all(events.FileClosed)
    assert closed.code == "withdrawn"
    assert not desk.member.offers.open
    desk.tell(desk.post("alice", "", kind="withdraw", transfer=offered().transfer))
    assert len(desk.all(events.FileClosed)) == 1


def test_too_many_offers_push_out_the_oldest_of_their_own_sender(desk: Desk) -> None:
    desk.open("alice", "carol")
    desk.tell(offer_of(desk, "carol", 1_000))
    for number in range(1, LISTED_OFFERS + 3):
        desk.tell(offer_of(desk, "alice", number))
    assert [(event.name, event.code) for event in desk.all(events.FileClosed)] == [
        ("1.txt", "pushed-out"),
        ("2.txt", "pushed-out"),
    ]
    assert len(desk.member.offers.open) == LISTED_OFFERS + 1
    assert desk.member.offers.find(1).sender_name == "carol"


def test_offers_go_with_their_sender(desk: Desk) -> None:
    desk.open("alice", "carol")
    desk.tell(offer_of(desk, "alice"), offer_of(desk, "carol", 2))
    own = desk.member.offer(offered(3), "mine", NOW)
    desk.tell(left(desk, "alice", "cut"))
    assert [(event.name, event.code) for event in desk.all(events.FileClosed)] == [("1.txt", "sender-gone")]
    assert own.audience == {desk.keys[who].public.id for who in ("carol", "host")}


def test_what_was_begun_is_offered_again_while_its_sender_is_here(desk: Desk) -> None:
    desk.open("alice")
    sender = desk.keys["alice"].public.id
    desk.member.take_up(offered(5), sender, 7, NOW)
    desk.member.take_up(offered(5), sender, 7, NOW)
    desk.member.take_up(offered(6), desk.keys["carol"].public.id, 7, NOW)
    desk.collect()
    (told,) = desk.all(events.FileOffer)
    assert (told.from_, told.kept, told.id, told.mine) == ("alice", 7, "", False)


# --- what --dev sees -------------------------------------------------------------------------------------------------


def test_sealing_and_opening_leave_a_trace_without_the_key(keys: dict[str, PrivateKey]) -> None:
    traces: list[Trace] = []
    desk = Desk(keys, tracer=traces.append).open("alice")
    traces.clear()
    post = desk.say("Bonjour")
    posted = desk.post("alice", "ça marche")
    desk.tell(posted)
    desk.tell(desk.forged("alice", "forged", by="mallory"))
    assert [(trace.step, trace.direction, trace.detail["signature"]) for trace in traces] == [
        ("seal", "out", "good"),
        ("open", "in", "good"),
        ("open", "in", "bad"),
    ]
    for trace, sealed, said in zip(traces, (post, posted), ("Bonjour", "ça marche"), strict=False):
        assert trace.detail["plaintext"] == said
        assert trace.detail["nonce"] == sealed.id
        assert trace.detail["key_id"] == sealed.key_id
        assert trace.detail["sender"] == sealed.sender
        assert trace.detail["conversation"] == ROOM.conversation
        assert trace.detail["length"] == len(sealed.sealed)
        assert isinstance(trace.detail["ciphertext"], bytes)
        assert len(trace.detail["ciphertext"]) == len(said.encode())
        assert ROOM.key not in [v.reveal() if isinstance(v, Secret) else v for v in trace.detail.values()]


def test_a_public_key_from_the_roster_is_the_one_that_was_checked(desk: Desk) -> None:
    desk.open("alice")
    assert desk.member.roster.keys[desk.keys["alice"].public.id] == PublicKey(desk.keys["alice"].public.modulus)
