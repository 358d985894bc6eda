"""Bots that live at a host as people do: they talk, enter rooms and leave them, send files, go away and come back. A
process of its own: `python -m benchmarks.bots PORT COUNT FOLDER`, told what to do as `benchmarks.child` describes.

Every bot is a whole peer. What it hears is checked by its `benchmarks.ears.Ear`.
"""

from __future__ import annotations

import asyncio
import gc
import hashlib
import itertools
import json
import random
import sys
import threading
from collections.abc import Coroutine
from contextlib import suppress
from pathlib import Path
from typing import Any

from benchmarks.child import open_files, raise_file_limit, resident
from benchmarks.ears import Ear, Stay, Truth
from benchmarks.keys import keys
from usi.config import Settings
from usi.core import commands
from usi.core import events as ev
from usi.core.crypto import PrivateKey
from usi.core.errors import UsiError
from usi.core.thread import SHOWN_KEPT
from usi.net.peer import Peer

FIRST_ROOM, OPEN_ROOMS, PRIVATE_ROOM = "general", ("books", "films", "music", "trains"), "staff"
ROOMS = (FIRST_ROOM, *OPEN_ROOMS, PRIVATE_ROOM)
"""Everybody starts in the first one, and only who is let in by the host's person may enter the last one."""

_TALK = (3.0, 9.0)  # seconds between two messages of a bot
_FILES = 4.0  # seconds between two files of all
_TO_A_ROOM = 0.25  # of the files
_LARGEST, _LARGEST_TO_A_ROOM = 1_500_000, 150_000  # bytes of a file
_MOVES = 1.0  # seconds between two bots that enter a room, or leave one
_LEAVES = 3.0  # seconds between two departures of all
_CUTS = 2.0  # seconds between two cuts of a bot's wire
_LEFT_BY_WISH = ("left", "left-room", "revoked", "replaced")
"""`replaced`: it went while its wire was cut, which nobody could see before it came back."""


class Bot:
    """One bot and its lives: a new peer, with the same key and name, each time it comes."""

    def __init__(self, number: int, key: PrivateKey, port: int, folder: Path, truth: Truth) -> None:
        self.name = f"bot-{number}"
        self._key = key
        self._port = port
        self._downloads = folder / self.name
        self._truth = truth
        self._counts = truth.counts
        self._let_in: bool | None = False
        """Into the private room; None: that may have changed while it was away."""
        self._stays: dict[str, Stay] = {}
        self._under_way: dict[str, Stay] = {}
        """By the id of a message that the host has not answered."""
        self._ear: Ear
        self.peer: Peer | None = None
        self._face: asyncio.Task[None] | None = None

    @property
    def rooms(self) -> list[str]:
        """Those that it is in."""
        return list(self._stays)

    async def come(self) -> None:
        """Join, and enter two rooms besides the first one."""
        settings = Settings(
            False, self.name, "127.0.0.1", self._port, downloads=self._downloads, accept_files=True
        )
        peer = Peer(settings, key=self._key)
        try:
            await peer.start()
        except UsiError as error:
            self._wrong(f"could not come: {error}")
            return
        self._ear = Ear(self.name, self._truth)
        self._counts["joins"] += 1
        self.peer, self._face = peer, asyncio.create_task(self._listen(peer))
        for room in random.sample(OPEN_ROOMS, 2):
            await peer.do(commands.Go(room))

    async def go(self) -> None:
        peer, self.peer = self.peer, None
        if peer is not None and self._face is not None:
            await peer.close()
            await self._face
            self._stays.clear()
            self._let_in = None

    def cut(self) -> None:
        """Cut its wire: it comes back by itself."""
        link = getattr(self.peer and self.peer._side, "_link", None)
        if link is not None and link._transport is not None:
            link._transport.abort()

    async def say(self, room: str) -> None:
        stay = self._stays.get(room)
        if self.peer is not None and stay is not None:
            await self.peer.do(commands.Say(stay.next_words, room))

    async def move(self) -> None:
        """Enter a room, or leave one."""
        if self.peer is not None:
            room = random.choice(ROOMS)
            await self.peer.do(commands.Leave(room) if room in self._stays else commands.Go(room))

    async def send(self, path: Path, to: str = "", room: str | None = None) -> None:
        if self.peer is not None:
            await self.peer.do(commands.Send(f"{path} {to}", room))

    def _wrong(self, what: str) -> None:
        self._truth.wrong.append(f"{self.name} {what}")

    async def _listen(self, peer: Peer) -> None:
        async for event in peer.events():
            match event:
                case ev.Message(mine=True):
                    self._under_way[event.id] = self._truth.stay(event.text)
                    self._under_way[event.id].says()
                    self._counts["messages said"] += 1
                case ev.Delivered() if event.id in self._under_way:
                    self._under_way.pop(event.id).delivered()
                case ev.Failed() if event.id in self._under_way:
                    self._under_way.pop(event.id).failed()
                    self._counts["messages that came too late to a room"] += 1
                case ev.Message():
                    self._ear.hears(event)
                case ev.MemberJoined():
                    self._ear.sees_come(event)
                case ev.MemberLeft():
                    self._ear.sees_go(event)
                    if event.reason not in _LEFT_BY_WISH:
                        self._wrong(f"saw {event.name} leave: {event.reason}")
                case ev.RoomEntered():
                    self._enter(event.room)
                case ev.RoomLeft():
                    del self._stays[event.room]
                    self._ear.leaves(event.room)
                    self._counts["rooms left" if event.code == "left-room" else "put out of the private room"] += 1
                case ev.Moderation(mine=True):
                    self._let_in = event.code == "granted"
                    self._counts["rights given" if self._let_in else "rights taken"] += 1
                case ev.FileDone(direction="in"):
                    self._check_file(Path(event.path))
                case ev.FileFailed(direction="in"):
                    self._counts[f"files given up ({event.code})"] += 1
                case ev.Resumed():
                    self._counts["wires cut and joined again"] += 1
                case ev.Notice():
                    self._hear_notice(event)
                case ev.Disconnected() if event.code != "left":
                    self._wrong(f"was disconnected: {event.code}")
                case _:
                    pass

    def _enter(self, room: str) -> None:
        if room == PRIVATE_ROOM and self._let_in is False:
            self._wrong("is in the private room without the right")
        self._stays[room] = self._truth.begin(self.name, room)
        self._ear.enters(room)
        self._counts["rooms entered"] += 1

    def _hear_notice(self, event: ev.Notice) -> None:
        match event.code:
            case "no-such-room" if self._let_in:
                self._wrong("was kept out of the private room in spite of its right")
            case "no-such-room":
                self._counts["kept out of the private room"] += 1
            case "too-many-transfers":
                self._counts["files that waited for their turn"] += 1
            case "file-reconnecting":
                self._counts["files that were tried again"] += 1
            case "last-room" | "in-room":
                pass
            case _:
                self._wrong(f"was told: {event.text}")

    def _check_file(self, path: Path) -> None:
        content = path.read_bytes()
        if hashlib.sha256(content[:-32]).digest() != content[-32:]:
            self._wrong(f"received {path}, which is damaged")
        path.unlink()
        self._counts["files received whole"] += 1


