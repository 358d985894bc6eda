"""What Tab makes of what is written."""

from pathlib import Path

import pytest

from usi.ui import i18n as language
from usi.ui.tui.completion import Candidate, complete, paths

NAMES = ["bob", "Bobby", "alice", "René"]


def ways(before: str) -> list[str]:
    completion = complete(before, NAMES)
    return [candidate.text for candidate in completion.candidates] if completion else []


@pytest.mark.parametrize(
    ("before", "texts"),
    [
        ("", []),
        ("hello ", []),
        ("/veri", ["/verify"]),
        ("!util", ["!utilisateurs"]),
        ("/quitt", ["/quitter"]),
        ("/VERI", ["/verify"]),
        ("//ver", []),
        ("/verify ", ["alice", "bob", "Bobby", "René"]),
        ("/verify b", ["bob", "Bobby"]),
        ("/help veri", ["/verify"]),
        ("/nick ", []),
        ("hello bo", ["bob", "Bobby"]),
        ("hello @bo", ["@bob", "@Bobby"]),
        ("@", ["@alice", "@bob", "@Bobby", "@René"]),
        ("x\n/ver", []),
        ("nobody", []),
    ],
)
def test_ways_to_go_on(before: str, texts: list[str]) -> None:
    assert ways(before) == texts


def test_the_language_in_use_goes_first() -> None:
    assert ways("/ver") == ["/verify"], "and not also /verrouiller"
    assert ways("!verr") == ["!verrouiller"], "where nothing else fits"
    language.speak("fr")
    try:
        assert ways("/ver") == ["/vérifier", "/verrouiller"]
        assert ways("/VÉRI") == ["/vérifier"]
        assert ways("/veri") == ["/vérifier"]
        assert ways("/verify") == ["/verify"]
    finally:
        language.speak("en")


def test_every_command_once() -> None:
    assert len(ways("/")) == len(set(ways("/"))) >= 8


def test_what_all_have_in_common() -> None:
    completion = complete("hello @B", NAMES)
    assert completion is not None
    assert (completion.start, completion.common) == (6, "@bob")


def test_paths(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    for name in ("four.txt", "Fore.txt", ".hidden", "bad\x1b[31m"):
        (tmp_path / name).touch()
    found = {Path(c.text).name: c.ends for c in paths(f"{tmp_path}/fo")}
    assert found == {"folder": False, "four.txt": True, "Fore.txt": True}
    assert [Path(c.text).name for c in paths(f"{tmp_path}/.h")] == [".hidden"]
    assert len(paths(f"{tmp_path}/")) == 3
    assert paths(f"{tmp_path}/none/") == []
    assert paths("\x00") == []


def test_numbers_of_files() -> None:
    numbers = [Candidate("3", "report.pdf, bob"), Candidate("12", "photos, alice")]
    for before, texts in (("/accept ", ["3", "12"]), ("!annuler 1", ["12"]), ("/files ", []), ("/decline x", [])):
        completion = complete(before, NAMES, numbers)
        assert [candidate.text for candidate in completion.candidates] == texts if completion else not texts


def test_paths_behind_send(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "two words").mkdir()
    (tmp_path / "two words" / "a file.txt").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert ways("/send ") == ["two words/"]
    assert ways("/send two w") == ["two words/"]
    assert ways("!fichier two words/a f") == ["two words/a file.txt"]
    assert ways("/send ~") == ["~/"]
    assert ways("/send ~/tw") == ["~/two words/"]
    assert ways("/send ~/two words/") == ["~/two words/a file.txt"]


def test_long_texts(hostile: str) -> None:
    complete(hostile * 10, NAMES)
    complete("x" * 65_000, NAMES)
    complete("x " * 32_000, NAMES)
