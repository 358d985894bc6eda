"""What a receiver writes: `NAME.part` while bytes come, NAME when all have come and were found right.

`NAME.part.json` beside it holds what a program that is started again needs to go on. It is locked as long as somebody
receives: two programs with one folder never write into the same part. For worker threads: all of it blocks; one
landing is used by one thread at a time.
"""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain, count
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
from msgspec import Meta

from usi.core.errors import (
    BadManifest,
    CannotWrite,
    DiskFull,
    FileCut,
    FileLonger,
    LocalError,
    NoDownloads,
    NotAFolder,
    NotAllowed,
    PartGone,
)
from usi.core.text import clean_file_name, file_key, numbered_file_name
from usi.core.transfer import CHUNK, Offered
from usi.core.wire import MemberId
from usi.store import part as parts
from usi.store.folder import PRIVATE_FOLDER, Folder, lock
from usi.store.part import Part

if TYPE_CHECKING:
    from types import TracebackType

RESERVE = 16 * 1024 * 1024
"""Bytes that are left free: a disk that is full to the brim stops other programs."""
MAX_FACTS = 16 * 1024
"""Bytes of a side file; a real one has less than 2,000."""
_PART = ".part"
_SIDE = ".part.json"
_FULL = (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC))
_FORBIDDEN = (errno.EACCES, errno.EPERM, errno.EROFS)


