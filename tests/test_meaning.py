"""Compiled templates, run, mean what `meaning.py` says that they mean."""

import json
from collections.abc import Callable
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from meaning import BadIndexError, MissingError, container, meaning, same
from profiles import scaled
from strategies import templates

from pflow_lower.codegen.expressions import Compiler
from pflow_lower.codegen.python import statement
from pflow_lower.ir.workflow import Resolution, TemplateValue
from pflow_lower.runtime import (
    InvalidIndexError,
    MissingReferenceError,
    Scope,
    concat,
    decoded,
)
from pflow_lower.template.parser import parse_template

INNER = st.recursive(
    st.sampled_from([None, True, False, 0, -0.0, 1, 2.5, "", "0", "{x", "[1, 2]", "é"]),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.lists(inner, max_size=3).map(tuple),
        st.dictionaries(st.sampled_from("ab"), inner, max_size=2),
        st.dictionaries(st.sampled_from("ab"), inner, max_size=2).map(json.dumps),
        st.lists(inner, max_size=3).map(json.dumps),
    ),
    max_leaves=8,
)
STORES = st.fixed_dictionaries(
    {"i": st.sampled_from([0, 1, -1, True, True, "1"])},
    optional={"a": INNER, "b": INNER},
)


@st.composite
def paths(draw: st.DrawFn, store: dict[str, Any]) -> str:
    """Give a path that mostly goes where there is something."""
    path = draw(st.sampled_from([*store, *store, *store, "gone"]))
    value = store.get(path)
    for _ in range(draw(st.integers(0, 3))):
        value = container(value)
        steps: dict[str, Any] = {".a": None, "[0]": None, "[${a}]": None}
        if isinstance(value, dict):
            steps = {f".{key}": value[key] for key in value} or steps
        elif isinstance(value, list | tuple):
            steps = {f"[{index}]": each for index, each in enumerate(value)}
            steps |= {"[${i}]": value[-1] if value else None, "[9]": None}
        step = draw(
            st.sampled_from([*steps, *[step for step in steps if "$" in step] * 2])
        )
        path += step
        value = steps[step]
    return path


@st.composite
def cases(draw: st.DrawFn) -> tuple[str, dict[str, Any], dict[str, Any]]:
    """Give a string, a store, and names that are bound besides."""
    store, bound = draw(STORES), draw(st.just({}) | STORES)
    found = draw(st.lists(paths(store | bound), min_size=1, max_size=3))
    return draw(templates(found)), store, bound


def outcome(work: Callable[[], Any]) -> tuple[str, Any]:
    try:
        return "value", work()
    except (MissingError, MissingReferenceError):
        return "missing", None
    except (BadIndexError, InvalidIndexError):
        return "bad index", None


@settings(max_examples=scaled(500))
@given(cases(), st.booleans(), st.sampled_from(["strict", "permissive"]))
def test_compiled_templates_mean_what_the_language_says(
    case: tuple[str, dict[str, Any], dict[str, Any]], nested: bool, mode: Resolution
) -> None:
    text, store, bound = case
    template, problems = parse_template(text)
    assert not [one for one in problems if one.kind == "malformed"]
    compiled = Compiler(mode).value(TemplateValue(template), nested=nested)
    before = repr((store, bound))
    scope = Scope(store, bound)
    names = {"scope": scope, "concat": concat, "decoded": decoded}

    found = outcome(lambda: eval(statement("", compiled, ""), names))
    expected = outcome(
        lambda: meaning(
            template, store | bound, nested=nested, permissive=mode == "permissive"
        )
    )

    assert same(found, expected)
    assert repr((store, bound)) == before
