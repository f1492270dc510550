"""The time that an attempt, and a batch, may take."""

import asyncio
import contextvars
import logging
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from batches import async_node_of, batch_of, either_node_of, node_of, run
from pocketflow import BaseNode

from pflow_lower.nodes.shell import ShellNode
from pflow_lower.runtime import (
    BatchError,
    BatchStep,
    RateLimit,
    Retry,
    StepError,
    WorkflowFlow,
    run_flow,
)
from pflow_lower.runtime.batch.threads import Late, within
from pflow_lower.runtime.errors import BatchTimeoutError
from pflow_lower.support.blocking import run_blocking

both_kinds = pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
both_ways = pytest.mark.parametrize("handling", ["fail_fast", "continue"])

PATIENCE = 60
"""Seconds after which something that should happen counts as never happening."""
AGES = 100_000
"""Seconds that no test waits for."""
SHORT = 0.3
"""The limit of what never ends; whatever else runs under it ends at once."""


@pytest.fixture(autouse=True)
def nothing_is_left_behind(release: threading.Event) -> Iterator[None]:
    """Check that a test, its hanging nodes let go, ends with as many threads."""
    before = set(threading.enumerate())
    yield
    release.set()
    wait_until(lambda: set(threading.enumerate()) <= before)


@pytest.fixture
def release() -> threading.Event:
    """Give what hanging nodes wait for."""
    return threading.Event()


def wait_until(condition: Callable[[], bool]) -> None:
    for _ in range(PATIENCE * 100):
        if condition():
            return
        threading.Event().wait(0.01)
    raise AssertionError("it never happened")


def alive(pid_file: Path) -> bool:
    try:
        os.kill(int(pid_file.read_text()), 0)
    except ProcessLookupError:
        return False
    return True


Hangs = Callable[[int], bool]


def hanging_node_of(
    hangs: Hangs, is_async: bool, release: threading.Event, log: list[str]
) -> type[BaseNode]:
    """Give a node that gives the item, where it does not hang."""

    def work(item: int) -> int:
        log.append(f"{item} started")
        if hangs(item):
            release.wait(PATIENCE)
            log.append(f"{item} ended late")
            return 1000 + item
        return item

    async def work_async(item: int) -> int:
        log.append(f"{item} started")
        try:
            if hangs(item):
                await asyncio.sleep(PATIENCE)
        except asyncio.CancelledError:
            await asyncio.sleep(0.01)
            log.append(f"{item} cleaned up")
            raise
        return item

    return async_node_of(work_async) if is_async else node_of(work)


def run_and_leave_no_task(step: BatchStep) -> dict[str, Any]:
    """Run a batch; check that when it is over, so are all tasks."""

    async def main() -> dict[str, Any]:
        shared: dict[str, Any] = {}
        try:
            await step._run_async(shared)
        finally:
            assert asyncio.all_tasks() == {asyncio.current_task()}
        return shared

    return asyncio.run(main())


@both_kinds
def test_an_attempt_that_takes_too_long_fails(
    is_async: bool, release: threading.Event
) -> None:
    log: list[str] = []
    node_type = hanging_node_of(lambda item: item == 1, is_async, release, log)
    step = batch_of(
        node_type,
        range(6),
        max_concurrent=2,
        timeout=SHORT,
        error_handling="continue",
    )
    output = run_and_leave_no_task(step)["b"]
    assert output["results"] == [0, None, 2, 3, 4, 5]
    assert output["errors"] == [
        {
            "index": 1,
            "item": 1,
            "error": "no result within 0.3 s",
            "type": "TimeoutError",
        }
    ]
    # By now a task is over, clean-up and all; a thread was left alone.
    assert ("1 cleaned up" in log) == is_async
    assert "1 ended late" not in log


