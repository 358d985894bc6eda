"""A member's pair links: who calls whom, what is answered, and how much of it."""

from __future__ import annotations

from collections import deque

import pytest

from usi.core import pair as pairing
from usi.core import wire
from usi.core.crypto import PrivateKey, random_bytes
from usi.core.errors import BadMessage, Left, PeerError, TooManyPairs
from usi.core.pair import Pair
from usi.core.pairs import ANSWERED, MOST_PAIRS, PATIENCE, Pairs
from usi.core.relay import NEW_PAIRS, PAIR_SECONDS
from usi.core.session import Role, Session

NOW = 1_700_000_000.0


class Owner:
    """Keeps what a member's pair links report."""

    def __init__(self, key: PrivateKey, *, ask: bool = False) -> None:
        self.id = key.public.id
        self.out: deque[wire.Pass] = deque()
        self.ready: list[bytes] = []
        self.asks: list[bytes] = []
        self.said: list[pairing.Message] = []
        self.ended: list[str] = []
        self.pairs = Pairs(key, self, self.out.append, ask=ask)  # type: ignore[arg-type]

    def pair_ready(self, pair: Pair) -> None:
        self.ready.append(pair.other)

    def pair_asks(self, pair: Pair) -> None:
        self.asks.append(pair.other)

    def pair_says(self, pair: Pair, message: pairing.Message) -> None:
        if message == pairing.Out(bytes(16)):
            raise BadMessage(why="nonsense")
        self.said.append(message)

    def pair_ended(self, pair: Pair, error: PeerError) -> None:
        self.ended.append(error.code)


class Two:
    def __init__(self, keys: dict[str, PrivateKey], *, ask: bool = False) -> None:
        self.alice = Owner(keys["alice"])
        self.bob = Owner(keys["bob"], ask=ask)
        self.now = NOW

    def move(self) -> None:
        """Until nothing is on its way."""
        while self.alice.out or self.bob.out:
            for giver, taker in ((self.alice, self.bob), (self.bob, self.alice)):
                while giver.out:
                    piece = giver.out.popleft()
                    taker.pairs.take(wire.Passed(giver.id, piece.pair, piece.data), self.now)

    def reach(self) -> Two:
        self.alice.pairs.reach(self.bob.id, self.now)
        self.move()
        return self


@pytest.fixture
def two(keys: dict[str, PrivateKey]) -> Two:
    return Two(keys)


def call(keys: dict[str, PrivateKey], who: str = "alice") -> bytes:
    return Session(Role.CLIENT, keys[who], tag=b"P").data_to_send()


def test_one_call_makes_it_ready_on_both_sides(two: Two) -> None:
    two.reach()
    assert two.alice.ready == [two.bob.id]
    assert two.bob.ready == [two.alice.id]
    two.alice.pairs.reach(two.bob.id, two.now)
    assert not two.alice.out, "there is one already"
    two.alice.pairs.say(two.bob.id, pairing.Out(b"c" * 16))
    two.move()
    assert two.bob.said == [pairing.Out(b"c" * 16)]


def test_of_two_calls_at_once_that_of_the_smaller_id_counts(two: Two) -> None:
    two.alice.pairs.reach(two.bob.id, two.now)
    two.bob.pairs.reach(two.alice.id, two.now)
    two.move()
    mine = {owner.id: owner.pairs.get(other.id) for owner, other in ((two.alice, two.bob), (two.bob, two.alice))}
    first, second = mine[min(mine)], mine[max(mine)]
    assert first is not None
    assert second is not None
    assert (first.mine, second.mine, first.id == second.id) == (True, False, True)
    assert first.proof == second.proof
    assert not two.alice.ended
    assert not two.bob.ended


def test_who_is_blocked_gets_a_refusal_and_costs_nothing(two: Two) -> None:
    two.bob.pairs.blocked.add(two.alice.id)
    two.reach()
    assert two.alice.ended == ["not-wanted"]
    assert two.bob.pairs.get(two.alice.id) is None
    assert not two.bob.ended


def test_who_asks_waits_for_its_person_without_end(keys: dict[str, PrivateKey]) -> None:
    two = Two(keys, ask=True).reach()
    assert two.bob.asks == [two.alice.id]
    assert two.alice.asks == [two.bob.id]
    for owner in (two.alice, two.bob):
        owner.pairs.tick(NOW + 1_000)
    two.bob.pairs.reach(two.alice.id, NOW + 1_000)
    two.move()
    assert two.alice.ready == [two.bob.id]


