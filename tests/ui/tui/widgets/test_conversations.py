"""The conversations."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from types import SimpleNamespace

from rich.cells import cell_len
from textual.pilot import Pilot

from usi.ui.tui.widgets.conversations import Conversations, Talk

Show = Callable[..., AbstractAsyncContextManager[Pilot[None]]]


async def test_rooms_with_what_was_not_seen(show: Show, cast: SimpleNamespace) -> None:
    async with show(conversations := Conversations(), (19, 5)) as pilot:
        private, muted = Talk("alice", 5_000, sign="⚿"), Talk("cat", 2, muted=True)
        conversations.show_talks([Talk("general", open=True), Talk("staff", 3), private, muted])
        await pilot.pause()
        shown = [line.split() for line in cast.look(conversations)]
        assert shown[:3] == [["▸#", "general"], ["#", "staff", "3"], ["⚿", "alice", "999+"]]
        assert shown[3] == ["#", "cat", "⊘", "2"]


async def test_choosing_by_key_and_by_mouse(show: Show, cast: SimpleNamespace) -> None:
    chosen: list[str] = []

    class Noting(Conversations):
        def chosen(self, block: Talk) -> None:
            chosen.append(block.room)

    async with show(conversations := Noting(), (19, 5)) as pilot:
        conversations.show_talks([Talk("general"), Talk("staff")])
        conversations.focus()
        await pilot.press("down", "enter", "down", "enter")
        await pilot.click(Noting, (4, 1))
        assert chosen == ["staff", "general", "staff"]
        conversations.show_talks([Talk("staff", 1)])
        await pilot.press("enter")
        conversations.show_talks([])
        await pilot.press("enter", "down")
        assert chosen == ["staff", "general", "staff", "staff"]


async def test_hostile_rooms_stay_on_their_line(show: Show, cast: SimpleNamespace) -> None:
    async with show(conversations := Conversations(), (19, 14)) as pilot:
        conversations.show_talks(Talk(text, 7) for text in cast.HOSTILE.values())
        await pilot.pause()
        for y in range(len(cast.HOSTILE)):
            strip = conversations.render_line(y)
            assert cell_len(strip.text) == strip.cell_length == 18
            assert strip.text.isprintable()
