"""Messages and records: what is accepted, what is refused and how, and how much is kept in memory meanwhile."""

import re
import tracemalloc
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from usi.core import wire
from usi.core.errors import BadMessage, TooLong
from usi.core.wire import RecordReader

ID, CONVERSATION, POST, KEY = b"i" * 32, b"c" * 16, b"p" * 15, b"k" * 32
INFO = wire.MemberInfo(ID, "alice")
ROOM = wire.RoomInfo(CONVERSATION, "general", "what we talk about", KEY, 7)
SEALED = bytes(wire.PADDING + 16)

TRANSFER, REQUEST, TICKET = b"t" * 16, b"r" * 16, b"T" * 32

BOTH_WAYS = [wire.Alive(), wire.Bye("left"), wire.Got(0), wire.FileWord(ID, TRANSFER, "declined")]
OF_MEMBER = [
    wire.Join("alice"),
    wire.Claim("amber", bytes(65)),
    wire.Resume(CONVERSATION, 7),
    wire.Again(CONVERSATION, 1, 2),
    wire.Ask(bytes(65)),
    wire.Prove(bytes(32)),
    wire.Prove(None),
    wire.Post(CONVERSATION, KEY, ID, POST, SEALED),
    wire.GetKey(ID),
    wire.Nick("Zoé"),
    wire.Away("at lunch"),
    wire.Away(None),
    wire.Fetch(ID, TRANSFER, REQUEST, 0),
    wire.Fetch(ID, TRANSFER, REQUEST, 2**63 - 1),
    wire.Pass(ID, CONVERSATION, b""),
    wire.Pass(ID, CONVERSATION, bytes(wire.MAX_PIECE)),
    wire.Gather(CONVERSATION, KEY, [ID, KEY]),
    wire.Leave(CONVERSATION),
    wire.Login("alice"),
    wire.Unlock(bytes(48)),
    wire.ListRooms(),
    wire.Enter("staff"),
    wire.Past(CONVERSATION, 0, wire.MAX_PAGE),
    wire.Order("ban", "bob", "", "too loud", 600, False),
    wire.Order("room-new", "staff", "", "", 0, True),
]
OF_HOST = [
    wire.Welcome(INFO, wire.MemberInfo(KEY, "host"), CONVERSATION, True, [ROOM]),
    wire.Welcome(INFO, INFO, CONVERSATION, False, []),
    wire.Resumed(7, 0),
    wire.NoSeat(),
    wire.Skipped(1),
    wire.Caught(CONVERSATION, 2),
    wire.Found(CONVERSATION, KEY, ID, POST, 1, SEALED),
    wire.Lasting(),
    wire.Challenge(bytes(65), bytes(32)),
    wire.Present(CONVERSATION, [INFO, INFO], True),
    wire.Present(CONVERSATION, [], False),
    wire.KeyOf(ID, bytes(256)),
    wire.KeyOf(ID, None),
    wire.Posted(CONVERSATION, KEY, ID, POST, 1, SEALED),
    wire.Ack(POST, 2**63 - 1),
    wire.StaleKey(POST),
    wire.Refused(POST, "too-long"),
    wire.Joined(CONVERSATION, [INFO]),
    wire.Left(CONVERSATION, [ID], "cut"),
    wire.Renamed(ID, "\U0001f600"),
    wire.Absent(ID, ""),
    wire.Absent(ID, None),
    wire.Notice("name-taken", "alice"),
    wire.Notice("x", ""),
    wire.Ticket(REQUEST, TICKET),
    wire.NoTicket(REQUEST, "sender-gone"),
    wire.Wanted(ID, TRANSFER, 7, TICKET),
    wire.Passed(ID, CONVERSATION, b"USI3P"),
    wire.Gathered(CONVERSATION, KEY, 0),
    wire.Standing(3),
    wire.Salt(CONVERSATION),
    wire.RoomList([wire.RoomRow("staff", "for us", True, 2, False)]),
    wire.Entered(ROOM),
    wire.Out(CONVERSATION, "revoked"),
    wire.RoomKey(CONVERSATION, KEY),
    wire.Topic(CONVERSATION, "on cats", "alice"),
    wire.Deed("kicked", "bob", "alice", "too loud"),
    wire.OldKey(CONVERSATION, ID, KEY),
    wire.Old(CONVERSATION, KEY, ID, POST, 1, SEALED),
    wire.OldEnd(CONVERSATION, 1, 0, True),
    wire.LogEntry(1_700_000_000_000, "kicked", [("name", "bob")]),
    wire.LimitValues([wire.LimitValue("rooms", 64.0, 3.0, 0), wire.LimitValue("seat_seconds", 30.0, None, 2)]),
]

