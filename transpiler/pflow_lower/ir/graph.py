"""The shape of a graph: what is reachable, what comes before, where it loops.

Nodes are any hashable values and edges are pairs of them; nothing here is about
workflows. What comes before what takes quadratic space; as bit sets, that is little
even for ten thousand nodes.
"""

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property, reduce
from graphlib import CycleError, TopologicalSorter
from typing import Generic, TypeVar

N = TypeVar("N", bound=Hashable)


@dataclass(frozen=True)
class Graph(Generic[N]):
    """Nodes, and for each the nodes that its edges lead to, in order."""

    successors: Mapping[N, tuple[N, ...]]

    @classmethod
    def of(cls, nodes: Iterable[N], edges: Iterable[tuple[N, N]]) -> "Graph[N]":
        """Make a graph; edges from or to other nodes are left out."""
        successors: dict[N, list[N]] = {node: [] for node in nodes}
        for source, target in edges:
            if source in successors and target in successors:
                successors[source].append(target)
        return cls({node: tuple(after) for node, after in successors.items()})

    def reachable(self, start: N) -> frozenset[N]:
        """Return the nodes that can be reached from `start`, itself among them."""
        seen = {start}
        waiting = [start]
        while waiting:
            for after in self.successors[waiting.pop()]:
                if after not in seen:
                    seen.add(after)
                    waiting.append(after)
        return frozenset(seen)

    def cycle(self) -> tuple[N, ...] | None:
        """Return the nodes of a cycle in the order of its edges, or None."""
        try:
            self._order  # noqa: B018 - it is the error that is wanted
        except CycleError as error:
            _, nodes = error.args
            return tuple(nodes[:-1])
        return None

    def comes_before(self, first: N, second: N) -> bool:
        """Return whether a path leads from `first` to `second`, another node.

        The graph must have no cycle.
        """
        return bool(self._ancestors[second] >> self._numbers[first] & 1)

    def dominators(self, start: N) -> "Dominators[N]":
        """Return, for each node that `start` reaches, what all paths to it share.

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
        self, start: N, questions: Iterable[tuple[frozenset[N], N]]
    ) -> frozenset[tuple[frozenset[N], N]]:
        """Return the questions whose answer is yes.

        A question is a set of nodes and a goal: does any path from `start` to the goal
        bypass all of the nodes? The graph must have no cycle.
        """
        asked = frozenset(questions)
        numbers = {nodes: number for number, nodes in enumerate(dict(asked))}
        stopped = dict.fromkeys(self.successors, 0)
        for nodes, number in numbers.items():
            for node in nodes:
                stopped[node] |= 1 << number
        # For each node, the numbers of the sets that some path to it bypasses.
        free = dict.fromkeys(self.successors, 0)
        free[start] = (1 << len(numbers)) - 1
        for node in self._order if asked else ():
            free[node] &= ~stopped[node]
            for after in self.successors[node]:
                free[after] |= free[node]
        return frozenset(
            (nodes, goal) for nodes, goal in asked if free[goal] >> numbers[nodes] & 1
        )

    @cached_property
    def _numbers(self) -> dict[N, int]:
        return {node: number for number, node in enumerate(self.successors)}

    @cached_property
    def _order(self) -> tuple[N, ...]:
        """The nodes, each after all that lead to it."""
        return tuple(TopologicalSorter(self._predecessors).static_order())

    @cached_property
    def _predecessors(self) -> dict[N, list[N]]:
        before: dict[N, list[N]] = {node: [] for node in self.successors}
        for node, after in self.successors.items():
            for other in after:
                before[other].append(node)
        return before

    @cached_property
    def _ancestors(self) -> dict[N, int]:
        """For each node the set of those before it, as the bits of an int."""
        before = dict.fromkeys(self.successors, 0)
        for node in self._order:
            known = before[node] | 1 << self._numbers[node]
            for after in self.successors[node]:
                before[after] |= known
        return before


class Dominators(Generic[N]):
    """The nodes that every path from a start to another node leads through.

    They are a tree: each node is under the last of those that dominate it. Besides
    its parent a node has one jump, far up, whose length depends on its depth alone,
    so going up takes logarithmic time, however long the graph is.
    """

    def __init__(self, start: N) -> None:
        self._parents = {start: start}
        self._jumps = {start: start}
        self._depths = {start: 0}

    def add(self, node: N, parent: N) -> None:
        """Add a node under the last of those that dominate it."""
        jump = self._jumps[parent]
        length = self._depths[parent] - self._depths[jump]
        next_length = self._depths[jump] - self._depths[self._jumps[jump]]
        self._parents[node] = parent
        self._jumps[node] = self._jumps[jump] if length == next_length else parent
        self._depths[node] = self._depths[parent] + 1

    def dominates(self, point: N, node: N) -> bool:
        """Return whether every path from the start to `node` leads through `point`.

        A node dominates itself; what the start does not reach dominates nothing.
        """
        depth = self._depths.get(point)
        return depth is not None and self._ancestor(node, depth) == point

    def meet(self, one: N, other: N) -> N:
        """Return the last node that dominates both."""
        depth = min(self._depths[one], self._depths[other])
        one, other = self._ancestor(one, depth), self._ancestor(other, depth)
        while one != other:
            up = (
                self._jumps if self._jumps[one] != self._jumps[other] else self._parents
            )
            one, other = up[one], up[other]
        return one

    def _ancestor(self, node: N, depth: int) -> N:
        while self._depths[node] > depth:
            jump = self._jumps[node]
            node = jump if self._depths[jump] >= depth else self._parents[node]
        return node
