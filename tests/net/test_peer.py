"""The facade: a host and its guests as their faces see them, over real sockets."""

from __future__ import annotations

import asyncio
import hashlib
from typing import Any

import pytest

import usi
from usi.config import Settings
from usi.core import events as ev
from usi.core.commands import COMMANDS, Say
from usi.core.crypto import PrivateKey
from usi.core.errors import BadName, Unreachable
from usi.core.hub import CHANGES
from usi.core.session import CIPHER, KEY_EXCHANGE
from usi.core.wire import MAX_TEXT
from usi.net.peer import Peer

PRESET = bytes(range(16))
NAMES = ("alice", "bob", "carol")
HERE = "127.0.0.1"


def kinds(events: list[ev.Event]) -> list[str]:
    return [type(event).__name__ for event in events if not isinstance(event, ev.Connecting)]


# --- talking ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("preset", [None, PRESET], ids=["automatic", "preset"])
async def test_a_host_and_three_guests_talk(house: Any, preset: bytes | None) -> None:
    host = await house.host(preset=preset)
    guests = {name: await house.guest(name, host.port, preset=preset) for name in NAMES}
    everyone = {"host": host, **guests}
    said = []
    for turn in range(2):
        for name, seat in everyone.items():
            text = f"{name} says {turn}: ça marche nickel ! 👍 [/oops]"
            said.append((name, text))
            await seat.says(text)
            for other in everyone.values():
                await other.hears(ev.Message, text=text)
            await seat.hears(ev.Delivered, number=len(said))

    for name, seat in everyone.items():
        messages = seat.all(ev.Message)
        assert [(message.from_, message.text) for message in messages] == said
        assert [message.mine for message in messages] == [author == name for author, _ in said]
        assert {message.signature for message in messages} == {"good"}
        assert {message.room for message in messages} == {"general"}
        assert not any(message.late or message.private or message.history or message.signed_as for message in messages)
        assert all(message.member == house.keys[message.from_].public.id.hex() for message in messages)
        assert [event.number for event in seat.all(ev.Delivered)] == [
            number for number, (author, _) in enumerate(said, start=1) if author == name
        ]
        own = {message.id for message in messages if message.mine}
        assert {event.id for event in seat.all(ev.Delivered)} == own
    ids = [[message.id for message in seat.all(ev.Message)] for seat in everyone.values()]
    assert all(each == ids[0] for each in ids)
    assert len(set(ids[0])) == len(said)
    assert not any(seat.all(kind) for seat in everyone.values() for kind in (ev.Notice, ev.Error, ev.Failed))


async def test_what_each_is_told_on_coming_and_going(house: Any) -> None:
    host = await house.host()
    guests = {name: await house.guest(name, host.port) for name in NAMES}
    alice, bob, carol = guests.values()
    for seat in (host, alice, bob):
        await seat.hears(ev.MemberJoined, name="carol")
    staying = [host, *guests.values()]
    for leaving in reversed(NAMES):
        await staying.pop().leave()
        for seat in staying:
            await seat.hears(ev.MemberLeft, name=leaving, reason="left")
    await host.leave()

    assert kinds(carol.told) == ["Connected", "Users", "RoomEntered", "Disconnected"]
    come, gone = ["Users", "RoomEntered"], ["Disconnected"]
    assert kinds(bob.told) == ["Connected", *come, "MemberJoined", "MemberLeft", *gone]
    assert kinds(alice.told) == ["Connected", *come, *["MemberJoined"] * 2, *["MemberLeft"] * 2, *gone]
    assert kinds(host.told) == ["Listening", *come, *["MemberJoined"] * 3, *["MemberLeft"] * 3, *gone]
    for seat, present in ((host, ["host"]), (alice, ["host", "alice"]), (carol, ["host", "alice", "bob", "carol"])):
        (users,) = seat.all(ev.Users)
        assert sorted(member.name for member in users.members) == sorted(present)
        assert [member.name for member in users.members if member.host] == ["host"]
        assert [member.name for member in users.members if member.me] == [seat.peer.settings.name]
        assert not users.asked
    for seat in (host, *guests.values()):
        last = seat.told[-1]
        assert isinstance(last, ev.Disconnected)
        assert (last.code, last.text) == ("left", "You left.")
        assert seat.peer.exit_status == 0


