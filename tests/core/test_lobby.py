"""Rooms as their members have them."""

from __future__ import annotations

import pytest

from tests.core.town import GENERAL, NOW, STAFF, Place, Town
from usi.core import commands, events, wire
from usi.core.crypto import PrivateKey
from usi.core.errors import BadMessage, LocalError, NoHistory, NoSuchRoom, NotARoom, Nowhere, PeerError
from usi.core.facts import Gone, Heard


@pytest.fixture
def town(keys: dict[str, PrivateKey]) -> Town:
    return Town(keys)


@pytest.fixture
def keeping(keys: dict[str, PrivateKey]) -> Town:
    return Town(keys, keeps=True)


def test_people_talk_in_the_rooms_that_they_are_in(town: Town) -> None:
    host, alice, bob = town.places[0], town.add("alice"), town.add("bob")
    town.do(host, "/room new lounge")
    assert alice.all(events.Moderation)[-1].code == "room-new"
    town.do(alice, "/join lounge", "only for the lounge", "/join #general", "for all")
    assert bob.texts() == ["for all"]
    assert host.texts("lounge") == ["only for the lounge"]
    assert alice.all(events.Chosen)[0].room == "lounge"
    assert [row.room for row in (town.do(bob, "/rooms"), bob.all(events.Rooms)[-1].rooms)[1]] == ["general", "lounge"]
    town.do(bob, "/join Lounge", "me too")
    assert alice.texts("lounge") == ["me too"]
    assert [event.rooms for event in alice.all(events.MemberJoined)] == [["general"], ["lounge"]]


def test_what_the_host_did_not_take_is_not_told_as_withheld(town: Town) -> None:
    host, alice, bob = town.places[0], town.add("alice"), town.add("bob")
    town.do(alice, "one")
    town.do(host, "/silence alice")
    town.do(alice, "two", "three")
    town.do(host, "/silence alice")
    town.do(alice, "four")
    assert bob.texts() == host.texts() == ["one", "four"]
    assert [event.message for event in alice.all(events.Failed)] == ["two", "three"]
    assert bob.codes() == host.codes() == []


def test_who_comes_back_to_a_room_is_heard_by_all_who_are_there(town: Town) -> None:
    host, alice, bob = town.places[0], town.add("alice"), town.add("bob")
    town.do(host, "/room new lounge")
    town.do(alice, "/join lounge")
    town.do(bob, "/join lounge", "one", "two", "/leave")
    carol = town.add("carol")
    town.do(carol, "/join lounge")
    town.do(bob, "/join lounge", "three", "/leave", "/join lounge", "four")
    assert alice.texts("lounge") == ["one", "two", "three", "four"]
    assert carol.texts("lounge") == ["three", "four"]
    assert not [code for place in town.places for code in place.codes()]


def test_what_the_host_withholds_of_one_who_has_come_back_is_told(town: Town) -> None:
    host, alice, bob = town.places[0], town.add("alice"), town.add("bob")
    town.do(host, "/room new lounge")
    town.do(alice, "/join lounge")
    town.do(bob, "/join lounge", "one", "/leave", "/join lounge")
    bob.member.do(commands.Say("withheld"), NOW)
    bob.member.take_outgoing()
    town.do(bob, "heard")
    assert alice.texts("lounge") == ["one", "heard"]
    assert alice.codes() == ["withheld-from"]


def test_what_waits_behind_a_hole_in_a_room_is_read_before_one_is_out_of_it(town: Town) -> None:
    host, alice, bob = town.places[0], town.add("alice"), town.add("bob")
    town.do(host, "/room new lounge")
    town.do(alice, "/join lounge")
    town.do(bob, "/join lounge", "heard")
    for said in ("lost", "kept"):
        bob.member.do(commands.Say(said), NOW)
        for message in bob.member.take_outgoing():
            town.handle(Heard(bob.link, message))
    alice.down.popleft()
    alice.member.receive([alice.down.popleft()], NOW)
    assert [wire.tag_of(message) for message in alice.member.take_outgoing()] == ["again"]
    alice.member.do(commands.Leave("lounge"), NOW)
    town.deliver()
    told = [type(event) for event in alice.told]
    assert alice.texts("lounge") == ["heard", "kept"]
    assert told[::-1].index(events.RoomLeft) < told[::-1].index(events.Message)
    alice.member.tick(NOW + 60.0)
    assert not alice.member.take_events()


