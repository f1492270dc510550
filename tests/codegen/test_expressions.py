"""What templates are compiled to; `test_laws.py` shows that it means the same."""

import pytest

from pflow_lower.codegen.expressions import Compiler
from pflow_lower.codegen.python import statement
from pflow_lower.ir.workflow import (
    Array,
    Object,
    Resolution,
    TemplateValue,
    Value,
    freeze,
)
from pflow_lower.template.parser import parse_template


def read(text: str) -> TemplateValue:
    template, problems = parse_template(text)
    assert problems == ()
    return TemplateValue(template)


def compiled(
    value: Value, resolution: Resolution = "strict", *, nested: bool = False
) -> str:
    return statement("", Compiler(resolution).value(value, nested=nested), "")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("${a}", 'scope.lookup("a")'),
        ("$<a>", 'scope.lookup("a")'),
        ("${a}\n", 'scope.lookup("a")'),
        ("${a.b-c.__class__}", 'scope.lookup("a", "b-c", "__class__")'),
        ("${a[0][007].b}", 'scope.lookup("a", 0, 7, "b")'),
        ("${a[${i}].b}", 'scope.lookup("a", ("i",), "b")'),
        (
            "${a[$<b[${c.d}].e>]}",
            'scope.lookup("a", ("b", ("c", "d"), "e"))',
        ),
        ("${a ?? b.c}", 'scope.coalesce(("a",), ("b", "c"))'),
        ("${a ?? 1}", 'scope.coalesce(("a",), default=1)'),
        ("${a ?? null}", 'scope.coalesce(("a",), default=None)'),
        ("${a ?? true}", 'scope.coalesce(("a",), default=True)'),
        ("${a ?? -1.5e3}", 'scope.coalesce(("a",), default=-1500.0)'),
        ("${a ?? []}", 'scope.coalesce(("a",), default=[])'),
        ("${a ?? {}}", 'scope.coalesce(("a",), default={})'),
        ('${a ?? "it\'s \\u00e9"}', 'scope.coalesce(("a",), default="it\'s \\xe9")'),
        ("${a ?? b ?? 1 ?? c}", 'scope.coalesce(("a",), ("b",), default=1)'),
        ("${1 ?? a}", "1"),
        ('${"x"}', '"x"'),
        ("${[]}", "[]"),
    ],
)
def test_a_whole_reference_keeps_the_type(text: str, code: str) -> None:
    assert compiled(read(text)) == code


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("a ${b}", 'concat("a ", scope.lookup("b"))'),
        ("${b} ", 'concat(scope.lookup("b"), " ")'),
        ("${b}\n\n", 'concat(scope.lookup("b"), "\\n\\n")'),
        ("${a}${b}", 'concat(scope.lookup("a"), scope.lookup("b"))'),
        ("$${a} ${b}", 'concat("${a} ", scope.lookup("b"))'),
        (
            "<${a ?? 1}>",
            'concat("<", scope.coalesce(("a",), default=1), ">")',
        ),
        ('${"$"}${a}', 'concat("$", scope.lookup("a"))'),
        ("$HOME ${a}", 'concat("$HOME ", scope.lookup("a"))'),
    ],
)
def test_all_else_is_text(text: str, code: str) -> None:
    assert compiled(read(text)) == code
    assert compiled(read(text), nested=True) == code


@pytest.mark.parametrize(
    ("text", "code"),
    [("$${a}", '"${a}"'), ("$$<a>", '"$<a>"'), ("a $${", '"a ${"')],
)
def test_without_a_reference_it_is_a_literal(text: str, code: str) -> None:
    assert compiled(read(text)) == code
    assert compiled(read(text), nested=True) == code


def test_below_the_top_level_json_in_a_string_is_read() -> None:
    whole = read("${a}")

    assert compiled(whole, nested=True) == 'decoded(scope.lookup("a"))'
    assert compiled(Array((whole,))) == '[decoded(scope.lookup("a"))]'
    assert compiled(Object((("k", whole),))) == '{"k": decoded(scope.lookup("a"))}'


def test_the_values_of_params_are_the_top_level() -> None:
    params = Object((("k", read("${a}")), ("l", Array((read("${a}"),)))))
    code = statement("", Compiler("strict").object(params), "")

    assert code == '{"k": scope.lookup("a"), "l": [decoded(scope.lookup("a"))]}'


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("${a}", 'scope.lookup("a", text="${a}")'),
        ("$<a>\n", 'scope.lookup("a", text="$<a>\\n")'),
        ("${a??b}", 'scope.coalesce(("a",), ("b",), text="${a??b}")'),
        ("${a ?? 1}", 'scope.coalesce(("a",), default=1)'),
        ("1 $<a> ", 'concat("1 ", scope.lookup("a", text="$<a>"), " ")'),
    ],
)
def test_permissive_mode_keeps_what_was_written(text: str, code: str) -> None:
    assert compiled(read(text), "permissive") == code


def test_constants_are_literals() -> None:
    value = freeze([None, True, 1, -0.0, "a\u2028", {"": {}}, []])

    assert compiled(value) == '[None, True, 1, -0.0, "a\\u2028", {"": {}}, []]'


@pytest.mark.parametrize(
    ("value", "used"),
    [
        (read("${a}"), set()),
        (read("a${a}"), {"concat"}),
        (Array((read("${a}"),)), {"decoded"}),
        (Array((read("$${a}"),)), set()),
    ],
)
def test_it_says_what_must_be_imported(value: Value, used: set[str]) -> None:
    compiler = Compiler("strict")
    compiler.value(value)

    assert compiler.used == used
