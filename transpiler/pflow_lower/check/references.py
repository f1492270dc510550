"""Check that every reference is bound: its name is known, and has a value by then.

A name is an input, a node that runs before, or the item of the batch that the
reference stands in: `docs/language.md` §§ 2 and 3. Where the outputs of a node
or the type of an input are known, the rest of the path is checked as well.
"""

from collections.abc import Iterator
from typing import NamedTuple

from pflow_lower.check.semantics import Bindings
from pflow_lower.diagnostics import (
    Code,
    Diagnostic,
    Related,
    Severity,
    did_you_mean,
    quote,
    report,
    suggest,
)
from pflow_lower.ir.workflow import (
    BatchStep,
    Step,
    Value,
    templates,
)
from pflow_lower.nodetypes.catalog import ERROR_OUTPUTS, Kind
from pflow_lower.source.positions import Location
from pflow_lower.template.tree import (
    INDEX,
    PathOperand,
    Reference,
    Segment,
    is_name,
)

_CONSTANTS = {"None": "null", "True": "true", "False": "false"}
"""What Python calls the literals of JSON."""


def check_references(names: Bindings) -> tuple[Diagnostic, ...]:
    """Report every reference that would not find what it names."""
    return tuple(_Checker(names).check())


class _Site(NamedTuple):
    """Where a path stands: in what operand of what reference, and what is bound there.

    `node` is the node in whose params or items that is; None for an output.
    """

    location: Location
    node: Step | None
    bound: frozenset[str]
    reference: Reference
    operand: PathOperand

    @property
    def guarded(self) -> bool:
        """Whether another operand comes in where this one is missing."""
        return self.operand is not self.reference.operands[-1]


