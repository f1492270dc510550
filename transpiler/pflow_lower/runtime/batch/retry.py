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
"""A reference that finds nothing finds nothing at the next attempt either."""

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
    """How often an item is tried, and how long it waits before it is tried again.

    `max_attempts` counts the first one, too. The wait in seconds is `wait`, times
    `backoff` for each attempt after the first, `max_wait` at most; under the
    jitter "full" it is a random part of that. `on` names the failures that are
    tried again: classes of exceptions (or of their bases) and HTTP statuses.
    Without it those are left out that are plainly permanent.
    """

    max_attempts: int = 1
    wait: float = 0
    backoff: float = 1
    max_wait: float | None = None
    jitter: Literal["none", "full"] = "none"
    on: tuple[str | int, ...] | None = None

    def tries_again(self, error: BaseException, attempt: int) -> bool:
        """Tell whether there is another attempt after this one has failed."""
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
        """Give how long to wait after the attempt of this number has failed."""
        most = TIMEOUT_MAX if self.max_wait is None else self.max_wait
        try:
            seconds = min(self.wait * float(self.backoff) ** (attempt - 1), most)
        except OverflowError:
            seconds = most if self.wait else 0
        return random.uniform(0, seconds) if self.jitter == "full" else seconds


def http_status(error: BaseException) -> int | None:
    """Give the HTTP status that an exception tells of, None if it tells of none.

    Clients keep it in the exception or in its response, under one of a few names.
    """
    for holder in (error, _said(error, "response")):
        for name in ("status_code", "status", "code"):
            status = _said(holder, name)
            if isinstance(status, int) and 400 <= status <= 599:
                return status
    return None


def retry_after(error: BaseException) -> float | None:
    """Give the seconds for which the other side has asked to be left alone.

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
    """Give an attribute of somebody's exception, None where it has none to give."""
    try:
        return getattr(holder, name, None)
    except Exception:  # a property may raise whatever it likes
        return None


def _header(headers: Any) -> Any:
    """Give the header Retry-After, in whichever case a plain dict may have it."""
    try:
        if isinstance(headers, Mapping):
            headers = {name.lower(): value for name, value in headers.items()}
        return headers.get("retry-after")
    except Exception:  # it may be anything at all
        return None


def _seconds(said: Any) -> float | None:
    """Read a Retry-After: a number of seconds, or a date; None where it is neither."""
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
    except Exception:  # the parser raises more than it says where a date is none
        return 0
