"""Point out what lowers without an error and may still go wrong when it runs.

Three things are looked for: an element of `results` that is null where its item
failed, an item that becomes part of a shell command, and a reference to a node
that some way through the workflow leads past. All are warnings, and none is
guesswork: for each there is a run in which it happens, if every edge is followed
at times (`docs/language.md` §§ 2 and 3).

Runs last, on a workflow that has no errors: each name is bound, and no edges
lead in a circle.
"""

from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from typing import NamedTuple

from pflow_lower.check.ways import END, Stations, Ways
from pflow_lower.diagnostics import Code, Diagnostic, Related, quote, report
from pflow_lower.ir.workflow import (
    BatchStep,
    Step,
    TemplateValue,
    Value,
    Workflow,
    templates,
)
from pflow_lower.nodetypes.catalog import BATCH_OUTPUTS, ERROR_OUTPUTS, Catalog, Kind
from pflow_lower.source.positions import Location
from pflow_lower.template.tree import Operand, PathOperand, Reference


def check_hazards(workflow: Workflow, catalog: Catalog) -> tuple[Diagnostic, ...]:
    """Warn of what may go wrong in a run."""
    sites = tuple(_sites(workflow))
    nodes = {node.id: node for node in workflow.nodes}
    return (
        *_check_elements(sites, nodes),
        *_check_commands(workflow, catalog),
        *_Branches(workflow, catalog, Ways(workflow)).check(sites),
    )


class _Site(NamedTuple):
    """A reference, and the node that it is resolved for; None for an output."""

    node: Step | None
    location: Location
    reference: Reference

    def with_fallback(self, text: str) -> str:
        """Give the reference with one more operand."""
        return f"{str(self.reference)[:-1]} ?? {text}}}"


def _sites(workflow: Workflow) -> Iterator[_Site]:
    for node in workflow.nodes:
        if isinstance(node, BatchStep):
            for value in (node.batch.items, node.batch.key, node.batch.results_to):
                if value is not None:
                    yield from _sites_in(value, node)
        yield from _sites_in(node.params, node)
    for output in workflow.outputs:
        if output.source is not None:
            yield from _sites_in(output.source, None)


def _sites_in(value: Value, node: Step | None) -> Iterator[_Site]:
    for each in templates(value):
        for reference in each.template.references:
            yield _Site(node, each.location, reference)


def _check_elements(
    sites: Iterable[_Site], nodes: Mapping[str, Step]
) -> Iterator[Diagnostic]:
    """Warn of elements of `results` that are null where an item failed."""
    for site in sites:
        for operand in site.reference.operands:
            for path in _paths(operand):
                owner = nodes.get(path.name)
                if isinstance(owner, BatchStep) and _is_element(path, owner):
                    yield from _check_element(path, owner, operand, site)


def _is_element(path: PathOperand, owner: BatchStep) -> bool:
    match path.segments:
        case ("results", int() | PathOperand(), *_):
            return owner.batch.error_handling == "continue"
    return False


def _check_element(
    path: PathOperand, owner: BatchStep, operand: Operand, site: _Site
) -> Iterator[Diagnostic]:
    walks_on = len(path.segments) > 2
    is_index = path is not operand and not walks_on
    # Null has nothing inside, which `??` makes up for; as an index it is an error.
    if operand is not site.reference.operands[-1] and not is_index:
        return
    if is_index:
        hint = 'null is no index: set "error_handling" to "fail_fast"'
    elif walks_on:
        hint = f"say what to take then, {site.with_fallback('...')}"
    else:
        hint = f"write {site.with_fallback('null')} where null will do, or see "
        hint += f"${{{path.name}.errors}} for what failed"
    yield report(
        Code.MAYBE_NULL,
        site.location.slice(path.start, path.stop),
        f"${{{PathOperand(path.name, path.segments[:2])}}} may be null: "
        f"{quote(path.name)} goes on when an item fails",
        hint,
        related=(
            Related(owner.batch.location.at("error_handling"), "this lets it go on"),
        ),
    )


def _check_commands(workflow: Workflow, catalog: Catalog) -> Iterator[Diagnostic]:
    """Warn of items that become part of a command that the shell reads."""
    if "shell" in catalog.own:
        return
    for node in workflow.nodes:
        if isinstance(node, BatchStep) and node.type == "shell":
            for name, value in node.params.entries:
                if name == "command" and isinstance(value, TemplateValue):
                    yield from _check_command(value, node.batch.alias)


def _check_command(command: TemplateValue, alias: str) -> Iterator[Diagnostic]:
    # As an index the item chooses what is run; it is not run itself.
    for reference in command.template.references:
        for operand in reference.operands:
            if isinstance(operand, PathOperand) and operand.name == alias:
                item = f"${{{operand}}}"
                yield report(
                    Code.ITEM_IN_COMMAND,
                    command.location.slice(operand.start, operand.stop),
                    f"{item} becomes part of a command: the shell runs what is in it",
                    f'use a list, ["cat", "{item}"], or set "env": '
                    f'{{"ITEM": "{item}"}} and write \\"$ITEM\\"',
                )


