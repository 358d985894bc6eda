"""The log: one line for each thing that happened, each bound to the one before, none torn for good by a crash."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from usi.core.errors import (
    BrokenLog,
    CannotKeep,
    HashNotFound,
    InUse,
    LocalError,
    MayOnlyBeRead,
    NoRoomLeft,
    NotALog,
    UnreadableFile,
)
from usi.store import audit
from usi.store.audit import EVENTS, FACTS, NO_HASH, AuditLog, Checked, Entry, check_log

ROOT = Path(__file__).parents[2]
NOW = 1_764_156_254.125


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "usi.log"


def keep(path: Path, *names: str) -> tuple[int, str]:
    """Add an entry for each name, all in one batch; number and hash of the last line."""
    log = AuditLog(path, lambda: NOW)
    try:
        log.write([Entry("joined", {"name": name}) for name in names])
        return log.last
    finally:
        log.close()


def lines(path: Path) -> list[bytes]:
    return path.read_bytes().splitlines(keepends=True)


def test_a_line_is_one_object(path: Path) -> None:
    log = AuditLog(path, lambda: NOW)
    log.write([Entry("started", {"address": "0.0.0.0:12800"})])
    log.write([Entry("kicked", {"name": "eve", "member": "ab" * 32, "by": "host", "reason": "du bruit"})])
    log.close()
    first, second = lines(path)
    assert json.loads(first) == {
        "number": 1, "time": "2025-11-26T11:24:14.125Z", "event": "started", "address": "0.0.0.0:12800",
        "prev": NO_HASH,
    }  # fmt: skip
    assert list(json.loads(second)) == ["number", "time", "event", "name", "member", "by", "reason", "prev"]
    assert json.loads(second)["prev"] == sha256(first[:-1]).hexdigest()


@pytest.mark.parametrize(
    "name", ["[/oops]", "\x1b[2J", "a\nb", "\u202eabc", "zo\u00e9", "\u200b", "\x7f\x9b1m", "😀", '"}\n{"number":9']
)
def test_a_name_is_shown_and_not_obeyed(path: Path, name: str) -> None:
    keep(path, name)
    (line,) = lines(path)
    assert json.loads(line)["name"] == name
    text = line.decode()
    assert text[:-1].isprintable()
    assert ("zo\u00e9" in text) == (name == "zo\u00e9")
    assert check_log(path).lines == 1


def test_only_what_the_log_is_for(path: Path) -> None:
    log = AuditLog(path)
    for entry in (
        Entry("message", {}),
        Entry("joined", {"text": "hello"}),
        Entry("mended", {}),
        Entry("joined", {"prev": ""}),
    ):
        with pytest.raises(ValueError, match="not for the log"):
            log.write([Entry("left", {}), entry])
    log.close()
    assert path.read_bytes() == b""


def test_every_event_and_fact(path: Path) -> None:
    log = AuditLog(path)
    log.write([Entry(event, dict.fromkeys(FACTS, "x" * 1_000)) for event in sorted(EVENTS)])
    log.close()
    assert check_log(path).lines == len(EVENTS)
    assert {len(json.loads(line)["reason"]) for line in lines(path)} == {500}


@pytest.mark.skipif(sys.platform == "win32", reason="modes are POSIX's")
def test_only_the_owner_may_read_it(path: Path) -> None:
    keep(path, "alice")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_runs_follow_each_other(path: Path) -> None:
    assert check_log_of_nothing(path) == Checked(0, NO_HASH, 0, 0)
    first = keep(path, "alice", "bob")
    last = keep(path, "carol")
    assert (first[0], last[0]) == (2, 3)
    for noted in (None, first[1], last[1], sha256(lines(path)[0][:-1]).hexdigest()):
        assert check_log(path, noted) == Checked(3, last[1], 0, 0)
    with pytest.raises(HashNotFound):
        check_log(path, "ab" * 32)


def check_log_of_nothing(path: Path) -> Checked:
    AuditLog(path).close()
    return check_log(path)


def test_a_long_log_is_taken_up_at_its_end(path: Path) -> None:
    keep(path, *(f"member-{number}" * 10 for number in range(1_000)))
    assert path.stat().st_size > 3 * audit._TAIL
    assert keep(path, "last")[0] == 1_001
    assert check_log(path).lines == 1_001


def test_no_batch_is_nothing(path: Path) -> None:
    log = AuditLog(path)
    log.write([])
    assert log.last == (0, NO_HASH)
    log.close()
    assert path.read_bytes() == b""


# --- changes --------------------------------------------------------------------------------------------------------


Change = Callable[[list[bytes]], list[bytes]]
CHANGES: dict[str, tuple[Change, int | None]] = {
    "changed": (lambda all: [*all[:4], all[4].replace(b"name-4", b"name-x"), *all[5:]], 6),
    "another number": (lambda all: [*all[:4], all[4].replace(b'"number":5', b'"number":6'), *all[5:]], 5),
    "no entry": (lambda all: [*all[:4], b"{}\n", *all[5:]], 5),
    "empty line": (lambda all: [*all[:4], b"\n", *all[4:]], 5),
    "taken out": (lambda all: [*all[:4], *all[5:]], 5),
    "first taken out": (lambda all: all[1:], 1),
    "put in twice": (lambda all: [*all[:5], *all[4:]], 6),
    "swapped": (lambda all: [*all[:4], all[5], all[4], *all[6:]], 5),
    "joined": (lambda all: [*all[:4], all[4][:-1], *all[5:]], 5),
    "huge line": (lambda all: [*all[:4], b"x" * 1_000_000, *all[4:]], 5),
    "many foreign lines": (lambda all: [*all[:4], *[b"foreign line\n"] * 10_000, *all[4:]], 5),
    "last is no entry": (lambda all: [*all[:-1], b"gone\n"], 10),
    "tail cut": (lambda all: all[:-3], None),
    "last changed": (lambda all: [*all[:-1], all[-1].replace(b"name-9", b"name-x")], None),
    "all written anew": (lambda all: [], None),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_is_found(path: Path, change: str) -> None:
    """Or, where it cannot be seen from inside, by the hash that was noted."""
    _, noted = keep(path, *(f"name-{number}" for number in range(10)))
    make, line = CHANGES[change]
    path.write_bytes(b"".join(make(lines(path))))
    if line is None:
        check_log(path)
        with pytest.raises(HashNotFound):
            check_log(path, noted)
        return
    with pytest.raises(BrokenLog) as caught:
        check_log(path, noted)
    assert caught.value.fields["line"] == line
    assert str(path) in str(caught.value)


@settings(max_examples=60)
@given(data=st.data())
def test_any_changed_byte_is_found_by_a_noted_hash(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("log") / "usi.log"
    _, noted = keep(path, "alice", "bob", "carol")
    whole = path.read_bytes()
    at = data.draw(st.integers(0, len(whole) - 2))  # the end of the last line is not part of it
    path.write_bytes(whole[:at] + bytes([whole[at] ^ data.draw(st.integers(1, 255))]) + whole[at + 1 :])
    with pytest.raises((BrokenLog, HashNotFound)):
        check_log(path, noted)


# --- crashes --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cut", [1, 2, 40, 100, -1])
def test_a_torn_line_is_mended_by_an_entry_that_says_so(path: Path, cut: int) -> None:
    keep(path, "alice", "bob")
    *before, last = lines(path)
    torn = last[:-1][:-cut] if cut > 0 else last[:1]
    path.write_bytes(b"".join(before) + torn)
    assert check_log(path) == Checked(1, sha256(before[0][:-1]).hexdigest(), 0, len(torn))
    number, noted = keep(path, "carol")
    found = lines(path)
    assert found[:2] == [before[0], torn + b"\n"]
    mended, carol = map(json.loads, found[2:])
    assert (mended["number"], mended["event"], mended["torn"]) == (2, "mended", len(torn))
    assert mended["torn_hash"] == sha256(torn).hexdigest()
    assert mended["prev"] == sha256(before[0][:-1]).hexdigest()
    assert (number, carol["name"]) == (3, "carol")
    assert check_log(path, noted) == Checked(3, noted, 1, 0)
    path.write_bytes(b"".join([found[0], b"another line\n", *found[2:]]))
    with pytest.raises(BrokenLog):
        check_log(path)
    path.write_bytes(b"".join([found[0], *found[2:]]))
    with pytest.raises(BrokenLog):
        check_log(path)


def test_a_line_that_lacks_nothing_but_its_end(path: Path) -> None:
    keep(path, "alice", "bob")
    path.write_bytes(path.read_bytes()[:-1])
    assert check_log(path).lines == 2
    keep(path, "carol")
    assert check_log(path) == Checked(3, check_log(path).last, 0, 0)
    assert [json.loads(line)["name"] for line in lines(path)] == ["alice", "bob", "carol"]


@settings(max_examples=60)
@given(cuts=st.lists(st.integers(0, 700), max_size=6))
def test_crashes_at_any_byte_again_and_again(tmp_path_factory: pytest.TempPathFactory, cuts: list[int]) -> None:
    """Whatever part of a batch reaches the disk, with or without a mended line in it, the next run goes on."""
    path = tmp_path_factory.mktemp("log") / "usi.log"
    keep(path, "first")
    for cut in cuts:
        before = path.read_bytes()
        keep(path, "alice", "bob")
        path.write_bytes(path.read_bytes()[: len(before) + cut])
    number, noted = keep(path, "last")
    checked = check_log(path, noted)
    assert (checked.lines, checked.torn) == (number, 0)
    assert checked.mended <= len(cuts)


@pytest.mark.parametrize(
    "content", [b'{"num', b"\0" * 100, b'{"number":1,"time":"2025', b'{"number":1,"ti\n{"number":1,"time']
)
def test_the_first_line_can_be_torn_too(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    keep(path, "alice")
    assert (check_log(path).lines, check_log(path).mended) == (2, 1)


def test_killed_while_it_writes(path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from usi.store.audit import *\n"
        "log = AuditLog(Path(sys.argv[1]))\n"
        "while True:\n"
        "    log.write([Entry('joined', {'name': 'alice'})] * 3); print(*log.last, flush=True)"
    )
    for _ in range(3):
        with subprocess.Popen(
            [sys.executable, "-c", program, path], cwd=ROOT, stdout=subprocess.PIPE, text=True
        ) as writer:
            assert writer.stdout
            told = [writer.stdout.readline() for _ in range(20)][-1]
            writer.kill()
            told = [told, *(line for line in writer.stdout if line.endswith("\n"))][-1]
        number, noted = told.split()
        assert check_log(path, noted).lines >= int(number)


# --- files that are wrong -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content", [b"hello\n", b"\n", b"[]\n" * 40_000, b"x" * 100, bytes(100) + b"x", b'{"number":2,']
)
def test_another_file_is_left_alone(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(NotALog):
        AuditLog(path)
    assert path.read_bytes() == content


@pytest.mark.skipif(sys.platform == "win32", reason="links and pipes are POSIX's")
def test_neither_a_link_nor_a_pipe(tmp_path: Path, path: Path) -> None:
    (tmp_path / "target").write_bytes(b"")
    path.symlink_to(tmp_path / "target")
    with pytest.raises(LocalError):
        AuditLog(path)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(NotALog):
        AuditLog(tmp_path / "pipe")


def test_no_such_folder(tmp_path: Path) -> None:
    with pytest.raises(CannotKeep):
        AuditLog(tmp_path / "nowhere" / "log")
    with pytest.raises(UnreadableFile):
        check_log(tmp_path / "nowhere")
    with pytest.raises(UnreadableFile):
        check_log(tmp_path)


def test_one_program_at_a_time(path: Path) -> None:
    log = AuditLog(path)
    with pytest.raises(InUse):
        AuditLog(path)
    log.close()
    AuditLog(path).close()


@pytest.mark.parametrize(
    ("number", "error"), [(28, NoRoomLeft), (30, MayOnlyBeRead), (5, CannotKeep)], ids=["full", "read-only", "broken"]
)
def test_a_disk_that_takes_half_of_it(
    path: Path, monkeypatch: pytest.MonkeyPatch, number: int, error: type[LocalError]
) -> None:
    log = AuditLog(path)
    log.write([Entry("joined", {"name": "alice"})])
    real, budget = os.write, 250

    def full(fd: int, data: bytes) -> int:
        nonlocal budget
        if not budget:
            raise OSError(number, os.strerror(number))
        written = real(fd, data[:budget])
        budget -= written
        return written

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        for _ in range(2):
            with pytest.raises(error):
                log.write([Entry("joined", {"name": "bob"}), Entry("joined", {"name": "carol"})])
    log.write([Entry("joined", {"name": "dave"})])
    last = log.last
    log.close()
    checked = check_log(path, last[1])
    assert (checked.lines, checked.mended) == (4, 1)
    assert [json.loads(lines(path)[at]).get("name") for at in (0, 1, 4)] == ["alice", "bob", "dave"]
