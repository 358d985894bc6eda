"""The part of the conversation screen that deals with files: offers in the transcripts, transfers beside them, what is
asked first, and choosing what to send."""

from __future__ import annotations

import asyncio
import os
from abc import abstractmethod
from collections.abc import Sequence

from textual import on, work
from textual.binding import Binding
from textual.screen import Screen

from usi.core import commands
from usi.core import events as ev
from usi.core.errors import LocalError
from usi.core.language import labelled, tr
from usi.core.text import skeleton
from usi.net.peer import Peer
from usi.ui import amounts
from usi.ui.i18n import mark
from usi.ui.tui.asking import AskingEntry, answer_of, asking_entry
from usi.ui.tui.completion import Candidate
from usi.ui.tui.entry import Entry
from usi.ui.tui.looking import Found, as_line, measure
from usi.ui.tui.model import Situation
from usi.ui.tui.offers import OfferEntry, label_of, listing, offer_entry
from usi.ui.tui.screens.question import Question
from usi.ui.tui.screens.send import SendDialog
from usi.ui.tui.texts import inline
from usi.ui.tui.transfers import Deal, Deals, intent_of, percent, short
from usi.ui.tui.widgets.activity import Activity
from usi.ui.tui.widgets.composer import Composer
from usi.ui.tui.widgets.header import HeaderBar
from usi.ui.tui.widgets.transcript import Transcript
from usi.ui.tui.widgets.transcripts import Transcripts
from usi.ui.tui.widgets.transfers import Passing, Transfers, Ways

_NAME = 40  # cells of a name in a question
_LISTED = 5  # dropped files that are named
_PATIENCE = 0.5  # seconds before a key answers a question that came up while somebody was typing
_PASSING_SECONDS = 1.0  # between two looks at what passes through a host
_TELLS = (
    ev.FileOffer | ev.FileProgress | ev.FileDone | ev.FileFailed | ev.FileClosed | ev.Failed | ev.Disconnected
    | ev.Conversation | ev.MemberLeft
)  # fmt: skip
"""The events that change what is known of files, or who asks for something."""


