"""Coming back to a seat when the wire was cut: nothing lost, nothing twice, and nobody sees it."""

from __future__ import annotations

import asyncio
import dataclasses
import random
from pathlib import Path
from typing import Any

import pytest

from tests.net.conftest import CUT, HERE, Frame, House, Proxy, Seat
from usi.config import Limits, Settings
from usi.core import commands, wire
from usi.core import events as ev
from usi.core.errors import NotConnected
from usi.net.peer import Peer

pytestmark = pytest.mark.usefixtures("quick_ticks")

SEATS = {"seat_seconds": 30.0}
TRIES = {"resume_seconds": 25.0, "resume_pause": 0.02}


class Wire:
    """A proxy whose connections are cut on demand, and that can be told to let nobody through."""

    def __init__(self, proxy: Proxy) -> None:
        self.proxy = proxy
        self.closed = False
        self.cut_at: set[tuple[int, str, int]] = set()
        """Frames, as (connection, to, number), in place of which the wire is cut."""
        proxy.touch = self._touch

    @property
    def port(self) -> int:
        return self.proxy.port

    def cut(self) -> None:
        for writer in self.proxy._writers:
            writer.transport.abort()

    def close(self) -> None:
        self.closed = True
        self.cut()

    def open(self) -> None:
        self.closed = False

    def _touch(self, frame: Frame) -> list[bytes | None]:
        gone = self.closed or (frame.connection, frame.to, frame.number) in self.cut_at
        return [CUT if gone else frame.data]


async def wire_to(house: House, host: Seat) -> Wire:
    return Wire(await house.proxy(host.port))


async def test_a_cut_wire_is_joined_again_and_nobody_sees_it(house: House) -> None:
    host = await house.host(**SEATS)
    line = await wire_to(house, host)
    alice, bob = await house.guest("alice", line.port, **TRIES), await house.guest("bob", host.port)
    await alice.hears(ev.MemberJoined, name="bob")
    await alice.says("before")
    await bob.hears(ev.Message, text="before")
    line.cut()
    cut = await alice.hears(ev.Reconnecting)
    assert (cut.code, cut.attempt, cut.seconds) == ("cut", 1, 25.0)
    await alice.hears(ev.Resumed)
    await alice.says("after")
    await bob.says("hello")
    await bob.hears(ev.Message, text="after")
    await alice.hears(ev.Message, text="hello")
    await alice.hears(ev.Delivered, count=2)
    for seat in (host, bob):
        assert len(seat.all(ev.MemberJoined, name="alice")) <= 1
        assert not seat.all(ev.MemberLeft)
    assert not alice.all(ev.Notice)


async def test_what_was_missed_comes_in_order_and_what_was_said_goes_out_once(house: House) -> None:
    host = await house.host(**SEATS)
    line = await wire_to(house, host)
    alice, bob = await house.guest("alice", line.port, **TRIES), await house.guest("bob", host.port)
    await alice.hears(ev.MemberJoined, name="bob")
    line.close()
    await alice.hears(ev.Reconnecting)
    await bob.says(*(f"b {number}" for number in range(40)))
    await bob.hears(ev.Delivered, count=40)
    await alice.says(*(f"a {number}" for number in range(40)))
    assert not alice.all(ev.Delivered)
    line.open()
    back = await alice.hears(ev.Resumed)
    assert back.missed == 40
    await alice.hears(ev.Delivered, count=40)
    await bob.hears(ev.Message, text="a 39")
    assert alice.texts() == [f"b {number}" for number in range(40)]
    assert bob.texts() == host.texts()[40:] == [f"a {number}" for number in range(40)]
    assert not alice.all(ev.Notice)
