"""Run a PocketFlow node once: a fresh instance, its params, its view of the store."""

import asyncio
from collections.abc import MutableMapping
from functools import cache
from importlib.metadata import entry_points
from typing import Any

from pocketflow import AsyncNode, BaseNode

from pflow_lower.runtime.errors import RunError, UnknownNodeTypeError
from pflow_lower.runtime.store import NodeStore

ENTRY_POINTS = "pflow_lower.nodes"
"""The entry point group under which packages register node types by name."""


@cache
def load_node_type(name: str) -> type[BaseNode]:
    """Find a node type by its name among the entry points of installed packages.

    Raises UnknownNodeTypeError if there is none, or it is not a PocketFlow node.
    """
    for entry_point in entry_points(group=ENTRY_POINTS, name=name):
        found = entry_point.load()
        if isinstance(found, type) and issubclass(found, BaseNode):
            return found
        raise UnknownNodeTypeError(
            f'the node type "{name}" is {entry_point.value}, not a PocketFlow node'
        )
    raise UnknownNodeTypeError(
        f'the node type "{name}" is not installed: no package has an entry point '
        f'"{name}" in the group "{ENTRY_POINTS}"'
    )


def node_class(node_type: type[BaseNode] | str) -> type[BaseNode]:
    """Return the class of a node type, which may be given by name."""
    return load_node_type(node_type) if isinstance(node_type, str) else node_type


class Runner:
    """Runs nodes of one type; a run returns the action and the outputs.

    `is_async` says whether they run on the event loop or need a thread.
    """

    def __init__(self, node_type: type[BaseNode]) -> None:
        self.node_type = node_type
        self.is_async = issubclass(node_type, AsyncNode)
        self._prepares = self.is_async and (
            getattr(node_type, "prep_async", None) is not AsyncNode.prep_async
        )
        self._is_plain = self.is_async and all(
            getattr(node_type, name) is getattr(AsyncNode, name)
            for name in ("_run_async", "_exec", "exec_fallback_async")
        )

    def run_sync(
        self, params: dict[str, Any], shared: MutableMapping[str, Any]
    ) -> tuple[str, dict[str, Any]]:
        """Run a synchronous node in this thread."""
        store = NodeStore(shared)
        node: Any = self.node_type()
        node.params = params
        ended = self._checked(node)._run(store)
        return "default" if ended is None else _action(ended), store.outputs

    async def run_async(
        self, params: dict[str, Any], shared: MutableMapping[str, Any]
    ) -> tuple[str, dict[str, Any]]:
        """Run an asynchronous node."""
        store = NodeStore(shared)
        node: Any = self.node_type()
        node.params = params
        if self._is_plain and node.max_retries == 1:
            # What PocketFlow would do, with two coroutines less for each item.
            prepared = await node.prep_async(store) if self._prepares else None
            done = await node.exec_async(prepared)
            ended = await node.post_async(store, prepared, done)
        else:
            ended = await self._checked(node)._run_async(store)
        return "default" if ended is None else _action(ended), store.outputs

    def _checked(self, node: Any) -> Any:
        # PocketFlow would not call such a node at all, and count that as a success.
        if getattr(node, "max_retries", 1) < 1:
            name = self.node_type.__name__
            raise RunError(f"{name} has max_retries < 1: it would not run")
        return node


def is_cancelled() -> bool:
    """Return whether the current task was cancelled."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _action(ended: Any) -> str:
    return ended if isinstance(ended, str) and ended else "default"
