"""Batches made by hand, for the tests of the runtime."""

import asyncio
from collections.abc import Callable
from typing import Any

from pocketflow import AsyncNode, BaseNode, Node

from pflow_lower.runtime import BatchStep, Scope

Store = dict[str, Any]


def batch_of(node_type: type[BaseNode], items: Any, **settings: Any) -> BatchStep:
    """Give a batch over `items`, each of them the param `item` of the node."""

    def items_for(self: BatchStep, scope: Scope) -> Any:
        return items

    def params_for(self: BatchStep, scope: Scope) -> dict[str, Any]:
        return {"item": scope.lookup("item"), "index": scope.lookup("__index__")}

    methods = {"items_for": items_for, "params_for": params_for}
    members = {"node_id": "b", "node_type": node_type, **methods, **settings}
    step = type("Made", (BatchStep,), members)()
    assert isinstance(step, BatchStep)
    return step


def node_of(work: Callable[[Any], Any]) -> type[Node]:
    """Give a synchronous node whose output is what `work` makes of the item."""

    class Made(Node):
        def exec(self, prep_res: Any) -> Any:
            return work(self.params["item"])

        def post(self, shared: Any, prep_res: Any, exec_res: Any) -> None:
            shared["out"] = exec_res

    return Made


def async_node_of(work: Callable[[Any], Any]) -> type[AsyncNode]:
    """Give an asynchronous node whose output is what awaiting `work` gives."""

    class Made(AsyncNode):
        async def exec_async(self, prep_res: Any) -> Any:
            return await work(self.params["item"])

        async def post_async(self, shared: Any, prep_res: Any, exec_res: Any) -> None:
            shared["out"] = exec_res

    return Made


def either_node_of(work: Callable[[Any], Any], is_async: bool) -> type[BaseNode]:
    """Give a node of either kind that calls `work`, which waits for nothing."""

    async def awaited(item: Any) -> Any:
        await asyncio.sleep(0)
        return work(item)

    return async_node_of(awaited) if is_async else node_of(work)


def run(step: BaseNode, shared: Store | None = None) -> Store:
    """Run a step or a flow on a store, and give the store."""
    shared = {} if shared is None else shared
    assert isinstance(step, AsyncNode)
    asyncio.run(step._run_async(shared))
    return shared
