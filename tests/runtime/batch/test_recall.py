"""What a run finds in its journal: which nodes, which items, which results."""

import asyncio
import signal
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from batches import async_node_of, batch_of, either_node_of, node_of
from pocketflow import BaseNode
from programs import PATIENCE, Program, wait_for

from pflow_lower import lower
from pflow_lower.runtime import (
    BatchError,
    BatchStep,
    Scope,
    Step,
    StepError,
    WorkflowFlow,
    run_flow,
)
from pflow_lower.runtime.journal.errors import JournalError

both_kinds = pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    return tmp_path / "run.sqlite"


class Counted:
    """Notes what it is called with, and gives what `give` makes of it."""

    def __init__(self, give: Callable[[Any], Any] = lambda item: item) -> None:
        self.items: list[Any] = []
        self._give = give

    def __call__(self, item: Any) -> Any:
        self.items.append(item)
        return self._give(item)

    def new(self) -> list[Any]:
        """Give what it was called with since the last time, in order."""
        found, self.items = sorted(self.items), []
        return found


def step_of(kind: type[BaseNode], node_id: str = "s", **params: Any) -> Step:
    """Give a plain node with these params."""

    def params_for(self: Step, scope: Scope) -> dict[str, Any]:
        return params

    members = {"node_id": node_id, "node_type": kind, "params_for": params_for}
    step = type("Made", (Step,), members)()
    assert isinstance(step, Step)
    return step


def run(start: BaseNode, journal: Path) -> dict[str, Any]:
    return run_flow(WorkflowFlow(start), {}, journal=journal)


@both_kinds
def test_records_come_back_as_they_were(journal: Path, is_async: bool) -> None:
    work = Counted(lambda item: {"n": item / 7, "text": "é\ud800", "none": [None]})
    node = either_node_of(work, is_async)
    step = batch_of(node, range(3), results="record", max_concurrent=2)
    first = run(step, journal)["b"]
    assert first["results"][1]["item"] == 1
    assert work.new() == [0, 1, 2]
    assert run(step, journal)["b"] == first
    assert work.new() == []


@both_kinds
def test_what_json_has_no_form_for_runs_again_and_that_is_said_once(
    journal: Path, is_async: bool, caplog: pytest.LogCaptureFixture
) -> None:
    work = Counted(lambda item: date(2026, 1, item) if item else item)
    step = batch_of(either_node_of(work, is_async), range(4))
    results = [0, date(2026, 1, 1), date(2026, 1, 2), date(2026, 1, 3)]
    assert run(step, journal)["b"]["results"] == results
    assert caplog.messages == [
        'node "b": a result is date, or holds what JSON cannot represent; it cannot be '
        "kept in the journal, and its item will run again"
    ]
    assert work.new() == [0, 1, 2, 3]
    assert run(step, journal)["b"]["results"] == results
    assert work.new() == [1, 2, 3]


def test_a_plain_node_that_json_has_no_form_for_runs_again(journal: Path) -> None:
    work = Counted(lambda item: {item})
    for _ in range(2):
        assert run(step_of(node_of(work), item=1), journal)["s"] == {"out": {1}}
        assert work.new() == [1]


def test_a_success_after_a_cancellation_is_kept(journal: Path) -> None:
    """A node may end well although its item was cancelled: that was paid for."""
    executed = []
    bad = {1}

    async def work(item: int) -> int:
        executed.append(item)
        if item in bad:
            raise ValueError("no")
        if bad:
            with suppress(asyncio.CancelledError):
                await asyncio.sleep(PATIENCE)
        return item

    step = batch_of(async_node_of(work), [0, 1, 2], max_concurrent=2)
    with pytest.raises(BatchError, match="item 1"):
        run(step, journal)
    assert executed == [0, 1]
    bad.clear()
    assert run(step, journal)["b"]["results"] == [0, 1, 2]
    assert executed[2:] == [1, 2]


@both_kinds
def test_a_node_may_run_a_workflow_of_its_own(journal: Path, is_async: bool) -> None:
    """Its nodes have the same ids, and are not in the journal of the outer one."""
    inner, outer = Counted(lambda item: item * 2), Counted()

    def work(item: int) -> Any:
        outer(item)
        flow = WorkflowFlow(batch_of(either_node_of(inner, is_async), [item, 5]))
        return run_flow(flow, {})["b"]["results"]

    step = batch_of(either_node_of(work, is_async), [1, 2])
    for begun in ([1, 2], []):
        assert run(step, journal)["b"]["results"] == [[2, 10], [4, 10]]
        assert outer.new() == begun
    assert inner.new() == [1, 2, 5, 5]


def test_a_journal_inside_that_fails_is_a_failure_of_the_node(journal: Path) -> None:
    inner = step_of(node_of(lambda item: item), item=1)

    def work(item: Any) -> Any:
        return run(inner, journal)

    with pytest.raises(StepError, match="is in use by another run"):
        run(step_of(node_of(work), item=1), journal)
    step = step_of(node_of(work), item=1)
    step.next(step_of(node_of(str), "e", item=2), "error")
    store = run(step, journal)
    assert (store["s"]["type"], store["e"]) == ("JournalError", {"out": "2"})


