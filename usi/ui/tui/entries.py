"""What stands in the transcript: one entry per thing said or happened, made from the peer's events. Pure data."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Literal, NamedTuple

from rich.cells import cell_len

from usi.core import events as ev
from usi.core import text
from usi.core.crypto import grouped
from usi.core.errors import PeerError
from usi.core.language import tr
from usi.core.thread import title_of
from usi.ui import amounts, community, trust
from usi.ui.i18n import mark
from usi.ui.tui.spans import Span, spans_of
from usi.ui.tui.wrapping import wrap

Kind = Literal["said", "done", "notice", "failure", "rule"]
State = Literal["", "sending", "delivered", "failed"]
Role = Literal["text", "quiet", "strong", "good", "alarm", "retry"]

_TAB = "    "
_UNSTEADY = re.compile("\u200d|[\ufe00-\ufe0f]|(?<=\\S)[\U0001f3fb-\U0001f3ff]+")
_TONE = re.compile("[\U0001f3fb-\U0001f3ff]+")
_CLOCK = 7  # cells of the time and the gap behind it
_SECONDS = 3  # cells of them behind the time
_MARK = 2  # cells at the right edge for the state of an own message
_GAP = 2  # cells between a name and the text
_COLUMN = re.compile(r"(?:\S.*? {2,}| +)(?=\S)")
_LEFT = {
    "cut": mark("connection lost"),
    "silent": mark("no sign of life"),
    "too-slow": mark("too slow"),
    "kicked": mark("removed"),
    "banned": mark("banned"),
}
_SUSPICIOUS = frozenset(
    {"withheld", "withheld-from", "repeated", "unreadable", "name-changed-hands", "outsider", "pair-ended"}
)
"""Codes of notices that may mean an attack."""


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
    spans: tuple[Span, ...] = ()
    """Links and code in it."""


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
    day: date | None = None
    """The day on which it belongs: that of `time`, unless somebody's clock may be wrong."""
    exact: bool = False
    """The time is shown to the second."""
    unsent: str = ""
    """What was not delivered, while it may be tried again."""
    old: bool = False
    """It was said before one came, so it is not new."""
    _spans: list[tuple[Span, ...]] | None = field(default=None, repr=False)
    """Links and code in each of `rows`, once somebody wanted to know."""

    def __post_init__(self) -> None:
        # The gate of the transcript: whatever comes from others is made harmless here, wherever it came in.
        self.name = inline(self.name)
        self.day = self.day or self.time.astimezone().date()
        self.rows = [(role, shown(value)) for role, value in self.rows]

    @property
    def size(self) -> int:
        return sum(len(value) for _, value in self.rows)

    @property
    def links(self) -> list[str]:
        """The addresses in it that can be opened."""
        return [span.url for row in self._found() for span in row if span.url]

    def _found(self) -> list[tuple[Span, ...]]:
        """Links and code in each row; only people's texts have some."""
        if self._spans is None or len(self._spans) != len(self.rows):
            people = self.kind in ("said", "done")
            self._spans = [spans_of(value) if people and role == "text" else () for role, value in self.rows]
        return self._spans

    def height(self, width: int) -> int:
        """How many lines it takes in a transcript of this width."""
        if self.kind == "rule":
            return 1
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
        for (role, value), spans in zip(self.rows, self._found(), strict=True):
            at = 0
            for line in value.split("\n"):
                hang = rest + self._hang(line, columns.room - rest)
                glue: str | None = None
                ended = 0
                for start, end in wrap(line, columns.room - indent, columns.room - hang):
                    if glue is not None:
                        glue = line[ended:start]
                    within = tuple(s for span in spans if (s := span.within(at + start, at + end)) is not None)
                    yield Row(role, line[start:end], indent, glue, within)
                    indent, ended, glue = hang, end, ""
                indent = rest
                at += len(line) + 1

    def _starts(self, columns: Columns) -> tuple[int, int]:
        """On which cell the first line of the text begins, and on which the others do."""
        if self.kind in ("notice", "failure", "rule"):
            clock = _CLOCK + (_SECONDS if self.exact else 0)
            return clock, clock
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
            rows = [("quiet", f"— {_joined(event)} —")]
            if event.here:
                return Entry("notice", event.time, rows)  # its words were shown when it came
            if event.verified:
                rows = [("quiet", f"— {_joined(event)} — ✔ {tr('verified')}")]
            elif event.fingerprint:
                words = " ".join(event.words or ())
                rows += [("text", words), ("quiet", _fingerprint_rows(event.fingerprint))]
            return Entry("notice", event.time, rows)
        case ev.MemberLeft():
            return notice(event, f"— {left(event)} —")
        case ev.MemberRenamed():
            return notice(event, f"— {renamed(event)} —")
        case ev.MemberAway():
            return notice(event, f"— {community.away(event)} —")
        case ev.Users():
            return _users(event) if event.asked else None
        case ev.Verification():
            return _verification(event)
        case ev.Password() if event.state != "wanted":
            return _password(event)
        case ev.Invitation():
            return _invitation(event)
        case ev.Limits():
            return Entry("notice", event.time, [("quiet", "\n".join(map(amounts.limit, event.rows)))])
        case ev.Info():
            return _info(event)
        case ev.Conversation() if event.state == "asked":
            return Entry("notice", event.time, [("strong", f"⚠ {event.text}")])
        case ev.Conversation():
            lock = event.verified and event.state in ("open", "changed")
            sign = "⚿" if lock else "✗" if event.state == "closed" else "…" if event.state == "opening" else "⚠"
            role: Role = "quiet" if lock or event.state == "opening" else "alarm"
            return Entry("notice", event.time, [(role, f"{sign} {event.text}")])
        case ev.Moderation():
            return Entry("notice", event.time, [("alarm" if event.mine else "strong", f"— {event.text} —")])
        case ev.RoomLeft():
            return Entry("failure", event.time, [("strong", event.text)])
        case ev.RoomEntered() if event.topic:
            shown_topic = ev.RoomTopic(time=event.time, room=event.room, topic=event.topic, by="")
            return notice(event, community.topic(shown_topic))
        case ev.RoomTopic():
            return notice(event, f"— {community.topic(event)} —")
        case ev.Role() if event.role != "guest":
            return notice(event, community.role(event))
        case ev.History() if event.lost:
            return Entry("notice", event.time, [("alarm", f"⚠ {line}") for line in community.history(event)[-1:]])
        case ev.History() if event.asked and not event.count:
            return notice(event, community.history(event)[0])
        case ev.LogLine() if event.asked:
            return notice(event, f"{event.at.astimezone():%Y-%m-%d %H:%M:%S}  {community.log_line(event)}")
        case ev.Notice() if event.code in _SUSPICIOUS:
            return Entry("notice", event.time, [("alarm", f"⚠ {event.text}")])
        case ev.Reconnecting() if event.attempt > 1:
            return None
        case ev.Notice() | ev.Reconnecting() | ev.Resumed():
            return notice(event, event.text)
        case ev.Error():
            return Entry("failure", event.time, [("alarm", f"! {event.text}")])
        case ev.Disconnected():
            return Entry("failure", event.time, [("strong", event.text)])
        case _:
            return None


