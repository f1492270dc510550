"""Which failures of an item are tried again, and when: `docs/language.md` § 3."""

import random
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from math import inf
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
        try:
            seconds = self.wait * self.backoff ** (attempt - 1)
        except OverflowError:
            seconds = inf
        if self.max_wait is not None:
            seconds = min(seconds, self.max_wait)
        return random.uniform(0, seconds) if self.jitter == "full" else seconds


def http_status(error: BaseException) -> int | None:
    """Give the HTTP status that an exception tells of, None if it tells of none.

    Clients keep it in the exception or in its response, under one of a few names.
    """
    for holder in (error, getattr(error, "response", None)):
        for name in ("status_code", "status", "code"):
            status = getattr(holder, name, None)
            if isinstance(status, int) and 400 <= status <= 599:
                return status
    return None


def retry_after(error: BaseException) -> float | None:
    """Give the seconds for which the other side has asked to be left alone."""
    said = getattr(error, "retry_after", None)
    if said is None:
        headers = getattr(getattr(error, "response", None), "headers", None)
        get = getattr(headers, "get", None)
        said = get("retry-after") if callable(get) else None
    return None if said is None else _seconds(said)


def _is_permanent(error: BaseException) -> bool:
    status = http_status(error)
    if status is not None:
        return status < 500 and status not in _PASSING_STATUSES
    return isinstance(error, _PERMANENT)


def _seconds(said: Any) -> float | None:
    """Read a Retry-After: a number of seconds, or a date."""
    try:
        seconds = float(said)
    except (TypeError, ValueError):
        try:
            then = parsedate_to_datetime(str(said))
        except ValueError:
            return None
        then = then if then.tzinfo else then.replace(tzinfo=UTC)
        seconds = (then - datetime.now(UTC)).total_seconds()
    return seconds if 0 < seconds < inf else None
