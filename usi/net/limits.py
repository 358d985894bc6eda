"""What a host limits, and how much of it is in use: the rows of /limits."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from usi.config import Limits
from usi.core import hub, numbering, offering, relay, session, wire
from usi.core.events import LimitRow, Unit
from usi.core.facts import Load
from usi.core.language import tr


@dataclass(frozen=True)
class Use:
    """How much of each a host has in use now."""

    connections: int
    connections_most: int
    """What the operating system gives, where that is less than the setting."""
    connections_of_one: int
    """From the address that has most."""
    half_open: int
    half_open_of_one: int
    queue: int
    """Bytes that wait for the slowest reader."""
    kept: int
    """The most that is kept of one member's messages until it has them."""
    kept_in_all: int
    seats: int
    """Kept for members whose links were cut."""
    hub: Load


def rows(limits: Limits, use: Use) -> list[LimitRow]:
    """Each limit, with what is in use where that can be said."""
    return list(_rows(limits, use))


def _rows(limits: Limits, use: Use) -> Iterator[LimitRow]:
    def row(name: str, text: str, limit: float, used: float | None = None, unit: Unit = "count") -> LimitRow:
        return LimitRow(name=name, text=text, limit=limit, used=used, unit=unit)

    yield row("connections", tr("Connections, joined or not"), use.connections_most, use.connections)
    yield row("connections_per_address", tr("Connections from one address (not from this machine)"),
              limits.connections_per_address, use.connections_of_one)  # fmt: skip
    yield row("half_open", tr("Connections that have not joined"), limits.half_open, use.half_open)
    yield row("half_open_per_address", tr("The same from one address"), limits.half_open_per_address,
              use.half_open_of_one)  # fmt: skip
    yield row("handshake_seconds", tr("Time to join"), limits.handshake_seconds, unit="seconds")
    yield row("handshake_bytes", tr("Bytes of a key exchange"), session.HELLO_SIZE + session.ANSWER_SIZE, unit="bytes")
    yield row("record_bytes", tr("Bytes of a record"), wire.MAX_RECORD, unit="bytes")
    yield row("sender_rate", tr("Messages of one member"), limits.sender_rate, unit="a second")
    yield row("sender_burst", tr("The same at once"), limits.sender_burst)
    yield row("queue_bytes", tr("Waiting for one slow reader"), limits.queue_bytes, use.queue, "bytes")
    yield row("kept_bytes", tr("Kept for one member until it has it"), limits.kept_bytes, use.kept, "bytes")
    yield row("kept_bytes_in_all", tr("Kept for members whose connection was cut"), limits.kept_bytes_in_all,
              use.kept_in_all, "bytes")  # fmt: skip
    yield row("seat_seconds", tr("Time that their seats are kept ({count} now)", count=use.seats),
              limits.seat_seconds, unit="seconds")  # fmt: skip
    yield row("log_posts", tr("Messages of a conversation that can be asked for again"), numbering.LOG_POSTS,
              use.hub.log_posts)  # fmt: skip
    yield row("log_bytes", tr("The same in bytes"), numbering.LOG_BYTES, unit="bytes")
    yield row("logs_bytes", tr("Of all conversations together"), numbering.LOGS_BYTES, use.hub.log_bytes, "bytes")
    yield row("rooms", tr("Rooms"), wire.MAX_ROOMS, use.hub.rooms)
    yield row("private", tr("Private conversations that one member opens ({count} in all)", count=use.hub.talks),
              relay.OPEN_TALKS)  # fmt: skip
    yield row("pairs", tr("Private connections that one member opens in a minute"), relay.NEW_PAIRS)
    yield row("transfers", tr("Files that pass at once"), hub.TRANSFERS, use.hub.transfers)
    yield row("transfers_of_one", tr("The same to one receiver"), hub.TRANSFERS_OF_ONE, use.hub.transfers_of_one)
    yield row("offers", tr("Files that one member offers"), offering.OWN_OFFERS)
    yield row("name", tr("Characters of a name"), wire.MAX_NAME)
    yield row("topic", tr("Characters of a topic"), wire.MAX_TOPIC)
    yield row("text", tr("Bytes of a message"), wire.MAX_TEXT, unit="bytes")
