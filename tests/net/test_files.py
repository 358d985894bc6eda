"""Transfers between real peers over real sockets: what arrives, what is kept, and what each side is told.

Senders, receivers and wires that are no honest ones are in tests/net/test_files_hostile.py.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import random
import shutil
import stat
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from usi.config import Settings
from usi.core import commands
from usi.core import events as ev
from usi.core.crypto import PrivateKey, random_bytes
from usi.core.errors import UnreadableFile
from usi.core.transfer import CHUNK
from usi.net.memory import Memory
from usi.net.peer import Peer
from usi.store.landing import Landing
from usi.store.part import FilePart
from usi.store.source import Source

from .conftest import House, Seat, Wire

Eventually = Callable[[Callable[[], object]], Awaitable[None]]
QUICK: dict[str, Any] = {"retry_seconds": 0.01, "progress_seconds": 0.01}
SIZES = [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK, 3 * CHUNK + 5]


def written(folder: Path, name: str, size: int) -> Path:
    path = folder / name
    path.write_bytes(random_bytes(size))
    return path


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def content(path: str) -> bytes:
    return Path(path).read_bytes()


def tree(folder: Path) -> dict[str, bytes | None]:
    """What is in a folder: content by path, None for folders."""
    found = sorted(folder.rglob("*"))
    return {path.relative_to(folder).as_posix(): path.read_bytes() if path.is_file() else None for path in found}


class Room:
    """A host with alice and bob, each with a folder of downloads; guests reach it over `wire` where there is one."""

    def __init__(self, house: House, tmp_path: Path, eventually: Eventually) -> None:
        self.house = house
        self.eventually = eventually
        self.tmp = tmp_path
        self.host: Seat
        self.wire: Wire

    def downloads(self, who: str) -> Path:
        return self.tmp / f"of {who}"

    async def open(self, *guests: str, wired: tuple[str, ...] = (), **limits: Any) -> list[Seat]:
        self.host = await self.house.host(downloads=self.downloads("host"), **QUICK | limits)
        self.wire = await self.house.wire(self.host.port)
        return [await self.guest(who, wired=who in wired, **limits) for who in guests]

    async def guest(self, who: str, *, wired: bool = False, folder: str = "", **limits: Any) -> Seat:
        port = self.wire.port if wired else self.host.port
        return await self.house.guest(who, port, downloads=self.downloads(folder or who), **QUICK | limits)


    @property
    def relay(self) -> Any:
        return self.host.peer._side.relay  # type: ignore[attr-defined]


@pytest.fixture
def room(house: House, tmp_path: Path, eventually: Eventually) -> Room:
    return Room(house, tmp_path, eventually)


async def offered(sender: Seat, path: Path, *readers: Seat) -> list[ev.FileOffer]:
    """Let a file be offered; returns what each of these is told of it."""
    await sender.says(f"/send {path}")
    return [await reader.hears(ev.FileOffer, mine=False, name=path.name) for reader in readers]


async def passed(sender: Seat, receiver: Seat, path: Path) -> ev.FileDone:
    """Offer, accept, and wait until both say that it is done; returns what the receiver is told."""
    (offer,) = await offered(sender, path, receiver)
    await receiver.says(f"/accept {offer.transfer}")
    done = await receiver.hears(ev.FileDone, direction="in", transfer=offer.transfer)
    await sender.hears(ev.FileDone, direction="out", name=path.name)
    return done


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


async def test_accept_files_asks_nobody(house: House, room: Room, tmp_path: Path) -> None:
    (alice,) = await room.open("alice")
    port, folder = room.host.port, room.downloads("bob")
    bob = await house.guest("bob", port, downloads=folder, accept_files=True, **QUICK)
    paths = [written(tmp_path, f"{number}.bin", CHUNK) for number in range(6)]
    for path in paths:
        await alice.says(f"/send {path}")
    await bob.hears(ev.FileDone, count=6)
    assert tree(folder) == {path.name: path.read_bytes() for path in paths}


# --- accept, decline, cancel, withdraw -------------------------------------------------------------------------------


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


async def held(room: Room, tmp_path: Path, **limits: Any) -> tuple[Seat, Seat, Path, ev.FileOffer]:
    """A transfer from alice to bob that has its connections, and whose bytes are held back."""
    alice, bob = await room.open("alice", "bob", wired=("bob",), **limits)
    path = written(tmp_path, "a.bin", 6 * CHUNK)
    (offer,) = await offered(alice, path, bob)
    room.wire.cuts, room.wire.then_hold = [2 * CHUNK + 5_000], True
    await bob.says(f"/accept {offer.transfer}")
    await bob.hears(ev.Notice, code="file-reconnecting")
    await room.eventually(lambda: room.wire.dialled == 2 and room.relay.rows())
    return alice, bob, path, offer


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


async def test_a_sender_takes_it_back_amid(room: Room, tmp_path: Path) -> None:
    alice, bob, _, _ = await held(room, tmp_path)
    await alice.says("/cancel")
    assert (await bob.hears(ev.FileFailed)).code == "withdrawn"
    assert (await alice.hears(ev.FileClosed)).code == "taken-back"
    assert sorted(entry.name for entry in room.downloads("bob").iterdir()) == ["a.bin.part", "a.bin.part.json"]


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


async def test_a_trickling_transfer_yields_its_place_at_the_host_and_goes_on_later(
    room: Room, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("usi.core.hub.TRANSFERS", 1)
    alice, bob, path, _ = await held(room, tmp_path, slow_transfer_seconds=0.2)
    carol = await room.guest("carol")
    (for_carol,) = await offered(alice, written(tmp_path, "b.bin", CHUNK), carol)
    await carol.says(f"/accept {for_carol.transfer}")
    await carol.hears(ev.FileDone)
    assert not bob.all(ev.FileFailed)
    room.wire.flowing.set()
    assert content((await bob.hears(ev.FileDone)).path) == path.read_bytes()
    assert not alice.all(ev.FileFailed)
    assert not carol.all(ev.FileFailed)


async def test_one_receiver_takes_some_at_once_and_the_rest_in_turn(room: Room, tmp_path: Path) -> None:
    alice, bob = await room.open("alice", "bob", transfers_in=2)
    paths = [written(tmp_path, f"{number}.bin", CHUNK + number) for number in range(7)]
    for path in paths:
        await offered(alice, path, bob)
    await bob.says(*(f"/accept {number}" for number in range(1, 8)))
    await bob.hears(ev.FileDone, count=7)
    assert tree(room.downloads("bob")) == {path.name: path.read_bytes() for path in paths}


async def test_a_host_that_stops_ends_all_and_keeps_what_came(room: Room, tmp_path: Path) -> None:
    alice, bob, _, _ = await held(room, tmp_path)
    await room.host.leave()
    ends = {"host-stopped", "sender-gone", "receiver-gone"}  # whichever of the goodbyes comes first
    for seat in (alice, bob):
        assert (await seat.hears(ev.FileFailed)).code in ends
    await alice.end()
    await bob.end()
    assert (room.downloads("bob") / "a.bin.part").stat().st_size == 2 * CHUNK


async def test_a_disk_that_is_full_from_the_start(
    room: Room, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
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


@pytest.mark.parametrize("who", ["alice", "bob", "host"])
async def test_leaving_amid_leaves_no_thread_and_nothing_that_passes(room: Room, tmp_path: Path, who: str) -> None:
    alice, bob, _, _ = await held(room, tmp_path)
    seat = {"alice": alice, "bob": bob, "host": room.host}[who]
    await seat.leave()
    await room.eventually(lambda: not any(place.peer._files._tasks for place in (alice, bob, room.host)))
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
    assert not room.host.peer._side.hub._transfers  # type: ignore[attr-defined]
