"""The moderation file: what moderators have decided, kept from run to run. JSON that the host writes, mode 0600.

It has bans and silences with their ends, and of rooms who was let in or put out, topics that were set, and rooms that
were made, all by commands. What the host's owner writes by hand stays in the owner's own files, untouched.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from usi.core import text, wire
from usi.core.errors import BadModeration, BadName, CannotKeep
from usi.core.language import tr
from usi.core.moderation import LONGEST, Decided, Moderation, RoomDecided, Term
from usi.store import private

_LARGEST = 16 * 1024 * 1024  # bytes: all bans that there can be, and the rights of 200,000 in rooms


class _Ban(msgspec.Struct, forbid_unknown_fields=True):
    keys: list[str]
    until: datetime | None


class _Silence(msgspec.Struct, forbid_unknown_fields=True):
    who: str
    until: datetime | None


class _Room(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    name: str
    private: bool = False
    made: bool = False
    topic: str | None = None
    instead_of: str = ""
    granted: list[str] = msgspec.field(default_factory=list)
    denied: list[str] = msgspec.field(default_factory=list)


class _Document(msgspec.Struct, forbid_unknown_fields=True):
    bans: list[_Ban]
    silences: list[_Silence]
    rooms: list[_Room]


class ModerationFile:
    """The file, and what was in it at first. `clock` gives seconds since 1970 (UTC). One host, one file."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.time) -> None:
        """A file that is not there yet holds nothing. Raises `UnreadableFile`, `BadModeration`."""
        self.path = path
        self._clock = clock
        found = private.read(path, _LARGEST)
        self._read = self._parsed(found[0]) if found is not None else _Document([], [], [])
        self.decided = self._decided()

    def write(self, decided: Decided) -> None:
        """Put this in its place. For worker threads; raises `CannotKeep`, the file is then as it was."""
        rooms = [
            _Room(
                room.name, room.private, room.made, room.topic, room.instead_of, list(room.granted), list(room.denied)
            )
            for room in decided.rooms
            if room.made or room.topic is not None or room.granted or room.denied
        ]
        here = {text.skeleton(room.name) for room in decided.rooms}
        # A room that its owner's file does not have today may be there tomorrow.
        rooms += [room for room in self._read.rooms if not room.made and text.skeleton(room.name) not in here]
        document = _Document(
            [_Ban(list(ban.keys), self._until(ban)) for ban in decided.bans],
            [_Silence(who, self._until(silence)) for silence in decided.silences for who in silence.keys],
            rooms,
        )
        data = msgspec.json.format(msgspec.json.encode(document), indent=1) + b"\n"
        if len(data) > _LARGEST:  # what could not be read again would keep the host from starting
            raise CannotKeep(path=self.path, why=tr("it would be larger than 16 MiB"))
        private.write(self.path, data)

    def _until(self, term: Term) -> datetime | None:
        return None if term.seconds is None else datetime.fromtimestamp(round(self._clock() + term.seconds), UTC)

    def _parsed(self, data: bytes) -> _Document:
        try:
            document = msgspec.json.decode(data, type=_Document)
        except (ValueError, RecursionError) as error:
            raise BadModeration(path=self.path, why=str(error).rstrip(".")) from error
        for room in document.rooms:
            try:
                fits = text.clean_name(room.name) == room.name
            except BadName:
                fits = False
            if not fits:
                raise BadModeration(path=self.path, why=text.visible_line(f"“{room.name}”"))
        for key in (key for ban in document.bans for key in ban.keys):
            self._check(key, Moderation.as_kept(key))
        for room in document.rooms:
            for who in (*room.granted, *room.denied):
                self._check(who, Moderation.who_as_kept(who))
        for silence in document.silences:
            self._check(silence.who, Moderation.who_as_kept(silence.who))
        return document

    def _check(self, written: str, right: str | None) -> None:
        """Refuse what would be kept and never found. `right`: how it has to be written; None where it makes no sense.
        """
        if written == right:
            return
        shown = text.visible_line(written)
        if right is None:
            why = tr("“{key}” is none of “name …”, “key …” and “net …”", key=shown)
        else:
            why = tr("“{key}” has to be written “{right}”", key=shown, right=text.visible_line(right))
        raise BadModeration(path=self.path, why=why)

    def _decided(self) -> Decided:
        read = self._read
        bans = [Term(tuple(ban.keys), self._left(ban.until)) for ban in read.bans]
        silences = [Term((silence.who,), self._left(silence.until)) for silence in read.silences]
        rooms = [
            RoomDecided(
                room.name,
                room.private,
                room.made,
                None if room.topic is None else text.visible_line(room.topic)[: wire.MAX_TOPIC],
                room.instead_of,
                tuple(room.granted),
                tuple(room.denied),
            )
            for room in read.rooms
        ]
        holds = [[term for term in terms if term.seconds is None or term.seconds > 0] for terms in (bans, silences)]
        return Decided(tuple(holds[0]), tuple(holds[1]), tuple(rooms))

    def _left(self, until: datetime | None) -> float | None:
        """Seconds from now; never more than can be said, should this machine's clock have been far ahead."""
        if until is None:
            return None
        aware = until if until.tzinfo is not None else until.replace(tzinfo=UTC)
        return min(aware.timestamp() - self._clock(), LONGEST)
