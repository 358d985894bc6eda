"""The benchmarks: each starts a fresh host and a driver, and returns rows of figures."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import files as transfers
from benchmarks.child import BenchmarkError, Child
from usi.config import Limits

Row = dict[str, Any]

FAST_LIBRARIES = ("cryptography", "uvloop")
_GUESSES = {False: 120_000, True: 1_300_000}
"""Deliveries per second at best, one at a time and with many in flight: so many posts are prepared."""
_RATE = 10.0  # posts a second
_KEYS = 24  # of the members who come and go: more than are under way at once
_OPENERS = 2  # members who open and verify everything
_MOST_DRIVERS = 4
_FLOOD_BEFORE = 1.0  # seconds of a flood before it counts
_FLOOD_COUNTS = ("calls", "refused", "garbage", "nonsense", "exchanged")
_NEARLY_ALL = 0.93  # of a core: who used so much of it had no time left


@dataclass(frozen=True)
class Options:
    fast: bool = True
    """Whether the host may use the libraries of the extra of that name."""
    members: Sequence[int] | None = None
    """None: each benchmark's own choice."""
    seconds: float = 5.0
    authors: int = 64
    """Who post in turn: at most so many, and all but three of the members."""
    in_flight: Sequence[int] = (64, 1)
    size: int = 1_000_000_000
    """Bytes of the file that is sent."""
    most_posts: int = 6_000
    """Posts that are signed and sealed beforehand, a millisecond each: small rooms end with them, before their time."""


def _cores() -> tuple[list[int] | None, list[int] | None]:
    """The host's core and the drivers'; None where they are left to the system."""
    if not hasattr(os, "sched_getaffinity") or len(cores := sorted(os.sched_getaffinity(0))) < 2:
        return None, None
    return cores[:1], cores[1:]


@contextmanager
def _host(options: Options) -> Iterator[tuple[Child, int]]:
    hidden = () if options.fast else FAST_LIBRARIES
    with tempfile.TemporaryDirectory() as folder:
        events = Path(folder) / "events"
        events.touch()
        with Child("benchmarks.host", [str(events), *hidden], _cores()[0]) as host:
            about = host.ask("about")
            if set(about["fast"]) != set(FAST_LIBRARIES if options.fast else ()):
                raise BenchmarkError(f"the host runs with {about['fast']}")
            yield host, about["port"]


def _driver(port: int, network: int = 1) -> Child:
    return Child("benchmarks.driver", ["127.0.0.1", str(port), str(network)], _cores()[1])


@contextmanager
def _room(options: Options, members: int, authors: int) -> Iterator[tuple[Child, Child]]:
    """A host and a driver whose members have joined."""
    with _host(options) as (host, port), _driver(port) as driver:
        driver.ask("join", members=members, authors=authors, openers=min(_OPENERS, members - authors))
        yield host, driver


def _busy() -> float | None:
    """CPU seconds that this machine has spent on anything, where it tells."""
    try:
        first = Path("/proc/stat").read_text(encoding="ascii").partition("\n")[0]
    except OSError:
        return None
    user, nice, system, _idle, _wait, *interrupts = map(int, first.split()[1:9])
    return (user + nice + system + sum(interrupts)) / os.sysconf("SC_CLK_TCK")


def _measured(host: Child, run: Callable[[], Row]) -> Row:
    """What a run returned, and what it cost the host and everybody else.

    `cpu` in it is what each of its `drivers` (if not given: one) used of the CPU, in seconds."""
    busy, before = _busy(), host.ask("report")
    started = time.monotonic()
    result = run()
    after, now = host.ask("report"), _busy()
    elapsed = time.monotonic() - started
    cpu, seconds = after["cpu"] - before["cpu"], result["seconds"]
    shares = {"host_share": cpu / seconds, "driver_share": result["cpu"] / seconds}
    if busy is not None and now is not None:
        others = now - busy - cpu - result["cpu"] * result.get("drivers", 1)
        shares["others_share"] = max(0.0, others / elapsed)
    if shares["host_share"] >= _NEARLY_ALL:
        limit = "host"
    elif shares["driver_share"] >= _NEARLY_ALL:
        limit = "driver"
    else:
        limit = "neither"
    costs = {"host_cpu": cpu, "host_system": after["system"] - before["system"], "limit": limit}
    return result | shares | costs


def _with_shares(row: Row, result: Row, *names: str) -> Row:
    """The row, and behind its figures what the run cost."""
    return row | {
        name: result[name] for name in ("host_share", "driver_share", "others_share", *names) if name in result
    }


def handshake(options: Options) -> Iterator[Row]:
    """Connections made, joined and ended again: a whole key exchange each, at most 8 under way per address."""
    with ExitStack() as stack:
        host, port = stack.enter_context(_host(options))
        count = min(_MOST_DRIVERS, len(_cores()[1] or [0]))
        drivers = [stack.enter_context(_driver(port, network + 1)) for network in range(count)]
        for driver in drivers:
            driver.ask("churn", seconds=0.3, pairs=_KEYS)  # imports, keys and first uses of everything

        def run() -> Row:
            for driver in drivers:
                driver.tell("churn", seconds=options.seconds, pairs=_KEYS)
            results = [driver.answer() for driver in drivers]
            return {
                "handshakes": sum(result["handshakes"] for result in results),
                "seconds": max(result["seconds"] for result in results),
                "cpu": sum(result["cpu"] for result in results) / count,
                "drivers": count,
            }

        result = _measured(host, run)
    row = {
        "per_second": result["handshakes"] / result["seconds"],
        "host_cpu_ms": 1000 * result["host_cpu"] / result["handshakes"],
        "handshakes": result["handshakes"],
    }
    yield _with_shares(row, result, "limit")


