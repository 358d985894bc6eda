"""/password: a guest and the host's person, with a hub in between that only passes on."""

from __future__ import annotations

from itertools import count
from typing import Any

import pytest

from usi.core import wire
from usi.core.crypto import Point, PrivateKey, sha256
from usi.core.errors import (
    BadMessage,
    NoMoreTries,
    NoSuchMember,
    NotAsked,
    NothingAsked,
    OutOfTurn,
    PasswordAlone,
    SeveralAsked,
    StillAsking,
)
from usi.core.password import TRIES, PasswordCheck
from usi.core.roster import Roster

SECRET, ANOTHER = b"s" * 64, b"a" * 64
POINT = Point.generator().encode()


class Person:
    """One end: a roster, a check, what it sends and what it is told."""

    def __init__(self, key: PrivateKey, host: PrivateKey, exporter: bytes = b"") -> None:
        self.roster = Roster(key.public)
        self.id = key.public.id
        self.roster.host = host.public.id
        self.roster.own_exporter = exporter
        for name, each in (("host", host), ("me", key)):
            self.roster.seat(wire.MemberInfo(each.public.id, name))
        self.sent: list[Any] = []
        self.told: list[tuple[str, str]] = []
        self.check = PasswordCheck(
            self.roster,
            self.sent.append,
            lambda member, state: self.told.append((self.roster.here[member].name, state)),
        )

    def types(self, secret: bytes, name: str | None = None) -> None:
        self.check.begin(name)
        self.check.typed(secret)


class Table:
    """A host and two guests; messages are passed on by `deliver`."""

    def __init__(self, keys: dict[str, PrivateKey]) -> None:
        self.host = Person(keys["host"], keys["host"])
        self.guests: dict[str, Person] = {}
        for number, name in enumerate(("alice", "bob")):
            exporter = sha256(bytes((number,)))
            public = keys[name].public
            self.guests[name] = Person(keys[name], keys["host"], exporter)
            self.host.roster.note_link(wire.LinkFacts(public.id, public.modulus, b"f" * 32, (), "", exporter))
            self.host.roster.seat(wire.MemberInfo(public.id, name))
        self.alice, self.bob = self.guests.values()

    def deliver(self) -> None:
        for guest in self.guests.values():
            for message in guest.sent:
                if isinstance(message, wire.Ask):
                    self.host.check.take_asked(wire.Asked(guest.id, message.point))
                else:
                    self.host.check.take_proved(wire.Proved(guest.id, message.confirmation))
            guest.sent.clear()
        answers, self.host.sent[:] = list(self.host.sent), []
        for answer in answers:
            (guest,) = (guest for guest in self.guests.values() if guest.id == answer.member)
            guest.check.take_challenge(wire.Challenge(answer.point, answer.confirmation))
            self.deliver()

    def compare(self, set_by_alice: bytes, typed_by_host: bytes) -> None:
        self.alice.types(set_by_alice)
        self.deliver()
        self.host.types(typed_by_host)
        self.deliver()


@pytest.fixture
def table(keys: dict[str, PrivateKey]) -> Table:
    return Table(keys)


def test_the_same_password_verifies_both(table: Table) -> None:
    table.compare(SECRET, SECRET)
    assert table.alice.told == [("host", "wanted"), ("host", "sent"), ("host", "matched")]
    assert table.host.told == [("alice", "asked"), ("alice", "wanted"), ("alice", "sent"), ("alice", "matched")]
    assert table.alice.roster.verified == {table.host.id}
    assert table.host.roster.verified == {table.alice.id}


def test_another_password_verifies_nobody_and_both_are_told(table: Table) -> None:
    table.compare(SECRET, ANOTHER)
    assert table.alice.told[-1] == ("host", "differs")
    assert table.host.told[-1] == ("alice", "differs")
    assert not table.alice.roster.verified | table.host.roster.verified


def test_on_another_link_the_same_password_does_not_fit(table: Table) -> None:
    """Somebody in the middle: alice's link has another exporter than the host's."""
    table.alice.roster.own_exporter = b"m" * 32
    table.compare(SECRET, SECRET)
    assert table.alice.told[-1] == ("host", "differs")
    assert table.host.told[-1] == ("alice", "differs")


def test_the_guest_says_nothing_more_to_a_host_that_does_not_know_it(table: Table) -> None:
    table.alice.types(SECRET)
    table.alice.check.take_challenge(wire.Challenge(POINT, bytes(32)))
    assert table.alice.sent[-1] == wire.Prove(None)


def test_a_guest_who_only_claims_to_know_is_not_believed(table: Table) -> None:
    for confirmation in (None, bytes(32), b"\xff" * 32):
        table.host.check.take_asked(wire.Asked(table.alice.id, POINT))
        table.host.types(SECRET)
        table.host.check.take_proved(wire.Proved(table.alice.id, confirmation))
        assert table.host.told[-1] == ("alice", "differs")
    assert not table.host.roster.verified


