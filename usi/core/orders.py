"""What moderators and the host may do to members and rooms. Whether somebody may is decided before, by the one table
of `usi.core.accounts`; whom it reaches, and what the others are told, is decided here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

from usi.core import text, wire
from usi.core.accounts import Role, may_act_on
from usi.core.errors import BadName, Banned, Kicked, PeerError
from usi.core.facts import Effect, Invite, KeepDecided, KeepRoom, Note, Send, ShowLimits, ShowLog
from usi.core.moderation import MOST_BANS, Moderation
from usi.core.rooms import HostedRoom, Rooms
from usi.core.seats import Seat, Seats

_KEPT = frozenset({"ban", "unban", "silence", "room-new", "room-close", "grant", "revoke", "topic"})
"""Orders whose effect may outlive a run of the host."""


class House(Protocol):
    """What of the hub is needed here."""

    rooms: Rooms
    seats: Seats
    moderation: Moderation
    keeps: bool
    keeps_decided: bool

    def admits(self, seat: Seat, room: HostedRoom) -> bool: ...
    def announce(self, rooms: Iterable[HostedRoom]) -> list[Effect]: ...
    def enter(self, seat: Seat, room: HostedRoom) -> list[Effect]: ...
    def expel(self, seat: Seat, room: HostedRoom, code: str) -> list[Effect]: ...
    def remove(self, seat: Seat, error: PeerError) -> list[Effect]: ...
    def close_room(self, room: HostedRoom) -> list[Effect]: ...


class _Refused(Exception):
    """The order is not carried out, with the code that says why, and what it is about."""

    def __init__(self, code: str, about: str) -> None:
        super().__init__(code)
        self.code, self.about = code, about


class Orders:
    def __init__(self, house: House) -> None:
        self._house = house
        self._by_word: dict[str, Callable[[Seat, wire.Order], list[Effect]]] = {
            "kick": self._kick,
            "ban": self._ban,
            "unban": self._unban,
            "silence": self._silence,
            "lock": self._lock,
            "room-new": self._new_room,
            "room-close": self._close_room,
            "grant": self._grant,
            "revoke": self._revoke,
            "topic": self._topic,
            "invite": lambda actor, order: [Invite(actor.link), self._note("invited", actor, None)],
            "log": lambda actor, order: [ShowLog(actor.link)],
            "limits": lambda actor, order: [ShowLimits(actor.link)],
        }

    def carry_out(self, actor: Seat, order: wire.Order) -> list[Effect]:
        """Do it; `actor` may give this order."""
        act = self._by_word.get(order.word)
        try:
            if act is None:
                raise _Refused("no-right", order.word)
            effects = act(actor, order)
        except _Refused as refused:
            return [Send((actor.link,), wire.Notice(refused.code, refused.about))]
        return [*effects, KeepDecided()] if order.word in _KEPT and self._house.keeps_decided else effects

    # --- members ---

    def _kick(self, actor: Seat, order: wire.Order) -> list[Effect]:
        target = self._target(actor, order.about)
        told = self._tell("kicked", target, actor, order.text)
        note = self._note("kicked", actor, target, reason=order.text)
        return [*told, note, *self._house.remove(target, Kicked())]

    def _ban(self, actor: Seat, order: wire.Order) -> list[Effect]:
        moderation, key = self._house.moderation, self._house.moderation.key_of(order.about)
        keys = {key}
        reached = []
        if key.startswith("name "):
            account = self._house.seats.account_of(order.about)
            if account is not None and not may_act_on(actor.role, account.role):
                raise _Refused("out-of-reach", order.about)
            if self._house.seats.named(order.about) is not None:
                reached = [self._target(actor, order.about)]
                keys.add(f"key {reached[0].facts.member.hex()}")
        else:
            kind, _, value = key.partition(" ")
            same = [
                seat for seat in self._house.seats.everyone()
                if value == (seat.facts.member.hex() if kind == "key" else seat.network)
            ]  # fmt: skip
            reached = [seat for seat in same if may_act_on(actor.role, seat.role)]
            if kind == "key" and same and not reached:
                raise _Refused("out-of-reach", order.about)
        if not moderation.ban(keys, order.seconds):
            raise _Refused("too-many-bans", str(MOST_BANS))
        effects: list[Effect] = [Send((actor.link,), wire.Notice("ban-set", order.about))]
        effects.append(self._note("banned", actor, None, name=order.about, reason=order.text, seconds=order.seconds))
        for seat in reached:
            effects += [*self._tell("banned", seat, actor, order.text), *self._house.remove(seat, Banned())]
        return effects

    def _unban(self, actor: Seat, order: wire.Order) -> list[Effect]:
        if not self._house.moderation.unban(self._house.moderation.key_of(order.about)):
            raise _Refused("no-such-ban", order.about)
        done = Send((actor.link,), wire.Notice("ban-gone", order.about))
        return [done, self._note("unbanned", actor, None, name=order.about)]

    def _silence(self, actor: Seat, order: wire.Order) -> list[Effect]:
        target = self._target(actor, order.about)
        silent = self._house.moderation.silence(target.who, order.seconds)
        code = "silenced" if silent else "unsilenced"
        note = self._note(code, actor, target, seconds=order.seconds if silent else 0)
        return [*self._tell(code, target, actor, ""), note]

    def _lock(self, actor: Seat, order: wire.Order) -> list[Effect]:
        moderation = self._house.moderation
        moderation.locked = not moderation.locked
        code = "locked" if moderation.locked else "unlocked"
        deed = wire.Deed(code, "", actor.name, "")
        return [Send(self._house.seats.neighbours(actor), deed), self._note(code, actor, None)]

    # --- rooms ---

    def _new_room(self, actor: Seat, order: wire.Order) -> list[Effect]:
        house = self._house
        try:
            name = text.clean_name(order.about)
        except BadName:
            raise _Refused("room-name-refused", order.about[:64]) from None
        if house.rooms.find(name) is not None:  # the same words, for it may be one that must not be known of
            raise _Refused("room-name-refused", name)
        if len(house.rooms) >= wire.MAX_ROOMS:
            raise _Refused("too-many-rooms", str(wire.MAX_ROOMS))
        room = house.rooms.add(name, private=order.private)
        room.granted.add(actor.who)
        effects: list[Effect] = [KeepRoom(room.info, room.past)] if house.keeps else []
        for seat in dict.fromkeys((house.seats.host, actor)):
            effects += house.enter(seat, room)
        if not order.private:
            effects.append(Send(house.seats.neighbours(actor), wire.Deed("room-new", name, actor.name, "")))
        return [*effects, self._note("room-new", actor, None, room=name)]

    def _close_room(self, actor: Seat, order: wire.Order) -> list[Effect]:
        room = self._room(actor, order.room)
        if room is self._house.rooms.first:
            raise _Refused("first-room", room.name)
        told = Send(list({**room.links, actor.link: None}), wire.Deed("room-closed", room.name, actor.name, ""))
        return [told, self._note("room-closed", actor, None, room=room.name), *self._house.close_room(room)]

    def _grant(self, actor: Seat, order: wire.Order) -> list[Effect]:
        room, (who, name, seat) = self._room(actor, order.room), self._person(order.about)
        room.granted.add(who)
        room.denied.discard(who)
        return self._told_right("granted", room, name, seat, actor)

    def _revoke(self, actor: Seat, order: wire.Order) -> list[Effect]:
        room, (who, name, seat) = self._room(actor, order.room), self._person(order.about)
        account = self._house.seats.account_of(name)
        role = seat.role if seat is not None else account.role if account is not None else Role.GUEST
        if not may_act_on(actor.role, role):
            raise _Refused("out-of-reach", name)
        room.granted.discard(who)
        room.denied.add(who)
        effects = self._told_right("revoked", room, name, seat, actor)
        return effects + (self._house.expel(seat, room, "revoked") if seat is not None else [])

    def _topic(self, actor: Seat, order: wire.Order) -> list[Effect]:
        room = self._room(actor, order.room)
        room.change_topic(text.visible_line(order.text)[: wire.MAX_TOPIC])
        kept: list[Effect] = [KeepRoom(room.info, room.past)] if self._house.keeps else []
        return [*kept, Send(list(room.links), wire.Topic(room.conversation, room.topic, actor.name))]

    # --- finding and telling ---

    def _target(self, actor: Seat, name: str) -> Seat:
        seat = self._house.seats.named(name)
        if seat is None:
            raise _Refused("no-such-member", name)
        if not may_act_on(actor.role, seat.role):
            raise _Refused("out-of-reach", seat.name)
        return seat

    def _person(self, name: str) -> tuple[str, str, Seat | None]:
        """By what rights are remembered, the name, and the seat, of a member who is here or has an account."""
        seat = self._house.seats.named(name)
        if seat is not None:
            return seat.who, seat.name, seat
        account = self._house.seats.account_of(name)
        if account is None:
            raise _Refused("no-such-member", name)
        return text.skeleton(account.name), account.name, None

    def _room(self, actor: Seat, name: str) -> HostedRoom:
        room = self._house.rooms.find(name)
        if room is None or not self._house.admits(actor, room):
            raise _Refused("no-such-room", name)
        return room

    def _told_right(
        self, code: str, room: HostedRoom, name: str, seat: Seat | None, actor: Seat
    ) -> list[Effect]:
        """A right to a room concerns who has it, and who has given it; nobody else hears of the room."""
        links = {actor.link: None} | ({seat.link: None} if seat is not None else {})
        deed = wire.Deed(code, name, actor.name, room.name)
        return [Send(list(links), deed), self._note(code, actor, None, name=name, room=room.name)]

    def _tell(self, code: str, target: Seat, actor: Seat, reason: str) -> list[Effect]:
        """Those who see the member hear of it, and the two themselves."""
        links = dict.fromkeys(self._house.seats.neighbours(target)) | {actor.link: None}
        news = self._house.announce(self._house.rooms.of(target.link))
        return [*news, Send(list(links), wire.Deed(code, target.name, actor.name, reason))]

    @staticmethod
    def _note(event: str, actor: Seat, target: Seat | None, *, seconds: int = 0, **facts: str) -> Note:
        said = {"by": actor.name} | {name: value for name, value in facts.items() if value}
        if target is not None:
            said |= {"name": target.name, "member": target.facts.member.hex(), "address": target.facts.address}
        if seconds:
            said["until"] = f"{seconds} s"
        return Note(event, said)
