"""What the host notes of who came, went and was removed: shown live, kept in the secure log where there is one."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

from usi.core import events, wire
from usi.core.errors import LocalError
from usi.store.audit import AuditLog, Entry

RECENT = 50  # entries that /log shows
_UNTOLD = frozenset({"started", "stopped", "joined", "left", "refused"})  # events of their own say these
_WAITING = 10_000  # entries that wait for the disk; more are counted and told, not kept in memory


class Chronicle:
    """`tell` shows an event to the host's person, `trouble` is told why the log could not be written."""

    def __init__(
        self, log: AuditLog | None, tell: Callable[[events.Event], None], trouble: Callable[[LocalError], None]
    ) -> None:
        self._log = log
        self._tell = tell
        self._trouble = trouble
        self._loop = asyncio.get_running_loop()
        self._disk = ThreadPoolExecutor(1, thread_name_prefix="usi-log")
        self._waiting: deque[Entry] = deque(maxlen=_WAITING)
        self._writing = False
        self._idle = asyncio.Event()
        self._idle.set()
        self._recent: deque[wire.LogEntry] = deque(maxlen=RECENT)

    def note(self, event: str, facts: Mapping[str, str]) -> None:
        now = time.time()
        facts = {name: value[:500] for name, value in facts.items() if value}
        self._recent.append(wire.LogEntry(int(now * 1000), event, list(facts.items())))
        if event not in _UNTOLD:
            self._tell(events.LogLine(time=_at(now), what=event, at=_at(now), facts=facts))
        if self._log is not None:
            self._waiting.append(Entry(event, facts))
            if not self._writing:
                self._write()

    def recent(self) -> list[wire.LogEntry]:
        """The newest entries, the oldest first."""
        return list(self._recent)

    def _write(self) -> None:
        """All that waits goes to the disk at once, so that a flood of entries costs few writes."""
        entries = list(self._waiting)
        self._waiting.clear()
        if self._log is None or not entries:
            self._idle.set()
        else:
            self._writing = True
            self._idle.clear()
            self._loop.run_in_executor(self._disk, self._log.write, entries).add_done_callback(self._written)

    def _written(self, writing: asyncio.Future[None]) -> None:
        self._writing = False
        if writing.cancelled():
            return
        error = writing.exception()
        if isinstance(error, LocalError):
            self._trouble(error)
        elif error is not None:
            raise error
        self._write()

    async def close(self) -> None:
        """Wait until everything is on the disk."""
        await self._idle.wait()
        self._disk.shutdown(wait=True)


def _at(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
