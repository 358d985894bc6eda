"""The line at the top."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from types import SimpleNamespace

import pytest
from rich.cells import cell_len
from textual.content import Content
from textual.pilot import Pilot

from usi.ui.tui.model import Status, Talk
from usi.ui.tui.widgets.header import HeaderBar, fit

Show = Callable[..., AbstractAsyncContextManager[Pilot[None]]]
GUEST = Status(
    phase="open",
    hosting=False,
    place="example.net:12800",
    room="general",
    here=3,
    guests=1,
    verified=0,
    cipher="AES-256-OCB",
    key_exchange="RSA-2048 (OAEP, PSS) + ML-KEM-768 + X25519",
    preset=False,
)
HOST = replace(GUEST, hosting=True, place="port 12800", guests=2)


async def test_always_says_how_safe_it_is(show: Show, cast: SimpleNamespace) -> None:
    async with show(header := HeaderBar(), (40, 3)) as pilot:
        for status, says in (
            (GUEST, "⚠ unverified"),
            (replace(GUEST, verified=1), "✔ verified"),
            (replace(GUEST, preset=True), "⚠ unverified"),
            (replace(GUEST, phase="ended"), "✗ disconnected"),
            (replace(GUEST, phase="leaving"), "leaving …"),
            (replace(GUEST, phase="connecting"), "connecting to example.net:12800 …"),
            (replace(HOST, phase="connecting"), "starting to host on port 12800 …"),
            (HOST, "⚠ 0 of 2 verified"),
            (replace(HOST, verified=1), "⚠ 1 of 2 verified"),
            (replace(HOST, verified=2), "✔ 2 of 2 verified"),
            (replace(HOST, guests=0), "nobody joined yet"),
        ):
            header.status = status
            await pilot.pause()
            assert says in cast.look(header)[0]


async def test_the_topic_stays_longer_than_the_names_of_the_key_exchange(show: Show, cast: SimpleNamespace) -> None:
    async with show(header := HeaderBar(), (90, 3)) as pilot:
        header.status = replace(GUEST, topic="Welcome")
        await pilot.pause()
        shown = cast.look(header)[0]
        assert shown.startswith("USI   #general   — Welcome   3 here")
        assert "ML-KEM" not in shown


async def test_everything_where_there_is_room(show: Show, cast: SimpleNamespace) -> None:
    async with show(header := HeaderBar(), (120, 3)) as pilot:
        header.status = GUEST
        await pilot.pause()
        shown = cast.look(header)[0]
        assert shown.startswith("USI   #general   3 here")
        header.status = replace(GUEST, room="bob", talk=Talk(("bob",), 1, "verified", False))
        await pilot.pause()
        assert cast.look(header)[0].startswith("USI   ⚿ bob   2 here")
        assert cast.look(header)[0].endswith("✔ verified"), "of the conversation, not of the connection"
        for state, said in (("open", "⚠ unverified"), ("opening", "exchanging keys …"), ("closed", "✗ closed")):
            header.status = replace(GUEST, room="@bob", talk=Talk(("bob",), 0, state, False))
            await pilot.pause()
            assert cast.look(header)[0].startswith("USI   @bob")
            assert cast.look(header)[0].endswith(said)
        header.status = replace(GUEST, preset=True)
        await pilot.pause()
        assert cast.look(header)[0].endswith("preset key   ⚠ unverified")
        ciphers = "AES-256-OCB   RSA-2048 + ML-KEM-768 + X25519"
        assert shown.endswith(f"example.net:12800   {ciphers}   ⚠ unverified")


async def test_hostile_names_of_places(show: Show, cast: SimpleNamespace) -> None:
    async with show(header := HeaderBar(), (60, 3)) as pilot:
        for text in cast.HOSTILE.values():
            header.status = replace(GUEST, place=text, room=text, cipher=text, key_exchange=text)
            await pilot.pause()
            shown = cast.look(header)[0]
            assert shown.isprintable()
            assert cell_len(shown) <= 60


@pytest.mark.parametrize("width", range(1, 40))
def test_fits_or_leaves_out(width: int) -> None:
    left = [(2, Content("USI")), (0, Content("#general"))]
    right = [(1, Content("port 12800")), (0, Content("unverified"))]
    shown = fit(left, right, width)
    assert shown.cell_length == width
    assert ("USI" in shown.plain) == (width >= 3 + 3 + 8 + 3 + 10 + 3 + 10)
    assert ("port" in shown.plain) == (width >= 8 + 3 + 10 + 3 + 10)
