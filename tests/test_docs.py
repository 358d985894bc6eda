"""What README.md and docs/ list is what there is, and their links lead somewhere."""

import re
from pathlib import Path

import pytest

from usi import cli
from usi.core import commands, errors
from usi.core import events as ev

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def rows(page: str) -> str:
    """The first cells of all tables of a page."""
    text = (ROOT / "docs" / page).read_text("utf-8")
    return "\n".join(re.findall(r"^\| (.*?) (?<!\\)\| ", text, re.MULTILINE))


def test_every_option_is_in_the_reference() -> None:
    listed = set(re.findall(r"--?[a-z][a-z-]*", rows("REFERENCE.md")))
    for action in cli._parser()._actions:
        assert listed & set(action.option_strings), action.option_strings
    known = {option for action in cli._parser()._actions for option in action.option_strings}
    assert listed <= known | {"--private"}, "an option of /room"


def test_every_command_is_in_the_reference() -> None:
    listed = re.findall(r"[/!](\w+)", rows("REFERENCE.md"))
    assert {name for name in listed if commands.find(name)} == set(listed)
    assert {commands.find(name).names[0] for name in listed} == {command.names[0] for command in commands.COMMANDS}


def test_every_event_is_in_the_page_for_scripts() -> None:
    listed = set(re.findall(r"`([a-z_]+)`", rows("SCRIPTING.md")))
    assert listed == {str(kind.__struct_config__.tag) for kind in ev.Event.__subclasses__()}


def test_every_status_is_told() -> None:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.UsiError)]
    there = {kind.exit_status for kind in kinds}
    for page in ("REFERENCE.md", "SCRIPTING.md"):
        assert there | {0} == {int(row) for row in re.findall(r"^\d$", rows(page), re.MULTILINE)}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)]+)\)", page.read_text("utf-8")):
        if ":" in target:
            continue
        path, _, anchor = target.partition("#")
        there = page.parent / path if path else page
        assert there.exists(), target
        if anchor:
            titles = re.findall(r"^#+ (.*)$", there.read_text("utf-8"), re.MULTILINE)
            assert anchor in {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}, target
