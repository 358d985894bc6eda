"""One connection that pumps one session: flushes, deadlines, heartbeat, bounds and the end.

The transport is a stand-in that keeps what is written, the partner a session in memory, and the clock a number, so that
each case is exact. What real sockets add is in the other files of this folder.
"""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future
from typing import Any, TypeVar

import pytest

from usi.config import Limits
from usi.core import codec, wire
from usi.core.crypto import PrivateKey
from usi.core.errors import (
    BadHandshake,
    BadRecord,
    Busy,
    Cut,
    HandshakeTimeout,
    HostStopped,
    NotUsi,
    PeerError,
    Silent,
    TooFast,
    TooSlow,
    WornOut,
)
from usi.core.session import MAX_RECORDS, REFUSAL_MARK, Role, Session, State, refusal
from usi.net.link import Flusher, Link, address_of

T = TypeVar("T")
LIMITS = Limits(queue_bytes=200_000)


class Held(Executor):
    """Does nothing until it is told to."""

    def __init__(self) -> None:
        self.waiting: list[Callable[[], None]] = []
        self.held = False

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        future: Future[T] = Future()

        def work() -> None:
            try:
                future.set_result(fn(*args, **kwargs))
            except PeerError as error:
                future.set_exception(error)

        self.waiting.append(work)
        if not self.held:
            self.work()
        return future

    def work(self) -> None:
        waiting, self.waiting = self.waiting, []
        for each in waiting:
            each()


class Transport(asyncio.Transport):
    """Keeps what is written; closes as the real ones do, by telling the protocol in the next turn."""

    def __init__(self, protocol: asyncio.Protocol) -> None:
        super().__init__({"peername": ("192.0.2.7", 4000)})
        self.protocol = protocol
        self.out = b""
        self.reading = True
        self.eof = self.closed = self.aborted = False
        self.reset = False

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass

    def write(self, data: bytes) -> None:
        assert not self.eof
        assert not self.closed
        self.out += data

    def taken(self) -> bytes:
        out, self.out = self.out, b""
        return out

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        if self.reset:
            raise OSError(errno.ENOTCONN, "Transport endpoint is not connected")
        self.eof = True

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True

    def close(self) -> None:
        if not self.closed:
            self.closed = True
            asyncio.get_running_loop().call_soon(self.protocol.connection_lost, None)

    def abort(self) -> None:
        self.aborted = True
        self.close()


class Owner:
    """Writes down what a link reports."""

    def __init__(self) -> None:
        self.said: list[Any] = []
        self.admits = True

    def link_made(self, link: Link) -> bool:
        self.said.append("made")
        return self.admits

    def link_ready(self, link: Link) -> None:
        self.said.append("ready")

    def link_messages(self, link: Link, messages: Sequence[wire.Message]) -> None:
        self.said += messages

    def link_ended(self, link: Link, error: PeerError | None) -> None:
        self.said.append(("ended", error.code if error else None))

    def link_closed(self, link: Link) -> None:
        self.said.append("closed")


class Bench:
    """A link of the host with a stand-in transport, and its partner."""

    def __init__(self, keys: dict[str, PrivateKey], limits: Limits = LIMITS, *, admits: bool = True) -> None:
        self.owner = Owner()
        self.owner.admits = admits
        self.executor = Held()
        self.partner = Session(Role.CLIENT, keys["alice"])
        self.session = Session(Role.HOST, keys["host"])
        loop = asyncio.get_running_loop()
        self.link = Link(self.session, self.owner, Flusher(loop), self.executor, limits, 7)
        self.transport = Transport(self.link)
        self.link.connection_made(self.transport)

    def feed(self, data: bytes | None = None) -> None:
        """Give the link these bytes, or what its partner has to send."""
        self.link.data_received(self.partner.data_to_send() if data is None else data)

    def told(self) -> list[wire.Message]:
        """What the partner hears."""
        return self.partner.receive_data(self.transport.taken())

    async def greet(self) -> None:
        self.feed()
        await turns()
        self.told()
        self.feed()
        await turns()
        assert self.session.state is State.KEYED

    async def join(self) -> None:
        await self.greet()
        self.partner.send([wire.Join("alice")])
        self.feed()
        self.link.joined()
        self.link.send(NOTICE)
        await turns()
        assert self.told() == [NOTICE]
        self.owner.said.clear()


