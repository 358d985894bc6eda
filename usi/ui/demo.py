"""`--demo`: a person at the usual screen meets two scripted members, inside this process, and is shown around.

Everything but the network is real: keys, key exchange, records, signatures. Ada hosts and guides, Blaise is a member.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, suppress
from typing import Literal

from usi.config import Settings
from usi.core import commands
from usi.core import events as ev
from usi.core.crypto import PrivateKey
from usi.core.errors import LocalError
from usi.core.language import tr
from usi.net.peer import Memory, Peer
from usi.ui.i18n import mark

ADA, BLAISE = "Ada", "Blaise"
Role = Literal["host", "member", "person"]

_SECONDS_A_LETTER = 0.045  # a calm reader's
_BREATH = 1.2  # seconds between two lines, and before an answer
_FOR_A_WORD = 15.0  # seconds in which the person may write something before the tour goes on
_SHOWS_INSPECTOR, _HAS_ROOM_FOR_IT = 18, 42  # lines of a terminal; on a lower one the screen folds it away by itself
_ANSWERS = (
    (ADA, mark("We can read you! Whoever is in this room has its key; nobody else has.")),
    (BLAISE, mark("Your signature is good: so it was you who wrote that, and nobody changed it on its way.")),
    (ADA, mark("To anybody who listened on the way, that was a handful of random bytes.")),
    (BLAISE, mark("I am only a script, but I liked that.")),
)
"""Who answers what to the person, in turn."""


def run(name: str | None = None) -> int:
    """Show a newcomer around; returns the exit status."""
    return asyncio.run(_run(Company(name)))


async def _run(company: Company) -> int:
    from usi.ui.tui.app import UsiApp, outcome  # noqa: PLC0415 (the rest of this module needs no screen)

    app = UsiApp(company.settings, make_peer=company.person, on_terminal=True)
    if _SHOWS_INSPECTOR <= shutil.get_terminal_size().lines < _HAS_ROOM_FOR_IT:
        app.chat.add_class("-hide-tracing")  # what is said needs the room; the tour comes to F4
    playing = asyncio.create_task(company.play())
    try:
        await app.run_async()
    finally:
        playing.cancel()
        with suppress(asyncio.CancelledError):
            await playing
    return outcome(app)


class Company:
    """Ada, Blaise, and the place where the person meets them.

    `pause` waits for so many seconds; `keys` are used where given, and made for this run otherwise."""

    def __init__(
        self,
        name: str | None = None,
        pause: Callable[[float], Awaitable[object]] = asyncio.sleep,
        keys: Mapping[Role, PrivateKey] | None = None,
    ) -> None:
        self._memory = Memory("demo")
        self.settings = Settings(hosting=False, name=name or tr("newcomer"), address=self._memory.name, dev=True)
        """The person's."""
        self._pause = pause
        self._keys = keys or {}
        self._actors: dict[str, Peer] = {}
        self._scripted: set[str] = set()
        """The member ids of the actors."""
        self._spoken = asyncio.Event()
        """The person has written something."""
        self._answered = 0
        self._answering = False
        self._reading = 0.0

    def person(self) -> Peer:
        """The person's way in, as a guest of Ada's."""
        return Peer(self.settings, self._keys.get("person"), self._memory)

    async def play(self) -> None:
        """Host, show the person around and answer, until cancelled."""
        async with AsyncExitStack() as seats:
            ada = await self._seat(seats, "host", ADA)
            async with asyncio.TaskGroup() as tasks:
                toured = False
                async for event in ada.events():
                    match event:
                        case ev.MemberJoined(member=member) if member not in self._scripted and not toured:
                            toured = True
                            tasks.create_task(self._show_around(event, seats, tasks))
                        case ev.Message(member=member) if member not in self._scripted:
                            self._spoken.set()
                            self._take_up(ADA, event, tasks)
                        case _:
                            pass

    async def _seat(self, seats: AsyncExitStack, role: Role, name: str) -> Peer:
        """Let an actor take a seat."""
        key = self._keys.get(role)
        if key is None:
            key = await asyncio.get_running_loop().run_in_executor(None, PrivateKey.generate)
        self._scripted.add(key.public.id.hex())
        peer = Peer(Settings(hosting=role == "host", name=name), key, self._memory)
        self._actors[name] = await seats.enter_async_context(peer)
        return peer

    # --- what is said ---

    async def _show_around(self, guest: ev.MemberJoined, seats: AsyncExitStack, tasks: asyncio.TaskGroup) -> None:
        """The tour: about a minute."""
        await self._say(
            ADA,
            tr(
                "Welcome, {name}! I am Ada, the host. The encryption here is real; only the network is missing: "
                "Blaise and I are scripts inside your own program.",
                name=guest.name,
            ),
        )
        blaise = await self._seat(seats, "member", BLAISE)
        tasks.create_task(self._listen(blaise, tasks))
        await self._say(
            BLAISE,
            tr(
                "Hello, I am Blaise. F3 shows or hides who is here. Each of us has a key of their own, and signs with "
                "it whatever they write."
            ),
        )
        await self._say(
            ADA,
            tr(
                "The line at the top says where you are, how it is encrypted, and whether you are safe: ⚠ unverified "
                "means that you have not checked yet who is at the other end."
            ),
        )
        await self._say(
            ADA,
            tr(
                "You can, with F2: mine are the words `{words}`. Do you see the same? In earnest, hear them from me by "
                "telephone: what is written here could be changed by somebody between us.",
                words=" ".join(guest.words or ()),
            ),
        )
        await self._say(
            BLAISE,
            tr("Now write something, and press Enter. The ✓ that appears behind it says that the host has it."),
        )
        await self._word()
        await self._say(
            ADA,
            tr(
                "F4 shows or hides the inspector, F6 makes it large: how your program and mine agreed on keys, step by "
                "step, and each record since, as it was written and as it looks on its way."
            ),
        )
        await self._say(
            ADA,
            tr(
                "In earnest, one of you starts `python usi.py -s`, and the others `python usi.py -c HOST -m NAME`, "
                "where HOST is the address that the first one's screen shows."
            ),
        )
        await self._say(
            BLAISE,
            tr(
                "F1 lists the keys and commands. `/msg {name} hello` is for me alone. Stay as long as you like, we "
                "answer; `/quit` leaves.",
                name=BLAISE,
            ),
        )

    async def _listen(self, blaise: Peer, tasks: asyncio.TaskGroup) -> None:
        """What is said in the room Ada hears as well; Blaise takes up what is for him alone."""
        async for event in blaise.events():
            if isinstance(event, ev.Message) and event.private and not event.mine:
                self._take_up(BLAISE, event, tasks)

    def _take_up(self, name: str, message: ev.Message, tasks: asyncio.TaskGroup) -> None:
        """Answer what this actor has heard, unless an answer is under way."""
        if not self._answering:
            self._answering = True
            tasks.create_task(self._answer_alone(name, message.room) if message.private else self._answer())

    async def _answer(self) -> None:
        """Say something to what the person said."""
        await self._pause(_BREATH)
        name, said = _ANSWERS[self._answered % len(_ANSWERS)]
        self._answered += 1
        await self._tell(name if name in self._actors else ADA, tr(said))
        self._answering = False

    async def _answer_alone(self, name: str, room: str) -> None:
        """Say something where only the two of them are."""
        await self._pause(_BREATH)
        said = tr(
            "This has a key that only you and I made: whoever hosts passes on what nobody else can open. `/verify "
            "{name}` shows words of our own to compare. `/private` goes back to the room.",
            name=name,
        )
        with suppress(LocalError):  # the person has left it meanwhile
            await self._actors[name].do(commands.Say(said, room))
        self._answering = False

    async def _say(self, name: str, said: str) -> None:
        """The next line of the tour, when the last one has been read."""
        await self._pause(self._reading)
        await self._tell(name, said)
        self._reading = _BREATH + _SECONDS_A_LETTER * len(said)

    async def _tell(self, name: str, said: str) -> None:
        await self._actors[name].do(commands.Say(said))

    async def _word(self) -> None:
        """Wait until the person has written something, but not for ever."""
        waiting = [asyncio.ensure_future(self._pause(_FOR_A_WORD)), asyncio.ensure_future(self._spoken.wait())]
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in waiting:
                each.cancel()
