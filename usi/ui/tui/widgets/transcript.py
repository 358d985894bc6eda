"""The transcript: who said what and when, and whether it arrived."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import NamedTuple

from textual import events
from textual.binding import Binding
from textual.content import Content
from textual.message import Message
from textual.style import Style

from usi.core.language import tr
from usi.ui.i18n import mark
from usi.ui.tui.asking import AskingEntry
from usi.ui.tui.colours import colour_of
from usi.ui.tui.entry import Entry, Row, day_line, rule
from usi.ui.tui.offers import OfferEntry
from usi.ui.tui.spans import may_open
from usi.ui.tui.widgets.lines import Line, Lines

_MARKS = {"": "", "sending": "…", "delivered": "✓", "failed": "✗"}


class Spot(NamedTuple):
    """Something in an entry that Enter or a click does: a link, a button of an offer, or to send again (without)."""

    entry: Entry
    url: str


class Entries(Lines[Entry]):
    """Entries in columns: time, name, text, state."""

    COMPONENT_CLASSES = {
        "transcript--time",
        "transcript--mine",
        "transcript--quiet",
        "transcript--strong",
        "transcript--good",
        "transcript--alarm",
        "transcript--retry",
        "transcript--link",
        "transcript--code",
        "transcript--button",
        "transcript--bar",
        "transcript--new",
        "transcript--sending",
        "transcript--delivered",
        "transcript--failed",
    }
    _spot: Spot | None = None
    """What was gone to by keyboard."""

    def lay_out(self, block: Entry, width: int) -> list[Line]:
        if block.kind == "rule":
            return [self._rule(block, width)]
        lines: list[Line] = []
        for row in block.broken(width):
            body = self._dressed(block, row)
            if lines:
                lines.append(Line(Content(" " * row.indent) + body, start=row.indent, glue=row.glue))
            else:
                head = self._head(block, row.indent)
                lines.append(Line(head + self._body(block, body), body=len(head)))
        return self._marked(block, lines, width)

    def _rule(self, block: Entry, width: int) -> Line:
        role, said = block.rows[0]
        label = f" {said} "
        content = Content(label).truncate(max(1, width - 2), ellipsis=True)
        before = max(1, (width - 1 - content.cell_length) // 2)
        dashes = "─" * max(1, width - 1 - before - content.cell_length)
        look = self.get_visual_style("transcript--new" if role == "strong" else "transcript--quiet", partial=True)
        line = Content.assemble("─" * before, content, dashes).stylize(look)
        return Line(line, start=before + 1, end=before + len(content) - 1)

    def _dressed(self, block: Entry, row: Row) -> Content:
        """The text of a row, with its links and its code."""
        body = Content.styled(row.text, self._look(row.role))
        for span in row.spans:
            body = body.stylize(self._look(span.role), span.start, span.end)
            if span.url:
                body = body.stylize(Style.from_meta({"open": span.url}), span.start, span.end)
                if self._spot == (block, span.url):
                    body = body.stylize(Style(reverse=True), span.start, span.end)
        if row.role == "retry":
            body = body.stylize(Style.from_meta({"retry": True}))
            if self._spot == (block, ""):
                body = body.stylize(Style(reverse=True))
        return body

    def _look(self, role: str) -> Style:
        return Style.null() if role == "text" else self.get_visual_style(f"transcript--{role}", partial=True)

    def _name_style(self, block: Entry) -> Style:
        if block.mine:
            return self.get_visual_style("transcript--mine", partial=True)
        return Style(foreground=colour_of(block.member, self.app.current_theme.dark), bold=True)

    def _head(self, block: Entry, indent: int) -> Content:
        """What stands before the first line of the text: time, and name or star."""
        local = block.time.astimezone()
        clock = f"{local:%H:%M:%S}" if block.exact else f"{local:%H:%M}"
        head = Content.assemble((clock, self.get_visual_style("transcript--time", partial=True)), "  ")
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
            mark_ = (_MARKS[block.state], self.get_visual_style(f"transcript--{block.state}", partial=True))
            gap = width - 1 - line.content.cell_length
            content = Content.assemble(line.content, " " * gap, mark_)
            lines[0] = replace(line, content=content, end=len(line.content))
        return lines


class Transcript(Entries):
    """What was said, with lines where a day begins and where one stopped reading."""

    BINDINGS = [
        Binding("left", "spot(-1)", "Link above", show=False, id="spot-up",
                tooltip=mark("Go to the link, the button or the failed message above")),
        Binding("right", "spot(1)", mark("Other"), key_display="←→", show=False, id="spot-down",
                tooltip=mark("Go to the link, the button or the failed message below")),
        Binding("enter", "use", mark("Use"), key_display="Enter", show=False, id="use",
                tooltip=mark("Open the link, press the button, or send the failed message again")),
        Binding("r", "retry", "Retry", show=False, id="retry-here",
                tooltip=mark("Send the message again that was not delivered")),
    ]  # fmt: skip
    HELP = mark("""\
