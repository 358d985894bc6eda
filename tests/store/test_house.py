"""A host's files together: which rooms a run has, and what becomes of them in the history."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.store.keeping import allow_cheap_keys, opened, posts
from usi.core.crypto import digest
from usi.store.history import History, Room
from usi.store.house import FIRST_ROOM, House
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
