"""How many items are in flight, when items start, and how a batch stops.

Nothing here is measured by the clock: nodes meet at barriers and wait for events,
so a cap that is off by one shows as a barrier that breaks or a count too high.
"""

import asyncio
import logging
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from batches import async_node_of, batch_of, either_node_of, node_of, run

from pflow_lower.nodes.shell import ShellNode
from pflow_lower.runtime import BatchError, BatchStep, Retry, Scope, Step, StepError
from pflow_lower.support.blocking import run_blocking

both_kinds = pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])

PATIENCE = 60
"""Seconds after which something that should happen counts as never happening."""


@pytest.fixture(autouse=True)
def nothing_is_left_behind() -> Iterator[None]:
    """Check that a test ends with the threads it began with."""
    before = set(threading.enumerate())
    yield
    assert set(threading.enumerate()) == before


class Gauge:
    """Counts how many are inside at once."""

    def __init__(self) -> None:
        self.now = self.most = 0
        self._lock = threading.Lock()

    def __enter__(self) -> None:
        with self._lock:
            self.now += 1
            self.most = max(self.most, self.now)

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self.now -= 1


@pytest.mark.parametrize("cap", [10, 100])
def test_as_many_sync_nodes_run_at_once_as_the_cap_says(cap: int) -> None:
    barrier, gauge = threading.Barrier(cap), Gauge()

    def work(item: int) -> int:
        with gauge:
            # Only if `cap` items are in flight at once does anybody get past this.
            barrier.wait(PATIENCE)
        return item

    run(batch_of(node_of(work), range(3 * cap), max_concurrent=cap))
    assert gauge.most == cap


@pytest.mark.parametrize("cap", [10, 100])
def test_as_many_async_nodes_run_at_once_as_the_cap_says(cap: int) -> None:
    gauge = Gauge()
    waiting: list[asyncio.Event] = []

    async def work(item: int) -> int:
        with gauge:
            mine = asyncio.Event()
            waiting.append(mine)
            if len(waiting) == cap:
                for event in waiting:
                    event.set()
                waiting.clear()
            await asyncio.wait_for(mine.wait(), PATIENCE)
        return item

    run(batch_of(async_node_of(work), range(3 * cap), max_concurrent=cap))
    assert gauge.most == cap


@both_kinds
def test_no_more_threads_or_tasks_than_items_in_flight(is_async: bool) -> None:
    most = 0

    def work(item: int) -> int:
        nonlocal most
        count = len(asyncio.all_tasks()) if is_async else threading.active_count()
        most = max(most, count)
        return item

    # The batch itself runs in a task, and pytest in a thread.
    run(batch_of(either_node_of(work, is_async), range(500), max_concurrent=7))
    assert most <= 7 + 1


@both_kinds
def test_items_are_taken_only_when_they_start(is_async: bool) -> None:
    taken: list[int] = []
    ahead: list[int] = []

    class Lazy(Sequence[int]):
        def __len__(self) -> int:
            return 50

        def __getitem__(self, index: Any) -> Any:
            if index >= 50:
                raise IndexError
            taken.append(index)
            return index

    def work(item: int) -> None:
        ahead.append(len(taken) - item)

    step = batch_of(either_node_of(work, is_async), Lazy(), max_concurrent=3)
    run(step)
    assert taken == list(range(50))
    assert max(ahead) <= 3


def test_fail_fast_in_threads_starts_nothing_after_the_failure() -> None:
    started: list[int] = []
    finished: list[int] = []
    all_in_flight = threading.Barrier(4)
    failed = threading.Event()

    def work(item: int) -> int:
        started.append(item)
        all_in_flight.wait(PATIENCE)
        if item == 2:
            failed.set()
            raise ValueError("boom")
        failed.wait(PATIENCE)
        finished.append(item)
        return item

    with pytest.raises(BatchError) as caught:
        run(batch_of(node_of(work), range(100), max_concurrent=4))
    # Those in flight went on to their end, and one that ended before the failure
    # was known may have been followed by another; four more cannot have been.
    assert sorted(started)[:4] == [0, 1, 2, 3]
    assert {0, 1, 3} <= set(finished)
    assert caught.value.index == 2
    assert caught.value.results[:4] == [0, 1, None, 3]


def test_fail_fast_in_threads_lets_nothing_start_once_it_is_known() -> None:
    started: list[int] = []
    all_in_flight = threading.Barrier(4)
    failing: list[threading.Thread] = []

    def work(item: int) -> int:
        started.append(item)
        if item == 0:
            failing.append(threading.current_thread())
        all_in_flight.wait(PATIENCE)
        if item == 0:
            raise ValueError("boom")
        # It ends where there is nothing more to start: then the failure is known.
        failing[0].join(PATIENCE)
        return item

    step = batch_of(node_of(work), range(100), max_concurrent=4)
    with pytest.raises(BatchError) as caught:
        run(step)
    assert sorted(started) == [0, 1, 2, 3]
    assert caught.value.results == [None, 1, 2, 3]


