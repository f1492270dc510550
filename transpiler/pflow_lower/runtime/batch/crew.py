"""The workers of a batch: tasks for asynchronous nodes, threads for all others.

Both have the same methods, as coroutines. Those of the threads never wait for an
event loop but block their thread, so that the same code runs an item on both.
"""

import asyncio
from asyncio import CancelledError
from collections.abc import Callable, Coroutine, MutableMapping
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from math import inf
from threading import TIMEOUT_MAX, Lock
from time import monotonic
from typing import Any, TypeAlias

from pflow_lower.runtime.batch.admission import ItemsError
from pflow_lower.runtime.batch.items import Items, Taken
from pflow_lower.runtime.batch.settings import BatchSettings
from pflow_lower.runtime.batch.threads import Late, in_threads, within
from pflow_lower.runtime.node import Runner, is_cancelled

Ended: TypeAlias = tuple[str, dict[str, Any]]
"""The action that a node ended with, and its outputs."""

Work: TypeAlias = Callable[[], Coroutine[Any, Any, None]]


class BatchOver(BaseException):
    """The time of the whole batch is up while an attempt goes on in a thread."""


class _Tasks:
    """Workers that are tasks."""

    def __init__(self, runner: Runner, items: Items, step: BatchSettings) -> None:
        self._runner = runner
        self._items = items
        self._timeout = step.timeout
        self._tasks: list[asyncio.Task[None]] = []
        self._turn = asyncio.Lock()
        self.call = runner.run_async if step.timeout is None else self._call_within

    async def run(self, count: int, work: Work) -> None:
        """Await `work` in `count` tasks at once; when one fails, cancel the others.

        A TaskGroup is not enough: before Python 3.13 it forgets that the run was
        cancelled if an item fails at the same moment.
        """

        async def stopping() -> None:
            try:
                await work()
            except BaseException:  # nothing starts until the others are cancelled
                self._items.stop()
                raise

        tasks = self._tasks
        tasks.extend(asyncio.create_task(stopping()) for _ in range(count))
        cancelled: CancelledError | None = None
        stopping_all = False
        while pending := [task for task in tasks if not task.done()]:
            try:
                await asyncio.wait(pending, return_when=asyncio.FIRST_EXCEPTION)
            except CancelledError as error:
                cancelled = error
            if not stopping_all and (cancelled or any(map(_raised, tasks))):
                stopping_all = True
                self._items.stop()
                for task in tasks:
                    task.cancel()
        # Of all of them: asyncio logs exceptions that were never retrieved.
        raised = [error for error in map(_raised, tasks) if error is not None]
        if cancelled is not None:
            raise cancelled
        if raised:
            raise raised[0]

    async def take(self) -> Taken | None:
        """Take the next item of a source that may have to be waited for."""
        async with self._turn:
            return await _next_of(self._items)

    async def pause(self, seconds: float) -> bool:
        """Wait; return whether to go on: not if the batch was stopped meanwhile."""
        await asyncio.sleep(min(seconds, TIMEOUT_MAX))
        return not self._items.stopped

    async def settled(self, future: "Future[None]") -> None:
        """Wait for another thread, which cannot be cancelled."""
        done = asyncio.wrap_future(future)
        while not done.done():
            # A task that is cancelled meanwhile waits all the same, and then goes on:
            # the journal counts, and there is no other item to start.
            with suppress(CancelledError):
                await asyncio.shield(done)
        done.result()

    async def yield_control(self) -> None:
        await asyncio.sleep(0)

    def stop_others(self) -> None:
        """Cancel the items in flight, if that is possible."""
        for task in self._tasks:
            # A task that is cleaning up already must not be interrupted.
            if task is not asyncio.current_task() and not task.cancelling():
                task.cancel()

    def is_cancelled(self, error: BaseException) -> bool:
        """Return whether an error ends the run, and is not the failure of an item."""
        return isinstance(error, CancelledError) and is_cancelled()

    async def _call_within(
        self, params: dict[str, Any], shared: MutableMapping[str, Any]
    ) -> Ended:
        try:
            async with asyncio.timeout(self._timeout) as deadline:
                ended = await self._runner.run_async(params, shared)
        except TimeoutError as error:
            if not deadline.expired():
                raise
            raise _too_long(self._timeout) from error
        if deadline.expired():  # the node suppressed the cancellation
            raise _too_long(self._timeout)
        return ended


