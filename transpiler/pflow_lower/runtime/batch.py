"""`BatchStep`: a node of a workflow that runs once per item.

It is a PocketFlow AsyncParallelBatchNode whose `_exec` starts items lazily, keeps
at most `max_concurrent` of them in flight, and stops when one fails. PocketFlow's
own starts all at once, and lets the others go on after a failure.
"""

import asyncio
from asyncio import CancelledError
from collections.abc import Sized
from dataclasses import dataclass, field
from functools import partial
from threading import TIMEOUT_MAX
from typing import Any, ClassVar, Literal

from pocketflow import AsyncParallelBatchNode, BaseNode

from pflow_lower.runtime.blocking import run_blocking
from pflow_lower.runtime.errors import (
    BatchError,
    ErrorAction,
    InvalidIndexError,
    MissingReferenceError,
    MissingResultError,
    RunError,
    StepError,
    describe,
    error_value,
)
from pflow_lower.runtime.items import Items, as_items
from pflow_lower.runtime.node import (
    is_async,
    is_cancelled,
    node_class,
    run_async,
    run_sync,
)
from pflow_lower.runtime.scope import Scope
from pflow_lower.runtime.store import NodeStore
from pflow_lower.runtime.threads import in_tasks, in_threads

_YIELD_EVERY = 64
"""After so many items a task lets others run: some nodes never wait."""


@dataclass(slots=True)
class _Run:
    """One run of a batch; `failure` is that of the batch, not of an item."""

    node_type: type[BaseNode]
    shared: Any
    items: Items
    workers: int
    failure: Exception | None = None
    parsed: dict[str, Any] = field(default_factory=dict)
    tasks: list[asyncio.Task[None]] = field(default_factory=list)


