"""What the inspector keeps, lets through and saves."""

import json
from datetime import UTC, datetime

import pytest

from usi.core import events as ev
from usi.core.trace import Detail, Secret
from usi.ui.tui import inspection as model
from usi.ui.tui.inspection import Inspection, Part, label_of, sheet

NOW = datetime(2030, 5, 17, 9, 41, tzinfo=UTC)


def trace(step: str = "record", direction: str = "out", link: str = "host:1", **detail: object) -> ev.TraceEvent:
    return ev.TraceEvent(time=NOW, step=step, direction=direction, detail=Detail(detail), link=link)


def exchange(link: str = "host:1", *, hosting: bool = False) -> list[ev.TraceEvent]:
    sent, got = ("in", "out") if hosting else ("out", "in")
    return [
        trace("hello", sent, link, preset=False, commitment="ab" * 32),
        trace("offer", got, link, mlkem_public="cd" * 1184),
        trace("kem", "here", link, shared=Secret(b"\xa5" * 64)),
        trace("answer", sent, link),
        trace("keys", "here", link),
        trace("fingerprint", "here", link, words="a b c d"),
    ]


def content(text: str, step: str = "seal") -> ev.TraceEvent:
    way = "out" if step == "seal" else "in"
    return trace(
        step,
        way,
        "content",
        length=528,
        key_id="12" * 32,
        plaintext=text,
        ciphertext="9f" * len(text.encode("utf-8", "replace")),
    )


def test_key_exchanges_are_told_apart_by_link() -> None:
    inspection = Inspection()
    one, other = exchange("link 1", hosting=True), exchange("link 2", hosting=True)
    inspection.add(event for pair in zip(one, other, strict=True) for event in pair)
    assert [each.link for each in inspection.exchanges] == ["link 1", "link 2"]
    assert all(each.complete and each.role == "host" for each in inspection.exchanges)
    assert inspection.exchanges[0].in_order() == [one[0], one[1], one[3], one[2], one[4], one[5]]
    inspection.add(exchange("link 1", hosting=True)[:1])  # the same address once more
    assert [len(each.steps) for each in inspection.exchanges] == [6, 6, 1]


def test_steps_of_a_client_stand_in_their_order() -> None:
    inspection = Inspection()
    steps = exchange()
    inspection.add(steps)
    assert inspection.exchanges[0].role == "client"
    assert inspection.exchanges[0].in_order() == steps


def test_a_listener_that_came_late_still_knows_its_side() -> None:
    inspection = Inspection()
    inspection.add(exchange()[1:])
    inspection.add(exchange("x", hosting=True)[1:])
    assert [each.role for each in inspection.exchanges] == ["client", "host"]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({}, [0, 1, 2, 3]),
        ({"way": "in"}, [1, 3]),
        ({"way": "out"}, [0, 2]),
        ({"kind": "content"}, [2, 3]),
        ({"kind": "records"}, [0, 1]),
        ({"text": "POST"}, [0, 1]),
        ({"text": "post", "way": "in"}, [1]),
        ({"text": "grüsse"}, [2]),
        ({"text": "number=7 posted"}, [1]),
        ({"text": "[/oops]"}, [3]),
        ({"text": "nothing of that kind"}, []),
    ],
)
def test_the_filter(wanted: dict[str, str], found: list[int]) -> None:
    inspection = Inspection()
    records = [
        trace(number=3, messages="post"),
        trace(direction="in", number=7, messages="posted"),
        content("Grüße"),
        content("[/oops]", "open"),
    ]
    inspection.add(records)
    inspection.wants(**wanted)
    assert inspection.shown() == [records[index] for index in found]


def test_pausing_holds_what_is_shown_and_loses_nothing() -> None:
    inspection, told = Inspection(), []
    inspection.add([trace(number=1)])
    inspection.watchers.append(told.append)
    inspection.pause()
    inspection.add([trace(number=2), trace(number=3)])
    assert inspection.paused
    assert inspection.unseen == 2
    assert [event.detail["number"] for event in inspection.shown()] == [1]
    inspection.pause()
    assert [event.detail["number"] for event in inspection.shown()] == [1, 2, 3]
    assert told == [None, [], None]


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    inspection = Inspection()
    inspection.add(trace(number=number) for number in range(model.MOST_RECORDS + 7))
    assert len(inspection.records) == model.MOST_RECORDS
    assert inspection.forgotten == 7
    assert inspection.records[0].detail["number"] == 7
    monkeypatch.setattr(model, "MOST_CHARACTERS", 10_000)
    inspection.add([trace(plaintext="x" * 4_000, number=number) for number in range(4)])
    assert [event.detail["number"] for event in inspection.records] == [2, 3]
    for number in range(model.MOST_EXCHANGES + 3):
        inspection.add(exchange(f"link {number}"))
    assert len(inspection.exchanges) == model.MOST_EXCHANGES


def test_clearing_forgets_records_only() -> None:
    inspection = Inspection()
    inspection.add([*exchange(), trace(number=1)])
    inspection.clear()
    assert not inspection.shown()
    assert len(inspection.exchanges) == 1


def test_watchers_hear_what_passes_the_filter() -> None:
    inspection, told = Inspection(), []
    inspection.wants(way="in")
    inspection.watchers.append(told.append)
    inspection.add([trace(), came := trace(direction="in")])
    assert told == [[came]]


