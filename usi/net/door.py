"""The door of a host: newcomers prove here that they have the code of an invitation, or a password.

To the hub they are nobody until then. Who has been wrong is kept out for a while, and who knocks learns nothing else.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Literal

from usi.core import events, wire
from usi.core import invitation as inviting
from usi.core.accounts import Account, Accounts
from usi.core.errors import Left, LocalError, OutOfTurn, PasswordNeeded, PeerError, WrongPassword
from usi.core.invitation import Invitation, Invitations
from usi.core.language import tr
from usi.core.login import Logins
from usi.core.trace import Direction, Trace, Value
from usi.net.link import Link
from usi.net.side import Person
from usi.store.house import House

KNOCKS = (wire.Claim, wire.Login, wire.Ask, wire.Prove, wire.Unlock)
"""What is said at the door."""
_ACCOUNTS_SECONDS = 2.0  # between looks at whether the accounts file has changed


class Door:
    """`key` is the id of the host's key. `person`, the host's own, is told of invitations and accounts. `arrive` brings
    a link to the hub: with whether it has shown a code, and the account whose password it has shown. `trace` shows what
    was said with a link, by its number; `reread` gives the hub the accounts when their file has changed."""

    def __init__(
        self,
        house: House,
        key: bytes,
        person: Person,
        arrive: Callable[[Link, bool, Account | None], None],
        trace: Callable[[int, Trace], None],
        reread: Callable[[Accounts], None],
    ) -> None:
        self._house = house
        self._key = key
        self._person = person
        self._arrive = arrive
        self._trace = trace
        self._reread = reread
        self._loop = asyncio.get_running_loop()
        self._invitations = Invitations()
        self._logins = Logins(time.monotonic)
        self._logins.shared = house.password
        self._logins.accounts = house.accounts.accounts if house.accounts is not None else None
        self._admitted: set[int] = set()
        """Links that have shown a code or a password, and not joined yet."""
        self._looked = 0.0
        self._looking: asyncio.Future[bool] | None = None

    def invite(self, addresses: list[str], port: int) -> list[str]:
        """Make an invitation, and tell the person; returns its line to paste for each of these addresses. Raises
        `TooManyInvitations`."""
        now = time.time()  # not the loop's clock, which stands still while a laptop sleeps
        invitation = self._invitations.new(now)
        links = [inviting.pasted(address, port, self._key, invitation.code) for address in addresses]
        self._tell(invitation, "open", code=invitation.code, links=links)
        return links

    def _tell(
        self,
        invitation: Invitation,
        state: Literal["open", "used", "failed", "burned"],
        *,
        code: str | None = None,
        links: list[str] | None = None,
        address: str | None = None,
    ) -> None:
        self._person.tell(
            events.Invitation(
                time=datetime.now(UTC),
                state=state,
                locator=invitation.locator,
                until=datetime.fromtimestamp(invitation.until, UTC),
                failed=invitation.failed,
                limit=inviting.MAX_TRIES,
                code=code,
                links=links,
                address=address,
            )
        )

    # --- what newcomers say ---

    def owes(self, link: int) -> bool:
        """Whether this link has begun to prove something, and not ended it."""
        return self._invitations.owes(link) or self._logins.owes(link)

    def let_in(self, link: int) -> None:
        """A link wants to join: raises the `PeerError` for which it may not."""
        if self.owes(link):
            raise OutOfTurn(what="join")
        if self._house.password is not None and link not in self._admitted:
            raise PasswordNeeded
        self._admitted.discard(link)

    def hear(self, link: Link, message: wire.Message) -> None:
        """One of `KNOCKS`, of a link that has not joined; where it is wrong, the link is closed."""
        number = link.number
        try:
            match message:
                case wire.Claim():
                    self._hear_claim(link, message)
                case wire.Prove() if not self._logins.owes(number):
                    self._hear_code(link, message)
                case wire.Login():
                    if self._invitations.owes(number):
                        raise OutOfTurn(what="login")
                    link.send(self._logins.begin(number, link.network, message))
                case wire.Ask():
                    challenge, wait = self._logins.challenge(number, message, link.session.exporter)
                    self._note(link, "claim", "in", purpose="account", point=message.point)
                    self._loop.call_later(wait, link.send, challenge)
                case wire.Prove():
                    self._logins.prove(number, message)
                case wire.Unlock():
                    account = self._logins.unlock(number, message)
                    self._note(link, "prove", "in", fits=True)
                    self._admitted.add(number)
                    self._arrive(link, self._invitations.proved(number), account)
        except PeerError as error:
            link.close(error)

    def _hear_claim(self, link: Link, message: wire.Claim) -> None:
        if self._logins.owes(link.number):
            raise OutOfTurn(what="claim")
        exporter = link.session.exporter
        challenge = self._invitations.challenge(link.number, link.network, message, exporter, time.time())
        self._note(link, "claim", "in", purpose="invitation", locator=message.locator, point=message.point)
        self._note(link, "challenge", "out", point=challenge.point, confirmation=challenge.confirmation)
        link.send(challenge)

    def _hear_code(self, link: Link, message: wire.Prove) -> None:
        invitation = self._invitations.check(link.number, message)
        self._note(link, "prove", "in", confirmation=message.confirmation, fits=True)
        self._tell(invitation, "used", address=link.place)
        self._admitted.add(link.number)
        self._arrive(link, True, None)

    def _note(self, link: Link, step: str, direction: Direction, /, **detail: Value) -> None:
        self._trace(link.number, Trace(step, direction, detail))

    def gone(self, link: Link, error: PeerError | None) -> PeerError | None:
        """A link ended that has not joined; returns what that is to be called, or None where the person was told of it
        as a try of an invitation."""
        self._admitted.discard(link.number)
        wrong = self._invitations.gone(link.number)
        if self._logins.gone(link.number):
            error = WrongPassword()
        if wrong is None:
            return error or Left()
        self._tell(wrong, "burned" if wrong.burned else "failed", address=link.place)
        return None

    # --- the accounts ---

    def tick(self, now: float) -> None:
        """Read the accounts file again where it has changed."""
        file = self._house.accounts
        if file is None or now - self._looked < _ACCOUNTS_SECONDS or self._looking is not None:
            return
        self._looked = now
        self._looking = self._loop.run_in_executor(None, file.refresh)
        self._looking.add_done_callback(self._looked_at_accounts)

    def _looked_at_accounts(self, looking: asyncio.Future[bool]) -> None:
        self._looking = None
        file, error = self._house.accounts, None if looking.cancelled() else looking.exception()
        if isinstance(error, LocalError):
            self._person.tell(events.Notice(time=datetime.now(UTC), code=error.code, text=str(error)))
        elif error is None and not looking.cancelled() and looking.result() and file is not None:
            self._logins.accounts = file.accounts
            self._reread(file.accounts)
            text = tr("The accounts were read again: {count}.", count=len(file.accounts))
            self._person.tell(events.Notice(time=datetime.now(UTC), code="accounts-read", text=text))
