"""A network inside the process: the transports of a pair, and peers that meet over them."""

import asyncio
import socket
from typing import Any

import pytest

from usi.config import Settings
from usi.core import events as ev
from usi.core.crypto import PrivateKey
from usi.net.memory import Memory
from usi.net.peer import Peer


class Ear(asyncio.Protocol):
    """Notes what its transport does."""

    def __init__(self, *, keeps_open: bool = False) -> None:
        self.noted: list[str] = []
        self.heard = b""
        self.transport: Any = None
        self.lost = asyncio.Event()
        self._keeps_open = keeps_open

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.noted.append("made")

    def data_received(self, data: bytes) -> None:
        self.heard += data

    def eof_received(self) -> bool:
        self.noted.append("end")
        return self._keeps_open

    def connection_lost(self, exc: Exception | None) -> None:
        assert exc is None
        self.noted.append("lost")
        self.lost.set()

    def pause_writing(self) -> None:
        self.noted.append("full")

    def resume_writing(self) -> None:
        self.noted.append("free")


async def turns() -> None:
    """Let everything that is due happen."""
    for _ in range(5):
        await asyncio.sleep(0)


def no_data(ticket: bytes, sock: socket.socket) -> None:
    raise AssertionError("nobody sends a file")


async def pair(*, keeps_open: bool = False) -> tuple[Ear, Ear]:
    caller, called = Ear(), Ear(keeps_open=keeps_open)
    memory = Memory("here")
    memory.listen(lambda: called, no_data)
    await memory.connect(caller)
    return caller, called


async def test_what_one_writes_the_other_reads_in_order() -> None:
    caller, called = await pair()
    caller.transport.write(b"one ")
    caller.transport.writelines([b"two ", bytearray(b"three")])
    called.transport.write(memoryview(b"back"))
    assert called.heard == b""  # never inside `write`
    await turns()
    assert called.heard == b"one two three"
    assert caller.heard == b"back"
    assert called.transport.get_extra_info("peername") == ("here", 1)
    assert called.transport.get_extra_info("socket") is None


async def test_who_pauses_reading_reads_later_and_the_writer_is_asked_to_wait() -> None:
    caller, called = await pair()
    caller.transport.set_write_buffer_limits(high=10)
    called.transport.pause_reading()
    caller.transport.write(b"x" * 10)
    assert "full" not in caller.noted
    caller.transport.write(b"y")
    await turns()
    assert caller.noted == ["made", "full"]
    assert caller.transport.get_write_buffer_size() == 11
    assert called.heard == b""
    called.transport.resume_reading()
    await turns()
    assert called.heard == b"x" * 10 + b"y"
    assert caller.noted == ["made", "full", "free"]


async def test_closing_lets_what_was_written_arrive_and_ends_both() -> None:
    caller, called = await pair()
    called.transport.pause_reading()
    caller.transport.write(b"last words")
    caller.transport.close()
    caller.transport.write(b"too late")
    await turns()
    assert caller.noted == ["made", "lost"]
    assert called.noted == ["made"]
    called.transport.resume_reading()
    await turns()
    assert called.heard == b"last words"
    assert called.noted == ["made", "end", "lost"]
    assert caller.transport.is_closing()
    assert called.transport.is_closing()


async def test_an_end_closes_one_direction_where_the_other_is_kept_open() -> None:
    caller, called = await pair(keeps_open=True)
    caller.transport.write_eof()
    await turns()
    assert called.noted == ["made", "end"]
    called.transport.write(b"answer")
    await turns()
    assert caller.heard == b"answer"
    called.transport.abort()
    await turns()
    assert caller.noted == ["made", "end", "lost"]
    assert called.noted == ["made", "end", "lost"]


async def test_who_calls_before_there_is_a_host_waits_for_it() -> None:
    memory, caller, called = Memory(), Ear(), Ear()
    calling = asyncio.create_task(memory.connect(caller))
    given_up = asyncio.create_task(memory.connect(Ear()))
    await turns()
    assert caller.noted == []
    given_up.cancel()
    await turns()
    memory.listen(lambda: called, no_data)
    await calling
    assert caller.noted == ["made"]
    with pytest.raises(RuntimeError):
        memory.listen(lambda: called, no_data)


async def test_peers_meet_without_a_socket(keys: dict[str, PrivateKey], monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*args: Any, **kwargs: Any) -> Any:
        raise AssertionError("a socket was made")

    monkeypatch.setattr(socket, "socket", never)
    memory = Memory("nowhere")
    async with (
        Peer(Settings(hosting=True, name="host"), keys["host"], memory) as host,
        Peer(Settings(hosting=False, name="alice"), keys["alice"], memory) as alice,
        Peer(Settings(hosting=False, name="bob"), keys["bob"], memory) as bob,
    ):
        await bob.enter("héllo")
        async with asyncio.timeout(20):
            async for event in alice.events():
                if isinstance(event, ev.Connected):
                    assert (event.host, event.name) == ("nowhere", "alice")
                if isinstance(event, ev.Message):
                    assert (event.from_, event.text, event.signature) == ("bob", "héllo", "good")
                    break
        async with asyncio.timeout(20):
            async for event in host.events():
                if isinstance(event, ev.Listening):
                    assert event.addresses == ["nowhere"]
                if isinstance(event, ev.MemberJoined):
                    assert event.address == "nowhere:1"
                    break
        await host.close()
        async with asyncio.timeout(20):
            told = [event async for event in bob.events()]
    assert isinstance(told[-1], ev.Disconnected)
    assert told[-1].code == "host-stopped"
    assert (alice.exit_status, bob.exit_status) == (0, 0)
