import json

import pytest

from pflow_lower.diagnostics import Code
from pflow_lower.document.scanner import Entry, Fault, scan
from pflow_lower.source.positions import MAX_DEPTH, Location, Source, Span

COMMENT = "JSON has no comments; a key that begins with '_' can hold the text"
ROOT = Location()


def still_open(bracket: str, line: int, column: int) -> str:
    return f"the '{bracket}' in line {line}, column {column} is not closed"


def faults(text: str) -> tuple[Fault, ...]:
    return scan(Source("w.json", text)).faults


def test_each_value_has_the_spans_of_its_token_and_its_key() -> None:
    text = ' {"a": [1, {}], "b\\n" :"c\\"" } '

    root = scan(Source("w.json", text)).root

    assert root == Entry(
        Span(1, 30),
        None,
        {
            "a": Entry(
                Span(7, 14),
                Span(2, 5),
                {0: Entry(Span(8, 9), None, {}), 1: Entry(Span(11, 13), None, {})},
            ),
            "b\n": Entry(Span(23, 28), Span(16, 21), {}),
        },
    )


@pytest.mark.parametrize("text", ["0", '"a"', "null", "[]", "{}", " [ ] ", "{ }\n"])
def test_a_small_document(text: str) -> None:
    root = scan(Source("w.json", text)).root

    assert root is not None
    assert text[root.value.start : root.value.stop] == text.strip()
    assert root.children == {}


@pytest.mark.parametrize(
    ("text", "offset", "message", "hint"),
    [
        ("", 0, "the text is empty", "expected a JSON value"),
        (" \n\t", 0, "the text is empty", "expected a JSON value"),
        ('{"a": 1,}', 7, "a ',' before '}'", "remove it"),
        ("[1,\n]", 2, "a ',' before ']'", "remove it"),
        ("[,]", 1, "expected a value or ']'", ""),
        ("[1,,2]", 3, "expected a value after ','", ""),
        ('{"a": }', 6, "expected a value after ':'", still_open("{", 1, 1)),
        ("{,}", 1, "expected a key in double quotes or '}'", ""),
        ('{"a": 1, 2}', 9, "expected a key in double quotes after ','", ""),
        ('{"a" 1}', 5, "expected ':' after a key", ""),
        ('{"a", "b"}', 4, "expected ':' after a key", ""),
        ('{"a" = 1}', 5, "expected ':' after a key", ""),
        ("[1 2]", 3, "expected ',' or ']' after a value", ""),
        ('{"a": 1 "b": 2}', 8, "expected ',' or '}' after a value", ""),
        (
            '{\n "a": [1}',
            10,
            "expected ',' or ']' after a value",
            still_open("[", 2, 7),
        ),
        (
            '[{"a": 1\n \n',
            8,
            "expected ',' or '}' after a value, but the text ends",
            still_open("{", 1, 2),
        ),
        (
            '{"a"',
            4,
            "expected ':' after a key, but the text ends",
            still_open("{", 1, 1),
        ),
        (
            "[",
            1,
            "expected a value or ']', but the text ends",
            still_open("[", 1, 1),
        ),
        ("{} {}", 3, "expected the end of the text after its value", ""),
        ("[1]]", 3, "expected the end of the text after its value", ""),
        ("{} // x", 3, "expected the end of the text after its value", COMMENT),
        ('{\n  // x\n  "a": 1}', 4, "expected a key in double quotes or '}'", COMMENT),
        ("# x", 0, "expected a JSON value", COMMENT),
        (
            "{'a': 1}",
            1,
            "expected a key in double quotes or '}'",
            "write \" instead of '",
        ),
        ("['a']", 1, "expected a value or ']'", "write \" instead of '"),
        (
            "{a: 1}",
            1,
            "expected a key in double quotes or '}'",
            "write it in double quotes",
        ),
        (
            '{"a": 1, true: 2}',
            9,
            "expected a key in double quotes after ','",
            "write it in double quotes",
        ),
        ("[True]", 1, "expected a value or ']'", "write true"),
        ("[1, None]", 4, "expected a value after ','", "write null"),
        ('{"a": llm}', 6, "expected a value after ':'", "write it in double quotes"),
        (
            '{"a": "say "hi""}',
            12,
            "expected ',' or '}' after a value",
            r'write \" for a " inside a string',
        ),
        ("[...]", 1, "expected a value or ']'", ""),
        ("[-]", 1, "expected a value or ']'", ""),
        ("nan", 0, "expected a JSON value", "write null"),
        ("[01]", 1, "a number with a leading zero", "leave it out, or write a string"),
        (
            '{"a": "b',
            6,
            "a string that is not closed",
            'write a " where it ends',
        ),
    ],
)
def test_a_mistake_of_syntax_says_what_was_expected(
    text: str, offset: int, message: str, hint: str
) -> None:
    assert faults(text) == (Fault(Code.INVALID_JSON, offset, ROOT, message, hint),)
    with pytest.raises(json.JSONDecodeError):
        json.loads(text)


def test_all_other_faults_are_found_in_one_run() -> None:
    text = r'{"a": [NaN, 1e400], "b": 1, "b": -Infinity, "\ud800": "x\udfff"}'

    assert faults(text) == (
        Fault(Code.NOT_A_NUMBER, 7, ROOT.at("a", 0), "NaN"),
        Fault(Code.NUMBER_TOO_LARGE, 12, ROOT.at("a", 1), "1e400"),
        Fault(Code.DUPLICATE_KEY, 28, ROOT.key("b"), "b", first=20),
        Fault(Code.NOT_A_NUMBER, 33, ROOT.at("b"), "-Infinity"),
        Fault(Code.LONE_SURROGATE, 45, ROOT.key("\ud800").slice(0, 1), r"\ud800"),
        Fault(Code.LONE_SURROGATE, 56, ROOT.at("\ud800").slice(1, 2), r"\udfff"),
    )


def test_a_mistake_of_syntax_is_the_only_fault() -> None:
    assert [fault.code for fault in faults("[NaN, 1e400, ]")] == [Code.INVALID_JSON]


def test_every_further_key_of_a_name_is_a_fault_whatever_it_is_written_as() -> None:
    found = faults('[{"a": 1, "b": {"a": 2},\n "\\u0061": 3, "a": 4}]')

    assert found == (
        Fault(Code.DUPLICATE_KEY, 26, ROOT.at(0).key("a"), "a", first=2),
        Fault(Code.DUPLICATE_KEY, 39, ROOT.at(0).key("a"), "a", first=2),
    )


def test_what_nests_too_deep_is_read_no_further() -> None:
    path = (1, *[0] * (MAX_DEPTH - 1))

    found = faults("[NaN, " + "[" * 1_000_000)

    assert found == (
        Fault(Code.NOT_A_NUMBER, 1, ROOT.at(0), "NaN"),
        Fault(Code.NESTED_TOO_DEEP, 105, Location(path)),
    )


def test_as_deep_as_the_language_allows_is_not_too_deep() -> None:
    assert faults("[" * MAX_DEPTH + "]" * MAX_DEPTH) == ()
    assert faults('{"a":' * MAX_DEPTH + "1" + "}" * MAX_DEPTH) == ()
    assert [fault.offset for fault in faults('{"a":' * 101)] == [500]
