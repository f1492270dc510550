"""Find items of one key, as far as keys are known before anything runs.

Items:  [{"id": 7}, {"id": 8}, {"id": 7, "text": "${x}"}]
Key:    "${run}-${item.id}"
Found:  the first and the third, whatever ${run} is

Only what is certain is found. A reference without the item or its index has the same
value for all items; the value of any other must be known.
"""

import json
from typing import Any, Final

from pflow_lower.ir.workflow import Array, Constant, Object, TemplateValue, Value
from pflow_lower.support.values import as_text, json_container
from pflow_lower.template.tree import (
    INDEX,
    LiteralOperand,
    PathOperand,
    Reference,
    Template,
)

_NOT_KNOWN: Final = object()
"""Stands for a value that is only known in a run; it cannot be written as JSON."""


class _NotKnownError(Exception):
    """The key of an item is unknown or missing."""


def find_duplicate_keys(
    items: Array, key: Template, alias: str
) -> tuple[int, int] | None:
    """Return the indexes of the first two items that have the same key, or None."""
    seen: dict[tuple[str, ...], int] = {}
    for index, item in enumerate(items.items):
        bindings = {alias: _plain(item), INDEX: index}
        try:
            found = _key(key, bindings)
        except _NotKnownError:
            continue
        if seen.setdefault(found, index) != index:
            return seen[found], index
    return None


def _key(key: Template, bindings: dict[str, Any]) -> tuple[str, ...]:
    """Return the texts between the references that are the same for all items.

    A key is a string, whatever it is made from: 1 and "1" are the same.
    """
    texts = [""]
    for part in key.parts:
        if not isinstance(part, Reference):
            texts[-1] += part.text
        elif any(path.name in bindings for path in part.paths()):
            texts[-1] += _text(_value(part, bindings))
        else:
            texts.append("")
    return tuple(texts)


def _value(reference: Reference, bindings: dict[str, Any]) -> Any:
    for operand in reference.operands:
        if isinstance(operand, LiteralOperand):
            empty: Any = {} if operand.is_object else []
            return empty if operand.value == () else operand.value
        if operand.name not in bindings:
            break
        value = bindings[operand.name]
        try:
            return _walk(value, operand)
        except LookupError:
            pass
    raise _NotKnownError


def _walk(value: Any, path: PathOperand) -> Any:
    """Follow a path; raise LookupError if it leads to nothing."""
    for segment in path.segments:
        if isinstance(segment, PathOperand) or value is _NOT_KNOWN:
            raise _NotKnownError
        inside = json_container(value) if isinstance(value, str) else value
        match inside, segment:
            case dict(), str():
                value = inside[segment]
            case list(), int():
                value = inside[segment]
            case _:
                raise LookupError
    return value


def _text(value: Any) -> str:
    try:
        json.dumps(value)
    except (TypeError, ValueError):  # something inside it is not known
        raise _NotKnownError from None
    return as_text(value)


def _plain(value: Value) -> Any:
    """Return an item as it is in a run, as far as that is known."""
    match value:
        case Constant(scalar):
            return scalar
        case TemplateValue():
            return _NOT_KNOWN
        case Array(items):
            return [_plain(item) for item in items]
        case Object(entries):
            return {key: _plain(item) for key, item in entries}
