"""The host's part in transfers: tickets, data connections that are none, and members that are no honest ones."""

from __future__ import annotations

import asyncio
import os
import socket
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from usi.config import Limits
from usi.core import events as ev
from usi.core import wire
from usi.core.crypto import random_bytes
from usi.core.facts import Expect
from usi.core.fetches import TRANSFERS_OF_ONE
from usi.core.transfer import CHUNK
from usi.net import relay as relays
from usi.net.relay import Relay
from usi.net.streams import GO

from .conftest import House, Puppet, Seat

Eventually = Callable[[Callable[[], object]], Awaitable[None]]
PATIENCE = 20.0
T = b"t" * wire.TRANSFER_SIZE


def expected(number: int = 1) -> Expect:
    sender, receiver = wire.MemberInfo(b"a" * 32, "alice"), wire.MemberInfo(b"b" * 32, "bob")
    tail = number.to_bytes(1, "big")
    return Expect(number.to_bytes(16, "big"), sender, receiver, b"s" * 31 + tail, b"r" * 31 + tail)


class Passage:
    """A relay and the far ends of its sockets."""

    def __init__(self, **limits: Any) -> None:
        self.ended: list[bytes] = []
        self.relay = Relay(Limits(**limits), self.ended.append)
        self.socks: list[socket.socket] = []

    def claim(self, ticket: bytes) -> socket.socket:
        near, far = socket.socketpair()
        near.settimeout(PATIENCE)
        self.socks.append(near)
        self.relay.claim(ticket, far)
        return near

    def joined(self) -> tuple[socket.socket, socket.socket]:
        expect = expected()
        self.relay.expect(expect)
        return self.claim(expect.from_sender), self.claim(expect.to_receiver)

    async def close(self) -> None:
        await self.relay.close()
        for sock in self.socks:
            sock.close()


@pytest.fixture
async def passage() -> AsyncIterator[Passage]:
    made = Passage()
    yield made
    await made.close()


async def read_all(sock: socket.socket) -> bytes:
    def run() -> bytes:
        found = b""
        while data := sock.recv(65_536):
            found += data
        return found

    return await asyncio.to_thread(run)


@pytest.mark.parametrize("spliced", [True, False])
@pytest.mark.parametrize("size", [0, 1, 3_000_000])
async def test_bytes_go_from_the_one_to_the_other(
    passage: Passage, eventually: Eventually, monkeypatch: pytest.MonkeyPatch, size: int, spliced: bool
) -> None:
    if not spliced:
        monkeypatch.delattr(os, "splice", raising=False)
    sender, receiver = passage.joined()
    assert await asyncio.to_thread(sender.recv, 10) == GO
    content = random_bytes(size)
    reading = asyncio.create_task(read_all(receiver))
    await asyncio.to_thread(sender.sendall, content)
    sender.shutdown(socket.SHUT_WR)
    assert await reading == content
    (row,) = passage.relay.rows()
    assert (row.from_, row.to, row.bytes) == ("alice", "bob", size)
    assert passage.ended == []  # the sender is not let go before the receiver is
    receiver.close()
    assert await asyncio.to_thread(sender.recv, 10) == b""
    await eventually(lambda: passage.ended == [expected().request])
    assert not passage.relay.rows()
    assert not passage.relay.connections


async def test_nothing_is_said_before_both_are_here(passage: Passage) -> None:
    expect = expected()
    passage.relay.expect(expect)
    sender = passage.claim(expect.from_sender)
    sender.setblocking(False)
    with pytest.raises(BlockingIOError):
        sender.recv(1)
    assert passage.relay.connections == 1
    sender.settimeout(PATIENCE)
    passage.claim(expect.to_receiver)
    assert await asyncio.to_thread(sender.recv, 1) == GO


async def test_a_ticket_serves_once_and_no_other_does(passage: Passage) -> None:
    sender, _ = passage.joined()
    for ticket in (expected().from_sender, expected().to_receiver, bytes(32), b""):
        assert await asyncio.to_thread(passage.claim(ticket).recv, 1) == b""
    assert await asyncio.to_thread(sender.recv, 1) == GO


async def test_a_ticket_that_comes_late_is_worth_nothing(eventually: Eventually) -> None:
    passage = Passage(ticket_seconds=0.01)
    try:
        expect = expected()
        passage.relay.expect(expect)
        early = passage.claim(expect.from_sender)
        await eventually(lambda: passage.ended == [expect.request])
        assert await asyncio.to_thread(early.recv, 1) == b""
        assert await asyncio.to_thread(passage.claim(expect.to_receiver).recv, 1) == b""
        assert not passage.relay._tickets
    finally:
        await passage.close()