class _Checker:
    """Checks the references of one workflow.

    What `wiring.py` reports is not reported once more by what follows from it.
    """

    def __init__(self, names: Bindings) -> None:
        self.names = names

    def check(self) -> Iterator[Diagnostic]:
        for node in self.names.workflow.nodes:
            bound: frozenset[str] = frozenset()
            if isinstance(node, BatchStep):
                batch = node.batch
                yield from self._check_value(batch.items, node, bound)
                if batch.results_to is not None:
                    yield from self._check_value(batch.results_to, node, bound)
                bound = frozenset({batch.alias, INDEX})
                if batch.key is not None:
                    yield from self._check_value(batch.key, node, bound)
            yield from self._check_value(node.params, node, bound)
        for output in self.names.workflow.outputs:
            if output.source is not None:
                yield from self._check_value(output.source, None, frozenset())

    def _check_value(
        self, value: Value, node: Step | None, bound: frozenset[str]
    ) -> Iterator[Diagnostic]:
        for each in templates(value):
            for reference in each.template.references:
                for operand in reference.operands:
                    if isinstance(operand, PathOperand):
                        site = _Site(each.location, node, bound, reference, operand)
                        for path in operand.paths():
                            yield from self._check_path(path, site)

    def _check_path(self, path: PathOperand, site: _Site) -> Iterator[Diagnostic]:
        name = path.name
        if name in self.names.ambiguous:
            return
        if name in site.bound:
            kind: Kind = "number" if name == INDEX else "any"
            yield from _check_walk(path, site, kind, path.segments, quote(name))
        elif name in self.names.nodes:
            if not self.names.has_run(name, site.node):
                yield self._not_run_yet(path, site)
            else:
                yield from self._check_output(path, site)
        elif name in self.names.inputs:
            yield from self._check_input(path, site)
        else:
            yield self._unknown(path, site)

    def _not_run_yet(self, path: PathOperand, site: _Site) -> Diagnostic:
        assert site.node is not None
        here, there = quote(site.node.id), quote(path.name)
        hint = "refer to a node that comes before"
        there_it_is = self.names.nodes[path.name].location.at("id")
        related: tuple[Related, ...] = ()
        if path.name == site.node.id:
            message = f"{here} refers to its own outputs, which are not there yet"
        elif self.names.graph and self.names.graph.comes_before(
            site.node.id, path.name
        ):
            message = f"{there} runs after {here}: it has no outputs yet"
            hint = f"turn the edges round, or {hint}"
            related = (Related(there_it_is, "it runs later"),)
        else:
            message = f"{there} will not have run: no edges lead from it to {here}"
            hint = f"add an edge, or {hint}"
            related = (Related(there_it_is, "it does not come before"),)
        place = _place(path, site)
        return report(Code.NOT_RUN_YET, place, message, hint, related=related)

    def _unknown(self, path: PathOperand, site: _Site) -> Diagnostic:
        place = site.location.slice(path.start, path.start + len(path.name))
        if path.name in self.names.aliases:
            return self._outside(path.name, site, place)
        permissive = self.names.workflow.resolution == "permissive"
        severity = Severity.WARNING if permissive else None
        message = f"no node or input is called {quote(path.name)}"
        hint = self._hint_for_unknown(path, site)
        return report(Code.UNKNOWN_NAME, place, message, hint, severity)

    def _hint_for_unknown(self, path: PathOperand, site: _Site) -> str:
        visible = [
            *sorted(site.bound),
            *self.names.inputs,
            *(node for node in self.names.nodes if self.names.has_run(node, site.node)),
        ]
        if path.segments:
            return suggest(path.name, visible, "the names here are")
        alternative = path is site.operand and path is not site.reference.operands[0]
        if alternative and path.name in _CONSTANTS:
            return f"for the literal, write {_CONSTANTS[path.name]}"
        for owner in filter(is_name, visible):
            if owner in self.names.nodes and path.name in (
                self.names.outputs(owner) or ()
            ):
                return f"did you mean ${{{owner}.{path.name}}}?"
        if near := did_you_mean(path.name, visible):
            return near
        if alternative:
            return f'for the literal, write \\"{path.name}\\"'
        return 'declare it under "inputs", or write $$ for $ where it is plain text'

    def _outside(self, name: str, site: _Site, place: Location) -> Diagnostic:
        """Say that the item or index of a batch is used where it is not bound."""
        owner = self.names.aliases[name]
        hint = ""
        if isinstance(site.node, BatchStep) and name in (site.node.batch.alias, INDEX):
            owner = site.node
            if site.location.path[-1] == "results_to":
                hint = "the results of all items go to one file"
        elif is_name(owner.id):
            hint = f"${{{owner.id}.results}} has what came of the items"
        what = "index of an item" if name == INDEX else "item"
        owner_id = quote(owner.id)
        batch = owner.batch
        where = "params only" if batch.key is None else "params and its key only"
        message = f'"{name}" is the {what} of {owner_id}, known in its {where}'
        there = Location(batch.location.path, "key")
        if name == batch.alias and "as" in batch.keys:
            there = batch.location.at("as")
        related = (Related(there, "it belongs to this batch"),)
        return report(Code.ALIAS_OUTSIDE_BATCH, place, message, hint, related=related)

    def _check_input(self, path: PathOperand, site: _Site) -> Iterator[Diagnostic]:
        each = self.names.inputs[path.name]
        if not each.required and each.default is None and not site.guarded:
            message = f"input {quote(path.name)} is optional: it may be missing"
            hint = "give it a default"
            if path is site.operand:
                hint = f"say what to take then, ${{{path} ?? ...}}, or {hint}"
            yield report(Code.MAYBE_NOT_GIVEN, _place(path, site), message, hint)
        kind = self.names.input_kind(path.name)
        what = f"input {quote(path.name)}"
        yield from _check_walk(path, site, kind, path.segments, what)

    def _check_output(self, path: PathOperand, site: _Site) -> Iterator[Diagnostic]:
        if not path.segments:
            return
        first, *rest = path.segments
        node = self.names.nodes[path.name]
        what = f"node {quote(node.id)}"
        if not isinstance(first, str):
            message = f"{what} has outputs by name, not by index"
            yield report(Code.IMPOSSIBLE_PATH, _place(path, site), message)
            return
        outputs = self.names.outputs(node.id)
        if outputs is None:
            return
        if first in outputs:
            what = f'the output "{first}" of {what}'
            kind = outputs[first]
            yield from _check_walk(path, site, kind, tuple(rest), what)
            return
        message = f"{what} has no output {quote(first)}"
        hint = suggest(first, outputs, "it has")
        if first in ERROR_OUTPUTS:
            hint = 'a node has it only where an edge for the action "error" leaves it'
        elif isinstance(node, BatchStep) and first in (
            self.names.inner_outputs(node) or ()
        ):
            hint = f"${{{node.id}.results}} has what came of the items"
        yield report(Code.UNKNOWN_OUTPUT, _place(path, site), message, hint)


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
    by_name, hint = isinstance(segments[0], str), ""
    if kind in ("number", "boolean"):
        message = f"{what} is a {kind}: nothing is inside it"
    elif kind == "array" and by_name:
        message = f"{what} is an array: its elements have indexes, not names"
    elif kind == "object" and not by_name:
        message = f"{what} is an object: its values have names, not indexes"
    elif kind == "path":
        message = f"{what} is the path of a file: nothing is inside it"
        file = PathOperand(path.name, path.segments[: -len(segments)])
        hint = f'a batch reads that file with "items": {{"jsonl": "${{{file}}}"}}'
    else:
        return
    yield report(Code.IMPOSSIBLE_PATH, _place(path, site), message, hint)


def _place(path: PathOperand, site: _Site) -> Location:
    return site.location.slice(path.start, path.stop)
