"""`python -m benchmarks.history`: what a history costs that holds five thousand messages.

Posts are sealed and signed like real ones, some texts short and some long. The file lies in the current folder, because
a temporary one may be in memory, where a commit costs nothing.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from usi.core import wire
from usi.core.content import Body, ConversationKey
from usi.core.crypto import OCB_LIBRARY, PrivateKey, random_bytes
from usi.store.history import History, Room, RoomKey
from usi.store.history_check import check

_POSTS = 5_000
_SINGLE = 200
"""Of them with a commit each; the others go in batches."""
_BATCH = 64
_PAGE = 50


def _posts(conversation: bytes, author: PrivateKey, secret: bytes) -> list[wire.Posted]:
    key = ConversationKey(conversation, author.public.id, secret)
    posts = []
    for number in range(1, _POSTS + 1):
        text = f"message {number}, of about the usual length " * (1 if number % 20 else 40)
        post = key.seal(author, Body("text", text, "alice", 1_764_156_254_000 + number, bytes(8), number))
        posts.append(wire.Posted(conversation, post.key_id, post.sender, post.id, number, post.sealed))
    return posts


def _row(what: str, seconds: list[float]) -> None:
    ordered = sorted(value * 1000 for value in seconds)
    worst = ordered[min(len(ordered) - 1, round(len(ordered) * 0.99))]
    print(f"{what:<46} {statistics.median(ordered):8.2f} {worst:8.2f} {ordered[-1]:8.2f}", flush=True)


def _timed(action: Callable[[], Any]) -> float:
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


@contextmanager
def _opened(path: Path) -> Iterator[History]:
    history = History.open(path, lambda _new: "benchmark")
    try:
        yield history
    finally:
        history.close()


def _measure(path: Path) -> None:
    author, conversation, secret = PrivateKey.generate(), random_bytes(16), random_bytes(32)
    posts = _posts(conversation, author, secret)
    moduli = {author.public.id: author.public.modulus}
    print(f"AES-OCB by {OCB_LIBRARY}; {_POSTS} messages\n")
    print(f"{'milliseconds':<46} {'median':>8} {'99 %':>8} {'worst':>8}")
    print("-" * 73)
    with _opened(path) as history:
        history.keep_room(Room(conversation, "general"))
        history.keep_key(conversation, RoomKey(author.public.id, secret))
        _row("keep one message", [_timed(lambda: history.append([post], moduli)) for post in posts[:_SINGLE]])  # noqa: B023
        batches = [posts[start : start + _BATCH] for start in range(_SINGLE, _POSTS, _BATCH)]
        _row(f"keep {_BATCH} with one commit", [_timed(lambda: history.append(batch, moduli)) for batch in batches])  # noqa: B023
    started = time.perf_counter()
    with _opened(path) as history:
        _row("open the file", [time.perf_counter() - started])
        _row(f"a page of {_PAGE}, all through", _pages(history, conversation))
        _row("the newest 10", [_timed(lambda: history.page(conversation, None, 10)) for _ in range(100)])
        _row("read all, for a search", [_timed(lambda: sum(len(p.kept) for p in history.pages(conversation)))])
        _row("check all", [_timed(lambda: check(history))])
        _row("retention: delete the older half", [_timed(lambda: history.retire(conversation, most=_POSTS // 2))])
    print(f"\nThe file has {path.stat().st_size / _POSTS:.0f} bytes for each message, of which the sealed content is")
    print(f"{sum(len(post.sealed) for post in posts) / _POSTS:.0f}.")


def _pages(history: History, conversation: bytes) -> list[float]:
    waited = []
    for before in range(_POSTS + 1, 1, -_PAGE):
        started = time.perf_counter()
        page = history.page(conversation, before, _PAGE)
        waited.append(time.perf_counter() - started)
        if len(page.kept) != _PAGE:
            raise SystemExit(f"a page has {len(page.kept)} messages")
    return waited


def main() -> int:
    with tempfile.TemporaryDirectory(dir=".", prefix=".history-") as folder:
        _measure(Path(folder) / "history")
    return 0


if __name__ == "__main__":
    sys.exit(main())
