"""Content: what readers accept as somebody's words, and what they do not."""

from contextlib import suppress
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from usi.core import codec, wire
from usi.core.content import Body, ConversationKey, Opened
from usi.core.crypto import CryptoError, Ocb, PrivateKey, digest, labelled, sha256

ROOM, HOLDER, KEY = b"r" * 16, b"h" * 32, b"k" * 32


def body(text: str = "Bonjour !", **fields: Any) -> Body:
    return Body(**{"kind": "text", "text": text, "name": "alice", "sent_at": 1, "run": b"8 random", "n": 1} | fields)


def key(conversation: bytes = ROOM, holder: bytes = HOLDER, secret: bytes = KEY) -> ConversationKey:
    return ConversationKey(conversation, holder, secret)


@pytest.fixture(scope="module")
def post(keys: dict[str, PrivateKey]) -> wire.Post:
    """A text of alice's."""
    return key().seal(keys["alice"], body())


def changed(post: wire.Post, **fields: bytes) -> wire.Post:
    return msgspec.structs.replace(post, **fields)


def inside_of(post: wire.Post) -> bytes:
    """What the seal covers, for somebody who has the room's key."""
    return Ocb(KEY).open(post.id, post.sealed, aad(post))


def aad(post: wire.Post) -> bytes:
    return labelled("usi3 content") + post.conversation + post.key_id + post.sender


def resealed(post: wire.Post, inside: bytes, secret: bytes = KEY) -> wire.Post:
    """The same envelope around another inside: what everybody with the key can make."""
    return changed(post, sealed=Ocb(secret).seal(post.id, inside, aad(post)))


def signed(author: PrivateKey, post: wire.Post, encoded: bytes) -> wire.Post:
    """A properly signed and padded inside around any body."""
    over = digest("usi3 content", HOLDER, ROOM, post.key_id, post.sender, post.id, sha256(encoded))
    inside = len(encoded).to_bytes(4, "big") + encoded + author.sign(over)
    return resealed(post, inside + bytes(-len(inside) % 256))


# --- what is meant --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "said",
    [
        body(),
        body(""),
        body("[/oops] \x1b[2J \u202e", kind="me"),
        body("\U0001f600" * 9, name="Zoé", sent_at=-1, n=2**63 - 1),
        body("yes", reply_to=b"p" * 15),
    ],
)
def test_seal_open_verify(keys: dict[str, PrivateKey], said: Body) -> None:
    post = key().seal(keys["alice"], said)
    assert (post.conversation, post.key_id, post.sender) == (ROOM, digest("usi3 key id", KEY), keys["alice"].public.id)
    opened = key().open(post)
    assert opened.is_by(keys["alice"].public)
    assert opened.body() == said


def test_a_posted_opens_like_the_post(keys: dict[str, PrivateKey], post: wire.Post) -> None:
    posted = wire.Posted(post.conversation, post.key_id, post.sender, post.id, 7, post.sealed)
    assert key().open(posted) == key().open(post)


def test_the_layout_is_that_of_the_protocol(keys: dict[str, PrivateKey], post: wire.Post) -> None:
    inside = inside_of(post)
    size = int.from_bytes(inside[:4], "big")
    encoded, signature, padding = inside[4 : 4 + size], inside[4 + size : 260 + size], inside[260 + size :]
    assert msgspec.msgpack.decode(encoded) == {
        "kind": "text", "text": "Bonjour !", "name": "alice", "sent_at": 1, "run": b"8 random", "n": 1,
    }  # fmt: skip
    over = digest("usi3 content", HOLDER, ROOM, post.key_id, post.sender, post.id, sha256(encoded))
    assert keys["alice"].public.verify(over, signature)
    assert padding == bytes(len(padding))
    assert len(padding) < 256


@pytest.mark.parametrize("length", [0, 1, 100, 200, 256, 1000, wire.MAX_TEXT - 1, wire.MAX_TEXT])
def test_sizes_are_multiples_of_256_and_a_tag(keys: dict[str, PrivateKey], length: int) -> None:
    post = key().seal(keys["alice"], body("x" * length))
    assert len(post.sealed) % wire.PADDING == 16
    assert len(post.sealed) <= wire.MAX_SEALED
    assert key().open(post).body().text == "x" * length


def test_texts_of_nearly_one_length_have_one_size(keys: dict[str, PrivateKey]) -> None:
    assert len({len(key().seal(keys["alice"], body("x" * length)).sealed) for length in range(0, 100, 9)}) == 1


