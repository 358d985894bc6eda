"""What is on the way to or from a person: a list of transfers, the task and the thread of each, and what is told of it.

Every transfer is a task; ending one means cancelling its task, which wakes its thread by shutting its socket. What is
sent and received over it, `net.sending` and `net.receiving` know.
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable, Coroutine, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any, Literal, ParamSpec, TypeVar

from usi.config import Limits
from usi.core import events, wire
from usi.core.errors import (
    CancelledThere,
    Declined,
    LocalError,
    PeerError,
    ReceiverLost,
    TakenBack,
    TransferCancelled,
    UsiError,
    Withdrawn,
)
from usi.core.offers import Offer
from usi.net.side import Side
from usi.net.streams import Progress, Speed
from usi.store.landing import Landing

_WISHED = TransferCancelled | TakenBack | CancelledThere | Declined | Withdrawn
"""Ends of a transfer that somebody wanted."""
_ENDED_KEPT = 100  # transfers that /files still lists
_PATIENCE = 60.0  # seconds that a receiver whose connection broke has to fetch the rest

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(eq=False)
class Transfer:
    """One offer under way to or from one peer; it outlives its data connections."""

    offer: Offer
    direction: Literal["in", "out"]
    member: bytes
    peer: str
    progress: Progress = field(default_factory=Progress)
    speed: Speed | None = None
    """Of what is being sent."""
    state: Literal["waiting", "running", "done", "failed"] = "waiting"
    started: float = field(default_factory=time.monotonic)
    task: asyncio.Task[None] | None = None
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    """One thread at a time, also when the next attempt begins before the last one has ended."""
    all_here: bool = False
    """It was found right and is given its name: too late to be stopped."""
    sock: socket.socket | None = None
    word: PeerError | None = None
    """What the sender has just said instead of sending."""
    told: int = -1
    """`done` when progress was told last."""
    since: float = 0.0
    """When an own thread ended, or the receiver asked last: from then on it is the receiver's turn."""
    told_busy: bool = False
    broken: bool = False
    """It failed, and nobody wanted that."""

    @property
    def id(self) -> bytes:
        """The offer's, which is the same for all who fetch it."""
        return self.offer.offered.transfer

    @property
    def at_work(self) -> bool:
        """Whether a task is at it now."""
        return self.task is not None and not self.task.done()

    @property
    def is_kept(self) -> bool:
        """Whether something has come of it that nobody offers any more."""
        return self.direction == "in" and self.state == "failed" and self.offer.closed and self.progress.done > 0

    @property
    def ended(self) -> bool:
        return self.state in ("done", "failed")


