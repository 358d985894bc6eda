"""One pair link: the session of two members, and the few messages that cross it."""

from __future__ import annotations

import pytest

from usi.core import codec, wire
from usi.core import pair as pairing
from usi.core.crypto import PrivateKey
from usi.core.errors import BadHandshake, BadMessage, BadRecord, Cut, NotUsi, OutOfTurn, PeerError, Unwelcome
from usi.core.pair import Asking, Handed, Out, Pair, Ready, Want
from usi.core.session import Role, Session

IDS = [bytes(32), bytes((1,)) * 32]
EVERY: list[pairing.Message] = [
    Ready(), Asking(), Want(), Handed(b"c" * 16, True, IDS, b"s" * 32, True), Out(b"c" * 16), wire.Bye("left"),
]  # fmt: skip


class Two:
    """Alice calls bob. Nothing has crossed yet."""

    def __init__(self, keys: dict[str, PrivateKey], *, his: str = "bob") -> None:
        alice, bob = keys["alice"], keys[his]
        self.caller = Pair(b"p" * 16, alice, keys["bob"].public.id, mine=True, now=0.0)
        self.called = Pair(b"p" * 16, bob, alice.public.id, mine=False, now=0.0)

    def shake(self) -> Two:
        """The three messages of the handshake."""
        for giver, taker in ((self.caller, self.called), (self.called, self.caller), (self.caller, self.called)):
            assert taker.take(giver.data_to_send()) == []
        assert self.caller.keyed
        assert self.called.keyed
        return self

    def open(self) -> Two:
        self.shake()
        self.called.answer(ask=False)
        assert self.caller.take(self.called.data_to_send()) == [Ready()]
        return self


@pytest.fixture
def two(keys: dict[str, PrivateKey]) -> Two:
    return Two(keys)


@pytest.mark.parametrize("message", EVERY, ids=wire.tag_of)
def test_messages_round_trip(message: wire.Message) -> None:
    assert pairing.decode(b"\x91" + codec.encode(message)) == [message]


def test_nothing_else_crosses_it() -> None:
    assert {type(message) for message in EVERY} == set(pairing.Message.__args__)
    for other in (wire.Join("alice"), wire.Alive(), wire.Pass(IDS[0], bytes(16), b"")):
        with pytest.raises(BadMessage):
            pairing.decode(b"\x91" + codec.encode(other))
    for members in ([IDS[0]], [IDS[0]] * 33, [b"short", IDS[1]]):
        with pytest.raises(BadMessage):
            pairing.decode(b"\x91" + codec.encode(Handed(b"c" * 16, True, members, b"s" * 32, True)))


def test_both_prove_themselves_and_see_the_same_words(two: Two, keys: dict[str, PrivateKey]) -> None:
    two.open()
    assert two.caller.ready
    assert two.called.ready
    assert two.caller.proof == two.called.proof
    assert two.caller.peer == keys["bob"].public
    assert two.called.peer == keys["alice"].public


def test_messages_go_both_ways(two: Two) -> None:
    two.open()
    two.called.send(Want())
    two.called.send(Out(b"c" * 16))
    assert two.caller.take(two.called.data_to_send()) == [Want(), Out(b"c" * 16)]
    two.caller.send(EVERY[3])
    assert two.called.take(two.caller.data_to_send()) == [EVERY[3]]


def test_whoever_is_asked_first_may_take_it_later(two: Two) -> None:
    two.shake()
    two.called.answer(ask=True)
    assert two.caller.take(two.called.data_to_send()) == [Asking()]
    assert (two.caller.ready, two.caller.asking, two.called.asking) == (False, True, True)
    two.called.answer(ask=False)
    assert two.caller.take(two.called.data_to_send()) == [Ready()]
    assert (two.caller.ready, two.caller.asking, two.called.ready) == (True, False, True)


@pytest.mark.parametrize("message", [Asking(), Ready()], ids=wire.tag_of)
def test_it_is_taken_once_and_by_the_called(two: Two, message: wire.Message) -> None:
    two.open()
    two.called.send(message)
    with pytest.raises(OutOfTurn):
        two.caller.take(two.called.data_to_send())
    two.caller.send(message)
    with pytest.raises(OutOfTurn):
        two.called.take(two.caller.data_to_send())


