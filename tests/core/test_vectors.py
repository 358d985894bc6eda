"""The files of tests/vectors: what a session and a reader make of them, whole and byte by byte.

They are written by a second implementation (tests/vectors/make.py), so what stands here is also that both agree on each
byte: what the side under test sends must be what the file says.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Callable, Iterable
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import msgspec
import pytest

from usi.core import codec, crypto, errors, wire
from usi.core.content import ConversationKey
from usi.core.crypto import CryptoError, KemKeys, PrivateKey, PublicKey
from usi.core.errors import PeerError
from usi.core.session import Role, Session
from usi.core.transfer import CHUNK, Offered, Sealer

FOLDER = Path(__file__).parents[1] / "vectors"
SESSIONS = sorted((FOLDER / "session").glob("*.json"))
CONTENTS = sorted((FOLDER / "content").glob("*.json"))
TRANSFERS = sorted((FOLDER / "transfer").glob("*.json"))
Json = dict[str, Any]


def read(path: Path) -> Json:
    return json.loads(path.read_text("ascii"))


def plain(value: Any) -> Any:
    """A message as it stands in a file: bytes as hexadecimal."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {name: plain(item) for name, item in value.items()}
    return value


def as_list(message: wire.Message) -> Any:
    return plain(msgspec.msgpack.decode(codec.encode(message)))


class Replay:
    """A session that draws what the file says, and is given what the file says."""

    def __init__(self, file: Json, keys: dict[str, PrivateKey], patch: pytest.MonkeyPatch) -> None:
        self.file = file
        self.random = [bytes.fromhex(value) for value in file["random"]]
        if "fixed" in file:
            self._fix({name: bytes.fromhex(value) for name, value in file["fixed"].items()}, keys, patch)
        self.session = Session(
            Role(file["role"]),
            keys[file["key"]],
            bytes.fromhex(file["preset"]) if file["preset"] else None,
            random=self._draw,
        )

    def _draw(self, size: int) -> bytes:
        value = self.random.pop(0)
        assert len(value) == size
        return value

    def _fix(self, fixed: dict[str, bytes], keys: dict[str, PrivateKey], patch: pytest.MonkeyPatch) -> None:
        """Give a client the results of its encapsulation, OAEP and PSS, once they are seen to be what it asked for."""

        def encapsulate(mlkem: bytes, x25519: bytes, info: bytes) -> tuple[bytes, bytes, bytes]:
            assert (len(mlkem), len(x25519)) == (1184, 32)
            return fixed["mlkem"], fixed["x25519"], fixed["shared"]

        def encrypt(key: PublicKey, secret: bytes, label: bytes) -> bytes:
            (host,) = [owner for owner in keys.values() if owner.public == key]
            assert host.decrypt(fixed["oaep"], label) == secret
            return fixed["oaep"]

        def sign(key: PrivateKey, message: bytes) -> bytes:
            assert key.public.verify(message, fixed["signature"])
            return fixed["signature"]

        patch.setattr(crypto, "encapsulate", encapsulate)
        patch.setattr(PublicKey, "encrypt", encrypt)
        patch.setattr(PrivateKey, "sign", sign)

    def step(self, step: Json, pieces: Callable[[bytes], Iterable[bytes]]) -> str | None:
        """Do one step; returns the code of the error that it ends in."""
        error = None
        if "receive" in step:
            heard: list[Any] = []
            try:
                for piece in pieces(bytes.fromhex(step["receive"])):
                    heard += self.session.receive_data(piece)
                heard += self.session.receive_data(b"")  # an error behind good messages comes with the next call
            except PeerError as found:
                error = found.code
            assert [as_list(message) for message in heard] == step["messages"]
        if "send" in step:
            decode = codec.decode_from_host if self.session.role is Role.HOST else codec.decode_from_member
            self.session.send(decode(bytes.fromhex(step["send"])))
        if "emit" in step:
            assert self.session.data_to_send().hex() == step["emit"]
        if "end" in step:
            try:
                self.session.receive_eof()
            except PeerError as found:
                error = found.code
        return error


def whole(data: bytes) -> list[bytes]:
    return [data]


def byte_by_byte(data: bytes) -> list[bytes]:
    return [data[i : i + 1] for i in range(len(data))]


