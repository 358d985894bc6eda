"""The one place where a sentence of ours becomes a sentence in the person's language.

Texts are written in English where they arise, as templates with `{fields}`; the English template is the key of its
translation. The program installs a translator once, at its start. Codes and keys of events are never translated.
"""

from __future__ import annotations

from collections.abc import Callable

Translate = Callable[[str], str]


PHRASES = frozenset({"why", "what", "summary"})
"""Fields that hold a phrase of ours, such as a reason; all others are names and numbers, taken as they are."""


def _as_it_is(sentence: str) -> str:
    return sentence


_translate: Translate = _as_it_is


def install(translate: Translate | None) -> None:
    """Use this translator from now on; None goes back to English."""
    global _translate  # noqa: PLW0603 (set once at the start, like gettext's own)
    _translate = translate or _as_it_is


def tr(sentence: str, /, **fields: object) -> str:
    """A sentence of ours in the person's language, its fields filled in; those in `PHRASES` are translated as well."""
    phrases = {  # "" is no phrase: in a gettext catalogue it is the key of the header
        name: _translate(value) if name in PHRASES and isinstance(value, str) and value else value
        for name, value in fields.items()
    }
    return _translate(sentence).format(**phrases) if fields else _translate(sentence)


def labelled(label: str, said: str) -> str:
    """What is said of something, behind it and a colon, as the person's language sets one."""
    return tr("{label}: {said}", label=label, said=said)


def counted(number: int) -> str:
    """A number with its digits in groups of three, as the person's language writes it."""
    return f"{number:,}".replace(",", tr(","))