def test_fail_fast_cancels_async_items_and_awaits_them() -> None:
    started: list[int] = []
    ended: list[str] = []

    async def work(item: int) -> int:
        started.append(item)
        if item == 3:
            raise ValueError("boom")
        try:
            await asyncio.sleep(PATIENCE)
        except asyncio.CancelledError:
            await asyncio.sleep(0.01)
            ended.append(f"{item} cleaned up")
            raise
        return item

    async def main() -> None:
        step = batch_of(async_node_of(work), range(100), max_concurrent=4)
        with pytest.raises(BatchError) as caught:
            await step.run_async({})
        assert caught.value.results == [None] * 4
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(main())
    assert started == [0, 1, 2, 3]
    assert sorted(ended) == ["0 cleaned up", "1 cleaned up", "2 cleaned up"]


def test_cancelled_items_are_null_without_a_record() -> None:
    async def work(item: int) -> int:
        if item == 0:
            return item
        if item == 3:
            raise ValueError("boom")
        await asyncio.sleep(PATIENCE)
        return item

    step = batch_of(async_node_of(work), range(100), max_concurrent=3)
    step.next(batch_of(node_of(str), []), "error")
    output = run(step)["b"]
    assert output["results"] == [0, None, None, None]
    assert [record["index"] for record in output["errors"]] == [3]
    counts = (output["count"], output["success_count"], output["error_count"])
    assert counts == (4, 1, 1)


@both_kinds
def test_no_attempt_starts_after_a_failure(is_async: bool) -> None:
    attempts: list[int] = []
    first_waits = threading.Event()

    def work(item: int) -> None:
        attempts.append(item)
        if item == 1:
            raise_after(first_waits, 0 in attempts)
        first_waits.set()
        raise ConnectionError("try again")

    def raise_after(event: threading.Event, there: bool) -> None:
        if not is_async:
            event.wait(PATIENCE)
        assert there or not is_async
        raise LookupError

    step = batch_of(
        either_node_of(work, is_async),
        range(100),
        max_concurrent=2,
        retry=Retry(max_attempts=5, wait=PATIENCE, on=("ConnectionError",)),
    )
    with pytest.raises(BatchError) as caught:
        run(step)
    assert caught.value.index == 1
    assert sorted(attempts) == [0, 1]


def cancel_when(event: threading.Event, step: Any) -> None:
    """Run a step, and cancel it as soon as the event is set."""

    async def main() -> None:
        task = asyncio.create_task(step.run_async({}))
        while not event.is_set():
            await asyncio.sleep(0.001)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(main())


def test_a_cancelled_batch_awaits_its_threads_and_says_so(
    caplog: pytest.LogCaptureFixture,
) -> None:
    started: list[int] = []
    finished: list[int] = []
    in_flight = threading.Event()

    def work(item: int) -> None:
        started.append(item)
        if len(started) == 4:
            in_flight.set()
        while not any("stopping" in message for message in caplog.messages):
            threading.Event().wait(0.001)
        finished.append(item)

    with caplog.at_level(logging.WARNING, "pflow_lower.runtime"):
        step = batch_of(node_of(work), range(100), max_concurrent=4)
        cancel_when(in_flight, step)
    assert sorted(started) == sorted(finished) == [0, 1, 2, 3]
    assert caplog.messages == [
        'stopping: waiting for what is in flight of node "b"',
        'node "b" was stopped: of 4 items that were started, 4 succeeded and 0 failed',
    ]


def test_a_cancelled_plain_node_awaits_its_thread() -> None:
    in_flight, release = threading.Event(), threading.Event()
    finished: list[bool] = []

    class Slow(Step):
        node_id = "slow"

        def params_for(self, scope: Scope) -> dict[str, Any]:
            return {"item": 1}

    def work(_: int) -> None:
        in_flight.set()
        threading.Timer(0.05, release.set).start()
        finished.append(release.wait(PATIENCE))

    Slow.node_type = node_of(work)
    cancel_when(in_flight, Slow())
    assert finished == [True]


def test_a_cancelled_batch_cancels_async_items() -> None:
    in_flight = threading.Event()
    cancelled: list[int] = []

    async def work(item: int) -> None:
        if item == 3:
            in_flight.set()
        try:
            await asyncio.sleep(PATIENCE)
        except asyncio.CancelledError:
            cancelled.append(item)
            raise

    step = batch_of(async_node_of(work), range(100), max_concurrent=4)
    cancel_when(in_flight, step)
    assert sorted(cancelled) == [0, 1, 2, 3]


