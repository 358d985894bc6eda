"""The command line: arguments and environment → `Settings`; starts the chosen face; exit statuses."""

from __future__ import annotations

import argparse
import io
import os
import random
import re
import string
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from usi import __version__
from usi.config import DEFAULT_DOWNLOADS, DEFAULT_PORT, Limits, Settings, limits_from
from usi.core import errors, text
from usi.core.language import tr
from usi.ui import i18n, passphrase

if TYPE_CHECKING:
    from usi.core.crypto import PrivateKey

KEY_VARIABLE = "USI_KEY"
_MAX_PORT = 65_535
_PORT = re.compile(r"[0-9]{1,5}")
_USAGES = {
    i18n.mark("usi -s [OPTION …]"): i18n.mark("host a conversation"),
    i18n.mark("usi -c HOST -m NAME [OPTION …]"): i18n.mark("join one"),
    i18n.mark("usi --demo"): i18n.mark("look around"),
    i18n.mark("usi --doctor [HOST]"): i18n.mark("see what is wrong"),
}
_STATUSES = i18n.mark("""\
exit status: 0 left normally, 1 other failure, 2 wrong usage, 3 unreachable, refused or port in use,
4 authentication or verification failed, 5 removed by the host""")


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        sentence = f"{message[:1].upper()}{message[1:]}."
        raise errors.UsageError(why=sentence)