def test_only_the_called_wishes_and_nothing_comes_before_it_is_taken(two: Two) -> None:
    two.shake()
    two.called.answer(ask=True)
    two.called.send(EVERY[3])
    with pytest.raises(OutOfTurn):
        two.caller.take(two.called.data_to_send())


def test_the_caller_does_not_wish(two: Two) -> None:
    two.open()
    two.caller.send(Want())
    with pytest.raises(BadMessage):
        two.called.take(two.caller.data_to_send())


@pytest.mark.parametrize("his", ["mallory", "host"])
def test_the_caller_does_not_answer_another_key(keys: dict[str, PrivateKey], his: str) -> None:
    two = Two(keys, his=his)
    two.called.take(two.caller.data_to_send())
    with pytest.raises(BadHandshake):
        two.caller.take(two.called.data_to_send())
    assert two.caller.data_to_send() == b"", "its own key has not left"
    assert not two.caller.keyed


def test_the_called_does_not_take_another_key(two: Two, keys: dict[str, PrivateKey]) -> None:
    ghost = Session(Role.CLIENT, keys["mallory"], tag=b"P")
    two.called.take(ghost.data_to_send())
    ghost.receive_data(two.called.data_to_send())
    with pytest.raises(BadHandshake):
        two.called.take(ghost.data_to_send())
    assert not two.called.keyed


def test_a_link_s_handshake_is_none(two: Two, keys: dict[str, PrivateKey]) -> None:
    """The host cannot use what a member says to it, as if the member had said it to another."""
    with pytest.raises(NotUsi):
        two.called.take(Session(Role.CLIENT, keys["alice"]).data_to_send())


def test_how_it_ends(two: Two) -> None:
    with pytest.raises(Cut):
        two.caller.take(b"")
    assert two.caller.end(Cut()).startswith(b"USI3P")  # nobody has got it yet


def test_a_refusal_before_there_are_keys(two: Two) -> None:
    two.called.take(two.caller.data_to_send())
    two.called.data_to_send()
    assert two.caller.take(two.called.end(Unwelcome())) == []
    with pytest.raises(Unwelcome):
        two.caller.take(b"")


@pytest.mark.parametrize("ends", ["caller", "called"])
def test_a_goodbye_when_there_are_keys(two: Two, ends: str) -> None:
    two.open()
    one, other = (two.caller, two.called) if ends == "caller" else (two.called, two.caller)
    assert other.take(one.end(Unwelcome())) == [wire.Bye("not-wanted")]
    assert not one.keyed
    assert other.take(b"") == []


def test_any_changed_byte_ends_it(two: Two) -> None:
    two.open()
    two.caller.send(EVERY[3])
    data = two.caller.data_to_send()
    with pytest.raises(BadRecord):
        two.called.take(data[:-1] + bytes((data[-1] ^ 1,)))


def test_pieces_may_be_cut_anywhere(keys: dict[str, PrivateKey]) -> None:
    two = Two(keys)
    for giver, taker in ((two.caller, two.called), (two.called, two.caller), (two.caller, two.called)):
        for byte in giver.data_to_send():
            assert taker.take(bytes((byte,))) == []
    two.called.answer(ask=False)
    two.called.send(Want())
    taken = [message for byte in two.called.data_to_send() for message in two.caller.take(bytes((byte,)))]
    assert taken == [Ready(), Want()]


@pytest.mark.parametrize("garbage", [b"GET / HTTP/1.1\r\n".ljust(38), b"USI3C".ljust(38), b"USI3P\x01".ljust(38)])
def test_garbage_is_refused(two: Two, garbage: bytes) -> None:
    with pytest.raises(PeerError):
        two.called.take(garbage)
    assert two.called.end(NotUsi()).startswith(b"USI3R")


def test_what_is_printed_of_a_key_that_is_handed_out_is_not_the_key() -> None:
    assert "ssss" not in repr(Handed(b"c" * 16, True, IDS, b"s" * 32, True))