def shell_batch(commands: list[str], **settings: Any) -> BatchStep:
    class Shells(BatchStep):
        node_id = "b"
        node_type = ShellNode
        max_concurrent = 4

        def items_for(self, scope: Scope) -> Any:
            return commands

        def params_for(self, scope: Scope) -> dict[str, Any]:
            return {"command": scope.lookup("item")}

    step = type("Settings", (Shells,), settings)()
    assert isinstance(step, BatchStep)
    return step


def alive(pid_file: Path) -> bool:
    try:
        os.kill(int(pid_file.read_text()), 0)
    except ProcessLookupError:
        return False
    return True


def wait_until(condition: Callable[[], bool]) -> None:
    for _ in range(PATIENCE * 100):
        if condition():
            return
        threading.Event().wait(0.01)
    raise AssertionError("it never happened")


def test_fail_fast_leaves_no_process_behind(tmp_path: Path) -> None:
    pids = [tmp_path / f"{number}.pid" for number in range(3)]
    ready = " && ".join(f"[ -s {pid} ]" for pid in pids)
    commands = [f"sleep 1000 & echo $! > {pid}; wait" for pid in pids]
    commands.append(f"until {ready}; do sleep 0.01; done; exit 7")
    commands.extend(f"touch {tmp_path}/late" for _ in range(20))
    with pytest.raises(BatchError, match="7"):
        run(shell_batch(commands))
    assert not (tmp_path / "late").exists()
    wait_until(lambda: not any(map(alive, pids)))


def test_a_cancelled_flow_leaves_no_process_behind(tmp_path: Path) -> None:
    pids = [tmp_path / f"{number}.pid" for number in range(4)]
    step = shell_batch([f"sleep 1000 & echo $! > {pid}; wait" for pid in pids])
    ready = threading.Event()

    def watch() -> None:
        wait_until(lambda: all(pid.exists() and pid.read_text() for pid in pids))
        ready.set()

    watcher = threading.Thread(target=watch)
    watcher.start()
    cancel_when(ready, step)
    watcher.join()
    wait_until(lambda: not any(map(alive, pids)))


@both_kinds
def test_a_keyboard_interrupt_is_no_failure_of_an_item(is_async: bool) -> None:
    started: list[int] = []

    def work(item: int) -> int:
        started.append(item)
        if item == 2:
            raise KeyboardInterrupt
        return item

    node_type = either_node_of(work, is_async)
    step = batch_of(node_type, range(100), error_handling="continue")
    with pytest.raises(KeyboardInterrupt):
        run_blocking(step._run_async({}))
    assert started == [0, 1, 2]


def test_a_plain_node_that_cancels_itself_fails() -> None:
    async def work(_: int) -> None:
        raise asyncio.CancelledError

    class Odd(Step):
        node_id = "odd"
        node_type = async_node_of(work)

        def params_for(self, scope: Scope) -> dict[str, Any]:
            return {"item": 1}

    with pytest.raises(StepError, match='node "odd" failed: CancelledError'):
        run(Odd())


def test_a_synchronous_node_never_blocks_the_event_loop() -> None:
    release = threading.Event()

    class Blocks(Step):
        node_id = "blocks"
        node_type = node_of(lambda _: release.wait(PATIENCE))

        def params_for(self, scope: Scope) -> dict[str, Any]:
            return {"item": 1}

    async def main() -> None:
        shared: dict[str, Any] = {}
        step, batch = Blocks(), batch_of(Blocks.node_type, [1, 2])

        async def let_go() -> None:
            release.set()

        # If either blocked the loop, nobody would come to let them go.
        await asyncio.gather(step.run_async(shared), batch.run_async(shared), let_go())
        assert shared["blocks"] == {"out": True}
        assert shared["b"]["results"] == [True, True]

    asyncio.run(main())


def test_async_nodes_that_never_wait_let_others_run() -> None:
    ticks = 0

    async def work(item: int) -> int:
        return ticks

    async def main() -> None:
        nonlocal ticks

        async def tick() -> None:
            nonlocal ticks
            while True:
                ticks += 1
                await asyncio.sleep(0)

        ticker = asyncio.create_task(tick())
        shared: dict[str, Any] = {}
        await batch_of(async_node_of(work), range(1000)).run_async(shared)
        ticker.cancel()
        assert shared["b"]["results"][-1] > 5

    asyncio.run(main())


def test_where_there_are_no_more_threads_the_batch_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    started = 0
    start = threading.Thread.start

    def sometimes(thread: threading.Thread) -> None:
        nonlocal started
        started += 1
        if started > 3:
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", sometimes)
    step = batch_of(node_of(lambda item: item), range(100), max_concurrent=8)
    with pytest.raises(StepError, match="can't start new thread"):
        run(step)
