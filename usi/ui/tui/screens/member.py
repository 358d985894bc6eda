"""What can be done about a member, and what is known of one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, get_args

from textual import on
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Button, OptionList, Static
from textual.widgets.option_list import Option

from usi.core import events as ev
from usi.core.language import tr
from usi.ui import community
from usi.ui.tui.screens.dialog import Dialog, close_button
from usi.ui.tui.texts import fingerprint_lines, inline

Deed = Literal["talk", "verify", "mention", "block", "info", "kick", "ban", "silence"]


class MemberMenu(Dialog[Deed]):
    """What can be done about this member. Its result is what the person chose."""

    DEFAULT_CSS = """
    MemberMenu > #frame { width: 44; }
    MemberMenu OptionList { height: auto; border: none; background: $surface; padding: 0; }
    """

    def __init__(self, member: ev.Member, *, moderates: bool = False) -> None:
        super().__init__()
        self.member = member
        self._moderates = moderates

    def says(self) -> Iterable[Widget]:
        options = []
        if not self.member.me:
            options.append(Option(Content(tr("Talk privately")), id="talk"))
            options.append(Option(Content(tr("Verify: compare the fingerprint")), id="verify"))
            options.append(Option(Content(tr("Mention in the message")), id="mention"))
            options.append(Option(Content(tr("Block in private, or no longer")), id="block"))
        options.append(Option(Content(tr("Info: key and state")), id="info"))
        if self._moderates and not self.member.me and not self.member.host:
            options.append(Option(Content(tr("Silence in the rooms, or lift it")), id="silence"))
            options.append(Option(Content(tr("Remove …")), id="kick"))
            options.append(Option(Content(tr("Remove and keep out …")), id="ban"))
        yield OptionList(*options, markup=False, compact=True)

    def offers(self) -> Iterable[Button]:
        yield close_button()

    def on_mount(self) -> None:
        self.entitle(self.member.name)
        choices = self.query_one(OptionList)
        choices.highlighted = 0
        choices.focus()

    @on(OptionList.OptionSelected)
    def _chosen(self, message: OptionList.OptionSelected) -> None:
        deed = message.option.id
        _ = self.dismiss(next((each for each in get_args(Deed) if each == deed), None))

    @on(Button.Pressed)
    def _pressed(self) -> None:
        _ = self.dismiss(None)


class MemberInfo(Dialog[None]):
    """What is known of a member; all of it can be selected and copied."""

    def __init__(self, member: ev.Member) -> None:
        super().__init__()
        self.member = member

    def says(self) -> Iterable[Widget]:
        yield Static(Content("\n\n").join(self._parts()))

    def _parts(self) -> Iterable[Content]:
        member = self.member
        marks = [word for word, so in ((tr("you"), member.me), (tr("host"), member.host)) if so]
        if member.fingerprint is not None and not member.me:
            marks.append(tr("verified") if member.verified else tr("not verified"))
        if member.away:
            marks.append(community.absence(member))
        yield Content(", ".join((inline(member.name), *marks)))
        yield _titled(tr("Key of this member (what this name stands for here):"), _rows(member.member))
        if member.fingerprint is not None:
            yield _titled(tr("Fingerprint of your connection:"), _rows(member.fingerprint))
        elif not member.me:
            yield Content(
                tr(
                    "You have no private connection to this member: what you say in the room passes through the host, "
                    "and each message is signed with this key. Talking privately or verifying makes one."
                )
            )
        if member.words is not None:
            yield _titled(tr("Words to compare:"), inline(" ".join(member.words)))

    def offers(self) -> Iterable[Button]:
        yield close_button()

    def on_mount(self) -> None:
        self.entitle(self.member.name)
        self.query_one("#close").focus()

    @on(Button.Pressed)
    def _pressed(self) -> None:
        _ = self.dismiss(None)


def _rows(value: str) -> str:
    return "\n".join(fingerprint_lines(value))


def _titled(title: str, value: str) -> Content:
    return Content.assemble((title, "$foreground-muted"), "\n", (value, "bold"))
