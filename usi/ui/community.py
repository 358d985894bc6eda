"""Who comes and goes, rooms, moderation, history and the log in words, for every face."""

from __future__ import annotations

from usi.core import events as ev
from usi.core import text
from usi.core.errors import REFUSED_BECAUSE
from usi.core.language import labelled, tr
from usi.core.thread import title_of
from usi.ui.i18n import mark

ROLES = {
    "guest": mark("You are a guest here."),
    "member": mark("You are a member here."),
    "moderator": mark("You are a moderator here."),
    "host": mark("You may do all that the host may."),
}
EVENTS = {
    "started": mark("started"),
    "stopped": mark("stopped"),
    "connected": mark("connected"),
    "refused": mark("refused"),
    "joined": mark("joined"),
    "left": mark("left"),
    "kicked": mark("removed"),
    "banned": mark("banned"),
    "unbanned": mark("ban lifted"),
    "silenced": mark("silenced"),
    "unsilenced": mark("may speak again"),
    "locked": mark("locked"),
    "unlocked": mark("unlocked"),
    "granted": mark("let into a room"),
    "revoked": mark("put out of a room"),
    "invited": mark("invitation made"),
    "room-new": mark("room made"),
    "room-closed": mark("room closed"),
}
"""What the log calls an event → in words."""
_ROLES = {"guest": mark("guest"), "member": mark("member"), "moderator": mark("moderator"), "host": mark("host")}
_LEFT = {
    "cut": mark("connection lost"),
    "silent": mark("no sign of life"),
    "too-slow": mark("too slow"),
    "replaced": mark("back over a new connection"),
    "kicked": mark("removed"),
    "banned": mark("banned"),
}
"""Why somebody left, by code, where it is not by a wish of its own → in words."""
_FACTS = ("name", "room", "role", "by", "reason", "until", "address")


def _inline(value: str) -> str:
    return text.visible_line(value)


def rooms(event: ev.Rooms) -> list[str]:
    lines = [tr("Rooms that you may enter:")]
    for row in event.rooms:
        marks = [word for word, so in ((tr("you are in it"), row.entered), (tr("private"), row.restricted)) if so]
        about = f" ({', '.join(marks)})" if marks else ""
        here = tr("{room}, {count} here", room=title_of(row.room), count=row.members) + about
        lines.append("  " + (labelled(here, row.topic) if row.topic else here))
    return lines


def topic(event: ev.RoomTopic) -> str:
    room = title_of(event.room)
    if not event.topic:
        return tr("{room} has no topic.", room=room)
    if event.by:
        return tr("{name} sets the topic of {room}: {topic}", name=event.by, room=room, topic=event.topic)
    return tr("The topic of {room}: {topic}", room=room, topic=event.topic)


def left(event: ev.MemberLeft) -> str:
    """That somebody left, and why."""
    name, why = _inline(event.name), _LEFT.get(event.reason)
    return tr("{name} left ({why})", name=name, why=why) if why else tr("{name} left", name=name)


def renamed(event: ev.MemberRenamed) -> str:
    """That somebody has another name now."""
    name = _inline(event.name)
    if event.mine:
        return tr("You are now called {name}", name=name)
    return tr("{old} is now called {name}", old=_inline(event.old), name=name)


def away(event: ev.MemberAway) -> str:
    """That somebody is away from here on, or back."""
    why = _inline(event.away_text)
    match event.mine, event.away:
        case True, True:
            said = tr("You are away ({why}).", why=why) if why else tr("You are away.")
            return f"{said} {tr('/away again, or saying something, tells that you are back.')}"
        case True, False:
            return tr("You are back.")
        case False, True:
            name = _inline(event.name)
            return tr("{name} is away: {why}", name=name, why=why) if why else tr("{name} is away.", name=name)
        case _:
            return tr("{name} is back.", name=_inline(event.name))


def absence(member: ev.Member) -> str:
    """The mark of a member who is away, with what it says of it."""
    why = _inline(member.away_text)
    return tr("away: {why}", why=why) if why else tr("away")


def role(event: ev.Role) -> str:
    return tr(ROLES[event.role])


def history(event: ev.History) -> list[str]:
    lines = []
    if event.count:
        lines.append(tr("Earlier messages of {room}: {count}.", count=event.count, room=title_of(event.room)))
    elif event.asked and not event.lost:
        lines.append(tr("There is nothing earlier in {room}.", room=title_of(event.room)))
    if event.lost:
        lines.append(
            tr("Missing in the host's history of {room}, although they should be there: {count} messages.",
               count=event.lost, room=title_of(event.room))
        )  # fmt: skip
    return lines


def found(event: ev.Found) -> list[str]:
    room = title_of(event.room)
    if not event.hits:
        return [tr("Nothing in {room} holds “{text}”.", room=room, text=_inline(event.text))]
    count, needle = len(event.hits), _inline(event.text)
    lines = [tr("Found “{text}” in {room}: {count}", count=count, room=room, text=needle)]
    for hit in event.hits:
        alarm = "" if hit.signature == "good" else f" [{tr('signature not good')}]"
        lines.append(f"  {hit.sent_at.astimezone():%Y-%m-%d %H:%M} {hit.from_}:{alarm} {_inline(hit.text)}")
    return lines


def log_line(event: ev.LogLine) -> str:
    """An entry of the log without its time."""
    known = EVENTS.get(event.what)
    facts = ", ".join(filter(None, (_fact(event, name) for name in _FACTS)))
    what = tr(known) if known is not None else _inline(event.what)
    return tr("{what}: {facts}", what=what, facts=facts) if facts else what


def _fact(event: ev.LogLine, name: str) -> str:
    """One fact of an entry, in words where the log has a code; empty where there is nothing to say."""
    value = event.facts.get(name, "")
    match name, event.what:
        case "role", _ if value in _ROLES:
            return tr(_ROLES[value])
        case "reason", "refused" if value in REFUSED_BECAUSE:
            return tr(REFUSED_BECAUSE[value])
        case "reason", "left" if value == "left" or value in _LEFT:
            return tr(_LEFT[value]) if value in _LEFT else ""
        case _:
            return _inline(value)
