"""Every benchmark runs and counts right, with a few members. How fast they are is nobody's business here."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benchmarks import cases, report
from benchmarks.child import BenchmarkError

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform == "win32", reason="the benchmarks need a POSIX system"),
]

ROOT = Path(__file__).resolve().parents[2]
SHARES = {"host_share", "driver_share"}
TINY = cases.Options(fast=False, members=(5,), seconds=0.2, authors=2, in_flight=(8, 1), most_posts=24)


def positive(row: cases.Row, *names: str) -> None:
    for name in names:
        assert row[name] > 0, name


def test_handshake() -> None:
    (row,) = cases.run("handshake", TINY, 1)
    positive(row, "per_second", "host_cpu_ms", "handshakes")
    assert row.keys() >= SHARES
    assert row["limit"] in ("host", "driver", "neither")


def test_delivery() -> None:
    rows = cases.run("delivery", TINY, 1)
    assert [(row["members"], row["in_flight"]) for row in rows] == [(5, 8), (5, 1)]
    for row in rows:
        positive(row, "per_second", "host_cpu_per_100k", "per_host_cpu_second", "seconds")
        assert 0 < row["posts"] <= 24
        assert row["deliveries"] == row["posts"] * 4
        assert row["verified"] == row["posts"] * 2  # by the two who open everything
        assert row["fast"] is False
        assert row.keys() >= SHARES


def test_latency() -> None:
    (row,) = cases.run("latency", TINY, 1)
    assert row["deliveries"] == 2 * 4
    assert 0 < row["p50_ms"] <= row["p99_ms"] <= row["max_ms"]


def test_memory() -> None:
    (row,) = cases.run("memory", TINY, 1)
    assert row["members"] == 5
    positive(row, "host_mb", "join_seconds")
    assert "kb_per_member" in row


def test_flood() -> None:
    quiet, flooded = cases.run("flood", TINY, 1)
    assert (quiet["flood"], flooded["flood"]) == ("none", "on")
    assert quiet["deliveries"] == flooded["deliveries"] == 2 * 4
    positive(flooded, "calls_per_second", "refused_per_second", "garbage_per_second", "nonsense_per_second")
    positive(flooded, "exchanged_per_second", "p50_ms", "max_ms")


def test_files() -> None:
    rows = cases.run("files", replace(TINY, size=3_000_000), 1)
    ours = [row for row in rows if row["what"] == "usi"]
    assert {row["where"] for row in ours} <= {"memory", "disk"}
    for row in ours:
        positive(row, "mb_per_second", "sender_mb", "host_mb", "receiver_mb")
        assert min(row["sender_cpu"], row["host_cpu"], row["receiver_cpu"]) >= 0  # in ticks of a hundredth
        assert 0 < row["busy_p50_ms"] <= row["busy_p99_ms"]
    assert "plain TCP" in {row["what"] for row in rows}
    for row in rows:
        positive(row, "mb_per_second")
    assert report.table(rows).count("\n") == len(rows) + 1


def test_a_delivery_that_does_not_add_up_is_an_error() -> None:
    with cases._room(TINY, 3, 1) as (_, driver):
        driver.ask("prepare", posts=2)
        result = driver.ask("deliver", in_flight=2, posts=2, seconds=5.0)
        with pytest.raises(BenchmarkError, match=r"counted \d posts instead of"):
            driver.ask("check", posts=3, own=[result["own"][0]])


def test_the_command_line(tmp_path: Path) -> None:
    file = tmp_path / "figures.json"
    command = [sys.executable, "-m", "benchmarks", "latency", "--quick", "--without-fast", "--json", str(file)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stderr
    assert "| none | " in done.stdout.replace("|  none |", "| none |")
    figures: dict[str, Any] = json.loads(file.read_text())
    assert figures["machine"].keys() >= {"at", "cpu", "cores", "python", "libraries", "load_before"}
    (row,) = figures["results"]["latency"]
    assert row["members"] == 5


def test_an_unknown_benchmark_is_named() -> None:
    command = [sys.executable, "-m", "benchmarks", "speed"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 2
    assert "no benchmark speed" in done.stderr


def test_a_table_shows_the_median_and_the_spread() -> None:
    rows: list[cases.Row] = [
        {"fast": True, "run": run, "members": 1000, "p99_ms": value, "limit": "host"}
        for run, value in enumerate((12.0, 11.0, 14.5))
    ]
    lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in report.table(rows).splitlines()]
    assert lines[0] == ["extra", "members", "p99 ms", "limited by"]
    assert lines[2] == ["fast", "1,000", "12.0 (11.0–14.5)", "host"]
