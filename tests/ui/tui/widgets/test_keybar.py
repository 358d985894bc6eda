"""The line at the bottom."""

from types import SimpleNamespace
from typing import ClassVar

import pytest
from textual.app import App, ComposeResult
from textual.binding import Binding

from usi.ui.tui.widgets.keybar import KeyBar


class Keys(App[None]):
    BINDINGS: ClassVar = [
        Binding("f1", "note('help')", "Help", key_display="F1", id="help"),
        Binding("f9", "note('hidden')", "Hidden", key_display="F9", id="hidden"),
        Binding("ctrl+s", "note('save')", "Save all", key_display="^S", id="save"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self.noted: list[str] = []

    def compose(self) -> ComposeResult:
        yield KeyBar(("help", "save", "hidden", "unknown"), ("save", "hidden", "unknown", "help"))

    def action_note(self, what: str) -> None:
        self.noted.append(what)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return parameters != ("hidden",)


@pytest.mark.parametrize(
    ("width", "shown"),
    [
        (40, "F1 Help  ^S Save all"),
        (20, "F1 Help  ^S Save all"),
        (19, "F1 Help ^S Save all"),
        (18, "^S Save all"),
        (9, ""),
    ],
)
async def test_what_fits(cast: SimpleNamespace, width: int, shown: str) -> None:
    async with Keys().run_test(size=(width, 3)) as pilot:
        await pilot.pause()
        assert cast.look(pilot.app.query_one(KeyBar))[0] == shown


async def test_a_click_is_the_key(cast: SimpleNamespace) -> None:
    app = Keys()
    async with app.run_test(size=(40, 3)) as pilot:
        await pilot.pause()
        await pilot.click(KeyBar, (10, 0))
        await pilot.click(KeyBar, (2, 0))
        await pilot.click(KeyBar, (35, 0))
        await pilot.pause()
        assert app.noted == ["save", "help"]


async def test_a_number_behind_a_key(cast: SimpleNamespace) -> None:
    async with Keys().run_test(size=(40, 3)) as pilot:
        pilot.app.query_one(KeyBar).badges = {"help": 3, "save": 0}
        await pilot.pause()
        assert cast.look(pilot.app.query_one(KeyBar))[0] == "F1 Help 3  ^S Save all"
