"""Lists whose entries open to an explanation: the steps of a key exchange, and records."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from itertools import zip_longest
from typing import NamedTuple, TypeVar

from rich.cells import set_cell_size
from textual import events
from textual.binding import Binding
from textual.content import Content
from textual.message import Message
from textual.style import Style

from usi.core.trace import Secret
from usi.ui.i18n import mark
from usi.ui.tui.inspection import Part
from usi.ui.tui.widgets.lines import Line, Lines
from usi.ui.tui.wrapping import wrap

_LITTLE = 2  # lines above an entry that are shown, too, where they are all that there is
_BESIDE = 44  # cells from which on two texts stand beside each other


class Row(NamedTuple):
    """A line as pieces of text with their roles, and what of it is copied (see `lines.Line`)."""

    pieces: tuple[tuple[str, str], ...]
    start: int = 0
    end: int | None = None
    glue: str | None = None
    secret: str = ""
    """The name of the secret that stands here, masked or not."""


class Written(NamedTuple):
    """A line of a sheet."""

    role: str
    text: str
    glue: str | None = None
    secret: str = ""


class Fold:
    """An entry that can be opened. Its first row is what one points at."""

    can_open = True
    secrets: Mapping[str, Secret] = {}
    """What can be shown and masked in it, by name."""
    revealed: Collection[Secret] = ()
    """What the person asked to see, here and elsewhere."""

    def __init__(self, weight: int = 0) -> None:
        self.open = False
        self.whole = False
        """Whether long values are shown in full."""
        self.pointed = False
        """Whether the cursor is here."""
        self.spaced = False
        """Whether there is room for space behind it."""
        self._weight = weight
        self._rows: tuple[tuple[object, ...], list[Row]] | None = None

    @property
    def size(self) -> int:
        return self._weight

    def height(self, width: int) -> int:
        return len(self.rows(width))

    def rows(self, width: int) -> list[Row]:
        """The lines at this width, as open as it is now."""
        shown = (secret in self.revealed for secret in self.secrets.values())
        state = (width, self.open, self.whole, self.spaced, *shown)
        if self._rows is None or self._rows[0] != state:
            rows = [*self.head(width), *(self.body(width) if self.open else ())]
            if not self.open:
                return rows  # thousands of them are closed: made again when they come into view
            self._rows = state, rows
        return self._rows[1]

    @abstractmethod
    def head(self, width: int) -> list[Row]:
        """What stands there when it is closed."""

    def body(self, width: int) -> list[Row]:
        """What opening adds."""
        return []


F = TypeVar("F", bound=Fold)


def written(parts: list[Part], width: int) -> Iterator[Written]:
    """A sheet in lines of this many cells."""
    for part in parts:
        indent = "" if part.role in ("label", "text") else "  "
        room = max(1, width - len(indent))
        if part.role == "label":
            yield Written("quiet", "")
        if part.role == "pair":
            yield from (line._replace(text=indent + line.text) for line in _paired(part, room))
            continue
        for line in part.text.split("\n"):
            ended = 0
            for index, (start, end) in enumerate(wrap(line, room, room)):
                glue = line[ended:start] if index else None
                yield Written(part.role, indent + line[start:end], glue, part.secret)
                ended = end


def _paired(part: Part, width: int) -> Iterator[Written]:
    """Two texts beside each other, or one below the other where there is no room."""
    if width < _BESIDE:
        yield from written([Part("value", part.text), Part("cipher", part.beside)], width)
        return
    half = (width - 3) // 2
    left = [line[start:end] for line in part.text.split("\n") for start, end in wrap(line, half, half)]
    right = [part.beside[start:end] for start, end in wrap(part.beside, half, half)]
    for one, other in zip_longest(left, right, fillvalue=""):
        yield Written("pair", f"{set_cell_size(one, half)} │ {other}")


class Unfolding(Lines[F]):
    """A list of entries with a cursor; Enter or a click opens one."""

    @dataclass
    class Revealing(Message):
        """Somebody wants to see these secrets, or to have them masked again."""

        secrets: Collection[Secret]

    COMPONENT_CLASSES = {
        "unfolding--lane",
        "unfolding--arrow",
        "unfolding--title",
        "unfolding--in",
        "unfolding--out",
        "unfolding--label",
        "unfolding--name",
        "unfolding--value",
        "unfolding--cipher",
        "unfolding--quiet",
        "unfolding--cursor",
    }
    DEFAULT_CSS = """
    Unfolding { height: 1fr; padding: 0 0 0 1; }
    Unfolding .unfolding--lane { color: $foreground-disabled; }
    Unfolding .unfolding--arrow { color: $text-primary; }
    Unfolding .unfolding--title { color: $foreground; text-style: bold; }
    Unfolding .unfolding--in { color: $text-success; }
    Unfolding .unfolding--out { color: $text-primary; }
    Unfolding .unfolding--label { color: $text-accent; text-style: bold; }
    Unfolding .unfolding--name { color: $foreground; text-style: bold; }
    Unfolding .unfolding--value { color: $text-primary; }
    Unfolding .unfolding--cipher { color: $text-warning; }
    Unfolding .unfolding--quiet { color: $foreground-muted; }
    Unfolding .unfolding--cursor { background: $foreground 12%; text-style: bold; }
    Unfolding:focus .unfolding--cursor { background: $primary 45%; color: $text; }
    """
    BINDINGS = [
        Binding("up", "point(-1)", "Up", show=False, id="inspect-up", tooltip="The entry above"),
        Binding("down", "point(1)", "Down", show=False, id="inspect-down", tooltip="The entry below"),
        Binding("home", "edge(-1)", "First", show=False, id="inspect-first", tooltip="The first entry"),
        Binding("end", "edge(1)", "Newest", show=False, id="inspect-last", tooltip="The newest entry"),
        Binding(
            "enter,space", "unfold", "Open", key_display="⏎", id="inspect-open", tooltip="Open or close the explanation"
        ),
        Binding(
            "x", "whole", "Hex", key_display="X", id="inspect-whole", tooltip="Long values in full, or their beginning"
        ),
        Binding(
            "v", "reveal", "Secrets", key_display="V", id="inspect-secrets",
            tooltip=mark("Show the secrets of this step, or mask them again"),
        ),
    ]
    HELP = mark("""\
