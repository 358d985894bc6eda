"""Invitations: what may be typed and pasted, and a host's book of them under attack, by a clock that the test moves."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from usi.core import invitation, wire
from usi.core.crypto import Point
from usi.core.errors import (
    BadCode,
    BadFingerprint,
    BadInvitation,
    BadMessage,
    LocalError,
    NoInvitation,
    OutOfTurn,
    TooManyCodes,
    TooManyInvitations,
    WrongCode,
)
from usi.core.invitation import (
    LIFE,
    MAX_OPEN,
    MAX_TRIES,
    PURPOSE,
    TRIES_PER_NETWORK,
    Invitations,
    is_pasted,
    locator_of,
    parse_code,
    parse_fingerprint,
    parse_pasted,
    pasted,
)
from usi.core.pake import Proving, code_secret
from usi.core.words import WORDS

KEY = bytes(range(32))
CODE = "lilac-soprano-distant-mixer"
NOW = 1_000_000.0
LINK, OTHER = b"e" * 32, b"o" * 32
"""Exporters."""

# --- what people type ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "typed",
    [
        CODE,
        " lilac soprano distant mixer ",
        "LILAC-SOPRANO-Distant-Mixer",
        "lila sopr dist mixe",
        "lilac, soprano, distant, mixer.",
        "lilac - soprano - distant - mixer",
        "lilac_soprano_distant_mixer",
    ],
)
def test_a_code_is_known_however_it_is_typed(typed: str) -> None:
    assert parse_code(typed) == CODE


@pytest.mark.parametrize(
    "typed",
    ["", "lilac", "lilac-soprano-distant", f"{CODE}-mixer", "lilac-soprano-distant-mixed", "lil-soprano-distant-mixer"],
)
def test_what_is_no_code_is_refused(typed: str) -> None:
    with pytest.raises(BadCode):
        parse_code(typed)


def test_every_word_may_be_shortened_to_four_letters() -> None:
    for word in WORDS:
        assert parse_code(f"{word[:4]} {word} {word} {word}") == "-".join([word] * 4)


@pytest.mark.parametrize("text", [KEY.hex(), KEY.hex().upper(), f" {KEY.hex(' ', 2)}\n", KEY.hex(":"), KEY.hex("-", 4)])
def test_a_fingerprint_is_known_in_any_groups_and_case(text: str) -> None:
    assert parse_fingerprint(text) == KEY


@pytest.mark.parametrize("text", ["", "00" * 31, "00" * 33, "g" * 64, "٠" * 64])
def test_what_is_no_fingerprint_is_refused(text: str) -> None:
    with pytest.raises(BadFingerprint):
        parse_fingerprint(text)


@pytest.mark.parametrize(
    ("line", "target", "code"),
    [
        (f"usi://192.0.2.1:12800/#{KEY.hex()}-{CODE}", "192.0.2.1:12800", CODE),
        (f"usi://[2001:db8::1]:12800/#{KEY.hex()}", "[2001:db8::1]:12800", None),
        (f" USI://chat.example.org#{KEY.hex().upper()}-lila-sopr-dist-mixe\n", "chat.example.org", CODE),
    ],
)
def test_an_invitation_can_be_pasted(line: str, target: str, code: str | None) -> None:
    assert is_pasted(line)
    assert parse_pasted(line) == (target, KEY, code)


def test_what_is_made_is_what_is_read() -> None:
    for address, target in (("192.0.2.1", "192.0.2.1:5"), ("2001:db8::1", "[2001:db8::1]:5")):
        for code in (CODE, None):
            assert parse_pasted(pasted(address, 5, KEY, code)) == (target, KEY, code)


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ("usi://192.0.2.1:12800/", BadInvitation),
        (f"usi:///#{KEY.hex()}", BadInvitation),
        ("usi://192.0.2.1/#1234", BadFingerprint),
        (f"usi://192.0.2.1/#{KEY.hex()}-lilac", BadCode),
    ],
)
def test_a_broken_invitation_says_what_is_wrong(line: str, error: type[LocalError]) -> None:
    with pytest.raises(error):
        parse_pasted(line)


def test_an_address_is_no_invitation() -> None:
    assert not any(map(is_pasted, ("localhost", "usi.example.org", "[::1]:12800")))


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    for parse in (parse_code, parse_fingerprint, lambda text: parse_pasted(f"usi://{text}")):
        with suppress(LocalError):
            parse(text)


# --- a host's book ---------------------------------------------------------------------------------------------------


class Guest:
    """One who tries a code on a link of its own."""

    def __init__(self, code: str, exporter: bytes = LINK) -> None:
        self.proving = Proving("client", PURPOSE, code_secret(code), exporter)
        self.claim = wire.Claim(locator_of(code), self.proving.message)

    def prove(self, challenge: wire.Challenge) -> wire.Prove:
        """What an honest one says."""
        own = self.proving.confirm(challenge.point)
        return wire.Prove(own if self.proving.fits(challenge.confirmation) else None)


def wrong(code: str) -> str:
    """Another code of the same invitation."""
    *words, last = code.split("-")
    return "-".join([*words, "abacus" if last != "abacus" else "zoo"])


def test_a_code_has_four_words_and_is_new_each_time() -> None:
    book = Invitations()
    codes = [book.new(NOW).code for _ in range(MAX_OPEN)]
    assert len({locator_of(code) for code in codes}) == MAX_OPEN
    for code in codes:
        assert parse_code(code) == code
        assert set(code.split("-")) <= set(WORDS)
    with pytest.raises(TooManyInvitations):
        book.new(NOW)
    assert book.new(NOW + LIFE), "those before have ended"


def test_a_right_code_convinces_both_as_often_as_it_is_used() -> None:
    book = Invitations()
    made = book.new(NOW)
    for link in range(1, 2 * MAX_TRIES):
        guest = Guest(made.code)
        challenge = book.challenge(link, "192.0.2.1", guest.claim, LINK, NOW)
        assert book.owes(link)
        assert guest.proving.confirm(challenge.point)
        assert guest.proving.fits(challenge.confirmation)
        assert book.check(link, guest.prove(challenge)) is made
        assert not book.owes(link)
        assert book.gone(link) is None
    assert (made.counted, made.failed) == (0, 0)


def test_twenty_wrong_codes_burn_it() -> None:
    book = Invitations()
    made = book.new(NOW)
    for number in range(1, MAX_TRIES + 1):
        guest = Guest(wrong(made.code))
        challenge = book.challenge(number, f"192.0.2.{number}", guest.claim, LINK, NOW)
        with pytest.raises(WrongCode):
            book.check(number, guest.prove(challenge))
        told = book.gone(number)
        assert told is made
        assert told.failed == number
        assert told.burned == (number == MAX_TRIES)
    with pytest.raises(NoInvitation):
        book.challenge(99, "198.51.100.1", Guest(made.code).claim, LINK, NOW)


def test_a_guess_counts_when_the_answer_leaves_also_when_the_guesser_says_no_more() -> None:
    """The host's confirmation is what tells a guesser; it need not come back. All at once is no way around either."""
    book = Invitations()
    made = book.new(NOW)
    for link in range(MAX_TRIES):
        book.challenge(link, f"192.0.2.{link}", Guest(wrong(made.code)).claim, LINK, NOW)
    assert made.counted == MAX_TRIES
    with pytest.raises(NoInvitation):
        book.challenge(99, "198.51.100.1", Guest(made.code).claim, LINK, NOW)
    assert [book.gone(link) for link in range(MAX_TRIES)] == [made] * MAX_TRIES
    assert made.burned


