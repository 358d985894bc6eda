"""What --dev shows."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from types import SimpleNamespace

from rich.cells import cell_len
from textual.pilot import Pilot

from usi.core import events as ev
from usi.ui.tui.widgets.tracing import Tracing, one_line

Show = Callable[..., AbstractAsyncContextManager[Pilot[None]]]


def traced(cast: SimpleNamespace, step: str = "record", **detail: object) -> ev.TraceEvent:
    return ev.TraceEvent(time=cast.NOW, step=step, direction="out", detail=detail, link="content")


def test_one_line(cast: SimpleNamespace) -> None:
    assert one_line(traced(cast, number=3, tag="ab" * 16)) == f"→ record  number=3  tag={'ab' * 8}a…ababab"
    assert one_line(traced(cast)) == "→ record"


def test_hostile_text_stays_on_one_line(cast: SimpleNamespace, hostile: str) -> None:
    line = one_line(traced(cast, hostile, plaintext=hostile, **{hostile: 1}))
    assert line.isprintable()


async def test_records_are_shown_as_they_come(show: Show, cast: SimpleNamespace) -> None:
    async with show(tracing := Tracing(), (40, 20)) as pilot:
        tracing.note(traced(cast, plaintext=hostile) for hostile in cast.HOSTILE.values())
        tracing.note([traced(cast, number=1)])
        await pilot.pause()
        tracing.note([traced(cast, "seal", number=2, length=10_000)])
        await pilot.pause()
        shown = cast.look(tracing)
        assert any("→ record  number=1" in line for line in shown)
        assert any("→ seal  number=2  length=10000" in line for line in shown)
        assert all(cell_len(line) <= 40 for line in shown)
