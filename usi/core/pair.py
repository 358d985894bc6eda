"""A pair link: the key exchange and the records of two members, carried by a hub that cannot open them.

It is the same session as a link's, under another tag; who opens it is its client. What crosses it are the few messages
below (PROTOCOL.md, "Pair links"). Times are seconds since 1970 (UTC), given by the caller.
"""

from __future__ import annotations

import msgspec

from usi.core import codec, wire
from usi.core.crypto import PrivateKey, PublicKey
from usi.core.errors import BadMessage, Cut, NotUsi, OutOfTurn, PeerError
from usi.core.roster import Proof
from usi.core.session import TAG_PAIR, Role, Session, refusal
from usi.core.trace import Tracer


class Ready(wire.Message, frozen=True, tag="ready"):
    """Whom you called takes the link."""


class Asking(wire.Message, frozen=True, tag="asking"):
    """Its person is asked first; `ready` may follow."""


class Want(wire.Message, frozen=True, tag="want"):
    """From whom the link was opened to, to whom opened it: please open the conversation of us two."""


class Handed(wire.Message, frozen=True, tag="conversation"):
    """The secret of a conversation for this roster, by its opener; `group` where it is not that of the two alone,
    `first` where nobody has said anything in it before this key."""

    conversation: wire.ConversationId
    group: bool
    members: wire.Roster
    secret: wire.Key
    first: bool

    def __repr__(self) -> str:  # without the secret
        return f"Handed({self.conversation.hex()}, to {len(self.members)})"


class Out(wire.Message, frozen=True, tag="out"):
    """I am out of this conversation, or from its opener: it is over for you."""

    conversation: wire.ConversationId


Message = Ready | Asking | Want | Handed | Out | wire.Bye

_decoder: msgspec.msgpack.Decoder[list[Message]] = msgspec.msgpack.Decoder(list[Message])


def decode(plaintext: bytes) -> list[Message]:
    """The messages of a pair record; `BadMessage` names the field that is wrong."""
    return codec.decode(_decoder, plaintext)


class Pair:
    """One side of the pair link with the member `other`. `mine`: this side opened it and is its client."""

    def __init__(
        self, pair: bytes, key: PrivateKey, other: bytes, *, mine: bool, now: float, tracer: Tracer | None = None
    ) -> None:
        self.id = pair
        self.other = other
        self.mine = mine
        self.began = now
        self.ready = False
        """Both sides take it: conversations can be handed over."""
        self.asking = False
        """It waits for the person who was called: for ours where it is not `mine`."""
        role = Role.CLIENT if mine else Role.HOST
        self._session = Session(role, key, tag=TAG_PAIR, peer_id=other, decode=decode, tracer=tracer)

    @property
    def proof(self) -> Proof:
        """What the two people can compare; once there are keys."""
        return Proof(self._session.fingerprint, self._session.words)

    @property
    def peer(self) -> PublicKey:
        """The key of the other, which the key exchange has proved; once there are keys."""
        return self._session.peer

    @property
    def keyed(self) -> bool:
        return self._session.keyed

    def take(self, data: bytes) -> list[Message]:
        """The messages that these bytes of the other side complete; raises `PeerError`, and the link is then over."""
        if not data:
            try:
                self._session.receive_eof()
            except NotUsi as error:
                raise Cut from error  # nothing came at all: the other is not here, or the host will not carry it
            return []
        messages = [*self._session.receive_data(data)]
        if self._session.failed:
            messages += self._session.receive_data(b"")
        taken: list[Message] = []
        for message in messages:
            if isinstance(message, Ready | Asking):
                if not self.mine or self.ready or (self.asking and isinstance(message, Asking)):
                    raise OutOfTurn(what=wire.tag_of(message))
                self.ready = isinstance(message, Ready)
                self.asking = not self.ready
            elif isinstance(message, Want) and not self.mine:
                raise BadMessage(why="a wish of whom should fulfil it")
            elif not self.ready and not isinstance(message, wire.Bye):
                raise OutOfTurn(what=wire.tag_of(message))
            taken.append(message)  # type: ignore[arg-type]  # `decode` makes no other
        return taken

    def answer(self, *, ask: bool) -> None:
        """The side that was called: take it, or say that the person is asked first."""
        self.ready, self.asking = not ask, ask
        self.send(Asking() if ask else Ready())

    def send(self, *messages: wire.Message) -> None:
        self._session.send(messages)

    def data_to_send(self) -> bytes:
        return self._session.data_to_send()

    def end(self, error: PeerError) -> bytes:
        """The last bytes: a goodbye where there are keys, a refusal where there are none and the other side expects
        an answer."""
        before = self._session.data_to_send()
        if self._session.keyed:
            self._session.send([wire.Bye(error.code)])
            return before + self._session.data_to_send()
        return before + (b"" if self.mine or self._session.has_keys else refusal(error))
