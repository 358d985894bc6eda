"""`--doctor` as a whole: what is printed, in which form, and with which status."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest

from tests.net.doors import full_door, running_host, serve, silent
from usi import cli
from usi.core.crypto import PrivateKey
from usi.ui import doctor
from usi.ui.doctor.finding import Finding, looked

ROOT = Path(__file__).parents[3]
PRESET = "00112233445566778899aabbccddeeff"
ALWAYS = {
    "version", "libraries", "terminal", "locale", "random", "downloads", "descriptors", "notifications", "crypto",
    "own-port", "own-address", "clock",
}  # fmt: skip


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as made:
        yield made


@pytest.fixture(autouse=True)
def ready(monkeypatch: pytest.MonkeyPatch, keys: dict[str, PrivateKey]) -> None:
    """A key at once, and a desktop that says nothing: both have tests of their own."""
    monkeypatch.setattr(PrivateKey, "generate", classmethod(lambda cls: keys["alice"]))
    monkeypatch.setattr("usi.ui.notify.deliver", lambda note: None)


@pytest.fixture
def examine(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, dict[str, dict[str, Any]]]]:
    """Runs `--doctor --json` with these arguments; returns the status and the last check of each name."""

    def run(*arguments: str) -> tuple[int, dict[str, dict[str, Any]]]:
        began = time.monotonic()
        status = cli.main(["--doctor", *arguments, "--json", "-p", "0"])
        assert time.monotonic() - began < 10.0
        checks = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        assert {check["event"] for check in checks} == {"check"}
        assert all(check["text"].endswith((".", "。")) for check in checks)
        assert all(check["advice"] or check["state"] == "good" for check in checks)
        return status, {check["name"]: check for check in checks}

    return run


def test_this_machine_alone(examine: Any) -> None:
    status, checks = examine()
    assert checks.keys() >= ALWAYS
    assert not checks.keys() & {"lookup", "connection", "handshake", "preset-key"}
    assert status == int(any(check["state"] == "bad" for check in checks.values()))
    assert checks["crypto"]["facts"]["ocb_large_bytes_per_second"] > 0
    assert checks["libraries"]["facts"]["msgspec"]


def test_a_host_that_answers(examine: Any, keys: dict[str, PrivateKey], stack: ExitStack) -> None:
    port, told = stack.enter_context(running_host(keys["host"]))
    status, checks = examine(f"127.0.0.1:{port}")
    assert status == 0
    assert checks["connection"]["facts"]["port"] == port
    assert checks["handshake"]["facts"]["key_fingerprint"] == keys["host"].public.id.hex()
    assert checks["preset-key"]["facts"] == {"wanted": False}
    stack.close()
    assert "MemberJoined" not in told


def test_localhost_is_looked_up(examine: Any, keys: dict[str, PrivateKey], stack: ExitStack) -> None:
    port, _ = stack.enter_context(running_host(keys["host"]))
    _, checks = examine(f"localhost:{port}")
    assert "127.0.0.1" in checks["lookup"]["facts"]["addresses"]
    assert checks["handshake"]["state"] == "good"


@pytest.mark.parametrize(
    ("given", "state", "status"),
    [((), "attention", 0), (("--key", PRESET), "good", 0), (("--key", "ff" * 16), "bad", 1)],
    ids=["none", "right", "wrong"],
)
def test_a_host_with_a_preset_key(
    given: tuple[str, ...], state: str, status: int, examine: Any, keys: dict[str, PrivateKey], stack: ExitStack
) -> None:
    port, _ = stack.enter_context(running_host(keys["host"], bytes.fromhex(PRESET)))
    got, checks = examine(f"127.0.0.1:{port}", *given)
    assert checks["preset-key"]["state"] == state
    assert checks["preset-key"]["facts"] == {"wanted": True}
    assert got == status


def test_a_key_that_the_host_does_not_want(examine: Any, keys: dict[str, PrivateKey], stack: ExitStack) -> None:
    port, _ = stack.enter_context(running_host(keys["host"]))
    status, checks = examine(f"127.0.0.1:{port}", "--key", PRESET)
    assert status == 1
    assert checks["preset-key"]["state"] == "bad"


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


def test_a_port_where_nothing_listens(examine: Any) -> None:
    status, checks = examine(f"127.0.0.1:{closed_port()}")
    assert status == 3
    assert checks["connection"]["state"] == "bad"
    assert "handshake" not in checks


def test_a_machine_that_does_not_answer(examine: Any, stack: ExitStack) -> None:
    status, checks = examine(f"127.0.0.1:{stack.enter_context(full_door())}")
    assert status == 3
    assert "no answer" in checks["connection"]["text"]


def test_a_name_that_leads_nowhere(examine: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    monkeypatch.setattr("usi.net.probe.reachable", lambda address: ["192.168.1.20"])
    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    status, checks = examine("nowhere.invalid")
    assert status == 3
    assert checks["lookup"]["state"] == "bad"


@pytest.mark.parametrize(
    ("answer", "protocol"),
    [(None, None), (b"HTTP/1.0 400 Bad\r\n\r\n", "HTTP"), (b"\x15\x03\x01\x00\x02\x02\x46", "TLS")],
)
def test_what_is_no_host(answer: bytes | None, protocol: str | None, examine: Any, stack: ExitStack) -> None:
    server = silent if answer is None else (lambda sock: (sock.recv(100), sock.sendall(answer)))
    status, checks = examine(f"127.0.0.1:{stack.enter_context(serve(server))}")
    assert status == 3
    assert checks["handshake"]["state"] == "bad"
    assert checks["handshake"]["facts"]["protocol"] == protocol


def test_lines_for_people(capsys: pytest.CaptureFixture[str], keys: dict[str, PrivateKey], stack: ExitStack) -> None:
    port, _ = stack.enter_context(running_host(keys["host"]))
    assert cli.main(["--doctor", f"127.0.0.1:{port}", "--plain", "-p", "0"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert all(line.startswith(("✓ ", "! ", "    ")) for line in lines[:-1])
    assert "✓ It asks for no preset key." in lines
    assert "\x1b" not in "".join(lines)
    assert lines[-1].startswith(("Nothing is wrong", "All is well"))


def test_colours_are_for_a_terminal_and_signs_for_those_who_can_write_them(monkeypatch: pytest.MonkeyPatch) -> None:
    finding = Finding("x", "bad", "It\x1b[31m broke.", "Mend it.")
    assert doctor._lines(finding, True, None).startswith("\x1b[31m✗\x1b[0m ")
    assert doctor._lines(finding, True, None).count("\x1b") == 2
    monkeypatch.setattr(sys, "stdout", open(os.devnull, "w", encoding="ascii"))  # noqa: SIM115
    with sys.stdout:
        assert doctor._lines(finding, False, None).startswith("x It")


def test_lines_are_broken_at_words() -> None:
    finding = Finding("x", "good", "one two three four five six seven", "eight nine ten eleven twelve")
    lines = doctor._lines(finding, True, 24).splitlines()
    sign = "\x1b[32m✓\x1b[0m"
    assert lines == [f"{sign} one two three four", "  five six seven", "    eight nine ten", "    eleven twelve"]


@pytest.mark.parametrize(
    ("states", "said"),
    [
        (["good", "good"], "All is well."),
        (["good", "attention"], "Nothing is wrong. Worth a look (!): 1."),
        (["bad", "attention", "bad"], "To be mended (✗): 2. Worth a look (!): 1."),
    ],
)
def test_the_last_line_counts(states: list[Any], said: str) -> None:
    assert doctor._summary(states) == said


def test_a_look_that_never_ends_is_left_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    ever = threading.Event()
    monkeypatch.setattr(doctor, "_MOST_SECONDS", 0.05)
    away = doctor._Away("host", lambda: [Finding("host", "good", str(ever.wait(20)))])
    (only,) = looked("host", away.look)
    assert only.state == "attention"
    ever.set()


@pytest.mark.parametrize(
    "arguments", [("-s",), ("-c",), ("-p", "70000"), ("--key", "nonsense"), ("--key", "new")], ids=" ".join
)
def test_wrong_usage(arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--doctor", *arguments]) == 2
    assert capsys.readouterr().err.startswith("usi: ")


def test_it_looks_where_the_screen_would_not_start_and_the_reader_leaves(stack: ExitStack) -> None:
    """The real program, with closed ears: no traceback, and it is over soon."""
    port = stack.enter_context(serve(silent))
    command = [sys.executable, "usi.py", "--docteur", f"127.0.0.1:{port}", "--lang", "fr"]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        running.stdout.readline()
        running.stdout.close()
        assert running.stderr.read() == b""
        with suppress(subprocess.TimeoutExpired):
            running.wait(20)
        assert running.returncode in (0, 1, 3)
