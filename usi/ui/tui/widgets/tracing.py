"""The panel of `--dev` beside the conversation."""

from __future__ import annotations

from collections.abc import Iterable

from usi.core import events as ev
from usi.ui.tui.widgets.inspector import Inspector


class Tracing(Inspector):
    """The inspector as a panel; its `inspection` may be shown on a whole screen as well."""

    def note(self, events: Iterable[ev.TraceEvent]) -> None:
        """Take in what was traced."""
        self.inspection.add(events)
