"""While one joins: what is tried and for how long; why it failed, and what can be done; and the offer to join again."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Literal

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.content import Content
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Button, Input, Static

from usi.core import events as ev
from usi.core.language import tr
from usi.ui.tui.screens.dialog import Dialog, button
from usi.ui.tui.texts import inline, shown

Choice = Literal["cancel", "again", "read", "quit"]
_TICK = 0.5


class ConnectDialog(Dialog[None]):
    """Posts `Chosen`; the app carries it out and takes the dialog away."""

    DEFAULT_CSS = """
    ConnectDialog #doing { text-style: bold; }
    ConnectDialog #since, ConnectDialog #why { color: $foreground-muted; }
    ConnectDialog.-failed #doing { color: $text-error; }
    ConnectDialog.-failed > #frame { border: round $error; border-title-color: $text-error; }
    ConnectDialog .hidden { display: none; }
    ConnectDialog Input { margin: 1 0 0 0; }
    ConnectDialog.-low Input { margin: 0; }
    """

    class Chosen(Message):
        """What the person wants done about the connection."""

        def __init__(self, choice: Choice, password: str = "") -> None:
            """`password`: another one to try again with, where it was asked for."""
            super().__init__()
            self.choice = choice
            self.password = password

    def __init__(
        self, place: str, *, hosting: bool, readable: bool = False, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`readable`: there is a conversation behind it that can be gone back to."""
        super().__init__()
        self._place = inline(place)
        self._hosting = hosting
        self._readable = readable
        self._clock = clock
        self._began = clock()
        self._step: ev.Connecting | None = None
        self._failure: str | None = None
        self._asking = False
        """For a password, to try again with."""
        self._ready = False

    def says(self) -> Iterable[Widget]:
        yield Static(id="doing", markup=False)
        yield Static(id="why", markup=False)
        yield Static(id="since", markup=False)
        yield Input(password=True, id="password", compact=True, placeholder=tr("password"), classes="hidden")

    def offers(self) -> Iterable[Button]:
        yield button(tr("Cancel"), "cancel")
        yield button(tr("Try again"), "again", "primary")
        if self._readable:
            yield button(tr("Back to reading"), "read")
        yield button(tr("Quit"), "quit")

    def on_mount(self) -> None:
        if not self.query("#doing"):
            return  # one was in before it was shown
        self._ready = True
        self._show()
        self.set_interval(_TICK, self._count)

    @property
    def failed(self) -> bool:
        return self._failure is not None

    def progress(self, step: ev.Connecting) -> None:
        """This is being tried now."""
        self._step = step
        self._show()

    def begin(self) -> None:
        """Another attempt begins."""
        self._began, self._step, self._failure, self._asking = self._clock(), None, None, False
        self._show()

    def fail(self, sentence: str, *, asking: bool = False) -> None:
        """It did not work, for this reason. `asking`: it needs another password, which the person may type here."""
        self._failure, self._asking = sentence, asking
        self._show()

    def _show(self) -> None:
        if not self._ready:
            return
        self.set_class(self.failed, "-failed")
        for name, wanted in {"cancel": not self.failed, "again": self.failed, "read": self.failed}.items():
            for found in self.query(f"#{name}").results(Button):
                found.set_class(not wanted, "hidden")
        if self._failure is not None:
            title = tr("Hosting failed") if self._hosting else tr("No connection")
            self._write("doing", f"✗ {shown(self._failure)}")
            self._write("why", "")
            self._write("since", "")
        else:
            title = tr("Joining {place}", place=self._place)
            doing, why = self._doing()
            self._write("doing", doing)
            self._write("why", why)
            self._count()
        self.entitle(title, self._escape())
        field = self.query_one(Input)
        field.set_class(not self._asking, "hidden")
        field.value = ""
        self.query_one("#password" if self._asking else "#again" if self.failed else "#cancel").focus()
        self.call_after_refresh(self._fit)

    def _escape(self) -> str:
        if not self.failed:
            return tr("Esc: cancel")
        return tr("Esc: back to reading") if self._readable else tr("Esc: quit")

    def _doing(self) -> tuple[str, str]:
        """What is tried, and what for."""
        match self._step.step if self._step is not None else "key":
            case "key":
                return tr("Making a fresh key …"), tr("It is made for this conversation and kept nowhere.")
            case "dial":
                return tr("Calling {place} …", place=self._place), tr("Waiting for the host to answer.")
            case "exchange":
                return tr("Agreeing on keys …"), tr("The host answers; once this is done, nobody can read along.")
            case "busy":
                said = tr("The host is busy; it is tried again …")
                return said, tr("Attempt {number}.", number=self._step.attempt if self._step is not None else 1)
            case _:
                return tr("Waiting to be let in …"), tr("The keys are agreed on.")

    def _count(self) -> None:
        if not self.failed and self._ready:
            self._write("since", tr("for {seconds:.0f} s", seconds=self._clock() - self._began))

    def _write(self, id: str, said: str) -> None:
        widget = self.query_one(f"#{id}", Static)
        widget.display = bool(said)
        widget.update(Content(said))

    def action_away(self) -> None:
        self._choose("cancel" if not self.failed else "read" if self._readable else "quit")

    @on(Button.Pressed)
    def _pressed(self, message: Button.Pressed) -> None:
        choices: dict[str | None, Choice] = {"cancel": "cancel", "again": "again", "read": "read", "quit": "quit"}
        if message.button.id in choices:
            self._choose(choices[message.button.id])

    @on(Input.Submitted)
    def _entered(self) -> None:
        self._choose("again")

    def _choose(self, choice: Choice) -> None:
        field = self.query_one(Input)
        if choice == "again" and self._asking and not field.value:
            field.focus()  # the same one again would only be wrong again
            return
        self.post_message(self.Chosen(choice, field.value if choice == "again" else ""))


class Offer(Horizontal):
    """A line above the input of a conversation that has ended: join again."""

    DEFAULT_CSS = """
    Offer { height: 1; padding: 0 1; background: $error 20%; }
    Offer Static { width: 1fr; height: 1; color: $text-error; text-style: bold; }
    Offer Button { padding: 0 1; }
    """

    def compose(self) -> ComposeResult:
        yield Static(f"✗ {tr('disconnected')}", markup=False)
        yield Button(Content(tr("Join again (F5)")), action="app.rejoin", variant="primary", compact=True)
