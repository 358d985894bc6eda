"""The rooms file: TOML that the host's owner writes by hand, read at the start.

    [[room]]
    name = "general"
    topic = "Welcome"

    [[room]]
    name = "staff"
    private = true            # only for accounts that name it, and for who is let in by /grant
    newcomers = "nothing"     # see nothing of what was said before they came; "all" as if left out
    keep_days = 30            # of the history, where there is one
    keep_messages = 10000
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from usi.core import text, wire
from usi.core.errors import BadName, BadRooms, UnreadableFile
from usi.core.language import tr

_LARGEST = 1024 * 1024  # bytes
_NEWCOMERS = {"all": True, "nothing": False}
_KINDS: dict[str, type] = {
    "name": str, "topic": str, "private": bool, "newcomers": str, "keep_days": int, "keep_messages": int
}  # fmt: skip


@dataclass(frozen=True)
class RoomRule:
    """A room as its owner wants it."""

    name: str
    topic: str = ""
    private: bool = False
    past: bool = True
    """Newcomers see what was said before."""
    keep_days: int | None = None
    keep_messages: int | None = None


def read_rooms(path: Path) -> list[RoomRule]:
    """The rooms in this file, one or more; the first is where all start. Raises `UnreadableFile`, `BadRooms`."""
    try:
        with path.open("rb") as file:
            data = file.read(_LARGEST + 1)
    except OSError as error:
        raise UnreadableFile(path=path, why=(error.strerror or "error").lower()) from error
    try:
        document = tomllib.loads(data[:_LARGEST].decode("utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadRooms(path=path, why=str(error).rstrip(".")) from error
    listed = document.pop("room", [])
    if document:
        raise BadRooms(path=path, why=tr("{name} means nothing here", name=next(iter(document))))
    if not isinstance(listed, list) or not listed or not all(isinstance(each, dict) for each in listed):
        raise BadRooms(path=path, why="rooms begin with [[room]], and one is needed")
    if len(listed) > wire.MAX_ROOMS:
        raise BadRooms(path=path, why=tr("there may be {count} rooms", count=wire.MAX_ROOMS))
    rules = [_rule(path, fields) for fields in listed]
    looks: dict[str, str] = {}
    for rule in rules:
        look = text.skeleton(rule.name)
        if look in looks:
            raise BadRooms(path=path, why=tr("{one} and {other} look alike", one=rule.name, other=looks[look]))
        looks[look] = rule.name
    return rules


def _rule(path: Path, fields: dict[str, Any]) -> RoomRule:
    name = fields.get("name")
    called = name if isinstance(name, str) else "?"

    def wrong(why: str) -> BadRooms:
        return BadRooms(path=path, why=tr("room {name}: {why}", name=called, why=tr(why)))

    for field, value in fields.items():
        kind = _KINDS.get(field)
        if kind is None:
            raise BadRooms(path=path, why=tr("{name} means nothing here", name=field))
        if type(value) is not kind:
            raise wrong(why=tr("the value of {field} is of another kind", field=field))
    try:
        called = text.clean_name(called)
    except BadName as error:
        raise wrong(why=str(error.fields["why"])) from error
    if called != name:
        raise wrong(why=tr("write the name as it is shown: {name}", name=called))
    if fields.get("newcomers", "all") not in _NEWCOMERS:
        raise wrong(why="newcomers see “all” or “nothing”")
    for field in ("keep_days", "keep_messages"):
        if not 1 <= fields.get(field, 1) <= 10**9:
            raise wrong(why=tr("the value of {field} is not possible", field=field))
    topic = text.visible_line(fields.get("topic", ""))
    if len(topic) > wire.MAX_TOPIC:
        raise wrong(why=tr("a topic has at most {limit} characters", limit=wire.MAX_TOPIC))
    return RoomRule(
        called,
        topic,
        fields.get("private", False),
        _NEWCOMERS[fields.get("newcomers", "all")],
        fields.get("keep_days"),
        fields.get("keep_messages"),
    )
