"""The kept corpus: inputs that each reach something in a decoder, by target, as files named by their hash."""

from __future__ import annotations

import hashlib
from pathlib import Path

from fuzzing.targets import TARGETS

FOLDER = Path(__file__).parent / "corpus"
LONGEST = 4_096
"""Bytes of a kept input."""
MOST = 150
"""Kept inputs of one target: the replay is part of the fast tests."""


def kept(name: str) -> list[Path]:
    """The corpus of a target, in a fixed order."""
    return sorted((FOLDER / name).glob("*"))


def replay(name: str) -> int:
    """Run the seeds and the corpus of a target; returns how many inputs these are."""
    chosen = TARGETS[name]
    inputs = [*chosen.seeds(), *(path.read_bytes() for path in kept(name))]
    for data in inputs:
        chosen.run(data)
    return len(inputs)


def keep(name: str, found: Path) -> int:
    """Put the inputs of a folder in place of the corpus, the shortest first, as far as there is room."""
    folder = FOLDER / name
    folder.mkdir(parents=True, exist_ok=True)
    inputs = sorted({path.read_bytes() for path in found.iterdir()}, key=lambda data: (len(data), data))
    chosen = {hashlib.sha256(data).hexdigest()[:16]: data for data in inputs if len(data) <= LONGEST}
    chosen = dict(list(chosen.items())[:MOST])
    for path in kept(name):
        if path.name not in chosen:
            path.unlink()
    for file, data in chosen.items():
        (folder / file).write_bytes(data)
    return len(chosen)
