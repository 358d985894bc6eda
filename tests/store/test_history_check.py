"""A check reads everything, counts what is there, and tells each thing that is wrong, without changing the file."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from tests.store.keeping import GENERAL, STAFF, allow_cheap_keys, opened
from usi.core import wire
from usi.core.crypto import PrivateKey, digest, random_bytes, sha256
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
from usi.store.history import RoomKey
from usi.store.history_check import Report, check

KEY = sha256(b"room key")
KEY_ID = digest("usi3 key id", KEY)


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, keys: dict[str, PrivateKey]) -> Path:
    """Two rooms with twenty posts each, by alice and bob in turn; the first four of one are gone by retention."""
    allow_cheap_keys(monkeypatch.setattr)
    path = tmp_path / "history.usi"
    history = opened(path, clock=lambda: 1_000.0)
    authors = [keys[name].public for name in ("alice", "bob")]
    for room in (GENERAL, STAFF):
        history.keep_room(room)
        history.keep_key(room.conversation, RoomKey(keys["host"].public.id, KEY))
        for number in range(1, 21):
            author = authors[number % 2]
            post = wire.Posted(room.conversation, KEY_ID, author.id, random_bytes(15), number, random_bytes(272))
            history.append([post], {author.id: author.modulus})
    history.retire(GENERAL.conversation, most=16)
    history.close()
    return path


def checked(path: Path, *statements: str) -> Report:
    """The report on the file after somebody did this to it; the check itself changes nothing."""
    with sqlite3.connect(path, isolation_level=None) as db:
        for statement in statements:
            assert db.execute(statement).rowcount
    db.close()
    before = path.read_bytes()
    history = opened(path, check=True)
    report = check(history)
    history.close()
    assert path.read_bytes() == before
    return report


def told(path: Path, *statements: str) -> list[tuple[type[LocalError], object]]:
    """The kinds of its faults, with the number or count in them."""
    faults = checked(path, *statements).faults
    return [(type(fault), fault.fields.get("number", fault.fields.get("count"))) for fault in faults]


def test_a_good_history(path: Path) -> None:
    report = checked(path)
    assert report.faults == []
    rooms = sorted(report.rooms, key=lambda found: found.room.name)
    assert [(found.room, found.posts, found.first, found.last) for found in rooms] == [
        (GENERAL, 16, 5, 20),
        (STAFF, 20, 1, 20),
    ]
    assert {(found.oldest, found.newest) for found in rooms} == {(1_000_000, 1_000_000)}


def test_an_empty_history(tmp_path: Path, path: Path) -> None:
    opened(tmp_path / "empty").close()
    assert checked(tmp_path / "empty") == Report()


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ("DELETE FROM posts WHERE number = {}", PostDeleted),
        ("UPDATE posts SET sealed = zeroblob(400) WHERE number = {}", PostDamaged),
        ("UPDATE posts SET sealed = (SELECT sealed FROM posts WHERE number = 11) WHERE number = {}", PostMoved),
    ],
)
@pytest.mark.parametrize("number", [5, 9, 20])
def test_posts(path: Path, change: str, error: type[LocalError], number: int) -> None:
    both = [(error, number)] * 2
    assert told(path, change.format(number)) == both


def test_several_at_once_in_their_order(path: Path) -> None:
    assert [number for _, number in told(path, "DELETE FROM posts WHERE number IN (19, 6, 7) AND rowid > 20")] == [
        6,
        7,
        19,
    ]


def test_a_key_that_is_gone(path: Path) -> None:
    faults = told(path, "DELETE FROM keys WHERE rowid = 1")
    assert set(faults) <= {(PostUnreadable, number) for number in range(1, 21)}
    assert len(faults) in (16, 20)


def test_an_author_who_is_gone(path: Path) -> None:
    faults = told(path, "DELETE FROM authors WHERE rowid = 1")
    assert len(faults) == 8 + 10
    assert {kind for kind, _ in faults} == {PostUnreadable}


def test_rows_that_do_not_open(path: Path) -> None:
    report = checked(
        path,
        "UPDATE keys SET sealed = zeroblob(99) WHERE rowid = 1",
        "UPDATE authors SET sealed = (SELECT sealed FROM authors WHERE rowid = 2) WHERE rowid = 1",
    )
    rows = [fault for fault in report.faults if isinstance(fault, DamagedRow)]
    assert [fault.fields for fault in rows] == [{"table": "keys"}, {"table": "authors"}]


def test_a_room_that_was_changed(path: Path) -> None:
    """The check goes on with the others, and what was said in it belongs to none."""
    report = checked(path, "UPDATE rooms SET sealed = zeroblob(200) WHERE rowid = (SELECT min(rowid) FROM rooms)")
    assert [type(fault) for fault in report.faults] == [DamagedRow, StrayRows]
    assert len(report.rooms) == 1
    assert report.faults[1].fields["count"] == 1 + (20 if report.rooms[0].room == GENERAL else 16)


def test_rows_that_were_put_in(path: Path) -> None:
    assert told(
        path,
        "INSERT INTO posts SELECT room, 21, sealed FROM posts WHERE number = 20",
        "INSERT INTO posts SELECT room, 4, sealed FROM posts WHERE number = 20 AND rowid <= 20",
        "INSERT INTO keys VALUES (x'00', x'00', x'00')",
    ) == [(DamagedRow, None), (StrayRows, 4)]


def test_what_sqlite_finds(path: Path) -> None:
    """An index page overwritten with noise: rows may still be read, and the file is called damaged."""
    with sqlite3.connect(path) as db:
        (page,) = db.execute(
            "SELECT rootpage FROM sqlite_master WHERE tbl_name = 'authors' AND type = 'index'"
        ).fetchone()
    db.close()
    whole = path.read_bytes()
    path.write_bytes(whole[: (page - 1) * 4096] + bytes(4096) + whole[page * 4096 :])
    history = opened(path, check=True)
    try:
        assert DamagedHistory in {type(fault) for fault in check(history).faults}
    except DamagedHistory:
        pass
    finally:
        history.close()