class PartFacts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a program that is started again must know of an unfinished transfer."""

    offered: Offered
    sender: MemberId
    sender_name: Annotated[str, Meta(max_length=256)]
    """What the sender was called, to be shown."""

    def __repr__(self) -> str:  # without the key
        return f"PartFacts({self.offered.transfer.hex()}, {self.offered.name!r} of {self.sender_name!r})"


_encode = msgspec.json.Encoder().encode
_decoder = msgspec.json.Decoder(PartFacts)


def unfinished(folder: Path) -> list[tuple[PartFacts, int]]:
    """The transfers into `folder` that can be taken up, with how many bytes are there, without those that a running
    program is receiving.

    Side files that are damaged, not our own, or without a part are passed over. Never an error.
    """
    found: list[tuple[PartFacts, int]] = []
    try:
        home = Folder(folder)
    except OSError:
        return found
    try:
        for name, side, facts in _sides(home):
            try:
                part = parts.reopen(home, name + _PART, facts.offered)
                if part is not None:
                    found.append((facts, part.at))
                    part.close()
            finally:
                os.close(side)
    except OSError:
        pass
    finally:
        home.close()
    return found


def forget(folder: Path, facts: PartFacts) -> None:
    """Remove the unfinished transfer that `unfinished` told of: the person does not want it. Nothing where it is gone.

    `NotAllowed`, `CannotWrite`.
    """
    try:
        home = Folder(folder)
    except OSError:
        return
    landing = None
    with _saying(folder, 0):
        try:
            landing = Landing._take_up(home, facts, CHUNK)
        finally:
            if landing is None:
                home.close()
    if landing is not None:
        landing.discard()


def check_folder(folder: Path) -> None:
    """See, by trying, whether something can be received into `folder`, also where it is still to be made; nothing of it
    stays. `NotAFolder`, `NotAllowed`, `NoDownloads`."""
    existing = next(path for path in (folder, *folder.parents) if os.path.lexists(path) or path == path.parent)
    try:
        if existing == folder:
            Folder(folder).close()
        os.rmdir(tempfile.mkdtemp(prefix=".usi-", dir=existing))
    except OSError as error:
        if error.errno not in _FULL:  # there may be room by the time that something comes
            raise _unfit(folder, error) from error


class Landing:
    """One transfer that is being received. Every method can raise `CannotWrite` and its kin: `DiskFull`, `NotAllowed`,
    `PartGone`. What was written stays until `finish` or `discard`."""

    def __init__(self, home: Folder, name: str, side: int, part: Part, facts: PartFacts) -> None:
        self.facts = facts
        self.kept = part.at
        """Bytes that were there already: whole chunks, and never the last one, which holds the signature."""
        self._home = home
        self._name = name
        self._side: int | None = side
        self._part = part

    @classmethod
    def begin(cls, folder: Path, facts: PartFacts, chunk: int = CHUNK) -> Landing:
        """Receive into `folder`, made if it is missing; take up the part of this very transfer if there is one.

        `NotAFolder`, `NotAllowed` or `NoDownloads` where the folder is not fit for it, `DiskFull` before anything is
        written, `BadManifest` where the offer itself cannot be right.
        """
        offered = facts.offered
        if (offered.files is None) != (offered.manifest == 0) or offered.manifest > offered.size:
            raise BadManifest
        try:
            folder.mkdir(PRIVATE_FOLDER, parents=True, exist_ok=True)
            home = Folder(folder)
        except OSError as error:
            full = error.errno in _FULL
            raise (_failure(folder, error, offered.size) if full else _unfit(folder, error)) from error
        landing = None
        try:
            with _saying(folder, offered.size):
                landing = cls._take_up(home, facts, chunk)
                missing = _missing(folder, offered.size - (landing.kept if landing else 0))
                if missing > 0:
                    raise DiskFull(folder=folder, missing=_megabytes(missing))
                landing = landing or cls._start(home, facts)
        except BaseException:
            if landing is not None:
                landing.close()
            home.close()
            raise
        return landing

    @classmethod
    def _take_up(cls, home: Folder, facts: PartFacts, chunk: int) -> Landing | None:
        """The part of this very transfer, cut down to whole chunks, if it is there and nobody writes it."""
        wanted = msgspec.structs.replace(facts, sender_name="")
        for name, side, there in _sides(home):
            landing = None
            try:
                if msgspec.structs.replace(there, sender_name="") == wanted:
                    part = parts.reopen(home, name + _PART, facts.offered) or _made(home, name, facts)
                    if part is not None:
                        part.cut(min(part.at, max(0, facts.offered.size - 1)) // chunk * chunk)
                        landing = cls(home, name, side, part, facts)
                        return landing
            finally:
                if landing is None:
                    os.close(side)
        return None

    @classmethod
    def _start(cls, home: Folder, facts: PartFacts) -> Landing:
        """A new part, under the first name that is free together with those of its part and its side file."""
        taken = set(map(file_key, home.names()))
        for name in _names(facts):
            if not taken.isdisjoint(file_key(name + tail) for tail in ("", _PART, _SIDE)):
                continue
            try:
                side = home.create(name + _SIDE)
            except FileExistsError:
                continue
            part = None
            try:
                lock(side, wait=True)
                os.write(side, _encode(facts))
                part = _made(home, name, facts)
                if part is not None:
                    return cls(home, name, side, part, facts)
            finally:
                if part is None:
                    os.close(side)
                    home.remove(name + _SIDE)
        raise AssertionError("names never end")

    @property
    def done(self) -> int:
        """Bytes of the stream that are written."""
        return self._part.at

    @property
    def part(self) -> Path:
        """Where the part is."""
        return self._home.path / (self._name + _PART)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Append the next bytes of the stream. `FileLonger` where they are more than was offered; `BadManifest`."""
        if self.done + len(data) > self.facts.offered.size:
            raise FileLonger
        with self._saying():
            self._part.write(memoryview(data))

    def hash_kept(self) -> hashlib._Hash:
        """SHA-256 of what is written so far, read back: a second for a gigabyte. To be updated with what follows."""
        hashed = hashlib.sha256()
        size = 0
        with self._saying():
            for block in self._part.blocks():
                hashed.update(block)
                size += len(block)
        if size != self.done:
            raise PartGone(path=self.part)
        return hashed

    def finish(self) -> Path:
        """All has come and was found right: give it its name, and say where it is. `FileCut` where bytes are missing.

        Nothing is overwritten: where the name was taken meanwhile, it gets a number. The system writes to the disk
        when it sees fit, as for any copied file.
        """
        if self.done < self.facts.offered.size:
            raise FileCut
        with self._saying():
            self._part.settle()
            if not self._part.is_there():
                raise PartGone(path=self.part)
            name = self._move()
            self._close_side()
            self._home.remove(self._name + _SIDE)
            self._part.clear()
            self._home.close()
        return self._home.path / name

    def _move(self) -> str:
        taken = set(map(file_key, self._home.names()))
        for name in chain([self._name], _names(self.facts)):
            if file_key(name) in taken:
                continue
            try:
                self._part.move(name)
            except FileExistsError:
                continue
            return name
        raise AssertionError("names never end")

    def close(self) -> None:
        """Stop, and keep what has arrived for later. Harmless when done twice, or after `finish` and `discard`."""
        self._part.close()
        self._close_side()
        self._home.close()

    def discard(self) -> None:
        """Remove what has arrived: the person said so. Not after `close`; see `forget`."""
        with self._saying():
            self._part.close()
            self._part.clear()
            self._close_side()
            self._home.remove(self._name + _SIDE)
        self._home.close()

    def __enter__(self) -> Landing:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _close_side(self) -> None:
        """Close it, which unlocks it."""
        if self._side is not None:
            fd, self._side = self._side, None
            os.close(fd)

    @contextmanager
    def _saying(self) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError as error:
            raise PartGone(path=self.part) from error
        except OSError as error:
            raise _failure(self._home.path, error, self.facts.offered.size - self.done) from error


