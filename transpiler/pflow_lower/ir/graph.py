"""The shape of a graph: what is reachable, what comes before, where it loops.

It knows nodes by name and edges as pairs, nothing of workflows. Who comes before
whom is quadratic in size; kept as bit sets, ten thousand nodes are no matter.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property, reduce
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

    def dominators(self, start: str) -> "Dominators":
        """Give for each node that `start` reaches what all ways there have in common.

        The graph must have no cycle.
        """
        tree = Dominators(start)
        reached = self.reachable(start)
        for node in self._order:
            if node in reached and node != start:
                before = [each for each in self._predecessors[node] if each in reached]
                tree.add(node, reduce(tree.meet, before))
        return tree

    def bypassed(
        self, start: str, questions: Iterable[tuple[frozenset[str], str]]
    ) -> frozenset[tuple[frozenset[str], str]]:
        """Give those of the questions to which the answer is yes.

        A question is some stations and a node: does a way lead from `start` to the
        node past all of the stations? The graph must have no cycle.
        """
        asked = frozenset(questions)
        numbers = {stations: number for number, stations in enumerate(dict(asked))}
        stopped = dict.fromkeys(self.successors, 0)
        for stations, number in numbers.items():
            for station in stations:
                stopped[station] |= 1 << number
        # For each node, the numbers of the stations that some way there leads past.
        free = dict.fromkeys(self.successors, 0)
        free[start] = (1 << len(numbers)) - 1
        for node in self._order if asked else ():
            free[node] &= ~stopped[node]
            for after in self.successors[node]:
                free[after] |= free[node]
        return frozenset(
            (stations, node)
            for stations, node in asked
            if free[node] >> numbers[stations] & 1
        )

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return {node: number for number, node in enumerate(self.successors)}

    @cached_property
    def _order(self) -> tuple[str, ...]:
        """The nodes, each after all that lead to it."""
        return tuple(TopologicalSorter(self._predecessors).static_order())

    @cached_property
    def _predecessors(self) -> dict[str, list[str]]:
        before: dict[str, list[str]] = {node: [] for node in self.successors}
        for node, after in self.successors.items():
            for other in after:
                before[other].append(node)
        return before

    @cached_property
    def _ancestors(self) -> dict[str, int]:
        """For each node the set of those before it, as the bits of an int."""
        before = dict.fromkeys(self.successors, 0)
        for node in self._order:
            known = before[node] | 1 << self._numbers[node]
            for after in self.successors[node]:
                before[after] |= known
        return before


class Dominators:
    """The nodes that no way from a start to some other node leads past.

    They are a tree: each node is under the last of those that dominate it. Beside
    its parent a node has one jump, far up, whose length depends on its depth alone:
    so the way up takes logarithmic time, however long the graph is.
    """

    def __init__(self, start: str) -> None:
        self._parents = {start: start}
        self._jumps = {start: start}
        self._depths = {start: 0}

    def add(self, node: str, parent: str) -> None:
        """Add a node under the last of those that dominate it."""
        jump = self._jumps[parent]
        length = self._depths[parent] - self._depths[jump]
        next_length = self._depths[jump] - self._depths[self._jumps[jump]]
        self._parents[node] = parent
        self._jumps[node] = self._jumps[jump] if length == next_length else parent
        self._depths[node] = self._depths[parent] + 1

    def dominates(self, station: str, node: str) -> bool:
        """Tell whether every way from the start to `node` leads through `station`.

        A node dominates itself; what the start does not reach dominates nothing.
        """
        depth = self._depths.get(station)
        return depth is not None and self._ancestor(node, depth) == station

    def meet(self, one: str, other: str) -> str:
        """Give the last node that dominates both."""
        depth = min(self._depths[one], self._depths[other])
        one, other = self._ancestor(one, depth), self._ancestor(other, depth)
        while one != other:
            up = (
                self._jumps if self._jumps[one] != self._jumps[other] else self._parents
            )
            one, other = up[one], up[other]
        return one

    def _ancestor(self, node: str, depth: int) -> str:
        while self._depths[node] > depth:
            jump = self._jumps[node]
            node = jump if self._depths[jump] >= depth else self._parents[node]
        return node
