"""Wires that are cut, half closed, late, slow or stopped, between real programs."""

from __future__ import annotations

import hashlib
import os
import random
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.faults.programs import acknowledged, check, heard, latencies, people, say, summed_up
from tests.faults.proxy import FaultProxy
from tests.faults.wires import Weather, Wire, bad_wire, netem_missing, outside

pytestmark = pytest.mark.slow

IMPATIENT = ("--limit", "heartbeat_seconds=1", "--limit", "silence_seconds=3")
"""So that a wire that is out need not be out for long before it is noticed."""


@pytest.mark.parametrize("seed", range(3))
def test_a_wire_that_is_cut_in_mid_conversation(seed: int, host: Any, guest: Any) -> None:
    """It is joined again: all that was said is there once and in order, and nobody sees that anything was."""
    chance = random.Random(seed)
    home = host()
    with FaultProxy(home.port(), seed=seed) as wire:
        wire.delay = chance.choice([0.0, 0.01])
        bob = guest(home.port(), "bob")
        alice = guest(wire.port, "alice")
        bob.hears("member_joined", name="alice")
        say(alice, [f"one {number}" for number in range(400)])
        alice.hears("delivered", count=chance.randrange(1, 200))
        wire.cut()
        assert alice.hears("reconnecting")["code"] == "cut"
        alice.hears("resumed")
        alice.hears("delivered", count=400)
        check(alice, "alice", bob, home, all_of=[f"one {number}" for number in range(400)])
        say(bob, ["still here"])
        assert alice.hears("message", text="still here")["from"] == "bob"
        assert not bob.all("member_left")


def test_ten_thousand_messages_through_a_hundred_cuts(host: Any, guest: Any, record: Any) -> None:
    """Four members who talk without a pause, each over a wire of its own that is cut at random points, also in the
    middle of coming back: every message once and in order at everybody, and nobody seen to leave."""
    chance, each, names = random.Random(7), 2_500, ("alice", "bob", "carol", "mallory")
    # A slow machine has more of this under way than a host keeps for one, which would then say so.
    home = host("--limit", "kept_bytes=8000000", "--limit", "queue_bytes=16000000")
    with ExitStack() as stack:
        wires = [stack.enter_context(FaultProxy(home.port(), seed=number)) for number in range(len(names))]
        members = [guest(wire.port, name) for wire, name in zip(wires, names, strict=True)]
        for member in members:
            member.waits(lambda member=member: len(people(member)) == len(names) + 1, "everybody")
        began, cuts = time.monotonic(), 0
        typing = [threading.Thread(target=say, args=(member, [f"{name} {n}" for n in range(each)]))
                  for member, name in zip(members, names, strict=True)]  # fmt: skip
        for thread in typing:
            thread.start()
        while cuts < 100:
            wire = chance.choice(wires)
            there, patience = wire.passed + chance.randrange(1, 20_000), time.monotonic() + 1
            while wire.passed < there and time.monotonic() < patience:
                time.sleep(0.001)
            wire.cut()
            cuts += 1
        for thread in typing:
            thread.join(120)
        for member in members:
            member.hears("delivered", count=each)
        record("seconds", f"{time.monotonic() - began:.0f}")
        record("came back", sum(len(member.all("resumed")) for member in members))
        for member, name in zip(members, names, strict=True):
            others = [other for other in members if other is not member]
            check(member, name, *others, home, all_of=[f"{name} {number}" for number in range(each)])
            assert not member.all("member_left")
            assert not member.all("notice")
        assert not home.all("member_left")


def test_a_wire_that_stays_cut_is_given_up_and_its_member_seen_to_go(host: Any, guest: Any) -> None:
    home = host()
    with FaultProxy(home.port()) as wire:
        alice, bob = guest(wire.port, "alice"), guest(home.port(), "bob")
        wire.refusing = True
        wire.cut()
        say(alice, ["into the void"])
        assert alice.hears("disconnected")["code"] == "not-restored"
        assert alice.hears("failed")["message"] == "into the void"
        assert bob.hears("member_left", name="alice")["reason"] == "cut"
        wire.refusing = False  # whoever stays joins again
        alice.hears("connected", count=2)
        say(alice, ["here again"])
        assert bob.hears("message", text="here again")["from"] == "alice"
        check(alice, "alice", bob, home)


@pytest.mark.parametrize("towards_host", [True, False], ids=["to the host", "to the guest"])
def test_a_wire_that_is_half_closed(towards_host: bool, host: Any, guest: Any) -> None:
    """An end without a goodbye is a cut, from either side, and the member comes back."""
    home = host()
    with FaultProxy(home.port()) as wire:
        alice, bob = guest(wire.port, "alice"), guest(home.port(), "bob")
        say(alice, ["before"])
        bob.hears("message", text="before")
        wire.half_close(towards_host=towards_host)
        alice.hears("resumed")
        say(alice, ["after"])
        bob.hears("message", text="after")
        check(alice, "alice", bob, home)
        assert not bob.all("member_left")


