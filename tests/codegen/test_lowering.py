"""Batch nodes become plain nodes of a generated class; all else stays as it is."""

import json
from typing import Any

import pytest

from pflow_lower import lower as lower_text
from pflow_lower.codegen.lowering import lower, module_name
from pflow_lower.ir.codec import decode, encode
from pflow_lower.ir.workflow import (
    BatchStep,
    GeneratedStep,
    LoweredWorkflow,
    Step,
    Workflow,
)


def workflow(*nodes: dict[str, Any], **others: Any) -> Workflow:
    decoded, reported = decode({"nodes": list(nodes), **others})
    assert reported == ()
    return decoded


def lowered_node(node: dict[str, Any]) -> Any:
    encoded: Any = encode(lower(workflow(node), "docs_lowered"))
    return encoded["nodes"][0]


PLAIN = {"id": "ls", "type": "shell", "params": {"command": "ls ${folder}"}}
BATCH = {
    "id": "sum",
    "type": "llm",
    "batch": {"items": "${ls.files}", "as": "file", "parallel": True},
    "params": {"prompt": "Summarize ${file}"},
}


def test_a_batch_node_becomes_a_plain_node_of_a_generated_class() -> None:
    assert lowered_node(BATCH) == {
        "id": "sum",
        "type": "docs_lowered:Sum",
        "params": {"items": "${ls.files}"},
    }


def test_its_class_is_generated_from_the_node_as_it_was() -> None:
    before = workflow(BATCH)
    (node,) = lower(before, "docs_lowered").nodes

    assert isinstance(node, GeneratedStep)
    assert node.class_name == "Sum"
    assert node.inner is before.nodes[0]
    assert isinstance(node.inner, BatchStep)


def test_a_plain_node_is_left_alone() -> None:
    before = workflow(PLAIN)
    after = lower(before, "docs_lowered")

    assert after.nodes[0] is before.nodes[0]
    assert encode(after) == encode(before)


def test_everything_but_the_nodes_is_left_alone() -> None:
    before = workflow(
        PLAIN,
        BATCH,
        edges=[{"from": "ls", "to": "sum", "action": "go", "_x": 1}],
        start_node="ls",
        inputs={"folder": {"type": "string", "default": "."}},
        outputs={"all": {"source": "${sum.results}"}},
        template_resolution_mode="permissive",
        name="n",
        _note=[1, {"a": None}],
    )
    after = lower(before, "docs_lowered")

    assert after == LoweredWorkflow(
        nodes=after.nodes,
        edges=before.edges,
        start=before.start,
        resolution=before.resolution,
        inputs=before.inputs,
        outputs=before.outputs,
        extras=before.extras,
        keys=before.keys,
    )


def test_a_lowered_workflow_has_nothing_to_lower() -> None:
    once = encode(lower(workflow(PLAIN, BATCH), "docs_lowered"))
    decoded, _ = decode(once)

    assert all(type(node) is Step for node in decoded.nodes)
    assert encode(lower(decoded, "again_lowered")) == once


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ("id type batch params", "id type params"),
        ("params batch type id", "params type id"),
        ("batch id type", "params id type"),
        ("id _a batch _b type", "id _a params _b type"),
        ("purpose type params _a id batch", "purpose type params _a id"),
    ],
)
def test_the_items_stand_where_the_params_stood_or_else_the_batch(
    keys: str, expected: str
) -> None:
    whole = {**BATCH, "purpose": "why", "_a": 1, "_b": [None]}
    node = lowered_node({key: whole[key] for key in keys.split()})

    assert list(node) == expected.split()
    assert node["params"] == {"items": "${ls.files}"}


def test_inline_items_stay_as_they_were_written() -> None:
    items = ["$<a>", {"k": ["${b ?? 1}", 1.0, None]}, "$${c}", []]
    node = lowered_node({**BATCH, "batch": {"items": items}})

    assert node["params"] == {"items": items}


@pytest.mark.parametrize(
    "items", [{"jsonl": "$<a>/b.jsonl"}, {"glob": "*.txt"}, {"csv": "${a}"}]
)
def test_what_items_are_read_from_stays_as_it_was_written(
    items: dict[str, str],
) -> None:
    settings = {"items": items, "key": "${item.id}", "results_to": "out.jsonl"}
    node = lowered_node({**BATCH, "batch": settings})

    assert node["params"] == {"items": items}


def test_classes_get_names_of_their_own() -> None:
    ids = ["a-b", "a_b", "plain", "Step", "class", "?", "\u2028", "__class__", "x" * 99]
    nodes = [
        {**BATCH, "id": each} if each != "plain" else {**PLAIN, "id": each}
        for each in ids
    ]
    lowered = lower(workflow(*nodes), "m")

    assert [node.type for node in lowered.nodes] == [
        "m:AB",
        "m:AB2",
        "shell",
        "m:Step2",
        "m:Class",
        "m:Node",
        "m:Node2",
        "m:Class2",
        f"m:X{'x' * 31}",
    ]


def test_the_names_of_batch_classes_do_not_depend_on_plain_nodes() -> None:
    batch = {**BATCH, "batch": {"items": []}, "id": "a_b"}
    plain = {**PLAIN, "id": "a-b"}
    alone = lower(workflow(batch), "m")
    behind = lower(workflow(plain, batch), "m")

    assert behind.nodes[1].type == alone.nodes[0].type == "m:AB"


@pytest.mark.parametrize(
    ("name", "module"),
    [
        ("docs", "docs_lowered"),
        ("my-docs", "my_docs_lowered"),
        ("My Docs.v2", "My_Docs_v2_lowered"),
        ("2nd", "_2nd_lowered"),
        ("größe", "gr__e_lowered"),
        ("日本", "___lowered"),
        ("class", "class_lowered"),
        ("a\nb", "a_b_lowered"),
        ("..x", "__x_lowered"),
    ],
)
def test_a_module_is_called_by_an_ascii_identifier(name: str, module: str) -> None:
    assert module_name(name) == module
    assert module.isidentifier()


def test_the_text_of_the_lowered_workflow() -> None:
    ir = {"nodes": [{"id": "é", "type": "echo", "batch": {"items": ["\u2028"]}}]}
    text = lower_text(json.dumps(ir), name="docs").ir_text

    assert text == (
        '{\n  "nodes": [\n    {\n      "id": "é",\n'
        '      "type": "docs_lowered:Node",\n      "params": {\n'
        '        "items": [\n          "\u2028"\n        ]\n      }\n    }\n  ]\n}\n'
    )
