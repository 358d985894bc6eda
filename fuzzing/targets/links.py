"""Messages, records, sessions and content: what crosses a link."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cache
from typing import Any

from fuzzing.targets.registry import Drawn, key_of, target
from usi.core import codec, content, pair, text, wire
from usi.core.crypto import NONCE_SIZE, SIGNATURE_SIZE, TAG_SIZE, CryptoError
from usi.core.errors import PeerError
from usi.core.pake import Proving
from usi.core.session import CLIENT_BLOCK_SIZE, Role, Session, State

# --- messages and records ---------------------------------------------------------------------------------------------


def _member_messages() -> list[bytes]:
    ids, post = bytes(32), bytes(NONCE_SIZE)
    sealed = bytes(wire.PADDING + TAG_SIZE)
    said: list[wire.Message] = [
        wire.Join("alice"), wire.Post(bytes(16), ids, ids, post, sealed), wire.GetKey(ids), wire.Nick("bob"),
        wire.Away("out"), wire.Away(None), wire.ListRooms(), wire.Enter("staff"), wire.Past(bytes(16), 0, 10),
        wire.Order("ban", "bob", "", "too loud", 600, False), wire.Leave(bytes(16)), wire.Again(bytes(16), 1, 2),
        wire.Fetch(ids, bytes(16), bytes(16), 3), wire.FileWord(ids, bytes(16), "declined"), wire.Alive(),
        wire.Bye("left"),
    ]  # fmt: skip
    return [*(codec.pack([codec.encode(one)])[0] for one in said), *codec.pack(list(map(codec.encode, said)))]


def _host_messages() -> list[bytes]:
    ids, me, sealed = bytes(32), wire.MemberInfo(bytes(32), "alice"), bytes(wire.PADDING + TAG_SIZE)
    room = wire.RoomInfo(bytes(16), "general", "of all", ids, 7)
    said: list[wire.Message] = [
        wire.Welcome(me, me, bytes(16), False, [room]), wire.Present(bytes(16), [me, me], True), wire.KeyOf(ids, None),
        wire.Ack(bytes(NONCE_SIZE), 7), wire.StaleKey(bytes(NONCE_SIZE)), wire.Refused(bytes(NONCE_SIZE), "refused"),
        wire.Joined(bytes(16), [me]), wire.Left(bytes(16), [ids], "cut"), wire.Renamed(ids, "bob"),
        wire.Notice("name-taken", "bob"),
        wire.Ticket(bytes(16), ids), wire.NoTicket(bytes(16), "gone"), wire.Wanted(ids, bytes(16), 0, ids),
        wire.Resumed(3, 4), wire.NoSeat(), wire.Standing(2), wire.Absent(ids, "out"), wire.Entered(room),
        wire.Out(bytes(16), "revoked"), wire.RoomKey(bytes(16), ids), wire.Topic(bytes(16), "cats", "bob"),
        wire.Deed("kicked", "bob", "alice", "too loud"), wire.Old(bytes(16), ids, ids, bytes(NONCE_SIZE), 1, sealed),
        wire.OldKey(bytes(16), ids, ids), wire.OldEnd(bytes(16), 1, 0, True), wire.Skipped(2),
        wire.LogEntry(1, "kicked", [("name", "bob")]), wire.LimitValues([wire.LimitValue("rooms", 64.0, 3.0, 0)]),
    ]  # fmt: skip
    return [*(codec.pack([codec.encode(one)])[0] for one in said), *codec.pack(list(map(codec.encode, said)))]


def _pair_messages() -> list[bytes]:
    return [
        codec.pack([codec.encode(one)])[0] for one in (pair.Ready(), pair.Asking(), pair.Want(), pair.Out(bytes(16)))
    ]


def _decodes(decode: Callable[[bytes], Any], data: bytes) -> None:
    """Decoded messages are within the limits, and the same again after encoding."""
    try:
        messages = decode(data)
    except PeerError:
        return
    assert 0 < len(messages) <= wire.MAX_BATCH
    again = [message for plaintext in codec.pack(list(map(codec.encode, messages))) for message in decode(plaintext)]
    assert again == list(messages)


@target(more=_member_messages)
def messages_of_a_member(data: bytes) -> None:
    _decodes(codec.decode_from_member, data)


@target(more=_host_messages)
def messages_of_a_host(data: bytes) -> None:
    _decodes(codec.decode_from_host, data)


@target(more=_pair_messages)
def messages_of_a_pair(data: bytes) -> None:
    _decodes(pair.decode, data)


@target(b"\x03\x00\x00\x00\x11" + bytes(17), b"\x00\x00\x00\x00\x11" + bytes(17) + b"\x00\x00\x00\x20" + bytes(32))
def records(data: bytes) -> None:
    """However the stream is cut, the same records come out of it, and the same error. The first byte cuts it."""
    step, stream = (data[0] % 64 + 1, data[1:]) if data else (1, b"")
    outcomes = []
    for pieces in ([stream], _cut(stream, step)):
        reader, found = codec.RecordReader(), list[bytes]()
        error = ""
        try:
            for piece in pieces:
                for record in reader.feed(piece):
                    assert wire.MIN_RECORD <= len(record) <= wire.MAX_RECORD
                    found.append(record)
                assert len(reader.pending) <= len(stream)
        except PeerError as problem:
            error = problem.code
        outcomes.append((found, error))
    assert outcomes[0] == outcomes[1]


def _cut(data: bytes, step: int) -> Iterator[bytes]:
    for start in range(0, len(data), step):
        yield data[start : start + step]


# --- sessions ---------------------------------------------------------------------------------------------------------


def _sessions() -> tuple[Session, Session]:
    client = Session(Role.CLIENT, key_of("alice"), random=Drawn(b"client"))
    return client, Session(Role.HOST, key_of("host"), random=Drawn(b"host"))


@cache
def _shaken() -> tuple[bytes, bytes, bytes, bytes]:
    """m1, m2, m3 and the client's Join, as they are each time, but for what RSA draws."""
    client, host = _sessions()
    m1 = client.data_to_send()
    host.receive_data(m1)
    m2 = host.data_to_send()
    client.receive_data(m2)
    m3 = client.data_to_send()
    client.send([wire.Join("alice")])
    return m1, m2, m3, client.data_to_send()


