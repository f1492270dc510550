"""Node types that log what they do, to be named as `logging_nodes:Logged`."""

import asyncio
import os
import resource
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar

from pocketflow import AsyncNode, Node


def log(params: dict[str, Any]) -> None:
    """Append the item to the log, in one write: processes may share the file."""
    descriptor = os.open(params["log"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
    os.write(descriptor, f"{params['item']}\n".encode())
    os.close(descriptor)


def answer(params: dict[str, Any]) -> str:
    """Give the result; it fails if the file `bad` has a line that is the item."""
    item = str(params["item"])
    if "bad" in params and item in Path(params["bad"]).read_text().splitlines():
        error = OSError(f"{item} is bad, says {os.environ.get('API_KEY', 'nobody')}")
        # As clients do: the exception is of a class that knows no such attribute.
        error.retry_after = params.get("retry_after")  # type: ignore[attr-defined]
        raise error
    return f"done with {item}"


class Logged(Node):
    """Logs its `item`, takes its `seconds`, and gives a text; or fails."""

    result: ClassVar[str] = "out"

    def exec(self, prep_res: Any) -> str:
        log(self.params)
        time.sleep(self.params.get("seconds", 0))
        return answer(self.params)

    def post(self, shared: Any, prep_res: Any, exec_res: str) -> None:
        shared["out"] = exec_res


class AsyncLogged(AsyncNode):
    """`Logged` as an asynchronous node."""

    result: ClassVar[str] = "out"

    async def exec_async(self, prep_res: Any) -> str:
        log(self.params)
        await asyncio.sleep(self.params.get("seconds", 0))
        return answer(self.params)

    async def post_async(self, shared: Any, prep_res: Any, exec_res: str) -> None:
        shared["out"] = exec_res


class Stubborn(AsyncLogged):
    """`Logged` as an asynchronous node that a cancellation brings to its end early."""

    async def exec_async(self, prep_res: Any) -> str:
        with suppress(asyncio.CancelledError):
            await super().exec_async(prep_res)
        return answer(self.params)


class Same(AsyncNode):
    """Gives its `item`, and does nothing else."""

    async def post_async(self, shared: Any, prep_res: Any, exec_res: Any) -> None:
        shared["out"] = self.params["item"]


class Memory(Node):
    """Gives the megabytes of memory that this process has had at most."""

    def exec(self, prep_res: Any) -> float:
        # What Linux says of resources used counts in the process this began as.
        if sys.platform == "linux":
            status = Path("/proc/self/status").read_text()
            (line,) = (line for line in status.splitlines() if "VmHWM" in line)
            return int(line.split()[1]) / 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20

    def post(self, shared: Any, prep_res: Any, exec_res: float) -> None:
        shared["megabytes"] = exec_res
