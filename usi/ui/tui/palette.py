"""What the command palette finds: our commands, the members to verify, and the themes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Protocol, cast

from textual.command import CommandPalette, DiscoveryHit, Hit, Hits, Provider
from textual.content import Content
from textual.theme import ThemeProvider
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from usi.core import commands
from usi.core.language import labelled, tr
from usi.ui import amounts
from usi.ui.tui.dialogs import Dialogs
from usi.ui.tui.offers import label_of
from usi.ui.tui.texts import inline
from usi.ui.tui.transfers import Deal, short

_NAME = 40  # cells of a file's name


class Performer(Protocol):
    """What the palette asks of the application."""

    dialogs: Dialogs

    def perform(self, intent: commands.Intent) -> None: ...
    def prefill(self, text: str) -> None: ...
    def go_to(self, room: str) -> None: ...
    def conversations(self) -> list[str]: ...
    def choose_file(self) -> None: ...
    def deals(self) -> list[Deal]: ...
    def deal_with(self, number: int, deed: str) -> None: ...
    def choose_theme(self) -> None: ...


@dataclass(frozen=True)
class _Found:
    """An offer of the palette."""

    text: str
    help: str
    run: Callable[[], None]


class Offers(Provider):
    """Offers that are text, never markup."""

    @property
    def performer(self) -> Performer:
        return cast(Performer, self.app)

    async def discover(self) -> Hits:
        for found in self.offers():
            yield DiscoveryHit(Content(found.text), found.run, found.text, _plain(found.help))

    async def search(self, query: str) -> Hits:
        fuzzy, style = self.matcher(query).fuzzy_search, self.match_style or "bold"
        for found in self.offers():
            in_text, places = fuzzy.match(query, found.text)
            in_help, _ = fuzzy.match(query, found.help)
            if in_text or in_help:
                shown = Content(found.text)  # Textual's own highlighting reads markup
                for place in places:
                    shown = shown.stylize(style, place, place + 1)
                yield Hit(max(in_text, in_help / 2), shown, found.run, found.text, _plain(found.help))

    def offers(self) -> Iterable[_Found]:
        """The commands of the registry (what takes a text goes to the input to be completed), themes, the other
        conversations, and the members that there is something to compare with."""
        performer, dialogs = self.performer, self.performer.dialogs
        yield from map(self._offer, commands.COMMANDS)
        yield _Found(tr("Send a file or folder"), tr("choose it, and offer it to this conversation"),
                     performer.choose_file)  # fmt: skip
        for deal in performer.deals():
            yield from self._about(deal)
        yield _Found(tr("Search earlier messages"), tr("in this room, where the host keeps them"), dialogs.search)
        yield _Found(tr("Theme"), tr("choose other colours, for this run"), performer.choose_theme)
        for room in performer.conversations():
            said = tr("Go to {room}", room=inline(room))
            yield _Found(said, tr("another conversation"), partial(performer.go_to, room))
        for member in dialogs.others():
            state = tr("verified") if member.verified else tr("not verified")
            yield _Found(tr("Verify {name}", name=inline(member.name)), state, partial(dialogs.verify, member.member))

    def _about(self, deal: Deal) -> Iterable[_Found]:
        """What can be done about an offer of a file."""
        name, whose = short(deal.offer.name, _NAME), tr("you") if deal.offer.mine else inline(deal.offer.from_)
        for deed in deal.deeds:
            text = labelled(f"{label_of(deed)[:1].upper()}{label_of(deed)[1:]}", name)
            told = f"#{deal.number}, {whose}, {amounts.size(deal.offer.size)}"
            yield _Found(text, told, partial(self.performer.deal_with, deal.number, deed))

    def _offer(self, command: commands.Command) -> _Found:
        performer, spelling = self.performer, command.spelling

        def run() -> None:
            try:
                intent = command.build("")
            except ValueError:
                performer.prefill(f"{spelling} ")
            else:
                performer.perform(intent)

        return _Found(command.listed, tr(command.summary), run)


class Palette(CommandPalette):
    """Textual's palette, with its answer to a search that finds nothing in the person's language."""

    DEFAULT_CSS = """
    Palette.-low #--container { margin-top: 0; }
    Palette.-low #--input, Palette.-low #--input.--list-visible { border: none; }
    Palette.-low #--input Label, Palette.-low #--input CommandInput { margin: 0; border: none; height: 1; }
    """
    VERTICAL_BREAKPOINTS = [(0, "-low"), (18, "-high")]

    def _start_no_matches_countdown(self, search_value: str) -> None:
        self._stop_no_matches_countdown()

        def tell() -> None:
            if search_value:  # nothing was found, rather than nothing looked for
                said = Content(tr("Nothing found"))
                self.query_one(OptionList).add_option(Option(said, disabled=True, id=self._NO_MATCHES))
            self._list_visible = bool(search_value)

        self._no_matches_timer = self.set_timer(self._NO_MATCHES_COUNTDOWN, tell)


def palette() -> Palette:
    return Palette(placeholder=tr("Search for commands and members …"), id="--command-palette")


def themes() -> Palette:
    return Palette(providers=[ThemeProvider], placeholder=tr("Search for themes …"))


def _plain(text: str) -> str:
    """For a place where Textual reads markup."""
    return Content(text).markup
