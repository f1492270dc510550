"""Blocking work aside from the event loop, on a thread of its own.

The default executor of asyncio has no more threads than a few per CPU: items of a
batch would wait for each other in it.
"""

import asyncio
import contextvars
import logging
from collections.abc import Callable
from concurrent.futures import Future
from threading import Thread
from typing import TypeVar

_logger = logging.getLogger("pflow_lower.nodes")

T = TypeVar("T")


async def aside(work: Callable[[], T]) -> T:
    """Give what `work` gives, or raise what it raises.

    Python cannot stop a thread: cancelled, this ends at once, the work goes on,
    which is logged, and what comes of it is dropped.
    """
    future: Future[T] = Future()
    future.set_running_or_notify_cancel()

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as exc:
            future.set_exception(exc)

    thread = Thread(
        name="pflow-lower aside",
        target=contextvars.copy_context().run,
        args=(run,),
        daemon=True,  # a program that ends must not wait for it
    )
    thread.start()
    try:
        return await asyncio.wrap_future(future)
    except asyncio.CancelledError:
        if not future.done():
            _logger.warning("a thread goes on; its result will be dropped")
        raise
