"""A member's rooms: who is in them, their keys, and what moderators do.

What was said before is in `usi.core.lookback`, what is private between members in `usi.core.private`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime

from msgspec import structs

from usi.core import commands, events, limits, text, wire
from usi.core.accounts import Role
from usi.core.content import Body, ConversationKey
from usi.core.errors import (
    BadMessage,
    NoSuchRoom,
    NotInRoom,
    NotKept,
    PeerError,
    RefusedPost,
    Silenced,
)
from usi.core.language import tr
from usi.core.lookback import Lookback, Room, as_room
from usi.core.outbox import Outbox
from usi.core.report import Report
from usi.core.roster import Roster
from usi.core.thread import PRIVATE_MARK, Thread

NOTICES = {
    "no-right": "You may not do that here; /{about} is for moderators and the host.",
    "out-of-reach": "You have no power over {about}.",
    "no-such-room": "There is no room {about} that you may enter.",
    "no-such-member": "Nobody is called {about}.",
    "room-name-refused": "A room cannot be called {about}.",
    "too-many-rooms": "There are {about} rooms already, which is the limit.",
    "first-room": "{about} is where everybody comes in: it cannot be closed.",
    "last-room": "{about} is the only room that you are in; /quit leaves the host.",
    "in-room": "You are in {about} already.",
    "host-stays": "The host is in every room.",
    "too-many-changes": "Too many changes of names, topics, rooms and absences in a minute: wait, then try again.",
    "ban-set": "{about} is banned.",
    "too-many-bans": "There are {about} bans already, which is the limit; /unban takes one back.",
    "ban-gone": "{about} is not banned any more.",
    "no-such-ban": "There is no ban of {about}.",
    "invited": "An invitation, to be given on: {about}",
    "too-many-invitations": "{about} invitations are open already. They end after an hour; give one of them on.",
}
"""Sentences of the notices that are answers to what this person wanted; `about` is what the host says it is about."""
_NO_ROOM = frozenset(
    ("no-such-room", "room-name-refused", "too-many-rooms", "in-room", "no-right", "too-many-changes")
)
"""Those after which the room that was asked for will not be entered."""

DEEDS = {
    "kicked": "{name} was removed by {by}.",
    "banned": "{name} was banned by {by}.",
    "silenced": "{by} lets {name} say nothing in the rooms for now.",
    "unsilenced": "{by} lets {name} speak again.",
    "locked": "{by} lets nobody new in.",
    "unlocked": "{by} lets newcomers in again.",
    "room-new": "{by} has made the room #{name}; /join {name} enters it.",
    "room-closed": "{by} has closed #{name}.",
    "granted": "{by} lets {name} into #{reason}.",
    "revoked": "{by} lets {name} into #{reason} no longer.",
}
_WITH_ROOM = frozenset({"granted", "revoked"})

OUT = {
    "left-room": "You have left {room}.",
    "room-closed": "{room} was closed.",
    "revoked": "You may be in {room} no longer.",
}
LEFT_ROOM = frozenset(OUT)
"""Reasons to be out of one room, and not of the host."""


class Lobby:
    """`send` takes messages for the hub; `seat` notes a member under a name, `gone` that one is not seen any more;
    `fail` is given what cannot be delivered."""

    def __init__(
        self,
        roster: Roster,
        outbox: Outbox,
        report: Report,
        *,
        send: Callable[[wire.Message], None],
        seat: Callable[[wire.MemberInfo], object],
        gone: Callable[[bytes], None],
        fail: Callable[[str, Body, PeerError], None],
    ) -> None:
        self.rooms: dict[bytes, Room] = {}
        self.role = Role.GUEST
        self.wanted: str | None = None
        """The room that this person has asked to enter, or to make."""
        self._roster = roster
        self._outbox = outbox
        self._send = send
        self._report = report
        self._seat = seat
        self._gone = gone
        self._fail = fail
        self.past = Lookback(roster, report, send)
        self._leaving: dict[bytes, list[str]] = {}
        """Member → rooms that it left the host from, while another one is still to be told of."""

    # --- what the person wants ---

    def called(self, name: str) -> Room | None:
        """The room that we are in of that name, or of one that looks like it."""
        wanted = text.skeleton(name.removeprefix("#"))
        return next((room for room in self.rooms.values() if text.skeleton(room.name) == wanted), None)

    @staticmethod
    def readers(thread: Thread) -> set[bytes]:
        """Who is in a room."""
        return thread.members if isinstance(thread, Room) else set()

    def with_rooms(self, rows: Iterable[events.Member]) -> list[events.Member]:
        """The rows of a list of members with the rooms that each shares with us."""
        inside = {room.name: {member.hex() for member in room.members} for room in self.rooms.values()}
        return [
            structs.replace(row, rooms=[name for name, members in inside.items() if row.member in members])
            for row in rows
        ]

    def order(self, order: commands.Order) -> None:
        if order.word == "room-new":
            self.wanted = order.about
        about, room = order.about[:128], order.room[: wire.MAX_NAME]
        self._send(wire.Order(order.word, about, room, order.text, order.seconds, order.private))

    def topic(self, thread: Thread, said: str) -> None:
        room = as_room(thread)
        if said:
            said = commands.mended(said)[: wire.MAX_TOPIC]
            self._send(wire.Order("topic", "", room.name[: wire.MAX_NAME], said, 0, False))
        else:
            self._report.tell(events.RoomTopic(time=self._report.time, room=room.name, topic=room.topic, by=""))

    def enter(self, name: str) -> None:
        """Ask for a room; raises `NoSuchRoom` where it cannot be one."""
        name = name.removeprefix("#")
        if not name or name.startswith(PRIVATE_MARK) or len(name) > wire.MAX_NAME:
            raise NoSuchRoom(room=name)
        self.wanted = name
        self._send(wire.Enter(name))

    def leave(self, room: Room) -> None:
        self._send(wire.Leave(room.conversation))

    # --- coming and going ---

    def welcome(self, rooms: Iterable[wire.RoomInfo], *, keeps: bool) -> None:
        self.past.keeps = keeps
        for info in rooms:
            self._open(info)

    @property
    def listed(self) -> bool:
        """Whether the lists of members are whole."""
        return bool(self.rooms) and all(room.listed for room in self.rooms.values())

    def _open(self, info: wire.RoomInfo) -> Room:
        name = text.visible_line(info.name)
        # "@" begins the names of private conversations: no room may look like one.
        room = Room(
            ConversationKey(info.conversation, self._roster.host, info.key),
            f"#{name}" if name.startswith(PRIVATE_MARK) else name,
            info.number,
            conversation=info.conversation,
            topic=text.visible_line(info.topic),
            restricted=info.private,
            oldest=info.number + 1,
        )
        room.members.add(self._roster.own)
        self.rooms[info.conversation] = room
        return room

    def take(self, message: wire.Message | wire.LinkFacts) -> bool:
        """A message that is only about rooms; False for any other."""
        match message:
            case wire.Entered():
                self.take_entered(message)
            case wire.RoomKey():
                self.take_key(message)
            case wire.Topic():
                self.take_topic(message)
            case wire.Deed():
                self.take_deed(message)
            case wire.Standing():
                self.take_standing(message)
            case wire.RoomList():
                self.take_list(message)
            case wire.LogEntry():
                self.take_log(message)
            case wire.LimitValues():
                self._report.tell(events.Limits(time=self._report.time, rows=limits.rows(message.values)))
            case _:
                return self.past.take(message)
        return True

    def take_entered(self, message: wire.Entered) -> None:
        if message.room.conversation in self.rooms:
            raise BadMessage(why="a room that we are in")
        self._open(message.room)

    def take_present(self, message: wire.Present) -> Room | None:
        """Note who was in a room before; returns it when its list is whole."""
        room = self._room(message.room)
        for info in message.members:
            self._seat(info)
            room.members.add(info.id)
        whole, room.listed = message.last and not room.listed, room.listed or message.last
        return room if whole else None

    def tell_all(self) -> None:
        """The lists of the first rooms are whole: tell of them, and that the host keeps a history."""
        if self.past.keeps and self._roster.host != self._roster.own:
            self._report.notify("history-kept")
        for room in self.rooms.values():
            self.tell_entered(room)

    def tell_entered(self, room: Room) -> bool:
        """Tell of a room whose list is whole, and see what was said there before. Whether this person asked for it."""
        self._report.tell(
            events.RoomEntered(
                time=self._report.time,
                room=room.name,
                topic=room.topic,
                restricted=room.restricted,
                members=sorted(member.hex() for member in room.members),
            )
        )
        self.past.enter(room)
        if self.wanted is None or text.skeleton(self.wanted) != text.skeleton(room.name):
            return False
        self.wanted = None
        return True

    def take_joined(self, message: wire.Joined) -> list[bytes]:
        """Returns who came into view."""
        room = self._room(message.room)
        fresh = []
        for info in message.members:
            known = info.id in self._roster.here and bool(self._roster.here[info.id].name)
            self._seat(info)
            room.members.add(info.id)
            room.expect([info.id])
            profile = self._roster.here[info.id]
            facts = profile.facts
            self._report.tell(
                events.MemberJoined(
                    time=self._report.time,
                    name=profile.name,
                    member=info.id.hex(),
                    fingerprint=facts.fingerprint.hex() if facts else None,
                    words=list(facts.words) if facts else None,
                    address=facts.address if facts else None,
                    verified=info.id in self._roster.verified,
                    rooms=[room.name],
                    here=known,
                    away=profile.away is not None,
                    away_text=profile.away or "",
                )
            )
            if not known:
                fresh.append(info.id)
        return fresh

    def take_left(self, message: wire.Left) -> None:
        room = self._room(message.room)
        for member in message.members:
            if member not in room.members or member == self._roster.own:
                raise BadMessage(why="a member left who was not here")
            self._part(room, member, message.code)

    def _part(self, room: Room, member: bytes, code: str) -> None:
        room.members.discard(member)
        room.fresh.discard(member)
        here = any(member in other.members for other in self.rooms.values())
        if here and code not in LEFT_ROOM:
            self._leaving.setdefault(member, []).append(room.name)  # it left the host: told once, with the last room
            return
        profile = self._roster.here[member]
        facts = profile.facts
        if not here:
            self._gone(member)
        self._report.tell(
            events.MemberLeft(
                time=self._report.time,
                name=profile.name,
                member=member.hex(),
                reason=code,
                fingerprint=facts.fingerprint.hex() if facts else None,
                rooms=[*self._leaving.pop(member, ()), room.name],
                here=here,
            )
        )

    def take_out(self, message: wire.Out) -> Room:
        """This person is out of a room. What waited to be said there comes back."""
        room = self._room(message.room)
        del self.rooms[message.room]
        for member in room.members - {self._roster.own}:
            if not any(member in other.members for other in self.rooms.values()):
                self._gone(member)
        for shown_id, body in self._outbox.drop_waiting(room):
            self._fail(shown_id, body, NotInRoom(room=room.title))
        self.past.leave(room)
        said = tr(OUT.get(message.code, OUT["revoked"]), room=room.title)
        self._report.tell(events.RoomLeft(time=self._report.time, room=room.name, code=message.code, text=said))
        return room

    def take_key(self, message: wire.RoomKey) -> None:
        room = self._room(message.room)
        if room.key is not None:
            room.old_keys[room.key.key_id] = room.key
        room.key = ConversationKey(message.room, self._roster.host, message.key)
        self._outbox.flush(room)

    # --- what moderators do ---

    def take_topic(self, message: wire.Topic) -> None:
        room = self._room(message.room)
        room.topic = text.visible_line(message.topic)
        by = text.visible_line(message.by)
        self._report.tell(events.RoomTopic(time=self._report.time, room=room.name, topic=room.topic, by=by))

    def take_deed(self, message: wire.Deed) -> None:
        name, by, reason = (
            text.visible_line(each) for each in (message.name, message.by, message.reason)
        )
        sentence = DEEDS.get(message.code)
        if sentence is None:
            self._report.notify("unknown-notice")  # its words are the host's, and must not look like ours
            return
        said = tr(sentence, name=name, by=by, reason=reason)
        if reason and message.code not in _WITH_ROOM:
            said += " " + tr("Reason: “{reason}”", reason=reason)
        mine = self._roster.here[self._roster.own].name == message.name and message.code != "room-new"
        self._report.tell(
            events.Moderation(
                time=self._report.time, code=message.code, name=name, by=by, reason=reason, text=said, mine=mine
            )
        )

    def take_standing(self, message: wire.Standing) -> None:
        self.role = Role(message.role)
        self.tell_role()

    def tell_role(self) -> None:
        self._report.tell(events.Role(time=self._report.time, role=self.role.word))  # type: ignore[arg-type]

    def take_list(self, message: wire.RoomList) -> None:
        rows = [
            events.RoomRow(
                room=text.visible_line(row.name),
                topic=text.visible_line(row.topic),
                restricted=row.private,
                members=row.members,
                entered=row.entered,
            )
            for row in message.rooms
        ]
        self._report.tell(events.Rooms(time=self._report.time, rooms=rows))

    def take_log(self, message: wire.LogEntry) -> None:
        facts = {
            text.visible_line(name): text.visible_line(value)
            for name, value in message.facts
        }
        at = datetime.fromtimestamp(min(message.time, 250_000_000_000_000) / 1000, UTC)
        self._report.tell(events.LogLine(time=self._report.time, what=message.event, at=at, facts=facts, asked=True))

    def knows_notice(self, message: wire.Notice) -> bool:
        """Tell what a notice answers to, where it is one of ours."""
        sentence = NOTICES.get(message.code)
        if sentence is None:
            return False
        if message.code in _NO_ROOM:
            self.wanted = None
        about = text.visible_line(message.about)
        self._report.tell(events.Notice(time=self._report.time, code=message.code, text=tr(sentence, about=about)))
        return True

    # --- inside ---

    def _room(self, conversation: bytes) -> Room:
        room = self.rooms.get(conversation)
        if room is None:
            raise BadMessage(why="a room that we are not in")
        return room


def refusal(code: str) -> PeerError:
    """Why a post was refused, by the host's code."""
    for known in (Silenced, NotKept):
        if known.code == code:
            return known()
    return RefusedPost(why=code)
