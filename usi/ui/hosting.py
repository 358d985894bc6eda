"""Opening what a host keeps on its disk, as the command line asks for it, and the password of a login."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from usi.core.errors import UsageError
from usi.core.language import tr
from usi.store.house import House
from usi.ui import passphrase

PASSWORD_VARIABLE = "USI_PASSWORD"
_OPTIONS = ("accounts", "rooms", "moderation", "history", "log")


def password(options: argparse.Namespace, *, new: bool) -> str | None:
    """The password that was asked for, or None. Raises as `passphrase.asker`."""
    file = Path(options.password_file) if options.password_file is not None else None
    if file is None and not options.password and PASSWORD_VARIABLE not in os.environ:
        return None
    prompts = tr("Password: "), tr("A password for all who come: ")
    return passphrase.asker(*prompts, file, variable=PASSWORD_VARIABLE)(new)


def check_guest(options: argparse.Namespace) -> None:
    """Raises `UsageError` for what only a host has."""
    for name in _OPTIONS:
        if getattr(options, name) is not None:
            raise UsageError(why=tr("--{name} is for a host.", name=name))


def house(options: argparse.Namespace) -> House | None:
    """A host's files, opened; None where it has none. Raises `LocalError` with what is wrong with one of them."""
    shared = password(options, new=True)
    if shared is None and all(getattr(options, name) is None for name in _OPTIONS):
        return None
    from usi.core.accounts import stored_of
    from usi.store.accounts import AccountsFile
    from usi.store.audit import AuditLog
    from usi.store.history import History
    from usi.store.moderation import ModerationFile
    from usi.store.rooms import read_rooms

    opened = House()
    try:
        if options.rooms is not None:
            opened.rules = read_rooms(Path(options.rooms))
        if options.accounts is not None:
            opened.accounts = AccountsFile(Path(options.accounts))
        if options.moderation is not None:
            opened.moderation = ModerationFile(Path(options.moderation))
        if options.log is not None:
            opened.log = AuditLog(Path(options.log))
        if options.history is not None:
            file = Path(options.passphrase_file) if options.passphrase_file is not None else None
            prompts = tr("Passphrase of the history: "), tr("A passphrase for the new history: ")
            opened.history = History.open(Path(options.history), passphrase.asker(*prompts, file))
    except BaseException:
        opened.close()
        raise
    opened.password = stored_of(shared) if shared is not None else None
    return opened
