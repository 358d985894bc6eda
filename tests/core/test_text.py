"""Names and text from outside: every rule by example, and what must hold for any string at all."""

import re
import unicodedata
from unicodedata import normalize

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from usi.core import text
from usi.core.errors import BadName
from usi.core.text import (
    clean_file_name,
    clean_name,
    file_key,
    numbered_file_name,
    numbered_name,
    skeleton,
    visible,
    visible_line,
)

FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467"
ZALGO = "Z\u0351\u0346\u0302\u0319\u0325\u0353\u0347a"
UNSAFE_CATEGORIES = {"Cc", "Cs", "Co", "Zl", "Zp"}
BIDI = set("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")

# Any code point, surrogates too, and often those that have a rule of their own.
characters = st.one_of(
    st.characters(exclude_categories=()),
    st.sampled_from("aZ09 rnvv1lI|-_.'[]/\t\r\n\x00\x1b\x7f\x85\x9b"),
    st.sampled_from("\u0301\u0327\u20e3\u200b\u200c\u200d\ufe0e\ufe0f\u202e\u2066"),
    st.sampled_from("\u00ad\u3164\ufeff\u034f\U000e0041"),
    st.sampled_from("\u2764\u263a\U0001f468\U0001f525\U0001f3fd\U0001f1eb\ud83d\ue000\ufffe☑"),
    st.sampled_from("aаαӏоνНΝéßŁøﬁİıſЙабвδ語ロ口ーㅡ한ㅣابیيकर्\u093f\u0bcd"),
)
strings = st.text(characters)


def fault_of(raw: str) -> object:
    with pytest.raises(BadName) as caught:
        clean_name(raw)
    return caught.value.fields["why"]


def cleaned(raw: str) -> tuple[str | None, object]:
    """The clean name and None, or None and the fault; anything else that is raised fails the test."""
    try:
        return clean_name(raw), None
    except BadName as bad:
        return None, bad.fields["why"]


