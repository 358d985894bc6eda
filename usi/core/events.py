"""What a face is told: one structure per event, as `--json` prints it.

The field names are the JSON keys.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

from usi.core.trace import Detail, Direction, Plain, Secret

Signature = Literal["good", "bad", "missing"]
How = Literal["comparison", "code", "password", "fingerprint", "known"]


class Event(msgspec.Struct, frozen=True, kw_only=True, tag_field="event", omit_defaults=False):
    """Base of the events. `time` is UTC."""

    time: datetime


class Connecting(Event, frozen=True, tag="connecting"):
    """How far a start has come, for a person who waits; a host has the first step only."""

    step: Literal["key", "dial", "exchange", "busy", "join"]
    """Making this run's key; calling the host; exchanging keys; the host is full and is tried again; waiting to be
    let in."""
    attempt: int = 1


class Listening(Event, frozen=True, tag="listening"):
    addresses: list[str]
    port: int
    name: str
    member: str
    rooms: list[str]
    key_fingerprint: str
    """SHA-256 of the host's public key, 64 hexadecimal digits."""
    preset_fingerprint: str | None = None
    """SHA-256 of the preset key where there is one: what every fingerprint of this host's links shows."""
    preset_key: str | None = None
    """The preset key itself, only where this run drew it: to be handed to those who may join."""


class Connected(Event, frozen=True, tag="connected"):
    host: str
    port: int
    name: str
    member: str
    rooms: list[str]
    fingerprint: str
    words: list[str]
    cipher: str
    key_exchange: str
    key_fingerprint: str
    """SHA-256 of the host's public key, as its `listening` event says it."""
    verified: bool = False
    """The host is known to be who it should be: by a code, an expected fingerprint, or an earlier comparison."""


class MemberJoined(Event, frozen=True, tag="member_joined"):
    name: str
    member: str
    fingerprint: str | None = None
    words: list[str] | None = None
    """As the host's own person sees them; another member's are not known to a guest."""
    address: str | None = None
    verified: bool = False
    """This key was compared before in this run."""
    rooms: list[str] = []
    """Where it came in."""
    here: bool = False
    """It was in another room that is ours, too."""
    away: bool = False
    away_text: str = ""


class MemberLeft(Event, frozen=True, tag="member_left"):
    name: str
    member: str
    reason: str
    fingerprint: str | None = None
    rooms: list[str] = []
    """What it left."""
    here: bool = False
    """It is still in another room that is ours, too."""


class MemberRenamed(Event, frozen=True, tag="member_renamed"):
    old: str
    name: str
    member: str
    mine: bool


class MemberAway(Event, frozen=True, tag="member_away"):
    """A member says that it is away, or that it is back."""

    name: str
    member: str
    away: bool
    away_text: str
    """Why; empty where it does not say."""
    mine: bool


class Message(Event, frozen=True, tag="message", rename={"from_": "from"}):
    id: str
    room: str
    from_: str
    member: str
    text: str
    sent_at: datetime
    mine: bool
    signature: Signature
    kind: Literal["text", "me"] = "text"
    private: bool = False
    history: bool = False
    late: bool = False
    """The author's time stamp is minutes off although this is not history: an old message, or a wrong clock."""
    signed_as: str | None = None
    """The name that the author signed with, where it is not the one that the host shows for this key."""


class Delivered(Event, frozen=True, tag="delivered"):
    """The host has it."""

    id: str
    number: int


class Failed(Event, frozen=True, tag="failed"):
    id: str
    code: str
    text: str
    """The sentence that says why."""
    message: str
    """The text that was not delivered, so that nothing typed is lost."""


class FileOffer(Event, frozen=True, tag="file_offer", rename={"from_": "from"}):
    """Somebody offers a file or folder; nothing is fetched before it is accepted."""

    transfer: int
    """The number for /accept, /decline and /cancel."""
    id: str
    """Of the post; `delivered` and `failed` name it. Empty where `kept` comes from an earlier run."""
    room: str
    from_: str
    member: str
    name: str
    """Cleaned: the name under which it would be written, unless that is taken."""
    size: int
    """Bytes of content."""
    files: int | None
    """How many files a folder holds; None for a single file."""
    mine: bool
    private: bool = False
    signature: Signature = "good"
    kept: int = 0
    """Bytes that are here already, from an earlier run."""


class FileProgress(Event, frozen=True, tag="file_progress"):
    transfer: int
    direction: Literal["in", "out"]
    peer: str
    """From whom, or to whom."""
    name: str
    done: int
    size: int
    rate: int
    """Bytes a second, lately."""


