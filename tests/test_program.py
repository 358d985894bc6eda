"""USI as it is used: processes of `usi.py` that talk over pipes, with signals, broken pipes and broken input."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from usi.core.wire import MAX_TEXT

ROOT = Path(__file__).parents[1]
HERE = "127.0.0.1"
PATIENCE = 20.0
KEY = "00112233445566778899aabbccddeeff"
HOSTILE = "[/oops] \x1b[31mred\x1b]0;title\x07 \x7f \x9b1m \u202eoverride \u2066x\u2069 \u200bend"
BARE = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u00ad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff]")
posix = pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals and pipes")


WITH_KEY = """
import runpy, sys
from pathlib import Path
from usi.core.crypto import PrivateKey
key, sys.argv = PrivateKey.from_pem(Path(sys.argv[1]).read_bytes()), sys.argv[2:]
PrivateKey.generate = classmethod(lambda cls: key)
runpy.run_path(sys.argv[0], run_name="__main__")
"""
"""Runs `usi.py` with a ready key: making one costs up to seconds."""


class Program:
    """A running `usi.py`, what it printed so far, and its input. `key` names a key of tests/keys to run with, `prefix`
    a command that runs it."""

    patience = PATIENCE

    def __init__(self, *arguments: str, listen: bool = True, key: str | None = None, **options: Any) -> None:
        self.lines: list[str] = []
        self.errors = ""
        self._events: list[dict[str, Any]] = []
        self._news = threading.Condition()
        environment = {**os.environ, "PYTHONIOENCODING": "utf-8", **options.pop("environment", {})}
        ready = ("-c", WITH_KEY, str(ROOT / "tests" / "keys" / f"{key}.pem")) if key else ()
        command = [*options.pop("prefix", ()), sys.executable, *options.pop("python", ()), *ready, "usi.py", *arguments]
        pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
        self.process = subprocess.Popen(command, cwd=ROOT, env=environment, **{**pipes, **options})
        self._threads = [threading.Thread(target=self._read_errors)]
        if listen:
            self._threads.append(threading.Thread(target=self._read_lines))
        for thread in self._threads:
            thread.start()

    def _read_lines(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            with self._news:
                self.lines.append(line.decode("utf-8").removesuffix("\n"))
                self._news.notify_all()
        with self._news:
            self._news.notify_all()

    def _read_errors(self) -> None:
        assert self.process.stderr is not None
        self.errors = self.process.stderr.read().decode("utf-8")

    def type(self, *lines: str) -> None:
        self.type_bytes(*(f"{line}\n".encode() for line in lines))

    def type_bytes(self, *data: bytes) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(b"".join(data))
        self.process.stdin.flush()

    def end_input(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()

    @property
    def events(self) -> list[dict[str, Any]]:
        """With --json: what was told so far."""
        self._events += [json.loads(line) for line in self.lines[len(self._events) :]]
        return self._events

    def all(self, event: str, **fields: Any) -> list[dict[str, Any]]:
        return [found for found in self.events if found["event"] == event and fields.items() <= found.items()]

    def hears(self, event: str, *, count: int = 1, **fields: Any) -> dict[str, Any]:
        """With --json: wait for so many events like this; returns the last of them."""
        self.waits(lambda: len(self.all(event, **fields)) >= count, f"{event} {fields}")
        return self.all(event, **fields)[count - 1]

    def shows(self, part: str) -> str:
        """Without --json: wait for a line with this part."""
        self.waits(lambda: any(part in line for line in self.lines), part)
        return next(line for line in self.lines if part in line)

    def waits(self, condition: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + self.patience
        with self._news:
            while not condition():
                assert self._threads[-1].is_alive(), f"ended without {what}: {self.lines[-20:]} {self.errors}"
                assert self._news.wait(deadline - time.monotonic()), f"no {what}: {self.lines[-20:]} {self.errors}"

    def port(self) -> int:
        """Where a host with --json listens."""
        port: int = self.hears("listening")["port"]
        return port

    def ends(self) -> int:
        """Wait for the end; returns the exit status."""
        status = self.process.wait(self.patience)
        for thread in self._threads:
            thread.join(PATIENCE)
        return status

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(PATIENCE)
        for thread in self._threads:
            thread.join(PATIENCE)
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            if stream is not None:
                with suppress(BrokenPipeError):
                    stream.close()


@pytest.fixture
def start() -> Iterator[Callable[..., Program]]:
    """Starts programs, and ends those that still run at the end of the test."""
    started: list[Program] = []

    def begin(*arguments: str, **options: Any) -> Program:
        program = Program(*arguments, **options)
        started.append(program)
        return program

    yield begin
    for program in reversed(started):
        program.stop()


@pytest.fixture
def host(start: Any) -> Callable[..., Program]:
    """Starts a host on 127.0.0.1 and a free port."""

    def begin(*arguments: str, **options: Any) -> Program:
        return start("-s", "-b", HERE, "-p", "0", *arguments, **{"key": "host", **options})

    return begin


@pytest.fixture
def guest(start: Any) -> Callable[..., Program]:
    """Starts a guest under a name that is also the name of its key."""

    def begin(port: int, name: str, *arguments: str, **options: Any) -> Program:
        return start("-c", f"{HERE}:{port}", "-m", name, *arguments, **{"key": name, **options})

    return begin


# --- conversations ---------------------------------------------------------------------------------------------------


@posix
def test_a_host_and_three_guests_talk_over_pipes(host: Any, guest: Any) -> None:
    """With keys that each makes for itself, as it is used."""
    h = host("--json", key=None)
    guests = {name: guest(h.port(), name, "--json", key=None) for name in ("alice", "bob", "carol")}
    everyone = {"host": h, **guests}
    for name, program in guests.items():
        program.hears("connected", name=name)
    h.hears("member_joined", count=3)
    for author, program in everyone.items():
        program.type(f"{author}: ça marche nickel ! 👍")
        for reader in everyone.values():
            reader.hears("message", **{"from": author}, signature="good", mine=reader is program, room="general")
        program.hears("delivered")
    for name, program in guests.items():
        connected, joined = program.hears("connected"), h.hears("member_joined", name=name)
        assert connected["fingerprint"] == joined["fingerprint"]
        assert connected["words"] == joined["words"]
        assert connected["member"] == joined["member"]
    guests["alice"].type("/nick alicia", "/users", "/info", "/me waves", "/nosuch")
    h.hears("member_renamed", old="alice", name="alicia")
    h.hears("message", kind="me", text="waves")
    assert len(guests["alice"].hears("users", asked=True)["members"]) == 4
    guests["alice"].hears("info", members=4)
    guests["alice"].hears("error", code="unknown-command", message="/nosuch")
    guests["alice"].type("/quit")
    assert guests["alice"].ends() == 0
    guests["bob"].end_input()
    assert guests["bob"].ends() == 0
    h.hears("member_left", reason="left", count=2)
    h.process.send_signal(signal.SIGTERM)
    assert h.ends() == 0
    guests["carol"].hears("disconnected", code="host-stopped")
    assert guests["carol"].ends() == 0
    for name, program in everyone.items():
        assert program.errors == "", name
        assert len(program.all("message")) == 5 if name in ("host", "carol") else True
        assert all(event["event"] and event["time"] for event in program.events)
        assert program.events[-1]["event"] == "disconnected"


def test_plain_and_json_mixed(host: Any, guest: Any) -> None:
    h = host("--plain")
    port = int(h.shows("Hosting on").rpartition(":")[2])
    alice = guest(port, "alice", "--plain")
    bob = guest(port, "bob", "--json")
    alice.shows("Words:")
    bob.hears("connected")
    h.shows("bob joined")
    h.shows("alice joined")
    fingerprint = alice.shows("Fingerprint:").rpartition(": ")[2]
    h.type("/users")
    h.shows(fingerprint)
    alice.type("hello from plain")
    h.shows("alice: hello from plain")
    bob.hears("message", text="hello from plain")
    bob.type("hello from json")
    alice.shows("bob: hello from json")
    assert not [line for line in alice.lines if "hello from plain" in line]
    h.end_input()  # the host's input ends: it leaves, and takes all with it
    assert [program.ends() for program in (h, alice, bob)] == [0, 0, 0]
    alice.shows("The host has stopped")
    h.shows("You left")


def test_all_of_it_in_french(start: Any) -> None:
    options = ("--plain", "--langue", "fr", "--cle", KEY)
    h = start("--serveur", "-b", HERE, "-p", "0", "--nom", "Zoé", *options, key="host")
    port = h.shows("Hôte sur").rpartition(":")[2]
    alice = start("-c", f"{HERE}:{port}", "--nom", "Aliénor", *options, key="alice")
    alice.shows("Empreinte")
    alice.type("!pseudo Léa", "!moi salue", "!nimporte", "!quitter")
    h.shows("* Léa salue")
    assert alice.ends() == 0
    alice.shows("Vous avez quitté")
    h.type("!quitter")
    assert h.ends() == 0
    refused = start("-c", f"{HERE}:{port}", *options, key="alice")
    assert refused.ends() == 3
    assert refused.errors.startswith("usi: Rien ne répond à")
    assert f"{HERE}, port {port}" in refused.errors


def test_a_code_and_a_password_over_pipes(host: Any, guest: Any, tmp_path: Path) -> None:
    options = {"environment": {"XDG_STATE_HOME": str(tmp_path)}}
    h = host("--json", "--invite")
    made = h.hears("invitation", state="open")
    right, (link,) = made["code"], made["links"]
    wrong = "-".join([*right.split("-")[:3], "zoo" if not right.endswith("zoo") else "zone"])
    for sentence in ("The code does not fit", "This code has failed before"):
        refused = guest(h.port(), "alice", "--json", "--code", wrong, **options)
        assert refused.ends() == 4
        assert sentence in refused.errors
        assert not refused.all("connected")
    h.hears("invitation", state="failed", failed=1)
    alice = guest(h.port(), "alice", "--plain", "--code", right, **options)
    alice.shows("host is verified: you both have the code.")
    h.hears("member_joined", name="alice", verified=True)
    bob = guest(h.port(), "bob", "--plain", "-c", link, **options)  # the last -c counts
    bob.shows("host is verified")

    h.type("/password", "not said 1")  # nobody has asked, and what follows is a password all the same
    h.hears("error", code="nothing-asked")
    alice.type("/password", "Sésame")
    h.hears("password", state="asked", name="alice")
    h.type("/password", "Sésame", "said")
    alice.shows("The passwords match")
    h.hears("password", state="matched")
    bob.shows("host: said")
    assert not [line for line in h.lines + alice.lines + bob.lines if "Sésame" in line or "not said" in line]
    assert all("Sésame" not in program.errors for program in (h, alice, bob))


@posix
def test_an_identity_is_the_same_in_the_next_run(host: Any, start: Any, tmp_path: Path) -> None:
    (tmp_path / "passphrase").write_text("correct horse\n")
    files = ("--identity", str(tmp_path / "id.pem"), "--passphrase-file", str(tmp_path / "passphrase"))
    h = host("--json")
    members = []
    for _ in range(2):
        alice = start("-c", f"{HERE}:{h.port()}", "-m", "alice", "--json", *files, stdin=subprocess.DEVNULL)
        assert alice.ends() == 0
        members.append(alice.hears("connected")["member"])
    assert members[0] == members[1]
    assert (tmp_path / "id.pem").stat().st_mode & 0o777 == 0o600
    environment = {"USI_PASSPHRASE": "wrong"}
    refused = start("-c", f"{HERE}:{h.port()}", "--json", *files[:2], environment=environment)
    assert refused.ends() == 4
    assert refused.errors.startswith("usi: This passphrase does not open")


@posix
def test_who_is_killed_and_started_again_with_its_identity_has_its_name_at_once(host: Any, guest: Any) -> None:
    h = host("--json")
    alice = guest(h.port(), "alice", "--json")
    alice.hears("connected")
    bob = guest(h.port(), "bob", "--json")
    first = bob.hears("connected")
    bob.process.kill()
    bob.process.wait()
    again = guest(h.port(), "bob", "--json")
    connected = again.hears("connected")
    assert (connected["name"], connected["member"]) == ("bob", first["member"])
    again.type("here again")
    assert alice.hears("message", text="here again")["from"] == "bob"
    assert alice.hears("member_left")["reason"] == "replaced"
    alice.type("/users")
    assert [row["name"] for row in alice.hears("users", asked=True)["members"]] == ["host", "alice", "bob"]


def test_the_end_of_the_input_waits_for_every_acknowledgement(host: Any, guest: Any, tmp_path: Path) -> None:
    h = host("--json")
    lines = [f"line {number}" for number in range(300)]
    path = tmp_path / "lines"
    path.write_text("\n".join(lines), "utf-8")  # the last one without an end
    with path.open("rb") as stdin:
        alice = guest(h.port(), "alice", "--json", stdin=stdin)
        assert alice.ends() == 0
    assert len(alice.all("delivered")) == len(lines)
    assert alice.events[-1]["event"] == "disconnected"
    h.hears("member_left", reason="left")
    assert [event["text"] for event in h.all("message")] == lines


def test_hostile_text_is_shown_and_never_obeyed(host: Any, guest: Any) -> None:
    h = host("--json")
    alice = guest(h.port(), "alice", "--plain")
    alice.shows("Words:")
    h.hears("member_joined")
    h.type(HOSTILE, "/nosuch" + HOSTILE)
    h.hears("error", code="unknown-command")
    shown = alice.shows("[/oops]")
    alice.type("/nosuch" + HOSTILE)
    alice.shows("There is no command")
    assert "red" in shown
    for line in h.lines + alice.lines:
        assert not BARE.search(line)
    assert h.all("message")[0]["text"] == HOSTILE


def test_input_that_is_no_text_or_too_much_of_it(host: Any, guest: Any) -> None:
    h = host("--json")
    alice = guest(h.port(), "alice", "--json")
    alice.hears("connected")
    alice.type_bytes(b"caf\xe9 \xff\n", b"x" * (MAX_TEXT + 1) + b"\n", b"y" * 1_000_000 + b"\n", b"\n \t\n")
    alice.type("é" * (MAX_TEXT // 2), "after")
    alice.type_bytes(b"no end of line")
    alice.end_input()
    assert alice.ends() == 1  # two texts were not said
    h.hears("member_left")
    assert [event["text"] for event in h.all("message")] == [
        "caf\ufffd \ufffd",
        "é" * (MAX_TEXT // 2),
        "after",
        "no end of line",
    ]
    errors = alice.all("error")
    assert [event["code"] for event in errors] == ["text-too-long"] * 2
    assert errors[0]["message"] == "x" * (MAX_TEXT + 1)  # what was typed comes back
    assert alice.errors == "usi: Not everything has arrived or was taken. The output says what.\n"


@pytest.mark.parametrize(
    ("line", "status"),
    [("/msg nobody hello", 1), ("/me " + "x" * MAX_TEXT * 2, 1), ("/msg", 0), ("/nosuch", 0), ("/nick \x1b", 0)],
    ids=lambda line: str(line)[:12],
)
def test_what_was_to_be_said_and_could_not_be_counts(host: Any, guest: Any, line: str, status: int) -> None:
    h = host("--json")
    alice = guest(h.port(), "alice", "--json")
    alice.type(line)
    alice.end_input()
    assert alice.ends() == status
    assert len(alice.all("error")) == 1
    assert alice.errors.count("\n") == status


def test_why_a_conversation_was_ended_is_said_on_standard_error(host: Any, guest: Any) -> None:
    h = host("--json")
    alice, bob = guest(h.port(), "alice", "--plain"), guest(h.port(), "bob", "--json")
    h.hears("member_joined", count=2)
    h.type("/kick alice", "/kick bob")
    for removed in (alice, bob):
        assert removed.ends() == 5
        assert removed.errors.startswith("usi: ")
        assert "removed you" in removed.errors
        assert removed.errors.count("\n") == 1
    h.end_input()
    assert h.ends() == 0
    assert h.errors == ""


# --- signals ---------------------------------------------------------------------------------------------------------


@posix
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda number: signal.Signals(number).name)
def test_stay_until_a_signal(host: Any, guest: Any, number: signal.Signals) -> None:
    h = host("--json", "--stay")
    h.end_input()
    alice = guest(h.port(), "alice", "--json", "--stay")
    bob = guest(h.port(), "bob", "--plain", "--stay")
    for program in (alice, bob):
        program.end_input()
    bob.shows("Words:")
    alice.hears("connected")
    h.hears("member_joined", count=2)
    alice.process.send_signal(number)
    assert alice.ends() == 0
    h.hears("member_left", name="alice", reason="left")
    h.process.send_signal(number)
    assert h.ends() == 0
    bob.shows("The host has stopped")
    assert bob.ends() == 0
    assert [program.errors for program in (h, alice, bob)] == [""] * 3


@posix
def test_a_signal_while_nothing_answers_yet(guest: Any) -> None:
    with socket.create_server((HERE, 0)) as silent:
        alice = guest(silent.getsockname()[1], "alice", "--plain")
        silent.settimeout(PATIENCE)
        connection, _ = silent.accept()
        with connection:
            connection.settimeout(PATIENCE)
            assert connection.recv(100).startswith(b"USI3C")
            alice.process.send_signal(signal.SIGTERM)
            assert connection.recv(100) == b""
        assert alice.ends() == 0
    assert alice.errors == ""


@posix
def test_a_killed_guest_is_announced_as_cut(host: Any, guest: Any) -> None:
    h = host("--json", "--limit", "seat_seconds=0.5")
    alice = guest(h.port(), "alice", "--json")
    alice.hears("connected")
    alice.process.kill()
    h.hears("member_left", name="alice", reason="cut")


@posix
def test_a_killed_host_is_no_goodbye(host: Any, guest: Any) -> None:
    h = host("--json")
    alice = guest(h.port(), "alice", "--json", "--limit", "resume_seconds=1")
    bob = guest(h.port(), "bob", "--plain", "--limit", "resume_seconds=1")
    alice.hears("connected")
    bob.shows("Connected")
    h.process.kill()
    assert alice.hears("reconnecting")["code"] == "cut"
    alice.hears("disconnected", code="not-restored")
    bob.shows("reconnecting for up to 1 s")
    bob.shows("could not be restored in 1 seconds")
    assert (alice.ends(), bob.ends()) == (3, 3)


@posix
def test_whoever_stays_joins_again_by_itself(host: Any, guest: Any, tmp_path: Path) -> None:
    """A bot behind a line that is down for longer than its seat is kept."""
    phrase = tmp_path / "phrase"
    phrase.write_text("host")
    identity = ("--identity", str(tmp_path / "id"), "--passphrase-file", str(phrase))
    h = host("--json", *identity)
    port = h.port()
    bot = guest(port, "bob", "--json", "--stay", "--limit", "resume_seconds=0.2", "--limit", "rejoin_seconds=0.2")
    bot.hears("connected")
    h.process.kill()
    bot.hears("disconnected", code="not-restored")
    bot.hears("error", code="unreachable")
    again = host("--json", *identity, "-p", str(port))
    again.port()
    bot.hears("connected", count=2)
    bot.type("here again")
    again.hears("message", text="here again")
    bot.process.terminate()
    assert bot.ends() == 0


# --- pipes -----------------------------------------------------------------------------------------------------------


@posix
def test_a_reader_that_goes_away_ends_the_program_quietly(host: Any, guest: Any) -> None:
    """As `usi … | head -n 1` does."""
    h = host("--json")
    alice = guest(h.port(), "alice", "--plain", listen=False)
    h.hears("member_joined")
    alice.process.stdout.close()
    for number in range(1_000):
        if h.all("member_left"):
            break
        h.type(f"line {number}")
        h.hears("delivered", count=number + 1)
    assert alice.ends() == 0
    h.hears("member_left", name="alice", reason="left")
    assert alice.errors == ""


@posix
def test_a_host_whose_output_is_not_read_stalls_nobody(host: Any, guest: Any) -> None:
    with socket.create_server((HERE, 0)) as free:
        port = free.getsockname()[1]
    h = host("--json", "-p", str(port), listen=False)  # nobody reads its output
    first, second = h.process.stdout.readline(), h.process.stdout.readline()
    assert [json.loads(line)["event"] for line in (first, second)] == ["connecting", "listening"]
    alice = guest(port, "alice", "--json")
    bob = guest(port, "bob", "--json")
    alice.hears("connected")
    bob.hears("connected")
    count = 400
    text = "x" * 400  # more than the pipe of the host and its lines ahead can hold
    alice.type(*(f"{number} {text}" for number in range(count)))
    bob.hears("message", count=count)
    alice.hears("delivered", count=count)
    bob.type("still quick")
    alice.hears("message", text="still quick")
    h.process.send_signal(signal.SIGTERM)
    alice.hears("disconnected", code="host-stopped")
    bob.hears("disconnected", code="host-stopped")
    assert alice.ends() == bob.ends() == 0
    assert h.ends() == 0


@posix
def test_without_any_input_it_is_as_if_the_input_had_ended(host: Any) -> None:
    """As a service manager may start it: with standard input closed."""
    h = host("--json", preexec_fn=lambda: os.close(0))
    assert h.ends() == 0
    assert h.errors == ""
    assert h.events[-1]["event"] == "disconnected"


# --- the preset key --------------------------------------------------------------------------------------------------


def test_a_drawn_key_lets_in_those_who_have_it(host: Any, guest: Any, tmp_path: Path) -> None:
    h = host("--json", "--key", "new")
    listening = h.hears("listening")
    key = listening["preset_key"]
    path = tmp_path / "key"
    path.write_text(key + "\n", "ascii")
    good = [
        guest(h.port(), "alice", "--json", "--key", key),
        guest(h.port(), "bob", "--json", "--key-file", str(path)),
        guest(h.port(), "carol", "--json", environment={"USI_KEY": key}),
    ]
    for program in good:
        assert program.hears("connected")["fingerprint"] == listening["preset_fingerprint"]
    wrong = guest(h.port(), "mallory", "--json", "--key", KEY)
    missing = guest(h.port(), "mallory", "--plain", key="alice")
    assert wrong.ends() == missing.ends() == 4
    wrong.hears("error", code="wrong-key")
    for program in (wrong, missing):
        assert re.fullmatch(r"usi: [^\n]*preset key[^\n]*\n", program.errors)
    h.hears("notice", code="wrong-key")
    h.hears("notice", code="key-needed")
    assert len(h.all("member_joined")) == 3


# --- failures --------------------------------------------------------------------------------------------------------


def one_sentence(program: Program) -> str:
    assert re.fullmatch(r"usi: [^\n]*\.\n", program.errors), program.errors
    assert "Traceback" not in program.errors
    assert not BARE.search(program.errors.rstrip("\n"))
    return program.errors


def test_failures_are_one_sentence_and_a_status(start: Any) -> None:
    with socket.create_server((HERE, 0)) as taken, socket.create_server((HERE, 0)) as closed:
        port, refused = taken.getsockname()[1], closed.getsockname()[1]
        closed.close()
        cases = [
            (["-s", "-b", HERE, "-p", str(port), "--plain"], 3, "already in use"),
            (["-s", "-b", "192.0.2.1", "--plain"], 3, "not possible"),
            (["-c", f"{HERE}:{refused}", "--plain"], 3, "refused"),
            (["-c", "no-such-host.invalid", "--plain"], 3, "no-such-host.invalid"),
            (["-c", "no-such-host.invalid", "--json"], 3, "no-such-host.invalid"),
            (["-s", "-c", "--plain"], 2, "Choose one"),
            (["-s", "--plain", "--key", "short"], 2, "preset key"),
            (["-s"], 2, "terminal"),
        ]
        programs = [start(*arguments, key="alice", stdin=subprocess.DEVNULL) for arguments, _, _ in cases]
        for program, (arguments, status, words) in zip(programs, cases, strict=True):
            assert program.ends() == status, arguments
            assert words in one_sentence(program)
            if "--json" in arguments:
                program.hears("error", code="unknown-host")
            else:
                assert set(program.lines) <= {"* Connecting …"}


@posix
def test_arguments_that_are_not_utf_8(start: Any) -> None:
    broken = os.fsdecode(b"caf\xe9\xff")
    cases = [["-c", broken, "--json"], ["-c", broken, "--plain"], ["-s", "-b", broken, "--json"], ["-s", "-m", broken]]
    programs = [start(*arguments, key="alice", stdin=subprocess.DEVNULL) for arguments in cases]
    for program, arguments in zip(programs, cases, strict=True):
        assert program.ends() in (2, 3), arguments
        one_sentence(program)
        if "--json" in arguments:
            assert all(event["event"] in ("connecting", "error") for event in program.events)


def test_something_else_at_the_port_of_the_host(guest: Any) -> None:
    with socket.create_server((HERE, 0)) as web:
        alice = guest(web.getsockname()[1], "alice", "--json")
        web.settimeout(PATIENCE)
        connection, _ = web.accept()
        with connection:
            connection.settimeout(PATIENCE)
            connection.recv(100)
            connection.sendall(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")
    assert alice.ends() == 3
    alice.hears("error", code="not-usi")
    assert "does not speak USI" in one_sentence(alice)


# --- files -----------------------------------------------------------------------------------------------------------


def test_a_file_through_a_pipeline(host: Any, guest: Any, tmp_path: Path) -> None:
    """`echo "/send PATH" | usi …` ends when somebody has it; the sender's status says so."""
    path = tmp_path / "some file.bin"
    path.write_bytes(os.urandom(700_000))
    h = host("--json")
    bob = guest(h.port(), "bob", "--json", "--accept-files", "--downloads", str(tmp_path / "got"))
    bob.hears("connected")
    alice = guest(h.port(), "alice", "--plain")
    alice.shows("Words:")
    alice.type(f"/send '{path}'")
    alice.end_input()
    assert alice.ends() == 0
    alice.shows("bob has some file.bin")
    done = bob.hears("file_done")
    assert Path(done["path"]) == tmp_path / "got" / path.name
    assert Path(done["path"]).read_bytes() == path.read_bytes()
    assert bob.hears("file_offer")["mine"] is False