def test_nonsense_ends_this_one_and_the_other_is_told(two: Two) -> None:
    two.reach()
    two.alice.pairs.say(two.bob.id, pairing.Out(bytes(16)))
    two.move()
    assert (two.alice.ended, two.bob.ended) == (["bad-message"], ["bad-message"])
    assert two.alice.pairs.get(two.bob.id) is two.bob.pairs.get(two.alice.id) is None
    two.reach()  # and a new one can be made
    assert len(two.alice.ready) == 2


def test_a_new_call_of_one_who_has_forgotten_ends_the_old_one(two: Two, keys: dict[str, PrivateKey]) -> None:
    two.reach()
    two.alice.pairs.forget_all()
    two.reach()
    assert two.bob.ended == ["cut"]
    assert two.alice.ready == [two.bob.id, two.bob.id]


def test_a_new_call_takes_the_place_of_a_half_made_one(two: Two, keys: dict[str, PrivateKey]) -> None:
    """As when the other has come back, and its first call was for a seat that it had left."""
    two.bob.pairs.take(wire.Passed(two.alice.id, b"p" * 16, call(keys)), NOW)
    two.bob.out.clear()
    two.reach()
    assert not two.bob.ended
    assert two.bob.ready == [two.alice.id]


def test_who_leaves_takes_its_pair_link_along(two: Two) -> None:
    two.reach()
    two.bob.pairs.gone(two.alice.id, Left())
    two.bob.pairs.gone(two.alice.id, Left())
    assert two.bob.ended == ["left"]


def test_a_handshake_that_stops_is_given_up(two: Two, keys: dict[str, PrivateKey]) -> None:
    two.alice.pairs.reach(two.bob.id, NOW)
    two.bob.pairs.take(wire.Passed(two.alice.id, b"p" * 16, call(keys)), NOW)
    for owner in (two.alice, two.bob):
        owner.pairs.tick(NOW + PATIENCE)
        assert not owner.ended
        owner.pairs.tick(NOW + PATIENCE + 1)
        assert owner.ended == ["no-answer"]


def test_so_many_calls_of_one_s_own(two: Two) -> None:
    others = {bytes((n,)) * 32 for n in range(NEW_PAIRS + 1)}
    with pytest.raises(TooManyPairs):
        two.alice.pairs.check(others, NOW)
    for other in sorted(others)[:NEW_PAIRS]:
        two.alice.pairs.reach(other, NOW)
    with pytest.raises(TooManyPairs):
        two.alice.pairs.reach(two.bob.id, NOW)
    two.alice.pairs.reach(two.bob.id, NOW + PAIR_SECONDS)


def answers(owner: Owner) -> list[bool]:
    """Whether each piece sent was an m2, and no refusal or end."""
    return [len(piece.data) > 100 for piece in owner.out if piece.data]


def test_so_many_calls_of_one_caller_are_answered(two: Two, keys: dict[str, PrivateKey]) -> None:
    """A hub that does not count, or lies about who calls, cannot have more work done."""
    for _ in range(NEW_PAIRS + 2):
        two.bob.pairs.take(wire.Passed(two.alice.id, random_bytes(16), call(keys)), NOW)
    assert sum(answers(two.bob)) == NEW_PAIRS
    two.bob.out.clear()
    two.bob.pairs.take(wire.Passed(two.alice.id, random_bytes(16), call(keys)), NOW + PAIR_SECONDS)
    assert sum(answers(two.bob)) == 1


def test_so_many_calls_of_all_are_answered(two: Two, keys: dict[str, PrivateKey]) -> None:
    hello = call(keys)
    for number in range(ANSWERED + 5):
        two.bob.pairs.take(wire.Passed(number.to_bytes(32, "big"), random_bytes(16), hello), NOW)
    assert sum(answers(two.bob)) == ANSWERED


def test_so_many_are_open(two: Two, keys: dict[str, PrivateKey], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("usi.core.pairs.MOST_PAIRS", 3)
    assert MOST_PAIRS > 3
    for number in range(5):
        two.bob.pairs.take(wire.Passed(number.to_bytes(32, "big"), random_bytes(16), call(keys)), NOW)
    assert sum(answers(two.bob)) == 3


def test_what_belongs_to_no_pair_link_is_passed_over(two: Two) -> None:
    for data in (b"", b"x", bytes(2_000)):
        two.bob.pairs.take(wire.Passed(two.alice.id, b"?" * 16, data), NOW)
    assert not two.bob.out
    assert not two.bob.ended
    with pytest.raises(BadMessage):
        two.bob.pairs.take(wire.Passed(two.bob.id, b"?" * 16, b"x"), NOW)
