"""`python -m benchmarks.screen`: how long the screen takes, with ten thousand messages in the transcript.

The screen runs without a terminal, on a peer that only plays its part; everything else is as in the program.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import cast

from textual.events import Key

from usi.config import Settings
from usi.core import commands
from usi.core import events as ev
from usi.net.peer import Peer
from usi.ui.tui.app import UsiApp
from usi.ui.tui.widgets.composer import Composer
from usi.ui.tui.widgets.transcript import Transcript

_SIZE = (120, 35)
_PRESENT = 10_000
_APPENDED = 300
_RATE = 100  # messages a second while keys are pressed
_KEYS = 400
_ME, _HOST, _BOB = "a1" * 32, "05" * 32, "b0" * 32


class _Peer:
    """Says what it is told to say."""

    exit_status = 0

    def __init__(self) -> None:
        self._happened: asyncio.Queue[ev.Event | None] = asyncio.Queue()

    def tell(self, *happened: ev.Event) -> None:
        for event in happened:
            self._happened.put_nowait(event)

    async def start(self) -> None:
        pass

    async def events(self) -> AsyncIterator[ev.Event]:
        while (event := await self._happened.get()) is not None:
            yield event

    async def do(self, intent: commands.Intent) -> None:
        pass

    async def close(self) -> None:
        self._happened.put_nowait(None)


def _said(number: int) -> ev.Message:
    now = datetime.now(UTC)
    text = f"message {number}, of about the usual length, with `code` and https://example.org/{number} in it"
    return ev.Message(
        time=now, id=f"{number:030x}", room="general", from_="bob", member=_BOB, text=text, sent_at=now, mine=False,
        signature="good",
    )  # fmt: skip


def _joined() -> tuple[ev.Event, ...]:
    now = datetime.now(UTC)
    people = (("host", _HOST), ("me", _ME), ("bob", _BOB))
    members = [
        ev.Member(name=name, member=id_, fingerprint=None, words=None, verified=False, me=id_ == _ME, host=id_ == _HOST)
        for name, id_ in people
    ]
    connected = ev.Connected(
        time=now, host="127.0.0.1", port=12800, name="me", member=_ME, rooms=["general"], fingerprint="00" * 32,
        words=["sierra", "tulip", "walnut", "yodel"], cipher="AES-256-OCB", key_exchange="none",
        key_fingerprint="00" * 32,
    )  # fmt: skip
    return connected, ev.Users(time=now, members=members, asked=False)


def _row(what: str, seconds: list[float]) -> None:
    ordered = sorted(value * 1000 for value in seconds)
    worst = ordered[min(len(ordered) - 1, round(len(ordered) * 0.99))]
    print(f"{what:<46} {statistics.median(ordered):8.2f} {worst:8.2f} {ordered[-1]:8.2f}", flush=True)


async def _measure() -> None:
    peer = _Peer()
    app = UsiApp(Settings(hosting=False, name="me", address="127.0.0.1"), cast(Peer, peer))
    async with app.run_test(size=_SIZE) as pilot:
        peer.tell(*_joined())
        await pilot.pause(0.3)
        transcript, composer = app.chat.transcript, app.chat.query_one(Composer)
        started = time.perf_counter()
        peer.tell(*map(_said, range(_PRESENT)))
        while len(transcript.blocks) < _PRESENT:  # noqa: ASYNC110 (there is nothing to be told by)
            await asyncio.sleep(0.001)
        await pilot.pause()
        print(f"{_PRESENT} messages in one go are there after {time.perf_counter() - started:.2f} s\n")
        print(f"{'milliseconds':<46} {'median':>8} {'99 %':>8} {'worst':>8}")
        print("-" * 73)
        await _appending(app, transcript)
        await _typing(app, peer, composer, rate=0)
        await _typing(app, peer, composer, rate=_RATE)
        await pilot.pause(0.1)


async def _appending(app: UsiApp, transcript: Transcript) -> None:
    """One message at the end: the list itself, then with the picture of it."""
    alone, drawn = [], []
    for number in range(_APPENDED):
        started = time.perf_counter()
        app.chat.hear([_said(_PRESENT + number)])
        alone.append(time.perf_counter() - started)
        for y in range(transcript.size.height):
            transcript.render_line(y)
        drawn.append(time.perf_counter() - started)
        await asyncio.sleep(0)
    _row(f"append at the end of {_PRESENT}", alone)
    _row("append, and draw the transcript", drawn)


async def _typing(app: UsiApp, peer: _Peer, composer: Composer, rate: int) -> None:
    """From a key to its letter in the input with all that the screen does in between."""
    composer.focus()
    composer.clear()
    sender = asyncio.create_task(_send(peer, rate)) if rate else None
    waited = []
    for number in range(_KEYS):
        await asyncio.sleep(0.02)
        before = len(composer.text)
        started = time.perf_counter()
        app.post_message(Key("x", "x"))
        while len(composer.text) == before:  # noqa: ASYNC110 (there is nothing to be told by)
            await asyncio.sleep(0)
        waited.append(time.perf_counter() - started)
        if number % 50 == 49:
            composer.clear()
            await asyncio.sleep(0.05)
    if sender is not None:
        sender.cancel()
    _row(f"a key, while {rate} messages a second arrive", waited)


async def _send(peer: _Peer, rate: int) -> None:
    start, number = time.perf_counter(), 0
    while True:
        due = int((time.perf_counter() - start) * rate)
        while number < due:
            peer.tell(_said(50_000 + number))
            number += 1
        await asyncio.sleep(0.5 / rate)


def main() -> int:
    asyncio.run(_measure())
    return 0


if __name__ == "__main__":
    sys.exit(main())
