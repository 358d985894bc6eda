"""How what is opened is written. Opening and closing are in test_diagram.py and test_inspector.py."""

from usi.ui.tui.inspection import Part
from usi.ui.tui.widgets.unfolding import written


def test_texts_beside_each_other() -> None:
    assert [line.text for line in written([Part("pair", "one\ntwo", "aa bb cc")], 60)] == [
        f"  {'one':27} │ aa bb cc",
        f"  {'two':27} │ ",
    ]
    assert [line.text.strip() for line in written([Part("pair", "one", "aa")], 30)] == ["one", "aa"]
