"""Looking at the way to a host without joining it, and at this machine's own door: for `--doctor`.

Plain sockets with deadlines and no event loop, so that a question that nobody answers can be left behind.
"""

from __future__ import annotations

import ipaddress
import queue
import selectors
import socket
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal, TypeVar, cast

from usi.core import wire
from usi.core.crypto import PrivateKey
from usi.core.errors import REFUSALS, BadHandshake, HandshakeTimeout, LocalError, NotUsi, PeerError, UnknownHost
from usi.core.session import REFUSAL_MARK, REFUSAL_SIZE, Role, Session, State
from usi.net.addresses import listen, reachable, why_not

MOST_ADDRESSES = 8  # of one name: more are dialled by nobody
_HINT_SECONDS = 0.5  # for a foreign server to answer an empty line

T = TypeVar("T")
Kind = Literal["public", "private", "shared", "local"]


def within(seconds: float, work: Callable[[], T]) -> T:
    """The result of `work`, or `TimeoutError` after so long: its thread is then left behind. What it raises is raised
    here."""
    done: queue.SimpleQueue[tuple[bool, T | Exception]] = queue.SimpleQueue()

    def run() -> None:
        try:
            done.put((True, work()))
        except Exception as error:  # noqa: BLE001 (raised again by the one who waits)
            done.put((False, error))

    threading.Thread(target=run, name="usi-probe", daemon=True).start()
    try:
        good, result = done.get(timeout=max(0.0, seconds))
    except queue.Empty:
        raise TimeoutError from None
    if isinstance(result, Exception) and not good:
        raise result
    return result  # type: ignore[return-value]  # what `work` returned


@dataclass(frozen=True)
class Place:
    """An address of a host, as the system's resolver gives it."""

    family: socket.AddressFamily
    address: tuple[str | int, ...]

    @property
    def version(self) -> str:
        return "IPv6" if self.family == socket.AF_INET6 else "IPv4"


@dataclass(frozen=True)
class Dialled:
    """What dialling a place came to after `seconds`: a connected socket, or why there is none."""

    place: Place
    seconds: float
    sock: socket.socket | None
    why: str = ""