def _usage() -> str:
    """The four ways to start, each with what it is for, one below the other."""
    rows = [(tr(form), tr(meaning)) for form, meaning in _USAGES.items()]
    wide = max(len(form) for form, _ in rows)
    return "\n  ".join(["", *(f"{form:{wide}}  {meaning}" for form, meaning in rows)])


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="usi",
        usage=_usage(),
        description=tr("Encrypted conversations in the terminal: one hosts, the others join."),
        epilog=tr(_STATUSES),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("-s", "--server", "--serveur", action="store_true", help=tr("host a conversation"))
    add(
        "-c", "--client", nargs="?", const="localhost", metavar=tr("HOST[:PORT]"),
        help=tr("join a host (default localhost:{port}; [::1]:{port} for IPv6; or a usi://… line)", port=DEFAULT_PORT),
    )  # fmt: skip
    add("--demo", action="store_true", help=tr("look around: a host and two members in one terminal, no network"))
    add(
        "--doctor", "--docteur", nargs="?", const="", metavar=tr("HOST[:PORT]"),
        help=tr("look whether all is well here, and on the way to a host; joins nobody"),
    )  # fmt: skip
    add("-m", "--name", "--nom", metavar=tr("NAME"), help=tr("your name (default guest-xxxx, or host)"))
    add(
        "-p", "--port", type=int, metavar=tr("PORT"),
        help=tr("port (default {port}; a host takes 0 for any)", port=DEFAULT_PORT),
    )  # fmt: skip
    add("-v", "--version", action="version", version=f"usi {__version__}", help=tr("show the version and exit"))
    add = parser.add_argument_group(tr("hosting")).add_argument
    add("-b", "--bind", metavar=tr("ADDRESS"), help=tr("listen on this address only"))
    add("--invite", action="store_true", help=tr("start with a code for guests, which verifies them and you"))
    add("--rooms", metavar=tr("FILE"), help=tr("rooms and who may enter them, written by hand"))
    add("--accounts", metavar=tr("FILE"), help=tr("accounts, written by hand (--account prints what goes in)"))
    add(
        "--moderation", metavar=tr("FILE"),
        help=tr("keep bans, silences, and rooms, rights and topics that commands made, from run to run"),
    )  # fmt: skip
    add("--history", metavar=tr("FILE"), help=tr("keep what is said in rooms, sealed under a passphrase"))
    add("--log", metavar=tr("FILE"), help=tr("keep who came, went and was removed; never what was said"))
    add = parser.add_argument_group(tr("keys and passwords")).add_argument
    add("--code", metavar=tr("CODE"), help=tr("the code that the host gave you: both are verified, or nothing is said"))
    add("--expect", metavar=tr("FINGERPRINT"), help=tr("join only if the host's key has this fingerprint"))
    add(
        "-k", "--key", "--cle", metavar=tr("KEY"),
        help=tr("preset key that all must have, base64 or hexadecimal, 128/192/256 bits; `new` on a host draws one"),
    )  # fmt: skip
    add(
        "--key-file", metavar=tr("FILE"),
        help=tr("read the preset key from a file (or set {variable})", variable=KEY_VARIABLE),
    )  # fmt: skip
    add("--identity", metavar=tr("FILE"), help=tr("keep one key from run to run in this file, made where missing"))
    add(
        "--passphrase-file", metavar=tr("FILE"),
        help=tr("read the passphrase from a file (or set {variable})", variable=passphrase.VARIABLE),
    )  # fmt: skip
    add(
        "--password", action="store_true",
        help=tr("ask for a password: that of your account, or the one of the host, which sets it so"),
    )  # fmt: skip
    add(
        "--password-file", metavar=tr("FILE"),
        help=tr("read that password from a file (or set {variable})", variable="USI_PASSWORD"),
    )  # fmt: skip
    add = parser.add_argument_group(tr("files and private conversations")).add_argument
    add(
        "--downloads", metavar=tr("FOLDER"),
        help=tr("where received files go (default: {folder} in this folder)", folder=DEFAULT_DOWNLOADS),
    )  # fmt: skip
    add("--accept-files", action="store_true", help=tr("receive all that is offered, without asking"))
    add("--ask-private", action="store_true", help=tr("ask before somebody opens a private conversation"))
    add = parser.add_argument_group(tr("screen and language")).add_argument
    add("-d", "--dev", action="store_true", help=tr("show every step of the cryptography"))
    add("-n", "--notifications", action="store_true", help=tr("desktop notifications of what you do not see"))
    add("--notify-content", action="store_true", help=tr("put the text of messages into them"))
    add(
        *i18n.OPTIONS, choices=i18n.LANGUAGES, metavar="|".join(i18n.LANGUAGES),
        help=tr("language (default: that of the system)"),
    )  # fmt: skip
    add("--no-color", action="store_true", help=tr("no colours (as the variable NO_COLOR)"))
    add = parser.add_argument_group(tr("without a screen")).add_argument
    add("--plain", action="store_true", help=tr("no screen: lines in, lines out"))
    add("--json", action="store_true", help=tr("as --plain, with one JSON object per event"))
    add("--stay", action="store_true", help=tr("with --plain or --json: stay when the input ends, until a signal"))
    add("--no-messages", action="store_true", help=tr("with --plain or --json: show nothing of what is said"))
    add = parser.add_argument_group(tr("care of a host's files")).add_argument
    add("--account", metavar=tr("NAME"), help=tr("ask for a password and print the account to paste into the file"))
    add("--history-check", metavar=tr("FILE"), help=tr("read a whole history: what is there, and what is wrong"))
    add(
        "--log-check", nargs="+", metavar=(tr("FILE"), tr("HASH")),
        help=tr("show that nothing was changed in a log, and that a line is there whose hash was noted"),
    )  # fmt: skip
    add = parser.add_argument_group(tr("more")).add_argument
    add(
        "--limit", "--limite", action="append", default=[], metavar=tr("NAME=VALUE"),
        help=tr("another limit or time than the default, such as seat_seconds=60 (all: docs/LIMITS.md)"),
    )  # fmt: skip
    add("--debug", action="store_true", help=tr("show the traceback of a failure"))
    return parser