def place_of(event: ev.Event) -> str | None:
    """The conversation that an event belongs to; None: the one that is looked at."""
    match event:
        case ev.Message() | ev.FileOffer() | ev.RoomEntered() | ev.RoomLeft() | ev.RoomTopic() | ev.History():
            return event.room
        case ev.Conversation() if event.state != "asked":
            return event.room
        case ev.MemberJoined() | ev.MemberLeft() if len(event.rooms) == 1:
            return event.rooms[0]
        case _:
            return None


def notice(event: ev.Event, said: str) -> Entry:
    return Entry("notice", event.time, [("quiet", said)])


def rule(time: datetime, said: str, role: Role = "quiet") -> Entry:
    """A line across the transcript with a word in it."""
    return Entry("rule", time, [(role, said)])


def day_line(entry: Entry) -> Entry:
    """The line above the first entry of another day."""
    day = entry.day or entry.time.date()
    names = (
        tr("Monday"), tr("Tuesday"), tr("Wednesday"), tr("Thursday"), tr("Friday"), tr("Saturday"), tr("Sunday"),
    )  # fmt: skip
    made = rule(entry.time, f"{names[day.weekday()]} {day:%Y-%m-%d}")
    made.day = day
    return made


def deliver(entry: Entry) -> None:
    """The host has it."""
    entry.state = "delivered"


def fail(entry: Entry, event: ev.Failed) -> None:
    """It did not arrive, and this is why."""
    entry.state = "failed"
    entry.unsent = event.message
    rows: list[tuple[Role, str]] = [("alarm", f"✗ {tr('not delivered: {reason}', reason=shown(event.text))}")]
    if event.message:
        rows.append(("retry", f"↻ {tr('send it again')}"))
    entry.rows = [*entry.rows, *rows]


def left(event: ev.MemberLeft) -> str:
    """That somebody left, and why."""
    name, why = inline(event.name), _LEFT.get(event.reason)
    return tr("{name} left ({why})", name=name, why=why) if why else tr("{name} left", name=name)


