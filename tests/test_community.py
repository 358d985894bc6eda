"""A community as it is used: a host with rooms, accounts, history and log, and its members, as processes."""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.test_program import ROOT, Program, posix, start  # noqa: F401 (a fixture)
from usi.core.accounts import stored_of
from usi.store.audit import check_log
from usi.store.history import History

PASSWORD = "correct horse"
ROOMS = """
[[room]]
name = "general"
topic = "Welcome"

[[room]]
name = "cabinet"
private = true
"""
ACCOUNTS = """
[[account]]
name = "mona"
password = "{line}"
role = "moderator"
rooms = {{ cabinet = true }}

[[account]]
name = "carl"
password = "{line}"
"""


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    """The files of a host, and its members' password."""
    names = ("rooms", "accounts", "moderation", "history", "log", "password", "passphrase")
    made = {name: tmp_path / name for name in names}
    made["rooms"].write_text(ROOMS)
    made["accounts"].write_text(ACCOUNTS.format(line=stored_of(PASSWORD)))
    made["accounts"].chmod(0o600)
    made["password"].write_text(PASSWORD)
    made["passphrase"].write_text("sesame")
    return made


@pytest.fixture
def house(start: Any) -> Any:  # noqa: F811
    """Starts a host with --json on a free port."""

    def begin(*arguments: str) -> Program:
        program: Program = start("-s", "-b", "127.0.0.1", "-p", "0", "--json", *arguments, key="host")
        return program

    return begin


@pytest.fixture
def member(start: Any) -> Any:  # noqa: F811
    """Starts a member with --json, with a ready key, and waits until it is in."""
    keys = itertools.cycle(("alice", "bob", "carol", "mallory"))

    def begin(hosting: Program, name: str, *arguments: str) -> Program:
        target = f"127.0.0.1:{hosting.port()}"
        program: Program = start("-c", target, "-m", name, "--json", *arguments, key=next(keys))
        program.hears("connected")
        return program

    return begin


def options(files: dict[str, Path], *names: str) -> list[str]:
    chosen = names or ("rooms", "accounts", "history", "log")
    passphrase = [f"--passphrase-file={files['passphrase']}"] if "history" in chosen else []
    return [*(f"--{name}={files[name]}" for name in chosen), *passphrase]


def test_rooms_rights_and_moderation_over_pipes(house: Any, member: Any, files: dict[str, Path]) -> None:
    hosting = house(*options(files))
    login = ("--password-file", str(files["password"]))
    mona = member(hosting, "mona", *login)
    carl = member(hosting, "carl", *login)
    eve = member(hosting, "eve")
    assert mona.hears("role")["role"] == "moderator"
    assert carl.hears("role")["role"] == "member"
    assert [event["room"] for event in mona.all("room_entered")] == ["general", "cabinet"]
    eve.type("/join cabinet", "for whom is this?", "/join general", "hello all")
    assert eve.hears("notice", code="no-such-room")
    assert eve.hears("error")["message"] == "for whom is this?"
    assert carl.hears("message")["text"] == "hello all"
    mona.type("/join cabinet", "our secret", "/grant carl cabinet")
    assert carl.hears("moderation", code="granted")["mine"]
    carl.type("/join cabinet")
    assert carl.hears("message", history=True)["text"] == "our secret"
    eve.type("/kick carl", "/limits", "/history", "/search hello", "/rooms")
    assert eve.hears("notice", code="no-right", count=2)
    mona.type("/limits")
    hosting.type("/limits")
    for each in (mona, hosting):
        assert {"rooms", "sender_rate"} <= {row["name"] for row in each.hears("limits")["rows"]}
    assert [hit["text"] for hit in eve.hears("found")["hits"]] == ["hello all"]
    assert [room["room"] for room in eve.hears("rooms")["rooms"]] == ["general"]
    mona.type("/revoke carl cabinet", "/kick eve go away")
    assert carl.hears("room_left")["code"] == "revoked"
    assert eve.process.wait(20) == 5
    assert eve.all("moderation", code="kicked", mine=True)[0]["reason"] == "go away"
    assert "cabinet" not in "".join(line for line in eve.lines if "no-such-room" not in line)
    mona.type("/invite")
    link = mona.hears("notice", code="invited")["text"].rpartition(" ")[2]
    assert hosting.hears("invitation", state="open")["links"] == [link]
    late = member(hosting, "eve")
    late.type("/nick carl")
    assert late.hears("notice", code="name-taken")


