"""The store as one node sees it."""

from collections import ChainMap
from collections.abc import MutableMapping
from typing import Any, ClassVar


class NodeStore(ChainMap[str, Any]):
    """What a node reads is the whole store; what it writes are its own outputs.

    So nodes may all write `shared["result"]`, and two items of a batch never see
    each other's writes.
    """

    is_node_store: ClassVar[bool] = True

    def __init__(self, shared: MutableMapping[str, Any]) -> None:
        # As the base class would, which takes three times as long: a batch makes
        # one for each attempt.
        self.outputs: dict[str, Any] = {}
        self.maps = [self.outputs, shared]


def is_node_store(shared: Any) -> bool:
    """Tell whether a store is what one node sees of another.

    A module that stands alone has a NodeStore of its own, and its batches may be
    run by a workflow that has a different one: it is known by its mark.
    """
    return getattr(shared, "is_node_store", False) is True
