"""Large transfers between programs: memory, signals, and thousands of files. Slow."""

from __future__ import annotations

import hashlib
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from .test_program import HERE, Program

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="reads /proc, and stops programs by signals"),
]
MB = 1_000_000
MOST_MEMORY = 100 * MB
LONGEST = 100.0  # seconds that a transfer may take here


@pytest.fixture
def start() -> Iterator[Callable[..., Program]]:
    started: list[Program] = []

    def begin(*arguments: str, **options: Any) -> Program:
        started.append(Program(*arguments, **options))
        return started[-1]

    yield begin
    for program in reversed(started):
        program.process.send_signal(signal.SIGCONT)
        program.stop()


EARLY = ("--limit", "progress_seconds=0.05")  # progress is told before all is there, also on a fast machine


class House:
    """A host, and guests that receive into folders of their own."""

    def __init__(self, start: Callable[..., Program], folder: Path) -> None:
        self._start = start
        self.folder = folder
        self.host = start("-s", "-b", HERE, "-p", "0", "--json", "--limit", "seat_seconds=3", key="host")

    def guest(self, name: str, *arguments: str) -> Program:
        where = f"{HERE}:{self.host.port()}"
        folder = str(self.folder / name)
        guest = self._start("-c", where, "-m", name, "--json", "--downloads", folder, *EARLY, *arguments, key=name)
        guest.hears("connected")
        self.host.hears("member_joined", name=name)
        return guest


@pytest.fixture
def house(start: Callable[..., Program], tmp_path: Path) -> House:
    return House(start, tmp_path)


def patterned(path: Path, size: int) -> Path:
    """A file in which no two megabytes are equal, written without keeping it in memory."""
    block = os.urandom(MB)
    with path.open("wb") as file:
        for number in range(-(-size // MB)):
            file.write((number.to_bytes(8, "big") + block[8:])[: size - number * MB])
    return path


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def peak(program: Program) -> int:
    """Bytes of memory that it has had at the most."""
    status = Path(f"/proc/{program.process.pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


def waits(program: Program, event: str, seconds: float = LONGEST, **fields: Any) -> dict[str, Any]:
    """As `Program.hears`, with more patience."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            return program.hears(event, **fields)
        except AssertionError:
            if time.monotonic() > deadline or program.process.poll() is not None:
                raise


def test_memory_is_constant_whatever_the_size(house: House, tmp_path: Path) -> None:
    path = patterned(tmp_path / "large.bin", 300 * MB + 17)
    alice, bob = house.guest("alice"), house.guest("bob", "--accept-files")
    alice.type(f"/send {path}")
    done = waits(bob, "file_done")
    assert done["sha256"] == sha256(path) == sha256(Path(done["path"]))
    for program in (house.host, alice, bob):
        assert peak(program) < MOST_MEMORY


def test_a_stopped_receiver_delays_nobody_and_goes_on(house: House, tmp_path: Path) -> None:
    path = patterned(tmp_path / "large.bin", 300 * MB)
    alice = house.guest("alice")
    bob, carol, mallory = (house.guest(name, "--accept-files") for name in ("bob", "carol", "mallory"))
    alice.type(f"/send {path}")
    carol.hears("file_progress")
    carol.process.send_signal(signal.SIGSTOP)
    for quick in (bob, mallory):
        assert waits(quick, "file_done")["sha256"] == sha256(path)
    assert not carol.all("file_done")
    time.sleep(12)  # longer than the watchdog's patience
    alice.type("still here")
    bob.hears("message", text="still here")
    carol.process.send_signal(signal.SIGCONT)
    assert waits(carol, "file_done")["sha256"] == sha256(path)
    carol.hears("message", text="still here")
    assert not carol.all("file_failed")


def test_a_killed_sender_is_told_at_once_and_what_came_is_kept(house: House, tmp_path: Path) -> None:
    path = patterned(tmp_path / "large.bin", 400 * MB)
    alice, bob = house.guest("alice"), house.guest("bob", "--accept-files")
    alice.type(f"/send {path}")
    bob.hears("file_progress")
    killed = time.monotonic()
    alice.process.kill()
    bob.hears("notice", code="file-reconnecting")  # it could come back to its seat
    assert time.monotonic() - killed < 2
    failed = bob.hears("file_failed", code="sender-gone")
    there = (tmp_path / "bob" / "large.bin.part").read_bytes()
    assert len(there) >= failed["kept"] > 0
    with path.open("rb") as file:
        assert file.read(len(there)) == there


def test_thousands_of_small_files(house: House, tmp_path: Path) -> None:
    folder = tmp_path / "many"
    for number in range(5_000):
        place = folder / f"{number % 50:02}" / f"{number % 7}"
        place.mkdir(parents=True, exist_ok=True)
        (place / f"{number}.txt").write_bytes(b"%d " % number * (number % 40))
    alice, bob = house.guest("alice"), house.guest("bob", "--accept-files")
    alice.type(f"/send {folder}")
    done = waits(bob, "file_done")
    assert bob.hears("file_offer")["files"] == 5_000
    got = Path(done["path"])
    sent = {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*.txt")}
    assert sent == {path.relative_to(got): path.read_bytes() for path in got.rglob("*") if path.is_file()}
    for program in (house.host, alice, bob):
        assert peak(program) < MOST_MEMORY
