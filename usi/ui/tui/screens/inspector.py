"""The inspector on the whole screen."""

from __future__ import annotations

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.screen import Screen
from textual.widgets import Static

from usi.core.language import tr
from usi.ui.tui.inspection import Inspection
from usi.ui.tui.widgets.inspector import Inspector


class InspectorScreen(Screen[None]):
    """Shows the same `Inspection` as the panel; Escape or F6 goes back."""

    DEFAULT_CSS = """
    InspectorScreen #inspector-title { height: 1; padding: 0 1; color: $text-primary; text-style: bold; }
    InspectorScreen KeyBar { display: block; }
    InspectorScreen.-low #inspector-title { display: none; }
    """
    VERTICAL_BREAKPOINTS = [(0, "-low"), (18, "-high")]
    AUTO_FOCUS = None
    BINDINGS = [
        Binding("escape", "dismiss", "Back", key_display="Esc", id="inspect-back", tooltip="Back to the conversation"),
    ]

    def __init__(self, inspection: Inspection) -> None:
        super().__init__()
        self._inspection = inspection

    def compose(self) -> ComposeResult:
        yield Static(tr("Inspector: what the cryptography does"), id="inspector-title", markup=False)
        yield Inspector(self._inspection, id="inspector")

    def on_mount(self) -> None:
        self.call_after_refresh(self.query_one(Inspector).focus_list)

    @on(Inspector.Wanted)
    async def _wanted(self, message: Inspector.Wanted) -> None:
        message.stop()
        await self.action_dismiss()
