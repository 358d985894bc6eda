"""A wire in hostile hands: whatever is flipped, dropped, repeated, swapped, cut, replayed or put in between, nobody is
ever shown a false or doubled message, the link ends with a reason, and the other members talk on.

(docs/PROTOCOL.md, "What must hold", 2 and 3.)
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import pytest

from usi.config import Limits
from usi.core import events as ev
from usi.core import wire
from usi.core.errors import BadHandshake, PeerError
from usi.core.session import ANSWER_SIZE, HELLO_SIZE, OFFER_SIZE, REFUSAL_SIZE, Role, Session, State

pytestmark = pytest.mark.usefixtures("quick_ticks")

HERE = "127.0.0.1"
PRESET = bytes(range(16))
LINES = 3
LIMITS = {"heartbeat_seconds": 0.04, "silence_seconds": 0.6, "handshake_seconds": 1.0, "goodbye_seconds": 0.3}

ENDS = {"bad-record", "bad-handshake", "too-long", "cut", "silent", "out-of-turn"}
"""How a link may end on which somebody lays hands."""

Touch = Callable[[Any], Sequence[bytes | None]]


class Scene:
    """A host, bob on a clean wire, and alice on one that somebody holds."""

    def __init__(self, house: Any, host: Any, bob: Any, proxy: Any) -> None:
        self.house = house
        self.host = host
        self.bob = bob
        self.proxy = proxy
        self.alice: Any = None
        self.refused: PeerError | None = None
        self.said: dict[str, list[str]] = {"alice": [], "bob": [], "host": []}

    async def play(self, preset: bytes | None = None) -> None:
        """Alice joins, all talk, and alice's link must end, or never come to be."""
        try:
            self.alice = await self.house.guest("alice", self.proxy.port, preset=preset, **LIMITS)
        except PeerError as error:
            self.refused = error
        for turn in range(LINES):
            await self._say("host", self.host, f"host {turn}")
            if self.alice is not None:
                await self._say("alice", self.alice, f"alice {turn}")
            await self._say("bob", self.bob, f"bob {turn}")
            await asyncio.sleep(0.01)  # so that these are several records
        if self.alice is not None:
            await self.alice.end()

    async def _say(self, name: str, seat: Any, text: str) -> None:
        if await seat.peer.enter(text):
            self.said[name].append(text)

    async def check(self) -> None:
        """Nothing false, nothing twice, a clear end, and the others undisturbed."""
        await self.bob.says("still here")
        await self.host.says("indeed")
        if self.alice is not None:
            await self.bob.hears(ev.MemberLeft, name="alice")
        await self.host.hears(ev.Message, text="still here")
        await self.bob.hears(ev.Message, text="indeed")
        self.said["bob"].append("still here")
        self.said["host"].append("indeed")
        heard = {seat: self._heard(seat) for seat in (self.host, self.bob)}
        from_alice = heard[self.host]["alice"]
        assert from_alice == heard[self.bob]["alice"] == begin(self.said["alice"], from_alice)
        assert heard[self.host]["bob"] == self.said["bob"]
        assert heard[self.bob]["host"] == self.said["host"]
        assert not self.bob.all(ev.Error) + self.bob.all(ev.Notice) + self.host.all(ev.Error)
        if self.alice is None:
            self._check_refused()
        else:
            self._check_ended(from_alice)

    def _check_refused(self) -> None:
        error = self.refused
        assert error is not None
        assert error.exit_status in (3, 4)
        assert str(error)
        assert not self.said["alice"]
        joins, leaves = self.bob.all(ev.MemberJoined), self.bob.all(ev.MemberLeft)
        assert len(joins) == len(leaves) <= 1
        assert len(self.host.all(ev.Notice)) + len(leaves) == 1
        assert all(event.reason in ENDS | {"left"} for event in leaves)

    def _check_ended(self, arrived: list[str]) -> None:
        (last,) = self.alice.all(ev.Disconnected)
        after = self.alice.told[self.alice.told.index(last) + 1 :]
        assert all(isinstance(event, ev.Error) and event.code == "not-connected" for event in after)
        assert last.code in ENDS
        assert last.text
        assert self.alice.peer.exit_status in (1, 3, 4)
        (left,) = self.host.all(ev.MemberLeft)
        assert left.reason in ENDS | {"left"}  # alice's own goodbye says that she leaves
        heard = self._heard(self.alice)
        assert heard["bob"] == begin(self.said["bob"], heard["bob"])
        assert heard["host"] == begin(self.said["host"], heard["host"])
        assert not self.alice.all(ev.Notice)
        texts = {event.id: event.text for event in self.alice.all(ev.Message, mine=True)}
        delivered = [texts[event.id] for event in self.alice.all(ev.Delivered)]
        failed = [event.message for event in self.alice.all(ev.Failed)]
        assert sorted(delivered + failed) == sorted(self.said["alice"])
        assert delivered == begin(arrived, delivered)

    @staticmethod
    def _heard(seat: Any) -> dict[str, list[str]]:
        """What this seat was shown of each of the others."""
        found: dict[str, list[str]] = {"alice": [], "bob": [], "host": []}
        for message in seat.all(ev.Message, mine=False):
            # A post whose author's key was still under way when the link ended is shown as unsigned, not as good.
            assert message.signature == "good" or (message.signature == "missing" and seat.all(ev.Disconnected))
            found[message.from_].append(message.text)
        return found


