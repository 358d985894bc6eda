"""Knowing whom one talks to, over real sockets: codes, passwords, expected and known keys, and a man in the middle."""

from __future__ import annotations

import asyncio
import os
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from usi.config import Settings
from usi.core import codec, wire
from usi.core import events as ev
from usi.core.errors import (
    ChangedKey,
    DamagedPeers,
    SpentCode,
    UnexpectedKey,
    WrongCode,
)
from usi.core.invitation import PURPOSE, locator_of
from usi.core.pake import Proving, code_secret
from usi.core.session import HELLO_SIZE, Role, Session, State
from usi.store.peers import KnownPeers

from .inviting import HERE, FalseHost, guest_of, host_of, inviting_host

pytestmark = pytest.mark.usefixtures("cheap_codes")


class Middle:
    """A man in the middle with a key of his own: two handshakes, and every message passed on. Ids are swapped in each,
    so that both sides find in it the keys that their links have proved; what is sealed or proved he cannot change."""

    def __init__(self, house: Any, port: int) -> None:
        self.key = house.keys["mallory"]
        self.target = port
        self.to_host: list[wire.Message] = []
        self.to_guest: list[wire.Message] = []
        self._far_keyed = asyncio.Event()
        own = self.key.public.id
        host, guest = house.keys["host"].public.id, house.keys["alice"].public.id
        self._swaps = {Role.HOST: ((own, host), (guest, own)), Role.CLIENT: ((own, guest), (host, own))}

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        near, far = Session(Role.HOST, self.key), Session(Role.CLIENT, self.key)
        far_reader, far_writer = await asyncio.open_connection(HERE, self.target)
        try:
            await asyncio.gather(
                self._pump(near, reader, writer, far, far_writer), self._pump(far, far_reader, far_writer, near, writer)
            )
        finally:
            far_writer.close()
            with suppress(OSError):
                await far_writer.wait_closed()

    async def _pump(
        self, session: Session, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, other: Session, out: Any
    ) -> None:
        writer.write(session.data_to_send())
        while data := await reader.read(65_536):
            messages = session.receive_data(data)
            writer.write(session.data_to_send())
            if session.role is Role.CLIENT and session.state is not State.HELLO:
                self._far_keyed.set()
            if messages:
                await self._far_keyed.wait()
                passed = [self._swapped(message, session.role) for message in messages]
                (self.to_host if session.role is Role.HOST else self.to_guest).extend(passed)
                other.send(passed)
                out.write(other.data_to_send())
        out.write_eof()

    def _swapped(self, message: wire.Message, heard_as: Role) -> wire.Message:
        data = codec.encode(message)
        (one, other), (third, fourth) = self._swaps[heard_as]
        data = data.replace(one, b"?" * 32).replace(third, fourth).replace(b"?" * 32, other)
        decode = codec.decode_from_member if heard_as is Role.HOST else codec.decode_from_host
        return decode(b"\x91" + data)[0]


# --- invitations -----------------------------------------------------------------------------------------------------


async def test_a_code_verifies_both_at_once(house: Any) -> None:
    host, code = await inviting_host(house)
    alice = await guest_of(house, host.port, code=code)
    await alice.hears(ev.Verification, name="host", state="verified", by="code")
    assert alice.all(ev.Connected)[0].verified
    joined = await host.hears(ev.MemberJoined, name="alice")
    assert joined.verified
    await host.hears(ev.Verification, name="alice", state="verified", by="code")
    await host.hears(ev.Invitation, state="used", locator=locator_of(code))
    for seat in (host, alice):
        await seat.says("/users")
        rows = {row.name: row.verified for row in (await seat.hears(ev.Users, asked=True)).members}
        assert rows == {"host": seat is alice, "alice": seat is host}
    await alice.says("in")
    await host.hears(ev.Message, text="in", signature="good")


