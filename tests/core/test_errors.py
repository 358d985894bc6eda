"""Every failure has a code, a sentence for people, and an exit status; and each one that is raised can be said."""

import ast
import re
import string
from pathlib import Path

import pytest

from usi.core import codec, errors, wire
from usi.core.errors import REFUSALS, EndedByPeer, LocalError, PeerError, UsiError, from_code
from usi.core.session import refusal

PACKAGE = Path(errors.__file__).parents[1]


def all_of(base: type[UsiError]) -> list[type[UsiError]]:
    return [base, *(found for sub in base.__subclasses__() for found in all_of(sub))]


EVERY = [error for error in all_of(UsiError) if error.__module__ == "usi.core.errors"]
every = pytest.mark.parametrize("error", EVERY)


def template_of(error: type[UsiError]) -> str:
    return error.template.fget(error.__new__(error))  # type: ignore[attr-defined]


def fields_of(error: type[UsiError]) -> set[str]:
    """The keywords that its sentence needs."""
    return {name for _, name, _, _ in string.Formatter().parse(template_of(error)) if name}


def test_there_are_some() -> None:
    assert len(EVERY) > 30
    assert {LocalError, PeerError} <= set(EVERY)


@every
def test_fault_is_ours_or_the_peers(error: type[UsiError]) -> None:
    assert error is UsiError or issubclass(error, LocalError) != issubclass(error, PeerError)


@every
def test_the_sentence(error: type[UsiError]) -> None:
    fields = dict.fromkeys(fields_of(error), "VALUE")
    sentence = str(EndedByPeer("VALUE") if error is EndedByPeer else error(**fields))
    assert sentence.count("VALUE") >= len(fields)
    assert sentence[0].isupper() or sentence.startswith("VALUE")
    assert "\n" not in sentence
    assert "  " not in sentence
    assert sentence.endswith((".", "Usage: VALUE"))
    assert template_of(error) == template_of(error).strip()


@every
def test_the_sentence_is_not_inherited(error: type[UsiError]) -> None:
    assert error.__doc__
    assert sum(other.__doc__ == error.__doc__ for other in EVERY) == 1


@every
def test_codes_can_cross_the_wire(error: type[UsiError]) -> None:
    assert re.fullmatch(wire.CODE_PATTERN, error.code)
    if issubclass(error, PeerError):
        goodbye = wire.Bye(error.code)
        assert codec.decode_from_host(codec.pack([codec.encode(goodbye)])[0]) == [goodbye]


def test_codes_are_unique() -> None:
    """`LocalError` is a kind, and `EndedByPeer` takes the code that the peer gave."""
    codes = [error.code for error in EVERY if error not in (LocalError, EndedByPeer)]
    assert sorted(codes) == sorted(set(codes))


@every
def test_exit_statuses(error: type[UsiError]) -> None:
    """0 left · 1 other · 2 usage · 3 unreachable, refused, port in use · 4 authentication · 5 removed by the host."""
    assert 0 <= error.exit_status <= 5


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("usage", 2), ("bad-key", 2), ("bad-name", 2), ("unreadable-file", 2), ("port-in-use", 3), ("unknown-host", 3),
        ("unreachable", 3), ("not-usi", 3), ("busy", 3), ("handshake-timeout", 3), ("key-needed", 4),
        ("key-not-wanted", 4), ("wrong-key", 4), ("bad-handshake", 4), ("bad-record", 4), ("host-stopped", 0),
        ("left", 0),
    ],
)  # fmt: skip
def test_exit_statuses_that_scripts_rely_on(code: str, status: int) -> None:
    (error,) = [error for error in EVERY if error.code == code]
    assert error.exit_status == status


GOODBYES = ["too-fast", "too-slow", "replaced", "host-stopped", "left", "worn-out", "name-refused", "handshake-timeout"]
GOODBYES += ["not-wanted", "not-verified"]


