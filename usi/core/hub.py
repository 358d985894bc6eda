"""The host's router: facts in, effects out. It moves sealed content and never opens it.

It knows who sits where, gives each conversation its numbers, drops what came twice and tells the members who is there.
The host's own person is seat `OWN`, a member like any other, told in addition what the host knows of each link.
"""

from __future__ import annotations

from collections import OrderedDict, deque
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
    Silent,
    TooLong,
)

OWN = 0
"""The link number of the host's own person."""
LOG_POSTS = 1_000  # newest posts that a conversation keeps in memory
LOG_BYTES = 8 * 1024 * 1024  # and the most that they may weigh
TOLD_BY_LEAVER = frozenset(
    error.code for error in (BadHandshake, BadMessage, BadRecord, Cut, Distrusted, OutOfTurn, Silent, TooLong)
)
"""What a leaving member may say of its own link, for others to hear; anything else it says counts as `left`."""
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


Fact = Arrived | Heard | Gone


@dataclass(frozen=True)
class Send:
    links: Collection[int]
    message: wire.Message | wire.LinkFacts


@dataclass(frozen=True)
class Close:
    link: int
    error: PeerError


Effect = Send | Close


@dataclass
class _Seat:
    link: int
    facts: wire.LinkFacts
    name: str = ""
    """Empty until the member has joined."""

    @property
    def info(self) -> wire.MemberInfo:
        return wire.MemberInfo(self.facts.member, self.name)


@dataclass
class _Room:
    """A hosted room: its key, its members' links, and its newest posts."""

    info: wire.RoomInfo
    key_id: bytes
    number: int = 0
    links: dict[int, None] = field(default_factory=dict)
    log: deque[wire.Posted] = field(default_factory=deque)
    log_bytes: int = 0
    posted: dict[tuple[bytes, bytes], wire.Posted] = field(default_factory=dict)
    """(sender, id) → what the log holds under it: how a post that comes twice is known."""

    def add(self, post: wire.Post) -> wire.Posted:
        self.number += 1
        posted = wire.Posted(post.conversation, post.key_id, post.sender, post.id, self.number, post.sealed)
        self.log.append(posted)
        self.posted[post.sender, post.id] = posted
        self.log_bytes += len(post.sealed)
        while len(self.log) > LOG_POSTS or self.log_bytes > LOG_BYTES:
            oldest = self.log.popleft()
            self.log_bytes -= len(oldest.sealed)
            del self.posted[oldest.sender, oldest.id]
        return posted


class Hub:
    """One host's members and rooms. `handle` takes a fact and returns its effects, to be performed in order.

    `rooms` are given with their keys and key ids; the first is where everybody starts. A room's key is handed to the
    members whom the host admits, and is not otherwise used here. `lasting`: the host keeps its key from run to run.
    """

    def __init__(self, rooms: Collection[tuple[wire.RoomInfo, bytes]], *, lasting: bool = False) -> None:
        self._lasting = lasting
        self._rooms = {info.conversation: _Room(info, key_id, info.number) for info, key_id in rooms}
        self._seats: dict[int, _Seat] = {}
        self._by_member: dict[bytes, _Seat] = {}
        self._skeletons: dict[str, bytes] = {}
        self._moduli: OrderedDict[bytes, bytes] = OrderedDict()

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
        return self._gone(fact)

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
        return [Send(self._everyone(), wire.Left(seat.facts.member, fact.code))]

    def _everyone(self) -> list[int]:
        return [seat.link for seat in self._by_member.values()]

    # --- what members ask for ---

    def _post(self, seat: _Seat, post: wire.Post) -> list[Effect]:
        if post.sender != seat.facts.member:
            return [Close(seat.link, BadMessage(why="the sender of a post is somebody else"))]
        room = self._rooms.get(post.conversation)
        if room is None or seat.link not in room.links:
            return [Send((seat.link,), wire.Refused(post.id, "no-such-room"))]
        known = room.posted.get((post.sender, post.id))
        if known is not None:
            if known.sealed != post.sealed or known.key_id != post.key_id:
                return [Close(seat.link, BadMessage(why="two posts under one id"))]
            return [Send((seat.link,), wire.Ack(post.id, known.number))]
        if post.key_id != room.key_id:
            return [Send((seat.link,), wire.StaleKey(post.id))]
        posted = room.add(post)
        readers = [link for link in room.links if link != seat.link]
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

    def _remember_key(self, facts: wire.LinkFacts) -> None:
        self._moduli[facts.member] = facts.modulus
        self._moduli.move_to_end(facts.member)
        if len(self._moduli) > KNOWN_KEYS:
            oldest = next((member for member in self._moduli if member not in self._by_member), None)
            if oldest is not None:
                del self._moduli[oldest]