## Inspector

The arrows move, Enter or a click opens an explanation with its values, X shows long values in full, V or a click shows
secrets and masks them again.
""")

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._cursor: F | None = None

    def lay_out(self, block: F, width: int) -> list[Line]:
        cursor = self.get_visual_style("unfolding--cursor", partial=True)
        lines: list[Line] = []
        for number, row in enumerate(block.rows(width)):
            content = Content("")
            for role, text in row.pieces:
                piece = self._styled(role, text)
                content += piece.stylize(Style(underline=True)) if row.secret and role != "lane" else piece
            if block.pointed and number == 0:
                content = content.pad_right(max(0, width - content.cell_length)).stylize(cursor)
            lines.append(Line(content, start=row.start, end=row.end, glue=row.glue))
        return lines

    def _styled(self, role: str, text: str) -> Content:
        if role == "pair":
            left, _, right = text.partition("│")
            return Content.assemble(
                self._styled("value", left), self._styled("lane", "│"), self._styled("cipher", right)
            )
        if role == "text":
            return Content(text)
        return Content.styled(text, self.get_visual_style(f"unfolding--{role}", partial=True))

    # --- the cursor ---

    @property
    def cursor(self) -> F | None:
        """The entry that is pointed at."""
        return self._cursor

    def point_at(self, block: F | None) -> None:
        """Put the cursor there."""
        if block is self._cursor:
            return
        old, self._cursor = self._cursor, block
        for each in (old, block):
            if each is not None:
                each.pointed = each is block
                self.changed(each)
        self.refresh_bindings()

    def action_point(self, direction: int) -> None:
        place = self._index(self._cursor) if self._cursor is not None else None
        if place is None:  # begin with what is in view
            first = self._at(self._first_line + self.scroll_offset.y)
            last = self._at(
                self._first_line + min(self.scroll_offset.y + self.size.height, self.virtual_size.height) - 1
            )
            found = last if self._following else first
            place = found[0] - direction if found is not None else -1
        self._point(place + direction, direction)

    def action_edge(self, direction: int) -> None:
        self._point(0 if direction < 0 else len(self._blocks) - 1, -direction)
        if direction < 0:
            self.scroll_home(animate=False)
        else:
            self.scroll_end(animate=False)

    def _point(self, place: int, direction: int) -> None:
        """Point at this entry, or the next one in this direction that opens."""
        while 0 <= place < len(self._blocks):
            if self._blocks[place].can_open:
                self.point_at(self._blocks[place])
                self._bring(place)
                return
            place += direction

    def _bring(self, place: int) -> None:
        """Scroll so that an entry is in view, its beginning first."""
        top = self._tops[place] - self._first_line
        end = (self._tops[place + 1] if place + 1 < len(self._tops) else self._end_line) - self._first_line
        room = max(1, self.size.height)
        y = self.scroll_offset.y
        if end > y + room:
            y = end - room
        y = min(y, top)
        if y <= _LITTLE:
            y = 0
        self.scroll_to(y=y, animate=False, force=True)

    def on_focus(self) -> None:
        if self._cursor is None:
            self.action_point(1 if not self._following else -1)

    # --- opening ---

    def action_unfold(self) -> None:
        if self._cursor is not None:
            self._toggle(self._cursor)

    def action_whole(self) -> None:
        block = self._cursor
        if block is not None:
            block.whole = not block.whole
            block.open = True
            self._shown_anew(block)

    def action_reveal(self) -> None:
        """Show what is masked in the entry under the cursor, or mask it again."""
        block = self._cursor
        if block is not None and block.secrets:
            if not block.open:
                self._toggle(block)
            self.post_message(self.Revealing([*block.secrets.values()]))
            self.call_after_refresh(self._bring_secret, block)

    def _bring_secret(self, block: F) -> None:
        """Scroll so that the first secret of an entry is in view."""
        place = self._index(block)
        line = next((number for number, row in enumerate(block.rows(self._width)) if row.secret), None)
        if place is not None and line is not None:
            y = self._tops[place] - self._first_line + line
            if not self.scroll_offset.y <= y < self.scroll_offset.y + self.size.height - 1:
                self.scroll_to(y=max(0, y - self.size.height // 2), animate=False, force=True)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return action != "reveal" or (self._cursor is not None and bool(self._cursor.secrets))

    def _toggle(self, block: F) -> None:
        block.open = not block.open
        self._shown_anew(block)

    def _shown_anew(self, block: F) -> None:
        place = self._index(block)
        if place is not None:
            self._following = False  # else what is read would move away when something comes
            self.changed(block)
            self._bring(place)

    def on_click(self, event: events.Click) -> None:
        """A click on the first line of an entry opens it, one on a secret shows or masks it; what is marked with the
        mouse is not a click."""
        found = self._at(self._first_line + self.scroll_offset.y + event.y)
        if found is None:
            return
        block = self._blocks[found[0]]
        if block.can_open and found[1] == 0 and event.chain == 1:
            self.point_at(block)
            self._toggle(block)
        elif name := block.rows(self._width)[found[1]].secret:
            self.post_message(self.Revealing([block.secrets[name]]))
