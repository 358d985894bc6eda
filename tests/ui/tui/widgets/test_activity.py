"""A host's log."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from types import SimpleNamespace

from rich.cells import cell_len
from textual.pilot import Pilot

from usi.core import events as ev
from usi.ui.tui.widgets.activity import Activity

Show = Callable[..., AbstractAsyncContextManager[Pilot[None]]]


def texts(activity: Activity) -> list[str]:
    return [entry.rows[0][1] for entry in activity.blocks]


async def test_who_came_and_went_and_who_was_refused(show: Show, cast: SimpleNamespace) -> None:
    async with show(activity := Activity(), (76, 10)) as pilot:
        about = {"time": cast.NOW, "name": "bob", "member": cast.BOB}
        noted = activity.note(
            [
                cast.LISTENING,
                ev.MemberJoined(**about, address="192.0.2.5:4000"),
                cast.said("what is said is not in the log"),
                ev.Notice(time=cast.NOW, code="not-usi", text="A connection from 192.0.2.9:1 was refused: no."),
                ev.Notice(time=cast.NOW, code="help", text="no refusal"),
                ev.MemberLeft(**about, reason="cut"),
            ]
        )
        await pilot.pause()
        assert noted == 4
        assert texts(activity) == [
            "· Hosting on 192.0.2.7:12800, [2001:db8::7]:12800",
            "→ bob joined from 192.0.2.5:4000",
            "✗ A connection from 192.0.2.9:1 was refused: no.",
            "← bob left (connection lost), 192.0.2.5:4000",
        ]
        clock = f"{cast.NOW.astimezone():%H:%M:%S}"
        assert [line.split()[0] for line in cast.look(activity) if line] == [clock] * 4


async def test_an_address_is_that_of_the_member_who_left(show: Show, cast: SimpleNamespace) -> None:
    async with show(activity := Activity(), (76, 10)):
        for member, address in ((cast.ALICE, "192.0.2.1:1"), (cast.BOB, "192.0.2.2:2")):
            activity.note([ev.MemberJoined(time=cast.NOW, name="twin", member=member, address=address)])
        left = ev.MemberLeft(time=cast.NOW, name="twin", member=cast.ALICE, reason="left")
        assert activity.note([left, left]) == 2
        assert texts(activity)[2:] == ["← twin left, 192.0.2.1:1", "← twin left"]


async def test_nothing_to_note(show: Show, cast: SimpleNamespace) -> None:
    async with show(activity := Activity(), (76, 10)):
        assert activity.note([]) == activity.note([cast.said("text")]) == 0
        assert not activity.blocks


async def test_hostile_names_and_reasons(show: Show, cast: SimpleNamespace) -> None:
    async with show(activity := Activity(), (40, 12)) as pilot:
        for text in cast.HOSTILE.values():
            activity.note(
                [
                    ev.MemberJoined(time=cast.NOW, name=text, member=cast.BOB, address=text),
                    ev.Notice(time=cast.NOW, code="not-usi", text=text),
                    ev.MemberLeft(time=cast.NOW, name=text, member=cast.BOB, reason=text),
                ]
            )
        await pilot.pause()
        for y in range(0, activity.virtual_size.height, 12):
            activity.scroll_to(y=y, animate=False, force=True)
            for line in cast.look(activity):
                assert line.isprintable()
                assert cell_len(line) <= 40
