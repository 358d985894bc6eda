"""What the screen knows of files: events in, facts out. No widget, no peer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from rich.cells import cell_len, chop_cells

from usi.core import commands
from usi.core import events as ev
from usi.core.language import tr
from usi.ui import amounts
from usi.ui.tui.texts import inline

State = Literal["waiting", "running", "done", "failed"]
_ENDING = 12  # cells of a long name that stay at its end: the kind of file, and mostly a number before it
_KEPT = 500  # offers that nothing can be done about any more


@dataclass(eq=False)
class Fetch:
    """An offer on its way to or from one peer."""

    peer: str
    state: State = "waiting"
    done: int = 0
    size: int = 0
    rate: int = 0
    """Bytes a second, lately."""
    path: str = ""
    """Where it is, once it has arrived."""
    seconds: float = 0.0
    why: str = ""
    """The sentence that says why it failed."""
    shelved: bool = False
    """Nobody needs to see it among the transfers any more."""


@dataclass(eq=False)
class Deal:
    """An offer, and what becomes of it."""

    offer: ev.FileOffer
    fetches: dict[str, Fetch] = field(default_factory=dict)
    """By peer: the sender alone, or everybody who takes an own offer."""
    closed: str | None = None
    """Why nobody can accept it any more."""

    @property
    def number(self) -> int:
        return self.offer.transfer

    @property
    def incoming(self) -> Fetch | None:
        """Somebody else's offer on its way to us."""
        return None if self.offer.mine else next(iter(self.fetches.values()), None)

    @property
    def under_way(self) -> list[Fetch]:
        return [fetch for fetch in self.fetches.values() if fetch.state in ("waiting", "running")]

    @property
    def unanswered(self) -> bool:
        """Somebody else's offer that is neither taken nor refused, or that may go on."""
        return not self.offer.mine and bool(self.deeds) and not self.under_way

    @property
    def deeds(self) -> tuple[str, ...]:
        """What can be done about it now, most likely first, by the names that `intent_of` knows."""
        if self.closed is not None:
            return ()
        if self.offer.mine:
            return ("back",)
        match self.incoming:
            case None:
                return ("on", "no") if self.offer.kept else ("accept", "no")
            case Fetch(state="failed", done=done):
                return ("on", "away") if done else ("again", "no")
            case Fetch(state="done"):
                return ()
            case _:
                return ("stop",)


def intent_of(deed: str, number: int) -> commands.Intent:
    """What a deed asks the peer for."""
    match deed:
        case "accept" | "on" | "again":
            return commands.Accept(number)
        case "no" | "away":
            return commands.Decline(number)
        case _:
            return commands.Cancel(number)


