"""The link: one key exchange and the records after it, for either side, without a socket or a clock.

Bytes go in by `receive_data`, messages come out; `send` and `data_to_send` are the way back. `TRANSITIONS` is the whole
protocol of states, the same for both sides. Sections cited are those of docs/PROTOCOL.md.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import Enum, auto

from usi.core import codec, crypto, wire
from usi.core.crypto import CryptoError, KemKeys, Ocb, PrivateKey, PublicKey, derive, digest
from usi.core.errors import (
    REFUSAL_OF,
    REFUSALS,
    BadHandshake,
    BadRecord,
    Cut,
    KeyNeeded,
    KeyNotWanted,
    LocalError,
    NotUsi,
    OutOfTurn,
    PeerError,
    TooLong,
    WrongKey,
)
from usi.core.trace import Direction, Secret, Trace, Tracer, Value
from usi.core.words import words_of


class Role(Enum):
    CLIENT = "client"
    HOST = "host"


class State(Enum):
    START = auto()
    HELLO = auto()  # m1 is out
    OFFERED = auto()  # m2 is out
    KEYED = auto()  # m3 is out: both can derive the keys, the host has not spoken under them yet
    OPEN = auto()
    CLOSED = auto()


class Step(Enum):
    HELLO = auto()
    OFFER = auto()
    ANSWER = auto()
    JOIN = auto()  # this, a claim or a resume is the one record that a client may send before the host's first
    CLAIM = auto()
    RESUME = auto()
    CLIENT_RECORD = auto()
    HOST_RECORD = auto()
    BYE = auto()


BY_CLIENT = frozenset({Step.HELLO, Step.ANSWER, Step.JOIN, Step.CLAIM, Step.RESUME, Step.CLIENT_RECORD, Step.BYE})
BY_HOST = frozenset({Step.OFFER, Step.HOST_RECORD, Step.BYE})

TRANSITIONS: dict[tuple[State, Step], State] = {
    (State.START, Step.HELLO): State.HELLO,
    (State.HELLO, Step.OFFER): State.OFFERED,
    (State.OFFERED, Step.ANSWER): State.KEYED,
    (State.KEYED, Step.JOIN): State.KEYED,
    (State.KEYED, Step.CLAIM): State.KEYED,
    (State.KEYED, Step.RESUME): State.KEYED,
    (State.KEYED, Step.HOST_RECORD): State.OPEN,
    (State.OPEN, Step.CLIENT_RECORD): State.OPEN,
    (State.OPEN, Step.HOST_RECORD): State.OPEN,
    (State.KEYED, Step.BYE): State.CLOSED,
    (State.OPEN, Step.BYE): State.CLOSED,
}
"""Who does a step does not matter here; a (state, step) that is not listed is an error of whoever did it."""

TAG_LINK, TAG_PAIR = b"C", b"P"
HELLO_SIZE = len(wire.MAGIC) + 2 + 32
OFFER_SIZE = 32 + crypto.MODULUS_SIZE + crypto.MLKEM_PUBLIC_SIZE + crypto.X25519_SIZE
CLIENT_BLOCK_SIZE = 32 + crypto.MODULUS_SIZE + crypto.OAEP_SIZE + crypto.SIGNATURE_SIZE + crypto.TAG_SIZE
ANSWER_SIZE = crypto.MLKEM_SEALED_SIZE + crypto.X25519_SIZE + CLIENT_BLOCK_SIZE
REFUSAL_MARK = wire.MAGIC + b"R"
REFUSAL_SIZE = len(REFUSAL_MARK) + 1
MAX_RECORDS = 2**32  # of one direction under one key: far from any bound of OCB, and a counter that cannot wrap
_LAST_RECORDS = 2**24  # kept for the time between seeing that a link is worn and its goodbye

KEY_EXCHANGE = "RSA-2048 (OAEP, PSS) + ML-KEM-768 + X25519"
CIPHER = "AES-256-OCB"

Random = Callable[[int], bytes]


def refusal(error: PeerError) -> bytes:
    """What is sent instead of an answer while there are no keys: a code and nothing else."""
    return REFUSAL_MARK + bytes((REFUSAL_OF.get(type(error), REFUSAL_OF[BadHandshake]),))


def _split(data: bytes, *sizes: int) -> list[bytes]:
    """`data` cut into fields of exactly these sizes."""
    fields, start = [], 0
    for size in sizes:
        fields.append(data[start : start + size])
        start += size
    if start != len(data):
        raise ValueError("sizes do not add up")
    return fields


class Session:
    """One side of one link.

    `key` is this side's RSA key, `preset` its preset key if it has one: that comes from this side's own command line
    and is never learnt from the peer. `judge` looks at the host's key before a client says anything more to it, and
    raises a `PeerError` where it must not. `random` draws nonces and key seeds; only tests give one of their own.
    Every method that takes the peer's bytes raises `PeerError` and nothing else; after that the session takes no more
    of them, and what is left to do is `send([Bye(code)])`, or a `refusal` while there are no keys.
    """

    def __init__(
        self,
        role: Role,
        key: PrivateKey,
        preset: bytes | None = None,
        *,
        tag: bytes = TAG_LINK,
        peer_id: bytes | None = None,
        decode: Callable[[bytes], Sequence[wire.Message]] | None = None,
        tracer: Tracer | None = None,
        judge: Callable[[PublicKey], None] | None = None,
        random: Random = crypto.random_bytes,
    ) -> None:
        self.role = role
        self.state = State.START
        self.peer: PublicKey
        self.fingerprint: bytes
        self.words: tuple[str, ...]
        self.exporter: bytes
        self._key = key
        self._preset = preset
        self._tag = tag
        self._peer_id = peer_id
        self._decode_from_client = decode or codec.decode_from_member
        self._decode_from_host = decode or codec.decode_from_host
        self._trace = tracer
        self._judge = judge
        self._random = random
        self._buffer = b""
        self._records = codec.RecordReader()
        self._out: list[bytes] = []
        self._sent = self._received = 0
        self._broken = self._has_keys = False
        self._failed: PeerError | CryptoError | None = None
        if role is Role.CLIENT:
            self._client_nonce = random(32)
            commitment = digest("usi3 commit", self._client_nonce, key.public.modulus)
            self._hello = wire.MAGIC + tag + bytes((preset is not None,)) + commitment
            self._step(Step.HELLO)
            self._out.append(self._hello)
            self._note("hello", "out", preset=preset is not None, commitment=commitment)

    # --- the way in ---

    def receive_data(self, data: bytes) -> list[wire.Message]:
        """Take bytes from the peer and return the messages that they complete, in order.

        Where an error follows good messages in the same bytes, these are returned first: `failed` is then true, and the
        next call raises the error."""
        if self._broken or self.state is State.CLOSED:
            return []  # what is still under way after an error or a goodbye is not looked at
        try:
            if self._failed is not None:
                raise self._failed
            return self._receive(data)
        except PeerError:
            self._broken = True
            raise
        except CryptoError as error:
            self._broken = True
            raise BadHandshake from error

    def receive_eof(self) -> None:
        """The peer's bytes have ended. Returns after a goodbye; raises what it means otherwise."""
        state, self.state = self.state, State.CLOSED
        if state is State.CLOSED:
            return
        if self.role is Role.CLIENT and state in (State.HELLO, State.KEYED):
            rest = self._records.pending + self._buffer
            if len(rest) == REFUSAL_SIZE and rest.startswith(REFUSAL_MARK):
                raise REFUSALS.get(rest[-1], BadHandshake)()
            if state is State.HELLO:
                raise NotUsi
        raise Cut

    def _receive(self, data: bytes) -> list[wire.Message]:
        take: Callable[[bytes], None]
        while self.state in (State.START, State.HELLO, State.OFFERED):
            data, self._buffer = self._buffer + data, b""
            if self.role is Role.HOST and self.state is State.START:
                expected, take = HELLO_SIZE, self._take_hello
                start = wire.MAGIC + self._tag
                if data[: len(start)] != start[: len(data)]:
                    raise NotUsi
            elif self.role is Role.HOST and self.state is State.OFFERED:
                expected, take = ANSWER_SIZE, self._take_answer
            elif self.role is Role.CLIENT and self.state is State.HELLO:
                expected, take = OFFER_SIZE, self._take_offer
            else:
                raise OutOfTurn(what="data")
            if len(data) < expected:
                self._buffer = data
                return []
            take(data[:expected])
            data = data[expected:]
        if self.state is State.CLOSED:
            return []
        messages: list[wire.Message] = []
        if self.role is Role.CLIENT and self.state is State.KEYED and self._is_refusal(data):
            self._buffer += data
            if (size := len(self._records.pending) + len(self._buffer)) > REFUSAL_SIZE:
                raise TooLong(size=size)
            return messages
        try:
            for record in self._records.feed(data):
                messages += self._take_record(record)
                if self._said_goodbye():
                    break  # what follows a goodbye is not looked at
        except (PeerError, CryptoError) as error:
            if not messages:
                raise
            self._failed = error  # what opened before it is good, however TCP cut the stream
        return messages

    def _said_goodbye(self) -> bool:
        return self.state is State.CLOSED

    def _is_refusal(self, data: bytes) -> bool:
        """Whether the bytes so far can only be a refusal: as a record's length they would be far too large."""
        start = (self._records.pending + self._buffer + data)[:REFUSAL_SIZE]
        return self._received == 0 and len(start) >= len(wire.MAGIC) and start.startswith(wire.MAGIC)

    # --- the way out ---

    @property
    def failed(self) -> bool:
        """Whether an error waits behind the messages that were returned."""
        return self._failed is not None and not self._broken and self.state is not State.CLOSED

    @property
    def has_keys(self) -> bool:
        """Whether the key exchange was ever done: from then on nothing leaves unsealed."""
        return self._has_keys

    @property
    def keyed(self) -> bool:
        """Whether there are keys to seal with, and no goodbye was said."""
        return self.state in (State.KEYED, State.OPEN)

    @property
    def records_in(self) -> int:
        return self._received

    @property
    def records_out(self) -> int:
        return self._sent

    @property
    def worn(self) -> bool:
        """Whether so many records have passed that the link should end and a new one be made."""
        return max(self._sent, self._received) > MAX_RECORDS - _LAST_RECORDS

    def data_to_send(self) -> bytes:
        """Bytes for the peer, in order; each is returned once."""
        out, self._out = self._out, []
        return out[0] if len(out) == 1 else b"".join(out)

    def send(self, messages: Sequence[wire.Message]) -> None:
        """Seal messages for the peer."""
        encoded = [codec.encode(message) for message in messages]
        if not messages or not isinstance(messages[-1], wire.Bye):
            self.send_encoded(encoded)
            return
        if not self.keyed:
            raise LocalError
        if self.state is State.KEYED and self.role is Role.HOST:
            self._step(Step.HOST_RECORD)
        self._seal(encoded)
        self._step(Step.BYE)

    def send_encoded(self, messages: Sequence[bytes]) -> None:
        """Seal messages that are encoded already, so that the same bytes can go to many."""
        if self.state is not State.OPEN:
            alone = self._sent == 0 and len(messages) == 1
            first = Step.CLIENT_RECORD
            if alone and codec.is_join(messages[0]):
                first = Step.JOIN
            elif alone and codec.is_knock(messages[0]):
                first = Step.CLAIM
            elif alone and codec.is_resume(messages[0]):
                first = Step.RESUME
            self._step(Step.HOST_RECORD if self.role is Role.HOST else first)
        self._seal(messages)

    def seal_packed(self, plaintext: bytes) -> bytes:
        """The next record, of one plaintext that `codec.pack` made and that can go to many; to be written at once.

        Only in the open state, and with nothing left for `data_to_send`."""
        if self.state is not State.OPEN or self._out:
            raise LocalError
        return self._seal_record(plaintext)

    def _seal(self, messages: Sequence[bytes]) -> None:
        for plaintext in codec.pack(messages):
            self._out.append(self._seal_record(plaintext))

    def _seal_record(self, plaintext: bytes) -> bytes:
        number = self._sent
        if number >= MAX_RECORDS:
            raise LocalError
        self._sent = number + 1
        # The key is of this direction and this link, and the counter never repeats: the nonce is fresh.
        sealed = self._seal_key.seal(number.to_bytes(crypto.NONCE_SIZE, "big"), plaintext)
        if self._trace is not None:
            self._note_record("out", number, plaintext, sealed)
        return len(sealed).to_bytes(wire.LENGTH_SIZE, "big") + sealed

    # --- steps of the handshake (PROTOCOL.md, "Handshake") ---

    def _step(self, step: Step) -> None:
        after = TRANSITIONS.get((self.state, step))
        if after is None:
            mine = BY_CLIENT if self.role is Role.CLIENT else BY_HOST
            raise LocalError if step in mine and step is not Step.BYE else OutOfTurn(what=step.name.lower())
        self.state = after

    def _take_hello(self, hello: bytes) -> None:
        _, _, preset, self._commitment = _split(hello, 4, 1, 1, 32)
        if preset not in (b"\0", b"\1"):
            raise NotUsi
        self._note("hello", "in", preset=preset == b"\1", commitment=self._commitment)
        self._step(Step.HELLO)
        if preset == b"\0" and self._preset is not None:
            raise KeyNeeded
        if preset == b"\1" and self._preset is None:
            raise KeyNotWanted
        self._kem = KemKeys(self._random(crypto.KEM_SEED_SIZE))
        self._host_nonce = self._random(32)
        offer = self._host_nonce + self._key.public.modulus + self._kem.mlkem_public + self._kem.x25519_public
        self._th1 = digest("usi3 hello", hello, offer)
        self._out.append(offer)
        self._step(Step.OFFER)
        self._note_offer("out", self._key.public.modulus, self._kem.mlkem_public, self._kem.x25519_public)

    def _take_offer(self, offer: bytes) -> None:
        self._host_nonce, modulus, mlkem, x25519 = _split(
            offer, 32, crypto.MODULUS_SIZE, crypto.MLKEM_PUBLIC_SIZE, crypto.X25519_SIZE
        )
        self._step(Step.OFFER)
        try:
            self.peer = PublicKey(modulus)
        except CryptoError as error:
            raise NotUsi from error
        if self.peer == self._key.public:
            raise BadHandshake  # our own key comes back: a mirror, not a host
        self._check_peer()
        if self._judge is not None:
            self._judge(self.peer)
        self._note_offer("in", modulus, mlkem, x25519)
        self._th1 = digest("usi3 hello", self._hello, offer)
        sealed_mlkem, sealed_x25519, shared = crypto.encapsulate(mlkem, x25519, self._th1)
        secret = self._random(32)
        oaep = self.peer.encrypt(secret, self._th1)
        own = self._key.public.modulus
        th2 = digest("usi3 client", self._th1, sealed_mlkem, sealed_x25519, self._client_nonce, own, oaep)
        signature = self._key.sign(digest("usi3 signature", th2))
        block = self._client_key(shared).seal(
            bytes(crypto.NONCE_SIZE),  # the key is of this handshake and seals this one block
            self._client_nonce + own + oaep + signature,
        )
        self._out.append(sealed_mlkem + sealed_x25519 + block)
        self._note_answer("out", own, oaep, signature, secret, shared)
        self._make_keys(secret, shared, th2, signature)
        self._step(Step.ANSWER)

    def _take_answer(self, answer: bytes) -> None:
        sealed_mlkem, sealed_x25519, block = _split(
            answer, crypto.MLKEM_SEALED_SIZE, crypto.X25519_SIZE, CLIENT_BLOCK_SIZE
        )
        shared = self._kem.open(sealed_mlkem, sealed_x25519, self._th1)
        try:
            opened = self._client_key(shared).open(bytes(crypto.NONCE_SIZE), block)
        except CryptoError as error:
            # With a preset key a wrong one looks just like this, and is by far the likeliest.
            raise (BadHandshake if self._preset is None else WrongKey) from error
        self._client_nonce, modulus, oaep, signature = _split(
            opened, 32, crypto.MODULUS_SIZE, crypto.OAEP_SIZE, crypto.SIGNATURE_SIZE
        )
        if digest("usi3 commit", self._client_nonce, modulus) != self._commitment:
            raise BadHandshake
        self.peer = PublicKey(modulus)
        if self.peer == self._key.public:
            raise BadHandshake
        self._check_peer()
        th2 = digest(
            "usi3 client", self._th1, sealed_mlkem, sealed_x25519, self._client_nonce, modulus, oaep
        )
        if not self.peer.verify(digest("usi3 signature", th2), signature):
            raise BadHandshake
        secret = self._key.decrypt(oaep, self._th1)
        if len(secret) != crypto.KEY_SIZE:
            raise BadHandshake
        self._note_answer("in", modulus, oaep, signature, secret, shared)
        self._make_keys(secret, shared, th2, signature)
        self._step(Step.ANSWER)
        del self._kem  # forward secrecy: from here on nobody can open m3 again

    def _check_peer(self) -> None:
        if self._peer_id is not None and self.peer.id != self._peer_id:
            raise BadHandshake  # a good key, but somebody else's

    def _client_key(self, shared: bytes) -> crypto.Aead:
        (key,) = derive(shared + (self._preset or b""), self._th1, "usi3 client key")
        return Ocb(key)

    def _make_keys(self, secret: bytes, shared: bytes, th2: bytes, signature: bytes) -> None:
        from_client, from_host, self.exporter = derive(
            secret + shared + (self._preset or b""), digest("usi3 keys", th2, signature), "usi3 keys", 3
        )
        own, peer = self._key.public, self.peer
        client, host = (own, peer) if self.role is Role.CLIENT else (peer, own)
        mine, theirs = (from_client, from_host) if self.role is Role.CLIENT else (from_host, from_client)
        self._has_keys = True
        self._seal_key: crypto.Aead = Ocb(mine)
        self._open_key: crypto.Aead = Ocb(theirs)
        self.words = words_of(
            digest("usi3 words", self._client_nonce, self._host_nonce, client.modulus, host.modulus)
        )
        if self._preset is None:
            self.fingerprint = crypto.link_fingerprint(client, host)
        else:
            self.fingerprint = crypto.sha256(self._preset)
        self._note("keys", "here", client_to_host=Secret(from_client), host_to_client=Secret(from_host))
        self._note("fingerprint", "here", fingerprint=self.fingerprint, words=" ".join(self.words))

    # --- records (PROTOCOL.md, "Records") ---

    def _take_record(self, sealed: bytes) -> Sequence[wire.Message]:
        if self._received >= MAX_RECORDS:
            raise BadRecord
        try:
            plaintext = self._open_key.open(self._received.to_bytes(crypto.NONCE_SIZE, "big"), sealed)
        except CryptoError as error:
            raise BadRecord from error
        messages: Sequence[wire.Message]
        if self.role is Role.HOST:
            messages = self._decode_from_client(plaintext)
            if self.state is not State.OPEN:
                alone = self._received == 0 and len(messages) == 1
                first = Step.CLIENT_RECORD
                if isinstance(messages[0], wire.Bye) or (alone and isinstance(messages[0], wire.Join)):
                    first = Step.JOIN
                elif alone and isinstance(messages[0], wire.Claim | wire.Login):
                    first = Step.CLAIM
                elif alone and isinstance(messages[0], wire.Resume):
                    first = Step.RESUME
                self._step(first)
        else:
            messages = self._decode_from_host(plaintext)
            if self.state is not State.OPEN:
                self._step(Step.HOST_RECORD)
        if self._trace is not None:
            self._note_record("in", self._received, plaintext, sealed)
        self._received += 1
        for index, message in enumerate(messages):
            if isinstance(message, wire.Bye):
                if index != len(messages) - 1:
                    raise OutOfTurn(what="a message after its goodbye")
                self._step(Step.BYE)
        return messages

    # --- what --dev shows ---

    def _note(self, step: str, direction: Direction, /, **detail: Value) -> None:
        if self._trace is not None:
            self._trace(Trace(step, direction, detail))

    def _note_offer(self, direction: Direction, modulus: bytes, mlkem: bytes, x25519: bytes) -> None:
        self._note(
            "offer", direction, nonce=self._host_nonce, modulus=modulus, mlkem_public=mlkem, x25519_public=x25519
        )

    def _note_answer(
        self, direction: Direction, modulus: bytes, oaep: bytes, signature: bytes, secret: bytes, shared: bytes
    ) -> None:
        self._note("kem", "here", shared=Secret(shared), transcript=self._th1)
        self._note(
            "answer",
            direction,
            nonce=self._client_nonce,
            modulus=modulus,
            oaep=oaep,
            signature=signature,
            session_secret=Secret(secret),
        )

    def _note_record(self, direction: Direction, number: int, plaintext: bytes, sealed: bytes) -> None:
        by_client = (direction == "out") == (self.role is Role.CLIENT)
        messages = (self._decode_from_client if by_client else self._decode_from_host)(plaintext)
        self._note(
            "record",
            direction,
            number=number,
            nonce=number.to_bytes(crypto.NONCE_SIZE, "big"),
            length=len(sealed),
            tag=sealed[-crypto.TAG_SIZE :],
            messages=" ".join(wire.tag_of(message) for message in messages),
        )
