import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from pflow_lower.check.schema import check_schema, schema_text
from pflow_lower.diagnostics import Code, has_errors
from pflow_lower.source.positions import JSON, Location, Path

NODE: dict[str, JSON] = {"id": "a", "type": "echo"}
SCHEMA = json.loads(schema_text())
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)
KEYS = sorted(
    {key for part in (SCHEMA, *SCHEMA["$defs"].values()) for key in part["properties"]}
)
"""Every key that means something anywhere."""


def workflow(**keys: JSON) -> dict[str, JSON]:
    return {"nodes": [NODE], **keys}


def batch(**keys: JSON) -> dict[str, JSON]:
    return {"nodes": [{**NODE, "batch": {"items": [], **keys}}]}


def mistakes(document: JSON) -> list[tuple[Code, Path]]:
    return [(one.code, one.path) for one in check_schema(document)]


def said(document: JSON) -> tuple[str, str]:
    """Give message and hint of the one mistake there is."""
    (one,) = check_schema(document)
    return one.message, one.hint


def test_the_schema_is_one() -> None:
    Draft202012Validator.check_schema(SCHEMA)

    assert schema_text().endswith("}\n")


def objects(part: Any) -> list[Mapping[str, Any]]:
    """Give every part of the schema that is about an object with known keys."""
    if isinstance(part, dict):
        inner = [found for value in part.values() for found in objects(value)]
        return [part, *inner] if "additionalProperties" in part else inner
    return []


def test_every_key_is_explained_to_those_who_edit_a_workflow() -> None:
    explained = 0
    for part in objects(SCHEMA):
        for name, value in part.get("properties", {}).items():
            target = value.get("$ref", "").removeprefix("#/$defs/")
            assert (SCHEMA["$defs"][target] if target else value)["description"], name
            explained += 1

    assert explained > len(KEYS)


@pytest.mark.parametrize(
    "document",
    [
        workflow(),
        workflow(edges=[]),
        workflow(inputs={}, outputs={}),
        workflow(enable_namespacing=True, template_resolution_mode="permissive"),
        workflow(**{"$schema": "https://example.com/schema.json"}),
        workflow(name=None, description=[1], version={}, metadata=False, _x=None),
        workflow(ir_version="0.0.0"),
        workflow(ir_version="0.10.200"),
        workflow(start_node="b"),
        workflow(edges=[{"from": "a", "to": "b", "action": "x", "_x": 1}]),
        workflow(inputs={"": {}, "a b": {"_x": 1}}),
        workflow(inputs={"a": {"type": "str", "required": False, "stdin": True}}),
        workflow(inputs={"a": {"type": "int", "default": None, "description": ""}}),
        workflow(outputs={"": {"source": "", "type": "?", "description": "", "_": 1}}),
        {"nodes": [{**NODE, "purpose": "", "params": {"": None}, "_x": 1}]},
        batch(),
        batch(items="anything", parallel=True, error_handling="continue"),
        batch(max_concurrent=1, max_retries=1, retry_wait=0),
        batch(max_concurrent=100, max_retries=10, retry_wait=0.5, **{"as": "_a1"}),
        batch(max_items=1, key="a", results_to="a", timeout=0.1, batch_timeout=1e9),
        batch(retry={}, rate_limit={"per": 0.5, "requests": 1}),
        batch(retry={"max_attempts": 1, "wait": 0, "backoff": 1, "max_wait": 0}),
        batch(retry={"max_attempts": 100, "jitter": "none", "on": [400, 599]}),
        batch(retry={"jitter": "full", "on": ["E", "a._b.C1", "a._b.C1"]}),
        batch(tolerated_failure_count=0, tolerated_failure_percentage=0),
        batch(tolerated_failure_count=10**9, tolerated_failure_percentage=100.0),
        *(batch(items={form: "a"}) for form in ("jsonl", "csv", "lines", "glob")),
    ],
)
def test_what_is_right(document: JSON) -> None:
    assert check_schema(document) == ()


