"""The host: a listener, its links, and the hub whose effects it performs. It opens nothing that members say."""

from __future__ import annotations

import asyncio
import itertools
import socket
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial

from usi.config import Limits, Settings
from usi.core import codec, events, wire
from usi.core import invitation as inviting
from usi.core.accounts import Account
from usi.core.addresses import place, plain
from usi.core.crypto import PrivateKey, sha256
from usi.core.errors import (
    RESUMABLE,
    Busy,
    HostStopped,
    Left,
    LocalError,
    PeerError,
    TooManyInvitations,
    TooSlow,
)
from usi.core.facts import (
    OWN,
    AccountsRead,
    Announce,
    Arrived,
    Close,
    Drop,
    Effect,
    Expect,
    Fact,
    FreePlace,
    Gone,
    Heard,
    Invite,
    KeepDecided,
    Note,
    Passed,
    Send,
    ShowLimits,
    ShowLog,
)
from usi.core.fetches import TRANSFERS
from usi.core.hub import Hub
from usi.core.session import Role, Session
from usi.core.trace import Trace
from usi.net.addresses import listen, reachable
from usi.net.chronicle import Chronicle
from usi.net.door import KNOCKS, Door
from usi.net.gate import Gate
from usi.net.keeper import Keeper
from usi.net.limits import Use, descriptors, values
from usi.net.link import Flusher, Link
from usi.net.memory import Memory
from usi.net.pace import PacedInbox
from usi.net.relay import Relay
from usi.net.seats import Seat, Seats
from usi.net.side import Person, Traffic
from usi.store.house import House

_CROWD_SECONDS = 0.25  # between announcements of who comes and goes in large rooms
_CRYPTO_THREADS = 2
_OWN_DESCRIPTORS = 64 + 2 * TRANSFERS  # for the program itself, and the pipes of its relay


