"""A scrolling list of blocks of text that can be selected and copied, fast also with ten thousand of them.

Only heights are kept for all blocks; a block is laid out when it comes into view. Lines have absolute numbers that
stay the same while old blocks are dropped at the top, so that a selection keeps its place.
"""

from __future__ import annotations

from abc import abstractmethod
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Generic, Protocol, TypeVar

from rich.segment import Segment
from textual import events
from textual.binding import Binding
from textual.content import Content
from textual.geometry import Offset, Size
from textual.scroll_view import ScrollView
from textual.selection import Selection
from textual.strip import Strip

from usi.ui.i18n import mark

_LAID_OUT = 20_000  # lines kept as they look: many screens full


@dataclass(frozen=True, slots=True)
class Line:
    """A line as it is shown, and what of it belongs to the text when somebody copies it."""

    content: Content
    start: int = 0
    """Characters before this one are indentation of ours."""
    end: int | None = None
    """Characters from this one on are ornament of ours."""
    body: int | None = None
    """Characters before this one belong to the line, but not to what was said; `start` where it is None."""
    glue: str | None = None
    """Where a line was broken by us: what stood there, mostly a space. None where a new line begins."""


class Block(Protocol):
    """Something to show. It may change; `Lines.changed` must then be told."""

    @property
    def size(self) -> int:
        """About how many characters it holds."""

    def height(self, width: int) -> int:
        """How many lines of this width it takes."""


B = TypeVar("B", bound=Block)