@pytest.mark.parametrize("code", GOODBYES)
def test_goodbyes_that_have_a_sentence_of_their_own(code: str) -> None:
    error = from_code(code)
    assert isinstance(error, PeerError)
    assert type(error) is not EndedByPeer
    assert error.code == code
    assert "{" not in str(error)
    assert not error.fields


@pytest.mark.parametrize("code", [error.code for error in EVERY] + ["no-such-code", "a" * 32])
def test_any_code_of_a_goodbye_can_be_said(code: str) -> None:
    """Most say what we did wrong: then it is told as the peer's word, never as if the peer had done it."""
    error = from_code(code)
    assert isinstance(error, PeerError)
    assert error.code == code
    assert not re.search(r"[{}?]", str(error))
    if type(error) is EndedByPeer:
        assert str(error) == f"The other side ended the connection, for this reason: {code}."
        tampered = code in ("bad-handshake", "bad-record")  # the same failure, seen from the other end
        assert error.exit_status == (4 if tampered else 3)


def test_the_code_of_one_goodbye_is_not_that_of_another() -> None:
    assert from_code("bad-record").code == "bad-record"
    assert from_code("bad-message").code == "bad-message"
    assert EndedByPeer.code == PeerError.code


def test_refusals() -> None:
    """The numbers stand on the wire: they may be added to, never changed."""
    assert {number: error.code for number, error in REFUSALS.items()} == {
        1: "busy",
        2: "key-needed",
        3: "key-not-wanted",
        4: "wrong-key",
        5: "bad-handshake",
        6: "handshake-timeout",
        7: "host-stopping",
        8: "not-wanted",
    }
    for number, error in REFUSALS.items():
        assert refusal(error()) == b"USI3R" + bytes((number,))
        assert str(error())
    assert refusal(errors.HostStopped()) == b"USI3R\x07"


@pytest.mark.parametrize("error", [errors.NotUsi(), errors.Cut(), errors.BadMessage(why="x"), PeerError()])
def test_any_other_error_is_refused_as_a_bad_handshake(error: PeerError) -> None:
    """One who does not speak the protocol learns no more than that."""
    assert refusal(error) == b"USI3R\x05"


def raised_in(path: Path) -> list[tuple[str, int, type[UsiError], set[str] | None]]:
    """(file, line, class, keywords) of each place that makes an error; None where keywords come in a dictionary."""
    tree = ast.parse(path.read_text("utf-8"))
    names = {
        alias.asname or alias.name: getattr(errors, alias.name)
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == "usi.core.errors"
        for alias in node.names
    }
    if path == Path(errors.__file__):
        names = {error.__name__: error for error in EVERY}
    classes = {name: error for name, error in names.items() if isinstance(error, type) and issubclass(error, UsiError)}
    found, called = [], set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in classes:
            called.add(node.func)
            given = [keyword.arg for keyword in node.keywords]
            keywords = None if None in given or node.args else {name for name in given if name}
            found.append((path.name, node.lineno, classes[node.func.id], keywords))
    raised = [
        inner for node in ast.walk(tree) if isinstance(node, ast.Raise) and node.exc for inner in ast.walk(node.exc)
    ]
    found += [
        (path.name, node.lineno, classes[node.id], set())
        for node in raised
        if isinstance(node, ast.Name) and node.id in classes and node not in called
    ]
    return found


def test_every_error_that_is_raised_can_be_said() -> None:
    """A sentence with `{size}` and no `size` would be a KeyError in front of the user."""
    found = [place for path in sorted(PACKAGE.rglob("*.py")) for place in raised_in(path)]
    assert len(found) > 40
    lacking = [
        f"{file}:{line} {error.__name__} lacks {sorted(fields_of(error) - keywords)}"
        for file, line, error, keywords in found
        if keywords is not None and not fields_of(error) <= keywords
    ]
    assert not lacking


@every
def test_every_error_is_used(error: type[UsiError]) -> None:
    if error in (UsiError, LocalError, PeerError):
        return
    sources = "\n".join(path.read_text("utf-8") for path in PACKAGE.rglob("*.py"))
    assert len(re.findall(rf"\b{error.__name__}\b", sources)) > 1
