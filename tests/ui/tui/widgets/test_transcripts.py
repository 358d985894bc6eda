"""The transcripts of several conversations."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from types import SimpleNamespace

from textual.pilot import Pilot

from usi.core import events as ev
from usi.ui.tui.entries import entry_of
from usi.ui.tui.entry import Entry
from usi.ui.tui.widgets.transcript import Transcript
from usi.ui.tui.widgets.transcripts import Transcripts

Show = Callable[..., AbstractAsyncContextManager[Pilot[None]]]


def entry(event: ev.Event) -> Entry:
    made = entry_of(event)
    assert made is not None
    return made


def texts(transcript: Transcript) -> list[str]:
    return [each.rows[0][1] for each in transcript.blocks]


async def shown(pilot: Pilot[None], transcripts: Transcripts, room: str) -> None:
    """Show a conversation, and wait until it has come into view."""
    transcripts.show(room)
    wanted = transcripts.of(room)
    async with asyncio.timeout(20):
        while transcripts.watched != wanted.watched or not wanted.region:
            await pilot.pause()
    await pilot.pause()


async def test_each_keeps_what_was_said_in_it(show: Show, cast: SimpleNamespace) -> None:
    async with show(transcripts := Transcripts("general"), (53, 12)) as pilot:
        transcripts.of("general").append([entry(cast.said("in general"))])
        transcripts.of("staff").append([entry(cast.said(f"in staff {number}")) for number in range(3)])
        await pilot.pause()
        assert any("in general" in line for line in cast.look(transcripts.current))
        assert not transcripts.of("staff").region
        assert (transcripts.of("general").unseen, transcripts.of("staff").unseen) == (0, 3)
        assert transcripts.room_of(transcripts.of("staff")) == "staff"
        await shown(pilot, transcripts, "staff")
        assert transcripts.current is transcripts.of("staff")
        assert not transcripts.of("general").region
        lines = [line for line in cast.look(transcripts.current) if line]
        assert "─ new ─" in lines[0]
        assert ["in staff" in line for line in lines] == [False, True, True, True]
        assert transcripts.current.unseen == 0
        transcripts.of("general").append([entry(cast.said("later"))])
        await shown(pilot, transcripts, "general")
        assert texts(transcripts.current) == ["in general", "new", "later"]
        assert [*transcripts] == [transcripts.of("general"), transcripts.of("staff")]


async def test_where_one_read_and_what_is_new(show: Show, cast: SimpleNamespace) -> None:
    async with show(transcripts := Transcripts("general"), (53, 12)) as pilot:
        transcripts.current.append([entry(cast.said(f"line {number}")) for number in range(50)])
        await pilot.pause()
        transcripts.current.scroll_to(y=7, animate=False, force=True)
        await pilot.pause()
        transcripts.of("staff").append([entry(cast.said(f"new {number}")) for number in range(50)])
        await shown(pilot, transcripts, "staff")
        lines = cast.look(transcripts.current)
        assert "─ new ─" in lines[0], "more came than there is room for: one begins where one stopped"
        assert "new 0" in lines[1]
        assert transcripts.current.unseen == 50, "until the end was looked at"
        transcripts.current.scroll_end(animate=False, force=True, immediate=True)
        assert transcripts.current.unseen == 0
        await shown(pilot, transcripts, "general")
        assert transcripts.current.scroll_offset.y == 7


async def test_what_was_said_before_one_came_is_not_new(show: Show, cast: SimpleNamespace) -> None:
    async with show(transcripts := Transcripts("general"), (53, 12)):
        old, mine = cast.said("long ago", history=True), cast.said("mine", mine=True)
        transcripts.of("staff").append([entry(old), entry(mine)])
        assert transcripts.of("staff").unseen == 0
        assert texts(transcripts.of("staff")) == ["long ago", "mine"]


async def test_nobody_looks(show: Show, cast: SimpleNamespace) -> None:
    async with show(transcripts := Transcripts("general"), (53, 12)) as pilot:
        transcripts.watched = False
        for room in ("general", "staff"):
            transcripts.of(room).append([entry(cast.said("text"))])
        await shown(pilot, transcripts, "staff")
        assert [each.unseen for each in transcripts] == [1, 1], "switching is not looking"
        transcripts.watched = True
        assert [each.unseen for each in transcripts] == [1, 0]


async def test_the_first_one_gets_its_name_from_the_host(show: Show, cast: SimpleNamespace) -> None:
    async with show(transcripts := Transcripts("general"), (53, 12)):
        first = transcripts.current
        first.append([entry(cast.said("connecting"))])
        transcripts.rename("lobby")
        assert transcripts.of("lobby") is transcripts.current is first
        assert transcripts.of("general") is not first


async def test_a_size_that_changes_behind(show: Show, cast: SimpleNamespace) -> None:
    async with show(transcripts := Transcripts("general"), (53, 12)) as pilot:
        transcripts.of("staff").append([entry(cast.said("many words " * 20)) for _ in range(20)])
        await shown(pilot, transcripts, "staff")
        transcripts.current.scroll_end(animate=False, force=True, immediate=True)
        await shown(pilot, transcripts, "general")
        await pilot.resize_terminal(30, 8)
        transcripts.of("staff").append([entry(cast.said("the last"))])
        await shown(pilot, transcripts, "staff")
        assert any("the last" in line for line in cast.look(transcripts.current))
        assert transcripts.current.virtual_size.width < 30