class FileDone(Event, frozen=True, tag="file_done"):
    """It arrived whole and is signed by its sender; for the sender: the receiver says so."""

    transfer: int
    direction: Literal["in", "out"]
    peer: str
    name: str
    path: str
    """Where it is; for the sender: what was sent."""
    size: int
    seconds: float
    sha256: str | None = None
    """Of a file's content; None for a folder."""


class FileFailed(Event, frozen=True, tag="file_failed"):
    transfer: int
    direction: Literal["in", "out"]
    peer: str
    name: str
    code: str
    text: str
    kept: int
    """Bytes that a resume starts from."""


class FileClosed(Event, frozen=True, tag="file_closed"):
    """An offer that nobody can accept any more."""

    transfer: int
    name: str
    code: str
    text: str


class TransferRow(msgspec.Struct, frozen=True, kw_only=True):
    """A row of `Files`: an offer, or a transfer under way with one peer."""

    transfer: int
    direction: Literal["in", "out"]
    peer: str | None
    """None: an own offer that nobody is fetching now."""
    name: str
    state: Literal["offered", "waiting", "running", "done", "failed", "kept"]
    """`kept`: nobody offers it any more, and `done` bytes of it are still here."""
    done: int
    size: int
    rate: int


class PassingRow(msgspec.Struct, frozen=True, kw_only=True, rename={"from_": "from"}):
    """What passes through this host: sealed, without a name."""

    from_: str
    to: str
    bytes: int
    seconds: float


class Files(Event, frozen=True, tag="files"):
    """The answer to /files. `passing` is of a host only."""

    transfers: list[TransferRow]
    passing: list[PassingRow]
    folder: str
    """Where received files go."""


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """A row of `Users`."""

    name: str
    member: str
    fingerprint: str | None
    words: list[str] | None
    verified: bool
    me: bool
    host: bool
    rooms: list[str] = []
    """Those that it shares with us."""
    away: bool = False
    away_text: str = ""
    """Why it is away; empty where it does not say."""


class Users(Event, frozen=True, tag="users"):
    members: list[Member]
    asked: bool
    """True as the answer to /users, False as the list on joining."""


class Partner(msgspec.Struct, frozen=True, kw_only=True):
    """A member of a private conversation."""

    name: str
    member: str
    verified: bool
    me: bool
    opener: bool
    """It hands out the keys."""


class Conversation(Event, frozen=True, tag="conversation"):
    """A private conversation: who is in, and whether something can be said in it. `room` names it in all events."""

    room: str
    state: Literal["asked", "opening", "open", "changed", "closed"]
    """Its opener waits for this person's answer; keys are being exchanged; it can be used; who is in, or what is known
    of them, has changed; it can only be read."""
    members: list[Partner]
    verified: bool
    """All others were compared: then nobody else can read it, the host included."""
    text: str
    """The sentence that says so."""
    code: str | None = None
    """Why it is closed."""
    private: bool = True


class RoomEntered(Event, frozen=True, tag="room_entered"):
    """This person is in a room from here on."""

    room: str
    topic: str
    restricted: bool
    """Only who was given the right may enter."""
    members: list[str]
    """Member ids of who is in it."""


class RoomLeft(Event, frozen=True, tag="room_left"):
    """This person is in a room no longer."""

    room: str
    code: str
    text: str


class RoomTopic(Event, frozen=True, tag="topic"):
    room: str
    topic: str
    by: str


class RoomRow(msgspec.Struct, frozen=True, kw_only=True):
    room: str
    topic: str
    restricted: bool
    members: int
    entered: bool


class Rooms(Event, frozen=True, tag="rooms"):
    """The answer to /rooms: those that this person may enter."""

    rooms: list[RoomRow]


class Role(Event, frozen=True, tag="role"):
    """What this person may do here."""

    role: Literal["guest", "member", "moderator", "host"]


class Moderation(Event, frozen=True, tag="moderation"):
    """What a moderator or the host did, and to whom; `text` is the sentence."""

    code: str
    name: str
    by: str
    reason: str
    text: str
    mine: bool
    """It was done to this person."""


class History(Event, frozen=True, tag="history"):
    """Messages of the past were shown (`history` is true in them), the oldest first; this ends them."""

    room: str
    count: int
    more: bool
    """There is something before them."""
    lost: int
    """Messages that the host's history has lost."""
    asked: bool
    """By this person, and not only on entering."""


class Hit(msgspec.Struct, frozen=True, kw_only=True, rename={"from_": "from"}):
    id: str
    number: int
    from_: str
    member: str
    text: str
    sent_at: datetime
    signature: Signature


