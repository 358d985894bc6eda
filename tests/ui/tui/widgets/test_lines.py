"""A scrolling list of blocks that can be copied."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from types import SimpleNamespace

import pytest
from textual.content import Content
from textual.pilot import Pilot
from textual.widget import Widget

from usi.ui.tui.widgets.lines import Line, Lines
from usi.ui.tui.wrapping import wrap

Show = Callable[..., AbstractAsyncContextManager[Pilot[None]]]


@dataclass(eq=False)
class Note:
    text: str

    @property
    def size(self) -> int:
        return len(self.text)

    def height(self, width: int) -> int:
        return len(wrap(self.text, width - 2, width - 2))


class Notes(Lines[Note]):
    """Texts behind a bullet."""

    def lay_out(self, block: Note, width: int) -> list[Line]:
        lines: list[Line] = []
        ended = 0
        for start, end in wrap(block.text, width - 2, width - 2):
            glue = block.text[ended:start] if lines else None
            bullet = "  " if lines else "* "
            content = Content(bullet + block.text[start:end])
            lines.append(Line(content, start=2 if lines else 0, body=2, glue=glue))
            ended = end
        return lines


def numbers(first: int, end: int) -> list[Note]:
    return [Note(f"note {number}") for number in range(first, end)]


def seen(notes: Notes) -> list[str]:
    return [line for line in (notes.render_line(y).text.rstrip() for y in range(notes.size.height)) if line]


async def test_shows_what_is_added_and_stays_at_the_end(show: Show) -> None:
    async with show(notes := Notes()) as pilot:
        notes.append(numbers(0, 3))
        await pilot.pause()
        assert seen(notes) == ["* note 0", "* note 1", "* note 2"]
        notes.append(numbers(3, 100))
        await pilot.pause()
        assert seen(notes)[-1] == "* note 99"
        assert len(seen(notes)) == 10


async def test_stays_where_one_reads(show: Show) -> None:
    async with show(notes := Notes()) as pilot:
        notes.append(numbers(0, 100))
        await pilot.pause()
        notes.scroll_to(y=20, animate=False)
        await pilot.pause()
        notes.append(numbers(100, 200))
        await pilot.pause()
        assert seen(notes)[0] == "* note 20"
        notes.scroll_end(animate=False)
        await pilot.pause()
        notes.append(numbers(200, 201))
        await pilot.pause()
        assert seen(notes)[-1] == "* note 200"


async def test_breaks_lines_anew_when_the_width_changes(show: Show) -> None:
    async with show(notes := Notes(), (20, 10)) as pilot:
        notes.append([Note("several words that do not fit on one line")])
        await pilot.pause()
        assert seen(notes) == ["* several words", "  that do not fit", "  on one line"]
        await pilot.resize_terminal(60, 10)
        await pilot.pause()
        assert seen(notes) == ["* several words that do not fit on one line"]


async def test_keeps_its_place_when_the_width_changes(show: Show) -> None:
    async with show(notes := Notes(), (40, 10)) as pilot:
        notes.append(Note(f"{number} " + "word " * 12) for number in range(100))
        await pilot.pause()
        notes.scroll_to(y=notes.max_scroll_y // 2, animate=False)
        await pilot.pause()
        top = seen(notes)[0].split()[1]
        await pilot.resize_terminal(30, 10)
        await pilot.pause()
        assert top in " ".join(seen(notes)[:3]).split()
        notes.scroll_end(animate=False)
        await pilot.pause()
        await pilot.resize_terminal(50, 8)
        await pilot.pause()
        assert notes.scroll_offset.y == notes.max_scroll_y


async def test_a_block_changes(show: Show) -> None:
    async with show(notes := Notes(), (20, 10)) as pilot:
        first, second, third = numbers(0, 3)
        notes.append([first, second, third])
        await pilot.pause()
        second.text = "now this is longer than a line"
        notes.changed(second)
        await pilot.pause()
        assert seen(notes) == ["* note 0", "* now this is", "  longer than a", "  line", "* note 2"]
        second.text = "short"
        notes.changed(second)
        await pilot.pause()
        assert seen(notes) == ["* note 0", "* short", "* note 2"]
        notes.changed(Note("not here"))


async def test_other_blocks_instead(show: Show) -> None:
    async with show(notes := Notes()) as pilot:
        notes.append(numbers(0, 100))
        await pilot.pause()
        notes.show_only(numbers(7, 9))
        await pilot.pause()
        assert seen(notes) == ["* note 7", "* note 8"]
        notes.clear()
        await pilot.pause()
        assert seen(notes) == []


async def test_old_blocks_go_and_the_view_stays(show: Show, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Notes, "MOST_BLOCKS", 100)
    async with show(notes := Notes()) as pilot:
        notes.append(numbers(0, 100))
        await pilot.pause()
        notes.scroll_to(y=60, animate=False)
        await pilot.pause()
        notes.append(numbers(100, 120))
        await pilot.pause()
        assert len(notes.blocks) == 100
        assert notes.blocks[0].text == "note 20"
        assert seen(notes)[0] == "* note 60"


async def test_long_texts_go_sooner(show: Show, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Notes, "MOST_CHARACTERS", 1000)
    async with show(notes := Notes()) as pilot:
        notes.append(Note("x" * 100) for _ in range(30))
        await pilot.pause()
        assert sum(block.size for block in notes.blocks) <= 1000
        notes.append([Note("y" * 5000)])
        await pilot.pause()
        assert [block.size for block in notes.blocks] == [5000]


# --- copying ---


@pytest.fixture
async def marked(show: Show) -> AsyncIterator[SimpleNamespace]:
    """Two notes, the first of three lines, and a way to mark with the mouse."""
    async with show(notes := Notes(), (20, 10)) as pilot:
        notes.append([Note("several words that  do not fit"), Note("next")])
        await pilot.pause()
        assert seen(notes) == ["* several words", "  that  do not fit", "* next"]

        async def mark(start: tuple[int, int], end: tuple[int, int]) -> str | None:
            await pilot.mouse_down(Widget, start)
            await pilot.hover(Widget, end)
            await pilot.mouse_up(Widget, end)
            return pilot.app.screen.get_selected_text()

        yield SimpleNamespace(notes=notes, pilot=pilot, mark=mark)


async def test_copies_a_part_of_a_line(marked: SimpleNamespace) -> None:
    assert await marked.mark((2, 0), (8, 0)) == "several"


async def test_copies_what_was_written_not_how_it_was_broken(marked: SimpleNamespace) -> None:
    assert await marked.mark((10, 0), (5, 1)) == "words that"
    assert await marked.mark((10, 0), (5, 2)) == "words that  do not fit\n* next"


async def test_copies_backwards(marked: SimpleNamespace) -> None:
    assert await marked.mark((5, 1), (10, 0)) == "words that"


async def test_a_double_click_marks_a_block(marked: SimpleNamespace) -> None:
    await marked.pilot.click(Notes, (4, 1), times=2)
    assert marked.pilot.app.screen.get_selected_text() == "several words that  do not fit"


async def test_what_is_marked_is_shown_so(marked: SimpleNamespace) -> None:
    before = marked.notes.render_line(0)
    await marked.mark((2, 0), (8, 0))
    after = marked.notes.render_line(0)
    assert after.text == before.text
    assert [segment.style for segment in after] != [segment.style for segment in before]


async def test_what_is_added_leaves_the_mark_alone(marked: SimpleNamespace) -> None:
    await marked.mark((2, 0), (8, 0))
    marked.notes.append(numbers(0, 50))
    await marked.pilot.pause()
    assert marked.pilot.app.screen.get_selected_text() == "several"


async def test_another_width_forgets_the_mark(marked: SimpleNamespace) -> None:
    await marked.mark((2, 0), (8, 0))
    await marked.pilot.resize_terminal(40, 10)
    await marked.pilot.pause()
    assert marked.pilot.app.screen.get_selected_text() is None


async def test_wide_characters_are_copied_whole(show: Show) -> None:
    async with show(notes := Notes(), (20, 10)) as pilot:
        notes.append([Note("日本語 text")])
        await pilot.pause()
        await pilot.mouse_down(Widget, (4, 0))
        await pilot.hover(Widget, (6, 0))
        await pilot.mouse_up(Widget, (6, 0))
        assert pilot.app.screen.get_selected_text() == "本語"
