"""What a batch gives, and what its items see of each other."""

import asyncio
import contextvars
import threading
from collections import deque
from collections.abc import Sequence
from typing import Any

import pytest
from batches import async_node_of, batch_of, either_node_of, node_of, run
from pocketflow import AsyncParallelBatchNode, Flow, Node

from pflow_lower.runtime import (
    BatchError,
    BatchStep,
    MissingReferenceError,
    MissingResultError,
    Retry,
    Scope,
    StepError,
    WorkflowFlow,
)

both_kinds = pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
caps = pytest.mark.parametrize("cap", [1, 4])


def fail_on(*bad: Any) -> Any:
    def work(item: Any) -> Any:
        if item in bad:
            raise ValueError(f"{item} is bad")
        return item * 10

    return work


@both_kinds
@caps
def test_results_stand_in_input_order(is_async: bool, cap: int) -> None:
    node_type = either_node_of(lambda item: item * 10, is_async)
    step = batch_of(node_type, [3, 1, 2], max_concurrent=cap)
    assert run(step) == {
        "b": {
            "results": [30, 10, 20],
            "errors": [],
            "count": 3,
            "success_count": 3,
            "error_count": 0,
        }
    }


def test_a_batch_class_is_a_pocketflow_batch_node() -> None:
    assert issubclass(BatchStep, AsyncParallelBatchNode)


def test_results_stand_in_input_order_whatever_finishes_first() -> None:
    gates = [asyncio.Event() for _ in range(5)]

    async def work(item: int) -> int:
        if item < 4:
            await gates[item + 1].wait()
        gates[item].set()
        return item

    step = batch_of(async_node_of(work), range(5), max_concurrent=5)
    assert run(step)["b"]["results"] == [0, 1, 2, 3, 4]


@both_kinds
def test_one_at_a_time_is_in_order(is_async: bool) -> None:
    seen: list[int] = []
    run(batch_of(either_node_of(seen.append, is_async), range(20)))
    assert seen == list(range(20))


@both_kinds
@caps
def test_continue_tries_every_item_and_records_failures(
    is_async: bool, cap: int
) -> None:
    step = batch_of(
        either_node_of(fail_on("b", "d"), is_async),
        ["a", "b", "c", "d"],
        max_concurrent=cap,
        error_handling="continue",
    )
    assert run(step)["b"] == {
        "results": ["a" * 10, None, "c" * 10, None],
        "errors": [
            {"index": 1, "item": "b", "error": "b is bad", "type": "ValueError"},
            {"index": 3, "item": "d", "error": "d is bad", "type": "ValueError"},
        ],
        "count": 4,
        "success_count": 2,
        "error_count": 2,
    }


def test_a_result_may_be_none_and_is_a_success() -> None:
    step = batch_of(node_of(lambda item: None), [1, 2], error_handling="continue")
    output = run(step)["b"]
    assert (output["results"], output["success_count"]) == ([None, None], 2)


@both_kinds
def test_the_action_error_is_a_failure_with_the_nodes_own_words(is_async: bool) -> None:
    class Ends(Node):
        def post(self, shared: Any, prep_res: Any, exec_res: Any) -> str:
            shared["error"] = self.params["item"]
            return "error"

    items = ["quota used up", {"status": 429}, None, ""]
    step = batch_of(Ends, items, error_handling="continue")
    assert [(each["error"], each["type"]) for each in run(step)["b"]["errors"]] == [
        ("quota used up", "ErrorAction"),
        ({"status": 429}, "ErrorAction"),
        ("ErrorAction", "ErrorAction"),
        ("ErrorAction", "ErrorAction"),
    ]


@both_kinds
@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (ValueError(""), ("ValueError", "ValueError")),
        (KeyError("k"), ("'k'", "KeyError")),
        (SystemExit(3), ("3", "SystemExit")),
        (asyncio.CancelledError(), ("CancelledError", "CancelledError")),
        (TimeoutError("late"), ("late", "TimeoutError")),
    ],
)
def test_whatever_a_node_raises_by_itself_fails_its_item_only(
    is_async: bool, error: BaseException, expected: tuple[str, str]
) -> None:
    def work(item: int) -> int:
        if item == 1:
            raise error
        return item

    step = batch_of(
        either_node_of(work, is_async),
        range(6),
        max_concurrent=2,
        error_handling="continue",
    )
    output = run(step)["b"]
    (record,) = output["errors"]
    assert (record["error"], record["type"]) == expected
    assert output["results"] == [0, None, 2, 3, 4, 5]