def test_the_longest_text_of_the_longest_name_crosses_the_wire(keys: dict[str, PrivateKey]) -> None:
    """64 KiB in characters of four bytes, and every other field at its longest."""
    said = body(
        "\U0001f600" * (wire.MAX_TEXT // 4),
        name="\U0001f600" * wire.MAX_NAME,
        sent_at=2**63 - 1,
        n=2**63 - 1,
        reply_to=bytes(15),
    )
    post = key().seal(keys["alice"], said)
    assert len(post.sealed) <= wire.MAX_SEALED
    assert codec.decode_from_member(codec.pack([codec.encode(post)])[0]) == [post]
    assert key().open(post).body() == said


def test_no_two_seals_are_equal(keys: dict[str, PrivateKey]) -> None:
    posts = [key().seal(keys["alice"], body()) for _ in range(20)]
    assert len({post.id for post in posts}) == 20
    blocks = [post.sealed[i : i + 16] for post in posts for i in range(0, len(post.sealed), 16)]
    assert len(set(blocks)) == len(blocks), "not even one block of them"


@given(
    st.text(max_size=300), st.sampled_from(["text", "me"]), st.integers(-(2**63), 2**63 - 1), st.integers(1, 2**63 - 1)
)
@settings(max_examples=25)
def test_any_text_round_trips(keys: dict[str, PrivateKey], text: str, kind: str, sent_at: int, n: int) -> None:
    said = body(text, kind=kind, sent_at=sent_at, n=n)
    opened = key().open(key().seal(keys["bob"], said))
    assert opened.body() == said
    assert opened.is_by(keys["bob"].public)


# --- somebody else's words ------------------------------------------------------------------------------------------


def test_a_member_cannot_sign_for_another(keys: dict[str, PrivateKey], post: wire.Post) -> None:
    """Mallory has the room's key and claims to be alice."""
    opened = key().open(signed(keys["mallory"], post, msgspec.msgpack.encode(body("I owe mallory 100"))))
    assert opened.body().text == "I owe mallory 100"
    assert not opened.is_by(keys["alice"].public)


def test_a_signature_is_of_one_body(keys: dict[str, PrivateKey], post: wire.Post) -> None:
    """Mallory puts other words around alice's signature."""
    opened = key().open(post)
    encoded = opened.encoded.replace(b"Bonjour", b"Bonsoir")
    inside = len(encoded).to_bytes(4, "big") + encoded + opened.signature
    forged = key().open(resealed(post, inside + bytes(-len(inside) % 256)))
    assert forged.body().text == "Bonsoir !"
    assert not forged.is_by(keys["alice"].public)


def test_mallory_cannot_take_the_words_of_alice(keys: dict[str, PrivateKey], post: wire.Post) -> None:
    mine = changed(post, sender=keys["mallory"].public.id)
    with pytest.raises(CryptoError):
        key().open(mine)
    opened = key().open(resealed(mine, inside_of(post)))
    assert not opened.is_by(keys["mallory"].public)
    assert not opened.is_by(keys["alice"].public)


@pytest.mark.parametrize(
    ("conversation", "holder", "secret"),
    [
        pytest.param(b"s" * 16, HOLDER, KEY, id="another conversation"),
        pytest.param(ROOM, b"g" * 32, KEY, id="another host"),
        pytest.param(ROOM, HOLDER, b"l" * 32, id="another key"),
    ],
)
def test_words_cannot_be_moved(
    keys: dict[str, PrivateKey], post: wire.Post, conversation: bytes, holder: bytes, secret: bytes
) -> None:
    """As they are, they do not open there; sealed again by somebody who has both keys, the signature is bad."""
    there = key(conversation, holder, secret)
    moved = changed(post, conversation=conversation, key_id=there.key_id)
    if (conversation, secret) != (ROOM, KEY):
        with pytest.raises(CryptoError):
            there.open(post)
        with pytest.raises(CryptoError):
            there.open(moved)
    opened = there.open(resealed(moved, inside_of(post), secret))
    assert opened.body().text == "Bonjour !"
    assert not opened.is_by(keys["alice"].public)


def test_words_cannot_be_repeated_under_another_id(keys: dict[str, PrivateKey], post: wire.Post) -> None:
    again = changed(post, id=bytes(15))
    with pytest.raises(CryptoError):
        key().open(again)
    assert not key().open(resealed(again, inside_of(post))).is_by(keys["alice"].public)


@given(st.data())
@settings(max_examples=60)
def test_no_changed_byte_opens(post: wire.Post, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(["conversation", "key_id", "sender", "id", "sealed", "sealed"]))
    value = bytearray(getattr(post, name))
    value[data.draw(st.integers(0, len(value) - 1))] ^= data.draw(st.integers(1, 255))
    with pytest.raises(CryptoError):
        key().open(changed(post, **{name: bytes(value)}))


@pytest.mark.parametrize("size", [0, 1, 15, 16, 256, 272, 511])
def test_cut_content_does_not_open(post: wire.Post, size: int) -> None:
    with pytest.raises(CryptoError):
        key().open(changed(post, sealed=post.sealed[:size]))


# --- insides that are none ------------------------------------------------------------------------------------------

LAYOUTS = {  # body, signature and the right padding → an inside that a holder of the key could seal
    "padding is not zero": lambda b, s, p: len(b).to_bytes(4, "big") + b + s + p[:-1] + b"\1",
    "padding starts with something": lambda b, s, p: len(b).to_bytes(4, "big") + b + s + b"\x80" + p[1:],
    "padding is a block too long": lambda b, s, p: len(b).to_bytes(4, "big") + b + s + p + bytes(256),
    "padding ends early": lambda b, s, p: len(b).to_bytes(4, "big") + b + s + p[:-1],
    "padding is one byte too long": lambda b, s, p: len(b).to_bytes(4, "big") + b + s + p + b"\0",
    "no padding": lambda b, s, p: len(b).to_bytes(4, "big") + b + s,
    "no signature": lambda b, s, p: len(b).to_bytes(4, "big") + b,
    "a short signature": lambda b, s, p: len(b).to_bytes(4, "big") + b + s[:-1],
    "the length goes to the end": lambda b, s, p: (len(b) + 256 + len(p)).to_bytes(4, "big") + b + s + p,
    "the length goes beyond the end": lambda b, s, p: (2**32 - 1).to_bytes(4, "big") + b + s + p,
    "the length leaves too little": lambda b, s, p: (len(b) + len(p) + 1).to_bytes(4, "big") + b + s + p,
    "nothing": lambda b, s, p: b"",
    "a part of a length": lambda b, s, p: b"\0\0\0",
    "only zeros": lambda b, s, p: bytes(256),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_what_is_no_layout(post: wire.Post, layout: str) -> None:
    opened = key().open(post)
    encoded, signature = opened.encoded, opened.signature
    padding = bytes(-(4 + len(encoded) + 256) % 256)
    assert len(padding) > 2
    assert key().open(resealed(post, len(encoded).to_bytes(4, "big") + encoded + signature + padding)) == opened
    with pytest.raises(CryptoError):
        key().open(resealed(post, LAYOUTS[layout](encoded, signature, padding)))


@given(st.binary(max_size=600))
@settings(max_examples=60)
def test_any_inside_opens_or_does_not(keys: dict[str, PrivateKey], post: wire.Post, inside: bytes) -> None:
    try:
        opened = key().open(resealed(post, inside))
    except CryptoError:
        return
    assert not opened.is_by(keys["alice"].public)
    with pytest.raises(CryptoError):
        opened.body()


FIELDS: dict[str, Any] = {"kind": "text", "text": "x", "name": "alice", "sent_at": 1, "run": b"8 random", "n": 1}

BODIES = {
    "an unknown kind": FIELDS | {"kind": "poll"},
    "no kind": {name: value for name, value in FIELDS.items() if name != "kind"},
    "no text": {name: value for name, value in FIELDS.items() if name != "text"},
    "no run": {name: value for name, value in FIELDS.items() if name != "run"},
    "no count": {name: value for name, value in FIELDS.items() if name != "n"},
    "a text of bytes": FIELDS | {"text": b"x"},
    "a number for a text": FIELDS | {"text": 5},
    "no name": FIELDS | {"name": ""},
    "a name too long": FIELDS | {"name": "x" * 25},
    "a count of zero": FIELDS | {"n": 0},
    "a count too high": FIELDS | {"n": 2**63},
    "a short run": FIELDS | {"run": b"7 bytes"},
    "a long run": FIELDS | {"run": b"nine byte"},
    "a short reply": FIELDS | {"reply_to": bytes(14)},
    "a time with a fraction": FIELDS | {"sent_at": 1.5},
    "a list": list(FIELDS.values()),
    "nothing": None,
}


@pytest.mark.parametrize("what", BODIES)
def test_what_is_no_body(keys: dict[str, PrivateKey], post: wire.Post, what: str) -> None:
    """Truly signed by alice, and still nothing that this version can show."""
    opened = key().open(signed(keys["alice"], post, msgspec.msgpack.encode(BODIES[what])))
    assert opened.is_by(keys["alice"].public)
    with pytest.raises(CryptoError):
        opened.body()


@pytest.mark.parametrize(
    "encoded", [b"", b"\xc1", b"\x86", b"\x81" * 5_000, msgspec.msgpack.encode(FIELDS) + b"\0", b"\x81\xa4text\xa1\xff"]
)
def test_what_is_no_messagepack(encoded: bytes) -> None:
    with pytest.raises(CryptoError):
        Opened(encoded, b"", b"").body()


@given(st.binary(max_size=200))
def test_any_bytes_are_a_body_or_not(encoded: bytes) -> None:
    with suppress(CryptoError):
        assert isinstance(Opened(encoded, b"", b"").body(), Body)


def test_fields_of_a_later_version_are_ignored(keys: dict[str, PrivateKey], post: wire.Post) -> None:
    later = FIELDS | {"mood": "happy", "reactions": [{"a": 1}], "text": "still text"}
    opened = key().open(signed(keys["alice"], post, msgspec.msgpack.encode(later)))
    assert opened.is_by(keys["alice"].public)
    assert opened.body() == body("still text")


def test_the_key_id_says_nothing_of_the_key() -> None:
    assert key().key_id == sha256(b"usi3 key id".ljust(32, b"\0") + KEY)
    assert KEY not in key().key_id
    assert KEY.hex() not in repr(key())
