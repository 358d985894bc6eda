"""Pacing: a sender over its rate waits, and nothing of what it sent is lost."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence

from usi.config import Limits
from usi.core import wire

_LONGEST_DEBT = 10.0  # seconds that a sender of nothing but signs of life is kept waiting at the most
_AGAIN = 25.0  # asking for posts again costs as much as some of them
_UNIT = 2_048  # bytes of a post, or of a piece of a pair link, that count as one message
_FETCH = 10.0  # messages for which a Fetch counts: it makes another member open a connection


def cost(message: wire.Message) -> float:
    """What a message takes from its sender's allowance: 1, and more for a long one that goes on to others."""
    match message:
        case wire.Post(sealed=carried) | wire.Pass(data=carried):
            return max(1.0, len(carried) / _UNIT)
        case wire.Again():
            return _AGAIN
        case wire.Fetch():
            return _FETCH
    return 1.0


class PacedInbox:
    """Messages of one sender on their way in, passed on as fast as a token bucket allows, in order.

    `pass_on` gets what may go on; `hold` is called with True when messages begin to wait, and with False when all have
    gone: reading should stop meanwhile, so that what waits stays small."""

    def __init__(
        self, limits: Limits, pass_on: Callable[[Sequence[wire.Message]], None], hold: Callable[[bool], None]
    ) -> None:
        self._rate = limits.sender_rate
        self._burst = self._allowance = limits.sender_burst
        self._pass_on = pass_on
        self._hold = hold
        self._loop = asyncio.get_running_loop()
        self._filled = self._loop.time()
        self._waiting: deque[wire.Message] = deque()
        self._timer: asyncio.TimerHandle | None = None

    @property
    def waiting(self) -> int:
        """How many messages wait."""
        return len(self._waiting)

    def take(self, messages: Sequence[wire.Message]) -> None:
        """Let these pass as the allowance permits. Signs of life are paid for like all, and go no further."""
        real = [message for message in messages if not isinstance(message, wire.Alive)]
        if self._timer is None:
            self._fill()
            due = sum(map(cost, messages))
            if due <= self._allowance:
                self._allowance -= due
                if real:
                    self._pass_on(real)
                return
            self._hold(True)
        self._allowance = max(self._allowance - (len(messages) - len(real)), -_LONGEST_DEBT * self._rate)
        self._waiting.extend(real)
        if self._timer is None:
            self._go_on()

    def stop(self) -> None:
        """Forget what waits: its sender is gone."""
        self._waiting.clear()
        if self._timer is not None:
            self._timer.cancel()

    def _fill(self) -> None:
        now = self._loop.time()
        self._allowance = min(self._burst, self._allowance + (now - self._filled) * self._rate)
        self._filled = now

    def _go_on(self) -> None:
        self._fill()
        ready: list[wire.Message] = []
        while self._waiting and self._allowance > 0:  # a long post may run up a debt, which is then waited for
            message = self._waiting.popleft()
            self._allowance -= cost(message)
            ready.append(message)
        if self._waiting or self._allowance < 0:
            self._timer = self._loop.call_later((1.0 - self._allowance) / self._rate, self._go_on)
        else:
            self._timer = None
        if ready:
            self._pass_on(ready)
        if self._timer is None:
            self._hold(False)
