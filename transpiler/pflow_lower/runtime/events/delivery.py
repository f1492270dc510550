"""Delivery of events to listeners, beside the run.

A batch emits an `Event` at each step; `Events` carries them to the listeners on a
thread of its own, so a listener that is slow or raises delays no item and changes
no result.
"""

import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Any, TypeAlias

from pflow_lower.runtime.events.event import Event
from pflow_lower.support.threads import ThreadFuture

logger = logging.getLogger("pflow_lower.runtime")

QUIET = 0.2
"""Seconds without an event after which listeners are flushed."""

OnEvent: TypeAlias = Callable[[Event], object]
"""A listener. It may have methods `flush` and `close`: see `Events`."""


class Events:
    """Hands events to listeners, in order, on a thread of its own.

    What a listener raises, a SystemExit included, is logged the first time; it
    still gets all further events, and so do the others. It is called in a copy of
    the context in which this object was made, and never by two threads at once.

    If a listener has a method `flush`, it is called when there has been no event
    for a moment, so that the listener can put off work until then. If it has a
    method `close`, that is called at the end.

    Events that a listener is too slow for wait in memory, some 200 bytes each,
    without a limit: none is dropped, and none delays the run.
    """

    def __init__(self, listeners: Sequence[OnEvent]) -> None:
        self._listeners = tuple(listeners)
        self._queue: SimpleQueue[Event | None] = SimpleQueue()
        self._blamed: set[int] = set()
        self._delivery = ThreadFuture(self._deliver, "pflow-lower-events")

    def emit(self, event: Event) -> None:
        """Deliver an event soon; may be called from any thread or task.

        It neither waits nor raises. After `close` events are ignored.
        """
        self._queue.put(event)

    def close(self) -> None:
        """Wait until all listeners have received everything and are closed.

        It may be called again. A KeyboardInterrupt ends the wait; the listeners
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
                self._call("flush")
                timeout = None
                continue
            if event is None:
                break
            self._call(None, event)
            timeout = QUIET
        self._call("close")

    def _call(self, name: str | None, *given: object) -> None:
        """Call each listener, or its method `name` if it has one."""
        for listener in self._listeners:
            try:
                call: Any = getattr(listener, name, None) if name else listener
                if name is None or callable(call):
                    call(*given)
            except BaseException as error:
                if id(listener) not in self._blamed:
                    self._blamed.add(id(listener))
                    _log(listener, error)


def _log(listener: OnEvent, error: BaseException) -> None:
    # A log handler may raise, too. The other listeners still get their events.
    with suppress(BaseException):
        logger.error(
            "an event listener failed, which does not affect the run; "
            "further errors of %s are not logged",
            getattr(listener, "__qualname__", type(listener).__qualname__),
            exc_info=error,
        )
