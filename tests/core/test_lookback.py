"""What was said in a room before, as its members read it."""

from __future__ import annotations

import pytest

from tests.core.town import NOW, Town
from usi.core import commands, events, wire
from usi.core.crypto import PrivateKey
from usi.core.errors import PeerError, StillSearching
from usi.core.facts import Gone
from usi.core.lookback import QUESTIONS


@pytest.fixture
def keeping(keys: dict[str, PrivateKey]) -> Town:
    return Town(keys, keeps=True)


def test_a_newcomer_reads_the_last_messages_and_more_by_pages(keeping: Town) -> None:
    alice = keeping.add("alice")
    keeping.do(alice, *(f"line {number}" for number in range(25)))
    bob = keeping.add("bob")
    assert "history-kept" in bob.codes()
    assert bob.texts() == [f"line {number}" for number in range(15, 25)]
    assert {(event.history, event.signature) for event in bob.all(events.Message)} == {(True, "good")}
    page = bob.all(events.History)[-1]
    assert (page.room, page.count, page.more, page.asked) == ("general", 10, True, False)
    bob.told.clear()
    keeping.do(bob, "/history 12")
    assert bob.texts() == [f"line {number}" for number in range(3, 15)]
    bob.told.clear()
    keeping.do(bob, "/history 12", "/history 12")
    assert bob.texts() == ["line 0", "line 1", "line 2"]
    assert [(page.count, page.more) for page in bob.all(events.History)] == [(3, False), (0, False)]


def test_the_past_is_read_across_keys(keeping: Town) -> None:
    mod, bob = keeping.add("alice", "mod"), keeping.add("bob")
    keeping.do(mod, "under the first key")
    keeping.do(mod, "/kick bob")
    keeping.do(mod, "under the second key")
    assert bob.error is not None
    carol = keeping.add("carol")
    assert carol.texts() == ["under the first key", "under the second key"]
    assert not [code for code in carol.codes() if code != "history-kept"]


def test_one_s_own_words_of_an_earlier_run_are_one_s_own(keeping: Town) -> None:
    alice = keeping.add("alice")
    keeping.do(alice, "mine")
    keeping.handle(Gone(alice.link, "cut"))
    alice.error = PeerError()
    again = keeping.add("alice")
    (message,) = again.all(events.Message)
    assert (message.text, message.mine, message.history) == ("mine", True, True)


def test_a_changed_post_of_the_past_is_not_shown_as_good(keeping: Town) -> None:
    alice = keeping.add("alice")
    keeping.do(alice, "one", "two")
    damaged = keeping.posts[0]
    keeping.posts[0] = wire.Posted(
        damaged.conversation, damaged.key_id, damaged.sender, damaged.id, damaged.number, b"x" + damaged.sealed[1:]
    )
    bob = keeping.add("bob")
    assert bob.texts() == ["two"]
    assert "unreadable" in bob.codes()


def test_what_a_host_puts_into_another_s_mouth_in_the_past_shows(keeping: Town) -> None:
    """The signature is over the sender, so a post that is handed out under another one's id does not even open."""
    alice, bob = keeping.add("alice"), keeping.add("bob")
    keeping.do(alice, "I resign")
    said = keeping.posts[0]
    keeping.posts[0] = wire.Posted(
        said.conversation, said.key_id, bob.member.id, said.id, said.number, said.sealed
    )
    carol = keeping.add("carol")
    assert not carol.texts()
    assert "unreadable" in carol.codes()


def test_a_search_looks_through_all_pages(keeping: Town) -> None:
    alice = keeping.add("alice")
    for number in range(450):
        alice.member.do(commands.Say(f"{'Cat' if number % 150 == 7 else 'dog'} {number}"), NOW)
        if number % 30 == 0:
            keeping.deliver()
    keeping.deliver()
    bob = keeping.add("bob")
    bob.told.clear()
    keeping.do(bob, "/search cAT")
    (found,) = bob.all(events.Found)
    assert [hit.text for hit in found.hits] == ["Cat 7", "Cat 157", "Cat 307"]
    assert {hit.signature for hit in found.hits} == {"good"}
    assert not found.more
    assert not bob.texts()


def test_a_search_finds_with_and_without_accents(keeping: Town) -> None:
    alice = keeping.add("alice")
    for said in ("l'Été à Nîmes", "en ete", "hiver"):
        keeping.do(alice, said)
    for typed in ("ete", "ÉTÉ", "e\u0301te\u0301"):
        alice.told.clear()
        keeping.do(alice, f"/search {typed}")
        (found,) = alice.all(events.Found)
        assert [hit.text for hit in found.hits] == ["l'Été à Nîmes", "en ete"]
        assert found.text == typed, "told as it was typed"


def test_one_question_at_a_time(keeping: Town) -> None:
    alice = keeping.add("alice")
    keeping.do(alice, "hello")
    for _ in range(QUESTIONS + 1):
        alice.member.do(commands.Search("x"), NOW)
    with pytest.raises(StillSearching):
        alice.member.do(commands.History(5), NOW)
    keeping.deliver()
    assert len(alice.all(events.Found)) == QUESTIONS + 1


def test_what_comes_of_the_past_after_leaving_is_not_shown(keeping: Town) -> None:
    host, bob = keeping.places[0], keeping.add("bob")
    keeping.do(host, "/join staff", "old secret", "/grant bob staff")
    keeping.do(bob, "/join staff")
    bob.told.clear()
    bob.member.do(commands.History(5, "staff"), NOW)
    keeping.do(host, "/revoke bob staff")
    assert not bob.texts()
    keeping.do(bob, "/join general", "/history")
    assert bob.all(events.History)[-1].room == "general"
