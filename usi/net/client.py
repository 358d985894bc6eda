"""Joining a host: dial, key exchange, one link, and another one in its place when it is cut."""

from __future__ import annotations

import asyncio
import random
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from typing import Any, TypeVar

from usi.config import Limits, Settings
from usi.core import codec, events, wire
from usi.core.addresses import place
from usi.core.channel import Channel
from usi.core.crypto import PrivateKey, PublicKey
from usi.core.errors import (
    RESUMABLE,
    BadHandshake,
    BadRecord,
    Busy,
    ChangedKey,
    HandshakeTimeout,
    KeyNeeded,
    KeyNotWanted,
    Left,
    NotConnected,
    NotRestored,
    NotUsi,
    OutOfTurn,
    PeerError,
    Silent,
    SpentCode,
    Stopping,
    UnknownHost,
    Unreachable,
    UsiError,
    WrongCode,
    WrongKey,
)
from usi.core.language import tr
from usi.core.session import CIPHER, KEY_EXCHANGE, Role, Session
from usi.core.trace import Trace
from usi.net.addresses import why_not
from usi.net.knock import Knock
from usi.net.link import Flusher, Link
from usi.net.memory import Memory
from usi.net.side import Person, Traffic
from usi.store.codes import SpentCodes

T = TypeVar("T")

_BUSY_PAUSES = (0.2, 0.4, 0.8, 1.6, 3.2)  # seconds between tries while a host takes in many at once
_MAY_PASS = RESUMABLE | {
    error.code
    for error in (Busy, HandshakeTimeout, NotUsi, BadHandshake, BadRecord, KeyNeeded, KeyNotWanted, WrongKey, Stopping)
}
"""How an attempt to come back may end so that it is tried again: what a bad line, or anybody on it, can bring about."""
_NO_TRAFFIC = Traffic(0, 0, 0, 0)