@both_kinds
def test_fail_fast_raises_what_says_it_all(is_async: bool) -> None:
    step = batch_of(either_node_of(fail_on(3), is_async), [1, 2, 3, 4, 5])
    shared = {"b": "of an earlier run"}
    with pytest.raises(BatchError) as caught:
        run(step, shared)
    error = caught.value
    assert str(error) == 'node "b" failed: item 2 (3): 3 is bad'
    assert (error.node_id, error.index, error.item) == ("b", 2, 3)
    assert error.results == [10, 20, None]
    assert isinstance(error.__cause__, ValueError)
    assert shared == {}


@both_kinds
def test_fail_fast_follows_an_error_edge(is_async: bool) -> None:
    step = batch_of(either_node_of(fail_on(3), is_async), [1, 2, 3, 4, 5])
    reader = batch_of(node_of(str), ["after"], node_id="after")
    step.next(reader, "error")
    shared = run(WorkflowFlow(start=step))
    assert shared["after"]["results"] == ["after"]
    assert shared["b"] == {
        "results": [10, 20, None],
        "errors": [{"index": 2, "item": 3, "error": "3 is bad", "type": "ValueError"}],
        "count": 3,
        "success_count": 2,
        "error_count": 1,
    }


@both_kinds
def test_each_item_has_attempts_of_its_own(is_async: bool) -> None:
    attempts: dict[int, int] = {}
    lock = threading.Lock()

    def work(item: int) -> int:
        with lock:
            attempts[item] = attempts.get(item, 0) + 1
        if attempts[item] <= item:
            raise ConnectionError(f"attempt {attempts[item]}")
        return item

    step = batch_of(
        either_node_of(work, is_async),
        [0, 1, 2, 3, 4],
        max_concurrent=5,
        retry=Retry(max_attempts=3),
        error_handling="continue",
    )
    output = run(step)["b"]
    assert attempts == {0: 1, 1: 2, 2: 3, 3: 3, 4: 3}
    assert output["results"] == [0, 1, 2, None, None]
    assert [record["error"] for record in output["errors"]] == ["attempt 3"] * 2


def test_each_attempt_has_a_fresh_node_and_view_of_the_store() -> None:
    nodes: list[Node] = []

    class Dirty(Node):
        def post(self, shared: Any, prep_res: Any, exec_res: Any) -> None:
            assert "seen" not in shared
            assert not hasattr(self, "used")
            self.used = True
            nodes.append(self)
            shared["seen"] = self.params["item"]
            if len(nodes) % 2:
                raise ConnectionError("try again")

    step = batch_of(Dirty, [1, 2, 3], retry=Retry(max_attempts=2))
    shared = run(step, {"before": 1})
    assert shared["b"]["results"] == [1, 2, 3]
    assert len(nodes) == 6
    assert set(shared) == {"before", "b"}


def test_a_reference_that_one_item_lacks_fails_that_item_once() -> None:
    resolved: list[Any] = []

    class ByName(BatchStep):
        node_id = "b"
        node_type = node_of(str)
        error_handling = "continue"
        retry = Retry(max_attempts=3)

        def items_for(self, scope: Scope) -> Any:
            return [{"name": "x"}, {}, {"name": "y"}]

        def params_for(self, scope: Scope) -> dict[str, Any]:
            resolved.append(scope.lookup("item"))
            return {"item": scope.lookup("item", "name")}

    output = run(ByName())["b"]
    assert output["results"] == ["x", None, "y"]
    (record,) = output["errors"]
    assert record["type"] == MissingReferenceError.__name__
    assert record["error"] == (
        '${item.name} is missing: "item" has no "name", only nothing'
    )
    assert resolved == [{"name": "x"}, {}, {"name": "y"}]


@pytest.mark.parametrize(
    ("items", "expected"),
    [
        ([], []),
        ((1, 2), [1, 2]),
        (range(3), [0, 1, 2]),
        (deque("ab"), ["a", "b"]),
        ('["a", {"b": 1}]', ["a", {"b": 1}]),
        (" [1]\n", [1]),
    ],
)
def test_items_are_any_finite_sequence(items: Any, expected: list[Any]) -> None:
    step = batch_of(node_of(lambda item: item), items, max_concurrent=4)
    output = run(step)["b"]
    assert (output["results"], output["count"]) == (expected, len(expected))


@pytest.mark.parametrize(
    ("items", "found"),
    [
        ("a, b", "a string that holds no JSON array"),
        ('{"a": 1}', "a string that holds no JSON array"),
        ({"a": 1}, "an object"),
        (5, "a number"),
        (None, "null"),
        (b"ab", "a bytes"),
    ],
)
def test_items_of_another_kind_are_refused(items: Any, found: str) -> None:
    step = batch_of(node_of(str), items, items_source="${ls.files}")
    message = f"the items, ${{ls.files}}, must be an array, not {found}"
    with pytest.raises(StepError) as caught:
        run(step)
    assert str(caught.value).startswith(f'node "b" failed: {message}')


