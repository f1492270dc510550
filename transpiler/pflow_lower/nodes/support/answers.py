"""What nodes do with the answers of servers: quote them, read them, wait as asked."""

import json
import math
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from ssl import SSLError

from pflow_lower.support.secrets import mask

_QUOTED = 500


def quoted(text: str) -> str:
    """Give the beginning of a text as one line that is safe to print.

    Secrets are masked: a server may well repeat what it was sent.
    """
    line = " ".join(mask(text).split())
    if len(line) > _QUOTED:
        line = f"{line[: _QUOTED - 1]}…"
    return "".join(
        char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in line
    )


def reason(error: BaseException) -> str:
    """Say why there was no answer: clients tend to keep that in the causes.

    What the system said counts even where a client hides it; of the rest, what was
    given as the cause.
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


def read_json(text: str | bytes) -> object:
    """Read JSON; raises ValueError, whose message says what is wrong with it."""
    try:
        value: object = json.loads(text, parse_constant=_refuse)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    return value


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Give the seconds for which a server asks to be left alone; None if it does not.

    `headers` are looked up in lower case. The header is a number of seconds or a
    date; some services tell milliseconds besides, which is more exact.
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
    """Say what an error number means: what asyncio says of it names functions.

    Those of SSL and, below zero, of look-ups of names are of other kinds.
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


def _refuse(constant: str) -> object:
    raise ValueError(f"{constant} is no JSON")