class _Doubt(NamedTuple):
    """A path that has no value on a way which leads past all the stations.

    `alone` tells whether the reference has nothing else to take.
    """

    site: _Site
    path: PathOperand
    stations: Stations
    alone: bool


class _Branches:
    """What a workflow with branches has run, and what not, where references stand."""

    def __init__(self, workflow: Workflow, catalog: Catalog, ways: Ways) -> None:
        self.workflow = workflow
        self.catalog = catalog
        self.ways = ways

    @cached_property
    def nodes(self) -> dict[str, Step]:
        return {node.id: node for node in self.workflow.nodes}

    @cached_property
    def optional(self) -> frozenset[str]:
        """The inputs that may be missing."""
        inputs = self.workflow.inputs
        return frozenset(
            each.name for each in inputs if not each.required and each.default is None
        )

    def check(self, sites: Iterable[_Site]) -> Iterator[Diagnostic]:
        """Warn of references to nodes that need not have run, or failed, by then."""
        if not self.ways.branches:
            return
        doubts = [doubt for site in sites for doubt in self._doubts(site)]
        bypassed = self.ways.bypassed(
            (doubt.stations, self._goal(doubt.site)) for doubt in doubts
        )
        for doubt in doubts:
            if (doubt.stations, self._goal(doubt.site)) in bypassed:
                yield self._report(doubt)

    def _goal(self, site: _Site) -> str:
        return END if site.node is None else self.ways.ran(site.node.id)

    def _doubts(self, site: _Site) -> Iterator[_Doubt]:
        """Give what the last operand needs, where none before it comes in."""
        *earlier, last = site.reference.operands
        stations: Stations = frozenset()
        for operand in earlier:
            needed = self._needs(operand)
            if needed is None:
                return
            stations |= needed
        for path in _paths(last):
            needed = self._needs(path)
            if path.name in self.nodes and needed is not None:
                yield _Doubt(site, path, stations | needed, alone=not earlier)

    def _needs(self, operand: Operand) -> Stations | None:
        """Give the stations without which an operand is missing for certain.

        None where that cannot be said, the item of a batch for instance. Of a type
        that is not known, nobody knows what a node leaves when it fails; a batch
        leaves its output in any case.
        """
        if not isinstance(operand, PathOperand):
            return None
        if operand.name in self.optional:
            return frozenset()
        node = self.nodes.get(operand.name)
        if node is None:
            return None
        is_batch = isinstance(node, BatchStep)
        known = BATCH_OUTPUTS if is_batch else self._outputs(node)
        if not operand.segments or known is None:
            return frozenset({self.ways.ran(node.id)})
        if operand.segments[0] in ERROR_OUTPUTS:
            return frozenset({self.ways.failed(node.id)})
        return frozenset(
            {self.ways.ran(node.id) if is_batch else self.ways.succeeded(node.id)}
        )

    def _outputs(self, node: Step) -> Mapping[str, Kind] | None:
        known = self.catalog.find(node.type)
        return known.outputs if known and known.is_built_in else None

    def _report(self, doubt: _Doubt) -> Diagnostic:
        site, path = doubt.site, doubt.path
        hint = f"say what to take then, {site.with_fallback('...')}"
        related: tuple[Related, ...] = ()
        if not doubt.alone:
            message = f"{site.reference} is missing on some way to {_there(site)}"
        elif self.ways.is_sure(self.ways.ran(path.name), self._goal(site)):
            message, hint = self._of_failure(path, site, hint)
            edge = self.ways.error_edges[path.name]
            related = (Related(edge.location, "followed where it fails"),)
        else:
            parting = self.ways.parting(self.ways.ran(path.name), self._goal(site))
            message = (
                f"{quote(path.name)} may not have run: "
                f"a way leads from {quote(parting)} to {_there(site)} without it"
            )
            there = self.nodes[parting].location.at("id")
            related = (Related(there, "here the ways part"),)
        place = site.location.slice(path.start, path.stop)
        return report(Code.MAYBE_NOT_RUN, place, message, hint, related=related)

    def _of_failure(self, path: PathOperand, site: _Site, hint: str) -> tuple[str, str]:
        """Give the message and the hint where a node has run but lacks an output."""
        goal, node = self._goal(site), quote(path.name)
        lacks = f'it has no "{path.segments[0]}"'
        if self.ways.is_sure(self.ways.failed(path.name), goal):
            return f"{node} has failed by then: {lacks}", (
                f"${{{path.name}.error}} says why"
            )
        if self.ways.is_sure(self.ways.succeeded(path.name), goal):
            return f"{node} has not failed by then: {lacks}", (
                'it has one where the edge for the action "error" leads'
            )
        may = "may not" if path.segments[0] in ERROR_OUTPUTS else "may"
        return f"{node} {may} have failed: {lacks} then", hint


def _there(site: _Site) -> str:
    return quote(site.node.id) if site.node else END


def _paths(operand: Operand) -> Iterator[PathOperand]:
    """Give a path and those that compute its indexes, of a literal none."""
    return operand.paths() if isinstance(operand, PathOperand) else iter(())