@pytest.mark.parametrize("moment", ["none has come", "one has come", "both have come", "amid"])
async def test_a_transfer_that_is_dropped_closes_what_there_is(
    passage: Passage, eventually: Eventually, moment: str
) -> None:
    expect = expected()
    passage.relay.expect(expect)
    socks = [passage.claim(expect.from_sender)] if moment != "none has come" else []
    socks += [passage.claim(expect.to_receiver)] if moment in ("both have come", "amid") else []
    if moment == "amid":
        await asyncio.to_thread(socks[0].sendall, bytes(1000))
    passage.relay.drop(expect.request)
    passage.relay.drop(expect.request)
    for sock in socks:
        await read_all(sock)
    await eventually(lambda: passage.ended == [expect.request])
    assert not passage.relay._tickets


async def test_two_who_do_nothing_are_ended(eventually: Eventually) -> None:
    passage = Passage(idle_transfer_seconds=0.02)
    try:
        sender, receiver = passage.joined()
        assert await read_all(sender) == GO
        assert await read_all(receiver) == b""
        await eventually(lambda: passage.ended)
    finally:
        await passage.close()


async def test_a_receiver_that_takes_nothing_is_ended(eventually: Eventually) -> None:
    passage = Passage(idle_transfer_seconds=0.05)
    try:
        sender, _ = passage.joined()

        def pour() -> None:
            with suppress(ConnectionError):
                while True:
                    sender.sendall(bytes(1_000_000))

        await asyncio.to_thread(pour)
        await eventually(lambda: passage.ended)
    finally:
        await passage.close()


async def test_what_comes_after_the_end_is_closed() -> None:
    """Members' last words are still heard then, also that they want a file."""
    passage = Passage()
    await passage.relay.close()
    passage.relay.expect(expected())
    assert passage.claim(expected().from_sender).recv(1) == b""
    assert passage.relay.connections == 0
    await passage.close()


async def test_closing_leaves_no_thread() -> None:
    passage = Passage()
    for number in range(1, 6):
        passage.relay.expect(expected(number))
        passage.claim(expected(number).from_sender)
        if number % 2:
            passage.claim(expected(number).to_receiver)
    await passage.close()
    assert len(passage.ended) == 5

    def left() -> list[str]:
        return [thread.name for thread in threading.enumerate() if thread.name.startswith("usi-relay")]

    for thread in threading.enumerate():
        if thread.name.startswith("usi-relay"):
            await asyncio.to_thread(thread.join, PATIENCE)
    assert not left()


async def test_a_program_without_pipes_to_spare_ends_that_transfer_only(
    passage: Passage, monkeypatch: pytest.MonkeyPatch, eventually: Eventually
) -> None:
    def none_left() -> tuple[int, int]:
        raise OSError(24, "Too many open files")

    with monkeypatch.context() as patch:
        patch.setattr(relays.os, "pipe", none_left)
        sender, _ = passage.joined()
        assert await read_all(sender) == GO
        await eventually(lambda: passage.ended)


async def test_only_a_transfer_that_is_too_slow_for_so_long_yields(passage: Passage, eventually: Eventually) -> None:
    now = asyncio.get_running_loop().time()
    span, rate = Limits().slow_transfer_seconds, Limits().slow_transfer_rate
    socks = []
    for number in (1, 2, 3):
        expect = expected(number)
        passage.relay.expect(expect)
        socks.append((passage.claim(expect.from_sender), passage.claim(expect.to_receiver)))
    slow, slower, quick = passage.relay._passages.values()
    passage.relay.free_place()
    passage.relay.tick(now + span / 2)
    passage.relay.free_place()
    assert len(passage.relay.rows()) == 3, "nobody has been here for long"
    later = now + 1.5 * span
    slow.moved, slower.moved, quick.moved = round(rate), 1, round(rate * span * 2)
    passage.relay.tick(later)
    passage.relay.free_place()
    await eventually(lambda: passage.ended == [expected(2).request])
    assert await asyncio.to_thread(read_to_end, socks[1][1]) == b""
    passage.relay.free_place()
    await eventually(lambda: passage.ended == [expected(2).request, expected(1).request])
    passage.relay.free_place()
    assert [row.bytes for row in passage.relay.rows()] == [quick.moved]
    passage.relay.tick(later + span)  # and has not moved since
    passage.relay.free_place()
    await eventually(lambda: not passage.relay.rows())


def read_to_end(sock: socket.socket) -> bytes:
    found = b""
    with suppress(OSError):
        while data := sock.recv(65_536):
            found += data
    return found


