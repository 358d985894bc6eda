"""Transfers between real peers over real sockets: what arrives, what is kept, and what each side is told.

Senders, receivers and wires that are no honest ones are in tests/net/test_files_hostile.py.
"""

from __future__ import annotations

import asyncio
import os
import stat
from pathlib import Path

import pytest

from usi.config import Settings
from usi.core import events as ev
from usi.core.crypto import PrivateKey
from usi.core.transfer import CHUNK
from usi.net.memory import Memory
from usi.net.peer import Peer

from .sharing import Room, content, held, offered, passed, sha256, tree, written

SIZES = [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK, 3 * CHUNK + 5]


# --- what arrives ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", SIZES)
async def test_a_file_arrives(room: Room, tmp_path: Path, size: int) -> None:
    alice, bob = await room.open("alice", "bob")
    path = written(tmp_path, "a b é.bin", size)
    path.chmod(0o777)
    done = await passed(alice, bob, path)
    there = Path(done.path)
    assert there == room.downloads("bob") / path.name
    assert content(done.path) == path.read_bytes()
    assert stat.S_IMODE(os.stat(done.path).st_mode) == 0o600
    assert (done.size, done.sha256, done.peer) == (size, sha256(path), "alice")
    assert [entry.name for entry in room.downloads("bob").iterdir()] == [path.name]
    sent = alice.all(ev.FileDone)[0]
    assert (sent.peer, sent.path, sent.size) == ("bob", str(path), size)
    for seat in (alice, bob):
        assert not seat.all(ev.FileFailed)
        assert not seat.all(ev.Notice)


async def test_a_folder_arrives_with_its_structure_and_a_second_copy_under_a_new_name(
    room: Room, tmp_path: Path
) -> None:
    alice, bob = await room.open("alice", "bob")
    folder = tmp_path / "things"
    for name, size in {"a/b/c.bin": CHUNK + 1, "a/empty": 0, "a/exact": CHUNK, "z.txt": 10, "é/ü": 5}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        written(folder, name, size)
    (folder / "nothing in it").mkdir()
    (folder / "link").symlink_to("/etc/passwd")
    first = await passed(alice, bob, folder)
    (folder / "link").unlink()
    assert tree(Path(first.path)) == tree(folder)
    assert first.sha256 is None
    assert first.size == sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    assert alice.all(ev.Notice, code="file-skipped")
    (offer,) = bob.all(ev.FileOffer)
    assert offer.files == 5
    await bob.says(f"/accept {offer.transfer}")
    second = await bob.hears(ev.FileDone, count=2)
    assert Path(second.path).name == "things (2)"
    assert tree(Path(second.path)) == tree(folder)


@pytest.mark.parametrize(("sender", "receiver"), [("host", "bob"), ("bob", "host")])
async def test_the_host_s_person_sends_and_receives(room: Room, tmp_path: Path, sender: str, receiver: str) -> None:
    (bob,) = await room.open("bob")
    seats = {"host": room.host, "bob": bob}
    path = written(tmp_path, "a.bin", 2 * CHUNK + 7)
    done = await passed(seats[sender], seats[receiver], path)
    assert content(done.path) == path.read_bytes()


async def test_peers_in_one_program_send_files_too(tmp_path: Path, keys: dict[str, PrivateKey]) -> None:
    memory, path = Memory("here"), written(tmp_path, "a.bin", 3 * CHUNK + 1)
    async with (
        Peer(Settings(True, "host"), keys["host"], memory) as host,
        Peer(Settings(False, "alice"), keys["alice"], memory) as alice,
        Peer(Settings(False, "bob", downloads=tmp_path / "of bob", accept_files=True), keys["bob"], memory) as bob,
    ):
        assert host.exit_status == 0
        await alice.enter(f"/send {path}")
        async for event in bob.events():
            if isinstance(event, ev.FileDone):
                assert content(event.path) == path.read_bytes()
                break
        await alice.settle()
    assert alice.exit_status == bob.exit_status == 0


# --- what the person asks for ----------------------------------------------------------------------------------------


