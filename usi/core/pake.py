"""The one password-authenticated key exchange: SPAKE2 on P-256 with SHA-256, HKDF and HMAC (RFC 9382).

Two people who share a short secret find out whether they do, and nobody else learns anything: what crosses the wire
fits every secret equally well, and each attempt tests one guess. The identities hold the exporter of the link, so the
outcome is good on this link alone and a relayed message fails (docs/PROTOCOL.md, "Proof of a shared secret").

The client is RFC 9382's A and speaks first; the host is its B and confirms first.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from usi.core import crypto
from usi.core.crypto import CURVE_ORDER, Point, derive, equal, labelled, mac, sha256

MAC_SIZE = 32
_HALF = 16  # the hash of the transcript is cut into Ke and Ka, and the confirmation keys into KcA and KcB
_UNBIASED = 48  # bytes that a scalar is reduced from: 128 bits more than the order has

# The two points of RFC 9382, section 6, whose discrete logarithms nobody knows, uncompressed.
M = Point.parse(
    bytes.fromhex(
        "04886e2f97ace46e55ba9dd7242579f2993b64e16ef3dcab95afd497333d8fa12f"
        "5ff355163e43ce224e0b0e65ff02ac8e5c7be09419c785e0ca547d55a12e2d20"
    )
)
N = Point.parse(
    bytes.fromhex(
        "04d8bbd6c639c62937b04d997f38c3770719c629d7014d49a24b4f98baa1292b49"
        "07d60aa6bfade45008a636337f5168c64d9bd36034808cd564490b1e656edbe7"
    )
)
_G = Point.generator()

Party = Literal["client", "host"]


def transcript(id_a: bytes, id_b: bytes, message_a: bytes, message_b: bytes, shared: bytes, w: int) -> bytes:
    """TT of RFC 9382, section 3.3."""
    fields = (id_a, id_b, message_a, message_b, shared, w.to_bytes(32, "big"))
    return b"".join(len(field).to_bytes(8, "little") + field for field in fields)


def confirmation_keys(tt: bytes) -> tuple[bytes, bytes]:
    """KcA and KcB of RFC 9382, section 4, without additional data; 16 bytes each."""
    (both,) = derive(sha256(tt)[_HALF:], b"", "ConfirmationKeys")
    return both[:_HALF], both[_HALF:]


def proof_key(tt: bytes) -> bytes:
    """A key of 32 bytes for what is said under cover of the proof, made of RFC 9382's Ke."""
    return derive(sha256(tt)[:_HALF], b"", "usi3 login key")[0]


class Exchange:
    """SPAKE2 as one party runs it, once: `w` is the secret and `x` fresh and random, both below the curve's order."""

    def __init__(self, party: Party, w: int, x: int) -> None:
        self._w, self._x = w, x
        self._party = party
        mine, self._theirs = (M, N) if party == "client" else (N, M)
        self.message = (_G * x + mine * w).encode()
        """What the other party gets, 65 bytes: a random point, whatever `w` is."""
        self.key = b""
        """Known to both once they have the same secret: 32 bytes, set by `confirmations`."""

    def shared(self, message: bytes) -> bytes:
        """K, 65 bytes, of the other's message. `CryptoError` where that is no point, or the neutral one comes out."""
        return ((Point.parse(message) - self._theirs * self._w) * self._x).encode()

    def confirmations(self, message: bytes, id_a: bytes, id_b: bytes) -> tuple[bytes, bytes]:
        """What to send and what must come, 32 bytes each. `CryptoError` as `shared`."""
        shared = self.shared(message)
        both = (self.message, message) if self._party == "client" else (message, self.message)
        tt = transcript(id_a, id_b, *both, shared, self._w)
        self.key = proof_key(tt)
        of_a, of_b = (mac(key, tt) for key in confirmation_keys(tt))
        return (of_a, of_b) if self._party == "client" else (of_b, of_a)


class Proving:
    """One proof between a client and a host, bound to their link by its `exporter`.

    `secret` is 64 bytes as `code_secret` or `password_secret` make them; `purpose` keeps the kinds of proofs apart."""

    def __init__(
        self,
        party: Party,
        purpose: str,
        secret: bytes,
        exporter: bytes,
        random: Callable[[int], bytes] = crypto.random_bytes,
    ) -> None:
        link = labelled(purpose) + exporter
        self._ids = (link + b"client", link + b"host")
        w = int.from_bytes(secret, "big") % CURVE_ORDER
        x = 1 + int.from_bytes(random(_UNBIASED), "big") % (CURVE_ORDER - 1)
        self._exchange = Exchange(party, w, x)
        self._expected: bytes | None = None
        self.message = self._exchange.message

    @property
    def key(self) -> bytes:
        """The key that only who has the secret knows, too: 32 bytes, after `confirm`. Good once the other `fits`."""
        return self._exchange.key

    def confirm(self, message: bytes) -> bytes:
        """This side's confirmation, 32 bytes, once the other's message is there; `CryptoError` for one that is none."""
        own, self._expected = self._exchange.confirmations(message, *self._ids)
        return own

    def fits(self, confirmation: bytes) -> bool:
        """Whether the other side has the same secret and sits at the other end of this very link."""
        return self._expected is not None and equal(self._expected, confirmation)


def code_secret(code: str) -> bytes:
    """The secret of an invitation's code: 64 bytes. No stretching is needed, for nothing can be tried offline."""
    return b"".join(derive(code.encode("ascii"), b"", "usi3 invitation", 2))


def password_secret(password: str, exporter: bytes) -> bytes:
    """The secret of a typed password on this link: 64 bytes. Takes a quarter of a second or more, on purpose: whoever
    could break the exchange one day would still have to guess through bcrypt."""
    (salt,) = derive(exporter, b"", "usi3 password salt")
    hashed = crypto.stretched(crypto.typed(password), salt[: crypto.BCRYPT_SALT_SIZE])
    return b"".join(derive(hashed, b"", "usi3 password", 2))
