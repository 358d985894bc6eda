"""A wire that fails on demand: TCP between guests and a host, on a loop and thread of its own.

Everything can be changed while connections pass, from any thread. What loss and reordering do to TCP, which hides
them, is what an application sees of them: pieces that come late, and in lumps.
"""

from __future__ import annotations

import asyncio
import random
import socket
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Self

HERE = "127.0.0.1"
_PIECE = 16 * 1024  # bytes read at once: small, so that a change takes hold soon
_STEP = 0.02  # seconds between looks at whether a stopped wire goes on


class FaultProxy:
    """Use as `with FaultProxy(port) as wire`; guests connect to `wire.port`."""

    def __init__(self, target: int, *, seed: int = 0) -> None:
        self.port = 0
        self.delay = 0.0
        """Seconds by which each piece is late, each way."""
        self.jitter = 0.0
        """By how much that varies, up and down; pieces stay in order."""
        self.loss = 0.0
        """Share of pieces that are late by `retransmission` more, as if they had been lost once."""
        self.retransmission = 0.2
        self.rate: float | None = None
        """Bytes a second, each way and connection; None: as fast as it goes."""
        self.stopped = False
        """Nothing passes, and nobody is told."""
        self.refusing = False
        """Newcomers are cut at once."""
        self.connections = 0
        """How many there were."""
        self.passed = 0
        """Bytes that went through, both ways together."""
        self._target = target
        self._random = random.Random(seed)
        self._pairs: dict[asyncio.StreamWriter, asyncio.StreamWriter] = {}
        """By the guest's end, the host's."""
        self._forgotten: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._started = threading.Event()
        self._thread = threading.Thread(target=self._run, name="fault-proxy")

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._started.wait(20)
        return self

    def __exit__(self, *exc: object) -> None:
        self._call(self._finish.set)
        self._thread.join(20)

    # --- what can be done to those who are connected ---

    def cut(self) -> None:
        """Reset all connections, on both sides."""
        self._call(self._abort_all)

    def half_close(self, *, towards_host: bool) -> None:
        """End one direction of all connections in good order; the other goes on."""

        def close() -> None:
            for guest, host in self._pairs.items():
                with suppress(OSError, RuntimeError):
                    (host if towards_host else guest).write_eof()

        self._call(close)

    def forget(self) -> None:
        """Pass nothing more over the connections that there are, without a word; new ones are as good as before."""
        self._call(lambda: self._forgotten.update(*self._pairs.items()))

    # --- inside ---

    def _call(self, work: Callable[[], object]) -> None:
        """Have the loop do it, and wait until it is done."""
        done = threading.Event()

        def run() -> None:
            work()
            done.set()

        self._loop.call_soon_threadsafe(run)
        assert done.wait(20)

    def _run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        self._loop, self._finish = asyncio.get_running_loop(), asyncio.Event()
        server = await asyncio.start_server(self._accept, HERE, 0)
        self.port = server.sockets[0].getsockname()[1]
        self._started.set()
        await self._finish.wait()
        server.close()
        self._abort_all()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _abort_all(self) -> None:
        for ends in self._pairs.items():
            for end in ends:
                _reset(end)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        try:
            if not self.refusing:
                await self._join(reader, writer)
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            _reset(writer)
            self._tasks.discard(task)

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection(HERE, self._target)
        self._pairs[writer] = far_writer
        pumps = [
            asyncio.ensure_future(self._pump(reader, far_writer)),
            asyncio.ensure_future(self._pump(far_reader, writer)),
        ]
        try:
            await asyncio.gather(*pumps)
            for end in (writer, far_writer):
                end.close()
                await end.wait_closed()
        finally:
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
            far_writer.transport.abort()
            self._pairs.pop(writer, None)
            self._forgotten -= {writer, far_writer}

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One direction. Pieces wait in line while they are late, so that delay costs no throughput."""
        line: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(64)
        sending = asyncio.ensure_future(self._send(line, writer))
        try:
            while data := await reader.read(_PIECE):
                late = self.delay + self._random.uniform(-self.jitter, self.jitter)
                late += self.retransmission if self._random.random() < self.loss else 0.0
                await line.put((self._loop.time() + late, data))
            await line.put((0.0, b""))
            await sending
        finally:
            sending.cancel()

    async def _send(self, line: asyncio.Queue[tuple[float, bytes]], writer: asyncio.StreamWriter) -> None:
        while True:
            due, data = await line.get()
            if (wait := due - self._loop.time()) > 0:
                await asyncio.sleep(wait)
            while data:
                await self._let_through(writer)
                size = len(data) if self.rate is None else max(1, int(self.rate * _STEP))
                self.passed += min(size, len(data))
                try:
                    writer.write(data[:size])
                except RuntimeError:  # this direction was closed on demand: nothing more goes this way
                    return
                await writer.drain()
                data = data[size:]
                if self.rate is not None:
                    await asyncio.sleep(size / self.rate)
            if due == 0.0:
                await self._let_through(writer)
                with suppress(OSError, RuntimeError):
                    writer.write_eof()
                return

    async def _let_through(self, writer: asyncio.StreamWriter) -> None:
        while self.stopped or writer in self._forgotten:  # noqa: ASYNC110 (set from any thread, at any time)
            await asyncio.sleep(_STEP)


def _reset(end: asyncio.StreamWriter) -> None:
    """End a connection with a reset, whatever is still under way."""
    sock = end.get_extra_info("socket")
    with suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    end.transport.abort()
