"""The gate: a ceiling over every window, smooth, and reached.

Its properties are shown on a clock of our own, where hours pass at once, and its
ceiling also on runs that were recorded.
"""

import asyncio
import heapq
import threading
from collections.abc import Awaitable, Coroutine, Generator
from dataclasses import dataclass, field
from functools import partial
from time import monotonic
from typing import Any

import pytest
from batches import async_node_of, batch_of, either_node_of, node_of, run
from hypothesis import given
from hypothesis import strategies as st

from pflow_lower.runtime import RateLimit, Retry, WorkflowFlow, run_flow
from pflow_lower.runtime.batch import run as batch_run
from pflow_lower.runtime.batch.gate import Gate
from pflow_lower.runtime.events.event import Event

both_kinds = pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])


class Sleep(Awaitable[bool]):
    """A wait on the clock of a World."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def __await__(self) -> Generator[float, None, bool]:
        yield self._seconds
        return True


class World:
    """Runs coroutines on a clock that jumps from one moment to the next.

    Every sleep is longer than it was meant to be, by one of `late` in turn.
    """

    def __init__(self, late: list[float]) -> None:
        self.now = 1000.0
        self._late = late
        self._sleeps = 0

    def clock(self) -> float:
        return self.now

    def run(self, coroutines: list[Coroutine[Any, Any, None]]) -> None:
        waiting = [(self.now, number) for number in range(len(coroutines))]
        while waiting:
            self.now, number = heapq.heappop(waiting)
            try:
                seconds = coroutines[number].send(None)
            except StopIteration:
                continue
            self._sleeps += 1
            late = self._late[self._sleeps % len(self._late)]
            heapq.heappush(waiting, (self.now + seconds + late, number))


@dataclass(frozen=True)
class Demand:
    """Workers that arrive at a gate, work, and come again."""

    limit: RateLimit
    arrivals: list[float]
    """When each worker comes first."""
    work: list[float]
    """How long an attempt takes, one after the other."""
    late: list[float]
    """By how much sleeps are too long."""
    holds: dict[int, float] = field(default_factory=dict)
    """After which starts the gate is held, and for how long."""

    def starts(self, count: int) -> list[float]:
        """Give the first `count` times at which an attempt starts."""
        world = World(self.late)
        gate = Gate(self.limit, world.clock)
        starts: list[float] = []

        async def worker(arrival: float) -> None:
            await Sleep(arrival)
            while len(starts) < count:
                assert await gate.enter(Sleep)
                starts.append(world.now)
                if (seconds := self.holds.get(len(starts))) is not None:
                    gate.hold(seconds)
                await Sleep(self.work[len(starts) % len(self.work)])

        world.run([worker(arrival) for arrival in self.arrivals])
        return starts


def fullest_window(starts: list[float], per: float) -> int:
    """Give the most starts that lie in any window of `per` seconds."""
    starts = sorted(starts)
    most = first = 0
    for last, start in enumerate(starts):
        while start - starts[first] >= per:
            first += 1
        most = max(most, last - first + 1)
    return most


limits = st.builds(RateLimit, st.integers(1, 40), st.sampled_from([0.05, 1.0, 60.0]))


def times(per: float) -> st.SearchStrategy[list[float]]:
    """Give durations from none to more than a window."""
    share = st.sampled_from([0.0, 0.0, 0.001, 0.01, 0.1, 0.5, 1.0, 1.01, 2.5])
    return st.lists(share.map(lambda part: part * per), min_size=1, max_size=12)


demands = limits.flatmap(
    lambda limit: st.builds(
        Demand,
        st.just(limit),
        times(limit.per),
        times(limit.per),
        times(limit.per),
        st.dictionaries(
            st.integers(1, 60), st.floats(0, 3).map(lambda part: part * limit.per)
        ),
    )
)


@given(demands)
def test_no_window_holds_more_than_it_may(demand: Demand) -> None:
    starts = demand.starts(150)
    assert len(starts) >= 150
    assert fullest_window(starts, demand.limit.per) <= demand.limit.requests


@given(demands)
def test_nothing_starts_while_it_is_held(demand: Demand) -> None:
    starts = demand.starts(80)
    for number, seconds in demand.holds.items():
        held_at = starts[number - 1]
        assert not [start for start in starts[number:] if start < held_at + seconds]


@given(limits, st.integers(1, 20), st.sampled_from([0.0, 0.1, 0.9]))
def test_starts_lie_at_even_distances(
    limit: RateLimit, workers: int, part: float
) -> None:
    demand = Demand(limit, [0.0] * workers, [part * limit.per], [0.0])
    starts = demand.starts(3 * limit.requests)
    distance = limit.per / limit.requests
    # A worker that comes late may start at once, and the next one in its turn, so
    # one distance, or a hundredth of the window, may be missing. Never is more.
    spare = max(distance, limit.per / 100) * 1.02
    for first, start in enumerate(starts):
        for further, later in enumerate(starts[first:]):
            assert later - start >= further * distance - spare


@given(
    limits,
    st.integers(1, 100),
    st.lists(st.floats(0, 0.02), min_size=1, max_size=20),
    st.floats(0, 0.9),
)
def test_the_rate_is_reached_where_there_is_demand(
    limit: RateLimit, more: int, late: list[float], part: float
) -> None:
    # As many workers as it takes, and an attempt lasts up to most of a window.
    workers = int(part * limit.requests) + 1 + more
    demand = Demand(
        limit, [0.0] * workers, [part * limit.per], [each * limit.per for each in late]
    )
    count = 30 * limit.requests
    starts = demand.starts(count)
    ideal = limit.requests / limit.per
    assert (count - 1) / (starts[count - 1] - starts[0]) >= 0.95 * ideal


def test_a_turn_that_was_missed_a_little_is_not_lost() -> None:
    # Two workers sleep longer than they mean to, by more than a distance.
    starts = Demand(RateLimit(100, 1), [0.0, 0.0], [0.0], [0.012]).starts(1000)
    assert 999 / (starts[-1] - starts[0]) >= 95


def test_after_a_quiet_time_there_is_no_burst() -> None:
    arrivals = [0.0] * 3 + [500.0] * 30
    starts = Demand(RateLimit(10, 10), arrivals, [1e9], [0.0]).starts(33)
    after = [start for start in starts if start >= 1500]
    assert len(after) == 30
    # One turn may have been missed a moment ago, so two may start at once, not more.
    assert all(after[index + 2] - after[index] > 1 for index in range(28))


@pytest.mark.parametrize(("requests", "per"), [(0, 60), (-1, 60), (1, 0), (1, -0.5)])
def test_a_limit_that_lets_nothing_through_is_refused(
    requests: int, per: float
) -> None:
    with pytest.raises(ValueError, match="requests must be at least 1, per above 0"):
        RateLimit(requests, per)


def test_without_a_limit_a_gate_only_holds() -> None:
    world = World([0.0])
    gate = Gate(None, world.clock)
    starts: list[float] = []

    async def worker() -> None:
        assert await gate.enter(Sleep)
        starts.append(world.now)

    assert gate.hold(5)
    world.run([worker() for _ in range(50)])
    assert starts == [1005.0] * 50


def test_a_hold_is_never_cut_short_by_another() -> None:
    world = World([0.0])
    gate = Gate(None, world.clock)
    assert gate.hold(10)
    assert not gate.hold(3)
    world.now += 4
    assert not gate.hold(6)
    assert gate.hold(6.5)


def test_a_hold_that_comes_while_somebody_waits_counts_for_them() -> None:
    world = World([0.0])
    gate = Gate(None, world.clock)
    entered: list[float] = []

    async def holder() -> None:
        await Sleep(4)
        assert gate.hold(10)

    async def waiter() -> None:
        assert await gate.enter(Sleep)
        entered.append(world.now)

    gate.hold(5)
    world.run([waiter(), holder(), waiter()])
    assert entered == [1014.0, 1014.0]


@pytest.mark.parametrize("limit", [None, RateLimit(1, 60)])
def test_who_waits_leaves_where_the_batch_is_stopped(limit: RateLimit | None) -> None:
    gate = Gate(limit, lambda: 1000.0)
    gate.hold(50)
    asked: list[float] = []

    async def stopped(seconds: float) -> bool:
        asked.append(seconds)
        return False

    entering = gate.enter(stopped)
    with pytest.raises(StopIteration) as ended:
        entering.send(None)
    assert ended.value.value is False
    assert asked == [50]


class Recorder:
    """Records when attempts started: as the gate saw it, and as the node did."""

    def __init__(self) -> None:
        self.pairs: list[tuple[float, float]] = []
        self._last = threading.local()

    def clock(self) -> float:
        """Tell the time, and keep what was told to this thread."""
        self._last.time = monotonic()
        return float(self._last.time)

    def start(self) -> None:
        """Record a start; between the gate and the node no other task runs."""
        self.pairs.append((self._last.time, monotonic()))


def assert_ceiling(starts: list[float], limit: RateLimit) -> None:
    starts = sorted(starts)
    distances = [
        later - start
        for start, later in zip(starts, starts[limit.requests :], strict=False)
    ]
    assert min(distances) >= limit.per


@both_kinds
@pytest.mark.parametrize("fails", [False, True], ids=["once", "retried"])
def test_a_recorded_run_keeps_the_ceiling(
    monkeypatch: pytest.MonkeyPatch, is_async: bool, fails: bool
) -> None:
    recorder, limit = Recorder(), RateLimit(20, 0.5)
    monkeypatch.setattr(batch_run, "Gate", partial(Gate, clock=recorder.clock))
    lock = threading.Lock()
    failed: set[int] = set()

    def begin(item: int) -> None:
        recorder.start()
        with lock:
            first = item not in failed
            failed.add(item)
        if fails and first and item % 2:
            raise OSError("try again")

    def work(item: int) -> int:
        begin(item)
        threading.Event().wait(0.03)
        return item

    async def work_async(item: int) -> int:
        begin(item)
        await asyncio.sleep(0.03)
        return item

    count = 40 if fails else 60
    step = batch_of(
        async_node_of(work_async) if is_async else node_of(work),
        range(count),
        max_concurrent=8,
        rate_limit=limit,
        retry=Retry(max_attempts=2),
    )
    events: list[Event] = []
    outputs = run_flow(WorkflowFlow(start=step), {}, on_event=events.append)
    assert outputs["b"]["results"] == list(range(count))
    assert len(recorder.pairs) == 60  # attempts, those that were retried among them
    let_through = [gate for gate, _ in recorder.pairs]
    assert_ceiling(let_through, limit)
    # What the node sees is later by next to nothing, and the gate spares a
    # hundredth of the window for that. Only where the machine stood still between
    # the two may a window look fuller: such starts are judged by the gate's time.
    spare = limit.per / 100
    seen = [node if node - gate < spare else gate for gate, node in recorder.pairs]
    assert_ceiling(seen, limit)
    if not fails:
        told = [event.time for event in events if event.kind == "item_started"]
        assert len(told) == count


@both_kinds
def test_a_recorded_run_reaches_the_rate(is_async: bool) -> None:
    def rate() -> float:
        starts: list[float] = []
        step = batch_of(
            either_node_of(lambda _: starts.append(monotonic()), is_async),
            range(100),
            max_concurrent=8,
            rate_limit=RateLimit(100, 0.5),
        )
        run(step)
        return (len(starts) - 1) / (max(starts) - min(starts))

    # A machine that has much else to do may keep one run from it, or another.
    assert any(rate() >= 0.95 * 200 for _ in range(10))
