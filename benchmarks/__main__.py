"""`python -m benchmarks`: run benchmarks, print their tables, write all figures as JSON."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

from benchmarks import soak
from benchmarks.cases import BENCHMARKS, FAST_LIBRARIES, Options, Row, run
from benchmarks.child import BenchmarkError, raise_file_limit
from benchmarks.report import heading, machine, table

_SECONDS = {"memory": 25.0, "flood": 20.0}
"""Of each measurement, where it is not five."""


def _arguments() -> argparse.Namespace:
    listed = "\n".join(f"  {name:<10} {case.__doc__}" for name, case in BENCHMARKS.items())
    listed += "\n  soak       Bots in rooms that talk, send files, leave and come: whether memory and files stay flat."
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=f"Measure a host of USI, by clients in processes of their own.\n\n{listed}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("names", nargs="*", metavar="NAME", help="which (default: all but soak)")
    add("--minutes", type=float, default=20.0, metavar="N", help="of a soak (default: 20)")
    add("--bots", type=int, default=50, metavar="N", help="of a soak (default: 50)")
    add("--members", nargs="+", type=int, metavar="N", help="members in the room (default: each benchmark's own)")
    add("--seconds", type=float, metavar="S", help="of each measurement, at most (default: 5; memory: 25, flood: 20)")
    add("--in-flight", nargs="+", type=int, default=[64, 1], metavar="N", help="posts under way (default: 64 and 1)")
    add("--size", type=int, metavar="MB", help="of the file that is sent (default: 1000)")
    add("--authors", type=int, default=64, metavar="N", help="who post in turn (default: 64)")
    add("--repeat", type=int, default=1, metavar="N", help="measure so many times and show the spread")
    add("--fast", action="store_true", help="only with the libraries of the `fast` extra")
    add("--without-fast", action="store_true", help="only without them, as if not installed (default: both)")
    add("--quick", action="store_true", help="a few members and half a second: whether it works, not how well")
    add("--json", type=Path, metavar="FILE", help="write all figures there")
    return parser.parse_args()


def _options(arguments: argparse.Namespace, name: str) -> Options:
    seconds = arguments.seconds or (0.5 if arguments.quick else _SECONDS.get(name, 5.0))
    members = arguments.members or ((5,) if arguments.quick else None)
    return Options(
        members=members,
        seconds=seconds,
        authors=max(1, arguments.authors),
        in_flight=tuple(arguments.in_flight),
        size=(arguments.size or (5 if arguments.quick else 1000)) * 1_000_000,
        most_posts=300 if arguments.quick else Options.most_posts,
    )


def _modes(arguments: argparse.Namespace) -> list[bool]:
    installed = all(find_spec(name) for name in FAST_LIBRARIES)
    if arguments.fast and not installed:
        raise BenchmarkError("the `fast` extra is not installed")
    wanted = {True, False} if arguments.fast == arguments.without_fast else {arguments.fast}
    return [fast for fast in (True, False) if fast in wanted and (installed or not fast)]


def _soak(arguments: argparse.Namespace) -> int:
    """Returns 1 where a figure is not flat, or what was heard was not right."""
    fast = _modes(arguments)[0]
    facts = machine()
    print(f"{heading(facts)}\n", flush=True)
    try:
        lines, counts = soak.run(arguments.minutes, arguments.bots, fast=fast)
    except BenchmarkError as error:
        print(f"The soak failed: {error}", file=sys.stderr)
        return 1
    print(soak.report(lines, counts, arguments.minutes, arguments.bots))
    if arguments.json is not None:
        points = {f"{line.who} {line.what}": line.points for line in lines}
        figures = {"machine": facts, "counts": counts, "lines": points}
        arguments.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    return int(not all(line.is_flat for line in lines))


def main() -> int:
    arguments = _arguments()
    raise_file_limit()
    if arguments.names == ["soak"]:
        return _soak(arguments)
    names = arguments.names or list(BENCHMARKS)
    if unknown := [name for name in names if name not in BENCHMARKS]:
        print(f"There is no benchmark {unknown[0]}: {', '.join(BENCHMARKS)}.", file=sys.stderr)
        return 2
    facts = machine()
    print(heading(facts))
    results: dict[str, list[Row]] = {}
    try:
        for name in names:
            rows: list[Row] = []
            for fast in _modes(arguments):
                rows += run(name, replace(_options(arguments, name), fast=fast), arguments.repeat)
            results[name] = rows
            print(f"\n{name}: {BENCHMARKS[name].__doc__}\n\n{table(rows)}", flush=True)
    except BenchmarkError as error:
        print(f"A benchmark failed: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 1
    finally:
        if arguments.json is not None:
            text = json.dumps({"machine": facts, "results": results}, indent=1)
            arguments.json.write_text(text + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
