"""Sizes, speeds, times and states of transfers as people read them, in the person's language."""

from __future__ import annotations

from usi.core.events import LimitRow, Unit
from usi.core.language import tr
from usi.ui.i18n import mark

_UNITS = (
    mark("{amount} B"),
    mark("{amount} KB"),
    mark("{amount} MB"),
    mark("{amount} GB"),
    mark("{amount} TB"),
)
_STEP = 1000

STATES = {
    "offered": mark("offered"),
    "waiting": mark("waiting"),
    "running": mark("under way"),
    "done": mark("done"),
    "failed": mark("stopped"),
    "kept": mark("kept"),
}
"""State of a row of /files → in words."""


def size(count: int) -> str:
    """Bytes as `12.4 MB`, in steps of 1,000."""
    amount, index = float(count), 0
    while amount >= _STEP - 0.5 and index < len(_UNITS) - 1:
        amount /= _STEP
        index += 1
    digits = f"{amount:.0f}" if index == 0 or amount >= 99.95 else f"{amount:.1f}"
    return tr(_UNITS[index], amount=_localised(digits))


def decimal(number: float) -> str:
    """A number with one decimal, as `0.7`."""
    return _localised(f"{number:.1f}")


def _localised(digits: str) -> str:
    mark_of_decimals = tr("1.5")[1]  # the catalogue has the number as its language writes it
    return digits.replace(".", mark_of_decimals)


def content(count: int, files: int | None) -> str:
    """The bytes of a file (`files` None), or of so many files in a folder."""
    if files is None:
        return size(count)
    if files == 1:
        return tr("folder of one file, {size}", size=size(count))
    return tr("folder of {count} files, {size}", count=files, size=size(count))


def speed(rate: int) -> str:
    """Bytes a second as `8.1 MB/s`."""
    return tr("{size}/s", size=size(rate))


def duration(seconds: float) -> str:
    """A time as `42 s`, `3 min 20 s` or `2 h 05 min`."""
    whole = max(0, round(seconds))
    if whole < 60:
        return tr("{seconds} s", seconds=whole)
    if whole < 3600:
        return tr("{minutes} min {seconds} s", minutes=whole // 60, seconds=f"{whole % 60:02}")
    return tr("{hours} h {minutes} min", hours=whole // 3600, minutes=f"{whole % 3600 // 60:02}")


def limit(row: LimitRow) -> str:
    """A limit as `text: used of limit`."""
    shown = [_amount(value, row.unit) for value in (row.used, row.limit) if value is not None]
    said = tr("{used} of {limit}", used=shown[0], limit=shown[1]) if len(shown) == 2 else shown[0]
    return tr("{what}: {said}", what=row.text, said=said)


def _amount(value: float, unit: Unit) -> str:
    if unit == "bytes":
        return size(int(value))
    if unit == "seconds":
        return duration(value)
    return tr("{count:g} a second", count=value) if unit == "a second" else f"{value:g}"


def percent(done: int, whole: int) -> int:
    """How much of it is done, 0 to 100; 100 only for all of it."""
    return 100 if done >= whole else done * 100 // whole


def left(done: int, whole: int, rate: int) -> str | None:
    """The time that the rest takes at this speed; None where nobody can say."""
    return duration((whole - done) / rate) if rate > 0 and done < whole else None
