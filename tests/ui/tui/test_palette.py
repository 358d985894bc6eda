"""The command palette: commands from the registry, members, themes."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from types import SimpleNamespace

import msgspec
import pytest
from textual.command import CommandPalette
from textual.widgets import Input, OptionList

from usi.core import commands, language
from usi.ui import i18n
from usi.ui.tui.screens.chat import ChatScreen
from usi.ui.tui.screens.send import SendDialog

pytestmark = pytest.mark.slow

Open = Callable[..., AbstractAsyncContextManager]


def listed(stage: SimpleNamespace) -> list[str]:
    options = stage.app.screen.query_one(OptionList).options
    return [str(option.prompt).split("\n")[0] for option in options]


async def search(stage: SimpleNamespace, text: str, first: str) -> None:
    """Open the palette and write; wait until what is meant comes first."""
    await stage.pilot.press("ctrl+p")
    await stage.until(lambda: isinstance(stage.app.screen, CommandPalette) and stage.app.screen.query(Input))
    await stage.until(lambda: listed(stage))
    if text:
        stage.app.screen.query_one(Input).value = text
    await stage.until(lambda: listed(stage)[:1] == [first])


async def choose(stage: SimpleNamespace) -> None:
    await stage.pilot.press("enter")


async def test_it_lists_every_command(open_stage: Open) -> None:
    async with open_stage((120, 60)) as stage:
        await search(stage, "", commands.COMMANDS[0].listed)
        await stage.until(lambda: set(listed(stage)) >= {command.listed for command in commands.COMMANDS})
        assert "Theme" in listed(stage)
        assert "Verify host" in listed(stage)
        await stage.pilot.press("escape")
        await stage.until(lambda: isinstance(stage.app.screen, ChatScreen))


async def test_a_command_that_takes_nothing_is_done(open_stage: Open) -> None:
    async with open_stage() as stage:
        await search(stage, "/info", "/info")
        await choose(stage)
        await stage.until(lambda: stage.peer.wanted == [commands.Info()])


async def test_one_that_takes_a_text_goes_to_the_input(open_stage: Open) -> None:
    async with open_stage() as stage:
        stage.composer.insert("draft")
        await search(stage, "/nick", "/nick NAME")
        await choose(stage)
        await stage.until(lambda: stage.composer.text == "/nick ")
        assert stage.peer.wanted == []
        await stage.pilot.press("x")
        assert stage.composer.text == "/nick x"
        await stage.pilot.press("ctrl+z", "ctrl+z")
        assert stage.composer.text == "draft"


async def test_members_with_hostile_names(open_stage: Open, cast: SimpleNamespace, hostile: str) -> None:
    async with open_stage() as stage:
        host = msgspec.structs.replace(cast.THERE.members[0], name=f"zq {hostile[:60]}")
        await stage.tell(msgspec.structs.replace(cast.THERE, members=[host, *cast.THERE.members[1:]]))
        await stage.pilot.press("ctrl+p")
        await stage.until(lambda: isinstance(stage.app.screen, CommandPalette) and stage.app.screen.query(Input))
        stage.app.screen.query_one(Input).value = "verify zq"
        await stage.until(lambda: len(listed(stage)) == 1 and "zq" in listed(stage)[0])
        assert "\x1b" not in stage.app.export_screenshot()
        await choose(stage)
        await stage.until(lambda: stage.peer.wanted == [commands.Verify(host.name)])


async def test_another_conversation(open_stage: Open, cast: SimpleNamespace) -> None:
    async with open_stage() as stage:
        await stage.tell(cast.talk("[/oops] bob"), cast.said("psst", room="[/oops] bob", private=True))
        await search(stage, "go to", "Go to [/oops] bob")
        await choose(stage)
        await stage.until(lambda: stage.chat.situation.status.room == "[/oops] bob")


async def test_what_can_be_done_about_files(open_stage: Open, cast: SimpleNamespace) -> None:
    async with open_stage() as stage:
        hostile = [cast.Told(number, text).offer() for number, text in enumerate(cast.HOSTILE.values(), 2)]
        await stage.tell(cast.Told(name="report.pdf").offer(), *hostile)
        await search(stage, "Accept: report", "Accept: report.pdf")
        await choose(stage)
        await stage.until(lambda: stage.peer.wanted == [commands.Accept(1)])
        assert "\x1b" not in stage.app.export_screenshot()
        await search(stage, "Send a file", "Send a file or folder")
        await choose(stage)
        await stage.until(lambda: isinstance(stage.app.screen, SendDialog))


async def test_themes(open_stage: Open) -> None:
    async with open_stage() as stage:
        await search(stage, "Theme", "Theme")
        await choose(stage)
        await stage.until(lambda: isinstance(stage.app.screen, CommandPalette) and "nord" in listed(stage))
        stage.app.screen.query_one(Input).value = "nord"
        await stage.until(lambda: listed(stage)[:1] == ["nord"])
        await choose(stage)
        await stage.until(lambda: stage.app.theme == "nord")


async def test_a_search_that_finds_nothing_is_answered_in_ones_language(open_stage: Open) -> None:
    i18n.speak("fr")
    try:
        async with open_stage() as stage:
            for opening in (stage.app.action_command_palette, stage.app.choose_theme):
                stage.app.call_later(opening)
                await stage.until(lambda: isinstance(stage.app.screen, CommandPalette) and listed(stage))
                stage.app.screen.query_one(Input).value = "zzzzzz"
                await stage.until(lambda: listed(stage) == [language.tr("Nothing found")])
                await stage.pilot.press("escape")
                await stage.until(lambda: isinstance(stage.app.screen, ChatScreen))
    finally:
        i18n.speak("en")


async def test_only_over_the_conversation(open_stage: Open) -> None:
    async with open_stage() as stage:
        await stage.pilot.press("f1", "ctrl+p")
        assert not isinstance(stage.app.screen, CommandPalette)
