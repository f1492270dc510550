"""Text for messages."""

import json

import pytest

from pflow_lower.support.text import one_line, printable, quote, shorten, to_utf8


@pytest.mark.parametrize(
    ("text", "short"),
    [("", ""), ("abcd", "abcd"), ("abcde", "abc…"), ("ab\ncd", "ab\n…")],
)
def test_a_text_is_cut_to_its_width(text: str, short: str) -> None:
    assert shorten(text, 4) == short


def test_what_a_terminal_would_obey_is_replaced() -> None:
    assert printable("naïve 文\x1b[31m\n\udc80") == "naïve 文�[31m��"


def test_one_line_has_one_space_for_each_run_of_whitespace() -> None:
    assert one_line(" a\n\tb\x07 c ", 20) == "a b� c"
    assert one_line("a b c d", 4) == "a b…"


@pytest.mark.parametrize(
    ("text", "quoted"),
    [
        ('say "hi"', '"say \\"hi\\""'),
        ("naïve", '"naïve"'),
        ("naïve\x7f", '"na\\u00efve\\u007f"'),
        ("x" * 20, '"xxxxxxxxx…"'),
    ],
)
def test_a_quote_is_a_json_string(text: str, quoted: str) -> None:
    assert quote(text, 10) == quoted
    assert quote(text, 10).isprintable()


def test_a_lone_surrogate_becomes_an_escape() -> None:
    assert to_utf8("é") == "é".encode()
    assert json.loads(to_utf8('"a\udc80b"')) == "a\udc80b"