NOTICE = wire.Notice("hello", "x")


async def turns(count: int = 6) -> None:
    """Let the event loop go round: a thread's result takes a few turns to come back."""
    for _ in range(count):
        await asyncio.sleep(0)


async def test_a_connection_that_is_reset_before_its_address_is_known_is_told_like_any_other(
    keys: dict[str, PrivateKey],
) -> None:
    bench = Bench(keys)
    bench.owner.said.clear()
    session, loop = Session(Role.CLIENT, keys["alice"]), asyncio.get_running_loop()
    link = Link(session, bench.owner, Flusher(loop), bench.executor, LIMITS)
    transport = Transport(link)
    transport._extra["peername"] = None  # asyncio's word for it
    link.connection_made(transport)
    link.connection_lost(ConnectionResetError())
    assert bench.owner.said == ["made", ("ended", "cut"), "closed"]


async def test_the_story_of_a_link(keys: dict[str, PrivateKey]) -> None:
    bench = Bench(keys)
    await bench.greet()
    bench.partner.send([wire.Join("alice")])
    bench.feed()
    bench.link.send(NOTICE)
    await turns()
    assert bench.told() == [NOTICE]
    bench.partner.send([wire.Nick("alicia"), wire.Bye("left")])
    bench.feed()
    await turns()
    assert bench.owner.said == [
        "made",
        "ready",
        wire.Join("alice"),
        wire.Nick("alicia"),
        wire.Bye("left"),
        ("ended", None),
        "closed",
    ]
    assert bench.transport.closed
    assert not bench.transport.aborted
    assert bench.session.fingerprint == bench.partner.fingerprint
    assert bench.session.words == bench.partner.words
    assert bench.link.peer_address == ("192.0.2.7", 4000)
    await bench.link.closed()


# --- receiving -------------------------------------------------------------------------------------------------------


async def test_bytes_may_come_one_by_one(keys: dict[str, PrivateKey]) -> None:
    bench = Bench(keys)
    total = 0
    for _ in range(2):
        data = bench.partner.data_to_send()
        total += len(data)
        for index in range(len(data)):
            bench.feed(data[index : index + 1])
        while not bench.transport.reading:
            await turns(1)
        bench.told()
    bench.partner.send([wire.Join("alice")])
    data = bench.partner.data_to_send()
    total += len(data)
    for index in range(len(data)):
        bench.feed(data[index : index + 1])
    assert bench.owner.said == ["made", "ready", wire.Join("alice")]
    assert bench.link.bytes_in == total
    assert bench.link.traffic().records_in == 1


async def test_bytes_that_come_while_a_thread_computes_wait(keys: dict[str, PrivateKey]) -> None:
    bench = Bench(keys)
    bench.feed()
    await turns()
    bench.told()
    answer = bench.partner.data_to_send()
    bench.partner.send([wire.Join("alice")])
    join = bench.partner.data_to_send()
    bench.executor.held = True
    bench.feed(answer)
    assert not bench.transport.reading  # the session is the thread's alone
    bench.feed(join[:5])
    bench.feed(join[5:])
    bench.link.queue(codec.encode(NOTICE))
    await turns()
    assert bench.owner.said == ["made"]
    assert bench.transport.out == b""
    bench.executor.work()
    await turns()
    assert bench.owner.said == ["made", "ready", wire.Join("alice")]
    assert bench.link.bytes_in == 38 + len(answer) + len(join)
    assert bench.transport.reading


