"""What an event looks like as a line."""

from __future__ import annotations

import json
import re
import unicodedata
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from usi.core import events as ev
from usi.ui.rendering import to_json, to_plain

NOW = datetime(2026, 3, 1, 12, 34, 56, tzinfo=UTC)
PRINT = "0123456789abcdef" * 4
HOSTILE = "[/oops] \x1b[31mred\x1b[0m \x1b]0;title\x07 \x7f \x9b1m \u202eoverride\u202c \u200b|\u2028|\r\x08"
BARE = re.compile("[\x00-\x1f\x7f-\x9f\u00ad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff]")


def message(text: str = "hello", **fields: Any) -> ev.Message:
    made: dict[str, Any] = {
        "time": NOW,
        "id": "00",
        "room": "general",
        "from_": "alice",
        "member": PRINT,
        "text": text,
        "sent_at": NOW,
        "mine": False,
        "signature": "good",
    }
    return ev.Message(**(made | fields))


def row(**fields: Any) -> ev.Member:
    made: dict[str, Any] = {
        "name": "alice",
        "member": PRINT,
        "fingerprint": None,
        "words": None,
        "verified": False,
        "me": False,
        "host": False,
    }
    return ev.Member(**(made | fields))


CONNECTED = ev.Connected(
    time=NOW,
    host="192.0.2.1",
    port=12800,
    name="alice",
    member=PRINT,
    rooms=["general"],
    fingerprint=PRINT,
    words=["one", "two", "three", "four"],
    cipher="AES-256-OCB",
    key_exchange="RSA",
    key_fingerprint=PRINT,
)
INFO = ev.Info(
    time=NOW,
    connection="192.0.2.1:12800",
    name="alice",
    cipher="AES-256-OCB",
    key_exchange="RSA",
    library="pycryptodome",
    fingerprint=PRINT,
    words=["one", "two", "three", "four"],
    members=3,
    seconds=12.3,
    bytes_in=1,
    bytes_out=2,
    records_in=3,
    records_out=4,
)
TRACE = ev.TraceEvent(time=NOW, step="offer", direction="in", detail={"nonce": "ab" * 60, "size": 3}, link="here:1")
FILE: dict[str, Any] = {"time": NOW, "transfer": 3, "name": HOSTILE}
MOVING: dict[str, Any] = FILE | {"direction": "in", "peer": "alice"}
OFFER: dict[str, Any] = FILE | {"id": "00", "room": "general", "from_": "alice", "member": PRINT, "size": 12_400_000}
TRANSFER: dict[str, Any] = {"transfer": 3, "name": HOSTILE, "done": 50, "size": 100, "rate": 10}
FILES = ev.Files(
    time=NOW,
    transfers=[
        ev.TransferRow(**TRANSFER, direction=direction, peer=peer, state=state)
        for state in ("offered", "waiting", "running", "done", "failed", "kept")
        for direction, peer in (("in", "alice"), ("out", None))
    ],
    passing=[ev.PassingRow(from_="alice", to="bob", bytes=7_000, seconds=70)],
    folder=HOSTILE,
)
EVENTS: list[ev.Event] = [
    ev.FileOffer(**OFFER, files=None, mine=False),
    ev.FileOffer(**OFFER, files=3, mine=False),
    ev.FileOffer(**OFFER, files=None, mine=True),
    ev.FileOffer(**OFFER, files=None, mine=False, kept=6_200_000),
    ev.FileProgress(**MOVING, done=5, size=10, rate=1),
    ev.FileProgress(**(MOVING | {"direction": "out"}), done=0, size=0, rate=0),
    ev.FileDone(**MOVING, path=HOSTILE, size=10, seconds=1.0, sha256=PRINT),
    ev.FileDone(**(MOVING | {"direction": "out"}), path=HOSTILE, size=10, seconds=1.0),
    ev.FileFailed(**MOVING, code="file-cut", text="It was cut.", kept=5),
    ev.FileClosed(**FILE, code="withdrawn", text="Taken back."),
    FILES,
    ev.Connecting(time=NOW, step="dial"),
    ev.Listening(
        time=NOW,
        addresses=["192.0.2.1", "2001:db8::1"],
        port=12800,
        name="host",
        member=PRINT,
        rooms=["general"],
        key_fingerprint=PRINT,
    ),
    CONNECTED,
    ev.MemberJoined(time=NOW, name="bob", member=PRINT, fingerprint=PRINT, words=["a", "b", "c", "d"], address="x:1"),
    ev.MemberJoined(time=NOW, name="bob", member=PRINT),
    ev.MemberLeft(time=NOW, name="bob", member=PRINT, reason="cut"),
    ev.MemberRenamed(time=NOW, old="bob", name="robert", member=PRINT, mine=False),
    message(),
    message(kind="me", text="waves"),
    ev.Delivered(time=NOW, id="00", number=1),
    ev.Failed(time=NOW, id="00", code="cut", text="It was cut.", message=HOSTILE),
    ev.Users(time=NOW, members=[row(), row(name="host", host=True, fingerprint=PRINT, words=["a"])], asked=True),
    ev.Users(time=NOW, members=[row(me=True)], asked=False),
    *(
        ev.Verification(
            time=NOW, name="bob", member=PRINT, fingerprint=PRINT, words=["a", "b"], state=state, preset=False
        )
        for state in ("open", "verified", "differs")
    ),
    *(
        ev.Invitation(
            time=NOW,
            state=state,
            locator="lilac",
            until=NOW,
            failed=3,
            limit=20,
            code="lilac-soprano-distant-mixer" if state == "open" else None,
            links=["usi://192.0.2.1:1/#00"] if state == "open" else None,
            address=None if state == "open" else "192.0.2.7:1",
        )
        for state in ("open", "used", "failed", "burned")
    ),
    *(
        ev.Password(time=NOW, name="bob", member=PRINT, state=state)
        for state in ("wanted", "asked", "sent", "matched", "differs")
    ),
    INFO,
    ev.Disconnected(time=NOW, code="left", text="You left."),
    ev.Notice(time=NOW, code="hello", text="One.\nTwo."),
    ev.Error(time=NOW, code="empty", text=HOSTILE, message=HOSTILE),
    TRACE,
]
ids = [type(event).__name__ for event in EVENTS]


