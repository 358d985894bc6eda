"""How a request for a private conversation stands in the transcript."""

from types import SimpleNamespace

import pytest

from usi.core import commands
from usi.ui.tui.asking import answer_of, asking_entry


def test_it_has_buttons_until_it_is_settled(cast: SimpleNamespace) -> None:
    entry = asking_entry(cast.talk("@bob", state="asked"))
    assert entry.member == cast.BOB
    assert entry.rows == [("strong", "⚠ @bob is asked.  [accept]\u00a0\u00a0[block]")]
    assert entry.links == ["accept", "block"]
    entry.settle()
    assert entry.rows == [("strong", "⚠ @bob is asked.")]
    assert entry.links == []


def test_what_comes_from_others_is_no_button(cast: SimpleNamespace) -> None:
    for hostile in cast.HOSTILE.values():
        entry = asking_entry(cast.talk(hostile, state="asked"))
        assert entry.links == ["accept", "block"]
        assert entry.rows[0][1].replace("\u00a0", " ").endswith("  [accept]  [block]")


@pytest.mark.parametrize(("deed", "intent"), [("accept", commands.Private(("bob",))), ("block", commands.Block("bob"))])
def test_what_an_answer_asks_for(deed: str, intent: commands.Intent) -> None:
    assert answer_of(deed, "bob") == intent
