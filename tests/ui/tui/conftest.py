"""A screen with a peer that only plays its part, and words to wait with."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from textual.pilot import Pilot
from textual.widget import Widget

from usi.config import Settings
from usi.core import commands
from usi.core import events as ev
from usi.core.errors import UsiError
from usi.ui.tui.app import UsiApp
from usi.ui.tui.screens.chat import ChatScreen
from usi.ui.tui.widgets.composer import Composer
from usi.ui.tui.widgets.transcript import Transcript

NOW = datetime(2030, 5, 17, 9, 41, tzinfo=UTC)
ALICE, BOB, HOST = "a1" * 32, "b0" * 32, "05" * 32
WORDS = ["sierra", "tulip", "walnut", "yodel"]

HOSTILE = {
    "markup": "[/oops] [bold]x[@click=app.quit]y[/]",
    "escape": "\x1b[31mred\x1b[0m \x1b]0;title\x07\x9b2J\r\b",
    "right-to-left": "\u202etxt.exe\u202c \u2066a\u2069",
    "invisible": "a\u200bb\u200dc\ufeffd\u00ade\u2060",
    "emoji": "👩‍👩‍👧👍🏽🇫🇷" * 30,
    "wide": "日本語テキスト" * 40,
    "accents": "e" + "\u0301" * 40 + " n\u0303",
    "long-word": "x" * 10_000,
    "lines": "\n" * 30 + "end\u2028and\u0085more",
    "tabs": "\ta\tb\t\tc",
    "odd": "\ud800 \x00 \uffff \U000e0041",
}


class ActedPeer:
    """Stands in for `usi.net.peer.Peer`: the test tells it what happens, and it notes what is wanted."""

    def __init__(self) -> None:
        self.exit_status = 0
        self.wanted: list[commands.Intent] = []
        self.failure: UsiError | None = None
        """What `start` ends with."""
        self.refusal: UsiError | None = None
        """What `do` answers."""
        self.may_start = asyncio.Event()
        self.closed = False
        self._happened: asyncio.Queue[ev.Event | None] = asyncio.Queue()

    def tell(self, *happened: ev.Event) -> None:
        for event in happened:
            self._happened.put_nowait(event)

    def end(self) -> None:
        self._happened.put_nowait(None)

    async def start(self) -> None:
        await self.may_start.wait()
        if self.failure is not None:
            raise self.failure

    async def events(self) -> AsyncIterator[ev.Event]:
        while (event := await self._happened.get()) is not None:
            yield event

    async def do(self, intent: commands.Intent) -> None:
        if self.refusal is not None:
            raise self.refusal
        self.wanted.append(intent)

    async def close(self) -> None:
        self.closed = True
        self.end()


@dataclass
class Stage:
    """A running screen, and what a test needs to act on it."""

    app: UsiApp
    pilot: Pilot[int]
    peer: ActedPeer
    coming: list[ActedPeer]
    count: int = field(default=0)

    @property
    def chat(self) -> ChatScreen:
        return self.app.chat

    def next_peer(self) -> ActedPeer:
        """The peer of the next attempt."""
        peer = ActedPeer()
        self.coming.append(peer)
        return peer

    def get(self, kind: type[Widget]) -> Widget:
        return self.chat.query_one(kind)

    @property
    def composer(self) -> Composer:
        return self.chat.query_one(Composer)

    @property
    def transcript(self) -> Transcript:
        return self.chat.transcript

    async def until(self, condition: Callable[[], object]) -> None:
        """Let the screen work until the condition holds."""
        async with asyncio.timeout(20):
            while not condition():
                await self.pilot.pause()

    async def tell(self, *happened: ev.Event) -> None:
        """Let things happen, and wait until they are shown."""
        self.count += 1
        last = ev.Notice(time=NOW, code="test", text=f"shown {self.count}")
        self.peer.tell(*happened, last)
        await self.until(lambda: any(f"shown {self.count}" in entry.rows[0][1] for entry in self.transcript.blocks))
        await self.pilot.pause()

    async def type(self, text: str) -> None:
        """Write a text and send it."""
        self.composer.insert(text)
        await self.pilot.press("enter")
        await self.pilot.pause()

    def lines(self) -> list[str]:
        """The transcript as one sees it."""
        return look(self.transcript)

    def all(self) -> str:
        """The texts of the transcript, also what is scrolled away."""
        return "\n".join(text for entry in self.transcript.blocks for _, text in entry.rows)


def look(widget: Widget) -> list[str]:
    """A widget's lines as one sees them, without the space at their ends."""
    return [widget.render_line(y).text.rstrip() for y in range(widget.size.height)]


def member(name: str, id: str, *, me: bool = False, host: bool = False, proof: bool = False) -> ev.Member:
    fingerprint, words = ("0123456789abcdef" * 4, WORDS) if proof else (None, None)
    return ev.Member(name=name, member=id, fingerprint=fingerprint, words=words, verified=False, me=me, host=host)


def said(text: str, name: str = "bob", id: str = BOB, *, number: int = 0, **more: object) -> ev.Message:
    at = NOW + timedelta(seconds=number)
    facts = {"time": at, "sent_at": at, "room": "general", "mine": False, "signature": "good"} | more
    return ev.Message(id=f"{number:030x}", from_=name, member=id, text=text, **facts)


