"""A bad network between a host and a guest: a real one in a network namespace, with `tc netem`, where this machine
lets us; the fault proxy elsewhere. Both give the same thing to a test: an address, and how to run the guest."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from tests.faults.proxy import HERE, FaultProxy

_NEAR, _FAR = "10.213.77.1", "10.213.77.2"


@dataclass(frozen=True)
class Wire:
    """`prefix` is the command that runs a guest behind this wire; `host` and `port` are where it finds the host."""

    kind: str
    prefix: tuple[str, ...]
    host: str
    port: int


def _do(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True, timeout=20)


def netem_missing() -> str | None:
    """Why there can be no namespace with a bad network here; None where there can."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        return "only root may make network namespaces"
    if not (shutil.which("ip") and shutil.which("tc")):
        return "iproute2 is not installed"
    name = f"usi-probe-{os.getpid()}"
    try:
        _do("ip", "netns", "add", name)
    except (OSError, subprocess.SubprocessError):
        return "this machine lets nobody make network namespaces"
    try:
        _do("ip", "netns", "exec", name, "tc", "qdisc", "add", "dev", "lo", "root", "netem", "delay", "1ms")
    except (OSError, subprocess.SubprocessError):
        return "this kernel has no netem"
    finally:
        with suppress(OSError, subprocess.SubprocessError):
            _do("ip", "netns", "del", name)
    return None


@contextmanager
def namespace(milliseconds: int, loss: float, reorder: float) -> Iterator[str]:
    """A network namespace at the other end of a bad cable; yields its name."""
    name = f"usi-{os.getpid()}"
    near, far = f"usn{os.getpid() % 100_000}", f"usf{os.getpid() % 100_000}"
    inside = ("ip", "netns", "exec", name)
    _do("ip", "netns", "add", name)
    try:
        _do("ip", "link", "add", near, "type", "veth", "peer", "name", far)
        _do("ip", "link", "set", far, "netns", name)
        _do("ip", "addr", "add", f"{_NEAR}/30", "dev", near)
        _do("ip", "link", "set", near, "up")
        _do(*inside, "ip", "addr", "add", f"{_FAR}/30", "dev", far)
        _do(*inside, "ip", "link", "set", far, "up")
        _do(*inside, "ip", "link", "set", "lo", "up")
        bad = ("delay", f"{milliseconds}ms", "5ms", "loss", f"{loss:.1%}", "reorder", f"{reorder:.1%}", "50%")
        _do("tc", "qdisc", "add", "dev", near, "root", "netem", *bad)
        _do(*inside, "tc", "qdisc", "add", "dev", far, "root", "netem", *bad)
        yield name
    finally:
        with suppress(OSError, subprocess.SubprocessError):
            _do("ip", "netns", "del", name)  # takes the cable with it


@contextmanager
def bad_wire(port: int, *, milliseconds: int, loss: float, reorder: float) -> Iterator[Wire]:
    """A wire to the host on `port`, which listens on all addresses: netem where it can be had, the proxy elsewhere."""
    if netem_missing() is None:
        with namespace(milliseconds, loss, reorder) as name:
            yield Wire("netem", ("ip", "netns", "exec", name), _NEAR, port)
        return
    with FaultProxy(port) as proxy:
        proxy.delay, proxy.loss = milliseconds / 1000, loss + reorder
        yield Wire("proxy", (), HERE, proxy.port)
