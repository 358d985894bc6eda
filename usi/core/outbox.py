"""What a person says, until the host has answered: sealed once, and sent again rather than sealed again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from msgspec.structs import replace

from usi.core import wire
from usi.core.content import Body
from usi.core.crypto import NONCE_SIZE, PrivateKey, random_bytes
from usi.core.errors import BadMessage, PeerError, SomebodyAdded
from usi.core.thread import Readers, Thread, Waiting

OUTBOX_POSTS = 64  # posts under way before the person's next one waits
OUTBOX_BYTES = 512 * 1024  # and what they may weigh, so that they fit the queue of every reader


@dataclass(eq=False)
class Outgoing:
    """A post under way. `shown_id` is what its author's face knows it by."""

    thread: Thread
    shown_id: str
    body: Body
    post: wire.Post
    readers: Readers


class Outbox:
    """`send` takes messages for the hub; `note` is told of each post that was sealed, `fail` what cannot be said any
    more, by the id that events name."""

    def __init__(
        self,
        key: PrivateKey,
        send: Callable[[wire.Message], None],
        note: Callable[[Thread, wire.Post, Body], None],
        fail: Callable[[str, Body, PeerError], None],
    ) -> None:
        self._key = key
        self._send = send
        self._note = note
        self._fail = fail
        self._sent: dict[bytes, Outgoing] = {}
        self._held: dict[Thread, None] = {}
        """Conversations in which something waits for a key."""
        self._stale: list[Outgoing] = []
        """What the hub has not taken under an earlier key, and waits for a newer one."""

    @property
    def count(self) -> int:
        """Posts that the host has not answered, and those that wait for a key."""
        return len(self._sent) + len(self._stale) + sum(len(thread.waiting) for thread in self._held)

    @property
    def full(self) -> bool:
        """Whether the next post should wait until the host has answered some."""
        weight = sum(len(entry.post.sealed) for entry in self._sent.values())
        weight += sum(len(waiting.body.text) for thread in self._held for waiting in thread.waiting)
        return self.count >= OUTBOX_POSTS or weight >= OUTBOX_BYTES

    def put(self, thread: Thread, body: Body) -> str:
        """Say this to those who may read it now, at once or when there is a key for it; returns the id by which events
        name it."""
        post_id = random_bytes(NONCE_SIZE)
        thread.waiting.append(Waiting(post_id, body, thread.readers))
        self._held[thread] = None
        self.flush(thread)
        return post_id.hex()

    def flush(self, thread: Thread) -> None:
        """Seal and send what waits, if it can be sealed now. What was not meant for everybody who would read it fails.
        """
        stale = [entry for entry in self._stale if entry.thread is thread and thread.sealable]
        self._stale = [entry for entry in self._stale if entry not in stale]
        for entry in stale:
            if not self._exposes(thread, entry.body, entry.readers):
                self._seal(thread, entry.shown_id, entry.body, entry.readers, None)
            else:
                self._fail(entry.shown_id, entry.body, SomebodyAdded())
        while thread.waiting and thread.sealable and not self._in_doubt(thread):
            post_id, body, readers = thread.waiting.popleft()
            if not self._exposes(thread, body, readers):
                thread.n += 1
                self._seal(thread, post_id.hex(), replace(body, n=thread.n), readers, post_id)
            else:
                self._fail(post_id.hex(), body, SomebodyAdded())
        if not thread.waiting:
            self._held.pop(thread, None)

    def taken(self, post_id: bytes) -> Outgoing:
        """The host has taken this post. Raises as `answered`."""
        entry = self.answered(post_id)
        entry.thread.taken = max(entry.thread.taken, entry.body.n)
        return entry

    def answered(self, post_id: bytes) -> Outgoing:
        """The host has answered for this post, for good. Raises `BadMessage` where there is none."""
        entry = self._sent.pop(post_id, None)
        if entry is None:
            raise BadMessage(why="an answer to nothing")
        return entry

    def seal_anew(self, entry: Outgoing) -> None:
        """Under the conversation's newest key, as soon as it is in use. Only for one whose old bytes the hub will never
        take: then the same count may go out under a new id."""
        self._stale.append(entry)
        self.flush(entry.thread)

    def drop_waiting(self, thread: Thread) -> list[tuple[str, Body]]:
        """What waited, with the ids that events name: it will never be sealed."""
        dropped = [(entry.shown_id, entry.body) for entry in self._stale if entry.thread is thread]
        dropped += [(waiting.id.hex(), waiting.body) for waiting in thread.waiting]
        self._stale = [entry for entry in self._stale if entry.thread is not thread]
        thread.waiting.clear()
        self._held.pop(thread, None)
        return dropped

    def drop_all(self) -> list[tuple[str, Body]]:
        """Everything: the link is gone."""
        dropped = [(entry.shown_id, entry.body) for entry in self._sent.values()]
        self._sent.clear()
        for thread in {entry.thread: None for entry in self._stale} | self._held:
            dropped += self.drop_waiting(thread)
        return dropped

    def _in_doubt(self, thread: Thread) -> bool:
        """Whether posts under an earlier key may have to be sealed anew: what follows them has to wait, or it would
        overtake them."""
        key_id = thread.key.key_id if thread.key is not None else b""
        return any(entry.thread is thread and entry.post.key_id != key_id for entry in self._sent.values())

    @staticmethod
    def _exposes(thread: Thread, body: Body, readers: Readers) -> bool:
        return body.transfer is None and thread.exposes(readers)  # what is taken back names nothing that can be read

    def _seal(self, thread: Thread, shown_id: str, body: Body, readers: Readers, post_id: bytes | None) -> None:
        if thread.key is None:
            raise ValueError("no key")
        under_way = [entry.body.n for entry in [*self._sent.values(), *self._stale] if entry.thread is thread]
        heard = max([thread.taken, *(n for n in under_way if n < body.n)])
        body = replace(body, unsaid=body.n - 1 - heard)
        post = thread.key.seal(self._key, body, post_id)
        self._sent[post.id] = Outgoing(thread, shown_id, body, post, readers)
        self._send(post)
        self._note(thread, post, body)
