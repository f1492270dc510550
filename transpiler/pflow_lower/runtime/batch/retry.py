"""Which failures of an item are tried again, and when: `docs/language.md` § 3."""

import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from math import inf
from threading import TIMEOUT_MAX
from typing import Any, Literal

from pflow_lower.runtime.errors import (
    InvalidIndexError,
    MissingReferenceError,
    MissingResultError,
)

_NEVER_BETTER = (MissingReferenceError, InvalidIndexError)
"""A reference without a value has none at the next attempt either."""

_PERMANENT = (
    AttributeError,
    ImportError,
    MissingResultError,
    NameError,
    NotImplementedError,
    SyntaxError,
    TypeError,
)
_PASSING_STATUSES = frozenset({408, 409, 425, 429})


@dataclass(frozen=True, slots=True)
class Retry:
    """How often an item is tried, and when: `docs/language.md` § 3.

    Attributes:
        max_attempts: The number of attempts, the first one included.
        wait: The seconds until the second attempt.
        backoff: The factor by which the wait grows with each further attempt.
        max_wait: The longest wait in seconds.
        jitter: With "full", a random part of the wait is waited.
        on: The failures that are tried again: names of classes of exceptions (or of
            their bases) and HTTP statuses. None means all but plainly permanent ones.
    """

    max_attempts: int = 1
    wait: float = 0
    backoff: float = 1
    max_wait: float | None = None
    jitter: Literal["none", "full"] = "none"
    on: tuple[str | int, ...] | None = None

    def tries_again(self, error: BaseException, attempt: int) -> bool:
        """Return whether another attempt follows the failure of this one."""
        if attempt >= self.max_attempts or isinstance(error, _NEVER_BETTER):
            return False
        if self.on is None:
            return not _is_permanent(error)
        return http_status(error) in self.on or any(
            name in self.on
            for kind in type(error).__mro__
            for name in (kind.__name__, f"{kind.__module__}.{kind.__qualname__}")
        )

    def seconds(self, attempt: int) -> float:
        """Return how long to wait after the attempt of this number has failed."""
        most = TIMEOUT_MAX if self.max_wait is None else self.max_wait
        try:
            seconds = min(self.wait * float(self.backoff) ** (attempt - 1), most)
        except OverflowError:
            seconds = most if self.wait else 0
        return random.uniform(0, seconds) if self.jitter == "full" else seconds


def http_status(error: BaseException) -> int | None:
    """Return the HTTP status in an exception, None if it has none.

    Clients keep it in the exception or in its response, under one of a few names.
    """
    for holder in (error, _said(error, "response")):
        for name in ("status_code", "status", "code"):
            status = _said(holder, name)
            if isinstance(status, int) and 400 <= status <= 599:
                return status
    return None


def retry_after(error: BaseException) -> float | None:
    """Return the seconds for which a server has asked not to be called.

    Clients keep that in the exception, or leave it in the headers of the reply.
    """
    said = _said(error, "retry_after")
    for holder in (error, _said(error, "response")):
        said = _header(_said(holder, "headers")) if said is None else said
    return None if said is None else _seconds(said)


def _is_permanent(error: BaseException) -> bool:
    status = http_status(error)
    if status is not None:
        return status < 500 and status not in _PASSING_STATUSES
    return isinstance(error, _PERMANENT)


def _said(holder: Any, name: str) -> Any:
    """Return an attribute of any exception, None if it has none."""
    try:
        return getattr(holder, name, None)
    except Exception:  # a property may raise anything
        return None


def _header(headers: Any) -> Any:
    """Return the header Retry-After, whatever its case in a plain dict."""
    try:
        if isinstance(headers, Mapping):
            headers = {name.lower(): value for name, value in headers.items()}
        return headers.get("retry-after")
    except Exception:  # it may be anything
        return None


def _seconds(said: Any) -> float | None:
    """Read a Retry-After, a number of seconds or a date; None if it is neither."""
    if isinstance(said, bool):
        return None
    try:
        seconds = float(said)
    except OverflowError:
        return None
    except (TypeError, ValueError):
        seconds = _seconds_until(said)
    return seconds if 0 < seconds < inf else None


def _seconds_until(date: Any) -> float:
    try:
        then = parsedate_to_datetime(str(date))
        then = then if then.tzinfo else then.replace(tzinfo=UTC)
        return (then - datetime.now(UTC)).total_seconds()
    except Exception:  # the parser raises more than it documents
        return 0
