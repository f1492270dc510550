"""Results that go to a file: what is in it, when it is there, and who reads it."""

import json
from pathlib import Path
from typing import Any

import pytest
from profiles import scaled
from programs import Program, lines_of

ITEMS = ["a", "b", "c"]
MANY = scaled(100_000)
TEXT = "x" * (100_000_000 // MANY)
"""All of them together are 100 MB, however many they are."""

both_kinds = pytest.mark.parametrize("node_type", ["Logged", "AsyncLogged"])


def workflow(node_type: str, **batch: Any) -> dict[str, Any]:
    """Give a workflow of one batch whose results go to a file."""
    node = {
        "id": "b",
        "type": f"logging_nodes:{node_type}",
        "batch": {"items": ITEMS, "results_to": "out.jsonl", **batch},
        "params": {"item": "${item}", "log": "log", "bad": "bad"},
    }
    return {"nodes": [node]}


@pytest.fixture
def bad(tmp_path: Path) -> Path:
    """Give the file that says which items fail: none do."""
    path = tmp_path / "bad"
    path.touch()
    return path


@both_kinds
def test_one_line_for_each_item_in_order(
    tmp_path: Path, bad: Path, node_type: str
) -> None:
    bad.write_text("b")
    ir = workflow(node_type, error_handling="continue", parallel=True)
    outputs = Program(tmp_path, ir).outputs()["b"]
    error = {"error": "b is bad, says nobody", "type": "OSError"}
    assert outputs == {
        "results": "out.jsonl",
        "errors": [{"index": 1, "item": "b", **error}],
        "count": 3,
        "success_count": 2,
        "error_count": 1,
    }
    assert (tmp_path / "out.jsonl").read_text().splitlines() == [
        '{"index":0,"result":"done with a"}',
        '{"index":1,"result":null,"error":"b is bad, says nobody","type":"OSError"}',
        '{"index":2,"result":"done with c"}',
    ]
    assert not (tmp_path / "out.jsonl.partial").exists()


@both_kinds
def test_a_batch_that_failed_leaves_its_results_beside_those_that_were_there(
    tmp_path: Path, bad: Path, node_type: str
) -> None:
    (out := tmp_path / "out.jsonl").write_text("old\n")
    bad.write_text("b")
    program = Program(tmp_path, workflow(node_type))
    ended = program.run()
    assert ended.returncode == 1
    assert ended.stderr == (
        "error: node \"b\" failed: item 1 ('b'): b is bad, says nobody; "
        "the results so far are in out.jsonl.partial\n"
    )
    assert out.read_text() == "old\n"
    assert [line["result"] for line in lines_of(tmp_path / "out.jsonl.partial")] == [
        "done with a",
        None,
    ]
    bad.write_text("")
    assert program.outputs()["b"]["success_count"] == 3
    assert [line["result"] for line in lines_of(out)] == [
        f"done with {item}" for item in ITEMS
    ]
    assert program.executed() == ["a", "b", "b", "c"]


def test_a_batch_of_none_has_a_file_all_the_same(tmp_path: Path) -> None:
    outputs = Program(tmp_path, workflow("Logged", items=[])).outputs()["b"]
    assert (outputs["results"], outputs["count"]) == ("out.jsonl", 0)
    assert (tmp_path / "out.jsonl").read_bytes() == b""


def test_the_path_is_resolved_once(tmp_path: Path, bad: Path) -> None:
    ir = workflow("Logged", results_to="${folder}/${name}.jsonl")
    ir["inputs"] = {"folder": {"type": "string"}, "name": {"type": "string"}}
    (tmp_path / "kept").mkdir()
    program = Program(tmp_path, ir)
    outputs = program.outputs("-i", "folder=kept", "-i", "name=é")
    assert outputs["b"]["results"] == "kept/é.jsonl"
    assert len(lines_of(tmp_path / "kept" / "é.jsonl")) == len(ITEMS)
    # Elsewhere they are written anew, from the journal.
    program.newly_executed()
    program.outputs("-i", "folder=.", "-i", "name=x")
    kept = (tmp_path / "kept" / "é.jsonl").read_bytes()
    assert (tmp_path / "x.jsonl").read_bytes() == kept
    assert program.executed() == []


def test_many_items_take_little_memory(tmp_path: Path) -> None:
    """A second batch reads what the first has written; none of it is in memory."""
    with (tmp_path / "in.jsonl").open("w") as file:
        for number in range(MANY):
            file.write(f'{{"id": {number}, "text": "{TEXT}"}}\n')
    how = {"parallel": True, "max_concurrent": 10}
    first = {"items": {"jsonl": "in.jsonl"}, "results_to": "one.jsonl", **how}
    second = {"items": {"jsonl": "${b.results}"}, "results_to": "two.jsonl", **how}
    same = "logging_nodes:Same"
    ir = {
        "nodes": [
            {"id": "b", "type": same, "batch": first, "params": {"item": "${item}"}},
            {
                "id": "c",
                "type": same,
                "batch": second,
                "params": {"item": "${item.result.id}"},
            },
            {"id": "m", "type": "logging_nodes:Memory"},
        ],
        "edges": [{"from": "b", "to": "c"}, {"from": "c", "to": "m"}],
        "outputs": {
            "count": {"source": "${c.success_count}"},
            "megabytes": {"source": "${m.megabytes}"},
        },
    }
    outputs = Program(tmp_path, ir).outputs(journal=False)
    assert outputs["count"] == MANY
    assert (tmp_path / "one.jsonl").stat().st_size > MANY * len(TEXT)
    with (tmp_path / "two.jsonl").open() as file:
        for number, line in enumerate(file):
            assert json.loads(line) == {"index": number, "result": number}
    assert outputs["megabytes"] < 60