class DealingScreen(Screen[None]):
    """What a screen with a conversation needs for files. What it knows of them begins anew with each connection."""

    BINDINGS = [
        Binding(
            "f7", "offer", mark("Offer"), key_display="F7", id="offer",
            tooltip=mark("To the newest offer, request or transfer, and on to the next older one"),
            priority=True,
        ),
        Binding(
            "ctrl+o", "file", mark("File"), key_display="^O", id="file",
            tooltip=mark("Offer a file or folder to this conversation"), priority=True,
        ),
    ]  # fmt: skip

    def __init__(self) -> None:
        super().__init__()
        self.deals = Deals()
        self._entries: dict[Deal, tuple[OfferEntry, Transcript]] = {}
        self._accepted: set[Deal] = set()
        """What the person has asked for here, and not yet received."""
        self._asks: dict[AskingEntry, Transcript] = {}
        """Requests for private conversations that wait for an answer."""
        self._looking = False
        """A listing was asked for only to see what passes."""

    @property
    @abstractmethod
    def situation(self) -> Situation: ...

    @property
    @abstractmethod
    def peer(self) -> Peer: ...

    @property
    @abstractmethod
    def transcript(self) -> Transcript: ...

    @abstractmethod
    def ask(self, intent: commands.Intent, room: str | None = None) -> None:
        """Hand it to the peer, as if it had been typed."""

    @abstractmethod
    def go_to(self, room: str) -> None:
        """Show this conversation."""

    def begin_dealing(self) -> None:
        """Another connection: numbers begin anew, and what was offered before can only be read."""
        self.deals = Deals()
        self._entries.clear()
        self._accepted.clear()
        self._asks.clear()
        self._looking = False
        self.show_deals()

    def watch_passing(self) -> None:
        """From now on, show what passes through this host."""
        self.set_interval(_PASSING_SECONDS, self._look)

    # --- what the peer tells ---

    def deal(self, event: ev.Event, place: Transcript) -> Entry | None:
        """Take note of an event; returns the entry that it adds to this transcript, None where it adds nothing."""
        if isinstance(event, ev.Files):
            if not self._looking:
                return listing(event)
            self._looking = False
            self.query_one(Passing).show(event.passing)
        self._settle_asks(event)
        if isinstance(event, ev.Conversation) and event.state == "asked":
            asking = asking_entry(event)
            self._asks[asking] = place
            return asking
        for deal in self.deals.apply(event):
            if isinstance(event, ev.FileOffer):
                entry = offer_entry(deal)
                self._entries[deal] = entry, place
                return entry
            self._dress(deal)
            self._tell_elsewhere(deal, event)
        return None

    def _settle_asks(self, event: ev.Event) -> None:
        """Take the buttons from requests that this event answers, or that nobody waits for any more."""
        match event:
            case ev.Conversation():
                gone = {partner.member for partner in event.members}
            case ev.MemberLeft() if not event.here:
                gone = {event.member}
            case ev.Disconnected():
                gone = {asking.member for asking in self._asks}
            case _:
                return
        for asking in [asking for asking in self._asks if asking.member in gone]:
            self._settle_ask(asking)

    def _settle_ask(self, asking: AskingEntry) -> None:
        asking.settle()
        self._asks.pop(asking).changed(asking)

    def _tell_elsewhere(self, deal: Deal, event: ev.Event) -> None:
        """Say for a moment what has become of a file that was asked for, where its offer is not on the screen."""
        if deal not in self._accepted or not isinstance(event, ev.FileDone | ev.FileFailed):
            return
        self._accepted.discard(deal)
        _, place = self._entries.get(deal, (None, None))
        if place is self.transcript:
            return
        if isinstance(event, ev.FileFailed):
            said = inline(event.text)
        else:
            time = amounts.duration(event.seconds)
            said = tr("received in {time}: {path}", time=time, path=inline(event.path))
        self.notify(labelled(short(event.name, _NAME), said), markup=False)

    def _dress(self, deal: Deal) -> None:
        entry, place = self._entries.get(deal, (None, None))
        if entry is not None and place is not None:
            entry.dress()
            place.changed(entry)

    def show_happened(self, happened: Sequence[ev.Event]) -> None:
        """Once all of it is noted: bring the list up to date where something has changed."""
        if any(isinstance(event, _TELLS) for event in happened):
            self.show_deals()

    @property
    def unanswered(self) -> int:
        """How many offers and requests wait for an answer."""
        return len(self.deals.unanswered) + len(self._asks)

    @property
    def has_offers(self) -> bool:
        """Whether F7 leads anywhere."""
        return bool(self.deals.open or self._asks)

    def show_deals(self) -> None:
        """Bring the list beside the transcript up to date, and the header where that list is folded away."""
        for deal in [deal for deal in self._entries if self.deals.find(deal.number) is not deal]:
            del self._entries[deal]
        self.query_one(Transfers).show(self.deals)
        self.query_one(HeaderBar).moving = "" if self.query_one("#rooms").region else self.deals.summary
        self.query_one(Composer).numbers = [
            Candidate(str(deal.number), f"{short(deal.offer.name, _NAME)}, {inline(deal.offer.from_)}")
            for deal in self.deals.open
        ]
        self.refresh_bindings()

    def taken(self, intent: commands.Intent) -> None:
        """The peer has taken this intent."""
        for deal in self.deals.wanted(intent):
            self._accepted.add(deal)
            self._dress(deal)
        names = intent.names if isinstance(intent, commands.Private) else ()
        names = (intent.name,) if isinstance(intent, commands.Block) else names
        for asking in [each for each in self._asks if skeleton(self._name_of(each)) in map(skeleton, names)]:
            self._settle_ask(asking)
        if isinstance(intent, commands.Accept | commands.Private | commands.Block):
            self.show_deals()

    def _name_of(self, asking: AskingEntry) -> str:
        """What who asks is called by now."""
        member = self.situation.members.get(asking.member)
        return member.name if member is not None else ""

    async def _look(self) -> None:
        """See what passes through this host, while that is shown; nothing is said in the transcript."""
        if not self.query_one(Activity).region or self.situation.status.phase != "open":
            self.query_one(Passing).show([])
        elif not self._looking:
            self._looking = True
            try:
                await self.peer.do(commands.Files())
            except LocalError:  # the connection has just ended
                self._looking = False

    # --- what the person wants ---

    @on(Transcript.DeedWanted)
    def _pressed(self, message: Transcript.DeedWanted) -> None:
        """A button of an offer was pressed."""
        self.transcript.leave_spot()
        self.query_one(Composer).focus()
        self.do(message.number, message.deed)

    @on(Transcript.AnswerWanted)
    def _answered(self, message: Transcript.AnswerWanted) -> None:
        """A button of a request for a private conversation was pressed."""
        self.transcript.leave_spot()
        self.query_one(Composer).focus()
        if message.entry in self._asks:
            self._settle_ask(message.entry)
            self.ask(answer_of(message.deed, self._name_of(message.entry)))
            self.show_deals()

    @on(Transfers.StopWanted)
    def _stop(self, message: Transfers.StopWanted) -> None:
        deal = self.deals.find(message.number)
        if deal is not None:
            self.do(message.number, "back" if deal.offer.mine else "stop")

    def do(self, number: int, deed: str) -> None:
        """Do this about an offer; what cannot be undone is asked first."""
        deal = self.deals.find(number)
        if deal is None or deed not in deal.deeds:
            return
        question = _doubt(deal, deed)
        if question is None:
            self.ask(intent_of(deed, number))
            return

        def answered(answer: str | None) -> None:
            if answer == deed and self.deals.find(number) is deal and deed in deal.deeds:
                self.ask(intent_of(deed, number))

        answers = (("leave", tr("leave it")), (deed, label_of(deed)))
        _ = self.app.push_screen(Question(short(deal.offer.name, _NAME), question, answers), answered)

    @on(Ways.Chosen)
    def _chosen(self, message: Ways.Chosen) -> None:
        self._go_to_offer(message.number)

    def action_offer(self) -> None:
        """Go to the newest offer that waits for an answer, or else that is under way; in another conversation, if there
        is none in this one."""
        here = self.situation.status.room
        if self.transcript in self._asks.values() and self.transcript.go_to_offer():
            return
        waiting = self.deals.unanswered or self.deals.open
        if any(deal.offer.room == here for deal in waiting) and self.transcript.go_to_offer():
            return
        if waiting:
            self._go_to_offer(waiting[-1].number)
        elif self._asks:
            place = next(reversed(self._asks.values()))
            self.go_to(self.query_one(Transcripts).room_of(place))
            self.call_after_refresh(place.go_to_offer)

    def _go_to_offer(self, number: int) -> None:
        deal = self.deals.find(number)
        if deal is not None:
            self.go_to(deal.offer.room)
            self.call_after_refresh(lambda: self.transcript.go_to_offer(number))

    def action_file(self) -> None:
        """Choose a file or folder and offer it to this conversation."""
        room = self.situation.status.room  # the dialog says whom it is for; that must stay true
        _ = self.app.push_screen(SendDialog(self._whom(), room), lambda line: self._send(line, room))

    def show_whom(self) -> None:
        """Keep true what an open dialog says of who is offered a file."""
        dialog = self.app.screen
        if isinstance(dialog, SendDialog | DropQuestion) and dialog.room == self.situation.status.room:
            dialog.tell_whom(self._whom())

    def _whom(self) -> str:
        status = self.situation.status
        if status.talk is not None:
            return tr("To {names}, privately", names=", ".join(map(inline, status.talk.names)))
        return tr("To all in #{room}: {count} here, you included", room=inline(status.room), count=status.here)

    def _send(self, line: str | None, room: str) -> None:
        if line is not None:
            self.ask(commands.Send(line), room)

    @on(Composer.Dropped)
    def _dropped(self, message: Composer.Dropped) -> None:
        self._question(message)

    @work(name="dropped", group="dropped", exclusive=True)
    async def _question(self, dropped: Composer.Dropped) -> None:
        """Ask what is meant by a path that was dropped or pasted: the file, or the text."""
        room, whom = self.situation.status.room, self._whom()
        found = await asyncio.to_thread(lambda: [measure(path) for path in dropped.paths])
        answer = await self.app.push_screen_wait(DropQuestion(dropped.paths, found, whom, room))
        if answer == "send":
            for path in dropped.paths:
                self.ask(commands.Send(as_line(path)), room)
        elif answer == "text":
            self.query_one(Composer).focus().insert_pasted(dropped.text, literal=True)


