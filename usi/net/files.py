"""A person's file transfers: what the person, the hub and the peers say of them, to `net.sending` or `net.receiving`.

What is offered, and by whom, the member machine knows; here it is carried out.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from usi.config import Settings
from usi.core import commands, events, wire
from usi.core.crypto import PrivateKey
from usi.core.errors import (
    CancelledThere,
    ChangedThere,
    Declined,
    FailedThere,
    OfferClosed,
    PeerError,
    ReceiverGone,
    SenderGone,
    TakenBack,
    TooManyTransfers,
    UnreadableThere,
    UsiError,
    Withdrawn,
)
from usi.core.member import FileMessage, Member
from usi.net.receiving import RECEIVED, Receiving
from usi.net.sending import Sending
from usi.net.side import Side
from usi.net.transfers import Transfers

_WORDS: dict[str, type[PeerError]] = {
    error.code: error
    for error in (Withdrawn, ChangedThere, UnreadableThere, TooManyTransfers, CancelledThere, Declined)
}


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
        self._member = member
        self._side = side
        self._tell = tell
        self._transfers = Transfers(settings.limits, side, tell)
        self._sending = Sending(settings.limits, key, member, side, self._transfers, pump)
        self._receiving = Receiving(settings, member, side, self._transfers, pump, movement)

    @property
    def failed(self) -> bool:
        """Whether a transfer has ended badly, by nobody's wish, and was not mended by another attempt."""
        return self._transfers.failed

    @property
    def unsettled(self) -> bool:
        """Whether something is under way, or is offered to somebody who has neither taken nor refused it."""
        return bool(self._transfers.under_way) or any(
            offer.audience and not offer.taken for offer in self._member.offers.mine
        )

    @property
    def untaken(self) -> list[str]:
        """Names of own offers that are open and that nobody has taken."""
        return [offer.name for offer in self._member.offers.mine if not offer.taken]

    async def do(self, intent: commands.ForFiles) -> None:
        """Carry out an intent; raises `LocalError`."""
        match intent:
            case commands.Send(line, room):
                await self._sending.offer(line, room)
            case commands.Accept(number):
                self._receiving.accept(number)
            case commands.Decline(number):
                await self._receiving.decline(number)
            case commands.Cancel(number):
                self._cancel(number)
            case commands.Files():
                rows = {row.transfer: row for row in self._transfers.rows(self._member.offers.open)}
                rows |= {row.transfer: row for row in await self._receiving.rows()}
                self._tell(
                    events.Files(
                        time=datetime.now(UTC),
                        transfers=[rows[number] for number in sorted(rows)],
                        passing=self._side.passing(),
                        folder=str(self._settings.downloads),
                    )
                )

    def _cancel(self, number: int | None) -> None:
        """Take an own offer back, or stop receiving."""
        offers = self._member.offers
        if number is not None:
            offer = offers.find(number)
        else:
            receiving = [transfer.offer for transfer in self._transfers.under_way if transfer.direction == "in"]
            offer = offers.only([*offers.mine, *receiving], "cancel")
        transfer = self._transfers.of(offer)
        if offer.mine and not offer.closed:
            self._sending.withdraw(offer, TakenBack(), Withdrawn)
        elif transfer is not None and not transfer.ended:
            self._receiving.cancel(transfer)
        else:
            raise OfferClosed(number=offer.number, name=offer.name)

    # --- what happens elsewhere ---

    def hear(self, message: FileMessage) -> None:
        """What the hub says of transfers. What fits nothing here is late, and is passed over."""
        match message:
            case wire.Ticket() | wire.NoTicket():
                self._receiving.take_ticket(message)
            case wire.Wanted():
                self._sending.take_wanted(message)
            case wire.FileWord():
                self._take_word(message)

    def _take_word(self, message: wire.FileWord) -> None:
        """What the other end of a transfer says."""
        if message.code == Declined.code:
            self._sending.take_decline(message.transfer, message.member)
        transfer = self._transfers.get(message.transfer, message.member)
        if transfer is None or transfer.ended:
            return
        error: PeerError = _WORDS[message.code]() if message.code in _WORDS else FailedThere(reason=message.code)
        if transfer.direction == "in":
            self._receiving.take_word(transfer, error)
        elif message.code == RECEIVED:
            self._sending.take_received(transfer)
        else:
            self._sending.take_refusal(transfer, error)

    def consider(self, event: events.Event) -> bool:
        """Act on what the member machine tells; False where the event is not to be shown."""
        match event:
            case events.FileOffer(mine=False):
                if self._settings.accept_files:
                    self._receiving.accept_soon(event.transfer)
            case events.FileClosed():
                return self._take_closed(event)
            case events.MemberJoined():
                self._receiving.take_up_parts()
            case events.MemberLeft():
                self._member_left(bytes.fromhex(event.member))
        return True

    def _take_closed(self, event: events.FileClosed) -> bool:
        """An offer is gone: news to a person who has neither received it nor hears otherwise that it fails."""
        offer = self._member.offers.find(event.transfer)
        self._sending.forget(offer)
        transfer = self._transfers.of(offer)
        if transfer is None or transfer.ended:
            return transfer is None or transfer.state == "failed"
        self._transfers.stop(transfer, transfer.word or _WORDS.get(event.code, SenderGone)())
        return False

    def _member_left(self, member: bytes) -> None:
        for transfer in self._transfers.under_way:
            if transfer.member == member:
                self._transfers.stop(transfer, SenderGone() if transfer.direction == "in" else ReceiverGone())

    # --- the conversation ---

    def joined(self) -> None:
        """It is there: see what an earlier run has left half done."""
        self._transfers.start(None, self._receiving.look_for_parts())

    def disconnected(self, error: UsiError) -> None:
        """There is no host any more, and so no transfer; what has arrived is kept."""
        for transfer in self._transfers.under_way:
            self._transfers.stop(transfer, error)

    def begin_anew(self, member: Member) -> None:
        """There is a host again, and another member machine: nothing is offered any more."""
        self._member = member
        self._sending.begin_anew(member)
        self._receiving.begin_anew(member)

    async def close(self) -> None:
        """End everything; what has arrived is kept."""
        await self._transfers.close()
