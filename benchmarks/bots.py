"""Bots that live in a room as people do: they talk, send each other files, leave and come back. A process of its own:
`python -m benchmarks.bots PORT COUNT FOLDER`, told what to do as `benchmarks.child` describes.

Every bot is a whole peer, and checks what it hears: each author's messages in order, none twice, none missing while
both were there; each file's content.
"""

from __future__ import annotations

import asyncio
import gc
import hashlib
import itertools
import json
import random
import re
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

from benchmarks.child import open_files, raise_file_limit, resident
from benchmarks.keys import keys
from usi.config import Settings
from usi.core import commands
from usi.core import events as ev
from usi.core.crypto import PrivateKey
from usi.core.errors import UsiError
from usi.core.thread import SHOWN_KEPT
from usi.net.peer import Peer

_TALK = (3.0, 9.0)  # seconds between two messages of a bot
_FILES = 4.0  # seconds between two files of all
_LEAVES = 3.0  # seconds between two departures of all
_CUTS = 2.0  # seconds between two cuts of a bot's wire
_LARGEST = 1_500_000  # bytes of a file
_SAID = re.compile(r"life (\d+) word (\d+)")


class Counts:
    """What all bots together have done and heard."""

    def __init__(self) -> None:
        self.said = self.heard = self.files = self.lives = self.cuts = 0
        self.wrong: list[str] = []


class Bot:
    """One bot and its lives: a new peer, with the same key and name, each time it comes."""

    def __init__(self, number: int, key: PrivateKey, port: int, folder: Path, counts: Counts) -> None:
        self.name = f"bot-{number}"
        self._key = key
        self._port = port
        self._downloads = folder / self.name
        self._counts = counts
        self._life = 0
        self._word = 0
        self._heard: dict[str, tuple[int, int]] = {}
        self.peer: Peer | None = None
        self._face: asyncio.Task[None] | None = None

    async def come(self) -> None:
        settings = Settings(
            False, self.name, "127.0.0.1", self._port, downloads=self._downloads, accept_files=True
        )
        peer = Peer(settings, key=self._key)
        await peer.start()
        self._life += 1
        self._word = 0
        self._heard.clear()
        self._counts.lives += 1
        self.peer, self._face = peer, asyncio.create_task(self._listen(peer))

    async def go(self) -> None:
        peer, self.peer = self.peer, None
        if peer is not None and self._face is not None:
            await peer.close()
            await self._face

    def cut(self) -> None:
        """Cut its wire: it comes back by itself."""
        link = getattr(self.peer and self.peer._side, "_link", None)
        if link is not None and link._transport is not None:
            link._transport.abort()

    async def say(self) -> None:
        if self.peer is not None:
            self._word += 1
            await self.peer.do(commands.Say(f"life {self._life} word {self._word}"))
            self._counts.said += 1

    async def send(self, path: Path, to: str) -> None:
        if self.peer is not None:
            await self.peer.do(commands.Send(f"{path} {to}"))

    async def _listen(self, peer: Peer) -> None:
        async for event in peer.events():
            if isinstance(event, ev.Message) and not event.mine:
                self._check_message(event)
            elif isinstance(event, ev.FileDone) and event.direction == "in":
                self._check_file(Path(event.path))
            elif isinstance(event, ev.Resumed):
                self._counts.cuts += 1
            elif isinstance(event, ev.MemberLeft):
                if event.reason != "left":
                    self._counts.wrong.append(f"{self.name} saw {event.name} leave: {event.reason}")
                self._heard.pop(event.member, None)
            elif isinstance(event, ev.Disconnected) and event.code != "left":
                self._counts.wrong.append(f"{self.name} was disconnected: {event.code}")

    def _check_message(self, event: ev.Message) -> None:
        self._counts.heard += 1
        found = _SAID.fullmatch(event.text)
        if found is None or event.signature == "bad":
            self._counts.wrong.append(f"{self.name} heard {event.text!r}, signature {event.signature}")
            return
        life, word = int(found[1]), int(found[2])
        before = self._heard.get(event.member)
        if before is not None and (life, word) != (before[0], before[1] + 1):
            self._counts.wrong.append(f"{self.name} heard {life}/{word} of {event.from_} after {before}")
        self._heard[event.member] = life, word

    def _check_file(self, path: Path) -> None:
        content = path.read_bytes()
        if hashlib.sha256(content[:-32]).digest() != content[-32:]:
            self._counts.wrong.append(f"{path} is damaged")
        path.unlink()
        self._counts.files += 1


async def _talk(bot: Bot) -> None:
    while True:
        await asyncio.sleep(random.uniform(*_TALK))
        with suppress(UsiError):
            await bot.say()


async def _send_files(bots: list[Bot], folder: Path) -> None:
    for number in itertools.count():
        await asyncio.sleep(_FILES)
        one, other = random.sample(bots, 2)
        path = folder / f"file-{number}"
        content = random.randbytes(random.randrange(_LARGEST))
        path.write_bytes(content + hashlib.sha256(content).digest())
        with suppress(UsiError):
            await one.send(path, other.name)
        (folder / f"file-{number - 20}").unlink(missing_ok=True)


async def _come_and_go(bots: list[Bot]) -> None:
    while True:
        await asyncio.sleep(_LEAVES)
        bot = random.choice(bots)
        await bot.go()
        await asyncio.sleep(random.uniform(0.0, _LEAVES / 2))
        with suppress(UsiError):
            await bot.come()


async def _cut(bots: list[Bot]) -> None:
    while True:
        await asyncio.sleep(_CUTS)
        random.choice(bots).cut()


async def _fill(bots: list[Bot], counts: Counts) -> None:
    """Let everybody hear so much that what a member remembers of posts is full: growth behind that is none of it."""
    for _ in range(SHOWN_KEPT // len(bots) + 1):
        for bot in bots:
            await bot.say()
        while counts.heard < counts.said * (len(bots) - 1):  # noqa: ASYNC110 (a count that others make)
            await asyncio.sleep(0.02)


async def main(port: int, count: int, folder: Path) -> None:
    raise_file_limit()
    counts = Counts()
    bots = [Bot(number, key, port, folder, counts) for number, key in zip(range(count), keys(), strict=False)]
    for bot in bots:
        await bot.come()
    await _fill(bots, counts)
    lives = [asyncio.ensure_future(_talk(bot)) for bot in bots]
    lives += [asyncio.ensure_future(_send_files(bots, folder)), asyncio.ensure_future(_come_and_go(bots))]
    lives.append(asyncio.ensure_future(_cut(bots)))
    asked: asyncio.Queue[str] = asyncio.Queue()
    loop = asyncio.get_running_loop()

    def read() -> None:
        for line in sys.stdin:
            loop.call_soon_threadsafe(asked.put_nowait, json.loads(line)["command"])
        loop.call_soon_threadsafe(asked.put_nowait, "end")

    threading.Thread(target=read, daemon=True).start()
    while (command := await asked.get()) != "end":
        if command == "collect":
            gc.collect()
        answer: dict[str, Any] = {"rss": resident(), "open": open_files()} | vars(counts)
        for life in lives:
            if life.done() and life.exception() is not None:
                answer["error"] = repr(life.exception())
        print(json.dumps(answer), flush=True)
    for life in lives:
        life.cancel()
    await asyncio.gather(*lives, return_exceptions=True)
    await asyncio.gather(*(bot.go() for bot in bots))


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])))