@both_kinds
def test_it_stops_the_batch_like_any_failure(
    is_async: bool, release: threading.Event
) -> None:
    node_type = hanging_node_of(lambda item: item == 1, is_async, release, [])
    with pytest.raises(BatchError) as caught:
        run(batch_of(node_type, range(6), timeout=SHORT))
    assert str(caught.value) == 'node "b" failed: item 1 (1): no result within 0.3 s'
    assert type(caught.value.__cause__) is TimeoutError
    assert caught.value.results == [0, None]


@both_kinds
@pytest.mark.parametrize("on", [None, ("TimeoutError",), ("OSError",)])
def test_it_is_tried_again_where_retry_says_so(
    is_async: bool, release: threading.Event, on: tuple[str, ...] | None
) -> None:
    log: list[str] = []
    node_type = hanging_node_of(
        lambda item: item == 1 and log.count("1 started") == 1, is_async, release, log
    )
    retry = Retry(max_attempts=2, on=on)
    output = run(batch_of(node_type, range(3), timeout=SHORT, retry=retry))["b"]
    assert output["results"] == [0, 1, 2]
    assert log.count("1 started") == 2


@both_kinds
def test_it_is_not_tried_again_where_retry_does_not(
    is_async: bool, release: threading.Event
) -> None:
    log: list[str] = []
    node_type = hanging_node_of(lambda item: item == 1, is_async, release, log)
    retry = Retry(max_attempts=3, on=("ConnectionError", 503))
    with pytest.raises(BatchError, match="no result within"):
        run(batch_of(node_type, range(3), timeout=SHORT, retry=retry))
    assert log.count("1 started") == 1


def test_who_does_not_let_itself_be_cancelled_is_too_late_all_the_same() -> None:
    async def work(item: int) -> int:
        try:
            await asyncio.sleep(PATIENCE if item == 1 else 0)
        except asyncio.CancelledError:
            await asyncio.sleep(0.01)
        return item

    step = batch_of(
        async_node_of(work), range(3), timeout=SHORT, error_handling="continue"
    )
    output = run_and_leave_no_task(step)["b"]
    assert output["results"] == [0, None, 2]
    assert output["errors"][0]["error"] == "no result within 0.3 s"


def test_the_late_result_of_a_thread_is_dropped_and_said_so(
    release: threading.Event, caplog: pytest.LogCaptureFixture
) -> None:
    log: list[str] = []
    node_type = hanging_node_of(lambda item: item == 0, False, release, log)
    with caplog.at_level(logging.WARNING, "pflow_lower.runtime"):
        step = batch_of(node_type, range(3), timeout=SHORT, error_handling="continue")
        output = run(step)["b"]
        before = dict(output, results=list(output["results"]))
        release.set()
        wait_until(lambda: len(caplog.messages) == 2)
    assert "0 ended late" in log
    assert output == before
    assert output["results"] == [None, 1, 2]
    assert caplog.messages == [
        'node "b": an attempt goes on in its thread after 0.3 s; '
        "its result will be dropped",
        'node "b": an attempt has ended after its time; its result is dropped',
    ]


def test_threads_that_were_left_do_not_count_for_the_cap(
    release: threading.Event,
) -> None:
    now, counts = 0, list[int]()
    lock = threading.Lock()

    def work(item: int) -> int:
        nonlocal now
        if item < 2:
            release.wait(PATIENCE)
            return -1
        with lock:
            now += 1
            counts.append(now)
        release.wait(0.01)
        with lock:
            now -= 1
        return item

    step = batch_of(
        node_of(work),
        range(30),
        max_concurrent=2,
        timeout=2 * SHORT,
        error_handling="continue",
    )
    assert run(step)["b"]["results"] == [None, None, *range(2, 30)]
    assert max(counts) <= 2


@both_kinds
def test_a_timeout_of_the_node_itself_is_not_ours(is_async: bool) -> None:
    def work(item: int) -> None:
        raise TimeoutError("the server took its time")

    step = batch_of(
        either_node_of(work, is_async), [1], timeout=PATIENCE, batch_timeout=PATIENCE
    )
    with pytest.raises(BatchError, match="the server took its time") as caught:
        run(step)
    assert not isinstance(caught.value.__cause__, BatchTimeoutError)


