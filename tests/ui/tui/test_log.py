"""What the log of a host says; how it looks is in widgets/test_activity.py."""

from types import SimpleNamespace

import pytest

from usi.core import events as ev
from usi.core.errors import Busy, TooManyTransfers, Withheld, WrongKey
from usi.ui.tui.log import is_refusal, log_of


@pytest.mark.parametrize(
    ("code", "refused"),
    [
        (Busy.code, True),
        (WrongKey.code, True),
        ("refused", True),
        ("file-not-taken", False),
        (TooManyTransfers.code, False),  # of a file that the host's person fetches
        (Withheld.code, False),
    ],
)
def test_a_refused_connection_is_no_other_notice(cast: SimpleNamespace, code: str, refused: bool) -> None:
    event = ev.Notice(time=cast.NOW, code=code, text="A connection was refused.")
    assert is_refusal(event) == refused
    assert (log_of(event, {}) is not None) == refused


def test_who_leaves_is_told_with_where_it_came_from(cast: SimpleNamespace) -> None:
    event = ev.MemberLeft(time=cast.NOW, name="bob", member=cast.BOB, reason="cut")
    entry = log_of(event, {cast.BOB: "192.0.2.7:1"})
    assert entry is not None
    assert entry.rows == [("text", "\u2190 bob left (connection lost), 192.0.2.7:1")]
    assert entry.exact


def test_what_people_say_is_no_part_of_it(cast: SimpleNamespace) -> None:
    assert log_of(cast.said("hello"), {}) is None
