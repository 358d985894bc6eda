"""Settings and limits: their defaults, and that a run cannot change them."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from usi.config import DEFAULT_PORT, Limits, Settings, limits_from
from usi.core import wire


def test_the_defaults_are_those_of_the_protocol() -> None:
    limits = Limits()
    assert DEFAULT_PORT == 12_800
    assert (limits.half_open, limits.half_open_per_address) == (64, 8)
    assert limits.handshake_seconds == 10
    assert (limits.heartbeat_seconds, limits.silence_seconds) == (10, 30)
    assert limits.queue_bytes == 1024 * 1024


def test_the_limits_fit_together() -> None:
    limits = Limits()
    assert limits.half_open_per_address < limits.half_open
    assert limits.silence_seconds >= 3 * limits.heartbeat_seconds
    assert limits.queue_bytes > 4 * wire.MAX_RECORD  # one long message is no sign of a slow reader
    assert limits.listed_events > 10 * wire.MAX_BATCH  # nor is one full record of a sleeping face
    assert limits.goodbye_seconds < limits.acknowledge_seconds < limits.silence_seconds
    assert all(value > 0 for value in dataclasses.astuple(limits))


def test_times_of_coming_back_fit_together() -> None:
    limits = Limits()
    assert (limits.resume_seconds, limits.seat_seconds, limits.rejoin_seconds) == (25, 30, 7)
    assert limits.resume_longest_pause < limits.seat_seconds - limits.resume_seconds
    assert limits.kept_bytes + wire.MAX_RECORD < limits.queue_bytes  # what waited fits the queue of who is back
    assert limits.kept_bytes < limits.kept_bytes_in_all


def test_every_limit_is_explained() -> None:
    explained = (Path(__file__).parent.parent / "docs" / "LIMITS.md").read_text("utf-8")
    for each in dataclasses.fields(Limits):
        default = format(getattr(Limits(), each.name), "g" if each.type == "float" else "d")
        assert f"| `{each.name}` | {default} | " in explained


def test_any_limit_can_be_another() -> None:
    limits = limits_from(["seat_seconds=60", "queue-bytes=2000000", "resume_seconds=0", "sender_rate=2.5"])
    assert (limits.seat_seconds, limits.queue_bytes, limits.resume_seconds) == (60.0, 2_000_000, 0)
    assert limits.sender_rate == 2.5
    assert limits_from([]) == Limits()


@pytest.mark.parametrize(
    "text", ["", "seat_seconds", "seat_seconds=", "seat_seconds=x", "seat_seconds=-1", "seat_seconds=nan",
             "seat_seconds=inf", "queue_bytes=1.5", "queue_bytes=0", "__class__=1", "no_such=1"],
)  # fmt: skip
def test_what_is_no_limit(text: str) -> None:
    with pytest.raises(ValueError, match=r"^"):
        limits_from([text])


@pytest.mark.parametrize("thing", [Limits(), Settings(True, "host")])
def test_nothing_changes_under_a_run(thing: Limits | Settings) -> None:
    for field in dataclasses.fields(thing):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(thing, field.name, None)


def test_keys_do_not_show() -> None:
    """Settings may end up in a traceback or a log."""
    settings = Settings(True, "host", preset=b"secret preset key", drawn_key="drawn secret")
    assert "secret" not in repr(settings)
    assert "secret" not in str(settings)


def test_settings_of_two_runs_share_nothing_that_can_change() -> None:
    assert Settings(True, "a").limits == Settings(False, "b").limits
    with pytest.raises(dataclasses.FrozenInstanceError):
        Settings(True, "a").limits.half_open = 1  # type: ignore[misc]
