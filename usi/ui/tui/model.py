"""What the screen knows of the conversation: events in, facts out. No widget, no peer."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import msgspec

from usi.config import Settings
from usi.core import events as ev
from usi.core.addresses import place
from usi.core.language import tr
from usi.core.session import CIPHER, KEY_EXCHANGE

Phase = Literal["connecting", "open", "leaving", "ended"]
FIRST_ROOM = "general"


TalkState = Literal["opening", "verified", "open", "closed"]


@dataclass(frozen=True)
class Talk:
    """A private conversation: who else is in, by name, and how many of them were compared."""

    names: tuple[str, ...]
    verified: int
    state: TalkState
    """`verified`: it can be used, and all others were compared. Only then is it certain that nobody else can read."""
    with_host: bool
    """The host's own person is in it."""


@dataclass(frozen=True)
class Status:
    """What the header says."""

    phase: Phase
    hosting: bool
    place: str
    """Where the host is, or where this host listens."""
    room: str
    """The conversation on the screen."""
    here: int
    guests: int
    """Members that this side has a link of its own to: the guests in the room for a host, the host for a guest."""
    verified: int
    """How many of those are verified."""
    cipher: str
    key_exchange: str
    preset: bool
    """A preset key is mixed into every link."""
    talk: Talk | None = None
    """The conversation on the screen, where it is a private one."""
    restoring: bool = False
    """The connection was cut, and is tried to be restored; what is written meanwhile waits."""
    topic: str = ""
    """Of the room on the screen."""


