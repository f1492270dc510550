"""Threads: the one place where the package starts one.

Work gets a thread of its own, since the default executor of asyncio has only a few
threads per CPU, and items of a batch would wait for each other.
"""

import asyncio
import contextvars
import logging
from collections.abc import Callable
from concurrent.futures import Future, wait
from threading import Thread
from typing import Any, TypeVar

_logger = logging.getLogger("pflow_lower")

_SIGNALS_EVERY = 0.1
"""Seconds after which a waiting thread looks whether a signal has arrived."""

T = TypeVar("T")


class ThreadFuture(Future[T]):
    """The result of work on a daemon thread, which has a copy of the context variables.

    It cannot be cancelled. Raises RuntimeError if the system has no more threads. An
    interruption may arrive after the thread has started and before this returns.
    """

    def __init__(self, work: Callable[[], T], name: str) -> None:
        super().__init__()
        self.set_running_or_notify_cancel()
        self._thread = Thread(
            target=contextvars.copy_context().run,
            args=(self._run, work),
            name=name,
            daemon=True,  # a program that ends must not wait for it
        )
        self._thread.start()

    def join(self) -> None:
        """Wait for the work, and for the last steps of its thread.

        Raises KeyboardInterrupt if that arrives meanwhile.
        """
        # Not in `Thread.join` alone: a thread counts as over once that was
        # interrupted.
        wait_for(self)
        self._thread.join()

    def _run(self, work: Callable[[], T]) -> None:
        try:
            self.set_result(work())
        except BaseException as error:
            self.set_exception(error)


def wait_for(future: "Future[Any]") -> None:
    """Wait until a future is done; a signal ends the wait.

    A signal that arrives while this thread is about to block would not be seen
    until something else woke it, so it never blocks for long.
    """
    while not future.done():
        wait([future], timeout=_SIGNALS_EVERY)


async def aside(work: Callable[[], T]) -> T:
    """Do blocking work aside from the event loop, and return its result.

    Python cannot stop a thread: if this is cancelled, it ends at once. The work
    goes on, which is logged, and its result is dropped.
    """
    future = ThreadFuture(work, "pflow-lower aside")
    try:
        return await asyncio.wrap_future(future)
    except asyncio.CancelledError:
        if not future.done():
            _logger.warning("a thread goes on; its result will be dropped")
        raise
