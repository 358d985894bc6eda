"""Settings of a run, with their defaults and reasons. Frozen: what a run was started with does not change under it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # --help should be quick
    from usi.core.crypto import PrivateKey

DEFAULT_PORT = 12800
DEFAULT_DOWNLOADS = "usi-files"


@dataclass(frozen=True)
class Limits:
    """Times in seconds, sizes in bytes."""

    half_open: int = 64
    """Handshakes under way at once: each costs a few milliseconds of computing and some kilobytes."""
    half_open_per_address: int = 8
    """The same for one IPv4 address or IPv6 /64, so that one machine cannot take all of them."""
    handshake_seconds: float = 10.0
    """From the first byte to the member's Join; a slow line needs 2, a person is not involved."""
    connect_seconds: float = 10.0
    """Waiting for somebody to answer at an address."""
    heartbeat_seconds: float = 10.0
    """Something is sent at least this often, so that silence means a cut wire."""
    silence_seconds: float = 30.0
    """A link that hears nothing for so long is given up: three heartbeats."""
    seat_seconds: float = 30.0
    """A host keeps the seat of a member whose link was cut for so long: a little more than the member tries. 0: not at
    all."""
    resume_seconds: float = 25.0
    """A member whose link was cut tries to come back for so long, and then destroys its keys. 0: it does not try."""
    resume_pause: float = 0.5
    """Pause behind the second attempt, the first two come at once; each next one doubles it. All are varied by half,
    so that a room full of members does not come back in one instant."""
    resume_longest_pause: float = 4.0
    """The longest of them: who has been without a network for long is back soon after it is."""
    rejoin_seconds: float = 7.0
    """Between the end of those attempts and the offer to connect again: time to read what was said."""
    kept_bytes: int = 768 * 1024
    """What is kept of one member's messages until it has them. Less than its queue takes, because it is what goes out
    at once when the member is back. Posts beyond it are left out, and asked for by their numbers."""
    kept_bytes_in_all: int = 256 * 1024 * 1024
    """The same for all members together whose links were cut; of the address for which most is kept, who was cut first
    goes first."""
    connections: int = 10_000
    """Connections in all, joined or not; fewer where the operating system gives fewer descriptors."""
    connections_per_address: int = 500
    """The same for one IPv4 address or IPv6 /64, so that one machine cannot fill the host; a school behind one address
    still fits. This machine's own addresses are not held to it: whoever is here can fill it anyway."""
    sender_rate: float = 100.0
    """Messages a second that one member may send on and on; 2 KiB of a post count as a message. More wait in line."""
    sender_burst: float = 500.0
    """Messages at once: a pasted page goes at full speed, and 1 MiB of long texts still fits every reader's queue."""
    queue_bytes: int = 1024 * 1024
    """What waits for one slow reader before its link is ended."""
    goodbye_seconds: float = 3.0
    """For what is still to be written when a link ends."""
    acknowledge_seconds: float = 10.0
    """For what is still to be acknowledged when its author leaves."""
    answer_seconds: float = 60.0
    """At the end of its input, a pipe waits so long for a person who is asked whether to talk privately."""
    ticket_seconds: float = 30.0
    """A data connection must come within this time, or its ticket is worth nothing."""
    stall_seconds: float = 10.0
    """A transfer to which nothing arrives for so long is connected anew."""
    transfer_tries: int = 5
    """Such attempts in a row that bring nothing, before a transfer is given up."""
    retry_seconds: float = 0.5
    """Pause before the first of them; each next one doubles it."""
    idle_transfer_seconds: float = 60.0
    """Two data connections between which nothing moves for so long are ended by the host, and by a sender."""
    transfers_per_address: int = 32
    """Files that a host passes on at once to one IPv4 address or IPv6 /64: half of all, so that one machine cannot take
    all places. This machine's own addresses are not held to it."""
    slow_transfer_rate: float = 16 * 1024.0
    """Bytes a second that a transfer moves at least while others wait for its place at a host, or at its sender. The
    slowest below it yields, keeps what has arrived, and goes on in its turn."""
    slow_transfer_seconds: float = 60.0
    """The time over which that is measured: so long each may keep its place, and at 5 KiB/s it gets on all the same."""
    transfers_in: int = 4
    """Files received at once; more wait in line."""
    transfers_out: int = 16
    """Files sent at once, counted by receiver; who comes later waits."""
    progress_seconds: float = 0.5
    """How often progress is told."""
    listed_events: int = 10_000
    """Events that wait for a face that does not keep up."""


def limits_from(given: Iterable[str]) -> Limits:
    """The defaults, changed by texts such as `seat_seconds=60`. Raises `ValueError` with the text that cannot be: an
    unknown name, or no positive number; only the times of coming back may be 0."""
    kinds = {each.name: each.type for each in fields(Limits)}
    changed: dict[str, float] = {}
    for text in given:
        name, _, typed = text.partition("=")
        name = name.strip().replace("-", "_")
        try:
            value = int(typed) if kinds[name] == "int" else float(typed)
        except (KeyError, ValueError) as error:
            raise ValueError(text) from error
        if not math.isfinite(value) or value < 0 or (value == 0 and name not in ("resume_seconds", "seat_seconds")):
            raise ValueError(text)
        changed[name] = value
    return replace(Limits(), **changed)  # type: ignore[arg-type]  # as the fields say


@dataclass(frozen=True)
class Settings:
    """What the command line and the environment ask for."""

    hosting: bool
    name: str
    address: str | None = None
    """Where to listen (None: everywhere) or whom to join."""
    port: int = DEFAULT_PORT
    preset: bytes | None = field(default=None, repr=False)
    drawn_key: str | None = field(default=None, repr=False)
    """The preset key in base64 where this run drew it, to be shown to its person."""
    identity: Path | None = None
    """The file that the lasting key comes from; known peers are remembered beside it."""
    key: PrivateKey | None = field(default=None, repr=False)
    """The lasting key itself. Without one a key is made for each run."""
    invite: bool = False
    """A host makes an invitation at once."""
    code: str | None = field(default=None, repr=False)
    """The code of an invitation, which a guest proves before it says anything."""
    expect: bytes | None = None
    """SHA-256 of the only key that the host may have."""
    accepted: bytes | None = None
    """SHA-256 of a host's key that may stand in place of the one known from before."""
    dev: bool = False
    downloads: Path = Path(DEFAULT_DOWNLOADS)
    """The folder that received files go to; made when the first one comes."""
    accept_files: bool = False
    """Fetch everything that is offered, without asking."""
    notifications: bool = False
    """Tell the desktop of messages that nobody is looking at."""
    notify_content: bool = False
    """With their text."""
    ask_private: bool = False
    """Ask the person before somebody opens a private conversation."""
    password: str | None = field(default=None, repr=False)
    """A guest's: that of its account, or the one that all who come here share."""
    house: Any = field(default=None, repr=False)
    """A host's files, as `usi.store.house` has opened them; None: it has none."""
    limits: Limits = field(default_factory=Limits)
