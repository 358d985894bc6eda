"""One member of a conversation: what it knows, what it sends, what its person is told.

Messages from the hub and intents of the person go in; messages to the hub and events for the face come out, by
`take_outgoing` and `take_events`. A guest and the host's own person run this same code. Times are seconds since 1970
(UTC), given by the caller.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

from usi.core import commands, events, text, wire
from usi.core.content import RUN_SIZE, Body, ConversationKey, Kind, Opened
from usi.core.crypto import CryptoError, PrivateKey, PublicKey, random_bytes
from usi.core.errors import (
    BadCommand,
    BadHandshake,
    BadMessage,
    NameTaken,
    NotConnected,
    NothingToCompare,
    OutOfTurn,
    PeerError,
    PushedOut,
    RefusedPost,
    SenderGone,
    TakenBack,
    TooManyOffers,
    UsiError,
    Withdrawn,
)
from usi.core.language import tr
from usi.core.offers import Offer, Offers
from usi.core.recent import Recent
from usi.core.roster import Profile, Proof, Roster
from usi.core.trace import Direction, Trace, Tracer, Value
from usi.core.transfer import Offered

KEY_PATIENCE = 5.0  # seconds that a post waits for its author's key before it is shown as unsigned
KEY_BACKLOG = 1_000  # messages that wait behind it before patience ends
LATE = 300.0  # seconds that an author's clock may be off before a post is marked
OUTBOX_POSTS = 64  # posts under way before the person's next one waits
OUTBOX_BYTES = 512 * 1024  # and what they may weigh, so that they fit the queue of every reader
SHOWN_KEPT = 2_000  # ids of posts that were shown, so that none is shown twice
HEARD_KEPT = 10_000  # authors' runs whose counts are followed
OWN_OFFERS = 20  # files that a member may offer at once
LISTED_OFFERS = 20  # and that it can have open at a reader: more push out its oldest
EARLIEST, LATEST = 86_400_000, 250_000_000_000_000  # milliseconds: time stamps that every clock and zone can show

FileMessage = wire.Ticket | wire.NoTicket | wire.Wanted | wire.FileWord
"""What the hub says of data connections: `net.files` hears it, not the member machine."""

NOTICES = {
    "withheld": "{count} messages in #{room} did not arrive: the host withheld them.",
    "withheld-from": "{count} messages of {name} in #{room} did not arrive: the host withheld them.",
    "repeated": "The host repeated or held back a message in #{room}; it was not shown.",
    "unreadable": "A message of {name} in #{room} could not be read: it was sealed with another key, or changed.",
    "unknown-notice": "The host sent a notice that this version does not know.",
    "offer-unsigned": "{name} offers a file, but the offer's signature could not be checked; it cannot be accepted.",
    "name-changed-hands": "{name} is not the {name} who was here before: the key is another.",
}
"""Sentences of the notices by code."""


@dataclass
class _Outgoing:
    """A post under way: what was said, and the sealed bytes, which are sent again rather than sealed again."""

    shown_id: str
    body: Body
    post: wire.Post


@dataclass
class _Room:
    key: ConversationKey
    name: str
    number: int
    """The newest number seen."""
    n: int = 0
    """Own posts so far."""
    heard: Recent[tuple[bytes, bytes], int] = field(default_factory=lambda: Recent(HEARD_KEPT))
    """(author, run) → the newest signed count."""
    shown: Recent[tuple[bytes, bytes], None] = field(default_factory=lambda: Recent(SHOWN_KEPT))
    """(author, id) of the posts shown last, whatever their signature."""


class Member:
    """One person's part. `key` is the person's, `wanted_name` the name to ask for; `preset` tells that a preset key
    is mixed into the links."""

    def __init__(
        self, key: PrivateKey, wanted_name: str, *, preset: bool = False, tracer: Tracer | None = None
    ) -> None:
        self.name = wanted_name
        self.id = key.public.id
        self.roster = Roster(key.public)
        self.offers = Offers()
        self._wanted_names: deque[str] = deque()
        """Names asked for by /nick and not answered, oldest first."""
        self._compared: dict[str, tuple[bytes, Proof]] = {}
        """Skeleton of a name → the key and the proof that were shown for it, to be compared."""
        self._key = key
        self._preset = preset
        self._trace = tracer
        self._host_key: PublicKey | None = None
        self._run = random_bytes(RUN_SIZE)
        self._rooms: dict[bytes, _Room] = {}
        self._current: _Room | None = None
        self._present = False
        self._inbox: deque[tuple[float, wire.Message | wire.LinkFacts]] = deque()
        """Arrival and message, of what waits behind an author's key."""
        self._outbox: dict[bytes, _Outgoing] = {}
        self._outgoing: list[wire.Message] = []
        self._events: list[events.Event] = []
        self._now = 0.0

    # --- out ---

    def take_outgoing(self) -> list[wire.Message]:
        """Messages for the hub, each returned once."""
        taken, self._outgoing = self._outgoing, []
        return taken

    def take_events(self) -> list[events.Event]:
        """Events for the face, each returned once."""
        taken, self._events = self._events, []
        return taken

    @property
    def rooms(self) -> list[str]:
        """The names of the rooms that this member may see."""
        return [room.name for room in self._rooms.values()]

    @property
    def in_flight(self) -> int:
        """Posts that the host has not answered."""
        return len(self._outbox)

    @property
    def outbox_full(self) -> bool:
        """Whether the next post should wait until the host has answered some."""
        weight = sum(len(entry.post.sealed) for entry in self._outbox.values())
        return len(self._outbox) >= OUTBOX_POSTS or weight >= OUTBOX_BYTES

    @property
    def joined(self) -> bool:
        """Whether the host's welcome and its list of members have arrived."""
        return self._present

    # --- in ---

    def start(self, host_key: PublicKey | None, proof: Proof | None) -> None:
        """A link is there: ask to join. On the host, which has no link to itself, both are None."""
        self._host_key = host_key
        self.roster.own_link = proof
        self._outgoing.append(wire.Join(self.name))

    def receive(self, messages: Sequence[wire.Message | wire.LinkFacts], now: float) -> None:
        """Take what the hub sent. Raises `PeerError` where it makes no sense; the link must then end."""
        self._now = now
        for message in messages:
            if isinstance(message, wire.KeyOf):
                self.roster.take_key(message)
            elif not isinstance(message, wire.Alive | wire.Bye | FileMessage):
                if isinstance(message, wire.Posted) and self.roster.asks_for(message.sender):
                    self._outgoing.append(wire.GetKey(message.sender))
                self._inbox.append((now, message))
        self._drain()

    def tick(self, now: float) -> None:
        """Let time pass: called about once a second."""
        self._now = now
        self._drain()

    def do(self, intent: commands.ForMember, now: float) -> None:
        """What the person wants. Raises `LocalError`; the caller keeps the typed text."""
        self._now = now
        match intent:
            case commands.Say(said):
                self._say("text", said)
            case commands.Act(done):
                self._say("me", done)
            case commands.Nick(wanted):
                name = text.clean_name(wanted)
                if not self._present:
                    raise NotConnected
                self._wanted_names.append(name)
                self._outgoing.append(wire.Nick(name))
            case commands.Users():
                self._emit(self.users(asked=True))
            case commands.Verify():
                self._verify(intent)

    def disconnected(self, error: PeerError, now: float) -> None:
        """The link is gone: what was under way has failed, and its text goes back to the person."""
        self._now = now
        with suppress(PeerError):  # it is over anyway
            self._drain(give_up=True)
        for entry in self._outbox.values():
            self._fail(entry, error)
        self._outbox.clear()
        self._outgoing.clear()
        self._present = False

    def users(self, *, asked: bool) -> events.Users:
        return events.Users(time=self._time(), members=self.roster.rows(), asked=asked)

    def _verify(self, intent: commands.Verify) -> None:
        """Show what to compare, or take note of what people found."""
        if not self._present:
            raise NotConnected
        roster = self.roster
        if intent.name is not None:
            member = roster.find(intent.name)
        else:
            others = [member for member in roster.here if roster.proof_of(member) is not None]
            if len(others) != 1:
                raise BadCommand(usage=commands.find("verify").usage)
            member = others[0]
        proof, name = roster.proof_of(member), roster.here[member].name
        if proof is None:
            raise NothingToCompare(name=name)
        key = text.skeleton(name)
        if intent.match is False:
            roster.verified.discard(member)
        elif intent.match and self._compared.get(key) == (member, proof):
            roster.verified.add(member)  # only what was shown can have been compared, not who has the name by now
        self._compared[key] = (member, proof)
        verified: Literal["verified", "open"] = "verified" if member in roster.verified else "open"
        self._emit(
            events.Verification(
                time=self._time(),
                name=name,
                member=member.hex(),
                fingerprint=proof.fingerprint.hex(),
                words=list(proof.words),
                state="differs" if intent.match is False else verified,
                preset=self._preset,
            )
        )

    # --- saying something ---

    def _say(self, kind: Literal["text", "me"], said: str) -> None:
        said = commands.checked(said)
        room, post = self._post(kind, said)
        self._emit(
            events.Message(
                time=self._time(),
                id=post.id.hex(),
                room=room.name,
                from_=self.name,
                member=self.id.hex(),
                text=said,
                sent_at=self._time(),
                mine=True,
                signature="good",
                kind=kind,
            )
        )

    def _post(
        self, kind: Kind, said: str, *, offer: Offered | None = None, transfer: bytes | None = None
    ) -> tuple[_Room, wire.Post]:
        """Seal a body for the current conversation and let it go out."""
        room = self._current
        if room is None or not self._present:
            raise NotConnected
        body = Body(
            kind=kind,
            text=said,
            name=self.name,
            sent_at=int(self._now * 1000),
            run=self._run,
            n=room.n + 1,
            offer=offer,
            transfer=transfer,
        )
        post = room.key.seal(self._key, body)
        room.n += 1
        self._outbox[post.id] = _Outgoing(post.id.hex(), body, post)
        self._outgoing.append(post)
        self._note_content("seal", "out", post, said or kind, "good")
        return room, post

    # --- offering files ---

    def offer(self, offered: Offered, name: str, now: float) -> Offer:
        """Offer a file, under a cleaned name, to the current conversation. Raises `NotConnected` or `TooManyOffers`."""
        self._now = now
        if len(self.offers.mine) >= OWN_OFFERS:
            raise TooManyOffers(count=OWN_OFFERS)
        room, post = self._post("offer", "", offer=offered)
        offer = self.offers.add(offered, self.id, self.name, room.name, name, mine=True)
        offer.audience = {member for member in self.roster.here if member != self.id}
        self._tell_offer(offer, post.id.hex(), "good")
        return offer

    def withdraw(self, offer: Offer, now: float) -> None:
        """Take an own offer back, for all who have not fetched it."""
        self.close_offer(offer, TakenBack(), now)
        if self._present:
            self._post("withdraw", "", transfer=offer.offered.transfer)

    def close_offer(self, offer: Offer, error: UsiError, now: float) -> None:
        """Nobody can accept it any more."""
        self._now = now
        self._close_offer(offer, error)

    def take_up(self, offered: Offered, sender: bytes, kept: int, now: float) -> None:
        """List an offer of an earlier run, of which `kept` bytes have arrived and whose sender is here."""
        self._now = now
        profile = self.roster.here.get(sender)
        if self._current is not None and profile is not None and not self._is_offered(offered, sender):
            name, room = text.clean_file_name(offered.name), self._current.name
            offer = self.offers.add(offered, sender, profile.name, room, name, mine=False)
            self._tell_offer(offer, "", "good", kept)

    def ask_key(self, member: bytes) -> None:
        """Have the key of a member who is here, if it is not known yet."""
        if self.roster.asks_for(member):
            self._outgoing.append(wire.GetKey(member))

    def _take_offer(self, posted: wire.Posted, body: Body, sender: str, signature: events.Signature) -> None:
        offered = body.offer
        if offered is None or signature != "good":
            self._notify("offer-unsigned", name=sender)  # nobody could answer for what would arrive
            return
        if self._is_offered(offered, posted.sender):
            return  # taken up from an earlier run, or offered twice
        crowd = self.offers.of_sender(posted.sender)
        if len(crowd) >= LISTED_OFFERS:
            self._close_offer(crowd[0], PushedOut())
        name = text.clean_file_name(offered.name)
        room = self._rooms[posted.conversation].name
        offer = self.offers.add(offered, posted.sender, sender, room, name, mine=False)
        self._tell_offer(offer, posted.id.hex(), signature)

    def _is_offered(self, offered: Offered, sender: bytes) -> bool:
        """Whether it is listed already, or has the transfer of an own offer, which nobody else can have drawn."""
        return any(self.offers.of_transfer(offered.transfer, member) for member in (sender, self.id))

    def _take_withdrawal(self, posted: wire.Posted, body: Body, signature: events.Signature) -> None:
        offer = self.offers.of_transfer(body.transfer or b"", posted.sender)
        if offer is not None and signature == "good":
            self._close_offer(offer, Withdrawn())

    def _close_offer(self, offer: Offer, error: UsiError) -> None:
        if not offer.closed:
            self.offers.close(offer)
            self._emit(
                events.FileClosed(
                    time=self._time(), transfer=offer.number, name=offer.name, code=error.code, text=str(error)
                )
            )

    def _tell_offer(self, offer: Offer, post_id: str, signature: events.Signature, kept: int = 0) -> None:
        self._emit(
            events.FileOffer(
                time=self._time(),
                transfer=offer.number,
                id=post_id,
                room=offer.room,
                from_=offer.sender_name,
                member=offer.sender.hex(),
                name=offer.name,
                size=offer.offered.content,
                files=offer.offered.files,
                mine=offer.mine,
                signature=signature,
                kept=kept,
            )
        )

    def _take_ack(self, message: wire.Ack) -> None:
        entry = self._outbox.pop(message.id, None)
        if entry is None:
            raise BadMessage(why="an acknowledgement of nothing")
        self._take_number(self._rooms[entry.post.conversation], message.number)
        self._emit(events.Delivered(time=self._time(), id=entry.shown_id, number=message.number))

    def _take_stale(self, message: wire.StaleKey) -> None:
        entry = self._outbox.pop(message.id, None)
        if entry is None:
            raise BadMessage(why="a refusal of nothing")
        room = self._rooms[entry.post.conversation]
        if room.key.key_id == entry.post.key_id:
            raise BadMessage(why="it calls the key stale that it gave")
        # The hub's word is final that the old bytes are not taken, so the same n may go out under a new id.
        entry.post = room.key.seal(self._key, entry.body)
        self._outbox[entry.post.id] = entry
        self._outgoing.append(entry.post)

    def _take_refusal(self, message: wire.Refused) -> None:
        entry = self._outbox.pop(message.id, None)
        if entry is None:
            raise BadMessage(why="a refusal of nothing")
        self._fail(entry, RefusedPost(why=message.code))

    def _fail(self, entry: _Outgoing, error: PeerError) -> None:
        if entry.body.offer is not None or entry.body.transfer is not None:
            offer = self.offers.of_transfer(entry.body.offer.transfer if entry.body.offer else b"", self.id)
            if offer is not None:
                self._close_offer(offer, error)
            return
        self._emit(
            events.Failed(
                time=self._time(), id=entry.shown_id, code=error.code, text=str(error), message=entry.body.text
            )
        )

    # --- hearing something ---

    def _drain(self, *, give_up: bool = False) -> None:
        """Handle what has arrived, in order, up to a post whose author's key is still under way."""
        try:
            while self._inbox:
                arrived, message = self._inbox[0]
                if (self._current is None) != isinstance(message, wire.Welcome):
                    raise OutOfTurn(what="a message before its welcome, or a second one")
                if isinstance(message, wire.Posted) and message.sender not in self.roster.keys:
                    # Clocks are set back, too; then the wait is over.
                    patient = abs(self._now - arrived) <= KEY_PATIENCE and len(self._inbox) <= KEY_BACKLOG
                    if patient and not give_up:
                        return
                    self.roster.keys[message.sender] = None
                self._inbox.popleft()
                self._handle(message)
        except PeerError:
            self._inbox.clear()  # nothing behind a breach is looked at
            raise

    def _handle(self, message: wire.Message | wire.LinkFacts) -> None:
        match message:
            case wire.Posted():
                self._take_post(message)
            case wire.Ack():
                self._take_ack(message)
            case wire.Joined():
                self._take_joined(message.member)
            case wire.Left():
                self._take_left(message)
            case wire.Renamed():
                self._take_renamed(message)
            case wire.LinkFacts():
                self.roster.note_link(message)
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
            case _:
                raise OutOfTurn(what="a message for the host")

    def _take_post(self, posted: wire.Posted) -> None:
        room = self._rooms.get(posted.conversation)
        if room is None:
            raise BadMessage(why="a post to a conversation that it did not open")
        if posted.sender == self.id:
            raise BadMessage(why="a post of our own")
        if not self._take_number(room, posted.number):
            return
        author = self.roster.keys.get(posted.sender)
        profile = self.roster.here.get(posted.sender)
        try:
            opened = room.key.open(posted)
            body = opened.body()
        except CryptoError:
            name = profile.name if profile else posted.sender.hex()[:8]
            self._notify("unreadable", room=room.name, name=name)
            return
        signature = self._judge(opened, author)
        if (posted.sender, posted.id) in room.shown:
            self._notify("repeated", room=room.name)
            return
        if signature == "good" and not self._take_count(room, posted.sender, body, profile):
            return
        room.shown[posted.sender, posted.id] = None
        if profile is not None:
            profile.new = False
        self._note_content("open", "in", posted, body.text or body.kind, signature)
        signed_name = text.visible(body.name, keep_newlines=False)
        name = profile.name if profile else signed_name
        if body.kind == "offer":
            self._take_offer(posted, body, name, signature)
            return
        if body.kind == "withdraw":
            self._take_withdrawal(posted, body, signature)
            return
        sent_at, late = self._read_clock(body.sent_at)
        self._emit(
            events.Message(
                time=self._time(),
                id=posted.id.hex(),
                room=room.name,
                from_=name,
                member=posted.sender.hex(),
                text=body.text,
                sent_at=sent_at,
                mine=False,
                signature=signature,
                kind=body.kind,
                late=late,
                signed_as=signed_name if profile and body.name not in profile.names else None,
            )
        )

    def _judge(self, opened: Opened, author: PublicKey | None) -> events.Signature:
        if author is None:
            return "missing"
        return "good" if opened.is_by(author) else "bad"

    def _take_number(self, room: _Room, number: int) -> bool:
        """Follow the hub's numbers, which have no holes; False where the post must not be shown."""
        missing = number - room.number - 1
        if missing < 0:
            self._notify("repeated", room=room.name)
            return False
        if missing > 0:
            self._notify("withheld", room=room.name, count=missing)
        room.number = number
        return True

    def _take_count(self, room: _Room, author: bytes, body: Body, profile: Profile | None) -> bool:
        """Follow an author's signed count, which the hub cannot forge; False where the post must not be shown."""
        newest = room.heard.get((author, body.run))
        if newest is None and profile is not None and profile.new:
            newest = 0
        if newest is not None and body.n <= newest:
            self._notify("repeated", room=room.name)
            return False
        if newest is not None and body.n > newest + 1:
            name = profile.name if profile else text.visible(body.name, keep_newlines=False)
            self._notify("withheld-from", room=room.name, name=name, count=body.n - newest - 1)
        room.heard[author, body.run] = body.n
        return True

    def _read_clock(self, sent_at: int) -> tuple[datetime, bool]:
        if not EARLIEST <= sent_at <= LATEST:
            return self._time(), True
        return datetime.fromtimestamp(sent_at / 1000, UTC), abs(sent_at / 1000 - self._now) > LATE

    # --- who is here ---

    def _take_welcome(self, message: wire.Welcome) -> None:
        host_key = self._host_key if self._host_key is not None else self._key.public
        if message.host.id != host_key.id or message.me.id != self.id:
            raise BadHandshake  # the host names another key than the one that the link proved
        if not message.rooms:
            raise BadMessage(why="no room")
        self.roster.host = host_key.id
        self.roster.keys[host_key.id] = host_key
        for info in message.rooms:
            key = ConversationKey(info.conversation, host_key.id, info.key)
            room = _Room(key, text.visible(info.name, keep_newlines=False), info.number)
            self._rooms[info.conversation] = room
            self._current = self._current or room
        if not text.is_numbered(message.me.name, self.name):
            raise BadMessage(why="a name for us that we did not ask for")
        self._seat(message.host)
        self._seat(message.me)
        self.name = message.me.name
        if self.roster.own_link is not None:  # the face shows it on joining
            self._compared[text.skeleton(message.host.name)] = (host_key.id, self.roster.own_link)

    def _take_present(self, message: wire.Present) -> None:
        for info in message.members:
            self._seat(info)
        if message.last:
            self._present = True
            self._emit(self.users(asked=False))

    def _take_joined(self, info: wire.MemberInfo) -> None:
        profile = self._seat(info)
        profile.new = True
        facts = profile.facts
        self._emit(
            events.MemberJoined(
                time=self._time(),
                name=profile.name,
                member=info.id.hex(),
                fingerprint=facts.fingerprint.hex() if facts else None,
                words=list(facts.words) if facts else None,
                address=facts.address if facts else None,
                verified=info.id in self.roster.verified,
            )
        )

    def _take_left(self, message: wire.Left) -> None:
        profile = self.roster.here.pop(message.member, None)
        if profile is None:
            raise BadMessage(why="a member left who was not here")
        for offer in self.offers.of_sender(message.member):
            self._close_offer(offer, SenderGone())
        for offer in self.offers.mine:
            offer.audience.discard(message.member)
        facts = profile.facts
        self._emit(
            events.MemberLeft(
                time=self._time(),
                name=profile.name,
                member=message.member.hex(),
                reason=message.code,
                fingerprint=facts.fingerprint.hex() if facts else None,
            )
        )

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
        self._seat(wire.MemberInfo(message.member, message.name))
        if mine:
            self.name = message.name
        self._emit(
            events.MemberRenamed(
                time=self._time(), old=old, name=profile.name, member=message.member.hex(), mine=mine
            )
        )

    def _seat(self, info: wire.MemberInfo) -> Profile:
        if not self.roster.seat(info):
            self._notify("name-changed-hands", name=self.roster.here[info.id].name)
        return self.roster.here[info.id]

    # --- telling ---

    def _take_notice(self, message: wire.Notice) -> None:
        if message.code == NameTaken.code:
            name = text.visible(message.about, keep_newlines=False)
            self._emit(events.Notice(time=self._time(), code=message.code, text=str(NameTaken(name=name))))
        else:
            self._notify("unknown-notice")  # its words are the host's, and must not look like ours

    def _notify(self, code: str, **fields: object) -> None:
        self._emit(events.Notice(time=self._time(), code=code, text=tr(NOTICES[code], **fields)))

    def _emit(self, event: events.Event) -> None:
        self._events.append(event)

    def _time(self) -> datetime:
        return datetime.fromtimestamp(self._now, UTC)

    def _note_content(
        self, step: str, direction: Direction, post: wire.Post | wire.Posted, said: str, signature: str
    ) -> None:
        if self._trace is not None:
            detail: dict[str, Value] = {
                "conversation": post.conversation,
                "key_id": post.key_id,
                "sender": post.sender,
                "nonce": post.id,
                "length": len(post.sealed),
                "plaintext": said,
                "ciphertext": post.sealed[: len(said.encode())],
                "signature": signature,
            }
            self._trace(Trace(step, direction, detail))