class Found(Event, frozen=True, tag="found"):
    """The answer to /search, the oldest first."""

    room: str
    text: str
    hits: list[Hit]
    more: bool
    """There may be older ones: the search has stopped at its limit."""


class LogLine(Event, frozen=True, tag="log"):
    """Something that the host's log keeps: never what was said."""

    what: str
    at: datetime
    facts: dict[str, str]
    asked: bool = False
    """As an answer to /log, and not because it happens now."""


class Chosen(Event, frozen=True, tag="chosen"):
    """What is typed from now on goes there."""

    room: str
    private: bool


class Verification(Event, frozen=True, tag="verification"):
    """What to compare with a member, and what came of it."""

    name: str
    member: str
    fingerprint: str
    words: list[str]
    state: Literal["open", "verified", "differs"]
    preset: bool
    """The fingerprint is that of the preset key, so it is the same on every link; the words are not."""
    pair: bool = False
    """Of the private connection with this member, not of one's connection with the host."""
    by: How = "comparison"
    """How the two came to be verified."""
    asked: bool = False
    """Somebody wants to see what to compare; nothing has changed."""


class Invitation(Event, frozen=True, tag="invitation"):
    """On a host: an invitation was made, or somebody used it."""

    state: Literal["open", "used", "failed", "burned"]
    """Made; a guest has proved the code; a wrong code was tried; so many were that it is closed."""
    locator: str
    """The first word of the code, which is no secret."""
    until: datetime
    failed: int
    """Wrong tries so far."""
    limit: int
    """How many of them close it."""
    code: str | None = None
    """The code itself, only where it was just made."""
    links: list[str] | None = None
    """Lines to paste that hold the code, one for each address of the host."""
    address: str | None = None
    """Who tried it."""


class Password(Event, frozen=True, tag="password"):
    """How comparing a password with this member goes."""

    name: str
    member: str
    state: Literal["wanted", "asked", "sent", "matched", "differs"]
    """Type it now, unseen; the member asks whether we know it; waiting for the other side; the outcome."""


class Info(Event, frozen=True, tag="info"):
    """The answer to /info. Counts are of this connection; for a host, of all its connections together."""

    connection: str
    name: str
    cipher: str
    key_exchange: str
    library: str
    fingerprint: str | None
    words: list[str] | None
    members: int
    seconds: float
    bytes_in: int
    bytes_out: int
    records_in: int
    records_out: int


Unit = Literal["count", "bytes", "seconds", "a second"]


class LimitRow(msgspec.Struct, frozen=True, kw_only=True):
    """A row of `Limits`."""

    name: str
    """Of the setting."""
    text: str
    """What it limits, in words."""
    limit: float
    used: float | None
    """How much of it is in use now; None where that means nothing."""
    unit: Unit


class Limits(Event, frozen=True, tag="limits"):
    """The answer to /limits."""

    rows: list[LimitRow]


class Reconnecting(Event, frozen=True, tag="reconnecting"):
    """The connection was cut, and is tried to be restored; once for each attempt. What is said meanwhile goes out
    then."""

    code: str
    """How it was cut."""
    text: str
    attempt: int
    seconds: float
    """How long it will be tried, in all."""


class Resumed(Event, frozen=True, tag="resumed"):
    """It is restored, and nobody noticed."""

    code: str
    text: str
    attempt: int
    """How many were needed."""
    missed: int
    """Messages that others have said meanwhile, and that come now."""


class Disconnected(Event, frozen=True, tag="disconnected"):
    code: str
    text: str
    attempt: int = 0


class Notice(Event, frozen=True, tag="notice"):
    code: str
    text: str


class Error(Event, frozen=True, tag="error"):
    code: str
    text: str
    message: str | None = None
    """What was typed, where it was refused."""


class Check(Event, frozen=True, tag="check"):
    """One thing that `--doctor` looked at."""

    name: str
    state: Literal["good", "attention", "bad"]
    text: str
    """What was found."""
    advice: str
    """What to do about it; empty where there is nothing to do."""
    facts: dict[str, str | int | float | bool | None]


class TraceEvent(Event, frozen=True, tag="trace"):
    step: str
    direction: Direction
    detail: dict[str, Plain]
    """JSON-ready; secrets are masked."""
    link: str
    """Which connection: an address and port, or `content` for what is sealed inside."""

    @property
    def secrets(self) -> dict[str, Secret]:
        """What the masks in `detail` stand for, by name: only for a person who asks to see one, and only in the
        process where it was traced."""
        return self.detail.secrets if isinstance(self.detail, Detail) else {}
