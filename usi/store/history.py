"""What was said in the host's rooms, on its disk: every row sealed, committed before the host acknowledges a post.

Kept is what was posted, sealed and signed as it came, with the keys of its room and the moduli of its authors, so that
who reads it later checks the same signatures. Methods wait for the disk and are for worker threads; they may be called
from several, one at a time goes on. The layout is in docs/PROTOCOL.md, "The history file".
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Literal

import msgspec
from msgspec import structs

from usi.core import wire
from usi.core.crypto import CryptoError, digest
from usi.core.errors import DamagedHistory, WrongPassphrase
from usi.store.database import Database
from usi.store.vault import Cost, Vault

PAGE = 256  # rows that are read at once where all are wanted
_TRIES = 20_000  # places that are tried for a row that does not open: half a second at most

Loss = Literal["deleted", "damaged", "moved"]
"""Why a post cannot be read: its row is not there, was changed or comes from another file, or belongs elsewhere."""


class Room(msgspec.Struct, frozen=True):
    """A room whose posts are kept."""

    conversation: wire.ConversationId
    name: str
    topic: str = ""
    private: bool = False
    past: bool = True
    """Whether newcomers see what was said before they came."""


class RoomKey(msgspec.Struct, frozen=True):
    """A key that posts of a room are sealed under, and the member who handed it out."""

    holder: wire.MemberId
    key: wire.Key


class _State(msgspec.Struct, frozen=True):
    """The sealed row of a room. `last` and `first` are in it so that rows taken out at either end are missed."""

    room: Room
    first: wire.Number = 1
    """The lowest number that is kept: retention took what was below."""
    last: wire.Count = 0


class _Stored(msgspec.Struct, frozen=True, array_like=True):
    """The sealed row of a post; conversation and number are its place."""

    kept_at: int
    key_id: wire.KeyId
    sender: wire.MemberId
    id: wire.PostId
    sealed: wire.Sealed


@dataclass(frozen=True)
class Kept:
    posted: wire.Posted
    kept_at: int
    """Milliseconds since 1970 (UTC), by the host's clock."""


@dataclass(frozen=True)
class Page:
    """Posts in the order of their numbers, and the numbers between them that cannot be read."""

    kept: tuple[Kept, ...] = ()
    lost: tuple[tuple[int, Loss], ...] = ()


_encode = msgspec.msgpack.Encoder().encode
_state = msgspec.msgpack.Decoder(_State)
_stored = msgspec.msgpack.Decoder(_Stored)
_key = msgspec.msgpack.Decoder(RoomKey)


