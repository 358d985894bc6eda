"""`--plain` and `--json`: lines in, lines out, for pipes, screen readers, bots and services.

Standard input and output each have a thread of their own, so that a reader who stops reading, or a terminal that waits
for a line, never holds up the connection. What goes out is flushed line by line.
"""

from __future__ import annotations

import asyncio
import json
import queue
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import CancelledError
from contextlib import suppress
from datetime import UTC, datetime
from io import RawIOBase
from typing import TextIO, cast

import msgspec

from usi.config import Settings
from usi.core import events as ev
from usi.core import text
from usi.core.crypto import grouped
from usi.core.errors import UsiError
from usi.core.trace import Trace, one_line
from usi.core.wire import MAX_TEXT
from usi.net.peer import Peer

_LINES_AHEAD = 256  # typed or printed lines between a thread and the program
_LONGEST_LINE = 2 * MAX_TEXT  # bytes; more are not kept, for the line is refused anyway
_CHUNK = 65_536
_PATIENCE = 2.0  # seconds at the end for an output that nobody reads


def run(settings: Settings, *, as_json: bool, stay: bool) -> int:
    """Host or join on standard input and output; returns the exit status."""
    return asyncio.run(_Plain(settings, as_json=as_json, stay=stay).run())


class _Plain:
    def __init__(self, settings: Settings, *, as_json: bool, stay: bool) -> None:
        self._settings = settings
        self._stay = stay
        self._render: Callable[[ev.Event], str | None] = to_json if as_json else to_plain
        self._as_json = as_json
        self._stop = asyncio.Event()

    async def run(self) -> int:
        loop = asyncio.get_running_loop()
        writer = _Writer(_raw(sys.stdout))
        stopping = loop.create_task(self._stop.wait())
        for name in ("SIGINT", "SIGTERM"):
            _on_signal(loop, name, self._stop.set)
        peer = Peer(self._settings)
        starting = loop.create_task(peer.start())
        try:
            await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if not starting.done():
                starting.cancel()
                with suppress(asyncio.CancelledError, UsiError):
                    await starting
                return 0
            try:
                starting.result()
            except UsiError as error:
                if self._as_json:
                    await writer.write(to_json(ev.Error(time=datetime.now(UTC), code=error.code, text=str(error))))
                say_error(error)
                return error.exit_status
            return await self._talk(peer, writer, stopping)
        finally:
            stopping.cancel()
            await writer.close()

    async def _talk(self, peer: Peer, writer: _Writer, stopping: asyncio.Task[bool]) -> int:
        loop = asyncio.get_running_loop()
        showing = loop.create_task(self._show(peer, writer))
        typing = loop.create_task(self._read(peer))
        try:
            await asyncio.wait({showing, typing, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if typing.done() and not showing.done():
                typing.result()
                if self._stay:
                    await asyncio.wait({showing, stopping}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            typing.cancel()
            await peer.close()
            await asyncio.wait({showing}, timeout=_PATIENCE)
            if showing.done():
                showing.result()
        return peer.exit_status

    async def _show(self, peer: Peer, writer: _Writer) -> None:
        async for event in peer.events():
            line = self._render(event)
            if line is not None and not await writer.write(line):
                break  # nobody reads any more

    async def _read(self, peer: Peer) -> None:
        """Do what each line asks for, until the input ends."""
        reader = _Reader(_raw(sys.stdin))
        while (line := await reader.line()) is not None:
            if line.strip():
                await peer.enter(line)


# --- rendering ------------------------------------------------------------------------------------------------------

_json = msgspec.json.Encoder()


def to_json(event: ev.Event) -> str:
    """An event as one line of JSON in which no control or invisible character stands bare."""
    try:
        line = _json.encode(event).decode("utf-8")
    except UnicodeEncodeError:  # half a surrogate pair, as a path or an argument can hold
        return json.dumps(msgspec.to_builtins(event))
    return text.HIDDEN.sub(lambda found: json.dumps(found.group())[1:-1], line)


def to_plain(event: ev.Event) -> str | None:
    """An event as a line for a person, or None where there is nothing to say."""
    match event:
        case ev.Message():
            return _message(event)
        case ev.Listening():
            places = ", ".join(f"[{a}]:{event.port}" if ":" in a else f"{a}:{event.port}" for a in event.addresses)
            shown = event.preset_fingerprint or event.key_fingerprint
            what = "preset key" if event.preset_fingerprint else "host key"
            key = f"\n* Preset key, to hand to those who may join: {event.preset_key}" if event.preset_key else ""
            return f"* Hosting on {places}\n* Fingerprint of the {what}: {_grouped(shown)}{key}"
        case ev.Connected():
            return (
                f"* Connected to {event.host} port {event.port} as {event.name}\n"
                f"* {event.cipher}, {event.key_exchange}\n"
                f"* Fingerprint: {_grouped(event.fingerprint)}\n"
                f"* Words: {' '.join(event.words)}\n"
                "* Compare them with the host's /users by another way, such as a telephone call."
            )
        case ev.MemberJoined():
            words = f" (words: {' '.join(event.words)})" if event.words else ""
            return f"* {event.name} joined{words}"
        case ev.MemberLeft():
            return f"* {event.name} left{_LEFT.get(event.reason, '')}"
        case ev.MemberRenamed():
            return f"* {'You are' if event.mine else f'{event.old} is'} now called {event.name}"
        case ev.Users():
            return _users(event)
        case ev.Verification():
            return _verification(event)
        case ev.Info():
            return _info(event)
        case ev.Failed():
            return f"! Not delivered: {event.text} Your text was: {_inline(event.message)}"
        case ev.Error():
            return f"! {_inline(event.text)}"
        case ev.Notice() | ev.Disconnected():
            return "\n".join(f"* {line}" for line in text.visible(event.text).split("\n"))
        case ev.TraceEvent():
            line = one_line(Trace(event.step, event.direction, dict(event.detail)))
            return f"# {event.link}  {_inline(line)}"
        case _:
            return None


_LEFT = {"cut": " (connection lost)", "silent": " (no sign of life)", "too-slow": " (too slow)", "left": ""}


def _message(event: ev.Message) -> str | None:
    if event.mine:
        return None  # its author has typed it
    clock = event.sent_at.astimezone().strftime("%H:%M")
    marks = {"good": "", "bad": " [FORGED: the signature is not this member's]", "missing": " [unsigned: key missing]"}
    mark = marks[event.signature]
    if event.late:
        mark += f" [dated {event.sent_at.astimezone():%Y-%m-%d %H:%M}]"
    if event.signed_as is not None:
        mark += f" [signs as {_inline(event.signed_as)}]"
    said = text.visible(event.text).replace("\n", "\n        ")
    who = f"* {event.from_}" if event.kind == "me" else f"{event.from_}:"
    return f"[{clock}] {who}{mark} {said}"


def _users(event: ev.Users) -> str:
    if not event.asked:
        names = [member.name + (" (you)" if member.me else "") for member in event.members]
        return f"* Here: {', '.join(names)}"
    lines = [f"* {len(event.members)} here"]
    for member in event.members:
        marks = [word for word, is_so in (("you", member.me), ("host", member.host)) if is_so]
        if member.fingerprint:
            marks.append("verified" if member.verified else "not verified")
        lines.append(f"*   {member.name}" + (f" ({', '.join(marks)})" if marks else ""))
        if member.fingerprint:
            lines.append(f"*     {_grouped(member.fingerprint)}")
        if member.words:
            lines.append(f"*     {' '.join(member.words)}")
    return "\n".join(lines)


def _verification(event: ev.Verification) -> str:
    if event.state == "verified":
        return f"* {event.name} is verified."
    if event.state == "differs":
        return f"* {event.name} is not who you think: the connection is ended."
    return (
        f"* Compare with {event.name}, by telephone or in person:\n"
        f"*   {' '.join(event.words)}\n"
        f"*   {_grouped(event.fingerprint)}\n"
        f"* If they match, say /verify {event.name} yes; if they differ, /verify {event.name} no."
    )


def _info(event: ev.Info) -> str:
    lines = [
        f"* {event.connection}, as {event.name}, {event.members} here, for {event.seconds:.0f} s",
        f"* Cipher {event.cipher} (by {event.library}), key exchange {event.key_exchange}",
        f"* In: {event.bytes_in} bytes in {event.records_in} records",
        f"* Out: {event.bytes_out} bytes in {event.records_out} records",
    ]
    if event.fingerprint and event.words:
        lines.append(f"* Fingerprint: {_grouped(event.fingerprint)}")
        lines.append(f"* Words: {' '.join(event.words)}")
    return "\n".join(lines)


def _grouped(fingerprint: str) -> str:
    return grouped(bytes.fromhex(fingerprint))


def _inline(value: str) -> str:
    return text.visible(value, keep_newlines=False)


def _raw(stream: TextIO) -> RawIOBase:
    """The stream beneath the buffers; on Windows it speaks UTF-8 with the console."""
    return cast(RawIOBase, getattr(stream.buffer, "raw", stream.buffer))  # with python -u there are no buffers


def say_error(error: UsiError) -> None:
    """One sentence on standard error."""
    print(f"usi: {_inline(str(error))}", file=sys.stderr, flush=True)


# --- threads for what can block ---------------------------------------------------------------------------------------


# Both use the raw streams: a thread that is still blocked when the program ends then holds no lock of a buffer.


class _Writer:
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


class _Reader:
    """Reads lines on a thread, which the end of the program leaves behind where it still waits for one."""

    def __init__(self, stream: RawIOBase) -> None:
        self._stream = stream
        self._loop = asyncio.get_running_loop()
        self._lines: asyncio.Queue[str | None] = asyncio.Queue(_LINES_AHEAD)
        threading.Thread(target=self._run, name="usi-in", daemon=True).start()

    async def line(self) -> str | None:
        """The next line without its end, or None at the end of the input."""
        return await self._lines.get()

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


def _on_signal(loop: asyncio.AbstractEventLoop, name: str, callback: Callable[[], None]) -> None:
    """Call back on a signal; on Windows, whose event loop cannot, through the interpreter's own handler."""
    number = getattr(signal, name)
    try:
        loop.add_signal_handler(number, callback)
    except NotImplementedError:
        signal.signal(number, lambda *_: loop.call_soon_threadsafe(callback))
