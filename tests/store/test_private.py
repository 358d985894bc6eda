"""Files that are replaced whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from usi.core.errors import CannotKeep, UnreadableFile
from usi.store import private


def test_a_file_is_read_as_far_as_wanted_and_none_is_none(tmp_path: Path) -> None:
    assert private.read(tmp_path / "none", 5) is None
    private.write(tmp_path / "one", b"0123456789")
    found = private.read(tmp_path / "one", 5)
    assert found is not None
    assert found[0] == b"01234"
    with pytest.raises(UnreadableFile):
        private.read(tmp_path, 5)


def test_a_new_file_takes_the_place_of_none_and_any_other_of_what_is_there(tmp_path: Path) -> None:
    path = tmp_path / "file"
    private.write(path, b"one", new=True)
    with pytest.raises(CannotKeep):
        private.write(path, b"two", new=True)
    assert path.read_bytes() == b"one"
    private.write(path, b"two")
    assert path.read_bytes() == b"two"
    assert os.listdir(tmp_path) == ["file"]


def test_a_file_system_without_links_will_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_links(source: str, target: Path) -> None:
        raise OSError(1, "Operation not permitted")

    monkeypatch.setattr(private.os, "link", no_links)
    path = tmp_path / "file"
    private.write(path, b"one", new=True)
    with pytest.raises(CannotKeep):
        private.write(path, b"two", new=True)
    assert path.read_bytes() == b"one"
    assert os.listdir(tmp_path) == ["file"]


def test_a_link_is_replaced_and_not_followed(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.write_bytes(b"precious")
    (tmp_path / "file").symlink_to(target)
    private.write(tmp_path / "file", b"one")
    assert target.read_bytes() == b"precious"
    assert (tmp_path / "file").read_bytes() == b"one"