Decode = Callable[[bytes], list[Any]]


def raw(*messages: Any) -> bytes:
    """A record's plaintext out of plain lists, which no type has checked."""
    return msgspec.msgpack.encode(list(messages))


def plain(message: wire.Message) -> list[Any]:
    """A message as the plain list that stands in a record."""
    return msgspec.msgpack.decode(wire.encode(message))


# --- messages -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("message", BOTH_WAYS + OF_MEMBER, ids=wire.tag_of)
def test_members_messages_round_trip(message: wire.Message) -> None:
    assert wire.decode_from_member(b"\x91" + wire.encode(message)) == [message]
    assert plain(message)[0] == wire.tag_of(message)


@pytest.mark.parametrize("message", BOTH_WAYS + OF_HOST, ids=wire.tag_of)
def test_hosts_messages_round_trip(message: wire.Message) -> None:
    assert wire.decode_from_host(b"\x91" + wire.encode(message)) == [message]
    assert plain(message)[0] == wire.tag_of(message)


def test_every_type_is_tried_here() -> None:
    def all_of(base: type) -> set[type]:
        return {base}.union(*map(all_of, base.__subclasses__()))

    tried = {type(message) for message in BOTH_WAYS + OF_MEMBER + OF_HOST}
    every = {kind for kind in all_of(wire.Message) if kind.__module__ == wire.__name__}
    assert tried == every - {wire.Message} - all_of(wire.InMemory)
    tags = [wire.tag_of(kind) for kind in {type(m): m for m in BOTH_WAYS + OF_MEMBER + OF_HOST}.values()]
    assert len(set(tags)) == len(tags) >= 17


@pytest.mark.parametrize("message", OF_HOST, ids=wire.tag_of)
def test_a_member_cannot_say_what_the_host_says(message: wire.Message) -> None:
    with pytest.raises(BadMessage):
        wire.decode_from_member(b"\x91" + wire.encode(message))


@pytest.mark.parametrize("message", OF_MEMBER, ids=wire.tag_of)
def test_a_host_cannot_say_what_a_member_says(message: wire.Message) -> None:
    with pytest.raises(BadMessage):
        wire.decode_from_host(b"\x91" + wire.encode(message))


@pytest.mark.parametrize("message", BOTH_WAYS + OF_MEMBER + OF_HOST, ids=wire.tag_of)
def test_fields_are_neither_missing_nor_more(message: wire.Message) -> None:
    decode: Decode = wire.decode_from_member if message in BOTH_WAYS + OF_MEMBER else wire.decode_from_host
    fields = plain(message)
    assert decode(raw(fields)) == [message]
    for wrong in (fields[:-1], [*fields, 1], [*fields, None], fields[1:], [None, *fields[1:]]):
        with pytest.raises(BadMessage):
            decode(raw(wrong))


@pytest.mark.parametrize("message", BOTH_WAYS + OF_MEMBER + OF_HOST, ids=wire.tag_of)
def test_no_field_takes_another_type(message: wire.Message) -> None:
    decode: Decode = wire.decode_from_member if message in BOTH_WAYS + OF_MEMBER else wire.decode_from_host
    fields = plain(message)
    for index in range(len(fields)):
        for wrong in (1.5, {}, [1], {"a": 1}, msgspec.msgpack.Ext(5, b"x")):
            with pytest.raises(BadMessage):
                decode(raw([*fields[:index], wrong, *fields[index + 1 :]]))


