"""All texts of the program that can be translated, from its source and its tables."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from inspect import cleandoc
from pathlib import Path
from typing import NamedTuple

from usi.core import commands, errors, lobby, report, text

ROOT = Path(__file__).parents[1]

_ROOT = "UsiError"
_CALLS = frozenset({"tr", "mark"})
_PHRASES = frozenset({"why", "what"})
"""Keywords that take a phrase of ours: `tr` translates these fields."""
_BINDING = {"description": 2, "tooltip": None}
"""Texts of a Textual binding: keyword and position."""

ARGPARSE = (
    "usage: ",
    "options",
    "show this help message and exit",
    "argument %(argument_name)s: %(message)s",
    "expected one argument",
    "expected at most one argument",
    "ignored explicit argument %r",
    "invalid %(type)s value: %(value)r",
    "invalid choice: %(value)r (choose from %(choices)s)",
    "unrecognized arguments: %s",
)
"""What argparse says of such a command line, in the words of its own catalogue."""

SYSTEM = (
    "Permission denied",
    "permission denied",
    "Name or service not known",
    "Connection timed out",
    "no such file or directory",
    "is a directory",
)
"""What the operating system says of failures that people meet; it stands in `why` as it comes."""


class Place(NamedTuple):
    """Where something stands in the source."""

    file: str
    line: int


class Found(NamedTuple):
    """What the source holds."""

    texts: dict[str, set[str]]
    """Each text, with the files that it stands in."""
    computed: list[tuple[Place, str]]
    """Calls of `tr` whose text is no literal, as they are written."""
    unfindable: list[tuple[Place, str]]
    """Texts that are put together where they should be a template."""


def collect() -> dict[str, set[str]]:
    """Every text that a person may be shown, with the files that it stands in."""
    texts = search().texts
    for file, sentence in _tables():
        texts.setdefault(sentence, set()).add(file)
    texts.pop("", None)
    return texts


def _tables() -> Iterator[tuple[str, str]]:
    """Texts that are translated by way of a variable."""
    for command in commands.COMMANDS:
        yield from (("usi/core/commands.py", each) for each in (command.summary, command.takes, f"/{command.names[0]}"))
    for table in (lobby.NOTICES, lobby.DEEDS, lobby.OUT):
        yield from (("usi/core/lobby.py", each) for each in table.values())
    yield from (("usi/core/report.py", each) for each in report.NOTICES.values())
    yield from (("usi/core/text.py", each) for each in text.NAME_FAULTS)
    yield from (("usi/core/errors.py", each) for each in errors.REFUSED_BECAUSE.values())
    yield from (("argparse", each) for each in ARGPARSE)
    yield from (("the operating system", each) for each in SYSTEM)


def search(folder: Path = ROOT / "usi") -> Found:
    """What the Python files in a folder hold."""
    found = Found({}, [], [])
    trees = {path: ast.parse(path.read_text("utf-8")) for path in sorted(folder.rglob("*.py"))}
    errors = _errors(node for tree in trees.values() for node in ast.walk(tree))
    for path, tree in trees.items():
        file = path.relative_to(folder.parent).as_posix()
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef) and (node.name == _ROOT or _bases(node) & errors):
                template = " ".join(cleandoc(ast.get_docstring(node) or "").split())
                found.texts.setdefault(template, set()).add(file)
            elif isinstance(node, ast.Call):
                _look_at(node, file, found)
    return found


def _errors(nodes: Iterable[ast.AST]) -> set[str]:
    """Names of the classes that are a `UsiError`: their docstrings are sentences."""
    classes = [(node.name, _bases(node)) for node in nodes if isinstance(node, ast.ClassDef)]
    errors = {_ROOT}
    while more := {name for name, above in classes if above & errors} - errors:
        errors |= more
    return errors


def _bases(node: ast.ClassDef) -> set[str]:
    return {_name(base) for base in node.bases}


def _look_at(call: ast.Call, file: str, found: Found) -> None:
    place = Place(file, call.lineno)
    called = _name(call.func)
    wanted: list[ast.expr] = []
    if called in _CALLS and call.args:
        text_node = call.args[0]
        wanted.append(text_node)
        if not _is_text(text_node):
            where = found.unfindable if _is_put_together(text_node) else found.computed
            where.append((place, ast.unparse(text_node)))
    elif called == "Binding":
        for keyword, position in _BINDING.items():
            if position is not None:
                wanted += call.args[position : position + 1]
            wanted += [each.value for each in call.keywords if each.arg == keyword]
    elif called not in _CALLS:
        for keyword in call.keywords:
            if keyword.arg in _PHRASES:
                wanted.append(keyword.value)
                if _is_put_together(keyword.value):
                    found.unfindable.append((place, ast.unparse(keyword.value)))
    for node in wanted:
        for sentence in _texts(node):
            found.texts.setdefault(sentence, set()).add(file)


def _texts(node: ast.expr) -> Iterator[str]:
    """The literals that an expression can be."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.IfExp):
        yield from _texts(node.body)
        yield from _texts(node.orelse)
    elif isinstance(node, ast.BoolOp):
        for each in node.values:
            yield from _texts(each)


def _is_text(node: ast.expr) -> bool:
    if isinstance(node, ast.IfExp):
        return _is_text(node.body) and _is_text(node.orelse)
    return isinstance(node, ast.Constant)


def _is_put_together(node: ast.expr) -> bool:
    """Whether a text is made of parts, so that no catalogue can hold it."""
    return any(isinstance(each, ast.JoinedStr | ast.BinOp) for each in ast.walk(node)) and not isinstance(
        node, ast.Call
    )


def _name(node: ast.expr) -> str:
    """The last part of a dotted name."""
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""