class Transfers:
    """The transfers of one person. `tell` shows an event."""

    def __init__(self, limits: Limits, side: Side, tell: Callable[[events.Event], None]) -> None:
        self._limits = limits
        self._side = side
        self._tell = tell
        self._loop = asyncio.get_running_loop()
        self._threads = ThreadPoolExecutor(
            limits.transfers_in + limits.transfers_out + 2, thread_name_prefix="usi-files"
        )
        self._all: dict[tuple[bytes, bytes], Transfer] = {}
        """(transfer, peer's id) → what is under way, or how it ended."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._ticker: asyncio.TimerHandle | None = None
        self._closed = False

    @property
    def under_way(self) -> list[Transfer]:
        return [transfer for transfer in self._all.values() if not transfer.ended]

    @property
    def failed(self) -> bool:
        """Whether one has ended badly, by nobody's wish, and was not mended by another attempt."""
        return any(transfer.broken for transfer in self._all.values())

    def get(self, transfer: bytes, member: bytes) -> Transfer | None:
        """That of an offer, by its id, to or from this member."""
        return self._all.get((transfer, member))

    def of(self, offer: Offer) -> Transfer | None:
        """That from the sender of an offer."""
        return self.get(offer.offered.transfer, offer.sender)

    def kept(self, number: int) -> Transfer | None:
        """What has come under this number, where nobody offers it any more."""
        return next((each for each in self._all.values() if each.offer.number == number and each.is_kept), None)

    def rows(self, offers: Iterable[Offer]) -> list[events.TransferRow]:
        """All of them, and these offers where nothing of them is listed yet."""
        busy = {transfer.offer.number for transfer in self._all.values()}
        rows = [_row(transfer.offer, transfer) for transfer in self._all.values()]
        return rows + [_row(offer, None) for offer in offers if offer.number not in busy]

    # --- beginning and end ---

    def note(self, transfer: Transfer) -> Transfer:
        """List a new transfer; of those that have ended only the newest stay."""
        ended = [place for place, other in self._all.items() if other.ended]
        for place in ended[: max(0, len(ended) - _ENDED_KEPT)]:
            del self._all[place]
        self._all[transfer.id, transfer.member] = transfer
        return transfer

    def start(self, transfer: Transfer | None, work: Coroutine[Any, Any, None]) -> None:
        """Begin the work of a transfer, or other work that ends with the transfers."""
        if self._closed:
            work.close()
            return
        task = self._loop.create_task(work, name="usi transfer")
        self._tasks.add(task)
        task.add_done_callback(partial(self._over, transfer))
        if transfer is not None:
            transfer.task = task
            self._tick_soon()

    def _over(self, transfer: Transfer | None, task: asyncio.Task[None]) -> None:
        """A transfer's work has ended: tell how it failed."""
        self._tasks.discard(task)
        if task.cancelled() or (error := task.exception()) is None:
            return
        if transfer is None or not isinstance(error, UsiError):
            raise error
        if transfer.direction == "in" and not transfer.ended:
            self.say(transfer.member, transfer.id, error.code)
        self._fail(transfer, error)

    def stop(self, transfer: Transfer, error: UsiError) -> bool:
        """End a transfer that is under way, for this reason; False where it is too late for that."""
        if not transfer.all_here:
            self._fail(transfer, error)
            if transfer.task is not None:
                transfer.task.cancel()
        return not transfer.all_here

    def interrupt(self, transfer: Transfer) -> None:
        """End its data connection; the transfer goes on when its receiver asks again."""
        transfer.state = "waiting"
        if transfer.task is not None:
            transfer.task.cancel()

    def _fail(self, transfer: Transfer, error: UsiError) -> None:
        if transfer.ended:
            return
        transfer.state = "failed"
        transfer.broken = not isinstance(error, _WISHED)
        kept = transfer.progress.done if transfer.direction == "in" else 0
        self._tell(
            events.FileFailed(
                time=_now(),
                transfer=transfer.offer.number,
                direction=transfer.direction,
                peer=transfer.peer,
                name=transfer.offer.name,
                code=error.code,
                text=str(error),
                kept=kept,
            )
        )

    def done(self, transfer: Transfer, path: str, whole: bytes | None) -> None:
        """All is there: at this path, and with this SHA-256 where it was received."""
        transfer.state = "done"
        offered = transfer.offer.offered
        transfer.progress.done = offered.size
        self._tell(
            events.FileDone(
                time=_now(),
                transfer=transfer.offer.number,
                direction=transfer.direction,
                peer=transfer.peer,
                name=transfer.offer.name,
                path=path,
                size=offered.content,
                seconds=round(time.monotonic() - transfer.started, 3),
                sha256=whole.hex() if whole is not None and offered.files is None else None,
            )
        )

    async def close(self) -> None:
        """End everything; what has arrived is kept."""
        self._closed = True
        if self._ticker is not None:
            self._ticker.cancel()
        for task in list(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.wait(set(self._tasks))
        self._threads.shutdown(wait=False)

    # --- what is said ---

    def say(self, member: bytes, transfer: bytes, code: str) -> None:
        """A word to the other end."""
        self._side.send([wire.FileWord(member, transfer, code)])

    def notice(self, code: str, said: str) -> None:
        """A sentence to the person."""
        self._tell(events.Notice(time=_now(), code=code, text=said))

    def refuse(self, error: LocalError, line: str) -> None:
        """What was wanted by that line cannot be done, as it turns out later."""
        self._tell(events.Error(time=_now(), code=error.code, text=str(error), message=line))

    def _tick_soon(self) -> None:
        if self._ticker is None and not self._closed:
            self._ticker = self._loop.call_later(self._limits.progress_seconds, self._tick)

    def _tick(self) -> None:
        """Tell how far transfers are, and give up receivers that do not come back."""
        self._ticker = None
        now = time.monotonic()
        under_way = self.under_way
        for transfer in under_way:
            if transfer.speed is not None:
                transfer.speed.measure(now, transfer.progress.done)
            idle = transfer.direction == "out" and not transfer.at_work
            if idle and now - transfer.since > _PATIENCE:
                self._fail(transfer, ReceiverLost())
            elif transfer.state == "running" and transfer.progress.done != transfer.told:
                transfer.told = transfer.progress.done
                self._tell(_progress(transfer))
        if under_way:
            self._tick_soon()

    # --- threads ---

    async def on_thread(
        self, stop: Callable[[], None] | None, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run on a thread. When cancelled, `stop` is called, and the thread's end is waited for all the same."""
        future = self._loop.run_in_executor(self._threads, lambda: function(*args, **kwargs))
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            if stop is not None:
                stop()
            while not future.done():
                with suppress(asyncio.CancelledError):  # cancelled once more: it waits all the same
                    await asyncio.wait({future})
            # The exception is looked at, and passed over: the cancelling says why.
            if not future.cancelled() and future.exception() is None and isinstance(left := future.result(), Landing):
                left.close()
            raise


def _shown(transfer: Transfer) -> tuple[int, int]:
    """Bytes of content that are done, and in all: a folder's manifest is no business of a person."""
    offered = transfer.offer.offered
    return max(0, transfer.progress.done - offered.manifest), offered.content


def _progress(transfer: Transfer) -> events.FileProgress:
    done, size = _shown(transfer)
    return events.FileProgress(
        time=_now(),
        transfer=transfer.offer.number,
        direction=transfer.direction,
        peer=transfer.peer,
        name=transfer.offer.name,
        done=done,
        size=size,
        rate=transfer.progress.rate(),
    )


def _row(offer: Offer, transfer: Transfer | None) -> events.TransferRow:
    running = transfer is not None and transfer.state == "running"
    return events.TransferRow(
        transfer=offer.number,
        direction="out" if offer.mine else "in",
        peer=transfer.peer if transfer is not None else None if offer.mine else offer.sender_name,
        name=offer.name,
        state="offered" if transfer is None else "kept" if transfer.is_kept else transfer.state,
        done=_shown(transfer)[0] if transfer is not None else 0,
        size=offer.offered.content,
        rate=transfer.progress.rate() if transfer is not None and running else 0,
    )


def _now() -> datetime:
    return datetime.now(UTC)
