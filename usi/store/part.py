"""What of a transfer has arrived: `NAME.part`, a file, or a folder with the manifest and the tree that it describes.

Bytes come in order. `at` is how many there are; `cut` goes back to an earlier number. Failures are OSErrors, but
`BadManifest` where a folder's list of files cannot be right.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from typing import Protocol

from usi.core.errors import BadManifest
from usi.core.transfer import Offered
from usi.store.folder import Folder, is_own_file
from usi.store.manifest import Place, places

_BLOCK = 1024 * 1024  # bytes read back at once
_MANIFEST = "manifest"
_TREE = "tree"


class Part(Protocol):
    at: int

    def cut(self, size: int) -> None:
        """Keep the first `size` bytes of the `at` that are there, and go on behind them."""

    def write(self, data: memoryview) -> None:
        """Append; `at` tells how much of it was written where that fails. No more than the offered size comes."""

    def blocks(self) -> Iterator[bytes]:
        """What is there, read back."""

    def is_there(self) -> bool:
        """Whether it still stands under its name."""

    def settle(self) -> None:
        """Write what needs no more bytes, all of which are there, and close."""

    def move(self, new: str) -> None:
        """Give it its final name, which nothing may have: FileExistsError. It is settled."""

    def clear(self) -> None:
        """Remove what is left under the name of the part; it is closed."""

    def close(self) -> None: ...


def create(home: Folder, name: str, offered: Offered) -> Part:
    """An empty part; FileExistsError where anything has its name."""
    if offered.files is None:
        return FilePart(home, name, home.create(name))
    home.make(name)
    try:
        inside = home.sub(name)
        os.close(inside.create(_MANIFEST))
        inside.make(_TREE)
        return FolderPart(home, name, inside, offered)
    except OSError:
        home.remove_tree(name)
        raise


def reopen(home: Folder, name: str, offered: Offered) -> Part | None:
    """The part that is there, all of it; None where there is none, or not one of ours."""
    if offered.files is None:
        fd = home.reopen(name)
        return None if fd is None else FilePart(home, name, fd)
    try:
        inside = home.sub(name)
    except OSError:
        return None
    try:
        return FolderPart(home, name, inside, offered)
    except OSError:  # not the folder that `create` makes
        inside.close()
        return None


def _same(one: os.stat_result | None, other: os.stat_result) -> bool:
    return one is not None and os.path.samestat(one, other)


class FilePart:
    """The part of a single file."""

    def __init__(self, home: Folder, name: str, fd: int) -> None:
        self._home = home
        self._name = name
        self._fd: int | None = fd
        self._seen = os.fstat(fd)
        self.at = self._seen.st_size
        os.lseek(fd, 0, os.SEEK_END)

    @property
    def _open(self) -> int:
        if self._fd is None:
            raise ValueError("this part is closed")
        return self._fd

    def cut(self, size: int) -> None:
        os.ftruncate(self._open, size)
        self.at = os.lseek(self._open, 0, os.SEEK_END)

    def write(self, data: memoryview) -> None:
        while data:
            count = os.write(self._open, data)
            self.at += count
            data = data[count:]

    def blocks(self) -> Iterator[bytes]:
        yield from _read_back(self._open, self.at)

    def is_there(self) -> bool:
        return _same(self._home.stat(self._name), self._seen)

    def settle(self) -> None:
        self.close()

    def move(self, new: str) -> None:
        self._home.move_in(self._home, self._name, new)

    def clear(self) -> None:
        if self.is_there():
            self._home.remove(self._name)

    def close(self) -> None:
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None


class FolderPart:
    """The part of a folder: the manifest first, then its files, made one after another as their bytes come."""

    def __init__(self, home: Folder, name: str, inside: Folder, offered: Offered) -> None:
        self._home = home
        self._name = name
        self._inside = inside
        self._offered = offered
        self._listed = False  # the manifest is whole and read
        self._places: list[Place] = []
        self._next = 0  # the number of the place that is made next
        self._left = 0  # bytes that the open file of the tree still lacks
        self._here: tuple[tuple[str, ...], Folder] | None = None  # the folder of the tree that is open
        inside.sub(_TREE).close()
        fd = inside.reopen(_MANIFEST)
        if fd is None:
            raise FileNotFoundError(_MANIFEST)
        self._file: int | None = fd  # the one that is written: the manifest, then one of the tree, or None between
        self.at = self._measure(fd)

    def _measure(self, manifest: int) -> int:
        """How many bytes of the stream are there without a gap. A whole manifest that is a bad one counts as none."""
        have = min(os.fstat(manifest).st_size, self._offered.manifest)
        if have < self._offered.manifest:
            return have
        try:
            found = self._read_manifest(manifest)
        except BadManifest:
            return 0
        for place in found:
            try:
                seen = self._enter(place.folder).stat(place.name)
            except OSError:
                break
            if place.size is None and seen is not None and stat.S_ISDIR(seen.st_mode):
                continue
            if place.size is None or seen is None or not is_own_file(seen) or seen.st_size > place.size:
                break
            have += seen.st_size
            if seen.st_size < place.size:
                break
        return have

    def cut(self, size: int) -> None:
        self._close_file()
        self._listed, self.at = False, size
        self._file = self._reopen(self._inside, _MANIFEST)
        left = size - self._offered.manifest
        if left < 0:
            os.ftruncate(self._file, size)
            os.lseek(self._file, 0, os.SEEK_END)
            return
        self._start_files()
        while left:
            place = self._places[self._next]
            self._next += 1
            if (place.size or 0) > left:
                self._file = self._reopen(self._enter(place.folder), place.name)
                os.ftruncate(self._file, left)
                os.lseek(self._file, 0, os.SEEK_END)
                self._left = (place.size or 0) - left
                break
            left -= place.size or 0

    def _reopen(self, folder: Folder, name: str) -> int:
        fd = folder.reopen(name)
        if fd is None:
            raise FileNotFoundError(name)
        return fd

    def _read_manifest(self, fd: int) -> list[Place]:
        return places(b"".join(_read_back(fd, self._offered.manifest)), self._offered)

    def _start_files(self) -> None:
        """The manifest is whole: read it and close it."""
        if self._file is not None:
            self._places = self._read_manifest(self._file)
        self._listed, self._next = True, 0
        self._close_file()

    def write(self, data: memoryview) -> None:
        while data:
            if not self._listed and self.at == self._offered.manifest:
                self._start_files()
            if not self._listed:
                room = self._offered.manifest - self.at
            else:
                self._go_on()
                room = self._left
            if self._file is None:
                raise ValueError("there is no file for these bytes")
            count = os.write(self._file, data[:room])
            self.at += count
            data = data[count:]
            if self._listed:
                self._left -= count
                if not self._left:
                    self._close_file()
        if not self._listed and self.at == self._offered.manifest:
            self._start_files()

    def _go_on(self) -> None:
        """Make what comes next, up to the first file that has content and stays open for it."""
        while self._file is None and self._next < len(self._places):
            place = self._places[self._next]
            folder = self._enter(place.folder)
            if place.size is None:
                self._make_folder(folder, place.name)
            else:
                self._file, self._left = self._make_file(folder, place.name), place.size
                if not place.size:
                    self._close_file()
            self._next += 1

    @staticmethod
    def _make_folder(folder: Folder, name: str) -> None:
        try:
            folder.make(name)
        except FileExistsError:
            folder.sub(name).close()  # made before a restart; anything else is an error

    @staticmethod
    def _make_file(folder: Folder, name: str) -> int:
        try:
            return folder.create(name)
        except FileExistsError:
            folder.remove(name)  # written before a restart, beyond what was kept: names in the tree are ours alone
            return folder.create(name)

    def _enter(self, path: tuple[str, ...]) -> Folder:
        """The folder of the tree at `path`; it stays open until another one is asked for."""
        if self._here is not None:
            if self._here[0] == path:
                return self._here[1]
            self._leave()
        folder = self._inside.sub(_TREE)
        for name in path:
            try:
                below = folder.sub(name)
            finally:
                folder.close()
            folder = below
        self._here = path, folder
        return folder

    def _leave(self) -> None:
        if self._here is not None:
            self._here[1].close()
            self._here = None

    def blocks(self) -> Iterator[bytes]:
        manifest = self._reopen(self._inside, _MANIFEST)
        try:
            yield from _read_back(manifest, min(self.at, self._offered.manifest))
        finally:
            os.close(manifest)
        left = self.at - self._offered.manifest
        for place in self._places:
            if left <= 0:
                return
            if not place.size:
                continue
            fd = self._reopen(self._enter(place.folder), place.name)
            try:
                yield from _read_back(fd, min(left, place.size))
            finally:
                os.close(fd)
            left -= place.size

    def is_there(self) -> bool:
        return _same(self._home.stat(self._name), self._inside.seen)

    def settle(self) -> None:
        if not self._listed:
            self._start_files()
        self._go_on()
        self.close()

    def move(self, new: str) -> None:
        inside = self._home.sub(self._name)
        try:
            self._home.move_in(inside, _TREE, new)
        finally:
            inside.close()

    def clear(self) -> None:
        if self.is_there():
            self._home.remove_tree(self._name)

    def close(self) -> None:
        self._close_file()
        self._leave()
        self._inside.close()

    def _close_file(self) -> None:
        if self._file is not None:
            fd, self._file = self._file, None
            os.close(fd)


def _read_back(fd: int, size: int) -> Iterator[bytes]:
    """The first `size` bytes of an open file, whose place for writing is its end again afterwards."""
    os.lseek(fd, 0, os.SEEK_SET)
    while size and (block := os.read(fd, min(size, _BLOCK))):
        size -= len(block)
        yield block
    os.lseek(fd, 0, os.SEEK_END)
