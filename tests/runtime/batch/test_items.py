"""What may be the items of a batch: streams of Python, how many, and their keys."""

import asyncio
import threading
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from batches import async_node_of, batch_of, either_node_of, node_of, run

from pflow_lower.runtime import (
    BatchError,
    BatchStep,
    ItemsError,
    Scope,
    StepError,
    WorkflowFlow,
    run_flow,
)

both_kinds = pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
caps = pytest.mark.parametrize("cap", [1, 4])

PATIENCE = 60
"""Seconds after which something that should happen counts as never happening."""


def double(item: int) -> int:
    return 2 * item


def counted(until: int) -> Iterator[int]:
    yield from range(until)


async def counted_async(until: int) -> AsyncIterator[int]:
    for number in range(until):
        await asyncio.sleep(0)
        yield number


class Own:
    """An iterable of somebody's own, that can be had again and again."""

    def __init__(self, until: int) -> None:
        self.until = until

    def __iter__(self) -> Iterator[int]:
        return counted(self.until)


class OwnAsync:
    """An asynchronous iterable that is no generator."""

    def __init__(self, until: int) -> None:
        self._next, self._until = 0, until

    def __aiter__(self) -> "OwnAsync":
        return self

    async def __anext__(self) -> int:
        await asyncio.sleep(0)
        if self._next == self._until:
            raise StopAsyncIteration
        self._next += 1
        return self._next - 1


class Sized(Own):
    def __len__(self) -> int:
        return self.until


Source = Callable[[int], Any]

SOURCES: dict[str, Source] = {
    "list": lambda until: list(range(until)),
    "tuple": lambda until: tuple(range(until)),
    "range": range,
    "set": lambda until: set(range(until)),
    "deque": lambda until: deque(range(until)),
    "keys": lambda until: dict.fromkeys(range(until)).keys(),
    "generator": counted,
    "map": lambda until: map(int, range(until)),
    "iterable": Own,
    "sized": Sized,
    "async generator": counted_async,
    "async iterable": OwnAsync,
    "json": lambda until: str(list(range(until))),
}

READ_ONCE = ["generator", "map", "async generator", "async iterable"]

all_sources = pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES)
read_once = pytest.mark.parametrize(
    "source", [SOURCES[name] for name in READ_ONCE], ids=READ_ONCE
)
read_again = pytest.mark.parametrize(
    "source",
    [source for name, source in SOURCES.items() if name not in READ_ONCE],
    ids=[name for name in SOURCES if name not in READ_ONCE],
)


@both_kinds
@caps
@all_sources
@pytest.mark.parametrize("count", [0, 1, 50])
def test_items_come_from_anything_that_can_be_iterated(
    source: Source, count: int, cap: int, is_async: bool
) -> None:
    node_type = either_node_of(double, is_async)
    output = run(batch_of(node_type, source(count), max_concurrent=cap))["b"]
    assert output["results"] == [2 * number for number in range(count)]
    assert output["count"] == output["success_count"] == count


@both_kinds
@pytest.mark.parametrize(
    ("items", "found"),
    [
        (None, "null"),
        (5, "a number"),
        (True, "a boolean"),
        ({"a": 1}, "an object"),
        ("text", "a string that holds no JSON array"),
        ('{"a": 1}', "a string that holds no JSON array"),
        (b"bytes", "a bytes"),
        (slice(1), "a slice"),
    ],
)
def test_what_is_no_list_is_refused(items: Any, found: str, is_async: bool) -> None:
    step = batch_of(either_node_of(double, is_async), items, items_source="${a.b}")
    with pytest.raises(StepError) as caught:
        run(step)
    assert str(caught.value) == (
        f'node "b" failed: the items, ${{a.b}}, must be an array, not {found}'
    )


def broken(until: int) -> Iterator[int]:
    yield from range(until)
    raise OSError("the line is dead")


async def broken_async(until: int) -> AsyncIterator[int]:
    async for number in counted_async(until):
        yield number
    raise OSError("the line is dead")


@both_kinds
@caps
@pytest.mark.parametrize("source", [broken, broken_async])
@pytest.mark.parametrize("count", [0, 20])
def test_items_that_end_in_an_error_fail_the_batch(
    source: Source, count: int, cap: int, is_async: bool
) -> None:
    node_type = either_node_of(double, is_async)
    settings = {"max_concurrent": cap, "error_handling": "continue"}
    with pytest.raises(StepError, match='node "b" failed: the line is dead'):
        run(batch_of(node_type, source(count), **settings))
    step = batch_of(node_type, source(count), **settings)
    step.next(batch_of(node_type, []), "error")
    output = run(step)["b"]
    assert (output["error"], output["type"]) == ("the line is dead", "OSError")
    assert output["count"] == count
    assert all(
        result in (None, 2 * index) for index, result in enumerate(output["results"])
    )
    if cap == 1 or not is_async:  # threads are waited for, tasks are cancelled
        assert output["success_count"] == count


