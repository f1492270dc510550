"""Find items of one key, as far as keys are known before anything runs.

Items:  [{"id": 7}, {"id": 8}, {"id": 7, "text": "${x}"}]
Key:    "${run}-${item.id}"
Found:  the first and the third, whatever ${run} is

Only what is certain is found. A reference that has to do with no item is the same
for all of them; of one that has to do with items the value must be known.
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
"""Stands for a value that only a run gives; it cannot be written as JSON."""


class _NotKnownError(Exception):
    """The key of an item is not known, or there is none."""


def two_of_one_key(items: Array, key: Template, alias: str) -> tuple[int, int] | None:
    """Give the indexes of the first two items that have the same key, or None."""
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
    """Give the texts between the references that are the same for all items.

    A key is a text, whatever it is made of: 1 and "1" are one.
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
    """Go along a path; raises LookupError where it leads to nothing."""
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
    except (TypeError, ValueError):  # not all that is inside it is known
        raise _NotKnownError from None
    return as_text(value)


def _plain(value: Value) -> Any:
    """Give an item as it is when it runs, where that is known."""
    match value:
        case Constant(scalar):
            return scalar
        case TemplateValue():
            return _NOT_KNOWN
        case Array(items):
            return [_plain(item) for item in items]
        case Object(entries):
            return {key: _plain(item) for key, item in entries}
