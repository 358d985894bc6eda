"""What a receiver writes: inside the folder, under a name of its own, and never lost."""

import errno
import hashlib
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.store.helpers import CHUNK, facts_for, facts_of, listing, pour, tree_of
from usi.core.errors import CannotWrite, DiskFull, FileCut, FileLonger, NoDownloads, NotAFolder, NotAllowed, PartGone
from usi.core.text import clean_file_name
from usi.store import folder as folders
from usi.store import landing as module
from usi.store.landing import RESERVE, Landing, PartFacts, check_folder, forget, unfinished
from usi.store.source import Source

posix = pytest.mark.skipif(sys.platform == "win32", reason="POSIX only")
Send = Callable[..., Path]


class Usage(NamedTuple):
    total: int
    used: int
    free: int


def land(folder: Path, name: str, content: bytes = b"new", transfer: bytes = b"t" * 16) -> Path:
    landing = Landing.begin(folder, facts_of(name, len(content), transfer=transfer), CHUNK)
    landing.write(content)
    return landing.finish()


def start(folder: Path, facts: PartFacts, content: bytes = b"x" * 100) -> Path:
    """Receive something and stop, as when the program ends. Where the part is."""
    landing = Landing.begin(folder, facts, CHUNK)
    landing.write(content)
    landing.close()
    return landing.part


# --- one file -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 5 * CHUNK])
def test_a_file_arrives_as_it_was(tmp_path: Path, send: Send, size: int) -> None:
    path = tmp_path / "report.pdf"
    path.write_bytes(os.urandom(size))
    path.chmod(0o777)
    folder = tmp_path / "deep" / "in"
    final = send(path, folder)
    assert final == folder / "report.pdf"
    assert final.read_bytes() == path.read_bytes()
    assert os.listdir(folder) == ["report.pdf"]
    if sys.platform != "win32":
        assert stat.S_IMODE(final.stat().st_mode) == 0o600
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


@posix
@pytest.mark.parametrize("mask", [0, 0o777])
def test_modes_do_not_depend_on_the_umask(tmp_path: Path, mask: int) -> None:
    (tmp_path / "in").mkdir()
    before = os.umask(mask)
    try:
        landing = Landing.begin(tmp_path / "in", facts_of("a", 3))
        modes = [stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "in").iterdir()]
        landing.write(b"new")
        final = landing.finish()
    finally:
        os.umask(before)
    assert modes == [0o600, 0o600]
    assert stat.S_IMODE(final.stat().st_mode) == 0o600


def test_while_it_comes(tmp_path: Path) -> None:
    landing = Landing.begin(tmp_path, facts_of("a.txt", 100), CHUNK)
    assert sorted(os.listdir(tmp_path)) == ["a.txt.part", "a.txt.part.json"]
    assert landing.part == tmp_path / "a.txt.part"
    landing.write(b"x" * 60)
    assert (landing.kept, landing.done) == (0, 60)
    landing.write(memoryview(b"y" * 30))
    assert landing.hash_kept().digest() == hashlib.sha256(b"x" * 60 + b"y" * 30).digest()
    landing.write(bytearray(b"z" * 10))
    assert landing.finish().read_bytes() == b"x" * 60 + b"y" * 30 + b"z" * 10
    landing.close()


def test_more_than_offered_and_less(tmp_path: Path) -> None:
    landing = Landing.begin(tmp_path, facts_of("a", 10))
    landing.write(b"x" * 9)
    with pytest.raises(FileCut):
        landing.finish()
    with pytest.raises(FileLonger):
        landing.write(b"xx")
    assert landing.done == 9
    landing.write(b"x")
    with pytest.raises(FileLonger):
        landing.write(b"x")
    assert landing.finish().read_bytes() == b"x" * 10


