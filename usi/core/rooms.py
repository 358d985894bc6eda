"""The hosted rooms as the hub knows them: names, rights, who is in, and what is still to be told of comings and goings.

A room's key is made by the host's person and handed to those who may read. It is replaced when somebody loses access;
posts under the one before are then refused as stale (PROTOCOL.md, "Rooms").
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from usi.core import text, wire
from usi.core.accounts import Account, Role, may_enter
from usi.core.crypto import digest, random_bytes
from usi.core.moderation import RoomDecided
from usi.core.numbering import Numbering

CROWD = 64  # members of a room from which on comings and goings are told together, some times a second

Letter = tuple[list[int], wire.Message]


@dataclass(eq=False, kw_only=True)
class HostedRoom(Numbering):
    """`links` are the members in it. `past`: newcomers see what was said before they came."""

    conversation: bytes
    name: str
    topic: str = ""
    private: bool = False
    past: bool = True
    key: bytes = field(repr=False)
    granted: set[str] = field(default_factory=set)
    """Who was given the right by a command, and `denied`: who lost it. Both as `Seat.who`."""
    denied: set[str] = field(default_factory=set)
    made: bool = False
    """By a command, and in no file that the host's owner has written."""
    instead_of: str | None = None
    """What the topic was before /topic changed it."""
    news: list[tuple[wire.MemberInfo, str | None]] = field(default_factory=list)
    """Who came (None) or went (with a code) and was not announced yet, in order."""
    newcomers: dict[int, int] = field(default_factory=dict)
    """Link of who came since the last announcement → how much of `news` it knows by its list of members."""

    @property
    def info(self) -> wire.RoomInfo:
        """For a member who is let in: with the key."""
        return wire.RoomInfo(self.conversation, self.name, self.topic, self.key, self.number, self.private)

    @property
    def decided(self) -> RoomDecided:
        """What moderators have decided of it."""
        return RoomDecided(
            self.name,
            self.private,
            self.made,
            None if self.instead_of is None else self.topic,
            self.instead_of or "",
            tuple(sorted(self.granted)),
            tuple(sorted(self.denied)),
        )

    def restore(self, decided: RoomDecided) -> None:
        """Take over what was decided of it in an earlier run; a topic not where another one was written since."""
        self.made = decided.made
        self.granted, self.denied = set(decided.granted), set(decided.denied)
        if decided.topic is not None and decided.instead_of == self.topic:
            self.change_topic(decided.topic)

    def change_topic(self, topic: str) -> None:
        if self.instead_of is None:
            self.instead_of = self.topic
        self.topic = topic

    def admits(self, who: str, role: Role, account: Account | None) -> bool:
        """Whether somebody may see and enter this room."""
        if role is not Role.HOST and who in self.denied:
            return False
        return may_enter(role, account, self.name, private=self.private, granted=who in self.granted)

    def renew(self, key: bytes) -> wire.RoomKey:
        """Use another key from here on."""
        self.key, self.key_id = key, digest("usi3 key id", key)
        return wire.RoomKey(self.conversation, key)

    # --- announcements ---

    def note(self, info: wire.MemberInfo, link: int, code: str | None) -> None:
        """Somebody has come in (and is in `links` by now), or gone with this code."""
        self.news.append((info, code))
        if code is None:
            self.newcomers[link] = len(self.news)
        else:
            self.newcomers.pop(link, None)

    def announce(self, *, at_once: bool = True) -> list[Letter]:
        """What is to be told, and to whom; nothing yet in a crowd, unless `at_once`."""
        if not self.news or (len(self.links) > CROWD and not at_once):
            return []
        news, newcomers, self.news, self.newcomers = self.news, self.newcomers, [], {}
        known = [link for link in self.links if link not in newcomers]
        letters = [(known, message) for message in self._messages(news)] if known else []
        for link, start in newcomers.items():
            letters += [([link], message) for message in self._messages(news[start:])]
        return letters

    def _messages(self, news: list[tuple[wire.MemberInfo, str | None]]) -> Iterator[wire.Message]:
        """Those who came, or went for one reason, one after another are one message."""
        start = 0
        for index in range(1, len(news) + 1):
            code = news[start][1]
            if index < len(news) and news[index][1] == code and index - start < wire.MAX_PRESENT:
                continue
            infos = [info for info, _ in news[start:index]]
            if code is None:
                yield wire.Joined(self.conversation, infos)
            else:
                yield wire.Left(self.conversation, [info.id for info in infos], code)
            start = index


class Rooms:
    """All rooms of a host, in the order in which they were made; the first one is where everybody starts."""

    def __init__(self, rooms: Iterable[HostedRoom], new_key: Callable[[], bytes]) -> None:
        self._by_id = {room.conversation: room for room in rooms}
        self.new_key = new_key

    def __iter__(self) -> Iterator[HostedRoom]:
        return iter(self._by_id.values())

    def __len__(self) -> int:
        return len(self._by_id)

    def get(self, conversation: bytes) -> HostedRoom | None:
        return self._by_id.get(conversation)

    def find(self, name: str) -> HostedRoom | None:
        """The room of that name, or of one that looks like it."""
        wanted = text.skeleton(name.removeprefix("#"))
        return next((room for room in self if text.skeleton(room.name) == wanted), None)

    @property
    def first(self) -> HostedRoom:
        return next(iter(self))

    def add(self, name: str, *, private: bool) -> HostedRoom:
        key = self.new_key()
        room = HostedRoom(
            digest("usi3 key id", key), conversation=random_bytes(wire.CONVERSATION_SIZE), name=name,
            private=private, key=key, made=True,
        )  # fmt: skip
        self._by_id[room.conversation] = room
        return room

    def remove(self, room: HostedRoom) -> None:
        del self._by_id[room.conversation]

    def of(self, link: int) -> list[HostedRoom]:
        """Those that this member is in."""
        return [room for room in self if link in room.links]
