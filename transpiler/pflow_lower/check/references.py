"""Check that every reference is bound: its name is known and has a value by then.

A name is an input, a node that runs earlier, or the item of the batch that contains
the reference: `docs/language.md` §§ 2 and 3. If the outputs of a node or the type of
an input are known, the rest of the path is checked as well.
"""

from collections.abc import Iterator

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
from pflow_lower.ir.sites import Use
from pflow_lower.ir.workflow import BatchStep
from pflow_lower.nodetypes.catalog import ERROR_OUTPUTS, Kind
from pflow_lower.source.positions import Location
from pflow_lower.template.tree import INDEX, PathOperand, Segment, is_name

_CONSTANTS = {"None": "null", "True": "true", "False": "false"}
"""The literals of JSON, by their names in Python."""


def check_references(names: Bindings) -> tuple[Diagnostic, ...]:
    """Report every reference that would not find what it names."""
    checker = _Checker(names)
    return tuple(
        diagnostic
        for site in names.sites
        for use in site.uses()
        for diagnostic in checker.check(use)
    )


class _Checker:
    """Checks the references of one workflow.

    What `wiring.py` reports is not reported again through its consequences.
    """

    def __init__(self, names: Bindings) -> None:
        self.names = names

    def check(self, use: Use) -> Iterator[Diagnostic]:
        name = use.path.name
        if name in self.names.ambiguous:
            return
        if name in use.site.bound:
            kind: Kind = "number" if name == INDEX else "any"
            yield from _check_walk(use, kind, use.path.segments, quote(name))
        elif name in self.names.nodes:
            if not self.names.has_run(name, use.site.node):
                yield self._not_run_yet(use)
            else:
                yield from self._check_output(use)
        elif name in self.names.inputs:
            yield from self._check_input(use)
        else:
            yield self._unknown(use)

    def _not_run_yet(self, use: Use) -> Diagnostic:
        assert use.site.node is not None
        name, here_id = use.path.name, use.site.node.id
        here, there = quote(here_id), quote(name)
        hint = "refer to a node that runs earlier"
        related: tuple[Related, ...] = ()
        place = self.names.nodes[name].location.at("id")
        if name == here_id:
            message = f"{here} refers to its own outputs, which do not exist yet"
        elif self.names.graph and self.names.graph.comes_before(here_id, name):
            message = f"{there} runs after {here}: it has no outputs yet"
            hint = f"reverse the edges, or {hint}"
            related = (Related(place, "it runs later"),)
        else:
            message = f"{there} will not have run: no path leads from it to {here}"
            hint = f"add an edge, or {hint}"
            related = (Related(place, f"it does not run before {here}"),)
        return report(Code.NOT_RUN_YET, use.location, message, hint, related=related)

    def _unknown(self, use: Use) -> Diagnostic:
        path = use.path
        place = use.site.location.slice(path.start, path.start + len(path.name))
        if path.name in self.names.aliases:
            return self._outside(use, place)
        permissive = self.names.workflow.resolution == "permissive"
        severity = Severity.WARNING if permissive else None
        message = f"no node or input is called {quote(path.name)}"
        hint = self._hint_for_unknown(use)
        return report(Code.UNKNOWN_NAME, place, message, hint, severity)

    def _hint_for_unknown(self, use: Use) -> str:
        path, site = use.path, use.site
        visible = [
            *sorted(site.bound),
            *self.names.inputs,
            *(node for node in self.names.nodes if self.names.has_run(node, site.node)),
        ]
        if path.segments:
            return suggest(path.name, visible, "available names:")
        is_fallback = not use.is_index and path is not site.reference.operands[0]
        if is_fallback and path.name in _CONSTANTS:
            return f"for the literal, write {_CONSTANTS[path.name]}"
        for owner in filter(is_name, visible):
            if owner in self.names.nodes and path.name in (
                self.names.outputs(owner) or ()
            ):
                return f"did you mean ${{{owner}.{path.name}}}?"
        if near := did_you_mean(path.name, visible):
            return near
        if is_fallback:
            return f'for the literal, write \\"{path.name}\\"'
        return 'declare it under "inputs", or write $$ for $ if it is plain text'

    def _outside(self, use: Use, place: Location) -> Diagnostic:
        """Report the item or index of a batch where it is not bound."""
        name, node = use.path.name, use.site.node
        owner = self.names.aliases[name]
        hint = ""
        if isinstance(node, BatchStep) and name in (node.batch.alias, INDEX):
            owner = node
            if use.site.field == "results_to":
                hint = "the results of all items go to one file"
        elif is_name(owner.id):
            hint = f"${{{owner.id}.results}} holds the results of the items"
        batch = owner.batch
        what = "index of an item" if name == INDEX else "item"
        users = "params" if batch.key is None else "params and its key"
        message = f'"{name}" is the {what} of {quote(owner.id)}: only its {users} '
        message += "can use it"
        there = Location(batch.location.path, "key")
        if name == batch.alias and "as" in batch.keys:
            there = batch.location.at("as")
        related = (Related(there, "it belongs to this batch"),)
        return report(Code.ALIAS_OUTSIDE_BATCH, place, message, hint, related=related)

    def _check_input(self, use: Use) -> Iterator[Diagnostic]:
        path = use.path
        each = self.names.inputs[path.name]
        what = f"input {quote(path.name)}"
        if not each.required and each.default is None and use.is_last:
            message = f"{what} is optional: it may be missing"
            hint = "give it a default"
            if not use.is_index:
                hint = f"add a fallback, ${{{path} ?? ...}}, or {hint}"
            yield report(Code.MAYBE_NOT_GIVEN, use.location, message, hint)
        kind = self.names.input_kind(path.name)
        yield from _check_walk(use, kind, path.segments, what)

    def _check_output(self, use: Use) -> Iterator[Diagnostic]:
        if not use.path.segments:
            return
        first, *rest = use.path.segments
        node = self.names.nodes[use.path.name]
        what = f"node {quote(node.id)}"
        if not isinstance(first, str):
            message = f"the outputs of {what} have names, not indexes"
            yield report(Code.IMPOSSIBLE_PATH, use.location, message)
            return
        outputs = self.names.outputs(node.id)
        if outputs is None:
            return
        if first in outputs:
            what = f'the output "{first}" of {what}'
            yield from _check_walk(use, outputs[first], tuple(rest), what)
            return
        message = f"{what} has no output {quote(first)}"
        hint = suggest(first, outputs, "available outputs:")
        if first in ERROR_OUTPUTS:
            hint = 'a node has it only if an edge for the action "error" leaves it'
        elif isinstance(node, BatchStep) and first in (
            self.names.inner_outputs(node) or ()
        ):
            hint = f"${{{node.id}.results}} holds the results of the items"
        yield report(Code.UNKNOWN_OUTPUT, use.location, message, hint)


def _check_walk(
    use: Use, kind: Kind, segments: tuple[Segment, ...], what: str
) -> Iterator[Diagnostic]:
    """Report a path that leads into a value that has nothing of the kind inside."""
    if not segments:
        return
    by_name, hint = isinstance(segments[0], str), ""
    if kind in ("number", "boolean"):
        message = f"{what} is a {kind}: it has no fields or elements"
    elif kind == "array" and by_name:
        message = f"{what} is an array: its elements have indexes, not names"
    elif kind == "object" and not by_name:
        message = f"{what} is an object: its values have names, not indexes"
    elif kind == "path":
        message = f"{what} is the path of a file: it has no fields or elements"
        file = PathOperand(use.path.name, use.path.segments[: -len(segments)])
        source = f'{{"jsonl": "${{{file}}}"}}'
        hint = f'to read that file in a batch, write "items": {source}'
    else:
        return
    yield report(Code.IMPOSSIBLE_PATH, use.location, message, hint)
