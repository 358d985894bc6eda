"""Histories whose key costs next to nothing, and posts to keep in them. As a program: a host that keeps posts and
tells each commit, until somebody kills it."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from usi.core import wire
from usi.core.crypto import random_bytes, sha256
from usi.store import vault
from usi.store.history import History, Kept, Room
from usi.store.vault import Cost

CHEAP = Cost(2, 1, 1)
PASSPHRASE = "correct horse"
CONVERSATION = sha256(b"general")[:16]
GENERAL = Room(CONVERSATION, "general-room", "what-we-talk-about")
STAFF = Room(sha256(b"staff")[:16], "staff-room", private=True)


def allow_cheap_keys(set_attribute: Any = setattr) -> None:
    """Let headers ask for a key that anybody could guess: only tests do."""
    set_attribute(vault, "LEAST", CHEAP)


def opened(path: Path, passphrase: str = PASSPHRASE, **options: Any) -> History:
    return History.open(path, lambda _new: passphrase, cost=CHEAP, **options)


def posts(numbers: Iterable[int], room: Room = GENERAL, size: int = 272) -> list[wire.Posted]:
    return [
        wire.Posted(
            room.conversation,
            sha256(b"key id"),
            sha256(b"member"),
            sha256(room.conversation + number.to_bytes(8, "big"))[:15],
            number,
            random_bytes(size),
        )
        for number in numbers
    ]


def everything(history: History, room: Room = GENERAL, size: int = 7) -> list[Kept]:
    """All posts of a room in the order of their numbers, read backwards; none is lost."""
    found: list[Kept] = []
    for page in history.pages(room.conversation, count=size):
        assert not page.lost
        assert 0 < len(page.kept) <= size
        found[:0] = page.kept
    return found


def numbers(history: History, room: Room = GENERAL) -> list[int]:
    return [kept.posted.number for kept in everything(history, room)]


def main(path: Path, batch: int) -> None:
    allow_cheap_keys()
    history = opened(path)
    history.keep_room(GENERAL)
    number = history.last(CONVERSATION)
    while True:
        history.append(posts(range(number + 1, number + 1 + batch)), {})
        number += batch
        print(number, flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
