"""Offers of files, as their readers and their authors are told of them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from usi.core import events, wire
from usi.core.content import Body
from usi.core.errors import TooManyOffers, Withdrawn
from usi.core.offering import LISTED_OFFERS, OWN_OFFERS, Offering
from usi.core.reading import Read
from usi.core.report import Report
from usi.core.thread import Thread
from usi.core.transfer import Offered

ROOM, TALK = Thread(None, "general"), Thread(None, "@bob")
ALICE, BOB, CAROL = (bytes((n,)) * 32 for n in range(3))


def offered(number: int, name: str = "plan.txt") -> Offered:
    return Offered(number.to_bytes(16, "big"), b"k" * 32, name, 5, None, 0)


def posted(sender: bytes = BOB) -> wire.Posted:
    return wire.Posted(b"c" * 16, b"k" * 32, sender, b"i" * 15, 1, bytes(272))


def read(
    signature: events.Signature = "good", *, offer: Offered | None = None, transfer: bytes | None = None
) -> Read:
    body = Body("offer" if offer else "withdraw", "", "bob", 0, b"r" * 8, 1, offer=offer, transfer=transfer)
    return Read(body, signature, "bob", None, datetime.fromtimestamp(0, UTC), False)


@pytest.fixture
def offering() -> Offering:
    return Offering(Report())


def told(offering: Offering) -> list[str]:
    return [type(event).__name__ for event in offering._report.take()]


def test_an_offer_is_listed_with_a_clean_name_where_it_was_made(offering: Offering) -> None:
    offering.take(TALK, posted(), read(offer=offered(1, "../../etc/\u202epasswd")))
    (event,) = offering._report.take()
    assert isinstance(event, events.FileOffer)
    assert (event.room, event.private, event.mine, event.from_) == ("@bob", True, False, "bob")
    assert not set("/\u202e") & set(event.name)


@pytest.mark.parametrize("signature", ["bad", "missing"])
def test_nobody_can_take_what_nobody_has_signed(offering: Offering, signature: events.Signature) -> None:
    offering.take(ROOM, posted(), read(signature, offer=offered(1)))
    assert told(offering) == ["Notice"]
    assert not offering.list.open


def test_only_its_author_takes_an_offer_back(offering: Offering) -> None:
    offering.take(ROOM, posted(), read(offer=offered(1)))
    told(offering)
    offering.take_withdrawal(posted(CAROL), read(transfer=offered(1).transfer))
    offering.take_withdrawal(posted(), read("bad", transfer=offered(1).transfer))
    offering.take_withdrawal(posted(), read(transfer=offered(2).transfer))
    assert not told(offering)
    offering.take_withdrawal(posted(), read(transfer=offered(1).transfer))
    assert told(offering) == ["FileClosed"]
    assert not offering.list.open


def test_too_many_of_one_member_push_out_its_oldest(offering: Offering) -> None:
    for number in range(LISTED_OFFERS + 1):
        offering.take(ROOM, posted(), read(offer=offered(number)))
    offering.take(ROOM, posted(CAROL), read(offer=offered(99)))
    assert len(offering.list.of_sender(BOB)) == LISTED_OFFERS
    assert told(offering).count("FileClosed") == 1
    assert offering.list.of_transfer(offered(0).transfer, BOB) is None


def test_so_many_of_one_s_own(offering: Offering) -> None:
    for number in range(OWN_OFFERS):
        offering.check()
        offering.note_own(ROOM, "", offered(number), ALICE, "alice", "plan.txt", {BOB})
    with pytest.raises(TooManyOffers):
        offering.check()


def test_who_leaves_takes_its_offers_along(offering: Offering) -> None:
    offering.take(ROOM, posted(), read(offer=offered(1)))
    own = offering.note_own(ROOM, "", offered(2), ALICE, "alice", "plan.txt", {BOB, CAROL})
    told(offering)
    offering.gone(BOB)
    assert own.audience == {CAROL}
    assert [offer.sender for offer in offering.list.open] == [ALICE]
    offering.close(own, Withdrawn())
    offering.close(own, Withdrawn())
    assert told(offering) == ["FileClosed", "FileClosed"]


def test_what_an_earlier_run_has_begun_is_listed_once(offering: Offering) -> None:
    for _ in range(2):
        offering.take_up(ROOM, offered(1), BOB, "bob", 262_144)
    (event,) = offering._report.take()
    assert isinstance(event, events.FileOffer)
    assert event.kept == 262_144
