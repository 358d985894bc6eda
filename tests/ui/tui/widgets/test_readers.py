"""Who can read, in as many words as there is room for."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from types import SimpleNamespace

import pytest
from textual.pilot import Pilot

from usi.ui.tui.model import Status, Talk, TalkState
from usi.ui.tui.widgets.readers import Readers

Show = Callable[..., AbstractAsyncContextManager[Pilot[None]]]
GUEST = Status(
    phase="open", hosting=False, place="x", room="general", here=4, guests=1, verified=0, cipher="", key_exchange="",
    preset=False,
)  # fmt: skip
HOST = replace(GUEST, hosting=True, guests=3, verified=1)


def privately(state: TalkState, *more: str, verified: int = 0, host: bool = False) -> Status:
    """In a private conversation with bob, and more."""
    return replace(GUEST, room="@bob", talk=Talk(("bob", *more), verified, state, host))


@pytest.mark.parametrize(
    ("status", "long", "short"),
    [
        (GUEST, "⚠ Readable by the 4 people here, the host among them. The host is not verified", "⚠ 4 can read, host"),
        (replace(GUEST, verified=1), "✔ Readable by the 4 people here, the host among them.", "✔ 4 can read, host ver"),
        (replace(GUEST, here=2), "⚠ Readable by you and whoever is the host", "⚠ 2 can read, host not"),
        (replace(GUEST, here=2, verified=1), "✔ Readable by you and the host, nobody else.", "✔ 2 can read, host ver"),
        (HOST, "⚠ Readable by the 4 people here. Not verified: 2", "⚠ 4 can read, 2 not verified"),
        (replace(HOST, verified=3), "✔ Readable by the 4 people here, all verified", "✔ 4 can read, all verified"),
        (replace(HOST, here=1, guests=0, verified=0), "○ Nobody else is here to read this", "○ Nobody else is here"),
        (privately("open"), "⚠ Readable by you and bob. Not verified: the host could be", "⚠ Not verified: host"),
        (privately("verified", verified=1), "✔ Readable by you and bob, nobody else: the host", "✔ 2 can read, all"),
        (privately("verified", "carol", verified=2), "✔ Readable by the 3 in here, all verified: the", "✔ 3 can read"),
        (privately("open", "carol", verified=1), "⚠ Readable by the 3 in here, 1 not verified: the", "⚠ Not verified"),
        (privately("open", host=True), "⚠ Readable by you and bob. Not verified: somebody", "⚠ 2 can read, 1 not"),
        (privately("open", "carol", host=True), "⚠ Readable by the 3 in here, 2 not verified: some", "⚠ 3 can read, 2"),
        (privately("verified", verified=1, host=True), "✔ Readable by the 2 in here, all verified", "✔ 2 can read"),
        (privately("opening"), "○ Keys are being exchanged; what you write waits", "○ Exchanging keys"),
        (privately("closed"), "○ This conversation is over: it can only be read", "○ It can only be read"),
        (replace(GUEST, phase="ended"), "○ Nobody can read this: there is no connection", "○ No connection"),
    ],
)
async def test_says_it(show: Show, cast: SimpleNamespace, status: Status, long: str, short: str) -> None:
    async with show(readers := Readers(), (100, 3)) as pilot:
        readers.status = status
        await pilot.pause()
        assert cast.look(readers)[0].startswith(long)
        await pilot.resize_terminal(32, 3)
        await pilot.pause()
        assert cast.look(readers)[0].startswith(short)
        assert "…" not in cast.look(readers)[0].removesuffix("keys …")
