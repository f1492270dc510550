import ast
import subprocess
import sys
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pflow_lower.codegen.python import (
    INDENT,
    WIDTH,
    Atom,
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


def formatted(code: str, folder: Path) -> str:
    """Give what `ruff format` makes of code."""
    file = folder / "generated.py"
    file.write_text(code, "utf-8")
    command = [
        sys.executable,
        "-m",
        "ruff",
        "format",
        "--isolated",
        "--quiet",
        str(file),
    ]
    subprocess.run(command, check=True)
    return file.read_text("utf-8")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", '""'),
        ("a", '"a"'),
        ("it's", '"it\'s"'),
        ('say "hi"', "'say \"hi\"'"),
        ("""it's "it\"""", """'it\\'s "it"'"""),
        ("""'it's' "it\"""", '''"'it's' \\"it\\""'''),
        ("""'"'""", '''"'\\"'"'''),
        ("a\\b", r'"a\\b"'),
        ("\\'", '''"\\\\'"'''),
        ('\\"', """'\\\\"'"""),
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


def test_strings_are_what_a_formatter_leaves(tmp_path: Path) -> None:
    random = Random(0)
    pieces = [*LITTLE, *HALVES, "\\n", "\\x41", "\\u00E9", "\\N{DASH}", "{", "%"]
    texts = [
        "".join(random.choices(pieces, k=random.randrange(9))) for _ in range(2000)
    ]
    # Not as statements: a string that stands alone is a docstring to ruff.
    code = "".join(f"x = {string(text)}\n" for text in texts)

    assert formatted(code, tmp_path) == code


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
        (1e100, "1e100"),
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
    code = statement("x = ", array([Atom("y" * width)]), INDENT)

    assert ("\n" in code) == bool(over)


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("y" * 79, ['name = "' + "y" * 79 + '"']),
        ("y" * 80, ["name = (", '    "' + "y" * 80 + '"', ")"]),
        ("y" * 82, ["name = (", '    "' + "y" * 82 + '"', ")"]),
        ("y" * 83, ['name = "' + "y" * 83 + '"']),
    ],
)
def test_a_text_has_brackets_where_they_make_it_fit(
    text: str, lines: list[str]
) -> None:
    assert statement("name = ", literal(text), "").splitlines() == lines


def test_a_long_text_stands_as_the_lines_it_has_and_else_as_words() -> None:
    long = "x" * 90
    text = f"Summarise:\n\n{'so many words ' * 9}\nin 'one' sentence. {long} \"é\""

    assert (
        statement("return ", mapping([("prompt", literal(text))]), INDENT)
        == f"""\
    return {{
        "prompt": (
            "Summarise:\\n"
            "\\n"
            "so many words so many words so many words so many words so many words so "
            "many words so many words so many words so many words \\n"
            "in 'one' sentence. "
            "{long} "
            '"\\xe9"'
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


@given(
    st.lists(st.sampled_from(["word", "it's", '"so"', "é", "\n", "\\"]), max_size=99)
)
def test_text_of_short_words_is_never_too_wide(words: list[str]) -> None:
    code = statement("return ", literal(" ".join(words)), INDENT)

    assert all(len(line) <= WIDTH for line in code.splitlines())


WORDS = [
    "a",
    "some",
    "words",
    "it's",
    '"so"',
    "\\",
    "é",
    "\n",
    "\n\n",
    "x" * 30,
    "y" * 90,
]


def expressions(random: Random, depth: int) -> Expression:
    """Make an expression such as those of generated modules."""
    count = random.choice([0, 1, 1, 2, 3, 5])
    match random.randrange(8) if depth else 0:
        case 0 | 1 | 2:
            words = random.choices(WORDS, k=random.choice([0, 1, 2, 5, 10, 30]))
            return literal(random.choice([" ".join(words), "".join(words), None]))
        case 3:
            return array(expressions(random, depth - 1) for _ in range(count))
        case 4:
            return group(expressions(random, depth - 1) for _ in range(count))
        case 5:
            keys = (random.choice("abc ") * random.randrange(30) for _ in range(count))
            entries = {key: expressions(random, depth - 1) for key in keys}
            return mapping(entries.items())
        case _:
            arguments = [expressions(random, depth - 1) for _ in range(count)]
            default = expressions(random, depth - 1)
            keywords = {"default": default} if random.randrange(2) else {}
            return call("scope.lookup", *arguments, **keywords)


def test_statements_are_what_a_formatter_leaves(tmp_path: Path) -> None:
    random = Random(0)
    lines = ["def f():"]
    for number in range(1500):
        prefix = random.choice(["return ", f"name_{number} = ", "x = "])
        lines.append(statement(prefix, expressions(random, 4), INDENT))
    code = "\n".join(lines) + "\n"

    assert formatted(code, tmp_path) == code