def main(argv: list[str] | None = None) -> int:
    """Run USI with these arguments (default: the process's own); returns the exit status."""
    arguments = sys.argv[1:] if argv is None else argv
    _open_standard_streams()
    language = i18n.choose(arguments)
    i18n.speak(language)
    try:
        return _run(arguments, language)
    except errors.UsiError as error:
        if "--debug" in arguments:
            raise
        print(f"usi: {text.visible_line(str(error))}", file=sys.stderr)
        return error.exit_status
    except KeyboardInterrupt:
        return 0
    except Exception as error:
        if "--debug" in arguments:
            raise
        said = tr("this should not have happened ({kind}); --debug shows more.", kind=type(error).__name__)
        print(f"usi: {said}", file=sys.stderr)
        return 1


def _open_standard_streams() -> None:
    """Give 0, 1 and 2 something harmless where they were closed, or a socket would get their numbers."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free number, which is this one
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115 (for the life of the program)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # an old code page may lack some of our letters


def _run(arguments: list[str], language: str) -> int:
    try:
        return _do(arguments, language)
    except ModuleNotFoundError as error:
        raise errors.MissingLibrary(name=error.name or "") from error


def _do(arguments: list[str], language: str) -> int:
    with i18n.standard_library(language):
        parser = _parser()
        options, rest = parser.parse_known_args(arguments)
        if len(rest) == 1 and not rest[0].startswith("-") and not options.server and options.client is None:
            raise errors.UsageError(why=tr("To join {host}, write -c {host}.", host=rest[0]))
        options = parser.parse_args(arguments)  # says what is unknown
    if options.demo:
        return _demo(options)
    if options.account is not None or options.history_check is not None or options.log_check is not None:
        return _look_after(options)
    if options.doctor is not None:
        return _doctor(options)
    if options.dev and options.no_messages:
        raise errors.UsageError(why=tr("--dev shows what is said, and --no-messages does not: choose one."))
    settings = _settings(options)
    if settings.hosting:
        _use_fast_loop()
    if options.plain or options.json:
        from usi.ui import plain

        return plain.run(settings, as_json=options.json, stay=options.stay, messages=not options.no_messages)
    _prepare_screen(options)
    from usi.ui.tui.app import run

    return run(settings)


def _demo(options: argparse.Namespace) -> int:
    if options.server or options.client is not None or options.plain or options.json:
        raise errors.UsageError(why="--demo goes alone: it hosts and joins by itself, on the screen.")
    name = text.clean_name(options.name) if options.name is not None else None
    _prepare_screen(options)
    from usi.ui import demo

    return demo.run(name)


def _look_after(options: argparse.Namespace) -> int:
    """What is done to the host's files without a host."""
    wanted = [options.account, options.history_check, options.log_check]
    if sum(each is not None for each in wanted) > 1 or options.server or options.client is not None:
        raise errors.UsageError(why="--account, --history-check and --log-check each go alone.")
    from usi.ui import upkeep

    file = _passphrase_file(options)
    if options.account is not None:
        ask = passphrase.asker("", tr("Password of the account: "), file, variable=None)
        return upkeep.print_account(options.account, ask)
    if options.history_check is not None:
        ask = passphrase.asker(tr("Passphrase of the history: "), "", file)
        return upkeep.check_history(Path(options.history_check), ask)
    path, *noted = options.log_check
    if len(noted) > 1:
        raise errors.UsageError(why="--log-check takes a file and at most one hash.")
    return upkeep.check_log(Path(path), *noted)


def _doctor(options: argparse.Namespace) -> int:
    if options.server or options.client is not None:
        raise errors.UsageError(why="--doctor goes without -s and -c: it only looks.")
    host, port = _split_host(options.doctor) if options.doctor else (None, None)
    own_port = _checked_port(DEFAULT_PORT if options.port is None else options.port, lowest=0)
    from usi.core.crypto import parse_preset_key
    from usi.ui import doctor

    preset = _preset(options)
    request = doctor.Request(
        host=host,
        port=_checked_port(own_port or DEFAULT_PORT if port is None else port),
        own_port=own_port,
        version=__version__,
        downloads=_downloads(options),
        bind=options.bind,
        preset=parse_preset_key(preset) if preset is not None else None,
    )
    shown = sys.stdout.isatty() and not (options.plain or options.no_color or os.environ.get("NO_COLOR"))
    return doctor.run(request, as_json=options.json, colours=shown)


