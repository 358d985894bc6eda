"""What a sender offers: the stream is the same from any piece on, and a file that changed meanwhile is noticed."""

import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from usi.core.errors import FileChanged, FolderTooLarge, NoSuchFile, NotAFile, TransferCancelled, UnreadableFile
from usi.store import source as module
from usi.store.source import Source

posix = pytest.mark.skipif(sys.platform == "win32", reason="POSIX only")


def later(path: Path) -> None:
    """Touch it, so that its time is another one whatever the clock's steps are."""
    seen = path.stat()
    os.utime(path, ns=(seen.st_atime_ns, seen.st_mtime_ns + 1_000_000))


def pieces(source: Source, first: int = 0, size: int = 64) -> list[bytes]:
    return list(source.read(first, size))


# --- a file -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [0, 1, 63, 64, 65, 128, 1000])
def test_a_file_comes_in_pieces(tmp_path: Path, size: int) -> None:
    content = os.urandom(size)
    path = tmp_path / "report.pdf"
    path.write_bytes(content)
    source = Source.open(path)
    assert (source.name, source.size, source.content_size, source.manifest_size) == ("report.pdf", size, size, 0)
    assert source.files is None
    read = pieces(source)
    assert b"".join(read) == content
    assert len(read) == max(1, -(-size // 64))
    assert all(len(piece) == 64 for piece in read[:-1])
    for first in range(len(read)):
        assert pieces(source, first) == read[first:]
    source.check()


@pytest.mark.parametrize("first", [-1, 2, 10**18])
def test_there_is_no_piece_beyond_the_end(tmp_path: Path, first: int) -> None:
    (tmp_path / "a").write_bytes(b"x" * 128)
    with pytest.raises(ValueError, match="no piece"):
        Source.open(tmp_path / "a").read(first, 64)


def test_a_hole_of_a_terabyte_is_not_read_to_get_behind_it(tmp_path: Path) -> None:
    path = tmp_path / "large"
    with path.open("wb") as file:
        try:
            file.truncate(2**40)
        except OSError:
            file.truncate(2**31)
    source = Source.open(path)
    assert source.size in (2**40, 2**31)
    assert pieces(source, source.size // 262_144 - 1, 262_144) == [bytes(262_144)]


@pytest.mark.parametrize(
    ("given", "name"), [("sub/../report.pdf", "report.pdf"), (".", "home"), ("sub/..", "home"), (".hidden", "_hidden")]
)
def test_the_name_is_the_last_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: str, name: str) -> None:
    home = tmp_path / "home"
    (home / "sub").mkdir(parents=True)
    (home / "report.pdf").touch()
    (home / ".hidden").touch()
    monkeypatch.chdir(home)
    assert Source.open(Path(given)).name == name


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(NoSuchFile):
        Source.open(tmp_path / "no")


@pytest.mark.parametrize("name", ["a\0b", "x" * 5000])
def test_a_path_that_cannot_be(tmp_path: Path, name: str) -> None:
    with pytest.raises((UnreadableFile, NoSuchFile)):
        Source.open(tmp_path / name)


@posix
def test_neither_file_nor_folder(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(NotAFile):
        Source.open(tmp_path / "pipe")
    with pytest.raises(NotAFile):
        Source.open(Path("/dev/null"))


@posix
def test_a_link_that_a_person_names_is_followed(tmp_path: Path) -> None:
    (tmp_path / "v2.log").write_bytes(b"two")
    (tmp_path / "latest.log").symlink_to("v2.log")
    source = Source.open(tmp_path / "latest.log")
    assert source.name == "latest.log"
    assert pieces(source) == [b"two"]
    (tmp_path / "round").symlink_to("round")
    with pytest.raises(UnreadableFile):
        Source.open(tmp_path / "round")


def refuse(monkeypatch: pytest.MonkeyPatch, name: str, refused: str) -> None:
    """Make one function of `os` fail for one path as for somebody without the right: root has them all."""
    real = getattr(os, name)

    def failing(path: object, *args: object, **keywords: object) -> object:
        if os.fspath(path) == refused:  # type: ignore[call-overload]
            raise PermissionError(13, "Permission denied")
        return real(path, *args, **keywords)

    monkeypatch.setattr(os, name, failing)


def test_no_right_to_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "secret"
    path.touch()
    refuse(monkeypatch, "open", str(path))
    with pytest.raises(UnreadableFile, match="permission denied"):
        Source.open(path)


# --- a file that changes ------------------------------------------------------------------------------------


def longer(path: Path) -> None:
    path.write_bytes(b"x" * 1001)


def shorter(path: Path) -> None:
    path.write_bytes(b"x" * 100)


def replaced(path: Path) -> None:
    seen = path.stat()
    other = path.with_name("other")
    other.write_bytes(b"y" * 1000)
    os.utime(other, ns=(seen.st_atime_ns, seen.st_mtime_ns))
    other.replace(path)


def deleted(path: Path) -> None:
    path.unlink()


def linked(path: Path) -> None:
    path.rename(path.with_name("same"))
    path.symlink_to("same")


CHANGES = [later, longer, shorter, replaced, deleted, *([linked] if sys.platform != "win32" else [])]
changes = pytest.mark.parametrize("change", CHANGES)


@changes
@pytest.mark.parametrize("inside", [False, True])
def test_changed_before_reading(tmp_path: Path, change: Callable[[Path], None], inside: bool) -> None:
    path = tmp_path / "folder" / "a"
    path.parent.mkdir()
    path.write_bytes(b"x" * 1000)
    source = Source.open(path.parent if inside else path)
    source.check()
    change(path)
    with pytest.raises(FileChanged, match="a was changed since it was offered"):
        source.check()
    with pytest.raises(FileChanged):
        pieces(source)


@posix
@pytest.mark.parametrize("change", [later, longer, shorter])
def test_changed_while_reading(tmp_path: Path, change: Callable[[Path], None]) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"x" * 1000)
    source = Source.open(path)
    reading = source.read(0, 64)
    assert next(reading) == b"x" * 64
    change(path)
    with pytest.raises(FileChanged):
        next(reading)


@posix
def test_a_pipe_put_there_meanwhile_does_not_hold_us_up(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"x" * 10)
    source = Source.open(path)
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(FileChanged):
        pieces(source)


def test_a_file_that_is_replaced_while_it_is_read_stays_what_it_was(tmp_path: Path) -> None:
    """Programs that save by renaming do no harm to what is under way; the check at the end tells."""
    if sys.platform == "win32":
        return
    path = tmp_path / "a"
    path.write_bytes(b"x" * 1000)
    source = Source.open(path)
    reading = source.read(0, 64)
    next(reading)
    replaced(path)
    assert b"".join(reading) == b"x" * (1000 - 64)
    with pytest.raises(FileChanged):
        source.check()


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="needs /proc")
def test_files_are_closed(tmp_path: Path) -> None:
    for name in "abc":
        (tmp_path / name).write_bytes(b"x" * 100)
    before = len(os.listdir("/proc/self/fd"))
    source = Source.open(tmp_path)
    pieces(source)
    reading = source.read(1, 64)
    next(reading)
    reading.close()
    later(tmp_path / "b")
    with pytest.raises(FileChanged):
        pieces(source)
    assert len(os.listdir("/proc/self/fd")) == before


# --- a folder -----------------------------------------------------------------------------------------------


def plant(root: Path) -> None:
    (root / "b" / "deep" / "er").mkdir(parents=True)
    (root / "empty").mkdir()
    (root / "a.txt").write_bytes(b"A" * 100)
    (root / "b" / "nothing").touch()
    (root / "b" / "deep" / "er" / "z").write_bytes(b"Z" * 70)
    (root / "c").write_bytes(b"C")


def test_a_folder_is_a_manifest_and_its_files(tmp_path: Path) -> None:
    root = tmp_path / "photos"
    root.mkdir()
    plant(root)
    source = Source.open(root)
    assert (source.name, source.files, source.skipped, source.content_size) == ("photos", 4, 0, 171)
    assert source.size == source.manifest_size + 171
    stream = b"".join(pieces(source))
    assert msgspec.msgpack.decode(stream[: source.manifest_size]) == [
        [["a.txt"], 100],
        [["b"], None],
        [["b", "deep"], None],
        [["b", "deep", "er"], None],
        [["b", "deep", "er", "z"], 70],
        [["b", "nothing"], 0],
        [["c"], 1],
        [["empty"], None],
    ]
    assert stream[source.manifest_size :] == b"A" * 100 + b"Z" * 70 + b"C"
    for first in range(-(-source.size // 64)):
        assert b"".join(pieces(source, first)) == stream[first * 64 :]
    source.check()


def test_an_empty_folder(tmp_path: Path) -> None:
    source = Source.open(tmp_path)
    assert (source.files, source.content_size, source.size) == (0, 0, 1)
    assert pieces(source) == [b"\x90"]


@posix
def test_links_devices_sockets_and_pipes_are_left_out(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    secret = tmp_path / "secret"
    secret.write_bytes(b"not for you")
    (root / "file-link").symlink_to(secret)
    (root / "folder-link").symlink_to(tmp_path)
    (root / "dangling").symlink_to("nowhere")
    os.mkfifo(root / "pipe")
    (root / "kept").write_bytes(b"k")
    here = os.getcwd()
    with socket.socket(socket.AF_UNIX) as listening:
        os.chdir(root)  # the path of a socket must be short
        try:
            listening.bind("socket")
        finally:
            os.chdir(here)
        source = Source.open(root)
    assert (source.files, source.skipped) == (1, 5)
    assert b"not for you" not in b"".join(pieces(source))


@posix
def test_a_folder_swapped_for_a_link_meanwhile(tmp_path: Path) -> None:
    """The last part alone is opened without following; the file behind a link in the middle is another one."""
    root, outside = tmp_path / "root", tmp_path / "outside"
    for place in (root / "sub", outside):
        place.mkdir(parents=True)
        (place / "a").write_bytes(b"x" * 10)
        os.utime(place / "a", ns=(0, 0))
    source = Source.open(root)
    (root / "sub").rename(tmp_path / "moved")
    (root / "sub").symlink_to(outside)
    with pytest.raises(FileChanged):
        pieces(source)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
def test_names_that_are_no_text(tmp_path: Path) -> None:
    for number, name in enumerate((b"caf\xe9", b"caf\xe8")):
        Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name)).write_bytes(b"%d" % number)
    source = Source.open(tmp_path)
    stream = b"".join(pieces(source))
    assert msgspec.msgpack.decode(stream[: source.manifest_size]) == [[["caf_"], 1], [["caf_ (2)"], 1]]
    assert stream[-2:] == b"10"


def test_no_right_to_read_inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "a").touch()
    with monkeypatch.context() as patch:
        refuse(patch, "scandir", str(tmp_path / "sub"))
        with pytest.raises(UnreadableFile, match="sub cannot be read: permission denied"):
            Source.open(tmp_path)
    monkeypatch.setattr(os, "access", lambda path, mode: not str(path).endswith("a"))
    with pytest.raises(UnreadableFile, match="a cannot be read"):
        Source.open(tmp_path)


@pytest.mark.parametrize(("limit", "value"), [("MAX_ENTRIES", 7), ("MAX_DEPTH", 3), ("MAX_MANIFEST", 60)])
def test_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str, value: int) -> None:
    plant(tmp_path)
    monkeypatch.setattr(module, limit, value + 100)
    Source.open(tmp_path)
    monkeypatch.setattr(module, limit, value)
    with pytest.raises(FolderTooLarge, match="may hold"):
        Source.open(tmp_path)


def test_looking_through_a_folder_can_be_given_up(tmp_path: Path) -> None:
    plant(tmp_path)
    answers = iter([False, False, True])
    with pytest.raises(TransferCancelled):
        Source.open(tmp_path, lambda: next(answers))


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.integers(0, 200), max_size=8), st.integers(1, 100), st.data())
def test_any_piece_of_any_folder(
    tmp_path_factory: pytest.TempPathFactory, sizes: list[int], size: int, data: st.DataObject
) -> None:
    root = tmp_path_factory.mktemp("any")
    for number, length in enumerate(sizes):
        (root / f"{number}").write_bytes(os.urandom(length))
    source = Source.open(root)
    whole = b"".join(source.read(0, size))
    assert len(whole) == source.size
    first = data.draw(st.integers(0, (source.size - 1) // size))
    assert b"".join(source.read(first, size)) == whole[first * size :]
