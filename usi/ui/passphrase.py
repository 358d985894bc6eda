"""Passphrases: from a file, from the environment or from the person at the terminal, and never from an argument, which
every program on the machine could read."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from getpass import getpass
from pathlib import Path

from usi.core.errors import BadPassphrase, NoPassphrase, UnreadableFile
from usi.core.language import tr

VARIABLE = "USI_PASSPHRASE"
_LONGEST = 4096  # bytes that are read of a file


def asker(prompt: str, new_prompt: str, file: Path | None, *, variable: str | None = VARIABLE) -> Callable[[bool], str]:
    """What gets a passphrase when it is needed, told whether it is for something new: then it is not empty, and a
    person types it twice.

    The first line of `file`, else the environment's `variable`, else the answer to one of the two prompts, which are in
    the person's language. Raises `UnreadableFile`, `NoPassphrase` where nobody can be asked, or `BadPassphrase`.
    """

    def ask(new: bool) -> str:
        if file is not None:
            given, why = _first_line(file), tr("the first line of {path} is empty", path=file)
        elif variable is not None and variable in os.environ:
            given, why = os.environ[variable], tr("{variable} is set and empty", variable=variable)
        else:
            given, why = _typed(new_prompt if new else prompt, twice=new), "it is empty" if new else ""
        if why and not given:
            raise BadPassphrase(why=why)
        return given

    return ask


def _first_line(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(_LONGEST).decode("utf-8", "surrogateescape").partition("\n")[0].removesuffix("\r")
    except OSError as error:
        raise UnreadableFile(path=path, why=(error.strerror or "error").lower()) from error


def _typed(prompt: str, *, twice: bool) -> str:
    if not _has_terminal():
        raise NoPassphrase
    try:
        first = getpass(prompt, sys.stderr)
        if twice and first != getpass(tr("The same again: "), sys.stderr):
            raise BadPassphrase(why="the two are not the same")
    except EOFError:
        raise NoPassphrase from None
    return first


def _has_terminal() -> bool:
    """Whether a person can be asked without an echo; standard input may be a pipe."""
    if os.name != "posix":
        return sys.stdin.isatty()
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
    except OSError:
        return False
    return True
