"""Events reach their listeners, in order and beside the run, whatever those do."""

import asyncio
import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Any

import pytest

from pflow_lower.runtime.events.delivery import Events
from pflow_lower.runtime.events.event import Event, ItemStarted, now

PATIENCE = 60
"""Seconds after which something that should happen counts as never happening."""


@pytest.fixture(autouse=True)
def nothing_is_left_behind() -> Iterator[None]:
    """Check that a test ends with the threads it began with."""
    before = set(threading.enumerate())
    yield
    assert set(threading.enumerate()) == before


def event(index: int) -> ItemStarted:
    return ItemStarted("b", now(), 1, index, attempt=1)


class Closed:
    """A listener that counts what it is called for."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.flushed = threading.Event()

    def __call__(self, event: Event) -> None:
        self.calls.append(event.kind)

    def flush(self) -> None:
        self.calls.append("flush")
        self.flushed.set()

    def close(self) -> None:
        self.calls.append("close")


def test_each_listener_gets_each_event_in_order() -> None:
    first: list[Event] = []
    second: list[Event] = []
    events = Events([first.append, second.append])
    emitted = [event(index) for index in range(10_000)]
    for each in emitted:
        events.emit(each)
    events.close()
    assert first == second == emitted


def test_events_of_many_threads_all_arrive_each_thread_s_in_order() -> None:
    heard: list[Event] = []
    events = Events([heard.append])

    def emit(thread: int) -> None:
        for index in range(1000):
            events.emit(ItemStarted(str(thread), now(), 1, index, attempt=1))

    threads = [threading.Thread(target=emit, args=(each,)) for each in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    events.close()
    assert len(heard) == 8000
    for thread_number in range(8):
        own = [each.index for each in heard if each.node_id == str(thread_number)]
        assert own == list(range(1000))


def test_tasks_can_emit() -> None:
    heard: list[Any] = []
    events = Events([heard.append])

    async def emit(index: int) -> None:
        await asyncio.sleep(0)
        events.emit(event(index))

    async def emit_all() -> None:
        await asyncio.gather(*map(emit, range(100)))

    asyncio.run(emit_all())
    events.close()
    assert sorted(each.index for each in heard) == list(range(100))


def test_emit_does_not_wait_for_a_listener() -> None:
    go_on = threading.Event()
    heard: list[Event] = []

    def slow(event: Event) -> None:
        assert go_on.wait(PATIENCE)
        heard.append(event)

    events = Events([slow])
    for index in range(10_000):
        events.emit(event(index))
    # If it waited, nobody would ever come here.
    assert heard == []
    go_on.set()
    events.close()
    assert [each.index for each in heard] == list(range(10_000))


def raise_error(_: Event) -> None:
    raise ValueError("no more space")


def exit_program(_: Event) -> None:
    raise SystemExit(3)


def interrupt(_: Event) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize("raising", [raise_error, exit_program, interrupt])
def test_a_raising_listener_is_logged_once_and_nobody_misses_an_event(
    raising: Callable[[Event], None], caplog: pytest.LogCaptureFixture
) -> None:
    heard: list[Event] = []
    tried: list[Event] = []

    def listener(event: Event) -> None:
        tried.append(event)
        raising(event)

    events = Events([listener, heard.append])
    for index in range(3):
        events.emit(event(index))
    events.close()
    assert len(tried) == len(heard) == 3
    (record,) = caplog.records
    assert (record.name, record.levelno) == ("pflow_lower.runtime", logging.ERROR)
    assert "listener" in record.message
    assert record.exc_info is not None
    assert record.exc_info[2] is not None


def test_each_raising_listener_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    events = Events([raise_error, exit_program])
    events.emit(event(0))
    events.emit(event(1))
    events.close()
    first, second = caplog.records
    assert "raise_error" in first.message
    assert "exit_program" in second.message


class Refusing(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        raise OSError("the log is full")


def test_a_log_that_raises_is_survived() -> None:
    handler = Refusing()
    logger = logging.getLogger("pflow_lower.runtime")
    logger.addHandler(handler)
    heard: list[Event] = []
    try:
        events = Events([raise_error, heard.append])
        events.emit(event(0))
        events.close()
    finally:
        logger.removeHandler(handler)
    assert len(heard) == 1


class Odd:
    """A listener whose other attributes cannot even be looked for."""

    def __call__(self, event: Event) -> None:
        pass

    def __getattr__(self, name: str) -> object:
        raise RuntimeError(f"no {name}")


def test_a_listener_is_flushed_when_nothing_follows_and_closed_once() -> None:
    listener = Closed()
    events = Events([Odd(), listener])
    events.emit(event(0))
    assert listener.flushed.wait(PATIENCE)
    events.emit(event(1))
    events.close()
    events.close()
    assert listener.calls[:3] == ["item_started", "flush", "item_started"]
    assert listener.calls[-1] == "close"
    assert listener.calls.count("close") == 1


def test_without_events_nothing_is_flushed() -> None:
    listener = Closed()
    Events([listener]).close()
    assert listener.calls == ["close"]


def test_a_raising_close_keeps_nobody_from_being_closed(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Raising(Closed):
        def close(self) -> None:
            raise OSError("it is gone")

    listener = Closed()
    Events([Raising(), listener]).close()
    assert listener.calls == ["close"]
    assert len(caplog.records) == 1


def test_listeners_have_the_context_in_which_they_were_given() -> None:
    variable: ContextVar[str] = ContextVar("variable", default="none")
    seen: list[str] = []
    variable.set("at first")
    events = Events([lambda _: seen.append(variable.get())])
    variable.set("later")
    events.emit(event(0))
    events.close()
    assert seen == ["at first"]


def test_an_interruption_ends_the_wait_of_close() -> None:
    go_on = threading.Event()

    def interrupting(_: Event) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        assert go_on.wait(PATIENCE)

    events = Events([interrupting])

    def emit_and_close() -> None:
        events.emit(event(0))
        events.close()

    with pytest.raises(KeyboardInterrupt):
        emit_and_close()
    go_on.set()
    events.close()


def test_an_event_after_the_end_harms_nobody() -> None:
    heard: list[Event] = []
    events = Events([heard.append])
    events.close()
    events.emit(event(0))
    events.close()
    assert heard == []


def test_now_never_goes_back_and_is_near_the_clock() -> None:
    times = [now() for _ in range(1000)]
    assert times == sorted(times)
    # Nobody set this machine's clock by a day while the tests ran.
    assert abs(now() - time.time()) < 86_400


def test_an_event_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        event(0).index = 1  # type: ignore[misc] # that is what is shown
