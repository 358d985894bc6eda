"""What stands out in a text that somebody wrote: links and code. The text itself stays as it is, marks and all."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal, NamedTuple
from urllib.parse import urlsplit

_MOST = 100  # per text: more is noise, or meant to make the screen slow
_FENCE = re.compile(r"^```.*$", re.MULTILINE)
_FOUND = re.compile(r"(?P<code>`[^`\n]{1,1000}`)|(?P<link>\b(?:https?://|mailto:)[!-~]{1,2000})", re.IGNORECASE)
_CLOSERS = {")": "(", "]": "[", "}": "{"}
_BEHIND = ".,;:!?'\"*_~"  # at the end these belong to the sentence


class Span(NamedTuple):
    """Characters `start` to `end` of a text."""

    start: int
    end: int
    role: Literal["code", "link", "button", "bar", "quiet"]
    url: str = ""
    """Where a link leads: exactly what is shown; what a button of ours is for."""

    def within(self, start: int, end: int) -> Span | None:
        """The part of it between two places, counted from the first of them."""
        first, last = max(self.start, start), min(self.end, end)
        return self._replace(start=first - start, end=last - start) if first < last else None


def spans_of(text: str) -> tuple[Span, ...]:
    """Links and code in a text, in order, none inside another."""
    if "`" not in text and ":" not in text:
        return ()
    spans: list[Span] = []
    at = 0
    for block in _blocks(text) if "```" in text else ():
        _inside(text, at, block.start, spans)
        spans.append(block)
        at = block.end
    _inside(text, at, len(text), spans)
    return tuple(spans[:_MOST])


def _blocks(text: str) -> Iterator[Span]:
    """From a line that begins with three backticks to one that is nothing else; what is not closed is none."""
    opened: int | None = None
    for fence in _FENCE.finditer(text):
        if opened is None:
            opened = fence.start()
        elif not fence.group().strip("` "):
            yield Span(opened, fence.end(), "code")
            opened = None


def _inside(text: str, start: int, end: int, spans: list[Span]) -> None:
    """Add the links and the code between two places."""
    for found in _FOUND.finditer(text, start, end):
        if len(spans) >= _MOST:
            return
        if found["link"] is None:
            spans.append(Span(found.start(), found.end(), "code"))
            continue
        url = _trimmed(found["link"])
        followed = text[found.start() + len(url) : found.start() + len(url) + 1]
        if may_open(url) and followed.isascii():
            spans.append(Span(found.start(), found.start() + len(url), "link", url))


def may_open(url: str) -> bool:
    """Whether a link may be opened: a web or mail address that leads where it seems to.

    Only visible ASCII, so that no letter passes for another, and nothing before an @ that could pass for the host.
    """
    if not url.isascii() or not url.isprintable() or " " in url or "<" in url or "\\" in url:
        return False
    try:
        parts = urlsplit(url)
        host = parts.hostname
        _ = parts.port
    except ValueError:
        return False
    if parts.scheme == "mailto":
        return "@" in parts.path and not parts.query  # a query could attach or write things
    return parts.scheme in ("http", "https") and bool(host) and "@" not in parts.netloc


def _trimmed(url: str) -> str:
    """Without what belongs to the sentence around it."""
    url = re.split('[<>"`]', url, maxsplit=1)[0]
    while url:
        last = url[-1]
        if last in _BEHIND or (last in _CLOSERS and url.count(last) > url.count(_CLOSERS[last])):
            url = url[:-1]
        else:
            break
    return url
