"""Who may do what: roles, the table of commands, accounts made by hand, and how their passwords are checked.

Pure. What is not allowed in the table is forbidden. A password never crosses the wire: its bcrypt value is the secret
of the proof (`usi.core.pake`), and what the host's file holds of it logs nobody in (docs/PROTOCOL.md, "Accounts").
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum

from usi.core import text
from usi.core.crypto import (
    BCRYPT_COST,
    BCRYPT_SALT_SIZE,
    KEY_SIZE,
    bcrypt_of,
    derive,
    digest,
    equal,
    labelled,
    mac,
    random_bytes,
    typed,
)
from usi.core.language import tr


class Role(IntEnum):
    """In rising order; `GUEST` is who has no account, `HOST` the host's own person or who has an account like it."""

    GUEST = 0
    MEMBER = 1
    MODERATOR = 2
    HOST = 3

    @property
    def word(self) -> str:
        return self.name.lower()


ROLES = {role.word: role for role in Role}

_EVERYONE = frozenset(Role)
_MODERATORS = frozenset({Role.MODERATOR, Role.HOST})
RIGHTS: dict[str, frozenset[Role]] = {
    "help": _EVERYONE,
    "quit": _EVERYONE,
    "clear": _EVERYONE,
    "users": _EVERYONE,
    "rooms": _EVERYONE,
    "join": _EVERYONE,
    "leave": _EVERYONE,
    "say": _EVERYONE,
    "me": _EVERYONE,
    "nick": _EVERYONE,
    "away": _EVERYONE,
    "mute": _EVERYONE,
    "info": _EVERYONE,
    "msg": _EVERYONE,
    "private": _EVERYONE,
    "block": _EVERYONE,
    "add": _EVERYONE,
    "send": _EVERYONE,
    "accept": _EVERYONE,
    "decline": _EVERYONE,
    "cancel": _EVERYONE,
    "files": _EVERYONE,
    "verify": _EVERYONE,
    "password": _EVERYONE,
    "history": _EVERYONE,
    "search": _EVERYONE,
    "kick": _MODERATORS,
    "ban": _MODERATORS,
    "unban": _MODERATORS,
    "silence": _MODERATORS,
    "room-new": _MODERATORS,
    "room-close": _MODERATORS,
    "grant": _MODERATORS,
    "revoke": _MODERATORS,
    "topic": _MODERATORS,
    "lock": _MODERATORS,
    "limits": _MODERATORS,
    "log": _MODERATORS,
    "invite": _MODERATORS,
}
"""Command → who may give it. A command that is not here may be given by nobody."""


def may(role: Role, command: str) -> bool:
    return role in RIGHTS.get(command, ())


def may_act_on(actor: Role, target: Role) -> bool:
    """Whether a kick, ban or silence of this role reaches that one: only from a higher one, so nobody moves the host,
    and moderators do not fight each other."""
    return actor in _MODERATORS and actor > target


def may_enter(role: Role, account: Account | None, room: str, *, private: bool, granted: bool = False) -> bool:
    """Whether a room may be seen and entered, by its name: by the host always; by an account as its record says; else
    where it is not private, or was granted in this run."""
    if role is Role.HOST or granted:
        return True
    if account is not None and (said := account.rooms.get(text.skeleton(room))) is not None:
        return said
    return not private


# --- stored passwords -----------------------------------------------------------------------------------------------

_SCHEME = "usi3-bcrypt"


