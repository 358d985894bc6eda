"""How offers of files stand in the transcript: what is offered, how far it is, and what can be done about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from rich.cells import cell_len

from usi.core import events as ev
from usi.core.language import labelled, tr
from usi.ui import amounts
from usi.ui.i18n import mark
from usi.ui.tui.entry import Entry, Role
from usi.ui.tui.spans import Span
from usi.ui.tui.texts import inline, shown
from usi.ui.tui.transfers import Deal, Fetch, bar, pace, percent, short

_NAME = 48  # cells of a name
_BAR = 10  # cells
_ROWS = 6  # receivers that have a line of their own
_NAMES = 6  # of those who have it

_LABELS = {
    "accept": mark("accept"),
    "no": mark("no"),
    "on": mark("go on"),
    "again": mark("try again"),
    "away": mark("throw away"),
    "stop": mark("stop"),
    "back": mark("take back"),
    "block": mark("block"),
}
"""What stands on the button of each deed."""


@dataclass(slots=True, eq=False, kw_only=True)
class OfferEntry(Entry):
    """The entry of an offer. Its buttons are spans whose `url` is the deed."""

    deal: Deal

    @property
    def deeds(self) -> tuple[str, ...]:
        """What can be done about it now."""
        return self.deal.deeds

    def dress(self) -> None:
        """Bring it up to date with its deal."""
        made = _rows(self.deal)
        self.rows = [(role, said) for role, said, _ in made]
        self._spans = [spans for _, _, spans in made]


def offer_entry(deal: Deal) -> OfferEntry:
    offer = deal.offer
    entry = OfferEntry(
        "said", offer.time, [], name=tr("you") if offer.mine else offer.from_, member=offer.member, mine=offer.mine,
        state="sending" if offer.mine and offer.id else "", deal=deal,
    )  # fmt: skip
    entry.dress()
    return entry


def label_of(deed: str) -> str:
    return tr(_LABELS[deed])


SpanRole = Literal["quiet", "bar"]
_Row = tuple[Role, str, tuple[Span, ...]]


def _row(role: Role, said: str, deeds: Sequence[str] = (), dressed: Sequence[tuple[str, SpanRole]] = ()) -> _Row:
    """A line of an offer with its buttons behind the text; `dressed` are parts of the text that look otherwise."""
    spans = []
    for part, look in dressed:
        at = said.rindex(part)
        spans.append(Span(at, at + len(part), look))
    said, buttons = with_deeds(said, deeds)
    return role, said, (*spans, *buttons)


def with_deeds(said: str, deeds: Sequence[str]) -> tuple[str, tuple[Span, ...]]:
    """The text with buttons behind it, and where they are."""
    spans = []
    for deed in deeds:
        said += ("  " if deed == deeds[0] else _whole("  ")) if said else ""
        label = _whole(f"[{label_of(deed)}]")
        spans.append(Span(len(said), len(said) + len(label), "button", deed))
        said += label
    return said, tuple(spans)


def _whole(said: str) -> str:
    """With spaces at which no line is broken."""
    return said.replace(" ", "\u00a0")


def _rows(deal: Deal) -> list[_Row]:
    offered, deeds = _offered(deal.offer), deal.deeds
    number: list[tuple[str, SpanRole]] = [(f"#{deal.number}", "quiet")]
    fetch = deal.incoming
    if deal.offer.mine:
        return [_row("text", offered, deeds, number), *_receivers(deal)]
    if fetch is None:
        return [_row("text", offered, deeds, number), *([_over(deal.closed)] if deal.closed is not None else [])]
    rows = [_row("text", offered, (), number)]
    match fetch.state:
        case "waiting" | "running":
            rows.append(_progress(fetch, deeds))
        case "done":
            time = _whole(amounts.duration(fetch.seconds))
            rows.append(_row("good", f"✓ {tr('received in {time}: {path}', time=time, path=inline(fetch.path))}"))
        case "failed":
            rows.append(_row("alarm", f"✗ {shown(fetch.why)}"))
            if deal.closed is not None and deal.closed != fetch.why:
                rows.append(_over(deal.closed))
            elif deeds:
                rows.append(_progress(fetch, deeds) if fetch.done else _row("text", "", deeds))
    return rows


def _over(why: str) -> _Row:
    return _row("quiet", f"— {shown(why)}")


def _offered(offer: ev.FileOffer) -> str:
    name, size, number = short(offer.name, _NAME), amounts.content(offer.size, offer.files), offer.transfer
    if offer.files is None:
        size = _whole(size)
    if offer.mine:  # behind "you"
        return tr("offer {name} ({size})  #{number}", name=name, size=size, number=number)
    if offer.kept:
        here = _whole(percent(offer.kept, offer.size))
        return tr("offers {name} ({size}), of which {percent} are here from before  #{number}",
                  name=name, size=size, percent=here, number=number)  # fmt: skip
    return tr("offers {name} ({size})  #{number}", name=name, size=size, number=number)


def _progress(fetch: Fetch, deeds: Sequence[str] = (), before: str = "") -> _Row:
    """A bar, and what is known beside it."""
    drawn = bar(fetch.done, fetch.size, _BAR)
    said = ", ".join(map(_whole, pace(fetch))) or (_whole(tr("waiting …")) if fetch.state == "waiting" else "")
    parts = [before, f"{drawn}{_whole(' ' + percent(fetch.done, fetch.size))}", said]
    return _row("text", "  ".join(part for part in parts if part), deeds, [(drawn, "bar")])


def _receivers(deal: Deal) -> list[_Row]:
    """Who is taking an own offer, and who has it."""
    fetches = deal.fetches.values()
    taking = deal.under_way[:_ROWS]
    longest = max((cell_len(inline(fetch.peer)) for fetch in taking), default=0)
    rows = [_progress(fetch, (), f"→ {inline(fetch.peer)}{' ' * (longest - cell_len(inline(fetch.peer)))}")
            for fetch in taking]  # fmt: skip
    if more := len(deal.under_way) - len(rows):
        rows.append(_row("quiet", tr("and {count} more are taking it", count=more)))
    failed = [fetch for fetch in fetches if fetch.state == "failed" and fetch.why != deal.closed]
    rows += [_row("alarm", f"✗ {labelled(inline(fetch.peer), shown(fetch.why))}") for fetch in failed[-_ROWS:]]
    if done := [inline(fetch.peer) for fetch in fetches if fetch.state == "done"]:
        names = ", ".join(done[:_NAMES])
        if len(done) > _NAMES:
            names = tr("{names} and {count} more", names=names, count=len(done) - _NAMES)
        rows.append(_row("good", f"✓ {tr('received by {names}', names=names)}"))
    if deal.closed is not None:
        rows.append(_over(deal.closed))
    return rows


# --- /files ----------------------------------------------------------------------------------------------------------


def listing(event: ev.Files) -> Entry:
    """The answer to /files."""
    rows: list[tuple[Role, str]] = [("quiet", tr("Received files go to {folder}", folder=inline(event.folder)))]
    if not event.transfers:
        rows.append(("quiet", tr("No file is offered or under way.")))
    for row in event.transfers:
        way = "↓" if row.direction == "in" else "↑"
        facts = [amounts.size(row.size), *([inline(row.peer)] if row.peer is not None else [])]
        facts.append(tr(amounts.STATES[row.state]))
        if row.state in ("running", "waiting", "failed", "kept") and row.done:
            facts.append(percent(row.done, row.size))
        if row.state == "running":
            facts.append(amounts.speed(row.rate))
        rows.append(("text", f"  #{row.transfer} {way} {short(row.name, _NAME)}  {', '.join(facts)}"))
    if left := [row.transfer for row in event.transfers if row.state == "kept"]:
        said = tr("Nobody offers what is kept any more; /decline {number} throws it away.", number=left[0])
        rows.append(("quiet", said))
    if event.passing:
        rows.append(("quiet", tr("Passing through this host, sealed:")))
        rows += [("text", f"  {line}") for line in passing_lines(event.passing)]
    return Entry("notice", event.time, rows)


def passing_lines(passing: Sequence[ev.PassingRow]) -> list[str]:
    """What passes through a host, one line each."""
    return [
        f"{inline(row.from_)} → {inline(row.to)}  {amounts.size(row.bytes)}, {amounts.duration(row.seconds)}"
        for row in passing
    ]
