"""The kept corpus of the fuzzers runs again with each test run, fast and without atheris."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fuzzing import replay
from fuzzing.targets import TARGETS, registry

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", TARGETS)
def test_nothing_that_was_ever_tried_fails(name: str) -> None:
    assert replay.replay(name) >= len(TARGETS[name].seeds()) > 0


def test_each_corpus_belongs_to_a_target() -> None:
    folders = {folder.name for folder in replay.FOLDER.iterdir()}
    assert folders <= set(TARGETS)
    for name in folders:
        assert replay.kept(name)
        assert len(replay.kept(name)) <= replay.MOST
        assert all(path.stat().st_size <= replay.LONGEST for path in replay.kept(name))


def test_a_corpus_is_the_shortest_of_what_was_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replay, "FOLDER", tmp_path / "corpus")
    monkeypatch.setattr(replay, "MOST", 3)
    monkeypatch.setattr(replay, "LONGEST", 10)
    found = tmp_path / "found"
    found.mkdir()
    for number, data in enumerate([b"long one", b"a", b"bb", b"a", b"ccc", bytes(11)]):
        (found / str(number)).write_bytes(data)
    assert replay.keep("names", found) == 3
    assert {path.read_bytes() for path in replay.kept("names")} == {b"a", b"bb", b"ccc"}
    (found / "9").write_bytes(b"")
    assert replay.keep("names", found) == 3
    assert {path.read_bytes() for path in replay.kept("names")} == {b"", b"a", b"bb"}
    assert replay.replay("names") == 3 + len(TARGETS["names"].seeds())


def test_a_target_that_fails_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(data: bytes) -> None:
        raise ZeroDivisionError

    monkeypatch.setitem(TARGETS, "names", registry.Target(broken, lambda: [b""]))
    with pytest.raises(ZeroDivisionError):
        replay.replay("names")


def test_an_unknown_target_is_named() -> None:
    command = [sys.executable, "-m", "fuzzing", "nonsense"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert "no target nonsense" in done.stderr


@settings(max_examples=150)
@given(steps=st.lists(st.tuples(st.integers(0, 255), st.integers(0, 255), st.integers(0, 255)), max_size=120))
def test_a_hub_bears_any_members(steps: list[tuple[int, int, int]]) -> None:
    TARGETS["hub"].run(bytes(value for step in steps for value in step))
