"""`--doctor`: looks at the way to a host, at this machine and this terminal, and says what to do.

Everything slow runs beside the rest on threads that can be left behind, so that all of it is over in a few seconds.
"""

from __future__ import annotations

import os
import queue
import shutil
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from usi.core import events as ev
from usi.core import text
from usi.core.crypto import PrivateKey
from usi.core.language import tr
from usi.ui.doctor import machine, network, terminal
from usi.ui.doctor.finding import Finding, Look, State, looked
from usi.ui.rendering import to_json

_MOST_SECONDS = 12.0  # for one look, whatever it is
_MARKS: dict[State, tuple[str, str, str]] = {
    "good": ("✓", "+", "32"),
    "attention": ("!", "!", "33"),
    "bad": ("✗", "x", "31"),
}
"""How a state is marked, also where its sign cannot be written, and its colour by SGR."""


@dataclass(frozen=True)
class Request:
    """What to look at. `host` None: this machine alone."""

    host: str | None
    port: int
    own_port: int
    version: str
    """Of this program."""
    downloads: Path
    bind: str | None = None
    preset: bytes | None = field(default=None, repr=False)


def run(request: Request, *, as_json: bool, colours: bool) -> int:
    """Look at everything and print what was found, line by line. 0: nothing is wrong, 1: something is, 3: the host
    cannot be reached."""
    states: list[State] = []
    unreachable = False
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    with suppress(BrokenPipeError):  # nobody reads on
        for finding in findings(request, ask_terminal=not as_json):
            states.append(finding.state)
            unreachable |= finding.unreachable
            print(_json(finding) if as_json else _lines(finding, colours, width), flush=True)
        if not as_json:
            print(_summary(states), flush=True)
        return 3 if unreachable else int("bad" in states)
    with suppress(OSError):  # or the interpreter complains when it flushes at its end
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 3 if unreachable else int("bad" in states)


def findings(request: Request, *, ask_terminal: bool) -> Iterator[Finding]:
    """What is found, in the order in which it is told: this machine first, the host last."""
    clock, key = machine.Clock(), _Key()
    away: list[_Away] = []
    if request.host is not None:
        look = partial(network.host, request.host, request.port, request.preset, key.wait)
        away.append(_Away("host", look))
    notifications = _Away("notifications", machine.notifications)
    here: list[tuple[str, Look]] = [
        ("version", partial(machine.versions, request.version)),
        ("terminal", partial(terminal.terminal, os.environ, ask=ask_terminal)),
        ("locale", partial(terminal.letters, os.environ)),
        ("random", machine.chance),
        ("downloads", partial(machine.downloads, request.downloads)),
        ("descriptors", machine.descriptors),
        ("notifications", notifications.look),
        ("crypto", partial(machine.speed, key.wait, lambda: key.seconds)),
        ("own-port", partial(network.own_port, request.bind, request.own_port)),
        ("own-address", partial(network.own_addresses, request.own_port)),
        *((one.name, one.look) for one in away),
        ("clock", clock.look),
    ]
    for name, find in here:
        yield from looked(name, find)


class _Key:
    """This run's key, made on a thread."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._made: PrivateKey | None = None
        self._done = threading.Event()
        threading.Thread(target=self._make, name="usi-rsa", daemon=True).start()

    def _make(self) -> None:
        began = time.perf_counter()
        self._made = PrivateKey.generate()
        self.seconds = time.perf_counter() - began
        self._done.set()

    def wait(self, seconds: float) -> PrivateKey:
        """The key; `TimeoutError` where it takes longer."""
        if not self._done.wait(seconds) or self._made is None:
            raise TimeoutError
        return self._made


class _Away:
    """A look that goes on by itself, on a thread, from its making."""

    def __init__(self, name: str, look: Look) -> None:
        self.name = name
        self._found: queue.SimpleQueue[Finding | None] = queue.SimpleQueue()
        threading.Thread(target=self._run, args=(look,), name=f"usi-{name}", daemon=True).start()

    def _run(self, look: Look) -> None:
        for finding in looked(self.name, look):
            self._found.put(finding)
        self._found.put(None)

    def look(self) -> Iterator[Finding]:
        """What it finds, as it comes; `TimeoutError` where that takes too long."""
        deadline = time.monotonic() + _MOST_SECONDS
        while True:
            try:
                finding = self._found.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                raise TimeoutError from None
            if finding is None:
                return
            yield finding


# --- how it is said ---------------------------------------------------------------------------------------------------


def _json(finding: Finding) -> str:
    return to_json(
        ev.Check(
            time=datetime.now(UTC), name=finding.name, state=finding.state, text=finding.text, advice=finding.advice,
            facts=dict(finding.facts),
        )
    )  # fmt: skip


def _lines(finding: Finding, colours: bool, width: int | None) -> str:
    """What was found and what to do; broken at words where it would be wider than `width`."""
    sign = _mark(finding.state)
    said = _broken(text.visible_line(finding.text), "  ", width).removeprefix("  ")
    if colours:
        sign = f"\x1b[{_MARKS[finding.state][2]}m{sign}\x1b[0m"
    if not finding.advice:
        return f"{sign} {said}"
    return f"{sign} {said}\n{_broken(text.visible_line(finding.advice), '    ', width)}"


def _broken(line: str, indent: str, width: int | None) -> str:
    if width is None:
        return indent + line
    return textwrap.fill(line, max(20, width), initial_indent=indent, subsequent_indent=indent)


def _mark(state: State) -> str:
    good, plain, _ = _MARKS[state]
    try:
        good.encode(sys.stdout.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return plain
    return good


def _summary(states: list[State]) -> str:
    bad, attention = states.count("bad"), states.count("attention")
    if bad:
        return tr("To be mended ({sign}): {count}. Worth a look (!): {others}.",
                  sign=_mark("bad"), count=bad, others=attention)  # fmt: skip
    if attention:
        return tr("Nothing is wrong. Worth a look (!): {others}.", others=attention)
    return tr("All is well.")
