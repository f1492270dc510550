"""A Retry-After that a node reports holds the whole batch back, not one item."""

import asyncio
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import count
from typing import Any

import pytest
from batches import batch_of
from pocketflow import AsyncNode, BaseNode, Node

from pflow_lower.runtime import BatchError, Retry, StepError, WorkflowFlow, run_flow
from pflow_lower.runtime.context import RunContext, running_in
from pflow_lower.runtime.events.delivery import Events
from pflow_lower.runtime.events.event import Event, now

both_kinds = pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])

PATIENCE = 60
"""Seconds after which something that should happen counts as never happening."""
AGES = 100_000
"""Seconds that no test waits for."""


class BusyError(Exception):
    """What a client raises where the other side wants to be left alone."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__("busy")
        self.__dict__.update(attributes)


class Reply:
    def __init__(self, headers: dict[str, str]) -> None:
        self.status_code = 429
        self.headers = headers


Plan = Callable[[int, int], dict[str, Any] | None]
"""What the attempt of this number at an item does: raise, or give outputs."""


class Recorded:
    """Nodes that record when their attempts start, and the events of their batch."""

    def __init__(self, plan: Plan, together: int = 1) -> None:
        self.starts: list[tuple[int, float]] = []
        self.failed_at: list[float] = []
        self.events: list[Event] = []
        self.held = threading.Event()
        self._plan = plan
        self._together = together
        self._lock = threading.Lock()
        self._attempts = {index: count(1) for index in range(100)}
        self._all_started = threading.Event()

    def __call__(self, event: Event) -> None:
        """Note an event."""
        self.events.append(event)
        if event.kind == "held_back":
            self.held.set()

    def begin(self, item: int) -> int:
        """Note a start; give the number of the attempt."""
        with self._lock:
            self.starts.append((item, now()))
            if len(self.starts) == self._together:
                self._all_started.set()
            return next(self._attempts[item])

    def end(self, item: int, attempt: int, store: Any) -> str:
        """Do what is planned once the first ones are all in flight."""
        try:
            outputs = self._plan(item, attempt)
        except BusyError:
            self.failed_at.append(now())
            raise
        if outputs is not None:
            self.failed_at.append(now())
            store.update(outputs)
            return "error"
        store["out"] = item
        return "default"

    def node(self, is_async: bool) -> type[BaseNode]:
        """Give the node type."""
        recorded = self

        class Sync(Node):
            def post(self, shared: Any, prep_res: Any, exec_res: Any) -> str:
                item = self.params["item"]
                attempt = recorded.begin(item)
                assert recorded._all_started.wait(PATIENCE)
                if item:
                    assert recorded.held.wait(PATIENCE)
                return recorded.end(item, attempt, shared)

        class Async(AsyncNode):
            async def post_async(
                self, shared: Any, prep_res: Any, exec_res: Any
            ) -> str:
                item = self.params["item"]
                attempt = recorded.begin(item)
                while not recorded._all_started.is_set():
                    await asyncio.sleep(0.001)
                while item and not recorded.held.is_set():
                    await asyncio.sleep(0.001)
                return recorded.end(item, attempt, shared)

        return Async if is_async else Sync

    def run(self, is_async: bool, **settings: Any) -> dict[str, Any]:
        """Run a batch of these nodes; item 0 is the one that others wait for."""
        step = batch_of(self.node(is_async), range(8), max_concurrent=4, **settings)
        output = run_flow(WorkflowFlow(start=step), {}, on_event=self)["b"]
        assert isinstance(output, dict)
        return output

    def nothing_started_for(self, seconds: float) -> bool:
        """Tell whether nothing started for so long after the first failure."""
        failed_at = self.failed_at[0]
        times = [time for _, time in self.starts]
        times += [event.time for event in self.events if event.kind == "item_started"]
        return not [time for time in times if failed_at < time < failed_at + seconds]


def busy_once(**attributes: Any) -> Plan:
    def plan(item: int, attempt: int) -> None:
        if item == 0 and attempt == 1:
            raise BusyError(**attributes)

    return plan


@both_kinds
@pytest.mark.parametrize(
    "attributes",
    [
        {"retry_after": 0.4},
        {"response": Reply({"Retry-After": "0.4"})},
        {"retry_after": "0.4", "response": Reply({"Retry-After": "9000"})},
    ],
    ids=["attribute", "header", "both"],
)
def test_one_item_holds_all_of_them_back(
    attributes: dict[str, Any], is_async: bool
) -> None:
    recorded = Recorded(busy_once(**attributes), together=4)
    output = recorded.run(is_async, retry=Retry(max_attempts=2))
    assert output["results"] == list(range(8))
    assert sorted(item for item, _ in recorded.starts) == [0, *range(8)]
    assert {item for item, _ in recorded.starts[:4]} == set(range(4))
    assert recorded.nothing_started_for(0.4)
    held = [event for event in recorded.events if event.kind == "held_back"]
    assert [(event.index, event.wait) for event in held] == [(0, 0.4)]


@both_kinds
def test_a_node_that_ends_with_error_may_say_it_too(is_async: bool) -> None:
    def plan(item: int, attempt: int) -> dict[str, Any] | None:
        if item == 0 and attempt == 1:
            return {"error": "busy", "status_code": 503, "retry_after": "0.4"}
        return None

    recorded = Recorded(plan, together=4)
    output = recorded.run(is_async, retry=Retry(max_attempts=2, on=(503,)))
    assert output["success_count"] == 8
    assert recorded.nothing_started_for(0.4)


@both_kinds
def test_a_date_holds_the_batch_back(is_async: bool) -> None:
    def plan(item: int, attempt: int) -> None:
        if item == 0 and attempt == 1:
            # A date has whole seconds: this one is one to two seconds ahead.
            then = datetime.now(UTC) + timedelta(seconds=2)
            date = format_datetime(then, usegmt=True)
            raise BusyError(response=Reply({"Retry-After": date}))

    recorded = Recorded(plan, together=4)
    output = recorded.run(is_async, retry=Retry(max_attempts=2))
    assert output["success_count"] == 8
    [held] = [event for event in recorded.events if event.kind == "held_back"]
    assert held.wait is not None
    assert 0 < held.wait <= 2
    assert recorded.nothing_started_for(held.wait)


@both_kinds
def test_the_last_failure_of_an_item_holds_the_others_back(is_async: bool) -> None:
    recorded = Recorded(busy_once(retry_after=0.4), together=4)
    output = recorded.run(is_async, error_handling="continue")
    assert (output["success_count"], output["error_count"]) == (7, 1)
    assert recorded.nothing_started_for(0.4)


@both_kinds
def test_only_what_holds_longer_is_told_of(is_async: bool) -> None:
    def plan(item: int, attempt: int) -> None:
        if item < 4 and attempt == 1:
            raise BusyError(retry_after=1 if item == 0 else 0.01)

    recorded = Recorded(plan, together=4)
    output = recorded.run(is_async, retry=Retry(max_attempts=2))
    assert output["success_count"] == 8
    assert recorded.nothing_started_for(1)
    waits = [event.wait for event in recorded.events if event.kind == "held_back"]
    assert waits == [1]


@both_kinds
def test_a_wait_of_ages_ends_where_the_batch_is_stopped(is_async: bool) -> None:
    def plan(item: int, attempt: int) -> None:
        if item == 0:
            raise BusyError(retry_after=AGES)
        if item == 3:
            raise TypeError("permanent")

    recorded = Recorded(plan, together=4)
    with pytest.raises(BatchError, match="permanent") as caught:
        recorded.run(is_async, retry=Retry(max_attempts=5))
    assert caught.value.index == 3
    assert len(recorded.starts) == 4


@both_kinds
def test_a_wait_of_ages_ends_with_the_time_of_the_batch(is_async: bool) -> None:
    recorded = Recorded(busy_once(retry_after=AGES), together=4)
    with pytest.raises(StepError, match="the batch was not done within 1 s"):
        recorded.run(is_async, retry=Retry(max_attempts=5), batch_timeout=1)
    assert len(recorded.starts) <= 4


@both_kinds
def test_a_wait_of_ages_ends_where_the_run_is_cancelled(is_async: bool) -> None:
    recorded = Recorded(busy_once(retry_after=AGES), together=4)
    step = batch_of(
        recorded.node(is_async),
        range(8),
        max_concurrent=4,
        retry=Retry(max_attempts=5),
    )
    events = Events([recorded])

    async def main() -> None:
        with running_in(RunContext(events=events)):
            task = asyncio.create_task(step.run_async({}))
        while not recorded.held.is_set():
            await asyncio.sleep(0.001)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(main())
    events.close()
    assert len(recorded.starts) == 4


@both_kinds
def test_one_batch_does_not_hold_another_back(is_async: bool) -> None:
    recorded = Recorded(busy_once(retry_after=AGES))
    first = batch_of(
        recorded.node(is_async), [0], error_handling="continue", node_id="first"
    )
    other = Recorded(lambda item, attempt: None)
    other.held.set()
    first.next(batch_of(other.node(is_async), range(8)))
    outputs = run_flow(WorkflowFlow(start=first), {}, on_event=recorded)
    assert outputs["first"]["error_count"] == 1
    assert outputs["b"]["success_count"] == 8
