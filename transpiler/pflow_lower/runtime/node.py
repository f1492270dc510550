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

    Raises UnknownNodeTypeError where there is none, or it is no PocketFlow node.
    """
    for entry_point in entry_points(group=ENTRY_POINTS, name=name):
        found = entry_point.load()
        if isinstance(found, type) and issubclass(found, BaseNode):
            return found
        raise UnknownNodeTypeError(
            f'the node type "{name}" is {entry_point.value}, no PocketFlow node'
        )
    raise UnknownNodeTypeError(
        f'the node type "{name}" is not installed: no package has an entry point '
        f'"{name}" in the group "{ENTRY_POINTS}"'
    )


def node_class(node_type: type[BaseNode] | str) -> type[BaseNode]:
    """Give the class of a node type, which may be known by its name only."""
    return load_node_type(node_type) if isinstance(node_type, str) else node_type


def run_sync(
    node_type: type[BaseNode], params: dict[str, Any], shared: MutableMapping[str, Any]
) -> tuple[str, dict[str, Any]]:
    """Run a synchronous node; give the action it ended with, and its outputs."""
    store = NodeStore(shared)
    return _ended(_instance(node_type, params)._run(store), store)


async def run_async(
    node_type: type[BaseNode], params: dict[str, Any], shared: MutableMapping[str, Any]
) -> tuple[str, dict[str, Any]]:
    """Run an asynchronous node; give the action it ended with, and its outputs."""
    store = NodeStore(shared)
    node = _instance(node_type, params)
    assert isinstance(node, AsyncNode)
    return _ended(await node._run_async(store), store)


def is_async(node_type: type[BaseNode]) -> bool:
    """Tell whether a node type runs on the event loop, or needs a thread."""
    return issubclass(node_type, AsyncNode)


def is_cancelled() -> bool:
    """Tell whether somebody has asked the current task to stop."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _instance(node_type: type[BaseNode], params: dict[str, Any]) -> BaseNode:
    node = node_type()
    # PocketFlow would call such a node not once, and count that as a success.
    if getattr(node, "max_retries", 1) < 1:
        raise RunError(f"{node_type.__name__} has max_retries < 1: it would not run")
    node.params = params
    return node


def _ended(action: Any, store: NodeStore) -> tuple[str, dict[str, Any]]:
    return action if isinstance(action, str) and action else "default", store.outputs