def test_a_file_that_nobody_takes(host: Any, guest: Any, tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(b"x")
    h = host("--json")
    alice = guest(h.port(), "alice", "--plain")
    alice.shows("Words:")
    alice.type(f"/send {path}")
    alice.end_input()
    h.hears("file_offer")
    h.type("/decline")
    assert alice.ends() == 1
    alice.shows("host does not want a.bin")
    alice.shows("Nobody took a.bin")


def test_a_file_that_is_not_there_is_no_success(host: Any, guest: Any) -> None:
    h = host("--json")
    alice = guest(h.port(), "alice", "--plain")
    alice.shows("Words:")
    alice.type("/send no-such-file")
    alice.end_input()
    assert alice.ends() == 1
    alice.shows("There is no file or folder no-such-file.")


# --- the inspector ---------------------------------------------------------------------------------------------------


def test_the_inspector_in_both_faces(host: Any, guest: Any) -> None:
    h = host("--plain", "--dev", "--key", KEY)
    port = int(h.shows("Hosting on").rpartition(":")[2])
    alice = guest(port, "alice", "--json", "--dev", "--key", KEY)
    alice.hears("connected")
    alice.type("hello inspector")
    alice.hears("delivered")
    h.shows("alice: hello inspector")
    alice.end_input()
    assert alice.ends() == 0
    h.end_input()
    assert h.ends() == 0
    steps = ["hello", "offer", "kem", "answer", "keys", "fingerprint", "record"]
    traced = [event["step"] for event in alice.all("trace")]
    assert [step for step in steps if step in traced] == steps
    assert "seal" in traced
    assert all({"step", "direction", "detail", "link"} <= event.keys() for event in alice.all("trace"))
    lines = [line for line in h.lines if line.startswith("# ")]
    for step in (*steps, "open"):
        assert any(f" {step}" in line for line in lines), step
    secret = [event["detail"] for event in alice.all("trace") if "<secret" in str(event["detail"])]
    masked = {name for detail in secret for name, value in detail.items() if str(value).startswith("<secret")}
    assert {"shared", "session_secret", "client_to_host", "host_to_client"} <= masked
    for line in h.lines + alice.lines:
        assert KEY not in line
        assert not BARE.search(line)


# --- what is loaded --------------------------------------------------------------------------------------------------


def test_a_headless_host_loads_no_screen(host: Any) -> None:
    h = host("--plain", key=None, stdin=subprocess.DEVNULL, python=("-X", "importtime"))
    assert h.ends() == 0
    names = {line.rpartition("|")[2].strip() for line in h.errors.splitlines() if line.startswith("import time:")}
    assert "usi.ui.plain" in names
    assert not {"textual", "rich", "plyer"} & {name.partition(".")[0] for name in names}


def test_help_and_version_load_little(start: Any) -> None:
    for option in ("--help", "--version"):
        program = start(option, python=("-X", "importtime"))
        assert program.ends() == 0
        names = {line.rpartition("|")[2].strip() for line in program.errors.splitlines()}
        assert "usi.cli" in names
        assert not {"textual", "rich", "plyer", "asyncio"} & {name.partition(".")[0] for name in names}


def test_the_package_runs_as_a_module() -> None:
    command = [sys.executable, "-m", "usi", "--version"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE, check=True)
    assert done.stdout.startswith("usi ")
