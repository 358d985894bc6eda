"""The hub, with members who say anything that a wire lets through, in any order, and come and go meanwhile."""

from __future__ import annotations

from collections import deque

from fuzzing.targets.registry import target
from usi.core import codec, wire
from usi.core.crypto import NONCE_SIZE, TAG_SIZE, sha256
from usi.core.facts import OWN, Arrived, Close, Drop, Expect, Fact, Gone, Heard, Passed, Send
from usi.core.hub import Hub

_WHO = [sha256(bytes((number,))) for number in range(5)]
_CONVERSATIONS = [bytes((number,)) * 16 for number in range(4)]  # the first is the hosted room
_KEY_IDS = [sha256(b"key" + bytes((number,))) for number in range(3)]
_NAMES = ["alice", "a1ice", "bob", "e" * 24, "\u202e", "host"]
_SEALED = bytes(wire.PADDING + TAG_SIZE)


class _Play:
    def __init__(self) -> None:
        room = wire.RoomInfo(_CONVERSATIONS[0], "general", "", bytes(32), 0)
        self.hub = Hub([(room, _KEY_IDS[0])])
        self.members: dict[int, bytes] = {}
        self.told: dict[int, list[wire.Message | wire.LinkFacts]] = {}
        self.expected: set[bytes] = set()
        self.next = OWN

    def arrive(self, member: bytes) -> None:
        link, self.next = self.next, self.next + 1
        self.members[link], self.told[link] = member, []
        self.handle(Arrived(link, wire.LinkFacts(member, bytes(256), bytes(32), (), "192.0.2.1:1")))

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

    def _tell(self, link: int, message: wire.Message | wire.LinkFacts) -> None:
        assert link in self.members
        heard = self.told[link]
        if isinstance(message, wire.LinkFacts):
            assert link == OWN
            return
        assert heard or isinstance(message, wire.Welcome | wire.Notice | wire.Bye), "told before it has joined"
        if isinstance(message, wire.Posted) and message.conversation != _CONVERSATIONS[0]:
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
    ]
    return made[kind % len(made)]


@target(
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
            play.handle(Passed(bytes((two % 8,)) * 16))
        else:
            said = _message(step, two, (two // 3 + one) % 256, link, play.members[link])
            if link != OWN or isinstance(said, wire.GetKey):  # the host's own program is an honest one
                play.handle(Heard(link, said))
