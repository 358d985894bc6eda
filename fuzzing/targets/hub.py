"""The hub, with members and a moderator who say anything that a wire lets through, in any order, and come and go
meanwhile."""

from __future__ import annotations

from collections import deque

from fuzzing.targets.registry import target
from usi.core import codec, wire
from usi.core.accounts import Account, Accounts, Role, Stored
from usi.core.crypto import NONCE_SIZE, TAG_SIZE, sha256
from usi.core.facts import OWN, Announce, Arrived, Close, Drop, Expect, Fact, Gone, Heard, Passed, Read, ReadPast, Send
from usi.core.hub import Hub
from usi.core.moderation import Decided
from usi.core.rooms import HostedRoom
from usi.core.text import skeleton

_WHO = [sha256(bytes((number,))) for number in range(5)]
_CONVERSATIONS = [bytes((number,)) * 16 for number in range(4)]  # the first two are hosted rooms
_KEY_IDS = [sha256(b"key" + bytes((number,))) for number in range(3)]
_NAMES = ["alice", "bob", "a1ice", "e" * 24, "\u202e", "host"]
_ROOMS = ["general", "staff", "new", "g\u0435neral"]
_ORDERS = [
    "kick", "ban", "unban", "silence", "lock", "room-new", "room-close", "grant", "revoke", "topic", "limits", "x",
]  # fmt: skip
_SEALED = bytes(wire.PADDING + TAG_SIZE)
_MODERATOR = Account("alice", Stored(bytes(16), bytes(32), bytes(32)), Role.MODERATOR, {skeleton("staff"): True})


class _Play:
    """`inside`: the hosted rooms in which each link is, by what it was told."""

    def __init__(self) -> None:
        rooms = [
            HostedRoom(conversation=_CONVERSATIONS[number], key_id=_KEY_IDS[number], name=_ROOMS[number], key=bytes(32),
                       private=number == 1)
            for number in range(2)
        ]  # fmt: skip
        self.hub = Hub(
            rooms, keeps=True, decided=Decided(), accounts=Accounts([_MODERATOR], bytes(32)),
            new_key=lambda: bytes(32),
        )  # fmt: skip
        self.hosted = {room.conversation for room in rooms}
        self.members: dict[int, bytes] = {}
        self.told: dict[int, list[wire.Message | wire.LinkFacts]] = {}
        self.inside: dict[int, set[bytes]] = {}
        self.expected: set[bytes] = set()
        self.next = OWN

    def arrive(self, member: bytes) -> None:
        link, self.next = self.next, self.next + 1
        self.members[link], self.told[link], self.inside[link] = member, [], set()
        account = _MODERATOR if member == _WHO[1] else None
        facts = wire.LinkFacts(member, bytes(256), bytes(32), (), "192.0.2.1:1")
        self.handle(Arrived(link, facts, account, "192.0.2.1"))

    def handle(self, fact: Fact) -> None:
        """Perform the effects, and check each: nobody is told who is not here, nor of what is not his."""
        facts = deque([fact])
        while facts:
            fact = facts.popleft()
            if isinstance(fact, Gone):
                self.members.pop(fact.link, None)
            for effect in self.hub.handle(fact):
                if isinstance(effect, Send):
                    assert len(set(effect.links)) == len(effect.links)
                    for link in effect.links:
                        self._tell(link, effect.message)
                elif isinstance(effect, Close):
                    assert effect.link in self.members
                    assert effect.link != OWN
                    facts.append(Gone(effect.link, effect.error.code))
                elif isinstance(effect, Expect):
                    assert effect.request not in self.expected
                    assert effect.from_sender != effect.to_receiver
                    self.expected.add(effect.request)
                elif isinstance(effect, Drop):
                    assert effect.request in self.expected
                elif isinstance(effect, ReadPast):
                    assert effect.room in self.inside[effect.link]
                    facts.append(Read(effect.link, effect.room, (), (), {}, 0, 0, False))

    def _tell(self, link: int, message: wire.Message | wire.LinkFacts) -> None:
        assert link in self.members
        heard = self.told[link]
        if isinstance(message, wire.LinkFacts):
            assert link == OWN
            return
        assert heard or isinstance(message, wire.Welcome | wire.Notice | wire.Bye), "told before it has joined"
        inside = self.inside[link]
        match message:
            case wire.Welcome(rooms=rooms):
                inside.update(room.conversation for room in rooms)
            case wire.Entered(room):
                inside.add(room.conversation)
            case wire.Out(room):
                inside.remove(room)
            case (
                wire.Posted(conversation=room) | wire.Found(conversation=room) | wire.Old(conversation=room)
                | wire.Present(room=room) | wire.Joined(room=room) | wire.Left(room=room)
                | wire.Topic(room=room) | wire.RoomKey(room=room)
            ) if room in self.hosted:
                assert room in inside, "told of a room that it is not in"
        self.hosted |= inside
        if isinstance(message, wire.Posted) and message.conversation not in self.hosted:
            gathered = [one for one in heard if isinstance(one, wire.Gathered)]
            assert message.conversation in {one.conversation for one in gathered}, "a private post to a stranger"
        codec.decode_from_host(codec.pack([codec.encode(message)])[0])  # each message of ours is one that is understood
        heard.append(message)


