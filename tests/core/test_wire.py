"""Messages: which of them each side may say, and what their fields take and refuse."""

import msgspec
import pytest

from usi.core import codec, wire
from usi.core.errors import BadMessage

from .messages import (
    BOTH_WAYS,
    CONVERSATION,
    ID,
    KEY,
    OF_HOST,
    OF_MEMBER,
    POST,
    REQUEST,
    SEALED,
    TICKET,
    TRANSFER,
    Decode,
    plain,
    raw,
)

# --- messages -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("message", BOTH_WAYS + OF_MEMBER, ids=wire.tag_of)
def test_members_messages_round_trip(message: wire.Message) -> None:
    assert codec.decode_from_member(b"\x91" + codec.encode(message)) == [message]
    assert plain(message)[0] == wire.tag_of(message)


@pytest.mark.parametrize("message", BOTH_WAYS + OF_HOST, ids=wire.tag_of)
def test_hosts_messages_round_trip(message: wire.Message) -> None:
    assert codec.decode_from_host(b"\x91" + codec.encode(message)) == [message]
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
        codec.decode_from_member(b"\x91" + codec.encode(message))


@pytest.mark.parametrize("message", OF_MEMBER, ids=wire.tag_of)
def test_a_host_cannot_say_what_a_member_says(message: wire.Message) -> None:
    with pytest.raises(BadMessage):
        codec.decode_from_host(b"\x91" + codec.encode(message))


@pytest.mark.parametrize("message", BOTH_WAYS + OF_MEMBER + OF_HOST, ids=wire.tag_of)
def test_fields_are_neither_missing_nor_more(message: wire.Message) -> None:
    decode: Decode = codec.decode_from_member if message in BOTH_WAYS + OF_MEMBER else codec.decode_from_host
    fields = plain(message)
    assert decode(raw(fields)) == [message]
    for wrong in (fields[:-1], [*fields, 1], [*fields, None], fields[1:], [None, *fields[1:]]):
        with pytest.raises(BadMessage):
            decode(raw(wrong))


@pytest.mark.parametrize("message", BOTH_WAYS + OF_MEMBER + OF_HOST, ids=wire.tag_of)
def test_no_field_takes_another_type(message: wire.Message) -> None:
    decode: Decode = codec.decode_from_member if message in BOTH_WAYS + OF_MEMBER else codec.decode_from_host
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
    "member": (lambda value: ["get-key", value], codec.decode_from_member, 32, 32),
    "conversation": (lambda value: ["post", value, KEY, ID, POST, SEALED], codec.decode_from_member, 16, 16),
    "key id": (lambda value: ["post", CONVERSATION, value, ID, POST, SEALED], codec.decode_from_member, 32, 32),
    "sender": (lambda value: ["post", CONVERSATION, KEY, value, POST, SEALED], codec.decode_from_member, 32, 32),
    "post id": (lambda value: ["post", CONVERSATION, KEY, ID, value, SEALED], codec.decode_from_member, 15, 15),
    "sealed": (
        lambda value: ["post", CONVERSATION, KEY, ID, POST, value],
        codec.decode_from_member,
        wire.PADDING + 16,
        wire.MAX_SEALED,
    ),
    "posted": (
        lambda value: ["posted", CONVERSATION, KEY, ID, POST, 1, value],
        codec.decode_from_host,
        wire.PADDING + 16,
        wire.MAX_SEALED,
    ),
    "modulus": (lambda value: ["key", ID, value], codec.decode_from_host, 256, 256),
    "session": (
        lambda value: ["welcome", [ID, "a"], [ID, "h"], value, False, []],
        codec.decode_from_host,
        16,
        16,
    ),
    "room key": (
        lambda value: ["welcome", [ID, "a"], [ID, "h"], CONVERSATION, False, [[CONVERSATION, "g", "", value, 0]]],
        codec.decode_from_host,
        32,
        32,
    ),
    "acknowledged": (lambda value: ["ack", value, 1], codec.decode_from_host, 15, 15),
    "stale": (lambda value: ["stale-key", value], codec.decode_from_host, 15, 15),
    "who left": (lambda value: ["left", CONVERSATION, [value], "cut"], codec.decode_from_host, 32, 32),
    "whose file": (lambda value: ["fetch", value, TRANSFER, REQUEST, 0], codec.decode_from_member, 32, 32),
    "fetched transfer": (lambda value: ["fetch", ID, value, REQUEST, 0], codec.decode_from_member, 16, 16),
    "request": (lambda value: ["fetch", ID, TRANSFER, value, 0], codec.decode_from_member, 16, 16),
    "transfer of a word": (lambda value: ["file-word", ID, value, "declined"], codec.decode_from_member, 16, 16),
    "ticket": (lambda value: ["ticket", REQUEST, value], codec.decode_from_host, 32, 32),
    "wanted transfer": (lambda value: ["wanted", ID, value, 0, TICKET], codec.decode_from_host, 16, 16),
    "ticket of a sender": (lambda value: ["wanted", ID, TRANSFER, 0, value], codec.decode_from_host, 32, 32),
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
    "join": (lambda value: ["join", value], codec.decode_from_member, 1, 24),
    "nick": (lambda value: ["nick", value], codec.decode_from_member, 1, 24),
    "away": (lambda value: ["away", value], codec.decode_from_member, 0, 100),
    "absent": (lambda value: ["absent", ID, value], codec.decode_from_host, 0, 100),
    "present, away": (
        lambda value: ["present", CONVERSATION, [[ID, "a", value]], True],
        codec.decode_from_host,
        0,
        100,
    ),
    "joined": (lambda value: ["joined", CONVERSATION, [[ID, value]]], codec.decode_from_host, 1, 24),
    "present": (lambda value: ["present", CONVERSATION, [[ID, value]], True], codec.decode_from_host, 1, 24),
    "room": (
        lambda value: ["welcome", [ID, "a"], [ID, "h"], CONVERSATION, False, [[CONVERSATION, value, "", KEY, 0]]],
        codec.decode_from_host,
        1,
        24,
    ),
    "topic": (
        lambda value: ["welcome", [ID, "a"], [ID, "h"], CONVERSATION, False, [[CONVERSATION, "g", value, KEY, 0]]],
        codec.decode_from_host,
        0,
        200,
    ),
    "notice": (lambda value: ["notice", "code", value], codec.decode_from_host, 0, 256),
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
        codec.decode_from_member(b"\x91\x92\xa4join" + bytes((0xA0 | len(broken),)) + broken)


