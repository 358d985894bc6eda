"""Coming back to a seat when the wire was cut: nothing lost, nothing twice, and nobody sees it."""

from __future__ import annotations

import asyncio
import random
import threading
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import pytest

from tests.net.conftest import CUT, HERE, Frame, House, Proxy, Puppet, Seat
from usi.config import Limits, Settings
from usi.core import commands, wire
from usi.core import events as ev
from usi.core.accounts import Login, stored_of
from usi.core.errors import Busy, NotConnected, PeerError, TooSlow
from usi.net import knock
from usi.net.client import Client
from usi.net.link import Link
from usi.store.house import House as StoreHouse

pytestmark = pytest.mark.usefixtures("quick_ticks")

SEATS = {"seat_seconds": 30.0}
TRIES = {"resume_seconds": 25.0, "resume_pause": 0.02}


class Wire:
    """A proxy whose connections are cut on demand, and that can be told to let nobody through."""

    def __init__(self, proxy: Proxy) -> None:
        self.proxy = proxy
        self.closed = False
        self.cut_at: set[tuple[int, str, int]] = set()
        """Frames, as (connection, to, number), in place of which the wire is cut."""
        self.dead: set[int] = set()
        """Connections over which nothing comes any more, and no end either."""
        proxy.touch = self._touch

    @property
    def port(self) -> int:
        return self.proxy.port

    def cut(self) -> None:
        for writer in self.proxy._writers:
            writer.transport.abort()

    def close(self) -> None:
        self.closed = True
        self.cut()

    def open(self) -> None:
        self.closed = False

    def _touch(self, frame: Frame) -> list[bytes | None]:
        if frame.connection in self.dead:
            return []
        gone = self.closed or (frame.connection, frame.to, frame.number) in self.cut_at
        return [CUT if gone else frame.data]


async def wire_to(house: House, host: Seat) -> Wire:
    return Wire(await house.proxy(host.port))


async def test_a_cut_wire_is_joined_again_and_nobody_sees_it(house: House) -> None:
    host = await house.host(**SEATS)
    line = await wire_to(house, host)
    alice, bob = await house.guest("alice", line.port, **TRIES), await house.guest("bob", host.port)
    await alice.hears(ev.MemberJoined, name="bob")
    await alice.says("before")
    await bob.hears(ev.Message, text="before")
    line.cut()
    cut = await alice.hears(ev.Reconnecting)
    assert (cut.code, cut.attempt, cut.seconds) == ("cut", 1, 25.0)
    await alice.hears(ev.Resumed)
    await alice.says("after")
    await bob.says("hello")
    await bob.hears(ev.Message, text="after")
    await alice.hears(ev.Message, text="hello")
    await alice.hears(ev.Delivered, count=2)
    for seat in (host, bob):
        assert len(seat.all(ev.MemberJoined, name="alice")) <= 1
        assert not seat.all(ev.MemberLeft)
    assert not alice.all(ev.Notice)


async def test_what_was_missed_comes_in_order_and_what_was_said_goes_out_once(house: House) -> None:
    host = await house.host(**SEATS)
    line = await wire_to(house, host)
    alice, bob = await house.guest("alice", line.port, **TRIES), await house.guest("bob", host.port)
    await alice.hears(ev.MemberJoined, name="bob")
    line.close()
    await alice.hears(ev.Reconnecting)
    await bob.says(*(f"b {number}" for number in range(40)))
    await bob.hears(ev.Delivered, count=40)
    await alice.says(*(f"a {number}" for number in range(40)))
    assert not alice.all(ev.Delivered)
    line.open()
    back = await alice.hears(ev.Resumed)
    assert back.missed == 40
    await alice.hears(ev.Delivered, count=40)
    await bob.hears(ev.Message, text="a 39")
    assert alice.texts() == [f"b {number}" for number in range(40)]
    assert bob.texts() == host.texts()[40:] == [f"a {number}" for number in range(40)]
    assert not alice.all(ev.Notice)


