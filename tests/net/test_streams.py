"""One data connection between two threads: what arrives, and how each way of going wrong ends."""

from __future__ import annotations

import hashlib
import json
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from usi.core.crypto import PrivateKey, random_bytes
from usi.core.errors import (
    FileAltered,
    FileChanged,
    FileCut,
    FileLonger,
    FileReordered,
    FileReplaced,
    FileStalled,
    PeerError,
)
from usi.core.transfer import CHUNK, SALT_SIZE, Offered, Sealer, signed_end
from usi.net import streams
from usi.net.streams import GO, Progress, Speed, StreamHash

PATIENCE = 20.0
SALT = bytes(range(SALT_SIZE))


class Bytes:
    """What a sender reads from: bytes in memory. `read_from` notes where each reading began."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.read_from: list[int] = []
        self.changed = False

    def read(self, first: int, size: int) -> Iterator[bytes]:
        self.read_from.append(first)
        for at in range(first * size, max(len(self.content), first * size + 1), size):
            yield self.content[at : at + size]

    def check(self) -> None:
        if self.changed:
            raise FileChanged(path="a")


def offer(content: bytes, **changed: Any) -> Offered:
    fields = {"transfer": b"t" * 16, "key": b"k" * 32, "name": "a", "size": len(content), "files": None, "manifest": 0}
    return Offered(**(fields | changed))  # type: ignore[arg-type]


def stream(offered: Offered, content: bytes, key: PrivateKey, first: int = 0) -> list[bytes]:
    """What an honest sender puts on the wire, in pieces: the salt, then the chunks."""
    sealer, pieces = Sealer(offered, SALT, first), [SALT]
    while not sealer.ended:
        chunk = content[sealer.next * CHUNK : (sealer.next + 1) * CHUNK]
        last = sealer.next == offered.chunks - 1
        pieces.append(
            sealer.seal(chunk, key.sign(signed_end(offered, hashlib.sha256(content).digest())) if last else b"")
        )
    return pieces


class Ends:
    """A sender's and a receiver's socket, with a host between that only says GO."""

    def __init__(self, keys: dict[str, PrivateKey]) -> None:
        self.keys = keys
        self.threads = ThreadPoolExecutor(4)
        self.connect()
        self.kept = b""
        self.progress = Progress()

    def connect(self) -> None:
        self.sender, self.receiver = socket.socketpair()
        for sock in (self.sender, self.receiver):
            sock.settimeout(PATIENCE)

    def connect_anew(self) -> None:
        self.hang_up()
        self.connect()

    def hang_up(self) -> None:
        self.sender.close()
        self.receiver.close()

    def close(self) -> None:
        self.hang_up()
        self.threads.shutdown()

    def send(
        self, content: Bytes, offered: Offered, hashed: StreamHash | None = None, first: int = 0
    ) -> Future[None]:
        self.receiver.sendall(GO)
        return self.threads.submit(
            streams.send, self.sender, content, offered, self.keys["alice"], hashed or StreamHash(), first,
            SALT, Progress(first * CHUNK),
        )  # fmt: skip

    def write(self, *pieces: bytes, end: bool = True) -> Future[None]:
        """What a hostile sender puts on the wire."""

        def run() -> None:
            with suppress(OSError):  # the receiver has heard enough
                for piece in pieces:
                    self.sender.sendall(piece)
                if end:
                    self.sender.shutdown(socket.SHUT_WR)

        return self.threads.submit(run)

    def receive(self, offered: Offered, *, first: int = 0, write: Callable[[bytes], None] | None = None) -> bytes:
        state = hashlib.sha256(self.kept)

        def keep(data: bytes) -> None:
            self.kept += data

        self.progress = Progress(first * CHUNK)
        try:
            return streams.receive(
                self.receiver, write or keep, offered, self.keys["alice"].public, state, first, self.progress
            )
        finally:
            self.receiver.close()


@pytest.fixture
def ends(keys: dict[str, PrivateKey]) -> Iterator[Ends]:
    made = Ends(keys)
    yield made
    made.close()


SIZES = [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 2 * CHUNK + 9]


@pytest.mark.parametrize("size", SIZES)
def test_what_is_sent_arrives(ends: Ends, size: int) -> None:
    content = random_bytes(size)
    hashed = StreamHash()
    sending = ends.send(Bytes(content), offer(content), hashed)
    assert ends.receive(offer(content)) == hashlib.sha256(content).digest()
    sending.result(PATIENCE)
    assert ends.kept == content
    assert hashed.whole == hashlib.sha256(content).digest()
    assert ends.progress.done == size


@pytest.mark.parametrize("size", SIZES)
def test_an_honest_stream_is_exactly_this(ends: Ends, keys: dict[str, PrivateKey], size: int) -> None:
    content = random_bytes(size)
    ends.write(*stream(offer(content), content, keys["alice"]))
    assert ends.receive(offer(content)) == hashlib.sha256(content).digest()


@pytest.mark.parametrize("first", [0, 1, 2])
def test_a_stream_goes_on_from_any_chunk(ends: Ends, first: int) -> None:
    content = random_bytes(2 * CHUNK + 9)
    ends.kept = content[: first * CHUNK]
    source = Bytes(content)
    sending = ends.send(source, offer(content), first=first)
    assert ends.receive(offer(content), first=first) == hashlib.sha256(content).digest()
    sending.result(PATIENCE)
    assert ends.kept == content


def test_a_second_receiver_costs_no_second_hashing_and_one_that_goes_on_no_second_reading(
    ends: Ends, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "_CHECKPOINT", 2)
    content = random_bytes(5 * CHUNK)
    hashed = StreamHash()
    assert hashed.before(4)[0] == 0
    sending = ends.send(Bytes(content), offer(content), hashed)
    ends.receive(offer(content))
    sending.result(PATIENCE)
    assert [hashed.before(chunk)[0] for chunk in (0, 1, 2, 3, 4)] == [0, 0, 2, 2, 4]
    for number, state in hashed._states.items():
        assert state.digest() == hashlib.sha256(content[: number * CHUNK]).digest()
    hashed.whole = None
    source = Bytes(content)
    ends.connect_anew()
    sending = ends.send(source, offer(content), hashed, first=3)
    ends.kept = content[: 3 * CHUNK]
    ends.receive(offer(content), first=3)
    sending.result(PATIENCE)
    assert sorted(source.read_from) == [2, 3]


FAULTS: dict[str, tuple[Callable[[list[bytes]], list[bytes]], type[Exception], int]] = {
    # what a hostile sender or wire makes of the pieces → the error, and how many whole chunks are kept
    "nothing": (lambda pieces: [], FileCut, 0),
    "half a salt": (lambda pieces: [SALT[:16]], FileCut, 0),
    "truncated in a chunk": (lambda pieces: [*pieces[:2], pieces[2][:-1]], FileCut, 1),
    "truncated after a chunk": (lambda pieces: pieces[:3], FileCut, 2),
    "without its last byte": (lambda pieces: [*pieces[:-1], pieces[-1][:-1]], FileCut, 2),
    "longer": (lambda pieces: [*pieces, b"\0"], FileLonger, 2),
    "much longer": (lambda pieces: [*pieces, random_bytes(3 * CHUNK)], FileLonger, 2),
    "reordered": (lambda pieces: [SALT, pieces[2], pieces[1], pieces[3]], FileReordered, 0),
    "repeated": (lambda pieces: [SALT, pieces[1], pieces[1], pieces[3]], FileReordered, 1),
    "skipped": (lambda pieces: [SALT, pieces[1], pieces[3], b"\0" * CHUNK], FileAltered, 1),
    "flipped": (lambda pieces: [SALT, pieces[1], pieces[2][:-1] + b"\0", pieces[3]], FileAltered, 1),
    "another salt": (lambda pieces: [bytes(32), *pieces[1:]], FileAltered, 0),
    "junk": (lambda pieces: [random_bytes(4 * CHUNK)], FileAltered, 0),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_has_its_own_error_and_what_came_before_is_kept(
    ends: Ends, keys: dict[str, PrivateKey], fault: str
) -> None:
    change, error, kept = FAULTS[fault]
    content = random_bytes(2 * CHUNK + 100)
    ends.write(*change(stream(offer(content), content, keys["alice"])))
    with pytest.raises(error):
        ends.receive(offer(content))
    assert ends.kept == content[: kept * CHUNK]
    assert ends.progress.done == len(ends.kept)


FOREIGN: dict[str, dict[str, Any]] = {
    "transfer": {"transfer": b"u" * 16},
    "key": {"key": b"l" * 32},
    "longer one": {"size": 2 * CHUNK + 100},
}


@pytest.mark.parametrize("other", FOREIGN)
def test_chunks_of_another_stream_are_altered(ends: Ends, keys: dict[str, PrivateKey], other: str) -> None:
    content = random_bytes(2 * CHUNK + 100)
    foreign = offer(content[:100] if other == "longer one" else content, **FOREIGN[other])
    wanted = offer(content[:100]) if other == "longer one" else offer(content)
    ends.write(*stream(foreign, content, keys["alice"]))
    with pytest.raises(FileAltered):
        ends.receive(wanted)
    assert ends.kept == b""


@pytest.mark.parametrize("size", [0, 10, CHUNK, CHUNK + 10])
def test_what_another_one_signed_is_replaced(ends: Ends, keys: dict[str, PrivateKey], size: int) -> None:
    """Whoever reads the offer has the file's key. Its end is looked at before its last chunk is written."""
    content = random_bytes(size)
    ends.write(*stream(offer(content), content, keys["mallory"]))
    with pytest.raises(FileReplaced):
        ends.receive(offer(content))
    assert len(ends.kept) < size or size == 0


