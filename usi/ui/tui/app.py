"""The Textual application: it runs the peer, hands what happens to the screen, and leaves in good order."""

from __future__ import annotations

import asyncio
import signal
import sys

from textual import work
from textual.app import App
from textual.binding import Binding
from textual.driver import Driver
from textual.worker import Worker

from usi.config import Settings
from usi.core import events as ev
from usi.core.errors import UsiError
from usi.net.peer import Peer
from usi.ui.plain import say_error
from usi.ui.tui.screens.chat import ChatScreen

_FRAME = 1 / 60  # seconds for which events are gathered, so that a burst is shown at once
_MOST = 500  # events in one go; the peer holds back what is more, and keys are heard in between
_SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP")


def run(settings: Settings) -> int:
    """Host or join on a screen; returns the exit status."""
    app = UsiApp(settings, on_terminal=True)
    status = app.run()
    if app.failure is not None:
        say_error(app.failure)
        return app.failure.exit_status
    return app.return_code or 0 if status is None else status


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
    BINDINGS = [
        Binding("ctrl+q", "quit", "Quit", key_display="^Q", id="quit", tooltip="Leave in good order", priority=True)
    ]

    def __init__(self, settings: Settings, peer: Peer | None = None, *, on_terminal: bool = False) -> None:
        """`on_terminal`: take over the terminal and the signals of this process."""
        super().__init__(driver_class=_driver() if on_terminal else None)
        self._on_terminal = on_terminal
        self.failure: UsiError | None = None
        """Why hosting or joining failed."""
        self._peer = peer or Peer(settings)
        self._chat = ChatScreen(settings, self._peer)
        self._waiting: list[ev.Event] = []
        self._room = asyncio.Event()
        self._starting: Worker[None] | None = None
        self._started = False
        self._leaving = False

    def on_load(self) -> None:
        if self._on_terminal:  # before the terminal is changed, so that every way out changes it back
            self._listen_to_signals()

    async def on_mount(self) -> None:
        await self.push_screen(self._chat)
        self.call_after_refresh(self._begin)

    def _begin(self) -> None:
        if not self._leaving:
            self._starting = self._run_peer()

    @work(name="peer")
    async def _run_peer(self) -> None:
        try:
            await self._peer.start()
        except UsiError as error:
            self.failure = error
            self.exit(error.exit_status)
            return
        self._started = True
        async for event in self._peer.events():
            self._waiting.append(event)
            if len(self._waiting) == 1:
                self.set_timer(_FRAME, self._show)
            elif len(self._waiting) >= _MOST:
                self._room.clear()
                await self._room.wait()

    def _show(self) -> None:
        """Hand what has happened in the last frame to the screen."""
        events, self._waiting = self._waiting, []
        self._chat.hear(events)
        self._room.set()

    # --- leaving ---

    async def action_quit(self) -> None:
        """Leave in good order; asked a second time, at once."""
        if self._leaving or not self._started:
            if self._starting is not None:
                self._starting.cancel()
            self.exit(self._peer.exit_status)
            return
        self._leaving = True
        self._chat.enter("leaving")
        self._leave()

    @work(name="leave")
    async def _leave(self) -> None:
        await self._peer.close()
        self.exit(self._peer.exit_status)

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
