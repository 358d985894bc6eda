"""What a host limits, and how much of it is in use: the numbers that answer /limits."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

from usi.config import Limits
from usi.core import fetches, hub, numbering, offering, relay, session, wire
from usi.core.facts import Load
from usi.core.wire import LimitValue


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


def values(limits: Limits, use: Use) -> list[LimitValue]:
    """Each limit, with what is in use where that can be said. `usi.core.limits` has the words."""

    def value(name: str, limit: float, used: float | None = None, count: int = 0) -> LimitValue:
        return LimitValue(name, limit, used, count)

    return [
        value("connections", use.connections_most, use.connections),
        value("connections_per_address", limits.connections_per_address, use.connections_of_one),
        value("half_open", limits.half_open, use.half_open),
        value("half_open_per_address", limits.half_open_per_address, use.half_open_of_one),
        value("handshake_seconds", limits.handshake_seconds),
        value("handshake_bytes", session.HELLO_SIZE + session.ANSWER_SIZE),
        value("record_bytes", wire.MAX_RECORD),
        value("sender_rate", limits.sender_rate),
        value("sender_burst", limits.sender_burst),
        value("queue_bytes", limits.queue_bytes, use.queue),
        value("kept_bytes", limits.kept_bytes, use.kept),
        value("kept_bytes_in_all", limits.kept_bytes_in_all, use.kept_in_all),
        value("seat_seconds", limits.seat_seconds, count=use.seats),
        value("log_posts", numbering.LOG_POSTS, use.hub.log_posts),
        value("log_bytes", numbering.LOG_BYTES),
        value("logs_bytes", numbering.LOGS_BYTES, use.hub.log_bytes),
        value("rooms", wire.MAX_ROOMS, use.hub.rooms),
        value("changes", hub.CHANGES),
        value("private", relay.OPEN_TALKS, count=use.hub.talks),
        value("pairs", relay.NEW_PAIRS),
        value("transfers", fetches.TRANSFERS, use.hub.transfers),
        value("transfers_of_one", fetches.TRANSFERS_OF_ONE, use.hub.transfers_of_one),
        value("transfers_per_address", limits.transfers_per_address, use.hub.transfers_of_address),
        value("slow_transfer_rate", limits.slow_transfer_rate),
        value("slow_transfer_seconds", limits.slow_transfer_seconds),
        value("offers", offering.OWN_OFFERS),
        value("name", wire.MAX_NAME),
        value("topic", wire.MAX_TOPIC),
        value("text", wire.MAX_TEXT),
    ]


def descriptors() -> int:
    """How many files and sockets this process may have open, raised as far as the system lets it."""
    try:
        import resource
    except ImportError:  # Windows has no such bound for sockets
        return 1_000_000
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
            soft = hard
    return soft if soft != resource.RLIM_INFINITY else 1_000_000
