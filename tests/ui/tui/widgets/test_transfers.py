"""The list of files under way."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from types import SimpleNamespace

from rich.cells import cell_len
from textual.pilot import Pilot
from textual.widgets import Static

from usi.core import events as ev
from usi.ui.tui.transfers import Deals
from usi.ui.tui.widgets.transfers import Passing, Transfers, Ways

Show = Callable[..., AbstractAsyncContextManager[Pilot[None]]]


def after(*events: ev.Event) -> Deals:
    deals = Deals()
    for event in events:
        deals.apply(event)
    return deals


def facts(transfers: Transfers) -> list[str]:
    return str(transfers.query_one("#facts", Static).render()).split("\n")


class Noting(Transfers):
    """Keeps what it would post."""

    def __init__(self) -> None:
        super().__init__()
        self.noted: list[object] = []

    def post_message(self, message: object) -> bool:
        if isinstance(message, Transfers.StopWanted):
            self.noted.append(message.number)
        return super().post_message(message)

    def on_ways_chosen(self, message: Ways.Chosen) -> None:
        self.noted.append(("chosen", message.number))


async def test_it_is_there_only_while_something_is_under_way(show: Show, cast: SimpleNamespace) -> None:
    async with show(transfers := Transfers(), (20, 12)) as pilot:
        transfers.show(after(cast.Told().offer()))
        await pilot.pause()
        assert not transfers.region
        own = cast.Told(2, "photos", mine=True)
        transfers.show(after(cast.Told().offer(), cast.Told().progress(430), own.offer(), own.progress(900, "eve")))
        await pilot.pause()
        ways = transfers.query_one(Ways)
        assert cast.look(ways) == ["↓ report.pdf ▓▓░░ ×", "↑ photos     ▓▓▓░ ×"]
        assert facts(transfers) == ["from bob", "43 %, 100 B/s", "6 s left"]
        ways.focus()
        await pilot.press("down")
        await pilot.pause()
        assert facts(transfers) == ["to eve", "90 %, 100 B/s", "1 s left"]


async def test_where_there_is_room_the_percent_stands_beside_the_bar(show: Show, cast: SimpleNamespace) -> None:
    async with show(transfers := Transfers(), (28, 12)) as pilot:
        transfers.show(after(cast.Told().offer(), cast.Told().progress(430)))
        await pilot.pause()
        assert cast.look(transfers.query_one(Ways)) == ["↓ report.pdf ▓▓▓░░░  43 % ×"]


async def test_what_has_ended(show: Show, cast: SimpleNamespace) -> None:
    async with show(transfers := Noting(), (20, 12)) as pilot:
        one, two = cast.Told(1), cast.Told(2)
        deals = after(one.offer(), one.done(), two.offer(), two.failed(kept=400))
        transfers.show(deals)
        await pilot.pause()
        ways = transfers.query_one(Ways)
        assert cast.look(ways) == ["↓ report.pdf    ✓ ×", "↓ report.pdf    ✗ ×"]
        assert facts(transfers) == ["from bob", "1.0 KB, 3 s"]
        for fetch in transfers._fading:  # its time has come
            transfers._shelve(fetch)
            break
        await pilot.pause()
        assert cast.look(ways) == ["↓ report.pdf    ✗ ×"]
        ways.focus()
        await pilot.press("delete")
        await pilot.pause()
        assert not transfers.region
        assert transfers.noted == []
        deals.apply(two.progress(500))  # it goes on, all the same
        transfers.show(deals)


async def test_it_is_stopped_by_key_and_by_mouse(show: Show, cast: SimpleNamespace) -> None:
    async with show(transfers := Noting(), (20, 12)) as pilot:
        one, two = cast.Told(1), cast.Told(2)
        transfers.show(after(one.offer(), one.progress(1), two.offer(), two.progress(1)))
        await pilot.pause()
        ways = transfers.query_one(Ways)
        ways.focus()
        await pilot.press("down", "delete")
        await pilot.click(Ways, (ways.scrollable_content_region.width - 1, 0))
        await pilot.pause()
        assert transfers.noted == [2, 1]
        await pilot.click(Ways, (3, 1))
        await pilot.press("up", "enter")
        await pilot.pause()
        assert transfers.noted == [2, 1, ("chosen", 2), ("chosen", 1)]


async def test_many_scroll(show: Show, cast: SimpleNamespace) -> None:
    async with show(transfers := Transfers(), (20, 16)) as pilot:
        told = [cast.Told(number) for number in range(1, 20)]
        transfers.show(after(*(t.offer() for t in told), *(t.progress(1) for t in told)))
        await pilot.pause()
        assert transfers.query_one(Ways).size.height == 6


async def test_hostile_names_stay_on_their_line(show: Show, cast: SimpleNamespace) -> None:
    async with show(transfers := Transfers(), (20, 30)) as pilot:
        told = [cast.Told(number, text) for number, text in enumerate(cast.HOSTILE.values(), 1)]
        transfers.show(after(*(t.offer() for t in told), *(t.progress(1, text) for t, text in
                               zip(told, cast.HOSTILE.values(), strict=True))))  # fmt: skip
        await pilot.pause()
        ways = transfers.query_one(Ways)
        ways.focus()
        for _ in told:
            for y in range(ways.size.height):
                strip = ways.render_line(y)
                assert cell_len(strip.text) == strip.cell_length == ways.scrollable_content_region.width
                assert strip.text.isprintable()
            assert all(line.isprintable() for line in facts(transfers))
            await pilot.press("down")


async def test_what_passes_through_a_host(show: Show, cast: SimpleNamespace) -> None:
    async with show(passing := Passing(), (60, 12)) as pilot:
        assert not passing.region
        rows = [ev.PassingRow(from_="bob", to=f"eve[/]{n}", bytes=12_400_000, seconds=3.2) for n in range(9)]
        passing.show(rows)
        await pilot.pause()
        assert cast.look(passing)[:2] == ["Passing through this host, sealed:", "  ⇄ bob → eve[/]0  12.4 MB, 3 s"]
        assert cast.look(passing)[-1] == "  ⇄ and 5 more"
        passing.show([])
        await pilot.pause()
        assert not passing.region