def test_discarding(tmp_path: Path) -> None:
    manifest = listing(("a", 5))
    for facts in (facts_of("a", 10), facts_of("a", len(manifest) + 5, files=1, manifest=len(manifest))):
        landing = Landing.begin(tmp_path, facts)
        landing.write(manifest)
        landing.discard()
        landing.close()
        assert os.listdir(tmp_path) == []


def test_the_end_of_a_with_keeps_the_part(tmp_path: Path) -> None:
    with Landing.begin(tmp_path, facts_of("a", 10)) as landing:
        landing.write(b"12345")
    assert (tmp_path / "a.part").read_bytes() == b"12345"
    with pytest.raises(ValueError, match="closed"):
        landing.write(b"6")


# --- names --------------------------------------------------------------------------------------------------


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "report.pdf").write_bytes(b"old")
    (tmp_path / "REPORT (2).PDF").write_bytes(b"old")
    (tmp_path / "report (3).pdf.part").write_bytes(b"old")
    (tmp_path / "report (4).pdf.PART.json").write_bytes(b"old")
    if sys.platform != "win32":
        (tmp_path / "report (5).pdf").symlink_to("nowhere")
        (tmp_path / "report (6).pdf.part").symlink_to("nowhere")
    before = tree_of(tmp_path)
    final = land(tmp_path, "report.pdf")
    assert final.name == ("report (5).pdf" if sys.platform == "win32" else "report (7).pdf")
    assert final.read_bytes() == b"new"
    assert tree_of(tmp_path) == before | {final.name: b"new"}


@pytest.mark.parametrize("links", [True, False])
def test_a_name_that_is_taken_meanwhile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, links: bool) -> None:
    if not links:
        monkeypatch.setattr(folders, "_NO_LINKS", (errno.EPERM,))
        monkeypatch.setattr(os, "link", lambda *_, **__: (_ for _ in ()).throw(OSError(errno.EPERM, "no")))
    landing = Landing.begin(tmp_path, facts_of("a.txt", 3))
    landing.write(b"new")
    (tmp_path / "A.TXT").write_bytes(b"old")
    real = os.listdir

    def late(folder: object) -> list[str]:
        """Somebody is faster than us between looking and writing."""
        found = real(folder)  # type: ignore[call-overload]
        (tmp_path / "a (2).txt").write_bytes(b"old")
        return found

    monkeypatch.setattr(os, "listdir", late)
    assert landing.finish() == tmp_path / "a (3).txt"
    assert tree_of(tmp_path) == {"A.TXT": b"old", "a (2).txt": b"old", "a (3).txt": b"new"}


def test_two_of_one_name_at_once(tmp_path: Path) -> None:
    first = Landing.begin(tmp_path, facts_of("a.txt", 1, transfer=b"1" * 16))
    second = Landing.begin(tmp_path, facts_of("A.txt", 1, transfer=b"2" * 16))
    second.write(b"2")
    first.write(b"1")
    assert second.finish() == tmp_path / "A (2).txt"
    assert first.finish() == tmp_path / "a.txt"


@posix
@pytest.mark.parametrize("what", ["a", "a.part", "a.part.json"])
@pytest.mark.parametrize("files", [None, 1])
def test_planted_links_are_not_written_through(tmp_path: Path, what: str, files: int | None) -> None:
    folder, victim = tmp_path / "in", tmp_path / "victim"
    folder.mkdir()
    victim.write_bytes(b"precious")
    (folder / what).symlink_to(victim)
    manifest = listing(("b", 3)) if files else b""
    landing = Landing.begin(folder, facts_of("a", len(manifest) + 3, files=files, manifest=len(manifest)))
    landing.write(manifest + b"new")
    assert landing.finish() == folder / "a (2)"
    assert victim.read_bytes() == b"precious"
    assert sorted(os.listdir(folder)) == sorted([what, "a (2)"])
    assert sorted(os.listdir(tmp_path)) == ["in", "victim"]


