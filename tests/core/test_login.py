"""Logging in: both sides through the whole exchange, wrong passwords, unknown names, thieves and the impatient."""

from __future__ import annotations

import pytest

from usi.core import accounts, wire
from usi.core.accounts import Account, Accounts, Role, Stored, login_of, stored_of
from usi.core.attempts import FREE
from usi.core.crypto import Point
from usi.core.errors import OutOfTurn, PeerError, TooManyTries, WrongPassword
from usi.core.login import Guest, Logins

EXPORTER = b"e" * 32
ALICE = stored_of("correct horse")


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def logins(clock: Clock) -> Logins:
    logins = Logins(clock)
    logins.accounts = Accounts([Account("alice", ALICE, Role.MODERATOR)], b"s" * 32)
    return logins


def log_in(
    logins: Logins, name: str, password: str, *, link: int = 1, exporters: tuple[bytes, bytes] = (EXPORTER, EXPORTER)
) -> Account | None:
    guest = Guest(name, exporters[0])
    salt = logins.begin(link, "net", guest.first)
    challenge, _ = logins.challenge(link, guest.start(login_of(password, salt.salt)), exporters[1])
    prove, unlock = guest.answer(challenge)
    logins.prove(link, prove)
    return logins.unlock(link, unlock)


def test_who_knows_the_password_is_in(logins: Logins) -> None:
    account = log_in(logins, "alice", "correct horse")
    assert account is not None
    assert account.role is Role.MODERATOR
    assert not logins.owes(1)
    assert not logins.gone(1)


def test_a_shared_password_lets_in_under_any_name_without_an_account(logins: Logins) -> None:
    logins.shared = stored_of("open sesame")
    assert log_in(logins, "bob", "open sesame") is None
    with pytest.raises(WrongPassword):
        log_in(logins, "alice", "open sesame", link=2)
    assert log_in(logins, "alice", "correct horse", link=3) is not None


@pytest.mark.parametrize("name", ["alice", "nobody"])
def test_a_wrong_password_and_an_unknown_name_look_alike(logins: Logins, name: str) -> None:
    """The same messages of the same sizes, and the same salt each time."""
    salts = set()
    for link in range(2):
        guest = Guest(name, EXPORTER)
        salt = logins.begin(link, "net", guest.first)
        salts.add(salt.salt)
        challenge, wait = logins.challenge(link, guest.start(login_of("wrong", salt.salt)), EXPORTER)
        assert (len(challenge.point), len(challenge.confirmation), wait) == (65, 32, 0)
        with pytest.raises(WrongPassword):
            guest.answer(challenge)
        assert logins.owes(link)
        assert logins.gone(link)
    assert len(salts) == 1


def test_a_relayed_proof_fails(logins: Logins) -> None:
    with pytest.raises(WrongPassword):
        log_in(logins, "alice", "correct horse", exporters=(EXPORTER, b"f" * 32))


def test_a_stolen_file_logs_nobody_in(logins: Logins) -> None:
    """A thief has salt, proof secret and the hash of the last word: it gets through the proof, and no further."""
    guest = Guest("alice", EXPORTER)
    logins.begin(1, "net", guest.first)
    stolen = accounts.Login(ALICE.secret, ALICE.login)
    challenge, _ = logins.challenge(1, guest.start(stolen), EXPORTER)
    prove, unlock = guest.answer(challenge)
    logins.prove(1, prove)
    with pytest.raises(WrongPassword):
        logins.unlock(1, unlock)


def test_failures_slow_down_this_name_from_this_address_only(logins: Logins, clock: Clock) -> None:
    for link in range(FREE):
        guest = Guest("alice", EXPORTER)
        salt = logins.begin(link, "net", guest.first)
        logins.challenge(link, guest.start(accounts.Login(b"x" * 64, b"")), EXPORTER)
        logins.gone(link)
        assert salt.salt == ALICE.salt
    with pytest.raises(TooManyTries):
        logins.begin(9, "net", wire.Login("alice"))
    logins.begin(10, "elsewhere", wire.Login("alice"))
    logins.begin(11, "net", wire.Login("bob"))
    clock.now += 3_600
    logins.begin(12, "net", wire.Login("alice"))


@pytest.mark.parametrize("what", ["ask", "prove", "unlock", "login twice", "ask twice", "unlock before prove"])
def test_everything_has_its_turn(logins: Logins, what: str) -> None:
    point = wire.Ask(Point.generator().encode())
    match what:
        case "ask":
            steps = [lambda: logins.challenge(1, point, EXPORTER)]
        case "prove":
            steps = [lambda: logins.begin(1, "net", wire.Login("alice")), lambda: logins.prove(1, wire.Prove(None))]
        case "unlock":
            steps = [lambda: logins.unlock(1, wire.Unlock(bytes(48)))]
        case "login twice":
            steps = [lambda: logins.begin(1, "net", wire.Login("alice"))] * 2
        case "ask twice":
            steps = [lambda: logins.begin(1, "net", wire.Login("alice"))]
            steps += [lambda: logins.challenge(1, point, EXPORTER)] * 2
        case _:
            steps = [lambda: logins.begin(1, "net", wire.Login("alice"))]
            steps += [lambda: logins.challenge(1, point, EXPORTER), lambda: logins.unlock(1, wire.Unlock(bytes(48)))]
    *before, last = steps
    for step in before:
        step()
    with pytest.raises(OutOfTurn):
        last()


@pytest.mark.parametrize("point", [bytes(65), b"\x04" + bytes(64), bytes(range(65))], ids=["zeros", "origin", "none"])
def test_a_point_that_is_none_ends_the_link(logins: Logins, point: bytes) -> None:
    logins.begin(1, "net", wire.Login("alice"))
    with pytest.raises(PeerError):
        logins.challenge(1, wire.Ask(point), EXPORTER)


def test_an_answer_without_a_question_is_none() -> None:
    with pytest.raises(OutOfTurn):
        Guest("alice", EXPORTER).answer(wire.Challenge(bytes(65), bytes(32)))


def test_what_is_stored_says_nothing_of_the_password_or_the_login() -> None:
    login = login_of("correct horse", ALICE.salt)
    assert login.login not in (ALICE.pake, ALICE.login)
    assert Stored.parse(str(ALICE)) == ALICE
