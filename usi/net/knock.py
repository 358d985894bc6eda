"""A guest at a host's door: it shows there that it has the code of an invitation, or a password.

The other half is `net.door`. Nothing else is said before the host has shown that it has the same.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from functools import partial

from usi.core import invitation as inviting
from usi.core import wire
from usi.core.accounts import Login, login_of
from usi.core.crypto import CryptoError
from usi.core.errors import BadMessage, OutOfTurn, PeerError, WrongCode
from usi.core.login import Guest
from usi.core.pake import Proving, code_secret
from usi.core.trace import Direction, Trace, Value
from usi.net.link import Link


class Knock:
    """What is said at the door over one link. `enter` is called when all of it was said; `trace` shows the steps;
    `executor` runs what takes long."""

    def __init__(
        self,
        link: Link,
        name: str,
        executor: Executor,
        enter: Callable[[], None],
        trace: Callable[[Trace], None],
    ) -> None:
        self._link = link
        self._name = name
        self._executor = executor
        self._enter = enter
        self._trace = trace
        self._loop = asyncio.get_running_loop()
        self._proving: Proving | None = None
        """While the host is to prove that it has the code."""
        self._login: Guest | None = None
        """While this guest shows that it has the password."""
        self._password: str | None = None

    @property
    def is_over(self) -> bool:
        return self._proving is None and self._login is None

    def begin(self, code: str | None, password: str | None) -> None:
        """Show the code, then the password, as far as there are any, and enter."""
        self._password = password
        if code is None:
            self._log_in()
            return
        self._proving = Proving("client", inviting.PURPOSE, code_secret(code), self._link.session.exporter)
        claim = wire.Claim(inviting.locator_of(code), self._proving.message)
        self._note("claim", "out", purpose="invitation", locator=claim.locator, point=claim.point)
        self._link.send(claim)

    def _log_in(self) -> None:
        """Say whose account it is, if there is one of that name."""
        if self._password is None:
            self._enter()
            return
        self._login = Guest(self._name, self._link.session.exporter)
        self._link.send(self._login.first)

    def hear(self, message: wire.Message) -> bool:
        """The host's next word; False where it was wrong and the link is being closed."""
        try:
            if self._proving is not None:
                self._hear_proof(self._proving, message)
            elif self._login is not None:
                self._hear_login(self._login, message)
        except PeerError as error:
            self._link.close(error)
            return False
        return True

    def _hear_proof(self, proving: Proving, message: wire.Message) -> None:
        """The host's first word to one who came with a code: it proves that it has the code, or it is told nothing."""
        if not isinstance(message, wire.Challenge):
            raise OutOfTurn(what=wire.tag_of(message))
        try:
            own = proving.confirm(message.point)
        except CryptoError as error:
            raise BadMessage(why="a point that is none") from error
        fits = proving.fits(message.confirmation)
        self._note("challenge", "in", point=message.point, confirmation=message.confirmation, fits=fits)
        if not fits:
            raise WrongCode
        self._note("prove", "out", confirmation=own)
        self._proving = None
        self._link.send(wire.Prove(own))
        self._log_in()

    def _hear_login(self, login: Guest, message: wire.Message) -> None:
        """The host's words while this guest logs in: a salt, once, then its half of the proof."""
        if isinstance(message, wire.Salt) and self._password is not None:
            password, self._password = self._password, None  # stretching it takes a while: no host has us do it twice
            stretching = self._loop.run_in_executor(self._executor, login_of, password, message.salt)
            stretching.add_done_callback(partial(self._ask, login))
            return
        if not isinstance(message, wire.Challenge):
            raise OutOfTurn(what=wire.tag_of(message))
        prove, unlock = login.answer(message)
        self._note("challenge", "in", point=message.point, confirmation=message.confirmation, fits=True)
        self._login = None
        self._link.send(prove)
        self._link.send(unlock)
        self._enter()

    def _ask(self, login: Guest, stretching: asyncio.Future[Login]) -> None:
        if not stretching.cancelled():
            self._link.send(login.start(stretching.result()))

    def _note(self, step: str, direction: Direction, /, **detail: Value) -> None:
        self._trace(Trace(step, direction, detail))
