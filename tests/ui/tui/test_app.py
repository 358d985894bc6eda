"""The application: start, flow of events, leaving; and a real conversation."""

import asyncio
import webbrowser
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from types import SimpleNamespace

import pytest
from textual import events as keys_and_focus

from usi.config import Settings
from usi.core import events as ev
from usi.core.crypto import PrivateKey
from usi.core.errors import PortInUse
from usi.net.peer import Peer
from usi.ui.tui import app as app_module
from usi.ui.tui.app import UsiApp
from usi.ui.tui.widgets.composer import Composer
from usi.ui.tui.widgets.header import HeaderBar
from usi.ui.tui.widgets.transcript import Transcript

Open = Callable[..., AbstractAsyncContextManager]


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


# --- notifications ---


class Heard:
    """Stands in for the notifier."""

    def __init__(self, *, with_content: bool, on_problem: Callable[[str], None]) -> None:
        self.with_content = with_content
        self.on_problem = on_problem
        self.considered: list[tuple[str, bool]] = []
        self.flushed: list[bool] = []
        self.muted: set[str] = set()

    def consider(self, event: ev.Event, *, focused: bool, now: float) -> None:
        if isinstance(event, ev.Message):
            self.considered.append((event.text, focused))

    def flush(self, *, focused: bool, now: float) -> None:
        self.flushed.append(focused)

    def mute(self, room: str) -> bool:
        self.muted ^= {room}
        return room in self.muted


def toasts(app: UsiApp) -> list[str]:
    return [notification.message for notification in app._notifications]


async def test_control_c_says_how_to_leave(open_stage: Open) -> None:
    async with open_stage() as stage:
        await stage.pilot.press("ctrl+c")
        assert toasts(stage.app) == ["^Q leaves in good order."]


async def test_notifications_follow_the_focus(
    open_stage: Open, cast: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app_module, "Notifier", Heard)
    async with open_stage(notifications=True, notify_content=True) as stage:
        heard = stage.app._notifier
        assert heard.with_content
        stage.app.post_message(keys_and_focus.AppBlur())
        await stage.pilot.pause()
        await stage.tell(cast.said("away"))
        stage.app.post_message(keys_and_focus.AppFocus())
        await stage.pilot.pause()
        await stage.tell(cast.said("back"))
        stage.app.post_message(keys_and_focus.AppBlur())
        await stage.pilot.pause()
        await stage.pilot.press("x")
        await stage.tell(cast.said("typing"))
        assert heard.considered == [("away", False), ("back", True), ("typing", True)]
        stage.app._ripen()
        assert heard.flushed[-1] is True
        heard.on_problem("[/oops] is missing.")
        await stage.pilot.pause()
        assert toasts(stage.app) == ["[/oops] is missing."]


async def test_mute_toggles(open_stage: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app_module, "Notifier", Heard)
    async with open_stage(notifications=True) as stage:
        await stage.type("/mute")
        await stage.until(lambda: toasts(stage.app) == ["No more notifications of #general."])
        assert stage.app._notifier.muted == {"general"}
        await stage.type("/mute")
        await stage.until(lambda: "Notifications of #general again." in toasts(stage.app))
        assert stage.app._notifier.muted == set()


async def test_without_notifications_mute_says_so(open_stage: Open) -> None:
    async with open_stage() as stage:
        assert stage.app._notifier is None
        await stage.type("/mute")
        await stage.until(lambda: any("-n" in sentence for sentence in toasts(stage.app)))


# --- links ---


@pytest.mark.parametrize("there", [True, False])
async def test_a_link_is_for_a_browser_of_the_desktop(
    open_stage: Open, monkeypatch: pytest.MonkeyPatch, there: bool
) -> None:
    opened: list[str] = []

    class Desktop:
        def open(self, url: str) -> bool:
            opened.append(url)
            return True

    terminal = webbrowser.GenericBrowser("lynx")
    monkeypatch.setattr(webbrowser, "get", lambda: Desktop() if there else terminal)
    monkeypatch.setattr(webbrowser.GenericBrowser, "open", lambda *_: pytest.fail("it would take over the terminal"))
    async with open_stage() as stage:
        stage.app.open_url("https://example.net/[/oops]")
        await stage.until(lambda: opened or toasts(stage.app))
        assert bool(opened) is there
        assert there or toasts(stage.app) == ["There is no browser here to open https://example.net/[/oops]"]