def test_an_invitation_and_a_password_together(house: Any, member: Any, start: Any, files: dict[str, Path]) -> None:  # noqa: F811
    """The code verifies, the password logs in; a wrong one lets nobody in."""
    hosting = house(*options(files, "accounts"), "--invite")
    link = hosting.hears("invitation", state="open")["links"][0]
    login = ("--password-file", str(files["password"]))
    mona = member(hosting, "mona", *login, "--code", hosting.all("invitation")[0]["code"])
    assert mona.hears("role")["role"] == "moderator"
    assert mona.all("connected")[0]["verified"]
    joined = hosting.hears("member_joined", name="mona")
    assert joined["verified"]
    wrong = start("-c", link, "-m", "carl", "--json", environment={"USI_PASSWORD": "wrong"})
    assert wrong.process.wait(20) == 4
    assert [event["code"] for event in wrong.all("error")] == ["wrong-password"]
    assert len(hosting.all("member_joined")) == 1


def test_a_wrong_password_and_an_unknown_name_end_alike(house: Any, start: Any, files: dict[str, Path]) -> None:  # noqa: F811
    hosting = house(*options(files, "accounts", "log"))
    told = []
    for name in ("carl", "nobody"):
        wrong = start("-c", f"127.0.0.1:{hosting.port()}", "-m", name, "--json", environment={"USI_PASSWORD": "wrong"})
        assert wrong.process.wait(20) == 4
        told.append([event["code"] for event in wrong.all("error")])
    assert told == [["wrong-password"]] * 2


def test_a_host_with_a_password_lets_nobody_in_without_it(house: Any, start: Any, files: dict[str, Path]) -> None:  # noqa: F811
    hosting = house("--password-file", str(files["password"]))
    port = hosting.port()
    without = start("-c", f"127.0.0.1:{port}", "-m", "bob", "--json")
    assert without.process.wait(20) == 4
    assert without.all("error")[0]["code"] == "password-needed"
    bob = start("-c", f"127.0.0.1:{port}", "-m", "bob", "--json", environment={"USI_PASSWORD": PASSWORD})
    bob.hears("connected")
    bob.type("here I am")
    assert hosting.hears("message")["text"] == "here I am"


@posix
def test_accounts_change_without_a_restart(house: Any, member: Any, files: dict[str, Path]) -> None:
    hosting = house(*options(files, "accounts"))
    carl = member(hosting, "carl", "--password-file", str(files["password"]))
    text = files["accounts"].read_text()
    files["accounts"].write_text(text + 'role = "moderator"\n')
    assert carl.hears("role", role="moderator")
    files["accounts"].write_text(text + 'role = "king"\n')
    assert "king" not in hosting.hears("notice", code="bad-accounts")["text"]
    carl.type("/lock")
    assert hosting.hears("moderation", code="locked")["by"] == "carl"
    files["accounts"].write_text(text[: text.index('[[account]]\nname = "carl"')])
    assert carl.process.wait(20) == 5
    assert carl.all("disconnected")[0]["code"] == "account-gone"


@posix
def test_a_host_that_is_killed_has_lost_nothing_that_was_acknowledged(
    house: Any, member: Any, files: dict[str, Path]
) -> None:
    hosting = house(*options(files))
    members = [member(hosting, name, "--limit", "resume_seconds=0") for name in ("alice", "bob")]
    for number in range(400):
        for each in members:
            each.type(f"confidential-{number}")
    members[0].hears("delivered", count=60)
    hosting.process.send_signal(signal.SIGKILL)
    hosting.process.wait()
    for each in members:
        each.process.wait(60)
    delivered = {bytes.fromhex(event["id"]) for each in members for event in each.all("delivered")}
    assert len(delivered) >= 60
    history = History.open(files["history"], lambda new: "sesame")
    general = next(room.conversation for room in history.rooms() if room.name == "general")
    kept = {post.posted.id for page in history.pages(general) for post in page.kept}
    assert not [page.lost for page in history.pages(general) if page.lost]
    history.close()
    assert delivered <= kept
    data = b"".join(path.read_bytes() for path in files["history"].parent.glob("history*"))
    for readable in (b"confidential", b"general", b"cabinet", b"alice", b"bob", b"Welcome", *list(delivered)[:20]):
        assert readable not in data

    again = house(*options(files))
    reader = member(again, "carol")
    reader.type("/history 200")
    assert reader.hears("history", asked=True)["count"] >= 50
    assert {event["signature"] for event in reader.all("message", history=True)} == {"good"}
    assert check_log(files["log"]).lines >= 4