# --- over the network ------------------------------------------------------------------------------------------------


async def data(house: House, port: int, first: bytes) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await house.dial(port)
    writer.write(first)
    return reader, writer


async def ends(reader: asyncio.StreamReader) -> bytes:
    async with asyncio.timeout(PATIENCE):
        try:
            return await reader.read()
        except ConnectionResetError:
            return b""


async def two(house: House) -> tuple[Seat, Puppet, Puppet]:
    host = await house.host(handshake_seconds=0.3, goodbye_seconds=0.05)
    puppets = []
    for name in ("alice", "bob"):
        puppet = await house.puppet(host.port, name)
        await puppet.join(name)
        puppets.append(puppet)
    return host, puppets[0], puppets[1]


async def tickets(house: House, alice: Puppet, bob: Puppet, request: bytes = b"r" * 16) -> tuple[bytes, bytes]:
    """Let bob fetch something of alice's; returns her ticket and his."""
    bob.send(wire.Fetch(house.keys["alice"].public.id, T, request, 0))
    return (await alice.hears(wire.Wanted)).ticket, (await bob.hears(wire.Ticket)).ticket


async def test_bytes_pass_between_two_connections(house: House) -> None:
    host, alice, bob = await two(house)
    for_alice, for_bob = await tickets(house, alice, bob)
    whole = wire.DATA_MAGIC + for_alice
    reader, writer = await data(house, host.port, whole[:3])  # in pieces
    for byte in whole[3:]:
        writer.write(bytes((byte,)))
        await writer.drain()
    there, there_writer = await data(house, host.port, wire.DATA_MAGIC + for_bob)
    async with asyncio.timeout(PATIENCE):
        assert await reader.readexactly(1) == GO
        content = random_bytes(100_000)
        writer.write(content)
        writer.write_eof()
        assert await there.read() == content
        there_writer.close()
        assert await reader.read() == b""
    assert host.peer._side.half_open == 0  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "first",
    [wire.DATA_MAGIC + bytes(32), wire.DATA_MAGIC + bytes(33), wire.DATA_MAGIC + bytes(range(250)) * 2],
    ids=["unknown", "longer", "much longer"],
)
async def test_a_ticket_that_is_none(house: House, first: bytes) -> None:
    host, *_ = await two(house)
    reader, _ = await data(house, host.port, first)
    assert GO not in (await ends(reader))[:1]


async def test_a_used_ticket_and_two_halves_of_one_member(house: House) -> None:
    host, alice, bob = await two(house)
    for_alice, for_bob = await tickets(house, alice, bob)
    first, _ = await data(house, host.port, wire.DATA_MAGIC + for_alice)
    again, _ = await data(house, host.port, wire.DATA_MAGIC + for_alice)
    assert await ends(again) == b""
    await data(house, host.port, wire.DATA_MAGIC + for_bob)
    async with asyncio.timeout(PATIENCE):
        assert await first.readexactly(1) == GO


@pytest.mark.parametrize("first", [b"U", wire.DATA_MAGIC[:4], wire.DATA_MAGIC, wire.DATA_MAGIC + bytes(31)])
async def test_half_a_ticket_and_silence_is_half_open_and_ends(
    house: House, first: bytes, quick_ticks: None, eventually: Eventually
) -> None:
    host, *_ = await two(house)
    reader, _ = await data(house, host.port, first)
    side: Any = host.peer._side
    await eventually(lambda: side.half_open == 1)
    await ends(reader)
    await eventually(lambda: side.half_open == 0)


async def test_data_connections_that_say_nothing_leave_room_for_others(house: House) -> None:
    """They count as half-open of their address, and no further; whoever is in goes on."""
    host, alice, bob = await two(house)
    for _ in range(20):
        await data(house, host.port, wire.DATA_MAGIC)
    assert host.peer._side.half_open <= Limits().half_open_per_address  # type: ignore[attr-defined]
    bob.send(wire.FileWord(house.keys["alice"].public.id, T, "declined"))
    assert (await alice.hears(wire.FileWord)).code == "declined"


async def test_tickets_that_nobody_claims_are_so_many_at_once(house: House) -> None:
    host, alice, bob = await two(house)
    for number in range(TRANSFERS_OF_ONE + 5):
        bob.send(wire.Fetch(house.keys["alice"].public.id, bytes((number,)) * 16, bytes((number,)) * 16, 0))
    assert (await bob.hears(wire.NoTicket)).code == "too-many-transfers"
    assert len(host.peer._side.relay.rows()) == TRANSFERS_OF_ONE  # type: ignore[attr-defined]
    bob.writer.close()
    await alice.hears(wire.Left)
    assert not host.peer._side.relay.rows()  # type: ignore[attr-defined]
    assert not host.peer._side.hub.load.transfers  # type: ignore[attr-defined]


