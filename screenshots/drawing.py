"""A terminal's picture as SVG that looks the same everywhere, and as PNG.

Textual writes each run of equal style as one text of a given length, spaces included. Not every viewer keeps leading
spaces or that length, so each word gets a place of its own. Fonts are those of the viewer: nothing is fetched.
"""

from __future__ import annotations

import html
import re
import subprocess
from pathlib import Path

from rich.cells import cell_len

CELL = 12.2  # the width of a cell in the picture
_FONT = "DejaVu Sans Mono"
_ADVANCE = 0.60205  # of that font, in ems
_FONTS = f"'Fira Code', '{_FONT}', Menlo, Consolas, monospace"

_FETCHED = re.compile(r"\s*@font-face \{.*?\}", re.DOTALL)
_FAMILY = re.compile(r"font-family: Fira Code, monospace")
_TEXT = re.compile(
    r'<text class="(?P<style>[^"]+-r\d+)" x="(?P<x>[\d.]+)" y="(?P<y>[\d.]+)" textLength="[\d.]+" '
    r'clip-path="(?P<clip>[^"]+)">(?P<text>.*?)</text>',
    re.DOTALL,
)
_WORD = re.compile("[^ \u00a0\n]+")


def cleaned(svg: str) -> str:
    """The picture with every word in its place, and no font from elsewhere."""
    svg = _FAMILY.sub(f"font-family: {_FONTS}", _FETCHED.sub("", svg))
    svg = _TEXT.sub(_words, svg)
    return "\n".join(line.rstrip() for line in svg.splitlines() if line.strip()) + "\n"


def _words(match: re.Match[str]) -> str:
    text = html.unescape(match["text"])
    found = []
    for word in _WORD.finditer(text):
        x = float(match["x"]) + CELL * cell_len(text[: word.start()])
        found.append(
            f'<text class="{match["style"]}" x="{x:.1f}" y="{match["y"]}" textLength="{CELL * cell_len(word[0]):.1f}" '
            f'clip-path="{match["clip"]}">{html.escape(word[0], quote=False)}</text>'
        )
    return "".join(found)


def write_png(svg: str, path: Path) -> None:
    """Draw the picture with rsvg-convert (Debian: librsvg2-bin), which does not stretch texts to their length."""
    size = CELL / _ADVANCE
    fitted = re.sub(r"(-matrix \{[^}]*font-size:) *[\d.]+px", rf"\g<1> {size:.3f}px", svg, flags=re.DOTALL)
    fitted = fitted.replace(_FONTS, f"'{_FONT}'")
    subprocess.run(["rsvg-convert", "--format", "png", "--output", str(path)], input=fitted.encode(), check=True)
