"""Who is kept out or silent, and until when; and whether newcomers are let in at all.

Pure: the clock is given. All of it lasts for one run of the host, or for the time that was said.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from usi.core import text
from usi.core.addresses import network_of

FOREVER = float("inf")
MOST_BANS = 10_000
LONGEST = 10 * 366 * 86_400  # seconds that may be said
_FINGERPRINT = re.compile(r"[0-9a-f]{64}")
_UNITS = {"s": 1, "m": 60, "min": 60, "h": 3_600, "d": 86_400, "j": 86_400, "w": 7 * 86_400}
_TIME = re.compile(r"(\d{1,6})\s*([a-z]*)")


def seconds_of(said: str) -> int | None:
    """`90s`, `10m`, `2h`, `3d`, `1w`, or a number of minutes → seconds; None where it is no time."""
    found = _TIME.fullmatch(said.lower())
    if found is None or (found[2] and found[2] not in _UNITS):
        return None
    seconds = int(found[1]) * _UNITS[found[2] or "m"]
    return seconds if 0 < seconds <= LONGEST else None


class Moderation:
    """`clock` gives seconds that only rise."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.locked = False
        self._clock = clock
        self._bans: dict[str, float] = {}
        """What `key_of` makes → until when."""
        self._silent: dict[str, float] = {}
        """`Seat.who` → until when."""

    @staticmethod
    def key_of(about: str) -> str:
        """How a ban is kept: fingerprints and addresses as they are, names by their look."""
        plain = re.sub(r"[\s-]", "", about.lower())
        if _FINGERPRINT.fullmatch(plain):
            return f"key {plain}"
        if (network := network_of(about)) is not None:
            return f"net {network}"
        return f"name {text.skeleton(about)}"

    def ban(self, key: str, seconds: float) -> None:
        """Keep out what `key_of` has made, for so long (0: for the run)."""
        if len(self._bans) >= MOST_BANS:
            self._forget()
        if len(self._bans) < MOST_BANS or key in self._bans:
            self._bans[key] = self._clock() + seconds if seconds else FOREVER

    def unban(self, key: str) -> bool:
        """Whether there was such a ban."""
        return self._bans.pop(key, None) is not None

    def is_banned(self, *keys: str) -> bool:
        now = self._clock()
        return any(self._bans.get(key, 0.0) > now for key in keys)

    def silence(self, who: str, seconds: float) -> bool:
        """Let nobody hear them in rooms for so long (0: for the run); said again, let them speak again: False."""
        if self.is_silent(who) and not seconds:
            del self._silent[who]
            return False
        self._silent[who] = self._clock() + seconds if seconds else FOREVER
        return True

    def is_silent(self, who: str) -> bool:
        until = self._silent.get(who)
        if until is not None and until <= self._clock():
            del self._silent[who]
            return False
        return until is not None

    def _forget(self) -> None:
        now = self._clock()
        self._bans = {key: until for key, until in self._bans.items() if until > now}