def test_messages_are_values() -> None:
    with pytest.raises(AttributeError):
        wire.Join("alice").name = "bob"  # type: ignore[misc]
    assert wire.Join("alice") == wire.Join("alice")
    assert len({wire.Ack(POST, 1), wire.Ack(POST, 1), wire.Ack(POST, 2)}) == 2


# --- limits of fields -----------------------------------------------------------------------------------------------

BYTES = {  # field: how many bytes it has
    "member": (lambda value: ["get-key", value], wire.decode_from_member, 32, 32),
    "conversation": (lambda value: ["post", value, KEY, ID, POST, SEALED], wire.decode_from_member, 16, 16),
    "key id": (lambda value: ["post", CONVERSATION, value, ID, POST, SEALED], wire.decode_from_member, 32, 32),
    "sender": (lambda value: ["post", CONVERSATION, KEY, value, POST, SEALED], wire.decode_from_member, 32, 32),
    "post id": (lambda value: ["post", CONVERSATION, KEY, ID, value, SEALED], wire.decode_from_member, 15, 15),
    "sealed": (
        lambda value: ["post", CONVERSATION, KEY, ID, POST, value],
        wire.decode_from_member,
        wire.PADDING + 16,
        wire.MAX_SEALED,
    ),
    "posted": (
        lambda value: ["posted", CONVERSATION, KEY, ID, POST, 1, value],
        wire.decode_from_host,
        wire.PADDING + 16,
        wire.MAX_SEALED,
    ),
    "modulus": (lambda value: ["key", ID, value], wire.decode_from_host, 256, 256),
    "session": (
        lambda value: ["welcome", [ID, "a"], [ID, "h"], value, False, []],
        wire.decode_from_host,
        16,
        16,
    ),
    "room key": (
        lambda value: ["welcome", [ID, "a"], [ID, "h"], CONVERSATION, False, [[CONVERSATION, "g", "", value, 0]]],
        wire.decode_from_host,
        32,
        32,
    ),
    "acknowledged": (lambda value: ["ack", value, 1], wire.decode_from_host, 15, 15),
    "stale": (lambda value: ["stale-key", value], wire.decode_from_host, 15, 15),
    "who left": (lambda value: ["left", CONVERSATION, [value], "cut"], wire.decode_from_host, 32, 32),
    "whose file": (lambda value: ["fetch", value, TRANSFER, REQUEST, 0], wire.decode_from_member, 32, 32),
    "fetched transfer": (lambda value: ["fetch", ID, value, REQUEST, 0], wire.decode_from_member, 16, 16),
    "request": (lambda value: ["fetch", ID, TRANSFER, value, 0], wire.decode_from_member, 16, 16),
    "transfer of a word": (lambda value: ["file-word", ID, value, "declined"], wire.decode_from_member, 16, 16),
    "ticket": (lambda value: ["ticket", REQUEST, value], wire.decode_from_host, 32, 32),
    "wanted transfer": (lambda value: ["wanted", ID, value, 0, TICKET], wire.decode_from_host, 16, 16),
    "ticket of a sender": (lambda value: ["wanted", ID, TRANSFER, 0, value], wire.decode_from_host, 32, 32),
}


@pytest.mark.parametrize("field", BYTES)
def test_sizes_of_bytes(field: str) -> None:
    build, decode, least, most = BYTES[field]
    for size in {least, most}:
        assert len(decode(raw(build(bytes(size))))) == 1
    for size in {0, least - 1, most + 1}:
        with pytest.raises(BadMessage):
            decode(raw(build(bytes(size))))