def _downloads(options: argparse.Namespace) -> Path:
    return Path(os.path.expanduser(options.downloads or DEFAULT_DOWNLOADS)).absolute()  # Path's own raises for ~NOBODY


def _checked_downloads(options: argparse.Namespace) -> Path:
    """Where received files go; a folder that the person named is tried now, not when the first file comes."""
    folder = _downloads(options)
    if options.downloads:
        from usi.store.landing import check_folder

        check_folder(folder)
    return folder


def _checked_port(port: int, lowest: int = 1) -> int:
    if not lowest <= port <= _MAX_PORT:
        raise errors.UsageError(why=tr("{port} is not a port: it must be 1 to {limit}.", port=port, limit=_MAX_PORT))
    return port


def _prepare_screen(options: argparse.Namespace) -> None:
    if not sys.stdin.isatty() or not sys.stdout.isatty():
        raise errors.UsageError(why="The screen needs a terminal; --plain or --json does not.")
    if options.no_color:
        os.environ["NO_COLOR"] = "1"


def _settings(options: argparse.Namespace) -> Settings:
    if options.server == (options.client is not None):
        raise errors.UsageError(why="Choose one: -s to host, -c HOST to join, or --demo to look around.")
    hosting: bool = options.server
    code, expect = _invitation(options)
    if hosting:
        address, port = options.bind, options.port
    else:
        if options.bind is not None:
            raise errors.UsageError(why="-b is for a host: it says where to listen.")
        address, port = _split_host(_target(options.client))
        if port is not None and options.port not in (None, port):
            raise errors.UsageError(why=tr("Two ports were given, {one} and {other}.", one=port, other=options.port))
        port = port if port is not None else options.port
    port = _checked_port(DEFAULT_PORT if port is None else port, lowest=0 if hosting else 1)
    from usi.core.commands import mended  # these here, because --help should be quick
    from usi.core.crypto import new_preset_key, parse_preset_key

    preset = _preset(options)
    drawn = preset == "new"
    if drawn:
        if not hosting:
            raise errors.UsageError(why="--key new is for a host: it draws the key that the others then use.")
        preset = new_preset_key()
    name = text.clean_name(mended(options.name if options.name is not None else _default_name(hosting)))
    identity = Path(options.identity) if options.identity is not None else None
    if identity is None and options.history is None and options.passphrase_file is not None:
        raise errors.UsageError(why="--passphrase-file goes with --identity or --history.")
    from usi.ui import hosting as house

    if not hosting:
        house.check_guest(options)
    return Settings(
        hosting=hosting,
        name=name,
        address=mended(address) if address is not None else None,
        port=port,
        preset=parse_preset_key(preset) if preset is not None else None,
        drawn_key=preset if drawn else None,
        identity=identity,
        key=_identity(identity, options) if identity is not None else None,
        invite=options.invite,
        code=code,
        expect=expect,
        dev=options.dev,
        downloads=_checked_downloads(options),
        accept_files=options.accept_files,
        notifications=options.notifications,
        notify_content=options.notify_content,
        ask_private=options.ask_private,
        limits=_limits(options.limit),
        password=None if hosting else house.password(options, new=False),
        house=house.house(options) if hosting else None,
    )


def _limits(given: list[str]) -> Limits:
    try:
        return limits_from(given)
    except ValueError as error:
        name = str(error).partition("=")[0].strip().replace("-", "_")
        if name in Limits.__dataclass_fields__:
            why = tr("{text!r} cannot be: this limit takes a number above 0.", text=str(error))
        else:
            why = tr("{text!r} is no limit: it takes NAME=VALUE, and docs/LIMITS.md has the names.", text=str(error))
        raise errors.UsageError(why=why) from error


