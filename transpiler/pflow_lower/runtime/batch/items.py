"""The items of one run of a batch: which were started, and how each ended."""

from collections.abc import AsyncIterable, Callable, Iterable, Iterator
from itertools import count
from math import inf
from threading import Event, Lock
from time import sleep
from typing import Any, Final, TypeAlias

from pflow_lower.runtime.batch.admission import AnyItems, too_many
from pflow_lower.runtime.batch.results_file import ResultsFile
from pflow_lower.runtime.batch.settings import share
from pflow_lower.runtime.errors import error_value

_IN_FLIGHT: Final = object()
_ASK_AGAIN = 10

Taken: TypeAlias = tuple[int, Any]
"""The index of an item, and the item."""

Failure: TypeAlias = tuple[int, Any, BaseException]
"""The index of an item, the item, and how it failed."""


class Items:
    """Hands out the items of a batch in order, and collects their results.

    Any thread may call the methods. After `stop`, or after more failures than are
    `tolerated`, no further item is handed out. `limit` is how many items there may
    be.
    """

    def __init__(
        self,
        items: AnyItems,
        *,
        tolerated: float = inf,
        limit: float = inf,
    ) -> None:
        self.failure: Failure | None = None
        self._last_failure: Failure | None = None
        self.stopped = False
        self.is_async = isinstance(items, AsyncIterable)
        self._numbered: Iterator[Taken] = iter(())
        if isinstance(items, AsyncIterable):
            self._numbers = count()
            self._async_iterator = aiter(items)
        else:
            self._numbered = enumerate(items if limit == inf else _few(items, limit))
        self._tolerated = tolerated
        self._limit = limit
        self._errors: list[dict[str, Any]] = []
        self._results: list[Any] = []
        self._open: Callable[[object], None] = self._results.append
        self._stopping = Event()
        self._lock = Lock()
        self._turn = Lock()  # a lock of its own: an iterator may block

    def take(self) -> Taken | None:
        """Start the next item: return its index and the item, or None at the end."""
        if not self._turn.acquire(blocking=False):
            self._wait_for_turn()
        try:
            if not self.stopped:
                for taken in self._numbered:
                    if self.stopped:
                        break
                    self._open(_IN_FLIGHT)
                    return taken
        finally:
            self._turn.release()
        return None

    async def take_async(self) -> Taken | None:
        """Start the next item of an asynchronous iterable, once it is there."""
        if self.stopped:
            return None
        async for item in self._async_iterator:
            if self.stopped:
                break
            index = next(self._numbers)
            if index >= self._limit:
                raise too_many(self._limit)
            self._open(_IN_FLIGHT)
            return index, item
        return None

    def succeed(self, index: int, result: Any) -> None:
        """Keep the result of an item."""
        self._results[index] = result

    def fail(self, index: int, item: Any, error: BaseException) -> None:
        """Keep the failure of an item; one too many stops the batch."""
        record = {
            "index": index,
            "item": item,
            "error": error_value(error),
            "type": type(error).__name__,
        }
        with self._lock:
            self._errors.append(record)
            self._last_failure = (index, item, error)
            self._put_failure(index, record)
            if len(self._errors) > self._tolerated and self.failure is None:
                self.failure = self._last_failure
                self.stopped = True
                self._stopping.set()

    def stop(self) -> None:
        """Hand out no further item, and end all waits."""
        with self._lock:
            self.stopped = True
            self._stopping.set()

    def wait(self, seconds: float) -> None:
        """Wait as long in this thread, or until the batch is stopped."""
        self._stopping.wait(seconds)

    def counts(self) -> tuple[int, int, int]:
        """Return how many items were started, have succeeded and have failed."""
        in_flight = sum(result is _IN_FLIGHT for result in self._results)
        started, failed = len(self._results), len(self._errors)
        return started, started - failed - in_flight, failed

    def check_share(self, percentage: float | None) -> None:
        """Fail the batch if more than this share of all its items have failed.

        Only for a list is the total known before the end.
        """
        started, _, failed = self.counts()
        if percentage is None or self.failure or failed <= share(percentage, started):
            return
        self.failure = self._last_failure

    def leave(self) -> str | None:
        """Keep the results of a batch that ends early; return their file, if any."""
        return None

    def output(self, *, is_complete: bool) -> dict[str, Any]:
        """Return the outputs of the batch, once every item that was started has ended.

        Items that were cancelled are null and neither a success nor an error.
        """
        started, succeeded, failed = self.counts()
        self._errors.sort(key=lambda record: int(record["index"]))
        return {
            "results": self._all_results(is_complete),
            "errors": self._errors,
            "count": started,
            "success_count": succeeded,
            "error_count": failed,
        }

    def _wait_for_turn(self) -> None:
        """Take the lock of `take`, which another thread has.

        A thread that blocks on a lock gets it without the interpreter lock, and then
        waits for that: other threads queue up meanwhile, and each item costs a switch
        of threads. To let others run and to ask again avoids that. For a slow
        iterator the thread blocks.
        """
        for _ in range(_ASK_AGAIN):
            sleep(0)
            if self._turn.acquire(blocking=False):
                return
        self._turn.acquire()

    def _put_failure(self, index: int, record: dict[str, Any]) -> None:
        self._results[index] = None

    def _all_results(self, is_complete: bool) -> Any:
        if any(result is _IN_FLIGHT for result in self._results):
            return [None if each is _IN_FLIGHT else each for each in self._results]
        return self._results


class FiledItems(Items):
    """Items whose results go to a file: in memory they are only counted."""

    def __init__(
        self,
        items: AnyItems,
        file: ResultsFile,
        *,
        tolerated: float = inf,
        limit: float = inf,
    ) -> None:
        super().__init__(items, tolerated=tolerated, limit=limit)
        self._file = file
        self._open = self._count
        self._started = 0
        self._succeeded = 0

    def succeed(self, index: int, result: Any) -> None:
        """Write the result of an item as soon as those before it are written."""
        self._file.put(index, {"index": index, "result": result})
        with self._lock:
            self._succeeded += 1

    def counts(self) -> tuple[int, int, int]:
        """Return how many items were started, have succeeded and have failed."""
        return self._started, self._succeeded, len(self._errors)

    def leave(self) -> str | None:
        """Keep the results; return their file."""
        return self._file.keep()

    def _count(self, _: object) -> None:
        self._started += 1

    def _put_failure(self, index: int, record: dict[str, Any]) -> None:
        failed = {"error": record["error"], "type": record["type"]}
        self._file.put(index, {"index": index, "result": None, **failed})

    def _all_results(self, is_complete: bool) -> Any:
        return self._file.finish(self._started) if is_complete else self._file.keep()


def _few(items: Iterable[Any], limit: float) -> Iterator[Any]:
    """Yield the items; raise ItemsError at one that is too many."""
    for index, item in enumerate(items):
        if index >= limit:
            raise too_many(limit)
        yield item
