"""The accounts file: TOML that the host's owner writes by hand, read again when it has changed.

    [[account]]
    name = "alice"
    password = "usi3-bcrypt$12$..."     # printed by `usi.py --account alice`
    role = "member"                     # guest, member (as if left out), moderator or host
    rooms = { staff = true, lounge = false }

A file that cannot be used leaves the accounts as they were. Beside it, in a file of its own, lies the secret that makes
salts for names without an account.
"""

from __future__ import annotations

import os
import re
import tomllib
from pathlib import Path
from typing import Any

from usi.core import text
from usi.core.accounts import ROLES, Account, Accounts, Role, Stored
from usi.core.crypto import KEY_SIZE, random_bytes
from usi.core.errors import BadAccounts, BadName, OpenAccounts, UnreadableFile
from usi.core.language import tr
from usi.store import private

SECRET_SUFFIX = ".secret"
_LARGEST = 4 * 1024 * 1024  # bytes: some ten thousand accounts
_OTHERS = 0o077
_FIELDS = frozenset({"name", "password", "role", "rooms"})
_ACCOUNT = re.compile(r"\s*\[\[\s*account\s*\]\]")
_AT_LINE = re.compile(r"(.*?)\s*\((?:at line (\d+), column \d+|at end of document)\)\Z", re.DOTALL)

_Signature = tuple[int, int, int, int]


class _Wrong(Exception):
    """A fault of one account: its number in the file, the field where there is one, and the reason."""

    def __init__(self, index: int, field: str | None, why: str) -> None:
        super().__init__(why)
        self.index, self.field, self.why = index, field, why


class AccountsFile:
    """An accounts file and what was last read from it. For worker threads: it reads from the disk."""

    def __init__(self, path: Path) -> None:
        """Raises `UnreadableFile`, `OpenAccounts`, `BadAccounts`, or `CannotKeep` where the secret cannot be made."""
        self.path = path
        self._seen: _Signature | None = None
        self._secret = _secret(path.with_name(path.name + SECRET_SUFFIX))
        self.accounts = Accounts((), self._secret)
        self._read()

    def refresh(self) -> bool:
        """Read it again if it has changed; whether `accounts` is new. Raises as `__init__`, once for each change:
        `accounts` is then what it was."""
        try:
            seen = _signature(os.stat(self.path))
        except OSError as error:
            if self._seen is None:
                return False
            self._seen = None
            raise _unreadable(self.path, error) from error
        if seen == self._seen:
            return False
        self._read()
        return True

    def _read(self) -> None:
        try:
            with self.path.open("rb") as file:
                found = os.fstat(file.fileno())
                self._seen = _signature(found)
                data = file.read(_LARGEST + 1)
        except OSError as error:
            raise _unreadable(self.path, error) from error
        if os.name == "posix" and found.st_mode & _OTHERS:
            raise OpenAccounts(path=self.path)
        if len(data) > _LARGEST:
            raise UnreadableFile(path=self.path, why="it is too large")
        self.accounts = parse(self.path, data, self._secret)


def parse(path: Path, data: bytes, secret: bytes) -> Accounts:
    """The accounts in a file's bytes. Raises `BadAccounts` with the line and the reason."""
    try:
        source = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise BadAccounts(path=path, line=line, why="it is not UTF-8") from error
    try:
        document = tomllib.loads(source)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        found = _AT_LINE.match(str(error))
        line = int(found[2]) if found and found[2] else source.rstrip().count("\n") + 1
        said = (found[1] if found else str(error)).rstrip(".")
        said = said[:1].lower() + said[1:]
        raise BadAccounts(path=path, line=line, why=said) from error
    try:
        return Accounts(_accounts(document), secret)
    except _Wrong as error:
        raise BadAccounts(path=path, line=_line_of(source, error), why=error.why) from error


def _accounts(document: dict[str, Any]) -> list[Account]:
    listed = document.pop("account", [])
    if document:
        raise _Wrong(-1, next(iter(document)), why=tr("{name} means nothing here", name=next(iter(document))))
    if not isinstance(listed, list) or not all(isinstance(each, dict) for each in listed):
        raise _Wrong(-1, "account", why="accounts begin with [[account]]")
    accounts: list[Account] = []
    looks: dict[str, str] = {}
    for index, fields in enumerate(listed):
        account = _account(index, fields)
        other = looks.setdefault(text.skeleton(account.name), account.name)
        if len(looks) == len(accounts):
            raise _Wrong(index, "name", why=tr("{one} and {other} look alike", one=account.name, other=other))
        accounts.append(account)
    return accounts


def _account(index: int, fields: dict[str, Any]) -> Account:
    for name in fields:
        if name not in _FIELDS:
            raise _Wrong(index, name, why=tr("{name} means nothing here", name=name))
    for name in ("name", "password"):
        if not isinstance(fields.get(name), str):
            raise _Wrong(index, name if name in fields else None, why=tr("the {name} is missing or no text", name=name))
    try:
        called = text.clean_name(fields["name"])
    except BadName as error:
        raise _Wrong(index, "name", why=str(error.fields["why"])) from error
    if called != fields["name"]:
        raise _Wrong(index, "name", why=tr("write the name as it is shown: {name}", name=called))
    try:
        stored = Stored.parse(fields["password"])
    except ValueError as error:
        raise _Wrong(
            index, "password", why="the password is not a line that --account printed, or not a whole one"
        ) from error
    role = fields.get("role", Role.MEMBER.word)
    if not isinstance(role, str) or role not in ROLES:
        raise _Wrong(index, "role", why=tr("the role must be one of {roles}", roles=", ".join(ROLES)))
    rooms = fields.get("rooms", {})
    if not isinstance(rooms, dict) or not all(isinstance(value, bool) for value in rooms.values()):
        raise _Wrong(index, "rooms", why="rooms are written as { general = true, staff = false }")
    return Account(called, stored, ROLES[role], {text.skeleton(room): said for room, said in rooms.items()})


def _line_of(source: str, wrong: _Wrong) -> int:
    """Where a fault stands: the line of its field, else of its account, else the first. TOML's reader tells no lines,
    so this looks for what people write."""
    lines = source.splitlines()
    starts = [number for number, line in enumerate(lines) if _ACCOUNT.match(line)]
    if wrong.index >= len(starts):
        return 1
    first = starts[wrong.index] if wrong.index >= 0 else 0
    last = starts[wrong.index + 1] if 0 <= wrong.index + 1 < len(starts) and wrong.index >= 0 else len(lines)
    if wrong.field is not None:
        field = re.compile(rf"""\s*(\[+\s*)?["']?{re.escape(wrong.field)}["']?\s*[=.\]]""")
        for number in range(first, last):
            if field.match(lines[number]):
                return number + 1
    return first + 1


def _secret(path: Path) -> bytes:
    """The 32 bytes in this file, which is made where there is none, or a part of one."""
    found = private.read(path, KEY_SIZE + 1)
    if found is not None and len(found[0]) == KEY_SIZE:
        return found[0]
    new = random_bytes(KEY_SIZE)
    private.write(path, new)
    return new


def _signature(seen: os.stat_result) -> _Signature:
    """Changes when a file is written, replaced, or given other rights."""
    return seen.st_mtime_ns, seen.st_ctime_ns, seen.st_size, seen.st_ino


def _unreadable(path: Path, error: OSError) -> UnreadableFile:
    return UnreadableFile(path=path, why=(error.strerror or "error").lower())
