"""The host's router: facts in, effects out. It moves sealed content and never opens it.

It knows who sits where, gives each conversation its numbers, drops what came twice and tells the members who is there.
The host's own person is seat `OWN`, a member like any other, told in addition what the host knows of each link.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection
from dataclasses import dataclass, field

from usi.core import text, wire
from usi.core.crypto import CryptoError, Point, random_bytes
from usi.core.errors import (
    BadHandshake,
    BadMessage,
    BadName,
    BadRecord,
    Cut,
    Distrusted,
    Left,
    NameTaken,
    OutOfTurn,
    PeerError,
    RefusedName,
    Replaced,
    SenderGone,
    Silent,
    TooLong,
    TooManyTransfers,
)
from usi.core.numbering import Numbering
from usi.core.relay import Letter, Relay
from usi.core.trace import Trace, Tracer, Value

OWN = 0
"""The link number of the host's own person."""
TOLD_BY_LEAVER = frozenset(
    error.code for error in (BadHandshake, BadMessage, BadRecord, Cut, Distrusted, OutOfTurn, Silent, TooLong)
)
"""What a leaving member may say of its own link, for others to hear; anything else it says counts as `left`."""
TRANSFERS = 64  # data connections in pairs at once: each takes a thread and a pipe
TRANSFERS_OF_ONE = 8  # of one receiver, so that one member cannot take all of them
KNOWN_KEYS = 10_000  # moduli kept for members who left: their posts are still being read


@dataclass(frozen=True)
class Arrived:
    """A link has its keys; its member has not asked to join yet. Said again when more is known of it."""

    link: int
    facts: wire.LinkFacts


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


Fact = Arrived | Heard | Gone | Passed


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
    """End the data connections of a transfer: one of the two members is gone."""

    request: bytes


Effect = Send | Close | Expect | Drop


@dataclass
class _Seat:
    link: int
    facts: wire.LinkFacts
    name: str = ""
    """Empty until the member has joined."""
    fetches: set[bytes] = field(default_factory=set)
    """Requests of the transfers that it receives."""
    sends: set[bytes] = field(default_factory=set)
    """And of those that it sends."""

    @property
    def info(self) -> wire.MemberInfo:
        return wire.MemberInfo(self.facts.member, self.name)


@dataclass(eq=False, kw_only=True)
class _Room(Numbering):
    """A hosted room."""

    info: wire.RoomInfo


