"""Files under way: one line each with a bar, and what is known of the one under the cursor."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial

from rich.cells import cell_len
from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.style import Style
from textual.widgets import Static

from usi.core import events as ev
from usi.core.language import tr
from usi.ui import amounts
from usi.ui.i18n import mark
from usi.ui.tui.offers import passing_lines
from usi.ui.tui.texts import inline
from usi.ui.tui.transfers import Deal, Fetch, bar, pace, percent, short
from usi.ui.tui.widgets.lines import Choices, Line

_ROWS = 6  # lines at most; the rest scrolls
_DONE_SECONDS = 20.0  # what has arrived stays so long; the transcript keeps it
_WIDE = 22  # cells from which on there is room for the percent beside the bar
_PASSING = 4  # lines about what passes through a host
_SIGNS = {"waiting": "…", "done": "✓", "failed": "✗"}


@dataclass(frozen=True)
class Way:
    """A row of the list: an offer on its way to or from one peer, as it is now."""

    deal: Deal
    fetch: Fetch

    @property
    def size(self) -> int:
        return len(self.deal.offer.name)

    def height(self, width: int) -> int:
        return 1


class Ways(Choices[Way]):
    """Choose one by the arrows; Enter or a click shows its offer, Delete or a click on × stops it."""

    COMPONENT_CLASSES = {"ways--bar", "ways--quiet", "ways--good", "ways--alarm"}
    BINDINGS = [
        Binding("delete,backspace", "drop", mark("Stop"), key_display="Del", show=False, id="drop",
                tooltip=mark("Stop this transfer, or take it off the list when it has ended")),
    ]  # fmt: skip
    HELP = mark("""\
## Transfers

