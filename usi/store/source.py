"""What a sender offers: a file or a folder as one stream of bytes, read piece by piece from any of them on.

Links, devices, sockets and pipes inside a folder are not sent, only counted. Memory does not grow with the size: one
file is open at a time, one piece in memory; of a folder there is the list of its files. For worker threads: all of
it blocks.
"""

from __future__ import annotations

import errno
import os
import stat
import sys
from bisect import bisect_right
from collections.abc import Callable, Iterator
from itertools import accumulate, islice
from pathlib import Path
from typing import NamedTuple

from usi.core.errors import FileChanged, FolderTooLarge, NoSuchFile, NotAFile, TransferCancelled, UnreadableFile
from usi.core.text import clean_file_name
from usi.core.transfer import MAX_MANIFEST
from usi.store.folder import BINARY, NOFOLLOW, NONBLOCK, is_link
from usi.store.manifest import MAX_DEPTH, MAX_ENTRIES, Entry, Names, encode


class _File(NamedTuple):
    """A file as it was when it was offered."""

    path: str
    size: int
    changed: int
    """Time of the last change, in nanoseconds."""
    inode: int

    def check(self, seen: os.stat_result) -> None:
        if (seen.st_size, seen.st_mtime_ns, seen.st_ino) != self[1:] or not stat.S_ISREG(seen.st_mode):
            raise FileChanged(path=self.path)