@pytest.mark.parametrize("preset", [None, PRESET], ids=["automatic", "preset"])
async def test_both_ends_of_each_link_show_the_same_fingerprint_and_words(house: Any, preset: bytes | None) -> None:
    host = await house.host(preset=preset)
    (listening,) = host.all(ev.Listening)
    assert listening.key_fingerprint == hashlib.sha256(house.keys["host"].public.der).hexdigest()
    assert listening.preset_fingerprint == (hashlib.sha256(preset).hexdigest() if preset else None)
    assert listening.preset_key is None
    seen = set()
    for name in NAMES:
        guest = await house.guest(name, host.port, preset=preset)
        (connected,) = guest.all(ev.Connected)
        joined = await host.hears(ev.MemberJoined, name=name)
        assert connected.fingerprint == joined.fingerprint
        assert connected.words == joined.words
        assert len(connected.words) == 4
        assert connected.key_fingerprint == listening.key_fingerprint
        assert (connected.cipher, connected.key_exchange) == (CIPHER, KEY_EXCHANGE)
        assert (connected.host, connected.port, connected.name) == (HERE, host.port, name)
        assert connected.member == joined.member == house.keys[name].public.id.hex()
        assert joined.address is not None
        assert joined.address.startswith(f"{HERE}:")
        both = house.keys[name].public.der + house.keys["host"].public.der
        assert connected.fingerprint == hashlib.sha256(preset or both).hexdigest()
        seen.add(tuple(connected.words))
    assert len(seen) == len(NAMES)


async def test_words_change_with_each_connection_and_the_fingerprint_does_not(house: Any) -> None:
    host = await house.host()
    links = []
    for _ in range(2):
        guest = await house.guest("alice", host.port)
        links.append(guest.all(ev.Connected)[0])
        await guest.leave()
    assert links[0].fingerprint == links[1].fingerprint
    assert links[0].words != links[1].words


async def test_a_guest_knows_the_keys_of_others_by_their_hash_only(house: Any) -> None:
    """Fingerprint and words belong to the link with the host: the host has one for each member, a guest its own."""
    host = await house.host()
    alice = await house.guest("alice", host.port)
    bob = await house.guest("bob", host.port)
    joined = await alice.hears(ev.MemberJoined, name="bob")
    assert joined.member == house.keys["bob"].public.id.hex()
    assert (joined.fingerprint, joined.words, joined.address) == (None, None, None)
    await bob.says("/users")
    users = await bob.hears(ev.Users, asked=True)
    (connected,) = bob.all(ev.Connected)
    rows = {member.name: (member.fingerprint, member.words) for member in users.members}
    assert rows == {"host": (connected.fingerprint, connected.words), "alice": (None, None), "bob": (None, None)}


# --- commands --------------------------------------------------------------------------------------------------------


async def test_nick_is_told_to_all_and_stands_on_the_next_message(house: Any) -> None:
    host = await house.host()
    alice = await house.guest("alice", host.port)
    bob = await house.guest("bob", host.port)
    await alice.says("before", "!pseudo alicia", "after")
    for seat, mine in ((host, False), (alice, True), (bob, False)):
        renamed = await seat.hears(ev.MemberRenamed)
        assert (renamed.old, renamed.name, renamed.mine) == ("alice", "alicia", mine)
        assert renamed.member == house.keys["alice"].public.id.hex()
    for seat in (host, bob):
        await seat.hears(ev.Message, text="after")
        heard = [(message.from_, message.text, message.signed_as) for message in seat.all(ev.Message)]
        # The message was under way before its author knew of the new name.
        assert heard == [("alice", "before", None), ("alicia", "after", None)]
    await alice.says("/nick BOB")
    notice = await alice.hears(ev.Notice, code="name-taken")
    assert "BOB" in notice.text
    await bob.says("/users")
    users = await bob.hears(ev.Users, asked=True)
    assert sorted(member.name for member in users.members) == ["alicia", "bob", "host"]