↓ is received, ↑ is sent to somebody. Up and Down choose one, and below stand its speed and the time that is left. Enter
or a click goes to the offer in the conversation. Delete, or a click on ×, stops it; what has arrived is kept, and it
can go on later. What has arrived whole leaves the list by itself; what failed stays until it goes on or you delete it.
""")

    @dataclass
    class Chosen(Message):
        """Somebody wants to see an offer."""

        number: int

    @dataclass
    class Dropped(Message):
        """Somebody wants a transfer to stop, or an ended one to leave the list."""

        way: Way

    def lay_out(self, block: Way, width: int) -> list[Line]:
        fetch, state = block.fetch, block.fetch.state
        way = "↑" if block.deal.offer.mine else "↓"
        role = {"done": "good", "failed": "alarm", "waiting": "quiet"}.get(state)
        look = self.get_visual_style(f"ways--{role}", partial=True) if role else Style.null()
        behind = Content(_SIGNS.get(state, ""))
        if state == "running":
            drawn = bar(fetch.done, fetch.size, max(4, width // 4))
            behind = Content.styled(drawn, self.get_visual_style("ways--bar", partial=True))
            if width >= _WIDE:
                behind += Content(f" {percent(fetch.done, fetch.size):>5}")
        room = max(1, width - 2 - 1 - behind.cell_length - 2)
        name = short(block.deal.offer.name, room)
        gap = " " * max(1, room - cell_len(name) + 1)
        drop = Content.styled("×", self.get_visual_style("ways--quiet", partial=True) + Style.from_meta({"drop": True}))
        return [Line(Content.assemble(Content(f"{way} {name}{gap}") + behind + " ", drop).stylize_before(look))]

    def key(self, block: Way) -> object:
        return id(block.fetch)

    def chosen(self, block: Way) -> None:
        self.post_message(self.Chosen(block.deal.number))

    def action_drop(self) -> None:
        if self.current is not None:
            self.post_message(self.Dropped(self.current))

    def on_click(self, event: events.Click) -> None:
        if "drop" not in event.style.meta:
            return  # Textual hands it on to the class above
        event.stop()
        event.prevent_default()
        place = self._at(self._first_line + self.scroll_offset.y + event.y)
        if place is not None:
            self._go(place[0])
            self.action_drop()

    def point_at(self, index: int) -> None:
        """Let the cursor be there, unless it is at one that moves."""
        if self.current is None or self.current.fetch.state != "running":
            self._go(index)

    def _go(self, cursor: int) -> None:
        super()._go(cursor)
        self.post_message(self.Moved())

    class Moved(Message):
        """Another one is under the cursor, or the same with other facts."""


class Transfers(Vertical):
    """The list with its heading and the facts of the one under the cursor; not there while nothing is under way."""

    DEFAULT_CSS = """
    Transfers { height: auto; display: none; }
    Transfers Ways { height: 1; }
    Transfers #facts { height: auto; }
    """

    @dataclass
    class StopWanted(Message):
        """Somebody wants a transfer to stop."""

        number: int

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._deals: list[Deal] = []
        self._fading: set[Fetch] = set()
        """What has arrived and will leave the list."""

    def compose(self) -> ComposeResult:
        yield Static(tr("Transfers"), classes="heading", markup=False)
        yield Ways()
        yield Static(id="facts", markup=False)

    def show(self, deals: Iterable[Deal]) -> None:
        """Bring the list up to date. What has arrived leaves it after a while."""
        self._deals = [*deals]
        ways = [*self._ways()]
        for fetch in {way.fetch for way in ways if way.fetch.state == "done"} - self._fading:
            self._fading.add(fetch)
            self.set_timer(_DONE_SECONDS, partial(self._shelve, fetch))
        self.display = bool(ways)
        if ways or self.query_one(Ways).blocks:
            listed = self.query_one(Ways)
            listed.styles.height = max(1, min(len(ways), _ROWS))
            listed.show_only(ways)
            if not listed.has_focus:
                listed.point_at(next((at for at, way in enumerate(ways) if way.fetch.state == "running"), 0))

    def _ways(self) -> Iterator[Way]:
        return (Way(deal, fetch) for deal in self._deals for fetch in deal.fetches.values() if not fetch.shelved)

    def _shelve(self, fetch: Fetch) -> None:
        fetch.shelved = True
        self._fading.discard(fetch)
        self.show(self._deals)

    @on(Ways.Moved)
    def _moved(self) -> None:
        current = self.query_one(Ways).current
        self.query_one("#facts", Static).update("\n".join(facts(current)) if current is not None else "")

    @on(Ways.Dropped)
    def _dropped(self, message: Ways.Dropped) -> None:
        message.stop()
        if message.way.fetch in message.way.deal.under_way:
            self.post_message(self.StopWanted(message.way.deal.number))
        else:
            self._shelve(message.way.fetch)


def facts(way: Way) -> list[str]:
    """What is known of a transfer, in short lines."""
    fetch, peer = way.fetch, inline(way.fetch.peer)
    lines = [tr("to {name}", name=peer) if way.deal.offer.mine else tr("from {name}", name=peer)]
    match fetch.state:
        case "running":
            speed, *left = pace(fetch)
            lines += [f"{percent(fetch.done, fetch.size)}, {speed}", *left]
        case "waiting":
            lines.append(tr("waiting …"))
        case "done":
            lines.append(f"{amounts.size(fetch.size)}, {amounts.duration(fetch.seconds)}")
        case "failed":
            lines.append(f"{tr('stopped')}, {percent(fetch.done, fetch.size)}")
    return lines


class Passing(Static):
    """What passes through this host now, sealed: from whom to whom, and how much so far. Nobody here can read it."""

    DEFAULT_CSS = "Passing { height: auto; display: none; }"

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id, markup=False)
        self.shown: list[ev.PassingRow] = []

    def show(self, passing: list[ev.PassingRow]) -> None:
        """Show these, or fold away."""
        if passing == self.shown:
            return
        self.shown = passing
        lines = passing_lines(passing)
        more = [tr("and {count} more", count=len(lines) - _PASSING)] if len(lines) > _PASSING else []
        title = tr("Passing through this host, sealed:")
        self.update(Content("\n".join((title, *(f"  ⇄ {line}" for line in (*lines[:_PASSING], *more))))))
        self.display = bool(passing)
