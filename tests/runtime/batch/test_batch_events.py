"""What a batch tells of its run, and that nobody who listens can change it."""

import asyncio
import threading
import time
from collections.abc import Callable
from itertools import count
from typing import Any

import pytest
from batches import async_node_of, batch_of, either_node_of, node_of
from hypothesis import given, settings
from hypothesis import strategies as st
from pocketflow import BaseNode
from profiles import scaled

from pflow_lower.runtime import (
    BatchError,
    BatchFinished,
    BatchStarted,
    Event,
    ItemFailed,
    RateLimit,
    Retry,
    StepError,
    WorkflowFlow,
    run_flow,
)

both_kinds = pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
caps = pytest.mark.parametrize("cap", [1, 4])

PATIENCE = 60


def failing_node_of(failures: list[int], is_async: bool) -> type[BaseNode]:
    """Give a node that fails so often at each item, and then gives the item."""
    attempts = [count(1) for _ in failures]

    def work(item: int) -> int:
        attempt = next(attempts[item])
        if attempt <= failures[item]:
            raise OSError(f"attempt {attempt} of item {item}")
        return item

    return either_node_of(work, is_async)


def events_of(step: Any) -> tuple[list[Event], Any]:
    """Run a batch; give its events, and its output or the error that it raised."""
    events: list[Event] = []
    try:
        output = run_flow(WorkflowFlow(start=step), {}, on_event=events.append)["b"]
    except StepError as error:
        return events, error
    return events, output


def told(event: Event) -> dict[str, Any]:
    """Give what an event says, apart from where and when."""
    said = event._asdict()
    for name in ("node_id", "time", "batch"):
        del said[name]
    return {
        name: value
        for name, value in said.items()
        if value is not None and value is not False
    }


def expected(index: int, failures: int, most: int) -> list[dict[str, Any]]:
    """Say what is told of one item."""
    events: list[dict[str, Any]] = [{"kind": "item_started", "index": index}]
    events[0]["attempt"] = 1
    for attempt in range(1, min(failures, most) + 1):
        is_last = attempt == most
        error = f"attempt {attempt} of item {index}"
        event = {"index": index, "attempt": attempt, "error": error, "type": "OSError"}
        wait = {} if is_last else {"wait": 0}
        kind = "item_failed" if is_last else "item_retried"
        events.append({"kind": kind, **event, **wait})
    if failures < most:
        events.append(
            {"kind": "item_finished", "index": index, "attempt": failures + 1}
        )
    return events


@settings(max_examples=scaled(200))
@given(
    st.lists(st.sampled_from([0, 0, 0, 1, 2, 9]), max_size=10),
    st.integers(1, 3),
    st.integers(1, 4),
    st.booleans(),
)
def test_each_item_is_told_of_from_its_start_to_its_end(
    failures: list[int], most: int, cap: int, is_async: bool
) -> None:
    step = batch_of(
        failing_node_of(failures, is_async),
        range(len(failures)),
        max_concurrent=cap,
        retry=Retry(max_attempts=most),
        error_handling="continue",
    )
    events, output = events_of(step)
    first, *between, last = map(told, events)
    assert first == {"kind": "batch_started", "total": len(failures)}
    counts = {key: output[key] for key in ("count", "success_count", "error_count")}
    assert last == {"kind": "batch_finished", **counts}
    each = [expected(index, number, most) for index, number in enumerate(failures)]
    if cap == 1:
        assert between == [event for item in each for event in item]
    for index, item in enumerate(each):
        assert [event for event in between if event["index"] == index] == item
    assert len(between) == sum(map(len, each))
    assert {event.node_id for event in events} == {"b"}
    assert len({event.batch for event in events}) == 1
    times = [event.time for event in events]
    assert times == sorted(times) or cap > 1


@both_kinds
@caps
def test_a_batch_that_is_stopped_says_why(is_async: bool, cap: int) -> None:
    failures = [0, 0, 9, *[0] * 20]
    step = batch_of(failing_node_of(failures, is_async), range(23), max_concurrent=cap)
    events, error = events_of(step)
    assert isinstance(error, BatchError)
    last = told(events[-1])
    message = "item 2 (2): attempt 1 of item 2"
    assert last["kind"] == "batch_finished"
    assert (last["error"], last["type"]) == (f'node "b" failed: {message}', "OSError")
    assert last["error_count"] == 1
    assert last["count"] == len(error.results)
    kinds = [event.kind for event in events]
    assert kinds.count("item_started") == last["count"]
    assert kinds.count("item_finished") == last["success_count"]
    assert kinds.count("item_failed") == 1