@dataclass(frozen=True)
class Stored:
    """What the accounts file holds of a password: a salt of 16 bytes, the secret of the proof, and the hash of what
    the client says when the host has proved that it has that secret (32 bytes each)."""

    salt: bytes
    pake: bytes = field(repr=False)
    login: bytes = field(repr=False)

    def __str__(self) -> str:
        """The line as it stands in the file."""
        values = (base64.b64encode(value).decode("ascii").rstrip("=") for value in (self.salt, self.pake, self.login))
        return "$".join((_SCHEME, str(BCRYPT_COST), *values))

    @classmethod
    def parse(cls, line: str) -> Stored:
        """Raises `ValueError` for what is none, or not whole."""
        scheme, *rest = line.split("$")
        if scheme != _SCHEME or len(rest) != 4 or rest[0] != str(BCRYPT_COST):
            raise ValueError("not the line of a password")
        try:
            values = [base64.b64decode(value + "=" * (-len(value) % 4), validate=True) for value in rest[1:]]
        except ValueError:
            values = []
        if [len(value) for value in values] != [BCRYPT_SALT_SIZE, KEY_SIZE, KEY_SIZE]:
            raise ValueError("the line of a password that is not whole")
        return cls(*values)

    @property
    def secret(self) -> bytes:
        """The host's secret of the proof, 64 bytes."""
        return _proof_secret(self.pake)

    def accepts(self, login: bytes) -> bool:
        """Whether this is the client's last word, 32 bytes, after the proof."""
        return equal(digest("usi3 stored", login), self.login)


def _proof_secret(pake: bytes) -> bytes:
    return b"".join(derive(pake, b"", "usi3 account", 2))


@dataclass(frozen=True)
class Login:
    """The client's part: the secret of the proof, 64 bytes, and what it says, sealed, once the host has confirmed."""

    secret: bytes = field(repr=False)
    login: bytes = field(repr=False)


def login_of(password: str, salt: bytes) -> Login:
    """From what was typed and the salt that the host told. A quarter of a second: not on an event loop."""
    stretched = _stretched(password, salt)
    return Login(_proof_secret(digest("usi3 pake", stretched)), digest("usi3 login", stretched))


def stored_of(password: str, salt: bytes | None = None) -> Stored:
    """What to keep of a new password. A quarter of a second: not on an event loop."""
    salt = salt or random_bytes(BCRYPT_SALT_SIZE)
    stretched = _stretched(password, salt)
    pake, login = digest("usi3 pake", stretched), digest("usi3 login", stretched)
    return Stored(salt, pake, digest("usi3 stored", login))


def _stretched(password: str, salt: bytes) -> bytes:
    """b of the protocol: 60 bytes."""
    return bcrypt_of(mac(labelled("usi3 account"), typed(password)), salt)


# --- accounts -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Account:
    name: str
    stored: Stored
    role: Role = Role.MEMBER
    rooms: Mapping[str, bool] = field(default_factory=dict)
    """By the skeleton of a room's name: whether it may be entered. Others: as `may_enter` says."""


class Accounts:
    """The accounts of a host. `secret` (32 bytes) makes salts for names that have none."""

    def __init__(self, accounts: Iterable[Account], secret: bytes) -> None:
        """Raises `ValueError` where two names look alike."""
        self._secret = secret
        self._by_look: dict[str, Account] = {}
        for account in accounts:
            other = self._by_look.setdefault(text.skeleton(account.name), account)
            if other is not account:
                raise ValueError(tr("{one} and {other} look alike", one=account.name, other=other.name))

    def __len__(self) -> int:
        return len(self._by_look)

    def owner(self, name: str) -> Account | None:
        """Whose name that is, or looks like, among the accounts."""
        return self._by_look.get(text.skeleton(name))

    def may_be_called(self, name: str, account: Account | None) -> bool:
        """Whether somebody who is logged in to that account, or to none, may take a name: not one of somebody else's
        account, nor one that looks like it."""
        owner = self.owner(name)
        return owner is None or (account is not None and owner.name == account.name)

    @property
    def reserved(self) -> frozenset[str]:
        """Skeletons of their names: what a guest's name must avoid, as `text.numbered_name` does."""
        return frozenset(self._by_look)

    def stored(self, name: str) -> Stored:
        """What a login under this name is checked against. A name without an account has a salt that stays the same,
        and secrets that nothing fits: from outside it cannot be told from a wrong password."""
        account = self.owner(name)
        if account is not None:
            return account.stored
        look = text.skeleton(name).encode("utf-8")
        salt, pake, login = (
            mac(self._secret, labelled(f"usi3 no {part}") + look) for part in ("salt", "pake", "login")
        )
        return Stored(salt[:BCRYPT_SALT_SIZE], pake, login)
