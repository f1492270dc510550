"""The expressions of f-strings, found by their text on every version of Python."""

import ast
from collections.abc import Iterator

import pytest
from places import ROOT

from pflow_lower.standalone.fields import expressions


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("f'{a}'", ["a"]),
        ('f"{a} and {b}{c}"', ["a", "b", "c"]),
        ("f'a {{b}} {c}'", ["c"]),
        ("f'{{{a}}}'", ["a"]),
        ("f'{a!r} {b:>10} {c=} {d!r:{e}}'", ["a", "b", "c", "d", "e"]),
        ("f'{a:{b}.{c}}'", ["a", "b", "c"]),
        ("f'{a:%H:%M}'", ["a"]),
        ("f'{x[\":\"]} {f(a, b)}'", ['x[":"]', "f(a, b)"]),
        ("f'{a != b} {a == b} {a <= b}'", ["a != b", "a == b", "a <= b"]),
        ("f'{ {1: a}[1] }'", [" {1: a}[1] "]),
        ("f'{(lambda: a)()}'", ["(lambda: a)()"]),
        ("'{a}' f'{b}'", ["b"]),
        ("f'{a}' '{b}' f'{c}'", ["a", "c"]),
        ("rf'\\{a}' Rb'' F\"\"\"{b}\n'{c}'\"\"\"", ["a", "b", "c"]),
        ("f'\\'{a}\\\\'", ["a"]),
        ("f'{a}'\n  # it's a \"comment\"\n  f'{b}'", ["a", "b"]),
        ("f'#{a}' f'{b}'", ["a", "b"]),
        ("f'é{a}'", ["a"]),
        ("f''", []),
    ],
)
def test_expressions(source: str, found: list[str]) -> None:
    assert [each.text for each in expressions(source)] == found
    for offset, text in expressions(source):
        assert source[offset : offset + len(text)] == text


def test_those_are_found_that_python_finds() -> None:
    package = ROOT / "transpiler" / "pflow_lower"
    for path in package.rglob("*.py"):
        source = path.read_text("utf-8")
        for node in _outermost(ast.parse(source)):
            segment = ast.get_source_segment(source, node)
            assert segment is not None
            found = [ast.dump(_parsed(each.text)) for each in expressions(segment)]
            assert sorted(found) == sorted(map(ast.dump, _values(node)))


def _outermost(node: ast.AST) -> Iterator[ast.JoinedStr]:
    """Give the f-strings that are in no other."""
    if isinstance(node, ast.JoinedStr):
        yield node
    else:
        for child in ast.iter_child_nodes(node):
            yield from _outermost(child)


def _values(node: ast.JoinedStr) -> Iterator[ast.expr]:
    """Give the expressions of an f-string, those of its formats too."""
    for each in node.values:
        if isinstance(each, ast.FormattedValue):
            yield each.value
            if isinstance(each.format_spec, ast.JoinedStr):
                yield from _values(each.format_spec)


def _parsed(text: str) -> ast.expr:
    return ast.parse(f"({text})", mode="eval").body
