"""Typed lines: what each asks for, and what is said about those that ask for nothing possible."""

from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from usi.core import commands
from usi.core.commands import (
    COMMANDS,
    Accept,
    Act,
    Add,
    Away,
    Block,
    Cancel,
    Clear,
    Decline,
    Files,
    Go,
    Help,
    History,
    Info,
    Intent,
    Invite,
    Leave,
    Mute,
    Nick,
    Order,
    Password,
    Private,
    Quit,
    Rooms,
    Say,
    Search,
    Secret,
    Send,
    Tell,
    Topic,
    Users,
    Verify,
    checked,
    help_text,
    parse,
)
from usi.core.errors import AwayTooLong, BadCommand, BadTime, LocalError, NothingToSay, TextTooLong, UnknownCommand
from usi.core.wire import MAX_AWAY, MAX_TEXT

SPELLINGS: dict[str, Intent] = {
    "help": Help(),
    "aide": Help(),
    "?": Help(),
    "quit": Quit(),
    "quitter": Quit(),
    "exit": Quit(),
    "clear": Clear(),
    "cls": Clear(),
    "effacer": Clear(),
    "users": Users(),
    "list": Users(),
    "utilisateurs": Users(),
    "liste": Users(),
    "password": Password(),
    "motdepasse alice": Password("alice"),
    "invite": Invite(),
    "inviter": Invite(),
    "info": Info(),
    "infos": Info(),
    "verify": Verify(),
    "verifier": Verify(),
    "vérifier": Verify(),
    "msg bob Hello  you": Tell("bob", "Hello  you"),
    "prive bob hello": Tell("bob", "hello"),
    "privé bob hello": Tell("bob", "hello"),
    "private bob, carol": Private(("bob", "carol")),
    "aparte bob carol": Private(("bob", "carol")),
    "aparté": Private(),
    "add carol": Add(("carol",)),
    "ajouter carol dave": Add(("carol", "dave")),
    "leave": Leave(),
    "partir": Leave(),
    "join #general": Go("#general"),
    "rejoindre @bob": Go("@bob"),
    "block bob": Block("bob"),
    "bloquer bob": Block("bob"),
    "limits": Order("limits"),
    "limites": Order("limits"),
    "mute": Mute(),
    "sourdine": Mute(),
    "send /tmp/a b.txt": Send("/tmp/a b.txt"),
    "fichier ~/photo.jpg alice": Send("~/photo.jpg alice"),
    "envoyer 'x'": Send("'x'"),
    "accept": Accept(),
    "accepter": Accept(),
    "decline": Decline(),
    "refuser": Decline(),
    "cancel": Cancel(),
    "annuler": Cancel(),
    "files": Files(),
    "fichiers": Files(),
    "me waves": Act("waves"),
    "moi waves": Act("waves"),
    "rooms": Rooms(),
    "salons": Rooms(),
    "history": History(20),
    "historique 5": History(5),
    "search a Cat": Search("a Cat"),
    "chercher chat": Search("chat"),
    "topic on cats": Topic("on cats"),
    "sujet": Topic(""),
    "kick bob too loud": Order("kick", "bob", text="too loud"),
    "expulser bob": Order("kick", "bob"),
    "ban bob 2h too loud": Order("ban", "bob", text="too loud", seconds=7_200),
    "bannir 192.0.2.1": Order("ban", "192.0.2.1"),
    "unban bob": Order("unban", "bob"),
    "debannir bob": Order("unban", "bob"),
    "débannir bob": Order("unban", "bob"),
    "silence bob 10": Order("silence", "bob", seconds=600),
    "taire bob": Order("silence", "bob"),
    "lock": Order("lock"),
    "verrouiller": Order("lock"),
    "room new staff --private": Order("room-new", "staff", private=True),
    "salon fermer #staff": Order("room-close", room="staff"),
    "grant bob #staff": Order("grant", "bob", "staff"),
    "autoriser bob staff": Order("grant", "bob", "staff"),
    "revoke bob staff": Order("revoke", "bob", "staff"),
    "retirer bob staff": Order("revoke", "bob", "staff"),
    "log": Order("log"),
    "journal": Order("log"),
    "away at  lunch": Away("at  lunch"),
    "absent": Away(),
    "nick Jean Pierre": Nick("Jean Pierre"),
    "pseudo Jean Pierre": Nick("Jean Pierre"),
}
ALONE = (
    Quit(), Clear(), Users(), Info(), Mute(), Files(), Invite(), Leave(), Order("limits"), Rooms(),
    Order("lock"), Order("log"),
)  # fmt: skip
NAMES = [name for command in COMMANDS for name in command.names]


