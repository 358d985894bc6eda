"""Links and code in what people write."""

import pytest

from usi.ui.tui.spans import may_open, spans_of


def found(text: str) -> list[tuple[str, str]]:
    return [(text[span.start : span.end], span.role) for span in spans_of(text)]


@pytest.mark.parametrize(
    ("text", "spans"),
    [
        ("nothing: here", []),
        ("see https://example.org/a_(b)?x=1.", [("https://example.org/a_(b)?x=1", "link")]),
        ("(http://a.example/c), mailto:a@b.example", [("http://a.example/c", "link"), ("mailto:a@b.example", "link")]),
        ("run `a https://b.example` now", [("`a https://b.example`", "code")]),
        ("```\nx\n```\nhttp://y.example", [("```\nx\n```", "code"), ("http://y.example", "link")]),
        ("```py\nopen http://y.example", [("http://y.example", "link")]),
        ("[@click=app.quit]x[/]", []),
    ],
)
def test_what_stands_out(text: str, spans: list[tuple[str, str]]) -> None:
    assert found(text) == spans


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "file:///etc/passwd",
        "http://bank.example@evil.example/",
        "http://b\u0430nk.example/",
        "http://",
        "http://[::1",
        "http://a.example:port/",
        "mailto:nobody",
        "mailto:a@b.example?attach=/etc/passwd",
        "https://a.example/\x1b[31m",
        "https://a.example/\u202e",
    ],
)
def test_what_is_not_opened(url: str) -> None:
    assert not may_open(url)
    assert all(role != "link" or "evil" not in text for text, role in found(url))


@pytest.mark.parametrize(
    "text", ["```a\n" * 15_000, "`" * 65_000, "http://" * 9_000, ("http://a" + ")" * 1_990) * 30, "`x` " * 16_000]
)
def test_long_texts_have_few_spans(text: str) -> None:
    assert len(spans_of(text)) <= 100


def test_hostile(hostile: str) -> None:
    for text in (hostile, f"```\n{hostile}\n```", f"`{hostile}`", f"https://example.org/{hostile}"):
        end = 0
        for span in spans_of(text):
            assert end <= span.start < span.end <= len(text)
            end = span.end
