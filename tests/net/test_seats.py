"""Seats: who comes back to which, how long they are kept, and for how many. With real links: test_resuming.py."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from usi.config import Limits
from usi.core import codec, wire
from usi.core.channel import CONFIRM_AFTER
from usi.core.errors import Cut, Kicked
from usi.net.seats import Seat, Seats

LIMITS = Limits(seat_seconds=30.0, connections_per_address=2, kept_bytes=1_000, kept_bytes_in_all=1_500)
POST = codec.encode(wire.Posted(bytes(16), bytes(32), bytes(32), bytes(15), 1, bytes(272)))
KEY = codec.encode(wire.KeyOf(bytes(32), bytes(256)))


class Link(SimpleNamespace):
    def __init__(self, number: int, network: str = "192.0.2.7") -> None:
        super().__init__(number=number, network=network, queued=list[bytes](), sent=list[wire.Message]())

    def queue(self, encoded: bytes) -> None:
        self.queued.append(encoded)

    def send(self, message: wire.Message) -> None:
        self.sent.append(message)


def opened(seats: Seats, number: int, network: str = "192.0.2.7") -> Seat:
    name = bytes((number,))
    me = wire.MemberInfo(32 * name, f"n{number}")
    link: Any = Link(number, network)
    return seats.open(link, wire.Welcome(me, me, 16 * name, False, []))


def back(seat: Seat, taken: int = 0) -> wire.Resume:
    return wire.Resume(seat.session, taken)


@pytest.fixture
def seats() -> Seats:
    return Seats(LIMITS)


def test_a_member_comes_back_to_its_seat_over_another_link(seats: Seats) -> None:
    seat = opened(seats, 1)
    seats.leave(seat, Cut(), 100.0)
    assert (seats.empty, seat.link, seat.why) == (1, None, "cut")
    seat.queue(KEY)
    link: Any = Link(9)
    assert seats.find(back(seat), seat.member) is seat
    seats.take(seat, link)
    assert (link.number, seat.link, seats.empty) == (1, link, 0)
    assert seat.channel.rest().messages == [KEY]
    assert seats.over(1_000.0) == []


def test_nobody_else_finds_a_seat(seats: Seats) -> None:
    seat, other = opened(seats, 1), opened(seats, 2)
    seats.leave(seat, Cut(), 0.0)
    assert seats.find(back(seat), other.member) is None
    assert seats.find(wire.Resume(bytes(16), 0), seat.member) is None
    assert seats.find(back(seat, taken=1), seat.member) is None  # it was told nothing yet


def test_what_goes_out_goes_over_the_link_there_is(seats: Seats) -> None:
    seat = opened(seats, 1)
    seat.queue(POST)
    assert seat.link is not None
    assert seat.link.queued == [POST]
    seat.confirm()
    for _ in range(CONFIRM_AFTER):
        seat.channel.take(wire.Nick("x"))
    assert seat.channel.due
    seat.confirm()
    assert seat.link.sent == [wire.Got(CONFIRM_AFTER)]  # type: ignore[attr-defined]


def test_an_empty_seat_is_kept_for_its_time(seats: Seats) -> None:
    seat = opened(seats, 1)
    seats.leave(seat, Cut(), 100.0)
    assert seats.over(129.9) == []
    assert seats.over(130.0) == [seat]
    seats.close(1)
    assert (len(seats), seats.empty, seats.get(1)) == (0, 0, None)


def test_what_is_kept_in_all_costs_the_seat_that_was_left_first(seats: Seats) -> None:
    kept = [opened(seats, number) for number in (1, 2, 3)]
    for seat in (kept[1], kept[0], kept[2]):
        seats.leave(seat, Cut(), 0.0)
        seat.queue(KEY)
        seat.queue(KEY)
    assert seats.kept == 6 * len(KEY) > LIMITS.kept_bytes_in_all
    assert seats.most_kept == 2 * len(KEY)
    assert seats.over(0.0) == [kept[1]]


def test_a_seat_that_is_over_costs_no_other_one(seats: Seats) -> None:
    """A member that lets far too much wait for itself must not have others given up."""
    first, greedy = opened(seats, 1), opened(seats, 2)
    for seat, count in ((first, 2), (greedy, 9)):
        for _ in range(count):
            seat.queue(KEY)
        seats.leave(seat, Cut(), 0.0)
    assert seats.kept > LIMITS.kept_bytes_in_all
    assert seats.over(1.0) == [greedy]


def test_one_network_with_many_seats_costs_no_other_one(seats: Seats) -> None:
    """Somebody with hundreds of seats, and much said to all, must not have those of others given up."""
    honest, *greedy = opened(seats, 1), opened(seats, 2, "2001:db8::/64"), opened(seats, 3, "2001:db8::/64")
    for seat in (honest, *greedy):
        seat.queue(KEY)
        seat.queue(KEY)
        seats.leave(seat, Cut(), 0.0)
    assert seats.over(1.0) == [greedy[0]]


def test_a_seat_that_cannot_be_told_all_is_over(seats: Seats) -> None:
    seat = opened(seats, 1)
    seats.leave(seat, Cut(), 0.0)
    for _ in range(5):
        seat.queue(KEY)  # what cannot be asked for again
    assert seat.channel.overflown
    assert seats.find(back(seat), seat.member) is None
    assert seats.over(0.0) == [seat]


@pytest.mark.parametrize(("network", "crowded"), [("192.0.2.7", True), ("127.0.0.1", False), ("memory", False)])
def test_so_many_from_one_network(seats: Seats, network: str, crowded: bool) -> None:
    for number in (1, 2):
        assert not seats.crowded(network)
        opened(seats, number, network)
    assert seats.most_of_one == 2
    assert seats.crowded(network) == crowded
    seats.close(1)
    assert not seats.crowded(network)


def test_who_was_removed_while_away_is_told_so_and_nobody_else_is(seats: Seats) -> None:
    seat, other = opened(seats, 1), opened(seats, 2)
    seats.leave(seat, Cut(), 0.0)
    why = Kicked()
    seats.close(1, why)
    assert seats.told_off(back(seat), seat.member) is why
    assert seats.told_off(back(seat), other.member) is None
    seats.close(2)
    assert seats.told_off(back(other), other.member) is None
