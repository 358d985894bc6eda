"""What members say to each other passes here: posts, what was said before, private conversations, and proofs of
passwords.

Everything is sealed and stays so. A post gets its number, and one that comes twice is known.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable

from msgspec.structs import astuple

from usi.core import wire
from usi.core.crypto import CryptoError, Point
from usi.core.errors import BadMessage
from usi.core.facts import OWN, Close, Effect, Keep, Read, ReadPast, Send
from usi.core.moderation import Moderation
from usi.core.numbering import Logs, Numbering
from usi.core.relay import Letter, Relay
from usi.core.rooms import Rooms
from usi.core.seats import Seat, Seats
from usi.core.trace import Trace, Tracer, Value


class Delivery:
    """`keeps`: the host keeps a history. `tracer` is told of what passes of private conversations: all that can be
    known here. `clock` gives seconds that only rise."""

    def __init__(
        self,
        seats: Seats,
        rooms: Rooms,
        moderation: Moderation,
        clock: Callable[[], float],
        *,
        keeps: bool,
        tracer: Tracer | None,
    ) -> None:
        self._seats = seats
        self._rooms = rooms
        self._moderation = moderation
        self._keeps = keeps
        self._trace = tracer
        self.logs = Logs()
        self.relay = Relay(self.logs, clock)

    # --- posts ---

    def post(self, seat: Seat, post: wire.Post) -> list[Effect]:
        if post.sender != seat.facts.member:
            return [Close(seat.link, BadMessage(why="the sender of a post is somebody else"))]
        talk = self.relay.talks.get(post.conversation)
        room: Numbering | None = talk or self._rooms.get(post.conversation)
        if room is None or seat.link not in room.links:
            return [Send((seat.link,), wire.Refused(post.id, "no-such-room"))]
        known = room.posted.get((post.sender, post.id))
        if known is not None:
            if known.sealed != post.sealed or known.key_id != post.key_id:
                return [Close(seat.link, BadMessage(why="two posts under one id"))]
            return [Send((seat.link,), wire.Ack(post.id, known.number))]
        if post.key_id != room.key_id:
            return [Send((seat.link,), wire.StaleKey(post.id))]
        if talk is None and self._moderation.is_silent(seat.who):
            return [Send((seat.link,), wire.Refused(post.id, "silenced"))]
        posted = self.logs.add(room, post)
        readers = [link for link in room.links if link != seat.link]
        if talk is not None:
            self._note(seat, post, readers, conversation=post.conversation, sealed=post.sealed)
        told: list[Effect] = [Send((seat.link,), wire.Ack(post.id, posted.number)), Send(readers, posted)]
        return [Keep(posted, seat.facts.modulus, seat.link), *told] if self._keeps and talk is None else told

    def again(self, seat: Seat, message: wire.Again) -> list[Effect]:
        """Posts that have not come to a reader, as far as they are still here."""
        room = self.relay.talks.get(message.conversation) or self._rooms.get(message.conversation)
        if room is None or seat.link not in room.links:
            return [Send((seat.link,), wire.Caught(message.conversation, message.last))]
        page = room.page(seat.link, message.first, message.last)
        posts = [posted for posted in page.posts if posted.sender != seat.facts.member]
        until = wire.Caught(message.conversation, max(1, page.until))
        found = [wire.Found(*astuple(posted)) for posted in posts]
        return [*(Send((seat.link,), each) for each in found), Send((seat.link,), until)]

    def undo(self, kept: Iterable[Keep]) -> None:
        """These posts, the newest of all, could not be kept: they get no number. Nobody was told of them."""
        for keep in reversed(list(kept)):
            room = self._rooms.get(keep.posted.conversation)
            if room is not None:
                self.logs.take_back(room, keep.posted)

    # --- what was said before ---

    def past(self, seat: Seat, message: wire.Past) -> list[Effect]:
        room = self._rooms.get(message.conversation)
        if room is None or seat.link not in room.links or not self._keeps:
            return [Send((seat.link,), wire.OldEnd(message.conversation, 0, 0, False))]
        if seat.reads:
            return [Close(seat.link, BadMessage(why="two questions about the past at once"))]
        seat.reads = True
        first = seat.since[room.conversation]
        before = message.before or None
        return [ReadPast(seat.link, room.conversation, first, before, message.count)]

    def read(self, fact: Read) -> list[Effect]:
        """What the history has of it."""
        for member, modulus in fact.authors.items():
            if self._seats.key_of(member) is None:
                self._seats.keep_key(member, modulus)
        seat, room = self._seats.at(fact.link), self._rooms.get(fact.room)
        if seat is None:
            return []
        seat.reads = False
        to = (seat.link,)
        if room is None or seat.link not in room.links:  # meanwhile it has lost the right
            return [Send(to, wire.OldEnd(fact.room, 0, 0, False))]
        posts = [
            wire.Old(post.conversation, post.key_id, post.sender, post.id, post.number, post.sealed)
            for post in fact.posts
        ]
        end = wire.OldEnd(fact.room, fact.first, fact.lost, fact.more)
        return [Send(to, message) for message in (*fact.keys, *posts, end)]

    # --- private conversations ---

    def private(self, seat: Seat, message: wire.Pass | wire.Gather | wire.Leave) -> list[Effect]:
        """What belongs to private conversations, and passes unopened."""
        member = seat.facts.member
        letters: list[Letter] = []
        try:
            match message:
                case wire.Pass():
                    known = self.relay.knows(message.pair)
                    where = self._where if known else lambda other: self._where_seen(seat, other)
                    letters = self.relay.carry(seat.link, member, message, where)
                    self._note(seat, message, [link for to, _ in letters for link in to], sealed=message.data)
                case wire.Gather() if self._rooms.get(message.conversation) is None:
                    letters = self.relay.gather(seat.link, member, message, self._where)
                case wire.Leave():
                    self.relay.leave(seat.link, message.conversation)
                case _:
                    raise BadMessage(why="a room is no private conversation")
        except BadMessage as error:
            return [Close(seat.link, error)]
        return [Send(*letter) for letter in letters]

    def _where(self, member: bytes) -> int | None:
        seat = self._seats.of(member)
        return seat.link if seat is not None else None

    def _where_seen(self, seat: Seat, member: bytes) -> int | None:
        other = self._seats.of(member)
        return other.link if other is not None and self._seats.sees(seat, other) else None

    def _note(self, seat: Seat, message: wire.Message, to: Collection[int], **values: Value) -> None:
        """Tell what this host can see of something private: who, to whom, when, and how long."""
        if self._trace is not None:
            readers = [other.name for other in self._seats.everyone() if other.link in to]
            sealed = values.pop("sealed")
            size = len(sealed) if isinstance(sealed, bytes) else 0
            detail = {"message": wire.tag_of(message), "sender": seat.name, "readers": ", ".join(readers)}
            self._trace(Trace("relay", "in", detail | values | {"length": size, "ciphertext": sealed}))

    # --- proofs of passwords ---

    def proof(self, seat: Seat, message: wire.Ask | wire.Prove | wire.Answer) -> list[Effect]:
        """Pass a proof of a password on between a member and the host's own person."""
        if isinstance(message, wire.Answer):
            asker = self._seats.of(message.member)
            if seat.link != OWN or asker is None:
                return []
            return [Send((asker.link,), wire.Challenge(message.point, message.confirmation))]
        if seat.link == OWN:
            return []
        member = seat.facts.member
        if isinstance(message, wire.Prove):
            return [Send((OWN,), wire.Proved(member, message.confirmation))]
        try:
            Point.parse(message.point)
        except CryptoError:
            return [Close(seat.link, BadMessage(why="a point that is none"))]
        return [Send((OWN,), wire.Asked(member, message.point))]
