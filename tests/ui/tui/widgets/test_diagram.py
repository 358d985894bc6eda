"""The key exchange drawn as a sequence."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from types import SimpleNamespace
from typing import ClassVar

import pytest
from rich.cells import cell_len
from textual.pilot import Pilot

from usi.core import events as ev
from usi.core.trace import Detail, Secret
from usi.ui.tui.inspection import Exchange
from usi.ui.tui.widgets.diagram import Diagram

Show = Callable[..., AbstractAsyncContextManager[Pilot[None]]]


@pytest.fixture
def exchanged(cast: SimpleNamespace) -> Callable[..., Exchange]:
    """A key exchange as a client or a host sees it."""

    def made(*, hosting: bool = False, **detail: object) -> Exchange:
        exchange = Exchange("host:1")
        out, got = ("in", "out") if hosting else ("out", "in")
        ways = {"hello": out, "offer": got, "kem": "here", "answer": out, "keys": "here", "fingerprint": "here"}
        for step, way in ways.items():
            values = Detail({"commitment": "ab" * 32, **detail})
            exchange.steps[step] = ev.TraceEvent(time=cast.NOW, step=step, direction=way, detail=values, link="host:1")
        return exchange

    return made


@pytest.fixture
async def opened(show: Show, exchanged: Callable[..., Exchange]) -> AsyncIterator[tuple[Diagram, Pilot[None]]]:
    async with show(diagram := Diagram(), (80, 24)) as pilot:
        diagram.show_exchange(exchanged())
        diagram.focus()
        await pilot.pause()
        yield diagram, pilot


def arrows(lines: list[str]) -> list[str]:
    """The steps as drawn: their ends and titles."""
    stripped = (line.strip("▸▾ ") for line in lines)
    steps = (line for line in stripped if line and line[-1] in "│┤◆" and any(digit in line for digit in "123456"))
    return [
        f"{'◀' if '◀' in line else line[0]} {line.strip('├│┤◀▶◆─╌ ')} {'▶' if '▶' in line else line[-1]}"
        for line in steps
    ]


@pytest.mark.parametrize("size", [(80, 24), (40, 10), (120, 35)])
async def test_both_sides_are_drawn(
    show: Show, exchanged: Callable[..., Exchange], cast: SimpleNamespace, size: tuple[int, int]
) -> None:
    async with show(diagram := Diagram(), size) as pilot:
        diagram.show_exchange(exchanged())
        await pilot.pause()
        lines = cast.look(diagram)
        assert lines[0].split() == ["client", "(you)", "host"]
        assert arrows(lines) == [
            "├ 1 Hello · 38 bytes ▶",
            "◀ 2 Offer · 1,504 bytes ┤",
            "◆ 3 Shared secrets ◆",
            "├ 4 Answer · 1,936 bytes ▶",
            "◆ 5 Session keys ◆",
            "◆ 6 Fingerprint and words ◆",
        ]
        assert all(cell_len(line) <= size[0] for line in lines)
        diagram.show_exchange(exchanged(hosting=True))
        await pilot.pause()
        lines = cast.look(diagram)
        assert lines[0].split() == ["client", "host", "(you)"]
        assert arrows(lines)[:3] == [
            "├ 1 Hello · 38 bytes ▶",
            "◀ 2 Offer · 1,504 bytes ┤",
            "├ 3 Answer · 1,936 bytes ▶",
        ]


async def test_the_two_of_a_private_connection_are_called_by_name(
    show: Show, exchanged: Callable[..., Exchange], cast: SimpleNamespace
) -> None:
    async with show(diagram := Diagram(), (80, 24)) as pilot:
        for hosting, sides in ((False, ["you", "[/oops]"]), (True, ["[/oops]", "you"])):
            diagram.show_exchange(replace(exchanged(hosting=hosting), link="pair [/oops]"))
            await pilot.pause()
            assert cast.look(diagram)[0].split() == sides


async def test_a_step_opens_and_closes_by_key(opened: tuple[Diagram, Pilot[None]], cast: SimpleNamespace) -> None:
    diagram, pilot = opened
    closed = cast.look(diagram)
    await pilot.press("enter")
    await pilot.pause()
    seen = "\n".join(cast.look(diagram))
    assert "What happens" in seen
    assert "The client calls." in seen
    await pilot.press("enter", "down")
    await pilot.pause()
    assert cast.look(diagram) == closed
    await pilot.press("space", "end")
    assert "computed by each side" in "\n".join(cast.look(diagram))
    await pilot.press("home", "down", "enter")
    await pilot.pause()
    assert cast.look(diagram) == closed


async def test_a_step_opens_by_mouse(opened: tuple[Diagram, Pilot[None]], cast: SimpleNamespace) -> None:
    diagram, pilot = opened
    row = next(y for y, line in enumerate(cast.look(diagram)) if "Offer" in line)
    await pilot.click(diagram, offset=(20, row))
    await pilot.pause()
    assert "The host answers" in "\n".join(cast.look(diagram))


async def test_long_values_in_full(show: Show, exchanged: Callable[..., Exchange]) -> None:
    async with show(diagram := Diagram(), (80, 24)) as pilot:
        diagram.show_exchange(exchanged(mlkem_public="cd" * 1184))
        diagram.focus()
        await pilot.press("enter")
        cut = diagram.virtual_size.height
        await pilot.press("x")
        await pilot.pause()
        assert diagram.virtual_size.height > cut + 20


async def test_what_is_open_stays_open_while_steps_come(show: Show, exchanged: Callable[..., Exchange]) -> None:
    async with show(diagram := Diagram(), (80, 24)) as pilot:
        whole = exchanged()
        growing = Exchange("host:1", {"hello": whole.steps["hello"]})
        diagram.show_exchange(growing)
        diagram.focus()
        await pilot.press("enter")
        growing.steps.update(whole.steps)
        diagram.show_exchange(growing)
        await pilot.pause()
        assert [block.open for block in diagram.blocks if block.can_open] == [True, *[False] * 5]
        diagram.show_exchange(exchanged())
        assert not any(block.open for block in diagram.blocks)


async def test_a_secret_is_shown_by_key_and_by_mouse_and_masked_again(
    show: Show, exchanged: Callable[..., Exchange], cast: SimpleNamespace
) -> None:
    class Panel(Diagram):
        revealed: ClassVar[set[Secret]] = set()

        def on_unfolding_revealing(self, message: Diagram.Revealing) -> None:
            self.revealed ^= {*message.secrets}
            self.show_exchange(exchange, self.revealed)

    exchange = exchanged(shared=Secret(b"\xa5" * 4), other=Secret(b"\x3c" * 4))
    async with show(diagram := Panel(), (80, 40)) as pilot:
        diagram.show_exchange(exchange)
        diagram.focus()
        await pilot.press("home", "enter")
        await pilot.pause()
        masked = cast.look(diagram)
        assert sum("••••  secret, 4 bytes, masked" in line for line in masked) == 2
        await pilot.press("v")
        await pilot.pause()
        seen = "\n".join(cast.look(diagram))
        assert "a5a5a5a5" in seen
        assert "3c3c3c3c" in seen
        await pilot.press("v")
        await pilot.pause()
        assert cast.look(diagram) == masked
        row = next(y for y, line in enumerate(masked) if "masked" in line)
        for shown in (True, False):
            await pilot.click(diagram, offset=(20, row))
            await pilot.pause()
            seen = "\n".join(cast.look(diagram))
            assert ("a5a5a5a5" in seen) is shown
            assert "3c3c3c3c" not in seen
        await pilot.press("down", "v")
        await pilot.pause()
        assert "a5a5a5a5" in "\n".join(cast.look(diagram)), "a closed step opens"
        await pilot.resize_terminal(80, 8)
        await pilot.press("end", "v", "v")
        await pilot.pause()
        assert "a5a5a5a5" in "\n".join(cast.look(diagram)), "what is shown is in sight"


async def test_copying_leaves_out_the_lanes(opened: tuple[Diagram, Pilot[None]]) -> None:
    diagram, pilot = opened
    await pilot.press("enter")
    await pilot.pause()
    diagram.screen.text_select_all()
    await pilot.pause()
    text = diagram.screen.get_selected_text() or ""
    assert "The client calls. It says that it speaks USI 3, whether it has a preset key, and sends" in text


@pytest.mark.parametrize("size", [(80, 24), (40, 10)])
async def test_hostile_values(
    show: Show, exchanged: Callable[..., Exchange], cast: SimpleNamespace, size: tuple[int, int]
) -> None:
    async with show(diagram := Diagram(), size) as pilot:
        diagram.show_exchange(exchanged(**{hostile: hostile[:300] for hostile in cast.HOSTILE.values()}))
        diagram.focus()
        await pilot.press("enter", "x")
        await pilot.pause()
        for y in range(0, diagram.virtual_size.height, size[1]):
            diagram.scroll_to(y=y, animate=False, force=True)
            for line in cast.look(diagram):
                assert line.isprintable()
                assert cell_len(line) <= size[0]
