"""One TCP connection that pumps one session: feed, take messages, flush; deadlines, heartbeat and a clean end.

RSA work happens on a few threads, so that a newcomer delays nobody; the session is theirs alone meanwhile, because
reading is paused. Everything else is plain calls on the event loop, without a task per connection.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence
from concurrent.futures import Executor
from contextlib import suppress
from typing import Any, Protocol, cast

from usi.config import Limits
from usi.core import codec, wire
from usi.core.addresses import network_of, place, plain
from usi.core.errors import (
    Busy,
    Cut,
    HandshakeTimeout,
    Left,
    NotUsi,
    PeerError,
    Replaced,
    Silent,
    TooFast,
    TooSlow,
    WornOut,
    from_code,
)
from usi.core.session import Role, Session, State, refusal
from usi.net.pace import PacedInbox
from usi.net.side import Traffic

_HIGH_WATER = 256 * 1024  # bytes that asyncio holds for the kernel before the link's own queue fills
_FLUSH_AT = 64 * 1024  # bytes in the queue that do not wait for the next turn
_MOST_WAITING = 5_000  # messages of one sender: no honest one fills a read with so many so small
_DATA_HELLO = len(wire.DATA_MAGIC) + wire.TICKET_SIZE
_LINGER_BYTES = 64 * 1024  # read and thrown away after a refusal, so that a reset does not destroy it on its way


class Owner(Protocol):
    """Who a link reports to."""

    def link_made(self, link: Link) -> bool:
        """The connection is there; False turns it away as too many at once."""

    def link_ready(self, link: Link) -> None:
        """The keys are made and the fingerprint is known."""

    def link_messages(self, link: Link, messages: Sequence[wire.Message]) -> None: ...

    def link_ended(self, link: Link, error: PeerError | None) -> None:
        """Called once: with the error for which this side ended it, or None after the peer's goodbye."""

    def link_closed(self, link: Link) -> None:
        """Called last: nothing more is read or written."""

    def link_is_data(self, link: Link, ticket: bytes, sock: socket.socket) -> None:
        """It is no link but a data connection, which now is the owner's; called in place of everything else."""


def address_of(peername: Sequence[Any]) -> tuple[str, int]:
    """Address and port of a socket's other end. A link-local IPv6 address keeps its zone, without which nobody finds it
    again."""
    host, port, *rest = peername
    zone = rest[1] if len(rest) > 1 and "%" not in host else 0
    return (f"{host}%{zone}" if zone else host), port


class Flusher:
    """Writes what waits, for all links of a program, once per turn of the event loop.

    Everything that became ready in one turn goes out in one record per link."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._waiting: list[Link] = []
        self.now = loop.time()
        """When it wrote last, by the loop's clock: near enough for a heartbeat, and cheaper than asking each time."""

    def add(self, link: Link) -> None:
        if not self._waiting:
            self._loop.call_soon(self._run)
        self._waiting.append(link)

    def _run(self) -> None:
        waiting, self._waiting = self._waiting, []
        now = self.now = self._loop.time()
        last: list[bytes] = []
        packed: tuple[bytes, ...] = ()
        for link in waiting:
            queue, session, transport = link._queue, link.session, link._transport
            if session.state is not State.OPEN or transport is None:
                link.flush()
                continue
            if link._full or link._working or link._ended or not queue:
                continue
            # As `flush`, without its calls: this loop runs once per reader of every post.
            link._queue, link._queued, link._spoke = [], 0, now
            if queue != last:  # mostly all have the same objects to write, found equal at once: they are packed once
                last, packed = queue, tuple(codec.pack(queue))
            for plaintext in packed:
                data = session.seal_packed(plaintext)
                link.bytes_out += len(data)
                transport.write(data)


