"""Peers, a proxy and raw connections on 127.0.0.1 for the tests of the network layer.

`house` makes them all and clears them away at the end of the test. A wire that is cut is the end there, for both sides,
unless a test asks for more by `resume_seconds` and `seat_seconds`. Nothing here sleeps for a fixed time: whoever waits,
waits for an event, with a patience that only a failure uses up.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import pytest

from usi.config import Limits, Settings
from usi.core import events as ev
from usi.core import wire
from usi.core.crypto import NONCE_SIZE, PrivateKey
from usi.core.errors import PeerError
from usi.core.session import ANSWER_SIZE, HELLO_SIZE, OFFER_SIZE, Role, Session, State
from usi.net.peer import Peer
from usi.store.codes import SpentCodes

from .sharing import Room

try:
    import uvloop
except ImportError:  # the `fast` extra is not installed
    FAST_LOOPS: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {}
else:
    FAST_LOOPS = {"uvloop": uvloop.new_event_loop}

HERE = "127.0.0.1"
PATIENCE = 20.0
NOWHERE = Path("/nonexistent/usi")
"""Where those receive who receive nothing."""

E = TypeVar("E", bound=ev.Event)
M = TypeVar("M", bound=wire.Message)


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """A host runs on uvloop where the `fast` extra is installed, so what is tested of it is tested on both loops."""
    own = {"asyncio": asyncio.new_event_loop}
    return own | FAST_LOOPS if item.path.name in ("test_host.py", "test_relay.py") else own


class Seat:
    """A running peer, and everything that it has told its face so far."""

    def __init__(self, peer: Peer) -> None:
        self.peer = peer
        self.told: list[ev.Event] = []
        self._moved = asyncio.Event()
        self._face: asyncio.Task[None] | None = None

    def wake(self) -> None:
        """Start to read the events; until then the face sleeps."""
        self._face = self._face or asyncio.create_task(self._listen())

    async def _listen(self) -> None:
        async for event in self.peer.events():
            self.told.append(event)
            self._moved.set()

    @property
    def port(self) -> int:
        """Where a host listens."""
        return self.all(ev.Listening)[0].port

    def all(self, kind: type[E], **fields: Any) -> list[E]:
        """What was told so far of this kind and with these fields."""
        return [event for event in self.told if isinstance(event, kind) and _fits(event, fields)]

    def texts(self, *, mine: bool = False) -> list[str]:
        return [event.text for event in self.all(ev.Message, mine=mine)]

    async def hears(self, kind: type[E], *, count: int = 1, **fields: Any) -> E:
        """Wait for so many events of this kind and with these fields; returns the last of them."""
        try:
            async with asyncio.timeout(PATIENCE):
                while len(found := self.all(kind, **fields)) < count:
                    if self._face is not None and self._face.done():
                        self._face.result()
                        raise AssertionError(f"ended before {kind.__name__} {fields}: {self.told[-20:]}")
                    self._moved.clear()
                    waiting = [asyncio.ensure_future(self._moved.wait())]
                    waiting += [self._face] if self._face is not None else []
                    await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
                    waiting[0].cancel()
        except TimeoutError:
            raise AssertionError(f"never told {kind.__name__} {fields}: {self.told[-20:]}") from None
        return found[count - 1]

    async def says(self, *lines: str) -> None:
        for line in lines:
            await self.peer.enter(line)

    async def end(self) -> list[ev.Event]:
        """Wait until the peer has told its last event; returns all of them."""
        self.wake()
        assert self._face is not None
        async with asyncio.timeout(PATIENCE):
            await self._face
        return self.told

    async def leave(self) -> list[ev.Event]:
        await self.peer.close()
        return await self.end()


def _fits(event: ev.Event, fields: dict[str, Any]) -> bool:
    return all(getattr(event, name) == value for name, value in fields.items())


@dataclass(frozen=True)
class Frame:
    """A handshake message or a whole record, as it stands on the wire. `to` is "host" or "guest"; the handshake's are
    number 0 (and 1 towards the host), the first record follows."""

    connection: int
    to: str
    number: int
    data: bytes

    @property
    def record(self) -> int:
        """Which record of its direction this is, from 0; negative for the handshake."""
        return self.number - (2 if self.to == "host" else 1)


CUT = None
"""In the answer of `Proxy.touch`: end both connections here."""


@dataclass
class Proxy:
    """Stands between guests and a host and keeps what passes. `touch` says what goes on in place of a frame."""

    target: int
    touch: Callable[[Frame], Sequence[bytes | None]] = lambda frame: [frame.data]
    port: int = 0
    frames: list[Frame] = field(default_factory=list)
    _connections: int = 0
    _closed: bool = False
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _writers: list[asyncio.StreamWriter] = field(default_factory=list)

    def passed(self, to: str, connection: int = 0) -> bytes:
        """All bytes that came for one side, before anything was touched."""
        return b"".join(f.data for f in self.frames if f.to == to and f.connection == connection)

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, HERE, 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        self._closed = True
        self._server.close()
        for writer in self._writers:
            writer.transport.abort()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        number, self._connections = self._connections, self._connections + 1
        try:
            far_reader, far_writer = await asyncio.open_connection(HERE, self.target)
        except OSError:  # nobody is there
            writer.transport.abort()
            return
        self._writers += [writer, far_writer]
        if self._closed:  # meanwhile
            writer.transport.abort()
            far_writer.transport.abort()
        pumps = [
            asyncio.ensure_future(self._pump(number, "host", reader, far_writer)),
            asyncio.ensure_future(self._pump(number, "guest", far_reader, writer)),
        ]
        try:
            done, _ = await asyncio.wait(pumps, return_when=asyncio.FIRST_EXCEPTION)
            if all(pump.exception() is None for pump in done):
                writer.close()
                far_writer.close()
        finally:
            for pump in pumps:
                pump.cancel()
            for end in (writer, far_writer):
                if not end.is_closing():
                    end.transport.abort()
                with suppress(OSError):
                    await end.wait_closed()
            await asyncio.gather(*pumps, return_exceptions=True)

    async def _pump(self, number: int, to: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        sizes = [HELLO_SIZE, ANSWER_SIZE] if to == "host" else [OFFER_SIZE]
        buffer, index, framed = b"", 0, True
        while data := await reader.read(65_536):
            buffer += data
            while framed and buffer:
                size = sizes[index] if index < len(sizes) else 4 + int.from_bytes(buffer[:4].ljust(4, b"\0"), "big")
                framed = size <= 4 + wire.MAX_RECORD  # a refusal is no record and passes as it is
                if len(buffer) < max(size, 4) or not framed:
                    break
                self._pass(Frame(number, to, index, buffer[:size]), writer)
                buffer, index = buffer[size:], index + 1
            if not framed:
                self._pass(Frame(number, to, index, buffer), writer)
                buffer = b""
            await writer.drain()
        if buffer:
            self._pass(Frame(number, to, index, buffer), writer)
        writer.write_eof()

    def _pass(self, frame: Frame, writer: asyncio.StreamWriter) -> None:
        self.frames.append(frame)
        for data in self.touch(frame):
            if data is CUT:
                raise ConnectionAbortedError
            writer.write(data)


@dataclass
class Wire:
    """Stands between guests and a host and moves bytes as they come. Of data connections it counts what passes, holds
    it back while `flowing` is not set, and cuts: each of `cuts` ends one connection after so many bytes to its
    receiver, by a reset where `reset` is set; with `then_hold` nothing flows after the last cut."""

    target: int
    port: int = 0
    cuts: list[int] = field(default_factory=list)
    then_hold: bool = False
    reset: bool = False
    flowing: asyncio.Event = field(default_factory=asyncio.Event)
    passed: int = 0
    """Bytes to receivers."""
    dialled: int = 0
    """Data connections."""
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _data: set[asyncio.Task[None]] = field(default_factory=set)

    async def start(self) -> None:
        self.flowing.set()
        self._server = await asyncio.start_server(self._accept, HERE, 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    def cut(self) -> None:
        """End all data connections."""
        for task in self._data:
            task.cancel()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._tasks.add(asyncio.create_task(self._serve(reader, writer)))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ends, pumps = [writer], []
        try:
            first = await reader.read(65_536)
            is_data = first.startswith(wire.DATA_MAGIC)
            if is_data:
                self.dialled += 1
                task = asyncio.current_task()
                assert task is not None
                self._data.add(task)
            far_reader, far_writer = await asyncio.open_connection(HERE, self.target)
            ends.append(far_writer)
            far_writer.write(first)
            pumps = [
                asyncio.ensure_future(self._pump(reader, far_writer, is_data, False)),
                asyncio.ensure_future(self._pump(far_reader, writer, is_data, is_data)),
            ]
            await asyncio.gather(*pumps)
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            for pump in pumps:
                pump.cancel()
            for end in ends:
                end.transport.abort()
            await asyncio.gather(*pumps, return_exceptions=True)

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, is_data: bool, counted: bool
    ) -> None:
        cut: int | None = None
        passed = 0
        while data := await reader.read(65_536):
            if is_data:
                await self.flowing.wait()
            if counted and passed + len(data) > 1:  # more than the host's word to a sender
                if cut is None:
                    cut = self.cuts.pop(0) if self.cuts else 2**63
                if passed + len(data) >= cut:
                    self.passed += cut - passed
                    writer.write(data[: cut - passed])
                    await writer.drain()
                    if self.then_hold and not self.cuts:
                        self.flowing.clear()
                    if self.reset:
                        linger = socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
                        writer.get_extra_info("socket").setsockopt(*linger)
                    raise ConnectionAbortedError
                self.passed += len(data)
            passed += len(data)
            writer.write(data)
            await writer.drain()
        writer.write_eof()


class Puppet:
    """A member without the program: whoever holds it decides what goes out. The handshake is done honestly."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, session: Session) -> None:
        self.reader = reader
        self.writer = writer
        self.session = session

    async def greet(self) -> None:
        """Do the handshake up to the point where both have keys."""
        self._flush()
        while self.session.state is State.HELLO:
            self.session.receive_data(await self._read())
        self._flush()

    async def join(self, name: str) -> list[wire.Message]:
        """Join; returns what the host has said up to the end of its list of members."""
        self.send(wire.Join(name))
        messages: list[wire.Message] = []
        while not any(isinstance(message, wire.Present) and message.last for message in messages):
            messages += self.session.receive_data(await self._read())
        return messages

    async def hears(self, kind: type[M]) -> M:
        """Wait for a message of this kind; what comes before and behind it is passed over."""
        async with asyncio.timeout(PATIENCE):
            while True:
                for message in self.session.receive_data(await self._read()):
                    if isinstance(message, kind):
                        return message

    def send(self, *messages: wire.Message) -> None:
        self.session.send(messages)
        self._flush()

    def write(self, data: bytes) -> None:
        """Anything at all, past the session."""
        self.writer.write(data)

    def seal(self, plaintext: bytes) -> None:
        """Anything at all, as the next record; the session itself must not be used to send after this."""
        sealed = self.session._seal_key.seal(self.session.records_out.to_bytes(NONCE_SIZE, "big"), plaintext)
        self.write(len(sealed).to_bytes(wire.LENGTH_SIZE, "big") + sealed)

    async def goodbye(self) -> str:
        """Wait for the end and return its code: of the host's goodbye or refusal, or `cut` where there was none."""
        try:
            async with asyncio.timeout(PATIENCE):
                while data := await self.reader.read(65_536):
                    for message in self.session.receive_data(data):
                        if isinstance(message, wire.Bye):
                            return message.code
            self.session.receive_eof()
        except ConnectionError:
            return "cut"
        except PeerError as error:
            return error.code
        raise AssertionError("no end")

    async def _read(self) -> bytes:
        async with asyncio.timeout(PATIENCE):
            data = await self.reader.read(65_536)
        if not data:
            self.session.receive_eof()
            raise AssertionError("it ended with a goodbye, and before what is waited for")
        return data

    def _flush(self) -> None:
        self.writer.write(self.session.data_to_send())


