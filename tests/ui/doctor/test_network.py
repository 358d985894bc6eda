"""What is said about the way to a host and about this machine's door; the ways themselves are net.probe's tests."""

from __future__ import annotations

import socket

import pytest

from usi.core.errors import CannotListen, PortInUse
from usi.net import probe
from usi.ui.doctor import network

V4 = probe.Place(socket.AF_INET, ("192.0.2.7", 12800))
V6 = probe.Place(socket.AF_INET6, ("2001:db8::7", 12800, 0, 0))


def test_one_dead_address_of_two_is_only_worth_a_look(monkeypatch: pytest.MonkeyPatch) -> None:
    near, far = socket.socketpair()
    with far:
        monkeypatch.setattr(probe, "places", lambda *_: [V6, V4])
        monkeypatch.setattr(probe, "dial", lambda *_: [probe.Dialled(V6, 2.0, None), probe.Dialled(V4, 0.01, near)])
        monkeypatch.setattr(probe, "knock", lambda *_: probe.Answer(0.02, None, key_fingerprint="ab" * 32))
        found = list(network.host("example.org", 12800, None, lambda seconds: None))  # type: ignore[arg-type, return-value]
    assert [(one.name, one.state) for one in found] == [
        ("lookup", "good"),
        ("connection", "attention"),
        ("connection", "good"),
        ("handshake", "good"),
        ("preset-key", "good"),
    ]
    assert near.fileno() == -1
    assert not any(one.unreachable for one in found)


def test_a_name_service_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    def silent(*_: object) -> list[probe.Place]:
        raise TimeoutError

    monkeypatch.setattr(probe, "places", silent)
    (only,) = network.host("example.org", 12800, None, lambda seconds: None)  # type: ignore[arg-type, return-value]
    assert only.unreachable
    assert "name service" in only.text


@pytest.mark.parametrize(
    ("problem", "state"),
    [
        (None, "good"),
        (PortInUse(port=12800), "attention"),
        (CannotListen(address="*", port=80, why="it is not allowed"), "bad"),
    ],
)
def test_the_port_to_host_on(problem: PortInUse | None, state: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "own_port", lambda address, port: problem)
    (found,) = network.own_port(None, 12800)
    assert found.state == state


@pytest.mark.parametrize(
    ("addresses", "advice"),
    [
        ([("8.8.8.8", "public"), ("192.168.1.2", "private")], None),
        ([("192.168.1.2", "private")], "router"),
        ([("100.64.0.9", "shared"), ("192.168.1.2", "private")], "provider"),
        ([("127.0.0.1", "local")], "network"),
    ],
)
def test_what_an_address_means_for_friends_outside(
    addresses: list[tuple[str, probe.Kind]], advice: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probe, "own_addresses", lambda: addresses)
    found = list(network.own_addresses(12800))
    assert [one.facts["kind"] for one in found if one.name == "own-address"] == [kind for _, kind in addresses]
    reach = [one for one in found if one.name == "reach"]
    assert bool(reach) == (advice is not None)
    assert advice is None or advice in reach[0].advice
