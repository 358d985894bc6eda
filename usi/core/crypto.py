"""The one door to the crypto libraries: RSA keys, AES-OCB, the key encapsulation, key derivation, the curve P-256.

Algorithms and labels are those of `docs/PROTOCOL.md`; everything here is a public API of pycryptodome (and, for the
same OCB bytes faster, of `cryptography` where it is installed). Whoever calls says why a nonce is fresh.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import unicodedata
from contextlib import suppress
from functools import cached_property
from typing import Any, Protocol

import bcrypt
from Crypto.Cipher import AES
from Crypto.Cipher import oaep as _oaep
from Crypto.Hash import SHA256
from Crypto.Protocol import HPKE
from Crypto.Protocol.DH import import_x25519_public_key
from Crypto.Protocol.KDF import HKDF
from Crypto.PublicKey import ECC, MLKEM, RSA
from Crypto.Random import get_random_bytes
from Crypto.Signature import pss

from usi.core.errors import BadKey
from usi.core.language import tr

try:
    from cryptography.exceptions import InvalidTag as _InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESOCB3 as _Fast
except ImportError:  # the `fast` extra is not installed
    _HAVE_FAST = False
else:
    _HAVE_FAST = True

RSA_BITS = 2048
MODULUS_SIZE = SIGNATURE_SIZE = OAEP_SIZE = RSA_BITS // 8
TAG_SIZE = 16
NONCE_SIZE = 15
KEY_SIZE = ID_SIZE = 32
MLKEM_PUBLIC_SIZE, MLKEM_SEALED_SIZE, X25519_SIZE = 1184, 1088, 32
_LABEL_SIZE = 32
_EXPONENT = 65537


Buffer = bytes | bytearray | memoryview
"""What can be opened without being copied first."""


class CryptoError(ValueError):
    """A value did not open, verify or parse. Says no more than that on purpose."""


def random_bytes(size: int) -> bytes:
    """`size` bytes from the operating system's generator."""
    return get_random_bytes(size)


def labelled(label: str) -> bytes:
    """A label padded with NUL to 32 bytes."""
    raw = label.encode("ascii")
    if len(raw) > _LABEL_SIZE:
        raise ValueError(f"label too long: {label}")
    return raw.ljust(_LABEL_SIZE, b"\0")


def digest(label: str, *fields: bytes) -> bytes:
    """H(label, …) of the protocol: SHA-256 of the padded label and fixed-size fields, 32 bytes."""
    return hashlib.sha256(labelled(label) + b"".join(fields)).digest()


def sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def derive(secret: bytes, salt: bytes, label: str, count: int = 1, *, context: bytes = b"") -> tuple[bytes, ...]:
    """HKDF-SHA256 (RFC 5869): `count` independent keys of 32 bytes; `context` stands behind the label in `info`."""
    keys = HKDF(secret, KEY_SIZE, salt, SHA256, num_keys=count, context=label.encode("ascii") + context)
    return tuple(keys) if isinstance(keys, list) else (keys,)


def mac(key: bytes, data: bytes) -> bytes:
    """HMAC-SHA256, 32 bytes."""
    return hmac.digest(key, data, "sha256")


def equal(one: bytes, other: bytes) -> bool:
    """Whether two secrets are the same, in a time that does not tell where they differ."""
    return hmac.compare_digest(one, other)


# --- RSA ---------------------------------------------------------------------------------------------------------


class PublicKey:
    """An RSA-2048 public key, known by its modulus (256 bytes big-endian); the exponent is 65537 by definition.

    Raises `CryptoError` for a modulus that is even or not exactly 2048 bits long.
    """

    def __init__(self, modulus: bytes) -> None:
        number = int.from_bytes(modulus, "big")
        if len(modulus) != MODULUS_SIZE or number.bit_length() != RSA_BITS or not number % 2:
            raise CryptoError("not an RSA-2048 modulus")
        self.modulus = modulus

    @cached_property
    def _key(self) -> RSA.RsaKey:
        return RSA.construct((int.from_bytes(self.modulus, "big"), _EXPONENT), consistency_check=False)

    @cached_property
    def der(self) -> bytes:
        """Our own SubjectPublicKeyInfo encoding of this key."""
        return self._key.export_key(format="DER")

    @cached_property
    def id(self) -> bytes:
        """The member id: SHA-256 of `der`."""
        return sha256(self.der)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PublicKey) and other.modulus == self.modulus

    def __hash__(self) -> int:
        return hash(self.modulus)

    def verify(self, message: bytes, signature: bytes) -> bool:
        """Whether `signature` (256 bytes) is RSASSA-PSS with SHA-256 and a 32-byte salt over `message`."""
        try:
            pss.new(self._key).verify(SHA256.new(message), signature)
        except (ValueError, TypeError):
            return False
        return True

    def encrypt(self, secret: bytes, label: bytes) -> bytes:
        """RSA-OAEP with SHA-256 for hash and mask; 256 bytes."""
        return _oaep.new(self._key, hashmod=SHA256, label=label).encrypt(secret)


