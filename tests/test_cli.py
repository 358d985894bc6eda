"""The command line: which settings the arguments make, and what is said about those that make none."""

from __future__ import annotations

import base64
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from usi import __version__, cli
from usi.config import DEFAULT_PORT, Settings
from usi.core.crypto import PrivateKey
from usi.ui import passphrase, plain

KEY = bytes(range(16))
HEX = KEY.hex()
CODE = "lilac-soprano-distant-mixer"
PASTED = f"usi://[::1]:12801/#{HEX * 2}-{CODE}"
BASE64 = base64.b64encode(KEY).decode()


class Started:
    """What would have been started."""

    settings: Settings
    as_json: bool
    stay: bool
    messages: bool


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> Started:
    """Takes the place of the face, and leaves the event loop policy of this process alone."""
    caught = Started()

    def run(settings: Settings, *, as_json: bool, stay: bool, messages: bool) -> int:
        caught.settings, caught.as_json, caught.stay, caught.messages = settings, as_json, stay, messages
        return 0

    monkeypatch.setattr(plain, "run", run)
    monkeypatch.setattr(cli, "_use_fast_loop", lambda: None)
    return caught


@pytest.fixture
def settings_of(started: Started) -> Any:
    """The settings that these arguments make, with --plain."""

    def make(*arguments: str) -> Settings:
        assert cli.main([*arguments, "--plain"]) == 0
        return started.settings

    return make


@pytest.fixture
def refused(started: Started, capsys: pytest.CaptureFixture[str]) -> Any:
    """The sentence with which these arguments are refused: one line on standard error, status 2, nothing started."""

    def refuse(*arguments: str) -> str:
        assert cli.main([*arguments, "--plain"]) == 2
        out, err = capsys.readouterr()
        assert out == ""
        assert re.fullmatch(r"usi: [^\n]*\n", err)
        assert "Traceback" not in err
        assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f]", err)
        assert not hasattr(started, "settings")
        return err

    return refuse


# --- hosting and joining ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("option", ["-s", "--server", "--serveur"])
def test_hosting(settings_of: Any, option: str) -> None:
    settings = settings_of(option)
    assert (settings.hosting, settings.name, settings.address, settings.port) == (True, "host", None, 12800)
    assert (settings.preset, settings.drawn_key, settings.dev) == (None, None, False)


@pytest.mark.parametrize("option", ["-b", "--bind"])
def test_hosting_on_one_address(settings_of: Any, option: str) -> None:
    assert settings_of("-s", option, "127.0.0.1").address == "127.0.0.1"


@pytest.mark.parametrize("option", ["-p", "--port"])
@pytest.mark.parametrize("port", [0, 1, 65535])
def test_hosting_on_a_port(settings_of: Any, option: str, port: int) -> None:
    assert settings_of("-s", option, str(port)).port == port


@pytest.mark.parametrize("option", ["-c", "--client"])
@pytest.mark.parametrize(
    ("target", "address", "port"),
    [
        ([], "localhost", 12800),
        (["example.org"], "example.org", 12800),
        (["example.org:1"], "example.org", 1),
        (["192.0.2.1:65535"], "192.0.2.1", 65535),
        (["::1"], "::1", 12800),
        (["[::1]"], "::1", 12800),
        (["[::1]:99"], "::1", 99),
        (["[fe80::1%eth0]:99"], "fe80::1%eth0", 99),
        (["example.org", "-p", "7"], "example.org", 7),
        (["example.org:7", "-p", "7"], "example.org", 7),
        (["::1", "-p", "7"], "::1", 7),
    ],
)
def test_joining(settings_of: Any, option: str, target: list[str], address: str, port: int) -> None:
    settings = settings_of(option, *target)
    assert (settings.hosting, settings.address, settings.port) == (False, address, port)


@pytest.mark.parametrize("option", ["-m", "--name", "--nom"])
def test_a_name(settings_of: Any, option: str) -> None:
    assert settings_of("-c", option, "Zoé").name == "Zoé"
    assert settings_of("-s", option, "Zoé").name == "Zoé"


def test_a_guest_without_a_name_gets_one(settings_of: Any) -> None:
    names = {settings_of("-c").name for _ in range(20)}
    assert all(re.fullmatch(r"guest-[a-z0-9]{4}", name) for name in names)
    assert len(names) > 1


@pytest.mark.parametrize("option", ["-d", "--dev"])
def test_the_inspector(settings_of: Any, option: str) -> None:
    assert settings_of("-s", option).dev


