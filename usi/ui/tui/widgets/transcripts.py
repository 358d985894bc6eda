"""One transcript for each conversation, of which one is in view."""

from __future__ import annotations

from collections.abc import Iterator

from textual.app import ComposeResult
from textual.containers import Vertical

from usi.ui.tui.widgets.transcript import Transcript


class Transcripts(Vertical):
    """Each keeps its place, its *new* line and what failed in it while another one is looked at."""

    DEFAULT_CSS = """
    Transcripts { height: 1fr; }
    Transcripts > .-behind { display: none; }
    """

    def __init__(self, room: str, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._room = room
        self._by_room = {room: Transcript(id="transcript")}
        self._watched = True

    def compose(self) -> ComposeResult:
        yield self.current

    @property
    def current(self) -> Transcript:
        """The one in view."""
        return self._by_room[self._room]

    @property
    def watched(self) -> bool:
        """Whether somebody looks at this screen, as far as the terminal tells."""
        return self._watched

    @watched.setter
    def watched(self, watched: bool) -> None:
        self._watched = watched
        self.current.watched = watched

    def of(self, room: str) -> Transcript:
        """That of a conversation, made when something is first said in it."""
        transcript = self._by_room.get(room)
        if transcript is None:
            transcript = self._by_room[room] = Transcript()
            transcript.add_class("-behind")
            transcript.watched = False
            _ = self.mount(transcript)
        return transcript

    def room_of(self, transcript: Transcript) -> str:
        """Whose transcript this is."""
        return next(room for room, each in self._by_room.items() if each is transcript)

    def __iter__(self) -> Iterator[Transcript]:
        return iter(self._by_room.values())

    def rename(self, room: str) -> None:
        """What is in view belongs to this conversation: the host has said what it is called."""
        self._by_room[room] = self._by_room.pop(self._room)
        self._room = room

    def show(self, room: str) -> None:
        """Bring that of a conversation into view."""
        left, came = self.current, self.of(room)
        left.watched = False
        left.add_class("-behind")
        came.remove_class("-behind")
        self._room = room
        self.call_after_refresh(self._arrive, came)

    def _arrive(self, transcript: Transcript) -> None:
        """One looks at it, unless one has gone on already."""
        if transcript is self.current:
            transcript.arrive(self._watched)