class Lines(ScrollView, Generic[B], can_focus=True):
    """A scrolling list of blocks. What is added while the end is in view keeps the end in view."""

    DEFAULT_CSS = """
    Lines { overflow-x: hidden; overflow-y: auto; scrollbar-gutter: stable; scrollbar-size-vertical: 1; }
    """
    FOLLOWS = True
    """Whether it stays at the end when something is added there."""
    MOST_BLOCKS = 10_000
    """So many are kept; what is above is dropped in steps of a tenth."""
    MOST_CHARACTERS = 16 * 1024 * 1024
    """The same for long texts, so that nobody can fill the memory of others."""

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._blocks: list[B] = []
        self._tops: list[int] = []
        """The absolute line on which each block begins."""
        self._first_line = 0
        self._end_line = 0
        self._width = 0
        self._following = self.FOLLOWS
        self._characters = 0
        self._laid_out: dict[int, list[Line]] = {}
        """How a block looks, by its identity."""
        self._laid_out_lines = 0
        self._pointed: B | None = None
        """The block under the mouse when its button went down."""

    @property
    def following(self) -> bool:
        """Whether the end is in sight, and what comes with it."""
        return self._following

    @abstractmethod
    def lay_out(self, block: B, width: int) -> list[Line]:
        """The lines of a block, exactly as many as its `height`."""

    @property
    def allow_select(self) -> bool:
        return True

    @property
    def blocks(self) -> Sequence[B]:
        return self._blocks

    # --- changing what is shown ---

    def append(self, blocks: Iterable[B]) -> None:
        """Add blocks at the end."""
        for block in blocks:
            self._blocks.append(block)
            self._tops.append(self._end_line)
            self._end_line += self._height(block)
            self._characters += block.size
        self._drop_old()
        self._resized()

    def prepend(self, blocks: Sequence[B]) -> None:
        """Add blocks above all others, without moving what is looked at."""
        before = self._end_line - self._first_line
        self._blocks[:0] = blocks
        self._characters += sum(block.size for block in blocks)
        self._measure()
        at = self.scroll_offset.y + self._end_line - self._first_line - before
        following = self._following
        self._resized()
        if not following:
            self.scroll_to(y=at, animate=False, force=True, immediate=True)

    def changed(self, block: B) -> None:
        """A block has changed, perhaps in height."""
        index = self._index(block)
        if index is None:
            return
        self._laid_out.pop(id(block), None)
        top = self._tops[index]
        after = self._tops[index + 1] if index + 1 < len(self._tops) else self._end_line
        grown = self._height(block) - (after - top)
        if grown:
            self._tops[index + 1 :] = [line + grown for line in self._tops[index + 1 :]]
            self._end_line += grown
            self._deselect()
            self._resized()
        else:
            self.refresh()

    def take_away(self, block: B) -> None:
        """Take a block away, without moving what is looked at."""
        index = self._index(block)
        if index is None:
            return
        top = self._tops[index]
        gone = (self._tops[index + 1] if index + 1 < len(self._tops) else self._end_line) - top
        above = top - self._first_line < self.scroll_offset.y
        del self._blocks[index]
        self._tops[index:] = [line - gone for line in self._tops[index + 1 :]]
        self._end_line -= gone
        self._characters -= block.size
        self._laid_out.pop(id(block), None)
        self._deselect()
        if above and not self._following:
            self.scroll_to(y=self.scroll_offset.y - gone, animate=False, force=True)
        self._resized()

    def show_only(self, blocks: Iterable[B]) -> None:
        """Show these blocks instead."""
        self._blocks = list(blocks)
        self._characters = sum(block.size for block in self._blocks)
        self._measure()
        self._resized()

    def clear(self) -> None:
        self.show_only(())

    def _drop_old(self) -> None:
        excess = 0
        if len(self._blocks) > self.MOST_BLOCKS * 11 // 10:
            excess = len(self._blocks) - self.MOST_BLOCKS
        characters = self._characters - sum(block.size for block in self._blocks[:excess])
        if characters > self.MOST_CHARACTERS:
            while characters > self.MOST_CHARACTERS * 9 // 10 and excess < len(self._blocks) - 1:
                characters -= self._blocks[excess].size
                excess += 1
        if not excess:
            return
        self._characters = characters
        del self._blocks[:excess], self._tops[:excess]
        self._forget_looks()
        gone, self._first_line = self._first_line, self._tops[0]
        if not self._following:
            self.scroll_to(y=max(0, self.scroll_offset.y - (self._first_line - gone)), animate=False, force=True)

    def _index(self, block: B) -> int | None:
        """Where a block is; mostly near the end."""
        for index in range(len(self._blocks) - 1, -1, -1):
            if self._blocks[index] is block:
                return index
        return None

    # --- measuring ---

    def _height(self, block: B) -> int:
        return block.height(self._width) if self._width else 0

    def _measure(self) -> None:
        """Measure all blocks anew, from line 0."""
        tops = list(accumulate(map(self._height, self._blocks), initial=0))
        self._first_line, self._end_line, self._tops = 0, tops.pop(), tops
        self._forget_looks()
        self._deselect()

    def _resized(self) -> None:
        self.virtual_size = Size(self._width, self._end_line - self._first_line)
        if self._following:
            self.scroll_end(animate=False, force=True, immediate=True, x_axis=False)
        self.refresh()

    def _deselect(self) -> None:
        if self.is_attached and self.text_selection is not None:
            self.screen.clear_selection()

    def on_resize(self, event: events.Resize) -> None:
        width = self.scrollable_content_region.width
        if width != self._width:
            anchor = self._at(self._first_line + self.scroll_offset.y)
            self._width = width
            self._measure()
            self._resized()
            if anchor is not None and not self._following:
                self.scroll_to(y=self._tops[anchor[0]] - self._first_line, animate=False, force=True)
        elif self._following:
            self.scroll_end(animate=False, force=True, immediate=True, x_axis=False)

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        self._following = self.FOLLOWS and round(new_value) >= self.max_scroll_y

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._forget_looks()

    def _forget_looks(self) -> None:
        self._laid_out.clear()
        self._laid_out_lines = 0

    # --- showing ---

    def _at(self, line: int) -> tuple[int, int] | None:
        """The index of the block at an absolute line, and the line within it."""
        if not self._first_line <= line < self._end_line:
            return None
        index = bisect_right(self._tops, line) - 1
        return index, line - self._tops[index]

    def _line(self, line: int) -> Line | None:
        place = self._at(line)
        if place is None:
            return None
        block = self._blocks[place[0]]
        laid_out = self._laid_out.get(id(block))
        if laid_out is None:
            laid_out = self.lay_out(block, self._width)
            if self._laid_out_lines > _LAID_OUT:
                self._forget_looks()
            self._laid_out[id(block)] = laid_out
            self._laid_out_lines += len(laid_out)
        return laid_out[place[1]]

    def render_line(self, y: int) -> Strip:
        number = self._first_line + self.scroll_offset.y + y
        width = self.scrollable_content_region.width
        line = self._line(number)
        base = self.visual_style
        if line is None:
            return Strip.blank(width, base.rich_style)
        content = line.content
        selection = self.text_selection
        if selection is not None and (span := selection.get_span(number)) is not None:
            start, end = span
            end = len(content) if end == -1 else end
            content = content.stylize(self.screen.get_visual_style("screen--selection"), start, end)
        strip = Strip(content.render_segments(base), content.cell_length)
        return strip.crop_extend(0, width, base.rich_style).apply_offsets(0, number)

    # --- copying ---

    def on_mouse_down(self, event: events.MouseDown) -> None:
        place = self._at(self._first_line + self.scroll_offset.y + event.y)
        self._pointed = self._blocks[place[0]] if place is not None else None

    def text_select_all(self) -> None:
        """Select the block that was clicked on: Textual calls this for a double click."""
        index = self._index(self._pointed) if self._pointed is not None else None
        if index is None:
            return
        first = self._tops[index]
        last = (self._tops[index + 1] if index + 1 < len(self._tops) else self._end_line) - 1
        begins, ends = self._line(first), self._line(last)
        if begins is not None and ends is not None:
            start = begins.start if begins.body is None else begins.body
            end = len(ends.content) if ends.end is None else ends.end
            self.screen.selections = {self: Selection(Offset(start, first), Offset(end, last))}

    def selection_updated(self, selection: Selection | None) -> None:
        self.refresh()

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        """The selected text as its author wrote it: without our indentation, marks and line breaks."""
        first = selection.start.y if selection.start is not None else self._first_line
        last = selection.end.y if selection.end is not None else self._end_line - 1
        parts: list[str] = []
        for number in range(max(first, self._first_line), min(last, self._end_line - 1) + 1):
            line = self._line(number)
            if line is None:
                break
            start, end = line.start, len(line.content) if line.end is None else line.end
            if selection.start is not None and number == selection.start.y:
                start = max(start, selection.start.x)
            if selection.end is not None and number == selection.end.y:
                end = min(end, selection.end.x)
            if parts:
                parts.append("\n" if line.glue is None else line.glue)
            parts.append(line.content.plain[start:end])
        return ("".join(parts), "\n") if parts else None


