"""The real program under faults: a host and guests as processes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.faults.programs import HERE, Patient


@pytest.fixture
def start() -> Iterator[Callable[..., Patient]]:
    """Starts programs, and ends those that still run at the end of the test."""
    started: list[Patient] = []

    def begin(*arguments: str, **options: Any) -> Patient:
        program = Patient(*arguments, "--json", "--stay", **options)
        started.append(program)
        return program

    yield begin
    for program in reversed(started):
        program.stop()


@pytest.fixture
def record(request: pytest.FixtureRequest) -> Callable[[str, object], None]:
    """Notes a figure: shown with `pytest -s`, and kept with the result of the test."""

    def note(name: str, value: object) -> None:
        request.node.user_properties.append((name, str(value)))
        print(f"\n    {name}: {value}", end="")

    return note


@pytest.fixture
def host(start: Any) -> Callable[..., Patient]:
    def begin(*arguments: str, bind: str = HERE, **options: Any) -> Patient:
        program = start("-s", "-b", bind, "-p", "0", *arguments, **{"key": "host", **options})
        program.port()
        return program  # type: ignore[no-any-return]

    return begin


@pytest.fixture
def guest(start: Any) -> Callable[..., Patient]:
    """Starts a guest that has joined; its name is also that of its key."""

    def begin(port: int, name: str, *arguments: str, address: str = HERE, **options: Any) -> Patient:
        program = start("-c", f"{address}:{port}", "-m", name, *arguments, **{"key": name, **options})
        program.hears("users")
        return program  # type: ignore[no-any-return]

    return begin