# --- JSON ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("event", EVENTS, ids=ids)
def test_every_event_is_one_line_of_json_with_its_name_and_time(event: ev.Event) -> None:
    line = to_json(event)
    assert "\n" not in line
    found = json.loads(line)
    assert found["event"] == type(event).__struct_config__.tag
    time = datetime.fromisoformat(found["time"])
    assert time == NOW
    assert time.utcoffset() is not None
    assert not BARE.search(line)


def test_a_message_has_the_keys_that_are_promised() -> None:
    found = json.loads(to_json(message(HOSTILE)))
    promised = {"id", "room", "from", "member", "text", "sent_at", "mine", "private", "signature", "history"}
    assert promised <= found.keys()
    assert (found["from"], found["text"], found["signature"]) == ("alice", HOSTILE, "good")
    connected = json.loads(to_json(CONNECTED))
    assert {"host", "port", "name", "fingerprint", "words", "cipher", "key_exchange"} <= connected.keys()


@given(st.text())
def test_a_text_comes_through_json_as_it_is_and_never_bare(text: str) -> None:
    line = to_json(message(text))
    assert json.loads(line)["text"] == text
    assert not BARE.search(line)
    assert not any(unicodedata.category(character) in ("Cc", "Zl", "Zp") for character in line)


INVISIBLE = "\u180e\u034f\u2061\ufff9\ufffa\ufffb\U000e0001\U000e0061\U000e007f"


@pytest.mark.parametrize("character", INVISIBLE, ids=lambda character: f"U+{ord(character):04X}")
def test_no_other_invisible_character_stands_bare_in_json_either(character: str) -> None:
    line = to_json(message(f"a{character}b"))
    assert character not in line
    assert json.loads(line)["text"] == f"a{character}b"


