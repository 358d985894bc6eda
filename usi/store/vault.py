"""How rows of a history are sealed, and under which key (docs/PROTOCOL.md, "The history file").

The passphrase makes the key by scrypt, with the cost and salt of the header. A row is sealed for its place: for this
file, its kind, its room and its number, so that it opens nowhere else.
"""

from __future__ import annotations

from dataclasses import dataclass

from usi.core.crypto import (
    NONCE_SIZE,
    SCRYPT_COST,
    CryptoError,
    Ocb,
    derive,
    digest,
    labelled,
    mac,
    random_bytes,
    scrypt,
    typed,
)

SALT_SIZE = 32
FILE_ID_SIZE = 16
TAG_SIZE = 16  # of a room, a key or an author: enough that no two of a file are alike


@dataclass(frozen=True)
class Cost:
    """Parameters of scrypt; each guess takes 128 · n · r bytes of memory."""

    n: int = SCRYPT_COST
    r: int = 8
    p: int = 1


LEAST = Cost(2**14, 8, 1)
MOST = Cost(2**20, 16, 4)
"""A header that asks for less or for more was changed: it would weaken the passphrase, or take all memory (2 GiB)."""


@dataclass(frozen=True)
class Header:
    """What stands in clear at the start of a file, and the sealed proof of its passphrase."""

    cost: Cost
    salt: bytes
    file_id: bytes
    proof: bytes
    """A sealed row without content: it opens under the right passphrase only."""
    checksum: bytes
    """Of the rest, without a key: it tells a damaged header from a wrong passphrase."""

    @property
    def is_whole(self) -> bool:
        sizes = (len(self.salt), len(self.file_id)) == (SALT_SIZE, FILE_ID_SIZE)
        return sizes and self.checksum == _checksum(self)

    @property
    def is_bearable(self) -> bool:
        """Whether its cost is within bounds."""
        cost = self.cost
        within = LEAST.n <= cost.n <= MOST.n and LEAST.r <= cost.r <= MOST.r and LEAST.p <= cost.p <= MOST.p
        return within and not cost.n & (cost.n - 1)


def _checksum(header: Header) -> bytes:
    cost = b"".join(value.to_bytes(8, "big", signed=True) for value in (header.cost.n, header.cost.r, header.cost.p))
    return digest("usi3 history checksum", cost, header.salt, header.file_id, header.proof)


class Vault:
    """Seals and opens the rows of one file. Making one takes tenths of a second and 128 MiB: for worker threads."""

    def __init__(self, passphrase: str, cost: Cost, salt: bytes, file_id: bytes) -> None:
        secret = scrypt(typed(passphrase), salt, cost.n, cost.r, cost.p)
        row_key, self._tag_key = derive(secret, file_id, "usi3 history", 2)
        self._aead = Ocb(row_key)
        self._file_id = file_id

    @classmethod
    def new(cls, passphrase: str, cost: Cost) -> tuple[Vault, Header]:
        """A vault for a new file, and its header."""
        salt, file_id = random_bytes(SALT_SIZE), random_bytes(FILE_ID_SIZE)
        vault = cls(passphrase, cost, salt, file_id)
        bare = Header(cost, salt, file_id, vault.seal("header", bytes(TAG_SIZE), 0, b""), b"")
        return vault, Header(cost, salt, file_id, bare.proof, _checksum(bare))

    @classmethod
    def unlock(cls, header: Header, passphrase: str) -> Vault:
        """The vault of a header without a fault; `CryptoError` where the passphrase is another."""
        vault = cls(passphrase, header.cost, header.salt, header.file_id)
        vault.open("header", bytes(TAG_SIZE), 0, header.proof)
        return vault

    def tag(self, kind: str, *ids: bytes) -> bytes:
        """What stands in the file for an id (fixed sizes), so that nobody without the key knows or finds it again."""
        return mac(self._tag_key, labelled(f"usi3 history {kind}") + b"".join(ids))[:TAG_SIZE]

    def seal(self, kind: str, tag: bytes, number: int, data: bytes) -> bytes:
        """A row: nonce ‖ sealed. The nonce is 120 random bits, drawn for this seal alone."""
        nonce = random_bytes(NONCE_SIZE)
        return nonce + self._aead.seal(nonce, data, self._place(kind, tag, number))

    def open(self, kind: str, tag: bytes, number: int, row: object) -> bytes:
        """What `seal` was given, or `CryptoError` where the row was not sealed in this file for this place."""
        if not isinstance(row, bytes):  # SQLite keeps any type in any column
            raise CryptoError("row")
        return self._aead.open(row[:NONCE_SIZE], row[NONCE_SIZE:], self._place(kind, tag, number))

    def _place(self, kind: str, tag: object, number: int) -> bytes:
        if not isinstance(tag, bytes):
            raise CryptoError("tag")
        return labelled(f"usi3 history {kind}") + self._file_id + tag + number.to_bytes(8, "big")

    def opens(self, kind: str, tag: bytes, number: int, row: object) -> bool:
        try:
            self.open(kind, tag, number, row)
        except CryptoError:
            return False
        return True
