"""What is sent, between real peers over real sockets: what can be offered, who is served, and what a sender is told.

Receivers that are no honest ones are in tests/net/test_relay.py.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from usi.core import events as ev
from usi.core.crypto import random_bytes
from usi.core.errors import TransferCancelled, UnreadableFile
from usi.core.transfer import CHUNK
from usi.net import sending
from usi.store.source import Source

from .sharing import Room, content, held, offered, sha256, written


async def test_several_receivers_each_get_it(room: Room, tmp_path: Path) -> None:
    alice, bob, carol = await room.open("alice", "bob", "carol")
    path = written(tmp_path, "a.bin", 2 * CHUNK + 7)
    readers = [bob, carol, room.host]
    for reader, offer in zip(readers, await offered(alice, path, *readers), strict=True):
        await reader.says(f"/accept {offer.transfer}")
    for reader in readers:
        assert content((await reader.hears(ev.FileDone)).path) == path.read_bytes()
    await alice.hears(ev.FileDone, count=3)
    assert {event.peer for event in alice.all(ev.FileDone)} == {"bob", "carol", "host"}


async def test_a_slow_receiver_delays_nobody(room: Room, tmp_path: Path) -> None:
    alice, bob, carol = await room.open("alice", "bob", "carol", wired=("carol",))
    path = written(tmp_path, "a.bin", 40 * CHUNK)
    room.wire.flowing.clear()
    for_bob, for_carol = await offered(alice, path, bob, carol)
    await carol.says(f"/accept {for_carol.transfer}")
    await bob.says(f"/accept {for_bob.transfer}")
    await bob.hears(ev.FileDone)
    await alice.says("still talking")
    await carol.hears(ev.Message, text="still talking")
    assert not carol.all(ev.FileDone)
    room.wire.flowing.set()
    await carol.hears(ev.FileDone)


class Slow:
    """A disk that takes its time: what is looked through there waits for `go`."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.go, self.asked = threading.Event(), 0
        self._open = sending._open_first
        monkeypatch.setattr(sending, "_open_first", self._look)
        monkeypatch.setattr(sending, "_QUICK", 0.01)

    def _look(self, line: str, given_up: Callable[[], bool]) -> Any:
        while not self.go.wait(0.01):
            self.asked += 1
            if given_up():
                raise TransferCancelled
        return self._open(line, given_up)


