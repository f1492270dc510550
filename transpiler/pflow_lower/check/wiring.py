"""Check the wiring of a workflow: ids, edges, and that every node can be reached.

PocketFlow follows one edge per action and silently skips nodes that it does not reach.
So two edges for one action, a cycle, an edge to an unknown node and an unreachable
node are all errors here: `docs/language.md` § 1.
"""

from collections.abc import Iterator

from pflow_lower.diagnostics import (
    MAX_LISTED,
    Code,
    Diagnostic,
    Related,
    quote,
    report,
    suggest,
)
from pflow_lower.ir.graph import Graph
from pflow_lower.ir.workflow import Edge, Workflow
from pflow_lower.source.positions import Location

MAX_CYCLES = 50
"""How many cycles are reported; each takes a search of the whole graph."""


def check_wiring(workflow: Workflow) -> tuple[Diagnostic, ...]:
    """Report what is wrong with ids and edges.

    Unreachable nodes are reported only if all else is right, since they follow from
    nearly every other mistake.
    """
    graph = Graph.of(
        (node.id for node in workflow.nodes),
        ((edge.source, edge.target) for edge in workflow.edges),
    )
    found = [
        *_check_ids(workflow),
        *_check_ends(workflow, graph),
        *_check_actions(workflow),
        *_check_cycles(workflow),
        *_check_stdin(workflow),
    ]
    return tuple(found or _check_reachable(workflow, graph))


def _check_ids(workflow: Workflow) -> Iterator[Diagnostic]:
    first: dict[str, int] = {}
    inputs = {each.name: each for each in workflow.inputs}
    for index, node in enumerate(workflow.nodes):
        place = node.location.at("id")
        if node.id in first:
            there = workflow.nodes[first[node.id]].location.at("id")
            yield report(
                Code.DUPLICATE_ID,
                place,
                f"the id {quote(node.id)} is already used by nodes[{first[node.id]}]",
                "give each node a unique id",
                related=(Related(there, "the first is here"),),
            )
        elif node.id in inputs:
            there = Location(inputs[node.id].location.path, "key")
            yield report(
                Code.ID_IS_INPUT,
                place,
                f"{quote(node.id)} is also an input: the node would overwrite it",
                "rename one of the two",
                related=(Related(there, "the input"),),
            )
        first.setdefault(node.id, index)


def _check_ends(workflow: Workflow, graph: Graph[str]) -> Iterator[Diagnostic]:
    """Report the ids of nodes that do not exist."""
    start = Location(("start_node",))
    ends = [(Code.UNKNOWN_START_NODE, start, workflow.start)]
    for edge in workflow.edges:
        for key, node in (("from", edge.source), ("to", edge.target)):
            ends.append((Code.UNKNOWN_EDGE_NODE, edge.location.at(key), node))
    for code, place, node in ends:
        if node not in graph.successors:
            hint = suggest(node, graph.successors, "the ids are")
            yield report(code, place, f"no node has the id {quote(node)}", hint)


def _check_actions(workflow: Workflow) -> Iterator[Diagnostic]:
    first: dict[tuple[str, str], int] = {}
    for index, edge in enumerate(workflow.edges):
        there = first.setdefault((edge.source, edge.action), index)
        if there == index:
            continue
        other = workflow.edges[there]
        yield report(
            Code.DUPLICATE_EDGE,
            edge.location,
            f"a second edge leaves {quote(edge.source)} on the action "
            f"{quote(edge.action)}; edges[{there}] is the first",
            "remove one of the two"
            if other.target == edge.target
            else "only one edge is followed per action: give this one another "
            "action, or run the nodes one after the other",
            related=(Related(other.location, "the first is here"),),
        )


def _check_cycles(workflow: Workflow) -> Iterator[Diagnostic]:
    """Report cycles that share no node, each at the edge that closes it."""
    left = {node.id for node in workflow.nodes}
    for _ in range(MAX_CYCLES):
        edges = [
            edge
            for edge in workflow.edges
            if edge.source in left and edge.target in left
        ]
        nodes = [node.id for node in workflow.nodes if node.id in left]
        pairs = ((edge.source, edge.target) for edge in edges)
        cycle = Graph.of(nodes, pairs).cycle()
        if cycle is None:
            return
        yield _cycle(cycle, edges)
        left.difference_update(cycle)


def _cycle(cycle: tuple[str, ...], edges: list[Edge]) -> Diagnostic:
    inside = set(zip(cycle, (*cycle[1:], cycle[0]), strict=True))
    # The last edge in the document is most likely the one that was just added.
    closing = [edge for edge in edges if (edge.source, edge.target) in inside][-1]
    turn = cycle.index(closing.target)
    around = list(map(quote, (*cycle[turn:], *cycle[:turn], closing.target)))
    if len(around) > MAX_LISTED:
        around[MAX_LISTED // 2 : -MAX_LISTED // 2] = ["…"]
    return report(
        Code.CYCLE,
        closing.location,
        f"the edges form a cycle: {' → '.join(around)}",
        "workflows cannot loop: use `batch` to run a node once per item",
    )


def _check_reachable(workflow: Workflow, graph: Graph[str]) -> Iterator[Diagnostic]:
    """Report the nodes that no edge leads to, but not the nodes after them."""
    reached = graph.reachable(workflow.start)
    led_to = {
        after
        for node, afters in graph.successors.items()
        if node not in reached
        for after in afters
    }
    for node in workflow.nodes:
        if node.id not in reached and node.id not in led_to:
            yield report(
                Code.UNREACHABLE_NODE,
                node.location.at("id"),
                f"{quote(node.id)} would never run: no path leads to it from "
                f"the start node, {quote(workflow.start)}",
                'add an edge to it, or set "start_node"',
            )


def _check_stdin(workflow: Workflow) -> Iterator[Diagnostic]:
    """Report inputs that would read standard input after another one has."""
    readers = [each for each in workflow.inputs if each.stdin]
    for each in readers[1:]:
        first = readers[0]
        yield report(
            Code.TWO_STDIN_INPUTS,
            each.location.at("stdin"),
            f"the input {quote(first.name)} already reads standard input",
            'set "stdin": true for one input, and pass the others with -i',
            related=(Related(first.location.at("stdin"), "the first is here"),),
        )
