import logging
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

import pytest

from pflow_lower.nodes.code import deadline
from pflow_lower.nodes.code.deadline import run_within

PATIENCE = 60
"""Seconds after which a test gives up; none takes that long unless it fails."""


@pytest.fixture
def restless() -> Iterator[None]:
    """Let threads take turns after every few instructions."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)


@pytest.fixture
def unraisable(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Note the exceptions that end a thread, or are raised where nobody catches."""
    noted: list[object] = []
    monkeypatch.setattr(threading, "excepthook", noted.append)
    monkeypatch.setattr(sys, "unraisablehook", noted.append)
    return noted


def test_gives_what_the_work_gives() -> None:
    assert run_within(PATIENCE, lambda: 5, nullcontext()) == 5


def test_raises_what_the_work_raises() -> None:
    error = KeyError("x")

    def work() -> None:
        raise error

    with pytest.raises(KeyError) as raised:
        run_within(PATIENCE, work, nullcontext())
    assert raised.value is error


def test_the_work_runs_within_its_surroundings_in_one_thread() -> None:
    steps: list[tuple[str, threading.Thread]] = []

    def note(step: str) -> None:
        steps.append((step, threading.current_thread()))

    @contextmanager
    def around() -> Iterator[None]:
        note("before")
        yield
        note("after")

    run_within(PATIENCE, lambda: note("work"), around())
    assert [step for step, _ in steps] == ["before", "work", "after"]
    threads = {thread for _, thread in steps}
    assert len(threads) == 1
    assert threading.current_thread() not in threads


def test_work_that_has_not_begun_in_time_never_begins() -> None:
    go = threading.Event()
    begun: list[str] = []
    threads: list[threading.Thread] = []

    @contextmanager
    def around() -> Iterator[None]:
        threads.append(threading.current_thread())
        go.wait(PATIENCE)
        yield

    with pytest.raises(TimeoutError):
        run_within(0.01, lambda: begun.append("begun"), around())
    go.set()
    threads[0].join(PATIENCE)
    assert not threads[0].is_alive()
    assert begun == []


def test_a_request_to_stop_never_hits_the_surroundings() -> None:
    go, ended = threading.Event(), threading.Event()

    @contextmanager
    def around() -> Iterator[None]:
        try:
            yield
        finally:
            assert go.wait(PATIENCE)
            for _ in range(1000):  # where it could be raised, were it on its way
                threading.get_ident()
            ended.set()

    def work() -> None:
        while True:
            pass

    with pytest.raises(TimeoutError):
        run_within(0.01, work, around())
    go.set()
    assert ended.wait(PATIENCE)


def test_one_that_comes_after_the_work_is_refused() -> None:
    worker = deadline._Worker(lambda: "done", nullcontext())
    worker.thread.start()
    worker.thread.join(PATIENCE)
    assert worker.stop() is False
    assert (worker.result, worker.error) == ("done", None)


def test_one_that_comes_while_the_work_is_ending_is_survived(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    close = deadline._Worker._close
    calls: list[str] = []

    def closing(worker: deadline._Worker) -> None:
        calls.append("close")
        if len(calls) == 1:
            raise deadline._StopWork
        close(worker)

    monkeypatch.setattr(deadline._Worker, "_close", closing)
    assert run_within(PATIENCE, lambda: "done", nullcontext()) == "done"
    assert calls == ["close", "close"]


@pytest.mark.usefixtures("restless")
def test_they_may_come_at_any_moment(
    unraisable: list[object], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL)
    entered: list[int] = []
    left: list[int] = []
    outcomes: list[object] = []

    @contextmanager
    def around(n: int) -> Iterator[None]:
        entered.append(n)
        try:
            yield
        finally:
            left.append(n)

    def work() -> int:
        return sum([n + 1 for n in range(1000)])

    def body() -> None:
        for n in range(200):
            try:
                outcomes.append(run_within(1e-6 + n * 1e-5, work, around(n)))
            except TimeoutError:
                outcomes.append("late")

    threads = [threading.Thread(target=body) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for thread in threading.enumerate():
        if thread.name == "pflow-lower code":
            thread.join(PATIENCE)
    assert len(outcomes) == 600
    assert set(outcomes) <= {500500, "late"}
    assert sorted(left) == sorted(entered)
    assert unraisable == []
