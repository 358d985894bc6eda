"""What crosses a link: the message types, and the sizes and limits of everything in them.

The table of docs/PROTOCOL.md, section "Messages". `usi.core.codec` makes bytes of them, and messages of bytes.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from usi.core.crypto import ID_SIZE, KEY_SIZE, MODULUS_SIZE, NONCE_SIZE, POINT_SIZE, SIGNATURE_SIZE, TAG_SIZE

MAGIC = b"USI3"

LENGTH_SIZE = 4
MIN_RECORD = TAG_SIZE + 1
MAX_RECORD = 131_072  # one long message with room to spare; what a peer can make us buffer before a tag is checked
MAX_BATCH = 256  # messages in a record: bounds the work that one tag sets off
MAX_TEXT = 65_536  # bytes of UTF-8 in one text
MAX_BODY = MAX_TEXT + 1_024  # a text and the fields around it
PADDING = 256  # content is padded to a multiple of this, so that its size says little
MAX_SEALED = -(-(LENGTH_SIZE + MAX_BODY + SIGNATURE_SIZE) // PADDING) * PADDING + TAG_SIZE
MAX_NAME = 24
MAX_ROOMS = 64  # rooms in one Welcome
MAX_PRESENT = 500  # members in one Present, so that it fits a record
MAX_TOPIC = 200
MAX_REASON = 200
MAX_AWAY = 100  # characters of why somebody is away: a line beside a name, not a message
MAX_PAGE = 200  # stored posts that a member may ask for at once
SALT_SIZE = 16
MAX_LOGIN = 128  # bytes of the sealed last word of a login
MAC_SIZE = 32

MAX_PIECE = 65_536  # bytes of a pair link in one message
MAX_ROSTER = 32  # members of a private conversation: each change of them is a key for everybody

CONVERSATION_SIZE = PAIR_SIZE = 16
SESSION_SIZE = 16
TRANSFER_SIZE = REQUEST_SIZE = 16
TICKET_SIZE = 32
DATA_MAGIC = MAGIC + b"D"  # begins a data connection, in place of the hello of a link; a ticket follows
CODE_PATTERN = r"\A[a-z][a-z0-9-]{0,31}\Z"

ConversationId = Annotated[bytes, Meta(min_length=CONVERSATION_SIZE, max_length=CONVERSATION_SIZE)]
SessionId = Annotated[bytes, Meta(min_length=SESSION_SIZE, max_length=SESSION_SIZE)]
PairId = Annotated[bytes, Meta(min_length=PAIR_SIZE, max_length=PAIR_SIZE)]
Piece = Annotated[bytes, Meta(max_length=MAX_PIECE)]
MemberId = Annotated[bytes, Meta(min_length=ID_SIZE, max_length=ID_SIZE)]
KeyId = Annotated[bytes, Meta(min_length=KEY_SIZE, max_length=KEY_SIZE)]
Key = Annotated[bytes, Meta(min_length=KEY_SIZE, max_length=KEY_SIZE)]
PostId = Annotated[bytes, Meta(min_length=NONCE_SIZE, max_length=NONCE_SIZE)]
Roster = Annotated[list[MemberId], Meta(min_length=2, max_length=MAX_ROSTER)]
Modulus = Annotated[bytes, Meta(min_length=MODULUS_SIZE, max_length=MODULUS_SIZE)]
Sealed = Annotated[bytes, Meta(min_length=PADDING + TAG_SIZE, max_length=MAX_SEALED)]
Name = Annotated[str, Meta(min_length=1, max_length=MAX_NAME)]
Number = Annotated[int, Meta(ge=1, le=2**63 - 1)]
Code = Annotated[str, Meta(pattern=CODE_PATTERN)]
Locator = Annotated[str, Meta(pattern=r"\A[a-z]{3,7}\Z")]
CurvePoint = Annotated[bytes, Meta(min_length=POINT_SIZE, max_length=POINT_SIZE)]
Mac = Annotated[bytes, Meta(min_length=MAC_SIZE, max_length=MAC_SIZE)]
TransferId = Annotated[bytes, Meta(min_length=TRANSFER_SIZE, max_length=TRANSFER_SIZE)]
RequestId = Annotated[bytes, Meta(min_length=REQUEST_SIZE, max_length=REQUEST_SIZE)]
TicketBytes = Annotated[bytes, Meta(min_length=TICKET_SIZE, max_length=TICKET_SIZE)]
Count = Annotated[int, Meta(ge=0, le=2**63 - 1)]
Amount = Annotated[float, Meta(ge=0, le=2**63)]
Reason = Annotated[str, Meta(max_length=MAX_REASON)]
AwayText = Annotated[str, Meta(max_length=MAX_AWAY)]


class _Wire(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Base of what is encoded as an array."""


