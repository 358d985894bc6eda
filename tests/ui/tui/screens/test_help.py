"""The help: keys of what is focused, commands, verification."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from types import SimpleNamespace

import pytest
from textual.containers import VerticalScroll
from textual.widgets import Static

from usi.core import commands
from usi.ui.tui.screens.chat import ChatScreen
from usi.ui.tui.screens.dialog import Body
from usi.ui.tui.screens.help import HelpDialog, prose, table

pytestmark = pytest.mark.slow

Open = Callable[..., AbstractAsyncContextManager]


async def opened(stage: SimpleNamespace) -> HelpDialog:
    await stage.pilot.press("f1")
    await stage.until(lambda: isinstance(stage.app.screen, HelpDialog))
    await stage.pilot.pause()
    return stage.app.screen


def text(dialog: HelpDialog) -> str:
    return str(dialog.query_one("#text", Static).render())


@pytest.mark.parametrize("size", [(80, 24), (120, 35), (40, 12)])
async def test_it_has_keys_commands_and_verification(open_stage: Open, size: tuple[int, int]) -> None:
    async with open_stage(size) as stage:
        dialog = await opened(stage)
        said = text(dialog)
        for command in commands.COMMANDS:
            assert command.usage in said
            assert command.summary in " ".join(said.split())
        for part in ("Writing", "Ctrl+J, Shift+Enter, Alt+Enter", "F2", "PgUp", "How verification works"):
            assert part in said
        assert "`" not in said
        assert max(len(line) for line in table([("/a", "b " * 300)], 30).plain.split("\n")) <= 30


async def test_it_scrolls_to_the_end_by_keyboard_and_closes(open_stage: Open) -> None:
    async with open_stage((40, 12)) as stage:
        body: VerticalScroll = (await opened(stage)).query_one(Body)
        await stage.pilot.press("down", "down", "up")
        assert body.scroll_y == 1
        await stage.pilot.press("pagedown")
        assert body.scroll_y > 3
        await stage.pilot.press("end")
        assert body.scroll_y == body.max_scroll_y > 20
        await stage.pilot.press("home")
        assert body.scroll_y == 0
        await stage.pilot.press("escape")
        await stage.until(lambda: isinstance(stage.app.screen, ChatScreen))


@pytest.mark.parametrize("how", ["f1", "enter", "mouse"])
async def test_other_ways_to_close_it(open_stage: Open, how: str) -> None:
    async with open_stage() as stage:
        await opened(stage)
        if how == "mouse":
            await stage.pilot.click("#close")
        else:
            await stage.pilot.press(how)
        await stage.until(lambda: isinstance(stage.app.screen, ChatScreen))


async def test_keys_that_are_not_in_force_are_not_listed(open_stage: Open) -> None:
    async with open_stage() as stage:
        assert "Join the host again" not in text(await opened(stage))


def test_prose_joins_lines_and_marks_code() -> None:
    content = prose("## Title\n\nOne\ntwo `/x`.\n\nThree.\n")
    assert content.plain == "Title\n\nOne two /x.\n\nThree."
    assert any(content.plain[span.start : span.end] == "/x" for span in content.spans)
