"""Records: what is one and what is none, messages that are packed into them, and streams that are cut into them."""

import re
import tracemalloc
from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from usi.core import codec, wire
from usi.core.codec import RecordReader
from usi.core.errors import BadMessage, TooLong

from .messages import (
    BOTH_WAYS,
    CONVERSATION,
    ID,
    KEY,
    OF_HOST,
    OF_MEMBER,
    POST,
    SEALED,
    raw,
)


@pytest.mark.parametrize("count", [0, 257, 10_000])
def test_a_record_has_1_to_256_messages(count: int) -> None:
    with pytest.raises(BadMessage) as caught:
        codec.decode_from_member(raw(*[["alive"]] * count))
    assert str(count) in str(caught.value)


def test_a_record_of_256_messages() -> None:
    assert codec.decode_from_member(raw(*[["alive"]] * 256)) == [wire.Alive()] * 256


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
    for decode in (codec.decode_from_member, codec.decode_from_host):
        with pytest.raises(BadMessage):
            decode(plaintext)


@pytest.mark.parametrize("plaintext", [raw(["bye", 7]), raw(["bye", "left"], ["bye", 7])])
def test_a_bad_message_names_the_field(plaintext: bytes) -> None:
    with pytest.raises(BadMessage) as caught:
        codec.decode_from_member(plaintext)
    assert re.search(r"\$\[[01]\]\[1\]", str(caught.value))


@pytest.mark.parametrize("size", [1, 100_000])
def test_the_sentence_of_a_bad_message_holds_nothing_of_the_peer(size: int) -> None:
    """A person reads it on a terminal: no control characters, no flood, nothing to be made to believe."""
    evil = "\x1b[2J\u202eYou have won a lot of money" * size
    for message in ([evil], ["nick", evil], [evil, 1], ["bye", evil], [{evil: 1}], ["join", {evil: evil}]):
        with pytest.raises(BadMessage) as caught:
            codec.decode_from_member(raw(message))
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
        for decode in (codec.decode_from_member, codec.decode_from_host):
            with pytest.raises(BadMessage):
                decode(plaintext)
        assert tracemalloc.get_traced_memory()[1] < 100_000
    finally:
        tracemalloc.stop()


def decodes_or_says_why(plaintext: bytes) -> None:
    for decode in (codec.decode_from_member, codec.decode_from_host):
        sentence = ""
        try:
            messages = decode(plaintext)
        except BadMessage as error:
            sentence = str(error)
        else:
            assert 0 < len(messages) <= wire.MAX_BATCH
            # What was accepted can be said again: nothing in it is outside of its type.
            assert decode(b"".join(codec.pack([codec.encode(message) for message in messages]))) == messages
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
    plaintext = bytearray(codec.pack([codec.encode(message) for message in chosen])[0])
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


def test_pack_of_nothing() -> None:
    assert list(codec.pack([])) == []


@pytest.mark.parametrize(("count", "records"), [(1, 1), (15, 1), (16, 1), (256, 1), (257, 2), (512, 2), (1000, 4)])
def test_pack_splits_by_count(count: int, records: int) -> None:
    sent = [wire.Ack(POST, number) for number in range(1, count + 1)]
    plaintexts = codec.pack([codec.encode(message) for message in sent])
    assert len(plaintexts) == records
    assert [message for plaintext in plaintexts for message in codec.decode_from_host(plaintext)] == sent


@pytest.mark.parametrize("above", [-1, 0, 1])
def test_pack_splits_by_size(above: int) -> None:
    """Two messages that just fit one record, or just do not."""
    room = wire.MAX_RECORD - 16 - 3
    first = wire.Post(CONVERSATION, KEY, ID, POST, bytes(65_000))
    left = room - len(codec.encode(first)) + above
    shell = len(codec.encode(wire.Post(CONVERSATION, KEY, ID, POST, bytes(66_000)))) - 66_000
    second = wire.Post(CONVERSATION, KEY, ID, POST, bytes(left - shell))
    plaintexts = codec.pack([codec.encode(first), codec.encode(second)])
    assert len(plaintexts) == (1 if above <= 0 else 2)
    assert [message for plaintext in plaintexts for message in codec.decode_from_member(plaintext)] == [first, second]


@given(st.lists(st.one_of(st.integers(272, 700), st.integers(272, wire.MAX_SEALED)), max_size=40), st.integers(0, 600))
@settings(max_examples=60)
def test_pack_keeps_everything_in_order_within_the_limits(sizes: list[int], small: int) -> None:
    sent: list[wire.Message] = [wire.Post(CONVERSATION, KEY, ID, POST, bytes(size)) for size in sizes]
    sent[len(sent) // 2 : len(sent) // 2] = [wire.Nick(str(number)) for number in range(small)]
    plaintexts = codec.pack([codec.encode(message) for message in sent])
    assert all(0 < len(plaintext) <= wire.MAX_RECORD - 16 for plaintext in plaintexts)
    assert [message for plaintext in plaintexts for message in codec.decode_from_member(plaintext)] == sent
    # No two neighbours would have fitted into one.
    lengths = [(len(plaintext), len(codec.decode_from_member(plaintext))) for plaintext in plaintexts]
    for (size, count), (next_size, next_count) in pairwise(lengths):
        assert count == wire.MAX_BATCH or size + next_size > 60_000 or count + next_count > wire.MAX_BATCH


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