TEXTS = {  # field: least and most characters
    "join": (lambda value: ["join", value], wire.decode_from_member, 1, 24),
    "nick": (lambda value: ["nick", value], wire.decode_from_member, 1, 24),
    "away": (lambda value: ["away", value], wire.decode_from_member, 0, 100),
    "absent": (lambda value: ["absent", ID, value], wire.decode_from_host, 0, 100),
    "present, away": (
        lambda value: ["present", CONVERSATION, [[ID, "a", value]], True],
        wire.decode_from_host,
        0,
        100,
    ),
    "joined": (lambda value: ["joined", CONVERSATION, [[ID, value]]], wire.decode_from_host, 1, 24),
    "present": (lambda value: ["present", CONVERSATION, [[ID, value]], True], wire.decode_from_host, 1, 24),
    "room": (
        lambda value: ["welcome", [ID, "a"], [ID, "h"], CONVERSATION, False, [[CONVERSATION, value, "", KEY, 0]]],
        wire.decode_from_host,
        1,
        24,
    ),
    "topic": (
        lambda value: ["welcome", [ID, "a"], [ID, "h"], CONVERSATION, False, [[CONVERSATION, "g", value, KEY, 0]]],
        wire.decode_from_host,
        0,
        200,
    ),
    "notice": (lambda value: ["notice", "code", value], wire.decode_from_host, 0, 256),
}


@pytest.mark.parametrize("field", TEXTS)
def test_lengths_of_texts(field: str) -> None:
    """Counted in characters: those of four bytes fit as well."""
    build, decode, least, most = TEXTS[field]
    for size in {least, most}:
        for letter in ("x", "\U0001f600"):
            assert len(decode(raw(build(letter * size)))) == 1
    for size in {least - 1, most + 1} - {-1}:
        with pytest.raises(BadMessage):
            decode(raw(build("x" * size)))


@pytest.mark.parametrize("broken", [b"\xff", b"\xed\xa0\x80", b"\xc0\x80", b"\xf5\x80\x80\x80", b"\xe2\x82"])
def test_texts_are_utf8(broken: bytes) -> None:
    with pytest.raises(BadMessage):
        wire.decode_from_member(b"\x91\x92\xa4join" + bytes((0xA0 | len(broken),)) + broken)


@pytest.mark.parametrize(
    "code", ["", "Left", "1st", "-x", "a" * 33, "a b", "a\n", "left\n", "\nleft", "a\nb", "é", "a_b", "a\0", "\u0661"]
)
def test_codes(code: str) -> None:
    """A code is shown, compared and looked up; nothing may hide in it."""
    for decode, message in (
        (wire.decode_from_member, ["bye", code]),
        (wire.decode_from_host, ["bye", code]),
        (wire.decode_from_host, ["left", ID, code]),
        (wire.decode_from_host, ["refused", POST, code]),
        (wire.decode_from_host, ["notice", code, ""]),
        (wire.decode_from_host, ["no-ticket", REQUEST, code]),
        (wire.decode_from_host, ["file-word", ID, TRANSFER, code]),
        (wire.decode_from_member, ["file-word", ID, TRANSFER, code]),
    ):
        with pytest.raises(BadMessage):
            decode(raw(message))


@pytest.mark.parametrize("code", ["a", "a" * 32, "not-usi", "a1-", "z9"])
def test_codes_that_fit(code: str) -> None:
    assert wire.decode_from_host(raw(["bye", code])) == [wire.Bye(code)]


@pytest.mark.parametrize("number", [0, -1, 2**63, 2**64 - 1])
def test_numbers_count_from_one(number: int) -> None:
    for message in (["ack", POST, number], ["posted", CONVERSATION, KEY, ID, POST, number, SEALED]):
        with pytest.raises(BadMessage):
            wire.decode_from_host(raw(message))


@pytest.mark.parametrize(("number", "fits"), [(-1, False), (0, True), (2**63 - 1, True), (2**63, False)])
def test_the_newest_number_of_a_room(number: int, fits: bool) -> None:
    room = [CONVERSATION, "g", "", KEY, number]
    record = raw(["welcome", [ID, "a"], [ID, "h"], CONVERSATION, False, [room]])
    if fits:
        assert wire.decode_from_host(record)[0].rooms[0].number == number
    else:
        with pytest.raises(BadMessage):
            wire.decode_from_host(record)


@pytest.mark.parametrize(("chunk", "fits"), [(-1, False), (0, True), (2**63 - 1, True), (2**63, False)])
def test_the_first_chunk_of_a_transfer(chunk: int, fits: bool) -> None:
    for decode, message in (
        (wire.decode_from_member, ["fetch", ID, TRANSFER, REQUEST, chunk]),
        (wire.decode_from_host, ["wanted", ID, TRANSFER, chunk, TICKET]),
    ):
        if fits:
            assert len(decode(raw(message))) == 1
        else:
            with pytest.raises(BadMessage):
                decode(raw(message))


