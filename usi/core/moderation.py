"""Who is kept out or silent, and until when; and whether newcomers are let in at all.

Pure: the clock is given. Bans and silences last for the time that was said, or until they are lifted; what is to
outlive a run of the host is handed over as `Decided`. That newcomers are kept out lasts for one run.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass

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


@dataclass(frozen=True)
class Term:
    """Something that holds for these keys for so many seconds from now; None: until it is lifted."""

    keys: tuple[str, ...]
    seconds: float | None


@dataclass(frozen=True)
class RoomDecided:
    """What was decided of a room. `topic` is None where nobody has set one; then `instead_of` stands for nothing."""

    name: str
    private: bool = False
    made: bool = False
    """By a command: no file says that there is such a room."""
    topic: str | None = None
    instead_of: str = ""
    """What the host's owner had written, who may have written something else since."""
    granted: tuple[str, ...] = ()
    denied: tuple[str, ...] = ()


@dataclass(frozen=True)
class Decided:
    """What moderators have decided, as far as it may outlive a run. Of `rooms` all that there are."""

    bans: tuple[Term, ...] = ()
    silences: tuple[Term, ...] = ()
    rooms: tuple[RoomDecided, ...] = ()


@dataclass(frozen=True)
class _Ban:
    keys: frozenset[str]
    until: float


class Moderation:
    """`clock` gives seconds that only rise."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.locked = False
        self._clock = clock
        self._bans: dict[str, _Ban] = {}
        """What `key_of` makes → the ban that it belongs to."""
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

    @staticmethod
    def as_kept(written: str) -> str | None:
        """The key of a ban as `key_of` writes it, whoever wrote this one; None where it is none."""
        kind, _, about = written.partition(" ")
        plain = about.strip().lower()
        match kind:
            case "name":
                return f"name {text.skeleton(about)}"
            case "key" if _FINGERPRINT.fullmatch(plain):
                return f"key {plain}"
            case "net" if network := network_of(plain.removesuffix("/64")):
                return f"net {network}"
            case _:
                return None

    @staticmethod
    def who_as_kept(written: str) -> str:
        """Somebody as `Seat.who` writes them: a guest's id, or the skeleton of an account's name."""
        plain = written.strip().lower()
        return plain if _FINGERPRINT.fullmatch(plain) else text.skeleton(written)

    def ban(self, keys: Collection[str], seconds: float) -> bool:
        """Keep out what `key_of` has made of one person, for so long (0: until it is lifted); False where there are
        too many bans for one more."""
        ban = _Ban(frozenset(keys), self._until(seconds))
        if len(self._bans) + len(ban.keys) > MOST_BANS:
            self._forget()
        if len(self._bans.keys() | ban.keys) > MOST_BANS:
            return False
        self._bans.update(dict.fromkeys(ban.keys, ban))
        return True

    def unban(self, key: str) -> bool:
        """Lift the ban that this belongs to, with all that belongs to it; whether there was one."""
        ban = self._bans.get(key)
        if ban is not None:
            self._bans = {key: other for key, other in self._bans.items() if other is not ban}
        return ban is not None

    def is_banned(self, *keys: str) -> bool:
        now = self._clock()
        return any((ban := self._bans.get(key)) is not None and ban.until > now for key in keys)

    def silence(self, who: str, seconds: float) -> bool:
        """Let nobody hear them in rooms for so long (0: until it is lifted); said again, let them speak again: False.
        """
        if self.is_silent(who) and not seconds:
            del self._silent[who]
            return False
        self._silent[who] = self._until(seconds)
        return True

    def is_silent(self, who: str) -> bool:
        until = self._silent.get(who)
        if until is not None and until <= self._clock():
            del self._silent[who]
            return False
        return until is not None

    # --- from run to run ---

    def restore(self, decided: Decided) -> None:
        """Take over the bans and silences of an earlier run, as far as there is room."""
        for ban in decided.bans:
            self.ban(ban.keys, ban.seconds or 0)
        for silence in decided.silences:
            self._silent.update(dict.fromkeys(silence.keys, self._until(silence.seconds or 0)))

    def decided(self, rooms: Iterable[RoomDecided]) -> Decided:
        """Bans and silences that hold now, together with what was decided of rooms."""
        self._forget()
        bans = dict.fromkeys(self._bans.values())
        return Decided(
            # A key may have come into another ban since: there it is told.
            tuple(self._term([key for key in ban.keys if self._bans.get(key) is ban], ban.until) for ban in bans),
            tuple(self._term([who], until) for who, until in self._silent.items() if until > self._clock()),
            tuple(rooms),
        )

    def _term(self, keys: Iterable[str], until: float) -> Term:
        return Term(tuple(sorted(keys)), None if until == FOREVER else until - self._clock())

    def _until(self, seconds: float) -> float:
        return self._clock() + seconds if seconds else FOREVER

    def _forget(self) -> None:
        now = self._clock()
        self._bans = {key: ban for key, ban in self._bans.items() if ban.until > now}
