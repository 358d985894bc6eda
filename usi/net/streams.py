"""One data connection, on a thread of its own: a file's chunks into a socket, or out of it, and nothing between.

Both ends stop at once when their socket is shut down from the event loop. `Progress` is what they tell meanwhile:
plain numbers, written by one thread and read by another.
"""

from __future__ import annotations

import hashlib
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, Protocol

from usi.core.crypto import PrivateKey, PublicKey
from usi.core.errors import FileCut, FileLonger, FileStalled
from usi.core.transfer import CHUNK, SALT_SIZE, Offered, Opener, Sealer, signed_end

_CHECKPOINT = 256  # chunks between kept states of the hash: 64 MiB, read again in a fraction of a second
GO = b"\1"  # the host's only byte to a sender: the receiver is here


class Progress:
    """Bytes of the stream that are through, and how fast they go lately."""

    _SPAN = 3.0  # seconds over which speed is measured

    def __init__(self, done: int = 0) -> None:
        self.done = done
        self.stopped = False
        """Set to end a sender that is still reading what it will not send; who moves bytes is woken by its socket."""
        self._marks = [(time.monotonic(), done)]

    def advance(self, size: int) -> None:
        self.done += size

    def restart(self, done: int) -> None:
        """A new connection goes on from here."""
        self.done = done
        self.stopped = False
        self._marks = [(time.monotonic(), done)]

    def rate(self) -> int:
        """Bytes a second; asked for about as often as it is shown."""
        now = time.monotonic()
        self._marks.append((now, self.done))
        while len(self._marks) > 2 and now - self._marks[1][0] > self._SPAN:
            del self._marks[0]
        since, done = self._marks[0]
        return round((self.done - done) / (now - since)) if now > since else 0


class Speed:
    """How fast something has moved over the last whole span of `seconds`."""

    def __init__(self, seconds: float, now: float, done: int = 0) -> None:
        self._seconds = seconds
        self._since, self._done = now, done
        self._rate: float | None = None

    def measure(self, now: float, done: int) -> None:
        """So far it has come; called about once a second."""
        if now - self._since >= self._seconds:
            self._rate = (done - self._done) / (now - self._since)
            self._since, self._done = now, done

    @property
    def rate(self) -> float:
        """Bytes a second; infinite until a span has passed."""
        return self._rate if self._rate is not None else float("inf")


class Content(Protocol):
    """What a sender reads from: `usi.store.source`."""

    def read(self, first: int, size: int) -> Iterator[bytes]: ...

    def check(self) -> None: ...


class StreamHash:
    """SHA-256 of an offered stream, followed chunk by chunk by whoever sends it first.

    States along the way are kept, so that a receiver that goes on in the middle costs no second reading of what it has;
    the whole is kept, so that further receivers cost no hashing."""

    def __init__(self) -> None:
        self.whole: bytes | None = None
        self._states: dict[int, Any] = {0: hashlib.sha256()}

    def before(self, chunk: int) -> tuple[int, Any]:
        """The newest state that is not behind `chunk`: (where it stands, a copy of it)."""
        start = max(number for number in list(self._states) if number <= chunk)
        return start, self._states[start].copy()

    def keep(self, chunk: int, state: Any) -> None:
        if chunk % _CHECKPOINT == 0 and chunk not in self._states:
            self._states[chunk] = state.copy()


def send(
    sock: socket.socket,
    content: Content,
    offered: Offered,
    key: PrivateKey,
    stream_hash: StreamHash,
    first: int,
    salt: bytes,
    progress: Progress,
) -> None:
    """Send the stream from chunk `first` on. `sock` has a timeout, which is that of a receiver who takes nothing.

    Raises `FileCut` where the connection breaks or nobody takes more, and what `content` raises."""
    sealer = Sealer(offered, salt, first)
    state: Any = None
    if stream_hash.whole is None:
        start, state = stream_hash.before(first)
        for _, chunk in zip(range(first - start), content.read(start, CHUNK), strict=False):
            if progress.stopped:
                raise FileCut
            state.update(chunk)
    try:
        if sock.recv(1) != GO:
            raise FileCut
        sock.sendall(salt)
        chunks = content.read(first, CHUNK)
        while not sealer.ended:
            chunk = next(chunks, b"")
            signature = b""
            if state is not None:
                state.update(chunk)
                stream_hash.keep(sealer.next + 1, state)
            if sealer.next == offered.chunks - 1:
                content.check()
                stream_hash.whole = whole = stream_hash.whole or state.digest()
                signature = key.sign(signed_end(offered, whole))
            sealed = sealer.seal(chunk, signature)
            progress.advance(len(chunk))  # before it goes: the receiver's thanks may be faster than this thread
            _send_all(sock, sealed)
        sock.shutdown(socket.SHUT_WR)
        while sock.recv(64):
            pass  # the host ends when all has gone on to the receiver: closing before could tear it off
    except OSError as error:
        raise FileCut from error


def receive(
    sock: socket.socket,
    write: Callable[[bytes], None],
    offered: Offered,
    sender: PublicKey,
    state: Any,
    first: int,
    progress: Progress,
) -> bytes:
    """Write the stream from chunk `first` on; `state` is SHA-256 of what is written. Returns SHA-256 of all.

    The last chunk is written when the signature in it was found right and the stream ends behind it, so whatever goes
    wrong, what is written is whole chunks before the last, and `state` fits them.

    `sock` has a timeout: of a connection to which nothing arrives. Raises `FileStalled` then, `FileCut` at an early
    end, the errors of `transfer.Opener` and of `write`, `FileLonger`, and `FileReplaced` where the signature is not the
    sender's."""
    opener = Opener(offered, bytes(_exactly(sock, bytearray(SALT_SIZE))), first)
    buffer = bytearray(CHUNK + 1024)
    while True:
        chunk = opener.open(_exactly(sock, memoryview(buffer)[: opener.expected]))
        if opener.ended:
            break
        write(chunk)
        state.update(chunk)
        progress.advance(len(chunk))
    if _receive_into(sock, memoryview(buffer)[:1]):
        raise FileLonger
    at_end = state.copy()
    at_end.update(chunk)
    whole: bytes = at_end.digest()
    opener.check_end(sender, whole)
    write(chunk)
    progress.advance(len(chunk))
    return whole


def wake(sock: socket.socket) -> None:
    """End what a thread reads or writes here, at once."""
    with suppress(OSError):  # not connected any more
        sock.shutdown(socket.SHUT_RDWR)


def stop_sending(sock: socket.socket, progress: Progress) -> None:
    """End a `send`, also one that is still reading what it will not send."""
    progress.stopped = True
    wake(sock)


def _send_all(sock: socket.socket, data: bytes) -> None:
    """As `sendall`, but the timeout is for each step: a slow receiver is not a dead one."""
    rest = memoryview(data)
    while rest:
        rest = rest[sock.send(rest) :]


def _exactly(sock: socket.socket, into: bytearray | memoryview) -> memoryview:
    whole = rest = memoryview(into)
    while rest:
        count = _receive_into(sock, rest)
        if not count:
            raise FileCut
        rest = rest[count:]
    return whole


def _receive_into(sock: socket.socket, into: memoryview) -> int:
    try:
        return sock.recv_into(into)
    except TimeoutError as error:
        raise FileStalled(seconds=round(sock.gettimeout() or 0)) from error
    except OSError as error:
        raise FileCut from error
