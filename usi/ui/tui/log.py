"""What the log of a host says: who came, left and was refused."""

from __future__ import annotations

from collections.abc import Mapping

from usi.core import events as ev
from usi.core.addresses import place
from usi.core.errors import PeerError, TooManyTransfers, Withheld
from usi.core.language import tr
from usi.core.thread import title_of
from usi.ui import community, trust
from usi.ui.tui.entries import joined
from usi.ui.tui.entry import Entry, Role
from usi.ui.tui.texts import inline

_OTHERWISE = {TooManyTransfers.code, Withheld.code}
"""Codes of peers that a host's own person is told in notices about a file or a room, and not about a connection."""
_REFUSALS = frozenset({PeerError.code, *(kind.code for kind in PeerError.__subclasses__())} - _OTHERWISE)


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
            places = ", ".join(place(address, event.port) for address in event.addresses)
            return "quiet", f"· {tr('Hosting on {places}', places=places)}"
        case ev.MemberJoined() | ev.MemberLeft() if event.here and event.rooms:
            name, room = inline(event.name), inline(title_of(event.rooms[0]))
            came = isinstance(event, ev.MemberJoined)
            return "quiet", f"· {tr('{name} joined {room}' if came else '{name} left {room}', name=name, room=room)}"
        case ev.MemberJoined():
            name, address = inline(event.name), inline(event.address or "")
            said = tr("{name} joined from {address}", name=name, address=address) if address else joined(event)
            return "text", f"→ {said}"
        case ev.MemberLeft():
            address = inline(addresses.get(event.member, ""))
            said = inline(community.left(event))
            return "text", f"← {said}{f', {address}' if address else ''}"
        case ev.MemberRenamed():
            return "quiet", f"· {inline(community.renamed(event))}"
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