def renamed(event: ev.MemberRenamed) -> str:
    """That somebody has another name now."""
    if event.mine:
        return tr("You are now called {name}", name=inline(event.name))
    return tr("{old} is now called {name}", old=inline(event.old), name=inline(event.name))


def _joined(event: ev.MemberJoined) -> str:
    return tr("{name} joined", name=inline(event.name))


def _said(event: ev.Message) -> Entry:
    name = inline(event.from_)
    rows: list[tuple[Role, str]] = []
    if event.signature == "bad":
        rows.append(("alarm", f"⚠ {tr('FORGED: {name} did not sign this', name=name)}"))
    elif event.signature == "missing":
        rows.append(("alarm", f"⚠ {tr('unsigned: key missing')}"))
    if event.signed_as is not None:
        rows.append(("alarm", f"⚠ {tr('signed under another name: {name}', name=inline(event.signed_as))}"))
    if event.late:
        rows.append(("alarm", f"⚠ {tr('dated {date}', date=f'{event.sent_at.astimezone():%Y-%m-%d %H:%M}')}"))
    done = event.kind == "me"
    rows.append(("text", f"{name} {event.text}" if done else event.text))
    return Entry(
        "done" if done else "said",
        event.sent_at,
        rows,
        name=name if done or not event.mine else tr("you"),
        member=event.member,
        mine=event.mine,
        state="sending" if event.mine else "",
        day=(event.sent_at if event.history else event.time).astimezone().date(),
        old=event.history,
    )


def _listening(event: ev.Listening) -> Entry:
    places = ", ".join(f"[{a}]:{event.port}" if ":" in a else f"{a}:{event.port}" for a in event.addresses)
    rows: list[tuple[Role, str]] = [("strong", tr("You are hosting on {places}", places=places))]
    if event.preset_key is not None:
        rows.append(("quiet", tr("The preset key, to hand to those who may join:")))
        rows.append(("strong", event.preset_key))
    if event.preset_fingerprint is not None:
        rows.append(("quiet", f"{tr('Fingerprint of the preset key:')}\n{_fingerprint_rows(event.preset_fingerprint)}"))
    rows.append(("quiet", f"{tr('Fingerprint of the host key:')}\n{_fingerprint_rows(event.key_fingerprint)}"))
    place = places.split(", ")[0]
    if event.preset_fingerprint is not None:
        rows.append(("quiet", tr("Others join with -c {place} -m NAME and the preset key.", place=place)))
    else:
        rows.append(("quiet", tr("Others join with -c {place} -m NAME. /invite makes a code: who joins with it is "
                                 "verified at once, and so are you.", place=place)))  # fmt: skip
    return Entry("notice", event.time, rows)


def _connected(event: ev.Connected) -> Entry:
    place = f"[{event.host}]:{event.port}" if ":" in event.host else f"{event.host}:{event.port}"
    said = tr("You are connected to {place} as {name}", place=inline(place), name=inline(event.name))
    rows: list[tuple[Role, str]] = [("strong", said), ("quiet", f"{event.cipher}, {event.key_exchange}")]
    if not event.verified:
        rows += [
            ("quiet", tr("Compare with the host, by telephone or in person, that nobody sits in between:")),
            ("strong", " ".join(event.words)),
            ("quiet", _fingerprint_rows(event.fingerprint)),
            ("quiet", tr("F2 or /verify shows them again, large, and asks what you found.")),
        ]
    return Entry("notice", event.time, rows)


def _users(event: ev.Users) -> Entry:
    rows: list[tuple[Role, str]] = [("strong", tr("{count} here", count=len(event.members)))]
    for member in event.members:
        marks = [word for word, is_so in ((tr("you"), member.me), (tr("host"), member.host)) if is_so]
        if member.fingerprint:
            marks.append(tr("verified") if member.verified else tr("not verified"))
        if member.away:
            marks.append(community.absence(member))
        name = inline(member.name)
        rows.append(("text", tr("{name} ({marks})", name=name, marks=", ".join(marks)) if marks else name))
        if member.words:
            rows.append(("quiet", f"  {' '.join(member.words)}"))
        if member.fingerprint:
            rows.append(("quiet", _fingerprint_rows(member.fingerprint, "  ")))
    return Entry("notice", event.time, rows)


def _password(event: ev.Password) -> Entry:
    said = trust.password(event)
    if event.state == "differs":
        return Entry("failure", event.time, [("alarm", f"✗ {said}")])
    return Entry("notice", event.time, [("quiet", said) if event.state == "sent" else ("strong", said)])


