"""The secure log: who came, was refused, removed or given a right, one JSON object a line, never what was said.

Each line holds the SHA-256 of the line before, so that whoever has noted the last hash can prove that nothing before
it was changed or taken out. A batch of entries is one write and one fsync: a flood of refused strangers costs one per
batch, and an entry is on the disk when `write` returns. Lines are only ever added, also after a crash: a line that was
torn is ended, and the next one says so. Methods wait for the disk and are for worker threads.
"""

from __future__ import annotations

import errno
import json
import os
import stat
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from threading import Lock
from typing import Any

import msgspec

from usi.core import text
from usi.core.errors import (
    BrokenLog,
    CannotKeep,
    HashNotFound,
    InUse,
    MayOnlyBeRead,
    NoRoomLeft,
    NotALog,
    UnreadableFile,
)
from usi.core.language import tr
from usi.store.folder import BINARY, NOFOLLOW, NONBLOCK, PRIVATE_FILE, lock

EVENTS = frozenset(
    """
    started stopped connected refused joined left kicked banned unbanned silenced unsilenced locked unlocked granted
    revoked invited room-new room-closed
    """.split()  # noqa: SIM905
)
FACTS = frozenset({"name", "member", "fingerprint", "address", "room", "role", "by", "reason", "until"})
"""What may be told of an event, as text; nobody's words but a moderator's reason."""
MENDED = "mended"
"""The log's own event: the line before was torn by a crash, and is not part of the chain."""
NO_HASH = "0" * 64
"""What stands for the line before the first."""
_LONGEST_FACT = 500  # characters; a reason is the longest
_START = b'{"number":1,'
_TAIL = 64 * 1024  # bytes that are read of the end: a line is far shorter


@dataclass(frozen=True)
class Entry:
    """Something that happened. Its time is when it is written."""

    event: str
    facts: Mapping[str, str]


class _Line(msgspec.Struct):
    """What every line has."""

    number: int
    time: str
    event: str
    prev: str
    torn: int = 0
    torn_hash: str = ""


_line = msgspec.json.Decoder(_Line)


def _hash(line: bytes) -> str:
    """Of a line without its end."""
    return sha256(line).hexdigest()


def _written(number: int, at: datetime, event: str, facts: Mapping[str, Any], prev: str) -> bytes:
    """A line without its end; no control or invisible character stands bare in it."""
    when = at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    fields = {"number": number, "time": when, "event": event, **facts, "prev": prev}
    line = json.dumps(fields, ensure_ascii=False, separators=(",", ":"))
    line = text.HIDDEN.sub(lambda found: json.dumps(found.group())[1:-1], line)
    return line.encode("utf-8")