@pytest.mark.parametrize("broken", ["\udcff", "a\ud800b", "\udfff\ud800"], ids=ascii)
def test_half_a_surrogate_pair_is_still_a_line(broken: str) -> None:
    """As arguments that are not UTF-8 leave it behind."""
    line = to_json(ev.Error(time=NOW, code="unknown-host", text=f"No host {broken}.", message=broken))
    assert json.loads(line)["event"] == "error"
    line.encode("utf-8")


# --- plain -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("event", EVENTS, ids=ids)
def test_every_event_is_harmless_lines_or_none(event: ev.Event) -> None:
    shown = to_plain(event)
    if shown is None:
        assert isinstance(event, ev.Delivered | ev.Connecting)
        return
    assert shown == shown.rstrip()
    for line in shown.split("\n"):
        assert not BARE.search(line)
        assert line[:1] in "*![#"


def test_what_others_say() -> None:
    clock = NOW.astimezone().strftime("%H:%M")
    assert to_plain(message()) == f"[{clock}] alice: hello"
    assert to_plain(message(kind="me", text="waves")) == f"[{clock}] * alice waves"
    assert to_plain(message(mine=True)) is None  # its author has typed it
    assert "[/oops]" in str(to_plain(message("[/oops]")))


def test_an_alarm_about_a_signature_is_shown() -> None:
    assert "FORGED" in str(to_plain(message(signature="bad")))
    assert "unsigned" in str(to_plain(message(signature="missing")))
    assert "signs as mallory" in str(to_plain(message(signed_as="mallory")))
    assert "[dated 2026-03-01" in str(to_plain(message(late=True)))


@given(st.text())
def test_no_text_reaches_the_terminal_as_more_than_text(text: str) -> None:
    for event in (
        message(text),
        message(text, signed_as=text),
        ev.Failed(time=NOW, id="0", code="cut", text="Cut.", message=text),
        ev.Error(time=NOW, code="x", text=text, message=text),
    ):
        shown = str(to_plain(event))
        assert not BARE.search(shown.replace("\n", ""))
        for line in shown.split("\n")[1:]:
            assert line.startswith("        ")  # no line of a message can pass for one of ours


@given(st.text(min_size=1))
def test_no_name_of_a_file_reaches_the_terminal_as_more_than_a_name(name: str) -> None:
    named = {"name": name}
    for event in (
        ev.FileOffer(**(OFFER | named), files=None, mine=False),
        ev.FileProgress(**(MOVING | named), done=5, size=10, rate=1),
        ev.FileDone(**(MOVING | named), path=name, size=10, seconds=1.0),
        ev.FileFailed(**(MOVING | named), code="file-cut", text=name, kept=5),
        ev.FileClosed(**(FILE | named), code="withdrawn", text=name),
    ):
        shown = str(to_plain(event))
        assert not BARE.search(shown)
        assert shown.startswith("* ")
    listed = ev.Files(
        time=NOW, transfers=[ev.TransferRow(**(TRANSFER | named), direction="in", peer="a", state="done")], passing=[],
        folder=name,
    )  # fmt: skip
    assert len(str(to_plain(listed)).split("\n")) == 2


def test_an_offer_says_how_to_take_it() -> None:
    offer = OFFER | {"name": "a.txt"}
    shown = str(to_plain(ev.FileOffer(**offer, files=None, mine=False)))
    assert shown == "* alice offers a.txt (12.4 MB): /accept 3 takes it, /decline 3 does not."
    assert "folder of 3 files, 12.4 MB" in str(to_plain(ev.FileOffer(**offer, files=3, mine=False)))
    assert "/cancel 3" in str(to_plain(ev.FileOffer(**offer, files=None, mine=True)))
    assert "50 % are here" in str(to_plain(ev.FileOffer(**offer, files=None, mine=False, kept=6_200_000)))


