"""Knowing whom one talks to, over real sockets: codes, passwords, expected and known keys, and a man in the middle."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from usi.config import Limits, Settings
from usi.core import codec, invitation, wire
from usi.core import events as ev
from usi.core.crypto import Point
from usi.core.errors import (
    ChangedKey,
    DamagedPeers,
    NoInvitation,
    OutOfTurn,
    PeerError,
    SpentCode,
    TooManyCodes,
    UnexpectedKey,
    WrongCode,
)
from usi.core.invitation import LIFE, MAX_TRIES, PURPOSE, TRIES_PER_NETWORK, locator_of
from usi.core.pake import Proving, code_secret
from usi.core.session import HELLO_SIZE, Role, Session, State
from usi.store.codes import SpentCodes
from usi.store.peers import KnownPeers

HERE = "127.0.0.1"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A cheap bcrypt, and spent codes that end with the test."""
    monkeypatch.setattr("usi.core.crypto.BCRYPT_COST", 4)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setattr("usi.net.client.SpentCodes", lambda: SpentCodes(tmp_path / "spent.json"))


async def host_of(house: Any, key: str = "host", **settings: Any) -> Any:
    seat = await house.open(Settings(True, "host", HERE, **{"port": 0, **settings}), house.keys[key])
    await seat.hears(ev.Users)
    return seat


async def guest_of(house: Any, port: int, name: str = "alice", **settings: Any) -> Any:
    seat = await house.open(Settings(False, name, HERE, port, **settings), house.keys[name])
    await seat.hears(ev.Users)
    return seat


async def inviting_host(house: Any, **settings: Any) -> tuple[Any, str]:
    host = await host_of(house, invite=True, **settings)
    made = await host.hears(ev.Invitation, state="open")
    assert made.code
    return host, made.code


def wrong(code: str, number: int = 0) -> str:
    """Another code of the same invitation."""
    return f"{locator_of(code)}-zoo-zoo-{invitation.WORDS[number]}"


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


class FalseHost:
    """Somebody with another key who plays the host: `answers` says what it sends for each message it gets."""

    def __init__(self, house: Any, answers: Any) -> None:
        self.key = house.keys["mallory"]
        self.answers = answers
        self.heard: list[wire.Message] = []
        self.bytes = b""
        self.session: Session

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.session = Session(Role.HOST, self.key)
        while data := await reader.read(65_536):
            self.bytes += data
            for message in self.session.receive_data(data):
                self.heard.append(message)
                for answer in self.answers(self, message):
                    self.session.send([answer])
            writer.write(self.session.data_to_send())


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


async def test_the_invitation_that_the_host_is_shown(house: Any) -> None:
    host, code = await inviting_host(house)
    (made,) = host.all(ev.Invitation)
    assert (made.failed, made.limit) == (0, 20)
    assert timedelta(minutes=59) < made.until - made.time <= timedelta(hours=1)
    (link,) = made.links or []
    pasted = invitation.parse_pasted(link)
    assert pasted == (f"{HERE}:{host.port}", house.keys["host"].public.id, code)
    await guest_of(house, host.port, code=pasted.code, expect=pasted.key)
    await host.says("/invite")
    another = await host.hears(ev.Invitation, state="open", count=2)
    assert another.code != code


async def test_several_may_use_a_code_and_others_still_come_without(house: Any) -> None:
    host, code = await inviting_host(house)
    for name in ("alice", "bob"):
        await guest_of(house, host.port, name, code=code)
    await guest_of(house, host.port, "carol")
    assert not (await host.hears(ev.MemberJoined, name="carol")).verified
    assert len(host.all(ev.Verification)) == 2


async def test_a_wrong_code_joins_nobody_and_is_told_loudly(house: Any) -> None:
    host, code = await inviting_host(house)
    with pytest.raises(WrongCode) as caught:
        await guest_of(house, host.port, code=wrong(code))
    assert caught.value.exit_status == 4
    told = await host.hears(ev.Invitation, state="failed")
    assert (told.locator, told.failed, told.code) == (locator_of(code), 1, None)
    assert told.address.startswith(f"{HERE}:")
    assert not host.all(ev.MemberJoined)
    await guest_of(house, host.port, code=code)


async def test_a_code_that_failed_once_is_not_tried_again(house: Any) -> None:
    host, code = await inviting_host(house)
    with pytest.raises(WrongCode):
        await guest_of(house, host.port, code=wrong(code))
    proxy = await house.proxy(host.port)
    with pytest.raises(SpentCode) as caught:
        await guest_of(house, proxy.port, code=wrong(code))
    assert caught.value.exit_status == 4
    assert not proxy.frames, "not even a connection"


@pytest.mark.parametrize("ended", ["unknown", "an hour old"])
async def test_without_such_an_invitation(house: Any, monkeypatch: pytest.MonkeyPatch, ended: str) -> None:
    host, code = await inviting_host(house)
    if ended == "unknown":
        code = "zoo-zoo-zoo-zoo" if locator_of(code) != "zoo" else "zone-zoo-zoo-zoo"
    else:
        until = host.all(ev.Invitation)[0].until.timestamp()
        monkeypatch.setattr("usi.net.door.time", SimpleNamespace(time=lambda: until - 1))
        await guest_of(house, host.port, "bob", code=code)
        monkeypatch.setattr("usi.net.door.time", SimpleNamespace(time=lambda: until + 1))
        assert until - LIFE > 0
    with pytest.raises(NoInvitation) as caught:
        await guest_of(house, host.port, code=code)
    assert caught.value.exit_status == 4
    await host.hears(ev.Notice, code="no-invitation")


