"""What the hub keeps of a conversation."""

import pytest

from usi.core import numbering, wire
from usi.core.numbering import LOG_BYTES, LOG_POSTS, PAGE_POSTS, Logs, Numbering


def post(number: int, size: int = 272) -> wire.Post:
    return wire.Post(b"c" * 16, b"k" * 32, b"m" * 32, number.to_bytes(15, "big"), bytes(size))


def test_numbers_have_no_holes_and_the_oldest_posts_are_forgotten() -> None:
    made = Numbering(b"k" * 32, number=7)
    assert [made.add(post(n)).number for n in range(LOG_POSTS + 2)] == list(range(8, LOG_POSTS + 10))
    assert len(made.log) == len(made.posted) == LOG_POSTS
    assert made.log[0].number == 10
    assert made.log_bytes == 272 * LOG_POSTS


def test_the_log_weighs_only_so_much() -> None:
    made = Numbering(b"k" * 32)
    for n in range(LOG_BYTES // 65_536 + 3):
        made.add(post(n, 65_536))
    assert made.log_bytes <= numbering.LOG_BYTES
    assert set(made.posted) == {(posted.sender, posted.id) for posted in made.log}


def test_who_is_in_gets_what_was_posted_since_it_came_and_nothing_older() -> None:
    made = Numbering(b"k" * 32)
    made.admit(1)
    for n in range(5):
        made.add(post(n))
    made.admit(2)
    made.add(post(5))

    def numbers(link: int, first: int = 1, last: int = 100) -> tuple[list[int], int]:
        page = made.page(link, first, last)
        return [posted.number for posted in page.posts], page.until

    assert numbers(1) == ([1, 2, 3, 4, 5, 6], 6)
    assert numbers(1, 2, 3) == ([2, 3], 3)
    assert numbers(2) == ([6], 6)
    assert numbers(3) == ([], 6)
    made.dismiss(2)
    assert numbers(2) == ([], 6)
    made.admit(2)
    assert numbers(2, 6, 6) == ([], 6), "who comes again is somebody new"


def test_a_page_is_no_longer_than_so_many_posts_or_bytes() -> None:
    made = Numbering(b"k" * 32)
    made.admit(1)
    for n in range(LOG_POSTS + 50):
        made.add(post(n))
    page = made.page(1, 1, 2_000)
    assert [posted.number for posted in page.posts] == list(range(51, 51 + PAGE_POSTS))
    assert page.until == 50 + PAGE_POSTS
    large = Numbering(b"k" * 32)
    large.admit(1)
    for n in range(10):
        large.add(post(n, 65_536))
    page = large.page(1, 3, 9)
    assert ([posted.number for posted in page.posts], page.until) == ([3, 4, 5, 6], 6)


def test_all_logs_together_weigh_only_so_much(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(numbering, "LOGS_BYTES", 10 * 272)
    logs, one, other = Logs(), Numbering(b"k" * 32), Numbering(b"k" * 32)
    for n in range(8):
        logs.add(one, post(n))
    for n in range(8):
        logs.add(other, post(n))
    assert (len(one.log), len(other.log)) == (2, 8)
    assert logs.weight == 10 * 272
    logs.forget(other)
    logs.forget(other)
    assert logs.weight == 2 * 272
