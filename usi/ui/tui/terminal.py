"""A terminal that does not keep up must not hold up the program: this driver drops what cannot be shown in time.

Textual's own driver waits where a terminal takes nothing (a stalled ssh connection), and for ever where the terminal is
gone. The conversation runs on the same loop, and on a host it is everybody's.
"""

from __future__ import annotations

import asyncio
import os
import select
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import cast

from textual._ansi_sequences import ANSI_SEQUENCES_KEYS
from textual._xterm_parser import XTermParser
from textual.drivers import linux_driver
from textual.drivers.linux_driver import LinuxDriver
from textual.keys import Keys
from textual.message import Message

_AHEAD = 512 * 1024  # bytes that may wait for the terminal: several full screens
_PATIENCE = 0.5  # seconds for the last words to a terminal that takes nothing

# Alt+Enter, as terminals without the Kitty protocol send it. Textual does not know it: where a letter follows quickly,
# it sees a bare Enter, which would send a message that is half written.
cast(dict[str, tuple[Keys, ...]], ANSI_SEQUENCES_KEYS)["\x1b\r"] = (Keys.ControlJ,)


_ESCAPE, _PASTE, _PASTED = "\x1b", "\x1b[200~", "\x1b[201~"


class CarefulParser(XTermParser):
    """Textual's parser takes what follows an escape character inside a paste for keys: a text from elsewhere could send
    messages and give commands. Not all terminals take such characters out, tmux for one; here they are made visible."""

    _inside = False
    _before = ""
    """The last characters outside a paste, or those inside one that may begin its end."""

    def feed(self, data: str) -> Iterable[Message]:
        made = self._careful(data)
        return super().feed(made) if made or not data else ()  # an empty string would mean the end

    def _careful(self, data: str) -> str:
        done = ""
        while data:
            text = self._before + data
            at = text.find(_PASTED if self._inside else _PASTE)
            if at < 0:
                size = next((n for n in range(5, 0, -1) if self._inside and text.endswith(_PASTED[:n])), 0)
                done += _shown(text[: len(text) - size]) if self._inside else data
                self._before = text[len(text) - size :] if self._inside else text[-5:]
                break
            end = at + len(_PASTE)
            done += _shown(text[:at]) + _PASTED if self._inside else text[len(self._before) : end]
            data, self._before, self._inside = text[end:], "", not self._inside
        return done


def _shown(pasted: str) -> str:
    return pasted.replace(_ESCAPE, "^[")


linux_driver.XTermParser = CarefulParser  # type: ignore[attr-defined]


class Writer:
    """Writes to a descriptor from a thread of its own. `write` never waits.

    Where too much waits, all is dropped until what was accepted is written; then `caught_up` is called, from the
    thread, so that the screen can be drawn anew.
    """

    def __init__(self, descriptor: int, caught_up: Callable[[], None]) -> None:
        self._descriptor = descriptor
        self._caught_up = caught_up
        self._waiting: deque[bytes] = deque()
        self._size = 0
        self._behind = False
        self._closing = False
        self._changed = threading.Condition()
        # A daemon: where the terminal takes nothing, the end of the program leaves the thread behind.
        self._thread = threading.Thread(target=self._run, name="usi-screen", daemon=True)
        self._thread.start()

    def write(self, data: str) -> None:
        raw = data.encode("utf-8", "replace")
        with self._changed:
            if self._size + len(raw) > _AHEAD:
                self._behind = True
            if not self._behind:
                self._waiting.append(raw)
                self._size += len(raw)
                self._changed.notify()

    def drop(self) -> None:
        """Forget what waits; what is written from now on waits again."""
        with self._changed:
            self._waiting.clear()
            self._size = 0
            self._behind = False

    def close(self) -> None:
        """Write what waits, for a moment."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join(_PATIENCE)

    def _run(self) -> None:
        while (data := self._next()) is not None:
            rest = memoryview(data)
            while rest:
                try:
                    rest = rest[os.write(self._descriptor, rest) :]
                except BlockingIOError:  # somebody else, who shares this terminal, has made it so
                    select.select((), (self._descriptor,), ())
                except OSError:
                    return  # the terminal is gone; what is written from now on is dropped as soon as enough waits

    def _next(self) -> bytes | None:
        """What waits, as soon as something does; None at the end."""
        with self._changed:
            while not self._waiting:
                if self._behind:
                    self._behind = False
                    self._caught_up()
                if self._closing:
                    return None
                self._changed.wait()
            data = b"".join(self._waiting)
            self._waiting.clear()
            self._size = 0
            return data


class TerminalDriver(LinuxDriver):
    """Textual's driver for POSIX terminals, with a writer that never makes the program wait."""

    _writer: Writer | None = None

    def start_application_mode(self) -> None:
        loop = asyncio.get_running_loop()
        # The command line made sure that standard output is a terminal; standard error may be a file.
        descriptor = sys.__stdout__.fileno() if sys.__stdout__ is not None else 1

        def caught_up() -> None:
            with suppress(RuntimeError):  # the loop is closed
                loop.call_soon_threadsafe(self._draw_all)

        self._writer = Writer(descriptor, caught_up)
        super().start_application_mode()  # type: ignore[no-untyped-call]

    def write(self, data: str) -> None:
        if self._writer is not None:
            self._writer.write(data)

    def stop_application_mode(self) -> None:
        if self._writer is not None:
            self._writer.drop()
        super().stop_application_mode()

    def close(self) -> None:
        super().close()
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def _draw_all(self) -> None:
        self._app.refresh(layout=True)