@pytest.mark.parametrize(
    ("document", "code", "path"),
    [
        (None, Code.WRONG_TYPE, ()),
        ([], Code.WRONG_TYPE, ()),
        ({}, Code.MISSING_KEY, ()),
        ({"nodes": []}, Code.EMPTY, ("nodes",)),
        ({"nodes": {}}, Code.WRONG_TYPE, ("nodes",)),
        ({"nodes": [None]}, Code.WRONG_TYPE, ("nodes", 0)),
        ({"nodes": [NODE, {"id": "b"}]}, Code.MISSING_KEY, ("nodes", 1)),
        ({"nodes": [{**NODE, "id": ""}]}, Code.EMPTY, ("nodes", 0, "id")),
        ({"nodes": [{**NODE, "type": ""}]}, Code.EMPTY, ("nodes", 0, "type")),
        ({"nodes": [{**NODE, "x": 1}]}, Code.UNKNOWN_KEY, ("nodes", 0, "x")),
        ({"nodes": [{**NODE, "params": []}]}, Code.WRONG_TYPE, ("nodes", 0, "params")),
        ({"nodes": [{**NODE, "purpose": 1}]}, Code.WRONG_TYPE, ("nodes", 0, "purpose")),
        (workflow(x=1), Code.UNKNOWN_KEY, ("x",)),
        (workflow(edges=None), Code.WRONG_TYPE, ("edges",)),
        (workflow(edges=["a"]), Code.WRONG_TYPE, ("edges", 0)),
        (workflow(edges=[{"from": "a"}]), Code.MISSING_KEY, ("edges", 0)),
        (
            workflow(edges=[{"from": 1, "to": "a"}]),
            Code.WRONG_TYPE,
            ("edges", 0, "from"),
        ),
        (workflow(start_node=""), Code.EMPTY, ("start_node",)),
        (workflow(start_node=0), Code.WRONG_TYPE, ("start_node",)),
        (workflow(inputs=[]), Code.WRONG_TYPE, ("inputs",)),
        (workflow(inputs={"a": None}), Code.WRONG_TYPE, ("inputs", "a")),
        (workflow(inputs={"a": {"x": 1}}), Code.UNKNOWN_KEY, ("inputs", "a", "x")),
        (
            workflow(inputs={"a": {"type": "x"}}),
            Code.NOT_A_CHOICE,
            ("inputs", "a", "type"),
        ),
        (
            workflow(inputs={"a": {"type": None}}),
            Code.WRONG_TYPE,
            ("inputs", "a", "type"),
        ),
        (workflow(outputs={"a": "x"}), Code.WRONG_TYPE, ("outputs", "a")),
        (
            workflow(outputs={"a": {"source": 1}}),
            Code.WRONG_TYPE,
            ("outputs", "a", "source"),
        ),
        (workflow(ir_version=1), Code.WRONG_TYPE, ("ir_version",)),
        (workflow(ir_version="1"), Code.WRONG_FORM, ("ir_version",)),
        (workflow(ir_version="0.1.0\n"), Code.WRONG_FORM, ("ir_version",)),
        (workflow(ir_version="0.1.00"), Code.WRONG_FORM, ("ir_version",)),
        (workflow(ir_version="0.1.٣"), Code.WRONG_FORM, ("ir_version",)),
        (workflow(ir_version="10.0.0"), Code.UNSUPPORTED_VERSION, ("ir_version",)),
        (
            workflow(enable_namespacing=1),
            Code.UNSUPPORTED_VALUE,
            ("enable_namespacing",),
        ),
        (workflow(**{"$schema": 1}), Code.WRONG_TYPE, ("$schema",)),
    ],
)
def test_what_is_wrong(document: JSON, code: Code, path: Path) -> None:
    assert mistakes(document) == [(code, path)]


