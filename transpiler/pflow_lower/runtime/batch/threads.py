"""Work on threads and tasks that are all over, whatever happens, when the call is.

Synchronous nodes run on threads of their own: the default executor of asyncio
has no more of them than a few per CPU, and would cap a batch in silence.
"""

import asyncio
import contextvars
import logging
from collections.abc import Callable, Coroutine
from threading import Lock, Thread
from typing import Any

logger = logging.getLogger("pflow_lower.runtime")


async def in_threads(
    count: int, work: Callable[[], None], stop: Callable[[], None], name: str
) -> None:
    """Call `work` on `count` threads at once, and wait for all of them.

    `stop` is called when the wait is cancelled or one of the calls raises; it
    should make the others return soon. Then they are still waited for, and only
    then the CancelledError, or what was raised first, goes on.
    """
    crew = _Crew(count, work, stop, asyncio.get_running_loop())
    crew.start(name)
    cancelled: asyncio.CancelledError | None = None
    while not crew.done.done():
        try:
            await asyncio.shield(crew.done)
        except asyncio.CancelledError as error:
            if cancelled is None:
                cancelled = error
                stop()
                logger.warning(
                    'stopping: waiting for what is in flight of node "%s"', name
                )
    crew.join()
    if cancelled is not None:
        raise cancelled
    if crew.raised:
        raise crew.raised[0]


async def in_tasks(
    count: int,
    work: Callable[[], Coroutine[Any, Any, None]],
    stop: Callable[[], None],
    tasks: list[asyncio.Task[None]],
) -> None:
    """Await `work` in `count` tasks at once; like `in_threads`, but they are cancelled.

    The tasks are put into `tasks`, so that the work itself can cancel the others.
    A TaskGroup is not enough here: before Python 3.13 it forgets that the run was
    cancelled where an item fails at the same moment.
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
    # Of all of them: asyncio shows what nobody has asked for.
    raised = [error for error in map(_raised, tasks) if error is not None]
    if cancelled is not None:
        raise cancelled
    if raised:
        raise raised[0]


def _raised(task: asyncio.Task[None]) -> BaseException | None:
    return task.exception() if task.done() and not task.cancelled() else None


class _Crew:
    """The threads of one call, and the future that tells when the last one is done."""

    def __init__(
        self,
        count: int,
        work: Callable[[], None],
        stop: Callable[[], None],
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self.raised: list[BaseException] = []
        self.done: asyncio.Future[None] = loop.create_future()
        self._threads: list[Thread] = []
        self._left = count
        self._lock = Lock()
        self._work = work
        self._stop = stop
        self._loop = loop

    def start(self, name: str) -> None:
        count = self._left
        if count == 0:
            self.done.set_result(None)
        try:
            for number in range(count):
                context = contextvars.copy_context()
                thread = Thread(
                    target=context.run,
                    args=(self._run,),
                    name=f"{name}-{number}",
                    daemon=True,  # a second Ctrl-C must not wait for it
                )
                thread.start()
                self._threads.append(thread)
        except RuntimeError as error:  # the system has no more threads
            self.raised.append(error)
            self._stop()
            self._leave(count - len(self._threads))

    def join(self) -> None:
        """Wait for the last steps of the threads, now that their work is done."""
        for thread in self._threads:
            thread.join()

    def _run(self) -> None:
        try:
            self._work()
        except BaseException as error:
            self.raised.append(error)
            self._stop()
        finally:
            self._leave(1)

    def _leave(self, count: int) -> None:
        with self._lock:
            self._left -= count
            last = self._left == 0
        if last and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._finish)

    def _finish(self) -> None:
        if not self.done.done():
            self.done.set_result(None)
