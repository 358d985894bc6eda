"""What the tests of the disk share."""

import os
from collections.abc import Iterable
from pathlib import Path

from usi.core.transfer import Offered
from usi.store.landing import Landing, PartFacts
from usi.store.manifest import Entry, encode
from usi.store.source import Source

CHUNK = 64


def facts_of(
    name: str, size: int, *, files: int | None = None, manifest: int = 0, transfer: bytes = b"t" * 16, key: bytes = b"k"
) -> PartFacts:
    return PartFacts(Offered(transfer, key * 32, name, size, files, manifest), b"s" * 32, "alice")


def facts_for(source: Source, transfer: bytes = b"t" * 16) -> PartFacts:
    return facts_of(source.name, source.size, files=source.files, manifest=source.manifest_size, transfer=transfer)


def listing(*entries: tuple[str, int | None]) -> bytes:
    """A manifest; "/" parts the paths here, and only here."""
    return encode(Entry(tuple(path.split("/")), size) for path, size in entries)


def tree_of(folder: Path) -> dict[str, bytes | None]:
    """Everything below `folder`: content of files, None for folders; links are told as such."""
    found: dict[str, bytes | None] = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        found[name] = b"-> " + os.fsencode(path.readlink()) if path.is_symlink() else None
        if path.is_file() and not path.is_symlink():
            found[name] = path.read_bytes()
    return found


def pour(landing: Landing, pieces: Iterable[bytes]) -> None:
    for piece in pieces:
        landing.write(piece)
