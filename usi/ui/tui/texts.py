"""Texts of others as a terminal may show them: harmless, and as wide everywhere as they are taken to be."""

from __future__ import annotations

import re

from usi.core import text
from usi.core.crypto import grouped

_TAB = "    "
_UNSTEADY = re.compile("\u200d|[\ufe00-\ufe0f]|(?<=\\S)[\U0001f3fb-\U0001f3ff]+")
_TONE = re.compile("[\U0001f3fb-\U0001f3ff]+")


def shown(value: str) -> str:
    """Text of others as it may be shown, line ends kept."""
    return _steady(text.visible(value))


def inline(value: str) -> str:
    """The same on one line."""
    return _steady(text.visible_line(value))


def _steady(value: str) -> str:
    """The text without what terminals do not agree about how wide it is, so that it moves nothing beside it.

    An emoji that is made of several is shown as its parts, without colour of skin.
    """
    return (
        value if value.isascii() and "\t" not in value else _TONE.sub("■", _UNSTEADY.sub("", value.replace("\t", _TAB)))
    )


def fingerprint_lines(fingerprint: str, groups: int = 4) -> list[str]:
    """A fingerprint in hexadecimal as lines of so many groups of four digits."""
    parts = grouped(bytes.fromhex(fingerprint)).split(" ")
    return [" ".join(parts[at : at + groups]) for at in range(0, len(parts), groups)]
