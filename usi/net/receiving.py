"""What a person receives: an accepted offer is fetched, over as many data connections as it takes, into its folder."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import Any

from usi.config import Settings
from usi.core import events, wire
from usi.core.crypto import PublicKey, random_bytes
from usi.core.errors import (
    CancelledThere,
    Declined,
    FileCut,
    FileReplaced,
    FileStalled,
    LocalError,
    OfferClosed,
    PeerError,
    ReceivedAlready,
    SenderGone,
    TooManyTransfers,
    TransferCancelled,
)
from usi.core.language import labelled, tr
from usi.core.member import Member
from usi.core.offers import Offer
from usi.core.text import clean_file_name
from usi.core.transfer import CHUNK
from usi.net import streams
from usi.net.side import Side
from usi.net.transfers import Transfer, Transfers
from usi.store.landing import Landing, PartFacts, forget, unfinished

RECEIVED = "received"
"""The word to a sender that all is here and was found right."""
_LONGEST_PAUSE = 8.0  # seconds between attempts


class Receiving:
    """The transfers that come in. `pump` passes on what the member machine has made, and `movement` waits until
    something has come from the hub."""

    def __init__(
        self,
        settings: Settings,
        member: Member,
        side: Side,
        transfers: Transfers,
        pump: Callable[[], None],
        movement: Callable[[], Awaitable[None]],
    ) -> None:
        self._folder = settings.downloads
        self._limits = settings.limits
        self._member = member
        self._side = side
        self._transfers = transfers
        self._pump = pump
        self._movement = movement
        self._loop = asyncio.get_running_loop()
        self._places = asyncio.Semaphore(self._limits.transfers_in)
        self._tickets: dict[bytes, asyncio.Future[bytes]] = {}
        self._parts: dict[int, tuple[PartFacts, int]] = {}
        """Number → what an earlier run has left and nobody offers, and how many bytes of it are here."""
        self._looking = asyncio.Lock()

    # --- what the person wants ---

    def accept(self, number: int | None) -> None:
        """Fetch what is offered under this number, or the only offer; raises `LocalError`."""
        offer = self._meant(number, "accept")
        known = self._transfers.of(offer)
        if known is None or known.ended:  # otherwise it is under way, and says so by itself
            transfer = self._transfers.note(Transfer(offer, "in", offer.sender, offer.sender_name))
            if known is not None:
                transfer.lock = known.lock  # its thread may still be at the part
            self._transfers.start(transfer, self._receive(transfer))

    def accept_soon(self, number: int) -> None:
        """Fetch an offer that has just come, unless it is taken back meanwhile."""
        self._loop.call_soon(self._accept_still, number)

    def _accept_still(self, number: int) -> None:
        with suppress(LocalError):  # taken back meanwhile
            self.accept(number)

    async def decline(self, number: int | None) -> None:
        """Refuse an offer, and throw away what has come of it, also where nobody offers it any more. `LocalError`."""
        if number is not None and (facts := self._kept(number)) is not None:
            await self._throw_away(number, facts)
            return
        offer = self._meant(number, "decline")
        transfer = self._transfers.of(offer)
        if transfer is not None and transfer.state == "done":
            raise ReceivedAlready(name=offer.name)  # its sender has been told so
        if transfer is not None and transfer.task is not None:
            self._transfers.stop(transfer, Declined())
            await asyncio.wait({transfer.task})
            transfer.progress.restart(0)
        facts = PartFacts(offer.offered, offer.sender, offer.sender_name)
        await self._transfers.on_thread(None, forget, self._folder, facts)
        self._transfers.say(offer.sender, offer.offered.transfer, Declined.code)
        self._member.close_offer(offer, Declined(), time.time())
        self._pump()

    def cancel(self, transfer: Transfer) -> None:
        """Stop; what has come is kept."""
        if self._transfers.stop(transfer, TransferCancelled()):
            self._transfers.say(transfer.member, transfer.id, CancelledThere.code)

    def _kept(self, number: int) -> PartFacts | None:
        """What is here and nobody offers any more."""
        if number in self._parts:
            return self._parts[number][0]
        transfer = self._transfers.kept(number)
        if transfer is None:
            return None
        return PartFacts(transfer.offer.offered, transfer.offer.sender, transfer.offer.sender_name)

    async def _throw_away(self, number: int, facts: PartFacts) -> None:
        await self._transfers.on_thread(None, forget, self._folder, facts)
        self._parts.pop(number, None)
        if (transfer := self._transfers.kept(number)) is not None:
            transfer.progress.restart(0)
        name = clean_file_name(facts.offered.name)
        self._transfers.notice("kept-gone", tr("{name}: what had come of it was thrown away.", name=name))

    def _meant(self, number: int | None, command: str) -> Offer:
        """The offer that is accepted or declined."""
        offers = self._member.offers
        if number is None:
            idle = [offer for offer in offers.open if not offer.mine and not self._is_running(offer)]
            return offers.only(idle, command)
        if number in self._parts:
            raise OfferClosed(number=number, name=clean_file_name(self._parts[number][0].offered.name))
        offer = offers.others(number)
        if offer.closed:
            raise OfferClosed(number=number, name=offer.name)
        return offer

    def _is_running(self, offer: Offer) -> bool:
        transfer = self._transfers.of(offer)
        return transfer is not None and transfer.state != "failed"

    # --- what an earlier run has left half done ---

    async def look_for_parts(self) -> None:
        """Look into the folder once, and offer again what is there."""
        async with self._looking:
            await self._look()
        self.take_up_parts()

    async def _look(self) -> None:
        numbers = {(facts.offered.transfer, facts.sender): number for number, (facts, _) in self._parts.items()}
        found = await self._transfers.on_thread(None, unfinished, self._folder)
        self._parts.clear()
        for facts, kept in found:
            place = facts.offered.transfer, facts.sender
            transfer = self._transfers.get(*place)
            if transfer is not None and transfer.is_kept:
                numbers[place] = transfer.offer.number
            self._parts[numbers.get(place) or self._member.offers.new_number()] = facts, kept

    async def rows(self) -> list[events.TransferRow]:
        """What is left of earlier runs and nobody offers, once the folder was looked into."""
        async with self._looking:
            pass
        return [
            events.TransferRow(
                transfer=number,
                direction="in",
                peer=facts.sender_name,
                name=clean_file_name(facts.offered.name),
                state="kept",
                done=max(0, kept - facts.offered.manifest),
                size=facts.offered.content,
                rate=0,
            )
            for number, (facts, kept) in self._parts.items()
        ]

    def take_up_parts(self) -> None:
        """Offer again what was begun in an earlier run, where its sender is here."""
        for number, (facts, kept) in list(self._parts.items()):
            if facts.sender in self._member.roster.here:
                del self._parts[number]
                if (transfer := self._transfers.kept(number)) is not None:
                    transfer.progress.restart(0)  # it is offered again, under another number
                kept = max(0, kept - facts.offered.manifest)
                self._member.take_up(facts.offered, facts.sender, kept, time.time())
                self._loop.call_soon(self._pump)  # this may be amid a pump

    def begin_anew(self, member: Member) -> None:
        """There is another member machine."""
        self._member = member

    # --- what the hub and senders say ---

    def take_ticket(self, answer: wire.Ticket | wire.NoTicket) -> None:
        """The hub's answer to a request of ours; one that comes too late is passed over."""
        waiting = self._tickets.get(answer.request)
        if waiting is None or waiting.done():
            return
        if isinstance(answer, wire.Ticket):
            waiting.set_result(answer.ticket)
        else:
            waiting.set_exception(TooManyTransfers() if answer.code == TooManyTransfers.code else SenderGone())

    def take_word(self, transfer: Transfer, error: PeerError) -> None:
        """A sender says why it does not send."""
        if transfer.word is None or isinstance(transfer.word, TooManyTransfers):
            transfer.word = error
        if transfer.sock is not None:
            streams.wake(transfer.sock)
        elif not isinstance(error, TooManyTransfers):
            self._transfers.stop(transfer, error)

    # --- the transfer ---

    async def _receive(self, transfer: Transfer) -> None:
        offer = transfer.offer
        facts = PartFacts(offer.offered, offer.sender, offer.sender_name)
        on_thread = self._transfers.on_thread
        async with transfer.lock, self._places:
            landing = await on_thread(None, Landing.begin, self._folder, facts)
            with landing:
                transfer.progress.restart(landing.done)
                try:
                    whole = await self._fetch_all(transfer, landing)
                except FileReplaced:
                    await on_thread(None, landing.discard)
                    transfer.progress.restart(0)
                    raise
                transfer.all_here = True
                path = await on_thread(None, landing.finish)
        self._transfers.say(offer.sender, offer.offered.transfer, RECEIVED)
        self._transfers.done(transfer, str(path), whole)

    async def _fetch_all(self, transfer: Transfer, landing: Landing) -> bytes:
        """Fetch until all is there, over as many connections as it takes. Returns SHA-256 of the stream."""
        sender = await self._key_of(transfer.member)
        state = await self._transfers.on_thread(None, landing.hash_kept)
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
                    said = labelled(transfer.offer.name, str(TooManyTransfers()))
                    self._transfers.notice(TooManyTransfers.code, said)
                elif not busy:
                    self._transfers.notice("file-reconnecting", _reconnecting(transfer.offer.name, error))
                transfer.state = "waiting"
                await asyncio.sleep(min(self._limits.retry_seconds * 2**tries, _LONGEST_PAUSE))

    async def _fetch(self, transfer: Transfer, landing: Landing, sender: PublicKey, state: Any) -> bytes:
        """One data connection's worth."""
        first = landing.done // CHUNK
        transfer.sock = sock = await self._side.open_data(await self._ticket(transfer, first))
        try:
            if transfer.word is not None:  # it came while we were dialling
                raise FileCut
            sock.settimeout(self._limits.stall_seconds)
            transfer.progress.restart(landing.done)
            transfer.state = "running"
            return await self._transfers.on_thread(
                partial(streams.wake, sock), streams.receive,
                sock, landing.write, transfer.offer.offered, sender, state, first, transfer.progress,
            )  # fmt: skip
        finally:
            transfer.sock = None
            sock.close()

    async def _ticket(self, transfer: Transfer, first: int) -> bytes:
        """What a data connection is opened with; raises what the hub answers instead, or `FileStalled`."""
        request = random_bytes(wire.REQUEST_SIZE)
        waiting: asyncio.Future[bytes] = self._loop.create_future()
        self._tickets[request] = waiting
        try:
            self._side.send([wire.Fetch(transfer.member, transfer.id, request, first)])
            async with asyncio.timeout(self._limits.ticket_seconds):
                return await waiting
        except TimeoutError as error:
            raise FileStalled(seconds=round(self._limits.ticket_seconds)) from error
        finally:
            del self._tickets[request]

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


def _reconnecting(name: str, error: Exception) -> str:
    if isinstance(error, FileStalled):
        return tr("{name}: no data for {seconds} s, reconnecting …", name=name, seconds=error.fields["seconds"])
    return tr("{name}: the connection was cut, reconnecting …", name=name)