class Host:
    """Listens, and lets members talk; a `Side` whose person is attached to the hub in memory."""

    def __init__(self, settings: Settings, key: PrivateKey, person: Person, memory: Memory | None = None) -> None:
        """`memory`: listen there, and not on a port."""
        self._house: House = settings.house or House()
        accounts = self._house.accounts.accounts if self._house.accounts is not None else None
        tracer = partial(person.trace, "hub") if settings.dev else None
        self.hub = Hub(
            self._house.rooms(),
            tracer,
            lasting=settings.identity is not None,
            keeps=self._house.history is not None,
            decided=self._house.moderation.decided if self._house.moderation is not None else None,
            accounts=accounts,
            transfers_per_address=settings.limits.transfers_per_address,
        )
        self._chronicle = Chronicle(self._house.log, person.tell, self._tell_trouble)
        self._gate = Gate(self.hub, self._house, key.public.id, self._perform, self._tell_trouble)
        self._door = Door(
            self._house,
            key.public.id,
            person,
            self._arrive,
            self._trace_link,
            lambda accounts: self._handle(AccountsRead(accounts)),
        )
        self._keeper = Keeper(self._house.moderation, self.hub.decided, self._tell_trouble)
        self._troubles: dict[str, float] = {}
        """Code of what the disk refused → when it was told last."""
        self._announcing = False
        self._started = False
        self.addresses: list[str] = []
        self.port = settings.port
        self._settings = settings
        self._limits: Limits = settings.limits
        self._key = key
        self._person = person
        self._memory = memory
        self._for_person: list[wire.Message | wire.LinkFacts] = []
        self._loop = asyncio.get_running_loop()
        self._flusher = Flusher(self._loop)
        self._executor = ThreadPoolExecutor(_CRYPTO_THREADS, thread_name_prefix="usi-rsa")
        self.relay = Relay(self._limits, lambda request: self._handle(Passed(request)))
        self._links: dict[int, Link] = {}
        self._seats = Seats(self._limits)
        self._past_traffic = [0, 0, 0, 0]
        self._half_open: Counter[str] = Counter()
        self._ending: set[Link] = set()
        self._turned_away: set[Link] = set()
        self._closing = False
        self._most_connections = min(self._limits.connections, descriptors() - _OWN_DESCRIPTORS)
        self._newcomers: dict[Link, str] = {}
        """Links that count as half-open, and the network under which they do."""
        self._numbers = itertools.count(OWN + 1)
        self._own_inbox = PacedInbox(self._limits, self._hear_own, lambda waits: None)
        self._server: asyncio.Server | None = None

    @property
    def label(self) -> str:
        """Where this host listens."""
        return ", ".join(place(plain(address), self.port) for address in self.addresses)

    # --- life ---

    async def start(self) -> None:
        """Listen; raises `PortInUse` or `CannotListen`."""
        if self._memory is not None:
            self._memory.listen(self._accept, self.relay.claim)
            self.addresses = [self._memory.name]
        else:
            listener = listen(self._settings.address, self._settings.port)
            self.port = listener.getsockname()[1]
            self.addresses = reachable(self._settings.address)
            self._server = await self._loop.create_server(self._accept, sock=listener, backlog=512)
        await self._gate.start()
        await self._keeper.start()
        self._chronicle.note("started", {"address": self.label})
        self._started = True
        public = self._key.public
        facts = wire.LinkFacts(public.id, public.modulus, b"", (), "")
        self._handle(Arrived(OWN, facts))
        self._person.keyed(None)

    def invite(self) -> None:
        self._door.invite(self.addresses, self.port)

    def _invite_for(self, number: int) -> None:
        """A moderator hands on an invitation."""
        try:
            notices = [wire.Notice("invited", link[:256]) for link in self._door.invite(self.addresses, self.port)]
        except TooManyInvitations as error:
            notices = [wire.Notice(error.code, str(inviting.MAX_OPEN))]
        for notice in notices:
            self._send(Send((number,), notice))

    def arrival(self, name: str, member: str, rooms: list[str], verified: bool) -> events.Event:
        preset = self._settings.preset
        return events.Listening(
            time=datetime.now(UTC),
            addresses=self.addresses,
            port=self.port,
            name=name,
            member=member,
            rooms=rooms,
            key_fingerprint=self._key.public.id.hex(),
            preset_fingerprint=sha256(preset).hex() if preset is not None else None,
            preset_key=self._settings.drawn_key,
        )

    async def close(self) -> None:
        """Say goodbye to everybody and close; bounded in time."""
        self._closing = True
        if self._server is not None:
            self._server.close()
        self._own_inbox.stop()
        for link in list(self._links.values()):
            link.close(HostStopped())
        await self.relay.close()
        await self._gate.close()
        await self._keeper.close()
        if self._started:
            self._chronicle.note("stopped", {})
        await self._chronicle.close()
        self._house.close()
        await asyncio.gather(*(link.closed() for link in [*self._ending, *self._turned_away]))
        self._executor.shutdown(wait=False, cancel_futures=True)

    def send(self, messages: Sequence[wire.Message]) -> None:
        """What the host's own person has for the hub."""
        if messages:
            self._own_inbox.take(messages)

    async def open_data(self, ticket: bytes) -> socket.socket:
        near, far = socket.socketpair()
        self.relay.claim(ticket, far)
        return near

    def passing(self) -> list[events.PassingRow]:
        return self.relay.rows()

    def limits(self) -> list[wire.LimitValue]:
        """What this host limits, and what is in use."""
        use = Use(
            connections=self._taken,
            connections_most=self._most_connections,
            connections_of_one=self._seats.most_of_one,
            half_open=self.half_open,
            half_open_of_one=max(self._half_open.values(), default=0),
            queue=max((link.queued for link in self._links.values()), default=0),
            kept=self._seats.most_kept,
            kept_in_all=self._seats.kept,
            seats=self._seats.empty,
            hub=self.hub.load,
        )
        return values(self._limits, use)

    @property
    def _taken(self) -> int:
        """Places that are taken, of all connections that there can be: also those that members may come back to."""
        return len(self._links) + self._seats.empty + len(self._ending) + self.relay.connections

    def _hear_own(self, messages: Sequence[wire.Message]) -> None:
        for message in messages:
            self._handle(Heard(OWN, message))

    @property
    def half_open(self) -> int:
        """Connections whose member has not joined yet."""
        return self._half_open.total()

    # --- connections ---

    def _accept(self) -> asyncio.Protocol:
        number = next(self._numbers)
        session = Session(Role.HOST, self._key, self._settings.preset, tracer=self._session_tracer(number))
        return Link(session, self, self._flusher, self._executor, self._limits, number)

    def _session_tracer(self, number: int) -> Callable[[Trace], None] | None:
        return partial(self._trace_link, number) if self._settings.dev else None

    def _trace_link(self, number: int, trace: Trace) -> None:
        """Show what was done with a link, where that is wanted; its handshake runs on a thread."""
        if self._settings.dev:
            self._loop.call_soon_threadsafe(self._person.trace, f"link {number}", trace)

    def link_made(self, link: Link) -> bool:
        if self._closing:
            link.turn_away()
            return False
        network = link.network
        full = self._taken - self._seats.empty >= self._most_connections
        if (
            full
            or self._seats.crowded(network, to_come_back=True)
            or self.half_open >= self._limits.half_open
            or self._half_open[network] >= self._limits.half_open_per_address
        ):
            self._tell_refused(link, Busy())
            if full or len(self._turned_away) >= self._limits.half_open:
                link.turn_away()
            else:
                self._turned_away.add(link)
            return False
        self._half_open[network] += 1
        self._newcomers[link] = network
        self._links[link.number] = link
        return True

    def link_ready(self, link: Link) -> None:
        self._arrive(link, False, None)

    def _arrive(self, link: Link, by_code: bool, account: Account | None) -> None:
        session = link.session
        facts = wire.LinkFacts(
            session.peer.id,
            session.peer.modulus,
            session.fingerprint,
            session.words,
            link.place,
            session.exporter,
            by_code,
        )
        self._handle(Arrived(link.number, facts, account, link.network))

    def link_is_data(self, link: Link, ticket: bytes, sock: socket.socket) -> None:
        del self._links[link.number]
        self.relay.claim(ticket, sock)

    def link_messages(self, link: Link, messages: Sequence[wire.Message]) -> None:
        for message in messages:
            if link.number not in self._links:
                return  # it was ended by what came before
            if not link.is_joined and isinstance(message, KNOCKS):
                self._door.hear(link, message)
                continue
            if isinstance(message, wire.Resume) and not link.is_joined:
                self._resume(link, message)
                continue
            if isinstance(message, wire.Join) and not link.is_joined:
                try:
                    self._door.let_in(link.number)
                    if self._taken > self._most_connections or self._seats.crowded(link.network):
                        raise Busy  # whoever may come back has a place; it is not given to anybody else
                except PeerError as error:
                    link.close(error)
                    return
                self._settle(link)
                link.joined()
            elif (seat := self._seats.get(link.number)) is not None and not self._counts(seat, link, message):
                continue
            self._handle(Heard(link.number, message))

    def _counts(self, seat: Seat, link: Link, message: wire.Message) -> bool:
        """Count what a member says; False where it is none of the hub's business."""
        try:
            counts = seat.channel.take(message)
        except PeerError as error:
            link.close(error)
            return False
        if seat.channel.due:
            seat.confirm()
        return counts and not (isinstance(message, wire.Bye) and message.code in RESUMABLE)

    def _resume(self, link: Link, message: wire.Resume) -> None:
        """Somebody comes back to a seat. Who is not its member learns nothing, not even that there is one."""
        seat = self._seats.find(message, link.session.peer.id)
        if (why := self._seats.told_off(message, link.session.peer.id)) is not None:
            link.close(why)
            return
        if seat is None or self._door.owes(link.number):
            link.send(wire.NoSeat())
            return
        if seat.link is not None:  # half dead: this host has not noticed yet
            old = seat.link
            self._ending.add(old)
            old.number = next(self._numbers)
            old.make_way()
        del self._links[link.number]
        self._handle(Gone(link.number, Left.code))
        self._seats.take(seat, link)
        self._links[seat.number] = link
        self._settle(link)
        link.joined()
        seat.channel.confirm(message.taken)
        rest = seat.channel.rest()
        link.send(wire.Resumed(seat.channel.taken, rest.posts))
        for encoded in rest.messages:
            link.queue(encoded)

    def link_ended(self, link: Link, error: PeerError | None) -> None:
        if self._links.get(link.number) is not link:
            return  # it was turned away, or its seat has another
        if not link.is_joined and (why := self._door.gone(link, error)) is not None:
            self._tell_refused(link, why)
        del self._links[link.number]
        self._ending.add(link)
        seat = self._seats.get(link.number)
        error = error or link.goodbye
        if seat is not None and error.code in RESUMABLE and self._limits.seat_seconds > 0:
            self._seats.leave(seat, error, self._loop.time())
        else:
            self._go(link.number, error.code)

    def _go(self, number: int, code: str) -> None:
        """A member, or somebody who has not joined, is gone for good."""
        self._seats.close(number)
        self._handle(Gone(number, code))

    def link_closed(self, link: Link) -> None:
        self._turned_away.discard(link)
        self._ending.discard(link)
        self._settle(link)  # a refused newcomer counts until its socket is closed
        for index, count in enumerate(link.traffic()):
            self._past_traffic[index] += count

    def _settle(self, link: Link) -> None:
        """This connection's handshake is over, one way or the other."""
        network = self._newcomers.pop(link, None)
        if network is not None:
            self._half_open[network] -= 1
            if self._half_open[network] <= 0:
                del self._half_open[network]

    def _tell_refused(self, link: Link, error: PeerError) -> None:
        self._person.refused(link.place, error)
        self._chronicle.note("refused", {"address": link.place, "reason": error.code})

    def _tell_trouble(self, error: LocalError) -> None:
        """The disk refuses: said, and not again within a minute."""
        now = self._loop.time()
        if now - self._troubles.get(error.code, -60.0) >= 60.0:
            self._troubles[error.code] = now
            self._person.tell(events.Notice(time=datetime.now(UTC), code=error.code, text=str(error)))

    def traffic(self) -> Traffic:
        """Of all connections, those that ended included."""
        counts = [self._past_traffic, *(link.traffic() for link in [*self._links.values(), *self._ending])]
        return Traffic(*(sum(column) for column in zip(*counts, strict=True)))

    # --- the hub ---

    def _handle(self, fact: Fact) -> None:
        self._gate.handle(fact)
        if self.hub.has_news and not self._announcing:
            self._announcing = True
            self._loop.call_later(_CROWD_SECONDS, self._announce)

    def _announce(self) -> None:
        self._announcing = False
        self._handle(Announce())

    def _perform(self, effect: Effect) -> None:
        match effect:
            case Send():
                self._send(effect)
            case Expect():
                self.relay.expect(effect)
            case Drop():
                self.relay.drop(effect.request)
            case FreePlace():
                self.relay.free_place()
            case KeepDecided():
                self._keeper.note()
            case Note():
                self._chronicle.note(effect.event, effect.facts)
            case ShowLog():
                for entry in self._chronicle.recent():
                    self._send(Send((effect.link,), entry))
            case ShowLimits():
                self._send(Send((effect.link,), wire.LimitValues(self.limits())))
            case Invite():
                self._invite_for(effect.link)
            case Close():
                self._seats.close(effect.link, effect.error)  # what a dead link does not say is told on coming back
                if link := self._links.get(effect.link):
                    link.close(effect.error)

    def _send(self, effect: Send) -> None:
        message, seats = effect.message, self._seats
        encoded = b""
        for number in effect.links:
            if number == OWN:
                if not self._for_person:
                    self._loop.call_soon(self._tell_person)
                self._for_person.append(message)
            elif not isinstance(message, wire.LinkFacts):
                encoded = encoded or codec.encode(message)
                if isinstance(message, wire.Welcome) and (link := self._links.get(number)):
                    seats.open(link, message)
                if seat := seats.get(number):
                    seat.queue(encoded)

    def _tell_person(self) -> None:
        messages, self._for_person = self._for_person, []
        self._person.hear(messages)

    # --- time, and what a member in memory needs not ---

    def tick(self, slept: float) -> None:
        now = self._loop.time()
        self.relay.tick(now)
        self._gate.tick(now)
        self._door.tick(now)
        for link in list(self._links.values()):
            link.tick(now, forgive=slept > 0)
        for seat in list(self._seats):
            seat.confirm()
            if seat.link is not None and seat.channel.overflown:
                seat.link.close(TooSlow())
        for seat in self._seats.over(now):
            self._go(seat.number, seat.why)

    def fail(self, error: PeerError) -> None:
        raise error  # this program's own hub contradicts itself: a bug, never a peer's doing

    def part(self, member: bytes, error: PeerError) -> None:
        for seat in list(self._seats):
            if seat.member == member:
                self._seats.close(seat.number, error)
                if seat.link is not None:
                    seat.link.close(error)
                else:
                    self._go(seat.number, error.code)

    def pause_reading(self) -> None:
        """A host goes on for its members; what its own face cannot show is counted."""

    def resume_reading(self) -> None:
        """See `pause_reading`."""