def test_a_deadline_inside_the_node_is_not_ours() -> None:
    async def work(item: int) -> None:
        async with asyncio.timeout(0.01):
            await asyncio.sleep(PATIENCE)

    step = batch_of(async_node_of(work), [1], timeout=PATIENCE, batch_timeout=PATIENCE)
    with pytest.raises(BatchError) as caught:
        run(step)
    assert str(caught.value) == 'node "b" failed: item 0 (1): TimeoutError'


@both_kinds
def test_who_is_in_time_notices_nothing(is_async: bool) -> None:
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable")
    variable.set("of the caller")

    def work(item: int) -> str:
        if item == 3:
            raise ValueError("boom")
        return variable.get()

    step = batch_of(
        either_node_of(work, is_async),
        range(5),
        max_concurrent=2,
        timeout=PATIENCE,
        batch_timeout=PATIENCE,
        error_handling="continue",
    )
    output = run(step)["b"]
    expected = "of the caller"
    assert output["results"] == [expected, expected, expected, None, expected]
    assert output["errors"][0]["error"] == "boom"


@both_kinds
def test_what_stops_a_program_stops_it_within_a_limit_too(is_async: bool) -> None:
    def work(item: int) -> None:
        raise KeyboardInterrupt

    step = batch_of(
        either_node_of(work, is_async),
        range(5),
        timeout=PATIENCE,
        error_handling="continue",
    )
    with pytest.raises(KeyboardInterrupt):
        run_blocking(step._run_async({}))


def shell_batch(commands: list[str], **settings: Any) -> BatchStep:
    return batch_of(
        ShellNode,
        commands,
        params_for=lambda self, scope: {"command": scope.lookup("item")},
        **settings,
    )


def test_past_its_time_all_that_a_command_started_is_killed(tmp_path: Path) -> None:
    pids = [tmp_path / f"{number}.pid" for number in range(2)]
    commands = [f"sleep 1000 & echo $! > {pid}; wait" for pid in pids]
    step = shell_batch(
        [*commands, "echo done"],
        max_concurrent=3,
        timeout=2,
        error_handling="continue",
    )
    output = run_and_leave_no_task(step)["b"]
    assert output["results"] == [None, None, "done"]
    assert {each["error"] for each in output["errors"]} == {"no result within 2 s"}
    wait_until(lambda: not any(map(alive, pids)))


def test_past_the_time_of_the_batch_too(tmp_path: Path) -> None:
    pids = [tmp_path / f"{number}.pid" for number in range(2)]
    commands = [f"sleep 1000 & echo $! > {pid}; wait" for pid in pids]
    with pytest.raises(StepError, match="the batch was not done within 2 s"):
        run_and_leave_no_task(shell_batch(commands, max_concurrent=2, batch_timeout=2))
    wait_until(lambda: not any(map(alive, pids)))


@both_kinds
@both_ways
def test_past_its_time_a_batch_stops(
    is_async: bool, handling: str, release: threading.Event
) -> None:
    log: list[str] = []
    node_type = hanging_node_of(lambda item: item >= 4, is_async, release, log)
    step = batch_of(
        node_type,
        range(100),
        max_concurrent=2,
        batch_timeout=1,
        error_handling=handling,
    )
    with pytest.raises(StepError) as caught:
        run_and_leave_no_task(step)
    assert str(caught.value) == (
        'node "b" failed: the batch was not done within 1 s: '
        "4 of 6 items that were started are over"
    )
    assert type(caught.value) is StepError
    assert type(caught.value.__cause__) is BatchTimeoutError
    assert isinstance(caught.value.__cause__, TimeoutError)
    assert len([line for line in log if "started" in line]) == 6
    late = ["4 cleaned up", "5 cleaned up"] if is_async else []
    assert sorted(line for line in log if "started" not in line) == late
    assert not release.is_set()  # so threads that go on have been left alone


