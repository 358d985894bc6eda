"""Who sits where at the host: rights, names and keys."""

from __future__ import annotations

import pytest

from usi.core import seats, text, wire
from usi.core.accounts import Account, Role, Stored
from usi.core.errors import RefusedName
from usi.core.facts import OWN, Gone, Heard
from usi.core.seats import Seat

from .floor import BAD_NAMES, GENERAL, Floor, facts, member_id

FACTS = wire.LinkFacts(bytes(range(32)), b"", b"", (), "")
STORED = Stored(bytes(16), bytes(32), bytes(32))


@pytest.mark.parametrize(
    ("link", "account", "role"),
    [
        (OWN, None, Role.HOST),
        (1, None, Role.GUEST),
        (1, Account("Alice", STORED), Role.MEMBER),
        (1, Account("Alice", STORED, Role.MODERATOR), Role.MODERATOR),
    ],
)
def test_what_somebody_may_do_is_by_account(link: int, account: Account | None, role: Role) -> None:
    assert Seat(link, FACTS, account).role is role


def test_rights_are_remembered_by_account_or_by_key() -> None:
    assert Seat(1, FACTS).who == FACTS.member.hex()
    assert Seat(1, FACTS, Account("Alice", STORED)).who == Seat(2, FACTS, Account("ALICE", STORED)).who


def test_a_member_is_known_by_its_id_and_its_name_of_now() -> None:
    seat = Seat(1, FACTS, name="alice")
    assert seat.info == wire.MemberInfo(FACTS.member, "alice")


# --- names ---------------------------------------------------------------------------------------------------------


def test_a_name_that_is_taken_or_looks_alike_gets_a_number(floor: Floor) -> None:
    names = [floor.name(floor.join(f"key {i}", name)) for i, name in enumerate(("alice", "alice", "ALICE", "a1ïce"))]
    assert names == ["alice", "alice-2", "ALICE-3", "a1ïce-4"]
    assert len({text.skeleton(name) for name in names}) == 4


def test_the_name_that_is_told_is_the_one_that_was_cleaned(floor: Floor) -> None:
    alice = floor.join("alice", "  Jean Pierre ")
    assert floor.name(alice) == "Jean-Pierre"
    assert floor.told[OWN][-1] == wire.Joined(GENERAL, [wire.MemberInfo(member_id("alice"), "Jean-Pierre")])


def test_a_name_is_free_again_when_its_owner_has_left(floor: Floor) -> None:
    floor.handle(Gone(floor.join("alice"), "cut"))
    assert floor.name(floor.join("bob", "alice")) == "alice"


@pytest.mark.parametrize("name", BAD_NAMES)
def test_nobody_joins_under_a_bad_name(floor: Floor, name: str) -> None:
    floor.forget()
    link = floor.join("alice", name)
    assert isinstance(floor.closed[link], RefusedName)
    assert not floor.told
    assert floor.hub.members == 1


@pytest.mark.parametrize("name", BAD_NAMES)
def test_nobody_takes_a_bad_name(floor: Floor, name: str) -> None:
    link = floor.join("alice")
    floor.forget()
    floor.hear(link, wire.Nick(name))
    assert isinstance(floor.closed[link], RefusedName)
    assert floor.told == {OWN: [wire.Left(GENERAL, [member_id("alice")], RefusedName.code)]}


def test_a_new_name_is_told_to_everybody_its_owner_included(floor: Floor) -> None:
    alice, bob = floor.join("alice"), floor.join("bob")
    floor.forget()
    floor.hear(alice, wire.Nick(" Alice  Liddell"))
    renamed = wire.Renamed(member_id("alice"), "Alice-Liddell")
    assert floor.told == {OWN: [renamed], alice: [renamed], bob: [renamed]}
    assert renamed.name in [info.name for info in floor.all(floor.join("carol"), wire.Present)[0].members]
    assert floor.name(floor.join("dave", "alice")) == "alice"


@pytest.mark.parametrize("wanted", ["bob", "BOB", "b0b", "bôb", "host"])
def test_a_new_name_that_is_taken_is_refused_to_its_asker_only(floor: Floor, wanted: str) -> None:
    alice = floor.join("alice")
    floor.join("bob")
    floor.forget()
    floor.hear(alice, wire.Nick(wanted))
    assert floor.told == {alice: [wire.Notice("name-taken", wanted)]}
    assert not floor.closed
    assert "alice" in [info.name for info in floor.all(floor.join("carol"), wire.Present)[0].members]
    assert floor.name(floor.join("dave", wanted)) == f"{wanted}-2"


def test_one_may_change_the_look_of_one_s_own_name(floor: Floor) -> None:
    alice = floor.join("alice")
    floor.forget()
    floor.hear(alice, wire.Nick("Alïce"))
    assert floor.told[alice] == [wire.Renamed(member_id("alice"), "Alïce")]
    assert floor.name(floor.join("bob", "alice")) == "alice-2"


def test_a_new_name_that_is_the_old_one_is_not_told(floor: Floor) -> None:
    alice = floor.join("alice")
    assert floor.hub.handle(Heard(alice, wire.Nick("alice"))) == []
    assert floor.hub.handle(Heard(alice, wire.Nick(" alice "))) == []


# --- keys ----------------------------------------------------------------------------------------------------------


def test_a_key_is_told_of_who_is_here_and_of_who_was(floor: Floor) -> None:
    alice = floor.join("alice")
    floor.handle(Gone(floor.join("bob"), "left"))
    floor.arrive("carol")  # has a link and has not joined: nobody has heard of her
    floor.forget()
    for who in ("alice", "host", "bob", "carol", "dave"):
        floor.hear(alice, wire.GetKey(member_id(who)))
    known = [wire.KeyOf(member_id(who), facts(who).modulus) for who in ("alice", "host", "bob")]
    unknown = [wire.KeyOf(member_id(who), None) for who in ("carol", "dave")]
    assert floor.told == {alice: [*known, *unknown]}


def test_keys_of_those_who_left_are_kept_up_to_a_bound(floor: Floor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seats, "KNOWN_KEYS", 3)
    for who in ("a", "b", "c", "d"):
        floor.handle(Gone(floor.join(who), "left"))
    alice = floor.join("alice")
    floor.forget()
    for who in ("host", "a", "b", "c", "d", "alice"):
        floor.hear(alice, wire.GetKey(member_id(who)))
    known = {answer.member for answer in floor.all(alice, wire.KeyOf) if answer.modulus}
    assert known == {member_id(who) for who in ("host", "d", "alice")}


def test_the_key_of_who_is_here_is_never_dropped(floor: Floor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seats, "KNOWN_KEYS", 3)
    here = ["host", "a", "b", "c", "d"]
    for who in here[1:]:
        floor.join(who)
        floor.forget()
        present = here[: here.index(who) + 1]
        for other in present:
            floor.hear(OWN, wire.GetKey(member_id(other)))
        answers = {answer.member: answer.modulus for answer in floor.all(OWN, wire.KeyOf)}
        assert answers == {member_id(other): facts(other).modulus for other in present}