@pytest.mark.parametrize(
    ("key", "value", "code"),
    [
        ("x", 1, Code.UNKNOWN_KEY),
        ("_x", 1, Code.UNKNOWN_KEY),
        ("items", 1, Code.WRONG_TYPE),
        ("as", 1, Code.WRONG_TYPE),
        ("as", "", Code.WRONG_FORM),
        ("as", "a-b", Code.WRONG_FORM),
        ("as", "1a", Code.WRONG_FORM),
        ("as", "a\n", Code.WRONG_FORM),
        ("as", " a", Code.WRONG_FORM),
        ("as", "é", Code.WRONG_FORM),
        ("parallel", 1, Code.WRONG_TYPE),
        ("max_concurrent", 0, Code.OUT_OF_RANGE),
        ("max_concurrent", 101, Code.OUT_OF_RANGE),
        ("max_concurrent", 4.0, Code.WRONG_TYPE),
        ("max_concurrent", True, Code.WRONG_TYPE),
        ("max_concurrent", 10**400, Code.OUT_OF_RANGE),
        ("error_handling", "Continue", Code.NOT_A_CHOICE),
        ("error_handling", 1, Code.WRONG_TYPE),
        ("max_retries", 0, Code.OUT_OF_RANGE),
        ("max_retries", 11, Code.OUT_OF_RANGE),
        ("max_retries", 1.5, Code.WRONG_TYPE),
        ("retry_wait", -1, Code.OUT_OF_RANGE),
        ("retry_wait", -1e-9, Code.OUT_OF_RANGE),
        ("retry_wait", "1", Code.WRONG_TYPE),
        ("retry_wait", True, Code.WRONG_TYPE),
        ("max_items", 0, Code.OUT_OF_RANGE),
        ("max_items", 1.0, Code.WRONG_TYPE),
        ("max_items", "10", Code.WRONG_TYPE),
        ("key", "", Code.EMPTY),
        ("key", 1, Code.WRONG_TYPE),
        ("results_to", "", Code.EMPTY),
        ("results_to", {"jsonl": "a"}, Code.WRONG_TYPE),
        ("retry", 3, Code.WRONG_TYPE),
        ("timeout", 0, Code.OUT_OF_RANGE),
        ("timeout", -1.5, Code.OUT_OF_RANGE),
        ("timeout", "30s", Code.WRONG_TYPE),
        ("timeout", 10**400, Code.OUT_OF_RANGE),
        ("batch_timeout", 0.0, Code.OUT_OF_RANGE),
        ("batch_timeout", True, Code.WRONG_TYPE),
        ("batch_timeout", 1.1e9, Code.OUT_OF_RANGE),
        ("rate_limit", 50, Code.WRONG_TYPE),
        ("rate_limit", {}, Code.MISSING_KEY),
        ("tolerated_failure_count", -1, Code.OUT_OF_RANGE),
        ("tolerated_failure_count", 0.5, Code.WRONG_TYPE),
        ("tolerated_failure_percentage", -0.1, Code.OUT_OF_RANGE),
        ("tolerated_failure_percentage", 100.5, Code.OUT_OF_RANGE),
        ("tolerated_failure_percentage", "5", Code.WRONG_TYPE),
    ],
)
def test_what_is_wrong_in_a_batch(key: str, value: JSON, code: Code) -> None:
    found = mistakes(batch(**{key: value}))

    assert set(found) == {(code, ("nodes", 0, "batch", key))}