def test_a_success_gives_its_try_back() -> None:
    book = Invitations()
    made = book.new(NOW)
    for link in range(MAX_TRIES - 1):
        book.challenge(link, f"192.0.2.{link}", Guest(wrong(made.code)).claim, LINK, NOW)
    guest = Guest(made.code)
    challenge = book.challenge(50, "198.51.100.1", guest.claim, LINK, NOW)
    book.check(50, guest.prove(challenge))
    assert book.challenge(51, "198.51.100.1", Guest(made.code).claim, LINK, NOW)


def test_one_address_has_few_tries() -> None:
    book = Invitations()
    first, second = book.new(NOW), book.new(NOW)
    for link in range(TRIES_PER_NETWORK):
        book.challenge(link, "192.0.2.1", Guest(wrong(first.code)).claim, LINK, NOW)
        if link % 2:
            book.gone(link)
    for code in (first.code, second.code):
        with pytest.raises(TooManyCodes):
            book.challenge(50, "192.0.2.1", Guest(code).claim, LINK, NOW)
    assert book.challenge(51, "192.0.2.2", Guest(first.code).claim, LINK, NOW)
    for link in range(TRIES_PER_NETWORK):
        book.gone(link)
    later = book.new(NOW + LIFE)
    assert book.challenge(52, "192.0.2.1", Guest(later.code).claim, LINK, NOW + LIFE), "an hour later"


