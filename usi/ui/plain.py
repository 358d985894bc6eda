"""`--plain` and `--json`: lines in, lines out, for pipes, screen readers, bots and services.

What goes out is flushed line by line.
"""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec

from usi.config import Settings
from usi.core import commands
from usi.core import events as ev
from usi.core.errors import LocalError, UsiError
from usi.core.language import tr
from usi.core.thread import title_of
from usi.core.wire import MAX_TEXT
from usi.net.peer import Peer
from usi.ui.pipes import Reader, Writer, complain, raw, unseen
from usi.ui.rendering import to_json, to_plain

if TYPE_CHECKING:
    from usi.ui.notify import Notifier

FIRST_ROOM = "general"  # where there is no other
_PROGRESS_SECONDS = 10.0  # between two lines about one transfer
_PATIENCE = 2.0  # seconds at the end for what the peer still tells


def run(settings: Settings, *, as_json: bool, stay: bool, messages: bool = True) -> int:
    """Host or join on standard input and output, with or without what is said; returns the exit status."""
    return asyncio.run(_Plain(settings, as_json=as_json, stay=stay, messages=messages).run())


class _Plain:
    def __init__(self, settings: Settings, *, as_json: bool, stay: bool, messages: bool) -> None:
        self._settings = settings
        self._stay = stay
        self._messages = messages
        self._render: Callable[[ev.Event], str | None] = to_json if as_json else to_plain
        self._as_json = as_json
        self._stop = asyncio.Event()
        self._room = FIRST_ROOM
        self._rooms: set[str] = set()
        self._refused = 0
        """The exit status of a run whose input had something said or sent that could not be."""
        self._again = False
        """Whoever stays joins again when a connection could not be restored, until it works or a signal comes."""
        self._reader: Reader | None = None
        self._told_progress: dict[tuple[int, str], float] = {}
        self._notifier: Notifier | None = None
        if settings.notifications:
            from usi.ui.notify import Notifier

            self._notifier = Notifier(with_content=settings.notify_content, on_problem=complain)

    async def run(self) -> int:
        loop = asyncio.get_running_loop()
        writer = Writer(raw(sys.stdout))
        stopping = loop.create_task(self._stop.wait())
        for name in ("SIGINT", "SIGTERM"):
            _on_signal(loop, name, self._stop.set)
        try:
            status = await self._be_there(writer, stopping)
            while self._again:
                pause = self._settings.limits.rejoin_seconds
                await asyncio.wait({stopping}, timeout=pause)
                if stopping.done():
                    break
                status = await self._be_there(writer, stopping)
            return status
        finally:
            stopping.cancel()
            await writer.close()

    async def _be_there(self, writer: Writer, stopping: asyncio.Task[bool]) -> int:
        """Host or join, once; returns the exit status. Whether it is worth another attempt, `_again` tells then."""
        loop = asyncio.get_running_loop()
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
                complain(str(error))
                self._again = self._again and error.exit_status == 3
                return error.exit_status
            status = await self._talk(peer, writer, showing, stopping)
            if status and not (sys.stdout.isatty() and sys.stderr.isatty()):  # there, both would stand side by side
                complain(str(peer.failure or tr("Not everything has arrived or was taken. The output says what.")))
            self._again = self._stay and peer.lost and not stopping.done()
            return status
        finally:
            showing.cancel()

    async def _talk(self, peer: Peer, writer: Writer, showing: asyncio.Task[None], stopping: asyncio.Task[bool]) -> int:
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

    async def _show(self, peer: Peer, writer: Writer) -> None:
        async for event in peer.events():
            if self._notifier is not None:
                self._notifier.consider(event, focused=False, now=time.monotonic())
            if isinstance(event, ev.Chosen):
                self._room = event.room
            if isinstance(event, ev.FileProgress) and not self._is_time_for(event):
                continue
            shown = event if self._messages else _without_texts(event)
            if shown is None:
                continue
            line = self._in_its_room(shown, self._render(shown))
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

    async def _read(self, peer: Peer, writer: Writer) -> None:
        """Do what each line asks for, until the input ends."""
        reader = self._reader = self._reader or Reader(raw(sys.stdin))
        while (line := await reader.line()) is not None:
            if not line.strip():
                continue
            done, said = await peer.enter(line), _parsed(line)
            if not done and _says(line, said) and not sys.stdin.isatty():
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


def _without_texts(event: ev.Event) -> ev.Event | None:
    """An event as it may stand in a log that is not to have what was said; None where nothing is left of it."""
    match event:
        case ev.Message():
            return None
        case ev.Found():
            return msgspec.structs.replace(event, hits=[msgspec.structs.replace(hit, text="") for hit in event.hits])
        case ev.Failed():
            return msgspec.structs.replace(event, message="")
        case ev.Error():
            return msgspec.structs.replace(event, message=None)
        case _:
            return event


def _parsed(line: str) -> commands.Intent | None:
    """What a line asks for; None where that is nothing possible, which was told already."""
    with suppress(LocalError):
        return commands.parse(line)
    return None


def _says(line: str, said: commands.Intent | None) -> bool:
    """Whether a line has something for others."""
    too_long = said is None and len(line.encode("utf-8", "replace")) > MAX_TEXT
    return too_long or isinstance(said, commands.Say | commands.Act | commands.Tell | commands.Send)


def _on_signal(loop: asyncio.AbstractEventLoop, name: str, callback: Callable[[], None]) -> None:
    """Call back on a signal; on Windows, whose event loop cannot, through the interpreter's own handler."""
    number = getattr(signal, name)
    try:
        loop.add_signal_handler(number, callback)
    except NotImplementedError:
        signal.signal(number, lambda *_: loop.call_soon_threadsafe(callback))
