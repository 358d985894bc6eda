"""What a host notes: live, for /log, and in the log, in few writes and in order."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from usi.core import events
from usi.core.errors import LocalError, NoRoomLeft
from usi.net.chronicle import RECENT, Chronicle
from usi.store.audit import AuditLog, Entry, check_log


async def test_all_is_written_in_order_and_little_is_told(tmp_path: Path) -> None:
    log = AuditLog(tmp_path / "log")
    told: list[events.Event] = []
    chronicle = Chronicle(log, told.append, lambda error: pytest.fail(str(error)))
    chronicle.note("started", {})
    for number in range(200):
        chronicle.note("kicked", {"name": f"n{number}", "reason": "", "by": "x" * 900})
    await chronicle.close()
    log.close()
    lines = [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]
    assert [line.get("name") for line in lines] == [None, *(f"n{number}" for number in range(200))]
    assert "reason" not in lines[1]
    assert check_log(tmp_path / "log").lines == 201
    assert len(told) == 200
    recent = chronicle.recent()
    assert len(recent) == RECENT
    assert dict(recent[-1].facts)["name"] == "n199"
    assert all(len(value) <= 512 for entry in recent for _, value in entry.facts)


async def test_a_flood_of_entries_costs_few_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = AuditLog(tmp_path / "log")
    sizes: list[int] = []
    write = log.write

    def counted(entries: Sequence[Entry]) -> None:
        sizes.append(len(entries))
        write(entries)

    monkeypatch.setattr(log, "write", counted)
    chronicle = Chronicle(log, lambda event: None, lambda error: None)
    for _ in range(500):
        chronicle.note("refused", {"address": "192.0.2.1:5"})
    await chronicle.close()
    log.close()
    assert sum(sizes) == 500
    assert len(sizes) <= 3


async def test_a_disk_that_refuses_is_told_and_stops_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = AuditLog(tmp_path / "log")

    def full(entries: Sequence[Entry]) -> None:
        raise NoRoomLeft(path=log.path)

    monkeypatch.setattr(log, "write", full)
    troubles: list[LocalError] = []
    chronicle = Chronicle(log, lambda event: None, troubles.append)
    chronicle.note("joined", {"name": "bob"})
    await chronicle.close()
    log.close()
    assert [type(error) for error in troubles] == [NoRoomLeft]


async def test_without_a_log_it_is_told_all_the_same() -> None:
    told: list[events.Event] = []
    chronicle = Chronicle(None, told.append, lambda error: None)
    chronicle.note("granted", {"name": "bob", "room": "staff"})
    await chronicle.close()
    assert [type(event) for event in told] == [events.LogLine]