def test_a_code_ends_after_an_hour() -> None:
    book = Invitations()
    made = book.new(NOW)
    assert made.until == NOW + 3600
    assert book.challenge(1, "192.0.2.1", Guest(made.code).claim, LINK, NOW + LIFE - 1)
    with pytest.raises(NoInvitation):
        book.challenge(2, "192.0.2.1", Guest(made.code).claim, LINK, NOW + LIFE)


def test_an_unknown_locator_costs_nobody_a_try() -> None:
    book = Invitations()
    made = book.new(NOW)
    unknown = next(word for word in WORDS if word != made.locator)
    with pytest.raises(NoInvitation):
        book.challenge(1, "192.0.2.1", Guest(f"{unknown}-zoo-zoo-zoo").claim, LINK, NOW)
    assert made.counted == 0
    assert book.gone(1) is None


@pytest.mark.parametrize("point", [b"\4" + bytes(64), b"\4" + b"\1" * 64], ids=["neutral", "off the curve"])
def test_a_point_that_is_none_is_no_try(point: bytes) -> None:
    book = Invitations()
    made = book.new(NOW)
    with pytest.raises(BadMessage):
        book.challenge(1, "192.0.2.1", wire.Claim(made.locator, point), LINK, NOW)
    assert made.counted == 0


def test_a_relayed_claim_fits_nothing() -> None:
    """Somebody in the middle has two links, hence two exporters, and passes on what both say."""
    book = Invitations()
    made = book.new(NOW)
    guest = Guest(made.code, exporter=OTHER)
    challenge = book.challenge(1, "192.0.2.1", guest.claim, LINK, NOW)
    own = guest.proving.confirm(challenge.point)
    assert not guest.proving.fits(challenge.confirmation)
    with pytest.raises(WrongCode):
        book.check(1, wire.Prove(own))
    assert book.gone(1) is made


def test_out_of_turn() -> None:
    book = Invitations()
    made = book.new(NOW)
    with pytest.raises(OutOfTurn):
        book.check(1, wire.Prove(bytes(32)))
    book.challenge(1, "192.0.2.1", Guest(made.code).claim, LINK, NOW)
    with pytest.raises(OutOfTurn):
        book.challenge(1, "192.0.2.1", Guest(made.code).claim, LINK, NOW)
    for answer in (wire.Prove(None), wire.Prove(bytes(32)), wire.Prove(Point.generator().encode()[:32])):
        with pytest.raises(WrongCode):
            book.check(1, answer)
    assert made.failed == 0, "counted when the link has ended"
    book.gone(1)
    assert made.failed == 1


def test_who_has_proved_a_code_does_not_prove_it_again_on_the_same_link() -> None:
    """It costs no try, but a host that does it for the fun of it has no time for others."""
    book = Invitations()
    guest = Guest(book.new(NOW).code)
    book.check(1, guest.prove(book.challenge(1, "192.0.2.1", guest.claim, LINK, NOW)))
    with pytest.raises(OutOfTurn):
        book.challenge(1, "192.0.2.1", guest.claim, LINK, NOW)


def test_a_code_is_not_shown_by_accident() -> None:
    made = Invitations().new(NOW)
    assert made.code not in repr(made)
    assert invitation.MAX_TRIES < 2**33 / 2**28
