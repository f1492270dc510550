"""The items of one run of a batch: which were started, and what came of each."""

from collections.abc import Iterable, Iterator
from threading import Event, Lock
from typing import Any, Final

from pflow_lower.runtime.errors import RunError, error_value
from pflow_lower.values import is_array, json_container, type_name

_IN_FLIGHT: Final = object()


class ItemsError(RunError):
    """What should be the items of a batch is no list."""


class Items:
    """Hands out the items of a batch in order, and collects what comes of them.

    Every method may be called from any thread. An item is handed out only as
    long as the batch was not stopped: after `fail` under fail_fast, or `stop`,
    not one more is.
    """

    def __init__(self, items: Iterable[Any], *, stop_on_failure: bool) -> None:
        self.failure: tuple[int, Any, BaseException] | None = None
        self._iterator: Iterator[Any] = iter(items)
        self._stop_on_failure = stop_on_failure
        self._results: list[Any] = []
        self._errors: list[dict[str, Any]] = []
        self._stopped = Event()
        self._lock = Lock()

    def take(self) -> tuple[int, Any] | None:
        """Start the next item: give its index and itself, or None at the end."""
        with self._lock:
            if self._stopped.is_set():
                return None
            for item in self._iterator:
                self._results.append(_IN_FLIGHT)
                return len(self._results) - 1, item
        return None

    def succeed(self, index: int, result: Any) -> None:
        """Keep the result of an item."""
        self._results[index] = result

    def fail(self, index: int, item: Any, error: BaseException) -> None:
        """Keep the failure of an item; under fail_fast this stops the batch."""
        with self._lock:
            self._results[index] = None
            self._errors.append(
                {
                    "index": index,
                    "item": item,
                    "error": error_value(error),
                    "type": type(error).__name__,
                }
            )
            if self._stop_on_failure and self.failure is None:
                self.failure = (index, item, error)
                self._stopped.set()

    def stop(self) -> None:
        """Hand out no further item, and end all waits."""
        with self._lock:
            self._stopped.set()

    @property
    def stopped(self) -> bool:
        """Whether no further item is handed out."""
        return self._stopped.is_set()

    def wait(self, seconds: float) -> None:
        """Wait as long in this thread, or until the batch is stopped."""
        self._stopped.wait(seconds)

    def output(self) -> dict[str, Any]:
        """Give the outputs of the batch, once every item that was started is over.

        Items that were cancelled are null and neither a success nor an error.
        """
        in_flight = sum(result is _IN_FLIGHT for result in self._results)
        if in_flight:
            self._results = [
                None if result is _IN_FLIGHT else result for result in self._results
            ]
        self._errors.sort(key=lambda record: int(record["index"]))
        count, errors = len(self._results), len(self._errors)
        return {
            "results": self._results,
            "errors": self._errors,
            "count": count,
            "success_count": count - errors - in_flight,
            "error_count": errors,
        }


def as_items(value: Any, source: str) -> Iterable[Any]:
    """Take a value as the items of a batch: `docs/language.md` § 3.

    A list is copied, so that a node that changes it does not change what runs;
    other sequences are read as the batch goes on. Raises ItemsError, which names
    `source`, where the value is no array, nor a string that holds one as JSON.
    """
    found = type_name(value)
    if isinstance(value, str):
        value = json_container(value)
        found = "a string that holds no JSON array"
    if not is_array(value):
        raise ItemsError(f"the items, {source}, must be an array, not {found}")
    return list(value) if isinstance(value, list) else value
