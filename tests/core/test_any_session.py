"""Two honest sides and a wire in hostile hands: whatever it does, nobody hears what was not said, in that order."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from usi.core import wire
from usi.core.crypto import PrivateKey
from usi.core.errors import PeerError
from usi.core.session import ANSWER_SIZE, HELLO_SIZE, OFFER_SIZE, Role, Session, State

PATCHES = st.binary(min_size=1, max_size=40)


class Side:
    """A session, the bytes under way to it, what it heard, and what its partner said to it."""

    def __init__(self, session: Session, handshake: int) -> None:
        self.session = session
        self.handshake = handshake
        """Bytes of the key exchange that come to it."""
        self.coming = bytearray()
        self.taken = 0
        """Bytes that it has got."""
        self.due: list[wire.Message] = []
        self.heard: list[wire.Message] = []
        self.error: PeerError | None = None
        self.touched: int | None = None
        """Where in the stream the first byte is that its partner did not send there."""

    def touch(self, position: int) -> None:
        here = self.taken + position
        self.touched = here if self.touched is None else min(self.touched, here)


class AnyWire(RuleBasedStateMachine):
    def __init__(self, keys: dict[str, PrivateKey]) -> None:
        super().__init__()
        client = Session(Role.CLIENT, keys["alice"])
        host = Session(Role.HOST, keys["host"])
        self.client, self.host = Side(client, OFFER_SIZE), Side(host, HELLO_SIZE + ANSWER_SIZE)
        self.count = 0
        self._flush()

    def _side(self, towards_host: bool) -> Side:
        return self.host if towards_host else self.client

    def _flush(self) -> None:
        self.host.coming += self.client.session.data_to_send()
        self.client.coming += self.host.session.data_to_send()

    @initialize(steps=st.sampled_from([0, 1, 2, 5, 5, 5]))
    def begin(self, steps: int) -> None:
        """The key exchange, honestly up to some point: few random runs would come behind it."""
        for step in range(steps):
            self.all_arrives(1)
            if step == 2 and self.client.session.state is State.KEYED:
                self.join()
            if step == 3:
                self.host_says(1)

    # --- honest ---

    @precondition(lambda self: self.client.session.state is State.KEYED and not self.host.due and not self.client.error)
    @rule()
    def join(self) -> None:
        message = wire.Join("alice")
        self.host.due.append(message)
        self.client.session.send([message])
        self._flush()

    @precondition(lambda self: self.client.session.state is State.OPEN and self.client.error is None)
    @rule(count=st.integers(1, 3))
    def client_says(self, count: int) -> None:
        said = [wire.Nick(f"n{self.count + index}") for index in range(count)]
        self.count += count
        self.host.due += said
        self.client.session.send(said)
        self._flush()

    @precondition(
        lambda self: self.host.session.keyed and self.host.heard and self.host.error is None
    )
    @rule(count=st.integers(1, 3))
    def host_says(self, count: int) -> None:
        said = [wire.Notice("name-taken", str(self.count + index)) for index in range(count)]
        self.count += count
        self.client.due += said
        self.host.session.send(said)
        self._flush()

    @rule(towards_host=st.booleans(), size=st.one_of(st.integers(1, 60), st.integers(1, 4000)))
    def some_arrives(self, towards_host: bool, size: int) -> None:
        side = self._side(towards_host)
        data = bytes(side.coming[:size])
        del side.coming[:size]
        side.taken += len(data)
        self._receive(side, data)

    @rule(times=st.integers(1, 4))
    def all_arrives(self, times: int) -> None:
        for _ in range(times):
            for towards_host in (True, False):
                self.some_arrives(towards_host, 1_000_000)

    def _receive(self, side: Side, data: bytes) -> None:
        before = side.session.state
        try:
            side.heard += side.session.receive_data(data)
            if side.session.failed:
                side.heard += side.session.receive_data(b"")
        except PeerError as error:
            assert side.error is None, "a session that has failed fails no second time"
            side.error = error
        assert side.error is None or side.session.receive_data(b"more") == []
        assert not (before is State.CLOSED and side.session.keyed)
        self._flush()

    # --- hostile ---

    @rule(
        how=st.sampled_from(["flip", "insert", "drop", "repeat", "reflect"]), towards_host=st.booleans(),
        at=st.integers(0, 3000), patch=PATCHES,
    )  # fmt: skip
    def meddle(self, how: str, towards_host: bool, at: int, patch: bytes) -> None:
        side, other = self._side(towards_host), self._side(not towards_host)
        coming, at = side.coming, at % (len(side.coming) + 1)
        if how == "insert":
            coming[at:at] = patch
        elif how == "repeat":
            at = len(coming)
            coming += bytes(coming)
        elif how == "reflect":  # what comes from one side goes back to it
            at = len(coming)
            coming += bytes(other.coming)
        elif at == len(coming):
            return
        elif how == "flip":
            coming[at] ^= patch[0] or 1
        else:
            del coming[at : at + 10 * len(patch)]
        side.touch(at)

    # --- what must hold ---

    @invariant()
    def each_heard_what_was_said_and_in_order(self) -> None:
        for side in (self.client, self.host):
            assert side.heard == side.due[: len(side.heard)]

    @invariant()
    def a_key_exchange_that_was_touched_lets_nobody_in(self) -> None:
        sides = (self.client, self.host)
        changed = [side for side in sides if side.touched is not None and side.touched < side.handshake]
        if any(side.touched < min(side.taken, side.handshake) for side in changed):  # type: ignore[operator]
            assert not self.client.heard or not self.host.heard
            assert State.OPEN is not self.client.session.state

    def teardown(self) -> None:
        for _ in range(4):
            self.all_arrives(1)
        untouched = self.client.touched is None and self.host.touched is None
        if untouched:
            assert self.client.heard == self.client.due
            assert self.host.heard == self.host.due
            assert self.client.error is self.host.error is None
        if self.client.session.state is self.host.session.state is State.OPEN:
            assert self.client.session.fingerprint == self.host.session.fingerprint
            assert self.client.session.words == self.host.session.words


def test_any_wire(keys: dict[str, PrivateKey]) -> None:
    run_state_machine_as_test(
        lambda: AnyWire(keys), settings=settings(max_examples=50, stateful_step_count=30, deadline=None)
    )


class AnyHonestWire(AnyWire):
    """The same without hostile hands, so that long conversations are tried as well."""

    meddle = None  # type: ignore[assignment]


def test_any_honest_wire(keys: dict[str, PrivateKey]) -> None:
    run_state_machine_as_test(
        lambda: AnyHonestWire(keys), settings=settings(max_examples=20, stateful_step_count=40, deadline=None)
    )
