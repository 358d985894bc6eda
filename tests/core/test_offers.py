"""The list of offers: its numbers, and what each asks of whom."""

from __future__ import annotations

import pytest

from usi.core import offers
from usi.core.errors import NoSuchTransfer, NothingOffered, OwnOffer, WhichTransfer
from usi.core.offers import Offer, Offers
from usi.core.transfer import Offered

ME, ALICE, BOB = b"m" * 32, b"a" * 32, b"b" * 32


def offered(number: int = 1) -> Offered:
    return Offered(number.to_bytes(16, "big"), b"k" * 32, f"{number}.txt", 10, None, 0)


def add(to: Offers, number: int = 1, sender: bytes = ALICE, *, mine: bool = False) -> Offer:
    return to.add(offered(number), sender, "somebody", "general", f"{number}.txt", mine=mine)


def test_numbers_count_up_and_are_never_given_again() -> None:
    listed = Offers()
    first, second = add(listed, 1), add(listed, 2)
    assert (first.number, second.number) == (1, 2)
    listed.close(second)
    assert add(listed, 3).number == 3
    assert listed.find(2) is second
    assert [offer.number for offer in listed.open] == [1, 3]


def test_a_transfer_is_known_with_its_sender() -> None:
    """Everybody in the room reads a transfer's id: under another sender's name it is another offer."""
    listed = Offers()
    of_alice = add(listed, 1)
    of_bob = add(listed, 1, BOB)
    id_ = offered(1).transfer
    assert listed.of_transfer(id_, ALICE) is of_alice
    assert listed.of_transfer(id_, BOB) is of_bob
    assert listed.of_transfer(id_, ME) is None
    listed.close(of_bob)
    assert listed.of_transfer(id_, BOB) is None
    assert listed.of_transfer(id_, ALICE) is of_alice


def test_closing_twice_changes_nothing() -> None:
    listed = Offers()
    offer = add(listed)
    listed.close(offer)
    listed.close(offer)
    assert offer.closed
    assert not listed.open
    assert listed.find(offer.number) is offer


def test_lists_by_who_offers() -> None:
    listed = Offers()
    of_alice, of_bob, own = add(listed, 1), add(listed, 2, BOB), add(listed, 3, ME, mine=True)
    assert listed.of_sender(ALICE) == [of_alice]
    assert listed.of_sender(BOB) == [of_bob]
    assert listed.mine == [own]
    assert listed.open == [of_alice, of_bob, own]


def test_a_number_that_is_none() -> None:
    listed = Offers()
    own = add(listed, 1, ME, mine=True)
    with pytest.raises(NoSuchTransfer):
        listed.find(2)
    with pytest.raises(NoSuchTransfer):
        listed.others(-1)
    with pytest.raises(OwnOffer):
        listed.others(own.number)


def test_the_only_one() -> None:
    listed = Offers()
    with pytest.raises(NothingOffered):
        listed.only([], "accept")
    first = add(listed, 1)
    assert listed.only([first], "accept") is first
    with pytest.raises(WhichTransfer) as caught:
        listed.only([first, add(listed, 2)], "accept")
    assert "/accept 2" in str(caught.value)


def test_closed_offers_are_forgotten_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(offers, "_CLOSED_KEPT", 3)
    listed = Offers()
    for number in range(1, 6):
        listed.close(add(listed, number))
    with pytest.raises(NoSuchTransfer):
        listed.find(1)
    assert listed.find(5).closed
