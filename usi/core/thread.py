"""One conversation as a member follows it: the hub's numbers, the authors' own counts, and what was shown.

Hosted rooms and private conversations alike (PROTOCOL.md, "Delivery" and "Content").
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from usi.core.content import RUN_SIZE, Body, ConversationKey
from usi.core.crypto import random_bytes
from usi.core.recent import Recent

PRIVATE_MARK = "@"  # begins the names of private conversations, and of no room
SHOWN_KEPT = 2_000  # ids of posts that were shown, so that none is shown twice
HEARD_KEPT = 10_000  # authors whose counts are followed
RUNS_KEPT = 32  # and stays of each, so that no author can have another one's forgotten


def title_of(room: str) -> str:
    """What a conversation is called in a sentence, by its name."""
    return room if room.startswith(PRIVATE_MARK) else f"#{room}"


Readers = frozenset[bytes] | None
"""Members whom an author knows to be readers of what it says; None: those whom the host lets in."""


class Waiting(NamedTuple):
    """What was said and cannot be sealed yet, under the id that its post will have; `body.n` counts for nothing."""

    id: bytes
    body: Body
    readers: Readers


@dataclass(eq=False)
class Thread:
    """`name` is the key `room` of its events; `key` is None until there is one."""

    key: ConversationKey | None
    name: str
    number: int = 0
    """The newest number seen."""
    run: bytes = field(default_factory=lambda: random_bytes(RUN_SIZE))
    """Of this stay: who leaves and comes back counts anew, as those expect who have come meanwhile."""
    n: int = 0
    """Own posts so far."""
    taken: int = 0
    """The newest own count that the host has taken."""
    heard: Recent[bytes, Recent[bytes, int]] = field(default_factory=lambda: Recent(HEARD_KEPT))
    """Author → run (stay) → the newest signed count."""
    shown: Recent[tuple[bytes, bytes], None] = field(default_factory=lambda: Recent(SHOWN_KEPT))
    """(author, id) of the posts shown last, whatever their signature."""
    fresh: set[bytes] = field(default_factory=set)
    """Authors of whom nothing signed was shown yet, and all that they said here must have reached us."""
    unsigned: Recent[bytes, int] = field(default_factory=lambda: Recent(HEARD_KEPT))
    """How many posts were shown as theirs, unsigned."""
    waiting: deque[Waiting] = field(default_factory=deque)

    @property
    def private(self) -> bool:
        """Whether the host has no key of it."""
        return False

    @property
    def title(self) -> str:
        """What it is called in a sentence."""
        return title_of(self.name)

    @property
    def sealable(self) -> bool:
        """Whether what is said can go out now."""
        return self.key is not None

    @property
    def readers(self) -> Readers:
        """Who may read what is said now."""
        return None

    def exposes(self, readers: Readers) -> bool:
        """Whether somebody else has the key in use than those for whom something was said."""
        return False

    def admits(self, author: bytes) -> bool:
        """Whether this member may say something in it."""
        return True

    def follow(self, number: int) -> int:
        """Follow the hub's numbers, which have no holes: how many are missing before this one. Negative: it does not
        rise, and must not be shown."""
        missing = number - self.number - 1
        if missing >= 0:
            self.number = number
        return missing

    def expect(self, authors: Iterable[bytes]) -> None:
        """These have come: from now on all that they say must reach us."""
        for author in authors:
            self.fresh.add(author)
            self.unsigned.pop(author, None)

    def count(self, author: bytes, body: Body) -> int:
        """Follow an author's signed count, which the hub cannot forge: how many are missing. Negative: it does not
        rise, and must not be shown."""
        runs = self.heard.get(author) or Recent[bytes, int](RUNS_KEPT)
        newest, missing = runs.get(body.run), 0
        if newest is not None:
            missing = body.n - newest - 1
        elif author in self.fresh:
            missing = max(0, body.n - self.unsigned.pop(author, 0) - 1)
        if missing > 0:
            missing = max(0, missing - body.unsaid)
        if missing >= 0:
            runs[body.run] = body.n
            self.heard[author] = runs
            if newest is None:
                self.fresh.discard(author)
        return missing
