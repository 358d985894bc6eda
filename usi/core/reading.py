"""Reading a post: is it whole, is it its author's, is it new (PROTOCOL.md, "Content")."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from usi.core import events, text, wire
from usi.core.content import Body
from usi.core.crypto import CryptoError
from usi.core.report import Report
from usi.core.roster import Profile, Roster
from usi.core.thread import Thread

LATE = 300.0  # seconds that an author's clock may be off before a post is marked
EARLIEST, LATEST = 86_400_000, 250_000_000_000_000  # milliseconds: time stamps that every clock and zone can show


@dataclass(frozen=True)
class Read:
    """A post that may be shown."""

    body: Body
    signature: events.Signature
    name: str
    """Of its author, as the host gives it; as it was signed where the author has left."""
    signed_as: str | None
    """The name that it was signed with, where that is none that the host gave to this key lately."""
    sent_at: datetime
    late: bool


class Reader:
    """What was wrong with a post is told to `report`."""

    def __init__(self, roster: Roster, report: Report) -> None:
        self._roster = roster
        self._report = report

    def read(self, thread: Thread, posted: wire.Posted) -> Read | None:
        """What is in a post of this conversation whose number has its turn, or None where it must not be shown. Its
        author's key is known, or will not be."""
        if not thread.admits(posted.sender):
            self._report.notify("outsider", room=thread.title)
            return None
        author = self._roster.keys.get(posted.sender)
        profile = self._roster.here.get(posted.sender)
        try:
            if thread.key is None:
                raise CryptoError("no key")
            opened = thread.key.open(posted)
            body = opened.body()
        except CryptoError:
            name = profile.name if profile else posted.sender.hex()[:8]
            self._report.notify("unreadable", room=thread.title, name=name)
            return None
        signature: events.Signature = "missing"
        if author is not None:
            signature = "good" if opened.is_by(author) else "bad"
        if (posted.sender, posted.id) in thread.shown:
            self._report.notify("repeated", room=thread.title)
            return None
        if signature == "good" and not self._count(thread, posted.sender, body, profile):
            return None
        thread.shown[posted.sender, posted.id] = None
        if signature == "missing" and posted.sender in thread.fresh:
            thread.unsigned[posted.sender] = thread.unsigned.get(posted.sender, 0) + 1
        signed_name = text.visible_line(body.name)
        sent_at, late = self._read_clock(body.sent_at)
        return Read(
            body,
            signature,
            name=profile.name if profile else signed_name,
            signed_as=signed_name if profile and body.name not in profile.names else None,
            sent_at=sent_at,
            late=late,
        )

    def _count(self, thread: Thread, author: bytes, body: Body, profile: Profile | None) -> bool:
        """Follow an author's signed count; False where the post must not be shown."""
        missing = thread.count(author, body)
        if missing < 0:
            self._report.notify("repeated", room=thread.title)
        elif missing:
            name = profile.name if profile else text.visible_line(body.name)
            self._report.notify("withheld-from", room=thread.title, name=name, count=missing)
        return missing >= 0

    def _read_clock(self, sent_at: int) -> tuple[datetime, bool]:
        if not EARLIEST <= sent_at <= LATEST:
            return self._report.time, True
        return datetime.fromtimestamp(sent_at / 1000, UTC), abs(sent_at / 1000 - self._report.now) > LATE
