"""Programs that are stopped, killed, or told another time."""

from __future__ import annotations

import ctypes.util
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.faults.programs import check, heard, latencies, memory, say, summed_up

pytestmark = pytest.mark.slow

FAKED = """
import sys, time
from pathlib import Path
told, real = Path(sys.argv.pop(1)), time.time
time.time = lambda: real() + float(told.read_text() or 0)
assert sys.argv.pop(1) == "-c"
exec(compile(sys.argv.pop(1), "<program>", "exec"))
"""


def test_a_member_that_stands_still_delays_nobody(host: Any, guest: Any, record: Any) -> None:
    """SIGSTOP: the others go on; when it goes on it gets what it missed, or is told that it is gone."""
    home = host()
    alice, bob, carol = (guest(home.port(), name) for name in ("alice", "bob", "carol"))
    say(alice, ["before"])
    carol.hears("message", text="before")
    carol.process.send_signal(signal.SIGSTOP)
    try:
        taken = latencies(alice, bob, 100, "while she sleeps")
        texts = [f"many {number}" for number in range(1_000)]
        say(alice, texts)
        alice.hears("delivered", count=1 + 100 + 1_000)
    finally:
        carol.process.send_signal(signal.SIGCONT)
    check(alice, "alice", bob, home)
    record("latency beside a stopped member", summed_up(taken))
    assert max(taken) < 10.0
    carol.waits(lambda: heard(carol, "alice")[-1:] == texts[-1:], "all that was missed")
    assert heard(carol, "alice") == heard(bob, "alice")
    assert not bob.all("member_left")


def test_a_member_that_is_killed_is_seen_to_go(host: Any, guest: Any) -> None:
    home = host()
    alice, bob = guest(home.port(), "alice"), guest(home.port(), "bob")
    say(alice, [f"word {number}" for number in range(300)])
    alice.hears("delivered", count=50)
    alice.process.kill()
    assert bob.hears("member_left", name="alice")["reason"] == "cut"
    alice.ends()
    confirmed = {event["id"] for event in alice.all("delivered")}
    texts = [event["text"] for event in alice.all("message", mine=True) if event["id"] in confirmed]
    got = heard(bob, "alice")
    assert set(texts) <= set(got)
    assert got == [f"word {number}" for number in range(len(got))]
    assert heard(home, "alice") == got


def test_a_host_that_is_killed_is_missed_by_all(host: Any, guest: Any) -> None:
    """Nobody goes on as if it were there; each tries for a while, and then knows what of its own was not confirmed."""
    home = host()
    alice, bob = guest(home.port(), "alice"), guest(home.port(), "bob")
    say(alice, [f"a {number}" for number in range(300)])
    say(bob, [f"b {number}" for number in range(300)])
    alice.hears("delivered", count=50)
    home.process.kill()
    for program, name in ((alice, "alice"), (bob, "bob")):
        assert program.hears("reconnecting")["code"] == "cut"
        assert program.hears("disconnected")["code"] == "not-restored"
        program.process.terminate()
        assert program.ends() == 3
        check(program, name)
    assert heard(bob, "alice") == [f"a {number}" for number in range(len(heard(bob, "alice")))]


def _fake_time(told: Path, by_library: bool) -> dict[str, Any]:
    """How to run a program whose clock reads `told`, a number of seconds to add: by libfaketime where that is wanted
    and installed, else by a `time.time` of our own. The steady clock is left alone, as the system leaves it."""
    library = next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"), None) or ctypes.util.find_library("faketime")
    if by_library and library is not None:
        told.write_text("+0")
        return {
            "environment": {
                "LD_PRELOAD": str(library), "FAKETIME_TIMESTAMP_FILE": str(told), "FAKETIME_NO_CACHE": "1",
                "FAKETIME_DONT_FAKE_MONOTONIC": "1", "DONT_FAKE_MONOTONIC": "1",
            }
        }  # fmt: skip
    told.write_text("0")
    return {"python": ("-c", FAKED, str(told))}


@pytest.mark.parametrize("by_library", [True, False], ids=["libfaketime", "injected"])
@pytest.mark.parametrize("who", ["host", "guest"])
def test_a_clock_that_jumps_ends_nothing(who: str, by_library: bool, host: Any, guest: Any, tmp_path: Path) -> None:
    """A day forwards, two days back: the conversation goes on, and nobody is taken to be silent."""
    told = tmp_path / "time"
    faked = _fake_time(told, by_library)
    home = host(**(faked if who == "host" else {}))
    alice, bob = guest(home.port(), "alice", **(faked if who == "guest" else {})), guest(home.port(), "bob")
    sent = []
    for jump in ("+86400", "-86400", "+0"):
        told.write_text(jump)
        texts = [f"{jump} {number}" for number in range(20)]
        sent += texts
        say(alice, texts)
        alice.hears("delivered", count=len(sent))
        latencies(bob, alice, 5, f"b {jump}")
    check(alice, "alice", bob, home, all_of=sent)
    check(bob, "bob", alice, home)
    assert not bob.all("member_left")
    stamps = [event["sent_at"][:10] for event in bob.all("message", mine=False, **{"from": "alice"})]
    assert (len(set(stamps)) > 1) == (who == "guest")  # the clock did jump


def test_a_host_that_was_stopped_goes_on(host: Any, guest: Any) -> None:
    """SIGSTOP of the host for a while: what was said meanwhile arrives when it goes on."""
    home = host()
    alice, bob = guest(home.port(), "alice"), guest(home.port(), "bob")
    home.process.send_signal(signal.SIGSTOP)
    texts = [f"into the void {number}" for number in range(100)]
    say(alice, texts)
    alice.hears("message", mine=True, text=texts[20])
    home.process.send_signal(signal.SIGCONT)
    alice.hears("delivered", count=100)
    check(alice, "alice", bob, home, all_of=texts)
    assert memory(home) < 500_000_000
