"""What a person sends: files and folders that are offered, and a data connection to each who fetches one."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from usi.config import Limits
from usi.core import paths, wire
from usi.core.crypto import KEY_SIZE, PrivateKey, random_bytes
from usi.core.errors import (
    ChangedThere,
    FileChanged,
    LocalError,
    NoSuchFile,
    PeerError,
    TooManyTransfers,
    UnreadableThere,
    Withdrawn,
)
from usi.core.language import tr
from usi.core.line import Line
from usi.core.member import Member
from usi.core.offers import Offer
from usi.core.transfer import CHUNK, SALT_SIZE, Offered
from usi.net import streams
from usi.net.side import Side
from usi.net.streams import Speed, StreamHash
from usi.net.transfers import Transfer, Transfers
from usi.store.source import Source

_QUICK = 0.5  # seconds for which what is typed next waits until something is looked through


@dataclass(eq=False)
class _Own:
    """Something of ours that others may fetch."""

    offer: Offer
    source: Source
    stream_hash: StreamHash = field(default_factory=StreamHash)


class Sending:
    """The transfers that go out. `pump` passes on what the member machine has made."""

    def __init__(
        self,
        limits: Limits,
        key: PrivateKey,
        member: Member,
        side: Side,
        transfers: Transfers,
        pump: Callable[[], None],
    ) -> None:
        self._limits = limits
        self._key = key
        self._member = member
        self._side = side
        self._transfers = transfers
        self._pump = pump
        self._own: dict[bytes, _Own] = {}
        self._looking: set[asyncio.Task[None]] = set()
        """What is looked through before it is offered."""
        self.failed = False
        """Whether something could not be offered, and its person did not wait for that."""
        self._line: Line[bytes] = Line()
        """Members who wait for a place."""

    @property
    def looking(self) -> bool:
        """Whether something is still to be offered."""
        return any(not task.done() for task in self._looking)

    async def offer(self, line: str, room: str | None) -> None:
        """Offer the file or folder that a line names; raises `LocalError`. One that takes long to be looked through
        holds nobody up: it is offered later, and what is wrong with it is told."""
        looking = asyncio.get_running_loop().create_task(self._look_and_offer(line, room), name="usi looking")
        self._looking.add(looking)
        looking.add_done_callback(self._looked)
        await asyncio.wait({looking}, timeout=_QUICK)
        if looking.done():
            if not looking.cancelled():  # else its person has left
                looking.result()
        else:
            self._transfers.notice("file-looking", tr("{file}: it is offered once it is looked through.", file=line))
            self._transfers.start(None, self._see_how_it_ends(looking, line))

    def _looked(self, looking: asyncio.Task[None]) -> None:
        self._looking.discard(looking)
        if not looking.cancelled():
            looking.exception()  # is told, unless its person has left meanwhile

    async def _see_how_it_ends(self, looking: asyncio.Task[None], line: str) -> None:
        try:
            await looking
        except LocalError as error:
            self.failed = True
            self._transfers.refuse(error, f"/send {line}")

    async def _look_and_offer(self, line: str, room: str | None) -> None:
        given_up = threading.Event()
        source, to = await self._transfers.on_thread(given_up.set, _open_first, line, given_up.is_set)
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
            self._transfers.notice("file-skipped", said)

    def withdraw(self, offer: Offer, why: LocalError, word: type[PeerError]) -> None:
        """Take an own offer back; whoever is fetching it is told by this word."""
        self.forget(offer)
        for transfer in self._transfers.under_way:
            if transfer.offer is offer:
                self._transfers.say(transfer.member, transfer.id, word.code)
                self._transfers.stop(transfer, why)
        self._member.withdraw(offer, why, time.time())
        self._pump()

    def forget(self, offer: Offer) -> None:
        """An offer is closed: if it is an own one, nobody can fetch it any more."""
        self._own.pop(offer.offered.transfer, None)

    def begin_anew(self, member: Member) -> None:
        """There is another member machine: nothing is offered any more."""
        self._member = member
        self._own.clear()

    async def close(self) -> None:
        """Look through nothing any more."""
        for looking in self._looking:
            looking.cancel()
        if self._looking:
            await asyncio.wait(set(self._looking))

    # --- what receivers say ---

    def take_wanted(self, wanted: wire.Wanted) -> None:
        """Somebody fetches."""
        own = self._own.get(wanted.transfer)
        profile = self._member.roster.here.get(wanted.member)
        if own is None or profile is None or not self._member.may_fetch(own.offer, wanted.member):
            self._transfers.say(wanted.member, wanted.transfer, Withdrawn.code)
            return
        if wanted.first >= own.offer.offered.chunks:
            return  # no honest program asks for that
        known = self._transfers.get(wanted.transfer, wanted.member)
        if (known is None or known.ended or not known.at_work) and not self._has_place(wanted.member):
            if known is not None:
                known.since = time.monotonic()
            self._transfers.say(wanted.member, wanted.transfer, TooManyTransfers.code)
            return
        if known is None or known.ended:
            known = self._transfers.note(Transfer(own.offer, "out", wanted.member, profile.name))
        if known.task is not None:
            known.task.cancel()  # the receiver has given that connection up
        self._transfers.start(known, self._send(known, own, wanted))

    def _has_place(self, member: bytes) -> bool:
        """Whether one more can be sent now, to this receiver; else it waits in line, and who is too slow yields."""
        sending = [each for each in self._transfers.under_way if each.direction == "out" and each.at_work]
        free = self._limits.transfers_out - len(sending)
        if self._line.admit(member, free, time.monotonic()):
            return True
        slowest = min(sending, key=_rate, default=None)
        if free <= 0 and slowest is not None and _rate(slowest) < self._limits.slow_transfer_rate:
            self._transfers.interrupt(slowest)
        return False

    def take_decline(self, transfer: bytes, member: bytes) -> None:
        """Somebody does not want what was offered."""
        own = self._own.get(transfer)
        if own is not None and member in own.offer.audience:
            own.offer.audience.discard(member)
            if (profile := self._member.roster.here.get(member)) is not None:
                said = tr("{name} does not want {file}.", name=profile.name, file=own.offer.name)
                self._transfers.notice("file-declined", said)

    def take_received(self, transfer: Transfer) -> None:
        """A receiver has all of it, as it says."""
        if transfer.progress.done < transfer.offer.offered.size:
            return  # nobody has all of what was not sent
        transfer.offer.taken = True
        transfer.offer.audience.discard(transfer.member)
        own = self._own.get(transfer.id)
        self._transfers.done(transfer, str(own.source.path) if own else transfer.offer.name, None)

    def take_refusal(self, transfer: Transfer, error: PeerError) -> None:
        """A receiver has ended the transfer, for this reason."""
        transfer.offer.audience.discard(transfer.member)
        self._transfers.stop(transfer, error)

    # --- one data connection ---

    async def _send(self, transfer: Transfer, own: _Own, wanted: wire.Wanted) -> None:
        async with transfer.lock:
            await self._send_alone(transfer, own, wanted)

    async def _send_alone(self, transfer: Transfer, own: _Own, wanted: wire.Wanted) -> None:
        sock = None
        try:
            transfer.sock = sock = await self._side.open_data(wanted.ticket)
            sock.settimeout(self._limits.idle_transfer_seconds)
            transfer.progress.restart(wanted.first * CHUNK)
            transfer.speed = Speed(self._limits.slow_transfer_seconds, time.monotonic(), transfer.progress.done)
            transfer.state = "running"
            await self._transfers.on_thread(
                partial(streams.stop_sending, sock, transfer.progress),
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
            self.withdraw(own.offer, error, ChangedThere if isinstance(error, FileChanged) else UnreadableThere)
        finally:
            transfer.sock = transfer.speed = None
            transfer.since = time.monotonic()
            if sock is not None:
                sock.close()


def _rate(transfer: Transfer) -> float:
    return transfer.speed.rate if transfer.speed is not None else float("inf")


def _open_first(line: str, given_up: Callable[[], bool]) -> tuple[Source, str | None]:
    """What a line means, and for whom it is: the first reading of it that is there."""
    for text, name in paths.with_name(line):
        with suppress(OSError, ValueError, RuntimeError):  # the last where nobody has the home that ~NAME asks for
            path = Path(text).expanduser()
            if path.lstat():
                return Source.open(path, given_up), name
    raise NoSuchFile(path=line)
