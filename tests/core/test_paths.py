"""What is typed, pasted or dropped, read as a path."""

from __future__ import annotations

import sys

import pytest

from usi.core import paths

posix = pytest.mark.skipif(sys.platform == "win32", reason="quotes and escapes as POSIX shells have them")


@posix
@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("a.txt", ["a.txt"]),
        ("  a b.txt ", ["a b.txt"]),
        ("'a b.txt'", ["'a b.txt'", "a b.txt"]),
        ("a\\ b.txt", ["a\\ b.txt", "a b.txt"]),
        ("file:///tmp/a%20b.txt", ["/tmp/a b.txt"]),
        ("'open", ["'open"]),
        ("", []),
        ("file://[x", ["file://[x"]),
        ("file://[::1/x", ["file://[::1/x"]),
    ],
)
def test_a_text_is_read_as_a_path(text: str, read: list[str]) -> None:
    assert list(paths.readings(text)) == read


@posix
def test_the_last_word_may_be_a_name() -> None:
    assert list(paths.with_name("a.txt bob")) == [("a.txt bob", None), ("a.txt", "bob")]
    assert list(paths.with_name("")) == list(paths.with_name(" \t")) == []
