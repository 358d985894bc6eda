"""Private conversations over real connections: peers, a host, and what passes between them."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from usi.core import commands
from usi.core import events as ev

SECRET = "a secret between us"


async def three(house: Any, **options: Any) -> tuple[Any, Any, Any]:
    """A host, and alice and bob who see each other."""
    host = await house.host(**options)
    alice = await house.guest("alice", host.port, **options)
    bob = await house.guest("bob", host.port, **options)
    await alice.hears(ev.MemberJoined, name="bob")
    return host, alice, bob


async def test_a_msg_arrives_and_the_host_sees_nothing_of_it(house: Any) -> None:
    host, alice, bob = await three(house)
    await alice.says(f"/msg bob {SECRET}")
    message = await bob.hears(ev.Message)
    assert (message.text, message.room, message.private, message.signature) == (SECRET, "@alice", True, "good")
    await alice.hears(ev.Delivered, id=message.id)
    await bob.says("/private alice", "hello yourself", "/private", "hello all")
    await alice.hears(ev.Message, text="hello yourself", private=True)
    await host.hears(ev.Message, text="hello all", private=False)
    assert host.texts() == ["hello all"]
    assert not host.all(ev.Conversation)


async def test_both_write_at_the_same_time(house: Any) -> None:
    _, alice, bob = await three(house)
    await asyncio.gather(alice.says("/msg bob one"), bob.says("/msg alice two"))
    await bob.hears(ev.Message, text="one")
    await alice.hears(ev.Message, text="two")
    assert {event.room for event in alice.all(ev.Message)} == {"@bob"}


async def test_who_leaves_at_once_has_its_private_texts_delivered_first(house: Any) -> None:
    _, alice, bob = await three(house)
    await alice.says("/private bob", *(str(number) for number in range(100)))
    await alice.leave()
    assert alice.peer.exit_status == 0
    await bob.hears(ev.MemberLeft, name="alice")
    assert bob.texts() == [str(number) for number in range(100)]
    assert bob.all(ev.Conversation)[-1].state == "closed"


async def test_what_waits_for_room_goes_where_it_was_meant_to_go(house: Any) -> None:
    """The person goes back to the room while a private text still waits for its turn."""
    host, alice, bob = await three(house, sender_rate=50.0, sender_burst=40.0)
    await alice.says("/private bob")
    writing = [asyncio.create_task(alice.peer.do(commands.Say(f"private {number}"))) for number in range(80)]
    await asyncio.sleep(0)
    await alice.says("/private", "for all")
    await asyncio.gather(*writing)
    await bob.hears(ev.Message, private=True, count=80)
    await host.hears(ev.Message, text="for all")
    assert not [text for text in host.texts() if text.startswith("private")]


async def test_two_guests_compare_and_one_says_no(house: Any) -> None:
    _, alice, bob = await three(house)
    await alice.says("/verify bob")
    hers = await alice.hears(ev.Verification)
    await bob.says("/verify alice")
    his = await bob.hears(ev.Verification)
    assert (hers.words, hers.fingerprint) == (his.words, his.fingerprint)
    await alice.says("/verify bob no")
    assert (await alice.hears(ev.Verification, count=2)).state == "differs"
    await bob.hears(ev.Notice, code="pair-ended")
    await bob.says("still here")
    await alice.hears(ev.Message, text="still here")


async def test_whoever_wants_to_be_asked_is_asked(house: Any) -> None:
    from usi.config import Settings

    host, alice, _ = await three(house)
    settings = Settings(False, "carol", "127.0.0.1", host.port, ask_private=True)
    carol = await house.open(settings, house.keys["carol"])
    await alice.hears(ev.MemberJoined, name="carol")
    await alice.says(f"/msg carol {SECRET}")
    await carol.hears(ev.Conversation, state="asked", room="@alice")
    assert not carol.texts()
    await carol.says("/private alice")
    assert (await carol.hears(ev.Message)).text == SECRET


async def test_a_pipe_at_its_end_does_not_wait_without_end_for_a_person(house: Any) -> None:
    from usi.config import Settings

    host = await house.host()
    alice = await house.guest("alice", host.port, answer_seconds=0.2)
    settings = Settings(False, "carol", "127.0.0.1", host.port, ask_private=True)
    carol = await house.open(settings, house.keys["carol"])
    await alice.hears(ev.MemberJoined, name="carol")
    await alice.says(f"/msg carol {SECRET}")
    await asyncio.wait_for(alice.peer.settle(), 10.0)
    failed = await alice.hears(ev.Failed)
    assert (failed.code, failed.message) == ("unanswered", SECRET)
    assert alice.peer.exit_status == 1
    assert not carol.texts()


async def test_a_file_goes_to_one_member(house: Any, tmp_path: Path) -> None:
    from usi.config import Settings

    host, alice, bob = await three(house)
    settings = Settings(False, "carol", "127.0.0.1", host.port, downloads=tmp_path / "in")
    carol = await house.open(settings, house.keys["carol"])
    await alice.hears(ev.MemberJoined, name="carol")
    (tmp_path / "plan b.txt").write_bytes(SECRET.encode() * 100_000)
    await alice.says(f"/send {tmp_path / 'plan b.txt'} carol")
    offer = await carol.hears(ev.FileOffer)
    assert (offer.private, offer.room, offer.name) == (True, "@alice", "plan b.txt")
    await carol.says("/accept")
    done = await carol.hears(ev.FileDone)
    assert Path(done.path).read_bytes() == SECRET.encode() * 100_000  # noqa: ASYNC240 (a test, and a small file)
    await alice.hears(ev.FileDone)
    assert not bob.all(ev.FileOffer)
    assert not host.all(ev.FileOffer)


async def test_the_inspector_shows_what_the_host_saw_and_what_the_reader_saw(house: Any) -> None:
    host, alice, bob = await three(house, dev=True)
    await alice.says(f"/msg bob {SECRET}")
    await bob.hears(ev.Message)
    opened = await bob.hears(ev.TraceEvent, step="open")
    assert opened.detail["plaintext"] == SECRET
    assert opened.detail["host_has_key"] is False
    relayed = [event.detail for event in host.all(ev.TraceEvent, step="relay", link="hub")]
    (post,) = [detail for detail in relayed if detail["message"] == "post"]
    assert (post["sender"], post["readers"]) == ("alice", "bob")
    assert str(post["ciphertext"]).startswith(str(opened.detail["ciphertext"]))
    assert SECRET not in repr(host.told)
    for seat, name in ((alice, "bob"), (bob, "alice")):
        steps = [event.step for event in seat.all(ev.TraceEvent, link=f"pair {name}")]
        assert steps[:6] == ["hello", "offer", "kem", "answer", "keys", "fingerprint"]
        assert "record" in steps[6:]
