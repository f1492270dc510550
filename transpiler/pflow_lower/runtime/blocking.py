"""Run a coroutine from code that is not asynchronous, wherever it is called."""

import asyncio
import contextvars
from collections.abc import Coroutine
from concurrent.futures import Future
from contextlib import suppress
from threading import Thread
from typing import Any, TypeVar

T = TypeVar("T")


def run_blocking(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end in a thread of its own, and give what it gives.

    It so works inside a running event loop, too (a notebook). A KeyboardInterrupt
    cancels the coroutine and waits for it to clean up; another one while it does
    ends the wait at once.
    """
    result: Future[T] = Future()
    running: Future[tuple[asyncio.AbstractEventLoop, asyncio.Task[T]]] = Future()

    async def announce() -> T:
        task = asyncio.current_task()
        assert task is not None
        running.set_result((asyncio.get_running_loop(), task))
        return await coroutine

    def body() -> None:
        try:
            result.set_result(asyncio.run(announce()))
        except BaseException as error:
            result.set_exception(error)

    context = contextvars.copy_context()
    thread = Thread(target=context.run, args=(body,), name="pflow-lower", daemon=True)
    thread.start()
    try:
        return result.result()
    except KeyboardInterrupt:
        if result.done():
            raise
        loop, task = running.result()
        with suppress(RuntimeError):  # the loop may be closed by now
            loop.call_soon_threadsafe(task.cancel)
        result.exception()  # waits; what it gives is not wanted any more
        raise
    finally:
        if result.done():
            thread.join()
