"""Both sides of a seat: what is counted, kept, confirmed, left out and said again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from usi.core import channel as channels
from usi.core import codec, wire
from usi.core.channel import CONFIRM_AFTER, Channel
from usi.core.errors import BadMessage


def posted(number: int, size: int = 272) -> bytes:
    return codec.encode(wire.Posted(b"c" * 16, b"k" * 32, b"m" * 32, b"i" * 15, number, bytes(size)))


def renamed(name: str = "alice") -> bytes:
    return codec.encode(wire.Renamed(b"m" * 32, name))


def test_what_is_confirmed_is_not_said_again() -> None:
    channel = Channel()
    said = [renamed(str(number)) for number in range(5)]
    for encoded in said:
        channel.note(encoded)
    assert channel.rest().messages == said
    channel.confirm(2)
    assert channel.rest().messages == said[2:]
    channel.confirm(2)
    channel.confirm(5)
    assert channel.rest() == ([], 0)
    assert channel.weight == 0


@pytest.mark.parametrize("count", [1, 4, 2**62])
def test_a_count_that_cannot_be_is_a_breach(count: int) -> None:
    channel = Channel()
    for number in range(3):
        channel.note(posted(number + 1))
    channel.confirm(2)
    assert not channel.can_confirm(count)
    with pytest.raises(BadMessage):
        channel.confirm(count)


def test_what_is_about_the_link_alone_is_not_counted() -> None:
    channel = Channel()
    assert channel.take(wire.Alive())
    assert channel.take(wire.Bye("left"))
    assert not channel.take(wire.Got(0))
    assert channel.taken == 0
    assert channel.word() is None
    assert channel.take(wire.Ack(b"i" * 15, 1))
    assert not channel.take(wire.Skipped(3))
    assert channel.word() == wire.Got(4)
    assert channel.word() is None


def test_it_is_time_to_confirm_after_so_many() -> None:
    channel = Channel()
    for number in range(CONFIRM_AFTER):
        assert not channel.due
        channel.take(wire.Ack(b"i" * 15, number + 1))
    assert channel.due
    channel.word()
    assert not channel.due


def test_beyond_its_limit_the_oldest_posts_are_left_out_and_nothing_else() -> None:
    channel = Channel(2_000)
    for number in range(1, 8):
        channel.note(posted(number))
        channel.note(renamed(str(number)))
    assert channel.weight <= 2_000
    assert not channel.overflown
    rest = channel.rest()
    names = [encoded for encoded in rest.messages if encoded.startswith(b"\x93\xa7renamed")]
    assert names == [renamed(str(number)) for number in range(1, 8)]
    numbers = [number for number in range(1, 8) if posted(number) in rest.messages]
    assert numbers == list(range(8 - len(numbers), 8)), "the newest are there"
    assert 0 < len(numbers) < 7
    assert rest.posts == 7
    other = Channel()
    for encoded in rest.messages:
        for message in codec.decode_from_host(b"\x91" + encoded):
            other.take(message)
    assert other.taken == 14, "the other side counts what was left out"
    channel.confirm(14)


def test_the_newest_post_of_each_conversation_stays() -> None:
    """Otherwise nobody would see that something is missing before somebody speaks again."""
    channel = Channel(2_000)
    rooms = [bytes((number,)) * 16 for number in range(2)]
    for number in range(1, 10):
        for room in rooms:
            channel.note(codec.encode(wire.Posted(room, b"k" * 32, b"m" * 32, b"i" * 15, number, bytes(272))))
    for number in range(60):
        channel.note(renamed(f"name-{number}"))
    left = [codec.decode_from_host(b"\x91" + each)[0] for each in channel.rest().messages if codec.is_posted(each)]
    assert {(post.conversation, post.number) for post in left} >= {(room, 9) for room in rooms}


def test_more_than_can_be_left_out_cannot_be_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    channel = Channel(100)
    for number in range(10):
        channel.note(renamed(f"name-{number}"))
    assert channel.overflown
    monkeypatch.setattr(channels, "MOST_KEPT", 5)
    channel = Channel(1_000)
    for number in range(6):
        channel.note(posted(number + 1))
    assert channel.overflown


def test_what_cannot_be_left_out_is_not_looked_through_again_and_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise a member who never confirms makes each message for it cost as much as all that are kept."""
    looked: list[int] = []
    leave_out = Channel._leave_out

    def counted(channel: Channel, target: int) -> None:
        looked.append(len(channel._kept))
        leave_out(channel, target)

    monkeypatch.setattr(Channel, "_leave_out", counted)
    channel = Channel(10_000)
    while channel.weight < 9_900:
        channel.note(renamed())
    for number in range(60):  # posts of which each pushes out the one before
        channel.note(posted(number + 1))
    assert len(looked) <= 60 * len(posted(1)) // 2_500 + 1
    assert not channel.overflown
    for _ in range(1_000):
        channel.note(renamed())
    assert len(looked) <= (60 * len(posted(1)) + 1_000 * len(renamed())) // 2_500 + 2
    assert channel.overflown


def test_what_cannot_be_counted_is_a_breach() -> None:
    channel = Channel()
    channel.take(wire.Skipped(2**63 - 1))
    with pytest.raises(BadMessage):
        channel.take(wire.Skipped(1))
    assert codec.encode(channel.word() or wire.Alive())


@given(st.data())
def test_every_message_comes_once_and_in_order_over_any_number_of_links(data: st.DataObject) -> None:
    """A sender, a receiver, and links that swallow any tail of what was sent, and any tail of the confirmations."""
    sender, receiver = Channel(), Channel()
    said: list[bytes] = []
    heard: list[bytes] = []
    flying: list[bytes] = []
    words: list[wire.Got] = []
    for step in data.draw(st.lists(st.sampled_from(["say", "hear", "confirm", "cut"]), max_size=60)):
        if step == "say":
            said.append(renamed(f"n{len(said)}"))
            sender.note(said[-1])
            flying.append(said[-1])
        elif step == "hear" and flying:
            encoded = flying.pop(0)
            assert receiver.take(codec.decode_from_host(b"\x91" + encoded)[0])
            heard.append(encoded)
            if data.draw(st.booleans()) and (word := receiver.word()):
                words.append(word)
        elif step == "confirm" and words:
            sender.take(words.pop(0))
        elif step == "cut":
            words.clear()
            sender.confirm(receiver.taken)  # what `resume` and `resumed` do
            flying = list(sender.rest().messages)
    heard += flying
    assert heard == said
