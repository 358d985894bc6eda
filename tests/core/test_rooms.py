"""Rooms as the hub has them: who is in, who may know of them, their keys, and announcements in crowds."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.core.hall import ACCOUNTS, STORED, Hall, hosted, member_id, room_id
from usi.core import codec, wire
from usi.core.accounts import Account, Accounts, Role, Stored
from usi.core.crypto import digest
from usi.core.facts import OWN, AccountsRead, Announce, Gone, Keep, KeepRoom, Read, ReadPast
from usi.core.rooms import CROWD

GENERAL, STAFF = room_id("general"), room_id("staff")


@pytest.fixture
def hall() -> Hall:
    return Hall(*ACCOUNTS)


def test_a_guest_starts_in_the_first_room_and_an_account_also_in_those_that_it_names(hall: Hall) -> None:
    bob, mod = hall.come("bob"), hall.come("mod")
    assert [room.name for room in hall.all(bob, wire.Welcome)[0].rooms] == ["general"]
    assert [room.name for room in hall.all(mod, wire.Welcome)[0].rooms] == ["general", "staff"]
    assert [room.name for room in hall.all(OWN, wire.Welcome)[0].rooms] == ["general", "staff"]
    assert hall.all(mod, wire.Standing) == [wire.Standing(Role.MODERATOR)]
    assert not hall.all(bob, wire.Standing)


def test_each_room_has_a_key_of_its_own_and_hands_it_to_those_inside(hall: Hall) -> None:
    mod = hall.come("mod")
    general, staff = hall.all(mod, wire.Welcome)[0].rooms
    assert general.key != staff.key
    assert staff.private


@pytest.mark.parametrize("name", ["staff", "#staff", "STAFF", "nowhere"])
def test_a_room_without_the_right_looks_like_none(hall: Hall, name: str) -> None:
    bob = hall.come("bob")
    hall.forget()
    hall.enter(bob, name)
    assert hall.told == {bob: [wire.Notice("no-such-room", name)]}
    hall.hear(bob, wire.ListRooms())
    assert [row.name for row in hall.told[bob][-1].rooms] == ["general"]


def test_entering_gives_the_key_and_who_is_there_and_is_told_to_those_inside(hall: Hall) -> None:
    hall.order(OWN, "room-new", "lounge")
    bob, carol = hall.come("bob"), hall.come("carol")
    hall.enter(bob, "lounge")
    hall.forget()
    hall.enter(carol, "Lounge")
    room = hall.hub.rooms.find("lounge")
    assert room is not None
    entered, present = hall.told[carol]
    assert entered == wire.Entered(room.info)
    assert {info.name for info in present.members} == {"host", "bob"}
    assert hall.told[bob] == [wire.Joined(room.conversation, [wire.MemberInfo(member_id("carol"), "carol")])]
    hall.enter(carol, "lounge")
    assert hall.told[carol][-1] == wire.Notice("in-room", "lounge")


def test_leaving_a_room_is_told_inside_and_only_a_private_one_gets_another_key(hall: Hall) -> None:
    hall.order(OWN, "room-new", "lounge")
    mod = hall.come("mod")
    hall.enter(mod, "lounge")
    lounge, staff = hall.hub.rooms.find("lounge"), hall.hub.rooms.find("staff")
    assert lounge is not None
    assert staff is not None
    before = lounge.key, staff.key
    for room in (lounge, staff):
        hall.hear(mod, wire.Leave(room.conversation))
    assert [out.code for out in hall.all(mod, wire.Out)] == ["left-room"] * 2
    assert lounge.key == before[0]
    assert staff.key != before[1]
    assert hall.all(OWN, wire.RoomKey) == [wire.RoomKey(STAFF, staff.key)]
    hall.hear(mod, wire.Leave(GENERAL))
    assert hall.told[mod][-1] == wire.Notice("last-room", "general")
    hall.hear(OWN, wire.Leave(GENERAL))
    assert hall.told[OWN][-1] == wire.Notice("host-stays", "general")


def test_after_a_new_key_posts_under_the_old_one_are_stale(hall: Hall) -> None:
    mod, bob, carol = hall.come("mod"), hall.come("bob"), hall.come("carol")
    room = hall.hub.rooms.first
    old = room.key_id
    hall.order(mod, "kick", "bob")
    post = wire.Post(GENERAL, old, member_id("carol"), b"i" * 15, bytes(272))
    hall.hear(carol, post)
    assert hall.told[carol][-1] == wire.StaleKey(post.id)
    assert bob in hall.closed
    fresh = hall.say(carol)
    assert hall.told[carol][-1] == wire.Ack(fresh.id, 1)
    newcomer = hall.come("dave")
    assert digest("usi3 key id", hall.all(newcomer, wire.Welcome)[0].rooms[0].key) == room.key_id


def test_members_see_those_with_whom_they_share_a_room_and_nobody_else(hall: Hall) -> None:
    hall.order(OWN, "room-new", "lounge")
    mod, bob = hall.come("mod"), hall.come("bob")
    hall.enter(bob, "lounge")
    hall.hear(bob, wire.Leave(GENERAL))
    hall.forget()
    hall.hear(mod, wire.Nick("marshal"))
    hall.hear(mod, wire.Pass(member_id("bob"), b"p" * 16, b"USI3P" + bytes(33)))
    hall.hear(mod, wire.FileWord(member_id("bob"), b"t" * 16, "declined"))
    hall.hear(mod, wire.Fetch(member_id("bob"), b"t" * 16, b"r" * 16, 0))
    hall.handle(Gone(mod, "cut"))
    assert not hall.told[bob]
    assert wire.NoTicket(b"r" * 16, "sender-gone") in hall.told[mod]


@settings(max_examples=100, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_nothing_of_a_room_reaches_who_may_not_enter_it(seed: int) -> None:
    """Neither its name, id, keys, topic, members nor counts, whatever happens in it; also not to who lost the right."""
    draw = random.Random(seed)
    hall = Hall(*ACCOUNTS)
    bob = hall.come("bob", "bob")
    inside = [hall.come("mod"), hall.come("moddy")]
    carol = hall.come("carol")
    hall.order(OWN, "grant", "carol", room="staff")
    hall.enter(carol, "staff")
    hall.order(OWN, "revoke", "carol", room="staff")
    hall.forget()
    for _ in range(draw.randrange(1, 12)):
        link = draw.choice(inside)
        match draw.randrange(8):
            case 0:
                hall.say(link, "staff")
            case 1:
                hall.order(link, "topic", room="staff", text="secret topic")
            case 2:
                hall.hear(link, wire.Leave(STAFF))
            case 3:
                hall.enter(link, "staff")
            case 4:
                hall.order(OWN, "grant", "mary", room="staff")
            case 5:
                hall.order(OWN, "revoke", "mary", room="staff")
            case 6:
                hall.hear(link, wire.Past(STAFF, 0, 10))
            case 7:
                hall.hear(bob, draw.choice([wire.ListRooms(), wire.Enter("staff"), wire.Past(STAFF, 0, 5)]))
    staff = hall.hub.rooms.find("staff")
    assert staff is not None
    for link in (bob, carol):
        for message in hall.told[link]:
            if isinstance(message, wire.Notice | wire.OldEnd):
                continue  # what it asked for by name itself, answered as if there were none
            said = codec.encode(message)
            assert not any(secret in said for secret in (b"staff", STAFF, staff.key, b"secret topic"))
            assert not isinstance(message, wire.Joined | wire.Left | wire.Posted)
    answers = [m for m in hall.told[bob] if isinstance(m, wire.Notice | wire.OldEnd)]
    assert all(m in (wire.Notice("no-such-room", "staff"), wire.OldEnd(STAFF, 0, 0, False)) for m in answers)


# --- crowds ----------------------------------------------------------------------------------------------------------


def crowd(count: int) -> tuple[Hall, list[int]]:
    hall = Hall()
    return hall, [hall.come(f"n{number}x", f"guest-{number}") for number in range(count)]


def views(hall: Hall) -> dict[int, set[bytes]]:
    """Whom each member knows of in the first room, by what it was told."""
    seen: dict[int, set[bytes]] = {}
    for link, messages in hall.told.items():
        view = seen.setdefault(link, set())
        for message in messages:
            match message:
                case wire.Welcome():
                    view.add(message.me.id)
                case wire.Present():
                    view |= {info.id for info in message.members}
                case wire.Joined():
                    assert not view & {info.id for info in message.members}
                    view |= {info.id for info in message.members}
                case wire.Left():
                    assert view >= set(message.members)
                    view -= set(message.members)
    return seen


def test_in_a_crowd_those_who_come_at_once_are_told_together() -> None:
    hall, links = crowd(CROWD + 40)
    told = sum(len(hall.all(link, wire.Joined)) for link in links)
    assert hall.hub.has_news
    hall.handle(Announce())
    assert not hall.hub.has_news
    later = sum(len(hall.all(link, wire.Joined)) for link in links) - told
    assert later <= 2 * len(links)
    everybody = {member_id(who) for who in hall.who.values()}
    assert all(view == everybody for view in views(hall).values())


def test_a_newcomer_who_speaks_in_a_crowd_is_announced_first() -> None:
    hall, links = crowd(CROWD + 5)
    last = links[-1]
    hall.say(last)
    for link in links[:-1]:
        kinds = [m for m in hall.told[link] if isinstance(m, wire.Joined | wire.Posted)]
        assert isinstance(kinds[-1], wire.Posted)
        assert member_id(hall.who[last]) in {info.id for m in kinds[:-1] for info in m.members}


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_whoever_comes_and_goes_all_views_agree_in_the_end(seed: int) -> None:
    draw = random.Random(seed)
    hall, links = crowd(CROWD)
    here = list(links)
    for number in range(draw.randrange(1, 40)):
        if draw.random() < 0.6 or not here:
            here.append(hall.come(f"m{number}x", f"late-{number}"))
        elif draw.random() < 0.5:
            gone = here.pop(draw.randrange(len(here)))
            hall.handle(Gone(gone, draw.choice(["cut", "left"])))
            hall.told.pop(gone, None)
        elif draw.random() < 0.5:
            hall.say(draw.choice(here))
        else:
            hall.handle(Announce())
    hall.handle(Announce())
    everybody = {member_id(hall.who[link]) for link in [OWN, *here]}
    assert all(view == everybody for link, view in views(hall).items() if link in here or link == OWN)


# --- accounts --------------------------------------------------------------------------------------------------------


def test_names_of_accounts_are_not_for_guests(hall: Hall) -> None:
    eve = hall.come("eve", "MARY")
    assert hall.all(eve, wire.Welcome)[0].me.name == "MARY-2"
    hall.hear(eve, wire.Nick("mary"))
    assert hall.told[eve][-1] == wire.Notice("name-taken", "mary")
    mary = hall.come("mary")
    assert hall.all(mary, wire.Welcome)[0].me.name == "mary"


def test_accounts_that_were_read_again_change_roles_and_rooms_at_once(hall: Hall) -> None:
    mod, mary, moddy = hall.come("mod"), hall.come("mary"), hall.come("moddy")
    hall.forget()
    changed = Accounts(
        [
            Account("mod", STORED, Role.MEMBER, {"staff": False}),
            Account("mary", Stored(bytes(16), bytes(32), b"x" * 32), Role.MEMBER),
        ],
        bytes(32),
    )
    hall.handle(AccountsRead(changed))
    assert hall.all(mod, wire.Standing) == [wire.Standing(Role.MEMBER)]
    assert [out.room for out in hall.all(mod, wire.Out)] == [STAFF]
    assert hall.closed[mary].code == hall.closed[moddy].code == "account-gone"
    assert [m.code for m in hall.order(mod, "kick", "host")] == ["no-right"]


# --- the past --------------------------------------------------------------------------------------------------------


def test_posts_are_given_to_the_history_before_anything_is_told() -> None:
    hall = Hall(*ACCOUNTS, keeps=True)
    bob = hall.come("bob")
    assert hall.all(bob, wire.Welcome)[0].history
    room = hall.hub.rooms.first
    post = wire.Post(GENERAL, room.key_id, member_id("bob"), b"i" * 15, bytes(272))
    from usi.core.facts import Heard

    kinds = [type(effect).__name__ for effect in hall.hub.handle(Heard(bob, post))]
    assert kinds == ["Keep", "Send", "Send"]


def test_what_could_not_be_kept_gets_no_number() -> None:
    hall = Hall(keeps=True)
    bob = hall.come("bob")
    first = hall.say(bob)
    hall.say(bob), hall.say(bob)
    keeps = [effect for effect in hall.kept if isinstance(effect, Keep)]
    hall.hub.undo(keeps[1:])
    assert hall.hub.rooms.first.number == 1
    hall.forget()
    hall.hear(bob, first)
    assert hall.told[bob] == [wire.Ack(first.id, 1)]
    again = hall.say(bob)
    assert hall.told[bob][-1] == wire.Ack(again.id, 2)


def test_a_new_key_is_kept_before_it_is_used() -> None:
    hall = Hall(*ACCOUNTS, keeps=True)
    mod = hall.come("mod")
    hall.come("bob")
    hall.forget()
    hall.order(mod, "kick", "bob")
    (kept,) = hall.kept
    assert isinstance(kept, KeepRoom)
    assert kept.room.key == hall.all(mod, wire.RoomKey)[0].key


def test_a_member_reads_back_as_far_as_its_room_lets_newcomers() -> None:
    hall = Hall(*ACCOUNTS, keeps=True, rooms=(hosted("general"), hosted("staff", private=True, past=False)))
    for _ in range(5):
        hall.say(OWN, "staff")
        hall.say(OWN)
    mod = hall.come("mod")
    hall.forget()
    hall.hear(mod, wire.Past(GENERAL, 0, 10))
    hall.handle(Read(mod, GENERAL, (), (), {}, 1, 0, False))
    hall.hear(mod, wire.Past(STAFF, 3, 10))
    assert hall.kept == [ReadPast(mod, GENERAL, 1, None, 10), ReadPast(mod, STAFF, 6, 3, 10)]


def test_the_past_is_asked_for_once_at_a_time_and_only_from_inside() -> None:
    hall = Hall(*ACCOUNTS, keeps=True)
    bob = hall.come("bob")
    hall.hear(bob, wire.Past(STAFF, 0, 10))
    assert hall.told[bob][-1] == wire.OldEnd(STAFF, 0, 0, False)
    hall.hear(bob, wire.Past(GENERAL, 0, 10))
    hall.hear(bob, wire.Past(GENERAL, 0, 10))
    assert hall.closed[bob].code == "bad-message"


def test_what_was_read_is_not_handed_to_who_lost_the_right_meanwhile() -> None:
    hall = Hall(*ACCOUNTS, keeps=True)
    mod = hall.come("mod")
    hall.hear(mod, wire.Past(STAFF, 0, 10))
    hall.order(OWN, "revoke", "mod", room="staff")
    hall.forget()
    posted = wire.Posted(STAFF, bytes(32), bytes(32), bytes(15), 1, bytes(272))
    hall.handle(Read(mod, STAFF, (wire.OldKey(STAFF, bytes(32), bytes(32)),), (posted,), {}, 1, 0, True))
    assert hall.told[mod] == [wire.OldEnd(STAFF, 0, 0, False)]
