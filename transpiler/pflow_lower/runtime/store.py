"""The store as one node sees it."""

from collections import ChainMap
from collections.abc import MutableMapping
from typing import Any


class NodeStore(ChainMap[str, Any]):
    """The store for one node, which reads all of it and writes only its own outputs.

    So all nodes may write `shared["result"]`, and two items of a batch never see
    each other's writes.
    """

    def __init__(self, shared: MutableMapping[str, Any]) -> None:
        # What the base class does, in a third of the time: a batch makes one for each
        # attempt.
        self.outputs: dict[str, Any] = {}
        self.maps = [self.outputs, shared]
