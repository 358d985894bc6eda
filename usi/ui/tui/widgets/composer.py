"""Where one writes. Enter sends; a text that was refused stays."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from textual import events, on
from textual.binding import Binding
from textual.message import Message
from textual.widgets import TextArea

from usi.core import commands
from usi.core.text import visible
from usi.ui.i18n import mark
from usi.ui.tui.completion import Candidate, Completion, complete
from usi.ui.tui.looking import dropped
from usi.ui.tui.widgets.suggestions import Suggestions

_NEWLINE = ("ctrl+j", "shift+enter", "alt+enter")
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")  # in a paste: a terminal would obey them
_REMEMBERED = 200  # lines of the history


class Composer(TextArea):
    """The input: several lines, a history, and paste of many lines as one text."""

    BINDINGS = [
        Binding("enter", "submit", mark("Send"), key_display="Enter", id="send", tooltip=mark("Send what is written")),
        Binding(
            ",".join(_NEWLINE),
            "newline",
            mark("New line"),
            key_display="^J",
            id="newline",
            tooltip=mark("Begin a new line; Shift+Enter and Alt+Enter too, where the terminal tells them apart"),
        ),
        Binding("up", "earlier", mark("Earlier text"), show=False, id="earlier", tooltip=mark("What was sent before")),
        Binding(
            "down",
            "later",
            mark("Later text"),
            show=False,
            id="later",
            tooltip=mark("Back towards what is being written"),
        ),
        Binding(
            "tab",
            "complete",
            mark("Complete"),
            show=False,
            id="complete",
            tooltip=mark("Complete a command, a name or a path; where nothing is written, go to the next panel"),
        ),
    ]
    HELP = mark("""\
## Writing

Enter sends. Ctrl+J begins a new line; Shift+Enter and Alt+Enter do too where the terminal tells them apart. Up and Down
at the edges bring back what was sent before. `/` or `!` begins a command; `//` says a text that begins with `/`. A
paste of several lines is one text and never a command.

