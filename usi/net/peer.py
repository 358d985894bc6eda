"""The facade that every face sees: intents in, one asynchronous iterator of events out, for host and guest alike."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from itertools import groupby
from typing import Literal, Self, cast

from usi.config import DEFAULT_PORT, Settings
from usi.core import commands, wire
from usi.core import events as ev
from usi.core.crypto import OCB_LIBRARY, PrivateKey, PublicKey
from usi.core.errors import (
    CannotKeep,
    ChangedKey,
    Distrusted,
    Left,
    LocalError,
    NotAcknowledged,
    NotConnected,
    NotRestored,
    NotResumed,
    PeerError,
    Stopping,
    UnexpectedKey,
    UsiError,
)
from usi.core.language import tr
from usi.core.member import FileMessage, Member
from usi.core.pake import password_secret
from usi.core.roster import Proof
from usi.core.session import CIPHER, KEY_EXCHANGE, Session
from usi.core.text import clean_name
from usi.core.trace import Trace, Tracer, plain_detail
from usi.net import probe
from usi.net.client import Client
from usi.net.feed import Feed
from usi.net.files import Files
from usi.net.host import Host
from usi.net.memory import Memory
from usi.net.refusals import Refusals
from usi.net.side import Side
from usi.store.peers import KnownPeers

__all__ = ["Memory", "Peer", "connect", "host", "probe"]

_TICK = 1.0  # seconds between looks at what time changes
_SLEPT = 5.0  # seconds without one after which this machine was asleep or stopped


class Peer:
    """A running host or guest. Use as `async with Peer(settings) as peer`, read `peer.events()`, call `peer.do`.

    `start` raises a `UsiError` where hosting or joining fails; afterwards failures are events, and `exit_status` tells
    how it ended. `key` is this person's key; without one a fresh key is made for this run. Peers with the same `memory`
    meet there, inside this process, and need no network."""

    def __init__(self, settings: Settings, key: PrivateKey | None = None, memory: Memory | None = None) -> None:
        self.settings = settings
        self._key = key
        self._memory = memory
        self.exit_status = 0
        self._feed = Feed(settings.limits.listed_events, self._hold)
        self._moved = asyncio.Event()
        self._ended_by: UsiError | None = None
        self._connected = False
        self._member: Member
        self._side: Side
        self._files: Files
        self._proof: Proof | None = None
        """What can be compared with the host; on the host itself nothing."""
        self._cut = False
        """The way to the hub is cut, and is tried to be restored."""
        self._started = time.monotonic()
        self._ticker: asyncio.TimerHandle | None = None
        self._ticked = time.monotonic(), time.time()
        self._refusals = Refusals(self._emit)
        self._known: KnownPeers | None = None

    # --- life ---

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()

    async def start(self) -> None:
        """Host or join. Returns when the person is in; raises `UsiError`."""
        loop = asyncio.get_running_loop()
        key = self._key or self.settings.key
        if self.settings.identity is not None and key is not None:
            self._known = KnownPeers(self.settings.identity, key)
        if key is None:
            self._emit(ev.Connecting(time=_now(), step="key"))
            key = await loop.run_in_executor(None, PrivateKey.generate)
        self._member = self._make_member(key, self.settings.name)
        side = Host if self.settings.hosting else Client
        self._side = side(self.settings, key, self, self._memory)
        self._files = Files(
            self.settings, key, self._member, self._side,
            tell=self._emit, pump=self._pump, movement=self._movement,
        )  # fmt: skip
        self._ticker = loop.call_later(_TICK, self._tick)
        try:
            await self._side.start()
            while not self._connected:
                if self._ended_by is not None:
                    # A host that stops is a good end of a conversation, but not of an attempt to join one.
                    raise self._ended_by if self._ended_by.exit_status else Stopping()
                await self._movement()
        except BaseException:
            self._stop_ticker()
            await self._files.close()
            await self._side.close()
            raise
        self._files.joined()

    def _make_member(self, key: PrivateKey, name: str) -> Member:
        member = Member(
            key,
            name,
            preset=self.settings.preset is not None,
            ask_private=self.settings.ask_private,
            tracer=partial(self.trace, "content") if self.settings.dev else None,
            pair_tracer=self._pair_tracer,
        )
        if self._known is not None:
            member.roster.verified |= self._known.verified
        return member

    async def close(self) -> None:
        """Leave in good order: what was sent is acknowledged first, as far as the host still answers."""
        if self._ended_by is None:
            try:
                async with asyncio.timeout(self.settings.limits.acknowledge_seconds):
                    while self._member.in_flight and self._ended_by is None:
                        await self._movement()
            except TimeoutError:
                self._member.disconnected(NotAcknowledged(), time.time())
                self._pump()
        await self._files.close()
        if self._files.failed:
            self.exit_status = self.exit_status or 1
        if self._ended_by is None:
            self._finish(Left())
        self._stop_ticker()
        await self._side.close()

    @property
    def lost(self) -> bool:
        """The connection was cut and could not be restored: another attempt, later, may work."""
        return isinstance(self._ended_by, NotRestored)

    @property
    def failure(self) -> UsiError | None:
        """What ended the conversation, unless it was left or stopped as people do."""
        return self._ended_by if self._ended_by is not None and self._ended_by.exit_status else None

    async def settle(self) -> None:
        """Wait until what was sent is acknowledged, what was asked is answered and no transfer is open any more, or the
        connection has ended. Nobody is waited for without end who is asked first whether to talk privately.

        An offer that nobody took is told then, and counts as a failure."""
        if self._ended_by is None:
            self._member.check_in()
            self._pump()
        patience = asyncio.get_running_loop().call_later(self.settings.limits.answer_seconds, self._give_up_asking)
        try:
            while self._ended_by is None and (
                self._member.in_flight or not self._member.answered or self._files.unsettled
            ):
                await self._movement()
        finally:
            patience.cancel()
        for name in self._files.untaken:
            self.exit_status = self.exit_status or 1
            self._emit(ev.Notice(time=_now(), code="file-not-taken", text=tr("Nobody took {file}.", file=name)))

    def _give_up_asking(self) -> None:
        self._member.give_up_asking(time.time())
        self._pump()

    def events(self) -> AsyncIterator[ev.Event]:
        """What happens, in order, until the connection has ended. For one reader."""
        return self._feed.read()

    # --- what the person wants ---

    async def enter(self, line: str) -> bool:
        """Do what a typed line asks for. Where it cannot be done an `Error` event returns the line: False."""
        intent: commands.Intent | None = None
        try:
            intent = commands.parse(line)
            await self.do(intent)
        except LocalError as error:
            typed = commands.mended(line)
            if isinstance(intent, commands.Password):
                typed = "/password"  # what stands behind it may be the password
            self._emit(ev.Error(time=_now(), code=error.code, text=str(error), message=typed))
            return False
        return True

    async def give(self, secret: str) -> bool:
        """The password that was asked for, typed unseen. Where it cannot be used an `Error` event says so: False."""
        try:
            await self.do(commands.Secret(secret))
        except LocalError as error:
            self._emit(ev.Error(time=_now(), code=error.code, text=str(error)))
            return False
        return True

    async def do(self, intent: commands.Intent) -> None:
        """Carry out an intent; raises `LocalError`. Waits while too many posts are under way."""
        if isinstance(intent, commands.ForRoom) and intent.room is None:
            while self._connected and self._member.entering and self._ended_by is None:
                await self._movement()
        if isinstance(intent, commands.ForRoom):
            intent = replace(intent, room=intent.room or self._member.room)  # not where it may be going meanwhile
        match intent:
            case commands.Say() | commands.Act() | commands.Tell():
                while self._member.outbox_full and self._ended_by is None:
                    await self._movement()
                self._act(intent)
            case commands.Secret(typed):
                await self._type_password(typed)
            case commands.Invite():
                if self._ended_by is not None or not self._connected:
                    raise NotConnected
                self._side.invite()
            case commands.Nick() | commands.Users() | commands.Verify() | commands.Private() | commands.Add():
                self._act(intent)
            case commands.Away() | commands.Block() | commands.Go() | commands.Leave() | commands.Password():
                self._act(intent)
            case commands.Rooms() | commands.Order() | commands.Topic() | commands.History() | commands.Search():
                self._act(intent)
            case (
                commands.Send() | commands.Accept() | commands.Decline() | commands.Cancel() | commands.Files()
            ):
                if self._ended_by is not None or not self._connected:
                    raise NotConnected
                await self._files.do(intent)
            case commands.Help(name):
                self._emit(ev.Notice(time=_now(), code="help", text=commands.help_text(name)))
            case commands.Info():
                if not self._connected:
                    raise NotConnected
                self._emit(self._info())
            case commands.Quit():
                await self.close()
            case commands.Clear() | commands.Mute():
                pass  # a matter of the face

    def _act(self, intent: commands.ForMember) -> None:
        if self._ended_by is not None or not self._connected:
            raise NotConnected
        self._member.do(intent, time.time())
        self._pump()

    async def _type_password(self, typed: str) -> None:
        secret = None
        if typed:
            exporter = self._member.check.exporter()
            secret = await asyncio.get_running_loop().run_in_executor(None, password_secret, typed, exporter)
        if self._ended_by is not None:
            raise NotConnected
        self._member.type_password(secret, time.time())
        self._pump()

    def _info(self) -> ev.Info:
        traffic, proof = self._side.traffic(), self._proof
        return ev.Info(
            time=_now(),
            connection=self._side.label,
            name=self._member.name,
            cipher=CIPHER,
            key_exchange=KEY_EXCHANGE,
            library=OCB_LIBRARY,
            fingerprint=proof.fingerprint.hex() if proof else None,
            words=list(proof.words) if proof else None,
            members=len(self._member.roster.here),
            seconds=round(time.monotonic() - self._started, 1),
            **traffic._asdict(),
        )

    # --- what the hub says ---

    def hear(self, messages: Sequence[wire.Message | wire.LinkFacts]) -> None:
        """Messages of the hub for this member, in order: why a sender stops comes before its offer's end."""
        for of_files, together in groupby(messages, lambda message: isinstance(message, FileMessage)):
            if of_files:
                for message in together:
                    self._files.hear(cast(FileMessage, message))
                continue
            try:
                self._member.receive(list(together), time.time())
            except PeerError as error:
                self._side.fail(error)
            self._pump()

    @property
    def joined(self) -> bool:
        return self._member.joined

    def progress(self, step: Literal["dial", "exchange", "busy", "join"], attempt: int) -> None:
        self._emit(ev.Connecting(time=_now(), step=step, attempt=attempt))

    def judge(self, place: str, key: PublicKey) -> None:
        """Whether this may be the key of the host at HOST:PORT. Called on a thread, and once for a connection."""
        expected = self.settings.expect
        if expected is not None:
            if key.id != expected:
                raise UnexpectedKey
            return
        before = self._known.host(place) if self._known is not None else None
        if before not in (None, key.id) and key.id != self.settings.accepted:
            raise ChangedKey(place=place, key=key.id)

    def keyed(self, session: Session | None, *, by_code: bool = False) -> None:
        """The key exchange is done; on the host itself there is none."""
        if session is None:
            self._member.start(None, None)
        else:
            host, verified = session.peer.id, self._member.roster.verified
            self._proof = Proof(session.fingerprint, session.words)
            self._member.start(session.peer, self._proof, session.exporter)
            if by_code:
                self._member.vouch(host, "code")
            elif self.settings.expect is not None:
                self._member.vouch(host, "fingerprint")
            elif host in verified:
                self._member.vouch(host, "known")
        self._pump()

    def _remember(self, event: ev.Event) -> None:
        """Keep what this event says of keys, with a lasting identity."""
        if self._known is None:
            return
        try:
            if isinstance(event, ev.Connected):
                host = self._member.roster.host
                if self._known.note_host(self._side.label, host if self._member.host_lasts else None):
                    text = tr("The key of this host is remembered: another one at its address would stop you.")
                    self._emit(ev.Notice(time=_now(), code="host-remembered", text=text))
            elif isinstance(event, ev.Verification) and event.state != "open":
                self._known.note_verified(bytes.fromhex(event.member), event.state == "verified")
        except CannotKeep as error:
            self._emit(ev.Notice(time=_now(), code=error.code, text=str(error)))

    def reconnecting(self, error: PeerError, attempt: int) -> None:
        """The connection is cut; what the person says meanwhile waits."""
        self._cut = True
        seconds = self.settings.limits.resume_seconds
        text = tr("The connection is lost; reconnecting for up to {seconds:g} s. What you write goes out then.",
                  seconds=seconds)  # fmt: skip
        self._emit(ev.Reconnecting(time=_now(), code=error.code, text=text, attempt=attempt, seconds=seconds))

    def resumed(self, attempt: int, missed: int) -> None:
        """It is restored."""
        self._cut = False
        self._member.resumed(time.time())
        text = tr("The connection is restored. Messages that came meanwhile: {count}.", count=missed)
        self._emit(ev.Resumed(time=_now(), code="resumed", text=text, attempt=attempt, missed=missed))
        self._pump()

    def anew(self, session: Session) -> None:
        """The host is there again and knows nothing of us: join it as somebody new."""
        self._cut = False
        error, before = NotResumed(), self._member
        self._emit(ev.Notice(time=_now(), code=error.code, text=str(error)))
        before.disconnected(error, time.time())
        self._files.disconnected(error)
        for offer in before.offers.open:
            before.close_offer(offer, error, time.time())
        self._pump()
        self._member = self._make_member(before.key, before.name)
        self._member.roster.verified |= before.roster.verified
        self._member.away = before.away
        self._member.offers.go_on_from(before.offers)
        self._files.begin_anew(self._member)
        self._connected = False
        self.keyed(session)

    def ended(self, error: PeerError) -> None:
        """The connection is gone."""
        self._cut = False
        if self._ended_by is None:
            self.exit_status = error.exit_status or self.exit_status
            self._member.disconnected(error, time.time())
            self._files.disconnected(error)
            self._pump()
            self._finish(error)

    def refused(self, address: str, error: PeerError) -> None:
        """A host turned somebody away."""
        self._refusals.note(address, error)

    def trace(self, link: str, trace: Trace) -> None:
        self._emit(
            ev.TraceEvent(
                time=_now(), step=trace.step, direction=trace.direction, detail=plain_detail(trace), link=link
            )
        )

    def tell(self, event: ev.Event) -> None:
        self._emit(event)

    # --- inside ---

    def _pair_tracer(self, name: str) -> Tracer | None:
        return partial(self.trace, f"pair {name}") if self.settings.dev else None

    def _pump(self) -> None:
        """Pass on what the member machine has: messages to the hub, events to the face."""
        self._side.send(self._member.take_outgoing())
        happened = self._member.take_events()
        if self._member.joined and not self._connected:
            self._connected = True
            member = self._member
            verified = member.roster.host in member.roster.verified
            arrival = self._side.arrival(member.name, member.id.hex(), member.rooms, verified)
            self._emit(arrival)
            self._remember(arrival)
            if self.settings.invite and self.settings.hosting:
                self._side.invite()
        for event in happened:
            if isinstance(event, ev.Failed):
                self.exit_status = self.exit_status or 1
            if self._files.consider(event):
                self._emit(event)
            self._remember(event)
            if isinstance(event, ev.Verification) and event.state == "differs" and not event.pair:
                self._side.part(bytes.fromhex(event.member), Distrusted())
        self._moved.set()

    def _emit(self, event: ev.Event) -> None:
        self._feed.put(event)
        self._moved.set()

    def _hold(self, hold: bool) -> None:
        """The face does not keep up, or does again."""
        (self._side.pause_reading if hold else self._side.resume_reading)()

    def _finish(self, error: UsiError) -> None:
        self._ended_by = error
        if not self.exit_status:
            self.exit_status = error.exit_status
        text = tr("You left.") if isinstance(error, Left) else str(error)
        self._emit(ev.Disconnected(time=_now(), code=error.code, text=text))
        self._feed.end()
        self._moved.set()

    async def _movement(self) -> None:
        self._moved.clear()
        await self._moved.wait()

    def _tick(self) -> None:
        if self._ended_by is None:
            self._ticker = asyncio.get_running_loop().call_later(_TICK, self._tick)
        slept = self._slept()
        self._refusals.tick()
        self._side.tick(slept)
        if self._ended_by is None and not self._cut:
            try:
                self._member.tick(time.time())
            except PeerError as error:
                self._side.fail(error)
            self._pump()

    def _slept(self) -> float:
        """Seconds since the last tick, where they are so many that this machine was asleep or stopped; else 0. The
        monotonic clock stands still in a sleeping laptop, and the wall clock can be set: the larger counts."""
        before, self._ticked = self._ticked, (time.monotonic(), time.time())
        passed = max(now - then for now, then in zip(self._ticked, before, strict=True))
        return passed if passed > _SLEPT else 0.0

    def _stop_ticker(self) -> None:
        if self._ticker is not None:
            self._ticker.cancel()


def host(
    name: str = "host", *, address: str | None = None, port: int = DEFAULT_PORT, preset: bytes | None = None
) -> Peer:
    """A host to be started with `async with`; `address` None listens everywhere, `port` 0 picks one."""
    return Peer(Settings(hosting=True, name=clean_name(name), address=address, port=port, preset=preset))


def connect(address: str = "localhost", port: int = DEFAULT_PORT, *, name: str, preset: bytes | None = None) -> Peer:
    """A guest to be started with `async with`."""
    return Peer(Settings(hosting=False, name=clean_name(name), address=address, port=port, preset=preset))


def _now() -> datetime:
    return datetime.now(UTC)
