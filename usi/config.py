"""Settings of a run, with their defaults and reasons. Frozen: what a run was started with does not change under it."""

from __future__ import annotations

from dataclasses import dataclass, field
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
    connections: int = 10_000
    """Connections in all, joined or not; fewer where the operating system gives fewer descriptors."""
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
    transfers_in: int = 4
    """Files received at once; more wait in line."""
    transfers_out: int = 16
    """Files sent at once, counted by receiver; who comes later waits."""
    progress_seconds: float = 0.5
    """How often progress is told."""
    listed_events: int = 10_000
    """Events that wait for a face that does not keep up."""


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
