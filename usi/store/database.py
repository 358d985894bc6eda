"""The SQLite file of a history: opening, locking, commits, and which sentence its failures are.

It is kept with a rollback journal and not with WAL: everything that is committed stands in the one file, so that a
copy is whole; a deleted row is overwritten at once; and a damaged page never takes commits behind it away in silence,
as a damaged frame of a WAL does. `synchronous=FULL`: a commit is on the disk before it returns.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from usi.core.errors import (
    CannotKeep,
    DamagedHistory,
    InUse,
    LocalError,
    MayOnlyBeRead,
    NewerHistory,
    NoRoomLeft,
    NotAHistory,
    TruncatedHistory,
    UnreadableFile,
)
from usi.store.vault import Cost, Header

APPLICATION = int.from_bytes(b"USI3", "big")
FORMAT = 1
_SCHEMA = (
    f"PRAGMA application_id = {APPLICATION}",
    f"PRAGMA user_version = {FORMAT}",
    "CREATE TABLE header (n INTEGER, r INTEGER, p INTEGER, salt BLOB, file_id BLOB, proof BLOB, checksum BLOB)",
    "CREATE TABLE rooms (tag BLOB PRIMARY KEY, sealed BLOB NOT NULL)",
    "CREATE TABLE keys (room BLOB NOT NULL, tag BLOB PRIMARY KEY, sealed BLOB NOT NULL)",
    "CREATE TABLE authors (tag BLOB PRIMARY KEY, sealed BLOB NOT NULL)",
    "CREATE TABLE posts (room BLOB NOT NULL, number INTEGER, sealed BLOB NOT NULL, PRIMARY KEY (room, number))",
)
_MAGIC = b"SQLite format 3\0"


class Database:
    """One open file, nobody else's while it is open. Not for several threads at once."""

    def __init__(self, path: Path, *, new: Header | None = None, read_only: bool = False) -> None:
        """Open the file, or make one (0600) with the header `new` where there is none. Raises the errors that this
        module imports."""
        self.path = path
        if new is not None:
            self._create()
        announced = 0 if new is not None else _announced_size(path)
        with _said(path):
            self._db = sqlite3.connect(
                f"{path.absolute().as_uri()}?mode=rw",
                uri=True,
                timeout=0,  # whoever has the file has it for long
                isolation_level=None,
                check_same_thread=False,  # `History` has a lock
            )
        self._db.text_factory = lambda raw: raw.decode("utf-8", "replace")  # where somebody put text for a row
        try:
            self._set_up(new, read_only, announced)
        except BaseException:
            self._db.close()
            if new is not None:
                path.unlink()
            raise

    def _create(self) -> None:
        try:
            os.close(os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        except OSError as error:
            raise CannotKeep(path=self.path, why=(error.strerror or "error").lower()) from error

    def _set_up(self, new: Header | None, read_only: bool, announced: int) -> None:
        with _said(self.path):
            try:
                self._lock(read_only)
            except sqlite3.DatabaseError as error:
                if _code(error) == sqlite3.SQLITE_CORRUPT:  # so a file is called whose last pages are not there
                    self._check_size(announced)
                raise
            if new is not None:
                for statement in _SCHEMA:
                    self._db.execute(statement)
                cost = (new.cost.n, new.cost.r, new.cost.p)
                row = (*cost, new.salt, new.file_id, new.proof, new.checksum)
                self._db.execute("INSERT INTO header VALUES (?, ?, ?, ?, ?, ?, ?)", row)
                self._db.execute("COMMIT")
                return
            (page,) = self._db.execute("PRAGMA page_size").fetchone()
            (count,) = self._db.execute("PRAGMA page_count").fetchone()
            self._check_size(page * count)  # part of the last one may be missing
            (application,) = self._db.execute("PRAGMA application_id").fetchone()
            (version,) = self._db.execute("PRAGMA user_version").fetchone()
            if application != APPLICATION:
                raise NotAHistory(path=self.path)
            if version > FORMAT:
                raise NewerHistory(path=self.path)
            if not read_only:
                self._db.execute(f"PRAGMA user_version = {FORMAT}")  # only a write tells whether it may be written
            self._db.execute("ROLLBACK")  # the lock stays: locking_mode

    def _lock(self, read_only: bool) -> None:
        """Make the file ours, in a transaction that is left open. A commit that a killed program left half done is
        taken back by this."""
        for setting in ("locking_mode = EXCLUSIVE", "synchronous = FULL", "secure_delete = ON", "trusted_schema = OFF"):
            self._db.execute(f"PRAGMA {setting}")
        self._db.execute("BEGIN" if read_only else "BEGIN EXCLUSIVE")
        self._db.execute("SELECT count(*) FROM sqlite_master").fetchone()

    def _check_size(self, size: int) -> None:
        """Whether the file has so many bytes. It is not opened for this: closing it again would take every lock of this
        process on it away (POSIX)."""
        found = os.stat(self.path).st_size
        if found < size:
            raise TruncatedHistory(path=self.path, size=size, found=found)

    def header(self) -> Header:
        """The header; `DamagedHistory` where something is wrong with it."""
        with self.reading() as db:
            rows = db.execute("SELECT * FROM header").fetchall()
        if len(rows) != 1 or [type(value) for value in rows[0]] != [int] * 3 + [bytes] * 4:
            raise DamagedHistory(path=self.path, why="its header was changed")
        n, r, p, *rest = rows[0]
        header = Header(Cost(n, r, p), *rest)
        if not header.is_whole:
            raise DamagedHistory(path=self.path, why="its header was changed")
        if not header.is_bearable:
            raise DamagedHistory(
                path=self.path, why="its header asks for a key that is too weak, or too costly to make"
            )
        return header

    @contextmanager
    def committing(self) -> Iterator[sqlite3.Connection]:
        """A transaction, on the disk when this is left; taken back where anything fails."""
        with _said(self.path):
            try:
                self._db.execute("BEGIN IMMEDIATE")
                yield self._db
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    with suppress(sqlite3.Error):
                        self._db.execute("ROLLBACK")
                raise

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        with _said(self.path):
            yield self._db

    def faults(self) -> list[str]:
        """What SQLite itself finds wrong with the file, in its own words."""
        with self.reading() as db:
            found = [str(line) for (line,) in db.execute("PRAGMA integrity_check(20)")]
        return [] if found == ["ok"] else found

    def close(self) -> None:
        with _said(self.path):
            self._db.close()


def _announced_size(path: Path) -> int:
    """What size the file has by its own header. Raises for one that is none of SQLite's, which would only say that it
    is `not a database`, and for an empty one, which it would take for a new one. Not while this process has it open:
    see `_check_size`."""
    try:
        with path.open("rb") as file:
            start = file.read(100)
    except OSError as error:
        raise UnreadableFile(path=path, why=(error.strerror or "error").lower()) from error
    if not _MAGIC.startswith(start[: len(_MAGIC)]):
        raise NotAHistory(path=path)
    if len(start) < 100:
        raise TruncatedHistory(path=path, size=4096, found=len(start))
    page = int.from_bytes(start[16:18], "big")
    return (65_536 if page == 1 else page) * int.from_bytes(start[28:32], "big")


@contextmanager
def _said(path: Path) -> Iterator[None]:
    """SQLite's failures as sentences of ours."""
    try:
        yield
    except sqlite3.Error as error:
        raise _sentence(path, error) from error


def _sentence(path: Path, error: sqlite3.Error) -> LocalError:
    match _code(error):
        case sqlite3.SQLITE_FULL:
            return NoRoomLeft(path=path)
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return InUse(path=path)
        case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_PERM:
            return MayOnlyBeRead(path=path)
        case sqlite3.SQLITE_NOTADB:
            return NotAHistory(path=path)
        case sqlite3.SQLITE_IOERR | sqlite3.SQLITE_CANTOPEN:
            return CannotKeep(path=path, why=str(error))
        case _:  # SQLITE_CORRUPT, or a table that is not there
            return DamagedHistory(path=path, why=str(error))


def _code(error: sqlite3.Error) -> int:
    """SQLite's primary result code."""
    return getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
