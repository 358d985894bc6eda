"""`/password`: a guest sets a password, the host's person types one, and both learn whether it was the same.

The proof is that of `usi.core.pake`, bound to the link between the two. A guest's `ask` goes through the hub to the
host's person; the host confirms first. Pure: what is to be sent and told goes out by the two callbacks.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Literal

from usi.core import text, wire
from usi.core.crypto import CryptoError
from usi.core.errors import (
    BadMessage,
    NoMoreTries,
    NotAsked,
    NothingAsked,
    OutOfTurn,
    PasswordAlone,
    SeveralAsked,
    StillAsking,
)
from usi.core.pake import Proving
from usi.core.roster import Roster
from usi.core.trace import Direction, Trace, Tracer, Value

PURPOSE = "usi3 password"
TRIES = 5  # passwords that may differ with one member before its asking is not heard any more

State = Literal["wanted", "asked", "sent", "matched", "differs"]


class PasswordCheck:
    """One person's part, for guest and host alike.

    `send` passes a message to the hub; `tell` is told the state of the comparison with a member."""

    def __init__(
        self,
        roster: Roster,
        send: Callable[[wire.Message], None],
        tell: Callable[[bytes, State], None],
        tracer: Tracer | None = None,
    ) -> None:
        self._roster = roster
        self._send = send
        self._tell = tell
        self._trace = tracer
        self._asked: dict[bytes, bytes] = {}
        """Members who wait for the host's person → their points."""
        self._provings: dict[bytes, Proving] = {}
        self._differed: Counter[bytes] = Counter()
        self._typing: bytes | None = None

    @property
    def _is_host(self) -> bool:
        return self._roster.host == self._roster.own

    # --- the person ---

    def begin(self, name: str | None) -> None:
        """The person wants to set a password, or to answer a member. Raises `LocalError`."""
        member = self._answers(name) if self._is_host else self._roster.host
        if name is not None and not self._is_host and text.skeleton(name) != self._skeleton(member):
            raise PasswordAlone  # mostly the password itself, which must not be repeated in an error
        if not self._is_host and member in self._provings:
            raise StillAsking
        if self._differed[member] >= TRIES:
            raise NoMoreTries(limit=TRIES, name=self._roster.here[member].name)
        self._typing = member
        self._tell(member, "wanted")

    def _skeleton(self, member: bytes) -> str:
        return text.skeleton(self._roster.here[member].name)

    def _answers(self, name: str | None) -> bytes:
        member = self._roster.find(name) if name is not None else None
        names = ", ".join(map(self._roster.name_of, self._asked))
        if not self._asked:
            raise NothingAsked
        if member is None:
            if len(self._asked) > 1:
                raise SeveralAsked(names=names)
            return next(iter(self._asked))
        if member not in self._asked:
            raise NotAsked(name=self._roster.name_of(member), names=names)
        return member

    def exporter(self) -> bytes:
        """What the password being typed must be stretched with. Raises `NothingAsked`."""
        exporter = self._roster.exporter_of(self._typing) if self._typing is not None else b""
        if not exporter:
            raise NothingAsked
        return exporter

    def cancel(self) -> None:
        """The person typed nothing."""
        self._typing = None

    def typed(self, secret: bytes) -> None:
        """The password was typed; `secret` is made of it by `pake.password_secret`. Raises `NothingAsked`."""
        exporter = self.exporter()
        member, self._typing = self._typing, None
        if member is None:
            raise NothingAsked
        if not self._is_host:
            proving = Proving("client", PURPOSE, secret, exporter)
            self._note("claim", "out", purpose="password", point=proving.message)
            self._send(wire.Ask(proving.message))
        else:
            point = self._asked.pop(member, None)
            if point is None:
                raise NothingAsked
            proving = Proving("host", PURPOSE, secret, exporter)
            try:
                confirmation = proving.confirm(point)
            except CryptoError:  # a point that fits no honest exchange
                self._ends(member, False)
                return
            self._differed[member] += 1  # the guess is out; taken back when it fits
            self._note("challenge", "out", point=proving.message, confirmation=confirmation)
            self._send(wire.Answer(member, proving.message, confirmation))
        self._provings[member] = proving
        self._tell(member, "sent")

    # --- the hub ---

    def take_asked(self, message: wire.Asked) -> None:
        """On the host: a member asks. One who differed too often, or asks again and again, is not heard."""
        if self._differed[message.member] >= TRIES or message.member not in self._roster.here:
            return
        self._note("claim", "in", purpose="password", point=message.point)
        known = message.member in self._asked
        self._asked[message.member] = message.point
        if not known:
            self._tell(message.member, "asked")

    def take_challenge(self, message: wire.Challenge) -> None:
        """On a guest: the host's answer. Raises `PeerError` for one that nobody asked for or that is none."""
        host = self._roster.host
        proving = self._provings.pop(host, None)
        if proving is None:
            raise OutOfTurn(what="challenge")
        try:
            own = proving.confirm(message.point)
        except CryptoError as error:
            raise BadMessage(why="a point that is none") from error
        same = proving.fits(message.confirmation)
        self._note("challenge", "in", point=message.point, confirmation=message.confirmation, fits=same)
        self._note("prove", "out", confirmation=own if same else None)
        self._send(wire.Prove(own if same else None))
        self._differed[host] += not same
        self._ends(host, same)

    def take_proved(self, message: wire.Proved) -> None:
        """On the host: the member's answer; one that nobody waits for is passed over."""
        proving = self._provings.pop(message.member, None)
        if proving is None:
            return
        same = message.confirmation is not None and proving.fits(message.confirmation)
        self._note("prove", "in", confirmation=message.confirmation, fits=same)
        self._differed[message.member] -= same
        self._ends(message.member, same)

    def left(self, member: bytes) -> None:
        """A member is gone: what it asked is void, and a proof that it left open has failed."""
        self._asked.pop(member, None)
        if self._typing == member:
            self._typing = None
        if self._provings.pop(member, None) is not None:
            self._ends(member, False)

    def _note(self, step: str, direction: Direction, /, **detail: Value) -> None:
        if self._trace is not None:
            self._trace(Trace(step, direction, detail))

    def _ends(self, member: bytes, same: bool) -> None:
        if same:
            self._roster.verified.add(member)
        self._tell(member, "matched" if same else "differs")
