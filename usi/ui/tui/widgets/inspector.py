"""The inspector: the key exchange as a diagram, and each record and message as it passes."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from textual import events, on, work
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.message import Message
from textual.style import Style
from textual.widget import Widget
from textual.widgets import Input, Static

from usi.core import events as ev
from usi.core.language import tr
from usi.ui.i18n import mark
from usi.ui.tui import inspection as model
from usi.ui.tui.inspection import KINDS, WAYS, Inspection, Mode
from usi.ui.tui.texts import inline, shown
from usi.ui.tui.widgets.diagram import Diagram
from usi.ui.tui.widgets.keybar import KeyBar
from usi.ui.tui.widgets.records import Columns, RecordLine, RecordList

_KEYS = (
    "inspect-accept",
    "inspect-close",
    "inspect-exchange",
    "inspect-records",
    "inspect-open",
    "inspect-secrets",
    "inspect-filter",
    "inspect-pause",
    "inspect-save",
    "inspect-whole",
    "inspect-clear",
    "inspect-screen",
)
_IMPORTANT_KEYS = (
    "inspect-accept",
    "inspect-close",
    "inspect-open",
    "inspect-secrets",
    "inspect-screen",
    "inspect-records",
    "inspect-exchange",
    "inspect-filter",
    "inspect-pause",
    "inspect-save",
    "inspect-whole",
    "inspect-clear",
)


class Bar(Widget):
    """Which view is shown, and how; each part does something when it is clicked."""

    ALLOW_SELECT = False
    COMPONENT_CLASSES = {"bar--chosen", "bar--other", "bar--note"}
    DEFAULT_CSS = """
    Bar { height: 1; padding: 0 1; background: $panel; color: $foreground; }
    Bar .bar--chosen { color: $text-primary; text-style: bold reverse; }
    Bar .bar--other { color: $foreground-muted; }
    Bar .bar--note { color: $text-warning; text-style: bold; }
    """

    parts: Sequence[tuple[str, str, str]] = ()
    """Role, text and action of each part."""

    def show_parts(self, parts: Sequence[tuple[str, str, str]]) -> None:
        self.parts = parts
        self.refresh()

    def render(self) -> Content:
        line = Content("")
        width = self.content_size.width
        for index, (role, text, action) in enumerate(self.parts):
            style = self.get_visual_style(f"bar--{role}", partial=True)
            part = Content.styled(f" {text} ", style)
            if action:
                part = part.stylize(Style.from_meta({"do": action}))
            if index > 1 and line.cell_length + part.cell_length > width:
                break
            line += part
        return line.truncate(width, ellipsis=True)

    def on_click(self, event: events.Click) -> None:
        action = event.style.meta.get("do")
        if action is not None and isinstance(self.parent, Inspector):
            event.stop()
            self.parent.do(str(action))


class Ask(Input):
    """Where a filter or a path is written."""

    BINDINGS = [
        Binding("enter", "submit", "OK", key_display="⏎", id="inspect-accept", tooltip="Do it"),
        Binding("escape", "leave", "Close", key_display="Esc", id="inspect-close", tooltip="Close this line"),
    ]

    class Left(Message):
        """The person does not want to write any more."""

    def action_leave(self) -> None:
        self.post_message(self.Left())


class Inspector(Vertical):
    """Both views of one `Inspection`, and what one can do with it."""

    DEFAULT_CSS = """
    Inspector { height: 1fr; }
    Inspector #inspect-ask { height: 1; display: none; background: $surface; padding: 0 1; }
    Inspector.-asking #inspect-ask { display: block; }
    Inspector #inspect-label { width: auto; color: $text-primary; }
    Inspector #inspect-label.-refused { color: $text-error; }
    Inspector Ask { width: 1fr; }
    Inspector KeyBar { display: none; height: 1; }
    Inspector:focus-within KeyBar { display: block; }
    Inspector.-records Diagram { display: none; }
    Inspector.-exchange RecordList, Inspector.-exchange Columns { display: none; }
    """
    BINDINGS = [
        Binding("1", "mode('exchange')", "Keys", id="inspect-exchange", tooltip="The key exchange as a diagram"),
        Binding("2", "mode('records')", "Records", id="inspect-records", tooltip="Records and messages as they pass"),
        Binding(
            "slash,f", "filter", "Filter", key_display="/", id="inspect-filter", tooltip="Only what holds these words"
        ),
        Binding(
            "d", "way", "Direction", key_display="D", show=False, id="inspect-way", tooltip="All, received or sent"
        ),
        Binding(
            "k", "kind", "Kind", key_display="K", show=False, id="inspect-kind", tooltip="All, records or messages"
        ),
        Binding("p", "pause", "Pause", key_display="P", id="inspect-pause", tooltip="Stand still, or go on"),
        Binding(
            "s", "save", "Save", key_display="S", id="inspect-save", tooltip="Write it into a file, as text or JSON"
        ),
        Binding("c", "clear", "Clear", key_display="C", id="inspect-clear", tooltip="Forget the records"),
        Binding(
            "left", "link(-1)", "Before", show=False, id="inspect-before", tooltip="The key exchange before this one"
        ),
        Binding("right", "link(1)", "Next", show=False, id="inspect-next", tooltip="The key exchange after this one"),
        Binding(
            "f6", "screen", "Screen", key_display="F6", id="inspect-screen", tooltip="On the whole screen, or back"
        ),
    ]

    HELP = mark("""\