class Client:
    """A guest's way to a host: a `Side` over one link."""

    def __init__(self, settings: Settings, key: PrivateKey, person: Person, memory: Memory | None = None) -> None:
        """`memory`: the host is there, and not at an address."""
        self.host = memory.name if memory is not None else settings.address or "localhost"
        self.port = settings.port
        self._settings = settings
        self._key = key
        self._person = person
        self._memory = memory
        self._loop = asyncio.get_running_loop()
        self._flusher = Flusher(self._loop)
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="usi-rsa")
        self._link: Link | None = None
        self._host_key: PublicKey | None = None
        """That of the host that we are with: no other is taken for it."""
        self._address = ("", 0)
        self._channel = Channel()
        self._seat: bytes | None = None
        """The session id of our seat, once we have one."""
        self._cut = False
        """We have a seat, and no link leads to it."""
        self._anew = False
        """The host knows nothing of our seat any more, so we join as somebody new."""
        self._attempt = 0
        self._reconnecting: asyncio.Task[None] | None = None
        self._closing = False
        self._paused = False
        self._past_traffic = _NO_TRAFFIC
        self._knock: Knock | None = None
        """While this guest is at the host's door."""
        self._exchanged: asyncio.Future[None] = self._loop.create_future()

    @property
    def label(self) -> str:
        return place(self.host, self.port)

    async def start(self) -> None:
        """Dial, exchange keys, and prove the code where there is one. Raises `SpentCode`, `UnknownHost`, `Unreachable`
        or the `PeerError` that ended the attempt."""
        code = self._settings.code
        spent = SpentCodes()
        if code is not None and await self._in_thread(spent.has, code, time.time()):
            raise SpentCode
        try:
            await self._try()
        except WrongCode:
            if code is not None:
                await self._in_thread(spent.add, code, time.time())
            raise

    async def _in_thread(self, work: Callable[[str, float], T], code: str, now: float) -> T:
        return await self._loop.run_in_executor(self._executor, work, code, now)

    async def _try(self) -> None:
        for attempt, pause in enumerate((*_BUSY_PAUSES, None), 1):
            self._exchanged = self._loop.create_future()
            self._person.progress("dial", attempt)
            await self._dial()
            self._person.progress("exchange", attempt)
            try:
                await self._exchanged
            except Busy:
                if pause is None:
                    raise
                self._person.progress("busy", attempt)
                await asyncio.sleep(pause)
            else:
                self._person.progress("join", attempt)
                return

    async def _dial(self) -> None:
        session = Session(
            Role.CLIENT,
            self._key,
            self._settings.preset,
            tracer=self._session_tracer(),
            judge=self._judge,
        )
        link = Link(session, self, self._flusher, self._executor, self._settings.limits)
        seconds = self._settings.limits.connect_seconds
        try:
            async with asyncio.timeout(seconds):
                if self._memory is not None:
                    await self._memory.connect(link)
                    return
                if self._seat is not None and self._attempt % 3:
                    # Where it was a moment ago, and now and then whatever its name leads to by now: racing several
                    # addresses each time would leak a socket of asyncio's where an attempt is given up.
                    await self._loop.create_connection(lambda: link, self._address[0], self.port)
                    return
                await self._loop.create_connection(lambda: link, self.host, self.port, **_several_addresses(self._loop))
        except (socket.gaierror, UnicodeError) as error:
            raise UnknownHost(host=self.host) from error
        except TimeoutError as error:
            why = tr("no answer in {seconds:g} seconds", seconds=seconds)
            raise Unreachable(host=self.host, port=self.port, why=why) from error
        except (OSError, OverflowError) as error:
            raise Unreachable(host=self.host, port=self.port, why=why_not(error)) from error

    def _judge(self, key: PublicKey) -> None:
        """Whether this may be the key of our host. Called on a thread."""
        if self._host_key not in (None, key):
            raise ChangedKey(place=self.label, key=key.id)
        self._person.judge(self.label, key)

    def _session_tracer(self) -> Callable[[Trace], None] | None:
        return self._trace if self._settings.dev else None

    def _trace(self, trace: Trace) -> None:
        """Show what was done with the link, where that is wanted; its handshake runs on a thread."""
        if self._settings.dev:
            self._loop.call_soon_threadsafe(self._person.trace, self.label, trace)

    def arrival(self, name: str, member: str, rooms: list[str], verified: bool) -> events.Event:
        if self._link is None:
            raise NotConnected
        session = self._link.session
        return events.Connected(
            time=datetime.now(UTC),
            host=self.host,
            port=self.port,
            name=name,
            member=member,
            rooms=rooms,
            fingerprint=session.fingerprint.hex(),
            words=list(session.words),
            cipher=CIPHER,
            key_exchange=KEY_EXCHANGE,
            key_fingerprint=session.peer.id.hex(),
            verified=verified,
        )

    # --- what the link reports ---

    def link_made(self, link: Link) -> bool:
        self._retire()
        self._link = link
        return True

    def link_ready(self, link: Link) -> None:
        if self._gave_up(link):
            return
        self._address = link.peer_address
        if self._seat is not None:
            link.send(wire.Resume(self._seat, self._channel.taken))
            return
        self._go_in(link, None if self._anew else self._settings.code)

    def _gave_up(self, link: Link) -> bool:
        """Whether nobody wants this link any more, perhaps since this very moment; then it is said goodbye to."""
        if unwanted := link is not self._link or self._exchanged.cancelled():
            link.close(Left())
        return unwanted

    def _go_in(self, link: Link, code: str | None) -> None:
        """Show the code and the password, where there are any, and enter."""
        enter = partial(self._enter, link, code is not None)
        self._knock = Knock(link, self._settings.name, self._executor, enter, self._trace)
        self._knock.begin(code, self._settings.password)

    def _enter(self, link: Link, by_code: bool) -> None:
        self._exchanged.set_result(None)
        if self._anew:
            self._anew, self._channel = False, Channel()  # what was said meanwhile was for the seat that is gone
            self._person.anew(link.session)
        else:
            self._person.keyed(link.session, by_code=by_code)

    @property
    def _knocks(self) -> bool:
        """Whether this guest still has to show what it was given: until then nothing else is said, or listened to."""
        return self._knock is not None and not self._knock.is_over

    def link_messages(self, link: Link, messages: Sequence[wire.Message]) -> None:
        if self._gave_up(link):
            return
        try:
            while self._cut or self._knocks:
                if not messages or isinstance(messages[0], wire.Bye):
                    return
                if self._cut:
                    self._come_back(link, messages[0])
                elif self._knock is not None and not self._knock.hear(messages[0]):
                    return
                messages = messages[1:]
            heard = [message for message in messages if self._counts(link, message)]
        except PeerError as error:
            link.close(error)
            return
        if self._channel.due:
            self._confirm(link)
        self._person.hear(heard)
        if self._person.joined:
            link.joined()

    def _counts(self, link: Link, message: wire.Message) -> bool:
        """Count what belongs to our seat; False where it is no business of the person's. Raises `PeerError`."""
        if isinstance(message, wire.Welcome) and self._seat is None:
            self._seat, self._host_key = message.session, link.session.peer
        return self._seat is None or self._channel.take(message)

    def _confirm(self, link: Link) -> None:
        if (word := self._channel.word()) is not None:
            link.send(word)

    def link_ended(self, link: Link, error: PeerError | None) -> None:
        if link is not self._link or self._exchanged.cancelled():  # whoever gave it up says so
            return
        error = error or link.goodbye
        if not self._exchanged.done():
            self._exchanged.set_exception(error)
        elif self._person.joined and error.code in RESUMABLE and self._may_come_back:
            self._cut = True
            self._reconnecting = self._loop.create_task(self._reconnect(error), name="usi reconnecting")
        else:
            self._person.ended(error)

    def link_closed(self, link: Link) -> None:
        pass

    def link_is_data(self, link: Link, ticket: bytes, sock: socket.socket) -> None:
        sock.close()  # only a host's links are ever asked

    # --- coming back ---

    @property
    def _may_come_back(self) -> bool:
        return self._settings.limits.resume_seconds > 0 and not self._closing

    async def _reconnect(self, error: PeerError) -> None:
        """Take our seat again over a new link, and give up after a while."""
        seconds = self._settings.limits.resume_seconds
        outcome: PeerError = NotRestored(seconds=f"{seconds:g}")
        try:
            async with asyncio.timeout(seconds):
                for attempt, pause in enumerate(self._pauses(), 1):
                    self._attempt = attempt
                    self._person.reconnecting(error, attempt)
                    try:
                        await self._dial_again()
                        return
                    except PeerError as refusal:
                        if refusal.code not in _MAY_PASS:
                            outcome = refusal
                            break
                        await asyncio.sleep(pause)
                    except UsiError:
                        await asyncio.sleep(pause)
        except TimeoutError:
            pass
        self._seat = None
        self._channel = Channel()
        self._person.ended(outcome)

    def _pauses(self) -> Iterator[float]:
        """Seconds behind each attempt; the first two come at once, for a wire that was only moved."""
        yield 0.0
        limits, pause = self._settings.limits, self._settings.limits.resume_pause
        while True:
            yield pause * random.uniform(0.5, 1.5)  # noqa: S311 (no secret)
            pause = min(2 * pause, limits.resume_longest_pause)

    async def _dial_again(self) -> None:
        self._retire()
        self._exchanged = self._loop.create_future()
        try:
            await self._dial()
            await self._exchanged
        except BaseException:
            self._retire()
            raise

    def _retire(self) -> None:
        """The link there was is of no use any more."""
        link, self._link = self._link, None
        if link is not None:
            link.drop()
            self._past_traffic = _sum(self._past_traffic, link.traffic())

    def _come_back(self, link: Link, answer: wire.Message) -> None:
        """The host's first word over a new link; raises `PeerError` where it cannot be."""
        match answer:
            case wire.Resumed(taken, posts):
                self._channel.confirm(taken)
                self._cut = False
                link.joined()
                for encoded in self._channel.rest().messages:
                    link.queue(encoded)
                if self._paused:
                    link.pause_reading()
                self._exchanged.set_result(None)
                self._person.resumed(self._attempt, posts)
            case wire.NoSeat():
                self._cut, self._seat, self._anew = False, None, True
                self._go_in(link, None)
            case _:
                raise OutOfTurn(what=wire.tag_of(answer))

    # --- what the peer wants ---

    def send(self, messages: Sequence[wire.Message]) -> None:
        for message in messages:
            encoded = codec.encode(message)
            if not isinstance(message, wire.Join):
                self._channel.note(encoded)
            if self._link is not None and not self._cut and not self._knocks:
                if isinstance(message, wire.Again):
                    self._confirm(self._link)  # so that the host keeps one answer for us, and not all of them
                self._link.queue(encoded)

    def invite(self) -> None:
        """Ask the host for an invitation, which it makes for moderators."""
        self.send([wire.Order("invite", "", "", "", 0, False)])

    async def open_data(self, ticket: bytes) -> socket.socket:
        if self._memory is not None:
            return self._memory.open_data(ticket)
        limits = self._settings.limits
        dialling = self._loop.run_in_executor(None, _dial_data, self._address, ticket, limits)
        try:
            return await asyncio.shield(dialling)
        except asyncio.CancelledError:
            dialling.add_done_callback(_close_late)
            raise

    def passing(self) -> list[events.PassingRow]:
        return []

    def fail(self, error: PeerError) -> None:
        """End the link because of what the host said."""
        if self._link is not None:
            self._link.close(error)

    def part(self, member: bytes, error: PeerError) -> None:
        self.fail(error)

    def tick(self, slept: float) -> None:
        link, silence = self._link, self._settings.limits.silence_seconds
        if link is None:
            return
        if self._cut:
            link.tick(self._loop.time())  # one that is coming back has no longer for its handshake than any other
            return
        if slept > silence and link.is_joined:
            link.close(Silent(seconds=round(silence)))  # the host has given this link up long ago
            return
        link.tick(self._loop.time(), slept > 0)
        if link.is_joined:
            self._confirm(link)

    def pause_reading(self) -> None:
        self._paused = True
        if self._link is not None:
            self._link.pause_reading()

    def resume_reading(self) -> None:
        self._paused = False
        if self._link is not None:
            self._link.resume_reading()

    def traffic(self) -> Traffic:
        return _sum(self._past_traffic, self._link.traffic()) if self._link is not None else self._past_traffic

    async def close(self) -> None:
        """Leave with a goodbye."""
        self._closing = True
        if self._reconnecting is not None:
            self._reconnecting.cancel()
            await asyncio.wait({self._reconnecting})
        if self._link is not None:
            self._link.close(Left())
            await self._link.closed()
        self._executor.shutdown(wait=False, cancel_futures=True)


def _sum(one: Traffic, other: Traffic) -> Traffic:
    return Traffic(*(sum(column) for column in zip(one, other, strict=True)))


def _dial_data(address: tuple[str, int], ticket: bytes, limits: Limits) -> socket.socket:
    """A second connection to where the link leads, for a file; raises `OSError`."""
    sock = socket.create_connection(address, limits.connect_seconds)
    try:
        sock.sendall(wire.DATA_MAGIC + ticket)
    except OSError:
        sock.close()
        raise
    return sock


def _close_late(dialling: asyncio.Future[socket.socket]) -> None:
    """Nobody waits for this connection any more."""
    if not dialling.cancelled() and dialling.exception() is None:
        dialling.result().close()


def _several_addresses(loop: asyncio.AbstractEventLoop) -> dict[str, Any]:
    """Try a host's addresses side by side (RFC 8305), so that a dead IPv6 route costs no wait. uvloop cannot."""
    return {} if type(loop).__module__.startswith("uvloop") else {"happy_eyeballs_delay": 0.25}