class Told:
    """What a peer tells of file `number`, of 1,000 bytes, from or to `peer`."""

    def __init__(self, number: int = 1, name: str = "report.pdf", *, mine: bool = False) -> None:
        self._facts = {"time": NOW, "transfer": number, "name": name}
        self._way = {**self._facts, "direction": "out" if mine else "in"}
        self._mine = mine

    def offer(self, **more: object) -> ev.FileOffer:
        who = {"from_": "alice", "member": ALICE} if self._mine else {"from_": "bob", "member": BOB}
        usual = {"id": f"{self._facts['transfer']:030x}", "room": "general", "size": 1_000, "files": None}
        return ev.FileOffer(**{**self._facts, **usual, **who, "mine": self._mine, **more})

    def progress(self, done: int, peer: str = "bob", rate: int = 100) -> ev.FileProgress:
        return ev.FileProgress(**self._way, peer=peer, done=done, size=1_000, rate=rate)

    def done(self, peer: str = "bob", path: str = "/home/alice/usi-files/report.pdf") -> ev.FileDone:
        return ev.FileDone(**self._way, peer=peer, path=path, size=1_000, seconds=3.2)

    def failed(self, peer: str = "bob", text: str = "It was cut off.", kept: int = 0) -> ev.FileFailed:
        return ev.FileFailed(**self._way, peer=peer, code="cut", text=text, kept=kept)

    def closed(self, text: str = "Taken back.") -> ev.FileClosed:
        return ev.FileClosed(**self._facts, code="withdrawn", text=text)


def talk(room: str = "@bob", state: str = "open", *, verified: bool = False, name: str = "bob") -> ev.Conversation:
    """A private conversation of alice's with bob."""
    partners = [
        ev.Partner(name="alice", member=ALICE, verified=False, me=True, opener=True),
        ev.Partner(name=name, member=BOB, verified=verified, me=False, opener=False),
    ]
    code = "left" if state == "closed" else None
    return ev.Conversation(
        time=NOW, room=room, state=state, members=partners, verified=verified, text=f"{room} is {state}.", code=code
    )


CONNECTED = ev.Connected(
    time=NOW,
    host="example.net",
    port=12800,
    name="alice",
    member=ALICE,
    rooms=["general"],
    fingerprint="0123456789abcdef" * 4,
    words=WORDS,
    cipher="AES-256-OCB",
    key_exchange="RSA-2048 (OAEP, PSS) + ML-KEM-768 + X25519",
    key_fingerprint="fedcba9876543210" * 4,
)
LISTENING = ev.Listening(
    time=NOW,
    addresses=["192.0.2.7", "2001:db8::7"],
    port=12800,
    name="host",
    member="ab" * 32,
    rooms=["general"],
    key_fingerprint="fedc" * 16,
)
THERE = ev.Users(
    time=NOW,
    members=[member("host", HOST, host=True, proof=True), member("alice", ALICE, me=True), member("bob", BOB)],
    asked=False,
)

Open = Callable[..., AbstractAsyncContextManager[Stage]]


@pytest.fixture
def open_stage() -> Open:
    """`async with open_stage(size=…, hosting=…, joined=…, **settings) as stage`: a screen with an acted peer."""

    @asynccontextmanager
    async def opened(
        size: tuple[int, int] = (80, 24), *, hosting: bool = False, joined: bool = True, **settings: object
    ) -> AsyncIterator[Stage]:
        name, address = ("host", None) if hosting else ("alice", "example.net")
        asyncio.get_running_loop().set_debug(False)  # it would remember where each of thousands of calls came from
        peer = ActedPeer()
        coming = [peer]
        settled = Settings(hosting=hosting, name=name, address=address, **settings)
        app = UsiApp(settled, make_peer=lambda: coming.pop(0))
        async with app.run_test(size=size, notifications=True) as pilot:
            stage = Stage(app, pilot, peer, coming)
            await stage.until(lambda: app.chat.is_attached and app.chat.query(Composer))
            await pilot.pause()
            if joined:
                peer.may_start.set()
                await stage.tell(LISTENING if hosting else CONNECTED, THERE if not hosting else hosts())
                await stage.until(lambda: app.screen is app.chat)
            yield stage

    def hosts() -> ev.Users:
        return ev.Users(time=NOW, members=[member("host", HOST, me=True, host=True)], asked=False)

    return opened


@pytest.fixture(params=HOSTILE.values(), ids=HOSTILE.keys())
def hostile(request: pytest.FixtureRequest) -> str:
    """Texts that must be shown, not obeyed."""
    return request.param


@pytest.fixture(scope="session")
def cast() -> SimpleNamespace:
    """Who and what the tests speak of."""
    return SimpleNamespace(
        ALICE=ALICE,
        BOB=BOB,
        CONNECTED=CONNECTED,
        HOST=HOST,
        HOSTILE=HOSTILE,
        LISTENING=LISTENING,
        NOW=NOW,
        THERE=THERE,
        Told=Told,
        WORDS=WORDS,
        look=look,
        member=member,
        said=said,
        talk=talk,
    )
