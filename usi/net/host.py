"""The host: a listener, its links, and the hub whose effects it performs. It opens nothing that members say."""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import itertools
import socket
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from typing import Literal

from usi.config import Limits, Settings
from usi.core import events, wire
from usi.core import invitation as inviting
from usi.core.accounts import Account
from usi.core.crypto import PrivateKey, sha256
from usi.core.errors import (
    Busy,
    CannotListen,
    HostStopped,
    Left,
    LocalError,
    OutOfTurn,
    PasswordNeeded,
    PeerError,
    PortInUse,
    Replaced,
    TooManyInvitations,
    TooSlow,
    WrongPassword,
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
    Note,
    Passed,
    Send,
    ShowLimits,
    ShowLog,
)
from usi.core.hub import TRANSFERS, Hub
from usi.core.invitation import Invitation, Invitations
from usi.core.language import tr
from usi.core.login import Logins
from usi.core.session import Role, Session
from usi.core.trace import Direction, Trace, Value
from usi.net.chronicle import Chronicle
from usi.net.gate import Gate
from usi.net.limits import Use, values
from usi.net.link import Flusher, Link
from usi.net.memory import Memory
from usi.net.pace import PacedInbox
from usi.net.relay import Relay
from usi.net.seats import RESUMABLE, Seat, Seats
from usi.net.side import Person, Traffic
from usi.store.house import House

