import asyncio
import logging

import pytest

from pflow_lower.support.blocking import run_blocking
from pflow_lower.support.resources import borrowed, sharing

events: list[str] = []


@pytest.fixture(autouse=True)
def no_events() -> None:
    events.clear()


class Thing:
    """Something that is opened and closed, which takes a moment each."""

    async def __aenter__(self) -> "Thing":
        await asyncio.sleep(0)
        events.append(f"open {type(self).__name__}")
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await asyncio.sleep(0)
        events.append(f"close {type(self).__name__}")


class Other(Thing):
    pass


class Broken(Thing):
    async def __aexit__(self, *exc_info: object) -> None:
        raise OSError("it does not close")


async def use(opener: type[Thing]) -> Thing:
    async with borrowed(opener) as thing:
        await asyncio.sleep(0)
        return thing


def test_what_is_borrowed_within_is_one_and_closed_at_the_end() -> None:
    async def run() -> None:
        async with sharing():
            things = await asyncio.gather(*(use(Thing) for _ in range(9)))
            assert len(set(things)) == 1
            assert await use(Thing) is things[0]
            assert await use(Other) is not things[0]
            assert events == ["open Thing", "open Other"]

    asyncio.run(run())
    assert events == ["open Thing", "open Other", "close Other", "close Thing"]


def test_it_is_closed_when_the_run_fails_or_is_cancelled() -> None:
    async def run(error: BaseException) -> None:
        async with sharing():
            await use(Thing)
            raise error

    for error in (ValueError(), asyncio.CancelledError()):
        events.clear()
        with pytest.raises(type(error)):
            asyncio.run(run(error))
        assert events == ["open Thing", "close Thing"]


def test_nothing_is_opened_that_nobody_asks_for() -> None:
    async def run() -> None:
        async with sharing():
            pass

    asyncio.run(run())
    assert events == []


def test_what_does_not_close_is_logged_and_the_rest_is_closed(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def run() -> str:
        async with sharing():
            await use(Thing)
            await use(Broken)
            return "result"

    with caplog.at_level(logging.WARNING, "pflow_lower"):
        assert asyncio.run(run()) == "result"
    assert events == ["open Thing", "open Broken", "close Thing"]
    assert caplog.messages == ["closing a shared resource failed"]


def test_inside_of_another_one_the_outer_one_closes() -> None:
    async def run() -> None:
        async with sharing():
            async with sharing():
                thing = await use(Thing)
            assert events == ["open Thing"]
            assert await use(Thing) is thing

    asyncio.run(run())
    assert events == ["open Thing", "close Thing"]


def test_without_it_everybody_has_one_of_their_own() -> None:
    async def run() -> None:
        first, second = await use(Thing), await use(Thing)
        assert first is not second

    asyncio.run(run())
    assert events == ["open Thing", "close Thing"] * 2


def test_another_event_loop_has_its_own() -> None:
    async def inner() -> Thing:
        async with sharing():
            assert await use(Thing) is await use(Thing)
            return await use(Thing)

    async def run() -> None:
        async with sharing():
            thing = await use(Thing)
            assert run_blocking(use(Thing)) is not thing
            assert run_blocking(inner()) is not thing
            assert await use(Thing) is thing

    asyncio.run(run())
    assert events == ["open Thing", *["open Thing", "close Thing"] * 2, "close Thing"]


def test_a_task_that_outlives_the_run_has_its_own() -> None:
    async def late(over: asyncio.Event) -> None:
        await over.wait()
        await use(Thing)

    async def run() -> None:
        over = asyncio.Event()
        async with sharing():
            task = asyncio.create_task(late(over))
            await asyncio.sleep(0)
        over.set()
        await task

    asyncio.run(run())
    assert events == ["open Thing", "close Thing"]


def test_what_does_not_open_is_tried_again() -> None:
    class Flaky(Thing):
        async def __aenter__(self) -> "Thing":
            events.append("try")
            if len(events) == 1:
                raise OSError("not yet")
            return await super().__aenter__()

    async def run() -> None:
        async with sharing():
            with pytest.raises(OSError, match="not yet"):
                await use(Flaky)
            await use(Flaky)

    asyncio.run(run())
    assert events == ["try", "try", "open Flaky", "close Flaky"]
