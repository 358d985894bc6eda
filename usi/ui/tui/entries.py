"""What the peer's events are in a transcript: which entry each adds, and where."""

from __future__ import annotations

from usi.core import events as ev
from usi.core.addresses import place
from usi.core.language import tr
from usi.ui import amounts, community, trust
from usi.ui.tui.entry import Entry, Role, notice
from usi.ui.tui.texts import fingerprint_lines, inline

_SUSPICIOUS = frozenset(
    {"withheld", "withheld-from", "repeated", "unreadable", "name-changed-hands", "outsider", "pair-ended"}
)
"""Codes of notices that may mean an attack."""


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
            rows = [("quiet", f"— {joined(event)} —")]
            if event.here:
                return Entry("notice", event.time, rows)  # its words were shown when it came
            if event.verified:
                rows = [("quiet", f"— {joined(event)} — ✔ {tr('verified')}")]
            elif event.fingerprint:
                words = " ".join(event.words or ())
                rows += [("text", words), ("quiet", _fingerprint_rows(event.fingerprint))]
            return Entry("notice", event.time, rows)
        case ev.MemberLeft():
            return notice(event, f"— {inline(community.left(event))} —")
        case ev.MemberRenamed():
            return notice(event, f"— {inline(community.renamed(event))} —")
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


def joined(event: ev.MemberJoined) -> str:
    """That somebody came."""
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
    places = ", ".join(place(address, event.port) for address in event.addresses)
    rows: list[tuple[Role, str]] = [("strong", tr("You are hosting on {places}", places=places))]
    if event.preset_key is not None:
        rows.append(("quiet", tr("The preset key, to hand to those who may join:")))
        rows.append(("strong", event.preset_key))
    if event.preset_fingerprint is not None:
        rows.append(("quiet", f"{tr('Fingerprint of the preset key:')}\n{_fingerprint_rows(event.preset_fingerprint)}"))
    rows.append(("quiet", f"{tr('Fingerprint of the host key:')}\n{_fingerprint_rows(event.key_fingerprint)}"))
    first = places.split(", ")[0]
    if event.preset_fingerprint is not None:
        rows.append(("quiet", tr("Others join with -c {place} -m NAME and the preset key.", place=first)))
    else:
        rows.append(("quiet", tr("Others join with -c {place} -m NAME. /invite makes a code: who joins with it is "
                                 "verified at once, and so are you.", place=first)))  # fmt: skip
    return Entry("notice", event.time, rows)


def _connected(event: ev.Connected) -> Entry:
    where = inline(place(event.host, event.port))
    said = tr("You are connected to {place} as {name}", place=where, name=inline(event.name))
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


def _fingerprint_rows(fingerprint: str, indent: str = "") -> str:
    """Two lines of eight groups."""
    return "\n".join(indent + line for line in fingerprint_lines(fingerprint, 8))
