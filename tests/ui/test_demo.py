"""The demo: a person is shown around by scripted members who are real in everything else. No pause is waited out."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest

from usi.core import commands
from usi.core import events as ev
from usi.core.crypto import PrivateKey
from usi.core.language import install
from usi.net.peer import Peer
from usi.ui import demo
from usi.ui.demo import ADA, BLAISE, Company
from usi.ui.tui.app import UsiApp
from usi.ui.tui.widgets.composer import Composer
from usi.ui.tui.widgets.transcript import Transcript

LINES = 8


@pytest.fixture
def troupe(keys: dict[str, PrivateKey]) -> dict[demo.Role, PrivateKey]:
    return {"host": keys["host"], "member": keys["bob"], "person": keys["alice"]}


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of the demo may listen, call or even resolve a name."""

    def never(*args: Any, **kwargs: Any) -> Any:
        raise AssertionError("the demo used the network")

    for name in ("bind", "listen", "connect"):
        monkeypatch.setattr(socket.socket, name, never)
    monkeypatch.setattr(socket, "getaddrinfo", never)
    monkeypatch.setattr(socket, "create_server", never)


@asynccontextmanager
async def playing(company: Company) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(company.play())
    try:
        yield task
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


class Pause:
    """Notes how long a pause should be; takes none, or waits until it is let go on."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self.free = asyncio.Event()
        self.free.set()

    async def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)
        await self.free.wait()


async def heard(person: Peer, until: Callable[[list[ev.Event]], object]) -> list[ev.Event]:
    told: list[ev.Event] = []
    async with asyncio.timeout(20):
        async for event in person.events():
            told.append(event)
            if until(told):
                return told
    raise AssertionError(told[-5:])


def said(told: list[ev.Event]) -> list[ev.Message]:
    return [event for event in told if isinstance(event, ev.Message) and not event.mine]


async def test_the_tour_takes_about_a_minute_and_is_signed_by_who_gives_it(
    troupe: dict[demo.Role, PrivateKey],
) -> None:
    pause = Pause()
    company = Company("Zoë", pause, troupe)
    async with playing(company), company.person() as person:
        told = await heard(person, lambda told: len(said(told)) == LINES)
    lines = said(told)
    assert {line.from_ for line in lines} == {ADA, BLAISE}
    assert all(line.signature == "good" for line in lines)
    assert "Zoë" in lines[0].text
    assert lines[0].from_ == ADA
    together = "\n".join(line.text for line in lines)
    for word in ("F1", "F2", "F3", "F4", "F6", "⚠ unverified", "✓", "usi.py -s", "usi.py -c HOST -m NAME", "/quit"):
        assert word in together
    assert 40 <= sum(pause.seconds) <= 90


async def test_the_words_that_ada_says_are_those_of_the_persons_own_link(
    troupe: dict[demo.Role, PrivateKey],
) -> None:
    company = Company(None, Pause(), troupe)
    async with playing(company), company.person() as person:
        told = await heard(person, lambda told: len(said(told)) == LINES)
        connected = next(event for event in told if isinstance(event, ev.Connected))
        assert any(f"`{' '.join(connected.words)}`" in line.text for line in said(told))
        await person.do(commands.Verify(ADA))
        await person.do(commands.Verify(ADA, True))
        told = await heard(person, lambda told: isinstance(told[-1], ev.Verification) and told[-1].state == "verified")
        assert told[-1].words == connected.words


async def test_the_inspector_gets_the_real_exchange_and_records(troupe: dict[demo.Role, PrivateKey]) -> None:
    company = Company(None, Pause(), troupe)
    async with playing(company), company.person() as person:
        told = await heard(person, lambda told: len(said(told)) == LINES)
    traces = [event for event in told if isinstance(event, ev.TraceEvent)]
    assert {"demo:12800", "content"} <= {trace.link for trace in traces}
    assert {"in", "out"} <= {trace.direction for trace in traces}


async def test_what_the_person_writes_is_answered_in_turn(troupe: dict[demo.Role, PrivateKey]) -> None:
    company = Company(None, Pause(), troupe)
    async with playing(company), company.person() as person:
        await heard(person, lambda told: len(said(told)) == LINES)
        answers = []
        for number in range(5):
            await person.do(commands.Say(f"number {number}"))
            told = await heard(person, said)
            answers.append((said(told)[0].from_, said(told)[0].text))
    assert len(set(answers)) == 4
    assert answers[4] == answers[0]


@pytest.mark.parametrize("name", [demo.ADA, demo.BLAISE])
async def test_what_is_said_in_private_is_answered_there_and_not_in_the_room(
    troupe: dict[demo.Role, PrivateKey], name: str
) -> None:
    company = Company(None, Pause(), troupe)
    async with playing(company), company.person() as person:
        await heard(person, lambda told: len(said(told)) == LINES)
        await person.enter(f"/msg {name} hello")
        (answer,) = said(await heard(person, said))
        assert (answer.from_, answer.room, answer.private) == (name, f"@{name}", True)


async def test_many_messages_at_once_are_not_answered_one_by_one(troupe: dict[demo.Role, PrivateKey]) -> None:
    pause = Pause()
    company = Company(None, pause, troupe)
    async with playing(company), company.person() as person:
        await heard(person, lambda told: len(said(told)) == LINES)
        taken = len(pause.seconds)
        pause.free.clear()
        for number in range(20):
            await person.do(commands.Say(f"number {number}"))
        await heard(person, lambda told: sum(isinstance(event, ev.Delivered) for event in told) == 20)
        pause.free.set()
        await heard(person, said)
        await person.do(commands.Act("waves"))
        await heard(person, said)
    assert len(pause.seconds) == taken + 2


async def test_who_leaves_may_come_again_without_a_second_tour(troupe: dict[demo.Role, PrivateKey]) -> None:
    company = Company(None, Pause(), troupe)
    async with playing(company) as play:
        async with company.person() as person:
            await heard(person, lambda told: len(said(told)) == LINES)
        async with company.person() as person:
            await person.do(commands.Say("me again"))
            told = await heard(person, said)
            assert len(said(told)) == 1
        assert not play.done()


async def test_leaving_early_ends_cleanly(troupe: dict[demo.Role, PrivateKey]) -> None:
    """Before the tour has begun, in its middle, and while a key is being made."""
    for count in (0, 1, 3):
        company = Company(None, Pause(), troupe)
        async with playing(company), company.person() as person:
            await heard(person, lambda told, count=count: len(said(told)) == count and len(told) > 1)
        assert person.exit_status == 0
    async with playing(Company(None, Pause(), troupe)):
        pass
    async with playing(Company(None, Pause(), troupe)):
        await asyncio.sleep(0)


async def test_without_a_name_the_person_is_called_a_newcomer() -> None:
    assert Company().settings.name == "newcomer"
    assert Company("Ada").settings.dev
    install({"newcomer": "débutant"}.get)
    try:
        assert Company().settings.name == "débutant"
    finally:
        install(None)


async def test_the_screen_shows_the_tour(troupe: dict[demo.Role, PrivateKey]) -> None:
    company = Company("Zoë", Pause(), troupe)
    app = UsiApp(company.settings, make_peer=company.person)

    async def until(pilot: Any, condition: Callable[[], object]) -> None:
        async with asyncio.timeout(20):
            while not condition():
                await pilot.pause()

    def shown() -> str:
        chat = next((screen for screen in app.screen_stack if screen.query(Transcript)), None)
        if chat is None:
            return ""
        return "\n".join(text for entry in chat.query_one(Transcript).blocks for _, text in entry.rows)

    async with playing(company), app.run_test(size=(100, 30)) as pilot:
        await until(pilot, lambda: "/quit" in shown())
        app.screen.query_one(Composer).insert("hello, both")
        await pilot.press("enter")
        await until(pilot, lambda: "We can read you!" in shown())
        await pilot.press("ctrl+q")
        await until(pilot, lambda: app.return_code is not None)
    assert app.return_code == 0
    assert app.failure is None


async def test_the_company_goes_when_the_screen_is_left(
    troupe: dict[demo.Role, PrivateKey], monkeypatch: pytest.MonkeyPatch
) -> None:
    company = Company(None, Pause(), troupe)

    async def shown(app: UsiApp) -> None:
        async with company.person() as person:
            await heard(person, lambda told: len(said(told)) == LINES)
        app.exit(5)

    monkeypatch.setattr(UsiApp, "run_async", shown)
    assert await demo._run(company) == 5
    assert len(asyncio.all_tasks()) == 1
