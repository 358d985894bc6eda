"""What the screen knows of the conversation."""

from types import SimpleNamespace

import msgspec
import pytest

from usi.config import Settings
from usi.core import events as ev
from usi.ui.tui.model import Situation, Talk


def situation(*happened: ev.Event, hosting: bool = False, **settings: object) -> Situation:
    address = None if hosting else "example.net"
    made = Situation(Settings(hosting=hosting, name="x", **{"address": address, **settings}))
    for event in happened:
        made.apply(event)
    return made


def joined(cast: SimpleNamespace, name: str, id: str) -> ev.MemberJoined:
    return ev.MemberJoined(time=cast.NOW, name=name, member=id)


def test_before_anything_happened(cast: SimpleNamespace) -> None:
    status = situation().status
    assert (status.phase, status.place, status.here) == ("connecting", "example.net:12800", 0)
    assert situation(hosting=True).status.place == "port 12800"


def test_a_guest_is_in(cast: SimpleNamespace) -> None:
    made = situation(cast.CONNECTED, cast.THERE)
    assert made.link == cast.CONNECTED
    status = made.status
    assert (status.phase, status.place, status.here) == ("open", "example.net:12800", 3)
    assert (status.guests, status.verified, status.preset) == (1, 0, False)


@pytest.mark.parametrize(
    ("addresses", "place"),
    [
        (["192.0.2.7"], "192.0.2.7:12800"),
        (["2001:db8::7"], "[2001:db8::7]:12800"),
        (["192.0.2.7", "::1"], "port 12800"),
    ],
)
def test_a_host_listens(cast: SimpleNamespace, addresses: list[str], place: str) -> None:
    made = situation(msgspec.structs.replace(cast.LISTENING, addresses=addresses), hosting=True)
    assert made.status.phase == "open"
    assert made.status.place == place


def test_who_is_here(cast: SimpleNamespace) -> None:
    made = situation(cast.CONNECTED, cast.THERE, joined(cast, "Aaron", "aa" * 32))
    assert [member.name for member in made.seated()] == ["host", "alice", "Aaron", "bob"]
    made.apply(ev.MemberRenamed(time=cast.NOW, old="bob", name="Zoe", member=cast.BOB, mine=False))
    made.apply(ev.MemberLeft(time=cast.NOW, name="Aaron", member="aa" * 32, reason="left"))
    assert [member.name for member in made.seated()] == ["host", "alice", "Zoe"]


def test_who_is_in_a_private_conversation(cast: SimpleNamespace) -> None:
    made = situation(cast.CONNECTED, cast.THERE)
    partners = [
        ev.Partner(name=name, member=id, verified=True, me=me, opener=me)
        for name, id, me in (("alice", cast.ALICE, True), ("bob", cast.BOB, False))
    ]
    made.apply(ev.Conversation(time=cast.NOW, room="@bob", state="open", members=partners, verified=True, text=""))
    made.open("@bob")
    assert [member.name for member in made.seated()] == ["alice", "bob"]
    assert made.status.here == 2


def test_the_host_is_as_verified_in_a_room_that_it_is_not_in(cast: SimpleNamespace) -> None:
    made = situation(cast.CONNECTED, cast.THERE)
    verified = {"fingerprint": "00" * 32, "words": cast.WORDS, "preset": False, "state": "verified"}
    made.apply(ev.Verification(time=cast.NOW, name="host", member=cast.HOST, **verified))
    made.apply(
        ev.RoomEntered(time=cast.NOW, room="staff", topic="", restricted=True, members=[cast.ALICE, cast.BOB])
    )
    made.open("staff")
    assert (made.status.here, made.status.verified) == (2, 1)


def test_what_is_not_known_changes_nothing(cast: SimpleNamespace) -> None:
    made = situation(cast.CONNECTED, cast.THERE)
    made.apply(ev.MemberLeft(time=cast.NOW, name="?", member="ff" * 32, reason="left"))
    made.apply(ev.MemberRenamed(time=cast.NOW, old="?", name="!", member="ff" * 32, mine=False))
    made.apply(cast.said("text"))
    assert made.status.here == 3


def test_who_is_away(cast: SimpleNamespace) -> None:
    made = situation(cast.CONNECTED, cast.THERE)
    made.apply(ev.MemberAway(time=cast.NOW, name="?", member="ff" * 32, away=True, away_text="", mine=False))
    for away, why in ((True, "at lunch"), (False, "")):
        made.apply(ev.MemberAway(time=cast.NOW, name="bob", member=cast.BOB, away=away, away_text=why, mine=False))
        assert (made.members[cast.BOB].away, made.members[cast.BOB].away_text) == (away, why)
    made.apply(msgspec.structs.replace(joined(cast, "carol", "cc" * 32), away=True, away_text="asleep"))
    assert made.members["cc" * 32].away_text == "asleep"