# --- commands ------------------------------------------------------------------------------------------------------


def test_every_spelling_is_tried_here_and_stands_for_one_command() -> None:
    assert len(set(NAMES)) == len(NAMES)
    assert {line.split()[0] for line in SPELLINGS} == set(NAMES)
    assert {type(intent) for intent in SPELLINGS.values()} == set(get_args(Intent)) - {Say, Secret}


@pytest.mark.parametrize("mark", ["/", "!"])
@pytest.mark.parametrize("line", SPELLINGS)
def test_a_command_is_known_in_both_languages_with_both_marks_and_in_any_case(mark: str, line: str) -> None:
    name, space, rest = line.partition(" ")
    for spelling in (name, name.upper(), name.title(), name.swapcase()):
        assert parse(f"{mark}{spelling}{space}{rest}") == SPELLINGS[line]


@pytest.mark.parametrize("line", ["/nick   bob  ", "/NICK bob ", "!pseudo  bob"])
def test_space_around_an_argument_is_no_part_of_it(line: str) -> None:
    assert parse(line) == Nick("bob")


def test_an_argument_keeps_its_case_and_its_inner_space() -> None:
    assert parse("/me Waves  to\nALL /quit") == Act("Waves  to\nALL /quit")


@pytest.mark.parametrize("mark", ["/", "!"])
@pytest.mark.parametrize("name", [line for line, intent in SPELLINGS.items() if intent in ALONE])
def test_an_argument_too_many_is_answered_with_the_usage(mark: str, name: str) -> None:
    with pytest.raises(BadCommand) as caught:
        parse(f"{mark}{name} now")
    assert str(caught.value) == f"Usage: {commands.find(name).usage_as(mark + name)}"


@pytest.mark.parametrize(
    "line",
    [
        "/kick", "/ban", "/unban", "/silence", "/room", "/room new", "/room close", "/room open x", "/grant bob",
        "/revoke bob", "/history 0", "/history 201", "/history x", "/search",
    ],
)
def test_a_moderator_s_line_that_fits_nothing_is_answered_with_the_usage(line: str) -> None:
    with pytest.raises(BadCommand):
        parse(line)


def test_a_time_that_is_none_is_said_and_nobody_is_banned_for_good_instead() -> None:
    with pytest.raises(BadTime, match="2x is no time"):
        parse("/ban bob 2x too loud")
    assert parse("/ban bob too loud") == Order("ban", "bob", text="too loud")


@pytest.mark.parametrize(
    ("rest", "intent"),
    [
        ("alice", Verify("alice")),
        ("yes", Verify(None, True)),
        ("NON", Verify(None, False)),
        ("alice oui", Verify("alice", True)),
        ("alice   No ", Verify("alice", False)),
        ("yes no", Verify("yes", False)),
    ],
)
def test_verify_takes_a_name_and_what_people_found(rest: str, intent: Intent) -> None:
    assert parse(f"/verify {rest}") == intent


@pytest.mark.parametrize(("rest", "number"), [("", None), ("3", 3), ("#3", 3), ("  12 ", 12)])
def test_a_transfer_is_named_by_its_number(rest: str, number: int | None) -> None:
    assert parse(f"/accept {rest}") == Accept(number)
    assert parse(f"/decline {rest}") == Decline(number)
    assert parse(f"/cancel {rest}") == Cancel(number)