@both_kinds
@both_ways
def test_its_error_edge_finds_what_was_started(
    is_async: bool, handling: str, release: threading.Event
) -> None:
    def hangs(item: int) -> bool:
        if item == 2 and handling == "continue":
            raise ValueError("boom")
        return item >= 4

    node_type = hanging_node_of(hangs, is_async, release, [])
    step = batch_of(
        node_type,
        range(100),
        max_concurrent=2,
        batch_timeout=1,
        error_handling=handling,
    )
    step.next(batch_of(either_node_of(str, is_async), [], node_id="after"), "error")
    output = run_flow(WorkflowFlow(start=step), {})["b"]
    failed = handling == "continue"
    record = {"index": 2, "item": 2, "error": "boom", "type": "ValueError"}
    over = "4 of 6 items that were started are over"
    assert output == {
        "results": [0, 1, None if failed else 2, 3, None, None],
        "errors": [record] if failed else [],
        "count": 6,
        "success_count": 3 if failed else 4,
        "error_count": 1 if failed else 0,
        "error": f"the batch was not done within 1 s: {over}",
        "type": "BatchTimeoutError",
    }


@both_kinds
@pytest.mark.parametrize(
    "settings",
    [
        {"retry": Retry(max_attempts=9, wait=AGES)},
        {"rate_limit": RateLimit(1, AGES)},
    ],
    ids=["between attempts", "at the gate"],
)
def test_the_time_of_a_batch_ends_every_wait(
    is_async: bool, settings: dict[str, Any]
) -> None:
    attempts: list[int] = []

    def work(item: int) -> None:
        attempts.append(item)
        raise OSError("try again")

    step = batch_of(
        either_node_of(work, is_async),
        range(100),
        max_concurrent=3,
        batch_timeout=SHORT,
        error_handling="continue",
        **settings,
    )
    with pytest.raises(StepError, match="the batch was not done within"):
        run_and_leave_no_task(step)
    assert len(attempts) <= 3


def test_a_thread_may_be_the_first_to_see_that_time_is_up() -> None:
    ran: list[int] = []
    step = batch_of(node_of(ran.append), range(5), max_concurrent=2, batch_timeout=0.1)

    async def main() -> None:
        prepared = await step.prep_async({})
        await asyncio.sleep(0.2)
        done = await step._exec(prepared)
        with pytest.raises(StepError, match="the batch was not done within"):
            await step.post_async({}, prepared, done)

    asyncio.run(main())
    assert ran == []


@both_kinds
def test_both_limits_hold_at_once(is_async: bool, release: threading.Event) -> None:
    log: list[str] = []
    node_type = hanging_node_of(lambda item: True, is_async, release, log)
    step = batch_of(
        node_type,
        range(100),
        timeout=SHORT,
        batch_timeout=2.5 * SHORT,
        error_handling="continue",
    )
    step.next(batch_of(node_type, [], node_id="after"), "error")
    output = run_and_leave_no_task(step)["b"]
    assert output["type"] == "BatchTimeoutError"
    assert output["error_count"] < output["count"] <= 3
    assert {each["error"] for each in output["errors"]} <= {"no result within 0.3 s"}


@both_kinds
def test_the_time_of_an_attempt_does_not_begin_before_it_does(
    is_async: bool,
) -> None:
    # Each waits at the gate for longer than it may take.
    step = batch_of(
        either_node_of(lambda item: item, is_async),
        range(3),
        max_concurrent=3,
        timeout=SHORT,
        rate_limit=RateLimit(1, 1.2 * SHORT),
    )
    assert run(step)["b"]["results"] == [0, 1, 2]


