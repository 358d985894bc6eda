"""Who is here, as one member knows it: names, keys, and what the links' fingerprints are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from usi.core import events, text, wire
from usi.core.crypto import CryptoError, PublicKey
from usi.core.errors import BadMessage, BadName, OutOfTurn


@dataclass
class Profile:
    """A member who is here."""

    name: str
    facts: wire.LinkFacts | None = None
    """Known on the host only."""
    names: set[str] = field(default_factory=set)
    """All names that this key had here, so that a post signed before a renaming is not taken for a lie."""


class Roster:
    """The members who are here, by id, and the keys of all who were.

    `own` is this person's key. A key that the hub does not know is None: its owner's posts cannot be verified."""

    def __init__(self, own: PublicKey) -> None:
        self.own = own.id
        self.host = b""
        self.here: dict[bytes, Profile] = {}
        self.keys: dict[bytes, PublicKey | None] = {own.id: own}
        self._asked: set[bytes] = set()
        self._last_owner: dict[str, bytes] = {}
        """Skeleton of each name seen in this run → the key that had it last."""

    def seat(self, info: wire.MemberInfo) -> bool:
        """Note a member under a name. False where that name was another key's before: people must be told.

        Raises `BadMessage` for what no honest hub would pass on as a name."""
        try:
            clean = text.clean_name(info.name)
        except BadName as error:
            raise BadMessage(why="a name that cannot be one") from error
        if clean != info.name:
            raise BadMessage(why="a name that cannot be one")
        profile = self.here.setdefault(info.id, Profile(info.name))
        profile.name = info.name
        profile.names.add(info.name)
        skeleton = text.skeleton(info.name)
        known = self._last_owner.get(skeleton, info.id) == info.id
        self._last_owner[skeleton] = info.id
        return known

    def note_link(self, facts: wire.LinkFacts) -> None:
        """What the host's router says of a link whose member is about to join."""
        self.keys[facts.member] = PublicKey(facts.modulus)
        self.here[facts.member] = Profile("", facts=facts)

    def asks_for(self, member: bytes) -> bool:
        """Whether this member's key must be asked for now; it then counts as asked."""
        if member in self.keys or member in self._asked:
            return False
        self._asked.add(member)
        return True

    def take_key(self, message: wire.KeyOf) -> None:
        """The hub's answer. A key counts only where it hashes to the id that was asked for."""
        if message.member not in self._asked:
            raise OutOfTurn(what="a key that nobody asked for")
        self._asked.discard(message.member)
        try:
            key = PublicKey(message.modulus) if message.modulus is not None else None
        except CryptoError as error:
            raise BadMessage(why="a key that is none") from error
        if key is not None and key.id != message.member:
            raise BadMessage(why="a key that is not that member's")
        if self.keys.get(message.member) is None:
            self.keys[message.member] = key

    def rows(self, fingerprint: bytes | None, words: Sequence[str] | None) -> list[events.Member]:
        """Everybody for a list; `fingerprint` and `words` are those of this person's own link to the host, if any."""
        rows = []
        for member, profile in self.here.items():
            print_, said = (fingerprint, words) if member == self.host else (None, None)
            if profile.facts is not None:
                print_, said = profile.facts.fingerprint, profile.facts.words
            rows.append(
                events.Member(
                    name=profile.name,
                    member=member.hex(),
                    fingerprint=print_.hex() if print_ else None,
                    words=list(said) if said else None,
                    verified=False,
                    me=member == self.own,
                    host=member == self.host,
                )
            )
        return rows
