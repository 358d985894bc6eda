"""When Python looks for garbage: in small steps, so that no key waits while it looks through ten thousand messages.

Left alone, Python's collector goes through everything that is kept, again and again: with 10,000 messages in the
transcript that is a stop of 100 to 200 ms. What is kept for long is set aside instead, and only what came since is
looked through.
"""

from __future__ import annotations

import gc

_OFTEN = 1_000  # events; to look through what they left behind takes about 10 ms
_WHOLE = 20  # rounds until all is looked through once more, so that what was set aside and is garbage now goes as well


class Sweeper:
    """Is told of what passes, and sweeps when it is time."""

    def __init__(self) -> None:
        self._events = 0
        self._rounds = 0

    def passed(self, events: int, *, quiet: bool) -> None:
        """So many events have been shown. Only while it is `quiet`, with nobody typing, all is looked through."""
        self._events += events
        if self._events >= _OFTEN:
            self._events = 0
            self._rounds += 1
            whole = quiet and self._rounds >= _WHOLE
            if whole:
                self._rounds = 0
            self.sweep(whole=whole)

    def sweep(self, *, whole: bool = False) -> None:
        """Look through what came since the last time, or through all, and set aside what is kept."""
        if whole:
            gc.unfreeze()
        gc.collect()
        gc.freeze()

    def stop(self) -> None:
        """Leave the collector as it was before."""
        gc.unfreeze()
