"""Work on threads: until all have ended, or for a limited time."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from threading import TIMEOUT_MAX
from typing import TypeVar

from pflow_lower.support.threads import ThreadFuture

T = TypeVar("T")

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


class Late(Exception):  # noqa: N818 - it is caught where the limit is set
    """Work in a thread has not ended within its limit."""


def within(seconds: float, work: Callable[[], T], name: str) -> T:
    """Do work in a thread of its own; raise Late if it takes longer.

    A thread cannot be stopped: it then goes on, and its result is dropped, which
    the log says.
    """
    attempt = ThreadFuture(work, name)
    with suppress(TimeoutError):  # of this wait: it returns what the work raises
        attempt.exception(max(0, min(seconds, TIMEOUT_MAX)))
    if attempt.done():
        return attempt.result()
    message = 'node "%s": an attempt goes on in its thread after %g s; %s'
    logger.warning(message, name, seconds, "its result will be dropped")
    attempt.add_done_callback(lambda _: _log_late_end(name))
    raise Late


def _log_late_end(name: str) -> None:
    message = 'node "%s": an attempt has ended after its time; %s'
    logger.warning(message, name, "its result is dropped")
