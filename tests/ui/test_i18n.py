"""Both languages: which one is chosen, that the catalogue is whole, and that nothing is said in the other one."""

from __future__ import annotations

import gettext
import io
import json
import os
import re
import string
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from translations import catalogue
from translations.collect import SYSTEM, collect, search
from usi import cli
from usi.core import commands, errors, language, text
from usi.core import events as ev
from usi.core.language import labelled, tr
from usi.ui import community, i18n
from usi.ui.rendering import to_json, to_plain

ROOT = Path(__file__).parents[2]
NOW = datetime(2026, 3, 1, 12, 34, 56, tzinfo=UTC)
NBSP = "\u00a0"

COLLECTED = collect()
FRENCH = catalogue.texts_of("fr")
TEXTS = {str(message.id): str(message.string) for message in FRENCH if message.id}

WITH_KEY = """
import runpy, sys
from pathlib import Path
from usi.core.crypto import PrivateKey
key, sys.argv = PrivateKey.from_pem(Path(sys.argv[1]).read_bytes()), sys.argv[2:]
PrivateKey.generate = classmethod(lambda cls: key)
runpy.run_path(sys.argv[0], run_name="__main__")
"""
"""Runs `usi.py` with a ready key: making one costs up to seconds."""


@pytest.fixture(autouse=True)
def english_again() -> Iterator[None]:
    yield
    language.install(None)


@pytest.fixture
def french() -> None:
    i18n.speak("fr")


