"""What holds for every workflow, shown on random ones and on all fixtures."""

import asyncio
import importlib
import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from itertools import count, pairwise
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from meaning import same
from places import SUPPORT
from pocketflow import AsyncFlow
from profiles import scaled
from strategies import PLAIN, TEXTS, workflows
from valid_fixtures import FIXTURES, Fixture

from pflow_lower import Lowered, lower
from pflow_lower.check.schema import check_schema
from pflow_lower.runtime import BatchStep, Scope

any_fixture = pytest.mark.parametrize(
    "fixture", FIXTURES.values(), ids=lambda fixture: fixture.name
)
thorough = settings(
    max_examples=scaled(60), suppress_health_check=[HealthCheck.too_slow]
)
numbers = count()


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Permissive mode has a lot to say of random references."""
    logging.getLogger("pflow_lower.runtime").setLevel(logging.ERROR)
    yield
    logging.getLogger("pflow_lower.runtime").setLevel(logging.NOTSET)


def outcome(flow: AsyncFlow) -> tuple[dict[str, Any], str]:
    """Run a flow; give the store that it leaves, and what it fails with."""
    store: dict[str, Any] = {}
    try:
        asyncio.run(flow.run_async(store))
    except Exception as error:
        return store, f"{type(error).__name__}: {error}"
    return store, ""


@contextmanager
def installed(lowered: Lowered) -> Iterator[None]:
    """Have the generated module on the path for as long as it takes."""
    with TemporaryDirectory() as folder:
        lowered.write(folder)
        importlib.invalidate_caches()
        sys.path.insert(0, folder)
        try:
            yield
        finally:
            sys.path.remove(folder)
            sys.modules.pop(lowered.module_name, None)


@thorough
@given(workflows())
def test_the_workflow_is_never_changed(ir: dict[str, Any]) -> None:
    before = deepcopy(ir)
    lower(ir)

    assert same(ir, before)


@thorough
@given(workflows())
def test_text_and_object_give_the_same_bytes(ir: dict[str, Any]) -> None:
    of_object = lower(ir)
    of_text = lower(json.dumps(ir, indent=3))

    assert of_text.ir_text == of_object.ir_text
    assert of_text.module == of_object.module


@thorough
@given(workflows())
def test_what_is_lowered_is_a_workflow_and_lowered_to_itself(
    ir: dict[str, Any],
) -> None:
    lowered = lower(ir)
    again = lower(lowered.ir, name="again")

    assert check_schema(lowered.ir) == ()
    assert again.ir_text == lowered.ir_text
    assert lower(lowered.ir_text, name="again").ir_text == lowered.ir_text


@thorough
@given(workflows())
def test_what_is_lowered_differs_in_its_batch_nodes_only(ir: dict[str, Any]) -> None:
    lowered = lower(ir).ir
    expected = deepcopy(ir)
    for node, made in zip(expected["nodes"], lowered["nodes"], strict=True):
        if "batch" in node:
            node["type"] = made["type"]
            node["params"] = {"items": node.pop("batch")["items"]}

    assert same(lowered, expected)


@example(
    {
        "nodes": [
            {"id": "a", "type": "echo", "batch": {"items": ["${gone}"]}},
            {"id": "b", "type": "echo", "params": {"value": "${a.count}"}},
        ],
        "edges": [{"from": "a", "to": "b", "action": "error"}],
        "inputs": {"gone": {"required": False}},
    }
)
@thorough
@given(workflows())
def test_the_lowered_workflow_runs_as_the_workflow_does(ir: dict[str, Any]) -> None:
    lowered = lower(ir, name=f"law_{next(numbers)}")
    expected = outcome(lowered.flow())
    with installed(lowered):
        again = lower(lowered.ir, name="again")
        found = outcome(again.flow())

    assert found[1] == expected[1]
    assert same(found[0], expected[0])


@thorough
@given(workflows())
def test_a_flow_runs_twice_alike(ir: dict[str, Any]) -> None:
    flow = lower(ir).flow()
    first, second = outcome(flow), outcome(flow)

    assert second[1] == first[1]
    assert same(second[0], first[0])


@thorough
@given(
    st.dictionaries(TEXTS.filter(bool), st.dictionaries(TEXTS, PLAIN), min_size=1),
    st.booleans(),
)
def test_every_id_and_text_comes_back(params_of: dict[str, Any], batch: bool) -> None:
    ids = list(params_of)
    nodes = [
        {"id": each, "type": "any", "params": params_of[each]}
        | ({"batch": {"items": [params_of[each]]}} if batch else {})
        for each in ids
    ]
    edges = [{"from": a, "to": b} for a, b in pairwise(ids)]
    node = lower({"nodes": nodes, "edges": edges}).flow().start_node
    found: dict[str, Any] = {}
    while node is not None:
        step: Any = node
        found[step.node_id] = step.params_for(Scope({}))
        if isinstance(step, BatchStep):
            assert same(step.items_for(Scope({})), [found[step.node_id]])
        node = node.successors.get("default")

    assert same(found, params_of)


@any_fixture
def test_a_fixture_is_lowered_to_itself_the_second_time(fixture: Fixture) -> None:
    lowered = fixture.lower()
    again = lower(lowered.ir, name="again", nodes=fixture.nodes)

    assert check_schema(lowered.ir) == ()
    assert again.ir_text == lowered.ir_text


LOWER_ALL = """
from valid_fixtures import FIXTURES
for fixture in FIXTURES.values():
    lowered = fixture.lower()
    print(lowered.ir_text, lowered.module, lowered.diagnostics)
"""


def test_the_hash_seed_does_not_matter() -> None:
    runs = [
        subprocess.run(
            [sys.executable, "-c", LOWER_ALL],
            env={
                "PYTHONHASHSEED": seed,
                "PYTHONPATH": str(SUPPORT),
                "PYTHONIOENCODING": "utf-8",
            },
            capture_output=True,
            timeout=120,
            check=True,
        ).stdout
        for seed in ("0", "1", "4242")
    ]

    assert runs[0].count(b"def build_flow()") == len(FIXTURES)
    assert runs == [runs[0]] * 3


def test_white_space_in_the_source_is_no_drift() -> None:
    fixture = FIXTURES["parallel"]
    copy = json.dumps(json.loads(fixture.path.read_text("utf-8")), ensure_ascii=False)

    assert lower(copy, name="parallel").module == fixture.lower().module
