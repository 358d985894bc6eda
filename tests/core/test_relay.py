"""The hub's blind part: who may use a pair link or set a roster, and how much of each."""

from __future__ import annotations

import pytest

from usi.core import numbering, wire
from usi.core.errors import BadMessage
from usi.core.numbering import Logs
from usi.core.relay import NEW_PAIRS, OPEN_PAIRS, OPEN_TALKS, PAIR_SECONDS, Letter, Relay
from usi.core.session import HELLO_SIZE

SEATS = {bytes((n,)) * 32: n for n in range(1, 90)}
IDS = {link: member for member, link in SEATS.items()}
HELLO = b"USI3P".ljust(HELLO_SIZE, b"\0")


def pair(number: int) -> bytes:
    return number.to_bytes(16, "big")


class Place:
    def __init__(self) -> None:
        self.logs = Logs()
        self.now = 0.0
        self.relay = Relay(self.logs, lambda: self.now)

    def carry(self, link: int, to: int, number: int = 1, data: bytes = HELLO) -> list[Letter]:
        return self.relay.carry(link, IDS[link], wire.Pass(IDS[to], pair(number), data), SEATS.get)

    def gather(self, link: int, *members: int, conversation: bytes = b"c" * 16, key: int = 1) -> list[Letter]:
        roster = sorted(IDS[member] for member in members)
        message = wire.Gather(conversation, bytes((key,)) * 32, roster)
        return self.relay.gather(link, IDS[link], message, SEATS.get)

    def link(self, link: int, to: int, number: int = 1) -> None:
        """A pair link that both have used."""
        assert self.carry(link, to, number)
        assert self.carry(to, link, number, b"answer")


@pytest.fixture
def place() -> Place:
    return Place()


def test_pieces_go_to_the_other_until_the_end(place: Place) -> None:
    assert place.carry(1, 2) == [((2,), wire.Passed(IDS[1], pair(1), HELLO))]
    assert place.carry(2, 1, data=b"m2") == [((1,), wire.Passed(IDS[2], pair(1), b"m2"))]
    assert place.carry(1, 2, data=b"m3") == [((2,), wire.Passed(IDS[1], pair(1), b"m3"))]
    assert place.carry(2, 1, data=b"") == [((1,), wire.Passed(IDS[2], pair(1), b""))]
    assert place.carry(1, 2, data=b"too late") == place.carry(1, 2, data=b"") == []
    assert not place.relay._ways


@pytest.mark.parametrize("to", [1, 99])
def test_a_call_to_oneself_or_to_nobody_ends_at_once(place: Place, to: int) -> None:
    member = IDS.get(to, b"x" * 32)
    letters = place.relay.carry(1, IDS[1], wire.Pass(member, pair(1), HELLO), SEATS.get)
    assert letters == [((1,), wire.Passed(member, pair(1), b""))]


def test_a_pair_link_belongs_to_its_two(place: Place) -> None:
    place.link(1, 2)
    for link, to in ((3, 2), (3, 1), (1, 3)):
        assert place.carry(link, to, data=b"mine") == []
    assert place.carry(1, 2, data=b"ours")


def test_so_many_calls_in_a_minute(place: Place) -> None:
    for number in range(NEW_PAIRS):
        assert place.carry(1, 2, number)[0][0] == (2,)
    assert place.carry(1, 2, NEW_PAIRS)[0] == ((1,), wire.Passed(IDS[2], pair(NEW_PAIRS), b""))
    assert place.carry(3, 2, NEW_PAIRS)[0][0] == (2,), "of each member"
    place.relay.gone(1)  # coming back gives no new ones
    assert place.carry(1, 2, 50)[0][0] == (1,)
    place.now = PAIR_SECONDS
    assert place.carry(1, 2, 51)[0][0] == (2,)


def test_so_many_open_at_once(place: Place) -> None:
    for number in range(OPEN_PAIRS):
        place.now += PAIR_SECONDS
        assert place.carry(1, 2, number)[0][0] == (2,)
    place.now += PAIR_SECONDS
    assert place.carry(1, 2, OPEN_PAIRS)[0][0] == (1,)
    place.carry(2, 1, 5, b"")
    assert place.carry(1, 2, OPEN_PAIRS)[0][0] == (2,)


def test_only_who_has_answered_is_put_in(place: Place) -> None:
    place.link(1, 2, 1)
    place.link(3, 1, 2)  # it does not matter who has called
    place.carry(1, 4, 3)
    assert place.gather(1, 1, 2, 3, 4, 5) == [([1, 2, 3], wire.Gathered(b"c" * 16, b"\1" * 32, 0))]
    place.carry(1, 2, 1, b"")
    assert place.gather(1, 1, 2, 3, key=2) == [([1, 3], wire.Gathered(b"c" * 16, b"\2" * 32, 0))]


def test_only_its_opener_sets_the_roster_with_itself_in_it(place: Place) -> None:
    place.link(1, 2)
    place.gather(1, 1, 2)
    assert place.gather(2, 1, 2, key=2) == []
    assert place.relay.talks[b"c" * 16].key_id == b"\1" * 32
    with pytest.raises(BadMessage):
        place.gather(1, 2, 3)
    with pytest.raises(BadMessage):
        place.relay.gather(1, IDS[1], wire.Gather(b"d" * 16, b"k" * 32, [IDS[1], IDS[1]]), SEATS.get)


def test_so_many_conversations_of_one_opener(place: Place) -> None:
    place.link(1, 2)
    for number in range(OPEN_TALKS):
        place.gather(1, 1, 2, conversation=pair(number))
    with pytest.raises(BadMessage):
        place.gather(1, 1, 2, conversation=pair(OPEN_TALKS))
    place.relay.leave(1, pair(3))
    place.gather(1, 1, 2, conversation=pair(OPEN_TALKS))


def test_who_leaves_is_out_and_without_its_opener_there_is_none(place: Place) -> None:
    place.link(1, 2)
    place.gather(1, 1, 2)
    place.relay.leave(2, b"c" * 16)
    place.relay.leave(2, b"?" * 16)
    assert list(place.relay.talks[b"c" * 16].links) == [1]
    place.relay.gone(1)
    assert not place.relay.talks
    assert not place.relay._ways


def test_all_that_is_kept_stays_within_one_budget(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(numbering, "LOGS_BYTES", 10_000)
    place.link(1, 2)
    for number in range(3):
        place.gather(1, 1, 2, conversation=pair(number))

    def add(number: int, name: bytes) -> None:
        post = wire.Post(pair(number), b"k" * 32, IDS[1], name.ljust(15), bytes(1_000))
        place.logs.add(place.relay.talks[pair(number)], post)

    for count in range(8):
        add(0, b"a%d" % count)
    for count in range(8):
        add(1, b"b%d" % count)
    talks = place.relay.talks
    assert (len(talks[pair(0)].log), len(talks[pair(1)].log)) == (2, 8), "those of the one that is quiet go first"
    place.relay.leave(1, pair(1))
    for count in range(9):
        add(2, b"c%d" % count)
    assert sum(talk.log_bytes for talk in talks.values()) == 10_000 == place.logs.weight
