"""What a host is told of connections that it turned away: the first of a second one by one, the rest as a number."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from usi.core import events as ev
from usi.core.errors import PeerError
from usi.core.language import tr

TOLD = 5  # in a second, one by one

REASONS = {
    "busy": "too many were joining at once",
    "key-needed": "it came without the preset key",
    "key-not-wanted": "it came with a preset key, and this host uses none",
    "wrong-key": "its preset key is another one",
    "wrong-code": "its code was wrong",
    "wrong-password": "its name or password was wrong",
    "password-needed": "it came without the password",
    "too-many-tries": "there were too many wrong passwords",
    "no-invitation": "there is no invitation with its code",
    "too-many-codes": "too many wrong codes came from its address",
    "bad-handshake": "its key exchange was altered or broken",
    "not-usi": "it does not speak USI",
    "handshake-timeout": "it did not finish the key exchange in time",
    "cut": "it was cut off during the key exchange",
    "left": "it left during the key exchange",
}
"""Why, by code, as a host says it of somebody else."""


class Refusals:
    """`tell` shows an event."""

    def __init__(self, tell: Callable[[ev.Event], None]) -> None:
        self._tell = tell
        self._count = 0

    def note(self, address: str, error: PeerError) -> None:
        """Somebody at this address was turned away."""
        self._count += 1
        if self._count <= TOLD:
            why = REASONS.get(error.code, str(error).rstrip("."))
            text = tr("A connection from {address} was refused: {why}.", address=address, why=why)
            self._tell(ev.Notice(time=datetime.now(UTC), code=error.code, text=text))

    def tick(self) -> None:
        """A second has passed."""
        if self._count > TOLD:
            text = tr("{count} more connections were refused in this second.", count=self._count - TOLD)
            self._tell(ev.Notice(time=datetime.now(UTC), code="refused", text=text))
        self._count = 0
