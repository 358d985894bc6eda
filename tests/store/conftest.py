"""A whole transfer without a network: what a source reads is what a landing writes."""

import hashlib
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from tests.store.helpers import CHUNK, facts_for
from usi.store.landing import Landing
from usi.store.source import Source


@pytest.fixture
def send() -> Callable[..., Path]:
    """Send what is at a path into a folder, stopping and starting again at each of the given numbers of pieces."""

    def send(path: Path, folder: Path, stops: Iterable[int] = (), chunk: int = CHUNK) -> Path:
        source = Source.open(path)
        facts = facts_for(source)
        whole = b"".join(source.read(0, chunk))
        for stop in (*stops, None):
            landing = Landing.begin(folder, facts, chunk)
            assert landing.kept % chunk == 0
            assert landing.kept == landing.done < max(1, source.size)
            first = landing.kept // chunk
            hashed = landing.hash_kept()
            assert hashed.digest() == hashlib.sha256(whole[: landing.kept]).digest()
            for number, piece in enumerate(source.read(first, chunk), start=first):
                if number == stop:
                    break
                landing.write(piece)
                hashed.update(piece)
            if stop is None:
                assert hashed.digest() == hashlib.sha256(whole).digest()
                source.check()
                return landing.finish()
            landing.close()
        raise AssertionError

    return send
