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
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from io import RawIOBase
from typing import TYPE_CHECKING, TextIO, cast

import msgspec

from usi.config import Settings
from usi.core import commands, text
from usi.core import events as ev
from usi.core.crypto import grouped
from usi.core.errors import LocalError, UsiError
from usi.core.language import tr
from usi.core.thread import title_of
from usi.core.trace import Trace, one_line
from usi.core.wire import MAX_TEXT
from usi.net.peer import Peer
from usi.ui import amounts, community, trust
from usi.ui.i18n import mark

if TYPE_CHECKING:
    from usi.ui.notify import Notifier

FIRST_ROOM = "general"  # where there is no other
_LINES_AHEAD = 256  # typed or printed lines between a thread and the program
_LONGEST_LINE = 2 * MAX_TEXT  # bytes; more are not kept, for the line is refused anyway
_CHUNK = 65_536
_PROGRESS_SECONDS = 10.0  # between two lines about one transfer
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
        self._room = FIRST_ROOM
        self._rooms: set[str] = set()
        self._refused = 0
        """The exit status of a run whose input had a file sent that could not be."""
        self._told_progress: dict[tuple[int, str], float] = {}
        self._notifier: Notifier | None = None
        if settings.notifications:
            from usi.ui.notify import Notifier

            self._notifier = Notifier(with_content=settings.notify_content, on_problem=self._complain)

    def _complain(self, sentence: str) -> None:
        """The desktop takes no notifications: said once."""
        print(f"usi: {_inline(sentence)}", file=sys.stderr, flush=True)

    async def run(self) -> int:
        loop = asyncio.get_running_loop()
        writer = _Writer(_raw(sys.stdout))
        stopping = loop.create_task(self._stop.wait())
        for name in ("SIGINT", "SIGTERM"):
            _on_signal(loop, name, self._stop.set)
        peer = Peer(self._settings)
        starting = loop.create_task(peer.start())
        showing = loop.create_task(self._show(peer, writer))
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
            return await self._talk(peer, writer, showing, stopping)
        finally:
            showing.cancel()
            stopping.cancel()
            await writer.close()

    async def _talk(
        self, peer: Peer, writer: _Writer, showing: asyncio.Task[None], stopping: asyncio.Task[bool]
    ) -> int:
        typing = asyncio.get_running_loop().create_task(self._read(peer, writer))
        try:
            await asyncio.wait({showing, typing, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if typing.done() and not showing.done():
                typing.result()
                if self._stay:
                    await asyncio.wait({showing, stopping}, return_when=asyncio.FIRST_COMPLETED)
                else:
                    await self._settle(peer, stopping)
        finally:
            typing.cancel()
            await peer.close()
            await asyncio.wait({showing}, timeout=_PATIENCE)
            if showing.done():
                showing.result()
        return peer.exit_status or self._refused

    async def _settle(self, peer: Peer, stopping: asyncio.Task[bool]) -> None:
        """Wait until what was sent has arrived and no transfer is open."""
        settling = asyncio.get_running_loop().create_task(peer.settle())
        await asyncio.wait({settling, stopping}, return_when=asyncio.FIRST_COMPLETED)
        settling.cancel()

    async def _show(self, peer: Peer, writer: _Writer) -> None:
        async for event in peer.events():
            if self._notifier is not None:
                self._notifier.consider(event, focused=False, now=time.monotonic())
            if isinstance(event, ev.Chosen):
                self._room = event.room
            if isinstance(event, ev.FileProgress) and not self._is_time_for(event):
                continue
            line = self._in_its_room(event, self._render(event))
            if line is not None and not await writer.write(line):
                break  # nobody reads any more

    def _in_its_room(self, event: ev.Event, line: str | None) -> str | None:
        """A message of one of several rooms begins with the room's name: before the time nobody can imitate it."""
        match event:
            case ev.Listening() | ev.Connected():
                self._rooms = set(event.rooms)
            case ev.RoomEntered():
                self._rooms.add(event.room)
            case ev.RoomLeft():
                self._rooms.discard(event.room)
            case ev.Message() if line and not self._as_json and not event.private and len(self._rooms) > 1:
                return f"{title_of(event.room)} {line}"
        return line

    def _is_time_for(self, event: ev.FileProgress) -> bool:
        """Whether progress is told: to a program always, to a person now and then."""
        now, transfer = time.monotonic(), (event.transfer, event.peer)
        if not self._as_json and now - self._told_progress.setdefault(transfer, now) < _PROGRESS_SECONDS:
            return False
        self._told_progress[transfer] = now
        return True

    async def _read(self, peer: Peer, writer: _Writer) -> None:
        """Do what each line asks for, until the input ends."""
        reader = _Reader(_raw(sys.stdin))
        while (line := await reader.line()) is not None:
            if not line.strip():
                continue
            done, said = await peer.enter(line), _parsed(line)
            if not done and isinstance(said, commands.Send) and not sys.stdin.isatty():
                self._refused = 1  # a person sees it and types again; a script has only the status
            if done and said == commands.Mute():
                await writer.write(str(self._render(self._mute())))
            elif isinstance(said, commands.Password) and (done or not sys.stdin.isatty()):
                # Who pipes lines does not see a refusal, and the next one is a password all the same: never say it.
                with unseen(sys.stdin):
                    secret = await reader.line()
                await peer.give((done and secret) or "")
                if secret is None:
                    return

    def _mute(self) -> ev.Notice:
        """Notifications of the room off, or on again."""
        if self._notifier is None:
            said = tr("There are no notifications to mute: -n turns them on.")
        elif self._notifier.mute(self._room):
            said = tr("Notifications of {room} are off; /mute turns them on again.", room=title_of(self._room))
        else:
            said = tr("Notifications of {room} are on again.", room=title_of(self._room))
        return ev.Notice(time=datetime.now(UTC), code="mute", text=said)


# --- rendering ------------------------------------------------------------------------------------------------------

_json = msgspec.json.Encoder()


def to_json(event: ev.Event) -> str:
    """An event as one line of JSON in which no control or invisible character stands bare."""
    try:
        line = _json.encode(event).decode("utf-8")
    except UnicodeEncodeError:  # half a surrogate pair, as a path or an argument can hold
        return json.dumps(msgspec.to_builtins(event))
    return text.HIDDEN.sub(lambda found: json.dumps(found.group())[1:-1], line)


_COMPARE = mark("Compare them with the host's /users by another way, such as a telephone call.")


def to_plain(event: ev.Event) -> str | None:
    """An event as a line for a person, or None where there is nothing to say."""
    match event:
        case ev.Message():
            return _message(event)
        case ev.Connecting():
            return _connecting(event)
        case ev.Listening():
            return _told(_listening(event))
        case ev.Connected():
            return _told(
                [
                    tr("Connected to {host} port {port} as {name}", host=event.host, port=event.port, name=event.name),
                    f"{event.cipher}, {event.key_exchange}",
                    *_proof(event.fingerprint, event.words),
                ]
                + ([] if event.verified else [tr(_COMPARE)])
            )
        case ev.FileOffer():
            return _told([_offer(event)])
        case ev.FileProgress():
            return _told([_progress(event)])
        case ev.FileDone():
            return _told([_done(event)])
        case ev.FileFailed() | ev.FileClosed():
            return _told([f"{_inline(event.name)}: {_inline(event.text)}"])
        case ev.Files():
            return _told(_files(event))
        case ev.MemberJoined():
            if event.here and event.rooms:
                return _told([tr("{name} joined {room}", name=event.name, room=title_of(event.rooms[0]))])
            if event.words:
                return _told([tr("{name} joined (words: {words})", name=event.name, words=" ".join(event.words))])
            return _told([tr("{name} joined", name=event.name)])
        case ev.MemberLeft():
            if event.here:
                return _told([tr("{name} left {room}", name=event.name, room=title_of(event.rooms[0]))])
            if why := _LEFT.get(event.reason):
                return _told([tr("{name} left ({why})", name=event.name, why=tr(why))])
            return _told([tr("{name} left", name=event.name)])
        case ev.MemberRenamed():
            if event.mine:
                return _told([tr("You are now called {name}", name=event.name)])
            return _told([tr("{old} is now called {name}", old=event.old, name=event.name)])
        case ev.Users():
            return _told(_users(event))
        case ev.Invitation():
            return _told(trust.invitation(event))
        case ev.Password():
            return _told([trust.password(event)])
        case ev.Verification():
            return _told(_verification(event))
        case ev.Info():
            return _told(_info(event))
        case ev.Conversation():
            return _told([event.text])
        case ev.RoomEntered():
            if not event.topic:
                return None
            return _told([community.topic(ev.RoomTopic(time=event.time, room=event.room, topic=event.topic, by=""))])
        case ev.RoomLeft() | ev.Moderation():
            return _told([event.text])
        case ev.RoomTopic():
            return _told([community.topic(event)])
        case ev.Rooms():
            return _told(community.rooms(event))
        case ev.Role():
            return _told([community.role(event)])
        case ev.History():
            return _told(community.history(event)) or None
        case ev.Found():
            return _told(community.found(event))
        case ev.LogLine():
            line = community.log_line(event)
            return _told([f"{event.at.astimezone():%Y-%m-%d %H:%M} {line}"]) if event.asked else None
        case ev.Chosen():
            if event.private:
                back = tr("/private alone goes back to the host's room.")
                return _told([tr("What you type goes to {room}.", room=title_of(event.room)), back])
            return _told([tr("What you type goes to {room}.", room=title_of(event.room))])
        case ev.Failed():
            said = _inline(event.message)
            return "! " + tr("Not delivered: {reason} Your text was: {text}", reason=event.text, text=said)
        case ev.Error():
            return f"! {_inline(event.text)}"
        case ev.Notice() | ev.Disconnected():
            return _told(text.visible(event.text).split("\n"))
        case ev.TraceEvent():
            line = one_line(Trace(event.step, event.direction, dict(event.detail)))
            return f"# {event.link}  {_inline(line)}"
        case _:
            return None


_LEFT = {
    "cut": mark("connection lost"),
    "silent": mark("no sign of life"),
    "too-slow": mark("too slow"),
    "kicked": mark("removed"),
    "banned": mark("banned"),
}


def _told(lines: Iterable[str]) -> str:
    return "\n".join(f"* {line}" for line in lines)


def _proof(fingerprint: str, words: Iterable[str]) -> list[str]:
    """What two people compare."""
    return [
        tr("Fingerprint: {fingerprint}", fingerprint=_grouped(fingerprint)),
        tr("Words: {words}", words=" ".join(words)),
    ]


def _listening(event: ev.Listening) -> list[str]:
    places = ", ".join(f"[{a}]:{event.port}" if ":" in a else f"{a}:{event.port}" for a in event.addresses)
    lines = [tr("Hosting on {places}", places=places)]
    if event.preset_fingerprint:
        fingerprint = _grouped(event.preset_fingerprint)
        lines.append(tr("Fingerprint of the preset key: {fingerprint}", fingerprint=fingerprint))
    else:
        fingerprint = _grouped(event.key_fingerprint)
        lines.append(tr("Fingerprint of the host key: {fingerprint}", fingerprint=fingerprint))
    if event.preset_key:
        lines.append(tr("Preset key, to hand to those who may join: {key}", key=event.preset_key))
    return lines


def _connecting(event: ev.Connecting) -> str | None:
    """What may take long enough to be wondered about."""
    if event.step == "dial" and event.attempt == 1:
        return tr("* Connecting …")
    if event.step == "busy" and event.attempt == 1:
        return tr("* The host is taking in many at once; trying again …")
    return None


def _message(event: ev.Message) -> str | None:
    if event.mine and not event.history:
        return None  # its author has typed it
    here = event.sent_at.astimezone()
    earlier = event.history and here.date() != event.time.astimezone().date()
    clock = here.strftime("%Y-%m-%d %H:%M" if earlier else "%H:%M")
    alarms = []
    if event.signature == "bad":
        alarms.append(tr("FORGED: the signature is not this member's"))
    elif event.signature == "missing":
        alarms.append(tr("unsigned: key missing"))
    if event.late:
        alarms.append(tr("dated {date}", date=f"{event.sent_at.astimezone():%Y-%m-%d %H:%M}"))
    if event.signed_as is not None:
        alarms.append(tr("signs as {name}", name=_inline(event.signed_as)))
    said = text.visible(event.text).replace("\n", "\n        ")
    who = f"* {event.from_}" if event.kind == "me" else f"{event.from_}:"
    if event.private:
        who = f"[{tr('private')} {event.room}] {who}"  # no name has brackets, so nobody can imitate it
    return f"[{clock}] {who}{''.join(f' [{alarm}]' for alarm in alarms)} {said}"


def _offer(event: ev.FileOffer) -> str:
    number, name, size = event.transfer, _inline(event.name), amounts.content(event.size, event.files)
    if event.mine:
        return tr("You offer {name} ({size}) as number {number}; /cancel {number} takes it back.",
                  name=name, size=size, number=number)  # fmt: skip
    who = event.from_
    if event.kept:
        return tr("{name} ({size}) of {who} is begun: {percent} % are here; /accept {number} goes on.",
                  name=name, size=size, who=who, number=number,
                  percent=amounts.percent(event.kept, event.size))  # fmt: skip
    return tr("{who} offers {name} ({size}): /accept {number} takes it, /decline {number} does not.",
              who=who, name=name, size=size, number=number)  # fmt: skip


def _progress(event: ev.FileProgress) -> str:
    parts = [f"{amounts.percent(event.done, event.size)} %", amounts.speed(event.rate)]
    if (left := amounts.left(event.done, event.size, event.rate)) is not None:
        parts.append(tr("{time} left", time=left))
    name, peer, said = _inline(event.name), event.peer, ", ".join(parts)
    if event.direction == "in":
        return tr("{name} from {peer}: {said}", name=name, peer=peer, said=said)
    return tr("{name} to {peer}: {said}", name=name, peer=peer, said=said)


def _done(event: ev.FileDone) -> str:
    size, time_ = amounts.size(event.size), amounts.duration(event.seconds)
    if event.direction == "in":
        return tr("Received from {peer}: {path} ({size}, {time})",
                  peer=event.peer, path=_inline(event.path), size=size, time=time_)  # fmt: skip
    return tr("{peer} has {name} ({size}, {time}).",
              peer=event.peer, name=_inline(event.name), size=size, time=time_)  # fmt: skip


_STATES = {
    "offered": mark("offered"),
    "waiting": mark("waiting"),
    "running": mark("under way"),
    "done": mark("done"),
    "failed": mark("stopped"),
}


def _files(event: ev.Files) -> list[str]:
    lines = [tr("Received files go to {folder}", folder=_inline(event.folder))]
    for row in event.transfers:
        way = "↓" if row.direction == "in" else "↑"
        who = f"  {row.peer}" if row.peer is not None else ""
        state = tr(_STATES[row.state])
        if row.state in ("running", "waiting", "failed") and row.done:
            state += f", {amounts.percent(row.done, row.size)} %"
        if row.state == "running":
            state += f", {amounts.speed(row.rate)}"
        lines.append(f"  {row.transfer} {way} {_inline(row.name)}  {amounts.size(row.size)}{who}  {state}")
    if event.passing:
        lines.append(tr("Passing through this host, sealed:"))
    lines += [
        f"  {passing.from_} → {passing.to}  {amounts.size(passing.bytes)}, {amounts.duration(passing.seconds)}"
        for passing in event.passing
    ]
    return lines


def _users(event: ev.Users) -> list[str]:
    if not event.asked:
        names = [f"{member.name} ({tr('you')})" if member.me else member.name for member in event.members]
        return [tr("Here: {names}", names=", ".join(names))]
    lines = [tr("{count} here", count=len(event.members))]
    for member in event.members:
        marks = [word for word, is_so in ((tr("you"), member.me), (tr("host"), member.host)) if is_so]
        if member.fingerprint:
            marks.append(tr("verified") if member.verified else tr("not verified"))
        lines.append(f"  {member.name}" + (f" ({', '.join(marks)})" if marks else ""))
        if member.fingerprint:
            lines.append(f"    {_grouped(member.fingerprint)}")
        if member.words:
            lines.append(f"    {' '.join(member.words)}")
    return lines


def _verification(event: ev.Verification) -> list[str]:
    if event.state == "verified":
        return [trust.verified(event)]
    if event.state == "differs":
        return [trust.differs(event)]
    return [
        tr("Compare with {name}, by telephone or in person:", name=event.name),
        f"  {' '.join(event.words)}",
        f"  {_grouped(event.fingerprint)}",
        tr("If they match, say /verify {name} yes; if they differ, /verify {name} no.", name=event.name),
    ]


def _info(event: ev.Info) -> list[str]:
    where, name, count = event.connection, event.name, event.members
    lines = [
        tr("{where}, as {name}, {count} here, for {seconds:.0f} s",
           where=where, name=name, count=count, seconds=event.seconds),
        tr("Cipher {cipher} (by {library}), key exchange {key_exchange}",
           cipher=event.cipher, library=event.library, key_exchange=event.key_exchange),
        tr("In: {count} bytes in {records} records", count=event.bytes_in, records=event.records_in),
        tr("Out: {count} bytes in {records} records", count=event.bytes_out, records=event.records_out),
    ]  # fmt: skip
    if event.fingerprint and event.words:
        lines += _proof(event.fingerprint, event.words)
    return lines


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


def _parsed(line: str) -> commands.Intent | None:
    """What a line asks for; None where that is nothing possible, which was told already."""
    with suppress(LocalError):
        return commands.parse(line)
    return None


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


def _on_signal(loop: asyncio.AbstractEventLoop, name: str, callback: Callable[[], None]) -> None:
    """Call back on a signal; on Windows, whose event loop cannot, through the interpreter's own handler."""
    number = getattr(signal, name)
    try:
        loop.add_signal_handler(number, callback)
    except NotImplementedError:
        signal.signal(number, lambda *_: loop.call_soon_threadsafe(callback))
