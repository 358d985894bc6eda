"""The catalogues as files: a template, and for each language its texts (`.po`) and what the program loads (`.mo`)."""

from __future__ import annotations

from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

from usi.ui.i18n import DOMAIN, FOLDER, LANGUAGES

TEMPLATE = FOLDER / f"{DOMAIN}.pot"
TRANSLATED = tuple(language for language in LANGUAGES if language != "en")

_HEADER = "# Texts of USI. Made by `python -m translations`; the French is written by hand.\n#"
_STAMPS = tuple(
    f'"{name}:'
    for name in (
        *("Report-Msgid-Bugs-To", "POT-Creation-Date", "PO-Revision-Date"),
        *("Last-Translator", "Language-Team", "Generated-By"),
    )
)
"""Header lines that would change, or be untrue, whenever the files are written."""

_NEVER = datetime(2000, 1, 1, tzinfo=UTC)
"""For the two dates that a compiled catalogue cannot do without."""


def folder_of(language: str) -> Path:
    return FOLDER / language / "LC_MESSAGES"


def texts_of(language: str) -> Catalog:
    """The texts of a language as they were written."""
    with (folder_of(language) / f"{DOMAIN}.po").open("rb") as file:
        return read_po(file, locale=language, domain=DOMAIN)


def template_of(texts: dict[str, set[str]]) -> Catalog:
    """A catalogue of these texts, with the files that they stand in, and nothing translated."""
    template = _empty()
    for sentence, files in sorted(texts.items(), key=lambda item: (min(item[1]), item[0])):
        template.add(sentence, locations=[(file, 0) for file in sorted(files)])
    return template


def merged(language: str, template: Catalog) -> Catalog:
    """The texts of a language with what the program says now: new texts are empty, changed ones marked as fuzzy, and
    those that are not said any more are gone."""
    catalog = texts_of(language) if (folder_of(language) / f"{DOMAIN}.po").exists() else _empty(language)
    catalog.header_comment = _HEADER
    catalog.update(template)
    catalog.obsolete.clear()
    return catalog


def as_text(catalog: Catalog) -> bytes:
    buffer = BytesIO()
    write_po(buffer, catalog, width=100, sort_by_file=True, include_lineno=False, ignore_obsolete=True)
    lines = buffer.getvalue().decode("utf-8").splitlines(keepends=True)
    return "".join(line for line in lines if not line.startswith(_STAMPS)).encode("utf-8")


def compiled(catalog: Catalog) -> bytes:
    catalog.creation_date = catalog.revision_date = _NEVER
    buffer = BytesIO()
    write_mo(buffer, catalog)
    return buffer.getvalue()


def _empty(language: str | None = None) -> Catalog:
    return Catalog(language, DOMAIN, _HEADER, project="USI", version="3", charset="utf-8", fuzzy=False)
