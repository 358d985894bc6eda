"""The host: listening, taking members in, turning others away, and what one of them can do to the rest.

These tests run on asyncio's own event loop and, where it is installed, on uvloop, which a host then uses.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from typing import Any
from unittest.mock import Mock

import pytest

from usi.config import Settings
from usi.core import codec, wire
from usi.core import events as ev
from usi.core.errors import (
    Busy,
    CannotListen,
    HandshakeTimeout,
    HostStopped,
    KeyNeeded,
    KeyNotWanted,
    PeerError,
    PortInUse,
    WrongKey,
)
from usi.core.session import CLIENT_BLOCK_SIZE, HELLO_SIZE, Role, Session, refusal

HERE = "127.0.0.1"
TLS_HELLO = bytes.fromhex("16030100c8010000c40303") + bytes(range(190))
PRESET = bytes(range(32))

FOREIGN = {
    "browser": b"GET / HTTP/1.1\r\nHost: example.org\r\nUser-Agent: browser\r\n\r\n",
    "tls": TLS_HELLO,
    "zeros": bytes(5_000),
    "noise": bytes(byte * 7 % 251 for byte in range(5_000)),
    "telnet": b"\xff\xfd\x18\xff\xfd\x20",
    "older": b"USI2" + bytes(200),
    "pair": b"USI3P" + bytes(200),
}
"""What may arrive at the port and is no member."""


@pytest.fixture
async def talking(house: Any) -> AsyncIterator[Any]:
    """A host with bob, who must go on undisturbed: checked at the end."""
    host = await house.host(handshake_seconds=600)
    bob = await house.guest("bob", host.port)
    yield host
    await bob.says("undisturbed")
    await host.hears(ev.Message, text="undisturbed")
    await host.says("indeed")
    await bob.hears(ev.Message, text="indeed")
    assert not bob.all(ev.MemberJoined, name="mallory-2")
    assert bob.texts() == ["indeed"]
    assert host.texts() == ["undisturbed"]
    assert not bob.all(ev.Notice) + bob.all(ev.Error) + bob.all(ev.Disconnected)


# --- listening -------------------------------------------------------------------------------------------------------


async def test_a_port_in_use_is_said(house: Any) -> None:
    with socket.create_server((HERE, 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(PortInUse, match=str(port)) as caught:
            await house.open(settings(port=port), house.keys["host"])
    assert caught.value.exit_status == 3


async def test_two_hosts_do_not_share_a_port(house: Any) -> None:
    host = await house.host()
    with pytest.raises(PortInUse):
        await house.open(settings(port=host.port), house.keys["alice"])


NOT_OURS = ["192.0.2.1", "no-such-name.invalid", "300.1.2.3", "..", "é" * 70, "a" * 70]


@pytest.mark.parametrize("address", NOT_OURS, ids=lambda address: ascii(address[:21]))
async def test_an_address_that_is_not_ours_is_said(house: Any, address: str) -> None:
    with pytest.raises(CannotListen) as caught:
        await house.open(settings(address=address), house.keys["host"])
    assert caught.value.exit_status == 3
    assert address in str(caught.value)
    assert "\n" not in str(caught.value)


async def test_a_host_on_one_address_names_it(house: Any) -> None:
    host = await house.host()
    (listening,) = host.all(ev.Listening)
    assert listening.addresses == [HERE]
    assert listening.port > 0
    assert host.peer._side.label == f"{HERE}:{listening.port}"


async def test_a_host_on_all_addresses_can_be_reached_on_this_one(house: Any) -> None:
    host = await house.open(settings(address=None), house.keys["host"])
    listening = await host.hears(ev.Listening)
    assert listening.addresses
    alice = await house.guest("alice", listening.port)
    joined = await host.hears(ev.MemberJoined)
    assert joined.address is not None
    assert joined.address.startswith(f"{HERE}:")  # as IPv4, whichever kind of socket took it in
    await alice.says("hello")
    await host.hears(ev.Message)


async def test_ipv6(house: Any) -> None:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("this machine has no IPv6")
    host = await house.open(settings(address="::1"), house.keys["host"])
    listening = await host.hears(ev.Listening)
    alice = await house.guest("alice", listening.port, address="::1")
    joined = await host.hears(ev.MemberJoined)
    assert joined.address is not None
    assert joined.address.startswith("[::1]:")
    await alice.says("/info")
    assert (await alice.hears(ev.Info)).connection == f"[::1]:{listening.port}"


def settings(*, port: int = 0, address: str | None = HERE) -> Settings:
    return Settings(True, "host", address, port)


# --- foreign and broken newcomers ------------------------------------------------------------------------------------


@pytest.mark.parametrize("data", FOREIGN.values(), ids=FOREIGN)
async def test_what_speaks_something_else_is_refused_and_noted(house: Any, talking: Any, data: bytes) -> None:
    reader, writer = await house.dial(talking.port)
    writer.write(data)
    assert await answer(reader) == refusal(ValueError())  # the same code for all that is not even a hello
    notice = await talking.hears(ev.Notice, code="not-usi")
    assert "does not speak USI" in notice.text
    assert HERE in notice.text


@pytest.mark.parametrize("size", [0, 1, 5, HELLO_SIZE - 1, HELLO_SIZE, HELLO_SIZE + 1, HELLO_SIZE + 900])
async def test_a_newcomer_that_breaks_off_is_noted(house: Any, talking: Any, eventually: Any, size: int) -> None:
    reader, writer = await house.dial(talking.port)
    session = Session(Role.CLIENT, house.keys["alice"])
    writer.write((session.data_to_send() + bytes(2_000))[:size])
    writer.write_eof()
    await talking.hears(ev.Notice, code="cut")
    await answer(reader)
    await eventually(lambda: talking.peer._side.half_open == 0)


async def test_a_newcomer_that_resets_is_noted(house: Any, talking: Any) -> None:
    _, writer = await house.dial(talking.port)
    writer.write(b"USI")
    writer.transport.abort()
    await talking.hears(ev.Notice, code="cut")


@pytest.mark.parametrize("where", [0, 1087, 1088, 1119, 1120, 1120 + CLIENT_BLOCK_SIZE - 1])
async def test_a_false_answer_is_refused(house: Any, talking: Any, where: int) -> None:
    reader, writer = await house.dial(talking.port)
    session = Session(Role.CLIENT, house.keys["alice"])
    writer.write(session.data_to_send())
    session.receive_data(await reader.readexactly(1504))
    data = bytearray(session.data_to_send())
    data[where] ^= 0x40
    writer.write(data)
    assert (await answer(reader))[-1] == 5
    await talking.hears(ev.Notice, code="bad-handshake")
    assert talking.peer._side.hub.members == 2


RECORDS = {
    "huge": (b"\xff\xff\xff\xff" + bytes(64), "too-long"),
    "just-too-long": ((wire.MAX_RECORD + 1).to_bytes(4, "big"), "too-long"),
    "too-short": (b"\x00\x00\x00\x10" + bytes(16), "too-long"),
    "empty": (bytes(4), "too-long"),
    "garbage": (b"\x00\x00\x01\x00" + bytes(256), "bad-record"),
}


@pytest.mark.parametrize(("data", "code"), RECORDS.values(), ids=RECORDS)
@pytest.mark.parametrize("joined", [False, True], ids=["before-join", "after-join"])
async def test_garbage_after_the_handshake_ends_that_link_alone(
    house: Any, talking: Any, data: bytes, code: str, joined: bool
) -> None:
    puppet = await house.puppet(talking.port, "mallory")
    if joined:
        await puppet.join("mallory")
    puppet.write(data)
    assert await puppet.goodbye() == code
    if joined:
        await talking.hears(ev.MemberLeft, name="mallory", reason=code)
    else:
        await talking.hears(ev.Notice, code=code)
        assert not talking.all(ev.MemberJoined, name="mallory")


async def test_a_length_is_refused_before_anything_is_kept(house: Any, talking: Any) -> None:
    puppet = await house.puppet(talking.port, "mallory")
    await puppet.join("mallory")
    puppet.write(b"\x7f\x00\x00\x00")
    assert await puppet.goodbye() == "too-long"


def post(puppet: Any, **fields: Any) -> wire.Post:
    made = {
        "conversation": bytes(16),
        "key_id": bytes(32),
        "sender": puppet.session._key.public.id,
        "id": bytes(15),
        "sealed": bytes(272),
    }
    return wire.Post(**(made | fields))


@pytest.mark.parametrize(
    "make",
    [
        lambda puppet: wire.Welcome(INFO, INFO, bytes(16), False, []),
        lambda puppet: wire.Notice("hello", "from a member"),
        lambda puppet: wire.Join("mallory"),
        lambda puppet: post(puppet, sender=bytes(32)),
    ],
    ids=["welcome", "notice", "join-again", "as-somebody-else"],
)
async def test_what_a_member_may_not_say_ends_its_link(house: Any, talking: Any, make: Any) -> None:
    puppet = await house.puppet(talking.port, "mallory")
    await puppet.join("mallory")
    puppet.send(make(puppet))
    assert await puppet.goodbye() in ("bad-message", "out-of-turn")
    left = await talking.hears(ev.MemberLeft, name="mallory")
    assert left.reason in ("bad-message", "out-of-turn")


INFO = wire.MemberInfo(bytes(32), "x")


HOSTILE_NAMES = ["\x1b[31m", "a\u202eb", "\u200b", " ", "\u0430dmin", "x\x7f"]


@pytest.mark.parametrize("name", HOSTILE_NAMES, ids=ascii)
@pytest.mark.parametrize("joined", [False, True], ids=["join", "nick"])
async def test_a_name_that_cannot_be_one_is_never_shown(house: Any, talking: Any, name: str, joined: bool) -> None:
    puppet = await house.puppet(talking.port, "mallory")
    if joined:
        await puppet.join("mallory")
        puppet.send(wire.Nick(name))
    else:
        puppet.send(wire.Join(name))
    assert await puppet.goodbye() == "name-refused"
    if joined:
        await talking.hears(ev.MemberLeft, name="mallory")
    assert not talking.all(ev.MemberRenamed)
    assert {event.name for event in talking.all(ev.MemberJoined)} <= {"bob", "mallory"}
    assert not any(name in str(event) for event in talking.told if name.strip())


@pytest.mark.parametrize(
    "message", [wire.Nick("early"), wire.GetKey(bytes(32)), wire.Alive()], ids=["nick", "get-key", "alive"]
)
async def test_nobody_speaks_before_joining(house: Any, talking: Any, message: wire.Message) -> None:
    puppet = await house.puppet(talking.port, "mallory")
    puppet.seal(b"\x91" + codec.encode(message))
    assert await puppet.goodbye() == "out-of-turn"
    await talking.hears(ev.Notice, code="out-of-turn")
    assert talking.peer._side.hub.members == 2


@pytest.mark.parametrize(
    "plaintext",
    [b"\x90", b"\xc0", b"\x91\x91\xa6nosuch", b"\x91" * 70_000, b"\xdd\xff\xff\xff\xff"],
    ids=["no-message", "nil", "unknown-message", "deep", "huge-array"],
)
async def test_a_sealed_record_of_nonsense_ends_that_link_alone(house: Any, talking: Any, plaintext: bytes) -> None:
    puppet = await house.puppet(talking.port, "mallory")
    await puppet.join("mallory")
    puppet.seal(plaintext)
    assert await puppet.goodbye() == "bad-message"
    await talking.hears(ev.MemberLeft, name="mallory", reason="bad-message")


async def test_a_member_under_the_host_s_own_key_is_refused(house: Any, talking: Any) -> None:
    """A stolen or copied key file, or a mirror of the host: never a second seat for the host's own person."""
    reader, writer = await house.dial(talking.port)
    session = Session(Role.CLIENT, house.keys["host"])
    writer.write(session.data_to_send())
    await reader.readexactly(1504)
    writer.write(bytes(1936))
    assert (await answer(reader))[-1] == 5
    await talking.hears(ev.Notice, code="bad-handshake")