@pytest.mark.parametrize("number", range(6))
@pytest.mark.parametrize("to", ["host", "guest"])
async def test_a_wire_may_be_cut_anywhere_also_while_it_is_joined_again(to: str, number: int, house: House) -> None:
    """In the handshake, in place of the answer to `resume`, in what follows it."""
    host = await house.host(**SEATS)
    line = await wire_to(house, host)
    alice, bob = await house.guest("alice", line.port, **TRIES), await house.guest("bob", host.port)
    await alice.hears(ev.MemberJoined, name="bob")
    line.cut_at = {(1, to, number), (2, to, number + 1)}
    line.cut()
    await alice.hears(ev.Reconnecting)
    await bob.says(*(f"b {number}" for number in range(5)))
    await alice.says(*(f"a {number}" for number in range(5)))
    await alice.hears(ev.Delivered, count=5)
    await bob.says("the end")
    await alice.hears(ev.Message, text="the end")
    await bob.hears(ev.Message, text="a 4")
    assert alice.texts() == [*(f"b {number}" for number in range(5)), "the end"]
    assert bob.texts() == [f"a {number}" for number in range(5)]
    assert not bob.all(ev.MemberLeft)
    assert not alice.all(ev.Notice)


async def test_an_attempt_whose_wire_dies_without_a_word_is_followed_by_another(house: House) -> None:
    """As where a machine changes its network in the middle of coming back: the host's end does not come through."""
    host = await house.host(**SEATS, handshake_seconds=60.0)
    line = await wire_to(house, host)
    alice = await house.guest("alice", line.port, **TRIES, handshake_seconds=2.0)
    line.dead = {1}
    line.cut()
    await alice.hears(ev.Resumed, attempt=2)
    await alice.says("after")
    await host.hears(ev.Message, text="after")
    assert not host.all(ev.MemberLeft)


@pytest.mark.parametrize("seed", range(3))
async def test_many_cuts_while_all_talk(seed: int, house: House) -> None:
    chance = random.Random(seed)
    host = await house.host(**SEATS)
    lines = {name: await wire_to(house, host) for name in ("alice", "bob")}
    seats = {name: await house.guest(name, line.port, **TRIES) for name, line in lines.items()}
    carol = seats["carol"] = await house.guest("carol", host.port)
    await carol.hears(ev.Users)
    for name in ("alice", "bob"):
        await seats[name].hears(ev.MemberJoined, name="carol")
    for number in range(120):
        for name, seat in seats.items():
            await seat.says(f"{name} {number}")
        if number % 8 == 0:
            chance.choice(list(lines.values())).cut()
        if chance.random() < 0.3:
            await asyncio.sleep(chance.random() / 100)
    for name, seat in seats.items():
        await seat.hears(ev.Delivered, count=120)
        for other in seats.values():
            if other is not seat:
                await other.hears(ev.Message, text=f"{name} 119")
    for name in seats:
        for other, seat in seats.items():
            if other != name:
                said = [text for text in seat.texts() if text.startswith(name)]
                assert said == [f"{name} {number}" for number in range(120)]
    for seat in (host, *seats.values()):
        assert not seat.all(ev.MemberLeft)
    for seat in seats.values():
        assert not seat.all(ev.Notice)
    assert len(seats["alice"].all(ev.Resumed)) + len(seats["bob"].all(ev.Resumed)) >= 2


async def test_another_key_there_stops_it(house: House) -> None:
    host, other = await house.host(**SEATS), await house.host(key="mallory", **SEATS)
    line = await wire_to(house, host)
    alice = await house.guest("alice", line.port, **TRIES)
    line.proxy.target = other.port
    line.cut()
    await alice.hears(ev.Disconnected, code="changed-key")
    assert alice.peer.exit_status == 4
    assert not other.all(ev.MemberJoined)
    assert not any(wire.MAGIC not in frame.data and frame.to == "host" for frame in line.proxy.frames[5:][-1:])


async def test_a_host_that_stops_is_no_cut_wire(house: House) -> None:
    host = await house.host(**SEATS)
    alice = await house.guest("alice", host.port, **TRIES)
    await host.leave()
    told = await alice.end()
    assert told[-1].code == "host-stopped"  # type: ignore[attr-defined]
    assert not alice.all(ev.Reconnecting)
    assert alice.peer.exit_status == 0


