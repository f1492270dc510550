import json
from copy import deepcopy
from typing import Any

import pytest
from documents import DOCUMENTS, VALUES
from hypothesis import given

from pflow_lower.check.schema import check_schema
from pflow_lower.diagnostics import Code, Severity
from pflow_lower.ir.codec import decode, encode
from pflow_lower.ir.workflow import (
    Array,
    Batch,
    BatchStep,
    Constant,
    Edge,
    Input,
    Object,
    Output,
    RateLimit,
    Retry,
    Step,
    Stream,
    TemplateValue,
    Value,
    Workflow,
    freeze,
    templates,
    thaw,
)
from pflow_lower.source.positions import JSON, Location, Span
from pflow_lower.template.parser import parse_template


def node_of(value: dict[str, JSON]) -> Step | BatchStep:
    document: JSON = {"nodes": [{"id": "a", "type": "echo", **value}]}
    workflow, found = decode(document)
    assert found == ()
    (node,) = workflow.nodes
    return node


def template(text: str) -> TemplateValue:
    parsed, _ = parse_template(text)
    return TemplateValue(parsed)


def test_a_workflow_is_decoded() -> None:
    workflow, found = decode(
        {
            "name": "docs",
            "inputs": {"topic": {"type": "string", "default": None}},
            "nodes": [
                {"id": "ls", "type": "shell", "params": {"command": "ls"}},
                {
                    "id": "sum",
                    "type": "llm",
                    "batch": {"items": "${ls.files}", "as": "file", "max_retries": 2},
                    "params": {"prompt": "On ${topic}: $<file>"},
                },
            ],
            "edges": [{"from": "ls", "to": "sum"}],
            "outputs": {"all": {"source": "${sum.results}"}},
        }
    )

    assert found == ()
    assert workflow == Workflow(
        nodes=(
            Step(
                id="ls",
                type="shell",
                params=Object((("command", Constant("ls")),)),
            ),
            BatchStep(
                id="sum",
                type="llm",
                batch=Batch(items=template("${ls.files}"), alias="file", max_retries=2),
                params=Object((("prompt", template("On ${topic}: $<file>")),)),
                keys=("id", "type", "batch", "params"),
            ),
        ),
        edges=(Edge(source="ls", target="sum"),),
        start="ls",
        inputs=(
            Input(
                name="topic",
                type="string",
                default=Constant(None),
                keys=("type", "default"),
            ),
        ),
        outputs=(Output(name="all", source=template("${sum.results}")),),
        extras=Object((("name", Constant("docs")),)),
        keys=("name", "inputs", "nodes", "edges", "outputs"),
    )


def test_what_is_not_given_has_its_default() -> None:
    workflow, _ = decode({"nodes": [{"id": "a", "type": "echo"}]})
    node = node_of({"batch": {"items": []}})

    assert (workflow.start, workflow.resolution, workflow.edges) == ("a", "strict", ())
    assert isinstance(node, BatchStep)
    assert node.batch == Batch(
        items=Array(),
        alias="item",
        parallel=False,
        max_concurrent=10,
        error_handling="fail_fast",
        max_retries=1,
        retry_wait=0,
        max_items=None,
        key=None,
        results_to=None,
        retry=None,
        timeout=None,
        batch_timeout=None,
        rate_limit=None,
        tolerated_failure_count=None,
        tolerated_failure_percentage=None,
    )
    assert node.batch.stream is None


def batch_of(**settings: JSON) -> Batch:
    node = node_of({"batch": {"items": [], **settings}})
    assert isinstance(node, BatchStep)
    return node.batch