def test_a_reset_behind_the_last_chunk_costs_only_that_chunk(ends: Ends, keys: dict[str, PrivateKey]) -> None:
    content = random_bytes(2 * CHUNK)
    ends.receiver.settimeout(0.05)
    writing = ends.write(*stream(offer(content), content, keys["alice"]), end=False)
    with pytest.raises(FileStalled):
        ends.receive(offer(content))
    writing.result(PATIENCE)
    assert ends.kept == content[:CHUNK]
    ends.connect_anew()
    ends.write(*stream(offer(content), content, keys["alice"], first=1))
    assert ends.receive(offer(content), first=1) == hashlib.sha256(content).digest()
    assert ends.kept == content


def test_silence_is_told_with_its_seconds(ends: Ends) -> None:
    ends.receiver.settimeout(0.02)
    with pytest.raises(FileStalled) as caught:
        ends.receive(offer(b"x"))
    assert caught.value.fields["seconds"] == 0


def test_what_cannot_be_written_ends_the_stream(ends: Ends, keys: dict[str, PrivateKey]) -> None:
    content = random_bytes(2 * CHUNK)

    def full(data: bytes) -> None:
        raise OSError(28, "full")

    ends.write(*stream(offer(content), content, keys["alice"]))
    with pytest.raises(OSError, match="full"):
        ends.receive(offer(content), write=full)


