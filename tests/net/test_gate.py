"""Between facts and hub: what is acknowledged is on the disk, in order, in few commits; what is not, goes back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.core.hall import SEALED, hosted, member_id, room_id
from tests.store.keeping import allow_cheap_keys, opened
from usi.core import wire
from usi.core.errors import LocalError, NoRoomLeft
from usi.core.facts import OWN, Arrived, Effect, Gone, Heard, Send
from usi.core.hub import Hub
from usi.net import gate
from usi.net.gate import Gate
from usi.store.history import History
from usi.store.house import House

GENERAL = room_id("general")


class Desk:
    """A gate over a real history in a temporary folder, and what was told to whom."""

    def __init__(self, history: History | None) -> None:
        self.house = House(history=history)
        self.hub = Hub([hosted("general")], keeps=history is not None)
        self.told: list[tuple[int, Any]] = []
        self.troubles: list[LocalError] = []
        self.moved = asyncio.Event()
        self.gate = Gate(self.hub, self.house, member_id("host"), self.perform, self.troubles.append)
        self._ids = iter(range(1, 1_000_000))

    def perform(self, effect: Effect) -> None:
        if isinstance(effect, Send):
            self.told += [(link, effect.message) for link in effect.links]
        self.moved.set()

    def come(self, link: int, who: str) -> None:
        facts = wire.LinkFacts(member_id(who), member_id(who) * 8, b"f" * 32, ("a",), "")
        self.gate.handle(Arrived(link, facts))
        self.gate.handle(Heard(link, wire.Join(who)))

    def say(self, link: int, who: str) -> wire.Post:
        room = self.hub.rooms.first
        post = wire.Post(GENERAL, room.key_id, member_id(who), next(self._ids).to_bytes(15, "big"), SEALED)
        self.gate.handle(Heard(link, post))
        return post

    def all(self, kind: type[Any], link: int | None = None) -> list[Any]:
        return [m for to, m in self.told if isinstance(m, kind) and link in (None, to)]

    async def until(self, kind: type[Any], count: int = 1) -> list[Any]:
        async with asyncio.timeout(20):
            while len(found := self.all(kind)) < count:
                self.moved.clear()
                await self.moved.wait()
        return found


@pytest_asyncio.fixture
async def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Desk]:
    allow_cheap_keys(monkeypatch.setattr)
    desk = Desk(opened(tmp_path / "history"))
    await desk.gate.start()
    desk.come(OWN, "host")
    desk.come(1, "alice")
    yield desk
    await desk.gate.close()
    desk.house.close()


async def test_nothing_is_acknowledged_before_it_is_on_the_disk(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    history = desk.house.history
    assert history is not None
    seen: list[int] = []
    append = history.append

    def watched(posts: Sequence[wire.Posted], authors: Any) -> None:
        seen.append(len(desk.all(wire.Ack)))
        append(posts, authors)

    monkeypatch.setattr(history, "append", watched)
    desk.say(1, "alice")
    assert not desk.all(wire.Ack)
    await desk.until(wire.Ack)
    assert seen == [0]
    assert history.last(GENERAL) == 1
    assert history.author(member_id("alice")) == member_id("alice") * 8


async def test_many_posts_share_few_commits_and_keep_their_order(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    history = desk.house.history
    assert history is not None
    batches: list[int] = []
    append = history.append

    def counted(posts: Sequence[wire.Posted], authors: Any) -> None:
        batches.append(len(posts))
        append(posts, authors)

    monkeypatch.setattr(history, "append", counted)
    posts = [desk.say(1, "alice") for _ in range(300)]
    await desk.until(wire.Ack, 300)
    assert [ack.id for ack in desk.all(wire.Ack)] == [post.id for post in posts]
    assert [ack.number for ack in desk.all(wire.Ack)] == list(range(1, 301))
    assert [posted.number for posted in desk.all(wire.Posted, OWN)] == list(range(1, 301))
    assert sum(batches) == 300
    assert len(batches) <= 4
    page = history.page(GENERAL, None, 300)
    assert [kept.posted.id for kept in page.kept] == [post.id for post in posts]


async def test_what_comes_behind_a_post_waits_for_it(desk: Desk) -> None:
    desk.say(1, "alice")
    desk.come(2, "bob")
    desk.gate.handle(Gone(1, "cut"))
    assert not desk.all(wire.Welcome, 2)
    await desk.until(wire.Left, 2)
    kinds = [type(message) for to, message in desk.told if to == OWN]
    assert kinds.index(wire.Posted) < kinds.index(wire.Left)
    assert desk.all(wire.Welcome, 2)[0].rooms[0].number == 1


async def test_a_full_disk_refuses_posts_and_nobody_reads_them(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    history = desk.house.history
    assert history is not None
    append = history.append

    def full(posts: Sequence[wire.Posted], authors: Any) -> None:
        raise NoRoomLeft(path=history.path)

    desk.say(1, "alice")
    await desk.until(wire.Ack)
    monkeypatch.setattr(history, "append", full)
    refused = [desk.say(1, "alice") for _ in range(3)]
    await desk.until(wire.Refused, 3)
    assert {(r.id, r.code) for r in desk.all(wire.Refused)} == {(post.id, "not-kept") for post in refused}
    assert len(desk.all(wire.Posted, OWN)) == 1
    assert all(isinstance(error, NoRoomLeft) for error in desk.troubles)
    monkeypatch.setattr(history, "append", append)
    desk.say(1, "alice")
    await desk.until(wire.Ack, 2)
    assert desk.all(wire.Ack)[-1].number == 2
    assert history.count(GENERAL) == 2


async def test_the_past_comes_in_pages_that_fit(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    posts = [desk.say(1, "alice") for _ in range(30)]
    await desk.until(wire.Ack, 30)
    desk.gate.handle(Heard(1, wire.Past(GENERAL, 0, 10)))
    (end,) = await desk.until(wire.OldEnd)
    assert [old.id for old in desk.all(wire.Old)] == [post.id for post in posts[20:]]
    assert [key.key for key in desk.all(wire.OldKey)] == [desk.hub.rooms.first.key]
    assert desk.all(wire.OldKey)[0].holder == member_id("host")
    assert end == wire.OldEnd(GENERAL, 21, 0, True)
    monkeypatch.setattr(gate, "PAGE_BYTES", 3 * len(SEALED))
    desk.gate.handle(Heard(1, wire.Past(GENERAL, 21, 10)))
    assert (await desk.until(wire.OldEnd, 2))[-1] == wire.OldEnd(GENERAL, 18, 0, True)
    desk.gate.handle(Heard(1, wire.Past(GENERAL, 2, 10)))
    assert (await desk.until(wire.OldEnd, 3))[-1] == wire.OldEnd(GENERAL, 1, 0, False)
    desk.gate.handle(Heard(1, wire.Past(GENERAL, 1, 10)))
    assert (await desk.until(wire.OldEnd, 4))[-1] == wire.OldEnd(GENERAL, 0, 0, False)


async def test_the_room_of_a_history_goes_on_where_it_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    allow_cheap_keys(monkeypatch.setattr)
    for run in range(2):
        house = House(history=opened(tmp_path / "history"))
        (room,) = house.rooms()
        assert room.number == run
        hub = Hub([room], keeps=True)
        told: list[Any] = []
        done = asyncio.Event()

        def perform(effect: Effect, told: list[Any] = told, done: asyncio.Event = done) -> None:
            if isinstance(effect, Send) and isinstance(effect.message, wire.Ack):
                told.append(effect.message)
                done.set()

        gate_ = Gate(hub, house, member_id("host"), perform, lambda error: None)
        await gate_.start()
        gate_.handle(Arrived(OWN, wire.LinkFacts(member_id("host"), bytes(256), b"", (), "")))
        gate_.handle(Heard(OWN, wire.Join("host")))
        post = wire.Post(room.conversation, room.key_id, member_id("host"), bytes([run] * 15), SEALED)
        gate_.handle(Heard(OWN, post))
        await asyncio.wait_for(done.wait(), 20)
        assert told == [wire.Ack(post.id, run + 1)]
        await gate_.close()
        house.close()


async def test_without_a_history_nothing_waits() -> None:
    desk = Desk(None)
    await desk.gate.start()
    desk.come(OWN, "host")
    desk.say(OWN, "host")
    assert desk.all(wire.Ack)
    await desk.gate.close()