hostile = st.one_of(
    st.sampled_from(
        [
            "..", ".", "/", "../../up", "/etc/passwd", "..\\..\\up", "C:\\x", "a\0b", "NUL", "con.txt", "lpt1", "a:b",
            "\u202egpj.exe", "x" * 10_000, "x" * 10_000 + ".pdf", "é" * 10_000, "a.", "a ", ".bashrc", "a.part",
            "a.PART.json", "a.part.json", "a.part.part", "~", "-rf", "$HOME", "`id`", "[/oops]", "\x1b[2J", " ",
            "a\ud800", "manifest", "tree", "👨‍👩‍👧.png", "a" * 235 + ".part" + "b" * 20 + ".json",
        ]
    ),
    st.text(min_size=1, max_size=255),
    st.text(st.sampled_from("./\\ a:.\u202e\0"), min_size=1, max_size=20),
)  # fmt: skip


@settings(max_examples=60)
@given(st.lists(hostile, min_size=1, max_size=4), st.booleans())
@example(["a", "a.part", "A.part.json", "a"], False)
@example(["a" * 235 + ".part" + "b" * 20 + ".json", "a" * 235], True)
def test_any_name_is_written_inside_and_overwrites_nothing(
    tmp_path_factory: pytest.TempPathFactory, names: list[str], folder: bool
) -> None:
    outer = tmp_path_factory.mktemp("any")
    home = outer / "in"
    home.mkdir()
    there: dict[str, bytes | None] = {}
    for number, name in enumerate(names):
        content = b"%d" % number
        manifest = encode_one(name) if folder else b""
        facts = facts_of(
            name.encode("utf-8", "replace").decode(),
            len(manifest) + 1,
            files=1 if folder else None,
            manifest=len(manifest),
            transfer=bytes([number]) * 16,
        )
        landing = Landing.begin(home, facts, CHUNK)
        landing.write(manifest + content)
        assert unfinished(home) == []
        final = landing.finish()
        assert final.parent == home
        assert Path(os.path.realpath(final)).parent == Path(os.path.realpath(home))
        assert clean_file_name(final.name) == final.name
        new = {final.name: content}
        if folder:
            (inner,) = os.listdir(final)
            new = {final.name: None, f"{final.name}/{inner}": content}
        assert not new.keys() & there.keys()
        there |= new
        assert tree_of(home) == there
    assert os.listdir(outer) == ["in"]
    shutil.rmtree(outer)


def encode_one(name: str) -> bytes:
    return msgspec.msgpack.encode([[[name.encode("utf-8", "replace").decode()], 1]])


# --- the folder ---------------------------------------------------------------------------------------------


@posix
@pytest.mark.parametrize("target", ["outside", "nowhere"])
def test_a_link_is_no_folder_for_downloads(tmp_path: Path, target: str) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "in").symlink_to(target)
    with pytest.raises(NotAFolder, match="because it is a link"):
        Landing.begin(tmp_path / "in", facts_of("a", 3))
    assert os.listdir(tmp_path / "outside") == []
    assert not (tmp_path / "nowhere").exists()
    assert unfinished(tmp_path / "in") == []
    forget(tmp_path / "in", facts_of("a", 3))


def test_a_file_is_no_folder_for_downloads(tmp_path: Path) -> None:
    (tmp_path / "in").write_bytes(b"old")
    for place in (tmp_path / "in", tmp_path / "in" / "deeper"):
        with pytest.raises(NotAFolder):
            Landing.begin(place, facts_of("a", 3))
    assert (tmp_path / "in").read_bytes() == b"old"