class Deals:
    """All offers of this connection, kept up to date by `apply`."""

    def __init__(self) -> None:
        self._by_number: dict[int, Deal] = {}
        self._by_post: dict[str, Deal] = {}

    def __iter__(self) -> Iterator[Deal]:
        return iter(self._by_number.values())

    def apply(self, event: ev.Event) -> list[Deal]:
        """Take note of what happened; returns what it changed."""
        match event:
            case ev.FileOffer():
                deal = self._by_number[event.transfer] = Deal(event)
                if event.id:
                    self._by_post[event.id] = deal
                self._forget_old()
                return [deal]
            case ev.Failed() if (unsent := self._by_post.get(event.id)) is not None:
                unsent.closed = event.text
                return [unsent]
            case ev.Disconnected():
                left = [deal for deal in self._by_number.values() if deal.closed is None and deal.deeds]
                for deal in left:
                    deal.closed = tr("The connection has ended.")
                return left
            case ev.FileProgress() | ev.FileDone() | ev.FileFailed() | ev.FileClosed():
                known = self._by_number.get(event.transfer)
                if known is not None:
                    _follow(known, event)
                return [known] if known is not None else []
            case _:
                return []

    def wanted(self, intent: commands.Intent) -> list[Deal]:
        """The peer has been asked for this: what is accepted waits until something arrives."""
        if not isinstance(intent, commands.Accept):
            return []
        able = [deal for deal in self.open if {"accept", "on", "again"} & {*deal.deeds}]
        meant = [deal for deal in able if intent.number in (None, deal.number)]
        if len(meant) != 1:
            return []
        offer, before = meant[0].offer, meant[0].incoming
        done = before.done if before is not None else offer.kept
        meant[0].fetches[offer.from_] = Fetch(offer.from_, done=done, size=offer.size)
        return meant

    @property
    def open(self) -> list[Deal]:
        """What something can be done about."""
        return [deal for deal in self._by_number.values() if deal.deeds]

    @property
    def unanswered(self) -> list[Deal]:
        """Those that wait for an answer."""
        return [deal for deal in self._by_number.values() if deal.unanswered]

    def find(self, number: int) -> Deal | None:
        return self._by_number.get(number)

    @property
    def summary(self) -> str:
        """How far everything under way is, in a few cells: `↓ 43 %`."""
        parts = []
        for arrow, mine in (("↓", False), ("↑", True)):
            fetches = [fetch for deal in self for fetch in deal.under_way if deal.offer.mine is mine]
            if fetches:
                done, size = sum(fetch.done for fetch in fetches), sum(fetch.size for fetch in fetches)
                parts.append(f"{arrow} {percent(done, size)}")
        return "  ".join(parts)

    def _forget_old(self) -> None:
        over = [number for number, deal in self._by_number.items() if not deal.deeds]
        for number in over[: max(0, len(over) - _KEPT)]:
            self._by_post.pop(self._by_number.pop(number).offer.id, None)


def _follow(deal: Deal, event: ev.FileProgress | ev.FileDone | ev.FileFailed | ev.FileClosed) -> None:
    if isinstance(event, ev.FileClosed):
        deal.closed = event.text
        return
    fetch = deal.fetches.setdefault(event.peer, Fetch(event.peer, size=deal.offer.size))
    match event:
        case ev.FileProgress():
            fetch.state, fetch.done, fetch.size, fetch.rate = "running", event.done, event.size, event.rate
        case ev.FileDone():
            fetch.state, fetch.done, fetch.size = "done", event.size, event.size
            fetch.path, fetch.seconds = event.path, event.seconds
        case ev.FileFailed():
            fetch.state, fetch.why, fetch.rate = "failed", event.text, 0
            if event.direction == "in":
                fetch.done = min(event.kept, fetch.size)


# --- how it is said -------------------------------------------------------------------------------------------------


def percent(done: int, whole: int) -> str:
    return tr("{percent} %", percent=amounts.percent(done, whole))


def pace(fetch: Fetch) -> list[str]:
    """Speed and time left, as far as they are known."""
    if fetch.state != "running":
        return []
    parts = [amounts.speed(fetch.rate)]
    if (left := amounts.left(fetch.done, fetch.size, fetch.rate)) is not None:
        parts.append(tr("{time} left", time=left))
    return parts


def bar(done: int, whole: int, cells: int) -> str:
    """A bar of so many cells; full only when all is done, empty only when nothing is."""
    full = cells if done >= whole else min(cells - 1, max(bool(done), round(done * cells / whole)))
    return "▓" * full + "░" * (cells - full)


def short(name: str, cells: int) -> str:
    """A name on one line, in so many cells; a long one loses its middle and keeps its ending."""
    name = inline(name)
    if cell_len(name) <= cells:
        return name
    ending = min(_ENDING, (cells - 1) // 2)
    tail = ""
    for char in reversed(name):
        if cell_len(char + tail) > ending:
            break
        tail = char + tail
    front = max(1, cells - 1 - cell_len(tail))
    return f"{chop_cells(name, front)[0] if front > 1 else name[0]}…{tail}"
