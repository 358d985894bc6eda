"""The host's router: facts in, effects out. It moves sealed content and never opens it.

It knows who sits where, gives each conversation its numbers, drops what came twice and tells the members who is there.
The host's own person is seat `OWN`, a member like any other, told in addition what the host knows of each link.
"""

from __future__ import annotations

import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Collection, Iterable

from msgspec.structs import astuple

from usi.core import accounts as rights
from usi.core import text, wire
from usi.core.accounts import Account, Accounts, Role
from usi.core.addresses import is_local
from usi.core.allowance import Allowance
from usi.core.crypto import CryptoError, Point, random_bytes
from usi.core.errors import (
    AccountGone,
    BadHandshake,
    BadMessage,
    BadName,
    BadRecord,
    Banned,
    Cut,
    Distrusted,
    Kicked,
    Left,
    Locked,
    NameTaken,
    NoRoom,
    NoSuchRoom,
    OutOfTurn,
    PeerError,
    RefusedName,
    Replaced,
    SenderGone,
    Silent,
    TooLong,
    TooManyTransfers,
)
from usi.core.facts import (
    OWN,
    AccountsRead,
    Announce,
    Arrived,
    Close,
    Drop,
    Effect,
    Expect,
    Fact,
    ForgetRoom,
    FreePlace,
    Gone,
    Heard,
    Keep,
    KeepRoom,
    Load,
    Note,
    Passed,
    Read,
    ReadPast,
    Seat,
    Send,
    ShowLimits,
    ShowLog,
)
from usi.core.line import Line
from usi.core.moderation import Decided, Moderation
from usi.core.numbering import Logs, Numbering
from usi.core.orders import Orders
from usi.core.recent import Recent
from usi.core.relay import Letter, Relay
from usi.core.rooms import HostedRoom, Rooms
from usi.core.trace import Trace, Tracer, Value

__all__ = [
    "OWN",
    "TRANSFERS",
    "AccountsRead",
    "Announce",
    "Arrived",
    "Close",
    "Drop",
    "Effect",
    "Expect",
    "Fact",
    "ForgetRoom",
    "FreePlace",
    "Gone",
    "Heard",
    "Hub",
    "Keep",
    "KeepRoom",
    "Note",
    "Passed",
    "Read",
    "ReadPast",
    "Send",
    "ShowLimits",
    "ShowLog",
]  # fmt: skip

TOLD_BY_LEAVER = frozenset(
    error.code for error in (BadHandshake, BadMessage, BadRecord, Cut, Distrusted, OutOfTurn, Silent, TooLong)
)
"""What a leaving member may say of its own link, for others to hear; anything else it says counts as `left`."""
TRANSFERS = 64  # data connections in pairs at once: each takes a thread and a pipe
TRANSFERS_OF_ONE = 8  # of one receiver, so that one member cannot take all of them
TRANSFERS_OF_ADDRESS = TRANSFERS // 2  # of the receivers behind one address, unless the host sets another number
CHANGES, CHANGE_SECONDS = 64, 60.0
"""How often one member may change its name or a topic, go away, or enter or leave a room, in so many seconds: each is
told to everybody who sees it. As many as there are rooms, so that one can enter all of them at once."""
KNOWN_KEYS = 10_000  # moduli kept for members who left: their posts are still being read


COMMAND_OF: dict[type[wire.Message], str] = {
    wire.Post: "say",
    wire.GetKey: "users",
    wire.Nick: "nick",
    wire.Away: "away",
    wire.ListRooms: "rooms",
    wire.Enter: "join",
    wire.Leave: "leave",
    wire.Past: "history",
    wire.Ask: "password",
    wire.Prove: "password",
    wire.Pass: "private",
    wire.Gather: "private",
    wire.Fetch: "accept",
    wire.FileWord: "files",
}
"""Message → the command whose right its sender needs; an order names its own."""
LOSES_ACCESS = frozenset({Kicked.code, Banned.code, AccountGone.code, "revoked"})
"""Ways to be out of a room after which its key must not be known any more."""


