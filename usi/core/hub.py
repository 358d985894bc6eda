"""The host's router: facts in, effects out. It moves sealed content and never opens it.

It decides who is in, at the host and in each room, and tells the members who is there. Who sits where, seats know; what
members say passes through delivery, files through fetches, and what moderators order through orders.
The host's own person is seat `OWN`, a member like any other, told in addition what the host knows of each link.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from usi.core import accounts as rights
from usi.core import text, wire
from usi.core.accounts import Accounts, Role
from usi.core.allowance import Allowances
from usi.core.crypto import random_bytes
from usi.core.delivery import Delivery
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
    Silent,
    TooLong,
)
from usi.core.facts import (
    OWN,
    AccountsRead,
    Announce,
    Arrived,
    Close,
    Effect,
    Fact,
    ForgetRoom,
    Gone,
    Heard,
    Keep,
    KeepRoom,
    Load,
    Note,
    Passed,
    Read,
    Send,
)
from usi.core.fetches import TRANSFERS_OF_ADDRESS, Fetches
from usi.core.moderation import Decided, Moderation
from usi.core.orders import Orders
from usi.core.rooms import HostedRoom, Rooms
from usi.core.seats import KNOWN_KEYS, Seat, Seats
from usi.core.trace import Tracer

TOLD_BY_LEAVER = frozenset(
    error.code for error in (BadHandshake, BadMessage, BadRecord, Cut, Distrusted, OutOfTurn, Silent, TooLong)
)
"""What a leaving member may say of its own link, for others to hear; anything else it says counts as `left`."""
CHANGES, CHANGE_SECONDS = 64, 60.0
"""How often one member may change its name or a topic, go away, or enter or leave a room, in so many seconds: each is
told to everybody who sees it. As many as there are rooms, so that one can enter all of them at once."""

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
        self.seats = Seats(self.rooms, accounts)
        self._delivery = Delivery(self.seats, self.rooms, self.moderation, clock, keeps=keeps, tracer=tracer)
        self._fetches = Fetches(self.seats, transfers_per_address, clock)
        self._orders = Orders(self)
        self._lasting = lasting
        self._clock = clock
        self._changes: Allowances[bytes] = Allowances(CHANGES, CHANGE_SECONDS, KNOWN_KEYS)
        """Of members."""

    @property
    def members(self) -> int:
        """How many have joined, the host's own person included."""
        return len(self.seats)

    @property
    def load(self) -> Load:
        """What it holds now."""
        logs = [len(talk.log) for talk in [*self.rooms, *self._delivery.relay.talks.values()]]
        return Load(
            rooms=len(self.rooms),
            talks=len(self._delivery.relay.talks),
            log_posts=max(logs, default=0),
            log_bytes=self._delivery.logs.weight,
            transfers=len(self._fetches),
            transfers_of_one=max((len(seat.fetches) for seat in self.seats.everyone()), default=0),
            transfers_of_address=max(self._fetches.by_address.values(), default=0),
        )

    def decided(self) -> Decided:
        """What moderators have decided and is to be kept."""
        return self.moderation.decided(room.decided for room in self.rooms)

    def handle(self, fact: Fact) -> list[Effect]:
        if isinstance(fact, Heard):
            seat = self.seats.at(fact.link)
            if seat is None:
                return []
            return self._heard(seat, fact.message)
        match fact:
            case Arrived():
                self.seats.arrive(fact)
                return []
            case Passed():
                self._fetches.passed(fact.request)
                return []
            case Announce():
                return [Send(*letter) for room in self.rooms for letter in room.announce()]
            case Read():
                return self._delivery.read(fact)
            case AccountsRead():
                return self._take_accounts(fact.accounts)
            case _:
                return self._gone(fact)

    @property
    def has_news(self) -> bool:
        """Whether `Announce` would tell of somebody."""
        return any(room.news for room in self.rooms)

    def undo(self, kept: Iterable[Keep]) -> None:
        """These posts, the newest of all, could not be kept: they get no number. Nobody was told of them."""
        self._delivery.undo(kept)

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
                return self._delivery.post(seat, message)
            case wire.Again():
                return self._delivery.again(seat, message)
            case wire.ListRooms() | wire.Enter() | wire.Past() | wire.Order():
                return self._in_rooms(seat, message)
            case wire.GetKey():
                return [Send((seat.link,), wire.KeyOf(message.member, self.seats.key_of(message.member)))]
            case wire.Alive():
                return []
            case wire.Nick():
                return self._nick(seat, message)
            case wire.Away():
                return self._away(seat, message)
            case wire.Join():
                return self._join(seat, message)
            case wire.Ask() | wire.Prove() | wire.Answer():
                return self._delivery.proof(seat, message)
            case wire.Leave() if (room := self.rooms.get(message.conversation)) is not None:
                return self._leave(seat, room)
            case wire.Pass() | wire.Gather() | wire.Leave():
                return self._delivery.private(seat, message)
            case wire.Fetch():
                return self._fetches.fetch(seat, message)
            case wire.FileWord():
                return self._fetches.word(seat, message)
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
        return seat.link == OWN or self._changes.take(seat.facts.member, self._clock())

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
        previous = self.seats.of(member)
        if previous is not None and previous.link == OWN:
            return [Close(seat.link, BadHandshake())]  # the host's own key: a second copy of it, or a stolen one
        if previous is not None:
            effects += [*self._gone(Gone(previous.link, Replaced.code)), Close(previous.link, Replaced())]
        rooms = self._first_rooms(seat)
        if not rooms:
            return [*effects, Close(seat.link, NoRoom())]
        self.seats.admit(seat, wanted)
        others = [(room, [other.info for other in self.seats.inside(room)]) for room in rooms]
        welcome = wire.Welcome(
            seat.info, self.seats.host.info, random_bytes(wire.SESSION_SIZE), self.keeps, [room.info for room in rooms]
        )
        effects.append(Send((seat.link,), welcome))
        if self._lasting:
            effects.append(Send((seat.link,), wire.Lasting()))
        if seat.role is not Role.GUEST and seat.link != OWN:
            effects.append(Send((seat.link,), wire.Standing(seat.role)))
        for room, present in others:
            effects += self._present(seat, room, present)
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
        if self.moderation.locked and seat.role < Role.MODERATOR and self.seats.of(seat.facts.member) is None:
            return Locked()
        return None

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
        seat = self.seats.dismiss(fact.link)
        if seat is None:
            return []
        self._delivery.relay.gone(seat.link)
        effects: list[Effect] = []
        for room in self.rooms.of(seat.link):
            effects += self._unseat(seat, room, fact.code)
        if seat.link != OWN:
            facts = {"name": seat.name, "member": seat.facts.member.hex(), "reason": fact.code}
            effects.append(Note("left", facts))
        return [*effects, *self._fetches.gone(seat)]

    # --- rooms ---

    def admits(self, seat: Seat, room: HostedRoom) -> bool:
        """Whether somebody may know of a room and enter it."""
        return room.admits(seat.who, seat.role, seat.account)

    def announce(self, rooms: Iterable[HostedRoom]) -> list[Effect]:
        """Tell now who came and went."""
        return [Send(*letter) for room in rooms for letter in room.announce()]

    def enter(self, seat: Seat, room: HostedRoom) -> list[Effect]:
        """Let somebody into a room."""
        if seat.link in room.links:
            return [Send((seat.link,), wire.Notice("in-room", room.name))]
        present = [other.info for other in self.seats.inside(room)]
        effects: list[Effect] = [Send((seat.link,), wire.Entered(room.info))]
        return [*effects, *self._present(seat, room, present), *self._seat_in(seat, room)]

    def expel(self, seat: Seat, room: HostedRoom, code: str) -> list[Effect]:
        """Put somebody out of a room, who stays at the host."""
        if seat.link not in room.links:
            return []
        others = list(room.links)
        effects: list[Effect] = [Send((seat.link,), wire.Out(room.conversation, code))]
        effects += self._unseat(seat, room, code)
        for link in set(others).difference(self.seats.neighbours(seat)):
            self._delivery.relay.part(seat.link, link)
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
        for seat in self.seats.inside(room):
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
                return self._delivery.past(seat, message)

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
        self.seats.accounts = accounts
        effects: list[Effect] = []
        for seat in self.seats.everyone():
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

    # --- what is told of a member ---

    def _nick(self, seat: Seat, message: wire.Nick) -> list[Effect]:
        try:
            name = text.clean_name(message.name)
        except BadName:
            return [Close(seat.link, RefusedName())]
        if name == seat.name:
            return []
        if not self.seats.rename(seat, name):
            return [Send((seat.link,), wire.Notice(NameTaken.code, name))]
        news = self.announce(self.rooms.of(seat.link))
        return [*news, Send(self.seats.neighbours(seat), wire.Renamed(seat.facts.member, name))]

    def _away(self, seat: Seat, message: wire.Away) -> list[Effect]:
        away = message.text
        if away is not None:
            silent = self.moderation.is_silent(seat.who)  # then it says nothing by this either
            away = "" if silent else text.visible_line(away)[: wire.MAX_AWAY]
        if away == seat.away:
            return []
        seat.away = away
        return [Send(self.seats.neighbours(seat), wire.Absent(seat.facts.member, away))]


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
