"""Whose key was verified: by people who compared, or by another proof. It follows the key, never the name."""

from __future__ import annotations

from typing import Literal

from usi.core import commands, events, text
from usi.core.errors import BadCommand, Distrusted, NothingToCompare
from usi.core.private import Private
from usi.core.report import Report
from usi.core.roster import Proof, Roster


class Comparing:
    """`preset`: a preset key is mixed into the links."""

    def __init__(self, roster: Roster, report: Report, private: Private, *, preset: bool) -> None:
        self._roster = roster
        self._report = report
        self._private = private
        self._preset = preset
        self._shown: dict[str, tuple[bytes, Proof]] = {}
        """Skeleton of a name → the key and the proof that were shown for it, to be compared."""
        self._vouched: dict[bytes, events.How] = {}
        """Members who were verified before they were here, and how: to be told when they are."""

    def verify(self, intent: commands.Verify) -> None:
        """Show what to compare, or take note of what people found. Raises `LocalError`."""
        roster = self._roster
        member = self._meant(intent.name)
        proof, name = roster.proof_of(member), roster.here[member].name
        if member == roster.own:
            raise NothingToCompare(name=name)
        if proof is None:
            self._private.compare(member)  # shows it as soon as there is something
            return
        pair = roster.pairs.get(member) == proof
        before = member in roster.verified
        if intent.match is False:
            roster.verified.discard(member)
        elif intent.match and self._shown.get(text.skeleton(name)) == (member, proof):
            roster.verified.add(member)  # only what was shown can have been compared, not who has the name by now
        self.show(member, differs=intent.match is False, asked=intent.match is None)
        if before != (member in roster.verified):
            self._private.note_change(member)
        if intent.match is False and pair:
            self._private.distrust(member, Distrusted())

    def _meant(self, name: str | None) -> bytes:
        if name is not None:
            return self._roster.find(name)
        others = [member for member in self._roster.here if self._roster.proof_of(member) is not None]
        if len(others) != 1:
            raise BadCommand(usage=commands.find("verify").usage)
        return others[0]

    def show(
        self, member: bytes, *, differs: bool = False, asked: bool = True, by: events.How = "comparison"
    ) -> None:
        """What to compare with a member, or what came of it."""
        proof, name = self._roster.proof_of(member), self._roster.here[member].name
        if proof is None:
            raise NothingToCompare(name=name)
        pair = self._roster.pairs.get(member) == proof
        self._shown[text.skeleton(name)] = (member, proof)
        verified: Literal["verified", "open"] = "verified" if member in self._roster.verified else "open"
        self._report.tell(
            events.Verification(
                time=self._report.time,
                name=name,
                member=member.hex(),
                fingerprint=proof.fingerprint.hex(),
                words=list(proof.words),
                state="differs" if differs else verified,
                preset=self._preset and not pair,
                pair=pair,
                by=by,
                asked=asked,
            )
        )

    def note_shown(self, name: str, member: bytes) -> None:
        """The face shows what to compare with this member by itself."""
        if (proof := self._roster.proof_of(member)) is not None:
            self._shown[text.skeleton(name)] = (member, proof)

    def vouch(self, member: bytes, how: events.How) -> None:
        """This member's key, with ours, is verified. Told once the member is here."""
        self._roster.verified.add(member)
        self._vouched[member] = how

    def matched(self, member: bytes) -> None:
        """Both typed the same password."""
        self._vouched[member] = "password"
        self.tell_vouched(member)

    def tell_vouched(self, member: bytes) -> None:
        """This member is here now."""
        how = self._vouched.pop(member, None)
        if how is not None and self._roster.proof_of(member) is not None:
            self.show(member, asked=False, by=how)
            self._private.note_change(member)
