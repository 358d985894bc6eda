"""A host's log: who came and went, who was turned away, when and from where."""

from __future__ import annotations

from collections.abc import Iterable

from usi.core import events as ev
from usi.core.language import tr
from usi.ui.i18n import mark
from usi.ui.tui.entry import Entry
from usi.ui.tui.log import log_of
from usi.ui.tui.widgets.transcript import Entries


class Activity(Entries):
    """Entries of the log, with their time to the second."""

    HELP = mark("""\
## Activity

What your host did: → somebody joined, and from which address; ← somebody left; ✗ a connection was refused, and why.
Times are to the second. Mark text with the mouse, copy it with Ctrl+C.
""")

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.border_title = tr("Activity")
        self._addresses: dict[str, str] = {}
        """Where those who are here came from, by member id."""

    def note(self, happened: Iterable[ev.Event]) -> int:
        """Add what belongs in the log; returns how many lines these are."""
        entries: list[Entry] = []
        for event in happened:
            if isinstance(event, ev.MemberJoined) and event.address is not None:
                self._addresses[event.member] = event.address
            if (entry := log_of(event, self._addresses)) is not None:
                entries.append(entry)
            if isinstance(event, ev.MemberLeft):
                self._addresses.pop(event.member, None)
        if entries:
            self.append(entries)
        return len(entries)
