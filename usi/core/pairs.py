"""A member's pair links: opening, answering, and what ends them.

The hub carries their bytes and can stop, change or invent them: what does not fit ends that pair link alone. Times are
seconds since 1970 (UTC), given by the caller.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from usi.core import pair as pairing
from usi.core import wire
from usi.core.allowance import Allowance, Allowances
from usi.core.crypto import PrivateKey, random_bytes
from usi.core.errors import BadMessage, Busy, Cut, NoAnswer, PeerError, TooManyPairs, Unwelcome, from_code
from usi.core.pair import Pair
from usi.core.relay import NEW_PAIRS, PAIR_SECONDS
from usi.core.session import HELLO_SIZE, refusal
from usi.core.trace import Tracer

ANSWERED = 60  # pair links of others that are answered in a minute, in all: each costs milliseconds of computing
MOST_PAIRS = 256  # open at once: each is some kilobytes
PATIENCE = 10.0  # seconds for a handshake
_CALLERS_KEPT = 1_000  # members for whom it is remembered how many of theirs were answered


class Owner(Protocol):
    """Whom the pair links are for."""

    def pair_ready(self, pair: Pair) -> None:
        """Both sides take it."""

    def pair_asks(self, pair: Pair) -> None:
        """It waits for the person who was called: for ours where the pair is not `mine`."""

    def pair_says(self, pair: Pair, message: pairing.Message) -> None:
        """A message of the other side; raises `PeerError` where it makes no sense."""

    def pair_ended(self, pair: Pair, error: PeerError) -> None: ...


class Pairs:
    """By member. `send` takes messages for the hub, `tracer` makes what records a pair's steps."""

    def __init__(
        self,
        key: PrivateKey,
        owner: Owner,
        send: Callable[[wire.Message], None],
        *,
        ask: bool = False,
        tracer: Callable[[bytes], Tracer | None] = lambda other: None,
    ) -> None:
        self.blocked: set[bytes] = set()
        """Members whose pair links are refused."""
        self._own = key.public.id
        self._key = key
        self._owner = owner
        self._send = send
        self._ask = ask
        self._tracer = tracer
        self._by_member: dict[bytes, Pair] = {}
        self._opened = Allowance(NEW_PAIRS, PAIR_SECONDS)
        self._answered = Allowance(ANSWERED, PAIR_SECONDS)
        self._answered_of: Allowances[bytes] = Allowances(NEW_PAIRS, PAIR_SECONDS, _CALLERS_KEPT)

    def get(self, other: bytes) -> Pair | None:
        return self._by_member.get(other)

    def is_ready(self, other: bytes) -> bool:
        pair = self._by_member.get(other)
        return pair is not None and pair.ready

    def is_coming(self, other: bytes) -> bool:
        """Whether a handshake with this member is under way that nobody has to be asked about."""
        pair = self._by_member.get(other)
        return pair is not None and not pair.ready and not pair.asking

    # --- what the person wants ---

    def check(self, others: set[bytes], now: float) -> None:
        """Raises `TooManyPairs` where reaching all of these would open too many."""
        if len(others - self._by_member.keys()) > self._opened.left(now):
            raise TooManyPairs(count=NEW_PAIRS)

    def reach(self, other: bytes, now: float) -> None:
        """See to it that there is a pair link; who asks for one, and waits for our person, has its answer."""
        pair = self._by_member.get(other)
        if pair is None:
            self.check({other}, now)
            self._opened.take(now)
            pair = self._make(random_bytes(wire.PAIR_SIZE), other, mine=True, now=now)
            self._flush(pair)
        elif pair.asking and not pair.mine:
            pair.answer(ask=False)
            self._flush(pair)
            self._owner.pair_ready(pair)

    def say(self, other: bytes, *messages: wire.Message) -> None:
        """Send to a member whose pair link is ready; passed over where it is not any more, or its goodbye has come in
        the same piece as what is answered."""
        pair = self._by_member.get(other)
        if pair is not None and pair.ready and pair.keyed:
            pair.send(*messages)
            self._flush(pair)

    def end(self, other: bytes, error: PeerError, seen_as: PeerError | None = None) -> None:
        """End the pair link with this member, if there is one; `seen_as` is the reason on this side."""
        pair = self._by_member.pop(other, None)
        if pair is not None:
            self._pass(pair, pair.end(error))
            self._pass(pair, b"", last=True)
            self._owner.pair_ended(pair, seen_as or error)

    # --- what comes ---

    def take(self, passed: wire.Passed, now: float) -> None:
        """A piece that the hub brings."""
        pair = self._by_member.get(passed.member)
        if pair is None or pair.id != passed.pair:
            if not passed.data:
                return  # the end of one that has ended
            pair = self._called(passed, pair, now)
            if pair is None:
                return
        had_keys = pair.keyed
        try:
            messages = pair.take(passed.data)
            self._flush(pair)
            if pair.keyed and not had_keys and not pair.mine:
                self._answer(pair)
            for message in messages:
                self._note(pair, message)
                if self._by_member.get(pair.other) is not pair:
                    return  # it has ended meanwhile
        except PeerError as error:
            self._lose(pair, NoAnswer() if isinstance(error, Busy) else error)

    def wait_anew(self, now: float) -> None:
        """Handshakes stood still while the way to the hub was cut."""
        for pair in self._by_member.values():
            pair.began = now

    def forget_all(self) -> None:
        """The way to the hub is gone, and all of them with it."""
        self._by_member.clear()

    def gone(self, other: bytes, error: PeerError) -> None:
        """This member has left."""
        pair = self._by_member.pop(other, None)
        if pair is not None:
            self._owner.pair_ended(pair, error)

    def tick(self, now: float) -> None:
        """Give up handshakes that take too long; clocks are set back, too."""
        for pair in list(self._by_member.values()):
            if not pair.ready and not pair.asking and abs(now - pair.began) > PATIENCE:
                self._lose(pair, NoAnswer())

    # --- inside ---

    def _make(self, pair_id: bytes, other: bytes, *, mine: bool, now: float) -> Pair:
        pair = Pair(pair_id, self._key, other, mine=mine, now=now, tracer=self._tracer(other))
        self._by_member[other] = pair
        return pair

    def _called(self, passed: wire.Passed, known: Pair | None, now: float) -> Pair | None:
        """Somebody calls. None: it is not answered."""
        other = passed.member
        if other == self._own:
            raise BadMessage(why="a pair link with ourselves")
        if len(passed.data) != HELLO_SIZE:
            return None  # the rest of one that we have given up
        if known is not None and known.mine and not known.ready and not known.asking and self._own < other:
            self._send(wire.Pass(other, passed.pair, b""))
            return None  # both call at once: the call of the smaller id counts, on both sides
        error: PeerError | None = None
        if other in self.blocked:
            error = Unwelcome()
        elif (
            len(self._by_member) >= MOST_PAIRS
            or not self._answered_of.take(other, now)
            or not self._answered.take(now)
        ):
            error = Busy()
        if error is not None:
            self._send(wire.Pass(other, passed.pair, refusal(error)))
            self._send(wire.Pass(other, passed.pair, b""))
            return None
        if known is not None and (known.ready or known.asking):
            self._lose(known, Cut())  # the other side has forgotten it
        return self._make(passed.pair, other, mine=False, now=now)

    def _answer(self, pair: Pair) -> None:
        pair.answer(ask=self._ask)
        self._flush(pair)
        if pair.ready:
            self._owner.pair_ready(pair)
        else:
            self._owner.pair_asks(pair)

    def _note(self, pair: Pair, message: pairing.Message) -> None:
        match message:
            case pairing.Ready():
                self._owner.pair_ready(pair)
            case pairing.Asking():
                self._owner.pair_asks(pair)
            case wire.Bye(code):
                self._by_member.pop(pair.other, None)
                self._pass(pair, b"", last=True)
                self._owner.pair_ended(pair, from_code(code))
            case _:
                self._owner.pair_says(pair, message)

    def _lose(self, pair: Pair, error: PeerError) -> None:
        if self._by_member.get(pair.other) is pair:
            self.end(pair.other, error)

    def _flush(self, pair: Pair) -> None:
        self._pass(pair, pair.data_to_send())

    def _pass(self, pair: Pair, data: bytes, *, last: bool = False) -> None:
        if data or last:
            self._send(wire.Pass(pair.other, pair.id, data))