def test_progress_and_ends_of_a_file() -> None:
    moving = MOVING | {"name": "a.txt"}
    shown = str(to_plain(ev.FileProgress(**moving, done=50, size=100, rate=10)))
    assert shown == "* a.txt from alice: 50 %, 10 B/s, 5 s left"
    out = moving | {"direction": "out"}
    assert str(to_plain(ev.FileProgress(**out, done=0, size=9, rate=0))) == "* a.txt to alice: 0 %, 0 B/s"
    done = to_plain(ev.FileDone(**moving, path="/tmp/a.txt", size=10, seconds=1.0))
    assert done == "* Received from alice: /tmp/a.txt (10 B, 1 s)"
    assert str(to_plain(ev.FileDone(**out, path="x", size=10, seconds=1.0))) == "* alice has a.txt (10 B, 1 s)."


def test_files_are_listed_with_what_passes() -> None:
    shown = str(to_plain(FILES))
    assert "↓" in shown
    assert "↑" in shown
    assert "under way, 50 %, 10 B/s" in shown
    assert "alice → bob  7.0 KB, 1 min 10 s" in shown


def test_an_ordinary_text_is_shown_as_it_is() -> None:
    text = "Ça marche nickel ! 👍 日本語 Ελληνικά العربية"
    assert str(to_plain(message(text))).endswith(f"alice: {text}")


def test_fingerprint_and_words_are_shown_to_be_compared() -> None:
    grouped = " ".join(PRINT[start : start + 4] for start in range(0, 64, 4))
    for event in (CONNECTED, INFO, ev.Users(time=NOW, members=[row(fingerprint=PRINT, words=["a", "b"])], asked=True)):
        assert grouped in str(to_plain(event))
    assert "one two three four" in str(to_plain(CONNECTED))


def test_a_host_shows_its_places_and_a_drawn_key() -> None:
    fields: dict[str, Any] = {"time": NOW, "addresses": ["192.0.2.1", "2001:db8::1"], "port": 5, "name": "host"}
    fields |= {"member": PRINT, "rooms": ["general"]}
    shown = str(to_plain(ev.Listening(**fields, key_fingerprint=PRINT)))
    assert "192.0.2.1:5" in shown
    assert "[2001:db8::1]:5" in shown
    assert "host key" in shown
    shown = str(to_plain(ev.Listening(**fields, key_fingerprint=PRINT, preset_fingerprint="9" * 64, preset_key="KEY=")))
    assert "KEY=" in shown
    assert "9999 9999" in shown


def test_a_host_who_is_verified_needs_no_comparing() -> None:
    assert "Compare them" in str(to_plain(CONNECTED))
    assert "Compare them" not in str(to_plain(msgspec.structs.replace(CONNECTED, verified=True)))


@pytest.mark.parametrize(
    ("by", "words"),
    [
        ("comparison", "is verified."),
        ("code", "code"),
        ("password", "password"),
        ("fingerprint", "expected"),
        ("known", "before"),
    ],
)
def test_how_somebody_came_to_be_verified(by: ev.How, words: str) -> None:
    event = ev.Verification(
        time=NOW, name="bob", member=PRINT, fingerprint=PRINT, words=["a"], state="verified", preset=False, by=by
    )
    assert words in str(to_plain(event))


def test_an_invitation_is_shown_with_its_code_and_a_line_to_paste() -> None:
    lines = [to_plain(event) for event in EVENTS if isinstance(event, ev.Invitation)]
    made, used, failed, burned = map(str, lines)
    assert "lilac-soprano-distant-mixer" in made
    assert "*   usi://192.0.2.1:1/#00" in made
    assert "others may still come without" in made
    assert "192.0.2.7:1" in used
    assert "WARNING" in failed
    assert "3 of 20" in failed
    assert "burned" in burned


def test_a_trace_is_one_line_with_long_values_cut() -> None:
    shown = str(to_plain(TRACE))
    assert "offer" in shown
    assert "\n" not in shown
    assert len(shown) < 200