@pytest.mark.parametrize("count", [0, wire.MAX_ROOMS, wire.MAX_ROOMS + 1])
def test_the_number_of_rooms(count: int) -> None:
    record = raw([*plain(OF_HOST[1])[:-1], [[CONVERSATION, "g", "", KEY, 0]] * count])
    if count <= wire.MAX_ROOMS:
        assert len(wire.decode_from_host(record)[0].rooms) == count
    else:
        with pytest.raises(BadMessage):
            wire.decode_from_host(record)


@pytest.mark.parametrize("count", [0, wire.MAX_PRESENT, wire.MAX_PRESENT + 1])
def test_the_number_of_members_in_a_list(count: int) -> None:
    record = raw(["present", CONVERSATION, [[ID, "a"]] * count, True])
    if count <= wire.MAX_PRESENT:
        assert len(wire.decode_from_host(record)[0].members) == count
    else:
        with pytest.raises(BadMessage):
            wire.decode_from_host(record)


def test_the_longest_messages_fit_a_record() -> None:
    long_info = wire.MemberInfo(ID, "\U0001f600" * wire.MAX_NAME)
    room = wire.RoomInfo(CONVERSATION, "\U0001f600" * wire.MAX_NAME, "\U0001f600" * wire.MAX_TOPIC, KEY, 2**63 - 1)
    for longest in (
        wire.Posted(CONVERSATION, KEY, ID, POST, 2**63 - 1, bytes(wire.MAX_SEALED)),
        wire.Welcome(long_info, long_info, CONVERSATION, False, [room] * wire.MAX_ROOMS),
        wire.Present(CONVERSATION, [long_info] * wire.MAX_PRESENT, False),
        wire.Joined(CONVERSATION, [long_info] * wire.MAX_PRESENT),
        wire.Left(CONVERSATION, [ID] * wire.MAX_PRESENT, "cut"),
        wire.RoomList(
            [wire.RoomRow("\U0001f600" * wire.MAX_NAME, "\U0001f600" * wire.MAX_TOPIC, True, 2**63 - 1, True)]
            * wire.MAX_ROOMS
        ),
        wire.LogEntry(2**63 - 1, "x" * 32, [(f"{n:032}", "\U0001f600" * 512) for n in range(16)]),
    ):
        (plaintext,) = wire.pack([wire.encode(longest)])
        assert len(plaintext) + 16 <= wire.MAX_RECORD
        assert wire.decode_from_host(plaintext) == [longest]


# --- records that are none ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [0, 257, 10_000])
def test_a_record_has_1_to_256_messages(count: int) -> None:
    with pytest.raises(BadMessage) as caught:
        wire.decode_from_member(raw(*[["alive"]] * count))
    assert str(count) in str(caught.value)


def test_a_record_of_256_messages() -> None:
    assert wire.decode_from_member(raw(*[["alive"]] * 256)) == [wire.Alive()] * 256


@pytest.mark.parametrize(
    "plaintext",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"\xc0", id="nil"),
        pytest.param(raw({"alive": 1}), id="a map in it"),
        pytest.param(msgspec.msgpack.encode({}), id="a map"),
        pytest.param(msgspec.msgpack.encode(["alive"]), id="a message that is not in a list"),
        pytest.param(raw(["alive"]) + b"\0", id="trailing byte"),
        pytest.param(raw(["alive"]) * 2, id="two records"),
        pytest.param(raw(["alive"])[:-1], id="cut"),
        pytest.param(raw(["unknown"]), id="unknown tag"),
        pytest.param(raw(["Alive"]), id="tags have one spelling"),
        pytest.param(raw([b"alive"]), id="a tag of bytes"),
        pytest.param(raw([[]]), id="no tag"),
        pytest.param(raw(["alive"], ["nick", ""]), id="the second is wrong"),
        pytest.param(b"\x91" * 5_000, id="deep"),
        pytest.param(b"\x91\x91\xa5alive\xc1", id="a byte that MessagePack never uses"),
        pytest.param(raw(["nick", b"alice"]), id="bytes for a text"),
        pytest.param(raw(["get-key", "a" * 32]), id="a text for bytes"),
    ],
)
def test_what_is_no_record(plaintext: bytes) -> None:
    for decode in (wire.decode_from_member, wire.decode_from_host):
        with pytest.raises(BadMessage):
            decode(plaintext)


