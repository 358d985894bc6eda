"""A member's private conversations: opening them, handing out their keys, and following who is in.

The member who opens a conversation makes its keys and hands them out over pair links, which the host cannot open. Every
change of the roster is a new key, and a key is in use from the hub's `gathered` on (PROTOCOL.md, "Private
conversations"). The time is that of the report.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Literal

from usi.core import events, wire
from usi.core import pair as pairing
from usi.core.allowance import Allowances
from usi.core.content import Body
from usi.core.crypto import KEY_SIZE, PrivateKey, random_bytes
from usi.core.errors import (
    Alone,
    BadMessage,
    BlockedIt,
    Busy,
    Left,
    LeftIt,
    NotAnswered,
    NotWithYourself,
    OnlyTwo,
    OpenerGone,
    OpenerOnly,
    PeerError,
    ReadOnly,
    TalkEnded,
    TooManyInTalk,
    TooManyTalks,
    Unanswered,
    Unwelcome,
    Withheld,
    YouBlocked,
)
from usi.core.language import tr
from usi.core.outbox import Outbox
from usi.core.pair import Pair
from usi.core.pairs import PATIENCE, Pairs
from usi.core.relay import OPEN_TALKS, PAIR_SECONDS
from usi.core.report import Report
from usi.core.roster import Roster
from usi.core.talk import Roll, Talk, roster_key, sentence
from usi.core.talks import Talks
from usi.core.trace import Tracer

MOST_TALKS = 256  # conversations that others can put us into, in all
WAITING_POSTS = 8  # texts that wait for a person who is asked first
_OPENERS_KEPT = 1_000  # members for whom it is remembered how many they opened


class Private:
    """`send` takes messages for the hub. `fail` is given what cannot be delivered, `show` a member whose fingerprint
    was asked for and is there now; `is_room` knows the host's rooms by their ids; `settle` reads what waits in a
    conversation whose key is about to go. `ask`: the person is asked first."""

    def __init__(
        self,
        key: PrivateKey,
        roster: Roster,
        outbox: Outbox,
        report: Report,
        *,
        send: Callable[[wire.Message], None],
        fail: Callable[[str, Body, PeerError], None],
        show: Callable[[bytes], None],
        is_room: Callable[[bytes], bool] = lambda conversation: False,
        settle: Callable[[Talk], None] = lambda talk: None,
        ask: bool = False,
        tracer: Callable[[str], Tracer | None] = lambda name: None,
    ) -> None:
        self._own = key.public.id
        self._roster = roster
        self._outbox = outbox
        self._send = send
        self._report = report
        self._fail = fail
        self._show = show
        self._is_room = is_room
        self._read_waiting = settle
        self._pairs = Pairs(key, self, send, ask=ask, tracer=lambda other: tracer(roster.name_of(other)))
        self._talks = Talks(roster, report)
        self._to_show: set[bytes] = set()
        self._entries: Allowances[bytes] = Allowances(OPEN_TALKS, PAIR_SECONDS, _OPENERS_KEPT)
        """How many conversations each member may still put us into now."""
        self._refusals: Allowances[bytes] = Allowances(OPEN_TALKS, PAIR_SECONDS, _OPENERS_KEPT)
        """And how many more are refused one by one."""

    # --- looking ---

    @property
    def talks(self) -> list[Talk]:
        """Those that are not closed."""
        return self._talks.open

    @property
    def known(self) -> list[Talk]:
        """Also those that are closed."""
        return self._talks.known

    def talk(self, conversation: bytes) -> Talk | None:
        """The open conversation of this id."""
        return self._talks.of(conversation)

    # --- what the person wants ---

    def with_members(self, members: Iterable[bytes]) -> Talk:
        """The conversation with these, opened where there is none. Raises `LocalError`."""
        others = set(members)
        self._check(others)
        if len(others) == 1:
            (other,) = others
            return self._with(other)
        roll = tuple(sorted(others | {self._own}))
        for talk in self.talks:
            if not talk.direct and (talk.members == roll or (talk.opener == self._own and talk.invited == others)):
                return talk
        talk = self._talks.new_group(others, opener=self._own)
        talk.invited = others
        self._call(talk, others)
        return talk

    def add(self, talk: Talk, members: Iterable[bytes]) -> None:
        """Bring more members into a conversation of several that this member has opened. Raises `LocalError`."""
        others = set(members) - set(talk.members)
        self.check_says(talk)
        if talk.direct:
            raise OnlyTwo
        if talk.opener != self._own:
            raise OpenerOnly
        self._check(others, len(talk.members) + len(talk.invited))
        talk.invited |= others
        talk.out -= others
        self._call(talk, others)

    def leave(self, talk: Talk) -> None:
        """Be out of a conversation; its opener ends it for all."""
        self._close(talk, LeftIt())

    def block(self, member: bytes) -> None:
        """Take no private conversations from this member any more, or again."""
        if member == self._own:
            raise NotWithYourself
        blocked = self._pairs.blocked
        blocked ^= {member}
        self._report.notify("blocked" if member in blocked else "unblocked", name=self._roster.name_of(member))
        if member in blocked:
            self._pairs.end(member, Unwelcome(), BlockedIt())

    def compare(self, member: bytes) -> None:
        """See to it that there is something to compare with this member, and have it shown then."""
        self._check({member})
        self._to_show.add(member)
        self._pairs.reach(member, self._report.now)

    def distrust(self, member: bytes, error: PeerError) -> None:
        """People compared, and it differed."""
        self._pairs.end(member, error)

    def give_up_asking(self) -> None:
        """Wait no longer for people who were asked whether to talk privately, where something is to be said to them."""
        for other in {other for talk in self.talks if talk.waiting for other in talk.invited}:
            if (pair := self._pairs.get(other)) is not None and pair.asking and pair.mine:
                self._pairs.end(other, Left(), Unanswered())

    def note_change(self, member: bytes) -> None:
        """What is known of this member has changed: its name, or whether it was compared."""
        for talk in self.talks:
            if member in talk.members and talk.key is not None:
                self._tell(talk, "changed")

    def check_says(self, talk: Talk) -> None:
        """Raises `LocalError` where nothing can be said in it."""
        if talk.closed is not None:
            raise ReadOnly(room=talk.title, why=str(talk.closed))
        asked = [pair for other in talk.invited if (pair := self._pairs.get(other)) and pair.asking]
        if talk.key is None and asked and len(talk.waiting) >= WAITING_POSTS:
            raise NotAnswered(name=self._roster.name_of(asked[0].other))

    # --- what the hub says ---

    def take_passed(self, message: wire.Passed) -> None:
        if message.member in self._roster.here:  # what comes late of one who left is of no use
            self._pairs.take(message, self._report.now)

    def take_gathered(self, message: wire.Gathered) -> None:
        """The hub uses another key from here on. What it says of conversations that we are not in is passed over: any
        member can name us."""
        talk = self.talk(message.conversation)
        if talk is None:
            return
        self._read_waiting(talk)  # it was sealed with another key
        late = message.number > 0 and talk.key is None and talk.first
        if talk.next is None or talk.next[0].key_id != message.key_id or late:
            self._close(talk, Withheld())  # `late`: nobody can have said anything before us
            return
        before = set(talk.members)
        if talk.key is None:
            talk.number = message.number
            talk.fresh = set(talk.next[1]) if message.number == 0 else set()
        else:
            talk.expect(set(talk.next[1]) - before)
            if missing := message.number - talk.number:
                self._report.notify("withheld" if missing > 0 else "repeated", room=talk.title, count=missing)
                talk.number = max(talk.number, message.number)
        first = talk.key is None
        talk.key, talk.members = talk.next
        talk.next = None
        talk.held = any(member not in self._roster.here for member in talk.members)
        talk.since = self._report.now if talk.held else None
        if first or set(talk.members) != before:
            self._tell(talk, "open" if first else "changed")
        self._outbox.flush(talk)
        if talk.opener == self._own:
            self._settle(talk)

    def take_left(self, member: bytes) -> None:
        """Somebody left the host."""
        for talk in self.talks:
            if member in talk.members and talk.key is not None:
                talk.held, talk.since = True, self._report.now
        self._pairs.gone(member, Left())

    def tick(self) -> None:
        self._pairs.tick(self._report.now)
        for talk in self.talks:
            if talk.since is not None and abs(self._report.now - talk.since) > PATIENCE:
                self._close(talk, Withheld())

    def resumed(self) -> None:
        """Nobody could answer while the link to the hub was cut."""
        self._pairs.wait_anew(self._report.now)
        for talk in self.talks:
            if talk.since is not None:
                talk.since = self._report.now

    def disconnected(self) -> None:
        """The way to the hub is gone: so are all keys."""
        self._pairs.forget_all()
        for talk in self.talks:
            talk.key = talk.next = None
        self._roster.pairs.clear()
        self._talks.forget_open()

    # --- what pair links say ---

    def pair_ready(self, pair: Pair) -> None:
        other = pair.other
        self._roster.pairs[other] = pair.proof
        self._roster.keys[other] = pair.peer
        if other in self._to_show:
            self._to_show.discard(other)
            self._show(other)
        for talk in self.talks:
            if other in talk.invited:
                self._settle(talk)

    def pair_asks(self, pair: Pair) -> None:
        name = self._roster.name_of(pair.other)
        if pair.mine:
            self._report.notify("pair-asking", name=name)
            for talk in self.talks:
                if pair.other in talk.invited:
                    talk.since = None
                    self._settle(talk)
            return
        text = tr("{name} asks for a private conversation. /private {name} takes it, /block {name} refuses.", name=name)
        room = self._talks.direct_name(pair.other)
        self._report.tell(
            events.Conversation(
                time=self._report.time,
                room=room,
                state="asked",
                members=self._partners((self._own, pair.other), pair.other),
                verified=pair.other in self._roster.verified,
                text=text,
            )
        )

    def pair_says(self, pair: Pair, message: pairing.Message) -> None:
        match message:
            case pairing.Handed():
                self._take_key(pair, message)
            case pairing.Want():
                talk = self._talks.direct(pair.other)
                if talk is None:
                    many = self._talks.opened_by(self._own) >= OPEN_TALKS
                    if many or not self._entries.take(pair.other, self._report.now):
                        raise Busy
                    talk = self._talks.new_direct(pair.other)
                self._settle(talk)
            case pairing.Out():
                gone = self.talk(message.conversation)
                if gone is None or pair.other not in gone.everybody:
                    pass  # it has crossed our own leaving; or it is no business of this member
                elif gone.direct:
                    self._close(gone, Left())
                elif gone.opener == pair.other:
                    self._close(gone, TalkEnded())
                else:
                    gone.out.add(pair.other)
                    gone.invited.discard(pair.other)
                    self._settle(gone)
            case _:
                raise BadMessage(why="a message that is none of these two")

    def pair_ended(self, pair: Pair, error: PeerError) -> None:
        other, left = pair.other, isinstance(error, Left)
        self._roster.pairs.pop(other, None)
        name = self._roster.name_of(other)
        concerned = [talk for talk in self.talks if other in talk.everybody]
        if other in self._to_show or not (left or any(talk.direct for talk in concerned)):
            self._report.notify("pair-ended", name=name, why=str(error))
        self._to_show.discard(other)
        for talk in concerned:
            if talk.direct:
                self._close(talk, error)
            elif talk.opener == other:
                self._close(talk, OpenerGone() if left else error)
            elif talk.opener == self._own:
                if other in talk.invited:
                    self._report.notify("not-in", name=name, room=talk.title, why=str(error))
                talk.invited.discard(other)
                self._settle(talk)

    def _take_key(self, pair: Pair, message: pairing.Handed) -> None:
        """Somebody's conversation, or a newer key of it."""
        other, members = pair.other, tuple(message.members)
        direct = not message.group
        if tuple(sorted(set(members))) != members or not {self._own, other} <= set(members):
            raise BadMessage(why="a roster that cannot be")
        if self._is_room(message.conversation):
            raise BadMessage(why="a room is no private conversation")
        if direct and (pair.mine or len(members) != 2):
            raise BadMessage(why="a conversation of two that is not theirs to open")
        talk = self.talk(message.conversation)
        if talk is None:
            known = self._talks.direct(other) if direct else None
            if known is not None:
                if known.conversation:
                    raise BadMessage(why="a second conversation of two")
                talk = known
            else:
                many = self._talks.opened_by(other) >= OPEN_TALKS or len(self.talks) >= MOST_TALKS
                if many or not self._entries.take(other, self._report.now):
                    if not self._refusals.take(other, self._report.now):
                        raise Busy  # each refusal is a message of ours, and one piece can hold hundreds of these
                    self._pairs.say(other, pairing.Out(message.conversation))
                    return
                others = set(members) - {self._own}
                talk = self._talks.new_direct(other) if direct else self._talks.new_group(others)
            talk.conversation, talk.opener, talk.first = message.conversation, other, message.first or direct
            talk.invited = set()
        elif talk.opener != other or talk.direct != direct:
            raise BadMessage(why="a key of somebody else's conversation")
        talk.next = roster_key(talk.conversation, other, members, message.secret), members
        talk.since = self._report.now

    # --- inside ---

    def _check(self, others: set[bytes], already: int = 1) -> None:
        if self._own in others or not others:
            raise NotWithYourself
        for other in others & self._pairs.blocked:
            raise YouBlocked(name=self._roster.name_of(other))
        if already + len(others) > wire.MAX_ROSTER:
            raise TooManyInTalk(count=wire.MAX_ROSTER)
        if self._talks.opened_by(self._own) >= OPEN_TALKS:
            raise TooManyTalks(count=OPEN_TALKS)
        self._pairs.check(others, self._report.now)

    def _with(self, other: bytes) -> Talk:
        talk = self._talks.direct(other)
        if talk is None:
            talk = self._talks.new_direct(other)
            self._call(talk, {other})
        else:
            self._pairs.reach(other, self._report.now)
        return talk

    def _call(self, talk: Talk, others: set[bytes]) -> None:
        """Reach these for a conversation; it goes on when they have answered."""
        talk.since = self._report.now if talk.key is None else talk.since
        for other in others:
            self._pairs.reach(other, self._report.now)
        if talk.key is None and talk.closed is None:
            self._tell(talk, "opening")
        self._settle(talk)

    def _settle(self, talk: Talk) -> None:
        """What its opener has to do now: hand out a key to those who are to be in, if that is not how it is."""
        if talk.closed is not None or talk.next is not None:
            return
        if talk.direct and talk.key is None:
            (other,) = talk.invited
            pair = self._pairs.get(other)
            if pair is None or not pair.ready:
                return
            talk.since = self._report.now
            if not pair.mine:
                self._pairs.say(other, pairing.Want())  # the opener of the pair link opens it, so that there is one
                return
            talk.opener = self._own
        elif talk.key is None and any(map(self._pairs.is_coming, talk.invited)):
            return  # all who can come at once come with the first key
        ready = {other for other in talk.invited if self._pairs.is_ready(other)}
        stay = {other for other in talk.members if self._pairs.is_ready(other)} - talk.out
        members = tuple(sorted(ready | stay | {self._own}))
        if members == talk.members:
            return
        if len(members) > 1:
            self._hand_out(talk, members)
        elif talk.key is not None or not talk.invited:
            self._close(talk, Alone())

    def _hand_out(self, talk: Talk, members: Roll) -> None:
        """A new key, for exactly these."""
        talk.conversation = talk.conversation or random_bytes(wire.CONVERSATION_SIZE)
        secret = random_bytes(KEY_SIZE)
        key = roster_key(talk.conversation, self._own, members, secret)
        talk.first = talk.key is None
        handed = pairing.Handed(talk.conversation, not talk.direct, list(members), secret, talk.first)
        talk.next, talk.since = (key, members), self._report.now
        talk.invited -= set(members)
        talk.out &= set(members)
        for other in members:
            if other != self._own:
                self._pairs.say(other, handed)
        self._send(wire.Gather(talk.conversation, key.key_id, list(members)))

    def _close(self, talk: Talk, error: PeerError) -> None:
        """It can only be read from now on."""
        if talk.closed is not None:
            return
        self._read_waiting(talk)
        others = talk.everybody if talk.opener == self._own else {talk.opener}
        talk.closed = error
        talk.key = talk.next = talk.since = None
        self._talks.close(talk)
        if talk.conversation:
            for other in others - {self._own}:
                self._pairs.say(other, pairing.Out(talk.conversation))
            self._send(wire.Leave(talk.conversation))
        self._tell(talk, "closed")
        for shown_id, body in self._outbox.drop_waiting(talk):
            self._fail(shown_id, body, error)

    # --- telling ---

    def _partners(self, members: Iterable[bytes], opener: bytes) -> list[events.Partner]:
        return [
            events.Partner(
                name=self._roster.name_of(member),
                member=member.hex(),
                verified=member in self._roster.verified,
                me=member == self._own,
                opener=member == opener,
            )
            for member in members
        ]

    def _tell(self, talk: Talk, state: Literal["opening", "open", "changed", "closed"]) -> None:
        members = talk.members or tuple(sorted({self._own} | talk.invited))
        others = [member for member in members if member != self._own]
        verified = all(member in self._roster.verified for member in others)
        host_is_in = self._roster.host in members
        names = ", ".join(sorted(map(self._roster.name_of, others)))
        self._report.tell(
            events.Conversation(
                time=self._report.time,
                room=talk.name,
                state=state,
                members=self._partners(members, talk.opener),
                verified=verified,
                text=sentence(talk, state, names, verified=verified, host_is_in=host_is_in),
                code=talk.closed.code if talk.closed else None,
            )
        )
