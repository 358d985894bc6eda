"""A file written by hand: each mistake is told with its line, and never takes the accounts away."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from usi.core.accounts import Role, Stored
from usi.core.errors import BadAccounts, CannotKeep, OpenAccounts, UnreadableFile
from usi.store.accounts import AccountsFile

LINE = str(Stored(bytes(16), bytes(32), bytes(32)))
GOOD = f"""\
# who is who

[[account]]
name = "alice"
password = "{LINE}"
role = "moderator"
rooms = {{ staff = true, "the lounge" = false }}

[[account]]
name = "zoé"
password = "{LINE}"
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "accounts.toml"
    write(path, GOOD)
    return path


def write(path: Path, content: str | bytes) -> None:
    """As an editor does: a new file in the place of the old one."""
    new = path.with_name("new")
    new.write_bytes(content.encode() if isinstance(content, str) else content)
    new.chmod(0o600)
    new.replace(path)


def test_accounts(path: Path) -> None:
    accounts = AccountsFile(path).accounts
    alice, zoe = accounts.owner("alice"), accounts.owner("Zoe")
    assert alice is not None
    assert zoe is not None
    assert (alice.name, alice.role, alice.rooms) == ("alice", Role.MODERATOR, {"staff": True, "the lounge": False})
    assert (zoe.name, zoe.role, zoe.rooms) == ("zoé", Role.MEMBER, {})
    assert str(alice.stored) == LINE
    assert len(accounts) == 2


@pytest.mark.parametrize("content", ["", "# nothing yet\n", "\ufeff", "account = []\n"])
def test_no_accounts(path: Path, content: str) -> None:
    write(path, content)
    assert len(AccountsFile(path).accounts) == 0


def test_windows_line_ends(path: Path) -> None:
    write(path, "\ufeff" + GOOD.replace("\n", "\r\n"))
    assert len(AccountsFile(path).accounts) == 2


def test_it_is_read_again_when_it_changes(path: Path) -> None:
    file = AccountsFile(path)
    first = file.accounts
    assert not file.refresh()
    assert file.accounts is first
    write(path, GOOD.replace("alice", "carol"))
    assert file.refresh()
    assert file.accounts.owner("carol")
    assert not file.accounts.owner("alice")
    assert not file.refresh()


def test_it_is_read_again_when_it_is_edited_in_place(path: Path) -> None:
    file = AccountsFile(path)
    with path.open("a") as out:
        out.write(f'[[account]]\nname = "dave"\npassword = "{LINE}"\n')
    assert file.refresh()
    assert len(file.accounts) == 3


def test_the_same_size_and_time_is_another_file_all_the_same(path: Path) -> None:
    file = AccountsFile(path)
    seen = path.stat()
    write(path, GOOD.replace("alice", "carol"))
    os.utime(path, ns=(seen.st_atime_ns, seen.st_mtime_ns))
    assert file.refresh()
    assert file.accounts.owner("carol")


def spoil_open(path: Path) -> None:
    path.chmod(0o640)


@pytest.mark.parametrize(
    ("spoil", "error"),
    [
        pytest.param(lambda path: write(path, GOOD + "x"), BadAccounts, id="broken"),
        pytest.param(lambda path: write(path, GOOD.replace("moderator", "god")), BadAccounts, id="wrong"),
        pytest.param(Path.unlink, UnreadableFile, id="gone"),
        pytest.param(lambda path: write(path, "#" * 5_000_000), UnreadableFile, id="huge"),
        pytest.param(
            spoil_open, OpenAccounts, id="open",
            marks=pytest.mark.skipif(sys.platform == "win32", reason="modes are POSIX's"),
        ),
    ],
)  # fmt: skip
def test_a_broken_file_keeps_the_accounts_and_is_told_once(
    path: Path, spoil: Callable[[Path], None], error: type[Exception]
) -> None:
    file = AccountsFile(path)
    before = file.accounts
    spoil(path)
    with pytest.raises(error, match=str(path)):
        file.refresh()
    assert not file.refresh()
    assert file.accounts is before
    with pytest.raises(error):
        AccountsFile(path)
    write(path, GOOD.replace("alice", "carol"))
    assert file.refresh()
    assert file.accounts.owner("carol")


