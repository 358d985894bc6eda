"""The one gate for names and text that come from outside: the network, a file, the command line.

- `clean_name` says which names may be used, `skeleton` which of them look alike, `numbered_name` finds a
  free one;
- `visible` makes a text of somebody else harmless for a terminal without hiding that something was there;
- `clean_file_name` makes a name that can be written, on any system, of one part of somebody else's path.

Nothing here makes markup of anything; the screens show what comes out as literal text. Properties of
characters are those of Python's `unicodedata`, so an older Python refuses names with characters that are
newer than itself.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection
from functools import lru_cache
from string import ascii_lowercase
from typing import Final

from usi.core.errors import BadName

MAX_NAME: Final = 24
"""Code points in a name, after NFKC."""

# Why a name is refused: field `why` of `BadName`, and the keys under which a translation is found.
EMPTY: Final = "it is empty"
TOO_LONG: Final = "it is longer than 24 characters"
UNSEEN: Final = "it contains a control or invisible character"
FOREIGN: Final = "only letters, digits, emoji and - _ . ' may stand in it"
OURS: Final = "it contains a sign that this program uses itself"
BARE: Final = "it has no letter, digit or emoji"
ACCENTS: Final = "an accent stands alone, or too many stand together"
ALPHABET: Final = "it is written in an alphabet that names cannot use"
MIXED: Final = "it mixes alphabets"
NAME_FAULTS: Final = (EMPTY, TOO_LONG, UNSEEN, FOREIGN, OURS, BARE, ACCENTS, ALPHABET, MIXED)

# NFKC makes at most four code points one, and a run of white space counts once. Anything much longer is not
# a name, and is refused before time is spent on it.
_MAX_RAW_NAME = 256
_MAX_ACCENTS = 2  # in a row in a name; Vietnamese and pointed Hebrew need two behind one letter
_MAX_MARKS = 4  # in a row in a text; more is "Zalgo", which paints over the lines above and below

# --- classes of characters, as the inside of a [...] --------------------------------------------------------

# Default_Ignorable_Code_Point of Unicode 15.0 (DerivedCoreProperties.txt): zero width, bidirectional
# controls, variation selectors, fillers, tags and what is kept free for more of them.
_IGNORABLE = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
# What else a terminal must not get as it is: C1, line and paragraph separators, surrogates, private use,
# annotation and hieroglyph format controls, and the code points that are promised never to be characters.
_UNSAFE = (
    "\u0080-\u009f\u2028\u2029\ud800-\uf8ff\ufdd0-\ufdef\ufff9-\ufffb\ufffe\uffff\U00013430-\U0001343f"
    + "".join(f"{chr(plane + 0xFFFE)}{chr(plane + 0xFFFF)}" for plane in range(0x10000, 0xF0000, 0x10000))
    + "\U000f0000-\U0010ffff"
)
# What may stand beside a joiner or a variation selector in an emoji: the blocks that hold emoji.
_PICTURE = (
    "\u00a9\u00ae\u203c\u2049\u2122\u2139\u2190-\u21ff\u2300-\u23ff\u24c2\u25a0-\u27bf\u2934\u2935\u2b00-\u2bff"
    "\u3030\u303d\u3297\u3299\U0001f000-\U0001faff"
)
# Arabic (with Syriac and its other kin) and the Indic scripts: joiners choose between forms of their letters.
_JOINING = "\u0600-\u0dff"

# --- names --------------------------------------------------------------------------------------------------

_SPACES = re.compile("[ \t\r\n\u1680]+")  # after NFKC no other white space is left but controls
_SELECTORS = re.compile(f"(?<=[0-9{_PICTURE}])[\ufe0e\ufe0f]")
_UNSEEN = re.compile(f"[{_IGNORABLE}]")
_PUNCTUATION: Final = "-_.'"
# What keyboards and phones put in the place of two of them.
_TYPED_FOR = str.maketrans({"\u2019": "'", "\u02bb": "'", "\u02bc": "'", "\u2010": "-"})

# Symbols (category So) that a name may have: emoji and other pictures. Left out are arrows, boxes, blocks,
# shapes and control pictures, which could pass for part of the screen, Braille, whose blank is unseen, and
# radicals of Han.
_SYMBOLS = re.compile(
    "[\u00a9\u00ae\u231a\u231b\u2328\u23cf\u23e9-\u23fa\u2600-\u2793\u27b0\u27bf\u2b1b\u2b1c\u2b50\u2b55"
    "\U0001f000-\U0001f77f\U0001f7e0-\U0001f7ff\U0001f900-\U0001faff]"
)
# Marks of trust and warning follow a key and never a name: nobody may write them behind their own. Checks,
# crosses, questions and warnings; locks, keys and shields.
_OUR_SIGNS: Final = frozenset("☑☒⚠✅✓✔✕✖✗✘❌❎❓❔❗🗙🗴🗵🗶🗷🗸🗹🔏🔐🔑🔒🔓🗝🛡")
_SKIN_TONES: Final = "\U0001f3fb\U0001f3fc\U0001f3fd\U0001f3fe\U0001f3ff"

# Scripts in common use today (UAX #31, table 5) and Cherokee, by the first word of their characters' names.
# The others are refused: many (Lisu, Tifinagh, Coptic, Deseret) have letters that look just like Latin ones.
_SCRIPTS: Final = frozenset(
    """
    ARABIC ARMENIAN BENGALI BOPOMOFO CHEROKEE CYRILLIC DEVANAGARI ETHIOPIC GEORGIAN GREEK GUJARATI GURMUKHI
    HAN HANGUL HEBREW HIRAGANA KANNADA KATAKANA KHMER LAO LATIN MALAYALAM MYANMAR ORIYA SINHALA TAMIL TELUGU
    THAANA THAI TIBETAN
    """.split()  # noqa: SIM905
)
_NAMED_OTHERWISE: Final = {
    "CJK": "HAN",
    "IDEOGRAPHIC": "HAN",
    "HANGZHOU": "HAN",
    "HENTAIGANA": "HIRAGANA",
    "ROMAN": "LATIN",
    "EXTENDED": "ARABIC",  # EXTENDED ARABIC-INDIC DIGIT
}
_COMMON: Final = ""
# UTS #39, "highly restrictive": besides one script alone, the mixtures in which Japanese, Chinese and Korean
# are written.
_MIXTURES: Final = (
    frozenset({"LATIN", "HAN", "HIRAGANA", "KATAKANA"}),
    frozenset({"LATIN", "HAN", "BOPOMOFO"}),
    frozenset({"LATIN", "HAN", "HANGUL"}),
)


def _script(char: str) -> str | None:
    """The script of a letter, mark or number; `_COMMON` if it goes with all, `None` if names cannot use it.

    Python has no script property. The first word of a character's name stands for it: compared with
    Scripts.txt, it never gives a letter to another of the scripts above (and refuses a dozen rare ones), and
    unlike a table of ranges it keeps up with Python's own data.
    """
    words = unicodedata.name(char, "").replace("-", " ").split()
    if not words:
        return None
    first, category = words[0], unicodedata.category(char)
    if first == "COMBINING":  # an accent of all scripts, or COMBINING CYRILLIC …
        return words[1] if words[1] in _SCRIPTS else _COMMON
    if first == "DIGIT" or (category == "No" and first in {"CIRCLED", "DINGBAT", "DOUBLE", "NEGATIVE"}):
        return _COMMON
    script = _NAMED_OTHERWISE.get(first, first)
    return script if script in _SCRIPTS else None


def clean_name(raw: str) -> str:
    """The name that is shown for what somebody asked to be called.

    NFKC; outer white space goes, inner white space becomes "-"; variation selectors behind emoji go; the
    apostrophe and the hyphen that keyboards make of ' and - become these. What comes out has 1 to 24 code
    points and comes out again when it is put in. Raises `BadName`, `why` being one of `NAME_FAULTS`. Source:
    protocol section 3 and UTS #39, restriction level "highly restrictive".
    """
    name = raw.strip(" \t\r\n")
    if len(name) > _MAX_RAW_NAME:
        raise BadName(why=TOO_LONG)
    name = unicodedata.normalize("NFKC", name).translate(_TYPED_FOR)
    # Again: without the selectors, neighbours can come together that compose.
    name = unicodedata.normalize("NFKC", _SELECTORS.sub("", name))
    name = _SPACES.sub(lambda run: "-" if run.start() > 0 and run.end() < len(name) else "", name)
    if not name:
        raise BadName(why=EMPTY)
    if len(name) > MAX_NAME:
        raise BadName(why=TOO_LONG)
    _check_characters(name)
    _check_scripts(name)
    return name


def _check_characters(name: str) -> None:
    """Every character by itself and behind its neighbours."""
    bare, accents, before = True, 0, ""  # `before`: the category of the last character that is no accent
    for char in name:
        category = unicodedata.category(char)
        if _UNSEEN.match(char) or category in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}:
            raise BadName(why=UNSEEN)
        if category[0] == "M":
            accents += 1
            if accents > _MAX_ACCENTS or before[:1] not in {"L", "N", "S"}:
                raise BadName(why=ACCENTS)
            continue
        if char in _OUR_SIGNS:
            raise BadName(why=OURS)
        if category[0] in "LN" or (category == "So" and _SYMBOLS.match(char)):
            bare = False
        elif char not in _PUNCTUATION and not (char in _SKIN_TONES and before == "So" and not accents):
            raise BadName(why=FOREIGN)
        before, accents = category, 0
    if bare:
        raise BadName(why=BARE)


def _check_scripts(name: str) -> None:
    scripts = {_script(char) for char in name if unicodedata.category(char)[0] in "LMN"} - {_COMMON}
    if None in scripts:
        raise BadName(why=ALPHABET)
    if len(scripts) > 1 and not any(scripts <= mixture for mixture in _MIXTURES):
        raise BadName(why=MIXED)


# --- names that look alike ----------------------------------------------------------------------------------

_ACCENTS = re.compile("[\u0300-\u036f]")
# Capitals whose small letter looks like another Latin letter than they do: looked up before case is folded.
# The price: case makes a difference to Greek and Armenian names with these (Νίκος, νίκος), and to no others.
_CAPITALS = str.maketrans("ΓΖΗΜΝΥՏ", "rzhmnys")

# A look, then what has it: small letters without accents, in the letter forms of terminals, which keep 2 and
# z, 5 and s, 8 and b, cl and d apart.
_LOOKS_OF: Final = {
    "a": "аαɑᎪ",
    "ae": "æӕ",
    "b": "вьъβᏴᏏ",
    "bl": "ы",
    "c": "сᏟ",
    "d": "ԁᎠᏧ",
    "e": "еєεɛҽᎬ",
    "f": "ғ",
    "g": "ɡցԍᏀᏳ",
    "h": "нһђћհᎻᏂ",
    "j": "јϳյᎫ",
    "k": "кκᏦ",
    "l": "1i|ıǀӏіιɩւוןاᎥᏞ丨ᅵ",
    "m": "мᎷ",
    "n": "пπղոռ",
    "o": "0оοσөѳθɵօסهہە〇ᄋ",
    "oe": "œ",
    "p": "рρþƿᏢ",
    "q": "ԛզգ",
    "r": "гɾᎡᏒ",
    "s": "ѕƽᏕᏚ",
    "t": "тτᎢ",
    "u": "υμʋս",
    "v": "νѵᏙ",
    "w": "шѡωԝաᎳᏔ",
    "x": "хχ",
    "y": "уγүᎩᎽ",
    "z": "Ꮓ",
    "3": "зӡʒȝ",
    "4": "чᏎ",
    "6": "бᏮ",
    "-": "_一ーᅳ",
    "": ".'ـ" + _SKIN_TONES,
    "φ": "ф",
    "ə": "әǝ",
    # The same Arabic letters on Arabic, Persian and Urdu keyboards.
    "ى": "يی",
    "ك": "ک",
    # Katakana, and a letter of Hangul, drawn like Hiragana or Han.
    "へ": "ヘ",
    "二": "ニ",
    "八": "ハ",
    "力": "カ",
    "千": "チ",
    "卜": "ト",
    "口": "ロᄆ",
    "夕": "タ",
    "工": "エ",
}
_LOOKS: Final = {char: look for look, chars in _LOOKS_OF.items() for char in chars}
# Letters in white on black, and the letters that flags are made of.
_LOOKS.update(
    (chr(start + index), _LOOKS.get(letter, letter))
    for start in (0x1F150, 0x1F170, 0x1F1E6)
    for index, letter in enumerate(ascii_lowercase)
)
_VARIANT = re.compile("((?:LATIN|CYRILLIC|GREEK) SMALL LETTER [A-Z ]+?) WITH ")
_SMALL_CAPITAL = re.compile("LATIN LETTER SMALL CAPITAL ([A-Z])$")
_DOUBLES = re.compile("rn|vv|--+")
_DOUBLE_LOOKS: Final = {"rn": "m", "vv": "w"}


def skeleton(name: str) -> str:
    """What the eye keeps of a name: two names with equal skeletons may not be present at once. Idempotent.

    Case, accents, dots and apostrophes are dropped, letters and digits that look alike become one of them
    (0 and o; 1, l and i; rn and m; vv and w), also across alphabets. "-" and "_" are one sign, which counts
    only between two others: `bob` and `bob-2` differ, `al.ice` is `alice` and `bob_` is `bob`. Rather too
    many names are alike than too few: the worst that follows is a number behind one. Not a check: any string
    has a skeleton, the empty one included.
    """
    text = unicodedata.normalize("NFKD", name).translate(_CAPITALS)
    # Twice: folding case can leave composed letters, and some of their parts fold again.
    for _ in range(2):
        text = unicodedata.normalize("NFKD", text.casefold())
    # Composed again without its accents, so that a syllable of Hangul is one character and not its strokes.
    text = unicodedata.normalize("NFC", "".join(char for char in text if not _is_accent(char)))
    text = "".join(map(_look, text))
    return _DOUBLES.sub(lambda found: _DOUBLE_LOOKS.get(found[0], "-"), text).strip("-")


def bare(words: str) -> str:
    """What is compared where somebody looks for words: without case, and without accents, which many do not type."""
    folded = words.casefold()
    return folded if folded.isascii() else _ACCENTS.sub("", unicodedata.normalize("NFD", folded))


@lru_cache(maxsize=4096)
def _is_accent(char: str) -> bool:
    """Something unseen, or a mark that a hurried eye skips: accents, points, enclosing rings.

    Not the vowel signs of the Indic scripts and Thai, which are as visible as letters.
    """
    if unicodedata.category(char)[0] != "M":
        return bool(_UNSEEN.match(char))
    name = unicodedata.name(char, "")
    return bool(_UNSEEN.match(char)) or name.startswith(("COMBINING", "HEBREW", "ARABIC"))


@lru_cache(maxsize=4096)
def _look(char: str) -> str:
    """What one small letter, digit or sign looks like: mostly itself."""
    if char in _LOOKS:
        return _LOOKS[char]
    digit = unicodedata.digit(char, None)
    if digit is not None:
        return _LOOKS.get(str(digit), str(digit))
    # Strokes, hooks and tails are accents that Unicode does not take apart: ø, ł, қ.
    name = unicodedata.name(char, "")
    if found := _VARIANT.match(name):
        base = found[1]
    elif found := _SMALL_CAPITAL.match(name):
        base = f"LATIN SMALL LETTER {found[1]}"
    else:
        return char
    try:
        return skeleton(unicodedata.lookup(base))
    except KeyError:
        return char


def numbered_name(name: str, taken: Collection[str]) -> str:
    """`name` if its skeleton is not in `taken`, a collection of skeletons; else the first free of `name-2` …

    `name` is a clean one. It is shortened where the number would make it longer than 24 code points, so the
    result is a clean name too.
    """
    numbered, number = name, 1
    while skeleton(numbered) in taken:  # ends: another number is another skeleton
        number += 1
        numbered = _with_number(name, f"-{number}")
    return numbered


def is_numbered(name: str, wanted: str) -> bool:
    """Whether `name` is something that `numbered_name` can make of `wanted`."""
    _, dash, number = name.rpartition("-")
    return name == wanted or (number.isdecimal() and name == _with_number(wanted, dash + number))


def _with_number(name: str, tail: str) -> str:
    return name[: MAX_NAME - len(tail)].rstrip(_PUNCTUATION) + tail


# --- text ---------------------------------------------------------------------------------------------------

# Neither letter, digit nor white space. Five in a row may be a pile of marks; a few emoji are five too, and
# only take the slow path. A class of all marks would be a table of 300 ranges.
_SIGN = "[^\\w\\s\u0000-\u02ff]"
_SIGNS = re.compile(f"{_SIGN}{{{_MAX_MARKS + 1},}}")
_HIDDEN_IN_LINES = f"\u0000-\u0009\u000b-\u001f\u007f{_UNSAFE}{_IGNORABLE}"
HIDDEN = re.compile(f"[\u007f{_UNSAFE}{_IGNORABLE}]")
"""Characters that a terminal obeys or does not show, C0 apart; for formats that can escape them."""
_HIDDEN = re.compile(f"[{_HIDDEN_IN_LINES}]")
_ODD_IN_LINES = re.compile(f"[{_HIDDEN_IN_LINES}]|{_SIGN}{{{_MAX_MARKS + 1}}}")
_ODD_IN_LINE = re.compile(f"[\n{_HIDDEN_IN_LINES}]|{_SIGN}{{{_MAX_MARKS + 1}}}")
_NEWLINE = re.compile("\r\n|\r|\n")
_IS_PICTURE = re.compile(f"[{_PICTURE}]")
_IS_JOINING = re.compile(f"[{_JOINING}]")
_ZWNJ, _ZWJ, _VS15, _VS16, _KEYCAP = "\u200c", "\u200d", "\ufe0e", "\ufe0f", "\u20e3"
_JOINERS: Final = _ZWNJ + _ZWJ + _VS15 + _VS16


def visible(text: str) -> str:
    """Somebody else's text, safe to show on a terminal: what hid is shown, and nothing that was seen is lost.

    - C0 controls and DEL become their pictures (␛, ␡), a tab four spaces, every kind of newline "\\n".
    - C1 and bidirectional controls, zero-width and other ignorable characters, tags, surrogates, private use
      and noncharacters become their number: ‹U+202E›. Kept are joiners and variation selectors inside an
      emoji, and joiners between two letters of Arabic or an Indic script.
    - Of more than four combining marks in a row four stay, with ‹…› behind them.

    A text without any of these comes back as it is, after one search. What comes out comes out again when it
    is put in. `[` stays what it is: never give the result to a markup parser.
    """
    return _visible(text, "\n", "    ") if _ODD_IN_LINES.search(text) else text


def visible_line(text: str) -> str:
    """The same on one line: a newline is " ⏎ ", a tab one space."""
    return _visible(text, " ⏎ ", " ") if _ODD_IN_LINE.search(text) else text


def _visible(text: str, newline: str, tab: str) -> str:
    text = _SIGNS.sub(_cut_piles, text)
    text = _NEWLINE.sub(newline, text)
    return _HIDDEN.sub(_shown, text.replace("\t", tab))


def _cut_piles(found: re.Match[str]) -> str:
    """A run of signs, its piles of marks cut down to `_MAX_MARKS`."""
    kept: list[str] = []
    marks = 0
    for char in found[0]:
        marks = marks + 1 if unicodedata.category(char)[0] == "M" else 0
        if marks <= _MAX_MARKS:
            kept.append(char)
        elif marks == _MAX_MARKS + 1:
            kept.append("‹…›")
    return "".join(kept)


def _shown(found: re.Match[str]) -> str:
    """What is written for one character that cannot be seen, given what stands around it."""
    char = found[0]
    if char < " ":
        return chr(0x2400 + ord(char))
    if char == "\u007f":
        return "\u2421"
    if _is_useful(found):
        return char
    return f"‹U+{ord(char):04X}›"


def _is_useful(found: re.Match[str]) -> bool:
    """Whether it is a joiner or variation selector that changes what its neighbours look like."""
    char, text, at = found[0], found.string, found.start()
    if char not in _JOINERS:
        return False
    before, behind = text[at - 1 : at], text[at + 1 : at + 2]
    if char in {_VS15, _VS16}:
        keycap = behind == _KEYCAP and re.match("[0-9#*]", before)
        return bool(keycap or _IS_PICTURE.match(before))
    if _is_joining(before) and _is_joining(behind):
        return True
    if before in {_VS15, _VS16}:  # red heart, selector, joiner, flame
        before = text[at - 2 : at - 1]
    return char == _ZWJ and bool(_IS_PICTURE.match(before) and _IS_PICTURE.match(behind))


def _is_joining(char: str) -> bool:
    """Whether `char` is a letter or mark of a script with joiners: the Indic ones stand behind a virama."""
    return bool(_IS_JOINING.match(char)) and unicodedata.category(char)[0] in "LM"


# --- names of files -----------------------------------------------------------------------------------------

_MAX_FILE_NAME = 245  # bytes of UTF-8: file systems take 255, and an unfinished file has ".part.json" beside it
_NUMBER_ROOM = 10  # bytes for " (99999)" and more, the same for every number
_MAX_RAW_FILE_NAME = 512  # code points looked at: no file system has longer names, and putting accents in order is slow
_ODD_IN_FILES = re.compile(f'[/\\\\:*?"<>|{_HIDDEN_IN_LINES}]')
_WHITE = re.compile(r"\s+")
_DEVICE = re.compile(r"(?:con|prn|aux|nul|clock\$|conin\$|conout\$|(?:com|lpt)[0-9¹²³]) *(?:\.|$)", re.IGNORECASE)
_ENDING = re.compile(r"(?:\.tar)?\.[^. ]{1,16}$")
_UNFINISHED = re.compile(r"\.(part(?:\.json)?)$", re.IGNORECASE)


def clean_file_name(part: str) -> str:
    """The name under which a file or folder is written, for one part of a path that somebody else gave.

    One name and never a path: separators, what Windows forbids, controls, bidirectional and invisible characters
    become "_" (joiners stay where `visible` keeps them), and so do leading dots; white space becomes single blanks,
    none and no dot at the end. No device of Windows, never the name of an unfinished file (`.part`), composed (NFC),
    1 to 245 bytes of UTF-8 with its ending kept; "file" where nothing is left. What comes out comes out again.
    """
    if len(part) > _MAX_RAW_FILE_NAME:
        part = part[: _MAX_RAW_FILE_NAME - 64] + part[-64:]
    name = _WHITE.sub(" ", unicodedata.normalize("NFC", part))
    name = _ODD_IN_FILES.sub(lambda odd: odd[0] if _is_useful(odd) else "_", name)
    name = name.strip(" ").rstrip(" .")
    if name.startswith("."):
        name = "_" + name.lstrip(" .")
    if _DEVICE.match(name):
        name = "_" + name
    # Last, because what is cut can end in anything.
    return _UNFINISHED.sub(r"_\1", _cut(name, _MAX_FILE_NAME)) or "file"


def numbered_file_name(name: str, number: int) -> str:
    """`name`, a clean one, for the file that is the `number`th of that name: `report (2).pdf`; 1 is `name` itself.

    Room is made for five digits whatever the number is, so two names that are cut alike are alike for all numbers.
    """
    if number == 1:
        return name
    ending = _ending(name)
    stem = _cut(name[: len(name) - len(ending)], _MAX_FILE_NAME - _NUMBER_ROOM - len(ending.encode()))
    return f"{stem.rstrip(' .')} ({number}){ending}"


def file_key(name: str) -> str:
    """Equal for any two names that some file system takes for one: case, accents and the unseen make no difference."""
    if name.isascii():
        return name.lower()
    name = unicodedata.normalize("NFKD", _UNSEEN.sub("", name))
    return unicodedata.normalize("NFKD", name.upper().casefold())


def _ending(name: str) -> str:
    found = _ENDING.search(name, 1)
    return found[0] if found else ""


def _cut(name: str, size: int) -> str:
    """`name` in at most `size` bytes of UTF-8, shortened before its ending."""
    if len(name.encode()) <= size:
        return name
    ending = _ending(name)
    stem = name[: len(name) - len(ending)].encode()[: size - len(ending.encode())].decode(errors="ignore")
    return stem.rstrip(f" .{_JOINERS}") + ending
