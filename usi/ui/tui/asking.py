"""How it stands in the transcript that somebody asks for a private conversation, and what can be answered."""

from __future__ import annotations

from dataclasses import dataclass

from usi.core import commands
from usi.core import events as ev
from usi.ui.tui.entry import Entry
from usi.ui.tui.offers import with_deeds

_DEEDS = ("accept", "block")


@dataclass(slots=True, eq=False, kw_only=True)
class AskingEntry(Entry):
    """The entry of such a request. Its buttons are spans whose `url` is the deed."""

    said: str
    deeds: tuple[str, ...] = _DEEDS
    """What can be answered still."""

    def dress(self) -> None:
        text, spans = with_deeds(self.said, self.deeds)
        self.rows, self._spans = [("strong", text)], [spans]

    def settle(self) -> None:
        """It was answered, or nobody waits any more."""
        self.deeds = ()
        self.dress()


def asking_entry(event: ev.Conversation) -> AskingEntry:
    other = next(partner.member for partner in event.members if not partner.me)
    entry = AskingEntry("notice", event.time, [("strong", f"⚠ {event.text}")], member=other, said="")
    entry.said = entry.rows[0][1]  # as the gate has left it
    entry.dress()
    return entry


def answer_of(deed: str, name: str) -> commands.Intent:
    """What an answer to this member asks the peer for."""
    return commands.Private((name,)) if deed == "accept" else commands.Block(name)
