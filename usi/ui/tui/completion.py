"""What Tab makes of what stands before the cursor: commands, names of members, paths. Pure functions."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from usi.core.commands import COMMANDS, MARKS, Command
from usi.core.language import tr
from usi.core.text import bare

_MOST = 100
_ENTRIES = 5_000  # of a folder that are looked at


@dataclass(frozen=True)
class Candidate:
    """One way to go on."""

    text: str
    """What stands there instead of the word."""
    note: str = ""
    """What it is, for the list."""
    ends: bool = True
    """The word is complete: a space follows."""


@dataclass(frozen=True)
class Completion:
    """The ways to go on from a word that begins at `start`."""

    start: int
    candidates: tuple[Candidate, ...]

    @property
    def common(self) -> str:
        """What all candidates begin with, in the spelling of the first."""
        texts = [candidate.text for candidate in self.candidates]
        first = texts[0]
        for length in range(len(first), 0, -1):
            if all(text[:length].casefold() == first[:length].casefold() for text in texts):
                return first[:length]
        return ""


def complete(
    before: str, names: Sequence[str], numbers: Sequence[Candidate] = (), rooms: Sequence[str] = ()
) -> Completion | None:
    """The ways to go on from the text before the cursor; None if there are none. `numbers` are those of files."""
    start = next((at for at in range(len(before), 0, -1) if before[at - 1].isspace()), 0)
    word = before[start:]
    command, rest = _command(before)
    if command is None and start == 0 and word[:1] in MARKS and word:
        candidates: Iterable[Candidate] = commands(word)
    elif command is not None and _takes_path(command):
        start = len(before) - len(rest)
        candidates = paths(rest)
    elif command is not None and command.takes == "[N]":
        candidates = [number for number in numbers if number.text.startswith(word)]
    elif command is not None and command.takes.startswith("[COMMAND]"):
        candidates = commands(word if word[:1] in MARKS and word else f"/{word}")
    elif command is not None and _takes_room(command, rest):
        candidates = [Candidate(sign) for sign in _rooms(word, rooms)]
    elif word or (command is not None and "NAME" in command.takes and command.names[0] != "nick"):
        candidates = members(word, names)
    else:
        return None
    kept = tuple(candidates)[:_MOST]
    return Completion(start, kept) if kept else None


def commands(word: str) -> list[Candidate]:
    """The commands that begin like this (mark and letters), each once: by their spellings in the person's language, or
    by the others where none of these fits."""
    sign, letters = word[:1], bare(word[1:])

    own = [(command, [command.spelling.lstrip(MARKS)]) for command in COMMANDS]
    for spelled in (own, [(command, [*command.names]) for command in COMMANDS]):
        found = []
        for command, names in spelled:
            name = next((name for name in names if bare(name).startswith(letters)), None)
            if name is not None:
                note = tr(command.summary)
                found.append(Candidate(sign + name, f"{tr(command.takes)} — {note}" if command.takes else note))
        if found:
            return sorted(found, key=lambda candidate: bare(candidate.text))
    return []


def members(word: str, names: Sequence[str]) -> list[Candidate]:
    """The members whose names begin like this; an @ before the name stays."""
    sign = "@" if word.startswith("@") else ""
    letters = word[len(sign) :].casefold()
    fitting = [name for name in names if name.casefold().startswith(letters)]
    return [Candidate(sign + name) for name in sorted(fitting, key=str.casefold)]


def paths(prefix: str) -> list[Candidate]:
    """The files and folders that begin like this; a folder ends with a slash and can be gone on from.

    Hidden ones are listed only when asked for by their dot.
    """
    if prefix == "~":
        return [Candidate("~/", tr("folder"), ends=False)]
    folder, start = os.path.split(prefix)
    try:
        with os.scandir(os.path.expanduser(folder) or ".") as entries:
            listed = [(entry.name, entry.is_dir()) for entry, _ in zip(entries, range(_ENTRIES), strict=False)]
    except (OSError, ValueError):
        return []
    found = []
    for name, is_folder in sorted(listed):
        fits = name.casefold().startswith(start.casefold()) and (start.startswith(".") or not name.startswith("."))
        if fits and name.isprintable():
            note = tr("folder") if is_folder else ""
            found.append(Candidate(os.path.join(folder, name) + ("/" if is_folder else ""), note, ends=not is_folder))
    return found


def _command(before: str) -> tuple[Command | None, str]:
    """The command that the text begins with, once a space stands behind it, and what follows."""
    if before[:1] not in MARKS or not before or before[:1] == before[1:2] or "\n" in before:
        return None, ""
    name, space, rest = before[1:].partition(" ")
    for command in COMMANDS if space else ():
        if name.casefold() in command.names:
            return command, rest.lstrip()
    return None, ""


def _takes_room(command: Command, rest: str) -> bool:
    """Whether a room comes next: at once, or behind a name."""
    if command.names[0] == "room":
        return rest.startswith(("close ", "fermer "))
    return command.takes == "ROOM" or (command.takes == "NAME ROOM" and " " in rest)


def _rooms(word: str, rooms: Sequence[str]) -> list[str]:
    sign = "#" if word.startswith("#") else ""
    letters = word[len(sign) :].casefold()
    return [f"{sign}{room}" for room in sorted(rooms, key=str.casefold) if room.casefold().startswith(letters)]


def _takes_path(command: Command) -> bool:
    return command.takes.startswith("PATH")
