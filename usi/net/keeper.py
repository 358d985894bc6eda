"""Puts what moderators have decided into its file: always the newest state, one write at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from usi.core.errors import LocalError
from usi.core.moderation import Decided
from usi.store.moderation import ModerationFile


class Keeper:
    """`decided` says what there is to keep; `trouble` is told why it could not be written. Without a file it does
    nothing."""

    def __init__(
        self, file: ModerationFile | None, decided: Callable[[], Decided], trouble: Callable[[LocalError], None]
    ) -> None:
        self._file = file
        self._decided = decided
        self._trouble = trouble
        self._loop = asyncio.get_running_loop()
        self._due = False
        self._writing: asyncio.Future[None] | None = None

    async def start(self) -> None:
        """See at once that it can be written. Raises `CannotKeep`."""
        if self._file is not None:
            await self._loop.run_in_executor(None, self._file.write, self._decided())

    def note(self) -> None:
        """Something was decided."""
        self._due = True
        if self._writing is None:
            self._write()

    def _write(self) -> None:
        if self._file is not None:
            self._due = False
            self._writing = self._loop.run_in_executor(None, self._file.write, self._decided())
            self._writing.add_done_callback(self._written)

    def _written(self, writing: asyncio.Future[None]) -> None:
        self._writing = None
        error = None if writing.cancelled() else writing.exception()
        if error is None and self._due:
            self._write()
        elif isinstance(error, LocalError):
            self._due = True  # with the next decision, or at the end
            self._trouble(error)
        elif error is not None:
            raise error

    async def close(self) -> None:
        """Wait until everything is on the disk; what it refused is tried once more."""
        await self._settle()
        if self._due:
            self._write()
            await self._settle()

    async def _settle(self) -> None:
        while self._writing is not None:
            await asyncio.wait({self._writing})
            await asyncio.sleep(0)
