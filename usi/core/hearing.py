"""What others say in the conversations of one member: read in the order of the hub's numbers, and told."""

from __future__ import annotations

from collections.abc import Callable

from usi.core import events, wire
from usi.core.errors import BadMessage
from usi.core.gaps import Gaps
from usi.core.offering import Offering
from usi.core.reading import Reader
from usi.core.report import Report
from usi.core.roster import Roster
from usi.core.thread import Thread
from usi.core.trace import Tracer, content_trace


class Hearing:
    """`send` takes messages for the hub, `find` knows the conversations that are open by their ids. `tracer` is told of
    each post that was opened."""

    def __init__(
        self,
        roster: Roster,
        report: Report,
        offering: Offering,
        *,
        send: Callable[[wire.Message], None],
        find: Callable[[bytes], Thread | None],
        tracer: Tracer | None,
    ) -> None:
        self._own = roster.own
        self._report = report
        self._offering = offering
        self._find = find
        self._trace = tracer
        self._reader = Reader(roster, report)
        self.gaps = Gaps(report, send, self._read, self._tell_missing)

    def take(self, posted: wire.Posted) -> None:
        """Somebody has said something."""
        thread = self._find(posted.conversation)
        if thread is None or thread.key is None:
            return  # a private conversation that we have left, or that somebody wants us in
        if posted.sender == self._own:
            raise BadMessage(why="a post of our own")
        self.gaps.take(thread, posted.number, posted)

    def take_caught(self, message: wire.Caught) -> None:
        """The host has no more of what it was asked for."""
        if (thread := self._find(message.conversation)) is not None:
            self.gaps.caught(thread, message.number)

    def _tell_missing(self, thread: Thread, count: int) -> None:
        self._report.notify("withheld" if count > 0 else "repeated", room=thread.title, count=count)

    def _read(self, thread: Thread, posted: wire.Posted) -> None:
        """A post whose number has its turn."""
        read = self._reader.read(thread, posted)
        if read is None:
            return
        body = read.body
        if self._trace is not None:
            said = body.text or body.kind
            self._trace(content_trace("open", "in", posted, said, read.signature, private=thread.private))
        if body.kind == "offer":
            self._offering.take(thread, posted, read)
        elif body.kind == "withdraw":
            self._offering.take_withdrawal(posted, read)
        else:
            self._report.tell(
                events.Message(
                    time=self._report.time,
                    id=posted.id.hex(),
                    room=thread.name,
                    from_=read.name,
                    member=posted.sender.hex(),
                    text=body.text,
                    sent_at=read.sent_at,
                    mine=False,
                    signature=read.signature,
                    kind=body.kind,
                    late=read.late,
                    private=thread.private,
                    signed_as=read.signed_as,
                )
            )
