"""What a typed, pasted or dropped line may mean as a path."""

from __future__ import annotations

import sys

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from usi.core.paths import readings, with_name

posix = pytest.mark.skipif(sys.platform == "win32", reason="a backslash separates there")


@posix
@pytest.mark.parametrize(
    ("line", "meant"),
    [
        ("a.txt", ["a.txt"]),
        ("  a.txt \n", ["a.txt"]),
        ("my file.txt", ["my file.txt"]),
        ("'my file.txt'", ["'my file.txt'", "my file.txt"]),
        ('"my file.txt" ', ['"my file.txt"', "my file.txt"]),
        (r"my\ file\ \(1\).txt", [r"my\ file\ \(1\).txt", "my file (1).txt"]),
        ("it's.txt", ["it's.txt"]),
        ("file:///tmp/a%20b%C3%A9.txt", ["/tmp/a bé.txt"]),
        ("file:/tmp/a", ["/tmp/a"]),
        ("file://localhost/tmp/a", ["/tmp/a"]),
        ("FILES:x", ["FILES:x"]),
        ("file://[x", ["file://[x"]),
        ("file://[::1/x", ["file://[::1/x"]),
        ("'open", ["'open"]),
        ("", []),
        (" \t ", []),
    ],
)
def test_a_line_is_read_as_it_stands_first(line: str, meant: list[str]) -> None:
    assert list(readings(line)) == meant


@pytest.mark.parametrize("line", ["file:", "file://", "file://localhost", "file://[", "file://[::1", "file:?x", "''"])
def test_what_holds_no_path_does_not_mean_the_folder_we_are_in(line: str) -> None:
    assert "" not in readings(line)


@posix
def test_the_last_word_may_be_a_name() -> None:
    assert list(with_name("a b.txt alice")) == [("a b.txt alice", None), ("a b.txt", "alice")]
    assert list(with_name("'a b.txt' alice")) == [
        ("'a b.txt' alice", None),
        ("'a b.txt'", "alice"),
        ("a b.txt", "alice"),
    ]
    assert list(with_name("a.txt")) == [("a.txt", None)]
    assert list(with_name("")) == list(with_name(" \t")) == []


@given(st.text(max_size=40))
@example("file://[")
@example("file:%00")
def test_any_text_has_readings_and_nothing_breaks(text: str) -> None:
    assert all(path for path in readings(text))
    assert all(path for path, _ in with_name(text))
