"""One member of a conversation: what it knows, what it sends, what its person is told.

Messages from the hub and intents of the person go in; messages to the hub and events for the face come out, by
`take_outgoing` and `take_events`. A guest and the host's own person run this same code. Times are seconds since 1970
(UTC), given by the caller.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Literal

from msgspec.structs import astuple

from usi.core import commands, events, text, wire
from usi.core.accounts import Role
from usi.core.choice import Choice
from usi.core.comparing import Comparing
from usi.core.content import Body, Kind
from usi.core.crypto import PrivateKey, PublicKey
from usi.core.errors import (
    BadHandshake,
    BadMessage,
    LocalError,
    NameTaken,
    NotConnected,
    OutOfTurn,
    PeerError,
    UsiError,
)
from usi.core.hearing import Hearing
from usi.core.inbox import Inbox
from usi.core.lobby import Lobby, refusal
from usi.core.lookback import Room
from usi.core.offering import Offering
from usi.core.offers import Offer, Offers
from usi.core.outbox import Outbox
from usi.core.password import PasswordCheck, State
from usi.core.private import Private
from usi.core.report import Report
from usi.core.roster import Profile, Proof, Roster
from usi.core.talk import Talk
from usi.core.thread import Thread
from usi.core.trace import Tracer, content_trace
from usi.core.transfer import Offered
from usi.core.wish import Wish

FileMessage = wire.Ticket | wire.NoTicket | wire.Wanted | wire.FileWord
"""What the hub says of data connections: `net.files` hears it, not the member machine."""


class Member:
    """One person's part. `key` is the person's, `wanted_name` the name to ask for; `preset` tells that a preset key
    is mixed into the links, `ask_private` that the person is asked before somebody talks privately. `pair_tracer` makes
    the listener for the pair link with a member of that name."""

    def __init__(
        self,
        key: PrivateKey,
        wanted_name: str,
        *,
        preset: bool = False,
        ask_private: bool = False,
        tracer: Tracer | None = None,
        pair_tracer: Callable[[str], Tracer | None] = lambda name: None,
    ) -> None:
        self.name = wanted_name
        self.id = key.public.id
        self.roster = Roster(key.public)
        self._wanted_names: deque[str] = deque()
        """Names asked for by /nick and not answered, oldest first."""
        self._wish = Wish()
        self.check = PasswordCheck(self.roster, self._send, self._tell_password, tracer)
        self.host_lasts = False
        """The host says that it keeps its key from run to run."""
        self.key = key
        self._trace = tracer
        self._host_key: PublicKey | None = None
        self.away: str | None = None
        """Why this person is away, if it is; empty: it does not say. A host that is joined hears of it."""
        self._present = False
        self._outgoing: list[wire.Message] = []
        self._report = Report()
        self._inbox = Inbox(self.roster, self._report)
        self._offering = Offering(self._report)
        self._hearing = Hearing(
            self.roster,
            self._report,
            self._offering,
            send=self._send,
            find=lambda conversation: self._rooms.get(conversation) or self._private.talk(conversation),
            tracer=tracer,
        )
        self._outbox = Outbox(key, self._send, self._note_sealed, self._fail)
        self._private = Private(
            key,
            self.roster,
            self._outbox,
            self._report,
            send=self._send,
            fail=self._fail,
            show=self._show_proof,
            is_room=lambda conversation: conversation in self._rooms,
            settle=self._hearing.gaps.settle,
            ask=ask_private,
            tracer=pair_tracer,
        )
        self._comparing = Comparing(self.roster, self._report, self._private, preset=preset)
        self._lobby = Lobby(
            self.roster,
            self._outbox,
            self._report,
            send=self._send,
            seat=self._seat,
            gone=self._gone,
            fail=self._fail,
        )
        self._choice = Choice(self._lobby, self._private, self._report)

    # --- out ---

    def take_outgoing(self) -> list[wire.Message]:
        """Messages for the hub, each returned once."""
        taken, self._outgoing = self._outgoing, []
        return taken

    def take_events(self) -> list[events.Event]:
        """Events for the face, each returned once."""
        return self._report.take()

    @property
    def offers(self) -> Offers:
        """Own offers of files and other people's."""
        return self._offering.list

    @property
    def rooms(self) -> list[str]:
        """The names of the rooms that this member may see."""
        return [room.name for room in self._rooms.values()]

    @property
    def _rooms(self) -> dict[bytes, Room]:
        return self._lobby.rooms

    @property
    def room(self) -> str | None:
        """The name of the conversation that is chosen."""
        thread = self._choice.thread
        return thread.name if thread is not None else None

    @property
    def entering(self) -> bool:
        """Whether the person has asked for a room and the host has not answered: what is said next may be for it."""
        return self._lobby.wanted is not None

    def check_in(self) -> None:
        """Ask the host for our own key, which it answers behind everything else that was asked of it."""
        self.roster.ask_again(self.id)
        self._send(wire.GetKey(self.id))

    @property
    def answered(self) -> bool:
        """Whether the host has answered all that was asked before `check_in`, and what it was asked of the past."""
        return not self.roster.waits_for(self.id) and not self._lobby.past.waits

    @property
    def in_flight(self) -> int:
        """What was said and the host has not answered."""
        return self._outbox.count

    @property
    def outbox_full(self) -> bool:
        """Whether the next post should wait until the host has answered some."""
        return self._outbox.full

    @property
    def joined(self) -> bool:
        """Whether the host's welcome and its list of members have arrived."""
        return self._present

    # --- in ---

    def start(self, host_key: PublicKey | None, proof: Proof | None, exporter: bytes = b"") -> None:
        """A link is there: ask to join. On the host, which has no link to itself, there is nothing to give."""
        self._host_key = host_key
        self.roster.own_link = proof
        self.roster.own_exporter = exporter
        self._outgoing.append(wire.Join(self.name))

    def receive(self, messages: Sequence[wire.Message | wire.LinkFacts], now: float) -> None:
        """Take what the hub sent. Raises `PeerError` where it makes no sense; the link must then end."""
        self._pass_time(now)
        for came in messages:
            message = wire.Posted(*astuple(came)) if isinstance(came, wire.Found) else came
            if isinstance(message, wire.KeyOf):
                self.roster.take_key(message)
            elif not isinstance(message, wire.Alive | wire.Bye | FileMessage):
                if isinstance(message, wire.Posted | wire.Old) and self.roster.asks_for(message.sender):
                    self._outgoing.append(wire.GetKey(message.sender))
                self._inbox.put(message)
        self._drain()

    def tick(self, now: float) -> None:
        """Let time pass: called about once a second."""
        self._pass_time(now)
        self._drain()
        if self._present:
            self._private.tick()
            self._hearing.gaps.tick()

    def do(self, intent: commands.ForMember, now: float) -> None:
        """What the person wants. Raises `LocalError`; the caller keeps the typed text."""
        self._pass_time(now)
        new_room = isinstance(intent, commands.Order) and intent.word == "room-new"
        if isinstance(intent, commands.Private | commands.Go) or new_room:
            self._choice.drift()  # until it has worked
        match intent:
            case commands.Say(said, room):
                self._say(self._find_thread(room), "text", said)
            case commands.Act(done, room):
                self._say(self._find_thread(room), "me", done)
            case commands.Go(room):
                self._check_present()
                self._choice.go(room)
            case commands.Tell(name, said):
                self._say(self._talk_with([name]), "text", said)
                self._tell_if_away(name)
            case commands.Private(names):
                self._check_present()
                self._choice.choose(self._talk_with(names) if names else self._choice.first_room)
                for name in names:
                    self._tell_if_away(name)
            case commands.Add(names, room):
                self._check_present()
                self._private.add(self._choice.find_talk(room), [self.roster.find(name) for name in names])
            case commands.Leave(room):
                self._choice.leave(self._find_thread(room))
            case commands.Block(name):
                self._check_present()
                self._private.block(self.roster.find(name))
            case commands.Nick(wanted):
                name = text.clean_name(wanted)
                self._check_present()
                self._wish.forget()
                self._ask_for_name(name)
            case commands.Away(why):
                self._check_present()
                self._be_away(None if not why and self.away is not None else why)
            case commands.Users():
                self._emit(self.users(asked=True))
            case commands.Verify():
                self._check_present()
                self._comparing.verify(intent)
            case commands.Password(name):
                self._check_present()
                self.check.begin(name)
            case commands.Rooms() | commands.Order() | commands.Topic() | commands.History() | commands.Search():
                self._check_present()
                self._do_in_rooms(intent)

    def _be_away(self, why: str | None) -> None:
        """Be away from here on, or (None) back."""
        self.away = why
        self._send(wire.Away(why))

    def _tell_if_away(self, name: str) -> None:
        profile = self.roster.here[self.roster.find(name)]
        if profile.away:
            self._report.notify("away-because", name=profile.name, why=profile.away)
        elif profile.away is not None:
            self._report.notify("away", name=profile.name)

    def _do_in_rooms(
        self, intent: commands.Rooms | commands.Order | commands.Topic | commands.History | commands.Search
    ) -> None:
        match intent:
            case commands.Rooms():
                self._send(wire.ListRooms())
            case commands.Order():
                self._lobby.order(intent)
            case commands.Topic(said, room):
                self._lobby.topic(self._find_thread(room), said)
            case commands.History(count, room):
                self._lobby.past.history(self._find_thread(room), count)
            case commands.Search(needle, room):
                self._lobby.past.search(self._find_thread(room), needle)

    def vouch(self, member: bytes, how: events.How) -> None:
        """This member's key, with ours, is verified. Told once the member is here."""
        self._comparing.vouch(member, how)

    def type_password(self, secret: bytes | None, now: float) -> None:
        """The password that was asked for, as `pake.password_secret` makes it; None: not typed. `LocalError`."""
        self._pass_time(now)
        if secret is None:
            self.check.cancel()
        else:
            self.check.typed(secret)

    def give_up_asking(self, now: float) -> None:
        """Wait no longer for people who were asked whether to talk privately: what was to be said to them fails."""
        self._pass_time(now)
        self._private.give_up_asking()

    def resumed(self, now: float) -> None:
        """The seat at the host is taken again, over another link: who had to answer could not, meanwhile."""
        self._pass_time(now)
        self._inbox.wait_anew()
        self._hearing.gaps.resumed()
        self._private.resumed()

    def disconnected(self, error: PeerError, now: float) -> None:
        """The link is gone: what was under way has failed, and its text goes back to the person."""
        self._pass_time(now)
        with suppress(PeerError):  # it is over anyway
            self._drain(give_up=True)
        self._hearing.gaps.settle_all()
        self._private.disconnected()
        for shown_id, body in self._outbox.drop_all():
            self._fail(shown_id, body, error)
        self._outgoing.clear()
        self._present = False
        self.roster.own_exporter = b""
        for room in self._rooms.values():
            room.key = None  # what was recorded of this conversation cannot be opened from here any more

    def users(self, *, asked: bool) -> events.Users:
        rows = self._lobby.with_rooms(self.roster.rows())
        return events.Users(time=self._time(), members=rows, asked=asked)

    def _show_proof(self, member: bytes) -> None:
        self._comparing.show(member)

    def _tell_password(self, member: bytes, state: State) -> None:
        name = self.roster.here[member].name
        self._emit(events.Password(time=self._time(), name=name, member=member.hex(), state=state))
        if state == "matched":
            self._comparing.matched(member)

    # --- conversations ---

    def _check_present(self) -> None:
        if not self._present:
            raise NotConnected

    def _find_thread(self, room: str | None) -> Thread:
        """The conversation of that name, or the one that is chosen."""
        self._check_present()
        return self._choice.find(room)

    def _talk_with(self, names: Iterable[str]) -> Talk:
        """The private conversation with these, opened where there is none."""
        self._check_present()
        return self._private.with_members([self.roster.find(name) for name in names])

    # --- saying something ---

    def _say(self, thread: Thread, kind: Literal["text", "me"], said: str) -> None:
        said = commands.checked(said)
        shown_id = self._post(thread, kind, said)
        self._emit(
            events.Message(
                time=self._time(),
                id=shown_id,
                room=thread.name,
                from_=self.name,
                member=self.id.hex(),
                text=said,
                sent_at=self._time(),
                mine=True,
                signature="good",
                kind=kind,
                private=thread.private,
            )
        )

    def _post(
        self,
        thread: Thread,
        kind: Kind,
        said: str,
        *,
        offer: Offered | None = None,
        transfer: bytes | None = None,
    ) -> str:
        """Seal a body for a conversation and let it go out, as soon as there is a key; returns the id that events will
        have. Raises `LocalError`."""
        self._check_present()
        if isinstance(thread, Talk):
            self._private.check_says(thread)
        body = Body(
            kind=kind,
            text=said,
            name=self.name,
            sent_at=int(self._report.now * 1000),
            run=thread.run,
            n=1,
            offer=offer,
            transfer=transfer,
        )
        if self.away is not None and kind != "withdraw":  # which no person may have asked for
            self._be_away(None)
        return self._outbox.put(thread, body)

    # --- offering files ---

    def offer(
        self, offered: Offered, name: str, now: float, *, room: str | None = None, to: str | None = None
    ) -> Offer:
        """Offer a file, under a cleaned name, to a conversation (None: the one that is chosen), or privately to the
        member called `to`. Raises `LocalError`."""
        self._pass_time(now)
        self._offering.check()
        thread = self._find_thread(room) if to is None else self._talk_with([to])
        shown_id = self._post(thread, "offer", "", offer=offered)
        readers = thread.everybody if isinstance(thread, Talk) else self._lobby.readers(thread)
        audience = readers & self.roster.here.keys() - {self.id}
        return self._offering.note_own(thread, shown_id, offered, self.id, self.name, name, audience)

    def may_fetch(self, offer: Offer, member: bytes) -> bool:
        """Whether an own offer was made to this member, among others."""
        thread = next((talk for talk in self._private.talks if talk.name == offer.room), None)
        if thread is not None:
            return member in thread.members
        return any(room.name == offer.room and member in room.members for room in self._rooms.values())

    def withdraw(self, offer: Offer, why: LocalError, now: float) -> None:
        """Take an own offer back, for all who have not fetched it."""
        self.close_offer(offer, why, now)
        with suppress(LocalError):  # where nothing can be said any more, nobody waits for it either
            self._post(self._find_thread(offer.room), "withdraw", "", transfer=offer.offered.transfer)

    def close_offer(self, offer: Offer, error: UsiError, now: float) -> None:
        """Nobody can accept it any more."""
        self._pass_time(now)
        self._offering.close(offer, error)

    def take_up(self, offered: Offered, sender: bytes, kept: int, now: float) -> None:
        """List an offer of an earlier run, of which `kept` bytes have arrived and whose sender is here."""
        self._pass_time(now)
        profile = self.roster.here.get(sender)
        if self._rooms and profile is not None:
            self._offering.take_up(self._choice.first_room, offered, sender, profile.name, kept)

    def ask_key(self, member: bytes) -> None:
        """Have the key of a member who is here, if it is not known yet."""
        if self.roster.asks_for(member):
            self._outgoing.append(wire.GetKey(member))

    def _take_ack(self, message: wire.Ack) -> None:
        entry = self._outbox.taken(message.id)
        self._hearing.gaps.take(entry.thread, message.number, None)
        self._emit(events.Delivered(time=self._time(), id=entry.shown_id, number=message.number))
        self._outbox.flush(entry.thread)

    def _take_stale(self, message: wire.StaleKey) -> None:
        entry = self._outbox.answered(message.id)
        key = entry.thread.key
        if key is not None and key.key_id == entry.post.key_id:
            raise BadMessage(why="it calls the key stale that it gave")
        if isinstance(entry.thread, Talk) and entry.thread.closed is not None:
            self._fail(entry.shown_id, entry.body, entry.thread.closed)
        else:
            self._outbox.seal_anew(entry)

    def _take_refusal(self, message: wire.Refused) -> None:
        entry = self._outbox.answered(message.id)
        closed = entry.thread.closed if isinstance(entry.thread, Talk) else None
        self._fail(entry.shown_id, entry.body, closed or refusal(message.code))
        self._outbox.flush(entry.thread)

    def _fail(self, shown_id: str, body: Body, error: PeerError) -> None:
        if body.offer is not None or body.transfer is not None:
            offer = self.offers.of_transfer(body.offer.transfer if body.offer else b"", self.id)
            if offer is not None:
                self._offering.close(offer, error)
            return
        self._emit(
            events.Failed(time=self._time(), id=shown_id, code=error.code, text=str(error), message=body.text)
        )

    # --- hearing something ---

    def _drain(self, *, give_up: bool = False) -> None:
        """Handle what has arrived, in order, up to a post whose author's key is still under way."""
        try:
            while (message := self._inbox.first) is not None:
                if self._choice.begun == isinstance(message, wire.Welcome):
                    raise OutOfTurn(what="a message before its welcome, or a second one")
                if self._inbox.take(give_up=give_up) is None:
                    return
                self._handle(message)
        except PeerError:
            self._inbox.clear()  # nothing behind a breach is looked at
            raise

    def _handle(self, message: wire.Message | wire.LinkFacts) -> None:
        match message:
            case wire.Posted():
                self._hearing.take(message)
            case wire.Ack():
                self._take_ack(message)
            case wire.Joined():
                for member in self._lobby.take_joined(message):
                    self._comparing.tell_vouched(member)
            case wire.Left():
                self._take_left(message)
            case wire.Out():
                if (left := self._rooms.get(message.room)) is not None:
                    self._hearing.gaps.settle(left)  # what comes late is not heard any more
                self._choice.put_out(self._lobby.take_out(message), message.code)
            case wire.Renamed():
                self._take_renamed(message)
            case wire.Absent():
                self._take_absent(message)
            case wire.LinkFacts():
                self.roster.note_link(message)
                if message.by_code:
                    self.vouch(message.member, "code")
            case wire.Lasting():
                self.host_lasts = True
            case wire.Challenge():
                self.check.take_challenge(message)
            case wire.Asked():
                self.check.take_asked(message)
            case wire.Proved():
                self.check.take_proved(message)
            case wire.Welcome():
                self._take_welcome(message)
            case wire.Present():
                self._take_present(message)
            case wire.StaleKey():
                self._take_stale(message)
            case wire.Refused():
                self._take_refusal(message)
            case wire.Notice():
                self._take_notice(message)
            case wire.Passed():
                self._private.take_passed(message)
            case wire.RoomKey() if (room := self._rooms.get(message.room)) is not None:
                self._hearing.gaps.settle(room)  # what is older was sealed with another key
                self._lobby.take(message)
            case wire.Caught():
                self._hearing.take_caught(message)
            case wire.Gathered():
                self._private.take_gathered(message)
            case _ if not self._lobby.take(message):
                raise OutOfTurn(what="a message for the host")

    # --- who is here ---

    def _take_welcome(self, message: wire.Welcome) -> None:
        host_key = self._host_key if self._host_key is not None else self.key.public
        if message.host.id != host_key.id or message.me.id != self.id:
            raise BadHandshake  # the host names another key than the one that the link proved
        if not message.rooms:
            raise BadMessage(why="no room")
        self.roster.host = host_key.id
        self.roster.keys[host_key.id] = host_key
        self._lobby.welcome(message.rooms, keeps=message.history)
        self._choice.begin()
        if not text.is_numbered(message.me.name, self.name):
            raise BadMessage(why="a name for us that we did not ask for")
        self._seat(message.host)
        self._seat(message.me)
        if message.me.name != self.name:
            self._wish.make(self.name, self._report.now)
        self.name = message.me.name
        self._comparing.note_shown(message.host.name, host_key.id)  # the face shows it on joining

    def _take_present(self, message: wire.Present) -> None:
        room = self._lobby.take_present(message)
        if room is None:
            return
        if self._present:
            self._choice.entered(room)
        elif self._lobby.listed:
            self._present = True
            if self.away is not None:  # since before: this is another run of the host
                self._be_away(self.away)
            self._emit(self.users(asked=False))
            self._lobby.tell_all()
            if self._wish.name is not None:
                # Nobody else may be called as an account is: its name is taken by another link of the same.
                code = "name-numbered" if self._lobby.role is Role.GUEST else "account-here"
                self._report.notify(code, wanted=self._wish.name, name=self.name)
            self._comparing.tell_vouched(self.roster.host)

    def _take_left(self, message: wire.Left) -> None:
        names = [profile.name for member in message.members if (profile := self.roster.here.get(member))]
        self._lobby.take_left(message)
        if (name := self._wish.comes_true(names, message.code, self._report.now)) is not None:
            self._ask_for_name(name)

    def _ask_for_name(self, name: str) -> None:
        self._wanted_names.append(name)
        self._send(wire.Nick(name))

    def _gone(self, member: bytes) -> None:
        """A member is not seen any more."""
        self.check.left(member)
        self._offering.gone(member)
        self._private.take_left(member)
        del self.roster.here[member]

    def _take_renamed(self, message: wire.Renamed) -> None:
        profile = self.roster.here.get(message.member)
        if profile is None:
            raise BadMessage(why="a new name of a member who is not here")
        old = profile.name
        mine = message.member == self.id
        if mine and message.name not in self._wanted_names:
            raise BadMessage(why="a name for us that we did not ask for")
        while mine and self._wanted_names.popleft() != message.name:
            pass  # a wish that changed nothing gets no answer
        self._seat(wire.MemberInfo(message.member, message.name, profile.away))
        if mine:
            self.name = message.name
        self._emit(
            events.MemberRenamed(
                time=self._time(), old=old, name=profile.name, member=message.member.hex(), mine=mine
            )
        )
        self._private.note_change(message.member)

    def _take_absent(self, message: wire.Absent) -> None:
        if message.member not in self.roster.here:
            raise BadMessage(why="the absence of a member who is not here")
        profile = self.roster.note_away(message.member, message.text)
        self._emit(
            events.MemberAway(
                time=self._time(),
                name=profile.name,
                member=message.member.hex(),
                away=profile.away is not None,
                away_text=profile.away or "",
                mine=message.member == self.id,
            )
        )

    def _seat(self, info: wire.MemberInfo) -> Profile:
        if not self.roster.seat(info):
            self._report.notify("name-changed-hands", name=self.roster.here[info.id].name)
        return self.roster.here[info.id]

    # --- telling ---

    def _take_notice(self, message: wire.Notice) -> None:
        if (message.code, message.about) == ("too-many-changes", "away") and self.away is not None:
            self.away = self.roster.here[self.id].away  # as the others still see it
        if message.code == NameTaken.code:
            name = text.visible_line(message.about)
            self._emit(events.Notice(time=self._time(), code=message.code, text=str(NameTaken(name=name))))
        elif not self._lobby.knows_notice(message):
            self._report.notify("unknown-notice")  # its words are the host's, and must not look like ours

    def _send(self, message: wire.Message) -> None:
        self._outgoing.append(message)

    def _emit(self, event: events.Event) -> None:
        self._report.tell(event)

    def _pass_time(self, now: float) -> None:
        self._report.now = now

    def _time(self) -> datetime:
        return self._report.time

    def _note_sealed(self, thread: Thread, post: wire.Post, body: Body) -> None:
        if self._trace is not None:
            said = body.text or body.kind
            self._trace(content_trace("seal", "out", post, said, "good", private=thread.private))
