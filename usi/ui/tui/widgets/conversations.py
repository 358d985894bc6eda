"""The conversations one is in, and what was said in them since one looked."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from rich.cells import cell_len
from textual.content import Content
from textual.message import Message

from usi.ui.i18n import mark
from usi.ui.tui.texts import inline
from usi.ui.tui.widgets.lines import Choices, Line

_MOST = 999


@dataclass(frozen=True)
class Talk:
    """A row of the list."""

    room: str
    unread: int = 0
    open: bool = False
    """It is the one on the screen."""
    sign: str = "#"
    """What kind of conversation it is."""
    muted: bool = False
    """The desktop is not told about it."""

    @property
    def size(self) -> int:
        return len(self.room)

    def height(self, width: int) -> int:
        return 1


class Conversations(Choices[Talk]):
    """One conversation a line, with the number of messages that were not seen."""

    COMPONENT_CLASSES = {"conversations--open", "conversations--quiet", "conversations--unread"}
    HELP = mark("""\
## Conversations

The number behind a conversation says how many messages came since you looked; ⊘ means that you muted it. Up and Down
choose one; Enter or a click opens it. From anywhere, Alt+Up and Alt+Down go from one to the next, and Alt+A goes to the
next in which something is new.
""")

    @dataclass
    class Opened(Message):
        """Somebody wants to see a conversation."""

        room: str

    def lay_out(self, block: Talk, width: int) -> list[Line]:
        count = "" if not block.unread else f" {min(block.unread, _MOST)}{'+' if block.unread > _MOST else ''}"
        count = f" ⊘{count}" if block.muted else count
        role = "unread" if block.unread and not block.muted else "open" if block.open else "quiet"
        look = self.get_visual_style(f"conversations--{role}", partial=True)
        sign = f"{'▸' if block.open else ' '}{inline(block.sign)} "
        name = Content(inline(block.room)).truncate(max(1, width - cell_len(sign) - cell_len(count)), ellipsis=True)
        gap = width - cell_len(sign) - name.cell_length - cell_len(count)
        return [Line(Content.assemble(sign, name, " " * gap, count).stylize(look))]

    def key(self, block: Talk) -> object:
        return block.sign, block.room

    def chosen(self, block: Talk) -> None:
        self.post_message(self.Opened(block.room))

    def show_talks(self, talks: Iterable[Talk]) -> None:
        """Show these conversations, in this order."""
        wanted = [*talks]
        if wanted != self._blocks:
            self.show_only(wanted)
