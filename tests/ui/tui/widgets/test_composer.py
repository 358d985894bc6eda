"""Where one writes."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from types import SimpleNamespace

import pytest
from textual import events
from textual.pilot import Pilot

from usi.ui.tui.widgets.composer import Composer
from usi.ui.tui.widgets.suggestions import Suggestions

Show = Callable[..., AbstractAsyncContextManager[Pilot[None]]]


@pytest.fixture
async def desk(show: Show) -> AsyncIterator[SimpleNamespace]:
    async with show(composer := Composer(), (40, 10)) as pilot:
        composer.focus()
        await pilot.pause()

        async def paste(text: str) -> None:
            composer.post_message(events.Paste(text))
            await pilot.pause()

        def sent() -> list[tuple[str, bool]]:
            return [(message.text, message.literal) for message in pilot.app.messages]

        yield SimpleNamespace(composer=composer, pilot=pilot, press=pilot.press, paste=paste, sent=sent)


async def test_enter_sends(desk: SimpleNamespace) -> None:
    await desk.press("h", "i", "enter", "enter", "space", "enter")
    assert desk.sent() == [("hi", False)]
    assert desk.composer.text == " "


@pytest.mark.parametrize("key", ["ctrl+j", "shift+enter", "alt+enter"])
async def test_a_new_line_does_not_send(desk: SimpleNamespace, key: str) -> None:
    await desk.press("a", key, "b")
    assert desk.composer.text == "a\nb"
    await desk.press("enter")
    assert desk.sent() == [("a\nb", False)]


async def test_empty_lines_around_a_text_are_not_sent(desk: SimpleNamespace) -> None:
    await desk.press("ctrl+j", "space", "a", "ctrl+j", "ctrl+j", "enter")
    assert desk.sent() == [(" a", False)]


async def test_keys_in_one_go_keep_their_order(desk: SimpleNamespace) -> None:
    for key, character in (("a", "a"), ("ctrl+j", "\n"), ("b", "b"), ("enter", "\r"), ("c", "c")):
        desk.pilot.app.post_message(events.Key(key, character))
    await desk.pilot.pause()
    assert desk.sent() == [("a\nb", False)]
    assert desk.composer.text == "c"


async def test_a_path_is_only_asked_about_where_nothing_is_written(desk: SimpleNamespace, tmp_path: Path) -> None:
    await desk.paste(str(tmp_path))
    assert desk.composer.text == ""
    desk.composer.insert_pasted(str(tmp_path), literal=True)
    await desk.press("enter")
    assert desk.sent() == [(str(tmp_path), True)]
    await desk.press("x")
    await desk.paste(str(tmp_path))
    assert desk.composer.text == f"x{tmp_path}"


async def test_a_paste_of_many_lines_is_one_text_and_no_command(desk: SimpleNamespace) -> None:
    await desk.paste("/quit\r\nnow\rplease")
    assert desk.sent() == []
    await desk.press("enter")
    assert desk.sent() == [("/quit\nnow\nplease", True)]


async def test_what_is_typed_before_a_paste_is_meant(desk: SimpleNamespace) -> None:
    await desk.press(*"/me ")
    await desk.paste("one\ntwo")
    await desk.press("enter")
    await desk.paste("one\ntwo")
    await desk.press("up", "home", *"/me ", "enter")
    assert desk.sent() == [("/me one\ntwo", False)] * 2


async def test_a_pasted_line_is_like_a_typed_one(desk: SimpleNamespace) -> None:
    await desk.paste("/help\n")
    assert desk.composer.text == "/help"
    await desk.press("enter")
    assert desk.sent() == [("/help", False)]


async def test_a_paste_that_was_deleted_is_forgotten(desk: SimpleNamespace) -> None:
    await desk.paste("/help\nnow")
    await desk.press("f7", "delete")
    await desk.pilot.pause()
    await desk.press(*"/help", "enter")
    assert desk.sent()[-1] == ("/help", False)


async def test_a_paste_cannot_command_the_terminal(desk: SimpleNamespace) -> None:
    await desk.paste("\x1b[31mred\x07\x9b2J\ttab")
    assert "red" in desk.composer.text
    assert "\ttab" in desk.composer.text
    assert desk.composer.text.replace("\t", "").isprintable()


async def test_drafts_of_several_conversations(desk: SimpleNamespace) -> None:
    it = desk.composer
    it.insert("to the\nroom")
    it.move_cursor((0, 2))
    room = it.exchange(None)
    assert (it.text, room.written.text, room.cursor) == ("", "to the\nroom", (0, 2))
    it.paste("/pasted\nlines")
    other = it.exchange(room)
    assert (it.text, it.cursor_location, it.written.literal) == ("to the\nroom", (0, 2), False)
    it.exchange(other)
    assert (it.text, it.written.literal) == ("/pasted\nlines", True)
    await desk.pilot.pause()
    assert it.written.literal, "what was pasted is never a command, also when one comes back to it"


def test_a_refused_text_waits_in_front_of_a_draft() -> None:
    refused = Composer.Submitted("/refused", literal=False)
    assert refused.before(None) == Composer.Draft(refused, (0, 8))
    since = Composer.Draft(Composer.Submitted("since", literal=True), (0, 0))
    whole = refused.before(since)
    assert (whole.written, whole.cursor) == (Composer.Submitted("/refused\nsince", literal=False), (1, 5))


async def test_history(desk: SimpleNamespace) -> None:
    await desk.press("a", "enter", "b", "enter", "b", "enter", "n", "up")
    assert desk.composer.text == "b"
    await desk.press("up", "up")
    assert desk.composer.text == "a"
    await desk.press("down", "down")
    assert desk.composer.text == "n"
    await desk.press("down")
    assert desk.composer.text == "n"


async def test_arrows_move_inside_a_text_first(desk: SimpleNamespace) -> None:
    await desk.press("a", "enter", "b", "ctrl+j", "c", "up")
    assert desk.composer.text == "b\nc"
    await desk.press("up")
    assert desk.composer.text == "a"
    await desk.press("down")
    assert desk.composer.text == "b\nc"


async def test_history_remembers_what_was_pasted(desk: SimpleNamespace) -> None:
    await desk.paste("/quit\nnow")
    await desk.press("enter", "up", "enter")
    assert desk.sent() == [("/quit\nnow", True)] * 2


async def test_a_refused_text_comes_back(desk: SimpleNamespace) -> None:
    await desk.press(*"first", "enter")
    refused = desk.pilot.app.messages[0]
    assert desk.composer.give_back(refused) == "first"
    await desk.press("enter", *"new")
    assert desk.composer.give_back(refused) == "first\nnew"
    await desk.press("f7", "delete", "up")
    assert desk.composer.text == ""


async def test_long_and_hostile_texts_can_be_written(desk: SimpleNamespace, cast: SimpleNamespace) -> None:
    for hostile in cast.HOSTILE.values():
        await desk.paste(hostile[:2_000])
        desk.composer.action_cursor_left()
        desk.composer.action_earlier()
        desk.composer.action_later()
        assert desk.composer.text
        desk.composer.clear()


# --- completion ---


@pytest.fixture
async def listing(desk: SimpleNamespace) -> SimpleNamespace:
    """The same desk with the list above it, and people to name."""
    suggestions = Suggestions()
    await desk.pilot.app.screen.mount(suggestions, before=desk.composer)
    desk.composer.suggestions, desk.composer.names = suggestions, ["bob", "bobby", "alice"]
    desk.suggestions = suggestions
    return desk


async def test_tab_goes_as_far_as_there_is_one_way(listing: SimpleNamespace) -> None:
    await listing.press(*"hello @b", "tab")
    assert listing.composer.text == "hello @bob"
    assert listing.suggestions.display
    await listing.press("tab", "enter")
    assert listing.composer.text == "hello @bobby "
    assert not listing.suggestions.display
    assert listing.sent() == []
    await listing.press("enter")
    assert listing.sent() == [("hello @bobby ", False)]


async def test_the_list_narrows_and_closes(listing: SimpleNamespace) -> None:
    await listing.press("/", "tab")
    every = len(listing.suggestions.blocks)
    await listing.press("m")
    await listing.pilot.pause()
    assert 0 < len(listing.suggestions.blocks) < every
    await listing.press("escape")
    assert not listing.suggestions.display
    assert listing.composer.text == "/m"
    await listing.press("tab", "x", "y", "z")
    await listing.pilot.pause()
    assert not listing.suggestions.display


async def test_a_complete_word_is_sent(listing: SimpleNamespace) -> None:
    await listing.press(*"b", "tab", *"ob")
    listing.composer.clear()
    await listing.press(*"/", "tab", *"users", "enter", "enter")
    assert listing.sent() == [("/users", False)] or listing.sent() == [("/users ", False)]


async def test_arrows_choose_in_the_list(listing: SimpleNamespace) -> None:
    await listing.press("x", "enter", "b", "tab", "down", "up", "up", "enter")
    assert listing.composer.text == "bobby "


async def test_tab_without_a_text_goes_on(listing: SimpleNamespace) -> None:
    await listing.press("n", "o", "tab")
    assert listing.composer.text == "no"
