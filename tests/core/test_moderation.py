"""Bans, silences and their times."""

from __future__ import annotations

import pytest

from usi.core import moderation
from usi.core.moderation import Decided, Moderation, RoomDecided, Term, seconds_of


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(
    ("said", "seconds"),
    [("90s", 90), ("10m", 600), ("10", 600), ("2h", 7_200), ("3d", 259_200), ("3J", 259_200), ("1w", 604_800)]
    + [(wrong, None) for wrong in ("", "x", "0", "0h", "-5m", "1y", "9999999", "999999d", "1 h 2", "1.5h")],
)
def test_times(said: str, seconds: int | None) -> None:
    assert seconds_of(said) == seconds


@pytest.mark.parametrize(
    ("about", "key"),
    [
        ("bob", "name bob"),
        ("BOB", "name bob"),
        ("192.0.2.7", "net 192.0.2.7"),
        ("::ffff:192.0.2.7", "net 192.0.2.7"),
        ("2001:db8:1:2:3::4", "net 2001:db8:1:2::/64"),
        ("ABCD " * 16, f"key {'abcd' * 16}"),
        ("1.2", "name 1.2"),
        ("cafe", "name cafe"),
    ],
)
def test_what_a_ban_is_about(about: str, key: str) -> None:
    found = Moderation.key_of(about)
    assert found == key or (found.startswith("name ") and key.startswith("name "))
    assert Moderation.as_kept(found) == found, "the host can read what it has written"


def test_a_ban_ends_with_its_time_or_when_it_is_taken_back() -> None:
    clock = Clock()
    bans = Moderation(clock)
    bans.ban(["name bob"], 60)
    bans.ban(["name eve"], 0)
    assert bans.is_banned("name x", "name bob")
    clock.now += 61
    assert not bans.is_banned("name bob")
    assert bans.is_banned("name eve")
    assert bans.unban("name eve")
    assert not bans.unban("name eve")


def test_bans_are_bounded_and_old_ones_make_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(moderation, "MOST_BANS", 2)
    clock = Clock()
    bans = Moderation(clock)
    for name in ("a", "b", "c"):
        bans.ban([name], 60)
    assert [bans.is_banned(name) for name in ("a", "b", "c")] == [True, True, False]
    clock.now += 61
    bans.ban(["c"], 60)
    assert bans.is_banned("c")


def test_a_ban_is_lifted_with_all_that_belongs_to_it() -> None:
    bans = Moderation(Clock())
    bans.ban(["name mallory", "key 00"], 0)
    assert bans.unban("name mallory")
    assert not bans.is_banned("name mallory", "key 00")
    bans.ban(["name mallory", "key 00"], 0)
    bans.ban(["key 00"], 60)
    assert bans.unban("name mallory")
    assert bans.is_banned("key 00"), "that is another ban, of its own"


def test_what_was_decided_goes_on_in_another_run() -> None:
    clock, later = Clock(), Clock()
    before, after = Moderation(clock), Moderation(later)
    before.ban(["name mallory", "key 00"], 0)
    before.ban(["net 192.0.2.7"], 60)
    before.ban(["name gone"], 5)
    before.silence("bob", 0)
    before.silence("eve", 60)
    before.silence("late", 5)
    clock.now += 10
    rooms = [RoomDecided("staff", granted=("bob",))]
    decided = before.decided(rooms)
    assert decided == Decided(
        (Term(("key 00", "name mallory"), None), Term(("net 192.0.2.7",), 50.0)),
        (Term(("bob",), None), Term(("eve",), 50.0)),
        tuple(rooms),
    )
    later.now = 7.0
    after.restore(decided)
    assert after.decided(rooms) == decided
    later.now += 51
    assert not after.is_banned("net 192.0.2.7")
    assert not after.is_silent("eve")
    assert after.is_silent("bob")
    assert after.unban("key 00")
    assert not after.is_banned("name mallory")
