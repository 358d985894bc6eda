"""The stream of a transfer, and the list of a folder."""

from __future__ import annotations

import hashlib
import tempfile
from contextlib import suppress
from pathlib import Path

from fuzzing.targets.registry import key_of, target
from fuzzing.targets.texts import check_file_name
from usi.core import text
from usi.core.crypto import SIGNATURE_SIZE, TAG_SIZE
from usi.core.errors import BadManifest, FileAltered, FileReordered, FileReplaced
from usi.core.transfer import Offered, Opener, Sealer
from usi.store import codes, landing, manifest


@target(bytes(20), b"\x01\x02\x00" + bytes(300), b"\x00" * 3 + bytes(range(256)))
def transfer(data: bytes) -> None:
    """Chunks of a small stream: of any bytes, or sealed under the right key at the place that the bytes say."""
    if len(data) < 3:
        return
    size, first, sealing = data[0] * 8, data[1] % 2, data[2] % 2
    offered = Offered(bytes(16), bytes(32), "a", size, None, 0)
    salt = bytes(32)
    chunk = data[3:]
    if sealing and len(chunk) >= SIGNATURE_SIZE:
        chunk = Sealer(offered, salt, first).seal(chunk[:-SIGNATURE_SIZE], chunk[-SIGNATURE_SIZE:])
    opener = Opener(offered, salt, 0)
    assert opener.expected == size + SIGNATURE_SIZE + TAG_SIZE
    with suppress(FileAltered, FileReordered, FileReplaced):
        out = opener.open(chunk)
        assert opener.ended
        opener.check_end(key_of("alice").public, hashlib.sha256(out).digest())
        raise AssertionError("a signature was forged")


def _manifest_seed() -> bytes:
    entries = [manifest.Entry(("docs",), None), manifest.Entry(("docs", "a.txt"), 3), manifest.Entry(("b",), 0)]
    return b"\x02\x03" + manifest.encode(entries)


@target(b"\x01\x00\x90", b"\x01\x07\x91\x92\x91\xa4evil\x07", more=lambda: [_manifest_seed()])
def manifests(data: bytes) -> None:
    """A folder's list: refused, or all places are clean, inside the folder and unlike each other."""
    if len(data) < 2:
        return
    listed = data[2:]
    offered = Offered(bytes(16), bytes(32), "a", data[1] + len(listed), data[0], len(listed))
    with suppress(BadManifest):
        places = manifest.places(listed, offered)
        written = [(*place.folder, place.name) for place in places]
        for path in written:
            for part in path:
                check_file_name(part)
        assert len({tuple(map(text.file_key, path)) for path in written}) == len(written)
        folders = {path for path, place in zip(written, places, strict=True) if place.size is None}
        assert all(path[:-1] in folders or len(path) == 1 for path in written)


def _part_seed() -> bytes:
    offered = Offered(bytes(16), bytes(32), "a", 7, None, 0)
    return landing._encode(landing.PartFacts(offered, bytes(32), "alice"))


@target(b"{}", b"[" * 2_000, more=lambda: [_part_seed()])
def part_facts(data: bytes) -> None:
    """The file beside an unfinished one: read back, or taken for none."""
    with tempfile.TemporaryFile() as side:
        side.write(data)
        side.seek(0)
        facts = landing._read_facts(side.fileno())
        if facts is not None:
            assert landing._decoder.decode(landing._encode(facts)) == facts


@target(b"[]", b'[{"x":' + b"[" * 2_000, b'[{"salt":"AAAA","hashed":"AAAA","until":9e15}]')
def spent_codes(data: bytes) -> None:
    """The file of codes that failed: whatever is in it, nothing fails."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "codes"
        path.write_bytes(data)
        for spent in codes.SpentCodes(path)._load():
            assert isinstance(spent.until, float)
