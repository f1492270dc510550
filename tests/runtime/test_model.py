"""A batch agrees with a model of it that is too simple to be wrong.

The model is `docs/language.md` § 3 read aloud, one item after another.
"""

import threading
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batches import batch_of, either_node_of, run
from pflow_lower.runtime import BatchError, Retry


@dataclass(frozen=True)
class Plan:
    """What one item does: fails so often, then gives its result."""

    failures: int
    result: Any


@dataclass(frozen=True)
class Case:
    plans: list[Plan]
    attempts: int
    cap: int
    error_handling: str
    is_async: bool


plans = st.builds(Plan, st.sampled_from([0, 0, 0, 1, 2, 9]), st.none() | st.integers())
cases = st.builds(
    Case,
    st.lists(plans, max_size=12),
    st.integers(1, 4),
    st.integers(1, 5),
    st.sampled_from(["fail_fast", "continue"]),
    st.booleans(),
)


def model(case: Case) -> tuple[dict[str, Any], int | None, list[int]]:
    """Give the output, the index that stopped the batch, and the attempts made."""
    results, errors, made = [], [], []
    for index, plan in enumerate(case.plans):
        failed = plan.failures >= case.attempts
        made.append(min(plan.failures + 1, case.attempts))
        results.append(None if failed else plan.result)
        if failed:
            message = f"attempt {case.attempts} of item {index}"
            errors.append(
                {"index": index, "item": index, "error": message, "type": "OSError"}
            )
            if case.error_handling == "fail_fast":
                break
    output = {
        "results": results,
        "errors": errors,
        "count": len(results),
        "success_count": len(results) - len(errors),
        "error_count": len(errors),
    }
    stopped = bool(errors) and case.error_handling == "fail_fast"
    return output, len(results) - 1 if stopped else None, made


def batch(case: Case) -> tuple[dict[str, Any] | BatchError, list[int]]:
    """Run the case for real: the output, or the error, and the attempts made."""
    made = [0] * len(case.plans)
    lock = threading.Lock()

    def work(index: int) -> Any:
        with lock:
            made[index] += 1
            attempt = made[index]
        if attempt <= case.plans[index].failures:
            raise OSError(f"attempt {attempt} of item {index}")
        return case.plans[index].result

    step = batch_of(
        either_node_of(work, case.is_async),
        range(len(case.plans)),
        max_concurrent=case.cap,
        retry=Retry(max_attempts=case.attempts),
        error_handling=case.error_handling,
    )
    try:
        return run(step)["b"], made
    except BatchError as error:
        return error, made


@settings(max_examples=300, deadline=None)
@given(cases)
def test_a_batch_agrees_with_the_model(case: Case) -> None:
    expected, stopped_at, attempts = model(case)
    output, made = batch(case)
    if stopped_at is None:
        assert output == expected
        assert made == attempts
        return
    assert isinstance(output, BatchError)
    if case.cap == 1:
        assert (output.index, output.results) == (stopped_at, expected["results"])
        assert made[: stopped_at + 1] == attempts
        assert not any(made[stopped_at + 1 :])
        return
    # Of several in flight another may fail first; what was started is a prefix,
    # all of it came to what the model says or was cancelled, and nothing else ran.
    assert case.plans[output.index].failures >= case.attempts
    started = len(output.results)
    assert output.index < started
    for index, result in enumerate(output.results):
        assert result in (None, case.plans[index].result)
        assert made[index] <= case.attempts
    assert not any(made[started:])


@pytest.mark.parametrize("is_async", [False, True])
def test_the_model_can_tell_a_wrong_batch(is_async: bool) -> None:
    case = Case([Plan(1, 5)], 1, 1, "continue", is_async)
    assert batch(Case([Plan(1, 5)], 2, 1, "continue", is_async))[0] != model(case)[0]
