"""The hook for translations."""

from collections.abc import Iterator

import pytest

from usi.core import language
from usi.core.errors import BadName
from usi.core.language import tr

FRENCH = {
    "{count} here": "{count} ici",
    "it is empty": "il est vide",
    "": "Project-Id-Version: usi",
}


@pytest.fixture
def french() -> Iterator[None]:
    language.install(lambda sentence: FRENCH.get(sentence, sentence))
    yield
    language.install(None)


@pytest.mark.usefixtures("french")
def test_a_template_is_translated_and_filled_in() -> None:
    assert tr("{count} here", count=3) == "3 ici"
    assert tr("never translated: {why}", why="it is empty") == "never translated: il est vide"


@pytest.mark.usefixtures("french")
def test_a_name_is_never_translated() -> None:
    assert tr("[{name}]", name="it is empty") == "[it is empty]"


@pytest.mark.usefixtures("french")
def test_an_empty_field_is_not_the_header_of_the_catalogue() -> None:
    assert tr("[{name}]", name="") == "[]"


@pytest.mark.usefixtures("french")
def test_braces_of_others_are_not_fields() -> None:
    assert tr("{count} here", count="{count}") == "{count} ici"
    assert tr("no fields {at all}") == "no fields {at all}"


@pytest.mark.usefixtures("french")
def test_errors_speak_the_language() -> None:
    assert "il est vide" in str(BadName(why="it is empty"))


def test_without_a_translator_it_is_english() -> None:
    language.install(None)
    assert tr("{count} here", count=3) == "3 here"


def test_numbers_are_grouped_as_the_language_does_it() -> None:
    assert [language.counted(number) for number in (7, 1_504, 1_000_000)] == ["7", "1,504", "1,000,000"]
    language.install({",": "\u202f"}.__getitem__)
    try:
        assert language.counted(1_504) == "1\u202f504"
    finally:
        language.install(None)