async def cancelled_within() -> AsyncIterator[int]:
    yield 1
    raise asyncio.CancelledError


@both_kinds
@caps
def test_items_whose_source_is_cancelled_did_not_just_end(
    is_async: bool, cap: int
) -> None:
    step = batch_of(
        either_node_of(double, is_async), cancelled_within(), max_concurrent=cap
    )
    with pytest.raises(StepError, match="their source was cancelled"):
        run(step)


@both_kinds
@caps
@read_again
def test_too_many_items_are_refused_before_one_runs(
    source: Source, cap: int, is_async: bool
) -> None:
    ran: list[int] = []
    settings = {"max_concurrent": cap, "max_items": 7}
    node_type = either_node_of(ran.append, is_async)
    run(batch_of(node_type, source(7), **settings))
    assert sorted(ran) == list(range(7))
    ran.clear()
    with pytest.raises(StepError) as caught:
        run(batch_of(node_type, source(8), **settings))
    assert str(caught.value) == (
        'node "b" failed: there are more than 7 items, which is its max_items'
    )
    assert isinstance(caught.value.__cause__, ItemsError)
    assert ran == []


@both_kinds
@caps
@read_once
def test_what_can_be_read_but_once_is_too_much_when_it_is(
    source: Source, cap: int, is_async: bool
) -> None:
    ran: list[int] = []
    settings = {"max_concurrent": cap, "max_items": 7}
    node_type = either_node_of(ran.append, is_async)
    run(batch_of(node_type, source(7), **settings))
    assert sorted(ran) == list(range(7))
    ran.clear()
    with pytest.raises(StepError, match="there are more than 7 items"):
        run(batch_of(node_type, source(1000), **settings))
    assert set(ran) <= set(range(7))


def stream_of(folder: Path, kind: str, count: int) -> dict[str, str]:
    """Write so many items into files; give what `items` says of them."""
    path = folder / "items"
    if kind == "glob":
        for number in range(count):
            (folder / f"{number:03}.txt").touch()
        return {"glob": str(folder / "*.txt")}
    header = "number\n" if kind == "csv" else ""
    path.write_text(header + "".join(f"{number}\n" for number in range(count)))
    return {kind: str(path)}


@both_kinds
@pytest.mark.parametrize("kind", ["jsonl", "csv", "lines", "glob"])
def test_files_of_too_many_items_are_refused_before_one_runs(
    tmp_path: Path, kind: str, is_async: bool
) -> None:
    ran: list[Any] = []
    node_type = either_node_of(ran.append, is_async)
    items = stream_of(tmp_path, kind, 20)
    run(batch_of(node_type, items, items_from=kind, max_items=20))
    assert len(ran) == 20
    ran.clear()
    with pytest.raises(StepError, match="there are more than 19 items"):
        run(batch_of(node_type, items, items_from=kind, max_items=19))
    assert ran == []


def keyed(scope: Scope) -> Any:
    return scope.lookup("item") // 10


def batch_with_keys(node_type: Any, items: Any, **settings: Any) -> BatchStep:
    """Give a batch of numbers in which one ten has one key."""
    return batch_of(
        node_type, items, key_for=lambda self, scope: keyed(scope), **settings
    )


@both_kinds
@read_again
def test_two_items_of_one_key_are_refused_before_one_runs(
    source: Source, is_async: bool
) -> None:
    ran: list[int] = []
    node_type = either_node_of(ran.append, is_async)
    run(batch_with_keys(node_type, source(1)))
    assert ran == [0]
    with pytest.raises(StepError) as caught:
        run(batch_with_keys(node_type, source(2)))
    assert str(caught.value) == (
        'node "b" failed: item 1 has the key "0", and so has one before it: '
        "the keys of a batch must differ"
    )
    assert ran == [0]


@both_kinds
@caps
@read_once
def test_two_items_of_one_key_are_refused_when_they_are_met(
    source: Source, cap: int, is_async: bool
) -> None:
    ran: list[int] = []
    node_type = either_node_of(ran.append, is_async)
    step = batch_with_keys(node_type, source(100), max_concurrent=cap)
    with pytest.raises(StepError, match="item 1 has the key"):
        run(step)
    assert ran in ([], [0])


