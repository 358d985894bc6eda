"""What a host process holds of a private conversation: its memory, read while it runs, and all that it printed.

Two guests talk privately, in processes of their own that write down the secrets which they make. The host runs with
`--dev`, which tells most. The search must find what it should find: things that the host does know.
"""

from __future__ import annotations

import json
import secrets
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
PATIENCE = 30.0

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc/PID/mem")

RUN = """
import runpy, sys
from pathlib import Path
from usi.core.crypto import PrivateKey
key, notes, sys.argv = PrivateKey.from_pem(Path(sys.argv[1]).read_bytes()), Path(sys.argv[2]), sys.argv[3:]
PrivateKey.generate = classmethod(lambda cls: key)

import usi.core.pair, usi.core.talk

def note(*values):
    with notes.open("a") as file:
        file.writelines(value.hex() + "\\n" for value in values)

derive = usi.core.talk.derive
def noted_derive(secret, *arguments, **options):
    keys = derive(secret, *arguments, **options)
    note(secret, *keys)
    return keys
usi.core.talk.derive = noted_derive

class NotedSession(usi.core.pair.Session):
    def _make_keys(self, secret, shared, th2, signature):
        note(secret, shared[:32], shared[32:])
        super()._make_keys(secret, shared, th2, signature)
usi.core.pair.Session = NotedSession

runpy.run_path(sys.argv[0], run_name="__main__")
"""
"""Runs `usi.py` with a ready key, and writes the secrets of pair links and private conversations into a file."""


class Process:
    """A running `usi.py --json`."""

    def __init__(self, who: str, notes: Path, *arguments: str) -> None:
        key = ROOT / "tests" / "keys" / f"{who}.pem"
        command = [sys.executable, "-c", RUN, str(key), str(notes), "usi.py", "--json", *arguments]
        self.process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        self.output = b""
        self._news = threading.Condition()
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            with self._news:
                self.output += line
                self._news.notify_all()
        with self._news:
            self._news.notify_all()

    def hears(self, event: str, **fields: Any) -> dict[str, Any]:
        def found() -> dict[str, Any] | None:
            told = (json.loads(line) for line in self.output.splitlines())
            return next((e for e in told if e["event"] == event and fields.items() <= e.items()), None)

        return self.waits(found, f"{event} {fields}")

    def waits(self, find: Callable[[], Any], what: str) -> Any:
        deadline = time.monotonic() + PATIENCE
        with self._news:
            while not (found := find()):
                assert self._thread.is_alive(), f"ended without {what}: {self.output[-2000:]!r}"
                assert self._news.wait(max(0.0, deadline - time.monotonic())), f"no {what}: {self.output[-2000:]!r}"
            return found

    def type(self, *lines: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write("".join(f"{line}\n" for line in lines).encode())
        self.process.stdin.flush()

    def memory(self) -> Iterator[bytes]:
        """Everything that this process can read of itself, region by region."""
        folder = Path(f"/proc/{self.process.pid}")
        with (folder / "mem").open("rb", buffering=0) as memory:
            for line in (folder / "maps").read_text().splitlines():
                span, permissions = line.split()[:2]
                start, end = (int(value, 16) for value in span.split("-"))
                if permissions.startswith("r") and "[v" not in line:
                    memory.seek(start)
                    region = b""
                    while len(region) < end - start and (part := memory.read(end - start - len(region))):
                        region += part
                    yield region

    def holds(self, *values: bytes) -> set[bytes]:
        """Those of the values that are somewhere in its memory."""
        return {value for region in self.memory() for value in values if value in region}

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()
        self._thread.join()
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        self.process.stdout.close()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Process]]:
    running: list[Process] = []

    def start(who: str, *arguments: str) -> Process:
        running.append(Process(who, tmp_path / f"{who}.secrets", *arguments))
        return running[-1]

    yield start
    for process in running:
        process.stop()


def test_a_host_holds_nothing_of_what_two_guests_say_privately(start: Callable[..., Process], tmp_path: Path) -> None:
    private, public = f"private-{secrets.token_hex(16)}", f"public-{secrets.token_hex(16)}"
    planted = "p" + secrets.token_hex(10)
    host = start("host", "-s", "-b", "127.0.0.1", "-p", "0", "-m", planted, "--dev")
    port = host.hears("listening")["port"]
    alice = start("alice", "-c", f"127.0.0.1:{port}", "-m", "alice")
    alice.hears("connected")
    bob = start("bob", "-c", f"127.0.0.1:{port}", "-m", "bob")
    bob.hears("connected")
    alice.hears("member_joined", name="bob")
    alice.type(f"/msg bob {private}")
    bob.hears("message", text=private, private=True, signature="good")
    bob.type("/private alice", f"answer to {private}")
    alice.hears("message", text=f"answer to {private}", private=True)
    alice.type(public)
    host.hears("message", text=public)

    noted = {line for who in ("alice", "bob") for line in (tmp_path / f"{who}.secrets").read_text().split()}
    assert len(noted) == 5  # of the pair link: session secret and two of the key exchange; of the roster: secret, key
    sought = {private.encode(), *(bytes.fromhex(line) for line in noted), *(line.encode() for line in noted)}
    assert host.holds(*sought, planted.encode(), public.encode()) == {planted.encode(), public.encode()}
    assert private.encode() not in host.output
    assert not any(line.encode() in host.output for line in noted)
    assert b'"step":"relay"' in host.output
    assert not (tmp_path / "host.secrets").exists()
    # The same search finds the text where it is known, so it is no blind one.
    assert private.encode() in alice.holds(private.encode()) | bob.holds(private.encode())
