"""Standard input, output and error without a screen: lines in, lines out.

Input and output each have a thread of their own, so that a reader who stops reading, or a terminal that waits for a
line, never holds up the event loop. Both use the raw streams: a thread that is still blocked when the program ends then
holds no lock of a buffer.
"""

from __future__ import annotations

import asyncio
import queue
import sys
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager, suppress
from io import RawIOBase
from typing import TextIO, cast

from usi.core import text
from usi.core.wire import MAX_TEXT

_LINES_AHEAD = 256  # typed or printed lines between a thread and the program
_LONGEST_LINE = 2 * MAX_TEXT  # bytes; more are not kept, for the line is refused anyway
_CHUNK = 65_536
_PATIENCE = 2.0  # seconds at the end for an output that nobody reads


class Writer:
    """Writes lines from a thread; `write` waits where the reader of the output does not keep up."""

    def __init__(self, stream: RawIOBase) -> None:
        self._stream = stream
        self._loop = asyncio.get_running_loop()
        self._lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._room = asyncio.Semaphore(_LINES_AHEAD)
        self._broken = False
        self._done = asyncio.Event()
        threading.Thread(target=self._run, name="usi-out", daemon=True).start()

    async def write(self, line: str) -> bool:
        """False once nobody reads any more."""
        await self._room.acquire()
        self._lines.put(line)
        return not self._broken

    async def close(self) -> None:
        """Wait a moment for what is still to be written."""
        self._lines.put(None)
        with suppress(TimeoutError):
            async with asyncio.timeout(_PATIENCE):
                await self._done.wait()

    def _run(self) -> None:
        while (line := self._lines.get()) is not None:
            data = memoryview((line + "\n").encode("utf-8", "backslashreplace"))
            try:
                while data and not self._broken:
                    data = data[self._stream.write(data) or 0 :]
            except (OSError, ValueError):
                self._broken = True
            with suppress(RuntimeError):  # the event loop is closed
                self._loop.call_soon_threadsafe(self._room.release)
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._done.set)


class Reader:
    """Reads lines on a thread, which the end of the program leaves behind where it still waits for one."""

    def __init__(self, stream: RawIOBase) -> None:
        self._stream = stream
        self._loop = asyncio.get_running_loop()
        self._lines: asyncio.Queue[str | None] = asyncio.Queue(_LINES_AHEAD)
        self._over = False
        threading.Thread(target=self._run, name="usi-in", daemon=True).start()

    async def line(self) -> str | None:
        """The next line without its end, or None at the end of the input, also when asked again."""
        if not self._over:
            line = await self._lines.get()
            self._over = line is None
            return line
        return None

    def _run(self) -> None:
        with suppress(RuntimeError, OSError, ValueError, CancelledError):
            for line in split_lines(iter(lambda: self._stream.read(_CHUNK), b"")):
                self._put(line)
            self._put(None)

    def _put(self, line: str | None) -> None:
        asyncio.run_coroutine_threadsafe(self._lines.put(line), self._loop).result()


def split_lines(chunks: Iterable[bytes | None]) -> Iterator[str]:
    """Lines of UTF-8 input without their ends. What is not UTF-8 becomes U+FFFD; of a line longer than any message can
    be only so much is kept that it is still refused as too long."""
    line, skipping = b"", False
    for chunk in chunks:
        *whole, rest = (chunk or b"").split(b"\n")
        for part in whole:
            if not skipping:
                yield (line + part).removesuffix(b"\r").decode("utf-8", "replace")
            line, skipping = b"", False
        if not skipping:
            line += rest
            if len(line) > _LONGEST_LINE:
                yield line.decode("utf-8", "replace")
                line, skipping = b"", True
    if line and not skipping:
        yield line.decode("utf-8", "replace")


@contextmanager
def unseen(stream: TextIO) -> Iterator[None]:
    """Let a terminal not show what is typed, for the time of this block; elsewhere it changes nothing."""
    try:
        import termios
    except ImportError:  # Windows shows it: its console has no such switch for lines
        yield
        return
    try:
        number = stream.fileno()
        before = termios.tcgetattr(number)
    except (OSError, ValueError, termios.error):
        yield
        return
    quiet = [*before[:3], before[3] & ~termios.ECHO, *before[4:]]
    termios.tcsetattr(number, termios.TCSADRAIN, quiet)
    try:
        yield
    finally:
        termios.tcsetattr(number, termios.TCSADRAIN, before)


def complain(sentence: str) -> None:
    """One sentence on standard error."""
    print(f"usi: {text.visible_line(sentence)}", file=sys.stderr, flush=True)


def raw(stream: TextIO) -> RawIOBase:
    """The stream beneath the buffers; on Windows it speaks UTF-8 with the console."""
    return cast(RawIOBase, getattr(stream.buffer, "raw", stream.buffer))  # with python -u there are no buffers
