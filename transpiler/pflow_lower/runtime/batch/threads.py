"""Work on threads or tasks that have all ended when the call ends, in any case."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any

from pflow_lower.support.threads import ThreadFuture

logger = logging.getLogger("pflow_lower.runtime")


async def in_threads(
    count: int, work: Callable[[], None], stop: Callable[[], None], name: str
) -> None:
    """Call `work` on `count` threads at once, and wait for all of them.

    `stop` is called when the wait is cancelled or one of the calls raises; it
    should make the others return soon. Then they are still waited for, and only
    then the CancelledError, or what was raised first, is raised.
    """
    raised: list[BaseException] = []

    def run() -> None:
        try:
            work()
        except BaseException as error:
            raised.append(error)
            stop()

    threads: list[ThreadFuture[None]] = []
    try:
        names = (f"{name}-{number}" for number in range(count))
        threads.extend(ThreadFuture(run, each) for each in names)
    except RuntimeError as error:  # the system has no more threads
        raised.append(error)
        stop()
    cancelled: asyncio.CancelledError | None = None
    ended = asyncio.gather(*map(asyncio.wrap_future, threads))
    while not ended.done():
        try:
            await asyncio.shield(ended)
        except asyncio.CancelledError as error:
            if cancelled is None:
                cancelled = error
                stop()
                message = 'stopping: waiting for what is in flight of node "%s"'
                logger.warning(message, name)
    for thread in threads:
        thread.join()
    if cancelled is not None:
        raise cancelled
    if raised:
        raise raised[0]


async def in_tasks(
    count: int,
    work: Callable[[], Coroutine[Any, Any, None]],
    stop: Callable[[], None],
    tasks: list[asyncio.Task[None]],
) -> None:
    """Await `work` in `count` tasks at once; like `in_threads`, but they are cancelled.

    The tasks are put into `tasks`, so that the work itself can cancel the others.
    A TaskGroup is not enough: before Python 3.13 it forgets that the run was
    cancelled if an item fails at the same moment.
    """
    tasks.extend(asyncio.create_task(work()) for _ in range(count))
    cancelled: asyncio.CancelledError | None = None
    stopping = False
    while pending := [task for task in tasks if not task.done()]:
        try:
            await asyncio.wait(pending, return_when=asyncio.FIRST_EXCEPTION)
        except asyncio.CancelledError as error:
            cancelled = error
        if not stopping and (cancelled or any(map(_raised, tasks))):
            stopping = True
            stop()
            for task in tasks:
                task.cancel()
    # Of all of them: asyncio logs exceptions that were never retrieved.
    raised = [error for error in map(_raised, tasks) if error is not None]
    if cancelled is not None:
        raise cancelled
    if raised:
        raise raised[0]


def _raised(task: asyncio.Task[None]) -> BaseException | None:
    return task.exception() if task.done() and not task.cancelled() else None
