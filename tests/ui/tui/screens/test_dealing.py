"""Files on the screen: offers with buttons, transfers under way, and what is asked first."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest
from textual import events as keys
from textual.widgets import Button, Static

from usi.core import commands
from usi.core import events as ev
from usi.ui.tui.offers import OfferEntry
from usi.ui.tui.screens.chat import ChatScreen
from usi.ui.tui.screens.dialog import Choices
from usi.ui.tui.screens.question import Question
from usi.ui.tui.widgets.activity import Activity
from usi.ui.tui.widgets.header import HeaderBar
from usi.ui.tui.widgets.keybar import KeyBar
from usi.ui.tui.widgets.transfers import Passing, Transfers, Ways

pytestmark = pytest.mark.slow

Open = Callable[..., AbstractAsyncContextManager]
ACCEPT, DECLINE, CANCEL = commands.Accept, commands.Decline, commands.Cancel
SEND = partial(commands.Send, room="general")


async def click_on(stage: SimpleNamespace, label: str) -> None:
    """Click on a button in the transcript."""
    label = label.replace(" ", "\u00a0")
    [place] = [(line.index(label) + 1, y) for y, line in enumerate(stage.lines()) if label in line]
    await stage.pilot.click(type(stage.transcript), place)
    await stage.pilot.pause()


async def answer(stage: SimpleNamespace, id: str) -> None:
    """Wait for the question, and answer it."""
    await stage.until(lambda: isinstance(stage.app.screen, Question))
    await stage.until(lambda: not stage.app.screen.query_one(Choices).disabled)
    stage.app.screen.query_one(f"#{id}", Button).press()
    await stage.until(lambda: stage.app.screen is stage.chat)
    await stage.pilot.pause()


async def test_an_offer_is_accepted_by_mouse(open_stage: Open, cast: SimpleNamespace) -> None:
    async with open_stage((120, 35)) as stage:
        told = cast.Told()
        await stage.tell(told.offer())
        assert any("bob" in line and "offers report.pdf (1.0\u00a0KB)" in line for line in stage.lines())
        await click_on(stage, "[accept]")
        await stage.until(lambda: stage.peer.wanted)
        assert stage.peer.wanted == [ACCEPT(1)]
        await stage.until(lambda: "waiting" in stage.all())
        await stage.tell(told.progress(430))
        assert "▓▓▓▓░░░░░░\u00a043\u00a0%" in stage.all()
        assert cast.look(stage.get(Ways)) == ["↓ repo…pdf ▓▓░░ ×"]
        await stage.tell(told.done())
        assert "✓ received in 3\u00a0s: /home/alice/usi-files/report.pdf" in stage.all()


async def test_the_end_of_a_transfer_is_told_where_one_is(open_stage: Open, cast: SimpleNamespace) -> None:
    async with open_stage() as stage:
        first, second, here, unasked = cast.Told(1, "[/oops]"), cast.Told(2), cast.Told(3), cast.Told(4)
        await stage.tell(here.offer(), *(told.offer(room="@bob", private=True) for told in (first, second, unasked)))
        for number in (1, 2, 3):
            await stage.type(f"/accept {number}")
        await stage.until(lambda: stage.peer.wanted == [ACCEPT(1), ACCEPT(2), ACCEPT(3)])
        await stage.tell(first.failed(), second.done(), here.done(), unasked.done())
        assert [toast.message for toast in stage.app._notifications] == [
            "[/oops]: It was cut off.",
            "report.pdf: received in 3 s: /home/alice/usi-files/report.pdf",
        ]


async def test_an_offer_is_answered_by_keyboard(open_stage: Open, cast: SimpleNamespace) -> None:
    async with open_stage() as stage:
        assert "F7" not in cast.look(stage.get(KeyBar))[0]
        await stage.tell(cast.Told(1).offer(), cast.Told(2).offer(), cast.said("and?", number=1))
        stage.composer.insert("a draft")
        assert "F7 Offer 2" in cast.look(stage.get(KeyBar))[0]
        await stage.pilot.press("f7")
        assert "Enter Use" in cast.look(stage.get(KeyBar))[0]
        await stage.pilot.press("right", "enter")  # from [accept] to [no] of the newer one
        await stage.until(lambda: stage.peer.wanted == [DECLINE(2)])
        assert stage.app.focused is stage.composer
        await stage.tell(cast.Told(2).closed("You did not want it."))
        await stage.pilot.press("f7", "enter")
        await stage.until(lambda: stage.peer.wanted == [DECLINE(2), ACCEPT(1)])
        assert stage.composer.text == "a draft"


async def test_f7_goes_from_one_offer_to_the_next_older(open_stage: Open, cast: SimpleNamespace) -> None:
    async with open_stage() as stage:
        await stage.tell(*(cast.Told(number).offer() for number in (1, 2, 3)))
        await stage.pilot.press("f7", "f7", "enter")
        await stage.until(lambda: stage.peer.wanted == [ACCEPT(2)])


async def test_f7_leads_to_what_is_under_way_where_nothing_waits(open_stage: Open, cast: SimpleNamespace) -> None:
    async with open_stage((40, 12)) as stage:
        await stage.tell(cast.Told(1).offer(), cast.Told(1).progress(430), cast.Told(2).offer(), cast.Told(2).done())
        await stage.pilot.press("f7", "enter")
        await stage.until(lambda: stage.peer.wanted == [CANCEL(1)])


async def test_the_focus_leaves_a_list_that_folds_away(open_stage: Open, cast: SimpleNamespace) -> None:
    async with open_stage((120, 35)) as stage:
        await stage.tell(cast.Told().offer(), cast.Told().failed())
        stage.get(Ways).focus()
        await stage.pilot.press("delete")
        await stage.until(lambda: not stage.get(Transfers).display)
        await stage.pilot.press("h", "i")
        assert stage.composer.text == "hi"


async def test_typed_commands_work_as_well(open_stage: Open, cast: SimpleNamespace) -> None:
    async with open_stage() as stage:
        await stage.tell(cast.Told(1).offer(), cast.Told(2).offer())
        for line in ("/accept 1", "/decline #2", "/cancel 1", "/files", "!fichier /etc/hosts"):
            await stage.type(line)
        await stage.until(lambda: len(stage.peer.wanted) == 5)
        assert stage.peer.wanted == [ACCEPT(1), DECLINE(2), CANCEL(1), commands.Files(), SEND("/etc/hosts")]
        assert "waiting" in stage.all()


async def test_what_stopped_can_go_on_or_be_thrown_away(open_stage: Open, cast: SimpleNamespace) -> None:
    async with open_stage((120, 35)) as stage:
        told = cast.Told()
        await stage.tell(told.offer(), told.progress(430), told.failed(kept=400))
        assert "✗ It was cut off." in stage.all()
        await click_on(stage, "[go on]")
        await stage.until(lambda: stage.peer.wanted == [ACCEPT(1)])
        await stage.until(lambda: "waiting" in stage.all())
        await stage.tell(told.failed(kept=400))
        await click_on(stage, "[throw away]")
        await answer(stage, "leave")
        assert stage.peer.wanted == [ACCEPT(1)]
        await click_on(stage, "[throw away]")
        await answer(stage, "away")
        await stage.until(lambda: stage.peer.wanted == [ACCEPT(1), DECLINE(1)])


async def test_what_an_earlier_run_began_goes_on(open_stage: Open, cast: SimpleNamespace) -> None:
    async with open_stage((120, 35)) as stage:
        await stage.tell(cast.Told().offer(id="", kept=430))
        assert "43\u00a0% are here from before" in stage.all()
        await click_on(stage, "[go on]")
        await stage.until(lambda: stage.peer.wanted == [ACCEPT(1)])
        await stage.until(lambda: "▓▓▓▓░░░░░░\u00a043\u00a0%  waiting" in stage.all())


async def test_an_own_offer_and_who_takes_it(open_stage: Open, cast: SimpleNamespace) -> None:
    async with open_stage((120, 35)) as stage:
        own = cast.Told(mine=True)
        offer = own.offer()
        await stage.tell(offer)
        assert any(line.endswith("…") for line in stage.lines() if "offer report.pdf" in line)
        await stage.tell(ev.Delivered(time=cast.NOW, id=offer.id, number=1), own.progress(430), own.progress(50, "eve"))
        assert any(line.endswith("✓") for line in stage.lines() if "offer report.pdf" in line)
        assert "→ bob  ▓▓▓▓░░░░░░\u00a043\u00a0%" in stage.all()
        await stage.tell(own.done("eve"))
        assert "✓ received by eve" in stage.all()
        await click_on(stage, "[take back]")
        await answer(stage, "back")  # somebody is taking it
        await stage.until(lambda: stage.peer.wanted == [CANCEL(1)])
        await stage.tell(own.failed(text="Taken back."), own.closed())
        assert "— Taken back." in stage.all()
        assert "[take\u00a0back]" not in stage.all()


async def test_an_offer_that_nobody_takes_is_taken_back_at_once(open_stage: Open, cast: SimpleNamespace) -> None:
    async with open_stage((120, 35)) as stage:
        await stage.tell(cast.Told(mine=True).offer())
        await click_on(stage, "[take back]")
        await stage.until(lambda: stage.peer.wanted == [CANCEL(1)])


async def test_an_offer_that_did_not_reach_the_host(open_stage: Open, cast: SimpleNamespace) -> None:
    async with open_stage((120, 35)) as stage:
        offer = cast.Told(mine=True).offer()
        await stage.tell(offer, ev.Failed(time=cast.NOW, id=offer.id, code="cut", text="It was cut.", message=""))
        assert any(line.endswith("✗") for line in stage.lines() if "offer report.pdf" in line)
        assert "— It was cut." in stage.all()
        assert "take" not in stage.all()


async def test_the_list_stops_what_is_under_way(open_stage: Open, cast: SimpleNamespace) -> None:
    async with open_stage((120, 35)) as stage:
        told = cast.Told()
        await stage.tell(told.offer(), told.progress(430))
        stage.get(Ways).focus()
        await stage.pilot.pause()
        assert "Del Stop" in cast.look(stage.get(KeyBar))[0]
        await stage.pilot.press("delete")
        await stage.until(lambda: stage.peer.wanted == [CANCEL(1)])
        await stage.pilot.press("enter")
        await stage.until(lambda: stage.app.focused is stage.transcript)


@pytest.mark.parametrize("size", [(80, 24), (40, 12)])
async def test_where_the_list_is_folded_away_the_header_tells(
    open_stage: Open, cast: SimpleNamespace, size: tuple[int, int]
) -> None:
    async with open_stage(size) as stage:
        told = cast.Told()
        await stage.tell(told.offer(), told.progress(430))
        assert not stage.get(Transfers).region
        assert "↓ 43 %" in cast.look(stage.get(HeaderBar))[0]
        assert "unverified" in cast.look(stage.get(HeaderBar))[0]
        await stage.tell(told.done())
        assert "↓" not in cast.look(stage.get(HeaderBar))[0]


async def test_what_another_connection_offers_is_new(open_stage: Open, cast: SimpleNamespace) -> None:
    async with open_stage((120, 35)) as stage:
        await stage.tell(cast.Told().offer())
        stage.next_peer().may_start.set()
        await stage.tell(ev.Disconnected(time=cast.NOW, code="cut", text="The connection was cut."))
        assert "[accept]" not in stage.all()
        assert "The connection has ended." in stage.all()
        stage.chat.restart(stage.peer)
        assert stage.chat.deals.find(1) is None


async def test_an_offer_elsewhere_is_gone_to(open_stage: Open, cast: SimpleNamespace) -> None:
    async with open_stage((120, 35)) as stage:
        await stage.tell(cast.Told().offer(room="staff"))
        assert stage.chat.situation.unread["staff"] == 1
        await stage.pilot.press("f7")
        await stage.until(lambda: stage.chat.situation.status.room == "staff")
        await stage.until(lambda: stage.app.focused is stage.transcript)
        assert any(isinstance(entry, OfferEntry) for entry in stage.transcript.blocks)


async def test_hostile_names_everywhere(open_stage: Open, cast: SimpleNamespace) -> None:
    async with open_stage((120, 35)) as stage:
        for number, text in enumerate(cast.HOSTILE.values(), 1):
            told, own = cast.Told(2 * number, text), cast.Told(2 * number + 1, text, mine=True)
            await stage.tell(
                told.offer(from_=text[:24], files=3), told.progress(430, text), told.failed(text, text, kept=1),
                own.offer(), own.progress(50, text), own.closed(text),
            )  # fmt: skip
            stage.chat.do(2 * number, "away")
            await stage.until(lambda: isinstance(stage.app.screen, Question))
            await stage.pilot.press("escape")
            await stage.pilot.pause()
        for widget in (stage.transcript, stage.get(Ways), stage.get(HeaderBar)):
            assert all(line.replace("\u00a0", " ").isprintable() for line in cast.look(widget))
        assert "\x1b" not in stage.app.export_screenshot()


# --- what passes through a host ---


async def test_a_host_sees_what_passes(open_stage: Open, cast: SimpleNamespace) -> None:
    passing = [ev.PassingRow(from_="bob", to="eve", bytes=12_400_000, seconds=3.2)]
    listing = ev.Files(time=cast.NOW, transfers=[], passing=passing, folder="usi-files")
    async with open_stage((120, 35), hosting=True) as stage:
        await stage.until(lambda: stage.get(Activity).region)
        await stage.chat._look()
        assert stage.peer.wanted[-1] == commands.Files()
        await stage.tell(listing)
        assert cast.look(stage.get(Passing))[1] == "  ⇄ bob → eve  12.4 MB, 3 s"
        assert "bob → eve" not in stage.all()
        stage.chat._looking = False
        await stage.tell(listing)  # this time somebody asked
        assert "bob → eve  12.4 MB, 3 s" in stage.all()
        await stage.pilot.press("f5")
        await stage.chat._look()
        assert not stage.get(Passing).display


# --- dropped paths, and ^O ---


def made(path: Path, size: int = 1_000) -> Path:
    path.write_bytes(b"x" * size)
    return path


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return made(tmp_path / "two words.txt")


async def test_a_dropped_file_is_sent_when_that_is_meant(open_stage: Open, file: Path) -> None:
    async with open_stage() as stage:
        stage.app.post_message(keys.Paste(f"'{file}'"))
        await stage.until(lambda: isinstance(stage.app.screen, Question))
        said = str(stage.app.screen.query_one(Static).render())
        assert "two words.txt  (1.0 KB)" in said
        assert "To all in #general: 3 here, you included" in said
        assert stage.peer.wanted == []
        await answer(stage, "send")
        await stage.until(lambda: stage.peer.wanted == [SEND(str(file))])
        assert stage.composer.text == ""


async def test_who_comes_while_it_is_asked_is_counted(
    open_stage: Open, cast: SimpleNamespace, file: Path
) -> None:
    async with open_stage() as stage:
        stage.app.post_message(keys.Paste(str(file)))
        await stage.until(lambda: isinstance(stage.app.screen, Question))
        await stage.tell(ev.MemberJoined(time=cast.NOW, name="dora", member="d0" * 32))
        asked = stage.app.screen.query_one(Static)
        await stage.until(lambda: "To all in #general: 4 here, you included" in str(asked.render()))
        assert "two words.txt  (1.0 KB)" in str(asked.render())


async def test_a_key_that_was_meant_for_the_input_answers_nothing(open_stage: Open, file: Path) -> None:
    async with open_stage() as stage:
        stage.app.post_message(keys.Paste(str(file)))
        await stage.until(lambda: isinstance(stage.app.screen, Question))
        await stage.pilot.press("enter")
        assert isinstance(stage.app.screen, Question)
        assert stage.peer.wanted == []
        await stage.until(lambda: not stage.app.screen.query_one(Choices).disabled)
        await stage.pilot.press("enter")
        await stage.until(lambda: stage.peer.wanted == [SEND(str(file))])


async def test_a_dropped_path_is_inserted_when_that_is_meant(open_stage: Open, file: Path) -> None:
    async with open_stage() as stage:
        stage.app.post_message(keys.Paste(str(file)))
        await answer(stage, "text")
        assert stage.composer.text == str(file)
        await stage.pilot.press("enter")  # a text, although it begins with a slash
        await stage.until(lambda: stage.peer.wanted == [commands.Say(str(file), "general")])


async def test_several_dropped_files(open_stage: Open, tmp_path: Path) -> None:
    paths = [str(made(tmp_path / name)) for name in ("a", "b")]
    async with open_stage() as stage:
        stage.app.post_message(keys.Paste("\n".join(paths)))
        await answer(stage, "send")
        await stage.until(lambda: stage.peer.wanted == [SEND(path) for path in paths])


async def test_what_is_no_path_or_joins_a_text_is_pasted(open_stage: Open, file: Path) -> None:
    async with open_stage() as stage:
        stage.app.post_message(keys.Paste(f"{file}x"))
        await stage.until(lambda: stage.composer.text == f"{file}x")
        stage.app.post_message(keys.Paste(str(file)))
        await stage.until(lambda: stage.composer.text == f"{file}x{file}")
        assert isinstance(stage.app.screen, ChatScreen)
