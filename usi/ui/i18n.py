"""Which language the person reads, and the catalogue that speaks it.

The catalogues are made by `python -m translations`; running needs nothing but the compiled ones.
"""

from __future__ import annotations

import gettext
import os
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from usi.core import language

LANGUAGES = ("en", "fr")
OPTIONS = ("--lang", "--langue")
DOMAIN = "usi"
FOLDER = Path(__file__).parent / "locale"


def mark(sentence: str) -> str:
    """The sentence as it is: for texts that are written down before the language is known, and `tr` translates where
    they are shown. The collector of the catalogue finds them by this call."""
    return sentence


def choose(arguments: Sequence[str], environment: Mapping[str, str] = os.environ) -> str:
    """The code of the language to speak: `--lang` of these arguments, else what the system is set to, else English."""
    return _asked_for(arguments) or _known(_wanted(environment)) or "en"


def speak(chosen: str) -> None:
    """Say everything in this language from now on."""
    catalogue = gettext.translation(DOMAIN, FOLDER, [chosen], fallback=True)
    language.install(catalogue.gettext if chosen != "en" else None)


@contextmanager
def standard_library(chosen: str) -> Iterator[None]:
    """Meanwhile, argparse says its own sentences in this language, too.

    It asks gettext, and gettext asks the environment; both are left as they were."""
    domain, variable = gettext.textdomain(), os.environ.get("LANGUAGE")
    gettext.bindtextdomain(DOMAIN, FOLDER)
    gettext.textdomain(DOMAIN)
    os.environ["LANGUAGE"] = chosen
    try:
        yield
    finally:
        gettext.textdomain(domain)
        if variable is None:
            del os.environ["LANGUAGE"]
        else:
            os.environ["LANGUAGE"] = variable


def _asked_for(arguments: Sequence[str]) -> str | None:
    """What `--lang` says, the last one where there are several: looked up before argparse says anything."""
    found = None
    for index, argument in enumerate(arguments):
        option, given, value = argument.partition("=")
        if option == "--":
            break
        if option in OPTIONS:
            found = value if given else "".join(arguments[index + 1 : index + 2])
    return _known([found]) if found is not None else None


def _wanted(environment: Mapping[str, str]) -> list[str]:
    """The locales that the person is content with, best first, by the rules of gettext."""
    names = (environment.get(name) for name in ("LC_ALL", "LC_MESSAGES", "LANG"))
    locale = next((name for name in names if name), None)
    several = environment.get("LANGUAGE")
    if several and locale not in ("C", "POSIX"):
        return several.split(":")
    return [locale if locale is not None else _of_windows()]


def _of_windows() -> str:
    """The language of Windows' own windows, such as `fr_FR`; nothing elsewhere."""
    if sys.platform == "win32":
        import ctypes  # noqa: PLC0415 (of use here alone)
        import locale  # noqa: PLC0415

        return locale.windows_locale.get(ctypes.windll.kernel32.GetUserDefaultUILanguage(), "")
    return ""


def _known(locales: Sequence[str]) -> str | None:
    """The first of our languages among locales such as `fr_CA.UTF-8`, `fr-BE` or `en`."""
    codes = (re.split("[-_.@]", locale, maxsplit=1)[0].lower() for locale in locales)
    return next((code for code in codes if code in LANGUAGES), None)
