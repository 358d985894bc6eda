"""A person's file transfers: offers made and accepted, and a thread with a data connection for each that runs.

What is offered, and by whom, the member machine knows; here it is carried out. Every transfer is a task; ending one
means cancelling its task, which wakes its thread by shutting its socket.
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Literal, ParamSpec, TypeVar

from usi.config import Settings
from usi.core import commands, events, paths, wire
from usi.core.crypto import KEY_SIZE, PrivateKey, PublicKey, random_bytes
from usi.core.errors import (
    CancelledThere,
    ChangedThere,
    Declined,
    FailedThere,
    FileChanged,
    FileCut,
    FileReplaced,
    FileStalled,
    LocalError,
    NoSuchFile,
    OfferClosed,
    PeerError,
    ReceivedAlready,
    ReceiverGone,
    ReceiverLost,
    SenderGone,
    TakenBack,
    TooManyTransfers,
    TransferCancelled,
    UnreadableThere,
    UsiError,
    Withdrawn,
)
from usi.core.language import tr
from usi.core.member import FileMessage, Member
from usi.core.offers import Offer
from usi.core.transfer import CHUNK, SALT_SIZE, Offered
from usi.net import streams
from usi.net.side import Side
from usi.net.streams import Progress, StreamHash
from usi.store.landing import Landing, PartFacts, forget, unfinished
from usi.store.source import Source

_RECEIVED = "received"
_WORDS: dict[str, type[PeerError]] = {
    error.code: error
    for error in (Withdrawn, ChangedThere, UnreadableThere, TooManyTransfers, CancelledThere, Declined)
}
_WISHED = TransferCancelled | TakenBack | CancelledThere | Declined | Withdrawn
"""Ends of a transfer that somebody wanted."""
_ENDED_KEPT = 100  # transfers that /files still lists
_LONGEST_PAUSE = 8.0  # seconds between attempts
_PATIENCE = 60.0  # seconds that a receiver whose connection broke has to fetch the rest

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(eq=False)
class _Own:
    """Something of ours that others may fetch."""

    offer: Offer
    source: Source
    stream_hash: StreamHash = field(default_factory=StreamHash)


@dataclass(eq=False)
class _Transfer:
    """One offer under way to or from one peer; it outlives its data connections."""

    offer: Offer
    direction: Literal["in", "out"]
    member: bytes
    peer: str
    progress: Progress = field(default_factory=Progress)
    state: Literal["waiting", "running", "done", "failed"] = "waiting"
    started: float = field(default_factory=time.monotonic)
    task: asyncio.Task[None] | None = None
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    """One thread at a time, also when the next attempt begins before the last one has ended."""
    all_here: bool = False
    """It was found right and is given its name: too late to be stopped."""
    sock: socket.socket | None = None
    word: PeerError | None = None
    """What the sender has just said instead of sending."""
    told: int = -1
    """`done` when progress was told last."""
    since: float = 0.0
    """When an own thread ended: from then on it is the receiver's turn."""
    told_busy: bool = False
    broken: bool = False
    """It failed, and nobody wanted that."""

    @property
    def ended(self) -> bool:
        return self.state in ("done", "failed")


