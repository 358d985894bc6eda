"""Following the hub's numbers and the authors' own counts."""

import pytest
from msgspec.structs import replace

from usi.core.content import Body
from usi.core.thread import Thread, title_of

BOB = b"b" * 32


def body(n: int, run: bytes = b"r" * 8) -> Body:
    return Body("text", "…", "bob", 1_700_000_000_000, run, n)


@pytest.mark.parametrize(("number", "missing", "after"), [(8, 0, 8), (10, 2, 10), (7, -1, 7), (1, -7, 7)])
def test_the_hub_s_numbers(number: int, missing: int, after: int) -> None:
    thread = Thread(None, "general", 7)
    assert thread.follow(number) == missing
    assert thread.number == after


def test_an_author_s_counts() -> None:
    thread = Thread(None, "general")
    assert [thread.count(BOB, body(n)) for n in (5, 6, 9, 9, 2, 10)] == [0, 0, 2, -1, -8, 0]
    assert thread.count(BOB, body(1, b"s" * 8)) == 0, "another stay counts anew"


def test_of_who_is_fresh_everything_must_have_come() -> None:
    thread = Thread(None, "general", fresh={BOB})
    assert thread.count(BOB, body(3)) == 2
    assert Thread(None, "general").count(BOB, body(3)) == 0


def test_counts_that_the_host_did_not_take_are_not_missing() -> None:
    """Their author says so in the next post: what lies directly before it was heard by nobody."""
    thread = Thread(None, "general")
    assert thread.count(BOB, body(4)) == 0
    assert thread.count(BOB, replace(body(7), unsaid=2)) == 0
    assert thread.count(BOB, replace(body(10), unsaid=1)) == 1, "the rest is missing all the same"
    assert thread.count(BOB, replace(body(12), unsaid=5)) == 0, "a host that gave them to this reader hides nothing"
    assert thread.count(BOB, replace(body(12), unsaid=5)) < 0
    fresh = Thread(None, "general", fresh={BOB})
    assert fresh.count(BOB, replace(body(3), unsaid=2)) == 0


def test_who_comes_again_is_expected_anew() -> None:
    thread = Thread(None, "general")
    thread.expect([BOB])
    thread.unsigned[BOB] = 2
    assert thread.count(BOB, body(3)) == 0, "two were shown, unsigned"
    thread.unsigned[BOB] = 2
    thread.expect([BOB])
    assert thread.count(BOB, body(4)) == 0, "said before, and late"
    assert thread.count(BOB, body(3, b"s" * 8)) == 2
    assert thread.run != Thread(None, "general").run


def test_names_in_sentences() -> None:
    assert (title_of("general"), title_of("@bob")) == ("#general", "@bob")
    assert Thread(None, "general").title == "#general"
    assert not Thread(None, "general").sealable


def test_nobody_s_counts_are_forgotten_for_what_another_one_says() -> None:
    """Else whoever has the key makes room for a host that repeats."""
    thread = Thread(None, "general")
    assert thread.count(BOB, body(5)) == 0
    for number in range(20_000):
        assert thread.count(b"m" * 32, body(1, number.to_bytes(8, "big"))) == 0
    assert thread.count(BOB, body(5)) < 0
    assert sum(map(len, thread.heard.values())) < 100
