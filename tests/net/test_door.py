"""A host's door, between real peers over real sockets: who is let in, who is told of it, and what is counted.

What codes prove to both sides is in tests/net/test_trust.py, and passwords of accounts in tests/test_community.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from usi.config import Limits
from usi.core import codec, invitation, wire
from usi.core import events as ev
from usi.core.errors import (
    NoInvitation,
    OutOfTurn,
    TooManyCodes,
    WrongCode,
)
from usi.core.invitation import LIFE, MAX_TRIES, PURPOSE, TRIES_PER_NETWORK, locator_of
from usi.core.pake import Proving, code_secret

from .inviting import HERE, guest_of, host_of, inviting_host, wrong

pytestmark = pytest.mark.usefixtures("cheap_codes")


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


async def test_a_guest_cannot_invite(house: Any) -> None:
    host = await host_of(house)
    alice = await guest_of(house, host.port)
    await alice.says("/invite")
    await alice.hears(ev.Notice, code="no-right")
