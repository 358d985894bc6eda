"""The input and what belongs to it: ways to go on, why something was not done, and who can read what is said."""

from __future__ import annotations

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.widgets import Static

from usi.core.language import tr
from usi.ui.tui.texts import shown
from usi.ui.tui.widgets.composer import Composer
from usi.ui.tui.widgets.readers import Readers
from usi.ui.tui.widgets.suggestions import Suggestions


class Writing(Vertical):
    """What is written in the conversation on the screen, and what waits to be written on in the others."""

    DEFAULT_CSS = "Writing { height: auto; }"

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._drafts: dict[str, Composer.Draft] = {}
        """What is being written in conversations that are not on the screen."""
        self._refused = ""

    def compose(self) -> ComposeResult:
        yield Suggestions(id="suggestions")
        yield Static(id="hint", markup=False)
        yield Readers(id="readers")
        with Horizontal(id="entry"):
            yield Static(">", id="prompt", markup=False)
            yield Composer(id="composer", placeholder=tr("message, or / for commands"))

    def on_mount(self) -> None:
        self.query_one(Composer).suggestions = self.query_one(Suggestions)

    def turn(self, before: str, room: str) -> None:
        """Another conversation is on the screen. What is being written in the one before waits."""
        self._drafts[before] = self.query_one(Composer).exchange(self._drafts.pop(room, None))
        self.hint("")

    def keep(self, room: str, refused: Composer.Submitted) -> None:
        """Give a text back to its author, in a conversation that is not on the screen."""
        self._drafts[room] = refused.before(self._drafts.get(room))

    def give_back(self, refused: Composer.Submitted) -> None:
        """And in the one that is."""
        self._refused = self.query_one(Composer).give_back(refused)

    def hint(self, reason: str) -> None:
        """Say above the input why something was not done; nothing, where that is empty."""
        hint = self.query_one("#hint", Static)
        hint.update(shown(reason))
        hint.display = bool(reason)

    @on(Composer.Changed)
    def _changed(self, message: Composer.Changed) -> None:
        """A refusal is shown until its text is changed."""
        if message.text_area.text != self._refused:
            self.hint("")

    @on(Suggestions.Picked)
    def _picked(self, message: Suggestions.Picked) -> None:
        self.query_one(Composer).focus().take(message.candidate)
