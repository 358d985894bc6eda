"""What is on the disk where somebody points."""

import os
from pathlib import Path

import pytest

from usi.ui.tui.looking import Found, as_line, dropped, meant, measure


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("plain.txt", "two words.txt", "it's.txt"):
        (tmp_path / name).write_text("x" * 1_000)
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "deep.bin").write_bytes(b"x" * 500)
    return tmp_path


@pytest.mark.skipif(os.name == "nt", reason="these are the ways of POSIX terminals")
def test_terminals_drop_paths_in_many_ways(folder: Path) -> None:
    plain, spaced = str(folder / "plain.txt"), str(folder / "two words.txt")
    assert dropped(plain) == [plain]
    assert dropped(f"{plain}\n") == [plain]
    assert dropped(spaced) == [spaced]
    assert dropped(f"'{spaced}' ") == [spaced]
    assert dropped(spaced.replace(" ", "\\ ")) == [spaced]
    assert dropped(f"file://{spaced.replace(' ', '%20')}") == [spaced]
    assert dropped(f"{plain}\n{spaced}\r\n") == [plain, spaced]
    assert dropped(f"'{plain}' '{spaced}'") == [plain, spaced]
    assert dropped(str(folder)) == [str(folder)]


def test_what_is_not_only_paths_that_are_there_is_text(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = str(folder / "plain.txt")
    monkeypatch.chdir(folder)
    for text in (
        "", "hello", "plain.txt", "./plain.txt", f"{plain}x", f"{plain}\nhello", f"see {plain}", "/no such thing",
        f"'{plain}", "\x00", f"/{plain}", "file://", f"{plain}\n" * 60, "/" + "x" * 40_000,
    ):  # fmt: skip
        assert dropped(text) == [], text


def test_a_home_folder_is_known(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setenv("USERPROFILE", str(folder))
    assert dropped("~/plain.txt") == [os.path.expanduser("~/plain.txt")]
    assert meant("~/plain.txt") == os.path.expanduser("~/plain.txt")


def test_a_typed_path_is_read_as_send_reads_it(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    assert meant("plain.txt") == "plain.txt"
    assert meant(" two words.txt ") == "two words.txt"
    assert meant("") is None
    assert meant("nothing") is None
    assert meant("\x00") is None


@pytest.mark.skipif(os.name == "nt", reason="such names are not possible there")
@pytest.mark.parametrize("name", [" edge ", "file:x", "~", "two\nlines", "it's", "-rf"])
def test_what_was_chosen_is_what_send_finds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.chdir(tmp_path)
    Path(name).write_text("x")
    assert meant(as_line(name)) == str(tmp_path / name)
    assert meant(as_line(str(tmp_path / name))) == str(tmp_path / name)


def test_how_much_there_is(folder: Path) -> None:
    assert measure(str(folder / "plain.txt")) == Found(1_000)
    assert measure(str(folder)) == Found(3_500, 4)
    assert measure(str(folder / "nothing")) is None
    assert measure(str(folder), lambda: True) == Found(0, 0, more=True)
    assert str(Found(1_000)) == "1.0 KB"
    assert str(Found(1_000, 3)) == "folder of 3 files, 1.0 KB"
    assert str(Found(1_000, 3, more=True)) == "folder of more than 3 files, 1.0 KB"


@pytest.mark.skipif(os.name == "nt", reason="there are no pipes in folders there")
def test_what_is_neither_file_nor_folder(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert measure(str(tmp_path / "pipe")) is None
    (tmp_path / "link").symlink_to("/")
    assert measure(str(tmp_path)) == Found(0, 0)
