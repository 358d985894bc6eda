"""Known peers on disk: remembered, sealed, and never half written."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

import pytest

from usi.core.crypto import PrivateKey
from usi.core.errors import CannotKeep, DamagedPeers
from usi.store import peers, private
from usi.store.peers import KnownPeers

ONE, TWO = bytes(range(32)), bytes(range(32, 64))
PLACE = "chat.example.org:12800"


@pytest.fixture
def identity(tmp_path: Path) -> Path:
    return tmp_path / "id.pem"


def test_what_is_noted_is_known_in_the_next_run(identity: Path, keys: dict[str, PrivateKey]) -> None:
    known = KnownPeers(identity, keys["alice"])
    assert known.host(PLACE) is None
    assert known.verified == frozenset()
    assert known.note_host(PLACE, ONE)
    known.note_verified(ONE, True)
    known.note_verified(TWO, True)
    known.note_verified(TWO, False)
    for again in (known, KnownPeers(identity, keys["alice"])):
        assert again.host(PLACE) == ONE
        assert again.host(PLACE.upper()) == ONE
        assert again.host("chat.example.org:12801") is None
        assert again.verified == {ONE}


def test_another_key_takes_the_place_of_the_old_one_and_none_takes_it_away(
    identity: Path, keys: dict[str, PrivateKey]
) -> None:
    known = KnownPeers(identity, keys["alice"])
    assert known.note_host(PLACE, ONE)
    assert not known.note_host(PLACE, ONE)
    assert known.note_host(PLACE, TWO)
    assert KnownPeers(identity, keys["alice"]).host(PLACE) == TWO
    assert not known.note_host(PLACE, None)
    assert KnownPeers(identity, keys["alice"]).host(PLACE) is None


def test_nothing_is_written_before_something_is_noted(identity: Path, keys: dict[str, PrivateKey]) -> None:
    known = KnownPeers(identity, keys["alice"])
    known.note_host(PLACE, None)
    known.note_verified(ONE, False)
    assert not list(identity.parent.iterdir())


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX permissions")
def test_nobody_else_can_read_it_and_it_says_nothing(identity: Path, keys: dict[str, PrivateKey]) -> None:
    known = KnownPeers(identity, keys["alice"])
    old = os.umask(0)
    try:
        known.note_host(PLACE, ONE)
    finally:
        os.umask(old)
    assert stat.S_IMODE(known.path.stat().st_mode) == 0o600
    first = known.path.read_bytes()
    assert b"example" not in first
    assert ONE not in first
    known.note_host(PLACE, TWO)
    known.note_host(PLACE, ONE)
    assert known.path.read_bytes() != first, "a fresh nonce each time"
    assert os.listdir(identity.parent) == [known.path.name]


def test_another_identity_does_not_open_it(identity: Path, keys: dict[str, PrivateKey]) -> None:
    KnownPeers(identity, keys["alice"]).note_host(PLACE, ONE)
    with pytest.raises(DamagedPeers):
        KnownPeers(identity, keys["bob"])


def test_no_byte_of_it_can_be_changed(identity: Path, keys: dict[str, PrivateKey]) -> None:
    known = KnownPeers(identity, keys["alice"])
    known.note_host(PLACE, ONE)
    good = known.path.read_bytes()
    forged = [good[:place] + bytes((good[place] ^ 1,)) + good[place + 1 :] for place in range(len(good))]
    for content in [*forged, b"", good[:-1], good + b"\0", peers._HEADER]:
        known.path.write_bytes(content)
        with pytest.raises(DamagedPeers):
            KnownPeers(identity, keys["alice"])
    known.path.write_bytes(good)
    assert KnownPeers(identity, keys["alice"]).host(PLACE) == ONE


def test_the_oldest_are_forgotten_first(
    identity: Path, keys: dict[str, PrivateKey], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(peers, "MOST", 3)
    known = KnownPeers(identity, keys["alice"])
    for number in range(5):
        known.note_host(f"h{number}:1", ONE)
        known.note_verified(bytes((number,)) * 32, True)
    again = KnownPeers(identity, keys["alice"])
    assert [again.host(f"h{number}:1") for number in range(5)] == [None, None, ONE, ONE, ONE]
    assert again.verified == {bytes((number,)) * 32 for number in (2, 3, 4)}


def test_a_write_that_fails_leaves_the_file_as_it_was(
    identity: Path, keys: dict[str, PrivateKey], monkeypatch: pytest.MonkeyPatch
) -> None:
    known = KnownPeers(identity, keys["alice"])
    known.note_host(PLACE, ONE)
    before = known.path.read_bytes()

    def full(number: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(private.os, "fsync", full)
    with pytest.raises(CannotKeep, match="no space left"):
        known.note_host(PLACE, TWO)
    assert known.path.read_bytes() == before
    assert os.listdir(identity.parent) == [known.path.name]


def test_a_folder_that_is_gone_is_told(identity: Path, keys: dict[str, PrivateKey]) -> None:
    known = KnownPeers(identity.parent / "gone" / "id.pem", keys["alice"])
    with pytest.raises(CannotKeep):
        known.note_host(PLACE, ONE)
