"""The line above the input: who can read what one is about to write. It knows nothing but the state of now."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, NamedTuple

from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

from usi.core.language import tr
from usi.ui.tui.model import Status, Talk
from usi.ui.tui.texts import inline


class Wording(NamedTuple):
    text: str
    role: Literal["quiet", "good", "alarm"]


def wordings(status: Status) -> Iterator[Wording]:
    """Who can read, said in ever fewer words."""
    if status.phase != "open":
        yield Wording(tr("Nobody can read this: there is no connection"), "quiet")
        yield Wording(tr("No connection"), "quiet")
    elif status.talk is not None:
        yield from _of_a_talk(status.talk)
    elif status.hosting:
        yield from _of_a_host(status)
    else:
        yield from _of_a_guest(status)


def _of_a_talk(talk: Talk) -> Iterator[Wording]:
    count, open_ones = len(talk.names) + 1, len(talk.names) - talk.verified
    name = inline(talk.names[0]) if talk.names else ""
    if talk.state == "closed":
        yield Wording(tr("This conversation is over: it can only be read"), "quiet")
        yield Wording(tr("It can only be read"), "quiet")
    elif talk.state == "opening":
        yield Wording(tr("Keys are being exchanged; what you write waits for them"), "quiet")
        yield Wording(tr("Exchanging keys …"), "quiet")
    elif talk.state == "verified":
        if count == 2 and not talk.with_host:
            yield Wording(tr("Readable by you and {name}, nobody else: the host cannot", name=name), "good")
        elif not talk.with_host:
            yield Wording(tr("Readable by the {count} in here, all verified: the host cannot", count=count), "good")
        yield Wording(tr("Readable by the {count} in here, all verified", count=count), "good")
        yield Wording(tr("{count} can read, all verified", count=count), "good")
    elif talk.with_host:
        if count == 2:
            yield Wording(tr("Readable by you and {name}. Not verified: somebody in between could read",
                             name=name), "alarm")  # fmt: skip
        else:
            yield Wording(tr("Readable by the {count} in here, {unverified} not verified: somebody in between could "
                             "read", count=count, unverified=open_ones), "alarm")  # fmt: skip
        yield Wording(tr("Not verified: somebody in between could be reading this"), "alarm")
        yield Wording(tr("{count} can read, {unverified} not verified", count=count, unverified=open_ones), "alarm")
    else:
        if count == 2:
            yield Wording(tr("Readable by you and {name}. Not verified: the host could be reading this", name=name),
                          "alarm")  # fmt: skip
        else:
            yield Wording(tr("Readable by the {count} in here, {unverified} not verified: the host could read",
                             count=count, unverified=open_ones), "alarm")  # fmt: skip
        yield Wording(tr("Not verified: the host could be reading this"), "alarm")
        yield Wording(tr("Not verified: host could read"), "alarm")


def _of_a_host(status: Status) -> Iterator[Wording]:
    count, unverified = status.here, status.guests - status.verified
    if count < 2:
        yield Wording(tr("Nobody else is here to read this"), "quiet")
        yield Wording(tr("Nobody else is here"), "quiet")
    elif unverified:
        yield Wording(tr("Readable by the {count} people here. Not verified: {unverified}",
                         count=count, unverified=unverified), "alarm")  # fmt: skip
        yield Wording(tr("{count} can read, {unverified} not verified", count=count, unverified=unverified), "alarm")
    else:
        yield Wording(tr("Readable by the {count} people here, all verified", count=count), "good")
        yield Wording(tr("{count} can read, all verified", count=count), "good")


def _of_a_guest(status: Status) -> Iterator[Wording]:
    count = status.here
    if status.verified:
        if count <= 2:
            yield Wording(tr("Readable by you and the host, nobody else. The host is verified"), "good")
        else:
            yield Wording(tr("Readable by the {count} people here, the host among them. The host is verified",
                             count=count), "good")  # fmt: skip
            yield Wording(tr("Readable by the {count} people here, host verified", count=count), "good")
        yield Wording(tr("{count} can read, host verified", count=count), "good")
    else:
        if count <= 2:
            yield Wording(tr("Readable by you and whoever is the host: it is not verified"), "alarm")
        else:
            yield Wording(tr("Readable by the {count} people here, the host among them. The host is not verified",
                             count=count), "alarm")  # fmt: skip
            yield Wording(tr("Readable by the {count} people here, host not verified", count=count), "alarm")
        yield Wording(tr("{count} can read, host not verified", count=count), "alarm")


class Readers(Widget):
    """Says it in as many words as there is room for."""

    ALLOW_SELECT = False
    COMPONENT_CLASSES = {"readers--quiet", "readers--good", "readers--alarm"}
    _SIGNS = {"quiet": "○", "good": "✔", "alarm": "⚠"}

    status: reactive[Status | None] = reactive(None)

    def render(self) -> Content:
        if self.status is None:
            return Content()
        width = self.content_size.width
        line = Content()
        for wording in wordings(self.status):
            look = self.get_visual_style(f"readers--{wording.role}", partial=True)
            line = Content.styled(f"{self._SIGNS[wording.role]} {wording.text}", look)
            if line.cell_length <= width:
                return line
        return line.truncate(width, ellipsis=True)
