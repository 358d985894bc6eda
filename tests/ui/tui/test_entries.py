"""What stands in the transcript."""

import unicodedata
from collections.abc import Callable
from types import SimpleNamespace

import msgspec
import pytest
from rich.cells import cell_len

from usi.core import events as ev
from usi.ui.tui.entries import entry_of
from usi.ui.tui.entry import Columns

WIDTHS = (3, 38, 52, 84, 198)


def text_of(event: ev.Event) -> str:
    entry = entry_of(event)
    assert entry is not None
    return "\n".join(text for _, text in entry.rows)


def harmless(text: str) -> bool:
    return not any(unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp") for char in text.replace("\n", ""))


@pytest.fixture
def every(cast: SimpleNamespace) -> Callable[[str], list[ev.Event]]:
    """One event of each kind, with the text in every place that comes from somebody else."""

    def files(text: str) -> list[ev.Event]:
        told = cast.Told(name=text)
        row = {"transfer": 1, "direction": "in", "peer": text, "name": text, "state": "running"}
        rows = [ev.TransferRow(**row, done=1, size=2, rate=3)]
        passing = [ev.PassingRow(from_=text, to=text, bytes=1, seconds=1)]
        listing = ev.Files(time=cast.NOW, transfers=rows, passing=passing, folder=text)
        return [told.offer(), told.progress(1), told.done(), told.failed(), told.closed(), listing]

    def rooms(text: str) -> list[ev.Event]:
        time = cast.NOW
        hit = ev.Hit(id="0", number=1, from_=text, member=cast.BOB, text=text, sent_at=time, signature="good")
        row = ev.RoomRow(room=text, topic=text, restricted=True, members=1, entered=True)
        return [
            ev.RoomEntered(time=time, room=text, topic=text, restricted=True, members=[cast.BOB]),
            ev.RoomLeft(time=time, room=text, code="revoked", text=text),
            ev.RoomTopic(time=time, room=text, topic=text, by=text),
            ev.Rooms(time=time, rooms=[row]),
            ev.Role(time=time, role="moderator"),
            ev.Moderation(time=time, code="kicked", name=text, by=text, reason=text, text=text, mine=True),
            ev.History(time=time, room=text, count=0, more=False, lost=2, asked=True),
            ev.Found(time=time, room=text, text=text, hits=[hit], more=True),
            ev.LogLine(time=time, what="kicked", at=time, facts={"name": text, "reason": text}, asked=True),
        ]

    def made(text: str) -> list[ev.Event]:
        time, ids, name = cast.NOW, {"member": cast.BOB}, {"name": text}
        proof = {"fingerprint": "0123456789abcdef" * 4, "words": cast.WORDS}
        facts = {
            "cipher": text,
            "key_exchange": text,
            "library": text,
            "connection": text,
            "members": 1,
            "seconds": 1.5,
        }
        counts = {"bytes_in": 1, "bytes_out": 2, "records_in": 3, "records_out": 4}
        member = msgspec.structs.replace(cast.member("bob", cast.BOB, proof=True), name=text)
        return [
            ev.Connecting(time=time, step="dial"),
            cast.LISTENING,
            msgspec.structs.replace(cast.LISTENING, preset_key="a2V5", preset_fingerprint="aa" * 32),
            msgspec.structs.replace(cast.CONNECTED, host=text, name=text),
            ev.MemberJoined(time=time, **name, **ids),
            ev.MemberJoined(time=time, **name, **ids, **proof),
            ev.MemberLeft(time=time, **name, **ids, reason=text),
            ev.MemberRenamed(time=time, old=text, **name, **ids, mine=False),
            ev.MemberAway(time=time, **name, **ids, away=True, away_text=text, mine=False),
            cast.said(text, name=text, signed_as=text, late=True, signature="bad"),
            cast.said(text, name=text, kind="me", signature="missing"),
            ev.Delivered(time=time, id="0", number=1),
            ev.Failed(time=time, id="0", code="cut", text=text, message=text),
            *files(text),
            ev.Check(time=time, **name, state="bad", text=text, advice=text, facts={text: text}),
            ev.Invitation(
                time=time, state="open", locator=text, until=time, failed=1, limit=3, code=text, links=[text],
                address=text,
            ),
            ev.Password(time=time, **name, **ids, state="asked"),
            ev.Users(time=time, members=[member], asked=True),
            ev.Verification(time=time, **name, **ids, **proof, state="open", preset=False),
            ev.Verification(time=time, **name, **ids, **proof, state="verified", preset=False),
            ev.Verification(time=time, **name, **ids, **proof, state="differs", preset=False),
            *(
                ev.Invitation(time=time, until=time, state=state, locator="lilac", failed=1, limit=20, address=text)
                for state in ("open", "used", "failed", "burned")
            ),
            *(ev.Password(time=time, **name, **ids, state=state) for state in ("wanted", "asked", "sent", "differs")),
            ev.Info(time=time, **name, **facts, **counts, **proof),
            ev.Reconnecting(time=time, code="cut", text=text, attempt=1, seconds=25.0),
            ev.Resumed(time=time, code="resumed", text=text, attempt=1, missed=2),
            ev.Limits(
                time=time, rows=[ev.LimitRow(name="rooms", text=text, limit=64, used=1, unit="count")]
            ),
            ev.Disconnected(time=time, code="cut", text=text),
            ev.Notice(time=time, code="code", text=text),
            ev.Error(time=time, code="code", text=text, message=text),
            msgspec.structs.replace(cast.talk(text, name=text), text=text),
            msgspec.structs.replace(cast.talk(text, "closed", name=text), text=text),
            msgspec.structs.replace(cast.talk(text, "asked", name=text), text=text),
            ev.Chosen(time=time, room=text, private=True),
            *rooms(text),
            ev.TraceEvent(time=time, step=text, direction="in", detail={text: text}, link="content"),
        ]

    return made


def test_no_kind_of_event_is_forgotten(every: Callable[[str], list[ev.Event]]) -> None:
    assert {type(event) for event in every("text")} == set(ev.Event.__subclasses__())


def test_hostile_text_is_shown_not_obeyed(every: Callable[[str], list[ev.Event]], hostile: str) -> None:
    for event in every(hostile):
        entry = entry_of(event)
        if entry is not None:
            assert harmless(entry.name)
            assert all(harmless(text) for _, text in entry.rows)


@pytest.mark.parametrize("width", WIDTHS)
def test_every_entry_fits_in_its_height(every: Callable[[str], list[ev.Event]], hostile: str, width: int) -> None:
    for event in every(hostile[: 100 * width]):
        entry = entry_of(event)
        if entry is None:
            continue
        rows = list(entry.broken(width))
        assert len(rows) == entry.height(width) > 0
        room = Columns.of(width).room
        for row in rows:
            assert row.indent + cell_len(row.text) <= room or row.indent + 2 >= room


def test_a_message(cast: SimpleNamespace) -> None:
    entry = entry_of(cast.said("Hello\nthere"))
    assert entry is not None
    assert (entry.kind, entry.name, entry.member, entry.state) == ("said", "bob", cast.BOB, "")
    assert entry.rows == [("text", "Hello\nthere")]


@pytest.mark.parametrize(
    ("facts", "alarm"),
    [
        ({"signature": "bad"}, "FORGED"),
        ({"signature": "missing"}, "unsigned"),
        ({"signed_as": "carol"}, "under another name: carol"),
        ({"late": True}, "dated 2030-05-17"),
    ],
)
def test_an_alarm_stands_before_the_text(cast: SimpleNamespace, facts: dict[str, object], alarm: str) -> None:
    entry = entry_of(cast.said("Hello", **facts))
    assert entry is not None
    (role, warning), (_, text) = entry.rows
    assert role == "alarm"
    assert alarm in warning
    assert text == "Hello"


def test_what_to_compare_is_told_on_joining(cast: SimpleNamespace) -> None:
    told = text_of(cast.CONNECTED)
    assert "sierra tulip walnut yodel" in told
    assert "0123 4567 89ab cdef" in told
    proof = {"fingerprint": "0123456789abcdef" * 4, "words": cast.WORDS}
    told = text_of(ev.MemberJoined(time=cast.NOW, name="bob", member=cast.BOB, **proof))
    assert "— bob joined —\nsierra tulip walnut yodel\n" in told
    assert "0123 4567 89ab cdef" in told


def test_what_ends_where_the_words_differ_is_the_connection_that_was_compared(cast: SimpleNamespace) -> None:
    proof = {"fingerprint": "ab" * 32, "words": cast.WORDS, "preset": False, "state": "differs"}
    for pair, ended in ((False, "the connection is ended."), (True, "the private connection is ended.")):
        told = text_of(ev.Verification(time=cast.NOW, name="bob", member=cast.BOB, pair=pair, **proof))
        assert ended in told


def test_a_drawn_key_stands_alone_on_its_line(cast: SimpleNamespace) -> None:
    told = text_of(msgspec.structs.replace(cast.LISTENING, preset_key="bm90IGEga2V5", preset_fingerprint="aa" * 32))
    assert "bm90IGEga2V5" in told.split("\n")
    assert all(f"Fingerprint of the {what} key:" in told for what in ("preset", "host")), "the latter for --expect"
    assert "192.0.2.7:12800, [2001:db8::7]:12800" in told


@pytest.mark.parametrize(
    ("reason", "told"),
    [
        ("left", "— bob left —"),
        ("cut", "— bob left (connection lost) —"),
        ("silent", "— bob left (no sign of life) —"),
        ("replaced", "— bob left (back over a new connection) —"),
    ],
)
def test_why_somebody_left(cast: SimpleNamespace, reason: str, told: str) -> None:
    assert text_of(ev.MemberLeft(time=cast.NOW, name="bob", member=cast.BOB, reason=reason)) == told


def test_a_list_on_joining_says_nothing(cast: SimpleNamespace) -> None:
    assert entry_of(cast.THERE) is None
    assert "3 here" in text_of(msgspec.structs.replace(cast.THERE, asked=True))
