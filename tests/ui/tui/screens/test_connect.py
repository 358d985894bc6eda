"""Joining: what is tried, why it failed, and coming back."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from types import SimpleNamespace

import pytest
from textual.widgets import Button, Input, Static

from usi.core import events as ev
from usi.core.errors import PasswordNeeded, Unreachable, UsiError, WrongPassword
from usi.ui.tui.screens.chat import ChatScreen
from usi.ui.tui.screens.connect import ConnectDialog, Offer
from usi.ui.tui.widgets.header import HeaderBar

pytestmark = pytest.mark.slow

Open = Callable[..., AbstractAsyncContextManager]


def text(stage: SimpleNamespace, id: str) -> str:
    return str(stage.app.screen.query_one(f"#{id}", Static).render())


def buttons(stage: SimpleNamespace) -> list[str]:
    return [str(button.label) for button in stage.app.screen.query(Button) if button.display]


async def refuse(stage: SimpleNamespace) -> None:
    stage.peer.failure = Unreachable(host="[/oops]", port=12800, why="it refused the connection")
    stage.peer.may_start.set()
    await stage.until(lambda: stage.app.failure)
    await stage.pilot.pause()


async def test_what_is_tried_and_for_how_long(open_stage: Open, cast: SimpleNamespace) -> None:
    async with open_stage(joined=False) as stage:
        dialog = stage.app.screen
        assert isinstance(dialog, ConnectDialog)
        assert "Making a fresh key" in text(stage, "doing")
        steps = {"dial": "Calling example.net:12800", "exchange": "Agreeing on keys", "join": "let in"}
        for step, said in steps.items():
            stage.peer.tell(ev.Connecting(time=cast.NOW, step=step))
            await stage.until(lambda said=said: said in text(stage, "doing"))
        stage.peer.tell(ev.Connecting(time=cast.NOW, step="busy", attempt=3))
        await stage.until(lambda: "Attempt 3" in text(stage, "why"))
        began = dialog._began
        dialog._clock = lambda: began + 7.0
        dialog._count()
        assert text(stage, "since") == "for 7 s"
        stage.peer.may_start.set()
        await stage.tell(cast.CONNECTED, cast.THERE)
        assert isinstance(stage.app.screen, ChatScreen)


async def test_a_host_sees_no_such_dialog(open_stage: Open) -> None:
    async with open_stage(joined=False, hosting=True) as stage:
        assert isinstance(stage.app.screen, ChatScreen)


@pytest.mark.parametrize("how", ["escape", "enter", "mouse"])
async def test_cancel_and_try_again(open_stage: Open, cast: SimpleNamespace, how: str) -> None:
    async with open_stage(joined=False) as stage:
        if how == "mouse":
            await stage.pilot.click("#cancel")
        else:
            await stage.pilot.press(how)
        await stage.until(lambda: "You stopped it" in text(stage, "doing"))
        assert buttons(stage) == ["Try again", "Quit"]
        again = stage.next_peer()
        await stage.pilot.press("enter")
        await stage.until(lambda: stage.app._peer is again)
        assert "Making a fresh key" in text(stage, "doing")
        again.may_start.set()
        stage.peer = again
        await stage.tell(cast.CONNECTED, cast.THERE)
        assert isinstance(stage.app.screen, ChatScreen)
        await stage.type("hello")
        await stage.until(lambda: again.wanted)


@pytest.mark.parametrize("size", [(80, 24), (40, 12)])
async def test_a_failure_says_why(open_stage: Open, size: tuple[int, int]) -> None:
    async with open_stage(size, joined=False) as stage:
        await refuse(stage)
        assert text(stage, "doing").startswith("✗ Nothing answers at [/oops] port 12800: it refused the connection.")
        assert buttons(stage) == ["Try again", "Quit"]
        shown = [button.region for button in stage.app.screen.query(Button) if button.display]
        assert all(stage.app.screen.region.contains_region(region) for region in shown)
        assert stage.app.return_value is None


@pytest.mark.parametrize("size", [(80, 24), (40, 12)])
@pytest.mark.parametrize("kind", [WrongPassword, PasswordNeeded])
async def test_a_password_is_asked_for_again(
    open_stage: Open, cast: SimpleNamespace, kind: type[UsiError], size: tuple[int, int]
) -> None:
    async with open_stage(size, joined=False) as stage:
        stage.peer.failure = kind()
        stage.peer.may_start.set()
        await stage.until(lambda: stage.app.failure)
        await stage.pilot.pause()
        field = stage.app.screen.query_one(Input)
        assert (field.display, field.password, field.has_focus) == (True, True, True)
        assert stage.app.screen.region.contains_region(field.region)
        again = stage.next_peer()
        await stage.pilot.press("enter")
        await stage.pilot.pause()
        assert stage.app._peer is not again, "nothing was typed, so nothing is tried"
        await stage.pilot.press(*"right", "enter")
        await stage.until(lambda: stage.app._peer is again)
        assert stage.app._settings.password == "right"
        assert not field.display
        assert not field.value, "kept no longer than needed"


async def test_other_failures_ask_for_no_password(open_stage: Open) -> None:
    async with open_stage(joined=False) as stage:
        await refuse(stage)
        assert not stage.app.screen.query_one(Input).display


@pytest.mark.parametrize("how", ["escape", "button", "ctrl+q"])
async def test_giving_up_keeps_the_status(open_stage: Open, how: str) -> None:
    async with open_stage(joined=False) as stage:
        await refuse(stage)
        if how == "button":
            await stage.pilot.click("#quit")
        else:
            await stage.pilot.press(how)
        await stage.until(lambda: stage.app.return_value == 3)
        assert isinstance(stage.app.failure, Unreachable)


async def test_a_host_that_cannot_listen_may_try_again(open_stage: Open, cast: SimpleNamespace) -> None:
    async with open_stage(joined=False, hosting=True) as stage:
        await refuse(stage)
        assert isinstance(stage.app.screen, ConnectDialog)
        again = stage.next_peer()
        await stage.pilot.press("enter")
        await stage.until(lambda: stage.app._peer is again)
        again.may_start.set()
        stage.peer = again
        await stage.tell(cast.LISTENING)
        assert isinstance(stage.app.screen, ChatScreen)
        assert stage.app.failure is None


async def test_after_the_end_one_may_join_again(open_stage: Open, cast: SimpleNamespace) -> None:
    async with open_stage() as stage:
        await stage.tell(cast.said("before"))
        assert not stage.chat.query(Offer)
        await stage.tell(ev.Disconnected(time=cast.NOW, code="cut", text="The connection was cut."))
        stage.peer.end()
        await stage.until(lambda: stage.chat.query(Offer))
        stage.composer.insert("draft")
        again = stage.next_peer()
        await stage.pilot.press("f5")
        await stage.until(lambda: isinstance(stage.app.screen, ConnectDialog))
        again.may_start.set()
        stage.peer = again
        await stage.tell(cast.CONNECTED, cast.THERE, cast.said("after"))
        assert not stage.chat.query(Offer)
        assert "before" in stage.all()
        assert "after" in stage.all()
        assert stage.composer.text == "draft"
        assert "3 here" in cast.look(stage.get(HeaderBar))[0]


async def test_coming_back_may_fail_and_all_stays_to_be_read(open_stage: Open, cast: SimpleNamespace) -> None:
    async with open_stage() as stage:
        cut = ev.Disconnected(time=cast.NOW, code="cut", text="The connection was cut.")
        await stage.tell(cast.said("before"), cut)
        await stage.until(lambda: stage.chat.query(Offer))
        await stage.pilot.pause()
        stage.peer = stage.next_peer()
        await stage.pilot.click("Offer Button")
        await stage.until(lambda: isinstance(stage.app.screen, ConnectDialog))
        await refuse(stage)
        assert buttons(stage) == ["Try again", "Back to reading", "Quit"]
        await stage.pilot.press("escape")
        await stage.until(lambda: isinstance(stage.app.screen, ChatScreen))
        assert "before" in stage.all()
        assert len(stage.chat.query(Offer)) == 1
        await stage.pilot.press("ctrl+q")
        await stage.until(lambda: stage.app.return_value == 3)


async def test_who_found_somebody_in_between_is_not_offered_to_come_back(
    open_stage: Open, cast: SimpleNamespace
) -> None:
    async with open_stage() as stage:
        await stage.tell(ev.Disconnected(time=cast.NOW, code="not-verified", text="The fingerprints differ."))
        await stage.pilot.press("f5")
        assert not stage.chat.query(Offer)
        assert isinstance(stage.app.screen, ChatScreen)


async def test_a_cancelled_attempt_says_nothing_more(open_stage: Open, cast: SimpleNamespace) -> None:
    async with open_stage(joined=False) as stage:
        await stage.pilot.press("escape")
        await stage.until(lambda: "You stopped it" in text(stage, "doing"))
        stage.peer.tell(ev.Connecting(time=cast.NOW, step="dial"))
        stage.peer.may_start.set()
        await asyncio.sleep(0)
        await stage.pilot.pause()
        assert "You stopped it" in text(stage, "doing")
