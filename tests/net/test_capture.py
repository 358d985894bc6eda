"""What somebody sees who records every byte between the guests and the host: sizes, times and the host's key, and no
name, room or word. (docs/PROTOCOL.md, "What must hold", 1.)
"""

from __future__ import annotations

import base64
from typing import Any

import pytest

from usi.core import events as ev
from usi.core.session import ANSWER_SIZE, HELLO_SIZE, OFFER_SIZE

PRESET = bytes(range(32))
NAMES = {"alice": "Aliénor", "bob": "Bartholomew", "carol": "Čarodějka"}
SECRET = "Le trésor est sous le vieux chêne, à minuit 👍"
LONG = "A sentence that comes again and again, word for word. " * 200
BLOCK = 16


def disguises(text: str) -> set[bytes]:
    """A text as it could stand in a capture: encoded, or in base64 at any of its three offsets."""
    plain = {text.encode(encoding) for encoding in ("utf-8", "utf-16-le", "utf-16-be", "utf-32-le")}
    plain |= {text.upper().encode(), text.lower().encode()}
    found = set(plain)
    for raw in plain:
        found.add(raw.hex().encode())
        for offset in range(3):
            encoded = base64.b64encode(bytes(offset) + raw)
            inner = encoded[4 if offset else 0 : len(encoded) // 4 * 4 - 4]  # without what depends on the neighbours
            if len(inner) >= 8:
                found.add(inner)
    return found


@pytest.fixture(params=[None, PRESET], ids=["automatic", "preset"])
async def session(request: pytest.FixtureRequest, house: Any) -> Any:
    """A whole conversation through a proxy: coming, talking, renaming, leaving. Returns the proxy."""
    preset = request.param
    host = await house.host(preset=preset)
    proxy = await house.proxy(host.port)
    guests = [await house.guest(name, proxy.port, key=key, preset=preset) for key, name in NAMES.items()]
    alice, bob, carol = guests
    for _ in range(3):
        await alice.says(SECRET, SECRET, LONG)
        await host.says(SECRET, LONG)
    await bob.says("/me " + SECRET, "/nick Bartolomeo", "/users", "/info")
    await carol.hears(ev.Message, count=16)
    await host.hears(ev.MemberRenamed)
    await carol.says("/away " + SECRET)
    await host.hears(ev.MemberAway)
    for guest in guests:
        await guest.leave()
    await host.hears(ev.MemberLeft, count=len(guests))
    await host.leave()
    return proxy


def test_the_disguises_are_found_where_they_are() -> None:
    for raw in (b"xx" + "Aliénor".encode(), "Aliénor und Bob".encode("utf-16-le")):
        assert any(form in raw for form in disguises("Aliénor"))
        coded = base64.b64encode(b"12345" + SECRET.encode() + b"678")
        assert any(form in coded for form in disguises(SECRET))


async def test_no_name_room_or_text_can_be_read(session: Any) -> None:
    capture = b"|".join(frame.data for frame in session.frames)
    assert len(capture) > 100_000
    texts = [*NAMES.values(), "Bartolomeo", "general", SECRET, "vieux chêne", LONG[:54], "again and again"]
    for text in texts:
        for form in disguises(text):
            assert form not in capture
    for word in (b"join", b"welcome", b"posted", b"renamed", b"absent", b"sent_at"):  # nor what kind of thing is said
        assert word not in capture


async def test_no_two_blocks_of_ciphertext_are_equal(session: Any) -> None:
    seen: set[bytes] = set()
    total = 0
    for frame in session.frames:
        if frame.record >= 0 or frame.number == 1:  # records, and the answer of the handshake
            sealed = frame.data[4 if frame.record >= 0 else 0 :]
            blocks = {sealed[start : start + BLOCK] for start in range(len(sealed) - BLOCK + 1)}
            assert len(blocks) == len(sealed) - BLOCK + 1
            assert not blocks & seen
            seen |= blocks
            total += len(sealed)
    assert total > 100_000


async def test_the_key_of_a_guest_is_not_in_it(session: Any, keys: Any) -> None:
    for number, name in enumerate(NAMES):
        public = keys[name].public
        for to in ("host", "guest"):
            passed = session.passed(to, number)
            for part in (public.modulus[:32], public.modulus[-32:], public.modulus[::-1][:32], public.id):
                assert part not in passed
        # What can be seen, as docs/THREATS.md says: the host's own key, once for each connection.
        assert session.passed("guest", number).count(keys["host"].public.modulus) == 1


async def test_nothing_but_the_handshake_and_whole_records(session: Any) -> None:
    for number in range(len(NAMES)):
        for to, sizes in (("host", [HELLO_SIZE, ANSWER_SIZE]), ("guest", [OFFER_SIZE])):
            frames = [frame.data for frame in session.frames if (frame.to, frame.connection) == (to, number)]
            assert [len(data) for data in frames[: len(sizes)]] == sizes
            assert len(frames) >= len(sizes) + 3
            assert all(len(data) == 4 + int.from_bytes(data[:4], "big") for data in frames[len(sizes) :])


async def test_two_sessions_have_nothing_in_common_but_the_host_s_key(house: Any) -> None:
    """The same people saying the same: nothing that a listener could compare."""
    captures = []
    host = await house.host()
    for _ in range(2):
        proxy = await house.proxy(host.port)
        alice = await house.guest("alice", proxy.port)
        await alice.says(SECRET)
        await alice.hears(ev.Delivered)
        await alice.leave()
        from_host = proxy.passed("guest").replace(house.keys["host"].public.modulus, b"")
        captures.append(proxy.passed("host")[6:] + from_host)
    parts = [{data[start : start + 8] for start in range(len(data) - 7)} for data in captures]
    assert not parts[0] & parts[1]
