"""Opening a host's files, and the password of a login."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

import pytest

from usi.core.errors import BadPassphrase, BadRooms, UsageError
from usi.ui import hosting

NONE = {
    "accounts": None, "rooms": None, "moderation": None, "history": None, "log": None, "password": False,
    "password_file": None, "passphrase_file": None,
}  # fmt: skip


def options(**given: object) -> Namespace:
    return Namespace(**{**NONE, **given})


def test_who_asks_for_nothing_has_nothing() -> None:
    assert hosting.house(options()) is None
    assert hosting.password(options(), new=False) is None


def test_a_password_from_a_file_or_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "password"
    path.write_text("from the file\nmore\n")
    monkeypatch.setenv(hosting.PASSWORD_VARIABLE, "from outside")
    assert hosting.password(options(), new=False) == "from outside"
    assert hosting.password(options(password_file=str(path)), new=False) == "from the file"
    path.write_text("\n")
    with pytest.raises(BadPassphrase):
        hosting.password(options(password_file=str(path)), new=True)


def test_a_guest_has_no_files_of_a_host() -> None:
    for name in ("accounts", "rooms", "moderation", "history", "log"):
        with pytest.raises(UsageError, match=f"--{name}"):
            hosting.check_guest(options(**{name: "x"}))


def test_files_are_opened_and_closed_again_where_one_is_wrong(tmp_path: Path) -> None:
    rooms, log = tmp_path / "rooms", tmp_path / "log"
    rooms.write_text("[[room]]\nname = 'general'\n")
    opened = hosting.house(options(rooms=str(rooms), log=str(log)))
    assert opened is not None
    assert [rule.name for rule in opened.rules] == ["general"]
    opened.close()
    rooms.write_text("[[room]]\n")
    with pytest.raises(BadRooms):
        hosting.house(options(rooms=str(rooms), log=str(log)))
