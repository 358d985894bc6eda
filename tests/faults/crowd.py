"""Many who connect at once, without the program: sockets that say nothing, half handshakes, and members by the session
alone, with keys that are cheap to make."""

from __future__ import annotations

import asyncio
import itertools
import socket
from collections.abc import Sequence
from contextlib import suppress

from benchmarks.keys import keys
from usi.core import wire
from usi.core.content import Body, ConversationKey
from usi.core.crypto import PrivateKey
from usi.core.errors import PeerError
from usi.core.session import OFFER_SIZE, Role, Session, State

HERE = "127.0.0.1"
PATIENCE = 60.0


def cheap_keys(count: int) -> list[PrivateKey]:
    """So many different keys."""
    return list(itertools.islice(keys(), count))


class Bot:
    """A member on a bare connection, who counts what it hears."""

    def __init__(self, key: PrivateKey, name: str, source: str | None = None) -> None:
        self.key = key
        self.name = name
        self.heard: list[wire.Message]
        self.room: ConversationKey
        self._source = (source, 0) if source is not None else None
        self._session: Session
        self._said = 0

    async def join(self, port: int) -> None:
        """Up to the end of the list of members; raises `PeerError` or `OSError`, and can be tried again."""
        self.heard, self._session = [], Session(Role.CLIENT, self.key)
        self.reader, self.writer = await asyncio.open_connection(HERE, port, local_addr=self._source)
        try:
            self._flush()
            async with asyncio.timeout(PATIENCE):
                while self._session.state is not State.KEYED:
                    await self._read()
                self.send(wire.Join(self.name))
                while not any(isinstance(message, wire.Present) and message.last for message in self.heard):
                    await self._read()
        except BaseException:
            await self.close()
            raise
        welcome = next(message for message in self.heard if isinstance(message, wire.Welcome))
        room = welcome.rooms[0]
        self.room = ConversationKey(room.conversation, welcome.host.id, room.key)

    async def _read(self) -> None:
        data = await self.reader.read(65_536)
        if not data:
            self._session.receive_eof()
        self.heard += self._session.receive_data(data)
        self._flush()

    def post(self, text: str) -> bytes:
        """Say something; returns the id of the post."""
        self._said += 1
        said = Body(kind="text", text=text, name=self.name, sent_at=0, run=b"r" * 8, n=self._said)
        post = self.room.seal(self.key, said)
        self.send(post)
        return post.id

    def send(self, *messages: wire.Message) -> None:
        self._session.send(messages)
        self._flush()

    async def acknowledged(self, count: int) -> set[bytes]:
        """Wait for so many acknowledgements; returns the ids of all so far."""
        async with asyncio.timeout(PATIENCE):
            while len(found := {one.id for one in self.heard if isinstance(one, wire.Ack)}) < count:
                await self._read()
        return found

    async def leave(self) -> None:
        with suppress(OSError, PeerError):
            self.send(wire.Bye("left"))
        await self.close()

    async def close(self) -> None:
        self.writer.close()
        with suppress(OSError):
            await self.writer.wait_closed()

    def _flush(self) -> None:
        if data := self._session.data_to_send():
            self.writer.write(data)


def silent(port: int, count: int) -> list[socket.socket]:
    """Connections that say nothing. The caller closes them."""
    opened = []
    for _ in range(count):
        with suppress(OSError):
            opened.append(socket.create_connection((HERE, port), 20))
    return opened


async def flood_handshakes(port: int, key: PrivateKey, until: asyncio.Event, sources: Sequence[str]) -> int:
    """One after another from each source: the first message, then nonsense where an answer belongs. Returns how many
    were answered by an offer."""
    answered = 0

    async def run(source: str) -> None:
        nonlocal answered
        while not until.is_set():
            with suppress(OSError, asyncio.IncompleteReadError, TimeoutError):
                reader, writer = await asyncio.open_connection(HERE, port, local_addr=(source, 0))
                try:
                    writer.write(Session(Role.CLIENT, key).data_to_send())
                    async with asyncio.timeout(5):
                        await reader.readexactly(OFFER_SIZE)
                    answered += 1
                    writer.write(bytes(1936))
                    async with asyncio.timeout(5):
                        await reader.read()
                finally:
                    writer.transport.abort()
            await asyncio.sleep(0)

    await asyncio.gather(*(run(source) for source in sources))
    return answered
