"""The inspector: records as they pass, filtered, paused, opened and saved."""

import json
import stat
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from types import SimpleNamespace

import pytest
from rich.cells import cell_len
from textual.pilot import Pilot

from usi.core import events as ev
from usi.ui.tui import inspection as model
from usi.ui.tui.widgets.diagram import Diagram
from usi.ui.tui.widgets.inspector import Ask, Bar, Inspector, write_new
from usi.ui.tui.widgets.records import RecordList

Show = Callable[..., AbstractAsyncContextManager[Pilot[None]]]
Trace = Callable[..., ev.TraceEvent]


@pytest.fixture
def trace(cast: SimpleNamespace) -> Trace:
    def made(step: str = "record", direction: str = "out", link: str = "host:1", **detail: object) -> ev.TraceEvent:
        return ev.TraceEvent(time=cast.NOW, step=step, direction=direction, detail=detail, link=link)

    return made


@pytest.fixture
def records(trace: Trace) -> list[ev.TraceEvent]:
    def record(number: int, direction: str, messages: str) -> ev.TraceEvent:
        nonce = f"{number:030x}"
        return trace("record", direction, number=number, nonce=nonce, length=657, tag="ab" * 16, messages=messages)

    content = {"key_id": "cd" * 32, "nonce": "ef" * 15, "length": 528, "ciphertext": "9f" * 5, "signature": "good"}
    return [
        record(0, "out", "join"),
        record(0, "in", "welcome present"),
        trace("seal", "out", "content", plaintext="Hello", **content),
        record(1, "out", "post"),
    ]


@pytest.fixture
async def inspector(show: Show, records: list[ev.TraceEvent]) -> AsyncIterator[SimpleNamespace]:
    """An inspector that shows records, with the focus in it."""
    async with show(widget := Inspector(), (100, 30)) as pilot:
        widget.inspection.add(records)
        widget.action_mode("records")
        await pilot.pause()
        yield SimpleNamespace(it=widget, pilot=pilot, list=widget.query_one(RecordList))


def bar(widget: Inspector) -> str:
    return " ".join(text for _, text, _ in widget.query_one(Bar).parts)


async def test_records_are_listed_with_their_values(inspector: SimpleNamespace, cast: SimpleNamespace) -> None:
    lines = [line for line in cast.look(inspector.list) if line]
    assert lines[0].split() == ["▸", "→", "0", "657", "0000…0000", "abab…abab", "host:1", "join"]
    assert lines[1].split()[-2:] == ["welcome", "present"]
    assert lines[2].split() == ["▸", "→", "text", "528", "efef…efef", "cdcd…cdcd", "Hello", "│", "9f9f9f9f9f"]
    assert "Records: 4" in bar(inspector.it)


async def test_what_a_host_saw_stands_like_what_a_reader_saw(
    inspector: SimpleNamespace, trace: Trace, cast: SimpleNamespace
) -> None:
    seen = {"message": "post", "sender": "alice", "readers": "bob", "length": 528, "ciphertext": "702793acde605d3b"}
    inspector.it.inspection.add([trace("relay", "in", "hub", **seen)])
    await inspector.pilot.pause()
    line = next(line for line in cast.look(inspector.list) if "alice" in line)
    assert line.split() == [
        "▸", "←", "text", "528", "hub", "post:", "alice", "→", "bob", "│", "702793acde605d3b",
    ]  # fmt: skip
    await inspector.pilot.press("end", "enter")
    await inspector.pilot.pause()
    assert "ciphertext, 8 bytes" in "\n".join(cast.look(inspector.list))


async def test_views_change_by_key_and_mouse(inspector: SimpleNamespace) -> None:
    await inspector.pilot.press("1")
    await inspector.pilot.pause()
    assert inspector.it.query_one(Diagram).display
    assert not inspector.list.display
    assert inspector.it.query_one(Diagram).has_focus
    await inspector.pilot.click(Bar, offset=(18, 0))
    await inspector.pilot.pause()
    assert inspector.list.display
    assert inspector.list.has_focus


async def test_a_record_opens(inspector: SimpleNamespace, cast: SimpleNamespace) -> None:
    await inspector.pilot.press("home", "down", "down", "enter")
    await inspector.pilot.pause()
    seen = "\n".join(cast.look(inspector.list))
    assert "plaintext | ciphertext" in seen
    assert "Hello" in seen
    assert "9f9f9f9f 9f" in seen
    assert "The author's id" not in seen  # there is none in this trace
    row = next(y for y, line in enumerate(cast.look(inspector.list)) if "▾" in line)
    await inspector.pilot.click(RecordList, offset=(20, row))
    await inspector.pilot.pause()
    assert "plaintext | ciphertext" not in "\n".join(cast.look(inspector.list))


async def test_an_open_record_is_not_moved_by_new_ones(inspector: SimpleNamespace, trace: Trace) -> None:
    await inspector.pilot.press("end", "enter")
    await inspector.pilot.pause()
    before = inspector.list.scroll_offset.y
    inspector.it.inspection.add(trace(number=number) for number in range(2, 100))
    await inspector.pilot.pause()
    assert inspector.list.scroll_offset.y == before


