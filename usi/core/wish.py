"""The name that a member asked for at joining, where somebody had it already: perhaps its own former self.

A program that was killed and is started again has another key, unless it has a lasting one, so the host cannot know it.
The seat of the killed one outlives its link for a while, and with it the name (docs/PROTOCOL.md, "Resuming").
"""

from __future__ import annotations

from collections.abc import Iterable

from usi.core import text
from usi.core.errors import RESUMABLE

PATIENCE = 65.0  # seconds: a host takes up to 30 to notice a dead link, and keeps the seat for 30 more


class Wish:
    """Times are seconds since 1970 (UTC)."""

    def __init__(self) -> None:
        self.name: str | None = None
        """None: there is nothing to be wished for."""
        self._since = 0.0

    def make(self, name: str, now: float) -> None:
        """This one was asked for, and another one was given."""
        self.name, self._since = name, now

    def forget(self) -> None:
        """The person has chosen another name."""
        self.name = None

    def comes_true(self, leavers: Iterable[str], code: str, now: float) -> str | None:
        """The name, where it has just become free because its holder was cut, before we came as far as can be seen."""
        name = self.name
        if name is None or code not in RESUMABLE or abs(now - self._since) > PATIENCE:
            return None
        if text.skeleton(name) not in map(text.skeleton, leavers):
            return None
        self.name = None
        return name