async def test_an_end_that_comes_while_a_thread_computes_waits_too(keys: dict[str, PrivateKey]) -> None:
    bench = Bench(keys)
    bench.feed()
    await turns()
    bench.told()
    bench.executor.held = True
    bench.feed()
    assert bench.link.eof_received() is True  # keep the connection until the answer is known
    bench.executor.work()
    await turns()
    assert bench.owner.said == ["made", "ready", ("ended", "cut"), "closed"]


async def test_a_connection_lost_while_a_thread_computes(keys: dict[str, PrivateKey]) -> None:
    bench = Bench(keys)
    bench.executor.held = True
    bench.feed()
    bench.link.connection_lost(None)
    bench.executor.work()
    await turns()
    assert bench.owner.said == ["made", ("ended", "cut"), "closed"]


async def test_closing_while_a_thread_computes(keys: dict[str, PrivateKey]) -> None:
    bench = Bench(keys)
    bench.executor.held = True
    bench.feed()
    bench.link.close(HostStopped())
    bench.executor.work()
    await turns()
    assert bench.owner.said == ["made", ("ended", "host-stopped"), "closed"]
    assert bench.transport.closed


async def test_a_cut_is_no_goodbye(keys: dict[str, PrivateKey]) -> None:
    bench = Bench(keys)
    await bench.join()
    assert not bench.link.eof_received()
    await turns()
    assert bench.owner.said == [("ended", "cut"), "closed"]


async def test_an_end_after_the_goodbye_changes_nothing(keys: dict[str, PrivateKey]) -> None:
    bench = Bench(keys)
    await bench.join()
    bench.partner.send([wire.Bye("left")])
    bench.feed()
    bench.link.eof_received()
    await turns()
    assert bench.owner.said == [wire.Bye("left"), ("ended", None), "closed"]


async def test_a_record_that_does_not_open_ends_the_link_with_a_sealed_reason(keys: dict[str, PrivateKey]) -> None:
    bench = Bench(keys)
    await bench.join()
    bench.partner.send([wire.Alive()])
    bench.partner.data_to_send()
    bench.partner.send([wire.Nick("next")])
    bench.feed()
    assert bench.owner.said == [("ended", BadRecord.code)]
    assert bench.told() == [wire.Bye(BadRecord.code)]
    assert bench.transport.eof
    assert bench.transport.reading  # on to the partner's own end, so that no reset overtakes the goodbye
    bench.feed(b"whatever comes now")
    bench.link.eof_received()
    bench.transport.close()
    await turns()
    assert bench.owner.said == [("ended", BadRecord.code), "closed"]


