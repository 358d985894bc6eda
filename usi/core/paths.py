"""What somebody typed, pasted or dropped, read as the path of a file.

Terminals give a dropped file as its path: bare, in quotes, with backslashes before special characters, or as a
`file:` address. Nothing here looks at a disk.
"""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator
from urllib.parse import unquote, urlsplit


def readings(text: str) -> Iterator[str]:
    """The paths that `text` may mean, likeliest first: as it stands, then without quotes, escapes or `file:`."""
    text = text.strip()
    if not text:
        return
    if text.startswith("file:"):
        try:
            path = unquote(urlsplit(text).path)
        except ValueError:  # half an IPv6 address: no address of a file
            yield text
            return
        if path:  # an empty one would mean the folder that we are in
            yield path.lstrip("/") if sys.platform == "win32" else path
        return
    yield text
    if sys.platform == "win32":  # a backslash separates there
        if len(text) > 1 and text[0] == text[-1] == '"':
            yield text[1:-1]
        return
    try:
        words = shlex.split(text)
    except ValueError:  # an open quote
        return
    if len(words) == 1 and words[0] not in ("", text):
        yield words[0]


def with_name(line: str) -> Iterator[tuple[str, str | None]]:
    """(path, name of a member or None) of what stands behind /send, likeliest first: the whole line is a path; or its
    last word is a name."""
    for path in readings(line):
        yield path, None
    words = line.rsplit(maxsplit=1)
    if len(words) > 1:
        for path in readings(words[0]):
            yield path, words[1]