async def answer(reader: asyncio.StreamReader) -> bytes:
    """All that still comes, to the end."""
    async with asyncio.timeout(20):
        try:
            return await reader.read()
        except ConnectionError:
            return b""


# --- limits ----------------------------------------------------------------------------------------------------------


def let_time_pass(host: Any, *, joined: bool) -> None:
    """As if the newcomers had begun an hour ago, or the members had been silent for so long."""
    for link in host.peer._side._links.values():
        if link.is_joined and joined:
            link._heard -= 3_600
        elif not link.is_joined and not joined:
            link._deadline -= 3_600


@pytest.mark.usefixtures("quick_ticks")
async def test_who_connects_and_says_nothing_is_turned_away_in_time(house: Any, eventually: Any) -> None:
    host = await house.host(handshake_seconds=600, goodbye_seconds=0.1)
    bob = await house.guest("bob", host.port)
    reader, _ = await house.dial(host.port)
    await eventually(lambda: host.peer._side.half_open == 1)
    let_time_pass(host, joined=False)
    assert await answer(reader) == refusal(HandshakeTimeout())
    notice = await host.hears(ev.Notice, code="handshake-timeout")
    assert "in time" in notice.text
    await eventually(lambda: host.peer._side.half_open == 0)  # it counts until its socket is closed
    await bob.says("here")
    await host.hears(ev.Message, text="here")


