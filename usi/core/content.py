"""What people say: sealed under a conversation's key and signed by its author (PROTOCOL.md, "Content").

Whoever has the key can read; nobody, the host included, can put words into somebody's mouth or move them to another
conversation, because the signature covers both.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from usi.core import wire
from usi.core.crypto import (
    NONCE_SIZE,
    SIGNATURE_SIZE,
    CryptoError,
    Ocb,
    PrivateKey,
    PublicKey,
    digest,
    labelled,
    random_bytes,
    sha256,
)
from usi.core.transfer import Offered

RUN_SIZE = 8
Kind = Literal["text", "me", "offer", "withdraw"]
_LABEL = labelled("usi3 content")


class Body(msgspec.Struct, frozen=True, omit_defaults=True):
    """The signed inside of a post; fields that a later version adds are ignored."""

    kind: Kind
    text: str
    name: wire.Name
    sent_at: int
    """Milliseconds since 1970 (UTC), by the author's clock."""
    run: Annotated[bytes, Meta(min_length=RUN_SIZE, max_length=RUN_SIZE)]
    """Random for each stay of the author in the conversation."""
    n: wire.Number
    """The author's posts to this conversation in this stay, counted from 1."""
    reply_to: wire.PostId | None = None
    offer: Offered | None = None
    """What an `offer` offers."""
    transfer: wire.TransferId | None = None
    """Which offer a `withdraw` takes back."""
    unsaid: Annotated[int, Meta(ge=0, le=2**63 - 1)] = 0
    """How many counts directly before `n` were heard by nobody: the host did not take those posts."""


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Body)


class ConversationKey:
    """A conversation (16 bytes), who hands out its key (a member id, 32 bytes), and the key (32 bytes)."""

    def __init__(self, conversation: bytes, holder: bytes, key: bytes) -> None:
        self.conversation = conversation
        self.holder = holder
        self.key_id = digest("usi3 key id", key)
        self._aead = Ocb(key)

    def _aad(self, sender: bytes) -> bytes:
        return _LABEL + self.conversation + self.key_id + sender

    def _signed(self, sender: bytes, post_id: bytes, body: bytes) -> bytes:
        return digest(
            "usi3 content", self.holder, self.conversation, self.key_id, sender, post_id, sha256(body)
        )

    def seal(self, author: PrivateKey, body: Body, post_id: bytes | None = None) -> wire.Post:
        """Sign and seal. Each call draws a new id; send the same result again rather than sealing again. `post_id`:
        an id that was drawn for this seal before."""
        sender, post_id = author.public.id, post_id or random_bytes(NONCE_SIZE)
        encoded = _encoder.encode(body)
        inside = len(encoded).to_bytes(wire.LENGTH_SIZE, "big") + encoded
        inside += author.sign(self._signed(sender, post_id, encoded))
        inside += bytes(-len(inside) % wire.PADDING)
        # The id is the nonce: 120 random bits, drawn for this seal alone.
        sealed = self._aead.seal(post_id, inside, self._aad(sender))
        return wire.Post(self.conversation, self.key_id, sender, post_id, sealed)

    def open(self, post: wire.Post | wire.Posted) -> Opened:
        """What is inside, its signature not yet checked. `CryptoError` where it was not sealed under this key."""
        if post.key_id != self.key_id or post.conversation != self.conversation:
            raise CryptoError("another key")
        inside = self._aead.open(post.id, post.sealed, self._aad(post.sender))
        end = wire.LENGTH_SIZE + int.from_bytes(inside[: wire.LENGTH_SIZE], "big")
        body, signature, rest = inside[wire.LENGTH_SIZE : end], inside[end : end + SIGNATURE_SIZE], inside[end:]
        padding = rest[SIGNATURE_SIZE:]
        exact = len(inside) % wire.PADDING == 0 and len(padding) < wire.PADDING and len(signature) == SIGNATURE_SIZE
        if not exact or any(padding):
            raise CryptoError("layout")
        return Opened(body, signature, self._signed(post.sender, post.id, body))


@dataclass(frozen=True)
class Opened:
    """Opened content: the encoded body, its signature, and what the signature is over."""

    encoded: bytes
    signature: bytes
    signed: bytes

    def is_by(self, author: PublicKey) -> bool:
        return author.verify(self.signed, self.signature)

    def body(self) -> Body:
        """The fields; `CryptoError` where they are none that this version knows."""
        try:
            body = _decoder.decode(self.encoded)
            if len(body.text.encode("utf-8")) > wire.MAX_TEXT or body.unsaid >= body.n:
                raise CryptoError("body")
            if (body.kind == "offer") != (body.offer is not None) or (body.kind == "withdraw") != (
                body.transfer is not None
            ):
                raise CryptoError("body")
            return body
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise CryptoError("body") from error