async def test_a_seat_is_kept_for_a_while_and_then_everybody_hears_that_it_is_left(house: House) -> None:
    """Who comes after that joins anew, and is told so; what was under way is given back."""
    host = await house.host(seat_seconds=1.0)  # in which, at the end, a busy machine must resume
    line = await wire_to(house, host)
    bob, alice = await house.guest("bob", host.port), await house.guest("alice", line.port, **TRIES)
    await bob.hears(ev.MemberJoined, name="alice")
    line.close()
    await alice.hears(ev.Reconnecting)
    await alice.says("into the void")
    left = await bob.hears(ev.MemberLeft, name="alice")
    assert left.reason == "cut"
    line.open()
    told = await alice.hears(ev.Notice)
    assert told.code == "not-resumed"
    failed = await alice.hears(ev.Failed)
    assert (failed.code, failed.message) == ("not-resumed", "into the void")
    await alice.hears(ev.Connected, count=2)
    await bob.hears(ev.MemberJoined, name="alice", count=2)
    await alice.says("here again")
    await bob.hears(ev.Message, text="here again")
    await bob.says("indeed")
    await alice.hears(ev.Message, text="indeed")
    line.cut()  # and the new seat is as good as the old one
    await alice.hears(ev.Resumed)
    await bob.says("and again")
    await alice.hears(ev.Message, text="and again")


async def test_a_host_that_was_started_anew_with_the_same_key_is_joined_anew(house: House) -> None:
    host = await house.host(**SEATS)
    line = await wire_to(house, host)
    alice = await house.guest("alice", line.port, **TRIES)
    await alice.says("/away asleep")
    await alice.hears(ev.MemberAway)
    line.close()
    await alice.hears(ev.Reconnecting)
    await host.leave()
    again = await house.host(**SEATS)
    line.proxy.target = again.port
    line.open()
    await alice.hears(ev.Connected, count=2)
    assert [notice.code for notice in alice.all(ev.Notice)] == ["not-resumed"]
    assert (await again.hears(ev.MemberAway)).away_text == "asleep", "it still is"
    await alice.says("hello anew")
    await again.hears(ev.Message, text="hello anew")