# --- names --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("raw", "name"),
    [
        ("alice", "alice"),
        ("  Alice\n", "Alice"),
        ("\u00a0alice\u3000", "alice"),
        ("Jean Luc", "Jean-Luc"),
        ("Jean \t\u2003 Luc", "Jean-Luc"),
        ("o'neil_2.0-x", "o'neil_2.0-x"),
        ("l\u2019ami", "l'ami"),
        ("e\u0301lodie", "élodie"),
        ("ﬁﬁ\uff21", "fifiA"),
        ("x²", "x2"),
        ("7", "7"),
        ("a" * 24, "a" * 24),
        ("\ufb01" * 12, "fi" * 12),
        ("Łukasz", "Łukasz"),
        ("Нина", "Нина"),
        ("Νίκος", "Νίκος"),
        ("Ցոլակ", "Ցոլակ"),
        ("ᏣᎳᎩ", "ᏣᎳᎩ"),
        ("دریا", "دریا"),
        ("שָׁלוֹם", normalize("NFKC", "שָׁלוֹם")),
        ("कृष्ण", "कृष्ण"),
        ("น้ำ", normalize("NFKC", "น้ำ")),
        ("山田たろうＸ", "山田たろうX"),
        ("ラーメン太郎bob", "ラーメン太郎bob"),
        ("らーめん", "らーめん"),
        ("王ㄅㄆ", "王ㄅㄆ"),
        ("김bob金", "김bob金"),
        ("\u2764\ufe0f", "\u2764"),
        ("anna\u2764\ufe0f", "anna\u2764"),
        ("1\ufe0f\u20e3", "1\u20e3"),
        ("\U0001f44d\U0001f3fd", "\U0001f44d\U0001f3fd"),
        ("\U0001f1eb\U0001f1f7", "\U0001f1eb\U0001f1f7"),
        ("☺.Нина", "☺.Нина"),
    ],
)
def test_names_that_can_be_used(raw: str, name: str) -> None:
    assert clean_name(raw) == name


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        ("", text.EMPTY),
        (" \t\r\n\u3000", text.EMPTY),
        ("a" * 25, text.TOO_LONG),
        ("\ufb01" * 13, text.TOO_LONG),
        ("\ufdfa\ufdfa", text.TOO_LONG),
        ("a" * 1_000_000, text.TOO_LONG),
        ("[/oops]", text.FOREIGN),
        ("a/b", text.FOREIGN),
        ("a@b", text.FOREIGN),
        ("a\u2192b", text.FOREIGN),
        ("a\u2502b", text.FOREIGN),
        ("\u2588\u2588", text.FOREIGN),
        ("\u2800", text.FOREIGN),
        ("\u241b", text.FOREIGN),
        ("\ufffc", text.FOREIGN),
        ("€", text.FOREIGN),
        ("a\U0001f3fd", text.FOREIGN),
        ("\U0001f3fd", text.FOREIGN),
        ("\U0001f44d\U0001f3fd\U0001f3fd", text.FOREIGN),
        ("...", text.BARE),
        ("-_-", text.BARE),
        ("\x1b[31mred", text.UNSEEN),
        ("a\x00b", text.UNSEEN),
        ("a\x1fb", text.UNSEEN),
        ("a\x9bb", text.UNSEEN),
        ("a\u202eb", text.UNSEEN),
        ("a\u2066b", text.UNSEEN),
        ("a\u200bb", text.UNSEEN),
        ("a\u200db", text.UNSEEN),
        ("a\ufe0f", text.UNSEEN),
        (FAMILY, text.UNSEEN),
        ("a\u00adb", text.UNSEEN),
        ("a\u2028b", text.UNSEEN),
        ("\u3164", text.UNSEEN),
        ("a\u115fb", text.UNSEEN),
        ("a\ue000b", text.UNSEEN),
        ("a\ud800b", text.UNSEEN),
        ("a\u0378b", text.UNSEEN),
        ("a\U000e0041", text.UNSEEN),
        ("\u0301a", text.ACCENTS),
        (" \u0301a", text.ACCENTS),
        ("-\u0301a", text.ACCENTS),
        ("q\u0301\u0302\u0303", text.ACCENTS),
        (ZALGO, text.ACCENTS),
        ("alice✓", text.OURS),
        ("alice\u2714\ufe0f", text.OURS),
        ("\U0001f512bob", text.OURS),
        ("раураl", text.MIXED),
        ("pаypal", text.MIXED),
        ("Νikos", text.MIXED),
        ("한たろう", text.MIXED),
        ("ㄅか", text.MIXED),
        ("Нина語", text.MIXED),
        ("aک", text.MIXED),
        ("bob\u0661", text.MIXED),
        ("ⲀⲚⲚⲀ", text.ALPHABET),
        ("ꓐꓳꓐ", text.ALPHABET),
        ("a\ua4f3", text.ALPHABET),
        ("a\u02c8", text.ALPHABET),
    ],
)
def test_names_that_cannot(raw: str, why: str) -> None:
    assert fault_of(raw) == why
    assert why in text.NAME_FAULTS


def test_the_fault_stands_in_the_sentence() -> None:
    with pytest.raises(BadName, match="it mixes alphabets"):
        clean_name("раураl")
    assert str(text.MAX_NAME) in text.TOO_LONG


@given(strings)
@example("\u2764\ufe0f\u0301")
@example("a\u3000\u3000b")
def test_a_clean_name_is_clean(raw: str) -> None:
    name, why = cleaned(raw)
    if name is None:
        assert why in text.NAME_FAULTS
        return
    assert clean_name(name) == name
    assert 1 <= len(name) <= text.MAX_NAME
    assert visible_line(name) == name
    assert not {unicodedata.category(char) for char in name} & {*UNSAFE_CATEGORIES, "Cf", "Cn", "Zs"}


# --- names that look alike ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "names",
    [
        ("alice", "Alice", "ALICE", "a1ice", "aIice", "àlïcé", "alicе", "аlісе"),
        ("alice", "al.ice", "al'ice", "alice-", "_alice"),
        ("bob", "B0B", "bοb", "ВОВ", "🅱🅾🅱", "\U0001f1e7\U0001f1f4\U0001f1e7", "b𝐨b", "bøb", "Ᏼob"),
        ("bob-2", "bob_2", "bob--2", "bob-②"),
        ("modern", "rnodem", "МODERN"),
        ("wanda", "vvanda", "ԝanda"),
        ("paypal", "раураӏ", "PAYPAL", "ρaypal"),
        ("NINA", "ΝΙΝΑ", "nina"),
        ("TONY", "ΤΟΝΥ"),
        ("hanna", "ΗΑΝΝΑ", "НАNNА"),
        ("ГОР", "ΓΟΡ"),
        ("ЙОД", "йод", "иод"),
        ("Straße", "STRASSE", "strasse"),
        ("łódź", "lodz"),
        ("қазақ", "казак"),
        ("محمد", "محـمد", "مُحَمَّد"),
        ("علی", "علي"),
        ("カロ", "力口"),
        ("bob一2", "bob-2", "bobー2"),
        ("a1", "a\u0967", "al"),
        ("\U0001f44d", "\U0001f44d\U0001f3fd"),
        ("Ꭰ", "D"),
        ("օղ", "on"),
    ],
)  # fmt: skip
def test_names_that_look_alike(names: tuple[str, ...]) -> None:
    assert len({skeleton(name) for name in names}) == 1


