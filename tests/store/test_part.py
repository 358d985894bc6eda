"""What has arrived so far: a folder's part can be cut and taken up at every byte."""

import errno
import os
import random
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.store.helpers import CHUNK, facts_for, facts_of, listing, pour, tree_of
from usi.core.errors import BadManifest, CannotWrite, FileCut, NotAllowed, PartGone
from usi.core.text import clean_file_name
from usi.store.landing import Landing
from usi.store.manifest import MAX_DEPTH, Entry, encode
from usi.store.source import Source

posix = pytest.mark.skipif(sys.platform == "win32", reason="POSIX only")
Send = Callable[..., Path]


def plant(root: Path) -> Path:
    for folder in ("a/b/c", "empty/still", "z"):
        (root / folder).mkdir(parents=True)
    draw = random.Random(1)
    for path, size in {
        "a/1": 0, "a/b/2": 130, "a/b/3": 0, "a/b/c/4": 64, "a/5": 1, "m": 0, "n": 200, "z/6": 0, "z/7": 3, "zz": 0
    }.items():  # fmt: skip
        (root / path).write_bytes(draw.randbytes(size))
    return root


# --- a folder, whole ----------------------------------------------------------------------------------------


def test_a_folder_arrives_as_it_was(tmp_path: Path, send: Send) -> None:
    root = plant(tmp_path / "photos")
    final = send(root, tmp_path / "in")
    assert final == tmp_path / "in" / "photos"
    assert tree_of(final) == tree_of(root)
    assert os.listdir(tmp_path / "in") == ["photos"]
    assert send(root, tmp_path / "in") == tmp_path / "in" / "photos (2)"
    assert tree_of(tmp_path / "in" / "photos (2)") == tree_of(root)


@posix
def test_modes_inside_a_folder(tmp_path: Path, send: Send) -> None:
    root = plant(tmp_path / "photos")
    for path in root.rglob("*"):
        path.chmod(0o777)
    before = os.umask(0)
    try:
        final = send(root, tmp_path / "in")
    finally:
        os.umask(before)
    for path in (final, *final.rglob("*")):
        assert path.stat().st_mode & 0o7777 == (0o700 if path.is_dir() else 0o600)


@pytest.mark.parametrize("kind", ["nothing", "folders", "empty files"])
def test_folders_without_content(tmp_path: Path, send: Send, kind: str) -> None:
    root = tmp_path / "f"
    root.mkdir()
    if kind != "nothing":
        (root / "a" / "b").mkdir(parents=True)
    if kind == "empty files":
        for path in ("0", "a/1", "a/b/2"):
            (root / path).touch()
    assert tree_of(send(root, tmp_path / "in")) == tree_of(root)


def test_as_deep_as_may_be_with_long_names(tmp_path: Path) -> None:
    """Longer than any path that a system opens at once: names are looked up one after another."""
    if sys.platform == "win32":
        return
    paths = [("d" * 240,) * depth for depth in range(1, MAX_DEPTH)]
    manifest = encode([*(Entry(path, None) for path in paths), Entry((*paths[-1], "f"), 3)])
    facts = facts_of("deep", len(manifest) + 3, files=1, manifest=len(manifest))
    landing = Landing.begin(tmp_path, facts)
    landing.write(manifest + b"abc")
    final = landing.finish()
    assert len(os.fspath(final)) < 4096 < len("/".join(paths[-1]))
    assert final.is_dir()


# --- a folder, interrupted ----------------------------------------------------------------------------------


