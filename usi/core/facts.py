"""What the hub is told and what it answers: facts and effects."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from usi.core import wire
from usi.core.accounts import Account, Accounts
from usi.core.errors import PeerError

OWN = 0
"""The link number of the host's own person."""


# --- facts ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Arrived:
    """A link has its keys; its member has not asked to join yet. Said again when more is known of it."""

    link: int
    facts: wire.LinkFacts
    account: Account | None = None
    """What it has logged in to."""
    network: str = ""
    """What counts as its address."""


@dataclass(frozen=True)
class Heard:
    link: int
    message: wire.Message


@dataclass(frozen=True)
class Gone:
    """A link ended, with the code that says how."""

    link: int
    code: str


@dataclass(frozen=True)
class Passed:
    """The two data connections of a transfer have ended, or never came."""

    request: bytes


@dataclass(frozen=True)
class Announce:
    """Time to tell of comings and goings in crowds."""


@dataclass(frozen=True)
class Read:
    """What `ReadPast` asked for: posts in the order of their numbers, their keys and the moduli of their authors."""

    link: int
    room: bytes
    keys: Sequence[wire.OldKey]
    posts: Sequence[wire.Posted]
    authors: Mapping[bytes, bytes]
    first: int
    lost: int
    more: bool


@dataclass(frozen=True)
class AccountsRead:
    """The accounts file was read again."""

    accounts: Accounts


Fact = Arrived | Heard | Gone | Passed | Announce | Read | AccountsRead


# --- effects --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Send:
    links: Collection[int]
    message: wire.Message | wire.LinkFacts


@dataclass(frozen=True)
class Close:
    link: int
    error: PeerError


@dataclass(frozen=True)
class Expect:
    """Two data connections, one with each ticket, are to be joined: from the sender to the receiver."""

    request: bytes
    sender: wire.MemberInfo
    receiver: wire.MemberInfo
    from_sender: bytes
    to_receiver: bytes


@dataclass(frozen=True)
class Drop:
    """End the data connections of a transfer: one of the two members is gone, or the receiver asks anew."""

    request: bytes


@dataclass(frozen=True)
class FreePlace:
    """All places for transfers are taken, and somebody waits for one: end the slowest, if it is too slow for that."""


@dataclass(frozen=True)
class Keep:
    """Put a post into the history. What follows from it is told when it is on the disk, or `Hub.undo` is called."""

    posted: wire.Posted
    modulus: bytes
    link: int
    """The author's."""


@dataclass(frozen=True)
class KeepRoom:
    """Put a room with its present key into the history, before anything is posted under it."""

    room: wire.RoomInfo
    past: bool


@dataclass(frozen=True)
class ForgetRoom:
    room: bytes


@dataclass(frozen=True)
class KeepDecided:
    """Moderators have decided something that is to outlive this run: `Hub.decided` has all of it."""


@dataclass(frozen=True)
class ReadPast:
    """Read posts of a room from the history, from `first` to below `before` and at most `count`, the newest ones;
    answered with `Read`."""

    link: int
    room: bytes
    first: int
    before: int | None
    count: int


@dataclass(frozen=True)
class Note:
    """A line for the log."""

    event: str
    facts: Mapping[str, str]


@dataclass(frozen=True)
class ShowLog:
    """Somebody who may wants to see the newest lines of the log."""

    link: int


@dataclass(frozen=True)
class ShowLimits:
    """Somebody who may wants to know what is limited, and how much of it is in use."""

    link: int


@dataclass(frozen=True)
class Invite:
    """Somebody who may wants an invitation to hand on."""

    link: int


Effect = (
    Send | Close | Expect | Drop | FreePlace | Keep | KeepRoom | ForgetRoom | ReadPast | Note | ShowLog | ShowLimits
    | KeepDecided | Invite
)  # fmt: skip


@dataclass(frozen=True)
class Load:
    """What a hub holds now."""

    rooms: int
    talks: int
    log_posts: int
    """Of the conversation that keeps most."""
    log_bytes: int
    """Of all conversations."""
    transfers: int
    transfers_of_one: int
    """Of the receiver that has most."""
    transfers_of_address: int
    """And of the address that has most."""
