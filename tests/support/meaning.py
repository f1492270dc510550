"""The meaning of templates, `docs/language.md` § 2, as directly as it can be said.

It walks the parts of a template where the transpiler compiles them, and shares no
code with the runtime: tests hold the two together.
"""

import json
from typing import Any

from pflow_lower.template.tree import (
    LiteralOperand,
    PathOperand,
    Reference,
    Template,
    Text,
)


class MissingError(Exception):
    """A reference has no value."""


class BadIndexError(Exception):
    """A computed index is no int."""


def meaning(
    template: Template, store: dict[str, Any], *, nested: bool, permissive: bool
) -> Any:
    """Give what a string means; raises MissingError and BadIndexError."""
    if template.whole is not None:
        try:
            value = reference(template.whole, store)
        except MissingError:
            if not permissive:
                raise
            return template.text
        return container(value) if nested else value
    text = ""
    for part in template.parts:
        if isinstance(part, Text):
            text += part.text
            continue
        try:
            text += as_text(reference(part, store))
        except MissingError:
            if not permissive:
                raise
            text += template.text[part.start : part.stop]
    return text


def reference(of: Reference, store: dict[str, Any]) -> Any:
    for operand in of.operands:
        if isinstance(operand, LiteralOperand):
            empty: Any = {} if operand.is_object else []
            return empty if operand.value == () else operand.value
        try:
            return walk(operand, store)
        except MissingError:
            pass
    raise MissingError


def walk(path: PathOperand, store: dict[str, Any]) -> Any:
    if path.name not in store:
        raise MissingError
    value = store[path.name]
    for segment in path.segments:
        step = segment
        if isinstance(step, PathOperand):
            computed = walk(step, store)
            if type(computed) is not int:
                raise BadIndexError
            step = computed
        value = container(value)
        if isinstance(step, str):
            found = isinstance(value, dict) and step in value
        else:
            found = isinstance(value, list | tuple) and 0 <= step < len(value)
        if not found:
            raise MissingError
        value = value[step]
    return value


def container(value: Any) -> Any:
    """Read a string that holds a JSON object or array; leave all else."""
    try:
        found = json.loads(value) if isinstance(value, str) else value
    except ValueError:
        return value
    return found if isinstance(found, dict | list) else value


def as_text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, dict | list | tuple):
        return json.dumps(value, ensure_ascii=False)
    if value == 0 and not isinstance(value, bool):
        return "0"
    return str(value)


def same(left: Any, right: Any) -> bool:
    """Tell whether two values are equal, types and order and signs of zero and all."""
    return repr(left) == repr(right)
