"""The line at the bottom: which keys do what."""

from __future__ import annotations

from collections.abc import Sequence

from textual import events
from textual.content import Content
from textual.reactive import reactive
from textual.screen import Screen
from textual.style import Style
from textual.widget import Widget

from usi.core.language import tr

_GAPS = (2, 1)


class KeyBar(Widget):
    """Shows the bindings with these ids that are in force, in this order; the least important go first.

    A click on one is the same as its key.
    """

    ALLOW_SELECT = False
    COMPONENT_CLASSES = {"keybar--key", "keybar--badge"}

    badges: reactive[dict[str, int]] = reactive(dict)
    """Numbers behind bindings, by id: something waits there."""

    def __init__(self, order: Sequence[str], importance: Sequence[str], *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._order = order
        self._importance = importance

    def on_mount(self) -> None:
        self.screen.bindings_updated_signal.subscribe(self, self._changed)

    def _changed(self, screen: Screen[object]) -> None:
        self.refresh()

    def render(self) -> Content:
        shown = self._labels()
        kept = [name for name in self._importance if name in shown]
        while kept:
            for gap in _GAPS:
                line = Content(" " * gap).join(shown[name] for name in self._order if name in kept)
                if line.cell_length <= self.content_size.width:
                    return line
            kept.pop()
        return Content()

    def _labels(self) -> dict[str, Content]:
        """Key and description of each binding in force, by id."""
        style = self.get_visual_style("keybar--key", partial=True)
        labels = {}
        for _, binding, enabled, _ in self.screen.active_bindings.values():
            if binding.id is not None and enabled:
                display = self.app.get_key_display(binding)
                label = Content.assemble((display, style), " ", tr(binding.description))
                if count := self.badges.get(binding.id, 0):
                    badge = self.get_visual_style("keybar--badge", partial=True)
                    label = Content.assemble(label, " ", (str(count), badge))
                labels[binding.id] = label.stylize(Style.from_meta({"key": binding.key}))
        return labels

    def on_click(self, event: events.Click) -> None:
        key = event.style.meta.get("key")
        if key is not None:
            self.app.simulate_key(key)