class Source:
    """A file or folder that is offered."""

    def __init__(self, path: Path, name: str, files: list[_File], manifest: bytes | None, skipped: int) -> None:
        self.path = path
        self.name = name
        """The last part of its path, clean."""
        self.files = None if manifest is None else len(files)
        """How many files a folder holds; None for a file."""
        self.skipped = skipped
        """How many links, devices, sockets and pipes in a folder are not sent."""
        self.manifest_size = len(manifest or b"")
        self.content_size = sum(file.size for file in files)
        self.size = self.manifest_size + self.content_size
        """Bytes of the whole stream: the manifest, then the content of all files in its order."""
        self._manifest = manifest or b""
        self._files = files
        self._starts = list(accumulate((file.size for file in files), initial=self.manifest_size))

    @classmethod
    def open(cls, path: Path, given_up: Callable[[], bool] = lambda: False) -> Source:
        """Look at what is at `path`; a link there is followed, because a person named it.

        `given_up` is asked again and again while a folder is looked through: `TransferCancelled` then. Else
        `NoSuchFile`, `UnreadableFile`, `NotAFile`, `FolderTooLarge`.
        """
        try:
            real = path.resolve(strict=True)
            seen = os.lstat(real)
        except FileNotFoundError as error:
            raise NoSuchFile(path=path) from error
        except (OSError, RuntimeError, ValueError) as error:  # a loop of links, a NUL in the path
            raise _unreadable(path, error) from error
        name = clean_file_name(path.name if path.name not in ("", "..") else real.name)
        if stat.S_ISDIR(seen.st_mode):
            walk = _Walk(real, given_up)
            return cls(path, name, walk.files, walk.manifest, walk.skipped)
        if not stat.S_ISREG(seen.st_mode):
            raise NotAFile(path=path)
        file = _as_offered(os.fspath(real), seen)
        os.close(_open(file))
        return cls(path, name, [file], None, 0)

    def check(self) -> None:
        """`FileChanged` where any file is not the one that was offered any more, judged by size, time and inode."""
        for file in self._files:
            try:
                file.check(os.lstat(file.path))
            except OSError as error:
                raise FileChanged(path=file.path) from error

    def read(self, first: int, size: int) -> Iterator[bytes]:
        """The stream from its byte `first` * `size` on, in pieces of `size` bytes, the last one shorter.

        An empty stream is one empty piece. `FileChanged` as soon as a file is not the one that was offered, before
        anything is handed out that was read after the change; `UnreadableFile`. Closing the iterator closes the file.
        ValueError for a piece beyond the end.
        """
        if not 0 <= first < max(1, -(-self.size // size)):
            raise ValueError(f"there is no piece {first}")
        return self._pieces(first * size, size)

    def _pieces(self, at: int, size: int) -> Iterator[bytes]:
        stream = _Stream(self._manifest, self._files, self._starts, at)
        try:
            yield stream.take(min(size, self.size - at))
            while stream.at < self.size:
                yield stream.take(min(size, self.size - stream.at))
        finally:
            stream.close()


class _Stream:
    """One reading of a stream; `at` is where it is."""

    def __init__(self, manifest: bytes, files: list[_File], starts: list[int], at: int) -> None:
        self.at = at
        self._manifest = manifest
        self._files = files
        self._starts = starts
        self._fd: int | None = None
        self._file = 0  # the number of the one that is open

    def take(self, count: int) -> bytes:
        parts: list[bytes] = []
        while count:
            parts.append(self._some(count))
            count -= len(parts[-1])
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def close(self) -> None:
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def _some(self, count: int) -> bytes:
        """At least one byte and at most `count`, of the manifest or of one file."""
        if self.at < len(self._manifest):
            part = self._manifest[self.at : self.at + count]
            self.at += len(part)
            return part
        if self._fd is None:
            # The last one that starts here: those before it are empty.
            self._file = bisect_right(self._starts, self.at) - 1
            self._fd = _open(self._files[self._file])
            os.lseek(self._fd, self.at - self._starts[self._file], os.SEEK_SET)
        file, end = self._files[self._file], self._starts[self._file + 1]
        try:
            part = os.read(self._fd, min(count, end - self.at))
        except OSError as error:
            raise _unreadable(file.path, error) from error
        file.check(os.fstat(self._fd))
        if not part:
            raise FileChanged(path=file.path)
        self.at += len(part)
        if self.at == end:
            self.close()
        return part


class _Walk:
    """The files and the manifest of a folder, its names sorted, each folder followed by what is in it."""

    def __init__(self, root: Path, given_up: Callable[[], bool]) -> None:
        self._given_up = given_up
        self.files: list[_File] = []
        self.skipped = 0
        self._root = root
        self._entries: list[Entry] = []
        self._size = 0  # bytes of all paths
        self._enter(os.fspath(root), ())
        self.manifest = encode(self._entries)
        if len(self.manifest) > MAX_MANIFEST:
            raise self._too_large()

    def _enter(self, folder: str, above: tuple[str, ...]) -> None:
        try:
            with os.scandir(folder) as found:
                here = sorted(entry.name for entry in islice(found, MAX_ENTRIES + 1))
        except OSError as error:
            raise _unreadable(folder, error) from error
        names = Names()
        for name in here:
            if self._given_up():
                raise TransferCancelled
            path = os.path.join(folder, name)
            seen = os.lstat(path)
            if is_link(seen) or not (stat.S_ISREG(seen.st_mode) or stat.S_ISDIR(seen.st_mode)):
                self.skipped += 1
                continue
            parts = (*above, names.add(name))
            self._size += sum(map(len, parts))
            if len(parts) > MAX_DEPTH or len(self._entries) == MAX_ENTRIES or self._size > MAX_MANIFEST:
                raise self._too_large()
            if stat.S_ISDIR(seen.st_mode):
                self._entries.append(Entry(parts, None))
                self._enter(path, parts)
            elif os.access(path, os.R_OK):
                self._entries.append(Entry(parts, seen.st_size))
                self.files.append(_as_offered(path, seen))
            else:
                raise UnreadableFile(path=path, why=os.strerror(errno.EACCES).lower())

    def _too_large(self) -> FolderTooLarge:
        return FolderTooLarge(path=self._root, entries=MAX_ENTRIES, depth=MAX_DEPTH, size=MAX_MANIFEST)


def _as_offered(path: str, seen: os.stat_result) -> _File:
    return _File(path, seen.st_size, seen.st_mtime_ns, seen.st_ino)


def _open(file: _File) -> int:
    """The file, open for reading; `FileChanged` where it is not the one that was offered, or a link to it."""
    try:
        fd = os.open(file.path, os.O_RDONLY | NOFOLLOW | NONBLOCK | BINARY)
    except PermissionError as error:
        raise _unreadable(file.path, error) from error
    except OSError as error:
        raise FileChanged(path=file.path) from error
    try:
        file.check(os.fstat(fd))
    except FileChanged:
        os.close(fd)
        raise
    if sys.platform == "linux":
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_SEQUENTIAL)
    return fd


def _unreadable(path: object, error: Exception) -> UnreadableFile:
    return UnreadableFile(path=path, why=(getattr(error, "strerror", None) or "error").lower())
