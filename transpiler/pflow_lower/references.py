"""Check that every reference is bound: its name is known, and has a value by then.

A name is an input, a node that runs before, or the item of the batch that the
reference stands in: `docs/language.md` §§ 2 and 3. Where the outputs of a node
or the type of an input are known, the rest of the path is checked as well.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from pflow_lower.catalog import BATCH_OUTPUTS, ERROR_OUTPUTS, Catalog, Kind
from pflow_lower.diagnostics import (
    Code,
    Diagnostic,
    Severity,
    did_you_mean,
    quote,
    report,
)
from pflow_lower.graph import Graph
from pflow_lower.ir import (
    BatchStep,
    Input,
    Step,
    TemplateValue,
    Value,
    Workflow,
    templates,
)
from pflow_lower.source import Location
from pflow_lower.template import (
    LiteralOperand,
    Operand,
    PathOperand,
    Segment,
)

_INPUT_KINDS: Mapping[str, Kind] = {
    "string": "string",
    "str": "string",
    "number": "number",
    "integer": "number",
    "int": "number",
    "float": "number",
    "boolean": "boolean",
    "bool": "boolean",
    "object": "object",
    "dict": "object",
    "array": "array",
    "list": "array",
}


def check_references(workflow: Workflow, catalog: Catalog) -> tuple[Diagnostic, ...]:
    """Report every reference that would not find what it names."""
    return tuple(_Names(workflow, catalog).check())


@dataclass(frozen=True, slots=True)
class _Site:
    """Where a reference stands: in a node or an output, and what is bound there."""

    location: Location
    node: Step | None = None
    bound: frozenset[str] = field(default=frozenset())


@dataclass(frozen=True)
class _Names:
    """The names of one workflow, and what is known of them."""

    workflow: Workflow
    catalog: Catalog

    @cached_property
    def nodes(self) -> dict[str, Step]:
        return {node.id: node for node in self.workflow.nodes}

    @cached_property
    def inputs(self) -> dict[str, Input]:
        return {each.name: each for each in self.workflow.inputs}

    @cached_property
    def aliases(self) -> dict[str, str]:
        """For each name of an item, the id of a node that binds it."""
        batches = [node for node in self.workflow.nodes if isinstance(node, BatchStep)]
        names = {node.batch.alias: node.id for node in reversed(batches)}
        return names | ({"__index__": batches[0].id} if batches else {})

    @cached_property
    def graph(self) -> Graph | None:
        """The graph; None where it has a cycle, and nothing comes before anything."""
        edges = ((edge.source, edge.target) for edge in self.workflow.edges)
        graph = Graph.of(self.nodes, edges)
        return None if graph.cycle() else graph

    @cached_property
    def handled(self) -> frozenset[str]:
        """The nodes that have an `error` edge."""
        edges = self.workflow.edges
        return frozenset(edge.source for edge in edges if edge.action == "error")

    def check(self) -> Iterator[Diagnostic]:
        for node in self.workflow.nodes:
            bound: frozenset[str] = frozenset()
            if isinstance(node, BatchStep):
                place = node.batch.location.at("items")
                yield from self._check_value(node.batch.items, node, bound)
                yield from self._check_items(node.batch.items, place)
                bound = frozenset({node.batch.alias, "__index__"})
            yield from self._check_value(node.params, node, bound)
        for output in self.workflow.outputs:
            if output.source is not None:
                yield from self._check_value(output.source, None, frozenset())

    def _check_value(
        self, value: Value, node: Step | None, bound: frozenset[str]
    ) -> Iterator[Diagnostic]:
        for each in templates(value):
            site = _Site(each.location, node, bound)
            for reference in each.template.references:
                for operand in reference.operands:
                    if isinstance(operand, PathOperand):
                        guarded = operand is not reference.operands[-1]
                        for path in operand.paths():
                            yield from self._check_path(path, site, guarded)

    def _check_path(
        self, path: PathOperand, site: _Site, guarded: bool
    ) -> Iterator[Diagnostic]:
        name = path.name
        if name in site.bound:
            kind: Kind = "number" if name == "__index__" else "any"
            yield from _check_walk(path, site, kind, path.segments, quote(name))
        elif name in self.nodes:
            if not self._has_run(name, site):
                yield self._not_run_yet(path, site)
            else:
                yield from self._check_output(path, site)
        elif name in self.inputs:
            yield from self._check_input(path, site, guarded)
        else:
            yield self._unknown(path, site)

    def _has_run(self, name: str, site: _Site) -> bool:
        if site.node is None:
            return True
        if name == site.node.id:
            return False
        return self.graph is None or self.graph.comes_before(name, site.node.id)

    def _not_run_yet(self, path: PathOperand, site: _Site) -> Diagnostic:
        assert site.node is not None
        here, there = quote(site.node.id), quote(path.name)
        if path.name == site.node.id:
            message = f"{here} refers to its own outputs, which are not there yet"
            hint = ""
        elif self.graph and self.graph.comes_before(site.node.id, path.name):
            message = f"{there} runs after {here}: it has no outputs yet"
            hint = "turn the edges round, or refer to a node that comes before"
        else:
            message = f"no edges lead from {there} to {here}: it has no outputs there"
            hint = "add an edge, or refer to a node that comes before"
        return report(Code.NOT_RUN_YET, _place(path, site), message, hint)

    def _unknown(self, path: PathOperand, site: _Site) -> Diagnostic:
        name = quote(path.name)
        place = site.location.slice(path.start, path.start + len(path.name))
        if path.name in self.aliases:
            owner = quote(self.aliases[path.name])
            message = f"{name} is the item of {owner}, and bound in its params only"
            hint = f"${{{self.aliases[path.name]}.results}} has what came of the items"
            return report(Code.ALIAS_OUTSIDE_BATCH, place, message, hint)
        visible = [
            *sorted(site.bound),
            *self.inputs,
            *(node for node in self.nodes if self._has_run(node, site)),
        ]
        hint = did_you_mean(path.name, visible)
        if not hint and not self.inputs:
            hint = 'values from outside are declared under "inputs"'
        permissive = self.workflow.resolution == "permissive"
        severity = Severity.WARNING if permissive else None
        message = f"no node or input is called {name}"
        return report(Code.UNKNOWN_NAME, place, message, hint, severity)

    def _check_input(
        self, path: PathOperand, site: _Site, guarded: bool
    ) -> Iterator[Diagnostic]:
        each = self.inputs[path.name]
        if not each.required and each.default is None and not guarded:
            message = f"input {quote(path.name)} is optional and may not be given"
            hint = f"say what to take then: ${{{path} ?? ...}}, or give it a default"
            yield report(Code.MAYBE_NOT_GIVEN, _place(path, site), message, hint)
        kind = _INPUT_KINDS.get(each.type or "", "any")
        what = f"input {quote(path.name)}"
        yield from _check_walk(path, site, kind, path.segments, what)

    def _check_output(self, path: PathOperand, site: _Site) -> Iterator[Diagnostic]:
        if not path.segments:
            return
        first, *rest = path.segments
        node = self.nodes[path.name]
        what = f"node {quote(node.id)}"
        if not isinstance(first, str):
            message = f"{what} has outputs by name, not by index"
            yield report(Code.IMPOSSIBLE_PATH, _place(path, site), message)
            return
        outputs = self._outputs(node)
        if outputs is None:
            return
        if first in outputs:
            what = f'the output "{first}" of {what}'
            kind = outputs[first]
            yield from _check_walk(path, site, kind, tuple(rest), what)
            return
        message = f"{what} has no output {quote(first)}"
        hint = did_you_mean(first, outputs) or f"it has {', '.join(outputs)}"
        yield report(Code.UNKNOWN_OUTPUT, _place(path, site), message, hint)

    def _outputs(self, node: Step) -> Mapping[str, Kind] | None:
        """Give the outputs that a node may have, or None where nobody knows."""
        known = self.catalog.find(node.type)
        outputs = known.outputs if known else None
        if isinstance(node, BatchStep):
            outputs = BATCH_OUTPUTS
        if outputs is not None and node.id in self.handled:
            return {**outputs, **ERROR_OUTPUTS}
        return outputs

    def _check_items(self, items: Value, place: Location) -> Iterator[Diagnostic]:
        """Report items that are known to be no list."""
        if not isinstance(items, TemplateValue) or items.template.whole is None:
            return
        if len(items.template.whole.operands) > 1:
            return
        kind = self._kind(items.template.whole.operands[0])
        if kind in ("number", "boolean", "object"):
            message = f"the items of a batch must be an array, this is a {kind}"
            message = message.replace("a object", "an object")
            yield report(Code.ITEMS_NOT_A_LIST, place, message)

    def _kind(self, operand: Operand) -> Kind:
        """Give the kind of value that an operand is known to have."""
        match operand:
            case LiteralOperand(bool()):
                return "boolean"
            case LiteralOperand(int() | float()):
                return "number"
            case LiteralOperand(is_object=True):
                return "object"
            case PathOperand(name, ()) if name in self.inputs:
                return _INPUT_KINDS.get(self.inputs[name].type or "", "any")
            case PathOperand(name, ()) if name in self.nodes:
                return "object"
            case PathOperand(name, (str(output),)) if name in self.nodes:
                return (self._outputs(self.nodes[name]) or {}).get(output, "any")
        return "any"


def _check_walk(
    path: PathOperand,
    site: _Site,
    kind: Kind,
    segments: tuple[Segment, ...],
    what: str,
) -> Iterator[Diagnostic]:
    """Report a path that walks into a value of a kind that it cannot walk into."""
    if not segments:
        return
    by_name = isinstance(segments[0], str)
    if kind in ("number", "boolean"):
        message = f"{what} is a {kind}: nothing is inside it"
    elif kind == "array" and by_name:
        message = f"{what} is an array: its elements have indexes, not names"
    elif kind == "object" and not by_name:
        message = f"{what} is an object: its values have names, not indexes"
    else:
        return
    yield report(Code.IMPOSSIBLE_PATH, _place(path, site), message)


def _place(path: PathOperand, site: _Site) -> Location:
    return site.location.slice(path.start, path.stop)
