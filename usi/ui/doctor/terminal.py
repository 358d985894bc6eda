"""What this terminal can do, by its own word where it gives one, and the letters that the system takes."""

from __future__ import annotations

import locale
import os
import re
import select
import sys
import time
from collections.abc import Iterator, Mapping

from usi.core.language import labelled, tr
from usi.ui.doctor.finding import Facts, Finding

_SECONDS = 0.8  # for a terminal to answer; one behind a slow connection needs a few tenths
_SMALLEST = (40, 12)
_MODES = {1006: "mouse", 1004: "focus", 2004: "bracketed_paste", 2026: "synchronized"}
_SAMPLE = "é漢🙂"  # takes 1 + 2 + 2 columns
_SAMPLE_WIDTH = 5
_QUESTIONS = "".join(f"\x1b[?{mode}$p" for mode in _MODES) + f"\x1b[?u\r{_SAMPLE}\x1b[6n\r\x1b[K\x1b[c"
"""The modes, the Kitty keyboard protocol, where the cursor is behind the sample; and what every terminal answers."""
_LAST = re.compile(r"\x1b\[\?[0-9;]*c")
_MODE = re.compile(r"\x1b\[\?([0-9]+);([0-4])\$y")
_KITTY = re.compile(r"\x1b\[\?[0-9]+u")
_CURSOR = re.compile(r"\x1b\[[0-9]+;([0-9]+)R")


def terminal(environment: Mapping[str, str], *, ask: bool) -> Iterator[Finding]:
    """The terminal of standard input and output; `ask` False leaves its own word out."""
    name = environment.get("TERM", "")
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        said = tr("Input or output is not a terminal, so there is no screen here.")
        yield Finding("terminal", "attention", said, tr("--plain and --json do not need one."), {"term": name})
        return
    width, height = os.get_terminal_size(sys.stdout.fileno())
    facts: Facts = {"term": name, "width": width, "height": height, "colours": colours(environment)}
    said = tr("The terminal is {term}, {width} by {height}, with {colours} colours.", **facts | {"term": name or "?"})
    if name in ("", "dumb", "unknown"):
        advice = tr("Set TERM to what the terminal is, such as xterm-256color, or use --plain.")
        yield Finding("terminal", "attention", said, advice, facts)
    elif width < _SMALLEST[0] or height < _SMALLEST[1]:
        advice = tr("Make it at least {width} by {height}.", width=_SMALLEST[0], height=_SMALLEST[1])
        yield Finding("terminal", "attention", said, advice, facts)
    else:
        yield Finding("terminal", "good", said, facts=facts)
    if ask and sys.platform != "win32":
        yield _abilities(answers(_ask()))


def colours(environment: Mapping[str, str]) -> int:
    """How many colours the terminal says to have by its variables; 1 where none are wanted."""
    if environment.get("NO_COLOR"):
        return 1
    if environment.get("COLORTERM", "").lower() in ("truecolor", "24bit"):
        return 2**24
    name = environment.get("TERM", "")
    return 256 if "256" in name else 1 if name in ("", "dumb", "unknown") or "mono" in name else 16


def answers(said: str) -> Facts:
    """What a terminal answered to our questions. None: it does not say."""
    modes = {int(number): int(state) for number, state in _MODE.findall(said)}
    facts: Facts = {
        name: modes[mode] in (1, 2, 3) if mode in modes else None for mode, name in _MODES.items()
    }
    answered = _LAST.search(said) is not None
    facts["kitty_keyboard"] = _KITTY.search(said) is not None if answered else None
    column = _CURSOR.search(said)
    facts["unicode"] = int(column[1]) == _SAMPLE_WIDTH + 1 if column else None
    return facts


def _ask() -> str:
    """Put the questions and read until the last is answered, or for a moment. The terminal is left as it was."""
    import termios
    import tty

    source, target = sys.stdin.fileno(), sys.stdout.fileno()
    before = termios.tcgetattr(source)
    said = b""
    try:
        tty.setcbreak(source, termios.TCSANOW)
        sys.stdout.flush()
        os.write(target, _QUESTIONS.encode())
        deadline = time.monotonic() + _SECONDS
        while (left := deadline - time.monotonic()) > 0 and not _LAST.search(said.decode("latin-1")):
            if select.select([source], [], [], left)[0]:
                said += os.read(source, 1024)
    finally:
        termios.tcsetattr(source, termios.TCSAFLUSH, before)  # late answers are no typed line
        os.write(target, b"\r\x1b[K")
    return said.decode("latin-1")


def _abilities(facts: Facts) -> Finding:
    names = {
        "mouse": tr("mouse"),
        "focus": tr("focus events"),
        "bracketed_paste": tr("bracketed paste"),
        "synchronized": tr("synchronized output"),
        "kitty_keyboard": tr("Kitty keyboard"),
        "unicode": tr("wide characters"),
    }
    yes, no, silent = tr("yes"), tr("no"), tr("does not say")
    listed = ", ".join(
        labelled(names[name], silent if so is None else yes if so else no) for name, so in facts.items()
    )
    said = tr("By its own word: {listed}.", listed=listed)
    if facts["unicode"] is False:
        advice = tr("Characters will not stand where they should: choose a terminal and a locale with UTF-8.")
        return Finding("abilities", "attention", said, advice, facts)
    if facts["kitty_keyboard"] is False:
        advice = tr("Shift+Enter may not be told from Enter: use Alt+Enter for a new line.")
        return Finding("abilities", "good", said, advice, facts)
    return Finding("abilities", "good", said, facts=facts)


def letters(environment: Mapping[str, str]) -> Iterator[Finding]:
    """Whether all letters can be written."""
    output, system = (sys.stdout.encoding or "ascii").lower(), locale.getpreferredencoding(False).lower()
    named = next((environment[name] for name in ("LC_ALL", "LC_CTYPE", "LANG") if environment.get(name)), "")
    facts: Facts = {"locale": named, "output": output, "system": system}
    said = tr("The locale is {locale}, output is {output}.", locale=named or "C", output=output)
    if "".join(c for c in output if c.isalnum()) == "utf8":
        yield Finding("locale", "good", said, facts=facts)
    else:
        advice = tr("Some letters may show as question marks: set LANG to a locale with UTF-8, such as C.UTF-8.")
        yield Finding("locale", "attention", said, advice, facts)