class Hub:
    """One host's members and rooms. `handle` takes a fact and returns its effects, to be performed in order.

    `rooms` are given with their keys and key ids; the first is where everybody starts. A room's key is handed to the
    members whom the host admits, and is not otherwise used here. `lasting`: the host keeps its key from run to run.
    `tracer` is told of what passes of private conversations: all that can be known here.
    """

    def __init__(
        self,
        rooms: Collection[tuple[wire.RoomInfo, bytes]],
        tracer: Tracer | None = None,
        *,
        lasting: bool = False,
    ) -> None:
        self._rooms = {
            info.conversation: _Room(info=info, key_id=key_id, number=info.number) for info, key_id in rooms
        }
        self._lasting = lasting
        self._relay = Relay()
        self._trace = tracer
        self._seats: dict[int, _Seat] = {}
        self._by_member: dict[bytes, _Seat] = {}
        self._skeletons: dict[str, bytes] = {}
        self._moduli: OrderedDict[bytes, bytes] = OrderedDict()
        self._transfers: dict[bytes, tuple[_Seat, _Seat]] = {}
        """Request → sender and receiver of the transfers under way."""

    @property
    def members(self) -> int:
        """How many have joined, the host's own person included."""
        return len(self._by_member)

    def handle(self, fact: Fact) -> list[Effect]:
        if isinstance(fact, Heard):
            seat = self._seats.get(fact.link)
            if seat is None:
                return []
            return self._heard(seat, fact.message)
        if isinstance(fact, Arrived):
            self._seats[fact.link] = _Seat(fact.link, fact.facts)
            return []
        if isinstance(fact, Passed):
            self._forget_transfer(fact.request)
            return []
        return self._gone(fact)

    def tick(self, now: float) -> None:
        """Let time pass: called about once a second, with the seconds of a clock that does not go back."""
        self._relay.now = now

    def _heard(self, seat: _Seat, message: wire.Message) -> list[Effect]:
        if (seat.name == "") != isinstance(message, wire.Join) and not isinstance(message, wire.Bye):
            return [Close(seat.link, OutOfTurn(what=wire.tag_of(message)))]
        match message:
            case wire.Post():
                return self._post(seat, message)
            case wire.GetKey():
                return [Send((seat.link,), wire.KeyOf(message.member, self._moduli.get(message.member)))]
            case wire.Alive():
                return []
            case wire.Nick():
                return self._nick(seat, message)
            case wire.Join():
                return self._join(seat, message)
            case wire.Ask() | wire.Prove() | wire.Answer():
                return self._pass_proof(seat, message)
            case wire.Pass() | wire.Gather() | wire.Leave():
                return self._private(seat, message)
            case wire.Fetch():
                return self._fetch(seat, message)
            case wire.FileWord():
                return self._file_word(seat, message)
            case wire.Bye():
                return self._gone(Gone(seat.link, message.code if message.code in TOLD_BY_LEAVER else Left.code))
            case _:
                return [Close(seat.link, OutOfTurn(what=wire.tag_of(message)))]

    # --- coming and going ---

    def _join(self, seat: _Seat, message: wire.Join) -> list[Effect]:
        try:
            wanted = text.clean_name(message.name)
        except BadName:
            return [Close(seat.link, RefusedName())]
        effects: list[Effect] = []
        member = seat.facts.member
        previous = self._by_member.get(member)
        if previous is not None and previous.link == OWN:
            return [Close(seat.link, BadHandshake())]  # the host's own key: a second copy of it, or a stolen one
        if previous is not None:
            effects += [*self._gone(Gone(previous.link, Replaced.code)), Close(previous.link, Replaced())]
        seat.name = text.numbered_name(wanted, self._skeletons)
        self._skeletons[text.skeleton(seat.name)] = member
        present = [other.info for other in self._by_member.values()]
        host = self._seats[OWN]
        rooms = []
        for room in self._rooms.values():
            rooms.append(
                wire.RoomInfo(
                    room.info.conversation, room.info.name, room.info.topic, room.info.key, room.number
                )
            )
            room.links[seat.link] = None
        welcome = wire.Welcome(seat.info, host.info, random_bytes(wire.SESSION_SIZE), False, rooms)
        effects.append(Send((seat.link,), welcome))
        if self._lasting:
            effects.append(Send((seat.link,), wire.Lasting()))
        chunks = [present[i : i + wire.MAX_PRESENT] for i in range(0, len(present), wire.MAX_PRESENT)] or [[]]
        for index, chunk in enumerate(chunks):
            effects.append(Send((seat.link,), wire.Present(chunk, index == len(chunks) - 1)))
        others = [other.link for other in self._by_member.values()]
        self._by_member[member] = seat
        self._remember_key(seat.facts)
        if seat.link != OWN:
            effects.append(Send((OWN,), seat.facts))
        effects.append(Send(others, wire.Joined(seat.info)))
        return effects

    def _gone(self, fact: Gone) -> list[Effect]:
        seat = self._seats.pop(fact.link, None)
        if seat is None or self._by_member.get(seat.facts.member) is not seat:
            return []
        del self._by_member[seat.facts.member]
        del self._skeletons[text.skeleton(seat.name)]
        for room in self._rooms.values():
            room.links.pop(seat.link, None)
        self._relay.gone(seat.link)
        drops = [Drop(request) for request in [*seat.fetches, *seat.sends]]
        return [Send(self._everyone(), wire.Left(seat.facts.member, fact.code)), *drops]

    def _everyone(self) -> list[int]:
        return [seat.link for seat in self._by_member.values()]

    # --- what members ask for ---

    def _post(self, seat: _Seat, post: wire.Post) -> list[Effect]:
        if post.sender != seat.facts.member:
            return [Close(seat.link, BadMessage(why="the sender of a post is somebody else"))]
        talk = self._relay.talks.get(post.conversation)
        room: Numbering | None = talk or self._rooms.get(post.conversation)
        if room is None or seat.link not in room.links:
            return [Send((seat.link,), wire.Refused(post.id, "no-such-room"))]
        known = room.posted.get((post.sender, post.id))
        if known is not None:
            if known.sealed != post.sealed or known.key_id != post.key_id:
                return [Close(seat.link, BadMessage(why="two posts under one id"))]
            return [Send((seat.link,), wire.Ack(post.id, known.number))]
        if post.key_id != room.key_id:
            return [Send((seat.link,), wire.StaleKey(post.id))]
        posted = self._relay.add(talk, post) if talk is not None else room.add(post)
        readers = [link for link in room.links if link != seat.link]
        if talk is not None:
            self._note(seat, post, readers, conversation=post.conversation, sealed=post.sealed)
        return [Send((seat.link,), wire.Ack(post.id, posted.number)), Send(readers, posted)]

    def _pass_proof(self, seat: _Seat, message: wire.Ask | wire.Prove | wire.Answer) -> list[Effect]:
        """Pass a proof of a password on between a member and the host's own person."""
        if isinstance(message, wire.Answer):
            asker = self._by_member.get(message.member)
            if seat.link != OWN or asker is None:
                return []
            return [Send((asker.link,), wire.Challenge(message.point, message.confirmation))]
        if seat.link == OWN:
            return []
        member = seat.facts.member
        if isinstance(message, wire.Prove):
            return [Send((OWN,), wire.Proved(member, message.confirmation))]
        try:
            Point.parse(message.point)
        except CryptoError:
            return [Close(seat.link, BadMessage(why="a point that is none"))]
        return [Send((OWN,), wire.Asked(member, message.point))]

    def _private(self, seat: _Seat, message: wire.Pass | wire.Gather | wire.Leave) -> list[Effect]:
        """What belongs to private conversations, and passes unopened."""
        member = seat.facts.member
        letters: list[Letter] = []
        try:
            match message:
                case wire.Pass():
                    letters = self._relay.carry(seat.link, member, message, self._where)
                    self._note(seat, message, [link for to, _ in letters for link in to], sealed=message.data)
                case wire.Gather() if message.conversation not in self._rooms:
                    letters = self._relay.gather(seat.link, member, message, self._where)
                case wire.Leave():
                    self._relay.leave(seat.link, message.conversation)
                case _:
                    raise BadMessage(why="a room is no private conversation")
        except BadMessage as error:
            return [Close(seat.link, error)]
        return [Send(*letter) for letter in letters]

    def _where(self, member: bytes) -> int | None:
        seat = self._by_member.get(member)
        return seat.link if seat is not None else None

    def _note(self, seat: _Seat, message: wire.Message, to: Collection[int], **values: Value) -> None:
        """Tell what this host can see of something private: who, to whom, when, and how long."""
        if self._trace is not None:
            readers = [other.name for other in self._by_member.values() if other.link in to]
            sealed = values.pop("sealed")
            size = len(sealed) if isinstance(sealed, bytes) else 0
            detail = {"message": wire.tag_of(message), "sender": seat.name, "readers": ", ".join(readers)}
            self._trace(Trace("relay", "in", detail | values | {"length": size, "ciphertext": sealed}))

    def _nick(self, seat: _Seat, message: wire.Nick) -> list[Effect]:
        try:
            name = text.clean_name(message.name)
        except BadName:
            return [Close(seat.link, RefusedName())]
        if name == seat.name:
            return []
        skeleton = text.skeleton(name)
        if self._skeletons.get(skeleton, seat.facts.member) != seat.facts.member:
            return [Send((seat.link,), wire.Notice(NameTaken.code, name))]
        del self._skeletons[text.skeleton(seat.name)]
        self._skeletons[skeleton] = seat.facts.member
        seat.name = name
        return [Send(self._everyone(), wire.Renamed(seat.facts.member, name))]

    def _fetch(self, receiver: _Seat, message: wire.Fetch) -> list[Effect]:
        sender = self._by_member.get(message.sender)
        if message.request in self._transfers:
            return [Close(receiver.link, BadMessage(why="two transfers under one request"))]
        if sender is None or sender is receiver:
            return [Send((receiver.link,), wire.NoTicket(message.request, SenderGone.code))]
        if len(self._transfers) >= TRANSFERS or len(receiver.fetches) >= TRANSFERS_OF_ONE:
            return [Send((receiver.link,), wire.NoTicket(message.request, TooManyTransfers.code))]
        self._transfers[message.request] = sender, receiver
        receiver.fetches.add(message.request)
        sender.sends.add(message.request)
        expect = Expect(
            message.request,
            sender.info,
            receiver.info,
            random_bytes(wire.TICKET_SIZE),
            random_bytes(wire.TICKET_SIZE),
        )
        wanted = wire.Wanted(receiver.facts.member, message.transfer, message.first, expect.from_sender)
        ticket = wire.Ticket(message.request, expect.to_receiver)
        return [expect, Send((receiver.link,), ticket), Send((sender.link,), wanted)]

    def _file_word(self, seat: _Seat, message: wire.FileWord) -> list[Effect]:
        other = self._by_member.get(message.member)
        if other is None:
            return []  # it has just left, and its leaving says more
        return [Send((other.link,), wire.FileWord(seat.facts.member, message.transfer, message.code))]

    def _forget_transfer(self, request: bytes) -> None:
        for seat in self._transfers.pop(request, ()):
            seat.fetches.discard(request)
            seat.sends.discard(request)

    def _remember_key(self, facts: wire.LinkFacts) -> None:
        self._moduli[facts.member] = facts.modulus
        self._moduli.move_to_end(facts.member)
        if len(self._moduli) > KNOWN_KEYS:
            oldest = next((member for member in self._moduli if member not in self._by_member), None)
            if oldest is not None:
                del self._moduli[oldest]
