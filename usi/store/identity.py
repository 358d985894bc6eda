"""A lasting identity: an RSA key in an encrypted PEM file that only its owner can read."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

from usi.core.crypto import CryptoError, PrivateKey, typed
from usi.core.errors import BadPassphrase, CannotKeep, DamagedIdentity, OpenIdentity, WrongPassphrase
from usi.store import private

_LARGEST = 16_384  # bytes; such a file has some two thousand
_OTHERS = 0o077
_PEM = re.compile(
    rb"\s*-----BEGIN ENCRYPTED PRIVATE KEY-----[A-Za-z0-9+/=\s]+-----END ENCRYPTED PRIVATE KEY-----\s*"
)


def open_identity(path: Path, ask: Callable[[bool], str]) -> PrivateKey:
    """The key in this file, which is made where there is none. Takes a second or more.

    `ask` gets a passphrase from the person; it is told whether it is for a new file. Raises `UnreadableFile`,
    `DamagedIdentity`, `OpenIdentity`, `WrongPassphrase`, `BadPassphrase` or `CannotKeep`."""
    found = private.read(path, _LARGEST)
    if found is None:
        return _make(path, ask)
    pem, mode = found
    if not _PEM.fullmatch(pem):
        clear = b"PRIVATE KEY-----" in pem and b"ENCRYPTED" not in pem
        raise DamagedIdentity(path=path, why="no passphrase protects it" if clear else "it is not an encrypted key")
    if os.name == "posix" and mode & _OTHERS:
        raise OpenIdentity(path=path)
    passphrase = typed(ask(False))
    try:
        return PrivateKey.from_pem(pem, passphrase)
    except CryptoError as error:
        raise DamagedIdentity(path=path, why="it holds another kind of key") from error
    except (ValueError, IndexError, TypeError, MemoryError) as error:
        raise WrongPassphrase(path=path) from error


def _make(path: Path, ask: Callable[[bool], str]) -> PrivateKey:
    if not path.parent.is_dir():
        raise CannotKeep(path=path, why="there is no such folder")
    passphrase = typed(ask(True))
    if not passphrase:
        raise BadPassphrase(why="it is empty")
    key = PrivateKey.generate()
    private.write(path, key.to_pem(passphrase), new=True)
    return key