def test_a_room_without_the_right_is_refused_and_nothing_is_chosen(town: Town) -> None:
    alice = town.add("alice")
    town.do(alice, "/join staff")
    assert alice.codes() == ["no-such-room"]
    assert not alice.member.entering
    with pytest.raises(Nowhere):
        town.do(alice, "meant for the staff")


@pytest.mark.parametrize("line", ["/revoke bob staff", "/room close staff"])
def test_who_is_put_out_while_typing_does_not_say_it_elsewhere(town: Town, line: str) -> None:
    host, bob, carol = town.places[0], town.add("bob"), town.add("carol")
    town.do(host, "/grant bob staff")
    town.do(bob, "/join staff")
    town.do(host, "/join general")
    town.do(host, line)
    with pytest.raises(Nowhere):
        town.do(bob, "for the staff alone")
    assert "for the staff alone" not in carol.texts()
    town.do(bob, "/join general", "for all")
    assert "for all" in carol.texts()


def test_a_moderator_s_kick_is_seen_and_what_was_said_meanwhile_is_sealed_anew(town: Town) -> None:
    mod, bob, carol = town.add("alice", "mod"), town.add("bob"), town.add("carol")
    assert mod.all(events.Role)[-1].role == "moderator"
    for number in range(3):
        carol.member.do(commands.Say(f"{number}"), NOW)
    waiting = carol.member.take_outgoing()  # sealed under the key that is about to go
    town.do(mod, "/kick bob too loud")
    assert bob.error is not None
    assert bob.error.exit_status == 5
    for message in waiting:
        town.handle(Heard(carol.link, message))
    town.deliver()
    carol.member.do(commands.Say("3"), NOW)
    town.deliver()
    assert mod.texts() == ["0", "1", "2", "3"]
    assert not carol.all(events.Failed)
    deed = carol.all(events.Moderation)[-1]
    assert (deed.code, deed.name, deed.by, deed.reason, deed.mine) == ("kicked", "bob", "mod", "too loud", False)
    assert "too loud" in deed.text
    assert carol.all(events.MemberLeft)[-1].reason == "kicked"


def test_who_is_put_out_cannot_read_what_comes_and_its_words_come_back(town: Town) -> None:
    host, bob = town.places[0], town.add("bob")
    town.do(host, "/grant bob staff")
    town.do(bob, "/join staff")
    room = town.hub.rooms.find("staff")
    assert room is not None
    old = bob.member._rooms[STAFF].key
    assert old is not None
    bob.member.do(commands.Say("lost words", "staff"), NOW)
    waiting = bob.member.take_outgoing()
    town.do(host, "/revoke bob staff")
    for message in waiting:
        town.handle(Heard(bob.link, message))
    town.deliver()
    assert bob.all(events.Failed)[-1].message == "lost words"
    assert bob.all(events.RoomLeft)[-1].code == "revoked"
    assert bob.member.room is None
    assert old.key_id != room.key_id
    town.do(host, "/join staff", "among us")
    assert "among us" not in bob.texts()


def test_private_talk_ends_where_people_share_no_room_any_more(town: Town) -> None:
    host, alice, bob = town.places[0], town.add("alice"), town.add("bob")
    town.do(host, "/room new lounge")
    town.do(bob, "/join lounge", "/leave")
    town.do(bob, "/join lounge", "/join general", "/leave")
    assert [event.here for event in alice.all(events.MemberLeft)] == [False]
    assert bob.member.room == "lounge"
    assert {row.name for row in bob.member.users(asked=True).members} == {"host", "bob"}
    with pytest.raises(LocalError):
        town.do(alice, "/msg bob hello")


def test_one_who_leaves_the_host_is_told_once_with_all_its_rooms(town: Town) -> None:
    mod, host = town.add("alice", "mod"), town.places[0]
    town.handle(Gone(mod.link, "cut"))
    mod.error = PeerError()
    town.deliver()
    (left,) = host.all(events.MemberLeft)
    assert (left.rooms, left.here, left.reason) == (["general", "staff"], False, "cut")