def _message(kind: int, one: int, two: int, link: int, mine: bytes) -> wire.Message:
    who, conversation = _WHO[one % len(_WHO)], _CONVERSATIONS[two % len(_CONVERSATIONS)]
    key_id, request = _KEY_IDS[one % len(_KEY_IDS)], bytes((two % 8,)) * 16
    sender = mine if one % 4 else who
    made: list[wire.Message] = [
        wire.Join(_NAMES[one % len(_NAMES)]),
        wire.Post(conversation, key_id, sender, bytes((link, one, two)).ljust(NONCE_SIZE, b"\0"), _SEALED),
        wire.GetKey(who),
        wire.Nick(_NAMES[one % len(_NAMES)]),
        wire.Fetch(who, bytes(16), request, two),
        wire.FileWord(who, bytes(16), "declined"),
        wire.Pass(who, bytes((two % 6,)) * 16, b"x" * (two % 3)),
        wire.Leave(conversation),
        wire.Gather(conversation, key_id, sorted({_WHO[index] for index in range(5) if two >> index & 1} | {mine})),
        wire.Alive(),
        wire.Bye("left"),
        wire.Away("out" if two % 2 else None),
        wire.ListRooms(),
        wire.Enter(_ROOMS[one % len(_ROOMS)]),
        wire.Past(conversation, 0, 1 + two % wire.MAX_PAGE),
        wire.Again(conversation, 1, 1 + two),
        wire.Order(
            _ORDERS[two % len(_ORDERS)], _NAMES[one % len(_NAMES)], _ROOMS[one % len(_ROOMS)], "why", two % 3,
            bool(one % 2),
        ),
    ]  # fmt: skip
    return made[kind % len(made)]


_TWO = (10, 0, 0, 51, 1, 0, 10, 1, 0, 51, 2, 1)  # alice, who is a moderator, and bob
_GRANTED = (67, 7, 1, 64, 2, 1, 52, 5, 1)  # bob is let into #staff, enters it, and says something there


@target(
    bytes((*_TWO, *_GRANTED, 65, 5, 1, 58, 5, 1, 64, 2, 1, 52, 5, 1, 67, 4, 13, 52, 5, 1)),  # goes, returns, is put out
    bytes((*_TWO, *_GRANTED, 67, 1, 7, 52, 5, 1, 62, 2, 1, 67, 10, 7)),  # is silenced, away, and kicked
    bytes((*_TWO, 67, 1, 12, 63, 2, 0, 64, 2, 2, 67, 2, 12, 65, 2, 0)),  # another room
    bytes((10, 1, 0, 10, 2, 0, 0, 2, 5, 0, 3, 1, 0, 8, 0)),
    bytes((40, 1, 0, 41, 2, 0, 2, 0, 0, 3, 1, 2, 11, 1, 3, 14, 1, 3)),
    b"(\x01\x00)\x02\x00\x02\x00\x00\x03\x01\x02\x22\x01\x06\x0a\x01\x01\x22\x01\x06",
)
def hub(data: bytes) -> None:
    """Three bytes are a step: who does what, and with which of few values."""
    play = _Play()
    play.arrive(_WHO[0])
    play.handle(Heard(OWN, wire.Join("host")))
    for start in range(0, min(len(data), 600) - 2, 3):
        step, one, two = data[start : start + 3]
        links = list(play.members)
        link = links[one % len(links)]
        if step < 24:
            if len(links) < 12:
                play.arrive(_WHO[1 + one % 4])
        elif step < 32:
            if link != OWN:
                play.handle(Gone(link, "cut"))
        elif step < 36:
            request = bytes((two % 8,)) * 16
            play.expected.discard(request)
            play.handle(Passed(request))
        elif step < 38:
            play.handle(Announce())
        else:
            said = _message(step, two, (two // 3 + one) % 256, link, play.members[link])
            if link != OWN or isinstance(said, wire.GetKey):  # the host's own program is an honest one
                play.handle(Heard(link, said))
