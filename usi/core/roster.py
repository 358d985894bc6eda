"""Who is here, as one member knows it: names, keys, and what the links' fingerprints are."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from typing import NamedTuple

from usi.core import events, text, wire
from usi.core.crypto import CryptoError, PublicKey
from usi.core.errors import BadMessage, BadName, NoSuchMember, OutOfTurn
from usi.core.recent import Recent

_NAMES_KEPT = 7
_KEYS_KEPT = 10_000


def acceptable(info: wire.MemberInfo) -> str:
    """The name of a member, or the first digits of its id where the name is none by our rules: a dishonest hub's, or
    one that only a newer Unicode knows."""
    with suppress(BadName):
        if text.clean_name(info.name) == info.name:
            return info.name
    return f"?{info.id.hex()[:8]}"


class Proof(NamedTuple):
    """What two people compare."""

    fingerprint: bytes
    words: tuple[str, ...]


@dataclass
class Profile:
    """A member who is here."""

    name: str
    facts: wire.LinkFacts | None = None
    """Known on the host only."""
    away: str | None = None
    """Why it is away, made safe to show; empty: it does not say; None: it is here."""
    names: list[str] = field(default_factory=list)
    """The newest names of this key, so that a post signed before a renaming is not taken for a lie."""


class Roster:
    """The members who are here, by id, and the keys of all who were.

    `own` is this person's key. A key that the hub does not know is None: its owner's posts cannot be verified."""

    def __init__(self, own: PublicKey) -> None:
        self.own = own.id
        self.host = b""
        self.own_link: Proof | None = None
        """What can be compared with the host; None on the host itself."""
        self.own_exporter = b""
        """The secret that proofs on the link with the host are bound to; empty on the host itself."""
        self.pairs: dict[bytes, Proof] = {}
        """What can be compared over the pair links that there are."""
        self.verified: set[bytes] = set()
        """Members whose key, with ours, was compared by people. It follows the key, never the name."""
        self.here: dict[bytes, Profile] = {}
        self.keys: Recent[bytes, PublicKey | None] = Recent(_KEYS_KEPT)
        self.keys[own.id] = own
        self._asked: set[bytes] = set()
        self._last_owner: Recent[str, bytes] = Recent(_KEYS_KEPT)
        """Skeleton of each name seen in this run → the key that had it last."""

    def seat(self, info: wire.MemberInfo) -> bool:
        """Note a member under a name. False where that name was another key's before: people must be told."""
        name = acceptable(info)
        profile = self.here.setdefault(info.id, Profile(name))
        profile.name = name
        self.note_away(info.id, info.away)
        given_up, kept = profile.names[:-_NAMES_KEPT], profile.names[-_NAMES_KEPT:]
        profile.names = [*kept, name]
        for look in {text.skeleton(old) for old in given_up} - {text.skeleton(old) for old in kept}:
            if self._last_owner.get(look) == info.id:
                del self._last_owner[look]  # no name of another one is forgotten for somebody's many names
        skeleton = text.skeleton(name)
        known = self._last_owner.get(skeleton, info.id) == info.id
        self._last_owner[skeleton] = info.id
        return known

    def note_away(self, member: bytes, away: str | None) -> Profile:
        """Note that a member who is here is away and why, or (None) back."""
        profile = self.here[member]
        profile.away = None if away is None else text.visible_line(away).strip()
        return profile

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

    def ask_again(self, member: bytes) -> None:
        """Ask for a key whatever is known: the answer comes behind all that was asked before."""
        self._asked.add(member)

    def waits_for(self, member: bytes) -> bool:
        """Whether the host has been asked for this key and has not answered."""
        return member in self._asked

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

    def find(self, name: str) -> bytes:
        """The member of that name, or of one that looks like it; raises `NoSuchMember`."""
        wanted = text.skeleton(name)
        for member, profile in self.here.items():
            if profile.name == name or text.skeleton(profile.name) == wanted:
                return member
        raise NoSuchMember(name=name)

    def proof_of(self, member: bytes) -> Proof | None:
        """What can be compared with a member: that of the link between the two, if there is one."""
        if member == self.host:
            return self.own_link
        facts = self.here[member].facts
        return Proof(facts.fingerprint, facts.words) if facts is not None else self.pairs.get(member)

    def name_of(self, member: bytes) -> str:
        """The name of a member who is here; the first digits of the id of another."""
        profile = self.here.get(member)
        return profile.name if profile is not None else member.hex()[:8]

    def exporter_of(self, member: bytes) -> bytes:
        """The secret that proofs on the link with this member are bound to; empty where there is no link."""
        if member == self.host:
            return self.own_exporter
        profile = self.here.get(member)
        return profile.facts.exporter if profile is not None and profile.facts is not None else b""

    def rows(self) -> list[events.Member]:
        """Everybody, for a list."""
        rows = []
        for member, profile in self.here.items():
            proof = self.proof_of(member)
            rows.append(
                events.Member(
                    name=profile.name,
                    member=member.hex(),
                    fingerprint=proof.fingerprint.hex() if proof else None,
                    words=list(proof.words) if proof else None,
                    verified=member in self.verified,
                    me=member == self.own,
                    host=member == self.host,
                    away=profile.away is not None,
                    away_text=profile.away or "",
                )
            )
        return rows