def _names(facts: PartFacts) -> Iterator[str]:
    """THE names that something received may be written under, best first: nothing else is made of a peer's name."""
    name = clean_file_name(facts.offered.name)
    return (numbered_file_name(name, number) for number in count(1))


def _made(home: Folder, name: str, facts: PartFacts) -> Part | None:
    """An empty part; None where its name is taken."""
    try:
        return parts.create(home, name + _PART, facts.offered)
    except FileExistsError:
        return None


def _sides(home: Folder) -> Iterator[tuple[str, int, PartFacts]]:
    """The sound side files that nobody else holds: the name that each stands for, its descriptor, locked, to be closed
    by the caller, and what it says."""
    for entry in sorted(home.names()):
        name = entry.removesuffix(_SIDE)
        if name == entry or clean_file_name(name) != name:
            continue
        side = home.reopen(entry)
        if side is None:
            continue
        facts = _read_facts(side) if lock(side) else None
        if facts is None:
            os.close(side)
        else:
            yield name, side, facts


def _read_facts(side: int) -> PartFacts | None:
    try:
        return _decoder.decode(os.read(side, MAX_FACTS))
    except (OSError, msgspec.DecodeError, ValueError, RecursionError):
        return None


@contextmanager
def _saying(folder: Path, missing: int) -> Iterator[None]:
    """Say what an OSError means for a transfer of which `missing` bytes are still to come."""
    try:
        yield
    except OSError as error:
        raise _failure(folder, error, missing) from error


def _unfit(folder: Path, error: OSError) -> LocalError:
    """Why the folder itself cannot be made or opened."""
    if isinstance(error, FileExistsError | NotADirectoryError):
        return NotAFolder(folder=folder)
    if error.errno in _FORBIDDEN:
        return NotAllowed(folder=folder)
    return NoDownloads(folder=folder, why=(error.strerror or "error").lower())


def _failure(folder: Path, error: OSError, missing: int) -> LocalError:
    if error.errno in _FULL:
        return DiskFull(folder=folder, missing=_megabytes(_missing(folder, missing)))
    if error.errno in _FORBIDDEN:
        return NotAllowed(folder=folder)
    return CannotWrite(folder=folder, why=(error.strerror or "error").lower())


def _missing(folder: Path, size: int) -> int:
    """How many more bytes must be free for `size` more, and the reserve; not above 0 where there is room. A system that
    cannot tell is taken at its word when it is full."""
    try:
        return size + RESERVE - shutil.disk_usage(folder).free
    except OSError:
        return 0


def _megabytes(size: int) -> int:
    return max(1, -(-size // 1_000_000))
