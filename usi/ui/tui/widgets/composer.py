"""Where one writes. Enter sends; a text that was refused stays."""

from __future__ import annotations

import re
from dataclasses import dataclass

from textual import events, on
from textual.binding import Binding
from textual.message import Message
from textual.widgets import TextArea

from usi.core.text import visible

_NEWLINE = ("ctrl+j", "shift+enter", "alt+enter")
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")  # in a paste: a terminal would obey them
_REMEMBERED = 200  # lines of the history


class Composer(TextArea):
    """The input: several lines, a history, and paste of many lines as one text."""

    BINDINGS = [
        Binding("enter", "submit", "Send", key_display="Enter", id="send", tooltip="Send what is written"),
        Binding(
            ",".join(_NEWLINE),
            "newline",
            "New line",
            key_display="^J",
            id="newline",
            tooltip="Begin a new line; Shift+Enter and Alt+Enter too, where the terminal tells them apart",
        ),
        Binding("up", "earlier", "Earlier text", show=False, id="earlier", tooltip="What was sent before"),
        Binding("down", "later", "Later text", show=False, id="later", tooltip="Back towards what is being written"),
    ]
    HELP = """\
## Writing

Enter sends. Ctrl+J begins a new line; Shift+Enter and Alt+Enter do too where the terminal tells them apart. Up and Down
at the edges bring back what was sent before. `/` or `!` begins a command; `//` says a text that begins with `/`. A
paste of several lines is one text and never a command.
"""

    @dataclass
    class Submitted(Message):
        """Somebody wants this said or done."""

        text: str
        literal: bool
        """It was pasted: not a command, whatever it begins with."""

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

    @property
    def written(self) -> Submitted:
        """What stands here now. It is literal as long as it begins with what was pasted, not with what was typed."""
        return self.Submitted(self.text, literal=bool(self._pasted) and self.text.startswith(self._pasted))

    def give_back(self, refused: Submitted) -> str:
        """Put a refused text back, in front of what has been written since. Returns what stands here now."""
        if self._history and self._history[-1].text == refused.text:
            self._history.pop()
        self._place = len(self._history)
        since = f"\n{self.text}" if self.text else ""
        self._write(self.Submitted(refused.text + since, refused.literal))
        return self.text

    def action_submit(self) -> None:
        written = self.written
        if not written.text.strip():
            return
        if not self._history or self._history[-1].text != written.text:
            self._history = [*self._history[-_REMEMBERED + 1 :], written]
        self._place, self._draft = len(self._history), self.Submitted("", literal=False)
        self._write(self._draft)
        self.post_message(written)

    def action_newline(self) -> None:
        self._replace_via_keyboard("\n", *self.selection)

    def action_earlier(self) -> None:
        if self.cursor_at_first_line and self._visual_row() == 0 and self._place > 0:
            if self._place == len(self._history):
                self._draft = self.written
            self._recall(self._place - 1)
        else:
            self.action_cursor_up()

    def action_later(self) -> None:
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

    async def _on_key(self, event: events.Key) -> None:
        # Not left to the bindings, which run when the keys after this one may already be in the text.
        if event.key == "enter":
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
        """Insert a pasted text. One of several lines at the very beginning makes the whole a text, never a command."""
        text = _CONTROL.sub(lambda found: visible(found.group()), pasted.replace("\r\n", "\n").replace("\r", "\n"))
        if "\n" not in text.rstrip("\n"):
            text = text.rstrip("\n")
        elif min(self.selection) == (0, 0):
            self._pasted = text.partition("\n")[0]
        self.insert(text)