Tab completes commands, the names of members, and paths behind `/send`. Dropping a file here, or pasting its path, asks
whether to send it. Where there are several ways to go on, a list shows them: Tab, Up and Down choose, Enter takes one,
Escape closes the list.
""")

    @dataclass
    class Dropped(Message):
        """Files were dropped here, or their paths pasted, and nothing else stands here."""

        paths: list[str]
        text: str
        """What came, to be inserted if that is what was meant."""

    @dataclass
    class Submitted(Message):
        """Somebody wants this said or done."""

        text: str
        literal: bool
        """It was pasted: not a command, whatever it begins with."""
        room: str = ""
        """The conversation that was on the screen when it was sent."""

        def before(self, draft: Composer.Draft | None) -> Composer.Draft:
            """A draft that begins with this text and goes on with what has been written since."""
            since = f"\n{draft.written.text}" if draft is not None and draft.written.text else ""
            whole = Composer.Submitted(self.text + since, self.literal, self.room)
            lines = whole.text.split("\n")
            return Composer.Draft(whole, (len(lines) - 1, len(lines[-1])))

    def __init__(self, *, id: str | None = None, placeholder: str = "") -> None:
        super().__init__(
            id=id,
            placeholder=placeholder,
            show_line_numbers=False,
            soft_wrap=True,
            tab_behavior="focus",
            highlight_cursor_line=False,
            compact=True,
        )
        self._history: list[Composer.Submitted] = []
        self._place = 0
        """Where in the history one is; its length where one writes something new."""
        self._draft = self.Submitted("", literal=False)
        self._pasted = ""
        """The first line of a paste of several lines with which the text begins, or began."""
        self.room = ""
        """The conversation on the screen."""
        self.names: Sequence[str] = ()
        """Members whose names can be completed."""
        self.rooms: Sequence[str] = ()
        """Rooms whose names can be completed."""
        self.numbers: Sequence[Candidate] = ()
        """Of files that something can be done about."""
        self.suggestions: Suggestions | None = None
        """Where the ways to go on are listed."""

    @dataclass(frozen=True)
    class Draft:
        """What is being written in one conversation while another one is on the screen."""

        written: Composer.Submitted
        cursor: tuple[int, int]
        """Row and column."""

    @property
    def written(self) -> Submitted:
        """What stands here now. It is literal as long as it begins with what was pasted, not with what was typed."""
        return self.Submitted(self.text, literal=bool(self._pasted) and self.text.startswith(self._pasted))

    def give_back(self, refused: Submitted) -> str:
        """Put a refused text back, in front of what has been written since. Returns what stands here now."""
        if self._history and self._history[-1].text == refused.text:
            self._history.pop()
        self._place = len(self._history)
        self._write(refused.before(self.Draft(self.written, self.cursor_location)).written)
        return self.text

    def exchange(self, draft: Draft | None) -> Draft:
        """Put what is written aside, and go on with this. Returns what was put aside."""
        aside = self.Draft(self.written, self.cursor_location)
        self._place = len(self._history)
        self._write(draft.written if draft is not None else self.Submitted("", literal=False))
        if draft is not None:
            self.move_cursor(draft.cursor)
        self._offer(None)
        return aside

    def action_submit(self) -> None:
        written = self.Submitted(self.text.strip("\n"), self.written.literal, self.room)
        if not written.text.strip():
            return
        if commands.is_secretive(written.text) and not written.literal:
            pass  # somebody may have typed the password behind the command
        elif not self._history or self._history[-1].text != written.text:
            self._history = [*self._history[-_REMEMBERED + 1 :], written]
        self._place, self._draft = len(self._history), self.Submitted("", literal=False)
        self._write(self._draft)
        self.post_message(written)

    def action_newline(self) -> None:
        self._replace_via_keyboard("\n", *self.selection)

    def action_earlier(self) -> None:
        if self._led("up"):
            return
        if self.cursor_at_first_line and self._visual_row() == 0 and self._place > 0:
            if self._place == len(self._history):
                self._draft = self.written
            self._recall(self._place - 1)
        else:
            self.action_cursor_up()

    def action_later(self) -> None:
        if self._led("down"):
            return
        if self.cursor_at_last_line and self._place < len(self._history):
            self._recall(self._place + 1)
        else:
            self.action_cursor_down()

    def _visual_row(self) -> int:
        return self.wrapped_document.location_to_offset(self.cursor_location).y

    def _recall(self, place: int) -> None:
        self._place = place
        self._write(self._history[place] if place < len(self._history) else self._draft)

    def _write(self, entered: Submitted) -> None:
        self.load_text(entered.text)
        self.move_cursor(self.document.end)
        self._pasted = entered.text.partition("\n")[0] if entered.literal else ""

    @on(TextArea.Changed)
    def _forget_paste(self) -> None:
        if not self.text:
            self._pasted = ""
        if self._listing:
            self._offer(self._ways())

    # --- completion ---

    @property
    def _listing(self) -> bool:
        return self.suggestions is not None and bool(self.suggestions.display)

    def _before(self) -> str:
        return self.get_text_range((0, 0), self.cursor_location)

    def _ways(self) -> Completion | None:
        return complete(self._before(), self.names, self.numbers, self.rooms) if self.selection.is_empty else None

    def _offer(self, completion: Completion | None) -> None:
        if self.suggestions is not None:
            self.suggestions.offer(completion.candidates if completion is not None else ())

    def action_complete(self) -> None:
        """Go on as far as there is one way, and list the ways where there are several."""
        completion = self._ways()
        if completion is None:
            self._offer(None)
            if not self.text:
                self.screen.focus_next()
        elif len(completion.candidates) == 1:
            self._take(completion, completion.candidates[0])
        elif self._listing and self.suggestions is not None:
            self.suggestions.action_move(1)
        else:
            if len(completion.common) > len(self._before()) - completion.start:
                self._put(completion, completion.common)
            self._offer(completion)

    def take(self, candidate: Candidate) -> bool:
        """Write this way to go on, if it still is one; otherwise, or if it stands there already: False."""
        completion = self._ways()
        if completion is None or candidate not in completion.candidates:
            self._offer(None)
            return False
        there = self._before()[completion.start :] == candidate.text
        self._take(completion, candidate)
        return not there

    def _take(self, completion: Completion, candidate: Candidate) -> None:
        self._put(completion, candidate.text + (" " if candidate.ends else ""))
        self._offer(None)

    def _put(self, completion: Completion, text: str) -> None:
        row, column = self.cursor_location
        start = (row, column - (len(self._before()) - completion.start))
        self._replace_via_keyboard(text, start, (row, column))

    def _led(self, key: str) -> bool:
        """Whether the list took this key."""
        if not self._listing or self.suggestions is None:
            return False
        if key in ("up", "down"):
            self.suggestions.action_move(-1 if key == "up" else 1)
        elif key == "escape":
            self._offer(None)
        elif key == "enter":
            candidate = self.suggestions.candidate
            return candidate is not None and self.take(candidate)
        else:
            return False
        return True

    def on_blur(self) -> None:
        self._offer(None)

    async def _on_key(self, event: events.Key) -> None:
        # Not left to the bindings, which run when the keys after this one may already be in the text.
        if self._led(event.key):
            event.stop()
            event.prevent_default()
        elif event.key == "tab":
            event.stop()
            event.prevent_default()
            self.action_complete()
        elif event.key == "enter":
            event.stop()
            event.prevent_default()
            self.action_submit()
        elif event.key in _NEWLINE:
            event.stop()
            event.prevent_default()
            self.action_newline()
        else:
            await super()._on_key(event)

    async def _on_paste(self, event: events.Paste) -> None:
        event.prevent_default()
        event.stop()
        self.paste(event.text)

    def paste(self, pasted: str) -> None:
        """Insert a pasted text, unless it is the path of a file, and nothing else: then ask what is meant."""
        paths = dropped(pasted) if not self.text else []
        if paths:
            self.post_message(self.Dropped(paths, pasted))
        else:
            self.insert_pasted(pasted)

    def insert_pasted(self, pasted: str, *, literal: bool = False) -> None:
        """Insert a pasted text. One of several lines, or a `literal` one, at the very beginning makes the whole a text,
        never a command."""
        text = _CONTROL.sub(lambda found: visible(found.group()), pasted.replace("\r\n", "\n").replace("\r", "\n"))
        if "\n" not in text.rstrip("\n"):
            text = text.rstrip("\n")
        else:
            literal = True
        if literal and min(self.selection) == (0, 0):
            self._pasted = text.partition("\n")[0]
        self.insert(text)
