"""What a host is told of connections that it turned away: the first of a second one by one, the rest as a number."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from usi.core import events as ev
from usi.core.errors import REFUSED_BECAUSE, PeerError
from usi.core.language import tr

TOLD = 5  # in a second, one by one


class Refusals:
    """`tell` shows an event."""

    def __init__(self, tell: Callable[[ev.Event], None]) -> None:
        self._tell = tell
        self._count = 0

    def note(self, address: str, error: PeerError) -> None:
        """Somebody at this address was turned away."""
        self._count += 1
        if self._count <= TOLD:
            why = REFUSED_BECAUSE.get(error.code, str(error).rstrip("."))
            text = tr("A connection from {address} was refused: {why}.", address=address, why=why)
            self._tell(ev.Notice(time=datetime.now(UTC), code=error.code, text=text))

    def tick(self) -> None:
        """A second has passed."""
        if self._count > TOLD:
            text = tr("{count} more connections were refused in this second.", count=self._count - TOLD)
            self._tell(ev.Notice(time=datetime.now(UTC), code="refused", text=text))
        self._count = 0
