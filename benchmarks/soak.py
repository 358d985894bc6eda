"""`python -m benchmarks soak`: rooms full of bots for a while, and whether memory and open files stay flat."""

from __future__ import annotations

import random
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.bots import PRIVATE_ROOM, ROOMS
from benchmarks.cases import FAST_LIBRARIES
from benchmarks.child import BenchmarkError, Child

_WRONG_SHOWN = 20
_SAMPLES = 240  # of each figure, at most one a second
_WARM = 1 / 3  # of the time, at whose end caches, pools and the history of the room are as large as they get
_FLAT_BYTES = 8 * 1024**2
_FLAT_FILES = 8
"""A figure is flat where the fitted line rises by no more than this, or a tenth, over what is left of the time."""


@dataclass
class Line:
    """A figure of a program over time: (seconds, value)."""

    who: str
    what: str
    points: list[tuple[float, float]] = field(default_factory=list)

    @property
    def warm(self) -> list[tuple[float, float]]:
        """Without the time at the beginning, in which things fill up."""
        end = self.points[-1][0]
        return [(at, value) for at, value in self.points if at >= end * _WARM]

    @property
    def slope(self) -> float:
        """Least squares over the warm part: units a second."""
        return slope(self.warm)

    @property
    def risen(self) -> float:
        """By how much the fitted line rises over the warm part."""
        return self.slope * (self.warm[-1][0] - self.warm[0][0])

    @property
    def is_flat(self) -> bool:
        least = _FLAT_BYTES if self.what == "memory" else _FLAT_FILES
        mean = sum(value for _, value in self.warm) / len(self.warm)
        return self.risen <= max(least, 0.1 * mean)


def slope(points: Sequence[tuple[float, float]]) -> float:
    """Of the line that fits points best, by least squares; 0 where there are too few."""
    count = len(points)
    middle, mean = sum(at for at, _ in points) / count, sum(value for _, value in points) / count
    spread = sum((at - middle) ** 2 for at, _ in points)
    return sum((at - middle) * (value - mean) for at, value in points) / spread if spread else 0.0


def run(minutes: float, bots: int, *, fast: bool) -> tuple[list[Line], dict[str, int]]:
    """Let them live for so long; returns the figures, and how often each kind of thing happened. `BenchmarkError`
    where anything was heard twice, out of order, damaged, not at all or by who was not there."""
    lines = [Line(who, what) for who in ("host", "bots") for what in ("memory", "open files")]
    hidden = () if fast else FAST_LIBRARIES
    with tempfile.TemporaryDirectory() as scratch:
        events, rooms = Path(scratch) / "events", Path(scratch) / "rooms.toml"
        events.touch()
        rooms.write_text(_rooms_file(), encoding="utf-8")
        with Child("benchmarks.host", [str(events), *hidden, "--", "--rooms", str(rooms)]) as host:
            port = host.ask("about")["port"]
            # The threads of so many peers in one process would each get an arena of the C library's to themselves.
            with Child("benchmarks.bots", [str(port), str(bots), scratch], MALLOC_ARENA_MAX="2") as crowd:
                crowd.ask("collect")  # when all have come
                began, seconds = time.monotonic(), minutes * 60
                pause = max(1.0, seconds / _SAMPLES)
                while (now := time.monotonic() - began) < seconds:
                    for child, who in ((host, "host"), (crowd, "bots")):
                        answer = child.ask("collect")
                        for line in lines:
                            if line.who == who:
                                line.points.append((now, answer["rss" if line.what == "memory" else "open"]))
                    host.ask("type", line=_right(bots))
                    _empty(events)
                    time.sleep(pause)
                said = crowd.ask("finish")
    if wrong := said["wrong"]:
        raise BenchmarkError("\n".join([f"{len(wrong)} things went wrong, first:", *wrong[:_WRONG_SHOWN]]))
    return lines, said["counts"]


def _rooms_file() -> str:
    """Only one of the rooms is private."""
    return "".join(f'[[room]]\nname = "{room}"\nprivate = {str(room == PRIVATE_ROOM).lower()}\n' for room in ROOMS)


def _right(bots: int) -> str:
    """What the host's person types to let a bot into the private room, or no longer. Half of them may enter in time."""
    return f"/{random.choice(('grant', 'revoke'))} bot-{random.randrange(bots)} {PRIVATE_ROOM}"


def _empty(events: Path) -> None:
    """The host goes on writing what it tells; nobody needs it, and a long run must not fill the disk."""
    if events.stat().st_size > 50_000_000:
        with events.open("r+b") as file:
            file.truncate(0)


def report(lines: Sequence[Line], counts: dict[str, int], minutes: float, bots: int) -> str:
    """For people: what happened, each figure, and whether it is flat."""
    told = [
        f"{bots} bots for {minutes:g} minutes. All who were in a room heard what was said there, once and in order,",
        "and nobody else did; no wire that was cut was seen by others.",
        "",
        *(f"{count:>9,}  {kind}" for kind, count in sorted(counts.items(), key=lambda item: -item[1])),
        "",
        "|  who | what       |    first |     last |  highest | line per hour | flat |",
        "| ---- | ---------- | -------- | -------- | -------- | ------------- | ---- |",
    ]
    for line in lines:
        unit = 1024**2 if line.what == "memory" else 1
        form = "{:.1f} MB" if line.what == "memory" else "{:.0f}"
        values = [value / unit for _, value in line.points]
        first, last, highest = (form.format(value) for value in (values[0], values[-1], max(values)))
        hourly = form.format(line.slope * 3600 / unit)
        verdict = "yes" if line.is_flat else "NO"
        told.append(
            f"| {line.who} | {line.what:<10} | {first:>8} | {last:>8} | {highest:>8} | {hourly:>13} | {verdict:<4} |"
        )
    return "\n".join(told)