def _exchange(*, to_host: bool) -> list[bytes]:
    """A first byte says how much of an honest exchange comes before the rest; the rest of it follows."""
    m1, m2, m3, join = _shaken()
    if to_host:
        inside = m3[-CLIENT_BLOCK_SIZE:-TAG_SIZE]
        return [b"\x00" + m1 + m3 + join, b"\x01" + m3 + join, b"\x02" + inside, b"\x03" + join]
    return [b"\x00" + m2, b"\x00USI3R\x02", b"\x01\x00\x00\x00\x20" + bytes(32)]


def _feed(session: Session, data: bytes) -> None:
    """Bytes of a peer raise `PeerError` or give messages; a session that has failed takes no more."""
    try:
        session.receive_data(data)
        if session.failed:
            session.receive_data(b"")
        session.receive_eof()
    except PeerError:
        assert session.receive_data(b"more") == []
    assert session.keyed <= session.has_keys


@target(more=lambda: _exchange(to_host=True))
def session_host(data: bytes) -> None:
    """A host at each step of the exchange. Mode 2 seals the rest as a client would, to get behind the cipher."""
    mode, rest = (data[0] % 4, data[1:]) if data else (0, b"")
    m1, _, m3, _ = _shaken()
    _, host = _sessions()
    if mode:
        host.receive_data(m1)
    if mode == 2:
        client, _ = _sessions()
        client.data_to_send()
        client.receive_data(host.data_to_send())
        front = client.data_to_send()[:-CLIENT_BLOCK_SIZE]
        shared = host._kem.open(front[:-32], front[-32:], host._th1)
        block = rest[: CLIENT_BLOCK_SIZE - TAG_SIZE].ljust(CLIENT_BLOCK_SIZE - TAG_SIZE, b"\0")
        rest = front + host._client_key(shared).seal(bytes(NONCE_SIZE), block)
    elif mode == 3:
        host.receive_data(m3)
    _feed(host, rest)
    assert host.state is not State.OPEN


@target(more=lambda: _exchange(to_host=False))
def session_client(data: bytes) -> None:
    """A client that waits for m2, or for the first record."""
    mode, rest = (data[0] % 2, data[1:]) if data else (0, b"")
    client, _ = _sessions()
    if mode:
        client.receive_data(_shaken()[1])
        client.send([wire.Join("alice")])
    _feed(client, rest)
    assert client.state is not State.OPEN


def _opened(role: Role, plaintext: bytes) -> None:
    """A record with this plaintext, under the right keys, to one side of an exchange that is done."""
    client, host = _sessions()
    host.receive_data(client.data_to_send())
    client.receive_data(host.data_to_send())
    host.receive_data(client.data_to_send())
    sender, receiver = (client, host) if role is Role.HOST else (host, client)
    if role is Role.HOST:
        client.send([wire.Join("alice")])
        host.receive_data(client.data_to_send())
        host.send([wire.Alive()])
        client.receive_data(host.data_to_send())
    sealed = sender._seal_key.seal(sender.records_out.to_bytes(NONCE_SIZE, "big"), plaintext)
    if wire.MIN_RECORD <= len(sealed) <= wire.MAX_RECORD:
        _feed(receiver, len(sealed).to_bytes(wire.LENGTH_SIZE, "big") + sealed)


@target(more=_member_messages)
def open_host(data: bytes) -> None:
    _opened(Role.HOST, data)


@target(more=_host_messages)
def open_client(data: bytes) -> None:
    _opened(Role.CLIENT, data)


# --- content ----------------------------------------------------------------------------------------------------------


def _body_seed() -> bytes:
    body = content._encoder.encode(content.Body(kind="text", text="hello", name="alice", sent_at=1, run=bytes(8), n=1))
    inside = len(body).to_bytes(wire.LENGTH_SIZE, "big") + body + bytes(SIGNATURE_SIZE)
    return inside + bytes(-len(inside) % wire.PADDING)


@target(more=lambda: [_body_seed()])
def body(data: bytes) -> None:
    """The inside of a post, sealed by one who has the conversation's key."""
    key = content.ConversationKey(bytes(16), bytes(32), bytes(32))
    sender, post_id = bytes(32), bytes(NONCE_SIZE)
    sealed = key._aead.seal(post_id, data, key._aad(sender))
    with suppress(CryptoError):
        opened = key.open(wire.Post(bytes(16), key.key_id, sender, post_id, sealed))
        assert len(opened.signature) == SIGNATURE_SIZE
        assert not opened.is_by(key_of("alice").public)
        inside = opened.body()
        assert len(inside.text.encode()) <= wire.MAX_TEXT
        text.visible(inside.text)
        assert content._decoder.decode(content._encoder.encode(inside)) == inside


# --- proofs -----------------------------------------------------------------------------------------------------------


@target(bytes(65), b"\4" + bytes(64), more=lambda: [Proving("client", "x", b"p" * 64, bytes(32), Drawn(b"p")).message])
def points(data: bytes) -> None:
    """The other side's half of a proof: a point, or refused; and nothing that it sends fits without the secret."""
    proving = Proving("host", "x", b"q" * 64, bytes(32), Drawn(b"q"))
    with suppress(CryptoError):
        proving.confirm(data)
        assert not proving.fits(data[-32:])
