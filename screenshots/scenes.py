"""What the pictures show: the real screens, told a short conversation by a peer that only plays its part."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal, cast

import msgspec
from textual.pilot import Pilot

from screenshots.drawing import cleaned
from usi.config import Settings
from usi.core import commands
from usi.core import events as ev
from usi.core.crypto import sha256
from usi.core.session import CIPHER, KEY_EXCHANGE
from usi.core.words import words_of
from usi.net.peer import Peer
from usi.ui import i18n
from usi.ui.tui.app import UsiApp
from usi.ui.tui.widgets.composer import Composer

RECORDED = Path(__file__).with_name("recorded.json")
"""What a real guest with `--dev` was told, once: keys and nonces are drawn anew each time, and pictures should not
change because of that."""

_DAY = datetime(2026, 11, 21, 9, 41, tzinfo=UTC)
_JEANNE, _ALICE, _DAVID, _CAROL, _LENA = (
    sha256(name).hex() for name in (b"jeanne", b"alice", b"david", b"carol", b"lena")
)


def _proof(member: str) -> tuple[str, list[str]]:
    """Fingerprint and words of the link between the host and this member."""
    digest = sha256(b"link " + bytes.fromhex(member))
    return digest.hex(), list(words_of(digest))


_FINGERPRINT, _WORDS = _proof(_ALICE)

_LOOK_AGAIN = 0.05  # seconds: the screen gathers what happens for a sixtieth of one


class ActedPeer:
    """Stands in for `usi.net.peer.Peer`: tells what the scene says, and answers a request to compare."""

    def __init__(self, told: Sequence[ev.Event]) -> None:
        self.exit_status = 0
        self._listening = False
        self._told: asyncio.Queue[ev.Event | None] = asyncio.Queue()
        for event in told:
            self._told.put_nowait(event)

    @property
    def has_told_all(self) -> bool:
        return self._listening and self._told.empty()

    async def start(self) -> None:
        pass

    async def events(self) -> AsyncIterator[ev.Event]:
        self._listening = True
        while (event := await self._told.get()) is not None:
            yield event

    async def do(self, intent: commands.Intent) -> None:
        if isinstance(intent, commands.Go):
            room = intent.room
            self._told.put_nowait(ev.Chosen(time=_at(9), room=room, private=room.startswith("@")))
        elif isinstance(intent, commands.Verify):
            self._told.put_nowait(
                ev.Verification(
                    time=_at(9),
                    name="jeanne",
                    member=_JEANNE,
                    fingerprint=_FINGERPRINT,
                    words=_WORDS,
                    state="open",
                    preset=False,
                )
            )

    async def close(self) -> None:
        self._told.put_nowait(None)


async def _nothing(pilot: Pilot[int]) -> None:
    pass


@dataclass(frozen=True)
class Scene:
    """One picture."""

    name: str
    told: Callable[[], Sequence[ev.Event]]
    size: tuple[int, int] = (120, 35)
    hosting: bool = False
    dev: bool = False
    language: str = "en"
    act: Callable[[Pilot[int]], Awaitable[None]] = _nothing
    """What the person does before the picture is taken."""
    words: Sequence[str] = field(default=())
    """What must be seen in it."""


async def draw(scene: Scene) -> str:
    """The picture as SVG."""
    i18n.speak(scene.language)
    try:
        settings = Settings(
            hosting=scene.hosting,
            name="jeanne" if scene.hosting else "alice",
            address=None if scene.hosting else "chat.example.net",
            dev=scene.dev,
        )
        peer = ActedPeer(scene.told())
        app = UsiApp(settings, cast(Peer, peer))
        async with app.run_test(size=scene.size) as pilot:
            await _settled(pilot, peer)
            for composer in app.screen.query(Composer):
                composer.cursor_blink = False
            await scene.act(pilot)
            return cleaned(await _settled(pilot, peer))
    finally:
        i18n.speak("en")


async def _settled(pilot: Pilot[int], peer: ActedPeer) -> str:
    """The screen as it looks when all is told and nothing moves any more."""
    before, now = "", "nothing yet"
    while not peer.has_told_all or before != now:
        await pilot.pause(_LOOK_AGAIN)
        before, now = now, pilot.app.export_screenshot(title="USI")
    return now


def _at(minute: float) -> datetime:
    return _DAY + timedelta(minutes=minute)


def _member(name: str, id: str, *, me: bool = False, host: bool = False, verified: bool = False) -> ev.Member:
    known = host and not me
    return ev.Member(
        name=name, member=id, fingerprint=_FINGERPRINT if known else None, words=_WORDS if known else None,
        verified=verified, me=me, host=host,
    )  # fmt: skip


def _said(minute: float, name: str, id: str, text: str, **more: Any) -> list[ev.Event]:
    number = f"{round(minute * 60):032x}"
    message = ev.Message(
        time=_at(minute), sent_at=_at(minute), id=number, from_=name, member=id, text=text,
        **({"room": "general", "mine": False, "signature": "good"} | more),
    )  # fmt: skip
    return [message, ev.Delivered(time=_at(minute), id=number, number=1)] if message.mine else [message]


def _conversation(me: str) -> list[ev.Event]:
    """A morning in #general, as the member `me` sees it."""

    def said(minute: float, name: str, id: str, text: str, **more: Any) -> list[ev.Event]:
        return _said(minute, name, id, text, mine=id == me, **more)

    return [
        *said(0, "david", _DAVID, "Bonjour ! Ça marche chez vous ?"),
        *said(0.4, "alice", _ALICE, "Yes, loud and clear. Good morning!"),
        *said(1, "carol", _CAROL, "The slides are at https://example.org/slides, have a look before ten."),
        *said(1.6, "david", _DAVID, "looks at the slides", kind="me"),
        *said(2, "alice", _ALICE, "Page 3 still says `AES-128`; it should be `AES-256-OCB`."),
        *said(2.5, "carol", _CAROL, "Well seen, I change it now.\nAnything else?"),
        *said(3, "jeanne", _JEANNE, "Please all compare your four words with mine before we speak about the exam."),
        *said(3.6, "david", _DAVID, "Done, by telephone: they match."),
    ]


