"""The stream of a file transfer: sealed chunks in order, with the sender's signature at the end (PROTOCOL.md, "Files").

A transfer is one stream of bytes: a file's content, or a folder's manifest and the contents of its files. Both sides
count in chunks of `CHUNK` bytes. Nothing here reads, writes or waits.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from usi.core import wire
from usi.core.crypto import (
    NONCE_SIZE,
    SIGNATURE_SIZE,
    TAG_SIZE,
    Buffer,
    CryptoError,
    Ocb,
    PublicKey,
    derive,
    digest,
)
from usi.core.errors import FileAltered, FileReordered, FileReplaced

CHUNK = 262_144  # bytes: large enough for the full speed of the cipher, small enough to lose when a wire is cut
SALT_SIZE = 32
MAX_FILE_NAME = 255
MAX_MANIFEST = 16 * 1024 * 1024  # bytes: some 100,000 files
_SEARCHED = 64  # chunks before and after, among which one that came at the wrong place is recognised


class Offered(msgspec.Struct, frozen=True, array_like=True):
    """What a post offers: all that a reader needs to fetch and check it. Sealed and signed like any text."""

    transfer: wire.TransferId
    key: wire.Key
    name: Annotated[str, Meta(min_length=1, max_length=MAX_FILE_NAME)]
    """As the sender gives it: to be cleaned before it is shown or written."""
    size: wire.Count
    """Bytes of the whole stream, the manifest included."""
    files: wire.Count | None
    """How many files a folder holds; None where it is a single file."""
    manifest: Annotated[int, Meta(ge=0, le=MAX_MANIFEST)]
    """Bytes of a folder's manifest, with which the stream begins; 0 for a file."""

    def __repr__(self) -> str:  # without the key
        return f"Offered({self.transfer.hex()}, {self.name!r})"

    @property
    def content(self) -> int:
        """Bytes of what is to be received, without the manifest."""
        return max(0, self.size - self.manifest)

    @property
    def chunks(self) -> int:
        """How many chunks the stream has: an empty one is a single empty chunk."""
        return max(1, -(-self.size // CHUNK))


def signed_end(offered: Offered, stream_hash: bytes) -> bytes:
    """What the sender signs at the end: this transfer, its size, and SHA-256 of the stream."""
    return digest("usi3 file", offered.transfer, offered.size.to_bytes(8, "big"), stream_hash)


class _Stream:
    """The key of one data connection, and where in the stream it is."""

    def __init__(self, offered: Offered, salt: bytes, first: int) -> None:
        (key,) = derive(offered.key, salt + offered.transfer, "usi3 file")
        self._aead = Ocb(key)
        self._offered = offered
        self.next = first
        """The number of the chunk that comes next."""

    @property
    def ended(self) -> bool:
        return self.next == self._offered.chunks

    def _nonce(self, number: int) -> bytes:
        last = number == self._offered.chunks - 1
        return number.to_bytes(NONCE_SIZE - 1, "big") + bytes((last,))


class Sealer(_Stream):
    """Seals the chunks of one data connection. `salt` is 32 fresh random bytes, so the key is of this connection
    alone; its counter never repeats, so no nonce does, whatever became of the file meanwhile."""

    def seal(self, chunk: bytes, signature: bytes = b"") -> bytes:
        """The next chunk, of exactly the size that the stream has there; the last one takes the signature along."""
        sealed = self._aead.seal(self._nonce(self.next), chunk + signature if signature else chunk)
        self.next += 1
        return sealed


class Opener(_Stream):
    """Opens the chunks of one data connection, from chunk `first` on."""

    signature = b""
    """The sender's, once the last chunk has been opened."""

    @property
    def expected(self) -> int:
        """Bytes of the next sealed chunk."""
        if self.next < self._offered.chunks - 1:
            return CHUNK + TAG_SIZE
        return self._offered.size - self.next * CHUNK + SIGNATURE_SIZE + TAG_SIZE

    def open(self, sealed: Buffer) -> bytes:
        """The content of the next chunk; `FileReordered` or `FileAltered` where it is another."""
        try:
            chunk = self._aead.open(self._nonce(self.next), sealed)
        except CryptoError as error:
            raise (FileReordered if self._stands_elsewhere(sealed) else FileAltered) from error
        if self.next == self._offered.chunks - 1:
            chunk, self.signature = chunk[:-SIGNATURE_SIZE], chunk[-SIGNATURE_SIZE:]
        self.next += 1
        return chunk

    def check_end(self, sender: PublicKey, stream_hash: bytes) -> None:
        """Whether the sender signed this very stream; `FileReplaced` where not: whoever has the file's key can seal."""
        if not sender.verify(signed_end(self._offered, stream_hash), self.signature):
            raise FileReplaced

    def _stands_elsewhere(self, sealed: Buffer) -> bool:
        nearby = range(max(0, self.next - _SEARCHED), min(self._offered.chunks, self.next + _SEARCHED))
        for number in nearby:
            try:
                self._aead.open(self._nonce(number), sealed)
            except CryptoError:
                continue
            return True
        return False
