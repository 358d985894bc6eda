"""Rights by default denied, passwords that the host does not have, names that belong to somebody."""

from __future__ import annotations

import base64
import hashlib
import hmac

import bcrypt
import pytest

from usi.core import accounts, commands, crypto, text
from usi.core.accounts import (
    RIGHTS,
    Account,
    Accounts,
    Role,
    Stored,
    login_of,
    may,
    may_act_on,
    may_enter,
    stored_of,
)
from usi.core.crypto import digest

SALT = bytes(range(16))
SECRET = bytes(32)
FOR_ALL = frozenset(
    """
    help quit clear users rooms join leave say me nick away mute info msg private block add send accept decline cancel
    files verify password history search
    """.split()  # noqa: SIM905
)
FOR_MODERATORS = frozenset(
    "kick ban unban silence room-new room-close grant revoke topic lock limits log invite".split()  # noqa: SIM905
)


@pytest.fixture(autouse=True)
def quick_bcrypt(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hundreds of times quicker than is right for a password."""
    monkeypatch.setattr(crypto, "BCRYPT_COST", 4)


@pytest.fixture
def stored() -> Stored:
    return stored_of("clé 🔑", SALT)


# --- rights ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize("command", [*sorted(FOR_ALL | FOR_MODERATORS), "shutdown", "", "KICK", "room"])
def test_every_command_and_role(command: str, role: Role) -> None:
    allowed = command in FOR_ALL or (command in FOR_MODERATORS and role in (Role.MODERATOR, Role.HOST))
    assert may(role, command) is allowed


def test_the_table_has_nothing_else_and_misses_no_command() -> None:
    assert RIGHTS.keys() == FOR_ALL | FOR_MODERATORS
    missing = {command.names[0] for command in commands.COMMANDS} - {"room"} - RIGHTS.keys()  # two orders in one
    assert {"room-new", "room-close"} <= RIGHTS.keys()
    assert not missing, "decide who may give them: until then nobody may"


@pytest.mark.parametrize("actor", list(Role))
@pytest.mark.parametrize("target", list(Role))
def test_who_can_be_moved_by_whom(actor: Role, target: Role) -> None:
    reached = {
        Role.MODERATOR: {Role.GUEST, Role.MEMBER},
        Role.HOST: {Role.GUEST, Role.MEMBER, Role.MODERATOR},
    }
    assert may_act_on(actor, target) is (target in reached.get(actor, ()))


def test_rooms(stored: Stored) -> None:
    alice = Account("alice", stored, Role.MEMBER, {"staff": True, text.skeleton("Lounge"): False})
    assert may_enter(Role.GUEST, None, "general", private=False)
    assert not may_enter(Role.GUEST, None, "staff", private=True)
    assert may_enter(Role.GUEST, None, "staff", private=True, granted=True)
    assert may_enter(Role.MEMBER, alice, "staff", private=True)
    assert may_enter(Role.MEMBER, alice, "Staff", private=True)
    assert not may_enter(Role.MEMBER, alice, "lounge", private=False)
    assert may_enter(Role.MEMBER, alice, "general", private=False)
    assert not may_enter(Role.MODERATOR, None, "staff", private=True)
    assert may_enter(Role.HOST, None, "staff", private=True)


# --- passwords ------------------------------------------------------------------------------------------------------


def test_the_stored_line_is_that_of_the_protocol(monkeypatch: pytest.MonkeyPatch) -> None:
    """Computed again from the words of docs/PROTOCOL.md."""
    monkeypatch.undo()
    stored = stored_of("clé 🔑", SALT)
    keyed = hmac.new(b"usi3 account".ljust(32, b"\0"), "clé 🔑".encode(), hashlib.sha256).digest()
    standard = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    its_own = b"./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
    digits = base64.b64encode(SALT).rstrip(b"=").translate(bytes.maketrans(standard, its_own))
    b = bcrypt.hashpw(base64.b64encode(keyed), b"$2b$12$" + digits)
    assert len(b) == 60
    assert stored.pake == digest("usi3 pake", b)
    assert stored.login == digest("usi3 stored", digest("usi3 login", b))
    fields = (base64.b64encode(value).decode().rstrip("=") for value in (SALT, stored.pake, stored.login))
    assert str(stored) == "usi3-bcrypt$12$" + "$".join(fields)
    assert Stored.parse(str(stored)) == stored


def test_login(stored: Stored) -> None:
    login = login_of("clé 🔑", stored.salt)
    assert login.secret == stored.secret
    assert len(login.secret) == 64
    assert stored.accepts(login.login)
    wrong = login_of("cle 🔑", stored.salt)
    assert wrong.secret != stored.secret
    assert not stored.accepts(wrong.login)


def test_what_is_stored_logs_nobody_in(stored: Stored) -> None:
    for value in (stored.login, stored.pake, stored.salt, digest("usi3 login", stored.pake)):
        assert not stored.accepts(value)
    assert repr(stored.pake) not in repr(stored)
    assert "secret" not in repr(login_of("a", SALT))


def test_the_same_password_from_another_keyboard(stored: Stored) -> None:
    assert login_of("cle\u0301 🔑", SALT).secret == stored.secret


@pytest.mark.parametrize("password", ["x" * 100, "a\0b"])
def test_no_part_of_a_password_is_left_out(password: str) -> None:
    """bcrypt alone stops at 72 bytes, and at NUL."""
    assert login_of(password, SALT).secret != login_of(password[:-1] + "y", SALT).secret


def test_salts_are_fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accounts, "bcrypt_of", lambda hashed, salt: hashed + salt)
    assert stored_of("a").salt != stored_of("a").salt


@pytest.mark.parametrize(
    "line",
    [
        "", "$", "secret", "usi3-bcrypt$12$a$b$c", "usi3-bcrypt$12$a$b", "{whole}$", "usi3-bcrypt$11${rest}",
        "bcrypt$12${rest}", "{whole}é", "{whole}A", "{short}", " {whole}", "usi3-bcrypt$12$$$",
    ],
)  # fmt: skip
def test_lines_that_are_none(stored: Stored, line: str) -> None:
    whole = str(stored)
    with pytest.raises(ValueError, match="password"):
        Stored.parse(line.format(whole=whole, rest=whole.split("$", 2)[2], short=whole[:-4]))


# --- names ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def some(stored: Stored) -> Accounts:
    return Accounts([Account("alice", stored), Account("bob", stored, Role.MODERATOR)], SECRET)


@pytest.mark.parametrize("name", ["alice", "Alice", "a1ice", "al.ice", "\u0430lice", "alic\u00e9", "alice_"])
def test_a_guest_cannot_be_called_like_an_account(some: Accounts, name: str) -> None:
    assert not some.may_be_called(name, None)
    assert not some.may_be_called(name, some.owner("bob"))
    assert some.may_be_called(name, some.owner("alice"))
    assert text.skeleton(name) in some.reserved


def test_other_names_are_free(some: Accounts) -> None:
    assert some.may_be_called("alice-2", None)
    assert some.may_be_called("carol", some.owner("bob"))
    assert text.numbered_name("alice", some.reserved) == "alice-2"
    assert len(some) == 2


def test_accounts_must_not_look_alike(stored: Stored) -> None:
    with pytest.raises(ValueError, match="look alike"):
        Accounts([Account("alice", stored), Account("A1ice", stored)], SECRET)


def test_an_unknown_name_looks_like_a_known_one(some: Accounts, stored: Stored) -> None:
    """The same salt each time, another for each name and host, and a secret that no password has."""
    assert some.stored("alice") == some.stored("A1ice") == stored
    nobody = some.stored("nobody")
    assert nobody == some.stored("nobody") == some.stored("N0body") == Accounts([], SECRET).stored("nobody")
    assert nobody.salt != some.stored("somebody").salt
    assert nobody.salt != Accounts([], bytes(31) + b"\1").stored("nobody").salt
    assert [len(value) for value in (nobody.salt, nobody.pake, nobody.login)] == [16, 32, 32]
    assert len({nobody.salt, nobody.pake[:16], nobody.login[:16]}) == 3
    assert Stored.parse(str(nobody)) == nobody
    login = login_of("clé 🔑", nobody.salt)
    assert login.secret != nobody.secret
    assert not nobody.accepts(login.login)
