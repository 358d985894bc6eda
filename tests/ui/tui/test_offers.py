"""How offers stand in the transcript."""

from types import SimpleNamespace

import pytest

from usi.core import commands
from usi.core import events as ev
from usi.ui.tui.offers import OfferEntry, listing, offer_entry
from usi.ui.tui.transfers import Deals


def shown(*events: ev.Event, intent: commands.Intent | None = None) -> OfferEntry:
    """The entry of the first offer, after all this."""
    deals = Deals()
    for event in events:
        deals.apply(event)
    if intent is not None:
        deals.wanted(intent)
    return offer_entry(next(iter(deals)))


def said(entry: OfferEntry) -> list[str]:
    return [text.replace("\u00a0", " ") for _, text in entry.rows]


def test_an_offer_says_who_what_and_how_large(cast: SimpleNamespace) -> None:
    told = cast.Told()
    entry = shown(told.offer())
    assert entry.name == "bob"
    assert said(entry) == ["offers report.pdf (1.0 KB)  #1  [accept]  [no]"]
    assert entry.links == ["accept", "no"]
    folder = shown(told.offer(files=12))
    assert said(folder) == ["offers report.pdf (folder of 12 files, 1.0 KB)  #1  [accept]  [no]"]
    begun = shown(told.offer(kept=430))
    assert said(begun) == ["offers report.pdf (1.0 KB), of which 43 % are here from before  #1  [go on]  [no]"]


def test_the_line_follows_what_happens(cast: SimpleNamespace) -> None:
    told = cast.Told()
    offer, offered = told.offer(), "offers report.pdf (1.0 KB)  #1"
    waiting = shown(offer, intent=commands.Accept(1))
    assert said(waiting) == [offered, "░░░░░░░░░░ 0 %  waiting …  [stop]"]
    running = shown(offer, told.progress(430))
    assert said(running) == [offered, "▓▓▓▓░░░░░░ 43 %  100 B/s, 6 s left  [stop]"]
    done = shown(offer, told.done())
    assert said(done) == [offered, "✓ received in 3 s: /home/alice/usi-files/report.pdf"]
    failed = shown(offer, told.progress(430), told.failed(kept=400))
    assert said(failed) == [offered, "✗ It was cut off.", "▓▓▓▓░░░░░░ 40 %  [go on]  [throw away]"]
    nothing = shown(offer, told.failed())
    assert said(nothing) == [offered, "✗ It was cut off.", "[try again]  [no]"]
    assert said(shown(offer, told.closed())) == [offered, "— Taken back."]
    gone = shown(offer, told.failed(text="The sender is gone.", kept=400), told.closed("The sender is gone."))
    assert said(gone) == [offered, "✗ The sender is gone."]
    assert gone.links == []


def test_an_own_offer_shows_each_receiver(cast: SimpleNamespace) -> None:
    own = cast.Told(mine=True)
    entry = shown(own.offer(), own.progress(430), own.progress(50, "caroline"), own.done("eve"), own.failed("mallory"))
    assert entry.name == "you"
    assert entry.state == "sending"
    assert said(entry) == [
        "offer report.pdf (1.0 KB)  #1  [take back]",
        "→ bob       ▓▓▓▓░░░░░░ 43 %  100 B/s, 6 s left",
        "→ caroline  ▓░░░░░░░░░ 5 %  100 B/s, 10 s left",
        "✗ mallory: It was cut off.",
        "✓ received by eve",
    ]
    back = shown(own.offer(), own.progress(430), own.failed(text="Taken back."), own.closed())
    assert said(back) == ["offer report.pdf (1.0 KB)  #1", "— Taken back."]


def test_a_crowd_of_receivers_stays_short(cast: SimpleNamespace) -> None:
    own = cast.Told(mine=True)
    entry = shown(
        own.offer(), *(own.progress(1, f"taker-{n}") for n in range(50)), *(own.done(f"owner-{n}") for n in range(50))
    )
    assert len(entry.rows) == 9
    assert said(entry)[-2:] == [
        "and 44 more are taking it",
        "✓ received by owner-0, owner-1, owner-2, owner-3, owner-4, owner-5 and 44 more",
    ]


def test_buttons_lie_where_they_are_written(cast: SimpleNamespace) -> None:
    [row] = shown(cast.Told().offer()).broken(198)
    assert [row.text[span.start : span.end] for span in row.spans] == ["#1", "[accept]", "[no]"]


def test_a_peers_text_is_no_button(cast: SimpleNamespace) -> None:
    entry = shown(cast.Told(name="x [accept] https://example.org").offer())
    assert entry.links == ["accept", "no"]


@pytest.mark.parametrize("width", [3, 38, 84])
def test_hostile_names_fit(cast: SimpleNamespace, hostile: str, width: int) -> None:
    told, own = cast.Told(name=hostile), cast.Told(name=hostile, mine=True)
    for entry in (
        shown(told.offer(from_=hostile), told.progress(1, hostile)),
        shown(told.offer(), told.done(path=hostile)),
        shown(told.offer(), told.failed(text=hostile, kept=1)),
        shown(told.offer(), told.closed(hostile)),
        shown(own.offer(), own.progress(1, hostile), own.done("b" + hostile), own.failed("c" + hostile, hostile)),
    ):
        rows = list(entry.broken(width))
        assert len(rows) == entry.height(width)
        assert all(row.text.replace("\u00a0", " ").isprintable() for row in rows)


def test_the_listing(cast: SimpleNamespace) -> None:
    row = {"transfer": 3, "direction": "in", "peer": "bob", "name": "report.pdf", "size": 1_000}
    rows = [
        ev.TransferRow(**row, state="running", done=430, rate=100),
        ev.TransferRow(**{**row, "transfer": 4, "direction": "out", "peer": None}, state="offered", done=0, rate=0),
        ev.TransferRow(**row | {"transfer": 5}, state="kept", done=500, rate=0),
    ]
    passing = [ev.PassingRow(from_="bob", to="eve", bytes=12_400_000, seconds=3.2)]
    entry = listing(ev.Files(time=cast.NOW, transfers=rows, passing=passing, folder="/home/alice/usi-files"))
    assert [text for _, text in entry.rows] == [
        "Received files go to /home/alice/usi-files",
        "  #3 ↓ report.pdf  1.0 KB, bob, under way, 43 %, 100 B/s",
        "  #4 ↑ report.pdf  1.0 KB, offered",
        "  #5 ↓ report.pdf  1.0 KB, bob, kept, 50 %",
        "Nobody offers what is kept any more; /decline 5 throws it away.",
        "Passing through this host, sealed:",
        "  bob → eve  12.4 MB, 3 s",
    ]
    empty = listing(ev.Files(time=cast.NOW, transfers=[], passing=[], folder="x"))
    assert empty.rows[1][1] == "No file is offered or under way."
