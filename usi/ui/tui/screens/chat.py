"""The conversation: transcript, members, input and header."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from textual import events, on, work
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal, Vertical
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Static

from usi.config import Settings
from usi.core import commands
from usi.core import events as ev
from usi.core.errors import LeftIt, LocalError, NotConnected, PerhapsSecret
from usi.core.language import tr
from usi.core.thread import title_of
from usi.net.peer import Peer
from usi.ui.i18n import mark
from usi.ui.tui import entries
from usi.ui.tui.entry import Entry
from usi.ui.tui.errands import Errands
from usi.ui.tui.folding import toggled
from usi.ui.tui.log import is_refusal
from usi.ui.tui.model import Phase, Situation
from usi.ui.tui.model import Talk as PrivateTalk
from usi.ui.tui.screens.dealing import DealingScreen
from usi.ui.tui.screens.inspector import InspectorScreen
from usi.ui.tui.spans import may_open
from usi.ui.tui.widgets.activity import Activity
from usi.ui.tui.widgets.composer import Composer
from usi.ui.tui.widgets.conversations import Conversations, Talk
from usi.ui.tui.widgets.header import HeaderBar
from usi.ui.tui.widgets.keybar import KeyBar
from usi.ui.tui.widgets.lines import Lines
from usi.ui.tui.widgets.members import Card, Members
from usi.ui.tui.widgets.readers import Readers
from usi.ui.tui.widgets.tracing import Tracing
from usi.ui.tui.widgets.transcript import Transcript
from usi.ui.tui.widgets.transcripts import Transcripts
from usi.ui.tui.widgets.transfers import Passing, Transfers
from usi.ui.tui.widgets.writing import Writing

_KEYS = (
    "help", "verify", "file", "rejoin", "offer", "unread", "members", "inspector", "inspect", "activity", "rooms",
    "retry", "latest", "palette",
    "spot-down", "use", "drop", "send", "newline", "quit",
)  # fmt: skip
_IMPORTANT_KEYS = (
    "quit", "help", "offer", "use", "drop", "retry", "latest", "unread", "rejoin", "verify", "members", "file",
    "activity", "inspector", "palette", "rooms", "spot-down", "inspect", "newline", "send",
)  # fmt: skip
_PANELS: dict[str, type[Widget]] = {"side": Members, "rooms": Conversations, "activity": Activity, "tracing": Tracing}
"""What can be folded away, and what of it takes the focus."""

_PAGE = 100  # earlier messages that are had at once by scrolling up
_SMALL = ev.Message | ev.Delivered | ev.TraceEvent | ev.FileProgress | ev.Files
"""Events that change nothing but the transcript."""


def _sign(talk: PrivateTalk | None) -> str:
    """What kind of conversation it is. The lock stands only where certainly nobody else can read."""
    return "#" if talk is None else {"verified": "⚿", "closed": "✗"}.get(talk.state, "⚠")


class Panels(Vertical):
    """Panels side by side or one above the other, as the style sheet says."""


class ChatScreen(DealingScreen):
    """Shows what the peer tells, and tells the peer what its person wants."""

    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (64, "-medium"), (100, "-wide"), (160, "-vast")]
    VERTICAL_BREAKPOINTS = [(0, "-low"), (18, "-high"), (30, "-tall")]
    AUTO_FOCUS = "Composer"
    BINDINGS = [
        Binding(
            "pageup", "page(-1)", mark("Up"), show=False, id="page-up", tooltip=mark("Earlier messages"), priority=True
        ),
        Binding(
            "pagedown", "page(1)", mark("Down"), show=False, id="page-down", tooltip=mark("Later messages"),
            priority=True,
        ),
        Binding(
            "ctrl+end", "latest", mark("Latest"), key_display="^End", id="latest", tooltip=mark("To what is new"),
            priority=True,
        ),
        Binding("escape", "write", mark("Write"), show=False, id="write", tooltip=mark("Back to the input")),
        Binding(
            "f3", "fold('side')", mark("Members"), key_display="F3", id="members",
            tooltip=mark("Show or hide the members"),
        ),
        Binding(
            "f4", "fold('tracing')", mark("Inspector"), key_display="F4", id="inspector",
            tooltip=mark("Show or hide what the cryptography does"),
        ),
        Binding(
            "f5", "fold('activity')", mark("Activity"), key_display="F5", id="activity",
            tooltip=mark("Show or hide who came, left and was refused"),
        ),
        Binding(
            "f6", "inspect", mark("Enlarge"), key_display="F6", id="inspect",
            tooltip=mark("The inspector on the whole screen"), priority=True,
        ),
        Binding(
            "f8", "fold('rooms')", mark("Rooms"), key_display="F8", id="rooms",
            tooltip=mark("Show or hide the conversations"),
        ),
        Binding(
            "alt+down,ctrl+pagedown", "talk(1)", mark("Next talk"), key_display="Alt+↓", show=False, id="next-talk",
            tooltip=mark("The next conversation"), priority=True,
        ),
        Binding(
            "alt+up,ctrl+pageup", "talk(-1)", mark("Talk before"), key_display="Alt+↑", show=False, id="talk-before",
            tooltip=mark("The conversation before"), priority=True,
        ),
        Binding(
            "alt+a", "unread", mark("Unread"), key_display="Alt+A", id="unread",
            tooltip=mark("The next conversation in which something is new"), priority=True,
        ),
        Binding(
            "ctrl+r", "retry", mark("Retry"), key_display="^R", id="retry",
            tooltip=mark("Send the message again that was not delivered"), priority=True,
        ),
    ]  # fmt: skip

    @dataclass
    class Refused(Message):
        """The peer could not do what was wanted."""

        entered: Composer.Submitted | None
        reason: str
        room: str

    @dataclass
    class Muted(Message):
        """Somebody wants the notifications of a room off, or on again."""

        room: str

    def __init__(self, settings: Settings, peer: Peer) -> None:
        super().__init__()
        self._settings = settings
        self._peer = peer
        self._situation = Situation(settings)
        self._own: dict[str, tuple[Entry, Transcript]] = {}
        """Own messages that the host has not answered, by id, and where they stand."""
        self._errands = Errands(peer)
        self._past: dict[str, list[Entry]] = {}
        """Messages from before, by room, until all that was asked for are there."""
        self._asking: set[str] = set()
        """Rooms for whose earlier messages the host was asked."""
        self._refusals = 0
        """Refused connections since one looked into the log."""

    @property
    def situation(self) -> Situation:
        """What the screen knows of the conversations."""
        return self._situation

    @property
    def transcript(self) -> Transcript:
        """That of the conversation on the screen."""
        return self.query_one(Transcripts).current

    @property
    def peer(self) -> Peer:
        return self._peer

    def restart(self, peer: Peer) -> None:
        """Begin another attempt on the same screen; what was said stays."""
        self._peer = peer
        self._situation = self._situation.again(self._settings)
        self._own.clear()
        self.begin_dealing()
        self._errands.restart(peer)
        self._update()

    def compose(self) -> ComposeResult:
        yield HeaderBar(id="header")
        with Horizontal(id="body"):
            with Vertical(id="rooms"):
                yield Static(tr("Conversations"), classes="heading", markup=False)
                yield Conversations(id="conversations")
                yield Transfers(id="transfers")
            with Panels(id="main"):
                with Vertical(id="talk"):
                    yield Transcripts(self._situation.status.room, id="transcripts")
                    if self._settings.hosting:
                        yield Activity(id="activity")
                        yield Passing(id="passing")
                if self._settings.dev:
                    yield Tracing(id="tracing")
            with Vertical(id="side"):
                yield Static(tr("Members"), classes="heading", markup=False)
                yield Members(id="members")
                yield Card(id="card")
        yield Writing(id="writing")
        yield KeyBar(_KEYS, _IMPORTANT_KEYS, id="keys")

    def on_mount(self) -> None:
        if self._settings.hosting:
            fresh = tr("Making a fresh key for this conversation … Opening the port …")
            self._tell(fresh if self._settings.key is None else tr("Opening the port …"))
            self.watch_passing()
        self.watch(self.app, "app_focus", self._watched)
        self._update()
        self._carry_out()

    def _watched(self, focused: bool) -> None:
        """The terminal has come to the front, or gone from there."""
        self.query_one(Transcripts).watched = focused

    # --- what the peer tells ---

    def hear(self, happened: Sequence[ev.Event]) -> None:
        """Show what happened."""
        if not self.query(Transcripts):
            return  # the screen is being taken down
        transcripts = self.query_one(Transcripts)
        said: dict[Transcript, list[Entry]] = {}
        for event in happened:
            self._situation.apply(event)
            if isinstance(event, ev.Connected | ev.Listening):
                self._begin_in(self._situation.status.room)
            if isinstance(event, ev.TraceEvent):
                continue
            if isinstance(event, ev.Delivered | ev.Failed):
                self._settle(event)
                continue
            if self._settings.hosting and is_refusal(event):
                continue  # it stands in the log
            if isinstance(event, ev.Chosen):
                self._errands.turned()
                self.go_to(event.room)
                continue
            if isinstance(event, ev.Message) and event.history:
                if (entry := entries.entry_of(event)) is not None:
                    self._past.setdefault(event.room, []).append(entry)
                continue
            if isinstance(event, ev.History):
                transcripts.of(event.room).prepend_past(self._past.pop(event.room, []))
                self._asking.discard(event.room)
            places = [transcripts.of(room) if (room := entries.place_of(event)) else transcripts.current]
            made = self.deal(event, places[0])
            for place in transcripts if isinstance(event, ev.Disconnected) else places:
                if (entry := made or entries.entry_of(event)) is not None:
                    said.setdefault(place, []).append(entry)
                    if isinstance(event, ev.Message | ev.FileOffer) and event.mine:
                        self._own[event.id] = entry, place
            match event:
                case ev.Message(mine=True, private=True) | ev.FileOffer(mine=True, private=True) if (
                    places[0] is not transcripts.current
                ):
                    there = tr("To {room}, privately. Alt+↑ and Alt+↓ go there and back.", room=title_of(event.room))
                    aside = Entry("notice", event.time, [("quiet", there)])
                    said.setdefault(transcripts.current, []).append(aside)
            if isinstance(event, ev.Conversation) and event.code == LeftIt.code and places[0] is transcripts.current:
                self.go_to(next(iter(self._situation.unread)))
        for place, added in said.items():
            place.append(added)
        self.show_happened(happened)
        if self._settings.hosting:
            self._log(happened)
        if self._settings.dev:
            self.query_one(Tracing).note(event for event in happened if isinstance(event, ev.TraceEvent))
        if any(not isinstance(event, _SMALL) for event in happened):
            self._update()

    def _begin_in(self, room: str) -> None:
        """A connection begins, in this conversation; what was told before it stands there, too."""
        transcripts = self.query_one(Transcripts)
        if transcripts.room_of(transcripts.current) != room:
            transcripts.rename(room)

    def enter(self, phase: Phase) -> None:
        """The connection has come to this phase."""
        self._situation.enter(phase)
        self._update()

    def _log(self, happened: Sequence[ev.Event]) -> None:
        """Write into the host's log, and count what was refused while it was folded away."""
        activity = self.query_one(Activity)
        activity.note(happened)
        refused = sum(is_refusal(event) for event in happened)
        if refused:
            self._refusals = 0 if activity.region else self._refusals + refused
            self._count()

    def _count(self) -> None:
        """Show on the keys how much waits behind them."""
        situation = self._situation
        elsewhere = sum(situation.unread.values()) - situation.unread.get(situation.status.room, 0)
        badges = {"activity": self._refusals, "latest": self.transcript.unseen, "unread": elsewhere}
        badges["offer"] = self.unanswered
        self.query_one(KeyBar).badges = badges

    def show_deals(self) -> None:
        super().show_deals()
        self._count()

    def _settle(self, event: ev.Delivered | ev.Failed) -> None:
        entry, place = self._own.pop(event.id, (None, None))
        if entry is None or place is None:
            return
        if isinstance(event, ev.Failed):
            entry.fail(event)
            _ = self.deal(event, place)
        else:
            entry.deliver()
        place.changed(entry)
        if isinstance(event, ev.Failed):
            if place is not self.transcript:  # nobody looks there now
                room = title_of(self.query_one(Transcripts).room_of(place))
                said = tr("Not delivered in {room}: {reason}", room=room, reason=event.text)
                self.transcript.append([Entry("failure", event.time, [("alarm", f"! {said}")])])
            self.refresh_bindings()

    def _update(self) -> None:
        """Bring header and side panel up to date."""
        situation = self._situation
        status = situation.status
        self.query_one(HeaderBar).status = status
        self.query_one(Readers).status = status
        self.query_one(Members).seat(situation.seated())
        composer = self.query_one(Composer)
        composer.room = status.room
        composer.names = [member.name for member in situation.members.values() if not member.me]
        composer.rooms = [room for room in situation.unread if room not in situation.talks]
        self._list_rooms()
        self.show_whom()
        self.refresh_bindings()
        if situation.partner is not None:
            self.query_one(Card).show_partner(situation.partner)
        elif situation.link is not None:
            self.query_one(Card).show_link(situation.link)
        elif situation.listening is not None:
            self.query_one(Card).show_host(situation.listening)

    def _list_rooms(self) -> None:
        situation = self._situation
        self.query_one(Conversations).show_talks(
            Talk(
                room,
                unread,
                open=room == situation.status.room,
                sign="✗" if room in situation.left else _sign(situation.talk(room)),
                muted=room in situation.muted,
            )
            for room, unread in situation.unread.items()
        )

    @on(Transcript.Unseen)
    def _unseen(self, message: Transcript.Unseen) -> None:
        """The number of messages of a conversation that were not seen has changed."""
        self._situation.seen(self.query_one(Transcripts).room_of(message.transcript), message.count)
        self._list_rooms()
        self._count()
        self.refresh_bindings()

    @on(Transcript.TopReached)
    def _look_back(self, message: Transcript.TopReached) -> None:
        """Scrolled up to the first message: have those before it, where there are some."""
        room = self.query_one(Transcripts).room_of(message.transcript)
        wanted = room in self._situation.past and room not in self._asking
        if wanted and len(message.transcript.blocks) < Transcript.MOST_BLOCKS:
            self._asking.add(room)
            self._errands.add(commands.History(_PAGE), None, room)

    @on(Conversations.Opened)
    def _opened(self, message: Conversations.Opened) -> None:
        """Go to a conversation; to the end of it, if it is on the screen already."""
        if self.has_class("-narrow") and self.has_class("-instead-rooms"):
            self.action_fold("rooms")
        if message.room == self._situation.status.room:
            self.action_latest()
        self.go_to(message.room)
        self.query_one(Composer).focus()

    def go_to(self, room: str) -> None:
        """Show a conversation. What is being written in the one before waits there."""
        before = self._situation.status.room
        if room == before or room not in self._situation.unread:
            return
        if isinstance(self.focused, Transcript):
            self.query_one(Composer).focus()
        self.clear_selection()
        self.query_one(Writing).turn(before, room)
        self._situation.open(room)
        self.query_one(Transcripts).show(room)
        self._update()
        self._count()
        self.refresh_bindings()

    def action_talk(self, direction: int) -> None:
        """Go to the next conversation in this direction."""
        if (room := self._situation.neighbour(direction)) is not None:
            self.go_to(room)

    def action_unread(self) -> None:
        """Go to the next conversation in which something is new."""
        if (room := self._situation.neighbour(1, unread=True)) is not None:
            self.go_to(room)

    def mute(self, room: str, muted: bool) -> None:
        """Show that the desktop is not told about a conversation, or is told again."""
        (self._situation.muted.add if muted else self._situation.muted.discard)(room)
        self._list_rooms()

    @on(Transcript.LinkChosen)
    def _link(self, message: Transcript.LinkChosen) -> None:
        if may_open(message.url):
            self.app.open_url(message.url)

    @on(Transcript.RetryWanted)
    def _retry(self, message: Transcript.RetryWanted) -> None:
        """Send a message again that was not delivered; it stays where it is if that cannot be done."""
        entry = message.entry
        make = commands.Act if entry.kind == "done" else commands.Say
        if not entry.unsent:
            return
        try:
            room = self.query_one(Transcripts).room_of(message.transcript)
            self._want(make(entry.unsent), entry, room)
        except LocalError as error:
            self.query_one(Writing).hint(str(error))

    def _tell(self, said: str) -> None:
        self.transcript.append([Entry("notice", datetime.now(UTC), [("quiet", said)])])

    # --- what the person wants ---

    @on(Composer.Submitted)
    def _submitted(self, message: Composer.Submitted) -> None:
        try:
            text = message.text
            self.action_latest()
            if self._errands.may_be_secret:
                self._errands.may_be_secret = False
                raise PerhapsSecret
            self._want(commands.Say(commands.checked(text)) if message.literal else commands.parse(text), message)
        except LocalError as error:
            self._refuse(message.room, message, str(error))

    def ask(self, intent: commands.Intent, room: str | None = None) -> None:
        """Do this as if it had been typed in this conversation (None: the one on the screen); what cannot be done is
        said above the input."""
        try:
            self._want(intent, room=room)
        except LocalError as error:
            self.query_one(Writing).hint(str(error))

    def _want(
        self, intent: commands.Intent, entered: Composer.Submitted | Entry | None = None, room: str | None = None
    ) -> None:
        """Do what is the screen's own business, and leave the rest to the peer. `room`: the conversation that it is
        meant for, where that may not be the one on the screen any more. Raises `LocalError`."""
        match intent:
            case commands.Quit():
                self.run_worker(self.app.run_action("quit"), name="quit")
            case commands.Clear():
                self.transcript.clear()
            case commands.Help(name):
                self._tell(commands.help_text(name))
            case commands.Mute():
                self.post_message(self.Muted(self._situation.status.room))
            case commands.Verify(None, None):
                self.run_worker(self.app.run_action("verify"), name="verify")
            case _ if self._situation.status.phase != "open":
                raise NotConnected
            case _:
                # Who writes and goes on at once meant the conversation where it was written.
                written_in = entered.room if isinstance(entered, Composer.Submitted) else self._situation.status.room
                self._errands.add(intent, entered, room or written_in)

    @work(name="carry out")
    async def _carry_out(self) -> None:
        """Have everything done that the person wants."""
        while True:
            errand, error = await self._errands.next()
            if error is not None:
                self.post_message(self.Refused(errand.to_give_back, str(error), errand.room))
                continue
            self.taken(errand.intent)
            if isinstance(errand.entered, Entry):
                self.query_one(Transcripts).of(errand.room).take_away(errand.entered)
                self.refresh_bindings()

    @on(Refused)
    def _refused_by_peer(self, message: Refused) -> None:
        self._asking.discard(message.room)
        self._refuse(message.room, message.entered, message.reason)

    def _refuse(self, room: str, entered: Composer.Submitted | None, reason: str) -> None:
        """Give a text back to its author, with the reason; in the conversation where it was written."""
        if room != self._situation.status.room:  # meanwhile one is elsewhere
            if entered is not None:
                self.query_one(Writing).keep(room, entered)
            failure = Entry("failure", datetime.now(UTC), [("alarm", f"! {reason}")])
            self.query_one(Transcripts).of(room).append([failure])
            return
        writing = self.query_one(Writing)
        if entered is not None:
            writing.give_back(entered)
        writing.hint(reason)

    def action_page(self, direction: int) -> None:
        """Scroll what is focused, or else the transcript, by a page."""
        focused = self.focused
        lines = focused if isinstance(focused, Lines) else self.transcript
        if direction < 0 and lines is self.transcript and lines.scroll_offset.y <= 0:
            lines.post_message(Transcript.TopReached(self.transcript))
        lines.scroll_relative(y=direction * max(1, lines.size.height - 1), animate=False)
        self.call_after_refresh(self.refresh_bindings)  # there is a way back now, or none

    def action_latest(self) -> None:
        self.transcript.scroll_end(animate=False, force=True, immediate=True, x_axis=False)
        self.call_after_refresh(self.refresh_bindings)

    def action_retry(self) -> None:
        self.transcript.action_retry()

    def action_write(self) -> None:
        self.clear_selection()
        self.transcript.forget_new()
        self.query_one(Composer).focus()

    def on_key(self, event: events.Key) -> None:
        """A letter that nobody took is meant for the input, wherever the focus is."""
        if event.is_printable and event.character is not None and event.key not in self.active_bindings:
            event.stop()
            self.query_one(Composer).focus().insert(event.character)

    def on_paste(self, event: events.Paste) -> None:
        """So is a paste."""
        event.stop()
        self.query_one(Composer).focus().paste(event.text)

    def action_fold(self, panel: str) -> None:
        """Show a panel and go into it, or fold it away."""
        self.set_classes(toggled(panel, self.classes))
        self.call_after_refresh(self._go_into, panel)

    def _go_into(self, panel: str) -> None:
        """Give the focus to a panel that was unfolded, and take it from one that was folded away."""
        widget = self.query_one(_PANELS[panel])
        if panel == "activity" and widget.region:
            self._refusals = 0
            self._count()
        if not widget.region:
            self.query_one(Composer).focus()
        elif isinstance(widget, Tracing):
            widget.focus_list()
        else:
            widget.focus()

    def action_inspect(self) -> None:
        _ = self.app.push_screen(InspectorScreen(self.query_one(Tracing).inspection))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        match action, parameters:
            case ("fold", ("tracing",)) | ("inspect", ()):
                return self._settings.dev
            case "fold", ("activity",):
                return self._settings.hosting
            case "offer", ():
                return self.has_offers
            case "file", ():
                return self._situation.status.phase == "open"
            case "retry", ():
                return bool(self.query(Transcripts)) and self.transcript.failed is not None
            case "latest", ():
                here = self.transcript if self.query(Transcripts) else None
                return here is not None and (here.unseen > 0 or not here.is_vertical_scroll_end)
            case "talk", _:
                return len(self._situation.unread) > 1
            case "unread", ():
                return self._situation.neighbour(1, unread=True) is not None
            case _:
                return True
