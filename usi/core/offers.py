"""The files that are offered, one's own and other people's, under the numbers by which a person names them."""

from __future__ import annotations

from dataclasses import dataclass, field

from usi.core.errors import NoSuchTransfer, NothingOffered, OwnOffer, WhichTransfer
from usi.core.recent import Recent
from usi.core.transfer import Offered

_CLOSED_KEPT = 1_000  # offers that nobody can accept any more, remembered so that a number gets the right answer


@dataclass(eq=False)
class Offer:
    """One offer. `sender` and `sender_name` are its author's, `name` is cleaned for people and for the disk."""

    number: int
    offered: Offered
    sender: bytes
    sender_name: str
    room: str
    name: str
    mine: bool
    closed: bool = False
    audience: set[bytes] = field(default_factory=set)
    """Of an own offer: the members who could take it and have not answered yet."""
    taken: bool = False
    """Of an own offer: somebody has all of it."""


class Offers:
    """Numbers count from 1 for each program's run."""

    def __init__(self) -> None:
        self._by_number: dict[int, Offer] = {}
        self._by_transfer: dict[tuple[bytes, bytes], Offer] = {}
        """(transfer, sender) → offer: whoever reads an offer knows its transfer, and could offer under it, too."""
        self._closed: Recent[int, Offer] = Recent(_CLOSED_KEPT)
        self._last = 0

    def add(self, offered: Offered, sender: bytes, sender_name: str, room: str, name: str, *, mine: bool) -> Offer:
        """A new offer, of a transfer of this sender that is not in the list."""
        offer = Offer(self.new_number(), offered, sender, sender_name, room, name, mine)
        self._by_number[offer.number] = offer
        self._by_transfer[offered.transfer, sender] = offer
        return offer

    def new_number(self) -> int:
        """One that means nothing yet."""
        self._last += 1
        return self._last

    def go_on_from(self, before: Offers) -> None:
        """Count on from the numbers of an earlier list, so that none of them comes to mean something else."""
        self._last = before._last

    def close(self, offer: Offer) -> None:
        """It can be accepted no more."""
        offer.closed = True
        if self._by_number.pop(offer.number, None) is not None:
            self._closed[offer.number] = offer
        self._by_transfer.pop((offer.offered.transfer, offer.sender), None)

    def of_transfer(self, transfer: bytes, sender: bytes) -> Offer | None:
        return self._by_transfer.get((transfer, sender))

    def of_sender(self, sender: bytes) -> list[Offer]:
        return [offer for offer in self._by_number.values() if offer.sender == sender]

    @property
    def open(self) -> list[Offer]:
        return list(self._by_number.values())

    @property
    def mine(self) -> list[Offer]:
        return [offer for offer in self._by_number.values() if offer.mine]

    def find(self, number: int) -> Offer:
        """The offer of that number, open or closed; `NoSuchTransfer`."""
        offer = self._by_number.get(number) or self._closed.get(number)
        if offer is None:
            raise NoSuchTransfer(number=number)
        return offer

    def others(self, number: int) -> Offer:
        """Somebody else's offer of that number; raises `NoSuchTransfer` or `OwnOffer`."""
        offer = self.find(number)
        if offer.mine:
            raise OwnOffer(number=number)
        return offer

    def only(self, offers: list[Offer], command: str) -> Offer:
        """The one of these; `NothingOffered` or `WhichTransfer` where it is not one."""
        if not offers:
            raise NothingOffered
        if len(offers) > 1:
            raise WhichTransfer(example=f"/{command} {offers[-1].number}")
        return offers[0]