# --- for real ---


def entries(app: UsiApp) -> list[tuple[str, str, str]]:
    """Name, text and state of what is said on a screen."""
    said = app.chat.query_one(Transcript).blocks
    return [(entry.name, entry.rows[-1][1], entry.state) for entry in said if entry.kind == "said"]


async def until(pilot: object, condition: Callable[[], object]) -> None:
    async with asyncio.timeout(30):
        while not condition():
            await pilot.pause()


async def test_a_host_on_the_screen_talks_with_a_guest(cast: SimpleNamespace, keys: dict[str, PrivateKey]) -> None:
    settings = Settings(hosting=True, name="host", address="127.0.0.1", port=0)
    app = UsiApp(settings, Peer(settings, keys["host"]))
    async with app.run_test(size=(100, 30), notifications=True) as pilot:
        header = app.chat.query_one(HeaderBar)
        await until(pilot, lambda: header.status is not None and header.status.phase == "open")
        port = int(header.status.place.rpartition(":")[2])
        guest = Settings(hosting=False, name="alice", address="127.0.0.1", port=port)
        async with Peer(guest, keys["alice"]) as alice:
            heard = [event async for event in _first(alice, ev.Users)]
            connected = next(event for event in heard if isinstance(event, ev.Connected))
            await until(pilot, lambda: header.status.here == 2)
            joined = app.chat.query_one(Transcript).blocks[-1]
            assert " ".join(connected.words) in joined.rows[1][1]

            await alice.enter("[/oops] \x1b[31mBonjour\nà tous")
            await until(pilot, lambda: entries(app))
            assert entries(app)[0][0] == "alice"
            assert "\x1b" not in entries(app)[0][1]
            assert "[/oops]" in entries(app)[0][1]

            app.chat.query_one(Composer).insert("Welcome")
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
            header = app.chat.query_one(HeaderBar)
            await until(pilot, lambda: header.status is not None and header.status.here == 2)
            app.chat.query_one(Composer).insert("Is anybody there?")
            await pilot.press("enter")
            await until(pilot, lambda: entries(app) == [("you", "Is anybody there?", "delivered")])
            await host.close()
            await until(pilot, lambda: header.status.phase == "ended")
            assert any("The host has stopped" in line for line in cast.look(app.chat.query_one(Transcript)))
            await pilot.press("ctrl+q")
            await until(pilot, lambda: app.return_value is not None)


async def _first(peer: Peer, kind: type, fits: Callable[[object], bool] = lambda event: True):
    """Events up to the first of this kind."""
    async for event in peer.events():
        yield event
        if isinstance(event, kind) and fits(event):
            return


async def test_a_guest_comes_back_to_a_host_that_came_back(
    cast: SimpleNamespace, keys: dict[str, PrivateKey], unused_tcp_port: int
) -> None:
    at = Settings(hosting=True, name="host", address="127.0.0.1", port=unused_tcp_port)
    settings = Settings(hosting=False, name="alice", address="127.0.0.1", port=unused_tcp_port)
    app = UsiApp(settings, make_peer=lambda: Peer(settings, keys["alice"]))
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await until(pilot, lambda: app.failure)  # nobody is there yet
        assert app.failure.code == "unreachable"
        header = app.chat.query_one(HeaderBar)

        async def say(text: str, key: str) -> None:
            async with Peer(at, keys["host"]) as host:
                await pilot.press(key)
                await until(pilot, lambda: app.screen is app.chat and header.status.here == 2)
                app.chat.query_one(Composer).insert(text)
                await pilot.press("enter")
                await until(pilot, lambda: entries(app)[-1:] == [("you", text, "delivered")])
                await host.close()
                await until(pilot, lambda: header.status.phase == "ended")

        await say("one", "enter")  # try again
        await say("two", "f5")  # join again
        assert [text for _, text, _ in entries(app)] == ["one", "two"]