async def test_who_leaves_ends_what_passes_at_once(house: House) -> None:
    host, alice, bob = await two(house)
    for_alice, for_bob = await tickets(house, alice, bob)
    reader, writer = await data(house, host.port, wire.DATA_MAGIC + for_alice)
    there, _ = await data(house, host.port, wire.DATA_MAGIC + for_bob)
    async with asyncio.timeout(PATIENCE):
        await reader.readexactly(1)
        writer.write(b"x" * 100)
        await there.readexactly(100)
    alice.writer.close()
    assert await ends(there) == b""


# --- hostile members against honest programs -------------------------------------------------------------------------


async def offered(house: House, tmp_path: Path, size: int = 2 * CHUNK) -> tuple[Seat, Seat, Puppet, Path, bytes]:
    """Alice offers a file; bob is a puppet that knows the offer's transfer."""
    host = await house.host()
    alice = await house.guest("alice", host.port)
    bob = await house.puppet(host.port, "bob")
    await bob.join("bob")
    path = tmp_path / "a.bin"
    path.write_bytes(random_bytes(size))
    await alice.says(f"/send {path}")
    await host.hears(ev.FileOffer)
    (own,) = alice.peer._files._sending._own
    return host, alice, bob, path, own


async def test_nobody_has_what_was_not_sent(house: House, tmp_path: Path) -> None:
    """A member, or the host in its name, says that it has the file: that is not believed before all of it was sent."""
    _, alice, bob, _, transfer = await offered(house, tmp_path)
    me = house.keys["alice"].public.id
    bob.send(wire.FileWord(me, transfer, "received"))
    bob.send(wire.Fetch(me, transfer, b"r" * 16, 0))
    await bob.hears(wire.Ticket)
    bob.send(wire.FileWord(me, transfer, "received"), wire.FileWord(me, transfer, "cancelled-there"))
    failed = await alice.hears(ev.FileFailed)
    assert failed.code == "cancelled-there"
    assert not alice.all(ev.FileDone)


async def test_a_flood_of_words_is_told_once(house: House, tmp_path: Path) -> None:
    _, alice, bob, _, transfer = await offered(house, tmp_path)
    me = house.keys["alice"].public.id
    bob.send(*[wire.FileWord(me, transfer, "declined")] * 100, wire.FileWord(me, b"u" * 16, "declined"))
    await alice.hears(ev.Notice, code="file-declined")
    bob.send(wire.Nick("done"))
    await alice.hears(ev.MemberRenamed)
    assert len(alice.all(ev.Notice)) == 1


async def test_a_flood_of_fetches_leaves_nothing_behind(house: House, tmp_path: Path, eventually: Eventually) -> None:
    host, alice, bob, _, transfer = await offered(house, tmp_path)
    me = house.keys["alice"].public.id
    before = len(os.listdir("/proc/self/fd"))
    for number in range(40):
        bob.send(wire.Fetch(me, transfer, bytes((number,)) * 16, number % 3))
    bob.writer.close()
    await alice.hears(ev.MemberLeft)
    await eventually(lambda: not alice.peer._files._transfers._tasks)
    side: Any = host.peer._side
    await eventually(lambda: not side.relay.rows() and not side.hub.load.transfers)
    await eventually(lambda: len(os.listdir("/proc/self/fd")) < before)
    assert not alice.all(ev.FileDone)


async def test_what_was_never_offered_is_answered_with_a_word(house: House, tmp_path: Path) -> None:
    _, _, bob, _, _ = await offered(house, tmp_path)
    bob.send(wire.Fetch(house.keys["alice"].public.id, b"u" * 16, b"r" * 16, 0))
    word = await bob.hears(wire.FileWord)
    assert (word.code, word.transfer, word.member) == ("withdrawn", b"u" * 16, house.keys["alice"].public.id)


@pytest.mark.parametrize("first", [2, 3, 2**40, 2**63 - 1])
async def test_a_chunk_beyond_the_end_is_not_sent(house: House, tmp_path: Path, first: int) -> None:
    _, alice, bob, _, transfer = await offered(house, tmp_path)
    me = house.keys["alice"].public.id
    bob.send(wire.Fetch(me, transfer, b"r" * 16, first))
    await bob.hears(wire.Ticket)
    bob.send(wire.Fetch(me, b"u" * 16, b"q" * 16, 0))
    await bob.hears(wire.FileWord)
    assert not alice.peer._files._transfers._all


