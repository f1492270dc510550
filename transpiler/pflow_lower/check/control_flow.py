"""Control flow: what has happened on every path through a workflow by some point.

Before:  ls → sum, ls → report on the action "error"
After:   (ls, ran) → (ls, succeeded) → (sum, ran) → END
         (ls, ran) → (ls, failed) → (report, ran) → END

Only a node that has an `error` edge is three points; any other fails the run when it
fails, so if the run goes on, it has succeeded. Every edge is assumed to be followed
in some run. The workflow must have no errors.
"""

from collections.abc import Iterable
from functools import cached_property
from itertools import chain
from typing import Literal, NamedTuple, TypeAlias

from pflow_lower.ir.graph import Dominators, Graph
from pflow_lower.ir.workflow import Edge, Workflow


class Point(NamedTuple):
    """A point of a run: a node has run (it may have failed), failed or succeeded."""

    node: str
    phase: Literal["ran", "failed", "succeeded", "end"]


Points: TypeAlias = frozenset[Point]

END = Point("", "end")
"""The point at which the outputs of the workflow are resolved."""


class ControlFlow:
    """The paths through one workflow, from its start to its end."""

    def __init__(self, workflow: Workflow) -> None:
        self.workflow = workflow

    @cached_property
    def error_edges(self) -> dict[str, Edge]:
        """The `error` edges, by the nodes that they leave."""
        edges = self.workflow.edges
        return {edge.source: edge for edge in edges if edge.action == "error"}

    def ran(self, node: str) -> Point:
        """Return the point at which a node has run, and may have failed."""
        return Point(node, "ran")

    def failed(self, node: str) -> Point:
        """Return the point at which a node has failed, before its `error` edge."""
        return Point(node, "failed")

    def succeeded(self, node: str) -> Point:
        """Return the point at which a node has run without failing."""
        return Point(node, "succeeded") if node in self.error_edges else self.ran(node)

    @property
    def branches(self) -> bool:
        """Whether there is more than one path."""
        edges = self.workflow.edges
        sources = {edge.source for edge in edges}
        return bool(self.error_edges) or len(sources) < len(edges)

    def is_certain(self, point: Point, goal: Point) -> bool:
        """Return whether every path to the goal leads through the point."""
        return self._dominators.dominates(point, goal)

    def branch_point(self, point: Point, goal: Point) -> str:
        """Return the last node before some paths to the goal bypass the point."""
        return self._dominators.meet(point, goal).node

    def bypassed(
        self, questions: Iterable[tuple[Points, Point]]
    ) -> frozenset[tuple[Points, Point]]:
        """Return the questions whose answer is yes.

        A question is a set of points and a goal: does any path to the goal bypass all
        of the points?
        """
        doubtful = {
            (points, goal)
            for points, goal in questions
            if not any(self.is_certain(point, goal) for point in points)
        }
        # A path may bypass each of several points, and yet no path bypass them all.
        several = {question for question in doubtful if len(question[0]) > 1}
        return self._graph.bypassed(self._start, several) | (doubtful - several)

    @cached_property
    def _start(self) -> Point:
        return self.ran(self.workflow.start)

    @cached_property
    def _graph(self) -> Graph[Point]:
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
    def _dominators(self) -> Dominators[Point]:
        return self._graph.dominators(self._start)
