"""Transfers that are stopped, at any moment and by whoever leaves: nothing stays locked, running or open."""

from __future__ import annotations

import asyncio
import os
import threading
from pathlib import Path
from typing import Any

import pytest

from usi.core import commands
from usi.core import events as ev
from usi.core.transfer import CHUNK
from usi.store.landing import Landing

from .sharing import Room, held, offered, tree, written


async def test_stopping_in_the_very_moment_of_accepting(room: Room, tmp_path: Path) -> None:
    """The task has not run yet."""
    alice, bob = await room.open("alice", "bob")
    (offer,) = await offered(alice, written(tmp_path, "a.bin", 3 * CHUNK), bob)
    for number in range(1, 6):
        await bob.peer.do(commands.Accept(offer.transfer))
        await bob.peer.do(commands.Cancel(offer.transfer))
        await bob.hears(ev.FileFailed, code="cancelled", count=number)
    await bob.says("/files")
    (row,) = (await bob.hears(ev.Files)).transfers
    assert row.state == "failed"
    await bob.says("/accept")
    await bob.hears(ev.FileDone)
    assert list(tree(room.downloads("bob"))) == ["a.bin"]


@pytest.mark.parametrize("turns", [1, 2, 3, 5, 8, 13, 21, 34])
async def test_stopping_at_any_moment_leaves_nothing_locked(room: Room, tmp_path: Path, turns: int) -> None:
    """Whatever the transfer was at when it was stopped: the same part is taken up by the next attempt."""
    alice, bob = await room.open("alice", "bob")
    path = written(tmp_path, "a.bin", 3 * CHUNK)
    (offer,) = await offered(alice, path, bob)
    await bob.peer.do(commands.Accept(offer.transfer))
    for _ in range(turns):
        await asyncio.sleep(0)
    await bob.says("/cancel")
    await room.eventually(lambda: bob.all(ev.FileDone) or bob.all(ev.FileFailed, code="cancelled"))
    if not bob.all(ev.FileDone):
        await bob.says("/accept")
    await bob.hears(ev.FileDone)
    await alice.hears(ev.FileDone)
    assert tree(room.downloads("bob")) == {"a.bin": path.read_bytes()}


async def test_a_folder_that_takes_long_to_look_at_is_stopped_and_given_free(
    room: Room, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A landing that is ready after its transfer was stopped must not stay locked."""
    alice, bob = await room.open("alice", "bob")
    path = written(tmp_path, "a.bin", 3 * CHUNK)
    (offer,) = await offered(alice, path, bob)
    entered, go_on, real = threading.Event(), threading.Event(), Landing.begin

    def slow(*args: Any) -> Landing:
        landing = real(*args)
        entered.set()
        go_on.wait(10)
        return landing

    with monkeypatch.context() as patch:
        patch.setattr(Landing, "begin", slow)
        await bob.says("/accept")
        await asyncio.to_thread(entered.wait, 10)
        await bob.says("/cancel")
        go_on.set()
        await bob.hears(ev.FileFailed, code="cancelled")
    await bob.says(f"/accept {offer.transfer}")
    await bob.hears(ev.FileDone)
    assert tree(room.downloads("bob")) == {"a.bin": path.read_bytes()}


@pytest.mark.parametrize("who", ["alice", "bob", "host"])
async def test_leaving_amid_leaves_no_thread_and_nothing_that_passes(room: Room, tmp_path: Path, who: str) -> None:
    alice, bob, _, _ = await held(room, tmp_path)
    seat = {"alice": alice, "bob": bob, "host": room.host}[who]
    await seat.leave()
    await room.eventually(lambda: not any(place.peer._files._transfers._tasks for place in (alice, bob, room.host)))
    await room.eventually(lambda: not room.relay.rows())
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("usi-relay")] or who != "host"


async def test_fifty_transfers_leave_no_descriptor(room: Room, tmp_path: Path) -> None:
    alice, bob = await room.open("alice", "bob")
    path = written(tmp_path, "a.bin", CHUNK + 1)
    (offer,) = await offered(alice, path, bob)
    await bob.says("/accept")
    await bob.hears(ev.FileDone)

    def descriptors() -> int:
        return len(os.listdir("/proc/self/fd"))

    await room.eventually(lambda: not room.relay.rows())
    before = descriptors()
    for number in range(2, 52):
        await bob.says(f"/accept {offer.transfer}")
        await bob.hears(ev.FileDone, count=number)
    await room.eventually(lambda: not room.relay.rows() and descriptors() <= before)
    assert not room.relay._tickets
    assert not room.host.peer._side.hub.load.transfers  # type: ignore[attr-defined]
