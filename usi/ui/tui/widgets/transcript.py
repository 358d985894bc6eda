"""The transcript: who said what and when, and whether it arrived."""

from __future__ import annotations

from dataclasses import replace

from textual.content import Content
from textual.style import Style

from usi.ui.tui.colours import colour_of
from usi.ui.tui.entries import Entry
from usi.ui.tui.widgets.lines import Line, Lines

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
        lines: list[Line] = []
        for row in block.broken(width):
            body = Content.styled(row.text, self._look(row.role))
            if lines:
                lines.append(Line(Content(" " * row.indent) + body, start=row.indent, glue=row.glue))
            else:
                head = self._head(block, row.indent)
                lines.append(Line(head + self._body(block, body), body=len(head)))
        return self._marked(block, lines, width)

    def _look(self, role: str) -> Style:
        return Style.null() if role == "text" else self.get_visual_style(f"transcript--{role}", partial=True)

    def _name_style(self, block: Entry) -> Style:
        if block.mine:
            return self.get_visual_style("transcript--mine", partial=True)
        return Style(foreground=colour_of(block.member, self.app.current_theme.dark), bold=True)

    def _head(self, block: Entry, indent: int) -> Content:
        """What stands before the first line of the text: time, and name or star."""
        clock = (f"{block.time.astimezone():%H:%M}", self.get_visual_style("transcript--time", partial=True))
        head = Content.assemble(clock, "  ")
        if block.kind == "said":
            head = Content.assemble(head, (block.name, self._name_style(block)))
        elif block.kind == "done":
            head = Content.assemble(head.pad_right(indent - 2 - head.cell_length), ("*", self._name_style(block)))
        return head.pad_right(indent - head.cell_length)

    def _body(self, block: Entry, body: Content) -> Content:
        """Whoever does something is named within the text."""
        if block.kind == "done" and body.plain.startswith(block.name):
            return body.stylize(self._name_style(block), 0, len(block.name))
        return body

    def _marked(self, block: Entry, lines: list[Line], width: int) -> list[Line]:
        """The state of an own message, at the right edge of its first line."""
        if block.state:
            line = lines[0]
            mark = (_MARKS[block.state], self.get_visual_style(f"transcript--{block.state}", partial=True))
            gap = width - 1 - line.content.cell_length
            content = Content.assemble(line.content, " " * gap, mark)
            lines[0] = replace(line, content=content, end=len(line.content))
        return lines
