"""Child processes that are told what to do, one JSON object a line each way."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

ROOT = Path(__file__).resolve().parents[1]


class BenchmarkError(Exception):
    """A benchmark could not be run, or what it counted does not add up."""


class Child:
    """`python -m MODULE ARGUMENTS` from the root of the repository, on these cores only (None: on any)."""

    def __init__(
        self, module: str, arguments: Sequence[str] = (), cores: Sequence[int] | None = None, **variables: str
    ) -> None:
        """`variables` are added to its environment."""
        self.name = module
        environment = {name: value for name, value in os.environ.items() if not name.startswith("USI_")} | variables
        self._process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        if cores is not None and hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(self._process.pid, cores)

    @property
    def pid(self) -> int:
        return self._process.pid

    def tell(self, command: str, **arguments: Any) -> None:
        """Give a command without waiting for its answer."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"command": command, **arguments}).encode() + b"\n")
        self._process.stdin.flush()

    def answer(self) -> dict[str, Any]:
        """The answer to the oldest command that has none yet."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise BenchmarkError(f"{self.name} gives no answer; {self._end()}")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise BenchmarkError(f"{self.name}: {answer['error']}")
        return answer

    def ask(self, command: str, **arguments: Any) -> dict[str, Any]:
        self.tell(command, **arguments)
        return self.answer()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        assert self._process.stdout is not None
        self._end()
        self._process.stdout.close()

    def _end(self) -> str:
        """The child ends when its commands do, and is killed otherwise; how it ended, in words."""
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):
            self._process.stdin.close()
        try:
            return f"it ended with status {self._process.wait(20)}"
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            return "it was killed"


def raise_file_limit() -> None:
    """As many open connections as this process may have."""
    import resource

    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def resident() -> int:
    """Bytes of memory that this process has in use."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except OSError:
        import resource

        # Where there is no /proc only the peak is known, in bytes on macOS and in kilobytes elsewhere.
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return pages * os.sysconf("SC_PAGE_SIZE")


def open_files() -> int:
    """Files and sockets that this process has open; 0 where the system does not tell."""
    for folder in ("/proc/self/fd", "/dev/fd"):
        with suppress(OSError):
            return len(os.listdir(folder))
    return 0