async def test_a_man_in_the_middle_is_caught_by_a_code(house: Any) -> None:
    """He passes on what both prove, and it fits neither: the proofs are of two links."""
    host, code = await inviting_host(house)
    middle = Middle(house, host.port)
    with pytest.raises(WrongCode):
        await guest_of(house, await house.server(middle.serve), code=code)
    assert [wire.tag_of(message) for message in middle.to_guest] == ["challenge"]
    assert [wire.tag_of(message) for message in middle.to_host] == ["claim", "bye"]
    await host.hears(ev.Invitation, state="failed")
    assert not host.all(ev.MemberJoined)


async def test_a_man_in_the_middle_who_guesses_has_one_guess(house: Any) -> None:
    """He plays the host with a code of his own; the guest does not come again with the same one."""
    code = "lilac-soprano-distant-mixer"

    def answers(self: FalseHost, message: wire.Message) -> list[wire.Message]:
        if not isinstance(message, wire.Claim):
            return []
        proving = Proving("host", PURPOSE, code_secret("lilac-soprano-distant-zoo"), self.session.exporter)
        return [wire.Challenge(proving.message, proving.confirm(message.point))]

    false = FalseHost(house, answers)
    port = await house.server(false.serve)
    with pytest.raises(WrongCode):
        await guest_of(house, port, code=code)
    with pytest.raises(SpentCode):
        await guest_of(house, port, code=code)


# --- passwords -------------------------------------------------------------------------------------------------------

PASSWORD = "Sésame, ouvre-toi !"


async def compare(guest: Any, host: Any, set_by_guest: str, typed_by_host: str) -> None:
    asked = len(host.all(ev.Password, state="asked"))
    await guest.says("/password")
    assert await guest.peer.give(set_by_guest)
    await host.hears(ev.Password, state="asked", count=asked + 1)
    await host.says("!motdepasse")
    assert await host.peer.give(typed_by_host)


async def test_a_password_verifies_both(house: Any) -> None:
    host = await host_of(house)
    alice = await guest_of(house, host.port)
    await compare(alice, host, PASSWORD, PASSWORD)
    for seat, name in ((alice, "host"), (host, "alice")):
        await seat.hears(ev.Password, state="matched", name=name)
        await seat.hears(ev.Verification, state="verified", by="password", name=name)
        assert all(PASSWORD not in repr(event) for event in seat.told)


async def test_another_password_verifies_nobody(house: Any) -> None:
    host = await host_of(house)
    alice = await guest_of(house, host.port)
    await compare(alice, host, PASSWORD, PASSWORD + " ")
    for seat, name in ((alice, "host"), (host, "alice")):
        await seat.hears(ev.Password, state="differs", name=name)
        assert not seat.all(ev.Verification)
    await compare(alice, host, PASSWORD, PASSWORD)
    await alice.hears(ev.Password, state="matched")


async def test_a_man_in_the_middle_is_caught_by_a_password(house: Any) -> None:
    """Everything else works through him, so the words differ, and so does the proof of a password that all know."""
    host = await host_of(house)
    middle = Middle(house, host.port)
    alice = await guest_of(house, await house.server(middle.serve))
    await compare(alice, host, PASSWORD, PASSWORD)
    await alice.hears(ev.Password, state="differs")
    await host.hears(ev.Password, state="differs")
    assert {"ask", "prove"} <= {wire.tag_of(message) for message in middle.to_host}
    assert "challenge" in {wire.tag_of(message) for message in middle.to_guest}
    assert not alice.all(ev.Verification) + host.all(ev.Verification)
    connected, joined = alice.all(ev.Connected)[0], host.all(ev.MemberJoined)[0]
    assert connected.words != joined.words
    assert connected.fingerprint != joined.fingerprint


async def test_what_crosses_the_wire_is_not_made_of_the_password_alone(house: Any) -> None:
    """Two proofs of one password on one link have nothing in common, and neither has the hash of the password in it."""
    host = await host_of(house)
    proxy = await house.proxy(host.port)
    alice = await guest_of(house, proxy.port, dev=True)
    for count in (1, 2):
        await compare(alice, host, PASSWORD, PASSWORD)
        await alice.hears(ev.Password, state="matched", count=count)
    traced = [event.detail for event in alice.all(ev.TraceEvent) if event.step in ("claim", "challenge", "prove")]
    values = [value for detail in traced for name, value in detail.items() if name in ("point", "confirmation")]
    assert len(values) == len(set(values)) == 8


