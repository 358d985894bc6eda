"""So many of something in so much time, and no more."""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable
from typing import Generic, TypeVar

from usi.core.recent import Recent

K = TypeVar("K", bound=Hashable)


class Allowance:
    """At most `count` times in any `seconds`."""

    __slots__ = ("_seconds", "_taken")

    def __init__(self, count: int, seconds: float) -> None:
        self._taken: deque[float] = deque(maxlen=count)
        self._seconds = seconds

    def left(self, now: float) -> int:
        """How many more may be taken now. A clock that was set back gives what it would have given."""
        while self._taken and not 0 <= now - self._taken[0] < self._seconds:
            self._taken.popleft()
        return (self._taken.maxlen or 0) - len(self._taken)

    def take(self, now: float) -> bool:
        """Take one, if there is one left."""
        if not self.left(now):
            return False
        self._taken.append(now)
        return True


class Allowances(Generic[K]):
    """The same for each of many, for whom it is remembered: the newest `kept` of them."""

    def __init__(self, count: int, seconds: float, kept: int) -> None:
        self._count = count
        self._seconds = seconds
        self._of: Recent[K, Allowance] = Recent(kept)

    def take(self, who: K, now: float) -> bool:
        """Take one of theirs, if there is one left."""
        allowance = self._of[who] = self._of.get(who) or Allowance(self._count, self._seconds)
        return allowance.take(now)
