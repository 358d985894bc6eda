"""Codes that failed are not tried again within the hour, and the file of them betrays none."""

from __future__ import annotations

from pathlib import Path

import pytest

from usi.core.invitation import LIFE
from usi.store import codes
from usi.store.codes import SpentCodes

CODE, OTHER = "lilac-soprano-distant-mixer", "lilac-soprano-distant-zoo"
NOW = 1_000_000.0


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "usi" / "spent.json"


def test_a_code_that_failed_is_known_for_an_hour(path: Path) -> None:
    assert not SpentCodes(path).has(CODE, NOW)
    SpentCodes(path).add(CODE, NOW)
    assert SpentCodes(path).has(CODE, NOW + LIFE - 1)
    assert not SpentCodes(path).has(CODE, NOW + LIFE)
    assert not SpentCodes(path).has(OTHER, NOW), "a mistyped code does not spoil the right one"


def test_the_file_betrays_no_word(path: Path) -> None:
    SpentCodes(path).add(CODE, NOW)
    content = path.read_bytes()
    assert not any(word.encode() in content for word in CODE.split("-"))
    SpentCodes(path).add(CODE, NOW)
    first, second = codes.msgspec.json.decode(path.read_bytes())
    assert first["hashed"] != second["hashed"], "salted"


def test_old_ones_and_too_many_are_dropped(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(codes, "_MOST", 2)
    SpentCodes(path).add(CODE, NOW)
    SpentCodes(path).add(OTHER, NOW + 2 * LIFE)
    assert len(codes.msgspec.json.decode(path.read_bytes())) == 1
    for _ in range(4):
        SpentCodes(path).add(OTHER, NOW + 2 * LIFE)
    assert len(codes.msgspec.json.decode(path.read_bytes())) == 2


@pytest.mark.parametrize("content", [b"", b"[", b"{}", b'[{"salt": 1}]', b"\xff" * 100])
def test_a_damaged_file_is_none(path: Path, content: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(content)
    assert not SpentCodes(path).has(CODE, NOW)
    SpentCodes(path).add(CODE, NOW)
    assert SpentCodes(path).has(CODE, NOW)


def test_without_a_folder_nothing_fails(tmp_path: Path) -> None:
    (tmp_path / "usi").touch()
    spent = SpentCodes(tmp_path / "usi" / "spent.json")
    spent.add(CODE, NOW)
    assert not spent.has(CODE, NOW)


@pytest.mark.parametrize(
    "content",
    [
        b'[{"x":' + b"[" * 5_000,
        b'[{"salt":"","hashed":"","until":9e15}]',
        b'[{"salt":"AAAA","hashed":"AAAA","until":9e15}]',
        b"\xff",
    ],
    ids=["deep", "no salt", "short salt", "no JSON"],
)
def test_a_damaged_file_is_an_empty_one(content: bytes, path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(content)
    assert not SpentCodes(path).has(CODE, NOW)
    SpentCodes(path).add(CODE, NOW)
    assert SpentCodes(path).has(CODE, NOW)
