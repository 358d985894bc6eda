"""What `--plain` and `--json` show of what a peer tells, and what they do with lines.

The programs themselves, with pipes and signals, are in tests/test_program.py.
"""

from __future__ import annotations

import asyncio
import io
import json
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from usi.config import Settings
from usi.core import events as ev
from usi.ui import plain

NOW = datetime(2026, 3, 1, 12, 34, 56, tzinfo=UTC)
ID = "0123456789abcdef" * 4
MOVING: dict[str, Any] = {"time": NOW, "direction": "in", "peer": "alice", "name": "a.txt", "size": 100, "rate": 10}


class Stub:
    """Stands in for a peer: tells these events until it is closed, and takes every line."""

    exit_status = 0
    failure = None
    lost = False

    def __init__(self, happens: list[ev.Event]) -> None:
        self.happens = happens
        self.told, self.closed = asyncio.Event(), asyncio.Event()

    async def start(self) -> None: ...

    async def events(self) -> AsyncIterator[ev.Event]:
        for event in self.happens:
            yield event
        self.told.set()
        await self.closed.wait()

    async def enter(self, line: str) -> bool:
        return True

    async def settle(self) -> None:
        await self.told.wait()

    async def close(self) -> None:
        self.closed.set()


async def shown(
    monkeypatch: pytest.MonkeyPatch, *happens: ev.Event, as_json: bool = False, typed: str = "", messages: bool = True
) -> list[str]:
    """The lines of output of a run in which this happens, and is typed."""
    output = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(output))
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(typed.encode())))
    monkeypatch.setattr(plain, "Peer", lambda settings: Stub(list(happens)))
    settings = Settings(False, "bob", downloads=Path("/nonexistent"))
    assert await plain._Plain(settings, as_json=as_json, stay=False, messages=messages).run() == 0
    return output.getvalue().decode().splitlines()


def connected(*rooms: str) -> ev.Connected:
    return ev.Connected(
        time=NOW, host="h", port=1, name="bob", member=ID, rooms=list(rooms), fingerprint=ID, words=["one"],
        cipher="AES", key_exchange="RSA", key_fingerprint=ID, verified=True,
    )  # fmt: skip


def message(room: str) -> ev.Message:
    return ev.Message(
        time=NOW, id="00", room=room, from_="alice", member=ID, text="hello", sent_at=NOW, mine=False, signature="good"
    )


async def test_a_message_of_one_of_several_rooms_begins_with_the_room(monkeypatch: pytest.MonkeyPatch) -> None:
    entered = ev.RoomEntered(time=NOW, room="tea", topic="", restricted=False, members=[ID])
    left = ev.RoomLeft(time=NOW, room="tea", code="left-room", text="You left #tea.")
    lines = await shown(
        monkeypatch, connected("general"), message("general"), entered, message("tea"), left, message("general")
    )
    assert [line.partition("[")[0] for line in lines if line.endswith("alice: hello")] == ["", "#tea ", ""]


@pytest.mark.parametrize("as_json", [False, True])
async def test_what_is_said_is_not_shown_to_whom_it_does_not_concern(
    monkeypatch: pytest.MonkeyPatch, as_json: bool
) -> None:
    """For the journal of a service, which others read, and which is not sealed."""
    hit = ev.Hit(id="00", number=1, from_="alice", member=ID, text="hello", sent_at=NOW, signature="good")
    happens = (
        connected("general"),
        message("general"),
        ev.Found(time=NOW, room="general", text="hell", hits=[hit], more=False),
        ev.Failed(time=NOW, id="00", code="cut", text="It was cut.", message="hello"),
        ev.Error(time=NOW, code="empty", text="No.", message="hello"),
        ev.Notice(time=NOW, code="x", text="a notice"),
    )
    lines = await shown(monkeypatch, *happens, as_json=as_json, messages=False)
    assert not any("hello" in line for line in lines)
    assert "a notice" in lines[-1]


async def test_progress_is_told_to_a_person_now_and_then_and_to_a_program_always(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    steps = [ev.FileProgress(**MOVING, transfer=number % 2, done=number) for number in range(8)]
    assert await shown(monkeypatch, *steps) == []
    told = [json.loads(line) for line in await shown(monkeypatch, *steps, as_json=True)]
    assert [event["done"] for event in told] == list(range(8))
    with monkeypatch.context() as patch:
        patch.setattr(plain, "_PROGRESS_SECONDS", 0.0)
        assert len(await shown(patch, *steps)) == 8


async def test_without_notifications_there_are_none_to_mute(monkeypatch: pytest.MonkeyPatch) -> None:
    (line,) = await shown(monkeypatch, typed="hello\n\n  \n/mute\n")
    assert "-n" in line
