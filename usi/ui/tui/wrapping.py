"""Where a line of text is broken so that it fits into a number of cells.

Positions count characters, widths count cells.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from rich.cells import cell_len, chop_cells

_LEAST = 6  # cells that are worth a beginning
_WORD = re.compile(r"([ \t]*)([^ \t]+)")  # a no-break space is part of a word


class Piece(NamedTuple):
    """Characters `start` to `end` of a line; what stands between two pieces are the spaces at which it was broken."""

    start: int
    end: int


def wrap(line: str, first: int, width: int) -> list[Piece]:
    """Break a line (without line ends) into pieces: the first of at most `first` cells, the others of `width`.

    Breaks at spaces where there are some, otherwise inside a word but never inside a character that is made of several.
    Where not even one character fits it stands alone. There is always at least one piece, perhaps an empty one.
    """
    first, width = max(first, 1), max(width, 1)
    if len(line) <= first and cell_len(line) <= first:
        return [Piece(0, len(line))]
    if first < min(_LEAST, width):  # a line that begins with a letter or two reads badly
        return [Piece(0, 0), *wrap(line, width, width)]
    pieces: list[Piece] = []
    start, end, used, room = 0, 0, 0, first
    for found in _WORD.finditer(line):
        spaces, word = found.groups()
        word_cells, space_cells = cell_len(word), cell_len(spaces)
        if used + space_cells + word_cells <= room:
            end, used = found.end(), used + space_cells + word_cells
            continue
        if end > start:  # the word goes to a line of its own, and the spaces before it vanish
            pieces.append(Piece(start, end))
            start, used, room = found.start(2), 0, width
        else:  # spaces at the very beginning are meant: an indented line
            kept = min(len(spaces), room - 1)
            start, used = found.start(2) - kept, kept
        end = found.start(2)
        for part in _chop(word, room - used, width):
            if end > start and used + cell_len(part) > room:
                pieces.append(Piece(start, end))
                start, used, room = end, 0, width
            end += len(part)
            used += cell_len(part)
    pieces.append(Piece(start, end))
    return pieces


def _chop(word: str, first: int, width: int) -> list[str]:
    """A word in parts that fit: the first into what is left of a line, the others into a whole one."""
    if cell_len(word) <= first:
        return [word]
    head = chop_cells(word, first)[0] if first > 1 else ""
    return [part for part in (head, *chop_cells(word[len(head) :], width)) if part]