class PrivateKey:
    """An RSA-2048 key pair. Making one takes a quarter of a second or more: do it off the event loop."""

    def __init__(self, key: RSA.RsaKey) -> None:
        self._key = key
        self.public = PublicKey(int(key.n).to_bytes(MODULUS_SIZE, "big"))

    @classmethod
    def generate(cls) -> PrivateKey:
        return cls(RSA.generate(RSA_BITS, e=_EXPONENT))

    @classmethod
    def from_pem(cls, pem: bytes, passphrase: bytes | None = None) -> PrivateKey:
        """One of our own key files; never for bytes that a peer sent. `ValueError` where it does not open."""
        key = RSA.import_key(pem, passphrase)
        if not key.has_private() or key.size_in_bits() != RSA_BITS or key.e != _EXPONENT:
            raise CryptoError("not an RSA-2048 private key")
        return cls(key)

    def to_pem(self, passphrase: bytes) -> bytes:
        """The key as a PEM file (PKCS #8), sealed with AES-256-GCM under a key that scrypt makes of the passphrase."""
        pem = self._key.export_key(
            "PEM",
            passphrase,
            pkcs=8,
            protection="scryptAndAES256-GCM",
            prot_params={"iteration_count": SCRYPT_COST, "block_size": 8, "parallelization": 1, "salt_size": 16},
        )
        return bytes(pem) + b"\n"

    def secret(self, label: str) -> bytes:
        """A key of 32 bytes that only who has this private key can derive, for what its owner keeps on disk."""
        (key,) = derive(int(self._key.d).to_bytes(MODULUS_SIZE, "big"), self.public.id, label)
        return key

    def sign(self, message: bytes) -> bytes:
        """RSASSA-PSS, SHA-256, salt of 32 random bytes; 256 bytes."""
        return pss.new(self._key).sign(SHA256.new(message))

    def decrypt(self, sealed: bytes, label: bytes) -> bytes:
        """Open an OAEP block of 256 bytes; `CryptoError` if it does not open."""
        try:
            return _oaep.new(self._key, hashmod=SHA256, label=label).decrypt(sealed)
        except (ValueError, TypeError) as error:
            raise CryptoError("OAEP") from error


# --- AES-OCB -----------------------------------------------------------------------------------------------------


class Aead(Protocol):
    """AES-OCB3 (RFC 7253) with a 15-byte nonce and a 16-byte tag, bound to one key."""

    def seal(self, nonce: bytes, data: bytes, aad: bytes = b"") -> bytes: ...

    def open(self, nonce: bytes, data: Buffer, aad: bytes = b"") -> bytes:
        """The plaintext, or `CryptoError`."""
        ...


class PortableOcb:
    """AES-OCB by pycryptodome."""

    __slots__ = ("_key",)

    def __init__(self, key: bytes) -> None:
        self._key = key

    def seal(self, nonce: bytes, data: bytes, aad: bytes = b"") -> bytes:
        cipher = AES.new(self._key, AES.MODE_OCB, nonce=nonce, mac_len=TAG_SIZE)
        if aad:
            cipher.update(aad)
        sealed, tag = cipher.encrypt_and_digest(data)
        return sealed + tag

    def open(self, nonce: bytes, data: Buffer, aad: bytes = b"") -> bytes:
        if len(data) < TAG_SIZE:
            raise CryptoError("OCB")
        cipher = AES.new(self._key, AES.MODE_OCB, nonce=nonce, mac_len=TAG_SIZE)
        if aad:
            cipher.update(aad)
        try:
            view = memoryview(data)
            return cipher.decrypt_and_verify(view[:-TAG_SIZE], view[-TAG_SIZE:])
        except ValueError as error:
            raise CryptoError("OCB") from error


