"""What stands between the facts and the hub where a host keeps a history: nothing is acknowledged before it is on the
disk.

Facts are handled in order. From the first post that is to be kept, effects are held back; posts that wait already are
taken along, and a thread puts all of them on the disk with one commit. Then the effects are performed, or, where the
disk refused, the posts are taken back and their authors told. What comes meanwhile waits: no state of the hub is ever
ahead of the disk by more than one batch.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from usi.core import wire
from usi.core.errors import LocalError, NotKept
from usi.core.facts import Effect, Fact, ForgetRoom, Heard, Keep, KeepRoom, Read, ReadPast, Send
from usi.core.hub import Hub
from usi.core.recent import Recent
from usi.store.house import House

MOST_POSTS = 512  # in one commit: a thousandth of a second each, with the disk's own time shared
PAGE_BYTES = 512 * 1024  # of stored posts in one answer, so that it fits a reader's queue
_KEYS_KEPT = 1_000
_ALONG = (wire.Post, wire.GetKey, wire.Alive, wire.Pass, wire.Fetch, wire.FileWord, wire.ListRooms)
"""What may be handled while posts wait for the disk: it neither reads nor changes the state of a room."""


class Gate:
    """`perform` carries out an effect; `trouble` is told why the disk refused; `holder` is the host's own member id,
    which hands out the keys of rooms."""

    def __init__(
        self,
        hub: Hub,
        house: House,
        holder: bytes,
        perform: Callable[[Effect], None],
        trouble: Callable[[LocalError], None],
    ) -> None:
        self._hub = hub
        self._house = house
        self._holder = holder
        self._perform = perform
        self._trouble = trouble
        self._facts: deque[Fact] = deque()
        self._busy = False
        self._loop = asyncio.get_running_loop()
        self._disk = ThreadPoolExecutor(1, thread_name_prefix="usi-history")
        self._idle = asyncio.Event()
        self._idle.set()
        self._unkept: dict[bytes, KeepRoom] = {}
        """Rooms whose newest key could not be kept yet; only touched by the thread."""
        self._keys: Recent[tuple[bytes, bytes], wire.OldKey | None] = Recent(_KEYS_KEPT)
        self._retired = self._loop.time()

    def handle(self, fact: Fact) -> None:
        """Give the hub a fact and perform its effects, now or when the disk has what goes before. Facts that arise
        meanwhile wait their turn: order is kept."""
        self._facts.append(fact)
        if not self._busy:
            self._work()

    def _work(self) -> None:
        self._busy = True
        held: list[Effect] = []
        try:
            while self._facts and not held:
                held = self._take()
        finally:
            self._busy = bool(held)
        if held:
            self._idle.clear()
            writing = self._loop.run_in_executor(self._disk, self._write, held)
            writing.add_done_callback(partial(self._written, held))

    def _take(self) -> list[Effect]:
        """Handle facts up to the end of a batch; returns the effects that have to wait for the disk."""
        held: list[Effect] = []
        posts = 0
        while self._facts and posts < MOST_POSTS and (not held or self._goes_along(self._facts[0])):
            for effect in self._hub.handle(self._facts.popleft()):
                if held or isinstance(effect, Keep | KeepRoom | ForgetRoom):
                    posts += isinstance(effect, Keep)
                    held.append(effect)
                else:
                    self._do(effect)
        return held

    @staticmethod
    def _goes_along(fact: Fact) -> bool:
        return isinstance(fact, Heard) and isinstance(fact.message, _ALONG)

    def _do(self, effect: Effect) -> None:
        if isinstance(effect, ReadPast):
            reading = self._loop.run_in_executor(self._disk, self._read, effect)
            reading.add_done_callback(self._was_read)
        else:
            self._perform(effect)

    # --- writing ---

    def _write(self, effects: Sequence[Effect]) -> LocalError | None:
        """On the thread: put a batch on the disk; the error where its posts are not there."""
        history = self._house.history
        if history is None:
            return None
        try:
            for effect in effects:
                if isinstance(effect, KeepRoom):
                    self._unkept[effect.room.conversation] = effect
                elif isinstance(effect, ForgetRoom):
                    self._unkept.pop(effect.room, None)
                    history.forget_room(effect.room)
            for conversation, kept in list(self._unkept.items()):
                self._house.keep_room(kept.room, self._holder, kept.past)
                del self._unkept[conversation]
            keeps = [effect for effect in effects if isinstance(effect, Keep)]
            if keeps:
                history.append([keep.posted for keep in keeps], {keep.posted.sender: keep.modulus for keep in keeps})
        except LocalError as error:
            return error
        return None

    def _written(self, held: list[Effect], writing: asyncio.Future[LocalError | None]) -> None:
        if writing.cancelled():
            return
        error = writing.result()
        if error is not None:
            self._trouble(error)
            held = self._undone(held)
        for effect in held:
            if not isinstance(effect, Keep | KeepRoom | ForgetRoom):
                self._do(effect)
        self._idle.set()
        self._busy = False
        self._work()

    def _undone(self, held: list[Effect]) -> list[Effect]:
        """Take the posts of a batch back, and tell their authors instead of their readers."""
        keeps = {effect.posted.id: effect for effect in held if isinstance(effect, Keep)}
        self._hub.undo(keeps.values())
        told: list[Effect] = []
        for effect in held:
            if isinstance(effect, Keep):
                told.append(Send((effect.link,), wire.Refused(effect.posted.id, NotKept.code)))
            elif not (
                isinstance(effect, Send)
                and isinstance(effect.message, wire.Ack | wire.Posted)
                and effect.message.id in keeps
            ):
                told.append(effect)
        return told

    # --- reading ---

    def _read(self, question: ReadPast) -> Read:
        """On the thread: what was asked for, as far as it can be read and fits."""
        history, room = self._house.history, question.room
        nothing = Read(question.link, room, (), (), {}, 0, 0, False)
        if history is None or room not in {each.conversation for each in history.rooms()}:
            return nothing
        lowest = max(question.first, history.first(room))
        end = min(question.before or history.last(room) + 1, history.last(room) + 1)
        count = min(question.count, end - lowest)
        if count <= 0:
            return nothing
        page = history.page(room, end, count)
        first, size = end - count, 0
        posts: list[wire.Posted] = []
        for kept in reversed(page.kept):
            size += len(kept.posted.sealed)
            if size > PAGE_BYTES and posts:
                first = posts[-1].number
                break
            posts.append(kept.posted)
        posts.reverse()
        lost = sum(number >= first for number, _ in page.lost)
        keys = [self._key(room, key_id) for key_id in dict.fromkeys(post.key_id for post in posts)]
        authors = {sender: history.author(sender) for sender in {post.sender for post in posts}}
        known = {sender: modulus for sender, modulus in authors.items() if modulus is not None}
        found = [key for key in keys if key is not None]
        return Read(question.link, room, found, posts, known, first, lost, first > lowest)

    def _key(self, room: bytes, key_id: bytes) -> wire.OldKey | None:
        history = self._house.history
        if (room, key_id) not in self._keys and history is not None:
            kept = history.key(room, key_id)
            self._keys[room, key_id] = wire.OldKey(room, kept.holder, kept.key) if kept is not None else None
        return self._keys.get((room, key_id))

    def _was_read(self, reading: asyncio.Future[Read]) -> None:
        if not reading.cancelled():
            self.handle(reading.result())

    # --- life ---

    async def start(self) -> None:
        """Keep the rooms of this run. Raises `LocalError` where the disk refuses."""
        if self._house.history is None:
            return
        rooms = [KeepRoom(room.info, room.past) for room in self._hub.rooms]
        error = await self._loop.run_in_executor(self._disk, self._write, rooms)
        if error is not None:
            raise error

    def tick(self, now: float) -> None:
        """Once an hour what the rooms' rules want gone is deleted."""
        if self._house.history is not None and now - self._retired > 3_600:
            self._retired = now
            self._disk.submit(self._house.retire)

    async def close(self) -> None:
        """Wait until what was taken is on the disk."""
        while self._busy:
            await self._idle.wait()
            await asyncio.sleep(0)
        self._disk.shutdown(wait=True)
