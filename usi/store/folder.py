"""An open folder, in which everything is reached by one name, and nothing through a link.

Names are looked up from the open folder, not from its path, where the system can do that (Linux, macOS): whoever swaps
the folder for a link meanwhile redirects nothing. Elsewhere (Windows) paths are put together, and links looked for
first.
Failures are OSErrors; whoever calls knows what to say of them.
"""

from __future__ import annotations

import errno
import os
import shutil
import stat
import sys
from contextlib import suppress
from pathlib import Path
from typing import TypedDict

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

NOFOLLOW = getattr(os, "O_NOFOLLOW", 0)
NONBLOCK = getattr(os, "O_NONBLOCK", 0)
"""Opening a named pipe must not wait for somebody at its other end; regular files do not mind."""
BINARY = getattr(os, "O_BINARY", 0)
_DIRECTORY = getattr(os, "O_DIRECTORY", 0)
_HAS_DIR_FD = bool(NOFOLLOW and _DIRECTORY) and {os.open, os.mkdir, os.stat, os.unlink, os.rename, os.link} <= (
    os.supports_dir_fd
)
_LINK_TAGS = (0xA000000C, 0xA0000003)  # a symbolic link and a junction of Windows
_NO_LINKS = (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK)
_LOCK_AT = 2**30  # locking is by range on Windows, where a locked range cannot be read: one beyond the end

PRIVATE_FILE = 0o600
PRIVATE_FOLDER = 0o700


class _DirFd(TypedDict, total=False):
    dir_fd: int


def is_link(seen: os.stat_result) -> bool:
    return stat.S_ISLNK(seen.st_mode) or getattr(seen, "st_reparse_tag", 0) in _LINK_TAGS


def is_own_file(seen: os.stat_result) -> bool:
    """A regular file of this user that has no other name: cutting it short harms nobody else's."""
    mine = not hasattr(os, "getuid") or seen.st_uid == os.getuid()
    return stat.S_ISREG(seen.st_mode) and not is_link(seen) and seen.st_nlink == 1 and mine


def lock(fd: int, *, wait: bool = False) -> bool:
    """Whether the file is ours alone now, until it is closed; another program, or place in this one, may have it."""
    try:
        if sys.platform == "win32":
            os.lseek(fd, _LOCK_AT, os.SEEK_SET)
            msvcrt.locking(fd, msvcrt.LK_LOCK if wait else msvcrt.LK_NBLCK, 1)
            os.lseek(fd, 0, os.SEEK_SET)
        else:
            fcntl.flock(fd, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except OSError as error:
        # A file system without locks is no reason to receive nothing.
        return error.errno in (errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS)
    return True


class Folder:
    """One folder, open until `close`. A `name` is a single part, clean or as `names` gave it."""

    def __init__(self, path: Path, *, above: Folder | None = None) -> None:
        """Open the folder at `path`, which is one in `above` if that is given; NotADirectoryError where it is a link or
        no folder."""
        self.path = path
        self._fd: int | None = None
        try:
            if _HAS_DIR_FD:
                where, at = (path.name, above._at()) if above else (os.fspath(path), _DirFd())
                self._fd = os.open(where, os.O_RDONLY | _DIRECTORY | NOFOLLOW, **at)
                self.seen = os.fstat(self._fd)
                return
        except OSError as error:
            if error.errno in (errno.ELOOP, errno.EMLINK):  # the latter on BSD
                raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), os.fspath(path)) from error
            raise
        self.seen = os.lstat(path)
        if is_link(self.seen) or not stat.S_ISDIR(self.seen.st_mode):
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), os.fspath(path))

    def close(self) -> None:
        if self._fd is not None and self._fd >= 0:
            os.close(self._fd)
            self._fd = -1  # and not None: nothing is looked up by path then

    def _at(self) -> _DirFd:
        return {} if self._fd is None else {"dir_fd": self._fd}

    def _where(self, name: str) -> str:
        return os.fspath(self.path / name) if self._fd is None else name

    def names(self) -> list[str]:
        return os.listdir(self.path if self._fd is None else self._fd)

    def stat(self, name: str) -> os.stat_result | None:
        """What stands under that name, a link itself and not what it leads to; None where nothing does."""
        try:
            return os.stat(self._where(name), follow_symlinks=False, **self._at())
        except FileNotFoundError:
            return None

    def create(self, name: str) -> int:
        """A new file, 0600 whatever the umask is, open for reading and writing; FileExistsError where anything has its
        name."""
        fd = self._open(name, os.O_RDWR | os.O_CREAT | os.O_EXCL)
        if sys.platform != "win32":
            os.fchmod(fd, PRIVATE_FILE)
        return fd

    def reopen(self, name: str) -> int | None:
        """A file that is there, open for reading and writing; None unless it is `is_own_file`."""
        try:
            fd = self._open(name, os.O_RDWR)
        except OSError:
            return None
        if is_own_file(os.fstat(fd)):
            return fd
        os.close(fd)
        return None

    def _open(self, name: str, flags: int) -> int:
        if not NOFOLLOW and (seen := self.stat(name)) and is_link(seen):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), name)
        return os.open(self._where(name), flags | NOFOLLOW | NONBLOCK | BINARY, PRIVATE_FILE, **self._at())

    def make(self, name: str) -> None:
        """A new folder, 0700; FileExistsError where anything has its name."""
        os.mkdir(self._where(name), PRIVATE_FOLDER, **self._at())
        os.chmod(self._where(name), PRIVATE_FOLDER, **self._at())

    def sub(self, name: str) -> Folder:
        """A folder in this one; errors as for `Folder`."""
        return Folder(self.path / name, above=self)

    def remove(self, name: str) -> None:
        """A file, or a link and not what it leads to, if it is there."""
        with suppress(FileNotFoundError):
            os.unlink(self._where(name), **self._at())

    def remove_tree(self, name: str) -> None:
        """A folder and all in it; links go and not what they lead to."""
        shutil.rmtree(self._where(name), **self._at())

    def move_in(self, source: Folder, name: str, new: str) -> None:
        """Give what is `name` in `source` the name `new` here; FileExistsError, and nothing overwritten, where that is
        taken. The rename of POSIX replaces silently, so the name is taken first: by a second link, or by something
        empty."""
        where, wanted = source._where(name), self._where(new)
        at = {"src_dir_fd": source._fd, "dst_dir_fd": self._fd}
        seen = source.stat(name)
        if os.name == "nt":  # whose rename replaces nothing
            os.rename(where, wanted)
            return
        if seen is not None and stat.S_ISDIR(seen.st_mode):
            self.make(new)
        else:
            try:
                os.link(where, wanted, follow_symlinks=os.link not in os.supports_follow_symlinks, **at)
                source.remove(name)
                return
            except OSError as error:
                if error.errno not in _NO_LINKS:
                    raise
                os.close(self.create(new))
        os.rename(where, wanted, **at)