@pytest.mark.parametrize("plaintext", [raw(["bye", 7]), raw(["bye", "left"], ["bye", 7])])
def test_a_bad_message_names_the_field(plaintext: bytes) -> None:
    with pytest.raises(BadMessage) as caught:
        wire.decode_from_member(plaintext)
    assert re.search(r"\$\[[01]\]\[1\]", str(caught.value))


@pytest.mark.parametrize("size", [1, 100_000])
def test_the_sentence_of_a_bad_message_holds_nothing_of_the_peer(size: int) -> None:
    """A person reads it on a terminal: no control characters, no flood, nothing to be made to believe."""
    evil = "\x1b[2J\u202eYou have won a lot of money" * size
    for message in ([evil], ["nick", evil], [evil, 1], ["bye", evil], [{evil: 1}], ["join", {evil: evil}]):
        with pytest.raises(BadMessage) as caught:
            wire.decode_from_member(raw(message))
        sentence = str(caught.value)
        assert sentence.isprintable()
        assert len(sentence) < 300
        assert "won" not in sentence


@pytest.mark.parametrize(
    "plaintext",
    [
        pytest.param(b"\xdd\xff\xff\xff\xff", id="messages"),
        pytest.param(b"\x91\xdd\xff\xff\xff\xff", id="fields"),
        pytest.param(b"\xdf\xff\xff\xff\xff", id="a map"),
        pytest.param(b"\x91\x92\xa4join\xdb\xff\xff\xff\xff", id="a text"),
        pytest.param(b"\x91\x92\xa7get-key\xc6\xff\xff\xff\xff", id="bytes"),
        pytest.param(b"\x91\x93\xa7present\xdd\xff\xff\xff\xff", id="members"),
    ],
)
def test_a_promised_length_allocates_nothing(plaintext: bytes) -> None:
    tracemalloc.start()
    try:
        for decode in (wire.decode_from_member, wire.decode_from_host):
            with pytest.raises(BadMessage):
                decode(plaintext)
        assert tracemalloc.get_traced_memory()[1] < 100_000
    finally:
        tracemalloc.stop()


def decodes_or_says_why(plaintext: bytes) -> None:
    for decode in (wire.decode_from_member, wire.decode_from_host):
        sentence = ""
        try:
            messages = decode(plaintext)
        except BadMessage as error:
            sentence = str(error)
        else:
            assert 0 < len(messages) <= wire.MAX_BATCH
            # What was accepted can be said again: nothing in it is outside of its type.
            assert decode(b"".join(wire.pack([wire.encode(message) for message in messages]))) == messages
        assert sentence.isprintable()
        assert len(sentence) < 300


@given(st.binary(max_size=400))
def test_garbage_is_a_bad_message(plaintext: bytes) -> None:
    decodes_or_says_why(plaintext)


_values: st.SearchStrategy[Any] = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(2**63), 2**64 - 1),
        st.floats(),
        st.text(max_size=40),
        st.binary(max_size=40),
        st.sampled_from([ID, CONVERSATION, POST, SEALED, "alice", "left", 1]),
        st.sampled_from(sorted({wire.tag_of(message) for message in BOTH_WAYS + OF_MEMBER + OF_HOST})),
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=6), st.dictionaries(st.text(max_size=5), inner, max_size=3)),
    max_leaves=12,
)


@given(st.lists(_values, max_size=4))
@example([["\x1b]0;x\x07"]])
def test_any_values_are_messages_or_bad(values: list[Any]) -> None:
    decodes_or_says_why(msgspec.msgpack.encode(values))


