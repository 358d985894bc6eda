"""What the hub keeps of a conversation: who is in, the number of the newest post, and the newest posts, sealed."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from usi.core import wire

LOG_POSTS = 1_000  # newest posts that a conversation keeps in memory
LOG_BYTES = 8 * 1024 * 1024  # and the most that they may weigh


@dataclass(eq=False)
class Numbering:
    """One conversation: gives its posts their numbers and knows one that comes twice."""

    key_id: bytes
    number: int = 0
    links: dict[int, None] = field(default_factory=dict)
    log: deque[wire.Posted] = field(default_factory=deque)
    log_bytes: int = 0
    posted: dict[tuple[bytes, bytes], wire.Posted] = field(default_factory=dict)
    """(sender, id) → what the log holds under it: how a post that comes twice is known."""

    def add(self, post: wire.Post) -> wire.Posted:
        self.number += 1
        posted = wire.Posted(post.conversation, post.key_id, post.sender, post.id, self.number, post.sealed)
        self.log.append(posted)
        self.posted[post.sender, post.id] = posted
        self.log_bytes += len(post.sealed)
        while len(self.log) > LOG_POSTS or self.log_bytes > LOG_BYTES:
            self.drop_oldest()
        return posted

    def take_back(self, posted: wire.Posted) -> None:
        """The newest post gets no number after all."""
        if self.log and self.log[-1] is posted:
            self.log.pop()
            self.number -= 1
            self.log_bytes -= len(posted.sealed)
            del self.posted[posted.sender, posted.id]

    def drop_oldest(self) -> None:
        oldest = self.log.popleft()
        self.log_bytes -= len(oldest.sealed)
        del self.posted[oldest.sender, oldest.id]