@pytest.mark.parametrize("rest", ["x", "1 2", "#", "1.5", "a.txt", "9" * 5_000])
@pytest.mark.parametrize("name", ["accept", "refuser", "cancel"])
def test_a_transfer_is_named_by_nothing_else(name: str, rest: str) -> None:
    with pytest.raises(BadCommand):
        parse(f"/{name} {rest}")


def test_send_keeps_its_line_as_it_is() -> None:
    assert parse("!fichier  'a  b' /quit ") == Send("'a  b' /quit")
    with pytest.raises(BadCommand):
        parse("/send  ")


@pytest.mark.parametrize("rest", ["alice perhaps", "alice bob", "alice yes no"])
def test_verify_takes_nothing_else(rest: str) -> None:
    with pytest.raises(BadCommand) as caught:
        parse(f"/verify {rest}")
    assert str(caught.value) == "Usage: /verify [NAME] [yes|no]"


def test_why_one_is_away_is_a_line_beside_a_name() -> None:
    assert parse("/away " + "é" * MAX_AWAY) == Away("é" * MAX_AWAY)
    with pytest.raises(AwayTooLong) as caught:
        parse("/away " + "é" * (MAX_AWAY + 1))
    assert "101 characters, at most 100" in str(caught.value)


@pytest.mark.parametrize(
    ("line", "usage"),
    [
        ("/me", "/me TEXT"), ("!moi", "!moi TEXT"), ("/NICK    ", "/nick NAME"), ("!pseudo", "!pseudo NAME"),
        ("/prive carol", "/prive NAME TEXT"), ("/privé carol", "/privé NAME TEXT"),
    ],
)  # fmt: skip
def test_an_argument_that_is_missing_is_answered_with_the_usage_in_that_spelling(line: str, usage: str) -> None:
    with pytest.raises(BadCommand) as caught:
        parse(line)
    assert str(caught.value) == f"Usage: {usage}"


@pytest.mark.parametrize("line", ["/nothing", "!rien du tout", "/", "!", "/ ", "/ help", "/helps", "/!", "!/me", "/\n"])
def test_an_unknown_command_says_what_to_do(line: str) -> None:
    with pytest.raises(UnknownCommand) as caught:
        parse(line)
    assert "/help" in str(caught.value)


def test_braces_in_an_unknown_command_are_only_text() -> None:
    with pytest.raises(UnknownCommand) as caught:
        parse("/{name}{0!r}")
    assert "/{name}{0!r}." in str(caught.value)


# --- help ----------------------------------------------------------------------------------------------------------


def test_help_lists_every_command_once() -> None:
    lines = help_text().splitlines()
    assert [line.split()[0] for line in lines] == [f"/{command.names[0]}" for command in COMMANDS]
    for line, command in zip(lines, COMMANDS, strict=True):
        assert line.startswith(command.usage)
        assert line.endswith(command.summary)


@pytest.mark.parametrize("name", NAMES)
def test_help_for_one_command_is_found_by_each_spelling(name: str) -> None:
    command = commands.find(name)
    for spelling in (name, name.upper()):
        shown = help_text(spelling)
        assert command.usage in shown
        assert command.summary in shown
        assert all(other in shown for other in command.names)
        assert "\n" not in shown
    for asked in (name, f"/{name}", f"!{name}"):
        for line in (f"/help {asked}", f"!aide {asked}"):
            intent = parse(line)
            assert isinstance(intent, Help)
            assert help_text(intent.command) == help_text(name)


def test_help_for_what_there_is_not() -> None:
    with pytest.raises(UnknownCommand):
        help_text("nothing")
    assert parse("/help /") == Help()
    with pytest.raises(UnknownCommand) as caught:
        help_text("\ud800")
    assert "/?." in str(caught.value)


