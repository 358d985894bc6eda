"""Posts and proofs on their way through the hub, driven by facts."""

from __future__ import annotations

import pytest

from usi.core import wire
from usi.core.errors import BadMessage
from usi.core.facts import OWN
from usi.core.numbering import LOG_BYTES, LOG_POSTS

from .floor import GENERAL, POINT, SEALED, Floor, member_id

# --- posts ---------------------------------------------------------------------------------------------------------


def test_a_post_is_acknowledged_and_delivered_to_the_others(floor: Floor) -> None:
    alice, bob = floor.join("alice"), floor.join("bob")
    floor.forget()
    post = floor.say(alice, b"s" * 272)
    assert floor.told[alice] == [wire.Ack(post.id, 1)]
    posted = wire.Posted(post.conversation, post.key_id, member_id("alice"), post.id, 1, b"s" * 272)
    assert floor.told[bob] == floor.told[OWN] == [posted]


def test_a_post_in_somebody_else_s_name_ends_the_link(floor: Floor) -> None:
    alice, bob = floor.join("alice"), floor.join("bob")
    floor.forget()
    floor.hear(alice, floor.post("bob"))
    assert isinstance(floor.closed[alice], BadMessage)
    assert floor.told[bob] == [wire.Left(GENERAL, [member_id("alice")], BadMessage.code)]
    floor.forget()
    floor.say(bob)
    assert floor.all(bob, wire.Ack)[0].number == 1


def test_a_post_to_an_unknown_conversation_is_refused(floor: Floor) -> None:
    alice = floor.join("alice")
    floor.join("bob")
    floor.forget()
    post = wire.Post(b"?" * 16, b"k" * 32, member_id("alice"), b"i" * 15, SEALED)
    floor.hear(alice, post)
    assert floor.told == {alice: [wire.Refused(post.id, "no-such-room")]}
    assert not floor.closed


def test_a_post_to_a_room_that_one_is_not_in_is_refused() -> None:
    floor = Floor("general", "staff")
    alice = floor.join("alice")
    floor.hear(alice, wire.Leave(floor.rooms[1].conversation))
    floor.forget()
    post = floor.say(alice, room=1)
    assert floor.told == {alice: [wire.Refused(post.id, "no-such-room")]}
    floor.say(OWN, room=1)
    assert not floor.all(alice, wire.Posted)


def test_a_post_under_another_key_is_stale_and_takes_no_number(floor: Floor) -> None:
    alice = floor.join("alice")
    floor.forget()
    post = wire.Post(floor.rooms[0].conversation, b"k" * 32, member_id("alice"), b"i" * 15, SEALED)
    floor.hear(alice, post)
    assert floor.told == {alice: [wire.StaleKey(post.id)]}
    fresh = floor.say(alice)
    assert floor.told[alice][-1] == wire.Ack(fresh.id, 1)


def test_what_comes_twice_is_acknowledged_twice_and_delivered_once(floor: Floor) -> None:
    alice, bob = floor.join("alice"), floor.join("bob")
    first, second = floor.say(alice), floor.say(alice)
    floor.forget()
    for post in (second, first, first):
        floor.hear(alice, post)
    assert floor.told == {alice: [wire.Ack(second.id, 2), wire.Ack(first.id, 1), wire.Ack(first.id, 1)]}
    floor.say(bob)
    assert floor.all(bob, wire.Ack)[0].number == 3


@pytest.mark.parametrize("change", ["sealed", "key_id"])
def test_two_posts_under_one_id_end_the_link(floor: Floor, change: str) -> None:
    alice, bob = floor.join("alice"), floor.join("bob")
    post = floor.say(alice)
    floor.forget()
    changed = {"sealed": b"x" + post.sealed[1:], "key_id": b"x" * 32}
    fields = {name: getattr(post, name) for name in post.__struct_fields__} | {change: changed[change]}
    floor.hear(alice, wire.Post(**fields))
    assert isinstance(floor.closed[alice], BadMessage)
    assert not floor.all(bob, wire.Posted)


def test_what_came_before_is_known_whatever_the_key_is_now(floor: Floor) -> None:
    """A post that was taken is never called stale: its author would seal it again, and it would be there twice."""
    alice, bob = floor.join("alice"), floor.join("bob")
    post = floor.say(alice)
    floor.hub.rooms.first.key_id = b"n" * 32  # the room's key was replaced meanwhile
    floor.forget()
    floor.hear(alice, post)
    assert floor.told == {alice: [wire.Ack(post.id, 1)]}
    fresh = floor.say(alice)
    assert floor.told[alice][-1] == wire.StaleKey(fresh.id)
    assert not floor.told[bob]


