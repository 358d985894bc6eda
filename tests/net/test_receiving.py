"""What is received, between real peers over real sockets: what is fetched, kept, taken up again and thrown away.

Senders that are no honest ones are in tests/net/test_files_hostile.py.
"""

from __future__ import annotations

import random
import shutil
from pathlib import Path
from typing import Any

import pytest

from usi.core import events as ev
from usi.core.transfer import CHUNK
from usi.store.part import FilePart

from .conftest import House, Seat
from .sharing import QUICK, Room, held, offered, passed, sha256, tree, written


async def test_accept_files_asks_nobody(house: House, room: Room, tmp_path: Path) -> None:
    (alice,) = await room.open("alice")
    port, folder = room.host.port, room.downloads("bob")
    bob = await house.guest("bob", port, downloads=folder, accept_files=True, **QUICK)
    paths = [written(tmp_path, f"{number}.bin", CHUNK) for number in range(6)]
    for path in paths:
        await alice.says(f"/send {path}")
    await bob.hears(ev.FileDone, count=6)
    assert tree(folder) == {path.name: path.read_bytes() for path in paths}


async def test_nothing_is_fetched_unasked(room: Room, tmp_path: Path) -> None:
    alice, bob = await room.open("alice", "bob", wired=("bob",))
    await offered(alice, written(tmp_path, "a.bin", 10), bob)
    await alice.says("something else")
    await bob.hears(ev.Message)
    assert not room.wire.dialled
    assert not room.downloads("bob").exists()


async def test_a_decline_is_told_once_and_closes_the_offer(room: Room, tmp_path: Path) -> None:
    alice, bob = await room.open("alice", "bob")
    (offer,) = await offered(alice, written(tmp_path, "a.bin", 10), bob)
    await bob.says("/decline")
    closed = await bob.hears(ev.FileClosed)
    assert closed.code == "declined"
    said = await alice.hears(ev.Notice, code="file-declined")
    assert "bob" in said.text
    assert "a.bin" in said.text
    await bob.says(f"/accept {offer.transfer}", f"/decline {offer.transfer}")
    await bob.hears(ev.Error, code="offer-closed", count=2)
    assert len(alice.all(ev.Notice)) == 1


async def test_what_was_received_cannot_be_declined(room: Room, tmp_path: Path) -> None:
    alice, bob = await room.open("alice", "bob")
    done = await passed(alice, bob, written(tmp_path, "a.bin", 10))
    await bob.says(f"/decline {done.transfer}")
    await bob.hears(ev.Error, code="received-already")
    await bob.says("thank you")
    await alice.hears(ev.Message, text="thank you")
    assert not alice.all(ev.Notice, code="file-declined")
    assert not bob.all(ev.FileClosed)


async def test_a_receiver_stops_keeps_what_it_has_and_goes_on_later(room: Room, tmp_path: Path) -> None:
    alice, bob, path, offer = await held(room, tmp_path)
    await bob.says("/cancel")
    failed = await bob.hears(ev.FileFailed)
    assert failed.code == "cancelled"
    assert failed.kept == 2 * CHUNK
    assert (await alice.hears(ev.FileFailed)).code == "cancelled-there"
    room.wire.flowing.set()
    room.wire.passed = 0
    await bob.says(f"/accept {offer.transfer}")
    await bob.hears(ev.FileDone)
    assert (room.downloads("bob") / "a.bin").read_bytes() == path.read_bytes()
    assert room.wire.passed < 5 * CHUNK  # with what was on its way when it was held


async def test_a_receiver_throws_away_what_it_has(room: Room, tmp_path: Path) -> None:
    alice, bob, _, offer = await held(room, tmp_path)
    await bob.says(f"/decline {offer.transfer}")
    assert (await bob.hears(ev.FileClosed)).code == "declined"
    await alice.hears(ev.Notice, code="file-declined")
    assert list(room.downloads("bob").iterdir()) == []


async def test_a_wire_cut_ten_times_at_random_points(room: Room, tmp_path: Path) -> None:
    cuts = 10  # several of them in a row may let no whole chunk through
    alice, bob = await room.open("alice", "bob", wired=("alice", "bob"), transfer_tries=cuts)
    size = 12 * CHUNK + 1_234
    path = written(tmp_path, "a.bin", size)
    seed = random.randrange(2**32)
    dice = random.Random(seed)
    room.wire.cuts = [dice.randrange(2, 2 * CHUNK) for _ in range(cuts)]
    done = await passed(alice, bob, path)
    assert done.sha256 == sha256(path) == sha256(Path(done.path)), seed
    assert not room.wire.cuts
    assert bob.all(ev.Notice, code="file-reconnecting")
    assert not bob.all(ev.FileFailed)