def _guest(*, verified: bool = True) -> list[ev.Event]:
    return [
        ev.Connected(
            time=_at(-1), host="chat.example.net", port=12800, name="alice", member=_ALICE, rooms=["general"],
            fingerprint=_FINGERPRINT, words=_WORDS, cipher=CIPHER, key_exchange=KEY_EXCHANGE, key_fingerprint=_JEANNE,
        ),
        ev.Users(
            time=_at(-1), asked=False,
            members=[
                _member("jeanne", _JEANNE, host=True, verified=verified), _member("alice", _ALICE, me=True),
                _member("david", _DAVID), _member("carol", _CAROL, verified=verified),
            ],
        ),
    ]  # fmt: skip


def _elsewhere() -> list[ev.Event]:
    """What waits in a second room, and in a private conversation whose four words were compared."""
    with_carol: dict[str, Any] = {"room": "@carol", "private": True}
    partners = [
        ev.Partner(name="alice", member=_ALICE, verified=True, me=True, opener=False),
        ev.Partner(name="carol", member=_CAROL, verified=True, me=False, opener=True),
    ]
    sure = "Readable by carol and you, and by nobody else: all are verified."
    return [
        ev.RoomEntered(
            time=_at(-1), room="staff", topic="Exam papers", restricted=True, members=[_ALICE, _DAVID, _JEANNE]
        ),
        ev.Conversation(time=_at(2.6), room="@carol", state="open", members=partners, verified=True, text=sure),
        *_said(2.7, "carol", _CAROL, "Before the others read it: is page 4 right now?", **with_carol),
        *_said(3.1, "david", _DAVID, "The papers are printed.", room="staff"),
        *_said(3.2, "jeanne", _JEANNE, "Thank you, David.", room="staff"),
    ]


