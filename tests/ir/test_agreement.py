"""What the codec refuses and what the schema reports are the same documents.

The schema is asked only about documents that the codec refuses. A document that
the codec alone accepted would be lowered though it is wrong, and of one that the
codec alone refused there would be nothing to report.
"""

import json
from collections.abc import Iterator
from copy import deepcopy
from itertools import product
from typing import Any

import pytest
from documents import DOCUMENTS, VALUES
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from places import FIXTURES
from profiles import scaled, share

from pflow_lower.check.schema import check_schema, schema_text
from pflow_lower.diagnostics import has_errors
from pflow_lower.document.reader import read_bytes
from pflow_lower.ir.codec import decode
from pflow_lower.ir.fields import Refused
from pflow_lower.source.positions import JSON, Path

thorough = settings(
    max_examples=scaled(300), suppress_health_check=[HealthCheck.too_slow]
)

RETRY: dict[str, JSON] = {
    "max_attempts": 3,
    "wait": 1,
    "backoff": 2.5,
    "max_wait": 9,
    "jitter": "full",
    "on": ["TimeoutError", "a.b.C", 429],
}
BATCH: dict[str, JSON] = {
    "items": "${i}",
    "as": "x",
    "parallel": True,
    "max_concurrent": 2,
    "error_handling": "continue",
    "max_retries": 2,
    "retry_wait": 0.5,
    "retry": RETRY,
    "timeout": 5,
    "batch_timeout": 50,
    "rate_limit": {"requests": 5, "per": 1},
    "tolerated_failure_count": 1,
    "tolerated_failure_percentage": 10,
    "max_items": 5,
    "key": "${x.id}",
    "results_to": "out.jsonl",
}
EVERYTHING: dict[str, Any] = {
    "$schema": "x",
    "ir_version": "0.1.0",
    "name": "n",
    "description": "d",
    "version": 1,
    "metadata": {},
    "nodes": [
        {"id": "a", "type": "echo", "purpose": "p", "params": {"b": [1]}, "_n": 1},
        {"id": "b", "type": "echo", "batch": BATCH},
        {"id": "c", "type": "echo", "batch": {"items": ["a", 1]}},
        {"id": "d", "type": "echo", "batch": {"items": {"jsonl": "a.jsonl"}}},
    ],
    "edges": [{"from": "a", "to": "b", "action": "default", "_e": 1}],
    "start_node": "a",
    "inputs": {
        "i": {
            "type": "integer",
            "required": False,
            "default": 1,
            "description": "d",
            "stdin": False,
            "_i": 1,
        },
        "j": {},
    },
    "outputs": {"o": {"source": "${b}", "type": "any", "description": "d", "_o": 1}},
    "template_resolution_mode": "strict",
    "enable_namespacing": True,
    "_private": {"${": 1},
}
"""A workflow with every key that there is."""

ODD: list[Any] = [
    *(None, True, False, "", [], {}, [[]], [{}], [None], {"a": 1}, {"_a": 1}),
    *(-1, 0, 1, 2, 3, 10, 11, 100, 101, 399, 400, 599, 600, 10**9, 10**9 + 1),
    *(-(10**400), 10**400, -0.0, 0.0, 0.5, 1.0, 2.5, 99.5, 100.0, 100.5, 429.0),
    *(1e9, 1e9 + 0.5, 1e308, -1e308, 5e-324, -5e-324),
    *("a", "A_1", "1", "1a", "a b", "a\n", "\n", " ", "é", "a.b", "a.", ".a", "a..b"),
    *(
        "_",
        "_a",
        "a._b",
        "a-b",
        "٣",
        "ª",
        "true",
        "0",
        "${a}",
        "${",
        "$<a",
        "\ud83d\ude00",
        "\x00",
    ),
    *("strict", "permissive", "Strict", "strict\n", "fail_fast", "continue"),
    *("none", "full", "default", "string", "str", "int", "integer", "number", "float"),
    *("bool", "boolean", "dict", "object", "list", "array", "any"),
    *("0.0.0", "0.1.0", "0.12.345", "0.1", "0.1.0.0", "1.0.0", "00.1.0", "0.01.0"),
    *("0.1.0\n", "v0.1.0", "0.1.x", "-0.1.0", "0.٣.0", " 0.1.0", "10.0.0"),
    *(["a"], ["a", 429], [429.0], [True], ["1"], [399], [600], ["a\n"], ["a", None]),
    *({"jsonl": "a"}, {"csv": ""}, {"glob": 1}, {"lines": "a", "csv": "b"}),
    *({"jsonl": "a", "_b": 1}, {"items": "a"}, {"items": 1}, {"source": "${a}"}),
    *({"id": "a", "type": "b"}, {"from": "a", "to": "b"}, {"requests": 1, "per": 1}),
    *([{"id": "a", "type": "b"}], [{"from": "a", "to": "b"}]),
]
"""Values that some key takes and others do not, and those just beyond a limit."""


