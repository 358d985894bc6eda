"""What the hub keeps of a conversation."""

from usi.core import numbering, wire
from usi.core.numbering import LOG_BYTES, LOG_POSTS, Numbering


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
