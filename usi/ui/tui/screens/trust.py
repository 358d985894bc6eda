"""Dialogs of trust: a code to hand to guests, a password to type unseen, a host that has another key than before."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from textual import on
from textual.content import Content
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Button, Input, Static

from usi.core import events as ev
from usi.core.language import tr
from usi.ui import trust
from usi.ui.tui.screens.dialog import Dialog, button, close_button
from usi.ui.tui.texts import fingerprint_lines, inline

_WIDE = 64


class InvitationDialog(Dialog[None]):
    """A code that was just made, large, and the lines to paste; each can be copied. Posts `Copied`."""

    DEFAULT_CSS = """
    InvitationDialog #frame { width: 78; }
    InvitationDialog #code { text-style: bold; color: $text-primary; text-align: center; margin: 0 0 1 0; }
    InvitationDialog .about { color: $foreground-muted; }
    InvitationDialog .line { margin: 0 0 1 0; }
    InvitationDialog.-low #code, InvitationDialog.-low .line { margin: 0; }
    """

    class Copied(Message):
        """This is to be put on the clipboard."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    def __init__(self, shown: ev.Invitation) -> None:
        super().__init__()
        self._shown = shown
        self._code = shown.code or ""
        self._links = shown.links or []

    def says(self) -> Iterable[Widget]:
        yield Static(id="code", markup=False)
        until = self._shown.until.astimezone()
        yield Static(
            tr(
                "Give these four words to your guests by a way that you trust: by telephone, or in person. Who joins "
                "with --code and these words is verified at once, and so are you. They are good until {time:%H:%M}, "
                "for several guests; others may still come without.",
                time=until,
            ),
            classes="about",
            markup=False,
        )
        if self._links:
            yield Static(tr("Or as one line to paste behind -c, with address and key:"), classes="about", markup=False)
        for link in self._links:
            yield Static(Content(inline(link)), classes="line")

    def offers(self) -> Iterable[Button]:
        yield button(tr("Copy the words"), "copy-code", "primary")
        if self._links:
            yield button(tr("Copy the line"), "copy-line")
        yield close_button()

    def on_mount(self) -> None:
        self.entitle(tr("Invitation"))
        self.query_one("#copy-code").focus()

    def on_resize(self) -> None:
        words = [inline(word) for word in self._code.split("-")]
        wide = self.size.width >= _WIDE
        lines = ["  -  ".join(words)] if wide else ["-".join(words[:2]) + "-", "-".join(words[2:])]
        self.query_one("#code", Static).update(Content("\n".join(lines)))
        super().on_resize()

    @on(Button.Pressed)
    def _pressed(self, message: Button.Pressed) -> None:
        match message.button.id:
            case "copy-code":
                self.post_message(self.Copied(self._code))
            case "copy-line":
                self.post_message(self.Copied(self._links[0]))
            case _:
                _ = self.dismiss(None)


class PasswordDialog(Dialog[str]):
    """Asks for the password to compare with a member. Its result is what was typed; None or nothing leaves it."""

    DEFAULT_CSS = """
    PasswordDialog .about { color: $foreground-muted; }
    PasswordDialog Input { margin: 1 0 0 0; }
    PasswordDialog.-low Input { margin: 0; }
    """

    def __init__(self, name: str, *, answering: bool) -> None:
        """`answering`: the other one has set it, and this person is to type the same."""
        super().__init__()
        self._name = inline(name)
        self._answering = answering

    def says(self) -> Iterable[Widget]:
        if self._answering:
            asked = tr("{name} has set a password that you two agreed on. Type it here.", name=self._name)
        else:
            asked = tr("Type a password that you and {name} agreed on by another way, not here.", name=self._name)
        yield Static(asked, markup=False)
        yield Static(
            tr("It is not shown, sent or kept. Both of you learn whether it was the same, and nobody else anything."),
            classes="about",
            markup=False,
        )
        yield Input(password=True, id="password", compact=True, placeholder=tr("password"))

    def offers(self) -> Iterable[Button]:
        yield button(tr("Compare"), "compare", "primary")
        yield button(tr("Cancel"), "cancel")

    def on_mount(self) -> None:
        self.entitle(tr("Password with {name}", name=self._name))
        self.query_one(Input).focus()

    @on(Input.Submitted)
    def _entered(self) -> None:
        _ = self.dismiss(self.query_one(Input).value)

    @on(Button.Pressed)
    def _pressed(self, message: Button.Pressed) -> None:
        _ = self.dismiss(self.query_one(Input).value if message.button.id == "compare" else None)


class ChangedKeyDialog(Dialog[Literal["accept", "stay"]]):
    """The host has another key than before: nothing was said to it. The result is what to do; None is to stay away."""

    DEFAULT_CSS = """
    ChangedKeyDialog > #frame { border: round $error; border-title-color: $text-error; }
    ChangedKeyDialog #what { text-style: bold; color: $text-error; }
    ChangedKeyDialog #fingerprint { text-style: bold; text-align: center; margin: 1 0; }
    ChangedKeyDialog .about { color: $foreground-muted; }
    ChangedKeyDialog.-low #fingerprint { margin: 0; }
    """

    def __init__(self, place: str, key: bytes) -> None:
        super().__init__()
        self._place = inline(place)
        self._key = key

    def says(self) -> Iterable[Widget]:
        yield Static(
            tr("The host at {place} has another key than the one that you know.", place=self._place),
            id="what",
            markup=False,
        )
        yield Static(
            tr(
                "Either its owner has set it up anew, or somebody sits in between and answers in its place. Nothing "
                "was said to it yet. Ask the owner by another way whether the fingerprint of the host's key is now:"
            ),
            markup=False,
        )
        yield Static(id="fingerprint", markup=False)
        yield Static(
            tr("If you accept it, it takes the place of the old one, not verified. Compare the words then."),
            classes="about",
            markup=False,
        )

    def offers(self) -> Iterable[Button]:
        yield button(tr("Stay away"), "stay", "primary")
        yield button(tr("Accept the new key"), "accept", "error")

    def on_mount(self) -> None:
        self.entitle(tr("Another key"))
        self.query_one("#stay").focus()  # not an answer by accident

    def on_resize(self) -> None:
        lines = fingerprint_lines(self._key.hex(), 8 if self.size.width >= _WIDE else 4)
        self.query_one("#fingerprint", Static).update(Content("\n".join(lines)))
        super().on_resize()

    @on(Button.Pressed)
    def _pressed(self, message: Button.Pressed) -> None:
        _ = self.dismiss("accept" if message.button.id == "accept" else "stay")


def toast_of(event: ev.Invitation | ev.Password) -> tuple[str, Literal["information", "warning", "error"]]:
    """What is said for a moment of an invitation or a password, and how loudly."""
    if isinstance(event, ev.Password):
        return trust.password(event), "error" if event.state == "differs" else "information"
    if event.state == "used":
        return trust.invitation(event)[0], "information"
    *warnings, _ = trust.invitation(event)  # the rest stands in the transcript
    return "\n".join(warnings), "error"
