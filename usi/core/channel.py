"""What two programs have said to each other over all links of one seat: what is to be said again when a link is cut.

Each side counts the messages of the other that it has taken, and keeps its own until the other says that it has them.
A new link goes on where the old one ended: nothing is lost, and nothing comes twice (PROTOCOL.md, "Resuming").
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

from usi.core import codec, wire
from usi.core.errors import BadMessage

CONFIRM_AFTER = 64  # messages taken before the other side is told so; otherwise it is told about once a second
MOST_KEPT = 100_000  # messages, also those left out, that may wait for the other side's word
MOST_COUNTED = 2**63 - 1  # as far as a count can be said


class Rest(NamedTuple):
    """What the other side has not taken: encoded messages in order, and how many posts were made meanwhile."""

    messages: list[bytes]
    posts: int


class Channel:
    """One side's view. `limit`: bytes that are kept; beyond it posts are left out, the oldest first, because they can
    be asked for by their numbers. Without one everything is kept."""

    __slots__ = ("_confirmed", "_kept", "_leave_out_at", "_limit", "_told", "_weight", "taken")

    def __init__(self, limit: int | None = None) -> None:
        self.taken = 0
        """Messages of the other side that have come, those that it left out included."""
        self._told = 0
        self._confirmed = 0
        self._kept: deque[bytes] = deque()
        """What was said and is not confirmed; empty in place of what is left out."""
        self._weight = 0
        self._limit = limit
        self._leave_out_at = limit or 0

    # --- what this side says ---

    def note(self, encoded: bytes) -> None:
        """Keep a message that is said now, or will be over the next link."""
        self._kept.append(encoded)
        self._weight += len(encoded)
        if self._limit is not None and self._weight > self._leave_out_at:
            self._leave_out(self._limit // 2)
            # Not again for each message, where it is not posts that weigh: all that is kept is looked through.
            self._leave_out_at = max(self._limit, self._weight + self._limit // 4)

    @property
    def weight(self) -> int:
        """Bytes that are kept."""
        return self._weight

    @property
    def overflown(self) -> bool:
        """The other side has been silent for so long that it cannot be told what it missed."""
        limit = self._limit
        return limit is not None and (self._weight > limit + limit // 4 or len(self._kept) > MOST_KEPT)

    def can_confirm(self, count: int) -> bool:
        """Whether the other side can honestly have taken so many."""
        return self._confirmed <= count <= self._confirmed + len(self._kept)

    def confirm(self, count: int) -> None:
        """The other side has taken so many. Raises `BadMessage` where it cannot have."""
        if not self.can_confirm(count):
            raise BadMessage(why="a count that cannot be")
        if count == self._confirmed + len(self._kept):
            self._kept.clear()
            self._weight, self._leave_out_at = 0, self._limit or 0
        for _ in range(count - self._confirmed if self._kept else 0):
            self._weight -= len(self._kept.popleft())
        self._confirmed = count

    def rest(self) -> Rest:
        """What is to be said again over a new link."""
        messages: list[bytes] = []
        skipped = posts = 0
        for encoded in self._kept:
            if not encoded:
                skipped += 1
                continue
            if skipped:
                messages.append(codec.encode(wire.Skipped(skipped)))
            posts += skipped + codec.is_posted(encoded)
            skipped = 0
            messages.append(encoded)
        if skipped:
            messages.append(codec.encode(wire.Skipped(skipped)))
        return Rest(messages, posts + skipped)

    # --- what the other side says ---

    def take(self, message: wire.Message) -> bool:
        """Count a message that has come; False where it is about this channel alone, and goes no further."""
        match message:
            case wire.Got(count):
                self.confirm(count)
                return False
            case wire.Skipped(count):
                if self.taken + count > MOST_COUNTED:
                    raise BadMessage(why="a count that cannot be")
                self.taken += count
                return False
            case wire.Alive() | wire.Bye():
                return True
        self.taken += 1
        return True

    @property
    def due(self) -> bool:
        """Whether the other side should be told at once what was taken."""
        return self.taken - self._told >= CONFIRM_AFTER

    def word(self) -> wire.Got | None:
        """What to tell the other side, where there is something new."""
        if self.taken == self._told:
            return None
        self._told = self.taken
        return wire.Got(self.taken)

    # --- inside ---

    def _leave_out(self, target: int) -> None:
        """Drop the oldest posts until no more than `target` bytes are kept. The newest of each conversation stays: by
        its number the other side sees that others are missing."""
        newest = {codec.conversation_of(encoded): encoded for encoded in self._kept if codec.is_posted(encoded)}
        kept: deque[bytes] = deque()
        for encoded in self._kept:
            old = codec.is_posted(encoded) and newest[codec.conversation_of(encoded)] is not encoded
            if self._weight > target and old:
                self._weight -= len(encoded)
                kept.append(b"")
            else:
                kept.append(encoded)
        self._kept = kept
