"""Messages as bytes, several of them in a record, and a stream of bytes cut into the records that are sealed.

A record's plaintext is one MessagePack array of 1 to 256 messages; a message is an array that starts with its tag
(docs/PROTOCOL.md, section "Messages"). What does not decode to exactly the types of `usi.core.wire` raises
`BadMessage`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TypeVar

import msgspec

from usi.core.crypto import TAG_SIZE
from usi.core.errors import BadMessage, TooLong
from usi.core.language import tr
from usi.core.wire import (
    CONVERSATION_SIZE,
    LENGTH_SIZE,
    MAX_BATCH,
    MAX_RECORD,
    MIN_RECORD,
    FromHost,
    FromMember,
    Message,
)

_FIELD = re.compile(r"`(\$[\[\].\d]*)`\Z")
_ROOM = MAX_RECORD - TAG_SIZE - 3  # for messages in a record, behind the longest array header
_T = TypeVar("_T")

_encoder = msgspec.msgpack.Encoder()
_from_member: msgspec.msgpack.Decoder[list[FromMember]] = msgspec.msgpack.Decoder(list[FromMember])
_from_host: msgspec.msgpack.Decoder[list[FromHost]] = msgspec.msgpack.Decoder(list[FromHost])


def encode(message: Message) -> bytes:
    """One message as it stands in a record. The same bytes serve any number of receivers."""
    return _encoder.encode(message)


def is_join(encoded: bytes) -> bool:
    """Whether an encoded message is a Join."""
    return encoded.startswith(b"\x92\xa4join")


def is_knock(encoded: bytes) -> bool:
    """Whether an encoded message is a Claim or a Login."""
    return encoded.startswith((b"\x93\xa5claim", b"\x92\xa5login"))


def is_resume(encoded: bytes) -> bool:
    """Whether an encoded message is a Resume."""
    return encoded.startswith(b"\x93\xa6resume")


def is_posted(encoded: bytes) -> bool:
    """Whether an encoded message is a Posted."""
    return encoded.startswith(b"\x97\xa6posted")


def conversation_of(posted: bytes) -> bytes:
    """The conversation of an encoded Posted, which is its first field."""
    return posted[len(b"\x97\xa6posted\xc4\x10") :][:CONVERSATION_SIZE]


def decode_from_member(plaintext: bytes) -> list[FromMember]:
    """The messages of a record that a member sent; `BadMessage` names the field that is wrong."""
    return decode(_from_member, plaintext)


def decode_from_host(plaintext: bytes) -> list[FromHost]:
    """The messages of a record that the host sent; `BadMessage` names the field that is wrong."""
    return decode(_from_host, plaintext)


def decode(decoder: msgspec.msgpack.Decoder[list[_T]], plaintext: bytes) -> list[_T]:
    """The messages of a record, of the types that `decoder` knows; `BadMessage` names the field that is wrong."""
    try:
        messages = decoder.decode(plaintext)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        found = _FIELD.search(str(error))  # the decoder's own sentence may quote the peer
        raise BadMessage(why=tr("the value at {place}", place=found[1]) if found else "it cannot be decoded") from error
    if not 0 < len(messages) <= MAX_BATCH:
        raise BadMessage(why=tr("{count} messages in a record", count=len(messages)))
    return messages


def pack(messages: Sequence[bytes]) -> list[bytes]:
    """Encoded messages as record plaintexts, in order, each within the limits of a record."""
    if 0 < len(messages) <= MAX_BATCH and sum(map(len, messages)) <= _ROOM:
        return [_array(messages)]
    plaintexts: list[bytes] = []
    start = size = 0
    for index, message in enumerate(messages):
        if index > start and (size + len(message) > _ROOM or index - start == MAX_BATCH):
            plaintexts.append(_array(messages[start:index]))
            start, size = index, 0
        size += len(message)
    if start < len(messages):
        plaintexts.append(_array(messages[start:]))
    return plaintexts


def _array(messages: Sequence[bytes]) -> bytes:
    count = len(messages)
    header = bytes((0x90 | count,)) if count < 16 else b"\xdc" + count.to_bytes(2, "big")
    return header + b"".join(messages)


class RecordReader:
    """Cuts a stream of bytes into sealed records; a length outside the limits raises before anything more is kept."""

    __slots__ = ("_buffer", "_need")

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._need = LENGTH_SIZE

    @property
    def pending(self) -> bytes:
        """Bytes of a record that is not whole yet."""
        return bytes(self._buffer)

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The sealed records that `data` completes."""
        if self._buffer:
            self._buffer += data  # grown in place: a peer that sends byte by byte costs no quadratic time
            if len(self._buffer) < self._need:
                return
            data = bytes(self._buffer)
            self._buffer.clear()
        position, end = 0, len(data)
        self._need = LENGTH_SIZE
        while end - position >= LENGTH_SIZE:
            size = int.from_bytes(data[position : position + LENGTH_SIZE], "big")
            if not MIN_RECORD <= size <= MAX_RECORD:
                raise TooLong(size=size)
            start = position + LENGTH_SIZE
            if end - start < size:
                self._need = LENGTH_SIZE + size
                break
            position = start + size
            yield data[start:position]
        self._buffer += data[position:]