class Link(asyncio.Protocol):
    """See the module. `number` is the owner's name for this link."""

    def __init__(
        self, session: Session, owner: Owner, flusher: Flusher, executor: Executor, limits: Limits, number: int = 0
    ) -> None:
        self.session = session
        self.number = number
        self.peer_address: tuple[str, int] = ("", 0)
        self.bytes_in = self.bytes_out = 0
        self.goodbye: PeerError = Left()
        """What the peer's goodbye means, once it was said."""
        self._owner = owner
        self._inbox = PacedInbox(limits, self._pass_on, self._hold) if session.role is Role.HOST else None
        self._flusher = flusher
        self._executor = executor
        self._limits = limits
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._queue: list[bytes] = []
        self._queued = 0
        self._full = False  # the transport asked to wait
        self._paused = False  # the owner does not want to hear more yet
        self._working = False  # a thread has the session
        self._backlog: list[bytes] = []
        self._opening = b""  # the first bytes, until they say whether this is a data connection
        self._eof_waits = False
        self._ended = False
        self._ignored = 0
        self._closed = asyncio.Event()
        self._deadline: float | None = self._loop.time() + limits.handshake_seconds
        self._heard = self._spoke = self._loop.time()

    @property
    def place(self) -> str:
        """Where the peer is: `host:port`."""
        address, port = self.peer_address
        return place(plain(address), port)

    @property
    def network(self) -> str:
        """What counts as one address, where members are counted by it; in memory there is none but its name."""
        return network_of(self.peer_address[0]) or self.peer_address[0]

    # --- asyncio's side ---

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(high=_HIGH_WATER)
        self.peer_address = address_of(transport.get_extra_info("peername") or ("", 0))  # None where it is reset by now
        if (sock := transport.get_extra_info("socket")) is not None:
            with suppress(OSError):  # two who write in turn must not wait for each other's delayed ACK
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._owner.link_made(self):
            self._write()
        elif not self._ended:
            self._refuse(Busy())

    def data_received(self, data: bytes) -> None:
        self.bytes_in += len(data)
        if self._ended:
            self._ignored += len(data)
            if self._ignored > _LINGER_BYTES:
                self._abort()
            return
        if self.session.role is Role.HOST and self.session.state is State.START and not self._working:
            data, self._opening = self._opening + data, b""
            if wire.DATA_MAGIC.startswith(data[: len(wire.DATA_MAGIC)]):
                self._opening = data
                if len(data) == _DATA_HELLO:
                    self._become_data(data[len(wire.DATA_MAGIC) :])
                elif len(data) > _DATA_HELLO:
                    self._refuse(NotUsi())
                return
        if self._working:
            self._backlog.append(data)
        elif self.session.state in (State.OPEN, State.KEYED):
            self._feed(data)
        else:
            self._feed_in_thread(data)

    def _become_data(self, ticket: bytes) -> None:
        """Hand the socket over: from here on threads read and write it, and this transport is done with it."""
        transport, self._transport = self._transport, None
        if transport is not None:
            given = transport.get_extra_info("socket")
            sock = socket.fromfd(given.fileno(), given.family, given.type)
            self._ended = True
            transport.abort()  # stops reading, and closes its own descriptor only
            self._owner.link_is_data(self, ticket, sock)

    def eof_received(self) -> bool:
        if self._working:
            self._eof_waits = True
            return True
        if not self._ended:
            try:
                self.session.receive_eof()
            except PeerError as error:
                self._end(error)
            else:
                self._end(None)
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._closed.set()
        if not self._ended:
            self._end(self._cut())
        self._owner.link_closed(self)

    def _cut(self) -> PeerError:
        """What a connection that ended without an end means: a refusal, where one came just before."""
        try:
            self.session.receive_eof()
        except NotUsi:
            return Cut()
        except PeerError as error:
            return error
        return Cut()

    def pause_writing(self) -> None:
        self._full = True

    def resume_writing(self) -> None:
        self._full = False
        if self._queue:
            self._flusher.add(self)

    # --- receiving ---

    def _feed(self, data: bytes) -> None:
        opened = self.session.records_in
        while True:
            try:
                messages = self.session.receive_data(data)
            except PeerError as error:
                self._refuse(error)
                return
            if self.session.records_in > opened:
                self._heard = self._loop.time()  # only what opened is a sign of life
            self._deliver(messages)
            if not self.session.failed or self._ended:
                return
            data = b""  # the error behind those messages comes next

    def _feed_in_thread(self, data: bytes) -> None:
        self._working = True
        self.pause_reading()
        future = self._loop.run_in_executor(self._executor, self.session.receive_data, data)
        future.add_done_callback(self._fed)

    def _fed(self, future: asyncio.Future[list[wire.Message]]) -> None:
        """The thread is done with the session."""
        self._working = False
        if future.cancelled() or self._ended:
            return
        try:
            messages = future.result()
        except PeerError as error:
            self._refuse(error)
            return
        self._write()
        self._heard = self._loop.time()
        if self.session.state is State.KEYED:
            self._owner.link_ready(self)
        self._paused = False
        self._deliver(messages)
        if not self._paused:
            self.resume_reading()
        backlog, self._backlog = b"".join(self._backlog), []
        if backlog or self.session.failed:
            self.bytes_in -= len(backlog)
            self.data_received(backlog)
        if self._eof_waits and not self._working:
            self.eof_received()
            if self._transport is not None:
                self._transport.close()

    def _deliver(self, messages: Sequence[wire.Message]) -> None:
        if self._ended:
            return
        if self._inbox is None:
            self._pass_on(messages)
        elif messages:
            self._inbox.take(messages)
            if max(len(messages), self._inbox.waiting) > _MOST_WAITING:
                self._refuse(TooFast())

    def _pass_on(self, messages: Sequence[wire.Message]) -> None:
        if messages and not self._ended:
            if isinstance(messages[-1], wire.Bye):
                self.goodbye = from_code(messages[-1].code)
            self._owner.link_messages(self, messages)
            if isinstance(messages[-1], wire.Bye) and not self._ended:
                self._end(None)

    def _hold(self, waits: bool) -> None:
        """The peer sends faster than its pace: let it wait."""
        if waits:
            self.pause_reading()
        elif not self._ended:
            self.resume_reading()

    # --- sending ---

    def queue(self, encoded: bytes) -> None:
        """Let an encoded message go out with the next flush. A link whose peer does not take what waits ends."""
        if self._ended:
            return
        if not self._queue and not self._full:
            self._flusher.add(self)
        self._queue.append(encoded)
        self._queued += len(encoded)
        if self._queued > _FLUSH_AT:
            self.flush()  # a burst of ours: it waits only where the peer, or its line, is slow
            if self._queued > self._limits.queue_bytes and self.session.role is Role.HOST:
                self.close(TooSlow())

    def send(self, message: wire.Message) -> None:
        self.queue(codec.encode(message))

    def flush(self, *, force: bool = False) -> None:
        """Seal and write what waits, unless the peer is not keeping up; `force` writes all the same."""
        if (self._full and not force) or not self._queue or self._working or self._ended or not self.session.keyed:
            return
        queue, self._queue = self._queue, []
        self._queued = 0
        self.session.send_encoded(queue)
        self._write()

    def _write(self) -> None:
        data = self.session.data_to_send()
        if data and self._transport is not None:
            self.bytes_out += len(data)
            self._spoke = self._flusher.now
            self._transport.write(data)

    def pause_reading(self) -> None:
        """Let the peer wait: TCP holds back what it sends, and its silence is our doing."""
        self._paused = True
        if self._transport is not None:
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        self._paused = False
        if self._transport is not None:
            self._transport.resume_reading()

    def traffic(self) -> Traffic:
        return Traffic(self.bytes_in, self.bytes_out, self.session.records_in, self.session.records_out)

    # --- time ---

    @property
    def is_joined(self) -> bool:
        return self._deadline is None

    def joined(self) -> None:
        """The member is in: from now on silence is what ends the link."""
        self._deadline = None

    def tick(self, now: float, forgive: bool = False) -> None:
        """Called about once a second. `forgive`: this machine slept, so nobody else was silent."""
        if self._ended:
            return
        if self._deadline is not None:
            if now > self._deadline:
                self._refuse(HandshakeTimeout())
            return
        if forgive or self._paused:
            self._heard = now
        if self.session.worn:
            self.close(WornOut())
        if now - self._heard > self._limits.silence_seconds:
            self._refuse(Silent(seconds=round(self._limits.silence_seconds)))
        elif now - self._spoke > self._limits.heartbeat_seconds:
            self.send(wire.Alive())

    # --- the end ---

    def close(self, error: PeerError) -> None:
        """Say goodbye with this reason and end; what waits in the queue goes first, except to one who is too slow."""
        if not self._ended:
            if not isinstance(error, TooSlow):
                self.flush(force=True)
            self._refuse(error)

    def make_way(self) -> None:
        """End, because another link has taken this one's place: what waits goes out there. Nobody waits for a peer who
        does not read, or one member could have any number of full queues."""
        self._queue.clear()
        self._queued, full = 0, self._full
        self.close(Replaced())
        if full:
            self._abort()

    def _refuse(self, error: PeerError) -> None:
        """End, and tell the peer the code: sealed where there are keys, as a bare refusal by a host otherwise."""
        if self._transport is not None and not self._working:
            if self.session.keyed:
                self.session.send([wire.Bye(error.code)])
                self._write()
            elif self.session.role is Role.HOST and not self.session.has_keys:
                self.session.data_to_send()  # an answer that is not out yet would only hide the refusal
                self._transport.write(refusal(error))
            if self._transport.can_write_eof():
                with suppress(OSError):  # a reset that the loop has not read yet
                    self._transport.write_eof()
            self._transport.resume_reading()  # to the peer's end, so that a reset does not overtake the goodbye
        self._end(error, linger=not self._working)

    def _end(self, error: PeerError | None, *, linger: bool = False) -> None:
        self._ended = True
        if self._inbox is not None:
            self._inbox.stop()
        self._queue.clear()
        self._queued = 0
        if self._transport is not None:
            if not linger:
                self._transport.close()
            self._loop.call_later(self._limits.goodbye_seconds, self._abort)
        self._owner.link_ended(self, error)

    @property
    def queued(self) -> int:
        """Bytes that wait because the peer does not take them."""
        return self._queued

    def drop(self) -> None:
        """End without a word, and without telling the owner, who has no use for this link any more."""
        self._ended = True
        if self._inbox is not None:
            self._inbox.stop()
        self._abort()

    async def closed(self) -> None:
        """Wait until nothing more is written or read."""
        await self._closed.wait()

    def turn_away(self) -> None:
        """Refuse and close at once: there are too many to wait for each to read it."""
        self._ended = True
        if self._transport is not None:
            self._transport.write(refusal(Busy()))
            self._transport.close()

    def _abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()