@posix
def test_a_folder_swapped_for_a_link_meanwhile(tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    landing = Landing.begin(tmp_path / "in", facts_of("a", 6))
    landing.write(b"new")
    (tmp_path / "in").rename(tmp_path / "moved")
    (tmp_path / "in").symlink_to("outside")
    landing.write(b"new")
    landing.finish()
    assert os.listdir(tmp_path / "outside") == []
    assert tree_of(tmp_path / "moved") == {"a": b"newnew"}


@pytest.mark.parametrize(
    ("number", "error", "sentence"),
    [
        (errno.EACCES, NotAllowed, "You may not write in"),
        (errno.EROFS, NotAllowed, "You may not write in"),
        (errno.EIO, (CannotWrite, NoDownloads), ": input/output error"),
        (errno.ENOSPC, DiskFull, "There is not enough room"),
    ],
)
@pytest.mark.parametrize("function", ["mkdir", "open", "write"])
def test_failures_have_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, function: str, number: int, error: Any, sentence: str
) -> None:
    def failing(*args: object, **keywords: object) -> None:
        raise OSError(number, os.strerror(number).replace("I/O", "Input/output"))

    with monkeypatch.context() as patch:
        patch.setattr(os, function, failing)
        with pytest.raises(error, match=sentence):
            Landing.begin(tmp_path / "in", facts_of("a", 3))
    assert tree_of(tmp_path) in ({}, {"in": None})


@pytest.mark.parametrize(
    ("number", "error"),
    [(errno.EACCES, NotAllowed), (errno.EROFS, NotAllowed), (errno.ENOENT, NoDownloads), (errno.ENOSPC, None)],
)
def test_a_folder_is_tried_before_anything_comes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, error: type[Exception] | None
) -> None:
    def failing(*args: object, **keywords: object) -> None:
        raise OSError(number, os.strerror(number))

    for place in (tmp_path, tmp_path / "in", tmp_path / "deep" / "er"):
        check_folder(place)
        with monkeypatch.context() as patch:
            patch.setattr(os, "mkdir", failing)
            if error is None:
                check_folder(place)  # a disk that is full now may have room later
                continue
            with pytest.raises(error) as caught:
                check_folder(place)
            assert "arrived" not in str(caught.value)
            assert caught.value.exit_status == 2  # type: ignore[attr-defined]
    assert os.listdir(tmp_path) == []


@posix
def test_a_link_or_a_file_is_no_folder_from_the_start(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to("nowhere")
    for place in (tmp_path / "file", tmp_path / "file" / "in", tmp_path / "link"):
        with pytest.raises(NotAFolder):
            check_folder(place)


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="Linux alone has a folder that nobody can write into")
def test_a_folder_that_cannot_be_made_where_one_may_write() -> None:
    with pytest.raises((NoDownloads, NotAllowed), match="--downloads"):
        check_folder(Path("/proc/usi-files"))


# --- a full disk --------------------------------------------------------------------------------------------


def test_room_is_looked_for_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    facts = facts_of("a", 5_000_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(0, 0, RESERVE + 4_999_999))
    with pytest.raises(DiskFull, match=r"1 MB more are needed"):
        Landing.begin(tmp_path, facts)
    assert os.listdir(tmp_path) == []
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(0, 0, RESERVE + 5_000_000))
    Landing.begin(tmp_path, facts).close()
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(0, 0, 0))
    with pytest.raises(DiskFull, match=r"22 MB more are needed"):
        Landing.begin(tmp_path, facts)
    assert unfinished(tmp_path) == [(facts, 0)]


def test_room_for_what_is_still_to_come_is_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    facts = facts_of("a", 1000)
    start(tmp_path, facts, b"x" * 640)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(0, 0, RESERVE + 360))
    with Landing.begin(tmp_path, facts, CHUNK) as landing:
        assert landing.kept == 640


def test_a_system_that_cannot_tell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(path: object) -> None:
        raise OSError(errno.ENOSYS, "no")

    monkeypatch.setattr(shutil, "disk_usage", failing)
    assert land(tmp_path, "a").read_bytes() == b"new"


