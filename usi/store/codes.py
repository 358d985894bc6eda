"""Codes of invitations that failed once on this device, so that none is tried a second time.

Whoever sits in between gets one guess for each time that a guest tries a code. What is kept for the hour that a code
lives is a slow hash of it, which is of no use for guessing 33 bits in that time.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import msgspec
import platformdirs

from usi.core.crypto import equal, random_bytes, slow_hash
from usi.core.errors import CannotKeep, UnreadableFile
from usi.core.invitation import LIFE
from usi.store import private

_LARGEST = 65_536
_MOST = 20  # entries; checking one takes some hundredths of a second


class _Spent(msgspec.Struct):
    salt: bytes
    hashed: bytes
    until: float


class SpentCodes:
    """The file of spent codes. Without a folder to write to nothing is remembered, and nothing fails."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path or platformdirs.user_state_path("usi") / "spent-codes.json"

    def has(self, code: str, now: float) -> bool:
        """Whether the code failed within the hour. Slow: not on an event loop."""
        spent = (each for each in self._load() if now < each.until)
        return any(equal(slow_hash(code.encode("ascii"), each.salt), each.hashed) for each in spent)

    def add(self, code: str, now: float) -> None:
        """Remember a code that failed. Slow: not on an event loop."""
        salt = random_bytes(16)
        spent = [each for each in self._load() if now < each.until < now + 2 * LIFE]
        spent.append(_Spent(salt, slow_hash(code.encode("ascii"), salt), now + LIFE))
        with suppress(CannotKeep, OSError):
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            private.write(self._path, msgspec.json.encode(spent[-_MOST:]))

    def _load(self) -> list[_Spent]:
        with suppress(UnreadableFile, ValueError, RecursionError):  # whatever is in it, nothing fails
            found = private.read(self._path, _LARGEST)
            if found is not None:
                return msgspec.json.decode(found[0], type=list[_Spent])[-_MOST:]
        return []
