"""Small files that are nobody else's business: read whole, and replaced whole or not at all, with mode 0600."""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from pathlib import Path

from usi.core.errors import CannotKeep, UnreadableFile


def read(path: Path, limit: int) -> tuple[bytes, int] | None:
    """The first `limit` bytes of a file and its permission bits, or None where there is none. `UnreadableFile`."""
    try:
        with path.open("rb") as file:
            return file.read(limit), os.fstat(file.fileno()).st_mode & 0o777
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UnreadableFile(path=path, why=(error.strerror or "error").lower()) from error


def write(path: Path, data: bytes, *, new: bool = False) -> None:
    """Put `data` in place of the file, on the disk before this returns; with `new` only where there is none yet.

    Raises `CannotKeep`; the file is then as it was."""
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # 0600, and nobody's link
    except OSError as error:
        raise CannotKeep(path=path, why=(error.strerror or "error").lower()) from error
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if new:
            _place(name, path)
        else:
            os.replace(name, path)
    except OSError as error:
        raise CannotKeep(path=path, why=(error.strerror or "error").lower()) from error
    finally:
        with suppress(FileNotFoundError):
            os.unlink(name)


def _place(name: str, path: Path) -> None:
    """Give a file its name without taking that of another."""
    try:
        os.link(name, path)
    except FileExistsError:
        raise
    except OSError:  # a file system without links
        if path.exists():
            raise FileExistsError from None
        os.replace(name, path)
