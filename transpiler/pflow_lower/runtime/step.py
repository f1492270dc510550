"""`Step`: a node of a workflow that runs once."""

from asyncio import CancelledError, current_task, wrap_future
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from pocketflow import AsyncNode, BaseNode

from pflow_lower.runtime.batch.items import Items
from pflow_lower.runtime.batch.recall import StepRecall
from pflow_lower.runtime.batch.step import BatchStep
from pflow_lower.runtime.batch.threads import in_threads
from pflow_lower.runtime.context import NO_CONTEXT, current, running_in
from pflow_lower.runtime.errors import (
    ErrorAction,
    StepError,
    describe,
    error_value,
)
from pflow_lower.runtime.journal.errors import JournalError
from pflow_lower.runtime.node import Runner, is_cancelled, node_class
from pflow_lower.runtime.scope import Scope
from pflow_lower.support.blocking import run_blocking


@dataclass(frozen=True, slots=True)
class Ended:
    """How a node ended: on which action, with which outputs, or by which failure."""

    action: str
    outputs: dict[str, Any]
    failure: BaseException | None = None


class Step(AsyncNode):
    """A node that runs once: the base of the generated class of a plain node.

    A subclass has a `node_id`, a `node_type` (a PocketFlow node class, or the name
    it is registered under) and `params_for`.

    Its outputs are in the store under its id. A failure follows the edge for
    the action `error`, if there is one, with `error` and `type` in the store;
    otherwise it is raised as a StepError (`docs/language.md` § 3).
    """

    node_id: ClassVar[str] = ""
    node_type: ClassVar[type[BaseNode] | str] = ""

    def params_for(self, scope: Scope) -> dict[str, Any]:
        """Return the params of the node, their references resolved."""
        return {}

    def load(self) -> None:
        """Look up the node type; raise UnknownNodeTypeError if there is none."""
        node_class(self.node_type)

    async def prep_async(self, shared: Any) -> Any:
        """Return the store, for `exec_async`."""
        return shared

    async def exec_async(self, prep_res: Any) -> Ended:
        """Run the node, unless the journal of the run knows how it ended.

        Raises JournalError if the journal cannot be read or written.
        """
        try:
            runner = Runner(node_class(self.node_type))
            params = self.params_for(Scope(prep_res))
        except Exception as error:
            return Ended("error", self._failed_outputs(), error)
        recall = self._recall(runner, params)
        if recall is not None and (known := recall.find()) is not None:
            return Ended(*known)
        asked_before = _times_cancelled()
        ended = await self._attempt(runner, params, prep_res)
        if recall is not None and ended.action != "error":
            await wrap_future(recall.succeeded(ended.action, ended.outputs))
        if _times_cancelled() > asked_before:
            # The node has ended all the same. Now the run is to end.
            raise CancelledError
        return ended

    async def _attempt(
        self, runner: Runner, params: dict[str, Any], shared: Any
    ) -> Ended:
        try:
            action, outputs = await self._run_node(runner, params, shared)
        except CancelledError as error:
            if is_cancelled():
                raise
            return Ended("error", {}, error)
        except (Exception, SystemExit) as error:
            if self._is_batch() and isinstance(error, JournalError):
                raise  # no failure of the node, which would follow its error edge
            return Ended("error", self._failed_outputs(), error)
        failure = (
            ErrorAction(outputs.get("error"), outputs) if action == "error" else None
        )
        return Ended(action, outputs, failure)

    async def post_async(self, shared: Any, prep_res: Any, exec_res: Ended) -> str:
        """Write the outputs, and return the action whose edge to follow."""
        failure = exec_res.failure
        if failure is None:
            shared[self.node_id] = exec_res.outputs
        elif "error" in self.successors:
            shared[self.node_id] = exec_res.outputs | failure_outputs(failure)
        elif isinstance(failure, StepError) and failure.node_id == self.node_id:
            raise failure  # of a batch that runs as this node: it names the item
        else:
            raise StepError(self.node_id, describe(failure)) from failure
        return exec_res.action

    def _failed_outputs(self) -> dict[str, Any]:
        """Return what is in the store besides the error: for a batch, an empty output.

        If the batch has an output of its own, that takes its place.
        """
        return Items(()).output(is_complete=True) if self._is_batch() else {}

    def _recall(self, runner: Runner, params: dict[str, Any]) -> StepRecall | None:
        journal = current().journal
        if journal is None or self._is_batch():  # a batch recalls its items itself
            return None
        return StepRecall(self.node_id, runner.node_type, params, journal)

    async def _run_node(
        self, runner: Runner, params: dict[str, Any], shared: Any
    ) -> tuple[str, dict[str, Any]]:
        with running_in(
            replace(current(), node_id=self.node_id) if self._is_batch() else NO_CONTEXT
        ):
            if runner.is_async:
                return await runner.run_async(params, shared)
            ended: list[tuple[str, dict[str, Any]]] = []

            def work() -> None:
                ended.append(runner.run_sync(params, shared))

            try:
                await in_threads(1, work, lambda: None, self.node_id)
            except CancelledError:
                if not ended:
                    raise
            return ended[0]

    def _is_batch(self) -> bool:
        """Return whether the node is itself a lowered batch."""
        return isinstance(self.node_type, type) and issubclass(
            self.node_type, BatchStep
        )

    def _run(self, shared: Any) -> Any:
        """Run inside a synchronous Flow, on an event loop of its own."""
        return run_blocking(self._run_async(shared))


def _times_cancelled() -> int:
    """Return how often the current task was cancelled."""
    task = current_task()
    return 0 if task is None else task.cancelling()


def failure_outputs(failure: BaseException) -> dict[str, Any]:
    """Return the outputs of a failed node for its `error` edge."""
    if isinstance(failure, StepError) and failure.output is not None:
        return failure.output
    return {"error": error_value(failure), "type": type(failure).__name__}