VECTORS = sorted((Path(__file__).parents[1] / "vectors" / "transfer").glob("*.json"))


def from_vector(file: dict[str, Any]) -> tuple[bytes, list[bytes], Offered]:
    """A file's content, the sealed chunks, and what the receiver expects."""
    content = hashlib.shake_256(f"usi3 vectors: {file['content']['label']}".encode()).digest(file["content"]["size"])
    sent, expected = (
        Offered(bytes.fromhex(transfer), bytes.fromhex(key), *rest)
        for transfer, key, *rest in (file["sent"], file["offered"])
    )
    sealer, chunks = Sealer(sent, bytes.fromhex(file["salt"]), file["first"]), []
    while not sealer.ended:
        signature = bytes.fromhex(file["signature"]) if sealer.next == sent.chunks - 1 else b""
        chunks.append(sealer.seal(content[sealer.next * CHUNK : (sealer.next + 1) * CHUNK], signature))
    return content, chunks, expected


@pytest.mark.parametrize("path", VECTORS, ids=lambda path: path.stem)
def test_vector(ends: Ends, path: Path) -> None:
    """Made by a second implementation; tests/vectors/README.md says how to read them."""
    file = json.loads(path.read_text("ascii"))
    content, chunks, expected = from_vector(file)
    crossed = b""
    for piece in file["wire"]:
        match piece:
            case "salt":
                crossed += bytes.fromhex(file["salt"])
            case int():
                crossed += chunks[piece]
            case {"chunk": number, "bytes": size}:
                crossed += chunks[number][:size]
            case {"chunk": number, "flip": at}:
                crossed += chunks[number][:at] + bytes((chunks[number][at] ^ 1,)) + chunks[number][at + 1 :]
            case {"hex": data}:
                crossed += bytes.fromhex(data)
    assert hashlib.sha256(crossed).hexdigest() == file["wire_sha256"]
    ends.kept = content[: file["first"] * CHUNK]
    ends.write(crossed)
    if file["error"] is None:
        assert ends.receive(expected, first=file["first"]).hex() == file["content"]["sha256"]
        assert ends.kept == content
    else:
        with pytest.raises(PeerError) as caught:
            ends.receive(expected, first=file["first"])
        assert caught.value.code == file["error"]
        assert ends.kept == content[: file["kept"] * CHUNK]