@pytest.mark.parametrize(
    ("retry", "expected"),
    [
        ({}, Retry(max_attempts=3, wait=0, backoff=1, jitter="none")),
        ({"wait": 2.5, "max_attempts": 9}, Retry(max_attempts=9, wait=2.5)),
        ({"backoff": 2}, Retry(wait=1, backoff=2, jitter="full")),
        ({"backoff": 1}, Retry(wait=1, backoff=1, jitter="full")),
        (
            {"jitter": "none", "backoff": 2, "wait": 0},
            Retry(wait=0, backoff=2, jitter="none"),
        ),
        ({"jitter": "full", "max_wait": 60}, Retry(jitter="full", max_wait=60)),
        ({"on": ["TimeoutError", 429]}, Retry(on=("TimeoutError", 429))),
    ],
)
def test_with_a_backoff_a_retry_has_other_defaults(
    retry: dict[str, JSON], expected: Retry
) -> None:
    assert batch_of(retry=retry).retry == expected


def test_a_rate_limit_is_decoded() -> None:
    limit = batch_of(rate_limit={"per": 60, "requests": 50}).rate_limit

    assert limit == RateLimit(requests=50, per=60)


@pytest.mark.parametrize("form", ["jsonl", "csv", "lines", "glob"])
def test_what_items_are_read_from_is_a_stream(form: str) -> None:
    assert batch_of(items={form: "a"}).stream == Stream(form, Constant("a"))
    assert batch_of(items={form: "${a}/*"}).stream == Stream(form, template("${a}/*"))
    assert batch_of(items=[{form: "a"}]).stream is None


def test_a_key_and_the_path_of_results_are_templates() -> None:
    batch = batch_of(key="${item.id}", results_to="${out}.jsonl")

    assert batch.key == template("${item.id}")
    assert batch.results_to == template("${out}.jsonl")
    assert batch_of(key="a", results_to="b").key == Constant("a")


def test_problems_of_those_templates_are_reported_where_they_are() -> None:
    batch: JSON = {"results_to": "${", "key": "${", "items": {"csv": "${"}}
    _, found = decode({"nodes": [{"id": "a", "type": "a", "batch": batch}]})

    assert [one.path[3:] for one in found] == [
        ("results_to",),
        ("key",),
        ("items", "csv"),
    ]


def test_an_input_without_a_default_is_told_from_one_that_is_null() -> None:
    nodes: JSON = [{"id": "a", "type": "echo"}]
    workflow, _ = decode(
        {"nodes": nodes, "inputs": {"without": {}, "null": {"default": None}}}
    )

    assert [each.default for each in workflow.inputs] == [None, Constant(None)]


@pytest.mark.parametrize(
    ("params", "value"),
    [
        ({"a": "$HOME"}, Constant("$HOME")),
        ({"a": "${x}"}, template("${x}")),
        ({"a": "$${x}"}, template("$${x}")),
        (
            {"a": [1, {"b": "${x}"}]},
            Array((Constant(1), Object((("b", template("${x}")),)))),
        ),
        ({"a": {"${x}": 1}}, Object((("${x}", Constant(1)),))),
        ({"a": []}, Array()),
        ({"a": {}}, Object()),
    ],
)
def test_strings_in_params_are_templates_and_keys_are_not(
    params: dict[str, JSON], value: Value
) -> None:
    assert node_of({"params": params}).params == Object((("a", value),))


@pytest.mark.parametrize(
    "document",
    [
        {"nodes": [{"id": "${", "type": "${", "purpose": "${ a }", "_note": "${"}]},
        {"nodes": [{"id": "a", "type": "a"}], "inputs": {"b": {"default": "${"}}},
        {"nodes": [{"id": "a", "type": "a"}], "description": "${", "metadata": ["${"]},
        {"nodes": [{"id": "a", "type": "a"}], "outputs": {"${": {"description": "${"}}},
        {"nodes": [{"id": "a", "type": "a", "params": {"${": 1}}]},
    ],
)
def test_elsewhere_a_string_is_no_template(document: JSON) -> None:
    workflow, found = decode(document)

    assert found == ()
    assert encode(workflow) == document


