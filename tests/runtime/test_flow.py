"""Whole flows: inputs, outputs, edges, plain nodes, and running again."""

import asyncio
import threading
from importlib.metadata import EntryPoint
from itertools import pairwise
from typing import Any

import pytest
from batches import batch_of, node_of, run
from pocketflow import AsyncFlow, Flow, Node

from pflow_lower.runtime import (
    Input,
    InputError,
    Scope,
    Step,
    StepError,
    UnknownNodeTypeError,
    WorkflowFlow,
    concat,
    run_flow,
)
from pflow_lower.runtime import node as node_module


class Says(Node):
    """Writes its params, and ends with the action it is given."""

    def exec(self, prep_res: Any) -> Any:
        if "raise" in self.params:
            raise self.params["raise"]

    def post(self, shared: Any, prep_res: Any, exec_res: Any) -> Any:
        shared.update(self.params)
        return self.params.get("action")


def step(node_id: str, node_type: Any = Says, **params: Any) -> Step:
    members = {
        "node_id": node_id,
        "node_type": node_type,
        "params_for": lambda self, scope: params,
    }
    made = type("Made", (Step,), members)()
    assert isinstance(made, Step)
    return made


def test_a_flow_runs_its_nodes_and_keeps_their_outputs_apart() -> None:
    first, second = step("first", out=1), step("second", out=2)
    first.next(second)
    assert run(WorkflowFlow(start=first), {"topic": "tea"}) == {
        "topic": "tea",
        "first": {"out": 1},
        "second": {"out": 2},
    }


def test_a_flow_is_a_pocketflow_flow_and_runs_inside_one() -> None:
    flow = WorkflowFlow(start=step("inner", out=1))
    assert isinstance(flow, AsyncFlow)
    shared: dict[str, Any] = {}
    Flow(start=flow).run(shared)
    assert shared == {"inner": {"out": 1}}


INPUTS = (
    Input("topic", type="string"),
    Input("count", type="int", default=3),
    Input("tags", type="array", default=["a"]),
    Input("style", required=False),
)


def test_inputs_are_checked_all_at_once_before_anything_runs() -> None:
    flow = WorkflowFlow(start=step("a", out=1), inputs=INPUTS)
    shared = {"count": True, "tags": "a, b"}
    with pytest.raises(InputError) as caught:
        run(flow, shared)
    assert str(caught.value) == (
        'wrong inputs: "topic" is required but not given; '
        '"count" must be int, not a boolean; "tags" must be array, not a string'
    )
    assert "a" not in shared


def test_defaults_are_filled_in_anew_for_each_run() -> None:
    flow = WorkflowFlow(start=step("a"), inputs=INPUTS)
    first = run(flow, {"topic": "tea"})
    first["tags"].append("changed")
    second = run(flow, {"topic": "tea"})
    assert (second["count"], second["tags"]) == (3, ["a"])
    assert "style" not in second


@pytest.mark.parametrize(
    ("declared", "right", "wrong"),
    [
        ("string", "", 1),
        ("str", "a", None),
        ("number", 1.5, "1"),
        ("number", 1, True),
        ("integer", 2, 2.0),
        ("int", -1, False),
        ("float", 1, "x"),
        ("boolean", False, 0),
        ("bool", True, "true"),
        ("object", {}, []),
        ("dict", {"a": 1}, "{}"),
        ("array", (), {}),
        ("list", [1], "ab"),
    ],
)
def test_what_a_declared_type_takes(declared: str, right: Any, wrong: Any) -> None:
    flow = WorkflowFlow(start=step("a"), inputs=(Input("x", type=declared),))
    assert run(flow, {"x": right})["x"] == right
    with pytest.raises(InputError, match=f'"x" must be {declared}, not '):
        run(flow, {"x": wrong})


def outputs_for(scope: Scope) -> dict[str, Any]:
    return {"report": concat("It is ", scope.lookup("a", "out")), "a": 5}


def test_outputs_stand_at_the_root_and_may_bear_a_nodes_name() -> None:
    flow = WorkflowFlow(start=step("a", out=1), outputs_for=outputs_for)
    assert run(flow) == {"report": "It is 1", "a": 5}


def test_running_synchronously_gives_outputs_or_else_the_store() -> None:
    declared = WorkflowFlow(start=step("a", out=1), outputs_for=outputs_for)
    assert run_flow(declared, {}) == {"report": "It is 1", "a": 5}
    plain = WorkflowFlow(start=step("a", out=1), inputs=INPUTS[:1])
    assert run_flow(plain, {"topic": "t"}) == {"topic": "t", "a": {"out": 1}}


def test_an_input_that_is_not_declared_is_refused() -> None:
    flow = WorkflowFlow(start=step("a"), inputs=INPUTS)
    with pytest.raises(InputError) as caught:
        run_flow(flow, {"topik": "tea"})
    assert str(caught.value) == (
        'no input is called "topik", did you mean "topic"? '
        "(the workflow declares topic, count, tags, style)"
    )


def test_running_synchronously_works_inside_a_running_loop() -> None:
    async def notebook() -> dict[str, Any]:
        return run_flow(WorkflowFlow(start=step("a", out=1)), {})

    assert asyncio.run(notebook()) == {"a": {"out": 1}}


