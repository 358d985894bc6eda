"""The pictures for the documentation: each shows what it is there to show."""

import html
import re
import time
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest
from rich.cells import cell_len
from syrupy.assertion import SnapshotAssertion

from screenshots import drawing, scenes
from usi.core import language

ROOT = Path(__file__).parents[1]


@pytest.fixture(autouse=True)
def english() -> Iterator[None]:
    yield
    assert language.tr("left") == "left"


def words_of(svg: str) -> str:
    return " ".join(html.unescape(text) for text in re.findall(r"<text [^>]*>([^<]*)</text>", svg))


@pytest.fixture
def greenwich(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The clock of the pictures, whatever that of this machine is."""
    monkeypatch.setenv("TZ", "UTC")
    if hasattr(time, "tzset"):
        time.tzset()
    yield
    monkeypatch.undo()
    if hasattr(time, "tzset"):
        time.tzset()


def seen_in(svg: str) -> str:
    """A picture as lines of text: every word in the column in which it is drawn. Colours are left out: they are those
    of Textual's theme, and the stories in tests/ui ask for what must be told apart."""
    lines: dict[float, str] = {}
    words = re.findall(r'<text class="[^"]+-r\d+" x="([\d.]+)" y="([\d.]+)"[^>]*>([^<]*)</text>', svg)
    for x, y, word in sorted(words, key=lambda found: (float(found[1]), float(found[0]))):
        before = lines.get(float(y), "")
        gap = round(float(x) / drawing.CELL) - cell_len(before)
        lines[float(y)] = before + " " * gap + html.unescape(word)
    return "\n".join(line for _, line in sorted(lines.items()))


@pytest.mark.usefixtures("greenwich")
@pytest.mark.parametrize("scene", scenes.SCENES, ids=lambda scene: scene.name)
async def test_a_picture_shows_what_it_is_about(scene: scenes.Scene, snapshot: SnapshotAssertion) -> None:
    """The stories come first, in tests/ui; this is the whole screen. `pytest --snapshot-update` after it was looked at
    writes tests/__snapshots__ anew."""
    svg = await scenes.draw(scene)
    assert seen_in(svg) == snapshot
    ElementTree.fromstring(svg)
    shown = words_of(svg)
    assert [word for word in scene.words if word not in shown] == []
    assert "http://www.w3.org/2000/svg" in svg
    assert "@font-face" not in svg


@pytest.mark.parametrize("scene", scenes.SCENES, ids=lambda scene: scene.name)
def test_the_pictures_are_there(scene: scenes.Scene) -> None:
    for kind in ("svg", "png"):
        assert (ROOT / "screenshots" / f"{scene.name}.{kind}").stat().st_size > 1000


def test_every_word_stands_in_its_own_cell() -> None:
    svg = (
        '<style>\n@font-face {\n src: url("https://example.org/x");\n}\n.t-matrix {\n'
        "font-family: Fira Code, monospace;"
        '\n}</style>\n<text class="t-r1" x="24.4" y="20" textLength="122" clip-path="url(#c)">'
        '&#160;&#160;a&lt;b&#160;日本&#160;</text>\n<text class="t-title" x="1" y="2">USI</text>'
    )
    clean = drawing.cleaned(svg)
    assert "example.org" not in clean
    assert re.findall(r'x="([\d.]+)" y="20" textLength="([\d.]+)" clip-path="url\(#c\)">([^<]*)<', clean) == [
        ("48.8", "36.6", "a&lt;b"),
        ("97.6", "48.8", "日本"),
    ]
    assert '<text class="t-title" x="1" y="2">USI</text>' in clean