def delivery(options: Options) -> Iterator[Row]:
    """Posts to everybody in a room, 64 in flight and one at a time; a post counts once for each of the others."""
    for members in options.members or (10, 100, 500, 1000):
        authors = max(1, min(options.authors, members - 3))
        with _room(options, members, authors) as (host, driver):
            for in_flight in options.in_flight:
                yield _delivery(host, driver, options, members, authors, in_flight)


def _delivery(host: Child, driver: Child, options: Options, members: int, authors: int, in_flight: int) -> Row:
    limits = Limits()
    wanted = int(options.seconds * _GUESSES[in_flight > 1]) // max(members - 1, 1)
    # The host lets nobody write on and on at more than a certain pace: stay below it, it is not what is measured.
    pace = int(authors * limits.sender_burst * 0.8)
    posts = max(in_flight, min(wanted, options.most_posts, pace))
    warm = max(4, min(in_flight, posts // 4))
    driver.ask("prepare", posts=warm)
    first = driver.ask("deliver", in_flight=in_flight, posts=warm, seconds=2.0)
    driver.ask("check", posts=first["posts"], own=first["own"])
    driver.ask("prepare", posts=posts)
    if posts / authors > limits.sender_rate:
        driver.ask("idle", seconds=posts / authors / limits.sender_rate)  # until they may write as fast as they can
    result = _measured(host, lambda: driver.ask("deliver", in_flight=in_flight, posts=posts, seconds=options.seconds))
    checked = driver.ask("check", posts=result["posts"], own=result["own"])
    deliveries = result["deliveries"]
    row = {
        "members": members,
        "in_flight": in_flight,
        "per_second": deliveries / result["seconds"],
        "host_cpu_per_100k": 100_000 * result["host_cpu"] / deliveries,
        "per_host_cpu_second": deliveries / result["host_cpu"],
        "host_system_share": result["host_system"] / result["host_cpu"],
        "deliveries": deliveries,
        "posts": result["posts"],
        "verified": checked["verified"],
        "seconds": result["seconds"],
    }
    return _with_shares(row, result, "limit")


def latency(options: Options) -> Iterator[Row]:
    """Ten posts a second: from just before one is written to its receipt by each of the others."""
    for members in options.members or (1000,):
        with _room(options, members, authors=1) as (host, driver):
            driver.ask("pace", rate=_RATE, seconds=max(0.5, min(2.0, options.seconds)))
            seconds = max(options.seconds, 1 / _RATE)
            result = _measured(host, lambda: driver.ask("pace", rate=_RATE, seconds=seconds))  # noqa: B023
        yield _with_shares(_latencies(members, result), result)


def memory(options: Options) -> Iterator[Row]:
    """What a member costs who is only there and sends its heartbeats."""
    for members in options.members or (5000,):
        with _host(options) as (host, port), _driver(port) as driver:
            # The first member pays for what is loaded and set up once.
            driver.ask("join", members=1)
            before = host.ask("collect")
            joined = driver.ask("join", members=members)
            idle = _measured(host, lambda: driver.ask("idle", seconds=options.seconds))
            after = host.ask("collect")
        row = {
            "members": members,
            "kb_per_member": (after["rss"] - before["rss"]) / 1024 / max(members - 1, 1),
            "host_mb": after["rss"] / 1024**2,
            "join_seconds": joined["seconds"],
        }
        yield _with_shares(row, idle)


def flood(options: Options) -> Iterator[Row]:
    """Ten posts a second, as `latency`, without and with a flood of half-open, false and real handshakes."""
    for members in options.members or (20,):
        with _room(options, members, authors=1) as (host, driver):
            driver.ask("pace", rate=_RATE, seconds=max(0.5, min(2.0, options.seconds)))
            port, seconds = host.ask("about")["port"], max(options.seconds, 1 / _RATE)

            def talk() -> Row:
                return driver.ask("pace", rate=_RATE, seconds=seconds)  # noqa: B023

            quiet = _measured(host, talk)
            yield _with_shares({"flood": "none"} | _latencies(members, quiet), quiet)
            with Child("benchmarks.flood", [str(port)], _cores()[1]) as flooder:
                flooder.tell("flood", seconds=seconds + _FLOOD_BEFORE)
                time.sleep(_FLOOD_BEFORE)
                flooded = _measured(host, talk)
                counts = flooder.answer()
            row = {"flood": "on"} | _latencies(members, flooded)
            row |= {f"{name}_per_second": counts[name] / counts["seconds"] for name in _FLOOD_COUNTS}
            yield _with_shares(row, flooded)


def _latencies(members: int, result: Row) -> Row:
    return {
        "members": members,
        "rate": _RATE,
        "p50_ms": result["p50"],
        "p99_ms": result["p99"],
        "max_ms": result["max"],
        "deliveries": result["deliveries"],
    }


def files(options: Options) -> Iterator[Row]:
    """A file from member to host to member, beside scp, plain TCP and TLS; chat latency without and with it."""
    yield from transfers.rows(options.size, () if options.fast else FAST_LIBRARIES)


BENCHMARKS: dict[str, Callable[[Options], Iterator[Row]]] = {
    "handshake": handshake,
    "delivery": delivery,
    "latency": latency,
    "memory": memory,
    "flood": flood,
    "files": files,
}


def run(name: str, options: Options, repeat: int) -> list[Row]:
    """The rows of a benchmark, `repeat` times over."""
    return [
        {"fast": options.fast, "run": number, **row} for number in range(repeat) for row in BENCHMARKS[name](options)
    ]