def _as_guest() -> list[ev.Event]:
    return [
        *_guest(),
        *_conversation(_ALICE),
        *_elsewhere(),
        ev.MemberJoined(time=_at(4), name="lena", member=_LENA),
        *_said(4.2, "lena", _LENA, "Hello everybody, sorry to be late!"),
    ]


def _in_private() -> list[ev.Event]:
    with_carol: dict[str, Any] = {"room": "@carol", "private": True}
    return [
        *_as_guest(),
        *_said(5.1, "alice", _ALICE, "Yes, and the signature on page 5 as well.", mine=True, **with_carol),
        *_said(5.4, "carol", _CAROL, "Then I send it round. The host cannot read this, can it?", **with_carol),
        *_said(5.7, "alice", _ALICE, "No: only the two of us have the key, and we compared.", mine=True, **with_carol),
    ]


_IN_FRENCH = {
    "Yes, loud and clear. Good morning!": "Oui, cinq sur cinq. Bonjour à tous !",
    "The slides are at https://example.org/slides, have a look before ten.":
        "Les diapos sont sur https://example.org/slides, regardez-les avant dix heures.",
    "looks at the slides": "regarde les diapos",
    "Page 3 still says `AES-128`; it should be `AES-256-OCB`.":
        "La page 3 dit encore `AES-128` ; ce devrait être `AES-256-OCB`.",
    "Well seen, I change it now.\nAnything else?": "Bien vu, je corrige tout de suite.\nAutre chose ?",
    "Please all compare your four words with mine before we speak about the exam.":
        "Comparez tous vos quatre mots avec les miens avant que nous parlions de l'examen.",
    "Before the others read it: is page 4 right now?": "Avant que les autres ne la lisent : la page 4 est-elle juste ?",
    "The papers are printed.": "Les sujets sont imprimés.",
    "Thank you, David.": "Merci, David.",
    "Done, by telephone: they match.": "C'est fait, par téléphone : ce sont les mêmes.",
    "Hello everybody, sorry to be late!": "Bonjour à tous, désolée du retard !",
}  # fmt: skip


def _as_guest_in_french() -> list[ev.Event]:
    return [
        msgspec.structs.replace(event, text=_IN_FRENCH.get(event.text, event.text))
        if isinstance(event, ev.Message) else event
        for event in _as_guest()
    ]  # fmt: skip


def _unverified() -> list[ev.Event]:
    return [*_guest(verified=False), *_conversation(_ALICE)]


def _offer(minute: float, number: int, name: str, id: str, file: str, size: int, **more: Any) -> ev.FileOffer:
    more = {"mine": id == _ALICE, "files": None} | more
    return ev.FileOffer(
        time=_at(minute), transfer=number, id=f"{number:032x}", room="general", from_=name, member=id, name=file,
        size=size, **more,
    )  # fmt: skip


def _way(number: int, direction: Literal["in", "out"], peer: str, file: str) -> dict[str, Any]:
    return {"time": _at(5), "transfer": number, "direction": direction, "peer": peer, "name": file}


def _transfers() -> list[ev.Event]:
    """Files as one takes, sends, has and is offered them."""
    talk, recording, photos, minutes = "slides.pdf", "recording-2026-11-20.mkv", "photos", "minutes.odt"
    return [
        *_guest(),
        *_conversation(_ALICE)[:4],
        _offer(2, 1, "carol", _CAROL, talk, 4_200_000),
        ev.FileDone(
            **_way(1, "in", "carol", talk), path="/home/alice/usi-files/slides.pdf", size=4_200_000, seconds=1.2
        ),
        _offer(3, 2, "jeanne", _JEANNE, recording, 2_400_000_000),
        ev.FileProgress(
            **_way(2, "in", "jeanne", recording), done=1_032_000_000, size=2_400_000_000, rate=38_000_000
        ),
        _offer(3.2, 3, "alice", _ALICE, photos, 310_000_000, files=148),
        ev.Delivered(time=_at(3.2), id=f"{3:032x}", number=9),
        ev.FileProgress(**_way(3, "out", "david", photos), done=217_000_000, size=310_000_000, rate=12_000_000),
        ev.FileProgress(**_way(3, "out", "carol", photos), done=62_000_000, size=310_000_000, rate=2_100_000),
        *_said(4, "jeanne", _JEANNE, "That is last week's lesson, for whoever missed it."),
        _offer(4.5, 4, "david", _DAVID, minutes, 48_300),
    ]  # fmt: skip


