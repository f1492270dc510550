"""Read the answers of servers, and quote them in messages."""

import math
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from ssl import SSLError

from pflow_lower.support.secrets import mask
from pflow_lower.support.text import one_line

_QUOTED = 500


def quoted(text: str) -> str:
    """Return the beginning of a text as one printable line, secrets masked."""
    return one_line(mask(text), _QUOTED)


def reason(error: BaseException) -> str:
    """Return why there was no answer, which clients often keep in the causes.

    The message of the operating system counts even if a client hides it; otherwise the
    last explicit cause does.
    """
    said, is_given = "", True
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.errno:
            said = _said_by_system(cause)
        elif is_given:
            said = str(cause) or said
        is_given = cause.__cause__ is not None
        cause = cause.__cause__ or cause.__context__
    return quoted(said or type(error).__name__)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return for how many seconds a server asks clients to wait, or None.

    `headers` has names in lower case. The header is a number of seconds or a date;
    some services also send milliseconds, which are more exact.
    """
    for name, unit in (("retry-after-ms", 1000), ("retry-after", 1)):
        said = headers.get(name)
        if said is not None:
            seconds = _number(said)
            seconds = _until(said) if seconds is None else seconds / unit
            if seconds is not None:
                return max(seconds, 0.0)
    return None


def _said_by_system(error: OSError) -> str:
    """Return what an error number means; asyncio's own message names functions.

    The numbers of SSL, and those of name look-ups, which are negative, differ.
    """
    number = error.errno or 0
    if number < 0 or isinstance(error, SSLError):
        return str(error.strerror)
    return os.strerror(number)


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _until(date: str) -> float | None:
    from email.utils import parsedate_to_datetime

    try:
        then = parsedate_to_datetime(date)
    except ValueError:
        return None
    then = then if then.tzinfo else then.replace(tzinfo=UTC)
    return (then - datetime.now(UTC)).total_seconds()
