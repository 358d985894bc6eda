"""A host's files together: which rooms a run has, and what becomes of them in the history."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.store.keeping import allow_cheap_keys, opened, posts
from usi.core.crypto import digest
from usi.core.moderation import Decided, RoomDecided
from usi.store.history import History, Room
from usi.store.house import FIRST_ROOM, House
from usi.store.moderation import ModerationFile
from usi.store.rooms import RoomRule


@pytest.fixture
def history(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], History]:
    allow_cheap_keys(monkeypatch.setattr)
    return lambda: opened(tmp_path / "history")


def test_a_house_without_files_has_one_room() -> None:
    (room,) = House().rooms()
    assert (room.name, room.number, room.private) == (FIRST_ROOM, 0, False)
    assert House().rooms()[0].key != room.key
    House().retire()
    House().close()


def test_rooms_of_the_file_come_first_and_those_of_the_history_stay(history: Callable[[], History]) -> None:
    house = House(rules=[RoomRule("general", "new topic"), RoomRule("staff", private=True)], history=history())
    assert house.history is not None
    general, staff = house.rooms()
    for room in (general, staff):
        house.keep_room(room.info, bytes(32), room.past)
    kept = Room(bytes(16), "club", "ours", True, False)
    house.history.keep_room(kept)
    house.close()

    again = House(rules=[RoomRule("General", "other topic")], history=history())
    rooms = again.rooms()
    assert [room.name for room in rooms] == ["General", "staff", "club"]
    assert rooms[0].conversation == general.conversation
    assert rooms[0].topic == "other topic"
    assert rooms[0].key != general.key
    assert (rooms[1].private, rooms[2].past) == (True, False)
    again.close()


def test_each_key_of_a_room_is_kept_once(history: Callable[[], History]) -> None:
    house = House(history=history())
    assert house.history is not None
    (room,) = house.rooms()
    for key in (b"1" * 32, b"2" * 32, b"2" * 32):
        room.renew(key)
        house.keep_room(room.info, b"h" * 32, room.past)
    for key in (b"1" * 32, b"2" * 32):
        found = house.history.key(room.conversation, digest("usi3 key id", key))
        assert found is not None
        assert (found.holder, found.key) == (b"h" * 32, key)
    house.close()


def test_what_a_room_wants_gone_is_deleted(history: Callable[[], History]) -> None:
    house = House(rules=[RoomRule("general", keep_messages=3)], history=history())
    assert house.history is not None
    (room,) = house.rooms()
    house.keep_room(room.info, bytes(32), room.past)
    kept = Room(room.conversation, "general")
    house.history.append(posts(range(1, 11), kept), {})
    house.retire()
    assert (house.history.first(room.conversation), house.history.last(room.conversation)) == (8, 10)
    assert house.rooms()[0].number == 10
    house.close()


DECIDED = Decided(
    rooms=(
        RoomDecided("General", topic="set by a command", instead_of="Welcome"),
        RoomDecided("staff", granted=("bob",), denied=("eve",)),
        RoomDecided("club", private=True, made=True, topic="ours", granted=("mona",)),
        RoomDecided("gone", granted=("bob",)),
    )
)


def decided(path: Path) -> ModerationFile:
    ModerationFile(path).write(DECIDED)
    return ModerationFile(path)


def test_rooms_are_as_moderators_had_decided(tmp_path: Path) -> None:
    rules = [RoomRule("general", "Welcome"), RoomRule("staff", private=True)]
    rooms = House(rules=rules, moderation=decided(tmp_path / "moderation")).rooms()
    assert [(room.name, room.topic, room.private, room.made) for room in rooms] == [
        ("general", "set by a command", False, False), ("staff", "", True, False), ("club", "ours", True, True)
    ]  # fmt: skip
    assert [(room.granted, room.denied) for room in rooms] == [(set(), set()), ({"bob"}, {"eve"}), ({"mona"}, set())]
    assert [room.decided for room in rooms][1:] == [
        RoomDecided("staff", True, granted=("bob",), denied=("eve",)),
        RoomDecided("club", True, True, "ours", "", ("mona",)),
    ]


def test_what_the_owner_writes_since_counts_more(tmp_path: Path) -> None:
    rules = [RoomRule("general", "Welcome back"), RoomRule("club", "for all")]
    rooms = House(rules=rules, moderation=decided(tmp_path / "moderation")).rooms()
    assert [(room.name, room.topic, room.private, room.made) for room in rooms] == [
        ("general", "Welcome back", False, False), ("club", "for all", False, False)
    ]  # fmt: skip


def test_without_other_files_the_first_room_stays_the_first(tmp_path: Path, history: Callable[[], History]) -> None:
    rooms = House(moderation=decided(tmp_path / "moderation")).rooms()
    assert [room.name for room in rooms] == [FIRST_ROOM, "club"]
    house = House(moderation=decided(tmp_path / "moderation"), history=history())
    assert [room.name for room in house.rooms()] == [FIRST_ROOM, "club"]
    for room in house.rooms():
        house.keep_room(room.info, bytes(32), room.past)
    assert [(room.name, room.topic, room.granted) for room in house.rooms()][1] == ("club", "ours", {"mona"})
    house.close()