def test_a_folder_goes_on_from_every_chunk(tmp_path: Path, send: Send) -> None:
    root = plant(tmp_path / "photos")
    size = Source.open(root).size
    assert Source.open(root).manifest_size >= 2 * CHUNK
    for chunk in (1, 16, CHUNK):
        step = 1 if chunk >= 16 else 37
        for stop in range(0, -(-size // chunk), step):
            folder = tmp_path / f"in {chunk} {stop}"
            assert tree_of(send(root, folder, [stop], chunk)) == tree_of(root)
            assert os.listdir(folder) == ["photos"]


def test_a_folder_goes_on_again_and_again(tmp_path: Path, send: Send) -> None:
    root = plant(tmp_path / "photos")
    stops = range(1, Source.open(root).size // 32)
    assert tree_of(send(root, tmp_path / "in", stops, 32)) == tree_of(root)


def test_a_folder_goes_on_from_every_byte_that_was_written(tmp_path: Path) -> None:
    """A full disk or a kill can stop anywhere, not only between chunks; `kept` never tells of more than is there."""
    root = plant(tmp_path / "photos")
    source = Source.open(root)
    whole = b"".join(source.read(0, source.size))
    for at in range(0, source.size, 7):
        folder = tmp_path / f"in {at}"
        landing = Landing.begin(folder, facts_for(source), CHUNK)
        landing.write(whole[:at])
        landing.close()
        landing = Landing.begin(folder, facts_for(source), CHUNK)
        assert landing.kept == at // CHUNK * CHUNK
        pour(landing, source.read(landing.kept // CHUNK, CHUNK))
        assert tree_of(landing.finish()) == tree_of(root)


def half(tmp_path: Path) -> tuple[Source, Path, Path]:
    """A folder of which all but the last chunk has arrived, and where its part is."""
    source = Source.open(plant(tmp_path / "photos"))
    landing = Landing.begin(tmp_path / "in", facts_for(source), CHUNK)
    pour(landing, list(source.read(0, CHUNK))[:-1])
    landing.close()
    return source, landing.part, landing.part / "tree"


def test_leftovers_of_an_earlier_start_are_replaced(tmp_path: Path) -> None:
    """Cut back, stopped again: files beyond the cut are there and may hold anything."""
    source, part, tree = half(tmp_path)
    (tree / "n").write_bytes(b"?" * 500)
    (part / "manifest").write_bytes(b"".join(source.read(0, 1))[: source.manifest_size])
    (tree / "a" / "b" / "2").write_bytes((tmp_path / "photos" / "a" / "b" / "2").read_bytes()[:50])
    landing = Landing.begin(tmp_path / "in", facts_for(source), CHUNK)
    assert landing.kept == (source.manifest_size + 50) // CHUNK * CHUNK
    pour(landing, source.read(landing.kept // CHUNK, CHUNK))
    assert tree_of(landing.finish()) == tree_of(tmp_path / "photos")


def test_a_file_in_a_part_that_somebody_made_longer_is_fetched_again(tmp_path: Path) -> None:
    source, _, tree = half(tmp_path)
    with (tree / "a" / "b" / "2").open("ab") as file:
        file.write(b"more")
    landing = Landing.begin(tmp_path / "in", facts_for(source), CHUNK)
    assert landing.kept == source.manifest_size // CHUNK * CHUNK
    pour(landing, source.read(landing.kept // CHUNK, CHUNK))
    assert tree_of(landing.finish()) == tree_of(tmp_path / "photos")


@posix
@pytest.mark.parametrize("name", ["a/b/2", "n", "a/b", "a/b/3"])
def test_links_planted_in_a_part_are_not_followed(tmp_path: Path, name: str) -> None:
    """What they stand for counts as not there: it is fetched again, or cannot be written; nothing outside changes."""
    source, _, tree = half(tmp_path)
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "victim").write_bytes(b"v" * 500)
    target = tree / name
    (target.rename(outside / "2") if target.is_dir() else target.unlink())
    target.symlink_to(outside if name == "a/b" else outside / "victim")
    before = tree_of(outside)
    landing = Landing.begin(tmp_path / "in", facts_for(source), CHUNK)
    try:
        pour(landing, source.read(landing.kept // CHUNK, CHUNK))
        final = landing.finish()
    except CannotWrite:
        assert name == "a/b"
    else:
        assert tree_of(final) == tree_of(tmp_path / "photos")
    finally:
        landing.close()
    assert tree_of(outside) == before


@posix
def test_a_second_name_of_a_file_in_a_part_is_not_cut(tmp_path: Path) -> None:
    source, _, tree = half(tmp_path)
    os.link(tree / "n", tmp_path / "backup")
    content = (tmp_path / "backup").read_bytes()
    landing = Landing.begin(tmp_path / "in", facts_for(source), CHUNK)
    pour(landing, source.read(landing.kept // CHUNK, CHUNK))
    assert tree_of(landing.finish()) == tree_of(tmp_path / "photos")
    assert (tmp_path / "backup").read_bytes() == content


@pytest.mark.parametrize("lost", ["manifest", "tree"])
def test_a_part_without_its_inside_is_left_alone(tmp_path: Path, lost: str) -> None:
    source, part, tree = half(tmp_path)
    (tree if lost == "tree" else part / "manifest").rename(tmp_path / "elsewhere")
    before = tree_of(part)
    landing = Landing.begin(tmp_path / "in", facts_for(source), CHUNK)
    assert landing.kept == 0
    assert landing.part.name == "photos (2).part"
    landing.close()
    assert tree_of(part) == before


# --- a folder whose list lies -------------------------------------------------------------------------------


def test_a_manifest_that_lies_writes_nothing(tmp_path: Path) -> None:
    manifest = listing(("a", 5), ("b", 5))
    facts = facts_of("f", len(manifest) + 9, files=2, manifest=len(manifest))
    landing = Landing.begin(tmp_path, facts, CHUNK)
    for data in (manifest + b"x" * 4, b"x" * 4):
        with pytest.raises(BadManifest):
            landing.write(data)
    with pytest.raises(FileCut):
        landing.finish()
    landing.close()
    assert tree_of(tmp_path / "f.part") == {"manifest": manifest, "tree": None}
    landing = Landing.begin(tmp_path, facts, CHUNK)
    assert landing.kept == 0
    landing.discard()
    assert os.listdir(tmp_path) == []


def test_a_lie_about_nothing(tmp_path: Path) -> None:
    landing = Landing.begin(tmp_path, facts_of("f", 2, files=0, manifest=2))
    with pytest.raises(BadManifest):
        landing.write(b"\x90\x90")
    with pytest.raises(BadManifest):
        landing.finish()
    landing.close()


@pytest.mark.parametrize(("files", "manifest", "size"), [(None, 5, 10), (2, 0, 10), (1, 11, 10)])
def test_offers_that_cannot_be(tmp_path: Path, files: int | None, manifest: int, size: int) -> None:
    with pytest.raises(BadManifest):
        Landing.begin(tmp_path / "in", facts_of("f", size, files=files, manifest=manifest))
    assert not (tmp_path / "in").exists()


def test_hostile_paths_stay_inside(tmp_path: Path) -> None:
    paths = [
        ("..",), ("..", ".."), ("..", "..", "etc"), ("/",), ("/abs",), ("C:\\x",), ("a\0b",), ("con",), ("CON",),
        ("é",), ("e\u0301",), ("É",), ("\u202egpj.exe",), ("x" * 10_000,), ("x" * 10_001,), ("manifest",), ("tree",),
    ]  # fmt: skip
    names = [("..", "..", "passwd"), ("/", "../../f"), (".",), ("..\\..\\f",), ("",), ("f.",), ("f",), ("F ",)]
    manifest = encode([*(Entry(path, None) for path in paths), *(Entry(path, 1) for path in names)])
    landing = Landing.begin(
        tmp_path / "in", facts_of("../../up", len(manifest) + 8, files=8, manifest=len(manifest)), CHUNK
    )
    landing.write(manifest + b"12345678")
    final = landing.finish()
    assert final.parent == tmp_path / "in"
    assert os.listdir(tmp_path) == ["in"]
    assert os.listdir(tmp_path / "in") == [final.name]
    found = tree_of(final)
    assert len(found) == len(paths) + len(names)
    assert sorted(filter(None, found.values())) == [b"%d" % n for n in range(1, 9)]
    for path in found:
        assert all(clean_file_name(name) == name for name in path.split("/"))


# --- failures of the disk -----------------------------------------------------------------------------------


def test_a_folder_that_cannot_be_made_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.mkdir

    def failing(path: str, *args: object, **keywords: object) -> None:
        if str(path).endswith("tree"):
            raise OSError(errno.EROFS, "Read-only file system")
        real(path, *args, **keywords)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "mkdir", failing)
    with pytest.raises(NotAllowed):
        Landing.begin(tmp_path, facts_of("f", 2, files=0, manifest=1))
    assert os.listdir(tmp_path) == []


@posix
def test_a_part_that_was_taken_away(tmp_path: Path) -> None:
    source = Source.open(plant(tmp_path / "photos"))
    landing = Landing.begin(tmp_path / "in", facts_for(source))
    pour(landing, source.read(0, source.size))
    landing.part.rename(tmp_path / "elsewhere")
    with pytest.raises(PartGone, match=r"photos\.part was moved"):
        landing.finish()
    landing.close()


def test_many_small_files(tmp_path: Path, send: Send) -> None:
    root = tmp_path / "many"
    for number in range(500):
        folder = root / f"{number % 20}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{number}").write_bytes(b"%d" % number)
    assert tree_of(send(root, tmp_path / "in", [5], 262)) == tree_of(root)
