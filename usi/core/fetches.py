"""The hub's part in file transfers: who may fetch from whom now, and the tickets of the two.

How many pass at once is bounded, in all and for each receiver and address; where all places are taken, receivers wait
in line (PROTOCOL.md, "Files").
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from usi.core import wire
from usi.core.addresses import is_local
from usi.core.crypto import random_bytes
from usi.core.errors import BadMessage, SenderGone, TooManyTransfers
from usi.core.facts import Close, Drop, Effect, Expect, FreePlace, Send
from usi.core.line import Line
from usi.core.seats import Seat, Seats

TRANSFERS = 64  # data connections in pairs at once: each takes a thread and a pipe
TRANSFERS_OF_ONE = 8  # of one receiver, so that one member cannot take all of them
TRANSFERS_OF_ADDRESS = TRANSFERS // 2  # of the receivers behind one address, unless the host sets another number


class Fetches:
    """`per_address`: files that may pass at once to the members behind one address. `clock` gives seconds that only
    rise."""

    def __init__(self, seats: Seats, per_address: int, clock: Callable[[], float]) -> None:
        self._seats = seats
        self._per_address = per_address
        self._clock = clock
        self._under_way: dict[bytes, tuple[Seat, Seat, bytes]] = {}
        """Request → sender, receiver and transfer."""
        self._given_up: set[bytes] = set()
        """Requests whose receiver has asked anew, and whose connections are not gone yet."""
        self._line: Line[int] = Line()
        """Links of those who wait for a place."""

    def __len__(self) -> int:
        """How many are under way."""
        return len(self._under_way)

    @property
    def by_address(self) -> Counter[str]:
        """How many files pass to each address, this machine's own left out."""
        networks = (receiver.network for _, receiver, _ in self._under_way.values())
        return Counter(network for network in networks if not is_local(network))

    def fetch(self, receiver: Seat, message: wire.Fetch) -> list[Effect]:
        """Let a member have a file of another one, if there is a place."""
        sender = self._seats.of(message.sender)
        if message.request in self._under_way or message.request in self._given_up:
            return [Close(receiver.link, BadMessage(why="two transfers under one request"))]
        if sender is None or sender is receiver or not self._seats.sees(receiver, sender):
            return [Send((receiver.link,), wire.NoTicket(message.request, SenderGone.code))]
        place = message.sender, message.transfer
        drops: list[Effect] = []
        if (earlier := receiver.fetches.get(place)) is not None:  # given up, as it asks anew; its wire may be dead
            drops.append(Drop(earlier))
            self._free(earlier)
            self._given_up.add(earlier)
        crowded, free = self._is_crowded(receiver), TRANSFERS - len(self._under_way)
        if crowded or not self._line.admit(receiver.link, free, self._clock()):
            drops += [FreePlace()] if not crowded and free <= 0 else []
            return [*drops, Send((receiver.link,), wire.NoTicket(message.request, TooManyTransfers.code))]
        self._under_way[message.request] = sender, receiver, message.transfer
        receiver.fetches[place] = message.request
        sender.sends.add(message.request)
        expect = Expect(
            message.request,
            sender.info,
            receiver.info,
            random_bytes(wire.TICKET_SIZE),
            random_bytes(wire.TICKET_SIZE),
        )
        wanted = wire.Wanted(receiver.facts.member, message.transfer, message.first, expect.from_sender)
        ticket = wire.Ticket(message.request, expect.to_receiver)
        return [*drops, expect, Send((receiver.link,), ticket), Send((sender.link,), wanted)]

    def word(self, seat: Seat, message: wire.FileWord) -> list[Effect]:
        """Pass on what one of the two says of a transfer."""
        other = self._seats.of(message.member)
        if other is None or not self._seats.sees(seat, other):
            return []  # it has just left, and its leaving says more
        return [Send((other.link,), wire.FileWord(seat.facts.member, message.transfer, message.code))]

    def passed(self, request: bytes) -> None:
        """The connections of this transfer are gone."""
        self._given_up.discard(request)
        self._free(request)

    def _free(self, request: bytes) -> None:
        """Let somebody else have its place."""
        if (found := self._under_way.pop(request, None)) is not None:
            sender, receiver, transfer = found
            del receiver.fetches[sender.facts.member, transfer]
            sender.sends.discard(request)

    def gone(self, seat: Seat) -> list[Effect]:
        """A member has left: so end its transfers."""
        self._line.leave(seat.link)
        return [Drop(request) for request in [*seat.fetches.values(), *seat.sends]]

    def _is_crowded(self, receiver: Seat) -> bool:
        """Whether somebody has, or those behind one address have, all that they may have: they wait for nobody's place
        but their own."""
        crowded = self.by_address[receiver.network] >= self._per_address or len(receiver.fetches) >= TRANSFERS_OF_ONE
        if crowded:
            self._line.leave(receiver.link)
        return crowded
