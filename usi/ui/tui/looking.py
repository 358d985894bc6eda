"""What is on the disk where somebody points: paths that were dropped, and how much there is. Nothing is opened."""

from __future__ import annotations

import os
import shlex
import stat
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple

from usi.core.language import tr
from usi.core.paths import readings
from usi.ui import amounts

_LONGEST = 32 * 1024  # characters of a paste that may be paths
_MOST = 50  # files dropped at once
_COUNTED = 100_000  # entries of a folder that are looked at


def dropped(text: str) -> list[str]:
    """The paths that a paste consists of, if it is nothing else and something is at each of them: one a line, or
    several on a line as terminals write them. Only whole paths, from the root or the home folder on, so that a word
    that is also the name of a file stays a word."""
    lines = text.strip().splitlines()
    if not lines or len(text) > _LONGEST or len(lines) > _MOST:
        return []
    found = [_there(line) for line in lines]
    if len(lines) == 1 and found == [None]:
        found = [_there(shlex.quote(word)) for word in _words(lines[0])]
    paths = [path for path in found if path is not None]
    return paths if len(paths) == len(found) <= _MOST else []


def _words(line: str) -> list[str]:
    try:
        return shlex.split(line) if sys.platform != "win32" else []
    except ValueError:  # an open quote
        return []


def _there(line: str) -> str | None:
    """The first reading of a line that is a whole path to something."""
    for reading in readings(line):
        path = os.path.expanduser(reading) if reading.startswith("~") else reading
        if not os.path.isabs(path) or path[:2] in ("//", "\\\\"):  # another machine is not called for a paste
            continue
        with suppress(OSError, ValueError):
            os.lstat(path)
            return path
    return None


def meant(line: str) -> str | None:
    """The path that a typed line means, as /send reads it; None where nothing is there."""
    for reading in readings(line):
        with suppress(OSError, ValueError):
            path = os.path.expanduser(reading)
            os.lstat(path)
            return path
    return None


def as_line(path: str) -> str:
    """What to give /send for exactly this path."""
    path = os.path.abspath(path)  # so that it begins with nothing that is read otherwise
    plain = path == path.strip() and "\n" not in path
    return path if plain or sys.platform == "win32" else shlex.quote(path)


class Found(NamedTuple):
    """What is at a path: bytes, and the number of files for a folder."""

    size: int
    files: int | None = None
    more: bool = False
    """There is more than was counted."""

    def __str__(self) -> str:
        if self.more:
            size = amounts.size(self.size)
            return tr("folder of more than {count} files, {size}", count=self.files, size=size)
        return amounts.content(self.size, self.files)


def measure(path: str, cancelled: Callable[[], bool] = lambda: False) -> Found | None:
    """How much there is at a path; None for what cannot be sent or seen. Links within a folder are not followed.

    Blocks: for a thread, which stops when `cancelled` says so."""
    try:
        seen = os.stat(path)
    except (OSError, ValueError):
        return None
    if stat.S_ISREG(seen.st_mode):
        return Found(seen.st_size)
    if not stat.S_ISDIR(seen.st_mode):
        return None
    size = files = 0
    folders, looked = [path], 0
    while folders:
        try:
            with os.scandir(folders.pop()) as entries:
                for entry in entries:
                    looked += 1
                    if looked > _COUNTED or cancelled():
                        return Found(size, files, more=True)
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(entry.path)
                    elif entry.is_file(follow_symlinks=False):
                        size += entry.stat(follow_symlinks=False).st_size
                        files += 1
        except OSError:  # /send will say so
            continue
    return Found(size, files)
