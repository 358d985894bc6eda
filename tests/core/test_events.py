"""What faces are told, as JSON: the keys that scripts rely on."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from functools import reduce
from operator import or_
from typing import Any

import msgspec
import pytest

from usi.core import events

TIME = datetime(2026, 3, 1, 12, 30, 15, 250_000, UTC)
STAMP = "2026-03-01T12:30:15.250000Z"
MEMBER, PRINT = "ab" * 32, "cd" * 32
WORDS = ["one", "two", "three", "four"]

# Event as made here → what a script reads, besides `event` and `time`.
CASES: list[tuple[events.Event, str, dict[str, Any]]] = [
    (
        events.Connecting(time=TIME, step="dial", attempt=2),
        "connecting",
        {"step": "dial", "attempt": 2},
    ),
    (
        events.Listening(
            time=TIME,
            addresses=["192.0.2.1", "2001:db8::1"],
            port=12800,
            name="host",
            member=MEMBER,
            rooms=["general"],
            key_fingerprint=PRINT,
        ),
        "listening",
        {
            "addresses": ["192.0.2.1", "2001:db8::1"],
            "port": 12800,
            "name": "host",
            "member": MEMBER,
            "rooms": ["general"],
            "key_fingerprint": PRINT,
        },
    ),
    (
        events.Connected(
            time=TIME,
            host="localhost",
            port=12800,
            name="alice",
            member=MEMBER,
            rooms=["general"],
            fingerprint=PRINT,
            words=WORDS,
            cipher="AES-256-OCB",
            key_exchange="RSA-2048",
            key_fingerprint="ef" * 32,
        ),
        "connected",
        {
            "host": "localhost",
            "port": 12800,
            "name": "alice",
            "member": MEMBER,
            "rooms": ["general"],
            "fingerprint": PRINT,
            "words": WORDS,
            "cipher": "AES-256-OCB",
            "key_exchange": "RSA-2048",
            "key_fingerprint": "ef" * 32,
            "verified": False,
        },
    ),
    (
        events.Invitation(
            time=TIME,
            state="open",
            locator="amber",
            until=TIME + timedelta(hours=1),
            failed=0,
            limit=20,
            code="amber-baker-camel-dance",
            links=["usi://192.0.2.1:12800/#ab-amber-baker-camel-dance"],
        ),
        "invitation",
        {
            "state": "open",
            "locator": "amber",
            "until": "2026-03-01T13:30:15.250000Z",
            "failed": 0,
            "limit": 20,
            "code": "amber-baker-camel-dance",
            "links": ["usi://192.0.2.1:12800/#ab-amber-baker-camel-dance"],
        },
    ),
    (
        events.Password(time=TIME, name="alice", member=MEMBER, state="asked"),
        "password",
        {"name": "alice", "member": MEMBER, "state": "asked"},
    ),
    (
        events.MemberJoined(
            time=TIME, name="alice", member=MEMBER, fingerprint=PRINT, words=WORDS, address="192.0.2.1:5"
        ),
        "member_joined",
        {
            "name": "alice",
            "member": MEMBER,
            "fingerprint": PRINT,
            "words": WORDS,
            "address": "192.0.2.1:5",
            "verified": False,
            "rooms": [],
            "here": False,
            "away": False,
            "away_text": "",
        },
    ),
    (
        events.MemberAway(time=TIME, name="alice", member=MEMBER, away=True, away_text="at lunch", mine=False),
        "member_away",
        {"name": "alice", "member": MEMBER, "away": True, "away_text": "at lunch", "mine": False},
    ),
    (
        events.MemberLeft(time=TIME, name="alice", member=MEMBER, reason="cut", fingerprint=PRINT),
        "member_left",
        {"name": "alice", "member": MEMBER, "reason": "cut", "fingerprint": PRINT, "rooms": [], "here": False},
    ),
    (
        events.MemberRenamed(time=TIME, old="alice", name="liddell", member=MEMBER, mine=False),
        "member_renamed",
        {"old": "alice", "name": "liddell", "member": MEMBER, "mine": False},
    ),
    (
        events.Message(
            time=TIME,
            id="01" * 15,
            room="general",
            from_="alice",
            member=MEMBER,
            text='Bonjour, "ça" va ?\n[/oops] \x1b[31m 👍',
            sent_at=TIME - timedelta(seconds=2, milliseconds=250),
            mine=False,
            signature="good",
        ),
        "message",
        {
            "id": "01" * 15,
            "room": "general",
            "from": "alice",
            "member": MEMBER,
            "text": 'Bonjour, "ça" va ?\n[/oops] \x1b[31m 👍',
            "sent_at": "2026-03-01T12:30:13Z",
            "mine": False,
            "private": False,
            "signature": "good",
            "history": False,
            "kind": "text",
            "late": False,
        },
    ),
    (
        events.Delivered(time=TIME, id="01" * 15, number=2**63 - 1),
        "delivered",
        {"id": "01" * 15, "number": 2**63 - 1},
    ),
    (
        events.Failed(time=TIME, id="01" * 15, code="cut", text="It was cut.", message="hello"),
        "failed",
        {"id": "01" * 15, "code": "cut", "text": "It was cut.", "message": "hello"},
    ),
    (
        events.Users(
            time=TIME,
            members=[
                events.Member(
                    name="alice", member=MEMBER, fingerprint=PRINT, words=WORDS, verified=False, me=True, host=False
                ),
                events.Member(
                    name="host", member=PRINT, fingerprint=None, words=None, verified=True, me=False, host=True
                ),
            ],
            asked=True,
        ),
        "users",
        {
            "members": [
                {
                    "name": "alice",
                    "member": MEMBER,
                    "fingerprint": PRINT,
                    "words": WORDS,
                    "verified": False,
                    "me": True,
                    "host": False,
                    "rooms": [],
                    "away": False,
                    "away_text": "",
                },
                {
                    "name": "host",
                    "member": PRINT,
                    "fingerprint": None,
                    "words": None,
                    "verified": True,
                    "me": False,
                    "host": True,
                    "rooms": [],
                    "away": False,
                    "away_text": "",
                },
            ],
            "asked": True,
        },
    ),
    (
        events.Verification(
            time=TIME, name="alice", member=MEMBER, fingerprint=PRINT, words=WORDS, state="open", preset=False
        ),
        "verification",
        {
            "name": "alice",
            "member": MEMBER,
            "fingerprint": PRINT,
            "words": WORDS,
            "state": "open",
            "preset": False,
            "pair": False,
            "by": "comparison",
            "asked": False,
        },
    ),
    (
        events.Conversation(
            time=TIME,
            room="@alice",
            state="open",
            members=[
                events.Partner(name="alice", member=MEMBER, verified=True, me=False, opener=True),
                events.Partner(name="bob", member="ef" * 32, verified=False, me=True, opener=False),
            ],
            verified=True,
            text="Nobody else can read it.",
        ),
        "conversation",
        {
            "room": "@alice",
            "state": "open",
            "members": [
                {"name": "alice", "member": MEMBER, "verified": True, "me": False, "opener": True},
                {"name": "bob", "member": "ef" * 32, "verified": False, "me": True, "opener": False},
            ],
            "verified": True,
            "text": "Nobody else can read it.",
            "private": True,
        },
    ),
    (events.Chosen(time=TIME, room="@alice", private=True), "chosen", {"room": "@alice", "private": True}),
    (
        events.Info(
            time=TIME,
            connection="localhost:12800",
            name="alice",
            cipher="AES-256-OCB",
            key_exchange="RSA-2048",
            library="pycryptodome",
            fingerprint=PRINT,
            words=WORDS,
            members=3,
            seconds=1.5,
            bytes_in=1,
            bytes_out=2,
            records_in=3,
            records_out=4,
        ),
        "info",
        {
            "connection": "localhost:12800",
            "name": "alice",
            "cipher": "AES-256-OCB",
            "key_exchange": "RSA-2048",
            "library": "pycryptodome",
            "fingerprint": PRINT,
            "words": WORDS,
            "members": 3,
            "seconds": 1.5,
            "bytes_in": 1,
            "bytes_out": 2,
            "records_in": 3,
            "records_out": 4,
        },
    ),
    (
        events.Limits(
            time=TIME,
            rows=[events.LimitRow(name="rooms", text="Rooms", limit=64, used=1, unit="count")],
        ),
        "limits",
        {"rows": [{"name": "rooms", "text": "Rooms", "limit": 64.0, "used": 1.0, "unit": "count"}]},
    ),
    (
        events.Reconnecting(time=TIME, code="cut", text="It was cut.", attempt=2, seconds=25.0),
        "reconnecting",
        {"code": "cut", "text": "It was cut.", "attempt": 2, "seconds": 25.0},
    ),
    (
        events.Resumed(time=TIME, code="resumed", text="It is restored.", attempt=2, missed=3),
        "resumed",
        {"code": "resumed", "text": "It is restored.", "attempt": 2, "missed": 3},
    ),
    (
        events.FileOffer(
            time=TIME, transfer=3, id="01" * 15, room="general", from_="alice", member=MEMBER, name="a.txt",
            size=12, files=None, mine=False,
        ),
        "file_offer",
        {
            "transfer": 3, "id": "01" * 15, "room": "general", "from": "alice", "member": MEMBER, "name": "a.txt",
            "size": 12, "files": None, "mine": False, "private": False, "signature": "good", "kept": 0,
        },
    ),
    (
        events.FileProgress(
            time=TIME, transfer=3, direction="in", peer="alice", name="a.txt", done=5, size=12, rate=2
        ),
        "file_progress",
        {"transfer": 3, "direction": "in", "peer": "alice", "name": "a.txt", "done": 5, "size": 12, "rate": 2},
    ),
    (
        events.FileDone(
            time=TIME, transfer=3, direction="out", peer="bob", name="a.txt", path="/tmp/a.txt", size=12,
            seconds=0.5, sha256="00" * 32,
        ),
        "file_done",
        {
            "transfer": 3, "direction": "out", "peer": "bob", "name": "a.txt", "path": "/tmp/a.txt", "size": 12,
            "seconds": 0.5, "sha256": "00" * 32,
        },
    ),
    (
        events.FileFailed(
            time=TIME, transfer=3, direction="in", peer="alice", name="a.txt", code="file-cut", text="Cut.", kept=5
        ),
        "file_failed",
        {
            "transfer": 3, "direction": "in", "peer": "alice", "name": "a.txt", "code": "file-cut", "text": "Cut.",
            "kept": 5,
        },
    ),
    (
        events.FileClosed(time=TIME, transfer=3, name="a.txt", code="withdrawn", text="Taken back."),
        "file_closed",
        {"transfer": 3, "name": "a.txt", "code": "withdrawn", "text": "Taken back."},
    ),
    (
        events.Files(
            time=TIME,
            transfers=[
                events.TransferRow(
                    transfer=3, direction="out", peer=None, name="a.txt", state="offered", done=0, size=12, rate=0
                )
            ],
            passing=[events.PassingRow(from_="alice", to="bob", bytes=7, seconds=1.5)],
            folder="/tmp",
        ),
        "files",
        {
            "transfers": [
                {
                    "transfer": 3, "direction": "out", "peer": None, "name": "a.txt", "state": "offered", "done": 0,
                    "size": 12, "rate": 0,
                }
            ],
            "passing": [{"from": "alice", "to": "bob", "bytes": 7, "seconds": 1.5}],
            "folder": "/tmp",
        },
    ),
    (
        events.Disconnected(time=TIME, code="host-stopped", text="The host has stopped."),
        "disconnected",
        {"code": "host-stopped", "text": "The host has stopped.", "attempt": 0},
    ),
    (
        events.Notice(time=TIME, code="withheld", text="3 messages did not arrive."),
        "notice",
        {"code": "withheld", "text": "3 messages did not arrive."},
    ),
    (
        events.Error(time=TIME, code="empty", text="There is nothing to send.", message=" "),
        "error",
        {"code": "empty", "text": "There is nothing to send.", "message": " "},
    ),
    (
        events.Check(time=TIME, name="own-port", state="good", text="free", advice="", facts={"port": 12800}),
        "check",
        {"name": "own-port", "state": "good", "text": "free", "advice": "", "facts": {"port": 12800}},
    ),
    (
        events.TraceEvent(
            time=TIME,
            step="seal",
            direction="out",
            detail={"nonce": "0f", "length": 272, "rate": 1.5, "fresh": True, "psk": None},
            link="content",
        ),
        "trace",
        {
            "step": "seal",
            "direction": "out",
            "detail": {"nonce": "0f", "length": 272, "rate": 1.5, "fresh": True, "psk": None},
            "link": "content",
        },
    ),
]
CASES += [
    (
        events.RoomEntered(time=TIME, room="staff", topic="for us", restricted=True, members=[MEMBER]),
        "room_entered",
        {"room": "staff", "topic": "for us", "restricted": True, "members": [MEMBER]},
    ),
    (
        events.RoomLeft(time=TIME, room="staff", code="revoked", text="You may be in it no longer."),
        "room_left",
        {"room": "staff", "code": "revoked", "text": "You may be in it no longer."},
    ),
    (
        events.RoomTopic(time=TIME, room="staff", topic="for us", by="alice"),
        "topic",
        {"room": "staff", "topic": "for us", "by": "alice"},
    ),
    (
        events.Rooms(
            time=TIME, rooms=[events.RoomRow(room="staff", topic="", restricted=True, members=2, entered=False)]
        ),
        "rooms",
        {"rooms": [{"room": "staff", "topic": "", "restricted": True, "members": 2, "entered": False}]},
    ),
    (events.Role(time=TIME, role="moderator"), "role", {"role": "moderator"}),
    (
        events.Moderation(
            time=TIME, code="kicked", name="bob", by="alice", reason="loud", text="bob was removed", mine=False
        ),
        "moderation",
        {"code": "kicked", "name": "bob", "by": "alice", "reason": "loud", "text": "bob was removed", "mine": False},
    ),
    (
        events.History(time=TIME, room="general", count=10, more=True, lost=0, asked=False),
        "history",
        {"room": "general", "count": 10, "more": True, "lost": 0, "asked": False},
    ),
    (
        events.Found(
            time=TIME,
            room="general",
            text="cat",
            hits=[
                events.Hit(
                    id="0f", number=7, from_="alice", member=MEMBER, text="a cat", sent_at=TIME, signature="good"
                )
            ],
            more=False,
        ),
        "found",
        {
            "room": "general",
            "text": "cat",
            "hits": [
                {
                    "id": "0f",
                    "number": 7,
                    "from": "alice",
                    "member": MEMBER,
                    "text": "a cat",
                    "sent_at": STAMP,
                    "signature": "good",
                }
            ],
            "more": False,
        },
    ),
    (
        events.LogLine(time=TIME, what="kicked", at=TIME, facts={"name": "bob"}, asked=True),
        "log",
        {"what": "kicked", "at": STAMP, "facts": {"name": "bob"}, "asked": True},
    ),
]
IDS = [name for _, name, _ in CASES]


def read(event: events.Event) -> dict[str, Any]:
    line = msgspec.json.encode(event)
    assert b"\n" not in line
    found: dict[str, Any] = json.loads(line)
    return found


def test_every_event_is_tried_here_under_a_name_of_its_own() -> None:
    kinds = events.Event.__subclasses__()
    assert {type(event) for event, _, _ in CASES} == set(kinds)
    assert len({kind.__struct_config__.tag for kind in kinds}) == len(kinds) == len(CASES)


@pytest.mark.parametrize(("event", "name", "keys"), CASES, ids=IDS)
def test_an_event_is_one_line_of_json_with_its_keys(event: events.Event, name: str, keys: dict[str, Any]) -> None:
    found = read(event)
    assert found["event"] == name
    assert found["time"] == STAMP
    assert {key: found[key] for key in keys} == keys
    left = set(found) - set(keys) - {"event", "time"}
    assert left <= set(event.__struct_encode_fields__)
    assert all(found[key] is None for key in left)  # what does not apply is there, as null


@pytest.mark.parametrize(("event", "name", "keys"), CASES, ids=IDS)
def test_an_event_reads_back_as_itself(event: events.Event, name: str, keys: dict[str, Any]) -> None:
    kinds = reduce(or_, events.Event.__subclasses__())
    assert msgspec.json.decode(msgspec.json.encode(event), type=kinds) == event


@pytest.mark.parametrize(("event", "name", "keys"), CASES, ids=IDS)
def test_an_event_does_not_change_once_it_is_told(event: events.Event, name: str, keys: dict[str, Any]) -> None:
    with pytest.raises(AttributeError):
        event.time = TIME  # type: ignore[misc]


@pytest.mark.parametrize("signature", ["good", "bad", "missing"])
def test_a_signature_has_one_of_three_states(signature: events.Signature) -> None:
    (message,) = [event for event, name, _ in CASES if name == "message"]
    changed = msgspec.structs.replace(message, signature=signature, mine=True, kind="me", late=True, signed_as="bob")
    found = read(changed)
    assert (found["signature"], found["mine"], found["kind"]) == (signature, True, "me")
    assert (found["late"], found["signed_as"]) == (True, "bob")


@pytest.mark.parametrize(
    ("time", "stamp"),
    [
        (datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), "2026-01-02T03:04:05Z"),
        (datetime(1, 1, 1, tzinfo=UTC), "0001-01-01T00:00:00Z"),
        (datetime(9999, 12, 31, 23, 59, 59, 999_999, UTC), "9999-12-31T23:59:59.999999Z"),
    ],
)
def test_times_are_iso_8601_in_utc(time: datetime, stamp: str) -> None:
    assert read(events.Notice(time=time, code="x", text=""))["time"] == stamp
    assert datetime.fromisoformat(stamp) == time
