"""Comparing: whom, what, and what comes of it."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from types import SimpleNamespace

import msgspec
from textual.widgets import Button, OptionList

from usi.core import commands
from usi.core import events as ev
from usi.core.crypto import grouped
from usi.ui.tui.screens.chat import ChatScreen
from usi.ui.tui.screens.verify import Chooser, VerifyDialog
from usi.ui.tui.widgets.header import HeaderBar

Open = Callable[..., AbstractAsyncContextManager]
FINGERPRINT = "0123456789abcdef" * 4


def verification(cast: SimpleNamespace, name: str = "host", member: str = "", state: str = "open", **more: object):
    facts = {"time": cast.NOW, "fingerprint": FINGERPRINT, "words": cast.WORDS, "preset": False} | more
    return ev.Verification(name=name, member=member or cast.HOST, state=state, **facts)


async def opened(stage: SimpleNamespace, shown: ev.Verification) -> VerifyDialog:
    stage.peer.tell(shown)
    await stage.until(lambda: isinstance(stage.app.screen, VerifyDialog) and stage.app.screen.query("#later"))
    await stage.pilot.pause()
    return stage.app.screen


def seen(stage: SimpleNamespace) -> str:
    """The whole screen as text."""
    screen = stage.app.screen
    return "\n".join("".join(part.text for part in line) for line in screen._compositor.render_strips())


def toasts(stage: SimpleNamespace) -> list[str]:
    return [notification.message for notification in stage.app._notifications]


async def test_a_guest_asks_what_to_compare_with_the_host(open_stage: Open) -> None:
    async with open_stage() as stage:
        await stage.pilot.press("f2")
        await stage.type("/verify")
        await stage.type("/verify host")
        await stage.until(lambda: len(stage.peer.wanted) == 3)
        assert stage.peer.wanted == [commands.Verify("host")] * 3


async def test_everything_to_compare_is_in_sight(open_stage: Open, cast: SimpleNamespace) -> None:
    names = ("[/oops] x", "\u202eeve", "日本" * 20, "\x1b[31mred")
    async with open_stage() as stage:
        for name, size in zip(names, ((80, 24), (120, 35), (40, 12), (40, 12)), strict=True):
            await stage.pilot.resize_terminal(*size)
            await opened(stage, verification(cast, name))
            shown = seen(stage)
            assert all(word in shown for word in cast.WORDS)
            if size == (40, 12):
                assert "same, nobody does." in shown, "what to do with the words, before all digits"
                await stage.pilot.press("pagedown")
                shown = seen(stage)
            digits = "".join(shown.split())
            assert digits.count("0123456789abcdef") >= 4
            for label in ("They match", "They differ (leave at once)", "Later"):
                assert label in shown
            assert shown.replace("\n", "").isprintable()
            await stage.pilot.press("escape")
            await stage.until(lambda: isinstance(stage.app.screen, ChatScreen))


async def test_answers_by_keyboard_and_by_mouse(open_stage: Open, cast: SimpleNamespace) -> None:
    answers = (
        (("left", "left", "enter"), True),
        (("left", "enter"), False),
        ("#match", True),
        ("#differ", False),
        (("enter",), None),
        (("escape",), None),
    )
    async with open_stage() as stage:
        for number, (how, match) in enumerate(answers):
            await stage.pilot.resize_terminal(*((40, 12) if number % 2 else (80, 24)))
            await opened(stage, verification(cast))
            if isinstance(how, str):
                await stage.pilot.click(how)
            else:
                await stage.pilot.press(*how)
            await stage.until(lambda: isinstance(stage.app.screen, ChatScreen))
            if match is not None:
                await stage.until(lambda: stage.peer.wanted)
            assert stage.peer.wanted == ([] if match is None else [commands.Verify("host", match)])
            stage.peer.wanted.clear()


async def test_what_came_of_it_is_told(open_stage: Open, cast: SimpleNamespace) -> None:
    async with open_stage() as stage:
        await stage.tell(verification(cast, "[/oops]", state="verified"))
        assert toasts(stage) == ["[/oops] is verified."]
        assert "✔ verified" in cast.look(stage.get(HeaderBar))[0]
        dialog = await opened(stage, verification(cast, state="verified", preset=True, asked=True))
        assert stage.all().count("is verified.") == 1, "to show it again is no news"
        assert "before" in str(dialog.query_one("#state").render())
        assert "preset key" in str(dialog.query_one("#meaning").render())
        await stage.pilot.press("escape")
        await stage.tell(verification(cast, state="differs"))
        assert "host is not who you think: the connection is ended." in toasts(stage)


async def test_where_room_is_short_nothing_covers_what_the_transcript_says(
    open_stage: Open, cast: SimpleNamespace
) -> None:
    async with open_stage() as stage:
        await stage.pilot.resize_terminal(40, 12)
        await stage.tell(verification(cast, "bob", cast.BOB, state="verified"))
        assert "bob is verified." in stage.all()
        assert toasts(stage) == []
        await opened(stage, verification(cast))
        await stage.tell(verification(cast, "bob", cast.BOB, state="verified"))
        assert toasts(stage) == ["bob is verified."], "a dialog covers the transcript"


async def test_another_key_than_the_one_compared_is_shown_anew(open_stage: Open, cast: SimpleNamespace) -> None:
    async with open_stage() as stage:
        await opened(stage, verification(cast))
        await stage.pilot.press("left", "left", "enter")
        await stage.until(lambda: stage.peer.wanted)
        dialog = await opened(stage, verification(cast, fingerprint="ff" * 32))
        assert grouped(bytes.fromhex("ff" * 32))[:19].replace(" ", "") in "".join(seen(stage).split())
        assert dialog.shown.fingerprint == "ff" * 32


async def test_a_host_chooses_among_members(open_stage: Open, cast: SimpleNamespace) -> None:
    async with open_stage(hosting=True) as stage:
        await stage.pilot.press("f2")
        assert toasts(stage) == ["Nobody has joined yet, so there is nobody to compare with."]
        proof = {"fingerprint": FINGERPRINT, "words": cast.WORDS}
        await stage.tell(
            ev.MemberJoined(time=cast.NOW, name="[/oops]", member=cast.ALICE, **proof, verified=True),
            ev.MemberJoined(time=cast.NOW, name="bob", member=cast.BOB, **proof),
        )
        await stage.pilot.press("f2")
        await stage.until(lambda: isinstance(stage.app.screen, Chooser))
        await stage.pilot.pause()
        options = stage.app.screen.query_one(OptionList)
        assert [str(option.prompt).split("  ")[0][2:] for option in options.options] == ["[/oops]", "bob"]
        await stage.pilot.press("down", "enter")
        await stage.until(lambda: stage.peer.wanted)
        assert stage.peer.wanted == [commands.Verify("bob")]
        dialog = await opened(stage, verification(cast, "bob", cast.BOB))
        assert str(dialog.query_one("#differ", Button).label) == "They differ (send away)"
        renamed = ev.MemberRenamed(time=cast.NOW, old="bob", name="robert", member=cast.BOB, mine=False)
        await stage.tell(renamed)
        await stage.pilot.press("left", "left", "enter")
        await stage.until(lambda: len(stage.peer.wanted) == 2)
        assert stage.peer.wanted[1] == commands.Verify("robert", True)


async def test_who_has_left_cannot_be_compared_with(open_stage: Open, cast: SimpleNamespace) -> None:
    async with open_stage(hosting=True) as stage:
        joined = ev.MemberJoined(time=cast.NOW, name="bob", member=cast.BOB, fingerprint=FINGERPRINT, words=cast.WORDS)
        await stage.tell(joined)
        await opened(stage, verification(cast, "bob", cast.BOB))
        await stage.tell(ev.MemberLeft(time=cast.NOW, name="bob", member=cast.BOB, reason="cut"))
        assert isinstance(stage.app.screen, ChatScreen)
        assert toasts(stage) == ["bob left."]


async def test_there_is_one_dialog_at_a_time_and_the_end_closes_it(open_stage: Open, cast: SimpleNamespace) -> None:
    async with open_stage() as stage:
        shown = verification(cast)
        await opened(stage, shown)
        await stage.tell(msgspec.structs.replace(shown))
        assert sum(isinstance(screen, VerifyDialog) for screen in stage.app.screen_stack) == 1
        await stage.tell(ev.Disconnected(time=cast.NOW, code="cut", text="The connection was cut."))
        assert isinstance(stage.app.screen, ChatScreen)