class Files:
    """The transfers of one person. `tell` shows an event, `pump` passes on what the member machine has made, and
    `movement` waits until something has come from the hub."""

    def __init__(
        self,
        settings: Settings,
        key: PrivateKey,
        member: Member,
        side: Side,
        *,
        tell: Callable[[events.Event], None],
        pump: Callable[[], None],
        movement: Callable[[], Awaitable[None]],
    ) -> None:
        self._settings = settings
        self._limits = settings.limits
        self._key = key
        self._member = member
        self._side = side
        self._tell = tell
        self._pump = pump
        self._movement = movement
        self._loop = asyncio.get_running_loop()
        self._threads = ThreadPoolExecutor(
            self._limits.transfers_in + self._limits.transfers_out + 2, thread_name_prefix="usi-files"
        )
        self._places = asyncio.Semaphore(self._limits.transfers_in)
        self._own: dict[bytes, _Own] = {}
        self._transfers: dict[tuple[bytes, bytes], _Transfer] = {}
        """(transfer, peer's id) → what is under way, or how it ended."""
        self._tickets: dict[bytes, asyncio.Future[bytes]] = {}
        self._parts: list[tuple[PartFacts, int]] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._ticker: asyncio.TimerHandle | None = None
        self._closed = False

    @property
    def failed(self) -> bool:
        """Whether a transfer has ended badly, by nobody's wish, and was not mended by another attempt."""
        return any(transfer.broken for transfer in self._transfers.values())

    @property
    def unsettled(self) -> bool:
        """Whether something is under way, or is offered to somebody who has neither taken nor refused it."""
        return any(not transfer.ended for transfer in self._transfers.values()) or any(
            offer.audience and not offer.taken for offer in self._member.offers.mine
        )

    @property
    def untaken(self) -> list[str]:
        """Names of own offers that are open and that nobody has taken."""
        return [offer.name for offer in self._member.offers.mine if not offer.taken]

    # --- what the person wants ---

    async def do(self, intent: commands.ForFiles) -> None:
        """Carry out an intent; raises `LocalError`."""
        match intent:
            case commands.Send(line, room):
                await self._offer(line, room)
            case commands.Accept(number):
                self._accept(self._meant(number, "accept"))
            case commands.Decline(number):
                await self._decline(self._meant(number, "decline"))
            case commands.Cancel(number):
                self._cancel(number)
            case commands.Files():
                self._tell(self._listing())

    async def _offer(self, line: str, room: str | None) -> None:
        source, to = await self._on_thread(None, _open_first, line)
        offered = Offered(
            transfer=random_bytes(wire.TRANSFER_SIZE),
            key=random_bytes(KEY_SIZE),
            name=source.name,
            size=source.size,
            files=source.files,
            manifest=source.manifest_size,
        )
        offer = self._member.offer(offered, source.name, time.time(), room=room, to=to)
        self._own[offered.transfer] = _Own(offer, source)
        self._pump()
        if source.skipped:
            said = tr("{file}: {count} links and special files in it are not sent.",
                      file=offer.name, count=source.skipped)  # fmt: skip
            self._notice("file-skipped", said)

    def _meant(self, number: int | None, command: str) -> Offer:
        """The offer that is accepted or declined."""
        offers = self._member.offers
        if number is None:
            idle = [offer for offer in offers.open if not offer.mine and not self._is_running(offer)]
            return offers.only(idle, command)
        offer = offers.others(number)
        if offer.closed:
            raise OfferClosed(number=number, name=offer.name)
        return offer

    def _is_running(self, offer: Offer) -> bool:
        transfer = self._transfers.get((offer.offered.transfer, offer.sender))
        return transfer is not None and transfer.state != "failed"

    def _accept(self, offer: Offer) -> None:
        known = self._transfers.get((offer.offered.transfer, offer.sender))
        if known is None or known.ended:  # otherwise it is under way, and says so by itself
            transfer = self._note(_Transfer(offer, "in", offer.sender, offer.sender_name))
            if known is not None:
                transfer.lock = known.lock  # its thread may still be at the part
            self._start(transfer, self._receive(transfer))

    def _note(self, transfer: _Transfer) -> _Transfer:
        """List a new transfer; of those that have ended only the newest stay."""
        ended = [place for place, other in self._transfers.items() if other.ended]
        for place in ended[: max(0, len(ended) - _ENDED_KEPT)]:
            del self._transfers[place]
        self._transfers[transfer.offer.offered.transfer, transfer.member] = transfer
        return transfer

    async def _decline(self, offer: Offer) -> None:
        transfer = self._transfers.get((offer.offered.transfer, offer.sender))
        if transfer is not None and transfer.state == "done":
            raise ReceivedAlready(name=offer.name)  # its sender has been told so
        if transfer is not None and transfer.task is not None:
            self._stop(transfer, Declined())
            await asyncio.wait({transfer.task})
        facts = PartFacts(offer.offered, offer.sender, offer.sender_name)
        await self._on_thread(None, forget, self._settings.downloads, facts)
        self._say(offer.sender, offer.offered.transfer, Declined.code)
        self._member.close_offer(offer, Declined(), time.time())
        self._pump()

    def _cancel(self, number: int | None) -> None:
        offers = self._member.offers
        receiving = [t.offer for t in self._transfers.values() if t.direction == "in" and not t.ended]
        offer = offers.find(number) if number is not None else offers.only([*offers.mine, *receiving], "cancel")
        if offer.mine and not offer.closed:
            self._withdraw(offer, TakenBack(), Withdrawn)
        elif offer in receiving:
            transfer = self._transfers[offer.offered.transfer, offer.sender]
            if self._stop(transfer, TransferCancelled()):
                self._say(offer.sender, offer.offered.transfer, CancelledThere.code)
        else:
            raise OfferClosed(number=offer.number, name=offer.name)

    def _withdraw(self, offer: Offer, why: LocalError, word: type[PeerError]) -> None:
        """Take an own offer back; whoever is fetching it is told by this word."""
        self._own.pop(offer.offered.transfer, None)
        for transfer in self._transfers.values():
            if transfer.offer is offer and not transfer.ended:
                self._say(transfer.member, offer.offered.transfer, word.code)
                self._stop(transfer, why)
        self._member.withdraw(offer, why, time.time())
        self._pump()

    def _listing(self) -> events.Files:
        rows = []
        busy = set()
        for transfer in self._transfers.values():
            busy.add(transfer.offer.number)
            rows.append(_row(transfer.offer, transfer))
        rows += [_row(offer, None) for offer in self._member.offers.open if offer.number not in busy]
        rows.sort(key=lambda row: row.transfer)
        return events.Files(
            time=_now(), transfers=rows, passing=self._side.passing(), folder=str(self._settings.downloads)
        )

    # --- what happens elsewhere ---

    def hear(self, message: FileMessage) -> None:
        """What the hub says of transfers. What fits nothing here is late, and is passed over."""
        match message:
            case wire.Ticket(request, ticket):
                if waiting := self._tickets.get(request):
                    _resolve(waiting, ticket)
            case wire.NoTicket(request, code):
                if waiting := self._tickets.get(request):
                    _resolve(waiting, TooManyTransfers() if code == TooManyTransfers.code else SenderGone())
            case wire.Wanted():
                self._take_wanted(message)
            case wire.FileWord():
                self._take_word(message)

    def consider(self, event: events.Event) -> bool:
        """Act on what the member machine tells; False where the event is not to be shown."""
        match event:
            case events.FileOffer(mine=False):
                if self._settings.accept_files:
                    self._loop.call_soon(self._accept_number, event.transfer)
            case events.FileClosed():
                return self._take_closed(event)
            case events.MemberJoined():
                self._take_up_parts()
            case events.MemberLeft():
                self._member_left(bytes.fromhex(event.member))
        return True

    def joined(self) -> None:
        """The conversation is there: see what an earlier run has left half done."""
        self._start(None, self._look_for_parts())

    async def _look_for_parts(self) -> None:
        self._parts = await self._on_thread(None, unfinished, self._settings.downloads)
        self._take_up_parts()

    def _take_up_parts(self) -> None:
        """Offer again what was begun in an earlier run, where its sender is here."""
        for part in list(self._parts):
            facts, kept = part
            if facts.sender in self._member.roster.here:
                self._parts.remove(part)
                kept = max(0, kept - facts.offered.manifest)
                self._member.take_up(facts.offered, facts.sender, kept, time.time())
                self._loop.call_soon(self._pump)  # this may be amid a pump

    def _accept_number(self, number: int) -> None:
        with suppress(LocalError):  # taken back meanwhile
            self._accept(self._meant(number, "accept"))

    def _take_closed(self, event: events.FileClosed) -> bool:
        """An offer is gone: news to a person who has neither received it nor hears otherwise that it fails."""
        offer = self._member.offers.find(event.transfer)
        self._own.pop(offer.offered.transfer, None)
        transfer = self._transfers.get((offer.offered.transfer, offer.sender))
        if transfer is None or transfer.ended:
            return transfer is None or transfer.state == "failed"
        self._stop(transfer, transfer.word or _WORDS.get(event.code, SenderGone)())
        return False

    def _member_left(self, member: bytes) -> None:
        for transfer in list(self._transfers.values()):
            if transfer.member == member and not transfer.ended:
                self._stop(transfer, SenderGone() if transfer.direction == "in" else ReceiverGone())

    def disconnected(self, error: UsiError) -> None:
        """There is no host any more, and so no transfer; what has arrived is kept."""
        for transfer in self._transfers.values():
            if not transfer.ended:
                self._stop(transfer, error)

    # --- receiving ---

    async def _receive(self, transfer: _Transfer) -> None:
        offer = transfer.offer
        facts = PartFacts(offer.offered, offer.sender, offer.sender_name)
        async with transfer.lock, self._places:
            landing = await self._on_thread(None, Landing.begin, self._settings.downloads, facts)
            with landing:
                transfer.progress.restart(landing.done)
                try:
                    whole = await self._fetch_all(transfer, landing)
                except FileReplaced:
                    await self._on_thread(None, landing.discard)
                    transfer.progress.restart(0)
                    raise
                transfer.all_here = True
                path = await self._on_thread(None, landing.finish)
        self._say(offer.sender, offer.offered.transfer, _RECEIVED)
        self._done(transfer, str(path), whole)

    async def _fetch_all(self, transfer: _Transfer, landing: Landing) -> bytes:
        """Fetch until all is there, over as many connections as it takes. Returns SHA-256 of the stream."""
        sender = await self._key_of(transfer.member)
        state = await self._on_thread(None, landing.hash_kept)
        tries = 0
        while True:
            before = landing.done
            try:
                return await self._fetch(transfer, landing, sender, state)
            except (TooManyTransfers, FileCut, FileStalled, OSError) as error:
                word, transfer.word = transfer.word, None
                if word is not None and not isinstance(word, TooManyTransfers):
                    raise word from error
                busy = isinstance(word or error, TooManyTransfers)
                tries = 1 if landing.done > before or busy else tries + 1
                if tries > self._limits.transfer_tries:
                    raise error if isinstance(error, PeerError) else FileCut from error
                if busy and not transfer.told_busy:
                    transfer.told_busy = True
                    self._notice(TooManyTransfers.code, f"{transfer.offer.name}: {TooManyTransfers()}")
                elif not busy:
                    self._notice("file-reconnecting", _reconnecting(transfer.offer.name, error))
                transfer.state = "waiting"
                await asyncio.sleep(min(self._limits.retry_seconds * 2**tries, _LONGEST_PAUSE))

    async def _fetch(self, transfer: _Transfer, landing: Landing, sender: PublicKey, state: Any) -> bytes:
        """One data connection's worth."""
        offered = transfer.offer.offered
        first = landing.done // CHUNK
        request = random_bytes(wire.REQUEST_SIZE)
        waiting = self._tickets[request] = self._loop.create_future()
        try:
            self._side.send([wire.Fetch(transfer.member, offered.transfer, request, first)])
            async with asyncio.timeout(self._limits.ticket_seconds):
                ticket = await waiting
        except TimeoutError as error:
            raise FileStalled(seconds=round(self._limits.ticket_seconds)) from error
        finally:
            del self._tickets[request]
        transfer.sock = sock = await self._side.open_data(ticket)
        try:
            if transfer.word is not None:  # it came while we were dialling
                raise FileCut
            sock.settimeout(self._limits.stall_seconds)
            transfer.progress.restart(landing.done)
            transfer.state = "running"
            return await self._on_thread(
                partial(_wake, sock),
                streams.receive, sock, landing.write, offered, sender, state, first, transfer.progress,
            )  # fmt: skip
        finally:
            transfer.sock = None
            sock.close()

    async def _key_of(self, member: bytes) -> PublicKey:
        """The key by which a sender's signature is checked; asked for where it is not known yet."""
        self._member.ask_key(member)
        self._pump()
        try:
            async with asyncio.timeout(self._limits.ticket_seconds):
                while (key := self._member.roster.keys.get(member)) is None:
                    await self._movement()
        except TimeoutError as error:
            raise SenderGone from error
        return key

    # --- sending ---

    def _take_wanted(self, wanted: wire.Wanted) -> None:
        own = self._own.get(wanted.transfer)
        profile = self._member.roster.here.get(wanted.member)
        if own is None or profile is None or not self._member.may_fetch(own.offer, wanted.member):
            self._say(wanted.member, wanted.transfer, Withdrawn.code)
            return
        if wanted.first >= own.offer.offered.chunks:
            return  # no honest program asks for that
        place = wanted.transfer, wanted.member
        known = self._transfers.get(place)
        if known is None or known.ended:
            sending = [t for t in self._transfers.values() if t.direction == "out" and not t.ended]
            if len(sending) >= self._limits.transfers_out:
                self._say(wanted.member, wanted.transfer, TooManyTransfers.code)
                return
            known = self._note(_Transfer(own.offer, "out", wanted.member, profile.name))
        if known.task is not None:
            known.task.cancel()  # the receiver has given that connection up
        self._start(known, self._send(known, own, wanted))

    async def _send(self, transfer: _Transfer, own: _Own, wanted: wire.Wanted) -> None:
        async with transfer.lock:
            await self._send_alone(transfer, own, wanted)

    async def _send_alone(self, transfer: _Transfer, own: _Own, wanted: wire.Wanted) -> None:
        sock = None
        try:
            transfer.sock = sock = await self._side.open_data(wanted.ticket)
            sock.settimeout(self._limits.idle_transfer_seconds)
            transfer.progress.restart(wanted.first * CHUNK)
            transfer.state = "running"
            await self._on_thread(
                partial(_stop_sending, sock, transfer.progress),
                streams.send,
                sock,
                own.source,
                own.offer.offered,
                self._key,
                own.stream_hash,
                wanted.first,
                random_bytes(SALT_SIZE),
                transfer.progress,
            )
        except (OSError, PeerError):
            pass  # the receiver comes again, or its time runs out
        except LocalError as error:
            self._withdraw(own.offer, error, ChangedThere if isinstance(error, FileChanged) else UnreadableThere)
        finally:
            transfer.sock = None
            transfer.since = time.monotonic()
            if sock is not None:
                sock.close()

    def _take_word(self, message: wire.FileWord) -> None:
        transfer = self._transfers.get((message.transfer, message.member))
        own = self._own.get(message.transfer)
        if own is not None and message.code == Declined.code and message.member in own.offer.audience:
            own.offer.audience.discard(message.member)
            if (profile := self._member.roster.here.get(message.member)) is not None:
                said = tr("{name} does not want {file}.", name=profile.name, file=own.offer.name)
                self._notice("file-declined", said)
        if transfer is None or transfer.ended:
            return
        error: PeerError = _WORDS[message.code]() if message.code in _WORDS else FailedThere(reason=message.code)
        if transfer.direction == "in":
            if transfer.word is None or isinstance(transfer.word, TooManyTransfers):
                transfer.word = error
            if transfer.sock is not None:
                _wake(transfer.sock)
            elif not isinstance(error, TooManyTransfers):
                self._stop(transfer, error)
        elif message.code == _RECEIVED:
            if transfer.progress.done < transfer.offer.offered.size:
                return  # nobody has all of what was not sent
            transfer.offer.taken = True
            transfer.offer.audience.discard(message.member)
            self._done(transfer, str(own.source.path) if own else transfer.offer.name, None)
        else:
            transfer.offer.audience.discard(message.member)
            self._stop(transfer, error)

    # --- beginning and end of a transfer ---

    def _start(self, transfer: _Transfer | None, work: Coroutine[Any, Any, None]) -> None:
        if self._closed:
            work.close()
            return
        task = self._loop.create_task(work, name="usi transfer")
        self._tasks.add(task)
        task.add_done_callback(partial(self._over, transfer))
        if transfer is not None:
            transfer.task = task
            self._tick_soon()

    def _over(self, transfer: _Transfer | None, task: asyncio.Task[None]) -> None:
        """A transfer's work has ended: tell how it failed."""
        self._tasks.discard(task)
        if task.cancelled() or (error := task.exception()) is None:
            return
        if transfer is None or not isinstance(error, UsiError):
            raise error
        if transfer.direction == "in" and not transfer.ended:
            self._say(transfer.member, transfer.offer.offered.transfer, error.code)
        self._fail(transfer, error)

    def _stop(self, transfer: _Transfer, error: UsiError) -> bool:
        """End a transfer that is under way, for this reason; False where it is too late for that."""
        if not transfer.all_here:
            self._fail(transfer, error)
            if transfer.task is not None:
                transfer.task.cancel()
        return not transfer.all_here

    def _fail(self, transfer: _Transfer, error: UsiError) -> None:
        if transfer.ended:
            return
        transfer.state = "failed"
        transfer.broken = not isinstance(error, _WISHED)
        kept = transfer.progress.done if transfer.direction == "in" else 0
        self._tell(
            events.FileFailed(
                time=_now(),
                transfer=transfer.offer.number,
                direction=transfer.direction,
                peer=transfer.peer,
                name=transfer.offer.name,
                code=error.code,
                text=str(error),
                kept=kept,
            )
        )

    def _done(self, transfer: _Transfer, path: str, whole: bytes | None) -> None:
        transfer.state = "done"
        offered = transfer.offer.offered
        transfer.progress.done = offered.size
        self._tell(
            events.FileDone(
                time=_now(),
                transfer=transfer.offer.number,
                direction=transfer.direction,
                peer=transfer.peer,
                name=transfer.offer.name,
                path=path,
                size=offered.content,
                seconds=round(time.monotonic() - transfer.started, 3),
                sha256=whole.hex() if whole is not None and offered.files is None else None,
            )
        )

    def _say(self, member: bytes, transfer: bytes, code: str) -> None:
        self._side.send([wire.FileWord(member, transfer, code)])

    def _notice(self, code: str, said: str) -> None:
        self._tell(events.Notice(time=_now(), code=code, text=said))

    # --- time ---

    def _tick_soon(self) -> None:
        if self._ticker is None and not self._closed:
            self._ticker = self._loop.call_later(self._limits.progress_seconds, self._tick)

    def _tick(self) -> None:
        """Tell how far transfers are, and give up receivers that do not come back."""
        self._ticker = None
        now = time.monotonic()
        under_way = [transfer for transfer in self._transfers.values() if not transfer.ended]
        for transfer in under_way:
            idle = transfer.direction == "out" and transfer.task is not None and transfer.task.done()
            if idle and now - transfer.since > _PATIENCE:
                self._fail(transfer, ReceiverLost())
            elif transfer.state == "running" and transfer.progress.done != transfer.told:
                transfer.told = transfer.progress.done
                self._tell(_progress(transfer))
        if under_way:
            self._tick_soon()

    async def close(self) -> None:
        """End everything; what has arrived is kept."""
        self._closed = True
        if self._ticker is not None:
            self._ticker.cancel()
        for task in list(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.wait(set(self._tasks))
        self._threads.shutdown(wait=False)

    async def _on_thread(
        self, stop: Callable[[], None] | None, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run on a thread. When cancelled, `stop` is called, and the thread's end is waited for all the same."""
        future = self._loop.run_in_executor(self._threads, lambda: function(*args, **kwargs))
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            if stop is not None:
                stop()
            while not future.done():
                with suppress(asyncio.CancelledError):  # cancelled once more: it waits all the same
                    await asyncio.wait({future})
            # The exception is looked at, and passed over: the cancelling says why.
            if not future.cancelled() and future.exception() is None and isinstance(left := future.result(), Landing):
                left.close()
            raise


def _open_first(line: str) -> tuple[Source, str | None]:
    """What a line means, and for whom it is: the first reading of it that is there."""
    for text, name in paths.with_name(line):
        with suppress(OSError, ValueError, RuntimeError):  # the last where nobody has the home that ~NAME asks for
            path = Path(text).expanduser()
            if path.lstat():
                return Source.open(path), name
    raise NoSuchFile(path=line)


def _wake(sock: socket.socket) -> None:
    with suppress(OSError):  # not connected any more
        sock.shutdown(socket.SHUT_RDWR)


def _stop_sending(sock: socket.socket, progress: Progress) -> None:
    progress.stopped = True
    _wake(sock)


def _resolve(waiting: asyncio.Future[bytes], answer: bytes | PeerError) -> None:
    if waiting.done():
        return
    if isinstance(answer, bytes):
        waiting.set_result(answer)
    else:
        waiting.set_exception(answer)


def _reconnecting(name: str, error: Exception) -> str:
    if isinstance(error, FileStalled):
        return tr("{name}: no data for {seconds} s, reconnecting …", name=name, seconds=error.fields["seconds"])
    return tr("{name}: the connection was cut, reconnecting …", name=name)


def _shown(transfer: _Transfer) -> tuple[int, int]:
    """Bytes of content that are done, and in all: a folder's manifest is no business of a person."""
    offered = transfer.offer.offered
    return max(0, transfer.progress.done - offered.manifest), offered.content


def _progress(transfer: _Transfer) -> events.FileProgress:
    done, size = _shown(transfer)
    return events.FileProgress(
        time=_now(),
        transfer=transfer.offer.number,
        direction=transfer.direction,
        peer=transfer.peer,
        name=transfer.offer.name,
        done=done,
        size=size,
        rate=transfer.progress.rate(),
    )


def _row(offer: Offer, transfer: _Transfer | None) -> events.TransferRow:
    running = transfer is not None and transfer.state == "running"
    return events.TransferRow(
        transfer=offer.number,
        direction="out" if offer.mine else "in",
        peer=transfer.peer if transfer is not None else None if offer.mine else offer.sender_name,
        name=offer.name,
        state=transfer.state if transfer is not None else "offered",
        done=_shown(transfer)[0] if transfer is not None else 0,
        size=offer.offered.content,
        rate=transfer.progress.rate() if transfer is not None and running else 0,
    )


def _now() -> datetime:
    return datetime.now(UTC)
