"""The stream of a transfer: what opens, and what each way of tampering with it is called."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from usi.core.crypto import PrivateKey, random_bytes
from usi.core.errors import FileAltered, FileReordered, FileReplaced
from usi.core.transfer import CHUNK, Offered, Opener, Sealer, signed_end

SALT = bytes(range(32))


def offered(size: int, **other: object) -> Offered:
    fields = {"transfer": b"t" * 16, "key": b"k" * 32, "name": "a.bin", "files": None, "manifest": 0} | other
    return Offered(size=size, **fields)  # type: ignore[arg-type]


def sealed(of: Offered, content: bytes, key: PrivateKey, first: int = 0, salt: bytes = SALT) -> list[bytes]:
    """All chunks from `first` on, as a sender makes them."""
    sealer, chunks = Sealer(of, salt, first), []
    while not sealer.ended:
        chunk = content[sealer.next * CHUNK : (sealer.next + 1) * CHUNK]
        last = sealer.next == of.chunks - 1
        signature = key.sign(signed_end(of, hashlib.sha256(content).digest())) if last else b""
        chunks.append(sealer.seal(chunk, signature))
    return chunks


SIZES = [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK, 3 * CHUNK + 17]


@pytest.mark.parametrize("size", SIZES)
def test_a_stream_opens_to_what_was_sealed_and_is_signed(size: int, keys: dict[str, PrivateKey]) -> None:
    of, content = offered(size), random_bytes(size)
    opener, out = Opener(of, SALT, 0), b""
    for chunk in sealed(of, content, keys["alice"]):
        assert len(chunk) == opener.expected
        out += opener.open(chunk)
    assert opener.ended
    assert out == content
    opener.check_end(keys["alice"].public, hashlib.sha256(out).digest())


def test_a_stream_goes_on_from_any_chunk_under_a_new_key(keys: dict[str, PrivateKey]) -> None:
    of, content = offered(3 * CHUNK + 5), random_bytes(3 * CHUNK + 5)
    whole = sealed(of, content, keys["alice"])
    for first in range(4):
        again = sealed(of, content, keys["alice"], first, salt=b"s" * 32)
        assert again[0] != whole[first]
        opener = Opener(of, b"s" * 32, first)
        assert b"".join(map(opener.open, again)) == content[first * CHUNK :]


def test_chunks_in_another_order_are_told_from_altered_ones(keys: dict[str, PrivateKey]) -> None:
    of, content = offered(4 * CHUNK), random_bytes(4 * CHUNK)
    chunks = sealed(of, content, keys["alice"])
    with pytest.raises(FileReordered):
        Opener(of, SALT, 0).open(chunks[1])
    opener = Opener(of, SALT, 0)
    opener.open(chunks[0])
    with pytest.raises(FileReordered):
        opener.open(chunks[0])
    changed = bytearray(chunks[0])
    changed[1000] ^= 1
    with pytest.raises(FileAltered):
        Opener(of, SALT, 0).open(changed)


@pytest.mark.parametrize(
    "other",
    [{"transfer": b"u" * 16}, {"key": b"l" * 32}, {"size": 2 * CHUNK}],
    ids=["another transfer", "another key", "another size"],
)
def test_chunks_of_another_stream_do_not_open(other: dict[str, object], keys: dict[str, PrivateKey]) -> None:
    """Where the size differs, only the chunk that is the last in one of them can tell."""
    of = offered(CHUNK)
    foreign = offered(**({"size": CHUNK} | other))  # type: ignore[arg-type]
    content = random_bytes(CHUNK)
    chunks = sealed(foreign, content * 2, keys["alice"])
    with pytest.raises(FileAltered):
        Opener(of, SALT, 0).open(chunks[0])
    with pytest.raises(FileAltered):
        Opener(of, b"x" * 32, 0).open(sealed(of, content, keys["alice"])[0])


def test_the_end_is_signed_by_the_sender_over_this_stream(keys: dict[str, PrivateKey]) -> None:
    of, content = offered(10), random_bytes(10)
    whole = hashlib.sha256(content).digest()
    opener = Opener(of, SALT, 0)
    opener.open(sealed(of, content, keys["mallory"])[0])  # whoever has the file's key can seal
    with pytest.raises(FileReplaced):
        opener.check_end(keys["alice"].public, whole)
    opener = Opener(of, SALT, 0)
    opener.open(sealed(of, content, keys["alice"])[0])
    with pytest.raises(FileReplaced):
        opener.check_end(keys["alice"].public, hashlib.sha256(b"something else").digest())


@given(junk=st.binary(max_size=400))
def test_junk_is_altered_and_nothing_else(junk: bytes) -> None:
    opener = Opener(offered(100), SALT, 0)
    with pytest.raises(FileAltered):
        opener.open(junk)


def test_what_is_printed_of_an_offer_is_not_its_key() -> None:
    assert repr(offered(1).key)[2:20] not in repr(offered(1))