@given(st.data())
@settings(max_examples=150)
def test_a_mutated_record_is_a_record_or_bad(data: st.DataObject) -> None:
    chosen = data.draw(st.lists(st.sampled_from(BOTH_WAYS + OF_MEMBER + OF_HOST), min_size=1, max_size=4))
    plaintext = bytearray(wire.pack([wire.encode(message) for message in chosen])[0])
    for _ in range(data.draw(st.integers(1, 3))):
        position = data.draw(st.integers(0, len(plaintext) - 1))
        match data.draw(st.sampled_from(["flip", "cut", "insert"])):
            case "flip":
                plaintext[position] ^= data.draw(st.integers(1, 255))
            case "cut" if len(plaintext) > 1:
                del plaintext[position : position + data.draw(st.integers(1, 8))]
            case _:
                plaintext[position:position] = data.draw(st.binary(min_size=1, max_size=8))
        if not plaintext:
            break
    decodes_or_says_why(bytes(plaintext))


# --- pack -----------------------------------------------------------------------------------------------------------


def test_pack_of_nothing() -> None:
    assert list(wire.pack([])) == []


@pytest.mark.parametrize(("count", "records"), [(1, 1), (15, 1), (16, 1), (256, 1), (257, 2), (512, 2), (1000, 4)])
def test_pack_splits_by_count(count: int, records: int) -> None:
    sent = [wire.Ack(POST, number) for number in range(1, count + 1)]
    plaintexts = wire.pack([wire.encode(message) for message in sent])
    assert len(plaintexts) == records
    assert [message for plaintext in plaintexts for message in wire.decode_from_host(plaintext)] == sent


@pytest.mark.parametrize("above", [-1, 0, 1])
def test_pack_splits_by_size(above: int) -> None:
    """Two messages that just fit one record, or just do not."""
    room = wire.MAX_RECORD - 16 - 3
    first = wire.Post(CONVERSATION, KEY, ID, POST, bytes(65_000))
    left = room - len(wire.encode(first)) + above
    shell = len(wire.encode(wire.Post(CONVERSATION, KEY, ID, POST, bytes(66_000)))) - 66_000
    second = wire.Post(CONVERSATION, KEY, ID, POST, bytes(left - shell))
    plaintexts = wire.pack([wire.encode(first), wire.encode(second)])
    assert len(plaintexts) == (1 if above <= 0 else 2)
    assert [message for plaintext in plaintexts for message in wire.decode_from_member(plaintext)] == [first, second]


@given(st.lists(st.one_of(st.integers(272, 700), st.integers(272, wire.MAX_SEALED)), max_size=40), st.integers(0, 600))
@settings(max_examples=60)
def test_pack_keeps_everything_in_order_within_the_limits(sizes: list[int], small: int) -> None:
    sent: list[wire.Message] = [wire.Post(CONVERSATION, KEY, ID, POST, bytes(size)) for size in sizes]
    sent[len(sent) // 2 : len(sent) // 2] = [wire.Nick(str(number)) for number in range(small)]
    plaintexts = wire.pack([wire.encode(message) for message in sent])
    assert all(0 < len(plaintext) <= wire.MAX_RECORD - 16 for plaintext in plaintexts)
    assert [message for plaintext in plaintexts for message in wire.decode_from_member(plaintext)] == sent
    # No two neighbours would have fitted into one.
    lengths = [(len(plaintext), len(wire.decode_from_member(plaintext))) for plaintext in plaintexts]
    for (size, count), (next_size, next_count) in pairwise(lengths):
        assert count == wire.MAX_BATCH or size + next_size > 60_000 or count + next_count > wire.MAX_BATCH


# --- RecordReader ---------------------------------------------------------------------------------------------------


def framed(record: bytes) -> bytes:
    return len(record).to_bytes(4, "big") + record


RECORDS = [b"a" * 17, b"b" * 1000, bytes(wire.MAX_RECORD), b"c" * 17]
STREAM = b"".join(map(framed, RECORDS))


def test_the_reader_takes_records_whole() -> None:
    reader = RecordReader()
    assert list(reader.feed(STREAM)) == RECORDS
    assert reader.pending == b""


def test_the_reader_takes_records_byte_by_byte() -> None:
    reader, found = RecordReader(), []
    for index in range(len(STREAM)):
        found += reader.feed(STREAM[index : index + 1])
    assert found == RECORDS
    assert reader.pending == b""


def test_the_reader_keeps_trailing_data() -> None:
    reader = RecordReader()
    assert list(reader.feed(framed(RECORDS[0]) + b"\0\0\0\x20abc")) == RECORDS[:1]
    assert reader.pending == b"\0\0\0\x20abc"
    assert list(reader.feed(b"d" * 28)) == []
    assert list(reader.feed(b"e" + b"\0")) == [b"abc" + b"d" * 28 + b"e"]
    assert reader.pending == b"\0"
    assert list(reader.feed(b"")) == []


@given(st.lists(st.integers(17, 300), max_size=8), st.data())
@settings(max_examples=60)
def test_the_reader_does_not_care_how_bytes_arrive(sizes: list[int], data: st.DataObject) -> None:
    records = [bytes((index,)) * size for index, size in enumerate(sizes)]
    stream = b"".join(map(framed, records))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=12)))
    reader, found = RecordReader(), []
    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        found += reader.feed(stream[start:end])
        arrived = stream[:end]
        assert sum(len(record) + 4 for record in found) + len(reader.pending) == len(arrived), "nothing kept twice"
    assert found == records