class MemberInfo(_Wire, frozen=True):
    id: MemberId
    name: Name
    away: AwayText | None = None
    """Why it is away (empty: it does not say); None: it is not."""


class RoomInfo(_Wire, frozen=True):
    """A hosted room as a member gets it: with its key, and the number of its newest post (0: none yet)."""

    conversation: ConversationId
    name: Name
    topic: Annotated[str, Meta(max_length=MAX_TOPIC)]
    key: Key
    number: Count
    private: bool = False
    """It is entered only by who was given the right."""

    def __repr__(self) -> str:  # without the key
        return f"RoomInfo({self.conversation.hex()}, {self.name!r})"


class RoomRow(_Wire, frozen=True):
    """A line of a list of rooms: one that its reader may enter."""

    name: Name
    topic: Annotated[str, Meta(max_length=MAX_TOPIC)]
    private: bool
    members: Count
    entered: bool


class Message(_Wire, frozen=True):
    """Base of the message types."""


# --- both ways ---------------------------------------------------------------------------------------------------


class Alive(Message, frozen=True, tag="alive"):
    """Nothing to say, but still here."""


class Bye(Message, frozen=True, tag="bye"):
    """The authenticated end of a link, with its reason."""

    code: Code


class Got(Message, frozen=True, tag="got"):
    """So many of the other side's counted messages have been taken, over all links of this seat: it need not keep them
    any longer."""

    count: Count


class FileWord(Message, frozen=True, tag="file-word"):
    """What became of a transfer, from one of its two members to the other: the host puts in `member` who says it,
    where the sender put to whom."""

    member: MemberId
    transfer: TransferId
    code: Code


# --- member to host ------------------------------------------------------------------------------------------------


class Join(Message, frozen=True, tag="join"):
    """The first message of a member; the host answers with Welcome."""

    name: Name


class Claim(Message, frozen=True, tag="claim"):
    """Instead of Join at first: I have the code of this invitation. The host answers with Challenge, or ends the link.

    Nothing else is said before the host has shown that it has the code too."""

    locator: Locator
    point: CurvePoint


class Resume(Message, frozen=True, tag="resume"):
    """Instead of Join, over a new link: my seat of that session, please, of which I have taken so many messages.

    Answered by Resumed or NoSeat."""

    session: SessionId
    taken: Count


class Again(Message, frozen=True, tag="again"):
    """Posts with these numbers have not come. Answered by those that the host still has, and then Caught."""

    conversation: ConversationId
    first: Number
    last: Number


class Ask(Message, frozen=True, tag="ask"):
    """From one who is in: does your person know the password that mine has set? Answered with Challenge, or not."""

    point: CurvePoint


class Prove(Message, frozen=True, tag="prove"):
    """The answer to Challenge: this side's confirmation, or None where the host's did not fit."""

    confirmation: Mac | None


class Post(Message, frozen=True, tag="post"):
    """A sealed content for a conversation; the host answers with Ack, StaleKey or Refused."""

    conversation: ConversationId
    key_id: KeyId
    sender: MemberId
    id: PostId
    sealed: Sealed


class GetKey(Message, frozen=True, tag="get-key"):
    member: MemberId


class Nick(Message, frozen=True, tag="nick"):
    name: Name


