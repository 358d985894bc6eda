"""Trace records: a secret stays one in every view of them."""

import json
from datetime import UTC, datetime

import msgspec
import pytest

from usi.core.events import TraceEvent
from usi.core.trace import Secret, Trace, Value, one_line, plain_detail, plain_value

SECRET = bytes(range(0xA0, 0xC0))


def test_a_secret_shows_its_length_only() -> None:
    secret = Secret(SECRET)
    for shown in (repr(secret), str(secret), f"{secret}", f"{secret!r:>40}", f"{[secret]}", "%s" % secret):  # noqa: UP031
        assert "<secret, 32 bytes>" in shown
        assert "a0a1" not in shown
        assert "\\xa0" not in shown
    assert secret.reveal() == SECRET


def test_a_secret_gives_itself_away_to_nobody_by_accident() -> None:
    secret = Secret(SECRET)
    with pytest.raises(TypeError):
        json.dumps({"secret": secret})
    with pytest.raises(TypeError):
        bytes(secret)  # type: ignore[call-overload]
    with pytest.raises(AttributeError):
        vars(secret)["_value"] if hasattr(secret, "__dict__") else secret.value  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (b"\x00\xff", "00ff"),
        (b"", ""),
        (Secret(b"12345"), "<secret, 5 bytes>"),
        ("text", "text"),
        (7, 7),
        (1.5, 1.5),
        (True, True),
        (None, None),
    ],
)
def test_values_as_they_may_be_shown(value: Value, shown: object) -> None:
    assert plain_value(value) == shown
    assert type(plain_value(value)) is type(shown)


def test_the_detail_is_ready_for_json() -> None:
    trace = Trace("keys", "here", {"key": Secret(SECRET), "nonce": b"\1\2", "count": 3, "last": False, "who": None})
    detail = plain_detail(trace)
    assert json.loads(json.dumps(detail)) == detail
    assert detail == {"key": "<secret, 32 bytes>", "nonce": "0102", "count": 3, "last": False, "who": None}
    assert list(detail) == list(trace.detail), "in the order in which they were noted"


def test_what_stands_behind_a_mask_is_there_for_who_asks() -> None:
    secret = Secret(SECRET)
    event = TraceEvent(
        time=datetime(2030, 5, 17, tzinfo=UTC),
        step="keys",
        direction="here",
        detail=plain_detail(Trace("keys", "here", {"key": secret, "count": 3})),
        link="host:1",
    )
    assert event.secrets == {"key": secret}
    for shown in (repr(event), str(event.detail), json.dumps(event.detail), msgspec.json.encode(event).decode()):
        assert "<secret, 32 bytes>" in shown
        assert "a0a1" not in shown
        assert "secrets" not in shown
    (read,) = [msgspec.json.decode(msgspec.json.encode(event), type=TraceEvent)]
    assert read.secrets == {}, "what was written down knows the mask only"


@pytest.mark.parametrize(("direction", "arrow"), [("in", "<-"), ("out", "->"), ("here", "--")])
def test_one_line(direction: str, arrow: str) -> None:
    trace = Trace("record", direction, {"number": 0, "tag": b"\xab\xcd"})  # type: ignore[arg-type]
    assert one_line(trace) == f"{arrow} record  number=0  tag=abcd"
    assert one_line(Trace("idle", direction, {})) == f"{arrow} idle"  # type: ignore[arg-type]


@pytest.mark.parametrize("width", [16, 64, 100])
def test_long_values_are_cut_in_the_middle(width: int) -> None:
    line = one_line(Trace("offer", "in", {"modulus": bytes(range(256)), "short": "x" * width}), width)
    _, _, cut, whole = line.replace("  ", " ").split(" ")
    assert cut.startswith("modulus=" + bytes(range(256)).hex()[: width // 2] + "…")
    assert cut.endswith("…f8f9fafbfcfdfeff"[:1] + "fcfdfeff")
    assert len(cut) <= len("modulus=") + width + 9
    assert whole == "short=" + "x" * width


def test_no_view_of_a_trace_shows_a_secret() -> None:
    trace = Trace("kem", "here", {"shared": Secret(SECRET), "seen": b"\1"})
    for view in (repr(trace), str(trace), one_line(trace), one_line(trace, 10_000), json.dumps(plain_detail(trace))):
        assert SECRET.hex() not in view
        assert repr(SECRET)[2:-1] not in view


def test_a_trace_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        Trace("hello", "out", {}).step = "other"  # type: ignore[misc]
