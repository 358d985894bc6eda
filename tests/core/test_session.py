"""The link: what two sessions agree on, and everything that somebody in between could do to them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from usi.core import codec, crypto, session, wire
from usi.core.crypto import CryptoError, KemKeys, Ocb, PrivateKey, PublicKey, derive, digest
from usi.core.errors import (
    REFUSALS,
    BadHandshake,
    BadMessage,
    BadRecord,
    Cut,
    KeyNeeded,
    KeyNotWanted,
    LocalError,
    NotUsi,
    OutOfTurn,
    PeerError,
    TooLong,
    UnexpectedKey,
    WrongKey,
)
from usi.core.session import BY_CLIENT, BY_HOST, TRANSITIONS, Role, Session, State, Step
from usi.core.trace import Secret, Trace, one_line, plain_detail
from usi.core.words import WORDS

PRESET, OTHER_PRESET = bytes(range(32)), bytes(range(1, 33))
CLAIM = wire.Claim("amber", bytes(65))
POST = wire.Post(b"c" * 16, b"k" * 32, b"i" * 32, b"p" * 15, bytes(272))
Talks = Callable[..., Any]
"""`talk(…)` of the conftest, which makes a pair of sessions."""

# The fields of the three messages, in order, with their sizes.
M1 = {"magic": 4, "tag": 1, "flag": 1, "commitment": 32}
M2 = {"host nonce": 32, "n_h": 256, "ek": 1184, "x25519": 32}
M3 = {"enc mlkem": 1088, "enc x25519": 32, "client nonce": 32, "n_c": 256, "oaep": 256, "sig": 256, "tag": 16}


def flipped(data: bytes, position: int, mask: int = 1) -> bytes:
    return data[:position] + bytes((data[position] ^ mask,)) + data[position + 1 :]


def hear(listener: Session, chunks: Iterable[bytes]) -> tuple[list[wire.Message], type[PeerError] | None]:
    """What a session makes of these bytes: its messages, and the error that ended it."""
    heard: list[wire.Message] = []
    try:
        for chunk in chunks:
            heard += listener.receive_data(chunk)
        heard += listener.receive_data(b"")  # an error behind good messages may be told one call later
    except PeerError as error:
        return heard, type(error)
    return heard, None


def bytewise(data: bytes) -> list[bytes]:
    return [data[i : i + 1] for i in range(len(data))]


def end_of(listener: Session) -> type[PeerError] | None:
    try:
        listener.receive_eof()
    except PeerError as error:
        return type(error)
    return None


# --- what they agree on ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("preset", [None, PRESET[:16], PRESET[:24], PRESET])
def test_the_handshake(talk: Talks, keys: dict[str, PrivateKey], preset: bytes | None) -> None:
    pair = talk(preset=preset).shake()
    client, host = pair.client, pair.host
    assert (len(pair.m1), len(pair.m2), len(pair.m3)) == (38, 1504, 1936)
    assert client.state is host.state is State.KEYED
    assert client.peer == keys["host"].public
    assert host.peer == keys["alice"].public
    assert client.words == host.words
    assert len(client.words) == 4
    assert set(client.words) <= set(WORDS)
    assert client.exporter == host.exporter
    assert len(client.exporter) == 32
    expected = crypto.sha256(preset or keys["alice"].public.der + keys["host"].public.der)
    assert client.fingerprint == host.fingerprint == expected
    assert host.receive_data(pair.client_says(pair.JOIN)) == [pair.JOIN]
    assert client.receive_data(pair.host_says(pair.welcome)) == [pair.welcome]
    assert client.state is host.state is State.OPEN


def test_the_sizes_are_those_of_the_protocol() -> None:
    assert (session.HELLO_SIZE, session.OFFER_SIZE, session.ANSWER_SIZE) == (38, 1504, 1936)
    assert (sum(M1.values()), sum(M2.values()), sum(M3.values())) == (38, 1504, 1936)


def test_the_first_bytes_say_what_they_are(talk: Talks) -> None:
    assert talk().hello().m1[:6] == b"USI3C\0"
    assert talk(preset=PRESET).hello().m1[:6] == b"USI3C\1"


def test_the_clients_key_and_nonce_do_not_cross_in_clear(talk: Talks, keys: dict[str, PrivateKey]) -> None:
    drawn: list[bytes] = []
    pair = talk()
    pair.client = Session(Role.CLIENT, keys["alice"], random=lambda size: drawn.append(bytes([7] * size)) or drawn[-1])
    pair.shake()
    crossed = pair.m1 + pair.m2 + pair.m3
    assert keys["host"].public.modulus in crossed
    for secret in (keys["alice"].public.modulus, keys["alice"].public.id, *drawn):
        assert secret not in crossed


def test_only_nonces_secrets_and_seeds_are_drawn(talk: Talks, keys: dict[str, PrivateKey]) -> None:
    sizes: dict[Role, list[int]] = {Role.CLIENT: [], Role.HOST: []}

    def draw(role: Role, size: int) -> bytes:
        sizes[role].append(size)
        return crypto.random_bytes(size)

    pair = talk()
    pair.client = Session(Role.CLIENT, keys["alice"], random=lambda size: draw(Role.CLIENT, size))
    pair.host = Session(Role.HOST, keys["host"], random=lambda size: draw(Role.HOST, size))
    pair.shake()
    assert sizes == {Role.CLIENT: [32, 32], Role.HOST: [96, 32]}


def test_every_link_has_keys_of_its_own(talk: Talks) -> None:
    one, other = talk().shake(), talk().shake()
    assert one.client.fingerprint == other.client.fingerprint, "the same two keys"
    assert one.client.words != other.client.words
    assert one.client.exporter != other.client.exporter
    assert one.client_says(one.JOIN) != other.client_says(other.JOIN)
    assert not {one.m1, one.m2, one.m3} & {other.m1, other.m2, other.m3}


def test_each_direction_has_a_key_of_its_own(talk: Talks) -> None:
    pair = talk().open()
    assert pair.client_says(wire.Alive()) != pair.host_says(wire.Alive())


def test_no_two_records_are_equal(talk: Talks) -> None:
    pair = talk().open()
    records = [say(wire.Alive()) for say in (pair.client_says, pair.host_says) for _ in range(20)]
    assert len(set(records)) == 40


def test_nothing_readable_crosses(talk: Talks) -> None:
    pair = talk().shake()
    crossed = pair.client_says(wire.Join("readable")) + pair.host_says(pair.welcome)
    for readable in (b"readable", b"general", b"join", b"welcome", b"host"):
        assert readable not in crossed


def test_many_messages_are_one_record(talk: Talks) -> None:
    pair = talk().open()
    acks = [wire.Ack(bytes(15), number) for number in range(1, 601)]
    data = pair.host_says(*acks)
    assert pair.host.records_out == 1 + 3
    assert pair.client.receive_data(data) == acks
    assert pair.client.records_in == pair.host.records_out


def test_messages_encoded_once_can_go_to_many(talk: Talks) -> None:
    encoded = codec.encode(wire.Joined(bytes(16), [wire.MemberInfo(bytes(32), "bob")]))
    for pair in (talk().open(), talk(client="carol").open()):
        pair.host.send_encoded([encoded, encoded])
        assert len(pair.client.receive_data(pair.host.data_to_send())) == 2


def test_data_to_send_is_given_once(talk: Talks) -> None:
    pair = talk()
    assert len(pair.client.data_to_send()) == 38
    assert pair.client.data_to_send() == b""


def test_sending_nothing_sends_nothing(talk: Talks) -> None:
    pair = talk().open()
    pair.host.send([])
    assert pair.host.data_to_send() == b""
    assert pair.host.records_out == 1


# --- preset keys ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("preset", "host_preset", "error"),
    [(None, PRESET, KeyNeeded), (PRESET, None, KeyNotWanted), (PRESET[:16], None, KeyNotWanted)],
)
def test_a_preset_key_on_one_side_only(
    talk: Talks, preset: bytes | None, host_preset: bytes | None, error: type[PeerError]
) -> None:
    pair = talk(preset=preset, host_preset=host_preset)
    with pytest.raises(error):
        pair.host.receive_data(pair.client.data_to_send())
    assert pair.host.data_to_send() == b"", "not even the host's key is told"
    assert not pair.host.keyed


class SpyKey(PrivateKey):
    """Notes each use of the private half."""

    def __init__(self, key: PrivateKey) -> None:
        super().__init__(key._key)
        self.used: list[str] = []

    def sign(self, message: bytes) -> bytes:
        self.used.append("sign")
        return super().sign(message)

    def decrypt(self, sealed: bytes, label: bytes) -> bytes:
        self.used.append("decrypt")
        return super().decrypt(sealed, label)


@pytest.mark.parametrize("given_key", [OTHER_PRESET, PRESET[:16], PRESET[:-1] + b"\0", PRESET])
def test_a_wrong_preset_key_costs_the_host_no_rsa(
    talk: Talks, keys: dict[str, PrivateKey], monkeypatch: pytest.MonkeyPatch, given_key: bytes
) -> None:
    verified: list[bytes] = []
    verify = PublicKey.verify
    monkeypatch.setattr(
        PublicKey, "verify", lambda key, message, signature: verified.append(message) or verify(key, message, signature)
    )
    spy = SpyKey(keys["host"])
    pair = talk(preset=given_key, host_preset=PRESET)
    pair.host = Session(Role.HOST, spy, PRESET)
    pair.offer()
    if given_key == PRESET:  # the spies see what there is to see
        assert pair.host.receive_data(pair.m3) == []
        assert spy.used == ["decrypt"]
        assert len(verified) == 1
        return
    with pytest.raises(WrongKey):
        pair.host.receive_data(pair.m3)
    assert spy.used == []
    assert verified == []
    assert not pair.host.keyed


@pytest.mark.parametrize("change", ["commitment", "signature"])
def test_a_stranger_costs_the_host_no_private_rsa(talk: Talks, keys: dict[str, PrivateKey], change: str) -> None:
    """OAEP comes last: only for one who has shown that the key is its own."""
    spy = SpyKey(keys["host"])
    pair = talk()
    pair.host = Session(Role.HOST, spy)
    if change == "commitment":
        pair.hello()
        pair.client._client_nonce = bytes(32)
    else:
        pair.hello()
        pair.client._key = LyingKey(keys["alice"], keys["mallory"])
    pair.client.receive_data(pair.m2)
    with pytest.raises(BadHandshake):
        pair.host.receive_data(pair.client.data_to_send())
    assert spy.used == []


class LyingKey(PrivateKey):
    """Shows one key and signs with another."""

    def __init__(self, shown: PrivateKey, used: PrivateKey) -> None:
        super().__init__(used._key)
        self.public = shown.public


def test_a_preset_key_keeps_a_middle_out_altogether(talk: Talks) -> None:
    """Mallory runs a session with each side, but has no preset key to mix in."""
    with_alice = talk(host="mallory", preset=PRESET, host_preset=OTHER_PRESET).offer()
    with pytest.raises(WrongKey):
        with_alice.host.receive_data(with_alice.m3)
    with_host = talk(client="mallory", preset=OTHER_PRESET, host_preset=PRESET).offer()
    with pytest.raises(WrongKey):
        with_host.host.receive_data(with_host.m3)


# --- the table ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("step", Step)
def test_the_table(keys: dict[str, PrivateKey], role: Role, state: State, step: Step) -> None:
    """Every state and step: listed, it leads where the table says; unlisted, it is an error of whoever did it."""
    walker = Session(role, keys["alice"])
    walker.state = state
    mine = step in (BY_CLIENT if role is Role.CLIENT else BY_HOST)
    if (state, step) in TRANSITIONS:
        walker._step(step)
        assert walker.state is TRANSITIONS[state, step]
        return
    expected: tuple[type[Exception], ...] = (LocalError,) if mine else (OutOfTurn,)
    if step is Step.BYE:
        expected = (LocalError, OutOfTurn)  # both sides say it: the next tests look at each
    with pytest.raises(expected):
        walker._step(step)
    assert walker.state is state


def test_the_table_is_whole() -> None:
    assert set(BY_CLIENT | BY_HOST) == set(Step)
    assert {Step.BYE} == BY_CLIENT & BY_HOST
    assert {state for state, _ in TRANSITIONS} | set(TRANSITIONS.values()) == set(State)
    assert not [step for state, step in TRANSITIONS if state is State.CLOSED], "nothing comes after the end"


def in_state(talk: Talks, role: Role, state: State) -> tuple[Any, Session]:
    """A pair of which this side is in this state, and that side."""
    pair = talk()
    match role, state:
        case (Role.CLIENT, State.HELLO):
            pair.hello()
        case (Role.CLIENT, State.KEYED):
            pair.offer()
        case (Role.HOST, State.OFFERED):
            pair.offer()
        case (Role.HOST, State.KEYED):
            pair.shake()
        case (_, State.OPEN):
            pair.open()
        case (_, State.CLOSED):
            pair.open()
            side, say = (pair.client, pair.client_says) if role is Role.CLIENT else (pair.host, pair.host_says)
            say(wire.Bye("left"))
            assert side.state is State.CLOSED
        case (Role.HOST, State.START):
            pass
        case _:
            raise AssertionError("a session passes through this state without resting in it")
    side = pair.client if role is Role.CLIENT else pair.host
    assert side.state is state
    return pair, side


RESTING = [
    (Role.CLIENT, State.HELLO),
    (Role.CLIENT, State.KEYED),
    (Role.CLIENT, State.OPEN),
    (Role.CLIENT, State.CLOSED),
    (Role.HOST, State.START),
    (Role.HOST, State.OFFERED),
    (Role.HOST, State.KEYED),
    (Role.HOST, State.OPEN),
    (Role.HOST, State.CLOSED),
]
resting = pytest.mark.parametrize(("role", "state"), RESTING, ids=lambda value: value.name.lower())


@resting
@pytest.mark.parametrize("message", [wire.Alive(), wire.Bye("left"), POST], ids=wire.tag_of)
def test_speaking_out_of_turn_is_our_own_fault(talk: Talks, role: Role, state: State, message: wire.Message) -> None:
    _, side = in_state(talk, role, state)
    side.data_to_send()
    says_goodbye = isinstance(message, wire.Bye)
    may = state is State.OPEN or (state is State.KEYED and (role is Role.HOST or says_goodbye))
    if may:
        side.send([message])
        assert side.data_to_send()
        assert side.state is (State.CLOSED if says_goodbye else State.OPEN)
    else:
        with pytest.raises(LocalError):
            side.send([message])
        assert side.data_to_send() == b""
        assert side.state is state


def test_a_client_sends_nothing_but_one_join_before_the_host_speaks(talk: Talks) -> None:
    early = ([POST], [wire.Alive()], [wire.Prove(None)], [wire.Ask(bytes(65))])
    for wrong in (*early, [wire.Join("a"), wire.Join("b")], [wire.Join("a"), POST], [CLAIM, wire.Join("a")]):
        pair = talk().shake()
        with pytest.raises(LocalError):
            pair.client.send(wrong)
        assert pair.client.data_to_send() == b""
        pair.client_says(pair.JOIN)
        with pytest.raises(LocalError):
            pair.client.send([pair.JOIN])
        assert pair.client.data_to_send() == b""


@pytest.mark.parametrize(
    "said",
    [
        pytest.param([POST], id="a post"),
        pytest.param([wire.Alive()], id="a sign of life"),
        pytest.param([wire.GetKey(bytes(32))], id="a question"),
        pytest.param([wire.Join("alice"), POST], id="more behind it"),
        pytest.param([POST, wire.Join("alice")], id="something before it"),
        pytest.param([wire.Join("alice"), wire.Join("alice")], id="twice at once"),
        pytest.param([CLAIM, wire.Join("alice")], id="a claim before it"),
        pytest.param([wire.Prove(None)], id="a proof of nothing"),
    ],
)
def test_a_client_that_does_not_begin_with_join(talk: Talks, said: list[wire.Message]) -> None:
    pair = talk().shake()
    record = pair.sealed(Role.CLIENT, codec.pack([codec.encode(message) for message in said])[0])
    assert hear(pair.host, [record]) == ([], OutOfTurn)
    assert pair.client.receive_data(pair.host_says(wire.Bye(OutOfTurn.code))) == [wire.Bye("out-of-turn")]


def test_a_claim_may_come_in_place_of_the_join_and_nothing_with_it(talk: Talks) -> None:
    pair = talk()
    pair.shake()
    assert pair.host.receive_data(pair.client_says(CLAIM)) == [CLAIM]
    assert (pair.client.state, pair.host.state) == (State.KEYED, State.KEYED)
    for more in (CLAIM, pair.JOIN):
        with pytest.raises(LocalError):
            pair.client.send([more])
    challenge = wire.Challenge(bytes(65), bytes(32))
    assert pair.client.receive_data(pair.host_says(challenge)) == [challenge]
    assert (pair.client.state, pair.host.state) == (State.OPEN, State.OPEN)
    assert pair.host.receive_data(pair.client_says(pair.JOIN)) == [pair.JOIN]


def test_a_judge_may_stop_the_client_before_it_answers(keys: dict[str, PrivateKey]) -> None:
    """It has sent a commitment then, and sends nothing more."""
    judged: list[PublicKey] = []

    def judge(key: PublicKey) -> None:
        judged.append(key)
        raise UnexpectedKey

    client, host = Session(Role.CLIENT, keys["alice"], judge=judge), Session(Role.HOST, keys["host"])
    host.receive_data(client.data_to_send())
    with pytest.raises(UnexpectedKey):
        client.receive_data(host.data_to_send())
    assert judged == [keys["host"].public]
    assert client.data_to_send() == b""
    assert not client.has_keys


@pytest.mark.parametrize("second", [wire.Join("bob"), POST], ids=wire.tag_of)
def test_a_client_that_does_not_wait_for_the_host(talk: Talks, second: wire.Message) -> None:
    pair = talk().shake()
    join = pair.client_says(pair.JOIN)
    more = pair.sealed(Role.CLIENT, b"\x91" + codec.encode(second))
    assert hear(pair.host, [join, more]) == ([pair.JOIN], OutOfTurn)


@pytest.mark.parametrize("role", Role)
def test_messages_of_the_wrong_side(talk: Talks, role: Role) -> None:
    pair = talk().open()
    if role is Role.CLIENT:
        assert hear(pair.host, [pair.sealed(role, b"\x91" + codec.encode(pair.welcome))]) == ([], BadMessage)
    else:
        assert hear(pair.client, [pair.sealed(role, b"\x91" + codec.encode(POST))]) == ([], BadMessage)


# --- the first bytes ------------------------------------------------------------------------------------------------

FOREIGN = {
    "http": b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "ssh": b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n",
    "tls": bytes.fromhex("16030102000100 01fc0303") + bytes(500),
    "irc": b"NICK alice\r\nUSER alice 0 * :alice\r\n",
    "zeros": bytes(2000),
    "an older version": b"USI2C" + bytes(100),
    "another kind of link": b"USI3P" + bytes(100),
    "a refusal": b"USI3R\x01",
    "a data connection": b"USI3D" + bytes(32),
    "nearly": b"USI3\0\0",
    "lower case": b"usi3C\0" + bytes(32),
}


@pytest.mark.parametrize("what", FOREIGN)
def test_a_host_drops_foreign_bytes_as_soon_as_it_can(talk: Talks, what: str) -> None:
    foreign = FOREIGN[what]
    assert hear(talk().host, [foreign]) == ([], NotUsi)
    host = talk().host
    same = next(i for i in range(5) if foreign[: i + 1] != b"USI3C"[: i + 1])
    assert hear(host, bytewise(foreign[:same])) == ([], None), "so far it could be USI"
    assert hear(host, [foreign[same : same + 1]]) == ([], NotUsi)
    assert host.data_to_send() == b""


@pytest.mark.parametrize("flag", [2, 0x30, 0xFF])
def test_a_flag_that_is_neither_yes_nor_no(talk: Talks, flag: int) -> None:
    assert hear(talk().host, [b"USI3C" + bytes((flag,)) + bytes(32)]) == ([], NotUsi)


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n", id="http"),
        pytest.param(b"SSH-2.0-OpenSSH_9.2p1\r\nInvalid SSH identification string.\r\n", id="ssh"),
        pytest.param(b"\x15\x03\x01\x00\x02\x02\x46", id="tls"),
        pytest.param(b"USI3R", id="a part of a refusal"),
        pytest.param(b"USI3R\x01\x01", id="more than a refusal"),
        pytest.param(bytes(1503), id="a part of an offer"),
    ],
)
def test_a_client_is_told_that_nobody_speaks_usi_there(talk: Talks, answer: bytes) -> None:
    for chunks in ([answer], bytewise(answer)):
        client = talk().client
        assert hear(client, chunks) == ([], None), "it may still become an offer"
        assert end_of(client) is NotUsi


@pytest.mark.parametrize("answer", [b"HTTP/1.1 400 Bad Request\r\n" * 80, bytes(1504), b"\xff" * 1503 + b"\xfe"])
def test_a_long_foreign_answer(talk: Talks, answer: bytes) -> None:
    for chunks in ([answer], bytewise(answer)):
        assert hear(talk().client, chunks)[1] in (NotUsi, BadHandshake)


def test_a_mirror_is_no_host(talk: Talks, keys: dict[str, PrivateKey]) -> None:
    """Bytes that come back, and a host that offers our own key."""
    pair = talk()
    echo = pair.client.data_to_send()
    assert hear(pair.client, [echo]) == ([], None)
    assert end_of(pair.client) is NotUsi
    forever = talk().client
    assert hear(forever, [forever.data_to_send() * 50])[1] in (NotUsi, BadHandshake)
    own = talk(host="alice").hello()
    assert hear(own.client, [own.m2]) == ([], BadHandshake)
    assert own.client.data_to_send() == b""


class Unlike(PublicKey):
    """A key that does not know itself again in a mirror."""

    __hash__ = PublicKey.__hash__

    def __eq__(self, other: object) -> bool:
        return False


def test_a_host_refuses_its_own_key_in_a_guest(talk: Talks, keys: dict[str, PrivateKey]) -> None:
    """Two programs with the same identity: the guest would be taken for the host's own person."""
    shameless = PrivateKey(keys["host"]._key)
    shameless.public = Unlike(shameless.public.modulus)
    pair = talk()
    pair.client = Session(Role.CLIENT, shameless)
    pair.offer()
    assert hear(pair.host, [pair.m3]) == ([], BadHandshake)
    assert not pair.host.keyed