class AuditLog:
    """A log that is open for adding to, by nobody else meanwhile."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.time) -> None:
        """Open it, or make it (0600). Raises `InUse`, `NotALog`, `MayOnlyBeRead` or `CannotKeep`."""
        self.path = path
        self._clock = clock
        self._lock = Lock()
        try:
            # What is written goes to the end even if another program has added to the file.
            flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | NOFOLLOW | NONBLOCK | BINARY
            self._fd = os.open(path, flags, PRIVATE_FILE)
        except OSError as error:
            raise _sentence(path, error) from error
        try:
            if not stat.S_ISREG(os.fstat(self._fd).st_mode):
                raise NotALog(path=path)
            if not lock(self._fd):
                raise InUse(path=path)
            self._resume()
        except BaseException:
            os.close(self._fd)
            raise

    def _resume(self) -> None:
        """Take up the chain where the file ends, and see what was torn behind its last line."""
        size = os.lseek(self._fd, 0, os.SEEK_END)
        os.lseek(self._fd, max(0, size - _TAIL), os.SEEK_SET)
        parts = _read(self._fd, _TAIL).split(b"\n")
        if size > _TAIL:
            del parts[0]
        self._number, self._last = 0, NO_HASH
        self._ended = True
        behind = 0
        for index in range(len(parts) - 1, -1, -1):
            line = _parsed(parts[index])
            if line is not None:
                self._number, self._last = line.number, _hash(parts[index])
                self._ended = index < len(parts) - 1
                behind = index + 1
                break
        self._torn = b"\n".join(parts[behind:])
        if behind == 0 and (size > _TAIL or not _is_torn_start(self._torn)):
            raise NotALog(path=self.path)

    @property
    def last(self) -> tuple[int, str]:
        """Number and hash of the last line: what to note elsewhere."""
        return self._number, self._last

    def write(self, entries: Sequence[Entry]) -> None:
        """Add entries with one fsync. Raises `NoRoomLeft` or `CannotKeep`: then some of them may be missing, and
        one torn, which the next call mends."""
        for entry in entries:
            if entry.event not in EVENTS or not entry.facts.keys() <= FACTS:
                raise ValueError(f"not for the log: {entry}")
        with self._lock:
            at = datetime.fromtimestamp(self._clock(), UTC)
            number, last = self._number, self._last
            data = b"" if self._ended else b"\n"
            if self._torn:
                number += 1
                about = {"torn": len(self._torn), "torn_hash": _hash(self._torn)}
                mended = _written(number, at, MENDED, about, last)
                last = _hash(mended)
                data += b"\n" + mended + b"\n"
            for entry in entries:
                number += 1
                facts = {name: value[:_LONGEST_FACT] for name, value in entry.facts.items()}
                line = _written(number, at, entry.event, facts, last)
                last = _hash(line)
                data += line + b"\n"
            try:
                _write(self._fd, data)
                os.fsync(self._fd)
            except OSError as error:
                self._resume()
                raise _sentence(self.path, error) from error
            self._number, self._last, self._torn, self._ended = number, last, b"", True

    def close(self) -> None:
        os.close(self._fd)


def _read(fd: int, size: int) -> bytes:
    found = b""
    while len(found) < size and (data := os.read(fd, size - len(found))):
        found += data
    return found


def _write(fd: int, data: bytes) -> None:
    while data:
        data = data[os.write(fd, data) :]


def _parsed(line: bytes) -> _Line | None:
    try:
        return _line.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _is_torn_start(data: bytes) -> bool:
    """Whether a crash can have left this of the first line; zeros are blocks that were never filled."""
    return data[: len(_START)] == _START[: len(data)] or not data.strip(b"\0")


def _sentence(path: Path, error: OSError) -> Exception:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return NoRoomLeft(path=path)
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return MayOnlyBeRead(path=path)
    return CannotKeep(path=path, why=(error.strerror or "error").lower())


# --- checking -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Checked:
    """A log in which nothing is wrong."""

    lines: int
    last: str
    """The hash of the last line: what to note elsewhere."""
    mended: int
    """How many lines were torn by a crash and mended."""
    torn: int
    """Bytes of a last line that is torn and not mended yet."""


def check_log(path: Path, noted: str | None = None) -> Checked:
    """Read the whole log. `noted` is the hash of a line (64 hexadecimal digits) that must be in it.

    Raises `BrokenLog` with the first line that does not follow from those before, `HashNotFound` or `UnreadableFile`.
    A cut tail shows only by a noted hash, and so does a log that was written anew from some line on."""
    number, last, mended, found = 0, NO_HASH, 0, noted is None
    pending: list[bytes] = []
    """Lines that do not follow: a later one must say that they were torn."""
    fault: BrokenLog | None = None
    """What to say of the first of them if none does."""
    raw = b""
    for at, raw in enumerate(_lines(path), start=1):
        line = raw.removesuffix(b"\n")
        parsed = _parsed(line)
        torn = b"\n".join(pending)
        tears = (len(torn), _hash(torn)) if pending else (0, "")
        follows = parsed is not None and (parsed.number, parsed.prev) == (number + 1, last)
        if follows and parsed is not None and (parsed.torn, parsed.torn_hash) == tears:
            mended += bool(pending)
            pending, fault = [], None
            number, last = number + 1, _hash(line)
            found = found or last == noted
            continue
        fault = fault or _broken(path, at, parsed, number + 1)
        pending.append(line)
        if len(torn) > _TAIL:
            break
    if fault is None or (len(pending) == 1 and not raw.endswith(b"\n") and _parsed(raw) is None):
        if not found:
            raise HashNotFound(path=path)
        return Checked(number, last, mended, len(raw) if fault else 0)
    raise fault


def _broken(path: Path, at: int, parsed: _Line | None, number: int) -> BrokenLog:
    if parsed is None:
        return BrokenLog(path=path, line=at, why="it is no entry")
    if parsed.number != number:
        why = tr("its number is {found} and should be {number}", found=parsed.number, number=number)
        return BrokenLog(path=path, line=at, why=why)
    return BrokenLog(path=path, line=at, why="it does not fit the line before, so one of the two was changed")


def _lines(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            while line := file.readline(_TAIL):  # so that a file without line ends takes no more memory
                yield line
    except OSError as error:
        raise UnreadableFile(path=path, why=(error.strerror or "error").lower()) from error
