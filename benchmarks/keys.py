"""Many RSA keys in little time, for members that exist for a benchmark only.

Each key is the product of two primes of one small pool, so a hundred primes give five thousand keys. Keys that share
primes protect nothing: whoever sees two of them can compute both. What they cost in use is the same.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from Crypto.Math.Numbers import Integer
from Crypto.Math.Primality import generate_probable_prime
from Crypto.PublicKey import RSA

from usi.core.crypto import RSA_BITS, PrivateKey

_EXPONENT = 65537


def _prime() -> int:
    # With its two top bits set the product of any two has exactly the full length.
    def usable(candidate: Integer) -> bool:
        return int(candidate) >> (RSA_BITS // 2 - 2) == 0b11 and int(candidate) % _EXPONENT != 1

    return int(generate_probable_prime(exact_bits=RSA_BITS // 2, prime_filter=usable))


def _key(p: int, q: int) -> PrivateKey:
    d = pow(_EXPONENT, -1, (p - 1) * (q - 1))
    parts = (p * q, _EXPONENT, d, p, q, pow(p, -1, q))
    return PrivateKey(RSA.construct(parts, consistency_check=False))


def keys() -> Iterator[PrivateKey]:
    """Different keys without end; the pool grows as they are drawn."""
    primes: list[int] = []
    while True:
        new = _prime()
        yield from itertools.starmap(_key, ((new, old) for old in primes if old != new))
        primes.append(new)