async def test_names_that_change_quickly_are_all_taken(house: Any) -> None:
    """As from a pipe: the answer to the first is still under way when the next is asked for."""
    host = await house.host()
    alice = await house.guest("alice", host.port)
    names = [f"name{number}" for number in range(10)]
    for seat, lines in ((host, names), (alice, [name.upper() + "x" for name in names])):
        await seat.says(*(f"/nick {name}" for name in lines[:5]), "/nick alice" if seat is host else "/nick name9")
        await seat.says(*(f"/nick {name}" for name in lines[5:]))
        await seat.hears(ev.MemberRenamed, mine=True, count=10)
        assert [event.name for event in seat.all(ev.MemberRenamed, mine=True)] == lines
    await alice.says("still here")
    assert (await host.hears(ev.Message)).from_ == "NAME9x"
    assert len(host.all(ev.Notice)) == len(alice.all(ev.Notice)) == 1  # the one name that was taken


async def test_a_guest_whose_name_is_taken_gets_a_number(house: Any) -> None:
    host = await house.host()
    await house.guest("alice", host.port)
    other = await house.guest("alice", host.port, key="bob")
    assert other.all(ev.Connected)[0].name == "alice-2"
    await other.says("hello")
    message = await host.hears(ev.Message)
    assert (message.from_, message.signed_as) == ("alice-2", None)


async def test_info_counts_what_crossed(house: Any) -> None:
    host = await house.host()
    alice = await house.guest("alice", host.port)
    await alice.says("hello")
    await alice.hears(ev.Delivered)
    await alice.says("/info")
    await host.says("/info")
    mine, theirs = await alice.hears(ev.Info), await host.hears(ev.Info)
    assert mine.bytes_out == theirs.bytes_in > 2_000
    assert mine.bytes_in == theirs.bytes_out > 1_500
    assert mine.records_out == theirs.records_in >= 2
    assert mine.records_in == theirs.records_out >= 2
    assert (mine.members, theirs.members) == (2, 2)
    assert mine.connection == theirs.connection == f"{HERE}:{host.port}"
    assert (mine.name, theirs.name) == ("alice", "host")
    (connected,) = alice.all(ev.Connected)
    assert (mine.fingerprint, mine.words) == (connected.fingerprint, connected.words)
    assert (theirs.fingerprint, theirs.words) == (None, None)
    assert mine.library in ("cryptography", "pycryptodome")
    await alice.leave()
    await host.hears(ev.MemberLeft)
    await host.says("/info")
    after = await host.hears(ev.Info, count=2)
    assert after.bytes_in >= theirs.bytes_in  # what an ended connection carried stays counted
    assert after.members == 1


async def test_me_help_and_clear(house: Any) -> None:
    host = await house.host()
    alice = await house.guest("alice", host.port)
    await alice.says("!moi waves", "/clear", "//literal", "!!literal", "/help", "/help nick")
    await host.hears(ev.Message, text="!literal")
    assert [(message.kind, message.text) for message in host.all(ev.Message)] == [
        ("me", "waves"),
        ("text", "/literal"),
        ("text", "!literal"),
    ]
    everything, one = alice.all(ev.Notice, code="help")
    assert len(everything.text.splitlines()) == len(COMMANDS)
    assert "/pseudo" in one.text


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("/nosuch thing", "unknown-command"),
        ("/help nosuch", "unknown-command"),
        ("/me", "bad-command"),
        ("/quit now", "bad-command"),
        ("/me " + "é" * (MAX_TEXT // 2 + 1), "text-too-long"),
        ("x" * (MAX_TEXT + 1), "text-too-long"),
        ("/nick a\x1b[31mb", "bad-name"),
        (" \t ", "empty"),
        ("", "empty"),
    ],
    ids=lambda value: str(value)[:12],
)
async def test_a_line_that_cannot_be_done_goes_back_to_its_author(house: Any, line: str, code: str) -> None:
    host = await house.host()
    assert await host.peer.enter(line) is False
    (error,) = [await host.hears(ev.Error)]
    assert (error.code, error.message) == (code, line)
    assert error.text
    assert "\n" not in error.text
    assert await host.peer.enter("and on it goes") is True
    assert (await host.hears(ev.Message)).text == "and on it goes"