def test_problems_of_templates_are_reported_where_they_are() -> None:
    text = "${ a} and $<b"
    _, found = decode(
        {
            "nodes": [
                {
                    "id": "a",
                    "type": "a",
                    "batch": {"items": ["${x", "ok"]},
                    "params": {"deep": [{"er": text}]},
                }
            ],
            "outputs": {"o": {"source": "a ${}"}},
        }
    )

    assert [(one.code, one.location) for one in found] == [
        (
            Code.MALFORMED_TEMPLATE,
            Location(("nodes", 0, "batch", "items", 0), "value", Span(0, 3)),
        ),
        (
            Code.MALFORMED_TEMPLATE,
            Location(("nodes", 0, "params", "deep", 0, "er"), "value", Span(0, 3)),
        ),
        (
            Code.NEARLY_A_TEMPLATE,
            Location(("nodes", 0, "params", "deep", 0, "er"), "value", Span(10, 13)),
        ),
        (
            Code.MALFORMED_TEMPLATE,
            Location(("outputs", "o", "source"), "value", Span(2, 5)),
        ),
    ]
    assert [one.severity for one in found].count(Severity.WARNING) == 1


def test_the_words_about_templates() -> None:
    document: JSON = {
        "nodes": [{"id": "a", "type": "a", "params": {"a": "${x:-y}", "b": "$<in.txt"}}]
    }
    _, (malformed, nearly) = decode(document)

    assert malformed.message == "expected `}`, `.`, `[` or `??` after `${x`, not `:`"
    assert malformed.hint == "write $${ where you mean the two characters ${"
    assert nearly.message == (
        "plain text: expected `>`, `.`, `[` or `??` after `$<in.txt`, "
        "not the end of the text"
    )
    assert nearly.hint == "write ${...} if a reference is meant"


def test_every_value_knows_where_it_stands() -> None:
    workflow, _ = decode(
        {
            "inputs": {"i": {}},
            "nodes": [
                {"id": "a", "type": "a"},
                {
                    "id": "b",
                    "type": "a",
                    "batch": {"items": ["${i}"]},
                    "params": {"p": "${i}"},
                },
            ],
            "edges": [{"from": "a", "to": "b"}],
            "outputs": {"o": {"source": "${i}"}},
        }
    )
    node = workflow.nodes[1]
    (output,) = workflow.outputs

    assert isinstance(node, BatchStep)
    assert isinstance(output.source, TemplateValue)
    assert node.location.path == ("nodes", 1)
    assert node.batch.location.path == ("nodes", 1, "batch")
    assert [each.location.path for each in templates(node.batch.items)] == [
        ("nodes", 1, "batch", "items", 0)
    ]
    assert [each.location.path for each in templates(node.params)] == [
        ("nodes", 1, "params", "p")
    ]
    assert workflow.edges[0].location.path == ("edges", 0)
    assert workflow.inputs[0].location.path == ("inputs", "i")
    assert output.location.path == ("outputs", "o")
    assert output.source.location.path == ("outputs", "o", "source")


@given(DOCUMENTS)
def test_encoding_gives_the_document_back_but_for_its_schema(
    document: dict[str, Any],
) -> None:
    before = deepcopy(document)
    workflow, _ = decode(document)
    without = {key: document[key] for key in document if key != "$schema"}

    assert json.dumps(encode(workflow)) == json.dumps(without)
    assert json.dumps(document) == json.dumps(before)


@given(DOCUMENTS)
def test_what_is_generated_here_passes_the_schema(document: dict[str, Any]) -> None:
    assert check_schema(document) == ()


@given(DOCUMENTS)
def test_what_was_encoded_decodes_to_the_same(document: dict[str, Any]) -> None:
    workflow, _ = decode(document)

    assert decode(encode(workflow))[0] == workflow


@given(VALUES)
def test_a_frozen_value_thaws_to_a_copy(value: Any) -> None:
    frozen = freeze(value)
    copy = thaw(frozen)

    assert json.dumps(copy) == json.dumps(value)
    assert hash(frozen) == hash(freeze(deepcopy(value)))
    assert copy is not value or not isinstance(value, list | dict)
