"""An open folder: nothing through a link, nothing overwritten; and the ways of systems that lack some of that."""

import errno
import os
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from usi.store import folder as module
from usi.store.folder import Folder, lock

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")


@pytest.fixture(params=["descriptors", "paths"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both ways to reach a name; "paths" is that of Windows."""
    if request.param == "paths":
        monkeypatch.setattr(module, "_HAS_DIR_FD", False)
        monkeypatch.setattr(module, "NOFOLLOW", 0)
    return request.param


@pytest.fixture
def home(tmp_path: Path, way: str) -> Iterator[Folder]:
    (tmp_path / "home").mkdir()
    folder = Folder(tmp_path / "home")
    yield folder
    folder.close()
    folder.close()


def put(folder: Folder, name: str, content: bytes) -> None:
    fd = folder.create(name)
    os.write(fd, content)
    os.close(fd)


def test_links_are_no_folders(home: Folder, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("home")
    (tmp_path / "dangling").symlink_to("nowhere")
    (tmp_path / "file").touch()
    for name in ("link", "file"):
        with pytest.raises(NotADirectoryError):
            Folder(tmp_path / name)
    with pytest.raises(OSError, match=r"dangling|director"):
        Folder(tmp_path / "dangling")
    (home.path / "sub").symlink_to(tmp_path)
    with pytest.raises(NotADirectoryError):
        home.sub("sub")


@pytest.mark.parametrize("mask", [0o000, 0o022, 0o777])
def test_modes_do_not_depend_on_the_umask(home: Folder, mask: int) -> None:
    before = os.umask(mask)
    try:
        os.close(home.create("file"))
        home.make("folder")
    finally:
        os.umask(before)
    assert stat.S_IMODE(os.lstat(home.path / "file").st_mode) == 0o600
    assert stat.S_IMODE(os.lstat(home.path / "folder").st_mode) == 0o700


@pytest.mark.parametrize("target", ["victim", "not-yet"])
def test_a_planted_link_is_not_written_through(home: Folder, tmp_path: Path, target: str) -> None:
    (tmp_path / "victim").write_bytes(b"precious")
    (home.path / "a").symlink_to(tmp_path / target)
    with pytest.raises(FileExistsError):
        home.create("a")
    with pytest.raises(FileExistsError):
        home.make("a")
    assert home.reopen("a") is None
    assert home.stat("a") is not None
    assert (tmp_path / "victim").read_bytes() == b"precious"
    assert not (tmp_path / "not-yet").exists()
    home.remove("a")
    home.remove("a")
    assert home.names() == []


def test_only_own_regular_files_are_opened_again(home: Folder) -> None:
    put(home, "a", b"x")
    os.mkfifo(home.path / "pipe")
    home.make("folder")
    os.link(home.path / "a", home.path / "b")
    assert [home.reopen(name) for name in ("a", "b", "pipe", "folder", "none")] == [None] * 5
    home.remove("b")
    fd = home.reopen("a")
    assert fd is not None
    os.close(fd)


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="POSIX only")
def test_files_of_other_people_are_not_opened_again(home: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    put(home, "a", b"x")
    monkeypatch.setattr(os, "getuid", lambda: 12345)
    assert home.reopen("a") is None


def no_links(*args: object, **keywords: object) -> None:
    raise OSError(errno.EPERM, "no hard links here")


@pytest.mark.parametrize("links", [True, False])
@pytest.mark.parametrize("kind", ["file", "folder"])
def test_moving(home: Folder, monkeypatch: pytest.MonkeyPatch, kind: str, links: bool) -> None:
    if not links:  # as on FAT
        monkeypatch.setattr(os, "link", no_links)
    if kind == "file":
        put(home, "new", b"new")
    else:
        home.make("new")
        (home.path / "new" / "inside").touch()
    put(home, "file", b"old")
    home.make("folder")
    (home.path / "link").symlink_to("nowhere")
    for taken in ("file", "folder", "link"):
        with pytest.raises(FileExistsError):
            home.move_in(home, "new", taken)
    assert (home.path / "file").read_bytes() == b"old"
    assert list((home.path / "folder").iterdir()) == []
    assert (home.path / "link").is_symlink()
    home.move_in(home, "new", "there")
    assert "new" not in home.names()
    assert (home.path / "there").read_bytes() == b"new" if kind == "file" else (home.path / "there" / "inside").exists()


def test_other_failures_of_linking_are_told(home: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(*args: object, **keywords: object) -> None:
        raise OSError(errno.EIO, "broken disk")

    put(home, "a", b"x")
    monkeypatch.setattr(os, "link", failing)
    with pytest.raises(OSError, match="broken disk"):
        home.move_in(home, "a", "b")
    assert home.names() == ["a"]


def test_a_tree_goes_and_not_what_its_links_lead_to(home: Folder, tmp_path: Path) -> None:
    (tmp_path / "kept").write_bytes(b"precious")
    home.make("tree")
    (home.path / "tree" / "link").symlink_to(tmp_path)
    home.remove_tree("tree")
    assert home.names() == []
    assert (tmp_path / "kept").read_bytes() == b"precious"


def test_a_folder_swapped_for_a_link_redirects_nothing(tmp_path: Path) -> None:
    if not module._HAS_DIR_FD:
        return
    (tmp_path / "home").mkdir()
    (tmp_path / "outside").mkdir()
    home = Folder(tmp_path / "home")
    (tmp_path / "home").rename(tmp_path / "moved")
    (tmp_path / "home").symlink_to("outside")
    put(home, "a", b"x")
    home.move_in(home, "a", "b")
    home.make("sub")
    home.sub("sub").close()
    home.close()
    assert sorted(os.listdir(tmp_path / "moved")) == ["b", "sub"]
    assert os.listdir(tmp_path / "outside") == []
    with pytest.raises(OSError, match="Bad file descriptor"):
        home.create("c")


def test_a_lock_is_for_one(home: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    put(home, "a", b"x")
    first, second = home.reopen("a"), home.reopen("a")
    assert first is not None
    assert second is not None
    assert lock(first)
    assert not lock(second)
    os.close(first)
    assert lock(second, wait=True)
    os.close(second)


def test_a_file_system_without_locks(home: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(fd: int, how: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("fcntl.flock", failing)
    fd = home.create("a")
    assert lock(fd)
    os.close(fd)