def behind(wire: Wire, guest: Any, name: str, *arguments: str) -> Any:
    """A guest at the far end of a wire."""
    return guest(wire.port, name, *arguments, address=wire.host, prefix=wire.prefix)


ALL_KINDS = Weather(delay=0.03, jitter=0.01, loss=0.02, reorder=0.25, duplicate=0.05, corrupt=0.001)


@pytest.mark.parametrize(
    "weather",
    [Weather(delay=0.2, jitter=0.05), Weather(delay=0.02, loss=0.05), ALL_KINDS],
    ids=["late", "lossy", "of all kinds"],
)
def test_bad_weather_loses_nothing(weather: Weather, host: Any, guest: Any, record: Any) -> None:
    """Late, and nothing else."""
    home = host(bind=outside())
    with bad_wire(home.port(), weather) as wire:
        bob = guest(home.port(), "bob")
        alice = behind(wire, guest, "alice")
        texts = [f"a {number}" for number in range(300)]
        say(alice, texts)
        say(bob, [f"b {number}" for number in range(300)])
        alice.hears("delivered", count=300)
        bob.hears("delivered", count=300)
        check(alice, "alice", bob, home, all_of=texts)
        check(bob, "bob", alice, home)
        reason = netem_missing()
        record("wire", f"{wire.kind} ({reason})" if reason else wire.kind)
        record("latency", summed_up(latencies(alice, bob, 20, "late")))
        assert not bob.all("member_left")


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_file_in_bad_weather_and_through_an_unplugged_cable(
    host: Any, guest: Any, tmp_path: Path, record: Any
) -> None:
    """It goes on from where it was, and is the same."""
    path, limits = tmp_path / "large.bin", (*IMPATIENT, "--limit", "stall_seconds=2")
    path.write_bytes(os.urandom(2_000_000))
    home = host(*limits, bind=outside())
    with bad_wire(home.port(), ALL_KINDS) as wire:
        bob = guest(home.port(), "bob", *limits, "--accept-files", "--downloads", str(tmp_path / "bob"))
        alice = behind(wire, guest, "alice", *limits, "--limit", "progress_seconds=0.05")
        say(alice, [f"/send {path}"])
        alice.waits(lambda: any(event["done"] > 100_000 for event in alice.all("file_progress")), "some of the file")
        wire.unplug()
        alice.hears("reconnecting", count=2)
        wire.plug()
        done = bob.hears("file_done")
        assert done["sha256"] == sha256(path) == sha256(Path(done["path"]))
        record("seconds", f"{done['seconds']:.1f}")
        assert not bob.all("member_left")


def test_a_cable_that_is_out_for_a_moment(host: Any, guest: Any) -> None:
    """A few seconds of nothing, as on a train: nobody leaves, nothing is lost."""
    home = host(bind=outside())
    with bad_wire(home.port(), Weather()) as wire:
        bob = guest(home.port(), "bob")
        alice = behind(wire, guest, "alice")
        wire.unplug()
        texts = [f"tunnel {number}" for number in range(50)]
        say(alice, texts)
        latencies(bob, home, 30, "outside")
        assert heard(bob, "alice") == []
        wire.plug()
        alice.hears("delivered", count=50)
        check(alice, "alice", bob, home, all_of=texts)
        assert acknowledged(alice) == texts
        assert not bob.all("member_left")


@pytest.mark.parametrize("moves", [False, True], ids=["a cable that is out", "another address"])
def test_a_network_that_is_gone_until_both_sides_have_noticed(moves: bool, host: Any, guest: Any) -> None:
    """The seat is taken again: what all have said meanwhile is there once and in order, and nobody was seen to go."""
    home = host(*IMPATIENT, bind=outside())
    with bad_wire(home.port(), Weather(delay=0.02)) as wire:
        bob = guest(home.port(), "bob")
        alice = behind(wire, guest, "alice", *IMPATIENT)
        if moves:
            wire.move()
        else:
            wire.unplug()
        ours, theirs = ([f"{name} {number}" for number in range(50)] for name in ("alice", "bob"))
        say(alice, ours)
        say(bob, theirs)
        bob.hears("delivered", count=50)
        assert alice.hears("reconnecting")["code"] == "silent"
        if not moves:
            alice.hears("reconnecting", count=4)
            wire.plug()
        alice.hears("resumed")
        alice.hears("delivered", count=50)
        check(alice, "alice", bob, home, all_of=ours)
        check(bob, "bob", alice, home, all_of=theirs)
        assert not bob.all("member_left")


def test_slow_bytes_arrive(host: Any, guest: Any) -> None:
    """20,000 bytes a second carry a conversation, and the one who has more waits for nobody."""
    home = host()
    with FaultProxy(home.port()) as wire:
        alice, bob = guest(wire.port, "alice"), guest(home.port(), "bob")
        wire.rate = 20_000.0
        texts = [f"slow {number}" for number in range(100)]
        say(alice, texts)
        say(bob, ["quick"])
        home.hears("message", text="quick")
        alice.hears("delivered", count=100)
        check(alice, "alice", bob, home, all_of=texts)
