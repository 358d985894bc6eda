"""A town: real member machines around the real hub, and a history in a list."""

from __future__ import annotations

from collections import deque
from typing import Any, TypeVar

from tests.core.hall import ACCOUNTS, hosted, room_id
from usi.core import codec, commands, events, wire
from usi.core.accounts import Accounts
from usi.core.crypto import PrivateKey
from usi.core.errors import PeerError
from usi.core.facts import OWN, Arrived, Close, Fact, Gone, Heard, Keep, KeepRoom, Read, ReadPast, Send
from usi.core.hub import Hub
from usi.core.member import Member
from usi.core.roster import Proof

NOW = 1_700_000_000.0
WORDS = ("north", "east", "south", "west")
GENERAL, STAFF = room_id("general"), room_id("staff")
E = TypeVar("E", bound=events.Event)


class Place:
    def __init__(self, member: Member, link: int) -> None:
        self.member = member
        self.link = link
        self.down: deque[Any] = deque()
        self.told: list[events.Event] = []
        self.error: PeerError | None = None

    def all(self, kind: type[E]) -> list[E]:
        return [event for event in self.told if isinstance(event, kind)]

    def texts(self, room: str | None = None) -> list[str]:
        return [event.text for event in self.all(events.Message) if room in (None, event.room) and not event.mine]

    def codes(self) -> list[str]:
        return [event.code for event in self.told if isinstance(event, events.Notice)]


class Town:
    """Hub and members; `deliver` moves everything that is under way. With `keeps` posts and keys go into lists."""

    def __init__(self, keys: dict[str, PrivateKey], *, keeps: bool = False) -> None:
        self.keys = keys
        self.now = NOW
        self.accounts = Accounts(ACCOUNTS, bytes(32))
        rooms = (hosted("general"), hosted("staff", private=True))
        self.hub = Hub(rooms, keeps=keeps, accounts=self.accounts)
        self.posts: list[wire.Posted] = []
        holder = keys["host"].public.id
        self.room_keys = {room.key_id: wire.OldKey(room.conversation, holder, room.key) for room in rooms}
        self.places: list[Place] = []
        self.add("host")

    def add(self, who: str, account: str | None = None) -> Place:
        place = Place(Member(self.keys[who], account or who), len(self.places))
        self.places.append(place)
        public, own = self.keys[who].public, place.link == OWN
        facts = wire.LinkFacts(public.id, public.modulus, bytes(32), WORDS, "192.0.2.1:5")
        self.handle(Arrived(place.link, facts, self.accounts.owner(account) if account else None))
        place.member.start(*((None, None) if own else (self.keys["host"].public, Proof(bytes(32), WORDS))))
        self.deliver()
        return place

    def handle(self, fact: Fact) -> None:
        for effect in self.hub.handle(fact):
            match effect:
                case Send():
                    for link in effect.links:
                        message = effect.message
                        if not isinstance(message, wire.LinkFacts | wire.InMemory):
                            (message,) = codec.decode_from_host(codec.pack([codec.encode(message)])[0])
                        self.places[link].down.append(message)
                case Close():
                    self.places[effect.link].error = effect.error
                    self.handle(Gone(effect.link, effect.error.code))
                case Keep():
                    self.posts.append(effect.posted)
                case KeepRoom():
                    room = effect.room
                    key = wire.OldKey(room.conversation, self.keys["host"].public.id, room.key)
                    found = self.hub.rooms.get(room.conversation)
                    assert found is not None
                    self.room_keys[found.key_id] = key
                case ReadPast():
                    self.handle(self.read(effect))

    def read(self, question: ReadPast) -> Read:
        before = question.before or 2**62
        posts = [post for post in self.posts if post.conversation == question.room and post.number < before]
        posts = [post for post in posts if post.number >= question.first]
        some = posts[-question.count :]
        keys = [self.room_keys[key_id] for key_id in {post.key_id for post in some}]
        first = some[0].number if some else 0
        return Read(question.link, question.room, keys, some, {}, first, 0, len(some) < len(posts))

    def deliver(self) -> None:
        moved = True
        while moved:
            moved = False
            for place in self.places:
                if place.error is not None:
                    continue
                messages = place.member.take_outgoing()
                for message in messages:
                    moved = True
                    if place.error is None:
                        self.handle(Heard(place.link, message))
                while place.down and place.error is None:
                    moved = True
                    place.member.receive([place.down.popleft()], self.now)
                place.told += place.member.take_events()

    def do(self, place: Place, *lines: str) -> None:
        for line in lines:
            intent = commands.parse(line)
            place.member.do(intent, self.now)  # type: ignore[arg-type]
            self.deliver()
