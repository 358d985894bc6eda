"""The manifest of a folder: what is in it, in the order in which the contents follow (PROTOCOL.md, "Files").

A path is a list of parts, never a string with separators; no modes, owners or times. The reader trusts nothing in it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Final, NamedTuple

import msgspec
from msgspec import Meta

from usi.core.errors import BadManifest
from usi.core.text import clean_file_name, file_key, numbered_file_name
from usi.core.transfer import Offered
from usi.core.wire import Count

MAX_ENTRIES: Final = 100_000
"""Files and folders in one folder: a copy of a large project, and some 50 MB of memory for the list."""
MAX_DEPTH: Final = 32
"""Parts of a path: more is an accident, and longer paths cannot be opened on many systems."""


class Entry(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, gc=False):
    """One file or folder, below the folder that is sent. A folder stands before what is in it."""

    path: Annotated[tuple[str, ...], Meta(min_length=1, max_length=MAX_DEPTH)]
    size: Count | None
    """Bytes; None for a folder."""


class Place(NamedTuple):
    """Where an entry is written: clean parts only."""

    folder: tuple[str, ...]
    name: str
    size: int | None


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Annotated[list[Entry], Meta(max_length=MAX_ENTRIES)])


class Names:
    """The names of one folder: each comes out clean, and unlike all before it on any file system."""

    def __init__(self) -> None:
        self._taken: set[str] = set()
        self._counts: dict[str, int] = {}

    def add(self, raw: str) -> str:
        name = clean_file_name(raw)
        key = file_key(name)
        if key in self._taken:
            # Names that are cut alike share one count: a manifest full of them costs no more than another.
            group = file_key(numbered_file_name(name, 2))
            number = self._counts.get(group, 2)
            while (key := file_key(numbered_file_name(name, number))) in self._taken:
                number += 1
            self._counts[group] = number + 1
            name = numbered_file_name(name, number)
        self._taken.add(key)
        return name


def encode(entries: Iterable[Entry]) -> bytes:
    return _encoder.encode(list(entries))


def places(manifest: bytes, offered: Offered) -> list[Place]:
    """Where everything in a folder is written, in order; the same for the same manifest.

    `BadManifest` where it is no manifest, a path is listed twice or not below a folder that was listed before, or the
    number of files or the sum of their sizes is not what was offered.
    """
    try:
        entries = _decoder.decode(manifest)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadManifest from error
    folders: dict[tuple[str, ...], tuple[str, ...]] = {(): ()}  # as listed: as written
    names: dict[tuple[str, ...], Names] = {(): Names()}  # by folder, as listed
    listed: set[tuple[str, ...]] = set()
    found: list[Place] = []
    for entry in entries:
        above = entry.path[:-1]
        if above not in folders or entry.path in listed:
            raise BadManifest
        listed.add(entry.path)
        place = Place(folders[above], names[above].add(entry.path[-1]), entry.size)
        if entry.size is None:
            folders[entry.path] = (*place.folder, place.name)
            names[entry.path] = Names()
        found.append(place)
    sizes = [place.size for place in found if place.size is not None]
    if len(sizes) != offered.files or sum(sizes) != offered.size - len(manifest):
        raise BadManifest
    return found