# --- delivery --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["x" * MAX_TEXT, "é" * (MAX_TEXT // 2), "👍" * (MAX_TEXT // 4)], ids=["1", "2", "4"])
async def test_the_longest_text_arrives_whole(house: Any, text: str) -> None:
    host = await house.host()
    alice = await house.guest("alice", host.port)
    bob = await house.guest("bob", host.port)
    await alice.says(text)
    await alice.hears(ev.Delivered)
    assert (await host.hears(ev.Message)).text == text
    assert (await bob.hears(ev.Message)).text == text
    await host.says(text)
    assert (await bob.hears(ev.Message, count=2)).text == text


async def test_many_quick_messages_arrive_once_and_in_order(house: Any) -> None:
    count = 500
    host = await house.host()
    alice = await house.guest("alice", host.port)
    bob = await house.guest("bob", host.port)
    from_host = [f"h{index}" for index in range(count)]
    from_alice = [f"a{index}" for index in range(count)]
    async with asyncio.TaskGroup() as group:
        group.create_task(host.says(*from_host))
        group.create_task(alice.says(*from_alice))
    await bob.hears(ev.Message, count=2 * count)
    await alice.hears(ev.Delivered, count=count)
    await host.hears(ev.Delivered, count=count)
    await alice.hears(ev.Message, mine=False, count=count)
    assert alice.texts() == from_host
    assert host.texts() == from_alice
    assert [text for text in bob.texts() if text.startswith("h")] == from_host
    assert [text for text in bob.texts() if text.startswith("a")] == from_alice
    numbers = [event.number for seat in (host, alice) for event in seat.all(ev.Delivered)]
    assert sorted(numbers) == list(range(1, 2 * count + 1))
    assert not any(seat.all(ev.Notice) + seat.all(ev.Failed) for seat in (host, alice, bob))


async def test_leaving_waits_until_everything_is_acknowledged(house: Any) -> None:
    host = await house.host()
    alice = await house.guest("alice", host.port)
    texts = [str(index) for index in range(40)]
    await alice.says(*texts)
    told = await alice.leave()
    assert len(alice.all(ev.Delivered)) == len(texts)
    assert kinds(told)[-1] == "Disconnected"
    assert alice.peer.exit_status == 0
    await host.hears(ev.MemberLeft, reason="left")
    assert host.texts() == texts


async def test_leaving_says_what_was_never_acknowledged(house: Any) -> None:
    """Nothing that was typed is lost without a word, also where the person leaves at once."""
    host = await house.host()
    proxy = await house.proxy(host.port)
    alice = await house.guest("alice", proxy.port, acknowledge_seconds=0.2)
    proxy.touch = lambda frame: [] if frame.to == "guest" else [frame.data]
    await alice.says("is anybody there?")
    await alice.leave()
    (failed,) = alice.all(ev.Failed)
    assert failed.message == "is anybody there?"
    assert failed.id == alice.all(ev.Message)[0].id
    assert alice.peer.exit_status == 1
    assert isinstance(alice.told[-1], ev.Disconnected)


async def test_what_is_under_way_when_the_wire_is_cut_has_failed(house: Any) -> None:
    host = await house.host()
    proxy = await house.proxy(host.port)
    alice = await house.guest("alice", proxy.port)
    await alice.says("one")
    await alice.hears(ev.Delivered)
    proxy.touch = lambda frame: [None]
    await alice.says("two", "three")
    told = await alice.end()
    assert [event.message for event in alice.all(ev.Failed)] == ["two", "three"]
    assert {event.code for event in alice.all(ev.Failed)} == {"cut"}
    assert isinstance(told[-1], ev.Disconnected)
    assert told[-1].code == "cut"
    assert alice.peer.exit_status != 0
    await host.hears(ev.MemberLeft, reason="cut")
    assert host.texts() == ["one"]


# --- the end ---------------------------------------------------------------------------------------------------------


async def test_a_host_that_stops_says_goodbye_to_all(house: Any) -> None:
    host = await house.host()
    guests = [await house.guest(name, host.port) for name in NAMES]
    await host.says("last words")
    await host.leave()
    for guest in guests:
        last = (await guest.end())[-1]
        assert isinstance(last, ev.Disconnected)
        assert last.code == "host-stopped"
        assert guest.peer.exit_status == 0
        assert guest.texts() == ["last words"]
    assert host.peer.exit_status == 0


