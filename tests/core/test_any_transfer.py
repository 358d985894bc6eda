"""A sender, a receiver and a wire in hostile hands: what is taken is the file's beginning, and its end is signed."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from usi.core import transfer
from usi.core.crypto import PrivateKey
from usi.core.errors import FileAltered, FileReordered, FileReplaced
from usi.core.transfer import Offered, Opener, Sealer, signed_end

CHUNK = 64  # bytes, for many chunks in little time


class AnyTransfer(RuleBasedStateMachine):
    """The sealed chunks of the connections so far wait in `made`; the wire picks what arrives next."""

    def __init__(self, keys: dict[str, PrivateKey]) -> None:
        super().__init__()
        self.alice, self.mallory = keys["alice"], keys["mallory"]
        self.kept = b""
        self.connections = 0
        self.over = False

    @initialize(size=st.integers(0, 6 * CHUNK), seed=st.integers(0, 255))
    def offer(self, size: int, seed: int) -> None:
        self.content = hashlib.shake_256(bytes((seed,))).digest(size)
        self.offered = Offered(b"t" * 16, b"k" * 32, "a", size, None, 0)
        self.signature = self.alice.sign(signed_end(self.offered, hashlib.sha256(self.content).digest()))
        self.made: list[bytes] = []
        self.connect()

    @rule()
    def connect(self) -> None:
        """A new connection goes on behind the last chunk that was kept, under a new salt."""
        if self.over:
            return
        self.connections += 1
        self.first = min(len(self.kept) // CHUNK, self.offered.chunks - 1)
        self.kept = self.kept[: self.first * CHUNK]
        salt = self.connections.to_bytes(32, "big")
        sealer = Sealer(self.offered, salt, self.first)
        self.fresh: list[bytes] = []
        while not sealer.ended:
            chunk = self.content[sealer.next * CHUNK : (sealer.next + 1) * CHUNK]
            last = sealer.next == self.offered.chunks - 1
            self.fresh.append(sealer.seal(chunk, self.signature if last else b""))
        self.made += self.fresh
        self.opener = Opener(self.offered, salt, self.first)

    def _arrive(self, sealed: bytes) -> None:
        """A chunk reaches the receiver; one that does not open ends the connection."""
        at = self.opener.next
        right = self.fresh[at - self.first]
        if len(sealed) != self.opener.expected:
            return  # the reader of the stream takes no other size: this is a cut
        try:
            chunk = self.opener.open(sealed)
        except FileReordered:
            assert sealed in self.fresh, "told as moved, and is none of this connection"
            assert sealed != right
            self.connect()
        except FileAltered:
            assert sealed not in self.fresh, "told as altered, and only moved"
            self.connect()
        else:
            assert sealed == right
            self.kept += chunk
            if self.opener.ended:
                self.opener.check_end(self.alice.public, hashlib.sha256(self.kept).digest())
                with pytest.raises(FileReplaced):
                    self.opener.check_end(self.mallory.public, hashlib.sha256(self.kept).digest())
                assert self.kept == self.content
                self.over = True

    @precondition(lambda self: not self.over)
    @rule()
    def next_arrives(self) -> None:
        self._arrive(self.fresh[self.opener.next - self.first])

    @precondition(lambda self: not self.over)
    @rule(index=st.integers(0, 99))
    def another_arrives(self, index: int) -> None:
        """One that was ever made: of this connection or of an earlier one, twice or too early."""
        self._arrive(self.made[index % len(self.made)])

    @precondition(lambda self: not self.over)
    @rule(at=st.integers(0, 999), mask=st.integers(1, 255))
    def a_changed_one_arrives(self, at: int, mask: int) -> None:
        chunk = bytearray(self.fresh[self.opener.next - self.first])
        chunk[at % len(chunk)] ^= mask
        self._arrive(bytes(chunk))

    @precondition(lambda self: not self.over)
    @rule(size=st.integers(0, CHUNK))
    def a_cut_one_arrives(self, size: int) -> None:
        self._arrive(self.fresh[self.opener.next - self.first][:size])

    @precondition(lambda self: not self.over and self.opener.next == self.offered.chunks - 1)
    @rule()
    def who_has_the_key_ends_it(self) -> None:
        """A reader of the offer can seal an end; the signature of the sender it cannot make."""
        salt = self.connections.to_bytes(32, "big")
        forged = Sealer(self.offered, salt, self.opener.next)
        length = self.offered.size - self.opener.next * CHUNK
        whole = self.kept + bytes(length)
        if whole == self.content:
            return
        signature = self.mallory.sign(signed_end(self.offered, hashlib.sha256(whole).digest()))
        chunk = self.opener.open(forged.seal(bytes(length), signature))
        with pytest.raises(FileReplaced):
            self.opener.check_end(self.alice.public, hashlib.sha256(self.kept + chunk).digest())
        self.connect()

    @invariant()
    def what_is_kept_is_the_beginning_of_the_file(self) -> None:
        if hasattr(self, "content"):
            assert self.content.startswith(self.kept)

    def teardown(self) -> None:
        if not hasattr(self, "content"):
            return
        if not self.over:
            self.connect()
        while not self.over:
            self.next_arrives()
        assert self.kept == self.content


def test_any_transfer(keys: dict[str, PrivateKey], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transfer, "CHUNK", CHUNK)
    run_state_machine_as_test(
        lambda: AnyTransfer(keys), settings=settings(max_examples=60, stateful_step_count=30, deadline=None)
    )
