"""A terminal that does not keep up, and the program on one."""

import asyncio
import os
import re
import select
import signal
import struct
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

if sys.platform == "win32":
    pytest.skip("POSIX terminals only", allow_module_level=True)

import fcntl
import inspect
import pty
import termios

from textual._xterm_parser import XTermParser
from textual.events import Key, Paste

from usi.config import Settings
from usi.core.crypto import PrivateKey
from usi.core.events import Message
from usi.net.peer import Peer
from usi.ui.tui.terminal import CarefulParser, Writer

pytestmark = pytest.mark.slow

Start = Callable[[], tuple[Writer, threading.Event]]


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    """A pipe in place of a terminal: what to read, what to write."""
    reading, writing = os.pipe()
    yield reading, writing
    with suppress(OSError):  # the test closed it
        os.close(reading)  # first: a thread that still writes then ends
    for thread in threading.enumerate():
        if thread.name == "usi-screen":
            thread.join(10)
            assert not thread.is_alive()
    os.close(writing)


def read_until(descriptor: int, end: bytes) -> bytes:
    got = b""
    while end not in got:
        assert select.select([descriptor], [], [], 30)[0], "nothing more came"
        got += os.read(descriptor, 65_536)
    return got


@pytest.fixture
def start(pipe: tuple[int, int]) -> Start:
    def started() -> tuple[Writer, threading.Event]:
        caught_up = threading.Event()
        return Writer(pipe[1], caught_up.set), caught_up

    return started


def test_writes_in_order(pipe: tuple[int, int], start: Start) -> None:
    writer, caught_up = start()
    for number in range(1000):
        writer.write(f"é{number};")
    writer.close()
    assert read_until(pipe[0], b"999;").decode() == "".join(f"é{number};" for number in range(1000))
    assert not caught_up.is_set()


def test_never_waits_and_draws_anew(pipe: tuple[int, int], start: Start) -> None:
    writer, caught_up = start()
    for _ in range(500):
        writer.write("x" * 4096)  # 2 MB, and nobody reads
    writer.write("dropped")
    while not caught_up.is_set():
        if select.select([pipe[0]], [], [], 0.05)[0]:  # the last bytes are out a moment before it is told
            assert b"dropped" not in os.read(pipe[0], 65_536)
    writer.write("shown")
    assert b"dropped" not in read_until(pipe[0], b"shown")
    writer.close()


def test_last_words_are_not_dropped(pipe: tuple[int, int], start: Start) -> None:
    writer, _ = start()
    for _ in range(500):
        writer.write("x" * 4096)
    writer.drop()
    writer.write("goodbye")
    read_until(pipe[0], b"goodbye")
    writer.close()


def test_a_terminal_that_takes_nothing_is_left(
    start: Start,
) -> None:
    writer, _ = start()
    for _ in range(500):
        writer.write("x" * 4096)
    writer.close()


def test_a_terminal_that_is_gone(pipe: tuple[int, int], start: Start) -> None:
    os.close(pipe[0])
    writer, caught_up = start()
    for _ in range(500):
        writer.write("x" * 4096)
    writer.close()
    assert not caught_up.is_set()


def test_a_terminal_that_somebody_made_impatient(pipe: tuple[int, int], start: Start) -> None:
    os.set_blocking(pipe[1], False)
    writer, _ = start()
    for _ in range(50):
        writer.write("x" * 4096)
    writer.write("end")
    assert read_until(pipe[0], b"end").count(b"x") == 50 * 4096
    writer.close()


def test_alt_enter_is_a_new_line_however_fast_one_types() -> None:
    parser = XTermParser()
    keys = [event.key for event in parser.feed("a\x1b\rb\r") if isinstance(event, Key)]
    assert keys == ["a", "ctrl+j", "b", "enter"]


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7, 1_000])
def test_a_paste_is_one_text_whatever_is_in_it(size: int) -> None:
    parser = CarefulParser()
    text = "one \x1b[31mred\r/quit\r\x1b[200~\x1b\x1b[20x \x1b"
    typed = f"a\x1b[200~{text}\x1b[201~b\x1b[A\x1b[200~two\x1b[201~\r"
    pieces = [typed[at : at + size] for at in range(0, len(typed), size)]
    said = [event for piece in pieces for event in parser.feed(piece)]
    assert [event.text if isinstance(event, Paste) else event.key for event in said] == [
        "a", text.replace("\x1b", "^["), "b", "up", "two", "enter",
    ]  # fmt: skip


def test_the_program_reads_with_it() -> None:
    from textual.drivers import linux_driver

    assert linux_driver.XTermParser is CarefulParser
    assert "parser = XTermParser(" in inspect.getsource(linux_driver.LinuxDriver.run_input_thread)


# --- the program on a terminal ----------------------------------------------------------------------------------------

ROOT = Path(__file__).parents[3]
HOST = """
import fcntl, functools, pathlib, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
from usi.config import Settings
from usi.core.crypto import PrivateKey
from usi.ui.tui import app
key = PrivateKey.from_pem(pathlib.Path("tests/keys/host.pem").read_bytes())
app.Peer = functools.partial(app.Peer, key=key)
sys.exit(app.run(Settings(hosting=True, name="host", address="127.0.0.1", port=int(sys.argv[1]))))
"""


