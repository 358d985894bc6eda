"""What has come for a member and was not looked at yet: in order, up to a post whose author's key is under way."""

from __future__ import annotations

from collections import deque

from usi.core import wire
from usi.core.report import Report
from usi.core.roster import Roster

KEY_PATIENCE = 5.0  # seconds that a post waits for its author's key before it is shown as unsigned
KEY_BACKLOG = 1_000  # messages that wait behind it before patience ends

Incoming = wire.Message | wire.LinkFacts


class Inbox:
    """The time is that of the report."""

    def __init__(self, roster: Roster, report: Report) -> None:
        self._roster = roster
        self._report = report
        self._waiting: deque[tuple[float, Incoming]] = deque()
        """Arrival and message."""

    def put(self, message: Incoming) -> None:
        self._waiting.append((self._report.now, message))

    @property
    def first(self) -> Incoming | None:
        """The message whose turn it is, whether or not it has to wait for a key."""
        return self._waiting[0][1] if self._waiting else None

    def take(self, *, give_up: bool = False) -> Incoming | None:
        """The message whose turn it is; None where it waits for a key, unless this is to be given up."""
        arrived, message = self._waiting[0]
        if isinstance(message, wire.Posted | wire.Old) and message.sender not in self._roster.keys:
            # Clocks are set back, too; then the wait is over.
            patient = abs(self._report.now - arrived) <= KEY_PATIENCE and len(self._waiting) <= KEY_BACKLOG
            if patient and not give_up:
                return None
            self._roster.keys[message.sender] = None
        self._waiting.popleft()
        return message

    def wait_anew(self) -> None:
        """Nobody could answer while the link to the host was cut."""
        self._waiting = deque((self._report.now, message) for _, message in self._waiting)

    def clear(self) -> None:
        self._waiting.clear()
