"""Who may fetch which file now, and what the two are handed; driven by facts."""

from __future__ import annotations

import pytest

from usi.core import wire
from usi.core.errors import BadMessage
from usi.core.facts import OWN, Close, Drop, Expect, Gone, Heard, Passed, Send
from usi.core.fetches import TRANSFERS, TRANSFERS_OF_ONE

from .floor import Floor, member_id


def fetch(sender: str, number: int = 1, *, transfer: int = 1, first: int = 0) -> wire.Fetch:
    return wire.Fetch(member_id(sender), transfer.to_bytes(16, "big"), number.to_bytes(16, "big"), first)


def test_a_fetch_gives_each_of_the_two_a_ticket_of_its_own(floor: Floor) -> None:
    alice, bob, carol = floor.join("alice"), floor.join("bob"), floor.join("carol")
    floor.forget()
    floor.hear(bob, fetch("alice", first=7))
    (expect,) = floor.expected
    assert (expect.sender.name, expect.receiver.name) == ("alice", "bob")
    assert expect.request == fetch("alice").request
    assert expect.from_sender != expect.to_receiver
    assert floor.told == {
        bob: [wire.Ticket(expect.request, expect.to_receiver)],
        alice: [wire.Wanted(member_id("bob"), fetch("alice").transfer, 7, expect.from_sender)],
    }
    assert carol not in floor.told


def test_tickets_are_expected_before_anybody_has_them(floor: Floor) -> None:
    floor.join("alice")
    effects = floor.hub.handle(Heard(floor.join("bob"), fetch("alice")))
    assert [type(effect) for effect in effects] == [Expect, Send, Send]


def test_the_host_s_own_person_sends_and_receives_like_anyone(floor: Floor) -> None:
    alice = floor.join("alice")
    floor.forget()
    floor.hear(alice, fetch("host"))
    floor.hear(OWN, fetch("alice", 2))
    assert [type(message) for message in floor.told[OWN]] == [wire.Wanted, wire.Ticket]
    assert [type(message) for message in floor.told[alice]] == [wire.Ticket, wire.Wanted]


@pytest.mark.parametrize("sender", ["nobody", "bob", "gone"])
def test_of_who_is_not_here_nothing_can_be_fetched_nor_of_oneself(floor: Floor, sender: str) -> None:
    bob = floor.join("bob")
    floor.handle(Gone(floor.join("gone"), "left"))
    floor.forget()
    floor.hear(bob, fetch(sender))
    assert floor.told == {bob: [wire.NoTicket(fetch(sender).request, "sender-gone")]}
    assert not floor.expected


def test_two_transfers_under_one_request_end_the_link(floor: Floor) -> None:
    floor.join("alice")
    bob = floor.join("bob")
    floor.hear(bob, fetch("alice"))
    floor.hear(bob, fetch("alice", transfer=2))
    assert isinstance(floor.closed[bob], BadMessage)
    assert floor.dropped == [fetch("alice").request]


def test_a_request_can_come_again_once_its_transfer_has_passed(floor: Floor) -> None:
    floor.join("alice")
    bob = floor.join("bob")
    for _ in range(TRANSFERS_OF_ONE + 1):
        floor.hear(bob, fetch("alice"))
        floor.handle(Passed(fetch("alice").request))
    assert len(floor.expected) == TRANSFERS_OF_ONE + 1
    assert not floor.closed


def test_one_member_has_so_many_transfers_and_no_more(floor: Floor) -> None:
    floor.join("alice")
    bob, carol = floor.join("bob"), floor.join("carol")
    for number in range(1, TRANSFERS_OF_ONE + 1):
        floor.hear(bob, fetch("alice", number, transfer=number))
    floor.forget()
    refused = fetch("alice", 99, transfer=99)
    floor.hear(bob, refused)
    assert floor.told == {bob: [wire.NoTicket(refused.request, "too-many-transfers")]}
    floor.hear(carol, fetch("alice", 100))
    assert floor.expected[-1].receiver.name == "carol"
    floor.handle(Passed(fetch("alice", 1).request))
    floor.hear(bob, refused)
    assert floor.expected[-1].request == refused.request


def test_a_host_has_so_many_transfers_and_no_more(floor: Floor) -> None:
    floor.join("alice")
    for number in range(1, TRANSFERS + 1):
        receiver = floor.join(f"r{number}")
        floor.hear(receiver, fetch("alice", number))
    assert len(floor.expected) == TRANSFERS
    late = floor.join("late")
    floor.hear(late, fetch("alice", 999))
    assert floor.all(late, wire.NoTicket) == [wire.NoTicket(fetch("alice", 999).request, "too-many-transfers")]
    floor.handle(Gone(receiver, "left"))
    floor.hear(late, fetch("alice", 1_000))
    assert len(floor.all(late, wire.Ticket)) == 1