async def test_a_cut_folder_goes_on(room: Room, tmp_path: Path) -> None:
    alice, bob = await room.open("alice", "bob", wired=("bob",))
    folder = tmp_path / "things"
    folder.mkdir()
    for number in range(40):
        written(folder, f"{number:02}", number * 5_000)
    room.wire.cuts = [CHUNK + 300, 2 * CHUNK + 300, CHUNK + 1, CHUNK - 1]
    done = await passed(alice, bob, folder)
    assert tree(Path(done.path)) == tree(folder)
    assert not room.wire.cuts


@pytest.mark.parametrize("chunks", [1, 3])
@pytest.mark.parametrize("more", [0, 7])
async def test_a_cut_behind_the_last_byte(room: Room, tmp_path: Path, chunks: int, more: int) -> None:
    """All has come, and then a reset in place of an end: the last chunk comes again, and nothing is lost."""
    alice, bob = await room.open("alice", "bob", wired=("bob",))
    size = chunks * CHUNK + more
    path = written(tmp_path, "a.bin", size)
    sealed = 32 + size + 16 * -(-size // CHUNK) + 256
    room.wire.cuts, room.wire.reset = [sealed], True
    done = await passed(alice, bob, path)
    assert done.sha256 == sha256(path)
    assert not room.wire.cuts


async def test_silence_is_told_and_mended(room: Room, tmp_path: Path) -> None:
    alice, bob = await room.open("alice", "bob", wired=("bob",), stall_seconds=0.2)
    path = written(tmp_path, "a.bin", 2 * CHUNK)
    room.wire.flowing.clear()
    await offered(alice, path, bob)
    await bob.says("/accept")
    said = await bob.hears(ev.Notice, code="file-reconnecting")
    assert "no data for" in said.text
    room.wire.flowing.set()
    assert (await bob.hears(ev.FileDone)).sha256 == sha256(path)


async def test_a_transfer_that_never_moves_is_given_up(room: Room, tmp_path: Path) -> None:
    alice, bob = await room.open("alice", "bob", wired=("bob",), stall_seconds=0.05, transfer_tries=2)
    room.wire.flowing.clear()
    await offered(alice, written(tmp_path, "a.bin", 10), bob)
    await bob.says("/accept")
    failed = await bob.hears(ev.FileFailed)
    assert failed.code == "file-stalled"
    assert (await alice.hears(ev.FileFailed)).code == "failed-there"
    assert len(bob.all(ev.Notice, code="file-reconnecting")) == 2


async def test_a_receiver_that_is_started_again_fetches_only_what_is_missing(room: Room, tmp_path: Path) -> None:
    alice, bob, path, _ = await held(room, tmp_path)
    await bob.leave()
    room.wire.flowing.set()
    room.wire.passed = 0
    carol = await room.guest("carol", wired=True, folder="bob")  # another key, the same folder
    offer = await carol.hears(ev.FileOffer)
    assert (offer.kept, offer.from_, offer.name, offer.id) == (2 * CHUNK, "alice", "a.bin", "")
    await carol.says("/accept")
    done = await carol.hears(ev.FileDone)
    assert done.sha256 == sha256(path) == sha256(Path(done.path))
    assert room.wire.passed < 5 * CHUNK  # with what was on its way when it was held
    assert tree(room.downloads("bob")) == {"a.bin": path.read_bytes()}
    await alice.hears(ev.FileDone, peer="carol")


async def test_a_receiver_that_is_started_again_before_the_sender_is_back(room: Room, tmp_path: Path) -> None:
    """The sender's program is another one: nobody offers that transfer any more, and the part stays."""
    alice, bob, _, _ = await held(room, tmp_path)
    await bob.leave()
    await alice.leave()
    carol = await room.guest("carol", folder="bob")
    alice = await room.guest("alice")
    offer = await carol.hears(ev.FileOffer)
    await carol.says(f"/accept {offer.transfer}")
    assert (await carol.hears(ev.FileFailed)).code == "withdrawn"
    assert (room.downloads("bob") / "a.bin.part").stat().st_size == 2 * CHUNK


@pytest.mark.parametrize("again", [False, True])
async def test_what_is_kept_of_a_sender_who_is_gone_is_listed_and_can_be_thrown_away(
    room: Room, tmp_path: Path, again: bool
) -> None:
    alice, bob, _, offer = await held(room, tmp_path)
    folder = room.downloads("bob")
    if again:
        await bob.leave()
        await alice.leave()
        bob = await room.guest("carol", folder="bob")
    else:
        await alice.leave()
        await bob.hears(ev.FileFailed, code="sender-gone")
    (row,) = await listed(bob)
    assert (row.state, row.name, row.peer) == ("kept", "a.bin", "alice")
    assert (row.direction, row.done, row.size) == ("in", 2 * CHUNK, 6 * CHUNK)
    assert row.transfer == offer.transfer
    await bob.says(f"/accept {row.transfer}")
    await bob.hears(ev.Error, code="offer-closed")
    assert len(list(folder.iterdir())) == 2
    await bob.says(f"/decline {row.transfer}")
    assert "a.bin" in (await bob.hears(ev.Notice, code="kept-gone")).text
    assert not list(folder.iterdir())
    assert [row.state for row in await listed(bob)] == ([] if again else ["failed"])
    await bob.says(f"/decline {row.transfer}")
    assert (await bob.hears(ev.Error, count=2)).code in ("offer-closed", "no-such-transfer")


async def test_what_is_kept_is_offered_again_with_its_sender_and_listed_once(room: Room, tmp_path: Path) -> None:
    alice, bob, _, offer = await held(room, tmp_path)
    await alice.leave()
    await bob.hears(ev.FileFailed, code="sender-gone")
    receiving = bob.peer._files._receiving  # type: ignore[union-attr]
    for _ in range(2):
        await receiving.look_for_parts()  # as when there is a host again
        assert [(row.transfer, row.state) for row in await listed(bob)] == [(offer.transfer, "kept")]
    await room.guest("alice")
    again = await bob.hears(ev.FileOffer, kept=2 * CHUNK)
    assert [(row.transfer, row.state) for row in await listed(bob)] == [
        (offer.transfer, "failed"), (again.transfer, "offered")
    ]  # fmt: skip
    await bob.says(f"/decline {offer.transfer}")
    await bob.hears(ev.Error, code="offer-closed")
    assert (room.downloads("bob") / "a.bin.part").exists()


async def listed(seat: Seat) -> list[ev.TransferRow]:
    before = len(seat.all(ev.Files))
    await seat.says("/files")
    return (await seat.hears(ev.Files, count=before + 1)).transfers


async def test_one_receiver_takes_some_at_once_and_the_rest_in_turn(room: Room, tmp_path: Path) -> None:
    alice, bob = await room.open("alice", "bob", transfers_in=2)
    paths = [written(tmp_path, f"{number}.bin", CHUNK + number) for number in range(7)]
    for path in paths:
        await offered(alice, path, bob)
    await bob.says(*(f"/accept {number}" for number in range(1, 8)))
    await bob.hears(ev.FileDone, count=7)
    assert tree(room.downloads("bob")) == {path.name: path.read_bytes() for path in paths}


async def test_a_disk_that_is_full_from_the_start(room: Room, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    alice, bob = await room.open("alice", "bob")
    await offered(alice, written(tmp_path, "a.bin", 2 * CHUNK), bob)
    usage = shutil.disk_usage(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=16 * 1024 * 1024 + 100))
        await bob.says("/accept")
        failed = await bob.hears(ev.FileFailed)
    assert failed.code == "disk-full"
    assert "MB" in failed.text
    assert not alice.all(ev.FileFailed)  # nobody has asked for it yet
    assert tree(room.downloads("bob")) == {}
    await bob.says("/accept")
    await bob.hears(ev.FileDone)


async def test_a_disk_that_fills_up_amid(room: Room, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Writing fails behind the second chunk, as a full disk makes it fail; what is there is kept, and goes on."""
    alice, bob = await room.open("alice", "bob")
    path = written(tmp_path, "a.bin", 4 * CHUNK)
    await offered(alice, path, bob)
    real = FilePart.write

    def full(part: Any, data: memoryview) -> None:
        if part.at >= 2 * CHUNK:
            raise OSError(28, "No space left on device")
        real(part, data)

    with monkeypatch.context() as patch:
        patch.setattr(FilePart, "write", full)
        await bob.says("/accept")
        failed = await bob.hears(ev.FileFailed)
    assert (failed.code, failed.kept) == ("disk-full", 2 * CHUNK)
    await bob.says("/accept")
    assert (await bob.hears(ev.FileDone)).sha256 == sha256(path)