def test_a_guest_verifies_the_host(cast: SimpleNamespace) -> None:
    made = situation(cast.CONNECTED, cast.THERE)
    proof = {"fingerprint": "00" * 32, "words": cast.WORDS, "preset": False}
    facts = {"time": cast.NOW, "name": "host", "member": cast.HOST} | proof
    made.apply(ev.Verification(state="open", **facts))
    assert made.status.verified == 0
    made.apply(ev.Verification(state="verified", **facts))
    assert made.status.verified == 1
    assert made.seated()[0].verified


def test_a_host_counts_its_guests(cast: SimpleNamespace) -> None:
    me = ev.Users(time=cast.NOW, members=[cast.member("host", cast.HOST, me=True, host=True)], asked=False)
    made = situation(cast.LISTENING, me, hosting=True)
    assert made.status.guests == 0
    made.apply(joined(cast, "alice", cast.ALICE))
    made.apply(joined(cast, "bob", cast.BOB))
    assert made.status.guests == 2


def test_there_is_no_way_back_from_the_end(cast: SimpleNamespace) -> None:
    made = situation(cast.CONNECTED, cast.THERE)
    made.apply(ev.Disconnected(time=cast.NOW, code="cut", text="cut"))
    made.enter("leaving")
    assert made.status.phase == "ended"
    assert made.seated() == []


def test_rooms_and_what_was_not_seen_in_them(cast: SimpleNamespace) -> None:
    made = situation(msgspec.structs.replace(cast.CONNECTED, rooms=["general", "staff"]), cast.THERE)
    assert made.unread == {"general": 0, "staff": 0}
    made.apply(cast.said("here"))
    made.apply(cast.said("there", room="staff"))
    made.apply(cast.said("mine", room="staff", mine=True))
    made.apply(cast.said("old", room="staff", history=True))
    assert made.unread == {"general": 0, "staff": 1}
    made.seen("staff")
    made.seen("general", 3)
    made.seen("unknown", 3)
    assert made.unread == {"general": 3, "staff": 0}


def test_from_one_conversation_to_another(cast: SimpleNamespace) -> None:
    made = situation(msgspec.structs.replace(cast.CONNECTED, rooms=["general", "staff", "attic"]), cast.THERE)
    assert [made.neighbour(step) for step in (1, -1)] == ["staff", "attic"]
    assert made.neighbour(1, unread=True) is None
    made.apply(cast.talk("bob"))
    made.apply(cast.said("psst", name="bob", room="bob", private=True))
    assert (set(made.talks), made.unread["bob"]) == ({"bob"}, 1)
    assert made.neighbour(-1) == made.neighbour(1, unread=True) == "bob"
    made.open("bob")
    assert (made.status.room, made.status.talk) == ("bob", Talk(("bob",), 0, "open", False))
    assert made.partner == made.members[cast.BOB]
    made.apply(cast.said("psst", room="bob", private=True))
    assert made.unread["bob"] == 1, "the screen says what of the open one was seen"
    made.apply(cast.said("hello", room="staff"))
    made.seen("bob")
    assert made.neighbour(1, unread=True) == "staff"
    made.open("staff")
    assert (made.status.talk, made.partner, made.neighbour(1)) == (None, None, "attic")


def test_a_conversation_with_the_host_knows_it_on_both_sides(cast: SimpleNamespace) -> None:
    """Where the host is in, it is no news that the host can read."""
    for host in (cast.ALICE, cast.BOB):
        members = [cast.member("alice", cast.ALICE, me=True, host=host == cast.ALICE),
                   cast.member("bob", cast.BOB, host=host == cast.BOB)]  # fmt: skip
        made = situation(cast.CONNECTED, ev.Users(time=cast.NOW, members=members, asked=False), cast.talk("@bob"))
        assert made.talk("@bob") == Talk(("bob",), 0, "open", True)


def test_conversations_outlive_a_connection(cast: SimpleNamespace) -> None:
    there = msgspec.structs.replace(cast.CONNECTED, rooms=["general", "staff"])
    psst = cast.said("psst", name="bob", room="bob", private=True)
    made = situation(there, cast.THERE, cast.talk("bob", verified=True), psst)
    assert made.talk("bob") == Talk(("bob",), 1, "verified", False)
    made.muted.add("staff")
    made.open("staff")
    again = made.again(Settings(hosting=False, name="x", address="example.net"))
    assert (again.status.phase, again.status.room, again.members) == ("connecting", "staff", {})
    again.apply(msgspec.structs.replace(there, rooms=["general", "attic"]))
    assert [*again.unread] == ["general", "attic", "staff", "bob"]
    assert (again.unread["bob"], again.muted) == (1, {"staff"})
    assert again.talk("bob") == Talk(("bob",), 1, "closed", False), "its keys are gone with the connection"
    assert again.status.room == "staff"


def test_a_single_conversation_has_no_neighbour(cast: SimpleNamespace) -> None:
    assert situation(cast.CONNECTED).neighbour(1) is None
    assert situation().neighbour(-1) is None


def test_who_was_verified_before_still_is(cast: SimpleNamespace) -> None:
    came = ev.MemberJoined(time=cast.NOW, name="bob", member=cast.BOB, verified=True)
    assert situation(cast.LISTENING, came, hosting=True).status.verified == 1
