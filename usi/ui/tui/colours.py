"""A member's own colour: the same on every screen, because it follows from the member's key."""

from __future__ import annotations

from textual.color import Color

# Degrees on the colour wheel, far enough apart to be told apart; red is left out, for it means a failure.
_HUES = (30, 48, 75, 110, 150, 172, 192, 212, 235, 265, 290, 325)


def colour_of(member: str, dark: bool) -> Color:
    """The colour for a member id (hexadecimal), readable on a dark or a light ground."""
    number = int(member[:8] or "0", 16)
    hue = _HUES[number % len(_HUES)] / 360
    return Color.from_hsl(hue, 0.55, 0.68) if dark else Color.from_hsl(hue, 0.70, 0.32)
