"""The file below a history: all of a transaction or nothing. What is wrong with files is in test_history.py."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from tests.store.keeping import CHEAP, allow_cheap_keys
from usi.core.errors import CannotKeep, DamagedHistory, InUse, LocalError, MayOnlyBeRead, NoRoomLeft, NotAHistory
from usi.store.database import APPLICATION, Database, _sentence
from usi.store.vault import Vault

_, HEADER = Vault.new("passphrase", CHEAP)
ROW = (bytes(16), 1, b"sealed")


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    allow_cheap_keys(monkeypatch.setattr)
    return tmp_path / "file"


def count(database: Database) -> int:
    with database.reading() as db:
        return int(db.execute("SELECT count(*) FROM posts").fetchone()[0])


def test_a_new_file(path: Path) -> None:
    database = Database(path, new=HEADER)
    assert database.header() == HEADER
    database.close()
    assert path.read_bytes()[68:72] == b"USI3" == APPLICATION.to_bytes(4, "big")
    with pytest.raises(CannotKeep):
        Database(path, new=HEADER)
    again = Database(path)
    assert again.header() == HEADER
    assert again.faults() == []
    again.close()


def test_how_it_is_kept(path: Path) -> None:
    for new in (HEADER, None):
        database = Database(path, new=new)
        with database.reading() as db:
            settings = [db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("synchronous", "secure_delete")]
            assert (settings, db.execute("PRAGMA journal_mode").fetchone()) == ([2, 1], ("delete",))
            assert db.execute("PRAGMA locking_mode").fetchone() == ("exclusive",)
        database.close()


def keep(database: Database, *rows: tuple[bytes, int, bytes]) -> None:
    with database.committing() as db:
        for row in rows:
            db.execute("INSERT INTO posts VALUES (?, ?, ?)", row)


def keep_and_fail(database: Database, row: tuple[bytes, int, bytes], error: type[BaseException]) -> None:
    with database.committing() as db:
        db.execute("INSERT INTO posts VALUES (?, ?, ?)", row)
        raise error


def test_all_or_nothing(path: Path) -> None:
    database = Database(path, new=HEADER)
    keep(database, ROW)
    second = (bytes(16), 2, b"sealed")
    for error in (KeyboardInterrupt, ValueError):
        with pytest.raises(error):
            keep_and_fail(database, second, error)
        assert count(database) == 1
    with pytest.raises(DamagedHistory):
        keep(database, second, ROW)  # which is there
    assert count(database) == 1
    database.close()
    again = Database(path)
    assert count(again) == 1
    again.close()


@pytest.mark.parametrize(
    ("code", "error"),
    [
        (sqlite3.SQLITE_FULL, NoRoomLeft), (sqlite3.SQLITE_BUSY, InUse), (sqlite3.SQLITE_LOCKED, InUse),
        (sqlite3.SQLITE_READONLY, MayOnlyBeRead), (sqlite3.SQLITE_READONLY_ROLLBACK, MayOnlyBeRead),
        (sqlite3.SQLITE_IOERR, CannotKeep), (sqlite3.SQLITE_IOERR_FSYNC, CannotKeep),
        (sqlite3.SQLITE_CANTOPEN, CannotKeep), (sqlite3.SQLITE_NOTADB, NotAHistory),
        (sqlite3.SQLITE_CORRUPT, DamagedHistory), (sqlite3.SQLITE_ERROR, DamagedHistory), (None, DamagedHistory),
    ],
)  # fmt: skip
def test_sentences(path: Path, code: int | None, error: type[LocalError]) -> None:
    failure = sqlite3.OperationalError("so it says")
    if code is not None:
        failure.sqlite_errorcode = code
    assert type(_sentence(path, failure)) is error
