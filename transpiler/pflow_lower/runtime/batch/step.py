"""`BatchStep`: a node of a workflow that runs once per item.

It is a PocketFlow AsyncParallelBatchNode whose `_exec` starts items lazily, keeps
at most `max_concurrent` of them in flight, and stops when one fails. PocketFlow's
own starts all at once, and lets the others go on after a failure.
"""

import asyncio
import logging
from asyncio import CancelledError
from collections.abc import Callable, Sized
from typing import Any

from pocketflow import AsyncParallelBatchNode

from pflow_lower.runtime.batch.admission import (
    AnyItems,
    Keys,
    as_items,
    check_items,
    is_one_shot,
)
from pflow_lower.runtime.batch.crew import BatchOver
from pflow_lower.runtime.batch.items import FiledItems, Items
from pflow_lower.runtime.batch.recall import recall_for
from pflow_lower.runtime.batch.results_file import ResultsFile, ResultsFileError
from pflow_lower.runtime.batch.run import BatchRun
from pflow_lower.runtime.batch.settings import BatchSettings
from pflow_lower.runtime.errors import (
    BatchError,
    BatchTimeoutError,
    StepError,
    describe,
    error_value,
)
from pflow_lower.runtime.events.event import BatchFinished, BatchStarted
from pflow_lower.runtime.journal.errors import JournalError
from pflow_lower.runtime.node import node_class
from pflow_lower.runtime.scope import Scope
from pflow_lower.runtime.store import NodeStore
from pflow_lower.support.blocking import run_blocking
from pflow_lower.support.resources import sharing
from pflow_lower.support.values import as_text

logger = logging.getLogger("pflow_lower.runtime")


class BatchStep(BatchSettings, AsyncParallelBatchNode):
    """A node that runs once per item: the base of a generated batch class.

    It also runs outside a generated flow: alone, in a PocketFlow flow (even a
    synchronous one), or as the node type of a Step, whose params then hold its
    `items`. The rules are those of `docs/language.md` § 3.
    """

    def load(self) -> None:
        """Look up the node type; raise UnknownNodeTypeError if there is none."""
        node_class(self.node_type)

    async def prep_async(self, shared: Any) -> BatchRun:
        """Resolve the items, and check what can be checked before one runs.

        Raises JournalError, before the results of an earlier run are overwritten.
        """
        recall = recall_for(self)
        failure: Exception | None = None
        keys: Keys | None = None
        total: int | None = 0
        try:
            found = as_items(self._items(shared), self.items_source, self.items_from)
            total = len(found) if isinstance(found, Sized) else None
            keys = Keys(self._key_of(shared)) if self.has_keys() else None
            check_items(found, self.item_limit(), keys)
            items = self._collected(found, total, self.results_to_for(Scope(shared)))
            keys = keys if is_one_shot(found) else None
        except Exception as error:  # it follows the error edge
            items, failure = Items(()), error
        run = BatchRun(self, shared, items, total, recall)
        run.failure, run.unseen_keys = failure, keys
        run.tell(BatchStarted, total)
        return run

    async def _exec(self, prep_res: BatchRun) -> BatchRun:
        """Run the items; return when all that were started have ended."""
        run = prep_res
        try:
            async with sharing(), asyncio.timeout(self.batch_timeout) as deadline:
                await run.go()
            run.items.check_share(self.tolerated_failure_percentage)
        except (CancelledError, JournalError):
            self._interrupt(run)
            raise
        except BatchOver:
            run.failure = self._too_long(run)
        except Exception as error:  # it follows the error edge
            run.failure = self._too_long(run) if deadline.expired() else error
        return run

    async def post_async(self, shared: Any, prep_res: Any, exec_res: BatchRun) -> str:
        """Write the output, and return the action whose edge to follow.

        Raises BatchError or StepError if the batch failed and has no edge for the
        action `error`.
        """
        run = exec_res
        output = self._output(run)
        failure = self._failure(run, output)
        counts = output["count"], output["success_count"], output["error_count"]
        error, kind = _reason(failure)
        run.tell(BatchFinished, error, kind, *counts)
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
        # As the node type of a Step its params are resolved; those that a flow passes
        # are the flow's own, and may hold anything.
        if isinstance(shared, NodeStore) and "items" in self.params:
            return self.params["items"]
        return self.items_for(Scope(shared))

    def _key_of(self, shared: Any) -> Callable[[int, Any], str]:
        parsed: dict[str, Any] = {}

        def key_of(index: int, item: Any) -> str:
            bindings = {self.alias: item, "__index__": index}
            return as_text(self.key_for(Scope(shared, bindings, parsed)))

        return key_of

    def _collected(self, found: AnyItems, total: int | None, path: Any) -> Items:
        limits = {"tolerated": self.tolerated(total), "limit": self.item_limit()}
        if path is None:
            return Items(found, **limits)
        return FiledItems(found, ResultsFile(path), **limits)

    def _output(self, run: BatchRun) -> dict[str, Any]:
        """Return the output; results that cannot be written are a failure."""
        has_failed = run.failure is not None or run.items.failure is not None
        try:
            return run.items.output(is_complete=not has_failed)
        except ResultsFileError as error:
            if not has_failed:
                run.failure = error
            elif not isinstance(run.failure, ResultsFileError):
                logger.error('node "%s": %s', self.node_id, error)
            return run.items.output(is_complete=False)

    def _failure(self, run: BatchRun, output: dict[str, Any]) -> StepError | None:
        failure: StepError | None = None
        if run.items.failure is not None:
            index, item, error = run.items.failure
            message = self._with_afterword(describe(error), output)
            failure = BatchError(
                self.node_id, message, index=index, item=item, output=output
            )
            failure.__cause__ = error
        elif run.failure is not None:
            output["error"] = error_value(run.failure)
            output["type"] = type(run.failure).__name__
            message = self._with_afterword(describe(run.failure), output)
            failure = StepError(self.node_id, message, output)
            failure.__cause__ = run.failure
        return failure

    def _with_afterword(self, message: str, output: dict[str, Any]) -> str:
        """Add how many items failed, and where their results are."""
        words = ""
        if self.error_handling == "continue" and output["error_count"]:
            words += f" ({output['error_count']} of {output['count']} items failed)"
        if isinstance(output["results"], str) and output["results"] not in message:
            words += f"; the results so far are in {output['results']}"
        return message + words

    def _too_long(self, run: BatchRun) -> BatchTimeoutError:
        started, succeeded, failed = run.items.counts()
        over = f"{succeeded + failed} of {started} items that were started are over"
        limit = f"the batch was not done within {self.batch_timeout:g} s"
        return BatchTimeoutError(f"{limit}: {over}")

    def _interrupt(self, run: BatchRun) -> None:
        """Log how far the batch has come, and keep the results so far."""
        started, succeeded, failed = run.items.counts()
        try:
            left = run.items.leave()
        except ResultsFileError as error:
            logger.error('node "%s": %s', self.node_id, error)
            left = None
        logger.warning(
            'node "%s" was stopped: of %d items that were started, %d succeeded and '
            "%d failed%s",
            self.node_id,
            started,
            succeeded,
            failed,
            f"; the results so far are in {left}" if left else "",
        )

    def _run(self, shared: Any) -> Any:
        """Run inside a synchronous Flow, on an event loop of its own."""
        return run_blocking(self._run_async(shared))


def _reason(failure: StepError | None) -> tuple[str, str] | tuple[None, None]:
    if failure is None:
        return None, None
    cause = failure.__cause__ or failure
    return describe(failure), type(cause).__name__
