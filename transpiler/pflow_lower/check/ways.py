"""The ways through a workflow: what has happened on all of them by some point.

Before:  ls → sum, ls → report on the action "error"
After:   "ls has run" → "ls has succeeded" → "sum has run" → "the end"
         "ls has run" → "ls has failed" → "report has run" → "the end"

Only a node that has an `error` edge is three points; another fails the run when it
fails, so that where the run goes on it has succeeded. Every edge counts as one
that may be followed. The workflow must be one without errors.
"""

from collections import Counter
from collections.abc import Iterable
from functools import cached_property
from itertools import chain
from typing import TypeAlias

from pflow_lower.ir.graph import Dominators, Graph
from pflow_lower.ir.workflow import Edge, Workflow

END = "the end"
"""The point at which the outputs of the workflow are resolved."""

Stations: TypeAlias = frozenset[str]
"""Points that a way may lead past."""


class Ways:
    """The ways through one workflow, from its start to its end."""

    def __init__(self, workflow: Workflow) -> None:
        self.workflow = workflow

    @cached_property
    def error_edges(self) -> dict[str, Edge]:
        """The `error` edges, by the nodes that they leave."""
        edges = self.workflow.edges
        return {edge.source: edge for edge in edges if edge.action == "error"}

    def ran(self, node: str) -> str:
        """Give the point at which a node has run, and may have failed."""
        return f"{node} has run"

    def failed(self, node: str) -> str:
        """Give the point at which a node has failed, before its `error` edge."""
        return f"{node} has failed"

    def succeeded(self, node: str) -> str:
        """Give the point at which a node has run and not failed."""
        return f"{node} has succeeded" if node in self.error_edges else self.ran(node)

    @property
    def branches(self) -> bool:
        """Tell whether there is more than one way."""
        leaving = Counter(edge.source for edge in self.workflow.edges)
        return bool(self.error_edges) or any(count > 1 for count in leaving.values())

    def is_sure(self, point: str, goal: str) -> bool:
        """Tell whether every way to the goal leads through the point."""
        return self._dominators.dominates(point, goal)

    def parting(self, point: str, goal: str) -> str:
        """Give the node behind which some ways to the goal lead past the point."""
        return self._nodes[self._dominators.meet(point, goal)]

    def bypassed(
        self, questions: Iterable[tuple[Stations, str]]
    ) -> frozenset[tuple[Stations, str]]:
        """Give those of the questions to which the answer is yes.

        A question is some stations and a goal: does a way lead past all of the
        stations to the goal?
        """
        doubtful = {
            (stations, goal)
            for stations, goal in questions
            if not any(self.is_sure(station, goal) for station in stations)
        }
        # Of several stations each may be led past, and yet no way leads past all.
        several = {question for question in doubtful if len(question[0]) > 1}
        return self._graph.bypassed(self._start, several) | (doubtful - several)

    @cached_property
    def _start(self) -> str:
        return self.ran(self.workflow.start)

    @cached_property
    def _nodes(self) -> dict[str, str]:
        """The node that each point is about."""
        return {
            point: node.id
            for node in self.workflow.nodes
            for point in (
                self.ran(node.id),
                self.succeeded(node.id),
                self.failed(node.id),
            )
        }

    @cached_property
    def _graph(self) -> Graph:
        edges = []
        last = dict.fromkeys(node.id for node in self.workflow.nodes)
        for node in self.error_edges:
            edges.append((self.ran(node), self.succeeded(node)))
            edges.append((self.ran(node), self.failed(node)))
        for edge in self.workflow.edges:
            if edge.action == "error":
                edges.append((self.failed(edge.source), self.ran(edge.target)))
            else:
                edges.append((self.succeeded(edge.source), self.ran(edge.target)))
                last.pop(edge.source, None)
        edges += [(self.succeeded(node), END) for node in last]
        return Graph.of(dict.fromkeys(chain.from_iterable(edges)), edges)

    @cached_property
    def _dominators(self) -> Dominators:
        return self._graph.dominators(self._start)
