"""This machine's addresses, and failed connections in words. Listening as a host is in tests/net/test_host.py."""

from __future__ import annotations

import errno

import pytest

from usi.net.addresses import listen, reachable, why_not


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(errno.ECONNREFUSED, "x"), "refused"),
        (OSError(errno.EHOSTUNREACH, "x"), "route"),
        (OSError(errno.ENETUNREACH, "x"), "network"),
        (OSError(f"Multiple exceptions: [Errno {errno.ECONNREFUSED}] a, [Errno {errno.ECONNREFUSED}] b"), "refused"),
        (OSError(errno.EPERM, "Operation not permitted"), "Operation not permitted"),
        (OSError("something"), "cannot be reached"),
        (OverflowError("port"), "cannot be reached"),
    ],
)
def test_a_failed_connection_in_words(error: Exception, words: str) -> None:
    assert words in why_not(error)


def test_a_certain_address_is_where_one_can_be_reached() -> None:
    assert reachable("192.0.2.1") == ["192.0.2.1"]


def test_on_all_addresses_one_can_be_reached_somewhere() -> None:
    found = reachable(None)
    assert found
    assert "127.0.0.1" not in found[1:]


def test_a_listener_says_where_it_is() -> None:
    with listen("127.0.0.1", 0) as sock:
        address, port = sock.getsockname()
        assert address == "127.0.0.1"
        assert port > 0