def _invitation(options: argparse.Namespace) -> tuple[str | None, bytes | None]:
    """The code and the expected fingerprint, by the options or a pasted line, which becomes the address in it."""
    from usi.core import invitation

    if options.server:
        if options.code is not None or options.expect is not None:
            raise errors.UsageError(why="--code and --expect are for who joins; a host makes codes with --invite.")
        return None, None
    if options.invite:
        raise errors.UsageError(why="--invite is for a host: it makes a code for the others.")
    code = invitation.parse_code(options.code) if options.code is not None else None
    expect = invitation.parse_fingerprint(options.expect) if options.expect is not None else None
    if invitation.is_pasted(options.client):
        pasted = invitation.parse_pasted(options.client)
        if (code and pasted.code and code != pasted.code) or expect not in (None, pasted.key):
            raise errors.UsageError(why="The invitation says another code or fingerprint than the option.")
        return pasted.code or code, pasted.key
    return code, expect


def _target(text: str) -> str:
    """HOST[:PORT] as it was given, or out of a pasted invitation."""
    from usi.core import invitation

    return invitation.parse_pasted(text).target if invitation.is_pasted(text) else text


def _identity(path: Path, options: argparse.Namespace) -> PrivateKey:
    """The lasting key, for which a passphrase is read or asked for."""
    from usi.store.identity import open_identity

    prompts = tr("Passphrase of your identity: "), tr("A passphrase for your new identity: ")
    return open_identity(path, passphrase.asker(*prompts, _passphrase_file(options)))


def _passphrase_file(options: argparse.Namespace) -> Path | None:
    return Path(options.passphrase_file) if options.passphrase_file is not None else None


def _split_host(target: str) -> tuple[str, int | None]:
    """`HOST`, `HOST:PORT`, `[V6]`, `[V6]:PORT` or a bare IPv6 address → host and port, None where none is given."""
    host, port = target, ""
    if target.startswith("["):
        host, bracket, rest = target[1:].partition("]")
        if not bracket or (rest and not rest.startswith(":")):
            why = tr("{target} is not HOST[:PORT]; an IPv6 address stands in brackets.", target=target)
            raise errors.UsageError(why=why)
        port = rest[1:]
    elif target.count(":") == 1:
        host, _, port = target.partition(":")
    if not host or (port and not _PORT.fullmatch(port)) or target.endswith(":"):
        raise errors.UsageError(why=tr("{target!r} is not HOST[:PORT].", target=target))
    return host, int(port) if port else None


def _default_name(hosting: bool) -> str:
    if hosting:
        return "host"
    return "guest-" + "".join(random.choices(string.ascii_lowercase + string.digits, k=4))  # noqa: S311 (a name)


def _preset(options: argparse.Namespace) -> str | None:
    """The preset key as it was given, by one of the three ways."""
    given: str | None = options.key
    if given is not None and options.key_file is not None:
        raise errors.UsageError(why="Give the preset key once: --key or --key-file.")
    if options.key_file is not None:
        path = Path(options.key_file)
        try:
            with path.open("rb") as file:
                given = file.read(1024).decode("ascii", "replace").strip()
        except OSError as error:
            raise errors.UnreadableFile(path=path, why=(error.strerror or "error").lower()) from error
    elif given is None:
        given = os.environ.get(KEY_VARIABLE)
        if given == "":  # else whoever forgot to fill it in would be open to all
            raise errors.BadKey(why=tr("{variable} is set and empty", variable=KEY_VARIABLE))
    return given


def _use_fast_loop() -> None:
    """uvloop where the `fast` extra is installed: a host writes to many, and it halves what that costs. On Windows the
    loop whose sockets can be handed to the threads of the relay."""
    import asyncio

    if sys.platform == "win32":
        asyncio.set_event_loop_policy(asyncio.WindowsSelectorEventLoopPolicy())
        return
    try:
        import uvloop
    except ImportError:
        return
    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
