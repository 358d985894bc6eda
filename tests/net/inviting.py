"""What tests of codes, passwords and keys share: peers that start with what these need."""

from __future__ import annotations

import asyncio
from typing import Any

from usi.config import Settings
from usi.core import events as ev
from usi.core import invitation, wire
from usi.core.invitation import locator_of
from usi.core.session import Role, Session

HERE = "127.0.0.1"


async def host_of(house: Any, key: str = "host", **settings: Any) -> Any:
    seat = await house.open(Settings(True, "host", HERE, **{"port": 0, **settings}), house.keys[key])
    await seat.hears(ev.Users)
    return seat


async def guest_of(house: Any, port: int, name: str = "alice", **settings: Any) -> Any:
    seat = await house.open(Settings(False, name, HERE, port, **settings), house.keys[name])
    await seat.hears(ev.Users)
    return seat


async def inviting_host(house: Any, **settings: Any) -> tuple[Any, str]:
    host = await host_of(house, invite=True, **settings)
    made = await host.hears(ev.Invitation, state="open")
    assert made.code
    return host, made.code


def wrong(code: str, number: int = 0) -> str:
    """Another code of the same invitation."""
    return f"{locator_of(code)}-zoo-zoo-{invitation.WORDS[number]}"


class FalseHost:
    """Somebody with another key who plays the host: `answers` says what it sends for each message it gets."""

    def __init__(self, house: Any, answers: Any) -> None:
        self.key = house.keys["mallory"]
        self.answers = answers
        self.heard: list[wire.Message] = []
        self.bytes = b""
        self.session: Session

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.session = Session(Role.HOST, self.key)
        while data := await reader.read(65_536):
            self.bytes += data
            for message in self.session.receive_data(data):
                self.heard.append(message)
                for answer in self.answers(self, message):
                    self.session.send([answer])
            writer.write(self.session.data_to_send())
