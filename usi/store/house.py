"""A host's own files together: rooms, history, log, accounts and the shared password, opened before it starts."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from usi.core import text, wire
from usi.core.accounts import Stored
from usi.core.crypto import KEY_SIZE, digest, random_bytes
from usi.core.rooms import HostedRoom
from usi.store.accounts import AccountsFile
from usi.store.audit import AuditLog
from usi.store.history import History, Room, RoomKey
from usi.store.moderation import ModerationFile
from usi.store.rooms import RoomRule

FIRST_ROOM = "general"
_DAY = 86_400.0


@dataclass
class House:
    """What a host keeps on its disk, as far as its owner has asked for it."""

    rules: list[RoomRule] = field(default_factory=list)
    history: History | None = None
    log: AuditLog | None = None
    accounts: AccountsFile | None = None
    moderation: ModerationFile | None = None
    password: Stored | None = None
    """What everybody must have who has no account."""

    def rooms(self) -> list[HostedRoom]:
        """The rooms of this run, each under a new key: those of the file, then those that only the history has,
        then others that were made by a command. All are as moderators had decided."""
        kept = {text.skeleton(room.name): room for room in self.history.rooms()} if self.history else {}
        rooms = []
        for rule in self.rules or ([] if kept else [RoomRule(FIRST_ROOM)]):
            known = kept.pop(text.skeleton(rule.name), None)
            conversation = known.conversation if known is not None else random_bytes(wire.CONVERSATION_SIZE)
            rooms.append(self._room(conversation, rule.name, rule.topic, rule.private, rule.past))
        rooms += [
            self._room(room.conversation, room.name, room.topic, room.private, room.past) for room in kept.values()
        ]
        decided = {text.skeleton(room.name): room for room in self.moderation.decided.rooms} if self.moderation else {}
        here = {text.skeleton(room.name) for room in rooms}
        for look, room in decided.items():
            if room.made and look not in here:
                rooms.append(self._room(random_bytes(wire.CONVERSATION_SIZE), room.name, "", room.private, True))
        ruled = {text.skeleton(rule.name) for rule in self.rules}
        for hosted in rooms:
            look = text.skeleton(hosted.name)
            if look in decided:
                hosted.restore(decided[look])
                hosted.made = hosted.made and look not in ruled
        return rooms[: wire.MAX_ROOMS]

    def _room(self, conversation: bytes, name: str, topic: str, private: bool, past: bool) -> HostedRoom:
        key = random_bytes(KEY_SIZE)
        known = self.history is not None and any(
            room.conversation == conversation for room in self.history.rooms()
        )
        number = self.history.last(conversation) if self.history is not None and known else 0
        return HostedRoom(
            digest("usi3 key id", key), number, conversation=conversation, name=name, topic=topic, private=private,
            past=past, key=key,
        )  # fmt: skip

    def keep_room(self, info: wire.RoomInfo, holder: bytes, past: bool) -> None:
        """Put a room and its key into the history. For worker threads; raises as `History.append`."""
        if self.history is not None:
            room = Room(info.conversation, info.name, info.topic, info.private, past)
            if room not in self.history.rooms():
                self.history.keep_room(room)
            key = RoomKey(holder, info.key)
            if self.history.key(info.conversation, digest("usi3 key id", info.key)) is None:
                self.history.keep_key(info.conversation, key)

    def retire(self) -> None:
        """Delete what is older than the rooms' rules want. For worker threads."""
        if self.history is None:
            return
        rules = {text.skeleton(rule.name): rule for rule in self.rules}
        for room in self.history.rooms():
            rule = rules.get(text.skeleton(room.name))
            if rule is not None and (rule.keep_days or rule.keep_messages):
                before = time.time() - rule.keep_days * _DAY if rule.keep_days else None
                self.history.retire(room.conversation, before=before, most=rule.keep_messages)

    def close(self) -> None:
        if self.history is not None:
            self.history.close()
        if self.log is not None:
            self.log.close()