@pytest.mark.parametrize(
    ("settings", "code", "path"),
    [
        ({"items": {"jsonl": ""}}, Code.EMPTY, ("items", "jsonl")),
        ({"items": {"csv": None}}, Code.WRONG_TYPE, ("items", "csv")),
        ({"items": {"glob": ["a"]}}, Code.WRONG_TYPE, ("items", "glob")),
        ({"items": {}}, Code.NOT_ONE_SOURCE, ("items",)),
        ({"items": {"fr": "French", "de": 1}}, Code.NOT_ONE_SOURCE, ("items",)),
        ({"items": {"csv": "a", "glob": "b"}}, Code.NOT_ONE_SOURCE, ("items", "glob")),
        ({"items": {"jsnl": "a"}}, Code.UNKNOWN_KEY, ("items", "jsnl")),
        ({"items": {"csv": "a", "sep": ";"}}, Code.UNKNOWN_KEY, ("items", "sep")),
        ({"items": {"max_items": 5}}, Code.UNKNOWN_KEY, ("items", "max_items")),
        ({"retry": {"_x": 1}}, Code.UNKNOWN_KEY, ("retry", "_x")),
        ({"retry": {"max_attempts": 0}}, Code.OUT_OF_RANGE, ("retry", "max_attempts")),
        (
            {"retry": {"max_attempts": 101}},
            Code.OUT_OF_RANGE,
            ("retry", "max_attempts"),
        ),
        ({"retry": {"max_attempts": 3.0}}, Code.WRONG_TYPE, ("retry", "max_attempts")),
        ({"retry": {"wait": -1}}, Code.OUT_OF_RANGE, ("retry", "wait")),
        ({"retry": {"backoff": 0.5}}, Code.OUT_OF_RANGE, ("retry", "backoff")),
        ({"retry": {"max_wait": -1}}, Code.OUT_OF_RANGE, ("retry", "max_wait")),
        ({"retry": {"wait": 10**400}}, Code.OUT_OF_RANGE, ("retry", "wait")),
        ({"retry": {"max_wait": 1e300}}, Code.OUT_OF_RANGE, ("retry", "max_wait")),
        ({"retry": {"backoff": 10**10}}, Code.OUT_OF_RANGE, ("retry", "backoff")),
        ({"retry": {"jitter": True}}, Code.WRONG_TYPE, ("retry", "jitter")),
        ({"retry": {"jitter": "Full"}}, Code.NOT_A_CHOICE, ("retry", "jitter")),
        ({"retry": {"on": []}}, Code.EMPTY, ("retry", "on")),
        ({"retry": {"on": "Error"}}, Code.WRONG_TYPE, ("retry", "on")),
        ({"retry": {"on": [399]}}, Code.OUT_OF_RANGE, ("retry", "on", 0)),
        ({"retry": {"on": [429, 600]}}, Code.OUT_OF_RANGE, ("retry", "on", 1)),
        ({"retry": {"on": [429.0]}}, Code.WRONG_TYPE, ("retry", "on", 0)),
        ({"retry": {"on": [True]}}, Code.WRONG_TYPE, ("retry", "on", 0)),
        ({"retry": {"on": [None]}}, Code.WRONG_TYPE, ("retry", "on", 0)),
        ({"retry": {"on": [""]}}, Code.WRONG_FORM, ("retry", "on", 0)),
        ({"retry": {"on": ["a."]}}, Code.WRONG_FORM, ("retry", "on", 0)),
        ({"retry": {"on": ["E\n"]}}, Code.WRONG_FORM, ("retry", "on", 0)),
        ({"retry": {"on": ["${e}"]}}, Code.WRONG_FORM, ("retry", "on", 0)),
        ({"rate_limit": {"per": 1}}, Code.MISSING_KEY, ("rate_limit",)),
        (
            {"rate_limit": {"per": 0, "requests": 1}},
            Code.OUT_OF_RANGE,
            ("rate_limit", "per"),
        ),
        (
            {"rate_limit": {"per": 1, "requests": 0}},
            Code.OUT_OF_RANGE,
            ("rate_limit", "requests"),
        ),
    ],
)
def test_what_is_wrong_inside_a_setting(
    settings: dict[str, JSON], code: Code, path: Path
) -> None:
    assert mistakes(batch(**settings)) == [(code, ("nodes", 0, "batch", *path))]


def test_the_first_of_two_sources_is_pointed_at_too() -> None:
    here: Path = ("nodes", 0, "batch", "items")
    (one,) = check_schema(batch(items={"lines": "a", "csv": "b"}))

    assert one.location == Location((*here, "csv"), "key")
    assert [each.location for each in one.related] == [
        Location((*here, "lines"), "key")
    ]


@pytest.mark.parametrize("key", SCHEMA["$defs"]["batch"]["properties"])
def test_null_is_wrong_for_every_key_of_a_batch(key: str) -> None:
    (one,) = check_schema(batch(**{key: None}))

    assert (one.code, one.path) == (Code.WRONG_TYPE, ("nodes", 0, "batch", key))
    assert one.message.endswith("not null")
    assert one.hint == ("" if key == "items" else "leave the key out")


def test_an_unknown_key_is_pointed_at_and_a_missing_one_is_not() -> None:
    (unknown,) = check_schema(workflow(edgs=[]))
    (missing,) = check_schema({"nodes": [{"id": "a"}]})

    assert unknown.location == Location(("edgs",), "key")
    assert missing.location == Location(("nodes", 0), "value")


