"""A member's menu."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from types import SimpleNamespace

import pytest
from textual.widgets import OptionList, Static

from usi.core import commands
from usi.core import events as ev
from usi.ui.tui.screens.chat import ChatScreen
from usi.ui.tui.screens.member import MemberInfo, MemberMenu
from usi.ui.tui.widgets.members import Members

pytestmark = pytest.mark.slow

Open = Callable[..., AbstractAsyncContextManager]


async def opened(stage: SimpleNamespace, member: ev.Member) -> MemberMenu:
    stage.get(Members).post_message(Members.Opened(member))
    await stage.until(lambda: isinstance(stage.app.screen, MemberMenu))
    await stage.pilot.pause()
    return stage.app.screen


def offers(menu: MemberMenu) -> list[str | None]:
    return [option.id for option in menu.query_one(OptionList).options]


async def test_what_can_be_done_depends_on_the_member(open_stage: Open, cast: SimpleNamespace) -> None:
    async with open_stage() as stage:
        host, alice, bob = cast.THERE.members
        others = ["talk", "verify", "mention", "block", "info"]
        for member, expected in ((host, others), (alice, ["info"]), (bob, others)):
            assert offers(await opened(stage, member)) == expected
            await stage.pilot.press("escape")
            await stage.until(lambda: isinstance(stage.app.screen, ChatScreen))
        assert stage.peer.wanted == []


async def test_verify(open_stage: Open, cast: SimpleNamespace) -> None:
    async with open_stage() as stage:
        await opened(stage, cast.THERE.members[0])
        await stage.pilot.press("down", "enter")
        await stage.until(lambda: stage.peer.wanted)
        assert stage.peer.wanted == [commands.Verify("host")]


async def test_mention(open_stage: Open, cast: SimpleNamespace) -> None:
    async with open_stage() as stage:
        stage.composer.insert("thanks ")
        await opened(stage, cast.THERE.members[2])
        await stage.pilot.press("down", "down", "enter")
        await stage.until(lambda: stage.composer.text == "thanks bob ")
        assert stage.chat.focused is stage.composer


@pytest.mark.parametrize("size", [(80, 24), (40, 12)])
async def test_info(open_stage: Open, cast: SimpleNamespace, size: tuple[int, int]) -> None:
    async with open_stage(size) as stage:
        for member, part in ((cast.THERE.members[0], "not verified"), (cast.THERE.members[2], "verifying makes one")):
            await opened(stage, member)
            await stage.pilot.press("end", "enter")
            await stage.until(lambda: isinstance(stage.app.screen, MemberInfo))
            await stage.pilot.pause()
            said = str(stage.app.screen.query_one(Static).render())
            assert part in said
            assert said.replace("\n", " ").replace(" ", "").count(member.member) == 1
            await stage.pilot.press("escape")
            await stage.until(lambda: isinstance(stage.app.screen, ChatScreen))


async def test_hostile_names(open_stage: Open, cast: SimpleNamespace, hostile: str) -> None:
    async with open_stage((40, 12)) as stage:
        await opened(stage, cast.member(hostile[:200], cast.BOB, proof=True))
        await stage.pilot.press("end", "enter")
        await stage.until(lambda: isinstance(stage.app.screen, MemberInfo))
        await stage.pilot.pause()
        assert "\x1b" not in stage.app.export_screenshot()