@pytest.mark.parametrize(
    "names",
    [
        ("bob", "bob-2", "bob-3", "bob2", "bob-z", "rob", "bobo"),
        ("agent5", "agents", "agent8", "agentb"),
        ("clara", "dara"),
        ("nick", "hick"),
        ("राम", "रीमा", "रमा"),
        ("ดำ", "ดี"),
        ("소희", "수희"),
        ("한", "하", "허"),
        ("그", "ᄀ"),
        ("\U0001f44d", "\U0001f44e"),
        ("Λίνα", "Δίνα"),
    ],
)
def test_names_that_do_not(names: tuple[str, ...]) -> None:
    assert len({skeleton(name) for name in names}) == len(names)


@given(strings)
@example("ҊҊ")
@example("\u1e9c")
@example("r.n-\u200b-vv_v")
def test_a_skeleton_is_its_own_skeleton(raw: str) -> None:
    assert skeleton(skeleton(raw)) == skeleton(raw)


@given(strings)
def test_the_normal_form_makes_no_difference(raw: str) -> None:
    assert skeleton(normalize("NFD", raw)) == skeleton(raw) == skeleton(normalize("NFKC", raw))


@given(st.text(st.characters(codec="ascii")))
def test_case_and_what_is_unseen_make_no_difference(raw: str) -> None:
    assert skeleton(raw.swapcase()) == skeleton(raw) == skeleton("\u200b".join(raw))


def test_every_entry_of_the_table_is_found() -> None:
    """An entry that case folding or decomposition changes first would never be looked up."""
    for char, look in text._LOOKS.items():
        assert skeleton(f"x{char}x") == skeleton(f"x{look}x"), char


# --- numbers behind names -----------------------------------------------------------------------------------


def test_a_free_name_gets_no_number() -> None:
    assert numbered_name("bob", set()) == "bob"
    assert numbered_name("bob", {skeleton("rob"), skeleton("bob-2")}) == "bob"


def test_the_first_free_number_is_taken() -> None:
    assert numbered_name("bob", {skeleton("B0b")}) == "bob-2"
    assert numbered_name("bob", {"bob", "bob-2", "bob-4"}) == "bob-3"
    assert numbered_name("bob-2", {"bob-2"}) == "bob-2-2"


def test_a_long_name_is_shortened() -> None:
    long = "a" * 24
    assert numbered_name(long, {skeleton(long)}) == "a" * 22 + "-2"
    taken = {skeleton(long)} | {skeleton("a" * 22 + f"-{number}") for number in range(2, 10)}
    assert numbered_name(long, taken) == "a" * 21 + "-10"


def test_no_two_signs_stand_before_the_number() -> None:
    name = "a" * 21 + "-bb"
    assert numbered_name(name, {skeleton(name)}) == "a" * 21 + "-2"


def test_twenty_of_one_name_all_differ() -> None:
    taken: dict[str, str] = {}
    for _ in range(20):
        name = numbered_name("l0l", taken)
        taken[skeleton(name)] = name
    assert len(taken) == 20
    assert taken[skeleton("l0l-20")] == "l0l-20"


@given(st.text(characters, min_size=1, max_size=30), st.integers(0, 12))
def test_a_numbered_name_is_free_and_clean(raw: str, others: int) -> None:
    name, _ = cleaned(raw)
    if name is None:
        return
    taken: set[str] = set()
    for _ in range(others + 1):
        numbered = numbered_name(name, taken)
        assert skeleton(numbered) not in taken
        assert clean_name(numbered) == numbered
        taken.add(skeleton(numbered))


