"""This machine's own addresses: listening there, where others reach it, and why another one cannot be reached."""

from __future__ import annotations

import errno
import ipaddress
import socket

from usi.core.errors import CannotListen, PortInUse
from usi.core.language import tr


def listen(address: str | None, port: int) -> socket.socket:
    """A listening socket: on one address, or on all of both families. Raises `PortInUse` or `CannotListen`."""
    try:
        if address is not None:
            family = socket.getaddrinfo(address, port, type=socket.SOCK_STREAM)[0][0]
            return socket.create_server((address, port), family=family)
        if socket.has_dualstack_ipv6():
            try:
                return socket.create_server(("", port), family=socket.AF_INET6, dualstack_ipv6=True)
            except OSError as error:
                if error.errno == errno.EADDRINUSE:
                    raise
        return socket.create_server(("", port))
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise PortInUse(port=port) from error
        why = tr("that address is not one of this machine") if error.errno == errno.EADDRNOTAVAIL else error.strerror
        raise CannotListen(address=address or "*", port=port, why=why or "it is not allowed") from error
    except UnicodeError as error:
        raise CannotListen(address=address or "*", port=port, why="that is not an address") from error
    except OverflowError as error:
        raise CannotListen(address=address or "*", port=port, why="a port is 0 to 65535") from error


def reachable(address: str | None) -> list[str]:
    """Where others can reach this machine: a specific address itself, else those that its own name and routes give."""
    if address is not None:
        return [address]
    found: dict[str, None] = {}
    for family, probe in ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1")):
        try:
            with socket.socket(family, socket.SOCK_DGRAM) as route:
                route.connect((probe, 9))  # chooses a route and sends nothing
                found[route.getsockname()[0]] = None
        except OSError:
            continue
    try:
        infos = socket.getaddrinfo(socket.gethostname(), None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        infos = []
    for info in infos:
        found[str(info[4][0])] = None
    usable = [a for a in found if not ipaddress.ip_address(a.partition("%")[0]).is_loopback]
    return usable or ["127.0.0.1"]


def why_not(error: Exception) -> str:
    """A failed connection in words; asyncio folds the failures of several addresses into one text."""
    codes = {
        errno.ECONNREFUSED: tr("it refused the connection"),
        errno.EHOSTUNREACH: tr("there is no route to it"),
        errno.ENETUNREACH: tr("this machine has no network that leads there"),
    }
    for code, words in codes.items():
        if getattr(error, "errno", None) == code or f"[Errno {code}]" in str(error):
            return words
    return getattr(error, "strerror", None) or tr("it cannot be reached")
