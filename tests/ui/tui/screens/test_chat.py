"""The conversation on the screen."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from functools import partial
from types import SimpleNamespace

import msgspec
import pytest
from textual import events as keys
from textual.color import Color
from textual.widgets import Static

from usi.core import commands
from usi.core import events as ev
from usi.core.errors import NameTaken, NothingAsked
from usi.ui.tui.widgets.activity import Activity
from usi.ui.tui.widgets.composer import Composer
from usi.ui.tui.widgets.conversations import Conversations
from usi.ui.tui.widgets.header import HeaderBar
from usi.ui.tui.widgets.keybar import KeyBar
from usi.ui.tui.widgets.members import Card, Members
from usi.ui.tui.widgets.readers import Readers
from usi.ui.tui.widgets.suggestions import Suggestions
from usi.ui.tui.widgets.tracing import Tracing
from usi.ui.tui.widgets.transcript import Transcript
from usi.ui.tui.widgets.transcripts import Transcripts

pytestmark = pytest.mark.slow

Open = Callable[..., AbstractAsyncContextManager]


def hint(stage: SimpleNamespace) -> str:
    shown = stage.chat.query_one("#hint", Static)
    return str(shown.render()) if shown.display else ""


# --- what the peer tells ---


async def test_while_it_connects(open_stage: Open, cast: SimpleNamespace) -> None:
    async with open_stage(joined=False) as stage:
        assert "connecting to example.net:12800" in cast.look(stage.get(HeaderBar))[0]
    async with open_stage(hosting=True, joined=False) as stage:
        assert "Opening the port" in stage.all()
        await stage.type("too early")
        assert stage.composer.text == "too early"
        assert "no connection" in hint(stage)
        assert stage.peer.wanted == []


async def test_a_guest_sees_where_it_is_and_what_to_compare(open_stage: Open, cast: SimpleNamespace) -> None:
    async with open_stage() as stage:
        header = cast.look(stage.get(HeaderBar))[0]
        for part in ("#general", "3 here", "example.net:12800", "AES-256-OCB", "unverified"):
            assert part in header
        assert cast.look(stage.get(Members))[:3] == ["♦ host", "● alice you", "● bob"]
        card = cast.look(stage.get(Card))
        assert " ".join(cast.WORDS) in " ".join(card)
        assert card.count("0123 4567 89ab cdef") == 4


async def test_a_host_sees_who_comes_with_what_proof(open_stage: Open, cast: SimpleNamespace) -> None:
    async with open_stage(hosting=True) as stage:
        assert "nobody joined yet" in cast.look(stage.get(HeaderBar))[0]
        assert "Others join with -c" in stage.all()
        proof = {"fingerprint": "ab" * 32, "words": cast.WORDS}
        await stage.tell(ev.MemberJoined(time=cast.NOW, name="bob", member=cast.BOB, **proof))
        assert "⚠ 0 of 1 verified" in cast.look(stage.get(HeaderBar))[0]
        assert "— bob joined —\nsierra tulip walnut yodel\n" in stage.all()
        assert cast.look(stage.get(Members))[:2] == ["♦ host you", "● bob"]
        facts = {"time": cast.NOW, "name": "bob", "member": cast.BOB, "preset": False}
        await stage.tell(ev.Verification(**facts, **proof, state="verified"))
        assert "✔ 1 of 1 verified" in cast.look(stage.get(HeaderBar))[0]
        assert cast.look(stage.get(Members))[1] == "● bob ✔"
        await stage.tell(ev.MemberLeft(time=cast.NOW, name="bob", member=cast.BOB, reason="cut"))
        assert "nobody joined yet" in cast.look(stage.get(HeaderBar))[0]


async def test_what_is_said(open_stage: Open, cast: SimpleNamespace) -> None:
    async with open_stage((200, 60)) as stage:
        own = cast.said("me too", name="alice", id=cast.ALICE, number=2, mine=True)
        await stage.tell(cast.said("Bonjour\nà tous", number=1), own)
        shown = [line for line in stage.lines() if line]
        assert [line[7:21].strip() for line in shown[-4:-1]] == ["bob", "", "you"], shown
        assert shown[-2].endswith("…")
        await stage.tell(ev.Delivered(time=cast.NOW, id=own.id, number=2))
        assert any("me too" in line and line.endswith("✓") for line in stage.lines())


async def test_what_did_not_arrive(open_stage: Open, cast: SimpleNamespace) -> None:
    async with open_stage() as stage:
        own = cast.said("me too", name="alice", id=cast.ALICE, mine=True)
        reason = "The connection was cut."
        await stage.tell(own, ev.Failed(time=cast.NOW, id=own.id, code="cut", text=reason, message="me too"))
        assert any("me too" in line and line.endswith("✗") for line in stage.lines())
        assert f"✗ not delivered: {reason}" in stage.all()


async def test_the_end_is_shown_and_all_stays_to_be_read(open_stage: Open, cast: SimpleNamespace) -> None:
    async with open_stage() as stage:
        await stage.tell(cast.said("last words"))
        await stage.tell(ev.Disconnected(time=cast.NOW, code="host-stopped", text="The host has stopped. Goodbye."))
        stage.peer.end()
        assert "✗ disconnected" in cast.look(stage.get(HeaderBar))[0]
        assert any("last words" in line for line in stage.lines())
        assert any("The host has stopped. Goodbye." in line for line in stage.lines())
        await stage.type("hello?")
        assert stage.composer.text == "hello?"
        assert "no connection" in hint(stage)
        stage.composer.clear()
        await stage.type("/help")
        assert "/quit" in stage.all()


async def test_hostile_text_everywhere(open_stage: Open, cast: SimpleNamespace) -> None:
    async with open_stage(dev=True) as stage:
        for text in cast.HOSTILE.values():
            name = text[:24]
            users = [*cast.THERE.members[:2], cast.member(name, cast.BOB)]
            await stage.tell(
                msgspec.structs.replace(cast.THERE, members=users, asked=True),
                ev.MemberRenamed(time=cast.NOW, old="bob", name=name, member=cast.BOB, mine=False),
                cast.said(text, name=name),
                cast.said(text, name=name, kind="me", signature="bad", signed_as=name),
                ev.TraceEvent(time=cast.NOW, step=text, direction="in", detail={"plaintext": text}, link=text),
                ev.Error(time=cast.NOW, code="x", text=text),
                ev.MemberLeft(time=cast.NOW, name=name, member=cast.BOB, reason=text),
            )
            await stage.type(f"/nick{text}")
            stage.composer.clear()
        for widget in (Transcript, Members, Tracing, HeaderBar, KeyBar):
            assert all(line.isprintable() for line in cast.look(stage.get(widget)))
        assert "\x1b" not in stage.app.export_screenshot()


async def test_traces_are_for_developers(open_stage: Open, cast: SimpleNamespace) -> None:
    traced = ev.TraceEvent(time=cast.NOW, step="seal", direction="out", detail={"number": 7}, link="content")
    async with open_stage(dev=True) as stage:
        await stage.tell(traced)
        assert stage.get(Tracing).region
        assert "F4 Inspector" in cast.look(stage.get(KeyBar))[0]
        await stage.pilot.press("f4")
        assert not stage.get(Tracing).display or not stage.get(Tracing).size
    async with open_stage() as stage:
        await stage.tell(traced)
        assert "seal" not in stage.all()
        assert "F4" not in cast.look(stage.get(KeyBar))[0]


# --- what the person wants ---


async def test_what_is_written_goes_to_the_peer(open_stage: Open) -> None:
    async with open_stage() as stage:
        await stage.type("Bonjour !")
        await stage.type("//etc")
        await stage.type("/me waves")
        await stage.type("!users")
        await stage.until(lambda: len(stage.peer.wanted) == 4)
        say, act = (partial(make, room="general") for make in (commands.Say, commands.Act))
        assert stage.peer.wanted == [say("Bonjour !"), say("/etc"), act("waves"), commands.Users()]
        assert stage.composer.text == ""


async def test_a_paste_is_said_and_not_done(open_stage: Open) -> None:
    async with open_stage() as stage:
        stage.app.post_message(keys.Paste("/quit\n/clear"))
        await stage.pilot.press("enter")
        await stage.until(lambda: stage.peer.wanted)
        assert stage.peer.wanted == [commands.Say("/quit\n/clear", "general")]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        pytest.param("/unknown", "There is no command /unknown.", id="unknown"),
        pytest.param("/me", "Usage: /me TEXT", id="usage"),
        pytest.param("x" * 65_537, "This text is too long", id="long"),
    ],
)
async def test_what_cannot_be_done_stays_in_the_input(open_stage: Open, text: str, reason: str) -> None:
    async with open_stage() as stage:
        await stage.type(text)
        assert stage.composer.text == text
        assert reason in hint(stage)
        assert stage.peer.wanted == []
        await stage.pilot.press("backspace")
        await stage.until(lambda: not hint(stage))


async def test_what_the_peer_refuses_comes_back(open_stage: Open) -> None:
    async with open_stage() as stage:
        stage.peer.refusal = NameTaken(name="bob")
        await stage.type("/nick bob")
        await stage.until(lambda: hint(stage))
        assert stage.composer.text == "/nick bob"
        assert "The name bob is taken" in hint(stage)
        stage.peer.refusal = None
        await stage.pilot.press("enter")
        await stage.until(lambda: stage.peer.wanted)
        assert not hint(stage)


async def test_clear_and_help(open_stage: Open, cast: SimpleNamespace) -> None:
    async with open_stage() as stage:
        await stage.tell(cast.said("something"))
        await stage.type("/clear")
        assert stage.all() == ""
        await stage.type("/help quit")
        assert "/quit — leave" in stage.all()
        await stage.tell(cast.said("and on"))
        assert any("and on" in line for line in stage.lines())


# --- panels, keys and sizes ---


async def test_who_types_means_the_input(open_stage: Open) -> None:
    async with open_stage() as stage:
        await stage.pilot.click(Transcript, (5, 5))
        assert stage.app.focused is stage.transcript
        await stage.pilot.press("h", "i")
        assert stage.composer.text == "hi"
        stage.transcript.focus()
        stage.app.post_message(keys.Paste(" there"))
        await stage.until(lambda: stage.composer.text == "hi there")
        await stage.pilot.press("tab", "escape")
        assert stage.app.focused is stage.composer


async def test_pages_scroll_the_transcript_while_one_writes(open_stage: Open, cast: SimpleNamespace) -> None:
    async with open_stage() as stage:
        await stage.tell(*(cast.said(f"message {number}", number=number) for number in range(100)))
        bottom = stage.transcript.scroll_offset.y
        assert bottom == stage.transcript.max_scroll_y
        await stage.pilot.press("pageup")
        assert stage.transcript.scroll_offset.y < bottom
        await stage.tell(cast.said("later"))
        assert not any("later" in line for line in stage.lines())
        await stage.pilot.press("pagedown", "pagedown")
        assert stage.transcript.scroll_offset.y == stage.transcript.max_scroll_y


def inside(stage: SimpleNamespace) -> bool:
    """Whether everything that is shown lies on the screen and has room."""
    whole = stage.chat.region
    shown = [widget for widget in stage.chat.walk_children() if widget.display and widget.region]
    return all(whole.contains_region(widget.region) for widget in shown) and stage.composer.region.width > 10


@pytest.mark.parametrize("size", [(40, 12), (80, 24), (120, 35), (200, 60)])
async def test_sizes(open_stage: Open, cast: SimpleNamespace, size: tuple[int, int]) -> None:
    async with open_stage(size) as stage:
        await stage.tell(*(cast.said(f"message {number}", number=number) for number in range(60)))
        assert inside(stage)
        wide = size[0] >= 64
        assert bool(stage.get(Members).region) == wide
        assert stage.transcript.size.height > size[1] // 3
        await stage.pilot.press("f3")
        await stage.pilot.pause()
        assert bool(stage.get(Members).region) != wide
        assert inside(stage)
        await stage.pilot.press("f3")
        await stage.pilot.pause()
        assert any("message 59" in line for line in stage.lines())


async def test_a_size_that_is_too_small_harms_nothing(open_stage: Open, cast: SimpleNamespace) -> None:
    async with open_stage((20, 6), dev=True) as stage:
        await stage.tell(cast.said("many words " * 10), cast.said("last"))
        await stage.pilot.press("f3", "f3", "f4", "f4")
        for size in ((5, 2), (1, 1), (80, 24)):
            await stage.pilot.resize_terminal(*size)
            await stage.pilot.pause()
        assert any("last" in line for line in stage.lines())


async def test_the_size_changes(open_stage: Open, cast: SimpleNamespace) -> None:
    async with open_stage((120, 35)) as stage:
        await stage.tell(*(cast.said("many words " * 10, number=number) for number in range(60)), cast.said("last"))
        for size in ((40, 12), (80, 24), (30, 8), (120, 35)):
            await stage.pilot.resize_terminal(*size)
            await stage.pilot.pause()
            assert inside(stage)
            assert any("last" in line for line in stage.lines())


async def test_the_input_grows_with_what_is_written(open_stage: Open) -> None:
    async with open_stage((40, 12)) as stage:
        assert stage.composer.size.height == 1
        stage.composer.insert("one\ntwo\nthree")
        await stage.pilot.pause()
        assert stage.composer.size.height == 3
        stage.composer.insert("\n" * 50)
        await stage.pilot.pause()
        assert inside(stage)
        assert stage.transcript.size.height >= 3


async def test_all_can_be_read_in_every_theme(open_stage: Open, cast: SimpleNamespace) -> None:
    async with open_stage((120, 35), dev=True) as stage:
        own = cast.said("me too", name="alice", id=cast.ALICE, mine=True)
        await stage.tell(
            cast.said("Bonjour", signature="bad"),
            cast.said("say `AES` to him"),
            own,
            ev.Failed(time=cast.NOW, id=own.id, code="cut", text="cut", message=""),
            ev.TraceEvent(time=cast.NOW, step="seal", direction="out", detail={"number": 7}, link="content"),
        )
        for theme in ("textual-dark", "textual-light", "nord", "dracula", "solarized-light"):
            stage.app.theme = theme
            await stage.pilot.pause()
            for widget in (HeaderBar, Transcript, Tracing, Members, Card, KeyBar):
                shown = stage.get(widget)
                for strip in (shown.render_line(y) for y in range(shown.size.height)):
                    for segment in strip:
                        if segment.text.strip():
                            colour, ground = (
                                Color.from_rich_color(c) for c in (segment.style.color, segment.style.bgcolor)
                            )
                            assert abs(colour.brightness - ground.brightness) > 0.2, (theme, segment)
            line = next(y for y, text in enumerate(stage.lines()) if "`AES`" in text)
            pieces = {segment.text.strip(): segment.style for segment in stage.transcript.render_line(line)}
            code, plain = pieces["`AES`"], pieces["to him"]
            assert code.bold
            assert code.bgcolor != plain.bgcolor
            assert code.color != plain.color


async def test_every_binding_says_what_it_does(open_stage: Open) -> None:
    async with open_stage(dev=True) as stage:
        for kind in (type(stage.app), type(stage.chat), Composer):
            for binding in kind.BINDINGS:
                assert binding.id
                assert binding.description
                assert binding.tooltip


async def test_french_spellings(open_stage: Open) -> None:
    async with open_stage() as stage:
        await stage.type("!utilisateurs")
        await stage.type("!cls")
        await stage.until(lambda: stage.peer.wanted)
        assert stage.peer.wanted == [commands.Users()]
        assert stage.all() == ""


# --- conversations, unseen messages, links, retry, the log ---


def reading(stage: SimpleNamespace, cast: SimpleNamespace) -> str:
    return cast.look(stage.get(Readers))[0]


async def test_who_can_read_follows_what_is_so(open_stage: Open, cast: SimpleNamespace) -> None:
    proof = {"fingerprint": "00" * 32, "words": cast.WORDS, "preset": False}
    async with open_stage() as stage:
        assert "the 3 people here" in reading(stage, cast)
        assert "not verified" in reading(stage, cast)
        await stage.tell(ev.MemberLeft(time=cast.NOW, name="bob", member=cast.BOB, reason="left"))
        assert "whoever is the host" in reading(stage, cast)
        facts = {"time": cast.NOW, "name": "host", "member": cast.HOST}
        await stage.tell(ev.Verification(**facts, **proof, state="verified"))
        assert reading(stage, cast).startswith("✔ Readable by you and the host, nobody else")
        await stage.tell(ev.Disconnected(time=cast.NOW, code="cut", text="cut"))
        assert "no connection" in reading(stage, cast)


# --- several conversations ---


def talks(stage: SimpleNamespace, cast: SimpleNamespace) -> list[list[str]]:
    return [line.split() for line in cast.look(stage.get(Conversations)) if line]


@pytest.fixture
def many(cast: SimpleNamespace) -> tuple[ev.Event, ...]:
    """Two rooms, and somebody who writes in private."""
    return (
        msgspec.structs.replace(cast.CONNECTED, rooms=["general", "staff"]),
        cast.said("hello all"),
        cast.said("hello staff", room="staff"),
        cast.said("and again", room="staff"),
        cast.talk("bob", verified=True),
        cast.said("psst", room="bob", private=True),
        cast.said("from before", room="staff", history=True),
        ev.History(time=cast.CONNECTED.time, room="staff", count=1, more=False, lost=0, asked=False),
    )


async def test_each_conversation_has_its_own_transcript(
    open_stage: Open, cast: SimpleNamespace, many: tuple[ev.Event, ...]
) -> None:
    async with open_stage((120, 35)) as stage:
        await stage.tell(*many)
        assert talks(stage, cast) == [["▸#", "general"], ["#", "staff", "2"], ["⚿", "bob", "1"]]
        assert "hello all" in stage.all()
        assert "hello staff" not in stage.all()
        assert "Alt+A Unread 3" in cast.look(stage.get(KeyBar))[0]
        await stage.pilot.press("alt+a")
        await stage.pilot.pause()
        assert "#staff" in cast.look(stage.get(HeaderBar))[0]
        assert stage.all().split("\n") == ["from before", "new", "hello staff", "and again"]
        assert talks(stage, cast) == [["#", "general"], ["▸#", "staff"], ["⚿", "bob", "1"]]
        assert "Alt+A Unread 1" in cast.look(stage.get(KeyBar))[0]
        await stage.pilot.press("alt+down")
        await stage.pilot.pause()
        assert "⚿ bob" in cast.look(stage.get(HeaderBar))[0]
        assert "Alt+A" not in cast.look(stage.get(KeyBar))[0]
        await stage.pilot.press("ctrl+pagedown")
        await stage.pilot.pause()
        assert "hello all" in stage.all()
        await stage.pilot.press("alt+up", "alt+up")
        await stage.pilot.pause()
        assert "#staff" in cast.look(stage.get(HeaderBar))[0]
        await stage.pilot.click(Conversations, (4, 0))
        await stage.pilot.pause()
        assert "hello all" in stage.all()
        assert stage.app.focused is stage.composer


async def test_what_is_said_goes_where_one_was(
    open_stage: Open, cast: SimpleNamespace, many: tuple[ev.Event, ...]
) -> None:
    async with open_stage((120, 35)) as stage:
        await stage.tell(*many)
        await stage.type("to all")
        await stage.pilot.press("alt+down")
        await stage.type("to staff")
        await stage.type("again")
        await stage.pilot.press("alt+up")
        await stage.type("to all again")
        await stage.until(lambda: len(stage.peer.wanted) == 4)
        assert stage.peer.wanted == [
            commands.Say("to all", "general"),
            commands.Say("to staff", "staff"),
            commands.Say("again", "staff"),
            commands.Say("to all again", "general"),
        ]


async def test_what_is_typed_behind_private_is_not_said_where_one_still_is(
    open_stage: Open, cast: SimpleNamespace
) -> None:
    """Fast fingers, or a screen that hangs for a moment: the peer knows where one is by then, the screen does not."""
    async with open_stage() as stage:
        await stage.type("/private bob")
        await stage.type("a secret")
        await stage.until(lambda: len(stage.peer.wanted) == 2)
        assert stage.peer.wanted == [commands.Private(("bob",)), commands.Say("a secret", None)]
        await stage.tell(cast.talk(), ev.Chosen(time=cast.NOW, room="@bob", private=True))
        await stage.type("another")
        await stage.until(lambda: len(stage.peer.wanted) == 3)
        assert stage.peer.wanted[-1] == commands.Say("another", "@bob")


async def test_after_a_private_that_was_refused_one_is_where_the_screen_says(open_stage: Open) -> None:
    async with open_stage() as stage:
        stage.peer.refusal = NothingAsked()
        await stage.type("/private bob")
        await stage.until(lambda: stage.composer.text)
        stage.peer.refusal = None
        stage.composer.clear()
        await stage.type("hello all")
        await stage.until(lambda: stage.peer.wanted)
        assert stage.peer.wanted == [commands.Say("hello all", "general")]


async def test_own_messages_are_settled_where_they_stand(
    open_stage: Open, cast: SimpleNamespace, many: tuple[ev.Event, ...]
) -> None:
    async with open_stage((120, 35)) as stage:
        one = cast.said("mine", name="alice", id=cast.ALICE, mine=True, number=7, room="staff")
        other = cast.said("mine too", name="alice", id=cast.ALICE, mine=True, number=8, room="staff")
        failed = ev.Failed(time=cast.NOW, id=other.id, code="cut", text="Cut.", message="mine too")
        await stage.tell(*many, one, other)
        await stage.tell(ev.Delivered(time=cast.NOW, id=one.id, number=1), failed)
        assert "Retry" not in cast.look(stage.get(KeyBar))[0], "nothing failed in this one"
        await stage.pilot.press("alt+down")
        await stage.pilot.pause()
        assert any("mine" in line and line.endswith("✓") for line in stage.lines())
        assert "Retry" in cast.look(stage.get(KeyBar))[0]
        await stage.pilot.press("ctrl+r", "alt+up")
        await stage.until(lambda: stage.peer.wanted == [commands.Say("mine too", "staff")])
        await stage.pilot.press("alt+down")
        await stage.until(lambda: "mine too" not in stage.all())


async def test_a_private_conversation_from_its_opening_to_its_end(open_stage: Open, cast: SimpleNamespace) -> None:
    async with open_stage((120, 35)) as stage:
        await stage.tell(cast.CONNECTED, cast.THERE)
        await stage.type("/private bob")
        await stage.until(lambda: stage.peer.wanted == [commands.Private(("bob",))])
        await stage.tell(cast.talk(state="opening"), ev.Chosen(time=cast.NOW, room="@bob", private=True))
        assert "exchanging keys" in cast.look(stage.get(HeaderBar))[0]
        assert talks(stage, cast) == [["#", "general"], ["▸⚠", "@bob"]]
        await stage.type("only for bob")
        await stage.until(lambda: stage.peer.wanted[1:] == [commands.Say("only for bob", "@bob")])
        await stage.tell(cast.talk())
        assert "the host could be reading" in cast.look(stage.get(Readers))[0]
        await stage.tell(cast.talk(state="changed", verified=True))
        assert talks(stage, cast) == [["#", "general"], ["▸⚿", "@bob"]]
        assert "nobody else: the host cannot" in cast.look(stage.get(Readers))[0]
        assert cast.look(stage.get(Card))[:2] == ["Compare with bob", "F2 shows what"], "not what the host is asked"
        proof = {"fingerprint": "ab" * 32, "words": cast.WORDS, "preset": False, "state": "open"}
        await stage.tell(ev.Verification(time=cast.NOW, name="bob", member=cast.BOB, **proof))
        assert cast.look(stage.get(Card))[:3] == ["Compare with bob", "sierra tulip", "walnut yodel"]
        assert "⚿ @bob" in cast.look(stage.get(HeaderBar))[0]
        await stage.tell(cast.talk(state="closed"))
        assert talks(stage, cast) == [["#", "general"], ["▸✗", "@bob"]]
        assert "it can only be read" in cast.look(stage.get(Readers))[0]
        assert "@bob is closed." in stage.all()
        await stage.tell(ev.Chosen(time=cast.NOW, room="general", private=False))
        assert "#general" in cast.look(stage.get(HeaderBar))[0]
        assert "@bob is closed." not in stage.all()


async def test_who_leaves_a_private_conversation_is_back_in_the_room(open_stage: Open, cast: SimpleNamespace) -> None:
    async with open_stage((120, 35)) as stage:
        await stage.tell(cast.CONNECTED, cast.THERE, cast.talk())
        stage.chat.go_to("@bob")
        await stage.tell(msgspec.structs.replace(cast.talk(state="closed"), code="you-left"))
        assert talks(stage, cast) == [["▸#", "general"], ["✗", "@bob"]]


async def test_what_is_said_aside_is_told_where_one_is(open_stage: Open, cast: SimpleNamespace) -> None:
    async with open_stage((120, 35)) as stage:
        await stage.tell(cast.CONNECTED, cast.THERE, cast.talk("@[/oops]"))
        said = cast.said("a secret", name="alice", id=cast.ALICE, mine=True, room="@[/oops]", private=True)
        await stage.tell(said)
        assert "To @[/oops], privately." in stage.all()
        assert "a secret" not in stage.all()
        await stage.tell(ev.Failed(time=cast.NOW, id=said.id, code="cut", text="Cut.", message="a secret"))
        assert "! Not delivered in @[/oops]: Cut." in stage.all()
        assert "a secret" not in stage.all()
        await stage.type("/clear")
        offer = ev.FileOffer(
            time=cast.NOW, transfer=1, id="0f", room="@[/oops]", from_="alice", member=cast.ALICE, name="a secret",
            size=1, files=None, mine=True, private=True,
        )  # fmt: skip
        await stage.tell(offer)
        assert "To @[/oops], privately." in stage.all()
        assert "a secret" not in stage.all()
        stage.chat.go_to("@[/oops]")
        await stage.tell(said)
        assert "privately" not in stage.all()


async def test_who_is_asked_for_a_private_conversation_is_told_where_one_is(
    open_stage: Open, cast: SimpleNamespace
) -> None:
    async with open_stage((120, 35)) as stage:
        await stage.tell(cast.CONNECTED, cast.THERE, cast.talk("[/oops]", state="asked"))
        assert "⚠ [/oops] is asked." in stage.all()
        assert [toast.message for toast in stage.app._notifications] == ["[/oops] is asked."]
        assert talks(stage, cast) == [["▸#", "general"]]


@pytest.mark.parametrize("keys", [("f7", "enter"), ("f7", "right", "enter")])
async def test_who_asks_is_answered_with_a_button(
    open_stage: Open, cast: SimpleNamespace, keys: tuple[str, ...]
) -> None:
    async with open_stage((120, 35)) as stage:
        await stage.tell(cast.CONNECTED, cast.THERE, cast.talk("[/oops]", state="asked"))
        assert "⚠ [/oops] is asked.  [accept]  [block]" in stage.all().replace("\u00a0", " ")
        await stage.pilot.press(*keys)
        wanted = commands.Block("bob") if "right" in keys else commands.Private(("bob",))
        await stage.until(lambda: stage.peer.wanted == [wanted])
        assert "[accept]" not in stage.all()
        await stage.pilot.press("f7", "enter")
        assert stage.peer.wanted == [wanted], "it is answered"


async def test_a_request_is_answered_with_the_mouse(open_stage: Open, cast: SimpleNamespace) -> None:
    async with open_stage((120, 35)) as stage:
        await stage.tell(cast.CONNECTED, cast.THERE, cast.talk("@bob", state="asked"))
        [place] = [(line.index("[accept]") + 1, y) for y, line in enumerate(stage.lines()) if "[accept]" in line]
        await stage.pilot.click(type(stage.transcript), place)
        await stage.until(lambda: stage.peer.wanted == [commands.Private(("bob",))])


@pytest.mark.parametrize("end", ["open", "left", "again", "typed", "over"])
async def test_a_request_that_is_settled_has_no_buttons_any_more(
    open_stage: Open, cast: SimpleNamespace, end: str
) -> None:
    async with open_stage((120, 35)) as stage:
        await stage.tell(cast.CONNECTED, cast.THERE, cast.talk("@bob", state="asked"))
        match end:
            case "open":
                await stage.tell(cast.talk("@bob"))
            case "left":
                await stage.tell(ev.MemberLeft(time=cast.NOW, name="bob", member=cast.BOB, reason="cut"))
            case "again":
                await stage.tell(cast.talk("@bob", state="asked"))
            case "typed":
                await stage.type("/block BOB")
            case "over":
                await stage.tell(ev.Disconnected(time=cast.NOW, code="left", text="over"))
        await stage.until(lambda: stage.all().count("[accept]") == (end == "again"))


async def test_what_was_not_delivered_in_private_is_never_sent_again_in_the_room(
    open_stage: Open, cast: SimpleNamespace
) -> None:
    """However late the wish is heard, and wherever one has gone meanwhile."""
    async with open_stage((120, 35)) as stage:
        await stage.tell(cast.CONNECTED, cast.THERE, cast.talk())
        said = cast.said("a secret", name="alice", id=cast.ALICE, mine=True, number=7, room="@bob", private=True)
        await stage.tell(said, ev.Failed(time=cast.NOW, id=said.id, code="cut", text="Cut.", message="a secret"))
        transcript = stage.get(Transcripts).of("@bob")
        transcript.post_message(Transcript.RetryWanted(transcript, transcript.failed))
        await stage.until(lambda: stage.peer.wanted == [commands.Say("a secret", "@bob")])


async def test_drafts_wait_in_their_conversations(
    open_stage: Open, cast: SimpleNamespace, many: tuple[ev.Event, ...]
) -> None:
    async with open_stage((120, 35)) as stage:
        await stage.tell(*many)
        stage.composer.insert("for all")
        await stage.pilot.press("alt+down")
        assert stage.composer.text == ""
        stage.composer.insert("for staff")
        await stage.pilot.press("alt+up")
        assert stage.composer.text == "for all"
        await stage.pilot.press("alt+down")
        assert stage.composer.text == "for staff"


async def test_what_is_refused_later_waits_where_it_was_written(
    open_stage: Open, cast: SimpleNamespace, many: tuple[ev.Event, ...]
) -> None:
    async with open_stage((120, 35)) as stage:
        await stage.tell(*many)
        stage.peer.refusal = NameTaken(name="bob")
        stage.composer.insert("/nick bob")
        stage.composer.action_submit()  # it has not reached the screen yet when one goes on
        stage.chat.go_to("staff")
        await stage.until(lambda: "is taken" in str([e.rows for e in stage.get(Transcripts).of("general").blocks]))
        assert stage.composer.text == ""
        assert not hint(stage)
        await stage.pilot.press("alt+up")
        assert stage.composer.text == "/nick bob"


async def test_the_end_is_told_in_every_conversation_and_all_of_them_stay(
    open_stage: Open, cast: SimpleNamespace, many: tuple[ev.Event, ...]
) -> None:
    async with open_stage((120, 35)) as stage:
        await stage.tell(*many)
        await stage.tell(ev.Disconnected(time=cast.NOW, code="host-stopped", text="The host has stopped. Goodbye."))
        stage.peer.end()
        for _ in range(3):
            await stage.pilot.press("alt+down")
            await stage.pilot.pause()
            assert "The host has stopped. Goodbye." in stage.all()
        again = stage.next_peer()
        again.may_start.set()
        await stage.pilot.press("alt+up", "f5")
        stage.peer = again
        await stage.tell(cast.CONNECTED, cast.THERE)
        assert talks(stage, cast) == [["#", "general"], ["#", "staff"], ["▸✗", "bob"]]
        assert "psst" in stage.all()


async def test_a_host_that_calls_its_rooms_otherwise(open_stage: Open, cast: SimpleNamespace) -> None:
    async with open_stage(joined=False) as stage:
        stage.peer.may_start.set()
        await stage.tell(msgspec.structs.replace(cast.CONNECTED, rooms=["lobby", "staff"]), cast.THERE)
        await stage.tell(cast.said("hello", room="lobby"))
        assert "hello" in stage.all()
        assert "You are connected" in stage.all()


async def test_notifications_are_off_in_one_conversation(
    open_stage: Open, cast: SimpleNamespace, many: tuple[ev.Event, ...]
) -> None:
    async with open_stage((120, 35), notifications=True) as stage:
        await stage.tell(*many)
        await stage.pilot.press("alt+down")
        await stage.type("/mute")
        await stage.pilot.press("alt+up")
        await stage.tell(cast.said("quiet", room="staff"))
        assert talks(stage, cast)[1] == ["#", "staff", "⊘", "1"]
        await stage.pilot.press("alt+down")
        await stage.type("/mute")
        await stage.pilot.pause()
        assert talks(stage, cast)[1] == ["▸#", "staff"]


async def test_what_came_while_one_was_away(open_stage: Open, cast: SimpleNamespace) -> None:
    async with open_stage((120, 35)) as stage:
        await stage.tell(cast.said("seen", number=1))
        stage.app.app_focus = False
        await stage.tell(cast.said("not seen", number=2), cast.said("nor this", number=3))
        assert cast.look(stage.get(Conversations))[0].split() == ["▸#", "general", "2"]
        assert "Latest 2" in cast.look(stage.get(KeyBar))[0]
        texts = [entry.rows[0][1] for entry in stage.transcript.blocks]
        assert texts[texts.index("not seen") - 1] == "new"
        stage.app.app_focus = True
        await stage.pilot.pause()
        assert cast.look(stage.get(Conversations))[0].split() == ["▸#", "general"]
        assert "new" in stage.all().split("\n")
        await stage.tell(cast.said("an answer", name="alice", id=cast.ALICE, mine=True, number=4))
        assert "new" not in stage.all().split("\n")


async def test_what_came_while_one_read_above(open_stage: Open, cast: SimpleNamespace) -> None:
    async with open_stage() as stage:
        await stage.tell(*(cast.said(f"message {number}", number=number) for number in range(60)))
        await stage.pilot.press("pageup")
        await stage.tell(cast.said("below", number=61))
        assert "Latest 1" in cast.look(stage.get(KeyBar))[0]
        await stage.pilot.press("ctrl+end")
        await stage.pilot.pause()
        assert "Latest" not in cast.look(stage.get(KeyBar))[0]
        assert any("below" in line for line in stage.lines())
        assert any("─ new ─" in line for line in stage.lines())


async def test_from_what_was_said_before_one_key_goes_back_also_where_nothing_came(
    open_stage: Open, cast: SimpleNamespace
) -> None:
    async with open_stage() as stage:
        await stage.tell(*(cast.said(f"message {number}", number=number) for number in range(60)))
        assert "Latest" not in cast.look(stage.get(KeyBar))[0]
        await stage.pilot.press("pageup", "pageup")
        await stage.pilot.pause()
        assert "message 59" not in " ".join(stage.lines())
        assert "Latest" in cast.look(stage.get(KeyBar))[0]
        await stage.pilot.press("ctrl+end")
        await stage.pilot.pause()
        assert "message 59" in " ".join(stage.lines())
        assert "Latest" not in cast.look(stage.get(KeyBar))[0]


async def test_a_failed_message_is_sent_again(open_stage: Open, cast: SimpleNamespace) -> None:
    async with open_stage() as stage:
        for number, kind in enumerate(("text", "me", "text")):
            own = cast.said(f"mine {number}", name="alice", id=cast.ALICE, mine=True, kind=kind, number=number)
            failed = {"code": "refused", "text": "The host refused it.", "message": f"mine {number}"}
            await stage.tell(own, ev.Failed(time=cast.NOW, id=own.id, **failed))
        assert "Retry" in cast.look(stage.get(KeyBar))[0]
        await stage.pilot.press("ctrl+r")
        await stage.until(lambda: "mine 2" not in stage.all())
        stage.transcript.focus()
        await stage.pilot.press("r")
        await stage.until(lambda: "mine 1" not in stage.all())
        await stage.pilot.pause()
        line = next(y for y, text in enumerate(stage.lines()) if "send it again" in text)
        await stage.pilot.click(Transcript, (20, line))
        await stage.until(lambda: len(stage.peer.wanted) == 3)
        await stage.until(lambda: "mine" not in stage.all())
        say, act = (partial(make, room="general") for make in (commands.Say, commands.Act))
        assert stage.peer.wanted == [say("mine 2"), act("mine 1"), say("mine 0")]
        stage.transcript.focus()
        await stage.pilot.press("r")
        assert stage.composer.text == "r"


async def test_a_failed_message_stays_while_it_cannot_be_sent(open_stage: Open, cast: SimpleNamespace) -> None:
    async with open_stage() as stage:
        own = cast.said("mine", name="alice", id=cast.ALICE, mine=True)
        await stage.tell(
            own,
            ev.Failed(time=cast.NOW, id=own.id, code="cut", text="cut", message="mine"),
            ev.Disconnected(time=cast.NOW, code="cut", text="cut"),
        )
        await stage.pilot.press("ctrl+r")
        assert "no connection" in hint(stage)
        assert "mine" in stage.all()


async def test_links_open_what_they_show(
    open_stage: Open, cast: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_stage() as stage:
        opened: list[str] = []
        monkeypatch.setattr(stage.app, "open_url", opened.append)
        await stage.tell(
            cast.said("https://example.org/a javascript:alert(1) file:///etc/passwd http://you@evil.example/"),
            cast.said("see https://example.org/b."),
        )
        y = next(y for y, text in enumerate(stage.lines()) if "example.org/b" in text)
        await stage.pilot.click(Transcript, (stage.lines()[y].index("https") + 3, y))
        assert opened == ["https://example.org/b"]
        stage.transcript.focus()
        await stage.pilot.press("left", "left", "left", "enter")
        assert opened[1:] == ["https://example.org/a"]


async def test_refusals_stand_in_the_log_of_a_host(open_stage: Open, cast: SimpleNamespace) -> None:
    refused = ev.Notice(time=cast.NOW, code="not-usi", text="A connection from 192.0.2.9:1 was refused: no.")
    async with open_stage(hosting=True) as stage:
        joined = ev.MemberJoined(time=cast.NOW, name="bob", member=cast.BOB, address="192.0.2.5:4000")
        left = ev.MemberLeft(time=cast.NOW, name="bob", member=cast.BOB, reason="cut")
        await stage.tell(joined, refused, refused, left)
        assert "was refused" not in stage.all()
        assert "F5 Activity 2" in cast.look(stage.get(KeyBar))[0]
        await stage.pilot.press("f5")
        await stage.pilot.pause()
        log = [entry.rows[0][1] for entry in stage.get(Activity).blocks]
        assert log[1:] == [
            "→ bob joined from 192.0.2.5:4000",
            f"✗ {refused.text}",
            f"✗ {refused.text}",
            "← bob left (connection lost), 192.0.2.5:4000",
        ]
        assert any("was refused" in line for line in cast.look(stage.get(Activity)))
        assert "F5 Activity F8" in cast.look(stage.get(KeyBar))[0]
        await stage.tell(refused)
        assert "F5 Activity F8" in cast.look(stage.get(KeyBar))[0]
        await stage.pilot.press("f5")
        assert stage.app.focused is stage.composer


async def test_a_low_terminal_shows_members_rather_than_what_f2_shows(open_stage: Open, cast: SimpleNamespace) -> None:
    async with open_stage((40, 12)) as stage:
        await stage.pilot.press("f3")
        await stage.pilot.pause()
        seen = "\n".join(cast.look(stage.get(Members)))
        assert all(name in seen for name in ("host", "alice", "bob")), seen


@pytest.mark.parametrize("size", [(40, 12), (80, 24), (120, 35), (200, 60)])
@pytest.mark.parametrize(("key", "panel"), [("f3", Members), ("f5", Activity), ("f8", Conversations)])
async def test_panels_unfold_and_take_the_focus(
    open_stage: Open, size: tuple[int, int], key: str, panel: type
) -> None:
    async with open_stage(size, hosting=True) as stage:
        shown = bool(stage.get(panel).region)
        for _ in range(2):
            await stage.pilot.press(key)
            await stage.pilot.pause()
            shown = not shown
            assert bool(stage.get(panel).region) == shown
            assert stage.app.focused is (stage.get(panel) if shown else stage.composer)
            assert inside(stage)


@pytest.mark.parametrize("hosting", [True, False])
async def test_what_was_folded_stays_so_when_the_size_changes(open_stage: Open, hosting: bool) -> None:
    panels = {"f3": Members, "f8": Conversations, "f4": Tracing} | ({"f5": Activity} if hosting else {})
    async with open_stage((120, 35), dev=True, hosting=hosting) as stage:

        async def shown(width: int, height: int) -> set[str]:
            await stage.pilot.resize_terminal(width, height)
            await stage.pilot.pause()
            assert stage.transcript.region, "what is said is never folded away by itself"
            assert inside(stage)
            return {key for key, panel in panels.items() if stage.get(panel).region}

        assert await shown(120, 35) == {*panels}
        for key in panels:
            await stage.pilot.press(key)
            await stage.pilot.pause()
        for size in ((120, 35), (120, 17), (120, 18), (40, 12), (80, 24), (63, 20), (64, 20), (200, 60)):
            assert not await shown(*size)
        for key in panels:
            await stage.pilot.press(key)
            await stage.pilot.pause()
        assert await shown(200, 60) == {*panels}
        assert not await shown(40, 12)
        await shown(80, 24)
        await stage.pilot.press("f8")
        assert await shown(80, 24) >= {"f8", "f4"}
        assert "f3" not in await shown(80, 24)
        assert not await shown(40, 12)
        assert {"f8", "f3"} <= await shown(120, 24)
        await shown(40, 12)
        await stage.pilot.press("f4")
        await stage.pilot.pause()
        assert stage.get(Tracing).region
        assert not stage.transcript.region, "in its place, because it was asked for"
        await shown(120, 35)


async def test_a_name_and_a_command_are_completed(open_stage: Open) -> None:
    async with open_stage() as stage:
        await stage.pilot.press(*"/veri", "tab", "b", "tab")
        assert stage.composer.text == "/verify bob "
        stage.composer.clear()
        await stage.pilot.press("/", "tab")
        await stage.pilot.pause()
        shown = stage.get(Suggestions)
        assert shown.region
        await stage.pilot.click(Suggestions, (5, 1))
        await stage.pilot.pause()
        assert stage.composer.text.startswith("/")
        assert len(stage.composer.text) > 2
        assert not shown.region


async def test_hostile_names_in_the_new_panels(open_stage: Open, cast: SimpleNamespace) -> None:
    async with open_stage((120, 35), hosting=True) as stage:
        for text in cast.HOSTILE.values():
            joined = ev.MemberJoined(time=cast.NOW, name=text, member=cast.BOB, address=text)
            await stage.tell(
                joined,
                ev.Notice(time=cast.NOW, code="not-usi", text=text),
                ev.MemberLeft(time=cast.NOW, name=text, member=cast.BOB, reason=text),
                msgspec.structs.replace(cast.LISTENING, rooms=[text]),
                cast.said(f"```\n{text}\n``` `{text}` https://example.org/{text}"),
                joined,
            )
            await stage.pilot.press("@", "tab")
            for widget in (Transcript, Members, Activity, Conversations, HeaderBar, Readers):
                assert all(line.isprintable() for line in cast.look(stage.get(widget)))
            stage.composer.clear()
        assert "\x1b" not in stage.app.export_screenshot()
