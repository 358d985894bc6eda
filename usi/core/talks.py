"""The private conversations of one member, and their names, which are given once in a run."""

from __future__ import annotations

from usi.core.recent import Recent
from usi.core.report import Report
from usi.core.roster import Roster
from usi.core.talk import Talk
from usi.core.thread import PRIVATE_MARK

_GROUP_NAMES_KEPT = 1_000
_DIRECT_NAMES_KEPT = 10_000  # as many as keys
_CLOSED_KEPT = 100


class Talks:
    """The time is that of the report."""

    def __init__(self, roster: Roster, report: Report) -> None:
        self._roster = roster
        self._report = report
        self._open: dict[str, Talk] = {}
        """By name."""
        self._direct: dict[bytes, Talk] = {}
        """The newest of two, by the other member."""
        self._direct_names: Recent[str, bytes] = Recent(_DIRECT_NAMES_KEPT)
        """Names of conversations of two that were used → the other member."""
        self._group_names: Recent[str, None] = Recent(_GROUP_NAMES_KEPT)
        """And those of others, which anybody can make more of."""
        self._closed: Recent[str, Talk] = Recent(_CLOSED_KEPT)
        """Those that can only be read, by name."""

    # --- looking ---

    @property
    def open(self) -> list[Talk]:
        """Those that are not closed."""
        return list(self._open.values())

    @property
    def known(self) -> list[Talk]:
        """Also those that are closed."""
        return [*self._open.values(), *self._closed.values()]

    def of(self, conversation: bytes) -> Talk | None:
        """The open one of this id."""
        return next((talk for talk in self._open.values() if talk.conversation == conversation), None)

    def direct(self, other: bytes) -> Talk | None:
        """That of two with this member, if it is not closed."""
        talk = self._direct.get(other)
        return talk if talk is not None and talk.closed is None else None

    def opened_by(self, member: bytes) -> int:
        """How many are this member's to end."""
        return sum(talk.opener == member for talk in self._open.values())

    # --- making and ending ---

    def new_direct(self, other: bytes) -> Talk:
        """One of two, which this member is to come into."""
        talk = self._direct[other] = self._add(Talk(None, self.direct_name(other), direct=True, invited={other}))
        return talk

    def new_group(self, others: set[bytes], opener: bytes = b"") -> Talk:
        """One of several; `opener`: this member itself, where it has opened it."""
        names = ",".join(sorted(map(self._roster.name_of, others)))
        name = self._free_name(f"{names}+" if len(others) == 1 else names)  # no name of one of two
        self._group_names[name] = None
        return self._add(Talk(None, name, opener=opener, mine=bool(opener)))

    def _add(self, talk: Talk) -> Talk:
        talk.since = self._report.now
        self._open[talk.name] = talk
        return talk

    def close(self, talk: Talk) -> None:
        """It can only be read from now on."""
        del self._open[talk.name]
        self._closed[talk.name] = talk

    def forget_open(self) -> None:
        self._open.clear()

    # --- names ---

    def direct_name(self, other: bytes) -> str:
        """The name of the conversation with this member: the same for all of this run."""
        for name, member in self._direct_names.items():
            if member == other:
                return name
        name = self._free_name(self._roster.name_of(other))
        self._direct_names[name] = other
        return name

    def _free_name(self, wanted: str) -> str:
        name, number = f"{PRIVATE_MARK}{wanted}", 1
        while name in self._direct_names or name in self._group_names:
            number += 1
            name = f"{PRIVATE_MARK}{wanted}-{number}"
        return name
