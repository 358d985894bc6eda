"""The files that members offer: what is told of an offer, and when it ends."""

from __future__ import annotations

from usi.core import events, text, wire
from usi.core.errors import PushedOut, SenderGone, TooManyOffers, UsiError, Withdrawn
from usi.core.offers import Offer, Offers
from usi.core.reading import Read
from usi.core.report import Report
from usi.core.thread import PRIVATE_MARK, Thread
from usi.core.transfer import Offered

OWN_OFFERS = 20  # files that a member may offer at once
LISTED_OFFERS = 20  # and that it can have open at a reader: more push out its oldest


class Offering:
    """Own offers and other people's; `list` has them by number."""

    def __init__(self, report: Report) -> None:
        self.list = Offers()
        self._report = report

    def check(self) -> None:
        """Raises `TooManyOffers` where one more of one's own would be."""
        if len(self.list.mine) >= OWN_OFFERS:
            raise TooManyOffers(count=OWN_OFFERS)

    def note_own(
        self,
        thread: Thread,
        shown_id: str,
        offered: Offered,
        own: bytes,
        own_name: str,
        name: str,
        audience: set[bytes],
    ) -> Offer:
        """An own offer went out, under a cleaned name, for these members."""
        offer = self.list.add(offered, own, own_name, thread.name, name, mine=True)
        offer.audience = audience
        self._tell(offer, shown_id, "good")
        return offer

    def take(self, thread: Thread, posted: wire.Posted, read: Read) -> None:
        """Somebody offers a file."""
        offered = read.body.offer
        if offered is None or read.signature != "good":
            self._report.notify("offer-unsigned", name=read.name)  # nobody could answer for what would arrive
            return
        if self._is_listed(offered, posted.sender):
            return  # taken up from an earlier run, or offered twice
        crowd = self.list.of_sender(posted.sender)
        if len(crowd) >= LISTED_OFFERS:
            self.close(crowd[0], PushedOut())
        name = text.clean_file_name(offered.name)
        offer = self.list.add(offered, posted.sender, read.name, thread.name, name, mine=False)
        self._tell(offer, posted.id.hex(), read.signature)

    def take_withdrawal(self, posted: wire.Posted, read: Read) -> None:
        """Somebody takes an offer back."""
        offer = self.list.of_transfer(read.body.transfer or b"", posted.sender)
        if offer is not None and read.signature == "good":
            self.close(offer, Withdrawn())

    def take_up(self, thread: Thread, offered: Offered, sender: bytes, sender_name: str, kept: int) -> None:
        """List an offer of an earlier run, of which `kept` bytes have arrived."""
        if not self._is_listed(offered, sender):
            name = text.clean_file_name(offered.name)
            offer = self.list.add(offered, sender, sender_name, thread.name, name, mine=False)
            self._tell(offer, "", "good", kept)

    def _is_listed(self, offered: Offered, sender: bytes) -> bool:
        """Whether it is known, or has the transfer of an own offer, which nobody else can have drawn."""
        known = self.list.of_transfer(offered.transfer, sender)
        return known is not None or any(own.offered.transfer == offered.transfer for own in self.list.mine)

    def gone(self, member: bytes) -> None:
        """Somebody left."""
        for offer in self.list.of_sender(member):
            self.close(offer, SenderGone())
        for offer in self.list.mine:
            offer.audience.discard(member)

    def close(self, offer: Offer, error: UsiError) -> None:
        """Nobody can accept it any more."""
        if not offer.closed:
            self.list.close(offer)
            self._report.tell(
                events.FileClosed(
                    time=self._report.time, transfer=offer.number, name=offer.name, code=error.code, text=str(error)
                )
            )

    def _tell(self, offer: Offer, post_id: str, signature: events.Signature, kept: int = 0) -> None:
        self._report.tell(
            events.FileOffer(
                time=self._report.time,
                transfer=offer.number,
                id=post_id,
                room=offer.room,
                from_=offer.sender_name,
                member=offer.sender.hex(),
                name=offer.name,
                size=offer.offered.content,
                files=offer.offered.files,
                mine=offer.mine,
                signature=signature,
                kept=kept,
                private=offer.room.startswith(PRIVATE_MARK),
            )
        )