@both_kinds
def test_a_batch_whose_time_is_up_says_so(is_async: bool) -> None:
    release = threading.Event()

    async def hang(item: int) -> None:
        await asyncio.sleep(PATIENCE)

    node_type = async_node_of(hang) if is_async else node_of(lambda _: release.wait())
    events, error = events_of(batch_of(node_type, [1, 2], batch_timeout=0.3))
    release.set()
    assert isinstance(error, StepError)
    assert [event.kind for event in events] == [
        "batch_started",
        "item_started",
        "batch_finished",
    ]
    assert isinstance(events[-1], BatchFinished)
    assert events[-1].type == "BatchTimeoutError"
    assert "the batch was not done within 0.3 s" in str(events[-1].error)


@both_kinds
@pytest.mark.parametrize("items", [[], iter([])], ids=["list", "iterator"])
def test_a_batch_of_none_begins_and_ends(items: Any, is_async: bool) -> None:
    events, _ = events_of(batch_of(either_node_of(str, is_async), items))
    total = {"total": 0} if items == [] else {}
    assert [*map(told, events)] == [
        {"kind": "batch_started", **total},
        {"kind": "batch_finished", "count": 0, "success_count": 0, "error_count": 0},
    ]


@both_kinds
def test_items_that_cannot_be_had_end_the_batch(is_async: bool) -> None:
    events, _ = events_of(batch_of(either_node_of(str, is_async), None))
    started, finished = events
    assert isinstance(started, BatchStarted)
    assert isinstance(finished, BatchFinished)
    assert finished.type == "ItemsError"
    assert "must be an array, not null" in str(finished.error)


@both_kinds
def test_an_item_without_params_fails_before_it_starts(is_async: bool) -> None:
    def params_for(self: Any, scope: Any) -> dict[str, Any]:
        return {"item": scope.lookup("item"), "other": scope.lookup("nobody")}

    step = batch_of(
        either_node_of(str, is_async),
        [1],
        params_for=params_for,
        error_handling="continue",
    )
    events, _ = events_of(step)
    assert [event.kind for event in events] == [
        "batch_started",
        "item_failed",
        "batch_finished",
    ]
    assert isinstance(events[1], ItemFailed)
    assert events[1].type == "MissingReferenceError"


@both_kinds
def test_two_batches_are_told_apart(is_async: bool) -> None:
    first = batch_of(either_node_of(str, is_async), [1, 2], node_id="a")
    first.next(batch_of(either_node_of(str, is_async), [3]))
    events, _ = events_of(first)
    batches = {event.node_id: event.batch for event in events}
    assert len(set(batches.values())) == 2
    assert all(batches[event.node_id] == event.batch for event in events)


def slow(event: Event) -> None:
    time.sleep(0.001)


def raises(event: Event) -> None:
    raise ValueError("the listener failed")


def exits(event: Event) -> None:
    raise SystemExit(3)


class Meddles:
    """A listener that changes what it can."""

    def __call__(self, event: Event) -> None:
        threading.current_thread().name = "meddled"
        raise KeyboardInterrupt

    def flush(self) -> None:
        raise LookupError

    def close(self) -> None:
        raise LookupError


Listener = Callable[[Event], object]


@both_kinds
@caps
@pytest.mark.parametrize("listener", [slow, raises, exits, Meddles()])
@pytest.mark.parametrize("handling", ["continue", "fail_fast"])
def test_no_listener_changes_what_a_run_gives(
    listener: Listener, handling: str, cap: int, is_async: bool
) -> None:
    failures = [0, 1, 0, 2, 0] * 8
    failures[37 if handling == "fail_fast" else 20] = 9

    def batch() -> Any:
        return batch_of(
            failing_node_of(failures, is_async),
            range(40),
            max_concurrent=cap,
            retry=Retry(max_attempts=3),
            error_handling=handling,
            rate_limit=RateLimit(100_000, 1),
        )

    def result(**listeners: Any) -> Any:
        try:
            return run_flow(WorkflowFlow(start=batch()), {}, **listeners)
        except BatchError as error:
            return str(error), error.index, error.results if cap == 1 else None

    witness: list[Event] = []
    assert result(on_event=[listener, witness.append]) == result()
    assert witness[-1].kind == "batch_finished"
    starts = [event.index for event in witness if event.kind == "item_started"]
    assert len(starts) == len(set(starts)) == witness[-1].count
