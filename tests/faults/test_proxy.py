"""The faulty wire does what it is told: the tests that use it prove nothing otherwise."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from tests.faults.proxy import HERE, FaultProxy
from tests.faults.wires import Weather, bad_wire, netem_missing
from tests.net.doors import serve

PATIENCE = 20.0


def echo(sock: socket.socket) -> None:
    while data := sock.recv(4096):
        sock.sendall(data)
    sock.sendall(b"end")


@pytest.fixture
def wire() -> Iterator[FaultProxy]:
    with serve(echo) as port, FaultProxy(port) as proxy:
        yield proxy


@pytest.fixture
def dial(wire: FaultProxy) -> Iterator[Callable[[], socket.socket]]:
    with ExitStack() as stack:
        yield lambda: stack.enter_context(socket.create_connection((HERE, wire.port), PATIENCE))


def said(sock: socket.socket, data: bytes) -> bytes:
    sock.sendall(data)
    got = b""
    while len(got) < len(data) and (more := sock.recv(65_536)):
        got += more
    return got


def test_what_is_sent_arrives(wire: FaultProxy, dial: Callable[[], socket.socket]) -> None:
    one, other = dial(), dial()
    data = bytes(range(256)) * 400
    assert said(one, data) == data
    assert said(other, b"x") == b"x"
    assert wire.connections == 2
    assert wire.passed == 2 * len(data) + 2


def test_a_cut_resets_all(wire: FaultProxy, dial: Callable[[], socket.socket]) -> None:
    one, other = dial(), dial()
    assert said(one, b"x") == said(other, b"x") == b"x"
    wire.cut()
    for sock in (one, other):
        with pytest.raises(ConnectionResetError):
            sock.recv(10)
    wire.refusing = True
    with pytest.raises(ConnectionResetError):
        dial().recv(10)
    wire.refusing = False
    assert said(dial(), b"x") == b"x"


def test_one_direction_ends_and_the_other_goes_on(wire: FaultProxy, dial: Callable[[], socket.socket]) -> None:
    sock = dial()
    assert said(sock, b"x") == b"x"
    wire.half_close(towards_host=True)
    assert sock.recv(10) == b"end"
    sock = dial()
    assert said(sock, b"x") == b"x"
    wire.half_close(towards_host=False)
    assert sock.recv(10) == b""


def test_a_stopped_wire_goes_on_where_it_was(wire: FaultProxy, dial: Callable[[], socket.socket]) -> None:
    sock = dial()
    wire.stopped = True
    sock.sendall(b"later")
    sock.settimeout(0.1)
    with pytest.raises(TimeoutError):
        sock.recv(10)
    wire.stopped = False
    sock.settimeout(PATIENCE)
    assert sock.recv(10) == b"later"


def test_a_forgotten_wire_passes_nothing_and_a_new_one_does(
    wire: FaultProxy, dial: Callable[[], socket.socket]
) -> None:
    old = dial()
    assert said(old, b"before") == b"before"
    wire.forget()
    old.sendall(b"lost")
    old.shutdown(socket.SHUT_WR)
    assert said(dial(), b"after") == b"after"
    old.settimeout(0.2)
    with pytest.raises(TimeoutError):
        old.recv(10)


def test_a_late_wire_is_late_and_keeps_order(wire: FaultProxy, dial: Callable[[], socket.socket]) -> None:
    sock = dial()
    wire.delay, wire.loss = 0.05, 0.5
    data = bytes(range(256)) * 40
    began = time.monotonic()
    assert said(sock, data) == data
    assert time.monotonic() - began >= 0.1


def test_a_slow_wire_is_slow(wire: FaultProxy, dial: Callable[[], socket.socket]) -> None:
    sock = dial()
    wire.rate = 20_000.0
    began = time.monotonic()
    assert said(sock, bytes(4000)) == bytes(4000)
    assert time.monotonic() - began >= 0.15


def test_a_bad_wire_is_there_on_any_machine() -> None:
    """By netem where that can be had, else by the proxy, and which of them is known."""
    reason = netem_missing()
    with serve(echo) as port, bad_wire(port, Weather(delay=0.001)) as wire:
        assert wire.kind == ("proxy" if reason else "netem")
        if wire.kind == "proxy":
            with socket.create_connection((wire.host, wire.port), PATIENCE) as sock:
                assert said(sock, b"x") == b"x"
