"""Read the params of built-in nodes.

A param that a node cannot use raises TypeError or ValueError, whose message says what
was expected and what was found. A param that is null counts as not given, unless null
is a value like any other there.
"""

import math
import os
from collections.abc import Mapping
from threading import TIMEOUT_MAX

from pflow_lower.support.text import quote
from pflow_lower.support.values import as_text, type_name

Params = Mapping[str, object]

_SHOWN = 40


def string(params: Params, name: str, default: str | None = None) -> str:
    """Return a string; without a default it is required."""
    value = params.get(name)
    if value is None and default is not None:
        return default
    if not isinstance(value, str):
        raise _wrong(name, "a string", value)
    return value


def path(params: Params, name: str) -> str:
    """Return a path, with a leading `~/` expanded.

    Nothing else is: a file may be called `~backup`.
    """
    value = params.get(name)
    if isinstance(value, os.PathLike):
        value = os.fspath(value)
    if not isinstance(value, str):
        raise _wrong(name, "a path", value)
    if not value:
        raise ValueError(f'param "{name}": expected a path, found an empty string')
    if value == "~" or value.startswith("~/"):
        value = os.path.expanduser(value)
    return passable(value, name)


def flag(params: Params, name: str, *, default: bool) -> bool:
    """Return a boolean."""
    value = params.get(name)
    if value is None:
        return default
    if not isinstance(value, bool):
        raise _wrong(name, "true or false", value)
    return value


def seconds(params: Params) -> float | None:
    """Return the time limit that the param `timeout` is, or None."""
    value = params.get("timeout")
    if value is None:
        return None
    expected = "a number of seconds above 0"
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _wrong("timeout", expected, value)
    if not 0 < value < math.inf:
        raise ValueError(f'param "timeout": expected {expected}, found {value}')
    return min(value, TIMEOUT_MAX)  # past that, clocks overflow


def encoding(params: Params) -> str:
    """Return the name of a text encoding, by default UTF-8."""
    name = string(params, "encoding", "utf-8")
    try:
        "".encode(name)
    except (LookupError, ValueError):
        raise ValueError(f'param "encoding": {name!r} is not a text encoding') from None
    return name


def fields(params: Params, name: str) -> dict[str, object]:
    """Return an object, by default an empty one."""
    value = params.get(name)
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise _wrong(name, "an object", value)
    if not all(isinstance(key, str) for key in value):
        raise _wrong(name, "an object whose keys are strings", value)
    return dict(value)


def octets(value: object, name: str, encoding: str = "utf-8") -> bytes:
    """Return the bytes of the text that `value` becomes inside other text.

    Bytes stay as they are. The surrogates for bytes that the `shell` node could not
    read as UTF-8 become those bytes again.
    """
    if isinstance(value, bytes | bytearray):
        return bytes(value)
    try:
        return as_text(value).encode(encoding, "surrogateescape")
    except UnicodeError as exc:
        raise ValueError(f'param "{name}": {exc}') from exc


def passable(value: str, name: str) -> str:
    """Return `value` if the operating system can take it."""
    if "\0" in value:
        raise ValueError(f'param "{name}": must not contain a NUL character')
    try:
        os.fsencode(value)
    except UnicodeError as exc:
        raise ValueError(f'param "{name}": {exc}') from exc
    return value


def _wrong(name: str, expected: str, found: object) -> Exception:
    if found is None:
        return ValueError(f'param "{name}": expected {expected}, found nothing')
    return TypeError(f'param "{name}": expected {expected}, found {_described(found)}')


def _described(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return f"the number {value}"
    if isinstance(value, str):
        return f"the string {quote(value, _SHOWN)}"
    return type_name(value)
