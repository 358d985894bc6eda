"""What programs were told, and what must hold of it whatever the network does."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from tests.test_program import Program

HERE = "127.0.0.1"


class Patient(Program):
    """Waits long: these tests run on machines that are busy."""

    patience = 90.0


def say(program: Program, texts: Sequence[str]) -> None:
    """Type these lines. A program that has ended takes no more of them."""
    with suppress(OSError):
        program.type(*texts)


def acknowledged(author: Program) -> list[str]:
    """The texts that the host has confirmed, in the order in which they were said."""
    texts = {event["id"]: event["text"] for event in author.all("message", mine=True)}
    delivered = {event["id"] for event in author.all("delivered")}
    assert len(delivered) == len(author.all("delivered")), "confirmed twice"
    return [text for id_, text in texts.items() if id_ in delivered]


def given_back(author: Program) -> list[str]:
    """The texts that its author was told have failed."""
    return [event["message"] for event in author.all("failed")]


def own(author: Program) -> list[str]:
    """What a program says that its person has said."""
    return [event["text"] for event in author.all("message", mine=True)]


def heard(reader: Program, author: str) -> list[str]:
    return [event["text"] for event in reader.all("message", mine=False, **{"from": author})]


def people(program: Program) -> set[str]:
    """The names of all whom a program was told of."""
    listed = {row["name"] for event in program.all("users") for row in event["members"]}
    return listed | {event["name"] for event in program.all("member_joined")}


def check(author: Program, name: str, *readers: Program, all_of: Sequence[str] = ()) -> None:
    """Each acknowledged message exactly once and in order at each reader, who was there all the time; and what was
    not acknowledged is told as failed, once its author knows that it has lost the host."""
    confirmed = acknowledged(author)
    if all_of:
        assert confirmed == list(all_of)
    for reader in readers:
        reader.waits(lambda reader=reader: set(confirmed) <= set(heard(reader, name)), f"all that {name} has said")
        got = heard(reader, name)
        assert len(set(got)) == len(got), "heard twice"
        author.waits(lambda got=got: set(got) <= set(own(author)), "its own messages")
        said = own(author)
        assert got == [text for text in said if text in set(got)], "heard in another order"
    if author.all("disconnected"):
        author.waits(lambda: sorted(acknowledged(author) + given_back(author)) == sorted(own(author)), "its lot")


def latencies(author: Program, reader: Program, count: int, tag: str) -> list[float]:
    """Seconds from typing a line at one program to its being printed by another, one after another."""
    taken = []
    for number in range(count):
        text = f"{tag} {number}"
        began = time.monotonic()
        author.type(text)
        reader.hears("message", text=text)
        taken.append(time.monotonic() - began)
    return taken


def summed_up(seconds: Sequence[float]) -> str:
    """For the record of a test run."""
    ordered = sorted(seconds)
    p99 = ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]
    return f"p50 {statistics.median(ordered) * 1000:.0f} ms, p99 {p99 * 1000:.0f} ms, max {ordered[-1] * 1000:.0f} ms"


def memory(program: Program) -> int:
    """Bytes of memory that a program uses; 0 where the system does not tell."""
    try:
        pages = int(Path(f"/proc/{program.process.pid}/statm").read_text("ascii").split()[1])
    except (OSError, IndexError):
        return 0
    return pages * 4096