class Away(Message, frozen=True, tag="away"):
    """I am away, and why (may be empty), or None: I am here again. Whoever shares a room hears it as Absent."""

    text: AwayText | None


class Fetch(Message, frozen=True, tag="fetch"):
    """Let `sender` send what it offered as `transfer`, from chunk `first` on; answered by Ticket or NoTicket."""

    sender: MemberId
    transfer: TransferId
    request: RequestId
    first: Count


class Pass(Message, frozen=True, tag="pass"):
    """A piece of the pair link with another member, for the host to pass on as it is; empty: the end of it."""

    member: MemberId
    pair: PairId
    data: Piece


class Gather(Message, frozen=True, tag="gather"):
    """By its opener: who is in a private conversation from now on, and the id of its key."""

    conversation: ConversationId
    key_id: KeyId
    members: Roster


class Leave(Message, frozen=True, tag="leave"):
    """Out of a room, or of a private conversation, which its opener ends by that."""

    conversation: ConversationId


class Login(Message, frozen=True, tag="login"):
    """Instead of Join at first: I have the password of this account, or that of the host. Answered with Salt, then
    Ask, Challenge, Prove and Unlock follow."""

    name: Name


class Unlock(Message, frozen=True, tag="unlock"):
    """The last word of a login, sealed under the key that the proof has made."""

    sealed: Annotated[bytes, Meta(min_length=TAG_SIZE, max_length=MAX_LOGIN)]


class ListRooms(Message, frozen=True, tag="list-rooms"):
    """Which rooms may I enter? Answered with RoomList."""


class Enter(Message, frozen=True, tag="enter"):
    """Into the room that is called so; answered with Entered and Present, or with a Notice."""

    room: Name


class Past(Message, frozen=True, tag="past"):
    """What was said in a room before that number (0: the newest); answered with OldKey and Old, then OldEnd. One at a
    time."""

    conversation: ConversationId
    before: Count
    count: Annotated[int, Meta(ge=1, le=MAX_PAGE)]


class Order(Message, frozen=True, tag="order"):
    """What moderators and the host may do; `word` is one that `usi.core.orders` knows. Answered with Notice."""

    word: Code
    about: Annotated[str, Meta(max_length=128)]
    """A member's name, a fingerprint, an address, or a new room's name."""
    room: Annotated[str, Meta(max_length=MAX_NAME)]
    text: Reason
    """A reason or a topic."""
    seconds: Count
    """How long; 0: until it is taken back, or the host stops."""
    private: bool


# --- host to member ------------------------------------------------------------------------------------------------


class Welcome(Message, frozen=True, tag="welcome"):
    """You are in: your id and name here, who the host is, and the rooms that you may see."""

    me: MemberInfo
    host: MemberInfo
    session: SessionId
    history: bool
    rooms: Annotated[list[RoomInfo], Meta(max_length=MAX_ROOMS)]


class Resumed(Message, frozen=True, tag="resumed"):
    """You have your seat again. `taken` messages of yours have come; `posts` were made meanwhile. What was sent and not
    taken follows, in its order."""

    taken: Count
    posts: Count


class NoSeat(Message, frozen=True, tag="no-seat"):
    """There is no such seat of yours, or not any more; Join may follow."""


class Skipped(Message, frozen=True, tag="skipped"):
    """So many counted messages are left out here: posts, which can be asked for by their numbers."""

    count: Number


class Found(Message, frozen=True, tag="found"):
    """A Posted that was asked for. Never left out for one who is away, or it would seem to be gone."""

    conversation: ConversationId
    key_id: KeyId
    sender: MemberId
    id: PostId
    number: Number
    sealed: Sealed


class Caught(Message, frozen=True, tag="caught"):
    """The answer to Again is complete up to this number: what has not come of it is gone."""

    conversation: ConversationId
    number: Number


class Challenge(Message, frozen=True, tag="challenge"):
    """The host's half of a proof (docs/PROTOCOL.md, "Proof of a shared secret"), answered with Prove."""

    point: CurvePoint
    confirmation: Mac


