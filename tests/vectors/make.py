"""Writes the test vectors: `python tests/vectors/make.py` makes every file beside it anew.

The protocol is written down here a second time, from docs/PROTOCOL.md and with the crypto library alone, so that a
mistake in usi/ cannot hide in its own vectors; only the word list is shared. What a side draws at random comes out of
SHAKE-256 under a label, so that each run writes the same bytes. The one thing that no public interface lets us inject
is the randomness of the key encapsulation: its results are kept in encapsulations.json and used again, and drawn anew
only where a transcript is new. README.md says how to read the files.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
from Crypto.Cipher import AES, oaep
from Crypto.Hash import SHA256
from Crypto.Protocol import HPKE
from Crypto.Protocol.DH import import_x25519_public_key
from Crypto.PublicKey import ECC, MLKEM, RSA
from Crypto.Signature import pss

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1]))

from usi.core.words import WORDS  # noqa: E402 (run as a script, this file does not find usi otherwise)

Json = dict[str, Any]
pack = msgspec.msgpack.encode


# --- the protocol, once more ----------------------------------------------------------------------------------------


def drawn(label: str, size: int) -> bytes:
    """What stands for random bytes here."""
    return hashlib.shake_256(b"usi3 vectors: " + label.encode()).digest(size)


def h(label: str, *fields: bytes) -> bytes:
    return hashlib.sha256(label.encode().ljust(32, b"\0") + b"".join(fields)).digest()


def hkdf(secret: bytes, salt: bytes, info: str, size: int = 32) -> bytes:
    prk = hmac.digest(salt, secret, "sha256")
    block = output = b""
    while len(output) < size:
        block = hmac.digest(prk, block + info.encode() + bytes((len(output) // 32 + 1,)), "sha256")
        output += block
    return output[:size]


def seal(key: bytes, nonce: bytes, data: bytes, aad: bytes = b"") -> bytes:
    cipher = AES.new(key, AES.MODE_OCB, nonce=nonce, mac_len=16)
    cipher.update(aad)
    sealed, tag = cipher.encrypt_and_digest(data)
    return sealed + tag


@cache
def rsa(name: str) -> RSA.RsaKey:
    return RSA.import_key((HERE.parent / "keys" / f"{name}.pem").read_bytes())


def modulus(name: str) -> bytes:
    return int(rsa(name).n).to_bytes(256, "big")


def der(name: str) -> bytes:
    return rsa(name).public_key().export_key(format="DER")


def member_id(name: str) -> bytes:
    return hashlib.sha256(der(name)).digest()


def sign(name: str, message: bytes) -> bytes:
    return pss.new(rsa(name), rand_func=lambda size: drawn("salt", size)).sign(SHA256.new(message))


def encrypt(name: str, secret: bytes, label: bytes) -> bytes:
    seed = lambda size: drawn("oaep seed", size)  # noqa: E731
    return oaep.new(rsa(name).public_key(), hashmod=SHA256, label=label, rand_func=seed).encrypt(secret)


_kept: dict[str, list[str]] = {}


def encapsulate(ek: bytes, x25519: bytes, info: bytes) -> tuple[bytes, bytes, bytes]:
    """(ML-KEM ciphertext, X25519 key, both exports), from encapsulations.json where they are there."""
    name = h("encapsulation", ek, x25519, info).hex()
    if name not in _kept:
        keys = (MLKEM.construct(param_set=MLKEM.ML_KEM_768, ek=ek), import_x25519_public_key(x25519))
        ends = [HPKE.new(receiver_key=key, aead_id=HPKE.AEAD.EXPORT_ONLY, info=info) for key in keys]
        shared = b"".join(end.export(b"usi3 kem", 32) for end in ends)
        _kept[name] = [ends[0].enc.hex(), ends[1].enc.hex(), shared.hex()]
    mlkem, enc, shared = map(bytes.fromhex, _kept[name])
    return mlkem, enc, shared


@dataclass(frozen=True)
class Exchange:
    """A key exchange. Each field that is not left alone is something that an honest side would not do."""

    client: str = "alice"
    host: str = "host"
    preset: bytes = b""
    host_nonce: bytes = drawn("host nonce", 32)
    client_nonce: bytes = drawn("client nonce", 32)
    session_secret: bytes = drawn("session secret", 32)
    kem_seed: bytes = drawn("kem seed", 96)
    start: bytes = b"USI3C"
    flag: int | None = None
    committed: tuple[bytes, str] | None = None  # (nonce, name of the key) of the commitment
    offered_modulus: bytes | None = None
    offered_mlkem: bytes | None = None
    offered_x25519: bytes | None = None
    answered_modulus: bytes | None = None
    signer: str | None = None
    signed: bytes | None = None  # in the place of th2
    oaep_to: str | None = None
    oaep_label: bytes | None = None
    mixed: bytes | None = None  # the preset key that the client mixes in
    change: Callable[[bytes], bytes] = field(default=lambda answer: answer)

    @property
    def m1(self) -> bytes:
        nonce, name = self.committed or (self.client_nonce, self.client)
        flag = self.flag if self.flag is not None else int(bool(self.preset))
        return self.start + bytes((flag,)) + h("usi3 commit", nonce, modulus(name))

    @property
    def kem_keys(self) -> tuple[bytes, bytes]:
        mlkem = MLKEM.construct(param_set=MLKEM.ML_KEM_768, seed=self.kem_seed[:64])
        x25519 = ECC.construct(curve="Curve25519", seed=self.kem_seed[64:])
        return mlkem.ek, x25519.public_key().export_key(format="raw")

    @property
    def m2(self) -> bytes:
        mlkem, x25519 = self.kem_keys
        return (
            self.host_nonce
            + (self.offered_modulus or modulus(self.host))
            + (self.offered_mlkem or mlkem)
            + (self.offered_x25519 or x25519)
        )

    @property
    def th1(self) -> bytes:
        return h("usi3 hello", self.m1, self.m2)

    @property
    def parts(self) -> Json:
        """What m3 and the keys are made of."""
        mlkem, x25519, shared = encapsulate(*self.kem_keys, self.th1)
        shown = self.answered_modulus or modulus(self.client)
        block = encrypt(self.oaep_to or self.host, self.session_secret, self.oaep_label or self.th1)
        th2 = h("usi3 client", self.th1, mlkem, x25519, self.client_nonce, shown, block)
        signature = sign(self.signer or self.client, h("usi3 signature", self.signed or th2))
        return {
            "mlkem": mlkem, "x25519": x25519, "shared": shared, "modulus": shown, "oaep": block, "th2": th2,
            "signature": signature,
        }  # fmt: skip

    @property
    def m3(self) -> bytes:
        parts = self.parts
        psk = self.preset if self.mixed is None else self.mixed
        k0 = hkdf(parts["shared"] + psk, self.th1, "usi3 client key")
        inside = self.client_nonce + parts["modulus"] + parts["oaep"] + parts["signature"]
        return self.change(parts["mlkem"] + parts["x25519"] + seal(k0, bytes(15), inside))

    @property
    def keys(self) -> list[bytes]:
        """Client to host, host to client, exporter."""
        parts = self.parts
        salt = h("usi3 keys", parts["th2"], parts["signature"])
        output = hkdf(self.session_secret + parts["shared"] + self.preset, salt, "usi3 keys", 96)
        return [output[:32], output[32:64], output[64:]]

    @property
    def link(self) -> Json:
        """What people and programs see of a finished exchange."""
        fingerprint = hashlib.sha256(self.preset or der(self.client) + der(self.host)).hexdigest()
        moduli = modulus(self.client), modulus(self.host)
        bits = int.from_bytes(h("usi3 words", self.client_nonce, self.host_nonce, *moduli)[:6], "big") >> 4
        words = [WORDS[bits >> shift & 0x7FF] for shift in (33, 22, 11, 0)]
        return {"fingerprint": fingerprint, "words": words, "exporter": self.keys[2].hex()}

    def by_client(self, number: int, plaintext: bytes) -> bytes:
        return record(self.keys[0], number, plaintext)

    def by_host(self, number: int, plaintext: bytes) -> bytes:
        return record(self.keys[1], number, plaintext)


def record(key: bytes, number: int, plaintext: bytes) -> bytes:
    sealed = seal(key, number.to_bytes(15, "big"), plaintext)
    return len(sealed).to_bytes(4, "big") + sealed


# --- the files ------------------------------------------------------------------------------------------------------


def shown(value: Any) -> Any:
    """A message for JSON: bytes as hexadecimal."""
    if isinstance(value, bytes):
        return value.hex()
    return [shown(item) for item in value] if isinstance(value, list) else value


def receive(data: bytes, *messages: list[Any]) -> Json:
    return {"receive": data.hex(), "messages": shown(list(messages))}


def emit(data: bytes) -> Json:
    return {"emit": data.hex()}


def send(plaintext: bytes, data: bytes) -> Json:
    return {"send": plaintext.hex(), "emit": data.hex()}


END: Json = {"end": True}

PRESET, OTHER = drawn("preset key", 32), drawn("another preset key", 32)
ROOM, ROOM_KEY = drawn("room", 16), drawn("room key", 32)
JOIN = ["join", "alice"]
WELCOME = [
    "welcome", [member_id("alice"), "alice", None], [member_id("host"), "host", None], drawn("session", 16), False,
    [[ROOM, "general", "", ROOM_KEY, 7, False]],
]  # fmt: skip
POST = ["post", ROOM, h("usi3 key id", ROOM_KEY), member_id("alice"), drawn("id", 15), drawn("sealed", 272)]
POSTED = ["posted", *POST[1:5], 8, POST[5]]
ACK = ["ack", drawn("id", 15), 8]
ALIVE, BYE = ["alive"], ["bye", "left"]

_sessions: dict[str, Json] = {}
_contents: dict[str, Json] = {}
_transfers: dict[str, Json] = {}


def session(
    role: str,
    name: str,
    what: str,
    steps: list[Json],
    *,
    exchange: Exchange,
    error: str | None = None,
    preset: bytes = b"",
    draws: int = 2,
    keyed: bool = False,
) -> None:
    """One file. `draws` says how many of its random values the side under test has drawn when it ends."""
    name = f"{role}-{name}"
    assert name not in _sessions, name
    if role == "host":
        random = [exchange.kem_seed, exchange.host_nonce]
    else:
        random = [exchange.client_nonce, exchange.session_secret]
    file: Json = {
        "name": name,
        "what": what,
        "role": role,
        "key": exchange.host if role == "host" else exchange.client,
        "preset": preset.hex() or None,
        "random": [value.hex() for value in random[:draws]],
    }
    if role == "client" and draws == 2:
        parts = exchange.parts
        file["fixed"] = {part: parts[part].hex() for part in ("mlkem", "x25519", "shared", "oaep", "signature")}
    file |= {"steps": steps, "error": error, "link": exchange.link if keyed else None}
    _sessions[name] = file


def host_sessions() -> None:
    plain, preset = Exchange(), Exchange(preset=PRESET)

    def refused(name: str, what: str, x: Exchange, error: str, *, wanted: bytes = b"") -> None:
        """Refused at m3."""
        steps = [receive(x.m1), emit(x.m2), receive(x.m3)]
        session("host", name, what, steps, exchange=x, error=error, preset=wanted)

    def hello(name: str, what: str, data: bytes, error: str, *, wanted: bytes = b"") -> None:
        """Refused at m1."""
        session("host", name, what, [receive(data)], exchange=plain, error=error, preset=wanted, draws=0)

    def shaken(x: Exchange) -> list[Json]:
        return [receive(x.m1), emit(x.m2), receive(x.m3)]

    def joined(x: Exchange) -> list[Json]:
        steps = [*shaken(x), receive(x.by_client(0, pack([JOIN])), JOIN)]
        return [*steps, send(pack([WELCOME]), x.by_host(0, pack([WELCOME])))]

    def spoken(name: str, what: str, *steps: Json, error: str | None = None, x: Exchange = plain) -> None:
        """After Join and Welcome."""
        every = [*joined(x), *steps]
        session("host", name, what, every, exchange=x, error=error, preset=x.preset, keyed=True)

    def first(name: str, what: str, *steps: Json, error: str | None = None) -> None:
        """Before Join."""
        session("host", name, what, [*shaken(plain), *steps], exchange=plain, error=error, keyed=True)

    def message(name: str, what: str, plaintext: bytes, error: str = "bad-message") -> None:
        spoken(name, what, receive(plain.by_client(1, plaintext)), error=error)

    say = plain.by_client
    spoken(
        "plain",
        "A conversation that succeeds: Join, Welcome, a post with a sign of life, an answer, a goodbye.",
        receive(say(1, pack([POST, ALIVE])), POST, ALIVE),
        send(pack([ACK]), plain.by_host(1, pack([ACK]))),
        receive(say(2, pack([BYE])), BYE),
        END,
    )
    spoken(
        "preset",
        "The same with a preset key on both sides: the fingerprint is the key's.",
        receive(preset.by_client(1, pack([POST])), POST),
        receive(preset.by_client(2, pack([BYE])), BYE),
        END,
        x=preset,
    )
    spoken("full-record", "256 messages are a record.", receive(say(1, pack([ALIVE] * 256)), *[ALIVE] * 256))
    spoken("cut", "The bytes end without a goodbye.", END, error="cut")
    spoken("cut-in-a-record", "The bytes end inside a record.", receive(say(1, pack([POST]))[:-1]), END, error="cut")
    spoken(
        "after-a-goodbye",
        "What follows a goodbye is not looked at.",
        receive(say(1, pack([BYE])) + say(2, pack([ALIVE])) + b"\xff" * 40, BYE),
        END,
    )
    first("leaves-at-once", "A client may say goodbye instead of joining.", receive(say(0, pack([BYE])), BYE), END)
    session(
        "host", "join-with-the-answer", "Join may come in one piece with the answer.",
        [receive(plain.m1), emit(plain.m2), receive(plain.m3 + say(0, pack([JOIN])), JOIN)],
        exchange=plain, keyed=True,
    )  # fmt: skip

    hello("magic-http", "A browser has the wrong port.", b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", "not-usi")
    hello(
        "magic-tls",
        "So has a program that wants TLS.",
        bytes.fromhex("1603010200010001fc0303"),
        "not-usi",
    )
    hello("magic-changed", "Another version of USI.", b"USI4" + plain.m1[4:], "not-usi")
    hello("tag-of-a-pair", "The tag of a private pair on a link.", Exchange(start=b"USI3P").m1, "not-usi")
    hello("flag-2", "The flag of the preset key is neither 0 nor 1.", Exchange(flag=2).m1, "not-usi")
    hello("key-needed", "The host has a preset key, the client none.", plain.m1, "key-needed", wanted=PRESET)
    hello("key-not-wanted", "The client has a preset key, the host none.", preset.m1, "key-not-wanted")

    other_nonce = drawn("another client nonce", 32)
    refused(
        "commitment-nonce", "The client has committed to another nonce.",
        Exchange(committed=(other_nonce, "alice")), "bad-handshake",
    )  # fmt: skip
    refused(
        "commitment-key", "The client has committed to another key.",
        Exchange(committed=(plain.client_nonce, "mallory")), "bad-handshake",
    )  # fmt: skip

    def flip(position: int, mask: int = 1) -> Callable[[bytes], bytes]:
        return lambda data: data[:position] + bytes((data[position] ^ mask,)) + data[position + 1 :]

    for name, what, change in (
        ("mlkem-changed", "A bit of the ML-KEM ciphertext was flipped.", flip(500)),
        ("x25519-changed", "A bit of the X25519 key was flipped.", flip(1100)),
        ("x25519-high-bit", "The bit of the X25519 key that its point ignores was flipped.", flip(1119, 0x80)),
        ("x25519-zero", "The X25519 key is the point of order 2, with which every secret is zero.",
         lambda data: data[:1088] + bytes(32) + data[1120:]),
        ("block-changed", "A bit of the sealed block was flipped.", flip(1300)),
        ("block-tag", "A bit of its tag was flipped.", flip(1935)),
    ):  # fmt: skip
        refused(name, what, Exchange(change=change), "bad-handshake")

    refused("signature-of-another", "The signature is by another key.", Exchange(signer="mallory"), "bad-handshake")
    refused(
        "signature-of-another-transcript", "The signature is right, but for another handshake.",
        Exchange(signed=replace(plain, host_nonce=drawn("an earlier host nonce", 32)).parts["th2"]), "bad-handshake",
    )  # fmt: skip
    refused(
        "oaep-to-another",
        "The session secret is encrypted to another host.",
        Exchange(oaep_to="mallory"),
        "bad-handshake",
    )
    refused(
        "oaep-label",
        "The session secret has the label of another handshake.",
        Exchange(oaep_label=bytes(32)),
        "bad-handshake",
    )
    refused("oaep-short", "The session secret has 31 bytes.", Exchange(session_secret=bytes(31)), "bad-handshake")

    def with_modulus(shown: bytes) -> Exchange:
        """Committed to as well, so that the number itself is what is wrong."""
        return _Committed(answered_modulus=shown)

    even = modulus("alice")[:-1] + bytes((modulus("alice")[-1] ^ 1,))
    short = bytes((modulus("alice")[0] & 0x7F,)) + modulus("alice")[1:]
    refused("modulus-even", "The client's modulus is even.", with_modulus(even), "bad-handshake")
    refused("modulus-short", "The client's modulus has 2047 bits.", with_modulus(short), "bad-handshake")
    refused("own-key", "The client shows the host's own key, and has it.", Exchange(client="host"), "bad-handshake")

    wrong = Exchange(preset=PRESET, mixed=OTHER)
    refused("wrong-key", "The client has another preset key.", wrong, "wrong-key", wanted=PRESET)
    shorter = Exchange(preset=PRESET, mixed=PRESET[:16])
    refused("wrong-key-size", "The client has the first half of the preset key.", shorter, "wrong-key", wanted=PRESET)

    recorded = plain.m3
    again = replace(plain, host_nonce=drawn("a later host nonce", 32), change=lambda data: recorded)
    refused("replayed", "The answer was recorded in an earlier session with the same client.", again, "bad-handshake")
    session(
        "host", "cut-in-the-handshake", "The bytes end inside the answer.",
        [receive(plain.m1), emit(plain.m2), receive(plain.m3[:-1]), END], exchange=plain, error="cut",
    )  # fmt: skip

    good = say(1, pack([POST]))
    for name, size in (("0", 0), ("16", 16), ("131073", 131_073), ("max", 2**32 - 1)):
        what = f"The length of a record is {size}."
        spoken(f"record-length-{name}", what, receive(size.to_bytes(4, "big") + bytes(40)), error="too-long")
    spoken("record-changed", "A bit of a record was flipped.", receive(flip(60)(good)), error="bad-record")
    spoken("record-tag", "A bit of a record's tag was flipped.", receive(flip(len(good) - 1)(good)), error="bad-record")
    spoken("record-shortened", "A record has lost its last byte, and its length says so.",
           receive((len(good) - 5).to_bytes(4, "big") + good[4:-1]), error="bad-record")  # fmt: skip
    spoken("record-repeated", "A record comes twice.", receive(good, POST), receive(good), error="bad-record")
    spoken("record-skipped", "A record is missing.", receive(say(2, pack([POST]))), error="bad-record")
    spoken("record-reflected", "The host's own record comes back.", receive(plain.by_host(0, pack([WELCOME]))),
           error="bad-record")  # fmt: skip
    first(
        "first-record-changed",
        "A bit of Join was flipped.",
        receive(flip(10)(say(0, pack([JOIN])))),
        error="bad-record",
    )
    first(
        "first-record-second", "The first record has the number 1.", receive(say(1, pack([JOIN]))), error="bad-record"
    )

    first("post-first", "The first message is not Join.", receive(say(0, pack([POST]))), error="out-of-turn")
    first("join-and-more", "Something comes with Join.", receive(say(0, pack([JOIN, POST]))), error="out-of-turn")
    first(
        "does-not-wait", "A second record before the host's first.",
        receive(say(0, pack([JOIN])), JOIN), receive(say(1, pack([POST]))), error="out-of-turn",
    )  # fmt: skip
    message("behind-a-goodbye", "A message behind the goodbye in one record.", pack([BYE, ALIVE]), "out-of-turn")
    message("message-unknown", "The tag of a message is unknown.", pack([["shutdown"]]))
    message("message-extra-field", "A message has a field too many.", pack([[*POST, 1]]))
    message("message-missing-field", "A message has a field too few.", pack([POST[:-1]]))
    message("message-of-the-host", "A member sends what only the host may.", pack([ACK]))
    message("message-name-long", "A name has 25 characters.", pack([["nick", "x" * 25]]))
    message("message-name-empty", "A name is empty.", pack([["nick", ""]]))
    message("message-name-bytes", "A name is not a text.", pack([["nick", b"alice"]]))
    message("message-name-utf8", "A name is not UTF-8.", b"\x91\x92\xa4nick\xa2\xc3\x28")
    message("message-id-short", "A member id has 31 bytes.", pack([["get-key", bytes(31)]]))
    message(
        "message-sealed-short", "Sealed content is shorter than one block and a tag.", pack([[*POST[:-1], bytes(271)]])
    )
    message("message-code-newline", "A code ends in a line feed.", pack([["bye", "left\n"]]))
    message("messages-0", "A record without a message.", pack([]))
    message("messages-257", "A record with 257 messages.", pack([ALIVE] * 257))
    message("messages-map", "A record that is not an array.", pack({"alive": 1}))
    message("messages-trailing", "A byte behind the array.", pack([ALIVE]) + b"\0")
    message("messages-truncated", "The array promises more than there is.", b"\xdd\xff\xff\xff\xff" + pack(ALIVE))
    message("messages-deep", "Arrays in arrays.", b"\x91" * 2000)


class _Committed(Exchange):
    """An exchange whose client has committed to the modulus that it shows."""

    @property
    def m1(self) -> bytes:
        return self.start + b"\0" + h("usi3 commit", self.client_nonce, self.answered_modulus or b"")


def client_sessions() -> None:
    plain, preset = Exchange(), Exchange(preset=PRESET)

    def offered(name: str, what: str, x: Exchange, error: str) -> None:
        session("client", name, what, [emit(x.m1), receive(x.m2)], exchange=x, error=error, draws=1)

    def answered(name: str, what: str, data: bytes, error: str) -> None:
        """In the place of m2."""
        steps = [emit(plain.m1), receive(data), END]
        session("client", name, what, steps, exchange=plain, error=error, draws=1)

    def shaken(x: Exchange) -> list[Json]:
        return [emit(x.m1), receive(x.m2), emit(x.m3)]

    def joined(x: Exchange) -> list[Json]:
        return [*shaken(x), send(pack([JOIN]), x.by_client(0, pack([JOIN])))]

    def spoken(
        name: str, what: str, *steps: Json, error: str | None = None, x: Exchange = plain, welcome: bool = True
    ) -> None:
        every = joined(x)
        if welcome:
            every.append(receive(x.by_host(0, pack([WELCOME])), WELCOME))
        session(
            "client", name, what, [*every, *steps], exchange=x, error=error, preset=x.preset, keyed=True
        )  # fmt: skip

    hear = plain.by_host
    spoken(
        "plain",
        "A conversation that succeeds: Welcome, a post with its answer, somebody's post, a goodbye.",
        send(pack([POST]), plain.by_client(1, pack([POST]))),
        receive(hear(1, pack([ACK, POSTED])), ACK, POSTED),
        receive(hear(2, pack([["bye", "host-stopped"]])), ["bye", "host-stopped"]),
        END,
    )
    spoken(
        "preset",
        "The same with a preset key on both sides.",
        receive(preset.by_host(1, pack([POSTED])), POSTED),
        send(pack([BYE]), preset.by_client(1, pack([BYE]))),
        END,
        x=preset,
    )
    even = modulus("host")[:-1] + bytes((modulus("host")[-1] ^ 1,))
    short = bytes((modulus("host")[0] & 0x7F,)) + modulus("host")[1:]
    offered("modulus-even", "The host's modulus is even.", Exchange(offered_modulus=even), "not-usi")
    offered("modulus-short", "The host's modulus has 2047 bits.", Exchange(offered_modulus=short), "not-usi")
    offered("own-key", "The host shows the client's own key.", Exchange(host="alice"), "bad-handshake")
    large = Exchange(offered_mlkem=b"\xff" * 1184)
    offered("mlkem-large", "Numbers of the ML-KEM key are not below 3329.", large, "bad-handshake")
    zero = Exchange(offered_x25519=bytes(32))
    offered("x25519-zero", "The X25519 key is the point with which every secret is zero.", zero, "bad-handshake")

    answered("nothing", "Nothing comes back.", b"", "not-usi")
    answered("mirror", "The client's own bytes come back.", plain.m1, "not-usi")
    answered(
        "ssh", "An SSH server answers.", b"SSH-2.0-OpenSSH_9.2p1\r\nInvalid SSH identification string.\r\n", "not-usi"
    )
    answered("cut-in-the-offer", "The bytes end inside the offer.", plain.m2[:-1], "not-usi")
    codes = ["busy", "key-needed", "key-not-wanted", "wrong-key", "bad-handshake", "handshake-timeout", "host-stopping"]
    for number, code in enumerate(codes, 1):
        answered(f"refused-{code}", f"The host refuses with the number {number}.", b"USI3R" + bytes((number,)), code)
    answered("refused-unknown", "The host refuses with a number of a later version.", b"USI3R\x63", "bad-handshake")
    answered("refused-more", "A refusal with a byte too many.", b"USI3R\x01\x01", "not-usi")
    for name, what, steps, error in (
        ("refused-answer", "The host refuses the answer.", [receive(b"USI3R\x04"), END], "wrong-key"),
        ("refused-answer-more", "The same with a byte too many.", [receive(b"USI3R\x04\x04")], "too-long"),
        ("refused-answer-cut", "A refusal that is cut.", [receive(b"USI3R"), END], "cut"),
    ):
        session("client", name, what, [*shaken(plain), *steps], exchange=plain, error=error, keyed=True)

    spoken(
        "refused-late", "A refusal after the host has spoken is no refusal.", receive(b"USI3R\x04"), error="too-long"
    )
    welcome = hear(0, pack([WELCOME]))
    changed = welcome[:40] + bytes((welcome[40] ^ 1,)) + welcome[41:]
    spoken("welcome-changed", "A bit of Welcome was flipped.", receive(changed), error="bad-record", welcome=False)
    spoken("record-repeated", "Welcome comes twice.", receive(welcome), error="bad-record")
    spoken("record-skipped", "A record is missing.", receive(hear(2, pack([POSTED]))), error="bad-record")
    spoken("record-reflected", "The client's own record comes back.", receive(plain.by_client(0, pack([JOIN]))),
           error="bad-record")  # fmt: skip
    spoken(
        "record-length-131073",
        "The length of a record is 131073.",
        receive((131_073).to_bytes(4, "big")),
        error="too-long",
    )
    spoken(
        "record-length-16",
        "The length of a record is 16.",
        receive((16).to_bytes(4, "big") + bytes(16)),
        error="too-long",
    )
    for name, what, plaintext in (
        ("message-of-a-member", "The host sends what only a member may.", pack([POST])),
        ("message-unknown", "The tag of a message is unknown.", pack([["format-disk"]])),
        ("message-number-0", "A post has the number 0.", pack([[*POSTED[:5], 0, POSTED[6]]])),
        ("message-modulus-short", "A modulus has 255 bytes.", pack([["key", member_id("alice"), bytes(255)]])),
        ("messages-257", "A record with 257 messages.", pack([ALIVE] * 257)),
    ):
        spoken(name, what, receive(hear(1, plaintext)), error="bad-message")
    spoken("cut", "The bytes end without a goodbye.", END, error="cut")
    spoken(
        "turned-away",
        "The host says goodbye before anything else.",
        receive(hear(0, pack([BYE])), BYE),
        END,
        welcome=False,
    )


# --- content --------------------------------------------------------------------------------------------------------

FIELDS: Json = {
    "kind": "text", "text": "Bonjour \U0001f600 [/oops]", "name": "alice", "sent_at": 1_700_000_000_000,
    "run": drawn("run", 8), "n": 3,
}  # fmt: skip


OFFER = [drawn("transfer", 16), drawn("file key", 32), "../Caf\u00e9 [/oops].txt", 1_000_000, None, 0]


@dataclass(frozen=True)
class Said:
    """A post. `seen_…` is what stands in the envelope where that is not what was sealed."""

    author: str = "alice"
    claimed: str = "alice"
    conversation: bytes = ROOM
    holder: bytes = member_id("host")
    key: bytes = ROOM_KEY
    id: bytes = drawn("post id", 15)
    body: bytes = pack(FIELDS)
    sealed_key: bytes | None = None
    signed_conversation: bytes | None = None
    signed_id: bytes | None = None
    layout: Callable[[bytes, bytes, bytes], bytes] = field(
        default=lambda body, signature, padding: len(body).to_bytes(4, "big") + body + signature + padding
    )

    @property
    def key_id(self) -> bytes:
        return h("usi3 key id", self.key)

    @property
    def sealed(self) -> bytes:
        sender = member_id(self.claimed)
        signature = sign(
            self.author,
            h(
                "usi3 content",
                self.holder,
                self.signed_conversation or self.conversation,
                self.key_id,
                sender,
                self.signed_id or self.id,
                hashlib.sha256(self.body).digest(),
            ),
        )
        inside = self.layout(self.body, signature, bytes(-(4 + len(self.body) + 256) % 256))
        aad = b"usi3 content".ljust(32, b"\0") + self.conversation + self.key_id + sender
        return seal(self.sealed_key or self.key, self.id, inside, aad)


def content(
    name: str,
    what: str,
    said: Said,
    expected: str | Json,
    *,
    reader: Said | None = None,
    **seen: bytes,
) -> None:
    """One file. `expected` is "unreadable", "no body", or the state of the signature and the body."""
    assert name not in _contents, name
    reader = reader or Said()
    post = {
        "conversation": said.conversation, "key_id": said.key_id, "sender": member_id(said.claimed), "id": said.id,
        "sealed": said.sealed,
    }  # fmt: skip
    _contents[name] = {
        "name": name,
        "what": what,
        "reader": {"conversation": reader.conversation.hex(), "holder": reader.holder.hex(), "key": reader.key.hex()},
        "claimed": said.claimed,
        "post": {part: value.hex() for part, value in (post | seen).items()},
        "expected": expected,
    }


def contents() -> None:
    def good(fields: Json = FIELDS, signature: str = "good") -> Json:
        return {"signature": signature, "body": {name: shown(value) for name, value in fields.items()}}

    bad = good(signature="bad")
    plain = Said()
    content("good-text", "A text, sealed and signed.", plain, good())
    for name, more in (
        ("good-me", {"kind": "me"}),
        ("good-reply", {"reply_to": drawn("another id", 15)}),
        ("good-empty", {"text": ""}),
        ("good-long", {"text": "x" * 1000}),
    ):
        content(name, f"The same with {next(iter(more))} set.", Said(body=pack(FIELDS | more)), good(FIELDS | more))
    later = Said(body=pack(FIELDS | {"mood": "happy", "colours": [1, {"a": b"b"}]}))
    content("good-later-fields", "Fields of a later version are ignored.", later, good())

    content(
        "forged-author",
        "A reader of the room signs with its own key and claims to be alice.",
        Said(author="mallory"),
        bad,
    )
    other = drawn("another room", 16)
    moved = Said(conversation=other, signed_conversation=ROOM)
    content("moved-sealed-again", "A reader of both rooms moves a signed text.", moved, bad, reader=moved)
    content("moved", "The envelope names another conversation.", plain, "unreadable", reader=moved, conversation=other)
    content("other-conversation", "A post of another conversation.", Said(conversation=other), "unreadable")
    content(
        "other-holder", "The same room and key at another host.", plain, bad, reader=Said(holder=member_id("mallory"))
    )
    stolen = Said(key=drawn("another key", 32))
    content("other-key", "Sealed under a key that the reader does not have.", stolen, "unreadable")
    content(
        "other-key-named", "The same under the name of the reader's key.", stolen, "unreadable", key_id=plain.key_id
    )
    repeated = Said(id=drawn("a new id", 15), signed_id=plain.id)
    content("repeated-sealed-again", "A reader repeats a signed text under a new id.", repeated, bad)
    content("id-changed", "The id is another.", plain, "unreadable", id=drawn("a new id", 15))
    content("sender-changed", "The envelope names another sender.", plain, "unreadable", sender=member_id("mallory"))
    flipped = plain.sealed[:100] + bytes((plain.sealed[100] ^ 1,)) + plain.sealed[101:]
    content("sealed-changed", "A bit was flipped.", plain, "unreadable", sealed=flipped)
    content("tag-changed", "A bit of the tag was flipped.", plain, "unreadable",
            sealed=plain.sealed[:-1] + bytes((plain.sealed[-1] ^ 1,)))  # fmt: skip
    content("cut", "The last 256 bytes are missing.", plain, "unreadable", sealed=plain.sealed[:-256])

    def head(body: bytes, more: int = 0) -> bytes:
        return (len(body) + more).to_bytes(4, "big") + body

    layouts: list[tuple[str, str, Callable[[bytes, bytes, bytes], bytes]]] = [
        ("padding-not-zero", "The padding ends in a 1.", lambda b, s, p: head(b) + s + p[:-1] + b"\1"),
        ("padding-long", "There is a block of padding too many.", lambda b, s, p: head(b) + s + p + bytes(256)),
        ("padding-short", "The padding does not reach a multiple of 256.", lambda b, s, p: head(b) + s + p[:-1]),
        ("padding-none", "There is no padding.", lambda b, s, p: head(b) + s),
        ("signature-none", "There is no signature.", lambda b, s, p: head(b) + bytes(-len(head(b)) % 256)),
        ("length-long", "The length reaches beyond the signature.", lambda b, s, p: head(b, len(p) + 1) + s + p),
        ("length-huge", "The length reaches beyond the end.", lambda b, s, p: b"\xff\xff\xff\xff" + b + s + p),
        ("zeros", "Nothing but zeros.", lambda b, s, p: bytes(256)),
    ]
    for name, what, layout in layouts:
        content(f"layout-{name}", what, Said(layout=layout), "unreadable")

    offer = {"kind": "offer", "text": "", "offer": OFFER}
    withdraw = {"kind": "withdraw", "text": "", "transfer": OFFER[0]}
    content("good-offer", "A file is offered.", Said(body=pack(FIELDS | offer)), good(FIELDS | offer))
    folder = offer | {"offer": [*OFFER[:3], 2**63 - 1, 3, 2**24]}
    content("good-offer-folder", "A folder is offered.", Said(body=pack(FIELDS | folder)), good(FIELDS | folder))
    content("good-withdraw", "It is taken back.", Said(body=pack(FIELDS | withdraw)), good(FIELDS | withdraw))
    wrong: list[tuple[str, str, Json]] = [
        ("offer-missing", "An offer of nothing.", {"kind": "offer"}),
        ("offer-in-a-text", "A text that offers something.", {"offer": OFFER}),
        ("offer-and-transfer", "It offers and takes back.", offer | {"transfer": OFFER[0]}),
        ("withdraw-missing", "It takes nothing back.", {"kind": "withdraw"}),
        ("withdraw-and-offer", "It takes back and offers.", withdraw | {"offer": OFFER}),
        ("transfer-in-a-text", "A text that takes something back.", {"transfer": OFFER[0]}),
        ("offer-short", "The offer has a field too few.", {"kind": "offer", "offer": OFFER[:5]}),
        *(
            (f"offer-{name}", what, {"kind": "offer", "offer": [*OFFER[:at], value, *OFFER[at + 1 :]]})
            for name, what, at, value in (
                ("key-short", "The file's key has 31 bytes.", 1, OFFER[1][:31]),
                ("no-name", "The name is empty.", 2, ""),
                ("name-long", "The name has 256 characters.", 2, "x" * 256),
                ("size-negative", "The size is below 0.", 3, -1),
                ("size-large", "The size is 2^63.", 3, 2**63),
                ("manifest-large", "The manifest has over 16 MiB.", 5, 2**24 + 1),
            )
        ),
    ]
    for name, what, fields in wrong:
        content(f"body-{name}", what, Said(body=pack(FIELDS | fields)), "no body")

    without = {name: value for name, value in FIELDS.items() if name != "run"}
    bodies: list[tuple[str, str, bytes]] = [
        ("kind", "A kind that this version does not know.", pack(FIELDS | {"kind": "poll"})),
        ("missing", "A field is missing.", pack(without)),
        ("type", "The text is not one.", pack(FIELDS | {"text": b"bytes"})),
        ("count-0", "The count starts at 1.", pack(FIELDS | {"n": 0})),
        ("run-short", "The run has 7 bytes.", pack(FIELDS | {"run": bytes(7)})),
        ("name-long", "The name has 25 characters.", pack(FIELDS | {"name": "x" * 25})),
        ("array", "Fields without their names.", pack(list(FIELDS.values()))),
        ("trailing", "A byte behind the fields.", pack(FIELDS) + b"\0"),
        ("utf8", "The text is not UTF-8.", pack(FIELDS | {"text": "xx"}).replace(b"\xa2xx", b"\xa2\xc3\x28")),
        ("empty", "There is no body.", b""),
    ]
    for name, what, body in bodies:
        content(f"body-{name}", what, Said(body=body), "no body")


CHUNK = 262_144


@dataclass(frozen=True)
class Sent:
    """A stream of a file, from chunk `first` on. `size` is that of its content, `label` says which bytes these are."""

    size: int
    label: str = "a file"
    first: int = 0
    signer: str = "alice"
    transfer: bytes = drawn("transfer", 16)
    key: bytes = drawn("file key", 32)
    salt: bytes = drawn("file salt", 32)
    signed_size: int | None = None
    signed_content: bytes | None = None

    @property
    def content(self) -> bytes:
        return drawn(self.label, self.size)

    @property
    def count(self) -> int:
        return max(1, -(-self.size // CHUNK))

    @property
    def signature(self) -> bytes:
        size = self.size if self.signed_size is None else self.signed_size
        hashed = hashlib.sha256(self.content if self.signed_content is None else self.signed_content).digest()
        return sign(self.signer, h("usi3 file", self.transfer, size.to_bytes(8, "big"), hashed))

    @property
    def chunks(self) -> list[bytes]:
        """The sealed chunks from `first` on."""
        key, sealed = hkdf(self.key, self.salt + self.transfer, "usi3 file"), []
        for number in range(self.first, self.count):
            last = number == self.count - 1
            chunk = self.content[number * CHUNK : (number + 1) * CHUNK] + (self.signature if last else b"")
            sealed.append(seal(key, bytes(6) + number.to_bytes(8, "big") + bytes((last,)), chunk))
        return sealed


def transfer(
    name: str,
    what: str,
    sent: Sent,
    *,
    wire: list[Any] | None = None,
    error: str | None = None,
    kept: int | None = None,
    offered: Sent | None = None,
) -> None:
    """One file. `wire` is what crosses, if not the honest stream; `offered` what the receiver expects, if not this."""
    assert name not in _transfers, name
    chunks, expected = sent.chunks, offered or sent
    pieces = wire if wire is not None else ["salt", *range(len(chunks))]
    crossed = b""
    for piece in pieces:
        match piece:
            case "salt":
                crossed += sent.salt
            case int():
                crossed += chunks[piece]
            case {"chunk": number, "bytes": size}:
                crossed += chunks[number][:size]
            case {"hex": data}:
                crossed += bytes.fromhex(data)
            case {"chunk": number, "flip": at}:
                crossed += chunks[number][:at] + bytes((chunks[number][at] ^ 1,)) + chunks[number][at + 1 :]
    _transfers[name] = {
        "name": name,
        "what": what,
        "sender": "alice",
        "offered": shown([expected.transfer, expected.key, "a.bin", expected.size, None, 0]),
        "sent": shown([sent.transfer, sent.key, "a.bin", sent.size, None, 0]),
        "first": sent.first,
        "salt": sent.salt.hex(),
        "content": {"label": sent.label, "size": sent.size, "sha256": hashlib.sha256(sent.content).hexdigest()},
        "signature": sent.signature.hex(),
        "chunks": [hashlib.sha256(chunk).hexdigest() for chunk in chunks],
        "wire": pieces,
        "wire_sha256": hashlib.sha256(crossed).hexdigest(),
        "error": error,
        "kept": kept if kept is not None else 0 if error else sent.count,
    }


def transfers() -> None:
    for name, what, size in (
        ("empty", "An empty file is one last chunk with nothing but the signature.", 0),
        ("byte", "A file of one byte.", 1),
        ("exact", "A file of exactly one chunk.", CHUNK),
        ("exact-and-byte", "A file of one chunk and a byte.", CHUNK + 1),
        ("exact-two", "A file of exactly two chunks.", 2 * CHUNK),
    ):
        transfer(f"good-{name}", what, Sent(size))
    three = Sent(2 * CHUNK + 9)
    transfer("good-goes-on", "The receiver has the first chunk already.", replace(three, first=1))

    def wrong(name: str, what: str, error: str, kept: int, wire: list[Any]) -> None:
        transfer(name, what, three, wire=wire, error=error, kept=kept)

    wrong("nothing", "Nothing comes.", "file-cut", 0, [])
    wrong("salt-short", "The salt is cut off.", "file-cut", 0, [{"hex": three.salt[:31].hex()}])
    wrong("truncated", "The last chunk is missing.", "file-cut", 2, ["salt", 0, 1])
    wrong("truncated-in-a-chunk", "A chunk is cut off.", "file-cut", 1, ["salt", 0, {"chunk": 1, "bytes": 1000}])
    wrong("truncated-by-a-byte", "The last byte is missing.", "file-cut", 2, ["salt", 0, 1, {"chunk": 2, "bytes": 280}])
    wrong("longer", "A byte comes behind the end.", "file-longer", 2, ["salt", 0, 1, 2, {"hex": "00"}])
    wrong("reordered", "Two chunks have changed places.", "file-reordered", 0, ["salt", 1, 0, 2])
    wrong("repeated", "A chunk comes twice.", "file-reordered", 1, ["salt", 0, 0, 1, 2])
    wrong("flipped", "A bit of a chunk was flipped.", "file-altered", 1, ["salt", 0, {"chunk": 1, "flip": 99}, 2])
    wrong("salt-other", "The salt is another.", "file-altered", 0, [{"hex": bytes(32).hex()}, 0, 1, 2])
    small = Sent(100)
    other = drawn("another", 32)
    for name, what, error, sent in (
        ("signer-other", "Another reader of the offer signed it.", "file-replaced", replace(small, signer="mallory")),
        ("signed-size", "The signature is over another size.", "file-replaced", replace(small, signed_size=99)),
        ("signed-content", "It is over another content.", "file-replaced", replace(small, signed_content=b"")),
        ("key-other", "Sealed under another file's key.", "file-altered", replace(small, key=other)),
        ("transfer-other", "The stream of another transfer.", "file-altered", replace(small, transfer=other[:16])),
        ("larger", "It is a larger file.", "file-altered", Sent(101)),
    ):
        transfer(name, what, sent, error=error, offered=small)


# --- writing --------------------------------------------------------------------------------------------------------


def make(folder: Path) -> int:
    """Write everything into this folder; returns how many files that are."""
    kept = HERE / "encapsulations.json"
    _kept.clear()
    if kept.exists():
        _kept.update(json.loads(kept.read_text("ascii")))
    before = set(_kept)
    _sessions.clear()
    _contents.clear()
    _transfers.clear()
    host_sessions()
    client_sessions()
    contents()
    transfers()
    for name, files in (("session", _sessions), ("content", _contents), ("transfer", _transfers)):
        inside = folder / name
        inside.mkdir(parents=True, exist_ok=True)
        for old in inside.glob("*.json"):
            old.unlink()
        for stem, file in files.items():
            (inside / f"{stem}.json").write_text(json.dumps(file, indent=1) + "\n", "ascii", newline="\n")
    if folder == HERE and set(_kept) != before:
        kept.write_text(json.dumps(dict(sorted(_kept.items())), indent=1) + "\n", "ascii", newline="\n")
    return len(_sessions) + len(_contents) + len(_transfers)


if __name__ == "__main__":
    print(f"{make(HERE)} vectors in {HERE}")
