"""Drawings: whole texts, hostile ones, and Graphviz where it is installed."""

import json
import re
import shutil
import subprocess
from itertools import pairwise
from typing import Any

import pytest

from pflow_lower.api import lower_bytes, make_options
from pflow_lower.display.drawing import DRAWINGS

IR: dict[str, Any] = {
    "nodes": [
        {"id": "ls", "type": "shell", "params": {"command": "ls"}},
        {
            "id": "sum",
            "type": "echo",
            "batch": {
                "items": "${ls.files}",
                "as": "file",
                "parallel": True,
                "max_concurrent": 5,
            },
            "params": {"value": "${file}"},
        },
        {
            "id": "tell",
            "type": "echo",
            "batch": {"items": ["a", "b"]},
            "params": {"value": "${item}"},
        },
    ],
    "edges": [
        {"from": "ls", "to": "sum"},
        {"from": "sum", "to": "tell", "action": "error"},
    ],
}


def draw(ir: dict[str, Any], form: str) -> str:
    options = make_options("docs", "value", {})
    artefacts = lower_bytes("docs", json.dumps(ir).encode(), options).artefacts
    assert artefacts is not None
    return DRAWINGS[form](artefacts.before, artefacts.after)


def test_mermaid() -> None:
    assert draw(IR, "mermaid") == (
        """\
flowchart TB
    subgraph before["before"]
        n0["ls<br/>shell"]
        n1[["sum<br/>echo<br/>per #36;#123;ls.files#125;, 5 at once"]]
        n2[["tell<br/>echo<br/>per item of 2, one by one"]]
        n0 --> n1
        n1 -->|"error"| n2
    end
    subgraph after["after"]
        m0["ls<br/>shell"]
        m1["sum<br/>docs_lowered:Sum"]
        m2["tell<br/>docs_lowered:Tell"]
        m0 --> m1
        m1 -->|"error"| m2
    end
"""
    )


def test_dot() -> None:
    assert draw(IR, "dot") == (
        """\
digraph workflow {
  node [shape=box];
  subgraph "cluster_before" {
    label="before";
    n0 [label="ls\\nshell"];
    n1 [label="sum\\necho\\nper ${ls.files}, 5 at once", shape=box3d];
    n2 [label="tell\\necho\\nper item of 2, one by one", shape=box3d];
    n0 -> n1;
    n1 -> n2 [label="error"];
  }
  subgraph "cluster_after" {
    label="after";
    m0 [label="ls\\nshell"];
    m1 [label="sum\\ndocs_lowered:Sum"];
    m2 [label="tell\\ndocs_lowered:Tell"];
    m0 -> m1;
    m1 -> m2 [label="error"];
  }
}
"""
    )


@pytest.mark.parametrize(
    ("items", "shown"),
    [
        ({"jsonl": "docs.jsonl"}, "line of docs.jsonl"),
        ({"csv": "${out}/a.csv"}, "row of ${out}/a.csv"),
        ({"lines": "notes.txt"}, "line of notes.txt"),
        ({"glob": "*.txt"}, "file of *.txt"),
    ],
)
def test_what_items_are_read_from(items: dict[str, str], shown: str) -> None:
    node = {"id": "a", "type": "echo", "batch": {"items": items}}
    inputs = {"out": {"default": "."}}

    assert f"per {shown}, one by one" in draw(
        {"nodes": [node], "inputs": inputs}, "dot"
    )


HOSTILE = ['"];]', "a\nb", "\\", "<b>", "end", "x" * 200, "\0\u2028", '"]]\nclick n0']


def hostile() -> dict[str, Any]:
    nodes = [{"id": text, "type": "echo"} for text in HOSTILE]
    edges = [
        {"from": before, "to": after, "action": before}
        for before, after in pairwise(HOSTILE)
    ]
    return {"nodes": nodes, "edges": edges}


@pytest.mark.parametrize("form", sorted(DRAWINGS))
def test_hostile_texts_stay_in_their_labels(form: str) -> None:
    lines = draw(hostile(), form).splitlines()
    expected = 2 * (len(HOSTILE) + len(HOSTILE) - 1)
    assert sum(" n" in line or " m" in line for line in lines[2:]) >= expected
    assert all(line.isprintable() for line in lines)
    for line in lines:
        assert re.sub(r"\\.", "", line).count('"') % 2 == 0


@pytest.mark.skipif(shutil.which("dot") is None, reason="Graphviz is not installed")
@pytest.mark.parametrize("ir", [IR, hostile()], ids=["plain", "hostile"])
def test_graphviz_takes_what_is_drawn(ir: dict[str, Any]) -> None:
    ended = subprocess.run(
        ["dot", "-Tjson"],
        input=draw(ir, "dot"),
        capture_output=True,
        text=True,
        check=True,
    )
    nodes = [each for each in json.loads(ended.stdout)["objects"] if "label" in each]
    labels = {each["label"] for each in nodes}
    assert ended.stderr == ""
    assert any(label.startswith(ir["nodes"][0]["id"]) for label in labels)
