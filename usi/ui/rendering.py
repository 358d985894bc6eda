"""Events as lines: of JSON for a program, and of text for a person."""

from __future__ import annotations

import json
from collections.abc import Iterable

import msgspec

from usi.core import events as ev
from usi.core import text
from usi.core.addresses import place
from usi.core.crypto import grouped
from usi.core.language import labelled, tr
from usi.core.thread import title_of
from usi.core.trace import Trace, one_line
from usi.ui import amounts, community, trust
from usi.ui.i18n import mark

_json = msgspec.json.Encoder()


def to_json(event: ev.Event) -> str:
    """An event as one line of JSON in which no control or invisible character stands bare."""
    try:
        line = _json.encode(event).decode("utf-8")
    except UnicodeEncodeError:  # half a surrogate pair, as a path or an argument can hold
        return json.dumps(msgspec.to_builtins(event))
    return text.HIDDEN.sub(lambda found: json.dumps(found.group())[1:-1], line)


_COMPARE = mark("Compare them with the host's /users by another way, such as a telephone call.")


def to_plain(event: ev.Event) -> str | None:
    """An event as a line for a person, or None where there is nothing to say."""
    match event:
        case ev.Message():
            return _message(event)
        case ev.Connecting():
            return _connecting(event)
        case ev.Listening():
            return _told(_listening(event))
        case ev.Connected():
            return _told(
                [
                    tr("Connected to {host} port {port} as {name}", host=event.host, port=event.port, name=event.name),
                    f"{event.cipher}, {event.key_exchange}",
                    *_proof(event.fingerprint, event.words),
                ]
                + ([] if event.verified else [tr(_COMPARE)])
            )
        case ev.FileOffer():
            return _told([_offer(event)])
        case ev.FileProgress():
            return _told([_progress(event)])
        case ev.FileDone():
            return _told([_done(event)])
        case ev.FileFailed() | ev.FileClosed():
            return _told([labelled(_inline(event.name), _inline(event.text))])
        case ev.Files():
            return _told(_files(event))
        case ev.MemberJoined():
            if event.here and event.rooms:
                return _told([tr("{name} joined {room}", name=event.name, room=title_of(event.rooms[0]))])
            if event.words:
                return _told([tr("{name} joined (words: {words})", name=event.name, words=" ".join(event.words))])
            return _told([tr("{name} joined", name=event.name)])
        case ev.MemberLeft():
            if event.here:
                return _told([tr("{name} left {room}", name=event.name, room=title_of(event.rooms[0]))])
            return _told([community.left(event)])
        case ev.MemberRenamed():
            return _told([community.renamed(event)])
        case ev.MemberAway():
            return _told([community.away(event)])
        case ev.Users():
            return _told(_users(event))
        case ev.Invitation():
            return _told(trust.invitation(event))
        case ev.Password():
            return _told([trust.password(event)])
        case ev.Verification():
            return _told(_verification(event))
        case ev.Limits():
            return _told(map(amounts.limit, event.rows))
        case ev.Info():
            return _told(_info(event))
        case ev.Conversation():
            return _told([event.text])
        case ev.RoomEntered():
            if not event.topic:
                return None
            return _told([community.topic(ev.RoomTopic(time=event.time, room=event.room, topic=event.topic, by=""))])
        case ev.RoomLeft() | ev.Moderation():
            return _told([event.text])
        case ev.RoomTopic():
            return _told([community.topic(event)])
        case ev.Rooms():
            return _told(community.rooms(event))
        case ev.Role():
            return _told([community.role(event)])
        case ev.History():
            return _told(community.history(event)) or None
        case ev.Found():
            return _told(community.found(event))
        case ev.LogLine():
            line = community.log_line(event)
            return _told([f"{event.at.astimezone():%Y-%m-%d %H:%M} {line}"]) if event.asked else None
        case ev.Chosen():
            if event.private:
                back = tr("/private alone goes back to the host's room.")
                return _told([tr("What you type goes to {room}.", room=title_of(event.room)), back])
            return _told([tr("What you type goes to {room}.", room=title_of(event.room))])
        case ev.Failed():
            said = _inline(event.message)
            if not said:
                return "! " + tr("Not delivered: {reason}", reason=event.text)
            return "! " + tr("Not delivered: {reason} Your text was: {text}", reason=event.text, text=said)
        case ev.Error():
            return f"! {_inline(event.text)}"
        case ev.Reconnecting() if event.attempt > 1:
            return None
        case ev.Notice() | ev.Disconnected() | ev.Reconnecting() | ev.Resumed():
            return _told(text.visible(event.text).split("\n"))
        case ev.TraceEvent():
            line = one_line(Trace(event.step, event.direction, dict(event.detail)))
            return f"# {event.link}  {_inline(line)}"
        case _:
            return None