async def test_the_filter_by_typing(inspector: SimpleNamespace) -> None:
    await inspector.pilot.press("slash", *"post")
    await inspector.pilot.pause()
    assert [block.event.detail.get("messages") for block in inspector.list.blocks] == ["post"]
    assert "only “post”" in bar(inspector.it)
    await inspector.pilot.press("enter")
    await inspector.pilot.pause()
    assert inspector.list.has_focus
    assert len(inspector.list.blocks) == 1
    await inspector.pilot.press("slash", "escape")
    await inspector.pilot.pause()
    assert len(inspector.list.blocks) == 4


async def test_direction_and_kind(inspector: SimpleNamespace) -> None:
    await inspector.pilot.press("d")
    assert [block.event.direction for block in inspector.list.blocks] == ["in"]
    await inspector.pilot.press("d", "k", "k")
    assert [block.event.step for block in inspector.list.blocks] == ["seal"]
    assert "texts only" in bar(inspector.it)


async def test_pause_and_clear(inspector: SimpleNamespace, trace: Trace) -> None:
    await inspector.pilot.press("p")
    inspector.it.inspection.add([trace(number=9)])
    await inspector.pilot.pause()
    assert len(inspector.list.blocks) == 4
    assert "paused, 1 more" in bar(inspector.it)
    await inspector.pilot.press("p")
    assert len(inspector.list.blocks) == 5
    await inspector.pilot.press("c")
    assert not inspector.list.blocks


async def test_links_of_a_host(show: Show, trace: Trace) -> None:
    async with show(widget := Inspector(), (100, 30)) as pilot:
        widget.inspection.add(trace("hello", "in", f"link {number}") for number in range(1, 4))
        widget.focus_list()
        await pilot.pause()
        assert "link 3 (3/3)" in bar(widget)
        await pilot.press("left", "left", "left")
        assert "link 1 (1/3)" in bar(widget)
        widget.inspection.add([trace("hello", "in", "link 4")])
        assert "link 1 (1/4)" in bar(widget)
        await pilot.press("right", "right", "right")
        widget.inspection.add([trace("hello", "in", "link 5")])
        assert "link 5 (5/5)" in bar(widget)  # at the newest it follows again


@pytest.mark.parametrize("name", ["kept.txt", "kept.json"])
async def test_saving(inspector: SimpleNamespace, tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    await inspector.pilot.press("s")
    ask = inspector.it.query_one(Ask)
    assert ask.has_focus
    ask.value = str(path)
    await inspector.pilot.press("enter")
    await inspector.pilot.app.workers.wait_for_complete()
    await inspector.pilot.pause()
    saved = path.read_text("utf-8")
    assert "Hello" in (json.loads(saved)["records"][2]["detail"]["plaintext"] if name.endswith("json") else saved)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert inspector.list.has_focus


async def test_saving_refuses_what_is_there(inspector: SimpleNamespace, tmp_path: Path) -> None:
    path = tmp_path / "mine.txt"
    path.write_text("mine")
    for wanted, said in (
        (path, "there already"),
        (tmp_path / "no" / "such", "cannot be written"),
        ("a\0b", "cannot be"),
    ):
        await inspector.pilot.press("s")
        inspector.it.query_one(Ask).value = str(wanted)
        await inspector.pilot.press("enter")
        await inspector.pilot.app.workers.wait_for_complete()
        await inspector.pilot.pause()
        label = inspector.it.query_one("#inspect-label")
        assert said in label.render_line(0).text
        assert inspector.it.query_one(Ask).has_focus
        await inspector.pilot.press("escape")
    assert path.read_text() == "mine"


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(FileExistsError):
        write_new(str(tmp_path / "link"), "text")
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize("size", [(100, 30), (40, 12)])
async def test_hostile_text(show: Show, trace: Trace, cast: SimpleNamespace, size: tuple[int, int]) -> None:
    async with show(widget := Inspector(), size) as pilot:
        listed = widget.query_one(RecordList)
        widget.action_mode("records")
        for hostile in cast.HOSTILE.values():
            widget.inspection.add(
                [
                    trace("hello", "out", hostile),
                    trace("open", "in", "content", plaintext=hostile, ciphertext="9f" * 9),
                    trace(hostile, "in", hostile, **{hostile: hostile}),
                    trace("record", "in", hostile, messages=hostile, number=1),
                ]
            )
            widget.inspection.wants(text=hostile.rsplit("\n", 1)[-1])
            seen = [*cast.look(widget.query_one(Bar)), *cast.look(widget.query_one(Diagram))]
            assert all(line.isprintable() for line in seen)
        widget.inspection.wants(text="")
        for key in ("home", "enter", "x", "down", "enter", "down", "enter"):
            await pilot.press(key)
        await pilot.pause()
        for y in range(0, min(listed.virtual_size.height, 400), size[1] // 2):
            listed.scroll_to(y=y, animate=False, force=True)
            for line in cast.look(listed):
                assert line.isprintable()
                assert cell_len(line) <= size[0]


async def test_memory_of_the_list_is_bounded(show: Show, trace: Trace) -> None:
    async with show(widget := Inspector(), (80, 24)) as pilot:
        widget.action_mode("records")
        for start in range(0, 2 * model.MOST_RECORDS, 1_000):
            widget.inspection.add(trace(number=number) for number in range(start, start + 1_000))
        await pilot.pause()
        assert len(widget.query_one(RecordList).blocks) <= model.MOST_RECORDS * 11 // 10
        assert widget.query_one(RecordList).blocks[-1].event.detail["number"] == 2 * model.MOST_RECORDS - 1
