"""Records a real conversation for the picture of the inspector: a host and two guests in memory, with test keys."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

from screenshots.scenes import RECORDED, Recorded
from usi.config import Settings
from usi.core import commands
from usi.core import events as ev
from usi.core.crypto import PrivateKey
from usi.net.peer import Memory, Peer

_KEYS = Path(__file__).parents[1] / "tests" / "keys"
_START = datetime(2026, 11, 21, 9, 41, tzinfo=UTC)
_TALK = (
    ("carol", "Can anybody on the way read this?"),
    ("alice", "No: each record is sealed, and the text inside once more, with the room's key."),
    ("carol", "And change it?"),
    ("alice", "Then its tag would not fit, and the link would end."),
)


async def record() -> None:
    """Write what the guest alice was told."""
    memory = Memory("chat.example.net")
    told: list[ev.Event] = []
    async with AsyncExitStack() as seats:
        peers: dict[str, Peer] = {}
        for file, name in (("host", "jeanne"), ("carol", "carol"), ("alice", "alice")):
            key = PrivateKey.from_pem((_KEYS / f"{file}.pem").read_bytes())
            settings = Settings(hosting=file == "host", name=name, dev=name == "alice")
            peers[name] = await seats.enter_async_context(Peer(settings, key, memory))
        alice = peers["alice"].events()
        for name, text in _TALK:
            await peers[name].do(commands.Say(text))
            async for event in alice:
                told.append(event)
                if isinstance(event, ev.Delivered) or (isinstance(event, ev.Message) and not event.mine):
                    break
    kept = [event for event in told if isinstance(event, Recorded)]
    dated = [
        msgspec.structs.replace(event, time=_START + timedelta(seconds=number)) for number, event in enumerate(kept)
    ]
    dated = [
        msgspec.structs.replace(event, sent_at=event.time) if isinstance(event, ev.Message) else event
        for event in dated
    ]
    RECORDED.write_bytes(msgspec.json.format(msgspec.json.encode(dated), indent=1) + b"\n")


def main() -> None:
    asyncio.run(record())
