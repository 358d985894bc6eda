"""Invitations: codes of four words that verify a guest and the host at once, and the line that one pastes.

A code is `locator-word-word-word`. The locator only says which invitation is meant and crosses the wire; the three
other words (33 bits) never do. Each try costs a live exchange with the host, which counts them. Times are seconds,
given by the caller (docs/PROTOCOL.md, "Invitations").
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from usi.core import crypto, wire
from usi.core.addresses import place
from usi.core.crypto import CryptoError
from usi.core.errors import (
    BadCode,
    BadFingerprint,
    BadInvitation,
    BadMessage,
    NoInvitation,
    OutOfTurn,
    TooManyCodes,
    TooManyInvitations,
    WrongCode,
)
from usi.core.language import tr
from usi.core.pake import Proving, code_secret
from usi.core.recent import Recent
from usi.core.words import WORDS, words_of

PURPOSE = "usi3 invitation"
LIFE = 3_600.0  # seconds that a code is good: time to read it out and to start a program
MAX_TRIES = 20  # wrong ones that burn a code: 20 in 2^33
MAX_OPEN = 20  # invitations at once
TRIES_PER_NETWORK = 5  # wrong ones from one address within LIFE: a person mistypes once or twice
_PROVED_KEPT = 1_000  # more than can be about to join
_WORDS = 4
_SHORT = 4  # the first letters of a word differ from those of all others, so they are enough
_BY_START = {word[:_SHORT]: word for word in WORDS}
_SCHEME = "usi://"


def parse_code(text: str) -> str:
    """A code as it was typed → as the host made it: case, spaces and shortened words are mended. Raises `BadCode`."""
    typed = re.findall(r"[^\s\-_.,]+", text.lower())
    if len(typed) != _WORDS:
        raise BadCode(why=tr("it has {count} words", count=len(typed)))
    words = []
    for each in typed:
        word = _BY_START.get(each[:_SHORT], "")
        if not word.startswith(each):
            raise BadCode(why=tr("{word} is not one of the words", word=each[:24]))
        words.append(word)
    return "-".join(words)


def locator_of(code: str) -> str:
    """The word of a code that says which invitation is meant, and is no secret."""
    return code.partition("-")[0]


def parse_fingerprint(text: str) -> bytes:
    """The fingerprint of a host's key, its 64 digits in any case and any groups → 32 bytes. Raises `BadFingerprint`."""
    digits = re.sub(r"[\s:\-]", "", text)
    if not re.fullmatch(r"[0-9A-Fa-f]{64}", digits):
        raise BadFingerprint
    return bytes.fromhex(digits)


class Pasted(NamedTuple):
    """What stands in a pasted invitation."""

    target: str
    """HOST[:PORT]"""
    key: bytes
    code: str | None


def is_pasted(text: str) -> bool:
    return text.strip().lower().startswith(_SCHEME)


def parse_pasted(text: str) -> Pasted:
    """`usi://HOST:PORT/#FINGERPRINT[-code]`. Raises `BadInvitation`, `BadFingerprint` or `BadCode`."""
    target, mark, rest = text.strip()[len(_SCHEME) :].partition("#")
    if not mark:
        raise BadInvitation(why="there is no # with a fingerprint behind the address")
    if not target.strip("/"):
        raise BadInvitation(why="it has no address")
    fingerprint, dash, code = rest.partition("-")
    return Pasted(target.rstrip("/"), parse_fingerprint(fingerprint), parse_code(code) if dash else None)


def pasted(address: str, port: int, key: bytes, code: str | None = None) -> str:
    """The line that invites: address, the host key's fingerprint, and the code where there is one."""
    return f"{_SCHEME}{place(address, port)}/#{key.hex()}" + (f"-{code}" if code else "")


@dataclass
class Invitation:
    """A code that was given out."""

    code: str = field(repr=False)
    until: float
    counted: int = 0
    """Tries that are under way or were wrong."""
    failed: int = 0

    @property
    def locator(self) -> str:
        return locator_of(self.code)

    @property
    def burned(self) -> bool:
        return self.failed >= MAX_TRIES


@dataclass
class _Try:
    invitation: Invitation
    proving: Proving
    network: str
    begun: float


class Invitations:
    """A host's open invitations, and the tries under way, each known by the number of its link."""

    def __init__(self, random: Callable[[int], bytes] = crypto.random_bytes) -> None:
        self._random = random
        self._open: dict[str, Invitation] = {}
        self._tries: dict[int, _Try] = {}
        self._proved: Recent[int, None] = Recent(_PROVED_KEPT)
        """Links on which a code was proved: each proof costs a host some milliseconds, so there is one."""
        self._failures: deque[tuple[float, str]] = deque()
        """When and from which network wrong tries came, oldest first: as many as the open invitations allow."""

    def new(self, now: float) -> Invitation:
        """Draw a code. Raises `TooManyInvitations`."""
        self._forget(now)
        if len(self._open) >= MAX_OPEN:
            raise TooManyInvitations(limit=MAX_OPEN)
        while (words := words_of(self._random(6), _WORDS))[0] in self._open:
            pass
        invitation = Invitation("-".join(words), now + LIFE)
        self._open[invitation.locator] = invitation
        return invitation

    def challenge(self, link: int, network: str, claim: wire.Claim, exporter: bytes, now: float) -> wire.Challenge:
        """Answer a claim, which from here on counts as a try. Raises the `PeerError` with which its link must end."""
        self._forget(now)
        if link in self._tries or link in self._proved:
            raise OutOfTurn(what="claim")
        invitation = self._open.get(claim.locator)
        if invitation is None or invitation.counted >= MAX_TRIES:
            raise NoInvitation
        wrong = sum(each == network for _, each in self._failures)
        if wrong + sum(each.network == network for each in self._tries.values()) >= TRIES_PER_NETWORK:
            raise TooManyCodes
        proving = Proving("host", PURPOSE, code_secret(invitation.code), exporter, self._random)
        try:
            confirmation = proving.confirm(claim.point)
        except CryptoError as error:
            raise BadMessage(why="a point that is none") from error
        invitation.counted += 1
        self._tries[link] = _Try(invitation, proving, network, now)
        return wire.Challenge(proving.message, confirmation)

    def owes(self, link: int) -> bool:
        """Whether this link has been challenged and has not answered."""
        return link in self._tries

    def proved(self, link: int) -> bool:
        """Whether this link has shown that it has a code."""
        return link in self._proved

    def check(self, link: int, message: wire.Prove) -> Invitation:
        """Take the answer to a challenge. Raises `WrongCode` where it does not fit, and the link must end."""
        attempt = self._tries.get(link)
        if attempt is None:
            raise OutOfTurn(what="prove")
        if message.confirmation is None or not attempt.proving.fits(message.confirmation):
            raise WrongCode
        del self._tries[link]
        self._proved[link] = None
        attempt.invitation.counted -= 1
        return attempt.invitation

    def gone(self, link: int) -> Invitation | None:
        """The link ended. Returns the invitation if its try was wrong or left open, which is the same; burned ones are
        closed."""
        attempt = self._tries.pop(link, None)
        if attempt is None:
            return None
        invitation = attempt.invitation
        invitation.failed += 1
        self._failures.append((attempt.begun, attempt.network))
        if invitation.burned:
            self._open.pop(invitation.locator, None)
        return invitation

    def _forget(self, now: float) -> None:
        """Close what has ended."""
        self._open = {locator: each for locator, each in self._open.items() if each.until > now}
        while self._failures and self._failures[0][0] <= now - LIFE:
            self._failures.popleft()
