"""The two protocols between a person and the hub: whoever takes part has all of their methods."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

from usi.net.client import Client
from usi.net.host import Host
from usi.net.peer import Peer
from usi.net.side import Person, Side, Traffic


def methods(protocol: type) -> set[str]:
    return {name for name, value in vars(protocol).items() if not name.startswith("_") and callable(value)}


@pytest.mark.parametrize(
    ("protocol", "taker"), [(Side, Host), (Side, Client), (Person, Peer)], ids=["host", "client", "peer"]
)
def test_each_takes_its_part(protocol: type, taker: type) -> None:
    names = methods(protocol)
    assert len(names) >= 5
    for name in names:
        wanted, given = getattr(protocol, name), getattr(taker, name)
        assert inspect.iscoroutinefunction(wanted) == inspect.iscoroutinefunction(given)
        assert list(inspect.signature(wanted).parameters) == list(inspect.signature(given).parameters)


@pytest.mark.parametrize("taker", [Host, Client])
def test_each_side_says_what_it_is_connected_to(taker: Any) -> None:
    assert isinstance(taker.label, property)


def test_traffic_is_counted_in_this_order() -> None:
    assert Traffic._fields == ("bytes_in", "bytes_out", "records_in", "records_out")
    assert sum(Traffic(1, 2, 3, 4)) == 10
