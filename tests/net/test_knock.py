"""A guest at a door that is not the host's: what it says there, and what it does not."""

from __future__ import annotations

from typing import Any

import pytest

from usi.core import wire
from usi.core.crypto import Point
from usi.core.errors import (
    OutOfTurn,
    PeerError,
    SpentCode,
    WrongCode,
)

from .inviting import FalseHost, guest_of, inviting_host, wrong

pytestmark = pytest.mark.usefixtures("cheap_codes")


async def test_a_code_that_failed_once_is_not_tried_again(house: Any) -> None:
    host, code = await inviting_host(house)
    with pytest.raises(WrongCode):
        await guest_of(house, host.port, code=wrong(code))
    proxy = await house.proxy(host.port)
    with pytest.raises(SpentCode) as caught:
        await guest_of(house, proxy.port, code=wrong(code))
    assert caught.value.exit_status == 4
    assert not proxy.frames, "not even a connection"


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


async def test_a_false_host_gets_no_further_by_what_stands_behind_a_salt(house: Any) -> None:
    """All of it comes at once. The host calls itself by the guest's own key, which is the one that the guest has."""
    me = wire.MemberInfo(house.keys["alice"].public.id, "alice")
    room = wire.RoomInfo(bytes(16), "general", "", bytes(32), 0)
    welcome = wire.Welcome(me, me, bytes(16), False, [room])
    answer = [wire.Salt(bytes(16)), welcome, wire.Present(bytes(16), [me], True)]
    false = FalseHost(house, lambda self, message: answer if isinstance(message, wire.Login) else [])
    with pytest.raises(OutOfTurn):
        await guest_of(house, await house.server(false.serve), password="open sesame")
    assert [wire.tag_of(message) for message in false.heard] == ["login", "bye"]


async def test_no_host_has_a_password_stretched_again_and_again(house: Any) -> None:
    salt, asking = [wire.Salt(bytes(16))], (wire.Login, wire.Ask)
    false = FalseHost(house, lambda self, message: salt if isinstance(message, asking) else [])
    with pytest.raises(OutOfTurn):
        await guest_of(house, await house.server(false.serve), password="open sesame")
    assert [wire.tag_of(message) for message in false.heard] == ["login", "ask", "bye"]
