"""Which panels are shown, as classes of the screen: usi.tcss says what they mean.

-show and -hide say what is wanted beside the transcript, -instead what stands in place of it where room is short. What
is wanted holds for terminals of other sizes, too.
"""

from __future__ import annotations

from collections.abc import Iterable

PANELS = ("side", "rooms", "activity", "tracing")
_FOLDED = {"rooms": "-medium", "activity": "-high"}
"""The shape in which a panel that there is room for is folded away until it is wanted."""


def toggled(panel: str, classes: Iterable[str]) -> set[str]:
    """The classes of the screen when a panel is unfolded, or folded away if it is shown."""
    now = set(classes)
    show, hide, instead = f"-show-{panel}", f"-hide-{panel}", f"-instead-{panel}"
    if ("-narrow" if panel in ("side", "rooms") else "-low") in now:  # one at a time, in place of the rest
        return now - {f"-instead-{each}" for each in PANELS} | ({instead} - now)
    if panel == "side" and {"-medium", "-show-rooms"} <= now:  # one of these two
        return now - {"-show-rooms", "-hide-side"}
    by_itself = _FOLDED.get(panel) not in now
    shown = show in now or (by_itself and hide not in now)
    wanted = set()
    if shown and by_itself:
        wanted = {hide}
    elif not shown and not by_itself:
        wanted = {show}
    return now - {show, hide, instead} | wanted
