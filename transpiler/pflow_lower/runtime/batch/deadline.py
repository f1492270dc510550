"""Work in a thread for a limited time."""

import logging
from collections.abc import Callable
from contextlib import suppress
from threading import TIMEOUT_MAX
from typing import TypeVar

from pflow_lower.support.threads import ThreadFuture

T = TypeVar("T")

logger = logging.getLogger("pflow_lower.runtime")


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