def test_the_faces(started: Started) -> None:
    for arguments, as_json, stay in (
        (["--plain"], False, False),
        (["--json"], True, False),
        (["--plain", "--json"], True, False),
        (["--json", "--stay"], True, True),
        (["--plain", "--stay", "--no-color"], False, True),
    ):
        assert cli.main(["-s", *arguments]) == 0
        assert (started.as_json, started.stay) == (as_json, stay)
        assert started.messages
    assert cli.main(["-s", "--json", "--no-messages"]) == 0
    assert not started.messages
    assert cli.main(["-s", "--json", "--no-messages", "--dev"]) == 2  # its traces have the texts


def test_the_screen_needs_a_terminal(started: Started, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["-s"]) == 2
    assert "--plain" in capsys.readouterr().err


# --- the preset key --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("option", ["-k", "--key", "--cle"])
@pytest.mark.parametrize("key", [HEX, HEX.upper(), BASE64, BASE64.rstrip("=")])
def test_a_preset_key(settings_of: Any, option: str, key: str) -> None:
    for side in ("-s", "-c"):
        settings = settings_of(side, option, key)
        assert settings.preset == KEY
        assert settings.drawn_key is None


@pytest.mark.parametrize("content", [HEX, f"{HEX}\n", f"  {BASE64}\r\n", "00010203 04050607\n08090a0b 0c0d0e0f\n"])
def test_a_key_file(settings_of: Any, tmp_path: Path, content: str) -> None:
    path = tmp_path / "key"
    path.write_text(content, "ascii")
    assert settings_of("-s", "--key-file", str(path)).preset == KEY
    assert settings_of("-c", "--key-file", str(path)).preset == KEY


