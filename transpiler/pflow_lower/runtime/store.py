"""The store as one node sees it."""

from collections import ChainMap
from collections.abc import MutableMapping
from typing import Any


class NodeStore(ChainMap[str, Any]):
    """What a node reads is the whole store; what it writes are its own outputs.

    So nodes may all write `shared["result"]`, and two items of a batch never see
    each other's writes.
    """

    def __init__(self, shared: MutableMapping[str, Any]) -> None:
        # As the base class would, which takes three times as long: a batch makes
        # one for each attempt.
        self.outputs: dict[str, Any] = {}
        self.maps = [self.outputs, shared]