def test_it_comes_back_as_it_was(path: Path, tmp_path: Path) -> None:
    file = AccountsFile(path)
    path.rename(tmp_path / "away")
    with pytest.raises(UnreadableFile):
        file.refresh()
    (tmp_path / "away").rename(path)
    assert file.refresh()


MISTAKES = {
    "no TOML": ("[[account]]", "[[account", 3, "expected"),
    "a quote is missing": ('"alice"', '"alice', 4, "illegal character"),
    "twice": ('name = "alice"', 'name = "alice"\nname = "bob"', 5, "overwrite"),
    "at the end": ('name = "zoé"', 'name = """zoé', 11, "unterminated string"),
    "no UTF-8": ('"zoé"', "\udcff", 10, "not UTF-8"),
    "no name": ('name = "alice"', "", 3, "the name is missing"),
    "no password": (f'"zoé"\npassword = "{LINE}"', '"zoé"', 9, "the password is missing"),
    "a number": ('"zoé"', "7", 10, "the name is missing or no text"),
    "a bad name": ('"zoé"', '"zo\u200bé"', 10, "invisible"),
    "a name that is not as shown": ('"zoé"', '" zoé"', 10, "write the name as it is shown: zoé"),
    "two alike": ('"zoé"', '"A1ice"', 10, "A1ice and alice look alike"),
    "a password in clear": (f'"zoé"\npassword = "{LINE}"', '"zoé"\npassword = "secret"', 11, "--account"),
    "half a line": (f'"zoé"\npassword = "{LINE}"', f'"zoé"\npassword = "{LINE[:-3]}"', 11, "not a whole one"),
    "no role": ('"moderator"', '"god"', 6, "guest, member, moderator, host"),
    "a role that is none": ('"moderator"', "1", 6, "guest, member, moderator, host"),
    "rooms as a list": ('{ staff = true, "the lounge" = false }', '["staff"]', 7, "rooms are written"),
    "rooms with words": ("staff = true", 'staff = "yes"', 7, "rooms are written"),
    "a word of another kind": ('role = "mod', 'rights = "mod', 6, "rights means nothing here"),
    "a table of another kind": ("# who is who", "[accounts]", 1, "accounts means nothing here"),
    "a single bracket": ("[[account]]\nname", "[account]\nname", 9, "overwrite"),
    "single brackets": (GOOD, f'\n[account]\nname = "alice"\npassword = "{LINE}"', 2, "begin with [[account]]"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistakes(path: Path, mistake: str) -> None:
    before, after, line, why = MISTAKES[mistake]
    assert before in GOOD
    write(path, GOOD.replace(before, after, 1).encode("utf-8", "surrogateescape"))
    with pytest.raises(BadAccounts) as caught:
        AccountsFile(path)
    assert (caught.value.fields["line"], why in str(caught.value)) == (line, True), str(caught.value)
    assert LINE not in str(caught.value)
    assert "secret" not in str(caught.value)


# --- the secret beside it -------------------------------------------------------------------------------------------


def test_the_secret_stays(path: Path) -> None:
    first = AccountsFile(path).accounts.stored("nobody")
    beside = path.with_name("accounts.toml.secret")
    assert len(beside.read_bytes()) == 32
    if os.name == "posix":
        assert beside.stat().st_mode & 0o777 == 0o600
    assert AccountsFile(path).accounts.stored("nobody") == first
    beside.write_bytes(b"cut")
    assert AccountsFile(path).accounts.stored("nobody") != first
    assert len(beside.read_bytes()) == 32


def test_a_secret_that_cannot_be_kept(tmp_path: Path) -> None:
    with pytest.raises(CannotKeep):
        AccountsFile(tmp_path / "nowhere" / "accounts.toml")
    (tmp_path / "accounts.toml.secret").mkdir()
    with pytest.raises(UnreadableFile):
        AccountsFile(tmp_path / "accounts.toml")
