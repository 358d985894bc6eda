"""Which of its conversations a person is in: where goes what is said without naming one."""

from __future__ import annotations

from usi.core import events
from usi.core.errors import NoSuchRoom, NotPrivate, Nowhere
from usi.core.lobby import Lobby
from usi.core.lookback import Room
from usi.core.private import Private
from usi.core.report import Report
from usi.core.talk import Talk
from usi.core.thread import Thread


class Choice:
    """Chosen among the rooms of the lobby and the private conversations; none before the host's welcome."""

    def __init__(self, lobby: Lobby, private: Private, report: Report) -> None:
        self._lobby = lobby
        self._private = private
        self._report = report
        self._current: Thread | None = None
        self._adrift = False
        """The person wanted to go to a conversation that could not be reached, or was put out of one: none is chosen
        for what is typed without saying where."""

    @property
    def thread(self) -> Thread | None:
        """The conversation that is chosen."""
        return None if self._adrift else self._current

    @property
    def first_room(self) -> Thread:
        return next(iter(self._lobby.rooms.values()))

    def begin(self) -> None:
        """The host has bidden welcome: the first room is chosen, as everybody knows."""
        self._current = self.first_room

    @property
    def begun(self) -> bool:
        return self._current is not None

    def find(self, room: str | None) -> Thread:
        """The conversation of that name, or (None) the one that is chosen. Raises `LocalError`."""
        if room is None:
            if self._current is None or self._adrift:
                raise Nowhere
            return self._current
        threads: list[Thread] = [*self._lobby.rooms.values(), *self._private.known]
        for thread in threads:
            if room in (thread.name, thread.title):
                return thread
        if (found := self._lobby.called(room)) is not None:
            return found
        raise NoSuchRoom(room=room)

    def find_talk(self, room: str | None) -> Talk:
        """The same, of private ones."""
        thread = self.find(room)
        if not isinstance(thread, Talk):
            raise NotPrivate
        return thread

    def choose(self, thread: Thread) -> None:
        self._current, self._adrift = thread, False
        self._report.tell(events.Chosen(time=self._report.time, room=thread.name, private=thread.private))

    def drift(self) -> None:
        """None is chosen until the next one is: what is typed next is not for the ears of those who are left."""
        self._adrift = True

    def go(self, name: str) -> None:
        """Choose a conversation; a room that we are not in is entered first."""
        try:
            thread = self.find(name)
        except NoSuchRoom:
            self._lobby.enter(name)
        else:
            self.choose(thread)

    def leave(self, thread: Thread) -> None:
        if isinstance(thread, Room):
            self._lobby.leave(thread)
            return
        if isinstance(thread, Talk):
            self._private.leave(thread)
        if thread is self._current:
            self.choose(self.first_room)

    def entered(self, room: Room) -> None:
        """A room was entered later; who asked for it is there now, and so is who is nowhere else."""
        if self._lobby.tell_entered(room):
            self.choose(room)
        elif isinstance(self._current, Room) and self._current not in self._lobby.rooms.values():
            self.choose(room)
            self.drift()

    def put_out(self, room: Room, code: str) -> None:
        """We are out of a room, with the code that says why."""
        if room is self._current and self._lobby.rooms:
            self.choose(self.first_room)
            self._adrift = code != "left-room"  # what is being typed was not meant for those who are there
