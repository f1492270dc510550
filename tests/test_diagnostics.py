from itertools import groupby

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pflow_lower.diagnostics import (
    MAX_COMPARED,
    MAX_LISTED,
    MAX_QUOTED,
    Code,
    Severity,
    did_you_mean,
    has_errors,
    quote,
    report,
    suggest,
)
from pflow_lower.source.positions import Location

PLACE = Location(("nodes", 0, "id"))


def test_the_codes_of_a_family_are_numbered_without_a_gap() -> None:
    """A number that is in a configuration never comes to mean another mistake."""
    for family, codes in groupby(Code, lambda code: code[:4]):
        found = list(codes)
        assert found == [f"{family}{n:02}" for n in range(1, len(found) + 1)]


def test_a_report_has_a_path_and_the_severity_of_its_code() -> None:
    error = report(Code.EMPTY, PLACE, '"id" must not be empty')
    warning = report(Code.UNUSED_ALIAS, PLACE, "...", "a hint")

    assert (error.severity, error.hint, error.line) == (Severity.ERROR, "", None)
    assert error.path == ("nodes", 0, "id")
    assert (warning.severity, warning.hint) == (Severity.WARNING, "a hint")
    assert not has_errors([warning])
    assert has_errors([warning, error])


def test_a_pass_may_say_that_an_error_is_only_a_warning() -> None:
    one = report(Code.UNKNOWN_NAME, PLACE, "...", severity=Severity.WARNING)

    assert not has_errors([one])


@pytest.mark.parametrize(
    ("text", "quoted"),
    [
        ("docs", '"docs"'),
        ("a b", '"a b"'),
        ("Zoë 中", '"Zoë 中"'),
        ('say "hi"', r'"say \"hi\""'),
        ("two\nlines", r'"two\nlines"'),
        ("\x1b[31mred", r'"\u001b[31mred"'),
        ("", '""'),
        ("x" * 60, f'"{"x" * 60}"'),
        ("x" * 61, f'"{"x" * 59}…"'),
    ],
)
def test_a_text_of_the_users_is_quoted(text: str, quoted: str) -> None:
    assert quote(text) == quoted


@given(st.text())
def test_what_is_quoted_stands_on_one_line_and_is_not_long(text: str) -> None:
    quoted = quote(text)

    assert quoted.isprintable()
    assert len(quoted) <= 12 * MAX_QUOTED + 3  # each may be a pair of \uXXXX


@pytest.mark.parametrize(
    ("word", "known", "hint"),
    [
        ("sumarize", ["summarize", "combine"], 'did you mean "summarize"?'),
        ("ID", ["id", "type"], 'did you mean "id"?'),
        ("id", ["ID", "Id"], 'did you mean "ID"?'),
        ("list-files", ["list_files"], 'did you mean "list_files"?'),
        ("dya", ["day", "month"], 'did you mean "day"?'),
        ("folder", ["topic", "day"], ""),
        ("", ["a"], ""),
        ("a", [], ""),
        ("x" * 61, ["x" * 60], ""),
        ("x" * 60, ["x" * 61], ""),
    ],
)
def test_the_nearest_word_is_suggested(word: str, known: list[str], hint: str) -> None:
    assert did_you_mean(word, known) == hint


def test_of_many_words_the_nearest_is_still_found() -> None:
    known = [f"a_rather_long_name_{number:04}" for number in range(5000)]
    others = ["summarize", *known]

    assert did_you_mean("sumarize", others) == 'did you mean "summarize"?'
    assert did_you_mean("A_RATHER_LONG_NAME_4999", known) == (
        'did you mean "a_rather_long_name_4999"?'
    )


def test_a_word_is_compared_with_no_more_than_some(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import difflib

    compared: list[int] = []

    def counting(word: str, others: list[str], n: int) -> list[str]:
        compared.append(len(others))
        return []

    monkeypatch.setattr(difflib, "get_close_matches", counting)

    assert did_you_mean("word", map(str, range(5000))) == ""
    assert compared == [MAX_COMPARED]


@pytest.mark.parametrize(
    ("known", "hint"),
    [
        (["id", "type"], 'did you mean "type"?'),
        (["id", "a b"], 'its keys are id, "a b"'),
        ([], ""),
        (
            [str(number) for number in range(10)],
            "its keys are 0, 1, 2, 3, 4, 5, 6, 7, 8, 9",
        ),
    ],
)
def test_without_a_near_word_all_are_listed(known: list[str], hint: str) -> None:
    assert suggest("typ", known, "its keys are") == hint


def test_a_long_list_is_cut() -> None:
    hint = suggest("typ", map(str, range(99)), "its keys are")

    assert hint == "its keys are 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, …"
    assert hint.count(",") == MAX_LISTED