def test_a_sheet_tells_what_why_and_against_what() -> None:
    parts = sheet(exchange()[0])
    assert [part.text for part in parts if part.role == "label"] == [
        "What happens",
        "Why",
        "Protects against",
        "Values",
    ]
    assert Part("value", "no") in parts
    assert Part("name", "commitment, 32 bytes") in parts
    assert label_of(exchange()[0]) == "Hello · 38 bytes"


def test_a_record_shows_its_values_first() -> None:
    parts = sheet(content("Hello"))
    assert [part.text for part in parts if part.role == "label"] == [
        "Values",
        "What happens",
        "Why",
        "Protects against",
    ]
    assert Part("pair", "Hello", "9f9f9f9f 9f") in parts


def test_long_values_are_cut_until_asked_for() -> None:
    offer = exchange()[1]
    (cut,) = (part.text for part in sheet(offer) if part.role == "value")
    (whole,) = (part.text for part in sheet(offer, whole=True) if part.role == "value")
    assert cut.endswith("…")
    assert len(cut) < 200
    assert whole.replace(" ", "") == "cd" * 1184


def test_secrets_stay_masked() -> None:
    (text,) = (part.text for part in sheet(exchange()[2], whole=True) if part.role == "value")
    assert text.startswith("••••  secret, 64 bytes")


def test_plaintext_that_looks_like_something_else_stays_text() -> None:
    for text in ("ab" * 40, "<secret, 32 bytes>"):
        pair = next(part for part in sheet(content(text)) if part.role == "pair")
        assert pair.text == text
        assert set(pair.beside) <= set("9f …")


def test_messages_are_explained_once_each() -> None:
    quiet = [part.text for part in sheet(trace(messages="ack ack alive [/oops]")) if part.role == "quiet"]
    assert [text.split(":")[0] for text in quiet] == ["The kinds of the messages inside.", "ack", "alive"]


def test_hostile_texts_are_shown_and_saved_harmlessly(hostile: str) -> None:
    inspection = Inspection()
    inspection.add([content(hostile), trace(hostile, link=hostile, **{hostile: hostile})])
    inspection.add(trace(event.step, event.direction, hostile, **event.detail) for event in exchange())
    for event in inspection.records:
        for part in sheet(event, whole=True):
            assert all(line.isprintable() for line in (*part.text.split("\n"), part.beside))
    saved = model.as_text(inspection, NOW)
    assert all(line.isprintable() for line in saved.split("\n"))
    saved = model.as_json(inspection, NOW)
    assert saved.isascii()
    assert json.loads(saved)["records"][0]["detail"]["plaintext"] == hostile


def test_saved_as_text() -> None:
    inspection = Inspection()
    inspection.add([*exchange(), trace(number=3, tag="ee" * 16, messages="post"), content("Hello")])
    text = model.as_text(inspection, NOW)
    for wanted in (
        "Key exchange of host:1",
        "1. → Hello · 38 bytes",
        "Protects against",
        "secret, 64 bytes",
        "Records and messages: 2",
        "    number: 3",
        "    plaintext: Hello",
    ):
        assert wanted in text
    assert max(map(len, text.split("\n"))) <= 100


def test_secrets_are_shown_and_saved_only_when_asked_for() -> None:
    inspection = Inspection()
    told: list[object] = []
    inspection.watchers.append(told.append)
    inspection.add([*exchange(), trace("keys", "here", key=Secret(b"\x3c" * 32))])
    kem, keys = (inspection.exchanges[0].steps[step] for step in ("kem", "keys"))
    digits, other = "a5" * 64, "3c" * 32

    def seen() -> str:
        parts = [part.text for step in (kem, keys) for part in sheet(step, revealed=inspection.revealed)]
        return "".join([*parts, model.as_text(inspection, NOW), model.as_json(inspection, NOW)]).replace(" ", "")

    assert digits not in seen()
    assert "secret,64bytes,masked" in seen()
    inspection.wants(text="a5a5")
    assert not inspection.shown(), "nobody can search for a secret"
    told.clear()
    inspection.reveal(kem.secrets.values())
    assert told == [[]]
    assert seen().count(digits) == 2, "on the screen and in JSON; a page breaks its lines"
    assert digits[:64] in seen()
    assert other not in seen()
    assert "except those" in model.as_json(inspection, NOW)
    inspection.reveal(kem.secrets.values())
    assert digits not in seen()
    inspection.reveal(kem.secrets.values())
    for number in range(model.MOST_EXCHANGES):
        inspection.add([trace("hello", link=f"link {number}")])
    assert not inspection.revealed, "what is forgotten is not kept here either"


def test_saved_as_json() -> None:
    inspection = Inspection()
    inspection.add([*exchange(), trace(number=3), content("Hello")])
    inspection.wants(kind="content")
    saved = json.loads(model.as_json(inspection, NOW))
    assert [step["step"] for step in saved["key_exchanges"][0]["steps"]] == list(model.STEPS)
    assert [record["detail"]["plaintext"] for record in saved["records"]] == ["Hello"]
    assert saved["explanations"]["record"]["title"] == "Record"
    assert "masked" in saved["note"]
