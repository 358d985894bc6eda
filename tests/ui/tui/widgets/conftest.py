"""Widgets alone on a screen."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pytest
from textual.app import App, ComposeResult
from textual.pilot import Pilot
from textual.widget import Widget

Show = Callable[..., AbstractAsyncContextManager[Pilot[None]]]


class Frame(App[None]):
    """An application around one widget; it keeps the messages that reach it."""

    CSS_PATH = None

    def __init__(self, widget: Widget) -> None:
        super().__init__()
        self._widget = widget
        self.messages: list[object] = []

    def compose(self) -> ComposeResult:
        yield self._widget

    def on_composer_submitted(self, message: object) -> None:
        self.messages.append(message)


@pytest.fixture
def show() -> Show:
    """`async with show(widget, size) as pilot`: a widget alone on a screen."""

    @asynccontextmanager
    async def shown(widget: Widget, size: tuple[int, int] = (40, 10)) -> AsyncIterator[Pilot[None]]:
        asyncio.get_running_loop().set_debug(False)  # it would remember where each of thousands of calls came from
        async with Frame(widget).run_test(size=size, notifications=True) as pilot:
            await pilot.pause()
            yield pilot

    return shown
