"""The inspector on the whole screen, over the conversation."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from types import SimpleNamespace
from typing import Any

import pytest

from usi.core import events as ev
from usi.ui.tui.screens.inspector import InspectorScreen
from usi.ui.tui.widgets.inspector import Inspector
from usi.ui.tui.widgets.records import RecordList

pytestmark = pytest.mark.slow

Open = Callable[..., AbstractAsyncContextManager[Any]]


def record(cast: SimpleNamespace, number: int) -> ev.TraceEvent:
    return ev.TraceEvent(time=cast.NOW, step="record", direction="out", detail={"number": number}, link="host:1")


@pytest.mark.parametrize("size", [(80, 24), (40, 12)])
async def test_there_and_back(open_stage: Open, cast: SimpleNamespace, size: tuple[int, int]) -> None:
    async with open_stage(size, dev=True) as stage:
        await stage.tell(record(cast, 0))
        for back in ("f6", "escape"):
            await stage.pilot.press("f6")
            await stage.until(lambda: isinstance(stage.app.screen, InspectorScreen))
            await stage.pilot.pause()
            assert stage.app.screen.query_one(Inspector).has_focus_within
            await stage.pilot.press(back)
            await stage.until(lambda: not isinstance(stage.app.screen, InspectorScreen))
        await stage.type("still here")
        assert stage.peer.wanted


async def test_it_shows_what_comes_meanwhile(open_stage: Open, cast: SimpleNamespace) -> None:
    async with open_stage(dev=True) as stage:
        await stage.tell(record(cast, 0))
        await stage.pilot.press("f6")
        await stage.until(lambda: isinstance(stage.app.screen, InspectorScreen))
        await stage.pilot.press("2")
        await stage.tell(record(cast, 1))
        listed = stage.app.screen.query_one(RecordList)
        assert [block.event.detail["number"] for block in listed.blocks] == [0, 1]
        assert listed.has_focus
