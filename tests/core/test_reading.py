"""One post, read: what may be shown of it, and what is told instead."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from usi.core import wire
from usi.core.content import Body, ConversationKey
from usi.core.crypto import PrivateKey
from usi.core.reading import LATE, Read, Reader
from usi.core.report import Report
from usi.core.roster import Roster
from usi.core.talk import Talk
from usi.core.thread import Thread

NOW = 1_700_000_000.0
KEY = ConversationKey(b"c" * 16, b"h" * 32, b"k" * 32)


class Desk:
    """Alice reads what bob has written."""

    def __init__(self, keys: dict[str, PrivateKey]) -> None:
        self.keys = keys
        self.roster = Roster(keys["alice"].public)
        self.report = Report()
        self.report.now = NOW
        self.reader = Reader(self.roster, self.report)
        self.thread = Thread(KEY, "general")
        self.bob = keys["bob"].public
        self.roster.seat(wire.MemberInfo(self.bob.id, "bob"))
        self.roster.keys[self.bob.id] = self.bob
        self.n = 0

    def post(self, by: str = "bob", **changed: Any) -> wire.Posted:
        self.n += 1
        fields = {"kind": "text", "text": "hello", "name": "bob", "sent_at": int(NOW * 1000), "run": b"r" * 8}
        post = KEY.seal(self.keys[by], Body(**(fields | {"n": self.n} | changed)))
        return wire.Posted(post.conversation, post.key_id, post.sender, post.id, self.n, post.sealed)

    def read(self, posted: wire.Posted) -> Read | None:
        return self.reader.read(self.thread, posted)

    @property
    def told(self) -> list[str]:
        return [event.code for event in self.report.take()]  # type: ignore[attr-defined]


@pytest.fixture
def desk(keys: dict[str, PrivateKey]) -> Desk:
    return Desk(keys)


def test_a_good_one(desk: Desk) -> None:
    read = desk.read(desk.post())
    assert read is not None
    assert (read.body.text, read.signature, read.name) == ("hello", "good", "bob")
    assert (read.signed_as, read.late) == (None, False)
    assert read.sent_at == datetime.fromtimestamp(NOW, UTC)
    assert not desk.told


def test_one_whose_author_s_key_is_not_known(desk: Desk) -> None:
    desk.roster.keys[desk.bob.id] = None
    read = desk.read(desk.post())
    assert read is not None
    assert read.signature == "missing"


def test_one_under_another_name_and_by_another_clock(desk: Desk) -> None:
    read = desk.read(desk.post(name="rob\u202eert", sent_at=int((NOW - LATE - 1) * 1000)))
    assert read is not None
    assert (read.name, read.late) == ("bob", True)
    assert read.signed_as is not None
    assert "\u202e" not in read.signed_as
    far = desk.read(desk.post(sent_at=2**62))
    assert far is not None
    assert (far.sent_at, far.late) == (datetime.fromtimestamp(NOW, UTC), True)


def test_the_author_has_left(desk: Desk) -> None:
    del desk.roster.here[desk.bob.id]
    read = desk.read(desk.post(name="bobby"))
    assert read is not None
    assert (read.name, read.signed_as) == ("bobby", None)


def test_the_same_again(desk: Desk) -> None:
    posted = desk.post()
    assert desk.read(posted)
    assert desk.read(posted) is None
    again = wire.Posted(posted.conversation, posted.key_id, posted.sender, posted.id, 2, posted.sealed)
    assert desk.read(again) is None
    assert desk.told == ["repeated", "repeated"]


def test_one_that_does_not_open(desk: Desk) -> None:
    posted = desk.post()
    assert desk.read(wire.Posted(b"c" * 16, posted.key_id, posted.sender, posted.id, 1, bytes(272))) is None
    desk.thread.key = None
    assert desk.read(desk.post()) is None
    assert desk.told == ["unreadable", "unreadable"]


def test_missing_ones_are_counted_by_author(desk: Desk) -> None:
    assert desk.read(desk.post())
    desk.post()
    assert desk.read(desk.post())
    assert desk.told == ["withheld-from"]


def test_who_is_not_in_a_private_conversation_says_nothing_in_it(desk: Desk) -> None:
    desk.thread = Talk(KEY, "@carol", members=(desk.keys["alice"].public.id,))
    assert desk.read(desk.post()) is None
    assert desk.told == ["outsider"]
