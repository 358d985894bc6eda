"""What a face is told: one structure per event, as `--json` prints it.

The field names are the JSON keys.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

from usi.core.trace import Direction

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


class MemberLeft(Event, frozen=True, tag="member_left"):
    name: str
    member: str
    reason: str
    fingerprint: str | None = None


class MemberRenamed(Event, frozen=True, tag="member_renamed"):
    old: str
    name: str
    member: str
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


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """A row of `Users`."""

    name: str
    member: str
    fingerprint: str | None
    words: list[str] | None
    verified: bool
    me: bool
    host: bool


class Users(Event, frozen=True, tag="users"):
    members: list[Member]
    asked: bool
    """True as the answer to /users, False as the list on joining."""


class Verification(Event, frozen=True, tag="verification"):
    """What to compare with a member, and what came of it."""

    name: str
    member: str
    fingerprint: str
    words: list[str]
    state: Literal["open", "verified", "differs"]
    preset: bool
    """The fingerprint is that of the preset key, so it is the same on every link; the words are not."""
    by: How = "comparison"
    """How the two came to be verified."""


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


class Reconnecting(Event, frozen=True, tag="reconnecting"):
    code: str
    text: str
    attempt: int


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


class TraceEvent(Event, frozen=True, tag="trace"):
    step: str
    direction: Direction
    detail: dict[str, str | int | float | bool | None]
    link: str
    """Which connection: an address and port, or `content` for what is sealed inside."""