@pytest.mark.parametrize("line", ["/quit", "!quitter"])
async def test_quit_leaves_and_on_the_host_stops_for_everyone(house: Any, line: str) -> None:
    host = await house.host()
    alice = await house.guest("alice", host.port)
    bob = await house.guest("bob", host.port)
    await alice.says("bye", line)
    assert (await alice.end())[-1].code == "left"
    await host.hears(ev.MemberLeft, name="alice", reason="left")
    assert host.texts() == ["bye"]
    await host.says(line)
    assert (await host.end())[-1].code == "left"
    assert (await bob.end())[-1].code == "host-stopped"
    assert [seat.peer.exit_status for seat in (host, alice, bob)] == [0, 0, 0]


async def test_nothing_can_be_said_after_the_end(house: Any) -> None:
    host = await house.host()
    alice = await house.guest("alice", host.port)
    await host.leave()
    await alice.end()
    assert await alice.peer.enter("too late") is False
    await alice.end()
    rest = [event async for event in alice.peer.events()]
    assert [(event.code, event.message) for event in rest if isinstance(event, ev.Error)] == [
        ("not-connected", "too late")
    ]


async def test_closing_twice_is_closing_once(house: Any) -> None:
    host = await house.host()
    alice = await house.guest("alice", host.port)
    await alice.leave()
    await alice.leave()
    await host.leave()
    await host.peer.close()
    assert len(alice.all(ev.Disconnected)) == len(host.all(ev.Disconnected)) == 1


async def test_a_second_connection_with_the_same_key_takes_the_place(house: Any) -> None:
    host = await house.host()
    first = await house.guest("alice", host.port)
    second = await house.guest("alice", host.port)
    assert (await first.end())[-1].code == "replaced"
    assert first.peer.exit_status != 0
    await host.hears(ev.MemberLeft, name="alice", reason="replaced")
    await second.says("here I am")
    message = await host.hears(ev.Message)
    assert (message.from_, message.signature) == ("alice", "good")
    assert not host.all(ev.MemberLeft, reason="left")


async def test_without_a_key_one_is_made_for_this_run(house: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PrivateKey, "generate", classmethod(lambda cls: house.keys["carol"]))
    async with Peer(Settings(True, "host", HERE, 0)) as peer:
        making, listening = [await anext(peer.events()) for _ in range(2)]
        assert (type(making), type(listening)) == (ev.Connecting, ev.Listening)
        assert listening.key_fingerprint == house.keys["carol"].public.id.hex()