def test_equal_ids_of_two_members_or_in_two_rooms_are_two_posts() -> None:
    floor = Floor("general", "staff")
    alice, bob = floor.join("alice"), floor.join("bob")
    posts = [floor.post("alice"), floor.post("bob"), floor.post("alice", room=1)]
    floor.forget()
    for link, post in zip((alice, bob, alice), posts, strict=True):
        floor.hear(link, wire.Post(post.conversation, post.key_id, post.sender, b"i" * 15, post.sealed))
    assert [ack.number for ack in floor.all(alice, wire.Ack)] == [1, 1]
    assert [ack.number for ack in floor.all(bob, wire.Ack)] == [2]
    assert len(floor.all(OWN, wire.Posted)) == 3


def test_every_room_numbers_its_posts_without_holes() -> None:
    floor = Floor("general", "staff")
    links = [floor.join("alice"), floor.join("bob"), OWN]
    for index in range(30):
        floor.say(links[index % 3], room=index * index % 2)
    for room in floor.rooms:
        told = [[p for p in floor.all(link, wire.Posted) if p.conversation == room.conversation] for link in links]
        here = [[posted.number for posted in posts] for posts in told]
        assert all(numbers == sorted(set(numbers)) for numbers in here)
        assert set().union(*here) == set(range(1, 16))


def test_the_log_is_bounded_by_posts_and_what_leaves_it_is_forgotten(floor: Floor) -> None:
    alice = floor.join("alice")
    posts = [floor.say(alice) for _ in range(LOG_POSTS + 1)]
    room = floor.hub.rooms.first
    assert len(room.log) == len(room.posted) == LOG_POSTS
    floor.forget()
    floor.hear(alice, posts[1])
    floor.hear(alice, posts[0])
    assert floor.told[alice] == [wire.Ack(posts[1].id, 2), wire.Ack(posts[0].id, LOG_POSTS + 2)]


def test_the_log_is_bounded_by_bytes_and_what_leaves_it_is_forgotten(floor: Floor) -> None:
    alice = floor.join("alice")
    sealed = bytes(wire.MAX_SEALED)
    fitting = LOG_BYTES // len(sealed)
    posts = [floor.say(alice, sealed) for _ in range(fitting + 1)]
    room = floor.hub.rooms.first
    assert room.log_bytes == sum(len(posted.sealed) for posted in room.log) <= LOG_BYTES
    assert len(room.log) == len(room.posted) == fitting
    floor.forget()
    floor.hear(alice, posts[1])
    floor.hear(alice, posts[0])
    assert floor.told[alice] == [wire.Ack(posts[1].id, 2), wire.Ack(posts[0].id, fitting + 2)]


# --- proofs of a password, and a key that lasts -------------------------------------------------------------------


def test_a_proof_goes_between_a_member_and_the_host_s_person_and_nobody_else_hears_it(floor: Floor) -> None:
    alice, bob = floor.join("alice"), floor.join("bob")
    floor.forget()
    floor.hear(alice, wire.Ask(POINT))
    floor.hear(OWN, wire.Answer(member_id("alice"), POINT, bytes(32)))
    floor.hear(alice, wire.Prove(bytes(32)))
    floor.hear(bob, wire.Prove(None))
    assert floor.told == {
        OWN: [
            wire.Asked(member_id("alice"), POINT),
            wire.Proved(member_id("alice"), bytes(32)),
            wire.Proved(member_id("bob"), None),
        ],
        alice: [wire.Challenge(POINT, bytes(32))],
    }
    assert not floor.closed


def test_who_asks_with_a_point_that_is_none_is_gone(floor: Floor) -> None:
    alice = floor.join("alice")
    floor.forget()
    floor.hear(alice, wire.Ask(b"\4" + bytes(64)))
    assert isinstance(floor.closed[alice], BadMessage)
    assert not [message for message in floor.told[OWN] if isinstance(message, wire.Asked)]


def test_only_the_host_s_person_answers_and_only_who_is_there(floor: Floor) -> None:
    alice, bob = floor.join("alice"), floor.join("bob")
    floor.forget()
    floor.hear(bob, wire.Answer(member_id("alice"), POINT, bytes(32)))
    floor.hear(OWN, wire.Answer(member_id("carol"), POINT, bytes(32)))
    floor.hear(OWN, wire.Ask(POINT))
    assert not any(floor.told[link] for link in (OWN, alice, bob))