def with_nothing_between(data: bytes) -> list[bytes]:
    return [b"", data[: len(data) // 3], b"", data[len(data) // 3 :], b""]


def stem(path: Path) -> str:
    return path.stem


def test_there_are_vectors() -> None:
    assert len(SESSIONS) >= 25
    assert len(CONTENTS) >= 25
    assert len(TRANSFERS) >= 20
    roles = [read(path)["role"] for path in SESSIONS]
    assert min(roles.count("host"), roles.count("client")) >= 25


def test_every_class_of_failure_is_among_them() -> None:
    codes = {(read(path)["role"], read(path)["error"]) for path in SESSIONS}
    both = {None, "not-usi", "bad-handshake", "bad-record", "too-long", "bad-message", "wrong-key", "cut"}
    assert codes >= {(role, code) for role in ("host", "client") for code in both}
    assert codes >= {("host", "out-of-turn"), ("host", "key-needed"), ("host", "key-not-wanted")}
    known = {error.code for error in vars(errors).values() if isinstance(error, type) and issubclass(error, PeerError)}
    assert {code for _, code in codes} - {None} <= known
    results = [read(path)["expected"] for path in CONTENTS]
    assert {result if isinstance(result, str) else result["signature"] for result in results} == {
        "good", "bad", "unreadable", "no body",
    }  # fmt: skip


@pytest.mark.parametrize("path", SESSIONS + CONTENTS + TRANSFERS, ids=stem)
def test_a_vector_says_what_it_is(path: Path) -> None:
    file = read(path)
    assert file["name"] == path.stem
    assert file["what"].endswith(".")
    assert file["what"].isascii()


@pytest.mark.parametrize("pieces", [whole, byte_by_byte, with_nothing_between])
@pytest.mark.parametrize("path", SESSIONS, ids=stem)
def test_session(
    path: Path, pieces: Callable[[bytes], list[bytes]], keys: dict[str, PrivateKey], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = read(path)
    replay = Replay(file, keys, monkeypatch)
    *before, last = file["steps"]
    for step in before:
        assert replay.step(step, pieces) is None, step
    assert replay.step(last, pieces) == file["error"]
    session = replay.session
    assert replay.random == [], "everything was drawn"
    if file["link"] is None:
        assert not hasattr(session, "exporter")
        assert not session.keyed
    else:
        assert session.fingerprint.hex() == file["link"]["fingerprint"]
        assert list(session.words) == file["link"]["words"]
        assert session.exporter.hex() == file["link"]["exporter"]
    assert session.data_to_send() == b"", "nothing is answered to a failure"
    if file["error"] is not None:
        assert session.receive_data(bytes.fromhex("00000028") + bytes(40)) == [], "it takes no more"


@pytest.mark.parametrize("path", [path for path in SESSIONS if "fixed" in read(path)], ids=stem)
def test_an_encapsulation_is_one(path: Path) -> None:
    """The client is given it; here the host's side of it is made from the seed that the host's vectors have."""
    file, host = read(path), read(FOLDER / "session" / "host-plain.json")
    fixed = {name: bytes.fromhex(value) for name, value in file["fixed"].items()}
    hello, offer = (bytes.fromhex(file["steps"][i][name]) for i, name in ((0, "emit"), (1, "receive")))
    kem = KemKeys(bytes.fromhex(host["random"][0]))
    assert kem.open(fixed["mlkem"], fixed["x25519"], crypto.digest("usi3 hello", hello, offer)) == fixed["shared"]


@pytest.mark.parametrize("path", CONTENTS, ids=stem)
def test_content(path: Path, keys: dict[str, PrivateKey]) -> None:
    file = read(path)
    reader = ConversationKey(**{name: bytes.fromhex(value) for name, value in file["reader"].items()})
    post = wire.Post(**{name: bytes.fromhex(value) for name, value in file["post"].items()})
    try:
        opened = reader.open(post)
    except CryptoError:
        assert file["expected"] == "unreadable"
        return
    good = opened.is_by(keys[file["claimed"]].public)
    if file["expected"] == "no body":
        assert good, "its author said something that cannot be shown"
        with pytest.raises(CryptoError):
            opened.body()
        return
    body = plain(msgspec.to_builtins(opened.body(), builtin_types=[bytes]))
    assert {"signature": "good" if good else "bad", "body": body} == file["expected"]


@pytest.mark.parametrize("path", TRANSFERS, ids=stem)
def test_transfer(path: Path) -> None:
    """Each chunk is sealed as the second implementation seals it. What a receiver makes of them: tests/net."""
    file = read(path)
    transfer, key, *rest = file["sent"]
    offered = Offered(bytes.fromhex(transfer), bytes.fromhex(key), *rest)
    content = hashlib.shake_256(f"usi3 vectors: {file['content']['label']}".encode()).digest(file["content"]["size"])
    assert hashlib.sha256(content).hexdigest() == file["content"]["sha256"]
    sealer, chunks = Sealer(offered, bytes.fromhex(file["salt"]), file["first"]), []
    while not sealer.ended:
        last = sealer.next == offered.chunks - 1
        chunk = content[sealer.next * CHUNK : (sealer.next + 1) * CHUNK]
        chunks.append(sealer.seal(chunk, bytes.fromhex(file["signature"]) if last else b""))
    assert [hashlib.sha256(chunk).hexdigest() for chunk in chunks] == file["chunks"]


def test_the_script_writes_these_files(tmp_path: Path) -> None:
    spec = spec_from_file_location("make_vectors", FOLDER / "make.py")
    assert spec is not None
    assert spec.loader is not None
    script = module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "make_vectors", script)  # its dataclasses look there for their module
        patch.setattr(sys, "path", sys.path[:])
        spec.loader.exec_module(script)
        assert script.make(tmp_path) == len(SESSIONS) + len(CONTENTS) + len(TRANSFERS)
    for path in SESSIONS + CONTENTS + TRANSFERS:
        again = tmp_path / path.parent.name / path.name
        assert again.read_bytes() == path.read_bytes(), (
            f"{path.name}: run tests/vectors/make.py, and look at what differs"
        )
