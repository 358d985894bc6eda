"""Wires that are cut, half closed, late, slow or stopped, between real programs."""

from __future__ import annotations

import random
import threading
import time
from contextlib import ExitStack
from typing import Any

import pytest

from tests.faults.programs import HERE, acknowledged, check, heard, latencies, people, say, summed_up
from tests.faults.proxy import FaultProxy
from tests.faults.wires import bad_wire, netem_missing

pytestmark = pytest.mark.slow


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
    home = host()
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


def test_a_bad_network_loses_nothing(host: Any, guest: Any, record: Any) -> None:
    """Delay, loss and reordering: late, and nothing else."""
    reason = netem_missing()
    home = host(bind=HERE if reason else "0.0.0.0")
    with bad_wire(home.port(), milliseconds=60, loss=0.02, reorder=0.05) as wire:
        bob = guest(home.port(), "bob")
        alice = guest(wire.port, "alice", address=wire.host, prefix=wire.prefix)
        texts = [f"a {number}" for number in range(300)]
        say(alice, texts)
        say(bob, [f"b {number}" for number in range(300)])
        alice.hears("delivered", count=300)
        bob.hears("delivered", count=300)
        check(alice, "alice", bob, home, all_of=texts)
        check(bob, "bob", alice, home)
        record("wire", f"{wire.kind} ({reason})" if reason else wire.kind)
        record("latency", summed_up(latencies(alice, bob, 20, "late")))


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


def test_a_wire_that_stops_and_goes_on(host: Any, guest: Any) -> None:
    """A few seconds of nothing, as on a train: nobody leaves, nothing is lost."""
    home = host()
    with FaultProxy(home.port()) as wire:
        alice, bob = guest(wire.port, "alice"), guest(home.port(), "bob")
        wire.stopped = True
        texts = [f"tunnel {number}" for number in range(50)]
        say(alice, texts)
        latencies(bob, home, 30, "outside")
        assert heard(bob, "alice") == []
        wire.stopped = False
        alice.hears("delivered", count=50)
        check(alice, "alice", bob, home, all_of=texts)
        assert acknowledged(alice) == texts
        assert not bob.all("member_left")