async def test_a_password_behind_the_command_is_not_repeated(house: Any) -> None:
    host = await host_of(house)
    alice = await guest_of(house, host.port)
    await alice.says("/password hunter2")
    error = await alice.hears(ev.Error, code="password-alone")
    assert error.message == "/password"
    assert all("hunter2" not in repr(event) for event in alice.told)


async def test_an_empty_line_leaves_the_password(house: Any) -> None:
    host = await host_of(house)
    alice = await guest_of(house, host.port)
    await alice.says("/password")
    assert await alice.peer.give("")
    assert not await alice.peer.give(PASSWORD)
    await alice.hears(ev.Error, code="nothing-asked")


async def test_a_false_point_ends_its_own_link_only(house: Any) -> None:
    host = await host_of(house)
    alice = await guest_of(house, host.port)
    puppet = await house.puppet(host.port, "mallory")
    await puppet.join("mallory")
    puppet.send(wire.Ask(b"\4" + bytes(64)))
    assert await puppet.goodbye() == "bad-message"
    await alice.says("still here")
    await host.hears(ev.Message, text="still here")
    assert not host.all(ev.Password)


# --- expected keys ---------------------------------------------------------------------------------------------------


async def test_the_expected_key_verifies_the_host(house: Any) -> None:
    host = await host_of(house)
    alice = await guest_of(house, host.port, expect=house.keys["host"].public.id)
    await alice.hears(ev.Verification, name="host", state="verified", by="fingerprint")
    assert not (await host.hears(ev.MemberJoined)).verified, "the host knows nothing of it"


@pytest.mark.parametrize("known", [False, True], ids=["expected", "known"])
async def test_a_man_in_the_middle_is_caught_by_the_key_before_anything_is_said(
    house: Any, tmp_path: Path, known: bool
) -> None:
    """Not even the guest's own key: he gets the first message, a commitment, and no answer to his offer."""
    host = await host_of(house)
    false = FalseHost(house, lambda self, message: [])
    port = await house.server(false.serve)
    right = house.keys["host"].public.id
    settings: dict[str, Any] = {"expect": right}
    if known:
        settings = {"identity": tmp_path / "id.pem"}
        KnownPeers(tmp_path / "id.pem", house.keys["alice"]).note_host(f"{HERE}:{port}", right)
    with pytest.raises(ChangedKey if known else UnexpectedKey) as caught:
        await guest_of(house, port, **settings)
    assert caught.value.exit_status == 4
    assert len(false.bytes) == HELLO_SIZE
    assert not host.all(ev.MemberJoined)


# --- lasting identities ----------------------------------------------------------------------------------------------


async def test_a_lasting_host_is_remembered_and_another_in_its_place_stops_the_guest(
    house: Any, tmp_path: Path
) -> None:
    identity = tmp_path / "alice.pem"
    host = await host_of(house, identity=tmp_path / "host.pem")
    port = host.port
    alice = await guest_of(house, port, identity=identity)
    await alice.hears(ev.Notice, code="host-remembered")
    await alice.leave()
    again = await guest_of(house, port, identity=identity)
    assert not again.all(ev.Notice), "met before"
    await again.leave()
    await host.leave()

    await host_of(house, "mallory", port=port)
    with pytest.raises(ChangedKey) as caught:
        await guest_of(house, port, identity=identity)
    assert caught.value.key == house.keys["mallory"].public.id
    assert f"{HERE}:{port}" in str(caught.value)
    settings = Settings(False, "alice", HERE, port, identity=identity)
    other = replace(settings, accepted=house.keys["bob"].public.id)
    with pytest.raises(ChangedKey):
        await house.open(other, house.keys["alice"])
    accepted = await house.open(replace(settings, accepted=caught.value.key), house.keys["alice"])
    assert not (await accepted.hears(ev.Connected)).verified, "accepted is not compared"
    await accepted.leave()
    expected = await guest_of(house, port, identity=identity, expect=caught.value.key)
    assert (await expected.hears(ev.Connected)).verified


