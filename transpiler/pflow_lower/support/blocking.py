"""Run a coroutine from code that is not asynchronous, wherever it is called."""

import asyncio
from collections.abc import Coroutine
from concurrent.futures import Future
from contextlib import suppress
from typing import Any, TypeVar

from pflow_lower.support.threads import ThreadFuture, wait_for

T = TypeVar("T")


def run_blocking(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end in a thread of its own, and return its result.

    So it works inside a running event loop, too (a notebook). A KeyboardInterrupt
    cancels the coroutine and waits for it to clean up; another one while it does
    ends the wait at once.
    """
    begin: Future[bool] = Future()
    running: Future[tuple[asyncio.AbstractEventLoop, asyncio.Task[T]]] = Future()
    result: ThreadFuture[T] | None = None

    async def announce() -> T:
        task = asyncio.current_task()
        assert task is not None
        running.set_result((asyncio.get_running_loop(), task))
        return await coroutine

    def body() -> T:
        if not begin.result():
            raise KeyboardInterrupt
        return asyncio.run(announce())

    try:
        # The thread may be well on its way before this returns: it must do nothing
        # that an interruption here would leave behind.
        result = ThreadFuture(body, "pflow-lower")
        begin.set_result(True)
        wait_for(result)
        return result.result()
    except KeyboardInterrupt:
        if result is None or not begin.done():
            begin.set_result(False)
            coroutine.close()
            raise
        if not result.done():
            wait_for(running)
            loop, task = running.result()
            with suppress(RuntimeError):  # the loop may be closed by now
                loop.call_soon_threadsafe(task.cancel)
            wait_for(result)
        raise
    finally:
        if result is not None and result.done():
            result.join()
