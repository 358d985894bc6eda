"""Rooms, history and the log in words."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
import pytest

from usi.core import events as ev
from usi.store.audit import EVENTS
from usi.ui import community

NOW = datetime(2030, 5, 17, 9, 41, tzinfo=UTC)


def test_rooms() -> None:
    rows = [
        ev.RoomRow(room="general", topic="Welcome", restricted=False, members=3, entered=True),
        ev.RoomRow(room="staff", topic="", restricted=True, members=1, entered=False),
    ]
    assert community.rooms(ev.Rooms(time=NOW, rooms=rows)) == [
        "Rooms that you may enter:",
        "  #general, 3 here (you are in it): Welcome",
        "  #staff, 1 here (private)",
    ]


def test_topics() -> None:
    def said(topic: str, by: str) -> str:
        return community.topic(ev.RoomTopic(time=NOW, room="general", topic=topic, by=by))

    assert said("", "") == "#general has no topic."
    assert said("cats", "") == "The topic of #general: cats"
    assert said("cats", "bob") == "bob sets the topic of #general: cats"


def test_who_is_away() -> None:
    def said(away: bool, why: str = "", *, mine: bool = False) -> str:
        return community.away(
            ev.MemberAway(time=NOW, name="bob", member="b0", away=away, away_text=why, mine=mine)
        )

    assert said(True) == "bob is away."
    assert said(True, "lunch\x1b[31m") == "bob is away: lunch␛[31m"
    assert said(False) == "bob is back."
    assert said(False, mine=True) == "You are back."
    assert said(True, "lunch", mine=True).startswith("You are away (lunch). /away again")
    assert said(True, mine=True).startswith("You are away. /away again")


def test_the_past() -> None:
    def said(count: int, lost: int = 0, *, asked: bool = True) -> list[str]:
        return community.history(ev.History(time=NOW, room="g", count=count, more=False, lost=lost, asked=asked))

    assert said(3) == ["Earlier messages of #g: 3."]
    assert said(0) == ["There is nothing earlier in #g."]
    assert said(0, asked=False) == []
    assert len(said(3, 2)) == 2


def test_what_was_found() -> None:
    hit = ev.Hit(id="0", number=1, from_="bob", member="b0", text="a\ncat", sent_at=NOW, signature="bad")
    nothing, some = (ev.Found(time=NOW, room="g", text="cat", hits=hits, more=False) for hits in ([], [hit]))
    assert community.found(nothing) == ["Nothing in #g holds “cat”."]
    assert community.found(some)[0] == "Found “cat” in #g: 1"
    assert "signature not good" in community.found(some)[1]
    assert "\n" not in community.found(some)[1]


def test_every_entry_of_the_log_has_words() -> None:
    assert set(community.EVENTS) == EVENTS
    line = ev.LogLine(time=NOW, what="kicked", at=NOW, facts={"by": "mod", "name": "bob", "reason": "x\x1b[31m"})
    assert community.log_line(line).startswith("removed: bob, mod, x")
    assert "\x1b" not in community.log_line(line)
    assert community.log_line(ev.LogLine(time=NOW, what="odd", at=NOW, facts={})) == "odd"


def test_every_role_has_a_sentence() -> None:
    assert len({community.role(ev.Role(time=NOW, role=role)) for role in community.ROLES}) == 4  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("reason", "told"),
    [
        ("left", "bob left"),
        ("unheard-of", "bob left"),
        ("cut", "bob left (connection lost)"),
        ("replaced", "bob left (back over a new connection)"),
    ],
)
def test_why_somebody_left(reason: str, told: str) -> None:
    assert community.left(ev.MemberLeft(time=NOW, name="bob", member="b0", reason=reason)) == told


def test_a_new_name_is_one_s_own_or_somebody_s() -> None:
    renamed = ev.MemberRenamed(time=NOW, old="bob", name="rob", member="b0", mine=False)
    assert community.renamed(renamed) == "bob is now called rob"
    assert community.renamed(msgspec.structs.replace(renamed, mine=True)) == "You are now called rob"