# --- the sender's side -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("answer", [b"", b"U", b"\0", b"USI3"])
def test_nothing_is_sent_to_who_does_not_say_go(ends: Ends, keys: dict[str, PrivateKey], answer: bytes) -> None:
    ends.receiver.sendall(answer)
    ends.receiver.shutdown(socket.SHUT_WR)
    with pytest.raises(FileCut):
        streams.send(
            ends.sender, Bytes(b"x"), offer(b"x"), keys["alice"], StreamHash(), 0, SALT, Progress()
        )  # fmt: skip
    ends.sender.close()
    with suppress(ConnectionResetError):  # what it had sent was not read to its end
        assert ends.receiver.recv(100) == b""


def test_a_change_is_noticed_before_anything_is_signed(ends: Ends) -> None:
    content = Bytes(random_bytes(CHUNK + 10))
    content.changed = True
    sending = ends.send(content, offer(content.content))
    received: Future[bytes] = ends.threads.submit(ends.receive, offer(content.content))
    with pytest.raises(FileChanged):
        sending.result(PATIENCE)
    ends.sender.close()
    with pytest.raises(FileCut):
        received.result(PATIENCE)


def test_a_receiver_that_goes_away_is_a_cut(ends: Ends) -> None:
    content = random_bytes(20 * CHUNK)
    sending = ends.send(Bytes(content), offer(content))
    ends.receiver.recv(1000)
    ends.receiver.close()
    with pytest.raises(FileCut):
        sending.result(PATIENCE)


def test_a_receiver_that_takes_nothing_is_given_up(ends: Ends) -> None:
    content = random_bytes(40 * CHUNK)
    ends.sender.settimeout(0.05)
    sending = ends.send(Bytes(content), offer(content))
    with pytest.raises(FileCut):
        sending.result(PATIENCE)


def test_catching_up_ends_at_once_when_the_transfer_is_stopped(ends: Ends) -> None:
    """A receiver may ask for the last chunk of a file that nobody has hashed yet: reading it may take very long."""
    reading, stopped = threading.Event(), threading.Event()

    class Endless(Bytes):
        def read(self, first: int, size: int) -> Iterator[bytes]:
            while not stopped.is_set():
                reading.set()
                yield bytes(10)

    ends.receiver.sendall(GO)
    of = offer(b"", size=10**12)
    progress = Progress()
    sending = ends.threads.submit(
        streams.send, ends.sender, Endless(b""), of, ends.keys["alice"], StreamHash(), of.chunks - 1, SALT, progress
    )
    assert reading.wait(PATIENCE)
    progress.stopped = True
    try:
        with pytest.raises(FileCut):
            sending.result(PATIENCE)
    finally:
        stopped.set()


# --- progress --------------------------------------------------------------------------------------------------------


def test_progress_counts_and_tells_its_speed(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(streams.time, "monotonic", lambda: now)
    progress = Progress(10)
    assert progress.rate() == 0
    now = 101.0
    progress.advance(500)
    assert (progress.done, progress.rate()) == (510, 500)
    for second in range(2, 8):
        now = 100.0 + second
        progress.advance(1_000)
        progress.rate()
    assert progress.rate() == 1_000  # what was slow is forgotten
    now = 120.0
    assert progress.rate() < 200  # nothing moves any more
    progress.restart(0)
    assert (progress.done, progress.rate()) == (0, 0)


def test_a_speed_is_that_of_the_last_whole_span() -> None:
    speed = Speed(60.0, 100.0, 5_000)
    for now, done, rate in (
        (101.0, 9_000, float("inf")), (159.9, 9_000, float("inf")), (160.0, 11_000, 100.0), (200.0, 99_000, 100.0),
        (220.0, 131_000, 2_000.0), (300.0, 131_000, 0.0),
    ):  # fmt: skip
        speed.measure(now, done)
        assert speed.rate == rate
