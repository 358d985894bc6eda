"""What a face is told: events in order, for one reader, and no more of them than it keeps up with."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime

from usi.core import events as ev
from usi.core.language import tr


class Feed:
    """Keeps up to `limit` events for the reader; those beyond are counted, and the reader is told how many. `hold` is
    called with True when half of them wait, so that no more come, and with False when most were read."""

    def __init__(self, limit: int, hold: Callable[[bool], None]) -> None:
        self._limit = limit
        self._hold = hold
        self._events: deque[ev.Event] = deque()
        self._lost = 0
        self._held = False
        self._ended = False
        self._wake = asyncio.Event()

    def __len__(self) -> int:
        return len(self._events)

    def put(self, event: ev.Event) -> None:
        """This happened. The end of the conversation is always told."""
        if len(self._events) >= self._limit and not isinstance(event, ev.Disconnected):
            self._lost += 1
            return
        if self._lost:
            text = tr("{count} events were not shown: the display could not keep up.", count=self._lost)
            self._events.append(ev.Notice(time=datetime.now(UTC), code="events-lost", text=text))
            self._lost = 0
        self._events.append(event)
        if len(self._events) > self._limit // 2 and not self._held:
            self._held = True
            self._hold(True)
        self._wake.set()

    def end(self) -> None:
        """Nothing more happens: whoever reads comes to an end."""
        self._ended = True
        self._wake.set()

    async def read(self) -> AsyncIterator[ev.Event]:
        """The events, up to the end."""
        while True:
            while self._events:
                event = self._events.popleft()
                if self._held and len(self._events) < self._limit // 4:
                    self._held = False
                    self._hold(False)
                yield event
            if self._ended:
                return
            self._wake.clear()
            await self._wake.wait()
