"""The host's part in transfers: it joins two data connections and moves bytes between them, which it cannot read.

Each pair has a thread that sleeps in the operating system; where there is `splice`, bytes do not even enter this
program. A slow receiver slows its own sender and nobody else.
"""

from __future__ import annotations

import asyncio
import os
import socket
import struct
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field

from usi.config import Limits
from usi.core import events
from usi.core.facts import Expect
from usi.core.fetches import TRANSFERS
from usi.net.streams import GO, Speed

if sys.platform != "win32":
    import fcntl

_PIECE = 1024 * 1024  # bytes moved at once, and the size of the pipe between


@dataclass(eq=False)
class _Passage:
    """One transfer: the two sockets as they come, and what has gone through."""

    expect: Expect
    started: float
    speed: Speed
    timer: asyncio.TimerHandle | None = None
    source: socket.socket | None = None
    sink: socket.socket | None = None
    moved: int = 0
    dropped: bool = False
    moving: asyncio.Future[None] | None = field(default=None, repr=False)


class Relay:
    """All transfers that pass through this host. `ended` is told each request when its connections are gone."""

    def __init__(self, limits: Limits, ended: Callable[[bytes], None]) -> None:
        self._limits = limits
        self._ended = ended
        self._loop = asyncio.get_running_loop()
        self._threads = ThreadPoolExecutor(TRANSFERS, thread_name_prefix="usi-relay")
        self._passages: dict[bytes, _Passage] = {}
        self._tickets: dict[bytes, tuple[_Passage, bool]] = {}
        """Ticket → its passage, and whether it is the sender's. A ticket serves once."""
        self._closed = False

    @property
    def connections(self) -> int:
        """Sockets in use."""
        return sum((p.source is not None) + (p.sink is not None) for p in self._passages.values())

    def rows(self) -> list[events.PassingRow]:
        """What passes now."""
        now = self._loop.time()
        return [
            events.PassingRow(
                from_=passage.expect.sender.name,
                to=passage.expect.receiver.name,
                bytes=passage.moved,
                seconds=round(now - passage.started, 1),
            )
            for passage in self._passages.values()
        ]

    def expect(self, expect: Expect) -> None:
        """Two connections will come for this transfer; their tickets are good for a while."""
        if self._closed:
            return
        now = self._loop.time()
        passage = _Passage(expect, now, Speed(self._limits.slow_transfer_seconds, now))
        self._passages[expect.request] = passage
        self._tickets[expect.from_sender] = passage, True
        self._tickets[expect.to_receiver] = passage, False
        passage.timer = self._loop.call_later(self._limits.ticket_seconds, self.drop, expect.request)

    def claim(self, ticket: bytes, sock: socket.socket) -> None:
        """A data connection came with this ticket; one that nobody expects is closed."""
        passage, from_sender = self._tickets.pop(ticket, (None, False))
        if passage is None:
            sock.close()
            return
        if from_sender:
            passage.source = sock
        else:
            passage.sink = sock
        if passage.source is not None and passage.sink is not None:
            if passage.timer is not None:
                passage.timer.cancel()
            source, sink = passage.source, passage.sink
            passage.moving = self._loop.run_in_executor(self._threads, self._move, passage, source, sink)
            passage.moving.add_done_callback(lambda future: self._moved(passage, future))

    def tick(self, now: float) -> None:
        """Measure how fast they go; `now` is the loop's time."""
        for passage in self._passages.values():
            passage.speed.measure(now, passage.moved)

    def free_place(self) -> None:
        """Somebody waits: end the slowest, if it is slower than it may be then."""
        here = [passage for passage in self._passages.values() if not passage.dropped]
        slowest = min(here, key=lambda passage: passage.speed.rate, default=None)
        if slowest is not None and slowest.speed.rate < self._limits.slow_transfer_rate:
            self.drop(slowest.expect.request)

    def drop(self, request: bytes) -> None:
        """End the connections of a transfer."""
        passage = self._passages.get(request)
        if passage is None:
            return
        passage.dropped = True
        if passage.moving is None:
            self._forget(passage)
        else:
            _wake(passage.source, passage.sink)  # its thread then ends by itself

    async def close(self) -> None:
        self._closed = True
        for request in list(self._passages):
            self.drop(request)
        moving = [passage.moving for passage in self._passages.values() if passage.moving is not None]
        await asyncio.gather(*moving, return_exceptions=True)
        self._threads.shutdown(wait=False)

    def _move(self, passage: _Passage, source: socket.socket, sink: socket.socket) -> None:
        """On a thread: everything from source to sink, until the one ends or the other does."""
        with ExitStack() as stack:
            for sock in (source, sink):
                stack.callback(sock.close)
                _set_timeouts(sock, self._limits.idle_transfer_seconds)
            with suppress(OSError):
                source.sendall(GO)
                (_splice if hasattr(os, "splice") else _copy)(passage, source, sink)
                sink.shutdown(socket.SHUT_WR)
                while sink.recv(64):  # its end: the receiver has everything, and nothing is torn off
                    pass

    def _moved(self, passage: _Passage, future: asyncio.Future[None]) -> None:
        self._forget(passage)
        if not future.cancelled():
            future.result()

    def _forget(self, passage: _Passage) -> None:
        if self._passages.pop(passage.expect.request, None) is None:
            return
        if passage.timer is not None:
            passage.timer.cancel()
        for ticket in (passage.expect.from_sender, passage.expect.to_receiver):
            self._tickets.pop(ticket, None)
        for sock in (passage.source, passage.sink):
            if sock is not None:
                sock.close()
        self._ended(passage.expect.request)


def _set_timeouts(sock: socket.socket, seconds: float) -> None:
    """Blocking, in the operating system: a call that waits so long fails with EAGAIN."""
    sock.setblocking(True)
    if sys.platform == "win32":
        value: bytes | int = round(seconds * 1000)
    else:
        value = struct.pack("@ll", int(seconds), int(seconds % 1 * 1_000_000))
    for option in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
        sock.setsockopt(socket.SOL_SOCKET, option, value)


def _wake(*socks: socket.socket | None) -> None:
    for sock in socks:
        if sock is not None:
            with suppress(OSError):  # it has ended already
                sock.shutdown(socket.SHUT_RDWR)


def _splice(passage: _Passage, source: socket.socket, sink: socket.socket) -> None:
    """Move within the kernel (Linux)."""
    way_out, way_in = os.pipe()
    try:
        with suppress(OSError):  # more than this user may have
            fcntl.fcntl(way_in, fcntl.F_SETPIPE_SZ, _PIECE)
        while not passage.dropped and (waiting := os.splice(source.fileno(), way_in, _PIECE)):
            while waiting and not passage.dropped:
                moved = os.splice(way_out, sink.fileno(), waiting)
                waiting -= moved
                passage.moved += moved
    finally:
        os.close(way_out)
        os.close(way_in)


def _copy(passage: _Passage, source: socket.socket, sink: socket.socket) -> None:
    """The same where there is no `splice`."""
    buffer = memoryview(bytearray(_PIECE))
    while not passage.dropped and (count := source.recv_into(buffer)):
        sink.sendall(buffer[:count])
        passage.moved += count
