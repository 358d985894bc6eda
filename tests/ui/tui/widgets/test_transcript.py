"""The transcript as one sees it."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

from rich.cells import cell_len
from textual.pilot import Pilot

from usi.core import events as ev
from usi.ui.tui.entries import entry_of
from usi.ui.tui.entry import Entry
from usi.ui.tui.widgets.transcript import Transcript

Show = Callable[..., AbstractAsyncContextManager[Pilot[None]]]
CLOCK = f"{datetime(2030, 5, 17, 9, 41, tzinfo=UTC).astimezone():%H:%M}"


def entry(event: ev.Event) -> Entry:
    made = entry_of(event)
    assert made is not None
    return made


async def test_columns(show: Show, cast: SimpleNamespace) -> None:
    async with show(transcript := Transcript(), (53, 12)) as pilot:
        own = entry(cast.said("oui, je vois ça", mine=True))
        transcript.append(
            [
                entry(cast.said("Bonjour !")),
                entry(cast.said("first line\n  second line", name="Maximiliane")),
                own,
                entry(cast.said("waves", kind="me")),
                entry(ev.MemberLeft(time=cast.NOW, name="bob", member=cast.BOB, reason="cut")),
            ]
        )
        await pilot.pause()
        assert [line for line in cast.look(transcript) if line] == [
            f"{CLOCK}  bob       Bonjour !",
            f"{CLOCK}  Maximiliane  first line",
            "                   second line",
            f"{CLOCK}  you       oui, je vois ça                   …",
            f"{CLOCK}          * bob waves",
            f"{CLOCK}  — bob left (connection lost) —",
        ]
        own.deliver()
        transcript.changed(own)
        assert cast.look(transcript)[3].endswith(" ✓")
        own.fail(ev.Failed(time=cast.NOW, id="", code="cut", text="Cut.", message=""))
        transcript.changed(own)
        await pilot.pause()
        assert cast.look(transcript)[3].endswith(" ✗")
        assert cast.look(transcript)[4].strip() == "✗ not delivered: Cut."
        assert "bob waves" in cast.look(transcript)[5]


async def test_narrow_columns(show: Show, cast: SimpleNamespace) -> None:
    async with show(transcript := Transcript(), (39, 12)) as pilot:
        transcript.append([entry(cast.said("Bonjour à tous, comment ça va ?"))])
        await pilot.pause()
        assert cast.look(transcript)[:2] == [f"{CLOCK}  bob  Bonjour à tous, comment", "       ça va ?"]


async def test_hostile_text_keeps_within_its_line(show: Show, cast: SimpleNamespace) -> None:
    async with show(transcript := Transcript(), (80, 10)) as pilot:
        for hostile in cast.HOSTILE.values():
            transcript.append(
                [
                    entry(cast.said(hostile, name=hostile[:24])),
                    entry(cast.said(hostile, name=hostile[:24], kind="me", signed_as=hostile, signature="bad")),
                    entry(ev.Disconnected(time=cast.NOW, code="x", text=hostile)),
                ]
            )
        for width in (80, 38, 12):
            await pilot.resize_terminal(width, 10)
            await pilot.pause()
            for place in range(0, transcript.max_scroll_y, transcript.max_scroll_y // 12 + 1):
                transcript.scroll_to(y=place, animate=False)
                for y in range(transcript.size.height):
                    strip = transcript.render_line(y)
                    assert strip.cell_length == cell_len(strip.text) == width - 1
                    assert strip.text.isprintable()


async def test_the_mark_of_delivery_is_not_copied(show: Show, cast: SimpleNamespace) -> None:
    async with show(transcript := Transcript(), (53, 12)) as pilot:
        own = entry(cast.said("mine", mine=True))
        own.deliver()
        transcript.append([own, entry(cast.said("yours"))])
        await pilot.pause()
        await pilot.mouse_down(Transcript, (0, 0))
        await pilot.hover(Transcript, (50, 1))
        await pilot.mouse_up(Transcript, (50, 1))
        assert pilot.app.screen.get_selected_text() == f"{CLOCK}  you       mine\n{CLOCK}  bob       yours"
        await pilot.click(Transcript, (20, 0), times=2)
        assert pilot.app.screen.get_selected_text() == "mine"


async def test_colours_follow_the_theme(show: Show, cast: SimpleNamespace) -> None:
    async with show(transcript := Transcript(), (53, 12)) as pilot:
        transcript.append([entry(cast.said("Bonjour"))])
        await pilot.pause()
        dark = transcript.render_line(0)
        pilot.app.theme = "textual-light"
        await pilot.pause()
        light = transcript.render_line(0)
        assert light.text == dark.text
        assert [segment.style for segment in light] != [segment.style for segment in dark]


async def test_ten_thousand_messages(show: Show, cast: SimpleNamespace) -> None:
    async with show(transcript := Transcript(), (80, 24)) as pilot:
        transcript.append(entry(cast.said(f"message {number}", number=number)) for number in range(10_000))
        await pilot.pause()
        assert len(transcript.blocks) == 10_000
        assert cast.look(transcript)[-1].endswith("message 9999")
        transcript.scroll_home(animate=False)
        await pilot.pause()
        assert cast.look(transcript)[0].endswith("message 0")


async def test_a_line_where_a_day_begins(show: Show, cast: SimpleNamespace) -> None:
    async with show(transcript := Transcript(), (53, 12)) as pilot:
        later = cast.NOW + timedelta(days=1)
        transcript.append([entry(cast.said("one")), entry(cast.said("two", time=later, sent_at=later))])
        old = entry(cast.said("an old clock", time=later, sent_at=cast.NOW - timedelta(days=900), late=True))
        transcript.append([old])
        await pilot.pause()
        shown = [line for line in cast.look(transcript) if line]
        assert "one" in shown[0]
        assert shown[1].strip("─ ") == f"Saturday {later.astimezone():%Y-%m-%d}"
        assert "two" in shown[2]
        assert not any("─" in line for line in shown[3:])


async def test_code_and_links_stay_as_they_were_written(show: Show, cast: SimpleNamespace) -> None:
    async with show(transcript := Transcript(), (53, 12)) as pilot:
        transcript.append([entry(cast.said("see `a  b` at https://example.org/a/long/way/to/go"))])
        await pilot.pause()
        links = [segment for y in range(3) for segment in transcript.render_line(y) if segment.style.meta.get("open")]
        assert "".join(segment.text for segment in links) == "https://example.org/a/long/way/to/go"
        assert {segment.style.meta["open"] for segment in links} == {"https://example.org/a/long/way/to/go"}
        await pilot.click(Transcript, (20, 0), times=2)
        assert pilot.app.screen.get_selected_text() == "see `a  b` at https://example.org/a/long/way/to/go"


async def test_taking_an_entry_away_moves_nothing(show: Show, cast: SimpleNamespace) -> None:
    async with show(transcript := Transcript(), (53, 5)) as pilot:
        made = [entry(cast.said(f"message {number}")) for number in range(30)]
        transcript.append(made)
        transcript.scroll_to(y=10, animate=False)
        await pilot.pause()
        before = cast.look(transcript)
        transcript.take_away(made[3])
        await pilot.pause()
        assert cast.look(transcript) == before
        assert len(transcript.blocks) == 29
        assert transcript.virtual_size.height == 29
