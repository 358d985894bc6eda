"""The application: start, flow of events, leaving; and a real conversation."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from types import SimpleNamespace

import pytest

from usi.config import Settings
from usi.core import events as ev
from usi.core.crypto import PrivateKey
from usi.core.errors import PortInUse, Unreachable
from usi.net.peer import Peer
from usi.ui.tui import app as app_module
from usi.ui.tui.app import UsiApp
from usi.ui.tui.widgets.composer import Composer
from usi.ui.tui.widgets.header import HeaderBar
from usi.ui.tui.widgets.transcript import Transcript

Open = Callable[..., AbstractAsyncContextManager]


async def test_a_failed_start_ends_it(open_stage: Open) -> None:
    async with open_stage(joined=False) as stage:
        stage.peer.failure = Unreachable(host="example.net", port=12800, why="it refused the connection")
        stage.peer.may_start.set()
        await stage.until(lambda: stage.app.failure)
        assert stage.app.failure is stage.peer.failure
        await stage.until(lambda: stage.app.return_value == 3)


def test_a_failed_start_is_told_on_standard_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(self: UsiApp) -> int:
        self.failure = PortInUse(port=12800)
        return 1

    monkeypatch.setattr(UsiApp, "run", run)
    assert app_module.run(Settings(hosting=True, name="host")) == 3
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("usi: Port 12800 is already in use")
    assert printed.err.count("\n") == 1


@pytest.mark.parametrize("how", ["/quit", "!quitter", "ctrl+q"])
async def test_leaving_in_good_order(open_stage: Open, how: str) -> None:
    async with open_stage() as stage:
        stage.peer.exit_status = 5
        if how.startswith("ctrl"):
            await stage.pilot.press(how)
        else:
            await stage.type(how)
        await stage.until(lambda: stage.app.return_value is not None)
        assert stage.peer.closed
        assert stage.app.return_value == 5


async def test_leaving_before_the_start_is_done(open_stage: Open) -> None:
    async with open_stage(joined=False) as stage:
        await stage.pilot.press("ctrl+q")
        await stage.until(lambda: stage.app.return_value == 0)
        assert not stage.peer.closed


async def test_whoever_insists_leaves_at_once(
    open_stage: Open, cast: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_stage() as stage:
        never = asyncio.Event()
        monkeypatch.setattr(stage.peer, "close", never.wait)
        await stage.pilot.press("ctrl+q")
        await stage.until(lambda: "leaving …" in cast.look(stage.get(HeaderBar))[0])
        assert stage.app.return_value is None
        await stage.pilot.press("ctrl+q")
        await stage.until(lambda: stage.app.return_value == 0)


async def test_a_flood_is_shown_whole_and_in_order(open_stage: Open, cast: SimpleNamespace) -> None:
    async with open_stage() as stage:
        first = len(stage.transcript.blocks)
        await stage.tell(*(cast.said(f"{number}", number=number) for number in range(3000)))
        shown = [entry.rows[0][1] for entry in stage.transcript.blocks[first:-1]]
        assert shown == [str(number) for number in range(3000)]


async def test_a_key_is_answered_during_a_flood(open_stage: Open, cast: SimpleNamespace) -> None:
    async with open_stage() as stage:
        stage.peer.tell(*(cast.said(f"{number}", number=number) for number in range(3000)))
        await stage.pilot.press("x")
        assert stage.composer.text == "x"
        await stage.tell(cast.said("last"))


# --- for real ---


def entries(app: UsiApp) -> list[tuple[str, str, str]]:
    """Name, text and state of what is said on a screen."""
    said = app.screen.query_one(Transcript).blocks
    return [(entry.name, entry.rows[-1][1], entry.state) for entry in said if entry.kind == "said"]


async def until(pilot: object, condition: Callable[[], object]) -> None:
    async with asyncio.timeout(30):
        while not condition():
            await pilot.pause()


async def test_a_host_on_the_screen_talks_with_a_guest(cast: SimpleNamespace, keys: dict[str, PrivateKey]) -> None:
    settings = Settings(hosting=True, name="host", address="127.0.0.1", port=0)
    app = UsiApp(settings, Peer(settings, keys["host"]))
    async with app.run_test(size=(100, 30), notifications=True) as pilot:
        header = app.screen.query_one(HeaderBar)
        await until(pilot, lambda: header.status is not None and header.status.phase == "open")
        port = int(header.status.place.rpartition(":")[2])
        guest = Settings(hosting=False, name="alice", address="127.0.0.1", port=port)
        async with Peer(guest, keys["alice"]) as alice:
            heard = [event async for event in _first(alice, ev.Users)]
            connected = next(event for event in heard if isinstance(event, ev.Connected))
            await until(pilot, lambda: header.status.here == 2)
            joined = app.screen.query_one(Transcript).blocks[-1]
            assert " ".join(connected.words) in joined.rows[0][1]

            await alice.enter("[/oops] \x1b[31mBonjour\nà tous")
            await until(pilot, lambda: entries(app))
            assert entries(app)[0][0] == "alice"
            assert "\x1b" not in entries(app)[0][1]
            assert "[/oops]" in entries(app)[0][1]

            app.screen.query_one(Composer).insert("Welcome")
            await pilot.press("enter")
            await until(pilot, lambda: entries(app)[-1] == ("you", "Welcome", "delivered"))
            said = [event async for event in _first(alice, ev.Message, lambda event: not event.mine)][-1]
            assert (said.from_, said.text, said.signature) == ("host", "Welcome", "good")
        await until(pilot, lambda: header.status.here == 1)
        await pilot.press("ctrl+q")
        await until(pilot, lambda: app.return_value == 0)


async def test_a_guest_on_the_screen_sees_the_host_stop(cast: SimpleNamespace, keys: dict[str, PrivateKey]) -> None:
    async with Peer(Settings(hosting=True, name="host", address="127.0.0.1", port=0), keys["host"]) as host:
        port = next(event for event in [event async for event in _first(host, ev.Users)]).port
        settings = Settings(hosting=False, name="alice", address="127.0.0.1", port=port)
        app = UsiApp(settings, Peer(settings, keys["alice"]))
        async with app.run_test(size=(80, 24), notifications=True) as pilot:
            header = app.screen.query_one(HeaderBar)
            await until(pilot, lambda: header.status is not None and header.status.here == 2)
            app.screen.query_one(Composer).insert("Is anybody there?")
            await pilot.press("enter")
            await until(pilot, lambda: entries(app) == [("you", "Is anybody there?", "delivered")])
            await host.close()
            await until(pilot, lambda: header.status.phase == "ended")
            assert any("The host has stopped" in line for line in cast.look(app.screen.query_one(Transcript)))
            await pilot.press("ctrl+q")
            await until(pilot, lambda: app.return_value is not None)


async def _first(peer: Peer, kind: type, fits: Callable[[object], bool] = lambda event: True):
    """Events up to the first of this kind."""
    async for event in peer.events():
        yield event
        if isinstance(event, kind) and fits(event):
            return
