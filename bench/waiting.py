"""Batches of nodes that wait, against bare threads and bare tasks.

What a batch adds to the node itself should not be seen where nodes wait for
something, which is what batches are for.
"""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from pocketflow import AsyncNode, BaseNode, Node

from bench.measure import Ratio, compare
from pflow_lower import lower


class Waits(Node):
    """Waits in its thread."""

    def exec(self, prep_res: Any) -> Any:
        """Wait as long as the param says."""
        time.sleep(self.params["seconds"])

    def post(self, shared: Any, prep_res: Any, exec_res: Any) -> None:
        """Write something."""
        shared["done"] = True


class WaitsAsync(AsyncNode):
    """Waits in its task."""

    async def exec_async(self, prep_res: Any) -> Any:
        """Wait as long as the param says."""
        await asyncio.sleep(self.params["seconds"])

    async def post_async(self, shared: Any, prep_res: Any, exec_res: Any) -> None:
        """Write something."""
        shared["done"] = True


def ratios() -> Iterator[Ratio]:
    """Give the ratio of each case."""
    for items, milliseconds, cap, rounds in ((200, 50, 10, 5), (1000, 100, 100, 3)):
        for node_type, bare in ((Waits, threads), (WaitsAsync, tasks)):
            yield compare(
                f"{items} x {milliseconds} ms at {cap}, against bare {bare.__name__}",
                batch(node_type, items, milliseconds / 1000, cap),
                bare(items, milliseconds / 1000, cap),
                bound=1.03,
                rounds=rounds,
            )


def batch(
    node_type: type[BaseNode], items: int, seconds: float, cap: int
) -> Callable[[], None]:
    """Give a run of a generated batch."""
    lowered = lower(
        {
            "nodes": [
                {
                    "id": "wait",
                    "type": "wait",
                    "batch": {
                        "items": [seconds] * items,
                        "as": "seconds",
                        "parallel": True,
                        "max_concurrent": cap,
                    },
                    "params": {"seconds": "${seconds}"},
                }
            ]
        },
        nodes={"wait": f"{__name__}:{node_type.__name__}"},
    )
    run = lowered.load().run

    def ours() -> None:
        assert run()["wait"]["success_count"] == items

    return ours


def threads(items: int, seconds: float, cap: int) -> Callable[[], None]:
    """Give a run of as many bare threads as the cap says over the same node."""

    def bare() -> None:
        left = iter(range(items))
        lock = threading.Lock()

        def work() -> None:
            while True:
                with lock:
                    if next(left, None) is None:
                        return
                node = Waits()
                node.params = {"seconds": seconds}
                node.run({})

        crew = [threading.Thread(target=work) for _ in range(cap)]
        for thread in crew:
            thread.start()
        for thread in crew:
            thread.join()

    return bare


def tasks(items: int, seconds: float, cap: int) -> Callable[[], None]:
    """Give a run of as many bare tasks as the cap says over the same node."""

    async def bare() -> None:
        left = iter(range(items))

        async def work() -> None:
            for _ in left:
                node = WaitsAsync()
                node.params = {"seconds": seconds}
                await node.run_async({})

        async with asyncio.TaskGroup() as group:
            for _ in range(cap):
                group.create_task(work())

    return lambda: asyncio.run(bare())
