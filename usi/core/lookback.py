"""What was said in a room before: pages of it, and searches, one question to the host after the other."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from usi.core import events, text, wire
from usi.core.content import Body, ConversationKey, Opened
from usi.core.crypto import CryptoError, PublicKey
from usi.core.errors import BadMessage, NoHistory, NotARoom, StillSearching
from usi.core.reading import EARLIEST, LATEST
from usi.core.report import Report
from usi.core.roster import Roster
from usi.core.thread import Thread

ON_ENTERING = 10  # messages of the past that are shown to who comes in
HITS = 50  # and that a search finds at most
QUESTIONS = 4  # about the past that wait for their turn
SEARCHED = 20_000  # messages that it looks through at most


@dataclass(eq=False)
class Room(Thread):
    """A hosted room that this member is in."""

    conversation: bytes = b""
    topic: str = ""
    restricted: bool = False
    members: set[bytes] = field(default_factory=set)
    listed: bool = False
    """The list of its members is whole."""
    oldest: int = 0
    """No message below this number has been shown; 0: none at all yet."""
    old_keys: dict[bytes, ConversationKey] = field(default_factory=dict)


@dataclass
class _Question:
    """What the host was asked about the past of a room."""

    room: Room
    asked: bool
    before: int
    needle: str | None = None
    """What is looked for; None: everything is to be shown."""
    hits: list[events.Hit] = field(default_factory=list)
    shown: list[events.Message] = field(default_factory=list)
    looked: int = 0
    void: bool = False
    """We are not in the room any more: what still comes is not to be shown."""


class Lookback:
    """`send` takes messages for the hub. `keeps`: the host keeps a history."""

    def __init__(self, roster: Roster, report: Report, send: Callable[[wire.Message], None]) -> None:
        self.keeps = False
        self._roster = roster
        self._report = report
        self._send = send
        self._question: _Question | None = None
        """What the host has been asked and has not answered."""
        self._questions: deque[tuple[_Question, int]] = deque()
        """What it is to be asked next, and for how many."""

    @property
    def waits(self) -> bool:
        """Whether the host still has to answer."""
        return self._question is not None

    # --- asking ---

    def history(self, thread: Thread, count: int) -> None:
        """Show so many messages from before those that were shown. Raises `NotARoom`, `NoHistory` or
        `StillSearching`."""
        room = as_room(thread)
        self._may_ask()
        self._ask(_Question(room, True, room.oldest), count)

    def search(self, thread: Thread, needle: str) -> None:
        """Look through what this member may read of a room. Raises as `history`."""
        room = as_room(thread)
        self._may_ask()
        self._ask(_Question(room, True, 0, needle), wire.MAX_PAGE)

    def _may_ask(self) -> None:
        if not self.keeps:
            raise NoHistory
        if len(self._questions) >= QUESTIONS:
            raise StillSearching

    def _ask(self, question: _Question, count: int) -> None:
        """Ask the host, one question after the other."""
        if self._question is not None:
            self._questions.append((question, count))
            return
        self._question = question
        if question.needle is None:
            question.before = question.room.oldest
        self._send(wire.Past(question.room.conversation, question.before, count))

    def _ask_next(self) -> None:
        self._question = None
        while self._questions and self._question is None:
            question, count = self._questions.popleft()
            if not question.void:
                self._ask(question, count)

    def enter(self, room: Room) -> None:
        """Ask for the last messages of a room that was just entered."""
        if self.keeps and room.number:
            self._ask(_Question(room, False, room.oldest), ON_ENTERING)

    def leave(self, room: Room) -> None:
        """We are not in this room any more: nothing of it is to be shown."""
        for question in [self._question, *(question for question, _ in self._questions)]:
            if question is not None and question.room is room:
                question.void = True

    # --- answers ---

    def take(self, message: wire.Message | wire.LinkFacts) -> bool:
        """A message about the past; False for any other."""
        match message:
            case wire.OldKey():
                self._take_key(message)
            case wire.Old():
                self._take_post(message)
            case wire.OldEnd():
                self._take_end(message)
            case _:
                return False
        return True

    def _take_key(self, message: wire.OldKey) -> None:
        question = self._asked(message.room)
        key = ConversationKey(message.room, message.holder, message.key)
        question.room.old_keys[key.key_id] = key

    def _take_post(self, message: wire.Old) -> None:
        question = self._asked(message.conversation)
        room = question.room
        question.looked += 1
        if question.void:
            return
        if question.before and message.number >= question.before:
            raise BadMessage(why="a message that was not asked for")
        known = room.key if room.key is not None and room.key.key_id == message.key_id else None
        key = known or room.old_keys.get(message.key_id)
        author = self._roster.keys.get(message.sender)
        profile = self._roster.here.get(message.sender)
        try:
            if key is None:
                raise CryptoError("no key")
            posted = wire.Posted(
                message.conversation, message.key_id, message.sender, message.id, message.number, message.sealed
            )
            opened = key.open(posted)
            body = opened.body()
        except CryptoError:
            if question.needle is None:
                self._report.notify("unreadable", room=room.title, name=message.sender.hex()[:8])
            return
        if body.kind not in ("text", "me"):
            return  # offers of the past lead nowhere
        if question.needle is not None:
            if text.bare(question.needle) in text.bare(body.text):
                question.hits.append(self._hit(message, body, opened, author))
            return
        signature = _judge(opened, author)
        name = text.visible_line(body.name)
        question.shown.append(
            events.Message(
                time=self._report.time,
                id=message.id.hex(),
                room=room.name,
                from_=profile.name if profile and body.name in profile.names else name,
                member=message.sender.hex(),
                text=body.text,
                sent_at=_clock(body.sent_at, self._report.now),
                mine=message.sender == self._roster.own,
                signature=signature,
                kind=body.kind,
                history=True,
            )
        )

    def _hit(self, message: wire.Old, body: Body, opened: Opened, author: PublicKey | None) -> events.Hit:
        return events.Hit(
            id=message.id.hex(),
            number=message.number,
            from_=text.visible_line(body.name),
            member=message.sender.hex(),
            text=body.text,
            sent_at=_clock(body.sent_at, self._report.now),
            signature=_judge(opened, author),
        )

    def _take_end(self, message: wire.OldEnd) -> None:
        question = self._asked(message.room)
        if question.needle is not None and self._goes_on(question, message):
            question.before = message.first
            self._send(wire.Past(message.room, message.first, wire.MAX_PAGE))
            return
        if not question.void:
            self._tell_past(question, message)
        self._ask_next()

    def _goes_on(self, question: _Question, message: wire.OldEnd) -> bool:
        """Whether a search has still to look further back."""
        there_is_more = message.more and message.first and not question.void
        return bool(there_is_more) and question.looked < SEARCHED and len(question.hits) < HITS

    def _tell_past(self, question: _Question, message: wire.OldEnd) -> None:
        room = question.room
        if question.needle is not None:
            hits = sorted(question.hits, key=lambda hit: hit.number)[-HITS:]
            self._report.tell(
                events.Found(
                    time=self._report.time, room=room.name, text=question.needle, hits=hits, more=message.more
                )
            )
            return
        for shown in question.shown:
            self._report.tell(shown)
        room.oldest = min(room.oldest, message.first or room.oldest)
        self._report.tell(
            events.History(
                time=self._report.time,
                room=room.name,
                count=len(question.shown),
                more=message.more,
                lost=message.lost,
                asked=question.asked,
            )
        )

    def _asked(self, conversation: bytes) -> _Question:
        question = self._question
        if question is None or question.room.conversation != conversation:
            raise BadMessage(why="an answer to nothing")
        return question


def as_room(thread: Thread) -> Room:
    """This conversation as a room; raises `NotARoom`."""
    if not isinstance(thread, Room):
        raise NotARoom
    return thread


def _judge(opened: Opened, author: PublicKey | None) -> events.Signature:
    if author is None:
        return "missing"
    return "good" if opened.is_by(author) else "bad"


def _clock(sent_at: int, now: float) -> datetime:
    """An author's time stamp, or our time where it is none that a clock can show."""
    good = EARLIEST <= sent_at <= LATEST
    return datetime.fromtimestamp(sent_at / 1000 if good else now, UTC)

