"""Who waits for one of a few places, first come first served, where those who wait ask again and again."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Generic, TypeVar

PATIENCE = 5.0  # seconds after which who does not ask again waits no more; programs ask every second or so

K = TypeVar("K", bound=Hashable)


class Line(Generic[K]):
    """Times are seconds of any clock that does not go back."""

    def __init__(self) -> None:
        self._waiting: dict[K, float] = {}
        """Who → when it asked last, in the order in which they came."""

    def __len__(self) -> int:
        return len(self._waiting)

    def admit(self, who: K, free: int, now: float) -> bool:
        """Whether one of so many free places is theirs now: they wait no more then, else they do."""
        if now - self._waiting.get(who, now) > PATIENCE:
            del self._waiting[who]
        ahead = 0
        for other, asked in list(self._waiting.items()) if free > 0 else ():
            if other == who or ahead >= free:
                break
            if now - asked > PATIENCE:
                del self._waiting[other]
            else:
                ahead += 1
        if ahead < free:
            self._waiting.pop(who, None)
            return True
        self._waiting[who] = now
        return False

    def leave(self, who: K) -> None:
        """They wait no more."""
        self._waiting.pop(who, None)
