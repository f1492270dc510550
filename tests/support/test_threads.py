"""Threads: what comes of work on one."""

import asyncio
import threading
from collections.abc import Iterator
from contextvars import ContextVar

import pytest

from pflow_lower.support.threads import ThreadFuture, aside, wait_for

PATIENCE = 60
"""Seconds after which something that should happen counts as never happening."""

_where: ContextVar[str] = ContextVar("_where", default="nowhere")


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    for thread in set(threading.enumerate()) - before:
        thread.join(PATIENCE)
        assert not thread.is_alive()


def test_work_has_a_daemon_thread_with_a_copy_of_the_context() -> None:
    def work() -> tuple[str, bool, str]:
        thread = threading.current_thread()
        seen = _where.get()
        _where.set("there")
        return thread.name, thread.daemon, seen

    token = _where.set("here")
    future = ThreadFuture(work, "worker")
    future.join()
    assert future.result() == ("worker", True, "here")
    assert _where.get() == "here"
    _where.reset(token)


@pytest.mark.parametrize("kind", [ValueError, SystemExit, KeyboardInterrupt])
def test_the_future_holds_what_the_work_raised(kind: type[BaseException]) -> None:
    def work() -> None:
        raise kind("boom")

    future = ThreadFuture(work, "worker")
    future.join()
    with pytest.raises(kind, match="boom"):
        future.result()


def test_it_cannot_be_cancelled() -> None:
    release = threading.Event()
    future = ThreadFuture(lambda: release.wait(PATIENCE), "worker")
    assert not future.cancel()
    release.set()
    wait_for(future)
    assert future.result()
    future.join()


def test_a_system_without_threads_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def start(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", start)
    with pytest.raises(RuntimeError, match="can't start new thread"):
        ThreadFuture(int, "worker")


def test_blocking_work_goes_on_when_its_wait_is_cancelled(
    caplog: pytest.LogCaptureFixture,
) -> None:
    started, release, ended = (threading.Event() for _ in range(3))

    def work() -> None:
        started.set()
        release.wait(PATIENCE)
        ended.set()

    async def main() -> None:
        task = asyncio.create_task(aside(work))
        while not started.is_set():
            await asyncio.sleep(0.001)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert caplog.messages == ["a thread goes on; its result will be dropped"]
    assert not ended.is_set()
    release.set()
    assert ended.wait(PATIENCE)


def test_blocking_work_gives_its_result() -> None:
    assert asyncio.run(aside(lambda: threading.current_thread().name)) == (
        "pflow-lower aside"
    )
