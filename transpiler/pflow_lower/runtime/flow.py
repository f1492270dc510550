"""`WorkflowFlow`: a whole workflow, inputs and outputs included."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from os import PathLike
from typing import TYPE_CHECKING, Any

from pocketflow import AsyncFlow, BaseNode

from pflow_lower.runtime.batch.step import BatchStep
from pflow_lower.runtime.context import NO_CONTEXT, RunContext, running_in
from pflow_lower.runtime.errors import StepError
from pflow_lower.runtime.events.delivery import Events, OnEvent
from pflow_lower.runtime.inputs import Input, check_names, fill_inputs
from pflow_lower.runtime.scope import Scope
from pflow_lower.runtime.step import Step
from pflow_lower.support.blocking import run_blocking
from pflow_lower.support.resources import sharing

if TYPE_CHECKING:
    from pflow_lower.runtime.journal.journal import Journal


class WorkflowFlow(AsyncFlow):
    """A PocketFlow flow that checks inputs first, and makes outputs at the end.

    `await flow.run_async(shared)` takes inputs from the root of the store, and
    leaves the outputs of each node under its id and those of the workflow at the
    root. It keeps no state of a run: one flow may run many times, also at once.
    The rules are those of `docs/language.md` § 5.
    """

    def __init__(
        self,
        start: BaseNode,
        inputs: tuple[Input, ...] = (),
        outputs_for: Callable[[Scope], dict[str, Any]] | None = None,
    ) -> None:
        super().__init__(start=start)
        self.inputs = inputs
        self.outputs_for = outputs_for

    async def prep_async(self, shared: Any) -> None:
        """Check everything that can be checked before the first node runs.

        Raises InputError and UnknownNodeTypeError. Outputs of an earlier run on the
        same store are removed.
        """
        fill_inputs(self.inputs, shared)
        for node in self._nodes():
            if isinstance(node, Step | BatchStep):
                node.load()
                shared.pop(node.node_id, None)

    def get_next_node(self, curr: BaseNode, action: str | None) -> BaseNode | None:
        """Return the node that an action leads to, None at the end.

        PocketFlow ends the run with a warning if no edge is for the action; here
        that is a StepError. A node whose only edge is for `error` may end without it.
        """
        action = action or "default"
        following = curr.successors.get(action)
        if following is None and curr.successors.keys() - {"error"}:
            node_id = getattr(curr, "node_id", type(curr).__name__)
            actions = ", ".join(f'"{name}"' for name in curr.successors)
            message = (
                f'it ended with the action "{action}", but has edges for {actions}'
            )
            raise StepError(node_id, message)
        return following

    async def run_to_outputs(
        self, shared: Any, context: RunContext = NO_CONTEXT
    ) -> dict[str, Any]:
        """Run; return the outputs, or the store if the workflow declares none."""
        with running_in(context):
            _, outputs = await self._run_to_outputs(shared)
        return dict(shared) if outputs is None else outputs

    async def _run_async(self, shared: Any) -> str | None:
        with running_in(NO_CONTEXT):
            action, _ = await self._run_to_outputs(shared)
        return action

    async def _run_to_outputs(
        self, shared: Any
    ) -> tuple[str | None, dict[str, Any] | None]:
        """Run; return the last action, and the outputs if any are declared."""
        await self.prep_async(shared)
        async with sharing():
            action = await self._orch_async(shared)
        if self.outputs_for is None:
            return action, None
        outputs = self.outputs_for(Scope(shared))
        shared.update(outputs)
        return action, outputs

    def _run(self, shared: Any) -> str | None:
        """Run inside a synchronous Flow, on an event loop of its own."""
        return run_blocking(self._run_async(shared))

    def _nodes(self) -> Iterator[BaseNode]:
        """Yield every node that the start leads to."""
        assert self.start_node is not None
        seen = {id(self.start_node)}
        waiting = [self.start_node]
        while waiting:
            node = waiting.pop()
            yield node
            for following in node.successors.values():
                if id(following) not in seen:
                    seen.add(id(following))
                    waiting.append(following)


def run_flow(
    flow: WorkflowFlow,
    inputs: Mapping[str, Any],
    *,
    journal: str | PathLike[str] | None = None,
    on_event: OnEvent | Sequence[OnEvent] = (),
) -> dict[str, Any]:
    """Run a flow to its end.

    It may be called inside a running event loop: `docs/language.md` § 6.

    Args:
        flow: The flow, as `build_flow` of a generated module makes it.
        inputs: The values of the inputs by name.
        journal: The path of a file that keeps the results of nodes and items, and
            from which a later call continues.
        on_event: Functions that are called, on a thread of their own, with each
            Event of a batch.

    Returns:
        The outputs by name; the whole store if the workflow declares none.

    Raises:
        InputError: An input is missing, of a wrong type or not declared.
        StepError: A node failed; a BatchError, if an item of a batch did.
        JournalError: The journal cannot be used.
    """
    check_names(flow.inputs, inputs)
    fill_inputs(flow.inputs, dict(inputs))
    listeners = (on_event,) if callable(on_event) else tuple(on_event)
    with ExitStack() as stack:
        context = RunContext(
            _opened(journal, stack) if journal is not None else None,
            stack.enter_context(closing(Events(listeners))) if listeners else None,
        )
        return run_blocking(flow.run_to_outputs(dict(inputs), context))


def _opened(path: str | PathLike[str], stack: ExitStack) -> "Journal":
    """Open a journal that the stack will close."""
    from pflow_lower.runtime.journal.journal import Journal

    return stack.enter_context(Journal.open(path))
