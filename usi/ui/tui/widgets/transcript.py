"""The transcript: who said what and when, and whether it arrived."""

from __future__ import annotations

from collections.abc import Iterable

from textual.content import Content
from textual.style import Style

from usi.ui.tui.colours import colour_of
from usi.ui.tui.entries import Columns, Entry
from usi.ui.tui.widgets.lines import Line, Lines
from usi.ui.tui.wrapping import wrap

_MARKS = {"": "", "sending": "…", "delivered": "✓", "failed": "✗"}


class Transcript(Lines[Entry]):
    """Entries in columns: time, name, text, state."""

    COMPONENT_CLASSES = {
        "transcript--time",
        "transcript--mine",
        "transcript--quiet",
        "transcript--strong",
        "transcript--alarm",
        "transcript--sending",
        "transcript--delivered",
        "transcript--failed",
    }
    HELP = """\
## The conversation

Scroll with the arrows, Page Up, Page Down, Home and End, or the wheel. Mark text with the mouse, copy it with Ctrl+C.
"""

    def lay_out(self, block: Entry, width: int) -> list[Line]:
        columns = Columns.of(width)
        first, rest = block.starts(columns)
        lines: list[Line] = []
        for role, value in block.rows:
            style = self._look(role)
            for text in value.split("\n"):
                indent, room = (rest, columns.room - rest) if lines else (first, columns.room - first)
                glue: str | None = None
                ended = 0
                for piece in wrap(text, room, columns.room - rest):
                    if piece.start > ended or glue is not None:
                        glue = text[ended : piece.start]
                    body = Content.styled(text[piece.start : piece.end], style)
                    if lines:
                        line = Line(Content(" " * rest) + body, start=rest, glue=glue)
                    else:
                        head = self._head(block, columns, indent)
                        line = Line(head + self._body(block, body), glue=glue)
                    lines.append(line)
                    glue, ended = "", piece.end
        return self._marked(block, lines, columns)

    def _look(self, role: str) -> Style:
        return Style.null() if role == "text" else self.get_visual_style(f"transcript--{role}", partial=True)

    def _name_style(self, block: Entry) -> Style:
        if block.mine:
            return self.get_visual_style("transcript--mine", partial=True)
        return Style(foreground=colour_of(block.member, self.app.current_theme.dark), bold=True)

    def _head(self, block: Entry, columns: Columns, indent: int) -> Content:
        clock = (f"{block.time.astimezone():%H:%M}", self.get_visual_style("transcript--time", partial=True))
        if block.kind == "said":
            head = Content.assemble(clock, "  ", (block.name, self._name_style(block)))
        elif block.kind == "done":
            head = Content.assemble(clock, "  ", ("*", self._name_style(block)))
        else:
            head = Content.assemble(clock)
        return head.pad_right(indent - head.cell_length)

    def _body(self, block: Entry, body: Content) -> Content:
        """Whoever does something is named within the text."""
        if block.kind == "done" and body.plain.startswith(block.name):
            return body.stylize(self._name_style(block), 0, len(block.name))
        return body

    def _marked(self, block: Entry, lines: list[Line], columns: Columns) -> list[Line]:
        """The state of an own message, at the right edge of its first line."""
        if block.state:
            line = lines[0]
            mark = (_MARKS[block.state], self.get_visual_style(f"transcript--{block.state}", partial=True))
            gap = columns.width - 1 - line.content.cell_length
            content = Content.assemble(line.content, " " * gap, mark)
            lines[0] = Line(content, line.start, len(line.content), line.glue)
        return lines

    def say(self, entries: Iterable[Entry]) -> None:
        """Add entries at the end."""
        self.append(entries)
