"""Logging in: to an account, or with the password that all who come to a host share. Both sides, pure.

The guest says a name and gets a salt; the bcrypt value of its password is the secret of the one proof that there is
(`usi.core.pake`), in which the host confirms first. Then the guest says, sealed under the key of that proof, what a
stolen accounts file does not hold (docs/PROTOCOL.md, "Accounts").
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from usi.core import crypto, text, wire
from usi.core.accounts import Account, Accounts, Login, Stored
from usi.core.attempts import Attempts
from usi.core.crypto import NONCE_SIZE, CryptoError, Ocb, labelled
from usi.core.errors import BadMessage, OutOfTurn, TooManyTries, WrongPassword
from usi.core.pake import Proving

PURPOSE = "usi3 account"
_AAD = labelled("usi3 login")
_ONCE = bytes(NONCE_SIZE)  # the key is made by this proof and seals one message


class Guest:
    """A guest's part: `salt` comes first, then the stretched password is given to `start`, then `answer`."""

    def __init__(self, name: str, exporter: bytes) -> None:
        self.first = wire.Login(name)
        self._exporter = exporter
        self._proving: Proving | None = None
        self._login = b""

    def start(self, login: Login) -> wire.Ask:
        """The password was stretched with the salt."""
        self._proving = Proving("client", PURPOSE, login.secret, self._exporter)
        self._login = login.login
        return wire.Ask(self._proving.message)

    def answer(self, challenge: wire.Challenge) -> tuple[wire.Prove, wire.Unlock]:
        """The host's half is there. Raises `WrongPassword` where it has another secret, and the `PeerError` for what
        makes no sense; nothing more may be said to it then."""
        if self._proving is None:
            raise OutOfTurn(what="challenge")
        try:
            own = self._proving.confirm(challenge.point)
        except CryptoError as error:
            raise BadMessage(why="a point that is none") from error
        if not self._proving.fits(challenge.confirmation):
            raise WrongPassword
        sealed = Ocb(self._proving.key).seal(_ONCE, self._login, _AAD)
        return wire.Prove(own), wire.Unlock(sealed)


@dataclass
class _Try:
    name: str
    network: str
    stored: Stored
    account: Account | None
    proving: Proving | None = None
    fits: bool = False


class Logins:
    """A host's part: the logins under way, each known by the number of its link. `clock` gives seconds that only
    rise."""

    def __init__(
        self, clock: Callable[[], float], random: Callable[[int], bytes] = crypto.random_bytes
    ) -> None:
        self.accounts: Accounts | None = None
        self.shared: Stored | None = None
        """The password of all who have no account."""
        self._attempts = Attempts(clock)
        self._random = random
        self._nobody = Accounts((), random(crypto.KEY_SIZE))
        self._tries: dict[int, _Try] = {}

    def begin(self, link: int, network: str, message: wire.Login) -> wire.Salt:
        """Somebody says who it is. Raises `TooManyTries` or `OutOfTurn`; its link must then end."""
        if link in self._tries:
            raise OutOfTurn(what="login")
        name = text.skeleton(message.name)
        if self._attempts.refused(name, network):
            raise TooManyTries
        account = self.accounts.owner(message.name) if self.accounts is not None else None
        if account is not None:
            stored = account.stored
        elif self.shared is not None:
            stored = self.shared
        else:
            stored = (self.accounts or self._nobody).stored(message.name)
        self._tries[link] = _Try(name, network, stored, account)
        return wire.Salt(stored.salt)

    def challenge(self, link: int, message: wire.Ask, exporter: bytes) -> tuple[wire.Challenge, float]:
        """The guest's half of the proof: ours, and the seconds to hold it back. It counts as a try from here on."""
        attempt = self._tries.get(link)
        if attempt is None or attempt.proving is not None:
            raise OutOfTurn(what="ask")
        if self._attempts.refused(attempt.name, attempt.network):
            raise TooManyTries
        attempt.proving = Proving("host", PURPOSE, attempt.stored.secret, exporter, self._random)
        try:
            confirmation = attempt.proving.confirm(message.point)
        except CryptoError as error:
            raise BadMessage(why="a point that is none") from error
        wait = self._attempts.begin(attempt.name, attempt.network)
        return wire.Challenge(attempt.proving.message, confirmation), wait

    def owes(self, link: int) -> bool:
        """Whether this link has begun a login and not ended it."""
        return link in self._tries

    def prove(self, link: int, message: wire.Prove) -> None:
        """Raises `WrongPassword` where the guest's half does not fit."""
        attempt = self._tries.get(link)
        if attempt is None or attempt.proving is None or attempt.fits:
            raise OutOfTurn(what="prove")
        if message.confirmation is None or not attempt.proving.fits(message.confirmation):
            raise WrongPassword
        attempt.fits = True

    def unlock(self, link: int, message: wire.Unlock) -> Account | None:
        """The last word: returns the account, or None for the shared password. Raises `WrongPassword`."""
        attempt = self._tries.get(link)
        if attempt is None or attempt.proving is None or not attempt.fits:
            raise OutOfTurn(what="unlock")
        try:
            login = Ocb(attempt.proving.key).open(_ONCE, message.sealed, _AAD)
        except CryptoError as error:
            raise WrongPassword from error
        if not attempt.stored.accepts(login):
            raise WrongPassword
        del self._tries[link]
        self._attempts.succeeded(attempt.name, attempt.network)
        return attempt.account

    def gone(self, link: int) -> bool:
        """The link ended: whether a login of it was wrong or left open, which is the same."""
        return self._tries.pop(link, None) is not None