## Inspector

1 shows the key exchange, 2 the records. Enter or a click opens an entry with its explanation, X shows long values in
full, V shows secrets and masks them again. / filters, D and K choose direction and kind, P pauses, S saves, C clears,
F6 takes the whole screen.
""")

    class Wanted(Message):
        """The person wants the whole screen for it, or back from there."""

    def __init__(self, inspection: Inspection | None = None, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.inspection = inspection or Inspection()
        self.mode: Mode = self.inspection.mode
        self._asked: Literal["filter", "save"] = "filter"
        self._chosen: model.Exchange | None = None
        """The key exchange that the person chose; None follows the newest."""

    def compose(self) -> ComposeResult:
        yield Bar()
        yield Columns()
        yield Diagram(id="inspect-diagram")
        yield RecordList(id="inspect-list")
        with Horizontal(id="inspect-ask"):
            yield Static("", id="inspect-label", markup=False)
            yield Ask(id="inspect-input", compact=True)
        yield KeyBar(_KEYS, _IMPORTANT_KEYS)

    def on_mount(self) -> None:
        self.inspection.watchers.append(self._told)
        self.set_mode(self.mode)
        self._told(None)

    def on_unmount(self) -> None:
        self.inspection.watchers.remove(self._told)

    # --- showing ---

    @property
    def exchange(self) -> model.Exchange | None:
        """The key exchange that is drawn."""
        exchanges = self.inspection.exchanges
        if self._chosen is not None and any(each is self._chosen for each in exchanges):
            return self._chosen
        return exchanges[-1] if exchanges else None

    def _told(self, came: Sequence[ev.TraceEvent] | None) -> None:
        """The model has changed."""
        records = self.query_one(RecordList)
        if came is None:
            records.show_only([RecordLine(event) for event in self.inspection.shown()])
        elif came:
            records.append(RecordLine(event) for event in came)
        diagram = self.query_one(Diagram)
        exchange = self.exchange
        revealed = self.inspection.revealed
        drawn = (len(exchange.steps) if exchange is not None else 0, len(revealed))
        if exchange is None or exchange is not diagram.exchange or drawn != diagram.drawn:
            diagram.show_exchange(exchange, revealed)
        self._tell()

    def set_mode(self, mode: Mode) -> None:
        """Show the key exchange or the records."""
        self.mode = self.inspection.mode = mode
        self.set_class(mode == "exchange", "-exchange")
        self.set_class(mode == "records", "-records")
        self._tell()

    def _tell(self) -> None:
        """Bring the bar up to date."""
        inspection = self.inspection
        chosen = self.mode == "exchange"
        parts = [
            ("chosen" if chosen else "other", tr("Key exchange"), "mode('exchange')"),
            ("other" if chosen else "chosen", tr("Records: {count}", count=len(inspection.records)), "mode('records')"),
        ]
        if chosen:
            if len(inspection.exchanges) > 1 and self.exchange is not None:
                number = next(i for i, each in enumerate(inspection.exchanges, 1) if each is self.exchange)
                parts.append(("other", "◂", "link(-1)"))
                parts.append(("other", f"{inline(self.exchange.link)} ({number}/{len(inspection.exchanges)})", ""))
                parts.append(("other", "▸", "link(1)"))
            elif self.exchange is not None:
                parts.append(("other", inline(self.exchange.link), ""))
        else:
            if inspection.paused:
                count = inspection.unseen
                parts.append(("note", tr("paused, {count} more", count=count) if count else tr("paused"), "pause"))
            wanted = inspection.filter
            if wanted.text:
                parts.append(("note", tr("only “{text}”", text=inline(wanted.text)), "filter"))
            if wanted.way != "all" or wanted.kind != "all":
                parts.append(("note" if wanted.way != "all" else "other", _way(wanted.way), "way"))
                parts.append(("note" if wanted.kind != "all" else "other", _kind(wanted.kind), "kind"))
            else:
                parts += [("other", _way("all"), "way"), ("other", _kind("all"), "kind")]
        self.query_one(Bar).show_parts(parts)

    def focus_list(self) -> None:
        """Give the focus to what is shown."""
        self.query_one(Diagram if self.mode == "exchange" else RecordList).focus()

    # --- what the person wants ---

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return not (action == "filter" and self.has_class("-asking"))

    def do(self, action: str) -> None:
        """Run one of the actions below, named as in a binding."""
        self.run_worker(self.run_action(action), name="inspector")

    def action_mode(self, mode: Mode) -> None:
        self.set_mode(mode)
        self.focus_list()

    def action_link(self, direction: int) -> None:
        exchanges = self.inspection.exchanges
        if not exchanges:
            return
        place = next((index for index, each in enumerate(exchanges) if each is self.exchange), 0) + direction
        place = max(0, min(len(exchanges) - 1, place))
        self._chosen = exchanges[place] if place < len(exchanges) - 1 else None
        self._told([])

    @on(Diagram.Revealing)
    def _reveal(self, message: Diagram.Revealing) -> None:
        message.stop()
        self.inspection.reveal(message.secrets)

    def action_way(self) -> None:
        self.set_mode("records")
        self.inspection.wants(way=WAYS[(WAYS.index(self.inspection.filter.way) + 1) % len(WAYS)])

    def action_kind(self) -> None:
        self.set_mode("records")
        self.inspection.wants(kind=KINDS[(KINDS.index(self.inspection.filter.kind) + 1) % len(KINDS)])

    def action_pause(self) -> None:
        self.set_mode("records")
        self.inspection.pause()

    def action_clear(self) -> None:
        self.inspection.clear()

    def action_screen(self) -> None:
        self.post_message(self.Wanted())

    def action_filter(self) -> None:
        self.set_mode("records")
        self._ask("filter", tr("Only what holds:"), self.inspection.filter.text)

    def action_save(self) -> None:
        name = f"usi-inspector-{datetime.now():%Y%m%d-%H%M%S}.txt"  # noqa: DTZ005 (the person's own clock)
        self._ask("save", tr("Save as (.txt or .json):"), name)

    def _ask(self, what: Literal["filter", "save"], label: str, text: str) -> None:
        self._asked = what
        self._say(label)
        self.add_class("-asking")
        self.refresh_bindings()
        box = self.query_one(Ask)
        with box.prevent(Input.Changed):
            box.value = text
        box.cursor_position = len(text)
        box.focus()

    def _say(self, text: str, *, refused: bool = False) -> None:
        label = self.query_one("#inspect-label", Static)
        label.update(Content(f"{inline(text)} "))
        label.set_class(refused, "-refused")

    @on(Input.Changed)
    def _changed(self, message: Input.Changed) -> None:
        message.stop()
        if self._asked == "filter":
            self.inspection.wants(text=message.value)

    @on(Input.Submitted)
    def _submitted(self, message: Input.Submitted) -> None:
        message.stop()
        if self._asked == "filter":
            self._close()
        elif message.value.strip():
            self._save(message.value.strip())

    @on(Ask.Left)
    def _left(self, message: Ask.Left) -> None:
        message.stop()
        if self._asked == "filter":
            self.inspection.wants(text="")
        self._close()

    def _close(self) -> None:
        self.remove_class("-asking")
        self.refresh_bindings()
        self.focus_list()

    @work(exclusive=True, group="save", name="save")
    async def _save(self, path: str) -> None:
        """Write a new file, in a thread: it may be long."""
        form = model.as_json if path.lower().endswith(".json") else model.as_text
        text = form(self.inspection, datetime.now(UTC).astimezone())
        try:
            await asyncio.to_thread(write_new, path, text)
        except FileExistsError:
            self._say(tr("That file is there already. Another name:"), refused=True)
        except (OSError, ValueError, RuntimeError) as error:
            why = error.strerror if isinstance(error, OSError) and error.strerror else tr("no such path")
            self._say(tr("It cannot be written ({why}). Another name:", why=why), refused=True)
        else:
            self._close()
            self.notify(shown(tr("Saved as {path}", path=path)), markup=False)


def write_new(path: str, text: str) -> None:
    """Write a file that only its owner may read. Raises `FileExistsError` rather than touch one that is there."""
    descriptor = os.open(Path(path).expanduser(), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(descriptor, "w", encoding="utf-8", newline="\n") as file:
        file.write(text)


def _way(way: str) -> str:
    """A direction in words."""
    return {"in": "← " + tr("received"), "out": "→ " + tr("sent")}.get(way, "⇄ " + tr("both ways"))


def _kind(kind: str) -> str:
    return {"records": tr("records only"), "content": tr("texts only")}.get(kind, tr("records and texts"))
