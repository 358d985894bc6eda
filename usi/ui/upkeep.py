"""What is done to the host's files without a host: a new account, and the checks of history and log.

What was found goes to standard output; the exit status is 0 where nothing is wrong and 1 where something is.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from usi.core import text
from usi.core.accounts import Role, stored_of
from usi.core.commands import mended
from usi.core.errors import BadHash
from usi.core.language import tr
from usi.store import audit
from usi.store.history import History
from usi.store.history_check import RoomReport, check

_HASH = re.compile(r"[0-9a-f]{64}")


def print_account(name: str, ask: Callable[[bool], str]) -> int:
    """Ask for a password and print the TOML of an account with it. Raises `BadName`, or what `ask` does."""
    name = text.clean_name(mended(name))
    stored = stored_of(ask(True))
    print(f'[[account]]\nname = "{name}"\npassword = "{stored}"\nrole = "{Role.MEMBER.word}"')
    print("# rooms = { staff = true, lounge = false }")
    return 0


def check_history(path: Path, ask: Callable[[bool], str]) -> int:
    """Read everything in a history. Raises what `History.open` does."""
    history = History.open(path, ask, check=True)
    try:
        report = check(history)
    finally:
        history.close()
    for found in sorted(report.rooms, key=lambda found: found.room.name):
        _say(_told(found))
    if not report.rooms and not report.faults:
        _say(tr("There are no rooms in it yet."))
    for fault in report.faults:
        _say(str(fault))
    if report.faults:
        _say(tr("{count} things are wrong in {path}.", count=len(report.faults), path=path))
        return 1
    _say(tr("Nothing is wrong in {path}. Whether it is an older copy cannot be seen.", path=path))
    return 0


def _told(found: RoomReport) -> str:
    name = f"#{found.room.name}"
    if found.oldest is None or found.newest is None:
        return tr("{room}: no messages.", room=name)
    return tr(
        "{room}: {count} messages, numbers {first} to {last}, kept {oldest} to {newest}.",
        room=name,
        count=found.posts,
        first=found.first,
        last=found.last,
        oldest=_when(found.oldest),
        newest=_when(found.newest),
    )


def _when(at: int) -> str:
    return datetime.fromtimestamp(at / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def check_log(path: Path, noted: str | None = None) -> int:
    """Read a whole log. Raises `BrokenLog`, `HashNotFound`, `UnreadableFile`, or `BadHash` for a hash that is none."""
    if noted is not None:
        noted = noted.strip().lower()
        if not _HASH.fullmatch(noted):
            raise BadHash
    checked = audit.check_log(path, noted)
    _say(tr("{count} lines; none was changed or taken out between them.", count=checked.lines))
    if checked.mended:
        _say(tr("Torn by a crash and mended since: {count}.", count=checked.mended))
    if checked.torn:
        _say(tr("The last line was torn by a crash; the host mends it when it starts."))
    if noted is not None:
        _say(tr("The line whose hash you noted is there."))
    _say(tr("Hash of the last line: {hash}", hash=checked.last))
    _say(tr("Note it elsewhere: only by it can a cut end be seen, or a log that was written anew."))
    return 0


def _say(line: str) -> None:
    print(text.visible_line(line))
