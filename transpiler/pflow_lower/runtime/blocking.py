"""Run a coroutine from code that is not asynchronous, wherever it is called."""

import asyncio
import contextvars
from collections.abc import Coroutine
from concurrent.futures import Future, wait
from contextlib import suppress
from threading import Thread
from typing import Any, TypeVar

T = TypeVar("T")

_SIGNALS_EVERY = 0.1
"""Seconds after which a waiting thread looks whether a signal has arrived."""


def run_blocking(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end in a thread of its own, and give what it gives.

    It so works inside a running event loop, too (a notebook). A KeyboardInterrupt
    cancels the coroutine and waits for it to clean up; another one while it does
    ends the wait at once.
    """
    begin: Future[bool] = Future()
    running: Future[tuple[asyncio.AbstractEventLoop, asyncio.Task[T]]] = Future()
    result: Future[T] = Future()

    async def announce() -> T:
        task = asyncio.current_task()
        assert task is not None
        running.set_result((asyncio.get_running_loop(), task))
        return await coroutine

    def body() -> None:
        if not begin.result():
            return
        try:
            result.set_result(asyncio.run(announce()))
        except BaseException as error:
            result.set_exception(error)

    context = contextvars.copy_context()
    thread = Thread(target=context.run, args=(body,), name="pflow-lower", daemon=True)
    try:
        # The thread may be well on its way before `start` returns: it must do
        # nothing that an interruption of `start` would leave behind.
        thread.start()
        begin.set_result(True)
        _wait_for(result)
        return result.result()
    except KeyboardInterrupt:
        if not begin.done():
            begin.set_result(False)
            coroutine.close()
            raise
        if not result.done():
            _wait_for(running)
            loop, task = running.result()
            with suppress(RuntimeError):  # the loop may be closed by now
                loop.call_soon_threadsafe(task.cancel)
            _wait_for(result)
        raise
    finally:
        if result.done():
            thread.join()


def _wait_for(result: "Future[Any]") -> None:
    """Wait until a result is there.

    A signal that arrives while this thread is about to block would not be seen
    until something else woke it, so it never blocks for long.
    """
    while not result.done():
        wait([result], timeout=_SIGNALS_EVERY)
