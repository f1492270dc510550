"""Which names of a module are module-level names, and where they stand: «here»."""

import ast
import re

import pytest

from pflow_lower.standalone.scopes import places


def marked(source: str) -> str:
    """Give a module with «» around each place that is a module-level name."""
    for place in reversed(places(source, ast.parse(source))):
        source = f"{source[: place.start]}«{place.name}»{source[place.end :]}"
    return source


@pytest.mark.parametrize(
    "text",
    [
        "«a» = «b»",
        "def «f»(a, b=«c»): return a + b + «c»",
        "def «f»():\n  a = 1\n  return a, «b»",
        "async def «f»(*a, **b): a, b, «c»",
        "def «f»(a, /, *, b: «c» = «d»): b",
        "@«d»\ndef «f»(): ...",
        "lambda a, b=«c»: a + b + «d»",
        "class «C»(«B», metaclass=«M»):\n  a = «b»\n  def m(self): return «a», self.a",
        "class «C»:\n  a = 1\n  b = a",
        "def «f»():\n  class C: ...\n  C",
        "[a for a in «b» if a in «c»]",
        "def «f»(b): {a: c for a in b for c in a}",
        "def «f»():\n  [a for a in «b»]\n  «a»",
        "def «f»():\n  [(a := b) for b in «c»]\n  a",
        "def «f»():\n  for a in «b»: a\n  with «c» as d: d",
        "def «f»():\n  try: «a»\n  except «E» as b: b",
        "def «f»(a):\n  def g(): return a, «b»\n  return g",
        "def «f»():\n  a = 1\n  def g():\n    nonlocal a\n    a = «b»",
        "def «f»():\n  import a.b, c as d\n  a, «c», d",
        "def «f»(a):\n  match a:\n    case «C»(x=[b, *c], y={'k': d, **e}): b, c, d, e",
        "«f»(a=«a»)",
        "def «f»(a): return f'{a} {«b»} {«c»!r:{«d»}}'",
        "«x» = 'é'; f'é{«a»}é{«b»}'",
        "«a»: \"«B»\" = 'c'",
        "«a»: «Literal»['b']",
        "«cast»('«A»', «b»)",
        "«a» = «tuple»['«b»[«c»]', «d»]",
        "class «C»(«B»['«T»']): a = «x»['b']",
        "def «f»(): a = «b»['c']",
        "del «a»",
    ],
)
def test_places(text: str) -> None:
    assert marked(re.sub("[«»]", "", text)) == text


def test_an_attribute_belongs_to_its_place() -> None:
    source = "params.string(a.b.c)"
    found = places(source, ast.parse(source))

    assert [(each.name, each.attribute) for each in found] == [
        ("params", "string"),
        ("a", "b"),
    ]
    assert [source[each.start : each.end] for each in found] == ["params.string", "a.b"]


def test_what_a_function_imports_of_ours_is_no_name_of_its_own() -> None:
    source = "def f():\n  from pflow_lower.x import a\n  from y import b\n  a, b"
    found = places(source, ast.parse(source))

    assert [each.name for each in found] == ["f", "a"]
    assert [node.module for node in found[1].imports] == ["pflow_lower.x"]
