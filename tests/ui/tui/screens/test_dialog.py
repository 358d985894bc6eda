"""What dialogs have in common: they fit, and their text can be reached."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

import pytest
from textual.widgets import Static

from usi.ui.tui.screens.chat import ChatScreen
from usi.ui.tui.screens.dialog import Body, Choices, Dialog, button

pytestmark = pytest.mark.slow

Open = Callable[..., AbstractAsyncContextManager]


class Talk(Dialog[str]):
    """A dialog with much to say."""

    def says(self):
        yield Static("word " * 500, markup=False)

    def offers(self):
        yield button("[/oops]", "one")
        yield button("two", "two")

    def on_mount(self) -> None:
        self.entitle("[/oops] \x1b[31m", "[b]")


@pytest.mark.parametrize("size", [(80, 24), (40, 12), (200, 60), (20, 6)])
async def test_buttons_stay_in_sight(open_stage: Open, size: tuple[int, int]) -> None:
    async with open_stage(size) as stage:
        dialog = Talk()
        await stage.app.push_screen(dialog)
        await stage.pilot.pause()
        await stage.pilot.pause()
        assert dialog.region.contains_region(dialog.query_one(Choices).region)
        assert str(dialog.query_one("#one").label) == "[/oops]"
        assert "[/oops]" in dialog.query_one("#frame").border_title.replace("\\", "")
        assert "\x1b" not in dialog.query_one("#frame").border_title
        body = dialog.query_one(Body)
        for _ in range(300):
            if body.scroll_y == body.max_scroll_y:
                break
            await stage.pilot.press("pagedown")
        assert body.scroll_y == body.max_scroll_y


async def test_arrows_go_from_button_to_button(open_stage: Open) -> None:
    async with open_stage() as stage:
        dialog = Talk()
        await stage.app.push_screen(dialog)
        await stage.pilot.pause()
        dialog.query_one("#one").focus()
        await stage.pilot.press("right")
        assert dialog.focused is dialog.query_one("#two")
        await stage.pilot.press("left")
        assert dialog.focused is dialog.query_one("#one")
        await stage.pilot.press("escape")
        assert isinstance(stage.app.screen, ChatScreen)