class History:
    """An open history. `open` opens one or makes it."""

    def __init__(self, database: Database, vault: Vault, clock: Callable[[], float], lenient: bool) -> None:
        self._database = database
        self._vault = vault
        self._clock = clock
        self._lock = Lock()
        self._states: dict[bytes, _State] = {}
        self._authors: set[bytes] = set()
        """Tags of the authors that are known to be in the file."""
        self.damaged_rooms = self._load(lenient)
        """How many rows of rooms did not open; 0 but where `lenient`."""

    @classmethod
    def open(
        cls,
        path: Path,
        ask: Callable[[bool], str],
        *,
        check: bool = False,
        clock: Callable[[], float] = time.time,
        cost: Cost | None = None,
    ) -> History:
        """Open the history at `path`, or make one where there is none; with `check` to read it only, as far as that
        goes. Takes some tenths of a second and 128 MiB.

        `ask` gets the passphrase and is told whether it is for a new file. Raises `WrongPassphrase` or one of the
        errors of `usi.store.database`."""
        if not check and not path.exists():
            vault, header = Vault.new(ask(True), cost or Cost())
            return cls(Database(path, new=header), vault, clock, False)
        database = Database(path, read_only=check)
        try:
            header = database.header()
            try:
                vault = Vault.unlock(header, ask(False))
            except CryptoError as error:
                raise WrongPassphrase(path=path) from error
            return cls(database, vault, clock, check)
        except BaseException:
            database.close()
            raise

    @property
    def path(self) -> Path:
        return self._database.path

    def close(self) -> None:
        with self._lock:
            self._database.close()

    def _load(self, lenient: bool) -> int:
        damaged = 0
        with self._database.reading() as db:
            for tag, sealed in db.execute("SELECT tag, sealed FROM rooms"):
                try:
                    state = _state.decode(self._vault.open("room", tag, 0, sealed))
                except (CryptoError, msgspec.DecodeError) as error:
                    if not lenient:
                        raise DamagedHistory(path=self.path, why="a room was changed") from error
                    damaged += 1
                else:
                    self._states[state.room.conversation] = state
        return damaged

    # --- rooms, keys, authors ---

    def rooms(self) -> list[Room]:
        return [state.room for state in self._states.values()]

    def last(self, conversation: bytes) -> int:
        """The number of the newest post; 0 where none was ever kept."""
        return self._states[conversation].last

    def first(self, conversation: bytes) -> int:
        """The lowest number that retention has left; one more than `last` where it left none."""
        return self._states[conversation].first

    def count(self, conversation: bytes) -> int:
        state = self._states[conversation]
        return state.last - state.first + 1

    def keep_room(self, room: Room) -> None:
        """Keep a new room, or another name, topic or rule of one that is kept."""
        with self._lock:
            state = self._states.get(room.conversation, _State(room))
            self._commit({room.conversation: structs.replace(state, room=room)})

    def forget_room(self, conversation: bytes) -> None:
        """Take a room out of the file with its keys and all that was said there."""
        tag = self._room_tag(conversation)
        with self._lock:
            with self._database.committing() as db:
                for table, column in (("posts", "room"), ("keys", "room"), ("rooms", "tag")):
                    db.execute(f"DELETE FROM {table} WHERE {column} = ?", (tag,))  # noqa: S608 (names of ours)
            self._states.pop(conversation, None)

    def keep_key(self, conversation: bytes, key: RoomKey) -> None:
        """Keep a key of a room, before anything is posted under it."""
        tag = self._vault.tag("key", conversation, digest("usi3 key id", key.key))
        row = (self._room_tag(conversation), tag, self._vault.seal("key", tag, 0, _encode(key)))
        with self._lock, self._database.committing() as db:
            db.execute("INSERT OR REPLACE INTO keys VALUES (?, ?, ?)", row)

    def key(self, conversation: bytes, key_id: bytes) -> RoomKey | None:
        """The key of that id, or None where it is not kept, or its row was changed."""
        tag = self._vault.tag("key", conversation, key_id)
        with self._lock, self._database.reading() as db:
            row = db.execute("SELECT sealed FROM keys WHERE tag = ?", (tag,)).fetchone()
        try:
            return None if row is None else _key.decode(self._vault.open("key", tag, 0, row[0]))
        except (CryptoError, msgspec.DecodeError):
            return None

    def author(self, member: bytes) -> bytes | None:
        """The modulus of an author, or None where it is not kept, or its row was changed."""
        tag = self._vault.tag("author", member)
        with self._lock, self._database.reading() as db:
            row = db.execute("SELECT sealed FROM authors WHERE tag = ?", (tag,)).fetchone()
        try:
            return None if row is None else self._vault.open("author", tag, 0, row[0])
        except CryptoError:
            return None

    # --- posts ---

    def append(self, posts: Sequence[wire.Posted], authors: Mapping[bytes, bytes]) -> None:
        """Keep posts with one commit: all are on the disk when this returns, and none where it raises.

        Each must have the number that follows the last of its room. `authors` has the moduli of their senders, by
        member id; those that are not in the file yet go with them. Raises `NoRoomLeft`, `CannotKeep` and the like: then
        nothing may be acknowledged, and the same numbers are still to be given."""
        with self._lock:
            states: dict[bytes, _State] = {}
            rows = []
            now = int(self._clock() * 1000)
            for post in posts:
                state = states.get(post.conversation) or self._states[post.conversation]
                if post.number != state.last + 1:
                    raise ValueError(f"post {post.number} does not follow {state.last}")
                stored = _encode(_Stored(now, post.key_id, post.sender, post.id, post.sealed))
                tag = self._room_tag(post.conversation)
                rows.append((tag, post.number, self._vault.seal("post", tag, post.number, stored)))
                states[post.conversation] = structs.replace(state, last=post.number)
            self._commit(states, rows, {post.sender: authors[post.sender] for post in posts if post.sender in authors})

    def _commit(
        self,
        states: Mapping[bytes, _State],
        posts: Sequence[tuple[bytes, int, bytes]] = (),
        authors: Mapping[bytes, bytes] | None = None,
    ) -> None:
        """One transaction; what is remembered changes only when it is on the disk."""
        tags = {self._vault.tag("author", member): modulus for member, modulus in (authors or {}).items()}
        new = tags.keys() - self._authors
        with self._database.committing() as db:
            db.executemany("INSERT INTO posts VALUES (?, ?, ?)", posts)
            for conversation, state in states.items():
                tag = self._room_tag(conversation)
                sealed = self._vault.seal("room", tag, 0, _encode(state))
                db.execute("INSERT OR REPLACE INTO rooms VALUES (?, ?)", (tag, sealed))
            for tag in new:
                sealed = self._vault.seal("author", tag, 0, tags[tag])
                db.execute("INSERT OR REPLACE INTO authors VALUES (?, ?)", (tag, sealed))
        self._states.update(states)
        self._authors |= new

    def page(self, conversation: bytes, before: int | None, count: int) -> Page:
        """The `count` posts with the highest numbers below `before` (None: the newest)."""
        with self._lock:
            return self._page(conversation, before, count)

    def _page(self, conversation: bytes, before: int | None, count: int) -> Page:
        state = self._states[conversation]
        end = state.last + 1 if before is None else min(before, state.last + 1)
        start = max(state.first, end - count)
        tag = self._room_tag(conversation)
        with self._database.reading() as db:
            found = dict(
                db.execute(
                    "SELECT number, sealed FROM posts WHERE room = ? AND number >= ? AND number < ?", (tag, start, end)
                ).fetchall()
            )
        kept: list[Kept] = []
        lost: list[tuple[int, Loss]] = []
        for number in range(start, end):
            if number not in found:
                lost.append((number, "deleted"))
                continue
            try:
                stored = _stored.decode(self._vault.open("post", tag, number, found[number]))
            except (CryptoError, msgspec.DecodeError):
                lost.append((number, "moved" if self._is_from_elsewhere(found[number]) else "damaged"))
                continue
            posted = wire.Posted(conversation, stored.key_id, stored.sender, stored.id, number, stored.sealed)
            kept.append(Kept(posted, stored.kept_at))
        return Page(tuple(kept), tuple(lost))

    def pages(self, conversation: bytes, before: int | None = None, count: int = PAGE) -> Iterator[Page]:
        """Everything that was said below `before`, a page at a time, the newest first: for a search by who can read
        it. What is posted meanwhile is not in it."""
        end = self.last(conversation) + 1 if before is None else before
        while end > self.first(conversation):
            yield self.page(conversation, end, count)
            end -= count

    def _is_from_elsewhere(self, row: object) -> bool:
        """Whether a row that does not open where it stands does so in another place of this file."""
        tries = 0
        for conversation, state in self._states.items():
            tag = self._room_tag(conversation)
            for number in range(state.last, state.first - 1, -1):
                tries += 1
                if tries > _TRIES:
                    return False
                if self._vault.opens("post", tag, number, row):
                    return True
        return False

    def retire(self, conversation: bytes, *, before: float | None = None, most: int | None = None) -> int:
        """Delete what was kept before that time (seconds since 1970), and what is older than the `most` newest posts;
        returns how many. What was deleted is overwritten in the file."""
        tag = self._room_tag(conversation)
        with self._lock:
            state = self._states[conversation]
            first = state.first
            if most is not None:
                first = max(first, state.last + 1 - most)
            if before is not None:
                first = self._first_since(conversation, first, int(before * 1000))
            if first == state.first:
                return 0
            new = structs.replace(state, first=first)
            sealed = self._vault.seal("room", tag, 0, _encode(new))
            with self._database.committing() as db:
                db.execute("DELETE FROM posts WHERE room = ? AND number < ?", (tag, first))
                db.execute("UPDATE rooms SET sealed = ? WHERE tag = ?", (sealed, tag))
            self._states[conversation] = new
            return first - state.first

    def _first_since(self, conversation: bytes, first: int, since: int) -> int:
        """The number, not below `first`, from which on posts were kept `since` then.

        A clock may have been wrong: a post counts as young as the youngest before it, and one from the future says
        nothing. Such, and what cannot be read, go with the older ones behind them."""
        last, now = self._states[conversation].last, int(self._clock() * 1000)
        youngest = 0
        for start in range(first, last + 1, PAGE):
            for kept in self._page(conversation, start + PAGE, min(PAGE, last + 1 - start)).kept:
                if kept.kept_at > now:
                    continue
                youngest = max(youngest, kept.kept_at)
                if youngest >= since:
                    return first
                first = kept.posted.number + 1
        return first

    # --- checks ---

    def faults(self) -> list[str]:
        """What SQLite finds wrong with the file, in its own words."""
        with self._lock:
            return self._database.faults()

    def damaged_rows(self) -> list[str]:
        """The table of each key and author whose row does not open."""
        with self._lock, self._database.reading() as db:
            return [
                table
                for table, kind in (("keys", "key"), ("authors", "author"))
                for tag, sealed in db.execute(f"SELECT tag, sealed FROM {table}")  # noqa: S608 (names of ours)
                if not self._vault.opens(kind, tag, 0, sealed)
            ]

    def stray_rows(self) -> int:
        """Posts and keys of no room that is in the file, and posts outside the numbers of theirs."""
        with self._lock, self._database.reading() as db:
            (posts,) = db.execute("SELECT count(*) FROM posts").fetchone()
            (keys,) = db.execute("SELECT count(*) FROM keys").fetchone()
            for conversation, state in self._states.items():
                tag = self._room_tag(conversation)
                within = (tag, state.first, state.last)
                query = "SELECT count(*) FROM posts WHERE room = ? AND number BETWEEN ? AND ?"
                posts -= db.execute(query, within).fetchone()[0]
                keys -= db.execute("SELECT count(*) FROM keys WHERE room = ?", (tag,)).fetchone()[0]
        return int(posts + keys)

    def _room_tag(self, conversation: bytes) -> bytes:
        return self._vault.tag("room", conversation)