class _Threads:
    """Workers that are threads, named after the node.

    A node cannot be stopped in its thread. Where there is a limit of time, each
    attempt has a thread of its own, which is abandoned once the time is up.
    """

    def __init__(self, runner: Runner, items: Items, step: BatchSettings) -> None:
        self._runner = runner
        self._items = items
        self._name = step.node_id
        self._timeout = inf if step.timeout is None else step.timeout
        limit = inf if step.batch_timeout is None else step.batch_timeout
        self._end = monotonic() + limit
        self._loop = asyncio.get_running_loop()
        self._turn = Lock()
        self._taking: asyncio.Task[Any] | None = None
        limited = min(self._timeout, limit) < inf
        self.call = self._call_within if limited else self._call

    async def run(self, count: int, work: Work) -> None:
        await in_threads(count, lambda: drive(work()), self._stop, self._name)

    async def take(self) -> Taken | None:
        with self._turn:
            taking = asyncio.run_coroutine_threadsafe(self._take(), self._loop)
            return taking.result()

    async def pause(self, seconds: float) -> bool:
        self._items.wait(min(seconds, TIMEOUT_MAX))
        return not self._items.stopped

    async def settled(self, future: "Future[None]") -> None:
        future.result()

    async def yield_control(self) -> None:
        pass

    def stop_others(self) -> None:
        if self._items.is_async:
            with suppress(RuntimeError):  # a loop that is closed waits for nothing
                self._loop.call_soon_threadsafe(self._end_taking)

    def is_cancelled(self, error: BaseException) -> bool:
        return isinstance(error, BatchOver)

    async def _call(
        self, params: dict[str, Any], shared: MutableMapping[str, Any]
    ) -> Ended:
        return self._runner.run_sync(params, shared)

    async def _call_within(
        self, params: dict[str, Any], shared: MutableMapping[str, Any]
    ) -> Ended:
        left = self._end - monotonic()
        if left <= 0:
            raise BatchOver
        seconds = min(self._timeout, left)
        try:
            work = partial(self._runner.run_sync, params, shared)
            return within(seconds, work, self._name)
        except Late as late:
            if seconds == left:
                raise BatchOver from late
            raise _too_long(self._timeout) from late

    async def _take(self) -> Taken | None:
        """Take an item on the event loop."""
        self._taking = asyncio.current_task()
        try:
            return await _next_of(self._items)
        except CancelledError:
            if not self._items.stopped:
                raise
            return None

    def _stop(self) -> None:
        self._items.stop()
        self.stop_others()

    def _end_taking(self) -> None:
        """Stop waiting for an item that will not run."""
        if self._taking is not None:
            self._taking.cancel()


Crew: TypeAlias = _Tasks | _Threads
"""The workers of one run of a batch."""


def crew_for(runner: Runner, items: Items, step: BatchSettings) -> Crew:
    """Return the workers that nodes of this type need."""
    return (_Tasks if runner.is_async else _Threads)(runner, items, step)


def drive(coroutine: Coroutine[Any, Any, None]) -> None:
    """Run a coroutine that never waits for an event loop to its end, here and now."""
    try:
        coroutine.send(None)
    except StopIteration:
        return
    coroutine.close()
    raise RuntimeError("a coroutine waits for an event loop where there is none")


async def _next_of(items: Items) -> Taken | None:
    """Take the next item of an asynchronous iterable.

    If its source is cancelled, neither is the batch, nor is that the end of the items.
    """
    try:
        return await items.take_async()
    except CancelledError as error:
        if is_cancelled():
            raise
        raise ItemsError(
            "the items ended too early: their source was cancelled"
        ) from error


def _too_long(timeout: float | None) -> TimeoutError:
    return TimeoutError(f"no result within {timeout:g} s")


def _raised(task: asyncio.Task[None]) -> BaseException | None:
    return task.exception() if task.done() and not task.cancelled() else None
