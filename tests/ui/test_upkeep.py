"""The commands for a host's files, as a person runs them: what is printed, and the exit status."""

from __future__ import annotations

import os
import sqlite3
import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.store.keeping import GENERAL, PASSPHRASE, STAFF, allow_cheap_keys, opened
from usi import cli
from usi.core import wire
from usi.core.accounts import Stored, login_of
from usi.core.crypto import PrivateKey, digest, random_bytes
from usi.store.accounts import AccountsFile
from usi.store.audit import NO_HASH, AuditLog, Entry
from usi.store.history import Room, RoomKey


@pytest.fixture
def passphrase_file(tmp_path: Path) -> str:
    (tmp_path / "passphrase").write_text(PASSPHRASE + "\n", "utf-8")
    return str(tmp_path / "passphrase")


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Any:
    """Status, and the lines of standard output and error."""

    def run(*arguments: object) -> tuple[int, list[str], list[str]]:
        status = cli.main([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        return status, out.splitlines(), err.splitlines()

    return run


# --- accounts -------------------------------------------------------------------------------------------------------


def test_what_is_printed_is_an_account(run: Any, tmp_path: Path, passphrase_file: str) -> None:
    status, out, err = run("--account", "zoé", "--passphrase-file", passphrase_file)
    assert (status, err) == (0, [])
    (account,) = tomllib.loads("\n".join(out))["account"]
    stored = Stored.parse(account["password"])
    assert stored.accepts(login_of(PASSPHRASE, stored.salt).login)
    path = tmp_path / "accounts.toml"
    path.write_text("\n".join(out), "utf-8")
    path.chmod(0o600)
    assert AccountsFile(path).accounts.owner("zoé")
    assert PASSPHRASE not in "".join(out)


@pytest.mark.parametrize("name", ["", 'a"b', "x" * 25, "a\u202eb", "\udce9"])
def test_a_name_that_cannot_be_used(run: Any, passphrase_file: str, name: str) -> None:
    status, out, err = run("--account", name, "--passphrase-file", passphrase_file)
    assert (status, out, len(err)) == (2, [], 1)


# --- the history ----------------------------------------------------------------------------------------------------


@pytest.fixture
def history(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, keys: dict[str, PrivateKey]) -> Path:
    allow_cheap_keys(monkeypatch.setattr)
    path = tmp_path / "history.usi"
    history = opened(path, clock=lambda: 1_764_156_254.9)
    alice, secret = keys["alice"].public, bytes(32)
    for room in (GENERAL, STAFF):
        history.keep_room(room)
    history.keep_key(GENERAL.conversation, RoomKey(alice.id, secret))
    posts = [
        wire.Posted(GENERAL.conversation, digest("usi3 key id", secret), alice.id, random_bytes(15), n, bytes(272))
        for n in range(1, 13)
    ]
    history.append(posts, {alice.id: alice.modulus})
    history.retire(GENERAL.conversation, most=10)
    history.close()
    return path


def test_a_good_history(run: Any, history: Path, passphrase_file: str) -> None:
    status, out, err = run("--history-check", history, "--passphrase-file", passphrase_file)
    assert (status, err) == (0, [])
    assert out == [
        "#general-room: 10 messages, numbers 3 to 12, kept 2025-11-26 11:24:14 UTC to 2025-11-26 11:24:14 UTC.",
        "#staff-room: no messages.",
        f"Nothing is wrong in {history}. Whether it is an older copy cannot be seen.",
    ]


def test_the_passphrase_from_the_environment(run: Any, history: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("USI_PASSPHRASE", PASSPHRASE)
    assert run("--history-check", history)[0] == 0
    monkeypatch.setenv("USI_PASSPHRASE", "wrong")
    status, out, err = run("--history-check", history)
    assert (status, out) == (4, [])
    assert len(err) == 1
    assert f"This passphrase does not open {history}" in err[0]


def test_a_history_that_was_changed(run: Any, history: Path, passphrase_file: str) -> None:
    with sqlite3.connect(history) as db:
        db.execute("DELETE FROM posts WHERE number = 4")
        db.execute("UPDATE posts SET sealed = (SELECT sealed FROM posts WHERE number = 9) WHERE number = 5")
        db.execute("UPDATE posts SET sealed = zeroblob(9) WHERE number = 12")
    db.close()
    status, out, err = run("--history-check", history, "--passphrase-file", passphrase_file)
    assert (status, err) == (1, [])
    assert out[0].startswith("#general-room: 7 messages, numbers 3 to 12, ")
    assert out[2:] == [
        "Message 4 of general-room was deleted from the file.",
        "In the place of message 5 of general-room stands another one, moved there.",
        "Message 12 of general-room was changed, or comes from another file.",
        f"3 things are wrong in {history}.",
    ]


def test_a_history_that_was_cut_off(run: Any, history: Path, passphrase_file: str) -> None:
    os.truncate(history, 8_192)
    status, out, err = run("--history-check", history, "--passphrase-file", passphrase_file)
    assert (status, out, len(err)) == (1, [], 1)
    assert "was cut off" in err[0]


def test_names_are_shown_and_not_obeyed(run: Any, history: Path, passphrase_file: str) -> None:
    writer = opened(history)
    writer.keep_room(Room(bytes(16), "[/oops]\x1b[2J\u202e"))
    writer.close()
    _, out, _ = run("--history-check", history, "--passphrase-file", passphrase_file)
    assert "#[/oops]␛[2J‹U+202E›: no messages." in out


def test_an_empty_history(run: Any, tmp_path: Path, history: Path, passphrase_file: str) -> None:
    opened(tmp_path / "empty").close()
    status, out, _ = run("--history-check", tmp_path / "empty", "--passphrase-file", passphrase_file)
    assert (status, out[0]) == (0, "There are no rooms in it yet.")


# --- the log --------------------------------------------------------------------------------------------------------


@pytest.fixture
def log(tmp_path: Path) -> Path:
    log = AuditLog(tmp_path / "usi.log")
    log.write([Entry("joined", {"name": name}) for name in ("alice", "bob", "carol")])
    log.close()
    return log.path


def test_a_good_log(run: Any, log: Path) -> None:
    status, out, err = run("--log-check", log)
    assert (status, err) == (0, [])
    assert out[0] == "3 lines; none was changed or taken out between them."
    noted = out[1].rpartition(" ")[2]
    status, out, _ = run("--log-check", log, noted.upper())
    assert (status, out[1]) == (0, "The line whose hash you noted is there.")
    log.write_bytes(b"".join(log.read_bytes().splitlines(keepends=True)[:2]))
    assert run("--log-check", log)[0] == 0
    status, out, err = run("--log-check", log, noted)
    assert (status, out, len(err)) == (1, [], 1)
    assert "The hash that you noted is not in" in err[0]


def test_a_log_that_was_changed(run: Any, log: Path) -> None:
    log.write_bytes(log.read_bytes().replace(b"bob", b"eve"))
    status, out, err = run("--log-check", log)
    assert (status, out) == (1, [])
    assert "The first fault is in line 3" in err[0]


def test_a_log_that_was_torn(run: Any, log: Path) -> None:
    log.write_bytes(log.read_bytes()[:-20])
    status, out, _ = run("--log-check", log)
    assert status == 0
    assert "The last line was torn by a crash; the host mends it when it starts." in out
    again = AuditLog(log)
    again.write([Entry("started", {})])
    again.close()
    status, out, _ = run("--log-check", log)
    assert (status, out[1]) == (0, "Torn by a crash and mended since: 1.")


def test_an_empty_log(run: Any, tmp_path: Path) -> None:
    AuditLog(tmp_path / "new.log").close()
    assert run("--log-check", tmp_path / "new.log")[1][1] == f"Hash of the last line: {NO_HASH}"


@pytest.mark.parametrize("noted", ["", "abc", "g" * 64, "a" * 65])
def test_a_hash_that_is_none(run: Any, log: Path, noted: str) -> None:
    status, out, err = run("--log-check", log, noted)
    assert (status, out, len(err)) == (2, [], 1)


# --- usage ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments",
    [
        ["--account", "a", "--log-check", "b"],
        ["--history-check", "a", "--log-check", "b"],
        ["-s", "--account", "a"],
        ["-c", "--history-check", "a"],
        ["--log-check", "a", "b", "c"],
        ["--log-check"],
        ["-s", "--plain", "--passphrase-file", "a"],
    ],
)
def test_wrong_usage(run: Any, arguments: list[str]) -> None:
    status, out, err = run(*arguments)
    assert (status, out, len(err)) == (2, [], 1)


@pytest.mark.parametrize("arguments", [["--history-check", "nowhere"], ["--log-check", "nowhere"]])
def test_no_such_file(run: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, arguments: list[str]) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("USI_PASSPHRASE", "a")
    status, out, err = run(*arguments)
    assert (status, out, len(err)) == (2, [], 1)
    assert list(tmp_path.iterdir()) == []
