"""The conversation screen's part in files: offers in the transcript, transfers beside it, and what is asked first."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from textual.screen import Screen

from usi.core import commands
from usi.core import events as ev
from usi.core.language import tr
from usi.ui.tui.entries import Entry
from usi.ui.tui.offers import OfferEntry, label_of, listing, offer_entry
from usi.ui.tui.screens.question import Question
from usi.ui.tui.transfers import Deal, Deals, intent_of, percent, short
from usi.ui.tui.widgets.header import HeaderBar
from usi.ui.tui.widgets.transcript import Transcript
from usi.ui.tui.widgets.transfers import Passing, Transfers

_NAME = 40  # cells of a name in a question


class Dealing:
    """What `screen` knows and shows of files. `ask` hands an intent to the peer as if it had been typed."""

    def __init__(self, screen: Screen[None], ask: Callable[[commands.Intent], None]) -> None:
        self._screen = screen
        self._ask = ask
        self.deals = Deals()
        self._entries: dict[Deal, tuple[OfferEntry, Transcript]] = {}
        self._looks = 0
        """Listings that were asked for only to see what passes."""

    def begin(self) -> None:
        """Another connection: numbers begin anew. What was offered before can only be read."""
        self.deals = Deals()
        self._entries.clear()
        self._looks = 0
        self.show()

    # --- what the peer tells ---

    def entry_of(self, event: ev.Event, place: Transcript) -> Entry | None:
        """The entry that an event about files adds to this transcript; None where it adds nothing."""
        if isinstance(event, ev.Files):
            self._screen.query(Passing).first().show(event.passing) if self._screen.query(Passing) else None
            if self._looks:
                self._looks -= 1
                return None
            return listing(event)
        changed = self.deals.apply(event)
        for deal in changed:
            if isinstance(event, ev.FileOffer):
                entry = offer_entry(deal)
                self._entries[deal] = entry, place
                return entry
            self._dress(deal)
        return None

    def _dress(self, deal: Deal) -> None:
        entry, place = self._entries.get(deal, (None, None))
        if entry is not None and place is not None:
            entry.dress()
            place.changed(entry)

    def show(self) -> None:
        """Bring the list beside the transcript up to date, and the header where that list is folded away."""
        for deal in [deal for deal in self._entries if self.deals.find(deal.number) is not deal]:
            del self._entries[deal]
        transfers = self._screen.query_one(Transfers)
        transfers.show(self.deals)
        self._screen.query_one(HeaderBar).moving = "" if transfers.region else self.deals.summary
        self._screen.refresh_bindings()

    def taken(self, intent: commands.Intent) -> None:
        """The peer has taken this intent."""
        for deal in self.deals.wanted(intent):
            self._dress(deal)
        if isinstance(intent, commands.Accept):
            self.show()

    def look(self) -> None:
        """See what passes through this host; nothing is said in the transcript."""
        self._looks += 1
        self._ask(commands.Files())

    # --- what the person wants ---

    def do(self, number: int, deed: str) -> None:
        """Do this about an offer; what cannot be undone is asked first."""
        deal = self.deals.find(number)
        if deal is None or deed not in deal.deeds:
            return
        question = self._doubt(deal, deed)
        if question is None:
            self._ask(intent_of(deed, number))
            return

        def answered(answer: str | None) -> None:
            if answer == deed and deed in deal.deeds:
                self._ask(intent_of(deed, number))

        answers = ((deed, label_of(deed)), ("leave", tr("leave it")))
        _ = self._screen.app.push_screen(Question(short(deal.offer.name, _NAME), question, answers), answered)

    def _doubt(self, deal: Deal, deed: str) -> str | None:
        """What to ask before this is done; None where nothing would be lost."""
        if deed == "back" and deal.under_way:
            return tr("{count} are receiving this file now. Take it back all the same?", count=len(deal.under_way))
        if deed == "away" and (fetch := deal.incoming) is not None:
            here = percent(fetch.done, fetch.size)
            return tr("{percent} of it are here. Throw them away? Otherwise it can go on from there.", percent=here)
        return None

    def stop(self, number: int) -> None:
        """Stop what is under way."""
        deal = self.deals.find(number)
        if deal is not None:
            self.do(number, "back" if deal.offer.mine else "stop")

    def can_answer(self, room: Iterable[object]) -> bool:
        """Whether there is an offer among these entries that something can be done about."""
        return any(isinstance(entry, OfferEntry) and entry.deal.deeds for entry in room)
