"""What happens in a batch, told to whoever listens, beside the run.

A batch emits an `Event` at each step; `Events` carries them to the listeners on a
thread of its own, so a slow or raising listener holds no item up and changes no
result.
"""

import logging
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Literal, NamedTuple, TypeAlias

from pflow_lower.support.threads import start_thread

logger = logging.getLogger("pflow_lower.runtime")

EventKind: TypeAlias = Literal[
    "batch_started",
    "item_started",
    "item_finished",
    "item_failed",
    "item_retried",
    "held_back",
    "batch_finished",
]

QUIET = 0.2
"""Seconds without an event after which listeners are flushed."""

_EPOCH = time.time() - time.monotonic()


class Event(NamedTuple):
    """One step of a batch; what does not apply to its kind is None.

    `time` is that of `now()`. `batch` is a number that tells two runs of one node
    at the same time apart, where there can be such. `index` is that of the item,
    and `attempt` counts from 1.

    - batch_started: `total` is the number of items, None where nobody knows it yet
    - item_started: the first attempt at an item begins
    - item_finished: the item succeeded at `attempt`, or, if it is `journaled`, in an
      earlier run: then it did not start in this one
    - item_retried: `attempt` failed with the message `error` of an exception of the
      type `type`, and the next one begins in `wait` seconds
    - item_failed: `attempt` failed likewise, and it was the last one
    - held_back: nothing of the batch starts for `wait` seconds
    - batch_finished: `count` items were run or found in the journal, of which
      `success_count` succeeded and `error_count` failed; `error` and `type` say why
      where the batch itself failed

    It is made up to some million times in a run: a NamedTuple takes a quarter of
    the time of a frozen dataclass.
    """

    kind: EventKind
    node_id: str
    time: float
    batch: int | None = None
    # That a tuple has methods called `index` and `count` matters to nobody here.
    index: int | None = None  # type: ignore[assignment]
    attempt: int | None = None
    error: str | None = None
    type: str | None = None
    wait: float | None = None
    total: int | None = None
    journaled: bool = False
    count: int | None = None  # type: ignore[assignment]
    success_count: int | None = None
    error_count: int | None = None


OnEvent: TypeAlias = Callable[[Event], object]
"""A listener. It may have methods `flush` and `close`: see `Events`."""


def now() -> float:
    """Give the seconds since the epoch, on a clock that never goes back.

    It is right when this module is imported and takes no part in later
    corrections of the system's clock, so differences are always true durations.
    """
    return time.monotonic() + _EPOCH


class Events:
    """Hands events to listeners, in order, on a thread of its own.

    What a listener raises, a SystemExit included, is logged the first time; it
    goes on getting events, and so do the others. It is called in a copy of the
    context in which this object was made, and never by two threads at once.

    A listener that has a method `flush` has it called when there has been no event
    for a moment, so that it can put off work until then. One that has a method
    `close` is closed at the end: it belongs to this object from now on.

    Events that a listener is too slow for wait in memory, some 250 bytes each,
    without a limit: none is dropped, and none holds up the run.
    """

    def __init__(self, listeners: Sequence[OnEvent]) -> None:
        self._listeners = tuple(listeners)
        self._queue: SimpleQueue[Event | None] = SimpleQueue()
        self._blamed: set[int] = set()
        self._delivery = start_thread(self._deliver, "pflow-lower-events")

    def emit(self, event: Event) -> None:
        """Let listeners know, some time soon; from any thread or task.

        It neither waits nor raises. After `close` there is nobody to hear it.
        """
        self._queue.put(event)

    def close(self) -> None:
        """Wait until all listeners have got everything and are closed.

        It can be called again. A KeyboardInterrupt ends the wait; the listeners
        then go on until the program ends.
        """
        self._queue.put(None)
        self._delivery.join()

    def _deliver(self) -> None:
        timeout = None
        while True:
            try:
                event = self._queue.get(timeout=timeout)
            except Empty:
                self._call_all("flush")
                timeout = None
                continue
            if event is None:
                break
            for listener in self._listeners:
                self._call(listener, listener, event)
            timeout = QUIET
        self._call_all("close")

    def _call_all(self, name: str) -> None:
        for listener in self._listeners:
            self._call(listener, _call_method, listener, name)

    def _call(
        self, listener: OnEvent, call: Callable[..., object], *given: object
    ) -> None:
        try:
            call(*given)
        except BaseException as error:
            if id(listener) not in self._blamed:
                self._blamed.add(id(listener))
                _log(listener, error)


def _call_method(listener: OnEvent, name: str) -> None:
    if callable(method := getattr(listener, name, None)):
        method()


def _log(listener: OnEvent, error: BaseException) -> None:
    # Somebody's logging may raise, too. Then there is nobody left to tell, but the
    # other listeners are still to be served.
    with suppress(BaseException):
        logger.error(
            "a listener to events failed, which changes nothing of the run; "
            "what %s raises from now on is not logged",
            getattr(listener, "__qualname__", type(listener).__qualname__),
            exc_info=error,
        )
