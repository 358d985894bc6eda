"""The Textual application: it runs peers, hands what happens to the screen, and leaves in good order."""

from __future__ import annotations

import asyncio
import signal
import sys
import time
import webbrowser
from collections.abc import Callable
from dataclasses import replace

from textual import events, on, work
from textual.app import App
from textual.binding import Binding
from textual.driver import Driver
from textual.notifications import SeverityLevel
from textual.worker import Worker, WorkerFailed

from usi.config import Settings
from usi.core import commands
from usi.core import events as ev
from usi.core.errors import (
    ChangedKey,
    Distrusted,
    NotRestored,
    PasswordNeeded,
    TooManyTries,
    UsiError,
    WrongPassword,
)
from usi.core.language import tr
from usi.core.thread import title_of
from usi.net.peer import Peer
from usi.ui.i18n import mark
from usi.ui.notify import Attention, Notifier
from usi.ui.pipes import complain
from usi.ui.tui import palette
from usi.ui.tui.dialogs import Dialogs
from usi.ui.tui.screens.chat import ChatScreen
from usi.ui.tui.screens.connect import ConnectDialog, Offer
from usi.ui.tui.screens.help import HelpDialog, keys_of
from usi.ui.tui.screens.trust import ChangedKeyDialog, InvitationDialog
from usi.ui.tui.sweeping import Sweeper
from usi.ui.tui.texts import inline
from usi.ui.tui.transfers import Deal
from usi.ui.tui.widgets.composer import Composer
from usi.ui.tui.widgets.members import Members

_FRAME = 1 / 60  # seconds for which events are gathered, so that a burst is shown at once
_MOST = 500  # events in one go; the peer holds back what is more, and keys are heard in between
_RIPENING = 2.0  # seconds between two looks at notifications that had to wait
_QUIET = 3.0  # seconds without a key after which a stop of a fifth of a second bothers nobody
_SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP")


def run(settings: Settings) -> int:
    """Host or join on a screen; returns the exit status. Raises what should not have happened."""
    app = UsiApp(settings, on_terminal=True)
    app.run()
    return outcome(app)


def outcome(app: UsiApp) -> int:
    """The exit status of an application that has ended, once the terminal is as it was before. Says why it could not
    host or join; raises what should not have happened."""
    if app.mishap is not None:
        raise app.mishap
    if app.failure is not None:
        complain(str(app.failure))
        return app.failure.exit_status
    return app.return_code or 0 if app.return_value is None else app.return_value


def _driver() -> type[Driver] | None:
    """The driver for this platform; None leaves the choice to Textual."""
    if sys.platform == "win32":
        return None
    from usi.ui.tui.terminal import TerminalDriver  # noqa: PLC0415 (it exists on POSIX only)

    return TerminalDriver