def test_a_cancelled_flow_awaits_what_is_in_time(
    release: threading.Event, caplog: pytest.LogCaptureFixture
) -> None:
    log: list[str] = []
    node_type = hanging_node_of(lambda item: True, False, release, log)
    step = batch_of(
        node_type,
        range(100),
        max_concurrent=2,
        timeout=PATIENCE,
        batch_timeout=PATIENCE,
        retry=Retry(max_attempts=5, wait=AGES),
    )
    with caplog.at_level(logging.WARNING, "pflow_lower.runtime"):
        cancel_when(lambda: len(log) == 2, step, release.set)
    assert sorted(log) == ["0 ended late", "0 started", "1 ended late", "1 started"]
    assert caplog.messages == [
        'stopping: waiting for what is in flight of node "b"',
        'node "b" was stopped: of 2 items that were started, 2 succeeded and 0 failed',
    ]


def test_a_cancelled_flow_awaits_threads_no_longer_than_they_may_take(
    release: threading.Event, caplog: pytest.LogCaptureFixture
) -> None:
    log: list[str] = []
    node_type = hanging_node_of(lambda item: True, False, release, log)
    step = batch_of(
        node_type,
        range(100),
        max_concurrent=2,
        timeout=SHORT,
        retry=Retry(max_attempts=5, wait=AGES),
    )
    with caplog.at_level(logging.WARNING, "pflow_lower.runtime"):
        cancel_when(lambda: len(log) == 2, step)
    assert not release.is_set()
    assert sorted(log) == ["0 started", "1 started"]
    assert "an attempt goes on in its thread" in " ".join(caplog.messages)


def test_a_cancelled_flow_cancels_what_has_a_limit(release: threading.Event) -> None:
    log: list[str] = []
    node_type = hanging_node_of(lambda item: True, True, release, log)
    step = batch_of(
        node_type,
        range(100),
        max_concurrent=2,
        timeout=PATIENCE,
        batch_timeout=PATIENCE,
        retry=Retry(max_attempts=5, on=("BaseException",)),
    )
    cancel_when(lambda: len(log) == 2, step)
    assert sorted(log) == ["0 cleaned up", "0 started", "1 cleaned up", "1 started"]


def _nothing() -> None: ...


def cancel_when(
    condition: Callable[[], bool], step: BatchStep, then: Callable[[], None] = _nothing
) -> None:
    """Run a step, cancel it as soon as the condition is met, and do what is next."""

    async def main() -> None:
        task = asyncio.create_task(step.run_async({}))
        while not condition():
            await asyncio.sleep(0.001)
        task.cancel()
        await asyncio.sleep(0.01)
        then()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(main())


def test_clean_up_is_not_disturbed_by_other_failures() -> None:
    log: list[str] = []

    async def work(item: int) -> None:
        try:
            if item == 2:
                await asyncio.sleep(0.01)
                raise ValueError("boom")
            await asyncio.sleep(PATIENCE)
        except asyncio.CancelledError:
            # The first of them fails in its clean-up while the other is at it.
            await asyncio.sleep(0.01 if item == 0 else 0.1)
            log.append(f"{item} cleaned up")
            raise ValueError("in the clean-up") from None

    with pytest.raises(BatchError, match="boom") as caught:
        run(batch_of(async_node_of(work), range(9), max_concurrent=3))
    assert caught.value.index == 2
    assert log == ["0 cleaned up", "1 cleaned up"]


def test_work_within_a_limit_gives_or_raises_what_it_would() -> None:
    def fail() -> None:
        raise LookupError("no")

    assert within(PATIENCE, lambda: threading.current_thread().name, "n") == "n"
    with pytest.raises(LookupError, match="no"):
        within(PATIENCE, fail, "n")


@pytest.mark.parametrize("seconds", [0, -1, 0.01])
def test_work_past_its_limit_is_late(
    seconds: float, release: threading.Event, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(Late):
        within(seconds, lambda: release.wait(PATIENCE), "n")
    assert "goes on in its thread" in caplog.text


def test_no_limit_is_too_far_away() -> None:
    assert within(1e300, lambda: 5, "n") == 5