class Hub:
    """One host's members and rooms. `handle` takes a fact and returns its effects, to be performed in order.

    `rooms` are given with their keys and key ids, or as they are kept; the first is where everybody starts. A room's
    key is handed to the members whom the host admits, and is not otherwise used here; `new_key` makes one. `lasting`:
    the host keeps its key from run to run. `keeps`: it keeps a history. `decided`: what moderators had decided in
    earlier runs, where that is kept; that of rooms is in them. `tracer` is told of what passes of private
    conversations: all that can be known here. `clock` gives seconds that only rise. `transfers_per_address`: files that
    may pass at once to the members behind one address.
    """

    def __init__(
        self,
        rooms: Iterable[tuple[wire.RoomInfo, bytes] | HostedRoom],
        tracer: Tracer | None = None,
        *,
        lasting: bool = False,
        keeps: bool = False,
        decided: Decided | None = None,
        accounts: Accounts | None = None,
        new_key: Callable[[], bytes] = lambda: random_bytes(32),
        clock: Callable[[], float] = time.monotonic,
        transfers_per_address: int = TRANSFERS_OF_ADDRESS,
    ) -> None:
        self.rooms = Rooms((_hosted(room) for room in rooms), new_key)
        self.moderation = Moderation(clock)
        self.keeps = keeps
        self.keeps_decided = decided is not None
        self.moderation.restore(decided or Decided())
        self._accounts = accounts
        self._orders = Orders(self)
        self._lasting = lasting
        self._logs = Logs()
        self._relay = Relay(self._logs)
        self._trace = tracer
        self._seats: dict[int, Seat] = {}
        self._by_member: dict[bytes, Seat] = {}
        self._skeletons: dict[str, bytes] = {}
        self._moduli: OrderedDict[bytes, bytes] = OrderedDict()
        self._transfers: dict[bytes, tuple[Seat, Seat, bytes]] = {}
        """Request → sender, receiver and transfer, of what is under way."""
        self._transfers_per_address = transfers_per_address
        self._clock = clock
        self._changes: Recent[bytes, Allowance] = Recent(KNOWN_KEYS)
        """Member → what it may still change now."""
        self._line: Line[int] = Line()
        """Links of those who wait for a place."""

    @property
    def members(self) -> int:
        """How many have joined, the host's own person included."""
        return len(self._by_member)

    @property
    def load(self) -> Load:
        """What it holds now."""
        logs = [len(talk.log) for talk in [*self.rooms, *self._relay.talks.values()]]
        return Load(
            rooms=len(self.rooms),
            talks=len(self._relay.talks),
            log_posts=max(logs, default=0),
            log_bytes=self._logs.weight,
            transfers=len(self._transfers),
            transfers_of_one=max((len(seat.fetches) for seat in self._seats.values()), default=0),
            transfers_of_address=max(self._receivers().values(), default=0),
        )

    def decided(self) -> Decided:
        """What moderators have decided and is to be kept."""
        return self.moderation.decided(room.decided for room in self.rooms)

    def handle(self, fact: Fact) -> list[Effect]:
        if isinstance(fact, Heard):
            seat = self._seats.get(fact.link)
            if seat is None:
                return []
            return self._heard(seat, fact.message)
        match fact:
            case Arrived():
                self._seats[fact.link] = Seat(fact.link, fact.facts, fact.account, fact.network)
                return []
            case Passed():
                self._forget_transfer(fact.request)
                return []
            case Announce():
                return [Send(*letter) for room in self.rooms for letter in room.announce()]
            case Read():
                return self._read(fact)
            case AccountsRead():
                return self._take_accounts(fact.accounts)
            case _:
                return self._gone(fact)

    @property
    def has_news(self) -> bool:
        """Whether `Announce` would tell of somebody."""
        return any(room.news for room in self.rooms)

    def tick(self, now: float) -> None:
        """Let time pass: called about once a second, with the seconds of a clock that does not go back."""
        self._relay.now = now

    def _heard(self, seat: Seat, message: wire.Message) -> list[Effect]:
        if (seat.name == "") != isinstance(message, wire.Join) and not isinstance(message, wire.Bye):
            return [Close(seat.link, OutOfTurn(what=wire.tag_of(message)))]
        if any(seat.link in room.newcomers for room in self.rooms) and not isinstance(message, _UNHEARD):
            return [*self.announce(self.rooms.of(seat.link)), *self._answer(seat, message)]
        return self._answer(seat, message)

    def _answer(self, seat: Seat, message: wire.Message) -> list[Effect]:
        command = COMMAND_OF.get(type(message))
        if command is not None and not rights.may(seat.role, command):
            return [Send((seat.link,), wire.Notice("no-right", command))]
        change = self._change(message)
        if change is not None and not self._may_change(seat):
            return [Send((seat.link,), wire.Notice("too-many-changes", change))]
        match message:
            case wire.Post():
                return self._post(seat, message)
            case wire.Again():
                return self._again(seat, message)
            case wire.ListRooms() | wire.Enter() | wire.Past() | wire.Order():
                return self._in_rooms(seat, message)
            case wire.GetKey():
                return [Send((seat.link,), wire.KeyOf(message.member, self._moduli.get(message.member)))]
            case wire.Alive():
                return []
            case wire.Nick():
                return self._nick(seat, message)
            case wire.Away():
                return self._away(seat, message)
            case wire.Join():
                return self._join(seat, message)
            case wire.Ask() | wire.Prove() | wire.Answer():
                return self._pass_proof(seat, message)
            case wire.Leave() if (room := self.rooms.get(message.conversation)) is not None:
                return self._leave(seat, room)
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

    def _change(self, message: wire.Message) -> str | None:
        """The command that asks for something that many would be told of."""
        match message:
            case wire.Nick() | wire.Enter() | wire.Away(text=str()):  # coming back is always possible
                return COMMAND_OF[type(message)]
            case wire.Leave() if self.rooms.get(message.conversation) is not None:
                return COMMAND_OF[type(message)]
            case wire.Order(word="topic"):
                return "topic"
            case _:
                return None

    def _may_change(self, seat: Seat) -> bool:
        if seat.link == OWN:
            return True
        member = seat.facts.member
        allowance = self._changes[member] = self._changes.get(member) or Allowance(CHANGES, CHANGE_SECONDS)
        return allowance.take(self._clock())

    # --- coming and going ---

    def _join(self, seat: Seat, message: wire.Join) -> list[Effect]:
        try:
            wanted = text.clean_name(message.name)
        except BadName:
            return [Close(seat.link, RefusedName())]
        effects: list[Effect] = []
        member = seat.facts.member
        refused = self._refusal(seat, wanted)
        if refused is not None:
            facts = {"name": wanted, "member": member.hex(), "address": seat.facts.address, "reason": refused.code}
            return [Note("refused", facts), Close(seat.link, refused)]
        previous = self._by_member.get(member)
        if previous is not None and previous.link == OWN:
            return [Close(seat.link, BadHandshake())]  # the host's own key: a second copy of it, or a stolen one
        if previous is not None:
            effects += [*self._gone(Gone(previous.link, Replaced.code)), Close(previous.link, Replaced())]
        rooms = self._first_rooms(seat)
        if not rooms:
            return [*effects, Close(seat.link, NoRoom())]
        seat.name = text.numbered_name(wanted, self._taken(seat))
        self._skeletons[text.skeleton(seat.name)] = member
        host = self._seats[OWN]
        others = [(room, [other.info for other in self._inside(room)]) for room in rooms]
        welcome = wire.Welcome(
            seat.info, host.info, random_bytes(wire.SESSION_SIZE), self.keeps, [room.info for room in rooms]
        )
        effects.append(Send((seat.link,), welcome))
        if self._lasting:
            effects.append(Send((seat.link,), wire.Lasting()))
        if seat.role is not Role.GUEST and seat.link != OWN:
            effects.append(Send((seat.link,), wire.Standing(seat.role)))
        for room, present in others:
            effects += self._present(seat, room, present)
        self._by_member[member] = seat
        self._remember_key(member, seat.facts.modulus)
        if seat.link != OWN:
            effects.append(Send((OWN,), seat.facts))
            facts = {"name": seat.name, "member": member.hex(), "address": seat.facts.address, "role": seat.role.word}
            effects.append(Note("joined", facts))
        for room in rooms:
            effects += self._seat_in(seat, room)
        return effects

    def _refusal(self, seat: Seat, name: str) -> PeerError | None:
        """Why somebody who asks to join is not let in."""
        if seat.role is Role.HOST:
            return None
        keys = (self.moderation.key_of(name), f"key {seat.facts.member.hex()}", f"net {seat.network}")
        if self.moderation.is_banned(*keys):
            return Banned()
        if self.moderation.locked and seat.role < Role.MODERATOR and seat.facts.member not in self._by_member:
            return Locked()
        return None

    def _taken(self, seat: Seat) -> Collection[str]:
        """Skeletons of the names that somebody cannot have: those of others here, and of others' accounts."""
        if self._accounts is None or not len(self._accounts):
            return self._skeletons
        own = {text.skeleton(seat.account.name)} if seat.account is not None else set()
        return self._skeletons.keys() | (self._accounts.reserved - own)

    def _first_rooms(self, seat: Seat) -> list[HostedRoom]:
        """Where somebody is in from the start: the first room that it may enter, and those that its account names; the
        host is in all."""
        mine = [room for room in self.rooms if self.admits(seat, room)]
        if seat.role is Role.HOST and seat.link == OWN:
            return mine
        named = seat.account.rooms if seat.account is not None else {}
        return [room for room in mine if room is mine[0] or named.get(text.skeleton(room.name))]

    def _present(self, seat: Seat, room: HostedRoom, present: list[wire.MemberInfo]) -> list[Effect]:
        chunks = [present[i : i + wire.MAX_PRESENT] for i in range(0, len(present), wire.MAX_PRESENT)] or [[]]
        return [
            Send((seat.link,), wire.Present(room.conversation, chunk, index == len(chunks) - 1))
            for index, chunk in enumerate(chunks)
        ]

    def _seat_in(self, seat: Seat, room: HostedRoom) -> list[Effect]:
        """Somebody is in a room from here on; the others hear of it."""
        room.admit(seat.link)
        seat.since[room.conversation] = 1 if room.past else room.number + 1
        room.note(seat.info, seat.link, None)
        return [Send(*letter) for letter in room.announce(at_once=False)]

    def _unseat(self, seat: Seat, room: HostedRoom, code: str) -> list[Effect]:
        """Somebody is out of a room; where that loses access, the key goes, too."""
        room.dismiss(seat.link)
        seat.since.pop(room.conversation, None)
        room.note(seat.info, seat.link, code)
        effects: list[Effect] = [Send(*letter) for letter in room.announce(at_once=False)]
        if code in LOSES_ACCESS or (code == "left-room" and room.private):
            effects += self._renew(room)
        return effects

    def _renew(self, room: HostedRoom) -> list[Effect]:
        message = room.renew(self.rooms.new_key())
        kept: list[Effect] = [KeepRoom(room.info, room.past)] if self.keeps else []
        return [*kept, Send(list(room.links), message)]

    def _gone(self, fact: Gone) -> list[Effect]:
        seat = self._seats.pop(fact.link, None)
        if seat is None or self._by_member.get(seat.facts.member) is not seat:
            return []
        del self._by_member[seat.facts.member]
        del self._skeletons[text.skeleton(seat.name)]
        self._relay.gone(seat.link)
        self._line.leave(seat.link)
        effects: list[Effect] = []
        for room in self.rooms.of(seat.link):
            effects += self._unseat(seat, room, fact.code)
        if seat.link != OWN:
            facts = {"name": seat.name, "member": seat.facts.member.hex(), "reason": fact.code}
            effects.append(Note("left", facts))
        return [*effects, *(Drop(request) for request in [*seat.fetches.values(), *seat.sends])]

    def _inside(self, room: HostedRoom) -> list[Seat]:
        return [self._seats[link] for link in room.links]

    def neighbours(self, seat: Seat) -> list[int]:
        """The links of all who share a room with somebody, itself included."""
        links: dict[int, None] = {}
        for room in self.rooms.of(seat.link):
            links.update(room.links)
        return list(links)

    def _sees(self, seat: Seat, other: Seat) -> bool:
        return any(seat.link in room.links and other.link in room.links for room in self.rooms)

    # --- rooms ---

    def admits(self, seat: Seat, room: HostedRoom) -> bool:
        """Whether somebody may know of a room and enter it."""
        return room.admits(seat.who, seat.role, seat.account)

    def announce(self, rooms: Iterable[HostedRoom]) -> list[Effect]:
        """Tell now who came and went."""
        return [Send(*letter) for room in rooms for letter in room.announce()]

    def find(self, name: str) -> Seat | None:
        """The member of that name, or of one that looks like it."""
        member = self._skeletons.get(text.skeleton(name))
        return self._by_member.get(member) if member is not None else None

    def account_of(self, name: str) -> Account | None:
        """The account of that name, or of one that looks like it."""
        return self._accounts.owner(name) if self._accounts is not None else None

    def host_seat(self) -> Seat:
        return self._seats[OWN]

    def everyone(self) -> list[Seat]:
        return list(self._by_member.values())

    def enter(self, seat: Seat, room: HostedRoom) -> list[Effect]:
        """Let somebody into a room."""
        if seat.link in room.links:
            return [Send((seat.link,), wire.Notice("in-room", room.name))]
        present = [other.info for other in self._inside(room)]
        effects: list[Effect] = [Send((seat.link,), wire.Entered(room.info))]
        return [*effects, *self._present(seat, room, present), *self._seat_in(seat, room)]

    def expel(self, seat: Seat, room: HostedRoom, code: str) -> list[Effect]:
        """Put somebody out of a room, who stays at the host."""
        if seat.link not in room.links:
            return []
        others = list(room.links)
        effects: list[Effect] = [Send((seat.link,), wire.Out(room.conversation, code))]
        effects += self._unseat(seat, room, code)
        for link in set(others).difference(self.neighbours(seat)):
            self._relay.part(seat.link, link)
        if self.rooms.of(seat.link):
            return effects
        refuge = next((room for room in self.rooms if self.admits(seat, room)), None)
        return [*effects, *(self.enter(seat, refuge) if refuge is not None else self.remove(seat, NoRoom()))]

    def remove(self, seat: Seat, error: PeerError) -> list[Effect]:
        """Put somebody out of the host."""
        return [*self._gone(Gone(seat.link, error.code)), Close(seat.link, error)]

    def close_room(self, room: HostedRoom) -> list[Effect]:
        effects: list[Effect] = []
        self.rooms.remove(room)
        for seat in self._inside(room):
            effects += self.expel(seat, room, "room-closed")
        return [*effects, ForgetRoom(room.conversation)] if self.keeps else effects

    def _in_rooms(self, seat: Seat, message: wire.ListRooms | wire.Enter | wire.Past | wire.Order) -> list[Effect]:
        match message:
            case wire.Order():
                if not rights.may(seat.role, message.word):
                    return [Send((seat.link,), wire.Notice("no-right", message.word))]
                return self._orders.carry_out(seat, message)
            case wire.ListRooms():
                rows = [
                    wire.RoomRow(room.name, room.topic, room.private, len(room.links), seat.link in room.links)
                    for room in self.rooms
                    if self.admits(seat, room)
                ]
                return [Send((seat.link,), wire.RoomList(rows))]
            case wire.Enter():
                room = self.rooms.find(message.room)
                if room is None or not self.admits(seat, room):  # both look alike
                    return [Send((seat.link,), wire.Notice(NoSuchRoom.code, message.room))]
                return self.enter(seat, room)
            case wire.Past():
                return self._past(seat, message)

    def _leave(self, seat: Seat, room: HostedRoom) -> list[Effect]:
        if seat.link not in room.links:
            return []
        if seat.link == OWN:
            return [Send((seat.link,), wire.Notice("host-stays", room.name))]
        if len(self.rooms.of(seat.link)) == 1:
            return [Send((seat.link,), wire.Notice("last-room", room.name))]
        return self.expel(seat, room, "left-room")

    def _take_accounts(self, accounts: Accounts) -> list[Effect]:
        """The accounts have changed: so may roles and rooms of who is here."""
        self._accounts = accounts
        effects: list[Effect] = []
        for seat in self.everyone():
            if seat.account is None:
                continue
            account = accounts.owner(seat.account.name)
            if account is None or account.stored != seat.account.stored:
                effects += self.remove(seat, AccountGone())
                continue
            before, seat.account = seat.role, account
            if seat.role is not before:
                effects.append(Send((seat.link,), wire.Standing(seat.role)))
            for room in self.rooms.of(seat.link):
                if not self.admits(seat, room):
                    effects += self.expel(seat, room, "revoked")
        return effects

    # --- what was said before ---

    def _past(self, seat: Seat, message: wire.Past) -> list[Effect]:
        room = self.rooms.get(message.conversation)
        if room is None or seat.link not in room.links or not self.keeps:
            return [Send((seat.link,), wire.OldEnd(message.conversation, 0, 0, False))]
        if seat.reads:
            return [Close(seat.link, BadMessage(why="two questions about the past at once"))]
        seat.reads = True
        first = seat.since[room.conversation]
        before = message.before or None
        return [ReadPast(seat.link, room.conversation, first, before, message.count)]

    def _read(self, fact: Read) -> list[Effect]:
        for member, modulus in fact.authors.items():
            if member not in self._moduli:
                self._remember_key(member, modulus)
        seat, room = self._seats.get(fact.link), self.rooms.get(fact.room)
        if seat is None:
            return []
        seat.reads = False
        to = (seat.link,)
        if room is None or seat.link not in room.links:  # meanwhile it has lost the right
            return [Send(to, wire.OldEnd(fact.room, 0, 0, False))]
        posts = [
            wire.Old(post.conversation, post.key_id, post.sender, post.id, post.number, post.sealed)
            for post in fact.posts
        ]
        end = wire.OldEnd(fact.room, fact.first, fact.lost, fact.more)
        return [Send(to, message) for message in (*fact.keys, *posts, end)]

    def undo(self, kept: Iterable[Keep]) -> None:
        """These posts, the newest of all, could not be kept: they get no number. Nobody was told of them."""
        for keep in reversed(list(kept)):
            room = self.rooms.get(keep.posted.conversation)
            if room is not None:
                self._logs.take_back(room, keep.posted)

    # --- what members ask for ---

    def _post(self, seat: Seat, post: wire.Post) -> list[Effect]:
        if post.sender != seat.facts.member:
            return [Close(seat.link, BadMessage(why="the sender of a post is somebody else"))]
        talk = self._relay.talks.get(post.conversation)
        room: Numbering | None = talk or self.rooms.get(post.conversation)
        if room is None or seat.link not in room.links:
            return [Send((seat.link,), wire.Refused(post.id, "no-such-room"))]
        known = room.posted.get((post.sender, post.id))
        if known is not None:
            if known.sealed != post.sealed or known.key_id != post.key_id:
                return [Close(seat.link, BadMessage(why="two posts under one id"))]
            return [Send((seat.link,), wire.Ack(post.id, known.number))]
        if post.key_id != room.key_id:
            return [Send((seat.link,), wire.StaleKey(post.id))]
        if talk is None and self.moderation.is_silent(seat.who):
            return [Send((seat.link,), wire.Refused(post.id, "silenced"))]
        posted = self._logs.add(room, post)
        readers = [link for link in room.links if link != seat.link]
        if talk is not None:
            self._note(seat, post, readers, conversation=post.conversation, sealed=post.sealed)
        told: list[Effect] = [Send((seat.link,), wire.Ack(post.id, posted.number)), Send(readers, posted)]
        return [Keep(posted, seat.facts.modulus, seat.link), *told] if self.keeps and talk is None else told

    def _again(self, seat: Seat, message: wire.Again) -> list[Effect]:
        """Posts that have not come to a reader, as far as they are still here."""
        room = self._relay.talks.get(message.conversation) or self.rooms.get(message.conversation)
        if room is None or seat.link not in room.links:
            return [Send((seat.link,), wire.Caught(message.conversation, message.last))]
        page = room.page(seat.link, message.first, message.last)
        posts = [posted for posted in page.posts if posted.sender != seat.facts.member]
        until = wire.Caught(message.conversation, max(1, page.until))
        found = [wire.Found(*astuple(posted)) for posted in posts]
        return [*(Send((seat.link,), each) for each in found), Send((seat.link,), until)]

    def _pass_proof(self, seat: Seat, message: wire.Ask | wire.Prove | wire.Answer) -> list[Effect]:
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

    def _private(self, seat: Seat, message: wire.Pass | wire.Gather | wire.Leave) -> list[Effect]:
        """What belongs to private conversations, and passes unopened."""
        member = seat.facts.member
        letters: list[Letter] = []
        try:
            match message:
                case wire.Pass():
                    known = self._relay.knows(message.pair)
                    where = self._where if known else lambda other: self._where_seen(seat, other)
                    letters = self._relay.carry(seat.link, member, message, where)
                    self._note(seat, message, [link for to, _ in letters for link in to], sealed=message.data)
                case wire.Gather() if self.rooms.get(message.conversation) is None:
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

    def _where_seen(self, seat: Seat, member: bytes) -> int | None:
        other = self._by_member.get(member)
        return other.link if other is not None and self._sees(seat, other) else None

    def _note(self, seat: Seat, message: wire.Message, to: Collection[int], **values: Value) -> None:
        """Tell what this host can see of something private: who, to whom, when, and how long."""
        if self._trace is not None:
            readers = [other.name for other in self._by_member.values() if other.link in to]
            sealed = values.pop("sealed")
            size = len(sealed) if isinstance(sealed, bytes) else 0
            detail = {"message": wire.tag_of(message), "sender": seat.name, "readers": ", ".join(readers)}
            self._trace(Trace("relay", "in", detail | values | {"length": size, "ciphertext": sealed}))

    def _nick(self, seat: Seat, message: wire.Nick) -> list[Effect]:
        try:
            name = text.clean_name(message.name)
        except BadName:
            return [Close(seat.link, RefusedName())]
        if name == seat.name:
            return []
        skeleton = text.skeleton(name)
        reserved = self._accounts is not None and not self._accounts.may_be_called(name, seat.account)
        if reserved or self._skeletons.get(skeleton, seat.facts.member) != seat.facts.member:
            return [Send((seat.link,), wire.Notice(NameTaken.code, name))]
        del self._skeletons[text.skeleton(seat.name)]
        self._skeletons[skeleton] = seat.facts.member
        seat.name = name
        news = self.announce(self.rooms.of(seat.link))
        return [*news, Send(self.neighbours(seat), wire.Renamed(seat.facts.member, name))]

    def _away(self, seat: Seat, message: wire.Away) -> list[Effect]:
        away = message.text
        if away is not None:
            silent = self.moderation.is_silent(seat.who)  # then it says nothing by this either
            away = "" if silent else text.visible(away, keep_newlines=False)[: wire.MAX_AWAY]
        if away == seat.away:
            return []
        seat.away = away
        return [Send(self.neighbours(seat), wire.Absent(seat.facts.member, away))]

    def _fetch(self, receiver: Seat, message: wire.Fetch) -> list[Effect]:
        sender = self._by_member.get(message.sender)
        if message.request in self._transfers:
            return [Close(receiver.link, BadMessage(why="two transfers under one request"))]
        if sender is None or sender is receiver or not self._sees(receiver, sender):
            return [Send((receiver.link,), wire.NoTicket(message.request, SenderGone.code))]
        place = message.sender, message.transfer
        drops: list[Effect] = []
        if (earlier := receiver.fetches.get(place)) is not None:  # given up, as it asks anew; its wire may be dead
            drops.append(Drop(earlier))
            self._forget_transfer(earlier)
        if not self._has_place(receiver):
            drops += [FreePlace()] if len(self._transfers) >= TRANSFERS else []
            return [*drops, Send((receiver.link,), wire.NoTicket(message.request, TooManyTransfers.code))]
        self._transfers[message.request] = sender, receiver, message.transfer
        receiver.fetches[place] = message.request
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
        return [*drops, expect, Send((receiver.link,), ticket), Send((sender.link,), wanted)]

    def _has_place(self, receiver: Seat) -> bool:
        """Whether one more file may pass to somebody now; where all places are taken they wait in line."""
        crowded = self._receivers()[receiver.network] >= self._transfers_per_address
        if crowded or len(receiver.fetches) >= TRANSFERS_OF_ONE:
            self._line.leave(receiver.link)
            return False
        return self._line.admit(receiver.link, TRANSFERS - len(self._transfers), self._clock())

    def _receivers(self) -> Counter[str]:
        """How many files pass to each address, this machine's own left out."""
        networks = (receiver.network for _, receiver, _ in self._transfers.values())
        return Counter(network for network in networks if not is_local(network))

    def _file_word(self, seat: Seat, message: wire.FileWord) -> list[Effect]:
        other = self._by_member.get(message.member)
        if other is None or not self._sees(seat, other):
            return []  # it has just left, and its leaving says more
        return [Send((other.link,), wire.FileWord(seat.facts.member, message.transfer, message.code))]

    def _forget_transfer(self, request: bytes) -> None:
        if (found := self._transfers.pop(request, None)) is not None:
            sender, receiver, transfer = found
            del receiver.fetches[sender.facts.member, transfer]
            sender.sends.discard(request)

    def _remember_key(self, member: bytes, modulus: bytes) -> None:
        self._moduli[member] = modulus
        self._moduli.move_to_end(member)
        if len(self._moduli) > KNOWN_KEYS:
            oldest = next((member for member in self._moduli if member not in self._by_member), None)
            if oldest is not None:
                del self._moduli[oldest]


_UNHEARD = (wire.GetKey, wire.Alive, wire.ListRooms, wire.Past, wire.Join, wire.Bye)
"""What can be answered before the others know that its sender has come."""


def _hosted(room: tuple[wire.RoomInfo, bytes] | HostedRoom) -> HostedRoom:
    if isinstance(room, HostedRoom):
        return room
    info, key_id = room
    return HostedRoom(
        key_id, info.number, conversation=info.conversation, name=info.name, topic=info.topic, private=info.private,
        key=info.key,
    )  # fmt: skip
