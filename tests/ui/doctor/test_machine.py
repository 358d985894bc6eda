"""What is looked at on this machine, where it is well and where it is not."""

from __future__ import annotations

import errno
import os
import shutil
import threading
from collections import namedtuple
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from usi.core.crypto import PrivateKey
from usi.ui import notify
from usi.ui.doctor import machine


def only(findings: Any) -> machine.Finding:
    (found,) = findings
    return found


def test_libraries_are_within_their_bounds() -> None:
    version, libraries = machine.versions("3.0")
    assert version.state == libraries.state == "good"
    assert set(libraries.facts) == {"textual", "pycryptodome", "bcrypt", "plyer", "msgspec", "platformdirs"}


def test_bounds_are_read_also_where_only_the_package_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    beside = machine._bounds()

    def missing(*_: object, **__: object) -> str:
        raise FileNotFoundError

    monkeypatch.setattr(Path, "read_text", missing)
    lines = [f"{name}<{high},>={low}" for name, low, high in beside]
    monkeypatch.setattr(machine.metadata, "requires", lambda name: [*lines, 'uvloop; extra == "fast"'])
    assert machine._bounds() == beside
    monkeypatch.setattr(machine.metadata, "requires", lambda name: None)
    assert machine._bounds() == []


@pytest.mark.parametrize(
    ("version", "state"),
    [("1.0.0", "good"), ("1.9", "good"), ("0.9.12", "bad"), ("2.0", "bad"), ("2.0.0rc1", "bad"), (None, "bad")],
)
def test_a_library_outside_of_its_bounds_is_named(
    version: str | None, state: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "_bounds", lambda: [("thing", "1.0", "2")])
    monkeypatch.setattr(machine, "_installed", lambda name: version)
    _, libraries = machine.versions("3.0")
    assert libraries.state == state
    assert "thing" in libraries.text
    assert "None" not in libraries.text


def test_an_old_python(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "_PYTHON", (99, 0))
    assert next(iter(machine.versions("3.0"))).state == "bad"


@pytest.mark.parametrize(
    ("wall", "steady", "state"),
    [
        ((1.8e9, 1.8e9 + 2), (5.0, 7.0), "good"),
        ((1.8e9, 1.8e9 + 3600), (5.0, 7.0), "attention"),
        ((1.8e9, 1.8e9 - 60), (5.0, 7.0), "attention"),
        ((60.0, 62.0), (5.0, 7.0), "bad"),
    ],
    ids=["even", "forwards", "backwards", "1970"],
)
def test_a_clock_that_jumps_or_is_not_set(wall: tuple[float, ...], steady: tuple[float, ...], state: str) -> None:
    clock = machine.Clock(iter(wall).__next__, iter(steady).__next__)
    assert only(clock.look()).state == state


def test_the_generator_of_random_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    assert only(machine.chance()).state == "good"

    def unready(*_: object) -> bytes:
        raise BlockingIOError

    monkeypatch.setattr(machine.crypto, "random_bytes", unready)
    assert only(machine.chance()).state == "bad"


def test_the_speed_of_the_cryptography(keys: dict[str, PrivateKey]) -> None:
    found = only(machine.speed(lambda seconds: keys["alice"], lambda: 0.25))
    assert found.state == "good"
    assert all(value for value in found.facts.values())
    assert found.facts["rsa_generate_ms"] == 250
    assert found.advice == "" or "cryptography" in found.advice


Usage = namedtuple("Usage", "total used free")


def forbidden(*args: object, **keywords: object) -> None:
    raise PermissionError(errno.EACCES, "Permission denied")


def test_the_folder_of_received_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    room = 2_000_000_000
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(0, 0, room))
    inside = tmp_path / "not" / "yet"
    assert only(machine.downloads(inside)).state == "good"
    room = 100
    assert only(machine.downloads(inside)).state == "attention"
    monkeypatch.setattr(os, "mkdir", forbidden)
    assert only(machine.downloads(inside)).state == "bad"


def test_a_folder_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert only(machine.downloads(tmp_path / "file")).state == "bad"
    (tmp_path / "link").symlink_to(tmp_path)
    assert only(machine.downloads(tmp_path / "link")).state == "bad"


def test_few_descriptors_are_said(monkeypatch: pytest.MonkeyPatch) -> None:
    resource: ModuleType = pytest.importorskip("resource")
    for limit, state in ((256, "attention"), (20_000, "good"), (resource.RLIM_INFINITY, "good")):
        monkeypatch.setattr(resource, "getrlimit", lambda which, limit=limit: (limit, limit))
        assert only(machine.descriptors()).state == state


def test_notifications_are_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[notify.Note] = []
    monkeypatch.setattr(notify, "deliver", shown.append)
    assert only(machine.notifications()).state == "good"
    assert len(shown) == 1

    def unheard(note: notify.Note) -> None:
        raise notify.Unheard("Nobody is there.")

    def broken(note: notify.Note) -> None:
        raise ZeroDivisionError

    ever = threading.Event()
    monkeypatch.setattr(machine, "_NOTE_SECONDS", 0.05)
    ways = [(unheard, "Nobody is there."), (broken, "ZeroDivisionError"), (lambda note: ever.wait(20), "answer")]
    for way, said in ways:
        monkeypatch.setattr(notify, "deliver", way)
        found = only(machine.notifications())
        assert found.state == "attention"
        assert said in found.text
        assert found.advice
    ever.set()
