"""`python -m translations`: bring the catalogues up to date, and say what is still to be translated."""

from __future__ import annotations

import sys

from translations.catalogue import DOMAIN, TEMPLATE, TRANSLATED, as_text, compiled, folder_of, merged, template_of
from translations.collect import collect, search


def main() -> int:
    """Returns 1 while a text cannot be found or a translation is missing."""
    wrong = [f"{place.file}:{place.line}: not a template: {code}" for place, code in search().unfindable]
    template = template_of(collect())
    TEMPLATE.parent.mkdir(exist_ok=True)
    TEMPLATE.write_bytes(as_text(template))
    for language in TRANSLATED:
        catalog = merged(language, template)
        folder = folder_of(language)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{DOMAIN}.po").write_bytes(as_text(catalog))
        (folder / f"{DOMAIN}.mo").write_bytes(compiled(catalog))
        wrong += [f"{language}: to be written: {each.id}" for each in catalog if each.id and not each.string]
        wrong += [f"{language}: to be looked at: {each.id}" for each in catalog if each.id and each.fuzzy]
    print(*wrong, f"{len(template)} texts", sep="\n")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