if _HAVE_FAST:

    class FastOcb:
        """AES-OCB by OpenSSL: the same bytes as `PortableOcb`, some twenty times faster for small records."""

        __slots__ = ("_cipher",)

        def __init__(self, key: bytes) -> None:
            self._cipher = _Fast(key)

        def seal(self, nonce: bytes, data: bytes, aad: bytes = b"") -> bytes:
            return self._cipher.encrypt(nonce, data, aad)

        def open(self, nonce: bytes, data: Buffer, aad: bytes = b"") -> bytes:
            try:
                return self._cipher.decrypt(nonce, data, aad)
            except (_InvalidTag, ValueError) as error:
                raise CryptoError("OCB") from error

    Ocb: type[PortableOcb] | type[FastOcb] = FastOcb
else:
    Ocb = PortableOcb

OCB_LIBRARY = "cryptography" if _HAVE_FAST else "pycryptodome"


# --- key encapsulation --------------------------------------------------------------------------------------------


KEM_SEED_SIZE = 64 + 32


class KemKeys:
    """The receiving side of one key exchange: an ML-KEM-768 and an X25519 key (RFC 9180, FIPS 203) made from
    `seed`, 96 fresh random bytes: 64 for ML-KEM, 32 for X25519."""

    def __init__(self, seed: bytes) -> None:
        self._mlkem = MLKEM.construct(param_set=MLKEM.ML_KEM_768, seed=seed[:64])
        self._x25519 = ECC.construct(curve="Curve25519", seed=seed[64:])
        self.mlkem_public: bytes = self._mlkem.ek
        self.x25519_public: bytes = self._x25519.public_key().export_key(format="raw")

    def open(self, sealed_mlkem: bytes, sealed_x25519: bytes, info: bytes) -> bytes:
        """The two 32-byte HPKE exports, one after the other; `CryptoError` for values that are not valid."""
        try:
            return _export(
                HPKE.new(receiver_key=self._mlkem, aead_id=_EXPORT_ONLY, enc=sealed_mlkem, info=info),
                HPKE.new(receiver_key=self._x25519, aead_id=_EXPORT_ONLY, enc=sealed_x25519, info=info),
            )
        except ValueError as error:
            raise CryptoError("KEM") from error


def encapsulate(mlkem_public: bytes, x25519_public: bytes, info: bytes) -> tuple[bytes, bytes, bytes]:
    """The sending side: (ML-KEM ciphertext 1088, X25519 public key 32, the two exports 64)."""
    try:
        mlkem = HPKE.new(
            receiver_key=MLKEM.construct(param_set=MLKEM.ML_KEM_768, ek=mlkem_public),
            aead_id=_EXPORT_ONLY,
            info=info,
        )
        x25519 = HPKE.new(
            receiver_key=import_x25519_public_key(x25519_public), aead_id=_EXPORT_ONLY, info=info
        )
    except ValueError as error:
        raise CryptoError("KEM") from error
    return mlkem.enc, x25519.enc, _export(mlkem, x25519)


_EXPORT_ONLY = HPKE.AEAD.EXPORT_ONLY


def _export(*contexts: HPKE.HPKE_Cipher) -> bytes:
    return b"".join(context.export(b"usi3 kem", KEY_SIZE) for context in contexts)


# --- passwords and passphrases ------------------------------------------------------------------------------------

SCRYPT_COST = 2**17  # N, with r = 8 and p = 1: 128 MiB and some tenths of a second for each guess
BCRYPT_COST = 12
BCRYPT_SALT_SIZE = 16
_TO_BCRYPT = bytes.maketrans(
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
    b"./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789",
)


def typed(secret: str) -> bytes:
    """A password or passphrase as bytes, the same from every keyboard: NFC, UTF-8."""
    return unicodedata.normalize("NFC", secret).encode("utf-8", "surrogatepass")


def scrypt(secret: bytes, salt: bytes, n: int, r: int, p: int) -> bytes:
    """scrypt (RFC 7914), 32 bytes. Takes 128 · n · r bytes of memory and, at n = 2^17, some tenths of a second: not on
    an event loop."""
    return hashlib.scrypt(secret, salt=salt, n=n, r=r, p=p, maxmem=256 * r * (n + p), dklen=KEY_SIZE)


