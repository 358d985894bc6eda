"""Tables for people, and the facts about the machine that the figures are worth nothing without."""

from __future__ import annotations

import os
import platform
import statistics
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from benchmarks.cases import Row

_LIBRARIES = ("pycryptodome", "msgspec", "cryptography", "uvloop")
_SETTINGS = ("fast", "members", "in_flight", "rate", "what", "where", "flood")
"""Columns that say what was measured; all others are figures."""
_COLUMNS: dict[str, tuple[str, str]] = {
    "what": ("by", "{}"),
    "where": ("files in", "{}"),
    "mb_per_second": ("MB/s", "{:,.0f}"),
    "sender_cpu": ("sender CPU s", "{:.2f}"),
    "host_cpu": ("host CPU s", "{:.2f}"),
    "receiver_cpu": ("receiver CPU s", "{:.2f}"),
    "sender_mb": ("sender peak MB", "{:.0f}"),
    "host_mb": ("host peak MB", "{:.0f}"),
    "receiver_mb": ("receiver peak MB", "{:.0f}"),
    "quiet_p50_ms": ("chat p50 ms before", "{:.1f}"),
    "quiet_p99_ms": ("p99 ms before", "{:.1f}"),
    "busy_p50_ms": ("chat p50 ms meanwhile", "{:.1f}"),
    "busy_p99_ms": ("p99 ms meanwhile", "{:.1f}"),
    "members": ("members", "{:,}"),
    "in_flight": ("in flight", "{}"),
    "rate": ("posts/s", "{:g}"),
    "flood": ("flood", "{}"),
    "per_second": ("per second", "{:,.0f}"),
    "host_cpu_ms": ("host CPU ms each", "{:.2f}"),
    "host_cpu_per_100k": ("host CPU s per 100,000", "{:.3f}"),
    "per_host_cpu_second": ("per host CPU s", "{:,.0f}"),
    "host_system_share": ("of it kernel", "{:.0%}"),
    "p50_ms": ("p50 ms", "{:.1f}"),
    "p99_ms": ("p99 ms", "{:.1f}"),
    "max_ms": ("max ms", "{:.1f}"),
    "calls_per_second": ("calls/s", "{:,.0f}"),
    "refused_per_second": ("refused/s", "{:,.0f}"),
    "garbage_per_second": ("garbage/s", "{:,.0f}"),
    "nonsense_per_second": ("half exchanges/s", "{:,.0f}"),
    "exchanged_per_second": ("whole exchanges/s", "{:,.0f}"),
    "kb_per_member": ("KB per member", "{:.1f}"),
    "join_seconds": ("joining s", "{:.1f}"),
    "host_share": ("host CPU", "{:.0%}"),
    "driver_share": ("driver CPU", "{:.0%}"),
    "others_share": ("others' CPU", "{:.0%}"),
    "limit": ("limited by", "{}"),
}


def machine() -> dict[str, Any]:
    """What the figures depend on."""
    versions: dict[str, str | None] = {}
    for name in _LIBRARIES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            versions[name] = None
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "libraries": versions,
        "load_before": list(os.getloadavg()),
    }


def _cpu() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def heading(facts: dict[str, Any]) -> str:
    libraries = ", ".join(f"{name} {version or 'not installed'}" for name, version in facts["libraries"].items())
    load = " ".join(f"{value:.2f}" for value in facts["load_before"])
    return (
        f"{facts['at']}: {facts['cpu']}, {facts['cores']} cores, {facts['system']}\n"
        f"Python {facts['python']}, {libraries}; load average before: {load}"
    )


def table(rows: Sequence[Row]) -> str:
    """A Markdown table, a line per thing measured; of several runs the median, with the smallest and the largest."""
    groups: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        groups.setdefault(tuple(row.get(name) for name in _SETTINGS), []).append(row)
    columns = [name for name in _COLUMNS if any(name in row for row in rows)]
    lines = [["extra", *(_COLUMNS[name][0] for name in columns)]]
    for group in groups.values():
        cells = ["fast" if group[0]["fast"] else "none"]
        cells += [
            _cell([row[name] for row in group], _COLUMNS[name][1], name in _SETTINGS) if name in group[0] else ""
            for name in columns
        ]
        lines.append(cells)
    widths = [max(len(line[index]) for line in lines) for index in range(len(lines[0]))]
    lines.insert(1, ["-" * width for width in widths])
    aligned = (" | ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)) for line in lines)
    return "\n".join(f"| {line} |" for line in aligned)


def _cell(values: list[Any], form: str, setting: bool) -> str:
    if setting or len(values) == 1:
        return form.format(values[0])
    if isinstance(values[0], str):
        return "/".join(dict.fromkeys(values))
    middle, low, high = (form.format(value) for value in (statistics.median(values), min(values), max(values)))
    return middle if low == high else f"{middle} ({low}–{high})"