class Lasting(Message, frozen=True, tag="lasting"):
    """Behind the welcome of a host that keeps its key from run to run: another one there is worth a warning."""


class Present(Message, frozen=True, tag="present"):
    """Members who were in a room before; several of these where there are many. `last` closes the room's list."""

    room: ConversationId
    members: Annotated[list[MemberInfo], Meta(max_length=MAX_PRESENT)]
    last: bool


class Standing(Message, frozen=True, tag="standing"):
    """Which role you have here from now on, as `usi.core.accounts.Role` counts."""

    role: Annotated[int, Meta(ge=0, le=3)]


class Salt(Message, frozen=True, tag="salt"):
    """What the password of a login is to be stretched with."""

    salt: Annotated[bytes, Meta(min_length=SALT_SIZE, max_length=SALT_SIZE)]


class RoomList(Message, frozen=True, tag="room-list"):
    rooms: Annotated[list[RoomRow], Meta(max_length=MAX_ROOMS)]


class Entered(Message, frozen=True, tag="entered"):
    """You are in this room from here on; Present follows."""

    room: RoomInfo


class Out(Message, frozen=True, tag="put-out"):
    """You are in this room no longer."""

    room: ConversationId
    code: Code


class RoomKey(Message, frozen=True, tag="room-key"):
    """From here on this is the key of the room: somebody has lost access."""

    room: ConversationId
    key: Key


class Topic(Message, frozen=True, tag="topic"):
    room: ConversationId
    topic: Annotated[str, Meta(max_length=MAX_TOPIC)]
    by: Name


class Deed(Message, frozen=True, tag="deed"):
    """What a moderator did, for all whom it concerns: `name` is whom it was done to, or the room."""

    code: Code
    name: Annotated[str, Meta(max_length=64)]
    by: Name
    reason: Reason


class OldKey(Message, frozen=True, tag="old-key"):
    """A key under which posts of the past were sealed, and the member who handed it out."""

    room: ConversationId
    holder: MemberId
    key: Key


class Old(Message, frozen=True, tag="old"):
    """A post of the past, as it was."""

    conversation: ConversationId
    key_id: KeyId
    sender: MemberId
    id: PostId
    number: Number
    sealed: Sealed


class OldEnd(Message, frozen=True, tag="old-end"):
    """The answer to Past is whole. `first`: below this number nothing was looked at; `lost`: how many posts are not in
    the history any more although they should be; `more`: there is something below."""

    room: ConversationId
    first: Count
    lost: Count
    more: bool


class LimitValue(_Wire, frozen=True):
    """One of the host's limits: the name of its setting, its value, how much of it is in use (None: that means
    nothing), and what else is counted where it applies."""

    name: Annotated[str, Meta(pattern=r"\A[a-z][a-z_]{0,31}\Z")]
    limit: Amount
    used: Amount | None
    count: Count


class LimitValues(Message, frozen=True, tag="limit-values"):
    """What the host limits, for who may see it."""

    values: Annotated[list[LimitValue], Meta(max_length=64)]


class LogEntry(Message, frozen=True, tag="log-entry"):
    """A line of the host's log, for who may see it; milliseconds since 1970."""

    time: Count
    event: Code
    facts: Annotated[
        list[tuple[Annotated[str, Meta(max_length=32)], Annotated[str, Meta(max_length=512)]]], Meta(max_length=16)
    ]


class KeyOf(Message, frozen=True, tag="key"):
    """A member's modulus, or None where the host does not know it."""

    member: MemberId
    modulus: Modulus | None


class Posted(Message, frozen=True, tag="posted"):
    """Somebody's Post with the number that the host gave it."""

    conversation: ConversationId
    key_id: KeyId
    sender: MemberId
    id: PostId
    number: Number
    sealed: Sealed


class Ack(Message, frozen=True, tag="ack"):
    """The host has this post of yours, under this number."""

    id: PostId
    number: Number