def lose(town: Town, place: Place, code: str) -> None:
    """A member is gone for good, by this code."""
    town.handle(Gone(place.link, code))
    place.error = PeerError()
    town.deliver()


def test_who_was_cut_and_starts_anew_has_its_name_again_when_the_old_seat_is_over(town: Town) -> None:
    alice, dead = town.add("alice"), town.add("bob")
    again = town.add("carol", "bob")  # another key, as a run without --identity has
    assert again.member.name == "bob-2"
    assert "name bob is taken: you are bob-2" in again.all(events.Notice)[-1].text
    lose(town, dead, "cut")
    assert again.member.name == "bob"
    assert [(event.old, event.name) for event in alice.all(events.MemberRenamed)] == [("bob-2", "bob")]
    assert alice.codes() == ["name-changed-hands"]
    town.do(again, "it is me")
    assert alice.texts() == ["it is me"]


@pytest.mark.parametrize("how", ["left by wish", "much later", "chose another name", "is somebody else"])
def test_a_name_is_not_taken_from_somebody_else(town: Town, how: str) -> None:
    town.add("alice")
    other, bob = town.add("bob"), town.add("carol", "bob")
    gone = other
    if how == "chose another name":
        town.do(bob, "/nick robert")
    elif how == "is somebody else":
        gone = town.places[1]
    name, town.now = bob.member.name, NOW + (100 if how == "much later" else 0)
    lose(town, gone, "left" if how == "left by wish" else "cut")
    assert bob.member.name == name != "bob"


def test_topics_are_told_and_can_be_asked_for(town: Town) -> None:
    mod, bob = town.add("alice", "mod"), town.add("bob")
    town.do(mod, "/topic [/oops] cats")
    town.do(bob, "/topic", "/topic mine")
    assert [(event.topic, event.by) for event in bob.all(events.RoomTopic)] == [
        ("[/oops] cats", "mod"),
        ("[/oops] cats", ""),
    ]
    assert bob.codes() == ["no-right"]


@pytest.mark.parametrize(
    ("line", "error"),
    [("/history", NoHistory), ("/search x", NoHistory), ("/join @nobody", NoSuchRoom), ("/join #", NoSuchRoom)],
)
def test_what_cannot_be_done_is_said_at_once(town: Town, line: str, error: type[LocalError]) -> None:
    alice = town.add("alice")
    with pytest.raises(error):
        town.do(alice, line)


def test_rooms_commands_are_not_for_private_conversations(keeping: Town) -> None:
    alice = keeping.add("alice")
    keeping.add("bob")
    keeping.do(alice, "/private bob")
    for line in ("/topic x", "/history", "/search x"):
        with pytest.raises(NotARoom):
            keeping.do(alice, line)


@pytest.mark.parametrize(
    "message",
    [
        wire.OldEnd(GENERAL, 1, 0, False),
        wire.OldKey(GENERAL, bytes(32), bytes(32)),
        wire.Entered(wire.RoomInfo(GENERAL, "general", "", bytes(32), 0)),
        wire.Out(STAFF, "revoked"),
        wire.RoomKey(STAFF, bytes(32)),
        wire.Topic(STAFF, "x", "y"),
        wire.Joined(STAFF, [wire.MemberInfo(bytes(32), "eve")]),
        wire.Left(GENERAL, [bytes(32)], "left"),
        wire.Present(STAFF, [], True),
    ],
    ids=wire.tag_of,
)
def test_what_a_host_cannot_honestly_say_ends_the_link(town: Town, message: wire.Message) -> None:
    alice = town.add("alice")
    with pytest.raises(BadMessage):
        alice.member.receive([message], NOW)


def test_a_host_s_own_words_are_never_shown_as_ours(town: Town) -> None:
    alice = town.add("alice")
    alice.member.receive([wire.Deed("bank", "x", "y", "z")], NOW)
    alice.told += alice.member.take_events()
    assert alice.codes() == ["unknown-notice"]
    assert not alice.all(events.Moderation)
