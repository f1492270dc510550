"""Running work for a limited time.

Python can raise an exception in another thread, but between any two of its
instructions: in the middle of what starts and ends a thread, or of a `finally`.
So the thread says when it may be raised, which is while the work itself runs,
and before it goes on to tidy up it makes sure that none is under way.
"""

import contextvars
import ctypes
import logging
from collections.abc import Callable
from contextlib import AbstractContextManager
from threading import RLock, Thread
from typing import Any, Literal

_logger = logging.getLogger("pflow_lower.nodes")

_GRACE = 0.1


def run_within(
    seconds: float, work: Callable[[], Any], around: AbstractContextManager[object]
) -> Any:
    """Give what `work` gives, or raise what it raises; past `seconds`, TimeoutError.

    The work runs within `around`, in a thread of its own that has a copy of the
    context variables. When its time is up, an exception is raised in it. Work
    that catches that, or waits for something outside Python, goes on: this is
    logged, and what comes of it is dropped. `around` ends when the work has
    really ended.
    """
    worker = _Worker(work, around)
    worker.thread.start()
    try:
        worker.thread.join(seconds)
    except BaseException:
        worker.stop()
        raise
    if worker.stop():
        worker.thread.join(_GRACE)
        if worker.thread.is_alive():
            _logger.warning(
                "code that was to end within %g s goes on; its result will be dropped",
                seconds,
            )
        raise TimeoutError(f"the code did not end within {seconds:g} s")
    worker.thread.join()
    if worker.error:
        raise worker.error
    return worker.result


class _StopWork(BaseException):
    """Raised in work whose time is up; nobody else gets to see it."""


class _Worker:
    """A thread, its work, and what comes of it."""

    def __init__(
        self, work: Callable[[], Any], around: AbstractContextManager[object]
    ) -> None:
        self.result: Any = None
        self.error: BaseException | None = None
        self._work = work
        self._around = around
        self._phase: Literal["before", "work", "after"] = "before"
        self._late = False
        # Re-entrant, in case the exception is raised just when it has been taken.
        self._lock = RLock()
        context = contextvars.copy_context()
        self.thread = Thread(
            name="pflow-lower code",
            target=context.run,
            args=(self._run,),
            daemon=True,  # a program that ends must not wait for it
        )

    def stop(self) -> bool:
        """Ask the work to stop; False if it has ended by itself."""
        with self._lock:
            if self._phase == "after":
                return False
            self._late = True
            if self._phase == "work":
                _raise_in(self.thread, _StopWork)
            return True

    def _run(self) -> None:
        try:
            with self._around:
                self.result = self._attempt()
        except BaseException as exc:
            self.error = exc

    def _attempt(self) -> Any:
        try:
            self._open()
            return self._work()
        finally:
            while True:
                try:
                    self._close()
                    break
                except _StopWork:  # it comes once, so the next try goes through
                    continue

    def _open(self) -> None:
        with self._lock:
            if self._late:
                raise _StopWork
            self._phase = "work"

    def _close(self) -> None:
        with self._lock:
            self._phase = "after"
            if self._late:
                _raise_in(self.thread, None)


def _raise_in(thread: Thread, kind: type[BaseException] | None) -> None:
    """Have an exception raised in a thread; None takes back one that is under way."""
    ident = ctypes.c_ulong(thread.ident or 0)
    exception = ctypes.py_object() if kind is None else ctypes.py_object(kind)
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ident, exception)