class StaleKey(Message, frozen=True, tag="stale-key"):
    """This post was not taken, and never will be: its key is not the room's key any more."""

    id: PostId


class Refused(Message, frozen=True, tag="refused"):
    """This post was not taken, and never will be."""

    id: PostId
    code: Code


class Joined(Message, frozen=True, tag="joined"):
    """These have come into a room, in this order."""

    room: ConversationId
    members: Annotated[list[MemberInfo], Meta(min_length=1, max_length=MAX_PRESENT)]


class Left(Message, frozen=True, tag="left"):
    """These are in a room no longer. Who shares no room with us any more is not seen at all."""

    room: ConversationId
    members: Annotated[list[MemberId], Meta(min_length=1, max_length=MAX_PRESENT)]
    code: Code


class Passed(Message, frozen=True, tag="passed"):
    """Another member's Pass: `member` sent it."""

    member: MemberId
    pair: PairId
    data: Piece


class Gathered(Message, frozen=True, tag="gathered"):
    """You are in this private conversation; from here on its posts are under this key. `number`: of its newest post."""

    conversation: ConversationId
    key_id: KeyId
    number: Count


class Renamed(Message, frozen=True, tag="renamed"):
    member: MemberId
    name: Name


class Absent(Message, frozen=True, tag="absent"):
    """This member is away, and why, or None: it is here again."""

    member: MemberId
    text: AwayText | None


class Notice(Message, frozen=True, tag="notice"):
    """The hub's own word to one member: a code with one value; no member can post this type."""

    code: Code
    about: Annotated[str, Meta(max_length=256)]


class Ticket(Message, frozen=True, tag="ticket"):
    """Opens the receiver's data connection for its Fetch."""

    request: RequestId
    ticket: TicketBytes


class NoTicket(Message, frozen=True, tag="no-ticket"):
    """A Fetch that leads nowhere, and why."""

    request: RequestId
    code: Code


class Wanted(Message, frozen=True, tag="wanted"):
    """`member` fetches something of yours; the ticket opens your data connection for it."""

    member: MemberId
    transfer: TransferId
    first: Count
    ticket: TicketBytes


class LinkFacts(msgspec.Struct, frozen=True):
    """What the host's router knows of a member's link. Handed in memory to the host's own person, never encoded."""

    member: bytes
    modulus: bytes
    fingerprint: bytes
    words: tuple[str, ...]
    address: str
    exporter: bytes = b""
    """The secret that proofs on this link are bound to."""
    by_code: bool = False
    """The member came with the code of an invitation, and so did the host: the two are verified."""


class InMemory(Message, frozen=True):
    """Base of what the hub and the host's own person say of a member's proof: in memory, never encoded."""


class Asked(InMemory, frozen=True, tag="asked"):
    member: MemberId
    point: CurvePoint


class Answer(InMemory, frozen=True, tag="answer"):
    member: MemberId
    point: CurvePoint
    confirmation: Mac


class Proved(InMemory, frozen=True, tag="proved"):
    member: MemberId
    confirmation: Mac | None


FromMember = (
    Join | Claim | Login | Resume | Ask | Prove | Unlock | Post | Again | GetKey | Nick | Away | ListRooms | Enter
    | Past | Order | Pass | Gather | Leave | Fetch | FileWord | Got | Alive | Bye
)  # fmt: skip
FromHost = (
    Welcome | Resumed | NoSeat | Skipped | Salt | Challenge | Lasting | Standing | Present | KeyOf | Posted | Found
    | Caught | Ack | StaleKey | Refused | Joined | Left | Renamed | Absent | Notice | RoomList | Entered | Out
    | RoomKey | Topic | Deed | OldKey | Old | OldEnd | LogEntry | LimitValues | Passed | Gathered | Ticket | NoTicket
    | Wanted | FileWord | Got | Alive | Bye
)  # fmt: skip


def tag_of(message: Message) -> str:
    """The word that stands first in the encoding of a message."""
    return str(type(message).__struct_config__.tag)
