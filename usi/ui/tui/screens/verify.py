"""Comparing a fingerprint with a member: choose whom, see what to compare, say what was found."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

from textual import on
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Button, OptionList, Static
from textual.widgets.option_list import Option

from usi.core import events as ev
from usi.core.language import tr
from usi.ui.tui.screens.dialog import Dialog, button
from usi.ui.tui.texts import fingerprint_lines, inline

Answer = Literal["match", "differ", "later"]


class VerifyDialog(Dialog[Answer]):
    """Shows what to compare with one member. Its result is what the person found; None is the same as later."""

    DEFAULT_CSS = """
    VerifyDialog #how, VerifyDialog #meaning { color: $foreground-muted; }
    VerifyDialog #words { text-style: bold; color: $text-primary; text-align: center; margin: 0 0 1 0; }
    VerifyDialog #fingerprint { text-style: bold; text-align: center; margin: 1 0; }
    VerifyDialog #state { color: $text-success; text-style: bold; }
    VerifyDialog.-low #words, VerifyDialog.-low #fingerprint { margin: 0; }
    """

    def __init__(self, shown: ev.Verification, hosting: bool) -> None:
        super().__init__()
        self.shown = shown
        self._hosting = hosting

    def says(self) -> Iterable[Widget]:
        name = inline(self.shown.name)
        if self.shown.state == "verified":
            yield Static(f"✔ {tr('You compared with {name} before: verified.', name=name)}", id="state", markup=False)
        yield Static(id="words", markup=False)
        yield Static(
            tr(
                "Read the four words to each other by telephone or in person, not here: whoever sits in between could "
                "change them. If all four are the same, nobody does."
            ),
            id="how",
            markup=False,
        )
        yield Static(id="fingerprint", markup=False)
        yield Static(self._meaning(), id="meaning", markup=False)

    def _meaning(self) -> str:
        if self.shown.preset:
            return tr("The fingerprint is that of the preset key, the same for everybody; the words are yours alone.")
        return tr("The fingerprint says the same at full length, for those who want to be thorough.")

    def offers(self) -> Iterable[Button]:
        leave = tr("They differ (send away)") if self._hosting else tr("They differ (leave at once)")
        if self.shown.pair:
            leave = tr("They differ (end it)")
        yield button(tr("They match"), "match", "success")
        yield button(leave, "differ", "error")
        yield button(tr("Later"), "later")

    def on_mount(self) -> None:
        self.entitle(tr("Verify {name}", name=inline(self.shown.name)))
        self.query_one("#later").focus()  # not an answer by accident

    def on_resize(self) -> None:
        wide, high = self.size.width >= 64, self.size.height >= 22
        words = [f"{number} {word}" for number, word in enumerate(self.shown.words, 1)]
        lines = fingerprint_lines(self.shown.fingerprint)
        if wide:
            lines = ["   ".join(" ".join(group) for group in line.split(" ")) for line in lines]
            said = "    ".join(words)
        else:
            said = "\n".join("  ".join(words[at : at + 2]) for at in range(0, len(words), 2))
        self.query_one("#words", Static).update(Content(inline(said) if wide else said))
        self.query_one("#fingerprint", Static).update(Content(("\n\n" if wide and high else "\n").join(lines)))
        super().on_resize()

    @on(Button.Pressed)
    def _pressed(self, message: Button.Pressed) -> None:
        answers: dict[str | None, Answer] = {"match": "match", "differ": "differ", "later": "later"}
        _ = self.dismiss(answers.get(message.button.id, "later"))


class Chooser(Dialog[str]):
    """Which member to compare with. Its result is the member's id."""

    DEFAULT_CSS = """
    Chooser OptionList { height: auto; max-height: 12; border: none; background: $surface; padding: 0; }
    """

    def __init__(self, members: Sequence[ev.Member]) -> None:
        super().__init__()
        self._members = members

    def says(self) -> Iterable[Widget]:
        options = [Option(_row(member), id=member.member) for member in self._members]
        yield Static(tr("Compare with:"), markup=False)
        yield OptionList(*options, markup=False, compact=True)

    def offers(self) -> Iterable[Button]:
        yield button(tr("Later"), "later")

    def on_mount(self) -> None:
        self.entitle(tr("Verify"))
        self.query_one(OptionList).focus()

    @on(OptionList.OptionSelected)
    def _chosen(self, message: OptionList.OptionSelected) -> None:
        _ = self.dismiss(message.option.id)

    @on(Button.Pressed)
    def _pressed(self) -> None:
        _ = self.dismiss(None)


def _row(member: ev.Member) -> Content:
    state = tr("verified") if member.verified else tr("not verified")
    sign = "✔" if member.verified else "⚠"
    return Content.assemble(f"{sign} {inline(member.name)}  ", Content.styled(state, "$foreground-muted"))
