"""An entry of a transcript: its lines, and what becomes of an own one."""

from types import SimpleNamespace

from usi.core import events as ev
from usi.ui.tui.entries import entry_of
from usi.ui.tui.entry import Entry


def test_what_is_broken_can_be_put_together_again(hostile: str, cast: SimpleNamespace) -> None:
    entry = entry_of(cast.said(hostile))
    assert entry is not None
    together = ""
    for index, row in enumerate(entry.broken(50)):
        together += ("\n" if row.glue is None and index else row.glue or "") + row.text
    assert [line.rstrip() for line in together.split("\n")] == [line.rstrip() for line in entry.rows[0][1].split("\n")]


def test_an_own_message_and_what_becomes_of_it(cast: SimpleNamespace) -> None:
    entry = entry_of(cast.said("Hello", name="alice", id=cast.ALICE, mine=True))
    assert entry is not None
    assert (entry.name, entry.mine, entry.state) == ("you", True, "sending")
    entry.deliver()
    assert entry.state == "delivered"
    entry.fail(ev.Failed(time=cast.NOW, id="0", code="cut", text="The wire was cut.", message="Hello"))
    assert entry.state == "failed"
    alarm = ("alarm", "✗ not delivered: The wire was cut.")
    assert list(entry.rows) == [("text", "Hello"), alarm, ("retry", "↻ send it again")]
    assert entry.unsent == "Hello"


def test_something_done(cast: SimpleNamespace) -> None:
    entry = entry_of(cast.said("waves", kind="me"))
    assert entry is not None
    assert (entry.kind, entry.rows) == ("done", [("text", "bob waves")])


def test_a_table_goes_on_in_its_last_column(cast: SimpleNamespace) -> None:
    entry = Entry("notice", cast.NOW, [("quiet", "/quit   leave; on the host: stop for everyone")])
    first, *others = entry.broken(40)
    assert others
    assert {row.indent for row in others} == {first.indent + len("/quit   ")}