@pytest.mark.parametrize("number", [errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)])
@pytest.mark.parametrize("room", [0, 1, 63, 64, 65, 200])
@pytest.mark.parametrize("kind", ["file", "folder"])
def test_a_disk_that_fills_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, room: int, number: int, kind: str
) -> None:
    path = tmp_path / "a"
    if kind == "file":
        path.write_bytes(os.urandom(500))
    else:
        path.mkdir()
        for name in ("1", "2", "3"):
            (path / name).write_bytes(os.urandom(150))
    source = Source.open(path)
    facts = facts_for(source)
    landing = Landing.begin(tmp_path / "in", facts, CHUNK)
    real = os.write
    left = room

    def small(fd: int, data: bytes) -> int:
        """A disk with `room` bytes left: it takes what fits, then nothing."""
        nonlocal left
        if left == 0:
            raise OSError(number, os.strerror(number))
        count = real(fd, data[: min(left, 50)])
        left -= count
        return count

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", small)
        with pytest.raises(DiskFull):
            pour(landing, source.read(0, CHUNK))
    assert landing.done == room
    landing.close()
    assert unfinished(tmp_path / "in") == [(facts, room)]
    landing = Landing.begin(tmp_path / "in", facts, CHUNK)
    assert landing.kept == room // CHUNK * CHUNK
    pour(landing, source.read(landing.kept // CHUNK, CHUNK))
    final = landing.finish()
    assert final.read_bytes() == path.read_bytes() if kind == "file" else tree_of(final) == tree_of(path)


# --- started again ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [0, 1, CHUNK, 3 * CHUNK, 3 * CHUNK + 1])
def test_a_file_goes_on_from_every_chunk(tmp_path: Path, send: Send, size: int) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(os.urandom(size))
    for chunk in (1, 16, CHUNK):
        for stop in range(max(1, -(-size // chunk))):
            final = send(path, tmp_path / f"in {chunk} {stop}", [stop], chunk)
            assert final.name == "a.bin"
            assert final.read_bytes() == path.read_bytes()
    assert send(path, tmp_path / "in", range(size // CHUNK)).read_bytes() == path.read_bytes()


def test_the_last_chunk_is_always_fetched_again(tmp_path: Path) -> None:
    """It brings the signature."""
    facts = facts_of("a", 128)
    start(tmp_path, facts, b"x" * 128)
    with Landing.begin(tmp_path, facts, CHUNK) as landing:
        assert landing.kept == 64


def test_what_a_new_program_finds(tmp_path: Path) -> None:
    assert unfinished(tmp_path / "none") == []
    facts = facts_of("a.txt", 500)
    manifest = listing(("b", 500))
    folder = facts_of("f", len(manifest) + 500, files=1, manifest=len(manifest), transfer=b"f" * 16)
    start(tmp_path, facts)
    start(tmp_path, folder, manifest + b"x" * 100)
    assert unfinished(tmp_path) == [(facts, 100), (folder, len(manifest) + 100)]
    assert "6b6b" not in repr(facts)
    assert "kkk" not in repr(facts)
    with Landing.begin(tmp_path, unfinished(tmp_path)[1][0], CHUNK) as landing:
        assert landing.kept == (len(manifest) + 100) // CHUNK * CHUNK
        assert unfinished(tmp_path) == [(facts, 100)]
    forget(tmp_path, facts)
    forget(tmp_path, facts)
    forget(tmp_path, folder)
    assert os.listdir(tmp_path) == []


def test_an_offer_that_only_claims_the_same_number_gets_a_part_of_its_own(tmp_path: Path) -> None:
    facts = facts_of("a.txt", 500)
    part = start(tmp_path, facts)
    before = part.read_bytes()
    for other in (
        facts_of("a.txt", 501),
        facts_of("a.txt", 500, key=b"x"),
        facts_of("b.txt", 500),
        facts_of("a.txt", 500, files=1, manifest=1),
        PartFacts(facts.offered, b"m" * 32, "alice"),
    ):
        with Landing.begin(tmp_path, other, CHUNK) as landing:
            assert landing.kept == 0
            assert landing.part != part
    assert part.read_bytes() == before
    with Landing.begin(tmp_path, PartFacts(facts.offered, facts.sender, "alice-2"), CHUNK) as landing:
        assert landing.part == part
        assert landing.kept == 64


def test_a_part_is_written_by_one_at_a_time(tmp_path: Path) -> None:
    """As with two programs that receive the same offer into the same folder."""
    facts = facts_of("a.txt", 3)
    first = Landing.begin(tmp_path, facts)
    second = Landing.begin(tmp_path, facts)
    first.write(b"one")
    second.write(b"two")
    assert first.finish().read_bytes() == b"one"
    assert second.finish() == tmp_path / "a (2).txt"


RECEIVER = """
import sys
from pathlib import Path
import msgspec
from usi.store.landing import Landing, PartFacts
landing = Landing.begin(Path(sys.argv[1]), msgspec.json.decode(sys.argv[2], type=PartFacts), 64)
landing.write(b"x" * 300)
print("written", flush=True)
sys.stdin.read()
"""


def test_a_program_that_is_killed(tmp_path: Path) -> None:
    """What it receives is its own as long as it runs, and can be taken up as soon as it does not."""
    facts = facts_of("a.txt", 500)
    command = [sys.executable, "-c", RECEIVER, str(tmp_path), msgspec.json.encode(facts).decode()]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=Path(__file__).parents[2]
    ) as other:
        try:
            assert other.stdout is not None
            assert other.stdout.readline().strip() == b"written"
            assert unfinished(tmp_path) == []
        finally:
            other.kill()
    assert unfinished(tmp_path) == [(facts, 300)]
    with Landing.begin(tmp_path, facts, CHUNK) as landing:
        assert landing.kept == 256


def test_a_part_that_was_deleted_is_begun_again(tmp_path: Path) -> None:
    facts = facts_of("a.txt", 200)
    start(tmp_path, facts).unlink()
    assert unfinished(tmp_path) == []
    with Landing.begin(tmp_path, facts, CHUNK) as landing:
        assert landing.kept == 0
        assert landing.part.name == "a.txt.part"


@posix
@pytest.mark.parametrize("how", ["deleted", "replaced"])
def test_a_part_that_goes_while_it_is_written(tmp_path: Path, how: str) -> None:
    landing = Landing.begin(tmp_path, facts_of("a", 3))
    landing.write(b"new")
    landing.part.unlink()
    if how == "replaced":
        landing.part.write_bytes(b"old")
    with pytest.raises(PartGone):
        landing.finish()
    landing.discard()
    assert tree_of(tmp_path) == ({"a.part": b"old"} if how == "replaced" else {})


@posix
def test_a_program_that_was_killed_while_it_finished_loses_nothing(tmp_path: Path) -> None:
    """The file has its name already, and the part is a second name of it: it must not be cut."""
    facts = facts_of("a", 100)
    part = start(tmp_path, facts)
    os.link(part, tmp_path / "a")
    assert unfinished(tmp_path) == []
    with Landing.begin(tmp_path, facts, CHUNK) as landing:
        assert landing.part.name == "a (2).part"
    assert (tmp_path / "a").read_bytes() == b"x" * 100


GOOD = msgspec.json.encode(facts_of("a", 500))
DAMAGED = [
    b"", GOOD[:-1], GOOD + b"x", b"\x00" * 100, b"null", b"[" * 10_000, b"{}", b"\xff", GOOD.replace(b"500", b"-1"),
    GOOD.replace(b"500", b'"5"'), GOOD.replace(b"sender", b"vendor"), b" " * 20_000 + GOOD, b'{"offered":' * 3000,
    GOOD.replace(b'"alice"', b'"' + b"a" * 257 + b'"'), b"1" * 10_000_000,
]  # fmt: skip


@pytest.mark.parametrize("text", DAMAGED, ids=range(len(DAMAGED)))
def test_damaged_side_files_are_left_alone(tmp_path: Path, text: bytes) -> None:
    facts = facts_of("a", 500)
    part = start(tmp_path, facts)
    side = tmp_path / "a.part.json"
    assert side.read_bytes() == GOOD
    side.write_bytes(text)
    assert unfinished(tmp_path) == []
    with Landing.begin(tmp_path, facts, CHUNK) as landing:
        assert (landing.kept, landing.part.name) == (0, "a (2).part")
    assert part.read_bytes() == b"x" * 100
    assert side.read_bytes() == text


@posix
def test_hostile_side_files_do_no_harm(tmp_path: Path) -> None:
    facts = facts_of("a", 500)
    folder = tmp_path / "in"
    part = start(folder, facts)
    text = (folder / "a.part.json").read_bytes()
    (tmp_path / "good").write_bytes(text)
    (folder / "link.part.json").symlink_to(tmp_path / "good")
    (folder / "link.part").write_bytes(b"p")
    os.mkfifo(folder / "pipe.part.json")
    (folder / "folder.part.json").mkdir()
    (folder / ".part.json").write_bytes(text)
    (folder / "..part.json").write_bytes(text)
    (folder / "lone.part.json").write_bytes(text)
    victim = tmp_path / "victim"
    victim.write_bytes(b"v" * 500)
    (folder / "b.part.json").write_bytes(text)
    (folder / "b.part").symlink_to(victim)
    part.unlink()
    before = tree_of(folder)
    assert unfinished(folder) == []
    with Landing.begin(folder, facts, CHUNK) as landing:
        assert (landing.kept, landing.part.name) == (0, "a.part")
        landing.write(b"w" * 300)
        assert victim.read_bytes() == b"v" * 500
        landing.discard()
    after = tree_of(folder)
    assert after.items() <= before.items()
    assert len(after) >= len(before) - 1


def test_a_sender_cannot_plant_a_side_file(tmp_path: Path) -> None:
    """Files called like ours, sent one after the other, are no unfinished transfer."""
    land(tmp_path, "a.part", b"x" * 100)
    land(tmp_path, "a.part.json", GOOD)
    assert sorted(os.listdir(tmp_path)) == ["a_part", "a_part.json"]
    assert unfinished(tmp_path) == []


def test_the_side_file_is_locked_before_anything_is_in_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[str] = []
    real_write, real_lock = os.write, module.lock

    def write(fd: int, data: bytes) -> int:
        order.append("write")
        return real_write(fd, data)

    def lock(fd: int, *, wait: bool = False) -> bool:
        order.append("lock")
        return real_lock(fd, wait=wait)

    monkeypatch.setattr(os, "write", write)
    monkeypatch.setattr(module, "lock", lock)
    Landing.begin(tmp_path, facts_of("a", 3)).close()
    assert order == ["lock", "write"]


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="needs /proc")
def test_everything_is_closed(tmp_path: Path, send: Send) -> None:
    before = len(os.listdir("/proc/self/fd"))
    (tmp_path / "f" / "g").mkdir(parents=True)
    (tmp_path / "f" / "g" / "a").write_bytes(b"x" * 300)
    send(tmp_path / "f", tmp_path / "in", [1, 2, 3])
    send(tmp_path / "f" / "g" / "a", tmp_path / "in", [1, 2, 3])
    start(tmp_path / "in", facts_of("u", 500))
    unfinished(tmp_path / "in")
    with pytest.raises(FileLonger), Landing.begin(tmp_path / "in", facts_of("a", 1)) as landing:
        landing.write(b"xx")
    with pytest.raises(DiskFull):
        Landing.begin(tmp_path / "in", facts_of("a", 2**62))
    forget(tmp_path / "in", facts_of("u", 500))
    assert len(os.listdir("/proc/self/fd")) == before