@both_kinds
def test_an_item_without_a_key_is_refused(is_async: bool) -> None:
    step = batch_with_keys(either_node_of(double, is_async), [1, "two"])
    with pytest.raises(StepError, match="item 1 has no key: unsupported operand"):
        run(step)


@both_kinds
def test_items_are_asked_for_only_as_they_are_started(is_async: bool) -> None:
    given = 0
    ahead: list[int] = []

    def lazy() -> Iterator[int]:
        nonlocal given
        for number in range(100):
            given += 1
            yield number

    def work(item: int) -> None:
        ahead.append(given - item)

    run(batch_of(either_node_of(work, is_async), lazy(), max_concurrent=3))
    assert max(ahead) <= 3


@both_kinds
@caps
def test_one_item_at_a_time_is_asked_of_an_asynchronous_iterable(
    is_async: bool, cap: int
) -> None:
    inside = most = 0

    class Jealous(OwnAsync):
        async def __anext__(self) -> int:
            nonlocal inside, most
            inside += 1
            most = max(most, inside)
            try:
                await asyncio.sleep(0.001)
                return await super().__anext__()
            finally:
                inside -= 1

    step = batch_of(either_node_of(double, is_async), Jealous(30), max_concurrent=cap)
    assert run(step)["b"]["count"] == 30
    assert most == 1


class Endless:
    """Gives two items, then none until somebody cancels the wait."""

    def __init__(self) -> None:
        self.log: list[str] = []
        self.waited_for = threading.Event()

    async def __aiter__(self) -> AsyncIterator[int]:
        yield 0
        yield 1
        try:
            self.waited_for.set()
            await asyncio.sleep(PATIENCE)
            self.log.append("patience is over")
        finally:
            await asyncio.sleep(0.01)
            self.log.append("closed")


def fails(item: int) -> int:
    if item == 1:
        raise ValueError("boom")
    return item


@both_kinds
def test_a_failure_ends_the_wait_for_the_next_item(is_async: bool) -> None:
    items = Endless()

    def work(item: int) -> int:
        items.waited_for.wait(PATIENCE)
        return fails(item)

    async def work_async(item: int) -> int:
        while not items.waited_for.is_set():
            await asyncio.sleep(0.001)
        return fails(item)

    node_type = async_node_of(work_async) if is_async else node_of(work)

    async def main() -> None:
        step = batch_of(node_type, items, max_concurrent=3)
        with pytest.raises(BatchError, match="boom"):
            await step.run_async({})
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(main())
    assert items.log == ["closed"]


@both_kinds
def test_the_end_of_its_time_ends_the_wait_for_the_next_item(is_async: bool) -> None:
    items = Endless()
    node_type = either_node_of(double, is_async)
    step = batch_of(node_type, items, max_concurrent=3, batch_timeout=0.5)
    with pytest.raises(StepError, match="the batch was not done within"):
        run(step)
    assert items.log == ["closed"]


@both_kinds
def test_cancelling_the_run_ends_the_wait_for_the_next_item(is_async: bool) -> None:
    items = Endless()

    async def main() -> None:
        step = batch_of(either_node_of(double, is_async), items, max_concurrent=3)
        task = asyncio.create_task(step.run_async({}))
        while not items.waited_for.is_set():
            await asyncio.sleep(0.001)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(main())
    assert items.log == ["closed"]


def test_a_generator_that_waits_for_a_failure_gets_to_know_of_it() -> None:
    failed = threading.Event()

    def source() -> Iterator[int]:
        yield 0
        yield 1
        # Another worker is in here while the item fails, and must not hold that up.
        failed.wait(PATIENCE)
        yield 2

    def watch(event: Any) -> None:
        if event.kind == "item_failed":
            failed.set()

    ran: list[int] = []

    def work(item: int) -> int:
        ran.append(item)
        return fails(item)

    step = batch_of(node_of(work), source(), max_concurrent=3)
    with pytest.raises(BatchError, match="boom"):
        run_flow(WorkflowFlow(start=step), {}, on_event=watch)
    assert failed.is_set()
    assert sorted(ran) == [0, 1]


def test_a_generator_that_blocks_does_not_block_the_event_loop() -> None:
    release, inside = threading.Event(), threading.Event()

    def source() -> Iterator[int]:
        yield 0
        inside.set()
        assert release.wait(PATIENCE)
        yield 1

    ran: list[int] = []

    async def main() -> None:
        step = batch_of(node_of(ran.append), source(), max_concurrent=2)
        task = asyncio.create_task(step.run_async({}))
        while not inside.is_set():
            await asyncio.sleep(0.001)
        task.cancel()
        # Only if cancelling it has not blocked this thread does it get here.
        await asyncio.sleep(0.01)
        release.set()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert ran == [0]
