"""A bad network between a host and a guest: a real one in a network namespace, with `tc netem`, where this machine
lets us; the fault proxy elsewhere. Both give the same thing to a test: an address, how to run the guest, and what can
happen to the wire meanwhile."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Protocol

from tests.faults.proxy import HERE, FaultProxy


@dataclass(frozen=True)
class Weather:
    """What a wire does to packets, each way: seconds, and shares of all packets."""

    delay: float = 0.0
    jitter: float = 0.0
    """By how much the delay varies, up and down; packets overtake each other."""
    loss: float = 0.0
    reorder: float = 0.0
    """Sent at once while the others wait: for this there must be a delay."""
    duplicate: float = 0.0
    corrupt: float = 0.0
    """One bit of them is turned."""


class Wire(Protocol):
    """`prefix` is the command that runs a guest behind this wire; `host` and `port` are where it finds the host."""

    kind: str
    prefix: tuple[str, ...]
    host: str
    port: int

    def unplug(self) -> None:
        """Nothing passes, and the guest's machine knows that it has no network."""

    def plug(self) -> None:
        """As before, and connections that still stand go on."""

    def move(self) -> None:
        """The guest's machine gets another address: its connections lead nowhere, and nobody is told."""


def _do(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True, timeout=20)


class Cable:
    """A `Wire` of the kernel's: a pair of network cards, the far one in a namespace of its own."""

    kind = "netem"

    def __init__(self, port: int, weather: Weather) -> None:
        number = os.getpid()
        network = f"10.213.{number % 256}"
        self.host, self.port = f"{network}.1", port
        self._name = f"usi-{number}"
        self._near, self._far = f"usn{number % 100_000}", f"usf{number % 100_000}"
        self._addresses = [f"{network}.{last}/24" for last in (2, 3)]
        self._weather = weather
        self.prefix = ("ip", "netns", "exec", self._name)

    def __enter__(self) -> Cable:
        _do("ip", "netns", "add", self._name)
        try:
            _do("ip", "link", "add", self._near, "type", "veth", "peer", "name", self._far)
            _do("ip", "link", "set", self._far, "netns", self._name)
            _do("ip", "addr", "add", f"{self.host}/24", "dev", self._near)
            _do(*self.prefix, "ip", "addr", "add", self._addresses[0], "dev", self._far)
            self._set_up((), self._near)
            self._set_up(self.prefix, self._far)
            _do(*self.prefix, "ip", "link", "set", "lo", "up")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *exc: object) -> None:
        """A guest that still runs keeps the namespace alive, but not the cable."""
        for kind, name in (("link", self._near), ("netns", self._name)):
            with suppress(OSError, subprocess.SubprocessError):
                _do("ip", kind, "del", name)

    def _set_up(self, inside: tuple[str, ...], card: str) -> None:
        # One packet at a time: otherwise the two cards hand each other 64 KiB as one, and lose them as one.
        _do(*inside, "ip", "link", "set", card, "gso_max_segs", "1", "up")
        _do(*inside, "tc", "qdisc", "add", "dev", card, "root", "netem", "limit", "10000", *_netem(self._weather))

    def unplug(self) -> None:
        _do(*self.prefix, "ip", "link", "set", self._far, "down")

    def plug(self) -> None:
        _do(*self.prefix, "ip", "link", "set", self._far, "up")

    def move(self) -> None:
        old, new = self._addresses
        _do(*self.prefix, "ip", "addr", "del", old, "dev", self._far)
        _do(*self.prefix, "ip", "addr", "add", new, "dev", self._far)
        self._addresses.reverse()


def _netem(weather: Weather) -> list[str]:
    """As `tc` wants it."""
    words = []
    if weather.delay:
        words += ["delay", f"{weather.delay * 1000:.1f}ms", f"{weather.jitter * 1000:.1f}ms"]
    for name in ("loss", "reorder", "duplicate", "corrupt"):
        if share := getattr(weather, name):
            words += [name, f"{share:.2%}"]
    return words


@functools.cache
def netem_missing() -> str | None:
    """Why there can be no such cable here; None where there can."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        return "only root may make network namespaces"
    if not (shutil.which("ip") and shutil.which("tc")):
        return "iproute2 is not installed"
    try:
        with Cable(0, Weather(delay=0.001)):
            return None
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        return f"this machine refuses `{' '.join(error.cmd)}`"


class StandIn:
    """A `Wire` by the proxy. Whatever befalls a packet, TCP sees to it that it only comes late; one that comes twice
    changes nothing."""

    kind = "proxy"
    prefix = ()

    def __init__(self, proxy: FaultProxy, weather: Weather) -> None:
        self.host, self.port = HERE, proxy.port
        self._proxy = proxy
        proxy.delay, proxy.jitter = weather.delay, weather.jitter
        proxy.loss = weather.loss + weather.reorder + weather.corrupt

    def unplug(self) -> None:
        self._proxy.stopped = self._proxy.refusing = True

    def plug(self) -> None:
        self._proxy.stopped = self._proxy.refusing = False

    def move(self) -> None:
        self._proxy.forget()


@contextmanager
def bad_wire(port: int, weather: Weather) -> Iterator[Wire]:
    """A wire to the host on `port`, which listens at `outside()`: netem where it can be had, the proxy elsewhere."""
    if netem_missing() is None:
        with Cable(port, weather) as cable:
            yield cable
        return
    with FaultProxy(port) as proxy:
        yield StandIn(proxy, weather)


def outside() -> str:
    """The address for a host to listen at, so that guests behind a bad wire find it."""
    return "0.0.0.0" if netem_missing() is None else HERE
