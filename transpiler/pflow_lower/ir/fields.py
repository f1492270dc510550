"""The metadata of a field of the IR: the key it is read from, and how.

Field:     max_items: int | None = field(default=None, metadata=reads(integer(1)))
Document:  {"batch": {"items": "${ls.files}", "max_items": 500}}

`codec.py` uses it to decode and encode, `sites.py` to find templates, and
`codegen/batch_settings.py` to write settings. A reader returns a value that has the
right type and range and refuses every other one; `check/schema.py` explains why.
"""

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import MISSING, fields
from math import inf
from typing import Any, Literal, NamedTuple, TypeAlias, TypeVar

from pflow_lower.source.positions import JSON

_T = TypeVar("_T")

Reader: TypeAlias = Callable[[JSON], Any]
"""Returns a value that the key may have; raises Refused for every other one."""

Templates: TypeAlias = Literal["", "batch", "item"]


class Refused(Exception):  # noqa: N818 - control flow between the codec and its caller
    """The document does not have the shape of a workflow."""


class Key(NamedTuple):
    """A key of a document.

    Attributes:
        name: The key; if empty, the key is the name of the field.
        read: The reader of its value, or the record that its value becomes.
        templates: When the templates in its value are resolved: once for the batch, or
            for each item; empty if the value has no templates. In a generated class a
            method returns a value with templates.
        is_setting: Whether a value of a batch without templates is a setting of the
            generated class, under the name of the field.
        unset: The value that the runtime assumes for a setting that is left out.
    """

    name: str
    read: Reader | type[Any]
    templates: Templates
    is_setting: bool
    unset: object


def reads(
    read: Reader | type[Any],
    name: str = "",
    *,
    templates: Templates = "",
    is_setting: bool = True,
    unset: object = None,
) -> dict[str, Key]:
    """Return the metadata of a field that is read from a key."""
    return {"key": Key(name, read, templates, is_setting, unset)}


class Keys(NamedTuple):
    """The keys of a record: by name, each with its field, and those it must have."""

    by_name: Mapping[str, tuple[str, Key]]
    required: frozenset[str]


_keys: dict[type[Any], Keys] = {}


def keys_of(record: type[Any]) -> Keys:
    """Return the keys of a record, in the order of its fields."""
    if record not in _keys:
        _keys[record] = _read_fields(record)
    return _keys[record]


def _read_fields(record: type[Any]) -> Keys:
    keys: dict[str, tuple[str, Key]] = {}
    required: set[str] = set()
    for each in fields(record):
        if "key" in each.metadata:
            declared: Key = each.metadata["key"]
            name = declared.name or each.name
            keys[name] = (each.name, declared)
            if each.default is MISSING:
                required.add(name)
    return Keys(keys, frozenset(required))


def instance_of(kind: type[_T]) -> Callable[[JSON], _T]:
    """Return the reader of a value of one JSON type."""

    def read(value: JSON) -> _T:
        if isinstance(value, kind):
            return value
        raise Refused

    return read


read_object: Callable[[JSON], dict[str, JSON]] = instance_of(dict)
read_array: Callable[[JSON], list[JSON]] = instance_of(list)
boolean = instance_of(bool)
string = instance_of(str)


def filled(value: JSON) -> str:
    """Read a string that is not empty."""
    if isinstance(value, str) and value:
        return value
    raise Refused


def matching(pattern: str) -> Callable[[JSON], str]:
    """Return the reader of a string that has a form."""
    match = re.compile(pattern).fullmatch

    def read(value: JSON) -> str:
        if isinstance(value, str) and match(value):
            return value
        raise Refused

    return read


def integer(least: int, most: float = inf) -> Callable[[JSON], int]:
    """Return the reader of an integer; neither 1.0 nor true is one."""

    def read(value: JSON) -> int:
        if not isinstance(value, int) or isinstance(value, bool):
            raise Refused
        if least <= value <= most:
            return value
        raise Refused

    return read


def number(
    least: float = -inf, most: float = inf, *, above: float = -inf
) -> Callable[[JSON], float]:
    """Return the reader of a number from `least` to `most`, and more than `above`."""

    def read(value: JSON) -> float:
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise Refused
        if least <= value <= most and value > above:
            return value
        raise Refused

    return read


def choice(choices: Collection[str]) -> Reader:
    """Return the reader of one of several strings."""

    def read(value: JSON) -> str:
        if isinstance(value, str) and value in choices:
            return value
        raise Refused

    return read
