"""A host's limits in words: what /limits shows of the numbers that the host tells."""

from __future__ import annotations

from collections.abc import Sequence

from usi.core.events import LimitRow, Unit
from usi.core.language import tr
from usi.core.wire import LimitValue


def rows(values: Sequence[LimitValue]) -> list[LimitRow]:
    """A row for each number. One that only a newer host knows is called by the name of its setting."""
    shown = []
    for value in values:
        text, unit = _words(value)
        shown.append(LimitRow(name=value.name, text=text, limit=value.limit, used=value.used, unit=unit))
    return shown


def _words(value: LimitValue) -> tuple[str, Unit]:
    match value.name:
        case "connections":
            return tr("Connections, joined or not"), "count"
        case "connections_per_address":
            return tr("Connections from one address (not from this machine)"), "count"
        case "half_open":
            return tr("Connections that have not joined"), "count"
        case "half_open_per_address":
            return tr("The same from one address"), "count"
        case "handshake_seconds":
            return tr("Time to join"), "seconds"
        case "handshake_bytes":
            return tr("Bytes of a key exchange"), "bytes"
        case "record_bytes":
            return tr("Bytes of a record"), "bytes"
        case "sender_rate":
            return tr("Messages of one member"), "a second"
        case "sender_burst":
            return tr("The same at once"), "count"
        case "queue_bytes":
            return tr("Waiting for one slow reader"), "bytes"
        case "kept_bytes":
            return tr("Kept for one member until it has it"), "bytes"
        case "kept_bytes_in_all":
            return tr("Kept for members whose connection was cut"), "bytes"
        case "seat_seconds":
            return tr("Time that their seats are kept ({count} now)", count=value.count), "seconds"
        case "log_posts":
            return tr("Messages of a conversation that can be asked for again"), "count"
        case "log_bytes":
            return tr("The same in bytes"), "bytes"
        case "logs_bytes":
            return tr("Of all conversations together"), "bytes"
        case "rooms":
            return tr("Rooms"), "count"
        case "changes":
            return tr("Changes of one member in a minute: name, topic, room, /away"), "count"
        case "private":
            return tr("Private conversations that one member opens ({count} in all)", count=value.count), "count"
        case "pairs":
            return tr("Private connections that one member opens in a minute"), "count"
        case "transfers":
            return tr("Files that pass at once"), "count"
        case "transfers_of_one":
            return tr("The same to one receiver"), "count"
        case "transfers_per_address":
            return tr("The same to one address (not to this machine)"), "count"
        case "slow_transfer_rate":
            return tr("Bytes that one moves at least while others wait"), "a second"
        case "slow_transfer_seconds":
            return tr("The time over which that is measured"), "seconds"
        case "offers":
            return tr("Files that one member offers"), "count"
        case "name":
            return tr("Characters of a name"), "count"
        case "topic":
            return tr("Characters of a topic"), "count"
        case "text":
            return tr("Bytes of a message"), "bytes"
        case _:
            return value.name, "count"
