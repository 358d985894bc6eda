"""The rooms that one may enter, what a search has found, and what a moderator does to a member, as dialogs."""

from __future__ import annotations

from collections.abc import Iterable

from textual import on
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Button, Input, OptionList, Static
from textual.widgets.option_list import Option

from usi.core import events as ev
from usi.core.language import tr
from usi.ui import community
from usi.ui.tui.screens.dialog import Dialog, button, close_button
from usi.ui.tui.texts import inline


class RoomsDialog(Dialog[str]):
    """The rooms that this person may enter. Its result is the one to go to."""

    DEFAULT_CSS = """
    RoomsDialog OptionList { height: auto; border: none; background: $surface; padding: 0; }
    """

    def __init__(self, event: ev.Rooms) -> None:
        super().__init__()
        self._rooms = event.rooms

    def says(self) -> Iterable[Widget]:
        options = []
        for row in self._rooms:
            head = f"{'▸' if row.entered else ' '} #{inline(row.room)}"
            marks = [tr("{count} here", count=row.members)] + ([tr("private")] if row.restricted else [])
            about = f"  {', '.join(marks)}" + (f"  {inline(row.topic)}" if row.topic else "")
            options.append(Option(Content.assemble((head, "bold"), (about, "$foreground-muted"))))
        yield OptionList(*options, markup=False, compact=True)

    def offers(self) -> Iterable[Button]:
        yield close_button()

    def on_mount(self) -> None:
        self.entitle(tr("Rooms"), tr("Enter goes there; ▸ you are in it"))
        self.query_one(OptionList).focus()

    @on(OptionList.OptionSelected)
    def _chosen(self, message: OptionList.OptionSelected) -> None:
        _ = self.dismiss(self._rooms[message.option_index].room)

    @on(Button.Pressed)
    def _pressed(self) -> None:
        _ = self.dismiss(None)


class FoundDialog(Dialog[str]):
    """What a search has found; another one can be begun from here. Its result is what to look for next."""

    DEFAULT_CSS = """
    FoundDialog > #frame { width: 90; }
    FoundDialog Input { margin: 1 0 0 0; }
    """

    def __init__(self, event: ev.Found | None, room: str) -> None:
        super().__init__()
        self._found = event
        self._room = room

    def says(self) -> Iterable[Widget]:
        if self._found is not None:
            lines = community.found(self._found)
            yield Static("\n".join(inline(line) for line in lines), markup=False)
            if self._found.more:
                yield Static(tr("There may be older ones."), markup=False)
        yield Input(placeholder=tr("look for …"), id="needle")

    def offers(self) -> Iterable[Button]:
        yield button(tr("Search"), "search", "primary")
        yield close_button()

    def on_mount(self) -> None:
        self.entitle(tr("Search in {room}", room=f"#{self._room}"))
        self.query_one(Input).focus()

    @on(Input.Submitted)
    def _submitted(self, message: Input.Submitted) -> None:
        _ = self.dismiss(message.value.strip() or None)

    @on(Button.Pressed)
    def _pressed(self, message: Button.Pressed) -> None:
        wanted = self.query_one(Input).value.strip() if message.button.id == "search" else ""
        _ = self.dismiss(wanted or None)


class ReasonDialog(Dialog[str]):
    """A reason for removing a member, which may be empty. Its result is None where the person thought better of it."""

    def __init__(self, title: str, advice: str) -> None:
        super().__init__()
        self._title = title
        self._advice = advice

    def says(self) -> Iterable[Widget]:
        yield Static(self._advice, markup=False)
        yield Input(placeholder=tr("reason, shown to all who see the member"), max_length=200)

    def offers(self) -> Iterable[Button]:
        yield button(tr("Do it"), "do", "error")
        yield button(tr("Cancel"), "cancel")

    def on_mount(self) -> None:
        self.entitle(self._title)
        self.query_one(Input).focus()

    @on(Input.Submitted)
    def _submitted(self, message: Input.Submitted) -> None:
        _ = self.dismiss(message.value.strip())

    @on(Button.Pressed)
    def _pressed(self, message: Button.Pressed) -> None:
        _ = self.dismiss(self.query_one(Input).value.strip() if message.button.id == "do" else None)