def test_tries_are_limited_on_both_sides(table: Table) -> None:
    for _ in range(TRIES):
        table.compare(SECRET, ANOTHER)
    with pytest.raises(NoMoreTries):
        table.alice.check.begin(None)
    told = len(table.host.told)
    table.host.check.take_asked(wire.Asked(table.alice.id, POINT))
    assert len(table.host.told) == told, "one who differed so often is not heard"
    with pytest.raises(NothingAsked):
        table.host.check.begin(None)
    table.bob.types(SECRET)
    table.deliver()
    assert table.host.told[-1] == ("bob", "asked"), "others are"


def test_matches_do_not_count(table: Table) -> None:
    for _ in range(2 * TRIES):
        table.compare(SECRET, SECRET)
    assert table.host.told[-1] == ("alice", "matched")


def test_a_guess_counts_although_the_guest_is_silent(table: Table) -> None:
    """What the host says is what tells a guesser, so the guess is counted then."""
    for _ in range(TRIES):
        table.host.check.take_asked(wire.Asked(table.alice.id, POINT))
        table.host.types(SECRET)
    table.host.check.take_asked(wire.Asked(table.alice.id, POINT))
    with pytest.raises(NothingAsked):
        table.host.check.begin(None)


def test_asking_again_and_again_is_told_once(table: Table) -> None:
    for _ in range(100):
        table.host.check.take_asked(wire.Asked(table.alice.id, POINT))
    assert table.host.told == [("alice", "asked")]


def test_a_guest_waits_for_the_answer(table: Table) -> None:
    table.alice.types(SECRET)
    with pytest.raises(StillAsking):
        table.alice.check.begin(None)


def test_whom_the_host_answers(table: Table) -> None:
    check = table.host.check
    with pytest.raises(NothingAsked):
        check.begin(None)
    for guest in table.guests.values():
        guest.types(SECRET)
    table.deliver()
    with pytest.raises(SeveralAsked) as caught:
        check.begin(None)
    assert "alice, bob" in str(caught.value)
    with pytest.raises(NoSuchMember):
        check.begin("carol")
    table.host.types(SECRET, "bob")
    table.deliver()
    assert table.bob.told[-1] == ("host", "matched")
    with pytest.raises(NotAsked) as not_asked:
        check.begin("bob")
    assert str(not_asked.value) == "bob has not asked for a password. Who has: alice."
    table.host.types(SECRET)
    table.deliver()
    assert table.alice.told[-1] == ("host", "matched")


def test_a_guest_compares_with_the_host_and_nobody_else(table: Table) -> None:
    table.alice.check.begin("host")
    table.alice.roster.seat(wire.MemberInfo(table.bob.id, "bob"))
    for name in ("bob", "hunter2"):
        with pytest.raises(PasswordAlone) as caught:
            table.alice.check.begin(name)
        assert name not in str(caught.value)


def test_nothing_typed_is_nothing_said(table: Table) -> None:
    table.alice.check.begin(None)
    table.alice.check.cancel()
    with pytest.raises(NothingAsked):
        table.alice.check.typed(SECRET)
    with pytest.raises(NothingAsked):
        table.alice.check.exporter()
    assert not table.alice.sent


def test_a_member_who_leaves_is_forgotten(table: Table) -> None:
    table.alice.types(SECRET)
    table.deliver()
    table.host.check.begin(None)
    table.host.check.left(table.alice.id)
    with pytest.raises(NothingAsked):
        table.host.check.typed(SECRET)
    assert table.host.told[-1] == ("alice", "wanted")


def test_one_who_leaves_in_the_middle_of_a_proof_has_failed_it(table: Table) -> None:
    table.alice.types(SECRET)
    table.deliver()
    table.host.types(SECRET)
    table.host.check.left(table.alice.id)
    assert table.host.told[-1] == ("alice", "differs")


def test_a_host_that_answers_what_nobody_asked_breaks_the_protocol(table: Table) -> None:
    with pytest.raises(OutOfTurn):
        table.alice.check.take_challenge(wire.Challenge(POINT, bytes(32)))
    table.alice.types(SECRET)
    with pytest.raises(BadMessage):
        table.alice.check.take_challenge(wire.Challenge(bytes(65), bytes(32)))


def test_a_point_made_to_cancel_the_secret_is_a_difference(table: Table) -> None:
    from usi.core.crypto import CURVE_ORDER
    from usi.core.pake import M

    w = int.from_bytes(SECRET, "big") % CURVE_ORDER
    table.host.check.take_asked(wire.Asked(table.alice.id, (M * w).encode()))
    table.host.types(SECRET)
    assert table.host.told[-1] == ("alice", "differs")
    assert not table.host.sent


def test_an_answer_that_nobody_waits_for_is_passed_over(table: Table) -> None:
    for _, confirmation in zip(count(), (None, bytes(32)), strict=False):
        table.host.check.take_proved(wire.Proved(table.alice.id, confirmation))
    table.host.check.take_asked(wire.Asked(b"?" * 32, POINT))
    assert not table.host.told
