"""Rooms, earlier messages, searches and moderation on the screen."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from types import SimpleNamespace

import pytest
from textual.widgets import Input, OptionList

from usi.core import commands
from usi.core import events as ev
from usi.ui.tui.screens.chat import ChatScreen
from usi.ui.tui.screens.member import MemberMenu
from usi.ui.tui.screens.rooms import FoundDialog, ReasonDialog, RoomsDialog
from usi.ui.tui.widgets.header import HeaderBar
from usi.ui.tui.widgets.members import Members

pytestmark = pytest.mark.slow

Open = Callable[..., AbstractAsyncContextManager]


def entered(cast: SimpleNamespace, room: str, *members: str, topic: str = "") -> ev.RoomEntered:
    return ev.RoomEntered(time=cast.NOW, room=room, topic=topic, restricted=False, members=list(members))


def old(cast: SimpleNamespace, number: int, text: str, *, days: int = 1) -> ev.Message:
    when = cast.NOW - timedelta(days=days) + timedelta(seconds=number)
    return cast.said(text, number=number, history=True, sent_at=when)


def page(cast: SimpleNamespace, count: int, *, more: bool, asked: bool = True) -> ev.History:
    return ev.History(time=cast.NOW, room="general", count=count, more=more, lost=0, asked=asked)


async def test_each_room_has_its_members_its_topic_and_its_messages(open_stage: Open, cast: SimpleNamespace) -> None:
    async with open_stage((120, 30)) as stage:
        everybody = (cast.HOST, cast.ALICE, cast.BOB)
        await stage.tell(
            entered(cast, "general", *everybody, topic="Welcome"),
            entered(cast, "staff", cast.HOST, cast.ALICE, topic="[/oops] us"),
            cast.said("in general"),
            cast.said("in staff", "host", cast.HOST, room="staff"),
        )
        assert "in general" in stage.all()
        assert "in staff" not in stage.all()
        assert stage.chat.situation.unread == {"general": 0, "staff": 1}
        assert "Welcome" in stage.get(HeaderBar).render().plain
        stage.chat.go_to("staff")
        await stage.pilot.pause()
        assert "[/oops] us" in stage.get(HeaderBar).render().plain
        assert [seat.member.name for seat in stage.get(Members).blocks] == ["host", "alice"]
        await stage.tell(
            ev.MemberJoined(time=cast.NOW, name="bob", member=cast.BOB, rooms=["staff"], here=True),
            ev.RoomTopic(time=cast.NOW, room="staff", topic="cats", by="host"),
        )
        assert [seat.member.name for seat in stage.get(Members).blocks] == ["host", "alice", "bob"]
        assert "cats" in stage.get(HeaderBar).render().plain
        await stage.tell(
            ev.MemberLeft(time=cast.NOW, name="bob", member=cast.BOB, reason="left-room", rooms=["staff"], here=True),
            ev.RoomLeft(time=cast.NOW, room="staff", code="revoked", text="You may be in #staff no longer."),
        )
        assert "no longer" in stage.all()
        assert "staff" in stage.chat.situation.left
        assert cast.BOB in stage.chat.situation.members


async def test_earlier_messages_stand_above_and_more_come_by_scrolling_up(
    open_stage: Open, cast: SimpleNamespace
) -> None:
    async with open_stage((80, 24)) as stage:
        first = [old(cast, number, f"old {number}") for number in range(90, 100)]
        await stage.tell(cast.said("new", number=500), *first, page(cast, 10, more=True, asked=False))
        texts = [entry.rows[0][1] for entry in stage.transcript.blocks if entry.kind in ("said", "rule")]
        assert texts[:10] == [f"old {number}" for number in range(90, 100)]
        assert "new" in texts
        assert any(entry.kind == "rule" for entry in stage.transcript.blocks)  # another day begins
        assert stage.chat.situation.unread["general"] == 0
        for _ in range(6):
            await stage.pilot.press("pageup")
        await stage.until(lambda: stage.peer.wanted)
        (wanted,) = stage.peer.wanted
        assert isinstance(wanted, commands.History)
        assert wanted.room == "general"
        await stage.pilot.press("pageup")  # asked for once
        at_top = stage.lines()[0]
        await stage.tell(*(old(cast, number, f"old {number}") for number in range(90)), page(cast, 90, more=False))
        assert stage.lines()[0] == at_top or "old 90" in "\n".join(stage.lines())
        assert len(stage.peer.wanted) == 1
        for _ in range(20):
            await stage.pilot.press("pageup")
        assert "old 0" in stage.lines()[0]
        assert len(stage.peer.wanted) == 1


async def test_rooms_are_chosen_from_a_list(open_stage: Open, cast: SimpleNamespace) -> None:
    async with open_stage() as stage:
        rows = [
            ev.RoomRow(room="general", topic="[/oops]", restricted=False, members=3, entered=True),
            ev.RoomRow(room="lounge", topic="", restricted=True, members=0, entered=False),
        ]
        stage.peer.tell(ev.Rooms(time=cast.NOW, rooms=rows))
        await stage.until(lambda: isinstance(stage.app.screen, RoomsDialog))
        await stage.until(lambda: stage.app.screen.query_one(OptionList).option_count == 2)
        await stage.pilot.press("down", "down", "enter")
        await stage.until(lambda: stage.peer.wanted)
        assert stage.peer.wanted in ([commands.Go("lounge")], [commands.Go("general")])


async def test_a_search_shows_what_it_found_and_can_go_on(
    open_stage: Open, cast: SimpleNamespace, hostile: str
) -> None:
    async with open_stage() as stage:
        hit = ev.Hit(
            id="0", number=1, from_="bob", member=cast.BOB, text=hostile, sent_at=cast.NOW, signature="bad"
        )
        stage.peer.tell(ev.Found(time=cast.NOW, room="general", text=hostile, hits=[hit], more=True))
        await stage.until(lambda: isinstance(stage.app.screen, FoundDialog))
        await stage.pilot.pause()
        stage.app.screen.query_one(Input).value = "cats"
        await stage.pilot.press("enter")
        await stage.until(lambda: stage.peer.wanted)
        assert stage.peer.wanted == [commands.Search("cats", "general")]


@pytest.mark.parametrize("word", ["kick", "ban"])
async def test_moderators_remove_a_member_from_its_menu(open_stage: Open, cast: SimpleNamespace, word: str) -> None:
    async with open_stage() as stage:
        await stage.tell(ev.Role(time=cast.NOW, role="moderator"))
        stage.get(Members).post_message(Members.Opened(cast.THERE.members[2]))
        await stage.until(lambda: isinstance(stage.app.screen, MemberMenu))
        menu = stage.app.screen
        choices = menu.query_one(OptionList)
        assert [option.id for option in choices.options][-3:] == ["silence", "kick", "ban"]
        choices.highlighted = choices.get_option_index(word)
        await stage.pilot.press("enter")
        await stage.until(lambda: isinstance(stage.app.screen, ReasonDialog))
        await stage.pilot.pause()
        stage.app.screen.query_one(Input).value = "too loud"
        await stage.pilot.press("enter")
        await stage.until(lambda: stage.peer.wanted)
        assert stage.peer.wanted == [commands.Order(word, "bob", text="too loud")]


async def test_a_removal_can_be_thought_better_of(open_stage: Open, cast: SimpleNamespace) -> None:
    async with open_stage(hosting=True) as stage:
        joined = ev.MemberJoined(time=cast.NOW, name="bob", member=cast.BOB)
        await stage.tell(joined)
        stage.app.dialogs._remove("kick", cast.THERE.members[2])
        await stage.until(lambda: isinstance(stage.app.screen, ReasonDialog))
        await stage.pilot.press("escape")
        await stage.until(lambda: isinstance(stage.app.screen, ChatScreen))
        assert stage.peer.wanted == []


async def test_nobody_else_is_offered_to_remove(open_stage: Open, cast: SimpleNamespace) -> None:
    async with open_stage() as stage:
        await stage.tell(ev.Role(time=cast.NOW, role="member"))
        stage.get(Members).post_message(Members.Opened(cast.THERE.members[2]))
        await stage.until(lambda: isinstance(stage.app.screen, MemberMenu))
        await stage.pilot.pause()
        assert "kick" not in [option.id for option in stage.app.screen.query_one(OptionList).options]
