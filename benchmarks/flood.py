"""A flood of connections of which none becomes a member. A process of its own: `python -m benchmarks.flood PORT`, told
what to do as `benchmarks.child` describes. It yields the processor to whoever is measured.

From each of its addresses come as many at once as the host admits from one, so all together are more than it admits.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

from benchmarks.child import raise_file_limit
from usi.core import wire
from usi.core.crypto import PrivateKey, random_bytes
from usi.core.errors import Busy
from usi.core.session import ANSWER_SIZE, OFFER_SIZE, Role, Session, refusal

_ADDRESSES = 4  # for each kind
_AT_ONCE = 8  # from each address: what a host admits
_PATIENCE = 15.0  # seconds for a host that gives a handshake ten

_BUSY = refusal(Busy())

Speak = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[bytes]]


class Flood:
    """Four kinds of callers; `counts` says how often each was heard out, and how many were refused at the door."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._key = PrivateKey.generate()
        self.counts: Counter[str] = Counter()
        self._heard_out = asyncio.Event()
        """One of each kind was, but for those that wait in silence."""

    async def run(self, seconds: float) -> dict[str, Any]:
        self.counts.clear()
        self._heard_out.clear()
        kinds: dict[str, Speak] = {
            "half_open": self._half_open,
            "garbage": self._garbage,
            "nonsense": self._nonsense,
            "exchanged": self._exchange,
        }
        several = sys.platform == "linux"  # which answers on all of 127.0.0.0/8
        callers = [
            self._call(kind, speak, f"127.9.{number}.{address + 1}" if several else "127.0.0.1")
            for number, (kind, speak) in enumerate(kinds.items())
            for address in range(_ADDRESSES)
            for _ in range(_AT_ONCE)
        ]
        started, cpu = time.monotonic(), time.process_time()
        calling = asyncio.gather(*callers)
        await asyncio.wait({calling}, timeout=seconds)
        with suppress(TimeoutError):  # on a machine with other work a short flood may not come as far as an exchange
            await asyncio.wait_for(self._heard_out.wait(), _PATIENCE)
        calling.cancel()
        await asyncio.wait({calling})
        elapsed = time.monotonic() - started
        return {"seconds": elapsed, "cpu": time.process_time() - cpu} | dict.fromkeys(kinds, 0) | self.counts

    async def _call(self, kind: str, speak: Speak, source: str) -> None:
        """Again and again."""
        while True:
            self.counts["calls"] += 1
            said = _BUSY  # where it is cut off without a word
            with suppress(OSError):
                reader, writer = await asyncio.open_connection("127.0.0.1", self._port, local_addr=(source, 0))
                try:
                    async with asyncio.timeout(_PATIENCE):
                        said = await speak(reader, writer)
                finally:
                    writer.transport.abort()
            self.counts["refused" if said == _BUSY else kind] += 1
            if all(self.counts[each] for each in ("garbage", "nonsense", "exchanged")):
                self._heard_out.set()

    async def _half_open(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        """All but the last byte of a first message, and silence."""
        writer.write(Session(Role.CLIENT, self._key).data_to_send()[:-1])
        return await reader.read()

    async def _garbage(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        """No USI at all."""
        writer.write(random_bytes(100))
        return await reader.read()

    async def _nonsense(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        """A good first message, and bytes that nobody can open for the second: the host has made keys in vain."""
        writer.write(Session(Role.CLIENT, self._key).data_to_send())
        offer = await _offer(reader)
        if len(offer) < OFFER_SIZE:
            return offer
        writer.write(bytes(ANSWER_SIZE))
        return await reader.read()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        """The whole key exchange, RSA included, and a goodbye."""
        session = Session(Role.CLIENT, self._key)
        writer.write(session.data_to_send())
        offer = await _offer(reader)
        if len(offer) < OFFER_SIZE:
            return offer
        session.receive_data(offer)
        session.send([wire.Bye("left")])
        writer.write(session.data_to_send())
        return await reader.read()


async def _offer(reader: asyncio.StreamReader) -> bytes:
    """The host's first message, or what it says instead."""
    try:
        return await reader.readexactly(OFFER_SIZE)
    except asyncio.IncompleteReadError as error:
        return error.partial


def main(port: int) -> None:
    raise_file_limit()
    os.nice(10)
    flood = Flood(port)
    for line in sys.stdin:
        print(json.dumps(asyncio.run(flood.run(json.loads(line)["seconds"]))), flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]))
