"""The lasting key on disk: made once, opened again, and refused in so many words where something is wrong with it."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from usi.core.crypto import PrivateKey
from usi.core.errors import BadPassphrase, CannotKeep, DamagedIdentity, OpenIdentity, UnreadableFile, WrongPassphrase
from usi.store.identity import open_identity

PASSPHRASE = "Élan vital ☕"
posix = pytest.mark.skipif(sys.platform == "win32", reason="POSIX permissions")


def says(passphrase: str) -> Callable[[bool], str]:
    return lambda new: passphrase


@pytest.fixture
def made(tmp_path: Path, keys: dict[str, PrivateKey], monkeypatch: pytest.MonkeyPatch) -> Path:
    """An identity file of alice's."""
    monkeypatch.setattr("usi.core.crypto.SCRYPT_COST", 2**10)
    monkeypatch.setattr(PrivateKey, "generate", classmethod(lambda cls: keys["alice"]))
    path = tmp_path / "id.pem"
    assert open_identity(path, says(PASSPHRASE)).public == keys["alice"].public
    return path


def test_it_is_made_where_it_is_missing_and_is_the_same_ever_after(made: Path, keys: dict[str, PrivateKey]) -> None:
    before = made.read_bytes()
    for _ in range(2):
        assert open_identity(made, says(PASSPHRASE)).public == keys["alice"].public
    assert made.read_bytes() == before
    assert os.listdir(made.parent) == [made.name]


def test_the_person_is_told_whether_the_passphrase_is_a_new_one(made: Path) -> None:
    asked: list[bool] = []

    def ask(new: bool) -> str:
        asked.append(new)
        return PASSPHRASE

    open_identity(made, ask)
    open_identity(made.with_name("new.pem"), ask)
    assert asked == [False, True]


def test_it_is_an_encrypted_pem_that_tells_nothing(made: Path, keys: dict[str, PrivateKey]) -> None:
    pem = made.read_bytes()
    assert pem.startswith(b"-----BEGIN ENCRYPTED PRIVATE KEY-----\n")
    assert pem.endswith(b"-----END ENCRYPTED PRIVATE KEY-----\n")
    assert keys["alice"].public.modulus not in pem


def test_the_passphrase_is_the_same_from_every_keyboard(made: Path) -> None:
    assert open_identity(made, says("E\u0301lan vital ☕"))


@posix
def test_nobody_else_can_read_it(made: Path) -> None:
    assert stat.S_IMODE(made.stat().st_mode) == 0o600


@posix
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o622, 0o666])
def test_one_that_others_can_touch_is_refused_before_a_passphrase_is_asked_for(made: Path, mode: int) -> None:
    made.chmod(mode)
    with pytest.raises(OpenIdentity):
        open_identity(made, lambda new: pytest.fail("asked"))


@pytest.mark.parametrize("passphrase", ["", "élan vital ☕", PASSPHRASE + " ", "\udcff"])
def test_another_passphrase_opens_nothing(made: Path, passphrase: str) -> None:
    with pytest.raises(WrongPassphrase):
        open_identity(made, says(passphrase))


def test_a_changed_byte_opens_nothing(made: Path) -> None:
    pem = made.read_text()
    for place in (40, len(pem) // 2, len(pem) - 60):
        other = "A" if pem[place] != "A" else "B"
        made.write_text(pem[:place] + other + pem[place + 1 :])
        with pytest.raises((WrongPassphrase, DamagedIdentity)):
            open_identity(made, says(PASSPHRASE))


@pytest.mark.parametrize("content", [b"", b"hello", b"\0" * 100, b"-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA"])
def test_what_is_no_identity_is_damaged(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "id.pem"
    path.touch(0o600)
    path.write_bytes(content)
    with pytest.raises(DamagedIdentity):
        open_identity(path, says(PASSPHRASE))
    assert path.read_bytes() == content


def test_a_key_without_a_passphrase_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "id.pem"
    path.touch(0o600)
    path.write_bytes((Path(__file__).parents[1] / "keys" / "alice.pem").read_bytes())
    with pytest.raises(DamagedIdentity, match="no passphrase protects it"):
        open_identity(path, says(PASSPHRASE))


def test_another_kind_of_key_is_refused(tmp_path: Path) -> None:
    from Crypto.PublicKey import RSA

    path = tmp_path / "id.pem"
    path.touch(0o600)
    path.write_bytes(RSA.generate(1024).export_key(passphrase=b"x", pkcs=8, protection="scryptAndAES128-CBC"))
    with pytest.raises(DamagedIdentity, match="another kind"):
        open_identity(path, says("x"))


def test_nothing_is_made_without_a_folder_or_a_passphrase(tmp_path: Path) -> None:
    with pytest.raises(CannotKeep, match="no such folder"):
        open_identity(tmp_path / "nowhere" / "id.pem", lambda new: pytest.fail("asked"))
    with pytest.raises(BadPassphrase):
        open_identity(tmp_path / "id.pem", says(""))
    with pytest.raises(UnreadableFile):
        open_identity(tmp_path, says("x"))
    assert not list(tmp_path.iterdir())


def test_a_file_that_appears_meanwhile_is_left_alone(
    tmp_path: Path, keys: dict[str, PrivateKey], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "id.pem"

    def generate(cls: type[PrivateKey]) -> PrivateKey:
        path.write_bytes(b"somebody else's")
        return keys["alice"]

    monkeypatch.setattr("usi.core.crypto.SCRYPT_COST", 2**10)
    monkeypatch.setattr(PrivateKey, "generate", classmethod(generate))
    with pytest.raises(CannotKeep):
        open_identity(path, says("x"))
    assert path.read_bytes() == b"somebody else's"
    assert os.listdir(tmp_path) == ["id.pem"]