@pytest.mark.parametrize(
    "code", ["", "Left", "1st", "-x", "a" * 33, "a b", "a\n", "left\n", "\nleft", "a\nb", "é", "a_b", "a\0", "\u0661"]
)
def test_codes(code: str) -> None:
    """A code is shown, compared and looked up; nothing may hide in it."""
    for decode, message in (
        (codec.decode_from_member, ["bye", code]),
        (codec.decode_from_host, ["bye", code]),
        (codec.decode_from_host, ["left", ID, code]),
        (codec.decode_from_host, ["refused", POST, code]),
        (codec.decode_from_host, ["notice", code, ""]),
        (codec.decode_from_host, ["no-ticket", REQUEST, code]),
        (codec.decode_from_host, ["file-word", ID, TRANSFER, code]),
        (codec.decode_from_member, ["file-word", ID, TRANSFER, code]),
    ):
        with pytest.raises(BadMessage):
            decode(raw(message))


@pytest.mark.parametrize("code", ["a", "a" * 32, "not-usi", "a1-", "z9"])
def test_codes_that_fit(code: str) -> None:
    assert codec.decode_from_host(raw(["bye", code])) == [wire.Bye(code)]


@pytest.mark.parametrize("number", [0, -1, 2**63, 2**64 - 1])
def test_numbers_count_from_one(number: int) -> None:
    for message in (["ack", POST, number], ["posted", CONVERSATION, KEY, ID, POST, number, SEALED]):
        with pytest.raises(BadMessage):
            codec.decode_from_host(raw(message))


@pytest.mark.parametrize(("number", "fits"), [(-1, False), (0, True), (2**63 - 1, True), (2**63, False)])
def test_the_newest_number_of_a_room(number: int, fits: bool) -> None:
    room = [CONVERSATION, "g", "", KEY, number]
    record = raw(["welcome", [ID, "a"], [ID, "h"], CONVERSATION, False, [room]])
    if fits:
        assert codec.decode_from_host(record)[0].rooms[0].number == number
    else:
        with pytest.raises(BadMessage):
            codec.decode_from_host(record)


@pytest.mark.parametrize(("chunk", "fits"), [(-1, False), (0, True), (2**63 - 1, True), (2**63, False)])
def test_the_first_chunk_of_a_transfer(chunk: int, fits: bool) -> None:
    for decode, message in (
        (codec.decode_from_member, ["fetch", ID, TRANSFER, REQUEST, chunk]),
        (codec.decode_from_host, ["wanted", ID, TRANSFER, chunk, TICKET]),
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
        assert len(codec.decode_from_host(record)[0].rooms) == count
    else:
        with pytest.raises(BadMessage):
            codec.decode_from_host(record)


@pytest.mark.parametrize("count", [0, wire.MAX_PRESENT, wire.MAX_PRESENT + 1])
def test_the_number_of_members_in_a_list(count: int) -> None:
    record = raw(["present", CONVERSATION, [[ID, "a"]] * count, True])
    if count <= wire.MAX_PRESENT:
        assert len(codec.decode_from_host(record)[0].members) == count
    else:
        with pytest.raises(BadMessage):
            codec.decode_from_host(record)


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
        (plaintext,) = codec.pack([codec.encode(longest)])
        assert len(plaintext) + 16 <= wire.MAX_RECORD
        assert codec.decode_from_host(plaintext) == [longest]


def test_what_is_printed_of_a_room_is_not_its_key() -> None:
    assert "kkkk" not in repr(wire.RoomInfo(b"c" * 16, "general", "", b"k" * 32, 0))