def test_a_key_from_the_environment(
    settings_of: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("USI_KEY", HEX)
    assert settings_of("-s").preset == KEY
    assert settings_of("-s", "--key", "ff" * 32).preset == b"\xff" * 32  # what was typed counts more
    path = tmp_path / "key"
    path.write_text("ee" * 24, "ascii")
    assert settings_of("-s", "--key-file", str(path)).preset == b"\xee" * 24
    monkeypatch.setenv("USI_KEY", "")
    assert settings_of("-s", "--key", HEX).preset == KEY
    assert cli.main(["-s", "--plain"]) == 2
    assert "USI_KEY is set and empty" in capsys.readouterr().err


def test_a_drawn_key_is_fresh_and_kept_to_be_shown(settings_of: Any) -> None:
    drawn = [settings_of("-s", "--key", "new") for _ in range(2)]
    assert drawn[0].preset != drawn[1].preset
    for settings in drawn:
        assert len(settings.preset) == 32
        assert base64.b64decode(settings.drawn_key) == settings.preset
        assert settings_of("-c", "--key", settings.drawn_key).preset == settings.preset


def test_a_key_that_was_drawn_by_another_way_is_shown_as_well(
    settings_of: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Nobody could join a host whose key is drawn and never told."""
    path = tmp_path / "key"
    path.write_text("new\n", "ascii")
    assert settings_of("-s", "--key-file", str(path)).drawn_key
    monkeypatch.setenv("USI_KEY", "new")
    assert settings_of("-s").drawn_key


def test_no_key_shows_in_the_settings(settings_of: Any) -> None:
    for key in (HEX, BASE64, "new"):
        settings = settings_of("-s", "--key", key)
        for secret in (HEX, BASE64, repr(settings.preset), str(settings.drawn_key)):
            assert secret not in repr(settings) or secret == "None"


# --- trust -----------------------------------------------------------------------------------------------------------


def test_a_code_and_an_expected_key(settings_of: Any) -> None:
    fingerprint = "0001 " + HEX[4:] + HEX.upper()
    settings = settings_of("-c", "h", "--code", " Lila Soprano distant MIXER", "--expect", fingerprint)
    assert (settings.code, settings.expect) == (CODE, KEY * 2)
    assert CODE not in repr(settings)
    assert settings_of("-s", "--invite").invite
    assert not settings_of("-s").invite


def test_a_pasted_invitation(settings_of: Any) -> None:
    for more in ([], ["--code", CODE], ["--expect", HEX * 2]):
        settings = settings_of("-c", PASTED, *more)
        assert (settings.address, settings.port, settings.expect, settings.code) == ("::1", 12801, KEY * 2, CODE)
    settings = settings_of("-c", PASTED.partition("-")[0], "--code", CODE)
    assert (settings.expect, settings.code) == (KEY * 2, CODE)
    assert settings_of("-c", f"usi://h/#{HEX * 2}").port == DEFAULT_PORT


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch, keys: dict[str, PrivateKey]) -> None:
    """Identities that cost no time."""
    monkeypatch.setattr("usi.core.crypto.SCRYPT_COST", 2**10)
    monkeypatch.setattr(PrivateKey, "generate", classmethod(lambda cls: keys["alice"]))


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("content", ["Élan vital", "Élan vital\n", "Élan vital\r\nmore\n"])
def test_a_passphrase_from_a_file_or_the_environment(
    settings_of: Any, keys: dict[str, PrivateKey], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str
) -> None:
    (tmp_path / "pass").write_bytes(content.encode())
    path = tmp_path / "id.pem"
    options = ("-s", "--identity", str(path))
    settings = settings_of(*options, "--passphrase-file", str(tmp_path / "pass"))
    assert settings.key.public == keys["alice"].public
    assert settings.identity == path
    monkeypatch.setenv("USI_PASSPHRASE", "Élan vital")
    assert settings_of(*options).key.public == keys["alice"].public
    monkeypatch.setenv("USI_PASSPHRASE", "another")
    assert cli.main([*options, "--plain"]) == 4
    assert cli.main([*options, "--plain", "--passphrase-file", str(tmp_path / "none")]) == 2


@pytest.mark.usefixtures("quick")
def test_a_passphrase_from_the_terminal(
    settings_of: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ("-s", "--identity", str(tmp_path / "id.pem"))
    monkeypatch.setattr(passphrase, "_has_terminal", lambda: False)
    assert cli.main([*options, "--plain"]) == 2
    assert "--passphrase-file" in capsys.readouterr().err
    monkeypatch.setattr(passphrase, "_has_terminal", lambda: True)
    typed = ["one", "two"]
    monkeypatch.setattr(passphrase, "getpass", lambda prompt, stream: typed.pop(0))
    assert cli.main([*options, "--plain"]) == 2
    assert "not the same" in capsys.readouterr().err
    typed[:] = ["one", "one", "one"]
    made = settings_of(*options)
    assert settings_of(*options).key.public == made.key.public
    assert not typed, "asked twice for a new one, once for an old one"


# --- what cannot be --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "-s to host, -c HOST to join"),
        (["-s", "-c"], "-s to host, -c HOST to join"),
        (["-c", "h", "-s"], "-s to host, -c HOST to join"),
        (["-c", "h", "-b", "127.0.0.1"], "-b is for a host"),
        (["-s", "-p", "-1"], "not a port"),
        (["-s", "-p", "65536"], "not a port"),
        (["-c", "h", "-p", "0"], "not a port"),
        (["-c", "h:0"], "not a port"),
        (["-c", "h:65536"], "not a port"),
        (["-c", "h:" + "9" * 30], "PORT"),
        (["-c", "h:" + "9" * 5_000], "PORT"),
        (["-c", "h:1", "-p", "2"], "Two ports"),
        (["-s", "-p", "many"], "invalid int value"),
        (["-s", "-p"], "expected one argument"),
        (["-c", ""], "HOST[:PORT]"),
        (["-c", ":12800"], "HOST[:PORT]"),
        (["-c", "h:"], "HOST[:PORT]"),
        (["-c", "h:x"], "HOST[:PORT]"),
        (["-c", "h:²"], "HOST[:PORT]"),
        (["-c", "[::1"], "HOST[:PORT]"),
        (["-c", "[::1]:"], "HOST[:PORT]"),
        (["-c", "[::1]x"], "HOST[:PORT]"),
        (["-c", "[]"], "HOST[:PORT]"),
        (["-c", "h", "more"], "more"),
        (["-s", "--nosuch"], "--nosuch"),
        (["-s", "--serv"], "--serv"),  # no guessing: an abbreviation may mean something else tomorrow
        (["-s", "-m"], "expected one argument"),
        (["-s", "-m", ""], "name"),
        (["-s", "-m", "x" * 25], "name"),
        (["-s", "-m", "a\x1b[31mb"], "name"),
        (["-s", "-m", "a\u202eb"], "name"),
        (["-s", "-m", "{why}"], "name"),
        (["-s", "-k", ""], "preset key"),
        (["-s", "-k", "short"], "preset key"),
        (["-s", "-k", "ab" * 15], "preset key"),
        (["-s", "-k", "é" * 16], "preset key"),
        (["-s", "-k", "ab" * 33], "preset key"),
        (["-c", "-k", "new"], "--key new is for a host"),
        (["-s", "-k", HEX, "--key-file", "x"], "once"),
        (["-s", "--key-file", "no/such/file"], "no/such/file"),
        (["-c", "h", "--invite"], "--invite is for a host"),
        (["-s", "--code", CODE], "for who joins"),
        (["-s", "--expect", HEX * 2], "for who joins"),
        (["-c", "h", "--code", "lilac"], "four words"),
        (["-c", "h", "--expect", HEX], "64 hexadecimal digits"),
        (["-c", "usi://h"], "usi://HOST:PORT/#FINGERPRINT"),
        (["-c", f"usi://h:x/#{HEX * 2}"], "HOST[:PORT]"),
        (["-c", PASTED, "--expect", "ff" * 32], "another code or fingerprint"),
        (["-c", PASTED, "--code", "zoo-zoo-zoo-zoo"], "another code or fingerprint"),
        (["-s", "--passphrase-file", "x"], "--identity"),
        (["-s", "--identity", "no/such/id.pem"], "no such folder"),
        (["-s", "--key-file", "\x1b[31m"], "cannot be read"),
        (["-s", "--key-file", "{path}"], "cannot be read"),
    ],
    ids=lambda value: repr(value)[:40] if isinstance(value, list) else "",
)
def test_what_is_refused(refused: Any, arguments: list[str], words: str) -> None:
    assert words in refused(*arguments)


def test_a_key_file_that_holds_no_key_is_refused(refused: Any, tmp_path: Path) -> None:
    path = tmp_path / "key"
    for content in (b"", b"\n", b"hello", b"\xff" * 32, b"00" * 900):
        path.write_bytes(content)
        assert "preset key" in refused("-s", "--key-file", str(path))
    assert "cannot be read" in refused("-s", "--key-file", str(tmp_path))


def test_the_key_itself_is_not_in_the_refusal(refused: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "0123456789" not in refused("-s", "-k", "0123456789abcdefg")
    monkeypatch.setenv("USI_KEY", "0123456789abcdefg")
    assert "0123456789" not in refused("-s")


def test_debug_shows_where_it_comes_from(started: Started) -> None:
    from usi.core.errors import UsageError

    with pytest.raises(UsageError):
        cli.main(["-s", "-c", "--debug"])


def test_what_should_not_happen_is_one_sentence(
    started: Started, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*args: Any, **kwargs: Any) -> int:
        raise ZeroDivisionError("secret detail")

    monkeypatch.setattr(plain, "run", fail)
    assert cli.main(["-s", "--plain"]) == 1
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert "--debug" in err
    assert "secret detail" not in err
    with pytest.raises(ZeroDivisionError):
        cli.main(["-s", "--plain", "--debug"])


@pytest.mark.parametrize("arguments", [["-s", "--plain"], ["--doctor"], ["--account", "alice"]])
def test_a_library_that_is_not_installed_is_named(arguments: list[str]) -> None:
    """As where somebody takes the system's Python, and not that of the virtual environment."""
    program = "import sys; sys.modules['msgspec'] = None; from usi.cli import main; sys.exit(main(sys.argv[1:]))"
    command = [sys.executable, "-c", program, *arguments]
    ended = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 1
    assert "msgspec" in ended.stderr
    assert ended.stderr.count("\n") == 1


# --- help ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("option", ["-h", "--help"])
def test_help_names_every_option(capsys: pytest.CaptureFixture[str], option: str) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main([option])
    assert ended.value.code == 0
    out = capsys.readouterr().out
    for word in (
        *("-s", "--server", "--serveur", "-c", "--client", "-m", "--name", "--nom", "-b", "--bind", "-p", "--port"),
        *("-k", "--key", "--cle", "--key-file", "USI_KEY", "-d", "--dev", "--plain", "--json", "--stay"),
        *("--no-messages", "--no-color"),
        *("-v", "--version", "12800", "exit status"),
    ):
        assert word in out


@pytest.mark.parametrize("option", ["-v", "--version"])
def test_version(capsys: pytest.CaptureFixture[str], option: str) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main([option])
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"usi {__version__}\n"


def test_a_folder_for_files_that_is_none_is_said_at_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    assert cli.main(["-s", "-p", "0", "--plain", "--accept-files", "--downloads", str(tmp_path / "file")]) == 2
    said = capsys.readouterr().err
    assert "Nothing is received into" in said
    assert "--downloads" in said


def test_a_home_that_nobody_has_is_a_folder_like_any_other(settings_of: Any) -> None:
    assert settings_of("-s", "--downloads", "~nobody-of-this-name").downloads == Path("~nobody-of-this-name").absolute()