async def test_a_program_of_ones_own_can_host_and_join(house: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the names that the package gives to others."""
    made = iter(("host", "alice"))
    monkeypatch.setattr(PrivateKey, "generate", classmethod(lambda cls: house.keys[next(made)]))
    async with asyncio.timeout(20), usi.host(address=HERE, port=0, preset=PRESET) as host:
        async for listening in host.events():
            if isinstance(listening, ev.Listening):
                break
        async with usi.connect(HERE, listening.port, name="bot", preset=PRESET) as bot:
            await bot.do(Say("hello"))
            async for event in host.events():
                if isinstance(event, ev.Message):
                    assert (event.from_, event.text) == ("bot", "hello")
                    break
    with pytest.raises(BadName):
        usi.connect(name="\x1b")


async def test_a_start_that_fails_leaves_nothing_behind(house: Any) -> None:
    host = await house.host()
    await host.leave()
    before = asyncio.all_tasks()
    with pytest.raises(Unreachable):
        await house.guest("alice", host.port)
    assert asyncio.all_tasks() == before


async def test_a_start_can_be_called_off(house: Any) -> None:
    """As by a signal while nothing answers yet."""
    dialled = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(1)
        dialled.set()
        while await reader.read(4096):
            pass

    port = await house.server(serve)
    peer = Peer(Settings(False, "alice", HERE, port), house.keys["alice"])
    starting = asyncio.ensure_future(peer.start())
    await dialled.wait()
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting


# --- a face that sleeps ----------------------------------------------------------------------------------------------


async def test_a_guest_whose_face_sleeps_reads_no_more_and_loses_nothing(house: Any, eventually: Any) -> None:
    host = await house.host(sender_rate=10_000)
    alice = await house.guest("alice", host.port, awake=False, listed_events=400)
    link = alice.peer._side._link
    names = [f"n{index}" for index in range(700)]  # a change of name is an event that costs next to nothing
    await host.says(*(f"/nick {name}" for name in names[:300]))
    await eventually(lambda: not link._transport.is_reading())
    assert len(alice.peer._events) < 400
    await host.says(*(f"/nick {name}" for name in names[300:]))
    await host.hears(ev.MemberRenamed, count=len(names))
    alice.wake()
    await alice.hears(ev.MemberRenamed, name=names[-1])
    assert [event.name for event in alice.all(ev.MemberRenamed)] == names
    assert not alice.all(ev.Notice)
    assert link._transport.is_reading()
    await alice.says("awake")
    await host.hears(ev.Message, text="awake")


async def test_a_guest_that_does_not_read_is_not_told_that_the_host_was_silent(house: Any, eventually: Any) -> None:
    host = await house.host()
    alice = await house.guest("alice", host.port, awake=False, listed_events=40)
    link = alice.peer._side._link
    await host.says(*(f"/nick n{index}" for index in range(30)))
    await eventually(lambda: not link._transport.is_reading())
    link._heard -= 3_600  # as after an hour with the face asleep
    alice.peer._side.tick(False)
    alice.wake()
    await host.says("still there?")
    assert (await alice.hears(ev.Message)).text == "still there?"
    assert not alice.all(ev.Disconnected)


async def test_a_host_whose_face_sleeps_goes_on_and_counts_what_it_cannot_show(house: Any) -> None:
    host = await house.host(awake=False, listed_events=30)
    port = host.peer._side.port
    alice = await house.guest("alice", port)
    bob = await house.guest("bob", port)
    names = [f"n{index}" for index in range(CHANGES)]
    await alice.says(*(f"/nick {name}" for name in names))
    await bob.hears(ev.MemberRenamed, name=names[-1])
    host.wake()
    await host.hears(ev.MemberRenamed, count=20)
    await bob.says("good morning")
    notice = await host.hears(ev.Notice, code="events-lost")
    await host.hears(ev.Message, text="good morning")
    shown = len(host.all(ev.MemberRenamed))
    assert notice.text.startswith(f"{len(names) - shown} events were not shown")
    assert [event.name for event in host.all(ev.MemberRenamed)] == names[:shown]


async def test_the_end_is_told_even_to_a_face_that_slept(house: Any) -> None:
    host = await house.host(awake=False, listed_events=30)
    alice = await house.guest("alice", host.peer._side.port)
    await alice.says(*(f"/nick n{index}" for index in range(CHANGES)))
    await alice.hears(ev.MemberRenamed, count=CHANGES)
    told = await host.leave()
    assert isinstance(told[-1], ev.Disconnected)
    assert host.all(ev.Notice, code="events-lost")


# --- --dev -----------------------------------------------------------------------------------------------------------


async def test_the_inspector_hears_every_step_and_no_secret(house: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    secrets: list[bytes] = []

    class Watched:
        def __init__(self, value: bytes) -> None:
            secrets.append(value)
            self.size = len(value)

        def __repr__(self) -> str:
            return f"<secret, {self.size} bytes>"

    monkeypatch.setattr("usi.core.session.Secret", Watched)
    monkeypatch.setattr("usi.core.trace.Secret", Watched)
    host = await house.host(dev=True, preset=PRESET)
    alice = await house.guest("alice", host.port, dev=True, preset=PRESET)
    await alice.says("in the clear inside")
    await host.hears(ev.Message)
    await alice.hears(ev.Delivered)
    await alice.leave()
    await host.hears(ev.MemberLeft)
    await host.leave()

    steps = {seat: [(event.step, event.direction) for event in seat.all(ev.TraceEvent)] for seat in (host, alice)}
    handshake = ["hello", "offer", "kem", "answer", "keys", "fingerprint"]
    there = {"hello": "out", "offer": "in", "answer": "out"}
    back = {"hello": "in", "offer": "out", "answer": "in"}
    for seat, ways in ((alice, there), (host, back)):
        taken = [step for step in steps[seat] if step[0] in handshake]
        assert taken == [(name, ways.get(name, "here")) for name in handshake]
        assert {("record", "in"), ("record", "out")} <= set(steps[seat])
    assert ("seal", "out") in steps[alice]
    assert ("open", "in") in steps[host]
    (sealed,) = alice.all(ev.TraceEvent, step="seal")
    assert sealed.detail["plaintext"] == "in the clear inside"
    assert sealed.link == "content"
    records = [event.detail["messages"] for event in host.all(ev.TraceEvent, step="record", direction="in")]
    assert records[0] == "join"
    assert "post" in records
    assert records[-1] == "bye"

    assert len(set(secrets)) >= 4  # encapsulated, session, and a key for each direction
    secrets.append(PRESET)
    secrets += [room.key for room in host.peer._side.hub.rooms]
    shown = "\n".join(str(event) for seat in (host, alice) for event in seat.told)
    for secret in secrets:
        assert secret.hex() not in shown.lower()
        assert repr(secret)[2:-1] not in shown


async def test_without_the_inspector_nothing_is_traced(house: Any) -> None:
    host = await house.host()
    alice = await house.guest("alice", host.port)
    await alice.says("hello")
    await alice.hears(ev.Delivered)
    assert not host.all(ev.TraceEvent) + alice.all(ev.TraceEvent)


# --- comparing -------------------------------------------------------------------------------------------------------


async def test_comparing_and_saying_that_it_matches(house: Any) -> None:
    host = await house.host()
    alice = await house.guest("alice", host.port)
    await alice.says("/verify")
    await host.says("/verify alice")
    mine, theirs = await alice.hears(ev.Verification), await host.hears(ev.Verification)
    assert (mine.name, theirs.name) == ("host", "alice")
    assert (mine.fingerprint, mine.words) == (theirs.fingerprint, theirs.words)
    assert mine.state == theirs.state == "open"
    await alice.says("!verifier oui", "/users")
    assert (await alice.hears(ev.Verification, count=2)).state == "verified"
    users = await alice.hears(ev.Users, asked=True)
    assert {member.name: member.verified for member in users.members} == {"host": True, "alice": False}
    await host.says("/users")
    users = await host.hears(ev.Users, asked=True)
    assert not any(member.verified for member in users.members)  # what one has compared is not the other's word


@pytest.mark.parametrize("who", ["guest", "host"])
async def test_saying_that_it_differs_ends_that_link_at_once(house: Any, who: str) -> None:
    host = await house.host()
    alice = await house.guest("alice", host.port)
    bob = await house.guest("bob", host.port)
    await (alice.says("/verify host no") if who == "guest" else host.says("/verify alice no"))
    told = await alice.end()
    assert isinstance(told[-1], ev.Disconnected)
    assert told[-1].code == "not-verified"
    assert alice.peer.exit_status == 4
    for seat in (host, bob):
        await seat.hears(ev.MemberLeft, name="alice", reason="not-verified")
    await bob.says("still here")
    await host.hears(ev.Message, text="still here")


@pytest.mark.parametrize("line", ["/verify nobody", "/verify alice", "/verify host perhaps"])
async def test_what_cannot_be_compared_is_said(house: Any, line: str) -> None:
    host = await house.host()
    alice = await house.guest("alice", host.port)
    await house.guest("bob", host.port)
    await alice.hears(ev.MemberJoined)
    assert await alice.peer.enter(line) is False
    error = await alice.hears(ev.Error)
    assert error.message == line
    assert not alice.all(ev.Verification)


@pytest.mark.parametrize("path", ["file://[x", "~nobody-of-this-name/x", "a\0b", "\udcff"])
async def test_a_path_that_cannot_be_is_a_file_that_is_not_there(path: str, house: Any) -> None:
    host = await house.host()
    assert not await host.peer.enter(f"/send {path}")
    assert (await host.hears(ev.Error)).code == "no-such-file"
