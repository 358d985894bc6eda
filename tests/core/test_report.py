"""Events for the face, with the time of now."""

import string
from datetime import UTC, datetime

import pytest

from usi.core import events
from usi.core.report import NOTICES, Report


def test_events_are_taken_once_and_in_order() -> None:
    report = Report()
    report.now = 1_700_000_000.5
    report.notify("unknown-notice")
    report.tell(events.Chosen(time=report.time, room="general", private=False))
    first, second = report.take()
    assert (type(first), type(second)) == (events.Notice, events.Chosen)
    assert first.time == second.time == datetime.fromtimestamp(1_700_000_000.5, UTC)
    assert report.take() == []


@pytest.mark.parametrize("code", NOTICES)
def test_every_notice_can_be_said(code: str) -> None:
    fields = {name for _, name, _, _ in string.Formatter().parse(NOTICES[code]) if name}
    report = Report()
    report.notify(code, **dict.fromkeys(fields, "[/oops] {x}"))
    (notice,) = report.take()
    assert isinstance(notice, events.Notice)
    assert notice.code == code
    assert "{name}" not in notice.text
    assert notice.text.endswith((".", "[/oops] {x}"))
