"""Honest receivers against senders that are none: what they are told, what is kept, and what is never written."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from usi.core import events as ev
from usi.core import wire
from usi.core.content import Body, ConversationKey
from usi.core.crypto import PrivateKey, random_bytes
from usi.core.transfer import CHUNK, Offered, Sealer, signed_end
from usi.net.streams import GO

from .conftest import House, Puppet, Seat

SALT = bytes(range(32))


class Sender:
    """A member of the room that offers what it likes, and then sends what it likes."""

    def __init__(self, house: House, puppet: Puppet, key: PrivateKey, room: ConversationKey) -> None:
        self.house = house
        self.puppet = puppet
        self.key = key
        self.room = room
        self.n = 0
        self.port = puppet.writer.get_extra_info("peername")[1]

    def post(self, **fields: Any) -> None:
        self.n += 1
        made = {"kind": "offer", "text": "", "name": "mallory", "sent_at": int(time.time() * 1000), "run": b"r" * 8}
        self.puppet.send(self.room.seal(self.key, Body(**(made | {"n": self.n} | fields))))  # type: ignore[arg-type]

    def offer(self, **fields: Any) -> Offered:
        made: dict[str, Any] = {"transfer": random_bytes(16), "key": random_bytes(32), "name": "a.bin", "size": 10}
        offered = Offered(**(made | {"files": None, "manifest": 0} | fields))
        self.post(offer=offered)
        return offered

    async def send(self, *pieces: bytes) -> None:
        """Answer the next wish with this stream."""
        wanted = await self.puppet.hears(wire.Wanted)
        reader, writer = await self.house.dial(self.port)
        writer.write(wire.DATA_MAGIC + wanted.ticket)
        assert await reader.readexactly(1) == GO
        for piece in pieces:
            writer.write(piece)
        writer.write_eof()


def stream(of: Offered, content: bytes, signer: PrivateKey, seal_as: Offered | None = None) -> list[bytes]:
    sealed_as = seal_as or of
    sealer, pieces = Sealer(sealed_as, SALT, 0), [SALT]
    while not sealer.ended:
        last = sealer.next == sealed_as.chunks - 1
        signature = signer.sign(signed_end(sealed_as, hashlib.sha256(content).digest())) if last else b""
        pieces.append(sealer.seal(content[sealer.next * CHUNK : (sealer.next + 1) * CHUNK], signature))
    return pieces


@pytest.fixture
async def scene(house: House, tmp_path: Path) -> tuple[Seat, Sender, Path]:
    """Bob, who accepts everything, and mallory."""
    host = await house.host()
    folder = tmp_path / "got"
    limits = {"retry_seconds": 0.01, "transfer_tries": 1}
    bob = await house.guest("bob", host.port, downloads=folder, accept_files=True, **limits)
    puppet = await house.puppet(host.port, "mallory")
    welcome = (await puppet.join("mallory"))[0]
    assert isinstance(welcome, wire.Welcome)
    (info,) = welcome.rooms
    key = ConversationKey(info.conversation, welcome.host.id, info.key)
    return bob, Sender(house, puppet, house.keys["mallory"], key), folder


Pieces = Callable[[list[bytes]], list[bytes]]
FAULTS: dict[str, tuple[Pieces, str, int]] = {
    "longer": (lambda pieces: [*pieces, b"x"], "file-longer", 2),
    "reordered": (lambda pieces: [SALT, pieces[2], pieces[1], pieces[3]], "file-reordered", 0),
    "altered": (lambda pieces: [SALT, pieces[1], bytes(len(pieces[2])), pieces[3]], "file-altered", 1),
    "junk": (lambda pieces: [SALT, random_bytes(4 * CHUNK)], "file-altered", 0),
}


@pytest.mark.parametrize("fault", FAULTS)
async def test_each_fault_is_told_and_what_came_before_is_kept(scene: Any, fault: str) -> None:
    bob, mallory, folder = scene
    change, code, kept = FAULTS[fault]
    content = random_bytes(2 * CHUNK + 100)
    of = mallory.offer(size=len(content))
    await mallory.send(*change(stream(of, content, mallory.key)))
    failed = await bob.hears(ev.FileFailed)
    assert (failed.code, failed.kept) == (code, kept * CHUNK)
    assert (folder / "a.bin.part").read_bytes() == content[: kept * CHUNK]
    assert not (folder / "a.bin").exists()
    assert (await mallory.puppet.hears(wire.FileWord)).code == code
    await bob.says("/accept")  # and an honest stream goes on from there
    wanted = await mallory.puppet.hears(wire.Wanted)
    assert wanted.first == kept


async def test_what_another_signed_is_thrown_away(scene: Any, house: House) -> None:
    bob, mallory, folder = scene
    content = random_bytes(CHUNK + 100)
    of = mallory.offer(size=len(content))
    await mallory.send(*stream(of, content, house.keys["carol"]))
    failed = await bob.hears(ev.FileFailed)
    assert (failed.code, failed.kept) == ("file-replaced", 0)
    assert list(folder.iterdir()) == []


async def test_a_stream_that_ends_early_is_tried_again_and_given_up(scene: Any) -> None:
    bob, mallory, folder = scene
    of = mallory.offer(size=2 * CHUNK)
    pieces = stream(of, bytes(2 * CHUNK), mallory.key)
    await mallory.send(*pieces[:2])
    await mallory.send(*pieces[:1])  # brings nothing more: one such try is allowed here
    failed = await bob.hears(ev.FileFailed)
    assert failed.code == "file-cut"
    assert (folder / "a.bin.part").stat().st_size in (0, CHUNK)


def everything(folder: Path, but: Path) -> list[Path]:
    """All there is, but for one folder."""
    return sorted(path for path in folder.rglob("*") if but not in (path, *path.parents))


NAMES = [
    "../../evil", "/etc/passwd", "..", ".", ".bashrc", "a/b", "a\\b", "C:\\x", "CON", "nul.txt", "a\0b", "a\nb",
    "\x1b[31mred", "\u202egnp.exe", "x" * 255, "é" * 255, "a.part", "a.bin.part.json", " ", "~", "-rf",
]  # fmt: skip


async def test_no_name_leads_out_of_the_folder(scene: Any, tmp_path: Path) -> None:
    bob, mallory, folder = scene
    before = everything(tmp_path, folder)
    for number, name in enumerate(NAMES, 1):
        content = b"content %d" % number
        of = mallory.offer(name=name, size=len(content))
        await mallory.send(*stream(of, content, mallory.key))
        done = await bob.hears(ev.FileDone, count=number)
        there = {path: path.read_bytes() for path in folder.iterdir()}
        assert there[Path(done.path)] == content
        assert Path(done.path).name.isprintable()
    assert len(list(folder.iterdir())) == len(NAMES)
    assert everything(tmp_path, folder) == before


BAD_OFFERS: list[tuple[dict[str, Any], str]] = [
    ({"size": 2**63 - 1}, "disk-full"),
    ({"size": 10, "files": 1, "manifest": 11}, "bad-manifest"),
    ({"size": 10, "files": 0, "manifest": 0}, "bad-manifest"),
    ({"size": 10, "files": None, "manifest": 5}, "bad-manifest"),
]


@pytest.mark.parametrize(("fields", "code"), BAD_OFFERS)
async def test_an_offer_that_cannot_be_right_is_refused_before_anything_is_fetched(
    scene: Any, fields: dict[str, Any], code: str
) -> None:
    bob, mallory, folder = scene
    mallory.offer(**fields)
    assert (await bob.hears(ev.FileFailed)).code == code
    assert not folder.exists() or list(folder.iterdir()) == []


MANIFESTS = [
    b"x", b"junk", b"\x80", b"\x91\x92\xa2..\xc0", b"\xff" * 1000, b"[]",
    b"\xdd\xff\xff\xff\xff",
]  # fmt: skip


@pytest.mark.parametrize("manifest", MANIFESTS)
async def test_a_manifest_that_is_none_is_refused(scene: Any, manifest: bytes) -> None:
    bob, mallory, folder = scene
    content = manifest + b"0123456789"
    of = mallory.offer(size=len(content), files=1, manifest=len(content) - 10)
    await mallory.send(*stream(of, content, mallory.key))
    assert (await bob.hears(ev.FileFailed)).code == "bad-manifest"
    assert [path for path in folder.iterdir() if ".part" not in path.name] == []


@pytest.mark.parametrize("parts", [[".."], ["..", "..", "evil"], ["/", "etc", "passwd"], ["a", "../../b"], ["C:", "x"]])
async def test_no_path_in_a_manifest_leads_out_of_the_folder(scene: Any, tmp_path: Path, parts: list[str]) -> None:
    """Each part is cleaned like the name of a file, or the manifest is refused."""
    bob, mallory, folder = scene
    before = everything(tmp_path, folder)
    folders = [[parts[:depth], None] for depth in range(1, len(parts))]
    manifest = msgspec.msgpack.encode([*folders, [parts, 10]])
    content = manifest + b"0123456789"
    of = mallory.offer(size=len(content), files=1, manifest=len(manifest), name="..")
    await mallory.send(*stream(of, content, mallory.key))
    mallory.post(kind="text", text="the end")
    await bob.hears(ev.Message, text="the end")
    await mallory.puppet.hears(wire.FileWord)
    assert everything(tmp_path, folder) == before
    assert not any(path.is_symlink() for path in folder.rglob("*"))


async def test_thousands_of_offers_stay_few(scene: Any) -> None:
    """Each pushes out an older one; nothing is fetched more than a few at a time."""
    bob, mallory, _ = scene
    for _ in range(300):
        mallory.offer(size=2**40)
    mallory.post(kind="text", text="the end")
    await bob.hears(ev.Message, text="the end")
    assert len(bob.peer._member.offers.open) <= 20
    assert len(bob.peer._files._transfers._all) <= 150


async def test_whoever_reads_an_offer_cannot_take_it_over(scene: Any, house: House, tmp_path: Path) -> None:
    """Mallory offers under alice's transfer and declines, withdraws and fails it: alice's goes on."""
    bob, mallory, folder = scene
    alice = await house.guest("alice", mallory.port)
    path = tmp_path / "from alice.bin"
    path.write_bytes(random_bytes(2 * CHUNK))
    own_id = house.keys["alice"].public.id
    await alice.says(f"/send {path}")
    await bob.hears(ev.FileDone, peer="alice")
    (transfer,) = alice.peer._files._sending._own
    bob_id = house.keys["bob"].public.id
    mallory.puppet.send(wire.FileWord(bob_id, transfer, "withdrawn"), wire.FileWord(own_id, transfer, "received"))
    mallory.post(kind="withdraw", transfer=transfer)
    mallory.offer(transfer=transfer, name="other.bin", size=5)
    await bob.hears(ev.FileOffer, name="other.bin")
    assert [offer.name for offer in bob.peer._member.offers.open] == ["from alice.bin", "other.bin"]
    assert len(alice.all(ev.FileDone)) == 1
    assert (folder / path.name).read_bytes() == path.read_bytes()
