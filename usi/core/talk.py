"""A private conversation as one of its members knows it: who is in, its keys, and what its person is told of it."""

from __future__ import annotations

from dataclasses import dataclass, field

from usi.core.content import ConversationKey
from usi.core.crypto import derive, sha256
from usi.core.errors import PeerError
from usi.core.language import tr
from usi.core.thread import Readers, Thread

Roll = tuple[bytes, ...]
"""The ids of the members of a conversation, sorted."""


def roster_key(conversation: bytes, opener: bytes, members: Roll, secret: bytes) -> ConversationKey:
    """The key of a conversation (16 bytes) of exactly these members, from its opener's secret (32 bytes)."""
    (key,) = derive(secret, conversation, "usi3 roster", context=sha256(b"".join(members)))
    return ConversationKey(conversation, opener, key)


@dataclass(eq=False)
class Talk(Thread):
    """A private conversation. `members` are those of the key in use; who is `invited` comes in with the next one."""

    direct: bool = False
    """That of two, which belongs to their pair link."""
    conversation: bytes = b""
    opener: bytes = b""
    mine: bool = False
    """One of several that this member has opened: it knows who is to come in."""
    members: Roll = ()
    invited: set[bytes] = field(default_factory=set)
    out: set[bytes] = field(default_factory=set)
    """Members who said that they are out of it."""
    first: bool = False
    """Its opener says that nobody had said anything in it before we were in."""
    next: tuple[ConversationKey, Roll] | None = None
    """Handed out, and not in use yet."""
    held: bool = False
    """Somebody who has the key in use is gone: nothing is sealed under it any more."""
    since: float | None = None
    """When it began to wait for somebody who has to answer at once."""
    closed: PeerError | None = None

    @property
    def private(self) -> bool:
        return True

    @property
    def everybody(self) -> set[bytes]:
        """Who is in, or is to be."""
        return {self.opener, *self.members, *self.invited, *(self.next[1] if self.next else ())}

    def admits(self, author: bytes) -> bool:
        return author in self.members

    @property
    def readers(self) -> Readers:
        return frozenset(self.everybody if self.mine else {self.opener, *self.members})

    def exposes(self, readers: Readers) -> bool:
        return not self.direct and readers is not None and not readers.issuperset(self.members)

    @property
    def sealable(self) -> bool:
        return self.key is not None and self.next is None and not self.held and self.closed is None


def sentence(talk: Talk, state: str, names: str, *, verified: bool, host_is_in: bool) -> str:
    """What is said of a conversation that has come to this state. `names`: of the others in it."""
    if talk.closed is not None:
        return tr("{room} is closed. {why}", room=talk.title, why=str(talk.closed))
    if state == "opening":
        return tr("Opening a private conversation with {names} …", names=names)
    if host_is_in and verified:
        return tr("In {room}: you and {names}, verified. Nobody else can read it.", room=talk.title, names=names)
    if host_is_in:
        return tr("In {room}: you and {names}. Not verified: somebody in between could be reading this. /verify NAME "
                  "shows what to compare.", room=talk.title, names=names)  # fmt: skip
    if verified:
        return tr("In {room}: you and {names}, verified. Nobody else can read it, the host included.",
                  room=talk.title, names=names)  # fmt: skip
    return tr("In {room}: you and {names}. Not verified: the host could be reading this. /verify NAME shows what to "
              "compare.", room=talk.title, names=names)  # fmt: skip
