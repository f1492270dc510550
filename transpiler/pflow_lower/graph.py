"""The shape of a graph: what is reachable, what comes before, where it loops.

It knows nodes by name and edges as pairs, nothing of workflows. Who comes before
whom is quadratic in size; kept as bit sets, ten thousand nodes are no matter.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from graphlib import CycleError, TopologicalSorter


@dataclass(frozen=True)
class Graph:
    """Nodes, and for each the nodes that its edges lead to, in order."""

    successors: Mapping[str, tuple[str, ...]]

    @classmethod
    def of(cls, nodes: Iterable[str], edges: Iterable[tuple[str, str]]) -> "Graph":
        """Make a graph; edges from or to other nodes are left out."""
        successors: dict[str, list[str]] = {node: [] for node in nodes}
        for source, target in edges:
            if source in successors and target in successors:
                successors[source].append(target)
        return cls({node: tuple(after) for node, after in successors.items()})

    def reachable(self, start: str) -> frozenset[str]:
        """Give the nodes that can be reached from `start`, itself among them."""
        seen = {start}
        waiting = [start]
        while waiting:
            for after in self.successors[waiting.pop()]:
                if after not in seen:
                    seen.add(after)
                    waiting.append(after)
        return frozenset(seen)

    def cycle(self) -> tuple[str, ...] | None:
        """Give the nodes of a cycle in the order of its edges, or None."""
        try:
            self._order  # noqa: B018 - it is the error that is wanted
        except CycleError as error:
            _, nodes = error.args
            return tuple(nodes[:-1])
        return None

    def comes_before(self, first: str, second: str) -> bool:
        """Tell whether a way leads from `first` to `second`, another node.

        The graph must have no cycle.
        """
        return bool(self._ancestors[second] >> self._numbers[first] & 1)

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return {node: number for number, node in enumerate(self.successors)}

    @cached_property
    def _order(self) -> tuple[str, ...]:
        """The nodes, each after all that lead to it."""
        before: dict[str, list[str]] = {node: [] for node in self.successors}
        for node, after in self.successors.items():
            for other in after:
                before[other].append(node)
        return tuple(TopologicalSorter(before).static_order())

    @cached_property
    def _ancestors(self) -> dict[str, int]:
        """For each node the set of those before it, as the bits of an int."""
        before = dict.fromkeys(self.successors, 0)
        for node in self._order:
            known = before[node] | 1 << self._numbers[node]
            for after in self.successors[node]:
                before[after] |= known
        return before
