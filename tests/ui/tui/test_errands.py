"""What waits for the peer: in which order and for which room it is done, and what comes back."""

from __future__ import annotations

import asyncio

import pytest

from usi.core import commands
from usi.core.errors import NoSuchRoom
from usi.ui.tui.errands import Errands
from usi.ui.tui.widgets.composer import Composer

from .conftest import ActedPeer


@pytest.fixture
def peer() -> ActedPeer:
    return ActedPeer()


def typed(text: str, room: str = "general") -> Composer.Submitted:
    return Composer.Submitted(text, False, room)


async def test_each_is_done_in_its_turn_in_the_conversation_where_it_was_written(peer: ActedPeer) -> None:
    errands = Errands(peer)  # type: ignore[arg-type]
    for room in ("general", "tea"):
        errands.add(commands.Say("hello"), typed("hello", room), room)
    errands.add(commands.Users(), None, "tea")
    for _ in range(3):
        assert (await errands.next())[1] is None
    assert peer.wanted == [commands.Say("hello", "general"), commands.Say("hello", "tea"), commands.Users()]


async def test_what_is_typed_behind_a_turn_goes_where_the_peer_is(peer: ActedPeer) -> None:
    errands = Errands(peer)  # type: ignore[arg-type]
    errands.add(commands.Go("tea"), typed("/go tea"), "general")
    errands.add(commands.Say("one"), typed("one"), "general")
    errands.turned()
    errands.add(commands.Say("two"), typed("two"), "general")
    for _ in range(3):
        await errands.next()
    assert peer.wanted[1:] == [commands.Say("one", None), commands.Say("two", "general")]


async def test_a_refused_turn_is_none(peer: ActedPeer) -> None:
    errands = Errands(peer)  # type: ignore[arg-type]
    peer.refusal = NoSuchRoom(room="tea")
    entered = typed("/go tea")
    errands.add(commands.Go("tea"), entered, "general")
    errand, error = await errands.next()
    assert error is peer.refusal
    assert errand.to_give_back is entered
    peer.refusal = None
    errands.add(commands.Say("one"), typed("one"), "general")
    await errands.next()
    assert peer.wanted == [commands.Say("one", "general")]


async def test_a_password_is_never_given_back_and_what_follows_it_may_be_one(peer: ActedPeer) -> None:
    errands = Errands(peer)  # type: ignore[arg-type]
    peer.refusal = NoSuchRoom(room="tea")
    errands.add(commands.parse("/password"), typed("/password hunter2"), "general")
    errand, _ = await errands.next()
    assert errand.to_give_back is None
    assert errands.may_be_secret


async def test_another_attempt_begins_with_nothing_to_do(peer: ActedPeer) -> None:
    errands = Errands(ActedPeer())  # type: ignore[arg-type]
    errands.add(commands.Say("lost"), None, "general")
    errands.restart(peer)  # type: ignore[arg-type]
    doing = asyncio.ensure_future(errands.next())
    errands.add(commands.Say("hello"), None, "general")
    await doing
    assert peer.wanted == [commands.Say("hello", "general")]