def test_a_pipe_ends_only_when_the_host_has_answered_all_of_it(
    house: Any, member: Any, files: dict[str, Path]
) -> None:
    hosting = house(*options(files, "rooms", "history"))
    alice = member(hosting, "alice")
    alice.type("said before", "and this")
    alice.hears("delivered", count=2)
    bob = member(hosting, "bob")
    bob.type("/history 1", "/search before", "/rooms", "/kick alice")
    bob.end_input()
    assert bob.ends() == 0
    assert [event["text"] for event in bob.all("message", history=True)] == ["said before", "and this"]
    assert bob.all("history", asked=True)
    assert [hit["text"] for hit in bob.all("found")[0]["hits"]] == ["said before"]
    assert bob.all("rooms")
    assert bob.all("notice", code="no-right")


@posix
def test_a_headless_host_stops_in_good_order_and_its_log_says_so(
    house: Any, member: Any, files: dict[str, Path]
) -> None:
    hosting = house(*options(files, "log"))
    bob = member(hosting, "bob")
    hosting.type("/room new club", "/kick nobody", "/ban 192.0.2.9 2h spam", "/log")
    assert hosting.hears("log", what="banned", asked=True)["facts"]["name"] == "192.0.2.9"
    hosting.process.send_signal(signal.SIGTERM)
    assert hosting.process.wait(20) == 0
    assert bob.process.wait(20) == 0
    assert bob.all("disconnected")[0]["code"] == "host-stopped"
    events = [json.loads(line)["event"] for line in files["log"].read_text().splitlines()]
    assert events == ["started", "joined", "room-new", "banned", "left", "stopped"]
    checked = subprocess.run(
        [sys.executable, "usi.py", "--log-check", str(files["log"])], cwd=ROOT, capture_output=True, text=True,
        env={**os.environ, "LANG": "C"}, check=False,
    )  # fmt: skip
    assert checked.returncode == 0


def test_what_moderators_decide_outlives_the_host_where_that_is_asked_for(
    house: Any, member: Any, files: dict[str, Path]
) -> None:
    written = files["rooms"].read_text() + "# a comment of the owner's\n"
    files["rooms"].write_text(written)
    hosting = house(*options(files, "rooms", "accounts", "moderation"))
    bob = member(hosting, "bob")
    login = ("--password-file", str(files["password"]))
    hosting.type("/topic set by a command", "/ban bob 2h", "/room new club --private", "/grant carl cabinet", "/lock")
    assert bob.process.wait(20) == 5
    assert hosting.hears("moderation", code="locked")
    hosting.process.send_signal(signal.SIGTERM)
    assert hosting.process.wait(20) == 0

    again = house(*options(files, "rooms", "accounts", "moderation"))
    carl = member(again, "carl", *login)
    assert carl.hears("room_entered", room="general")["topic"] == "set by a command"
    carl.type("/join cabinet", "/rooms")
    assert [room["room"] for room in carl.hears("rooms")["rooms"]] == ["general", "cabinet"]
    again.type("/rooms", "/unban bob")
    assert [room["room"] for room in again.hears("rooms")["rooms"]] == ["general", "cabinet", "club"]
    assert again.hears("notice", code="ban-gone")
    again.process.send_signal(signal.SIGTERM)
    assert again.process.wait(20) == 0
    assert json.loads(files["moderation"].read_text())["bans"] == []
    assert files["rooms"].read_text() == written


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("moderation", "{}"),
        ("rooms", "[[room]]\nname = 3\n"),
        ("rooms", "[[room]]\nname = 'a'\n[[room]]\nname = 'A'\n"),
        ("accounts", "[[account]]\nname = 'a'\n"),
        ("log", "not a log"),
        ("history", "not a history"),
    ],
)
def test_files_that_are_wrong_are_said_before_anything_starts(
    start: Any, files: dict[str, Path], name: str, content: str  # noqa: F811
) -> None:
    files[name].write_text(content)
    program: Program = start("-s", "-b", "127.0.0.1", "-p", "0", "--plain", *options(files, name))
    assert program.process.wait(20) in (1, 2)
    assert not program.lines


def test_what_is_for_a_host_is_refused_to_a_guest(start: Any, files: dict[str, Path]) -> None:  # noqa: F811
    program: Program = start("-c", "127.0.0.1:1", "--plain", *options(files, "rooms"))
    assert program.process.wait(20) == 2
