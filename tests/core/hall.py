"""A hub with rooms, accounts and members of every role, whose effects are performed as the net layer does."""

from __future__ import annotations

import itertools
from collections import defaultdict, deque
from typing import Any, TypeVar

from usi.core import wire
from usi.core.accounts import Account, Accounts, Role, Stored
from usi.core.crypto import TAG_SIZE, digest, sha256
from usi.core.errors import PeerError
from usi.core.facts import OWN, Arrived, Close, Effect, Fact, Gone, Heard, Keep, Note, Send
from usi.core.hub import Hub
from usi.core.moderation import Decided
from usi.core.rooms import HostedRoom

SEALED = bytes(wire.PADDING + TAG_SIZE)
STORED = Stored(bytes(16), bytes(32), bytes(32))
M = TypeVar("M", bound=wire.Message)


def member_id(who: str) -> bytes:
    return sha256(who.encode())


def room_id(name: str) -> bytes:
    return sha256(name.encode())[:16]


def hosted(name: str, *, private: bool = False, past: bool = True) -> HostedRoom:
    key = sha256(b"key of " + name.encode())
    return HostedRoom(
        digest("usi3 key id", key), conversation=room_id(name), name=name, private=private, past=past, key=key
    )


class Hall:
    """`general` is open, `staff` private. The clock stands at `now`; new keys are numbers."""

    def __init__(
        self,
        *accounts: Account,
        keeps: bool = False,
        rooms: tuple[HostedRoom, ...] = (),
        decided: Decided | None = None,
    ) -> None:
        self.now = 1_000.0
        self.keys = itertools.count(1)
        self.accounts = Accounts(accounts, bytes(32))
        self.hub = Hub(
            rooms or (hosted("general"), hosted("staff", private=True)),
            keeps=keeps,
            decided=decided,
            accounts=self.accounts,
            new_key=lambda: next(self.keys).to_bytes(32, "big"),
            clock=lambda: self.now,
        )
        self.told: dict[int, list[Any]] = defaultdict(list)
        self.closed: dict[int, PeerError] = {}
        self.notes: list[Note] = []
        self.kept: list[Effect] = []
        self._links = itertools.count(OWN)
        self._ids = itertools.count(1)
        self.who: dict[int, str] = {}
        self.come("host")

    def handle(self, fact: Fact) -> None:
        waiting = deque([fact])
        while waiting:
            for effect in self.hub.handle(waiting.popleft()):
                match effect:
                    case Send():
                        for link in effect.links:
                            assert link not in self.closed
                            self.told[link].append(effect.message)
                    case Close():
                        self.closed[effect.link] = effect.error
                        waiting.append(Gone(effect.link, effect.error.code))
                    case Note():
                        self.notes.append(effect)
                    case _:
                        self.kept.append(effect)

    def come(self, who: str, name: str | None = None, *, network: str = "192.0.2.1") -> int:
        """Somebody joins, logged in where there is an account of that name."""
        link = next(self._links)
        self.who[link] = who
        facts = wire.LinkFacts(member_id(who), sha256(who.encode()) * 8, b"f" * 32, ("a", "b", "c", "d"), network)
        self.handle(Arrived(link, facts, self.accounts.owner(who), network))
        self.hear(link, wire.Join(name or who))
        return link

    def hear(self, link: int, message: wire.Message) -> None:
        self.handle(Heard(link, message))

    def order(
        self, link: int, word: str, about: str = "", *, room: str = "", text: str = "", seconds: int = 0,
        private: bool = False,
    ) -> list[Any]:  # fmt: skip
        """Give an order; returns what this link is told then."""
        before = len(self.told[link])
        self.hear(link, wire.Order(word, about, room, text, seconds, private))
        return self.told[link][before:]

    def enter(self, link: int, room: str) -> None:
        self.hear(link, wire.Enter(room))

    def say(self, link: int, room: str = "general") -> wire.Post:
        found = self.hub.rooms.find(room)
        key_id = found.key_id if found is not None else bytes(32)
        conversation = found.conversation if found is not None else bytes(16)
        post = wire.Post(conversation, key_id, member_id(self.who[link]), next(self._ids).to_bytes(15, "big"), SEALED)
        self.hear(link, post)
        return post

    def all(self, link: int, kind: type[M]) -> list[M]:
        return [message for message in self.told[link] if isinstance(message, kind)]

    def codes(self, link: int) -> list[str]:
        """Codes of notices, deeds and rooms left."""
        return [m.code for m in self.told[link] if isinstance(m, wire.Notice | wire.Deed | wire.Out)]

    def forget(self) -> None:
        self.told.clear()
        self.notes.clear()
        self.kept.clear()

    def inside(self, room: str) -> set[str]:
        found = self.hub.rooms.find(room)
        assert found is not None
        return {self.who[link] for link in found.links}


ACCOUNTS = (
    Account("mary", STORED, Role.MEMBER),
    Account("mod", STORED, Role.MODERATOR, {"staff": True}),
    Account("moddy", STORED, Role.MODERATOR, {"staff": True}),
    Account("boss", STORED, Role.HOST),
)
"""One of each role beside guests; `mod` and `moddy` may enter #staff."""


def keep_posts(hall: Hall) -> list[wire.Posted]:
    return [effect.posted for effect in hall.kept if isinstance(effect, Keep)]