class Situation:
    """The state of the conversations, kept up to date by `apply`."""

    def __init__(self, settings: Settings) -> None:
        self.members: dict[str, ev.Member] = {}
        """By member id, in the order of arrival."""
        self.link: ev.Connected | None = None
        """A guest's link to its host."""
        self.listening: ev.Listening | None = None
        """Where this host listens."""
        self.unread: dict[str, int] = {}
        """Messages that were not seen, by conversation, in the order in which these were entered."""
        self.talks: dict[str, ev.Conversation] = {}
        """The private conversations, as they were told last."""
        self.inside: dict[str, set[str]] = {}
        """Who is in each room that this person is in, by member id."""
        self.topics: dict[str, str] = {}
        self.left: set[str] = set()
        """Rooms that this person is in no longer; what was said there can still be read."""
        self.past: set[str] = set()
        """Rooms in which something was said before what is shown."""
        self.role = "host" if settings.hosting else "guest"
        self.muted: set[str] = set()
        """Which conversations the desktop is not told about."""
        self._status = Status(
            phase="connecting",
            hosting=settings.hosting,
            place=_place(settings.address or ("" if settings.hosting else "localhost"), settings.port),
            room=FIRST_ROOM,
            here=0,
            guests=0,
            verified=0,
            cipher=CIPHER,
            key_exchange=KEY_EXCHANGE,
            preset=settings.preset is not None,
        )

    @property
    def status(self) -> Status:
        here = self._here()
        linked = [m for m in here if not m.me] if self._status.hosting else [m for m in self.members.values() if m.host]
        return replace(
            self._status,
            talk=self.talk(self._status.room),
            topic=self.topics.get(self._status.room, ""),
            here=len(here),
            guests=len(linked),
            verified=sum(member.verified for member in linked),
        )

    def _here(self) -> list[ev.Member]:
        """Who is in the conversation on the screen; all whom one sees, where nothing is known of it."""
        told = self.talks.get(self._status.room)
        inside = self.inside.get(self._status.room) if told is None else {partner.member for partner in told.members}
        return [m for m in self.members.values() if inside is None or m.member in inside]

    @property
    def moderates(self) -> bool:
        """Whether this person may do what moderators do."""
        return self.role in ("moderator", "host")

    def again(self, settings: Settings) -> Situation:
        """The beginning of another attempt: the conversations stay, the people and the link do not."""
        made = Situation(settings)
        made.unread, made.muted = self.unread, self.muted
        made.talks = {room: msgspec.structs.replace(talk, state="closed") for room, talk in self.talks.items()}
        made.open(self._status.room)
        return made

    def open(self, room: str) -> None:
        """This conversation is on the screen now."""
        self._status = replace(self._status, room=room)

    def talk(self, room: str) -> Talk | None:
        """What there is to know of a private conversation."""
        told = self.talks.get(room)
        if told is None:
            return None
        others = [partner for partner in told.members if not partner.me]
        state: TalkState = "verified" if told.verified else "open"
        if told.state in ("opening", "closed"):
            state = "opening" if told.state == "opening" else "closed"
        return Talk(
            names=tuple(partner.name for partner in others),
            verified=sum(partner.verified for partner in others),
            state=state,
            with_host=any(member.host and member.member == partner.member for partner in told.members
                          for member in self.members.values()),
        )  # fmt: skip

    @property
    def partner(self) -> ev.Member | None:
        """The other one, where a private conversation of two is on the screen."""
        told = self.talks.get(self._status.room)
        others = [partner.member for partner in told.members if not partner.me] if told is not None else []
        return self.members.get(others[0]) if len(others) == 1 else None

    def neighbour(self, direction: int, *, unread: bool = False) -> str | None:
        """The next conversation in this direction, from the last on to the first; with `unread`, the next in which
        something was not seen."""
        rooms, here = [*self.unread], self._status.room
        place = rooms.index(here) if here in rooms else 0
        others = [rooms[(place + direction * step) % len(rooms)] for step in range(1, len(rooms))]
        return next((room for room in others if self.unread[room] or not unread), None)

    def enter(self, phase: Phase) -> None:
        """Go on to a later phase; there is no way back from the end."""
        if self._status.phase != "ended":
            self._status = replace(self._status, phase=phase)

    def apply(self, event: ev.Event) -> None:
        """Take note of what happened."""
        match event:
            case ev.Listening():
                self.listening = event
                self._enter_rooms(event.rooms)
                place = _place(event.addresses[0] if len(event.addresses) == 1 else "", event.port)
                self._status = replace(self._status, phase="open", place=place)
            case ev.Connected():
                self.link = event
                self._close_talks()  # those of a connection before this one
                self._enter_rooms(event.rooms)
                self._status = replace(
                    self._status,
                    phase="open",
                    restoring=False,
                    place=_place(event.host, event.port),
                    cipher=event.cipher,
                    key_exchange=event.key_exchange,
                )
            case ev.Message() | ev.FileOffer():
                old = isinstance(event, ev.Message) and event.history
                new = event.room != self._status.room and not (event.mine or old)
                self.unread[event.room] = self.unread.get(event.room, 0) + new
            case ev.Conversation() if event.state != "asked":
                self.talks[event.room] = event
                self.unread.setdefault(event.room, 0)
            case ev.RoomEntered():
                self.inside[event.room] = set(event.members)
                self.topics[event.room] = event.topic
                self.left.discard(event.room)
                self.unread.setdefault(event.room, 0)
            case ev.RoomLeft():
                self.inside.pop(event.room, None)
                self.left.add(event.room)
            case ev.RoomTopic():
                self.topics[event.room] = event.topic
            case ev.Role():
                self.role = event.role
            case ev.History():
                (self.past.add if event.more else self.past.discard)(event.room)
            case ev.Users():
                self.members = {member.member: member for member in event.members}
            case ev.MemberJoined() if event.here and event.member in self.members:
                for room in event.rooms:
                    self.inside.setdefault(room, set()).add(event.member)
            case ev.MemberJoined():
                self.members[event.member] = ev.Member(
                    name=event.name,
                    member=event.member,
                    fingerprint=event.fingerprint,
                    words=event.words,
                    verified=event.verified,
                    me=False,
                    host=False,
                    away=event.away,
                    away_text=event.away_text,
                )
                for room in event.rooms:
                    self.inside.setdefault(room, set()).add(event.member)
            case ev.MemberLeft():
                for room in event.rooms:
                    self.inside.get(room, set()).discard(event.member)
                if not event.here:
                    self.members.pop(event.member, None)
            case ev.MemberRenamed():
                if (member := self.members.get(event.member)) is not None:
                    self.members[event.member] = msgspec.structs.replace(member, name=event.name)
            case ev.MemberAway():
                if (member := self.members.get(event.member)) is not None:
                    self.members[event.member] = msgspec.structs.replace(
                        member, away=event.away, away_text=event.away_text
                    )
            case ev.Verification():
                if (member := self.members.get(event.member)) is not None:
                    self.members[event.member] = msgspec.structs.replace(
                        member,
                        verified=event.state == "verified",
                        fingerprint=event.fingerprint,
                        words=event.words,
                    )
            case ev.Reconnecting():
                self._status = replace(self._status, restoring=True)
            case ev.Resumed():
                self._status = replace(self._status, restoring=False)
            case ev.Disconnected():
                self._close_talks()
                self.members.clear()
                self.inside.clear()
                self.past.clear()
                self._status = replace(self._status, phase="ended", restoring=False)
            case _:
                pass

    def _close_talks(self) -> None:
        """What was said in private conversations can be read, and nothing more said there."""
        self.talks = {room: msgspec.structs.replace(talk, state="closed") for room, talk in self.talks.items()}

    def seen(self, room: str, unread: int = 0) -> None:
        """So many messages of a room have not been seen."""
        if room in self.unread:
            self.unread[room] = unread

    def _enter_rooms(self, rooms: list[str]) -> None:
        """These come first; conversations from before stay, since what was said in them can still be read."""
        self.unread = {room: self.unread.get(room, 0) for room in rooms or [FIRST_ROOM]} | self.unread
        if self._status.room not in self.unread:
            self.open(next(iter(self.unread)))

    def seated(self) -> list[ev.Member]:
        """Who is here: the host, oneself, then the others by name."""
        return sorted(self._here(), key=lambda m: (not m.host, not m.me, m.name.casefold()))


def _place(address: str, port: int) -> str:
    """`host:port`, with an IPv6 address in brackets; only the port where one listens everywhere."""
    if not address:
        return tr("port {port}", port=port)
    return place(address, port)
