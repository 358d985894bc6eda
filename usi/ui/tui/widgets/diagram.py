"""The key exchange as a sequence diagram: client and host, what crosses between them, what each computes."""

from __future__ import annotations

from collections.abc import Collection

from rich.cells import cell_len, set_cell_size
from textual import events

from usi.core import events as ev
from usi.core.language import tr
from usi.core.trace import Secret
from usi.ui.tui.inspection import Exchange, Part, label_of, sheet
from usi.ui.tui.texts import inline
from usi.ui.tui.widgets.unfolding import Fold, Row, Unfolding, written

_ROOMY = 18  # lines from which on there is space between the steps


class Sides(Fold):
    """The head of the diagram: who stands on which side."""

    can_open = False

    def __init__(self, exchange: Exchange) -> None:
        super().__init__()
        self._role = exchange.role
        self._partner = inline(exchange.partner)

    def head(self, width: int) -> list[Row]:
        client = tr("client (you)") if self._role == "client" else tr("client")
        host = tr("host (you)") if self._role == "host" else tr("host")
        if self._partner:  # two members, by name
            client, host = (tr("you"), self._partner) if self._role == "client" else (self._partner, tr("you"))
        gap = max(1, width - 2 - cell_len(client) - cell_len(host))
        return [Row((("title", f" {client}{' ' * gap}{host}"),), start=1), _lanes(width)]


class Foot(Fold):
    """Lines under the diagram that explain its signs."""

    can_open = False

    def __init__(self, text: str) -> None:
        super().__init__()
        self._text = text

    def head(self, width: int) -> list[Row]:
        lines = written([Part("quiet", self._text)], width - 1)
        return [Row((("quiet", line.text[1:]),), start=1, glue=line.glue) for line in lines]


class Step(Fold):
    """One step of the exchange: an arrow between the sides, or a mark on both where each computes for itself."""

    def __init__(self, event: ev.TraceEvent, number: int, role: str) -> None:
        super().__init__()
        self.event = event
        self.number = number
        self.secrets = event.secrets
        self._right = (event.direction == "out") == (role == "client")

    def head(self, width: int) -> list[Row]:
        sign = "▾" if self.open else "▸"
        room = width - 2 * _EDGE - 2
        label = f" {self.number} {label_of(self.event)} "
        if cell_len(label) > room - 4:
            label = f"{set_cell_size(label, max(1, room - 6)).rstrip()}… "
        here = self.event.direction == "here"
        line = "╌" if here else "─"
        before = 2 if here or self._right else 3
        left, right = line * before, line * max(0, room - before - cell_len(label))
        if here:
            ends = ("◆", "◆")
        elif self._right:
            ends, right = ("├", "│"), right[:-1] + "▶"
        else:
            ends, left = ("│", "┤"), "◀" + left[1:]
        pieces = (
            ("quiet", f"{sign:<{_EDGE}}"),
            ("lane" if not here else "arrow", ends[0]),
            ("arrow" if not here else "lane", left),
            ("title", label),
            ("arrow" if not here else "lane", right),
            ("lane" if not here else "arrow", ends[1]),
        )
        row = Row(pieces, start=_EDGE)
        return [row, _lanes(width)] if self.spaced and not self.open else [row]

    def body(self, width: int) -> list[Row]:
        room = width - 2 * _EDGE - 6
        rows = []
        for line in written(sheet(self.event, whole=self.whole, revealed=self.revealed), room):
            text = line.text.rstrip() if line.secret else line.text
            pieces = (
                ("lane", f"{' ' * _EDGE}│  "),
                (line.role, text),
                ("lane", f"{' ' * (room - cell_len(text))}  │"),
            )
            rows.append(Row(pieces, _EDGE + 3, _EDGE + 3 + len(text), line.glue, line.secret))
        return [*rows, _lanes(width)]


_EDGE = 3  # cells beside the lanes


def _lanes(width: int) -> Row:
    """The two lanes and nothing between them."""
    room = max(0, width - 2 * _EDGE - 2)
    return Row((("lane", f"{' ' * _EDGE}│{' ' * room}│"),), start=width, end=width)


class Diagram(Unfolding[Fold]):
    """One key exchange."""

    FOLLOWS = False

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._exchange: Exchange | None = None
        self._known: dict[str, Step] = {}
        self._spaced = False
        self.drawn = (0, 0)
        """How many steps are shown, and how many secrets were revealed."""

    def on_resize(self, event: events.Resize) -> None:
        spaced = event.size.height >= _ROOMY
        if spaced != self._spaced:
            self._spaced = spaced
            for step in self._known.values():
                step.spaced = spaced
            self.show_only(self.blocks)

    def show_exchange(self, exchange: Exchange | None, revealed: Collection[Secret] = ()) -> None:
        """Draw this one, with these secrets shown; steps that were open stay open as long as it is the same."""
        if exchange is not self._exchange:
            self._known = {}
            self._cursor = None
        self._exchange = exchange
        self.drawn = (len(exchange.steps) if exchange is not None else 0, len(revealed))
        if exchange is None:
            said = tr("No key exchange yet. It appears here when somebody connects; Enter or a click opens its steps.")
            self.show_only([Foot(said)])
            return
        steps: list[Fold] = []
        for number, event in enumerate(exchange.in_order(), 1):
            known = self._known.get(event.step)
            if known is None or known.event is not event or known.number != number:
                known = self._known[event.step] = Step(event, number, exchange.role)
                known.spaced = self._spaced
            known.revealed = revealed
            steps.append(known)
        feet = [Foot(tr("◆ computed by each side for itself, never sent. Enter or a click opens a step."))]
        if exchange.complete:
            feet.append(Foot(tr("Done: what follows crosses sealed, in records (2).")))
        self.show_only([Sides(exchange), *steps, *feet])
        if self.has_focus and self._cursor is None:
            self.action_point(1)

    @property
    def exchange(self) -> Exchange | None:
        return self._exchange
