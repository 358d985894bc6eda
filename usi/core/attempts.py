"""How often somebody may try a password: slower with each failure, and never so slow that an owner is kept out.

Failures count for an account and an address together, so that nobody can slow down the owner of an account from
elsewhere. What all may do together is limited loosely, against guessing from many addresses at once; it costs an
honest one some seconds at most. Pure: the clock is given.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

FREE = 3  # failures without a delay: people mistype
FIRST = 1.0  # seconds after that, doubled with each failure
LONGEST = 60.0  # seconds: a shared address must not keep its honest users out
FORGOTTEN = 3_600.0  # seconds without a try, after which failures do not count any more
REMEMBERED = 10_000  # pairs of account and address; the ones tried longest ago are forgotten first
TOGETHER = 5.0  # tries a second of all, on and on: a bcrypt of its own stands behind each honest one
BURST = 50.0  # tries at once: a whole community comes back after a restart
LONGEST_TOGETHER = 5.0  # seconds that the limit of all makes anyone wait


class Attempts:
    """`clock` gives seconds that only rise. Accounts by the skeleton of the name that was given, whether there is one
    or not; addresses as the host counts them (an IPv6 /64 is one)."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._failures: OrderedDict[tuple[str, str], tuple[int, float]] = OrderedDict()
        """(account, address) → failures, and when the next try may begin."""
        self._tries = 0.0
        self._at = clock()

    def refused(self, account: str, address: str) -> float:
        """The seconds until this pair may try again: 0 where it may now. A try that is refused does not count."""
        _, free_at = self._failures.get((account, address), (0, 0.0))
        return max(0.0, free_at - self._clock())

    def begin(self, account: str, address: str) -> float:
        """A try begins: the seconds to hold it back. It counts as failed until `succeeded`, so that many at once are
        no way around the delays."""
        now = self._clock()
        self._forget(now)
        failures, _ = self._failures.pop((account, address), (0, now))
        self._failures[account, address] = failures + 1, now + self._delay(failures + 1)
        self._tries = max(0.0, self._tries - (now - self._at) * TOGETHER)
        self._tries = min(self._tries + 1, BURST + LONGEST_TOGETHER * TOGETHER)
        self._at = now
        return max(0.0, self._tries - BURST) / TOGETHER

    def succeeded(self, account: str, address: str) -> None:
        """The password was right: nothing is held against this pair any more."""
        self._failures.pop((account, address), None)

    @staticmethod
    def _delay(failures: int) -> float:
        return 0.0 if failures < FREE else min(LONGEST, FIRST * 2.0 ** min(failures - FREE, 16))

    def _forget(self, now: float) -> None:
        """Pairs are in the order of their last try."""
        while self._failures:
            pair, (_, free_at) = next(iter(self._failures.items()))
            if len(self._failures) <= REMEMBERED and now - free_at < FORGOTTEN:
                break
            del self._failures[pair]
