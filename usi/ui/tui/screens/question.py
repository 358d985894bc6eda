"""A small question with two answers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from textual import on
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Button, Static

from usi.ui.tui.screens.dialog import Choices, Dialog, button
from usi.ui.tui.texts import shown


class Question(Dialog[str]):
    """Asks; its result is the id of the answer, None where Escape was pressed. The first answer has the focus."""

    def __init__(self, title: str, text: str, answers: Sequence[tuple[str, str]], *, patience: float = 0.0) -> None:
        """`answers`: id and label of each; they can be given after `patience` seconds, so that no key answers that was
        meant for something else."""
        super().__init__()
        self._title, self._text, self._answers, self._patience = title, text, answers, patience

    def says(self) -> Iterable[Widget]:
        yield Static(Content(shown(self._text)), id="asked")

    def ask(self, text: str) -> None:
        """Ask this instead: what it was about has changed."""
        self._text = text
        for asked in self.query("#asked").results(Static):
            asked.update(Content(shown(text)))

    def offers(self) -> Iterable[Button]:
        for id, label in self._answers:
            yield button(label, id)

    def on_mount(self) -> None:
        self.entitle(self._title)
        if self._patience:
            self.query_one(Choices).disabled = True
            self.set_timer(self._patience, self._begin)
        else:
            self._begin()

    def _begin(self) -> None:
        self.query_one(Choices).disabled = False
        self.query(Button).first().focus()

    @on(Button.Pressed)
    def _pressed(self, message: Button.Pressed) -> None:
        _ = self.dismiss(message.button.id)
