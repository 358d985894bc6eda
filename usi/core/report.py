"""What a member's machine tells its face: events, in order, with the time of now."""

from __future__ import annotations

from datetime import UTC, datetime

from usi.core import events
from usi.core.language import tr

NOTICES = {
    "history-kept": "This host keeps what is said in its rooms.",
    "withheld": "{count} messages in {room} are missing: the host does not have them any more, or withholds them.",
    "withheld-from": "{count} messages of {name} in {room} did not arrive: the host withheld them.",
    "repeated": "The host repeated or held back a message in {room}; it was not shown.",
    "unreadable": "A message of {name} in {room} could not be read: it was sealed with another key, or changed.",
    "outsider": "The host put a message into {room} that is of nobody who is in; it was not shown.",
    "unknown-notice": "The host sent a notice that this version does not know.",
    "offer-unsigned": "{name} offers a file, but the offer's signature could not be checked; it cannot be accepted.",
    "name-changed-hands": "{name} has another key than the {name} who was here before: it is somebody else, or the "
    "same person without --identity.",
    "name-numbered": "The name {wanted} is taken: you are {name} here. If it is that of your account, join with "
    "--password; if a cut connection has left it behind, you will have it again within a minute.",
    "account-here": "Your account {wanted} is here already: you are {name} now. If a cut connection has left it "
    "behind, you will have its name within a minute; otherwise say /nick {wanted} when the other one has left.",
    "pair-asking": "{name} is asked first whether to talk privately.",
    "pair-ended": "The private connection with {name} has ended. {why}",
    "not-in": "{name} is not in {room}. {why}",
    "away": "{name} is away, and may not read this soon.",
    "away-because": "{name} is away, and may not read this soon: {why}",
    "blocked": "{name} can open no private conversation with you any more. /block {name} again lifts that.",
    "unblocked": "{name} can open private conversations with you again.",
}
"""Sentences of the notices by code."""


class Report:
    """Events that wait to be taken. `now`: seconds since 1970 (UTC), set by whoever lets time pass."""

    def __init__(self) -> None:
        self.now = 0.0
        self._events: list[events.Event] = []

    @property
    def time(self) -> datetime:
        return datetime.fromtimestamp(self.now, UTC)

    def tell(self, event: events.Event) -> None:
        self._events.append(event)

    def notify(self, code: str, **fields: object) -> None:
        """A notice, by its code and what its sentence needs."""
        self.tell(events.Notice(time=self.time, code=code, text=tr(NOTICES[code], **fields)))

    def take(self) -> list[events.Event]:
        """The events so far, each returned once."""
        taken, self._events = self._events, []
        return taken
