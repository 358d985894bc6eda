"""What is said and not yet answered: sealed once, and never overtaken."""

from __future__ import annotations

import pytest

from usi.core import wire
from usi.core.content import Body, ConversationKey
from usi.core.crypto import PrivateKey
from usi.core.errors import BadMessage, PeerError
from usi.core.outbox import OUTBOX_BYTES, OUTBOX_POSTS, Outbox
from usi.core.thread import Thread

OLD, NEW = (ConversationKey(b"c" * 16, b"o" * 32, bytes((n,)) * 32) for n in (1, 2))


class Desk:
    def __init__(self, key: PrivateKey) -> None:
        self.sent: list[wire.Post] = []
        self.failed: list[tuple[str, str, str]] = []
        """Id, text and code."""
        self.outbox = Outbox(key, self.sent.append, lambda thread, post, body: None, self.note_failure)  # type: ignore[arg-type]

    def say(self, thread: Thread, *texts: str) -> list[str]:
        return [
            self.outbox.put(thread, Body("text", said, "alice", 1_700_000_000_000, b"r" * 8, 1)) for said in texts
        ]

    def note_failure(self, shown_id: str, body: Body, error: PeerError) -> None:
        self.failed.append((shown_id, body.text, error.code))

    def went(self, key: ConversationKey) -> list[tuple[int, str]]:
        """Count and text of what went out under this key."""
        bodies = [key.open(post).body() for post in self.sent if post.key_id == key.key_id]
        return [(body.n, body.text) for body in bodies]


@pytest.fixture
def desk(keys: dict[str, PrivateKey]) -> Desk:
    return Desk(keys["alice"])


def test_what_can_be_sealed_goes_out_at_once_under_the_id_that_its_author_knows(desk: Desk) -> None:
    thread = Thread(OLD, "general")
    ids = desk.say(thread, "one", "two")
    assert [post.id.hex() for post in desk.sent] == ids
    assert desk.went(OLD) == [(1, "one"), (2, "two")]
    assert desk.outbox.count == 2
    assert desk.outbox.answered(desk.sent[0].id).shown_id == ids[0]
    with pytest.raises(BadMessage):
        desk.outbox.answered(desk.sent[0].id)
    assert desk.outbox.count == 1


def test_what_waits_for_a_key_goes_out_in_order_when_it_is_there(desk: Desk) -> None:
    thread = Thread(None, "@bob")
    ids = desk.say(thread, "one", "two")
    assert not desk.sent
    assert desk.outbox.count == 2
    thread.key = NEW
    desk.outbox.flush(thread)
    assert [post.id.hex() for post in desk.sent] == ids
    assert desk.went(NEW) == [(1, "one"), (2, "two")]


def test_nothing_overtakes_what_may_have_to_be_sealed_anew(desk: Desk) -> None:
    thread = Thread(OLD, "@bob")
    ids = desk.say(thread, "one", "two")
    thread.key = NEW
    ids += desk.say(thread, "three")
    assert desk.went(NEW) == []
    for post in list(desk.sent):  # the hub takes neither
        desk.outbox.seal_anew(desk.outbox.answered(post.id))
    assert desk.went(NEW) == [(1, "one"), (2, "two"), (3, "three")]
    assert [desk.outbox.answered(post.id).shown_id for post in desk.sent[2:]] == ids
    assert len({post.id for post in desk.sent}) == 5, "no id, which is the nonce, is used twice"


class Circle(Thread):
    """A conversation whose key exactly these have."""

    members: frozenset[bytes] = frozenset({b"a", b"b"})

    @property
    def readers(self) -> frozenset[bytes]:
        return self.members

    def exposes(self, readers: frozenset[bytes] | None) -> bool:
        return readers is not None and not readers.issuperset(self.members)


def test_nothing_is_sealed_anew_for_more_readers_than_it_was_said_for(desk: Desk) -> None:
    circle = Circle(OLD, "@bob")
    ids = desk.say(circle, "one", "two", "three")
    desk.outbox.taken(desk.sent[0].id)
    circle.key = NEW
    ids += desk.say(circle, "four")
    circle.members = frozenset({b"a", b"b", b"c"})
    ids += desk.say(circle, "five")
    for post in list(desk.sent[1:]):
        desk.outbox.seal_anew(desk.outbox.answered(post.id))
    assert [(shown, code) for shown, _, code in desk.failed] == [(each, "somebody-added") for each in ids[1:4]]
    assert desk.went(NEW) == [(4, "five")]
    assert NEW.open(desk.sent[-1]).body().unsaid == 2, "readers wait for nothing"
    assert desk.outbox.count == 1
    circle.key, circle.members = OLD, frozenset({b"a"})
    desk.outbox.seal_anew(desk.outbox.answered(desk.sent[-1].id))
    assert desk.went(OLD)[-1] == (4, "five"), "for fewer it is"


def test_what_takes_a_file_back_goes_to_all(desk: Desk) -> None:
    circle = Circle(OLD, "@bob")
    desk.outbox.put(circle, Body("withdraw", "", "alice", 0, b"r" * 8, 1, transfer=b"t" * 16))
    circle.key, circle.members = NEW, frozenset({b"a", b"b", b"c"})
    desk.outbox.seal_anew(desk.outbox.answered(desk.sent[0].id))
    assert [post.key_id for post in desk.sent] == [OLD.key_id, NEW.key_id]
    assert not desk.failed


def test_what_was_refused_is_said_to_be_unsaid_in_the_next_post(desk: Desk) -> None:
    thread = Thread(OLD, "general")
    desk.say(thread, "one", "two", "three")
    for post in desk.sent[1:]:
        desk.outbox.answered(post.id)
    desk.outbox.taken(desk.sent[0].id)
    desk.say(thread, "four", "five")
    assert [(body.n, body.unsaid) for body in (OLD.open(post).body() for post in desk.sent[3:])] == [(4, 2), (5, 0)]


def test_what_waits_can_be_dropped(desk: Desk) -> None:
    thread, other = Thread(None, "@bob"), Thread(OLD, "general")
    ids = desk.say(thread, "one", "two")
    sent = desk.say(other, "three")
    assert [shown for shown, _ in desk.outbox.drop_waiting(thread)] == ids
    assert desk.outbox.count == 1
    desk.say(thread, "four")
    dropped = desk.outbox.drop_all()
    assert [body.text for _, body in dropped] == ["three", "four"]
    assert dropped[0][0] == sent[0]
    assert desk.outbox.count == 0


def test_it_is_full_by_what_is_sent_and_what_waits(desk: Desk) -> None:
    desk.say(Thread(OLD, "general"), *["x"] * (OUTBOX_POSTS // 2))
    assert not desk.outbox.full
    desk.say(Thread(None, "@bob"), *["x"] * (OUTBOX_POSTS // 2))
    assert desk.outbox.full
    other = Desk(desk.outbox._key)
    other.say(Thread(None, "@bob"), *["x" * 65_536] * (OUTBOX_BYTES // 65_536))
    assert other.outbox.full
