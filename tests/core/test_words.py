"""The list keeps the rules that make it fit for reading aloud, and never changes unnoticed."""

import hashlib
import itertools
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from usi.core.words import WORDS, words_of


def test_there_are_2048_words_in_order() -> None:
    assert len(WORDS) == 2048
    assert list(WORDS) == sorted(set(WORDS))


def test_words_have_3_to_7_plain_letters() -> None:
    assert [word for word in WORDS if not re.fullmatch("[a-z]{3,7}", word)] == []


def test_the_first_four_letters_tell_the_word() -> None:
    assert len({word[:4] for word in WORDS}) == len(WORDS)


def test_no_word_begins_another() -> None:
    # In a sorted list a word that begins others stands right before the first of them.
    assert [pair for pair in itertools.pairwise(WORDS) if pair[1].startswith(pair[0])] == []


def test_no_word_is_another_with_an_ending() -> None:
    endings = ("s", "es", "d", "ed", "r", "er", "y", "ly", "ing")
    assert set(WORDS).isdisjoint(word + ending for word in WORDS for ending in endings)


# Homophones, what a French mouth makes alike, and what accents do that drop an r or say t like d.
ALIKE = """
    write/right weather/whether flower/flour sea/see son/sun steel/steal road/rode sail/sale night/knight
    ship/sheep taste/test hill/heel hedge/edge seat/sit tree/three/free work/walk hair/air heart/art man/men
    woman/women sauce/source metal/medal diary/dairy poetry/pottery/poultry beach/peach price/prize bold/bolt
    cold/gold thirteen/thirty
"""


@pytest.mark.parametrize("alike", ALIKE.split())
def test_no_two_words_sound_alike(alike: str) -> None:
    assert len(set(alike.split("/")) & set(WORDS)) <= 1


TALK = """
    yes no wrong right okay again repeat next stop same different first last word letter key number one two
    three zero double agree match check verify confirm pardon please
"""


@pytest.mark.parametrize("word", TALK.split())
def test_no_word_belongs_to_the_talk_about_the_words(word: str) -> None:
    assert word not in WORDS


def test_the_list_is_the_one_of_the_protocol() -> None:
    """Two lists would show different words for the same keys: changing it is changing the protocol."""
    digest = hashlib.sha256(" ".join(WORDS).encode()).hexdigest()
    assert digest == "4801ebb26de801a74e9cdb63db6580322fd8847392c7059ed94cfacdefd70c81"


def test_all_zeros_and_all_ones() -> None:
    assert words_of(bytes(6)) == ("abacus",) * 4
    assert words_of(b"\xff" * 6) == ("zoo",) * 4


def test_bits_are_big_endian_and_the_rest_is_ignored() -> None:
    number = (1 << 33 | 2 << 22 | 3 << 11 | 2047) << 4
    for rest in (0, 15):
        assert words_of((number | rest).to_bytes(6, "big")) == (WORDS[1], WORDS[2], WORDS[3], WORDS[2047])
    assert words_of(b"\x80\x00", 1) == (WORDS[1024],)
    assert words_of(b"\x00\x20", 1) == (WORDS[1],)


def test_more_or_fewer_words() -> None:
    assert words_of(b"", 0) == ()
    assert words_of(bytes(32), 3) == (WORDS[0],) * 3
    assert words_of(bytes(11), 8) == (WORDS[0],) * 8


@pytest.mark.parametrize(("size", "count"), [(5, 4), (0, 1), (1, 1), (10, 8), (6, -1)])
def test_too_few_bits_are_an_error(size: int, count: int) -> None:
    with pytest.raises(ValueError, match="bits"):
        words_of(bytes(size), count)


@given(st.binary(min_size=6, max_size=40))
def test_the_words_give_back_the_bits(bits: bytes) -> None:
    number = 0
    for word in words_of(bits):
        number = number << 11 | WORDS.index(word)
    assert number == int.from_bytes(bits[:6], "big") >> 4
