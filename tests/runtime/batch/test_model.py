"""A batch agrees with a model of it that is too simple to be wrong.

The model is `docs/language.md` § 3 read aloud, one item after another.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import count
from typing import Any

import pytest
from batches import batch_of, node_of
from hypothesis import given, settings
from hypothesis import strategies as st
from pocketflow import AsyncNode, BaseNode, Node
from profiles import scaled

from pflow_lower.runtime import BatchError, Retry


@dataclass(frozen=True)
class Plan:
    """What one item does: fails so often, in one way, then gives its result."""

    failures: int
    way: str
    """raises OSError | raises TypeError | ends with the action `error`."""
    result: Any
    delay: int
    """How often it lets others run before."""


@dataclass(frozen=True)
class Case:
    plans: list[Plan]
    source: str
    attempts: int
    on: tuple[str, ...] | None
    cap: int
    error_handling: str
    tolerated_count: int | None
    tolerated_percentage: float | None
    results: str
    has_edge: bool
    is_async: bool

    @property
    def has_length(self) -> bool:
        return self.source == "list"


@dataclass
class Outcome:
    """How a batch ended: its output, and the index of the item that stopped it."""

    output: dict[str, Any]
    stopped_by: int | None
    made: list[int]
    """The attempts at each item."""
    starts_after: int = 0
    """How many attempts started after the failure that was one too many."""


TYPES = {"OSError": "OSError", "TypeError": "TypeError", "error": "ErrorAction"}

plans = st.builds(
    Plan,
    st.sampled_from([0, 0, 0, 0, 1, 2, 9]),
    st.sampled_from(["OSError", "OSError", "TypeError", "error"]),
    st.none() | st.integers(),
    st.sampled_from([0, 0, 1, 3]),
)


def cases(error_handling: str, *, is_async: bool) -> st.SearchStrategy[Case]:
    tolerates = error_handling == "continue"
    counts = st.none() | st.integers(0, 6)
    shares = st.sampled_from([None, None, 0, 0.5, 10, 25, 33.4, 50, 99.9, 100])
    return st.builds(
        Case,
        st.lists(plans, max_size=16),
        st.sampled_from(["list", "list", "generator", "async generator"]),
        st.integers(1, 4),
        st.sampled_from([None, ("BaseException",), ("OSError", "ErrorAction")]),
        st.integers(1, 6),
        st.just(error_handling),
        counts if tolerates else st.none(),
        shares if tolerates else st.none(),
        st.sampled_from(["value", "record"]),
        st.booleans(),
        st.just(is_async),
    )


def ends(case: Case, plan: Plan) -> tuple[int, bool]:
    """Give how many attempts an item takes, and whether the last one fails."""
    for attempt in range(1, case.attempts + 1):
        if attempt > plan.failures:
            return attempt, False
        if plan.way == "TypeError" and case.on != ("BaseException",):
            return attempt, True
    return case.attempts, True


def result(case: Case, index: int) -> Any:
    value = case.plans[index].result
    return {"out": value, "item": index} if case.results == "record" else value


def record(case: Case, index: int) -> dict[str, Any]:
    plan = case.plans[index]
    attempts, _ = ends(case, plan)
    message, kind = f"attempt {attempts} of item {index}", TYPES[plan.way]
    return {"index": index, "item": index, "error": message, "type": kind}


def is_share(failed: int, percentage: float | None, total: int) -> bool:
    """Tell whether so many are more than this share of all."""
    return percentage is not None and failed * 100 > Fraction(str(percentage)) * total


def too_many(case: Case, failed: int) -> bool:
    """Tell whether the batch stops now that so many have failed."""
    if case.error_handling == "fail_fast":
        return failed > 0
    by_count = case.tolerated_count is not None and failed > case.tolerated_count
    total, share = len(case.plans), case.tolerated_percentage
    return by_count or (case.has_length and is_share(failed, share, total))


def model(case: Case) -> Outcome:
    """Say how the case ends where its items run one after the other."""
    results: list[Any] = []
    errors: list[dict[str, Any]] = []
    made = [0] * len(case.plans)
    stopped_by = None
    for index, plan in enumerate(case.plans):
        made[index], failed = ends(case, plan)
        results.append(None if failed else result(case, index))
        if failed:
            errors.append(record(case, index))
            if too_many(case, len(errors)):
                stopped_by = index
                break
    if errors and is_share(len(errors), case.tolerated_percentage, len(results)):
        stopped_by = errors[-1]["index"]
    output = {
        "results": results,
        "errors": errors,
        "count": len(results),
        "success_count": len(results) - len(errors),
        "error_count": len(errors),
    }
    return Outcome(output, stopped_by, made)


class Recorder:
    """Makes the nodes of a case, and records what they do."""

    def __init__(self, case: Case) -> None:
        self.case = case
        self.log: list[tuple[str, int]] = []
        self._attempts = [count(1) for _ in case.plans]

    def begin(self, index: int) -> Plan:
        self.log.append(("start", index))
        return self.case.plans[index]

    def end(self, index: int, shared: Any) -> str:
        plan = self.case.plans[index]
        attempt = next(self._attempts[index])
        if attempt > plan.failures:
            shared["out"] = plan.result
            return "default"
        message = f"attempt {attempt} of item {index}"
        if attempt == ends(self.case, plan)[0]:
            self.log.append(("fail", index))
        if plan.way == "error":
            shared["error"] = message
            return "error"
        raise OSError(message) if plan.way == "OSError" else TypeError(message)

    def node(self) -> type[BaseNode]:
        recorder = self

        class Sync(Node):
            def post(self, shared: Any, prep_res: Any, exec_res: Any) -> str:
                index = self.params["item"]
                for _ in range(recorder.begin(index).delay):
                    time.sleep(0)
                return recorder.end(index, shared)

        class Async(AsyncNode):
            async def post_async(
                self, shared: Any, prep_res: Any, exec_res: Any
            ) -> str:
                index = self.params["item"]
                for _ in range(recorder.begin(index).delay):
                    await asyncio.sleep(0)
                return recorder.end(index, shared)

        return Async if self.case.is_async else Sync

    def made(self) -> list[int]:
        starts = [index for what, index in self.log if what == "start"]
        return [starts.count(index) for index in range(len(self.case.plans))]

    def starts_after(self) -> int:
        failed = 0
        for place, (what, _) in enumerate(self.log):
            failed += what == "fail"
            if what == "fail" and too_many(self.case, failed):
                return sum(what == "start" for what, _ in self.log[place:])
        return 0


def items(case: Case) -> Any:
    indices = range(len(case.plans))

    def generator() -> Iterator[int]:
        yield from indices

    async def async_generator() -> AsyncIterator[int]:
        for index in indices:
            for _ in range(case.plans[index].delay):
                await asyncio.sleep(0)
            yield index

    if case.source == "list":
        return list(indices)
    return generator() if case.source == "generator" else async_generator()


def batch(case: Case) -> Outcome:
    """Run the case for real."""
    recorder = Recorder(case)
    step = batch_of(
        recorder.node(),
        items(case),
        max_concurrent=case.cap,
        retry=Retry(max_attempts=case.attempts, on=case.on),
        error_handling=case.error_handling,
        tolerated_failure_count=case.tolerated_count,
        tolerated_failure_percentage=case.tolerated_percentage,
        results=case.results,
    )
    after: list[bool] = []
    if case.has_edge:
        step.next(batch_of(node_of(after.append), [], node_id="after"), "error")
    shared: dict[str, Any] = {}
    failure, action = None, ""
    try:
        action = asyncio.run(step._run_async(shared))
    except BatchError as error:
        failure = error
    if failure is None:
        assert "error" not in shared["b"]
        output, stopped_by = shared["b"], -1 if action == "error" else None
    else:
        assert shared == {}
        assert failure.output is not None
        assert failure.item == failure.index
        assert failure.results == failure.output["results"]
        output, stopped_by = failure.output, failure.index
    assert case.has_edge or action != "error"
    assert not (case.has_edge and failure)
    return Outcome(output, stopped_by, recorder.made(), recorder.starts_after())


def check(case: Case) -> None:
    """Check that a case ends as the model says."""
    expected, outcome = model(case), batch(case)
    # Whether a batch is stopped does not depend on which item fails first.
    assert (outcome.stopped_by is None) == (expected.stopped_by is None)
    runs_to_its_end = expected.output["count"] == len(case.plans)
    is_in_order = case.cap == 1
    if is_in_order or expected.stopped_by is None:
        assert outcome.output == expected.output
        assert outcome.made == expected.made
        assert outcome.starts_after == 0 or not is_in_order
        if is_in_order and not case.has_edge:
            assert outcome.stopped_by == expected.stopped_by
        return
    check_stopped(case, outcome, runs_to_its_end)


def check_stopped(case: Case, outcome: Outcome, runs_to_its_end: bool) -> None:
    """Check what must hold whichever of several in flight fails first.

    What was started is a prefix of the items; each of them came to what the model
    says, or was cancelled, or had no time for another attempt; nothing else ran.
    """
    output = outcome.output
    started = output["count"]
    failed = [each["index"] for each in output["errors"]]
    assert len(output["results"]) == started <= len(case.plans)
    assert output["errors"] == [record(case, index) for index in sorted(failed)]
    assert output["error_count"] == len(set(failed))
    assert outcome.stopped_by in (-1, *failed)
    succeeded = 0
    for index, found in enumerate(output["results"]):
        attempts, fails = ends(case, case.plans[index])
        assert outcome.made[index] <= attempts
        assert found is None or (not fails and found == result(case, index))
        assert index not in failed or (fails and outcome.made[index] == attempts)
        succeeded += not fails and outcome.made[index] == attempts
    assert not any(outcome.made[started:])
    # Of tasks, some were cancelled within their last attempt; of threads, none.
    assert output["success_count"] <= succeeded
    assert output["success_count"] == succeeded or case.is_async
    if too_many(case, len(failed)):
        assert not too_many(case, len(failed) - case.cap)
        assert not too_many(case, len(failed) - 1) or not case.is_async
        assert outcome.starts_after == 0 or not case.is_async
    else:  # a stream, of which too large a share had failed at its end
        assert runs_to_its_end
        assert started == len(case.plans)


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize("error_handling", ["fail_fast", "continue"])
@settings(max_examples=scaled(scaled(2500)))  # in `dev` a hundredth: each is a run
@given(data=st.data())
def test_a_batch_agrees_with_the_model(
    error_handling: str, is_async: bool, data: st.DataObject
) -> None:
    """Ten thousand batches, a quarter of them each time."""
    check(data.draw(cases(error_handling, is_async=is_async)))


steady = Case(
    plans=[Plan(1, "OSError", 5, 0), Plan(9, "error", 6, 0), Plan(0, "error", 7, 0)],
    source="list",
    attempts=2,
    on=None,
    cap=1,
    error_handling="continue",
    tolerated_count=None,
    tolerated_percentage=None,
    results="value",
    has_edge=False,
    is_async=False,
)


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize(
    "change",
    [
        {"attempts": 1},
        {"plans": [*steady.plans[:2], Plan(0, "error", 8, 0)]},
        {"plans": steady.plans[:2]},
        {"on": ("TypeError",)},
        {"tolerated_count": 0},
        {"tolerated_percentage": 33},
        {"error_handling": "fail_fast"},
        {"results": "record"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_the_model_can_tell_a_wrong_batch(
    change: dict[str, Any], is_async: bool
) -> None:
    case = replace(steady, is_async=is_async)
    check(case)
    expected, outcome = model(case), batch(replace(case, **change))
    assert (outcome.output, outcome.made) != (expected.output, expected.made)
