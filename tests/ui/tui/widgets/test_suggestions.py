"""The list above the input."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from types import SimpleNamespace

from rich.cells import cell_len
from textual.pilot import Pilot

from usi.ui.tui.completion import Candidate
from usi.ui.tui.widgets.suggestions import Suggestions

Show = Callable[..., AbstractAsyncContextManager[Pilot[None]]]


def ways(*texts: str, note: str = "") -> list[Candidate]:
    return [Candidate(text, note) for text in texts]


async def test_it_is_there_while_there_are_ways_to_go_on(show: Show, cast: SimpleNamespace) -> None:
    async with show(suggestions := Suggestions(), (40, 24)) as pilot:
        assert (suggestions.display, suggestions.candidate) == (False, None)
        suggestions.offer(ways("/me", "/mute", note="say what you do"))
        await pilot.pause()
        assert cast.look(suggestions) == ["/me  say what you do", "/mute  say what you do"]
        assert suggestions.candidate == ways("/me", note="say what you do")[0]
        suggestions.offer(())
        await pilot.pause()
        assert (suggestions.display, suggestions.candidate) == (False, None)


async def test_it_is_led_around_and_begins_at_the_top(show: Show, cast: SimpleNamespace) -> None:
    async with show(suggestions := Suggestions(), (40, 24)) as pilot:
        suggestions.offer(ways(*"abcdefgh"))
        await pilot.pause()
        assert cast.look(suggestions) == [*"abcdef"], "no higher than six lines"
        for _ in range(7):
            suggestions.action_move(1)
        await pilot.pause()
        assert suggestions.candidate == Candidate("h", "")
        assert cast.look(suggestions) == [*"cdefgh"]
        suggestions.action_move(1)
        assert suggestions.candidate == Candidate("a", "")
        suggestions.action_move(-1)
        suggestions.offer(ways(*"xyz"))
        await pilot.pause()
        assert suggestions.candidate == Candidate("x", "")
        assert suggestions.scroll_offset.y == 0


async def test_a_low_terminal_keeps_its_lines(show: Show, cast: SimpleNamespace) -> None:
    async with show(suggestions := Suggestions(), (40, 12)) as pilot:
        suggestions.offer(ways(*"abcdefgh"))
        await pilot.pause()
        assert suggestions.size.height == 3


async def test_a_click_picks_one(show: Show) -> None:
    picked: list[Candidate] = []

    class Noting(Suggestions):
        def chosen(self, block: object) -> None:
            super().chosen(block)
            picked.append(block.candidate)

    async with show(suggestions := Noting(), (40, 24)) as pilot:
        suggestions.offer(ways("one", "two"))
        await pilot.pause()
        await pilot.click(Noting, (1, 1))
        assert picked == ways("two")
        assert not suggestions.can_focus, "the input keeps the focus"


async def test_hostile_names_stay_on_their_line(show: Show, cast: SimpleNamespace) -> None:
    async with show(suggestions := Suggestions(), (30, 24)) as pilot:
        for text in cast.HOSTILE.values():
            suggestions.offer(ways(text, "a", note=text))
            await pilot.pause()
            for line in cast.look(suggestions):
                assert line.isprintable()
                assert cell_len(line) <= 30
