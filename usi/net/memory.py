"""A network inside this process: one host and its guests on one event loop, without a socket or a port.

The connections are asyncio transports in pairs, so that links, sessions and everything above them are the real ones.
"""

from __future__ import annotations

import asyncio
import itertools
import socket
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any, cast

_HIGH_WATER = 64 * 1024  # bytes that wait for the other end before a writer is asked to wait


class Memory:
    """Where one host listens and guests find it. Those who call before it listens wait for it."""

    def __init__(self, name: str = "memory") -> None:
        self.name = name
        """What stands in place of an address."""
        self._accept: asyncio.Future[Callable[[], asyncio.Protocol]] | None = None
        self._take_data: Callable[[bytes, socket.socket], None]
        self._numbers = itertools.count(1)

    def listen(
        self, accept: Callable[[], asyncio.Protocol], take_data: Callable[[bytes, socket.socket], None]
    ) -> None:
        """Answer every call with a protocol made by `accept`; give data connections, with their tickets, to
        `take_data`."""
        listening = self._listening()
        if listening.done():
            raise RuntimeError("There is a host already.")
        listening.set_result(accept)
        self._take_data = take_data

    async def connect(self, protocol: asyncio.Protocol) -> None:
        """Call the host: connect `protocol` with one of the host's making."""
        accept = await asyncio.shield(self._listening())
        address = (self.name, next(self._numbers))
        _join(protocol, accept(), address)

    def open_data(self, ticket: bytes) -> socket.socket:
        """A data connection: files move by threads, which need a real socket."""
        near, far = socket.socketpair()
        self._take_data(ticket, far)
        return near

    def _listening(self) -> asyncio.Future[Callable[[], asyncio.Protocol]]:
        if self._accept is None:
            self._accept = asyncio.get_running_loop().create_future()
        return self._accept


def _join(caller: asyncio.Protocol, called: asyncio.Protocol, address: tuple[str, int]) -> None:
    """Give both protocols a transport whose other end is the other's."""
    near, far = _End(caller, (address[0], 0)), _End(called, address)
    near.other, far.other = far, near
    called.connection_made(far)
    caller.connection_made(near)


class _End(asyncio.Transport):
    """One end of a connection, with what has arrived for its protocol and was not read yet."""

    other: _End

    def __init__(self, protocol: asyncio.Protocol, address: tuple[str, int]) -> None:
        super().__init__({"peername": address})
        self._loop = asyncio.get_running_loop()
        self._protocol = protocol
        self._arrived: deque[bytes] = deque()
        self._size = 0
        self._high = _HIGH_WATER
        self._paused = False  # the protocol does not want to read
        self._waits = False  # the protocol was asked not to write
        self._ended = False  # nothing more is written from here
        self._end_arrived = False  # nor from there
        self._end_told = False
        self._closed = False
        self._due = False  # a turn at `_pass_on` is planned

    # --- writing ---

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if not data or self._ended:
            return
        self.other._arrive(bytes(data))
        if self.other._size > self._high and not self._waits:
            self._waits = True
            self._protocol.pause_writing()

    def writelines(self, list_of_data: Iterable[Any]) -> None:
        self.write(b"".join(list_of_data))

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        if not self._ended:
            self._ended = True
            self.other._arrive_end()

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        self._high = _HIGH_WATER if high is None else high

    def get_write_buffer_size(self) -> int:
        return self.other._size

    # --- reading ---

    def is_reading(self) -> bool:
        return not self._paused and not self._closed

    def pause_reading(self) -> None:
        self._paused = True

    def resume_reading(self) -> None:
        self._paused = False
        self._plan()

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self._protocol = cast(asyncio.Protocol, protocol)

    def get_protocol(self) -> asyncio.BaseProtocol:
        return self._protocol

    def _arrive(self, data: bytes) -> None:
        if not self._closed:
            self._arrived.append(data)
            self._size += len(data)
            self._plan()

    def _arrive_end(self) -> None:
        self._end_arrived = True
        self._plan()

    def _plan(self) -> None:
        if not self._due and not self._closed:
            self._due = True
            self._loop.call_soon(self._pass_on)

    def _pass_on(self) -> None:
        """Hand over what has arrived, as long as the protocol wants it."""
        self._due = False
        while self._arrived and self.is_reading():
            data = self._arrived.popleft()
            self._size -= len(data)
            self._protocol.data_received(data)
        self.other._taken()
        if self._end_arrived and not self._end_told and not self._arrived and self.is_reading():
            self._end_told = True
            if not self._protocol.eof_received():
                self.close()

    def _taken(self) -> None:
        """The other end has read."""
        if self._waits and self.other._size <= self._high // 4 and not self._closed:
            self._waits = False
            self._protocol.resume_writing()

    # --- the end ---

    def is_closing(self) -> bool:
        return self._closed

    def close(self) -> None:
        """What was written still arrives; nothing more is read."""
        self.write_eof()
        self._lose()

    def abort(self) -> None:
        self.close()

    def _lose(self) -> None:
        if not self._closed:
            self._closed = True
            self._arrived.clear()
            self._size = 0
            self._loop.call_soon(self._protocol.connection_lost, None)
            self.other._taken()