# --- texts ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("hello", "hello"),
        ("  indented  ", "  indented  "),
        (" /quit", " /quit"),
        ("a / b ! c", "a / b ! c"),
        ("//x", "/x"),
        ("!!x", "!x"),
        ("///x", "//x"),
        ("!!!", "!!"),
        ("//", "/"),
        ("//help me", "/help me"),
        ("one\n/quit\n", "one\n/quit\n"),
        ("[/oops]", "[/oops]"),
    ],
)
def test_what_is_no_command_is_said_as_it_stands(line: str, said: str) -> None:
    assert parse(line) == Say(said)


@pytest.mark.parametrize("line", ["", " ", "\n", "\t \r\n", "\u00a0\u3000\u2028"])
def test_an_empty_message_is_not_sent(line: str) -> None:
    with pytest.raises(NothingToSay):
        parse(line)
    with pytest.raises(NothingToSay):
        checked(line)


@pytest.mark.parametrize(("prefix", "intent"), [("", Say), ("/me ", Act), ("//", Say)])
@pytest.mark.parametrize("letter", ["x", "é", "€", "👍"])
def test_a_text_may_have_64_kib(prefix: str, intent: type[Say | Act], letter: str) -> None:
    size = MAX_TEXT - (1 if prefix == "//" else 0)
    said = letter * (size // len(letter.encode())) + "x" * (size % len(letter.encode()))
    parsed = parse(prefix + said)
    assert isinstance(parsed, intent)
    assert len(parsed.text.encode()) == MAX_TEXT
    with pytest.raises(TextTooLong) as caught:
        parse(f"{prefix}{said}x")
    assert f"{MAX_TEXT + 1} bytes" in str(caught.value)
    assert f"at most {MAX_TEXT} " in str(caught.value)


@pytest.mark.parametrize(
    ("line", "intent"),
    [
        ("half \ud83d a pair", Say("half ? a pair")),
        ("\udcff", Say("?")),
        ("/me \ud800", Act("?")),
        ("//\ud800", Say("/?")),
        ("\ud83d\ude00", Say("??")),
        ("/nick \ud800", Nick("?")),
        ("/help \ud800", Help("?")),
    ],
)
def test_half_a_surrogate_pair_is_replaced(line: str, intent: Intent) -> None:
    assert parse(line) == intent


# --- whatever is typed -----------------------------------------------------------------------------------------------

_ANY = st.text(st.characters(codec=None), max_size=40)
_LINES = st.one_of(
    _ANY,
    st.builds(
        "{}{}{}{}".format,
        st.sampled_from(["/", "!", "//", "!!", " /", ""]),
        st.sampled_from([*NAMES, *map(str.upper, NAMES), "", "no-such"]),
        st.sampled_from(["", " ", "\t", "\n", "\u00a0", "   "]),
        _ANY,
    ),
)


@given(_LINES)
@example("/\ud800")
@example("/help \ud800")
@example("/nick \ud800")
@example("/İ")
def test_a_line_is_an_intent_or_a_local_error_and_nothing_else(line: str) -> None:
    try:
        intent = parse(line)
        if isinstance(intent, Help):
            help_text(intent.command)
    except LocalError as error:
        sentence = str(error)
        assert sentence.strip()
        assert sentence.encode("utf-8")  # it can be shown and written as JSON
        return
    assert isinstance(intent, Intent)
    if isinstance(intent, Say | Act):
        assert intent.text.strip()
        assert 0 < len(intent.text.encode("utf-8")) <= MAX_TEXT
        assert line.encode("utf-8", "replace").decode().strip().endswith(intent.text.strip())


@given(st.text(min_size=1).filter(str.strip))
def test_every_text_can_be_said(said: str) -> None:
    mark = said[0] if said[0] in commands.MARKS else ""
    assert parse(mark + said) == Say(said)