async def _talk(bot: Bot) -> None:
    while True:
        await asyncio.sleep(random.uniform(*_TALK))
        with suppress(UsiError):
            await bot.say(random.choice(bot.rooms or [FIRST_ROOM]))


async def _send_files(bots: list[Bot], folder: Path) -> None:
    for number in itertools.count():
        await asyncio.sleep(_FILES)
        one, other = random.sample(bots, 2)
        to_a_room = random.random() < _TO_A_ROOM
        path = folder / f"file-{number}"
        content = random.randbytes(random.randrange(_LARGEST_TO_A_ROOM if to_a_room else _LARGEST))
        path.write_bytes(content + hashlib.sha256(content).digest())
        with suppress(UsiError):  # the other one is away, or in none of its rooms
            if to_a_room:
                await one.send(path, room=random.choice(one.rooms or [FIRST_ROOM]))
            else:
                await one.send(path, other.name)
        (folder / f"file-{number - 20}").unlink(missing_ok=True)


async def _move(bots: list[Bot]) -> None:
    while True:
        await asyncio.sleep(_MOVES)
        with suppress(UsiError):
            await random.choice(bots).move()


async def _come_and_go(bots: list[Bot]) -> None:
    while True:
        await asyncio.sleep(_LEAVES)
        bot = random.choice(bots)
        await bot.go()
        await asyncio.sleep(random.uniform(0.0, _LEAVES / 2))
        await bot.come()


async def _cut(bots: list[Bot]) -> None:
    while True:
        await asyncio.sleep(_CUTS)
        random.choice(bots).cut()


async def _fill(bots: list[Bot], truth: Truth) -> None:
    """Let everybody hear so much that what a member remembers of posts is full: growth behind that is none of it."""
    expected = 0
    for _ in range(SHOWN_KEPT // len(bots) + 1):
        for bot in bots:
            for room in bot.rooms:
                await bot.say(room)
                expected += sum(room in other.rooms for other in bots) - 1
        while truth.counts["messages heard"] < expected:  # noqa: ASYNC110 (a count that others make)
            await asyncio.sleep(0.02)


class Crowd:
    """All bots, and what they do."""

    def __init__(self, bots: list[Bot], folder: Path, truth: Truth) -> None:
        self._bots = bots
        self._truth = truth
        lives: list[Coroutine[Any, Any, None]] = [_talk(bot) for bot in bots]
        lives += [_send_files(bots, folder), _move(bots), _come_and_go(bots), _cut(bots)]
        self._lives = [asyncio.ensure_future(life) for life in lives]

    def report(self) -> dict[str, Any]:
        gc.collect()
        self._truth.settle()
        answer: dict[str, Any] = {"rss": resident(), "open": open_files()}
        answer |= {"counts": self._truth.counts, "wrong": self._truth.wrong}
        for life in self._lives:
            if life.done() and not life.cancelled() and (error := life.exception()) is not None:
                answer["error"] = repr(error)
        return answer

    async def finish(self) -> None:
        """Stop, and let one after another go: those who are left have then heard all of it."""
        for life in self._lives:
            life.cancel()
        await asyncio.gather(*self._lives, return_exceptions=True)
        for bot in self._bots:
            await bot.go()
        if not self._truth.settle():
            self._truth.wrong.append("messages were never answered")


async def main(port: int, count: int, folder: Path) -> None:
    raise_file_limit()
    truth = Truth()
    bots = [Bot(number, key, port, folder, truth) for number, key in zip(range(count), keys(), strict=False)]
    for bot in bots:
        await bot.come()
    while any(len(bot.rooms) < 3 for bot in bots):  # noqa: ASYNC110 (events that others take)
        await asyncio.sleep(0.02)
    await _fill(bots, truth)
    crowd = Crowd(bots, folder, truth)
    asked: asyncio.Queue[str] = asyncio.Queue()
    loop = asyncio.get_running_loop()

    def read() -> None:
        for line in sys.stdin:
            loop.call_soon_threadsafe(asked.put_nowait, json.loads(line)["command"])
        loop.call_soon_threadsafe(asked.put_nowait, "end")

    threading.Thread(target=read, daemon=True).start()
    while (command := await asked.get()) != "end":
        if command == "finish":
            await crowd.finish()
        print(json.dumps(crowd.report()), flush=True)
    await crowd.finish()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])))
