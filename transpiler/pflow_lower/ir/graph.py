"""Directed graphs: reachability, order, cycles and dominators.

Nodes are hashable values and edges are pairs of them. The sets of nodes
that come before or dominate a node take quadratic space; as bit sets, that is little
even for ten thousand nodes.
"""

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property, reduce
from graphlib import CycleError, TopologicalSorter
from operator import and_
from typing import Generic, TypeVar

N = TypeVar("N", bound=Hashable)


@dataclass(frozen=True)
class Graph(Generic[N]):
    """A directed graph: for each node, the nodes its edges lead to, in order."""

    successors: Mapping[N, tuple[N, ...]]

    @classmethod
    def of(cls, nodes: Iterable[N], edges: Iterable[tuple[N, N]]) -> "Graph[N]":
        """Return a graph; edges from or to other nodes are left out."""
        successors: dict[N, list[N]] = {node: [] for node in nodes}
        for source, target in edges:
            if source in successors and target in successors:
                successors[source].append(target)
        return cls({node: tuple(after) for node, after in successors.items()})

    def reachable(self, start: N) -> frozenset[N]:
        """Return the nodes that can be reached from `start`, including `start`."""
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
        """Return the nodes that all paths from `start` to each other node share.

        The graph must have no cycle.
        """
        sets: dict[N, int] = {}
        for number, node in enumerate(self._order):
            before = [sets[each] for each in self._predecessors[node] if each in sets]
            if before or node == start:
                sets[node] = reduce(and_, before or [0]) | 1 << number
        return Dominators(self._order, sets)

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


@dataclass(frozen=True)
class Dominators(Generic[N]):
    """The nodes that every path from a start to another node leads through.

    For each node that the start reaches they are a set, as the bits of an int: the
    numbers are places in `order`, where each node comes after those that dominate it.
    """

    order: tuple[N, ...]
    sets: Mapping[N, int]

    def dominates(self, point: N, node: N) -> bool:
        """Return whether every path from the start to `node` leads through `point`.

        A node dominates itself; what the start does not reach dominates nothing.
        """
        return point in self.sets and not self.sets[point] & ~self.sets[node]

    def meet(self, one: N, other: N) -> N:
        """Return the last node that dominates both."""
        shared = self.sets[one] & self.sets[other]
        return self.order[shared.bit_length() - 1]
