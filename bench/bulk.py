"""What a batch adds to each item, against what people would write themselves.

The nodes do nothing, so that nothing hides the cost: of ours a generated batch
with one template, of theirs the bare gather of PocketFlow, or a thread pool.
"""

import asyncio
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from pocketflow import AsyncNode, AsyncParallelBatchNode, BaseNode, Node

from bench.measure import Ratio, compare
from pflow_lower import Lowered, lower

ITEMS = 50_000
MANY_ITEMS = 500_000
CAP = 10


class NoOp(Node):
    """Does nothing in its thread."""

    def post(self, shared: Any, prep_res: Any, exec_res: Any) -> None:
        """Write something."""
        shared["done"] = True


class NoOpAsync(AsyncNode):
    """Does nothing in its task."""

    async def exec_async(self, prep_res: Any) -> None:
        """Do nothing."""

    async def post_async(self, shared: Any, prep_res: Any, exec_res: Any) -> None:
        """Write something."""
        shared["done"] = True


class Gather(AsyncParallelBatchNode):
    """The batch node of PocketFlow as it is, over items that do nothing."""

    async def prep_async(self, shared: Any) -> Any:
        """Give the items."""
        return shared["items"]

    async def exec_async(self, prep_res: Any) -> None:
        """Do nothing."""

    async def post_async(self, shared: Any, prep_res: Any, exec_res: Any) -> None:
        """Write the results."""
        shared["results"] = exec_res


def ratios() -> Iterator[Ratio]:
    """Give the ratio of each case."""
    yield compare(
        f"{ITEMS:,} async no-ops, against PocketFlow's gather",
        batch(NoOpAsync, ITEMS),
        lambda: gather(ITEMS),
        bound=0.36,
        rounds=9,
        per=ITEMS,
    )
    yield compare(
        f"{ITEMS:,} sync no-ops, against a thread pool",
        batch(NoOp, ITEMS),
        lambda: pool(ITEMS),
        bound=0.25,
        rounds=9,
        per=ITEMS,
    )
    yield memory()


def workflow(node_type: type[BaseNode]) -> Lowered:
    """Lower a workflow that runs a node once per item."""
    node = {
        "id": "work",
        "type": "work",
        "batch": {"items": "${docs}", "parallel": True, "max_concurrent": CAP},
        "params": {"prompt": "Summarize ${item}"},
    }
    return lower(
        {"inputs": {"docs": {"type": "array"}}, "nodes": [node]},
        nodes={"work": f"{__name__}:{node_type.__name__}"},
    )


def batch(node_type: type[BaseNode], count: int) -> Callable[[], None]:
    """Give a run of a generated batch."""
    run = workflow(node_type).load().run

    def ours() -> None:
        assert run(docs=list(range(count)))["work"]["success_count"] == count

    return ours


def gather(count: int) -> None:
    """Run PocketFlow's own batch node."""
    shared: dict[str, Any] = {"items": list(range(count))}
    asyncio.run(Gather().run_async(shared))
    assert len(shared["results"]) == count


def pool(count: int) -> None:
    """Run a thread pool that one call is submitted to for each item."""

    def nothing(item: int) -> None:
        """Do nothing."""

    with ThreadPoolExecutor(CAP) as executor:
        futures = [executor.submit(nothing, item) for item in range(count)]
        assert len([future.result() for future in futures]) == count


def memory() -> Ratio:
    """Compare the most memory that a process of each kind ever had."""
    with tempfile.TemporaryDirectory() as folder:
        lowered = workflow(NoOpAsync)
        lowered.write(folder)
        module = lowered.module_name
        ours = peak(folder, f"import {module}; {module}.run(docs=list(range(COUNT)))")
        theirs = peak(folder, "from bench.bulk import gather; gather(COUNT)")
    title = f"{MANY_ITEMS:,} async no-ops: peak memory, against the gather"
    return Ratio(title, ours, theirs, 0.18, unit="MB")


def peak(folder: str, code: str) -> float:
    """Run a program in a process of its own; give its peak memory in megabytes."""
    path = [str(Path(__file__).parent.parent), folder]
    program = f"import sys; sys.path += {path!r}; COUNT = {MANY_ITEMS}\n{code}"
    last = "from bench.bulk import most_memory; print(most_memory())"
    command = [sys.executable, "-c", f"{program}\n{last}"]
    ran = subprocess.run(command, check=True, capture_output=True, text=True)
    return float(ran.stdout) / 1e6


def most_memory() -> int:
    """Give the most memory that this process has had at a time, in bytes.

    What `getrusage` tells on Linux is at least what the parent process had.
    """
    status = Path("/proc/self/status")
    if status.exists():
        (line,) = (line for line in status.open() if line.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024
