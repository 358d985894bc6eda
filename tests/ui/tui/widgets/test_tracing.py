"""The panel of --dev."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from types import SimpleNamespace

from textual.pilot import Pilot

from usi.core import events as ev
from usi.ui.tui.widgets.records import RecordList
from usi.ui.tui.widgets.tracing import Tracing

Show = Callable[..., AbstractAsyncContextManager[Pilot[None]]]


async def test_what_is_noted_is_shown(show: Show, cast: SimpleNamespace) -> None:
    async with show(tracing := Tracing(), (40, 20)) as pilot:
        tracing.note(
            ev.TraceEvent(time=cast.NOW, step="record", direction="out", detail={"number": number}, link="host:1")
            for number in range(3)
        )
        tracing.action_mode("records")
        await pilot.pause()
        assert [block.event.detail["number"] for block in tracing.query_one(RecordList).blocks] == [0, 1, 2]
        assert any(line.split()[:3] == ["▸", "→", "2"] for line in cast.look(tracing.query_one(RecordList)))