@both_kinds
def test_the_items_of_a_batch_in_an_item_are_its_own(
    journal: Path, is_async: bool
) -> None:
    """The journal holds the items of the outer batch, not those of the inner ones."""
    work = Counted()
    inner = type(batch_of(either_node_of(work, is_async), None, node_id="inner"))

    def params_for(self: BatchStep, scope: Scope) -> dict[str, Any]:
        return {"items": scope.lookup("item")}

    items = [[1, 2], [3, 4]]
    for begun in ([1, 2, 3, 4], []):
        step = batch_of(inner, items, params_for=params_for, max_concurrent=2)
        results = run(step, journal)["b"]["results"]
        assert [each["results"] for each in results] == items
        assert work.new() == begun
    connection = sqlite3.connect(journal)
    keys = connection.execute("SELECT key, status FROM items ORDER BY key").fetchall()
    connection.close()
    assert keys == [("0", "succeeded"), ("1", "succeeded")]


def test_two_batches_in_one_journal(journal: Path) -> None:
    work = Counted(str)
    first = batch_of(node_of(work), [1, 2])
    second = batch_of(node_of(work), [3, 4], node_id="c")
    first.next(second)
    store = run(first, journal)
    assert work.new() == [1, 2, 3, 4]
    assert run(first, journal) == store
    assert work.new() == []


def test_two_nodes_of_one_batch_class(journal: Path) -> None:
    work = Counted(str)
    kind = type(batch_of(node_of(work), None))
    first, second = step_of(kind, items=[1, 2]), step_of(kind, "t", items=[3, 4])
    first.next(second)
    store = run(first, journal)
    assert store["t"]["results"] == ["3", "4"]
    assert work.new() == [1, 2, 3, 4]
    assert run(first, journal) == store
    assert work.new() == []


def test_a_workflow_that_was_lowered_twice_goes_on(tmp_path: Path) -> None:
    node = {
        "id": "b",
        "type": "logging_nodes:Logged",
        "batch": {"items": ["x", "y", "z"], "error_handling": "continue"},
        "params": {"item": "${item}", "log": "log", "bad": "bad"},
    }
    program = Program(tmp_path, {"nodes": [node]})
    (tmp_path / "bad").write_text("y")
    program.outputs()
    assert program.newly_executed() == ["x", "y", "z"]
    again = lower({"nodes": [node]}, name="docs").ir
    program.module = lower(again, name="again").write(tmp_path)[1]
    (tmp_path / "bad").write_text("")
    assert program.outputs()["b"]["success_count"] == 3
    assert program.newly_executed() == ["y"]


@both_kinds
def test_params_that_are_too_deep_end_the_run(journal: Path, is_async: bool) -> None:
    item: list[Any] = []
    for _ in range(300):
        item = [item]
    work = Counted()
    node = either_node_of(work, is_async)
    batch = batch_of(node, [item])
    for start in (batch, step_of(type(batch)), step_of(node, item=item)):
        start.next(step_of(node, "e"), "error")
        with pytest.raises(JournalError, match="up to 200 levels deep"):
            run(start, journal)
    assert work.items == []


@pytest.mark.parametrize("node_type", ["Logged", "Stubborn"])
def test_a_plain_node_that_ends_after_an_interruption_is_kept(
    tmp_path: Path, node_type: str
) -> None:
    """Be it that its thread cannot be stopped, or that it ignores a cancellation."""
    params = {"item": "first", "log": "log", "seconds": 0.3}
    nodes = [
        {"id": "a", "type": f"logging_nodes:{node_type}", "params": params},
        {"id": "b", "type": "shell", "params": {"command": "echo second >> log"}},
    ]
    ir = {"nodes": nodes, "edges": [{"from": "a", "to": "b"}]}
    program = Program(tmp_path, ir)
    process = program.start()
    wait_for(lambda: bool(program.executed()))
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    assert program.newly_executed() == ["first"]
    assert program.outputs()["a"] == {"out": "done with first"}
    assert program.executed() == ["second"]


@both_kinds
def test_a_key_that_a_generator_gives_twice_ends_the_batch(
    journal: Path, is_async: bool
) -> None:
    def key_for(self: BatchStep, scope: Scope) -> Any:
        return scope.lookup("item")

    def items() -> Iterator[int]:
        yield from (1, 2, 1, 3)

    work = Counted()
    node = either_node_of(work, is_async)
    with pytest.raises(StepError, match='item 2 has the key "1"'):
        run(batch_of(node, items(), key_for=key_for), journal)
    assert work.new() == [1, 2]
    run(batch_of(node, [2, 3, 1], key_for=key_for), journal)
    assert work.new() == [1, 2, 3]


def test_a_key_with_a_secret_in_it_is_known_again_and_not_written(
    journal: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOME_API_KEY", "MARKED-0123456789")
    work = Counted()
    items = ["MARKED-0123456789", "not MARKED-0123456789", "tea"]

    def key_for(self: BatchStep, scope: Scope) -> Any:
        return scope.lookup("item")

    # The digest of params is all that is kept of them, so here they may be secret.
    node = node_of(lambda item: len(str(work(item))))
    step = batch_of(node, items, key_for=key_for)
    first = run(step, journal)["b"]
    assert work.new() == sorted(items)
    assert run(step, journal)["b"] == first
    assert work.new() == []
    assert b"MARKED" not in journal.read_bytes()


@both_kinds
def test_the_params_of_an_item_are_made_once_for_journal_and_attempt(
    journal: Path, is_async: bool
) -> None:
    made = Counted()

    def params_for(self: BatchStep, scope: Scope) -> dict[str, Any]:
        return {"item": made(scope.lookup("item"))}

    for _ in range(2):
        step = batch_of(either_node_of(str, is_async), [1, 2], params_for=params_for)
        run_flow(WorkflowFlow(start=step), {}, journal=journal)
        assert made.new() == [1, 2]