_CROWD_SECONDS = 0.25  # between announcements of who comes and goes in large rooms
_ACCOUNTS_SECONDS = 2.0  # between looks at whether the accounts file has changed
_CRYPTO_THREADS = 2
_AT_THE_DOOR = (wire.Claim, wire.Login, wire.Ask, wire.Prove, wire.Unlock)
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
            accounts=accounts,
            transfers_per_address=settings.limits.transfers_per_address,
        )
        self._logins = Logins(time.monotonic)
        self._logins.accounts, self._logins.shared = accounts, self._house.password
        self._admitted: set[int] = set()
        """Links that have shown a code or a password."""
        self._chronicle = Chronicle(self._house.log, person.tell, self._tell_trouble)
        self._gate = Gate(self.hub, self._house, key.public.id, self._perform, self._tell_trouble)
        self._troubles: dict[str, float] = {}
        """Code of what the disk refused → when it was told last."""
        self._announcing = False
        self._started = False
        self._looked = 0.0
        self._looking: asyncio.Future[bool] | None = None
        self._invitations = Invitations()
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
        self._most_connections = min(self._limits.connections, _descriptors() - _OWN_DESCRIPTORS)
        self._newcomers: dict[Link, str] = {}
        """Links that count as half-open, and the network under which they do."""
        self._numbers = itertools.count(OWN + 1)
        self._own_inbox = PacedInbox(self._limits, self._hear_own, lambda waits: None)
        self._server: asyncio.Server | None = None

    @property
    def label(self) -> str:
        """Where this host listens."""
        return ", ".join(_shown((address, self.port)) for address in self.addresses)

    # --- life ---

    async def start(self) -> None:
        """Listen; raises `PortInUse` or `CannotListen`."""
        if self._memory is not None:
            self._memory.listen(self._accept, self.relay.claim)
            self.addresses = [self._memory.name]
        else:
            listener = _listen(self._settings.address, self._settings.port)
            self.port = listener.getsockname()[1]
            self.addresses = _addresses(self._settings.address)
            self._server = await self._loop.create_server(self._accept, sock=listener, backlog=512)
        await self._gate.start()
        self._chronicle.note("started", {"address": self.label})
        self._started = True
        public = self._key.public
        facts = wire.LinkFacts(public.id, public.modulus, b"", (), "")
        self._handle(Arrived(OWN, facts))
        self._person.keyed(None)

    def invite(self) -> None:
        self._invite()

    def _invite(self) -> list[str]:
        """Make an invitation, and tell the host's person; returns its lines to paste. Raises `TooManyInvitations`."""
        now = time.time()  # not the loop's clock, which stands still while a laptop sleeps
        invitation = self._invitations.new(now)
        key = self._key.public.id
        links = [inviting.pasted(address, self.port, key, invitation.code) for address in self.addresses]
        self._tell_invitation(invitation, "open", code=invitation.code, links=links)
        return links

    def _invite_for(self, number: int) -> None:
        """A moderator hands on an invitation."""
        try:
            notices = [wire.Notice("invited", link[:256]) for link in self._invite()]
        except TooManyInvitations as error:
            notices = [wire.Notice(error.code, str(inviting.MAX_OPEN))]
        for notice in notices:
            self._send(Send((number,), notice))

    def _tell_invitation(
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
        if self._server is not None:
            self._server.close()
        self._own_inbox.stop()
        for link in list(self._links.values()):
            link.close(HostStopped())
        await self.relay.close()
        await self._gate.close()
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
        if not self._settings.dev:
            return None

        def note(trace: Trace) -> None:  # the handshake runs on a thread
            self._loop.call_soon_threadsafe(self._person.trace, f"link {number}", trace)

        return note

    def link_made(self, link: Link) -> bool:
        network = _network(link.peer_address[0])
        full = self._taken >= self._most_connections
        if (
            full
            or self._seats.crowded(network)
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
        self._arrive(link)

    def _arrive(self, link: Link, *, by_code: bool = False, account: Account | None = None) -> None:
        session = link.session
        facts = wire.LinkFacts(
            session.peer.id,
            session.peer.modulus,
            session.fingerprint,
            session.words,
            _shown(link.peer_address),
            session.exporter,
            by_code,
        )
        self._handle(Arrived(link.number, facts, account, _network(link.peer_address[0])))

    def _at_the_door(self, link: Link, message: wire.Message) -> None:
        """Somebody who has not joined yet proves that it has the code of an invitation, or a password."""
        try:
            match message:
                case wire.Claim():
                    self._hear_claim(link, message)
                case wire.Prove() if not self._logins.owes(link.number):
                    self._hear_code(link, message)
                case wire.Login():
                    if self._invitations.owes(link.number):
                        raise OutOfTurn(what="login")
                    link.send(self._logins.begin(link.number, _network(link.peer_address[0]), message))
                case wire.Ask():
                    challenge, wait = self._logins.challenge(link.number, message, link.session.exporter)
                    self._note_door(link, "claim", "in", purpose="account", point=message.point)
                    self._loop.call_later(wait, link.send, challenge)
                case wire.Prove():
                    self._logins.prove(link.number, message)
                case wire.Unlock():
                    account = self._logins.unlock(link.number, message)
                    self._note_door(link, "prove", "in", fits=True)
                    self._admitted.add(link.number)
                    self._arrive(link, by_code=self._invitations.proved(link.number), account=account)
        except PeerError as error:
            link.close(error)

    def _hear_claim(self, link: Link, message: wire.Claim) -> None:
        network, exporter = _network(link.peer_address[0]), link.session.exporter
        if self._logins.owes(link.number):
            raise OutOfTurn(what="claim")
        challenge = self._invitations.challenge(link.number, network, message, exporter, time.time())
        self._note_door(link, "claim", "in", purpose="invitation", locator=message.locator, point=message.point)
        self._note_door(link, "challenge", "out", point=challenge.point, confirmation=challenge.confirmation)
        link.send(challenge)

    def _hear_code(self, link: Link, message: wire.Prove) -> None:
        invitation = self._invitations.check(link.number, message)
        self._note_door(link, "prove", "in", confirmation=message.confirmation, fits=True)
        self._tell_invitation(invitation, "used", address=_shown(link.peer_address))
        self._admitted.add(link.number)
        self._arrive(link, by_code=True)

    def _note_door(self, link: Link, step: str, direction: Direction, /, **detail: Value) -> None:
        note = self._session_tracer(link.number)
        if note is not None:
            note(Trace(step, direction, detail))

    def link_is_data(self, link: Link, ticket: bytes, sock: socket.socket) -> None:
        del self._links[link.number]
        self.relay.claim(ticket, sock)

    def link_messages(self, link: Link, messages: Sequence[wire.Message]) -> None:
        for message in messages:
            if link.number not in self._links:
                return  # it was ended by what came before
            if not link.is_joined and isinstance(message, _AT_THE_DOOR):
                self._at_the_door(link, message)
                continue
            if isinstance(message, wire.Resume) and not link.is_joined:
                self._resume(link, message)
                continue
            if isinstance(message, wire.Join) and not link.is_joined:
                if self._invitations.owes(link.number) or self._logins.owes(link.number):
                    link.close(OutOfTurn(what="join"))
                    return
                if self._house.password is not None and link.number not in self._admitted:
                    link.close(PasswordNeeded())
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
        if seat is None or self._invitations.owes(link.number) or self._logins.owes(link.number):
            link.send(wire.NoSeat())
            return
        if seat.link is not None:  # half dead: this host has not noticed yet
            old = seat.link
            self._ending.add(old)
            old.number = next(self._numbers)
            old.close(Replaced())
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
        self._admitted.discard(link.number)
        if not link.is_joined:
            wrong = self._invitations.gone(link.number)
            if self._logins.gone(link.number):
                error = WrongPassword()
            if wrong is not None:
                state: Literal["burned", "failed"] = "burned" if wrong.burned else "failed"
                self._tell_invitation(wrong, state, address=_shown(link.peer_address))
            else:
                self._tell_refused(link, error or Left())
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
        self._person.refused(_shown(link.peer_address), error)
        self._chronicle.note("refused", {"address": _shown(link.peer_address), "reason": error.code})

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
            case Note():
                self._chronicle.note(effect.event, effect.facts)
            case ShowLog():
                for entry in self._chronicle.recent():
                    self._send(Send((effect.link,), entry))
            case ShowLimits():
                self._send(Send((effect.link,), wire.LimitValues(self.limits())))
            case Invite():
                self._invite_for(effect.link)
            case Close() if link := self._links.get(effect.link):
                link.close(effect.error)
            case Close():
                self._seats.close(effect.link, effect.error)

    def _send(self, effect: Send) -> None:
        message, seats = effect.message, self._seats
        encoded = b""
        for number in effect.links:
            if number == OWN:
                if not self._for_person:
                    self._loop.call_soon(self._tell_person)
                self._for_person.append(message)
            elif not isinstance(message, wire.LinkFacts):
                encoded = encoded or wire.encode(message)
                if isinstance(message, wire.Welcome) and (link := self._links.get(number)):
                    seats.open(link, message, _network(link.peer_address[0]))
                if seat := seats.get(number):
                    seat.queue(encoded)

    def _tell_person(self) -> None:
        messages, self._for_person = self._for_person, []
        self._person.hear(messages)

    # --- time, and what a member in memory needs not ---

    def tick(self, slept: float) -> None:
        now = self._loop.time()
        self.hub.tick(now)
        self.relay.tick(now)
        self._gate.tick(now)
        self._look_at_accounts(now)
        for link in list(self._links.values()):
            link.tick(now, forgive=slept > 0)
        for seat in list(self._seats):
            seat.confirm()
            if seat.link is not None and seat.channel.overflown:
                seat.link.close(TooSlow())
        for seat in self._seats.over(now):
            self._go(seat.number, seat.why)

    def _look_at_accounts(self, now: float) -> None:
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
            self._handle(AccountsRead(file.accounts))
            text = tr("The accounts were read again: {count}.", count=len(file.accounts))
            self._person.tell(events.Notice(time=datetime.now(UTC), code="accounts-read", text=text))

    def fail(self, error: PeerError) -> None:
        raise error  # this program's own hub contradicts itself: a bug, never a peer's doing

    def part(self, member: bytes, error: PeerError) -> None:
        for seat in list(self._seats):
            if seat.member == member:
                if seat.link is not None:
                    seat.link.close(error)
                else:
                    self._go(seat.number, error.code)

    def pause_reading(self) -> None:
        """A host goes on for its members; what its own face cannot show is counted."""

    def resume_reading(self) -> None:
        """See `pause_reading`."""


def _descriptors() -> int:
    """How many files and sockets this process may have open, raised as far as the system lets it."""
    try:
        import resource
    except ImportError:  # Windows has no such bound for sockets
        return 1_000_000
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
            soft = hard
    return soft if soft != resource.RLIM_INFINITY else 1_000_000


def _listen(address: str | None, port: int) -> socket.socket:
    """A listening socket: on one address, or on all of both families."""
    try:
        if address is not None:
            family = socket.getaddrinfo(address, port, type=socket.SOCK_STREAM)[0][0]
            return socket.create_server((address, port), family=family)
        if socket.has_dualstack_ipv6():
            try:
                return socket.create_server(("", port), family=socket.AF_INET6, dualstack_ipv6=True)
            except OSError as error:
                if error.errno == errno.EADDRINUSE:
                    raise
        return socket.create_server(("", port))
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise PortInUse(port=port) from error
        why = tr("that address is not one of this machine") if error.errno == errno.EADDRNOTAVAIL else error.strerror
        raise CannotListen(address=address or "*", port=port, why=why or "it is not allowed") from error
    except UnicodeError as error:
        raise CannotListen(address=address or "*", port=port, why="that is not an address") from error
    except OverflowError as error:
        raise CannotListen(address=address or "*", port=port, why="a port is 0 to 65535") from error


def _addresses(address: str | None) -> list[str]:
    """Where others can reach this machine: a specific address itself, else those that its own name and routes give."""
    if address is not None:
        return [address]
    found: dict[str, None] = {}
    for family, probe in ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1")):
        try:
            with socket.socket(family, socket.SOCK_DGRAM) as route:
                route.connect((probe, 9))  # chooses a route and sends nothing
                found[route.getsockname()[0]] = None
        except OSError:
            continue
    try:
        infos = socket.getaddrinfo(socket.gethostname(), None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        infos = []
    for info in infos:
        found[str(info[4][0])] = None
    usable = [a for a in found if not ipaddress.ip_address(a.partition("%")[0]).is_loopback]
    return usable or ["127.0.0.1"]


def _plain_address(address: str) -> str:
    """An IPv4 address that came in over an IPv6 socket, as IPv4."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    mapped = getattr(parsed, "ipv4_mapped", None)
    return str(mapped or parsed)


def _network(address: str) -> str:
    """What counts as one address: an IPv4 address, or the /64 of an IPv6 one."""
    plain = _plain_address(address)
    if ":" in plain:
        return str(ipaddress.ip_network((plain, 64), strict=False))
    return plain


def _shown(address: tuple[str, int]) -> str:
    plain = _plain_address(address[0])
    return f"[{plain}]:{address[1]}" if ":" in plain else f"{plain}:{address[1]}"
