"""What is in a history, and what is wrong with it: everything is read and opened once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from usi.core.crypto import CryptoError, PublicKey
from usi.core.errors import (
    DamagedHistory,
    DamagedRow,
    LocalError,
    PostDamaged,
    PostDeleted,
    PostMoved,
    PostUnreadable,
    StrayRows,
)
from usi.store.history import History, Room

_LOST = {"deleted": PostDeleted, "damaged": PostDamaged, "moved": PostMoved}


@dataclass
class RoomReport:
    room: Room
    posts: int = 0
    """That can be read."""
    first: int = 1
    last: int = 0
    oldest: int | None = None
    """When the oldest and the newest of them were kept, in milliseconds since 1970."""
    newest: int | None = None


@dataclass
class Report:
    rooms: list[RoomReport] = field(default_factory=list)
    faults: list[LocalError] = field(default_factory=list)


def check(history: History) -> Report:
    """Read the whole file, opened with `check`. Takes about a tenth of a millisecond for each post. Raises
    `DamagedHistory` only where not even SQLite can go on."""
    report = Report()
    report.faults += [DamagedHistory(path=history.path, why=fault) for fault in history.faults()]
    report.faults += [DamagedRow(table="rooms") for _ in range(history.damaged_rooms)]
    for room in history.rooms():
        found = RoomReport(room, 0, history.first(room.conversation), history.last(room.conversation))
        report.rooms.append(found)
        report.faults += (fault for _, fault in sorted(_read(history, found), key=lambda each: each[0]))
    report.faults += [DamagedRow(table=table) for table in history.damaged_rows()]
    stray = history.stray_rows()
    if stray:
        report.faults.append(StrayRows(count=stray))
    return report


def _read(history: History, found: RoomReport) -> Iterator[tuple[int, LocalError]]:
    """Go through a room's posts, count them, and tell at which number what is wrong."""
    room = found.room
    keys: dict[bytes, bool] = {}
    authors: dict[bytes, bool] = {}
    for page in history.pages(room.conversation):
        for number, loss in page.lost:
            yield number, _LOST[loss](number=number, room=room.name)
        for kept in page.kept:
            post = kept.posted
            if post.key_id not in keys:
                keys[post.key_id] = history.key(room.conversation, post.key_id) is not None
            if post.sender not in authors:
                authors[post.sender] = _is_of(history.author(post.sender), post.sender)
            if not (keys[post.key_id] and authors[post.sender]):
                yield post.number, PostUnreadable(number=post.number, room=room.name)
                continue
            found.posts += 1
            found.newest = max(found.newest or 0, kept.kept_at)
            found.oldest = min(found.oldest or kept.kept_at, kept.kept_at)


def _is_of(modulus: bytes | None, member: bytes) -> bool:
    try:
        return modulus is not None and PublicKey(modulus).id == member
    except CryptoError:
        return False