async def test_what_is_said_while_the_password_is_shown_anew_is_given_back(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is for the conversation that is over: the host must not hear it at its door, nor may it count for anything."""
    guarded = StoreHouse(password=stored_of("open sesame"))
    typed, shown = threading.Event(), asyncio.Event()
    loop, stretch = asyncio.get_running_loop(), knock.login_of

    def stretched(password: str, salt: bytes) -> Login:
        loop.call_soon_threadsafe(shown.set)
        assert typed.wait(20.0)
        return stretch(password, salt)

    async def host_of(port: int = 0) -> Seat:
        settings = Settings(True, "host", HERE, port, house=guarded, limits=Limits(**SEATS))
        seat = await house.open(settings, house.keys["host"])
        await seat.hears(ev.Users)
        return seat

    host = await host_of()
    line = await wire_to(house, host)
    limits = Limits(**TRIES)
    settings = Settings(False, "alice", HERE, line.port, password="open sesame", limits=limits)
    alice = await house.open(settings, house.keys["alice"])
    await alice.hears(ev.Users)
    monkeypatch.setattr(knock, "login_of", stretched)
    line.close()
    await alice.hears(ev.Reconnecting)
    await host.leave()
    again = await host_of()
    line.proxy.target = again.port
    line.open()
    await shown.wait()
    await alice.says("too late")
    typed.set()
    await alice.hears(ev.Connected, count=2)
    assert (await alice.hears(ev.Failed)).message == "too late"
    line.cut()
    await alice.hears(ev.Resumed)
    await alice.says("hello anew")
    await again.hears(ev.Message, text="hello anew")
    assert again.texts() == ["hello anew"]


async def test_after_a_while_it_is_given_up_and_the_keys_are_gone(house: House) -> None:
    host = await house.host(**SEATS)
    line = await wire_to(house, host)
    alice = await house.guest("alice", line.port, resume_seconds=0.3, resume_pause=0.02)
    await alice.says("before")
    await alice.hears(ev.Delivered)
    line.close()
    await alice.hears(ev.Reconnecting, attempt=3)
    await alice.says("lost")
    told = await alice.end()
    assert [type(event) for event in told[-2:]] == [ev.Failed, ev.Disconnected]
    assert told[-1].code == "not-restored"  # type: ignore[attr-defined]
    assert alice.all(ev.Failed)[0].message == "lost"
    assert alice.peer.exit_status == 3
    member, client = alice.peer._member, alice.peer._side
    assert all(room.key is None for room in member._rooms.values())
    assert not member.roster.own_exporter
    assert client._link is None  # type: ignore[union-attr]
    assert client._seat is None  # type: ignore[union-attr]
    with pytest.raises(NotConnected):
        await alice.peer.do(commands.Say("too late"))


async def test_leaving_while_the_wire_is_cut_waits_for_nothing(house: House) -> None:
    host = await house.host(seat_seconds=0.1)
    line = await wire_to(house, host)
    alice = await house.guest("alice", line.port, **TRIES)
    line.close()
    await alice.hears(ev.Reconnecting)
    await alice.leave()
    assert alice.told[-1].code == "left"  # type: ignore[attr-defined]
    await host.hears(ev.MemberLeft, name="alice")


async def test_leaving_in_the_moment_in_which_the_seat_is_taken_again(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong: list[dict[str, object]] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: wrong.append(context))
    host = await house.host(seat_seconds=0.1)
    line = await wire_to(house, host)
    alice = await house.guest("alice", line.port, **TRIES)
    listen, answered = Client.link_messages, asyncio.Event()

    def give_up(client: Client, link: Link, messages: Sequence[wire.Message]) -> None:
        if any(isinstance(message, wire.Resumed) for message in messages) and client._reconnecting is not None:
            client._reconnecting.cancel()
            answered.set()
        listen(client, link, messages)

    monkeypatch.setattr(Client, "link_messages", give_up)
    line.cut()
    await answered.wait()
    await alice.leave()
    assert alice.told[-1].code == "left"  # type: ignore[attr-defined]
    await host.hears(ev.MemberLeft, name="alice")
    assert not alice.all(ev.Resumed)
    assert not wrong


# --- who may come back ---


async def read_until(puppet: Puppet, kind: type[wire.Message]) -> list[wire.Message]:
    heard: list[wire.Message] = []
    while not any(isinstance(message, kind | wire.Bye) for message in heard):
        heard += puppet.session.receive_data(await puppet._read())
    return heard


async def seated(house: House, host: Seat, who: str) -> tuple[Puppet, wire.Welcome]:
    puppet = await house.puppet(host.port, who)
    welcome = next(message for message in await puppet.join(who) if isinstance(message, wire.Welcome))
    await host.hears(ev.MemberJoined, name=who)
    return puppet, welcome


async def test_a_stolen_session_id_is_worth_nothing_without_the_key(house: House) -> None:
    host = await house.host(**SEATS)
    alice, welcome = await seated(house, host, "alice")
    alice.writer.close()
    thief = await house.puppet(host.port, "mallory")
    thief.send(wire.Resume(welcome.session, 1))
    assert await read_until(thief, wire.NoSeat) == [wire.NoSeat()]
    guesser = await house.puppet(host.port, "alice")
    guesser.send(wire.Resume(bytes(16), 1))
    assert await read_until(guesser, wire.NoSeat) == [wire.NoSeat()], "nor the key without the session id"
    assert not host.all(ev.MemberLeft)
    back = await house.puppet(host.port, "alice")
    back.send(wire.Resume(welcome.session, 1))
    heard = await read_until(back, wire.Resumed)
    assert heard[0] == wire.Resumed(0, 0)
    thief.send(wire.Join("mallory"))
    await host.hears(ev.MemberJoined, name="mallory")


@pytest.mark.parametrize("taken", [2**62, 1_000])
async def test_nobody_can_have_taken_more_than_was_sent(taken: int, house: House) -> None:
    host = await house.host(**SEATS)
    _, welcome = await seated(house, host, "alice")
    back = await house.puppet(host.port, "alice")
    back.send(wire.Resume(welcome.session, taken))
    assert await read_until(back, wire.NoSeat) == [wire.NoSeat()]


async def test_the_newest_link_has_the_seat(house: House) -> None:
    """The old one may be half dead without the host's knowing."""
    host = await house.host(**SEATS)
    first, welcome = await seated(house, host, "alice")
    second, third = await house.puppet(host.port, "alice"), await house.puppet(host.port, "alice")
    second.send(wire.Resume(welcome.session, 1))
    await read_until(second, wire.Resumed)
    assert await first.goodbye() == "replaced"
    third.send(wire.Resume(welcome.session, 1))
    await read_until(third, wire.Resumed)
    assert await second.goodbye() == "replaced"
    third.send(wire.Nick("alicia"))
    await host.hears(ev.MemberRenamed, name="alicia")
    assert not host.all(ev.MemberLeft)


async def test_who_is_in_cannot_resume(house: House) -> None:
    host = await house.host(**SEATS)
    alice, welcome = await seated(house, host, "alice")
    alice.send(wire.Resume(welcome.session, 1))
    assert await alice.goodbye() == "out-of-turn"
    await host.hears(ev.MemberLeft, name="alice")


async def test_a_program_of_the_same_key_that_joins_takes_an_empty_seat_away(house: House) -> None:
    host = await house.host(**SEATS)
    first, welcome = await seated(house, host, "alice")
    first.writer.close()
    again = await house.puppet(host.port, "alice")
    await again.join("alice")
    assert (await host.hears(ev.MemberLeft, name="alice")).reason == "replaced"
    back = await house.puppet(host.port, "alice")
    back.send(wire.Resume(welcome.session, 1))
    assert await back.goodbye() == "replaced", "it is told why it has no seat any more"


async def test_who_is_started_again_with_another_key_has_its_name_when_the_old_seat_is_over(house: House) -> None:
    host = await house.host(seat_seconds=0.2)
    bob = await house.guest("bob", host.port)
    killed, _ = await seated(house, host, "alice")
    again = await house.guest("alice", host.port, key="carol")
    assert (await again.hears(ev.Notice)).code == "name-numbered"
    killed.writer.transport.abort()
    assert (await bob.hears(ev.MemberJoined, name="alice-2")).name == "alice-2"
    assert (await bob.hears(ev.MemberLeft, name="alice")).reason == "cut"
    assert (await bob.hears(ev.MemberRenamed, old="alice-2")).name == "alice"
    assert (await again.hears(ev.MemberRenamed, mine=True)).name == "alice"
    await again.says("it is me")
    assert (await bob.hears(ev.Message, text="it is me")).from_ == "alice"


async def test_who_was_removed_while_away_is_told_when_it_comes_back(house: House) -> None:
    host = await house.host(**SEATS)
    line = await wire_to(house, host)
    alice = await house.guest("alice", line.port, **TRIES)
    line.close()
    await alice.hears(ev.Reconnecting)
    await host.says("/kick alice enough")
    await host.hears(ev.MemberLeft, name="alice")
    line.open()
    assert (await alice.hears(ev.Disconnected)).code == "kicked"
    assert alice.peer.exit_status == 5


@pytest.mark.parametrize(("by", "code"), [("/kick alice", "kicked"), ("/verify alice no", "not-verified")])
@pytest.mark.parametrize("noticed", [False, True])
async def test_who_was_removed_over_a_dead_wire_is_told_when_it_comes_back(
    by: str, code: str, noticed: bool, house: House
) -> None:
    """The goodbye is lost, whether the host knows that the wire is dead or not: nobody comes back by itself then."""
    host = await house.host(**SEATS)
    line = await wire_to(house, host)
    alice = await house.guest("alice", line.port, **TRIES)
    line.closed = noticed
    line.dead = {0}
    if noticed:
        line.cut()
        await alice.hears(ev.Reconnecting)
    await host.says(by)
    await host.hears(ev.MemberLeft, name="alice")
    line.open()
    line.cut()
    assert (await alice.hears(ev.Disconnected)).code == code
    assert len(host.all(ev.MemberJoined, name="alice")) == 1


async def test_a_count_that_cannot_be_ends_the_link(house: House) -> None:
    host = await house.host(**SEATS)
    alice, _ = await seated(house, host, "alice")
    alice.send(wire.Got(1_000))
    assert await alice.goodbye() == "bad-message"
    await host.hears(ev.MemberLeft, name="alice")


# --- what goes on across a cut ---


async def test_a_private_conversation_goes_on(house: House) -> None:
    host = await house.host(**SEATS)
    line = await wire_to(house, host)
    alice, bob = await house.guest("alice", line.port, **TRIES), await house.guest("bob", host.port)
    await alice.hears(ev.MemberJoined, name="bob")
    await alice.says("/private bob")
    await alice.hears(ev.Conversation, state="open")
    await bob.hears(ev.Conversation, state="open")
    await alice.says("/verify bob")
    shown = await alice.hears(ev.Verification, pair=True)
    await alice.says("/verify bob yes")
    await alice.hears(ev.Verification, state="verified")
    line.close()
    await alice.hears(ev.Reconnecting)
    await alice.says("for you alone")
    await bob.says("/msg alice and for you")
    line.open()
    await alice.hears(ev.Resumed)
    await bob.hears(ev.Message, text="for you alone", private=True)
    await alice.hears(ev.Message, text="and for you", private=True)
    await bob.says("/private alice", "/verify alice")
    assert (await bob.hears(ev.Verification, pair=True)).words == shown.words, "it is the same pair link"
    for seat in (alice, bob):
        assert not seat.all(ev.Conversation, state="closed")
    assert alice.peer._member.roster.verified == {bob.peer._member.id}


@pytest.mark.parametrize("frames", range(0, 8, 2))
async def test_a_private_conversation_that_is_being_opened_is_opened(frames: int, house: House) -> None:
    """The pieces of its key exchange that were in flight are said again."""
    host = await house.host(**SEATS)
    line = await wire_to(house, host)
    alice, bob = await house.guest("alice", line.port, **TRIES), await house.guest("bob", host.port)
    await alice.hears(ev.MemberJoined, name="bob")
    seen = {to: sum(f.to == to and f.connection == 0 for f in line.proxy.frames) for to in ("host", "guest")}
    line.cut_at = {(0, "host" if frames % 4 else "guest", seen["host" if frames % 4 else "guest"] + frames // 2)}
    await alice.says("/msg bob across the cut")
    await bob.hears(ev.Message, text="across the cut", private=True)
    await bob.says("/msg alice and back")
    await alice.hears(ev.Message, text="and back", private=True)


def same(one: Path, other: Path) -> bool:
    return one.read_bytes() == other.read_bytes()


async def test_a_file_under_way_goes_on(
    house: House, tmp_path: Path, eventually: Callable[[Callable[[], object]], Awaitable[None]]
) -> None:
    """All wires of sender and receiver are cut at once: those of their links, and those of the file."""
    host = await house.host(**SEATS)
    line = await house.wire(host.port)
    alice = await house.guest("alice", line.port, **TRIES)
    bob = await house.guest("bob", line.port, downloads=tmp_path / "in", retry_seconds=0.02, **TRIES)
    path = tmp_path / "a.bin"
    path.write_bytes(random.randbytes(2_000_000))
    await alice.hears(ev.MemberJoined, name="bob")
    await alice.says(f"/send {path}")
    offer = await bob.hears(ev.FileOffer, mine=False)
    line.flowing.clear()
    await bob.says(f"/accept {offer.transfer}")
    await eventually(lambda: line.dialled == 2)
    for task in list(line._tasks):
        task.cancel()
    line.flowing.set()
    await alice.hears(ev.Resumed)
    await bob.hears(ev.Resumed)
    done = await bob.hears(ev.FileDone, direction="in")
    await alice.hears(ev.FileDone, direction="out")
    assert same(Path(done.path), path)
    assert not alice.all(ev.FileFailed)
    assert not bob.all(ev.FileFailed)


async def test_a_new_name_that_was_under_way_is_taken_once(house: House) -> None:
    host = await house.host(**SEATS)
    line = await wire_to(house, host)
    alice, bob = await house.guest("alice", line.port, **TRIES), await house.guest("bob", host.port)
    line.close()
    await alice.hears(ev.Reconnecting)
    await alice.says("/nick alicia", "it is me")
    line.open()
    await bob.hears(ev.MemberRenamed, name="alicia")
    await alice.hears(ev.MemberRenamed, mine=True)
    assert (await bob.hears(ev.Message, text="it is me")).from_ == "alicia"
    assert len(bob.all(ev.MemberRenamed)) == 1


async def test_who_was_away_before_a_cut_still_is_behind_it(house: House) -> None:
    host = await house.host(**SEATS)
    line = await wire_to(house, host)
    alice, bob = await house.guest("alice", line.port, **TRIES), await house.guest("bob", host.port)
    await alice.says("/away at lunch")
    await bob.hears(ev.MemberAway, name="alice", away_text="at lunch")
    line.cut()
    await alice.hears(ev.Resumed)
    carol = await house.guest("carol", host.port)
    seen = {row.name: row.away_text for row in carol.all(ev.Users)[0].members}
    assert seen["alice"] == "at lunch"
    await alice.says("/away")
    for seat in (bob, carol, alice, host):
        await seat.hears(ev.MemberAway, name="alice", away=False)
    line.close()
    await alice.hears(ev.Reconnecting, count=2)
    await alice.says("/absent")  # said while the wire is cut: it goes out then
    line.open()
    await bob.hears(ev.MemberAway, name="alice", away=True, away_text="")


async def test_a_password_is_compared_across_a_cut(house: House) -> None:
    host = await house.host(**SEATS)
    line = await wire_to(house, host)
    alice = await house.guest("alice", line.port, **TRIES)
    await alice.says("/password")
    assert await alice.peer.give("swordfish")
    await host.hears(ev.Password, state="asked")
    line.cut()
    await alice.hears(ev.Resumed)
    await host.says("/password")
    assert await host.peer.give("swordfish")
    await alice.hears(ev.Password, state="matched")
    await host.hears(ev.Password, state="matched")


async def test_both_sides_go_on_showing_the_same_words(house: House) -> None:
    host = await house.host(**SEATS)
    line = await wire_to(house, host)
    alice = await house.guest("alice", line.port, **TRIES)
    before = alice.all(ev.Connected)[0].words
    line.cut()
    await alice.hears(ev.Resumed)
    await alice.says("/verify host", "/verify host yes")
    await host.says("/verify alice")
    assert (await host.hears(ev.Verification)).words == (await alice.hears(ev.Verification)).words == before
    await alice.hears(ev.Verification, state="verified")


async def test_who_came_and_went_meanwhile_is_told(house: House) -> None:
    host = await house.host(**SEATS)
    line = await wire_to(house, host)
    alice, bob = await house.guest("alice", line.port, **TRIES), await house.guest("bob", host.port)
    await alice.hears(ev.MemberJoined, name="bob")
    line.close()
    await alice.hears(ev.Reconnecting)
    await bob.leave()
    carol = await house.guest("carol", host.port)
    await carol.says("hello")
    line.open()
    await alice.hears(ev.MemberLeft, name="bob")
    await alice.hears(ev.MemberJoined, name="carol")
    assert (await alice.hears(ev.Message, text="hello")).signature == "good"


# --- slow ones ---


async def test_a_reader_that_was_too_slow_comes_back_and_gets_what_it_missed(house: House) -> None:
    """More than its seat keeps: the rest is asked for by its numbers."""
    host = await house.host(queue_bytes=150_000, kept_bytes=100_000, goodbye_seconds=0.2, **SEATS)
    bob, alice = await house.guest("bob", host.port), await house.guest("alice", host.port, **TRIES)
    await bob.hears(ev.MemberJoined, name="alice")
    (seat,) = [seat for seat in host.peer._side._seats if seat.member == alice.peer._member.id]  # type: ignore[union-attr]
    alice.peer._side.pause_reading()
    texts = [f"{number} " + "x" * 20_000 for number in range(40)]
    for count, text in enumerate(texts, 1):
        await bob.says(text)
        await bob.hears(ev.Delivered, count=count)
    link = seat.link
    if link is not None:  # the system's own buffers took it all
        link.close(TooSlow())
    alice.peer._side.resume_reading()
    await alice.hears(ev.Resumed)
    await alice.hears(ev.Message, text=texts[-1])
    assert alice.texts() == texts
    assert not bob.all(ev.MemberLeft)
    assert not alice.all(ev.Notice)


async def test_who_missed_more_than_the_host_keeps_is_told_how_much(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("usi.core.numbering.LOG_POSTS", 10)
    host = await house.host(kept_bytes=20_000, **SEATS)
    line = await wire_to(house, host)
    bob, alice = await house.guest("bob", host.port), await house.guest("alice", line.port, **TRIES)
    await bob.hears(ev.MemberJoined, name="alice")
    line.close()
    await alice.hears(ev.Reconnecting)
    texts = [f"{number} " + "x" * 1_000 for number in range(60)]
    for text in texts:
        await bob.says(text)
    await bob.hears(ev.Delivered, count=60)
    line.open()
    assert (await alice.hears(ev.Resumed)).missed == 60
    await alice.hears(ev.Message, text=texts[-1])
    got = alice.texts()
    assert got == texts[-len(got) :]
    assert 10 <= len(got) < 60
    (told,) = alice.all(ev.Notice, code="withheld")
    assert str(60 - len(got)) in told.text


async def test_who_is_cut_first_goes_first_where_too_much_is_kept(house: House) -> None:
    host = await house.host(kept_bytes_in_all=30_000, **SEATS)
    line = await wire_to(house, host)
    bob = await house.guest("bob", host.port)
    await house.guest("alice", line.port, **TRIES)
    line.close()
    for number in range(40):
        await bob.says(f"{number} " + "x" * 1_000)
    assert (await bob.hears(ev.MemberLeft, name="alice")).reason == "cut"


async def test_a_machine_that_slept_comes_back_at_once(house: House) -> None:
    """The host has given the link up long ago, and the wire says nothing: it is not waited for."""
    host = await house.host(**SEATS)
    alice = await house.guest("alice", host.port, **TRIES)
    steady, wall = alice.peer._ticked
    alice.peer._ticked = steady, wall - 3_600.0
    await alice.hears(ev.Resumed)
    await alice.says("good morning")
    await host.hears(ev.Message, text="good morning")
    assert not host.all(ev.MemberLeft)


async def test_so_many_members_from_one_address(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("usi.net.link.network_of", lambda address: "192.0.2.1")
    host = await house.host(connections_per_address=2, seat_seconds=0.0)
    alice = await house.guest("alice", host.port)
    bob = await house.guest("bob", host.port)
    monkeypatch.setattr("usi.net.client._BUSY_PAUSES", ())
    with pytest.raises(Busy):
        await house.guest("carol", host.port)
    await bob.leave()
    await alice.hears(ev.MemberLeft, name="bob")
    await house.guest("carol", host.port)


@pytest.mark.parametrize("limit", ["connections", "connections_per_address"])
async def test_who_was_cut_comes_back_where_no_place_is_left(
    limit: str, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And nobody else gets the place meanwhile."""
    monkeypatch.setattr("usi.net.link.network_of", lambda address: "192.0.2.1")
    host = await house.host(**SEATS, **{limit: 2})
    line = await wire_to(house, host)
    alice = await house.guest("alice", line.port, **TRIES)
    bob = await house.guest("bob", host.port)
    line.close()
    await alice.hears(ev.Reconnecting)
    with pytest.raises(PeerError, match="busy"):
        await house.guest("carol", host.port)
    line.open()
    await alice.hears(ev.Resumed)
    assert not bob.all(ev.MemberLeft)
    assert not bob.all(ev.MemberJoined, name="carol")
