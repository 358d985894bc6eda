"""What the person wants of the peer, handed to it one after the other; the rest waits while too much is under way."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import NamedTuple

from usi.core import commands
from usi.core.errors import LocalError
from usi.net.peer import Peer
from usi.ui.tui.entry import Entry
from usi.ui.tui.widgets.composer import Composer

_TURN = commands.Private | commands.Go
"""What takes the person to another conversation, which the screen shows when the peer tells."""


class Errand(NamedTuple):
    """Something to be done, what it came from, and the conversation on the screen at that time."""

    intent: commands.Intent
    entered: Composer.Submitted | Entry | None
    room: str
    turning: bool
    """By then the person had asked to be elsewhere, where the screen was not yet: the peer knows better."""

    @property
    def to_give_back(self) -> Composer.Submitted | None:
        """What its author gets back if it cannot be done; what stands behind some commands may be a password."""
        entered = self.entered
        return entered if isinstance(entered, Composer.Submitted) and not commands.is_secretive(entered.text) else None


class Errands:
    """Those that wait for the peer."""

    def __init__(self, peer: Peer) -> None:
        self._peer = peer
        self._waiting: asyncio.Queue[Errand] = asyncio.Queue()
        self._turns = 0
        """How often the person has asked to be elsewhere, and the screen is not there yet."""
        self.may_be_secret = False
        """The password was refused just now; who did not see that types it next."""

    def restart(self, peer: Peer) -> None:
        """Another attempt begins; what waited is given up."""
        self._peer = peer
        while not self._waiting.empty():
            self._waiting.get_nowait()

    def add(self, intent: commands.Intent, entered: Composer.Submitted | Entry | None, room: str) -> None:
        """Do this when its turn comes, in this conversation."""
        turning = self._turns > 0 and isinstance(entered, Composer.Submitted)
        self._waiting.put_nowait(Errand(intent, entered, room, turning))
        self._turns += isinstance(intent, _TURN)

    def turned(self) -> None:
        """The screen is where the person asked to be."""
        self._turns = max(0, self._turns - 1)

    async def next(self) -> tuple[Errand, LocalError | None]:
        """Do the next one; returns it, and why it could not be done."""
        errand = await self._waiting.get()
        intent = errand.intent
        if isinstance(intent, commands.ForRoom):
            intent = replace(intent, room=None if errand.turning else errand.room)
        try:
            await self._peer.do(intent)
        except LocalError as error:
            if isinstance(intent, _TURN):
                self.turned()
            self.may_be_secret = isinstance(intent, commands.Password)
            return errand, error
        return errand, None