class UsiApp(App[int]):
    """One conversation on a screen."""

    TITLE = "USI"
    CSS_PATH = "usi.tcss"
    CSS = "ToastRack { dock: top; align: right top; margin: 1 0 0 0; }"  # what one writes stays in sight
    COMMANDS = {palette.Offers}
    BINDINGS = [
        Binding("f1", "help", mark("Help"), key_display="F1", id="help", tooltip=mark("Keys, commands, verification")),
        Binding("f2", "verify", mark("Verify"), key_display="F2", id="verify", tooltip=mark("Compare fingerprints")),
        Binding("f5", "rejoin", mark("Rejoin"), key_display="F5", id="rejoin", tooltip=mark("Join the host again")),
        Binding(
            "ctrl+p",
            "command_palette",
            mark("Palette"),
            key_display="^P",
            id="palette",
            tooltip=mark("Search for commands, members and themes"),
        ),
        Binding(
            "ctrl+q",
            "quit",
            mark("Quit"),
            key_display="^Q",
            id="quit",
            tooltip=mark("Leave in good order"),
            priority=True,
        ),
    ]

    def __init__(
        self,
        settings: Settings,
        peer: Peer | None = None,
        *,
        make_peer: Callable[[], Peer] | None = None,
        on_terminal: bool = False,
    ) -> None:
        """`make_peer` makes the peer of each attempt (`peer` the first); `on_terminal`: take over the terminal and the
        signals of this process."""
        super().__init__(driver_class=_driver() if on_terminal else None)
        self._on_terminal = on_terminal
        self.failure: UsiError | None = None
        """Why the last attempt to host or join failed."""
        self.mishap: BaseException | None = None
        """What ended the program and should not have happened."""
        self._settings = settings
        self._make_peer = make_peer or (lambda: Peer(self._settings))
        self._peer = peer or self._make_peer()
        self.chat = ChatScreen(settings, self._peer)
        self.dialogs = Dialogs(self, self.chat, self.say, hosting=settings.hosting)
        self._waiting: list[ev.Event] = []
        self._room = asyncio.Event()
        self._starting: Worker[None] | None = None
        self._started = False
        self._has_been_in = False
        """There is a conversation to be read."""
        self._ended = False
        """The conversation is over, by the other side or by a cut wire; it may be joined again."""
        self._leaving = False
        self._connecting: ConnectDialog | None = None
        self._sweeper = Sweeper()
        self._typed = 0.0
        """When the person last did something, on the monotonic clock."""
        self._attention = Attention(time.monotonic())
        self._notifier: Notifier | None = None
        if settings.notifications:
            self._notifier = Notifier(with_content=settings.notify_content, on_problem=self._unheard)

    def on_load(self) -> None:
        if self._on_terminal:  # before the terminal is changed, so that every way out changes it back
            self._listen_to_signals()

    async def on_mount(self) -> None:
        await self.push_screen(self.chat)
        if not self._settings.hosting:
            self._show_connecting()
        if self._notifier is not None:
            self.set_interval(_RIPENING, self._ripen)
        self.call_after_refresh(self._begin)

    def on_unmount(self) -> None:
        self._sweeper.stop()

    # --- one peer after another ---

    def _begin(self) -> None:
        if not self._leaving:
            self._starting = self._run_peer(self._peer)

    @work(name="peer", group="peer", exclusive=True)
    async def _run_peer(self, peer: Peer) -> None:
        reading = self._read(peer)
        try:
            await peer.start()
        except UsiError as error:
            await asyncio.sleep(0)  # what was told until then has come
            reading.cancel()
            self._fail(error)
        else:
            self._started = self._has_been_in = True
            self._hide_connecting()
            self.refresh_bindings()

    @work(name="events", group="events", exclusive=True)
    async def _read(self, peer: Peer) -> None:
        async for event in peer.events():
            self._waiting.append(event)
            if len(self._waiting) == 1:
                self.set_timer(_FRAME, self._show)
            elif len(self._waiting) >= _MOST:
                self._room.clear()
                await self._room.wait()

    def _show(self) -> None:
        """Hand what has happened in the last frame to the screen."""
        happened, self._waiting = self._waiting, []
        self.chat.hear(happened)
        self._room.set()
        focused, now = self._attention.is_here(time.monotonic()), time.monotonic()
        for event in happened:
            if self._notifier is not None:
                self._notifier.consider(event, focused=focused, now=now)
            self._take_note(event)
        self._sweeper.passed(len(happened), quiet=now - self._typed > _QUIET)

    def _take_note(self, event: ev.Event) -> None:
        match event:
            case ev.Connecting() if self._connecting is not None:
                self._connecting.progress(event)
            case ev.Disconnected() if not self._leaving:
                self._end(event)
            case _:
                self.dialogs.hear(event)

    def _fail(self, error: UsiError) -> None:
        """Hosting or joining did not work."""
        self.failure = error
        asking = isinstance(error, PasswordNeeded | WrongPassword | TooManyTries)
        self._show_connecting().fail(str(error), asking=asking)
        if isinstance(error, ChangedKey):
            place = str(error.fields.get("place", ""))
            _ = self.push_screen(ChangedKeyDialog(place, error.key), lambda answer: self._decide(error, answer))

    def _decide(self, error: ChangedKey, answer: str | None) -> None:
        """Join the host that has another key, if the person accepts it."""
        if answer == "accept":
            self._settings = replace(self._settings, accepted=error.key)
            self.action_rejoin()

    @on(InvitationDialog.Copied)
    def _copy(self, message: InvitationDialog.Copied) -> None:
        self.copy_to_clipboard(message.text)
        self.say(tr("Copied. Not every terminal passes it on; the text can also be marked with the mouse."))

    def _end(self, event: ev.Disconnected) -> None:
        """The conversation is over without the person's doing; it stays to be read."""
        self.dialogs.close_verify(None, "")
        if self._started and not self._settings.hosting and event.code != Distrusted.code:
            self._ended = True
            _ = self.chat.mount(Offer(id="offer"), before="#entry")
            self.refresh_bindings()
            if event.code == NotRestored.code:
                peer = self._peer
                pause = self._settings.limits.rejoin_seconds
                self.set_timer(pause, lambda: self._offer_again(peer, event.text))

    def _offer_again(self, lost: Peer, why: str) -> None:
        """The connection could not be restored, which was told a while ago: offer to connect again."""
        if self._peer is lost and self._ended and not self._leaving and self.screen is self.chat:
            _ = self.chat.query(Offer).remove()
            self._show_connecting().fail(why)

    def action_rejoin(self) -> None:
        """Join again, on the same screen."""
        if not self._ended and self.failure is None:
            return
        self._ended, self._started, self.failure = False, False, None
        _ = self.chat.query(Offer).remove()
        self._waiting.clear()
        self._peer = self._make_peer()
        self.chat.restart(self._peer)
        if self._connecting is not None:
            self._connecting.begin()
        elif not self._settings.hosting:
            self._show_connecting()
        self._begin()
        self.refresh_bindings()

    def _show_connecting(self) -> ConnectDialog:
        if self._connecting is None:
            place = self.chat.situation.status.place
            self._connecting = ConnectDialog(place, hosting=self._settings.hosting, readable=self._has_been_in)
            _ = self.push_screen(self._connecting)
        return self._connecting

    def _hide_connecting(self) -> None:
        dialog, self._connecting = self._connecting, None
        if dialog is not None:
            _ = dialog.dismiss(None)

    @on(ConnectDialog.Chosen)
    async def _chosen(self, message: ConnectDialog.Chosen) -> None:
        match message.choice:
            case "cancel":
                if self._starting is not None:
                    self._starting.cancel()
                self.workers.cancel_group(self, "events")
                if self._connecting is not None:
                    self._connecting.fail(tr("You stopped it."))
            case "again":
                if message.password:
                    self._settings = replace(self._settings, password=message.password)
                self._ended = True
                self.action_rejoin()
            case "read":
                self._hide_connecting()
                self._ended = True
                _ = self.chat.mount(Offer(id="offer"), before="#entry")
                self.refresh_bindings()
            case "quit":
                await self.action_quit()

    # --- dialogs, help, palette ---

    def action_verify(self) -> None:
        self.dialogs.choose_to_verify()

    @on(Members.Opened)
    def _open_menu(self, message: Members.Opened) -> None:
        self.dialogs.open_menu(message.member)

    def action_help(self) -> None:
        focused = self.screen.focused
        text = next((node.HELP for node in focused.ancestors_with_self if node.HELP), "") if focused else ""
        _ = self.push_screen(HelpDialog(keys_of(self.screen), tr(text) if text else ""))

    def action_help_quit(self) -> None:
        """Behind Ctrl+C where there is nothing to copy: who wants to leave is told how."""
        self.say(tr("^Q leaves in good order."))

    def action_command_palette(self) -> None:
        if self.screen is self.chat:
            _ = self.push_screen(palette.palette())

    def conversations(self) -> list[str]:
        """Those that are not on the screen."""
        situation = self.chat.situation
        return [room for room in situation.unread if room != situation.status.room]

    def go_to(self, room: str) -> None:
        """Show another conversation."""
        self.chat.go_to(room)

    def choose_file(self) -> None:
        """Choose a file and offer it to the conversation on the screen."""
        if self.chat.situation.status.phase == "open":
            self.chat.action_file()

    def deals(self) -> list[Deal]:
        """The offers that something can be done about."""
        return self.chat.deals.open

    def deal_with(self, number: int, deed: str) -> None:
        """Do this about an offer."""
        self.chat.do(number, deed)

    def choose_theme(self) -> None:
        _ = self.push_screen(palette.themes())

    def perform(self, intent: commands.Intent) -> None:
        """Do what was chosen instead of typed."""
        self.chat.ask(intent)

    def prefill(self, text: str) -> None:
        """Begin a command in the input; what stood there comes back with Ctrl+Z."""
        composer = self.chat.query_one(Composer)
        composer.focus()
        composer.replace(text, (0, 0), composer.document.end)
        composer.move_cursor(composer.document.end)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "rejoin":
            return self._ended
        if action == "verify":
            return self._started and not self._ended
        return True

    def say(self, sentence: str, severity: SeverityLevel = "information") -> None:
        """Say something for a moment; names of others may be in it."""
        self.notify(sentence, severity=severity, markup=False)

    def open_url(self, url: str, *, new_tab: bool = True) -> None:
        """Show it in a browser of the desktop, without waiting for it; one for terminals would take over this one."""
        self._browse(url)

    @work(name="browser", thread=True, exit_on_error=False)
    def _browse(self, url: str) -> None:
        try:
            browser = webbrowser.get()
            opened = type(browser) is not webbrowser.GenericBrowser and browser.open(url)
        except webbrowser.Error:
            opened = False
        if not opened:
            self.call_from_thread(self.say, tr("There is no browser here to open {url}", url=inline(url)), "warning")

    # --- notifications ---

    async def on_event(self, event: events.Event) -> None:
        if isinstance(event, events.Key | events.MouseDown | events.Paste):
            self._typed = time.monotonic()
            self._attention.typed(self._typed)
        await super().on_event(event)

    def on_app_focus(self) -> None:
        self._attention.focus(True)

    def on_app_blur(self) -> None:
        self._attention.focus(False)

    def _ripen(self) -> None:
        if self._notifier is not None:
            now = time.monotonic()
            self._notifier.flush(focused=self._attention.is_here(now), now=now)

    def _unheard(self, sentence: str) -> None:
        self.say(sentence, "warning")

    @on(ChatScreen.Muted)
    def _mute(self, message: ChatScreen.Muted) -> None:
        room = inline(title_of(message.room))
        if self._notifier is None:
            self.say(tr("There are no notifications to turn off: start with -n to have them."), "warning")
            return
        muted = self._notifier.mute(message.room)
        self.chat.mute(message.room, muted)
        if muted:
            self.say(tr("No more notifications of {room}.", room=room))
        else:
            self.say(tr("Notifications of {room} again.", room=room))

    # --- leaving ---

    async def action_quit(self) -> None:
        """Leave in good order; asked a second time, at once."""
        if self._leaving or not self._started:
            if self._starting is not None:
                self._starting.cancel()
            self.exit(self.failure.exit_status if self.failure is not None else self._peer.exit_status)
            return
        self._leaving = True
        self.chat.enter("leaving")
        self._leave()

    @work(name="leave")
    async def _leave(self) -> None:
        await self._peer.close()
        self.exit(self._peer.exit_status)

    def _handle_exception(self, error: Exception) -> None:
        """On a terminal, end without the long report that Textual prints: whoever called `run` gets the exception."""
        if not self._on_terminal:
            super()._handle_exception(error)
            return
        self._return_code = 1
        self.mishap = self.mishap or (error.error if isinstance(error, WorkerFailed) else error)
        self._close_messages_no_wait()

    def _listen_to_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for name in _SIGNALS:
            number = getattr(signal, name, None)
            if number is None:
                continue
            try:
                loop.add_signal_handler(number, self._signalled)
            except NotImplementedError:  # Windows
                signal.signal(number, lambda *_: loop.call_soon_threadsafe(self._signalled))

    def _signalled(self) -> None:
        self.call_later(self.action_quit)
