"""The moderation file: what a host writes into it, what it reads there, and what it leaves alone."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from tests.test_program import posix
from usi.core.errors import BadModeration, CannotKeep
from usi.core.moderation import LONGEST, Decided, RoomDecided, Term
from usi.store.moderation import ModerationFile

NOW = 1_764_156_254.0
DECIDED = Decided(
    (Term((f"key {'0a' * 32}", "name bob"), None), Term(("net 192.0.2.7",), 3_600.0)),
    (Term(("bob",), 60.0),),
    (
        RoomDecided("general", topic="Bonjour [/oops] é", instead_of="Welcome"),
        RoomDecided("staff", private=True, granted=("ada", "bob"), denied=("eve",)),
        RoomDecided("club", private=True, made=True),
    ),
)


def at(path: Path, now: float = NOW) -> ModerationFile:
    return ModerationFile(path, lambda: now)


def test_what_was_written_is_read_again_with_the_time_that_is_left(tmp_path: Path) -> None:
    path = tmp_path / "moderation.json"
    file = at(path)
    assert file.decided == Decided()
    assert not path.exists(), "it is there when there is something to keep"
    file.write(DECIDED)
    assert at(path).decided == DECIDED
    later = at(path, NOW + 60).decided
    assert later.bans[1].seconds == 3_540.0
    assert later.silences == ()
    assert at(path, NOW + 3_600).decided.bans == DECIDED.bans[:1]
    assert at(path, 0.0).decided.bans[1].seconds == LONGEST, "a clock that was far ahead bans nobody for ever"


@posix
def test_it_is_its_owner_s_alone_and_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "moderation.json"
    at(path).write(DECIDED)
    path.chmod(0o644)
    before = path.read_bytes()
    at(path).write(Decided())
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert json.loads(path.read_bytes())["bans"] == []
    assert before != path.read_bytes()
    assert [each.name for each in tmp_path.iterdir()] == ["moderation.json"]


def test_a_person_can_read_it(tmp_path: Path) -> None:
    path = tmp_path / "moderation.json"
    at(path).write(DECIDED)
    written = json.loads(path.read_text(encoding="utf-8"))
    assert written["bans"][1] == {"keys": ["net 192.0.2.7"], "until": "2025-11-26T12:24:14Z"}
    assert written["bans"][0]["until"] is None
    assert written["rooms"][1] == {
        "name": "staff", "private": True, "granted": ["ada", "bob"], "denied": ["eve"]
    }  # fmt: skip


def test_only_what_was_decided_stands_in_it_and_a_room_that_is_away_today_is_not_forgotten(tmp_path: Path) -> None:
    path = tmp_path / "moderation.json"
    at(path).write(DECIDED)
    at(path).write(Decided(rooms=(RoomDecided("general"), RoomDecided("other", private=True))))
    assert at(path).decided.rooms == (DECIDED.rooms[1],), "what a command made and closed is gone"
    at(path).write(Decided(rooms=(RoomDecided("Staff", private=True),)))
    assert at(path).decided.rooms == ()


@pytest.mark.parametrize(
    "content",
    [
        b"", b"[]", b"{}", b"\xff", b"[" * 100_000, b'{"bans": [], "silences": []}',
        b'{"bans": [], "silences": [], "rooms": [], "more": 1}',
        b'{"bans": [{"keys": "x", "until": null}], "silences": [], "rooms": []}',
        b'{"bans": [{"keys": ["x"], "until": "tomorrow"}], "silences": [], "rooms": []}',
        b'{"bans": [], "silences": [], "rooms": [{"name": ""}]}',
        b'{"bans": [], "silences": [], "rooms": [{"name": "a\\u202eb"}]}',
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_said_and_left_as_it_is(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "moderation.json"
    path.write_bytes(content)
    with pytest.raises(BadModeration, match=r"moderation\.json"):
        at(path)
    assert path.read_bytes() == content


DIGITS = "0a" * 32


@pytest.mark.parametrize(
    ("key", "why"),
    [
        ("name Bob", "“name Bob” has to be written “name bob”"),
        ("name alice", "“name alice” has to be written “name allce”"),
        (f"key  {DIGITS.upper()}", f"has to be written “key {DIGITS}”"),
        ("net 2001:DB8::7", "has to be written “net 2001:db8::/64”"),
        ("net 192.0.2.7/64", "has to be written “net 192.0.2.7”"),
        *[(wrong, "is none of") for wrong in ("", "bob", "Name bob", "key 0a", "net 192.0.2.0/24", "net host.example")],
    ],
)
def test_a_ban_that_would_never_keep_anybody_out_is_refused(tmp_path: Path, key: str, why: str) -> None:
    path = tmp_path / "moderation.json"
    path.write_text(json.dumps({"bans": [{"keys": ["name bob", key], "until": None}], "silences": [], "rooms": []}))
    with pytest.raises(BadModeration, match=why):
        at(path)


@pytest.mark.parametrize(("who", "right"), [("Bob", "bob"), ("café", "cafe"), (DIGITS.upper(), DIGITS)])
@pytest.mark.parametrize("field", ["who", "granted", "denied"])
def test_who_is_not_written_as_the_host_keeps_them_is_refused(tmp_path: Path, field: str, who: str, right: str) -> None:
    path = tmp_path / "moderation.json"
    silences = [{"who": who, "until": None}] if field == "who" else []
    rooms = [] if field == "who" else [{"name": "staff", field: [who]}]
    path.write_text(json.dumps({"bans": [], "silences": silences, "rooms": rooms}))
    with pytest.raises(BadModeration, match=f"“{who}” has to be written “{right}”"):
        at(path)


def test_a_time_without_a_zone_is_utc(tmp_path: Path) -> None:
    path = tmp_path / "moderation.json"
    path.write_text('{"bans": [{"keys": ["name x"], "until": "2025-11-26T11:25:14"}], "silences": [], "rooms": []}')
    assert at(path).decided.bans == (Term(("name x",), 60.0),)


def test_where_it_cannot_be_written_is_said(tmp_path: Path) -> None:
    with pytest.raises(CannotKeep):
        at(tmp_path / "nowhere" / "moderation.json").write(DECIDED)


def test_what_could_not_be_read_again_is_not_written(tmp_path: Path) -> None:
    """A moderator who lets in ever new members must not keep the host from starting."""
    path = tmp_path / "moderation.json"
    file = at(path)
    file.write(DECIDED)
    many = tuple(f"{number:064x}" for number in range(250_000))
    with pytest.raises(CannotKeep):
        file.write(Decided(rooms=(RoomDecided("staff", private=True, granted=many),)))
    assert at(path).decided == DECIDED
