"""A guest's way to a host: what it meets instead of one, and how it is told."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import pytest

from usi.config import Settings
from usi.core import events as ev
from usi.core.crypto import PrivateKey
from usi.core.errors import BadHandshake, Busy, HandshakeTimeout, NotUsi, PeerError, UnknownHost, Unreachable
from usi.core.session import OFFER_SIZE, REFUSAL_MARK, REFUSAL_SIZE, refusal
from usi.net import client as net_client
from usi.net.link import Link
from usi.net.peer import Memory, Peer

HERE = "127.0.0.1"
PRESET = bytes(range(16))


# --- nobody there ----------------------------------------------------------------------------------------------------


NOWHERE = ["no-such-host.invalid", "..", "a" * 70, "é" * 70, "300.1.2.3"]


@pytest.mark.parametrize("address", NOWHERE, ids=lambda address: ascii(address[:21]))
async def test_a_host_that_cannot_be_found_is_said(house: Any, address: str) -> None:
    with pytest.raises(UnknownHost) as caught:
        await house.guest("alice", 12800, address=address)
    assert address in str(caught.value)
    assert caught.value.exit_status == 3


async def test_a_refused_port_is_said(house: Any) -> None:
    with socket.create_server((HERE, 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(Unreachable) as caught:
        await house.guest("alice", port)
    assert f"{HERE} port {port}" in str(caught.value)
    assert "refused" in str(caught.value)
    assert caught.value.exit_status == 3


async def test_several_addresses_that_refuse_are_one_sentence(house: Any) -> None:
    with socket.create_server((HERE, 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(Unreachable) as caught:
        await house.guest("alice", port, address="localhost")
    text = str(caught.value)
    assert "refused" in text
    assert "Errno" not in text
    assert "\n" not in text


async def test_an_address_that_does_not_answer_is_given_up(house: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    async def never(*args: Any, **kwargs: Any) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(asyncio.get_running_loop(), "create_connection", never)
    with pytest.raises(Unreachable, match=r"no answer in 0\.1 seconds") as caught:
        await house.guest("alice", 12800, connect_seconds=0.1)
    assert caught.value.exit_status == 3


# --- somebody else there ---------------------------------------------------------------------------------------------


async def web(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readexactly(4)
    writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")


async def wordy_web(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readexactly(4)
    writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n" + b"<p>What is this?</p>" * 200)
    await writer.drain()
    await reader.read()


async def mail(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"220 mail.example.org ESMTP\r\n")
    await reader.readexactly(38)
    writer.write(b"500 what?\r\n")


async def noise(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readexactly(4)
    writer.write(bytes(byte * 5 % 251 for byte in range(9_000)))
    await writer.drain()
    await reader.read()


async def noise_like_a_key(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readexactly(4)
    writer.write(b"\xff" * OFFER_SIZE)
    await reader.read()


async def closes_at_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readexactly(38)


async def long_refusal(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readexactly(38)
    writer.write(REFUSAL_MARK + bytes(20))


@pytest.mark.parametrize("serve", [web, wordy_web, mail, noise, closes_at_once, long_refusal])
async def test_a_server_that_is_no_host_is_named_as_such(house: Any, serve: Any) -> None:
    port = await house.server(serve)
    with pytest.raises(NotUsi) as caught:
        await house.guest("alice", port)
    assert "does not speak USI" in str(caught.value)
    assert caught.value.exit_status == 3


async def test_noise_that_could_be_a_key_ends_the_key_exchange(house: Any) -> None:
    port = await house.server(noise_like_a_key)
    with pytest.raises(BadHandshake) as caught:
        await house.guest("alice", port)
    assert caught.value.exit_status == 4


async def resets(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readexactly(1)
    writer.transport.abort()


async def test_a_server_that_cuts_the_connection_is_an_end_with_a_reason(house: Any) -> None:
    port = await house.server(resets)
    with pytest.raises(PeerError) as caught:
        await house.guest("alice", port)
    assert caught.value.code in ("not-usi", "cut")
    assert caught.value.exit_status == 3


async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(4096):
        writer.write(data)


async def banner(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"SSH-2.0-OpenSSH_9.7\r\n")
    await reader.read()


async def trickle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    for _ in range(OFFER_SIZE - 1):
        writer.write(b"\x80")
        await asyncio.sleep(0.01)


@pytest.mark.usefixtures("quick_ticks")
@pytest.mark.parametrize("serve", [silent, echo, banner, trickle])
async def test_a_server_that_does_not_go_on_is_given_up_in_time(house: Any, serve: Any) -> None:
    port = await house.server(serve)
    with pytest.raises(HandshakeTimeout) as caught:
        await house.guest("alice", port, handshake_seconds=0.2, goodbye_seconds=0.1)
    assert "in time" in str(caught.value)
    assert caught.value.exit_status == 3


@pytest.mark.usefixtures("quick_ticks")
async def test_a_host_that_makes_keys_and_then_falls_silent_is_given_up_in_time(house: Any) -> None:
    """A welcome that never comes must not leave a person waiting for ever."""
    host = await house.host()
    proxy = await house.proxy(host.port, lambda frame: [frame.data] if frame.number == 0 or frame.to == "host" else [])
    with pytest.raises(HandshakeTimeout):
        await house.guest("alice", proxy.port, handshake_seconds=0.3, goodbye_seconds=0.1)


@pytest.mark.parametrize("number", [*range(10), 99, 255])
async def test_a_refusal_is_a_code_and_its_sentence_is_our_own(
    house: Any, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(38)
        writer.write(REFUSAL_MARK + bytes((number,)))

    monkeypatch.setattr("usi.net.client._BUSY_PAUSES", ())
    port = await house.server(serve)
    with pytest.raises(PeerError) as caught:
        await house.guest("alice", port)
    assert str(caught.value) == type(caught.value)().template
    assert caught.value.exit_status in (3, 4)  # a join that was refused is no success, whatever the reason
    assert len(refusal(caught.value)) == REFUSAL_SIZE


async def test_a_busy_host_is_tried_again(house: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("usi.net.client._BUSY_PAUSES", (0.01,) * 5)
    tries = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal tries
        tries += 1
        writer.write(refusal(Busy()))

    port = await house.server(serve)
    with pytest.raises(Busy):
        await house.guest("alice", port)
    assert tries == 6


async def test_the_pauses_of_a_busy_host_stay_short() -> None:
    assert 1 < sum(net_client._BUSY_PAUSES) < 15
    assert list(net_client._BUSY_PAUSES) == sorted(net_client._BUSY_PAUSES)


async def test_our_own_key_coming_back_is_no_host(house: Any) -> None:
    host = await house.host(key="alice")
    with pytest.raises(PeerError) as caught:
        await house.guest("alice", host.port)
    assert caught.value.exit_status == 4


# --- a host that says what makes no sense ----------------------------------------------------------------------------


async def test_a_host_that_says_nonsense_loses_its_guest(house: Any) -> None:
    """Whatever a host sends, its guest ends the link with a reason, and shows nothing of it."""
    from usi.core import wire

    host = await house.host()
    alice = await house.guest("alice", host.port)
    link = next(iter(host.peer._side._links.values()))
    link.send(wire.Ack(bytes(15), 1))
    told = await alice.end()
    assert isinstance(told[-1], ev.Disconnected)
    assert told[-1].code == "bad-message"
    assert alice.peer.exit_status == 3
    await host.hears(ev.MemberLeft, name="alice")
    assert not alice.all(ev.Delivered)


async def test_the_label_of_a_connection(house: Any) -> None:
    host = await house.host()
    alice = await house.guest("alice", host.port, address="localhost")
    assert alice.peer._side.label == f"localhost:{host.port}"
    assert alice.all(ev.Connected)[0].host == "localhost"


# --- giving up -------------------------------------------------------------------------------------------------------


async def test_who_gives_up_in_the_moment_of_readiness_does_not_join(
    keys: dict[str, PrivateKey], monkeypatch: pytest.MonkeyPatch
) -> None:
    memory, guest_settings = Memory(), Settings(hosting=False, name="alice")
    async with Peer(Settings(hosting=True, name="host"), keys["host"], memory) as host:
        joining = asyncio.create_task(Peer(guest_settings, keys["alice"], memory).start())
        ready = net_client.Client.link_ready

        def give_up(client: net_client.Client, link: Link) -> None:
            joining.cancel()
            ready(client, link)

        monkeypatch.setattr(net_client.Client, "link_ready", give_up)
        with pytest.raises(asyncio.CancelledError):
            await joining
        await host.close()
        told = [event async for event in host.events()]
    assert not any(isinstance(event, ev.MemberJoined) for event in told)
