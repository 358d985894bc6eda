"""The seats of a host's members. A seat outlives the link that leads to it, so that its member can come back to it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from usi.config import Limits
from usi.core import wire
from usi.core.addresses import is_local
from usi.core.channel import Channel
from usi.core.errors import PeerError
from usi.core.recent import Recent
from usi.net.link import Link

_TOLD_OFF_KEPT = 1_000


@dataclass(eq=False, slots=True)
class Seat:
    """`number` is the hub's name for it. Without a `link` it is kept until `until`, by the loop's clock, and then its
    member has left with the code `why`."""

    number: int
    member: bytes
    session: bytes
    network: str
    channel: Channel
    link: Link | None
    until: float = 0.0
    why: str = ""

    def queue(self, encoded: bytes) -> None:
        """Let this go out: now, or when its member is back."""
        self.channel.note(encoded)
        if self.link is not None:
            self.link.queue(encoded)

    def confirm(self) -> None:
        """Tell the member what has come of it, if there is something new."""
        if self.link is not None and (word := self.channel.word()) is not None:
            self.link.send(word)


class Seats:
    """By number, and by session."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._by_number: dict[int, Seat] = {}
        self._by_session: dict[bytes, Seat] = {}
        self._empty: dict[int, Seat] = {}
        """Without a link; the one that was left first stands first."""
        self._networks: Counter[str] = Counter()
        self._told_off: Recent[bytes, tuple[bytes, PeerError]] = Recent(_TOLD_OFF_KEPT)
        """By session: members who lost their seat while they were away, and why."""

    def __len__(self) -> int:
        return len(self._by_number)

    def __iter__(self) -> Iterator[Seat]:
        return iter(self._by_number.values())

    @property
    def empty(self) -> int:
        """How many are kept for members whose link was cut."""
        return len(self._empty)

    @property
    def kept(self) -> int:
        """Bytes that are kept for them. What is kept for several is counted for each."""
        return sum(seat.channel.weight for seat in self._empty.values())

    @property
    def most_of_one(self) -> int:
        """Seats of the network that has most."""
        return max(self._networks.values(), default=0)

    @property
    def most_kept(self) -> int:
        """Bytes that are kept for the member for whom most is."""
        return max((seat.channel.weight for seat in self), default=0)

    def crowded(self, network: str, *, to_come_back: bool = False) -> bool:
        """Whether so many members come from one network that it gets no more seats; `to_come_back`: that nobody of them
        can be about to come back."""
        if is_local(network) or self._networks[network] < self._limits.connections_per_address:
            return False
        return not (to_come_back and any(seat.network == network for seat in self._empty.values()))

    def get(self, number: int) -> Seat | None:
        return self._by_number.get(number)

    def open(self, link: Link, welcome: wire.Welcome) -> Seat:
        """The seat of a member who is being welcomed over this link."""
        channel = Channel(self._limits.kept_bytes)
        seat = Seat(link.number, welcome.me.id, welcome.session, link.network, channel, link)
        self._by_number[seat.number] = self._by_session[seat.session] = seat
        self._networks[seat.network] += 1
        return seat

    def leave(self, seat: Seat, error: PeerError, now: float) -> None:
        """Its link has ended, and it is kept for a while."""
        seat.link, seat.why = None, error.code
        seat.until = now + self._limits.seat_seconds
        self._empty[seat.number] = seat

    def close(self, number: int, error: PeerError | None = None) -> None:
        """Its member is gone for good; `error`: the reason to be told, should it come back."""
        seat = self._by_number.pop(number, None)
        if seat is not None:
            del self._by_session[seat.session]
            if error is not None:
                self._told_off[seat.session] = seat.member, error
            self._empty.pop(number, None)
            self._networks[seat.network] -= 1
            if not self._networks[seat.network]:
                del self._networks[seat.network]

    def told_off(self, message: wire.Resume, member: bytes) -> PeerError | None:
        """Why this member has lost its seat while it was away, where that was somebody's will."""
        found = self._told_off.get(message.session)
        return found[1] if found is not None and found[0] == member else None

    def find(self, message: wire.Resume, member: bytes) -> Seat | None:
        """The seat of this session, where it is this member's and what it has missed can be told."""
        seat = self._by_session.get(message.session)
        if seat is None or seat.member != member or seat.channel.overflown:
            return None
        return seat if seat.channel.can_confirm(message.taken) else None

    def take(self, seat: Seat, link: Link) -> None:
        """Its member is back, over this link."""
        self._empty.pop(seat.number, None)
        seat.link, link.number = link, seat.number

    def over(self, now: float) -> list[Seat]:
        """Those whose time is over, or that cannot be kept: what is kept for one, or for all, is too much. Then the
        network goes first for which most is kept, and of its seats the one that was left first."""
        ended, waiting = list[Seat](), list[Seat]()
        for seat in self._empty.values():
            (ended if now >= seat.until or seat.channel.overflown else waiting).append(seat)
        weights = Counter[str]()
        for seat in waiting:
            weights[seat.network] += seat.channel.weight
        weight = weights.total()
        for seat in sorted(waiting, key=lambda seat: -weights[seat.network]):
            if weight <= self._limits.kept_bytes_in_all:
                break
            weight -= seat.channel.weight
            ended.append(seat)
        return ended
