"""Known peers: which key a host had, and whose keys this identity has verified, from run to run.

The file lies beside the identity and is sealed under a key that only the identity can derive: whoever can write to the
disk can take it away or put an older copy back, but not add to it or read it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from usi.core.crypto import ID_SIZE, NONCE_SIZE, CryptoError, Ocb, PrivateKey, random_bytes
from usi.core.errors import DamagedPeers
from usi.store import private

SUFFIX = ".peers"
MOST = 10_000  # hosts, and verified keys, that are remembered; the oldest go first
_HEADER = b"USI3 known peers\n"
_LARGEST = 4 * 1024 * 1024

_Id = Annotated[bytes, Meta(min_length=ID_SIZE, max_length=ID_SIZE)]


class _Facts(msgspec.Struct):
    hosts: dict[str, _Id] = msgspec.field(default_factory=dict)
    """HOST:PORT → SHA-256 of the key that lasts there."""
    verified: list[_Id] = msgspec.field(default_factory=list)


class KnownPeers:
    """What an identity remembers. Each change is on the disk before the method returns, or raises `CannotKeep`."""

    def __init__(self, identity: Path, key: PrivateKey) -> None:
        """Raises `DamagedPeers` where the file was changed or is another identity's, `UnreadableFile` where it cannot
        be read."""
        self.path = identity.with_name(identity.name + SUFFIX)
        self._aead = Ocb(key.secret("usi3 known peers"))
        self._facts = self._load()

    def _load(self) -> _Facts:
        found = private.read(self.path, _LARGEST)
        if found is None:
            return _Facts()
        data = found[0].removeprefix(_HEADER)
        if len(data) == len(found[0]):
            raise DamagedPeers(path=self.path)
        try:
            plain = self._aead.open(data[:NONCE_SIZE], data[NONCE_SIZE:], _HEADER)
            return msgspec.msgpack.decode(plain, type=_Facts)
        except (CryptoError, ValueError) as error:
            raise DamagedPeers(path=self.path) from error

    @property
    def verified(self) -> frozenset[bytes]:
        """The member ids whose keys were verified with this identity's."""
        return frozenset(self._facts.verified)

    def host(self, place: str) -> bytes | None:
        """SHA-256 of the key that the host at HOST:PORT has, if it lasts and was met before."""
        return self._facts.hosts.get(place.lower())

    def note_host(self, place: str, key: bytes | None) -> bool:
        """Remember the lasting key of a host, or (None) that it has none. True where it was not known before."""
        place = place.lower()
        if self._facts.hosts.get(place) == key:
            return False
        self._facts.hosts.pop(place, None)
        if key is not None:
            self._facts.hosts[place] = key
        self._save()
        return key is not None

    def note_verified(self, member: bytes, yes: bool) -> None:
        """Remember that a key is verified, or that it is not."""
        if (member in self._facts.verified) == yes:
            return
        if yes:
            self._facts.verified.append(member)
        else:
            self._facts.verified.remove(member)
        self._save()

    def _save(self) -> None:
        self._facts.verified = self._facts.verified[-MOST:]
        self._facts.hosts = dict(list(self._facts.hosts.items())[-MOST:])
        nonce = random_bytes(NONCE_SIZE)  # 15 random bytes for each of a person's few changes: none comes twice
        private.write(self.path, _HEADER + nonce + self._aead.seal(nonce, msgspec.msgpack.encode(self._facts), _HEADER))