def _as_host() -> list[ev.Event]:
    def joined(minute: float, name: str, id: str, address: str) -> ev.Event:
        fingerprint, words = _proof(id)
        return ev.MemberJoined(
            time=_at(minute), name=name, member=id, fingerprint=fingerprint, words=words, address=address,
            verified=name == "david",
        )  # fmt: skip

    return [
        ev.Listening(
            time=_at(-5), addresses=["192.0.2.7", "2001:db8::7"], port=12800, name="jeanne", member=_JEANNE,
            rooms=["general"], key_fingerprint=_JEANNE,
        ),
        ev.Users(time=_at(-5), asked=False, members=[_member("jeanne", _JEANNE, me=True, host=True)]),
        joined(-2, "alice", _ALICE, "192.0.2.21:50122"),
        joined(-1.5, "david", _DAVID, "192.0.2.34:41876"),
        ev.Notice(
            time=_at(-1), code="bad-handshake",
            text="A connection from 198.51.100.9:33018 was refused: it does not speak USI.",
        ),
        joined(-0.5, "carol", _CAROL, "[2001:db8::15]:60991"),
        *_conversation(_JEANNE),
        ev.MemberLeft(time=_at(5), name="carol", member=_CAROL, reason="cut"),
    ]  # fmt: skip


def _inspected() -> list[ev.Event]:
    return msgspec.json.decode(RECORDED.read_bytes(), type=list[Recorded])


Recorded = ev.Connected | ev.Users | ev.MemberJoined | ev.Message | ev.Delivered | ev.TraceEvent
"""The kinds of events that are recorded."""


async def _writes(pilot: Pilot[int]) -> None:
    for composer in pilot.app.screen.query(Composer):
        composer.insert("See you at ten, then")
    await pilot.pause()


async def _goes_to_carol(pilot: Pilot[int]) -> None:
    await pilot.press("alt+up")


async def _verifies(pilot: Pilot[int]) -> None:
    await pilot.press("f2")


async def _inspects(pilot: Pilot[int]) -> None:
    await pilot.press("f6", "home", "enter")


async def _reads_records(pilot: Pilot[int]) -> None:
    await pilot.press("f6", "2", "end")


SCENES = (
    Scene("main", _as_guest, act=_writes, words=("general", "alice", "carol", "lena", "slides")),
    Scene("verify", _unverified, size=(100, 30), act=_verifies, words=_WORDS),
    Scene("private", _in_private, size=(100, 30), act=_goes_to_carol, words=("@carol", "compared.", "staff")),
    Scene("inspector", _inspected, dev=True, act=_inspects, words=("Hello", "Offer", "Protects", "against")),
    Scene("records", _inspected, size=(120, 22), dev=True, act=_reads_records, words=("nonce", "change", "it?")),
    Scene("transfers", _transfers, words=("recording", "43", "david", "[accept]", "Transfers")),
    Scene("host", _as_host, hosting=True, words=("192.0.2.7", "198.51.100.9", "carol")),
    Scene("small", _as_guest, size=(40, 12), words=("lena", "late!")),
    Scene("main-fr", _as_guest_in_french, language="fr", words=("general", "vous", "retard", "Quitter")),
)
"""All pictures, by the names of their files."""