def begin(whole: list[str], part: list[str]) -> list[str]:
    return whole[: len(part)]


@pytest.fixture
async def stage(house: Any) -> Callable[..., Any]:
    """Sets the scene for a hand on alice's wire."""

    async def make(touch: Touch, preset: bytes | None = None) -> Scene:
        host = await house.host(preset=preset, **{**LIMITS, "handshake_seconds": 600})
        bob = await house.guest("bob", host.port, preset=preset)
        for link in host.peer._side._links.values():
            link._limits = Limits()  # the short ones are for alice's wire
        return Scene(house, host, bob, await house.proxy(host.port, touch))

    return make


# --- one byte --------------------------------------------------------------------------------------------------------

HELLO = {"magic": 0, "tag": 4, "preset": 5, "commitment": 6, "commitment-end": HELLO_SIZE - 1}
OFFER = {"nonce": 0, "modulus": 32, "modulus-end": 287, "mlkem": 288, "mlkem-end": 1471, "x25519": 1472}
OFFER["x25519-end"] = OFFER_SIZE - 1
ANSWER = {"mlkem": 0, "mlkem-end": 1087, "x25519": 1088, "x25519-end": 1119, "block": 1120, "tag": ANSWER_SIZE - 1}
RECORD = {"length-0": 0, "length-1": 1, "length-2": 2, "length-3": 3, "sealed": 4, "tag": -1}


def flip(to: str, number: int, offset: int, bits: int) -> Touch:
    def touch(frame: Any) -> Sequence[bytes | None]:
        if (frame.to, frame.number) != (to, number):
            return [frame.data]
        data = bytearray(frame.data)
        data[offset] ^= bits
        return [bytes(data)]

    return touch


@pytest.mark.parametrize(
    ("to", "number", "offset", "bits"),
    [
        # The highest bit of an X25519 key means nothing to X25519 itself: the transcript must see to it.
        pytest.param(to, number, offset, 0x80 if name.endswith("end") else 0x01, id=f"{message}-{name}")
        for message, to, number, offsets in (
            ("hello", "host", 0, HELLO),
            ("offer", "guest", 0, OFFER),
            ("answer", "host", 1, ANSWER),
        )
        for name, offset in offsets.items()
    ],
)
async def test_a_flipped_bit_in_the_handshake(stage: Any, to: str, number: int, offset: int, bits: int) -> None:
    scene = await stage(flip(to, number, offset, bits))
    await scene.play()
    await scene.check()
    assert scene.alice is None
    assert not scene.bob.all(ev.MemberJoined)


