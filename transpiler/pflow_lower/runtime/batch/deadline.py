"""Work in a thread for a limited time."""

import contextvars
import logging
from collections.abc import Callable
from concurrent.futures import Future
from threading import TIMEOUT_MAX, Event, Lock, Thread
from typing import Generic, TypeVar

T = TypeVar("T")

logger = logging.getLogger("pflow_lower.runtime")


class Late(Exception):  # noqa: N818 - it is caught by who sets the limit
    """Work in a thread has not ended within its limit."""


def within(seconds: float, work: Callable[[], T], name: str) -> T:
    """Do some work in a thread of its own; raises Late if it takes longer.

    A thread cannot be stopped: it then goes on, and what it gives in the end is
    dropped, which the log says.
    """
    attempt = _Attempt(work, name)
    context = contextvars.copy_context()
    Thread(target=context.run, args=(attempt.run,), name=name, daemon=True).start()
    if not attempt.over.wait(max(0, min(seconds, TIMEOUT_MAX))) and attempt.abandon():
        message = 'node "%s": an attempt goes on in its thread after %g s; %s'
        logger.warning(message, name, seconds, "its result will be dropped")
        raise Late
    return attempt.ended.result()


class _Attempt(Generic[T]):
    """Work in a thread that nobody may be waiting for any more when it is done."""

    def __init__(self, work: Callable[[], T], name: str) -> None:
        self.over = Event()
        self.ended: Future[T] = Future()
        self._work = work
        self._name = name
        self._lock = Lock()
        self._abandoned = False

    def run(self) -> None:
        try:
            self.ended.set_result(self._work())
        except BaseException as error:
            self.ended.set_exception(error)
        with self._lock:
            self.over.set()
            abandoned = self._abandoned
        if abandoned:
            message = 'node "%s": an attempt has ended after its time; %s'
            logger.warning(message, self._name, "its result is dropped")

    def abandon(self) -> bool:
        """Leave the work alone; False where it has just ended after all."""
        with self._lock:
            self._abandoned = not self.over.is_set()
            return self._abandoned
