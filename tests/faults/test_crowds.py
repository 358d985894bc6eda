"""Many at once: connections that say nothing, floods of handshakes and of messages, comers and goers. Those who talk
are not disturbed, and the host's memory stays within bounds."""

from __future__ import annotations

import asyncio
import socket
import threading
from typing import Any

import pytest

from tests.faults.crowd import HERE, Bot, cheap_keys, flood_handshakes, silent
from tests.faults.programs import check, heard, latencies, memory, summed_up
from usi.core.crypto import PrivateKey
from usi.core.errors import HandshakeTimeout, PeerError
from usi.core.session import Role, Session, refusal

pytestmark = pytest.mark.slow

MEGABYTE = 1_000_000
SOURCES = [f"127.0.0.{number}" for number in range(2, 14)]


def grown(before: int, program: Any) -> int:
    """Megabytes that a program has grown by."""
    return (memory(program) - before) // MEGABYTE


def test_a_thousand_connections_that_say_nothing(host: Any, guest: Any, record: Any) -> None:
    home = host()
    alice, bob = guest(home.port(), "alice"), guest(home.port(), "bob")
    before = memory(home)
    sockets = silent(home.port(), 1_000)
    try:
        taken = latencies(alice, bob, 100, "beside the silent")
    finally:
        for sock in sockets:
            sock.close()
    record("latency beside 1,000 silent connections", summed_up(taken))
    record("host grown by MB", grown(before, home))
    assert max(taken) < 10.0
    assert grown(before, home) < 150
    carol = guest(home.port(), "carol")  # and a newcomer gets in when they are gone
    carol.type("made it")
    bob.hears("message", text="made it")
    check(alice, "alice", bob, home)


def test_a_handshake_of_slow_bytes_is_ended(host: Any, keys: dict[str, PrivateKey]) -> None:
    """One byte now and then does not hold a place for longer than a handshake may take."""
    home = host()
    hello = Session(Role.CLIENT, keys["mallory"]).data_to_send()
    with socket.create_connection((HERE, home.port()), 20) as sock:
        sock.settimeout(0.7)
        for byte in hello[:-1]:  # some 26 seconds' worth; a handshake may take 10
            try:
                sock.sendall(bytes((byte,)))
                said = sock.recv(100)
            except TimeoutError:
                continue
            except ConnectionError:
                said = b""
            assert said in (b"", refusal(HandshakeTimeout()))
            return
    raise AssertionError("the host waits for ever")


def test_a_flood_of_handshakes(host: Any, guest: Any, keys: dict[str, PrivateKey], record: Any) -> None:
    home = host()
    alice, bob = guest(home.port(), "alice"), guest(home.port(), "bob")
    before = memory(home)
    answered: list[int] = []
    loops: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []
    running = threading.Event()

    async def flood() -> None:
        until = asyncio.Event()
        loops.append((asyncio.get_running_loop(), until))
        running.set()
        answered.append(await flood_handshakes(home.port(), keys["mallory"], until, SOURCES * 3))

    thread = threading.Thread(target=asyncio.run, args=(flood(),))
    thread.start()
    assert running.wait(20)
    try:
        taken = latencies(alice, bob, 300, "in the flood")
    finally:
        loop, until = loops[0]
        loop.call_soon_threadsafe(until.set)
        thread.join(60)
    record("handshakes that the host answered meanwhile", answered[0])
    record("latency in a flood of handshakes", summed_up(taken))
    record("host grown by MB", grown(before, home))
    assert answered[0] > 0
    assert max(taken) < 10.0
    assert grown(before, home) < 150
    check(alice, "alice", bob, home)


async def test_a_flood_of_messages(host: Any, guest: Any, keys: dict[str, PrivateKey], record: Any) -> None:
    """A member with a program of its own says 3,000 things as fast as it can: paced, none lost, and who talks is heard.
    """
    home = host()
    alice, bob = guest(home.port(), "alice"), guest(home.port(), "bob")
    before = memory(home)
    flooder = Bot(keys["mallory"], "mallory")
    await flooder.join(home.port())
    ids = [flooder.post(f"flood {number}") for number in range(3_000)]
    flooding = asyncio.ensure_future(flooder.acknowledged(len(ids)))
    taken = await asyncio.to_thread(latencies, alice, bob, 100, "in the flood")
    assert await flooding == set(ids)
    await flooder.leave()
    record("latency in a flood of messages", summed_up(taken))
    record("host grown by MB", grown(before, home))
    for reader in (alice, bob, home):
        reader.hears("message", text="flood 2999")
        assert heard(reader, "mallory") == [f"flood {number}" for number in range(3_000)]
    assert max(taken) < 10.0
    assert grown(before, home) < 200
    check(alice, "alice", bob, home)


async def test_two_hundred_come_and_go_at_once(host: Any, guest: Any, record: Any) -> None:
    home = host()
    alice, bob = guest(home.port(), "alice"), guest(home.port(), "bob")
    before = memory(home)
    bots = [
        Bot(key, f"bot-{number}", SOURCES[number % len(SOURCES)]) for number, key in enumerate(cheap_keys(200))
    ]
    posted: dict[str, bytes] = {}

    async def visit(bot: Bot) -> None:
        """Join, which may take several tries where so many do; say one thing, have it confirmed, leave."""
        async with asyncio.timeout(120):
            while True:
                try:
                    await bot.join(home.port())
                    break
                except (PeerError, OSError):
                    await asyncio.sleep(0.1)
            posted[f"{bot.name} was here"] = bot.post(f"{bot.name} was here")
            await bot.acknowledged(1)
            await bot.leave()

    visiting = asyncio.gather(*(visit(bot) for bot in bots))
    taken = await asyncio.to_thread(latencies, alice, bob, 100, "in the crowd")
    await visiting
    record("latency while 200 come and go", summed_up(taken))
    record("host grown by MB", grown(before, home))
    for reader in (alice, bob, home):
        reader.hears("member_left", count=200)
        said = [event["text"] for event in reader.all("message", mine=False) if event["text"] in posted]
        assert sorted(said) == sorted(posted)
    alice.type("/users")
    alice.hears("users", asked=True)
    assert {row["name"] for row in alice.all("users", asked=True)[-1]["members"]} == {"host", "alice", "bob"}
    assert max(taken) < 10.0
    assert grown(before, home) < 200
    check(alice, "alice", bob, home)
