"""The line at the top: where one is, with how many, and whether the connection is verified."""

from __future__ import annotations

from textual.content import Content
from textual.reactive import reactive
from textual.style import Style
from textual.widget import Widget

from usi.core.language import tr
from usi.ui.tui.model import Status, Talk
from usi.ui.tui.texts import inline

_GAP = "   "
_TOPIC = 40  # characters of a topic


class HeaderBar(Widget):
    """Shows a `Status` on one line, and leaves out what matters least where there is no room."""

    COMPONENT_CLASSES = {"header--title", "header--room", "header--quiet", "header--good", "header--alarm"}

    status: reactive[Status | None] = reactive(None)
    moving: reactive[str] = reactive("")
    """How far files are that are under way, where no list says it."""

    def render(self) -> Content:
        if self.status is None:
            return Content()
        left, right = self._parts(self.status)
        width = self.content_size.width
        return fit(left, right, width)

    def _parts(self, status: Status) -> tuple[list[tuple[int, Content]], list[tuple[int, Content]]]:
        """What stands on the left and on the right, each with how early it is left out (0: never)."""
        left = [(5, self._styled("USI", "title"))]
        right: list[tuple[int, Content]] = []
        if status.phase == "connecting":
            place = status.place
            doing = (
                tr("starting to host on {place} …", place=place)
                if status.hosting
                else tr("connecting to {place} …", place=place)
            )
            left.append((0, self._styled(doing, "room")))
            return left, right
        left.append((0, self._styled(_place(status), "room")))
        if status.topic and status.talk is None and status.phase != "ended":
            left.append((6, self._styled(f"— {status.topic[:_TOPIC]}{'…' * (len(status.topic) > _TOPIC)}", "quiet")))
        if status.phase == "ended":
            right.append((0, self._styled(f"✗ {tr('disconnected')}", "alarm")))
            right.insert(0, (2, self._styled(status.place, "quiet")))
            return left, right
        here = len(status.talk.names) + 1 if status.talk is not None else status.here
        left.append((1, Content(tr("{count} here", count=here))))
        place = tr("hosting on {place}", place=status.place) if status.hosting else status.place
        right.append((3, self._styled(place, "quiet")))
        right.append((4, self._styled(status.cipher, "quiet")))
        right.append((7, self._styled(_exchange(status.key_exchange), "quiet")))
        if status.preset:
            right.append((2, self._styled(tr("preset key"), "good")))
        if self.moving:
            right.append((0, self._styled(self.moving, "room")))
        if status.phase == "leaving":
            right.append((0, self._styled(tr("leaving …"), "room")))
        elif status.restoring:
            right.append((0, self._styled(tr("reconnecting …"), "alarm")))
        else:
            right.append((0, self._trust(status)))
        return left, right

    def _trust(self, status: Status) -> Content:
        """Whether this connection is verified; for a host, how many of its guests are; in a private conversation,
        whether all others in it are."""
        if status.talk is not None:
            return self._trust_in(status.talk)
        if status.hosting:
            if status.guests == 0:
                return self._styled(tr("nobody joined yet"), "quiet")
            said = tr("{count} of {all} verified", count=status.verified, all=status.guests)
            whole = status.verified == status.guests
            return self._styled(f"{'✔' if whole else '⚠'} {said}", "good" if whole else "alarm")
        if status.verified:
            return self._styled(f"✔ {tr('verified')}", "good")
        return self._styled(f"⚠ {tr('unverified')}", "alarm")

    def _trust_in(self, talk: Talk) -> Content:
        if talk.state == "closed":
            return self._styled(f"✗ {tr('closed')}", "quiet")
        if talk.state == "opening":
            return self._styled(tr("exchanging keys …"), "quiet")
        if talk.state == "verified":
            return self._styled(f"✔ {tr('verified')}", "good")
        return self._styled(f"⚠ {tr('unverified')}", "alarm")

    def _styled(self, text: str, role: str) -> Content:
        style: Style = self.get_visual_style(f"header--{role}", partial=True)
        return Content.styled(inline(text), style)


def _place(status: Status) -> str:
    """The conversation. The lock stands only where certainly nobody else can read."""
    if status.talk is None:
        return f"#{status.room}"
    return f"⚿ {status.room}" if status.talk.state == "verified" else status.room


def _exchange(key_exchange: str) -> str:
    """The key exchange without its details in brackets."""
    before, bracket, behind = key_exchange.partition(" (")
    return before + behind.partition(")")[2] if bracket else key_exchange


def fit(left: list[tuple[int, Content]], right: list[tuple[int, Content]], width: int) -> Content:
    """One line of `width` cells. Parts are left out, highest number first, until the rest fits."""
    gap = Content(_GAP)
    while True:
        start = gap.join([part for _, part in left])
        end = gap.join([part for _, part in right])
        space = width - start.cell_length - end.cell_length
        least = max((order for order, _ in (*left, *right)), default=0)
        if space >= (len(_GAP) if right else 0) or least == 0:
            break
        left = [part for part in left if part[0] != least]
        right = [part for part in right if part[0] != least]
    if space < 1:
        return (start + " " + end).truncate(width, ellipsis=True)
    return Content.assemble(start, " " * space, end)