## The conversation

Scroll with the arrows, Page Up, Page Down, Home and End, or the wheel. Mark text with the mouse, copy it with Ctrl+C.

Left and Right go to the links, to the buttons of offered files and of requests to talk privately, and to the messages
that were not delivered; Enter or a click opens a link, presses a button or sends a message again, R sends the last one
again. F7 goes to the newest offer or request. Your own messages have … while they are on their way, ✓ when the host has
them, ✗ when they were not delivered.
""")

    @dataclass
    class LinkChosen(Message):
        """Somebody wants to see where a link leads."""

        url: str

    @dataclass
    class DeedWanted(Message):
        """Somebody has pressed a button of an offer."""

        number: int
        deed: str

    @dataclass
    class AnswerWanted(Message):
        """Somebody has pressed a button of a request for a private conversation."""

        entry: AskingEntry
        deed: str

    @dataclass
    class RetryWanted(Message):
        """Somebody wants a message to be sent again, where it was said."""

        transcript: Transcript
        entry: Entry

    @dataclass
    class TopReached(Message):
        """Somebody has scrolled up to the first line, or beyond."""

        transcript: Transcript

    @dataclass
    class Unseen(Message):
        """So many messages have come since one looked."""

        transcript: Transcript
        count: int

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._watched = True
        self._arriving: bool | None = None
        """Whether somebody looks, once it is in view for the first time."""
        self._day: date | None = None
        self._new: Entry | None = None
        """The line above the first message that was not seen."""
        self.unseen = 0
        """Messages of others that came while nobody looked at the end."""
        self._failed: list[Entry] = []
        """Messages that may be sent again."""

    # --- reading ---

    @property
    def watched(self) -> bool:
        """Whether somebody looks at this screen, as far as the terminal tells."""
        return self._watched

    @watched.setter
    def watched(self, watched: bool) -> None:
        self._watched = watched
        self._look_again()

    @property
    def _reading(self) -> bool:
        return self._watched and self._following

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        self._look_again()
        if new_value <= 0 < old_value:
            self.post_message(self.TopReached(self))

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        if self.scroll_offset.y <= 0:
            self.post_message(self.TopReached(self))

    def _look_again(self) -> None:
        """What is new has been seen once the end is looked at; the line stays until one writes or goes again."""
        if self.unseen and self._reading:
            self.unseen = 0
            self.post_message(self.Unseen(self, 0))

    def arrive(self, watched: bool) -> None:
        """Come into view, at the line above what is new where what is below it has no room on one page."""
        self._arriving = watched if not self._width else None  # where it was never in view, it gets its size first
        if not self._width:
            return
        index = self._index(self._new) if self._new is not None and self.unseen else None
        if index is not None and self._end_line - self._tops[index] > self.size.height:
            self.scroll_to(y=self._tops[index] - self._first_line, animate=False, force=True, immediate=True)
        self.watched = watched

    def on_resize(self, event: events.Resize) -> None:
        event.prevent_default()  # Textual would call it again
        super().on_resize(event)
        if self._arriving is not None:
            self.arrive(self._arriving)

    def forget_new(self) -> None:
        """Take the line away, if what is below has been seen."""
        if self._new is not None and self._reading:
            gone, self._new = self._new, None
            self.take_away(gone)

    # --- changing what is shown ---

    def append(self, blocks: Iterable[Entry]) -> None:
        before = self.unseen
        made = list(self._with_rules(blocks))
        super().append(made)
        if self.unseen != before:
            self.post_message(self.Unseen(self, self.unseen))

    def prepend_past(self, entries: Sequence[Entry]) -> None:
        """Add what was said before everything that is shown, in its order."""
        made: list[Entry] = []
        for entry in entries:
            if made and entry.day != made[-1].day:
                made.append(day_line(entry))
            made.append(entry)
        first = next((entry for entry in self.blocks if entry.kind != "rule"), None)
        if made and first is not None and first.day != made[-1].day:
            made.append(day_line(first))
        if made and self._day is None:
            self._day = made[-1].day
        self.prepend(made)

    def _with_rules(self, entries: Iterable[Entry]) -> Iterator[Entry]:
        for entry in entries:
            if entry.day != self._day:
                if self._day is not None:
                    yield day_line(entry)
                self._day = entry.day
            if entry.kind in ("said", "done"):
                if entry.mine:
                    self.forget_new()
                elif not (self._reading or entry.old):
                    if not self.unseen:
                        if self._new is not None:
                            self.take_away(self._new)
                        self._new = rule(entry.time, tr("new"), "strong")
                        yield self._new
                    self.unseen += 1
            yield entry

    def changed(self, block: Entry) -> None:
        if block.unsent and block not in self._failed:
            self._failed.append(block)
        super().changed(block)

    def take_away(self, block: Entry) -> None:
        if block in self._failed:
            self._failed.remove(block)
        super().take_away(block)

    def clear(self) -> None:
        self._new, self._spot = None, None
        self._failed.clear()
        super().clear()
        if self.unseen:
            self.unseen = 0
            self.post_message(self.Unseen(self, 0))

    # --- links and failed messages ---

    @property
    def failed(self) -> Entry | None:
        """The last message that was not delivered."""
        return self._failed[-1] if self._failed else None

    def on_click(self, event: events.Click) -> None:
        meta = event.style.meta
        place = self._at(self._first_line + self.scroll_offset.y + event.y)
        if place is None:
            return
        if (url := meta.get("open")) is not None:
            self._use(Spot(self._blocks[place[0]], str(url)))
        elif "retry" in meta and self._blocks[place[0]].unsent:
            self.post_message(self.RetryWanted(self, self._blocks[place[0]]))

    def action_retry(self) -> None:
        """Send the last failed message again."""
        if (entry := self.failed) is not None:
            self.post_message(self.RetryWanted(self, entry))

    def action_use(self) -> None:
        """Do what the spot under the cursor is for."""
        if self._spot is None:
            self.action_retry()
        else:
            self._use(self._spot)

    def _use(self, spot: Spot) -> None:
        entry, url = spot
        if isinstance(entry, OfferEntry):
            if url in entry.deal.deeds:  # what was pressed is still there
                self.post_message(self.DeedWanted(entry.deal.number, url))
        elif isinstance(entry, AskingEntry):
            if url in entry.deeds:
                self.post_message(self.AnswerWanted(entry, url))
        elif not url:
            self.post_message(self.RetryWanted(self, entry))
        elif may_open(url):
            self.post_message(self.LinkChosen(url))

    def go_to_offer(self, number: int | None = None) -> bool:
        """Go to the first button of this offer; or of the newest offer or request that waits for an answer, or else of
        one that has any button, and from there to the next older one. False where there is none."""
        offers = [entry for entry in self._blocks if isinstance(entry, OfferEntry | AskingEntry) and entry.deeds]
        if number is not None:
            offers = [entry for entry in offers if isinstance(entry, OfferEntry) and entry.deal.number == number]
        else:
            waiting = [entry for entry in offers if isinstance(entry, AskingEntry) or entry.deal.unanswered]
            offers = waiting or offers
        if offers:
            here = offers.index(self._spot.entry) if self._spot is not None and self._spot.entry in offers else 0
            self.focus()
            self._go_to(Spot(offers[here - 1], offers[here - 1].deeds[0]))
        return bool(offers)

    def action_spot(self, direction: int) -> None:
        """Go to the next spot in this direction; from below the last line, if one is nowhere yet."""
        spot = next(self._spots(direction), None)
        if spot is not None:
            self._go_to(spot)

    def leave_spot(self) -> None:
        """Be nowhere again."""
        if self._spot is not None:
            gone, self._spot = self._spot, None
            self.changed(gone.entry)

    def _go_to(self, spot: Spot) -> None:
        old, self._spot = self._spot, spot
        for entry in {id(s.entry): s.entry for s in (old, spot) if s is not None}.values():
            self.changed(entry)
        index = self._index(spot.entry)
        if index is not None:
            top = self._tops[index] - self._first_line
            height = spot.entry.height(self._width)
            if not self.scroll_offset.y <= top <= self.scroll_offset.y + self.size.height - height:
                self.scroll_to(y=max(0, top - self.size.height // 2), animate=False, force=True)

    def _spots(self, direction: int) -> Iterator[Spot]:
        """The spots from where one is, in this direction."""
        index = self._index(self._spot.entry) if self._spot is not None else None
        if index is None:
            at, index = None, len(self._blocks) if direction < 0 else -1
        else:
            at = self._spot
        if at is not None:
            here = _spots_of(at.entry)
            place = here.index(at) if at in here else 0
            yield from here[place + 1 :] if direction > 0 else reversed(here[:place])
        places = range(index + 1, len(self._blocks)) if direction > 0 else range(index - 1, -1, -1)
        for other in places:
            yield from _spots_of(self._blocks[other])[::direction]

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "retry":
            return bool(self._failed)
        if action == "use":
            return bool(self._failed) or self._spot is not None
        return True


def _spots_of(entry: Entry) -> list[Spot]:
    spots = [Spot(entry, url) for url in dict.fromkeys(entry.links)]
    return [*spots, Spot(entry, "")] if entry.unsent else spots
