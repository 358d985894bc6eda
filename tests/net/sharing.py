"""What tests of transfers share: a host with guests that have folders, and files that are made, offered, passed."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from usi.core import events as ev
from usi.core.crypto import random_bytes
from usi.core.transfer import CHUNK

if TYPE_CHECKING:
    from .conftest import House, Seat, Wire

Eventually = Callable[[Callable[[], object]], Awaitable[None]]

QUICK: dict[str, Any] = {"retry_seconds": 0.01, "progress_seconds": 0.01}


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