def _invitation(event: ev.Invitation) -> Entry:
    first, *others = trust.invitation(event)
    if event.state in ("open", "used"):
        return Entry("notice", event.time, [("strong", first), *(("quiet", line) for line in others)])
    return Entry("failure", event.time, [("alarm", f"⚠ {first}"), *(("alarm", line) for line in others)])


def _verification(event: ev.Verification) -> Entry | None:
    if event.state == "verified" and not event.asked:
        return Entry("notice", event.time, [("strong", f"✔ {trust.verified(event)}")])
    if event.state == "differs":
        return Entry("failure", event.time, [("alarm", f"✗ {trust.differs(event)}")])
    return None  # a dialog shows what to compare


def _info(event: ev.Info) -> Entry:
    where, name, count = inline(event.connection), inline(event.name), event.members
    about = tr(
        "{where}, as {name}, {count} here, for {seconds:.0f} s",
        where=where, name=name, count=count, seconds=event.seconds,
    )  # fmt: skip
    cipher = tr(
        "Cipher {cipher} (by {library}), key exchange {key_exchange}",
        cipher=event.cipher, library=event.library, key_exchange=event.key_exchange,
    )  # fmt: skip
    rows: list[tuple[Role, str]] = [
        ("strong", about),
        ("quiet", cipher),
        ("quiet", tr("In: {count} bytes in {records} records", count=event.bytes_in, records=event.records_in)),
        ("quiet", tr("Out: {count} bytes in {records} records", count=event.bytes_out, records=event.records_out)),
    ]
    if event.words:
        rows.append(("quiet", tr("Words: {words}", words=" ".join(event.words))))
    if event.fingerprint:
        rows.append(("quiet", f"{tr('Fingerprint:')}\n{_fingerprint_rows(event.fingerprint)}"))
    return Entry("notice", event.time, rows)


# --- what a host's log says -----------------------------------------------------------------------------------------

_REFUSALS = frozenset({PeerError.code, *(kind.code for kind in PeerError.__subclasses__())})


def is_refusal(event: ev.Event) -> bool:
    """Whether a host is told of a connection that it turned away."""
    return isinstance(event, ev.Notice) and event.code in _REFUSALS


def log_of(event: ev.Event, addresses: Mapping[str, str]) -> Entry | None:
    """The line of the host's log for an event; `addresses` says by member id where who is here came from."""
    found = _logged(event, addresses)
    return Entry("notice", event.time, [found], exact=True) if found is not None else None


def _logged(event: ev.Event, addresses: Mapping[str, str]) -> tuple[Role, str] | None:
    match event:
        case ev.Listening():
            places = ", ".join(f"[{a}]:{event.port}" if ":" in a else f"{a}:{event.port}" for a in event.addresses)
            return "quiet", f"· {tr('Hosting on {places}', places=places)}"
        case ev.MemberJoined() | ev.MemberLeft() if event.here and event.rooms:
            name, room = inline(event.name), inline(title_of(event.rooms[0]))
            came = isinstance(event, ev.MemberJoined)
            return "quiet", f"· {tr('{name} joined {room}' if came else '{name} left {room}', name=name, room=room)}"
        case ev.MemberJoined():
            name, address = inline(event.name), inline(event.address or "")
            said = tr("{name} joined from {address}", name=name, address=address) if address else _joined(event)
            return "text", f"→ {said}"
        case ev.MemberLeft():
            address = inline(addresses.get(event.member, ""))
            said = left(event)
            return "text", f"← {said}{f', {address}' if address else ''}"
        case ev.MemberRenamed():
            return "quiet", f"· {renamed(event)}"
        case ev.Verification() if event.state == "verified":
            return "quiet", f"✔ {trust.verified(event)}"
        case ev.Invitation() if event.state == "used":
            return "quiet", f"✔ {trust.invitation(event)[0]}"
        case ev.Invitation() if event.state != "open":
            return "alarm", f"⚠ {' '.join(trust.invitation(event))}"
        case ev.Notice() if is_refusal(event):
            return "alarm", f"✗ {event.text}"
        case ev.LogLine() if not event.asked:
            return "strong", f"· {community.log_line(event)}"
        case _:
            return None


def fingerprint_lines(fingerprint: str, groups: int = 4) -> list[str]:
    """A fingerprint in hexadecimal as lines of so many groups of four digits."""
    parts = grouped(bytes.fromhex(fingerprint)).split(" ")
    return [" ".join(parts[at : at + groups]) for at in range(0, len(parts), groups)]


def _fingerprint_rows(fingerprint: str, indent: str = "") -> str:
    """Two lines of eight groups."""
    return "\n".join(indent + line for line in fingerprint_lines(fingerprint, 8))
