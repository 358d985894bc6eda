"""What `--dev` shows: one record for each step of a key exchange, each record and each message.

The core calls an optional listener; without one nothing is made. A secret is wrapped in `Secret` where the record is
made, so that no view can print it by accident; who asks to see it gets it by name, from `Detail.secrets`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

import msgspec

from usi.core import wire

Direction = Literal["in", "out", "here"]


class Secret:
    """A value that renders as its length only; `reveal()` is for a person who asks to see it."""

    __slots__ = ("_value",)

    def __init__(self, value: bytes) -> None:
        self._value = value

    def reveal(self) -> bytes:
        return self._value

    def __repr__(self) -> str:
        return f"<secret, {len(self._value)} bytes>"


Plain = str | int | float | bool | None
Value = Plain | bytes | Secret


class Trace(msgspec.Struct, frozen=True):
    """One step: what happened, which way it went (`here` = computed on this side), and its values."""

    step: str
    direction: Direction
    detail: dict[str, Value]


Tracer = Callable[[Trace], None]


class Detail(dict[str, Plain]):
    """The values of a record as they may be shown: as a dictionary, in JSON and in print, masks stand for secrets."""

    __slots__ = ("secrets",)

    def __init__(self, values: Mapping[str, Value]) -> None:
        super().__init__((name, plain_value(value)) for name, value in values.items())
        self.secrets = {name: value for name, value in values.items() if isinstance(value, Secret)}
        """What the masks stand for, by name; for a person in this process who asks to see one."""


def plain_value(value: Value) -> Plain:
    """A value as it may be shown: bytes as hexadecimal, secrets masked."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, Secret):
        return repr(value)
    return value


def plain_detail(trace: Trace) -> Detail:
    """The detail of a record as JSON-ready values."""
    return Detail(trace.detail)


def one_line(trace: Trace, width: int = 64) -> str:
    """A record as one line of text; values longer than `width` characters are cut in the middle."""
    arrow = {"in": "<-", "out": "->", "here": "--"}[trace.direction]
    parts = []
    for name, value in plain_detail(trace).items():
        shown = str(value)
        if len(shown) > width:
            shown = f"{shown[: width // 2]}…{shown[-8:]}"
        parts.append(f"{name}={shown}")
    return f"{arrow} {trace.step}  {'  '.join(parts)}".rstrip()


def content_trace(
    step: str, direction: Direction, post: wire.Post | wire.Posted, said: str, signature: str, *, private: bool
) -> Trace:
    """The record of a post that was sealed or opened. `private`: the host has no key of it."""
    detail: dict[str, Value] = {
        "conversation": post.conversation,
        "key_id": post.key_id,
        "sender": post.sender,
        "nonce": post.id,
        "length": len(post.sealed),
        "plaintext": said,
        "ciphertext": post.sealed[: len(said.encode())],
        "signature": signature,
        "host_has_key": not private,
    }
    return Trace(step, direction, detail)