def _doubt(deal: Deal, deed: str) -> str | None:
    """What to ask before this is done; None where nothing would be lost."""
    if deed == "back" and deal.under_way:
        return tr("Receiving it now: {count}. Take it back all the same?", count=len(deal.under_way))
    if deed == "away" and (fetch := deal.incoming) is not None:
        here = percent(fetch.done, fetch.size)
        return tr("{percent} of it are here, and it can go on from there. Throw them away?", percent=here)
    return None


class DropQuestion(Question):
    """What to ask about paths that were dropped into the input, or pasted."""

    def __init__(self, paths: Sequence[str], found: Sequence[Found | None], whom: str, room: str) -> None:
        """`found`: what each path leads to; `whom`: who will be offered it in `room`, as a sentence."""
        self.room = room
        self._listed = []
        for path, what in zip(paths[:_LISTED], found, strict=False):
            name = short(os.path.basename(path.rstrip("/\\")) or path, _NAME)
            self._listed.append(f"{name}  ({what})" if what is not None else name)
        if len(paths) > _LISTED:
            self._listed.append(tr("and {count} more", count=len(paths) - _LISTED))
        title = tr("Send this?") if len(paths) == 1 else tr("Send these {count}?", count=len(paths))
        answers = (("send", tr("Send")), ("text", tr("Insert as text")))
        super().__init__(title, self._about(whom), answers, patience=_PATIENCE)

    def tell_whom(self, whom: str) -> None:
        """Somebody came or left: this is who will be offered it now."""
        self.ask(self._about(whom))

    def _about(self, whom: str) -> str:
        return "\n".join((*self._listed, "", whom))