def _told(lines: Iterable[str]) -> str:
    return "\n".join(f"* {line}" for line in lines)


def _proof(fingerprint: str, words: Iterable[str]) -> list[str]:
    """What two people compare."""
    return [
        tr("Fingerprint: {fingerprint}", fingerprint=_grouped(fingerprint)),
        tr("Words: {words}", words=" ".join(words)),
    ]


def _listening(event: ev.Listening) -> list[str]:
    places = ", ".join(place(address, event.port) for address in event.addresses)
    lines = [tr("Hosting on {places}", places=places)]
    if event.preset_fingerprint:
        fingerprint = _grouped(event.preset_fingerprint)
        lines.append(tr("Fingerprint of the preset key: {fingerprint}", fingerprint=fingerprint))
    fingerprint = _grouped(event.key_fingerprint)
    lines.append(tr("Fingerprint of the host key: {fingerprint}", fingerprint=fingerprint))
    if event.preset_key:
        lines.append(tr("Preset key, to hand to those who may join: {key}", key=event.preset_key))
    return lines


def _connecting(event: ev.Connecting) -> str | None:
    """What may take long enough to be wondered about."""
    if event.step == "dial" and event.attempt == 1:
        return tr("* Connecting …")
    if event.step == "busy" and event.attempt == 1:
        return tr("* The host is taking in many at once; trying again …")
    return None


def _message(event: ev.Message) -> str | None:
    if event.mine and not event.history:
        return None  # its author has typed it
    here = event.sent_at.astimezone()
    earlier = event.history and here.date() != event.time.astimezone().date()
    clock = here.strftime("%Y-%m-%d %H:%M" if earlier else "%H:%M")
    alarms = []
    if event.signature == "bad":
        alarms.append(tr("FORGED: the signature is not this member's"))
    elif event.signature == "missing":
        alarms.append(tr("unsigned: key missing"))
    if event.late:
        alarms.append(tr("dated {date}", date=f"{event.sent_at.astimezone():%Y-%m-%d %H:%M}"))
    if event.signed_as is not None:
        alarms.append(tr("signs as {name}", name=_inline(event.signed_as)))
    said = text.visible(event.text).replace("\n", "\n        ")
    who = f"* {event.from_}" if event.kind == "me" else f"{event.from_}:"
    if event.private:
        who = f"[{tr('private')} {event.room}] {who}"  # no name has brackets, so nobody can imitate it
    return f"[{clock}] {who}{''.join(f' [{alarm}]' for alarm in alarms)} {said}"


def _offer(event: ev.FileOffer) -> str:
    number, name, size = event.transfer, _inline(event.name), amounts.content(event.size, event.files)
    if event.mine:
        return tr("You offer {name} ({size}) as number {number}; /cancel {number} takes it back.",
                  name=name, size=size, number=number)  # fmt: skip
    who = event.from_
    if event.kept:
        return tr("{name} ({size}) of {who} is begun: {percent} % are here; /accept {number} goes on.",
                  name=name, size=size, who=who, number=number,
                  percent=amounts.percent(event.kept, event.size))  # fmt: skip
    return tr("{who} offers {name} ({size}): /accept {number} takes it, /decline {number} does not.",
              who=who, name=name, size=size, number=number)  # fmt: skip