# --- text ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "said",
    [
        "",
        "plain text, [/oops] and [b]markup[/b]",
        "Où ça ? « Là-bas » — 10 €",
        "two\nlines\n",
        "Ελληνικά кириллица 日本語、テキスト。 한국어 ไทย कृष्ण עִבְרִית العربية",
        "e\u0301 a\u0301\u0302\u0303\u0304",
        "\U0001f600\U0001f600\U0001f600\U0001f600\U0001f600\U0001f600",
        FAMILY,
        "\u2764\ufe0f\u200d\U0001f525 \U0001f3f3\ufe0f\u200d\U0001f308",
        "\U0001f469\U0001f3fd\u200d\U0001f4bb \U0001f937\u200d\u2640\ufe0f",
        "1\ufe0f\u20e3 #\ufe0f\u20e3 \u2764\ufe0e \U0001f1eb\U0001f1f7",
        "می\u200cخواهم",
        "क्\u200dष क्\u200cष",
        "র\u200d\u09cd\u09af",
        "\u2400 ‹U+202E›",
        "no-break\u00a0and\u3000wide spaces",
        "\ufffd",
    ],
)  # fmt: skip
def test_what_is_harmless_comes_back(said: str) -> None:
    assert visible(said) == said


def test_ordinary_text_is_not_even_copied() -> None:
    said = "an ordinary line\nand another"
    assert visible(said) is said


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("\x1b[2J\x1b]0;title\x07", "␛[2J␛]0;title␇"),
        ("\x00\x08\x0b\x0c\x1f\x7f", "␀␈␋␌␟␡"),
        ("a\tb", "a    b"),
        ("a\r\nb\rc\nd\n\r", "a\nb\nc\nd\n\n"),
        ("\x9b31m\x85", "‹U+009B›31m‹U+0085›"),
        ("evil\u202egnp.exe", "evil‹U+202E›gnp.exe"),
        ("\u2066a\u2069\u200e\u200f\u061c", "‹U+2066›a‹U+2069›‹U+200E›‹U+200F›‹U+061C›"),
        ("a\u200bb\u00adc\u2060\ufeff", "a‹U+200B›b‹U+00AD›c‹U+2060›‹U+FEFF›"),
        ("\u3164\u115f\u034f", "‹U+3164›‹U+115F›‹U+034F›"),
        ("a\u2028b\u2029c", "a‹U+2028›b‹U+2029›c"),
        ("\ud83d\ude00", "‹U+D83D›‹U+DE00›"),
        ("\ue0b0\U000f0000\U00100000", "‹U+E0B0›‹U+F0000›‹U+100000›"),
        ("\ufffe\U0001ffff\ufdd0\ufff9", "‹U+FFFE›‹U+1FFFF›‹U+FDD0›‹U+FFF9›"),
        ("\U0001f3f4\U000e0067\U000e007f", "\U0001f3f4‹U+E0067›‹U+E007F›"),
        ("a\u200db", "a‹U+200D›b"),
        ("ab\u200c", "ab‹U+200C›"),
        ("\u200d\ufe0f", "‹U+200D›‹U+FE0F›"),
        ("می\u200c", "می‹U+200C›"),
        ("\u06f1\u200c\u06f2", "\u06f1‹U+200C›\u06f2"),
        ("م\u200d\u200dم", "م‹U+200D›‹U+200D›م"),
        ("\U0001f468\u200d", "\U0001f468‹U+200D›"),
        ("\U0001f468\u200d\u200d\U0001f469", "\U0001f468‹U+200D›‹U+200D›\U0001f469"),
        ("\U0001f468\u200c\U0001f469", "\U0001f468‹U+200C›\U0001f469"),
        ("a\ufe0f\u200d\U0001f469", "a‹U+FE0F›‹U+200D›\U0001f469"),
        ("\u2764\ufe0f\ufe0f", "\u2764\ufe0f‹U+FE0F›"),
        ("1\ufe0f", "1‹U+FE0F›"),
        ("a\ufe00", "a‹U+FE00›"),
        (ZALGO, "Z\u0351\u0346\u0302\u0319‹…›a"),
        ("x" + "\u0301" * 1000 + "y", "x\u0301\u0301\u0301\u0301‹…›y"),
        ("♥" + "\u0301" * 5 + "…" + "\u0301" * 5, "♥\u0301\u0301\u0301\u0301‹…›…\u0301\u0301\u0301\u0301‹…›"),
        ("[/oops]\x1b", "[/oops]␛"),
    ],
)  # fmt: skip
def test_what_hides_is_shown(said: str, shown: str) -> None:
    assert visible(said) == shown


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("one line", "one line"),
        ("a\nb\r\nc\rd", "a ⏎ b ⏎ c ⏎ d"),
        ("a\tb", "a b"),
        ("\n\x1b\u202e", " ⏎ ␛‹U+202E›"),
        ("a\u2028b\x85", "a‹U+2028›b‹U+0085›"),
    ],
)
def test_one_line(said: str, shown: str) -> None:
    assert visible_line(said) == shown