def test_items_that_cannot_be_found_follow_an_error_edge() -> None:
    class Lost(BatchStep):
        node_id = "b"
        node_type = node_of(str)

        def items_for(self, scope: Scope) -> Any:
            return scope.lookup("ls", "files")

    step = Lost()
    step.next(batch_of(node_of(str), [1], node_id="after"), "error")
    shared = run(WorkflowFlow(start=step))
    assert shared["after"]["results"] == ["1"]
    assert shared["b"]["count"] == 0
    assert shared["b"]["type"] == "MissingReferenceError"
    assert shared["b"]["error"].startswith("${ls.files} is missing")


def test_a_node_that_changes_the_list_of_items_changes_nothing() -> None:
    items = [1, 2, 3, 4]

    def work(item: int) -> int:
        items.clear()
        return item

    step = batch_of(node_of(work), items)
    assert run(step)["b"]["results"] == [1, 2, 3, 4]


def test_a_sequence_that_breaks_midway_fails_the_node() -> None:
    class Breaks(Sequence[int]):
        def __len__(self) -> int:
            return 5

        def __getitem__(self, index: Any) -> Any:
            if index == 2:
                raise OSError("disk gone")
            return index

    step = batch_of(node_of(lambda item: item), Breaks(), max_concurrent=2)
    with pytest.raises(StepError, match='node "b" failed: disk gone'):
        run(step)


@pytest.mark.parametrize(
    ("outputs", "primary", "form", "expected"),
    [
        ({"a": 1, "b": 2}, "b", "value", 2),
        ({"a": 1}, None, "value", 1),
        ({"a": 1, "b": 2}, None, "value", {"a": 1, "b": 2}),
        ({}, None, "value", {}),
        ({"a": 1, "b": 2}, "b", "record", {"a": 1, "b": 2, "item": "x"}),
    ],
)
def test_what_one_result_is(
    outputs: dict[str, Any], primary: str | None, form: str, expected: Any
) -> None:
    class Writes(Node):
        result = primary

        def post(self, shared: Any, prep_res: Any, exec_res: Any) -> None:
            shared.update(outputs)

    step = batch_of(Writes, ["x"], results=form)
    assert run(step)["b"]["results"] == [expected]


def test_a_result_that_was_not_written_is_a_failure_not_null() -> None:
    class Forgets(Node):
        result = "summary"

        def post(self, shared: Any, prep_res: Any, exec_res: Any) -> None:
            shared["sumary"] = "oops"

    with pytest.raises(BatchError) as caught:
        run(batch_of(Forgets, ["x"]))
    assert isinstance(caught.value.__cause__, MissingResultError)
    assert 'no output "summary", only sumary' in str(caught.value)


def test_a_node_that_would_not_run_at_all_is_a_failure() -> None:
    class Never(Node):
        def __init__(self) -> None:
            super().__init__(max_retries=0)

    with pytest.raises(BatchError, match="max_retries < 1: it would not run"):
        run(batch_of(Never, ["x"]))


@both_kinds
def test_context_variables_reach_the_nodes(is_async: bool) -> None:
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable")
    variable.set("from outside")
    node_type = either_node_of(lambda item: variable.get(), is_async)
    step = batch_of(node_type, range(4), max_concurrent=2)
    assert run(step)["b"]["results"] == ["from outside"] * 4


@both_kinds
def test_a_batch_runs_inside_a_synchronous_flow(is_async: bool) -> None:
    shared: dict[str, Any] = {}
    step = batch_of(either_node_of(str, is_async), [1, 2], max_concurrent=2)
    Flow(start=step).run(shared)
    assert shared["b"]["results"] == ["1", "2"]


@both_kinds
def test_a_batch_runs_synchronously_inside_a_running_loop(is_async: bool) -> None:
    shared: dict[str, Any] = {}

    async def notebook() -> None:
        step = batch_of(either_node_of(str, is_async), [1, 2], max_concurrent=2)
        step.run(shared)

    asyncio.run(notebook())
    assert shared["b"]["results"] == ["1", "2"]


def test_params_of_a_foreign_flow_are_not_the_items() -> None:
    shared: dict[str, Any] = {}
    flow = Flow(start=batch_of(node_of(str), [1, 2]))
    flow.set_params({"items": ["wrong"]})
    flow.run(shared)
    assert shared["b"]["results"] == ["1", "2"]


def test_an_error_that_is_an_object_holds_no_secret(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SOME_API_KEY", "MARKED-0123456789")

    class Refused(Node):
        def post(self, shared: Any, prep_res: Any, exec_res: Any) -> str:
            shared["error"] = {"said": ["no MARKED-0123456789", 401]}
            return "error"

    output = run(batch_of(Refused, [1], error_handling="continue"))["b"]
    assert output["errors"][0]["error"] == {"said": ["no ***", 401]}
