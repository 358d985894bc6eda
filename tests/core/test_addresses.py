"""Addresses in words, and what counts as one."""

from __future__ import annotations

import pytest

from usi.core.addresses import is_local, network_of, place, plain


@pytest.mark.parametrize(
    ("address", "shown"),
    [("192.0.2.1", "192.0.2.1:5"), ("2001:db8::1", "[2001:db8::1]:5"), ("localhost", "localhost:5")],
)
def test_a_place(address: str, shown: str) -> None:
    assert place(address, 5) == shown


@pytest.mark.parametrize(
    ("address", "shown", "network"),
    [
        ("192.0.2.7", "192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", "2001:db8:1:2::9", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::9", "2001:db8:1:3::9", "2001:db8:1:3::/64"),
        ("fe80::1%eth0", "fe80::1", "fe80::/64"),
        ("memory", "memory", None),
        ("", "", None),
    ],
)
def test_what_counts_as_one_address(address: str, shown: str, network: str | None) -> None:
    assert plain(address) == shown
    assert network_of(address) == network


def test_this_machine_itself_is_held_to_no_limit() -> None:
    assert all(is_local(network_of(address) or address) for address in ("127.0.0.1", "127.1.2.3", "::1", "memory", ""))
    assert not any(is_local(network_of(address) or address) for address in ("192.0.2.7", "2001:db8::1", "fe80::1"))
