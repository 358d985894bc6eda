"""Texts that come from outside: names, messages, file names, typed lines, keys, addresses, and what a terminal says."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

from fuzzing.targets.registry import target
from usi import cli
from usi.core import commands, invitation, paths, text, wire
from usi.core.crypto import ID_SIZE, PRESET_SIZES, parse_preset_key
from usi.core.errors import BadCode, BadFingerprint, BadInvitation, BadKey, BadName, LocalError, UsageError
from usi.core.words import WORDS
from usi.ui.doctor.terminal import answers

_MAX_CLEAN_FILE_NAME = 245


def _text(data: bytes) -> str:
    """As text comes from outside: bytes that are no UTF-8 become surrogates, which a path or an argument can hold."""
    return data.decode("utf-8", "surrogatepass" if data[:1] == b"\xed" else "surrogateescape")


def _texts(data: bytes) -> Iterator[str]:
    with suppress(UnicodeDecodeError):
        yield _text(data)


@target(b"alice", "Zoé-2".encode(), "а1ice".encode(), "\u202ebob".encode(), "e\u0301\u0301\u0301".encode())
def names(data: bytes) -> None:
    for raw in _texts(data):
        try:
            name = text.clean_name(raw)
        except BadName:
            continue
        assert 1 <= len(name) <= wire.MAX_NAME
        assert text.clean_name(name) == name
        assert text.visible(name) == name
        other = text.numbered_name(name, {text.skeleton(name)})
        assert text.skeleton(other) != text.skeleton(name)
        assert text.clean_name(other) == other


@target(b"a\x1b[31mb\r\nc", "\u200f\u202ex".encode(), "👩‍👩‍👧 é".encode(), ("a" + "\u0301" * 9).encode())
def texts(data: bytes) -> None:
    for raw in _texts(data):
        for show in (text.visible, text.visible_line):
            shown = show(raw)
            assert not set(shown) & set(map(chr, (*range(10), *range(11, 32), 127, *range(128, 160), 0x202E, 0x2066)))
            assert show is text.visible or "\n" not in shown
            assert show(shown) == shown


def check_file_name(name: str) -> None:
    """It is one name, which every file system takes."""
    assert name not in ("", ".", "..")
    assert not set(name) & set('/\\:*?"<>|\0\n\x1b')
    assert len(name.encode()) <= _MAX_CLEAN_FILE_NAME
    assert not name.endswith((" ", ".", ".part"))
    assert not name.startswith((" ", "."))


@target(b"../../etc/passwd", b"con.txt", b"a.part", b"  .hidden ", ("é" * 200 + ".tar.gz").encode(), b"x" * 600)
def file_names(data: bytes) -> None:
    for raw in _texts(data):
        name = text.clean_file_name(raw)
        check_file_name(name)
        assert text.clean_file_name(name) == name
        for number in (1, 2, 99_999):
            check_file_name(text.numbered_file_name(name, number))
        assert text.file_key(name) == text.file_key(name.upper()) or not name.isascii()


@target(b"/help me", b"!aide", b"//x", b"/send 'a b' bob", b"/accept 3", b"/verify bob yes", b"/msg bob hi", b"hello")
def lines(data: bytes) -> None:
    """What somebody types or pipes in."""
    for raw in _texts(data):
        with suppress(LocalError):
            commands.parse(raw)
        commands.mended(raw).encode()


@target(b"'a b'", b"file:///tmp/a%20b", b"a\\ b bob", b"file://[x", b"\"open", b"C:\\x")
def dropped_paths(data: bytes) -> None:
    for raw in _texts(data):
        for path in paths.readings(raw):
            assert isinstance(path, str)
        for path, name in paths.with_name(raw):
            assert isinstance(path, str)
            assert name is None or name


@target(b"00112233445566778899aabbccddeeff", b"ABEiM0RVZneImaq7zN3u/w==", b"00:11:22", b"a-_b" * 8, b"")
def preset_keys(data: bytes) -> None:
    for raw in _texts(data):
        with suppress(BadKey):
            assert len(parse_preset_key(raw)) in PRESET_SIZES


@target(b"lilac-soprano-distant-mixer", b"LILA sopr, dist.mixe", b"a-b-c-d", "é-é-é-é".encode())
def invitation_codes(data: bytes) -> None:
    for raw in _texts(data):
        with suppress(BadCode):
            code = invitation.parse_code(raw)
            assert invitation.parse_code(code) == code
            assert all(word in WORDS for word in code.split("-"))


@target(*(b"usi://host:1/#" + 64 * b"a" + end for end in (b"", b"-lilac-soprano-distant-mixer", b"-")), b"usi://#")
def pasted_invitations(data: bytes) -> None:
    for raw in _texts(data):
        if invitation.is_pasted(raw):
            with suppress(BadInvitation, BadFingerprint, BadCode):
                read = invitation.parse_pasted(raw)
                assert len(read.key) == ID_SIZE
                assert read.target


@target(b"localhost", b"[::1]:12800", b"192.0.2.1:1", b"::1", b"a:b:c", b"[", b"x:99999")
def addresses(data: bytes) -> None:
    for raw in _texts(data):
        with suppress(UsageError):
            host, port = cli._split_host(raw)
            assert host
            assert port is None or 0 <= port < 100_000


@target(b"\x1b[?1006;2$y\x1b[?0u\x1b[1;6R\x1b[?62;22c", b"\x1b[?6c")
def terminal_answers(data: bytes) -> None:
    facts = answers(data.decode("latin-1"))
    assert all(value in (True, False, None) for value in facts.values())