def test_while_somebody_waits_the_slowest_is_to_yield_and_who_came_first_goes_first(floor: Floor) -> None:
    floor.join("alice")
    for number in range(1, TRANSFERS):
        floor.hear(floor.join(f"r{number}"), fetch("alice", number))
    assert floor.places_wanted == 0
    greedy, first, second = (floor.join(who) for who in ("greedy", "first", "second"))
    floor.hear(greedy, fetch("alice", 500))
    numbers = iter(range(1_000, 2_000))
    for link in (first, greedy, second):
        floor.hear(link, fetch("alice", next(numbers), transfer=link))
    assert floor.places_wanted == 3
    floor.handle(Passed(fetch("alice", 500).request))  # it has yielded
    for link, goes in ((greedy, False), (second, False), (first, True), (second, False), (greedy, False)):
        floor.forget()
        floor.hear(link, fetch("alice", next(numbers), transfer=link))
        assert len(floor.all(link, wire.Ticket)) == goes
    floor.handle(Passed(fetch("alice", 1).request))
    floor.handle(Gone(greedy, "left"))
    floor.hear(second, fetch("alice", next(numbers)))
    assert len(floor.all(second, wire.Ticket)) == 1
    assert floor.places_wanted == 5, "a free place that is somebody else's is none to be made"


def test_who_has_all_that_one_may_have_has_nobody_yield(floor: Floor) -> None:
    floor.join("alice")
    bob = floor.join("bob")
    for number in range(1, TRANSFERS_OF_ONE + 1):
        floor.hear(bob, fetch("alice", number, transfer=number))
    for number in range(TRANSFERS_OF_ONE + 1, TRANSFERS + 1):
        floor.hear(floor.join(f"r{number}"), fetch("alice", number))
    floor.hear(bob, fetch("alice", 999, transfer=999))
    assert floor.all(bob, wire.NoTicket) == [wire.NoTicket(fetch("alice", 999).request, "too-many-transfers")]
    assert floor.places_wanted == 0, "a place that became free would be no use to it"


def test_one_address_has_so_many_transfers_and_no_more(floor: Floor) -> None:
    floor.join("alice")
    class_room = [floor.join(f"pupil{number}", network="192.0.2.7") for number in range(4)]
    for number, link in enumerate(class_room, 1):
        floor.hear(link, fetch("alice", number))
    assert [len(floor.all(link, wire.Ticket)) for link in class_room] == [1, 1, 1, 0]
    assert floor.hub.load.transfers_of_address == 3
    for number, network in enumerate(["192.0.2.8", "127.0.0.1", "", "127.0.0.1", "127.0.0.1", "127.0.0.1"], 10):
        other = floor.join(f"other{number}", network=network)
        floor.hear(other, fetch("alice", number))
        assert len(floor.all(other, wire.Ticket)) == 1
    floor.handle(Passed(fetch("alice", 1).request))
    floor.hear(class_room[-1], fetch("alice", 99))
    assert len(floor.all(class_room[-1], wire.Ticket)) == 1
    assert floor.places_wanted == 0


def test_who_fetches_again_has_given_its_earlier_connections_up(floor: Floor) -> None:
    """Else those of cut wires, and of senders that said "not now", would use up the places of all."""
    floor.join("alice")
    bob = floor.join("bob")
    for number in range(1, 3 * TRANSFERS + 1):
        floor.hear(bob, fetch("alice", number))
    assert not floor.all(bob, wire.NoTicket)
    assert floor.dropped == [fetch("alice", number).request for number in range(1, 3 * TRANSFERS)]
    floor.handle(Passed(fetch("alice", 1).request))  # late news of one that was given up
    floor.hear(bob, fetch("alice", 1_000))
    assert floor.dropped[-1] == fetch("alice", 3 * TRANSFERS).request


def test_a_request_that_was_given_up_cannot_come_again_before_its_connections_are_gone(floor: Floor) -> None:
    """The host would take the end of the first for that of the second, whose connections nobody would count."""
    floor.join("alice")
    bob = floor.join("bob")
    floor.hear(bob, fetch("alice", 1))
    dropped = floor.hub.handle(Heard(bob, fetch("alice", 2)))
    assert Drop(fetch("alice", 1).request) in dropped
    (close,) = floor.hub.handle(Heard(bob, fetch("alice", 1, transfer=2)))
    assert isinstance(close, Close)
    assert isinstance(close.error, BadMessage)


@pytest.mark.parametrize("leaver", ["alice", "bob"])
def test_who_leaves_drops_its_transfers(floor: Floor, leaver: str) -> None:
    links = {who: floor.join(who) for who in ("alice", "bob", "carol")}
    floor.hear(links["bob"], fetch("alice", 1))
    floor.hear(links["carol"], fetch("host", 2))
    floor.handle(Gone(links[leaver], "cut"))
    assert floor.dropped == [fetch("alice", 1).request]


def test_a_word_goes_to_its_member_under_the_name_of_who_says_it(floor: Floor) -> None:
    alice, bob = floor.join("alice"), floor.join("bob")
    carol = floor.join("carol")
    floor.forget()
    floor.hear(alice, wire.FileWord(member_id("bob"), b"t" * 16, "withdrawn"))
    assert floor.told == {bob: [wire.FileWord(member_id("alice"), b"t" * 16, "withdrawn")]}
    floor.hear(carol, wire.FileWord(member_id("nobody"), b"t" * 16, "withdrawn"))
    assert len(floor.told) == 1
    assert not floor.closed
