"""Choosing a file or folder to offer."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from rich.style import Style
from rich.text import Text, TextType
from textual import events, on, work
from textual.binding import Binding
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Button, DirectoryTree, Input, Static
from textual.widgets.directory_tree import DirEntry
from textual.widgets.tree import TreeNode
from textual.worker import get_current_worker

from usi.core.language import labelled, tr
from usi.ui.i18n import mark
from usi.ui.tui.completion import Candidate, Completion, paths
from usi.ui.tui.looking import Found, as_line, meant, measure
from usi.ui.tui.screens.dialog import Dialog, button
from usi.ui.tui.texts import inline
from usi.ui.tui.widgets.suggestions import Suggestions


class PathInput(Input):
    """A path, completed by Tab as in the input of the conversation."""

    def __init__(self, suggestions: Suggestions) -> None:
        super().__init__(placeholder=tr("path of a file or folder"), compact=True, select_on_focus=False)
        self._suggestions = suggestions

    def _ways(self) -> Completion | None:
        found = paths(self.value[: self.cursor_position])
        return Completion(0, tuple(found)) if found else None

    def complete(self) -> None:
        """Go on as far as there is one way, and list the ways where there are several."""
        completion = self._ways()
        if completion is None:
            self._suggestions.offer(())
        elif len(completion.candidates) == 1:
            self.take(completion.candidates[0])
        elif self._suggestions.display:
            self._suggestions.action_move(1)
        else:
            if len(completion.common) > self.cursor_position:
                self._put(completion.common)
            self._suggestions.offer(completion.candidates)

    def take(self, candidate: Candidate) -> None:
        self._put(candidate.text)
        self._suggestions.offer(())

    def _put(self, text: str) -> None:
        self.value = text + self.value[self.cursor_position :]
        self.cursor_position = len(text)

    def on_input_changed(self) -> None:
        if self._suggestions.display:
            completion = self._ways()
            self._suggestions.offer(completion.candidates if completion is not None else ())

    async def _on_key(self, event: events.Key) -> None:
        listing = bool(self._suggestions.display)
        candidate = self._suggestions.candidate
        if event.key == "tab" and (listing or self.value[: self.cursor_position]):
            self.complete()
        elif listing and event.key in ("up", "down"):
            self._suggestions.action_move(-1 if event.key == "up" else 1)
        elif listing and event.key == "escape":
            self._suggestions.offer(())
        elif listing and event.key == "enter" and candidate is not None and candidate.text != self.value:
            self.take(candidate)
        else:
            return  # Textual hands it on to the class above
        event.stop()
        event.prevent_default()


class Folder(DirectoryTree):
    """The files below a folder, their names made harmless. Backspace goes to the folder above."""

    ICON_NODE, ICON_NODE_EXPANDED, ICON_FILE = "▸ ", "▾ ", "  "
    BINDINGS = [
        Binding("backspace", "up", mark("Folder above"), show=False, id="folder-up",
                tooltip=mark("Go to the folder above")),
    ]  # fmt: skip

    def process_label(self, label: TextType) -> Text:
        return Text(inline(str(label)) or " ", no_wrap=True)

    def render_label(self, node: TreeNode[DirEntry], base_style: Style, style: Style) -> Text:
        folder = self.ICON_NODE_EXPANDED if node.is_expanded else self.ICON_NODE
        label = node.label if isinstance(node.label, Text) else self.process_label(node.label)
        return Text.assemble((folder if node.allow_expand else self.ICON_FILE, base_style), (label.plain, style))

    def filter_paths(self, paths: Iterable[Path]) -> Iterable[Path]:
        return (path for path in paths if not path.name.startswith("."))

    def action_up(self) -> None:
        self.path = Path(self.path).absolute().parent


class SendDialog(Dialog[str]):
    """Its result is what to give /send; None where the person sends nothing."""

    DEFAULT_CSS = """
    SendDialog > #frame { width: 84; }
    SendDialog #whom { color: $foreground-muted; margin: 0 0 1 0; }
    SendDialog PathInput { width: 1fr; background: $background; }
    SendDialog Suggestions { background: $background; margin: 0; }
    SendDialog Folder {
        height: 12; max-height: 33vh; margin: 0 0 1 0; padding: 0; background: $surface; scrollbar-size-vertical: 1;
        scrollbar-size-horizontal: 0; border-top: solid $foreground 15%;
    }
    SendDialog Folder:focus { border-top: solid $primary; }
    SendDialog #found { min-height: 1; }
    SendDialog.-low Folder, SendDialog.-narrow Folder { display: none; }
    SendDialog.-low #whom { margin: 0; }
    SendDialog #keys { color: $foreground-muted; margin: 1 0 0 0; }
    SendDialog.-low #keys, SendDialog.-narrow #keys { display: none; }
    """

    def __init__(self, whom: str, room: str) -> None:
        """`whom`: who will be offered it in `room`, as a sentence."""
        super().__init__()
        self.room = room
        self._whom = whom
        self._picked: str | None = None
        """The exact path of what was chosen in the tree, while the input shows it."""
        self._chose = False
        """A file was chosen in the tree: once its size is known, Enter sends it."""
        self._suggestions = Suggestions()
        self._input = PathInput(self._suggestions)

    def says(self) -> Iterable[Widget]:
        yield Static(Content(self._whom), id="whom")
        yield self._input
        yield self._suggestions
        yield Static(id="found", markup=False)
        yield Static(tr("Tab completes. Below, Enter chooses and Backspace goes up."), id="keys", markup=False)
        yield Folder(Path.cwd())

    def offers(self) -> Iterable[Button]:
        yield button(tr("Send"), "send", "primary")
        yield button(tr("Cancel"), "cancel")

    def on_mount(self) -> None:
        self.entitle(tr("Send a file or folder"))
        self._tell(None, "")
        self._input.focus()

    # --- what is chosen ---

    @property
    def path(self) -> str | None:
        """What is chosen and is there."""
        return self._picked or meant(self._input.value)

    @on(DirectoryTree.FileSelected)
    @on(DirectoryTree.DirectorySelected)
    def _selected(self, message: DirectoryTree.FileSelected | DirectoryTree.DirectorySelected) -> None:
        self._input.value = inline(str(message.path))
        self._input.cursor_position = len(self._input.value)
        self._picked = str(message.path)
        self._chose = isinstance(message, DirectoryTree.FileSelected)
        self._look()

    @on(Input.Changed)
    def _changed(self, message: Input.Changed) -> None:
        if self._picked is None or message.value != inline(self._picked):
            self._picked, self._chose = None, False
            self._look()

    @on(Suggestions.Picked)
    def _suggested(self, message: Suggestions.Picked) -> None:
        self._input.take(message.candidate)
        self._input.focus()

    def _look(self) -> None:
        path = self.path
        self.workers.cancel_group(self, "measure")
        if path is None:
            self._tell(None, tr("There is no such file or folder.") if self._input.value.strip() else "")
        else:
            self._tell(None, tr("looking …"))
            self._measure(path)

    @work(name="measure", group="measure", thread=True)
    def _measure(self, path: str) -> None:
        worker = get_current_worker()
        found = measure(path, lambda: worker.is_cancelled)
        if not worker.is_cancelled:
            self.app.call_from_thread(self._measured, path, found)

    def _measured(self, path: str, found: Found | None) -> None:
        if self.is_attached and path == self.path:
            name = inline(os.path.basename(path.rstrip("/\\")) or path)
            unfit = tr("This is neither a file nor a folder, or cannot be seen.")
            self._tell(found, labelled(name, str(found)) if found is not None else unfit)
            if self._chose and found is not None:
                self._chose = False
                self.query_one("#send").focus()

    def tell_whom(self, whom: str) -> None:
        """Somebody came or left: this is who will be offered it now."""
        self._whom = whom
        for said in self.query("#whom").results(Static):
            said.update(Content(whom))

    def _tell(self, found: Found | None, said: str) -> None:
        self.query_one("#found", Static).update(said)
        self.query_one("#send", Button).disabled = found is None

    # --- the end ---

    @on(Input.Submitted)
    def _submitted(self) -> None:
        if not self.query_one("#send", Button).disabled:
            self._send()

    @on(Button.Pressed)
    def _pressed(self, message: Button.Pressed) -> None:
        if message.button.id == "send":
            self._send()
        else:
            _ = self.dismiss(None)

    def _send(self) -> None:
        path = self.path
        if path is not None:
            _ = self.dismiss(as_line(path))
