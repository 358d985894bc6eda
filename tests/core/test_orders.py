"""What moderators may do, to whom, and who hears of it; every command tried by every role."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.core.hall import ACCOUNTS, Hall, hosted, member_id, room_id
from usi.core import wire
from usi.core.accounts import RIGHTS, Role, may
from usi.core.errors import Banned, Kicked, Locked
from usi.core.facts import OWN, Gone, KeepDecided, KeepRoom, ShowLog
from usi.core.hub import CHANGE_SECONDS, CHANGES
from usi.core.moderation import Decided, RoomDecided, Term

PEOPLE = {Role.GUEST: "guest", Role.MEMBER: "mary", Role.MODERATOR: "mod", Role.HOST: "boss"}
WORDS = [*sorted(word for word in RIGHTS if not may(Role.GUEST, word)), "become-host", "say", "help"]
"""All that an ordinary member may not do, a word that nobody knows, and words that are no orders."""


@pytest.fixture
def hall() -> Hall:
    return Hall(*ACCOUNTS)


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("word", WORDS)
def test_every_order_by_every_role(hall: Hall, word: str, role: Role) -> None:
    """Denied by default: an order that is not in the table, or not for this role, changes nothing and tells nobody."""
    actor, bob = hall.come(PEOPLE[role]), hall.come("bob")
    hall.hub.moderation.ban(["name eve"], 0)
    hall.forget()
    about = {"unban": "eve", "room-new": "club"}.get(word, "bob")
    room = "general" if word in ("grant", "revoke", "topic") else ""
    told = hall.order(actor, word, about, room=room, text="why")
    carried_out = may(role, word) and word not in ("say", "help")
    refused = [message for message in told if isinstance(message, wire.Notice) and message.code == "no-right"]
    assert bool(refused) != carried_out
    if not carried_out:
        assert told == refused
        assert not hall.told[bob]
        assert not hall.told[OWN]
        assert not hall.closed
        assert not hall.notes
        assert not hall.kept
    else:
        assert told or hall.kept or word == "room-close"
        assert "bob" not in hall.inside("general") or word not in ("kick", "ban", "revoke")


@pytest.mark.parametrize("word", ["kick", "ban", "silence"])
@pytest.mark.parametrize("target", ["mod", "boss", "host", "moddy"])
def test_nobody_reaches_an_equal_or_a_higher_one(hall: Hall, word: str, target: str) -> None:
    mod, moddy = hall.come("mod"), hall.come("moddy")
    hall.come("boss")
    hall.forget()
    assert [m.code for m in hall.order(mod, word, target)] == ["out-of-reach"]
    assert not hall.closed
    post = hall.say(moddy)
    assert hall.told[moddy][-1] == wire.Ack(post.id, 1)


def test_a_kick_is_told_with_its_reason_and_replaces_the_key_at_once(hall: Hall) -> None:
    mod, bob, carol = hall.come("mod"), hall.come("bob"), hall.come("carol")
    room = hall.hub.rooms.first
    before = room.key
    hall.forget()
    hall.order(mod, "kick", "bob", text="too loud")
    assert isinstance(hall.closed[bob], Kicked)
    assert hall.closed[bob].exit_status == 5
    deed = wire.Deed("kicked", "bob", "mod", "too loud")
    assert hall.told[bob] == [deed]
    left = wire.Left(room.conversation, [member_id("bob")], "kicked")
    assert hall.told[carol] == [deed, left, wire.RoomKey(room.conversation, room.key)]
    assert room.key != before
    notes = [(note.event, note.facts.get("reason")) for note in hall.notes]
    assert notes == [("kicked", "too loud"), ("left", "kicked")]
    again = hall.come("bob")
    assert again not in hall.closed  # a kick is no ban


@pytest.mark.parametrize("about", ["bob", "BOB", "b0b", member_id("bob").hex(), "198.51.100.7"])
def test_who_is_banned_is_out_and_stays_out(hall: Hall, about: str) -> None:
    mod, bob = hall.come("mod"), hall.come("bob", network="198.51.100.7")
    hall.order(mod, "ban", about, seconds=600, text="spam")
    assert isinstance(hall.closed[bob], Banned)
    again = hall.come("bob", network="198.51.100.7")
    assert isinstance(hall.closed[again], Banned)
    hall.now += 601
    assert hall.come("bob", network="198.51.100.7") not in hall.closed


@pytest.mark.parametrize("about", ["bob", member_id("bob").hex()])
def test_a_ban_of_a_name_holds_for_its_key_too_and_is_taken_back_whole(hall: Hall, about: str) -> None:
    mod = hall.come("mod")
    hall.come("bob")
    hall.order(mod, "ban", "bob")
    assert isinstance(hall.closed[hall.come("bob", "robert")], Banned)
    assert [m.code for m in hall.order(mod, "unban", "eve")] == ["no-such-ban"]
    assert [m.code for m in hall.order(mod, "unban", about)] == ["ban-gone"]
    assert [m.code for m in hall.order(mod, "unban", "bob")] == ["no-such-ban"]
    assert hall.come("bob") not in hall.closed
    assert hall.come("eve", "bob") not in hall.closed


def test_a_ban_too_many_is_refused_and_reaches_nobody(hall: Hall, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("usi.core.moderation.MOST_BANS", 1)
    mod, bob = hall.come("mod"), hall.come("bob")
    assert [m.code for m in hall.order(mod, "ban", "192.0.2.9")] == ["ban-set"]
    assert [m.code for m in hall.order(mod, "ban", "bob")] == ["too-many-bans"]
    assert bob not in hall.closed


def test_what_moderators_decide_is_to_be_kept_where_it_is(hall: Hall) -> None:
    assert not hall.hub.keeps_decided
    keeping = Hall(*ACCOUNTS, decided=Decided(bans=(Term(("name eve",), None),)))
    mod, bob = keeping.come("mod"), keeping.come("bob")
    assert isinstance(keeping.closed[keeping.come("eve")], Banned)
    for change in (
        ("unban", "eve"), ("ban", "192.0.2.9"), ("silence", "bob"), ("room-new", "club"), ("grant", "bob", "club"),
        ("revoke", "bob", "general"), ("topic", "", "general"),
    ):  # fmt: skip
        for each in (hall, keeping):
            each.kept.clear()
        hall.order(OWN, change[0], change[1], room=change[-1], text="what it is about")
        keeping.order(mod, change[0], change[1], room=change[-1], text="what it is about")
        assert KeepDecided() not in hall.kept
        assert keeping.kept == [KeepDecided()]
    who = member_id("bob").hex()
    assert keeping.hub.decided() == Decided(
        (Term(("net 192.0.2.9",), None),),
        (Term((who,), None),),
        (
            RoomDecided("general", topic="what it is about", denied=(who,)),
            RoomDecided("staff", private=True),
            RoomDecided("club", made=True, granted=tuple(sorted(("mod", who)))),
        ),
    )
    keeping.kept.clear()
    keeping.order(mod, "unban", "nobody")
    keeping.order(mod, "kick", "bob")
    keeping.order(bob, "room-close", room="club")
    assert not keeping.kept


def test_a_banned_address_keeps_neither_moderators_nor_the_host_out_who_are_here(hall: Hall) -> None:
    mod, moddy, bob = hall.come("mod"), hall.come("moddy"), hall.come("bob")
    hall.order(mod, "ban", "192.0.2.1")
    assert set(hall.closed) == {bob}
    assert hall.come("boss") not in hall.closed
    assert moddy not in hall.closed


CHANGE: dict[str, Callable[[Hall, int, int], Any]] = {
    "nick": lambda hall, link, number: hall.hear(link, wire.Nick(f"bob{number}")),
    "away": lambda hall, link, number: hall.hear(link, wire.Away(f"reason {number}")),
    "topic": lambda hall, link, number: hall.order(link, "topic", room="general", text=f"number {number}"),
    "join": lambda hall, link, number: hall.hear(
        link, wire.Enter("lounge") if number % 2 else wire.Leave(room_id("lounge"))
    ),
}


@pytest.mark.parametrize("what", CHANGE)
def test_one_member_changes_so_much_in_a_minute_and_the_others_notice_nothing_more(what: str) -> None:
    hall = Hall(*ACCOUNTS, rooms=(hosted("general"), hosted("lounge")))
    reader, member = hall.come("alice"), hall.come("mod" if what == "topic" else "bob")
    hall.hear(reader, wire.Enter("lounge"))
    for number in range(1, CHANGES + 1):
        CHANGE[what](hall, member, number)
    assert not hall.all(member, wire.Notice)
    before = list(hall.told[reader]), list(hall.told[OWN])
    assert len(before[0]) > CHANGES
    for number in range(CHANGES + 1, 3 * CHANGES):
        CHANGE[what](hall, member, number)
    assert (hall.told[reader], hall.told[OWN]) == before
    assert {notice.code for notice in hall.all(member, wire.Notice)} == {"too-many-changes"}
    assert {notice.about for notice in hall.all(member, wire.Notice)} <= {what, "leave"}
    hall.handle(Gone(member, "left"))
    again = hall.come(hall.who[member])
    CHANGE[what](hall, again, 3)
    assert len(hall.all(again, wire.Notice)) == 1, "coming back gives no new allowance"
    hall.now += CHANGE_SECONDS
    CHANGE[what](hall, again, 3)
    assert len(hall.all(again, wire.Notice)) == 1
    assert hall.told[reader] != before[0]


def test_who_is_away_may_always_come_back(hall: Hall) -> None:
    bob = hall.come("bob")
    for number in range(2 * CHANGES):
        CHANGE["away"](hall, bob, number)
    hall.forget()
    hall.hear(bob, wire.Away(None))
    assert hall.told[OWN] == [wire.Absent(member_id("bob"), None)]


def test_the_host_s_own_person_may_change_as_much_as_it_likes(hall: Hall) -> None:
    for number in range(2 * CHANGES):
        CHANGE["nick"](hall, OWN, number)
    assert not hall.all(OWN, wire.Notice)


def test_a_silenced_member_hears_and_is_not_heard_until_its_time_is_over(hall: Hall) -> None:
    mod, bob = hall.come("mod"), hall.come("bob")
    hall.order(mod, "silence", "bob", seconds=60)
    assert hall.told[bob][-1] == wire.Deed("silenced", "bob", "mod", "")
    post = hall.say(bob)
    assert hall.told[bob][-1] == wire.Refused(post.id, "silenced")
    hall.say(mod)
    assert isinstance(hall.told[bob][-1], wire.Posted)
    hall.now += 61
    post = hall.say(bob)
    assert hall.told[bob][-1] == wire.Ack(post.id, 2)
    hall.order(mod, "silence", "bob")
    hall.order(mod, "silence", "bob")
    assert hall.codes(bob)[-2:] == ["silenced", "unsilenced"]


def test_a_locked_host_lets_no_newcomer_in_but_moderators(hall: Hall) -> None:
    mod, bob = hall.come("mod"), hall.come("bob")
    hall.order(mod, "lock")
    assert isinstance(hall.closed[hall.come("eve")], Locked)
    assert isinstance(hall.closed[hall.come("mary")], Locked)
    assert hall.come("moddy") not in hall.closed
    assert bob not in hall.closed
    hall.order(mod, "lock")
    assert hall.come("eve") not in hall.closed


def test_a_private_room_is_made_and_only_those_concerned_hear_of_it(hall: Hall) -> None:
    mod, bob = hall.come("mod"), hall.come("bob")
    hall.forget()
    hall.order(mod, "room-new", "club", private=True)
    assert hall.inside("club") == {"host", "mod"}
    assert not hall.told[bob]
    hall.enter(bob, "club")
    assert hall.codes(bob) == ["no-such-room"]
    hall.order(mod, "grant", "bob", room="club")
    assert hall.told[bob][-1] == wire.Deed("granted", "bob", "mod", "club")
    hall.enter(bob, "club")
    assert hall.inside("club") == {"host", "mod", "bob"}


@pytest.mark.parametrize("name", ["", " ", "a" * 25, "general", "GENERAL", "genera1", "staff", "evil\u202e"])
def test_names_that_a_room_cannot_have_look_alike(hall: Hall, name: str) -> None:
    """Also for the name of a room that must not be known of."""
    hall.order(OWN, "room-new", "club", private=True)
    boss = hall.come("mod")
    assert [m.code for m in hall.order(boss, "room-new", name)] == ["room-name-refused"]
    assert [m.code for m in hall.order(boss, "room-new", "club")] == ["room-name-refused"]


def test_there_are_only_so_many_rooms(hall: Hall) -> None:
    for number in range(wire.MAX_ROOMS - 2):
        hall.order(OWN, "room-new", f"room-{number}-x{'y' * (number % 9)}")
    assert len(hall.hub.rooms) == wire.MAX_ROOMS
    assert [m.code for m in hall.order(OWN, "room-new", "more")] == ["too-many-rooms"]


def test_a_right_that_is_taken_back_puts_out_and_replaces_the_key(hall: Hall) -> None:
    mod, bob = hall.come("mod"), hall.come("bob")
    hall.order(mod, "grant", "bob", room="staff")
    hall.enter(bob, "staff")
    room = hall.hub.rooms.find("staff")
    assert room is not None
    before = room.key
    hall.forget()
    hall.order(mod, "revoke", "bob", room="staff")
    assert [type(message) for message in hall.told[bob]] == [wire.Deed, wire.Out]
    assert hall.told[mod][-1] == wire.RoomKey(room.conversation, room.key)
    assert room.key != before
    post = wire.Post(room.conversation, room.key_id, member_id("bob"), b"i" * 15, bytes(272))
    hall.hear(bob, post)
    assert hall.told[bob][-1] == wire.Refused(post.id, "no-such-room")
    hall.enter(bob, "staff")
    assert hall.codes(bob)[-1] == "no-such-room"


def test_a_right_can_be_taken_from_the_only_room_and_then_there_is_no_place(hall: Hall) -> None:
    mod, bob = hall.come("mod"), hall.come("bob")
    hall.order(mod, "revoke", "bob", room="general")
    assert hall.closed[bob].code == "no-room"


def test_a_moderator_knows_only_of_rooms_that_it_may_enter(hall: Hall) -> None:
    hall.order(OWN, "room-new", "owners", private=True)
    mod = hall.come("mod")
    for word in ("room-close", "grant", "revoke", "topic"):
        assert [m.code for m in hall.order(mod, word, "bob", room="owners")] == ["no-such-room"]


def test_a_closed_room_is_gone_and_the_first_one_stays(hall: Hall) -> None:
    mod = hall.come("mod")
    hall.order(mod, "room-new", "club")
    bob = hall.come("bob")
    hall.enter(bob, "club")
    hall.forget()
    hall.order(mod, "room-close", room="club")
    assert hall.codes(bob) == ["room-closed", "room-closed"]
    assert hall.hub.rooms.find("club") is None
    assert [m.code for m in hall.order(mod, "room-close", room="general")] == ["first-room"]


def test_a_topic_goes_to_those_in_the_room_and_into_the_history() -> None:
    hall = Hall(*ACCOUNTS, keeps=True)
    mod, bob = hall.come("mod"), hall.come("bob")
    hall.forget()
    hall.order(mod, "topic", room="staff", text="on\x1b[31m cats")
    (topic,) = hall.all(OWN, wire.Topic)
    assert "\x1b" not in topic.topic
    assert not hall.told[bob]
    assert [type(effect) for effect in hall.kept] == [KeepRoom]


def test_the_log_is_shown_to_who_asks(hall: Hall) -> None:
    mod = hall.come("mod")
    hall.order(mod, "log")
    assert hall.kept == [ShowLog(mod)]