async def test_a_host_whose_key_does_not_last_is_not_remembered(house: Any, tmp_path: Path) -> None:
    host = await host_of(house)
    alice = await guest_of(house, host.port, identity=tmp_path / "alice.pem")
    assert not alice.all(ev.Notice)
    assert os.listdir(tmp_path) == []


async def test_what_was_compared_is_known_in_the_next_run_on_both_sides(house: Any, tmp_path: Path) -> None:
    files = {"identity": tmp_path / "alice.pem"}
    host = await host_of(house, identity=tmp_path / "host.pem")
    alice = await guest_of(house, host.port, **files)
    await alice.says("/verify host", "/verify host yes")
    await alice.hears(ev.Verification, state="verified", by="comparison")
    await host.says("/verify alice", "/verify alice yes")
    await host.hears(ev.Verification, state="verified", by="comparison")
    await alice.leave()
    await host.leave()

    host = await host_of(house, identity=tmp_path / "host.pem")
    alice = await guest_of(house, host.port, **files)
    assert alice.all(ev.Connected)[0].verified
    await alice.hears(ev.Verification, state="verified", by="known", name="host")
    assert (await host.hears(ev.MemberJoined, name="alice")).verified
    await alice.leave()
    assert not (await guest_of(house, host.port)).all(ev.Connected)[0].verified, "not without the identity"


async def test_what_differs_is_forgotten(house: Any, tmp_path: Path) -> None:
    identity = tmp_path / "alice.pem"
    host = await host_of(house, identity=tmp_path / "host.pem")
    KnownPeers(identity, house.keys["alice"]).note_verified(house.keys["host"].public.id, True)
    alice = await guest_of(house, host.port, identity=identity)
    await alice.says("/verify host no")
    await alice.end()
    assert not KnownPeers(identity, house.keys["alice"]).verified


async def test_a_file_of_known_peers_that_was_changed_stops_the_start(house: Any, tmp_path: Path) -> None:
    identity = tmp_path / "alice.pem"
    known = KnownPeers(identity, house.keys["alice"])
    known.note_verified(house.keys["host"].public.id, True)
    known.path.write_bytes(known.path.read_bytes()[:-1])
    host = await host_of(house)
    with pytest.raises(DamagedPeers):
        await guest_of(house, host.port, identity=identity)


async def test_what_cannot_be_kept_is_told_and_nothing_else_fails(
    house: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = await host_of(house, identity=tmp_path / "host.pem")
    alice = await guest_of(house, host.port, identity=tmp_path / "gone" / "alice.pem")
    await alice.hears(ev.Notice, code="cannot-keep")
    await alice.says("still here")
    await alice.hears(ev.Delivered)


def test_the_swaps_of_the_middle_are_whole() -> None:
    """A test double that swapped nothing would prove nothing."""
    ids = {name: name[:1].encode() * 32 for name in ("mallory", "host", "alice")}
    keys = {name: SimpleNamespace(public=SimpleNamespace(id=each)) for name, each in ids.items()}
    middle = Middle(SimpleNamespace(keys=keys), 0)
    welcome = wire.Welcome(wire.MemberInfo(b"m" * 32, "a"), wire.MemberInfo(b"h" * 32, "h"), bytes(16), False, [])
    swapped = middle._swapped(welcome, Role.CLIENT)
    assert msgspec.structs.asdict(swapped)["me"].id == b"a" * 32
    assert msgspec.structs.asdict(swapped)["host"].id == b"m" * 32
    assert middle._swapped(wire.GetKey(b"m" * 32), Role.HOST) == wire.GetKey(b"h" * 32)
