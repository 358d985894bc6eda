"""A driver process: many members on one event loop, told over standard input what to do (see `child`).

Members that are in are always read from and send their heartbeats, also between two commands.
"""

from __future__ import annotations

import json
import os
import selectors
import sys
import time
from array import array
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from benchmarks.child import raise_file_limit
from benchmarks.keys import keys
from benchmarks.member import Kind, Member
from usi.core import codec, wire
from usi.core.crypto import PrivateKey

HEARTBEAT = 10.0
QUIET = 0.4  # seconds without a byte after which what was under way has arrived
SETTLE = 10.0  # seconds that this is waited for
PATIENCE = 60.0  # seconds after which what should have come is not awaited any more
_NUMBERS = 2**16  # numbers below this are encoded in at most three bytes


class Driver:
    def __init__(self, host: tuple[str, int], network: int, per_address: int = 8, addresses: int = 2) -> None:
        self._host = host
        # Linux answers on all of 127.0.0.0/8; elsewhere all members come from one address, and fewer at a time.
        several = sys.platform == "linux"
        self._sources = [f"127.{network}.0.{n + 1}" for n in range(addresses)] if several else ["127.0.0.1"]
        self._per_address = per_address
        self._selector = selectors.DefaultSelector()
        self._keys = keys()
        self._spare: list[PrivateKey] = []
        self._network = network
        self._members: list[Member] = []
        self._authors: list[Member] = []
        self._named = 0
        self._number = 0
        self._size = 0
        self._beaten = time.monotonic()

    # --- the loop ---

    def serve(self) -> None:
        """Obey until standard input ends."""
        self._selector.register(0, selectors.EVENT_READ, None)
        waiting = b""
        while True:
            for key, _ in self._selector.select(0.5):
                if key.data is not None:
                    key.data.readable()
                    continue
                said = os.read(0, 65536)
                if not said:
                    return
                *lines, waiting = (waiting + said).split(b"\n")
                for line in lines:
                    self._obey(**json.loads(line))
            self._beat()

    def _obey(self, command: str, **arguments: Any) -> None:
        self._selector.unregister(0)
        try:
            answer = getattr(self, command)(**arguments)
        except Exception as error:  # noqa: BLE001 (whatever it is, the parent reports it)
            answer = {"error": f"{command}: {type(error).__name__}: {error}"}
        self._selector.register(0, selectors.EVENT_READ, None)
        print(json.dumps(answer or {}), flush=True)

    def _turn(self, timeout: float) -> bool:
        """Handle what is ready; whether there was something."""
        ready = self._selector.select(timeout)
        for key, _ in ready:
            key.data.readable()
        return bool(ready)

    def _wait(self, done: Callable[[], bool], patience: float = PATIENCE) -> None:
        deadline = time.monotonic() + patience
        while not done():
            self._turn(0.5)
            self._beat()
            if time.monotonic() > deadline:
                raise TimeoutError("what was sent did not arrive")

    def settle(self) -> None:
        """Wait until nothing is under way any more; where heartbeats never pause, not for ever."""
        deadline = time.monotonic() + SETTLE
        while self._turn(QUIET) and time.monotonic() < deadline:
            self._beat()

    def _beat(self) -> None:
        now = time.monotonic()
        if now - self._beaten < 0.25:
            return
        self._beaten = now
        for member in self._members:
            if now - member.spoke > HEARTBEAT:
                member.spoke = now
                member.send(wire.Alive())

    # --- joining ---

    def make_keys(self, count: int) -> None:
        """Have keys for this many more members, so that making them is not measured."""
        while len(self._spare) < count:
            self._spare.append(next(self._keys))

    def _dial(self, source: str, kind: Kind, on_joined: Callable[[Member], None]) -> None:
        self._named += 1
        key = self._spare.pop() if self._spare else next(self._keys)
        member = Member(key, f"m{self._network}x{self._named}", self._host, source, kind, on_joined)
        self._selector.register(member.socket, selectors.EVENT_READ, member)

    def join(self, members: int, authors: int = 0, openers: int = 0) -> dict[str, Any]:
        """Bring the room to this many members; the first are its authors, and then come those who open everything."""
        missing = members - len(self._members)
        self.make_keys(missing)
        kinds = [Kind.COUNTER] * members
        kinds[: authors + openers] = [Kind.AUTHOR] * authors + [Kind.OPENER] * openers
        kinds = kinds[len(self._members) : members][::-1]
        started = time.monotonic()

        def joined(member: Member) -> None:
            # Heartbeats are spread over their interval, as those of people who came at any time are.
            member.spoke = time.monotonic() - HEARTBEAT * (len(self._members) % 97) / 97
            self._members.append(member)
            if member.kind is Kind.AUTHOR:
                self._authors.append(member)
            if kinds:
                self._dial(member.source, kinds.pop(), joined)

        for source in self._sources * self._per_address:
            if kinds:
                self._dial(source, kinds.pop(), joined)
        # Each newcomer is told of all others and all others of each: the work grows with the square.
        self._wait(lambda: len(self._members) == members, PATIENCE + members / 10)
        seconds = time.monotonic() - started
        self.settle()
        return {"seconds": seconds}

    def churn(self, seconds: float, pairs: int) -> dict[str, Any]:
        """Join and leave again and again, on all addresses at once, each member with one of `pairs` keys."""
        self.make_keys(pairs)
        count, live = 0, len(self._sources) * self._per_address
        started, cpu = time.monotonic(), time.process_time()
        end = started + seconds
        ended = started

        def joined(member: Member) -> None:
            nonlocal count, live, ended
            self._selector.unregister(member.socket)
            member.close()
            self._spare.insert(0, member.key)
            count += 1
            ended = time.monotonic()
            if ended < end:
                self._dial(member.source, Kind.COUNTER, joined)
            else:
                live -= 1

        for source in self._sources * self._per_address:
            self._dial(source, Kind.COUNTER, joined)
        self._wait(lambda: live == 0, seconds + PATIENCE)
        return {"handshakes": count, "seconds": ended - started, "cpu": time.process_time() - cpu}

    # --- talking ---

    def prepare(self, posts: int) -> None:
        """Have this many posts signed and sealed, by all authors together."""
        share = -(-posts // len(self._authors))
        for author in self._authors:
            author.prepare(share, int(time.time() * 1000))
            self._turn(0)
            self._beat()

    def _start_counting(self) -> None:
        self.settle()
        post = self._authors[0].ready[0]
        posted = wire.Posted(post.conversation, post.key_id, post.sender, post.id, 1, post.sealed)
        self._size = len(codec.encode(posted))
        for member in self._members:
            member.start_counting(self._size)

    def deliver(self, in_flight: int, posts: int, seconds: float) -> dict[str, Any]:
        """Post with so many in flight, a post being in flight until all others have it; all authors take turns.

        Ends after `posts`, which must have been prepared, or after `seconds`."""
        self._start_counting()
        authors, members = self._authors, self._members
        missing = array("l", [len(members)]) * posts
        """How many have not got the post of this index. Everybody gets them in one order, the hub's: an author its own
        as an acknowledgement in that same order."""
        sent = complete = 0
        own = [0] * len(authors)
        started, cpu = time.monotonic(), time.process_time()
        end = started + seconds
        while complete < posts:
            free = min(in_flight - (sent - complete), posts - sent)
            if free > 0 and time.monotonic() >= end:
                posts = sent
                continue
            for index, author in enumerate(authors):
                # Each author in turn, so that all have posted alike; what one has to say now goes in one record.
                share = len(range((index - sent) % len(authors), free, len(authors)))
                if share:
                    author.post(share)
                    own[index] += share
            sent += free
            for key, _ in self._selector.select(5.0):
                member = key.data
                before = member.posts + member.acks
                member.readable()
                for index in range(before, member.posts + member.acks):
                    missing[index] -= 1
            while complete < sent and not missing[complete]:
                complete += 1
            self._beat()
            if time.monotonic() > end + PATIENCE:
                raise TimeoutError("posts were not delivered")
        return {
            "posts": posts,
            "deliveries": posts * (len(members) - 1),
            "seconds": time.monotonic() - started,
            "cpu": time.process_time() - cpu,
            "own": own,
        }

    def _payload(self, posts: int) -> int:
        """Bytes of the encoded messages of the next posts."""
        # MessagePack: a number takes one byte up to 127, two up to 255, and three up to 65,535.
        numbers = range(self._number + 1, self._number + posts + 1)
        self._number += posts
        if self._number >= _NUMBERS:
            raise OverflowError("too many posts for one host")
        return sum(self._size + (number > 0x7F) + (number > 0xFF) for number in numbers)

    def skip(self, posts: int) -> None:
        """Somebody else has posted so often: the conversation's numbers are further."""
        self._number += posts

    def check(self, posts: int, own: Sequence[int]) -> dict[str, Any]:
        """Look whether the delivery before this was complete; `posts` and `own` are from its answer.

        Nothing may be missing, nothing may come twice, and what the openers kept must be what the authors signed."""
        payload = self._payload(posts)
        keys_by_id = {author.key.public.id: author.key for author in self._authors}
        verified = 0
        for member in self._members:
            mine = own[self._authors.index(member)] if member.kind is Kind.AUTHOR else 0
            if member.posts != posts - mine:
                raise AssertionError(f"a member counted {member.posts} posts instead of {posts - mine}")
            if member.kind is Kind.AUTHOR:
                if member.acks != mine:
                    raise AssertionError(f"an author got {member.acks} acknowledgements for {mine} posts")
            elif member.payload != payload:
                raise AssertionError(f"a member got {member.payload} bytes instead of {payload}")
            if member.kind is Kind.OPENER:
                opened = member.verify(keys_by_id)
                if opened != posts:
                    raise AssertionError(f"{opened} posts of {posts} could be opened")
                verified += opened
        return {"verified": verified}

    def pace(self, rate: float, seconds: float) -> dict[str, Any]:
        """Post `rate` times a second by the clock; milliseconds from just before each is written to each receipt."""
        posts = int(rate * seconds)
        self.prepare(posts)
        self._start_counting()
        author, readers = self._authors[0], len(self._members) - len(self._authors)
        latencies = array("d")
        sent: list[float] = []
        started, cpu = time.monotonic(), time.process_time()
        while len(latencies) < posts * readers:
            now = time.monotonic()
            due = started + len(sent) / rate
            if len(sent) < posts and now >= due:
                sent.append(time.monotonic())
                author.post(1)
                continue
            for key, _ in self._selector.select(max(0.0, due - now) if len(sent) < posts else 5.0):
                member = key.data
                before = member.posts
                member.readable()
                now = time.monotonic()
                if member.kind is not Kind.AUTHOR:
                    latencies.extend(now - sent[index] for index in range(before, member.posts))
            self._beat()
            if now > started + seconds + PATIENCE:
                raise TimeoutError("posts were not delivered")
        elapsed, cpu = time.monotonic() - started, time.process_time() - cpu
        self.check(posts, [posts])
        ordered = sorted(latencies)
        return {
            "posts": posts,
            "deliveries": len(ordered),
            "p50": 1000 * ordered[len(ordered) // 2],
            "p99": 1000 * ordered[len(ordered) * 99 // 100],
            "max": 1000 * ordered[-1],
            "seconds": elapsed,
            "cpu": cpu,
        }

    def idle(self, seconds: float) -> dict[str, Any]:
        """Only heartbeats."""
        started, cpu = time.monotonic(), time.process_time()
        while (left := started + seconds - time.monotonic()) > 0:
            self._turn(min(left, 0.25))
            self._beat()
        return {"seconds": time.monotonic() - started, "cpu": time.process_time() - cpu}


def main(host: str, port: str, network: str) -> None:
    raise_file_limit()
    with suppress(KeyboardInterrupt):
        Driver((host, int(port)), int(network)).serve()


if __name__ == "__main__":
    main(*sys.argv[1:])
