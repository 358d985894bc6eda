"""A pair of sessions in memory, whole messages, and a hub at work, for the tests of the core."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from usi.core import wire
from usi.core.crypto import PrivateKey
from usi.core.session import Role, Session, State
from usi.core.trace import Tracer

from .floor import Floor

_SAME: Any = object()


class Talk:
    """A client and a host that have exchanged nothing yet; `m1`, `m2` and `m3` are kept as they cross."""

    JOIN = wire.Join("alice")

    def __init__(
        self,
        keys: dict[str, PrivateKey],
        *,
        client: str = "alice",
        host: str = "host",
        preset: bytes | None = None,
        host_preset: bytes | None = _SAME,
        client_tracer: Tracer | None = None,
        host_tracer: Tracer | None = None,
    ) -> None:
        self.m1 = self.m2 = self.m3 = b""
        host_preset = preset if host_preset is _SAME else host_preset
        self.client = Session(Role.CLIENT, keys[client], preset, tracer=client_tracer)
        self.host = Session(Role.HOST, keys[host], host_preset, tracer=host_tracer)
        self.welcome = wire.Welcome(
            me=wire.MemberInfo(keys[client].public.id, "alice"),
            host=wire.MemberInfo(keys[host].public.id, "host"),
            session=bytes(wire.SESSION_SIZE),
            history=False,
            rooms=[wire.RoomInfo(bytes(16), "general", "", bytes(32), 0)],
        )

    def hello(self) -> Talk:
        """Up to m2, which the client has not got."""
        self.m1 = self.client.data_to_send()
        assert self.host.receive_data(self.m1) == []
        self.m2 = self.host.data_to_send()
        return self

    def offer(self) -> Talk:
        """Up to m3, which the host has not got."""
        self.hello()
        assert self.client.receive_data(self.m2) == []
        self.m3 = self.client.data_to_send()
        return self

    def shake(self) -> Talk:
        """The whole key exchange."""
        self.offer()
        assert self.host.receive_data(self.m3) == []
        return self

    def open(self) -> Talk:
        """The key exchange, Join and Welcome."""
        self.shake()
        assert self.host.receive_data(self.client_says(self.JOIN)) == [self.JOIN]
        assert self.client.receive_data(self.host_says(self.welcome)) == [self.welcome]
        assert self.client.state is self.host.state is State.OPEN
        return self

    def client_says(self, *messages: wire.Message) -> bytes:
        """One record of the client."""
        self.client.send(messages)
        return self.client.data_to_send()

    def host_says(self, *messages: wire.Message) -> bytes:
        """One record of the host."""
        self.host.send(messages)
        return self.host.data_to_send()

    def sealed(self, role: Role, plaintext: bytes) -> bytes:
        """A record with any plaintext under the keys of this side, which would never send it."""
        session = self.client if role is Role.CLIENT else self.host
        sealed = session._seal_key.seal(session._sent.to_bytes(15, "big"), plaintext)
        session._sent += 1
        return len(sealed).to_bytes(wire.LENGTH_SIZE, "big") + sealed


@pytest.fixture(scope="session")
def talk(keys: dict[str, PrivateKey]) -> Callable[..., Talk]:
    """`talk(preset=…, client="bob", …)` makes a new pair of sessions."""
    return partial(Talk, keys)


@pytest.fixture
def floor() -> Floor:
    return Floor()
