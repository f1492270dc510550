"""Values: their JSON names, their types and their text.

The transpiler, the runtime and the nodes share these rules, `docs/language.md` §§ 1
and 2, so that a check before a run agrees with the run.
"""

import json
from collections.abc import Mapping, Sequence
from typing import TypeGuard

INPUT_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "str": (str,),
    "number": (int, float),
    "float": (int, float),
    "integer": (int,),
    "int": (int,),
    "boolean": (bool,),
    "bool": (bool,),
    "object": (Mapping,),
    "dict": (Mapping,),
    "array": (Sequence,),
    "list": (Sequence,),
}
"""The types that an input may be declared as, and the Python types of each."""

_PLAIN = (bool, int, str)


def has_type(value: object, declared: str) -> bool:
    """Return whether a value has the type that an input declares.

    An int is a number, a bool is not; a string is not an array.
    """
    types = INPUT_TYPES[declared]
    if isinstance(value, bool):
        return bool in types
    if isinstance(value, str | bytes | bytearray):
        return isinstance(value, str) and str in types
    return isinstance(value, types)


def type_name(value: object) -> str:
    """Return the JSON name of a value's type, with its article."""
    match value:
        case None:
            return "null"
        case bool():
            return "a boolean"
        case int() | float():
            return "a number"
        case str():
            return "a string"
        case Mapping():
            return "an object"
        case Sequence() if is_array(value):
            return "an array"
    return f"a {type(value).__name__}"


def is_array(value: object) -> TypeGuard[Sequence[object]]:
    """Return whether a value is an array: a sequence, but not a string or bytes."""
    if isinstance(value, list | tuple):
        return True
    return isinstance(value, Sequence) and not isinstance(
        value, str | bytes | bytearray | memoryview
    )


def as_text(value: object) -> str:
    """Return the text that a value becomes inside other text.

    None is empty, a zero "0", an object or an array JSON, all else its `str`.
    """
    kind = type(value)
    if kind is int or kind is bool:
        return str(value)
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, int | float) and value == 0:
        return "0"
    if isinstance(value, Mapping) or is_array(value):
        return as_json(value)
    return str(value)


def as_json(value: object) -> str:
    """Return a value as JSON; what JSON cannot represent becomes its `str`."""
    try:
        return json.dumps(value, ensure_ascii=False, default=_shallow)
    except (TypeError, ValueError, RecursionError):  # odd keys, or a cycle
        return str(value)


def plain(value: object) -> object:
    """Return a value that JSON can represent; what it cannot becomes its `str`.

    Keys become strings. A value that contains itself becomes its `str` as a whole.
    """
    try:
        return _plain(value)
    except RecursionError:
        return str(value)


def read_json(text: str | bytes) -> object:
    """Read JSON; raises ValueError, whose message says what is wrong."""
    try:
        value: object = json.loads(text, parse_constant=_refuse)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    return value


def json_container(text: str) -> dict[str, object] | list[object] | None:
    """Return the JSON object or array that a text holds; None if it does not."""
    if not text.lstrip(" \t\n\r").startswith(("{", "[")):
        return None
    try:
        value = read_json(text)
    except ValueError:
        return None
    return value if isinstance(value, dict | list) else None


def _plain(value: object) -> object:
    if value is None or isinstance(value, _PLAIN):
        return value
    if isinstance(value, float):
        finite = value - value == 0
        return value if finite else str(value)
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if is_array(value):
        return [_plain(item) for item in value]
    return str(value)


def _shallow(value: object) -> object:
    if isinstance(value, Mapping):
        return dict(value)
    if is_array(value):
        return list(value)
    return str(value)


def _refuse(constant: str) -> object:
    raise ValueError(f"{constant} is not valid JSON")