class BatchStep(AsyncParallelBatchNode):
    """A node that runs once per item: what a generated batch class is based on.

    A subclass says what is particular to it: `node_id`, `node_type`, `items_for`,
    `params_for` and the settings of `docs/language.md` § 3. `max_concurrent` is 1
    where items run one by one; `max_attempts` counts the first one, too;
    `items_source` is what was written for the items, to name it in an error.

    It also runs outside a generated flow: alone, in a PocketFlow flow (a
    synchronous one, too), or as the node type of a Step, whose params then give
    its `items`.
    """

    node_id: ClassVar[str] = ""
    node_type: ClassVar[type[BaseNode] | str] = ""
    items_source: ClassVar[str] = "items"
    alias: ClassVar[str] = "item"
    max_concurrent: ClassVar[int] = 1
    error_handling: ClassVar[Literal["fail_fast", "continue"]] = "fail_fast"
    max_attempts: ClassVar[int] = 1
    retry_wait: ClassVar[float] = 0
    results: ClassVar[Literal["value", "record"]] = "value"

    def items_for(self, scope: Scope) -> Any:
        """Give the items, their references resolved."""
        raise RunError(f"{type(self).__name__} does not say what its items are")

    def params_for(self, scope: Scope) -> dict[str, Any]:
        """Give the params of one item, their references resolved."""
        return {}

    def load(self) -> None:
        """Look up the node type; raises UnknownNodeTypeError where there is none."""
        node_class(self.node_type)

    async def prep_async(self, shared: Any) -> _Run:
        """Resolve the items."""
        items: Any = ()
        failure: Exception | None = None
        try:
            items = as_items(self._items(shared), self.items_source)
        except Exception as error:  # it follows the error edge
            failure = error
        size = len(items) if isinstance(items, Sized) else self.max_concurrent
        return _Run(
            node_type=node_class(self.node_type),
            shared=shared,
            items=Items(items, stop_on_failure=self.error_handling == "fail_fast"),
            workers=min(self.max_concurrent, size),
            failure=failure,
        )

    async def _exec(self, prep_res: _Run) -> _Run:
        """Run the items; returns when all that were started are over."""
        run = prep_res
        try:
            if is_async(run.node_type):
                work = partial(self._work_async, run)
                await in_tasks(run.workers, work, run.items.stop, run.tasks)
            else:
                threads_work = partial(self._work, run)
                stop = run.items.stop
                await in_threads(run.workers, threads_work, stop, self.node_id)
        except Exception as error:  # it follows the error edge
            run.failure = error
        return run

    async def post_async(self, shared: Any, prep_res: Any, exec_res: _Run) -> str:
        """Write the output, and say which edge to follow.

        Raises BatchError or StepError where the batch failed and no edge leaves
        for the action `error`.
        """
        output = exec_res.items.output()
        failure = self._failure(exec_res, output)
        if failure is not None and "error" not in self.successors:
            if not isinstance(shared, NodeStore):
                shared.pop(self.node_id, None)
            raise failure
        if isinstance(shared, NodeStore):
            shared.update(output)
        else:
            shared[self.node_id] = output
        return "default" if failure is None else "error"

    def _items(self, shared: Any) -> Any:
        # As the node type of a Step its params are resolved; those that a flow
        # hands it are the flow's own, and may hold anything.
        if isinstance(shared, NodeStore) and "items" in self.params:
            return self.params["items"]
        return self.items_for(Scope(shared))

    def _failure(self, run: _Run, output: dict[str, Any]) -> StepError | None:
        failure: StepError | None = None
        if run.items.failure is not None:
            index, item, error = run.items.failure
            message = describe(error)
            failure = BatchError(
                self.node_id, message, index=index, item=item, output=output
            )
            failure.__cause__ = error
        elif run.failure is not None:
            output["error"] = error_value(run.failure)
            output["type"] = type(run.failure).__name__
            failure = StepError(self.node_id, describe(run.failure), output)
            failure.__cause__ = run.failure
        return failure

    def _work(self, run: _Run) -> None:
        """Run items in this thread until there are no more to start."""
        while (taken := run.items.take()) is not None:
            index, item = taken
            for attempt in range(1, self.max_attempts + 1):
                try:
                    params = self._params(run, index, item)
                    ended = run_sync(run.node_type, params, run.shared)
                    result = self._result(run, item, *ended)
                except (Exception, CancelledError, SystemExit) as error:
                    if self._is_final(error, attempt):
                        run.items.fail(index, item, error)
                        break
                    run.items.wait(min(self.retry_wait, TIMEOUT_MAX))
                    if run.items.stopped:
                        break
                else:
                    run.items.succeed(index, result)
                    break

    async def _work_async(self, run: _Run) -> None:
        """Run items in this task until there are no more to start."""
        while (taken := run.items.take()) is not None:
            index, item = taken
            for attempt in range(1, self.max_attempts + 1):
                try:
                    params = self._params(run, index, item)
                    ended = await run_async(run.node_type, params, run.shared)
                    result = self._result(run, item, *ended)
                except (Exception, CancelledError, SystemExit) as error:
                    if isinstance(error, CancelledError) and is_cancelled():
                        raise
                    if self._is_final(error, attempt):
                        run.items.fail(index, item, error)
                        self._cancel_others(run)
                        break
                    await asyncio.sleep(min(self.retry_wait, TIMEOUT_MAX))
                    if run.items.stopped:
                        break
                else:
                    run.items.succeed(index, result)
                    break
            if index % _YIELD_EVERY == 0:
                await asyncio.sleep(0)

    def _cancel_others(self, run: _Run) -> None:
        if run.items.stopped:
            for task in run.tasks:
                if task is not asyncio.current_task():
                    task.cancel()

    def _params(self, run: _Run, index: int, item: Any) -> dict[str, Any]:
        bindings = {self.alias: item, "__index__": index}
        return self.params_for(Scope(run.shared, bindings, run.parsed))

    def _is_final(self, error: BaseException, attempt: int) -> bool:
        """Tell whether an item has failed for good: a reference fails each time."""
        never_better = isinstance(error, MissingReferenceError | InvalidIndexError)
        return never_better or attempt == self.max_attempts

    def _result(
        self, run: _Run, item: Any, action: str, outputs: dict[str, Any]
    ) -> Any:
        """Give what one result of the batch is: `docs/language.md` § 3."""
        if action == "error":
            raise ErrorAction(outputs.get("error"))
        if self.results == "record":
            return {**outputs, "item": item}
        primary = getattr(run.node_type, "result", None)
        if isinstance(primary, str):
            if primary not in outputs:
                written = ", ".join(map(str, outputs)) or "nothing"
                message = f'the node wrote no output "{primary}", only {written}'
                raise MissingResultError(message)
            return outputs[primary]
        return next(iter(outputs.values())) if len(outputs) == 1 else outputs

    def _run(self, shared: Any) -> Any:
        """Run inside a synchronous Flow, on an event loop of its own."""
        return run_blocking(self._run_async(shared))
