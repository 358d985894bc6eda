"""Who somebody is to the hub. What facts come to is in test_hub.py."""

from __future__ import annotations

import pytest

from usi.core import wire
from usi.core.accounts import Account, Role, Stored
from usi.core.facts import OWN, Seat

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
