"""The rooms file: what it may say, and what is said of what it may not."""

from __future__ import annotations

from pathlib import Path

import pytest

from usi.core import wire
from usi.core.errors import BadRooms, UnreadableFile
from usi.store.rooms import RoomRule, read_rooms


def written(folder: Path, text: str) -> Path:
    path = folder / "rooms.toml"
    path.write_text(text, "utf-8")
    return path


def test_rooms_as_their_owner_wants_them(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        """
[[room]]
name = "general"
topic = "Welcome \\u001b[31m"

[[room]]
name = "staff"
private = true
newcomers = "nothing"
keep_days = 30
keep_messages = 500
""",
    )
    general, staff = read_rooms(path)
    assert (general.name, general.private, general.past) == ("general", False, True)
    assert "\x1b" not in general.topic
    assert staff == RoomRule("staff", "", True, False, 30, 500)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "one is needed"),
        ("room = 3", "one is needed"),
        ("[[room]]\nname = 'a'\n[other]", "other means nothing here"),
        ("[[room]]\nname = 'a'\ncolour = 'red'", "colour means nothing here"),
        ("[[room]]", "room ?"),
        ("[[room]]\nname = 7", "another kind"),
        ("[[room]]\nname = 'a'\nprivate = 1", "another kind"),
        ("[[room]]\nname = ' a b '", "write the name as it is shown"),
        ("[[room]]\nname = 'evil\u202e'", "room evil"),
        ("[[room]]\nname = 'a'\nnewcomers = 'some'", "newcomers"),
        ("[[room]]\nname = 'a'\nkeep_days = 0", "not possible"),
        ("[[room]]\nname = 'a'\nkeep_messages = true", "another kind"),
        (f"[[room]]\nname = 'a'\ntopic = '{'x' * (wire.MAX_TOPIC + 1)}'", "at most 200"),
        ("[[room]]\nname = 'staff'\n[[room]]\nname = 'Staff'", "look alike"),
        ("[[room", "expected"),
        ("".join(f"[[room]]\nname = 'room-{n}-x'\n" for n in range(wire.MAX_ROOMS + 1)), "64 rooms"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, text: str, why: str) -> None:
    with pytest.raises(BadRooms) as caught:
        read_rooms(written(tmp_path, text))
    assert why.lower() in str(caught.value).lower()


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile):
        read_rooms(tmp_path / "none")
