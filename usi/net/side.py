"""What stands between a person's member machine and the hub: two protocols, and the counts they share.

A `Side` is how a person reaches the hub: `Host` in memory, `Client` over a link. A `Person` is whom it serves:
`net.peer`.
"""

from __future__ import annotations

import socket
from collections.abc import Sequence
from typing import Literal, NamedTuple, Protocol

from usi.core import events, wire
from usi.core.crypto import PublicKey
from usi.core.errors import PeerError
from usi.core.session import Session
from usi.core.trace import Trace


class Traffic(NamedTuple):
    """Counts of a connection, or of all of a host's."""

    bytes_in: int
    bytes_out: int
    records_in: int
    records_out: int


class Person(Protocol):
    @property
    def joined(self) -> bool:
        """Whether the hub's welcome has arrived whole."""

    def progress(self, step: Literal["dial", "exchange", "busy", "join"], attempt: int) -> None:
        """How far joining has come."""

    def judge(self, place: str, key: PublicKey) -> None:
        """Look at the key of the host at HOST:PORT; raises the `PeerError` for which nothing must be said to it."""

    def keyed(self, session: Session | None, *, by_code: bool = False) -> None:
        """The way to the hub is open: over this session, or in memory. `by_code`: the host has proved a code."""

    def hear(self, messages: Sequence[wire.Message | wire.LinkFacts]) -> None:
        """Messages of the hub, in order."""

    def reconnecting(self, error: PeerError, attempt: int) -> None:
        """The way to the hub is cut, in this way, and is tried to be restored. What the person says is kept."""

    def resumed(self, attempt: int, missed: int) -> None:
        """It is restored, as it was; so many posts come now that were made meanwhile."""

    def anew(self, session: Session) -> None:
        """It is restored, but the host knows nothing of the seat: ask to join again, over this session."""

    def ended(self, error: PeerError) -> None:
        """The way to the hub is gone. Called at most once, and only after `keyed`."""

    def refused(self, address: str, error: PeerError) -> None:
        """This host turned a connection away."""

    def trace(self, link: str, trace: Trace) -> None: ...

    def tell(self, event: events.Event) -> None:
        """Something that only this side knows."""


class Side(Protocol):
    @property
    def label(self) -> str:
        """Whom this side is connected to, or where it listens."""

    async def start(self) -> None:
        """Open the way to the hub; raises `UsiError`."""

    def arrival(self, name: str, member: str, rooms: list[str], verified: bool) -> events.Event:
        """The event that tells the person that it is in: under this name and member id, with these rooms, and whether
        the host is verified."""

    def send(self, messages: Sequence[wire.Message]) -> None: ...

    def invite(self) -> None:
        """Make an invitation and tell the person of it. Raises `LocalError` where there is nothing to invite to."""

    async def open_data(self, ticket: bytes) -> socket.socket:
        """A data connection for this ticket, to be read or written by a thread; raises `OSError`."""

    def passing(self) -> list[events.PassingRow]:
        """The transfers that pass through this host; none for a guest."""

    def fail(self, error: PeerError) -> None:
        """What the hub said makes no sense: end the connection to it."""

    def part(self, member: bytes, error: PeerError) -> None:
        """End the link to this member, which is the host for a guest, with this reason."""

    def tick(self, slept: float) -> None:
        """About once a second; `slept`: seconds for which this machine was asleep or stopped, or 0."""

    def pause_reading(self) -> None:
        """The person does not keep up."""

    def resume_reading(self) -> None: ...

    def traffic(self) -> Traffic: ...

    async def close(self) -> None:
        """Say goodbye and wait until all is closed; bounded in time."""