def test_all_mistakes_are_found_at_once() -> None:
    document: JSON = {
        "nodes": [{"id": 1, "tpye": "echo", "params": None, "batch": {"as": "1"}}, 2],
        "edges": {},
        "inputs": {"a": {"type": "int", "default": "b"}},
        "ir_version": "9.9.9",
    }

    assert sorted(mistakes(document), key=str) == sorted(
        [
            (Code.UNKNOWN_KEY, ("nodes", 0, "tpye")),
            (Code.MISSING_KEY, ("nodes", 0, "batch")),
            (Code.WRONG_TYPE, ("nodes", 0, "id")),
            (Code.WRONG_TYPE, ("nodes", 0, "params")),
            (Code.WRONG_TYPE, ("nodes", 1)),
            (Code.WRONG_TYPE, ("edges",)),
            (Code.WRONG_FORM, ("nodes", 0, "batch", "as")),
            (Code.UNSUPPORTED_VERSION, ("ir_version",)),
            (Code.WRONG_DEFAULT, ("inputs", "a", "default")),
        ],
        key=str,
    )


def test_a_key_that_is_misspelt_does_not_count_as_missing() -> None:
    assert mistakes({"nodes": [{"id": "a", "tpye": "echo"}]}) == [
        (Code.UNKNOWN_KEY, ("nodes", 0, "tpye"))
    ]


@pytest.mark.parametrize(
    ("document", "message", "hint"),
    [
        ({}, 'the workflow is missing the key "nodes"', ""),
        (
            workflow(edgs=[]),
            'the workflow has no key "edgs"',
            'did you mean "edges"?',
        ),
        (
            workflow(Nodes=[]),
            'the workflow has no key "Nodes"',
            'did you mean "nodes"?',
        ),
        (
            {"nodes": [{**NODE, "as": "x"}]},
            'a node has no key "as"',
            'it belongs inside "batch"',
        ),
        (
            {"nodes": [{**NODE, "prompt": "x"}]},
            'a node has no key "prompt"',
            "its keys are id, type, purpose, params, batch",
        ),
        (
            workflow(edges=[{"from": "a"}]),
            'an edge is missing the key "to"',
            "",
        ),
        (
            workflow(edges=["a"]),
            "an edge must be an object, not a string",
            'for example {"from": "a", "to": "b"}',
        ),
        (
            workflow(inputs={"topic": "string"}),
            'input "topic" must be an object, not a string',
            'for example {"type": "string"}',
        ),
        (
            workflow(outputs={"a b": 1}),
            'output "a b" must be an object, not a number',
            'for example {"source": "${node.output}"}',
        ),
        (
            batch(max_concurrent="4"),
            '"max_concurrent" must be an integer, not a string',
            "write 4 without the quotes",
        ),
        (
            batch(max_concurrent="four"),
            '"max_concurrent" must be an integer, not a string',
            "",
        ),
        (
            batch(parallel="true"),
            '"parallel" must be true or false, not a string',
            "write true without the quotes",
        ),
        (
            batch(max_concurrent=4.0),
            '"max_concurrent" must be an integer, not 4.0',
            "",
        ),
        (
            batch(error_handling="fail-fast"),
            '"error_handling" must be one of "fail_fast", "continue", not "fail-fast"',
            'did you mean "fail_fast"?',
        ),
        (
            batch(items=3),
            '"items" must be a string, an array or an object, not a number',
            "",
        ),
        (
            batch(items={}),
            '"items" does not say where to read the items from',
            "an object has the key jsonl, csv, lines or glob; "
            "a list is written as [...]",
        ),
        (
            batch(items={"lines": "a", "csv": "b"}),
            '"items" has both "lines" and "csv"',
            "items are read from one source: leave the other out",
        ),
        (
            batch(items={"jsnol": "a"}),
            '"items" has no key "jsnol"',
            'did you mean "jsonl"?',
        ),
        (
            batch(items={"jsonl": "a", "max_items": 5}),
            '"items" has no key "max_items"',
            'it stands beside "items", not inside it',
        ),
        (
            batch(items={"csv": "a", "delimiter": ";"}),
            '"items" has no key "delimiter"',
            "its keys are jsonl, csv, lines, glob",
        ),
        (
            batch(items={"csv": None}),
            '"csv" must be a string, not null',
            "",
        ),
        (
            batch(retry=3),
            '"retry" must be an object, not a number',
            'for example {"max_attempts": 3}',
        ),
        (
            batch(retry={"max_retries": 3}),
            '"retry" has no key "max_retries"',
            'here it is called "max_attempts"',
        ),
        (
            batch(retry={"retry_wait": 3}),
            '"retry" has no key "retry_wait"',
            'here it is called "wait"',
        ),
        (
            batch(retry={"timeout": 3}),
            '"retry" has no key "timeout"',
            'it stands beside "retry", not inside it',
        ),
        (
            batch(retry={"on": 429}),
            '"on" must be an array, not a number',
            'for example ["TimeoutError", 429]',
        ),
        (
            batch(retry={"on": [200]}),
            'a failure in "on" must be at least 400, not 200',
            "a failure has a status from 400 to 599",
        ),
        (
            batch(retry={"on": ["5xx"]}),
            'a failure in "on" must be the name of an exception class, not "5xx"',
            'for example "TimeoutError" or 429',
        ),
        (
            batch(retry={"on": ["429"]}),
            'a failure in "on" must be the name of an exception class, not "429"',
            "write 429 without the quotes",
        ),
        (
            batch(retry={"on": [None]}),
            'a failure in "on" must be a string or an integer, not null',
            'for example "TimeoutError" or 429',
        ),
        (
            batch(timeout=0),
            '"timeout" must be more than 0, not 0',
            "leave the key out for no limit",
        ),
        (
            batch(rate_limit=50),
            '"rate_limit" must be an object, not a number',
            'for example {"requests": 50, "per": 60}',
        ),
        (
            batch(rate_limit={"requests": 50}),
            '"rate_limit" is missing the key "per"',
            "",
        ),
        (
            batch(rate_limit={"requests": 50, "per": None}),
            '"per" must be a number, not null',
            "",
        ),
        (
            batch(max_retries=0),
            '"max_retries" must be at least 1, not 0',
            "",
        ),
        (
            batch(max_retries=10**99),
            f'"max_retries" must be at most 10, not {10**58}…',
            "",
        ),
        (
            workflow(ir_version="2.0.0"),
            'this version of pflow-lower does not know ir_version "2.0.0"',
            "it knows 0.x.y",
        ),
        (
            workflow(enable_namespacing=False),
            '"enable_namespacing" must be true; nothing else is supported',
            "leave the key out",
        ),
        (
            workflow(inputs={"n": {"type": "int", "default": 1.5}}),
            'the default of input "n" is 1.5, but its type is "int"',
            "",
        ),
    ],
)
def test_the_words(document: JSON, message: str, hint: str) -> None:
    assert said(document) == (message, hint)


