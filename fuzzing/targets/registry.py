"""The list of targets, filled by the modules beside it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from usi.core.crypto import PrivateKey

_KEYS = Path(__file__).parents[2] / "tests" / "keys"


@dataclass(frozen=True)
class Target:
    """`run` takes any bytes; `seeds` are good ones to begin with."""

    run: Callable[[bytes], None]
    seeds: Callable[[], list[bytes]]


TARGETS: dict[str, Target] = {}


def target(
    *seeds: bytes, more: Callable[[], list[bytes]] = list
) -> Callable[[Callable[[bytes], None]], Callable[[bytes], None]]:
    """Registers a function under its name, with dashes for underlines."""

    def register(run: Callable[[bytes], None]) -> Callable[[bytes], None]:
        TARGETS[run.__name__.replace("_", "-")] = Target(run, lambda: [*seeds, *more()])
        return run

    return register


@cache
def key_of(name: str) -> PrivateKey:
    """One of the keys of the tests."""
    return PrivateKey.from_pem((_KEYS / f"{name}.pem").read_bytes())


class Drawn:
    """In place of the system's generator: the same bytes in each run."""

    def __init__(self, name: bytes) -> None:
        self._state = name

    def __call__(self, size: int) -> bytes:
        self._state = hashlib.sha256(self._state).digest()
        return hashlib.shake_256(self._state).digest(size)