async def test_twenty_wrong_codes_burn_it(house: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(invitation, "TRIES_PER_NETWORK", MAX_TRIES)
    host, code = await inviting_host(house, limits=Limits(half_open_per_address=64))
    for number in range(MAX_TRIES):
        puppet = await house.puppet(host.port, "mallory")
        proving = Proving("client", PURPOSE, code_secret(wrong(code, number)), puppet.session.exporter)
        puppet.send(wire.Claim(locator_of(code), proving.message))
        assert isinstance(puppet.session.receive_data(await puppet._read())[0], wire.Challenge)
        if number % 2:  # half of them go away as soon as they know
            puppet.writer.close()
        else:
            puppet.send(wire.Prove(bytes(32)))
            assert await puppet.goodbye() == "wrong-code"
        await host.hears(ev.Invitation, count=number + 2)
    last = host.all(ev.Invitation)[-1]
    assert (last.state, last.failed) == ("burned", MAX_TRIES)
    monkeypatch.setattr(invitation, "TRIES_PER_NETWORK", 2 * MAX_TRIES)
    with pytest.raises(NoInvitation):
        await guest_of(house, host.port, code=code)
    await host.says("/invite")
    fresh = await host.hears(ev.Invitation, state="open", count=2)
    await guest_of(house, host.port, "bob", code=fresh.code)


async def test_one_address_has_few_tries(house: Any) -> None:
    host, code = await inviting_host(house)
    for number in range(TRIES_PER_NETWORK):
        with pytest.raises(WrongCode):
            await guest_of(house, host.port, code=wrong(code, number))
        await host.hears(ev.Invitation, state="failed", count=number + 1)
    with pytest.raises(TooManyCodes):
        await guest_of(house, host.port, code=code)
    await guest_of(house, host.port, "bob")


@pytest.mark.parametrize("how", ["at first", "after a claim", "twice", "with its join", "unproved"])
async def test_proofs_at_the_wrong_time_end_the_link(house: Any, how: str) -> None:
    host, code = await inviting_host(house)
    puppet = await house.puppet(host.port, "mallory")
    proving = Proving("client", PURPOSE, code_secret(code), puppet.session.exporter)
    claim = codec.encode(wire.Claim(locator_of(code), proving.message))
    join, prove = codec.encode(wire.Join("mallory")), codec.encode(wire.Prove(bytes(32)))
    records: dict[str, Sequence[Sequence[bytes]]] = {
        "at first": [[prove]],
        "after a claim": [[claim], [join]],
        "twice": [[claim], [claim]],
        "with its join": [[claim, join]],
        "unproved": [[claim], [prove, join]],
    }
    sealed = [puppet.session._seal_record(codec.pack(record)[0]) for record in records[how]]
    puppet.write(b"".join(sealed))
    with suppress(OutOfTurn):  # the host may have challenged before it saw the rest
        assert await puppet.goodbye() in ("out-of-turn", "wrong-code")
    await host.says("/users")
    await host.hears(ev.Users, asked=True)
    assert not host.all(ev.MemberJoined)


async def test_who_was_challenged_does_not_join_without_a_proof(house: Any) -> None:
    host, code = await inviting_host(house)
    puppet = await house.puppet(host.port, "mallory")
    proving = Proving("client", PURPOSE, code_secret(wrong(code)), puppet.session.exporter)
    puppet.send(wire.Claim(locator_of(code), proving.message))
    assert isinstance(puppet.session.receive_data(await puppet._read())[0], wire.Challenge)
    puppet.send(wire.Join("mallory"))
    assert await puppet.goodbye() == "out-of-turn"
    await host.hears(ev.Invitation, state="failed")
    assert not host.all(ev.MemberJoined)


async def test_a_false_host_learns_the_locator_and_nothing_else(house: Any) -> None:
    code = "lilac-soprano-distant-mixer"
    for point in (bytes(65), Point.generator().encode()):
        answers = [wire.Challenge(point, bytes(32))]
        false = FalseHost(house, lambda self, message, said=answers: said if isinstance(message, wire.Claim) else [])
        with pytest.raises(PeerError) as caught:
            await guest_of(house, await house.server(false.serve), code=code)
        assert caught.value.code in ("wrong-code", "bad-message")
        claim, bye = false.heard
        assert isinstance(claim, wire.Claim)
        assert claim.locator == "lilac"
        assert bye == wire.Bye(caught.value.code)
        assert false.session.peer == house.keys["alice"].public


@pytest.mark.parametrize("kind", ["welcome", "present", "posted"])
async def test_a_false_host_that_skips_its_proof_is_told_nothing(house: Any, kind: str) -> None:
    mallory, alice = house.keys["mallory"].public.id, house.keys["alice"].public.id
    messages = {
        "welcome": wire.Welcome(
            wire.MemberInfo(alice, "alice"),
            wire.MemberInfo(mallory, "host"),
            bytes(16),
            False,
            [wire.RoomInfo(bytes(16), "general", "", bytes(32), 0)],
        ),
        "present": wire.Present(bytes(16), [], True),
        "posted": wire.Posted(bytes(16), bytes(32), mallory, bytes(15), 1, bytes(272)),
    }
    false = FalseHost(house, lambda self, message: [messages[kind]] if isinstance(message, wire.Claim) else [])
    with pytest.raises(OutOfTurn):
        await guest_of(house, await house.server(false.serve), code="lilac-soprano-distant-mixer")
    assert [wire.tag_of(message) for message in false.heard] == ["claim", "bye"]


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


async def test_a_guest_cannot_invite(house: Any) -> None:
    host = await host_of(house)
    alice = await guest_of(house, host.port)
    await alice.says("/invite")
    await alice.hears(ev.Notice, code="no-right")


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
