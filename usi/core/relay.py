"""The hub's part in private conversations: it carries what it cannot open.

Of a pair link it knows who the two are; of a conversation it knows who opened it, who is in, and the id of the key.
Keys, names and texts pass sealed (PROTOCOL.md, "Private conversations").
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

from usi.core import wire
from usi.core.allowance import Allowances
from usi.core.errors import BadMessage
from usi.core.numbering import Logs, Numbering
from usi.core.session import HELLO_SIZE, TAG_PAIR

NEW_PAIRS, PAIR_SECONDS = 6, 60.0  # pair links that a member may open in so many seconds: each costs two others work
OPEN_PAIRS = 64  # and have open at once
OPEN_TALKS = 32  # private conversations that a member may have open
_CALLERS_KEPT = 10_000  # members for whom it is remembered how many they opened

_FIRST = wire.MAGIC + TAG_PAIR

Letter = tuple[Collection[int], wire.Message]
"""A message, and the links that it goes to."""
Where = Callable[[bytes], int | None]
"""The link of a member who is here."""


@dataclass(eq=False)
class _Way:
    """A pair link: the link of the member who opened it, and of the other."""

    opener: int
    other: int
    answered: bool = False

    def far(self, link: int) -> int:
        return self.other if link == self.opener else self.opener


@dataclass(eq=False)
class Talk(Numbering):
    """A private conversation: `links` of those whom its opener named."""

    conversation: bytes = b""
    opener: int = 0


class Relay:
    """Pair links and private conversations. A sender's breach raises `BadMessage`.

    `clock` gives seconds that only rise."""

    def __init__(self, logs: Logs, clock: Callable[[], float]) -> None:
        self.talks: dict[bytes, Talk] = {}
        """By conversation."""
        self._logs = logs
        self._clock = clock
        self._ways: dict[bytes, _Way] = {}
        self._opened: Allowances[bytes] = Allowances(NEW_PAIRS, PAIR_SECONDS, _CALLERS_KEPT)
        """By members."""

    def carry(self, link: int, member: bytes, message: wire.Pass, where: Where) -> list[Letter]:
        """Pass on a piece of a pair link."""
        way = self._ways.get(message.pair)
        far = where(message.member)
        if way is None:
            if len(message.data) != HELLO_SIZE or not message.data.startswith(_FIRST):
                return []  # the rest of one that has ended
            open_now = sum(way.opener == link for way in self._ways.values())
            if far is None or far == link or open_now >= OPEN_PAIRS or not self._opened.take(member, self._clock()):
                return [((link,), wire.Passed(message.member, message.pair, b""))]
            way = self._ways[message.pair] = _Way(link, far)
        elif link not in (way.opener, way.other) or far != way.far(link):
            return []  # mostly the same: its other side has ended it, and has called somebody else under the same id
        way.answered = way.answered or link == way.other
        if not message.data:
            del self._ways[message.pair]
        return [((way.far(link),), wire.Passed(member, message.pair, message.data))]

    def gather(self, link: int, member: bytes, message: wire.Gather, where: Where) -> list[Letter]:
        """Set who is in a conversation, and under which key. Only who has answered its opener can be put in."""
        talk = self.talks.get(message.conversation)
        if member not in message.members or len(set(message.members)) != len(message.members):
            raise BadMessage(why="a roster that cannot be")
        if talk is None:
            if sum(talk.opener == link for talk in self.talks.values()) >= OPEN_TALKS:
                raise BadMessage(why="too many private conversations")
            talk = self.talks[message.conversation] = Talk(
                message.key_id, conversation=message.conversation, opener=link
            )
        elif talk.opener != link:
            return []  # whoever was handed its key may be faster than its opener, who must not pay for that
        talk.key_id = message.key_id
        answering = {way.far(link) for way in self._ways.values() if way.answered and link in (way.opener, way.other)}
        named = {seat for other in message.members if (seat := where(other)) is not None}
        members = [link, *sorted((named & answering) - {link})]
        for out in talk.links.keys() - set(members):
            talk.dismiss(out)
        talk.links = {}
        for seat in members:
            talk.admit(seat)
        return [(list(talk.links), wire.Gathered(message.conversation, message.key_id, talk.number))]

    def leave(self, link: int, conversation: bytes) -> None:
        """A member is out of a conversation; with its opener it ends."""
        talk = self.talks.get(conversation)
        if talk is None:
            return
        talk.dismiss(link)
        if talk.opener == link:
            self._logs.forget(talk)
            del self.talks[conversation]

    def knows(self, pair: bytes) -> bool:
        """Whether this pair link is open."""
        return pair in self._ways

    def part(self, one: int, other: int) -> None:
        """Two members do not see each other any more: neither do their programs."""
        for pair in [pair for pair, way in self._ways.items() if {one, other} == {way.opener, way.other}]:
            del self._ways[pair]

    def gone(self, link: int) -> None:
        """A member has left."""
        for pair in [pair for pair, way in self._ways.items() if link in (way.opener, way.other)]:
            del self._ways[pair]
        for conversation in list(self.talks):
            self.leave(link, conversation)
