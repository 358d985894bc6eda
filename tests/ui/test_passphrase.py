"""Passphrases come from a file, the environment or a person, in this order, and are never shown."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from usi.core.errors import BadPassphrase, NoPassphrase, UnreadableFile
from usi.ui import passphrase
from usi.ui.passphrase import VARIABLE, asker

ROOT = Path(__file__).parents[2]


class Person:
    """Types these answers, one for each prompt."""

    def __init__(self) -> None:
        self.answers: Iterator[str] = iter(())
        self.prompts: list[str] = []

    def __call__(self, prompt: str, stream: object) -> str:
        assert stream is sys.stderr
        self.prompts.append(prompt)
        try:
            return next(self.answers)
        except StopIteration:
            raise EOFError from None


@pytest.fixture
def person(monkeypatch: pytest.MonkeyPatch) -> Person:
    person = Person()
    monkeypatch.setattr(passphrase, "getpass", person)
    monkeypatch.setattr(passphrase, "_has_terminal", lambda: True)
    return person


def test_a_person_is_asked(person: Person) -> None:
    person.answers = iter(["one", "two", "two"])
    ask = asker("Old: ", "New: ", None)
    assert [ask(False), ask(True)] == ["one", "two"]
    assert person.prompts == ["Old: ", "New: ", "The same again: "]


@pytest.mark.parametrize(("answers", "why"), [(["a", "b"], "not the same"), (["", ""], "empty")])
def test_a_new_one_is_checked(person: Person, answers: list[str], why: str) -> None:
    person.answers = iter(answers)
    with pytest.raises(BadPassphrase, match=why):
        asker("Old: ", "New: ", None)(True)


def test_the_end_of_the_input_is_no_answer(person: Person) -> None:
    with pytest.raises(NoPassphrase):
        asker("Old: ", "New: ", None)(False)


@pytest.mark.parametrize("content", ["clé\n", "clé\r\n", "clé", "clé\nmore\n"])
@pytest.mark.parametrize("new", [False, True])
def test_a_file_goes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str, new: bool) -> None:
    monkeypatch.setenv(VARIABLE, "other")
    (tmp_path / "p").write_bytes(content.encode())
    assert asker("", "", tmp_path / "p")(new) == "clé"


def test_a_file_that_has_none(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile):
        asker("", "", tmp_path / "p")(False)
    (tmp_path / "p").write_bytes(b"\n")
    for new in (True, False):
        with pytest.raises(BadPassphrase, match=r"the first line of .*p is empty"):
            asker("", "", tmp_path / "p")(new)


def test_the_variable(person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "from outside")
    assert asker("", "", None)(True) == "from outside"
    person.answers = iter(["typed"])
    assert asker("", "", None, variable=None)(False) == "typed"


@pytest.mark.parametrize("new", [False, True])
def test_a_variable_that_is_empty_is_no_passphrase(monkeypatch: pytest.MonkeyPatch, new: bool) -> None:
    monkeypatch.setenv(VARIABLE, "")
    with pytest.raises(BadPassphrase, match=f"{VARIABLE} is set and empty"):
        asker("", "", None)(new)


def test_somebody_may_type_nothing_and_is_told_that_it_is_wrong(person: Person) -> None:
    person.answers = iter([""])
    assert asker("Old: ", "New: ", None)(False) == ""


@pytest.mark.skipif(os.name != "posix", reason="sessions are POSIX's")
def test_nobody_can_be_asked() -> None:
    """In a session without a terminal: a sentence, and no prompt that waits for ever."""
    result = subprocess.run(
        [sys.executable, "usi.py", "--account", "alice"],
        cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True, start_new_session=True, timeout=60,
        check=False,
    )  # fmt: skip
    assert (result.returncode, result.stdout) == (2, "")
    assert "--passphrase-file" in result.stderr
    assert result.stderr.count("\n") == 1


AT_A_TERMINAL = """
import fcntl, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
from usi.cli import main
sys.exit(main(["--account", "alice"]))
"""


@pytest.mark.skipif(os.name != "posix", reason="pseudo-terminals are POSIX's")
def test_what_is_typed_is_not_shown() -> None:
    """At a real terminal: both prompts show, and nothing of the answers."""
    import pty

    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-c", AT_A_TERMINAL],
        cwd=ROOT, stdin=theirs, stdout=subprocess.PIPE, stderr=theirs, text=True, start_new_session=True,
    ) as program:  # fmt: skip
        os.close(theirs)
        shown = b""
        for prompt in (b"Password of the account: ", b"The same again: "):
            while not shown.endswith(prompt):
                shown += os.read(ours, 1_000)
            os.write(ours, b"hunter2\n")
        out, _ = program.communicate(timeout=60)
    os.close(ours)
    assert program.returncode == 0
    assert b"hunter2" not in shown
    assert out.startswith('[[account]]\nname = "alice"\npassword = "usi3-bcrypt$12$')