def test_the_kind_of_link_counts(keys: dict[str, PrivateKey]) -> None:
    private = Session(Role.CLIENT, keys["alice"], tag=b"P")
    hello = private.data_to_send()
    assert hello[:5] == b"USI3P"
    assert hear(Session(Role.HOST, keys["host"], tag=b"P"), [hello]) == ([], None)
    assert hear(Session(Role.HOST, keys["host"]), [hello]) == ([], NotUsi)


# --- somebody in between: the handshake -----------------------------------------------------------------------------


def converse(pair: Any, alter: Callable[[str, bytes], bytes]) -> tuple[list[wire.Message], type[PeerError] | None]:
    """A whole conversation over a wire on which `alter` sits; what was heard, and the error that ended it."""
    heard: list[wire.Message] = []
    try:
        pair.host.receive_data(alter("m1", pair.client.data_to_send()))
        pair.client.receive_data(alter("m2", pair.host.data_to_send()))
        pair.host.receive_data(alter("m3", pair.client.data_to_send()))
        heard += pair.host.receive_data(pair.client_says(pair.JOIN))
        heard += pair.client.receive_data(pair.host_says(pair.welcome))
    except PeerError as error:
        return heard, type(error)
    return heard, None


def positions(fields: dict[str, int]) -> Iterable[tuple[str, int]]:
    """The first, a middle and the last byte of each field."""
    start = 0
    for field, size in fields.items():
        for offset in sorted({0, size // 2, size - 1}):
            yield field, start + offset
        start += size


FLIPS = [
    pytest.param(name, position, mask, field, id=f"{name}-{field}-{position}-{mask:02x}".replace(" ", "-"))
    for name, fields in (("m1", M1), ("m2", M2), ("m3", M3))
    for field, position in positions(fields)
    for mask in (0x01, 0x80)
]


def test_an_untouched_conversation_is_heard(talk: Talks) -> None:
    pair = talk()
    assert converse(pair, lambda name, data: data) == ([pair.JOIN, pair.welcome], None)


@pytest.mark.parametrize(("name", "position", "mask", "field"), FLIPS)
def test_a_flipped_bit_ends_the_handshake(talk: Talks, name: str, position: int, mask: int, field: str) -> None:
    pair = talk()
    heard, error = converse(pair, lambda what, data: flipped(data, position, mask) if what == name else data)
    assert heard == []
    match name, field:
        case ("m1", "magic" | "tag"):
            assert error is NotUsi
        case ("m1", "flag"):
            assert error is (KeyNotWanted if mask == 1 else NotUsi)
        case ("m2", "n_h"):
            # Even or too short is no modulus; any other number is a key that the host does not have.
            assert error is (NotUsi if (position, mask) in ((32, 0x80), (287, 0x01)) else BadHandshake)
        case _:
            assert error is BadHandshake
    assert not pair.host.keyed, "the host has no keys with a client that heard or said something else"


@pytest.mark.parametrize("position", [6, 40, 300, 600, 1500, 1100, 1930])
def test_with_a_preset_key_flips_look_like_a_wrong_one(talk: Talks, position: int) -> None:
    """The host cannot tell the two apart; both are status 4, and nothing was exchanged."""
    name = "m1" if position < 38 else "m3"
    heard, error = converse(
        talk(preset=PRESET), lambda what, data: flipped(data, position % len(data)) if what == name else data
    )
    assert (heard, error) == ([], WrongKey)


@given(st.sampled_from(["m1", "m2", "m3"]), st.integers(0, 1935), st.integers(1, 255))
@settings(max_examples=60)
def test_any_changed_byte_ends_the_handshake(talk: Talks, name: str, position: int, mask: int) -> None:
    def alter(what: str, data: bytes) -> bytes:
        return flipped(data, position % len(data), mask) if what == name else data

    heard, error = converse(talk(), alter)
    assert heard == []
    assert error in (NotUsi, BadHandshake, KeyNotWanted)


@pytest.mark.parametrize("name", ["m1", "m2", "m3"])
@pytest.mark.parametrize("cut", [1, 20])
def test_a_cut_handshake(talk: Talks, name: str, cut: int) -> None:
    pair = talk()
    if name == "m1":
        assert hear(pair.host, [pair.client.data_to_send()[:-cut]]) == ([], None)
        assert end_of(pair.host) is Cut
    elif name == "m2":
        pair.hello()
        assert hear(pair.client, [pair.m2[:-cut]]) == ([], None)
        assert end_of(pair.client) is NotUsi
    else:
        pair.offer()
        assert hear(pair.host, [pair.m3[:-cut]]) == ([], None)
        assert not pair.host.keyed
        assert end_of(pair.host) is Cut


def test_a_middle_with_keys_of_its_own_is_seen(talk: Talks, keys: dict[str, PrivateKey]) -> None:
    """Mallory runs a full session with each side and passes everything on. People compare, and it shows."""
    with_alice, with_host = talk(host="mallory").open(), talk(client="mallory").open()
    assert with_alice.client.peer == with_host.host.peer == keys["mallory"].public
    assert with_alice.client.fingerprint != with_host.host.fingerprint
    assert with_alice.client.words != with_host.host.words
    assert with_alice.client.exporter != with_host.host.exporter


@pytest.mark.parametrize("swapped", ["in the offer", "in the answer"])
def test_a_middle_that_swaps_one_key_only(talk: Talks, keys: dict[str, PrivateKey], swapped: str) -> None:
    def alter(name: str, data: bytes) -> bytes:
        mine = keys["mallory"].public.modulus
        if name == "m2" and swapped == "in the offer":
            return data[:32] + mine + data[288:]
        if name == "m3" and swapped == "in the answer":
            return data[:1152] + mine + data[1408:]
        return data

    assert converse(talk(), alter) == ([], BadHandshake)


def test_a_middle_that_swaps_the_encapsulation_keys(talk: Talks) -> None:
    """It can open m3 then, and still seals nothing that the host would take: the transcripts differ."""
    kem = KemKeys(bytes(96))
    pair = talk().hello()
    offer = pair.m2[:288] + kem.mlkem_public + kem.x25519_public
    pair.client.receive_data(offer)
    answer = pair.client.data_to_send()
    th1 = digest("usi3 hello", pair.m1, offer)
    shared = kem.open(answer[:1088], answer[1088:1120], th1)
    (key,) = derive(shared, th1, "usi3 client key")
    opened = Ocb(key).open(bytes(15), answer[1120:])
    # Mallory seals the same inside towards the host: with the host's keys and the host's transcript.
    th1 = digest("usi3 hello", pair.m1, pair.m2)
    mlkem, x25519, shared = crypto.encapsulate(pair.m2[288:1472], pair.m2[1472:], th1)
    (key,) = derive(shared, th1, "usi3 client key")
    forged = mlkem + x25519 + Ocb(key).seal(bytes(15), opened)
    assert hear(pair.host, [forged]) == ([], BadHandshake)


def test_a_commitment_binds_nonce_and_key(talk: Talks, keys: dict[str, PrivateKey]) -> None:
    """Words could be searched for otherwise: who answers last would choose them."""
    for change in ("nonce", "key"):
        pair = talk().hello()
        if change == "nonce":
            pair.client._client_nonce = bytes(32)
        else:
            pair.client._key = keys["mallory"]
        pair.client.receive_data(pair.m2)
        assert hear(pair.host, [pair.client.data_to_send()]) == ([], BadHandshake)


# --- recordings -----------------------------------------------------------------------------------------------------


def test_a_replayed_session_is_refused(talk: Talks) -> None:
    pair = talk().open()
    join = pair.client_says(wire.GetKey(bytes(32)))
    for chunks in ([pair.m1, pair.m3, join], [pair.m1 + pair.m3 + join], bytewise(pair.m1 + pair.m3 + join)):
        assert hear(talk().host, chunks) == ([], BadHandshake)


def test_a_replayed_offer_is_refused(talk: Talks) -> None:
    """A recorded host: the client answers it, and gets nothing that opens."""
    recorded = talk().open()
    host_record = recorded.host_says(wire.Joined(bytes(16), [wire.MemberInfo(bytes(32), "bob")]))
    client = talk().client
    assert hear(client, [recorded.m2, host_record]) == ([], BadRecord)


@pytest.mark.parametrize("preset", [None, PRESET])
def test_stolen_rsa_keys_open_no_recording(talk: Talks, keys: dict[str, PrivateKey], preset: bytes | None) -> None:
    """A thief of both RSA keys (and the preset key) with a recording still lacks the two shared secrets of the key
    encapsulation, whose keys are gone."""
    traces: list[Trace] = []
    pair = talk(preset=preset, host_tracer=traces.append).shake()
    join = pair.client_says(pair.JOIN)[4:]
    known = {name: value for trace in traces for name, value in trace.detail.items()}
    shared, secret = known["shared"].reveal(), known["session_secret"].reveal()

    th1 = digest("usi3 hello", pair.m1, pair.m2)
    mlkem, x25519, block = pair.m3[:1088], pair.m3[1088:1120], pair.m3[1120:]

    def block_with(guess: bytes) -> bytes:
        (key,) = derive(guess + (preset or b""), th1, "usi3 client key")
        return Ocb(key).open(bytes(15), block)

    thief = KemKeys(bytes(96))
    half = thief.open(mlkem, x25519, th1)
    for guess in (b"", bytes(64), th1 + th1, half, shared[:32] + half[32:], half[:32] + shared[32:]):
        with pytest.raises(CryptoError):
            block_with(guess)

    # With them the block opens, and the stolen keys do the rest: it is the encapsulation that protects the recording.
    opened = block_with(shared)
    nonce, modulus, oaep, signature = opened[:32], opened[32:288], opened[288:544], opened[544:]
    assert modulus == keys["alice"].public.modulus
    assert keys["host"].decrypt(oaep, th1) == secret
    th2 = digest("usi3 client", th1, mlkem, x25519, nonce, modulus, oaep)
    salt = digest("usi3 keys", th2, signature)

    def record_with(guess: bytes) -> bytes:
        from_client, _, _ = derive(secret + guess + (preset or b""), salt, "usi3 keys", 3)
        return Ocb(from_client).open(bytes(15), join)

    for guess in (b"", bytes(64), half, shared[:32] + half[32:], half[:32] + shared[32:]):
        with pytest.raises(CryptoError):
            record_with(guess)
    assert codec.decode_from_member(record_with(shared)) == [pair.JOIN]


def test_what_could_open_a_recording_is_forgotten(talk: Talks) -> None:
    traces: list[Trace] = []
    pair = talk(host_tracer=traces.append).open()
    secrets = [value.reveal() for trace in traces for value in trace.detail.values() if isinstance(value, Secret)]
    assert len(secrets) == 4
    for side in (pair.client, pair.host):
        kept = vars(side)
        assert not [name for name, value in kept.items() if isinstance(value, KemKeys)]
        for value in kept.values():
            if isinstance(value, bytes):
                assert not [secret for secret in secrets if secret in value]


# --- somebody in between: records -----------------------------------------------------------------------------------

both = pytest.mark.parametrize("role", Role)


def three(talk: Talks, role: Role) -> tuple[Session, list[bytes], list[wire.Message]]:
    """The receiver of three records that this side has sent, the records, and their messages."""
    pair = talk().open()
    if role is Role.CLIENT:
        said: list[wire.Message] = [wire.Nick("one"), POST, wire.Nick("three")]
        return pair.host, [pair.client_says(message) for message in said], said
    said = [wire.Notice("one", ""), wire.Ack(bytes(15), 7), wire.Notice("three", "")]
    return pair.client, [pair.host_says(message) for message in said], said


@both
def test_records_in_order(talk: Talks, role: Role) -> None:
    listener, records, said = three(talk, role)
    assert hear(listener, records) == (said, None)


def reframed(record: bytes, change: int) -> bytes:
    """A record whose length says more or less, and is true."""
    sealed = record[4:] + bytes(change) if change > 0 else record[4:change]
    return len(sealed).to_bytes(4, "big") + sealed


MISDEEDS: dict[str, Callable[[list[bytes]], list[bytes]]] = {
    "the first is dropped": lambda r: [r[1], r[2]],
    "the second is dropped": lambda r: [r[0], r[2]],
    "the first is repeated": lambda r: [r[0], r[0], r[1]],
    "the second is repeated later": lambda r: [*r, r[1]],
    "two are swapped": lambda r: [r[1], r[0], r[2]],
    "the last two are swapped": lambda r: [r[0], r[2], r[1]],
    "all are reversed": lambda r: r[::-1],
    "a bit of the first byte": lambda r: [flipped(r[0], 4), *r[1:]],
    "a bit of the last byte": lambda r: [flipped(r[0], len(r[0]) - 1, 0x80), *r[1:]],
    "a bit of the tag": lambda r: [r[0], flipped(r[1], len(r[1]) - 16), r[2]],
    "one is shortened": lambda r: [r[0], reframed(r[1], -1), r[2]],
    "one is lengthened": lambda r: [r[0], reframed(r[1], 1), r[2]],
    "one is cut to its tag and a byte": lambda r: [r[0], (17).to_bytes(4, "big") + r[1][-17:], r[2]],
    "one is put in": lambda r: [r[0], (40).to_bytes(4, "big") + bytes(40), *r[1:]],
    "two are joined": lambda r: [(len(r[0] + r[1]) - 8).to_bytes(4, "big") + r[0][4:] + r[1][4:], r[2]],
    "tags are exchanged": lambda r: [r[0][:-16] + r[1][-16:], *r[1:]],
}


@both
@pytest.mark.parametrize("misdeed", MISDEEDS)
def test_records_that_somebody_touched(talk: Talks, role: Role, misdeed: str) -> None:
    """What was said before the first touch is heard; nothing after it, even if the rest would be right."""
    listener, records, said = three(talk, role)
    touched = MISDEEDS[misdeed](records)
    right = next(i for i in range(len(touched)) if i >= 3 or touched[i] != records[i])
    heard, error = hear(listener, touched)
    assert error is BadRecord
    assert heard == said[:right]
    assert hear(listener, records[right:]) == ([], None), "the session takes no more"


@both
@pytest.mark.parametrize("misdeed", MISDEEDS)
def test_records_that_somebody_touched_however_they_arrive(talk: Talks, role: Role, misdeed: str) -> None:
    listener, records, said = three(talk, role)
    touched = MISDEEDS[misdeed](records)
    right = next(i for i in range(len(touched)) if i >= 3 or touched[i] != records[i])
    assert hear(listener, bytewise(b"".join(touched))) == (said[:right], BadRecord)
    listener, records, said = three(talk, role)
    assert hear(listener, [b"".join(MISDEEDS[misdeed](records))]) == (said[:right], BadRecord)


@both
def test_an_error_behind_good_messages_is_told_by_the_next_call(talk: Talks, role: Role) -> None:
    listener, records, said = three(talk, role)
    assert listener.receive_data(records[0] + flipped(records[1], 20) + records[2]) == said[:1]
    assert listener.failed
    assert listener.keyed
    with pytest.raises(BadRecord):
        listener.receive_data(b"")
    assert not listener.failed
    assert listener.receive_data(records[1]) == []


@both
def test_no_error_waits_after_our_own_goodbye(talk: Talks, role: Role) -> None:
    """Whoever asks `failed` and calls again until it is false must come to an end."""
    listener, records, said = three(talk, role)
    assert listener.receive_data(records[0] + flipped(records[1], 20)) == said[:1]
    listener.send([wire.Bye("left")])
    assert listener.receive_data(b"") == []
    assert not listener.failed


@both
@pytest.mark.parametrize("position", range(4))
@pytest.mark.parametrize("mask", [0x01, 0x80])
def test_a_flipped_length(talk: Talks, role: Role, position: int, mask: int) -> None:
    """It is refused, or the rest is taken for one record that does not open, or the wire falls silent and is cut."""
    listener, records, _ = three(talk, role)
    stream = flipped(records[0], position, mask) + records[1] + records[2]
    heard, error = hear(listener, [stream])
    assert heard == []
    assert error in (TooLong, BadRecord) or end_of(listener) is Cut


@both
def test_records_of_another_link(talk: Talks, role: Role) -> None:
    _, elsewhere, _ = three(talk, role)
    listener, _, _ = three(talk, role)
    assert hear(listener, elsewhere[:1]) == ([], BadRecord)


@both
def test_a_record_that_comes_back_to_its_sender(talk: Talks, role: Role) -> None:
    pair = talk().open()
    if role is Role.CLIENT:
        assert hear(pair.client, [pair.client_says(wire.Alive())]) == ([], BadRecord)
    else:
        assert hear(pair.host, [pair.host_says(wire.Alive())]) == ([], BadRecord)


@both
@given(st.data())
@settings(max_examples=40)
def test_no_changed_byte_of_a_record_is_heard(talk: Talks, role: Role, data: st.DataObject) -> None:
    listener, records, said = three(talk, role)
    stream = b"".join(records)
    position = data.draw(st.integers(0, len(stream) - 1))
    heard, error = hear(listener, [flipped(stream, position, data.draw(st.integers(1, 255)))])
    assert heard == said[: len(heard)]
    assert len(heard) < 3
    assert error in (BadRecord, TooLong) or end_of(listener) is Cut


@both
@pytest.mark.parametrize("size", [0, 1, 16, 131_073, 0xFFFFFFFF])
def test_lengths_outside_the_limits(talk: Talks, role: Role, size: int) -> None:
    listener, _, _ = three(talk, role)
    assert hear(listener, [size.to_bytes(4, "big")]) == ([], TooLong)


@both
def test_after_an_error_a_goodbye_can_still_be_said(talk: Talks, role: Role) -> None:
    pair = talk().open()
    listener, speaker = (pair.host, pair.client) if role is Role.CLIENT else (pair.client, pair.host)
    assert hear(listener, [bytes(4)]) == ([], TooLong)
    assert listener.keyed
    listener.send([wire.Bye(TooLong.code)])
    assert speaker.receive_data(listener.data_to_send()) == [wire.Bye("too-long")]
    assert speaker.state is listener.state is State.CLOSED


# --- the end --------------------------------------------------------------------------------------------------------


@both
def test_a_goodbye_is_a_clean_end(talk: Talks, role: Role) -> None:
    pair = talk().open()
    speaker, listener = (pair.client, pair.host) if role is Role.CLIENT else (pair.host, pair.client)
    speaker.send([wire.Alive(), wire.Bye("left")])
    assert listener.receive_data(speaker.data_to_send()) == [wire.Alive(), wire.Bye("left")]
    assert speaker.state is listener.state is State.CLOSED
    assert not speaker.keyed
    assert not listener.keyed
    speaker.receive_eof()
    listener.receive_eof()
    for side in (speaker, listener):
        with pytest.raises(LocalError):
            side.send([wire.Alive()])
        with pytest.raises(LocalError):
            side.send([wire.Bye("left")])
        assert side.data_to_send() == b""


def test_a_client_that_leaves_before_it_was_let_in(talk: Talks) -> None:
    for said in ([wire.Bye("left")], [wire.Join("alice"), wire.Bye("left")]):
        pair = talk().shake()
        data = b"".join(pair.client_says(message) for message in said)
        assert hear(pair.host, [data]) == (said, None)
        assert end_of(pair.host) is None
    pair = talk().shake()
    assert pair.client.receive_data(pair.host_says(wire.Bye("busy"))) == [wire.Bye("busy")]
    assert end_of(pair.client) is None


@resting
def test_an_end_without_a_goodbye(talk: Talks, role: Role, state: State) -> None:
    _, side = in_state(talk, role, state)
    if state is State.CLOSED:
        assert end_of(side) is None
    elif (role, state) == (Role.CLIENT, State.HELLO):
        assert end_of(side) is NotUsi
    else:
        assert end_of(side) is Cut
    assert side.state is State.CLOSED
    assert end_of(side) is None, "it is told once"
    assert hear(side, [b"anything"]) == ([], None)


@resting
def test_whether_there_were_ever_keys(talk: Talks, role: Role, state: State) -> None:
    """From then on nothing leaves unsealed, not even a refusal."""
    _, side = in_state(talk, role, state)
    had_keys = state in (State.KEYED, State.OPEN, State.CLOSED)
    assert side.has_keys == had_keys
    assert side.keyed == (state in (State.KEYED, State.OPEN))
    end_of(side)
    assert side.has_keys == had_keys


@both
def test_an_end_in_the_middle_of_a_record(talk: Talks, role: Role) -> None:
    listener, records, said = three(talk, role)
    assert hear(listener, [records[0], records[1][:-1]]) == (said[:1], None)
    assert end_of(listener) is Cut


@both
def test_what_follows_a_goodbye_is_not_looked_at(talk: Talks, role: Role) -> None:
    """However it arrives: a middle must not be able to turn a good end into an error by adding bytes."""
    alive = b"\x91" + codec.encode(wire.Alive())
    goodbye = b"\x91" + codec.encode(wire.Bye("left"))
    for last in ("garbage", "a good record"):
        for cut in ("by record", "whole", "byte by byte"):
            pair = talk().open()
            listener = pair.host if role is Role.CLIENT else pair.client
            records = [pair.sealed(role, alive), pair.sealed(role, goodbye)]
            records.append(b"\xff" * 50 if last == "garbage" else pair.sealed(role, alive))
            stream = b"".join(records)
            chunks = {"by record": records, "whole": [stream], "byte by byte": bytewise(stream)}[cut]
            assert hear(listener, chunks) == ([wire.Alive(), wire.Bye("left")], None), (last, cut)
            assert end_of(listener) is None


@both
def test_a_message_behind_a_goodbye_in_one_record(talk: Talks, role: Role) -> None:
    pair = talk().open()
    listener = pair.host if role is Role.CLIENT else pair.client
    record = pair.sealed(role, b"\x92" + codec.encode(wire.Bye("left")) + codec.encode(wire.Alive()))
    assert hear(listener, [record])[1] is OutOfTurn


# --- refusals -------------------------------------------------------------------------------------------------------

waiting = pytest.mark.parametrize("state", [State.HELLO, State.KEYED], ids=lambda state: state.name.lower())


@waiting
@pytest.mark.parametrize("number", REFUSALS)
def test_a_refusal_reaches_the_client(talk: Talks, state: State, number: int) -> None:
    refused = session.refusal(REFUSALS[number]())
    for chunks in ([refused], bytewise(refused), [refused[:3], refused[3:]], [refused[:5], refused[5:]]):
        _, client = in_state(talk, Role.CLIENT, state)
        assert hear(client, chunks) == ([], None)
        assert end_of(client) is REFUSALS[number]


@waiting
@pytest.mark.parametrize("number", [0, 16, 82, 255])
def test_a_refusal_of_a_later_version(talk: Talks, state: State, number: int) -> None:
    _, client = in_state(talk, Role.CLIENT, state)
    assert hear(client, [b"USI3R" + bytes((number,))]) == ([], None)
    assert end_of(client) is BadHandshake


def test_a_refusal_is_exactly_six_bytes(talk: Talks) -> None:
    for more in (b"x", bytes(5000)):
        for cut in (lambda data: [data], bytewise):
            _, client = in_state(talk, Role.CLIENT, State.KEYED)
            assert hear(client, cut(b"USI3R\x04" + more)) == ([], TooLong)
    _, client = in_state(talk, Role.CLIENT, State.KEYED)
    assert hear(client, [b"USI3R"]) == ([], None)
    assert end_of(client) is Cut


def test_a_refusal_is_not_believed_once_the_host_has_spoken(talk: Talks) -> None:
    """It is not authenticated, so it can stop a connection that has no keys yet, and nothing else."""
    for cut in (lambda data: [data], bytewise):
        _, client = in_state(talk, Role.CLIENT, State.OPEN)
        assert hear(client, cut(b"USI3R\x04")) == ([], TooLong)
    pair = talk().shake()
    assert hear(pair.host, [b"USI3R\x04"]) == ([], TooLong)


# --- keys that wear out ---------------------------------------------------------------------------------------------


def test_a_counter_never_wraps(talk: Talks) -> None:
    pair = talk().open()
    assert not pair.client.worn
    pair.client._sent = session.MAX_RECORDS
    assert pair.client.worn
    with pytest.raises(LocalError):
        pair.client.send([wire.Alive()])
    assert pair.client.data_to_send() == b""
    record = pair.host_says(wire.Alive())
    pair.client._received = session.MAX_RECORDS
    assert hear(pair.client, [record]) == ([], BadRecord)
    assert session.MAX_RECORDS <= 2**32


@both
def test_a_worn_link_says_so_long_before(talk: Talks, role: Role) -> None:
    pair = talk().open()
    side = pair.client if role is Role.CLIENT else pair.host
    side._received = session.MAX_RECORDS - 2**20
    assert side.worn
    side._received = 2**31
    assert not side.worn


# --- what --dev shows -----------------------------------------------------------------------------------------------

STEPS = {
    Role.CLIENT: [("hello", "out"), ("offer", "in"), ("kem", "here"), ("answer", "out")],
    Role.HOST: [("hello", "in"), ("offer", "out"), ("kem", "here"), ("answer", "in")],
}


@pytest.mark.parametrize("preset", [None, PRESET])
def test_traces_tell_the_steps_in_order_and_mask_secrets(
    talk: Talks, keys: dict[str, PrivateKey], preset: bytes | None
) -> None:
    seen: dict[Role, list[Trace]] = {role: [] for role in Role}
    pair = talk(preset=preset, client_tracer=seen[Role.CLIENT].append, host_tracer=seen[Role.HOST].append).open()
    pair.client.receive_data(pair.host_says(wire.Alive(), wire.Bye("left")))
    records = {Role.CLIENT: ["out", "in", "in"], Role.HOST: ["in", "out", "out"]}
    for role in Role:
        steps = [(trace.step, trace.direction) for trace in seen[role]]
        expected = [*STEPS[role], ("keys", "here"), ("fingerprint", "here")]
        assert steps == expected + [("record", direction) for direction in records[role]]

    values = [value for traces in seen.values() for trace in traces for value in trace.detail.values()]
    secrets = {value.reveal() for value in values if isinstance(value, Secret)}
    assert len(secrets) == 4, "the same on both sides: shared, session secret, two keys"
    secrets |= {pair.client.exporter, *(secret[:32] for secret in secrets), *(secret[-32:] for secret in secrets)}
    secrets |= {int(keys[name]._key.d).to_bytes(256, "big")[-32:] for name in ("alice", "host")}
    if preset:
        secrets.add(preset)
    for traces in seen.values():
        for trace in traces:
            for view in (one_line(trace), one_line(trace, 10**6), json.dumps(plain_detail(trace)), repr(trace)):
                assert not [secret for secret in secrets if secret.hex() in view or repr(secret)[2:-1] in view]
    shown = " ".join(one_line(trace, 10**6) for trace in seen[Role.HOST])
    for public in (keys["alice"].public.modulus, keys["host"].public.modulus, pair.client.fingerprint):
        assert public.hex() in shown
    assert " ".join(pair.client.words) in shown


def test_a_traced_record(talk: Talks) -> None:
    seen: list[Trace] = []
    pair = talk(client_tracer=seen.append).open()
    record = pair.host_says(wire.Notice("one", ""), wire.Alive())
    pair.client.receive_data(record)
    assert seen[-1].detail == {
        "number": 1,
        "nonce": bytes(14) + b"\1",
        "length": len(record) - 4,
        "tag": record[-16:],
        "messages": "notice alive",
    }


def test_tracing_changes_nothing(talk: Talks) -> None:
    plain, traced = talk(), talk(client_tracer=lambda trace: None, host_tracer=lambda trace: None)
    for pair in (plain, traced):
        pair.shake()
        assert hear(pair.host, [pair.sealed(Role.CLIENT, b"garbage")]) == ([], BadMessage)


# --- any bytes, in any pieces ---------------------------------------------------------------------------------------


@given(st.integers(0, 2**32), st.sampled_from([1, 2, 7, 40, 300, 2000, 10_000]))
@settings(max_examples=40)
def test_a_conversation_in_any_pieces(talk: Talks, seed: int, longest: int) -> None:
    """Both directions at once, cut anywhere: everybody hears everything, in order."""
    pair, chance = talk(), Random(seed)
    from_client = [pair.JOIN, *[wire.Nick(str(i)) for i in range(5)], POST, wire.Bye("left")]
    from_host = [pair.welcome, *[wire.Ack(bytes(15), i) for i in range(1, 300)], wire.Notice("bye", "")]
    heard: dict[Session, list[wire.Message]] = {pair.client: [], pair.host: []}
    under_way = {pair.client: b"", pair.host: b""}
    joined = welcomed = False
    while True:
        under_way[pair.host] += pair.client.data_to_send()
        under_way[pair.client] += pair.host.data_to_send()
        ready = [side for side in (pair.client, pair.host) if under_way[side]]
        if not ready:
            break
        side, size = chance.choice(ready), chance.randint(1, longest)
        chunk, under_way[side] = under_way[side][:size], under_way[side][size:]
        heard[side] += side.receive_data(chunk)
        if pair.client.state is State.KEYED and not joined:
            joined = True
            pair.client.send(from_client[:1])
        if heard[pair.host] and not welcomed:
            welcomed = True
            pair.host.send(from_host[:1])
            pair.host.send(from_host[1:])
        if len(heard[pair.client]) == len(from_host) and pair.client.keyed:
            for message in from_client[1:]:
                pair.client.send([message])
    assert heard[pair.host] == from_client
    assert heard[pair.client] == from_host
    assert end_of(pair.host) is None


_noise = st.one_of(
    st.binary(max_size=64),
    st.builds(lambda seed, size: Random(seed).randbytes(size), st.integers(0, 2**32), st.integers(0, 4000)),
    st.builds(lambda size, rest: size.to_bytes(4, "big") + rest, st.integers(0, 140_000), st.binary(max_size=400)),
    st.sampled_from([*FOREIGN.values(), b"USI3R\x02", b"USI3C\0" + bytes(32), b"USI3C\1" + bytes(40)]),
)


def right_bytes(pair: Any, role: Role, state: State) -> bytes:
    """What this side waits for in this state."""
    match role, state:
        case (Role.CLIENT, State.HELLO):
            return pair.m2
        case (Role.HOST, State.START):
            return pair.client.data_to_send()
        case (Role.HOST, State.OFFERED):
            return pair.m3
        case (Role.HOST, State.KEYED):
            return pair.client_says(pair.JOIN)
        case (Role.CLIENT, State.OPEN):
            return pair.host_says(wire.Alive())
        case (Role.HOST, State.OPEN):
            return pair.client_says(wire.Alive())
        case _:
            return b""


@resting
@given(noise=_noise, keep=st.integers(0, 2000), position=st.integers(0, 2000), mask=st.integers(0, 255))
@settings(max_examples=25)
def test_any_bytes_in_any_state(
    talk: Talks, role: Role, state: State, noise: bytes, keep: int, position: int, mask: int
) -> None:
    """They raise a `PeerError`, or more is waited for; in one piece or in many, it is the same."""
    if (role, state) == (Role.CLIENT, State.HELLO) and 288 <= position % 1504 < 1472:
        mask = 0  # the host's ML-KEM key is drawn anew for each of the two: whether a flip leaves it valid is chance
    outcomes = []
    for pieces in (lambda data: [data], bytewise):
        pair, side = in_state(talk, role, state)
        right = bytearray(right_bytes(pair, role, state))
        wrong = noise
        if noise and keep < len(right) and noise[0] == right[keep]:
            wrong = bytes([noise[0] ^ 1]) + noise[1:]  # not by chance the byte that was left out
        if right:
            right[position % len(right)] ^= mask
        heard, error = hear(side, pieces(bytes(right[:keep]) + wrong))
        assert all(isinstance(message, wire.Message) for message in heard)
        if mask or keep < len(right):
            assert heard == []
        outcomes.append((heard, error, None if error else end_of(side)))
        assert side.receive_data(b"more") == []
    assert outcomes[0] == outcomes[1]
