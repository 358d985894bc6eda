"""Holes in a conversation's numbers: the host is asked to fill them, and what came behind one waits meanwhile.

So everybody reads in the order of the numbers, also what comes late (PROTOCOL.md, "Delivery"). Times are seconds since
1970 (UTC); whoever calls sets `now` first.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from usi.core import wire
from usi.core.report import Report
from usi.core.thread import Thread

PATIENCE = 10.0  # seconds for an answer
MOST_HELD = 2_000  # posts that wait behind a hole before it is given up


@dataclass
class _Hole:
    """`held`: what came behind it, by number; None stands for an own post. Asked for from `first` to `last`, at
    `since`."""

    held: dict[int, wire.Posted | None]
    first: int = 0
    last: int = 0
    since: float = 0.0
    asked: bool = False
    """The host is asked for one hole after the other, so that the answers fit what it keeps for us."""


class Gaps:
    """`send` takes messages for the hub, `read` a post whose turn it is, `missing` how many are lost in a conversation
    (negative: one came that must not be shown)."""

    def __init__(
        self,
        report: Report,
        send: Callable[[wire.Message], None],
        read: Callable[[Thread, wire.Posted], None],
        missing: Callable[[Thread, int], None],
    ) -> None:
        self._report = report
        self._send = send
        self._read = read
        self._missing = missing
        self._holes: dict[Thread, _Hole] = {}

    def take(self, thread: Thread, number: int, posted: wire.Posted | None) -> None:
        """A post has come, or the number of an own one (None)."""
        hole = self._holes.get(thread)
        if number <= thread.number or (hole is not None and number in hole.held):
            self._missing(thread, -1)
            return
        if hole is None and number == thread.number + 1:
            self._pass(thread, number, posted)
            return
        if hole is None:
            hole = self._holes[thread] = _Hole({number: posted})
            self._ask(thread, hole)
        hole.held[number] = posted
        self._go_on(thread, hole)
        if len(hole.held) > MOST_HELD:
            self._give_up(thread, hole, min(hole.held) - 1)

    def caught(self, thread: Thread, number: int) -> None:
        """The host has no more of what it was asked for, up to this number."""
        hole = self._holes.get(thread)
        if hole is not None and hole.asked:  # otherwise all has come
            self._give_up(thread, hole, min(number, hole.last) if number >= hole.first else hole.last)

    def settle(self, thread: Thread) -> None:
        """Wait for nothing any more in this conversation."""
        while (hole := self._holes.get(thread)) is not None:
            self._give_up(thread, hole, max(hole.held, default=hole.last))

    def tick(self) -> None:
        """Give up what the host does not answer for; clocks are set back, too."""
        for thread, hole in list(self._holes.items()):
            if hole.asked and abs(self._report.now - hole.since) > PATIENCE:
                self._give_up(thread, hole, hole.last)

    def resumed(self) -> None:
        """The host could not answer while the link to it was cut."""
        for hole in self._holes.values():
            hole.since = self._report.now

    def settle_all(self) -> None:
        """The way to the hub is gone: what has come is read as it is."""
        for thread in list(self._holes):
            self.settle(thread)

    # --- inside ---

    def _ask(self, thread: Thread, hole: _Hole) -> None:
        """For what is missing before the first that waits."""
        hole.asked = not any(other.asked for other in self._holes.values() if other is not hole)
        if not hole.asked:
            return
        hole.first, hole.last, hole.since = thread.number + 1, min(hole.held) - 1, self._report.now
        conversation = thread.key.conversation if thread.key is not None else bytes(wire.CONVERSATION_SIZE)
        self._send(wire.Again(conversation, hole.first, hole.last))

    def _pass(self, thread: Thread, number: int, posted: wire.Posted | None) -> None:
        if (lost := thread.follow(number)) > 0:
            self._missing(thread, lost)
        if posted is not None:
            self._read(thread, posted)

    def _give_up(self, thread: Thread, hole: _Hole, until: int) -> None:
        """What is missing up to this number will not come."""
        for number in sorted(number for number in hole.held if number <= until):
            self._pass(thread, number, hole.held.pop(number))
        if until > thread.number:
            self._missing(thread, until - thread.number)
            thread.number = until
        self._go_on(thread, hole)
        if hole.held:
            self._ask(thread, hole)

    def _go_on(self, thread: Thread, hole: _Hole) -> None:
        """Read what has its turn now."""
        while thread.number + 1 in hole.held:
            number = thread.number + 1
            self._pass(thread, number, hole.held.pop(number))
        if not hole.held and self._holes.pop(thread, None) is not None:
            waiting = next(iter(self._holes.items()), None)
            if waiting is not None and not any(other.asked for other in self._holes.values()):
                self._ask(*waiting)
