"""Pacing: who sends faster than the rate waits in line, and loses nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from usi.config import Limits
from usi.core import events as ev
from usi.core import wire
from usi.net.pace import PacedInbox, cost

LIMITS = Limits(sender_rate=2_000, sender_burst=10)


class Line:
    """An inbox, and what came of it in order: messages, and whether they begin (True) or cease (False) to wait."""

    def __init__(self, limits: Limits = LIMITS) -> None:
        self.told: list[Any] = []
        self.inbox = PacedInbox(limits, self._pass_on, self._hold)
        self._free = asyncio.Event()

    def _pass_on(self, messages: Sequence[wire.Message]) -> None:
        assert messages
        self.told += messages

    def _hold(self, waits: bool) -> None:
        self.told.append(waits)
        (self._free.clear if waits else self._free.set)()

    @property
    def passed(self) -> list[wire.Message]:
        return [each for each in self.told if isinstance(each, wire.Message)]

    async def done(self) -> None:
        async with asyncio.timeout(20):
            await self._free.wait()


def nicks(count: int, start: int = 0) -> list[wire.Message]:
    return [wire.Nick(f"n{number}") for number in range(start, start + count)]


def post(size: int) -> wire.Post:
    return wire.Post(bytes(16), bytes(32), bytes(32), bytes(15), bytes(size))


def test_a_fetch_costs_more_than_a_word() -> None:
    """Each makes its sender dial: they may not come as fast as messages do."""
    assert cost(wire.Fetch(bytes(32), bytes(16), bytes(16), 0)) == 10 * cost(wire.Nick("n"))


async def test_a_burst_goes_through_at_once() -> None:
    line = Line()
    messages = nicks(10)
    line.inbox.take(messages[:4])
    line.inbox.take(messages[4:])
    assert line.told == messages
    assert not line.inbox.waiting


async def test_more_than_a_burst_waits_and_arrives_in_order() -> None:
    line = Line()
    messages = nicks(40)
    line.inbox.take(messages[:25])
    assert line.inbox.waiting
    assert len(line.passed) < 25
    line.inbox.take(messages[25:])  # what comes meanwhile stands behind
    await line.done()
    assert line.passed == messages
    holds = [each for each in line.told if isinstance(each, bool)]
    assert holds == [True, False]
    assert line.told[0] is True
    assert line.told[-1] is False


async def test_who_has_waited_is_free_again() -> None:
    line = Line()
    line.inbox.take(nicks(15))
    await line.done()
    line.inbox.take(nicks(15, 100))
    await line.done()
    assert line.passed == nicks(15) + nicks(15, 100)
    assert [each for each in line.told if isinstance(each, bool)] == [True, False] * 2


async def test_nothing_is_passed_on_after_the_sender_is_gone() -> None:
    line = Line(Limits(sender_rate=200, sender_burst=1))
    line.inbox.take(nicks(5))
    before = list(line.told)
    line.inbox.stop()
    assert not line.inbox.waiting
    await asyncio.sleep(0.05)  # in which several would have come
    assert line.told == before


@pytest.mark.parametrize(
    ("message", "taken"),
    [(wire.Nick("n"), 1), (post(272), 1), (post(2_048), 1), (post(20_480), 10), (post(wire.MAX_SEALED), 32.6)],
    ids=["nick", "short", "2-KiB", "20-KiB", "longest"],
)
async def test_long_posts_take_more_of_the_allowance(message: wire.Message, taken: float) -> None:
    assert cost(message) == pytest.approx(taken, rel=0.01)


async def test_the_longest_post_goes_through_any_allowance() -> None:
    line = Line()
    messages = [post(wire.MAX_SEALED), *nicks(3), post(wire.MAX_SEALED)]
    line.inbox.take(messages)
    await line.done()
    assert line.passed == messages


async def test_a_flood_arrives_whole_and_the_others_talk_on(house: Any) -> None:
    """The host holds back who sends too fast, its own person too, by not reading: nothing is dropped."""
    host = await house.host(sender_rate=200, sender_burst=5)
    alice = await house.guest("alice", host.port)
    bob = await house.guest("bob", host.port)
    flood = [f"flood {number}" for number in range(60)]
    own = [f"own {number}" for number in range(20)]
    async with asyncio.TaskGroup() as group:
        group.create_task(alice.says(*flood))
        group.create_task(host.says(*own))
        group.create_task(bob.says("in between"))
    told = await alice.leave()  # waits for what is in line
    assert isinstance(told[-1], ev.Disconnected)
    assert len(alice.all(ev.Delivered)) == len(flood)
    await bob.hears(ev.Message, mine=False, count=len(flood) + len(own))
    assert [text for text in bob.texts() if text in flood] == flood
    assert [text for text in bob.texts() if text in own] == own
    await host.hears(ev.Message, text="in between")
    await host.hears(ev.MemberLeft, name="alice", reason="left")


async def test_who_vanishes_leaves_nothing_in_line(house: Any) -> None:
    host = await house.host(sender_rate=8, sender_burst=4)
    alice = await house.guest("alice", host.port)
    bob = await house.guest("bob", host.port)
    await alice.says(*(str(number) for number in range(20)))
    await bob.hears(ev.Message)
    alice.peer._side._link._transport.abort()
    await alice.end()
    for seat in (host, bob):
        await seat.hears(ev.MemberLeft, name="alice", reason="cut")
    delivered, failed = alice.all(ev.Delivered), alice.all(ev.Failed)
    assert len(delivered) + len(failed) == 20
    assert failed
    assert len(bob.texts()) >= len(delivered)
    assert bob.texts() == [str(number) for number in range(len(bob.texts()))]
