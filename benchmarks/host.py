"""A host process to be measured: exactly `python usi.py -s --json`, with a thread beside it that reports what it used.

Its events go to the file that is the first argument; commands and answers are lines of JSON on standard input and
output, which USI itself does not get to see. Each further argument is a library to be hidden, as if not installed.
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


def _answer(command: str, events: Path) -> dict[str, Any]:
    if command == "about":
        return _about(events)
    if command == "collect":
        gc.collect()
    return _report()


def _control(commands: int, answers: int, events: Path) -> None:
    status = 1
    try:
        with os.fdopen(commands, "rb") as lines, os.fdopen(answers, "wb", buffering=0) as out:
            for line in lines:
                out.write(json.dumps(_answer(json.loads(line)["command"], events)).encode() + b"\n")
        status = 0  # who measures has what it needs
    except Exception:  # noqa: BLE001 (a host that nobody can ask must not stay)
        traceback.print_exc()
    finally:
        os._exit(status)


def main(events: str, *hidden: str) -> int:
    raise_file_limit()
    commands, answers = os.dup(0), os.dup(1)
    for number, flags, path in ((0, os.O_RDONLY, os.devnull), (1, os.O_WRONLY | os.O_CREAT, events)):
        file = os.open(path, flags, 0o600)
        os.dup2(file, number)
        os.close(file)
    for name in hidden:
        sys.modules[name] = None  # type: ignore[assignment]
    threading.Thread(target=_control, args=(commands, answers, Path(events)), daemon=True).start()

    from usi import cli

    return cli.main(["-s", "--json", "--stay", "-b", "127.0.0.1", "-p", "0"])


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
