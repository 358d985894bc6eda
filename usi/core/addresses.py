"""Addresses as people read them, and what counts as one address where members are counted or kept out by it."""

from __future__ import annotations

import ipaddress


def place(address: str, port: int) -> str:
    """`host:port`, with an IPv6 address in brackets."""
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def plain(address: str) -> str:
    """An address without its zone, and as IPv4 where it is one that came in over an IPv6 socket; anything else as it
    is."""
    return str(_parsed(address) or address)


def network_of(address: str) -> str | None:
    """What counts as one address: an IPv4 address, or the /64 of an IPv6 one; None where it is none."""
    found = _parsed(address)
    if found is None or found.version == 4:
        return str(found) if found is not None else None
    return str(ipaddress.ip_network((found, 64), strict=False))


def is_local(network: str) -> bool:
    """Whether a network is this machine itself, which is held to no limit: whoever is here can fill it anyway."""
    return network in ("", "memory", "::/64") or network.startswith("127.")


def _parsed(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return None
    return found.ipv4_mapped or found if found.version == 6 else found