async def test_numbers_that_fit_nothing(room: Room, tmp_path: Path) -> None:
    alice, bob = await room.open("alice", "bob")
    await bob.says("/accept", "/decline", "/cancel", "/accept 7")
    await bob.hears(ev.Error, code="nothing-offered", count=3)
    await bob.hears(ev.Error, code="no-such-transfer")
    for name in ("a", "b"):
        await offered(alice, written(tmp_path, name, 10), bob)
    await bob.says("/accept", "/decline")
    await bob.hears(ev.Error, code="which-transfer", count=2)
    await alice.says("/accept 1", "/decline 1", "/cancel")
    await alice.hears(ev.Error, code="own-offer", count=2)
    await alice.hears(ev.Error, code="which-transfer")


async def test_files_lists_offers_transfers_and_what_passes(room: Room, tmp_path: Path) -> None:
    alice, bob, _, _ = await held(room, tmp_path)
    await offered(alice, written(tmp_path, "b.bin", 12), bob)
    await bob.says("/files")
    rows = (await bob.hears(ev.Files)).transfers
    assert [(row.name, row.direction, row.peer) for row in rows] == [("a.bin", "in", "alice"), ("b.bin", "in", "alice")]
    assert rows[1].state == "offered"
    assert rows[0].done == 2 * CHUNK
    assert rows[0].size == 6 * CHUNK
    await room.host.says("/files")
    listed = await room.host.hears(ev.Files)
    assert [(row.from_, row.to) for row in listed.passing] == [("alice", "bob")]
    assert listed.folder == str(room.downloads("host"))
    assert "a.bin" not in repr(listed.passing)


# --- what goes wrong on the way --------------------------------------------------------------------------------------


async def test_a_sender_that_leaves_is_told_at_once_and_what_came_is_kept(room: Room, tmp_path: Path) -> None:
    alice, bob, _, _ = await held(room, tmp_path)
    await alice.leave()
    failed = await bob.hears(ev.FileFailed)
    assert (failed.code, failed.kept) == ("sender-gone", 2 * CHUNK)
    part = room.downloads("bob") / "a.bin.part"
    assert part.stat().st_size == 2 * CHUNK
    await bob.says("/accept")
    await bob.hears(ev.Error, code="nothing-offered")


async def test_a_receiver_that_leaves_is_told_at_once(room: Room, tmp_path: Path) -> None:
    alice, bob, _, _ = await held(room, tmp_path)
    await bob.leave()
    assert (await alice.hears(ev.FileFailed)).code == "receiver-gone"


async def test_a_host_that_stops_ends_all_and_keeps_what_came(room: Room, tmp_path: Path) -> None:
    alice, bob, _, _ = await held(room, tmp_path)
    await room.host.leave()
    ends = {"host-stopped", "sender-gone", "receiver-gone"}  # whichever of the goodbyes comes first
    for seat in (alice, bob):
        assert (await seat.hears(ev.FileFailed)).code in ends
    await alice.end()
    await bob.end()
    assert (room.downloads("bob") / "a.bin.part").stat().st_size == 2 * CHUNK


# --- the end of a program --------------------------------------------------------------------------------------------


async def test_to_settle_is_to_have_been_taken_by_somebody(room: Room, tmp_path: Path) -> None:
    alice, bob, carol = await room.open("alice", "bob", "carol")
    await offered(alice, written(tmp_path, "a.bin", 2 * CHUNK), bob)
    settling = asyncio.create_task(alice.peer.settle())
    await bob.says("/accept")
    await settling
    assert alice.peer.exit_status == 0
    assert alice.all(ev.FileDone)
    assert not carol.all(ev.FileDone)


async def test_what_nobody_took_is_told_and_counts_as_a_failure(room: Room, tmp_path: Path) -> None:
    alice, bob = await room.open("alice", "bob")
    path = written(tmp_path, "a.bin", 10)
    await offered(alice, path, bob, room.host)
    settling = asyncio.create_task(alice.peer.settle())
    await bob.says("/decline")
    await room.host.leave()
    await settling
    said = await alice.hears(ev.Notice, code="file-not-taken")
    assert "a.bin" in said.text
    assert alice.peer.exit_status == 1
