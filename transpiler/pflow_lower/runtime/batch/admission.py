"""What may be the items of a batch: `docs/language.md` § 3."""

from collections.abc import AsyncIterable, Callable, Iterable, Iterator, Mapping, Sized
from threading import Lock
from typing import Any, TypeAlias

from pflow_lower.runtime.batch.sources import open_source
from pflow_lower.runtime.errors import RunError
from pflow_lower.support.values import json_container, type_name

AnyItems: TypeAlias = Iterable[Any] | AsyncIterable[Any]


class ItemsError(RunError):
    """What should be the items of a batch is no list, or not as it should be."""


class Keys:
    """The keys of the items that were seen so far: no two may be the same.

    It keeps a number of 64 bits for each, not the key itself. Any thread may call it.
    """

    def __init__(self, key_of: Callable[[int, Any], str]) -> None:
        self.key_of = key_of
        self._seen: set[int] = set()
        self._lock = Lock()

    def add(self, index: int, item: Any) -> None:
        """See the key of one more item; raises ItemsError where it is not new."""
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
    """Take a value as the items of a batch.

    A list is copied, so that a node that changes it does not change what runs;
    all else is read as the batch goes on. `kind` says that the value names a
    stream of that kind, as in `{"jsonl": path}`. Raises ItemsError, which names
    `source`, where items cannot be had of the value.
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
    """Tell whether items can be had but once, as those of a generator."""
    return isinstance(items, AsyncIterable | Iterator)


def check_items(items: AnyItems, limit: float, keys: Keys | None) -> None:
    """Check, before one of them runs, that items are not too many, and differ.

    A stream is read once more for that. What can be read but once is checked as
    it is taken. Raises ItemsError.
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
    """Give the error of a batch that has more items than it may have."""
    return ItemsError(f"there are more than {limit:.0f} items, which is its max_items")