def _progress(event: ev.FileProgress) -> str:
    parts = [f"{amounts.percent(event.done, event.size)} %", amounts.speed(event.rate)]
    if (left := amounts.left(event.done, event.size, event.rate)) is not None:
        parts.append(tr("{time} left", time=left))
    name, peer, said = _inline(event.name), event.peer, ", ".join(parts)
    if event.direction == "in":
        return tr("{name} from {peer}: {said}", name=name, peer=peer, said=said)
    return tr("{name} to {peer}: {said}", name=name, peer=peer, said=said)


def _done(event: ev.FileDone) -> str:
    size, time_ = amounts.size(event.size), amounts.duration(event.seconds)
    if event.direction == "in":
        return tr("Received from {peer}: {path} ({size}, {time})",
                  peer=event.peer, path=_inline(event.path), size=size, time=time_)  # fmt: skip
    return tr("{peer} has {name} ({size}, {time}).",
              peer=event.peer, name=_inline(event.name), size=size, time=time_)  # fmt: skip


def _files(event: ev.Files) -> list[str]:
    lines = [tr("Received files go to {folder}", folder=_inline(event.folder))]
    for row in event.transfers:
        way = "↓" if row.direction == "in" else "↑"
        who = f"  {row.peer}" if row.peer is not None else ""
        state = tr(amounts.STATES[row.state])
        if row.state in ("running", "waiting", "failed", "kept") and row.done:
            state += f", {amounts.percent(row.done, row.size)} %"
        if row.state == "running":
            state += f", {amounts.speed(row.rate)}"
        lines.append(f"  {row.transfer} {way} {_inline(row.name)}  {amounts.size(row.size)}{who}  {state}")
    if left := [row.transfer for row in event.transfers if row.state == "kept"]:
        lines.append(tr("Nobody offers what is kept any more; /decline {number} throws it away.", number=left[0]))
    if event.passing:
        lines.append(tr("Passing through this host, sealed:"))
    lines += [
        f"  {passing.from_} → {passing.to}  {amounts.size(passing.bytes)}, {amounts.duration(passing.seconds)}"
        for passing in event.passing
    ]
    return lines


def _users(event: ev.Users) -> list[str]:
    if not event.asked:
        names = [f"{member.name} ({tr('you')})" if member.me else member.name for member in event.members]
        return [tr("Here: {names}", names=", ".join(names))]
    lines = [tr("{count} here", count=len(event.members))]
    for member in event.members:
        marks = [word for word, is_so in ((tr("you"), member.me), (tr("host"), member.host)) if is_so]
        if member.fingerprint:
            marks.append(tr("verified") if member.verified else tr("not verified"))
        if member.away:
            marks.append(community.absence(member))
        lines.append(f"  {member.name}" + (f" ({', '.join(marks)})" if marks else ""))
        if member.fingerprint:
            lines.append(f"    {_grouped(member.fingerprint)}")
        if member.words:
            lines.append(f"    {' '.join(member.words)}")
    return lines


def _verification(event: ev.Verification) -> list[str]:
    if event.state == "differs":
        return [trust.differs(event)]
    known = [trust.verified(event)] if event.state == "verified" else []
    if known and not event.asked:
        return known
    return [
        *known,
        tr("Compare with {name}, by telephone or in person:", name=event.name),
        f"  {' '.join(event.words)}",
        f"  {_grouped(event.fingerprint)}",
        tr("If they match, say /verify {name} yes; if they differ, /verify {name} no.", name=event.name),
    ]


def _info(event: ev.Info) -> list[str]:
    where, name, count = event.connection, event.name, event.members
    lines = [
        tr("{where}, as {name}, {count} here, for {seconds:.0f} s",
           where=where, name=name, count=count, seconds=event.seconds),
        tr("Cipher {cipher} (by {library}), key exchange {key_exchange}",
           cipher=event.cipher, library=event.library, key_exchange=event.key_exchange),
        tr("In: {count} bytes in {records} records", count=event.bytes_in, records=event.records_in),
        tr("Out: {count} bytes in {records} records", count=event.bytes_out, records=event.records_out),
    ]  # fmt: skip
    if event.fingerprint and event.words:
        lines += _proof(event.fingerprint, event.words)
    return lines


def _grouped(fingerprint: str) -> str:
    return grouped(bytes.fromhex(fingerprint))


def _inline(value: str) -> str:
    return text.visible_line(value)
