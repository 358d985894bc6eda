"""Who may know whom: the import contracts of pyproject.toml, and what a headless run really loads."""

import pkgutil
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import usi

ROOT = Path(__file__).parents[1]
SCREEN = frozenset({"textual", "rich", "plyer"})
IMPURE = SCREEN | {"asyncio", "socket", "ssl", "sqlite3"}

LINT_IMPORTS = "from importlinter.cli import lint_imports_command; lint_imports_command()"

# Run in a fresh process: imports each module in turn and names, after each, what has come with it so far.
IMPORT_IN_TURN = """
import importlib, sys
banned = set(sys.argv[1].split(","))
for name in sys.argv[2:]:
    importlib.import_module(name)
    print(name, ",".join(sorted(banned & sys.modules.keys())) or "-", flush=True)
"""


def pyproject() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))


def all_modules() -> list[str]:
    """Every module of the package, by name, without what belongs to the screen."""

    def complain(name: str) -> None:
        raise AssertionError(f"{name} cannot be imported") from sys.exception()

    found = {module.name for module in pkgutil.walk_packages(usi.__path__, "usi.", onerror=complain)}
    screen = re.compile(r"usi\.(ui\.tui|ui\.notify|__main__)(\.|$)")
    return sorted(name for name in found if not screen.match(name))


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *arguments]
    return subprocess.run(
        command, cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False
    )


def test_import_contracts() -> None:
    result = run("-c", LINT_IMPORTS, "--no-cache", "--no-logo")
    assert result.returncode == 0, result.stdout + result.stderr
    summary = re.search(r"Contracts: (\d+) kept, (\d+) broken", result.stdout)
    assert summary, result.stdout
    contracts = pyproject()["tool"]["importlinter"]["contracts"]
    assert int(summary[1]) == len(contracts) > 0
    assert int(summary[2]) == 0


def test_the_screen_has_its_three_layers() -> None:
    """Their contract lets a missing layer pass: without this, a change of name would switch it off."""
    tui = ROOT / "usi" / "ui" / "tui"
    if not tui.is_dir():
        pytest.skip("there is no screen yet")
    assert {"app", "screens", "widgets"} <= {module.name for module in pkgutil.iter_modules([str(tui)])}


@pytest.mark.parametrize(
    ("within", "needed", "banned"),
    [
        pytest.param("usi.core", {"usi.core.crypto"}, IMPURE, id="core"),
        pytest.param("usi", {"usi.config", "usi.net.peer", "usi.ui.plain", "usi.cli"}, SCREEN, id="headless"),
    ],
)
def test_headless_modules_load_no_screen(within: str, needed: set[str], banned: frozenset[str]) -> None:
    modules = [name for name in all_modules() if name == within or name.startswith(within + ".")]
    assert needed <= set(modules)
    result = run("-c", IMPORT_IN_TURN, ",".join(sorted(banned)), *modules)
    assert result.returncode == 0, result.stderr
    loaded = dict(line.split() for line in result.stdout.splitlines())
    assert list(loaded) == modules
    guilty = next((f"{name} brings in {what}" for name, what in loaded.items() if what != "-"), None)
    assert guilty is None


@pytest.mark.parametrize("option", ["--help", "--version"])
def test_launcher_answers_without_the_screen(option: str) -> None:
    result = run("-X", "importtime", "usi.py", option)
    assert result.returncode == 0, result.stderr
    assert result.stdout.strip()
    lines = [line for line in result.stderr.splitlines() if line.startswith("import time:")]
    loaded = {line.rpartition("|")[2].strip() for line in lines}
    assert "usi.cli" in loaded
    assert not {name.partition(".")[0] for name in loaded} & SCREEN


def test_requirements_are_the_same_in_both_files() -> None:
    project = pyproject()["project"]
    lines = (ROOT / "requirements.txt").read_text("utf-8").splitlines()
    required = {line for line in lines if line and not line.startswith("#")}
    running, testing = set(project["dependencies"]), set(project["optional-dependencies"]["test"])
    assert running <= required
    assert required - running <= testing
    assert {re.match(r"[\w-]+", line)[0] for line in testing - required} == {"ruff", "mypy"}
