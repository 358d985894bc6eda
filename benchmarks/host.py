"""A host process to be measured: exactly `python usi.py -s --json`, with a thread beside it that reports what it used.

`python -m benchmarks.host EVENTS [HIDDEN…] [-- OPTIONS…]`: its events go to that file, each of the hidden is a library
that is not to be found, as if not installed, and the options are given to USI. Commands and answers are lines of JSON
on standard input and output, which USI itself does not get to see; the command `type` types a line for its person.
"""

from __future__ import annotations

import gc
import json
import os
import resource
import sys
import threading
import time
import traceback
from pathlib import Path
from typing import Any

from benchmarks.child import open_files, raise_file_limit, resident


def _report() -> dict[str, Any]:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return {
        "cpu": usage.ru_utime + usage.ru_stime,
        "system": usage.ru_stime,
        "rss": resident(),
        "open": open_files(),
    }


def _about(events: Path) -> dict[str, Any]:
    """Where it listens, which one of its first events tells, and with which libraries it runs."""
    from usi.core.crypto import OCB_LIBRARY

    while True:
        said = [json.loads(line) for line in events.read_bytes().split(b"\n")[:-1]]
        if any(event["event"] == "error" for event in said):
            raise RuntimeError(f"the host said {said}")
        for event in said:
            if event["event"] == "listening":
                fast = [name for name in ("cryptography", "uvloop") if sys.modules.get(name) is not None]
                return {"port": event["port"], "library": OCB_LIBRARY, "fast": fast}
        time.sleep(0.02)


def _answer(command: str, events: Path, typed: int, line: str = "") -> dict[str, Any]:
    if command == "about":
        return _about(events)
    if command == "collect":
        gc.collect()
    if command == "type":
        os.write(typed, f"{line}\n".encode())
    return _report()


def _control(commands: int, answers: int, events: Path, typed: int) -> None:
    status = 1
    try:
        with os.fdopen(commands, "rb") as lines, os.fdopen(answers, "wb", buffering=0) as out:
            for line in lines:
                out.write(json.dumps(_answer(events=events, typed=typed, **json.loads(line))).encode() + b"\n")
        status = 0  # who measures has what it needs
    except Exception:  # noqa: BLE001 (a host that nobody can ask must not stay)
        traceback.print_exc()
    finally:
        os._exit(status)


def main(events: str, *arguments: str) -> int:
    raise_file_limit()
    end = arguments.index("--") if "--" in arguments else len(arguments)
    commands, answers = os.dup(0), os.dup(1)
    keyboard, typed = os.pipe()
    for number, file in ((0, keyboard), (1, os.open(events, os.O_WRONLY | os.O_CREAT, 0o600))):
        os.dup2(file, number)
        os.close(file)
    for name in arguments[:end]:
        sys.modules[name] = None  # type: ignore[assignment]
    threading.Thread(target=_control, args=(commands, answers, Path(events), typed), daemon=True).start()

    from usi import cli

    return cli.main(["-s", "--json", "--stay", "-b", "127.0.0.1", "-p", "0", *arguments[end + 1 :]])


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
