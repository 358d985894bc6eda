"""Choosing a file to send."""

import os
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from types import SimpleNamespace

import pytest
from textual.widgets import Button, Static

from usi.core import commands
from usi.core import events as ev
from usi.ui.tui.screens.send import Folder, PathInput, SendDialog
from usi.ui.tui.widgets.keybar import KeyBar
from usi.ui.tui.widgets.suggestions import Suggestions

pytestmark = pytest.mark.slow

Open = Callable[..., AbstractAsyncContextManager]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("report.pdf").write_bytes(b"x" * 1_000)
    for name in ("photos", "recordings"):
        Path(name).mkdir()
    for name in ("one", "two"):
        Path("photos", name).write_bytes(b"x" * 500)
    return tmp_path


async def opened(stage: SimpleNamespace) -> SendDialog:
    await stage.pilot.press("ctrl+o")
    await stage.until(lambda: isinstance(stage.app.screen, SendDialog))
    await stage.until(lambda: stage.app.screen.focused is stage.app.screen.query_one(PathInput))
    return stage.app.screen


def found(dialog: SendDialog) -> str:
    return str(dialog.query_one("#found", Static).render())


async def test_a_typed_path(open_stage: Open, cast: SimpleNamespace) -> None:
    async with open_stage() as stage:
        assert "^O File" in cast.look(stage.get(KeyBar))[0]
        dialog = await opened(stage)
        assert "To all in #general: 3 here" in str(dialog.query_one("#whom", Static).render())
        assert dialog.query_one("#send", Button).disabled
        await stage.pilot.press(*"repo")
        await stage.until(lambda: "no such file" in found(dialog))
        await stage.pilot.press("enter")
        assert stage.app.screen is dialog
        await stage.pilot.press("tab")
        assert dialog.query_one(PathInput).value == "report.pdf"
        await stage.until(lambda: found(dialog) == "report.pdf: 1.0 KB")
        await stage.pilot.press("enter")
        await stage.until(lambda: stage.peer.wanted == [commands.Send(os.path.abspath("report.pdf"), "general")])


async def test_tab_lists_the_ways_to_go_on(open_stage: Open, cast: SimpleNamespace) -> None:
    async with open_stage() as stage:
        dialog = await opened(stage)
        await stage.pilot.press("r", "tab")
        assert dialog.query_one(PathInput).value == "re"
        listed = dialog.query_one(Suggestions)
        assert [way.candidate.text for way in listed.blocks] == ["recordings/", "report.pdf"]
        await stage.pilot.press("down", "up", "enter")
        assert dialog.query_one(PathInput).value == "recordings/"
        assert not listed.display
        await stage.until(lambda: found(dialog) == "recordings: folder of 0 files, 0 B")


async def test_the_list_of_a_folder(open_stage: Open, folder: Path) -> None:
    async with open_stage((120, 40)) as stage:
        dialog = await opened(stage)
        tree = dialog.query_one(Folder)
        await stage.until(lambda: len(tree.root.children) == 3)
        tree.focus()
        await stage.pilot.press("down", "enter")
        await stage.until(lambda: found(dialog) == "photos: folder of 2 files, 1.0 KB")
        await stage.pilot.press("down")
        await stage.until(lambda: len(tree.root.children[0].children) == 2)
        tree.move_cursor(tree.root.children[2])
        await stage.pilot.press("enter")
        await stage.until(lambda: found(dialog) == "report.pdf: 1.0 KB")
        await stage.until(lambda: dialog.focused is dialog.query_one("#send"))
        await stage.pilot.press("enter")
        await stage.until(lambda: stage.peer.wanted == [commands.Send(str(folder / "report.pdf"), "general")])


async def test_backspace_goes_to_the_folder_above(open_stage: Open, folder: Path) -> None:
    async with open_stage((120, 40)) as stage:
        dialog = await opened(stage)
        tree = dialog.query_one(Folder)
        tree.focus()
        await stage.pilot.press("backspace")
        await stage.until(lambda: tree.path == folder.parent)


async def test_escape_sends_nothing(open_stage: Open) -> None:
    async with open_stage() as stage:
        await opened(stage)
        await stage.pilot.press(*"report.pdf", "escape")
        await stage.until(lambda: stage.app.screen is stage.chat)
        assert stage.peer.wanted == []


async def test_in_a_private_conversation_it_says_so(open_stage: Open, cast: SimpleNamespace) -> None:
    async with open_stage() as stage:
        await stage.tell(cast.talk("@bob"))
        stage.chat.go_to("@bob")
        dialog = await opened(stage)
        assert str(dialog.query_one("#whom", Static).render()) == "To bob, privately"
        await stage.tell(ev.Chosen(time=cast.NOW, room="general", private=False))  # the screen behind it goes on
        await stage.pilot.press(*"report.pdf")
        await stage.until(lambda: not dialog.query_one("#send", Button).disabled)
        await stage.pilot.press("enter")
        await stage.until(lambda: stage.peer.wanted == [commands.Send(os.path.abspath("report.pdf"), "@bob")])


async def test_who_comes_meanwhile_is_counted(open_stage: Open, cast: SimpleNamespace) -> None:
    async with open_stage() as stage:
        dialog = await opened(stage)
        await stage.tell(ev.MemberJoined(time=cast.NOW, name="dora", member="d0" * 32))
        await stage.until(lambda: "To all in #general: 4 here" in str(dialog.query_one("#whom", Static).render()))


async def test_not_without_a_connection(open_stage: Open) -> None:
    async with open_stage(hosting=True, joined=False) as stage:
        await stage.pilot.press("ctrl+o")
        assert stage.app.screen is stage.chat


@pytest.mark.parametrize("size", [(80, 24), (40, 12), (200, 60)])
async def test_buttons_stay_in_sight(open_stage: Open, size: tuple[int, int]) -> None:
    async with open_stage(size) as stage:
        dialog = await opened(stage)
        await stage.pilot.pause()
        for id in ("#send", "#cancel", "PathInput"):
            assert dialog.region.contains_region(dialog.query_one(id).region)
            assert dialog.query_one(id).region


@pytest.fixture
def odd_names(folder: Path) -> list[str]:
    """Files that are there under names that must be shown, not obeyed."""
    names = ["[@click=app.quit]x[bold]", "\x1b[31mred", "\u202etxt.exe", "two\nlines", os.fsdecode(b"\xff"), "x" * 200]
    for name in names:
        (folder / name).write_text("x")
    return names


@pytest.mark.skipif(os.name == "nt", reason="such names are not possible there")
async def test_hostile_names_are_shown_and_sent_as_they_are(
    open_stage: Open, cast: SimpleNamespace, odd_names: list[str], folder: Path
) -> None:
    async with open_stage((120, 40)) as stage:
        dialog = await opened(stage)
        tree = dialog.query_one(Folder)
        await stage.until(lambda: len(tree.root.children) == len(odd_names) + 3)
        assert "\x1b" not in stage.app.export_screenshot()
        [node] = [node for node in tree.root.children if node.data.path.name == "two\nlines"]
        tree.focus()
        tree.move_cursor(node)
        await stage.pilot.press("enter")
        await stage.until(lambda: found(dialog).endswith(": 1 B"))
        await stage.until(lambda: dialog.focused is dialog.query_one("#send"))
        await stage.pilot.press("enter")
        await stage.until(lambda: stage.peer.wanted)
        assert stage.peer.wanted == [commands.Send(f"'{folder}/two\nlines'", "general")]
