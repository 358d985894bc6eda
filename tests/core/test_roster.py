"""Who is here, as one member knows it."""

import pytest

from usi.core import wire
from usi.core.crypto import PrivateKey
from usi.core.errors import BadMessage, NoSuchMember, OutOfTurn
from usi.core.roster import Proof, Roster, acceptable

Keys = dict[str, PrivateKey]


@pytest.fixture
def roster(keys: Keys) -> Roster:
    roster = Roster(keys["alice"].public)
    roster.host = keys["host"].public.id
    roster.own_link = Proof(b"f" * 32, ("one", "two", "three", "four"))
    for name in ("host", "alice", "bob"):
        assert roster.seat(wire.MemberInfo(keys[name].public.id, name))
    return roster


def test_members_are_found_by_name_and_by_what_looks_like_it(roster: Roster, keys: Keys) -> None:
    assert roster.find("bob") == keys["bob"].public.id
    assert roster.find("BOB") == keys["bob"].public.id
    with pytest.raises(NoSuchMember):
        roster.find("carol")


def test_a_guest_can_compare_with_the_host_alone(roster: Roster, keys: Keys) -> None:
    assert roster.proof_of(keys["host"].public.id) == roster.own_link
    assert roster.proof_of(keys["bob"].public.id) is None
    rows = {row.name: row for row in roster.rows()}
    assert rows["host"].words == ["one", "two", "three", "four"]
    assert rows["bob"].words is None
    assert (rows["alice"].me, rows["host"].host) == (True, True)


def test_the_mark_follows_the_key(roster: Roster, keys: Keys) -> None:
    roster.verified.add(keys["host"].public.id)
    roster.seat(wire.MemberInfo(keys["host"].public.id, "boss"))
    assert [row.name for row in roster.rows() if row.verified] == ["boss"]


def test_a_name_under_another_key_is_noticed(roster: Roster, keys: Keys) -> None:
    del roster.here[keys["bob"].public.id]
    assert not roster.seat(wire.MemberInfo(keys["mallory"].public.id, "bob"))
    assert roster.seat(wire.MemberInfo(keys["mallory"].public.id, "bob"))


def test_what_is_no_name_is_shown_as_digits_of_the_key(keys: Keys) -> None:
    info = wire.MemberInfo(keys["bob"].public.id, "\x1b[31mbob")
    assert acceptable(info) == "?" + keys["bob"].public.id.hex()[:8]


def test_only_a_key_that_was_asked_for_and_fits_its_id_counts(roster: Roster, keys: Keys) -> None:
    bob, mallory = keys["bob"].public, keys["mallory"].public
    with pytest.raises(OutOfTurn):
        roster.take_key(wire.KeyOf(bob.id, bob.modulus))
    assert roster.asks_for(bob.id)
    assert not roster.asks_for(bob.id)
    with pytest.raises(BadMessage):
        roster.take_key(wire.KeyOf(bob.id, mallory.modulus))
    assert roster.asks_for(bob.id)
    roster.take_key(wire.KeyOf(bob.id, bob.modulus))
    assert roster.keys[bob.id] == bob


def test_nobody_s_name_is_forgotten_for_the_many_names_of_another_one(keys: dict[str, PrivateKey]) -> None:
    """Else it is free to be taken over without a word."""
    roster = Roster(keys["alice"].public)
    bob, mallory = keys["bob"].public.id, keys["mallory"].public.id
    roster.seat(wire.MemberInfo(bob, "bob"))
    del roster.here[bob]
    for number in range(20_000):
        assert roster.seat(wire.MemberInfo(mallory, f"m{number}"))
    assert not roster.seat(wire.MemberInfo(mallory, "bob"))
