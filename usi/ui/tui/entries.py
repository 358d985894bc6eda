"""What stands in the transcript: one entry per thing said or happened, made from the peer's events. Pure data."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, NamedTuple

from rich.cells import cell_len

from usi.core import events as ev
from usi.core import text
from usi.core.crypto import grouped
from usi.ui.tui.wrapping import wrap

Kind = Literal["said", "done", "notice", "failure"]
State = Literal["", "sending", "delivered", "failed"]
Role = Literal["text", "quiet", "strong", "alarm"]

_TAB = "    "
_UNSTEADY = re.compile("\u200d|[\ufe00-\ufe0f]|(?<=\\S)[\U0001f3fb-\U0001f3ff]+")
_TONE = re.compile("[\U0001f3fb-\U0001f3ff]+")
_CLOCK = 7  # cells of the time and the gap behind it
_MARK = 2  # cells at the right edge for the state of an own message
_GAP = 2  # cells between a name and the text
_COLUMN = re.compile(r"(?:\S.*? {2,}| +)(?=\S)")
_LEFT = {"cut": "connection lost", "silent": "no sign of life", "too-slow": "too slow"}


def shown(value: str) -> str:
    """Text of others as it may be shown, line ends kept."""
    return _steady(text.visible(value))


def inline(value: str) -> str:
    """The same on one line."""
    return _steady(text.visible(value, keep_newlines=False))


def _steady(value: str) -> str:
    """The text without what terminals do not agree about how wide it is, so that it moves nothing beside it.

    An emoji that is made of several is shown as its parts, without colour of skin.
    """
    return (
        value if value.isascii() and "\t" not in value else _TONE.sub("■", _UNSTEADY.sub("", value.replace("\t", _TAB)))
    )


@dataclass(frozen=True, slots=True)
class Columns:
    """Where things stand in a transcript of a certain width."""

    width: int
    name: int
    """Cells that names are padded to; 0 where the text follows the name directly."""

    @classmethod
    def of(cls, width: int) -> Columns:
        return cls(width, 14 if width >= 84 else 10 if width >= 60 else 8 if width >= 48 else 0)

    @property
    def room(self) -> int:
        """Cells up to the marks."""
        return max(1, self.width - _MARK)


class Row(NamedTuple):
    """A line of an entry, broken so that it fits."""

    role: Role
    text: str
    indent: int
    """Cells before it; on the first line of an entry, time and name stand there."""
    glue: str | None
    """What stood where the text was broken; None where its author began a line."""


@dataclass(slots=True, eq=False)
class Entry:
    """One entry. `rows` are texts, each with the role that decides how it looks; each may have several lines."""

    kind: Kind
    time: datetime
    rows: Sequence[tuple[Role, str]]
    name: str = ""
    member: str = ""
    mine: bool = False
    state: State = ""

    def __post_init__(self) -> None:
        # The gate of the transcript: whatever comes from others is made harmless here, wherever it came in.
        self.name = inline(self.name)
        self.rows = [(role, shown(value)) for role, value in self.rows]

    @property
    def size(self) -> int:
        return sum(len(value) for _, value in self.rows)

    def height(self, width: int) -> int:
        """How many lines it takes in a transcript of this width."""
        if len(self.rows) == 1:
            value = self.rows[0][1]
            columns = Columns.of(width)
            # No character is wider than two cells.
            if 2 * len(value) <= columns.room - self._starts(columns)[0] and "\n" not in value:
                return 1
        return sum(1 for _ in self.broken(width))

    def broken(self, width: int) -> Iterator[Row]:
        """Its lines in a transcript of this width."""
        columns = Columns.of(width)
        indent, rest = self._starts(columns)
        for role, value in self.rows:
            for line in value.split("\n"):
                hang = rest + self._hang(line, columns.room - rest)
                glue: str | None = None
                ended = 0
                for start, end in wrap(line, columns.room - indent, columns.room - hang):
                    if glue is not None:
                        glue = line[ended:start]
                    yield Row(role, line[start:end], indent, glue)
                    indent, ended, glue = hang, end, ""
                indent = rest

    def _starts(self, columns: Columns) -> tuple[int, int]:
        """On which cell the first line of the text begins, and on which the others do."""
        if self.kind in ("notice", "failure"):
            return _CLOCK, _CLOCK
        rest = _CLOCK + (columns.name + _GAP if columns.name else 0)
        if self.kind == "done":
            return (rest, rest) if columns.name else (rest + 2, rest + 2)
        first = _CLOCK + max(cell_len(self.name), columns.name) + _GAP
        return first, rest

    def _hang(self, line: str, room: int) -> int:
        """How far our own lines are indented where they go on: a table goes on in its last column."""
        if self.kind != "notice":
            return 0
        found = _COLUMN.match(line)
        return found.end() if found and found.end() <= room // 2 else 0


# --- from events ----------------------------------------------------------------------------------------------------


def entry_of(event: ev.Event) -> Entry | None:
    """The entry that an event adds, or None where it adds nothing (or changes one that is there)."""
    rows: list[tuple[Role, str]]
    match event:
        case ev.Message():
            return _said(event)
        case ev.Listening():
            return _listening(event)
        case ev.Connected():
            return _connected(event)
        case ev.MemberJoined():
            words = f": {' '.join(event.words)}" if event.words else ""
            rows = [("quiet", f"— {inline(event.name)} joined{words} —")]
            if event.fingerprint:
                rows.append(("quiet", _fingerprint_rows(event.fingerprint)))
            return Entry("notice", event.time, rows)
        case ev.MemberLeft():
            why = _LEFT.get(event.reason)
            return notice(event, f"— {inline(event.name)} left{f' ({why})' if why else ''} —")
        case ev.MemberRenamed():
            who = "you are" if event.mine else f"{inline(event.old)} is"
            return notice(event, f"— {who} now called {inline(event.name)} —")
        case ev.Users():
            return _users(event) if event.asked else None
        case ev.Verification():
            return _verification(event)
        case ev.Info():
            return _info(event)
        case ev.Notice() | ev.Reconnecting():
            return notice(event, event.text)
        case ev.Error():
            return Entry("failure", event.time, [("alarm", f"! {event.text}")])
        case ev.Disconnected():
            rows = [("strong", event.text), ("quiet", "What was said stays here to be read; Ctrl+Q leaves.")]
            return Entry("failure", event.time, rows)
        case _:
            return None


def notice(event: ev.Event, said: str) -> Entry:
    return Entry("notice", event.time, [("quiet", said)])


def deliver(entry: Entry) -> None:
    """The host has it."""
    entry.state = "delivered"


def fail(entry: Entry, event: ev.Failed) -> None:
    """It did not arrive, and this is why."""
    entry.state = "failed"
    entry.rows = [*entry.rows, ("alarm", f"✗ not delivered: {shown(event.text)}")]


def _said(event: ev.Message) -> Entry:
    name = inline(event.from_)
    rows: list[tuple[Role, str]] = []
    if event.signature == "bad":
        rows.append(("alarm", f"⚠ FORGED: {name} did not sign this"))
    elif event.signature == "missing":
        rows.append(("alarm", "⚠ unsigned: the author's key is missing"))
    if event.signed_as is not None:
        rows.append(("alarm", f"⚠ signed under another name: {inline(event.signed_as)}"))
    if event.late:
        rows.append(("alarm", f"⚠ dated {event.sent_at.astimezone():%Y-%m-%d %H:%M}"))
    done = event.kind == "me"
    rows.append(("text", f"{name} {event.text}" if done else event.text))
    return Entry(
        "done" if done else "said",
        event.sent_at,
        rows,
        name=name if done or not event.mine else "you",
        member=event.member,
        mine=event.mine,
        state="sending" if event.mine else "",
    )


def _listening(event: ev.Listening) -> Entry:
    places = ", ".join(f"[{a}]:{event.port}" if ":" in a else f"{a}:{event.port}" for a in event.addresses)
    rows: list[tuple[Role, str]] = [("strong", f"You are hosting on {places}")]
    if event.preset_key is not None:
        rows.append(("quiet", "The preset key, to hand to those who may join:"))
        rows.append(("strong", event.preset_key))
    if event.preset_fingerprint is not None:
        rows.append(("quiet", f"Fingerprint of the preset key:\n{_fingerprint_rows(event.preset_fingerprint)}"))
    else:
        rows.append(("quiet", f"Fingerprint of this host's key:\n{_fingerprint_rows(event.key_fingerprint)}"))
    return Entry("notice", event.time, rows)


def _connected(event: ev.Connected) -> Entry:
    place = f"[{event.host}]:{event.port}" if ":" in event.host else f"{event.host}:{event.port}"
    return Entry(
        "notice",
        event.time,
        [
            ("strong", f"You are connected to {inline(place)} as {inline(event.name)}"),
            ("quiet", f"{event.cipher}, {event.key_exchange}"),
            ("quiet", "To be sure that nobody sits in between, compare with the host, by telephone or in person:"),
            ("strong", " ".join(event.words)),
            ("quiet", _fingerprint_rows(event.fingerprint)),
            ("quiet", "If they match, say /verify yes; if they differ, /verify no."),
        ],
    )


def _users(event: ev.Users) -> Entry:
    rows: list[tuple[Role, str]] = [("strong", f"{len(event.members)} here")]
    for member in event.members:
        marks = [word for word, is_so in (("you", member.me), ("host", member.host)) if is_so]
        if member.fingerprint:
            marks.append("verified" if member.verified else "not verified")
        rows.append(("text", inline(member.name) + (f" ({', '.join(marks)})" if marks else "")))
        if member.words:
            rows.append(("quiet", f"  {' '.join(member.words)}"))
        if member.fingerprint:
            rows.append(("quiet", _fingerprint_rows(member.fingerprint, "  ")))
    return Entry("notice", event.time, rows)


def _verification(event: ev.Verification) -> Entry:
    name = inline(event.name)
    if event.state == "verified":
        return Entry("notice", event.time, [("strong", f"✔ {name} is verified.")])
    if event.state == "differs":
        said = f"{name} is not who you think: the connection is ended."
        return Entry("failure", event.time, [("alarm", f"✗ {said}")])
    rows: list[tuple[Role, str]] = [
        ("strong", f"Compare with {name}, by telephone or in person:"),
        ("strong", " ".join(event.words)),
        ("quiet", _fingerprint_rows(event.fingerprint)),
        ("quiet", f"If they match, say /verify {name} yes; if they differ, /verify {name} no."),
    ]
    return Entry("notice", event.time, rows)


def _info(event: ev.Info) -> Entry:
    rows: list[tuple[Role, str]] = [
        ("strong", f"{event.connection}, as {inline(event.name)}, {event.members} here, for {event.seconds:.0f} s"),
        ("quiet", f"Cipher: {event.cipher} (by {event.library})"),
        ("quiet", f"Key exchange: {event.key_exchange}"),
        ("quiet", f"In: {event.bytes_in} bytes in {event.records_in} records"),
        ("quiet", f"Out: {event.bytes_out} bytes in {event.records_out} records"),
    ]
    if event.words:
        rows.append(("quiet", f"Words: {' '.join(event.words)}"))
    if event.fingerprint:
        rows.append(("quiet", f"Fingerprint:\n{_fingerprint_rows(event.fingerprint)}"))
    return Entry("notice", event.time, rows)


def fingerprint_lines(fingerprint: str, groups: int = 4) -> list[str]:
    """A fingerprint in hexadecimal as lines of so many groups of four digits."""
    parts = grouped(bytes.fromhex(fingerprint)).split(" ")
    return [" ".join(parts[at : at + groups]) for at in range(0, len(parts), groups)]


def _fingerprint_rows(fingerprint: str, indent: str = "") -> str:
    """Two lines of eight groups."""
    return "\n".join(indent + line for line in fingerprint_lines(fingerprint, 8))
