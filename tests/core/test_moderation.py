"""Bans, silences and their times."""

from __future__ import annotations

import pytest

from usi.core import moderation
from usi.core.moderation import Moderation, seconds_of


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


def test_a_ban_ends_with_its_time_or_when_it_is_taken_back() -> None:
    clock = Clock()
    bans = Moderation(clock)
    bans.ban("name bob", 60)
    bans.ban("name eve", 0)
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
        bans.ban(name, 60)
    assert [bans.is_banned(name) for name in ("a", "b", "c")] == [True, True, False]
    clock.now += 61
    bans.ban("c", 60)
    assert bans.is_banned("c")