def bcrypt_of(hashed: bytes, salt: bytes) -> bytes:
    """bcrypt, cost 12, of the base64 of 32 hashed bytes, with a salt of 16 bytes: 60 bytes of text. A quarter of a
    second or more: not on an event loop. The hash lifts bcrypt's limit of 72 bytes, base64 its fear of NUL."""
    digits = base64.b64encode(salt).rstrip(b"=").translate(_TO_BCRYPT)
    return bcrypt.hashpw(base64.b64encode(hashed), b"$2b$%02d$" % BCRYPT_COST + digits)


def stretched(password: bytes, salt: bytes) -> bytes:
    """bcrypt of base64(SHA-256(password)), as `bcrypt_of`."""
    return bcrypt_of(sha256(password), salt)


def slow_hash(data: bytes, salt: bytes) -> bytes:
    """scrypt, 32 bytes, for what could be guessed from a file."""
    return scrypt(data, salt, 2**14, 8, 1)


# --- the curve P-256 ----------------------------------------------------------------------------------------------

POINT_SIZE = 65
CURVE_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_EccPoint: Any = ECC.EccPoint  # type: ignore[attr-defined]  # documented there, defined elsewhere
_CURVE_PRIME = 2**256 - 2**224 + 2**192 + 2**96 - 1
_GENERATOR = (
    0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
    0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
)


class Point:
    """A point of P-256 that is not its neutral element. The cofactor is 1, so each of them has the full order.

    The arithmetic is the library's, and so is how constant its time is."""

    __slots__ = ("_point",)

    def __init__(self, point: Any) -> None:
        if point.is_point_at_infinity():
            raise CryptoError("the neutral element")
        self._point = point

    @classmethod
    def generator(cls) -> Point:
        return cls(_EccPoint(*_GENERATOR, curve="p256"))

    @classmethod
    def parse(cls, data: bytes) -> Point:
        """A point from its uncompressed form (SEC 1): 4, x, y. `CryptoError` for anything that is none."""
        x, y = int.from_bytes(data[1:33], "big"), int.from_bytes(data[33:], "big")
        if len(data) != POINT_SIZE or data[0] != 4 or x >= _CURVE_PRIME or y >= _CURVE_PRIME:
            raise CryptoError("not a point")
        try:
            return cls(_EccPoint(x, y, curve="p256"))
        except ValueError as error:
            raise CryptoError("not on the curve") from error

    def encode(self) -> bytes:
        """The uncompressed form, 65 bytes."""
        return b"\4" + int(self._point.x).to_bytes(32, "big") + int(self._point.y).to_bytes(32, "big")

    def __add__(self, other: Point) -> Point:
        return Point(self._point + other._point)

    def __sub__(self, other: Point) -> Point:
        return Point(self._point + -other._point)

    def __mul__(self, scalar: int) -> Point:
        return Point(self._point * scalar)


# --- preset keys and fingerprints ---------------------------------------------------------------------------------

PRESET_SIZES = (16, 24, 32)


def parse_preset_key(text: str) -> bytes:
    """A preset key of 128, 192 or 256 bits from hexadecimal or (padded or not, either alphabet) base64.

    Hexadecimal wins where both would parse. Raises `BadKey`.
    """
    compact = "".join(text.split())
    if not compact:
        raise BadKey(why="it is empty")
    standard = compact.rstrip("=").replace("-", "+").replace("_", "/")
    readings: list[bytes] = []
    with suppress(ValueError):
        readings.append(bytes.fromhex(compact.replace(":", "")))
    with suppress(ValueError):
        readings.append(base64.b64decode(standard + "=" * (-len(standard) % 4), validate=True))
    for key in readings:
        if len(key) in PRESET_SIZES:
            return key
    if readings:
        raise BadKey(why=tr("it has {bits} bits", bits=len(readings[0]) * 8))
    raise BadKey(why="it is neither hexadecimal nor base64")


def new_preset_key() -> str:
    """A fresh 256-bit preset key in base64."""
    return base64.b64encode(random_bytes(KEY_SIZE)).decode("ascii")


def link_fingerprint(client: PublicKey, host: PublicKey) -> bytes:
    """What two people compare: SHA-256(client DER ‖ host DER), 32 bytes."""
    return sha256(client.der + host.der)


def grouped(fingerprint: bytes) -> str:
    """A fingerprint as lower-case hexadecimal in groups of four digits."""
    digits = fingerprint.hex()
    return " ".join(digits[i : i + 4] for i in range(0, len(digits), 4))