@pytest.mark.parametrize(
    ("offset", "record"),
    [*(pytest.param(offset, 2, id=name) for name, offset in RECORD.items()), pytest.param(4, 0, id="first-record")],
)
@pytest.mark.parametrize("to", ["host", "guest"])
async def test_a_flipped_bit_in_a_record(stage: Any, to: str, offset: int, record: int) -> None:
    """A length that is made larger swallows what follows: that must not pass for signs of life either."""
    scene = await stage(flip(to, record + (2 if to == "host" else 1), offset, 0x01))
    await scene.play()
    await scene.check()


@pytest.mark.parametrize(("to", "number"), [("host", 0), ("guest", 0), ("host", 1)], ids=["hello", "offer", "answer"])
async def test_a_flipped_bit_under_a_preset_key(stage: Any, to: str, number: int) -> None:
    scene = await stage(flip(to, number, -1, 0x01), PRESET)
    await scene.play(PRESET)
    await scene.check()
    assert scene.alice is None


# --- whole records ---------------------------------------------------------------------------------------------------


def drop(frame: Any) -> Sequence[bytes | None]:
    return []


def repeat(frame: Any) -> Sequence[bytes | None]:
    return [frame.data, frame.data]


def truncate(frame: Any) -> Sequence[bytes | None]:
    return [frame.data[: len(frame.data) // 2], None]


def cut_before(frame: Any) -> Sequence[bytes | None]:
    return [None]


def cut_after(frame: Any) -> Sequence[bytes | None]:
    return [frame.data, None]


def stuff(frame: Any) -> Sequence[bytes | None]:
    return [b"\0\0\0\x20" + bytes(32), frame.data]


def shorten(frame: Any) -> Sequence[bytes | None]:
    return [(len(frame.data) - 5).to_bytes(4, "big") + frame.data[4:-1]]


DEEDS = [drop, repeat, truncate, cut_before, cut_after, stuff, shorten]


@pytest.mark.parametrize(
    ("deed", "record"),
    [
        *(pytest.param(deed, 2, id=deed.__name__) for deed in DEEDS),
        *(pytest.param(deed, 0, id=f"{deed.__name__}-first") for deed in (drop, repeat)),
    ],
)
@pytest.mark.parametrize("to", ["host", "guest"])
async def test_a_record_that_somebody_lays_hands_on(stage: Any, deed: Touch, to: str, record: int) -> None:
    scene = await stage(lambda frame: deed(frame) if (frame.to, frame.record) == (to, record) else [frame.data])
    await scene.play()
    await scene.check()


async def test_the_others_hear_that_a_wire_was_tampered_with(stage: Any) -> None:
    scene = await stage(lambda frame: [] if (frame.to, frame.record) == ("guest", 2) else [frame.data])
    await scene.play()
    for seat in (scene.host, scene.bob):
        await seat.hears(ev.MemberLeft, name="alice", reason="bad-record")


@pytest.mark.parametrize("to", ["host", "guest"])
async def test_two_records_in_the_wrong_order(stage: Any, to: str) -> None:
    held: list[bytes] = []

    def swap(frame: Any) -> Sequence[bytes | None]:
        if (frame.to, frame.record) == (to, 1):
            held.append(frame.data)
            return []
        return [frame.data, *held] if (frame.to, frame.record) == (to, 2) else [frame.data]

    scene = await stage(swap)
    await scene.play()
    await scene.check()
    assert held


@pytest.mark.parametrize("to", ["host", "guest"])
async def test_a_record_of_the_other_direction(stage: Any, to: str) -> None:
    """What one side has sent comes back to it."""
    other: list[bytes] = []

    def reflect(frame: Any) -> Sequence[bytes | None]:
        if frame.to != to and frame.record >= 0:
            other.append(frame.data)
        return [other[-1], frame.data] if other and (frame.to, frame.record) == (to, 2) else [frame.data]

    scene = await stage(reflect)
    await scene.play()
    await scene.check()


@pytest.mark.parametrize("number", [0, 1])
async def test_a_handshake_message_twice(stage: Any, number: int) -> None:
    scene = await stage(lambda frame: [frame.data] * (2 if (frame.to, frame.number) == ("host", number) else 1))
    await scene.play()
    await scene.check()


# --- somebody else in between ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("preset", [None, PRESET], ids=["automatic", "preset"])
async def test_a_swapped_key_fails_the_handshake(house: Any, stage: Any, preset: bytes | None) -> None:
    """The host's key in its offer is replaced by another, and nothing else."""
    other = house.keys["mallory"].public.modulus

    def swap(frame: Any) -> Sequence[bytes | None]:
        offer = frame.to == "guest" and frame.number == 0
        return [frame.data[:32] + other + frame.data[288:]] if offer else [frame.data]

    scene = await stage(swap, preset)
    await scene.play(preset)
    await scene.check()
    assert scene.alice is None


async def test_a_man_in_the_middle_is_seen_in_fingerprint_and_words(house: Any) -> None:
    """He plays host to alice and alice to the host, each with his own key, and passes on what is said. Both links work;
    the two ends of what alice takes for one link show different fingerprints and words."""
    host = await house.host()
    middle_host = await house.host(key="mallory")
    middle = await house.guest("alice", host.port, key="mallory")
    alice = await house.guest("alice", middle_host.port)

    await alice.says("hello host")
    heard = await middle_host.hears(ev.Message, mine=False)
    await middle.says(heard.text)
    assert (await host.hears(ev.Message, mine=False)).from_ == "alice"
    await host.says("hello alice")
    await middle_host.says((await middle.hears(ev.Message, mine=False)).text)
    assert (await alice.hears(ev.Message, mine=False)).text == "hello alice"

    seen_by_alice = alice.all(ev.Connected)[0]
    seen_by_host = host.all(ev.MemberJoined, name="alice")[0]
    assert seen_by_alice.fingerprint != seen_by_host.fingerprint
    assert seen_by_alice.words != seen_by_host.words
    assert seen_by_alice.key_fingerprint != host.all(ev.Listening)[0].key_fingerprint
    assert seen_by_host.member != house.keys["alice"].public.id.hex()


async def test_a_man_in_the_middle_without_the_preset_key_gets_nowhere(house: Any) -> None:
    host = await house.host(preset=PRESET)
    middle_host = await house.host(key="mallory", preset=bytes(16))
    with pytest.raises(PeerError) as caught:
        await house.guest("alice", host.port, key="mallory", preset=bytes(16))
    assert caught.value.exit_status == 4
    with pytest.raises(PeerError) as caught:
        await house.guest("alice", middle_host.port, preset=PRESET)
    assert caught.value.exit_status == 4
    assert not host.all(ev.MemberJoined) + middle_host.all(ev.MemberJoined)


class Relay:
    """A man in the middle who makes both links himself and passes every message on as it is."""

    def __init__(self, house: Any, port: int) -> None:
        self.key = house.keys["mallory"]
        self.target = port
        self.passed: list[wire.Message] = []
        self.far_keyed = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        near = Session(Role.HOST, self.key)
        far = Session(Role.CLIENT, self.key)
        far_reader, far_writer = await asyncio.open_connection(HERE, self.target)
        try:
            await asyncio.gather(
                self._pump(near, reader, writer, far, far_writer), self._pump(far, far_reader, far_writer, near, writer)
            )
        finally:
            far_writer.close()
            with suppress(OSError):
                await far_writer.wait_closed()

    async def _pump(
        self,
        session: Session,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        other: Session,
        other_writer: asyncio.StreamWriter,
    ) -> None:
        writer.write(session.data_to_send())
        while data := await reader.read(65_536):
            messages = session.receive_data(data)
            writer.write(session.data_to_send())
            if session.role is Role.CLIENT and session.state is not State.HELLO:
                self.far_keyed.set()
            if messages:
                await self.far_keyed.wait()
                self.passed += messages
                other.send(messages)
                other_writer.write(other.data_to_send())
        other_writer.write_eof()


async def test_a_man_in_the_middle_cannot_pass_off_the_real_host(house: Any) -> None:
    """The host's own messages name the host's key, which is not the one that the link has proved."""
    host = await house.host()
    bob = await house.guest("bob", host.port)
    relay = Relay(house, host.port)
    port = await house.server(relay.serve)
    with pytest.raises(BadHandshake):
        await house.guest("alice", port)
    assert any(isinstance(message, wire.Welcome) for message in relay.passed)
    await bob.says("still here")
    await host.hears(ev.Message, text="still here")
    assert not host.all(ev.Message, from_="alice")


# --- replay ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("preset", [None, PRESET], ids=["automatic", "preset"])
@pytest.mark.parametrize("while_there", [False, True], ids=["after", "meanwhile"])
async def test_a_recorded_session_opens_nothing_at_the_host(
    house: Any, preset: bytes | None, while_there: bool
) -> None:
    host = await house.host(preset=preset)
    bob = await house.guest("bob", host.port, preset=preset)
    proxy = await house.proxy(host.port)
    alice = await house.guest("alice", proxy.port, preset=preset)
    await alice.says("once")
    await bob.hears(ev.Message, text="once")
    await alice.hears(ev.Delivered)
    if not while_there:
        await alice.leave()
        await bob.hears(ev.MemberLeft)
    before = [(len(seat.all(ev.Message)), len(seat.all(ev.MemberJoined))) for seat in (host, bob)]

    reader, writer = await house.dial(host.port)
    recorded = proxy.passed("host")
    writer.write(recorded[:HELLO_SIZE])
    assert (await reader.readexactly(OFFER_SIZE))[:32] != proxy.passed("guest")[:32]
    writer.write(recorded[HELLO_SIZE:])
    with suppress(ConnectionError):
        assert len(await reader.read()) == REFUSAL_SIZE
    notice = await host.hears(ev.Notice)
    assert notice.code == ("wrong-key" if preset else "bad-handshake")
    await bob.says("after")
    await host.hears(ev.Message, text="after")
    assert len(bob.all(ev.Message)) == before[1][0] + 1
    assert [(len(seat.all(ev.MemberJoined))) for seat in (host, bob)] == [joins for _, joins in before]
    assert len(host.all(ev.Message, text="once")) == 1
    if while_there:
        assert not alice.all(ev.Disconnected)


async def test_records_of_an_earlier_session_are_nothing_in_a_new_one(house: Any) -> None:
    """An honest handshake, and then what was recorded before."""
    host = await house.host()
    bob = await house.guest("bob", host.port)
    proxy = await house.proxy(host.port)
    alice = await house.guest("alice", proxy.port)
    await alice.says("once")
    await bob.hears(ev.Message, text="once")
    await alice.leave()
    records = proxy.passed("host")[HELLO_SIZE + ANSWER_SIZE :]
    puppet = await house.puppet(host.port, "alice")
    puppet.write(records)
    assert await puppet.goodbye() == "bad-record"
    assert bob.texts() == ["once"]
    assert len(bob.all(ev.MemberJoined)) == 1


async def test_a_recorded_host_opens_nothing_at_a_guest(house: Any) -> None:
    host = await house.host()
    proxy = await house.proxy(host.port)
    first = await house.guest("alice", proxy.port)
    await host.says("once")
    await first.hears(ev.Message, text="once")
    await first.leave()
    recorded = proxy.passed("guest")

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(HELLO_SIZE)
        writer.write(recorded)
        await reader.read()

    port = await house.server(serve)
    with pytest.raises(PeerError) as caught:
        await house.guest("alice", port)
    assert caught.value.code == "bad-record"
    assert caught.value.exit_status == 4
