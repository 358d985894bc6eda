"""A row opens in its own place and nowhere else; a header is whole, and asks for a key that can be made."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.store.keeping import CHEAP, allow_cheap_keys
from usi.core.crypto import CryptoError, derive, digest, labelled, mac, scrypt
from usi.store import vault as module
from usi.store.vault import LEAST, MOST, TAG_SIZE, Cost, Header, Vault

VAULT, HEADER = Vault.new("clé", CHEAP)
TAG = b"t" * TAG_SIZE


def test_a_row_is_that_of_the_protocol() -> None:
    """Computed again from the words of docs/PROTOCOL.md."""
    from usi.core.crypto import Ocb

    secret = scrypt("clé".encode(), HEADER.salt, CHEAP.n, CHEAP.r, CHEAP.p)
    row_key, tag_key = derive(secret, HEADER.file_id, "usi3 history", 2)
    row = VAULT.seal("post", TAG, 7, b"data")
    place = labelled("usi3 history post") + HEADER.file_id + TAG + (7).to_bytes(8, "big")
    assert Ocb(row_key).open(row[:15], row[15:], place) == b"data"
    assert VAULT.tag("room", b"x" * 16) == mac(tag_key, labelled("usi3 history room") + b"x" * 16)[:16]
    numbers = b"".join(value.to_bytes(8, "big") for value in (CHEAP.n, CHEAP.r, CHEAP.p))
    assert HEADER.checksum == digest("usi3 history checksum", numbers, HEADER.salt, HEADER.file_id, HEADER.proof)


places = st.tuples(st.sampled_from(["post", "room"]), st.binary(min_size=16, max_size=16), st.integers(0, 2**63 - 1))


@given(places, places)
def test_a_row_opens_in_its_place_alone(place: tuple[str, bytes, int], other: tuple[str, bytes, int]) -> None:
    row = VAULT.seal(*place, b"data")
    assert VAULT.open(*place, row) == b"data"
    assert VAULT.opens(*other, row) == (place == other)


@given(st.data())
def test_a_changed_row_does_not_open(data: st.DataObject) -> None:
    row = bytearray(VAULT.seal("post", TAG, 1, b"data"))
    row[data.draw(st.integers(0, len(row) - 1))] ^= data.draw(st.integers(1, 255))
    assert not VAULT.opens("post", TAG, 1, bytes(row))


@pytest.mark.parametrize("row", [None, 7, 1.5, "text", b"", b"x" * 15, b"x" * 30])
def test_what_is_no_row_does_not_open(row: object) -> None:
    assert not VAULT.opens("post", TAG, 1, row)
    with pytest.raises(CryptoError):
        VAULT.open("post", TAG, 1, row)


def test_no_two_seals_are_equal() -> None:
    assert VAULT.seal("post", TAG, 1, b"data") != VAULT.seal("post", TAG, 1, b"data")


def test_tags_tell_kinds_apart() -> None:
    assert VAULT.tag("room", TAG) != VAULT.tag("author", TAG)
    assert VAULT.tag("room", TAG) != Vault.new("clé", CHEAP)[0].tag("room", TAG)


def test_another_passphrase_does_not_unlock() -> None:
    row = VAULT.seal("post", TAG, 1, b"data")
    assert Vault.unlock(HEADER, "cle\u0301").open("post", TAG, 1, row) == b"data"
    with pytest.raises(CryptoError):
        Vault.unlock(HEADER, "cle")


@pytest.mark.parametrize(
    "changed",
    [
        replace(HEADER, salt=bytes(32)),
        replace(HEADER, salt=HEADER.salt + b"\0"),
        replace(HEADER, file_id=bytes(16)),
        replace(HEADER, proof=HEADER.proof + b"\0"),
        replace(HEADER, cost=Cost(4, 1, 1)),
        replace(HEADER, cost=Cost(-2, 1, 1)),
        replace(HEADER, checksum=b""),
    ],
)
def test_a_changed_header_is_not_whole(changed: Header) -> None:
    assert HEADER.is_whole
    assert not changed.is_whole


@pytest.mark.parametrize(
    ("cost", "bearable"),
    [
        (Cost(), True), (LEAST, True), (MOST, True), (CHEAP, False), (Cost(2**13), False), (Cost(2**21), False),
        (Cost(2**17 + 1), False), (Cost(r=17), False), (Cost(r=7), False), (Cost(p=5), False), (Cost(p=0), False),
        (Cost(-(2**17)), False),
    ],
)  # fmt: skip
def test_bounds_of_the_cost(cost: Cost, bearable: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    assert replace(HEADER, cost=cost).is_bearable is bearable
    allow_cheap_keys(monkeypatch.setattr)
    assert module.LEAST == CHEAP
    assert HEADER.is_bearable