@pytest.mark.parametrize("garbage", [b"G", b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x02\x00\x01", b"USI2", b"USI3P"])
async def test_what_is_foreign_is_refused_at_its_first_bytes(keys: dict[str, PrivateKey], garbage: bytes) -> None:
    bench = Bench(keys)
    bench.feed(garbage)
    await turns()
    assert bench.owner.said == ["made", ("ended", NotUsi.code)]
    assert bench.transport.taken() == refusal(NotUsi())
    assert len(refusal(NotUsi())) == len(REFUSAL_MARK) + 1
    assert bench.transport.eof


async def test_a_broken_answer_is_refused(keys: dict[str, PrivateKey]) -> None:
    bench = Bench(keys)
    bench.feed()
    await turns()
    bench.told()
    answer = bytearray(bench.partner.data_to_send())
    answer[-1] ^= 1
    bench.feed(bytes(answer))
    await turns()
    assert bench.owner.said == ["made", ("ended", BadHandshake.code)]
    assert bench.transport.taken() == refusal(BadHandshake())


async def test_one_too_many_is_turned_away_before_it_costs_anything(keys: dict[str, PrivateKey]) -> None:
    bench = Bench(keys, admits=False)
    assert bench.transport.taken() == refusal(Busy())
    assert bench.transport.eof
    bench.feed()
    assert not bench.executor.waiting
    assert bench.session.state is State.START


async def test_far_more_than_the_pace_allows_ends_the_link(keys: dict[str, PrivateKey]) -> None:
    bench = Bench(keys, Limits(sender_burst=10, sender_rate=1))
    await bench.join()
    for _ in range(40):
        bench.partner.send([wire.Nick("n")] * 200)
    bench.feed()
    assert bench.owner.said[-1] == ("ended", TooFast.code)
    assert bench.told() == [wire.Bye(TooFast.code)]
    assert len(bench.owner.said) < 20  # what waited is forgotten
    await turns()
    assert bench.owner.said[-1] == ("ended", TooFast.code)


async def test_who_is_over_the_pace_is_not_read_meanwhile(keys: dict[str, PrivateKey], eventually: Any) -> None:
    bench = Bench(keys, Limits(sender_burst=2, sender_rate=500))
    await bench.join()
    bench.partner.send([wire.Nick(f"n{number}") for number in range(9)])
    bench.feed()
    assert not bench.transport.reading
    await eventually(lambda: bench.transport.reading)
    assert bench.owner.said == [wire.Nick(f"n{number}") for number in range(9)]
    bench.partner.send([wire.Alive()])
    bench.feed()
    assert len(bench.owner.said) == 9  # a sign of life is for the link alone


# --- sending ---------------------------------------------------------------------------------------------------------


async def test_what_comes_in_one_turn_goes_out_in_one_record(keys: dict[str, PrivateKey]) -> None:
    bench = Bench(keys)
    await bench.join()
    before = bench.link.traffic()
    notices = [wire.Notice("n", str(index)) for index in range(20)]
    for notice in notices:
        bench.link.send(notice)
    assert bench.transport.out == b""
    await turns(1)
    after = bench.link.traffic()
    assert after.records_out == before.records_out + 1
    assert after.bytes_out == before.bytes_out + len(bench.transport.out)
    assert bench.told() == notices
    bench.link.send(NOTICE)
    await turns(1)
    assert bench.link.traffic().records_out == after.records_out + 1


async def test_what_a_slow_partner_cannot_take_yet_waits_and_goes_out_together(keys: dict[str, PrivateKey]) -> None:
    bench = Bench(keys)
    await bench.join()
    bench.link.pause_writing()
    for _ in range(3):
        bench.link.send(NOTICE)
        await turns(1)
    assert bench.transport.out == b""
    bench.link.resume_writing()
    await turns(1)
    assert bench.told() == [NOTICE] * 3
    assert bench.session.records_out == 2


async def test_a_partner_that_is_too_slow_is_given_up_when_its_queue_is_full(keys: dict[str, PrivateKey]) -> None:
    bench = Bench(keys)
    await bench.join()
    bench.link.pause_writing()
    long = wire.Notice("n", "x" * 256)
    for _ in range(LIMITS.queue_bytes // len(codec.encode(long))):
        bench.link.send(long)
    assert bench.owner.said == []
    bench.link.send(long)
    assert bench.owner.said == [("ended", TooSlow.code)]
    assert bench.told() == [wire.Bye(TooSlow.code)]  # of the queue nothing more is sealed
    bench.link.send(NOTICE)
    bench.link.resume_writing()
    await turns()
    assert bench.transport.out == b""


async def test_the_bound_is_on_what_waits_and_not_on_all_that_was_sent(keys: dict[str, PrivateKey]) -> None:
    bench = Bench(keys)
    await bench.join()
    long = wire.Notice("n", "x" * 256)
    count = 2 * LIMITS.queue_bytes // len(codec.encode(long))
    for _ in range(count):
        bench.link.send(long)  # a burst of our own, however long: the partner takes it
    await turns(1)
    assert bench.told() == [long] * count
    assert bench.owner.said == []


async def test_closing_sends_what_waits_and_then_the_reason(keys: dict[str, PrivateKey]) -> None:
    bench = Bench(keys)
    await bench.join()
    bench.link.pause_writing()
    bench.link.send(NOTICE)
    bench.link.close(HostStopped())
    assert bench.told() == [NOTICE, wire.Bye(HostStopped.code)]
    bench.link.close(TooSlow())
    bench.link.eof_received()
    bench.transport.close()
    await turns()
    assert bench.owner.said == [("ended", HostStopped.code), "closed"]


async def test_a_host_that_closes_before_there_are_keys_sends_a_refusal(keys: dict[str, PrivateKey]) -> None:
    bench = Bench(keys)
    bench.link.close(HostStopped())
    assert bench.transport.taken() == refusal(HostStopped())


async def test_what_is_under_way_when_a_link_ends_does_not_reset_it(keys: dict[str, PrivateKey]) -> None:
    """However much the partner has sent before: a reset could overtake the goodbye."""
    bench = Bench(keys)
    await bench.join()
    long = wire.Post(bytes(16), bytes(32), bytes(32), bytes(15), bytes(wire.MAX_SEALED))
    bench.partner.send([long, long])
    bench.feed()
    assert bench.link.bytes_in > 100_000
    bench.link.close(HostStopped())
    bench.partner.send([wire.Alive()])
    bench.feed()
    await turns()
    assert not bench.transport.aborted
    assert bench.told() == [wire.Bye(HostStopped.code)]


@pytest.mark.parametrize("reads", [False, True])
async def test_a_link_whose_place_is_taken_says_so_and_keeps_nothing(keys: dict[str, PrivateKey], reads: bool) -> None:
    bench = Bench(keys)
    await bench.join()
    bench.told()
    if not reads:
        bench.link.pause_writing()
    for _ in range(3):
        bench.link.send(wire.KeyOf(bytes(32), None))
    bench.link.make_way()
    assert bench.told() == [wire.Bye("replaced")]
    assert bench.transport.aborted is not reads, "a full one is not waited for"


@pytest.mark.parametrize("joined", [False, True])
async def test_a_connection_that_is_reset_already_ends_all_the_same(keys: dict[str, PrivateKey], joined: bool) -> None:
    """asyncio shuts the socket down at once, which fails where the partner's reset is there and not read yet."""
    bench = Bench(keys, Limits(goodbye_seconds=0))
    if joined:
        await bench.join()
    bench.transport.reset = True
    bench.link.close(HostStopped())
    assert bench.owner.said[-1] == ("ended", HostStopped.code)
    async with asyncio.timeout(20):
        await bench.link.closed()


async def test_who_goes_on_sending_after_the_end_is_cut_off(keys: dict[str, PrivateKey]) -> None:
    bench = Bench(keys)
    await bench.join()
    bench.link.close(HostStopped())
    for _ in range(100):
        if not bench.transport.aborted:
            bench.feed(bytes(16_384))
    assert bench.transport.aborted


async def test_who_does_not_hang_up_is_cut_off_in_the_end(keys: dict[str, PrivateKey], eventually: Any) -> None:
    bench = Bench(keys, Limits(goodbye_seconds=0.05))
    await bench.join()
    bench.link.close(HostStopped())
    assert not bench.transport.closed
    async with asyncio.timeout(20):
        await bench.link.closed()
    assert bench.transport.aborted


# --- time ------------------------------------------------------------------------------------------------------------


async def test_a_handshake_that_is_not_done_in_time_is_refused(keys: dict[str, PrivateKey]) -> None:
    bench = Bench(keys)
    now = asyncio.get_running_loop().time()
    bench.link.tick(now + LIMITS.handshake_seconds - 1)
    assert bench.owner.said == ["made"]
    bench.link.tick(now + LIMITS.handshake_seconds + 1)
    assert bench.owner.said == ["made", ("ended", HandshakeTimeout.code)]
    assert bench.transport.taken() == refusal(HandshakeTimeout())
    bench.link.tick(now + 2 * LIMITS.handshake_seconds)
    assert bench.owner.said == ["made", ("ended", HandshakeTimeout.code)]


async def test_the_join_belongs_to_the_handshake(keys: dict[str, PrivateKey]) -> None:
    bench = Bench(keys)
    await bench.greet()
    assert not bench.link.is_joined
    bench.link.tick(asyncio.get_running_loop().time() + LIMITS.handshake_seconds + 1)
    assert bench.owner.said == ["made", "ready", ("ended", HandshakeTimeout.code)]
    assert bench.told() == [wire.Bye(HandshakeTimeout.code)]  # there are keys: the reason is sealed


async def test_who_has_joined_is_not_held_to_the_handshake_time(keys: dict[str, PrivateKey]) -> None:
    bench = Bench(keys)
    await bench.join()
    assert bench.link.is_joined
    bench.link.tick(asyncio.get_running_loop().time() + LIMITS.handshake_seconds + 1)
    assert bench.owner.said == []


async def test_an_idle_link_sends_a_heartbeat(keys: dict[str, PrivateKey]) -> None:
    bench = Bench(keys)
    await bench.join()
    now = asyncio.get_running_loop().time()
    bench.link.tick(now + LIMITS.heartbeat_seconds - 1)
    await turns()
    assert bench.told() == []
    bench.link.tick(now + LIMITS.heartbeat_seconds + 1)
    await turns()
    assert bench.told() == [wire.Alive()]


async def test_a_link_ends_before_its_numbers_do(keys: dict[str, PrivateKey]) -> None:
    bench = Bench(keys)
    await bench.join()
    bench.session._sent = bench.partner._received = MAX_RECORDS - 10
    bench.link.tick(asyncio.get_running_loop().time())
    assert bench.owner.said == [("ended", WornOut.code)]
    assert bench.told() == [wire.Bye(WornOut.code)]


async def test_only_what_opens_is_a_sign_of_life(keys: dict[str, PrivateKey]) -> None:
    bench = Bench(keys)
    await bench.join()
    now = asyncio.get_running_loop().time()
    bench.link._heard = now - LIMITS.silence_seconds - 1
    bench.partner.send([wire.Alive()])
    bench.feed()
    bench.link.tick(now + 1)
    assert bench.owner.said == []
    bench.link._heard = now - LIMITS.silence_seconds - 1
    bench.feed(b"\x00\x01\x00\x00 the beginning of a long record")
    bench.link.tick(now + 1)
    assert bench.owner.said == [("ended", Silent.code)]


async def test_silence_ends_a_link_and_forgiveness_spares_it(keys: dict[str, PrivateKey]) -> None:
    bench = Bench(keys)
    await bench.join()
    now = asyncio.get_running_loop().time()
    bench.link.tick(now + LIMITS.silence_seconds - 1)
    bench.link.tick(now + LIMITS.silence_seconds + 100, forgive=True)
    bench.link.tick(now + 2 * LIMITS.silence_seconds + 99)
    assert bench.owner.said == []
    bench.link.tick(now + 2 * LIMITS.silence_seconds + 101)
    assert bench.owner.said == [("ended", Silent.code)]
    await turns()
    assert bench.told()[-1] == wire.Bye(Silent.code)


async def test_three_heartbeats_fit_into_the_silence() -> None:
    limits = Limits()
    assert limits.silence_seconds >= 3 * limits.heartbeat_seconds


def test_errors_of_a_link_have_codes_that_can_be_sent() -> None:
    for error in (Busy, Cut, HandshakeTimeout, HostStopped, Silent, TooSlow, BadRecord):
        assert codec.decode_from_host(b"\x91" + codec.encode(wire.Bye(error.code))) == [wire.Bye(error.code)]


@pytest.mark.parametrize(
    ("peername", "address"),
    [
        (("192.0.2.1", 5), ("192.0.2.1", 5)),
        (("2001:db8::1", 5, 0, 0), ("2001:db8::1", 5)),
        (("fe80::1", 5, 0, 3), ("fe80::1%3", 5)),
        (("fe80::1%eth0", 5, 0, 3), ("fe80::1%eth0", 5)),
        (("memory", 0), ("memory", 0)),
    ],
)
def test_a_link_local_address_keeps_its_zone(peername: tuple[Any, ...], address: tuple[str, int]) -> None:
    assert address_of(peername) == address