async def test_looking_through_a_large_folder_holds_nobody_up(
    room: Room, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice, bob = await room.open("alice", "bob")
    path, slow = written(tmp_path, "a.bin", 10), Slow(monkeypatch)
    await alice.says(f"/send {path}", "meanwhile")
    await bob.hears(ev.Message, text="meanwhile")
    assert "a.bin" in (await alice.hears(ev.Notice, code="file-looking")).text
    assert not bob.all(ev.FileOffer)
    settling = asyncio.create_task(alice.peer.settle())
    await alice.says("still there")
    await bob.hears(ev.Message, text="still there")
    assert not settling.done(), "it is still to be offered"
    slow.go.set()
    await bob.hears(ev.FileOffer)
    await bob.says("/accept")
    await settling
    assert alice.all(ev.FileDone)


async def test_what_turns_out_later_to_be_nothing_is_told_and_counts(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    (alice,) = await room.open("alice")
    slow = Slow(monkeypatch)
    await alice.says("/send /no/such")
    await alice.hears(ev.Notice, code="file-looking")
    settling = asyncio.create_task(alice.peer.settle())
    slow.go.set()
    await settling
    error = await alice.hears(ev.Error)
    assert (error.code, error.message) == ("no-such-file", "/send /no/such")
    await alice.leave()
    assert alice.peer.exit_status == 1


@pytest.mark.parametrize("when", ["waited for", "gone on"])
async def test_leaving_does_not_wait_until_a_folder_is_looked_through(
    room: Room, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    (alice,) = await room.open("alice")
    slow = Slow(monkeypatch)
    if when == "waited for":
        monkeypatch.setattr(sending, "_QUICK", 60.0)
        saying = asyncio.create_task(alice.says(f"/send {tmp_path}"))
        await room.eventually(lambda: slow.asked)
        saying.cancel()
    else:
        await alice.says(f"/send {tmp_path}")
    await alice.leave()
    await room.eventually(lambda: not alice.peer._files._sending.looking)


async def test_a_withdrawn_offer_is_closed_everywhere(room: Room, tmp_path: Path) -> None:
    alice, bob = await room.open("alice", "bob")
    (offer,) = await offered(alice, written(tmp_path, "a.bin", 10), bob)
    await alice.says("/cancel")
    assert (await alice.hears(ev.FileClosed)).code == "taken-back"
    assert (await bob.hears(ev.FileClosed)).code == "withdrawn"
    await bob.says(f"/accept {offer.transfer}")
    await bob.hears(ev.Error, code="offer-closed")
    await alice.says("/cancel")
    await alice.hears(ev.Error, code="nothing-offered")


async def test_a_sender_takes_it_back_amid(room: Room, tmp_path: Path) -> None:
    alice, bob, _, _ = await held(room, tmp_path)
    await alice.says("/cancel")
    assert (await bob.hears(ev.FileFailed)).code == "withdrawn"
    assert (await alice.hears(ev.FileClosed)).code == "taken-back"
    assert sorted(entry.name for entry in room.downloads("bob").iterdir()) == ["a.bin.part", "a.bin.part.json"]


async def test_what_cannot_be_offered(room: Room, tmp_path: Path) -> None:
    (alice,) = await room.open("alice")
    os.mkfifo(tmp_path / "pipe")
    for line, code in {
        f"{tmp_path}/none": "no-such-file",
        f"{tmp_path}/pipe": "not-a-file",
        "file://[": "no-such-file",
        "file:": "no-such-file",
        "\\": "no-such-file",
        "~nobody/x": "no-such-file",
    }.items():
        await alice.says(f"/send {line}")
        error = await alice.hears(ev.Error, code=code)
        assert error.message == f"/send {line}"
        alice.told.clear()


CHANGES: dict[str, Callable[[Path], object]] = {
    "content": lambda path: path.write_bytes(random_bytes(path.stat().st_size)),
    "size": lambda path: path.write_bytes(b"short"),
    "longer": lambda path: path.write_bytes(path.read_bytes() + b"more"),
    "replaced": lambda path: (shutil.copy2(path, f"{path}.new"), os.replace(f"{path}.new", path)),
    "gone": lambda path: path.unlink(),
    "link": lambda path: (path.rename(f"{path}.old"), path.symlink_to(f"{path}.old")),
}


@pytest.mark.parametrize("amid", [False, True])
@pytest.mark.parametrize("change", CHANGES)
async def test_a_file_that_changed_is_refused_on_both_sides(
    room: Room, tmp_path: Path, change: str, amid: bool
) -> None:
    if amid:
        alice, bob, path, _ = await held(room, tmp_path)
        CHANGES[change](path)
        room.wire.flowing.set()
        room.wire.cut()  # it goes on from where it was
    else:
        alice, bob = await room.open("alice", "bob")
        path = written(tmp_path, "a.bin", 2 * CHUNK)
        await offered(alice, path, bob)
        CHANGES[change](path)
        await bob.says("/accept")
    assert (await alice.hears(ev.FileFailed)).code == "file-changed"
    assert (await bob.hears(ev.FileFailed)).code == "changed-there"
    assert (await alice.hears(ev.FileClosed)).code == "file-changed"


async def test_too_many_transfers_wait_their_turn_and_complete(room: Room, tmp_path: Path) -> None:
    alice, bob, carol = await room.open("alice", "bob", "carol", transfers_out=1, wired=("carol",))
    path = written(tmp_path, "a.bin", 30 * CHUNK)
    for_bob, for_carol = await offered(alice, path, bob, carol)
    room.wire.flowing.clear()
    await carol.says(f"/accept {for_carol.transfer}")
    await alice.hears(ev.FileOffer)
    await bob.says(f"/accept {for_bob.transfer}")
    await carol.says("/files")
    room.wire.flowing.set()
    for seat in (bob, carol):
        assert (await seat.hears(ev.FileDone)).sha256 == sha256(path)
        assert not seat.all(ev.FileFailed)


async def test_a_trickling_receiver_yields_its_place_at_the_sender_and_goes_on_later(
    room: Room, tmp_path: Path
) -> None:
    alice, bob, path, _ = await held(room, tmp_path, transfers_out=1, slow_transfer_seconds=0.2)
    carol = await room.guest("carol")
    (for_carol,) = await offered(alice, written(tmp_path, "b.bin", CHUNK), carol)
    await carol.says(f"/accept {for_carol.transfer}")
    await carol.hears(ev.FileDone)
    assert not bob.all(ev.FileFailed)
    room.wire.flowing.set()
    assert content((await bob.hears(ev.FileDone)).path) == path.read_bytes()
    await alice.hears(ev.FileDone, count=2)
    assert not alice.all(ev.FileFailed)


async def test_a_trickling_transfer_yields_its_place_at_the_host_and_goes_on_later(
    room: Room, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("usi.core.fetches.TRANSFERS", 1)
    alice, bob, path, _ = await held(room, tmp_path, slow_transfer_seconds=0.2)
    carol = await room.guest("carol")
    (for_carol,) = await offered(alice, written(tmp_path, "b.bin", CHUNK), carol)
    await carol.says(f"/accept {for_carol.transfer}")
    await carol.hears(ev.FileDone)
    assert not bob.all(ev.FileFailed)
    room.wire.flowing.set()
    assert (await bob.hears(ev.FileDone)).sha256 == sha256(path)
    assert not alice.all(ev.FileFailed)
    assert not carol.all(ev.FileFailed)


async def test_an_unreadable_file_is_told_on_both_sides(
    room: Room, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice, bob = await room.open("alice", "bob")
    await offered(alice, written(tmp_path, "a.bin", 10), bob)

    def broken(source: Source, first: int, size: int) -> Any:
        raise UnreadableFile(path="a.bin", why="input/output error")

    monkeypatch.setattr(Source, "read", broken)
    await bob.says("/accept")
    assert (await alice.hears(ev.FileFailed)).code == "unreadable-file"
    assert (await bob.hears(ev.FileFailed)).code == "unreadable-there"