class Choices(Lines[B]):
    """A list in which one block, of one line, is under the cursor and can be chosen, by Enter or by a click."""

    COMPONENT_CLASSES = {"choices--cursor"}
    DEFAULT_CSS = """
    Choices > .choices--cursor { background: $primary 35%; }
    """
    FOLLOWS = False
    CURSOR_WITHOUT_FOCUS = False
    BINDINGS = [
        Binding("up", "move(-1)", "Up", show=False, id="choice-up", tooltip=mark("The line above")),
        Binding("down", "move(1)", "Down", show=False, id="choice-down", tooltip=mark("The line below")),
        Binding("enter", "choose", "Choose", show=False, id="choose", tooltip=mark("Choose this line")),
    ]

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._cursor = 0

    @abstractmethod
    def chosen(self, block: B) -> None:
        """This block was chosen."""

    def key(self, block: B) -> object:
        """What a block stands for: the cursor stays on it when the list is shown anew."""
        return block

    @property
    def allow_select(self) -> bool:
        return False

    @property
    def current(self) -> B | None:
        """What is under the cursor."""
        return self._blocks[self._cursor] if self._cursor < len(self._blocks) else None

    def show_only(self, blocks: Iterable[B]) -> None:
        current = self.current
        super().show_only(blocks)
        keys = [self.key(block) for block in self._blocks]
        wanted = self.key(current) if current is not None else None
        self._go(keys.index(wanted) if wanted in keys else min(self._cursor, max(0, len(keys) - 1)))

    def action_move(self, direction: int) -> None:
        if self._blocks:
            self._go((self._cursor + direction) % len(self._blocks))

    def action_choose(self) -> None:
        if (current := self.current) is not None:
            self.chosen(current)

    def on_click(self, event: events.Click) -> None:
        place = self._at(self._first_line + self.scroll_offset.y + event.y)
        if place is not None:
            event.stop()
            self._go(place[0])
            self.action_choose()

    def _go(self, cursor: int) -> None:
        self._cursor = cursor
        height = self.size.height
        if cursor < self.scroll_offset.y:
            self.scroll_to(y=cursor, animate=False, force=True)
        elif height and cursor >= self.scroll_offset.y + height:
            self.scroll_to(y=cursor - height + 1, animate=False, force=True)
        self.refresh()

    def watch_has_focus(self, has_focus: bool) -> None:
        super().watch_has_focus(has_focus)
        self.refresh()

    def render_line(self, y: int) -> Strip:
        strip = super().render_line(y)
        if self.scroll_offset.y + y != self._cursor or not self._blocks:
            return strip
        if not (self.has_focus or self.CURSOR_WITHOUT_FOCUS):
            return strip
        look = self.get_component_rich_style("choices--cursor")
        return Strip(Segment.apply_style(strip, post_style=look), strip.cell_length)
