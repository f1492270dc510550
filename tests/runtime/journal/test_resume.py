"""What a program does again when it is run again with the same journal."""

import json
from pathlib import Path
from typing import Any

import pytest
from programs import Program

ITEMS = ["a", "b", "c", "d"]


def workflow(params: dict[str, Any] | None = None, **batch: Any) -> dict[str, Any]:
    """Give a workflow of a batch over the input `items`, between two shells."""
    return {
        "inputs": {"items": {"default": ITEMS}, "topic": {"default": "tea"}},
        "nodes": [
            {"id": "before", "type": "shell", "params": {"command": logs("before")}},
            {
                "id": "b",
                "type": batch.pop("type", "logging_nodes:Logged"),
                "batch": {"items": "${items}", "error_handling": "continue", **batch},
                "params": {"item": "${item}", "log": "log", **(params or {})},
            },
            {"id": "after", "type": "shell", "params": {"command": logs("after")}},
        ],
        "edges": [{"from": "before", "to": "b"}, {"from": "b", "to": "after"}],
        "outputs": {
            "results": {"source": "${b.results}"},
            "errors": {"source": "${b.errors}"},
        },
    }


def logs(what: str) -> str:
    return f"echo {what} >> log; echo {what}"


def done_with(items: list[str]) -> list[str]:
    return [f"done with {item}" for item in items]


def test_what_has_succeeded_is_not_done_again(tmp_path: Path) -> None:
    program = Program(tmp_path, workflow())
    first = program.outputs()
    assert first == {"results": done_with(ITEMS), "errors": []}
    assert program.newly_executed() == ["before", *ITEMS, "after"]
    again = program.run()
    assert json.loads(again.stdout) == first
    assert again.stderr == ""
    assert program.executed() == []


def test_what_has_failed_is_done_again_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "bad").write_text("b\nd\n")
    program = Program(tmp_path, workflow({"bad": "bad"}))
    outputs = program.outputs()
    assert outputs["results"] == ["done with a", None, "done with c", None]
    assert [error["index"] for error in outputs["errors"]] == [1, 3]
    assert program.newly_executed() == ["before", *ITEMS, "after"]
    assert program.journaled("failed") == {
        "1": "b is bad, says nobody",
        "3": "d is bad, says nobody",
    }
    (tmp_path / "bad").write_text("d\n")
    outputs = program.outputs()
    assert outputs["results"] == [*done_with(ITEMS[:3]), None]
    assert program.newly_executed() == ["b", "d"]
    (tmp_path / "bad").write_text("")
    assert program.outputs() == {"results": done_with(ITEMS), "errors": []}
    assert program.newly_executed() == ["d"]


def test_a_run_that_failed_goes_on_where_it_failed(tmp_path: Path) -> None:
    (tmp_path / "bad").write_text("c")
    ir = workflow({"bad": "bad"}, error_handling="fail_fast")
    program = Program(tmp_path, ir)
    ended = program.run()
    assert ended.returncode == 1
    assert ended.stderr == (
        "error: node \"b\" failed: item 2 ('c'): c is bad, says nobody\n"
    )
    assert program.newly_executed() == ["before", "a", "b", "c"]
    (tmp_path / "bad").write_text("")
    assert program.outputs()["results"] == done_with(ITEMS)
    assert program.newly_executed() == ["c", "d", "after"]


def test_a_plain_node_that_failed_runs_again(tmp_path: Path) -> None:
    ir = workflow()
    ir["nodes"][2]["params"]["command"] = "echo after >> log; test -e there"
    program = Program(tmp_path, ir)
    assert program.run().returncode == 1
    assert program.newly_executed() == ["before", *ITEMS, "after"]
    (tmp_path / "there").touch()
    program.outputs()
    assert program.newly_executed() == ["after"]


def test_items_whose_params_were_changed_run_again(tmp_path: Path) -> None:
    program = Program(tmp_path, workflow({"prompt": "Sum"}))
    program.outputs()
    program.newly_executed()
    program.change(workflow({"prompt": "Sum up"}))
    ended = program.run()
    assert ended.stderr == 'node "b": items whose params were changed run again\n'
    assert program.newly_executed() == ITEMS


def test_another_item_in_a_place_is_another_item(tmp_path: Path) -> None:
    program = Program(tmp_path, workflow())
    program.outputs()
    program.newly_executed()
    items = ["a", "x", "c", "d", "e"]
    outputs = program.outputs("-i", f"items={json.dumps(items)}")
    assert outputs["results"] == done_with(items)
    assert program.newly_executed() == ["x", "e"]


def test_inputs_that_changed_change_what_depends_on_them(tmp_path: Path) -> None:
    ir = workflow()
    ir["nodes"][0]["params"]["command"] = "echo ${topic} >> log"
    program = Program(tmp_path, ir)
    program.outputs()
    assert program.newly_executed() == ["tea", *ITEMS, "after"]
    program.outputs("-i", "topic=mate")
    assert program.newly_executed() == ["mate"]


@pytest.mark.parametrize(
    ("change", "results"),
    [
        ({"type": "logging_nodes:AsyncLogged"}, "value"),
        ({}, "record"),
    ],
    ids=["node type", "results"],
)
def test_the_items_of_a_node_that_was_changed_run_again(
    tmp_path: Path, change: dict[str, Any], results: str
) -> None:
    program = Program(tmp_path, workflow())
    program.outputs()
    program.newly_executed()
    program.change(workflow(**change), results=results)
    ended = program.run()
    assert ended.returncode == 0
    assert ended.stderr == (
        'node "b": it was changed since the journal was written; its items run again\n'
    )
    assert program.newly_executed() == ITEMS
    first = json.loads(ended.stdout)["results"][0]
    assert (first["out"] if results == "record" else first) == "done with a"
    program.outputs()
    assert program.executed() == []


def test_how_a_batch_is_run_may_change(tmp_path: Path) -> None:
    program = Program(tmp_path, workflow())
    outputs = program.outputs()
    program.newly_executed()
    program.change(
        workflow(
            parallel=True,
            max_concurrent=3,
            retry={"max_attempts": 2},
            timeout=30,
            error_handling="fail_fast",
            max_items=4,
            rate_limit={"requests": 100, "per": 1},
        )
    )
    ended = program.run()
    assert (json.loads(ended.stdout), ended.stderr) == (outputs, "")
    assert program.executed() == []


def test_items_are_found_by_their_keys_wherever_they_are(tmp_path: Path) -> None:
    program = Program(tmp_path, workflow(key="${item}"))
    program.outputs()
    program.newly_executed()
    items = ["d", "e", "b", "a"]
    outputs = program.outputs("-i", f"items={json.dumps(items)}")
    assert outputs["results"] == done_with(items)
    assert program.newly_executed() == ["e"]
    assert set(program.journaled()) == {"a", "b", "c", "d", "e"}


@pytest.mark.parametrize("is_stream", [False, True])
def test_two_items_of_one_key_are_refused_before_one_runs(
    tmp_path: Path, is_stream: bool
) -> None:
    (tmp_path / "items.txt").write_text("a\nb\na\n")
    stream = {"items": {"lines": "items.txt"}} if is_stream else {}
    program = Program(tmp_path, workflow(key="${item}", **stream))
    ended = program.run("-i", 'items=["a", "b", "a"]')
    assert ended.returncode == 1
    assert ended.stderr == (
        'error: node "b" failed: item 2 has the key "a", and so has one before it: '
        "the keys of a batch must differ\n"
    )
    assert program.executed() == ["before"]