@pytest.mark.usefixtures("quick_ticks")
async def test_who_makes_keys_and_does_not_join_is_turned_away_in_time(house: Any, eventually: Any) -> None:
    host = await house.host(handshake_seconds=600)
    puppet = await house.puppet(host.port, "mallory")
    await eventually(lambda: len(host.peer._side.hub.seats._by_link) == 2)
    let_time_pass(host, joined=False)
    assert await puppet.goodbye() == "handshake-timeout"
    await host.hears(ev.Notice, code="handshake-timeout")
    assert host.peer._side.hub.members == 1


@pytest.mark.parametrize("limits", [{"half_open": 2}, {"half_open_per_address": 2}], ids=["in-all", "per-address"])
async def test_so_many_handshakes_and_no_more_at_once(
    house: Any, eventually: Any, monkeypatch: pytest.MonkeyPatch, limits: dict[str, int]
) -> None:
    monkeypatch.setattr("usi.net.client._BUSY_PAUSES", (0.05,) * 40)
    host = await house.host(handshake_seconds=600, goodbye_seconds=0.2, **limits)
    bob = await house.guest("bob", host.port)  # who has joined does not count
    half = [await house.dial(host.port) for _ in range(2)]
    await eventually(lambda: host.peer._side.half_open == 2)
    reader, _ = await house.dial(host.port)
    assert await answer(reader) == refusal(Busy())
    notice = await host.hears(ev.Notice, code="busy")
    assert "too many" in notice.text

    joining = asyncio.ensure_future(house.guest("alice", host.port))
    await host.hears(ev.Notice, code="busy", count=2)
    half[0][1].close()
    alice = await joining
    await alice.says("at last")
    await bob.hears(ev.Message, text="at last")
    assert host.peer._side.half_open == 1