def test_one_flow_runs_twice_and_twice_at_once() -> None:
    meet = threading.Barrier(2)

    class Meets(Node):
        def post(self, shared: Any, prep_res: Any, exec_res: Any) -> None:
            meet.wait(60)  # both runs are in this node at the same time
            shared["who"] = shared["me"]

    first = step("first", Meets)
    batch = batch_of(node_of(lambda item: item), [1, 2], max_concurrent=2)
    first.next(batch)
    flow = WorkflowFlow(start=first)

    async def one(name: str) -> dict[str, Any]:
        shared: dict[str, Any] = {"me": name}
        await flow.run_async(shared)
        return shared

    async def main() -> list[dict[str, Any]]:
        return list(await asyncio.gather(one("x"), one("y")))

    for _ in range(2):
        for shared, name in zip(asyncio.run(main()), "xy", strict=True):
            assert shared["first"] == {"who": name}
            assert shared["b"]["results"] == [1, 2]


def test_what_an_earlier_run_left_of_a_node_is_gone() -> None:
    first, second = step("first", action="stop"), step("second", out=2)
    first.next(second, "go")
    first.next(step("third"), "stop")
    shared = run(WorkflowFlow(start=first), {"second": "of another run"})
    assert "second" not in shared


def test_actions_choose_the_edge() -> None:
    first = step("first", action="left")
    first.next(step("a", out=1), "left")
    first.next(step("b", out=2), "right")
    assert run(WorkflowFlow(start=first)).keys() == {"first", "a"}


@pytest.mark.parametrize("action", ["up", None])
def test_an_action_without_an_edge_is_an_error_not_an_early_end(
    action: str | None,
) -> None:
    first = step("first", action=action)
    first.next(step("a"), "left")
    with pytest.raises(StepError) as caught:
        run(WorkflowFlow(start=first))
    assert str(caught.value) == (
        f'node "first" failed: it ended with the action "{action or "default"}", '
        'but has edges for "left"'
    )


def test_a_node_with_an_error_edge_only_may_end_the_run() -> None:
    first = step("first", out=1)
    first.next(step("rescue"), "error")
    assert run(WorkflowFlow(start=first)) == {"first": {"out": 1}}


def test_a_node_that_raises_fails_the_run_by_name() -> None:
    with pytest.raises(StepError) as caught:
        run(WorkflowFlow(start=step("a", Says, **{"raise": ValueError("no")})))
    assert str(caught.value) == 'node "a" failed: no'
    assert caught.value.node_id == "a"
    assert isinstance(caught.value.__cause__, ValueError)


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({"raise": ValueError("no")}, {"error": "no", "type": "ValueError"}),
        ({"raise": ValueError()}, {"error": "ValueError", "type": "ValueError"}),
        ({"raise": SystemExit(2)}, {"error": "2", "type": "SystemExit"}),
        (
            {"action": "error", "error": "429", "wait": 5},
            {"error": "429", "type": "ErrorAction", "wait": 5, "action": "error"},
        ),
    ],
)
def test_an_error_edge_is_followed(
    params: dict[str, Any], expected: dict[str, Any]
) -> None:
    first = step("first", **params)
    first.next(step("rescue", out=1), "error")
    first.next(step("other"), "default")
    shared = run(WorkflowFlow(start=first))
    assert shared == {"first": expected, "rescue": {"out": 1}}


def test_the_action_error_without_an_edge_fails_the_run() -> None:
    with pytest.raises(StepError, match='node "a" failed: quota used up'):
        run(WorkflowFlow(start=step("a", action="error", error="quota used up")))


def test_a_missing_reference_fails_the_node_it_stands_in() -> None:
    class Lost(Step):
        node_id = "lost"
        node_type = Says

        def params_for(self, scope: Scope) -> dict[str, Any]:
            return {"x": scope.lookup("topic")}

    with pytest.raises(StepError) as caught:
        run(WorkflowFlow(start=Lost()), {"topik": 1})
    assert str(caught.value) == (
        'node "lost" failed: ${topic} is missing: there is no "topic", only topik'
    )


def test_pocketflows_own_params_do_not_reach_the_nodes() -> None:
    flow = WorkflowFlow(start=step("a", out=1))
    flow.set_params({"out": "wrong"})
    assert run(flow) == {"a": {"out": 1}}


def test_an_unknown_node_type_is_named_before_anything_runs() -> None:
    ran: list[bool] = []
    first = step("first", node_of(lambda _: ran.append(True)), item=1)
    first.next(step("second", "no-such-type"))
    with pytest.raises(UnknownNodeTypeError) as caught:
        run(WorkflowFlow(start=first))
    assert str(caught.value) == (
        'the node type "no-such-type" is not installed: no package has an entry '
        'point "no-such-type" in the group "pflow_lower.nodes"'
    )
    assert ran == []


@pytest.mark.parametrize("value", ["batches:node_of", "batches:Store"])
def test_an_entry_point_that_is_no_node_is_refused(
    monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    give_entry_point(monkeypatch, "odd", value)
    with pytest.raises(
        UnknownNodeTypeError, match=f'"odd" is {value}, not a PocketFlow'
    ):
        run(WorkflowFlow(start=step("a", "odd")))


def test_a_node_type_is_found_by_its_entry_point(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    give_entry_point(monkeypatch, "found", "pflow_lower.nodes.echo:EchoNode")
    assert run(WorkflowFlow(start=step("a", "found", value=1)))["a"] == {"value": 1}


def give_entry_point(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    def entry_points(**wanted: str) -> list[EntryPoint]:
        assert wanted == {"group": "pflow_lower.nodes", "name": name}
        return [EntryPoint(name, value, "pflow_lower.nodes")]

    monkeypatch.setattr(node_module, "entry_points", entry_points)
    node_module.load_node_type.cache_clear()


def test_a_chain_of_thousands_of_nodes_runs() -> None:
    steps = [step(f"n{number}", out=number) for number in range(3000)]
    for before, after in pairwise(steps):
        before.next(after)
    shared = run(WorkflowFlow(start=steps[0]))
    assert shared["n2999"] == {"out": 2999}
