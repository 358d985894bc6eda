"""Who is here, and what proves it."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from types import SimpleNamespace

import msgspec
from rich.cells import cell_len
from textual.pilot import Pilot

from usi.ui.tui.widgets.members import Card, Members

Show = Callable[..., AbstractAsyncContextManager[Pilot[None]]]


async def test_marks(show: Show, cast: SimpleNamespace) -> None:
    async with show(members := Members(), (21, 6)) as pilot:
        host, alice, bob = cast.THERE.members
        members.seat([msgspec.structs.replace(host, verified=True), alice, bob])
        await pilot.pause()
        assert cast.look(members)[:4] == ["♦ host ✔", "● alice you", "● bob", ""]


async def test_who_is_away_is_seen_without_colours(show: Show, cast: SimpleNamespace) -> None:
    async with show(members := Members(), (21, 6)) as pilot:
        host, alice, bob = (msgspec.structs.replace(each, away=True) for each in cast.THERE.members)
        members.seat([host, alice, msgspec.structs.replace(bob, name="b" * 24)])
        await pilot.pause()
        assert cast.look(members)[:3] == ["♦ host (away)", "○ alice you (away)", "○ bbbbbbbbbb… (away)"]


async def test_hostile_names_stay_on_their_line(show: Show, cast: SimpleNamespace) -> None:
    async with show(members := Members(), (21, 14)) as pilot:
        members.seat([cast.member(name, cast.BOB, me=True) for name in cast.HOSTILE.values()])
        for width in (21, 9):
            await pilot.resize_terminal(width, 14)
            await pilot.pause()
            for y in range(len(cast.HOSTILE)):
                strip = members.render_line(y)
                assert cell_len(strip.text) == strip.cell_length == width - 1
                assert strip.text.isprintable()
                assert strip.text.rstrip().endswith(" you")


async def test_a_thousand_members(show: Show, cast: SimpleNamespace) -> None:
    async with show(members := Members(), (21, 6)) as pilot:
        members.seat([cast.member(f"guest-{number}", f"{number:064x}") for number in range(1000)])
        await pilot.pause()
        members.scroll_end(animate=False)
        await pilot.pause()
        assert cast.look(members)[-1] == "● guest-999"
        members.seat([])
        await pilot.pause()
        assert cast.look(members)[0] == ""


async def test_a_guest_has_its_link_to_compare(show: Show, cast: SimpleNamespace) -> None:
    async with show(card := Card(), (20, 12)) as pilot:
        card.show_link(cast.CONNECTED)
        await pilot.pause()
        assert cast.look(card) == [
            "Compare with host",
            "sierra tulip",
            "walnut yodel",
            *["0123 4567 89ab cdef"] * 4,
        ]


async def test_in_private_there_is_the_other_one_to_compare_with(show: Show, cast: SimpleNamespace) -> None:
    async with show(card := Card(), (20, 12)) as pilot:
        card.show_partner(cast.member("[/oops]", cast.BOB))
        await pilot.pause()
        assert cast.look(card) == ["Compare with [/oops]", "F2 shows what"]
        card.show_partner(cast.member("bob", cast.BOB, proof=True))
        await pilot.pause()
        assert cast.look(card) == ["Compare with bob", "sierra tulip", "walnut yodel", *["0123 4567 89ab cdef"] * 4]


async def test_a_host_has_its_key_to_hand_out(show: Show, cast: SimpleNamespace) -> None:
    key = "bm90IGEga2V5LCBidXQgYXMgbG9uZyBhcyBvbmUgaXMhIQ=="
    async with show(card := Card(), (20, 12)) as pilot:
        card.show_host(cast.LISTENING)
        await pilot.pause()
        assert cast.look(card)[0] == "This host's key"
        card.show_host(msgspec.structs.replace(cast.LISTENING, preset_key=key, preset_fingerprint="ab" * 32))
        await pilot.pause()
        shown = cast.look(card)
        assert "".join(shown[1:4]) == key
        assert shown[4:] == ["abab abab abab abab"] * 4
        await pilot.click(Card, (3, 2), times=2)
        assert key in (pilot.app.screen.get_selected_text() or "").split("\n")
        card.show_host(msgspec.structs.replace(cast.LISTENING, preset_fingerprint="ab" * 32))
        await pilot.pause()
        assert cast.look(card)[:2] == ["Preset key", "abab abab abab abab"]
