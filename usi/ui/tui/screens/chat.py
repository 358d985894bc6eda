"""The conversation: transcript, members, input and header."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from textual import events, on, work
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal, Vertical
from textual.message import Message
from textual.screen import Screen
from textual.widgets import Static

from usi.config import Settings
from usi.core import commands
from usi.core import events as ev
from usi.core.errors import LocalError, NotConnected
from usi.net.peer import Peer
from usi.ui.tui import entries
from usi.ui.tui.entries import Entry
from usi.ui.tui.model import Phase, Situation
from usi.ui.tui.widgets.composer import Composer
from usi.ui.tui.widgets.header import HeaderBar
from usi.ui.tui.widgets.keybar import KeyBar
from usi.ui.tui.widgets.lines import Lines
from usi.ui.tui.widgets.members import Card, Members
from usi.ui.tui.widgets.tracing import Tracing
from usi.ui.tui.widgets.transcript import Transcript

_KEYS = ("help", "verify", "members", "inspector", "send", "newline", "quit")
_IMPORTANT_KEYS = ("quit", "help", "members", "verify", "inspector", "newline", "send")


class Panels(Vertical):
    """Panels side by side or one above the other, as the style sheet says."""


class ChatScreen(Screen[None]):
    """Shows what the peer tells, and tells the peer what its person wants."""

    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (64, "-medium"), (160, "-vast")]
    VERTICAL_BREAKPOINTS = [(0, "-low"), (18, "-high")]
    AUTO_FOCUS = "Composer"
    BINDINGS = [
        Binding("pageup", "page(-1)", "Up", show=False, id="page-up", tooltip="Earlier messages", priority=True),
        Binding("pagedown", "page(1)", "Down", show=False, id="page-down", tooltip="Later messages", priority=True),
        Binding("escape", "write", "Write", show=False, id="write", tooltip="Back to the input"),
        Binding("f1", "help", "Help", key_display="F1", id="help", tooltip="The commands"),
        Binding("f2", "verify", "Verify", key_display="F2", id="verify", tooltip="What to compare"),
        Binding("f3", "fold('side')", "Members", key_display="F3", id="members", tooltip="Show or hide the members"),
        Binding(
            "f4",
            "fold('tracing')",
            "Inspector",
            key_display="F4",
            id="inspector",
            tooltip="Show or hide what the cryptography does",
        ),
    ]

    @dataclass
    class Refused(Message):
        """The peer could not do what was wanted."""

        entered: Composer.Submitted | None
        reason: str

    def __init__(self, settings: Settings, peer: Peer) -> None:
        super().__init__()
        self._settings = settings
        self._peer = peer
        self._situation = Situation(settings)
        self._own: dict[str, Entry] = {}
        """Own messages that the host has not answered, by id."""
        self._refused = ""
        self._wanted: asyncio.Queue[tuple[commands.Intent, Composer.Submitted | None]] = asyncio.Queue()

    def compose(self) -> ComposeResult:
        yield HeaderBar(id="header")
        with Horizontal(id="body"):
            with Panels(id="main"):
                yield Transcript(id="transcript")
                if self._settings.dev:
                    yield Tracing(id="tracing")
            with Vertical(id="side"):
                yield Members(id="members")
                yield Card(id="card")
        yield Static(id="hint", markup=False)
        with Horizontal(id="entry"):
            yield Static(">", id="prompt", markup=False)
            yield Composer(id="composer", placeholder="message, or / for commands")
        yield KeyBar(_KEYS, _IMPORTANT_KEYS, id="keys")

    def on_mount(self) -> None:
        doing = "Opening the port" if self._settings.hosting else f"Connecting to {self._situation.status.place}"
        self._tell(f"Making a fresh key for this conversation … {doing} …")
        self._update()
        self._carry_out()

    # --- what the peer tells ---

    def hear(self, happened: Sequence[ev.Event]) -> None:
        """Show what happened."""
        said: list[Entry] = []
        for event in happened:
            self._situation.apply(event)
            if isinstance(event, ev.TraceEvent):
                continue
            if isinstance(event, ev.Delivered | ev.Failed):
                self._settle(event)
            elif (entry := entries.entry_of(event)) is not None:
                said.append(entry)
                if isinstance(event, ev.Message) and event.mine:
                    self._own[event.id] = entry
        self.query_one(Transcript).append(said)
        if self._settings.dev:
            self.query_one(Tracing).note(event for event in happened if isinstance(event, ev.TraceEvent))
        if any(not isinstance(event, ev.Message | ev.Delivered | ev.TraceEvent) for event in happened):
            self._update()

    def enter(self, phase: Phase) -> None:
        """The connection has come to this phase."""
        self._situation.enter(phase)
        self._update()

    def _settle(self, event: ev.Delivered | ev.Failed) -> None:
        entry = self._own.pop(event.id, None)
        if entry is None:
            return
        if isinstance(event, ev.Failed):
            entries.fail(entry, event)
        else:
            entries.deliver(entry)
        self.query_one(Transcript).changed(entry)

    def _update(self) -> None:
        """Bring header and side panel up to date."""
        situation = self._situation
        status = situation.status
        self.query_one(HeaderBar).status = status
        self.query_one(Members).seat(situation.seated())
        if situation.link is not None:
            self.query_one(Card).show_link(situation.link)
        elif situation.listening is not None:
            self.query_one(Card).show_host(situation.listening)

    def _tell(self, said: str) -> None:
        self.query_one(Transcript).append([Entry("notice", datetime.now(UTC), [("quiet", said)])])

    # --- what the person wants ---

    @on(Composer.Submitted)
    def _submitted(self, message: Composer.Submitted) -> None:
        try:
            text = message.text
            self._want(commands.Say(commands.checked(text)) if message.literal else commands.parse(text), message)
        except LocalError as error:
            self._refuse(message, str(error))

    def action_help(self) -> None:
        self._ask(commands.Help())

    def action_verify(self) -> None:
        """Show what to compare: with the one that there is a link to, or with each."""
        self._ask(commands.Verify() if self._situation.status.guests == 1 else commands.Users())

    def _ask(self, intent: commands.Intent) -> None:
        try:
            self._want(intent)
        except LocalError as error:
            self._hint(str(error))

    def _want(self, intent: commands.Intent, entered: Composer.Submitted | None = None) -> None:
        """Do what is the screen's own business, and leave the rest to the peer. Raises `LocalError`."""
        match intent:
            case commands.Quit():
                self.run_worker(self.app.run_action("quit"), name="quit")
            case commands.Clear():
                self.query_one(Transcript).clear()
            case commands.Help(name):
                self._tell(commands.help_text(name))
            case _ if self._situation.status.phase != "open":
                raise NotConnected
            case _:
                self._wanted.put_nowait((intent, entered))

    @work(name="carry out")
    async def _carry_out(self) -> None:
        """Hand intents to the peer, one after the other; it waits while too much is under way."""
        while True:
            intent, entered = await self._wanted.get()
            try:
                await self._peer.do(intent)
            except LocalError as error:
                self.post_message(self.Refused(entered, str(error)))

    @on(Refused)
    def _refused_by_peer(self, message: Refused) -> None:
        if message.entered is not None:
            self._refuse(message.entered, message.reason)
        else:
            self._hint(message.reason)

    def _refuse(self, entered: Composer.Submitted, reason: str) -> None:
        """Give a text back to its author, with the reason."""
        self._refused = self.query_one(Composer).give_back(entered)
        self._hint(reason)

    @on(Composer.Changed)
    def _changed(self, message: Composer.Changed) -> None:
        """A refusal is shown until its text is changed."""
        if message.text_area.text != self._refused:
            self._hint("")

    def _hint(self, reason: str) -> None:
        hint = self.query_one("#hint", Static)
        hint.update(entries.shown(reason))
        hint.display = bool(reason)

    def action_page(self, direction: int) -> None:
        """Scroll what is focused, or else the transcript, by a page."""
        focused = self.focused
        lines = focused if isinstance(focused, Lines) else self.query_one(Transcript)
        lines.scroll_relative(y=direction * max(1, lines.size.height - 1), animate=False)

    def action_write(self) -> None:
        self.clear_selection()
        self.query_one(Composer).focus()

    def on_key(self, event: events.Key) -> None:
        """Who types means the input, wherever the focus is."""
        composer = self.query_one(Composer)
        if event.is_printable and event.character is not None and self.focused is not composer:
            composer.focus()
            composer.insert(event.character)

    def on_paste(self, event: events.Paste) -> None:
        composer = self.query_one(Composer)
        if self.focused is not composer:
            composer.focus()
            composer.paste(event.text)

    def action_fold(self, panel: str) -> None:
        self.toggle_class(f"-fold-{panel}")

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return self._settings.dev if (action, parameters) == ("fold", ("tracing",)) else True
