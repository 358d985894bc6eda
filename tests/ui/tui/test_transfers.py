"""What the screen knows of files."""

from types import SimpleNamespace

import pytest
from rich.cells import cell_len

from usi.core import commands
from usi.core import events as ev
from usi.ui.tui.transfers import Deals, bar, intent_of, pace, short


def after(*events: ev.Event) -> Deals:
    deals = Deals()
    for event in events:
        deals.apply(event)
    return deals


def deeds(deals: Deals, number: int = 1) -> tuple[str, ...]:
    deal = deals.find(number)
    assert deal is not None
    return deal.deeds


def test_what_can_be_done_about_an_offer(cast: SimpleNamespace) -> None:
    told = cast.Told()
    assert deeds(after(told.offer())) == ("accept", "no")
    assert deeds(after(told.offer(kept=400))) == ("on", "no")
    assert deeds(after(told.offer(), told.progress(1))) == ("stop",)
    assert deeds(after(told.offer(), told.failed(kept=400))) == ("on", "away")
    assert deeds(after(told.offer(), told.failed())) == ("again", "no")
    assert deeds(after(told.offer(), told.done())) == ()
    assert deeds(after(told.offer(), told.closed())) == ()
    own = cast.Told(mine=True)
    assert deeds(after(own.offer())) == ("back",)
    assert deeds(after(own.offer(), own.progress(1), own.done("carol"))) == ("back",)
    assert deeds(after(own.offer(), own.closed())) == ()


@pytest.mark.parametrize(
    ("deed", "intent"),
    [
        ("accept", commands.Accept(7)),
        ("on", commands.Accept(7)),
        ("again", commands.Accept(7)),
        ("no", commands.Decline(7)),
        ("away", commands.Decline(7)),
        ("stop", commands.Cancel(7)),
        ("back", commands.Cancel(7)),
    ],
)
def test_what_a_deed_asks_for(deed: str, intent: commands.Intent) -> None:
    assert intent_of(deed, 7) == intent


def test_what_is_accepted_waits_until_something_arrives(cast: SimpleNamespace) -> None:
    deals = after(cast.Told(1).offer(), cast.Told(2).offer(kept=300))
    assert deals.wanted(commands.Accept(None)) == []  # the peer has asked which
    assert [deal.number for deal in deals.wanted(commands.Accept(2))] == [2]
    deal = deals.find(2)
    assert deal is not None
    assert deal.incoming is not None
    assert (deal.incoming.state, deal.incoming.done) == ("waiting", 300)
    assert deals.summary == "↓ 30 %"
    assert [deal.number for deal in deals.unanswered] == [1]
    assert [deal.number for deal in deals.wanted(commands.Accept(None))] == [1]
    assert deals.wanted(commands.Decline(1)) == []


def test_the_summary_counts_both_ways(cast: SimpleNamespace) -> None:
    own = cast.Told(2, mine=True)
    told = cast.Told()
    deals = after(told.offer(), told.progress(430), own.offer(), own.progress(900), own.progress(0, "eve"))
    assert deals.summary == "↓ 43 %  ↑ 45 %"
    deals.apply(own.done("eve"))
    assert deals.summary == "↓ 43 %  ↑ 90 %"
    assert after(cast.Told().offer()).summary == ""


def test_an_offer_that_did_not_reach_the_host(cast: SimpleNamespace) -> None:
    own = cast.Told(mine=True).offer()
    failed = ev.Failed(time=cast.NOW, id=own.id, code="cut", text="Cut.", message="")
    assert deeds(after(own, failed)) == ()


def test_the_end_of_the_connection_ends_what_was_offered(cast: SimpleNamespace) -> None:
    gone = ev.Disconnected(time=cast.NOW, code="cut", text="Cut.")
    deals = after(cast.Told(1).offer(), cast.Told(2).offer(), cast.Told(2).done())
    assert [deal.number for deal in deals.apply(gone)] == [1]
    assert deals.open == []


def test_what_is_told_of_an_unknown_number_is_passed_over(cast: SimpleNamespace) -> None:
    told = cast.Told()
    assert after(told.progress(1), told.done(), told.failed(), told.closed()).find(1) is None


def test_old_offers_are_forgotten(cast: SimpleNamespace) -> None:
    deals = Deals()
    for number in range(1, 700):
        deals.apply(cast.Told(number).offer())
        if number > 1:
            deals.apply(cast.Told(number).closed())
    assert 500 <= sum(1 for _ in deals) < 510
    assert deals.find(1) is not None


def test_a_bar_tells_beginning_and_end() -> None:
    assert bar(0, 1_000, 4) == "░░░░"
    assert bar(1, 1_000, 4) == "▓░░░"
    assert bar(430, 1_000, 4) == "▓▓░░"
    assert bar(999, 1_000, 4) == "▓▓▓░"
    assert bar(1_000, 1_000, 4) == "▓▓▓▓"
    assert bar(0, 0, 4) == "▓▓▓▓"  # an empty file


def test_speed_and_time_left(cast: SimpleNamespace) -> None:
    told = cast.Told()
    [deal] = after(told.offer(), told.progress(400, rate=100))
    assert deal.incoming is not None
    assert pace(deal.incoming) == ["100 B/s", "6 s left"]
    [deal] = after(told.offer(), told.progress(400, rate=0))
    assert deal.incoming is not None
    assert pace(deal.incoming) == ["0 B/s"]


def test_long_names_keep_their_ending() -> None:
    assert short("report.pdf", 10) == "report.pdf"
    assert short("a" * 300 + "-final.pdf", 24) == "a" * 12 + "…a-final.pdf"
    assert short("recording.mkv", 9) == "reco….mkv"


@pytest.mark.parametrize("cells", [6, 17, 48])
def test_hostile_names_fit(hostile: str, cells: int) -> None:
    said = short(hostile, cells)
    assert cell_len(said) <= cells
    assert said.isprintable()