def usi(*arguments: str, lines: str = "", **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the real program to its end, with these lines as input and these variables."""
    gone = {"LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG"}
    environment = {name: value for name, value in os.environ.items() if name not in gone}
    return subprocess.run(
        [sys.executable, "-c", WITH_KEY, str(ROOT / "tests" / "keys" / "host.pem"), "usi.py", *arguments],
        cwd=ROOT,
        env={**environment, "PYTHONIOENCODING": "utf-8", **variables},
        input=lines,
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )


# --- the catalogue ---------------------------------------------------------------------------------------------------


def test_the_collector_finds_texts_of_every_kind() -> None:
    for sentence in (
        "There is nobody called {name} here. /users lists who is.",  # the docstring of an error
        "The host sent a notice that this version does not know.",  # a table of the core
        "it does not speak USI",  # a table of the net
        "it mixes alphabets",  # a constant
        "who is here, with fingerprints",  # a command's summary
        "[NAME] [yes|no]",  # what a command takes
        "/users",  # a command's name
        "{name} joined",  # tr
        "connection lost",  # mark
        "it refused the connection",
        "it is not allowed",  # why=
        "a message for the host",  # what=
        "show every step of the cryptography",
        "expected one argument",  # argparse
    ):
        assert sentence in COLLECTED


def test_the_collector_reads_source_as_it_should(tmp_path: Path) -> None:
    (tmp_path / "module.py").write_text(
        """
class Cut(PeerError):
    '''It was {how}
    cut.'''
class Other(Cut):
    '''Another.'''
class Left(Message):
    '''No error.'''
tr("a" "b")
language.tr("c", name=1)
mark("d")
tr("e" if x else "f")
Wrong(why="g", what="h" if x else None, who="not this")
Binding("f1", "help", "i", tooltip="j", id="not this")
Wrong(why=x or "k")
tr(variable)
tr(f"{put} together")
mark("put" + "together")
Wrong(why=f"{put} together")
Wrong(why=tr("l"))
Wrong(why=call(f"{x}"))
""",
        "utf-8",
    )
    (tmp_path / "errors.py").write_text("class UsiError(Exception):\n    'R'\nclass PeerError(UsiError):\n    'S'\n")
    found = search(tmp_path)
    assert set(found.texts) == {"It was {how} cut.", "Another.", "ab", *"cdefghijklRS"}
    assert [code for _, code in found.computed] == ["variable"]
    assert [code for _, code in found.unfindable] == ["f'{put} together'", "'put' + 'together'", "f'{put} together'"]


def test_every_text_is_a_template_that_can_be_found() -> None:
    assert [f"{place.file}:{place.line} {code}" for place, code in search().unfindable] == []


def test_the_template_has_all_texts_and_no_others() -> None:
    template = catalogue.read_po(io.BytesIO(catalogue.TEMPLATE.read_bytes()))
    listed = {str(message.id) for message in template if message.id}
    assert listed == COLLECTED.keys(), "run python -m translations"


def test_every_text_is_in_french() -> None:
    assert TEXTS.keys() == COLLECTED.keys(), "run python -m translations"
    assert [text for text, said in TEXTS.items() if not said] == []
    assert [message.id for message in FRENCH if message.id and message.fuzzy] == []


def test_what_the_program_loads_is_what_was_written() -> None:
    with (catalogue.folder_of("fr") / "usi.mo").open("rb") as file:
        loaded = gettext.GNUTranslations(file)
    for sentence, said in TEXTS.items():
        assert loaded.gettext(sentence) == said, "run python -m translations"
    header = {""}  # names the version of babel
    assert vars(loaded)["_catalog"].keys() - header == TEXTS.keys(), "run python -m translations"


def test_bringing_up_to_date_what_is_changes_nothing() -> None:
    template = catalogue.template_of(COLLECTED)
    assert catalogue.as_text(template) == catalogue.TEMPLATE.read_bytes(), "run python -m translations"
    written = (catalogue.folder_of("fr") / "usi.po").read_bytes()
    assert catalogue.as_text(catalogue.merged("fr", template)) == written, "run python -m translations"


def test_a_new_text_is_empty_and_one_that_is_gone_is_gone() -> None:
    template = catalogue.template_of({"Usage: {usage}": {"a.py"}, "zzz": {"b.py"}})
    catalog = catalogue.merged("fr", template)
    assert {message.id: message.string or "" for message in catalog if message.id} == {
        "Usage: {usage}": f"Utilisation{NBSP}: {{usage}}",
        "zzz": "",
    }
    assert gettext.GNUTranslations(io.BytesIO(catalogue.compiled(catalog))).gettext("zzz") == "zzz"
    assert b"POT-Creation-Date" not in catalogue.as_text(catalog)  # nothing that changes by itself


def fields_of(template: str) -> set[str]:
    """The fields of a template, those of `%` included."""
    percent = set(re.findall(r"%(?:\(\w+\))?[a-z]", template))
    if not re.search(r"{\w", template):
        return percent
    return {field for _, field, _, _ in string.Formatter().parse(template) if field is not None} | percent


# Each says what is wrong where it is found in a French text, the fields and what stands in brackets left out.
FAULTS = {
    "a no-break space stands before : ; ? »": r"(?:^|[^\u00a0])[:;?»](?=[\s,.)»]|$)",
    "a no-break space stands before !": r"[\w)»]!",
    "an ordinary space does not": r"[ \u202f][:;!?»]",
    "a no-break space stands behind «": r"«(?!\u00a0)",
    "the apostrophe is ’": r"\w'\w",
    "quotation marks are « and »": r'"|`',
    "an ellipsis is …": r"\.\.\.",
    "no character is invisible": r"[\x00-\x09\x0b-\x1f\x7f]",
    "one space is enough": r"[^\n]  ",
    "no space stands before . and ,": r"[^\W_][ \u00a0][,.](?:\s|$)",
}


def faults_of(sentence: str, said: str) -> list[str]:
    bare = re.sub(r"`[^`]*`", "x", said)  # code is what is to be typed, in any language
    while (shorter := re.sub(r"{[^{}]*}|\[[^\[\]]*\]", "x", bare)) != bare:
        bare = shorter
    faults = [fault for fault, pattern in FAULTS.items() if re.search(pattern, bare)]
    if "  #" in sentence:  # room before a number is made in both languages
        faults = [fault for fault in faults if fault != "one space is enough"]
    if fields_of(said) != fields_of(sentence):
        faults.append("the fields are others")
    if said.count("\n") != sentence.count("\n"):
        faults.append("the lines are others")
    started, starts = sentence[:1], said[:1]
    if started.isalpha() and starts.isalpha() and starts.isupper() != started.isupper() and sentence not in SYSTEM:
        faults.append("one begins with a capital, the other does not")
    ended, ends = (re.search(r"[.:…!?]?\s*$", each) for each in (sentence, said))
    if ended and ends and ended[0].strip() != ends[0].strip():
        faults.append("they end otherwise")
    return faults


def test_french_is_set_as_french_is() -> None:
    wrong = {sentence: faults for sentence, said in TEXTS.items() if said and (faults := faults_of(sentence, said))}
    assert wrong == {}


@pytest.mark.parametrize(
    ("sentence", "said"),
    [
        ("Who?", "Qui?"),
        ("Who?", "Qui ?"),
        ("Who: {name}", f"Qui{NBSP}: {{nom}}"),
        ("Who: {name}", "Qui: {name}"),
        ("say “yes”", "dites « oui »"),
        ("say “yes”", f"dites «{NBSP}oui »"),
        ("say “yes”", 'dites "oui"'),
        ("Yes!", "Oui!"),
        ("the host", "l'hôte"),
        ("The host", "l’hôte"),
        ("The host.", "L’hôte"),
        ("wait …", "attendre ..."),
        ("one\ntwo", "un deux"),
        ("invalid %s", "non valide"),
    ],
)
def test_faults_are_seen(sentence: str, said: str) -> None:
    assert faults_of(sentence, said)


def test_french_texts_speak_of_commands_and_options_that_exist() -> None:
    options = {option for action in cli._parser()._actions for option in action.option_strings}
    for sentence, said in TEXTS.items():
        for name in re.findall(r"(?<![\w/}>])/([^\W\d]\w*)", said):
            assert commands.find(name), sentence
        for option in re.findall(r"(?<![\w-])--?[a-z][\w-]*", said):
            assert option in options | {"-r", "--private"}, sentence  # that of pip, and that of /room new


def test_a_command_is_called_by_one_of_its_names() -> None:
    for command in commands.COMMANDS:
        english = f"/{command.names[0]}"
        assert TEXTS[english].removeprefix("/") in command.names
        assert TEXTS[english] != english
        assert command.spelling == english
        assert command.listed == command.usage


def test_what_a_command_takes_can_be_typed_in_french() -> None:
    assert commands.parse("/vérifier alice oui") == commands.parse("/verify alice yes")
    assert commands.parse("!vérifier non") == commands.parse("!verify no")


# --- choosing --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "variables", "chosen"),
    [
        ("", {}, "en"),
        ("-s --lang fr", {}, "fr"),
        ("-s --lang=fr", {}, "fr"),
        ("-s --langue fr", {}, "fr"),
        ("--lang en --lang fr", {}, "fr"),
        ("--lang fr --lang en", {"LANG": "fr_FR.UTF-8"}, "en"),
        ("--lang FR", {}, "fr"),
        ("--lang de", {"LANG": "fr_FR"}, "fr"),  # argparse will complain, in French
        ("--lang", {"LANG": "fr_FR"}, "fr"),
        ("--lang", {}, "en"),
        ("-- --lang fr", {}, "en"),
        ("-m --langfr", {}, "en"),
        ("", {"LANG": "fr_FR.UTF-8"}, "fr"),
        ("", {"LANG": "fr"}, "fr"),
        ("", {"LANG": "fr-BE"}, "fr"),
        ("", {"LANG": "fr@euro"}, "fr"),
        ("", {"LANG": "fr_CA.ISO8859-1"}, "fr"),
        ("", {"LANG": "frp_FR"}, "en"),  # Arpitan is no French
        ("", {"LANG": "C"}, "en"),
        ("", {"LANG": "C.UTF-8"}, "en"),
        ("", {"LANG": "POSIX"}, "en"),
        ("", {"LANG": "de_DE.UTF-8"}, "en"),
        ("", {"LANG": "en_GB.UTF-8"}, "en"),
        ("", {"LANG": "\x1b[31m"}, "en"),
        ("", {"LANG": "fr_FR", "LC_MESSAGES": "en_US"}, "en"),
        ("", {"LANG": "en_US", "LC_MESSAGES": "fr_FR"}, "fr"),
        ("", {"LANG": "en_US", "LC_MESSAGES": "en_US", "LC_ALL": "fr_FR"}, "fr"),
        ("", {"LANG": "fr_FR", "LC_ALL": "C"}, "en"),
        ("", {"LANG": "fr_FR", "LC_ALL": "", "LC_MESSAGES": ""}, "fr"),
        ("", {"LANG": "en_US", "LANGUAGE": "fr"}, "fr"),
        ("", {"LANG": "en_US", "LANGUAGE": "de:fr:en"}, "fr"),
        ("", {"LANG": "fr_FR", "LANGUAGE": "en:fr"}, "en"),
        ("", {"LANG": "fr_FR", "LANGUAGE": "de"}, "en"),
        ("", {"LANG": "fr_FR", "LANGUAGE": ""}, "fr"),
        ("", {"LANG": "C", "LANGUAGE": "fr"}, "en"),  # as gettext has it: C is no language
        ("", {"LANGUAGE": "fr"}, "fr"),
    ],
)
def test_which_language(arguments: str, variables: dict[str, str], chosen: str) -> None:
    assert i18n.choose(arguments.split(), variables) == chosen


def test_speaking_french_and_english_again(french: None) -> None:
    assert tr("You left.") == "Vous avez quitté la conversation."
    assert str(errors.BadName(why=text.MIXED)).startswith(f"Ce nom ne peut pas être utilisé{NBSP}: il mélange des alph")
    assert tr("no such text") == "no such text"
    i18n.speak("en")
    assert tr("You left.") == "You left."


def test_what_is_said_of_something_stands_behind_a_colon_of_the_language(french: None) -> None:
    assert labelled("a: {b}", "{c}") == f"a: {{b}}{NBSP}: {{c}}"


_BEHIND_A_COLON = re.compile(r"""f["'][^"']*}: {|f["']: {""")
_DATA = {"usi/ui/tui/inspection.py", "usi/ui/tui/widgets/records.py"}  # names of fields, for who reads the protocol


def test_no_colon_is_set_but_by_the_language() -> None:
    sources = (ROOT / "usi").rglob("*.py")
    found = [
        f"{source.relative_to(ROOT)}: {line.strip()}"
        for source in sources
        for line in source.read_text(encoding="utf-8").splitlines()
        if _BEHIND_A_COLON.search(line) and source.relative_to(ROOT).as_posix() not in _DATA
    ]
    assert found == [], "use labelled"


def test_without_a_catalogue_it_is_english(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(i18n, "FOLDER", tmp_path)
    i18n.speak("fr")
    assert tr("You left.") == "You left."
    with i18n.standard_library("fr"):
        assert gettext.gettext("options") == "options"


def test_what_comes_from_others_is_never_translated(french: None) -> None:
    """A person may be called like one of our words: `host` is even the name that a host gets by itself."""
    for word in ("host", "you", "verified", "HOST", "data", "Help", "/help", "You left.", ""):
        assert f" {word} " in str(errors.NoSuchMember(name=word))
        assert tr("{name} joined", name=word).startswith(word)
        assert tr("Here: {names}", names=word) == f"Présents{NBSP}: {word}"
        assert tr("Words: {words}", words=word).endswith(word)


def test_the_standard_library_is_left_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("de", None):
        if variable is None:
            monkeypatch.delenv("LANGUAGE", raising=False)
        else:
            monkeypatch.setenv("LANGUAGE", variable)
        with i18n.standard_library("fr"):
            assert gettext.gettext("usage: ") == f"utilisation{NBSP}: "
        assert os.environ.get("LANGUAGE") == variable
        assert gettext.textdomain() == "messages"
        assert gettext.gettext("usage: ") == "usage: "


# --- nothing is said in the other language ---------------------------------------------------------------------------


@pytest.fixture
def bracketed() -> Callable[[str], str]:
    """Every text of ours stands in brackets; the result takes what is in brackets out of a text."""
    language.install(lambda sentence: f"⟦{sentence}⟧")

    def rest(said: str) -> str:
        while "⟦" in said:
            shorter = re.sub("⟦[^⟦⟧]*⟧", "", said)
            assert shorter != said
            said = shorter
        return said

    return rest


PRINT = "0123456789012345" * 4
WORDS = ["1", "2", "3", "4"]


def rows() -> list[ev.Member]:
    both = (False, True)
    return [
        ev.Member(name="1", member=PRINT, fingerprint=print_, words=WORDS, verified=verified, me=me, host=host)
        for verified in both
        for me in both
        for host in both
        for print_ in (PRINT, None)
    ]


EVENTS: list[ev.Event] = [
    *(ev.Connecting(time=NOW, step=step, attempt=2) for step in ("key", "dial", "exchange", "busy", "join")),
    *(
        ev.Listening(
            time=NOW, addresses=["1"], port=1, name="1", member=PRINT, rooms=["1"], key_fingerprint=PRINT,
            preset_fingerprint=preset, preset_key=preset,
        )
        for preset in (None, PRINT)
    ),
    ev.Connected(
        time=NOW, host="1", port=1, name="1", member=PRINT, rooms=["1"], fingerprint=PRINT, words=WORDS,
        cipher="1", key_exchange="1", key_fingerprint=PRINT,
    ),
    ev.MemberJoined(time=NOW, name="1", member=PRINT),
    ev.MemberJoined(time=NOW, name="1", member=PRINT, fingerprint=PRINT, words=WORDS, address="1"),
    *(ev.MemberLeft(time=NOW, name="1", member=PRINT, reason=code) for code in ("left", "cut", "silent", "too-slow")),
    *(
        ev.MemberAway(time=NOW, name="1", member=PRINT, away=away, away_text=why, mine=mine)
        for away, why, mine in ((True, "3", False), (True, "", True), (True, "3", True), (False, "", False))
    ),
    *(ev.MemberRenamed(time=NOW, old="1", name="2", member=PRINT, mine=mine) for mine in (True, False)),
    *(
        ev.Message(
            time=NOW, id="1", room="1", from_="1", member=PRINT, text="1", sent_at=NOW, mine=False,
            signature=signature, kind=kind, late=odd, signed_as="2" if odd else None,
        )
        for signature in ("good", "bad", "missing")
        for kind in ("text", "me")
        for odd in (False, True)
    ),
    ev.Failed(time=NOW, id="1", code="cut", text="1", message="1"),
    *(ev.Users(time=NOW, members=rows(), asked=asked) for asked in (True, False)),
    *(
        ev.Verification(time=NOW, name="1", member=PRINT, fingerprint=PRINT, words=WORDS, state=state, preset=False)
        for state in ("open", "verified", "differs")
    ),
    *(
        ev.Verification(
            time=NOW, name="1", member=PRINT, fingerprint=PRINT, words=WORDS, state="verified", preset=False, by=by,
        )
        for by in ("code", "password", "fingerprint", "known")
    ),
    *(
        ev.Password(time=NOW, name="1", member=PRINT, state=state)
        for state in ("wanted", "asked", "sent", "matched", "differs")
    ),
    *(
        ev.Invitation(
            time=NOW, until=NOW, state=state, locator="1", failed=1, limit=2, code="1", links=["1"], address="1",
        )
        for state in ("open", "used", "failed", "burned")
    ),
    *(
        ev.FileOffer(
            time=NOW, transfer=1, id="1", room="1", from_="1", member=PRINT, name="1", size=1, files=files, mine=mine,
            kept=kept,
        )
        for files in (None, 1, 2)
        for mine in (False, True)
        for kept in (0, 1)
    ),
    *(
        kind(time=NOW, transfer=1, direction=direction, peer="1", name="1", **more)
        for direction in ("in", "out")
        for kind, more in (
            (ev.FileProgress, {"done": 1, "size": 2, "rate": 1}),
            (ev.FileDone, {"path": "1", "size": 1, "seconds": 1.0}),
            (ev.FileFailed, {"code": "cut", "text": "1", "kept": 1}),
        )
    ),
    ev.FileClosed(time=NOW, transfer=1, name="1", code="withdrawn", text="1"),
    ev.Files(
        time=NOW,
        transfers=[
            ev.TransferRow(
                transfer=1, direction=direction, peer=peer, name="1", state=state, done=1, size=2, rate=1,
            )
            for direction, peer in (("in", "1"), ("out", None))
            for state in ("offered", "waiting", "running", "done", "failed", "kept")
        ],
        passing=[ev.PassingRow(from_="1", to="1", bytes=1, seconds=1.0)],
        folder="1",
    ),
    *(
        ev.Conversation(time=NOW, room="@1", state=state, members=[], verified=True, text="1")
        for state in ("asked", "opening", "open", "changed", "closed")
    ),
    *(ev.RoomEntered(time=NOW, room="1", topic=topic, restricted=True, members=[PRINT]) for topic in ("", "1")),
    ev.RoomLeft(time=NOW, room="1", code="revoked", text="1"),
    *(ev.RoomTopic(time=NOW, room="1", topic=topic, by=by) for topic, by in (("", ""), ("1", ""), ("1", "1"))),
    *(
        ev.Rooms(
            time=NOW, rooms=[ev.RoomRow(room="1", topic="1", restricted=flag, members=1, entered=not flag)]
        )
        for flag in (False, True)
    ),
    *(ev.Role(time=NOW, role=role) for role in ("guest", "member", "moderator", "host")),
    ev.Moderation(time=NOW, code="kicked", name="1", by="1", reason="1", text="1", mine=True),
    *(
        ev.History(time=NOW, room="1", count=count, more=True, lost=lost, asked=True)
        for count, lost in ((0, 0), (1, 0), (1, 1))
    ),
    *(
        ev.Found(
            time=NOW, room="1", text="1", more=True,
            hits=[
                ev.Hit(id="1", number=1, from_="1", member=PRINT, text="1", sent_at=NOW, signature="bad")
            ][:count],
        )
        for count in (0, 1)
    ),
    *(ev.LogLine(time=NOW, what=what, at=NOW, facts={"name": "1"}, asked=True) for what in community.EVENTS),
    *(ev.Chosen(time=NOW, room=room, private=private) for room, private in (("1", False), ("@1", True))),
    *(
        ev.Info(
            time=NOW, connection="1", name="1", cipher="1", key_exchange="1", library="1", fingerprint=print_,
            words=WORDS, members=1, seconds=1.0, bytes_in=1, bytes_out=1, records_in=1, records_out=1,
        )
        for print_ in (PRINT, None)
    ),
]  # fmt: skip


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
def test_plain_lines_have_no_word_outside_of_the_catalogue(event: ev.Event, bracketed: Callable[[str], str]) -> None:
    line = to_plain(event)
    assert not re.search(r"[^\W\d_]", bracketed(line or "")), line


def test_no_kind_of_event_is_forgotten() -> None:
    with_a_text_of_their_own = {
        ev.Check, ev.Delivered, ev.Error, ev.Notice, ev.Reconnecting, ev.Resumed, ev.Disconnected,
        ev.Limits, ev.TraceEvent,
    }  # fmt: skip
    assert {type(event) for event in EVENTS} | with_a_text_of_their_own == set(ev.Event.__subclasses__())


def test_json_has_the_same_keys_and_codes_in_french(french: None) -> None:
    for event in EVENTS:
        said = to_json(event)
        i18n.speak("en")
        assert to_json(event) == said
        i18n.speak("fr")


def test_help_has_no_word_outside_of_the_catalogue(bracketed: Callable[[str], str]) -> None:
    parser = cli._parser()
    texts = [action.help for action in parser._actions if action.dest != "help"]
    titles = [group.title for group in parser._action_groups[2:]]  # behind argparse's own two
    for said in (*map(tr, [*cli._USAGES, *cli._USAGES.values()]), parser.description, parser.epilog, *texts, *titles):
        assert said
        assert bracketed(said) == ""
    assert not re.search(r"[^\W\d_]", bracketed(re.sub(r"/\w+", "", commands.help_text())))


# --- the program -----------------------------------------------------------------------------------------------------


TRY = " --help montre toutes les options."


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "Choisissez : -s pour héberger, -c HÔTE pour rejoindre, ou --demo pour découvrir." + TRY),
        (["-s", "-p"], "Option -p/--port : il manque une valeur." + TRY),
        (["-s", "-p", "x"], "Option -p/--port : valeur non valide (int attendu) : 'x'." + TRY),
        (["-s", "--plain=x"], "Option --plain : cette option ne prend pas de valeur : 'x'." + TRY),
        (["-s", "--nosuch"], "Arguments inconnus : --nosuch." + TRY),
        (["h:1"], "Pour rejoindre h:1, écrivez -c h:1." + TRY),
        (["-s", "x"], "Arguments inconnus : x." + TRY),
        (["-s", "--limit", "half_open=x"], "'half_open=x' est impossible : il faut un nombre supérieur à 0." + TRY),
        (["-s", "-p", "70000"], "70000 n’est pas un port : il doit être compris entre 1 et 65535." + TRY),
        (["-c", "h:x"], "'h:x' n’est pas de la forme HÔTE[:PORT]." + TRY),
        (["-c", "h:1", "-p", "2"], "Deux ports ont été donnés, 1 et 2." + TRY),
        (["-c", "-b", "::1"], "-b est réservé à un hôte : cette option indique où écouter." + TRY),
        (["-s", "--key-file", "no/such"], "Le fichier no/such ne peut pas être lu : il n’existe pas."),
        (
            ["-s", "-k", "ab" * 15],
            (
                "Ce n’est pas une clé prédéfinie : elle fait 120 bits. Une clé fait 128, 192 ou 256 bits, en "
                "hexadécimal ou en base64 ; chez un hôte, « --cle new » en tire une."
            ),
        ),
        (
            ["-s", "-m", "a\tb\x07"],
            (
                "Ce nom ne peut pas être utilisé : il contient un caractère de contrôle ou invisible. Choisissez de 1 "
                "à 24 lettres ou chiffres, par exemple avec -m alice."
            ),
        ),
    ],
    ids=lambda value: repr(value)[:40] if isinstance(value, list) else "",
)
def test_refusals_in_french(arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([*arguments, "--lang", "fr"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.replace(NBSP, " ") == f"usi: {sentence}\n"


def test_an_unknown_language_is_refused(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert cli.main(["-s", "--lang", "de"]) == 2
    assert "--lang" in capsys.readouterr().err
    monkeypatch.setenv("LANG", "fr_FR.UTF-8")
    assert cli.main(["-s", "--lang", "de"]) == 2
    assert f"choix non valide{NBSP}: 'de' (au choix{NBSP}: 'en', 'fr')" in capsys.readouterr().err


def test_both_helps_name_the_same_options(capsys: pytest.CaptureFixture[str]) -> None:
    shown = {}
    for chosen in ("en", "fr"):
        with pytest.raises(SystemExit) as ended:
            cli.main(["--help", "--lang", chosen])
        assert ended.value.code == 0
        shown[chosen] = capsys.readouterr().out
    options = {chosen: set(re.findall(r"--?[a-z][\w-]*", said)) for chosen, said in shown.items()}
    assert options["fr"] - options["en"] <= {"-vous"}
    assert "--lang en|fr" in shown["en"]
    assert shown["en"].startswith("usage: \n  usi -s ")
    assert shown["fr"].startswith(f"utilisation{NBSP}: \n  usi -s ")
    assert f"\noptions{NBSP}:\n" in shown["fr"]
    lines = {chosen: {line.strip() for line in said.splitlines() if " " in line} for chosen, said in shown.items()}
    both = lines["en"] & lines["fr"]
    assert both <= {"--lang en|fr, --langue en|fr", "-s, --server, --serveur", "USI_PASSPHRASE)"}


@pytest.mark.parametrize(
    ("arguments", "variables"),
    [
        (["--lang", "fr"], {}),
        ([], {"LANG": "fr_FR.UTF-8"}),
        ([], {"LANG": "en_US.UTF-8", "LANGUAGE": "fr"}),
        (["--lang=fr"], {"LC_ALL": "C"}),
    ],
)
def test_the_program_speaks_french(arguments: list[str], variables: dict[str, str]) -> None:
    result = usi("--help", *arguments, **variables)
    assert (result.returncode, result.stderr) == (0, "")
    assert "rejoindre un hôte" in result.stdout
    assert "exit status" not in result.stdout


@pytest.mark.parametrize(
    ("arguments", "variables"),
    [
        ([], {"LANG": "C"}),
        ([], {"LANG": "xx_XX"}),
        ([], {}),
        (["--lang", "en"], {"LANG": "fr_FR.UTF-8", "LANGUAGE": "fr"}),
    ],
)
def test_the_program_speaks_english_otherwise(arguments: list[str], variables: dict[str, str]) -> None:
    result = usi("--help", *arguments, **variables)
    assert (result.returncode, result.stderr) == (0, "")
    assert "join a host" in result.stdout
    assert "exit status" in result.stdout


def test_letters_that_an_old_code_page_lacks_do_no_harm() -> None:
    result = usi("--help", "--lang", "fr", PYTHONIOENCODING="ascii")
    assert (result.returncode, result.stderr) == (0, "")
    assert "rejoindre un h?te" in result.stdout
    result = usi("--lang", "fr", PYTHONIOENCODING="ascii")
    assert result.returncode == 2
    assert "Traceback" not in result.stderr


LINES = "/aide\n!help verify\n/utilisateurs\n/quoi\n/moi\n/pseudo Zoé\n/infos\n//bonjour\n"


def test_a_conversation_in_french() -> None:
    result = usi("-s", "-b", "127.0.0.1", "-p", "0", "--plain", lines=LINES, LANG="fr_CA.UTF-8")
    assert (result.returncode, result.stderr) == (0, "")
    said = result.stdout.replace(NBSP, " ")
    for part in (
        "* Hôte sur 127.0.0.1:",
        "* Empreinte de la clé de l’hôte : ",
        "* Présents : host (vous)\n",
        "* /aide, /help [COMMANDE] ",
        "* /vérifier, /verify [NOM] [oui|non] ",
        "* /verify [NOM] [oui|non] — afficher l’empreinte à comparer ; puis dire si elle concorde (aussi /vérifier, ",
        "*   host (vous, hôte)\n",
        "! La commande /quoi n’existe pas. /aide les affiche toutes ; ",
        "! Utilisation : /moi TEXTE\n",
        "* Vous vous appelez maintenant Zoé\n",
        "* Chiffrement AES-256-OCB (par ",
        "* Vous avez quitté la conversation.\n",
    ):
        assert part in said
    for line in said.splitlines():
        assert not re.search(r"\b(the|with|your|this|is|are|and|here)\b", line), line


def test_json_in_french_has_the_same_events_keys_and_codes() -> None:
    told = {}
    for chosen in ("en", "fr"):
        result = usi("-s", "-b", "127.0.0.1", "-p", "0", "--json", "--lang", chosen, lines=LINES)
        assert (result.returncode, result.stderr) == (0, "")
        told[chosen] = [json.loads(line) for line in result.stdout.splitlines()]

    def facts(events: list[dict[str, Any]]) -> list[Any]:
        return [(event["event"], sorted(event), event.get("code"), event.get("message")) for event in events]

    assert facts(told["fr"]) == facts(told["en"])
    texts = {chosen: [event["text"] for event in events if "code" in event] for chosen, events in told.items()}
    assert texts["en"]
    assert not set(texts["en"]) & set(texts["fr"])