@pytest.mark.parametrize("size", [0, 1, 16, wire.MAX_RECORD + 1, 2**24, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF])
@pytest.mark.parametrize("trailing", [0, 1, 200_000])
def test_a_length_outside_the_limits_is_refused_before_anything_is_kept(size: int, trailing: int) -> None:
    for first in ([], [b"f" * 17]):
        reader, found = RecordReader(), []
        with pytest.raises(TooLong) as caught:
            found.extend(reader.feed(b"".join(map(framed, first)) + size.to_bytes(4, "big") + bytes(trailing)))
        assert found == first
        assert len(reader.pending) <= wire.LENGTH_SIZE
        assert caught.value.fields == {"size": size}


@pytest.mark.parametrize("size", [0, 16, wire.MAX_RECORD + 1, 0xFFFFFFFF])
def test_a_length_outside_the_limits_is_refused_at_its_last_byte(size: int) -> None:
    reader = RecordReader()
    length = size.to_bytes(4, "big")
    for index in range(3):
        assert list(reader.feed(length[index : index + 1])) == []
    with pytest.raises(TooLong):
        list(reader.feed(length[3:]))
    assert len(reader.pending) <= wire.LENGTH_SIZE


def test_the_reader_never_keeps_more_than_one_record() -> None:
    reader = RecordReader()
    chunk = framed(bytes(wire.MAX_RECORD))[:-1]
    assert list(reader.feed(chunk)) == []
    assert len(reader.pending) == wire.MAX_RECORD + 3
    assert list(reader.feed(b"\0" + chunk)) == [bytes(wire.MAX_RECORD)]
    assert len(reader.pending) == wire.MAX_RECORD + 3


def test_the_promise_of_a_long_record_keeps_no_memory() -> None:
    tracemalloc.start()
    try:
        readers = [RecordReader() for _ in range(100)]
        for reader in readers:
            assert list(reader.feed(wire.MAX_RECORD.to_bytes(4, "big") + b"x")) == []
        assert tracemalloc.get_traced_memory()[1] < 100_000
    finally:
        tracemalloc.stop()


@given(st.binary(max_size=300))
def test_garbage_is_records_or_too_long(data: bytes) -> None:
    reader = RecordReader()
    try:
        for record in reader.feed(data):
            assert wire.MIN_RECORD <= len(record) <= wire.MAX_RECORD
    except TooLong:
        pass
    assert len(reader.pending) <= len(data)


def test_what_is_printed_of_a_room_is_not_its_key() -> None:
    assert "kkkk" not in repr(wire.RoomInfo(b"c" * 16, "general", "", b"k" * 32, 0))
