"""What the dialogs have in common: a frame, a text that scrolls, and buttons that stay in sight."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Generic, TypeVar

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widget import Widget
from textual.widgets import Button

from usi.core.language import tr
from usi.ui.i18n import mark
from usi.ui.tui.texts import inline

Result = TypeVar("Result")


class Body(VerticalScroll, can_focus=False):
    """What a dialog says."""

    DEFAULT_CSS = "Body { height: auto; scrollbar-size-vertical: 1; }"


class Choices(Horizontal):
    """The buttons of a dialog; one below the other where it is narrow."""


class Dialog(ModalScreen[Result], Generic[Result]):
    """A frame with a title. `says` is what stands in it, `offers` are the buttons; Escape closes it with None."""

    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (64, "-wide")]
    VERTICAL_BREAKPOINTS = [(0, "-low"), (18, "-high")]
    BINDINGS = [
        Binding("escape", "away", mark("Close"), key_display="Esc", id="close", tooltip=mark("Close this")),
        Binding("right,down", "next", mark("Next"), show=False, id="next", tooltip=mark("To the next button")),
        Binding("left,up", "before", mark("Before"), show=False, id="before", tooltip=mark("To the button before")),
        Binding("pageup", "page(-1)", mark("Up"), show=False, id="page-up", tooltip=mark("Back in the text")),
        Binding("pagedown", "page(1)", mark("Down"), show=False, id="page-down", tooltip=mark("On in the text")),
    ]
    DEFAULT_CSS = """
    Dialog { align: center middle; background: $background 60%; }
    Dialog > #frame {
        width: 70; max-width: 100%; height: auto; max-height: 100%;
        padding: 1 2 0 2; background: $surface;
        border: round $primary; border-title-color: $text-primary; border-title-style: bold;
        border-subtitle-color: $foreground-muted;
    }
    Dialog Choices { height: auto; align-horizontal: center; margin: 1 0; }
    Dialog Choices Button { min-width: 10; margin: 0 1; padding: 0 1; }
    Dialog Choices Button.-style-default.-textual-compact:focus {
        background: $foreground; color: $background; text-style: bold;
    }
    Dialog.-narrow > #frame { width: 100%; padding: 0 1; }
    Dialog.-narrow Choices { layout: vertical; margin: 0; }
    Dialog.-narrow Choices Button { width: 1fr; margin: 0; }
    Dialog.-low > #frame { padding: 0 1; }
    Dialog.-low Choices { margin: 0; }
    """

    def compose(self) -> ComposeResult:
        with Vertical(id="frame"):
            with Body():
                yield from self.says()
            with Choices():
                yield from self.offers()

    def says(self) -> Iterable[Widget]:
        """The widgets above the buttons."""
        return ()

    def offers(self) -> Iterable[Button]:
        """The buttons."""
        return ()

    def entitle(self, title: str, subtitle: str = "") -> None:
        """Write on the frame; names of others may stand in it."""
        frame = self.query_one("#frame")
        frame.border_title = Content(inline(title)).markup
        frame.border_subtitle = Content(inline(subtitle)).markup

    def on_resize(self) -> None:
        self.call_after_refresh(self._fit)

    def _fit(self) -> None:
        """Leave room for the buttons; the text scrolls where there is not enough for both."""
        frame, body, choices = self.query_one("#frame"), self.query_one(Body), self.query_one(Choices)
        around = frame.outer_size.height - frame.content_size.height
        room = self.size.height - around - choices.outer_size.height - choices.styles.margin.height
        body.styles.max_height = max(1, room)

    def action_away(self) -> None:
        _ = self.dismiss(None)

    def action_next(self) -> None:
        self.focus_next()

    def action_before(self) -> None:
        self.focus_previous()

    def action_page(self, direction: int) -> None:
        body = self.query_one(Body)
        body.scroll_relative(y=direction * max(1, body.size.height - 1), animate=False)


def button(label: str, id: str, variant: str = "default") -> Button:
    """A button; the label is text, never markup."""
    return Button(Content(label), id=id, variant=variant, compact=True)  # type: ignore[arg-type]  # one of Textual's names


def close_button() -> Button:
    return button(tr("Close"), "close")
