"""A message of each type, and records made by hand."""

from collections.abc import Callable
from typing import Any

import msgspec

from usi.core import codec, wire

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
    return msgspec.msgpack.decode(codec.encode(message))