@given(strings, st.booleans())
@example("क" + "\u094d" * 5 + "\u200dक", False)
@example("\u2764\ufe0f\u0301\u0301\u0301\u0301\u200d\U0001f525", False)
def test_nothing_that_hides_comes_through(said: str, one_line: bool) -> None:
    show = visible_line if one_line else visible
    shown = show(said)
    bare = shown if one_line else shown.replace("\n", "")
    assert not {unicodedata.category(char) for char in bare} & UNSAFE_CATEGORIES
    assert not BIDI & set(shown)
    assert not re.search("[\u200b\u2060-\u206f\u00ad\u3164\ufeff\u034f\U000e0000-\U000e0fff]", shown)
    marks = "".join("M" if unicodedata.category(char)[0] == "M" else "." for char in shown)
    assert "MMMMM" not in marks
    shown.encode()
    assert show(shown) == shown


@given(strings)
def test_what_was_seen_is_not_lost(said: str) -> None:
    """Letters, digits, punctuation and symbols are all there, in their order."""
    seen = [char for char in said if unicodedata.category(char)[0] in "LNPS" and not text._UNSEEN.match(char)]
    left = iter(visible(said))
    assert all(char in left for char in seen)


def test_a_million_characters_are_no_trouble() -> None:
    for piece in ("a", "\u0301", "\u200d", "\U0001f468\u200d", "☺", "\x1b", "\r\n"):
        assert visible(piece * (1_000_000 // len(piece)))


# --- names of files -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("part", "name"),
    [
        ("report.pdf", "report.pdf"),
        ("Été à Paris (1).tar.gz", "Été à Paris (1).tar.gz"),
        ("e\u0301te\u0301.txt", "été.txt"),
        ("", "file"),
        (".", "file"),
        ("..", "file"),
        (" . . ", "file"),
        ("/", "_"),
        ("../../etc/passwd", "__.._etc_passwd"),
        ("..\\..\\up", "__.._up"),
        ("C:\\x", "C__x"),
        ("a:stream", "a_stream"),
        ('a<b>c"d|e?f*g', "a_b_c_d_e_f_g"),
        (".bashrc", "_bashrc"),
        ("... a", "_a"),
        ("a.", "a"),
        ("a. . ", "a"),
        ("  a   b\t\nc\u3000", "a b c"),
        ("invoice.pdf" + " " * 100 + ".exe", "invoice.pdf .exe"),
        ("a\0b\x1b[2J\x7f\x9b", "a_b_[2J__"),
        ("evil\u202egnp.exe", "evil_gnp.exe"),
        ("a\u200bb\u2066c\ufeff\U000e0041", "a_b_c__"),
        ("\ud800\ue000\uffff", "___"),
        ("a\u200db", "a_b"),
        ("می\u200cخواهم.txt", "می\u200cخواهم.txt"),
        (FAMILY + ".png", FAMILY + ".png"),
        ("\u2764\ufe0f", "\u2764\ufe0f"),
        ("[/oops]", "[_oops]"),
        ("con", "_con"),
        ("NUL.tar.gz", "_NUL.tar.gz"),
        ("aux .txt", "_aux .txt"),
        ("COM1", "_COM1"),
        ("lpt³.x", "_lpt³.x"),
        ("CONIN$", "_CONIN$"),
        ("console", "console"),
        ("com10", "com10"),
        ("a.part", "a_part"),
        ("a.PART.json", "a_PART.json"),
        (".part", "_part"),
        ("a.part.part", "a.part_part"),
        ("a.party", "a.party"),
        ("a.part.txt", "a.part.txt"),
        ("x" * 10_000, "x" * 245),
        ("x" * 10_000 + ".tar.gz", "x" * 238 + ".tar.gz"),
        ("é" * 300 + ".pdf", "é" * 120 + ".pdf"),
        ("x." + "y" * 300, ("x." + "y" * 300)[:245]),
        ("x" * 250 + "." * 300 + "y", "x" * 243 + ".y"),
        ("x" * 240 + ".part" + "y" * 20, "x" * 240 + "_part"),
        ("x" * 235 + ".part" + "y" * 20 + ".json", "x" * 235 + "_part.json"),
        ("x" * 239 + FAMILY + "y" * 20, "x" * 239 + "\U0001f468"),
    ],
)  # fmt: skip
def test_file_names(part: str, name: str) -> None:
    assert clean_file_name(part) == name


parts_of_paths = st.one_of(
    strings,
    st.text(st.sampled_from("./\\ a:\u202e\0~\u200d\u0301"), max_size=30),
    st.builds(
        "".join,
        st.lists(
            st.sampled_from(
                ["con", "NUL", "lpt1", ".part", ".json", ".", " ", "x" * 120, "é" * 115, "👨", "\u200d", "\ufe0f"]
            ),
            max_size=6,
        ),
    ),
)
DEVICES = {"con", "prn", "aux", "nul", "clock$", "conin$", "conout$"}
DEVICES |= {f"{port}{number}" for port in ("com", "lpt") for number in "0123456789¹²³"}


@given(parts_of_paths, st.integers(1, 99_999))
@example("a\u200d\u0301.", 2)
def test_any_part_of_a_path_becomes_a_name_that_can_be_written(part: str, number: int) -> None:
    clean = clean_file_name(part)
    for name in (clean, numbered_file_name(clean, number)):
        assert 1 <= len(name.encode()) <= 245
        assert not re.search(r'[/\\:*?"<>|\x00-\x1f\x7f-\x9f]', name)
        assert not {unicodedata.category(char) for char in name} & UNSAFE_CATEGORIES
        assert not BIDI & set(name)
        assert name[0] not in ". "
        assert name[-1] not in ". "
        assert name.partition(".")[0].rstrip().lower() not in DEVICES
        assert not name.lower().endswith((".part", ".part.json"))
        assert normalize("NFC", name) == name
        assert clean_file_name(name) == name
        assert "‹" in name or "‹U+" not in visible(name)


@pytest.mark.parametrize(
    ("name", "number", "numbered"),
    [
        ("a.txt", 1, "a.txt"),
        ("a.txt", 2, "a (2).txt"),
        ("a.tar.gz", 12, "a (12).tar.gz"),
        ("a", 3, "a (3)"),
        ("a .txt", 2, "a (2).txt"),
        ("x" * 245, 2, "x" * 235 + " (2)"),
        ("x" * 241 + ".txt", 99_999, "x" * 231 + " (99999).txt"),
    ],
)
def test_numbered_file_names(name: str, number: int, numbered: str) -> None:
    assert numbered_file_name(name, number) == numbered


@given(parts_of_paths, st.integers(1, 200), st.integers(1, 200))
def test_another_number_is_another_name(part: str, one: int, other: int) -> None:
    name = clean_file_name(part)
    keys = [file_key(numbered_file_name(name, number)) for number in (one, other)]
    assert (keys[0] == keys[1]) == (one == other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("a", "A"), ("é", "e\u0301"), ("É", "e\u0301"), ("ß", "SS"), ("ſ", "s"), ("K", "k"), ("ﬁ", "FI"), ("ı", "I"),
        ("a\u200db", "ab"),
    ],
)  # fmt: skip
def test_names_that_some_file_system_takes_for_one(one: str, other: str) -> None:
    assert file_key(one) == file_key(other)


@given(strings)
def test_case_and_composition_make_no_key(name: str) -> None:
    for form in ("NFC", "NFD"):
        assert file_key(normalize(form, name)) == file_key(name)
    for folded in (name.upper(), name.lower(), name.casefold()):
        assert file_key(folded) == file_key(name) or "İ" in name or "\u0130" in normalize("NFC", name)


def test_long_names_take_no_time() -> None:
    assert len(clean_file_name("a" + "\u0301\u0323" * 5_000_000)) < 300
