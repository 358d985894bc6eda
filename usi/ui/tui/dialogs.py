"""The dialogs about members, rooms and proofs: when they come up, and what is done with their answers."""

from __future__ import annotations

from collections.abc import Callable

from textual.app import App
from textual.notifications import SeverityLevel

from usi.core import commands
from usi.core import events as ev
from usi.core.language import tr
from usi.ui import trust
from usi.ui.tui.screens.chat import ChatScreen
from usi.ui.tui.screens.member import Deed, MemberInfo, MemberMenu
from usi.ui.tui.screens.rooms import FoundDialog, ReasonDialog, RoomsDialog
from usi.ui.tui.screens.trust import InvitationDialog, PasswordDialog, toast_of
from usi.ui.tui.screens.verify import Answer, Chooser, VerifyDialog
from usi.ui.tui.texts import inline
from usi.ui.tui.widgets.composer import Composer


class Dialogs:
    """`say` says something for a moment."""

    def __init__(
        self, app: App[int], chat: ChatScreen, say: Callable[[str, SeverityLevel], None], *, hosting: bool
    ) -> None:
        self._app = app
        self._chat = chat
        self._say = say
        self._hosting = hosting

    def hear(self, event: ev.Event) -> None:
        """Show what has to be looked at or answered."""
        match event:
            case ev.MemberLeft() if not event.here:
                self.close_verify(event.member, tr("{name} left.", name=inline(event.name)))
            case ev.Verification():
                self._show_verification(event)
            case ev.Rooms():
                self._show_rooms(event)
            case ev.Found():
                self.search(event)
            case ev.Invitation(state="open"):
                _ = self._app.push_screen(InvitationDialog(event))
            case ev.Password(state="wanted"):
                dialog = PasswordDialog(event.name, answering=self._hosting)
                _ = self._app.push_screen(dialog, lambda typed: self._chat.ask(commands.Secret(typed or "")))
            case ev.Invitation() | ev.Password(state="asked" | "differs"):
                self._echo(*toast_of(event))
            case ev.Conversation(state="asked"):
                self._echo(inline(event.text), "warning")
            case _:
                pass

    def _echo(self, sentence: str, severity: SeverityLevel) -> None:
        """Say for a moment what stands in the transcript, too: not where that is in sight and there is room for little
        else."""
        chat = self._chat
        if not (self._app.screen is chat and chat.has_class("-low") and chat.transcript.following):
            self._say(sentence, severity)

    # --- comparing ---

    def choose_to_verify(self) -> None:
        """Compare with a member: with the only one there is, or with one to be chosen."""
        others = self._partners() or self.others()
        if not others:
            self._say(tr("Nobody has joined yet, so there is nobody to compare with."), "warning")
        elif len(others) == 1:
            self.verify(others[0].member)
        else:
            _ = self._app.push_screen(Chooser(others), self._chosen_to_verify)

    def _partners(self) -> list[ev.Member]:
        """The others in the private conversation on the screen."""
        situation = self._chat.situation
        talk = situation.talks.get(situation.status.room)
        ids = {partner.member for partner in talk.members if not partner.me} if talk is not None else set()
        return [member for member in situation.seated() if member.member in ids]

    def others(self) -> list[ev.Member]:
        """Those that there is a connection of one's own to."""
        seated = self._chat.situation.seated()
        return [member for member in seated if member.fingerprint is not None and not member.me]

    def _chosen_to_verify(self, member: str | None) -> None:
        if member is not None:
            self.verify(member)

    def verify(self, member: str) -> None:
        """Ask what is to be compared with a member; the answer opens the dialog."""
        found = self._chat.situation.members.get(member)
        if found is not None:
            self._chat.ask(commands.Verify(found.name))

    def _show_verification(self, event: ev.Verification) -> None:
        """What is to be compared is shown; what came of it is told."""
        if event.state == "differs":
            self._echo(trust.differs(event), "error")
        elif event.state == "verified" and not event.asked:
            self._echo(trust.verified(event), "information")
        elif not any(isinstance(screen, VerifyDialog) for screen in self._app.screen_stack):
            dialog = VerifyDialog(event, self._hosting)
            _ = self._app.push_screen(dialog, lambda answer: self._answered(event, answer))

    def _answered(self, shown: ev.Verification, answer: Answer | None) -> None:
        member = self._chat.situation.members.get(shown.member)
        if answer in ("match", "differ"):
            name = member.name if member is not None else shown.name
            self._chat.ask(commands.Verify(name, answer == "match"))

    def close_verify(self, member: str | None, why: str) -> None:
        """The one to compare with is gone (None: everybody)."""
        screen = self._app.screen
        if isinstance(screen, VerifyDialog) and member in (None, screen.shown.member):
            _ = screen.dismiss(None)
            if why:
                self._say(why, "warning")

    # --- members ---

    def open_menu(self, member: ev.Member) -> None:
        """What can be done about a member."""
        menu = MemberMenu(member, moderates=self._chat.situation.moderates)
        _ = self._app.push_screen(menu, lambda deed: self._do(deed, member))

    def _do(self, deed: Deed | None, member: ev.Member) -> None:
        match deed:
            case "talk":
                self._chat.ask(commands.Private((member.name,)))
            case "block":
                self._chat.ask(commands.Block(member.name))
            case "verify":
                self.verify(member.member)
            case "mention":
                composer = self._chat.query_one(Composer)
                composer.focus()
                composer.insert(f"{inline(member.name)} ")
            case "silence":
                self._chat.ask(commands.Order("silence", member.name))
            case "kick" | "ban" as word:
                self._remove(word, member)
            case "info":
                _ = self._app.push_screen(MemberInfo(self._chat.situation.members.get(member.member, member)))
            case _:
                pass

    def _remove(self, word: str, member: ev.Member) -> None:
        """Remove a member, once there is a reason, which may be empty."""
        name = inline(member.name)
        if word == "kick":
            dialog = ReasonDialog(tr("Remove {name}", name=name), tr("It may come back: a ban keeps it out."))
        else:
            until = tr("Its key and its name are kept out until /unban, or until the host stops if it keeps no bans; "
                       "/ban takes a time, too.")
            dialog = ReasonDialog(tr("Remove and keep out {name}", name=name), until)

        def decided(reason: str | None) -> None:
            if reason is not None:
                self._chat.ask(commands.Order(word, member.name, text=reason[:200]))

        _ = self._app.push_screen(dialog, decided)

    # --- rooms ---

    def _show_rooms(self, event: ev.Rooms) -> None:
        def chosen(room: str | None) -> None:
            if room is not None:
                self._chat.ask(commands.Go(room))

        _ = self._app.push_screen(RoomsDialog(event), chosen)

    def search(self, found: ev.Found | None = None) -> None:
        """Look for something in the room on the screen; `found` is what came of it before."""
        room = found.room if found is not None else self._chat.situation.status.room

        def wanted(needle: str | None) -> None:
            if needle is not None:
                self._chat.ask(commands.Search(needle))

        _ = self._app.push_screen(FoundDialog(found, room), wanted)