def places(host: str, port: int, seconds: float) -> list[Place]:
    """The addresses of a host; raises `UnknownHost`, or `TimeoutError` where nobody says."""
    try:
        infos = within(seconds, lambda: socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
    except (socket.gaierror, UnicodeError) as error:
        raise UnknownHost(host=host) from error
    found = dict.fromkeys(Place(info[0], cast("tuple[str | int, ...]", info[4])) for info in infos)
    return list(found)[:MOST_ADDRESSES]


def dial(where: Sequence[Place], seconds: float) -> list[Dialled]:
    """Connect to all places side by side. Whoever asks closes the sockets."""
    results: dict[Place, Dialled] = {}
    started = time.monotonic()
    with selectors.DefaultSelector() as selector:
        for place in where:
            sock = None
            try:
                sock = socket.socket(place.family, socket.SOCK_STREAM)
                sock.setblocking(False)
                with suppress(BlockingIOError):
                    sock.connect(place.address)
                selector.register(sock, selectors.EVENT_WRITE, (place, sock))
            except OSError as error:
                if sock is not None:
                    sock.close()
                results[place] = Dialled(place, time.monotonic() - started, None, why_not(error))
        while selector.get_map() and (left := started + seconds - time.monotonic()) > 0:
            for key, _ in selector.select(left):
                place, sock = key.data
                selector.unregister(sock)
                taken = time.monotonic() - started
                if code := sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                    sock.close()
                    results[place] = Dialled(place, taken, None, why_not(OSError(code, "")))
                else:
                    results[place] = Dialled(place, taken, sock)
        for key in list(selector.get_map().values()):
            place, sock = key.data
            sock.close()
            results[place] = Dialled(place, seconds, None)
    return [results[place] for place in where]


@dataclass(frozen=True)
class Answer:
    """What a host said to the first message of a handshake. `error` None: it speaks USI and would let us go on.

    `program` names what else it seems to be; `key_fingerprint` is the SHA-256 of the host's key, unproven."""

    seconds: float
    error: PeerError | None
    program: str = ""
    key_fingerprint: str | None = None


def knock(sock: socket.socket, key: PrivateKey, preset: bytes | None, seconds: float) -> Answer:
    """Begin a handshake and leave. With a preset key it is carried to where the host would refuse a wrong one."""
    started = time.monotonic()
    deadline = started + seconds
    session = Session(Role.CLIENT, key, preset)
    heard = bytearray()
    error: PeerError | None = None
    try:
        _send(sock, session.data_to_send(), deadline)
        while session.state is State.HELLO:
            data = _receive(sock, deadline)
            heard += data[: 64 - len(heard)]
            if not data:
                session.receive_eof()
            session.receive_data(data)
        if preset is not None:
            session.send([wire.Bye("left")])
            _send(sock, session.data_to_send(), deadline)
            _check_refusal(sock, deadline)
    except PeerError as problem:
        error = problem
    except TimeoutError:
        error = HandshakeTimeout()
        if session.state is State.HELLO and not heard:
            heard += _hint(sock)
    except OSError:
        error = NotUsi()
    took = time.monotonic() - started
    if hasattr(session, "peer"):  # it is a host, whatever its random number looks like
        return Answer(took, error, key_fingerprint=session.peer.id.hex())
    return Answer(took, error, _program(bytes(heard)))


def _check_refusal(sock: socket.socket, deadline: float) -> None:
    """Read what follows our goodbye: nothing, or the host's refusal of the key."""
    rest = b""
    while len(rest) <= REFUSAL_SIZE and (data := _receive(sock, deadline)):
        rest += data
    if len(rest) == REFUSAL_SIZE and rest.startswith(REFUSAL_MARK):
        raise REFUSALS.get(rest[-1], BadHandshake)()


def _send(sock: socket.socket, data: bytes, deadline: float) -> None:
    sock.settimeout(max(0.01, deadline - time.monotonic()))
    sock.sendall(data)


def _receive(sock: socket.socket, deadline: float) -> bytes:
    sock.settimeout(max(0.01, deadline - time.monotonic()))
    return sock.recv(4096)


def _hint(sock: socket.socket) -> bytes:
    """What a server that waits for the end of a line says to one."""
    with suppress(OSError):
        deadline = time.monotonic() + _HINT_SECONDS
        _send(sock, b"\r\n\r\n", deadline)
        return _receive(sock, deadline)[:64]
    return b""


_PROGRAMS: tuple[tuple[tuple[bytes, ...], str], ...] = (
    ((b"HTTP/", b"<"), "HTTP"),
    ((b"\x15\x03", b"\x16\x03"), "TLS"),
    ((b"SSH-",), "SSH"),
    ((b"220",), "SMTP/FTP"),
)


def _program(heard: bytes) -> str:
    """The protocol whose servers begin like this; nothing where it is not known."""
    return next((name for starts, name in _PROGRAMS if heard.startswith(starts)), "")


# --- this machine's own door ------------------------------------------------------------------------------------------


def own_port(address: str | None, port: int) -> LocalError | None:
    """Why a host could not listen there; None where it could."""
    try:
        listen(address, port).close()
    except LocalError as error:
        return error
    return None


def own_addresses() -> list[tuple[str, Kind]]:
    """Where others may reach this machine. `shared`: of a provider that gives one address to many (RFC 6598)."""
    return [(address, kind_of(address)) for address in reachable(None)]


_SHARED = ipaddress.ip_network("100.64.0.0/10")


def kind_of(address: str) -> Kind:
    """From where an address can be reached at all."""
    parsed = ipaddress.ip_address(address.partition("%")[0])
    if parsed.is_loopback or parsed.is_link_local or parsed.is_unspecified:
        return "local"
    if parsed.version == 4 and parsed in _SHARED:
        return "shared"
    return "public" if parsed.is_global else "private"
