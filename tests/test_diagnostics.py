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


def test_the_codes_are_those_that_people_have_in_their_configuration() -> None:
    assert " ".join(f"{code}={code.name}" for code in Code) == (
        "PFL001=INVALID_JSON PFL002=DUPLICATE_KEY PFL003=NOT_A_NUMBER "
        "PFL004=NUMBER_TOO_LARGE PFL005=NESTED_TOO_DEEP "
        "PFL006=LONE_SURROGATE PFL007=NOT_UTF_8 PFL008=NOT_JSON "
        "PFL101=UNKNOWN_KEY PFL102=MISSING_KEY PFL103=WRONG_TYPE "
        "PFL104=NOT_A_CHOICE PFL105=OUT_OF_RANGE PFL106=WRONG_FORM "
        "PFL107=EMPTY PFL108=UNSUPPORTED_VERSION PFL109=UNSUPPORTED_VALUE "
        "PFL110=WRONG_DEFAULT PFL201=DUPLICATE_ID PFL202=UNKNOWN_EDGE_NODE "
        "PFL203=CYCLE PFL204=DUPLICATE_EDGE PFL205=UNREACHABLE_NODE "
        "PFL206=ID_IS_INPUT PFL207=UNKNOWN_START_NODE PFL208=MALFORMED_TYPE "
        "PFL209=MISSING_PARAM PFL210=TWO_STDIN_INPUTS PFL301=UNKNOWN_NAME "
        "PFL302=MALFORMED_TEMPLATE PFL303=NOT_RUN_YET PFL304=UNKNOWN_OUTPUT "
        "PFL305=ALIAS_OUTSIDE_BATCH PFL306=IMPOSSIBLE_PATH "
        "PFL401=ITEMS_NOT_A_REFERENCE PFL402=ALIAS_HIDES_NAME "
        "PFL403=RESERVED_ALIAS PFL404=ITEMS_NOT_A_LIST PFL405=NOT_ONE_SOURCE "
        "PFL406=NOT_A_PATH PFL407=TOO_MANY_ITEMS PFL408=KEY_OF_ALL_ITEMS "
        "PFL409=TWO_ITEMS_OF_ONE_KEY PFL410=RESULTS_FILE_TAKEN "
        "PFL411=TWO_RETRIES PFL412=TOLERANCE_WITHOUT_CONTINUE "
        "PFL501=UNUSED_ALIAS PFL502=CAP_WITHOUT_PARALLEL PFL503=UNKNOWN_TYPE "
        "PFL504=UNKNOWN_PARAM PFL505=MAYBE_NOT_GIVEN "
        "PFL506=OUTPUT_WITHOUT_SOURCE PFL507=NEARLY_A_TEMPLATE "
        "PFL508=MAYBE_NULL PFL509=ITEM_IN_COMMAND PFL510=MAYBE_NOT_RUN"
    )


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
        ("x" * 61, f'"{"x" * 60}…"'),
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