async def test_so_many_connections_and_no_more_in_all(
    house: Any, eventually: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("usi.net.client._BUSY_PAUSES", (0.05,) * 40)
    host = await house.host(connections=2)
    bob = await house.guest("bob", host.port)
    alice = await house.guest("alice", host.port)
    joining = asyncio.ensure_future(house.guest("carol", host.port))
    await host.hears(ev.Notice, code="busy")
    await alice.says("still here")
    await bob.hears(ev.Message, text="still here")
    await alice.leave()
    carol = await joining
    await carol.says("at last")
    await bob.hears(ev.Message, text="at last")


async def test_a_host_that_stays_busy_is_said_in_the_end(
    house: Any, eventually: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("usi.net.client._BUSY_PAUSES", (0.01, 0.01))
    host = await house.host(half_open=1)
    await house.dial(host.port)
    await eventually(lambda: host.peer._side.half_open == 1)
    with pytest.raises(Busy) as caught:
        await house.guest("alice", host.port)
    assert caught.value.exit_status == 3
    await host.hears(ev.Notice, code="busy", count=3)


async def test_a_flood_of_refused_connections_is_counted_and_not_listed(house: Any) -> None:
    host = await house.host()
    for _ in range(60):
        reader, writer = await house.dial(host.port)
        writer.write(b"GET / HTTP/1.0\r\n\r\n")
        await answer(reader)
    notice = await host.hears(ev.Notice, code="refused")
    assert "more connections were refused" in notice.text
    assert len(host.all(ev.Notice, code="not-usi")) < 60


@pytest.mark.usefixtures("quick_ticks")
async def test_a_silent_member_is_given_up_and_announced(house: Any) -> None:
    host = await house.host()
    puppet = await house.puppet(host.port, "mallory")
    await puppet.join("mallory")
    let_time_pass(host, joined=True)
    bob = await house.guest("bob", host.port)
    await host.hears(ev.MemberLeft, name="mallory", reason="silent")
    assert await puppet.goodbye() == "silent"
    await bob.says("still here")
    await host.hears(ev.Message, text="still here")


@pytest.mark.usefixtures("quick_ticks")
async def test_an_idle_link_beats_in_both_directions(house: Any, eventually: Any) -> None:
    host = await house.host(heartbeat_seconds=0.05)
    alice = await house.guest("alice", host.port, heartbeat_seconds=0.05)
    side = alice.peer._side
    await eventually(lambda: side.traffic().records_in > 8 and side.traffic().records_out > 8)
    before = [link._heard for link in (side._link, *host.peer._side._links.values())]
    await eventually(lambda: side.traffic().records_in > 12 and host.peer._side.traffic().records_in > 12)
    after = [link._heard for link in (side._link, *host.peer._side._links.values())]
    assert all(late > early for early, late in zip(before, after, strict=True))  # each was a sign of life
    assert not alice.all(ev.Disconnected)
    assert not host.all(ev.MemberLeft)


async def test_a_reader_that_stops_reading_is_given_up_and_delays_nobody(house: Any) -> None:
    host = await house.host(queue_bytes=100_000, goodbye_seconds=0.2)
    bob = await house.guest("bob", host.port)
    slow = await house.guest("alice", host.port)
    narrow(host, slow)
    slow.peer._side.pause_reading()
    count = 0
    while not host.all(ev.MemberLeft):
        count += 1
        await bob.says("x" * 60_000)
        await host.hears(ev.Message, count=count)
        assert count < 200
    await bob.hears(ev.MemberLeft, name="alice", reason="too-slow")
    await host.says("on we go")
    await bob.hears(ev.Message, text="on we go")
    slow.peer._side.resume_reading()
    told = await slow.end()
    assert told[-1].code in ("too-slow", "cut")  # the goodbye stands behind all that was not read
    texts = slow.texts()
    assert texts == ["x" * 60_000] * len(texts)


async def test_a_member_that_floods_the_host_waits_in_line_and_delays_nobody(house: Any) -> None:
    host = await house.host()
    bob = await house.guest("bob", host.port)
    puppet = await house.puppet(host.port, "mallory")
    await puppet.join("mallory")
    for number in range(20):
        puppet.send(*[wire.GetKey(bytes(32))] * 100)
        await bob.says(f"in between {number}")
    await host.hears(ev.Message, text="in between 19")
    await host.says("indeed")
    await bob.hears(ev.Message, text="indeed")


def narrow(host: Any, guest: Any) -> None:
    """Make the system's own buffers between the two small, so that little is needed to fill them."""
    (link,) = [link for link in host.peer._side._links.values() if link.session.peer == guest.peer._member.key.public]
    link._transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    near = guest.peer._side._link._transport
    near.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)


# --- the end ---------------------------------------------------------------------------------------------------------


async def test_a_member_that_vanishes_is_announced(house: Any) -> None:
    host = await house.host()
    bob = await house.guest("bob", host.port)
    alice = await house.guest("alice", host.port)
    alice.peer._side._link._transport.abort()
    for seat in (host, bob):
        await seat.hears(ev.MemberLeft, name="alice", reason="cut")
    assert (await alice.end())[-1].code == "cut"
    again = await house.guest("alice", host.port)
    assert again.all(ev.Connected)[0].name == "alice"  # the name is free at once


async def test_a_host_that_closes_sees_off_every_kind_of_connection(house: Any, eventually: Any) -> None:
    host = await house.host(half_open=3, goodbye_seconds=0.2)
    bob = await house.guest("bob", host.port)
    silent, _ = await house.dial(host.port)
    begun, writer = await house.dial(host.port)
    writer.write(Session(Role.CLIENT, house.keys["alice"]).data_to_send())
    await begun.readexactly(1504)
    keyed = await house.puppet(host.port, "carol")
    await eventually(lambda: host.peer._side.half_open == 3 and len(host.peer._side.hub.seats._by_link) == 3)
    refused, _ = await house.dial(host.port)
    await host.hears(ev.Notice, code="busy")
    await host.leave()
    assert await answer(silent) == await answer(begun) == refusal(HostStopped())
    assert await keyed.goodbye() == "host-stopped"
    assert await answer(refused) == refusal(Busy())
    assert (await bob.end())[-1].code == "host-stopped"
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection(HERE, host.port)


async def test_a_reset_in_the_same_moment_disturbs_no_end(house: Any, eventually: Any) -> None:
    """A connection that is closed at the other end, of which the event loop has not heard yet when the host ends it:
    what the host writes then is answered by a reset before it can write its own end."""
    host = await house.host()
    bob = await house.guest("bob", host.port)
    with socket.create_connection((HERE, host.port)):
        await eventually(lambda: host.peer._side.half_open == 1)
    await host.peer.close()
    assert (await bob.end())[-1].code == "host-stopped"
    assert not host.all(ev.Notice, code="cut")


async def test_a_host_does_not_wait_for_ever_for_those_who_do_not_hang_up(house: Any) -> None:
    host = await house.host(goodbye_seconds=0.1)
    puppet = await house.puppet(host.port, "mallory")
    await puppet.join("mallory")
    await host.leave()  # the puppet keeps its end open
    assert host.told[-1].code == "left"


# --- the preset key --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wanted", "given", "error"),
    [(PRESET, None, KeyNeeded), (None, PRESET, KeyNotWanted), (PRESET, bytes(32), WrongKey)],
    ids=["missing", "unwanted", "wrong"],
)
async def test_a_preset_key_that_does_not_fit_is_told_on_both_sides(
    house: Any, wanted: bytes | None, given: bytes | None, error: type[PeerError]
) -> None:
    host = await house.host(preset=wanted)
    bob = await house.guest("bob", host.port, preset=wanted)
    with pytest.raises(error) as caught:
        await house.guest("alice", host.port, preset=given)
    assert caught.value.exit_status == 4
    assert "preset key" in str(caught.value)
    notice = await host.hears(ev.Notice, code=error.code)
    assert "preset key" in notice.text
    assert HERE in notice.text
    await bob.says("undisturbed")
    await host.hears(ev.Message, text="undisturbed")
    assert not bob.all(ev.MemberJoined) + bob.all(ev.Notice)
    assert not host.all(ev.MemberJoined, name="alice")


@pytest.mark.parametrize("size", [16, 24, 32])
async def test_preset_keys_of_every_size_fit(house: Any, size: int) -> None:
    host = await house.host(preset=PRESET[:size])
    alice = await house.guest("alice", host.port, preset=PRESET[:size])
    await alice.says("hello")
    await host.hears(ev.Message, text="hello")


async def test_a_connection_that_comes_while_the_host_ends_is_turned_away(house: Any) -> None:
    """Accepted in its last moment, when nobody would close it any more."""
    host = await house.host()
    side = host.peer._side
    await host.leave()
    transport = Mock(asyncio.Transport)
    transport.get_extra_info.side_effect = {"peername": ("192.0.2.7", 4000)}.get
    side._accept().connection_made(transport)
    transport.write.assert_called_once_with(refusal(Busy()))
    transport.close.assert_called_once_with()
