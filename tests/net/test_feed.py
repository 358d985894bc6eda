"""What is kept for a face, what is counted instead, and when the connection is held. With real peers: test_peer.py."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest

from usi.core import events as ev
from usi.net.feed import Feed

NOW = datetime(2026, 3, 1, tzinfo=UTC)


class Told:
    def __init__(self, limit: int) -> None:
        self.held: list[bool] = []
        self.feed = Feed(limit, self.held.append)

    def put(self, *codes: str) -> None:
        for code in codes:
            self.feed.put(ev.Notice(time=NOW, code=code, text=""))

    async def read(self, count: int | None = None) -> list[str]:
        """The codes of so many events; of all up to the end."""
        found: list[str] = []
        async with asyncio.timeout(20):
            async for event in self.feed.read():
                found.append(event.code)  # type: ignore[attr-defined]
                if len(found) == count:
                    break
        return found


async def test_events_come_in_order_up_to_the_end() -> None:
    told = Told(100)
    reading = asyncio.ensure_future(told.read())
    told.put("one")
    await asyncio.sleep(0)
    told.put("two", "three")
    told.feed.end()
    assert await reading == ["one", "two", "three"]
    assert told.held == []


async def test_a_reader_that_falls_behind_holds_the_connection_until_it_has_caught_up() -> None:
    told = Told(8)
    told.put(*"abcd")
    assert told.held == []
    told.put("e")
    assert told.held == [True]
    await told.read(3)
    assert told.held == [True]  # half full is not enough
    await told.read(1)
    assert told.held == [True, False]
    assert len(told.feed) == 1


@pytest.mark.parametrize("more", [1, 7])
async def test_what_is_too_much_is_counted_and_told(more: int) -> None:
    told = Told(4)
    told.put(*"abcd", *("lost" for _ in range(more)))
    assert len(told.feed) == 4
    await told.read(2)
    told.put("later")
    told.feed.put(ev.Disconnected(time=NOW, code="left", text=""))  # never lost
    told.feed.end()
    assert await told.read() == ["c", "d", "events-lost", "later", "left"]


async def test_the_number_that_was_lost_is_said() -> None:
    feed = Feed(1, lambda hold: None)
    for _ in range(4):
        feed.put(ev.Notice(time=NOW, code="x", text=""))
    feed.put(ev.Disconnected(time=NOW, code="left", text=""))
    feed.end()
    assert [event.text async for event in feed.read() if isinstance(event, ev.Notice)][1].startswith("3 events")
