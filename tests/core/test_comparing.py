"""The mark of verification: for what was shown, by key, and never by name."""

from __future__ import annotations

import pytest

from usi.core import events, wire
from usi.core.commands import Verify
from usi.core.comparing import Comparing
from usi.core.crypto import PrivateKey
from usi.core.errors import BadCommand, NoSuchMember, NothingToCompare, PeerError
from usi.core.report import Report
from usi.core.roster import Proof, Roster

WORDS = ("one", "two", "three", "four")
HOST, BOB = b"h" * 32, b"b" * 32


class Pairs:
    """In place of the private conversations: what was asked of them."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, bytes]] = []

    def compare(self, member: bytes) -> None:
        self.asked.append(("compare", member))

    def note_change(self, member: bytes) -> None:
        self.asked.append(("change", member))

    def distrust(self, member: bytes, error: PeerError) -> None:
        self.asked.append((error.code, member))


class Desk:
    def __init__(self, key: PrivateKey) -> None:
        self.roster = Roster(key.public)
        self.roster.host = HOST
        self.roster.own_link = Proof(b"f" * 32, WORDS)
        self.report, self.pairs = Report(), Pairs()
        self.comparing = Comparing(self.roster, self.report, self.pairs, preset=True)  # type: ignore[arg-type]
        for member, name in ((HOST, "host"), (key.public.id, "alice"), (BOB, "bob")):
            self.roster.seat(wire.MemberInfo(member, name))

    def verify(self, name: str | None, match: bool | None = None) -> events.Verification | None:
        self.comparing.verify(Verify(name, match))
        told = self.report.take()
        assert all(isinstance(event, events.Verification) for event in told)
        return told[0] if told else None  # type: ignore[return-value]


@pytest.fixture
def desk(keys: dict[str, PrivateKey]) -> Desk:
    return Desk(keys["alice"])


def test_only_what_was_shown_can_have_been_compared(desk: Desk) -> None:
    for state in ("open", "verified"):
        told = desk.verify("host", True)
        assert told is not None
        assert (told.state, told.words, told.preset, told.pair) == (state, list(WORDS), True, False)
    assert desk.pairs.asked == [("change", HOST)]


def test_what_is_only_shown_is_no_news(desk: Desk) -> None:
    for match, state, asked in (
        (None, "open", True),
        (True, "verified", False),
        (None, "verified", True),
        (False, "differs", False),
    ):
        told = desk.verify("host", match)
        assert told is not None
        assert (told.state, told.asked) == (state, asked)


def test_other_words_have_to_be_compared_anew(desk: Desk) -> None:
    desk.verify("host")
    desk.roster.own_link = Proof(b"g" * 32, WORDS[::-1])
    told = desk.verify("host", True)
    assert told is not None
    assert told.state == "open"


def test_with_another_guest_there_is_first_a_pair_link_to_be_made(desk: Desk) -> None:
    assert desk.verify("bob") is None
    assert desk.pairs.asked == [("compare", BOB)]
    desk.roster.pairs[BOB] = Proof(b"p" * 32, WORDS[::-1])
    desk.comparing.show(BOB)
    told = desk.verify("bob", True)
    assert told is not None
    assert (told.pair, told.preset) == (True, False)
    assert BOB in desk.roster.verified


def test_what_differs_is_not_verified_any_more(desk: Desk) -> None:
    desk.roster.pairs[BOB] = Proof(b"p" * 32, WORDS[::-1])
    desk.roster.verified |= {BOB, HOST}
    told = desk.verify("bob", False)
    assert told is not None
    assert told.state == "differs"
    desk.verify("host", False)
    assert not desk.roster.verified
    assert desk.pairs.asked == [("change", BOB), ("not-verified", BOB), ("change", HOST)]


def test_what_there_is_nothing_to_compare_with(desk: Desk) -> None:
    with pytest.raises(NothingToCompare):
        desk.verify("alice")
    with pytest.raises(NoSuchMember):
        desk.verify("nobody")
    told = desk.verify(None)
    assert told is not None
    assert told.name == "host", "the only one there is"
    desk.roster.pairs[BOB] = Proof(b"p" * 32, WORDS)
    with pytest.raises(BadCommand):
        desk.verify(None)


def test_who_was_vouched_for_is_told_when_it_is_here(desk: Desk) -> None:
    desk.comparing.vouch(HOST, "code")
    desk.comparing.tell_vouched(BOB)
    assert not desk.report.take()
    for _ in range(2):
        desk.comparing.tell_vouched(HOST)
    (told,) = desk.report.take()
    assert isinstance(told, events.Verification)
    assert (told.state, told.by, told.asked) == ("verified", "code", False)
    desk.comparing.matched(HOST)
    (told,) = desk.report.take()
    assert isinstance(told, events.Verification)
    assert told.by == "password"