CRASH = """
import fcntl, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
from usi import cli
from usi.ui.tui.{module} import {kind}
def fail(*args, **more):
    raise ZeroDivisionError("secret detail")
{kind}.{method} = fail
sys.exit(cli.main(["-s", "-b", "127.0.0.1", "-p", "0", *sys.argv[1:]]))
"""
"""A program whose screen has a fault."""


class Terminal:
    """A host on the screen of a terminal of its own, or another program."""

    def __init__(self, *arguments: str, program: str = HOST) -> None:
        self.here, there = pty.openpty()
        fcntl.ioctl(there, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        self._there = there
        self.before = termios.tcgetattr(there)
        self.program = subprocess.Popen(
            [sys.executable, "-c", program, *(arguments or ("0",))],
            stdin=there,
            stdout=there,
            stderr=there,
            cwd=ROOT,
            env=os.environ | {"TERM": "xterm-256color"},
            start_new_session=True,
        )
        self.drawn = b""

    def read(self, end: bytes = b"") -> None:
        """Take what is drawn, up to an end, or up to the end of the program."""
        deadline = time.monotonic() + 30
        while (end not in self.drawn) if end else (self.program.poll() is None):
            assert time.monotonic() < deadline, self.drawn[-500:]
            ready, _, _ = select.select([self.here], [], [], 0.05)
            if ready:
                self.drawn += os.read(self.here, 65_536)

    def modes(self) -> list:
        return termios.tcgetattr(self._there)

    def hang_up(self) -> None:
        os.close(self._there)
        os.close(self.here)

    def close(self) -> None:
        if self.program.poll() is None:
            self.program.kill()
        self.program.wait()
        for descriptor in (self.here, self._there):
            with suppress(OSError):
                os.close(descriptor)


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    opened = Terminal()
    yield opened
    opened.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_gives_the_terminal_back(terminal: Terminal, number: int) -> None:
    terminal.read(b"hosting on")
    assert terminal.modes() != terminal.before
    os.kill(terminal.program.pid, number)
    terminal.read()
    while select.select([terminal.here], [], [], 0)[0]:
        terminal.drawn += os.read(terminal.here, 65_536)
    assert terminal.program.returncode == 0
    assert terminal.modes() == terminal.before
    assert terminal.drawn.rindex(b"\x1b[?1049l") > terminal.drawn.rindex(b"\x1b[?1049h")
    assert b"Traceback" not in terminal.drawn


def test_a_terminal_that_is_closed_ends_the_program(terminal: Terminal) -> None:
    terminal.read(b"hosting on")
    terminal.hang_up()
    assert terminal.program.wait(30) == 0


@pytest.mark.parametrize("debug", [False, True])
@pytest.mark.parametrize("fault", ["widgets.header.HeaderBar.render", "screens.chat.ChatScreen.action_fold"])
def test_a_mishap_gives_the_terminal_back_and_is_one_sentence(debug: bool, fault: str) -> None:
    module, kind, method = fault.rsplit(".", 2)
    program = CRASH.format(module=module, kind=kind, method=method)
    terminal = Terminal("--lang=en", *(["--debug"] if debug else []), program=program)
    try:
        if method == "action_fold":  # while it runs, rather than at the start
            terminal.read(b"joined yet")
            os.write(terminal.here, b"\x1bOR")  # F3
        terminal.read()
        while select.select([terminal.here], [], [], 0)[0]:
            terminal.drawn += os.read(terminal.here, 65_536)
        assert terminal.program.returncode == 1
        assert terminal.modes() == terminal.before
        said = terminal.drawn[terminal.drawn.rindex(b"\x1b[?1049l") :].decode()
        assert ("Traceback" in said) == ("secret detail" in said) == debug
        if not debug:
            assert "usi: this should not have happened (ZeroDivisionError); --debug shows more." in said
            assert said.count("\n") <= 2
    finally:
        terminal.close()


async def test_a_terminal_that_stalls_holds_nobody_up(terminal: Terminal, keys: dict[str, PrivateKey]) -> None:
    """Nobody reads what the host draws while two guests talk: all of it arrives, and the host can be ended."""
    terminal.read(b"joined yet")
    port = int(re.search(rb"hosting on 127\.0\.0\.1:([1-9]\d*)", terminal.drawn)[1])

    async def messages(peer: Peer) -> AsyncIterator[str]:
        async for event in peer.events():
            if isinstance(event, Message):
                yield event.text

    def guest(name: str) -> Peer:
        return Peer(Settings(hosting=False, name=name, address="127.0.0.1", port=port), keys[name])

    async with guest("alice") as alice, guest("bob") as bob, asyncio.timeout(60):
        heard = messages(bob)
        for number in range(150):  # one by one, so that the screen draws often
            await alice.enter(f"{number} {'x' * 70}")
            assert (await anext(heard)).startswith(f"{number} ")
        os.kill(terminal.program.pid, signal.SIGTERM)
        await asyncio.to_thread(terminal.program.wait, 30)
    assert terminal.program.returncode == 0