@pytest.mark.parametrize(
    ("declared", "right", "wrong"),
    [
        ("string", ["", "1"], [1, True, [], {}]),
        ("number", [1, 1.5], ["1", True, [1]]),
        ("float", [1, 1.5], ["1", False]),
        ("integer", [1, 0], [1.0, True, "1"]),
        ("int", [-1], [1.5, False]),
        ("boolean", [True, False], [0, 1, "true"]),
        ("bool", [True], [1]),
        ("object", [{}], [[], "{}"]),
        ("dict", [{"a": 1}], [[1]]),
        ("array", [[]], [{}, "[]"]),
        ("list", [[1]], ["a"]),
    ],
)
def test_defaults(declared: str, right: list[JSON], wrong: list[JSON]) -> None:
    def of(default: JSON) -> JSON:
        return workflow(inputs={"a": {"type": declared, "default": default}})

    assert [mistakes(of(value)) for value in [*right, None]] == [[]] * (len(right) + 1)
    assert [mistakes(of(value)) for value in wrong] == [
        [(Code.WRONG_DEFAULT, ("inputs", "a", "default"))]
    ] * len(wrong)


@given(ANYTHING)
def test_any_value_gets_an_answer(value: Any) -> None:
    assert has_errors(check_schema(value))


@given(
    st.dictionaries(st.sampled_from(KEYS), ANYTHING, max_size=3),
    st.dictionaries(st.sampled_from(KEYS), ANYTHING, max_size=3),
    st.dictionaries(st.sampled_from(KEYS), ANYTHING, max_size=3),
)
def test_any_value_under_any_key_gets_an_answer_with_a_place(
    top: dict[str, Any], node: dict[str, Any], inner: dict[str, Any]
) -> None:
    document: dict[str, Any] = {"nodes": [{**node, "batch": inner}], **top}
    for one in check_schema(document):
        place: Any = document
        for step in one.path:
            place = place[step]  # it is there
        assert one.message
