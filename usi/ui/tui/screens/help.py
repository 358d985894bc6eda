"""What the keys do here, all commands, and how verification works."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from textual.binding import Binding
from textual.content import Content
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Button, Static

from usi.core import commands
from usi.core.language import tr
from usi.ui.i18n import mark
from usi.ui.tui.screens.dialog import Body, Dialog, close_button

_NAMES = {"pageup": "PgUp", "pagedown": "PgDn", "escape": "Esc", "up": "↑", "down": "↓", "left": "←", "right": "→"}
_CODE = re.compile("`([^`]*)`")
_VERIFYING = mark("""\
## How verification works

Everything is encrypted between you and the host, with keys made for this conversation. What a key cannot tell is \
whose it is: somebody on the way could pose as the host to you, and as you to the host.

That is found out by comparing. Both ends of a connection see the same four words and the same fingerprint if nobody \
sits in between, and different ones if somebody does. Press F2, and read the words to each other by telephone or in \
person: a message in this conversation could have been changed by the very one you are looking for.

They match: the connection is marked ✔ and stays so for this key, whatever name its owner takes. They differ: the \
connection is ended at once. Until you have compared, the header says ⚠.
""")


@dataclass(frozen=True)
class Key:
    """A key that is in force, and what it does."""

    display: str
    does: str


def keys_of(screen: Screen[object]) -> list[Key]:
    """The keys of ours that are in force on a screen, those of what is focused first."""
    found: dict[str, list[str]] = {}
    says: dict[str, str] = {}
    for _, binding, enabled, _ in screen.active_bindings.values():
        if binding.id is None or not enabled:
            continue
        found.setdefault(binding.id, []).append(_display(binding))
        says[binding.id] = tr(binding.tooltip or binding.description)
    return [Key(", ".join(dict.fromkeys(displays)), says[id]) for id, displays in found.items()]


def _display(binding: Binding) -> str:
    """A key as it is written on keyboards."""
    *held, key = binding.key.split("+")
    parts = [*held, _NAMES.get(key, key.upper() if len(key) == 1 or key[1:].isdigit() else key)]
    return "+".join(part[:1].upper() + part[1:] for part in parts)


class HelpDialog(Dialog[None]):
    """Scrolls; Escape closes it."""

    BINDINGS = [
        Binding("up", "line(-1)", mark("Up"), show=False, id="line-up", tooltip=mark("One line back"), priority=True),
        Binding(
            "down", "line(1)", mark("Down"), show=False, id="line-down", tooltip=mark("One line on"), priority=True
        ),
        Binding("home", "edge(-1)", mark("Start"), show=False, id="start", tooltip=mark("To the beginning")),
        Binding("end", "edge(1)", mark("End"), show=False, id="end", tooltip=mark("To the end")),
        Binding("f1", "away", mark("Close"), show=False, id="help-close", tooltip=mark("Close this")),
    ]
    DEFAULT_CSS = """
    HelpDialog > #frame { width: 84; }
    HelpDialog Static { height: auto; }
    """

    def __init__(self, keys: Sequence[Key], focused: str = "") -> None:
        """`focused`: what the focused widget says of itself (its HELP), translated."""
        super().__init__()
        self._keys = keys
        self._focused = focused

    def says(self) -> Iterable[Widget]:
        yield Static(id="text")

    def offers(self) -> Iterable[Button]:
        yield close_button()

    def on_mount(self) -> None:
        self.entitle(tr("Help"), tr("↑ ↓ scroll, Esc closes"))
        self.query_one("#close").focus()

    def on_resize(self) -> None:
        room = min(84, self.size.width) - 8  # frame, padding, scroll bar
        parts = [
            *([prose(self._focused)] if self._focused else []),
            _section(tr("Keys"), table([(key.display, key.does) for key in self._keys], room)),
            _section(tr("Commands"), table(_commands(), room)),
            prose(tr(_VERIFYING)),
        ]
        self.query_one("#text", Static).update(Content("\n\n").join(parts))
        super().on_resize()

    def on_button_pressed(self) -> None:
        _ = self.dismiss(None)

    def action_line(self, direction: int) -> None:
        self.query_one(Body).scroll_relative(y=direction, animate=False)

    def action_edge(self, direction: int) -> None:
        body = self.query_one(Body)
        body.scroll_to(y=0 if direction < 0 else body.max_scroll_y, animate=False)


def _commands() -> list[tuple[str, str]]:
    return [(command.listed, tr(command.summary)) for command in commands.COMMANDS]


def _section(title: str, content: Content) -> Content:
    return Content.assemble((title, "bold $text-primary"), "\n\n", content)


def prose(text: str) -> Content:
    """Our own text: `## title`, then paragraphs whose lines belong together, with `code`."""
    title, _, rest = text.strip().partition("\n")
    paragraphs = [_inline(" ".join(part.split("\n"))) for part in rest.strip("\n").split("\n\n")]
    return _section(title.removeprefix("## "), Content("\n\n").join(paragraphs))


def _inline(text: str) -> Content:
    parts = _CODE.split(text)
    return Content.assemble(*((part, "bold") if at % 2 else part for at, part in enumerate(parts)))


def table(rows: Sequence[tuple[str, str]], width: int) -> Content:
    """Two columns, or one below the other where there is no room for two."""
    first = max((cell_len(left) for left, _ in rows), default=0)
    lines: list[Content] = []
    if first + 2 + 24 > width:
        for left, right in rows:
            lines += [Content.styled(left, "bold"), *_wrapped(right, width - 2, "  ")]
        return Content("\n").join(lines)
    for left, right in rows:
        head, *more = _wrapped(right, width - first - 2, "")
        lines.append(Content.assemble((left, "bold"), " " * (first - cell_len(left) + 2), head))
        lines += [Content.assemble(" " * (first + 2), line) for line in more]
    return Content("\n").join(lines)


def _wrapped(text: str, width: int, indent: str) -> list[Content]:
    """Lines of so many cells; no-break spaces do not break."""
    lines, line = [], ""
    for word in re.split("[ \t\n]+", text):
        if line and cell_len(line) + 1 + cell_len(word) > width:
            lines.append(Content(indent + line))
            line = word
        else:
            line = f"{line} {word}" if line else word
    return [*lines, Content(indent + line)]
