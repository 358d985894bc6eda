"""Who sits where at a host: members, their links, names and keys, and who sees whom."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection
from dataclasses import dataclass, field

from usi.core import text, wire
from usi.core.accounts import Account, Accounts, Role
from usi.core.facts import OWN, Arrived
from usi.core.rooms import HostedRoom, Rooms

KNOWN_KEYS = 10_000  # moduli kept for members who left: their posts are still being read


@dataclass(eq=False)
class Seat:
    """One link to the host, and the member at its other end. That another connection takes the place of one that was
    cut is no business of the hub's: `usi.net.seats` keeps the number for it."""

    link: int
    facts: wire.LinkFacts
    account: Account | None = None
    network: str = ""
    name: str = ""
    """Empty until the member has joined."""
    away: str | None = None
    """Why it is away, if it is; empty: it does not say."""
    since: dict[bytes, int] = field(default_factory=dict)
    """Room → the first number that this member may read there, of the rooms that it is in."""
    reads: bool = False
    """It waits for something from the history."""
    fetches: dict[tuple[bytes, bytes], bytes] = field(default_factory=dict)
    """(sender's id, transfer) → request, of the transfers that it receives."""
    sends: set[bytes] = field(default_factory=set)
    """And of those that it sends."""

    @property
    def info(self) -> wire.MemberInfo:
        return wire.MemberInfo(self.facts.member, self.name, self.away)

    @property
    def role(self) -> Role:
        if self.link == OWN:
            return Role.HOST
        return self.account.role if self.account is not None else Role.GUEST

    @property
    def who(self) -> str:
        """By what rights are remembered: the account, or the key of a guest."""
        return text.skeleton(self.account.name) if self.account is not None else self.facts.member.hex()


class Seats:
    """All links of a host, and who of them has joined. Who is in which room, `rooms` know; `accounts` reserve names."""

    def __init__(self, rooms: Rooms, accounts: Accounts | None) -> None:
        self.accounts = accounts
        self._rooms = rooms
        self._by_link: dict[int, Seat] = {}
        self._by_member: dict[bytes, Seat] = {}
        """Of those who have joined."""
        self._names: dict[str, bytes] = {}
        """Skeleton of a name → the member who has it."""
        self._moduli: OrderedDict[bytes, bytes] = OrderedDict()

    def __len__(self) -> int:
        """How many have joined."""
        return len(self._by_member)

    # --- coming and going ---

    def arrive(self, fact: Arrived) -> None:
        """A link is there, or more is known of it; its member has not joined yet."""
        self._by_link[fact.link] = Seat(fact.link, fact.facts, fact.account, fact.network)

    def admit(self, seat: Seat, wanted: str) -> None:
        """Its member has joined, under the name that it wants or one with a number."""
        member = seat.facts.member
        seat.name = text.numbered_name(wanted, self._taken(seat))
        self._names[text.skeleton(seat.name)] = member
        self._by_member[member] = seat
        self.keep_key(member, seat.facts.modulus)

    def dismiss(self, link: int) -> Seat | None:
        """This link is gone. The seat of its member, if that had joined over it."""
        seat = self._by_link.pop(link, None)
        if seat is None or self._by_member.get(seat.facts.member) is not seat:
            return None
        del self._by_member[seat.facts.member]
        del self._names[text.skeleton(seat.name)]
        return seat

    # --- names ---

    def rename(self, seat: Seat, name: str) -> bool:
        """Give a member this name; False where it is somebody else's."""
        member, skeleton = seat.facts.member, text.skeleton(name)
        reserved = self.accounts is not None and not self.accounts.may_be_called(name, seat.account)
        if reserved or self._names.get(skeleton, member) != member:
            return False
        del self._names[text.skeleton(seat.name)]
        self._names[skeleton] = member
        seat.name = name
        return True

    def _taken(self, seat: Seat) -> Collection[str]:
        """Skeletons of the names that somebody cannot have: those of others here, and of others' accounts."""
        if self.accounts is None or not len(self.accounts):
            return self._names
        own = {text.skeleton(seat.account.name)} if seat.account is not None else set()
        return self._names.keys() | (self.accounts.reserved - own)

    def account_of(self, name: str) -> Account | None:
        """The account of that name, or of one that looks like it."""
        return self.accounts.owner(name) if self.accounts is not None else None

    # --- finding ---

    @property
    def host(self) -> Seat:
        """That of the host's own person."""
        return self._by_link[OWN]

    def at(self, link: int) -> Seat | None:
        return self._by_link.get(link)

    def of(self, member: bytes) -> Seat | None:
        """That of a member who has joined."""
        return self._by_member.get(member)

    def named(self, name: str) -> Seat | None:
        """That of the member of this name, or of one that looks like it."""
        member = self._names.get(text.skeleton(name))
        return self._by_member.get(member) if member is not None else None

    def everyone(self) -> list[Seat]:
        """Those who have joined, in the order in which they came."""
        return list(self._by_member.values())

    # --- who sees whom ---

    def inside(self, room: HostedRoom) -> list[Seat]:
        return [self._by_link[link] for link in room.links]

    def neighbours(self, seat: Seat) -> list[int]:
        """The links of all who share a room with somebody, itself included."""
        links: dict[int, None] = {}
        for room in self._rooms.of(seat.link):
            links.update(room.links)
        return list(links)

    def sees(self, seat: Seat, other: Seat) -> bool:
        return any(seat.link in room.links and other.link in room.links for room in self._rooms)

    # --- keys ---

    def key_of(self, member: bytes) -> bytes | None:
        """The modulus of a member who is here, or was."""
        return self._moduli.get(member)

    def keep_key(self, member: bytes, modulus: bytes) -> None:
        self._moduli[member] = modulus
        self._moduli.move_to_end(member)
        if len(self._moduli) > KNOWN_KEYS:
            oldest = next((member for member in self._moduli if member not in self._by_member), None)
            if oldest is not None:
                del self._moduli[oldest]