def schema_keys(schema: JSON) -> Iterator[str]:
    if isinstance(schema, dict):
        for name, part in schema.items():
            if name == "properties" and isinstance(part, dict):
                yield from part
            yield from schema_keys(part)


KEYS = sorted(
    {
        *schema_keys(json.loads(schema_text())),
        "",
        "_",
        "_x",
        "x",
        "As",
        "item",
        "nodes ",
    }
)


def accepts(document: JSON) -> bool:
    try:
        decode(document)
    except Refused:
        return False
    return True


def agree(document: JSON) -> bool:
    """Whether the document is a workflow, which codec and schema must agree on."""
    before = deepcopy(document)
    accepted = accepts(document)
    found = check_schema(document)

    assert accepted == (not found), (document, found)
    assert has_errors(found) == bool(found)
    assert document == before
    return accepted


def paths(value: JSON, here: Path = ()) -> Iterator[Path]:
    """Yield the path of every value."""
    yield here
    if isinstance(value, dict):
        for name, item in value.items():
            yield from paths(item, (*here, name))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from paths(item, (*here, index))


def at(document: Any, path: Path) -> Any:
    for step in path:
        document = document[step]
    return document


def put(document: Any, path: Path, value: JSON) -> JSON:
    """Return the document with another value in one place."""
    if not path:
        return value
    at(document, path[:-1])[path[-1]] = value
    whole: JSON = document
    return whole


def test_everything_has_every_key_of_the_schema() -> None:
    written = {str(path[-1]) for path in paths(EVERYTHING) if path}

    assert set(schema_keys(json.loads(schema_text()))) - written == {
        *("csv", "lines", "glob")
    }
    assert agree(EVERYTHING)


@pytest.mark.parametrize(
    ("number", "path"),
    [
        pytest.param(number, path, id=".".join(map(str, path)))
        for number, path in enumerate(paths(EVERYTHING))
    ],
)
def test_they_agree_on_every_odd_value_in_every_place(number: int, path: Path) -> None:
    for value in share(ODD, number):
        agree(put(deepcopy(EVERYTHING), path, deepcopy(value)))


def test_they_agree_where_any_key_is_left_out() -> None:
    for *outer, last in filter(None, paths(EVERYTHING)):
        document = deepcopy(EVERYTHING)
        del at(document, tuple(outer))[last]
        agree(document)


def test_they_agree_on_every_key_in_every_object() -> None:
    values: tuple[JSON, ...] = ("a", {})
    objects = [
        path for path in paths(EVERYTHING) if isinstance(at(EVERYTHING, path), dict)
    ]
    for path, name, value in share(list(product(objects, KEYS, values))):
        document = deepcopy(EVERYTHING)
        at(document, path)[name] = value
        agree(document)


@pytest.mark.parametrize(
    "declared", ["string", "number", "int", "bool", "dict", "list"]
)
def test_they_agree_on_every_default_of_a_declared_type(declared: str) -> None:
    for value in ODD:
        document = deepcopy(EVERYTHING)
        document["inputs"]["i"] = {"default": value, "type": declared}
        agree(document)


@pytest.mark.parametrize(
    "path", sorted(FIXTURES.rglob("*.json")), ids=lambda path: path.stem
)
def test_they_agree_on_every_fixture(path: Any) -> None:
    _, document, _ = read_bytes(path.name, path.read_bytes())
    if document is not None:
        accepted = agree(document.value)
        assert accepted or "valid" not in path.parts


@st.composite
def mutated(draw: st.DrawFn) -> JSON:
    """Workflows with up to three places changed."""
    document: JSON = deepcopy(draw(DOCUMENTS))
    for _ in range(draw(st.integers(1, 3))):
        path = draw(st.sampled_from(list(paths(document))))
        value = deepcopy(draw(st.sampled_from(ODD) | VALUES))
        inside = at(document, path)
        change = draw(st.sampled_from(["replace", "remove", "add", "rename"]))
        if change == "replace" or not isinstance(inside, dict):
            document = put(document, path, value)
        elif change == "add" or not inside:
            inside[draw(st.sampled_from(KEYS))] = value
        else:
            old = draw(st.sampled_from(list(inside)))
            moved = inside.pop(old)
            if change == "rename":
                inside[draw(st.sampled_from(KEYS))] = moved
    return document


@thorough
@given(mutated())
def test_they_agree_on_workflows_with_mistakes(document: JSON) -> None:
    agree(document)


@thorough
@given(
    st.recursive(
        st.sampled_from(ODD),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4)
        ),
        max_leaves=12,
    )
)
def test_they_agree_on_any_json(document: JSON) -> None:
    agree(document)
