"""What lines of input become, and threads that read and write lines."""

from __future__ import annotations

import asyncio
import io
import os
from collections.abc import Iterator
from io import FileIO, RawIOBase
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from usi.core.wire import MAX_TEXT
from usi.ui import pipes
from usi.ui.pipes import Reader, Writer, split_lines, unseen

# --- lines of input --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "lines"),
    [
        (b"", []),
        (b"one", ["one"]),
        (b"one\n", ["one"]),
        (b"one\r\ntwo\r\n", ["one", "two"]),
        (b"one\n\ntwo", ["one", "", "two"]),
        ("ça 👍\n".encode(), ["ça 👍"]),
        (b"a\x0bb\x0cc\x1cd\xc2\x85e\xe2\x80\xa8f\n", ["a\x0bb\x0cc\x1cd\x85e\u2028f"]),
        (b"\xff\xfe\n\xc3", ["\ufffd\ufffd", "\ufffd"]),
        (b"caf\xe9\nok\n", ["caf\ufffd", "ok"]),
        (b"tab\there\x00nul\n", ["tab\there\x00nul"]),
    ],
)
@pytest.mark.parametrize("size", [1, 2, 3, 1_000])
def test_lines_are_the_same_however_they_come(data: bytes, lines: list[str], size: int) -> None:
    chunks = [data[start : start + size] for start in range(0, len(data), size)]
    assert list(split_lines(chunks)) == lines


@given(st.lists(st.text(st.characters(exclude_characters="\n\r", exclude_categories=("Cs",)))), st.integers(1, 9))
def test_lines_that_are_sent_arrive(lines: list[str], size: int) -> None:
    data = "".join(line + "\n" for line in lines).encode()
    chunks = [data[start : start + size] for start in range(0, len(data), size)]
    assert list(split_lines(chunks)) == lines


def test_of_a_line_that_is_far_too_long_only_the_beginning_is_kept() -> None:
    def chunks() -> Iterator[bytes]:
        for _ in range(400):
            yield b"x" * 65_536
        yield b"end of it\nnext\n"

    first, second = split_lines(chunks())
    assert MAX_TEXT < len(first) < 4 * MAX_TEXT  # enough to be refused as too long
    assert second == "next"


def test_the_longest_text_is_one_line() -> None:
    text = "é" * (MAX_TEXT // 2)
    data = text.encode() + b"\nnext"
    assert list(split_lines([data[:70], data[70:]])) == [text, "next"]


def test_an_input_that_has_nothing_yet_is_not_at_its_end() -> None:
    assert list(split_lines([b"o", None, b"ne\n"])) == ["one"]


# --- threads ---------------------------------------------------------------------------------------------------------


async def lines_of(reader: Reader) -> list[str]:
    found = []
    async with asyncio.timeout(20):
        while (line := await reader.line()) is not None:
            found.append(line)
    return found


async def test_lines_are_read_to_the_end(tmp_path: Any) -> None:
    path = tmp_path / "input"
    path.write_bytes(b"".join(b"%d\n" % number for number in range(1_000)))
    with FileIO(path) as stream:
        assert await lines_of(Reader(stream)) == [str(number) for number in range(1_000)]


async def test_lines_are_read_as_they_come() -> None:
    near, far = os.pipe()
    with FileIO(near) as stream, FileIO(far, "w") as typing:
        reader = Reader(stream)
        async with asyncio.timeout(20):
            typing.write(b"one\ntw")
            assert await reader.line() == "one"
            typing.write(b"o\n")
            assert await reader.line() == "two"
            typing.close()
            assert await reader.line() is None


class Slow(RawIOBase):
    """Takes a few bytes at a time, as a terminal or a pipe may."""

    def __init__(self) -> None:
        self.taken = b""

    def write(self, data: Any) -> int:
        part = bytes(data[:3])
        self.taken += part
        return len(part)


async def test_whole_lines_are_written_to_a_slow_output() -> None:
    stream = Slow()
    writer = Writer(stream)
    assert await writer.write("ça marche")
    assert await writer.write("half a pair: \udcff")
    await writer.close()
    assert stream.taken == "ça marche\nhalf a pair: \\udcff\n".encode()


async def test_an_output_that_nobody_reads_makes_the_writer_wait_and_not_the_loop() -> None:
    near, far = os.pipe()
    with FileIO(near) as reading, FileIO(far, "w") as stream:
        writer = Writer(stream)
        line = "x" * 1_000
        written = 0
        ahead = asyncio.Event()

        async def write_all() -> None:
            nonlocal written
            for _ in range(1_000):
                assert await writer.write(line)
                written += 1
                if written == pipes._LINES_AHEAD:
                    ahead.set()

        task = asyncio.ensure_future(write_all())
        async with asyncio.timeout(20):
            await ahead.wait()
        assert not task.done()
        loop = asyncio.get_running_loop()
        total = 0
        async with asyncio.timeout(20):
            while total < 1_000 * 1_001:
                total += len(await loop.run_in_executor(None, reading.read, 65_536))
            await task
        await writer.close()
    assert written == 1_000


async def test_a_reader_that_goes_away_is_noticed() -> None:
    near, far = os.pipe()
    os.close(near)
    with FileIO(far, "w") as stream:
        writer = Writer(stream)
        async with asyncio.timeout(20):
            while await writer.write("is anybody there?"):
                pass  # more lines than may be ahead of the thread, so that it must have tried
            await writer.close()


# --- a terminal -----------------------------------------------------------------------------------------------------


def test_a_terminal_does_not_show_a_password() -> None:
    pty, termios = pytest.importorskip("pty"), pytest.importorskip("termios")
    near, far = pty.openpty()
    with os.fdopen(far, "r") as stream, os.fdopen(near, "rb"):
        with unseen(stream):
            assert not termios.tcgetattr(far)[3] & termios.ECHO
        assert termios.tcgetattr(far)[3] & termios.ECHO
    with unseen(io.StringIO("x")):
        pass
