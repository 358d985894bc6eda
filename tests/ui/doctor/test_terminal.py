"""What a terminal says of itself: by its variables, and by its answers on a pseudo-terminal that the test plays."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path

import pytest

from usi.ui.doctor import terminal

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize(
    ("environment", "count"),
    [
        ({"TERM": "xterm-256color"}, 256),
        ({"TERM": "xterm-256color", "COLORTERM": "truecolor"}, 2**24),
        ({"TERM": "xterm"}, 16),
        ({"TERM": "dumb"}, 1),
        ({}, 1),
        ({"TERM": "xterm-256color", "NO_COLOR": "1"}, 1),
    ],
)
def test_colours_by_the_variables(environment: dict[str, str], count: int) -> None:
    assert terminal.colours(environment) == count


ALL = "\x1b[?1006;2$y\x1b[?1004;2$y\x1b[?2004;1$y\x1b[?2026;2$y\x1b[?0u\x1b[1;6R\x1b[?62;22c"
FEW = "\x1b[?1006;0$y\x1b[?2004;4$y\x1b[1;12R\x1b[?6c"


def test_answers_are_yes_no_or_nothing() -> None:
    assert set(terminal.answers(ALL).values()) == {True}
    few = terminal.answers(FEW)
    assert few == {
        "mouse": False, "focus": None, "bracketed_paste": False, "synchronized": None, "kitty_keyboard": False,
        "unicode": False,
    }  # fmt: skip
    assert set(terminal.answers("").values()) == {None}
    assert set(terminal.answers("\x1b[A garbage \x1b[?9;9$y").values()) == {None}


def test_what_the_abilities_mean() -> None:
    assert terminal._abilities(terminal.answers(ALL)).state == "good"
    assert terminal._abilities(terminal.answers(ALL)).advice == ""
    assert terminal._abilities(terminal.answers(FEW)).state == "attention"
    assert "does not say" in terminal._abilities(terminal.answers("")).text


class Stream:
    """Standard input and output of a terminal, as far as is asked."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True

    def fileno(self) -> int:
        return 1


@pytest.mark.parametrize(
    ("size", "name", "state"),
    [
        ((80, 24), "xterm", "good"),
        ((39, 24), "xterm", "attention"),
        ((200, 11), "xterm", "attention"),
        ((80, 24), "dumb", "attention"),
        ((80, 24), "", "attention"),
    ],
)
def test_size_and_kind(size: tuple[int, int], name: str, state: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", Stream())
    monkeypatch.setattr(sys, "stdout", Stream())
    monkeypatch.setattr(os, "get_terminal_size", lambda number: os.terminal_size(size))
    (found,) = terminal.terminal({"TERM": name}, ask=False)
    assert found.state == state
    assert (found.facts["width"], found.facts["height"]) == size


@pytest.mark.parametrize(("encoding", "state"), [("utf-8", "good"), ("UTF8", "good"), ("latin-1", "attention")])
def test_letters(encoding: str, state: str, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = Stream()
    stream.encoding = encoding  # type: ignore[misc]
    monkeypatch.setattr(sys, "stdout", stream)
    (found,) = terminal.letters({"LC_CTYPE": "fr_FR", "LANG": "C"})
    assert found.state == state
    assert found.facts["locale"] == "fr_FR"


@pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals are POSIX")
@pytest.mark.parametrize("answer", [ALL, FEW, ""], ids=["all", "few", "silent"])
def test_a_terminal_is_asked_and_left_as_it_was(answer: str) -> None:
    import pty
    import termios

    master, slave = pty.openpty()
    termios.tcsetwinsize(slave, (24, 80))  # type: ignore[attr-defined]  # from 3.11 on
    before = termios.tcgetattr(slave)
    shown = b""

    def play() -> None:
        nonlocal shown
        answered = False
        with suppress(OSError):
            while data := os.read(master, 4096):
                shown += data
                if b"\x1b[c" in shown and not answered:
                    answered = True
                    os.write(master, answer.encode())

    player = threading.Thread(target=play)
    player.start()
    try:
        environment = {**os.environ, "TERM": "xterm-256color", "DBUS_SESSION_BUS_ADDRESS": "unix:path=/"}
        done = subprocess.run(
            [sys.executable, "usi.py", "--doctor", "-p", "0"], cwd=ROOT, stdin=slave, stdout=slave,
            stderr=subprocess.PIPE, env=environment, timeout=60, check=False,
        )  # fmt: skip
        after = termios.tcgetattr(slave)
    finally:
        os.close(slave)
        player.join(20)
        os.close(master)
    assert done.stderr == b""
    assert done.returncode in (0, 1)
    assert after == before
    said = shown.decode()
    assert "xterm-256color, 80 by 24, with 256 colours" in said
    expected = {ALL: "mouse: yes", FEW: "mouse: no", "": "mouse: does not say"}
    assert expected[answer] in said
    assert "\x1b[32m✓" in said
