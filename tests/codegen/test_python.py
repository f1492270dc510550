import ast
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pflow_lower.codegen.python import (
    INDENT,
    WIDTH,
    Expression,
    array,
    call,
    group,
    literal,
    mapping,
    statement,
    string,
)

LITTLE = [
    "",
    " ",
    "a",
    "'",
    '"',
    "\\",
    "\n",
    "\t",
    "\0",
    "\x1b",
    "\x7f",
    "é",
    "中",
    "😀",
]
HALVES = ["\ud800", "\udc00", "\ufeff", "\u2028"]
TEXTS = st.text() | st.lists(st.sampled_from([*LITTLE, *HALVES])).map("".join)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", '""'),
        ("a", '"a"'),
        ("it's", '"it\'s"'),
        ('say "hi"', '"say \\"hi\\""'),
        ("""it's "it\"""", '''"it's \\"it\\""'''),
        ("""'it's' "it\"""", '''"'it's' \\"it\\""'''),
        ("""'"'""", '''"'\\"'"'''),
        ("a\\b", r'"a\\b"'),
        ("\\'", '''"\\\\'"'''),
        ('\\"', r'"\\\""'),
        ("\n\t\r\0\x1b\x7f", r'"\n\t\r\x00\x1b\x7f"'),
        ("é中😀", r'"\xe9\u4e2d\U0001f600"'),
        ("\ud800", r'"\ud800"'),
        ("{x} %s ${y}", '"{x} %s ${y}"'),
    ],
)
def test_a_string_is_an_ascii_literal(text: str, code: str) -> None:
    assert string(text) == code


@given(TEXTS)
@example("\\'")
@example("\\\"'")
@example("'''\"\"\"\\")
def test_a_string_means_the_text(text: str) -> None:
    code = string(text)

    assert ast.literal_eval(code) == text
    assert code.isascii()
    assert code.isprintable()


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (None, "None"),
        (True, "True"),
        (False, "False"),
        (0, "0"),
        (-7, "-7"),
        (10**30, str(10**30)),
        (1.0, "1.0"),
        (-0.0, "-0.0"),
        (1e100, "1e+100"),
        (1e-100, "1e-100"),
        (0.1, "0.1"),
        ("a", '"a"'),
    ],
)
def test_scalars(value: Any, code: str) -> None:
    assert statement("x = ", literal(value), "") == f"x = {code}"
    assert repr(ast.literal_eval(code)) == repr(value)


@pytest.mark.parametrize(
    ("expression", "code"),
    [
        (array([]), "x = []"),
        (mapping([]), "x = {}"),
        (group([]), "x = ()"),
        (array([literal(1), literal("a")]), 'x = [1, "a"]'),
        (group([literal(1)]), "x = (1,)"),
        (group([literal(1), literal(2)]), "x = (1, 2)"),
        (
            mapping([("a b", literal(None)), ("", array([]))]),
            'x = {"a b": None, "": []}',
        ),
        (call("f"), "x = f()"),
        (
            call("scope.f", literal("a"), group([literal(0)]), default=literal(None)),
            'x = scope.f("a", (0,), default=None)',
        ),
    ],
)
def test_what_fits_stands_on_one_line(expression: Expression, code: str) -> None:
    assert statement("x = ", expression, "") == code


def test_what_does_not_fit_stands_one_element_a_line() -> None:
    long = literal("x" * 40)
    params = mapping(
        [
            ("prompt", call("concat", long, long, call("scope.lookup", literal("a")))),
            ("path", group([long])),
            ("only", group([literal("y" * 80)])),
            ("all", array([])),
        ]
    )

    assert (
        statement("return ", params, INDENT)
        == """\
    return {
        "prompt": concat(
            "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
            "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
            scope.lookup("a"),
        ),
        "path": ("xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",),
        "only": (
            "yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy",
        ),
        "all": [],
    }"""
    )


@pytest.mark.parametrize("over", [0, 1])
def test_the_last_column_is_used(over: int) -> None:
    width = WIDTH - len("    x = []") + over
    code = statement("x = ", array(["y" * width]), INDENT)

    assert ("\n" in code) == bool(over)


def test_a_long_text_stands_as_the_lines_it_has() -> None:
    long = "x" * 90
    text = f"Summarise:\n\nin 'one' sentence. {long} \"é\""

    assert (
        statement("return ", mapping([("prompt", literal(text))]), INDENT)
        == f"""\
    return {{
        "prompt": (
            "Summarise:\\n"
            "\\n"
            "in 'one' sentence. {long} \\"\\xe9\\""
        ),
    }}"""
    )


@given(TEXTS, st.sampled_from(["word ", "y" * 90, "line\n"]), st.integers(0, 40))
def test_a_text_means_the_same_on_several_lines(
    text: str, more: str, count: int
) -> None:
    whole = text + more * count + text
    code = statement("x = ", literal(whole), "")

    assert ast.literal_eval(code.removeprefix("x = ")) == whole
    assert code.isascii()
