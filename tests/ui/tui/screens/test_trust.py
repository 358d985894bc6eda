"""Dialogs of trust: the code that a host hands out, the password typed unseen, and the host with another key."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from types import SimpleNamespace

import msgspec
import pytest
from textual.widgets import Input

from usi.core import commands
from usi.core import events as ev
from usi.core.errors import ChangedKey, PasswordAlone, TooManyInvitations
from usi.ui.tui.screens.chat import ChatScreen
from usi.ui.tui.screens.connect import ConnectDialog
from usi.ui.tui.screens.trust import ChangedKeyDialog, InvitationDialog, PasswordDialog
from usi.ui.tui.screens.verify import VerifyDialog

Open = Callable[..., AbstractAsyncContextManager]
CODE = "lilac-soprano-distant-mixer"
SIZES = [(80, 24), (40, 12)]
SECRET = "Sésame, ouvre-toi"


def invitation(cast: SimpleNamespace, state: str = "open", **more: object) -> ev.Invitation:
    made = {"code": CODE, "links": [f"usi://192.0.2.7:12800/#{'fedc' * 16}-{CODE}"]} if state == "open" else {}
    facts = {"time": cast.NOW, "until": cast.NOW + timedelta(hours=1), "failed": 0, "limit": 20} | made | more
    return ev.Invitation(state=state, locator="lilac", **facts)


def password(cast: SimpleNamespace, state: str, name: str = "host", member: str = "") -> ev.Password:
    return ev.Password(time=cast.NOW, name=name, member=member or cast.HOST, state=state)


def verified(cast: SimpleNamespace, by: str, name: str = "host", member: str = "") -> ev.Verification:
    return ev.Verification(
        time=cast.NOW,
        name=name,
        member=member or cast.HOST,
        fingerprint="0123456789abcdef" * 4,
        words=cast.WORDS,
        state="verified",
        preset=False,
        by=by,
    )


def seen(stage: SimpleNamespace) -> str:
    """The whole screen as text."""
    screen = stage.app.screen
    return "\n".join("".join(part.text for part in line) for line in screen._compositor.render_strips())


def toasts(stage: SimpleNamespace) -> list[str]:
    return [notification.message for notification in stage.app._notifications]


async def until_open(stage: SimpleNamespace, kind: type, what: str) -> None:
    await stage.until(lambda: isinstance(stage.app.screen, kind) and stage.app.screen.query(what))
    await stage.pilot.pause()


# --- invitations -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", SIZES)
async def test_a_new_code_is_shown_large_and_can_be_copied(
    open_stage: Open, cast: SimpleNamespace, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    copied: list[str] = []
    async with open_stage(size, hosting=True) as stage:
        monkeypatch.setattr(stage.app, "copy_to_clipboard", copied.append)
        made = invitation(cast)
        stage.peer.tell(made)
        await until_open(stage, InvitationDialog, "#copy-code")
        shown = seen(stage)
        assert all(word in shown for word in CODE.split("-"))
        for label in ("Copy the words", "Copy the line", "Close"):
            assert label in shown
        await stage.pilot.press("enter", "tab", "enter")
        assert copied == [CODE, made.links[0]]
        await stage.pilot.press("escape")
        await stage.until(lambda: isinstance(stage.app.screen, ChatScreen))
        assert CODE in stage.all()
        assert made.links[0] in stage.all(), "it stays in the transcript, to be marked"


async def test_a_wrong_code_is_told_loudly(open_stage: Open, cast: SimpleNamespace) -> None:
    async with open_stage((120, 35), hosting=True) as stage:
        await stage.tell(invitation(cast, "failed", failed=3, address="192.0.2.9:5"))
        await stage.tell(invitation(cast, "burned", failed=20, address="192.0.2.9:6"))
        await stage.tell(invitation(cast, "used", failed=20, address="[/oops]:7"))
        said = toasts(stage)
        assert "3 of 20" in said[0]
        assert "burned" in said[1]
        assert "[/oops]:7" in said[2]
        assert stage.all().count("WARNING") == 2
        log = stage.chat.query_one("#activity").blocks
        assert any("192.0.2.9:5" in text for entry in log for _, text in entry.rows)


async def test_invite_is_typed_like_any_command(open_stage: Open) -> None:
    async with open_stage() as stage:
        stage.peer.refusal = TooManyInvitations(limit=4)
        await stage.type("/invite")
        await stage.until(lambda: "4 invitations are open" in seen(stage))
        stage.peer.refusal = None
        await stage.type("")
        await stage.until(lambda: stage.peer.wanted)
        assert stage.peer.wanted == [commands.Invite()]


# --- passwords -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("size", "hosting"), [((80, 24), False), ((40, 12), True)], ids=["guest", "host"])
async def test_a_password_is_typed_unseen(
    open_stage: Open, cast: SimpleNamespace, size: tuple[int, int], hosting: bool
) -> None:
    async with open_stage(size, hosting=hosting) as stage:
        stage.peer.tell(password(cast, "wanted", "[/oops]"))
        await until_open(stage, PasswordDialog, "#password")
        assert isinstance(stage.app.focused, Input)
        assert "[/oops]" in seen(stage)
        for label in ("Compare", "Cancel"):
            assert label in seen(stage)
        stage.app.focused.insert_text_at_cursor(SECRET)
        await stage.pilot.pause()
        assert SECRET not in seen(stage)
        await stage.pilot.press("enter")
        await stage.until(lambda: stage.peer.wanted)
        assert stage.peer.wanted == [commands.Secret(SECRET)]
        assert SECRET not in repr(stage.peer.wanted) + stage.all() + seen(stage)


async def test_leaving_the_password_says_so_to_the_peer(open_stage: Open, cast: SimpleNamespace) -> None:
    async with open_stage() as stage:
        stage.peer.tell(password(cast, "wanted"))
        await until_open(stage, PasswordDialog, "#password")
        stage.app.focused.insert_text_at_cursor(SECRET)
        await stage.pilot.press("escape")
        await stage.until(lambda: stage.peer.wanted)
        assert stage.peer.wanted == [commands.Secret("")]


async def test_what_comes_of_a_password(open_stage: Open, cast: SimpleNamespace) -> None:
    async with open_stage((120, 35), hosting=True) as stage:
        for state in ("asked", "sent", "differs", "matched"):
            await stage.tell(password(cast, state, "bob", cast.BOB))
        assert "/password bob answers" in toasts(stage)[0]
        assert "do not match" in toasts(stage)[1]
        assert len(toasts(stage)) == 2, "the rest stands in the transcript"
        for part in ("asks whether you know", "Waiting for bob", "do not match", "The passwords match"):
            assert part in stage.all()


async def test_a_password_behind_the_command_is_kept_nowhere(open_stage: Open) -> None:
    async with open_stage() as stage:
        stage.peer.refusal = PasswordAlone()
        await stage.type(f"/password {SECRET}")
        await stage.until(lambda: "nothing behind it" in seen(stage))
        assert stage.composer.text == ""
        await stage.pilot.press("up")
        assert SECRET not in stage.composer.text + stage.all() + seen(stage)


# --- how somebody is verified ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("by", ["code", "known"])
async def test_a_host_that_is_verified_from_the_start_is_told_and_opens_no_dialog(
    open_stage: Open, cast: SimpleNamespace, by: str
) -> None:
    async with open_stage(joined=False) as stage:
        stage.peer.may_start.set()
        rows = [msgspec.structs.replace(row, verified=row.host) for row in cast.THERE.members]
        await stage.tell(
            msgspec.structs.replace(cast.CONNECTED, verified=True),
            msgspec.structs.replace(cast.THERE, members=rows),
            verified(cast, by),
        )
        assert not any(isinstance(screen, VerifyDialog) for screen in stage.app.screen_stack)
        assert "host is verified" in "\n".join(toasts(stage))
        assert "✔ host is verified" in stage.all()
        assert "Compare with the host" not in stage.all()


# --- another key -----------------------------------------------------------------------------------------------------

KEY = bytes(range(32))


@pytest.mark.parametrize("size", SIZES)
async def test_another_key_stops_and_asks(open_stage: Open, size: tuple[int, int]) -> None:
    async with open_stage(size, joined=False) as stage:
        stage.peer.failure = ChangedKey(place="example.net:12800", key=KEY)
        stage.peer.may_start.set()
        await until_open(stage, ChangedKeyDialog, "#stay")
        assert "another key" in seen(stage)
        assert "Stay away" in seen(stage)
        assert stage.app.focused.id == "stay"
        await stage.pilot.press("enter")
        await stage.until(lambda: isinstance(stage.app.screen, ConnectDialog))
        assert stage.app._settings.accepted is None


async def test_the_new_key_can_be_accepted(open_stage: Open, cast: SimpleNamespace) -> None:
    async with open_stage(joined=False) as stage:
        stage.peer.failure = ChangedKey(place="example.net:12800", key=KEY)
        peer = stage.next_peer()
        stage.peer.may_start.set()
        await until_open(stage, ChangedKeyDialog, "#accept")
        await stage.pilot.press("tab", "enter")
        await stage.until(lambda: stage.app._peer is peer)
        assert stage.app._settings.accepted == KEY
        peer.may_start.set()
        peer.tell(cast.CONNECTED, cast.THERE)
        await stage.until(lambda: isinstance(stage.app.screen, ChatScreen))


async def test_what_is_typed_behind_a_refused_password_is_not_said_unasked(open_stage: Open) -> None:
    """Who types without looking types the password next; on purpose it is said by another Enter."""
    async with open_stage() as stage:
        stage.peer.refusal = PasswordAlone()
        await stage.type("/password bob")
        await stage.until(lambda: "nothing behind it" in seen(stage))
        stage.peer.refusal = None
        await stage.type(SECRET)
        await stage.until(lambda: "was not said" in seen(stage))
        assert not [wanted for wanted in stage.peer.wanted if isinstance(wanted, commands.Say)]
        await stage.pilot.press("enter")
        await stage.until(lambda: stage.peer.wanted)
        assert [wanted.text for wanted in stage.peer.wanted if isinstance(wanted, commands.Say)] == [SECRET]
