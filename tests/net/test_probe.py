"""Knocking at doors on 127.0.0.1: a host, nothing, a full queue, and programs that are no host."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress

import pytest

from tests.net.doors import full_door, running_host, serve, silent
from usi.core.crypto import PrivateKey
from usi.core.errors import (
    Busy,
    HandshakeTimeout,
    KeyNeeded,
    KeyNotWanted,
    NotUsi,
    PortInUse,
    UnknownHost,
    WrongKey,
)
from usi.core.session import HELLO_SIZE, OFFER_SIZE, Role, Session, refusal
from usi.net import probe

PRESET, OTHER = b"p" * 16, b"o" * 16


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as made:
        yield made


def dialled(port: int, stack: ExitStack) -> socket.socket:
    (one,) = probe.dial(probe.places("127.0.0.1", port, 5.0), 5.0)
    assert one.sock is not None
    return stack.enter_context(one.sock)


@pytest.mark.parametrize(
    ("of_host", "given", "error"),
    [
        (None, None, None),
        (PRESET, PRESET, None),
        (PRESET, None, KeyNeeded),
        (None, PRESET, KeyNotWanted),
        (PRESET, OTHER, WrongKey),
    ],
    ids=["no key", "the same key", "a key is needed", "a key is not wanted", "another key"],
)
def test_a_host_is_known_by_its_first_answer(
    of_host: bytes | None, given: bytes | None, error: type[Exception] | None, keys: dict[str, PrivateKey],
    stack: ExitStack,
) -> None:  # fmt: skip
    port, refused = stack.enter_context(running_host(keys["host"], of_host))
    answer = probe.knock(dialled(port, stack), keys["alice"], given, 10.0)
    assert type(answer.error) is (error or type(None))
    assert answer.program == ""
    if error in (None, WrongKey):
        assert answer.key_fingerprint == keys["host"].public.id.hex()
    stack.close()
    assert not any("joined" in event for event in refused)  # nobody has joined


def test_a_host_whose_random_number_begins_like_a_web_page(keys: dict[str, PrivateKey], stack: ExitStack) -> None:
    def host(sock: socket.socket) -> None:
        session = Session(Role.HOST, keys["host"], random=lambda count: b"<" * count)
        session.receive_data(sock.recv(HELLO_SIZE, socket.MSG_WAITALL))
        sock.sendall(session.data_to_send())
        sock.recv(1)

    port = stack.enter_context(serve(host))
    answer = probe.knock(dialled(port, stack), keys["alice"], None, 10.0)
    assert (answer.error, answer.program) == (None, "")


def test_a_host_that_is_full_says_so(keys: dict[str, PrivateKey], stack: ExitStack) -> None:
    def full(sock: socket.socket) -> None:
        sock.recv(HELLO_SIZE)
        sock.sendall(refusal(Busy()))

    port = stack.enter_context(serve(full))
    assert isinstance(probe.knock(dialled(port, stack), keys["alice"], None, 10.0).error, Busy)


def web(sock: socket.socket) -> None:
    """Waits for the end of the request's head, as all of them do."""
    head = b""
    while b"\r\n\r\n" not in head and (data := sock.recv(100)):
        head += data
    sock.sendall(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")


def tls(sock: socket.socket) -> None:
    """An old one: TLS 1.0 at most, by the library itself; it has no certificate and gets no further than the alert."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with pytest.warns(DeprecationWarning, match="TLSv1"):
        context.maximum_version = ssl.TLSVersion.TLSv1
    with suppress(ssl.SSLError, OSError):
        context.wrap_socket(sock.dup(), server_side=True).close()
    with suppress(OSError):
        sock.sendall(b"\x15\x03\x01\x00\x02\x02\x46")  # not every build of OpenSSL sends this alert itself


FOREIGN: dict[str, tuple[Callable[[socket.socket], None], str]] = {
    "web": (web, "HTTP"),
    "old TLS": (tls, "TLS"),
    "SSH": (lambda sock: sock.sendall(b"SSH-2.0-OpenSSH_9.2\r\n"), "SSH"),
    "mail": (lambda sock: sock.sendall(b"220 mail.example.org ESMTP\r\n"), "SMTP/FTP"),
    "closes at once": (lambda sock: None, ""),
    "noise of the right size": (lambda sock: sock.sendall(bytes(OFFER_SIZE)), ""),
}


@pytest.mark.parametrize(("server", "program"), FOREIGN.values(), ids=FOREIGN.keys())
def test_a_foreign_server_is_no_host(
    server: Callable[[socket.socket], None], program: str, keys: dict[str, PrivateKey], stack: ExitStack
) -> None:
    port = stack.enter_context(serve(server))
    answer = probe.knock(dialled(port, stack), keys["alice"], None, 0.5)
    assert isinstance(answer.error, NotUsi | HandshakeTimeout)
    assert answer.program == program


def test_silence_is_waited_for_no_longer_than_said(keys: dict[str, PrivateKey], stack: ExitStack) -> None:
    port = stack.enter_context(serve(silent))
    began = time.monotonic()
    answer = probe.knock(dialled(port, stack), keys["alice"], None, 0.2)
    assert isinstance(answer.error, HandshakeTimeout)
    assert time.monotonic() - began < 5.0


def test_where_nothing_listens_it_is_said_at_once(stack: ExitStack) -> None:
    free = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
    port = free.getsockname()[1]
    free.close()
    (one,) = probe.dial(probe.places("127.0.0.1", port, 5.0), 5.0)
    assert one.sock is None
    assert one.why == "it refused the connection"


def test_where_nobody_answers_it_is_not_waited_for_ever(stack: ExitStack) -> None:
    port = stack.enter_context(full_door())
    (one,) = probe.dial(probe.places("127.0.0.1", port, 5.0), 0.3)
    assert one.sock is None
    assert one.why == ""
    assert one.seconds == 0.3


def test_an_unknown_name_is_told_from_a_name_service_that_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    asked = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(UnknownHost):
        probe.places("nowhere.invalid", 12800, 5.0)
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: asked.wait(20.0))
    with pytest.raises(TimeoutError):
        probe.places("nowhere.invalid", 12800, 0.05)
    asked.set()


def test_a_name_that_is_none_is_unknown() -> None:
    with pytest.raises(UnknownHost):
        probe.places("a" * 300, 12800, 5.0)


def test_work_that_fails_fails_for_the_one_who_waits() -> None:
    assert probe.within(5.0, lambda: 7) == 7
    with pytest.raises(ZeroDivisionError):
        probe.within(5.0, lambda: 1 // 0)


def test_a_port_that_is_taken_is_known(stack: ExitStack) -> None:
    taken = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
    assert isinstance(probe.own_port("127.0.0.1", taken.getsockname()[1]), PortInUse)
    assert probe.own_port("127.0.0.1", 0) is None


@pytest.mark.parametrize(
    ("address", "kind"),
    [
        ("8.8.8.8", "public"),
        ("2a00:1450::1", "public"),
        ("192.168.1.20", "private"),
        ("10.1.2.3", "private"),
        ("172.16.0.1", "private"),
        ("fd00::2", "private"),
        ("100.64.0.1", "shared"),
        ("100.127.255.255", "shared"),
        ("100.128.0.1", "public"),
        ("127.0.0.1", "local"),
        ("169.254.3.4", "local"),
        ("fe80::1%eth0", "local"),
    ],
)
def test_addresses_are_told_by_who_reaches_them(address: str, kind: str) -> None:
    assert probe.kind_of(address) == kind


def test_this_machine_has_some_address() -> None:
    found = probe.own_addresses()
    assert found
    assert all(kind == probe.kind_of(address) for address, kind in found)
