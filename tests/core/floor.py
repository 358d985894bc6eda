"""A hub at work, driven by facts; what it decides is performed here as the net layer does.

Nothing here needs a real key: to the hub a member is a hash, a modulus is 256 bytes, and a post is closed.
"""

from __future__ import annotations

import itertools
from collections import defaultdict, deque
from typing import Any

from usi.core import wire
from usi.core.crypto import TAG_SIZE, Point, digest, sha256
from usi.core.errors import PeerError
from usi.core.facts import OWN, Arrived, Close, Drop, Expect, Fact, FreePlace, Gone, Heard, Note, Passed, Send
from usi.core.hub import Hub

GENERAL = sha256(b"general")[:16]
POINT = Point.generator().encode()
SEALED = bytes(wire.PADDING + TAG_SIZE)
BAD_NAMES = ["", "   ", "a" * 25, "evil\u202e", "a\u200bb", "\x1b[31mred", "a/b", "аlice", "_", "alice✓", "\ud800"]


def member_id(who: str) -> bytes:
    return sha256(who.encode())


def facts(who: str) -> wire.LinkFacts:
    return wire.LinkFacts(member_id(who), sha256(who.encode()) * 8, b"f" * 32, ("one", "two", "three", "four"), who)


class Floor:
    """A hub at work: what each link was told, and why links were closed. Link 0 is the host's own person."""

    def __init__(self, *room_names: str) -> None:
        self.rooms = [
            wire.RoomInfo(sha256(name.encode())[:16], name, "", sha256(b"key of " + name.encode()), 0)
            for name in room_names or ("general",)
        ]
        self.now = 0.0
        rooms = [(room, digest("usi3 key id", room.key)) for room in self.rooms]
        self.hub = Hub(rooms, clock=lambda: self.now, transfers_per_address=3)
        self.told: dict[int, list[Any]] = defaultdict(list)
        self.closed: dict[int, PeerError] = {}
        self.who: dict[int, str] = {}
        self.expected: list[Expect] = []
        self.dropped: list[bytes] = []
        self.places_wanted = 0
        self._links = itertools.count(OWN)
        self._ids = itertools.count(1)
        self.join("host")

    def handle(self, fact: Fact) -> None:
        """Perform what follows from a fact. A link that is closed is gone, as the net layer reports it."""
        waiting = deque([fact])
        while waiting:
            for effect in self.hub.handle(waiting.popleft()):
                if isinstance(effect, Send):
                    assert len(set(effect.links)) == len(effect.links)
                    for link in effect.links:
                        assert link not in self.closed
                        self.told[link].append(effect.message)
                elif isinstance(effect, Expect):
                    self.expected.append(effect)
                elif isinstance(effect, Drop):
                    self.dropped.append(effect.request)
                    waiting.append(Passed(effect.request))
                elif isinstance(effect, Close):
                    self.closed[effect.link] = effect.error
                    waiting.append(Gone(effect.link, effect.error.code))
                elif isinstance(effect, FreePlace):
                    self.places_wanted += 1
                else:
                    assert isinstance(effect, Note)

    def arrive(self, who: str, network: str = "") -> int:
        link = next(self._links)
        self.who[link] = who
        self.handle(Arrived(link, facts(who), network=network))
        return link

    def hear(self, link: int, message: wire.Message) -> None:
        self.handle(Heard(link, message))

    def join(self, who: str, name: str | None = None, network: str = "") -> int:
        link = self.arrive(who, network)
        self.hear(link, wire.Join(who if name is None else name))
        for room in self.rooms[1:]:
            if link != OWN and link not in self.closed:
                self.hear(link, wire.Enter(room.name))
        return link

    def post(self, who: str, sealed: bytes = SEALED, room: int = 0) -> wire.Post:
        """A fresh post, not yet sent."""
        info = self.rooms[room]
        post_id = next(self._ids).to_bytes(15, "big")
        return wire.Post(info.conversation, digest("usi3 key id", info.key), member_id(who), post_id, sealed)

    def say(self, link: int, sealed: bytes = SEALED, room: int = 0) -> wire.Post:
        post = self.post(self.who[link], sealed, room)
        self.hear(link, post)
        return post

    def all(self, link: int, kind: type[Any]) -> list[Any]:
        return [message for message in self.told[link] if isinstance(message, kind)]

    def name(self, link: int) -> str:
        """The name that the hub gave in its Welcome."""
        name: str = self.all(link, wire.Welcome)[-1].me.name
        return name

    def forget(self) -> None:
        """Let what was told so far count as read."""
        self.told.clear()