class House:
    """Makes what a test needs, and takes it down in the opposite order."""

    def __init__(self, keys: dict[str, PrivateKey]) -> None:
        self.keys = keys
        self._stack = AsyncExitStack()

    async def open(self, settings: Settings, key: PrivateKey, *, awake: bool = True) -> Seat:
        """A peer that has started. Whatever its `start` raises is the test's."""
        seat = Seat(Peer(settings, key=key))
        async with asyncio.timeout(PATIENCE):
            await seat.peer.start()
        self._stack.push_async_callback(seat.leave)
        if awake:
            seat.wake()
        return seat

    async def host(
        self,
        *,
        preset: bytes | None = None,
        dev: bool = False,
        awake: bool = True,
        key: str = "host",
        downloads: Path = NOWHERE,
        accept_files: bool = False,
        **limits: Any,
    ) -> Seat:
        limits = {"seat_seconds": 0.0} | limits
        settings = Settings(
            True, "host", HERE, 0, preset, dev=dev, downloads=downloads, accept_files=accept_files,
            limits=Limits(**limits),
        )  # fmt: skip
        seat = await self.open(settings, self.keys[key], awake=awake)
        if awake:
            await seat.hears(ev.Users)
        return seat

    async def guest(
        self,
        name: str,
        port: int,
        *,
        preset: bytes | None = None,
        dev: bool = False,
        awake: bool = True,
        key: str | None = None,
        address: str = HERE,
        downloads: Path = NOWHERE,
        accept_files: bool = False,
        **limits: Any,
    ) -> Seat:
        limits = {"resume_seconds": 0.0} | limits
        settings = Settings(
            False, name, address, port, preset, dev=dev, downloads=downloads, accept_files=accept_files,
            limits=Limits(**limits),
        )  # fmt: skip
        seat = await self.open(settings, self.keys[key or name], awake=awake)
        if awake:
            await seat.hears(ev.Users)
        return seat

    async def proxy(
        self, port: int, touch: Callable[[Frame], Sequence[bytes | None]] = lambda frame: [frame.data]
    ) -> Proxy:
        proxy = Proxy(port, touch)
        await proxy.start()
        self._stack.push_async_callback(proxy.close)
        return proxy

    async def wire(self, port: int) -> Wire:
        made = Wire(port)
        await made.start()
        self._stack.push_async_callback(made.close)
        return made

    async def server(self, serve: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]) -> int:
        """A server that is no host; returns its port. Its connections are closed when `serve` returns."""
        tasks: set[asyncio.Task[None]] = set()

        async def run(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None
            tasks.add(task)
            try:
                with suppress(ConnectionError, asyncio.CancelledError):
                    await serve(reader, writer)
            finally:
                writer.close()
                with suppress(OSError):
                    await writer.wait_closed()

        async def close() -> None:
            server.close()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await server.wait_closed()

        server = await asyncio.start_server(run, HERE, 0)
        self._stack.push_async_callback(close)
        port: int = server.sockets[0].getsockname()[1]
        return port

    async def dial(self, port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A bare connection."""
        reader, writer = await asyncio.open_connection(HERE, port)

        async def close() -> None:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

        self._stack.push_async_callback(close)
        return reader, writer

    async def puppet(self, port: int, key: str, preset: bytes | None = None) -> Puppet:
        """A bare connection with a session whose keys are made, and nothing said yet."""
        reader, writer = await self.dial(port)
        puppet = Puppet(reader, writer, Session(Role.CLIENT, self.keys[key], preset))
        await puppet.greet()
        return puppet

    async def close(self) -> None:
        async with asyncio.timeout(PATIENCE):
            await self._stack.aclose()


@pytest.fixture
async def house(keys: dict[str, PrivateKey]) -> AsyncIterator[House]:
    """See `House`."""
    made = House(keys)
    try:
        yield made
    finally:
        await made.close()


@pytest.fixture
def quick_ticks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Peers look at their limits every few milliseconds, so that short limits make short tests."""
    monkeypatch.setattr("usi.net.peer._TICK", 0.02)


@pytest.fixture
def eventually() -> Callable[[Callable[[], object]], Awaitable[None]]:
    """Waits until a condition holds of which no event tells."""

    async def wait(condition: Callable[[], object]) -> None:
        async with asyncio.timeout(PATIENCE):
            while not condition():  # noqa: ASYNC110 (nothing sets an event for it)
                await asyncio.sleep(0.005)

    return wait


@pytest.fixture
def room(house: House, tmp_path: Path, eventually: Callable[[Callable[[], object]], Awaitable[None]]) -> Room:
    return Room(house, tmp_path, eventually)


@pytest.fixture
def cheap_codes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A cheap bcrypt, and spent codes that end with the test."""
    monkeypatch.setattr("usi.core.crypto.BCRYPT_COST", 4)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setattr("usi.net.client.SpentCodes", lambda: SpentCodes(tmp_path / "spent.json"))
