"""What the names of a workflow stand for, and what is known of them before a run.

`${ls.files}` names a node, whose type says that `files` is an array; `${topic}` an
input of a declared type; `${file}` the item of a batch. Nothing is reported here.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cached_property
from itertools import chain

from pflow_lower.ir.graph import Graph
from pflow_lower.ir.sites import Site, sites
from pflow_lower.ir.workflow import BatchStep, Input, Step, Workflow
from pflow_lower.nodetypes.catalog import BATCH_OUTPUTS, ERROR_OUTPUTS, Catalog, Kind
from pflow_lower.support.values import INPUT_TYPES
from pflow_lower.template.tree import INDEX, LiteralOperand, Operand, PathOperand

_INPUT_KINDS: Mapping[type, Kind] = {
    str: "string",
    int: "number",
    bool: "boolean",
    Mapping: "object",
    Sequence: "array",
}
"""The kinds of inputs, by the first Python type of a declared type."""


class Bindings:
    """The names of one workflow."""

    def __init__(self, workflow: Workflow, catalog: Catalog) -> None:
        self.workflow = workflow
        self.catalog = catalog

    @cached_property
    def sites(self) -> tuple[Site, ...]:
        """The references, in the order of nodes and outputs."""
        return tuple(sites(self.workflow))

    @cached_property
    def nodes(self) -> dict[str, Step]:
        """The nodes, by their ids."""
        return {node.id: node for node in self.workflow.nodes}

    @cached_property
    def inputs(self) -> dict[str, Input]:
        """The inputs, by their names."""
        return {each.name: each for each in self.workflow.inputs}

    @cached_property
    def aliases(self) -> dict[str, BatchStep]:
        """For each name of an item, a node that binds it."""
        batches = [node for node in self.workflow.nodes if isinstance(node, BatchStep)]
        names = {node.batch.alias: node for node in reversed(batches)}
        return names | ({INDEX: batches[0]} if batches else {})

    @cached_property
    def ambiguous(self) -> frozenset[str]:
        """The names that stand for more than one thing."""
        names = Counter(node.id for node in self.workflow.nodes)
        names.update(self.inputs.keys())
        return frozenset(name for name, count in names.items() if count > 1)

    @cached_property
    def graph(self) -> Graph[str] | None:
        """The graph; None if it has a cycle or an edge to an unknown node."""
        edges = [(edge.source, edge.target) for edge in self.workflow.edges]
        ends = {self.workflow.start, *chain.from_iterable(edges)}
        graph = Graph.of(self.nodes, edges)
        return graph if ends <= self.nodes.keys() and not graph.cycle() else None

    @cached_property
    def reached(self) -> frozenset[str]:
        """The nodes that some path from the start leads to."""
        return self.graph.reachable(self.workflow.start) if self.graph else frozenset()

    @cached_property
    def handled(self) -> frozenset[str]:
        """The nodes that have an `error` edge."""
        edges = self.workflow.edges
        return frozenset(edge.source for edge in edges if edge.action == "error")

    def has_run(self, name: str, node: Step | None) -> bool:
        """Return whether a node may have run before `node`, or an output if None."""
        if node is None:
            return True
        here = node.id
        if name == here:
            return False
        if self.graph is None or self.graph.comes_before(name, here):
            return True
        # If a node is unreachable, an edge is missing: that is reported instead.
        missing = not {name, here} <= self.reached
        return missing and not self.graph.comes_before(here, name)

    def outputs(self, node_id: str) -> Mapping[str, Kind] | None:
        """Return the outputs that a node may have, or None if they are not known."""
        node = self.nodes[node_id]
        outputs = self.inner_outputs(node)
        if isinstance(node, BatchStep):
            outputs = BATCH_OUTPUTS
            if node.batch.results_to is not None:
                outputs = {**BATCH_OUTPUTS, "results": "path"}
        if outputs is not None and node.id in self.handled:
            return {**outputs, **ERROR_OUTPUTS}
        return outputs

    def inner_outputs(self, node: Step) -> Mapping[str, Kind] | None:
        """Return the outputs of a node's type, whether it runs once or per item."""
        known = self.catalog.find(node.type)
        return known.outputs if known else None

    def input_kind(self, name: str) -> Kind:
        """Return the kind of value that an input is declared to be."""
        declared = self.inputs[name].type
        return _INPUT_KINDS[INPUT_TYPES[declared][0]] if declared else "any"

    def kind(self, operand: Operand) -> Kind:
        """Return the kind of value that an operand is known to have."""
        match operand:
            case LiteralOperand(bool()):
                return "boolean"
            case LiteralOperand(int() | float()):
                return "number"
            case LiteralOperand(()):
                return "object" if operand.is_object else "array"
            case PathOperand(name, ()) if name in self.inputs:
                return self.input_kind(name)
            case PathOperand(name, ()) if name in self.nodes:
                return "object"
            case PathOperand(name, (str(output),)) if name in self.nodes:
                return (self.outputs(name) or {}).get(output, "any")
        return "any"
