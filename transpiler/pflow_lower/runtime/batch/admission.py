"""Which items a batch accepts: `docs/language.md` § 3."""

from collections.abc import AsyncIterable, Callable, Iterable, Iterator, Mapping, Sized
from threading import Lock
from typing import Any, TypeAlias

from pflow_lower.runtime.batch.sources import open_source
from pflow_lower.runtime.errors import RunError
from pflow_lower.support.values import json_container, type_name

AnyItems: TypeAlias = Iterable[Any] | AsyncIterable[Any]


class ItemsError(RunError):
    """The items of a batch are not a list, or break one of its rules."""


class Keys:
    """The keys of the items so far: no two may be the same.

    A hash of each is kept, not the key itself. Any thread may call it.
    """

    def __init__(self, key_of: Callable[[int, Any], str]) -> None:
        self.key_of = key_of
        self._seen: set[int] = set()
        self._lock = Lock()

    def add(self, index: int, item: Any) -> None:
        """Add the key of an item; raise ItemsError if it is not new."""
        try:
            key = self.key_of(index, item)
        except Exception as error:
            raise ItemsError(f"item {index} has no key: {error}") from error
        number = hash(key)
        with self._lock:
            is_new = number not in self._seen
            self._seen.add(number)
        if not is_new:
            message = f'item {index} has the key "{key}", and so has one before it'
            raise ItemsError(f"{message}: the keys of a batch must differ")


def as_items(value: Any, source: str, kind: str | None = None) -> AnyItems:
    """Return a value as the items of a batch.

    A list is copied, so that a node that changes it does not change what runs;
    anything else is read while the batch runs. With a `kind` the value names a
    stream of that kind, as in `{"jsonl": path}`. Raises ItemsError, which names
    `source`, if the value has no items.
    """
    if kind is not None:
        return open_source(kind, value[kind])
    found = type_name(value)
    if isinstance(value, str):
        value = json_container(value)
        found = "a string that holds no JSON array"
    is_one = isinstance(value, str | bytes | bytearray | memoryview | Mapping)
    if is_one or not isinstance(value, Iterable | AsyncIterable):
        raise ItemsError(f"the items, {source}, must be an array, not {found}")
    return list(value) if isinstance(value, list) else value


def is_one_shot(items: AnyItems) -> bool:
    """Return whether the items can be read only once, as those of a generator."""
    return isinstance(items, AsyncIterable | Iterator)


def check_items(items: AnyItems, limit: float, keys: Keys | None) -> None:
    """Check, before one of them runs, that items are not too many and have own keys.

    A stream is read once more for that; a one-shot one is checked while it is read.
    Raises ItemsError.
    """
    if isinstance(items, Sized) and len(items) > limit:
        raise too_many(limit)
    unknown = not isinstance(items, Sized) and limit < float("inf")
    if not (keys or unknown) or not isinstance(items, Iterable) or is_one_shot(items):
        return
    for index, item in enumerate(items):
        if index >= limit:
            raise too_many(limit)
        if keys:
            keys.add(index, item)


def too_many(limit: float) -> ItemsError:
    """Return the error of a batch that has more items than allowed."""
    return ItemsError(f"there are more than {limit:.0f} items, which is its max_items")
