"""How many failures of a batch are too many."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
from batches import async_node_of, batch_of, either_node_of, node_of, run
from hypothesis import given
from hypothesis import strategies as st

from pflow_lower.runtime import BatchError
from pflow_lower.runtime.batch.settings import share

both_kinds = pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])

PATIENCE = 60


def generator(until: int) -> Iterator[int]:
    yield from range(until)


async def async_generator(until: int) -> AsyncIterator[int]:
    for number in range(until):
        yield number


with_length = pytest.mark.parametrize(
    "source", [lambda until: list(range(until)), range], ids=["list", "range"]
)
without_length = pytest.mark.parametrize("source", [generator, async_generator])
Source = Callable[[int], Any]


class Failing:
    """Fails at some items, and records which ran."""

    def __init__(self, *bad: int) -> None:
        self.ran: list[int] = []
        self._bad = bad

    def __call__(self, item: int) -> int:
        self.ran.append(item)
        if item in self._bad:
            raise ValueError(f"{item} is bad")
        return item

    def batch(self, items: Any, is_async: bool, **settings: Any) -> Any:
        """Give a batch that goes on past failures."""
        node_type = either_node_of(self, is_async)
        return batch_of(node_type, items, error_handling="continue", **settings)


@both_kinds
@pytest.mark.parametrize(
    "settings",
    [
        {"tolerated_failure_count": 3},
        {"tolerated_failure_count": 100},
        {"tolerated_failure_percentage": 30},
        {"tolerated_failure_percentage": 100},
        {"tolerated_failure_count": 3, "tolerated_failure_percentage": 30},
        {},
    ],
    ids=str,
)
@pytest.mark.parametrize("source", [range, generator, async_generator])
def test_as_many_as_are_tolerated_do_not_stop_it(
    source: Source, settings: dict[str, Any], is_async: bool
) -> None:
    failing = Failing(0, 5, 9)
    output = run(failing.batch(source(10), is_async, **settings))["b"]
    assert failing.ran == list(range(10))
    assert (output["success_count"], output["error_count"]) == (7, 3)


@both_kinds
@pytest.mark.parametrize(
    "settings",
    [
        {"tolerated_failure_count": 2},
        {"tolerated_failure_percentage": 20},
        {"tolerated_failure_percentage": 29.99},
        {"tolerated_failure_count": 2, "tolerated_failure_percentage": 90},
        {"tolerated_failure_count": 9, "tolerated_failure_percentage": 20},
    ],
    ids=str,
)
@with_length
def test_a_list_stops_at_the_first_that_is_too_many(
    source: Source, settings: dict[str, Any], is_async: bool
) -> None:
    failing = Failing(0, 3, 5, 7)
    with pytest.raises(BatchError) as caught:
        run(failing.batch(source(10), is_async, **settings))
    assert failing.ran == [0, 1, 2, 3, 4, 5]
    assert (caught.value.index, caught.value.item) == (5, 5)
    assert caught.value.results == [None, 1, 2, None, 4, None]
    assert str(caught.value) == (
        'node "b" failed: item 5 (5): 5 is bad (3 of 6 items failed)'
    )
    assert str(caught.value.__cause__) == "5 is bad"


@both_kinds
@without_length
def test_a_count_stops_a_stream_as_well(source: Source, is_async: bool) -> None:
    failing = Failing(0, 3, 5, 7)
    with pytest.raises(BatchError, match=r"item 5 .*3 of 6 items failed"):
        run(failing.batch(source(10), is_async, tolerated_failure_count=2))
    assert failing.ran == [0, 1, 2, 3, 4, 5]


@both_kinds
@without_length
def test_the_share_of_a_stream_is_looked_at_at_its_end(
    source: Source, is_async: bool
) -> None:
    failing = Failing(0, 1, 2, 5)
    run(failing.batch(source(10), is_async, tolerated_failure_percentage=40))
    step = failing.batch(source(10), is_async, tolerated_failure_percentage=39)
    failing.ran.clear()
    with pytest.raises(BatchError) as caught:
        run(step)
    assert failing.ran == list(range(10))
    assert caught.value.index == 5
    assert caught.value.results == [None, None, None, 3, 4, None, 6, 7, 8, 9]
    assert str(caught.value) == (
        'node "b" failed: item 5 (5): 5 is bad (4 of 10 items failed)'
    )


@both_kinds
@pytest.mark.parametrize("items", [[], ()], ids=["list", "tuple"])
def test_of_none_none_is_too_many(items: Any, is_async: bool) -> None:
    failing = Failing()
    step = failing.batch(items, is_async, tolerated_failure_percentage=0)
    assert run(step)["b"]["count"] == 0
    step = failing.batch(generator(0), is_async, tolerated_failure_percentage=0)
    assert run(step)["b"]["count"] == 0


@both_kinds
@pytest.mark.parametrize("key", ["count", "percentage"])
def test_a_tolerance_of_none_stops_at_the_first(key: str, is_async: bool) -> None:
    failing = Failing(2, 4)
    settings = {f"tolerated_failure_{key}": 0}
    with pytest.raises(BatchError, match=r"item 2 .*1 of 3 items failed"):
        run(failing.batch(range(10), is_async, **settings))
    assert failing.ran == [0, 1, 2]


@both_kinds
@pytest.mark.parametrize("source", [range, generator])
def test_the_error_edge_is_followed(source: Source, is_async: bool) -> None:
    failing = Failing(1, 3)
    step = failing.batch(
        source(5),
        is_async,
        tolerated_failure_percentage=20,
        tolerated_failure_count=1,
    )
    step.next(batch_of(node_of(str), [], node_id="after"), "error")
    shared: dict[str, Any] = {}
    assert asyncio.run(step._run_async(shared)) == "error"
    kinds = {"type": "ValueError"}
    assert shared["b"] == {
        "results": [0, None, 2, None],
        "errors": [
            {"index": 1, "item": 1, "error": "1 is bad", **kinds},
            {"index": 3, "item": 3, "error": "3 is bad", **kinds},
        ],
        "count": 4,
        "success_count": 2,
        "error_count": 2,
    }


def test_what_is_in_flight_is_cancelled() -> None:
    log: list[str] = []

    async def work(item: int) -> None:
        if item < 3:
            await asyncio.sleep(0.01)
            raise ValueError(f"{item} is bad")
        try:
            await asyncio.sleep(PATIENCE)
        except asyncio.CancelledError:
            log.append(f"{item} cancelled")
            raise

    step = batch_of(
        async_node_of(work),
        range(20),
        max_concurrent=5,
        error_handling="continue",
        tolerated_failure_count=2,
    )
    with pytest.raises(BatchError, match="2 is bad") as caught:
        run(step)
    started = len(caught.value.results)
    assert 5 < started <= 7
    assert sorted(log) == [f"{item} cancelled" for item in range(3, started)]


def test_a_share_is_counted_as_it_is_written() -> None:
    # As a double 0.57 is a little less, and 57 would be more than that.
    assert 10_000 * 0.57 / 100 < 57
    assert share(0.57, 10_000) == 57
    assert share(33.3, 10) == 3
    assert share(1e-7, 10**9) == 1
    assert share(100, 7) == 7
    assert share(0, 7) == 0


@given(st.integers(0, 10**6), st.integers(0, 10_000))
def test_so_many_of_a_hundred_are_that_share(total: int, hundredths: int) -> None:
    assert share(hundredths / 100, total) == total * hundredths // 10_000
