"""One member of a benchmark: a real handshake and a real Join, and then as little work per delivery as is honest.

Once its member is in, most connections only count: a record's length, which stands before it in clear, tells how many
posts of known size are in it. An *opener* keeps every byte and opens and verifies everything afterwards; an *author*
opens records as it goes, because it needs its acknowledgements, and leaves the posts in them alone.
"""

from __future__ import annotations

import socket
from collections import deque
from collections.abc import Callable, Sequence
from enum import Enum, auto

from usi.core import codec, wire
from usi.core.channel import CONFIRM_AFTER
from usi.core.content import Body, ConversationKey
from usi.core.crypto import TAG_SIZE, PrivateKey, random_bytes
from usi.core.session import Role, Session, State

BUFFER = memoryview(bytearray(1 << 18))
"""What was read last. One for all members: each looks at its bytes before the next one reads."""
_RUN = random_bytes(8)
_TEXT = "The quick brown fox jumps over the lazy dog, and the dog does not mind."


class Kind(Enum):
    COUNTER = auto()
    OPENER = auto()
    AUTHOR = auto()


class Member:
    """A connection. `on_joined` is called when its member is in, and has the list of who was there before."""

    def __init__(
        self,
        key: PrivateKey,
        name: str,
        host: tuple[str, int],
        source: str,
        kind: Kind,
        on_joined: Callable[[Member], None],
    ) -> None:
        self.kind = kind
        self.source = source
        self.spoke = 0.0
        self.room: ConversationKey
        self.posts = 0
        """Posts that have arrived."""
        self.payload = 0
        """Bytes of their encoded messages."""
        self.acks = 0
        self.ready: deque[wire.Post] = deque()
        self._n = 0
        self._smallest = 0
        self.key = key
        self._name = name
        self._on_joined = on_joined
        self._session = Session(Role.CLIENT, key)
        self._counts = False
        self._heard = self._told = 0
        """Messages that have come, and of which the host was told, so that it need not keep them."""
        self._cutter = codec.RecordReader()
        self._left = 0
        self._record = 0
        self._header = b""
        self._kept: list[bytes] = []
        self._posted: list[wire.Posted] = []
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.bind((source, 0))
        self.socket.connect(host)
        self.socket.setblocking(False)
        self._flush()

    # --- joining ---

    def readable(self) -> None:
        """Take what has arrived."""
        try:
            size = self.socket.recv_into(BUFFER)
        except BlockingIOError:
            return
        if not size:
            raise ConnectionError(f"{self._name} was cut off")
        if self._counts:
            if self.kind is Kind.OPENER:  # and no copy otherwise
                self._kept.append(bytes(BUFFER[:size]))
            self._count(size)
        elif self._session.keyed:
            self._open(bytes(BUFFER[:size]))
        else:
            self._session.receive_data(bytes(BUFFER[:size]))
            self._flush()
            if self._session.state is State.KEYED:
                self.send(wire.Join(self._name))
        if self._heard - self._told >= CONFIRM_AFTER:
            self._told = self._heard
            self.send(wire.Got(self._heard))

    def _open(self, data: bytes) -> None:
        """Open record by record, up to the one after which counting is enough."""
        for record in self._cutter.feed(data):
            if self._counts:
                self._keep(_framed(record))
                self._done(len(record))
            else:
                self._take(self._session.receive_data(_framed(record)))
        if self._counts:
            rest = self._cutter.pending
            self._keep(rest)
            BUFFER[: len(rest)] = rest
            self._count(len(rest))

    def _keep(self, data: bytes) -> None:
        if self.kind is Kind.OPENER:
            self._kept.append(data)

    def _take(self, messages: Sequence[wire.Message]) -> None:
        for message in messages:
            if not self._counts and not isinstance(message, wire.Alive | wire.Bye | wire.Got):
                self._heard += 1
            if isinstance(message, wire.Posted):
                if self.kind is Kind.AUTHOR:
                    self.posts += 1
                else:  # an opener, which has counted it already
                    self._posted.append(message)
            elif isinstance(message, wire.Ack):
                self.acks += 1
            elif isinstance(message, wire.Welcome):
                room = message.rooms[0]
                self.room = ConversationKey(room.conversation, message.host.id, room.key)
            elif isinstance(message, wire.Present) and message.last:
                self._counts = self.kind is not Kind.AUTHOR
                self._on_joined(self)
            elif isinstance(message, wire.Bye | wire.Refused | wire.StaleKey):
                raise ConnectionError(f"the host answered {message}")

    # --- counting ---

    def start_counting(self, smallest: int) -> None:
        """From here on count posts, of which none is encoded in fewer bytes than this."""
        self._smallest = smallest
        self.posts = self.payload = self.acks = 0
        if self.kind is Kind.OPENER:
            self._take_kept()

    def _count(self, size: int) -> None:
        """Count the records in the first `size` bytes of the buffer."""
        position = 0
        if self._left:
            if size < self._left:
                self._left -= size
                return
            position, self._left = self._left, 0
            self._done(self._record)
        while position < size:
            header = self._header + bytes(BUFFER[position : min(position + wire.LENGTH_SIZE - len(self._header), size)])
            if len(header) < wire.LENGTH_SIZE:
                self._header = header
                return
            position += wire.LENGTH_SIZE - len(self._header)
            self._header = b""
            record = int.from_bytes(header, "big")
            if size - position < record:
                self._record, self._left = record, record - (size - position)
                return
            position += record
            self._done(record)

    def _done(self, record: int) -> None:
        """A record of this length is here. Posts differ in size only by their numbers: far less than one post."""
        plaintext = record - TAG_SIZE
        if not self._smallest or plaintext <= self._smallest:
            return  # a heartbeat, or nothing is counted yet
        posts = (plaintext - 1) // self._smallest
        self.posts += posts
        self._heard += posts
        self.payload += plaintext - (1 if posts < 16 else 3)

    # --- checking afterwards ---

    def verify(self, authors: dict[bytes, PrivateKey]) -> int:
        """Open and verify what an opener has kept since counting began; how many posts it was."""
        posted = self._take_kept()
        newest: dict[bytes, int] = {}
        for index, post in enumerate(posted):
            opened = self.room.open(post)
            body = opened.body()
            assert opened.is_by(authors[post.sender].public), "a signature is not its author's"
            assert body.text == _TEXT, "a text was changed"
            assert body.n == newest.get(post.sender, body.n - 1) + 1, "an author's posts are not in order"
            newest[post.sender] = body.n
            if index:
                assert post.number == posted[index - 1].number + 1, "numbers are not in order"
        return len(posted)

    def _take_kept(self) -> list[wire.Posted]:
        """The posts among what an opener kept, which is kept no longer."""
        data, position = b"".join(self._kept), 0
        while (end := position + wire.LENGTH_SIZE) <= len(data):
            end += int.from_bytes(data[position:end], "big")
            if end > len(data):
                break
            position = end
        self._kept = [data[position:]]
        self._take(self._session.receive_data(data[:position]))
        posted, self._posted = self._posted, []
        return posted

    # --- saying something ---

    def send(self, message: wire.Message) -> None:
        self._session.send([message])
        self._flush()

    def _flush(self) -> None:
        if data := self._session.data_to_send():
            self.write(data)

    def write(self, data: bytes) -> None:
        """All of it: what members send is little, and the host reads it at once."""
        while data:
            try:
                data = data[self.socket.send(data) :]
            except BlockingIOError:
                self.socket.setblocking(True)
                self.socket.sendall(data)
                self.socket.setblocking(False)
                return

    def prepare(self, count: int, now_ms: int) -> None:
        """Sign and seal posts until `count` are ready to be sent by `post`."""
        for n in range(self._n + len(self.ready) + 1, self._n + count + 1):
            body = Body(kind="text", text=_TEXT, name=self._name, sent_at=now_ms, run=_RUN, n=n)
            self.ready.append(self.room.seal(self.key, body))

    def post(self, count: int) -> None:
        """Send this many of the posts that are ready, all in one record, as a client does with what waits."""
        messages = [codec.encode(self.ready.popleft()) for _ in range(count)]
        self._n += count
        self._session.send_encoded(messages)
        self._flush()

    def close(self) -> None:
        if self._session.keyed:
            self.send(wire.Bye("left"))
        self.socket.close()


def _framed(record: bytes) -> bytes:
    return len(record).to_bytes(wire.LENGTH_SIZE, "big") + record
