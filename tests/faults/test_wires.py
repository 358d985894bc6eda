"""Wires that are cut, half closed, late, slow or stopped, between real programs."""

from __future__ import annotations

import random
from typing import Any

import pytest

from tests.faults.programs import HERE, acknowledged, check, heard, latencies, say, summed_up
from tests.faults.proxy import FaultProxy
from tests.faults.wires import bad_wire, netem_missing

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("seed", range(3))
def test_a_wire_that_is_cut_in_mid_conversation(seed: int, host: Any, guest: Any) -> None:
    """What was confirmed is there once and in order; what was not is given back; who stays is not disturbed."""
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
        bob.hears("member_left", name="alice", reason="cut")
        assert alice.hears("disconnected")["code"] == "cut"
        assert alice.ends() == 3
        check(alice, "alice", bob, home)
        say(bob, ["still here"])
        assert home.hears("message", text="still here")["from"] == "bob"


@pytest.mark.parametrize("towards_host", [True, False], ids=["to the host", "to the guest"])
def test_a_wire_that_is_half_closed(towards_host: bool, host: Any, guest: Any) -> None:
    """An end without a goodbye is a cut, from either side, and both sides come to know it."""
    home = host()
    with FaultProxy(home.port()) as wire:
        alice, bob = guest(wire.port, "alice"), guest(home.port(), "bob")
        say(alice, ["before"])
        bob.hears("message", text="before")
        wire.half_close(towards_host=towards_host)
        assert alice.hears("disconnected")["code"] in ("cut", "left")
        assert bob.hears("member_left", name="alice")["reason"] in ("cut", "left")
        alice.ends()
        check(alice, "alice", bob, home)


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
