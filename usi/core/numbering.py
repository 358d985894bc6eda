"""What the hub keeps of a conversation: who is in, the number of the newest post, and the newest posts, sealed."""

from __future__ import annotations

from collections import OrderedDict, deque
from dataclasses import dataclass, field
from itertools import islice
from typing import NamedTuple

from usi.core import wire

LOG_POSTS = 1_000  # newest posts that a conversation keeps in memory: to know repeats, and for who missed them
LOG_BYTES = 8 * 1024 * 1024  # and the most that they may weigh
LOGS_BYTES = 128 * 1024 * 1024  # the same for all conversations of a host; the least lately used goes first
PAGE_POSTS, PAGE_BYTES = 100, 256 * 1024  # of them in one answer, so that it fits the queue of who asks


@dataclass(eq=False)
class Numbering:
    """One conversation: gives its posts their numbers and knows one that comes twice."""

    key_id: bytes
    number: int = 0
    links: dict[int, None] = field(default_factory=dict)
    since: dict[int, int] = field(default_factory=dict)
    """Link → the number of the newest post when its member came in: older ones are none of its business."""
    log: deque[wire.Posted] = field(default_factory=deque)
    log_bytes: int = 0
    posted: dict[tuple[bytes, bytes], wire.Posted] = field(default_factory=dict)
    """(sender, id) → what the log holds under it: how a post that comes twice is known."""

    def admit(self, link: int) -> None:
        """This member reads from now on."""
        self.links[link] = None
        self.since.setdefault(link, self.number)

    def dismiss(self, link: int) -> None:
        """This member reads no more."""
        self.links.pop(link, None)
        self.since.pop(link, None)

    def page(self, link: int, first: int, last: int) -> Page:
        """What the log still has of these numbers for a member who is in, its own left out by the caller."""
        first = max(first, self.since.get(link, self.number) + 1)
        last = min(last, self.number)
        posts: list[wire.Posted] = []
        weight = 0
        skip = max(0, first - self.log[0].number) if self.log else 0
        for posted in islice(self.log, skip, None):
            if posted.number > last:
                break
            if len(posts) == PAGE_POSTS or weight + len(posted.sealed) > PAGE_BYTES:
                return Page(posts, posts[-1].number)
            posts.append(posted)
            weight += len(posted.sealed)
        return Page(posts, last)

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


class Page(NamedTuple):
    """Posts that were asked for, complete up to this number as far as they are still there."""

    posts: list[wire.Posted]
    until: int


class Logs:
    """The logs of all conversations of a host, together within one budget."""

    def __init__(self) -> None:
        self._used: OrderedDict[Numbering, None] = OrderedDict()
        """The one that was used last stands last."""
        self._weight = 0

    @property
    def weight(self) -> int:
        """Bytes of all of them."""
        return self._weight

    def add(self, log: Numbering, post: wire.Post) -> wire.Posted:
        """Give a post its number, and make room for it."""
        before = log.log_bytes
        posted = log.add(post)
        self._used[log] = None
        self._used.move_to_end(log)
        self._weight += log.log_bytes - before
        while self._weight > LOGS_BYTES:
            oldest = next(log for log in self._used if log.log)
            self._weight -= len(oldest.log[0].sealed)
            oldest.drop_oldest()
        return posted

    def take_back(self, log: Numbering, posted: wire.Posted) -> None:
        """The newest post gets no number after all."""
        before = log.log_bytes
        log.take_back(posted)
        self._weight += log.log_bytes - before

    def forget(self, log: Numbering) -> None:
        """This conversation is over."""
        if log in self._used:
            del self._used[log]
            self._weight -= log.log_bytes
